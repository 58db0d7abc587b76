//! Redemptions, and their cancellation.

use std::fmt::Write as _;

use laurel_tests::model::{
    Model,
    command::{Cancel, Command, Redeem},
};
use smol_str::format_smolstr;

use super::{Commanded, Names, Op, PARTNER, Way, instant};
use crate::{
    faults::Kind,
    generate::{MINUTE, Writer},
};

impl Commanded for Redeem {
    fn kind(&self) -> Kind {
        Kind::Redeem
    }

    fn is_undone(&self, model: &Model) -> bool {
        model.redeemer(&self.key()).is_some_and(|(_, remaining)| remaining == 0)
    }

    fn about(&self, _: &Model) -> Option<usize> {
        self.member
    }

    fn write(&self, names: &Names<'_>, way: Way, out: &mut String) -> String {
        let ((name, member), brand, points) = (names.who(self.member, way), &self.brand, self.points);
        let order_id = &self.order_id;
        _ = write!(
            out,
            r#"{{"{name}":"{member}","brand":"{brand}","points":{points},"for":{{"kind":"order","order_id":"{order_id}""#
        );
        if let Some(part) = &self.part {
            _ = write!(out, r#","part":"{part}""#);
        }
        out.push('}');
        instant("occurred_at", self.occurred_at, out);
        "/redeem".to_owned()
    }
}

impl Commanded for Cancel {
    fn kind(&self) -> Kind {
        Kind::Cancel
    }

    /// Without a name, a part is cancelled anew each time.
    fn is_recognised(&self, keyed: bool) -> bool {
        keyed || self.refund_id.is_some() || self.points.is_none()
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        keyed || self.refund_id.is_some()
    }

    fn about(&self, model: &Model) -> Option<usize> {
        model.redeemer(self.redemption.as_ref()?).map(|(member, _)| member)
    }

    fn reads_apart(&self) -> bool {
        true
    }

    fn write(&self, names: &Names<'_>, _: Way, out: &mut String) -> String {
        let known = self.redemption.as_ref().map(|key| names.redemption(key));
        let id = known.unwrap_or_else(|| "rdm_00000000000000000000000000".to_owned());
        _ = write!(out, r#"{{"redemption_id":"{id}""#);
        if let Some(points) = self.points {
            _ = write!(out, r#","points":{points}"#);
        }
        if let Some(refund_id) = &self.refund_id {
            _ = write!(out, r#","refund_id":"{refund_id}""#);
        }
        "/reverse".to_owned()
    }
}

/// What that member can spend, as the model has it.
fn available(model: &Model, member: Option<usize>) -> i64 {
    member.map_or(10, |member| model.member(model.reach(member)).standing.available())
}

impl Writer {
    pub(crate) fn redeem(&mut self, model: &Model, now: i64) -> Op {
        if self.dice.percent(10)
            && let Some((mut again, way)) = Writer::one_of(&mut self.dice, &self.redeems)
            && self.is_sent(&again.brand, way)
        {
            again.points += i64::from(self.dice.percent(20));
            return Op::command(Command::Redeem(again), way);
        }
        let member = self.whom(model);
        let available = available(model, member);
        let points = match self.dice.below(20) {
            0 => available + 1,
            1..4 => available.max(1),
            4..7 => 1,
            _ => self.dice.between(1, (available / 3).max(1)),
        };
        // Sometimes for an order that earned: another natural key of the same name. Not by the partner, whose
        // body would differ for the same order.
        let plain = self.way == Way::Plain;
        let earned =
            self.orders.last().filter(|(_, way)| plain && *way == Way::Plain && self.dice.percent(20));
        let order_id = earned.map(|(order, _)| order.order_id.clone());
        let mut redeem = Redeem {
            member,
            brand: self.brand(),
            points,
            order_id: order_id.unwrap_or_else(|| format_smolstr!("r{}", self.fresh())),
            part: None,
            occurred_at: None,
        };
        // An order may be paid with points more than once.
        if self.dice.percent(15) {
            let way = self.way;
            let other = self.redeems.last().filter(|(_, sent)| *sent == way).map(|(other, _)| other.clone());
            if let Some(other) = other {
                (redeem.brand, redeem.order_id) = (other.brand, other.order_id);
            }
            redeem.part = Some(format_smolstr!("p{}", self.fresh()));
        }
        // Told late: something may have ended since.
        if self.dice.percent(15) {
            let back = match self.dice.below(3) {
                0 => self.dice.below(10 * 60 * 1000),
                1 => self.dice.below(24 * 60 * 60 * 1000),
                _ => self.dice.below(4 * 24 * 60 * 60 * 1000),
            };
            redeem.occurred_at = Some(now - back);
        }
        self.once_more_late(&mut redeem, model);
        self.just_before_an_end(&mut redeem, model, now);
        let dry_run = self.way == Way::Plain && self.dice.below(40) == 0;
        if !dry_run {
            self.redeems.push((redeem.clone(), self.way));
        }
        Op::command(Command::Redeem(redeem), self.tried(dry_run))
    }

    /// Makes it often another one of the same member and moment as a late one before: what came back for that one is
    /// there no more, so that it asks for a little more than there is.
    fn once_more_late(&mut self, redeem: &mut Redeem, model: &Model) {
        let before =
            self.redeems.last().filter(|(_, way)| *way == self.way).map(|(before, _)| before.clone());
        let Some(before) = before.filter(|before| before.occurred_at.is_some()) else { return };
        if self.dice.percent(40) {
            (redeem.member, redeem.occurred_at) = (before.member, before.occurred_at);
            redeem.points = available(model, before.member).max(0) + self.dice.between(1, 40);
        }
    }

    /// Makes it often one of the moment before something ended, of whoever that was and for more than is left; first of
    /// what ended while it was held, which is rare.
    fn just_before_an_end(&mut self, redeem: &mut Redeem, model: &Model, now: i64) {
        if !self.dice.percent(15) {
            return;
        }
        let since = now - 2 * 24 * 60 * MINUTE;
        let mut ended: Vec<(bool, i64, usize)> = Vec::new();
        for id in 0..model.members() {
            let member = model.member(id);
            let expired = member.entries.iter().rev().take(5).filter(|entry| entry.kind == "expire");
            let lots = expired.flat_map(|entry| &entry.lots).chain(&member.standing.lots);
            let lots = lots.filter(|lot| since < lot.expires_at && lot.expires_at <= now);
            ended.extend(lots.map(|lot| (lot.held_until.is_some(), lot.expires_at, id)));
        }
        if let Some(&(_, end, id)) = ended.iter().max() {
            (redeem.member, redeem.occurred_at) = (Some(id), Some(end - 1));
            redeem.points = available(model, Some(id)).max(0) + self.dice.between(1, 40);
        }
    }

    pub(crate) fn cancel(&mut self, _: &Model, _: i64) -> Op {
        let redeem = match self.way {
            Way::Signed => self.redeems.iter().rev().find(|(redeem, _)| redeem.brand == PARTNER).cloned(),
            _ => Writer::one_of(&mut self.dice, &self.redeems),
        };
        let key = redeem.map(|(redeem, _)| redeem.key());
        let redemption = key.filter(|_| self.dice.below(50) > 0);
        let points = self.dice.percent(50).then(|| self.dice.between(1, 30));
        let refund_id = self.dice.percent(40).then(|| format_smolstr!("c{}", self.fresh()));
        Op::command(Command::Cancel(Cancel { redemption, points, refund_id }), self.way)
    }
}
