//! Tokens for a member's own page: what they open, what they spend, and when they are dead.

use serde_json::{Value, json};

use crate::{
    coalition::told,
    support::{ADMIN_KEY, Reply, Shop},
};

const NOBODY: &str = "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV";

async fn minted(shop: &Shop, key: &str, member: &str, body: Value) -> String {
    let made = shop.call_as(key, "POST", &format!("/members/{member}/tokens"), &body, None).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["token"].as_str().unwrap().to_owned()
}

fn spend(order: &str, points_max: u64) -> Value {
    json!({"minutes": 15, "redeem": {"order_id": order, "points_max": points_max}})
}

fn redemption(order: &str, points: u64) -> Value {
    json!({"brand": "acme", "points": points, "for": {"kind": "order", "order_id": order}})
}

struct Page {
    shop: Shop,
    member: String,
    other: String,
    till_id: String,
    till: String,
}

impl Page {
    async fn open() -> Page {
        let shop = Shop::coalition().await;
        let (member, other) = (shop.somebody().await, shop.somebody().await);
        shop.earn(&member, "A-1", "100").await;
        shop.earn(&other, "A-2", "100").await;
        let (till_id, till) = shop.caller(&["storefront"], Some("acme")).await;
        Page { shop, member, other, till_id, till }
    }

    async fn token(&self, body: Value) -> String {
        minted(&self.shop, &self.till, &self.member, body).await
    }

    async fn reads(&self, token: &str) -> u16 {
        let path = format!("/members/{}", self.member);
        self.shop.call_as(token, "GET", &path, &Value::Null, None).await.status
    }

    async fn redeem(&self, token: &str, body: Value) -> Reply {
        self.shop.call_as(token, "POST", "/redeem", &body, None).await
    }
}

#[tokio::test]
async fn a_token_reads_its_own_member_and_nobody_else() {
    let page = Page::open().await;
    let (shop, member, other) = (&page.shop, &page.member, &page.other);
    let token = page.token(json!({"minutes": 15, "redeem": null})).await;
    assert!(token.starts_with("mt_") && token.len() < 1_000, "{token}");
    let ask =
        async |method: &str, path: &str, body: Value| shop.call_as(&token, method, path, &body, None).await;
    let own = ask("GET", &format!("/members/{member}"), Value::Null).await;
    assert_eq!((own.status, &own.body), (200, &shop.show(member).await));
    assert_eq!(ask("GET", &format!("/members/{member}/ledger"), Value::Null).await.status, 200);
    assert_eq!(ask("GET", &format!("/members/{member}/links"), Value::Null).await.status, 200);

    for end in ["", "/ledger", "/links"] {
        let absent = shop.call("GET", &format!("/members/{NOBODY}{end}"), Value::Null).await;
        for id in [other.as_str(), NOBODY, "nonsense"] {
            let refused = ask("GET", &format!("/members/{id}{end}"), Value::Null).await;
            assert_eq!((refused.status, told(&refused)), (404, told(&absent)), "{id}{end}");
        }
    }
    // The member itself requests a code and ends a link; the record says so.
    let asked = ask("POST", &format!("/members/{member}/link-code"), json!({"brand": "tea"})).await;
    shop.partner_ok("tea", "/link", json!({"code": asked.body["code"]})).await;
    let ended = ask("DELETE", &format!("/members/{member}/links/tea"), Value::Null).await;
    assert_eq!((&ended.body["consent"]["by"], &ended.body["ended_by"]), (&json!(member), &json!(member)));
    for (method, path) in [("POST", "link-code"), ("DELETE", "links/tea")] {
        let body = if method == "POST" { json!({"brand": "tea"}) } else { Value::Null };
        let refused = ask(method, &format!("/members/{other}/{path}"), body).await;
        assert_eq!(refused.verdict(), "404 member_not_found");
    }
    // It spends only what it names.
    assert_eq!(page.redeem(&token, redemption("P-1", 1)).await.verdict(), "403 forbidden");
}

/// A member leaves by a token that says so, and nobody else by it.
#[tokio::test]
async fn a_member_leaves_by_itself() {
    let page = Page::open().await;
    let (shop, member, other) = (&page.shop, &page.member, &page.other);
    let set = async |key: &str, whom: &str, body: Value| {
        shop.call_as(key, "POST", &format!("/members/{whom}/status"), &body, Some("leaving")).await
    };
    let closed = json!({"status": "closed"});
    let proved = json!({"status": "closed", "proof": "prf_1"});
    let plain = page.token(json!({"minutes": 15})).await;
    let stays = page.token(json!({"minutes": 15, "leave": false})).await;
    let leaves = page.token(json!({"minutes": 15, "leave": true})).await;
    let suspended = json!({"status": "suspended", "reason": "r", "proof": "prf_1"});
    for (key, whom, body, want) in [
        (&plain, member, closed.clone(), "403 forbidden"),
        (&stays, member, closed.clone(), "403 forbidden"),
        (&plain, member, proved.clone(), "403 forbidden"),
        (&leaves, other, closed.clone(), "404 member_not_found"),
        (&leaves, member, json!({"status": "suspended", "reason": "r"}), "403 forbidden"),
        (&leaves, member, json!({"status": "active", "reason": "r"}), "403 forbidden"),
        (&leaves, member, proved.clone(), "409 proof_invalid"),
        (&page.till, member, json!({"status": "closed", "reason": "r"}), "422 proof_required"),
        (&page.till, member, suspended.clone(), "403 forbidden"),
        (&page.till, member, proved.clone(), "409 proof_invalid"),
        (&ADMIN_KEY.to_owned(), member, suspended, "409 proof_invalid"),
        (&ADMIN_KEY.to_owned(), member, closed.clone(), "422 invalid_field"),
    ] {
        assert_eq!(set(key, whom, body.clone()).await.verdict(), want, "{whom} {body}");
    }
    assert_eq!(shop.show(member).await["status"], "active");

    let left = set(&leaves, member, closed.clone()).await;

    assert_eq!(left.status, 200, "{}", left.body);
    let entry = &left.body["entry"];
    assert_eq!((&entry["by"], &entry["reason"]), (&json!(member), &json!("left at own wish")));
    assert_eq!((&left.body["status"], &left.body["balance"]["available"]), (&json!("closed"), &json!(0)));
    let again = set(&leaves, member, closed).await;
    assert!(again.replayed() && again.bytes == left.bytes, "{}", again.body);
    assert_eq!(page.reads(&leaves).await, 200, "it may look at what is left");
}

#[tokio::test]
async fn a_token_spends_what_it_names_and_no_more() {
    let page = Page::open().await;
    let (shop, member) = (&page.shop, &page.member);
    let token = page.token(spend("P-1", 30)).await;
    for (body, want) in [
        (redemption("P-2", 30), "403 forbidden"),
        (redemption("P-1", 31), "403 forbidden"),
        (json!({"brand": "bean", "points": 1, "for": {"kind": "order", "order_id": "P-1"}}), "403 forbidden"),
        (json!({"brand": "tea", "points": 1, "for": {"kind": "order", "order_id": "P-1"}}), "403 forbidden"),
        (
            json!({"member_id": page.other, "brand": "acme", "points": 1, "for": {"kind": "order", "order_id": "P-1"}}),
            "404 member_not_found",
        ),
    ] {
        assert_eq!(page.redeem(&token, body.clone()).await.verdict(), want, "{body}");
    }
    let mut named = redemption("P-1", 30);
    named["identity"] = json!({"kind": "external", "channel": "tests", "value": "somebody-1"});
    assert_eq!(page.redeem(&token, named).await.faults(), ["/identity unknown_field"]);

    let redeemed = page.redeem(&token, redemption("P-1", 30)).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.body);
    assert_eq!(redeemed.body["entry"]["by"], json!(member), "what a token does, its member does");
    assert_eq!(redeemed.body["balance"]["available"], 70);
    let again = page.redeem(&token, redemption("P-1", 30)).await;
    assert_eq!((again.replayed(), &again.bytes), (true, &redeemed.bytes), "spent once");
    assert_eq!(page.redeem(&token, redemption("P-1", 29)).await.verdict(), "409 order_conflict");
    // An idempotency key belongs to the member, whichever token sends it.
    let second = page.token(spend("P-3", 5)).await;
    let third = page.token(spend("P-3", 5)).await;
    let mut named = redemption("P-3", 5);
    named["member_id"] = json!(member);
    let first = shop.call_as(&second, "POST", "/redeem", &named, Some("k")).await;
    let repeat = shop.call_as(&third, "POST", "/redeem", &named, Some("k")).await;
    assert_eq!((first.status, repeat.replayed(), &repeat.bytes), (200, true, &first.bytes));
    assert_eq!(
        shop.call_as(
            &token,
            "POST",
            "/reverse",
            &json!({"redemption_id": redeemed.body["redemption_id"]}),
            None
        )
        .await
        .verdict(),
        "403 forbidden",
        "never by a member"
    );
}

#[tokio::test]
async fn a_token_dies() {
    let page = Page::open().await;
    let shop = &page.shop;
    let short = page.token(json!({"minutes": 1})).await;
    shop.at("2026-03-02T10:00:59.999+08:00");
    assert_eq!(page.reads(&short).await, 200);
    shop.at("2026-03-02T10:01:00+08:00");
    assert_eq!(page.reads(&short).await, 401, "its time is over");

    let token = page.token(json!({"minutes": 15})).await;
    let rotated = shop.ok("POST", &format!("/keys/{}/rotate", page.till_id), json!({})).await;
    assert_eq!(page.reads(&token).await, 401, "the key that made it is dead");
    let till = rotated["key"].as_str().unwrap();
    let token = minted(shop, till, &page.member, json!({"minutes": 15})).await;
    assert_eq!(page.reads(&token).await, 200);
    shop.ok("DELETE", &format!("/keys/{}", page.till_id), Value::Null).await;
    assert_eq!(page.reads(&token).await, 401, "its maker was revoked");
}

/// No part of a token can be changed, and nothing else passes as one.
#[tokio::test]
async fn a_token_is_sealed() {
    let page = Page::open().await;
    let token = page.token(spend("P-1", 30)).await;
    assert_eq!(page.reads(&token).await, 200);
    for at in 0..token.len() {
        for letter in ['A', 'b', '.'] {
            let mut bytes: Vec<char> = token.chars().collect();
            if bytes[at] == letter {
                continue;
            }
            bytes[at] = letter;
            let changed: String = bytes.into_iter().collect();
            assert_eq!(page.reads(&changed).await, 401, "{changed}");
        }
    }
    let (content, seal) = token.split_once('.').unwrap();
    let other = minted(&page.shop, &page.till, &page.other, spend("P-1", 30)).await;
    let (_, other_seal) = other.split_once('.').unwrap();
    for wrong in [
        content,
        seal,
        "mt_",
        "mt_.",
        &format!("{content}."),
        &format!("{content}.{other_seal}"),
        &token[3..],
    ] {
        assert_eq!(page.reads(wrong).await, 401, "{wrong}");
    }
    // Another deployment's secrets make other seals.
    let elsewhere = Page::open().await;
    assert_eq!(elsewhere.reads(&token).await, 401);
}

#[tokio::test]
async fn who_makes_tokens_for_whom() {
    let page = Page::open().await;
    let (shop, member) = (&page.shop, &page.member);
    let path = format!("/members/{member}/tokens");
    let (_, operator) = shop.caller(&["operator"], None).await;
    let (_, anywhere) = shop.caller(&["storefront"], None).await;
    let ask = async |key: &str, path: &str, body: Value| {
        let reply = shop.call_as(key, "POST", path, &body, None).await;
        if reply.status == 422 { reply.faults().join(" ") } else { reply.status.to_string() }
    };
    let at =
        |brand: &str| json!({"minutes": 5, "redeem": {"order_id": "P", "points_max": 9, "brand": brand}});
    for key in [operator.as_str(), &anywhere, ADMIN_KEY] {
        assert_eq!(ask(key, &path, spend("P", 9)).await, "/redeem/brand required", "an order is a brand's");
        assert_eq!(ask(key, &path, at("bean")).await, "201");
        assert_eq!(ask(key, &path, at("nope")).await, "404");
        assert_eq!(ask(key, &path, at("tea")).await, "403", "a partner asks for its redemptions itself");
        assert_eq!(ask(key, &path, json!({"minutes": 5})).await, "201");
    }
    assert_eq!(ask(&page.till, &path, at("acme")).await, "201");
    assert_eq!(ask(&page.till, &path, at("bean")).await, "403");
    for (minutes, want) in [(0, "/minutes out_of_range"), (16, "/minutes out_of_range"), (15, "201")] {
        assert_eq!(ask(&page.till, &path, json!({"minutes": minutes})).await, want);
    }
    assert_eq!(ask(&page.till, &format!("/members/{NOBODY}/tokens"), json!({"minutes": 5})).await, "404");
    let token = page.token(json!({"minutes": 5})).await;
    assert_eq!(ask(&token, &path, json!({"minutes": 5})).await, "403", "a token makes none");
    // Of the brand it was made for.
    let of_bean = shop.call_as(&anywhere, "POST", &path, &at("bean"), None).await.body["token"].clone();
    let body = json!({"brand": "bean", "points": 9, "for": {"kind": "order", "order_id": "P"}});
    assert_eq!(page.redeem(of_bean.as_str().unwrap(), body).await.status, 200);
    let body = json!({"brand": "acme", "points": 9, "for": {"kind": "order", "order_id": "P"}});
    assert_eq!(page.redeem(of_bean.as_str().unwrap(), body).await.verdict(), "403 forbidden");
}
