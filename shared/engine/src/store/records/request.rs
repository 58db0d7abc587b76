//! A request that was answered.

use domain::{member::MemberId, time::Instant};

use super::{
    Stored,
    layout::{Damaged, Layout as _, Reader, layout},
};
use crate::store::id::{AskedHash, ContentHash};

/// A request that was answered, remembered under its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestRecord {
    /// What a later request under the same key is compared with.
    pub held: Held,
    /// When it was answered.
    pub at: Instant,
    /// The answer.
    pub answer: Remembered,
}

/// What a key stands for: another request under it is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// The request's content, which is all that format 1 remembered.
    Content(ContentHash),
    /// All that the request asked.
    Asked(AskedHash),
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

impl Stored for RequestRecord {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<RequestRecord, Damaged> {
        match format {
            1 => {
                let Format1 { content, at, answer } = Format1::read(from)?;
                Ok(RequestRecord { held: Held::Content(content), at, answer })
            }
            _ => Err(Damaged),
        }
    }
}

impl Stored for Answer {}

/// A request that was answered, in format 1.
struct Format1 {
    content: ContentHash,
    at: Instant,
    answer: Remembered,
}

layout! { struct RequestRecord { held, at, answer } }
layout! { enum Held { 0 = Content(hash), 1 = Asked(hash) } }
layout! { struct Format1 { content, at, answer } }
layout! { enum Remembered { 0 = Entry(key), 1 = Whole(answer), 2 = Personal(key), 3 = Nothing(member) } }
layout! { struct Answer { status, body } }
