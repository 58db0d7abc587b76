//! `laurel import`: members from a file, with their balances and their standing before Laurel. Every row lands or
//! is told; running it again changes nothing.

use std::process::ExitCode;

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
    let opened = start::open(&import.data).await?;
    let api = start::assemble(&opened, import.program.as_deref(), import.test_clock).await?;
    start::must_not_be_settled(&api, api.clock.now()).await?;
    let bar = progress::bar(sheet.len() as u64, "importing");
    let how = How {
        verified: import.verified,
        bill: import.bill,
        correct: import.correct,
        strict: import.strict,
        dry_run: import.dry_run,
        at_once: if opened.embedded.is_some() { AT_ONCE } else { AT_ONCE_TABLE },
    };
    let report =
        land(&api, &sheet, import.read.dates(), how, &own(&api), |over| bar.set_position(over as u64)).await;
    let report = report.map_err(|problem| {
        let detail =
            format!("{}; what has landed is known when the same file is imported again", problem.detail);
        StartError(detail)
    })?;
    bar.finish_and_clear();
    finish(import, &report)
}

/// The request of the command.
fn own(api: &Api) -> Request {
    Request::plain(By::Import, api.clock.now())
}

/// Refuses a file none of whose columns says who a row is about.
pub(crate) fn must_say_who(sheet: &Sheet, also: &[&str]) -> Result<(), StartError> {
    let says = |field: &str| {
        ["phone", "email", "external"].iter().any(|kind| field.starts_with(kind)) || also.contains(&field)
    };
    match sheet.columns().iter().any(|column| says(&column.field)) {
        true => Ok(()),
        false => Err(StartError(
            "no column says who a row is about: phone, email or external.<channel>".to_owned(),
        )),
    }
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
    report.map_err(|problem| StartError(problem.detail))
}

fn finish(import: &Import, report: &Report) -> Result<ExitCode, StartError> {
    println!("rows {}", report.rows);
    println!("members created {}, known before {}", report.created, report.known);
    println!("opening balances {}, {} points", report.balances, report.points);
    println!("rows rejected {}, fields left out {}", report.rejected(), report.left_out());
    if import.dry_run {
        println!("nothing was written (--dry-run)");
    }
    let path = rows::rejected_path(&import.file, import.rejected.as_ref());
    rows::report(&path, &report.told).map_err(|error| failed("cannot write what is told", &error))?;
    if report.told.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("why is in {}", path.display());
    Ok(ExitCode::from(1))
}
