//! The claim on an identity.

use domain::member::MemberId;

use super::{Stored, layout::layout};

/// An identity's claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimRecord {
    /// Whose it is.
    pub member: MemberId,
}

impl Stored for ClaimRecord {}

layout! { struct ClaimRecord { member } }
