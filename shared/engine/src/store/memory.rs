//! The reference store: a map behind a lock, simple enough to be obviously right.
//!
//! The other stores are compared with it. It keeps nothing when the process ends.

use std::{
    collections::{BTreeMap, VecDeque},
    future::ready,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::watch;

use crate::store::{
    Change, Changed, Changes, Committed, Expect, Feed, Key, Manner, Pending, Position, Range, Record, Store,
    StoreError, Version, Write, check_limits, feed,
    keys::{self, kind},
};

/// Commits that are kept for readers of the feed although no place asks for them.
const KEPT: usize = 1_000;

/// Commits that are kept at most.
const KEPT_MAX: usize = 100_000;

/// Records in memory.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    kept: usize,
    kept_max: usize,
    end: watch::Sender<u64>,
}

#[derive(Default, Debug)]
struct State {
    records: BTreeMap<Key, Record>,
    last_version: u64,
    /// The newest commits; the last one is number `last_version`.
    log: VecDeque<Committed>,
}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        MemoryStore::keeping(KEPT, KEPT_MAX)
    }
}

impl MemoryStore {
    /// A store without records.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// A store whose feed goes back so many commits in any case, and so many at most.
    pub fn keeping(kept: usize, kept_max: usize) -> MemoryStore {
        MemoryStore { state: Mutex::default(), kept, kept_max, end: watch::Sender::new(0) }
    }

    fn commit_now(&self, writes: Vec<Write>, manner: Manner) -> Result<Version, StoreError> {
        let mut state = self.lock();
        let version = state.commit(writes, manner)?;
        state.forget(self.kept, self.kept_max);
        drop(state);
        self.end.send_replace(version.0);
        Ok(version)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        #[expect(
            clippy::expect_used,
            reason = "a commit is judged before it is applied, and applying does not panic"
        )]
        self.state.lock().expect("nobody panics while they hold it")
    }
}

impl State {
    fn commit(&mut self, writes: Vec<Write>, manner: Manner) -> Result<Version, StoreError> {
        check_limits(&writes)?;
        for write in &writes {
            let found = self.records.get(&write.key).map(|record| record.version);
            let holds = match write.expect {
                Expect::Anything => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(version),
            };
            if !holds {
                return Err(StoreError::LostRace);
            }
        }
        self.last_version += 1;
        let version = Version(self.last_version);
        let mut changed = Vec::with_capacity(writes.len());
        for Write { key, expect, change } in writes {
            let value = match change {
                Change::Nothing => continue,
                Change::Put(value) => Some(value),
                Change::Delete => None,
            };
            if key.kind() != kind::PLACE {
                let (key, value, is_new) = (key.clone(), value.clone(), expect == Expect::Absent);
                changed.push(Changed { key, version, is_new: is_new && value.is_some(), value });
            }
            match value {
                Some(value) => self.records.insert(key, Record { value, version }),
                None => self.records.remove(&key),
            };
        }
        self.log.push_back(Committed { version, manner, writes: changed });
        Ok(version)
    }

    /// Forgets commits that all places have passed, now and then, and those that are too many.
    fn forget(&mut self, kept: usize, kept_max: usize) {
        if self.log.len() < 2 * kept + 1 && self.log.len() <= kept_max {
            return;
        }
        let places = self.scan(&keys::all(kind::PLACE), usize::MAX);
        let passed = places.iter().filter_map(|(_, record)| number(&feed::read_place(record)?)).min();
        let passed = passed.unwrap_or(self.last_version);
        let oldest = self.last_version.saturating_sub(kept_max as u64);
        let asked = self.last_version.saturating_sub(kept as u64).min(passed);
        while self.log.front().is_some_and(|commit| commit.version.0 <= asked.max(oldest)) {
            self.log.pop_front();
        }
    }

    fn after(&self, position: &Position, limit: usize) -> Changes {
        let known = number(position).filter(|passed| *passed <= self.last_version);
        let Some(passed) = known else { return Changes::Gap { next: self::position(self.last_version) } };
        let oldest = self.last_version - self.log.len() as u64;
        if passed < oldest {
            return Changes::Gap { next: self::position(oldest) };
        }
        let following = self.log.iter().skip((passed - oldest) as usize).take(limit);
        let mut next = passed;
        let commits = following.filter_map(|commit| {
            next = commit.version.0;
            (!commit.writes.is_empty()).then(|| commit.clone())
        });
        let commits = commits.collect();
        Changes::Commits { commits, next: self::position(next) }
    }

    fn scan(&self, range: &Range, limit: usize) -> Vec<(Key, Record)> {
        if range.from >= range.to {
            return Vec::new();
        }
        let found = self.records.range(&range.from..&range.to).take(limit);
        found.map(|(key, record)| (key.clone(), record.clone())).collect()
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        let state = self.lock();
        let found = keys.iter().map(|key| state.records.get(key).cloned()).collect();
        Box::pin(ready(Ok(found)))
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(ready(Ok(self.lock().scan(&range, limit))))
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        // Only when polled, as with every other store: a future that is dropped does nothing.
        Box::pin(async move { self.commit_now(writes, Manner::Plain) })
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(async move { self.commit_now(writes, manner) })
    }

    fn feed(&self) -> Option<&dyn Feed> {
        Some(self)
    }
}

impl Feed for MemoryStore {
    fn end(&self) -> Pending<'_, Result<Position, StoreError>> {
        Box::pin(async move { Ok(position(self.lock().last_version)) })
    }

    fn after<'a>(&'a self, position: &'a Position, limit: usize) -> Pending<'a, Result<Changes, StoreError>> {
        Box::pin(async move { Ok(self.lock().after(position, limit)) })
    }

    fn more<'a>(&'a self, position: &'a Position) -> Pending<'a, ()> {
        Box::pin(async move {
            let passed = number(position).unwrap_or(0);
            // The sender is this store's own, so it is there.
            let _ = self.end.subscribe().wait_for(|end| *end > passed).await;
        })
    }
}

/// What the positions of stores in memory begin with.
const MARK: u8 = b'm';

/// The position after that commit.
fn position(number: u64) -> Position {
    Position::new([&[MARK][..], &number.to_be_bytes()].concat())
}

/// The number of the commit before that position.
fn number(position: &Position) -> Option<u64> {
    let number = position.as_bytes().strip_prefix(&[MARK])?;
    number.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use std::{
        pin::pin,
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[test]
    fn conforms() {
        let mut suite = pin!(crate::store::conformance::check(|| Arc::new(MemoryStore::new())));
        // This store is never waited for.
        let polled = suite.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(()));
        let store = Arc::new(MemoryStore::new());
        let mut whole = pin!(crate::store::conformance::check_whole_commits(store));
        assert_eq!(whole.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
    }

    /// Commits after a place, and a few of the newest, are kept, and not too many.
    #[test]
    fn a_reader_that_is_too_slow_is_told_of_a_gap() {
        let store = MemoryStore::keeping(2, 50);
        let now = |future: Pending<'_, Result<Version, StoreError>>| {
            let mut future = future;
            match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(version) => version.unwrap(),
                Poll::Pending => panic!("this store is never waited for"),
            }
        };
        let put =
            || Write { key: Key::new(&b"a"[..]), expect: Expect::Anything, change: Change::Put("1".into()) };
        let start = position(0);
        let found = |from: &Position| match store.lock().after(from, 1_000) {
            Changes::Commits { commits, .. } => Ok(commits.len()),
            Changes::Gap { next } => Err(number(&next).unwrap()),
        };
        now(store.commit(vec![feed::set_place("slow", &start, None)]));
        for _ in 0..49 {
            now(store.commit(vec![put()]));
        }
        assert_eq!(found(&start), Ok(49));
        now(store.commit(vec![put()]));
        assert_eq!(found(&start), Err(1), "the oldest that is still there follows");
        now(store.commit(vec![feed::end_place("slow")]));
        now(store.commit(vec![put()]));
        assert!(found(&position(40)).is_err(), "nobody waits for it");
        assert_eq!(found(&position(52)), Ok(1));
    }
}
