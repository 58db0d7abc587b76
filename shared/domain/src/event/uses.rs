//! What happens when offers are used 核销, and when a use comes back (rewards.md, 5).

use crate::{
    id::{BrandId, GrantId, OfferId, OrderId, RefundId},
    number::Money,
    offer::grant::HeldBy,
};

/// Offers are used for an order, or without one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferUsed {
    /// Where.
    pub brand: BrandId,
    /// The order, or the use without one.
    pub by: HeldBy,
    /// The number of the telling, from 1.
    pub revision: u32,
    /// What is left to pay.
    pub total: Money,
    /// What was taken off list amounts.
    pub saved: Money,
    /// What of which offer.
    pub taken: Vec<OfferTaken>,
    /// What of that it had taken before, as earlier tellings left it: the difference is what this one moves.
    pub had: Vec<OfferTaken>,
    /// What offers had given by the telling before, as far as it had not come back: this one has taken its place.
    pub back: Vec<OfferGiven>,
}

/// What a use has taken of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferTaken {
    /// The offer.
    pub offer: OfferId,
    /// The version that governs.
    pub version: u32,
    /// The grant, or what the member has in its window; none where nothing is counted by member.
    pub grant: Option<GrantId>,
    /// How many pieces of that.
    pub pieces: u32,
    /// What the offer's `uses` count.
    pub uses: u64,
    /// What it was worth: what was taken off, or what an item or service is worth between brands.
    pub amount: Money,
}

/// A use comes back, in part or whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UseReversed {
    /// Where.
    pub brand: BrandId,
    /// The order, or the use without one.
    pub by: HeldBy,
    /// The shop's name of the part.
    pub refund_id: Option<RefundId>,
    /// Whether nothing of it is left.
    pub is_whole: bool,
    /// What had been given by each offer, in that version, for what comes back.
    pub back: Vec<OfferGiven>,
    /// What of grants and of what is counted comes back.
    pub restored: Vec<OfferTaken>,
}

/// What an entry says of a use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UseStep<'a> {
    /// Offers are used.
    Used(&'a OfferUsed),
    /// A use comes back, in part or whole.
    Reversed(&'a UseReversed),
}

/// What an offer had given, in that version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferGiven {
    /// The offer.
    pub offer: OfferId,
    /// The version.
    pub version: u32,
    /// How much.
    pub amount: Money,
}

/// What an entry does to a use of offers.
#[derive(Clone, Copy, Debug)]
pub struct UseMoves<'a> {
    /// Where.
    pub brand: &'a BrandId,
    /// The order, or the use without one.
    pub by: &'a HeldBy,
    /// The number of the telling, if it is one.
    pub revision: Option<u32>,
    /// What the use had of what changes.
    pub had: &'a [OfferTaken],
    /// What it has of it then.
    pub taken: &'a [OfferTaken],
    /// Whether nothing is left of the use.
    pub is_whole: bool,
}

impl<'a> UseMoves<'a> {
    pub(super) fn used(used: &'a OfferUsed) -> UseMoves<'a> {
        let OfferUsed { brand, by, revision, had, taken, .. } = used;
        UseMoves { brand, by, revision: Some(*revision), had, taken, is_whole: false }
    }

    pub(super) fn reversed(back: &'a UseReversed) -> UseMoves<'a> {
        let UseReversed { brand, by, restored, is_whole, .. } = back;
        UseMoves { brand, by, revision: None, had: restored, taken: &[], is_whole: *is_whole }
    }
}

/// The order of a use, if it is of one.
pub(super) fn order_of(by: &HeldBy) -> Option<&OrderId> {
    match by {
        HeldBy::Order(order) => Some(order),
        HeldBy::Use(_) => None,
    }
}
