//! `GET /members/duplicates`: members who may be one person are found, whatever has become of them meanwhile.

use std::{collections::BTreeSet, sync::Arc};

use edge::{Secrets, alike, sealed::Sealed};
use engine::{
    keys::kind,
    memory::MemoryStore,
    store::{Change, Expect, Key, Store, Write},
};
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, START, Shop, program};

/// A pair by what their first identity is, and what they share.
fn told(one: &str, other: &str, reason: &str) -> (String, String, String) {
    (one.to_owned(), other.to_owned(), reason.to_owned())
}

/// All pairs.
async fn pairs(shop: &Shop) -> BTreeSet<(String, String, String)> {
    let (mut found, mut path) = (BTreeSet::new(), "/members/duplicates".to_owned());
    loop {
        let page = shop.ok("GET", &path, Value::Null).await;
        assert_eq!(page["as_of"], START);
        for pair in page["duplicates"].as_array().unwrap() {
            let named = |number: usize| pair["members"][number]["identities"][0]["value"].as_str().unwrap();
            let (one, other) = (named(0).min(named(1)), named(0).max(named(1)));
            let is_new = found.insert(told(one, other, pair["reason"].as_str().unwrap()));
            assert!(is_new, "a pair is told once: {page}");
        }
        let Some(next) = page["next_cursor"].as_str() else { return found };
        path = format!("/members/duplicates?cursor={next}");
    }
}

fn external(name: &str) -> Value {
    json!({"kind": "external", "channel": "c", "value": name, "verified": true})
}

async fn register(shop: &Shop, name: &str, profile: Value, more: &[Value]) -> String {
    let identities = [&[external(name)], more].concat();
    let body = json!({"identities": identities, "brand": "acme", "profile": profile});
    shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
}

/// The index as it is stored.
async fn index(store: &dyn Store) -> Vec<Key> {
    let mut keys = Vec::new();
    for part in 0..16 {
        let rows = store.scan(engine::keys::alike_part(part), 1_000).await.unwrap();
        keys.extend(rows.into_iter().map(|(key, _)| key));
    }
    keys
}

#[tokio::test]
async fn whatever_becomes_of_them() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let li = json!({"name": "Li Lei", "birthday": "1990-05-17", "region": {"district": "西湖"}});
    let email = |value: &str| json!({"kind": "email", "value": value});
    let a = register(&shop, "a", li.clone(), &[email("li.lei@a.example")]).await;
    let b = register(&shop, "b", json!({"name": "LILEI", "birthday": "1990-05-17"}), &[]).await;
    let c = register(&shop, "c", json!({}), &[email("lilei+shop@a.example")]).await;
    register(&shop, "d", json!({"name": "Han Meimei", "birthday": "1990-05-17"}), &[]).await;
    let (day, place, address) = ("name_birthday", "name_district", "email");
    assert_eq!(pairs(&shop).await, BTreeSet::from([told("a", "b", day), told("a", "c", address)]));

    // A correction, a new identity, one that goes.
    let of_c = format!("/members/{c}");
    shop.ok("PATCH", &of_c, json!({"profile": {"name": "li lei", "region": {"district": "西湖"}}})).await;
    shop.ok("POST", &format!("/members/{b}/identities"), json!({"identity": email("l.ilei@a.example")}))
        .await;
    let three =
        [told("a", "b", day), told("a", "b", address), told("a", "c", address), told("b", "c", address)];
    let mut want = BTreeSet::from(three);
    want.insert(told("a", "c", place));
    assert_eq!(pairs(&shop).await, want);
    let identity = shop.show(&c).await["identities"][1]["id"].as_str().unwrap().to_owned();
    shop.ok("DELETE", &format!("{of_c}/identities/{identity}"), Value::Null).await;
    shop.ok("PATCH", &format!("/members/{b}"), json!({"profile": {"birthday": "1990-05-18"}})).await;
    assert_eq!(pairs(&shop).await, BTreeSet::from([told("a", "b", address), told("a", "c", place)]));

    // Who is known already may say more.
    register(&shop, "c", json!({"birthday": "1990-05-17"}), &[]).await;
    let want = BTreeSet::from([told("a", "b", address), told("a", "c", place), told("a", "c", day)]);
    assert_eq!(pairs(&shop).await, want);

    // Who has left is nobody's double; who is erased leaves no trace.
    shop.ok("POST", &format!("/members/{b}/status"), json!({"status": "closed", "reason": "r"})).await;
    shop.ok("POST", &format!("{of_c}/status"), json!({"status": "suspended", "reason": "r"})).await;
    assert_eq!(pairs(&shop).await, BTreeSet::from([told("a", "c", place), told("a", "c", day)]));
    shop.ok("DELETE", &format!("/members/{a}"), Value::Null).await;
    assert_eq!(pairs(&shop).await, BTreeSet::new());
    let id = edge::wire::read_member_id(&a).unwrap().0;
    let left = index(&*store).await;
    assert!(!left.is_empty() && !left.iter().any(|key| key.as_bytes().ends_with(&id)), "{left:?}");
}

/// Everybody with everybody, over pages.
#[tokio::test]
async fn every_pair_of_many() {
    let shop = Shop::usual().await;
    let mut want = BTreeSet::new();
    for number in 0..14 {
        register(&shop, &format!("m{number:02}"), json!({"name": "X", "birthday": "2000-01-01"}), &[]).await;
        want.extend(
            (0..number).map(|other| told(&format!("m{other:02}"), &format!("m{number:02}"), "name_birthday")),
        );
    }
    assert_eq!(pairs(&shop).await, want);
}

#[tokio::test]
async fn a_cursor_is_one_of_ours() {
    let shop = Shop::usual().await;
    let good = "0".repeat(96);
    assert_eq!(
        shop.call("GET", &format!("/members/duplicates?cursor={good}"), Value::Null).await.status,
        200
    );
    for bad in
        [String::new(), "0".repeat(95), "0".repeat(97), "A".repeat(96), "+1".repeat(48), "é".repeat(48)]
    {
        let reply = shop.call("GET", &format!("/members/duplicates?cursor={bad}"), Value::Null).await;
        assert_eq!(reply.status / 100, 4, "{bad}: {}", reply.body);
    }
    let (_, till) = shop.caller(&["storefront"], None).await;
    for (key, want) in [(&till, "403 forbidden"), (&ADMIN_KEY.to_owned(), "200")] {
        let reply = shop.call_as(key, "GET", "/members/duplicates", &Value::Null, None).await;
        assert_eq!(reply.verdict(), want);
    }
}

/// Persons who were stored before there was an index are in it after a reseal.
#[tokio::test]
async fn who_was_there_before_is_indexed() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    for number in 0..120 {
        let name = format!("N{}", number / 2);
        register(&shop, &format!("m{number:03}"), json!({"name": name, "birthday": "2000-01-01"}), &[]).await;
    }
    let all = index(&*store).await;
    assert_eq!(all.len(), 120);
    let gone: Vec<Write> = all
        .iter()
        .map(|key| Write { key: key.clone(), expect: Expect::Anything, change: Change::Delete })
        .collect();
    for some in gone.chunks(100) {
        store.commit(some.to_vec()).await.unwrap();
    }
    assert_eq!(pairs(&shop).await.len(), 0);

    let secrets = Secrets::new(b"tests-master-key-0123456789abcdef");
    assert_eq!(alike::index_all(&*store, &secrets).await.unwrap(), 120);

    assert_eq!(index(&*store).await, all);
    assert_eq!(pairs(&shop).await.len(), 60);
    assert_eq!(alike::index_all(&*store, &secrets).await.unwrap(), 0, "nothing is lacking");
    // A person that nobody can read is told of.
    let sealed = Sealed::over(store.clone(), Secrets::new(b"another-master-key-0123456789abcdef"));
    assert!(sealed.walk(Some(kind::PERSON), None, 1).await.is_err());
    let stranger = Secrets::new(b"another-master-key-0123456789abcdef");
    assert!(alike::index_all(&*store, &stranger).await.is_err());
}
