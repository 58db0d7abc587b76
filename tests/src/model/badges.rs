//! Badges: those that follow from an entry (rule 8), and those by hand.

use super::Model;
use super::command::{Asked, Body, Command, Done, Told, Whom, refuse};
use super::draft::Draft;
use super::facts::Facts;
use super::program::Program;
use smol_str::SmolStr;

/// A badge by hand, as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Badge {
    /// Who.
    pub member: Whom,
    /// Which.
    pub badge: SmolStr,
}

/// A badge taken back, as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Take {
    /// Who.
    pub member: Whom,
    /// Which.
    pub badge: SmolStr,
}

impl Asked for Take {
    fn whom(&self) -> Whom {
        self.member
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.take_badge(&self.badge)
    }
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    let badge = || Command::Badge(Badge { member: body.whom, badge: body.word("badge") });
    (body.path == "/issue-badge").then(badge)
}

impl Asked for Badge {
    fn whom(&self) -> Whom {
        self.member
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.issue_badge(&self.badge)
    }
}

impl Draft<'_> {
    /// The first badge that the member does not have, nor had taken back, and whose condition holds.
    pub(crate) fn due_badge(&self, program: &Program) -> Option<SmolStr> {
        let facts = Facts { program, member: &self.member };
        let has = |id: &SmolStr| {
            self.member.by_hand.contains(id) || self.member.badges.iter().any(|(own, _)| own == id)
        };
        let mut due = program.badges.iter().filter(|(id, when)| !has(id) && facts.hold(when));
        due.next().map(|(id, _)| id.clone())
    }

    fn issue_badge(&mut self, badge: &SmolStr) -> Result<Told, Told> {
        let program = self.program().clone();
        if self.member.badges.iter().any(|(own, _)| own == badge) {
            return Err(Told::Done(Box::new(Done::new(200, &self.member, None))));
        }
        if !program.badges.iter().any(|(id, _)| id == badge) {
            return Err(refuse(404, "badge_not_found"));
        }
        self.must_be_active()?;
        self.member.badges.push((badge.clone(), self.now));
        let growth = self.member.growth;
        let entry = self.record("badge", 0, 0, Vec::new(), None);
        Ok(Told::Done(Box::new(self.finish(201, growth, Some(entry)))))
    }

    fn take_badge(&mut self, badge: &SmolStr) -> Result<Told, Told> {
        let badges = &mut self.member.badges;
        let place = badges.iter().position(|(own, _)| own == badge);
        badges.remove(place.ok_or_else(|| refuse(404, "badge_not_found"))?);
        self.member.by_hand.push(badge.clone());
        let growth = self.member.growth;
        let entry = self.record("badge", 0, 0, Vec::new(), None);
        Ok(Told::Done(Box::new(self.finish(200, growth, Some(entry)))))
    }
}
