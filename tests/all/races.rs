//! Many at once on the real store: each thing is done once, and nothing is spent twice.
//!
//! `LAUREL_RACES` says how many rounds of 64 race for one balance on each store (2 unless given).

use std::{env, sync::Arc};

use serde_json::{Value, json};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};

use crate::support::{Reply, START, Shop, program};

async fn real() -> (tempfile::TempDir, Arc<Shop>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap());
    let shop = Shop::over(store, &program(), START).await;
    (folder, Arc::new(shop))
}

/// Sends all bodies at once, each with its key.
async fn all_at_once(
    shop: &Arc<Shop>,
    path: &'static str,
    bodies: Vec<(Value, Option<String>)>,
) -> Vec<Reply> {
    let start = Arc::new(tokio::sync::Barrier::new(bodies.len()));
    let calls = bodies.into_iter().map(|(body, key)| {
        let (shop, start) = (shop.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            shop.call_with("POST", path, &body, key.as_deref()).await
        })
    });
    let mut replies = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        replies.push(call.await.unwrap());
    }
    replies
}

fn count(replies: &[Reply], verdict: &str) -> usize {
    replies.iter().filter(|reply| reply.verdict() == verdict).count()
}

fn order(member: &str, order_id: &str, amount: &str) -> Value {
    json!({"member_id": member, "brand": "acme", "order_id": order_id, "amount": amount})
}

/// Rounds of 64 redemptions of a whole balance: one succeeds in each, and one caller learns of it.
async fn spend_a_balance_once(shop: &Arc<Shop>, store: &str) {
    let rounds = env::var("LAUREL_RACES").map_or(2, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let member = shop.member(&format!("member {round}")).await;
        shop.earn(&member, &format!("A-{round}"), "100").await;
        let bodies = (0..64).map(|n| {
            let name = format!("B-{round}-{n}");
            let spent_on = json!({"kind": "order", "order_id": name});
            let body = json!({"member_id": member, "brand": "acme", "points": 100, "for": spent_on});
            // Every second one has a key too, so that both ways of recognition race.
            (body, (n % 2 == 0).then_some(name))
        });
        let replies = all_at_once(shop, "/redeem", bodies.collect()).await;
        let (done, short) = (count(&replies, "200"), count(&replies, "409 insufficient_points"));
        assert_eq!((done, short), (1, 63), "round {round}");
        assert_eq!(shop.show(&member).await["points"]["available"], 0, "round {round}");
        let ledger = shop.ledger(&member, 50).await.len();
        assert_eq!(ledger, 3, "round {round}: the order, its badge and one redemption");
    }
    println!("{}", json!({"store": store, "rounds_of_64": rounds, "violations": 0}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_balance_is_spent_once() {
    let (_folder, shop) = real().await;
    spend_a_balance_once(&shop, "embedded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_balance_is_spent_once_on_a_table() {
    let Some(local) = Local::shared() else { return };
    let shop = Shop::over(Arc::new(local.store().await.expect("a table")), &program(), START).await;
    spend_a_balance_once(&Arc::new(shop), "table").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_earns_are_one() {
    let (_folder, shop) = real().await;
    for keyed in [false, true] {
        let member = shop.somebody().await;
        let id = format!("A-{keyed}");
        let bodies = (0..16).map(|_| (order(&member, &id, "88.50"), keyed.then(|| id.clone())));
        let replies = all_at_once(&shop, "/earn-points", bodies.collect()).await;
        assert_eq!(count(&replies, "200"), 16);
        assert!(replies.iter().all(|reply| reply.bytes == replies[0].bytes), "answers differ");
        assert_eq!(replies.iter().filter(|reply| !reply.replayed()).count(), 1, "one is the first");
        assert_eq!(shop.show(&member).await["points"]["available"], 88);
        assert_eq!(shop.ledger(&member, 50).await.len(), 2, "one order and its badge");
    }
}

/// One order sent with different amounts: one of them counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unequal_earns_of_one_order_conflict() {
    let (_folder, shop) = real().await;
    let member = shop.somebody().await;
    let bodies = (0..16).map(|n| (order(&member, "A-1", &format!("{}", 10 + n)), None));
    let replies = all_at_once(&shop, "/earn-points", bodies.collect()).await;
    assert_eq!((count(&replies, "200"), count(&replies, "409 order_conflict")), (1, 15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_phone_is_one_member() {
    let (_folder, shop) = real().await;
    let forms = ["138 0013 8000", "13800138000", "+8613800138000", "138-0013-8000"];
    let bodies = (0..16).map(|n| {
        let phone = json!({"kind": "phone", "value": forms[n % forms.len()]});
        (json!({"brand": "acme", "identities": [phone]}), Some(format!("k{n}")))
    });
    let replies = all_at_once(&shop, "/register", bodies.collect()).await;
    assert_eq!((count(&replies, "201"), count(&replies, "200")), (1, 15));
    assert!(replies.iter().all(|reply| reply.body["member"]["id"] == replies[0].body["member"]["id"]));
    assert_eq!(shop.api.engine.records().member_ids(None, 10).await.unwrap().0.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn earns_of_one_member_all_land() {
    let (_folder, shop) = real().await;
    let member = shop.somebody().await;
    let bodies = (1..=64).map(|n| (order(&member, &format!("A-{n}"), &n.to_string()), None));
    let replies = all_at_once(&shop, "/earn-points", bodies.collect()).await;
    assert_eq!(count(&replies, "200"), 64);
    let shown = shop.show(&member).await;
    assert_eq!((&shown["stats"]["orders"], &shown["stats"]["amount"]), (&json!(64), &json!("2080.00")));
    assert_eq!(shown["growth"], 2080);
    let granted: u64 = replies.iter().map(|reply| reply.body["granted"].as_u64().unwrap()).sum();
    assert_eq!(shown["points"]["available"], granted);
    let ledger = shop.ledger(&member, 50).await;
    let sum: i64 = ledger.iter().map(|entry| entry["points"].as_i64().unwrap()).sum();
    assert_eq!(sum.unsigned_abs(), granted);
    let id = edge::wire::read_member_id(&member).unwrap();
    let found = shop.api.engine.ledger().audit_member(id).await.unwrap();
    assert_eq!(found.differences, Vec::<String>::new());
}

/// Refunds of one order, all at once: together never more than it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refunds_never_take_more_than_was_given() {
    let (_folder, shop) = real().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    let bodies =
        (0..16).map(|_| (json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "9"}}), None));
    let replies = all_at_once(&shop, "/reverse", bodies.collect()).await;
    assert_eq!((count(&replies, "200"), count(&replies, "409 over_refund")), (11, 5));
    assert_eq!(shop.show(&member).await["points"]["available"], 1);
}

/// A sweep runs into commands: each change is written once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sweeps_and_commands_meet() {
    let (_folder, shop) = real().await;
    let mut members = Vec::new();
    for n in 0..8 {
        let member = shop.somebody().await;
        shop.earn(&member, &format!("A-{n}"), "100").await;
        members.push(member);
    }
    shop.at("2028-01-01T00:00:00+08:00");
    let sweeps = all_at_once(&shop, "/expire-points", vec![(json!({}), None); 4]);
    let bodies =
        members.iter().enumerate().map(|(n, member)| (order(member, &format!("B-{n}"), "7"), None)).collect();
    let (sweeps, earns) = tokio::join!(sweeps, all_at_once(&shop, "/earn-points", bodies));
    assert_eq!((count(&sweeps, "200"), count(&earns, "200")), (4, 8));
    for member in &members {
        assert_eq!(shop.show(member).await["points"]["available"], 7);
        let ledger = shop.ledger(member, 50).await;
        let expired = ledger.iter().filter(|entry| entry["kind"] == "expire").count();
        assert_eq!(expired, 1, "{ledger:?}");
    }
}
