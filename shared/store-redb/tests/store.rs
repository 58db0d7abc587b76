//! The store as its users see it, on a real folder.

use std::{path::Path, sync::Arc};

use engine::store::{Change, Expect, Key, Range, Store, Write};
use store_redb::{OpenError, Options, RedbStore};

fn open(path: &Path) -> RedbStore {
    RedbStore::open(path, Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::sync::atomic::AtomicU32::new(0);
    let make = || -> Arc<dyn Store> {
        let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(open(&folder.path().join(number.to_string())))
    };
    engine::conformance::check(make).await;
}

#[test]
fn a_second_one_is_told_that_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let second = RedbStore::open(folder.path(), Options::default());
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    store.close();
    open(folder.path());
}

#[tokio::test]
async fn compacting_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.segment_bytes = 64 * 1024;
    let key = |at: u32| Key::new(at.to_be_bytes().to_vec());
    let store = RedbStore::open(folder.path(), options.clone()).unwrap();
    for at in 0..2_000_u32 {
        let change = Change::Put(vec![at as u8; 200].into());
        let written = vec![Write { key: key(at), expect: Expect::Absent, change }];
        store.commit(written).await.unwrap();
        if at % 3 != 0 {
            let removed = Write { key: key(at - 1), expect: Expect::Anything, change: Change::Delete };
            store.commit(vec![removed]).await.unwrap();
        }
    }
    assert!(store.stats().switches > 5, "{:?}", store.stats());
    let all = Range { from: Key::new(vec![0]), to: Key::new(vec![0xff]) };
    let before = store.scan(all.clone(), usize::MAX).await.unwrap();
    store.close();
    let compacted = RedbStore::compact(folder.path(), &options).unwrap();
    assert!(compacted.bytes_after < compacted.bytes_before, "{compacted:?}");
    let store = RedbStore::open(folder.path(), options).unwrap();
    assert_eq!(store.scan(all, usize::MAX).await.unwrap(), before);
    assert_eq!(before.len(), 667);
}
