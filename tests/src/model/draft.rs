//! A command being judged: the member as it would be, and what led there. Nothing is stored until it is
//! installed, so that the same command can be judged at several moments.

use super::Model;
use super::activities::{ActivityKey, Gave};
use super::command::{Command, Done, OrderKey, RedemptionKey, Told, refuse};
use super::earning::Earned;
use super::member::{Due, Entry, Lot, Member, Standing, Versions};
use super::program::Program;
use super::redeeming::Redemption;
use chrono::NaiveDate;
use smol_str::SmolStr;
use std::rc::Rc;

/// Where and when something happened, and the order it is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) brand: &'a SmolStr,
    pub(crate) order_id: Option<&'a SmolStr>,
    pub(crate) occurred: i64,
}

/// A command in the making.
pub(crate) struct Draft<'m> {
    model: &'m Model,
    pub(crate) id: usize,
    pub(crate) now: i64,
    /// The moment at which the effects of time are recorded.
    recorded_at: i64,
    known: usize,
    pub(crate) member: Standing,
    entries: Vec<Rc<Entry>>,
    balance: i64,
    pub(crate) granted: Option<(NaiveDate, i64)>,
    pub(crate) done: Option<(SmolStr, NaiveDate)>,
    pub(crate) order: Option<(OrderKey, Earned)>,
    pub(crate) redemption: Option<(RedemptionKey, Redemption)>,
    pub(crate) given: Option<(ActivityKey, Gave)>,
}

/// What a command changes, for [`Model::install`].
#[derive(Clone, Debug)]
pub struct After {
    id: usize,
    member: Standing,
    entries: Vec<Rc<Entry>>,
    granted: Option<(NaiveDate, i64)>,
    done: Option<(SmolStr, NaiveDate)>,
    order: Option<(OrderKey, Earned)>,
    redemption: Option<(RedemptionKey, Redemption)>,
    given: Option<(ActivityKey, Gave)>,
    answer: Option<(SmolStr, Command, Rc<Told>)>,
}

impl After {
    /// The member that it changes.
    pub fn member(&self) -> usize {
        self.id
    }
}

impl<'m> Draft<'m> {
    /// The member, settled to `now` by a decider that knows that many versions.
    pub(crate) fn new(model: &'m Model, id: usize, now: i64, known: usize) -> Draft<'m> {
        Draft::settling(model, id, now, now, known)
    }

    /// The same, written down at another moment.
    pub(crate) fn settling(
        model: &'m Model,
        id: usize,
        now: i64,
        recorded_at: i64,
        known: usize,
    ) -> Draft<'m> {
        // Whatever is asked of a record that was merged is asked of the other.
        let id = model.reach(id);
        let before = &model.members[id];
        let recorded_at = recorded_at.max(before.standing.as_of);
        let now = now.max(before.standing.as_of);
        let mut draft = Draft {
            model,
            id,
            now,
            recorded_at,
            known,
            member: before.standing.clone(),
            entries: Vec::new(),
            balance: before.balance(),
            granted: None,
            done: None,
            order: None,
            redemption: None,
            given: None,
        };
        draft.settle();
        draft
    }

    pub(crate) fn before(&self) -> &'m Member {
        &self.model.members[self.id]
    }

    pub(crate) fn versions(&self) -> Versions<'m> {
        Versions(&self.model.programs[..self.known])
    }

    /// The programme in force.
    pub(crate) fn program(&self) -> &'m Rc<Program> {
        let known = &self.model.programs[..self.known];
        known.iter().rev().find(|program| program.since <= self.now).unwrap_or(&known[0])
    }

    /// Every entry so far that moves anything, of records that it has absorbed and of this command too.
    pub(crate) fn all_entries(&self) -> impl Iterator<Item = &Rc<Entry>> {
        let records = self.model.records_of(self.id);
        records.flat_map(|record| &self.model.members[record].entries).chain(&self.entries)
    }

    pub(crate) fn must_be_active(&self) -> Result<(), Told> {
        match self.member.status {
            "active" => Ok(()),
            _ => Err(refuse(409, "member_not_active")),
        }
    }

    fn settle(&mut self) {
        let mut due: Vec<Due> = Vec::new();
        let was = self.member.as_of;
        self.member.settle(self.versions(), self.now, &mut due);
        for (kind, points, growth, lots, at) in due {
            // Points that come after their end expire as they come, under the version that brought them.
            let versions = self.versions();
            let version = if at > was { versions.before(at).version } else { versions.at(was).version };
            self.push(Entry {
                kind,
                points,
                growth,
                lots,
                brand: None,
                order_id: None,
                occurred_at: at,
                recorded_at: self.recorded_at,
                balance_after: 0,
                version,
            });
        }
    }

    fn push(&mut self, mut entry: Entry) -> Rc<Entry> {
        self.balance += entry.points;
        entry.balance_after = self.balance;
        let entry = Rc::new(entry);
        if entry.moves() {
            self.entries.push(entry.clone());
        }
        entry
    }

    pub(crate) fn record(
        &mut self,
        kind: &'static str,
        points: i64,
        growth: i64,
        lots: Vec<Lot>,
        about: Option<About<'_>>,
    ) -> Rc<Entry> {
        self.push(Entry {
            kind,
            points,
            growth,
            lots,
            brand: about.map(|about| about.brand.clone()),
            order_id: about.and_then(|about| about.order_id.cloned()),
            occurred_at: about.map_or(self.now, |about| about.occurred),
            recorded_at: self.now,
            balance_after: 0,
            version: self.program().version,
        })
    }

    /// An entry was recorded: raises the tier, lets points expire that had already ended when they
    /// came, and issues badges.
    pub(crate) fn finish(&mut self, status: u16, growth_before: i64, entry: Option<Rc<Entry>>) -> Done {
        let program = self.program().clone();
        let (mut raised, mut issued) = (None, Vec::new());
        if self.member.status == "closed" {
            self.settle();
            self.lapse_all();
        } else {
            raised = self.member.raise(&program, growth_before, self.now);
            self.settle();
            // A badge is an entry too, so others may follow from it.
            while let Some(badge) = self.due_badge(&program) {
                self.member.badges.push((badge.clone(), self.now));
                issued.push(badge);
            }
        }
        let mut done = Done::new(status, &self.member, entry.map(|entry| (*entry).clone()));
        (done.upgraded, done.badges) = (raised, issued);
        done
    }

    /// A member who has left keeps no points, whatever brought them.
    fn lapse_all(&mut self) {
        let mut gone = std::mem::take(&mut self.member.lots);
        gone.iter_mut().for_each(|lot| lot.points = -lot.points);
        let points = gone.iter().map(|lot| lot.points).sum();
        self.record("expire", points, 0, gone, None);
    }

    /// Takes points out of lots; missing points become debt or are forgiven. Returns what was taken.
    pub(crate) fn take(&mut self, own: Option<&Lot>, points: i64) -> (i64, Vec<Lot>) {
        let (lots, missing) = self.member.take(own, points);
        if self.program().forgive {
            return (points - missing, lots);
        }
        self.member.debt += missing;
        (points, lots)
    }

    /// The change to install; with the answer, if the command has a name.
    pub(crate) fn after(self, answer: Option<(SmolStr, Command, Rc<Told>)>) -> After {
        let Draft { id, member, entries, granted, done, order, redemption, given, .. } = self;
        After { id, member, entries, granted, done, order, redemption, given, answer }
    }

    /// The member as shown, and every entry that moves anything, including those that are due.
    pub(crate) fn shown(self) -> (Standing, Vec<Rc<Entry>>) {
        (self.member, self.entries)
    }
}

impl Model {
    /// Stores what a command changed.
    pub fn install(&mut self, after: After) {
        let member = &mut self.members[after.id];
        member.standing = after.member;
        member.entries.extend(after.entries);
        member.done.extend(after.done);
        if let Some((date, points)) = after.granted {
            *member.granted.entry(date).or_default() += points;
        }
        self.orders.extend(after.order);
        self.redemptions.extend(after.redemption);
        self.given.extend(after.given);
        if let Some((reference, command, told)) = after.answer {
            self.answers.insert(reference, (command, told));
        }
    }
}
