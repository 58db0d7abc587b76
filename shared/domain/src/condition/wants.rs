//! What a question needs beside the member, as a set: whoever looks it up does so once for all of it.

use std::cmp::Reverse;

use crate::time::Instant;

/// What was needed and not given. All of it is needed to go on, so that it is looked up at once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Wants {
    /// The person behind the member.
    pub person: bool,
    /// The member's entries that were recorded at or after that moment.
    pub history: Option<Instant>,
}

impl Wants {
    /// The person.
    pub const PERSON: Wants = Wants { person: true, history: None };

    /// The entries since then.
    pub fn history(since: Instant) -> Wants {
        Wants { person: false, history: Some(since) }
    }

    /// What both need.
    #[must_use]
    pub fn and(self, other: Wants) -> Wants {
        let person = self.person || other.person;
        let since = self.history.into_iter().chain(other.history).min();
        Wants { person, history: since }
    }

    /// What the cheaper of two needs, either of which may settle it. A person is one record; a history is walked
    /// entry by entry.
    #[must_use]
    pub fn or(self, other: Wants) -> Wants {
        let cost = |wants: Wants| (wants.history.map(Reverse), wants.person);
        if cost(other) < cost(self) { other } else { self }
    }

    /// What was read, or nothing, and what it needs is wanted as well.
    pub fn collect<T>(&mut self, read: Result<T, Wants>) -> Option<T> {
        read.map_err(|wanted| *self = self.and(wanted)).ok()
    }

    /// Goes on, if nothing is wanted.
    ///
    /// # Errors
    /// What is.
    pub fn nothing(self) -> Result<(), Wants> {
        if self == Wants::default() { Ok(()) } else { Err(self) }
    }
}
