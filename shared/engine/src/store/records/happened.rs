//! What happened to something that has no ledger entry, where its own record does not say it.

use domain::{id::BrandId, member::MemberId, time::Instant};

use super::{By, Stored, layout::layout};

/// What happened, in one commit with the change itself. It holds no personal data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HappenedRecord {
    /// The word of its type: see [`EventType`](domain::event::EventType).
    pub what: String,
    /// When.
    pub at: Instant,
    /// Who did it.
    pub by: By,
    /// The member it happened to, if to one.
    pub member: Option<MemberId>,
    /// The brand it concerns, if one.
    pub brand: Option<BrandId>,
    /// Ids and words about it, by their names.
    pub about: Vec<(String, String)>,
    /// The names of the fields that changed.
    pub fields: Vec<String>,
}

impl Stored for HappenedRecord {}

layout! { struct HappenedRecord { what, at, by, member, brand, about, fields } }
