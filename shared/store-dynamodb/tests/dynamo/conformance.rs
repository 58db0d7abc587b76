//! The suite for every store, and what is specific to this store about keys, ranges and walks.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use bytes::Bytes;
use engine::{
    conformance::CASES,
    id::{BrandId, CallerId, LinkCodeHash, OrderId, Reference, RequestHash},
    keys::{self, kind},
    store::{
        Change, Expect, Feed, Key, Kind, Manner, Page, Pending, Range, Record, Store, StoreError, Version,
        Write,
    },
};
use store_dynamodb::{ConnectError, DynamoStore, Options, local::Local};

use crate::{key, put, read, text, word};

/// The suite scans ranges of any keys, also of kinds that this store does not keep in order, because the
/// engine never needs that. For those this walks over the table and sorts.
struct Walking(DynamoStore);

async fn walked(store: &dyn Store, kind: Option<Kind>, limit: usize) -> BTreeMap<Key, Record> {
    let mut found = BTreeMap::new();
    let mut from = None;
    loop {
        let Page { records, next } = store.walk(kind, from, limit).await.unwrap();
        found.extend(records);
        from = next;
        if from.is_none() {
            return found;
        }
    }
}

impl Store for Walking {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.0.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move {
            match self.0.scan(range.clone(), limit).await {
                Err(StoreError::Unavailable(cause)) if cause.to_string().contains("not kept in order") => {
                    let found = walked(&self.0, None, 1_000).await.into_iter();
                    Ok(found.filter(|(key, _)| range.from <= *key && *key < range.to).take(limit).collect())
                }
                answer => answer,
            }
        })
    }

    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        self.0.walk(kind, from, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.0.commit(writes)
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        self.0.commit_as(writes, manner)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.0.feed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let Some(local) = Local::shared() else { return };
    let begun = Instant::now();
    for (name, case) in CASES {
        let store = local.store().await.unwrap().with_feed().await.unwrap();
        assert!(store.feed().is_some(), "a table that we make has a stream");
        let started = Instant::now();
        case(Arc::new(Walking(store))).await;
        println!("{name}: {} ms", started.elapsed().as_millis());
    }
    println!("{} cases in {} ms", CASES.len(), begun.elapsed().as_millis());
}

/// A key of that kind.
fn of_kind(kind: Kind, parts: &[&[u8]]) -> Key {
    key([kind.as_bytes(), &parts.concat()].concat())
}

/// A key among the links of the member of that id.
fn link(id: u8, end: &[u8]) -> Key {
    of_kind(kind::MEMBER_LINK, &[&[id; 16], end])
}

/// Keys of every kind as the engine makes them, by what comes after the kind.
fn every_kind() -> Vec<Key> {
    let mut keys: Vec<Key> = (0..8).map(|at| keys::request(RequestHash([at * 32; 16]))).collect();
    keys.extend((0..4).flat_map(|shard| (0..4).map(move |at| of_kind(kind::DUE, &[&[shard, 0x80, at, 7]]))));
    keys.extend((0..4).map(|at| of_kind(kind::ANSWER, &[&[1; 16], &[at; 16]])));
    keys.extend((0..4).map(|at| of_kind(kind::ANSWER, &[&[2; 16], &[at; 16]])));
    // A member's codes and links, and one of another member.
    for end in [
        &b"\0code"[..],
        b"\x01bean\0\xff\xff\xff\xfd",
        b"\x01bean\0\xff\xff\xff\xfe",
        b"\x01tea\0\xff\xff\xff\xfe",
    ] {
        keys.push(link(1, end));
    }
    keys.extend([
        link(2, b"\x01bean\0\xff\xff\xff\xfe"),
        keys::link_code(LinkCodeHash([1; 16])),
        keys::reference(&BrandId::of_checked("bean"), Reference([1; 16])),
    ]);
    keys.extend((0..5).map(|at| keys::caller(CallerId::of([at; 16]))));
    keys.extend([keys::used("brand", "a"), keys::used("tier", "b"), keys::program_head()]);
    keys.extend((1..4).flat_map(|at| {
        [keys::program(at), keys::order(&BrandId::of_checked("a"), &OrderId::of_checked(&at.to_string()))]
    }));
    keys.extend((0..9).map(|at| of_kind(kind::MEMBER, &[&[at; 16]])));
    keys
}

async fn filled(local: &Local) -> (DynamoStore, Vec<Key>) {
    let store = local.store().await.unwrap();
    let mut keys = every_kind();
    keys.sort();
    for chunk in keys.chunks(40) {
        store
            .commit(chunk.iter().map(|key| put(key.as_bytes(), Expect::Absent, "1")).collect())
            .await
            .unwrap();
    }
    (store, keys)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_of_the_kinds_that_are_kept_in_order() {
    let Some(local) = Local::shared() else { return };
    let (store, keys) = filled(local).await;
    let answers = |id: u8| Range {
        from: of_kind(kind::ANSWER, &[&[id; 16], &[0; 16]]),
        to: of_kind(kind::ANSWER, &[&[id; 16], &[0xff; 17]]),
    };
    let ranges = [
        ("callers", keys::all(kind::CALLER)),
        ("used marks", keys::all(kind::USED)),
        ("requests", keys::all(kind::REQUEST)),
        (
            "later requests",
            Range { from: keys::request(RequestHash([96; 16])).successor(), to: keys::all(kind::REQUEST).to },
        ),
        ("due", keys::all(kind::DUE)),
        (
            "due in a shard",
            Range { from: of_kind(kind::DUE, &[&[2]]), to: of_kind(kind::DUE, &[&[2, 0x80, 2]]) },
        ),
        ("one member's answers", answers(1)),
        ("nobody's answers", answers(3)),
        ("all of a member's links", Range { from: link(1, b"\0"), to: link(1, b"\x02") }),
        (
            "a member's links with a brand",
            Range { from: link(1, b"\x01bean\0"), to: link(1, b"\x01bean\x01") },
        ),
    ];
    for (name, range) in ranges {
        let expected: Vec<&Key> = keys.iter().filter(|key| range.from <= **key && **key < range.to).collect();
        for limit in [1, 2, 3, 100] {
            let found = store.scan(range.clone(), limit).await.unwrap();
            let found: Vec<&Key> = found.iter().map(|(key, _)| key).collect();
            assert_eq!(found, expected[..limit.min(expected.len())], "{name}, {limit}");
        }
    }
    for of in [kind::MEMBER, kind::ORDER, kind::ANSWER, kind::MEMBER_LINK, kind::NOTE] {
        assert_eq!(word(&store.scan(keys::all(of), 1).await), "unavailable", "kind {of:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_shows_every_record_once() {
    let Some(local) = Local::shared() else { return };
    let (store, keys) = filled(local).await;
    for limit in [1, 7, 1_000] {
        let found = walked(&store, None, limit).await;
        assert_eq!(found.keys().collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>(), "pages of {limit}");
    }
    for of in [kind::MEMBER, kind::REQUEST, kind::USED, kind::NOTE] {
        let expected: Vec<&Key> = keys.iter().filter(|key| key.kind() == of).collect();
        let found = walked(&store, Some(of), 2).await;
        assert_eq!(found.keys().collect::<Vec<_>>(), expected, "kind {of:?}");
    }
    let page = store.walk(None, None, 5).await.unwrap();
    assert_eq!((page.records.len(), page.next.is_some()), (5, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_records_come_back_in_one_get() {
    let Some(local) = Local::shared() else { return };
    let store = local.store().await.unwrap();
    let name = |at: usize| format!("m{at:03}");
    // 20 MB: more than an answer holds, and more keys than a batch does.
    for chunk in (0..130).collect::<Vec<_>>().chunks(20) {
        let large = |at: &usize| {
            let change = Change::Put(vec![*at as u8; 160 * 1024].into());
            Write { key: key(name(*at)), expect: Expect::Absent, change }
        };
        store.commit(chunk.iter().map(large).collect()).await.unwrap();
    }
    let mut asked: Vec<Key> = (0..131).map(|at| key(name(at))).collect();
    asked.extend([key(name(3)), key(""), key([1; 1_025])]);
    let found = store.get(&asked).await.unwrap();
    for (at, record) in found.iter().enumerate() {
        let expected = match at {
            ..=129 => Some(at as u8),
            131 => Some(3),
            _ => None,
        };
        assert_eq!(record.as_ref().map(|record| record.value[0]), expected, "{at}");
    }
    assert_eq!(store.get(&[]).await.unwrap(), []);
}

/// A machine whose clock is ahead has written; one that expects nothing writes after it.
#[tokio::test]
async fn versions_grow_across_clocks() {
    let Some(local) = Local::shared() else { return };
    let store = local.store().await.unwrap();
    store.commit(vec![put("m1", Expect::Absent, "1")]).await.unwrap();
    let ahead = Version(u64::MAX / 8 * 5);
    for writes in [
        vec![put("m1", Expect::Anything, "3")],
        vec![put("m1", Expect::Anything, "3"), put("m2", Expect::Anything, "3")],
    ] {
        let (client, table) = store.table();
        let item = client.scan().table_name(table).send().await.unwrap().items.unwrap().remove(0);
        let mut item: std::collections::HashMap<_, _> = item;
        item.insert("n".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N(ahead.0.to_string()));
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
        let after = store.commit(writes).await.unwrap();
        let record = read(&store, "m1").await.unwrap();
        assert!(after > ahead && record.version == after, "{record:?}");
        assert_eq!(text(&store, "m1").await.as_deref(), Some("3"));
        store.commit(vec![crate::delete("m2", Expect::Anything)]).await.unwrap();
    }
}

#[tokio::test]
async fn tables_are_told_apart() {
    let Some(local) = Local::shared() else { return };
    let options = local.options();
    let store = DynamoStore::connect(options).unwrap();
    assert!(matches!(store.table_ready().await, Err(ConnectError::TableMissing(_))));
    let answer = store.commit(vec![put("m", Expect::Absent, "1")]).await;
    assert_eq!(word(&answer), "unavailable");
    store.create_table().await.unwrap();
    store.create_table().await.unwrap();
    store.table_ready().await.unwrap();
    store.commit(vec![put("m", Expect::Absent, "1")]).await.unwrap();
    let walk = store.walk(None, Some(Bytes::from_static(b"m")), 1).await.unwrap();
    assert_eq!(walk.records, []);
}

#[test]
fn what_is_no_endpoint() {
    for endpoint in ["", "localhost:8000", "http://", "http://a/b", "ftp://a", "http://u@a"] {
        let mut options = Options::new("t");
        options.endpoint = Some(endpoint.to_owned());
        let answer = DynamoStore::connect(options);
        assert!(matches!(answer, Err(ConnectError::Endpoint(_))), "{endpoint}: {answer:?}");
    }
}

/// Checks that the certificates parse: if they do not, the first request panics.
#[tokio::test]
async fn the_roots_are_certificates() {
    let mut options = Options::new("t");
    options.endpoint = Some("https://127.0.0.1:1".to_owned());
    let store = DynamoStore::connect(options).unwrap();
    let answer = store.table_ready().await;
    assert!(matches!(answer, Err(ConnectError::Failed(_))), "{answer:?}");
}
