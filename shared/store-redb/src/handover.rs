//! Between the writer and the drainer: the frozen generation that waits for the tables, and the segment of the
//! journal that the writer takes next.
//!
//! There is at most one of each. There is none of the latter before the former is gone from here, so no more than
//! two segments hold what the tables lack.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{overlay::Generation, segment::Segment};

/// How often the drainer looks whether something of the journal has become too old, if there is nothing else to do.
const BETWEEN_LOOKS: Duration = Duration::from_secs(600);

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
    spare: Option<Arc<Segment>>,
    /// The number of a reader that could not read.
    suspect: Option<u64>,
    stopping: bool,
}

/// What the drainer is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// To write this generation.
    Drain(Frozen),
    /// To give the writer a segment.
    Spare,
    /// To see whether something of the journal need not be kept any longer.
    Tidy,
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
            state.frozen.is_none() && state.spare.is_some() && state.suspect.is_none() && !state.stopping
        });
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The writer: hands a generation over. Only after [`Handover::take_spare`] gave a segment.
    pub(crate) fn put(&self, frozen: Frozen) {
        let mut state = self.lock();
        debug_assert!(state.frozen.is_none(), "two frozen generations");
        state.frozen = Some(frozen);
        self.changed.notify_all();
    }

    /// The writer: a segment of whose contents nothing is needed, if there was one within that time.
    pub(crate) fn take_spare(&self, longest: Duration) -> Option<Arc<Segment>> {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), longest, |state| state.spare.is_none() && !state.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        let mut state = waited.0;
        state.spare.take().filter(|_| state.frozen.is_none())
    }

    /// The drainer: gives the writer that segment. Only while there is no frozen generation.
    pub(crate) fn put_spare(&self, segment: Arc<Segment>) {
        self.lock().spare = Some(segment);
        self.changed.notify_all();
    }

    /// The drainer: what to do next.
    pub(crate) fn next_task(&self) -> Task {
        let mut state = self.lock();
        if let Some(task) = state.task() {
            return task;
        }
        state = self.wait(state, BETWEEN_LOOKS);
        state.task().unwrap_or(Task::Tidy)
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
        match &self.frozen {
            Some(frozen) => Some(Task::Drain(frozen.clone())),
            None => self.spare.is_none().then_some(Task::Spare),
        }
    }
}
