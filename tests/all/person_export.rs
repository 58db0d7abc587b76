//! `GET /members/{id}/export`: everything that is held about a person, whole or in parts.

use serde_json::{Value, json};

use crate::{
    coalition::coalition,
    support::{START, Shop},
};

/// The parts of the member's export.
async fn export(shop: &Shop, member: &str) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut path = format!("/members/{member}/export");
    loop {
        let part = shop.ok("GET", &path, Value::Null).await;
        let next = part["next_cursor"].as_str().map(ToOwned::to_owned);
        parts.push(part);
        let Some(cursor) = next else { return parts };
        path = format!("/members/{member}/export?cursor={cursor}");
    }
}

/// The lists of that name of all parts, one after the other.
fn whole(parts: &[Value], name: &str) -> Vec<Value> {
    parts.iter().flat_map(|part| part[name].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn what_is_held_is_told() {
    let shop = Shop::coalition().await;
    let identity = json!({"kind": "phone", "value": "13800138000"});
    let body = json!({"identities": [identity], "brand": "acme", "profile": {"name": "Li Lei"},
                      "consents": {"email": true, "sms": false}});
    let made = shop.ok("POST", "/register", body).await;
    let member = made["member"]["id"].as_str().unwrap();
    shop.earn(member, "O-1", "120").await;
    shop.earn(member, "O-2", "80").await;
    shop.redeem(member, "O-2", 30).await;
    let refund = json!({"brand": "acme", "order_id": "O-1", "refund": {"amount": "20"}, "refund_id": "r"});
    shop.ok("POST", "/reverse", refund).await;
    shop.linked(member, "tea").await;
    let gift = crate::offers::coupon("acme", json!({"how": "issue"}));
    shop.ok("PUT", "/offers/gift", gift).await;
    let issue = json!({"member_id": member, "offer": "gift", "issue_id": "i", "reason": "r"});
    shop.ok("POST", "/grants", issue).await;

    let parts = export(&shop, member).await;
    let [told] = &parts[..] else { panic!("{} parts", parts.len()) };

    let shown = shop.show(member).await;
    assert_eq!(told["member"], shown);
    assert_eq!(told["identities"], shown["identities"]);
    let consent = |channel: &str, given: bool| json!({"channel": channel, "given": given, "at": START, "how": "registration"});
    assert_eq!(told["consents"], json!([consent("email", true), consent("sms", false)]));
    assert_eq!(whole(&parts, "entries"), shop.ledger(member, 200).await);
    let mut orders = Vec::new();
    for order in ["O-2", "O-1"] {
        let found = shop.ok("POST", "/orders/find", json!({"brand": "acme", "order_id": order})).await;
        orders.push(json!({"order": found["order"], "revision": found["revision"],
                           "remaining": found["remaining"], "points": found["points"],
                           "growth": found["growth"]}));
    }
    assert_eq!(whole(&parts, "orders"), orders, "newest first, as they now stand");
    assert_eq!(told["orders"][1]["remaining"], "100.00");
    let links = shop.ok("GET", &format!("/members/{member}/links"), Value::Null).await;
    assert_eq!((told["links"].as_array().unwrap().len(), &told["links"]), (1, &links["links"]));
    let grants = shop.ok("GET", &format!("/members/{member}/grants"), Value::Null).await;
    assert_eq!((told["grants"].as_array().unwrap().len(), &told["grants"]), (1, &grants["grants"]));
    for empty in ["messages", "enrolments"] {
        assert_eq!(told[empty], json!([]), "{empty}");
    }
}

/// What is held of referral of somebody who was not brought and brings nobody.
fn nobody() -> Value {
    let friends = json!({"open": 0, "review": 0, "held": 0, "done": 0, "void": 0});
    json!({"code": null, "brought_by": null, "friends": friends, "signals": []})
}

/// What is held beside of somebody of whom nothing is.
fn nothing_kept() -> Value {
    json!({"referral_code": null, "referral": nobody(), "attributes": {}, "tags": [], "card": null, "link_codes": [], "changed": null})
}

/// What no other answer shows.
#[tokio::test]
async fn what_is_held_beside_is_told() {
    let mut program = coalition();
    // Whatever code a person comes with is kept.
    program.as_object_mut().unwrap().remove("referral");
    let attribute = |id: &str, kind: &str| json!({"id": id, "name": {"zh": id, "en": id}, "kind": kind});
    program["attributes"] = json!([attribute("size", "number"), attribute("note", "text")]);
    program["tags"] = json!([{"id": "old", "name": {"zh": "旧", "en": "old"}}, {"id": "vip", "name": {"zh": "贵宾", "en": "VIP"}}]);
    let shop = Shop::open(&program, START).await;
    let member = shop.member("somebody").await;
    let first = export(&shop, &member).await;
    let mut kept = first[0]["kept"].clone();
    assert_eq!(kept["changed"].take()["at"], "2026-03-02T10:00:00+08:00", "it was registered");
    assert_eq!(kept, nothing_kept());

    let body = json!({"identities": [{"kind": "phone", "value": "13800138000"}], "brand": "acme",
                      "referral_code": "friend-7", "profile": {"attributes": {"size": "42", "note": "kind"}}});
    let made = shop.ok("POST", "/register", body).await;
    let member = made["member"]["id"].as_str().unwrap();
    shop.ok("POST", &format!("/members/{member}/tags"), json!({"add": ["old", "vip"]})).await;
    let card = shop.ok("GET", &format!("/members/{member}/card?device=true"), Value::Null).await;
    shop.ok("POST", "/scan", json!({"token": card["token"], "brand": "acme", "spend": true})).await;
    shop.code(member, "tea").await;
    let changed = shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"name": "Li"}})).await;
    assert_eq!(changed["profile"]["attributes"], json!({"size": "42", "note": "kind"}));
    program["attributes"] = json!([attribute("note", "text")]);
    program["tags"] = json!([{"id": "vip", "name": {"zh": "贵宾", "en": "VIP"}}]);
    shop.ok("PUT", "/program", program).await;

    let told = export(&shop, member).await.remove(0);

    assert_eq!(told["member"]["profile"]["attributes"], json!({"note": "kind"}));
    assert_eq!(told["member"]["tags"], json!(["vip"]));
    let mut kept = told["kept"].clone();
    let by = kept["changed"]["by"].take();
    assert!(by.as_str().is_some_and(|by| by.starts_with("key_")), "{by}");
    let at = "2026-03-02T10:00:00+08:00";
    let card = json!({"made_at": at, "device": true, "spent": [{"at": at, "offline": false}]});
    let want = json!({"referral_code": "friend-7", "referral": nobody(), "attributes": {"size": "42"}, "tags": ["old"], "card": card,
                      "link_codes": [at], "changed": {"by": null, "at": at}});
    assert_eq!(kept, want);
}

#[tokio::test]
async fn what_is_long_is_told_in_parts() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    // Three bytes a character: some 1,900 bytes an entry.
    let reason = "积".repeat(500);
    for number in 0..2_300 {
        let body = json!({"member_id": member, "brand": "acme", "points": 1, "reason": reason,
                          "adjustment_id": number.to_string()});
        shop.ok("POST", "/adjust", body).await;
    }
    shop.earn(&member, "O-1", "5").await;

    let parts = export(&shop, &member).await;
    assert_eq!(parts.len(), 2);
    for (number, part) in parts.iter().enumerate() {
        assert!(
            part.to_string().len() <= (4 << 20) + 10_000,
            "part {number}: {} bytes",
            part.to_string().len()
        );
        for once in ["member", "identities", "consents", "kept"] {
            assert_eq!(part.get(once).is_some(), number == 0, "{once} in part {number}");
        }
    }
    assert_eq!(whole(&parts, "entries"), shop.ledger(&member, 200).await);
    assert_eq!(whole(&parts, "orders").len(), 1);
}

#[tokio::test]
async fn a_cursor_is_one_of_ours() {
    let shop = Shop::usual().await;
    let (member, other) = (shop.somebody().await, shop.somebody().await);
    shop.earn(&other, "O-1", "5").await;
    let key = shop.ok("GET", &format!("/members/{other}/ledger?limit=1"), Value::Null).await;
    let foreign = key["next_cursor"].as_str();
    for cursor in ["", "e", "e-", "e-0.00", "l", "l-x", "l-1", "l-.acme", "x-1"] {
        let reply = shop.call("GET", &format!("/members/{member}/export?cursor={cursor}"), Value::Null).await;
        assert_eq!(reply.faults(), ["/query/cursor wrong_format"], "{cursor}: {}", reply.body);
    }
    if let Some(foreign) = foreign {
        let reply =
            shop.call("GET", &format!("/members/{member}/export?cursor=e-{foreign}"), Value::Null).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
    }
}

#[tokio::test]
async fn of_the_erased_the_ledger_alone_is_left() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    shop.earn(&member, "O-1", "5").await;
    shop.linked(&member, "tea").await;
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;

    let parts = export(&shop, &member).await;
    assert_eq!(parts[0]["member"]["status"], "erased");
    for empty in ["identities", "consents", "links"] {
        assert_eq!(parts[0][empty], json!([]), "{empty}");
    }
    assert_eq!(parts[0]["kept"], nothing_kept());
    assert_eq!(whole(&parts, "entries"), shop.ledger(&member, 200).await);
}

/// In every state, of an absorbed record too; those without an id last.
#[tokio::test]
async fn what_is_had_of_offers_is_told_in_every_state() {
    let shop = Shop::coalition().await;
    let document = |beside: Value| crate::offers::coupon("acme", beside);
    let lounge = json!({"how": "auto", "gives": {"service": {"quantity": 2, "per": "month"}}});
    shop.ok("PUT", "/offers/a-lounge", document(lounge)).await;
    shop.ok("PUT", "/offers/gift", document(json!({"how": "issue", "valid": {"days": 30}}))).await;
    shop.ok("PUT", "/offers/points", document(json!({"how": "issue", "gives": {"points": {"points": 5}}})))
        .await;
    let (member, other) = (shop.somebody().await, shop.somebody().await);
    let mut gifts = Vec::new();
    for (whose, offer, issue) in [
        (&member, "gift", "used"),
        (&member, "gift", "held"),
        (&member, "gift", "revoked"),
        (&member, "gift", "granted"),
        (&member, "points", "given"),
        (&other, "gift", "absorbed"),
    ] {
        let body = json!({"member_id": whose, "offer": offer, "issue_id": issue, "reason": "r"});
        gifts.push(shop.ok("POST", "/grants", body).await["grant"]["id"].as_str().unwrap().to_owned());
    }
    let line = json!({"line_id": "1", "quantity": 1, "amount": "20.00"});
    for (order, grant, hold) in [("U-1", &gifts[0], false), ("U-2", &gifts[1], true)] {
        let body = json!({"member_id": member, "brand": "acme", "order_id": order, "grants": [grant],
                          "lines": [line], "hold": hold});
        shop.ok("POST", "/use", body).await;
    }
    shop.ok("POST", &format!("/grants/{}/revoke", gifts[2]), json!({"reason": "r"})).await;
    shop.ok("POST", &format!("/members/{member}/merge"), json!({"member_id": other, "reason": "r"})).await;

    for whose in [&member, &other] {
        let told = whole(&export(&shop, whose).await, "grants");
        let shown = shop.ok("GET", &format!("/members/{member}/grants?limit=200"), Value::Null).await;
        let mut shown = shown["grants"].as_array().unwrap().clone();
        shown.sort_by_key(|grant| grant["id"].is_null());
        assert_eq!(told, shown);
        let states: Vec<&str> = told.iter().map(|grant| grant["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["used", "granted", "held", "revoked", "granted", "used", "granted"]);
        assert_eq!((&told[1]["id"], &told[6]["id"]), (&json!(gifts[5]), &Value::Null));
    }
    let cursor = format!("/members/{member}/export?cursor=g-5");
    let rest = shop.ok("GET", &cursor, Value::Null).await;
    assert_eq!((rest["grants"].as_array().unwrap().len(), &rest["entries"]), (2, &json!([])));
    assert_eq!((&rest["next_cursor"], rest.get("member")), (&Value::Null, None));
}

/// Who has brought whom: what the person is shown and what nobody else shows, on both sides.
#[tokio::test]
async fn what_is_held_of_referral_is_told() {
    let shop = Shop::coalition().await;
    let host = shop.member("host").await;
    let own = shop.ok("GET", &format!("/members/{host}/referral"), Value::Null).await;
    let identity = json!({"kind": "external", "channel": "tests", "value": "friend"});
    let body = json!({"identities": [identity], "brand": "acme", "referral_code": own["code"],
                      "signals": {"device": "d-1"}});
    let made = shop.ok("POST", "/register", body).await;
    let friend = made["member"]["id"].as_str().unwrap();
    shop.earn(friend, "A-1", "60.00").await;

    let of_host = export(&shop, &host).await[0]["kept"]["referral"].clone();
    let mut want = nobody();
    (want["code"], want["friends"]["held"]) = (own["code"].clone(), json!(1));
    assert_eq!(of_host, want);
    let mut of_friend = export(&shop, friend).await[0]["kept"]["referral"].clone();
    let signals = of_friend["signals"].take();
    let hash = signals[0].as_str().unwrap();
    assert!(hash.len() == 32 && signals.as_array().unwrap().len() == 1, "{signals}");
    let mut want = nobody();
    want["brought_by"] = json!({"member_id": host, "until": "2026-08-29T10:00:00+08:00", "state": "held"});
    want["signals"] = Value::Null;
    assert_eq!(of_friend, want);

    // The hashes go with the person.
    shop.ok("DELETE", &format!("/members/{friend}"), Value::Null).await;
    assert_eq!(export(&shop, friend).await[0]["kept"]["referral"]["signals"], json!([]));
}
