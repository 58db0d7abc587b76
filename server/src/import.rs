//! `laurel import`: members from a file, with their balances and their standing before Laurel. Every row lands or
//! is told; running it again changes nothing.

use std::{io, path::Path, process::ExitCode};

use edge::Api;
use engine::{Request, records::By};
use files::{DateOrder, Options, Sheet, names};
use landing::{How, Report, land};

use crate::{
    cli::Import,
    progress, rows,
    start::{self, StartError, failed},
};

/// Persons that land side by side in a data folder: the store makes one durable write of what waits at once.
const AT_ONCE: usize = 512;

/// The same in a table, which has a limit of its own.
const AT_ONCE_TABLE: usize = 32;

/// Imports the file.
pub(crate) async fn import(import: &Import) -> Result<ExitCode, StartError> {
    let sheet = rows::open(&import.file, &import.read, &names::MEMBERS)?;
    must_say_who(&sheet, &[])?;
    let path = rows::rejected_path(&import.file, import.rejected.as_ref());
    rows::must_be_writable(&path).map_err(|error| unwritable(&path, &error))?;
    let program = import.program.as_deref();
    let mut api = if import.dry_run {
        start::assemble_dry(&import.data, program, import.test_clock).await?
    } else {
        let opened = start::open(&import.data).await?;
        start::end_following(&opened).await?;
        start::assemble(&opened, program, import.test_clock).await?
    };
    if !import.tell {
        api.engine = api.engine.quietly();
    }
    start::must_not_be_settled(&api, api.clock.now()).await?;
    let bar = progress::bar(sheet.len() as u64, "importing");
    let how = How {
        verified: import.verified,
        bill: import.bill,
        correct: import.correct,
        strict: import.strict,
        dry_run: import.dry_run,
        at_once: if import.data.table.is_none() { AT_ONCE } else { AT_ONCE_TABLE },
    };
    let landed =
        land(&api, &sheet, import.read.dates(), how, &own(&api), |over| bar.set_position(over as u64)).await;
    bar.finish_and_clear();
    let (report, ended) = match landed {
        Ok(report) => (report, None),
        Err(failed) if failed.has_landed() => (failed.report, Some(failed.problem)),
        Err(failed) => return Err(StartError(failed.problem.detail)),
    };
    let exit = finish(import, &path, &report);
    if let Some(problem) = ended {
        eprintln!("{}; what has landed is known when the same file is imported again", problem.detail);
    }
    Ok(exit)
}

fn unwritable(path: &Path, error: &io::Error) -> StartError {
    failed(&format!("cannot write what is told to {}", path.display()), error)
}

/// The request of the command.
fn own(api: &Api) -> Request {
    Request::plain(By::Import, api.clock.now())
}

/// Refuses a file none of whose columns says who a row is about.
pub(crate) fn must_say_who(sheet: &Sheet, also: &[&str]) -> Result<(), StartError> {
    if landing::says_who(sheet, also) { Ok(()) } else { Err(StartError(landing::SAYS_NOBODY.to_owned())) }
}

/// Imports a text with a header, as the command does: what is wrong with the whole text is an error.
///
/// # Errors
/// The text cannot be read, or the store failed.
pub async fn import_csv(api: &Api, text: &[u8], verified: bool) -> Result<Report, StartError> {
    let sheet = files::read(text, &Options::default(), &names::MEMBERS);
    let sheet = sheet.map_err(|error| failed("cannot read the file", &error))?;
    let how = How { verified, at_once: 1, ..How::default() };
    let report = land(api, &sheet, DateOrder::Plain, how, &own(api), |_| {}).await;
    report.map_err(|failed| StartError(failed.problem.detail))
}

/// What became of the file: rows have landed, whatever else fails.
fn finish(import: &Import, path: &Path, report: &Report) -> ExitCode {
    println!("rows {}", report.rows);
    println!("members created {}, known before {}", report.created, report.known);
    println!("opening balances {}, {} points", report.balances, report.points);
    println!("rows rejected {}, fields left out {}", report.rejected(), report.left_out());
    if import.dry_run {
        println!("nothing was written (--dry-run)");
    }
    if let Err(error) = rows::report(path, &report.told) {
        eprintln!("{}", unwritable(path, &error));
        return ExitCode::from(1);
    }
    if report.told.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("why is in {}", path.display());
    ExitCode::from(1)
}
