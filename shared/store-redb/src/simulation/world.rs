//! One machine with a store on it, and a model of what the store has promised.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use engine::store::{Change, Expect, Key, Range, Record, StoreError, Version, Write};
use tokio::sync::oneshot;

use super::{Chance, disk::SimulatedDisk};
use crate::{
    error::OpenError,
    frame,
    handover::Task,
    queue::Request,
    reading::{self, Foreseen},
    snapshot::Snapshot,
    store::{Options, Parts},
};

/// Records as they must be.
pub(crate) type Contents = BTreeMap<Key, Record>;

/// What the store must hold: after every acknowledged commit, and perhaps after those in doubt.
#[derive(Clone, Default, Debug)]
pub(crate) struct Model {
    pub(crate) contents: Contents,
    pub(crate) last_sequence: u64,
    pub(crate) in_doubt: Option<(Contents, u64)>,
}

/// A machine, its store if that is open, and the model.
pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) chance: Chance,
    pub(crate) model: Model,
    pub(crate) parts: Option<Parts>,
    snapshot: Option<(Snapshot, Contents)>,
    early: Option<(Vec<Write>, Foreseen)>,
    /// Acknowledged commits.
    pub(crate) acknowledged: u64,
    pub(crate) drains: u64,
    /// Batches in doubt that turned out to be there, and that did not.
    pub(crate) doubts: [u64; 2],
}

pub(crate) fn options() -> Options {
    Options {
        cache_bytes: 1024 * 1024,
        segment_bytes: 16 * 1024,
        patience: Duration::ZERO,
        drain_sync_bytes: 16 * 1024,
        ..Options::default()
    }
}

fn everything() -> Range {
    Range { from: Key::new(vec![0]), to: Key::new(vec![0xff]) }
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        World {
            disk: SimulatedDisk::new(seed),
            chance: Chance(!seed),
            model: Model::default(),
            parts: None,
            snapshot: None,
            early: None,
            acknowledged: 0,
            drains: 0,
            doubts: [0; 2],
        }
    }

    /// Opens the store and checks what it holds. `Err` says what kept it from opening.
    pub(crate) fn open(&mut self) -> Result<(), OpenError> {
        let disk = Arc::new(self.disk.clone());
        let parts = Parts::open(disk, Path::new("simulated"), &options())?;
        parts.writer.pace.stop_resting();
        self.parts = Some(parts);
        self.snapshot = None;
        self.early = None;
        self.check_after_opening();
        Ok(())
    }

    /// What the store holds, or the error of reading it.
    pub(crate) fn contents(&self) -> Result<Contents, StoreError> {
        let writer = &self.parts.as_ref().expect("an open store").writer;
        let found = reading::scan(&writer.shared, &writer.handover, &everything(), usize::MAX)?;
        Ok(found.into_iter().collect())
    }

    fn check_after_opening(&mut self) {
        let found = match self.contents() {
            Ok(found) => found,
            Err(error) => return self.excuse(&error),
        };
        let last_sequence = self.parts.as_ref().map(|parts| parts.writer.last_sequence);
        if let Some((contents, sequence)) = self.model.in_doubt.take() {
            let there = last_sequence == Some(sequence);
            self.doubts[usize::from(there)] += 1;
            if there {
                self.model.contents = contents;
                self.model.last_sequence = sequence;
            }
        }
        assert_eq!(last_sequence, Some(self.model.last_sequence), "commits are missing or too many");
        assert_eq!(found, self.model.contents, "the contents are not those acknowledged");
    }

    /// An error is expected while there is trouble; otherwise it is a fault of the store.
    pub(crate) fn excuse(&self, error: &dyn std::error::Error) {
        assert!(!self.disk.is_powered(), "failed without a cause: {error:?}");
    }

    /// Checks that reading shows exactly what was acknowledged: all of it, a part of it, single
    /// records, and what a snapshot saw.
    pub(crate) fn check(&mut self) {
        match self.contents() {
            Ok(found) => assert_eq!(found, self.model.contents, "the contents differ"),
            Err(error) => return self.excuse(&error),
        }
        let limit = self.chance.below(12) as usize;
        let range = Range { from: self.key(), to: self.key() };
        let keys = [self.key(), self.key(), self.key()];
        let writer = &self.parts.as_ref().expect("an open store").writer;
        let contents = &self.model.contents;
        let within = contents.iter().filter(|(key, _)| (&range.from..&range.to).contains(key));
        let within: Vec<_> = within.take(limit).map(|(key, found)| (key.clone(), found.clone())).collect();
        match reading::scan(&writer.shared, &writer.handover, &range, limit) {
            Ok(found) => assert_eq!(found, within, "{limit} of {range:?}"),
            Err(error) => self.excuse(&error),
        }
        match reading::get(&writer.shared, &writer.handover, &keys) {
            Ok(found) => assert_eq!(found, keys.map(|key| contents.get(&key).cloned())),
            Err(error) => self.excuse(&error),
        }
        if let Some((snapshot, contents)) = &self.snapshot {
            match snapshot.scan(&everything(), usize::MAX) {
                Ok(found) => assert_eq!(&found.into_iter().collect::<Contents>(), contents),
                Err(error) => self.excuse(&error),
            }
        }
        if self.chance.one_in(4) {
            let view = writer.shared.read().clone();
            self.snapshot = Some((Snapshot::new(view), self.model.contents.clone()));
        }
    }

    fn key(&mut self) -> Key {
        Key::new(vec![1, self.chance.below(40) as u8])
    }

    /// Random writes of one commit.
    pub(crate) fn writes(&mut self) -> Vec<Write> {
        let mut writes: Vec<Write> = Vec::new();
        for _ in 0..1 + self.chance.below(4) {
            let key = self.key();
            if writes.iter().any(|write| write.key == key) {
                continue;
            }
            let current = self.model.contents.get(&key).map(|record| record.version);
            let expect = match (self.chance.below(4), current) {
                (0, Some(version)) => Expect::Version(version),
                (0, None) => Expect::Absent,
                (1, _) if self.chance.one_in(8) => Expect::Absent,
                _ => Expect::Anything,
            };
            let length = match self.chance.below(20) {
                0 => 1_400,
                1..5 => 600,
                _ => 40,
            };
            let change = match self.chance.below(8) {
                0 => Change::Delete,
                1 if expect != Expect::Anything => Change::Nothing,
                _ => Change::Put(vec![self.chance.next() as u8; length].into()),
            };
            writes.push(Write { key, expect, change });
        }
        writes
    }

    /// Puts these commits through the writer as one batch and compares the answers with the model. Returns
    /// the answers.
    pub(crate) fn commit(&mut self, commits: Vec<Vec<Write>>) -> Vec<Result<Version, StoreError>> {
        let foreseen = commits.iter().map(|writes| self.foresee(writes)).collect();
        self.commit_foreseen(commits, foreseen)
    }

    /// What a commit's caller looks up before it waits for the writer.
    pub(crate) fn foresee(&self, writes: &[Write]) -> Foreseen {
        Foreseen::look_up(&self.parts.as_ref().expect("an open store").writer.shared, writes)
    }

    fn commit_foreseen(
        &mut self,
        commits: Vec<Vec<Write>>,
        foreseen: Vec<Foreseen>,
    ) -> Vec<Result<Version, StoreError>> {
        let mut answers = Vec::new();
        let requests = commits.iter().zip(foreseen).map(|(writes, foreseen)| {
            let (answer, answered) = oneshot::channel();
            answers.push(answered);
            let payload_bytes = frame::payload_bytes(writes);
            Request { writes: writes.clone(), foreseen, payload_bytes, answer }
        });
        let requests: Vec<_> = requests.collect();
        let writer = &mut self.parts.as_mut().expect("an open store").writer;
        let payload: usize = requests.iter().map(|request| request.payload_bytes).sum();
        assert!(payload <= writer.payload_bytes_max(), "the queue hands out less");
        writer.batch(requests);
        let answers: Vec<_> = answers.iter_mut().map(|answered| answered.try_recv().unwrap()).collect();
        self.judge(&commits, &answers);
        answers
    }

    fn judge(&mut self, commits: &[Vec<Write>], answers: &[Result<Version, StoreError>]) {
        let (mut contents, mut sequence) = (self.model.contents.clone(), self.model.last_sequence);
        let mut expected = Vec::new();
        for writes in commits {
            expected.push(apply(&mut contents, &mut sequence, writes));
        }
        let powered = self.disk.is_powered();
        let in_doubt = !powered || answers.iter().any(|one| matches!(one, Err(StoreError::Unknown(_))));
        if self.model.in_doubt.is_some() {
            assert!(answers.iter().all(Result::is_err), "written after a failed sync");
            return;
        }
        if in_doubt {
            assert!(answers.iter().all(Result::is_err), "acknowledged without being durable");
            self.model.in_doubt = Some((contents, sequence));
            return;
        }
        let refused = |one: &Result<_, _>| matches!(one, Err(StoreError::Busy | StoreError::Unavailable(_)));
        if answers.iter().any(refused) {
            assert!(answers.iter().all(refused), "a batch was refused in part: {answers:?}");
            return;
        }
        for (answer, expected) in answers.iter().zip(expected) {
            let answer = answer.as_ref().ok().copied();
            assert_eq!(answer, expected, "an expectation was judged wrongly");
            self.acknowledged += u64::from(answer.is_some());
        }
        self.model.contents = contents;
        self.model.last_sequence = sequence;
    }

    /// Does what the drainer has been asked to do, if anything. Returns whether that succeeded.
    pub(crate) fn drain(&mut self) -> bool {
        let drainer = &mut self.parts.as_mut().expect("an open store").drainer;
        let done = match drainer.handover.task() {
            None | Some(Task::Stop) => return true,
            Some(Task::Drain(frozen)) => {
                self.drains += 1;
                drainer.drain(&frozen)
            }
            Some(Task::Reopen(reader)) => drainer.reopen_unless_replaced(reader),
        };
        if done.is_err() {
            // The tables were reopened, which ends snapshots.
            self.snapshot = None;
        }
        done.is_ok()
    }

    /// One random step.
    pub(crate) fn step(&mut self) {
        match self.chance.below(10) {
            0 | 1 => {
                self.drain();
            }
            2 => self.check(),
            3 if self.early.is_none() => {
                let writes = self.writes();
                let foreseen = self.foresee(&writes);
                self.early = Some((writes, foreseen));
            }
            _ => {
                let mut commits: Vec<_> = (0..1 + self.chance.below(5)).map(|_| self.writes()).collect();
                while commits.iter().map(|writes| frame::payload_bytes(writes)).sum::<usize>() > 6_000 {
                    commits.pop();
                }
                let mut foreseen: Vec<_> = commits.iter().map(|writes| self.foresee(writes)).collect();
                // A commit that has waited long since it read the tables.
                if self.chance.one_in(8)
                    && let Some((early, seen)) = self.early.take()
                {
                    commits.push(early);
                    foreseen.push(seen);
                }
                let answers = self.commit_foreseen(commits, foreseen);
                if answers.iter().any(|one| matches!(one, Err(StoreError::Busy))) {
                    self.drain();
                }
            }
        }
    }
}

/// The version a commit gets if its expectations hold, in which case it is applied.
fn apply(contents: &mut Contents, sequence: &mut u64, writes: &[Write]) -> Option<Version> {
    let holds = writes.iter().all(|write| {
        let found = contents.get(&write.key).map(|record| record.version);
        match write.expect {
            Expect::Anything => true,
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        }
    });
    if !holds {
        return None;
    }
    *sequence += 1;
    let version = Version(*sequence);
    for write in writes {
        match &write.change {
            Change::Nothing => None,
            Change::Put(value) => {
                let value = Bytes::copy_from_slice(value);
                contents.insert(write.key.clone(), Record { value, version })
            }
            Change::Delete => contents.remove(&write.key),
        };
    }
    Some(version)
}
