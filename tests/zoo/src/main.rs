//! The zoo: plants one bug after another, each in a process of its own, and asks whether the checks find it.
//!
//! ```text
//! zoo                  every bug, and none at all, of which nothing may be found
//! zoo NAME...          these
//! zoo --table          the table of docs/SIMULATOR.md
//! ```

mod catch;

use std::{
    collections::VecDeque,
    env,
    process::{Command, ExitCode, Output},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use domain::planted::{Planted, ZOO, choose};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The run in which no bug is chosen.
const NONE: &str = "none";

/// What a process is told by its first argument that is to try one bug.
const ALONE: &str = "--alone";

/// How a process ends that found something: neither as one that did not, nor as one that broke down.
const FOUND: u8 = 10;

/// The file that lists the bugs.
const LISTED: &str = include_str!("../../../docs/SIMULATOR.md");

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [ALONE, name] => alone(name),
        ["--table"] => {
            ZOO.iter().for_each(|planted| println!("{}", row(planted)));
            ExitCode::SUCCESS
        }
        [] => all(ZOO.iter().map(|planted| planted.name).chain([NONE]).collect()),
        names => all(names.to_vec()),
    }
}

fn row(Planted { name, wrong, breaks, .. }: &Planted) -> String {
    format!("| `{name}` | {wrong} | {breaks} |")
}

/// Tries one bug in this process.
fn alone(name: &str) -> ExitCode {
    match ZOO.iter().find(|planted| planted.name == name) {
        Some(planted) => choose(planted.bug),
        None if name == NONE => {}
        None => {
            println!("there is no such bug");
            return ExitCode::FAILURE;
        }
    }
    let began = Instant::now();
    match catch::catch() {
        Some(caught) => {
            let seconds = began.elapsed().as_millis() as u64;
            let (by, after, finding) = (caught.by, caught.after, caught.finding);
            let (whole, parts) = (seconds / 1_000, seconds % 1_000 / 10);
            println!("caught by {by} after {after} in {whole}.{parts:02} s: {finding}");
            ExitCode::from(FOUND)
        }
        None => {
            println!("nothing is found in {} s", began.elapsed().as_secs());
            ExitCode::SUCCESS
        }
    }
}

/// Tries all of them, as many at once as there are processors.
fn all(names: Vec<&str>) -> ExitCode {
    let unlisted: Vec<String> = ZOO.iter().map(row).filter(|row| !LISTED.contains(row)).collect();
    unlisted.iter().for_each(|row| println!("docs/SIMULATOR.md does not list {row}"));
    let (tried, at_once) = (names.len(), thread::available_parallelism().map_or(1, usize::from));
    let waiting = Mutex::new(VecDeque::from(names));
    let failed = Mutex::new(unlisted.len());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let (fine, told) = tell(name);
                    println!("{name}: {told}");
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) += usize::from(!fine);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{tried} tried, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tries that bug in a process of its own: whether it ended as it must, and what it said.
fn tell(name: &str) -> (bool, String) {
    let ended = env::current_exe().and_then(|own| Command::new(own).args([ALONE, name]).output());
    let Output { status, stdout, stderr } = match ended {
        Ok(output) => output,
        Err(error) => return (false, error.to_string()),
    };
    let found = status.code() == Some(i32::from(FOUND));
    let fine = if name == NONE { status.success() } else { found };
    let said = String::from_utf8_lossy(&stdout).trim().to_owned();
    match (fine, said.is_empty()) {
        (true, false) => (true, said),
        _ => (false, format!("FAILED ({status}): {said} {}", String::from_utf8_lossy(&stderr).trim())),
    }
}
