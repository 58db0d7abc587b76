//! `POST /import`: members from a file of rows, as `laurel import` lands them.
//!
//! No answer is kept: what a call that was cut off has landed is known when the same rows are sent again.

use std::borrow::Cow;

use edge::{
    Access, Answer, Api, Call, Cell, Code, Function, Kind, List, Method, Notes, Problem, Role, Route, Text,
    answer, asking,
};
use files::{DateOrder, Options, Told, Unreadable, names};
use landing::{Failed, How, SAYS_NOBODY, land, says_who};

/// The most rows of a call.
const ROWS_MAX: usize = 5_000;

/// The longest body, in bytes.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest list of what is told, in bytes of JSON: a function's answer has at most 6 MB.
const TOLD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of what is told of a row beside its column, its value and its words, at most.
const ROW_BYTES: usize = 256;

/// The most that is told of rows.
const TOLD_MAX: usize = 99_999;

/// Persons that land side by side.
const AT_ONCE: usize = 64;

answer! {
    /// A row that did not land, or landed without one of its fields.
    pub struct ToldRow<'a> {
        /// its lines in the body, such as 7 or 11-2000
        lines: Text<64, String>,
        /// the column, as the header has it; empty: the whole row
        column: Cell<400, &'a str>,
        /// what stands there, or how it begins
        value: Cell<400, &'a str>,
        /// yes: the row came, without that field
        landed: Text<3, &'static str>,
        /// a stable word; more: the last row, which says how much is left off
        code: Text<64, &'a str>,
        /// why, and what to do
        detail: Cell<2_000, Cow<'a, str>>,
    }
}

answer! {
    /// What became of the rows.
    pub struct Imported<'a> {
        /// rows, blank ones not counted
        rows: u64,
        /// members that were made
        created: u64,
        /// rows whose member was known
        known: u64,
        /// what is told of rows, by line
        told: List<ToldRow<'a>, 0, 100_000>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "import",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Members with their balances and their standing before Laurel, up to 5,000 rows",
        notes: Some(Notes::of_staff("members.imported")),
        access: Access::keys(&[Role::Operator]),
        answers: &[(200, Imported::SHAPE)],
        problems: &[Code::UnsupportedMediaType],
        texts: &["text/csv", "application/x-ndjson"],
        body_bytes_max: BYTES_MAX,
        query: &["dry_run", "verified", "correct", "strict", "bill", "tell"],
        ..asking!(handle)
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let quiet;
    let api = match call.asked("tell")? {
        true => api,
        false => {
            quiet = api.quietly();
            &quiet
        }
    };
    let how = How {
        verified: call.asked("verified")?,
        bill: call.asked("bill")?,
        correct: call.asked("correct")?,
        strict: call.asked("strict")?,
        dry_run: call.asked("dry_run")?,
        at_once: AT_ONCE,
    };
    let options = Options { rows_max: Some(ROWS_MAX), ..Options::default() };
    // No header of a CSV text begins with a brace.
    let is_json = call.text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let sheet = match is_json {
        true => files::read_json_lines(&call.text, &options, &names::MEMBERS),
        false => files::read(&call.text, &options, &names::MEMBERS),
    };
    let sheet = sheet.map_err(|error| unreadable(&error))?;
    if !says_who(&sheet, &[]) {
        return Err(Problem::field("", "required", SAYS_NOBODY));
    }

    let request = call.request.noted_once();
    let report = land(api, &sheet, DateOrder::Plain, how, &request, |_| {}).await;
    let report = report.map_err(|failed| cut_off(&failed))?;

    let (rows, created, known) = (report.rows, report.created, report.known);
    Ok(Answer::new(200, &Imported { rows, created, known, told: told_rows(&report.told) }))
}

/// What is told, as far as an answer holds it; a last row of code `more` says of how much it holds no more.
fn told_rows(all: &[Told]) -> List<ToldRow<'_>, 0, 100_000> {
    let mut bytes = 0;
    let mut told: Vec<ToldRow<'_>> = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let row = ToldRow {
            lines: Text(one.lines.to_string()),
            column: Cell(cut(&one.column, 400)),
            value: Cell(cut(&one.value, 400)),
            landed: Text(if one.landed { "yes" } else { "no" }),
            code: Text(&one.code),
            detail: Cell(Cow::Borrowed(cut(&one.detail, 2_000))),
        };
        bytes += ROW_BYTES + written(row.column.0) + written(row.value.0) + written(&row.detail.0);
        if bytes > TOLD_BYTES_MAX || index >= TOLD_MAX {
            let rest = all.len() - index;
            let detail = format!("{rest} more are told of the lines from here on: send fewer rows in a call");
            let landed = all[index..].iter().all(|one| one.landed);
            told.push(ToldRow {
                column: Cell(""),
                value: Cell(""),
                landed: Text(if landed { "yes" } else { "no" }),
                code: Text("more"),
                detail: Cell(detail.into()),
                ..row
            });
            break;
        }
        told.push(row);
    }
    List(told)
}

/// Bytes of a text in JSON, at most.
fn written(text: &str) -> usize {
    text.chars()
        .map(|one| if one < ' ' { 6 } else { one.len_utf8() + usize::from(matches!(one, '"' | '\\')) })
        .sum()
}

/// The store failed: the words say whether rows have landed.
fn cut_off(failed: &Failed) -> Problem {
    let landed = failed.report.created + failed.report.known;
    let mut problem = failed.problem.clone();
    if failed.has_landed() {
        problem.detail = format!(
            "the store failed on the way: {landed} rows have landed; send the same rows again, and these are known"
        );
    }
    problem
}

/// The text up to so many characters.
fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

fn unreadable(error: &Unreadable) -> Problem {
    Problem::field("", error.code, &error.to_string())
}
