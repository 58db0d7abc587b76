//! How old a request's moment may be when something is written under it.
//!
//! A month is settled 15 minutes after its end or later, and counts what was recorded in it. So nothing may
//! be written then that claims to be recorded before the end: a write that would commit more than 60 s after
//! its moment starts again, at a new one. The engine checks just before it passes a commit to the store, and
//! leaves the store the rest of the minute. The store over DynamoDB gives up after 3 s of retries and one
//! more attempt. The embedded store writes commits in the order in which they came, and a settlement begins
//! with a commit of its own: everything passed to the store earlier is written and shown by then, however
//! long a disk has hung.

use std::{fmt, sync::Arc};

use domain::time::Instant;

/// How old a moment may be when a commit goes to the store, in milliseconds.
const AGE_MILLIS_MAX: i64 = 50_000;

/// What tells the time where the engine is used.
#[derive(Clone)]
pub(crate) struct Watch(pub(crate) Arc<dyn Fn() -> Instant + Send + Sync>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// The present, if the moment is too old to write anything under it.
    pub(crate) fn later(&self, moment: Instant) -> Option<Instant> {
        let now = (self.0)();
        (now > moment.plus_millis(AGE_MILLIS_MAX)).then_some(now)
    }
}
