//! The state machine compared with the simplest model: one counter for each limit. Histories of commands,
//! refunds, days, versions of the programme and closed months, by instances of which one may be behind, each
//! broken off at any commit.

use std::collections::BTreeMap;

use domain::{programme::Way, time::DayNumber};

use super::*;

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// What has been used, counted plainly.
#[derive(Default)]
struct Model {
    /// By meter and the number of its day or month.
    used: [BTreeMap<i32, u64>; 4],
    /// Points left by block.
    blocks: BTreeMap<u32, u64>,
    /// What is open on credit, by month.
    open: BTreeMap<i32, i128>,
    /// Balances of closed months that are not paid.
    closed: BTreeMap<i32, i128>,
}

/// Something that was issued and may be taken back.
struct Order {
    drawn: Points,
    points: u64,
    taken: u64,
    on_credit: bool,
}

struct World {
    dice: Dice,
    /// By version, from 1.
    terms: Vec<Terms>,
    pool: Pool,
    shards: Vec<Shard>,
    model: Model,
    today: i32,
    orders: Vec<Order>,
    /// What happened, to check that the histories cover everything.
    seen: BTreeMap<&'static str, u32>,
}

const PRICE: i128 = 250;

fn moment(day: i32) -> Moment {
    Moment { day: DayNumber(day), month: day / 10 }
}

fn terms(dice: &mut Dice) -> Terms {
    let size = [20, 300, 5_000, 80_000][dice.below(4) as usize];
    let mut cap = |often: u64| dice.percent(often).then(|| dice.below(size));
    let caps = [cap(70), cap(50).map(|cap| 3 * cap), cap(40), cap(30)];
    let prepaid = dice.percent(30);
    let credit = (!prepaid && dice.percent(50)).then(|| Amount(i128::from(dice.below(3 * size)) * PRICE));
    Terms { caps, prepaid, credit }
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let first = terms(&mut dice);
        World {
            dice,
            terms: vec![first],
            pool: Pool::default(),
            shards: vec![Shard::default(); usize::from(SHARDS)],
            model: Model::default(),
            today: 100,
            orders: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn terms_of(&self, version: u32) -> Terms {
        version.checked_sub(1).map_or(Terms::default(), |index| self.terms[index as usize])
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Whether the current instance breaks off here.
    fn breaks_off(&mut self) -> bool {
        let breaks = self.dice.percent(4);
        if breaks {
            self.saw("broken off");
        }
        breaks
    }

    /// Writes the pool as it has become.
    fn write_pool(&mut self, pool: Pool) {
        let (former, next) = (self.terms_of(self.pool.version), self.terms_of(pool.version));
        for meter in 0..4 {
            // A limit counts from when it is in force.
            if former.caps[meter].is_none() || next.caps[meter].is_none() {
                self.model.used[meter].clear();
            }
        }
        if former != next {
            self.saw("new terms");
        }
        self.pool = pool;
    }

    /// One command of an instance that knows the programme up to `version`; returns what it drew from blocks,
    /// if it succeeded.
    fn spend(&mut self, version: u32, at: Moment, index: u8, need: Need) -> Option<Points> {
        let terms = self.terms_of(version);
        let place = usize::from(index);
        for _ in 0..200 {
            let stamps = [self.shards[place].version, self.pool.version];
            if stamps.iter().any(|stamp| *stamp > version) {
                self.saw("behind");
                return None;
            }
            if self.terms_of(self.shards[place].version) == terms
                && let Some((after, blocks)) = self.shards[place].pay(&terms, at, need)
            {
                let paid = after.stock.clone();
                self.shards[place] = after;
                self.saw("shard paid");
                self.note(&terms, at, need, &paid, &blocks);
                return Some(blocks);
            }
            let former = self.terms_of(self.pool.version);
            let rules = Rules { version, terms: &terms, former: &former };
            match self.pool.step(rules, at, need, index, &self.shards[place]) {
                Step::Draw(pool, shard) => {
                    self.saw("drawn");
                    assert!(!self.pool.gathering, "drawn while allotments come back");
                    self.write_pool(pool);
                    self.shards[place] = shard;
                }
                Step::Direct(pool, blocks) => {
                    self.saw("pool paid");
                    let paid = pool.stock.clone();
                    self.write_pool(pool);
                    self.note(&terms, at, need, &paid, &blocks);
                    return Some(blocks);
                }
                Step::Gather => self.gather(),
                Step::Refused(lack) => {
                    self.saw("refused");
                    self.check_refusal(&rules, at, need, lack);
                    return None;
                }
            }
            if self.breaks_off() {
                return None;
            }
        }
        panic!("it does not come to an end");
    }

    /// One pass over the shards, broken off anywhere.
    fn gather(&mut self) {
        let holders: Vec<u8> = self.pool.holders().collect();
        assert!(!holders.is_empty(), "nothing to gather");
        for index in holders {
            let mut pool = self.pool.clone();
            let place = usize::from(index);
            pool.collect(index, &self.shards[place]);
            self.write_pool(pool);
            self.shards[place] = Shard::default();
            self.saw("collected");
            if self.breaks_off() {
                return;
            }
        }
    }

    /// Counts what was paid in the window that it was taken from.
    fn note(&mut self, terms: &Terms, at: Moment, need: Need, paid: &Stock, blocks: &Points) {
        for (meter, used) in self.model.used.iter_mut().enumerate() {
            let (wanted, cap) = (need.of_meter(meter), terms.caps[meter]);
            let (Some(window), Some(cap), true) = (paid.windows[meter], cap, wanted > 0) else {
                continue;
            };
            assert!(window.number >= at.window(meter), "counted in the past");
            let sum = used.entry(window.number).or_default();
            *sum += wanted;
            assert!(*sum <= cap, "{sum} of {cap} used");
        }
        if terms.prepaid {
            assert_eq!(blocks.iter().map(|(_, points)| points).sum::<u64>(), need.issue);
            assert!(blocks.is_sorted());
            for (number, points) in blocks {
                *self.model.blocks.get_mut(number).unwrap() -= points;
            }
        } else if let Some(credit) = terms.credit {
            *self.model.open.entry(at.month).or_default() += need.cost.0;
            assert!(need.cost.0 == 0 || self.owed() <= credit.0, "{} of {credit:?} owed", self.owed());
        }
    }

    fn owed(&self) -> i128 {
        self.model.open.values().chain(self.model.closed.values()).sum()
    }

    /// A refusal is true, and says what is left.
    fn check_refusal(&self, rules: &Rules<'_>, at: Moment, need: Need, lack: Lack) {
        assert_eq!(self.pool.out, 0, "refused while something is out");
        match lack {
            Lack::Meter(meter, left) => {
                let counted = self.terms_of(self.pool.version).caps[meter].is_some();
                let number = self.pool.stock.windows[meter].map_or(0, |window| window.number);
                let number = number.max(at.window(meter));
                let used = self.model.used[meter].get(&number).copied().unwrap_or(0);
                let used = if counted { used } else { 0 };
                assert_eq!(left, rules.terms.caps[meter].unwrap().saturating_sub(used));
                assert!(left < need.of_meter(meter));
            }
            Lack::Blocks(left) => {
                assert_eq!(left, self.model.blocks.values().sum::<u64>());
                assert!(left < need.issue);
            }
            Lack::Credit(left) => {
                assert_eq!(left.0, (rules.terms.credit.unwrap().0 - self.owed()).max(0));
                assert!(left < need.cost);
            }
        }
    }

    fn refund(&mut self, version: u32, at: Moment, index: u8) {
        if self.orders.is_empty() {
            return;
        }
        let chosen = self.dice.below(self.orders.len() as u64) as usize;
        let order = &self.orders[chosen];
        let after = order.taken + 1 + self.dice.0 % 5 % (order.points - order.taken).max(1);
        let after = after.min(order.points);
        let terms = self.terms_of(version);
        let mut back = Back::of(&order.drawn, order.taken, after, None);
        let drawn: u64 = back.blocks.iter().map(|(_, points)| points).sum();
        let billed = order.on_credit && terms.credit.is_some();
        back.cost = Amount(if billed { i128::from(after - order.taken - drawn) * PRICE } else { 0 });
        for _ in 0..200 {
            let shard = &self.shards[usize::from(index)];
            if [shard.version, self.pool.version].iter().any(|stamp| *stamp > version) {
                return;
            }
            let given = shard.returned(&terms, at, &back).filter(|_| self.terms_of(shard.version) == terms);
            let former = self.terms_of(self.pool.version);
            let rules = Rules { version, terms: &terms, former: &former };
            match given {
                Some(shard) => self.shards[usize::from(index)] = shard,
                None => match self.pool.returned(rules, at, &back) {
                    Some(pool) => self.write_pool(pool),
                    None => {
                        self.gather();
                        continue;
                    }
                },
            }
            self.saw("given back");
            self.orders[chosen].taken = after;
            for (number, points) in &back.blocks {
                *self.model.blocks.get_mut(number).unwrap() += points;
            }
            *self.model.open.entry(at.month).or_default() -= back.cost.0;
            return;
        }
        panic!("it does not come to an end");
    }

    /// Closes a month that is over, or pays one.
    fn settle(&mut self) {
        let month = moment(self.today).month - 1;
        if self.dice.percent(50) {
            let noted = |shard: &Shard| shard.stock.open.iter().find(|(own, _)| *own == month).copied();
            for place in 0..self.shards.len() {
                if let Some((_, open)) = noted(&self.shards[place]) {
                    add_amount(&mut self.pool.stock.open, month, open);
                    self.shards[place].stock.open.retain(|(own, _)| *own != month);
                }
            }
            let balance = i128::from(self.dice.below(2_000)) * PRICE - 500_000;
            let known = self.pool.closed.iter().any(|(closed, _)| *closed == month);
            self.pool.close(month, Amount(balance));
            if !known {
                self.saw("closed");
                self.model.open.remove(&month);
                self.model.closed.insert(month, balance);
            }
        } else {
            self.saw("paid");
            self.pool.settle(month);
            self.model.closed.remove(&month);
        }
    }

    fn step(&mut self) {
        let newest = self.terms.len() as u32;
        let version = newest - u32::from(newest > 1 && self.dice.percent(5));
        // Clocks that differ: yesterday's commands come today.
        let late = i32::from(self.dice.percent(3));
        let at = moment(self.today - late);
        // A few members do most, so that shards are used again.
        let most = if self.dice.percent(50) { 3 } else { u64::from(SHARDS) };
        let index = self.dice.below(most) as u8;
        let size = [3, 3, 40, 900][self.dice.below(4) as usize];
        let points = 1 + self.dice.below(size);
        match self.dice.below(100) {
            0..50 => {
                let cost = Amount(i128::from(points) * PRICE);
                let need = Need { issue: points, redeem: 0, cost };
                let terms = self.terms_of(version);
                if terms.counts(Way::Issue)
                    && let Some(drawn) = self.spend(version, at, index, need)
                {
                    let on_credit = terms.credit.is_some();
                    self.orders.push(Order { drawn, points, taken: 0, on_credit });
                }
            }
            50..70 => {
                let need = Need { redeem: points, ..Need::default() };
                if self.terms_of(version).counts(Way::Redeem) {
                    self.spend(version, at, index, need);
                }
            }
            70..84 => self.refund(version, at, index),
            84..90 => self.today += 1,
            90..94 => {
                let bought = 1 + self.dice.below(4_000);
                let number = self.pool.add_block(bought);
                self.model.blocks.insert(number, bought);
            }
            94..96 => {
                let next = if self.dice.percent(30) { self.terms[0] } else { terms(&mut self.dice) };
                self.terms.push(next);
            }
            _ => self.settle(),
        }
    }

    /// What is left everywhere and what has been used add up to what there was.
    fn check(&self) {
        let terms = self.terms_of(self.pool.version);
        let mut whole = self.pool.stock.clone();
        for (index, shard) in self.shards.iter().enumerate() {
            let out = self.pool.out & (1 << index) != 0;
            assert!(out || *shard == Shard::default(), "shard {index} holds what nobody looks for");
            whole.merge(&shard.stock);
        }
        for meter in 0..4 {
            let Some((window, cap)) = whole.windows[meter].zip(terms.caps[meter]) else {
                continue;
            };
            let used = self.model.used[meter].get(&window.number).copied().unwrap_or(0);
            assert_eq!(window.left, cap as i64 - used as i64, "meter {meter}");
        }
        let blocks: BTreeMap<u32, u64> = whole.blocks.iter().copied().collect();
        let model = self.model.blocks.iter().filter(|(_, points)| **points > 0);
        assert_eq!(blocks, model.map(|(number, points)| (*number, *points)).collect());
        if let Some(credit) = terms.credit {
            assert_eq!(whole.credit.0, credit.0 - self.owed());
        }
        assert!(!self.pool.gathering || self.pool.out != 0, "gathers nothing");
    }
}

#[test]
fn nothing_is_passed_and_nothing_is_lost() {
    let mut seen: BTreeMap<&'static str, u32> = BTreeMap::new();
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step();
            world.check();
        }
        for (what, times) in world.seen {
            *seen.entry(what).or_default() += times;
        }
    }
    let all = [
        "behind",
        "broken off",
        "closed",
        "collected",
        "drawn",
        "given back",
        "new terms",
        "paid",
        "pool paid",
        "refused",
        "shard paid",
    ];
    assert!(all.iter().all(|what| seen.get(what).is_some_and(|times| *times > 100)), "{seen:?}");
}

/// How often commands of `points` come back to the pool until a limit of `total` is used up, at shards
/// in turn: allotments drawn, commands the pool paid for, and shards gathered.
fn comes_back(total: u64, points: u64) -> (u64, u64, u64) {
    let terms = Terms { caps: [Some(total), None, None, None], ..Terms::default() };
    let rules = Rules { version: 1, terms: &terms, former: &terms };
    let need = Need { issue: points, ..Need::default() };
    let mut pool = Pool { version: 1, ..Pool::default() };
    let mut shards = vec![Shard::default(); usize::from(SHARDS)];
    let (mut drawn, mut direct, mut gathered) = (0, 0, 0);
    for paid in 0.. {
        let index = (paid % u64::from(SHARDS)) as u8;
        let own = usize::from(index);
        loop {
            if let Some((after, _)) = shards[own].pay(&terms, moment(1), need) {
                shards[own] = after;
                break;
            }
            match pool.step(rules, moment(1), need, index, &shards[own]) {
                Step::Draw(after, filled) => (pool, shards[own], drawn) = (after, filled, drawn + 1),
                Step::Direct(after, _) => {
                    (pool, direct) = (after, direct + 1);
                    break;
                }
                Step::Gather => {
                    for index in pool.holders().collect::<Vec<_>>() {
                        pool.collect(index, &std::mem::take(&mut shards[usize::from(index)]));
                        gathered += 1;
                    }
                }
                Step::Refused(_) => {
                    assert_eq!(paid, total / points, "the whole limit is used");
                    return (drawn, direct, gathered);
                }
            }
        }
    }
    unreachable!("a limit comes to an end")
}

/// The figures of docs/AWS.md.
#[test]
fn a_command_seldom_comes_back_to_the_pool() {
    let found = [1_000, 50_000, 500_000, 5_000_000, 50_000_000].map(|total| comes_back(total, 50));
    let want = [(0, 20, 0), (332, 130, 32), (635, 130, 32), (929, 130, 32), (1_224, 130, 32)];
    assert_eq!(found, want);
}
