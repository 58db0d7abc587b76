//! Between the writer and the drainer: the frozen generation that waits for the tables.
//!
//! There is at most one. The segment of the journal it came from is free again when it is gone
//! from here, and not a moment earlier.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::overlay::Generation;

/// A generation on its way into the tables.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) generation: Arc<Generation>,
    /// The number of the last commit in it.
    pub(crate) last_sequence: u64,
}

#[derive(Default, Debug)]
struct State {
    frozen: Option<Frozen>,
    /// The number of a reader that could not read.
    suspect: Option<u64>,
    stopping: bool,
}

/// What the drainer is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// To write this generation.
    Drain(Frozen),
    /// To open the tables again if the reader of that number is still in use.
    Reopen(u64),
    /// To end.
    Stop,
}

/// Shared by the writer, the drainer, and readers who have met an error.
#[derive(Default, Debug)]
pub(crate) struct Handover {
    state: Mutex<State>,
    changed: Condvar,
}

impl Handover {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under this lock is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, longest: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout_while(state, longest, |state| {
            state.frozen.is_none() && state.suspect.is_none() && !state.stopping
        });
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The writer: hands a generation over. Only after [`Handover::wait_until_free`] said so.
    pub(crate) fn put(&self, frozen: Frozen) {
        let mut state = self.lock();
        debug_assert!(state.frozen.is_none(), "two frozen generations");
        state.frozen = Some(frozen);
        self.changed.notify_all();
    }

    /// The writer: whether the frozen generation was gone within that time.
    pub(crate) fn wait_until_free(&self, longest: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), longest, |state| state.frozen.is_some() && !state.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        waited.0.frozen.is_none()
    }

    /// The drainer: what to do next.
    pub(crate) fn next_task(&self) -> Task {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.task() {
                return task;
            }
            state = self.wait(state, Duration::from_secs(3_600));
        }
    }

    /// What there is to do now, if anything.
    pub(crate) fn task(&self) -> Option<Task> {
        self.lock().task()
    }

    /// The drainer: waits before the next attempt, shorter if the store is closing.
    pub(crate) fn wait_to_retry(&self, time: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |state| !state.stopping);
        drop(waited);
    }

    /// The drainer: the frozen generation is in the tables, and readers use the new ones.
    pub(crate) fn done(&self) {
        self.lock().frozen = None;
        self.changed.notify_all();
    }

    /// A reader could not read; the drainer is to open the tables again.
    pub(crate) fn suspect(&self, reader: u64) {
        self.lock().suspect = Some(reader);
        self.changed.notify_all();
    }

    /// No more work: the drainer ends.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }
}

impl State {
    fn task(&mut self) -> Option<Task> {
        if self.stopping {
            return Some(Task::Stop);
        }
        if let Some(reader) = self.suspect.take() {
            return Some(Task::Reopen(reader));
        }
        self.frozen.clone().map(Task::Drain)
    }
}
