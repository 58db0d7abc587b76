//! The zoo: plants one bug after another, each in a process of its own, and checks that the checks find it.
//!
//! ```text
//! zoo                  every bug, and none at all, of which nothing may be found
//! zoo NAME...          these
//! zoo --share 0/3      every third bug from the first one on, and none at all
//! zoo --table          the table of docs/SIMULATOR.md
//! ```

use std::{
    collections::VecDeque,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
    sync::{Mutex, PoisonError},
    thread,
};

use zoo::Bug;

/// The run in which no bug is chosen.
const NONE: &str = "none";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bugs = zoo::all();
    // The run without a bug takes longest, and the others fit beside it.
    let every = || [NONE].into_iter().chain(bugs.iter().map(|bug| bug.name)).collect();
    let names = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--table"] => {
            bugs.iter().for_each(|bug| println!("{bug}"));
            return Ok(ExitCode::SUCCESS);
        }
        [] => every(),
        ["--share", share] => {
            let (place, of) =
                shared(share).ok_or_else(|| format!("{share}: a share is 0/3, 1/3 or 2/3, or of more"))?;
            [NONE].into_iter().chain(bugs.iter().map(|bug| bug.name).skip(place).step_by(of)).collect()
        }
        names => names.to_vec(),
    };
    let numbers = names.iter().map(|name| match bugs.iter().position(|bug| bug.name == *name) {
        Some(place) => Ok((*name, place + 1)),
        None if *name == NONE => Ok((*name, 0)),
        None => Err(format!("there is no bug {name}")),
    });
    let numbers: Vec<(&str, usize)> = numbers.collect::<Result<_, _>>()?;
    Ok(tried(&built(&bugs)?, numbers))
}

/// The share that such a text says: the place of its first bug, and how many shares there are.
fn shared(text: &str) -> Option<(usize, usize)> {
    let (place, of) = text.split_once('/')?;
    let (place, of): (usize, usize) = (place.parse().ok()?, of.parse().ok()?);
    (place < of).then_some((place, of))
}

/// Builds the bug hunter in a copy that has all of the bugs.
fn built(bugs: &[Bug]) -> Result<PathBuf, Box<dyn Error>> {
    let (root, work) = (zoo::root(), zoo::target().join("zoo"));
    let tree = work.join("tree");
    let planted = zoo::planted(&zoo::sources(&root, bugs)?, bugs).map_err(|wrong| wrong.join("\n"))?;
    zoo::copy::make(&root, &tree, "zoo", &planted)?;
    // Where everything else is built, so that dependencies are built once.
    let target = fs::canonicalize(zoo::target())?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["build", "--quiet", "--package", "hunt"];
    let built =
        Command::new(cargo).args(words).current_dir(&tree).env("CARGO_TARGET_DIR", &target).status()?;
    if !built.success() {
        return Err(format!("the copy with the bugs does not compile: {}", tree.display()).into());
    }
    // The workspace's own build goes to the same place.
    let hunt = work.join("hunt");
    fs::copy(target.join("debug/hunt"), &hunt)?;
    Ok(hunt)
}

/// Tries all of them, one per processor at a time.
fn tried(hunt: &Path, bugs: Vec<(&str, usize)>) -> ExitCode {
    let (count, at_once) = (bugs.len(), thread::available_parallelism().map_or(1, usize::from));
    let waiting = Mutex::new(VecDeque::from(bugs));
    let failed = Mutex::new(0);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some((name, number)) = next() {
                    let (fine, told) = tell(hunt, number);
                    println!("{name}: {told}");
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) += usize::from(!fine);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{count} tried, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tries that bug in a process of its own; returns whether it ended as it must, and its output.
fn tell(hunt: &Path, number: usize) -> (bool, String) {
    let ended = Command::new(hunt).env(zoo::CHOSEN, number.to_string()).output();
    let Output { status, stdout, stderr } = match ended {
        Ok(output) => output,
        Err(error) => return (false, error.to_string()),
    };
    let found = status.code() == Some(i32::from(zoo::FOUND));
    let fine = if number == 0 { status.success() } else { found };
    let said = String::from_utf8_lossy(&stdout).trim().to_owned();
    match (fine, said.is_empty()) {
        (true, false) => (true, said),
        _ => (false, format!("FAILED ({status}): {said} {}", String::from_utf8_lossy(&stderr).trim())),
    }
}
