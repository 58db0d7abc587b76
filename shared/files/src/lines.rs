//! Where something stands in a file.

use std::fmt;

/// The lines of a record, from 1, the header's included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lines {
    /// The first.
    pub first: u64,
    /// The last; the first again, unless a quoted cell has line breaks.
    pub last: u64,
}

impl Lines {
    /// One line.
    pub fn one(line: u64) -> Lines {
        Lines { first: line, last: line }
    }

    /// From the first of these to the last of those.
    #[must_use]
    pub fn through(self, other: Lines) -> Lines {
        Lines { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// Reads what [`Lines`] shows.
    pub fn parse(text: &str) -> Option<Lines> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some(Lines { first: first.parse().ok()?, last: last.parse().ok()? })
    }
}

/// `7`, or `11-2000`.
impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}
