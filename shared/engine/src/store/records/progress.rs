//! How far the remembered requests have been looked through.

use super::{Stored, layout::layout};

/// How far requests have been looked through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Progress {
    /// Slices that have been looked through, counted from the first day on: a round of all of them
    /// follows the other.
    pub(crate) slices: u64,
    /// Where to continue in the next one, if not at its beginning.
    pub(crate) from: Option<Vec<u8>>,
}

impl Stored for Progress {}

layout! { struct Progress { slices, from } }
