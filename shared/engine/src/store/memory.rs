//! The reference store: a map behind a lock, simple enough to be obviously right.
//!
//! The other stores are compared with it. It keeps nothing when the process ends.

use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Mutex, MutexGuard},
};

use crate::store::{
    Change, Expect, Key, Pending, Range, Record, Store, StoreError, Version, Write, check_limits,
};

/// Records in memory.
#[derive(Default, Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default, Debug)]
struct State {
    records: BTreeMap<Key, Record>,
    last_version: u64,
}

impl MemoryStore {
    /// A store without records.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
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
    fn commit(&mut self, writes: Vec<Write>) -> Result<Version, StoreError> {
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
        for write in writes {
            match write.change {
                Change::Nothing => None,
                Change::Put(value) => self.records.insert(write.key, Record { value, version }),
                Change::Delete => self.records.remove(&write.key),
            };
        }
        Ok(version)
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
        Box::pin(async move { self.lock().commit(writes) })
    }
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
    }
}
