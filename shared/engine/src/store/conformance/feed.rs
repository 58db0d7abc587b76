//! The feed, for stores that have one.

use std::{collections::BTreeMap, sync::Arc};

use super::{delete, done, key, lost, only_if, put, write};
use crate::store::{
    Change, Changed, Changes, Committed, Expect, Feed, Key, Manner, Position, Store, Version, feed,
};

/// What the feed shows of a write, apart from its version: key, value, whether it is new.
type Told = (Key, Option<String>, bool);

fn told(key: &str, value: Option<&str>, is_new: bool) -> Told {
    (super::key(key), value.map(str::to_owned), is_new)
}

async fn end(feed: &dyn Feed) -> Position {
    feed.end().await.unwrap_or_else(|error| panic!("end: {error}"))
}

async fn after(feed: &dyn Feed, position: &Position, limit: usize) -> Changes {
    feed.after(position, limit).await.unwrap_or_else(|error| panic!("after: {error}"))
}

/// The commits after that position, when there are so many writes of them; and where the feed goes on.
async fn read(
    feed: &dyn Feed,
    mut position: Position,
    writes: usize,
    limit: usize,
) -> (Vec<Committed>, Position) {
    let mut found: Vec<Committed> = Vec::new();
    loop {
        let count: usize = found.iter().map(|commit| commit.writes.len()).sum();
        match after(feed, &position, limit).await {
            Changes::Commits { commits, next } => {
                assert!(commits.len() <= limit, "{} commits, and {limit} were asked for", commits.len());
                assert!(commits.iter().all(|commit| !commit.writes.is_empty()));
                let is_empty = commits.is_empty();
                found.extend(commits);
                position = next;
                if is_empty && count >= writes {
                    return (found, position);
                }
                if is_empty {
                    feed.more(&position).await;
                }
            }
            Changes::Gap { .. } => panic!("a gap in what was just committed"),
        }
    }
}

/// The writes in the order in which the feed shows those of each key.
fn by_key(commits: &[Committed]) -> BTreeMap<Key, Vec<Changed>> {
    let mut found: BTreeMap<Key, Vec<Changed>> = BTreeMap::new();
    for change in commits.iter().flat_map(|commit| &commit.writes) {
        found.entry(change.key.clone()).or_default().push(change.clone());
    }
    found
}

/// What the feed showed, in the order of keys.
fn all_told(commits: &[Committed]) -> Vec<Told> {
    let changes = by_key(commits).into_values().flatten();
    let text = |value: &bytes::Bytes| String::from_utf8_lossy(value).into_owned();
    changes.map(|change| (change.key, change.value.as_ref().map(text), change.is_new)).collect()
}

pub(super) async fn the_feed_shows_what_is_committed(store: Arc<dyn Store>) {
    let Some(feed) = store.feed() else { return };
    done(&*store, vec![put("before", "1")]).await;
    let start = end(feed).await;
    let absent = |name: &str, value: &str| only_if(Expect::Absent, put(name, value));
    let first = done(&*store, vec![absent("a", "1"), absent("b", "1")]).await;
    let second = done(&*store, vec![only_if(Expect::Version(first), put("a", "2")), absent("c", "1")]).await;
    lost(&*store, vec![absent("a", "9"), absent("d", "9")]).await;
    lost(&*store, vec![only_if(Expect::Version(first), put("a", "9")), put("b", "9")]).await;
    done(&*store, vec![write(key("a"), Expect::Version(second), Change::Nothing)]).await;
    done(&*store, vec![]).await;
    let third = done(&*store, vec![only_if(Expect::Version(second), delete("a"))]).await;
    let fourth = done(&*store, vec![absent("a", "3"), only_if(Expect::Version(first), put("b", "2"))]).await;
    for limit in [1, 2, 100] {
        let (commits, position) = read(feed, start.clone(), 7, limit).await;
        let expected = [
            told("a", Some("1"), true),
            told("a", Some("2"), false),
            told("a", None, false),
            told("a", Some("3"), true),
            told("b", Some("1"), true),
            told("b", Some("2"), false),
            told("c", Some("1"), true),
        ];
        assert_eq!(all_told(&commits), expected, "{limit} at a time");
        let puts = by_key(&commits).into_values().flatten().filter(|change| change.value.is_some());
        let versions: Vec<Version> = puts.map(|change| change.version).collect();
        assert_eq!(versions, [first, second, fourth, first, fourth, second]);
        let deleted = by_key(&commits)[&key("a")][2].version;
        assert!([second, third].contains(&deleted), "its own or that of what it deleted");
        assert_eq!(after(feed, &position, 10).await, Changes::Commits { commits: vec![], next: position });
    }
}

pub(super) async fn a_reader_goes_on_where_it_was(store: Arc<dyn Store>) {
    let Some(feed) = store.feed() else { return };
    let mut position = end(feed).await;
    for round in 0..30 {
        let value = round.to_string();
        done(&*store, vec![put("counter", &value), put(format!("own-{round:02}"), &value)]).await;
        if round % 7 == 0 {
            continue;
        }
        // As it was stored.
        position = Position::new(position.as_bytes().to_vec());
        let writes = if round % 7 == 1 { 4 } else { 2 };
        let (commits, next) = read(feed, position, writes, 3).await;
        let found = all_told(&commits);
        assert_eq!(found.len(), writes, "{found:?}");
        assert_eq!(found.last(), Some(&(key(format!("own-{round:02}")), Some(value), found[writes - 1].2)));
        position = next;
    }
}

pub(super) async fn readers_places_are_not_shown(store: Arc<dyn Store>) {
    let Some(feed) = store.feed() else { return };
    let start = end(feed).await;
    let moved = done(&*store, vec![feed::set_place("reader", &start, None)]).await;
    done(&*store, vec![feed::set_place("reader", &start, Some(moved)), put("a", "1")]).await;
    lost(&*store, vec![feed::set_place("reader", &start, Some(moved))]).await;
    done(&*store, vec![feed::end_place("reader")]).await;
    let (commits, next) = read(feed, start, 1, 10).await;
    assert_eq!(all_told(&commits).iter().map(|(key, ..)| key).collect::<Vec<_>>(), [&key("a")]);
    done(&*store, vec![feed::set_place("reader", &next, None)]).await;
    let (commits, _) = read(feed, next, 0, 10).await;
    assert_eq!(commits, []);
}

pub(super) async fn the_manner_of_a_commit_is_told(store: Arc<dyn Store>) {
    let Some(feed) = store.feed() else { return };
    let version = done(&*store, vec![put("a", "one"), put("b", "one")]).await;
    let start = end(feed).await;
    let anew = vec![only_if(Expect::Version(version), put("a", "eins"))];
    let version =
        store.commit_as(anew, Manner::Anew).await.unwrap_or_else(|error| panic!("commit_as: {error}"));
    let quiet = vec![only_if(Expect::Version(version), put("b", "quiet"))];
    lost(&*store, quiet.clone()).await;
    assert!(store.commit_as(quiet, Manner::Quiet).await.is_err(), "expectations count as ever");
    store
        .commit_as(vec![put("c", "quiet")], Manner::Quiet)
        .await
        .unwrap_or_else(|error| panic!("commit_as: {error}"));
    done(&*store, vec![only_if(Expect::Version(version), put("a", "two"))]).await;
    let (commits, _) = read(feed, start, 3, 10).await;
    let manners_of = |name: &str| -> Vec<Manner> {
        let own = commits.iter().filter(|commit| commit.writes[0].key == key(name));
        own.map(|commit| commit.manner).collect()
    };
    assert_eq!(manners_of("a"), [Manner::Anew, Manner::Plain]);
    assert_eq!(manners_of("c"), [Manner::Quiet]);
    assert_eq!(all_told(&commits)[..2], [told("a", Some("eins"), false), told("a", Some("two"), false)]);
}

pub(super) async fn a_position_of_another_feed_is_a_gap(store: Arc<dyn Store>) {
    let Some(feed) = store.feed() else { return };
    done(&*store, vec![put("a", "1")]).await;
    for strange in [&b""[..], b"x", b"m", b"j", &[b'j'; 25], &[b'm'; 9], &[b'd'; 40], &[0xff; 300]] {
        let Changes::Gap { next } = after(feed, &Position::new(strange), 10).await else {
            panic!("{strange:?} was taken for a position");
        };
        assert_eq!(after(feed, &next, 10).await, Changes::Commits { commits: vec![], next });
    }
}

pub(super) async fn a_reader_is_woken(store: Arc<dyn Store>) {
    let Some(feed) = store.feed() else { return };
    let start = end(feed).await;
    done(&*store, vec![put("a", "1")]).await;
    feed.more(&start).await;
    let (_, next) = read(feed, start, 1, 10).await;
    let waiting = feed.more(&next);
    done(&*store, vec![put("a", "2")]).await;
    waiting.await;
    assert_eq!(read(feed, next, 1, 10).await.0.len(), 1);
}

/// What a store that keeps one order of all commits must do besides: they are shown whole, and in that order.
///
/// # Panics
/// If it does not.
pub async fn check_whole_commits(store: Arc<dyn Store>) {
    let feed = store.feed().unwrap_or_else(|| panic!("a store with a feed"));
    let start = end(feed).await;
    let mut expected = Vec::new();
    for round in 0..100_u32 {
        let writes: Vec<_> =
            (0..=round % 5).map(|at| put(format!("key-{}", (round + at) % 7), round.to_string())).collect();
        let version = done(&*store, writes.clone()).await;
        let changed = writes.into_iter().map(|write| {
            let Change::Put(value) = write.change else { unreachable!("puts") };
            Changed { key: write.key, version, value: Some(value), is_new: false }
        });
        expected.push(Committed { version, manner: Manner::Plain, writes: changed.collect() });
    }
    for limit in [1, 9, 1_000] {
        let (commits, _) = read(feed, start.clone(), 300, limit).await;
        assert!(commits == expected, "{limit} at a time");
    }
}
