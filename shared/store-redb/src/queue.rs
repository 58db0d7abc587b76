//! Where commits wait for the writer. Bounded in number and in bytes: what does not fit is
//! answered `Busy` at once.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use engine::store::{Manner, StoreError, Version, Write};
use tokio::sync::oneshot;

use crate::{error::Cause, reading::Foreseen};

/// A commit that waits for its answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) writes: Vec<Write>,
    pub(crate) manner: Manner,
    /// What the tables held of its records when it was made.
    pub(crate) foreseen: Foreseen,
    /// Its size in a frame.
    pub(crate) payload_bytes: usize,
    pub(crate) answer: oneshot::Sender<Result<Version, StoreError>>,
}

#[derive(Default, Debug)]
struct State {
    waiting: VecDeque<Request>,
    bytes: usize,
    /// Why nothing more is taken.
    closed: Option<Cause>,
}

/// The queue, shared by all who commit and the one writer.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    commits_max: usize,
    bytes_max: usize,
}

impl Queue {
    pub(crate) fn new(commits_max: usize, bytes_max: usize) -> Queue {
        Queue { state: Mutex::default(), filled: Condvar::new(), commits_max, bytes_max }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two steps that belong together under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a commit at the end.
    pub(crate) fn push(&self, request: Request) -> Result<(), StoreError> {
        let mut state = self.lock();
        if let Some(cause) = &state.closed {
            return Err(cause.clone().unavailable());
        }
        let bytes = state.bytes + request.payload_bytes;
        let alone = state.waiting.is_empty();
        if state.waiting.len() >= self.commits_max || (bytes > self.bytes_max && !alone) {
            return Err(StoreError::Busy);
        }
        state.bytes = bytes;
        state.waiting.push_back(request);
        drop(state);
        if alone {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for commits and takes all there are, up to a payload of `bytes_max`; at least one.
    /// `None` when the queue is closed and empty.
    pub(crate) fn take(&self, bytes_max: usize) -> Option<Vec<Request>> {
        let waited =
            self.filled.wait_while(self.lock(), |state| state.waiting.is_empty() && state.closed.is_none());
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let fitting = state.waiting.iter().take_while(|request| {
            bytes += request.payload_bytes;
            bytes <= bytes_max
        });
        let count = fitting.count().max(1).min(state.waiting.len());
        let taken: Vec<Request> = state.waiting.drain(..count).collect();
        state.bytes -= taken.iter().map(|request| request.payload_bytes).sum::<usize>();
        (!taken.is_empty()).then_some(taken)
    }

    /// Accepts nothing more. What waits can still be taken.
    pub(crate) fn close(&self, cause: Cause) {
        self.lock().closed.get_or_insert(cause);
        self.filled.notify_all();
    }

    /// Whether it still accepts commits.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().closed.is_none()
    }

    /// How many commits wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }
}
