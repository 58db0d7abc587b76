//! The local server and its commands. The functions do all work on the programme; here are sockets, files and
//! the command line.

mod audit;
mod backup;
mod bare;
mod behind;
pub mod cli;
mod compact;
mod copies;
mod copy;
mod export;
mod exported;
mod follow;
mod full;
mod home;
mod import;
mod listen;
mod metrics;
mod moving;
mod outward;
mod patience;
mod progress;
mod replay;
mod rows;
mod serve;
mod settlement_audit;
mod start;
mod table;

use std::process::ExitCode;

use cli::{Cli, Command};
use edge::{Clock, alike, rekey, sealed};
use start::Rekeying;
use tracing::Level;
use tracing_subscriber::{filter::Targets, fmt, prelude::*, registry};

pub use import::import_csv;
/// Every function.
pub use infra::FUNCTIONS;
pub use outward::{Outward, Pacer, Used};
pub use start::StartError;

/// Runs a command to its end; returns the exit code (0 success, 1 differences or bad rows, 2 it could not
/// start).
pub fn run(cli: Cli) -> ExitCode {
    log();
    edge::note_panics();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("laurel: cannot start: {error}");
            return ExitCode::from(2);
        }
    };
    let default = || {
        use clap::Parser;
        match Cli::parse_from(["laurel", "serve"]).command {
            Some(Command::Serve(serve)) => serve,
            _ => unreachable!("`serve` parses as `serve`"),
        }
    };
    let ended = runtime.block_on(async {
        match cli.command {
            None => serve::serve(&default()).await,
            Some(Command::Serve(serve)) => serve::serve(&serve).await,
            Some(Command::Import(import)) if import.full => import_full(&import).await,
            Some(Command::Import(import)) => import::import(&import).await,
            Some(Command::Replay(replay)) => replay::replay(&replay).await,
            Some(Command::Audit(own)) if own.settlement.is_some() => settlement_audit::audit(&own).await,
            Some(Command::Audit(own)) => audit::audit(&own.data).await,
            Some(Command::Export(export)) => export::export(&export).await,
            Some(Command::Follow(own)) => follow::follow(&own).await,
            Some(Command::Reseal(data)) => reseal(&data).await,
            Some(Command::Rekey(data)) => rekey(&data).await,
            Some(Command::Compact(data)) => compact::compact(&data).await,
        }
    });
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("laurel: {error}");
            ExitCode::from(2)
        }
    }
}

/// Structured logs on standard error: JSON lines; `RUST_LOG` sets the level. No body, no key and no path
/// (which may hold an id) is ever logged.
fn log() {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
    let filter = chosen.unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    // A second call, in tests, leaves the first in place.
    let _ = registry().with(filter).with(fmt::layer().json().with_writer(std::io::stderr)).try_init();
}

async fn import_full(import: &cli::Import) -> Result<ExitCode, StartError> {
    full::must_open(&import.file, &import.data.data)?;
    full::adopt_secrets(&import.file, &import.data.data)?;
    let opened = start::open(&import.data).await?;
    let records = full::import(&opened, &import.file).await?;
    println!("{records} records are in {}", import.data);
    Ok(ExitCode::SUCCESS)
}

async fn reseal(data: &cli::Data) -> Result<ExitCode, StartError> {
    let opened = start::open_existing(data).await?;
    let api = start::assemble(&opened, None, None).await?;
    let resealed = api.reseal().await.map_err(|error| start::failed("cannot seal", &error))?;
    let (resealed, closed) = resealed;
    println!("{resealed} secrets sealed anew, {closed} keys cannot be opened");
    let bar = progress::bar(0, "sealing");
    let people = sealed::reseal_all(&*opened.store, &opened.secrets, |done| {
        bar.set_length(done.records);
        bar.set_position(done.records);
    });
    let people = people.await.map_err(|error| start::failed("cannot seal", &error))?;
    let indexed = alike::index_all(&*opened.store, &opened.secrets).await;
    let indexed = indexed.map_err(|error| start::failed("cannot index", &error))?;
    bar.finish_and_clear();
    println!("{} records about persons, {} of them sealed anew", people.records, people.written);
    if indexed > 0 {
        println!("{indexed} records by which persons are found who may be one");
    }
    Ok(if closed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn rekey(data: &cli::Data) -> Result<ExitCode, StartError> {
    let opened = start::open_existing(data).await?;
    let api = start::api(&opened, Clock::Machine, Rekeying::Finished).await?;
    if api.secrets.is_rekeyed() {
        println!("identities are found under the newest line already");
    }
    let bar = progress::bar(0, "moving identities");
    let done = rekey::rekey(&api, &*opened.store, |done| {
        bar.set_length(done.persons);
        bar.set_position(done.persons);
    });
    let done = done.await.map_err(|error| start::failed("cannot rekey; run it again", &error))?;
    bar.finish_and_clear();
    println!("{} identities of {} persons moved to the newest line", done.identities, done.persons);
    println!("{} records and secrets sealed anew, {} keys cannot be opened", done.sealed, done.closed);
    if done.strays > 0 {
        println!("{} claims belong to no person and stay under the old line", done.strays);
    }
    if done.closed == 0 {
        println!("nothing needs an older line of the master key any more: it may be removed");
    }
    Ok(if done.closed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
