//! Text to records: cells between delimiters, in quotes or not, and the lines they stand in.
//!
//! A record keeps what a lenient reader hides: over which lines it goes, where its quote opened, and whether
//! text stands beside quotes. That tells a quote that swallowed a thousand rows from an address of two lines.

use std::borrow::Cow;

use crate::{Lines, Unreadable};

/// A record as it stands in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// Its lines.
    pub lines: Lines,
    /// Its cells, out of their quotes.
    pub cells: Vec<Cow<'a, str>>,
    /// The line of the first quote that goes on over a line break.
    pub quote: Option<u64>,
    /// The cell beside whose quotes there is text.
    pub beside: Option<usize>,
    /// Where it begins, in bytes.
    pub start: usize,
}

impl Record<'_> {
    /// Whether it has nothing but blanks.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// The records of a text, one after the other.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    delimiter: u8,
}

impl<'a> Records<'a> {
    /// The records from that byte on, which is the beginning of that line. The delimiter is a byte of plain ASCII
    /// that is neither a quote nor a line's end.
    pub fn from(text: &'a str, at: usize, line: u64, delimiter: u8) -> Records<'a> {
        debug_assert!(delimiter.is_ascii() && !matches!(delimiter, b'"' | b'\r' | b'\n'));
        Records { text, at, line, delimiter }
    }

    /// Where the next record begins, in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The line in which the next record begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next record; `None` at the end of the text.
    ///
    /// # Errors
    /// A quote opens and never closes.
    pub fn read(&mut self) -> Result<Option<Record<'a>>, Unreadable> {
        if self.at >= self.text.len() {
            return Ok(None);
        }
        let (first, start) = (self.line, self.at);
        let mut record =
            Record { lines: Lines::one(first), cells: Vec::new(), quote: None, beside: None, start };
        loop {
            let cell = match self.byte() {
                Some(b'"') => self.quoted(&mut record)?,
                _ => self.plain(&mut record),
            };
            record.cells.push(cell);
            // In the middle of a record its line is that in which it goes on.
            record.lines.last = self.line;
            match self.byte() {
                Some(byte) if byte == self.delimiter => self.at += 1,
                _ => break,
            }
        }
        self.end_line();
        Ok(Some(record))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over a line's end, if one is here: CR, LF or both.
    fn end_line(&mut self) -> bool {
        let length = match self.text.as_bytes().get(self.at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\r' | b'\n', ..]) => 1,
            _ => return false,
        };
        self.at += length;
        self.line += 1;
        true
    }

    /// A cell without quotes around it, up to the delimiter or the line's end.
    fn plain(&mut self, record: &mut Record<'a>) -> Cow<'a, str> {
        let bytes = &self.text.as_bytes()[self.at..];
        let ends = |byte: &u8| *byte == self.delimiter || matches!(byte, b'\r' | b'\n');
        let length = bytes.iter().position(ends).unwrap_or(bytes.len());
        let cell = &self.text[self.at..self.at + length];
        self.at += length;
        if cell.contains('"') {
            record.beside.get_or_insert(record.cells.len());
        }
        Cow::Borrowed(cell)
    }

    /// A cell that begins with a quote.
    fn quoted(&mut self, record: &mut Record<'a>) -> Result<Cow<'a, str>, Unreadable> {
        let opened = self.line;
        self.at += 1;
        let mut cell = Cow::Borrowed("");
        loop {
            let bytes = &self.text.as_bytes()[self.at..];
            let Some(length) = bytes.iter().position(|byte| matches!(byte, b'"' | b'\r' | b'\n')) else {
                let detail = "a quote opens in this line and never closes; \
                              if it belongs to the text, double it and put quotes around the cell";
                return Err(Unreadable::new("unclosed_quote", detail).at(opened));
            };
            append(&mut cell, &self.text[self.at..self.at + length]);
            self.at += length;
            if self.byte() != Some(b'"') {
                let start = self.at;
                self.end_line();
                append(&mut cell, &self.text[start..self.at]);
                record.quote.get_or_insert(opened);
                continue;
            }
            self.at += 1;
            if self.byte() != Some(b'"') {
                break;
            }
            append(&mut cell, "\"");
            self.at += 1;
        }
        let rest = self.plain(record);
        if !rest.trim().is_empty() {
            record.beside.get_or_insert(record.cells.len());
            append(&mut cell, &rest);
        }
        Ok(cell)
    }
}

/// The text goes on; it is copied only if it has begun already.
fn append<'a>(cell: &mut Cow<'a, str>, more: &str) {
    if more.is_empty() {
        return;
    }
    cell.to_mut().push_str(more);
}
