//! A request that was answered.

use domain::{member::MemberId, time::Instant};

use super::{Stored, layout::layout};
use crate::store::id::ContentHash;

/// A request that was answered, remembered under its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestRecord {
    /// The hash of its content.
    pub content: ContentHash,
    /// When it was answered.
    pub at: Instant,
    /// The answer.
    pub answer: Remembered,
}

/// An answer as remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remembered {
    /// It follows from that entry.
    Entry(Vec<u8>),
    /// The answer itself; it holds no personal data.
    Whole(Answer),
    /// The answer is kept with the member's personal data.
    Personal(Vec<u8>),
    /// There was nothing to do for that member.
    Nothing(MemberId),
}

/// An answer's status and body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Stored for RequestRecord {}
impl Stored for Answer {}

layout! { struct RequestRecord { content, at, answer } }
layout! { enum Remembered { 0 = Entry(key), 1 = Whole(answer), 2 = Personal(key), 3 = Nothing(member) } }
layout! { struct Answer { status, body } }
