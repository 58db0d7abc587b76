//! The answer to a command.

use laurel_tests::model::{
    Program,
    command::{Done, Refused, Told},
};
use serde::Deserialize;

use super::{
    Verdict,
    entry::{GotEntry, compare_entry},
    read, same,
};

#[derive(Deserialize)]
struct GotDone<'a> {
    #[serde(borrow)]
    entry: Option<GotEntry<'a>>,
    granted: Option<i64>,
    calculated: Option<i64>,
    upgraded_to: Option<&'a str>,
    #[serde(default)]
    badges_issued: Vec<&'a str>,
    taken: Option<i64>,
    restored: Option<i64>,
    debt: Option<i64>,
    balance: Option<GotBalance>,
    tier: Option<&'a str>,
    growth: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct GotBalance {
    pub(super) available: i64,
    pub(super) held: i64,
    pub(super) debt: i64,
}

#[derive(Deserialize)]
struct GotProblem<'a> {
    code: &'a str,
    available: Option<i64>,
    debt: Option<i64>,
    #[serde(default)]
    remaining: serde_json::Value,
    revision: Option<i64>,
}

/// The answer to a command.
pub(crate) fn compare_told(
    status: u16,
    body: &[u8],
    told: &Told,
    program: &Program,
    dry_run: bool,
) -> Verdict {
    if status != told.status() {
        let body = String::from_utf8_lossy(body);
        return Err(format!("answered {status} {body}, where the model says {told:?}"));
    }
    match told {
        Told::Refused(refused) => compare_refused(body, refused),
        Told::Done(done) => compare_done(body, done, program, dry_run),
    }
}

pub(super) fn compare_refused(body: &[u8], refused: &Refused) -> Verdict {
    let got: GotProblem = read(body)?;
    same("code", got.code, refused.code)?;
    if let Some((available, debt)) = refused.balance {
        same("available", got.available, Some(available))?;
        same("debt", got.debt, Some(debt))?;
    }
    if refused.revision.is_some() {
        same("revision", got.revision, refused.revision)?;
    }
    match &refused.remaining {
        Some(remaining) => same("remaining", &got.remaining, remaining),
        None => Ok(()),
    }
}

fn compare_done(body: &[u8], done: &Done, program: &Program, dry_run: bool) -> Verdict {
    let got: GotDone = read(body)?;
    let by_hand = done.entry.as_ref().is_none_or(|entry| entry.kind == "badge");
    match (&got.entry, &done.entry) {
        (Some(got), Some(want)) => compare_entry(got, want, Some(dry_run))?,
        (None, None) => {}
        (got, want) => return Err(format!("entry there: {}, model: {want:?}", got.is_some())),
    }
    if by_hand {
        return Ok(());
    }
    let tier = |tier: usize| program.tiers[tier].id.as_str();
    let (available, held, debt) = done.balance;
    let balance = got.balance.map(|balance| (balance.available, balance.held, balance.debt));
    same("balance", balance, Some((available, held, debt)))?;
    same("tier", got.tier, Some(tier(done.tier)))?;
    same("growth", got.growth, Some(done.growth))?;
    same("granted", got.granted, done.earned.map(|(granted, _)| granted))?;
    same("calculated", got.calculated, done.earned.map(|(_, calculated)| calculated))?;
    same("taken", got.taken, done.taken)?;
    same("restored", got.restored, done.restored)?;
    if done.taken.is_some() || done.restored.is_some() {
        same("debt", got.debt, Some(debt))?;
    }
    if done.earned.is_some() {
        same("upgraded_to", got.upgraded_to, done.upgraded.map(tier))?;
        // No rule says in which order one entry issues several.
        let mut badges = got.badges_issued;
        badges.sort_unstable();
        let mut wanted: Vec<&str> = done.badges.iter().map(smol_str::SmolStr::as_str).collect();
        wanted.sort_unstable();
        same("badges_issued", badges, wanted)?;
    }
    Ok(())
}

/// The code of a problem.
pub(crate) fn code(body: &[u8]) -> String {
    read::<GotProblem>(body).map_or(String::new(), |got| got.code.to_owned())
}
