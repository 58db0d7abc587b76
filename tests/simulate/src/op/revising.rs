//! Orders told anew.

use std::fmt::Write as _;

use laurel_tests::model::{
    DAY, Model,
    command::{Command, Revise},
};

use super::{Commanded, Names, Op, Way};
use crate::{faults::Kind, generate::Writer};

impl Commanded for Revise {
    fn kind(&self) -> Kind {
        Kind::Revise
    }

    fn is_undone(&self, model: &Model) -> bool {
        self.order.is_undone(model)
    }

    fn about(&self, model: &Model) -> Option<usize> {
        self.order.about(model)
    }

    fn reads_apart(&self) -> bool {
        true
    }

    fn write(&self, names: &Names<'_>, way: Way, out: &mut String) -> String {
        let path = self.order.write(names, way, out);
        _ = write!(out, r#","revision":{}"#, self.revision);
        path
    }
}

impl Writer {
    /// The next telling of an order, less or more of it; sometimes one that is not the next, or of another moment.
    pub(crate) fn revise(&mut self, model: &Model, now: i64) -> Op {
        let known = Writer::one_of(&mut self.dice, &self.orders);
        let Some((mut order, way)) = known.filter(|(order, way)| self.is_sent(&order.brand, *way)) else {
            return self.order(model, now);
        };
        let last = model.revision(&(order.brand.clone(), order.order_id.clone()));
        let last = last.map_or(0, |(revision, _)| revision);
        (order.amount, order.lines) = self.content();
        if self.dice.percent(60) {
            order.occurred_at = None;
        }
        if self.dice.below(60) == 0 {
            order.occurred_at = Some(now - DAY);
        }
        let revision = match self.dice.below(30) {
            0 => last + 2,
            1 => last.max(2),
            _ => (last + 1).max(2),
        };
        let dry_run = self.way == Way::Plain && self.dice.below(40) == 0;
        if !dry_run {
            // Refunds aim at what it consists of now.
            self.orders.push((order.clone(), way));
        }
        Op::command(Command::Revise(Revise { order, revision }), self.tried(dry_run))
    }
}
