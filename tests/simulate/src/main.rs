//! `simulate --ops N --seed S`.

use std::process::ExitCode;

use clap::Parser;
use serde_json::{Map, json};
use simulate::{Fault, Home, Settings, Struck, run, shrink};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs operations against the engine and the reference model, under faults, seed by seed.
#[derive(Parser)]
struct Arguments {
    /// At least this many operations in all.
    #[arg(long, default_value_t = 100_000)]
    ops: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Operations of one seed.
    #[arg(long, default_value_t = 1_000)]
    length: usize,
    /// Prints how often each fault struck each write operation.
    #[arg(long)]
    table: bool,
    /// Prints everything that happens (one seed).
    #[arg(long)]
    history: bool,
    /// Leaves this kind of fault out; may be given several times.
    #[arg(long)]
    without: Vec<String>,
    /// Where the shop's records are.
    #[arg(long, value_enum, default_value_t)]
    home: Home,
    /// Continues with the next seed after a violation.
    #[arg(long)]
    keep_going: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let named = |name: &String| Fault::ALL.into_iter().find(|fault| fault.name() == name);
    let without: Vec<Fault> = arguments.without.iter().filter_map(named).collect();
    let (mut operations, mut moved, mut signed, mut seeds) = (0, 0, 0, 0);
    let (mut violations, mut trace) = (0, 0u64);
    let mut struck = Struck::default();
    while operations < arguments.ops && (violations == 0 || arguments.keep_going) {
        let seed = arguments.seed + seeds;
        let settings = Settings {
            seed,
            operations: arguments.length,
            without: without.clone(),
            told: arguments.history,
            home: arguments.home,
            ..Settings::default()
        };
        let outcome = run(settings.clone());
        operations += outcome.operations;
        moved += outcome.moved;
        signed += outcome.signed;
        seeds += 1;
        trace = (trace.rotate_left(7) ^ outcome.trace).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        struck.add(&outcome.struck);
        outcome.history.iter().for_each(|line| println!("{line}"));
        if let Some(what) = &outcome.violation {
            violations += 1;
            eprintln!("seed {seed}, operation {}: {what}", outcome.failed_at);
            if !arguments.keep_going {
                let shrunk = shrink(settings);
                eprintln!("shrunk:");
                shrunk.history.iter().for_each(|line| eprintln!("  {line}"));
                eprintln!("  {}", shrunk.violation.unwrap_or_default());
            }
        }
    }
    if arguments.table {
        let (table, empty) = struck.table();
        print!("{table}");
        println!("empty cells: {empty}");
    }
    let faults: Map<_, _> =
        Fault::ALL.iter().map(|fault| (fault.name().to_owned(), struck.of(*fault).into())).collect();
    let line = json!({
        "operations": operations,
        "balance_changed": moved,
        "signed": signed,
        "faults": faults,
        "seeds": seeds,
        "violations": violations,
        "trace_hash": format!("{trace:016x}"),
    });
    println!("{line}");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
