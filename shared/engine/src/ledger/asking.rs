//! What is asked of grants, before anything is known of them.

use std::sync::Arc;

use domain::{
    decide::{IssueGrant, RevokeGrant},
    id::{BrandId, OrderId},
    number::Figure,
    offer::Offer,
};

/// An offer that is to be claimed, bought, or issued by staff.
#[derive(Clone, Debug)]
pub struct GrantAsk {
    /// The offer in its newest version.
    pub offer: Arc<Offer>,
    /// The offer's number.
    pub number: u16,
    /// Where.
    pub brand: BrandId,
    /// Whether staff issue it.
    pub by_staff: bool,
    /// How many pieces, 1 to 200.
    pub pieces: u32,
    /// What the caller expects it to cost, in points.
    pub points: Option<Figure>,
    /// The caller's own name for it, by which it is done once for ever.
    pub asked_as: Option<String>,
    /// Why, of what staff issue.
    pub reason: Option<String>,
    /// The order that it is a gift for.
    pub order_id: Option<OrderId>,
}

/// How a grant is to be taken back.
#[derive(Clone, Debug)]
pub enum Revoke {
    /// By staff, for that reason.
    Staff(String),
    /// A claim or purchase whole, with its points.
    Whole,
}

/// A command on a grant, for the rules.
pub(super) enum CommandOnGrant<'a> {
    Issue(IssueGrant<'a>),
    Revoke(RevokeGrant<'a>),
}
