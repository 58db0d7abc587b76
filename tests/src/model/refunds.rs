//! Refunds of orders (rule 6).

use super::Model;
use super::command::{Asked, Body, Command, OrderKey, Refused, Told, Whom, invalid, refuse};
use super::draft::{About, Draft};
use super::earning::{Earned, quantity};
use super::member::Lot;
use super::number::{Exact, money};
use super::program::text;
use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

/// A refund as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// The order.
    pub order: OrderKey,
    /// What of it.
    pub what: Refunded,
    /// Its name.
    pub refund_id: Option<SmolStr>,
}

/// The part of an order that is refunded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refunded {
    /// All that is left.
    All,
    /// So much.
    Amount(SmolStr),
    /// So many units of lines, as they were sent: `2`, or `"0.350"`.
    Lines(Vec<(SmolStr, SmolStr)>),
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    (body.path == "/reverse").then(|| {
        let order = (body.word("brand"), body.word("order_id"));
        let (what, refund_id) = (read_refunded(&body.value["refund"]), body.maybe("refund_id"));
        Command::Refund(Refund { order, what, refund_id })
    })
}

fn read_refunded(refund: &Value) -> Refunded {
    match (refund["lines"].as_array(), refund["amount"].as_str()) {
        _ if refund == "all" => Refunded::All,
        (Some(lines), _) => {
            let part = |part: &Value| {
                (SmolStr::new(text(&part["line_id"])), format_smolstr!("{}", part["quantity"]))
            };
            Refunded::Lines(lines.iter().map(part).collect())
        }
        (None, amount) => Refunded::Amount(SmolStr::new(amount.unwrap_or_default())),
    }
}

impl Asked for Refund {
    fn whom(&self) -> Whom {
        None
    }

    fn member(&self, model: &Model) -> Result<usize, Told> {
        model.owner(&self.order).ok_or_else(|| refuse(404, "order_not_found"))
    }

    fn reference(&self) -> Option<SmolStr> {
        let (id, (brand, order_id)) = (self.refund_id.as_ref()?, &self.order);
        Some(format_smolstr!("refund {brand} {order_id} {id}"))
    }

    fn decide(&self, draft: &mut Draft<'_>, model: &Model) -> Result<Told, Told> {
        draft.refund(self, model.orders[&self.order].clone())
    }
}

impl Draft<'_> {
    fn refund(&mut self, sent: &Refund, mut order: Earned) -> Result<Told, Told> {
        let left = order.lines.iter().any(|line| !line.left.is_zero()) || !order.left.is_zero();
        if (order.gone || !left) && sent.what == Refunded::All {
            // What costs nothing, or is a discount, goes with it.
            order.left = Exact::zero();
            order.lines.iter_mut().for_each(|line| line.left = Exact::zero());
            let growth = self.member.growth;
            let entry = self.record("reverse_earn", 0, 0, Vec::new(), Some(self.refunding(sent)));
            self.order = Some((sent.order.clone(), order));
            let mut done = self.finish(200, growth, Some(entry));
            done.taken = Some(0);
            return Ok(Told::Done(Box::new(done)));
        }
        if order.refunds == 200 {
            return Err(refuse(409, "too_many_refunds"));
        }
        let (remained, counted) = (order.remains(), !order.gone);
        reduce(&mut order, &sent.what)?;
        order.refunds += 1;
        let facts = &mut self.member.orders;
        facts.count -= i64::from(order.gone && counted);
        facts.any_gone |= order.gone;
        facts.remains = facts.remains.minus(&remained).plus(&order.remains());

        let (worth, growth) = order.worth();
        let points = order.points - order.points.min(worth);
        let growth = growth.min(order.growth);
        let growth_lost = order.growth - growth;
        (order.points, order.growth) = (order.points - points, growth);

        let (taken, lots) = self.take_back(&order, points);
        let before = self.member.growth;
        let change = self.member.change_growth(-growth_lost);
        order.lost += points - taken;
        order.growth_lost += growth_lost + change;
        let entry = self.record("reverse_earn", -taken, change, lots, Some(self.refunding(sent)));
        self.order = Some((sent.order.clone(), order));
        let mut done = self.finish(200, before, Some(entry));
        done.taken = Some(taken);
        Ok(Told::Done(Box::new(done)))
    }

    /// Whether one lot is the order's own. For a lot that has ended, the programme in force at its end decides what
    /// kind of lot it was.
    pub(crate) fn has_own_lot(&self, order: &Earned) -> bool {
        let ended = order.expires_at <= self.now;
        let judged = if ended { self.versions().before(order.expires_at) } else { &**self.program() };
        !order.program.by_inactivity() && !judged.by_inactivity()
    }

    /// Takes points that the order has earned: how many there were, and from which lots.
    pub(crate) fn take_back(&mut self, order: &Earned, points: i64) -> (i64, Vec<Lot>) {
        if !self.has_own_lot(order) {
            self.take(None, points)
        } else if order.expires_at > self.now {
            self.take(Some(&order.own_lot(self.now)), points)
        } else {
            (0, Vec::new())
        }
    }

    fn refunding<'s>(&self, sent: &'s Refund) -> About<'s> {
        About { brand: &sent.order.0, order_id: Some(&sent.order.1), occurred: self.now }
    }
}

/// Takes what is refunded off what remains of the order.
fn reduce(order: &mut Earned, what: &Refunded) -> Result<(), Told> {
    let with_lines = !order.lines.is_empty();
    match what {
        Refunded::All => {
            order.left = Exact::zero();
            order.lines.iter_mut().for_each(|line| line.left = Exact::zero());
        }
        Refunded::Lines(parts) if with_lines => {
            let known = |id: &SmolStr| order.lines.iter().any(|line| line.id == *id);
            if parts.iter().any(|(id, sent)| !known(id) || quantity(sent).is_none()) {
                return Err(invalid());
            }
            for (id, sent) in parts {
                let Some(quantity) = quantity(sent) else { continue };
                let Some(line) = order.lines.iter_mut().find(|line| line.id == *id) else { continue };
                if quantity > line.left {
                    return Err(refuse(409, "over_refund"));
                }
                line.left = line.left.minus(&quantity);
            }
        }
        Refunded::Lines(_) => return Err(invalid()),
        Refunded::Amount(amount) => {
            let amount = order.program.money(amount).filter(|amount| !with_lines && !amount.is_zero());
            let amount = amount.ok_or_else(invalid)?;
            if amount > order.left {
                let remaining = Some(money(order.remaining_units(), order.program.minor).into());
                let (status, code) = (409, "over_refund");
                return Err(Told::Refused(Refused {
                    status,
                    code,
                    balance: None,
                    remaining,
                    revision: None,
                }));
            }
            order.left = order.left.minus(&amount);
        }
    }
    let gone = order.was_above && !order.goods_left();
    order.refunded |= gone && !order.gone;
    order.gone |= gone;
    Ok(())
}
