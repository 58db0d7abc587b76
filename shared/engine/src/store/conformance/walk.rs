//! Walks: every record of a kind, in whatever order.

use std::sync::Arc;

use bytes::Bytes;

use super::{delete, done, put};
use crate::store::{Key, Kind, Record, Store};

/// A walk to its end, sorted.
pub(super) async fn walked(store: &dyn Store, kind: Option<Kind>, limit: usize) -> Vec<(Key, Record)> {
    let (mut found, mut from): (Vec<(Key, Record)>, Option<Bytes>) = (Vec::new(), None);
    loop {
        let page = store.walk(kind, from, limit).await.unwrap_or_else(|error| panic!("walk: {error}"));
        found.extend(page.records);
        from = page.next;
        if from.is_none() {
            found.sort_by(|left, right| left.0.cmp(&right.0));
            return found;
        }
    }
}

fn keys(found: &[(Key, Record)]) -> Vec<Key> {
    found.iter().map(|(key, _)| key.clone()).collect()
}

fn name(kind: &str, at: usize) -> String {
    format!("{kind}{at:04}")
}

async fn fill(store: &dyn Store, kind: &str, count: usize) -> Vec<Key> {
    for first in (0..count).step_by(50) {
        let some = first..(first + 50).min(count);
        done(store, some.map(|at| put(name(kind, at), at.to_string())).collect()).await;
    }
    (0..count).map(|at| Key::new(name(kind, at))).collect()
}

pub(super) async fn a_walk_shows_every_record_once(store: Arc<dyn Store>) {
    assert_eq!(walked(&*store, None, 10).await, []);
    // Of kinds that a store may keep in different ways.
    let mut all = Vec::new();
    for kind in ["B", "d", "k", "m", "o", "q", "w", "za", "zb"] {
        all.extend(fill(&*store, kind, 30).await);
    }
    for limit in [1, 7, 1_000] {
        let found = walked(&*store, None, limit).await;
        assert_eq!(keys(&found), all, "pages of {limit}");
        for (key, record) in found {
            let at: usize = String::from_utf8_lossy(&record.value).parse().unwrap_or(usize::MAX);
            assert_eq!(key.as_bytes(), name(&String::from_utf8_lossy(key.kind().as_bytes()), at).as_bytes());
        }
    }
}

pub(super) async fn a_walk_keeps_to_its_kind(store: Arc<dyn Store>) {
    fill(&*store, "l", 20).await;
    let members = fill(&*store, "m", 20).await;
    fill(&*store, "n", 20).await;
    assert_eq!(keys(&walked(&*store, Some(Kind::one(b'm')), 7).await), members);
    assert_eq!(keys(&walked(&*store, Some(Kind::one(b'm')), 20).await), members);
    assert_eq!(walked(&*store, Some(Kind::one(b'x')), 7).await, []);
    fill(&*store, "za", 3).await;
    let extended = fill(&*store, "zb", 3).await;
    assert_eq!(keys(&walked(&*store, Some(Kind::extended(b'b')), 2).await), extended);
}

pub(super) async fn a_walk_shows_what_stays_while_others_change(store: Arc<dyn Store>) {
    fill(&*store, "m", 200).await;
    let (mut found, mut from) = (Vec::new(), None);
    for step in 0..usize::MAX {
        let page =
            store.walk(Some(Kind::one(b'm')), from, 9).await.unwrap_or_else(|error| panic!("walk: {error}"));
        found.extend(keys(&page.records));
        // Odd ones go and new ones come, while even ones stay.
        if step < 100 {
            done(&*store, vec![delete(name("m", 2 * step + 1)), put(name("m", 200 + step), "new")]).await;
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    for at in (0..200).step_by(2) {
        assert!(found.contains(&Key::new(name("m", at))), "{at} stayed and was not shown");
    }
}

pub(super) async fn a_walk_shows_once_what_is_written_meanwhile(store: Arc<dyn Store>) {
    let all = fill(&*store, "m", 200).await;
    let (mut found, mut from) = (Vec::new(), None);
    for step in 0..usize::MAX {
        let page =
            store.walk(Some(Kind::one(b'm')), from, 9).await.unwrap_or_else(|error| panic!("walk: {error}"));
        found.extend(keys(&page.records));
        // Some that were shown and some that were not, larger and smaller than they were.
        let some = (0..200).filter(|at| at % 23 == step % 23);
        done(&*store, some.map(|at| put(name("m", at), "x".repeat(step * 37 % 900))).collect()).await;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    found.sort();
    assert_eq!(found, all);
}
