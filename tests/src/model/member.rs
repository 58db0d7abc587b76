//! One member's state: lots and debt (rules 3 to 6), the entries, and what falls due by itself (rule 2).

use super::calendar::NEVER;
use super::program::{OnLapse, Program};
use chrono::NaiveDate;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Points of one brand with one end and one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lot {
    pub(crate) expires_at: i64,
    pub(crate) brand: String,
    pub(crate) held_until: Option<i64>,
    pub(crate) points: i64,
}

impl Lot {
    /// The earliest end first, then by brand, of these the free before the held.
    fn place(&self) -> (i64, &str, Option<i64>) {
        (self.expires_at, &self.brand, self.held_until)
    }
}

/// One line of the ledger. `lots` has plus for what enters a lot and minus for what leaves it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: &'static str,
    pub(crate) points: i64,
    pub(crate) growth: i64,
    pub(crate) lots: Vec<Lot>,
}

/// A member, with the whole history that the rules look at.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) registered_at: i64,
    /// Always in listing order, none empty.
    pub(crate) lots: Vec<Lot>,
    pub(crate) debt: i64,
    /// With `inactivity`: the one instant at which all points end.
    pub(crate) inactive_at: Option<i64>,
    pub(crate) growth: i64,
    pub(crate) period_growth: i64,
    pub(crate) tier: usize,
    pub(crate) valid_until: i64,
    /// How often in a row the tier was kept.
    pub(crate) kept: i64,
    /// The tier below which the member never falls.
    pub(crate) lifetime: Option<usize>,
    /// The running trial's tier and end.
    pub(crate) trial: Option<(usize, i64)>,
    pub(crate) trials_used: BTreeSet<usize>,
    /// Points granted, each with the local date it counts for.
    pub(crate) granted: Vec<(NaiveDate, i64)>,
    /// Activities done, each with its local date.
    pub(crate) done: Vec<(String, NaiveDate)>,
    /// Activity to its last counted date and the streak's length.
    pub(crate) streaks: BTreeMap<String, (NaiveDate, i64)>,
    pub(crate) badges: Vec<String>,
    pub(crate) entries: Vec<Entry>,
}

impl Member {
    pub(crate) fn new(program: &Program, id: &str, now: i64) -> Member {
        Member {
            id: id.to_string(),
            registered_at: now,
            lots: Vec::new(),
            debt: 0,
            inactive_at: None,
            growth: 0,
            period_growth: 0,
            tier: 0,
            valid_until: program.period_end(0, now),
            kept: 0,
            lifetime: None,
            trial: None,
            trials_used: BTreeSet::new(),
            granted: Vec::new(),
            done: Vec::new(),
            streaks: BTreeMap::new(),
            badges: Vec::new(),
            entries: Vec::new(),
        }
    }

    pub(crate) fn available(&self) -> i64 {
        self.free().map(|lot| lot.points).sum()
    }

    pub(crate) fn held(&self) -> i64 {
        self.lots.iter().map(|lot| lot.points).sum::<i64>() - self.available()
    }

    fn free(&self) -> impl Iterator<Item = &Lot> {
        self.lots.iter().filter(|lot| lot.held_until.is_none())
    }

    /// Whose benefits count now: a trial's, else the real tier's.
    pub(crate) fn benefits_tier(&self) -> usize {
        self.trial.map_or(self.tier, |(tier, _)| tier)
    }

    pub(crate) fn record(&mut self, kind: &'static str, points: i64, growth: i64, lots: Vec<Lot>) -> Entry {
        let entry = Entry { kind, points, growth, lots };
        self.entries.push(entry.clone());
        entry
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

    /// Points go out: from the own lot first, then in spending order, held lots last (rule 6).
    /// Answers what left which lot, and how many points were missing.
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

    /// Equal lots become one, empty ones go, the rest are put in order.
    fn tidy(&mut self) {
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

    /// Moves the one instant of `inactivity` and with it every lot.
    pub(crate) fn move_inactivity(&mut self, at: i64) {
        self.inactive_at = Some(at);
        for lot in &mut self.lots {
            lot.expires_at = at;
        }
        self.tidy();
    }

    // --- Settling ---

    /// Applies all that has fallen due by `now`, in order of its instant (rule 2).
    pub(crate) fn settle(&mut self, program: &Program, now: i64, honours: &dyn Fn(&Member, usize) -> bool) {
        loop {
            let release = self.lots.iter().filter_map(|lot| lot.held_until).min();
            let expiry = self.lots.iter().map(|lot| lot.expires_at).min();
            let due = [release, expiry, self.trial.map(|(_, until)| until), Some(self.valid_until)];
            // The earliest; of equal ones the first in this list.
            let next = (0..due.len()).filter_map(|what| due[what].map(|at| (at, what))).min();
            match next {
                Some((at, what)) if at <= now && at != NEVER => match what {
                    0 => self.release(at),
                    1 => self.expire(at),
                    2 => self.trial = None,
                    _ => self.lapse(program, at, honours),
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

    fn expire(&mut self, at: i64) {
        let mut gone: Vec<Lot> = Vec::new();
        for lot in &mut self.lots {
            if lot.expires_at == at {
                gone.push(Lot { points: -lot.points, ..lot.clone() });
                lot.points = 0;
            }
        }
        self.tidy();
        let points = gone.iter().map(|lot| lot.points).sum();
        self.record("expire", points, 0, gone);
    }

    /// The tier's period ends at `at`: kept, or the growth falls and the tier is rated anew (rule 7).
    fn lapse(&mut self, program: &Program, at: i64, honours: &dyn Fn(&Member, usize) -> bool) {
        let tier = &program.tiers[self.tier];
        let retained = tier.retain.is_some_and(|need| self.period_growth >= need);
        self.period_growth = 0;
        if retained {
            self.kept += 1;
            if tier.lifetime.is_some_and(|periods| self.kept >= periods) {
                self.lifetime = Some(self.tier);
                self.valid_until = NEVER;
            } else {
                self.valid_until = program.period_end(self.tier, at);
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
        self.record("tier", 0, self.growth - before, Vec::new());
        let rated = self.rated(program, honours);
        self.tier = rated.max(self.lifetime.unwrap_or(0));
        self.start_period(program, at);
    }

    // --- Tiers ---

    /// The highest tier that the growth, or its condition, reaches.
    fn rated(&self, program: &Program, honours: &dyn Fn(&Member, usize) -> bool) -> usize {
        (0..program.tiers.len())
            .rev()
            .find(|&tier| self.growth >= program.tiers[tier].growth || honours(self, tier))
            .unwrap_or(0)
    }

    fn start_period(&mut self, program: &Program, since: i64) {
        self.valid_until =
            if self.lifetime == Some(self.tier) { NEVER } else { program.period_end(self.tier, since) };
        if self.trial.is_some_and(|(trial, _)| trial <= self.tier) {
            self.trial = None;
        }
    }

    /// Adds growth or takes it away, never below 0; the period's follows what really changed
    /// and may go below. Answers that change.
    pub(crate) fn change_growth(&mut self, change: i64) -> i64 {
        let before = self.growth;
        self.growth = (before + change).max(0);
        let changed = self.growth - before;
        self.period_growth += changed;
        changed
    }

    /// Raises the tier where a higher one is reached, then starts the trial that `before` → growth
    /// crosses. Answers the tier raised to.
    pub(crate) fn raise(
        &mut self,
        program: &Program,
        before: i64,
        now: i64,
        honours: &dyn Fn(&Member, usize) -> bool,
    ) -> Option<usize> {
        let rated = self.rated(program, honours);
        let raised = (rated > self.tier).then_some(rated);
        if let Some(tier) = raised {
            self.tier = tier;
            self.kept = 0;
            self.period_growth = 0;
            self.start_period(program, now);
        }
        for (tier, trial) in program.tiers.iter().enumerate().skip(self.tier + 1) {
            let Some(start) = &trial.trial else { continue };
            let crossed = before < start.from && self.growth >= start.from && self.growth < trial.growth;
            if crossed && self.trial.is_none() && self.trials_used.insert(tier) {
                let until = now + start.days * super::calendar::DAY;
                self.trial = Some((tier, until));
            }
        }
        raised
    }

    // --- Answers ---

    pub(crate) fn balance(&self) -> Value {
        json!({"available": self.available(), "held": self.held(), "debt": self.debt})
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
