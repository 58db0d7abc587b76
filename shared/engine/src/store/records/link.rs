//! A link with a partner.

use domain::time::Instant;

use super::{By, Stored, layout::layout};
use crate::store::id::Reference;

/// A link of a member with a partner, and the consent to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkRecord {
    /// The partner's name for the member.
    pub reference: Reference,
    /// Who asked for it.
    pub asked_by: By,
    /// When.
    pub asked_at: Instant,
    /// Since when it stands.
    pub linked_at: Instant,
    /// The member's newest entry then: those after it were made while the link stood.
    pub from_seq: u64,
    /// How it ended, if it has.
    pub end: Option<LinkEnd>,
}

/// The end of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkEnd {
    /// Who ended it.
    pub by: By,
    /// When.
    pub at: Instant,
    /// The member's newest entry then.
    pub seq: u64,
}

impl Stored for LinkRecord {}

layout! { struct LinkRecord { reference, asked_by, asked_at, linked_at, from_seq, end } }
layout! { struct LinkEnd { by, at, seq } }
