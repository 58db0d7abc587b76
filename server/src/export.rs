//! `laurel export`: members and ledger for people and spreadsheets.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::ExitCode,
};

use csv::Writer;
use domain::time::{Instant, Zone};
use edge::Api;
use files::guard::{as_text, guarded};
use serde_json::Value;

use crate::{
    cli::Export,
    exported::{self, Takes, each},
    full, moving,
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
    "grant_id",
    "offer",
    "grant",
    "use_id",
    "revision",
    "total",
    "saved",
    "offers",
    "had",
    "returned",
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
    if export.csv {
        let open = |name: &str| create(&export.out, name).map_err(unwritable);
        let files = (open("members.csv")?, open("lots.csv")?);
        let moved = moving::write(&api, files, export.excel, &export.out).await?;
        println!("{} members and {} balances are in {}", moved.members, moved.lots, export.out.display());
        if moved.left > 0 {
            println!("{} members who have left are not in it", moved.left);
        }
        if moved.identities_left > 0 {
            println!("{} identities are not in it: no column is left for them", moved.identities_left);
        }
        if moved.quiet_left > 0 {
            println!(
                "the quiet hours of {} members are not in it: there is no column for them",
                moved.quiet_left
            );
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (members, entries) = write_all(&api, &opened, export).await?;
    println!("{members} members and {entries} ledger entries are in {}", export.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The files of members and entries.
struct Files {
    members_csv: Writer<BufWriter<File>>,
    members_jsonl: BufWriter<File>,
    ledger_csv: Writer<BufWriter<File>>,
    ledger_jsonl: BufWriter<File>,
    expiring_csv: Writer<BufWriter<File>>,
    /// Points that end, and members that have some, by the last day they are good; the last are those that never end.
    expiring: BTreeMap<(bool, String), (u64, u64)>,
    zone: Zone,
    excel: bool,
    members: u64,
    entries: u64,
}

fn create(folder: &Path, name: &str) -> io::Result<BufWriter<File>> {
    let mut own = OpenOptions::new();
    own.write(true).create(true).truncate(true).mode(0o600).open(folder.join(name)).map(BufWriter::new)
}

impl Files {
    fn create(folder: &Path, zone: Zone, excel: bool) -> io::Result<Files> {
        let open = |name: &str| create(folder, name);
        // Excel reads UTF-8 where a mark says so.
        let table = |name: &str, columns: &[&str]| -> io::Result<Writer<BufWriter<File>>> {
            let mut file = open(name)?;
            if excel {
                file.write_all("\u{feff}".as_bytes())?;
            }
            let mut writer = Writer::from_writer(file);
            writer.write_record(columns)?;
            Ok(writer)
        };
        Ok(Files {
            members_csv: table("members.csv", MEMBER_COLUMNS)?,
            members_jsonl: open(exported::MEMBERS)?,
            ledger_csv: table("ledger.csv", LEDGER_COLUMNS)?,
            ledger_jsonl: open(exported::LEDGER)?,
            expiring_csv: table("expiring.csv", &["date", "points", "members"])?,
            expiring: BTreeMap::new(),
            zone,
            excel,
            members: 0,
            entries: 0,
        })
    }

    /// Counts when a member's points end.
    fn count(&mut self, member: &Value) {
        let mut own: BTreeMap<(bool, String), u64> = BTreeMap::new();
        for lot in member["points"]["lots"].as_array().into_iter().flatten() {
            let end = lot["expires_at"].as_str().and_then(Instant::parse);
            // An end at midnight is that of the day before.
            let day = end.map(|end| self.zone.day(end.plus_millis(-1)).show());
            let place = (day.is_none(), day.unwrap_or_else(|| "never".to_owned()));
            *own.entry(place).or_default() += lot["points"].as_u64().unwrap_or(0);
        }
        for (place, points) in own {
            let (all, members) = self.expiring.entry(place).or_default();
            *all += points;
            *members += 1;
        }
    }

    fn finish(mut self) -> io::Result<(u64, u64)> {
        self.members_csv.flush()?;
        self.members_jsonl.flush()?;
        self.ledger_csv.flush()?;
        self.ledger_jsonl.flush()?;
        for ((_, day), (points, members)) in &self.expiring {
            self.expiring_csv.write_record([day.clone(), points.to_string(), members.to_string()])?;
        }
        self.expiring_csv.flush()?;
        Ok((self.members, self.entries))
    }
}

impl Takes for Files {
    fn member(&mut self, member: &Value) -> io::Result<()> {
        self.members += 1;
        self.count(member);
        writeln!(self.members_jsonl, "{member}")?;
        Ok(self.members_csv.write_record(member_row(member, self.excel))?)
    }

    fn entry(&mut self, entry: &Value) -> io::Result<()> {
        self.entries += 1;
        writeln!(self.ledger_jsonl, "{entry}")?;
        Ok(self.ledger_csv.write_record(ledger_row(entry, self.excel))?)
    }

    fn broken(&mut self, member: &Value) -> io::Result<()> {
        let id = member["id"].as_str().unwrap_or_default();
        Err(io::Error::other(format!("the ledger of {id} has a gap: see laurel audit")))
    }
}

async fn write_all(api: &Api, opened: &Opened, export: &Export) -> Result<(u64, u64), StartError> {
    let folder = export.out.as_path();
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    let (_, zone) = api.engine.programme().currency_and_zone().map_err(unreadable)?;
    let unwritable = |error: io::Error| failed(&format!("cannot write to {}", folder.display()), &error);
    let mut files = Files::create(folder, zone, export.excel).map_err(unwritable)?;
    each(api, &mut files, "exporting").await?;
    let counts = files.finish().map_err(unwritable)?;
    for (name, lines) in [
        (exported::PROGRAMS, exported::programs(api).await?),
        (exported::BLOCKS, exported::blocks(api).await?),
        (exported::OFFERS, exported::offers(api).await?),
        (exported::GUESTS, exported::guests(api).await?),
        (exported::SETTLEMENTS, exported::settlements(api, opened).await?),
    ] {
        let mut file = create(folder, name).map_err(unwritable)?;
        let written = lines.iter().try_for_each(|line| writeln!(file, "{line}")).and_then(|()| file.flush());
        written.map_err(unwritable)?;
    }
    Ok(counts)
}

fn cell(value: &Value, excel: bool) -> String {
    match value {
        Value::String(text) if excel => as_text(text).into_owned(),
        Value::Null => String::new(),
        Value::String(text) => guarded(text).into_owned(),
        Value::Array(_) | Value::Object(_) => guarded(&value.to_string()).into_owned(),
        other => other.to_string(),
    }
}

fn member_row(member: &Value, excel: bool) -> Vec<String> {
    let cell = |value: &Value| cell(value, excel);
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

fn ledger_row(entry: &Value, excel: bool) -> Vec<String> {
    LEDGER_COLUMNS.iter().map(|name| cell(&entry[*name], excel)).collect()
}
