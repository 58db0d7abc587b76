//! The writer: the one thread that decides and writes commits.
//!
//! Everything queued becomes one batch: each commit's expectations are checked in order, as if the commits
//! before it had happened; the accepted ones become one frame of the journal; after one sync they become
//! visible, and only then are callers answered, losers too, so that what they read next shows them the
//! winner.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use engine::store::{Change, Expect, Key, StoreError, Version};

use crate::{
    error::Cause,
    feed::Log,
    frame::{self, Commit},
    handover::{Frozen, Handover},
    journal::{AppendError, Journal},
    overlay::{Shared, View},
    pace::Pace,
    queue::{Queue, Request},
    reading,
};

/// The longest commit, as stored in the journal (a DynamoDB transaction holds 4 MB).
pub(crate) const COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the writer has done so far.
#[derive(Default, Debug)]
pub(crate) struct Counts {
    pub(crate) commits: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) switches: AtomicU64,
}

/// The journal, and what the other threads see of it.
pub(crate) struct Writer {
    pub(crate) journal: Journal,
    pub(crate) last_sequence: u64,
    pub(crate) queue: Arc<Queue>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) log: Arc<Log>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) counts: Arc<Counts>,
    /// How long a batch waits for the drainer before it is answered `Busy`.
    pub(crate) patience: Duration,
    /// The most records of a generation, whatever their size.
    pub(crate) records_max: usize,
    pub(crate) poisoned: Option<Cause>,
}

/// A batch's accepted writes so far: the version of each record, or that it is deleted.
type Staged<'a> = HashMap<&'a Key, Option<Version>>;

impl Writer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let _closing = CloseOnDrop(self.queue.clone());
        while let Some(batch) = self.queue.take(self.payload_bytes_max()) {
            self.batch(batch);
        }
    }

    /// The largest payload of one frame.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        let segment = usize::try_from(self.journal.frame_bytes_max()).unwrap_or(usize::MAX);
        COMMIT_BYTES_MAX.min(segment - frame::HEAD_BYTES)
    }

    /// Decides, writes and answers these commits.
    pub(crate) fn batch(&mut self, requests: Vec<Request>) {
        if let Some(cause) = &self.poisoned {
            let answers = requests.iter().map(|_| Err(cause.clone().unavailable())).collect();
            return answer(requests, answers);
        }
        let mut verdicts = self.judge(&requests);
        let accepted: Vec<Commit<'_>> = requests
            .iter()
            .zip(&verdicts)
            .filter(|(_, verdict)| verdict.is_ok())
            .map(|(request, _)| Commit { writes: &request.writes, manner: request.manner })
            .collect();
        if let Err(failure) = self.write(&accepted) {
            for verdict in &mut verdicts {
                *verdict = Err(failure.of(verdict.is_ok()));
            }
        }
        drop(accepted);
        answer(requests, verdicts);
    }

    /// Whether each commit's expectations hold, after the accepted ones before it, and the
    /// version it gets if so.
    fn judge(&self, requests: &[Request]) -> Vec<Result<Version, StoreError>> {
        let mut staged = Staged::new();
        let mut last_sequence = self.last_sequence;
        // Dropped before the batch is published: the active generation is then ours alone.
        let view = self.shared.read().clone();
        let judged = requests.iter().map(|request| {
            for (at, write) in request.writes.iter().enumerate() {
                let found = || match staged.get(&write.key) {
                    Some(found) => Ok(*found),
                    None => self.found(&view, request, at),
                };
                let holds = match write.expect {
                    Expect::Anything => true,
                    Expect::Absent => found()?.is_none(),
                    Expect::Version(version) => found()? == Some(version),
                };
                if !holds {
                    return Err(StoreError::LostRace);
                }
            }
            last_sequence += 1;
            let version = Version(last_sequence);
            for write in &request.writes {
                match write.change {
                    Change::Nothing => None,
                    Change::Put(_) => staged.insert(&write.key, Some(version)),
                    Change::Delete => staged.insert(&write.key, None),
                };
            }
            Ok(version)
        });
        judged.collect()
    }

    /// The durable version of the record that a commit's write number `at` is about.
    fn found(&self, view: &View, request: &Request, at: usize) -> Result<Option<Version>, StoreError> {
        let key = &request.writes[at].key;
        match view.shadow(key) {
            Some(entry) => Ok(entry.value.as_ref().map(|_| entry.version)),
            None => match request.foreseen.version(at, &view.tables) {
                Some(found) => Ok(found),
                None => reading::version(&self.shared, &self.handover, key),
            },
        }
    }

    /// Writes the accepted commits durably and makes them visible.
    fn write(&mut self, accepted: &[Commit<'_>]) -> Result<(), Failure> {
        if accepted.is_empty() {
            return Ok(());
        }
        self.make_room(accepted)?;
        let frame = frame::encode(self.journal.salt(), self.last_sequence + 1, accepted);
        self.journal.append(&frame).map_err(|error| self.failed(error))?;
        self.last_sequence += accepted.len() as u64;
        self.pace.filled(self.journal.filled_bytes());
        self.publish(frame.into());
        self.log.extend(self.last_sequence);
        self.counts.commits.fetch_add(accepted.len() as u64, Ordering::Relaxed);
        self.counts.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Freezes the active generation and continues in another segment if these do not fit.
    fn make_room(&mut self, accepted: &[Commit<'_>]) -> Result<(), Failure> {
        let payload = accepted.iter().map(|commit| frame::payload_bytes(commit.writes)).sum();
        let records = self.shared.read().active.len();
        if self.journal.fits(frame::frame_bytes(payload)) && records < self.records_max {
            return Ok(());
        }
        let Some(segment) = self.handover.take_spare(self.patience) else {
            return Err(Failure::Behind);
        };
        let generation = {
            let mut view = self.shared.write();
            let generation = std::mem::take(&mut view.active);
            view.frozen = Some(generation.clone());
            generation
        };
        self.log.begin(segment.clone(), self.last_sequence + 1);
        self.journal.switch(segment);
        self.pace.filled(self.journal.filled_bytes());
        self.handover.put(Frozen { generation, last_sequence: self.last_sequence });
        self.counts.switches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Shows a durable frame's writes to readers.
    fn publish(&self, frame: Bytes) {
        let mut view = self.shared.write();
        // A snapshot keeps the generation it saw; the writer then continues with a copy.
        let active = Arc::make_mut(&mut view.active);
        let parsed = frame::writes(&frame, 0, |found| {
            let (key, entry) = found.entry(&frame);
            active.insert(key.into(), entry);
        });
        debug_assert!(parsed.is_some(), "a frame of our own does not parse");
        view.last_sequence = self.last_sequence;
    }

    fn failed(&mut self, error: AppendError) -> Failure {
        match error {
            AppendError::Write(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the journal cannot be written; the commits were refused"
                );
                Failure::NotWritten(Cause::Write(Arc::new(error)))
            }
            AppendError::Sync(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the journal cannot be made durable; no more commits are taken before a restart"
                );
                let error = Arc::new(error);
                let cause = Cause::Poisoned(error.clone());
                self.poisoned = Some(cause.clone());
                self.queue.close(cause);
                Failure::InDoubt(Cause::Sync(error))
            }
        }
    }
}

/// Why none of a batch was acknowledged.
enum Failure {
    /// The drainer has not finished the segment before.
    Behind,
    /// Nothing of it is in the journal.
    NotWritten(Cause),
    /// It may be in the journal.
    InDoubt(Cause),
}

impl Failure {
    /// The answer to a commit. A rejected commit may have lost to one that was not written in the end, so it
    /// is not reported as lost.
    fn of(&self, accepted: bool) -> StoreError {
        match self {
            Failure::Behind => StoreError::Busy,
            Failure::NotWritten(cause) => cause.clone().unavailable(),
            Failure::InDoubt(cause) if accepted => cause.clone().unknown(),
            Failure::InDoubt(cause) => cause.clone().unavailable(),
        }
    }
}

fn answer(requests: Vec<Request>, answers: Vec<Result<Version, StoreError>>) {
    for (request, answer) in requests.into_iter().zip(answers) {
        // A caller that no longer waits gets no answer.
        let _ = request.answer.send(answer);
    }
}

/// Answers everyone still waiting when the writer ends, however it ends.
struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close(Cause::Closed);
        while self.0.take(usize::MAX).is_some() {}
    }
}
