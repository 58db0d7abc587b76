//! A store beside another: it shows what that one holds, and keeps to itself what is committed to it. What many steps
//! would do together is tried on it, and nobody else sees any of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Change, Expect, Key, Pending, Range, Record, Store, StoreError, Version, Write, check_limits};

/// Versions of what is committed here begin after those of any store.
const FIRST: u64 = 1 << 63;

/// The other store, and what was committed here.
pub(crate) struct Aside {
    under: Arc<dyn Store>,
    own: Mutex<Own>,
}

#[derive(Default)]
struct Own {
    /// `None`: it was deleted.
    records: BTreeMap<Key, Option<Record>>,
    commits: u64,
}

impl Aside {
    /// Beside that store; nothing is committed yet.
    pub(crate) fn of(under: Arc<dyn Store>) -> Aside {
        Aside { under, own: Mutex::default() }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        #[expect(
            clippy::expect_used,
            reason = "nothing panics while it holds it: it only looks up and puts in"
        )]
        self.own.lock().expect("nobody panics while they hold it")
    }

    async fn commit_here(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        check_limits(&writes)?;
        let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        let under = self.under.get(&keys).await?;
        let mut own = self.own();
        for (write, under) in writes.iter().zip(under) {
            let found = own.records.get(&write.key).cloned().unwrap_or(under).map(|record| record.version);
            let holds = match write.expect {
                Expect::Anything => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(version),
            };
            if !holds {
                return Err(StoreError::LostRace);
            }
        }
        own.commits += 1;
        let version = Version(FIRST + own.commits);
        for Write { key, change, .. } in writes {
            let record = match change {
                Change::Nothing => continue,
                Change::Put(value) => Some(Record { value, version }),
                Change::Delete => None,
            };
            own.records.insert(key, record);
        }
        Ok(version)
    }
}

impl Store for Aside {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            let under = self.under.get(keys).await?;
            let own = self.own();
            let found =
                keys.iter().zip(under).map(|(key, under)| own.records.get(key).cloned().unwrap_or(under));
            Ok(found.collect())
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move {
            if range.from >= range.to {
                return Ok(Vec::new());
            }
            let own: Vec<(Key, Option<Record>)> = {
                let own = self.own();
                own.records
                    .range(&range.from..&range.to)
                    .map(|(key, own)| (key.clone(), own.clone()))
                    .collect()
            };
            // Each of these hides one at most.
            let most = limit.saturating_add(own.len());
            let under = self.under.scan(range, most).await?;
            let last = under.last().filter(|_| under.len() == most).map(|(key, _)| key.clone());
            let mut found: BTreeMap<Key, Record> = under.into_iter().collect();
            for (key, record) in own {
                match record {
                    // Behind the last that was read there may be others.
                    Some(record) if last.as_ref().is_none_or(|last| key <= *last) => {
                        _ = found.insert(key, record)
                    }
                    Some(_) => {}
                    None => _ = found.remove(&key),
                }
            }
            Ok(found.into_iter().take(limit).collect())
        })
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_here(writes))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{keys, keys::kind, memory::MemoryStore};

    fn write(number: u8, expect: Expect, change: Change) -> Write {
        Write { key: keys::used("brand", &number.to_string()), expect, change }
    }

    fn put(number: u8, value: &'static str) -> Write {
        write(number, Expect::Anything, Change::Put(value.into()))
    }

    fn values(store: &dyn Store, limit: usize) -> Vec<String> {
        let found = store.scan(keys::all(kind::USED), limit).now_or_never().unwrap().unwrap();
        found.into_iter().map(|(_, record)| String::from_utf8(record.value.to_vec()).unwrap()).collect()
    }

    /// What is committed here is shown here, in order and whatever the page, and nowhere else.
    #[test]
    fn what_is_committed_aside_is_seen_there_alone() {
        let under: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let commit = |store: &dyn Store, writes| store.commit(writes).now_or_never().unwrap();
        commit(&*under, vec![put(1, "one"), put(3, "three"), put(5, "five"), put(7, "seven")]).unwrap();
        let aside = Aside::of(under.clone());
        assert_eq!(values(&aside, 9), ["one", "three", "five", "seven"]);
        let gone = write(3, Expect::Anything, Change::Delete);
        commit(&aside, vec![put(2, "two"), gone, put(5, "another"), put(9, "nine")]).unwrap();
        let want = ["one", "two", "another", "seven", "nine"];
        for limit in 0..=6 {
            assert_eq!(values(&aside, limit), want[..limit.min(5)], "{limit}");
        }
        assert_eq!(values(&*under, 9), ["one", "three", "five", "seven"]);
    }

    #[test]
    fn what_a_commit_expects_is_what_is_seen() {
        let under: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let commit = |store: &dyn Store, writes| store.commit(writes).now_or_never().unwrap();
        let first = commit(&*under, vec![put(1, "one")]).unwrap();
        let aside = Aside::of(under.clone());
        let expecting = |number, expect| vec![write(number, expect, Change::Put("new".into()))];
        let lost = |writes| matches!(commit(&aside, writes), Err(StoreError::LostRace));
        assert!(lost(expecting(1, Expect::Absent)) && lost(expecting(2, Expect::Version(first))));
        let own = commit(&aside, expecting(1, Expect::Version(first))).unwrap();
        assert!(lost(expecting(1, Expect::Version(first))));
        commit(&aside, vec![write(1, Expect::Version(own), Change::Delete)]).unwrap();
        assert!(lost(expecting(1, Expect::Version(own))));
        commit(&aside, expecting(1, Expect::Absent)).unwrap();
        assert_eq!(values(&*under, 9), ["one"]);
    }
}
