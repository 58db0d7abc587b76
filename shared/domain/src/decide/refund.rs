//! Refunds (rules, 6): after one, the order has earned exactly what it would have earned had it
//! been placed with only what remains of it.

use super::{Content, Draft, Rates, Stop, Worth, invalid, share};
use crate::{
    event::{EntryKind, Movement, Order, OrderLot, OrderNow, OrderRefunded, OrderState, Share},
    id::{BrandId, OrderLineId},
    number::{Currency, Fraction, Money, Quantity, SignedMoney, signed},
    programme::{Expiry, Programme},
    refusal::{Refusal, Remaining},
    shape::Fault,
};

/// The most refunds of an order.
const REFUNDS_MAX: u32 = 200;

/// The part of an order to refund.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// All that remains.
    All,
    /// An amount, of an order without lines.
    Amount(Money),
    /// Units of lines.
    Lines(Vec<RefundLine>),
}

/// Units of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundLine {
    /// The line.
    pub line_id: OrderLineId,
    /// How much of it, above 0.
    pub quantity: Quantity,
}

impl<'a> Draft<'a> {
    /// Returns the order as it is afterwards.
    pub(super) fn refund(&mut self, first: &Order, now: &OrderNow, ask: &Ask) -> Result<OrderNow, Stop> {
        let (order, state) = (now.order(first), &now.state);
        // `"all"` of nothing left is not a refund: it always gets an answer, and does not count as one.
        let nothing_left = *ask == Ask::All && (state.closed || order.is_all_refunded(state));
        if state.refunds >= REFUNDS_MAX && !nothing_left {
            return Err(Refusal::TooManyRefunds.into());
        }
        let mut after = refunded(order, now, ask, self.programme().currency)?;
        after.refunds += u32::from(!nothing_left);
        let closes = after.closed && !state.closed;
        // An open order is counted among the member's.
        if closes && self.member.orders.count == 0 {
            return Err(Stop::Torn);
        }
        let programme = self.made_under(order);
        let worth = Worth::of(&Content::left(order, &after), &Rates::of(programme, order));
        let worth = worth.ok_or(Refusal::LimitExceeded { what: "figure" })?;
        // Without discounts that are refunded more may remain than there was.
        let remained = Content::left(order, state).recorded_money();
        let left = Content::left(order, &after).exact_money();
        let (left, rest) = left.ok_or(Refusal::LimitExceeded { what: "figure" })?;
        after.rest = self.rest_after(state.rest, rest)?;
        after.points = if after.closed { 0 } else { state.points.min(worth.points) };
        after.growth = if after.closed { 0 } else { state.growth.min(worth.growth) };
        let (movement, taken) = self.take_back(
            &order.brand,
            order.lot.as_ref(),
            state.points - after.points,
            state.growth - after.growth,
        );
        after.taken += taken;
        let growth_lost = state.growth - after.growth - movement.growth.unsigned_abs();
        let after = OrderNow { state: after, growth_lost: now.growth_lost + growth_lost, ..now.clone() };
        after.must_add_up();
        let kind = EntryKind::OrderRefunded(OrderRefunded {
            brand: order.brand.clone(),
            order_id: order.order_id.clone(),
            revision: now.revision,
            amount: SignedMoney(i128::from(remained.0) - i128::from(left.0)),
            rest_before: state.rest,
            closes,
            taken,
            after: after.state.clone(),
        });
        self.record(self.context.now, movement, None, kind);
        if closes {
            self.brings_nothing(&first.brand, &first.order_id)?;
        }
        Ok(after)
    }

    /// What an order leaves beyond whole minor units, of that before and this from now on.
    pub(super) fn rest_after(&self, before: Fraction, rest: Fraction) -> Result<Fraction, Stop> {
        // What an order leaves is counted among the member's.
        let others = self.member.orders.rests.without(before).ok_or(Stop::Torn)?;
        Ok(others.admitted(rest))
    }

    /// The version of the programme that the order earned under.
    pub(super) fn made_under(&self, order: &Order) -> &'a Programme {
        let made_under = self.context.programmes.version(order.version);
        made_under.unwrap_or_else(|| panic!("an order of version {}, which is not known", order.version))
    }

    /// Takes points from the own lot of what gave them, at that brand, then from the others, then as debt; and growth.
    pub(super) fn take_back(
        &self,
        brand: &BrandId,
        lot: Option<&OrderLot>,
        points: u64,
        growth: u64,
    ) -> (Movement, u64) {
        let now = self.context.now;
        let own_lot = self.own_lot(lot);
        let own_end = own_lot.and_then(|lot| lot.expires_at);
        let expired = own_end.is_some_and(|at| at <= now);
        let mut movement =
            Movement { growth: -signed(growth.min(self.member.growth)), ..Movement::default() };
        if expired {
            return (movement, 0);
        }
        let own = own_lot.and_then(|own| self.own_share(brand, own, points));
        let from_own = own.as_ref().map_or(0, |own| own.points.unsigned_abs());
        let (others, missing) = self.take_others(points - from_own, own.as_ref());
        movement.debt = self.short(missing);
        movement.shares = own.into_iter().chain(others).collect();
        let taken = movement.points().unsigned_abs();
        (movement, taken)
    }

    /// The order's own lot. There is none if points end with inactivity: their lot moves with every activity,
    /// whatever it was when the order was made.
    pub(super) fn own_lot<'o>(&self, lot: Option<&'o OrderLot>) -> Option<&'o OrderLot> {
        let own = lot?;
        let now = self.context.now;
        // For a lot that has ended, the programme at its end says what kind of lot it was.
        let judged = match own.expires_at {
            Some(end) if end <= now => self.context.programmes.before(end),
            _ => self.programme(),
        };
        (!matches!(judged.points.expiry, Expiry::Inactivity { .. })).then_some(own)
    }

    /// What the own lot can give, held or since released.
    fn own_share(&self, brand: &BrandId, own: &OrderLot, points: u64) -> Option<Share> {
        let held_until = own.held_until.filter(|until| *until > self.context.now);
        let lot = self.member.lots.iter().find(|lot| {
            lot.expires_at == own.expires_at && lot.brand == *brand && lot.held_until == held_until
        })?;
        let taken = points.min(lot.points);
        (taken > 0).then(|| share(lot.expires_at, &lot.brand, lot.held_until, -signed(taken)))
    }

    /// What the other lots give. If anything is left to take, the own lot has given all it had.
    fn take_others(&self, points: u64, own: Option<&Share>) -> (Vec<Share>, u64) {
        if points == 0 {
            return (Vec::new(), 0);
        }
        let from_own = own.map_or(0, |own| own.points.unsigned_abs());
        let (shares, missing) = self.take(points + from_own, true);
        let is_own = |share: &Share| {
            own.is_some_and(|own| {
                share.expires_at == own.expires_at
                    && share.brand == own.brand
                    && share.held_until == own.held_until
            })
        };
        // `take` went through all lots in order. Take again without the own lot: every other lot
        // gives what is asked of it in the same order, the last one less.
        let mut rest = points;
        let others = shares.into_iter().filter(|share| !is_own(share)).filter_map(|mut share| {
            let taken = share.points.unsigned_abs().min(rest);
            rest -= taken;
            share.points = -signed(taken);
            (taken > 0).then_some(share)
        });
        let others: Vec<Share> = others.collect();
        (others, missing)
    }
}

/// The order's state once the ask is granted; points and growth are still the old ones.
fn refunded(order: &Order, now: &OrderNow, ask: &Ask, currency: Currency) -> Result<OrderState, Refusal> {
    let state = &now.state;
    let mut after = state.clone();
    match ask {
        Ask::All => {
            after.units = order.lines.iter().map(|line| line.quantity).collect();
            if order.lines.is_empty() {
                after.amount = order.amount;
            }
        }
        Ask::Amount(_) if !order.lines.is_empty() => {
            return Err(invalid(
                "/refund/amount",
                "by_lines",
                "an order with lines is refunded by line, or \"all\"",
            ));
        }
        Ask::Lines(_) if order.lines.is_empty() => {
            return Err(invalid(
                "/refund/lines",
                "by_amount",
                "an order without lines is refunded by amount, or \"all\"",
            ));
        }
        Ask::Amount(Money(0)) => return Err(invalid("/refund/amount", "out_of_range", "above 0")),
        Ask::Amount(amount) => {
            let remaining = order.amount.0 - state.amount.0;
            if amount.0 > remaining {
                return Err(Refusal::OverRefund { remaining: Remaining::Amount(Money(remaining), currency) });
            }
            after.amount = Money(state.amount.0 + amount.0);
        }
        Ask::Lines(lines) => {
            let place =
                |asked: &RefundLine| order.lines.iter().position(|line| line.line_id == asked.line_id);
            let unknown = lines.iter().enumerate().filter(|(_, asked)| place(asked).is_none());
            let unknown = unknown.map(|(index, _)| {
                let pointer = format!("/refund/lines/{index}/line_id");
                Fault::new(pointer, "unknown_line", "the order has no such line")
            });
            let unknown: Vec<Fault> = unknown.collect();
            if !unknown.is_empty() {
                return Err(Refusal::InvalidField(unknown));
            }
            for asked in lines {
                let Some(line) = place(asked) else { unreachable!("unknown lines are refused above") };
                let gone = &mut after.units[line];
                if asked.quantity.0 > order.lines[line].quantity.0 - gone.0 {
                    return Err(Refusal::OverRefund { remaining: remaining_lines(order, state) });
                }
                *gone = Quantity(gone.0 + asked.quantity.0);
            }
        }
    }
    after.closed = state.closed || now.was_above && !order.has_goods_left(&after);
    Ok(after)
}

fn remaining_lines(order: &Order, state: &OrderState) -> Remaining {
    let lines = Content::left(order, state).remaining();
    Remaining::Lines(lines.map(|(line, left)| (line.line_id.clone(), left)).collect())
}
