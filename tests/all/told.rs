//! What a partner reaches and what it sees: of linked members what the programme allows, of others nothing,
//! and of another brand's things the same as if they did not exist.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    coalition::{coalition, order_of, redemption_of, told},
    support::{Reply, Shop},
};

/// Every name in a document, with its path.
fn names(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let at = format!("{at}{name}");
            found.insert(at.clone());
            walk(value, &format!("{at}."), found);
        }
        for value in value.as_array().into_iter().flatten() {
            walk(value, at, found);
        }
    }
    let mut found = BTreeSet::new();
    walk(value, "", &mut found);
    found
}

const ENTRY: [&str; 9] = [
    "entry",
    "entry.id",
    "entry.kind",
    "entry.points",
    "entry.brand",
    "entry.order_id",
    "entry.redemption_id",
    "entry.occurred_at",
    "entry.recorded_at",
];
const BALANCE: [&str; 4] = ["balance", "balance.available", "balance.held", "balance.debt"];

#[track_caller]
fn exactly(reply: &Reply, parts: &[&[&str]]) {
    let want: BTreeSet<String> =
        parts.iter().flat_map(|part| part.iter().map(|name| (*name).to_owned())).collect();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(names(&reply.body), want, "{}", reply.body);
}

fn dry(mut body: Value) -> Value {
    body["dry_run"] = json!(true);
    body
}

/// A member linked with that brand and known to others: 1000 points of acme, silver.
async fn known(shop: &Shop, brand: &str) -> (String, String) {
    let member = shop.somebody().await;
    shop.earn(&member, &format!("A-{}", shop.fresh()), "1000").await;
    let reference = shop.linked(&member, brand).await;
    (member, reference)
}

#[tokio::test]
async fn answers_hold_what_a_partner_sees_and_nothing_else() {
    let shop = Shop::coalition().await;
    for (brand, sees) in [("tea", &[&BALANCE[..], &["tier"]][..]), ("mute", &[])] {
        let (_, member_ref) = known(&shop, brand).await;
        let order = order_of(brand, &member_ref, "O-1", "100");
        let redemption = redemption_of(brand, &member_ref, "O-2", 30);
        let debt = if sees.is_empty() { &[][..] } else { &["debt"] };
        let with = |own: &'static [&'static str]| [&[&ENTRY[..], own], sees].concat();
        for body in [dry(order.clone()), order] {
            exactly(&shop.partner(brand, "/earn-points", body).await, &with(&["granted"]));
        }
        let activity = json!({"member_ref": member_ref, "brand": brand, "activity": "check_in"});
        exactly(&shop.partner(brand, "/earn-points", activity).await, &with(&["granted"]));
        exactly(&shop.partner(brand, "/redeem", dry(redemption.clone())).await, &with(&["redemption_id"]));
        let redeemed = shop.partner(brand, "/redeem", redemption).await;
        exactly(&redeemed, &with(&["redemption_id"]));
        let cancel = json!({"redemption_id": redeemed.body["redemption_id"]});
        let with_debt = |own: &'static [&'static str]| [&with(own)[..], &[debt]].concat();
        exactly(&shop.partner(brand, "/reverse", dry(cancel.clone())).await, &with_debt(&["restored"]));
        exactly(&shop.partner(brand, "/reverse", cancel).await, &with_debt(&["restored"]));
        let refund = json!({"brand": brand, "order_id": "O-1", "refund": {"amount": "10"}});
        let refunded = shop.partner(brand, "/reverse", refund).await;
        exactly(&refunded, &with_debt(&["taken"]));
        assert_eq!(
            (&refunded.body["entry"]["kind"], &refunded.body["taken"]),
            (&json!("reverse_earn"), &json!(12))
        );
    }
}

#[tokio::test]
async fn refusals_tell_no_more_than_answers() {
    let shop = Shop::coalition().await;
    let (_, tea) = known(&shop, "tea").await;
    let (member, mute) = known(&shop, "mute").await;
    let short = shop.partner("tea", "/redeem", redemption_of("tea", &tea, "R-1", 5_000)).await;
    assert_eq!(
        (short.verdict().as_str(), &short.body["available"]),
        ("409 insufficient_points", &json!(1_000))
    );
    assert_eq!(short.body["debt"], 0);
    let blind = shop.partner("mute", "/redeem", redemption_of("mute", &mute, "R-1", 5_000)).await;
    let words = json!({"type": "urn:laurel:problem:insufficient_points", "title": "insufficient points", "status": 409,
                       "detail": "insufficient points", "code": "insufficient_points"});
    assert_eq!(told(&blind), words, "no figure, not in words either");
    for (status, code) in [("suspended", "member_not_active"), ("closed", "member_not_active")] {
        let body = json!({"status": status, "reason": "secret"});
        shop.ok("POST", &format!("/members/{member}/status"), body).await;
        let refused = shop.partner_earn("mute", &mute, "O-9", "1").await;
        assert_eq!((refused.code(), &refused.body["detail"]), (code, &json!("member not active")));
        assert_eq!(names(&refused.body).len(), 6, "not which status: {}", refused.body);
    }
    // It sees what it may know.
    shop.partner_earn("tea", &tea, "O-1", "10").await;
    let over = json!({"brand": "tea", "order_id": "O-1", "refund": {"amount": "10.01"}});
    let over = shop.partner("tea", "/reverse", over).await;
    assert_eq!((over.verdict().as_str(), &over.body["remaining"]), ("409 over_refund", &json!("10.00")));
    let late = json!({"member_ref": tea, "brand": "tea", "order_id": "O-2", "amount": "1", "occurred_at": "2001-01-01T00:00:00Z"});
    let late = shop.partner("tea", "/earn-points", late).await;
    assert_eq!((late.code(), &late.body["late_days"]), ("occurred_too_long_ago", &json!(1_100)));
}

#[tokio::test]
async fn partners_name_members_by_reference_and_nobody_else_does() {
    let shop = Shop::coalition().await;
    let (member, tea) = known(&shop, "tea").await;
    let faults = async |extra: Value| {
        let mut body = order_of("tea", &tea, "O-1", "1");
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let reply = shop.partner("tea", "/earn-points", body).await;
        assert_eq!(reply.verdict(), "422 invalid_field", "{extra}");
        reply.faults()
    };
    let identity = json!({"kind": "external", "channel": "tests", "value": "somebody-1"});
    assert_eq!(faults(json!({"member_id": member})).await, ["/member_id unknown_field"]);
    assert_eq!(faults(json!({"identity": identity})).await, ["/identity unknown_field"]);
    assert_eq!(faults(json!({"member_ref": null})).await, ["/member_ref required"]);
    assert_eq!(faults(json!({"member_ref": "lnk_1"})).await, ["/member_ref wrong_format"]);
    let (_, key) = shop.caller(&["storefront"], Some("acme")).await;
    let mut body = order_of("acme", &tea, "O-1", "1");
    for wanted in [&["/member_ref unknown_field", "/member_id required"][..], &["/member_ref unknown_field"]]
    {
        let reply = shop.call_as(&key, "POST", "/earn-points", &body, None).await;
        assert_eq!(reply.faults(), wanted);
        body["member_id"] = json!(member);
    }
}

#[tokio::test]
async fn a_partner_acts_for_itself_as_far_as_it_may() {
    let shop = Shop::coalition().await;
    let (_, tea) = known(&shop, "tea").await;
    let (_, idle) = known(&shop, "idle").await;
    let acts = |brand: &str, reference: &str| {
        [
            ("/earn-points", order_of(brand, reference, "O-1", "1")),
            ("/redeem", redemption_of(brand, reference, "O-2", 1)),
            ("/reverse", json!({"brand": brand, "order_id": "O-1", "refund": "all"})),
        ]
    };
    for (path, body) in acts("idle", &idle) {
        assert_eq!(shop.partner("idle", path, body).await.verdict(), "403 forbidden", "{path}");
    }
    for brand in ["mute", "acme"] {
        for (path, body) in acts(brand, &tea) {
            assert_eq!(shop.partner("tea", path, body).await.verdict(), "403 forbidden", "{brand} {path}");
        }
    }
    for (path, body) in acts("tea", &tea) {
        assert_eq!(shop.partner("tea", path, body).await.status, 200, "{path}");
    }
    // A right that the programme removes is gone at once.
    let mut less = coalition();
    less["brands"][2]["may"] = json!(["redeem", "reverse"]);
    shop.ok("PUT", "/program", less.clone()).await;
    assert_eq!(shop.partner_earn("tea", &tea, "O-3", "1").await.verdict(), "403 forbidden");
    assert_eq!(shop.partner("tea", "/redeem", redemption_of("tea", &tea, "O-4", 1)).await.status, 200);
    less["brands"][2] = json!({"id": "tea", "name": "bought by the house"});
    shop.ok("PUT", "/program", less).await;
    for (path, body) in acts("tea", &tea).into_iter().chain([("/link", json!({"code": "00000-00000-00000"}))])
    {
        assert_eq!(shop.partner("tea", path, body).await.verdict(), "401 signature_invalid", "{path}");
    }
}

#[tokio::test]
async fn an_order_is_reversed_by_its_own_brand_or_by_staff() {
    let shop = Shop::coalition().await;
    let (member, tea) = known(&shop, "tea").await;
    let mute = shop.linked(&member, "mute").await;
    let nothing = json!({"redemption_id": "rdm_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    let own = shop.redeem(&member, "R-1", 5).await["redemption_id"].clone();
    let redeem = async |order: &str| {
        let body = redemption_of("tea", &tea, order, 5);
        json!({"redemption_id": shop.partner_ok("tea", "/redeem", body).await["redemption_id"]})
    };
    let of_tea = redeem("T-1").await;
    let (_, acme) = shop.caller(&["storefront"], Some("acme")).await;
    let (_, anywhere) = shop.caller(&["storefront"], None).await;
    let (_, operator) = shop.caller(&["operator"], None).await;

    let absent = shop.partner("mute", "/reverse", nothing.clone()).await;
    for foreign in [&of_tea, &json!({"redemption_id": own})] {
        let refused = shop.partner("mute", "/reverse", foreign.clone()).await;
        assert_eq!((refused.status, told(&refused)), (404, told(&absent)), "{foreign}");
    }
    for key in [&acme, &anywhere] {
        let refused = shop.call_as(key, "POST", "/reverse", &of_tea, None).await;
        assert_eq!((refused.status, told(&refused)), (404, told(&absent)));
        let order = json!({"brand": "tea", "order_id": "T-1", "refund": "all"});
        assert_eq!(shop.call_as(key, "POST", "/reverse", &order, None).await.verdict(), "403 forbidden");
    }
    // The other partner's order of the same name is another order.
    assert_eq!(shop.partner_earn("tea", &tea, "S", "10").await.status, 200);
    let refund = |brand: &str| json!({"brand": brand, "order_id": "S", "refund": "all"});
    assert_eq!(shop.partner("mute", "/reverse", refund("mute")).await.verdict(), "404 order_not_found");
    assert_eq!(shop.partner_earn("mute", &mute, "S", "10").await.status, 200);
    assert_eq!(shop.partner("mute", "/reverse", refund("mute")).await.status, 200);
    assert_eq!(shop.partner("tea", "/reverse", of_tea).await.status, 200);
    for key in [&operator, crate::support::ADMIN_KEY] {
        let of_tea = redeem(&format!("T-{}", shop.fresh() + 1)).await;
        assert_eq!(shop.call_as(key, "POST", "/reverse", &of_tea, None).await.status, 200);
    }
}

#[tokio::test]
async fn after_unlinking_a_partner_reverses_and_is_told_nothing_of_the_member() {
    let shop = Shop::coalition().await;
    let (member, tea) = known(&shop, "tea").await;
    let order = order_of("tea", &tea, "O-1", "100");
    let redemption = redemption_of("tea", &tea, "O-2", 30);
    let redeemed = shop.call_partner("tea", "POST", "/redeem", &redemption, Some("r")).await;
    assert_eq!(shop.call_partner("tea", "POST", "/earn-points", &order, Some("e")).await.status, 200);
    let refund =
        |id: &str| json!({"brand": "tea", "order_id": "O-1", "refund": {"amount": "1"}, "refund_id": id});
    let before = shop.call_partner("tea", "POST", "/reverse", &refund("F-1"), Some("f")).await;
    exactly(&before, &[&ENTRY, &["taken", "tier", "debt"], &BALANCE]);

    shop.unlink(&member, "tea").await;
    // At the same instant: it is the order of the entries that counts.
    let unknown = shop.partner_earn("tea", "lnk_01ARZ3NDEKTSV4RRFFQ69G5FAV", "O-1", "100").await;
    for (path, body, key) in [("/earn-points", &order, "e"), ("/redeem", &redemption, "r")] {
        for key in [Some(key), None] {
            let again = shop.call_partner("tea", "POST", path, body, key).await;
            assert_eq!(
                (again.status, told(&again)),
                (404, told(&unknown)),
                "{path}: the reference is unknown"
            );
        }
    }
    let after = shop.partner("tea", "/reverse", refund("F-2")).await;
    exactly(&after, &[&ENTRY, &["taken"]]);
    let cancelled =
        shop.partner("tea", "/reverse", json!({"redemption_id": redeemed.body["redemption_id"]})).await;
    exactly(&cancelled, &[&ENTRY, &["restored"]]);

    let same = async |when: &str| {
        for key in [Some("f"), None] {
            let again = shop.call_partner("tea", "POST", "/reverse", &refund("F-1"), key).await;
            assert_eq!((again.replayed(), &again.bytes), (true, &before.bytes), "{when}");
        }
        let again = shop.partner("tea", "/reverse", refund("F-2")).await;
        assert_eq!((again.replayed(), &again.bytes), (true, &after.bytes), "{when}");
    };
    same("unlinked").await;
    shop.at("2026-03-03T10:00:00+08:00");
    same("a day later").await;
    let anew = shop.linked(&member, "tea").await;
    same("linked again").await;
    assert_eq!(
        shop.partner("tea", "/earn-points", order_of("tea", &anew, "O-1", "100")).await.code(),
        "order_conflict"
    );
    let linked = shop.partner("tea", "/reverse", refund("F-3")).await;
    exactly(&linked, &[&ENTRY, &["taken", "tier", "debt"], &BALANCE]);
    // Staff see the whole of what the partner did.
    let entry = &shop.ledger(&member, 50).await[0];
    assert_eq!((&entry["kind"], &entry["brand"]), (&json!("reverse_earn"), &json!("tea")));
    // An order that was recorded for the brand without a link is its own too, and shows as little.
    let stranger = shop.somebody().await;
    let body = json!({"member_id": stranger, "brand": "tea", "order_id": "X", "amount": "5"});
    shop.ok("POST", "/earn-points", body).await;
    let refund = json!({"brand": "tea", "order_id": "X", "refund": "all"});
    exactly(&shop.partner("tea", "/reverse", refund).await, &[&ENTRY, &["taken"]]);
}

/// Whatever the programme says later, a repeat gets the same bytes.
#[tokio::test]
async fn repeats_are_told_what_the_first_was() {
    let shop = Shop::coalition().await;
    let (_, tea) = known(&shop, "tea").await;
    let (_, mute) = known(&shop, "mute").await;
    let asked = [("tea", order_of("tea", &tea, "O-1", "10")), ("mute", order_of("mute", &mute, "O-1", "10"))];
    let mut first = Vec::new();
    for (brand, body) in &asked {
        first.push(shop.partner(brand, "/earn-points", body.clone()).await.bytes);
    }
    let mut turned = coalition();
    turned["brands"][2]["sees"] = json!([]);
    turned["brands"][3]["sees"] = json!(["tier", "balance"]);
    shop.at("2026-03-02T10:00:01+08:00");
    shop.ok("PUT", "/program", turned).await;
    for ((brand, body), first) in asked.iter().zip(&first) {
        let again = shop.partner(brand, "/earn-points", body.clone()).await;
        assert_eq!((again.replayed(), &again.bytes), (true, first), "{brand}");
    }
    exactly(&shop.partner_earn("tea", &tea, "O-2", "1").await, &[&ENTRY, &["granted"]]);
    exactly(&shop.partner_earn("mute", &mute, "O-2", "1").await, &[&ENTRY, &["granted", "tier"], &BALANCE]);
}

#[tokio::test]
async fn no_key_acts_for_a_partner() {
    let shop = Shop::coalition().await;
    for role in ["storefront", "operator", "admin", "scheduler"] {
        let body = json!({"name": "n", "roles": [role], "brand": "tea"});
        let refused = shop.refused("422 invalid_field", "POST", "/keys", body).await;
        assert_eq!(refused.faults(), ["/brand partner_brand"]);
    }
    // When a brand leaves the house, its keys and the tokens they made stop working.
    let member = shop.somebody().await;
    let (_, till) = shop.caller(&["storefront"], Some("bean")).await;
    let (_, boss) = shop.caller(&["admin"], Some("bean")).await;
    let code = json!({"code": shop.code(&member, "tea").await});
    assert_eq!(shop.call_as(&boss, "POST", "/link", &code, None).await.verdict(), "403 forbidden");
    let path = format!("/members/{member}");
    let minted = shop.call_as(&till, "POST", &format!("{path}/tokens"), &json!({"minutes": 15}), None).await;
    let token = minted.body["token"].as_str().unwrap();
    for key in [&till, &boss, token] {
        assert_eq!(shop.call_as(key, "GET", &path, &Value::Null, None).await.status, 200);
    }
    let mut sold = coalition();
    sold["brands"][1]["kind"] = json!("partner");
    shop.ok("PUT", "/program", sold).await;
    for key in [&till, &boss, token] {
        assert_eq!(shop.call_as(key, "GET", &path, &Value::Null, None).await.verdict(), "403 forbidden");
    }
}

/// A storefront is of the house: it does nothing in a partner's name.
#[tokio::test]
async fn storefronts_do_not_act_for_partners() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let (_, anywhere) = shop.caller(&["storefront"], None).await;
    let identity = json!({"kind": "external", "channel": "c", "value": "v"});
    let spend = json!({"order_id": "1", "points_max": 1, "brand": "tea"});
    for (path, body) in [
        ("/earn-points", json!({"member_id": member, "brand": "tea", "order_id": "1", "amount": "1"})),
        (
            "/redeem",
            json!({"member_id": member, "brand": "tea", "points": 1, "for": {"kind": "order", "order_id": "1"}}),
        ),
        ("/register", json!({"brand": "tea", "identities": [identity]})),
        (&format!("/members/{member}/tokens"), json!({"minutes": 1, "redeem": spend})),
    ] {
        let refused = shop.call_as(&anywhere, "POST", path, &body, None).await;
        assert_eq!(refused.verdict(), "403 forbidden", "{path}");
    }
}
