//! A store that answers late, not at all, or without the outcome of the commit.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    coalition::coalition,
    failing::{Failing, Trouble},
    support::{START, Shop, program},
};

/// Whether or not an unanswered commit happened, the answer is as if it was done once.
#[tokio::test]
async fn an_unknown_outcome_is_looked_up() {
    for trouble in [Trouble::DoneButUnknown, Trouble::LostAndUnknown] {
        let store = Arc::new(Failing::new());
        let shop = Shop::over(store.clone(), &coalition(), START).await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-0", "100").await;
        // A day's first sweep really forgets.
        shop.ok("POST", "/expire-points", json!({})).await;
        let order = json!({"member_id": member, "brand": "acme", "order_id": "A-1", "amount": "10"});
        let spent_on = json!({"kind": "order", "order_id": "B-1"});
        let redeem = json!({"member_id": member, "brand": "acme", "points": 30, "for": spent_on});
        let refund = json!({"brand": "acme", "order_id": "A-0", "refund": {"amount": "20"}});
        let person = json!({"brand": "acme", "identities": [{"kind": "external", "channel": "tests", "value": "new"}]});
        let code = format!("/members/{member}/link-code");
        for (path, body) in [
            ("/earn-points", order),
            ("/redeem", redeem),
            ("/reverse", refund),
            ("/register", person),
            ("/expire-points", json!({})),
            (code.as_str(), json!({"brand": "tea"})),
        ] {
            store.fails_with(trouble);
            let reply = shop.call_with("POST", path, &body, Some("k")).await;
            assert!(reply.status < 300, "{trouble:?} {path}: {}", reply.body);
            let again = shop.call_with("POST", path, &body, Some("k")).await;
            assert_eq!(again.bytes, reply.bytes, "{trouble:?} {path}");
        }
        // Without a key too: nobody else has this code.
        store.fails_with(trouble);
        shop.ok("POST", &code, json!({"brand": "tea"})).await;
        assert_eq!(shop.show(&member).await["points"]["available"], 100 + 10 - 30 - 20, "{trouble:?}");
        assert_eq!(shop.api.engine.records().member_ids(None, 10).await.unwrap().0.len(), 2, "{trouble:?}");
    }
}

/// A request without a key and without a natural name cannot be recognised: a retry could do it twice.
#[tokio::test]
async fn an_unknown_outcome_of_what_has_no_name_is_told_and_not_tried_again() {
    for (trouble, points) in [(Trouble::DoneButUnknown, 3), (Trouble::LostAndUnknown, 0)] {
        let store = Arc::new(Failing::new());
        let shop = Shop::over(store.clone(), &program(), START).await;
        let member = shop.somebody().await;
        store.fails_with(trouble);
        let review = json!({"member_id": member, "brand": "acme", "activity": "review"});
        shop.refused("503 store_unavailable", "POST", "/earn-points", review).await;
        assert_eq!(shop.show(&member).await["points"]["available"], points, "{trouble:?}");
    }
}

/// `busy` says that nothing was written. An instance that cannot look up an unknown outcome does not answer
/// it.
#[tokio::test]
async fn an_unknown_outcome_that_cannot_be_looked_up_is_not_called_nothing() {
    let store = Arc::new(Failing::new());
    let shop = Shop::over(store.clone(), &coalition(), START).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-0", "100").await;
    shop.linked(&member, "tea").await;
    let own = |rest: &str| format!("/members/{member}{rest}");
    let spent_on = json!({"kind": "order", "order_id": "B-1"});
    let redeem = json!({"member_id": member, "brand": "acme", "points": 30, "for": spent_on});
    let identity = |value: &str| json!({"kind": "external", "channel": "tests", "value": value});
    let person = json!({"brand": "acme", "identities": [identity("new")]});
    let block = json!({"points": 50, "price": "5", "reference": "PO-1"});
    let rows = [
        ("POST", "/redeem".to_owned(), redeem),
        ("POST", "/register".to_owned(), person),
        ("POST", "/partners/tea/blocks".to_owned(), block),
        ("POST", own("/link-code"), json!({"brand": "tea"})),
        ("PATCH", own(""), json!({"profile": {"name": "Li"}})),
        ("DELETE", own("/links/tea"), Value::Null),
        ("DELETE", own(""), Value::Null),
    ];
    for (method, path, body) in rows {
        store.fails_with(Trouble::DoneThenSilent);
        let reply = shop.call_with(method, &path, &body, Some("k")).await;
        assert_eq!(reply.verdict(), "503 store_unavailable", "{method} {path}: {}", reply.body);
        if path == "/redeem" {
            store.works();
            assert_eq!(shop.show(&member).await["points"]["available"], 70);
        }
        store.works();
        let again = shop.call_with(method, &path, &body, Some("k")).await;
        assert!(again.status < 300, "{method} {path}: {}", again.body);
        assert!(method != "POST" || again.replayed(), "{path} is done again: {}", again.body);
    }
}

/// Lost races end after a bounded number of attempts.
#[tokio::test]
async fn endless_races_are_given_up() {
    let store = Arc::new(Failing::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let member = shop.somebody().await;
    let before = (shop.snapshot().await, store.commits());
    store.fails_with(Trouble::AlwaysLate);
    let body = json!({"member_id": member, "brand": "acme", "order_id": "A-1", "amount": "10"});
    shop.refused("503 busy", "POST", "/earn-points", body).await;
    shop.refused("503 busy", "PATCH", &format!("/members/{member}"), json!({"profile": {"name": "x"}})).await;
    assert!(store.commits() - before.1 <= 200, "{} commits", store.commits());
    shop.at("2026-05-01T10:00:00+08:00");
    shop.refused("503 busy", "POST", "/settle", json!({"month": "2026-03"})).await;
    store.works();
    assert!(store.commits() - before.1 <= 350, "{} commits", store.commits());
    assert!(before.0 == shop.snapshot().await);
}

/// Reads continue while the store cannot write.
#[tokio::test]
async fn reads_need_no_commit() {
    let store = Arc::new(Failing::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    shop.at("2028-01-01T00:00:00+08:00");
    store.fails_with(Trouble::Unavailable);
    let commits = store.commits();
    assert_eq!(shop.show(&member).await["points"]["available"], 0);
    assert_eq!(shop.ledger(&member, 50).await.len(), 3);
    shop.ok("GET", "/program", Value::Null).await;
    shop.ok("GET", "/keys", Value::Null).await;
    let identity = json!({"kind": "external", "channel": "tests", "value": "somebody-1"});
    shop.ok("POST", "/members/find", json!({"identity": identity})).await;
    let body =
        json!({"member_id": member, "brand": "acme", "order_id": "A-2", "amount": "10", "dry_run": true});
    shop.ok("POST", "/earn-points", body).await;
    assert_eq!(store.commits(), commits);
}

/// One command has more effects than one commit holds: the effects of time are written first.
#[tokio::test]
async fn a_command_after_a_long_time_with_many_badges() {
    let mut program = program();
    let badge = |n: u32| json!({"id": format!("badge-{n}"), "when": {"fact": "orders.count", "op": ">=", "value": 1}});
    program["badges"] = (0..80).map(badge).collect();
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    for day in 1..=30 {
        let body = json!({"member_id": member, "brand": "acme", "points": 1, "reason": "r", "adjustment_id": format!("d{day}"),
                          "expires_at": format!("2026-04-{day:02}T00:00:00+08:00")});
        shop.ok("POST", "/adjust", body).await;
    }
    shop.at("2026-06-01T00:00:00+08:00");
    let earned = shop.earn(&member, "A-1", "600").await;
    assert_eq!(earned["badges_issued"].as_array().unwrap().len(), 80);
    let ledger = shop.ledger(&member, 200).await;
    assert_eq!(ledger.len(), 30 + 30 + 1 + 1 + 80, "adjustments, expiries, the order, the tier, badges");
    assert_eq!(shop.show(&member).await["points"]["available"], 600);
}
