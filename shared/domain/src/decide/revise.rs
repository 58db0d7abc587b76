//! Revisions (rules, 4): an order is told anew, whole. After it, the order has earned exactly what it would have
//! earned so at the rates, limits and tier of its own time.

use super::{
    Content, Draft, Rates, Stop, Worth,
    earn::{EarnOrder, order_amount},
    must_move, share,
};
use crate::{
    event::{EntryKind, Movement, Order, OrderNow, OrderRevised, OrderState},
    number::{Fraction, Money, Quantity, signed},
    programme::{Expiry, Way},
    refusal::Refusal,
    time::{Day, Instant},
};

/// The most tellings of an order.
const REVISIONS_MAX: u32 = 200;

/// What a revision does to an order's points.
struct Moved {
    movement: Movement,
    /// The instant to which it moves all lots' expiry.
    moves_expiry_to: Option<Instant>,
    /// Points that enter, or are taken: one of them is 0.
    added: u64,
    taken: u64,
}

impl Draft<'_> {
    /// Returns the order as it is afterwards.
    pub(super) fn revise(
        &mut self,
        first: &Order,
        happened: Instant,
        now: &OrderNow,
        told: &EarnOrder,
        revision: u32,
    ) -> Result<OrderNow, Stop> {
        let follows = revision == now.revision + 1 && told.occurred_at.is_none_or(|at| at == happened);
        if !follows {
            return Err(Refusal::OrderConflict { revision: Some(now.revision) }.into());
        }
        if revision > REVISIONS_MAX {
            return Err(Refusal::TooManyRefunds.into());
        }
        let (before, state) = (now.order(first), &now.state);
        let order = self.retold(before, now, told)?;
        let remained = Content::left(before, state).recorded_money();
        let Moved { mut movement, moves_expiry_to, added, taken } =
            self.move_points(&order, happened, now)?;
        let growth_lost = self.move_growth(&mut movement, order.growth, now);
        if added > 0 || movement.growth > 0 {
            self.must_be_active()?;
        }
        self.check_member_day(&order.brand, Way::Issue, added)?;
        let was_above = now.was_above || order.has_goods();
        let nothing = was_above && !order.has_goods();
        let (reopens, closes) = (state.closed && !nothing, nothing && !state.closed);
        // An order of which something remains is counted among the member's.
        if closes && self.member.orders.count == 0 {
            return Err(Stop::Torn);
        }
        let after = OrderNow {
            state: OrderState {
                units: vec![Quantity::NONE; order.lines.len()],
                amount: Money(0),
                rest: self.rest_after(state.rest, Fraction::NONE)?,
                points: order.granted,
                growth: order.growth,
                refunds: state.refunds,
                closed: nothing,
                taken: state.taken + taken,
            },
            revision,
            revised: Some(Box::new(order.clone())),
            given: now.given + added,
            counted: now.counted.max(order.granted),
            growth_lost,
            was_above,
            revised_away: nothing,
        };
        after.must_add_up();
        let kind = EntryKind::OrderRevised(Box::new(OrderRevised {
            revision,
            order,
            counted: after.counted - now.counted,
            added,
            taken,
            remained: if state.closed { Money(0) } else { remained },
            rest_before: state.rest,
            reopens,
            closes,
            after: after.state.clone(),
        }));
        self.record(happened, movement, moves_expiry_to, kind);
        if closes {
            self.brings_nothing(&first.brand, &first.order_id)?;
        }
        Ok(after)
    }

    /// The order as it would be, had it been told so at first, but for what limits have counted of it since.
    fn retold(&self, before: &Order, now: &OrderNow, told: &EarnOrder) -> Result<Order, Stop> {
        let programme = self.made_under(before);
        let mut order = Order {
            channel: told.channel.clone(),
            amount: order_amount(told, programme.currency)?,
            lines: told.lines.clone(),
            ..before.clone()
        };
        let rates = Rates::of(programme, &order);
        if order.boosts.is_some() {
            order.boosts = Some(rates.boosts_of(&Content::whole(&order)));
        }
        let worth = Worth::of(&Content::whole(&order), &rates);
        let worth = worth.ok_or(Refusal::LimitExceeded { what: "figure" })?;
        (order.calculated, order.growth) = (worth.points, worth.growth);
        let (limits, day) = (&programme.points.limits, Day::from_number(order.day));
        order.granted = self.within_limits(limits, order.calculated, now.counted, day)?;
        Ok(order)
    }

    /// More enters like an earning, but for what was lost when it was to be taken; less is taken like a refund.
    fn move_points(&self, order: &Order, happened: Instant, now: &OrderNow) -> Result<Moved, Stop> {
        let had = now.state.points;
        let added = order.granted.saturating_sub(had).saturating_sub(now.lost());
        if added == 0 {
            let (movement, taken) =
                self.take_back(&order.brand, order.lot.as_ref(), had.saturating_sub(order.granted), 0);
            return Ok(Moved { movement, moves_expiry_to: None, added, taken });
        }
        let hold_days = Some(self.made_under(order).points.hold_days).filter(|days| *days > 0);
        let held_until = hold_days.map(|days| happened.plus_days(days));
        let held_until = held_until.filter(|until| *until > self.context.now);
        let (fresh, moves_expiry_to) = self.expiry(Day::from_number(order.day));
        // Where points end by inactivity, no lot is the order's own.
        let inactivity = matches!(self.programme().points.expiry, Expiry::Inactivity { .. });
        let own = self.own_lot(order.lot.as_ref()).filter(|_| !inactivity);
        let expires_at = own.map_or(fresh, |own| own.expires_at);
        let movement = self.credit(vec![share(expires_at, &order.brand, held_until, signed(added))]);
        must_move(&movement, signed(added), "a revision adds");
        Ok(Moved { movement, moves_expiry_to, added, taken: 0 })
    }

    /// Growth likewise. Returns the growth that is lost from then on.
    fn move_growth(&self, movement: &mut Movement, growth: u64, now: &OrderNow) -> u64 {
        let had = now.state.growth;
        if growth >= had {
            let entering = (growth - had).saturating_sub(now.growth_lost);
            movement.growth = signed(entering);
            return now.growth_lost - (growth - had - entering);
        }
        let taken = (had - growth).min(self.member.growth);
        movement.growth = -signed(taken);
        now.growth_lost + (had - growth - taken)
    }
}
