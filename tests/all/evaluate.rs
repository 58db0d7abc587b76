//! What an order costs with offers, asked over HTTP: what is known of the member and of offers reaches the price, drafts
//! that are none are refused, and nothing is written. The arithmetic itself has tests of its own
//! (shared/domain/tests/prices).

use std::sync::Arc;

use domain::id::BrandId;
use edge::{Policy, Rates};
use serde_json::{Value, json};

use crate::{coalition::coalition, offers::coupon, support::Shop};

/// A draft of one line of tea for 100, with these fields beside.
fn draft(beside: Value) -> Value {
    let line = json!({"line_id": "1", "sku": "tea-1", "category": "tea", "quantity": 2, "amount": "100.00"});
    let mut draft = json!({"brand": "acme", "lines": [line]});
    draft.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    draft
}

/// A shop with offers of every kind that comes by itself or by a code.
async fn shop() -> Shop {
    let mut program = coalition();
    program["offers"] = json!({"max_discount_percent": "50"});
    program["points"]["pay"] = json!({"worth": "0.01", "max_percent": 50, "step": 10});
    let shop = Shop::open(&program, crate::support::START).await;
    let auto = |gives: Value, beside: Value| {
        let mut document = coupon("acme", json!({"how": "auto", "gives": gives, "stack": {"with": "all"}}));
        document.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        document
    };
    let price = |price: &str| json!({"discount": {"unit_price": price}});
    let percent = |percent: &str| json!({"discount": {"percent": percent}});
    let silver = json!({"fact": "tier", "op": ">=", "value": "silver"});
    let birthday = json!({"anniversary": {"of": "birthday", "before": 3, "after": 3}});
    let lounge = json!({"service": {"quantity": {"silver": 2}, "per": "month"}});
    let access = json!({"access": {"opens": {"silver": "2026-03-01T10:00", "everyone": "2026-04-01T10:00"}}});
    for (id, document) in [
        ("members", auto(price("45.00"), json!({"audience": silver}))),
        ("closed", auto(percent("10"), json!({"when": {"from": "2026-05-01T00:00"}}))),
        ("stopped", auto(percent("90"), json!({"suspended": true}))),
        ("birthday", auto(percent("20"), json!({"when": birthday}))),
        ("early", coupon("acme", json!({"how": "auto", "gives": access, "items": {"skus": ["new-1"]}}))),
        ("lounge", coupon("acme", json!({"how": "auto", "gives": lounge}))),
        (
            "spring",
            coupon(
                "acme",
                json!({"how": "code", "word": "SPRING20", "stack": {"with": "all"},
                                  "per_member": {"n": 1, "per": "ever"}}),
            ),
        ),
        ("none", coupon("acme", json!({"how": "code", "word": "NONELEFT", "uses": {"total": 0}}))),
        ("coupon", coupon("acme", json!({"how": "issue"}))),
    ] {
        shop.ok("PUT", &format!("/offers/{id}"), document).await;
    }
    shop
}

/// Somebody with that birthday who has bought for so much.
async fn somebody(shop: &Shop, birthday: &str, bought: &str) -> String {
    let identity = json!({"kind": "external", "channel": "tests", "value": shop.fresh().to_string()});
    let body = json!({"identities": [identity], "brand": "acme", "profile": {"birthday": birthday}});
    let member = shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned();
    shop.earn(&member, &format!("bought-{}", shop.fresh()), bought).await;
    member
}

/// An offer as it is told, in short: what it took, or why it did not.
fn told(offers: &Value) -> Vec<String> {
    let short = |told: &Value| {
        let name =
            ["grant", "code", "offer"].iter().find_map(|name| told[*name].as_str()).unwrap_or_default();
        let became = ["reason", "amount"].iter().find_map(|name| told[*name].as_str()).unwrap_or("applied");
        format!("{name} {became}")
    };
    offers.as_array().unwrap().iter().map(short).collect()
}

#[tokio::test]
async fn what_is_known_reaches_the_price() {
    let shop = shop().await;
    // The birthday is known since 60 days before it.
    let basic = somebody(&shop, "1990-05-03", "10").await;
    let silver = somebody(&shop, "1990-09-09", "600").await;
    let suspended = somebody(&shop, "1990-09-09", "600").await;
    let status = json!({"status": "suspended", "reason": "tests"});
    shop.ok("POST", &format!("/members/{suspended}/status"), status).await;
    shop.at("2026-03-31T10:00:00+08:00");
    let fresh = json!([{"line_id": "n", "sku": "new-1", "quantity": 1, "amount": "10.00"}]);
    type Row<'a> = (&'a str, Value, &'a [&'a str], &'a [&'a str], &'a str, (u64, u64));
    let rows: [Row<'_>; 9] = [
        ("a guest", json!({}), &[], &[], "100.00", (0, 0)),
        ("a member", json!({"member_id": basic}), &[], &[], "100.00", (200, 100)),
        ("of a tier", json!({"member_id": silver}), &["members 10.00"], &[], "90.00", (216, 90)),
        ("suspended", json!({"member_id": suspended}), &[], &[], "100.00", (0, 0)),
        (
            "codes of a member",
            json!({"member_id": basic, "codes": ["spring2o", "NONELEFT", "other"]}),
            &[],
            &["spring2o 5.00", "NONELEFT sold_out", "other code_not_usable"],
            "95.00",
            (190, 95),
        ),
        (
            "a code of a guest",
            json!({"codes": ["SPRING20"]}),
            &[],
            &["SPRING20 not_eligible"],
            "100.00",
            (0, 0),
        ),
        (
            "grants",
            json!({"member_id": silver, "grants": ["lounge", "coupon", "grt_01ARZ3NDEKTSV4RRFFQ69G5FAV"]}),
            &["members 10.00"],
            &["lounge applied", "coupon grant_not_found", "grt_01ARZ3NDEKTSV4RRFFQ69G5FAV grant_not_found"],
            "90.00",
            (216, 90),
        ),
        (
            "no quota",
            json!({"member_id": basic, "grants": ["lounge"]}),
            &[],
            &["lounge not_eligible"],
            "100.00",
            (200, 100),
        ),
        ("not yet", json!({"member_id": basic, "lines": fresh}), &[], &[], "0.00", (0, 0)),
    ];
    for (what, beside, offers, coupons, total, earns) in rows {
        let answer = shop.ok("POST", "/evaluate-order", draft(beside)).await;
        assert_eq!(told(&answer["offers"]), offers, "{what}: {answer}");
        assert_eq!(told(&answer["coupons"]), coupons, "{what}: {answer}");
        assert_eq!(answer["total"], total, "{what}: {answer}");
        let want = json!({"points": earns.0, "growth": earns.1});
        assert_eq!(answer["earns"], want, "{what}: {answer}");
    }
    shop.at("2026-05-02T10:00:00+08:00");
    let answer = shop.ok("POST", "/evaluate-order", draft(json!({"member_id": basic}))).await;
    assert_eq!(told(&answer["offers"]), ["birthday 20.00", "closed 8.00"], "{answer}");
}

#[tokio::test]
async fn what_is_no_draft_is_refused() {
    let shop = shop().await;
    let eleven: Vec<String> = (0..11).map(|number| format!("c{number}")).collect();
    let line = |id: &str, amount: &str| json!({"line_id": id, "quantity": 1, "amount": amount});
    for (beside, want) in [
        (json!({"grants": eleven}), "/grants wrong_count"),
        (json!({"grants": eleven[..6], "codes": eleven[..5]}), "/codes out_of_range"),
        (json!({"grants": ["a", "a"]}), "/grants/1 duplicate"),
        (json!({"codes": ["spring 20", "SPR1NG2O"]}), "/codes/1 duplicate"),
        (json!({"lines": [line("1", "1.00"), line("1", "2.00")]}), "/lines/1/line_id duplicate"),
        (json!({"lines": [line("1", "1.001")]}), "/lines/0/amount wrong_format"),
        (json!({"lines": [line("1", "-1.00")]}), "/lines/0/amount wrong_format"),
        (json!({"lines": []}), "/lines wrong_count"),
        (json!({"delivery": "1.001"}), "/delivery wrong_format"),
        (json!({"choose": "cheapest"}), "/choose wrong_format"),
        (json!({"points": "all"}), "/points wrong_type"),
    ] {
        let reply = shop.refused("422 invalid_field", "POST", "/evaluate-order", draft(beside)).await;
        assert_eq!(reply.faults(), [want]);
    }
    let nobody = json!({"member_id": "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    shop.refused("404 member_not_found", "POST", "/evaluate-order", draft(nobody)).await;
    shop.refused("404 brand_not_found", "POST", "/evaluate-order", draft(json!({"brand": "none"}))).await;
}

#[tokio::test]
async fn a_quote_is_of_its_draft_and_nothing_is_written() {
    let shop = shop().await;
    let member = somebody(&shop, "1990-09-09", "600").await;
    let before = shop.snapshot().await;
    let ask = async |beside: Value| shop.ok("POST", "/evaluate-order", draft(beside)).await;
    let named = |beside: Value| {
        let mut own = json!({"member_id": member});
        own.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        own
    };
    let acme: BrandId = "acme".parse().unwrap();
    let read =
        |answer: &Value| shop.api.secrets.read_quote(&acme, answer["quote"].as_str().unwrap()).unwrap();
    let first = ask(named(json!({"codes": ["SPRING20"], "points": "max"}))).await;
    assert_eq!(first["quote_until"], "2026-03-02T10:15:00+08:00");
    assert_eq!(first["points"], json!({"usable": 600, "worth": "6.00"}));
    let quote = read(&first);
    assert_eq!((quote.autos.len(), quote.coupons.len(), quote.until.0 - quote.at.0), (1, 1, 900_000));
    assert_eq!(
        read(&ask(named(json!({"choose": "best"}))).await).draft,
        quote.draft,
        "whatever is asked beside"
    );
    for other in [named(json!({"delivery": "1.00"})), named(json!({"channel": "web"})), json!({})] {
        let other = read(&ask(other).await);
        assert_ne!((other.member, other.draft), (quote.member, quote.draft), "another order, or another's");
    }
    assert!(before == shop.snapshot().await, "it wrote something");
}

#[tokio::test]
async fn a_partner_is_told_of_points_as_it_sees_balances() {
    let shop = shop().await;
    let member = somebody(&shop, "1990-09-09", "600").await;
    for (brand, want) in [("tea", json!({"usable": 600, "worth": "6.00"})), ("mute", Value::Null)] {
        let reference = shop.linked(&member, brand).await;
        let asked = json!({"brand": brand, "member_ref": reference, "points": "max"});
        let answer = shop.partner(brand, "/evaluate-order", draft(asked)).await;
        assert_eq!((answer.status, &answer.body["points"]), (200, &want), "{brand}");
    }
    // Whatever the programme says that it may: the use is what it may not.
    let asked = shop.partner("idle", "/evaluate-order", draft(json!({"brand": "idle"}))).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
}

#[tokio::test]
async fn codes_are_guessed_only_so_often() {
    let mut shop = shop().await;
    let policy = Policy { name: "code", quota: 4, window: std::time::Duration::from_secs(3_600) };
    Arc::get_mut(&mut shop.api).unwrap().codes = Rates::new(policy);
    let member = somebody(&shop, "1990-09-09", "10").await;
    let ask = async |client: &str, codes: Value| {
        let asked = json!({"member_id": member, "client": client, "codes": codes});
        shop.call("POST", "/evaluate-order", draft(asked)).await.status
    };
    for (client, codes, want) in [
        ("a", json!(["SPRING20"]), 200),
        ("a", json!(["SPRING20", "x1"]), 200),
        ("a", json!(["x2", "x3"]), 200),
        ("a", json!(["x4", "SPRING20"]), 429),
        ("b", json!(["x4", "SPRING20"]), 200),
        ("a", json!(["x5"]), 200),
        ("a", json!(["SPRING20"]), 429),
        ("a", json!([]), 200),
    ] {
        assert_eq!(ask(client, codes.clone()).await, want, "{client} {codes}");
    }
}
