//! What every store must do, as named cases: a store's tests call [`check`].
//!
//! The cases use only the port of a store. They run on any executor.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use bytes::Bytes;

mod ends;
mod feed;
mod limits;
mod walk;

use ends::*;
pub use feed::check_whole_commits;
use feed::*;
use limits::*;
use walk::*;

use crate::store::{
    Change, Expect, Key, Pending, Range, Record, Store, StoreError, VALUE_BYTES_MAX, Version, WRITES_MAX,
    Write,
};

/// One case: it panics if the store does not do what it must.
pub type Case = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), |store| Box::pin($name(store)))),*]
    };
}

/// Every case by name.
pub const CASES: &[(&str, Case)] = cases![
    what_is_put_is_read,
    absent_is_none,
    reading_keeps_the_order_of_the_keys,
    a_put_replaces,
    a_delete_removes,
    deleting_what_is_absent_is_no_error,
    a_commit_is_all_or_nothing,
    absent_holds_only_while_absent,
    a_version_holds_only_until_the_next_write,
    a_version_does_not_come_back_after_a_delete,
    nothing_checks_and_writes_nothing,
    an_empty_commit_goes_through,
    versions_grow,
    all_writes_of_a_commit_have_its_version,
    a_scan_ascends_within_its_bounds,
    a_scan_stops_at_its_limit,
    a_scan_of_an_empty_or_turned_range_is_empty,
    a_scan_passes_over_the_deleted,
    a_scan_pages_through_many,
    keys_sort_as_bytes,
    values_of_any_bytes_come_back,
    the_largest_value_comes_back,
    the_longest_key_comes_back,
    the_most_writes_go_through,
    what_breaks_a_limit_is_refused,
    acknowledged_writes_are_read,
    one_of_many_racers_wins,
    one_of_many_inserters_wins,
    a_loser_reads_the_winner,
    increments_are_not_lost,
    transfers_keep_the_sum,
    a_put_with_an_end_is_a_put,
    one_of_many_puts_with_an_end_wins,
    a_put_with_an_end_keeps_the_limits,
    a_walk_shows_every_record_once,
    a_walk_keeps_to_its_kind,
    a_walk_shows_what_stays_while_others_change,
    a_walk_shows_once_what_is_written_meanwhile,
    the_feed_shows_what_is_committed,
    a_reader_goes_on_where_it_was,
    readers_places_are_not_shown,
    the_manner_of_a_commit_is_told,
    a_position_of_another_feed_is_a_gap,
    a_reader_is_woken,
];

/// Runs every case, each on a new empty store.
pub async fn check(make: impl Fn() -> Arc<dyn Store>) {
    for (name, case) in CASES {
        println!("{name}");
        case(make()).await;
    }
}

fn key(name: impl AsRef<[u8]>) -> Key {
    Key::new(Bytes::copy_from_slice(name.as_ref()))
}

fn write(key: Key, expect: Expect, change: Change) -> Write {
    Write { key, expect, change }
}

fn put(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Write {
    let value = Bytes::copy_from_slice(value.as_ref());
    write(key(name), Expect::Anything, Change::Put(value))
}

fn delete(name: impl AsRef<[u8]>) -> Write {
    write(key(name), Expect::Anything, Change::Delete)
}

fn only_if(expect: Expect, write: Write) -> Write {
    Write { expect, ..write }
}

fn range(from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Range {
    Range { from: key(from), to: key(to) }
}

fn number(record: &Record) -> u64 {
    let digits = String::from_utf8_lossy(&record.value);
    digits.parse().unwrap_or_else(|_| panic!("not a number: {digits}"))
}

async fn read(store: &dyn Store, name: impl AsRef<[u8]>) -> Option<Record> {
    let found = store.get(&[key(name)]).await;
    let mut found = found.unwrap_or_else(|error| panic!("get: {error}"));
    assert_eq!(found.len(), 1, "one answer for one key");
    found.remove(0)
}

async fn value(store: &dyn Store, name: impl AsRef<[u8]>) -> Option<Bytes> {
    read(store, name).await.map(|record| record.value)
}

async fn done(store: &dyn Store, writes: Vec<Write>) -> Version {
    store.commit(writes).await.unwrap_or_else(|error| panic!("commit: {error}"))
}

async fn lost(store: &dyn Store, writes: Vec<Write>) {
    let answer = store.commit(writes).await;
    assert!(matches!(answer, Err(StoreError::LostRace)), "expected a lost race, got {answer:?}");
}

async fn scanned(store: &dyn Store, range: Range, limit: usize) -> Vec<(Key, Record)> {
    store.scan(range, limit).await.unwrap_or_else(|error| panic!("scan: {error}"))
}

fn names(found: &[(Key, Record)]) -> Vec<&[u8]> {
    found.iter().map(|(key, _)| key.as_bytes()).collect()
}

/// Waits for all of them at once.
async fn all<T>(futures: impl Iterator<Item = Pending<'_, T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.collect();
    let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

async fn what_is_put_is_read(store: Arc<dyn Store>) {
    let version = done(&*store, vec![put("a", "one")]).await;
    let expected = Record { value: Bytes::from_static(b"one"), version };
    assert_eq!(read(&*store, "a").await, Some(expected.clone()));
    assert_eq!(scanned(&*store, range("a", "b"), 10).await, [(key("a"), expected)]);
}

async fn absent_is_none(store: Arc<dyn Store>) {
    assert_eq!(read(&*store, "a").await, None);
    assert_eq!(scanned(&*store, range([0], [0xff; 8]), 10).await, []);
    let none = store.get(&[]).await;
    assert!(matches!(none, Ok(ref found) if found.is_empty()), "{none:?}");
}

async fn reading_keeps_the_order_of_the_keys(store: Arc<dyn Store>) {
    done(&*store, vec![put("a", "1"), put("b", "2"), put("c", "3")]).await;
    let asked = ["c", "missing", "a", "b", "c"].map(key);
    let found = store.get(&asked).await.unwrap_or_else(|error| panic!("get: {error}"));
    let values: Vec<_> = found.into_iter().map(|record| record.map(|found| found.value)).collect();
    let expected = [Some("3"), None, Some("1"), Some("2"), Some("3")];
    assert_eq!(values, expected.map(|value| value.map(Bytes::from)));
}

async fn a_put_replaces(store: Arc<dyn Store>) {
    done(&*store, vec![put("a", "a longer value")]).await;
    done(&*store, vec![put("a", "")]).await;
    assert_eq!(value(&*store, "a").await, Some(Bytes::new()));
}

async fn a_delete_removes(store: Arc<dyn Store>) {
    done(&*store, vec![put("a", "1"), put("b", "2")]).await;
    done(&*store, vec![delete("a")]).await;
    assert_eq!(value(&*store, "a").await, None);
    assert_eq!(value(&*store, "b").await, Some("2".into()));
}

async fn deleting_what_is_absent_is_no_error(store: Arc<dyn Store>) {
    done(&*store, vec![delete("a")]).await;
    done(&*store, vec![only_if(Expect::Absent, delete("a"))]).await;
    assert_eq!(value(&*store, "a").await, None);
}

async fn a_commit_is_all_or_nothing(store: Arc<dyn Store>) {
    done(&*store, vec![put("held", "old"), put("gone", "old")]).await;
    let writes = vec![
        put("new", "new"),
        delete("gone"),
        only_if(Expect::Absent, put("held", "new")),
        put("last", "new"),
    ];
    lost(&*store, writes).await;
    assert_eq!(value(&*store, "new").await, None);
    assert_eq!(value(&*store, "gone").await, Some("old".into()));
    assert_eq!(value(&*store, "held").await, Some("old".into()));
    assert_eq!(value(&*store, "last").await, None);
}

async fn absent_holds_only_while_absent(store: Arc<dyn Store>) {
    done(&*store, vec![only_if(Expect::Absent, put("a", "1"))]).await;
    lost(&*store, vec![only_if(Expect::Absent, put("a", "2"))]).await;
    done(&*store, vec![delete("a")]).await;
    done(&*store, vec![only_if(Expect::Absent, put("a", "3"))]).await;
    assert_eq!(value(&*store, "a").await, Some("3".into()));
}

async fn a_version_holds_only_until_the_next_write(store: Arc<dyn Store>) {
    let absent = Expect::Version(Version(1));
    lost(&*store, vec![only_if(absent, put("a", "0"))]).await;
    let first = done(&*store, vec![put("a", "1")]).await;
    let second = done(&*store, vec![only_if(Expect::Version(first), put("a", "2"))]).await;
    lost(&*store, vec![only_if(Expect::Version(first), put("a", "3"))]).await;
    lost(&*store, vec![only_if(Expect::Version(first), delete("a"))]).await;
    done(&*store, vec![put("elsewhere", "1")]).await;
    done(&*store, vec![only_if(Expect::Version(second), delete("a"))]).await;
    lost(&*store, vec![only_if(Expect::Version(second), put("a", "4"))]).await;
    assert_eq!(value(&*store, "a").await, None);
}

async fn a_version_does_not_come_back_after_a_delete(store: Arc<dyn Store>) {
    let first = done(&*store, vec![put("a", "same")]).await;
    done(&*store, vec![delete("a")]).await;
    let second = done(&*store, vec![put("a", "same")]).await;
    assert!(second > first, "{second:?} after {first:?}");
    lost(&*store, vec![only_if(Expect::Version(first), put("a", "2"))]).await;
}

async fn nothing_checks_and_writes_nothing(store: Arc<dyn Store>) {
    let version = done(&*store, vec![put("a", "1")]).await;
    let check = |expect| write(key("a"), expect, Change::Nothing);
    done(&*store, vec![check(Expect::Version(version)), put("b", "1")]).await;
    done(&*store, vec![check(Expect::Anything)]).await;
    lost(&*store, vec![check(Expect::Absent), put("b", "2")]).await;
    let missing = write(key("c"), Expect::Absent, Change::Nothing);
    done(&*store, vec![missing, put("b", "3")]).await;
    assert_eq!(read(&*store, "a").await.map(|record| record.version), Some(version));
    assert_eq!(value(&*store, "b").await, Some("3".into()));
    assert_eq!(value(&*store, "c").await, None);
}

async fn an_empty_commit_goes_through(store: Arc<dyn Store>) {
    done(&*store, vec![]).await;
    assert_eq!(scanned(&*store, range([0], [0xff]), 10).await, []);
}

async fn versions_grow(store: Arc<dyn Store>) {
    let mut last = done(&*store, vec![put("a", "0")]).await;
    for round in 1..50 {
        let version = done(&*store, vec![put("a", round.to_string())]).await;
        assert!(version > last, "{version:?} after {last:?}");
        assert_eq!(read(&*store, "a").await.map(|record| record.version), Some(version));
        last = version;
    }
}

async fn all_writes_of_a_commit_have_its_version(store: Arc<dyn Store>) {
    let version = done(&*store, vec![put("a", "1"), put("b", "2")]).await;
    for name in ["a", "b"] {
        assert_eq!(read(&*store, name).await.map(|record| record.version), Some(version));
    }
}

async fn a_scan_ascends_within_its_bounds(store: Arc<dyn Store>) {
    done(&*store, ["zd", "zb", "ze", "za", "zc"].map(|name| put(name, name)).to_vec()).await;
    let found = scanned(&*store, range("zb", "ze"), 10).await;
    assert_eq!(names(&found), [b"zb", b"zc", b"zd"]);
    for (key, record) in &found {
        assert_eq!(key.as_bytes(), &record.value[..]);
    }
    let found = scanned(&*store, Range { from: key("zb").successor(), to: key("zd") }, 10).await;
    assert_eq!(names(&found), [b"zc"]);
}

async fn a_scan_stops_at_its_limit(store: Arc<dyn Store>) {
    done(&*store, ["za", "zb", "zc"].map(|name| put(name, name)).to_vec()).await;
    assert_eq!(names(&scanned(&*store, range("za", "zz"), 2).await), [b"za", b"zb"]);
    assert_eq!(names(&scanned(&*store, range("za", "zz"), 3).await), [b"za", b"zb", b"zc"]);
    assert_eq!(scanned(&*store, range("za", "zz"), 0).await, []);
}

async fn a_scan_of_an_empty_or_turned_range_is_empty(store: Arc<dyn Store>) {
    done(&*store, ["za", "zb", "zc"].map(|name| put(name, name)).to_vec()).await;
    assert_eq!(scanned(&*store, range("zb", "zb"), 10).await, []);
    assert_eq!(scanned(&*store, range("zc", "za"), 10).await, []);
    assert_eq!(scanned(&*store, range("zx", "zy"), 10).await, []);
}

async fn a_scan_passes_over_the_deleted(store: Arc<dyn Store>) {
    let name = |at: u32| format!("z{at:03}");
    done(&*store, (0..100).map(|at| put(name(at), "1")).collect()).await;
    let gone = (0..100).filter(|at| at % 10 != 0);
    done(&*store, gone.map(|at| delete(name(at))).collect()).await;
    let found = scanned(&*store, range("z", "{"), 5).await;
    let expected: Vec<String> = [0, 10, 20, 30, 40].map(name).to_vec();
    assert_eq!(names(&found), expected.iter().map(String::as_bytes).collect::<Vec<_>>());
    assert_eq!(scanned(&*store, range("z", "{"), 50).await.len(), 10);
}

async fn a_scan_pages_through_many(store: Arc<dyn Store>) {
    let name = |at: usize| format!("z-{at:05}");
    for page in 0..20 {
        let numbers = page * WRITES_MAX..(page + 1) * WRITES_MAX;
        done(&*store, numbers.map(|at| put(name(at), at.to_string())).collect()).await;
    }
    let mut seen = 0;
    let mut from = key("z-");
    loop {
        let found = scanned(&*store, Range { from, to: key("z.") }, 77).await;
        for (found, record) in &found {
            assert_eq!(found, &key(name(seen)));
            assert_eq!(number(record), seen as u64);
            seen += 1;
        }
        match found.last() {
            Some((last, _)) if found.len() == 77 => from = last.successor(),
            _ => break,
        }
    }
    assert_eq!(seen, 20 * WRITES_MAX);
}

async fn keys_sort_as_bytes(store: Arc<dyn Store>) {
    let sorted: [&[u8]; 8] = [b"z", b"z\0", b"z\0\0", b"z\0\xff", b"z\x01", b"z\x7f", b"z\x80", b"z\xff\xfe"];
    done(&*store, sorted.iter().rev().map(|name| put(name, name)).collect()).await;
    let found = scanned(&*store, range("z", "{"), 10).await;
    assert_eq!(names(&found), sorted);
}

async fn values_of_any_bytes_come_back(store: Arc<dyn Store>) {
    let every: Vec<u8> = (0..=255).collect();
    done(&*store, vec![put([0], &every), put([0xff; 3], [])]).await;
    assert_eq!(value(&*store, [0]).await, Some(every.into()));
    assert_eq!(value(&*store, [0xff; 3]).await, Some(Bytes::new()));
}

async fn the_largest_value_comes_back(store: Arc<dyn Store>) {
    let large = |seed: u8| -> Vec<u8> {
        (0..VALUE_BYTES_MAX).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect()
    };
    for round in 0..4 {
        done(&*store, vec![put("large", large(round)), put([round], large(round))]).await;
    }
    assert_eq!(value(&*store, "large").await, Some(large(3).into()));
    assert_eq!(value(&*store, [1]).await, Some(large(1).into()));
}

async fn the_longest_key_comes_back(store: Arc<dyn Store>) {
    let longest = vec![7; Key::BYTES_MAX];
    done(&*store, vec![put(&longest, "1"), put([7], "2")]).await;
    assert_eq!(value(&*store, &longest).await, Some("1".into()));
    assert_eq!(names(&scanned(&*store, range([7], [8]), 10).await), [&[7][..], &longest]);
}

async fn acknowledged_writes_are_read(store: Arc<dyn Store>) {
    for round in 0..200_u32 {
        let name = format!("k{}", round % 17);
        done(&*store, vec![put(&name, round.to_string())]).await;
        assert_eq!(value(&*store, &name).await, Some(round.to_string().into()));
        let found = scanned(&*store, range(&name, format!("{name}\0")), 1).await;
        assert_eq!(found.first().map(|(_, record)| number(record)), Some(u64::from(round)));
    }
}

const RACERS: usize = 64;

async fn one_of_many_racers_wins(store: Arc<dyn Store>) {
    let mut version = done(&*store, vec![put("a", "start")]).await;
    for round in 0..10 {
        let racers = (0..RACERS).map(|racer| {
            let own = put(format!("own-{round}-{racer}"), "1");
            let shared = only_if(Expect::Version(version), put("a", racer.to_string()));
            store.commit(vec![own, shared])
        });
        let answers = all(racers).await;
        let winners: Vec<_> = (0..RACERS).filter(|&racer| answers[racer].is_ok()).collect();
        let [winner] = winners[..] else { panic!("winners: {winners:?}") };
        for (racer, answer) in answers.iter().enumerate() {
            let own = value(&*store, format!("own-{round}-{racer}")).await;
            assert_eq!(own.is_some(), racer == winner);
            let fair = matches!(answer, Ok(_) | Err(StoreError::LostRace));
            assert!(fair, "racer {racer}: {answer:?}");
        }
        let now = read(&*store, "a").await;
        assert_eq!(now.as_ref().map(|now| number(now) as usize), Some(winner));
        version = now.map_or(version, |now| now.version);
        assert_eq!(answers[winner].as_ref().ok(), Some(&version));
    }
}

async fn one_of_many_inserters_wins(store: Arc<dyn Store>) {
    for round in 0..10 {
        let name = format!("claim-{round}");
        let racers = (0..RACERS)
            .map(|racer| store.commit(vec![only_if(Expect::Absent, put(&name, racer.to_string()))]));
        let answers = all(racers).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let winner = answers.iter().position(Result::is_ok);
        let held = read(&*store, &name).await;
        assert_eq!(held.map(|record| number(&record) as usize), winner);
    }
}

async fn a_loser_reads_the_winner(store: Arc<dyn Store>) {
    for round in 0..10 {
        let name = format!("claim-{round}");
        let racers = (0..RACERS).map(|racer| -> Pending<'_, bool> {
            let claim = vec![only_if(Expect::Absent, put(&name, racer.to_string()))];
            let (store, name) = (&store, &name);
            Box::pin(async move {
                let won = store.commit(claim).await.is_ok();
                won || value(&**store, name).await.is_some()
            })
        });
        assert!(all(racers).await.into_iter().all(|seen| seen), "a loser read no winner");
    }
}

async fn increments_are_not_lost(store: Arc<dyn Store>) {
    const ROUNDS: u64 = 20;
    done(&*store, vec![put("count", "0")]).await;
    let counters = (0..8).map(|_| -> Pending<'_, ()> {
        let store = &store;
        Box::pin(async move {
            for _ in 0..ROUNDS {
                while !change(&**store, &[("count", 1)]).await {}
            }
        })
    });
    all(counters).await;
    assert_eq!(read(&*store, "count").await.map(|record| number(&record)), Some(8 * ROUNDS));
}

async fn transfers_keep_the_sum(store: Arc<dyn Store>) {
    const ACCOUNTS: usize = 5;
    let name = |at: usize| format!("account-{}", at % ACCOUNTS);
    done(&*store, (0..ACCOUNTS).map(|at| put(name(at), "1000")).collect()).await;
    let transfers = (0..16).map(|at| -> Pending<'_, ()> {
        let store = &store;
        let (from, to) = (name(at), name(at * 3 + 1));
        Box::pin(async move {
            for _ in 0..10 {
                while from != to && !change(&**store, &[(&from, -1), (&to, 1)]).await {}
            }
        })
    });
    all(transfers).await;
    let accounts = scanned(&*store, range("account-", "account."), 100).await;
    let sum: u64 = accounts.iter().map(|(_, record)| number(record)).sum();
    assert_eq!(sum, ACCOUNTS as u64 * 1_000);
}

/// Reads these numbers, changes each by that much, and returns whether nobody was faster.
async fn change(store: &dyn Store, changes: &[(&str, i64)]) -> bool {
    let keys: Vec<Key> = changes.iter().map(|(name, _)| key(name)).collect();
    let found = store.get(&keys).await.unwrap_or_else(|error| panic!("get: {error}"));
    let writes = changes.iter().zip(found).map(|((name, by), record)| {
        let record = record.unwrap_or_else(|| panic!("{name} is missing"));
        let number = number(&record).saturating_add_signed(*by);
        only_if(Expect::Version(record.version), put(name, number.to_string()))
    });
    match store.commit(writes.collect()).await {
        Ok(_) => true,
        Err(StoreError::LostRace) => false,
        Err(error) => panic!("commit: {error}"),
    }
}
