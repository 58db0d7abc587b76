//! A partner's reference.

use domain::member::MemberId;

use super::{Stored, layout::layout};

/// The member that a partner's reference means. Ending the link deletes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceRecord {
    /// The member.
    pub member: MemberId,
}

impl Stored for ReferenceRecord {}

layout! { struct ReferenceRecord { member } }
