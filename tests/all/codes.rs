//! Codes 券码 (rewards.md, 6): those of others, which an offer hands out, each once, whatever races, and never in the clear;
//! and printed ones.

use std::{collections::BTreeSet, sync::Arc};

use engine::{keys::kind, memory::MemoryStore, store::Store};
use serde_json::{Value, json};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};

use crate::support::{ADMIN_KEY, Reply, START, Shop, program};

/// A film ticket whose codes are somebody else's, for so many points; for none it is claimed.
pub(crate) fn film(points: u64) -> Value {
    let mut document = json!({"brand": "acme", "name": {"zh": "电影票", "en": "Film"}, "how": "claim",
        "gives": {"item": {"sku": "film"}}, "stock": {"codes": true}});
    if points > 0 {
        document["how"] = json!("buy");
        document["price"] = json!({"points": points});
    }
    document
}

/// What has codes that are printed: 5 off.
pub(crate) fn by_code() -> Value {
    json!({"brand": "acme", "name": {"zh": "券", "en": "Coupon"}, "how": "code",
        "gives": {"discount": {"amount": "5.00"}}})
}

fn batch(id: &str, codes: &[String]) -> Value {
    json!({"batch_id": id, "codes": codes})
}

fn codes(from: usize, count: usize) -> Vec<String> {
    (from..from + count).map(|number| format!("FILM-{number:04}")).collect()
}

fn claim(member: &str, claim: &str) -> Value {
    let of = json!({"kind": "reward", "offer_id": "film", "claim_id": claim});
    json!({"member_id": member, "brand": "acme", "for": of})
}

async fn left(shop: &Shop) -> Value {
    shop.ok("GET", "/offers/film", Value::Null).await["left"]["stock"].clone()
}

/// Three batches of unlike sizes, over the bounds of the records in which they stand: all are handed out in order, and then
/// none is left, before a point is taken.
#[tokio::test]
async fn codes_are_handed_out_in_order_until_none_is_left() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1000").await;
    shop.ok("PUT", "/offers/film", film(2)).await;
    shop.refused("409 sold_out", "POST", "/redeem", claim(&member, "c")).await;
    for (id, from, count) in [("b1", 0, 49), ("b2", 49, 2), ("b3", 51, 60)] {
        let added = shop.ok("POST", "/offers/film/stock", batch(id, &codes(from, count))).await;
        assert_eq!((&added, left(&shop).await), (&json!({"added": count}), json!(from + count)));
    }
    let before = shop.show(&member).await["points"]["available"].as_u64().unwrap();
    for (number, want) in codes(0, 111).iter().enumerate() {
        let name = format!("c-{number}");
        let bought = shop.ok("POST", "/redeem", claim(&member, &name)).await;
        assert_eq!(bought["grant"]["code"], **want);
        assert_eq!(bought["grant"]["state"], "used");
        if number == 70 {
            let again = shop.call("POST", "/redeem", claim(&member, &name)).await;
            assert!(again.replayed() && again.body == bought, "{}", again.body);
        }
    }
    shop.refused("409 sold_out", "POST", "/redeem", claim(&member, "c")).await;
    assert_eq!(left(&shop).await, 0);
    assert_eq!(shop.show(&member).await["points"]["available"].as_u64().unwrap(), before - 222);
    let held = shop.ok("GET", &format!("/members/{member}/grants?limit=200"), Value::Null).await;
    let held =
        held["grants"].as_array().unwrap().iter().map(|grant| grant["code"].as_str().unwrap().to_owned());
    assert_eq!(held.collect::<Vec<_>>(), codes(0, 111));
}

#[tokio::test]
async fn what_is_put_in_is_checked() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let mut plain = film(0);
    plain.as_object_mut().unwrap().remove("stock");
    shop.ok("PUT", "/offers/plain", plain).await;
    shop.ok("PUT", "/offers/film", film(0)).await;
    let two = batch("b1", &codes(0, 2));
    for (path, body, want, faults) in [
        ("/offers/none/stock", two.clone(), "404 offer_not_found", vec![]),
        ("/offers/plain/stock", two.clone(), "422 invalid_field", vec!["/codes wrong_value"]),
        ("/offers/film/stock", two.clone(), "200", vec![]),
        ("/offers/film/stock", two.clone(), "200", vec![]),
        ("/offers/film/stock", batch("b1", &codes(0, 3)), "409 id_conflict", vec![]),
        (
            "/offers/film/stock",
            json!({"batch_id": "b2", "codes": ["A", "B", "A"]}),
            "422 invalid_field",
            vec!["/codes/2 duplicate"],
        ),
        ("/offers/film/stock", batch("b2", &[]), "422 invalid_field", vec!["/codes wrong_count"]),
        (
            "/offers/film/stock",
            batch("b2", &codes(0, 1_001)),
            "422 invalid_field",
            vec!["/codes wrong_count"],
        ),
    ] {
        let reply = shop.call("POST", path, body.clone()).await;
        assert_eq!(
            (reply.verdict().as_str(), reply.faults()),
            (want, faults.iter().map(ToString::to_string).collect()),
            "{path} {body}"
        );
    }
    assert_eq!(left(&shop).await, 2);
    // One piece alone; a dry run hands nothing out, and staff may.
    let mut two_pieces = claim(&member, "two");
    two_pieces["for"]["quantity"] = json!(2);
    let reply = shop.refused("422 invalid_field", "POST", "/redeem", two_pieces).await;
    assert_eq!(reply.faults(), ["/for/quantity wrong_value"]);
    let issue = |dry_run: bool, quantity: u32| json!({"member_id": member, "offer": "film", "reason": "r", "quantity": quantity, "dry_run": dry_run});
    let dry = shop.ok("POST", "/grants", issue(true, 1)).await;
    assert_eq!((&dry["grant"]["code"], left(&shop).await), (&Value::Null, json!(2)));
    let reply = shop.refused("422 invalid_field", "POST", "/grants", issue(false, 2)).await;
    assert_eq!(reply.faults(), ["/quantity wrong_value"]);
    let issued = shop.ok("POST", "/grants", issue(false, 1)).await;
    assert_eq!((&issued["grant"]["code"], left(&shop).await), (&json!("FILM-0000"), json!(1)));
}

/// Of 16 who claim and two who fill at once, each code is one's.
async fn race(shop: Arc<Shop>, store: &str) {
    shop.ok("PUT", "/offers/film", film(0)).await;
    shop.ok("POST", "/offers/film/stock", batch("b0", &codes(0, 9))).await;
    let mut asked = Vec::new();
    for number in 0..16 {
        asked.push(("/redeem", claim(&shop.member(&format!("m{number}")).await, "c")));
    }
    asked.extend((1..3).map(|n| ("/offers/film/stock", batch(&format!("b{n}"), &codes(n * 100, 60)))));
    let start = Arc::new(tokio::sync::Barrier::new(asked.len()));
    let calls = asked.into_iter().map(|(path, body)| {
        let (shop, start) = (shop.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            shop.call_as(ADMIN_KEY, "POST", path, &body, None).await
        })
    });
    let mut replies: Vec<Reply> = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        replies.push(call.await.unwrap());
    }
    let mut handed_out: Vec<String> =
        replies.iter().filter_map(|reply| Some(reply.body["grant"]["code"].as_str()?.to_owned())).collect();
    let count = handed_out.len();
    assert!(count >= 9, "{store}: {replies:?}");
    let rest = left(&shop).await.as_u64().unwrap();
    assert_eq!(rest, 9 + 120 - count as u64, "{store}");
    // What is left comes out whole.
    let member = shop.somebody().await;
    for number in 0..rest {
        let bought = shop.ok("POST", "/redeem", claim(&member, &format!("r-{number}"))).await;
        handed_out.push(bought["grant"]["code"].as_str().unwrap().to_owned());
    }
    let all: BTreeSet<String> = handed_out.iter().cloned().collect();
    let put_in = [codes(0, 9), codes(100, 60), codes(200, 60)].concat();
    assert_eq!((all.len(), all), (handed_out.len(), put_in.into_iter().collect()), "{store}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_handed_out_twice_on_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap());
    race(Arc::new(Shop::over(store, &program(), START).await), "embedded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_handed_out_twice_on_a_table() {
    let Some(local) = Local::shared() else { return };
    let store: Arc<dyn Store> = Arc::new(local.store().await.expect("a table"));
    race(Arc::new(Shop::over(store, &program(), START).await), "table").await;
}

/// Neither the stock nor the ledger holds a code in the clear.
#[tokio::test]
async fn no_code_is_stored_in_the_clear() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let member = shop.somebody().await;
    shop.ok("PUT", "/offers/film", film(0)).await;
    shop.ok("POST", "/offers/film/stock", batch("b1", &codes(7, 3))).await;
    assert_eq!(shop.ok("POST", "/redeem", claim(&member, "c")).await["grant"]["code"], "FILM-0007");
    let mut looked_at = 0;
    for kind in [kind::STOCK, kind::GRANT] {
        for (key, record) in store.scan(kind.range(), 100).await.unwrap() {
            looked_at += 1;
            assert!(!record.value.windows(5).any(|some| some == b"FILM-"), "{key:?}");
        }
    }
    assert_eq!(looked_at, 4, "the pool, the codes, the batch, the grant");
}

/// Prints so many codes of the offer `paper`, each for so many uses.
async fn printed(shop: &Shop, id: &str, count: usize, quantity: u32) -> Vec<String> {
    let body = json!({"count": count, "batch_id": id, "quantity": quantity});
    let reply = shop.call("POST", "/offers/paper/codes", body).await;
    assert_eq!(
        (reply.status, reply.header("content-type").starts_with("text/csv")),
        (200, true),
        "{}",
        reply.body
    );
    let text = std::str::from_utf8(&reply.bytes).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    assert_eq!(lines.next().as_deref(), Some("code"));
    lines.collect()
}

fn spending(order: &str, code: &str) -> Value {
    let line = json!({"line_id": "1", "quantity": 1, "amount": "20.00"});
    json!({"brand": "acme", "order_id": order, "lines": [line], "codes": [code]})
}

/// A printed code is used as often as it says, by whoever types it; a hold keeps it from others.
#[tokio::test]
async fn a_printed_code_is_used_as_often_as_it_says() {
    let shop = Shop::usual().await;
    shop.ok("PUT", "/offers/paper", by_code()).await;
    let codes = printed(&shop, "b1", 120, 1).await;
    assert_eq!((codes.len(), codes.iter().collect::<BTreeSet<_>>().len()), (120, 120));
    assert_eq!(printed(&shop, "b1", 120, 1).await, codes, "the same batch again");
    let other = json!({"count": 121, "batch_id": "b1", "quantity": 1});
    shop.refused("409 id_conflict", "POST", "/offers/paper/codes", other).await;
    let twice = printed(&shop, "b2", 1, 2).await;

    let (first, second) = (&codes[0], &codes[119]);
    shop.ok("POST", "/use", spending("A-1", &first.to_lowercase().replace('-', " "))).await;
    let reason = async |order: &str, code: &str| {
        let reply = shop.refused("409 grant_not_usable", "POST", "/use", spending(order, code)).await;
        reply.body["reasons"][0]["reason"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(reason("A-2", first).await, "used");
    let mut held = spending("A-3", second);
    held["hold"] = json!(true);
    shop.ok("POST", "/use", held).await;
    assert_eq!(reason("A-4", second).await, "held");
    shop.ok("POST", "/use", spending("A-3", second)).await;
    shop.ok("POST", "/use", spending("A-5", &twice[0])).await;
    shop.ok("POST", "/use", spending("A-6", &twice[0])).await;
    assert_eq!(reason("A-7", &twice[0]).await, "used");
    // What comes back of a use may be used again.
    shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-6", "use": "all"})).await;
    let told = shop.ok("GET", "/offers/paper/codes", Value::Null).await;
    let used = |place: usize| told["batches"][place]["used"].as_u64();
    assert_eq!((used(0), used(1)), (Some(2), Some(1)));
    let revoked = shop.ok("POST", "/offers/paper/codes/b2/revoke", json!({"reason": "r"})).await;
    assert!(revoked["revoked"].is_string());
    for wrong in [&twice[0], "7K2P-9Q4M-X0VD-3ETC"] {
        assert_eq!(reason("A-8", wrong).await, "code_not_usable", "{wrong}");
    }
}
