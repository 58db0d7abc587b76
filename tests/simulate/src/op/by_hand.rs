//! What staff do: points, badges and status by hand.

use std::fmt::Write as _;

use laurel_tests::model::{
    DAY, Model,
    command::{Adjust, Badge, Command, Status, Tag, Take},
};
use smol_str::{SmolStr, format_smolstr};

use super::{Commanded, Names, Op, Way, instant};
use crate::{faults::Kind, generate::Writer};

impl Commanded for Adjust {
    fn kind(&self) -> Kind {
        Kind::Adjust
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn write(&self, names: &Names<'_>, _: Way, out: &mut String) -> String {
        let (member, brand, name) = (names.id(self.member), &self.brand, &self.id);
        let (points, growth) = (self.points, self.growth);
        _ = write!(
            out,
            r#"{{"member_id":"{member}","brand":"{brand}","points":{points},"growth":{growth},"reason":"simulated","adjustment_id":"{name}""#
        );
        instant("expires_at", self.expires_at, out);
        "/adjust".to_owned()
    }
}

impl Commanded for Badge {
    fn kind(&self) -> Kind {
        Kind::Badge
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn write(&self, names: &Names<'_>, _: Way, out: &mut String) -> String {
        let (member, badge) = (names.id(self.member), &self.badge);
        _ = write!(out, r#"{{"member_id":"{member}","badge":"{badge}","reason":"simulated""#);
        "/issue-badge".to_owned()
    }
}

impl Commanded for Take {
    fn kind(&self) -> Kind {
        Kind::Badge
    }

    /// A second time there is nothing to take.
    fn is_recognised(&self, _: bool) -> bool {
        false
    }

    fn must_repeat(&self, _: bool) -> bool {
        false
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn method(&self) -> &'static str {
        "DELETE"
    }

    fn write(&self, names: &Names<'_>, _: Way, _: &mut String) -> String {
        format!("/members/{}/badges/{}?reason=simulated", names.id(self.member), self.badge)
    }
}

impl Commanded for Status {
    fn kind(&self) -> Kind {
        Kind::Status
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn write(&self, names: &Names<'_>, _: Way, out: &mut String) -> String {
        _ = write!(out, r#"{{"status":"{}","reason":"simulated""#, self.status);
        format!("/members/{}/status", names.id(self.member))
    }
}

impl Commanded for Tag {
    fn kind(&self) -> Kind {
        Kind::Badge
    }

    /// Without a key it is done again: somebody else may have taken away what it sets.
    fn is_recognised(&self, keyed: bool) -> bool {
        keyed
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn write(&self, names: &Names<'_>, _: Way, out: &mut String) -> String {
        let (change, tag) = (if self.add { "add" } else { "remove" }, &self.tag);
        _ = write!(out, r#"{{"{change}":["{tag}"],"reason":"simulated""#);
        format!("/members/{}/tags", names.id(self.member))
    }
}

impl Writer {
    pub(crate) fn tag(&mut self, model: &Model, _: i64) -> Op {
        let tag = match self.dice.below(20) {
            0 => "rich_buyer",
            1 => "none_such",
            2..10 => "spare",
            _ => "vip",
        };
        let tag = Tag { member: self.whom(model), tag: SmolStr::new(tag), add: self.dice.percent(60) };
        Op::command(Command::Tag(tag), Way::Plain)
    }

    pub(crate) fn adjust(&mut self, model: &Model, now: i64) -> Op {
        let mut adjust = Adjust {
            member: self.whom(model),
            brand: self.brand(),
            points: self.dice.between(-200, 300),
            growth: if self.dice.percent(50) { 0 } else { self.dice.between(-300, 600) },
            id: format_smolstr!("j{}", self.fresh()),
            expires_at: None,
        };
        if adjust.points == 0 && adjust.growth == 0 {
            adjust.points = 1;
        }
        if self.dice.percent(20) && adjust.points > 0 {
            adjust.expires_at = Some(now + self.dice.between(1, 90) * DAY);
        }
        Op::command(Command::Adjust(adjust), Way::Plain)
    }

    pub(crate) fn badge(&mut self, model: &Model, _: i64) -> Op {
        let badge = self.dice.pick(&["founder", "many", "grown", "none_such"]);
        let badge = Badge { member: self.whom(model), badge: SmolStr::new(badge) };
        Op::command(Command::Badge(badge), Way::Plain)
    }

    pub(crate) fn take_badge(&mut self, model: &Model, _: i64) -> Op {
        let badge = self.dice.pick(&["founder", "many", "grown", "first_order", "none_such"]);
        let take = Take { member: self.whom(model), badge: SmolStr::new(badge) };
        Op::command(Command::Take(take), Way::Plain)
    }

    pub(crate) fn status(&mut self, model: &Model, _: i64) -> Op {
        let status = match self.dice.below(12) {
            0..4 => "suspended",
            4 => "closed",
            _ => "active",
        };
        // Suspended members come back sooner than others are suspended.
        let suspended = (0..model.members()).find(|id| model.member(*id).standing.status == "suspended");
        let member = match suspended.filter(|_| status == "active") {
            Some(id) => Some(id),
            None => self.whom(model),
        };
        Op::command(Command::Status(Status { member, status: SmolStr::new(status) }), Way::Plain)
    }
}
