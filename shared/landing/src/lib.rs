//! Members from a file: each row lands whole, or is told with what to do. The command `laurel import` and
//! `POST /import` do the same here.
//!
//! Rows of one person land one after the other, and persons side by side: the store makes one durable write of
//! many commits that wait at once.

mod groups;
mod report;
mod row;

use std::collections::HashSet;

use domain::{
    id::{BalanceId, BrandId},
    member::MemberId,
    programme::Programme,
};
use edge::{Api, Problem};
use engine::{
    Coming, Request, Stay,
    store::{Claim, StoreError},
};
use files::{Reader, Sheet, Told};
use futures_util::{StreamExt as _, stream};

pub use groups::{held_together, who};
pub use report::Report;
pub use row::{Reading, identities, registration};

/// What an importer vouches for and asks for.
#[derive(Clone, Copy, Default, Debug)]
pub struct How {
    /// All identities of a row are known to be of one person.
    pub verified: bool,
    /// Balances are settled with their brands.
    pub bill: bool,
    /// A figure that was said otherwise before is corrected.
    pub correct: bool,
    /// A row with a bad optional field does not land.
    pub strict: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// Persons that land side by side, at most.
    pub at_once: usize,
}

/// Whom a row of this run has made, and which balances it has told.
#[derive(Default)]
struct Known {
    balances: HashSet<(MemberId, BrandId, BalanceId)>,
    /// Of a dry run, which makes nobody.
    people: Vec<(Claim, MemberId)>,
}

/// Lands every row of the sheet, for the caller of that request. `at` is called with the number of rows that are over.
///
/// # Errors
/// The store failed, or there is no programme; what has landed by then is known when it is landed again.
pub async fn land(
    api: &Api,
    sheet: &Sheet,
    dates: files::DateOrder,
    how: How,
    request: &Request,
    at: impl Fn(usize),
) -> Result<Report, Problem> {
    let programmes = api.engine.programme().timeline()?;
    let programme = programmes.newest();
    let reading =
        Reading { api, programme, reader: Reader { zone: programme.zone, dates }, how, now: api.clock.now() };
    let mut report = Report { rows: sheet.len() as u64, ..Report::default() };
    let mut waiting = groups::of(sheet);
    let mut at_once = how.at_once.max(1);
    let mut over = 0;
    while !waiting.is_empty() {
        let landing = stream::iter(std::mem::take(&mut waiting)).map(|group| async move {
            let landed = land_group(reading, sheet, &group, request).await;
            (group, landed)
        });
        let mut landing = std::pin::pin!(landing.buffer_unordered(at_once));
        let mut again = Vec::new();
        while let Some((group, (part, ended))) = landing.next().await {
            match ended {
                Ok(()) => {
                    report.add(part);
                    over += group.len();
                    at(over);
                }
                // The store takes no more right now: what has landed is known when it is tried again.
                Err(problem) if problem.code == edge::Code::Busy && at_once > 1 => again.push(group),
                Err(problem) => return Err(problem),
            }
        }
        if !again.is_empty() {
            at_once = (at_once / 2).max(1);
        }
        waiting = again;
    }
    report.told.sort_by_key(|told| told.lines);
    Ok(report)
}

/// The rows that may be one person's, one after the other.
async fn land_group(
    reading: Reading<'_>,
    sheet: &Sheet,
    rows: &[usize],
    request: &Request,
) -> (Report, Result<(), Problem>) {
    let mut report = Report::default();
    let mut read = Vec::with_capacity(rows.len());
    for index in rows {
        match sheet.row(*index).map_err(|told| vec![told]).and_then(|row| reading.row(&row)) {
            Ok(row) => read.push(row),
            Err(told) => report.told.extend(told),
        }
    }
    let ends: Vec<_> = read
        .iter()
        .filter_map(|row| Some((row.coming.brand.clone(), row.coming.balance.as_ref()?.expires_at)))
        .collect();
    let mut known = Known::default();
    for mut row in read {
        row.coming.ends.clone_from(&ends);
        let problem = land_row(reading, row, request, &mut known, &mut report).await;
        if let Err(problem) = problem {
            return (report, Err(problem));
        }
    }
    (report, Ok(()))
}

async fn land_row(
    reading: Reading<'_>,
    mut row: row::Ready,
    request: &Request,
    known: &mut Known,
    report: &mut Report,
) -> Result<(), Problem> {
    let Reading { api, how, .. } = reading;
    let now = api.clock.now();
    let request = Request { any_age: true, dry_run: how.dry_run, now, key: None, ..request.clone() };
    row.coming.registration.person.changed = Some(edge::changed_by(&request));
    if how.dry_run && known.repeats(&row.coming) {
        report.known += 1;
        let duplicate = row.coming.balance.is_some();
        report.told.extend(duplicate.then(|| row.duplicate()));
        return Ok(());
    }
    let came = api.engine.people().bring(&request, &row.coming, &known.balances).await;
    match came {
        Ok(came) => {
            known.note(&row.coming, came.member, came.created && how.dry_run);
            report.created += u64::from(came.created);
            report.known += u64::from(!came.created);
            report.balances += u64::from(came.points.is_some());
            report.points += came.points.unwrap_or(0);
            report.told.extend(row.landed(reading, &came.left));
        }
        Err(Stay::Duplicate) => report.told.push(row.duplicate()),
        Err(Stay::Balance { points, expires_at, billing }) => {
            report.told.push(row.conflict(reading.programme, points, expires_at, billing));
        }
        Err(Stay::Other(error)) => {
            if let engine::Error::Store(
                StoreError::Busy | StoreError::Unavailable(_) | StoreError::Unknown(_),
            ) = &error
            {
                return Err(error.into());
            }
            let problem = Problem::from(error);
            if problem.status() >= 500 {
                return Err(problem);
            }
            report.told.extend(row.refused(&problem));
        }
    }
    Ok(())
}

impl Known {
    /// Whether a dry run has met this person before, and its balance too if there is one.
    fn repeats(&self, coming: &Coming) -> bool {
        let claims = &coming.registration.claims;
        let member = self.people.iter().find(|(claim, _)| claims.contains(claim)).map(|(_, member)| *member);
        let Some(member) = member else { return false };
        let balance = coming.balance.as_ref();
        balance
            .is_none_or(|balance| self.balances.contains(&(member, coming.brand.clone(), balance.id.clone())))
    }

    fn note(&mut self, coming: &Coming, member: MemberId, makes_nobody: bool) {
        if let Some(balance) = &coming.balance {
            self.balances.insert((member, coming.brand.clone(), balance.id.clone()));
        }
        if makes_nobody {
            self.people.extend(coming.registration.claims.iter().map(|claim| (claim.clone(), member)));
        }
    }
}

/// The brand of that name, or the only one.
fn brand_of(programme: &Programme, told: Option<&str>) -> Option<BrandId> {
    match (told, programme.brands.as_slice()) {
        (Some(told), _) => Some(BrandId::of_checked(told)),
        (None, [only]) => Some(only.id.clone()),
        (None, _) => None,
    }
}

/// What is told of a problem with a row: one for each fault, or one for the problem.
fn told_of(lines: files::Lines, problem: &Problem, column: impl Fn(&str) -> (String, String)) -> Vec<Told> {
    let errors = problem.data.get("errors").and_then(serde_json::Value::as_array);
    let told = |pointer: &str, code: String, detail: String| {
        let (column, value) = column(pointer);
        Told { lines, column, value, landed: false, code: code.into(), detail }
    };
    let faults: Vec<Told> = errors
        .into_iter()
        .flatten()
        .map(|fault| {
            let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
            // Rules' own codes are told; what is wrong with a form is one code of the contract.
            let code = match text("code").as_str() {
                own @ ("tag_not_found" | "unknown_tier") => own.to_owned(),
                _ => problem.code.word().to_owned(),
            };
            told(&text("pointer"), code, text("detail"))
        })
        .collect();
    if faults.is_empty() {
        vec![told("", problem.code.word().to_owned(), problem.detail.clone())]
    } else {
        faults
    }
}
