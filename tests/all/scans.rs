//! What a scan of a member's card stands for: the member, for ten minutes, at `/use` and for what is claimed; and what it
//! stood for is answered for ever.

use serde_json::{Value, json};

use crate::{
    offers::coupon,
    support::{Reply, Shop},
};

/// When a scan of the start has ended.
const OVER: &str = "2026-03-02T10:10:00+08:00";

async fn scan(shop: &Shop, member: &str) -> String {
    let asked = json!({"token": shop.card(member).await, "brand": "acme", "spend": true});
    shop.ok("POST", "/scan", asked).await["scan_id"].as_str().unwrap().to_owned()
}

async fn issued(shop: &Shop, member: &str, offer: &str) {
    let issue = json!({"member_id": member, "offer": offer, "issue_id": "i", "reason": "tests"});
    assert_eq!(shop.call("POST", "/grants", issue).await.status, 201);
}

/// The body with these fields beside, or in place.
fn with(body: &Value, beside: Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    body
}

fn is_again(again: &Reply, first: &Reply) {
    assert!(again.replayed() && again.bytes == first.bytes, "{} after {}", again.body, first.body);
}

#[tokio::test]
async fn offers_are_used_by_a_scan() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    for (offer, beside) in [
        ("coupon", json!({"how": "issue"})),
        ("lounge", json!({"how": "issue", "gives": {"service": {"quantity": 3}}})),
    ] {
        shop.ok("PUT", &format!("/offers/{offer}"), coupon("acme", beside)).await;
        issued(&shop, &member, offer).await;
    }
    let scan = scan(&shop, &member).await;
    let line = json!({"line_id": "1", "quantity": 1, "amount": "20.00"});
    let order =
        json!({"scan_id": scan, "brand": "acme", "order_id": "U-1", "lines": [line], "grants": ["coupon"]});
    let visit = json!({"scan_id": scan, "brand": "acme", "use_id": "V-1", "grants": ["lounge"]});
    for (beside, want) in [
        (json!({"member_id": member}), "422 invalid_field"),
        (json!({"identity": {"kind": "phone", "value": "138 0013 8000"}}), "422 invalid_field"),
        (json!({"brand": "bean"}), "404 card_token_invalid"),
        (json!({"scan_id": "scn_AAAA"}), "404 card_token_invalid"),
    ] {
        let reply = shop.call("POST", "/use", with(&order, beside.clone())).await;
        assert_eq!(reply.verdict(), want, "{beside}: {}", reply.body);
    }
    shop.at("2026-03-02T10:09:59+08:00");
    let (used, visited) =
        (shop.call("POST", "/use", order.clone()).await, shop.call("POST", "/use", visit.clone()).await);
    assert_eq!((used.status, &used.body["saved"]), (200, &json!("5.00")), "{}", used.body);
    assert_eq!((visited.status, &visited.body["grants"][0]["left"]), (200, &json!(2)), "{}", visited.body);
    // Whoever is named by the id is the same, and so is the use.
    let mut by_id = with(&order, json!({"member_id": member}));
    by_id.as_object_mut().unwrap().remove("scan_id");
    is_again(&shop.call("POST", "/use", by_id).await, &used);

    shop.at(OVER);
    is_again(&shop.call("POST", "/use", order.clone()).await, &used);
    is_again(&shop.call("POST", "/use", visit.clone()).await, &visited);
    for (body, want) in [
        (with(&order, json!({"order_id": "U-2"})), "404 card_token_invalid"),
        (with(&visit, json!({"use_id": "V-2"})), "404 card_token_invalid"),
        (with(&order, json!({"delivery": "1.00"})), "409 order_conflict"),
        (with(&order, json!({"revision": 2})), "404 card_token_invalid"),
    ] {
        shop.refused(want, "POST", "/use", body).await;
    }
}

/// What was set aside by a scan is made final by it while the hold lasts, and taken anew by no scan that has ended.
#[tokio::test]
async fn what_a_scan_set_aside_is_made_final() {
    let shop = Shop::coalition().await;
    let beside = json!({"how": "issue", "hold_minutes": 30});
    shop.ok("PUT", "/offers/coupon", coupon("acme", beside)).await;
    let line = json!({"line_id": "1", "quantity": 1, "amount": "20.00"});
    let mut held = Vec::new();
    for order in ["U-1", "U-2"] {
        let member = shop.somebody().await;
        issued(&shop, &member, "coupon").await;
        let scan = scan(&shop, &member).await;
        let order = json!({"scan_id": scan, "brand": "acme", "order_id": order, "lines": [line], "grants": ["coupon"]});
        let told = shop.ok("POST", "/use", with(&order, json!({"hold": true}))).await;
        assert_eq!((&told["state"], &told["until"]), (&json!("held"), &json!("2026-03-02T10:30:00+08:00")));
        held.push(order);
    }
    shop.at("2026-03-02T10:29:59+08:00");
    let last = shop.call("POST", "/use", held[0].clone()).await;
    assert_eq!((last.status, &last.body["state"]), (200, &json!("used")), "{}", last.body);
    shop.at("2026-03-02T10:30:00+08:00");
    is_again(&shop.call("POST", "/use", held[0].clone()).await, &last);
    shop.refused("409 hold_expired", "POST", "/use", held[1].clone()).await;
    let retaken = with(&held[1], json!({"retake": true}));
    shop.refused("404 card_token_invalid", "POST", "/use", retaken).await;
}

/// What was claimed by a scan is answered again under its `claim_id`, or its key, for ever.
#[tokio::test]
async fn what_a_scan_claimed_is_answered_for_ever() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    shop.ok("PUT", "/offers/cake", coupon("acme", json!({"per_member": {"n": 9, "per": "ever"}}))).await;
    let scan = scan(&shop, &member).await;
    let claim = |beside: Value| {
        let of = with(&json!({"kind": "reward", "offer_id": "cake"}), beside);
        json!({"scan_id": scan, "brand": "acme", "for": of})
    };
    let named = claim(json!({"claim_id": "c-1"}));
    let first = shop.call("POST", "/redeem", named.clone()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let by_key = shop.call_with("POST", "/redeem", &claim(json!({})), Some("k-1")).await;
    assert_eq!(by_key.status, 200, "{}", by_key.body);

    shop.at(OVER);
    is_again(&shop.call("POST", "/redeem", named.clone()).await, &first);
    is_again(&shop.call_with("POST", "/redeem", &claim(json!({})), Some("k-1")).await, &by_key);
    for (body, want) in [
        (claim(json!({"claim_id": "c-2"})), "404 card_token_invalid"),
        (claim(json!({})), "404 card_token_invalid"),
        (claim(json!({"claim_id": "c-1", "offer_id": "none"})), "404 card_token_invalid"),
        (claim(json!({"claim_id": "c-1", "quantity": 2})), "409 id_conflict"),
    ] {
        shop.refused(want, "POST", "/redeem", body).await;
    }
    let grant = first.body["grant"]["id"].as_str().unwrap();
    shop.ok("POST", "/reverse", json!({"grant_id": grant})).await;
    shop.refused("409 already_cancelled", "POST", "/redeem", named).await;
}
