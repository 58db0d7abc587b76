//! Rows that are one person's, so that they land one after the other.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use engine::store::Claim;
use files::{Row, Sheet};

use crate::Reading;

/// Digits of a number by which rows are held together.
const DIGITS: usize = 9;

/// Identities that are looked up together.
const ASKED: usize = 64;

/// Numbers of rows, held together by person, in the order of their first rows: by their identities in the one form,
/// and by the members that have these.
pub(crate) async fn of(reading: Reading<'_>, sheet: &Sheet) -> Result<Vec<Vec<usize>>, engine::Error> {
    let hash = |of: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        of(&mut hasher);
        hasher.finish()
    };
    let mut names: Vec<Vec<u64>> = Vec::with_capacity(sheet.len());
    let mut asked: Vec<Claim> = Vec::new();
    let mut whose: Vec<usize> = Vec::new();
    for index in 0..sheet.len() {
        let claims = sheet.row(index).map(|row| reading.claims(&row)).unwrap_or_default();
        let forms = claims.iter().map(|claim| hash(&|hasher| claim.own.hash.hash(hasher)));
        names.push(forms.collect());
        whose.extend(std::iter::repeat_n(index, claims.len()));
        asked.extend(claims);
        if asked.len() >= ASKED || index + 1 == sheet.len() {
            let members = reading.api.engine.people().who_has(&asked).await?;
            for (index, member) in whose.drain(..).zip(members) {
                names[index].extend(member.map(|member| hash(&|hasher| member.hash(hasher))));
            }
            asked.clear();
        }
    }
    Ok(held_together(names.into_iter()))
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

/// Hashes of what a row says about who it is, told apart roughly: by the last digits of numbers and the letters of
/// addresses. Two persons under one hash cost a little time, and nothing else.
pub fn who<'a>(row: &'a Row<'_>) -> impl Iterator<Item = u64> + use<'a> {
    row.cells().filter_map(|cell| {
        let field = cell.column.field.as_str();
        let mut hash = DefaultHasher::new();
        if field.starts_with("phone") {
            let digits = cell.text.chars().filter_map(digit);
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
