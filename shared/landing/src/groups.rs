//! Rows that may be one person's, so that they land one after the other.
//!
//! It is only told apart roughly here, by the last digits of numbers and the letters of addresses: two persons in
//! one group cost a little time, and nothing else.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use files::{Row, Sheet};

/// Digits of a number by which rows are held together.
const DIGITS: usize = 9;

/// Numbers of rows, held together by person, in the order of their first rows.
pub(crate) fn of(sheet: &Sheet) -> Vec<Vec<usize>> {
    held_together(sheet.rows().map(|row| row.iter().flat_map(who).collect::<Vec<u64>>()))
}

/// Places of these, held together where they share a name, in the order of their first ones.
pub fn held_together(names: impl Iterator<Item = Vec<u64>>) -> Vec<Vec<usize>> {
    let mut first: HashMap<u64, usize> = HashMap::new();
    let mut parents: Vec<usize> = Vec::new();
    for (index, names) in names.enumerate() {
        parents.push(index);
        for name in names {
            match first.get(&name) {
                Some(other) => unite(&mut parents, *other, index),
                None => _ = first.insert(name, index),
            }
        }
    }
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for index in 0..parents.len() {
        let root = root(&mut parents, index);
        let place = *places.entry(root).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(index);
    }
    groups
}

fn root(parents: &mut [usize], of: usize) -> usize {
    let mut at = of;
    while parents[at] != at {
        // Halves the way for the next one.
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

fn unite(parents: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(parents, one), root(parents, other));
    parents[one.max(other)] = one.min(other);
}

/// Hashes of what a row says about who it is.
pub fn who<'a>(row: &'a Row<'_>) -> impl Iterator<Item = u64> + use<'a> {
    row.cells().filter_map(|cell| {
        let field = cell.column.field.as_str();
        let mut hash = DefaultHasher::new();
        if field.starts_with("phone") {
            let digits = cell.text.chars().filter_map(|one| digit(one));
            let digits: Vec<u32> = digits.collect();
            digits[digits.len().saturating_sub(DIGITS)..].hash(&mut hash);
        } else if field.starts_with("email") {
            cell.text.to_lowercase().hash(&mut hash);
        } else if field.starts_with("external") || field == "member_id" {
            cell.text.hash(&mut hash);
        } else {
            return None;
        }
        Some(hash.finish())
    })
}

/// A digit, in full width too.
fn digit(one: char) -> Option<u32> {
    let plain = char::from_u32((one as u32).wrapping_sub(0xfee0)).filter(char::is_ascii_digit);
    one.to_digit(10).or_else(|| plain.and_then(|one| one.to_digit(10)))
}
