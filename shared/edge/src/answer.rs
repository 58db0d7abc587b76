//! A function's answer.

use serde::Serialize;

/// A function's answer: a status and a JSON body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// Whether it is an earlier answer again.
    pub replayed: bool,
}

impl Answer {
    /// An answer with that body.
    pub fn new(status: u16, body: &impl Serialize) -> Answer {
        // Plain structs with string keys: writing them to memory cannot fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Answer { status, body, replayed: false }
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

impl From<engine::Told> for Answer {
    fn from(told: engine::Told) -> Answer {
        Answer { status: told.answer.status, body: told.answer.body, replayed: told.replayed }
    }
}
