//! What is told of uses of offers beside their answers: events of what is set aside and let go, the order that uses them,
//! and entries from which whoever folds them knows what was given and taken.

use std::sync::Arc;

use engine::memory::MemoryStore;
use serde_json::{Value, json};
use store_dynamodb::Metered;

use crate::{
    coalition::coalition,
    histories::run,
    offers::coupon,
    support::{START, Shop},
    told_persons::{end, told_since},
};

/// A shop with a gift that is issued, 15 off, and a lounge that everybody may visit twice a month, worth 30; and somebody
/// who has two gifts.
async fn shop() -> (Shop, String, Vec<String>) {
    let shop = Shop::open(&coalition(), START).await;
    let gift = json!({"how": "issue", "gives": {"discount": {"amount": "15.00"}}, "valid": {"days": 30},
        "where": {"brands": ["acme", "tea"]}});
    shop.ok("PUT", "/offers/gift", coupon("acme", gift)).await;
    let lounge = json!({"how": "auto", "gives": {"service": {"quantity": 2, "per": "month"}}, "settle": "30.00",
        "uses": {"total": 9}});
    shop.ok("PUT", "/offers/lounge", coupon("acme", lounge)).await;
    let member = shop.somebody().await;
    let mut grants = Vec::new();
    for issue in ["i-1", "i-2"] {
        let body = json!({"member_id": member, "offer": "gift", "issue_id": issue, "reason": "r"});
        let issued = shop.ok("POST", "/grants", body).await;
        grants.push(issued["grant"]["id"].as_str().unwrap().to_owned());
    }
    (shop, member, grants)
}

/// A use of those coupons for an order of tea, 2 for 88.50, and cake for 39.90, with these fields beside.
fn used(member: &str, order: &str, grants: &[&str], beside: Value) -> Value {
    let mut body = json!({"member_id": member, "brand": "acme", "order_id": order, "grants": grants, "lines": [
        {"line_id": "1", "sku": "tea-1", "category": "tea", "quantity": 2, "amount": "88.50"},
        {"line_id": "2", "sku": "cake", "quantity": 1, "amount": "39.90"}]});
    body.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    body
}

fn let_go(order: &str) -> Value {
    json!({"brand": "acme", "order_id": order, "use": "all"})
}

fn kinds(told: &[(String, Value, Value)]) -> Vec<&str> {
    told.iter().map(|(kind, ..)| kind.as_str()).collect()
}

#[tokio::test]
async fn what_is_set_aside_and_let_go_is_told() {
    let (shop, member, grants) = shop().await;
    let from = end(&shop).await;
    let hold = used(&member, "A-1", &[&grants[0], "lounge"], json!({"hold": true}));
    let held = shop.ok("POST", "/use", hold.clone()).await;
    shop.ok("POST", "/use", hold.clone()).await;
    let lounge = held["grants"].as_array().unwrap().iter().find(|own| own["offer"] == "lounge").unwrap();
    let mut dry = used(&member, "A-2", &[&grants[1]], json!({"hold": true}));
    dry["dry_run"] = json!(true);
    shop.ok("POST", "/use", dry).await;
    let about = json!({"order_id": "A-1", "grants": [grants[0], lounge["id"]], "offers": ["gift", "lounge"]});
    let mut want = about.clone();
    want["until"] = held["until"].clone();
    assert_eq!(want["until"], "2026-03-02T10:15:00+08:00");
    let event = ("grant.held".to_owned(), json!(member), want);
    assert_eq!(
        told_since(&shop, &from, None).await,
        std::slice::from_ref(&event),
        "once, however often it is told"
    );
    assert_eq!(told_since(&shop, &from, Some("bean")).await, [event], "the house hears of it");
    assert_eq!(told_since(&shop, &from, Some("tea")).await, [], "and no partner");

    let from = end(&shop).await;
    shop.ok("POST", "/reverse", let_go("A-1")).await;
    let released = ("grant.released".to_owned(), json!(member), about);
    assert_eq!(told_since(&shop, &from, None).await, [released]);
    assert_eq!(told_since(&shop, &from, Some("tea")).await, []);

    // The same at the same moment, and made final: what was held is used, and nothing is let go.
    let from = end(&shop).await;
    shop.ok("POST", "/use", hold).await;
    shop.ok("POST", "/use", used(&member, "A-1", &[&grants[0], "lounge"], json!({}))).await;
    let told = told_since(&shop, &from, None).await;
    assert_eq!(kinds(&told), ["grant.held", "grant.used"]);
    assert_eq!(told[1].2["kind"], "use");
}

/// What ends by itself is written by nobody, and nothing is told of it; taken anew it is held anew.
#[tokio::test]
async fn nothing_is_told_of_what_ends_by_itself() {
    let (shop, member, grants) = shop().await;
    let hold = used(&member, "A-1", &[&grants[0]], json!({"hold": true}));
    shop.ok("POST", "/use", hold.clone()).await;
    let from = end(&shop).await;
    shop.at("2026-03-02T10:20:00+08:00");
    shop.ok("GET", &format!("/members/{member}/grants"), Value::Null).await;
    assert_eq!(told_since(&shop, &from, None).await, []);
    let mut anew = hold.clone();
    anew["retake"] = json!(true);
    shop.ok("POST", "/use", anew).await;
    let told = told_since(&shop, &from, None).await;
    assert_eq!(kinds(&told), ["grant.held"]);
    assert_eq!(told[0].2["until"], "2026-03-02T10:35:00+08:00");
    // Let go after its end, it had ended already.
    shop.at("2026-03-02T10:40:00+08:00");
    let from = end(&shop).await;
    shop.ok("POST", "/reverse", let_go("A-1")).await;
    assert_eq!(told_since(&shop, &from, None).await, []);
}

/// A price that everybody has sets nothing aside; told and let go at one moment it stays what it is.
#[tokio::test]
async fn where_nothing_is_set_aside_nothing_is_told() {
    let (shop, member, _) = shop().await;
    let price = json!({"how": "auto", "gives": {"discount": {"percent": "10"}}});
    shop.ok("PUT", "/offers/price", coupon("acme", price)).await;
    let from = end(&shop).await;
    for _ in 0..2 {
        shop.ok("POST", "/use", used(&member, "A-1", &[], json!({"hold": true}))).await;
        shop.ok("POST", "/reverse", let_go("A-1")).await;
    }
    assert_eq!(told_since(&shop, &from, None).await, []);
}

/// A guest has no grants: what is set aside for it is nobody's.
#[tokio::test]
async fn of_guests_nothing_is_told() {
    let (shop, ..) = shop().await;
    shop.ok("PUT", "/offers/word", crate::offers::of_word("SPRING20")).await;
    let from = end(&shop).await;
    let mut hold = used("", "A-1", &[], json!({"hold": true, "codes": ["SPRING20"]}));
    hold.as_object_mut().unwrap().retain(|name, _| name != "member_id" && name != "grants");
    shop.ok("POST", "/use", hold).await;
    shop.ok("POST", "/reverse", let_go("A-1")).await;
    assert_eq!(told_since(&shop, &from, None).await, []);
}

/// A grant, the use and the note: two write units each.
#[test]
fn a_hold_costs_six_write_units() {
    let meter = Arc::new(Metered::new(Arc::new(MemoryStore::new())));
    run(async {
        let shop = Shop::over(meter.clone(), &coalition(), START).await;
        let gift = json!({"how": "issue", "gives": {"discount": {"amount": "15.00"}}});
        shop.ok("PUT", "/offers/gift", coupon("acme", gift)).await;
        let member = shop.somebody().await;
        let body = json!({"member_id": member, "offer": "gift", "issue_id": "i", "reason": "r"});
        shop.ok("POST", "/grants", body).await;
        meter.take();
        shop.ok("POST", "/use", used(&member, "A-1", &["gift"], json!({"hold": true}))).await;
        assert_eq!(meter.take_cost().write_units, 6);
        shop.ok("POST", "/reverse", let_go("A-1")).await;
        assert!(meter.take_cost().write_units <= 6);
    });
}

async fn found(shop: &Shop, order: &str) -> Value {
    shop.ok("POST", "/orders/find", json!({"brand": "acme", "order_id": order})).await["use"].clone()
}

/// The answer of a use, as far as the order shows it too.
fn as_found(answer: &Value, quantities: &[(u64, u64)]) -> Value {
    let mut want = answer.clone();
    for (line, (all, gone)) in want["lines"].as_array_mut().unwrap().iter_mut().zip(quantities) {
        line["quantity"] = json!(all);
        if *gone > 0 {
            line["returned"] = json!(gone);
        }
    }
    if want.get("revision").is_none() {
        want["revision"] = json!(1);
    }
    want.as_object_mut().unwrap().remove("back");
    want
}

#[tokio::test]
async fn an_order_shows_what_it_uses() {
    let (shop, member, grants) = shop().await;
    shop.earn(&member, "A-1", "113.40").await;
    assert_eq!(found(&shop, "A-1").await, Value::Null);
    let hold = used(&member, "A-1", &[&grants[0]], json!({"hold": true}));
    let held = shop.ok("POST", "/use", hold.clone()).await;
    assert_eq!(found(&shop, "A-1").await, as_found(&held, &[(2, 0), (1, 0)]));
    assert_eq!((&held["state"], &held["entry"]), (&json!("held"), &Value::Null));
    shop.at("2026-03-02T10:15:00+08:00");
    assert_eq!(found(&shop, "A-1").await, Value::Null, "it has ended");
    let mut anew = hold;
    (anew["retake"], anew["hold"]) = (json!(true), json!(false));
    let first = shop.ok("POST", "/use", anew).await;
    assert_eq!(found(&shop, "A-1").await, as_found(&first, &[(2, 0), (1, 0)]));
    let part =
        json!({"brand": "acme", "order_id": "A-1", "use": {"lines": [{"line_id": "1", "quantity": 1}]}});
    shop.ok("POST", "/reverse", part).await;
    assert_eq!(found(&shop, "A-1").await, as_found(&first, &[(2, 1), (1, 0)]));
    let second = shop.ok("POST", "/use", used(&member, "A-1", &[&grants[1]], json!({"revision": 2}))).await;
    assert_eq!(second["total"], "113.40");
    assert_eq!(found(&shop, "A-1").await, as_found(&second, &[(2, 0), (1, 0)]));
    let back = shop.ok("POST", "/reverse", let_go("A-1")).await;
    let mut want = as_found(&second, &[(2, 2), (1, 1)]);
    (want["state"], want["grants"]) = (json!("returned"), back["grants"].clone());
    assert_eq!(found(&shop, "A-1").await, want);
}

/// The newest entry of a kind, without what all entries have.
async fn entry(shop: &Shop, member: &str, kind: &str) -> Value {
    let ledger = shop.ledger(member, 200).await;
    let mut entry = ledger.iter().find(|own| own["kind"] == kind).unwrap().clone();
    let common = [
        "id",
        "seq",
        "kind",
        "points",
        "growth",
        "lots",
        "brand",
        "redemption_id",
        "by",
        "occurred_at",
        "recorded_at",
        "balance_after",
        "program_version",
    ];
    entry.as_object_mut().unwrap().retain(|name, _| !common.contains(&name.as_str()));
    entry
}

#[tokio::test]
async fn entries_say_what_was_taken_and_given() {
    let (shop, member, grants) = shop().await;
    let issued = entry(&shop, &member, "grant").await;
    let grant = json!({"version": 1, "source": "issue", "pieces": 1, "quantity": 1, "left": 1,
        "valid_from": START, "valid_until": "2026-04-01T00:00:00+08:00"});
    assert_eq!(
        issued,
        json!({"order_id": null, "grant_id": grants[1], "offer": "gift", "grant": grant, "reason": "r"})
    );

    let first = shop.ok("POST", "/use", used(&member, "A-1", &[&grants[0], "lounge"], json!({}))).await;
    let lounge = first["grants"].as_array().unwrap().iter().find(|own| own["offer"] == "lounge").unwrap();
    let gift = |grant: &str| json!({"offer": "gift", "version": 1, "grant_id": grant, "pieces": 1, "uses": 1, "amount": "15.00"});
    let visit = json!({"offer": "lounge", "version": 1, "grant_id": lounge["id"], "pieces": 1, "uses": 1, "amount": "30.00"});
    let taken = json!({"order_id": "A-1", "use_id": null, "revision": 1, "total": "113.40", "saved": "15.00",
        "offers": [gift(&grants[0]), visit]});
    assert_eq!(entry(&shop, &member, "use").await, taken);

    // Half of the tea comes back: 15.00 were 10.34 of the tea, and a half of that is 5.17. No grant comes back.
    let part =
        json!({"brand": "acme", "order_id": "A-1", "use": {"lines": [{"line_id": "1", "quantity": 1}]}});
    let back = shop.ok("POST", "/reverse", part).await;
    let given = |offer: &str, amount: &str| json!({"offer": offer, "version": 1, "amount": amount});
    assert_eq!(back["lines"][0]["discounts"], json!([{"offer": "gift", "amount": "5.17"}]));
    let partly =
        json!({"order_id": "A-1", "use_id": null, "offers": [], "returned": [given("gift", "5.17")]});
    assert_eq!(entry(&shop, &member, "reverse_use").await, partly);

    // Told anew with another grant: what the telling before had given, as far as it had not come back, and what of what
    // this one takes was taken then.
    shop.ok("POST", "/use", used(&member, "A-1", &[&grants[1], "lounge"], json!({"revision": 2}))).await;
    let anew = entry(&shop, &member, "use").await;
    assert_eq!(anew["revision"], 2);
    assert_eq!(anew["offers"], json!([gift(&grants[1]), visit]));
    assert_eq!(anew["returned"], json!([given("gift", "9.83"), given("lounge", "30.00")]));
    let had = anew["had"].as_array().unwrap();
    assert!(had.contains(&visit), "{anew}");

    shop.ok("POST", "/reverse", let_go("A-1")).await;
    let whole = entry(&shop, &member, "reverse_use").await;
    assert_eq!(whole["offers"], json!([gift(&grants[1]), visit]));
    assert_eq!(whole["returned"], json!([given("gift", "15.00"), given("lounge", "30.00")]));

    let visit = json!({"brand": "acme", "use_id": "door-7", "member_id": member, "grants": ["lounge"]});
    shop.ok("POST", "/use", visit).await;
    let own = entry(&shop, &member, "use").await;
    assert_eq!((&own["order_id"], &own["use_id"]), (&Value::Null, &json!("door-7")));

    let grant = format!("/grants/{}/revoke", grants[0]);
    shop.ok("POST", &grant, json!({"reason": "mistake"})).await;
    let revoked = json!({"pieces": 1, "left": 1, "valid_until": "2026-04-01T00:00:00+08:00"});
    let want = json!({"order_id": null, "grant_id": grants[0], "offer": "gift", "grant": revoked, "reason": "mistake"});
    assert_eq!(entry(&shop, &member, "revoke").await, want);
}

/// A partner hears that something was used at it, and of no offer, which may be another brand's.
#[tokio::test]
async fn a_partner_is_told_of_no_offer() {
    let (shop, member, grants) = shop().await;
    shop.linked(&member, "tea").await;
    let from = end(&shop).await;
    let mut at_tea = used(&member, "T-1", &[&grants[0]], json!({}));
    at_tea["brand"] = json!("tea");
    shop.ok("POST", "/use", at_tea).await;
    let told = told_since(&shop, &from, Some("tea")).await;
    assert_eq!(kinds(&told), ["grant.used"]);
    let names: Vec<&str> = told[0].2.as_object().unwrap().keys().map(String::as_str).collect();
    let mut want =
        ["id", "kind", "points", "brand", "order_id", "redemption_id", "occurred_at", "recorded_at"];
    want.sort_unstable();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, want);
    assert_eq!(told_since(&shop, &from, None).await[0].2["offers"][0]["grant_id"], json!(grants[0]));
}
