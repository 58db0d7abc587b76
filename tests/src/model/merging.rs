//! Two records of one person are joined: all that one has goes to the other, which answers for both from then on. That
//! they are parted again is not modelled.

use super::Model;
use super::draft::{After, Draft};
use super::member::{Entry, Lot, Standing};
use super::program::Program;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most records that one member has absorbed, with all that these had.
const ABSORBED_MAX: usize = 8;

/// A merge that was done.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The other.
    pub into: usize,
    /// What came in: points less debt.
    pub points: i64,
    /// Growth that came in.
    pub growth: i64,
}

/// What becomes of a merge.
#[derive(Clone, Debug)]
pub enum Merging {
    /// It would be done now.
    Joins(Box<Joins>),
    /// It was done before.
    Before(Merged),
    /// It is refused, with that status and code.
    Refused(u16, &'static str),
}

/// What a merge changes, for [`Model::install_merge`].
#[derive(Clone, Debug)]
pub struct Joins {
    from: usize,
    away: After,
    came: After,
    merged: Merged,
    before: (i64, i64),
}

impl Joins {
    /// Both members: that which goes, and that which stays.
    pub fn members(&self) -> [usize; 2] {
        [self.from, self.merged.into]
    }

    /// What both have together before, and so after: points less debts, and growth.
    pub fn together(&self) -> (i64, i64) {
        self.before
    }
}

impl Model {
    /// The member that answers for that one: itself, unless it was merged.
    pub fn reach(&self, mut id: usize) -> usize {
        while let Some(merged) = self.merged.get(&id) {
            id = merged.into;
        }
        id
    }

    /// Whether the member was merged, or has absorbed another.
    pub fn is_joined(&self, id: usize) -> bool {
        let leads_here = |other: &usize| *other != id && self.reach(*other) == id;
        self.merged.contains_key(&id) || self.merged.keys().any(leads_here)
    }

    /// The members for which that one answers, itself too.
    pub(crate) fn records_of(&self, id: usize) -> impl Iterator<Item = usize> {
        let others =
            self.merged.keys().copied().filter(move |other| *other != id && self.reach(*other) == id);
        std::iter::once(id).chain(others)
    }

    /// What becomes of joining `from` into `into` at that moment, decided by somebody who knows that many versions.
    pub fn merging(&self, into: usize, from: usize, now: i64, known: usize) -> Merging {
        let reached = self.reach(into);
        if let Some(merged) = self.merged.get(&from) {
            return match [into, reached].contains(&merged.into) {
                true => Merging::Before(merged.clone()),
                false => Merging::Refused(409, "member_merged"),
            };
        }
        if reached == from {
            return Merging::Refused(422, "invalid_field");
        }
        let as_of = |id: usize| self.members[id].standing.as_of;
        let now = now.max(as_of(from)).max(as_of(reached));
        let mut stays = Draft::new(self, reached, now, known);
        let goes = Draft::new(self, from, now, known);
        if [&stays, &goes].iter().any(|draft| draft.member.status != "active") {
            return Merging::Refused(409, "member_not_active");
        }
        if self.records_of(reached).count() + self.records_of(from).count() > ABSORBED_MAX + 1 {
            return Merging::Refused(422, "limit_exceeded");
        }
        let other = goes.member.clone();
        let (points, growth) = (other.worth(), other.growth);
        let before = (stays.member.worth() + points, stays.member.growth + growth);
        stays.joins(&other);
        let came = stays.after(None);
        let away = goes.goes_away().after(None);
        let merged = Merged { into: reached, points, growth };
        Merging::Joins(Box::new(Joins { from, away, came, merged, before }))
    }

    /// Stores what a merge changed.
    pub fn install_merge(&mut self, joins: Joins) {
        let Joins { from, away, came, merged, .. } = joins;
        let into = merged.into;
        let (granted, done) = (self.members[from].granted.clone(), self.members[from].done.clone());
        self.install(away);
        self.install(came);
        for (date, points) in granted {
            *self.members[into].granted.entry(date).or_default() += points;
        }
        self.members[into].done.extend(done);
        self.merged.insert(from, merged);
    }
}

impl Standing {
    /// Points less debt.
    fn worth(&self) -> i64 {
        self.available() + self.held() - self.debt
    }

    /// Everything but points and growth of another record of the same person.
    fn unites(&mut self, other: &Standing, program: &Program, now: i64) {
        // The higher tier with its own end; of equal ones the later end.
        if (other.tier, other.valid_until) > (self.tier, self.valid_until) {
            (self.tier, self.since, self.valid_until) = (other.tier, other.since, other.valid_until);
            (self.periods, self.kept) = (other.periods, other.kept);
        }
        self.lifetime = self.lifetime.max(other.lifetime);
        let trials = [self.trial, other.trial].into_iter().flatten();
        self.trial = trials.filter(|(tier, _)| *tier > self.tier).max();
        self.trials_used |= other.trials_used;
        self.active_at = self.active_at.max(other.active_at);
        for (badge, issued_at) in &other.badges {
            match self.badges.iter_mut().find(|(own, _)| own == badge) {
                Some((_, own)) => *own = (*own).min(*issued_at),
                None => self.badges.push((badge.clone(), *issued_at)),
            }
        }
        for badge in &other.by_hand {
            if !self.by_hand.contains(badge) {
                self.by_hand.push(badge.clone());
            }
        }
        self.tags.extend(other.tags.iter().cloned());
        self.orders.count += other.orders.count;
        self.orders.remains = self.orders.remains.plus(&other.orders.remains);
        let firsts = [self.orders.first_at, other.orders.first_at];
        self.orders.first_at = firsts.into_iter().flatten().min();
        self.orders.last_at = self.orders.last_at.max(other.orders.last_at);
        self.orders.any_gone |= other.orders.any_gone;
        self.unites_streaks(other, program, now);
    }

    /// The longer streak; one that was missed is none beside one that runs. Where both run, the days of both are the
    /// person's.
    fn unites_streaks(&mut self, other: &Standing, program: &Program, now: i64) {
        let today = program.calendar.date(now);
        let runs = |last| program.calendar.next_date(last) >= today;
        for (activity, theirs) in &other.streaks {
            let Some(own) = self.streaks.get_mut(activity) else {
                self.streaks.insert(activity.clone(), *theirs);
                continue;
            };
            *own = match (runs(own.0), runs(theirs.0)) {
                (true, true) => (own.0.max(theirs.0), own.1.max(theirs.1)),
                (true, false) => *own,
                (false, true) => *theirs,
                (false, false) => (*own).max(*theirs),
            };
        }
    }
}

/// What left and came, by lot.
fn moved(before: &[Lot], after: &[Lot]) -> Vec<Lot> {
    let mut lots: BTreeMap<_, i64> = BTreeMap::new();
    for (lots_of, sign) in [(before, -1), (after, 1)] {
        for lot in lots_of {
            let place = (lot.expires_at, lot.brand.clone(), lot.held_until);
            *lots.entry(place).or_default() += sign * lot.points;
        }
    }
    let moved = lots.into_iter().filter(|(_, points)| *points != 0);
    moved
        .map(|((expires_at, brand, held_until), points)| Lot { expires_at, brand, held_until, points })
        .collect()
}

impl Draft<'_> {
    /// Another record of the same person comes in.
    fn joins(&mut self, other: &Standing) {
        let (program, now) = (self.program().clone(), self.now);
        let own = &mut self.member;
        let (lots, growth) = (own.lots.clone(), own.growth);
        let running = [own.running(&program, now), other.running(&program, now)];
        let end = running.into_iter().flatten().max().filter(|_| program.by_inactivity());
        // All lots of both, less what repays the debts of both: free ones first.
        own.lots.extend(other.lots.iter().cloned());
        own.tidy();
        (_, own.debt) = own.take(None, own.debt + other.debt);
        let lots = moved(&lots, &own.lots);
        if let Some(end) = end {
            own.ends_with = own.ends_with.max(Some(end));
            own.lots.iter_mut().for_each(|lot| lot.expires_at = lot.expires_at.max(end));
            own.tidy();
        }
        own.growth += other.growth;
        own.period_growth += other.period_growth;
        own.unites(other, &program, now);
        let entry: Rc<Entry> = self.record("merge", other.worth(), other.growth, lots, None);
        self.finish(200, growth, Some(entry));
    }

    /// All that the record has goes to another.
    fn goes_away(mut self) -> Self {
        let lots = std::mem::take(&mut self.member.lots);
        let debt = std::mem::take(&mut self.member.debt);
        let growth = std::mem::take(&mut self.member.growth);
        let points: i64 = lots.iter().map(|lot| lot.points).sum();
        let lots = moved(&lots, &[]);
        self.record("merge", debt - points, -growth, lots, None);
        self
    }
}
