//! A function's answer.

use serde::Serialize;

/// The type of nearly every answer.
const JSON: &str = "application/json";

/// A function's answer: a status and a body, which is JSON unless it says otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The body's type, as `Content-Type` tells it.
    pub media_type: &'static str,
    /// Whether it is an earlier answer again.
    pub replayed: bool,
}

impl Answer {
    /// An answer with that body.
    pub fn new(status: u16, body: &impl Serialize) -> Answer {
        // Plain structs with string keys: writing them to memory cannot fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Answer { status, body, media_type: JSON, replayed: false }
    }

    /// A table (RFC 4180).
    pub fn csv(body: String) -> Answer {
        let media_type = "text/csv; charset=utf-8; header=present";
        Answer { status: 200, body: body.into_bytes(), media_type, replayed: false }
    }

    /// The same, as an earlier answer again or not.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Answer {
        self.replayed = replayed;
        self
    }

    /// As the engine remembers it.
    pub fn kept(&self) -> engine::records::Answer {
        engine::records::Answer { status: self.status, body: self.body.clone() }
    }
}

impl From<engine::records::Answer> for Answer {
    fn from(kept: engine::records::Answer) -> Answer {
        Answer { status: kept.status, body: kept.body, media_type: JSON, replayed: false }
    }
}

impl From<engine::Told> for Answer {
    fn from(told: engine::Told) -> Answer {
        Answer::from(told.answer).replayed(told.replayed)
    }
}
