//! Offers that several save at once, on one instance and on several: one of two wins, one of two has a word, and the
//! others hear of it.

use std::sync::Arc;

use engine::{memory::MemoryStore, store::Store};
use serde_json::{Value, json};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};

use crate::{
    instances::Between,
    offers::{coupon, id, of_word},
    support::{ADMIN_KEY, Reply, START, Shop, program},
};

/// Two instances over one store: what one saves, the other knows once it has reread what others may change.
#[tokio::test]
async fn another_instance_hears_of_a_change() {
    let store = Arc::new(MemoryStore::new());
    let [first, second] =
        [Shop::over(store.clone(), &program(), START).await, Shop::over(store, &program(), START).await];
    let known = async || {
        let shelf = second.api.engine.programme().offers().await.unwrap();
        shelf.all().map(|offer| (offer.id.to_string(), offer.version, offer.suspended)).collect::<Vec<_>>()
    };
    assert_eq!(known().await, []);
    first.ok("PUT", "/offers/a", coupon("acme", json!({}))).await;
    first.ok("PUT", "/offers/b", coupon("acme", json!({}))).await;
    assert_eq!(known().await, [], "it has not heard of them yet");
    second.api.refresh().await.unwrap();
    let (a, b) = (("a".to_owned(), 1, false), ("b".to_owned(), 1, false));
    assert_eq!(known().await, [a, b.clone()]);
    let before = second.api.engine.programme().offers().await.unwrap();
    first.ok("PUT", "/offers/a", coupon("acme", json!({"suspended": true}))).await;
    second.api.refresh().await.unwrap();
    assert_eq!(known().await, [("a".to_owned(), 2, true), b]);
    let after = second.api.engine.programme().offers().await.unwrap();
    let same = |id: &domain::id::OfferId| Arc::ptr_eq(before.offer(id).unwrap(), after.offer(id).unwrap());
    assert!(same(&id("b")) && !same(&id("a")), "only what has changed is read again");
    // Its own save it knows at once, and reading shows what stands, whoever saved it.
    second.ok("PUT", "/offers/c", coupon("acme", json!({}))).await;
    assert_eq!(known().await.len(), 3);
    assert_eq!(first.ok("GET", "/offers/c", Value::Null).await["version"], 1);
}

/// Between what one instance reads and its commit, the other saves.
#[tokio::test]
async fn of_two_saves_at_once_each_is_whole() {
    let coupon = |days: u32| coupon("acme", json!({"valid": {"days": days}}));
    let on = |mut document: Value, version: u32| {
        document["version"] = json!(version);
        document
    };
    let two_words = [of_word("HELLO"), of_word("HELL0")];
    let [hello, same] = two_words;
    for (mine, theirs, want) in [
        // On one version: one of them.
        (("a", on(coupon(2), 1)), ("a", on(coupon(3), 1)), "409 version_conflict"),
        // On none: one after the other.
        (("a", coupon(2)), ("a", coupon(3)), "200"),
        (("a", coupon(2)), ("a", coupon(2)), "200"),
        (("a", coupon(2)), ("b", coupon(3)), "200"),
        (("b", on(coupon(2), 0)), ("b", on(coupon(3), 0)), "409 version_conflict"),
        // One word.
        (("b", hello), ("c", same), "422 invalid_offer"),
    ] {
        let inner = Arc::new(MemoryStore::new());
        let second = Arc::new(Shop::over(inner.clone(), &program(), START).await);
        let between = Arc::new(Between::new(inner));
        let first = Shop::over(between.clone(), &program(), START).await;
        second.ok("PUT", "/offers/a", coupon(1)).await;
        let (deed, path) = (second.clone(), format!("/offers/{}", theirs.0));
        between.before(async move { _ = deed.ok("PUT", &path, theirs.1).await });
        let reply = first.call("PUT", &format!("/offers/{}", mine.0), mine.1.clone()).await;
        assert!(between.is_done());
        assert_eq!(reply.verdict().trim(), want, "{}: {}", mine.0, reply.body);
        for shop in [&first, &*second] {
            assert_eq!(shop.api.engine.programme().audit_offers().await.unwrap(), []);
        }
    }
}

/// 16 at once on one version and for one word: one has it.
async fn race(shop: Arc<Shop>, store: &str) {
    shop.ok("PUT", "/offers/a", coupon("acme", json!({}))).await;
    let all = async |of: fn(u32) -> (String, Value)| {
        let start = Arc::new(tokio::sync::Barrier::new(16));
        let calls = (0..16).map(|n| {
            let (shop, start, (path, body)) = (shop.clone(), start.clone(), of(n));
            tokio::spawn(async move {
                start.wait().await;
                shop.call_as(ADMIN_KEY, "PUT", &path, &body, None).await
            })
        });
        let mut replies: Vec<Reply> = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            replies.push(call.await.unwrap());
        }
        let mut verdicts: Vec<String> =
            replies.iter().map(|reply| reply.verdict().trim().to_owned()).collect();
        verdicts.sort();
        verdicts
    };
    let on_one = all(|n| {
        let body = json!({"version": 1, "valid": {"days": n + 1}});
        ("/offers/a".to_owned(), coupon("acme", body))
    });
    let on_one = on_one.await;
    assert_eq!(
        (&*on_one[0], on_one.iter().filter(|own| *own == "409 version_conflict").count()),
        ("200", 15),
        "{store}: {on_one:?}"
    );
    let one_word = all(|n| (format!("/offers/w{n}"), of_word("SPRING20"))).await;
    assert_eq!(
        (&*one_word[0], one_word.iter().filter(|own| *own == "422 invalid_offer").count()),
        ("200", 15),
        "{store}: {one_word:?}"
    );
    assert_eq!(shop.api.engine.programme().audit_offers().await.unwrap(), [], "{store}");
    assert_eq!(shop.ok("GET", "/offers", Value::Null).await["offers"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_saves_at_once_one_wins_on_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap());
    race(Arc::new(Shop::over(store, &program(), START).await), "embedded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_saves_at_once_one_wins_on_a_table() {
    let Some(local) = Local::shared() else { return };
    let store: Arc<dyn Store> = Arc::new(local.store().await.expect("a table"));
    race(Arc::new(Shop::over(store, &program(), START).await), "table").await;
}
