//! Offers that several save at once, on one instance and on several: one of two wins, one of two has a word, and the
//! others hear of it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use engine::{
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};

use crate::{
    failing::{Failing, Trouble},
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

/// A store that loses the answer of its next commit, which is done or not, and then something else happens.
struct Lost {
    inner: Arc<MemoryStore>,
    next: Mutex<Option<(bool, Deed)>>,
}

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Store for Lost {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        let next = self.next.lock().unwrap().take();
        Box::pin(async move {
            let Some((is_done, deed)) = next else { return self.inner.commit(writes).await };
            if is_done {
                self.inner.commit(writes).await?;
            }
            deed.await;
            Err(StoreError::Unknown(Arc::new(std::io::Error::other("no answer"))))
        })
    }
}

/// Nobody knows whether it was saved, and somebody else saves: what was saved is told and not saved again on top of that.
#[tokio::test]
async fn a_save_of_unknown_outcome_is_done_once() {
    let coupon = |days: u32| coupon("acme", json!({"valid": {"days": days}}));
    // Whether it was done, on which version it is based, what it is answered, and how many versions there are then.
    for (is_done, on, want, count) in [
        (true, None, "200", 3),
        (true, Some(1), "200", 3),
        (false, None, "200", 3),
        (false, Some(1), "409 version_conflict", 2),
    ] {
        let inner = Arc::new(MemoryStore::new());
        let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
        let store = Arc::new(Lost { inner, next: Mutex::new(None) });
        let shop = Shop::over(store.clone(), &program(), START).await;
        shop.ok("PUT", "/offers/a", coupon(1)).await;
        let (deed, theirs) = (other.clone(), coupon(3));
        let deed = async move { _ = deed.ok("PUT", "/offers/a", theirs).await };
        *store.next.lock().unwrap() = Some((is_done, Box::pin(deed)));
        let mut mine = coupon(2);
        if let Some(on) = on {
            mine["version"] = json!(on);
        }
        let reply = shop.call("PUT", "/offers/a", mine).await;
        assert_eq!(reply.verdict(), want, "{is_done} {on:?}: {}", reply.body);
        assert_eq!(other.ok("GET", "/offers/a", Value::Null).await["version"], count, "{is_done} {on:?}");
        // This instance, too, knows what stands.
        let shelf = shop.api.engine.programme().offers().await.unwrap();
        assert_eq!(shelf.offer(&id("a")).unwrap().version, count, "{is_done} {on:?}");
    }
}

/// A save that fails after it may have been written: the instance reads what stands.
#[tokio::test]
async fn a_save_in_doubt_is_read_again() {
    let store = Arc::new(Failing::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    shop.ok("PUT", "/offers/a", coupon("acme", json!({}))).await;
    assert_eq!(shop.api.engine.programme().offers().await.unwrap().all().count(), 1);
    store.fails_with(Trouble::DoneThenSilent);
    let reply = shop.call("PUT", "/offers/b", coupon("acme", json!({}))).await;
    assert!(reply.status >= 500, "{}", reply.body);
    store.works();
    assert_eq!(shop.api.engine.programme().offers().await.unwrap().all().count(), 2);
}

/// An offer is judged by the programme that is in force, whichever instance has saved that, and one that comes between
/// has it judged again.
#[tokio::test]
async fn an_offer_is_judged_by_the_programme_in_force() {
    let mut without = program();
    without["brands"].as_array_mut().unwrap().retain(|brand| brand["id"] != "bean");
    for between_read_and_commit in [false, true] {
        let inner = Arc::new(MemoryStore::new());
        let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
        let between = Arc::new(Between::new(inner));
        let shop = Shop::over(between.clone(), &program(), START).await;
        let (deed, document) = (other.clone(), without.clone());
        let deed = async move { _ = deed.ok("PUT", "/program", document).await };
        if between_read_and_commit {
            between.before(deed);
        } else {
            deed.await;
        }
        let reply = shop.call("PUT", "/offers/a", coupon("bean", json!({}))).await;
        assert_eq!(reply.faults(), ["/brand unknown_brand"], "{}", reply.body);
    }
}

/// What an audience names may come with a new version of the programme: offers are read under the newest.
#[tokio::test]
async fn offers_are_read_under_the_newest_programme() {
    let mut with = program();
    with["attributes"] = json!([{"id": "job", "kind": "choice", "values": [{"id": "cook"}]}]);
    let shop = Shop::open(&with, START).await;
    let audience = json!({"fact": "attribute.job", "op": "in", "value": ["cook"]});
    shop.ok("PUT", "/offers/a", coupon("acme", json!({"audience": audience}))).await;
    let gone = async || {
        let shelf = shop.api.engine.programme().offers().await.unwrap();
        shelf.offer(&id("a")).unwrap().audience.as_ref().unwrap().attributes_gone().len()
    };
    assert_eq!(gone().await, 0);
    shop.ok("PUT", "/program", program()).await;
    assert_eq!(gone().await, 1);
    shop.ok("PUT", "/program", with).await;
    assert_eq!(gone().await, 0);
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
