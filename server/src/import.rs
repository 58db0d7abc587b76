//! `laurel import`: members with their opening balances from CSV. Good rows are imported, bad ones reported;
//! running it again changes nothing.

use std::{io::Read, process::ExitCode};

use csv::StringRecord;
use domain::{
    decide::Adjust,
    id::{AdjustmentId, BrandId},
    json::Json,
    member::MemberId,
    number::{Figure, SignedFigure},
    time::Instant,
};
use edge::{Api, Code, Problem};
use engine::{Act, Registration, Request, Whom, id::ContentHash, records::By, store::Claim};
use sha2::{Digest, Sha256};

use crate::{
    cli::Import,
    progress,
    rows::{self, Columns, Rejected, object, text},
    start::{self, StartError, failed},
};

const COLUMNS: &[&str] = &[
    "phone",
    "email",
    "channel",
    "external_id",
    "name",
    "birthday",
    "gender",
    "country",
    "province",
    "city",
    "district",
    "brand",
    "registered_at",
    "points",
    "expires_at",
    "growth",
];

/// The outcome for the rows of a file.
#[derive(Default, Debug)]
pub struct Imported {
    /// Rows, without the header.
    pub rows: u64,
    /// Members that were made.
    pub created: u64,
    /// Rows whose member existed already.
    pub known: u64,
    /// Opening balances that were credited.
    pub balances: u64,
    /// Their points.
    pub points: i64,
    /// Rows that were rejected.
    pub rejected: Vec<Rejected>,
}

/// What an importer vouches for.
#[derive(Clone, Copy, Default, Debug)]
pub struct Vouched {
    /// All identities of a row are known to be of one person.
    pub verified: bool,
    /// Opening balances are settled with their brands.
    pub bill: bool,
}

/// The outcome for a row.
struct Landed {
    created: bool,
    /// Points of an opening balance that was not there before.
    points: Option<i64>,
}

/// Imports the file.
pub(crate) async fn import(import: &Import) -> Result<ExitCode, StartError> {
    let opened = start::open(&import.data).await?;
    let api = start::assemble(&opened, import.program.as_deref(), import.test_clock).await?;
    start::must_not_be_settled(&api, api.clock.now()).await?;
    let (reader, columns) = rows::open(&import.file, COLUMNS)?;
    let bar = progress::bar(std::fs::metadata(&import.file).map_or(0, |file| file.len()), "importing");
    let vouched = Vouched { verified: import.verified, bill: import.bill };
    let imported = take_all(&api, reader, &columns, vouched, |byte| bar.set_position(byte)).await?;
    bar.finish_and_clear();
    finish(import, imported)
}

/// Imports a CSV text with a header: every good row is imported, every other one reported.
///
/// # Errors
/// The header has an unknown or duplicate column, or the text cannot be read.
pub async fn import_csv(api: &Api, text: impl Read, vouched: Vouched) -> Result<Imported, StartError> {
    let (reader, columns) = rows::read(text, COLUMNS)?;
    take_all(api, reader, &columns, vouched, |_| {}).await
}

/// Takes one row after the other, and calls `at` with the byte position it has reached.
async fn take_all(
    api: &Api,
    mut reader: csv::Reader<impl Read>,
    columns: &Columns,
    vouched: Vouched,
    at: impl Fn(u64),
) -> Result<Imported, StartError> {
    let mut imported = Imported::default();
    let mut row = StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {
                let line = row.position().map_or(line, csv::Position::line);
                // One after the other: if two rows name one person, the first makes the member.
                imported.count(line, take(api, columns, &row, vouched).await);
            }
            Err(error) if error.is_io_error() => return Err(failed("cannot read the file", &error)),
            Err(error) => imported.reject(line, "malformed_row", error.to_string()),
        }
        imported.rows += 1;
        at(reader.position().byte());
    }
    Ok(imported)
}

fn finish(import: &Import, mut totals: Imported) -> Result<ExitCode, StartError> {
    println!("rows {}", totals.rows);
    println!("members created {}, known before {}", totals.created, totals.known);
    println!("opening balances {}, {} points", totals.balances, totals.points);
    println!("rows rejected {}", totals.rejected.len());
    totals.rejected.sort_by_key(|row| row.line);
    let path = rows::rejected_path(&import.file, import.rejected.as_ref());
    rows::report(&path, &totals.rejected)
        .map_err(|error| failed("cannot write the rejected rows", &error))?;
    if totals.rejected.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("why is in {}", path.display());
    Ok(ExitCode::from(1))
}

impl Imported {
    fn reject(&mut self, line: u64, code: &str, detail: String) {
        self.rejected.push(Rejected { line, code: code.to_owned(), detail });
    }

    fn count(&mut self, line: u64, landed: Result<Landed, Refused>) {
        match landed {
            Ok(landed) => {
                self.created += u64::from(landed.created);
                self.known += u64::from(!landed.created);
                self.balances += u64::from(landed.points.is_some());
                self.points += landed.points.unwrap_or(0);
            }
            Err(Refused { code, detail }) => self.reject(line, code, detail),
        }
    }
}

/// Why a row was rejected.
struct Refused {
    /// A code of the contract, or a word of imports alone.
    code: &'static str,
    /// For people, in one line.
    detail: String,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        let detail = faults_or(&problem.detail, problem.data.get("errors"));
        Refused { code: problem.code.word(), detail }
    }
}

impl From<engine::Error> for Refused {
    fn from(error: engine::Error) -> Refused {
        Problem::from(error).into()
    }
}

/// A problem in words: its faults, or its detail if it has none.
pub(crate) fn faults_or(detail: &str, errors: Option<&serde_json::Value>) -> String {
    let errors = errors.and_then(serde_json::Value::as_array);
    let faults = errors.into_iter().flatten().map(|fault| {
        format!(
            "{} {}",
            fault["pointer"].as_str().unwrap_or_default(),
            fault["detail"].as_str().unwrap_or_default()
        )
    });
    let faults: Vec<String> = faults.collect();
    if faults.is_empty() { detail.to_owned() } else { faults.join("; ") }
}

/// Registers the row's member and gives it its opening balance.
async fn take(api: &Api, columns: &Columns, row: &StringRecord, vouched: Vouched) -> Result<Landed, Refused> {
    let get = |name: &str| columns.get(row, name);
    let now = api.clock.now();
    let programmes = api.engine.programme().timeline()?;
    let only = &programmes.newest().brands;
    let brand = get("brand").map(str::to_owned).or_else(|| (only.len() == 1).then(|| only[0].id.to_string()));
    let body = registration(columns, row, brand.as_deref(), vouched.verified);
    let (person, claims) = edge::person(api, edge::checked(&body)?)?;
    let brand = BrandId::of_checked(&person.brand);
    if programmes.newest().brand(&brand).is_none() {
        return Err(Problem::of(Code::BrandNotFound).into());
    }
    let registered_at = instant(get("registered_at"), "/registered_at")?.unwrap_or(now);
    if registered_at > now {
        return Err(Problem::field("/registered_at", "out_of_range", "not ahead of now").into());
    }
    let opening = opening(columns, row, &brand, vouched.bill)?;
    if let Some(adjust) = opening.clone().filter(|adjust| adjust.expires_at.is_some_and(|at| at <= now)) {
        return ended(api, &claims, adjust, now).await;
    }
    let registration =
        Registration { id: api.new_id(now).map_err(Problem::from)?, registered_at, person, claims };
    let request = Request::plain(By::Import, now);
    let cell = std::sync::Mutex::new((registration.id, false, true));
    let tell = |registered: &engine::Registered| {
        *cell.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            (registered.view.member.id, registered.created, registered.has_all);
        engine::records::Answer { status: 200, body: Vec::new() }
    };
    api.engine.people().register(&request, &registration, tell).await?;
    let (id, created, has_all) = *cell.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !has_all {
        // Nothing was written: a row that nobody vouches for adds no identity.
        let detail = "the member is known by another of the row's identities and lacks one of them; import with --verified, if all are known to be theirs";
        return Err(Refused { code: "identity_not_added", detail: detail.to_owned() });
    }
    let points = match opening {
        Some(adjust) => give(api, id, adjust, now, false).await?,
        None => None,
    };
    Ok(Landed { created, points })
}

/// A balance whose end has passed: it was imported before, or there is nothing to import.
async fn ended(api: &Api, claims: &[Claim], adjust: Adjust, now: Instant) -> Result<Landed, Refused> {
    for claim in claims {
        if let Some(id) = api.engine.records().claimed_by(claim).await?
            && let Ok(None) = give(api, id, adjust.clone(), now, true).await
        {
            return Ok(Landed { created: false, points: None });
        }
    }
    Err(Problem::field("/expires_at", "out_of_range", "ahead of now").into())
}

fn registration(columns: &Columns, row: &StringRecord, brand: Option<&str>, verified: bool) -> Json {
    let get = |name: &str| columns.get(row, name);
    let identity = |kind: &str, channel: Option<&str>, value: Option<&str>| {
        value.map(|value| {
            object([
                ("kind", text(Some(kind))),
                ("channel", text(channel)),
                ("value", text(Some(value))),
                ("verified", verified.then_some(Json::Bool(true))),
            ])
        })
    };
    let external = get("external_id").or(get("channel").map(|_| ""));
    let identities = [
        identity("phone", None, get("phone")),
        identity("email", None, get("email")),
        identity("external", get("channel"), external),
    ];
    let part = |name: &'static str| (name, text(get(name)));
    let region = object(["country", "province", "city", "district"].map(part));
    let region = (!region.fields().is_empty()).then_some(region);
    let mut profile: Vec<(&'static str, Option<Json>)> = ["name", "birthday", "gender"].map(part).to_vec();
    profile.push(("region", region));
    object([
        ("identities", Some(Json::List(identities.into_iter().flatten().collect()))),
        ("brand", text(brand)),
        ("profile", Some(object(profile))),
    ])
}

fn instant(told: Option<&str>, pointer: &str) -> Result<Option<Instant>, Problem> {
    let wrong = || Problem::field(pointer, "wrong_format", "an RFC 3339 instant");
    told.map(|told| Instant::parse(told).ok_or_else(wrong)).transpose()
}

/// The row's opening balance, if it has one.
fn opening(
    columns: &Columns,
    row: &StringRecord,
    brand: &BrandId,
    bill: bool,
) -> Result<Option<Adjust>, Problem> {
    let figure = |name: &str| {
        let wrong = || Problem::field(&format!("/{name}"), "wrong_format", "a whole number from 0");
        let told = columns.get(row, name).map(|told| told.parse::<u64>().map_err(|_| wrong())).transpose()?;
        Figure::of(told.unwrap_or(0)).map(SignedFigure::from).ok_or_else(wrong)
    };
    let (points, growth) = (figure("points")?, figure("growth")?);
    let expires_at = instant(columns.get(row, "expires_at"), "/expires_at")?;
    if points.get() == 0 && growth.get() == 0 {
        return Ok(None);
    }
    let (brand, reason) = (brand.clone(), "opening balance".to_owned());
    Ok(Some(Adjust { brand, points, growth, reason, expires_at, occurred_at: None, bill }))
}

/// An opening balance is known by its member, brand and expiry, and credited once. Returns its points, unless
/// it was known. `dry_run` only looks.
async fn give(
    api: &Api,
    id: MemberId,
    adjust: Adjust,
    now: Instant,
    dry_run: bool,
) -> Result<Option<i64>, Refused> {
    let digest = |parts: &[&[u8]]| {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        half
    };
    let expires_at = adjust.expires_at.map_or(i64::MAX, |at| at.0).to_be_bytes();
    let name = digest(&[&id.0, &expires_at, adjust.brand.as_bytes()]);
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut request = Request { any_age: true, dry_run, ..Request::plain(By::Import, now) };
    let figures = [adjust.points.get().to_be_bytes(), adjust.growth.get().to_be_bytes()].concat();
    // Settled and unsettled balances are different balances.
    let bill: &[u8] = if adjust.bill { b"bill" } else { b"" };
    request.content = ContentHash(digest(&[&figures, bill]));
    let points = adjust.points.get();
    let act = Act::adjust(Whom::Id(id), &AdjustmentId::of_checked(&format!("import:{name}")), adjust);
    let done = api.engine.ledger().execute(&request, &act).await.map_err(|error| match error {
        engine::Error::Refused(domain::refusal::Refusal::OrderConflict { .. }) => {
            let detail = "an opening balance of this member, brand and expiry was imported before with other figures, or billed otherwise";
            Refused { code: "balance_conflict", detail: detail.to_owned() }
        }
        other => other.into(),
    })?;
    Ok((!done.replayed).then_some(points))
}
