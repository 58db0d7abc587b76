//! The test's clock. Each instance has one of its own, which a request's `Test-Clock` moves; to a caller they
//! look like one. So this keeps the latest moment that any instance reached, and replaces an instance that
//! has not reached it.

use std::{
    cmp::Ordering,
    sync::{Mutex, PoisonError},
};

use domain::time::Instant;

/// The time of all instances together.
pub(crate) struct TestClock {
    now: Mutex<Option<Moment>>,
}

/// A moment, and how it was written, which does not count.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    at: Instant,
    pub(crate) text: String,
}

impl Ord for Moment {
    fn cmp(&self, other: &Moment) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Moment) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Moment) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Moment {}

impl Moment {
    pub(crate) fn read(text: &str) -> Option<Moment> {
        Instant::parse(text).map(|at| Moment { at, text: text.to_owned() })
    }
}

impl TestClock {
    /// A clock that stands at that moment; without one there is no test clock.
    pub(crate) fn new(start: Option<&str>) -> TestClock {
        TestClock { now: Mutex::new(start.and_then(Moment::read)) }
    }

    pub(crate) fn now(&self) -> Option<Moment> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An instance has reached that moment.
    pub(crate) fn reached(&self, moment: Moment) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.as_ref().is_some_and(|now| *now < moment) {
            *now = Some(moment);
        }
    }
}

/// Whether a function with that answer moved its clock first: it does so once it has found the route and an
/// admin.
pub(crate) fn moved(status: u16, code: &str) -> bool {
    let before = [
        "not_found",
        "method_not_allowed",
        "unauthenticated",
        "forbidden",
        "test_clock_refused",
        "store_unavailable",
    ];
    status < 400 || !before.contains(&code)
}
