//! `POST /import`: members from a file of rows, as `laurel import` lands them.
//!
//! No answer is kept: what a call that was cut off has landed is known when the same rows are sent again.

use edge::{
    Access, Answer, Api, Call, Cell, Code, Function, Kind, List, Method, Problem, Role, Route, Text, answer,
    asking,
};
use files::{DateOrder, Options, Unreadable, names};
use landing::{How, land};

/// The most rows of a call.
const ROWS_MAX: usize = 5_000;

/// The longest body, in bytes.
const BYTES_MAX: usize = 4 * 1024 * 1024;

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
        /// a stable word
        code: Text<64, &'a str>,
        /// why, and what to do
        detail: Cell<2_000, &'a str>,
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
    // Nobody is told of an import yet, whatever it asks for.
    let _ = asked(call, "tell")?;
    let how = How {
        verified: asked(call, "verified")?,
        bill: asked(call, "bill")?,
        correct: asked(call, "correct")?,
        strict: asked(call, "strict")?,
        dry_run: asked(call, "dry_run")?,
        at_once: AT_ONCE,
    };
    let options = Options::default();
    // No header of a CSV text begins with a brace.
    let is_json = call.text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let sheet = match is_json {
        true => files::read_json_lines(&call.text, &options, &names::MEMBERS),
        false => files::read(&call.text, &options, &names::MEMBERS),
    };
    let sheet = sheet.map_err(|error| unreadable(&error))?;
    if sheet.len() > ROWS_MAX {
        let detail = format!("at most {ROWS_MAX} rows in a call; it has {}", sheet.len());
        return Err(Problem::field("", "too_long", &detail));
    }

    let report = land(api, &sheet, DateOrder::Plain, how, &call.request, |_| {}).await?;

    let told = report.told.iter().map(|told| ToldRow {
        lines: Text(told.lines.to_string()),
        column: Cell(cut(&told.column, 400)),
        value: Cell(cut(&told.value, 400)),
        landed: Text(if told.landed { "yes" } else { "no" }),
        code: Text(&told.code),
        detail: Cell(cut(&told.detail, 2_000)),
    });
    let (rows, created, known) = (report.rows, report.created, report.known);
    Ok(Answer::new(200, &Imported { rows, created, known, told: told.collect() }))
}

/// The text up to so many characters.
fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

/// A question of the query: `true`, or `false` if it is not asked.
fn asked(call: &Call, name: &str) -> Result<bool, Problem> {
    match call.query(name) {
        Some("true") => Ok(true),
        None | Some("false") => Ok(false),
        Some(_) => Err(Problem::field(&format!("/query/{name}"), "wrong_format", "true or false")),
    }
}

fn unreadable(error: &Unreadable) -> Problem {
    Problem::field("", error.code, &error.to_string())
}
