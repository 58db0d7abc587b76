//! Orders that change: what one consists of now, and the revision that said so (rules, 4).

use super::{Order, OrderState};
use crate::number::{Fraction, Money, SignedMoney};

impl Order {
    /// Whether anything in it has a price: a discount alone is nothing.
    pub fn has_goods(&self) -> bool {
        match self.lines.is_empty() {
            true => self.amount > Money(0),
            false => self.lines.iter().any(|line| line.amount > SignedMoney(0)),
        }
    }

    /// Whether anything with a price remains after those refunds.
    pub fn has_goods_left(&self, state: &OrderState) -> bool {
        match self.lines.is_empty() {
            true => self.amount > state.amount,
            false => {
                let mut lines = self.lines.iter().zip(&state.units);
                lines.any(|(line, units)| line.amount > SignedMoney(0) && *units < line.quantity)
            }
        }
    }

    /// Whether those refunds have taken all of it.
    pub fn is_all_refunded(&self, state: &OrderState) -> bool {
        match self.lines.is_empty() {
            true => self.amount == state.amount,
            false => self.lines.iter().zip(&state.units).all(|(line, units)| *units == line.quantity),
        }
    }
}

/// An order as it now stands: its newest telling, and what has become of that since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderNow {
    /// What has been refunded of the newest telling, and what the order has earned after that. Refunds and points
    /// taken are counted from the first telling on.
    pub state: OrderState,
    /// The number of the newest telling; the first is 1.
    pub revision: u32,
    /// The order as the newest telling has it; `None` while the first one stands.
    pub revised: Option<Box<Order>>,
    /// Points that it has brought in since its first telling; those taken back are in the state.
    pub given: u64,
    /// Points that limits have counted for it: the most that it has ever had.
    pub counted: u64,
    /// Growth that was to be taken and was not there any more; it does not enter again.
    pub growth_lost: u64,
    /// Whether there were goods above 0 in any of its tellings. One that never had any counts, whatever is left.
    pub was_above: bool,
    /// Whether the newest telling left nothing of it, so that no refund did.
    pub revised_away: bool,
}

impl OrderNow {
    /// An order that was just told for the first time.
    pub fn new(first: &Order) -> OrderNow {
        OrderNow {
            state: OrderState::new(first),
            revision: 1,
            revised: None,
            given: first.granted,
            counted: first.granted,
            growth_lost: 0,
            was_above: first.has_goods(),
            revised_away: false,
        }
    }

    /// The order as its newest telling has it, which was told first as `first`.
    pub fn order<'a>(&'a self, first: &'a Order) -> &'a Order {
        self.revised.as_deref().unwrap_or(first)
    }

    /// Points that were to be taken and were let go or found expired; they do not enter again.
    pub fn lost(&self) -> u64 {
        // Whatever it brought in it still has, or it was taken back.
        self.given.saturating_sub(self.state.points).saturating_sub(self.state.taken)
    }

    /// Stops where more was taken back than came in.
    pub(crate) fn must_add_up(&self) {
        let (points, taken, given) = (self.state.points, self.state.taken, self.given);
        assert!(
            points + taken <= given,
            "{taken} points are taken of an order that gave {given} and has {points}"
        );
    }

    /// Whether refunds left nothing of it.
    pub fn is_refunded(&self) -> bool {
        self.state.closed && !self.revised_away
    }
}

/// A revision: what an order consists of from now on, and what that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRevised {
    /// Its number, from 2.
    pub revision: u32,
    /// The order as it would be, had it been told so at first; `granted` is what it has earned as it stands.
    pub order: Order,
    /// Points that limits count for its day, beyond those that they have counted.
    pub counted: u64,
    /// Points that entered.
    pub added: u64,
    /// Points that were taken, debt included; what was let go or had expired is not. If any entered, none were.
    pub taken: u64,
    /// What remained of the order's amount before, in whole minor units.
    pub remained: Money,
    /// What had remained beyond them.
    pub rest_before: Fraction,
    /// Whether something remains from now on, nothing having remained before.
    pub reopens: bool,
    /// Whether nothing remains from now on, something having remained before.
    pub closes: bool,
    /// What has become of the order.
    pub after: OrderState,
}
