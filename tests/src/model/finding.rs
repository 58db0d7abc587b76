//! An order as it now stands.

use super::{
    Model,
    command::{OrderKey, RedemptionKey},
};

/// An order, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderNow {
    /// Whose it is.
    pub member: usize,
    /// The number of its newest telling.
    pub revision: i64,
    /// What it has earned as it stands.
    pub points: i64,
    /// The same of growth.
    pub growth: i64,
    /// What remains of its money, in the currency's smallest units.
    pub remaining: i64,
    /// How many refunds it has had.
    pub refunds: usize,
    /// Points of each payment, as they were taken, in no order.
    pub paid: Vec<i64>,
}

impl Model {
    /// The order of that name, if there is one.
    pub fn order(&self, key: &OrderKey) -> Option<OrderNow> {
        let order = self.orders.get(key)?;
        let is_of_it = |(brand, order_id, _): &RedemptionKey| *brand == key.0 && *order_id == key.1;
        let paid = self.redemptions.iter().filter(|(key, _)| is_of_it(key));
        let mut paid: Vec<i64> = paid.map(|(_, redemption)| redemption.paid()).collect();
        paid.sort_unstable();
        Some(OrderNow {
            member: self.reach(order.member),
            revision: order.revision(),
            points: order.points,
            growth: order.growth,
            remaining: order.remaining_units(),
            refunds: order.refunds,
            paid,
        })
    }
}
