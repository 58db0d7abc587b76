//! Orders told anew (rule 4, *Revisions*).

use super::Model;
use super::command::{Asked, Body, Command, OrderKey, Told, Whom, refuse, refuse_revision};
use super::draft::{About, Draft};
use super::earning::{Earned, Order, read_order};
use super::member::Lot;
use std::rc::Rc;

/// A revision as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revise {
    /// What the order consists of now.
    pub order: Order,
    /// Its number, from 2.
    pub revision: i64,
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    let revision = body.value["revision"].as_i64().filter(|revision| *revision != 1)?;
    let order = read_order(body).filter(|_| body.path == "/earn-points")?;
    Some(Command::Revise(Revise { order, revision }))
}

impl Revise {
    fn key(&self) -> OrderKey {
        (self.order.brand.clone(), self.order.order_id.clone())
    }
}

impl Asked for Revise {
    fn whom(&self) -> Whom {
        self.order.member
    }

    fn replayed(&self, model: &Model) -> Option<Told> {
        if let Some(told) = self.order.in_another_currency(model) {
            return Some(told);
        }
        let order = model.orders.get(&self.key())?;
        let (sent, told) = order.revisions.get(usize::try_from(self.revision - 2).ok()?)?;
        Some(order.told_again(**sent == self.order, told))
    }

    fn member(&self, model: &Model) -> Result<usize, Told> {
        let named = self.whom().ok_or_else(|| refuse(404, "member_not_found"))?;
        match model.orders.get(&self.key()) {
            Some(order) if model.reach(order.member) == model.reach(named) => Ok(named),
            order => Err(refuse_revision("order_conflict", order.map_or(0, Earned::revision))),
        }
    }

    fn decide(&self, draft: &mut Draft<'_>, model: &Model) -> Result<Told, Told> {
        draft.revise(self, model.orders[&self.key()].clone())
    }
}

impl Earned {
    /// The number of its last telling.
    pub(crate) fn revision(&self) -> i64 {
        self.revisions.len() as i64 + 1
    }

    /// A telling comes again, with that answer if its content is the same.
    pub(crate) fn told_again(&self, same: bool, told: &Told) -> Told {
        if !same {
            return refuse_revision("order_conflict", self.revision());
        }
        match self.refunded {
            true => refuse_revision("order_refunded", self.revision()),
            false => told.clone(),
        }
    }
}

impl Draft<'_> {
    fn revise(&mut self, sent: &Revise, mut order: Earned) -> Result<Told, Told> {
        let told_at = sent.order.occurred_at;
        if sent.revision != order.revision() + 1 || told_at.is_some_and(|at| at != order.occurred) {
            return Err(refuse_revision("order_conflict", order.revision()));
        }
        if sent.revision > 200 {
            return Err(refuse(409, "too_many_refunds"));
        }
        let (remained, counted) = (order.remains(), !order.gone);
        order.retell(&sent.order)?;
        let (calculated, growth) = order.worth();
        // What was counted once is not counted again.
        let date = order.program.calendar.date(order.occurred);
        let more = self.allowed(&order.program, date, (calculated - order.counted).max(0), order.counted);
        let granted = calculated.min(order.counted) + more;
        self.granted = Some((date, more));
        order.counted += more;

        let growth_change = self.regrow(&mut order, growth);
        let (change, lots) = self.repoint(&mut order, granted, growth_change > 0)?;
        let before = self.member.growth;
        let grown = self.member.change_growth(growth_change);
        assert_eq!(grown, growth_change, "no more growth is taken than there is");

        order.was_above |= order.goods_left();
        order.gone = order.was_above && !order.goods_left();
        order.refunded = false;
        let facts = &mut self.member.orders;
        facts.count += i64::from(!order.gone) - i64::from(counted);
        facts.any_gone |= order.gone;
        facts.remains = facts.remains.minus(&remained).plus(&order.remains());
        let about = About {
            brand: &sent.order.brand,
            order_id: Some(&sent.order.order_id),
            occurred: order.occurred,
        };
        let entry = self.record("revise", change, growth_change, lots, Some(about));
        let mut done = self.finish(200, before, Some(entry));
        done.earned = Some((granted, calculated));
        let told = Told::Done(Box::new(done));
        order.revisions.push((Rc::new(sent.order.clone()), Rc::new(told.clone())));
        self.order = Some((sent.key(), order));
        Ok(told)
    }

    /// The change of the member's growth that leaves the order with so much. What was not there when it was to be
    /// taken does not come again.
    fn regrow(&self, order: &mut Earned, growth: i64) -> i64 {
        let wanted = growth - std::mem::replace(&mut order.growth, growth);
        if wanted < 0 {
            let taken = wanted.max(-self.member.growth);
            order.growth_lost += taken - wanted;
            return taken;
        }
        let again = wanted.min(order.growth_lost);
        order.growth_lost -= again;
        wanted - again
    }

    /// The same of points: more comes in like an earning, less goes like a refund. Returns the entry's points and
    /// lots.
    fn repoint(&mut self, order: &mut Earned, granted: i64, grows: bool) -> Result<(i64, Vec<Lot>), Told> {
        let wanted = granted - std::mem::replace(&mut order.points, granted);
        if wanted < 0 {
            if grows {
                self.must_be_active()?;
            }
            let (taken, lots) = self.take_back(order, -wanted);
            order.lost += -wanted - taken;
            return Ok((-taken, lots));
        }
        let again = wanted.min(order.lost);
        order.lost -= again;
        let coming = wanted - again;
        if coming > 0 || grows {
            self.must_be_active()?;
        }
        if coming == 0 {
            return Ok((0, Vec::new()));
        }
        let program = self.program().clone();
        let mut lot = Lot { points: coming, ..order.own_lot(self.now) };
        if program.by_inactivity() || !self.has_own_lot(order) {
            lot.expires_at = self.ends(&program, order.occurred);
        }
        self.member.is_active(&program, self.now);
        Ok((coming, self.member.put(vec![lot])))
    }
}
