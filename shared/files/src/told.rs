//! What is told of a file: rows that do not land, or land without a field, and why a file cannot be read at all.

use std::{borrow::Cow, fmt};

use crate::Lines;

/// A row that did not land, or landed without one of its fields, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Its lines in the file.
    pub lines: Lines,
    /// The column, as the file's header has it; empty if it is about the whole row.
    pub column: String,
    /// What stands there.
    pub value: String,
    /// Whether the row came, without that field.
    pub landed: bool,
    /// A stable word.
    pub code: Cow<'static, str>,
    /// Why, and what to do, for people.
    pub detail: String,
}

impl Told {
    /// A whole row that does not land.
    pub fn row(lines: Lines, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Told {
        let (column, value, landed) = (String::new(), String::new(), false);
        Told { lines, column, value, landed, code: code.into(), detail: detail.into() }
    }
}

/// Why a file cannot be read at all: nothing of it lands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// A stable word.
    pub code: &'static str,
    /// The line where it shows, if it shows in one.
    pub line: Option<u64>,
    /// Why, and what to do, for people.
    pub detail: String,
}

impl Unreadable {
    /// What the whole file is refused for.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Unreadable {
        Unreadable { code, line: None, detail: detail.into() }
    }

    /// The same, and where it shows.
    #[must_use]
    pub fn at(self, line: u64) -> Unreadable {
        Unreadable { line: Some(line), ..self }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

impl std::error::Error for Unreadable {}
