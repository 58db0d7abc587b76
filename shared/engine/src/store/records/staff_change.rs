//! A change by staff.

use domain::{member::MemberId, time::Instant};

use super::{By, Stored, layout::layout};
use crate::store::id::RequestId;

/// A change by staff, written in one commit with the change itself. It holds no personal data: who needs to know
/// what a field held asks what it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaffChangeRecord {
    /// When.
    pub at: Instant,
    /// Who did it.
    pub by: By,
    /// The caller's name then; empty if it has none.
    pub name: String,
    /// What was done, as a word such as `member.corrected`.
    pub what: String,
    /// What it was done to.
    pub on: On,
    /// Which part of that: a badge, a partner's key, a version.
    pub about: Option<String>,
    /// Why, where it was said.
    pub reason: Option<String>,
    /// The request; `None` if there was none.
    pub request: Option<RequestId>,
}

/// What something was done to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum On {
    /// What there is one of, or many things at once.
    #[default]
    Nothing,
    /// That member.
    Member(MemberId),
    /// What is known by that text: a caller, a brand, a webhook, a month.
    Named(String),
}

impl Stored for StaffChangeRecord {}

layout! { struct StaffChangeRecord { at, by, name, what, on, about, reason, request } }
layout! { enum On { 0 = Nothing, 1 = Member(id), 2 = Named(text) } }
