//! How an instance that shares its store keeps up: it knows a version of the programme or a revocation that
//! another instance wrote within half a minute, or it answers nothing.

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use crate::{Api, Clock, Problem};

/// After what time the callers and the programme are reread. Reading takes less than the rest of the half
/// minute that the contract allows.
const STALE: Duration = Duration::from_secs(20);

/// After what time without a successful read nothing is answered.
const TOO_OLD: Duration = Duration::from_secs(60);

/// When what others may change was last read.
#[derive(Debug, Default)]
pub(crate) struct Freshness(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// Whether other instances write to the store.
    shared: bool,
    read_at: Option<Instant>,
    reading: bool,
}

/// What to do before a request is answered.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Verdict {
    Fresh,
    /// Reread; if that fails, continue with what is known.
    Try,
    /// Reread; if that fails, answer nothing.
    Must,
}

impl State {
    fn verdict(self, now: Instant, test: bool) -> Verdict {
        // Another request may have read it since this one looked at the clock.
        let age = self.read_at.map(|at| now.saturating_duration_since(at));
        match age {
            _ if !self.shared => Verdict::Fresh,
            None => Verdict::Must,
            Some(age) if age >= TOO_OLD => Verdict::Must,
            Some(_) if test => Verdict::Try,
            // One reads for all.
            Some(age) if age >= STALE && !self.reading => Verdict::Try,
            Some(_) => Verdict::Fresh,
        }
    }
}

/// A read that is under way; over when it is dropped.
struct Reading<'a>(&'a Freshness);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.lock().reading = false;
    }
}

impl Freshness {
    fn lock(&self) -> MutexGuard<'_, State> {
        #[expect(clippy::expect_used, reason = "only plain assignments happen under it")]
        self.0.lock().expect("nobody panics while holding it")
    }

    pub(crate) fn share(&self) {
        self.lock().shared = true;
    }

    /// Notes that everything was read, by a read that began then.
    pub(crate) fn was_read(&self, at: Instant) {
        let mut state = self.lock();
        state.read_at = state.read_at.max(Some(at));
    }
}

impl Api {
    /// Notes that other instances write to the same store.
    pub fn share_store(&self) {
        self.freshness.share();
    }

    /// Reads what other instances may have changed, if it is time to.
    ///
    /// # Errors
    /// 503 `store_unavailable`: it could not be read for a minute, or the data were rekeyed.
    pub async fn freshen(&self) -> Result<(), Problem> {
        let now = self.clock.steady();
        let verdict = {
            let mut state = self.freshness.lock();
            let verdict = state.verdict(now, matches!(*self.clock, Clock::Test(_)));
            state.reading |= verdict == Verdict::Try;
            verdict
        };
        if verdict == Verdict::Fresh {
            return Ok(());
        }
        // Whatever its outcome, the next may try.
        let reading = Reading(&self.freshness);
        let read = self.refresh().await;
        drop(reading);
        match read {
            Ok(()) => Ok(()),
            // Who finds nobody any more would register everybody anew.
            Err(error) if verdict == Verdict::Try && !self.is_outlived() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not read what is new");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_is_time() {
        let start = Instant::now();
        let state = |shared, read: bool, reading| State { shared, read_at: read.then_some(start), reading };
        let seconds = Duration::from_secs;
        let table = [
            ("alone", state(false, true, false), seconds(3_600), false, Verdict::Fresh),
            ("never read", state(true, false, false), seconds(0), false, Verdict::Must),
            ("just read", state(true, true, false), seconds(19), false, Verdict::Fresh),
            ("stale", state(true, true, false), seconds(20), false, Verdict::Try),
            ("another reads", state(true, true, true), seconds(20), false, Verdict::Fresh),
            ("another reads too long", state(true, true, true), seconds(60), false, Verdict::Must),
            ("too old", state(true, true, false), seconds(60), false, Verdict::Must),
            ("under the test clock", state(true, true, false), seconds(0), true, Verdict::Try),
        ];
        for (name, state, age, test, want) in table {
            assert_eq!(state.verdict(start + age, test), want, "{name}");
        }
    }
}
