//! One member's state: lots and debt (rules 3 to 6), the entries, and what time alone does (rule 2).

use super::calendar::{DAY, NEVER, add_months};
use super::facts::{Condition, Facts};
use super::number::Exact;
use super::program::{OnLapse, Program};
use chrono::NaiveDate;
use serde_json::{Value, json};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Points of one brand with one end and one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Milliseconds since the epoch; the latest value means never.
    pub expires_at: i64,
    /// Who issued them.
    pub brand: SmolStr,
    /// Until when they cannot be spent.
    pub held_until: Option<i64>,
    /// How many.
    pub points: i64,
}

impl Lot {
    /// The earliest end first, then by brand, of these the free before the held.
    fn place(&self) -> (i64, &str, Option<i64>) {
        (self.expires_at, &self.brand, self.held_until)
    }
}

/// One line of the ledger. `lots` is positive for points that enter a lot and negative for points that leave
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the contract names it.
    pub kind: &'static str,
    /// What available + held − debt changed by.
    pub points: i64,
    /// What growth changed by.
    pub growth: i64,
    /// Lots that changed.
    pub lots: Vec<Lot>,
    /// Where it happened.
    pub brand: Option<SmolStr>,
    /// The order it is about.
    pub order_id: Option<SmolStr>,
    /// When it happened, or fell due.
    pub occurred_at: i64,
    /// When it was recorded; for what falls due, when it was settled.
    pub recorded_at: i64,
    /// The sum of all entries' points up to it.
    pub balance_after: i64,
    /// The programme's version under which it was made.
    pub version: u32,
}

impl Entry {
    /// Whether it moves anything.
    pub fn moves(&self) -> bool {
        self.points != 0 || self.growth != 0 || !self.lots.is_empty()
    }
}

/// What is known of a member's orders.
#[derive(Clone, Debug, Default)]
pub struct OrderFacts {
    /// Orders of which anything remains.
    pub count: i64,
    /// What remains of them.
    pub(crate) remains: Exact,
    /// When the earliest happened.
    pub first_at: Option<i64>,
    /// When the latest happened.
    pub last_at: Option<i64>,
    /// Whether any was wholly refunded.
    pub any_gone: bool,
}

impl OrderFacts {
    /// What remains of them in the smallest unit of money, rounded down once.
    pub fn units(&self, program: &Program) -> i64 {
        self.remains.units(program.minor)
    }
}

/// A member's current state, with what commands read.
#[derive(Clone, Debug)]
pub struct Standing {
    /// When it registered.
    pub registered_at: i64,
    /// `active`, `suspended` or `closed`.
    pub status: &'static str,
    /// The moment up to which it is settled in writing; it never goes back.
    pub as_of: i64,
    /// Always in listing order, none empty.
    pub lots: Vec<Lot>,
    /// Points owed.
    pub debt: i64,
    /// When an earn, an activity or a redemption was last recorded.
    pub(crate) active_at: Option<i64>,
    /// With `inactivity`, the one instant that this moved.
    pub(crate) ends_with: Option<i64>,
    /// Growth.
    pub growth: i64,
    /// Growth of the tier's period.
    pub period_growth: i64,
    /// How many versions of the programme it is settled over.
    pub versions: usize,
    /// The tier, by its place on the ladder.
    pub tier: usize,
    /// Since when.
    pub since: i64,
    /// When its period lapses.
    pub valid_until: i64,
    /// Its periods: from which date they count, how many months each has, and which one runs.
    pub(crate) periods: Option<(NaiveDate, u32, u32)>,
    /// How often in a row the tier was kept.
    pub(crate) kept: i64,
    /// The tier below which the member never falls.
    pub lifetime: Option<usize>,
    /// The running trial's tier and end.
    pub trial: Option<(usize, i64)>,
    /// Tiers that were tried, each a bit.
    pub(crate) trials_used: u64,
    /// Activity to its last counted date and the streak's length.
    pub(crate) streaks: BTreeMap<SmolStr, (NaiveDate, i64)>,
    /// Badges that were taken back once.
    pub(crate) by_hand: Vec<SmolStr>,
    /// Badges, and when they were issued.
    pub badges: Vec<(SmolStr, i64)>,
    /// Tags that were set by hand.
    pub tags: BTreeSet<SmolStr>,
    /// Its orders.
    pub orders: OrderFacts,
}

/// A member, with the whole history that the rules look at.
#[derive(Clone, Debug)]
pub struct Member {
    /// As it stands.
    pub standing: Standing,
    /// Every entry that moves anything, oldest first.
    pub entries: Vec<Rc<Entry>>,
    /// Points granted, by the local date they count for.
    pub(crate) granted: BTreeMap<NaiveDate, i64>,
    /// Activities done, each with its local date.
    pub(crate) done: Vec<(SmolStr, NaiveDate)>,
}

/// The versions of a programme that a decider knows, oldest first.
#[derive(Clone, Copy)]
pub(crate) struct Versions<'a>(pub(crate) &'a [Rc<Program>]);

impl<'a> Versions<'a> {
    /// The one in force at that moment.
    pub(crate) fn at(&self, at: i64) -> &'a Program {
        let known = self.0.iter().rev().find(|program| program.since <= at);
        known.unwrap_or(&self.0[0])
    }

    /// What falls due at a moment is judged by the version in force just before it (rule 2).
    pub(crate) fn before(&self, at: i64) -> &'a Program {
        let known = self.0.iter().rev().find(|program| program.since < at);
        known.unwrap_or(&self.0[0])
    }

    pub(crate) fn newest(&self) -> &'a Program {
        &self.0[self.0.len() - 1]
    }
}

/// What settling did: kind, points, growth, lots, and when it fell due.
pub(crate) type Due = (&'static str, i64, i64, Vec<Lot>, i64);

impl Member {
    pub(crate) fn new(program: &Program, now: i64) -> Member {
        let mut standing = Standing {
            registered_at: now,
            status: "active",
            as_of: now,
            lots: Vec::new(),
            debt: 0,
            active_at: None,
            ends_with: None,
            growth: 0,
            period_growth: 0,
            versions: program.version as usize,
            tier: 0,
            since: now,
            valid_until: NEVER,
            periods: None,
            kept: 0,
            lifetime: None,
            trial: None,
            trials_used: 0,
            streaks: BTreeMap::new(),
            by_hand: Vec::new(),
            badges: Vec::new(),
            tags: BTreeSet::new(),
            orders: OrderFacts::default(),
        };
        standing.count_periods(program, now);
        Member { standing, entries: Vec::new(), granted: BTreeMap::new(), done: Vec::new() }
    }

    /// The sum of all entries' points.
    pub(crate) fn balance(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.balance_after)
    }
}

impl Standing {
    /// Points that can be spent.
    pub fn available(&self) -> i64 {
        self.free().map(|lot| lot.points).sum()
    }

    /// Points that cannot be spent yet.
    pub fn held(&self) -> i64 {
        self.lots.iter().map(|lot| lot.points).sum::<i64>() - self.available()
    }

    fn free(&self) -> impl Iterator<Item = &Lot> {
        self.lots.iter().filter(|lot| lot.held_until.is_none())
    }

    /// The tier whose benefits count now: the trial's, else the real one.
    pub(crate) fn benefits_tier(&self) -> usize {
        self.trial.map_or(self.tier, |(tier, _)| tier)
    }

    // --- Points in and out ---

    /// Points come in: the earliest expiring repay open debt, the rest become lots (rule 4.5).
    pub(crate) fn put(&mut self, mut coming: Vec<Lot>) -> Vec<Lot> {
        coming.sort_by(|a, b| a.place().cmp(&b.place()));
        for lot in &mut coming {
            let repaid = lot.points.min(self.debt);
            self.debt -= repaid;
            lot.points -= repaid;
        }
        coming.retain(|lot| lot.points > 0);
        self.lots.extend(coming.clone());
        self.tidy();
        coming
    }

    /// Points go out: from the own lot first, then in spending order, held lots last (rule 6). Returns what
    /// left which lot, and how many points were missing.
    pub(crate) fn take(&mut self, own: Option<&Lot>, points: i64) -> (Vec<Lot>, i64) {
        let mut order: Vec<usize> = (0..self.lots.len()).collect();
        let is_own = |lot: &Lot| own.is_some_and(|own| own.place() == lot.place());
        order.sort_by_key(|&index| {
            let lot = &self.lots[index];
            (!is_own(lot), lot.held_until.is_some())
        });
        let (mut left, mut taken) = (points, Vec::new());
        for index in order {
            let lot = &mut self.lots[index];
            let part = lot.points.min(left);
            if part > 0 {
                lot.points -= part;
                left -= part;
                taken.push(Lot { points: -part, ..lot.clone() });
            }
        }
        self.tidy();
        (taken, left)
    }

    /// Merges equal lots, removes empty ones, and sorts the rest.
    pub(crate) fn tidy(&mut self) {
        self.lots.sort_by(|a, b| a.place().cmp(&b.place()));
        self.lots.dedup_by(|next, first| {
            let equal = next.place() == first.place();
            if equal {
                first.points += next.points;
            }
            equal
        });
        self.lots.retain(|lot| lot.points != 0);
    }

    /// An earn, an activity or a redemption is recorded: with `inactivity` it moves the one instant and with it
    /// every lot, none of them nearer.
    pub(crate) fn is_active(&mut self, program: &Program, now: i64) {
        self.active_at = Some(now);
        let moved = program.inactive_after(now);
        self.ends_with = moved.map(|end| self.ends_with.map_or(end, |before| before.max(end)));
        let Some(end) = self.ends_with else { return };
        for lot in &mut self.lots {
            lot.expires_at = lot.expires_at.max(end);
        }
        self.tidy();
    }

    /// The one instant of `inactivity`, if it runs: as it last moved. Where nothing moved it yet, that of the
    /// points there are, else by what was last done; points that never end are not bound to it.
    pub(crate) fn running(&self, program: &Program, now: i64) -> Option<i64> {
        if let Some(end) = self.ends_with {
            return Some(end).filter(|&end| end > now);
        }
        let lots = self.lots.iter().map(|lot| lot.expires_at);
        let active = self.active_at.and_then(|at| program.inactive_after(at));
        lots.filter(|&end| end != NEVER).chain(active).max().filter(|&end| end > now)
    }

    // --- Settling ---

    /// Applies everything due by `now`, in order of its instant (rule 2), and returns the entries that it
    /// makes.
    pub(crate) fn settle(&mut self, versions: Versions, now: i64, told: &mut Vec<Due>) {
        self.as_of = self.as_of.max(now);
        loop {
            let release = self.lots.iter().filter_map(|lot| lot.held_until).min();
            let expiry = self.lots.iter().map(|lot| lot.expires_at).min();
            let version = versions.0.get(self.versions).map(|version| version.since);
            let due = [release, expiry, self.trial.map(|(_, until)| until), Some(self.valid_until), version];
            // The earliest; of equal ones the first in this list.
            let next = (0..due.len()).filter_map(|what| due[what].map(|at| (at, what))).min();
            match next {
                Some((at, what)) if at <= now && at != NEVER => match what {
                    0 => self.release(at),
                    1 => self.expire(at, told),
                    2 => self.trial = None,
                    3 => self.lapse(versions.before(at), at, told),
                    _ => self.meet(&versions.0[self.versions]),
                },
                _ => return,
            }
        }
    }

    fn release(&mut self, at: i64) {
        for lot in &mut self.lots {
            if lot.held_until == Some(at) {
                lot.held_until = None;
            }
        }
        self.tidy();
    }

    fn expire(&mut self, at: i64, told: &mut Vec<Due>) {
        let mut gone: Vec<Lot> = Vec::new();
        for lot in &mut self.lots {
            if lot.expires_at == at {
                gone.push(Lot { points: -lot.points, ..lot.clone() });
                lot.points = 0;
            }
        }
        self.tidy();
        let points = gone.iter().map(|lot| lot.points).sum();
        told.push(("expire", points, 0, gone, at));
    }

    /// The tier's period ends at `at`: kept, or the growth falls and the tier is rated anew (rule 7).
    fn lapse(&mut self, program: &Program, at: i64, told: &mut Vec<Due>) {
        let tier = &program.tiers[self.tier];
        // A tier that a newer version made endless is kept: a new version demotes nobody.
        let retained = tier.validity.is_none() || tier.retain.is_some_and(|need| self.period_growth >= need);
        self.period_growth = 0;
        if retained {
            self.kept += 1;
            if tier.lifetime.is_some_and(|periods| self.kept >= periods) {
                self.lifetime = Some(self.tier);
                self.valid_until = NEVER;
            } else {
                match (self.periods, tier.validity) {
                    (Some((from, months, number)), Some(same)) if months == same => {
                        self.run(program, Some((from, months, number + 1)));
                    }
                    // A version has changed the months: they count from this end on.
                    _ => self.count_periods(program, at),
                }
            }
            return;
        }
        let before = self.growth;
        self.growth = match tier.on_lapse {
            OnLapse::Reset => 0,
            OnLapse::Deduct(growth) => (before - growth).max(0),
            OnLapse::Step => before.min(tier.growth - 1).max(0),
        };
        self.kept = 0;
        told.push(("tier", 0, self.growth - before, Vec::new(), at));
        let rated = self.rated(program);
        self.tier = rated.max(self.lifetime.unwrap_or(0));
        self.start_period(program, at);
    }

    // --- Tiers ---

    /// The highest tier that the growth, or its condition, reaches.
    fn rated(&self, program: &Program) -> usize {
        (0..program.tiers.len())
            .rev()
            .find(|&tier| self.growth >= program.tiers[tier].growth || self.honours(program, tier))
            .unwrap_or(0)
    }

    /// Whether a tier is reached by its `or` condition (rule 7).
    fn honours(&self, program: &Program, tier: usize) -> bool {
        let or = &program.tiers[tier].or;
        !matches!(or, Condition::Never) && Facts { program, member: self }.hold(or)
    }

    /// A version of the programme comes into force: who has the growth of a higher tier has that tier.
    fn meet(&mut self, program: &Program) {
        self.versions += 1;
        let tiers = program.tiers.iter().enumerate();
        let highest = tiers.filter(|(_, tier)| tier.growth <= self.growth).map(|(tier, _)| tier).max();
        if let Some(tier) = highest.filter(|&tier| tier > self.tier) {
            self.tier = tier;
            self.kept = 0;
            self.period_growth = 0;
            self.start_period(program, program.since);
        }
    }

    /// The tier's periods count from the date of that moment.
    fn count_periods(&mut self, program: &Program, from: i64) {
        let months = program.tiers[self.tier].validity;
        self.run(program, months.map(|months| (program.calendar.date(from), months, 1)));
    }

    /// The k-th period ends k × N months after the date that they count from.
    fn run(&mut self, program: &Program, periods: Option<(NaiveDate, u32, u32)>) {
        self.periods = periods;
        self.valid_until = periods.map_or(NEVER, |(from, months, number)| {
            program.calendar.midnight(add_months(from, months * number))
        });
    }

    fn start_period(&mut self, program: &Program, since: i64) {
        self.since = since;
        if self.lifetime == Some(self.tier) {
            self.run(program, None);
        } else {
            self.count_periods(program, since);
        }
        if self.trial.is_some_and(|(trial, _)| trial <= self.tier) {
            self.trial = None;
        }
    }

    /// Adds or removes growth, never below 0; the period's growth follows the real change and may go below.
    /// Returns that change.
    pub(crate) fn change_growth(&mut self, change: i64) -> i64 {
        let before = self.growth;
        self.growth = (before + change).max(0);
        let changed = self.growth - before;
        self.period_growth += changed;
        changed
    }

    /// Raises the tier if a higher one is reached, then starts the trial that the step from `before` to the
    /// growth crosses. Returns the new tier.
    pub(crate) fn raise(&mut self, program: &Program, before: i64, now: i64) -> Option<usize> {
        let rated = (0..program.tiers.len()).rev().find(|&tier| {
            (self.growth != before && self.growth >= program.tiers[tier].growth)
                || self.honours(program, tier)
        });
        let raised = rated.filter(|&rated| rated > self.tier);
        if let Some(tier) = raised {
            self.tier = tier;
            self.kept = 0;
            self.period_growth = 0;
            self.start_period(program, now);
        }
        for (tier, trial) in program.tiers.iter().enumerate().skip(self.tier + 1) {
            let Some(start) = &trial.trial else { continue };
            let crossed = before < start.from && self.growth >= start.from && self.growth < trial.growth;
            if crossed && self.trial.is_none() && self.trials_used & (1 << tier) == 0 {
                self.trials_used |= 1 << tier;
                let until = now + start.days * DAY;
                self.trial = Some((tier, until));
            }
        }
        raised
    }
}

impl Entry {
    /// One row for each end and brand: an entry shows no holds.
    pub(crate) fn show(&self, program: &Program) -> Value {
        let mut rows: BTreeMap<(i64, &str), i64> = BTreeMap::new();
        for lot in &self.lots {
            *rows.entry((lot.expires_at, &lot.brand)).or_default() += lot.points;
        }
        let lots: Vec<Value> = rows
            .into_iter()
            .map(|((end, brand), points)| {
                json!({"expires_at": program.calendar.show(end), "brand": brand, "points": points})
            })
            .collect();
        json!({"kind": self.kind, "points": self.points, "growth": self.growth, "lots": lots})
    }
}
