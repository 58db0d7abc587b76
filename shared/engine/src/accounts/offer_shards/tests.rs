use domain::{json::Json, number::Figure, offer, programme};

use super::*;
use crate::store::records::OfferHold;

const NOW: Instant = Instant(1_900_000_000_000);
const TODAY: DayNumber = DayNumber(7);
const MINUTE: i64 = 60_000;

/// An account without a store: each step that a command takes is one commit.
struct Account {
    offer: Offer,
    pool: OfferAccountRecord,
    shards: Vec<OfferAccountRecord>,
    /// How many allotments were given, what was taken at the pool, and how often a shard was gathered.
    allotted: u64,
    at_pool: u64,
    gathered: u64,
}

/// What a command takes, and for how long it is only set aside.
#[derive(Clone, Copy, Debug)]
struct Take {
    need: Need,
    place: u8,
    held: Option<i64>,
    now: Instant,
    today: DayNumber,
}

fn offer(text: &str) -> Offer {
    let read = |text: &str| Json::parse(text.as_bytes()).unwrap();
    let programme = programme::read(&read(PROGRAMME), 1, Instant(0)).unwrap();
    offer::read(&read(text), &"c".parse().unwrap(), 1, &programme).unwrap()
}

impl Account {
    fn new(offer: Offer) -> Account {
        Account {
            offer,
            pool: OfferAccountRecord::default(),
            shards: vec![OfferAccountRecord::default(); 32],
            allotted: 0,
            at_pool: 0,
            gathered: 0,
        }
    }

    fn whole(&self) -> Whole<'_> {
        Whole { pool: &self.pool, shards: self.shards.iter().collect() }
    }

    /// Takes it where the rules say; returns where, if it is not too little.
    fn take(&mut self, take: Take) -> Option<u8> {
        let bounds = Bounds::of(&self.offer, take.need, (take.now, take.today));
        let index = usize::from(take.place);
        for _ in 0..100 {
            if !bounds.any() || bounds.fit(&self.shards[index]) {
                self.count(take.place, take);
                return Some(take.place);
            }
            match bounds.step(&self.whole(), take.place) {
                Step::Allot(after) => {
                    (self.pool, self.shards[index]) = *after;
                    self.allotted += 1;
                }
                Step::Gather(these) => self.gather(&bounds, &these),
                Step::Pool => {
                    let [issued, issued_today, uses, uses_today, spent] = bounds.left_of_pool(&self.whole());
                    let enough = |left: Option<u64>, need: u64| left.is_none_or(|left| left >= need);
                    let Need { issued: pieces, uses: used, amount } = take.need;
                    let is_left = enough(issued, pieces)
                        && enough(issued_today, pieces)
                        && enough(uses, used)
                        && enough(uses_today, used)
                        && enough(spent, amount.0);
                    if !is_left {
                        return None;
                    }
                    self.count(u8::MAX, take);
                    self.at_pool += 1;
                    return Some(u8::MAX);
                }
            }
        }
        panic!("{take:?} never settles");
    }

    fn gather(&mut self, bounds: &Bounds, these: &[usize]) {
        for &index in these {
            let is_there = self.pool.out & bit(index) != 0 || bounds.has_lapsed(&self.shards[index]);
            assert!(is_there, "there is something to gather at {index}");
            self.pool = bounds.pool_gathered(&self.pool, index, these.len() > 1);
            self.shards[index] = bounds.gathered(&self.shards[index]);
            self.gathered += 1;
        }
    }

    fn record(&mut self, place: u8) -> &mut OfferAccountRecord {
        match place {
            u8::MAX => &mut self.pool,
            place => &mut self.shards[usize::from(place)],
        }
    }

    fn count(&mut self, place: u8, take: Take) {
        let Take { need, held, now, today, .. } = take;
        let record = self.record(place);
        record.holds.retain(|hold| hold.counts(now));
        if let Some(minute) = held {
            record.holds.push(OfferHold { minute, day: today, uses: need.uses, amount: need.amount });
            return;
        }
        record.issued += i64::try_from(need.issued).unwrap();
        record.used += i64::try_from(need.uses).unwrap();
        record.spent.0 += i128::from(need.amount.0);
        let (mut day, others) = (record.day(today), record.days.iter().filter(|own| own.day != today));
        day.issued += i64::try_from(need.issued).unwrap();
        day.used += i64::try_from(need.uses).unwrap();
        record.days = others.copied().chain([day]).collect();
        record.days.sort_by_key(|day| day.day);
    }

    /// What is counted in all: uses and what is held of them by that clock.
    fn used(&self, now: Instant) -> i64 {
        let all = self.shards.iter().chain([&self.pool]);
        all.map(|record| {
            let held = record.holds.iter().filter(|hold| hold.counts(now)).map(|hold| hold.uses).sum::<u64>();
            record.used + i64::try_from(held).unwrap()
        })
        .sum()
    }
}

const PROGRAMME: &str = r#"{"name":"Club","time_zone":"Asia/Shanghai","currency":"CNY","brands":[{"id":"acme"}],"tiers":[{"id":"basic","growth":0}],"points":{"per_unit":"1"},"growth":{"per_unit":"1"}}"#;
const LIMITED: &str = r#"{"brand":"acme","name":{"zh":"券","en":"Coupon"},"gives":{"discount":{"amount":"1.00"}},"how":"code","word":"COUPON","uses":{"total":10000}}"#;

fn take(uses: u64, place: u8) -> Take {
    Take { need: Need { uses, ..Need::default() }, place, held: None, now: NOW, today: TODAY }
}

#[test]
fn a_shard_takes_by_itself_as_long_as_much_is_left_and_then_the_pool() {
    let mut account = Account::new(offer(LIMITED));
    let places: Vec<Option<u8>> =
        (0..10_001_u32).map(|number| account.take(take(1, u8::try_from(number % 32).unwrap()))).collect();
    assert_eq!(places.iter().filter(|place| place.is_some()).count(), 10_000, "each use once, and no more");
    assert_eq!(places.last(), Some(&None));
    let at_pool = places.iter().filter(|place| **place == Some(u8::MAX)).count();
    // The last 128, which leave no shard a part.
    assert!(at_pool < 200, "{at_pool} of 10,000 are taken at the pool");
    assert!(places[..9_000].iter().all(|place| *place != Some(u8::MAX)));
}

/// The table of docs/AWS.md: how often uses of one piece, at shards in turn, write the pool until a limit is reached.
#[test]
fn the_pool_is_written_seldom_as_long_as_much_is_left() {
    for (total, allotted, at_pool, gathered) in [
        (100, 0, 100, 0),
        (1_000, 328, 127, 0),
        (10_000, 629, 127, 0),
        (100_000, 923, 127, 0),
        (1_000_000, 1_217, 127, 0),
    ] {
        let mut account = Account::new(offer(LIMITED));
        account.offer.uses.total = Figure::of(total);
        for number in 0..total {
            let place = u8::try_from(number % 32).unwrap();
            assert!(account.take(take(1, place)).is_some(), "{number} of {total}");
        }
        assert_eq!(account.take(take(1, 0)), None, "{total}");
        assert_eq!(
            (account.allotted, account.at_pool, account.gathered),
            (allotted, at_pool, gathered),
            "{total}"
        );
    }
}

#[test]
fn what_comes_back_to_a_shard_is_taken_there_again() {
    let mut account = Account::new(offer(LIMITED));
    assert_eq!(account.take(take(50, 3)), Some(3));
    account.shards[3].used -= 50;
    for _ in 0..10_000 {
        assert!(account.take(take(1, 4)).is_some());
    }
    assert_eq!((account.take(take(1, 3)), account.used(NOW)), (None, 10_000));
}

#[test]
fn what_an_older_version_allotted_comes_back_first() {
    let mut account = Account::new(offer(LIMITED));
    assert_eq!(account.take(take(1, 0)), Some(0));
    let allotted = account.shards[0].allotted.unwrap();
    assert_eq!((allotted.used, account.pool.out), (78, 1), "a part of 10,000");
    account.offer.version = 2;
    account.offer.uses.total = Figure::of(10);
    let taken = (0..20).filter(|number| account.take(take(1, *number)).is_some()).count();
    assert_eq!((taken, account.used(NOW), account.pool.out), (9, 10, 0));
}

#[test]
fn a_limit_counts_what_was_taken_before_it_was_set() {
    let mut account = Account::new(offer(LIMITED));
    account.offer.uses.total = None;
    for place in 0..32 {
        assert_eq!(account.take(take(100, place)), Some(place));
    }
    account.offer.version = 2;
    account.offer.uses.total = Figure::of(3_201);
    assert_eq!(account.take(take(2, 0)), None);
    assert_eq!((account.take(take(1, 0)), account.take(take(1, 1))), (Some(u8::MAX), None));
}

#[test]
fn a_day_has_its_own_allotments() {
    let mut account = Account::new(offer(LIMITED));
    account.offer.uses.total = None;
    account.offer.uses.per_day = Figure::of(1_000);
    for (today, want) in [(7, 1_000), (8, 1_000), (7, 0), (8, 0)] {
        let today = DayNumber(today);
        let done = (0..1_200_u32).filter(|number| {
            let place = u8::try_from(number % 32).unwrap();
            account.take(Take { today, ..take(1, place) }).is_some()
        });
        assert_eq!(done.count(), want, "{today:?}");
    }
}

/// Whoever takes at the pool what a lapsed hold leaves has written so where it was held.
#[test]
fn what_has_lapsed_is_gone_before_it_is_taken_at_the_pool() {
    let mut account = Account::new(offer(LIMITED));
    let minute = NOW.0 / MINUTE;
    assert_eq!(account.take(Take { held: Some(minute), ..take(70, 5) }), Some(5));
    account.offer.version = 2;
    account.offer.uses.total = Figure::of(70);
    assert_eq!(account.take(take(1, 6)), None, "it is held");
    let later = Take { now: NOW.plus_millis(2 * MINUTE), ..take(70, 6) };
    assert_eq!(account.take(later), Some(u8::MAX));
    assert!(account.shards[5].holds.is_empty());
}

/// What comes back to a shard that counted little of it is below 0 there, also of what nothing bounds.
#[test]
fn a_shard_to_which_more_came_back_than_it_counted_goes_on() {
    let mut account = Account::new(offer(LIMITED));
    assert_eq!(account.take(take(1, 3)), Some(3));
    account.shards[3].used -= 100;
    account.shards[3].spent = SignedMoney(-500);
    for _ in 0..100 {
        assert_eq!(account.take(take(1, 3)), Some(3));
    }
}

/// Whoever comes back late for what was held at the pool finds it gone, once others have what it leaves as their parts.
#[test]
fn what_has_lapsed_at_the_pool_is_gone_before_it_is_allotted() {
    let mut account = Account::new(offer(LIMITED));
    let minute = NOW.0 / MINUTE;
    assert_eq!(account.take(Take { held: Some(minute), ..take(3_000, 5) }), Some(u8::MAX));
    let later = Take { now: NOW.plus_millis(2 * MINUTE), ..take(1, 6) };
    assert_eq!(account.take(later), Some(6));
    assert!(account.pool.holds.is_empty());
}

/// Where all uses are gone, who asks for one takes no stock back from those who claim.
#[test]
fn nothing_is_gathered_where_it_brings_nothing() {
    let mut account = Account::new(offer(LIMITED));
    account.offer.stock.total = Figure::of(10_000);
    let claim = Take { need: Need { issued: 1, ..Need::default() }, ..take(0, 4) };
    for _ in 0..10_000 {
        assert!(account.take(take(1, 3)).is_some());
    }
    assert_eq!(account.take(take(1, 3)), None);
    let gathered = account.gathered;
    assert_eq!(account.take(claim), Some(4));
    assert_eq!(account.take(take(1, 3)), None);
    assert_eq!((account.gathered, account.take(claim)), (gathered, Some(4)));
}

/// An order of yesterday is counted without a change of what is allotted of today.
#[test]
fn a_day_that_is_over_takes_nothing_from_the_next() {
    let mut account = Account::new(offer(LIMITED));
    account.offer.uses.per_day = Figure::of(1_000);
    assert_eq!(account.take(Take { today: DayNumber(8), ..take(1, 3) }), Some(3));
    let allotted = account.shards[3].allotted;
    assert_eq!(account.take(take(1, 3)), Some(u8::MAX));
    assert_eq!(account.shards[3].allotted, allotted);
}

/// A small generator: the tests need no other.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Random takes, holds, returns and versions: by no clock is more used than the highest limit so far, and nothing that is left
/// is refused.
#[test]
fn nobody_passes_a_limit_and_nothing_is_lost() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut account = Account::new(offer(LIMITED));
        let mut limit = [5, 100, 3_000, 50_000][usize::try_from(dice.below(4)).unwrap()];
        account.offer.uses.total = Figure::of(limit);
        let mut now = NOW;
        for _ in 0..200 {
            now = now.plus_millis(i64::try_from(dice.below(30_000)).unwrap());
            let place = u8::try_from(dice.below(32)).unwrap();
            match dice.below(20) {
                0 => {
                    account.offer.version += 1;
                    limit = limit.max(account.used(now).unsigned_abs()) + dice.below(50);
                    account.offer.uses.total = Figure::of(limit);
                }
                1..4 => {
                    let record = account.record(place);
                    // As a return is: to a shard with an allotment, else to the pool.
                    let back = record.used.clamp(0, 3);
                    let place = if record.allotted.is_some() { place } else { u8::MAX };
                    if place != u8::MAX || back == 0 {
                        account.record(place).used -= back;
                    }
                }
                kind => {
                    let uses = 1 + dice.below(1 + limit / 10);
                    let ahead = i64::try_from(dice.below(5)).unwrap();
                    let held = (kind < 8).then_some(now.0 / MINUTE + ahead);
                    let left = i64::try_from(limit).unwrap() - account.used(now);
                    let done = account.take(Take { held, now, ..take(uses, place) });
                    let want = left >= i64::try_from(uses).unwrap();
                    assert_eq!(done.is_some(), want, "seed {seed}: {uses} of {left}");
                }
            }
            assert!(account.used(now) <= i64::try_from(limit).unwrap(), "seed {seed}: {}", account.used(now));
        }
    }
}
