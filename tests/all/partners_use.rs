//! Partners use offers (rewards.md, 5; partners.md): by the reference, for their own brand, told as far as they see; and
//! take back what they used themselves, also once the link has ended.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    coalition::coalition,
    offers::coupon,
    support::{Reply, START, Shop},
};

/// Partners of the house's offers: one that sees everything, and one that sees nothing.
const PARTNERS: [(&str, bool); 2] = [("tea", true), ("mute", false)];

/// Everything that a partner is told of an entry.
const OF_AN_ENTRY: [&str; 8] =
    ["brand", "id", "kind", "occurred_at", "order_id", "points", "recorded_at", "redemption_id"];

/// A shop whose offers are used at partners.
async fn shop() -> Shop {
    let shop = Shop::open(&coalition(), START).await;
    let used = json!({"brands": ["tea", "mute", "idle"]});
    for (id, beside) in [
        ("coupon", json!({"how": "issue", "where": used})),
        ("lounge", json!({"how": "issue", "where": used, "gives": {"service": {"quantity": 3}}})),
        ("spring", json!({"how": "code", "where": used, "word": "SPRING20"})),
    ] {
        shop.ok("PUT", &format!("/offers/{id}"), coupon("acme", beside)).await;
    }
    shop
}

/// Somebody who has a coupon and a lounge, and the brand's reference to them.
async fn linked(shop: &Shop, brand: &str) -> (String, String) {
    let member = shop.somebody().await;
    for offer in ["coupon", "lounge"] {
        let issue = json!({"member_id": member, "offer": offer, "issue_id": "i", "reason": "tests"});
        assert_eq!(shop.call("POST", "/grants", issue).await.status, 201);
    }
    let reference = shop.linked(&member, brand).await;
    (member, reference)
}

/// Two pieces for 20 at that brand, with these fields beside.
fn order(brand: &str, order_id: &str, beside: Value) -> Value {
    let line = json!({"line_id": "1", "quantity": 2, "amount": "20.00"});
    let mut order = json!({"brand": brand, "order_id": order_id, "lines": [line]});
    order.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    order
}

fn with_coupon(brand: &str, reference: &str, order_id: &str) -> Value {
    order(brand, order_id, json!({"member_ref": reference, "grants": ["coupon"]}))
}

/// What a partner is told has no more of the member than it may see.
fn is_a_partners_view(reply: &Reply, member: &str) {
    let text = reply.body.to_string();
    for never in ["\"seq\"", "\"growth\"", "\"balance\"", "\"lots\"", "\"via\"", member] {
        assert!(!text.contains(never), "{never}: {text}");
    }
    if let Some(entry) = reply.body["entry"].as_object() {
        let told: BTreeSet<&str> = entry.keys().map(String::as_str).collect();
        assert_eq!(told, BTreeSet::from(OF_AN_ENTRY), "{text}");
    }
}

#[tokio::test]
async fn a_partner_uses_offers_of_linked_members() {
    let shop = shop().await;
    for (brand, sees) in PARTNERS {
        let (member, reference) = linked(&shop, brand).await;
        let mut asked = with_coupon(brand, &reference, "U-1");
        asked["hold"] = json!(true);
        let held = shop.partner(brand, "/use", asked.clone()).await;
        assert_eq!((held.status, &held.body["state"]), (200, &json!("held")), "{}", held.body);
        assert_eq!(held.body["entry"], Value::Null);
        is_a_partners_view(&held, &member);
        asked.as_object_mut().unwrap().remove("hold");
        let used = shop.call_partner(brand, "POST", "/use", &asked, Some("u-1")).await;
        assert_eq!((&used.body["state"], &used.body["total"]), (&json!("used"), &json!("15.00")), "{brand}");
        assert_eq!(used.body["entry"]["order_id"], "U-1");
        is_a_partners_view(&used, &member);
        // By its key, and by its order.
        for key in [Some("u-1"), None] {
            let again = shop.call_partner(brand, "POST", "/use", &asked, key).await;
            assert!(again.replayed() && again.bytes == used.bytes, "{brand} {key:?}: {}", again.body);
        }
        let grant = |left: u64, state: &str, id: &Value, offer: &str| {
            let mut grant = json!({"id": id, "offer": offer, "state": state});
            if sees {
                grant["left"] = json!(left);
            }
            json!([grant])
        };
        let told = &used.body["grants"];
        assert_eq!(told, &grant(0, "used", &told[0]["id"], "coupon"), "{brand}");
        let visit = json!({"brand": brand, "use_id": "V-1", "member_ref": reference, "grants": ["lounge"]});
        let visit = shop.partner_ok(brand, "/use", visit).await;
        let told = &visit["grants"];
        assert_eq!(told, &grant(2, "granted", &told[0]["id"], "lounge"), "{brand}");

        let mut spent = with_coupon(brand, &reference, "U-2");
        spent["grants"] = json!([used.body["grants"][0]["id"]]);
        let again = shop.partner(brand, "/use", spent).await;
        assert_eq!(again.verdict(), "409 grant_not_usable");
        assert_eq!(again.body["reasons"][0]["reason"], "used", "as an evaluation tells it: {}", again.body);

        shop.unlink(&member, brand).await;
        for key in [Some("u-1"), None] {
            let ended = shop.call_partner(brand, "POST", "/use", &asked, key).await;
            assert_eq!(ended.verdict(), "404 member_not_found", "{brand} {key:?}");
        }
    }
}

#[tokio::test]
async fn a_partner_uses_what_it_may_and_for_nobody_else() {
    let shop = shop().await;
    let (member, reference) = linked(&shop, "tea").await;
    let of = |field: &str, value: &str| {
        let mut body = with_coupon("tea", &reference, "U-1");
        body.as_object_mut().unwrap().remove("member_ref");
        body[field] = json!(value);
        body
    };
    let unknown = of("member_ref", "lnk_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    for (who, body, want) in [
        ("tea", of("member_id", &member), "422 invalid_field"),
        ("tea", unknown, "404 member_not_found"),
        ("mute", with_coupon("mute", &reference, "U-1"), "404 member_not_found"),
        ("mute", with_coupon("tea", &reference, "U-1"), "403 forbidden"),
        ("idle", with_coupon("idle", &reference, "U-1"), "403 forbidden"),
    ] {
        let reply = shop.partner(who, "/use", body.clone()).await;
        assert_eq!(reply.verdict(), want, "{who}: {body}: {}", reply.body);
    }
    let by_house = shop.call("POST", "/use", with_coupon("acme", &reference, "U-1")).await;
    assert_eq!(by_house.verdict(), "422 invalid_field", "a reference is its partner's");
    // A guest's order: a code alone.
    let guest = order("tea", "U-1", json!({"codes": ["SPRING20"]}));
    let used = shop.partner_ok("tea", "/use", guest.clone()).await;
    assert_eq!((&used["saved"], &used["entry"]), (&json!("5.00"), &Value::Null));
    let back = json!({"brand": "tea", "order_id": "U-1", "use": "all"});
    let back = shop.partner_ok("tea", "/reverse", back).await;
    assert_eq!((&back["state"], &back["entry"]), (&json!("returned"), &Value::Null));
    assert_eq!(shop.partner("tea", "/use", guest).await.verdict(), "409 already_cancelled");
}

/// Lines that are not open to the member are told as an evaluation tells them.
#[tokio::test]
async fn a_partner_is_told_which_lines_are_blocked() {
    let shop = shop().await;
    let (_, reference) = linked(&shop, "mute").await;
    let gives = json!({"access": {"opens": {"gold": "2026-03-01T10:00"}}});
    let early = json!({"how": "auto", "gives": gives, "where": {"brands": ["mute"]}});
    shop.ok("PUT", "/offers/early", coupon("acme", early)).await;
    let asked = order("mute", "U-1", json!({"member_ref": reference}));
    let blocked = json!([{"line_id": "1", "offer": "early", "opens_at": null}]);
    let refused = shop.partner("mute", "/use", asked).await;
    assert_eq!((refused.verdict().as_str(), &refused.body["lines"]), ("409 line_blocked", &blocked));
}

#[tokio::test]
async fn a_partner_takes_back_its_own_uses() {
    let shop = shop().await;
    let back = |brand: &str, order_id: &str, what: Value, refund: &str| json!({"brand": brand, "order_id": order_id, "use": what, "refund_id": refund});
    let one = json!({"lines": [{"line_id": "1", "quantity": 1}]});
    for (brand, sees) in PARTNERS {
        let (member, reference) = linked(&shop, brand).await;
        shop.partner_ok(brand, "/use", with_coupon(brand, &reference, "U-1")).await;
        let part = shop.partner(brand, "/reverse", back(brand, "U-1", one.clone(), "R-1")).await;
        assert_eq!((part.status, &part.body["lines"][0]["net"]), (200, &json!("7.50")), "{}", part.body);
        let rest = shop.partner(brand, "/reverse", back(brand, "U-1", json!("all"), "R-2")).await;
        assert_eq!((rest.status, &rest.body["state"]), (200, &json!("returned")), "{}", rest.body);
        assert_eq!(rest.body["entry"]["kind"], "reverse_use");
        let came_back = &rest.body["grants"][0];
        assert_eq!((&came_back["offer"], &came_back["state"]), (&json!("coupon"), &json!("granted")));
        assert_eq!(came_back.get("left"), sees.then_some(&json!(1)), "{brand}");
        is_a_partners_view(&part, &member);
        is_a_partners_view(&rest, &member);

        // What was used while the link stood is its own, and of the member it is told nothing more.
        shop.partner_ok(brand, "/use", with_coupon(brand, &reference, "U-2")).await;
        let held = json!({"member_ref": reference, "grants": ["lounge"], "hold": true});
        shop.partner_ok(brand, "/use", order(brand, "U-3", held)).await;
        shop.unlink(&member, brand).await;
        let again = shop.partner(brand, "/reverse", back(brand, "U-1", json!("all"), "R-2")).await;
        assert!(again.replayed() && again.bytes == rest.bytes, "{brand}: {}", again.body);
        let after = shop.partner(brand, "/reverse", back(brand, "U-2", json!("all"), "R-3")).await;
        assert_eq!((after.status, after.body.get("grants")), (200, None), "{}", after.body);
        assert_eq!(after.body["entry"]["order_id"], "U-2");
        is_a_partners_view(&after, &member);
        let again = shop.partner(brand, "/reverse", back(brand, "U-2", json!("all"), "R-3")).await;
        assert!(again.replayed() && again.bytes == after.bytes, "{brand}: {}", again.body);
        let released = shop.partner_ok(brand, "/reverse", back(brand, "U-3", json!("all"), "R-4")).await;
        assert_eq!(released["state"], "released");
    }
    for (who, brand, order_id, want) in [
        ("mute", "tea", "U-1", "403 forbidden"),
        ("mute", "mute", "U-9", "404 use_not_found"),
        ("idle", "idle", "U-1", "403 forbidden"),
    ] {
        let reply = shop.partner(who, "/reverse", back(brand, order_id, json!("all"), "R-9")).await;
        assert_eq!(reply.verdict(), want, "{who} {brand} {order_id}");
    }
}

/// A partner that may use offers and nothing else spends with a card's code, as its members' tills do.
#[tokio::test]
async fn a_partner_uses_offers_by_a_scan() {
    let mut program = coalition();
    let brands = program["brands"].as_array_mut().unwrap();
    let tea = brands.iter_mut().find(|brand| brand["id"] == "tea").unwrap();
    tea["may"] = json!(["use"]);
    let shop = shop().await;
    shop.ok("PUT", "/program", program).await;
    let (member, _) = linked(&shop, "tea").await;
    let scan = json!({"token": shop.card(&member).await, "brand": "tea", "spend": true});
    let scan = shop.partner_ok("tea", "/scan", scan).await["scan_id"].clone();
    let with_scan = |order_id: &str| order("tea", order_id, json!({"scan_id": scan, "grants": ["coupon"]}));
    let used = shop.partner("tea", "/use", with_scan("U-1")).await;
    assert_eq!((used.status, &used.body["saved"]), (200, &json!("5.00")), "{}", used.body);
    is_a_partners_view(&used, &member);
    let by_house = shop.call("POST", "/use", with_scan("U-1")).await;
    assert_eq!(by_house.verdict(), "404 card_token_invalid", "a partner's scan is its own");
    shop.at("2026-03-02T10:10:00+08:00");
    let again = shop.partner("tea", "/use", with_scan("U-1")).await;
    assert!(again.replayed() && again.bytes == used.bytes, "{}", again.body);
    assert_eq!(shop.partner("tea", "/use", with_scan("U-2")).await.verdict(), "404 card_token_invalid");
    shop.unlink(&member, "tea").await;
    assert_eq!(shop.partner("tea", "/use", with_scan("U-1")).await.verdict(), "404 member_not_found");
}

/// Any partner prices an order of a member that is linked with it, whatever else it may; growth it is never told.
#[tokio::test]
async fn any_partner_prices_orders() {
    let shop = shop().await;
    for (brand, want) in [("tea", 40), ("mute", 40), ("idle", 40)] {
        let (member, reference) = linked(&shop, brand).await;
        let mut asked = with_coupon(brand, &reference, "U-1");
        asked.as_object_mut().unwrap().remove("order_id");
        asked["lines"][0]["amount"] = json!("45.00");
        let priced = shop.partner(brand, "/evaluate-order", asked.clone()).await;
        assert_eq!((priced.status, &priced.body["total"]), (200, &json!("40.00")), "{}", priced.body);
        assert_eq!(priced.body["earns"], json!({"points": want}), "{brand}");
        is_a_partners_view(&priced, &member);
        shop.unlink(&member, brand).await;
        let ended = shop.partner(brand, "/evaluate-order", asked).await;
        assert_eq!(ended.verdict(), "404 member_not_found", "{brand}");
    }
}
