//! The store as its users see it, on a real folder.

use std::{path::Path, sync::Arc};

use engine::store::{Change, Changes, Expect, Key, Range, Store, Write, feed};
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
    engine::conformance::check_whole_commits(make()).await;
}

/// While others commit, a reader with a place follows from one opening to the next; nothing is missing, nothing twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_follows_while_others_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.segment_bytes = 64 * 1024;
    let (mut seen, mut from) = (0_u64, None);
    for life in 0..4_u64 {
        let store = Arc::new(RedbStore::open(folder.path(), options.clone()).unwrap());
        let feed = store.feed().unwrap();
        if from.is_none() {
            let end = feed.end().await.unwrap();
            store.commit(vec![feed::set_place("reader", &end, None)]).await.unwrap();
            from = Some(end);
        }
        let writing = tokio::spawn({
            let store = store.clone();
            async move {
                for number in life * 2_000..(life + 1) * 2_000 {
                    let change = Change::Put([&number.to_be_bytes()[..], &[7; 300]].concat().into());
                    let write = Write { key: Key::new(&b"counter"[..]), expect: Expect::Anything, change };
                    store.commit(vec![write]).await.unwrap();
                }
            }
        });
        // In the last life it reads to the end, before that as long as others write.
        while (life == 3 && seen < 8_000) || !writing.is_finished() {
            match feed.after(from.as_ref().unwrap(), 50).await.unwrap() {
                Changes::Gap { .. } => panic!("a gap behind a place, after {seen}"),
                Changes::Commits { commits, next } => {
                    for commit in &commits {
                        let value = commit.writes[0].value.as_ref().unwrap();
                        assert_eq!(value[..8], seen.to_be_bytes(), "in order");
                        seen += 1;
                    }
                    // Slow: it stays behind, and keeps segments from being used again.
                    if commits.is_empty() || (life < 3 && seen > life * 1_000 + 500) {
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    }
                    if !commits.is_empty() {
                        let read = store.get(&[engine::keys::place("reader")]).await.unwrap();
                        let version = read[0].as_ref().unwrap().version;
                        store.commit(vec![feed::set_place("reader", &next, Some(version))]).await.unwrap();
                    }
                    from = Some(next);
                }
            }
        }
        writing.await.unwrap();
    }
    assert_eq!(seen, 8_000);
}

#[tokio::test]
async fn a_reader_waits_until_somebody_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let end = store.feed().unwrap().end().await.unwrap();
    let waiting = tokio::spawn({
        let (store, end) = (store.clone(), end.clone());
        async move { store.feed().unwrap().more(&end).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    let write = Write { key: Key::new(&b"a"[..]), expect: Expect::Anything, change: Change::Delete };
    store.commit(vec![write]).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap().unwrap();
}

/// Compaction empties the journal into the tables; the feed goes on behind it all the same.
#[tokio::test]
async fn compacting_keeps_what_readers_have_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.segment_bytes = 64 * 1024;
    let store = RedbStore::open(folder.path(), options.clone()).unwrap();
    let start = store.feed().unwrap().end().await.unwrap();
    store.commit(vec![feed::set_place("reader", &start, None)]).await.unwrap();
    let put = |at: u32| {
        let change = Change::Put(vec![at as u8; 300].into());
        vec![Write { key: Key::new(at.to_be_bytes().to_vec()), expect: Expect::Absent, change }]
    };
    for at in 0..1_000 {
        store.commit(put(at)).await.unwrap();
    }
    store.close();
    RedbStore::compact(folder.path(), &options).unwrap();
    let store = RedbStore::open(folder.path(), options.clone()).unwrap();
    for at in 1_000..1_500 {
        store.commit(put(at)).await.unwrap();
    }
    let (mut position, mut at) = (start, 0_u32);
    while at < 1_500 {
        let Changes::Commits { commits, next } = store.feed().unwrap().after(&position, 100).await.unwrap()
        else {
            panic!("a gap behind a place, after {at}");
        };
        for commit in commits {
            assert_eq!(commit.writes[0].key.as_bytes(), at.to_be_bytes());
            assert!(commit.writes[0].is_new);
            at += 1;
        }
        position = next;
    }
    assert!(store.stats().journal_bytes > 5 * 64 * 1024, "{:?}", store.stats());
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
