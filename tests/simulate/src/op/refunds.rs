//! Refunds of orders.

use std::fmt::Write as _;

use laurel_tests::model::{
    Model,
    command::{Cancel, Command, Refund, Refunded},
};
use smol_str::{SmolStr, format_smolstr};

use super::{Commanded, Names, Op, PARTNER, Way};
use crate::{faults::Kind, generate::Writer};

impl Commanded for Refund {
    fn kind(&self) -> Kind {
        Kind::Refund
    }

    fn is_recognised(&self, keyed: bool) -> bool {
        keyed || self.refund_id.is_some()
    }

    fn must_repeat(&self, keyed: bool) -> bool {
        self.is_recognised(keyed)
    }

    fn about(&self, model: &Model) -> Option<usize> {
        model.owner(&self.order)
    }

    fn reads_apart(&self) -> bool {
        true
    }

    fn write(&self, _: &Names<'_>, _: Way, out: &mut String) -> String {
        let (brand, order_id) = &self.order;
        _ = write!(out, r#"{{"brand":"{brand}","order_id":"{order_id}","refund":"#);
        match &self.what {
            Refunded::All => out.push_str(r#""all""#),
            Refunded::Amount(amount) => _ = write!(out, r#"{{"amount":"{amount}"}}"#),
            Refunded::Lines(lines) => {
                for (place, (line_id, quantity)) in lines.iter().enumerate() {
                    out.push_str(if place == 0 { r#"{"lines":["# } else { "," });
                    _ = write!(out, r#"{{"line_id":"{line_id}","quantity":{quantity}}}"#);
                }
                out.push_str("]}");
            }
        }
        if let Some(refund_id) = &self.refund_id {
            _ = write!(out, r#","refund_id":"{refund_id}""#);
        }
        "/reverse".to_owned()
    }
}

impl Writer {
    pub(crate) fn refund(&mut self, _: &Model, _: i64) -> Op {
        if self.dice.percent(5)
            && let Some((again, way)) = Writer::one_of(&mut self.dice, &self.refunds)
            && self.is_sent(&again.order.0, way)
        {
            return Op::command(Command::Refund(again), way);
        }
        let found = match self.way {
            // A partner reverses only its own.
            Way::Signed => self.orders.iter().rev().find(|(order, _)| order.brand == PARTNER).cloned(),
            _ => Writer::one_of(&mut self.dice, &self.orders),
        };
        let Some((order, _)) = found else {
            return Op::command(
                Command::Cancel(Cancel { redemption: None, points: None, refund_id: None }),
                Way::Plain,
            );
        };
        let other_way = self.dice.percent(3);
        let what = if self.dice.percent(25) {
            Refunded::All
        } else if order.lines.is_empty() == other_way {
            let mut parts = Vec::new();
            for line in &order.lines {
                if parts.is_empty() || self.dice.percent(40) {
                    let part = match line.quantity.parse() {
                        Ok(pieces) => format_smolstr!("{}", self.dice.between(1, pieces)),
                        // Of a weight.
                        Err(_) => {
                            SmolStr::new_static(self.dice.pick(&[r#""0.001""#, r#""0.25""#, r#""1.1""#]))
                        }
                    };
                    parts.push((line.line_id.clone(), part));
                }
            }
            if parts.is_empty() {
                parts.push((SmolStr::new_static("0"), SmolStr::new_static("1")));
            }
            Refunded::Lines(parts)
        } else {
            let amount = order.amount.as_deref().unwrap_or("1.00");
            let whole: i64 = amount.replace('.', "").parse().unwrap_or(100);
            let part = self.dice.between(1, 4);
            let units = self.dice.between(1, whole / part + 1);
            Refunded::Amount(self.money(units))
        };
        let order_id = match self.dice.below(60) {
            0 => SmolStr::new_static("never-seen"),
            _ => order.order_id,
        };
        let refund_id = self.dice.percent(70).then(|| format_smolstr!("f{}", self.fresh()));
        let refund = Refund { order: (order.brand, order_id), what, refund_id };
        let dry_run = self.way == Way::Plain && self.dice.below(40) == 0;
        if !dry_run && refund.refund_id.is_some() {
            self.refunds.push((refund.clone(), self.way));
        }
        Op::command(Command::Refund(refund), self.tried(dry_run))
    }
}
