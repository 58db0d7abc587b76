//! Orders and activities, which earn.

use std::fmt::Write as _;

use laurel_tests::model::{
    DAY, Model,
    command::{Activity, Command, Line, Order, TakeBack},
};
use smol_str::{SmolStr, format_smolstr};

use super::{Commanded, Names, Op, PARTNER, Way, instant};
use crate::{
    faults::Kind,
    generate::{MINUTE, Writer},
};

impl Commanded for Order {
    fn kind(&self) -> Kind {
        Kind::Order
    }

    fn is_undone(&self, model: &Model) -> bool {
        model.revision(&(self.brand.clone(), self.order_id.clone())).is_some_and(|(_, refunded)| refunded)
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn write(&self, names: &Names<'_>, way: Way, out: &mut String) -> String {
        let ((name, member), brand, order_id) = (names.who(self.member, way), &self.brand, &self.order_id);
        _ = write!(out, r#"{{"{name}":"{member}","brand":"{brand}","order_id":"{order_id}""#);
        for (name, said) in [("channel", &self.channel), ("currency", &self.currency)] {
            if let Some(said) = said {
                _ = write!(out, r#","{name}":"{said}""#);
            }
        }
        if let Some(amount) = &self.amount {
            _ = write!(out, r#","amount":"{amount}""#);
        }
        for (place, line) in self.lines.iter().enumerate() {
            out.push_str(if place == 0 { r#","lines":["# } else { "," });
            let (line_id, quantity, amount) = (&line.line_id, &line.quantity, &line.amount);
            _ = write!(out, r#"{{"line_id":"{line_id}","quantity":{quantity},"amount":"{amount}""#);
            if let Some(category) = &line.category {
                _ = write!(out, r#","category":"{category}""#);
            }
            out.push('}');
        }
        out.push_str(if self.lines.is_empty() { "" } else { "]" });
        instant("occurred_at", self.occurred_at, out);
        "/earn-points".to_owned()
    }
}

impl Commanded for Activity {
    fn kind(&self) -> Kind {
        Kind::Activity
    }

    fn is_recognised(&self, keyed: bool) -> bool {
        keyed || self.reference.is_some()
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        self.is_recognised(keyed)
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn write(&self, names: &Names<'_>, way: Way, out: &mut String) -> String {
        let ((name, member), brand, activity) = (names.who(self.member, way), &self.brand, &self.activity);
        _ = write!(out, r#"{{"{name}":"{member}","brand":"{brand}","activity":"{activity}""#);
        if let Some(reference) = &self.reference {
            _ = write!(out, r#","activity_ref":"{reference}""#);
        }
        instant("occurred_at", self.occurred_at, out);
        "/earn-points".to_owned()
    }
}

impl Commanded for TakeBack {
    fn kind(&self) -> Kind {
        Kind::Activity
    }

    fn about(&self, model: &Model) -> Option<usize> {
        model.doer(&self.activity)
    }

    fn reads_apart(&self) -> bool {
        true
    }

    fn write(&self, _: &Names<'_>, _: Way, out: &mut String) -> String {
        let (brand, activity, reference) = &self.activity;
        _ = write!(out, r#"{{"brand":"{brand}","activity":"{activity}","activity_ref":"{reference}""#);
        "/reverse".to_owned()
    }
}

impl Writer {
    pub(crate) fn order(&mut self, model: &Model, now: i64) -> Op {
        if self.dice.percent(5)
            && let Some((mut again, way)) = Writer::one_of(&mut self.dice, &self.orders)
            && self.is_sent(&again.brand, way)
        {
            if self.dice.percent(40) {
                again.occurred_at = Some(now - DAY);
            }
            return Op::command(Command::Order(again), way);
        }
        let mut order = Order {
            member: self.whom(model),
            brand: self.brand(),
            order_id: format_smolstr!("o{}", self.fresh()),
            channel: self.dice.percent(10).then(|| SmolStr::new_static("店/1")),
            currency: None,
            amount: None,
            lines: Vec::new(),
            occurred_at: self.occurred(now),
        };
        (order.amount, order.lines) = self.content();
        let dry_run = self.way == Way::Plain && self.dice.below(40) == 0;
        if !dry_run {
            self.orders.push((order.clone(), self.way));
        }
        Op::command(Command::Order(order), self.tried(dry_run))
    }

    pub(crate) fn activity(&mut self, model: &Model, now: i64) -> Op {
        if self.dice.percent(4)
            && let Some((again, way)) = Writer::one_of(&mut self.dice, &self.activities)
            && self.is_sent(&again.brand, way)
        {
            return Op::command(Command::Activity(again), way);
        }
        let activities = ["check_in", "check_in", "share", "share", "review", "bind", "refused", "sleep"];
        let place = if self.dice.below(60) == 0 { 7 } else { self.dice.below(7) };
        let done = Activity {
            member: self.whom(model),
            brand: self.brand(),
            activity: SmolStr::new(activities[place as usize]),
            reference: self.dice.percent(40).then(|| format_smolstr!("a{}", self.fresh())),
            occurred_at: if self.dice.percent(40) { self.occurred(now) } else { None },
        };
        if done.reference.is_some() {
            self.activities.push((done.clone(), self.way));
        }
        Op::command(Command::Activity(done), self.way)
    }

    pub(crate) fn take_back(&mut self, _: &Model, _: i64) -> Op {
        let done = match self.way {
            Way::Signed => self.activities.iter().rev().find(|(done, _)| done.brand == PARTNER).cloned(),
            _ => Writer::one_of(&mut self.dice, &self.activities),
        };
        let never = || SmolStr::new_static("never-done");
        let activity = match done {
            Some((done, _)) if self.dice.below(50) > 0 => {
                (done.brand, done.activity, done.reference.unwrap_or_else(never))
            }
            _ => (self.brand(), SmolStr::new_static("review"), never()),
        };
        Op::command(Command::TakeBack(TakeBack { activity }), self.way)
    }

    /// An amount, or lines and perhaps their sum.
    pub(super) fn content(&mut self) -> (Option<SmolStr>, Vec<Line>) {
        let mut lines = Vec::new();
        if self.dice.percent(65) {
            let units = self.amount();
            return (Some(self.money(units)), lines);
        }
        let mut sum = 0;
        for line in 0..self.dice.between(1, 4) {
            let discount = sum > 0 && self.dice.percent(15);
            let units: i64 = if discount { -self.dice.between(1, sum) } else { self.amount() };
            sum += units;
            let category = self.dice.pick(&["tea", "book", "misc", "gift_card"]);
            lines.push(Line {
                line_id: format_smolstr!("{line}"),
                category: self.dice.percent(85).then(|| SmolStr::new(category)),
                quantity: match self.dice.below(4) {
                    0 => format_smolstr!("{:?}", self.dice.pick(&["0.350", "1.5", "0.001", "2.25"])),
                    _ => format_smolstr!("{}", self.dice.between(1, 6)),
                },
                amount: match discount {
                    true => format_smolstr!("-{}", self.money(-units)),
                    false => self.money(units),
                },
            });
        }
        if !self.dice.percent(20) {
            return (None, lines);
        }
        let wrong = i64::from(self.dice.percent(5));
        (Some(self.money(sum + wrong)), lines)
    }

    fn amount(&mut self) -> i64 {
        match self.dice.below(10) {
            0 => 0,
            1..4 => self.dice.between(1, 3_000),
            4..8 => self.dice.between(3_000, 60_000),
            _ => self.dice.between(60_000, 250_000),
        }
    }

    /// Often now; late by days to years; at the very limits of what is accepted.
    fn occurred(&mut self, now: i64) -> Option<i64> {
        Some(match self.dice.below(100) {
            0..82 => return None,
            82..92 => now - self.dice.below(5 * DAY),
            92 => now - self.dice.below(1_090 * DAY),
            93 => now - 1_100 * DAY,
            94 => now - 1_100 * DAY - 1,
            95 => now + 5 * MINUTE + 1,
            96 => now + 5 * MINUTE,
            _ => now + self.dice.below(5 * MINUTE),
        })
    }
}
