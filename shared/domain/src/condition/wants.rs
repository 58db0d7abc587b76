//! What a question needs besides the member, as a set, so that one look-up serves all of it.

use std::cmp::Reverse;

use crate::time::Instant;

/// What was needed and missing. All of it is needed to continue, so it is looked up at once.
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

    /// What the cheaper of two questions needs, either of which may decide. A person is one record; a history
    /// is read entry by entry.
    #[must_use]
    pub fn or(self, other: Wants) -> Wants {
        let cost = |wants: Wants| (wants.history.map(Reverse), wants.person);
        if cost(other) < cost(self) { other } else { self }
    }

    /// The value, or nothing, in which case what it needs is added to the wants.
    pub fn collect<T>(&mut self, read: Result<T, Wants>) -> Option<T> {
        read.map_err(|wanted| *self = self.and(wanted)).ok()
    }

    /// Succeeds if nothing is wanted.
    ///
    /// # Errors
    /// What is.
    pub fn nothing(self) -> Result<(), Wants> {
        if self == Wants::default() { Ok(()) } else { Err(self) }
    }
}
