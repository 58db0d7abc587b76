//! Badges that staff takes back (rule 8), and the growth of the tier's period as a fact (rule 9).

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{START, Shop, program},
};

async fn badges(shop: &Shop, member: &str) -> Vec<String> {
    let shown = shop.show(member).await["badges"].clone();
    let ids = shown.as_array().unwrap().iter().map(|badge| badge["id"].as_str().unwrap().to_owned());
    ids.collect()
}

async fn take(shop: &Shop, member: &str, badge: &str) -> String {
    let path = format!("/members/{member}/badges/{badge}?reason=a%20mistake");
    shop.call("DELETE", &path, Value::Null).await.verdict()
}

async fn audited(shop: &Shop, member: &str) {
    let id = edge::wire::read_member_id(member).unwrap();
    let found = shop.api.engine.ledger().audit_member(id).await.unwrap();
    assert_eq!(found.differences, Vec::<String>::new());
}

#[test]
fn a_badge_that_was_taken_back_is_issued_by_hand_only_and_stands_last() {
    run(async {
        let shop = Shop::usual().await;
        let member = shop.somebody().await;
        assert_eq!(take(&shop, &member, "first_order").await, "404 badge_not_found");
        shop.earn(&member, "A-1", "10").await;
        shop.ok("POST", "/issue-badge", json!({"member_id": member, "badge": "founder"})).await;
        assert_eq!(badges(&shop, &member).await, ["first_order", "founder"]);
        assert_eq!(take(&shop, &member, "first_order").await, "200");
        let entry = shop.ledger(&member, 1).await[0].clone();
        let want = json!({"kind": "badge", "badge": "first_order", "taken_back": true, "reason": "a mistake",
            "points": 0, "growth": 0, "lots": []});
        for (field, value) in want.as_object().unwrap() {
            assert_eq!(entry[field], *value, "{entry}");
        }
        // A second time there is nothing to take, and no rule issues it again.
        assert_eq!(take(&shop, &member, "first_order").await, "404 badge_not_found");
        assert_eq!(shop.earn(&member, "A-2", "10").await["badges_issued"], json!([]));
        assert_eq!(badges(&shop, &member).await, ["founder"]);
        shop.ok("POST", "/issue-badge", json!({"member_id": member, "badge": "first_order"})).await;
        assert_eq!(badges(&shop, &member).await, ["founder", "first_order"]);
        audited(&shop, &member).await;
    });
}

/// Whom and what staff may take it from: members who have left, and badges that the programme no longer has.
#[test]
fn what_was_issued_can_always_be_taken_back() {
    run(async {
        let shop = Shop::usual().await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", "10").await;
        let mut next = program();
        next["badges"] = json!([]);
        shop.ok("PUT", "/program", next).await;
        let closed = json!({"status": "closed", "reason": "r"});
        shop.ok("POST", &format!("/members/{member}/status"), closed).await;
        assert_eq!(take(&shop, &member, "first_order").await, "200");
        assert_eq!(badges(&shop, &member).await, Vec::<String>::new());
        audited(&shop, &member).await;
        let nobody = "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV";
        assert_eq!(take(&shop, nobody, "first_order").await, "404 member_not_found");
        assert_eq!(take(&shop, &member, "not%20one").await, "404 badge_not_found");
        for (query, want) in [
            ("reason=%zz", "422 invalid_field"),
            ("reason=%FF", "422 invalid_field"),
            ("reason=a%0Ab", "422 invalid_field"),
            ("why=r", "422 invalid_field"),
            (&format!("reason={}", "x".repeat(501)), "422 invalid_field"),
            (&format!("reason={}", "%E8%AF%AF".repeat(500)), "404 badge_not_found"),
            ("reason=", "404 badge_not_found"),
            ("", "404 badge_not_found"),
        ] {
            let path = format!("/members/{member}/badges/first_order?{query}");
            assert_eq!(shop.call("DELETE", &path, Value::Null).await.verdict(), want, "{query}");
        }
    });
}

/// It starts at 0 with the tier, and badges are judged after the tier has risen.
#[test]
fn the_growth_of_the_period_is_a_fact() {
    run(async {
        let mut document = program();
        document["badges"] =
            json!([{"id": "keen", "when": {"fact": "period_growth", "op": ">=", "value": 300}}]);
        let shop = Shop::open(&document, START).await;
        let member = shop.somebody().await;
        for (order, amount, period, badges) in [
            ("A-1", "299", 299, json!([])),
            // It raises the tier.
            ("A-2", "201", 0, json!([])),
            ("A-3", "299", 299, json!([])),
            ("A-4", "1", 300, json!(["keen"])),
        ] {
            assert_eq!(shop.earn(&member, order, amount).await["badges_issued"], badges, "{order}");
            assert_eq!(shop.show(&member).await["period_growth"], period, "{order}");
        }
    });
}
