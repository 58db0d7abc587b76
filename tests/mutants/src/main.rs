//! Copies the sources with every mutant of a list in them, each behind a switch that is set at run time.
//!
//!     laurel-mutants LIST ROOT TREE MAP SKIPPED
//!
//! LIST is what `cargo mutants --list --json` prints, ROOT the workspace, TREE where its copy goes, MAP the
//! file that says which part of which rewritten file belongs to which mutants. A mutant's number is its place
//! in LIST, from 1. One that is in MAP can be chosen; one that is not has a form that is not rewritten, or is
//! among the numbers of SKIPPED, a JSON list.

mod edit;
mod find;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::PathBuf,
};

use serde::Deserialize;

use crate::edit::{Edit, Lines, Region, apply};

/// Every package that has mutants.
const SOURCES: [&str; 2] = ["shared/domain/src", "shared/engine/src"];

/// What the first of them gets in the copy: which mutant is chosen, and how it notes which were reached.
const CHOSEN: &str = include_str!("chosen.rs");

/// Mutants that compile may still cause warnings.
const ALLOWED: &str = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]\n";

/// A mutant as cargo-mutants lists it.
#[derive(Deserialize)]
struct Mutant {
    file: String,
    genre: String,
    package: String,
    replacement: String,
    span: Span,
}

#[derive(Deserialize)]
struct Span {
    start: Place,
}

/// Line and column, both from 1.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: usize,
    column: usize,
}

/// How a source asks whether a mutant is chosen.
fn asked(package: &str, number: usize) -> String {
    let domain = if package == "laurel-domain" { "crate" } else { "domain" };
    format!("{domain}::mutant::is({number})")
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = || arguments.next().ok_or("five paths are wanted: LIST ROOT TREE MAP SKIPPED");
    let (list, root, tree, map, skipped) = (next()?, next()?, next()?, next()?, next()?);
    let skipped: BTreeSet<usize> = serde_json::from_slice(&fs::read(skipped)?)?;
    let mutants: Vec<Mutant> = serde_json::from_slice(&fs::read(list)?)?;
    let mut files: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
    let numbered = mutants.iter().zip(1..).filter(|(_, number)| !skipped.contains(number));
    for (mutant, number) in numbered {
        files.entry(&mutant.file).or_default().push((number, mutant));
    }
    let (mut regions, mut changed) = (BTreeMap::new(), BTreeMap::new());
    for (file, mutants) in files {
        let source = fs::read_to_string(root.join(file))?;
        let (text, parts) = rewrite(&source, &mutants).map_err(|error| format!("{file}: {error}"))?;
        changed.insert(file.to_owned(), text);
        regions.insert(file.to_owned(), parts);
    }
    for folder in SOURCES {
        let lib = format!("{folder}/lib.rs");
        let text = match changed.remove(&lib) {
            Some(text) => text,
            None => fs::read_to_string(root.join(&lib))?,
        };
        for region in regions.get_mut(&lib).into_iter().flatten() {
            region.shift(ALLOWED.len());
        }
        changed.insert(lib, format!("{ALLOWED}{text}"));
    }
    let [domain, _] = SOURCES.map(|folder| format!("{folder}/lib.rs"));
    if let Some(text) = changed.get_mut(&domain) {
        text.push_str("\n#[doc(hidden)]\npub mod mutant;\n");
    }
    changed.insert(format!("{}/mutant.rs", SOURCES[0]), CHOSEN.to_owned());
    zoo::copy::make(&root, &tree, "mutants", &changed)?;
    fs::write(map, serde_json::to_vec(&regions)?)?;
    Ok(())
}

/// A source with those mutants in it, and which part belongs to which.
fn rewrite(source: &str, mutants: &[(usize, &Mutant)]) -> Result<(String, Vec<Region>), Box<dyn Error>> {
    let lines = Lines::of(source);
    let found = find::Found::in_file(&syn::parse_file(source)?, &lines);
    let mut edits: BTreeMap<(usize, usize, u8), Edit> = BTreeMap::new();
    for (number, mutant) in mutants {
        let at = lines.offset(mutant.span.start);
        let is = asked(&mutant.package, *number);
        let edit = match mutant.genre.as_str() {
            "FnValue" => Some(Edit::returning(at, &is, &mutant.replacement)),
            "BinaryOperator" => found.binary.get(&at).map(|binary| {
                let (left, right) = (&source[binary.left.clone()], &source[binary.right.clone()]);
                Edit::instead(binary.whole.clone(), &is, &format!("{left} {} {right}", mutant.replacement))
            }),
            "UnaryOperator" => found
                .unary
                .get(&at)
                .map(|unary| Edit::instead(unary.whole.clone(), &is, &source[unary.inner.clone()])),
            "MatchArm" => found.arms.get(&at).map(|arm| Edit::without(arm, &is)),
            "MatchArmGuard" => found
                .guards
                .get(&at)
                .map(|guard| Edit::guard(guard.clone(), &is, mutant.replacement == "true")),
            _ => None,
        };
        if let Some(edit) = edit {
            let key = (edit.range.start, edit.range.end, edit.rank);
            match edits.get_mut(&key) {
                Some(known) => known.join(edit, *number),
                None => _ = edits.insert(key, edit.of(*number)),
            }
        }
    }
    Ok(apply(source, edits.into_values().collect()))
}
