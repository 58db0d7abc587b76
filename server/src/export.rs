//! `laurel export`: members and ledger for people and spreadsheets.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::ExitCode,
};

use csv::Writer;
use edge::Api;
use serde_json::Value;

use crate::{
    cli::Export,
    exported::{self, Takes, each},
    full,
    rows::safe,
    start::{self, Opened, StartError, failed},
};

const MEMBER_COLUMNS: &[&str] = &[
    "id",
    "status",
    "registered_at",
    "name",
    "phone",
    "email",
    "channel",
    "external_id",
    "tier",
    "tier_valid_until",
    "growth",
    "available",
    "held",
    "debt",
    "orders",
    "amount",
    "last_order_at",
    "lifecycle",
];
const LEDGER_COLUMNS: &[&str] = &[
    "member_id",
    "id",
    "seq",
    "kind",
    "points",
    "growth",
    "brand",
    "order_id",
    "redemption_id",
    "by",
    "occurred_at",
    "recorded_at",
    "balance_after",
    "program_version",
    "lots",
    "bill",
    "blocks",
];

/// Exports the folder.
pub(crate) async fn export(export: &Export) -> Result<ExitCode, StartError> {
    let unwritable = |error: io::Error| failed(&format!("cannot write to {}", export.out.display()), &error);
    fs::create_dir_all(&export.out).map_err(unwritable)?;
    let opened = start::open_existing(&export.data).await?;
    if export.full {
        let records = full::export(&opened, &export.data.data, &export.out).await?;
        println!("{records} records are in {}", export.out.join(full::FILE).display());
        return Ok(ExitCode::SUCCESS);
    }
    let api = start::assemble(&opened, None, export.test_clock).await?;
    let (members, entries) = write_all(&api, &opened, &export.out).await?;
    println!("{members} members and {entries} ledger entries are in {}", export.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The files of members and entries.
struct Files {
    members_csv: Writer<BufWriter<File>>,
    members_jsonl: BufWriter<File>,
    ledger_csv: Writer<BufWriter<File>>,
    ledger_jsonl: BufWriter<File>,
    members: u64,
    entries: u64,
}

fn create(folder: &Path, name: &str) -> io::Result<BufWriter<File>> {
    let mut own = OpenOptions::new();
    own.write(true).create(true).truncate(true).mode(0o600).open(folder.join(name)).map(BufWriter::new)
}

impl Files {
    fn create(folder: &Path) -> io::Result<Files> {
        let open = |name: &str| create(folder, name);
        let mut files = Files {
            members_csv: Writer::from_writer(open("members.csv")?),
            members_jsonl: open(exported::MEMBERS)?,
            ledger_csv: Writer::from_writer(open("ledger.csv")?),
            ledger_jsonl: open(exported::LEDGER)?,
            members: 0,
            entries: 0,
        };
        files.members_csv.write_record(MEMBER_COLUMNS)?;
        files.ledger_csv.write_record(LEDGER_COLUMNS)?;
        Ok(files)
    }

    fn finish(mut self) -> io::Result<(u64, u64)> {
        self.members_csv.flush()?;
        self.members_jsonl.flush()?;
        self.ledger_csv.flush()?;
        self.ledger_jsonl.flush()?;
        Ok((self.members, self.entries))
    }
}

impl Takes for Files {
    fn member(&mut self, member: &Value) -> io::Result<()> {
        self.members += 1;
        writeln!(self.members_jsonl, "{member}")?;
        Ok(self.members_csv.write_record(member_row(member))?)
    }

    fn entry(&mut self, entry: &Value) -> io::Result<()> {
        self.entries += 1;
        writeln!(self.ledger_jsonl, "{entry}")?;
        Ok(self.ledger_csv.write_record(ledger_row(entry))?)
    }

    fn broken(&mut self, member: &Value) -> io::Result<()> {
        let id = member["id"].as_str().unwrap_or_default();
        Err(io::Error::other(format!("the ledger of {id} has a gap: see laurel audit")))
    }
}

async fn write_all(api: &Api, opened: &Opened, folder: &Path) -> Result<(u64, u64), StartError> {
    let unwritable = |error: io::Error| failed(&format!("cannot write to {}", folder.display()), &error);
    let mut files = Files::create(folder).map_err(unwritable)?;
    each(api, &mut files, "exporting").await?;
    let counts = files.finish().map_err(unwritable)?;
    for (name, lines) in [
        (exported::PROGRAMS, exported::programs(api).await?),
        (exported::BLOCKS, exported::blocks(api).await?),
        (exported::SETTLEMENTS, exported::settlements(api, opened).await?),
    ] {
        let mut file = create(folder, name).map_err(unwritable)?;
        let written = lines.iter().try_for_each(|line| writeln!(file, "{line}")).and_then(|()| file.flush());
        written.map_err(unwritable)?;
    }
    Ok(counts)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => safe(text),
        Value::Array(_) | Value::Object(_) => safe(&value.to_string()),
        other => other.to_string(),
    }
}

fn member_row(member: &Value) -> Vec<String> {
    let identity = |kind: &str, part: &str| {
        let found =
            member["identities"].as_array().into_iter().flatten().find(|identity| identity["kind"] == kind);
        found.map_or(String::new(), |identity| cell(&identity[part]))
    };
    let points = &member["points"];
    vec![
        cell(&member["id"]),
        cell(&member["status"]),
        cell(&member["registered_at"]),
        cell(&member["profile"]["name"]),
        identity("phone", "value"),
        identity("email", "value"),
        identity("external", "channel"),
        identity("external", "value"),
        cell(&member["tier"]["id"]),
        cell(&member["tier"]["valid_until"]),
        cell(&member["growth"]),
        cell(&points["available"]),
        cell(&points["held"]),
        cell(&points["debt"]),
        cell(&member["stats"]["orders"]),
        cell(&member["stats"]["amount"]),
        cell(&member["stats"]["last_order_at"]),
        cell(&member["lifecycle"]),
    ]
}

fn ledger_row(entry: &Value) -> Vec<String> {
    LEDGER_COLUMNS.iter().map(|name| cell(&entry[*name])).collect()
}
