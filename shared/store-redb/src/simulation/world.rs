//! One machine with a store on it, and a model of what the store has promised.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use engine::{
    keys::{self, kind},
    store::{
        Change, Changed, Changes, Committed, Expect, Key, Manner, Position, Range, Record, StoreError,
        Version, Write, feed,
    },
};
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

/// The name of the one reader of the feed.
const READER: &str = "reader";

/// Records as they must be.
pub(crate) type Contents = BTreeMap<Key, Record>;

/// What the store must hold: after every acknowledged commit, and perhaps after those in doubt.
#[derive(Clone, Default, Debug)]
pub(crate) struct Model {
    pub(crate) contents: Contents,
    pub(crate) last_sequence: u64,
    /// Every commit, as the feed must show it.
    pub(crate) feed: Vec<Committed>,
    pub(crate) in_doubt: Option<(Contents, u64, Vec<Committed>)>,
}

/// A machine, its store if that is open, and the model.
pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) chance: Chance,
    pub(crate) model: Model,
    pub(crate) parts: Option<Parts>,
    snapshot: Option<(Snapshot, Contents)>,
    early: Option<(Vec<Write>, Foreseen)>,
    pub(crate) options: Options,
    /// Acknowledged commits.
    pub(crate) acknowledged: u64,
    /// Commits that the feed showed.
    pub(crate) told: u64,
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
            options: options(),
            acknowledged: 0,
            told: 0,
            drains: 0,
            doubts: [0; 2],
        }
    }

    /// Opens the store and checks what it holds. `Err` says what kept it from opening.
    pub(crate) fn open(&mut self) -> Result<(), OpenError> {
        let disk = Arc::new(self.disk.clone());
        let parts = Parts::open(disk, Path::new("simulated"), &self.options)?;
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
        if let Some((contents, sequence, feed)) = self.model.in_doubt.take() {
            let there = last_sequence == Some(sequence);
            self.doubts[usize::from(there)] += 1;
            if there {
                self.model.feed.extend(feed);
                self.model.contents = contents;
                self.model.last_sequence = sequence;
            }
        }
        assert_eq!(last_sequence, Some(self.model.last_sequence), "commits are missing or too many");
        assert_eq!(found, self.model.contents, "the contents are not those acknowledged");
        self.check_feed();
    }

    /// An error is expected while there is trouble; otherwise it is a fault of the store.
    pub(crate) fn excuse(&self, error: &dyn std::error::Error) {
        assert!(!self.disk.is_powered(), "failed without a cause: {error:?}");
    }

    /// Checks that reading shows exactly what was acknowledged: all of it, a part of it, single
    /// records, and what a snapshot saw.
    pub(crate) fn check(&mut self) {
        self.check_feed();
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
            assert_eq!(view.last_sequence, self.model.last_sequence, "a snapshot knows where it is");
            let position = writer.log.position_after(view.last_sequence);
            self.snapshot = Some((Snapshot::new(view, position), self.model.contents.clone()));
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
            let manner = manner(writes);
            Request { writes: writes.clone(), manner, foreseen, payload_bytes, answer }
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
        let (mut expected, mut feed) = (Vec::new(), Vec::new());
        for writes in commits {
            let version = apply(&mut contents, &mut sequence, writes);
            feed.extend(version.map(|version| told(version, writes)));
            expected.push(version);
        }
        let powered = self.disk.is_powered();
        let in_doubt = !powered || answers.iter().any(|one| matches!(one, Err(StoreError::Unknown(_))));
        if self.model.in_doubt.is_some() {
            assert!(answers.iter().all(Result::is_err), "written after a failed sync");
            return;
        }
        if in_doubt {
            assert!(answers.iter().all(Result::is_err), "acknowledged without being durable");
            self.model.in_doubt = Some((contents, sequence, feed));
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
        self.model.feed.extend(feed);
    }

    /// Does what the drainer has been asked to do, until there is nothing left. Returns whether that succeeded.
    pub(crate) fn drain(&mut self) -> bool {
        while self.parts.as_ref().expect("an open store").drainer.handover.task().is_some() {
            if !self.drain_once() {
                return false;
            }
        }
        true
    }

    fn drain_once(&mut self) -> bool {
        let drainer = &mut self.parts.as_mut().expect("an open store").drainer;
        let done = match drainer.handover.task() {
            None | Some(Task::Stop) => return true,
            Some(Task::Spare) => drainer.spare(),
            Some(Task::Tidy) => {
                drainer.tidy();
                Ok(())
            }
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

    /// Where the reader of the feed is, as it has been stored; and the number of the last commit it has seen.
    pub(crate) fn place(&self) -> Option<(Position, u64)> {
        let position = feed::read_place(self.model.contents.get(&keys::place(READER))?).expect("a place");
        let passed = self.parts.as_ref().expect("an open store").writer.log.passed(&position);
        Some((position, passed.expect("a position of this feed")))
    }

    /// Moves the reader of the feed on by some commits, or lets it begin. Returns whether that was durable.
    pub(crate) fn move_place(&mut self) -> bool {
        let log = self.parts.as_ref().expect("an open store").writer.log.clone();
        let position = match self.place() {
            None => log.end_now(),
            Some((position, _)) => match log.read(&position, self.chance.below(40) as usize) {
                Ok(Changes::Commits { next, .. }) => next,
                Ok(Changes::Gap { .. }) => panic!("a gap behind a place"),
                Err(error) => {
                    self.excuse(&error);
                    return false;
                }
            },
        };
        let read = self.model.contents.get(&keys::place(READER)).map(|record| record.version);
        let answers = self.commit(vec![vec![feed::set_place(READER, &position, read)]]);
        answers[0].is_ok()
    }

    /// Checks that the feed shows exactly the acknowledged commits after the reader's place, in order. Only the one
    /// planned failure may get in the way, once.
    pub(crate) fn check_feed(&mut self) {
        let Some((place, passed)) = self.place() else { return };
        let log = self.parts.as_ref().expect("an open store").writer.log.clone();
        let (mut position, mut found, mut failed) = (place, Vec::new(), false);
        loop {
            let limit = 1 + self.chance.below(20) as usize;
            match log.read(&position, limit) {
                Ok(Changes::Commits { commits, next }) => {
                    assert!(commits.len() <= limit, "more than asked for");
                    if commits.is_empty() && next == position {
                        break;
                    }
                    found.extend(commits);
                    position = next;
                }
                Ok(Changes::Gap { .. }) => panic!("a gap behind a place"),
                Err(error) if failed || !self.disk.is_powered() => return self.excuse(&error),
                Err(_) => failed = true,
            }
        }
        let all =
            self.model.feed.iter().filter(|commit| commit.version.0 > passed && !commit.writes.is_empty());
        assert!(found.iter().eq(all), "the feed shows other commits than those acknowledged");
        self.told += found.len() as u64;
    }

    /// One random step.
    pub(crate) fn step(&mut self) {
        match self.chance.below(11) {
            0 | 1 => {
                self.drain();
            }
            2 => self.check(),
            10 => {
                self.move_place();
            }
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

/// In which manner these writes are sent.
fn manner(writes: &[Write]) -> Manner {
    [Manner::Plain, Manner::Quiet, Manner::Anew][writes.len() % 3]
}

/// The commit as the feed must show it.
fn told(version: Version, writes: &[Write]) -> Committed {
    let shown = writes.iter().filter(|write| write.key.kind() != kind::PLACE);
    let writes_told = shown.filter_map(|Write { key, expect, change }| {
        let (key, is_new) = (key.clone(), *expect == Expect::Absent);
        match change {
            Change::Nothing => None,
            Change::Put(value) => Some(Changed { key, version, value: Some(value.clone()), is_new }),
            Change::Delete => Some(Changed { key, version, value: None, is_new: false }),
        }
    });
    Committed { version, manner: manner(writes), writes: writes_told.collect() }
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
