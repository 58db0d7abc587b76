//! Who may do what: every route for every role, and keys through their life.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{ADMIN_KEY, START, Shop, program},
};

/// Who asks, in the order of the columns below.
const CALLERS: [&str; 8] =
    ["admin", "operator", "storefront", "of acme", "of bean", "scheduler", "revoked", "nobody"];

/// Every route, and what each caller gets. `{member}`, `{order}`, `{key}` stand for new ones each
/// time, `{n}` for a new number.
const ROUTES: &[(&str, &str, &str, [u16; 8])] = &[
    (
        "POST",
        "/register",
        r#"{"brand":"acme","identities":[{"kind":"external","channel":"c","value":"{n}"}]}"#,
        [201, 201, 201, 201, 403, 403, 401, 401],
    ),
    ("GET", "/members/{member}", "", [200, 200, 200, 200, 200, 403, 401, 401]),
    (
        "POST",
        "/members/find",
        r#"{"identity":{"kind":"external","channel":"tests","value":"known"}}"#,
        [200, 200, 200, 200, 200, 403, 401, 401],
    ),
    ("GET", "/members/{member}/ledger", "", [200, 200, 200, 200, 200, 403, 401, 401]),
    ("PATCH", "/members/{member}", r#"{"profile":{"name":"Li"}}"#, [200, 200, 403, 403, 403, 403, 401, 401]),
    (
        "POST",
        "/members/{member}/status",
        r#"{"status":"suspended","reason":"r"}"#,
        [200, 200, 403, 403, 403, 403, 401, 401],
    ),
    ("DELETE", "/members/{member}", "", [200, 200, 403, 403, 403, 403, 401, 401]),
    (
        "POST",
        "/earn-points",
        r#"{"member_id":"{member}","brand":"acme","order_id":"{n}","amount":"1"}"#,
        [200, 403, 200, 200, 403, 403, 401, 401],
    ),
    (
        "POST",
        "/redeem",
        r#"{"member_id":"{member}","brand":"acme","points":1,"for":{"kind":"order","order_id":"{n}"}}"#,
        [200, 403, 200, 200, 403, 403, 401, 401],
    ),
    (
        "POST",
        "/reverse",
        r#"{"brand":"acme","order_id":"{order}","refund":"all"}"#,
        [200, 200, 200, 200, 403, 403, 401, 401],
    ),
    (
        "POST",
        "/adjust",
        r#"{"member_id":"{member}","brand":"acme","points":1,"reason":"r","adjustment_id":"{n}"}"#,
        [200, 200, 403, 403, 403, 403, 401, 401],
    ),
    (
        "POST",
        "/issue-badge",
        r#"{"member_id":"{member}","badge":"founder"}"#,
        [201, 201, 403, 403, 403, 403, 401, 401],
    ),
    ("POST", "/evaluate-tier", "{}", [200, 200, 403, 403, 403, 200, 401, 401]),
    ("POST", "/expire-points", "{}", [200, 200, 403, 403, 403, 200, 401, 401]),
    ("POST", "/settle", r#"{"month":"2026-01"}"#, [200, 403, 403, 403, 403, 200, 401, 401]),
    ("GET", "/settlements", "", [200, 200, 403, 200, 200, 403, 401, 401]),
    ("GET", "/settlements/{month}", "", [200, 200, 403, 200, 200, 403, 401, 401]),
    ("POST", "/settlements/{month}/paid", r#"{"brand":"acme"}"#, [200, 403, 403, 403, 403, 403, 401, 401]),
    ("GET", "/program", "", [200, 200, 200, 200, 200, 200, 401, 401]),
    ("PUT", "/program", "{program}", [200, 200, 403, 403, 403, 403, 401, 401]),
    ("GET", "/keys", "", [200, 403, 403, 403, 403, 403, 401, 401]),
    ("POST", "/keys", r#"{"name":"n","roles":["storefront"]}"#, [201, 403, 403, 403, 403, 403, 401, 401]),
    ("POST", "/keys/{key}/rotate", "{}", [200, 403, 403, 403, 403, 403, 401, 401]),
    ("DELETE", "/keys/{key}", "", [200, 403, 403, 403, 403, 403, 401, 401]),
];

async fn keys(shop: &Shop) -> Vec<String> {
    let mut keys = vec![ADMIN_KEY.to_owned()];
    for (role, brand) in [
        ("operator", None),
        ("storefront", None),
        ("storefront", Some("acme")),
        ("storefront", Some("bean")),
        ("scheduler", None),
        ("admin", None),
    ] {
        keys.push(shop.caller(&[role], brand).await.1);
    }
    let list = shop.ok("GET", "/keys", Value::Null).await;
    let mut others = list["keys"].as_array().unwrap().iter().filter(|key| key["name"] != "first admin");
    let last = others.rfind(|key| key["roles"] == json!(["admin"])).unwrap();
    shop.ok("DELETE", &format!("/keys/{}", last["id"].as_str().unwrap()), Value::Null).await;
    keys.push("nobody".to_owned());
    keys
}

/// Puts new things in place of what stands in braces.
async fn filled(shop: &Shop, text: &str) -> String {
    let mut text =
        text.replace("{n}", &format!("n-{}", shop.fresh())).replace("{program}", &program().to_string());
    text = text.replace("{month}", "2026-02");
    if text.contains("{member}") || text.contains("{order}") {
        let (member, order) = (shop.somebody().await, format!("o-{}", shop.fresh()));
        shop.earn(&member, &order, "10").await;
        text = text.replace("{member}", &member).replace("{order}", &order);
    }
    if text.contains("{key}") {
        text = text.replace("{key}", &shop.caller(&["storefront"], None).await.0);
    }
    text
}

#[tokio::test]
async fn every_route_for_every_role() {
    // In February something was earned, and the month is closed.
    let shop = Shop::open(&program(), "2026-02-02T10:00:00+08:00").await;
    let known = shop.member("known").await;
    shop.earn(&known, "known", "10").await;
    shop.at(START);
    shop.ok("POST", "/settle", json!({"month": "2026-02"})).await;
    let keys = keys(&shop).await;
    for (method, path, body, wants) in ROUTES {
        for ((caller, key), want) in CALLERS.iter().zip(&keys).zip(wants) {
            let both = filled(&shop, &format!("{path} {body}")).await;
            let (path, body) = both.split_once(' ').unwrap();
            let bearer = format!("Bearer {key}");
            let headers = [("authorization", bearer.as_str())];
            let headers = if *caller == "nobody" { &[][..] } else { &headers[..] };
            let before = shop.snapshot().await;
            let reply = shop.send(method, path, headers, body.as_bytes()).await;
            assert_eq!(reply.status, *want, "{caller}: {method} {path}: {}", reply.body);
            assert!(
                *want < 400 || before == shop.snapshot().await,
                "{caller}: {method} {path} wrote something"
            );
        }
    }
}

/// A new route is a new row above.
#[test]
fn no_route_is_left_out() {
    let tested = ROUTES.iter().map(|(method, path, ..)| {
        format!("{method} {}", path.replace("{member}", "{id}").replace("{key}", "{id}"))
    });
    let tested: Vec<String> = tested.collect();
    let routes = server::FUNCTIONS.iter().flat_map(|function| {
        function
            .routes
            .iter()
            .map(|route| format!("{} /{}{}", route.method.word(), function.name, route.path))
    });
    assert_eq!(tested.iter().cloned().collect::<BTreeSet<_>>(), routes.collect());
    assert_eq!(tested.len(), tested.iter().collect::<BTreeSet<_>>().len(), "a row stands twice");
}

/// Another brand's redemption is not there for a storefront that is bound to its own.
#[tokio::test]
async fn another_brands_redemption_is_not_found() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "10").await;
    let redeemed = shop.redeem(&member, "R-1", 5).await["redemption_id"].clone();
    let (_, bean) = shop.caller(&["storefront"], Some("bean")).await;
    let (_, acme) = shop.caller(&["storefront"], Some("acme")).await;
    let body = json!({"redemption_id": redeemed});
    assert_eq!(
        shop.call_as(&bean, "POST", "/reverse", &body, None).await.verdict(),
        "404 redemption_not_found"
    );
    // What bean cannot see it is told as if it were not there, in the same words.
    let nothing = json!({"redemption_id": "rdm_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    assert_eq!(
        shop.call_as(&bean, "POST", "/reverse", &nothing, None).await.verdict(),
        "404 redemption_not_found"
    );
    assert_eq!(shop.call_as(&acme, "POST", "/reverse", &body, None).await.status, 200);
    // Own brands are one house: a member of acme earns and redeems at bean.
    let earn = json!({"member_id": member, "brand": "bean", "order_id": "A-1", "amount": "10"});
    let earned = shop.call_as(&bean, "POST", "/earn-points", &earn, None).await;
    assert_eq!((earned.status, &earned.body["granted"]), (200, &json!(5)));
    let redeem = json!({"member_id": member, "brand": "bean", "points": 12, "for": {"kind": "order", "order_id": "R-1"}});
    let redeemed = shop.call_as(&bean, "POST", "/redeem", &redeem, None).await;
    let lots = redeemed.body["entry"]["lots"].as_array().unwrap();
    let lots: Vec<_> =
        lots.iter().map(|lot| (lot["brand"].as_str().unwrap(), lot["points"].as_i64().unwrap())).collect();
    assert_eq!(lots, [("acme", -10), ("bean", -2)], "what acme issued and bean honoured is told apart");
}

#[tokio::test]
async fn keys_through_their_life() {
    let shop = Shop::usual().await;
    let made = shop
        .ok("POST", "/keys", json!({"name": "till 4", "roles": ["storefront", "scheduler"], "brand": "acme"}))
        .await;
    let (id, first) = (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned());
    assert!(first.starts_with("lk_") && first.len() >= 35, "{first}");
    let asks = async |key: &str| shop.call_as(key, "GET", "/program", &Value::Null, None).await.status;
    assert_eq!(asks(&first).await, 200);
    let second =
        shop.ok("POST", &format!("/keys/{id}/rotate"), json!({})).await["key"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!((asks(&first).await, asks(&second).await), (401, 200), "the old key is dead at once");
    let records = shop.snapshot().await;
    let stored = |key: &str| {
        records.iter().any(|(_, record)| record.value.windows(key.len()).any(|part| part == key.as_bytes()))
    };
    assert!(!stored(&first) && !stored(&second) && !stored(ADMIN_KEY), "keys are stored hashed");
    let listed = shop.ok("GET", "/keys", Value::Null).await;
    assert!(!listed.to_string().contains("lk_"), "a list never shows a key");
    let own = listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == id.as_str()).unwrap();
    assert_eq!(
        (&own["generation"], &own["revoked_at"], &own["brand"]),
        (&json!(2), &Value::Null, &json!("acme"))
    );
    shop.ok("DELETE", &format!("/keys/{id}"), Value::Null).await;
    assert_eq!(asks(&second).await, 401);
    // Revoked for good: there is no new key for it.
    shop.refused("404 key_not_found", "POST", &format!("/keys/{id}/rotate"), json!({})).await;
    shop.refused(
        "404 brand_not_found",
        "POST",
        "/keys",
        json!({"name": "n", "roles": ["admin"], "brand": "nope"}),
    )
    .await;
    for roles in [json!([]), json!(["root"]), json!(["partner"]), json!("admin")] {
        shop.refused("422 invalid_field", "POST", "/keys", json!({"name": "n", "roles": roles})).await;
    }
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let shop = Shop::usual().await;
    for _ in 0..6 {
        shop.caller(&["operator"], None).await;
    }
    let all = shop.ok("GET", "/keys", Value::Null).await["keys"].clone();
    let (mut paged, mut path) = (Vec::new(), "/keys?limit=3".to_owned());
    loop {
        let page = shop.ok("GET", &path, Value::Null).await;
        paged.extend(page["keys"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/keys?limit=3&cursor={cursor}");
    }
    assert_eq!((json!(paged), paged.len()), (all, 7));
    shop.refused("422 invalid_field", "GET", "/keys?cursor=key_01ARZ3NDEKTSV4RRFFQ69G5FAV", Value::Null)
        .await;
    shop.refused("422 invalid_field", "GET", "/keys?limit=201", Value::Null).await;
}

/// The clock is moved by admins alone, and never back.
#[tokio::test]
async fn the_test_clock_is_an_admins() {
    let shop = Shop::usual().await;
    let (_, operator) = shop.caller(&["operator"], None).await;
    let ask = async |key: &str, at: &str| {
        let bearer = format!("Bearer {key}");
        shop.send("GET", "/program", &[("authorization", &bearer), ("test-clock", at)], b"").await.verdict()
    };
    assert_eq!(ask(&operator, "2026-04-01T00:00:00Z").await, "403 forbidden");
    assert_eq!(ask(ADMIN_KEY, "2026-04-01T00:00:00Z").await, "200");
    assert_eq!(ask(ADMIN_KEY, "2026-04-01T00:00:00Z").await, "200", "to where it stands is no way back");
    assert_eq!(ask(ADMIN_KEY, "2026-03-31T23:59:59.999Z").await, "422 test_clock_refused");
}

#[test]
fn an_admin_of_one_brand_reaches_no_key_beyond_it() {
    run(async {
        let shop = Shop::usual().await;
        let (_, bound) = shop.caller(&["admin"], Some("acme")).await;
        let (own, _) = shop.caller(&["storefront"], Some("acme")).await;
        let (other, _) = shop.caller(&["storefront"], Some("bean")).await;
        let (house, _) = shop.caller(&["admin"], None).await;
        let ask = async |method: &str, path: String| {
            shop.call_as(&bound, method, &path, &json!({}), None).await.verdict()
        };
        for (key, want) in [(&own, "200"), (&other, "404 key_not_found"), (&house, "404 key_not_found")] {
            assert_eq!(ask("POST", format!("/keys/{key}/rotate")).await, want);
            let reply = shop.call_as(&bound, "DELETE", &format!("/keys/{key}"), &Value::Null, None).await;
            assert_eq!(reply.verdict(), want);
        }
        let listed = shop.call_as(&bound, "GET", "/keys", &Value::Null, None).await.body;
        let brands = listed["keys"].as_array().unwrap().iter().map(|key| key["brand"].clone());
        assert_eq!(brands.collect::<Vec<_>>(), [json!("acme"), json!("acme")]);
    });
}

#[test]
fn equal_requests_for_a_key_at_once_get_one_answer() {
    run(async {
        let shop = std::sync::Arc::new(Shop::usual().await);
        let (id, _) = shop.caller(&["storefront"], None).await;
        for (path, body, once) in [
            ("/keys".to_owned(), json!({"name": "till", "roles": ["storefront"]}), "made-once"),
            (format!("/keys/{id}/rotate"), json!({}), "rotated-once"),
        ] {
            let asked = (0..16).map(|_| {
                let (shop, path, body) = (shop.clone(), path.clone(), body.clone());
                tokio::spawn(async move { shop.call_with("POST", &path, &body, Some(once)).await })
            });
            let asked: Vec<_> = asked.collect();
            let mut answers = BTreeSet::new();
            for reply in asked {
                let reply = reply.await.unwrap();
                assert!(reply.status < 300, "{path}: {}", reply.body);
                answers.insert(reply.bytes);
            }
            assert_eq!(answers.len(), 1, "{path}");
        }
    });
}
