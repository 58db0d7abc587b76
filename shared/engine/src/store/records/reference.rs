//! A partner's reference.

use domain::member::MemberId;

use super::{Stored, layout::layout};

/// Whom a partner's reference means. It goes when the link ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceRecord {
    /// The member.
    pub member: MemberId,
}

impl Stored for ReferenceRecord {}

layout! { struct ReferenceRecord { member } }
