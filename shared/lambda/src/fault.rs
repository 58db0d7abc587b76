//! How a function's faults are told: structured logs on standard error, one JSON line each.
//!
//! No body, no key and no path (which may hold an id) is ever logged.

use std::{io::stderr, panic, process};

use tracing::Level;
use tracing_subscriber::{filter::Targets, fmt, prelude::*, registry};

/// Sets up the logs of the process, of which `filter` (`LAUREL_LOG`: `warn`, `info,lambda=debug`) says how much is
/// written, and ends the process where something panics.
///
/// An invariant is broken then, and what the instance holds is not to be trusted: the next event gets a new one, and
/// the caller repeats its request, as with any lost answer. A deployed binary would end by itself
/// (`panic = "abort"`); one that is built for tests ends alike.
pub fn tell(function: &'static str, filter: &str) {
    let filter: Targets = filter.parse().unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let json = fmt::layer().json().with_current_span(false).with_span_list(false);
    let _ = registry().with(filter).with(json.with_writer(stderr)).try_init();
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        // A literal says nothing of anybody. What is put together when it is said may.
        let said = panic.payload().downcast_ref::<&'static str>().copied();
        tracing::error!(function, place, said, "panicked: this instance ends");
        process::abort();
    }));
}
