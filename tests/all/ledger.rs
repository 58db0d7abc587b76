//! The ledger: its fields, its order, its pages, what is due and not yet written, and that it adds up.

use std::collections::BTreeMap;

use domain::member::MemberId;
use engine::{ChainPlace, Error, Place, keys};
use serde_json::{Value, json};

use crate::support::{START, Shop, program};

/// A member with every kind of event, some by time alone.
async fn lively(shop: &Shop) -> String {
    let member = shop.somebody().await;
    let lines = json!([
        {"line_id": "1", "sku": "s", "category": "tea", "quantity": 3, "amount": "100"},
        {"line_id": "2", "category": "gift_card", "quantity": 1, "amount": "50"},
    ]);
    let listed = json!({"member_id": member, "brand": "acme", "order_id": "L-1", "lines": lines});
    shop.ok("POST", "/earn-points", listed).await;
    shop.earn(&member, "A-1", "700.00").await;
    for day in ["2026-03-02", "2026-03-03", "2026-03-04"] {
        shop.at(&format!("{day}T11:00:00+08:00"));
        shop.ok(
            "POST",
            "/earn-points",
            json!({"member_id": member, "brand": "bean", "activity": "check_in"}),
        )
        .await;
    }
    let redeemed = shop.redeem(&member, "R-1", 300).await["redemption_id"].clone();
    shop.redeem(&member, "R-2", 120).await;
    shop.ok(
        "POST",
        "/reverse",
        json!({"brand": "acme", "order_id": "L-1", "refund": {"lines": [{"line_id": "1", "quantity": 1}]}}),
    )
    .await;
    shop.ok("POST", "/reverse", json!({"redemption_id": redeemed})).await;
    shop.ok(
        "POST",
        "/issue-badge",
        json!({"member_id": member, "badge": "founder", "reason": "here from the start"}),
    )
    .await;
    let adjust = json!({"member_id": member, "brand": "acme", "points": 40, "growth": -3, "reason": "sorry", "adjustment_id": "d-1", "expires_at": "2026-06-01T00:00:00+08:00"});
    shop.ok("POST", "/adjust", adjust).await;
    // Everything is refunded: more than there is, which makes debt.
    shop.redeem(&member, "R-3", 600).await;
    shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-1", "refund": "all"})).await;
    shop.earn(&member, "A-2", "1000").await;
    member
}

/// The sums of the ledger are the member's figures.
fn adds_up(member: &Value, newest_first: &[Value]) {
    let whole = |value: &Value| value.as_i64().unwrap();
    let points = &member["points"];
    let balance = whole(&points["available"]) + whole(&points["held"]) - whole(&points["debt"]);
    assert_eq!(newest_first.iter().map(|entry| whole(&entry["points"])).sum::<i64>(), balance);
    assert_eq!(
        newest_first.iter().map(|entry| whole(&entry["growth"])).sum::<i64>(),
        whole(&member["growth"])
    );
    let mut running = 0;
    for (index, entry) in newest_first.iter().rev().enumerate() {
        running += whole(&entry["points"]);
        assert_eq!(
            (whole(&entry["seq"]), whole(&entry["balance_after"])),
            (index as i64 + 1, running),
            "{entry}"
        );
    }
    let mut lots: BTreeMap<(String, String), i64> = BTreeMap::new();
    let name = |lot: &Value| (lot["expires_at"].to_string(), lot["brand"].to_string());
    for lot in newest_first.iter().flat_map(|entry| entry["lots"].as_array().unwrap()) {
        *lots.entry(name(lot)).or_default() += whole(&lot["points"]);
    }
    for lot in points["lots"].as_array().unwrap() {
        *lots.entry(name(lot)).or_default() -= whole(&lot["points"]);
    }
    assert!(lots.values().all(|rest| *rest == 0), "by lot: {lots:?}");
}

#[tokio::test]
async fn everything_adds_up() {
    let shop = Shop::usual().await;
    let member = lively(&shop).await;
    let id = edge::wire::read_member_id(&member).unwrap();
    for instant in [
        "2026-03-04T11:00:00+08:00",
        "2026-06-01T00:00:00+08:00",
        "2027-03-02T00:00:00+08:00",
        "2028-01-01T00:00:00+08:00",
        "2031-01-01T00:00:00+08:00",
    ] {
        shop.at(instant);
        adds_up(&shop.show(&member).await, &shop.ledger(&member, 200).await);
        assert_eq!(
            shop.api.engine.ledger().audit_member(id).await.unwrap().differences,
            Vec::<String>::new()
        );
    }
    let kinds: std::collections::BTreeSet<String> = shop
        .ledger(&member, 200)
        .await
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect();
    let want =
        ["activity", "adjust", "badge", "earn", "expire", "redeem", "reverse_earn", "reverse_redeem", "tier"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), want);
}

#[tokio::test]
async fn pages_cover_everything_once() {
    let shop = Shop::usual().await;
    let member = lively(&shop).await;
    for instant in ["2026-03-04T11:00:00+08:00", "2031-01-01T00:00:00+08:00"] {
        shop.at(instant);
        let whole = shop.ledger(&member, 200).await;
        for limit in [1, 2, 3, 7, whole.len(), 50] {
            assert_eq!(shop.ledger(&member, limit).await, whole, "limit {limit} at {instant}");
        }
    }
}

/// A due entry is shown before it is written: with its id and everything else that it has afterwards, except
/// the moment of recording. A cursor still works after it is written.
#[tokio::test]
async fn due_entries_keep_their_ids() {
    let shop = Shop::usual().await;
    let member = lively(&shop).await;
    shop.at("2031-01-01T00:00:00+08:00");
    let due = shop.ledger(&member, 200).await;
    let unwritten = due.iter().filter(|entry| entry["recorded_at"].is_null()).count();
    assert!(unwritten >= 3, "{due:?}");
    assert!(due[..unwritten].iter().all(|entry| entry["recorded_at"].is_null()), "what is due is newest");
    let page = shop.ok("GET", &format!("/members/{member}/ledger?limit=1"), Value::Null).await;
    let swept = shop.ok("POST", "/evaluate-tier", json!({"member_id": member})).await;
    assert_eq!((&swept["members"], &swept["done"]), (&json!(1), &json!(true)));
    let mut written = shop.ledger(&member, 200).await;
    for entry in &mut written[..unwritten] {
        assert_eq!(entry["recorded_at"], "2031-01-01T00:00:00+08:00");
        assert_eq!(entry["by"], "time");
        entry["recorded_at"] = Value::Null;
    }
    assert_eq!(written, due);
    let path = format!("/members/{member}/ledger?limit=200&cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = shop.ok("GET", &path, Value::Null).await;
    assert_eq!(rest["entries"].as_array().unwrap().len(), due.len() - 1);
    assert_eq!(shop.ok("POST", "/evaluate-tier", json!({"member_id": member})).await["members"], 0);
}

/// A page continues from an existing place, even if its entry is due and not yet written.
#[tokio::test]
async fn a_made_up_place_is_none_of_the_ledger() {
    let shop = Shop::usual().await;
    let id = edge::wire::read_member_id(&lively(&shop).await).unwrap();
    shop.at("2031-01-01T00:00:00+08:00");
    let (engine, now) = (&shop.api.engine, shop.api.clock.now());
    let written = engine.records().member(id).await.unwrap().unwrap().member.seq;
    let top = engine.ledger().entries(id, None, 200, now).await.unwrap().0[0].entry.seq;
    assert!(top > written + 1);
    let other = MemberId([9; 16]);
    for (seq, key, is_there) in [
        (top, keys::entry(id, top), true),
        (written + 1, keys::entry(id, written + 1), true),
        (top, keys::entry(id, top - 1), false),
        (top, keys::entry(other, top), false),
        (top + 1, keys::entry(id, top + 1), false),
        (written + 1, keys::member(id), false),
        (written, keys::member(id), false),
        (written, keys::entry(other, written), false),
    ] {
        let place = Place { chains: vec![ChainPlace { member: None, seq, key: key.as_bytes().to_vec() }] };
        let page = engine.ledger().entries(id, Some(place), 1, now).await;
        match page {
            Ok((entries, _)) => assert!(is_there && entries[0].entry.seq == seq, "{seq} {key:?}"),
            Err(Error::ForeignPlace) => assert!(!is_there, "{seq} {key:?}"),
            Err(error) => panic!("{seq} {key:?}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn fields_of_entries() {
    let shop = Shop::usual().await;
    let (till, key) = shop.caller(&["storefront"], Some("acme")).await;
    let member = shop.somebody().await;
    let earn = json!({"member_id": member, "brand": "acme", "order_id": "A-1", "amount": "88.50", "occurred_at": "2026-03-01T23:00:00.123Z"});
    let earned = shop.call_as(&key, "POST", "/earn-points", &earn, None).await.body;
    let want = json!({
        "id": earned["entry"]["id"], "seq": 1, "kind": "earn", "points": 88, "growth": 88,
        "lots": [{"expires_at": "2028-01-01T00:00:00+08:00", "brand": "acme", "points": 88}],
        "brand": "acme", "order_id": "A-1", "redemption_id": null, "by": till,
        "occurred_at": "2026-03-02T07:00:00.123+08:00", "recorded_at": START, "balance_after": 88, "program_version": 1,
    });
    assert_eq!(earned["entry"], want);
    let want = json!({"entry": want, "granted": 88, "calculated": 88, "upgraded_to": null, "badges_issued": ["first_order"],
                      "boosts": [], "referral": null,
                      "balance": {"available": 88, "held": 0, "debt": 0}, "tier": "basic", "growth": 88});
    assert_eq!(earned, want);
    let redeemed = shop.redeem(&member, "R-1", 8).await;
    let want = json!({
        "entry": {
            "id": redeemed["entry"]["id"], "seq": 3, "kind": "redeem", "points": -8, "growth": 0,
            "lots": [{"expires_at": "2028-01-01T00:00:00+08:00", "brand": "acme", "points": -8}],
            "brand": "acme", "order_id": "R-1", "redemption_id": redeemed["redemption_id"], "by": "key_00000000000000000000000000",
            "occurred_at": START, "recorded_at": START, "balance_after": 80, "program_version": 1,
        },
        "redemption_id": redeemed["redemption_id"], "balance": {"available": 80, "held": 0, "debt": 0}, "tier": "basic", "growth": 88,
    });
    assert_eq!(redeemed, want);
    let badge = &shop.ledger(&member, 50).await[1];
    assert_eq!(
        (&badge["kind"], &badge["badge"], &badge["points"]),
        (&json!("badge"), &json!("first_order"), &json!(0))
    );
    let refunded = shop
        .ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "10.00"}}))
        .await;
    assert_eq!(
        (&refunded["taken"], &refunded["debt"], &refunded["entry"]["growth"]),
        (&json!(10), &json!(0), &json!(-10))
    );
    let cancelled = shop.ok("POST", "/reverse", json!({"redemption_id": redeemed["redemption_id"]})).await;
    assert_eq!(
        (&cancelled["restored"], &cancelled["entry"]["redemption_id"]),
        (&json!(8), &redeemed["redemption_id"])
    );
    assert!(cancelled.get("taken").is_none() && refunded.get("restored").is_none());
    adds_up(&shop.show(&member).await, &shop.ledger(&member, 50).await);
}

/// Held points are in the balance and cannot be spent; the ledger does not distinguish holds.
#[tokio::test]
async fn held_points() {
    let mut program = program();
    program["points"]["hold_days"] = json!(7);
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    let spent =
        json!({"member_id": member, "brand": "acme", "points": 1, "for": {"kind": "order", "order_id": "R"}});
    let reply = shop.refused("409 insufficient_points", "POST", "/redeem", spent.clone()).await;
    assert_eq!(reply.body["available"], 0);
    let lot = &shop.show(&member).await["points"]["lots"][0];
    assert_eq!(lot["held_until"], "2026-03-09T10:00:00+08:00");
    adds_up(&shop.show(&member).await, &shop.ledger(&member, 50).await);
    shop.at("2026-03-09T09:59:59.999+08:00");
    shop.refused("409 insufficient_points", "POST", "/redeem", spent.clone()).await;
    shop.at("2026-03-09T10:00:00+08:00");
    shop.ok("POST", "/redeem", spent).await;
}

/// At its end a thing is over; a millisecond before, it is not.
#[tokio::test]
async fn points_end_at_their_instant() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    shop.at("2027-12-31T23:59:59.999+08:00");
    assert_eq!(shop.show(&member).await["points"]["available"], 100);
    shop.at("2028-01-01T00:00:00+08:00");
    assert_eq!(shop.show(&member).await["points"]["available"], 0);
    let swept = shop.ok("POST", "/expire-points", json!({"as_of": "2027-12-31T23:59:59.999+08:00"})).await;
    assert_eq!((&swept["members"], &swept["points_expired"]), (&json!(0), &json!(0)));
    let swept = shop.ok("POST", "/expire-points", json!({})).await;
    assert_eq!(
        (&swept["members"], &swept["points_expired"], &swept["done"]),
        (&json!(1), &json!(100), &json!(true))
    );
}
