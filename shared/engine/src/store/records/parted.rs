//! That a record of a person was parted from another, which had answered for it.

use domain::{member::MemberId, time::Instant};

use super::{Stored, layout::layout};

/// That two records of one person were parted: what the other was answered about between shows both, is kept with the
/// other, and goes with either.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartedRecord {
    /// The other.
    pub of: MemberId,
    /// When they were joined.
    pub from: Instant,
    /// When they were parted.
    pub until: Instant,
}

impl Stored for PartedRecord {}

layout! { struct PartedRecord { of, from, until } }
