//! Which entries of a ledger are asked for.

use domain::{event::WORDS, shape::Fault, time::Instant};
use edge::{Call, Problem};
use engine::Filter;

/// What `?kind=`, `?since=` and `?until=` say.
///
/// # Errors
/// What is wrong with them, all at once.
pub(crate) fn read(call: &Call) -> Result<Filter, Problem> {
    let mut faults = Vec::new();
    let kind = call.query("kind").map(str::to_owned);
    if let Some(kind) = kind.as_deref().filter(|kind| !WORDS.contains(kind)) {
        let detail = format!("{kind} is no kind of entry; one of {}", WORDS.join(", "));
        faults.push(Fault::new("/query/kind", "wrong_format", detail));
    }
    let mut instant = |name: &str| {
        let text = call.query(name)?;
        let read = Instant::parse(&plain(text));
        if read.is_none() {
            let detail = format!("{text} is no instant of RFC 3339, such as 2026-11-01T00:00:00+08:00");
            faults.push(Fault::new(format!("/query/{name}"), "wrong_format", detail));
        }
        read
    };
    let (since, until) = (instant("since"), instant("until"));
    match faults.is_empty() {
        true => Ok(Filter { kind, since, until }),
        false => Err(Problem::invalid_field(&faults)),
    }
}

/// The colons and the plus of an instant, which many clients write percent-encoded in a query.
fn plain(text: &str) -> String {
    [("%3A", ":"), ("%3a", ":"), ("%2B", "+"), ("%2b", "+")]
        .iter()
        .fold(text.to_owned(), |text, (encoded, sign)| text.replace(encoded, sign))
}
