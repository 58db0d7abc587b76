//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use domain::time::{Instant, Month};
use files::{DateOrder, Options};

use crate::table;

/// Laurel, a membership engine: points, growth, tiers and badges that add up.
///
/// Without a command it serves on 127.0.0.1:9000 with its data in ./laurel-data.
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Start:    laurel serve\nAsk:      curl -H \"Authorization: Bearer $(cat laurel-data/admin-key)\" http://127.0.0.1:9000/program\nCheck:    laurel audit\n\nEvery command except serve works on a data folder that no other process has open,\nor on a table (--table)."
)]
pub struct Cli {
    /// What to do; `serve` unless given.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve every function on one port.
    Serve(Serve),
    /// Import members with their balances from CSV or .xlsx.
    ///
    /// Columns, in any order, in English or Chinese: phone, email (phone_2, email_2 ... too),
    /// external.CHANNEL or channel with external_id; name, birthday, gender, locale (zh, en),
    /// time_zone (IANA), country, province, city, district, area (or region.area), consent.CHANNEL, attribute.ID,
    /// terms_version, registered_at, registered_channel, brand, tags, badges;
    /// tier, tier_until, growth, prior_orders, prior_amount; points, expires_at, held_until, balance_id.
    /// Every row lands or is told with its lines; running it again changes nothing.
    Import(Import),
    /// Replay orders, redemptions and refunds from CSV in time order, the clock following.
    ///
    /// Columns: kind (earn, redeem, refund; earn unless given), occurred_at, brand, member_id or phone or
    /// email or channel with external_id, order_id, line_id, sku, category, quantity, amount, points,
    /// refund_id. An order with lines has one row for each, one after the other. If it is cut off, run it
    /// again and it continues.
    Replay(Replay),
    /// Recompute every member from the ledger, or the settlement of a month (--settlement); exits 1 and
    /// names what differs.
    Audit(Audit),
    /// Write members and ledger as CSV and JSON Lines, or everything with --full.
    Export(Export),
    /// Keep a second copy of another server's data folder, a few seconds behind it.
    ///
    /// LAUREL_ADMIN_KEY is an admin's key of that server. Copy its master-key by hand. `laurel serve` over the copy
    /// takes over; after that it does not follow any more.
    Follow(Follow),
    /// Seal persons and partners' secrets under the newest line of the master key.
    ///
    /// Exits 1 if a partner's secret was sealed under a line that is missing.
    Reseal(Data),
    /// Move everything to the newest line of the master key, so that older lines may be removed.
    ///
    /// Nothing may serve the data meanwhile. It seals anew as well. If it is cut off, run it again: until it has come
    /// to its end nothing serves the data. Exits 1 if a partner's secret was sealed under a line that is missing.
    Rekey(Data),
    /// Rewrite records of older formats, and give unused space of a data folder back to the machine.
    ///
    /// Older builds cannot read the data afterwards. Over a table other instances may keep running meanwhile,
    /// if all of them are of this build.
    Compact(Data),
}

/// Where the data is: a folder on this machine, or a DynamoDB table.
#[derive(Args, Debug, Clone)]
pub struct Data {
    /// The data folder. With --table it holds only the keys, unless LAUREL_MASTER_KEY and LAUREL_ADMIN_KEY
    /// are set.
    #[arg(long, value_name = "DIR", default_value = "laurel-data")]
    pub data: PathBuf,
    /// A DynamoDB table instead; region and credentials come from the environment, as for AWS's own tools.
    /// Needs a binary built with --features dynamodb, as a release's is.
    #[arg(long, value_name = "NAME", value_parser = table::name)]
    pub table: Option<String>,
    /// Where DynamoDB answers, for DynamoDB Local.
    #[arg(long, value_name = "URL", requires = "table")]
    pub endpoint: Option<String>,
    /// Create the table if it does not exist.
    #[arg(long, requires = "table")]
    pub create_table: bool,
}

impl std::fmt::Display for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.table {
            Some(table) => write!(f, "the table {table}"),
            None => write!(f, "{}", self.data.display()),
        }
    }
}

/// `laurel serve`.
#[derive(Args, Debug, Clone)]
pub struct Serve {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub addr: SocketAddr,
    /// A Unix socket to listen on as well, for a proxy or a shop's server on the same machine: cheaper than TCP.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
    /// The programme, as JSON; saved as a new version if it differs from the newest.
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// For tests: the clock stands at this moment until a request's Test-Clock header moves it on.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub test_clock: Option<Instant>,
    /// An origin whose pages may call from a browser; may be given several times.
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub cors_origins: Vec<String>,
    /// Requests a minute that each caller except admins may send; 0 means no limit.
    #[arg(long, value_name = "N", default_value_t = edge::RATE_LIMIT)]
    pub rate_limit: u32,
    /// For tests: webhooks may point to this machine and to plain HTTP.
    #[arg(long)]
    pub allow_local_webhooks: bool,
}

/// `laurel follow`.
#[derive(Args, Debug, Clone)]
pub struct Follow {
    /// The server to follow, such as http://10.0.0.2:9000.
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// The folder of the copy.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where GET /metrics, for whoever has LAUREL_ADMIN_KEY, and GET /healthz are answered. A port that is taken does not
    /// end the copy.
    #[arg(long, default_value = "127.0.0.1:9001")]
    pub addr: SocketAddr,
}

/// How a file is read, where it does not say so itself.
#[derive(Args, Debug, Clone, Default)]
pub struct Read {
    /// The encoding, such as gb18030 or utf-16; UTF-8 unless given.
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// What separates cells: a comma, a semicolon or a tab, as the header has it unless given.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub delimiter: Option<char>,
    /// A column under a name of the shop's own, such as "Customer Phone=phone"; may be given several times.
    #[arg(long, value_name = "COLUMN=NAME", value_parser = mapped)]
    pub map: Vec<(String, String)>,
    /// A column that is not read; may be given several times.
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
    /// The sheet of a workbook (.xlsx); its first unless given.
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// How dates are written whose order cannot be seen: dd/mm/yyyy or mm/dd/yyyy.
    #[arg(long, value_name = "FORMAT", value_parser = date_order)]
    pub date_format: Option<DateOrder>,
}

impl Read {
    /// The same, for the reader.
    pub(crate) fn options(&self) -> Options {
        Options {
            encoding: self.encoding.clone(),
            delimiter: self.delimiter,
            map: self.map.clone(),
            ignore: self.ignore.clone(),
            sheet: self.sheet.clone(),
            dates: self.dates(),
            workbook: true,
            rows_max: None,
        }
    }

    /// How dates are written.
    pub(crate) fn dates(&self) -> DateOrder {
        self.date_format.unwrap_or_default()
    }
}

/// `laurel import`.
#[derive(Args, Debug, Clone)]
pub struct Import {
    /// The file, CSV or .xlsx; or, with --full, what `laurel export --full` or a backup wrote. Columns: who it is
    /// (phone, phone_2 …, email, email_2 …, external.CHANNEL, or channel and external_id); name, birthday, gender,
    /// locale, time_zone, country, province, city, district, area, consent.CHANNEL, attribute.ID, terms_version, registered_at,
    /// registered_channel; tier, tier_until, growth, prior_orders, prior_amount; tags, badges; brand, points, expires_at, held_until,
    /// balance_id.
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
    /// The programme, as JSON; saved as a new version if it differs from the newest.
    #[arg(long, value_name = "FILE", conflicts_with = "full")]
    pub program: Option<PathBuf>,
    /// For tests and histories: what time it is.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub test_clock: Option<Instant>,
    /// Everything, into an empty data folder or table.
    #[arg(long)]
    pub full: bool,
    /// The shop vouches that all identities of a row belong to one person: new ones are added to a known
    /// member.
    #[arg(long, conflicts_with = "full")]
    pub verified: bool,
    /// Settle the opening balances as if their brands had issued them now.
    #[arg(long, conflicts_with = "full")]
    pub bill: bool,
    /// Book the difference where a balance or a figure was said otherwise before, or is another one here.
    #[arg(long, conflicts_with = "full")]
    pub correct: bool,
    /// Refuse a row with a bad optional field, instead of leaving the field out.
    #[arg(long, conflicts_with = "full")]
    pub strict: bool,
    /// Tell webhooks of what lands; they are told nothing unless this is given.
    #[arg(long, conflicts_with = "full")]
    pub tell: bool,
    /// Tell what would land, and write nothing. With a --program that would be saved it is refused, unless there is
    /// no data folder yet.
    #[arg(long, conflicts_with = "full")]
    pub dry_run: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub read: Read,
    /// Where to write what is told, as CSV; FILE.rejected.csv unless given.
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,
}

/// `laurel replay`.
#[derive(Args, Debug, Clone)]
pub struct Replay {
    /// The file, CSV or .xlsx. Columns: kind (earn, redeem, refund), occurred_at, brand, who it is (member_id, phone,
    /// email, external.CHANNEL, or channel and external_id), order_id, line_id, sku, category, order_channel, quantity,
    /// amount (of a refund: an amount or `all`), points, refund_id, part. Lines of one order stand together. What is
    /// recorded already is recognised, so the same file, a corrected one and a longer one can be replayed.
    ///
    /// Ends with 0 if everything has landed, 1 if all but what is told, and 2 if nothing was written.
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
    /// The programme, as JSON; saved as a new version if it differs from the newest.
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub read: Read,
    /// Where to write what is told, as CSV; FILE.rejected.csv unless given.
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,
    /// Tell webhooks of what lands; they are told nothing unless this is given.
    #[arg(long)]
    pub tell: bool,
}

/// `laurel audit`.
#[derive(Args, Debug, Clone)]
pub struct Audit {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
    /// A closed month, such as 2026-11: recompute its settlement from the exported entries, the prices of
    /// each version and the blocks, and compare.
    #[arg(long, value_name = "MONTH", value_parser = month)]
    pub settlement: Option<Month>,
    /// What laurel export wrote, instead of the data: only these files are read.
    #[arg(long, value_name = "DIR", requires = "settlement", conflicts_with_all = ["data", "table"])]
    pub exported: Option<PathBuf>,
}

/// `laurel export`.
#[derive(Args, Debug, Clone)]
pub struct Export {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
    /// The folder to write members.csv, members.jsonl, ledger.csv, ledger.jsonl, expiring.csv,
    /// programs.jsonl, offers.jsonl, guests.jsonl, blocks.jsonl and settlements.jsonl into, or full.jsonl with --full.
    #[arg(long, value_name = "DIR", default_value = "laurel-export")]
    pub out: PathBuf,
    /// What time it is for the export; the machine's clock unless given.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub test_clock: Option<Instant>,
    /// Every record, for `laurel import --full`. Holds personal data and the hashes of keys.
    #[arg(long, conflicts_with_all = ["csv", "excel"])]
    pub full: bool,
    /// Just members.csv (without points) and lots.csv: importing both makes the same members and balances again.
    #[arg(long)]
    pub csv: bool,
    /// CSV for Excel: with a byte-order mark, and long digits as text.
    #[arg(long)]
    pub excel: bool,
}

fn delimiter(text: &str) -> Result<char, String> {
    let mut letters = text.chars();
    match (text, letters.next(), letters.next()) {
        ("tab" | "\\t", ..) => Ok('\t'),
        (_, Some(one), None) => Ok(one),
        _ => Err("one character, or tab".to_owned()),
    }
}

fn mapped(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.rsplit_once('=').ok_or("COLUMN=NAME, such as \"Customer Phone=phone\"")?;
    Ok((from.trim().to_owned(), to.trim().to_owned()))
}

fn date_order(text: &str) -> Result<DateOrder, String> {
    DateOrder::parse(text).ok_or_else(|| "dd/mm/yyyy or mm/dd/yyyy".to_owned())
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "a month, such as 2026-11".to_owned())
}

fn instant(text: &str) -> Result<Instant, String> {
    Instant::parse(text).ok_or_else(|| "an RFC 3339 instant, such as 2026-01-01T00:00:00+08:00".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, error::ErrorKind};

    use super::*;

    /// With the feature every command that has `--table` accepts it; without, each says what to build and
    /// exits 2.
    #[test]
    fn a_table_needs_the_feature_dynamodb() {
        let mut tried = 0;
        for command in Cli::command().get_subcommands() {
            if !command.get_arguments().any(|argument| argument.get_id() == "table") {
                continue;
            }
            tried += 1;
            let files = command.get_positionals().map(|_| "file.csv");
            let words = ["laurel", command.get_name(), "--table", "club"].into_iter().chain(files);
            let parsed = Cli::try_parse_from(words);
            assert_eq!(
                parsed.is_ok(),
                cfg!(feature = "dynamodb"),
                "{}: {:?}",
                command.get_name(),
                parsed.as_ref().err()
            );
            match parsed {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::ValueValidation, 2));
                    let said = error.to_string();
                    assert!(said.contains("--table") && said.contains("--features dynamodb"), "{said}");
                }
            }
        }
        assert!(tried >= 6, "{tried} commands have --table");
    }
}
