//! A function's answer.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Kind, Problem};

/// The type of nearly every answer.
const JSON: &str = "application/json";

/// A function's answer: a status and a body, which is JSON unless it says otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The body's type, for `Content-Type`.
    pub media_type: &'static str,
    /// What its contents are known by, for `ETag`.
    pub etag: Option<String>,
    /// Whether it repeats an earlier answer.
    pub replayed: bool,
}

impl Answer {
    /// An answer with that body.
    ///
    /// # Panics
    /// Never: structs with string keys, written to memory.
    #[expect(clippy::expect_used, reason = "an answer that cannot be written must not go out empty")]
    pub fn new(status: u16, body: &(impl Kind + Serialize)) -> Answer {
        let body = serde_json::to_vec(body).expect("structs with string keys, written to memory");
        Answer { status, body, media_type: JSON, etag: None, replayed: false }
    }

    /// A table (RFC 4180).
    pub fn csv(body: String) -> Answer {
        let media_type = "text/csv; charset=utf-8; header=present";
        Answer { status: 200, body: body.into_bytes(), media_type, etag: None, replayed: false }
    }

    /// An image (SVG).
    pub fn svg(body: String) -> Answer {
        let media_type = "image/svg+xml";
        Answer { status: 200, body: body.into_bytes(), media_type, etag: None, replayed: false }
    }

    /// The same with an `ETag`.
    #[must_use]
    pub fn tagged(mut self, etag: String) -> Answer {
        self.etag = Some(etag);
        self
    }

    /// The same, marked as a repeat of an earlier answer or not.
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

/// One of our stored answers, to which something is added that is never stored.
pub struct KeptAnswer(Map<String, Value>);

impl KeptAnswer {
    /// The answer of these bytes.
    ///
    /// # Errors
    /// 500 `internal`: the bytes are not one of our answers.
    pub fn of(body: &[u8]) -> Result<KeptAnswer, Problem> {
        serde_json::from_slice(body).map(KeptAnswer).map_err(|_| Problem::broken("a kept answer is no JSON"))
    }

    /// What it says there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The same with that value set, at the end if it was missing.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> KeptAnswer {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The answer.
    pub fn answer(&self, status: u16) -> Answer {
        let body = Value::Object(self.0.clone()).to_string().into_bytes();
        Answer { status, body, media_type: JSON, etag: None, replayed: false }
    }
}

impl From<engine::records::Answer> for Answer {
    fn from(kept: engine::records::Answer) -> Answer {
        Answer { status: kept.status, body: kept.body, media_type: JSON, etag: None, replayed: false }
    }
}

impl From<engine::Told> for Answer {
    fn from(told: engine::Told) -> Answer {
        Answer::from(told.answer).replayed(told.replayed)
    }
}
