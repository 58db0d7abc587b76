//! Nested changes of a text, and which part of the result belongs to which mutants.

use std::ops::Range;

use serde::Serialize;

use crate::{Place, find::ArmParts};

/// Where each line begins, and how long characters are.
pub(crate) struct Lines(Vec<Vec<usize>>);

impl Lines {
    pub(crate) fn of(source: &str) -> Lines {
        let mut lines = vec![Vec::new()];
        for (offset, character) in source.char_indices() {
            if let Some(line) = lines.last_mut() {
                line.push(offset);
            }
            if character == '\n' {
                lines.push(Vec::new());
            }
        }
        if let Some(line) = lines.last_mut() {
            line.push(source.len());
        }
        Lines(lines)
    }

    /// The byte at which a place is.
    pub(crate) fn offset(&self, place: Place) -> usize {
        self.0[place.line - 1][place.column - 1]
    }
}

/// Text before and after a part of the source, which stays.
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    /// Of changes around the same part the lower is outside.
    pub(crate) rank: u8,
    before: Vec<(String, Option<usize>)>,
    after: String,
    numbers: Vec<usize>,
}

impl Edit {
    fn around(range: Range<usize>, rank: u8, before: String, after: &str) -> Edit {
        Edit { range, rank, before: vec![(before, None)], after: after.to_owned(), numbers: Vec::new() }
    }

    /// A function that returns something at once.
    pub(crate) fn returning(at: usize, is: &str, value: &str) -> Edit {
        Edit::around(at..at, 0, format!("if {is} {{ return {value}; }} "), "")
    }

    /// Something else in the place of an expression.
    pub(crate) fn instead(range: Range<usize>, is: &str, other: &str) -> Edit {
        let mut edit = Edit::around(range, 2, format!("if {is} {{ {other} }} else "), "})");
        edit.before.insert(0, ("(".to_owned(), None));
        edit.before.push(("{ ".to_owned(), None));
        edit
    }

    /// An arm that is not there.
    pub(crate) fn without(arm: &ArmParts, is: &str) -> Edit {
        match &arm.guard {
            Some(guard) => Edit::around(guard.clone(), 0, format!("!{is} && ("), ")"),
            None => Edit::around(arm.pattern_end..arm.pattern_end, 0, format!(" if !{is}"), ""),
        }
    }

    /// A guard that always holds, or never.
    pub(crate) fn guard(range: Range<usize>, is: &str, holds: bool) -> Edit {
        let before = if holds { format!("({is} || ") } else { format!("(!{is} && ") };
        Edit::around(range, 1, before + "(", "))")
    }

    /// Says whose it is.
    pub(crate) fn of(mut self, number: usize) -> Edit {
        self.numbers.push(number);
        for (text, whose) in &mut self.before {
            *whose = (text.len() > 2).then_some(number);
        }
        self
    }

    /// One more mutant around the same part.
    pub(crate) fn join(&mut self, other: Edit, number: usize) {
        let other = other.of(number);
        let own = other.before.into_iter().filter(|(_, whose)| whose.is_some());
        match self.rank {
            // `( if a { } else if b { } else { ... })`: before the last brace.
            2 => {
                let last = self.before.len() - 1;
                self.before.splice(last..last, own);
            }
            _ => {
                self.before.extend(own);
                self.after.insert_str(0, &other.after);
            }
        }
        self.numbers.push(number);
    }
}

/// A part of a rewritten file, and the mutants that it serves.
#[derive(Serialize)]
pub(crate) struct Region {
    start: usize,
    end: usize,
    mutants: Vec<usize>,
}

impl Region {
    /// So much was put before it.
    pub(crate) fn shift(&mut self, bytes: usize) {
        self.start += bytes;
        self.end += bytes;
    }
}

/// The text with all changes, and the parts that they made.
pub(crate) fn apply(source: &str, mut edits: Vec<Edit>) -> (String, Vec<Region>) {
    // A change that begins earlier, or ends later, is outside.
    edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end), edit.rank));
    let (mut text, mut regions, mut open) = (String::new(), Vec::new(), Vec::<(Edit, usize)>::new());
    let mut from = 0;
    for edit in edits {
        while let Some((outer, _)) = open.last()
            && outer.range.end <= edit.range.start
            && outer.range != edit.range
        {
            close(source, &mut text, &mut regions, &mut open, &mut from);
        }
        text.push_str(&source[from..edit.range.start]);
        from = edit.range.start;
        let start = text.len();
        for (before, whose) in &edit.before {
            let began = text.len();
            text.push_str(before);
            if let Some(number) = whose {
                regions.push(Region { start: began, end: text.len(), mutants: vec![*number] });
            }
        }
        open.push((edit, start));
    }
    while !open.is_empty() {
        close(source, &mut text, &mut regions, &mut open, &mut from);
    }
    text.push_str(&source[from..]);
    (text, regions)
}

fn close(
    source: &str,
    text: &mut String,
    regions: &mut Vec<Region>,
    open: &mut Vec<(Edit, usize)>,
    from: &mut usize,
) {
    let Some((edit, start)) = open.pop() else { return };
    text.push_str(&source[*from..edit.range.end]);
    *from = edit.range.end;
    text.push_str(&edit.after);
    regions.push(Region { start, end: text.len(), mutants: edit.numbers });
}
