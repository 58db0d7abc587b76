//! `laurel replay`: orders, redemptions and refunds from CSV, in time order, with the clock following. Every
//! event goes through the same function as a caller's request.
//!
//! After an interruption it continues where it was: it recognises recorded events by their natural keys, and
//! notes a refusal before anything later happens, so that it does not judge that event again.

use std::{collections::BTreeMap, fs::File, path::Path, process::ExitCode};

use bytes::Bytes;
use csv::{Position, StringRecord};
use domain::{json::Json, time::Instant};
use edge::Api;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    cli::Replay,
    home::AdminKey,
    import::faults_or,
    progress,
    rows::{self, Columns, Rejected, object, text},
    start::{self, StartError, failed},
};

const COLUMNS: &[&str] = &[
    "kind",
    "occurred_at",
    "brand",
    "member_id",
    "phone",
    "email",
    "channel",
    "external_id",
    "order_id",
    "line_id",
    "sku",
    "category",
    "quantity",
    "amount",
    "points",
    "refund_id",
];

/// What separates one event's rows from the next one's.
const SAME: &[&str] = &[
    "kind",
    "occurred_at",
    "brand",
    "order_id",
    "refund_id",
    "member_id",
    "phone",
    "email",
    "channel",
    "external_id",
];

/// An event: where its rows are in the file.
struct Event {
    at: Instant,
    start: Position,
    rows: usize,
}

/// The outcome for the events.
#[derive(Default)]
struct Totals {
    done: BTreeMap<&'static str, u64>,
    again: u64,
    earned: u64,
    redeemed: u64,
    taken: u64,
    rejected: Vec<Rejected>,
    /// Events that were refused, in this run and before.
    refused: u64,
}

/// How far a replay has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Events that are over, in time order.
    events: usize,
    /// How many of them were refused.
    refused: u64,
}

/// Replays the file.
pub(crate) async fn replay(replay: &Replay) -> Result<ExitCode, StartError> {
    let (mut reader, columns) = rows::open(&replay.file, COLUMNS)?;
    let mut totals = Totals::default();
    let mut events = index(&mut reader, &columns, &mut totals)?;
    events.sort_by_key(|event| event.at); // stable: what shares a moment stays in the file's order
    let report = rows::rejected_path(&replay.file, replay.rejected.as_ref());
    let Some(first) = events.first() else {
        println!("there is nothing to replay");
        return finish(&report, totals, 0, true);
    };
    let opened = start::open(&replay.data).await?;
    let api = start::assemble(&opened, replay.program.as_deref(), Some(first.at)).await?;
    let key = match &opened.admin_key {
        AdminKey::Given(key) | AdminKey::File(key, _) => format!("Bearer {key}"),
    };
    let note = note(&replay.file)?;
    let Progress { events: before, refused } = progress_noted(&api, &note).await?;
    let is_whole = totals.go_on(&report, before, refused)?;
    if let Some(next) = events.get(before) {
        start::must_not_be_settled(&api, next.at).await?;
    }
    let bar = progress::bar(events.len() as u64, "replaying");
    bar.set_position(before as u64);
    for (index, event) in events.iter().enumerate().skip(before) {
        let rows = read_rows(&mut reader, event)?;
        api.clock.forward(event.at).map_err(|_| StartError("the clock cannot go back".to_owned()))?;
        let unnamed = format!("{note}:{}", event.start.line());
        let refused = play(&api, &key, &columns, &rows, &unnamed, &mut totals).await?;
        // On disk before it is noted as done, so that an interrupted replay still reports its refusals.
        if let Some(row) = totals.rejected.last().filter(|_| refused) {
            rows::report_one(&report, row)
                .map_err(|error| failed("cannot write the refused rows", &error))?;
            totals.refused += 1;
        }
        if refused || index + 1 == events.len() {
            note_progress(&api, &note, Progress { events: index + 1, refused: totals.refused }).await?;
        }
        bar.set_position(index as u64 + 1);
    }
    bar.finish_and_clear();
    finish(&report, totals, before, is_whole)
}

fn finish(report: &Path, mut totals: Totals, before: usize, is_whole: bool) -> Result<ExitCode, StartError> {
    // Each line once: an event judged just before an interruption may be judged again.
    let by_line: BTreeMap<u64, Rejected> = totals.rejected.into_iter().map(|row| (row.line, row)).collect();
    totals.rejected = by_line.into_values().collect();
    let count = |kind: &str| totals.done.get(kind).copied().unwrap_or(0);
    println!("events replayed before {before}, recorded before {}", totals.again);
    println!("orders {}, points earned {}", count("earn"), totals.earned);
    println!("redemptions {}, points redeemed {}", count("redeem"), totals.redeemed);
    println!("refunds {}, points taken back {}", count("refund"), totals.taken);
    let short = totals.rejected.iter().filter(|row| row.code == "insufficient_points").count();
    println!("refused {}, of them for too few points {short}", totals.rejected.len());
    rows::report(report, &totals.rejected)
        .map_err(|error| failed("cannot write the refused rows", &error))?;
    if !totals.rejected.is_empty() {
        println!("why is in {}", report.display());
    }
    if !is_whole {
        println!("earlier runs refused more; their report is no longer in {}", report.display());
    }
    // Too few points is an answer, not a fault of the file.
    let faulty = totals.rejected.len() > short || !is_whole;
    Ok(if faulty { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Finds the events: when each happens and where its rows are. Rows of one event stand together.
fn index(
    reader: &mut csv::Reader<File>,
    columns: &Columns,
    totals: &mut Totals,
) -> Result<Vec<Event>, StartError> {
    let mut events: Vec<Event> = Vec::new();
    let mut last: Vec<String> = Vec::new();
    let mut row = StringRecord::new();
    loop {
        let start = reader.position().clone();
        match reader.read_record(&mut row) {
            Ok(false) => return Ok(events),
            Ok(true) => {}
            Err(error) if error.is_io_error() => return Err(failed("cannot read the file", &error)),
            Err(error) => {
                totals.reject(start.line(), "malformed_row", error.to_string());
                last.clear();
                continue;
            }
        }
        let line = row.position().map_or(start.line(), Position::line);
        let Some(at) = columns.get(&row, "occurred_at").and_then(Instant::parse) else {
            totals.reject(line, "invalid_field", "occurred_at is an RFC 3339 instant".to_owned());
            last.clear();
            continue;
        };
        let same: Vec<String> =
            SAME.iter().map(|name| columns.get(&row, name).unwrap_or_default().to_owned()).collect();
        match events.last_mut() {
            Some(event) if same == last && columns.get(&row, "line_id").is_some() => event.rows += 1,
            _ => events.push(Event { at, start, rows: 1 }),
        }
        last = same;
    }
}

fn read_rows(reader: &mut csv::Reader<File>, event: &Event) -> Result<Vec<StringRecord>, StartError> {
    let unreadable = |error: csv::Error| failed("cannot read the file", &error);
    if reader.position().byte() != event.start.byte() {
        reader.seek(event.start.clone()).map_err(unreadable)?;
    }
    let mut rows = Vec::with_capacity(event.rows);
    for _ in 0..event.rows {
        let mut row = StringRecord::new();
        reader.read_record(&mut row).map_err(unreadable)?;
        rows.push(row);
    }
    Ok(rows)
}

/// Calls the event's function; returns whether it was refused. `unnamed` names a refund that has no name, so
/// that an interrupted replay recognises it when it continues.
async fn play(
    api: &Api,
    key: &str,
    columns: &Columns,
    rows: &[StringRecord],
    unnamed: &str,
    totals: &mut Totals,
) -> Result<bool, StartError> {
    let row = &rows[0]; // an event has a row
    let line = row.position().map_or(0, Position::line);
    let (kind, function, body) = match columns.get(row, "kind").unwrap_or("earn") {
        "earn" => ("earn", "earn-points", order(api, columns, rows)),
        "redeem" => ("redeem", "redeem", redemption(api, columns, row)),
        "refund" => ("refund", "reverse", refund(api, columns, rows, unnamed)),
        other => {
            totals.reject(line, "invalid_field", format!("kind is earn, redeem or refund, not {other}"));
            return Ok(true);
        }
    };
    let request = http::Request::post(format!("/{function}")).header("authorization", key);
    let request =
        request.body(Bytes::from(json_text(&body))).map_err(|error| failed("cannot ask", &error))?;
    let response = api.serve(request).await;
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if response.status().as_u16() == 503 {
        return Err(StartError(format!(
            "line {line}: {}; run the same command again to continue",
            answer["detail"]
        )));
    }
    // The same order was replayed before, and refunded since.
    if answer["code"] == "order_refunded" {
        totals.again += 1;
        return Ok(false);
    }
    if !response.status().is_success() {
        let detail = faults_or(answer["detail"].as_str().unwrap_or_default(), answer.get("errors"));
        totals.reject(line, answer["code"].as_str().unwrap_or_default(), detail);
        return Ok(true);
    }
    totals.count(kind, &answer, response.headers().contains_key("idempotency-replayed"));
    Ok(false)
}

impl Totals {
    /// Reads what earlier runs refused, and reports the file's own faults. Returns whether all earlier
    /// refusals were still there.
    fn go_on(&mut self, report: &Path, before: usize, refused: u64) -> Result<bool, StartError> {
        self.refused = refused;
        let mut known = match before {
            0 => BTreeMap::new(),
            _ => rows::reported(report).map_err(|error| failed("cannot read the refused rows", &error))?,
        };
        for row in &self.rejected {
            known.remove(&row.line);
        }
        let is_whole = known.len() as u64 >= refused;
        self.rejected.extend(known.into_values());
        rows::report(report, &self.rejected)
            .map_err(|error| failed("cannot write the refused rows", &error))?;
        Ok(is_whole)
    }

    fn reject(&mut self, line: u64, code: &str, detail: String) {
        self.rejected.push(Rejected { line, code: code.to_owned(), detail });
    }

    fn count(&mut self, kind: &'static str, answer: &Value, again: bool) {
        if again {
            self.again += 1;
            return;
        }
        *self.done.entry(kind).or_default() += 1;
        self.earned += answer["granted"].as_u64().unwrap_or(0);
        self.taken += answer["taken"].as_u64().unwrap_or(0);
        if kind == "redeem" {
            self.redeemed += answer["entry"]["points"].as_i64().unwrap_or(0).unsigned_abs();
        }
    }
}

fn brand(api: &Api, columns: &Columns, row: &StringRecord) -> Option<Json> {
    let given = columns.get(row, "brand").map(str::to_owned);
    let only = || {
        let programmes = api.engine.programme().timeline().ok()?;
        let brands = &programmes.newest().brands;
        (brands.len() == 1).then(|| brands[0].id.to_string())
    };
    given.or_else(only).map(|text| Json::Text(text.into()))
}

/// The fields that name the member.
fn member(columns: &Columns, row: &StringRecord) -> (&'static str, Option<Json>) {
    let get = |name: &str| columns.get(row, name);
    if let Some(id) = get("member_id") {
        return ("member_id", text(Some(id)));
    }
    let identity = |kind: &str, channel: Option<&str>, value: &str| {
        Some(object([("kind", text(Some(kind))), ("channel", text(channel)), ("value", text(Some(value)))]))
    };
    let named = match (get("phone"), get("email"), get("external_id")) {
        (Some(phone), ..) => identity("phone", None, phone),
        (_, Some(email), _) => identity("email", None, email),
        (_, _, Some(id)) => identity("external", get("channel"), id),
        _ => None,
    };
    ("identity", named)
}

fn whole(columns: &Columns, row: &StringRecord, name: &str) -> Option<Json> {
    let told = columns.get(row, name)?;
    Some(told.parse::<i64>().map_or_else(|_| Json::Text(told.into()), Json::Whole))
}

fn order(api: &Api, columns: &Columns, rows: &[StringRecord]) -> Json {
    let row = &rows[0];
    let field = |name: &'static str| (name, text(columns.get(row, name)));
    let with_lines = columns.get(row, "line_id").is_some();
    let lines = rows.iter().map(|row| {
        let cell = |name: &'static str| (name, text(columns.get(row, name)));
        let quantity = whole(columns, row, "quantity").or(Some(Json::Whole(1)));
        object([cell("line_id"), cell("sku"), cell("category"), ("quantity", quantity), cell("amount")])
    });
    let lines = with_lines.then(|| Json::List(lines.collect()));
    let amount = if with_lines { None } else { text(columns.get(row, "amount")) };
    let brand = ("brand", brand(api, columns, row));
    object([
        member(columns, row),
        brand,
        field("order_id"),
        ("amount", amount),
        ("lines", lines),
        field("occurred_at"),
    ])
}

fn redemption(api: &Api, columns: &Columns, row: &StringRecord) -> Json {
    let order = object([("kind", text(Some("order"))), ("order_id", text(columns.get(row, "order_id")))]);
    let brand = ("brand", brand(api, columns, row));
    object([member(columns, row), brand, ("points", whole(columns, row, "points")), ("for", Some(order))])
}

fn refund(api: &Api, columns: &Columns, rows: &[StringRecord], unnamed: &str) -> Json {
    let row = &rows[0];
    let field = |name: &'static str| (name, text(columns.get(row, name)));
    let asked = match columns.get(row, "line_id") {
        Some(_) => {
            let lines = rows.iter().map(|row| {
                object([
                    ("line_id", text(columns.get(row, "line_id"))),
                    ("quantity", whole(columns, row, "quantity")),
                ])
            });
            Some(object([("lines", Some(Json::List(lines.collect())))]))
        }
        None if columns.get(row, "amount") == Some("all") => text(Some("all")),
        None => Some(object([("amount", text(columns.get(row, "amount")))])),
    };
    let refund_id = ("refund_id", text(columns.get(row, "refund_id").or(Some(unnamed))));
    object([("brand", brand(api, columns, row)), field("order_id"), refund_id, ("refund", asked)])
}

fn json_text(json: &Json) -> String {
    fn value(json: &Json) -> Value {
        match json {
            Json::Null | Json::NotWhole => Value::Null,
            Json::Bool(flag) => (*flag).into(),
            Json::Whole(number) => (*number).into(),
            Json::Text(text) => text.as_str().into(),
            Json::List(elements) => elements.iter().map(value).collect(),
            Json::Object(fields) => {
                Value::Object(fields.iter().map(|(name, json)| (name.to_string(), value(json))).collect())
            }
        }
    }
    value(json).to_string()
}

/// The name under which progress through this very file is noted.
fn note(file: &Path) -> Result<String, StartError> {
    let unreadable = |error: std::io::Error| failed(&format!("cannot read {}", file.display()), &error);
    let mut content = File::open(file).map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut content, &mut buffer).map_err(unreadable)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    Ok(format!("replay:{}", digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

async fn progress_noted(api: &Api, note: &str) -> Result<Progress, StartError> {
    let noted =
        api.engine.records().note(note).await.map_err(|error| failed("cannot read the store", &error))?;
    let noted: Option<[u8; 16]> = noted.and_then(|bytes| bytes.as_ref().try_into().ok());
    let noted = noted.map_or(0, u128::from_be_bytes);
    let (events, refused) = ((noted >> 64) as u64, noted as u64);
    Ok(Progress { events: usize::try_from(events).unwrap_or(usize::MAX), refused })
}

/// Two numbers of eight bytes: the events, and how many of them were refused.
async fn note_progress(api: &Api, note: &str, progress: Progress) -> Result<(), StartError> {
    let Progress { events, refused } = progress;
    let value = (u128::from(events as u64) << 64) | u128::from(refused);
    let value = Bytes::copy_from_slice(&value.to_be_bytes());
    api.engine
        .records()
        .set_note(note, value)
        .await
        .map_err(|error| failed("cannot write to the store", &error))
}
