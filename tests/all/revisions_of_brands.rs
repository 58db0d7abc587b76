//! Orders that change, and what their brands may issue and owe (rules, 4, *Revisions*; partners, *Settlement*).

use serde_json::{Value, json};

use crate::{
    accounts::{block, club, order, refund, refused, save, usage},
    histories::run,
    settlement::close,
    support::{START, Shop},
};

fn revision(member: &str, id: &str, revision: u64, points: u64) -> Value {
    let mut body = order(member, id, points);
    body["revision"] = json!(revision);
    body
}

/// A brand's account of March as it was closed: points issued, and what it owes for them.
async fn issued_in_march(shop: &Shop) -> (Value, Value) {
    shop.at("2026-04-01T00:15:00+08:00");
    close(shop, "2026-03").await;
    let statement = shop.ok("GET", "/settlements/2026-03", Value::Null).await;
    let lines =
        statement["accounts"].as_array().unwrap().iter().flat_map(|of| of["lines"].as_array().unwrap());
    let issued = lines.into_iter().find(|line| line["line"] == "issued").unwrap();
    (issued["points"].clone(), issued["amount"].clone())
}

#[test]
fn what_a_revision_adds_is_within_the_limits_and_what_it_takes_frees_none() {
    run(async {
        let limits = json!([{"per": "day", "issue": 100}]);
        let shop = Shop::open(&club(&json!({ "limits": limits })), START).await;
        let member = shop.somebody().await;
        shop.ok("POST", "/earn-points", order(&member, "A", 60)).await;
        shop.ok("POST", "/earn-points", revision(&member, "A", 2, 90)).await;
        shop.ok("POST", "/earn-points", revision(&member, "A", 3, 10)).await;
        let no = refused(&shop, "409 brand_limit", "/earn-points", &revision(&member, "A", 4, 21)).await;
        assert_eq!(no.body["left"], 10);
        shop.ok("POST", "/earn-points", revision(&member, "A", 4, 20)).await;
        assert_eq!(usage(&shop).await["limits"][0]["issue"], json!({"total": 100, "used": 100, "left": 0}));
        shop.ok("POST", "/earn-points", revision(&member, "A", 5, 20)).await;
    });
}

#[test]
fn what_a_revision_adds_is_taken_from_blocks_and_goes_back_last_first() {
    run(async {
        let shop = Shop::open(&club(&json!({"issue_price": "0.10"})), START).await;
        let member = shop.somebody().await;
        let left = async || usage(&shop).await["blocks"].clone();
        let (first, second) =
            (|left| json!({"number": 1, "left": left}), |left| json!({"number": 2, "left": left}));
        // Ten points that the brand owes for, before it buys blocks.
        shop.ok("POST", "/earn-points", order(&member, "A", 10)).await;
        shop.ok("POST", "/earn-points", order(&member, "B", 0)).await;
        save(&shop, club(&json!({"issue_price": "0.30", "funding": {"mode": "prepaid"}}))).await;
        block(&shop, "one", 50).await;
        block(&shop, "two", 50).await;
        shop.ok("POST", "/earn-points", revision(&member, "A", 2, 80)).await;
        assert_eq!(left().await, json!([second(30)]));
        shop.ok("POST", "/earn-points", revision(&member, "A", 3, 65)).await;
        assert_eq!(left().await, json!([second(45)]));
        shop.ok("POST", "/earn-points", revision(&member, "B", 2, 45)).await;
        assert_eq!(left().await, json!([]));
        refused(&shop, "409 block_exhausted", "/earn-points", &revision(&member, "B", 3, 46)).await;
        shop.ok("POST", "/earn-points", revision(&member, "B", 3, 0)).await;
        assert_eq!(left().await, json!([second(45)]));
        // 5 of the second block, 50 of the first, and 5 that came from none.
        shop.ok("POST", "/reverse", refund("A", "60")).await;
        assert_eq!(left().await, json!([first(50), second(50)]));
        // 5 of the first ten are owed for, at the price of their time.
        assert_eq!(issued_in_march(&shop).await, (json!(5), json!("0.50")));
    });
}

#[test]
fn a_revision_has_the_price_of_its_orders_first_telling() {
    run(async {
        let says = |price: &str| {
            club(&json!({"issue_price": price, "funding": {"mode": "postpaid", "credit": "10.00"}}))
        };
        let shop = Shop::open(&says("0.10"), START).await;
        let member = shop.somebody().await;
        let left = async || usage(&shop).await["funding"]["credit"]["left"].clone();
        shop.ok("POST", "/earn-points", order(&member, "A", 50)).await;
        save(&shop, says("0.50")).await;
        shop.ok("POST", "/earn-points", revision(&member, "A", 2, 100)).await;
        assert_eq!(left().await, "0.00");
        refused(&shop, "409 credit_exhausted", "/earn-points", &revision(&member, "A", 3, 101)).await;
        shop.ok("POST", "/earn-points", revision(&member, "A", 3, 10)).await;
        assert_eq!(left().await, "9.00");
        shop.ok("POST", "/reverse", refund("A", "3")).await;
        assert_eq!(left().await, "9.30");
        assert_eq!(issued_in_march(&shop).await, (json!(7), json!("0.70")));
    });
}
