//! What a shop brings along from its time before Laurel: balances, and a member's standing there.
//!
//! Each is said under a name and once: the same again changes nothing, and another figure is a correction that
//! somebody asks for. So an entry keeps what was said, and not only what moved.

use crate::{
    id::{BalanceId, BrandId, TierId},
    number::Money,
    time::Instant,
};

/// What has been said of a member's standing before Laurel; `None` is what nobody said.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Opening {
    /// Growth.
    pub growth: Option<u64>,
    /// The tier.
    pub tier: Option<TierId>,
    /// When the tier ends; the inner `None` is never.
    pub tier_until: Option<Option<Instant>>,
    /// Orders. They are in no fact.
    pub prior_orders: Option<u64>,
    /// What these orders came to.
    pub prior_amount: Option<Money>,
}

impl Opening {
    /// This, and where it says nothing, that.
    #[must_use]
    pub fn or(&self, other: &Opening) -> Opening {
        Opening {
            growth: self.growth.or(other.growth),
            tier: self.tier.clone().or_else(|| other.tier.clone()),
            tier_until: self.tier_until.or(other.tier_until),
            prior_orders: self.prior_orders.or(other.prior_orders),
            prior_amount: self.prior_amount.or(other.prior_amount),
        }
    }
}

/// What has been said of a balance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balance {
    /// The name under which the shop tells it, of one member and brand.
    pub id: BalanceId,
    /// How many times it has been corrected: 0 when it is told first.
    pub number: u32,
    /// Its points; below 0 they are owed.
    pub points: i64,
    /// When it ends; `None` is never.
    pub expires_at: Option<Instant>,
    /// Until when it cannot be spent, as it was said.
    pub held_until: Option<Instant>,
    /// The number of the member's entry that 0.1.0 made of it, which had no name.
    pub instead_of: Option<u64>,
}

/// Something was brought along, or corrected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brought {
    /// The brand of the points.
    pub brand: BrandId,
    /// Why.
    pub reason: String,
    /// Whether the brand settles these points as if it had issued them, or taken them back.
    pub bill: bool,
    /// The balance as it is now said, if it is about one.
    pub balance: Option<Balance>,
    /// All that is now said of the member's standing, if it is about that.
    pub opening: Option<Opening>,
    /// The tier that the member has from now on, and when it ends, if it is about that.
    pub tier: Option<(TierId, Option<Instant>)>,
    /// Whether a running trial ends because the tier has reached it.
    pub ends_trial: bool,
}
