//! Measures `laurel` beside a real PostgreSQL that does the same job, and at the size it is made for.
//! Never part of the product's build or tests: run by hand, on an idle machine. See README.md.

mod cold;
mod compare;
mod disk;
mod feed;
mod http;
mod laurel;
mod load;
mod machine;
mod million;
mod offers;
mod postgres;
mod reads;
mod receiver;
mod table;
mod traffic;
mod work;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The error of every step here: shown to the person at the terminal, never handled.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "Measurements of the laurel server, by hand and on an idle machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Durable earns and redeems beside PostgreSQL, in alternation within one run
    Compare(compare::Options),
    /// Memory, disk, restart and reads with many members
    Million(million::Options),
    /// From a Lambda function's start to its first question for an event, beside a hello and Node
    Cold(cold::Options),
    /// Earns with nobody listening, with three webhooks, and with a second copy, in turn
    Feed(feed::Options),
    /// A member with tags that follow from rules, and a card's scan, beside the same without
    Reads(reads::Options),
    /// An order priced with many offers and ten coupons, and with the best of twelve
    Offers(offers::Options),
    /// How often a second this disk makes a small write durable
    Sync(SyncOptions),
}

/// What every measurement of the server needs.
#[derive(Args, Clone)]
struct Setup {
    /// The server under test
    #[arg(long, default_value = "target/release/laurel")]
    laurel: PathBuf,
    /// A programme document in place of the one beside this benchmark
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where the data goes (on the disk to be measured; a folder in it is made and removed)
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
    /// Asks over a Unix socket, as pgbench does, and not over TCP
    #[arg(long)]
    socket: bool,
    /// Leaves data and logs behind
    #[arg(long)]
    keep: bool,
}

#[derive(Args)]
struct SyncOptions {
    /// Where to write
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
    /// How long to measure
    #[arg(long, default_value_t = 3)]
    seconds: u64,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Compare(options) => compare::run(&options),
        Command::Million(options) => million::run(&options),
        Command::Cold(options) => cold::run(&options),
        Command::Feed(options) => feed::run(&options),
        Command::Reads(options) => reads::run(&options),
        Command::Offers(options) => offers::run(&options),
        Command::Sync(options) => sync(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("laurel-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn sync(options: &SyncOptions) -> Result<()> {
    let work = work::Folder::new(&options.work, false)?;
    let rate = disk::fdatasync_per_second(work.path(), Duration::from_secs(options.seconds))?;
    println!("{}", machine::describe());
    println!("fdatasync of 4 KiB in a preallocated file, one writer: {rate:.0} a second");
    Ok(())
}
