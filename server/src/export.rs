//! `laurel export`: members and ledger for people and spreadsheets.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::ExitCode,
};

use csv::Writer;
use edge::{Api, wire::Show};
use engine::LedgerEntry;
use serde_json::{Value, json};

use crate::{
    cli::Export,
    full, progress,
    rows::safe,
    start::{self, StartError, failed},
};

const PAGE: usize = 500;
const LEDGER_PAGE: usize = 200;

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
    let (members, entries) = write_all(&api, &export.out).await?;
    println!("{members} members and {entries} ledger entries are in {}", export.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The four files.
struct Files {
    members_csv: Writer<BufWriter<File>>,
    members_jsonl: BufWriter<File>,
    ledger_csv: Writer<BufWriter<File>>,
    ledger_jsonl: BufWriter<File>,
}

impl Files {
    fn create(folder: &Path) -> io::Result<Files> {
        let open = |name: &str| {
            let own = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(folder.join(name));
            own.map(BufWriter::new)
        };
        let mut files = Files {
            members_csv: Writer::from_writer(open("members.csv")?),
            members_jsonl: open("members.jsonl")?,
            ledger_csv: Writer::from_writer(open("ledger.csv")?),
            ledger_jsonl: open("ledger.jsonl")?,
        };
        files.members_csv.write_record(MEMBER_COLUMNS)?;
        files.ledger_csv.write_record(LEDGER_COLUMNS)?;
        Ok(files)
    }

    fn member(&mut self, member: &Value) -> io::Result<()> {
        writeln!(self.members_jsonl, "{member}")?;
        Ok(self.members_csv.write_record(member_row(member))?)
    }

    fn entry(&mut self, member: &Value, mut entry: Value) -> io::Result<()> {
        let row = ledger_row(&member["id"], &entry);
        entry["member_id"] = member["id"].clone();
        writeln!(self.ledger_jsonl, "{entry}")?;
        Ok(self.ledger_csv.write_record(row)?)
    }

    fn finish(mut self) -> io::Result<()> {
        self.members_csv.flush()?;
        self.members_jsonl.flush()?;
        self.ledger_csv.flush()?;
        self.ledger_jsonl.flush()
    }
}

async fn write_all(api: &Api, folder: &Path) -> Result<(u64, u64), StartError> {
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    let unwritable = |error: io::Error| failed(&format!("cannot write to {}", folder.display()), &error);
    let mut files = Files::create(folder).map_err(unwritable)?;
    let programmes = api.engine.programmes().map_err(unreadable)?;
    let show = Show { programme: programmes.newest() };
    let now = api.clock.now();
    let bar = progress::bar(0, "exporting");
    let (mut members, mut entries, mut after) = (0, 0, None);
    loop {
        let (page, following) = api.engine.member_ids(after, PAGE).await.map_err(unreadable)?;
        for id in &page {
            let member = show.member(&api.engine.member(*id, now).await.map_err(unreadable)?);
            files.member(&member).map_err(unwritable)?;
            members += 1;
            let mut place = None;
            loop {
                let (listed, next) =
                    api.engine.ledger(*id, place, LEDGER_PAGE, now).await.map_err(unreadable)?;
                let listed: Vec<LedgerEntry> = listed;
                entries += listed.len() as u64;
                for entry in &listed {
                    files.entry(&member, json!(show.listed(entry))).map_err(unwritable)?;
                }
                place = next;
                if place.is_none() {
                    break;
                }
            }
        }
        bar.set_length(members);
        bar.set_position(members);
        after = following;
        if after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    files.finish().map_err(unwritable)?;
    Ok((members, entries))
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

fn ledger_row(member: &Value, entry: &Value) -> Vec<String> {
    let mut row = vec![cell(member)];
    row.extend(LEDGER_COLUMNS[1..].iter().map(|name| cell(&entry[*name])));
    row
}
