//! The sums of a settlement against plain arithmetic: whatever is counted, in whatever order and in however
//! many parts, each line equals the sum of its entries one by one, and is rounded once.

mod offers;
mod plain;

use std::collections::BTreeMap;

use domain::{
    event::{
        ActivityReversed, Cancelled, EntryKind, Event, Movement, Order, OrderRefunded, OrderRevised,
        OrderState, RedemptionCancelled, Share,
    },
    id::{ActivityId, ActivityRef, BadgeId, BrandId, OrderId, TierId},
    json::Json,
    number::{Currency, Fraction, Money, SignedMoney},
    programme::{self, Timeline},
    settlement::{Account, Exact, Line, LineKind, Made, Tally, reversed, round_half_even},
    time::{DayNumber, Instant},
};
use num_bigint::BigInt;
use serde_json::json;

use self::{
    offers::{Fundings, bought_offer, given_back},
    plain::plainly,
};
use crate::histories::{Verdict, chance, on_seeds};

const BRANDS: [&str; 4] = ["a", "b", "c", "d"];
const CURRENCIES: [&str; 4] = ["CNY", "JPY", "KWD", "CLF"];

/// Randomness that follows from a seed.
struct Dice {
    seed: u64,
    rolls: usize,
}

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.rolls += 1;
        chance(self.seed, self.rolls, 77) % below
    }

    fn brand(&mut self) -> BrandId {
        BRANDS[usize::try_from(self.roll(4)).unwrap()].parse().unwrap()
    }

    /// Often small, sometimes as large as a figure may be.
    fn points(&mut self) -> i64 {
        let most = [3, 1_000, (1 << 53) - 1][usize::try_from(self.roll(3)).unwrap()];
        self.roll(most).cast_signed() + 1
    }

    fn price(&mut self) -> String {
        let (whole, part) =
            ([0, 0, 1, 999_999][usize::try_from(self.roll(4)).unwrap()], self.roll(1_000_000));
        let part = [part, 5_000, 125][usize::try_from(self.roll(3)).unwrap()];
        format!("{whole}.{part:06}")
    }
}

/// Prices in millionths: by version and brand, issuing and honouring.
type Prices = BTreeMap<(u32, BrandId), (i128, i128)>;

fn timeline(dice: &mut Dice, currency: &str) -> (Timeline, Prices) {
    let mut prices = Prices::new();
    let mut versions = Vec::new();
    for version in 1..=3 {
        let brands = BRANDS.map(|id| {
            let (issue, honour) = (dice.price(), dice.price());
            let millionths = |text: &str| text.replace('.', "").parse::<i128>().unwrap();
            prices.insert((version, id.parse().unwrap()), (millionths(&issue), millionths(&honour)));
            json!({"id": id, "issue_price": issue, "honour_price": honour})
        });
        let document = json!({
            "name": "Sums", "time_zone": "UTC", "currency": currency, "brands": brands,
            "points": {"per_unit": "1"}, "growth": {"per_unit": "1"},
            "tiers": [{"id": "basic", "growth": 0}],
        });
        let document = Json::parse(document.to_string().as_bytes()).unwrap();
        versions.push(programme::read(&document, version, Instant(i64::from(version))).unwrap().into());
    }
    (Timeline::new(versions).unwrap(), prices)
}

/// An entry, and the one it takes back.
struct Counted {
    event: Event,
    version: u32,
    in_blocks: u64,
    reversed: Option<Box<Counted>>,
}

fn event(movement: Movement, kind: EntryKind) -> Event {
    let at = Instant(0);
    Event { occurred_at: at, at, today: DayNumber(0), movement, moves_expiry_to: None, kind }
}

fn share(brand: &BrandId, points: i64) -> Share {
    Share { expires_at: None, brand: brand.clone(), held_until: None, points }
}

fn order(brand: &BrandId) -> EntryKind {
    EntryKind::OrderEarned(Box::new(told(brand)))
}

fn told(brand: &BrandId) -> Order {
    let (order_id, tier) = (OrderId::of_checked("1"), TierId::of_checked("basic"));
    Order {
        brand: brand.clone(),
        order_id,
        day: DayNumber(0),
        channel: None,
        amount: Money(0),
        lines: Vec::new(),
        tier,
        version: 1,
        calculated: 0,
        granted: 0,
        growth: 0,
        lot: None,
        boosts: None,
        referral: None,
    }
}

fn counted(dice: &mut Dice) -> Counted {
    let version = u32::try_from(dice.roll(3)).unwrap() + 1;
    let (brand, from_blocks) = (dice.brand(), dice.roll(4) == 0);
    let blocks = |points: i64| if from_blocks { points.unsigned_abs() } else { 0 };
    let shares = |dice: &mut Dice, sign: i64| {
        let count = dice.roll(4) + 1;
        let shares = (0..count).map(|_| {
            let (issuer, points) = (dice.brand(), dice.points());
            share(&issuer, sign * points)
        });
        shares.collect::<Vec<_>>()
    };
    let of = |shares: Vec<Share>, debt: i64| Movement { shares, debt, ..Movement::default() };
    let plain = |event: Event| {
        let in_blocks = blocks(event.movement.points());
        Counted { event, version, in_blocks, reversed: None }
    };
    let points = dice.points();
    match dice.roll(9) {
        0 => {
            // Part of it repays debt.
            let repaid = points / 3;
            plain(event(of(vec![share(&brand, points - repaid)], -repaid), order(&brand)))
        }
        1 => {
            let earned = plain(event(of(vec![share(&brand, points)], 0), order(&brand)));
            let taken = dice.roll(points.unsigned_abs() + 1);
            let refund = OrderRefunded {
                brand: brand.clone(),
                order_id: OrderId::of_checked("1"),
                revision: 1,
                amount: SignedMoney(0),
                rest_before: Fraction::NONE,
                closes: false,
                taken,
                after: OrderState::default(),
            };
            // Other lots and debt pay for it.
            let paid = dice.roll(taken + 1).cast_signed();
            let other = dice.brand();
            let movement = of(vec![share(&other, -paid)], taken.cast_signed() - paid);
            let version = u32::try_from(dice.roll(3)).unwrap() + 1;
            let kind = match dice.roll(2) {
                0 => EntryKind::OrderRefunded(refund),
                _ => EntryKind::ActivityReversed(ActivityReversed {
                    brand,
                    activity: ActivityId::of_checked("a"),
                    reference: ActivityRef::of_checked("1"),
                    taken,
                }),
            };
            let event = event(movement, kind);
            Counted { event, version, in_blocks: 0, reversed: Some(Box::new(earned)) }
        }
        7 | 8 => revised(dice, &brand, plain(event(of(vec![share(&brand, points)], 0), order(&brand)))),
        2 => {
            let shares = shares(dice, -1);
            let kind = match dice.roll(2) {
                0 => EntryKind::PointsRedeemed { brand, order_id: OrderId::of_checked("1"), part: None },
                _ => bought_offer(&brand),
            };
            plain(event(of(shares, 0), kind))
        }
        3 => {
            let taken = shares(dice, -1);
            let drawn = taken.iter().map(|share| share.points.unsigned_abs()).sum::<u64>();
            let is_offer = dice.roll(2) == 0;
            let redeem = match is_offer {
                true => bought_offer(&brand),
                false => EntryKind::PointsRedeemed {
                    brand: brand.clone(),
                    order_id: OrderId::of_checked("1"),
                    part: None,
                },
            };
            let redeemed = plain(event(of(taken, 0), redeem));
            // All of it, or a part somewhere within.
            let before = if dice.roll(2) == 0 { 0 } else { dice.roll(drawn) };
            let rest = drawn - before;
            let points = if dice.roll(2) == 0 { rest } else { dice.roll(rest) + 1 };
            let cancelled = Cancelled { before, points, lost: 5 };
            let kind = match is_offer {
                true => given_back(&brand, cancelled),
                false => EntryKind::RedemptionCancelled(RedemptionCancelled {
                    brand,
                    redemption: domain::id::RedemptionId([0; 16]),
                    cancelled,
                }),
            };
            let version = u32::try_from(dice.roll(3)).unwrap() + 1;
            // Whatever came back.
            let event = event(of(shares(dice, 1), -3), kind);
            Counted { event, version, in_blocks: 0, reversed: Some(Box::new(redeemed)) }
        }
        4 => {
            let (sign, kind) = match dice.roll(3) {
                0 => (1, EntryKind::PointsRestored),
                _ => (-1, EntryKind::PointsExpired),
            };
            let shares = shares(dice, sign);
            plain(event(of(shares, 0), kind))
        }
        5 => {
            let kind =
                EntryKind::Adjusted { brand: brand.clone(), reason: "r".to_owned(), bill: dice.roll(2) == 0 };
            let sign = if dice.roll(2) == 0 { 1 } else { -1 };
            plain(event(of(vec![share(&brand, sign * points)], 0), kind))
        }
        _ => plain(event(
            Movement::default(),
            EntryKind::BadgeIssued { badge: BadgeId::of_checked("b"), reason: None },
        )),
    }
}

/// An order that is told anew, perhaps when its brand issues from blocks and did not before: some points are added
/// or taken, or none move.
fn revised(dice: &mut Dice, brand: &BrandId, earned: Counted) -> Counted {
    let points = dice.points();
    let (added, taken) = match dice.roll(3) {
        0 => (points.unsigned_abs(), 0),
        1 => (0, points.unsigned_abs()),
        _ => (0, 0),
    };
    let kind = EntryKind::OrderRevised(Box::new(OrderRevised {
        revision: 2,
        order: told(brand),
        counted: added,
        added,
        taken,
        remained: Money(0),
        rest_before: Fraction::NONE,
        reopens: false,
        closes: false,
        after: OrderState::default(),
    }));
    let moved = added.cast_signed() - taken.cast_signed();
    // Debt takes part of it, either way.
    let debt = moved / 3;
    let movement = Movement { shares: vec![share(brand, moved - debt)], debt: -debt, ..Movement::default() };
    let in_blocks = if dice.roll(2) == 0 { dice.roll(moved.unsigned_abs() + 1) } else { 0 };
    let version = u32::try_from(dice.roll(3)).unwrap() + 1;
    Counted { event: event(movement, kind), version, in_blocks, reversed: Some(Box::new(earned)) }
}

fn made(counted: &Counted) -> Made<'_> {
    Made { event: &counted.event, version: counted.version, in_blocks: counted.in_blocks }
}

fn count(tally: &mut Tally, programmes: &Timeline, counted: &Counted) {
    let of = reversed(&counted.event).and(counted.reversed.as_deref()).map(made);
    tally.count(programmes, made(counted), of).unwrap();
}

/// All that a seed's history counts.
struct History {
    currency: Currency,
    programmes: Timeline,
    entries: Vec<Counted>,
    bought: Vec<(BrandId, u64)>,
    fundings: Fundings,
    uses: Vec<Event>,
}

impl History {
    /// Whole and in order.
    fn whole(&self) -> Tally {
        let mut whole = Tally::default();
        self.entries.iter().for_each(|counted| count(&mut whole, &self.programmes, counted));
        self.bought.iter().for_each(|(brand, price)| whole.buy(brand, Money(*price), self.currency));
        self.uses.iter().for_each(|event| offers::count(&mut whole, &self.fundings, event));
        whole.share();
        whole
    }

    /// In parts, in another order, merged in another order.
    fn in_parts(&self, dice: &mut Dice) -> Tally {
        let mut parts: Vec<Tally> = (0..5).map(|_| Tally::default()).collect();
        let mut any = || usize::try_from(dice.roll(5)).unwrap();
        for counted in self.entries.iter().rev() {
            count(&mut parts[any()], &self.programmes, counted);
        }
        for (brand, price) in self.bought.iter().rev() {
            parts[any()].buy(brand, Money(*price), self.currency);
        }
        for event in self.uses.iter().rev() {
            offers::count(&mut parts[any()], &self.fundings, event);
        }
        // Some of them have noted already what their pairs bear.
        parts[3..].iter_mut().for_each(Tally::share);
        let (mut merged, mut noted) = (Tally::default(), Tally::default());
        parts[..3].iter().rev().for_each(|part| merged.merge(part));
        merged.share();
        parts[3..].iter().rev().for_each(|part| noted.merge(part));
        merged.merge(&noted);
        merged
    }
}

/// A line's points and value as it says them, and of how much value the minor unit is.
fn figures(line: &Line, currency: Currency) -> (BigInt, BigInt, BigInt) {
    match line.exact {
        Exact::Points(sum) => {
            (sum.points.into(), sum.millionths.into(), BigInt::from(10).pow(6 - currency.digits))
        }
        Exact::Given(given) => (BigInt::ZERO, given.millionths.into(), BigInt::from(1_000_000)),
    }
}

fn check(seed: u64) -> Verdict {
    let mut dice = Dice { seed, rolls: 0 };
    let currency = Currency::of(CURRENCIES[usize::try_from(dice.roll(4)).unwrap()]).unwrap();
    let (programmes, prices) = timeline(&mut dice, std::str::from_utf8(&currency.code).unwrap());
    let entries: Vec<Counted> = (0..dice.roll(60)).map(|_| counted(&mut dice)).collect();
    let bought: Vec<(BrandId, u64)> = (0..dice.roll(4)).map(|_| (dice.brand(), dice.roll(1 << 50))).collect();
    let fundings = offers::fundings(&mut dice);
    let uses: Vec<Event> = (0..dice.roll(40)).map(|_| offers::used(&mut dice)).collect();
    let history = History { currency, programmes, entries, bought, fundings, uses };
    let (whole, merged) = (history.whole(), history.in_parts(&mut dice));

    let mut lines = plainly(&prices, &history.entries, &history.bought, currency.digits);
    lines.extend(offers::plainly(&history.fundings, &history.uses));
    let mut given = BigInt::ZERO;
    for brand in BRANDS.map(BrandId::of_checked) {
        let account = Account::of(&whole, &brand, currency);
        if Account::of(&merged, &brand, currency) != account {
            return Err(format!("{brand}: in parts it comes to something else"));
        }
        let mut balance = 0;
        for line in &account.lines {
            let plain = lines.remove(&(brand.clone(), line.kind.clone())).unwrap_or_default();
            let (points, value, unit) = figures(line, currency);
            if (&points, &value) != (&plain.0, &plain.1) {
                return Err(format!("{brand}: {line:?}, plainly {} and {}", plain.0, plain.1));
            }
            // Within half a minor unit, and even where it is exactly that.
            let off = BigInt::from(line.amount.0) * &unit - &value;
            let twice = BigInt::from(off.magnitude().clone()) * 2;
            if twice > unit || (twice == unit && line.amount.0 % 2 != 0) {
                return Err(format!("{brand}: {line:?} is rounded wrong"));
            }
            balance += match line.kind {
                LineKind::Issued | LineKind::BlockBought | LineKind::OffersBorne(_) => -line.amount.0,
                LineKind::Honoured(_) | LineKind::OffersUsed(_) => line.amount.0,
                LineKind::Expired | LineKind::OffersOwn => 0,
            };
            if let LineKind::OffersOwn | LineKind::OffersUsed(_) = line.kind {
                given += value;
            }
        }
        if account.balance().0 != balance {
            return Err(format!("{brand}: a balance of {:?} and lines of {balance}", account.balance()));
        }
    }
    // Every pair once, in the account of the brand where it was used: all that was given, and nothing else.
    let plain = offers::given_in_all(&history.uses);
    if given != plain {
        return Err(format!("all pairs bear {given}, and {plain} was given"));
    }
    match lines.is_empty() {
        true => Ok(()),
        false => Err(format!("not counted: {lines:?}")),
    }
}

#[test]
fn sums_are_what_plain_arithmetic_says() {
    on_seeds(400, check);
}

/// Rounding by its definition, over all small values and divisors.
#[test]
fn rounding_is_to_the_nearest_and_at_a_half_to_the_even() {
    for divisor in [1, 2, 3, 4, 10, 100] {
        for value in -500_i128..=500 {
            let got = round_half_even(value, divisor);
            let near =
                (-501..=501_i128).min_by_key(|near| ((near * divisor - value).abs(), near.rem_euclid(2)));
            assert_eq!(Some(got), near, "{value} / {divisor}");
        }
    }
}
