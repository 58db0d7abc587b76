//! A version of the programme.

use domain::time::Instant;

use super::{By, Stored, layout::layout};

/// A version of the programme, as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramRecord {
    /// Since when it is in force.
    pub since: Instant,
    /// Who saved it.
    pub by: By,
    /// The document's text.
    pub document: String,
}

impl Stored for ProgramRecord {}

/// The number of the newest version.
impl Stored for u32 {}

layout! { struct ProgramRecord { since, by, document } }
