//! How a function's faults are logged: structured logs on standard error, one JSON line each.
//!
//! No body, no key and no path (which may hold an id) is ever logged.

use std::{io::stderr, panic, process};

use tracing::Level;
use tracing_subscriber::{filter::Targets, fmt, prelude::*, registry};

/// Sets up the logs of the process, of which `filter` (`LAUREL_LOG`: `warn`, `info,lambda=debug`) sets the
/// level, and ends the process on a panic.
///
/// A panic means that an invariant is broken, so the instance's state cannot be trusted: the next event gets
/// a new instance, and the caller repeats its request, as with any lost answer. A deployed binary would end
/// by itself (`panic = "abort"`); this makes a binary built for tests end too.
pub fn tell(function: &'static str, filter: &str) {
    let filter: Targets = filter.parse().unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let json = fmt::layer().json().with_current_span(false).with_span_list(false);
    let _ = registry().with(filter).with(json.with_writer(stderr)).try_init();
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        // A literal message holds no personal data. A formatted one may.
        let said = panic.payload().downcast_ref::<&'static str>().copied();
        tracing::error!(function, place, said, "panicked: this instance ends");
        process::abort();
    }));
}
