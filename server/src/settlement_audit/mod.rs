//! `laurel audit --settlement 2026-11`: recomputes a month's settlement and compares it with the closed one.
//!
//! The second implementation of the arithmetic, written apart from the close (`domain::settlement`,
//! `engine::settlement`): it shares no code with them, reads only exported files, takes the month from the
//! text of an instant, follows each ledger from its first entry, and computes with exact fractions of
//! unbounded whole numbers.

mod books;
mod compare;
mod fraction;
mod offers;
mod recompute;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::ExitCode,
};

use serde_json::Value;

use crate::{
    cli::Audit,
    exported::{self, each},
    start::{self, StartError, failed},
};
use books::Books;
use recompute::Prices;

/// The most differences that are listed.
const NAMED_MAX: usize = 100;

/// Recomputes a month's settlement and compares.
pub(crate) async fn audit(audit: &Audit) -> Result<ExitCode, StartError> {
    let month = audit.settlement.map_or(String::new(), |month| month.show());
    let (books, statement) = match &audit.exported {
        Some(folder) => from_files(folder, &month)?,
        None => from_store(audit, &month).await?,
    };
    Ok(report(&month, books, statement.as_ref()))
}

async fn from_store(audit: &Audit, month: &str) -> Result<(Books, Option<Value>), StartError> {
    let opened = start::open_existing(&audit.data).await?;
    let api = start::assemble(&opened, None, None).await?;
    let mut books = Books::new(month, Prices::read(&exported::programs(&api).await?)?);
    exported::blocks(&api).await?.iter().for_each(|block| books.block(block));
    exported::offers(&api).await?.iter().for_each(|version| books.offer(version));
    exported::guests(&api).await?.iter().for_each(|line| books.guest(line));
    each(&api, &mut books, "recomputing").await?;
    let statement = exported::settlement(&api, &opened, month).await?;
    Ok((books, statement))
}

fn from_files(folder: &Path, month: &str) -> Result<(Books, Option<Value>), StartError> {
    let mut programs = Vec::new();
    lines(folder, exported::PROGRAMS, |line| programs.push(line.clone()))?;
    let mut books = Books::new(month, Prices::read(&programs)?);
    lines(folder, exported::BLOCKS, |block| books.block(block))?;
    // Exports of before there were offers have neither.
    if folder.join(exported::OFFERS).exists() {
        lines(folder, exported::OFFERS, |version| books.offer(version))?;
        lines(folder, exported::GUESTS, |line| books.guest(line))?;
    }
    lines(folder, exported::MEMBERS, |member| books.take_member(member))?;
    lines(folder, exported::LEDGER, |entry| books.take_entry(entry))?;
    let mut statement = None;
    lines(folder, exported::SETTLEMENTS, |line| {
        if line["month"] == month {
            statement = Some(line.clone());
        }
    })?;
    Ok((books, statement))
}

/// Hands over each line of an exported file.
fn lines(folder: &Path, name: &str, mut take: impl FnMut(&Value)) -> Result<(), StartError> {
    let path = folder.join(name);
    let what = format!("cannot read {}", path.display());
    let file = File::open(&path).map_err(|error| failed(&what, &error))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| failed(&what, &error))?;
        take(&serde_json::from_str(&line).map_err(|error| failed(&what, &error))?);
    }
    Ok(())
}

fn report(month: &str, books: Books, statement: Option<&Value>) -> ExitCode {
    let (mut differences, found) = books.finish();
    match statement {
        Some(statement) => differences.extend(compare::differences(&found.lines, statement)),
        None => differences.push(format!("there is no closed settlement of {month}")),
    }
    for difference in differences.iter().take(NAMED_MAX) {
        println!("{difference}");
    }
    println!(
        "{month}: {} members, {} entries, {} of them of the month, {} blocks bought, {} steps of guests' uses",
        found.members, found.entries, found.counted, found.blocks, found.guests
    );
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    found.lines.keys().for_each(|line| *sums.entry(line.word).or_default() += 1);
    let sums: Vec<String> = sums.iter().map(|(word, count)| format!("{word} {count}")).collect();
    println!("lines: {}", if sums.is_empty() { "none".to_owned() } else { sums.join(", ") });
    if differences.is_empty() {
        println!("the settlement of {month} agrees with the entries");
        return ExitCode::SUCCESS;
    }
    println!("the settlement of {month} differs from the entries: {} differences", differences.len());
    ExitCode::from(1)
}
