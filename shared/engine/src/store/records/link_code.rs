//! A link code.

use domain::{id::BrandId, member::MemberId, time::Instant};

use super::{By, Stored, layout::layout};
use crate::store::id::Reference;

/// A code that links a member to a partner. Only its keyed hash is stored, as its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkCodeRecord {
    /// Whom it links.
    pub member: MemberId,
    /// The partner it is for.
    pub brand: BrandId,
    /// Who asked for it.
    pub by: By,
    /// When.
    pub asked_at: Instant,
    /// The reference that it was exchanged for, once used.
    pub used: Option<Reference>,
}

impl Stored for LinkCodeRecord {}

/// When a code was requested, as stored among the member's records.
impl Stored for Instant {}

layout! { struct LinkCodeRecord { member, brand, by, asked_at, used } }
