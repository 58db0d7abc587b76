//! Callers and their keys, through their life. What each reaches is in `walk.rs`.

use std::{collections::BTreeSet, sync::Arc};

use engine::{
    Engine,
    id::{CallerId, KeyHash},
    keys,
    memory::MemoryStore,
    store::{Change, Expect, Store as _, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{ADMIN_KEY, Shop},
};

/// Another brand's redemption does not exist for a storefront that is bound to its own.
#[tokio::test]
async fn another_brands_redemption_is_not_found() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "10").await;
    let redeemed = shop.redeem(&member, "R-1", 5).await["redemption_id"].clone();
    let (_, bean) = shop.caller(&["storefront"], Some("bean")).await;
    let (_, acme) = shop.caller(&["storefront"], Some("acme")).await;
    let body = json!({"redemption_id": redeemed});
    assert_eq!(
        shop.call_as(&bean, "POST", "/reverse", &body, None).await.verdict(),
        "404 redemption_not_found"
    );
    // For bean, something it cannot see looks as if it did not exist, in the same words.
    let nothing = json!({"redemption_id": "rdm_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    assert_eq!(
        shop.call_as(&bean, "POST", "/reverse", &nothing, None).await.verdict(),
        "404 redemption_not_found"
    );
    assert_eq!(shop.call_as(&acme, "POST", "/reverse", &body, None).await.status, 200);
    // Own brands are one house: a member of acme earns and redeems at bean.
    let earn = json!({"member_id": member, "brand": "bean", "order_id": "A-1", "amount": "10"});
    let earned = shop.call_as(&bean, "POST", "/earn-points", &earn, None).await;
    assert_eq!((earned.status, &earned.body["granted"]), (200, &json!(5)));
    let redeem = json!({"member_id": member, "brand": "bean", "points": 12, "for": {"kind": "order", "order_id": "R-1"}});
    let redeemed = shop.call_as(&bean, "POST", "/redeem", &redeem, None).await;
    let lots = redeemed.body["entry"]["lots"].as_array().unwrap();
    let lots: Vec<_> =
        lots.iter().map(|lot| (lot["brand"].as_str().unwrap(), lot["points"].as_i64().unwrap())).collect();
    assert_eq!(lots, [("acme", -10), ("bean", -2)], "what acme issued and bean honoured is told apart");
}

#[tokio::test]
async fn keys_through_their_life() {
    let shop = Shop::usual().await;
    let made = shop
        .ok("POST", "/keys", json!({"name": "till 4", "roles": ["storefront", "scheduler"], "brand": "acme"}))
        .await;
    let (id, first) = (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned());
    assert!(first.starts_with("lk_") && first.len() >= 35, "{first}");
    let asks = async |key: &str| shop.call_as(key, "GET", "/program", &Value::Null, None).await.status;
    assert_eq!(asks(&first).await, 200);
    let second =
        shop.ok("POST", &format!("/keys/{id}/rotate"), json!({})).await["key"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!((asks(&first).await, asks(&second).await), (401, 200), "the old key is dead at once");
    let records = shop.snapshot().await;
    let stored = |key: &str| {
        records.iter().any(|(_, record)| record.value.windows(key.len()).any(|part| part == key.as_bytes()))
    };
    assert!(!stored(&first) && !stored(&second) && !stored(ADMIN_KEY), "keys are stored hashed");
    let listed = shop.ok("GET", "/keys", Value::Null).await;
    assert!(!listed.to_string().contains("lk_"), "a list never shows a key");
    let own = listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == id.as_str()).unwrap();
    assert_eq!(
        (&own["generation"], &own["revoked_at"], &own["brand"]),
        (&json!(2), &Value::Null, &json!("acme"))
    );
    shop.ok("DELETE", &format!("/keys/{id}"), Value::Null).await;
    assert_eq!(asks(&second).await, 401);
    // Revoked for good: there is no new key for it.
    shop.refused("404 key_not_found", "POST", &format!("/keys/{id}/rotate"), json!({})).await;
    shop.refused(
        "404 brand_not_found",
        "POST",
        "/keys",
        json!({"name": "n", "roles": ["admin"], "brand": "nope"}),
    )
    .await;
    for roles in [json!([]), json!(["root"]), json!(["partner"]), json!("admin")] {
        shop.refused("422 invalid_field", "POST", "/keys", json!({"name": "n", "roles": roles})).await;
    }
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let shop = Shop::usual().await;
    for _ in 0..6 {
        shop.caller(&["operator"], None).await;
    }
    let all = shop.ok("GET", "/keys", Value::Null).await["keys"].clone();
    let (mut paged, mut path) = (Vec::new(), "/keys?limit=3".to_owned());
    loop {
        let page = shop.ok("GET", &path, Value::Null).await;
        paged.extend(page["keys"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/keys?limit=3&cursor={cursor}");
    }
    assert_eq!((json!(paged), paged.len()), (all, 7));
    shop.refused("422 invalid_field", "GET", "/keys?cursor=key_01ARZ3NDEKTSV4RRFFQ69G5FAV", Value::Null)
        .await;
    shop.refused("422 invalid_field", "GET", "/keys?limit=201", Value::Null).await;
}

/// Only admins move the clock, and never back.
#[tokio::test]
async fn the_test_clock_is_an_admins() {
    let shop = Shop::usual().await;
    let (_, operator) = shop.caller(&["operator"], None).await;
    let ask = async |key: &str, at: &str| {
        let bearer = format!("Bearer {key}");
        shop.send("GET", "/program", &[("authorization", &bearer), ("test-clock", at)], b"").await.verdict()
    };
    assert_eq!(ask(&operator, "2026-04-01T00:00:00Z").await, "403 forbidden");
    assert_eq!(ask(ADMIN_KEY, "2026-04-01T00:00:00Z").await, "200");
    assert_eq!(ask(ADMIN_KEY, "2026-04-01T00:00:00Z").await, "200", "to where it stands is no way back");
    assert_eq!(ask(ADMIN_KEY, "2026-03-31T23:59:59.999Z").await, "422 test_clock_refused");
}

#[test]
fn an_admin_of_one_brand_reaches_no_key_beyond_it() {
    run(async {
        let shop = Shop::usual().await;
        let (_, bound) = shop.caller(&["admin"], Some("acme")).await;
        let (own, _) = shop.caller(&["storefront"], Some("acme")).await;
        let (other, _) = shop.caller(&["storefront"], Some("bean")).await;
        let (house, _) = shop.caller(&["admin"], None).await;
        let ask = async |method: &str, path: String| {
            shop.call_as(&bound, method, &path, &json!({}), None).await.verdict()
        };
        for (key, want) in [(&own, "200"), (&other, "404 key_not_found"), (&house, "404 key_not_found")] {
            assert_eq!(ask("POST", format!("/keys/{key}/rotate")).await, want);
            let reply = shop.call_as(&bound, "DELETE", &format!("/keys/{key}"), &Value::Null, None).await;
            assert_eq!(reply.verdict(), want);
        }
        let listed = shop.call_as(&bound, "GET", "/keys", &Value::Null, None).await.body;
        let brands = listed["keys"].as_array().unwrap().iter().map(|key| key["brand"].clone());
        assert_eq!(brands.collect::<Vec<_>>(), [json!("acme"), json!("acme")]);
    });
}

#[test]
fn equal_requests_for_a_key_at_once_get_one_answer() {
    run(async {
        let shop = std::sync::Arc::new(Shop::usual().await);
        let (id, _) = shop.caller(&["storefront"], None).await;
        for (path, body, once) in [
            ("/keys".to_owned(), json!({"name": "till", "roles": ["storefront"]}), "made-once"),
            (format!("/keys/{id}/rotate"), json!({}), "rotated-once"),
        ] {
            let asked = (0..16).map(|_| {
                let (shop, path, body) = (shop.clone(), path.clone(), body.clone());
                tokio::spawn(async move { shop.call_with("POST", &path, &body, Some(once)).await })
            });
            let asked: Vec<_> = asked.collect();
            let mut answers = BTreeSet::new();
            for reply in asked {
                let reply = reply.await.unwrap();
                assert!(reply.status < 300, "{path}: {}", reply.body);
                answers.insert(reply.bytes);
            }
            assert_eq!(answers.len(), 1, "{path}");
        }
    });
}

/// A record as it is kept, of a key that nobody has.
fn kept(name: &str) -> engine::records::CallerRecord {
    let at = domain::time::Instant(0);
    engine::records::CallerRecord {
        name: name.to_owned(),
        roles: vec!["operator".to_owned()],
        brand: None,
        hash: KeyHash([7; 32]),
        created_at: at,
        rotated_at: at,
        revoked_at: None,
        generation: 1,
    }
}

async fn keep(store: &MemoryStore, id: CallerId, record: &engine::records::CallerRecord) {
    let change = Change::Put(engine::records::encode(record));
    let write = Write { key: keys::caller(id), expect: Expect::Anything, change };
    store.commit(vec![write]).await.unwrap();
}

/// They are read 200 at a time.
#[test]
fn every_caller_is_found_however_many() {
    run(async {
        let store = Arc::new(MemoryStore::new());
        let engine = Engine::new(store.clone());
        let mut names = Vec::new();
        for number in 0..=401_u16 {
            if [0, 1, 199, 200, 201, 399, 400, 401].contains(&number) {
                let found = engine.access().callers().await.unwrap();
                let found: Vec<String> = found.into_iter().map(|caller| caller.record.name).collect();
                assert_eq!(found, names);
            }
            let mut id = [0; 16];
            id[..2].copy_from_slice(&number.to_be_bytes());
            names.push(format!("caller {number}"));
            keep(&store, CallerId::of(id), &kept(names.last().unwrap())).await;
        }
    });
}

/// The server's operator sets the first admin's key.
#[test]
fn the_first_admin_has_the_key_it_was_last_given() {
    run(async {
        let store = Arc::new(MemoryStore::new());
        let engine = Engine::new(store.clone());
        let at = domain::time::Instant;
        let first = async |hash: u8, now: i64| {
            engine.access().ensure_first_admin(KeyHash([hash; 32]), at(now)).await.unwrap();
            let record = engine.access().callers().await.unwrap().remove(0).record;
            (record.hash.0[0], record.generation, record.created_at.0, record.rotated_at.0, record.revoked_at)
        };
        assert_eq!(first(1, 10).await, (1, 1, 10, 10, None));
        assert_eq!(first(1, 20).await, (1, 1, 10, 10, None), "it has that key");
        assert_eq!(first(2, 30).await, (2, 2, 10, 30, None));
        let mut revoked = engine.access().callers().await.unwrap().remove(0).record;
        revoked.revoked_at = Some(at(40));
        keep(&store, CallerId::FirstAdmin, &revoked).await;
        assert_eq!(first(2, 50).await, (2, 3, 10, 50, None), "revoked, and given again");
        assert_eq!(engine.access().callers().await.unwrap().len(), 1);
    });
}

#[test]
fn what_the_engine_notes_for_itself_is_there() {
    run(async {
        let engine = Engine::new(Arc::new(MemoryStore::new()));
        assert_eq!(engine.records().note("a").await.unwrap(), None);
        engine.records().set_note("a", "one".into()).await.unwrap();
        engine.records().set_note("a", "two".into()).await.unwrap();
        assert_eq!(engine.records().note("a").await.unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(engine.records().note("b").await.unwrap(), None);
    });
}
