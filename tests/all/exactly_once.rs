//! Exactly once: the same key gets the first answer again, byte for byte; another body is refused;
//! another caller's key is another key; natural keys hold without a header.

use domain::id::{BrandId, OrderId};
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    codes::{by_code, film},
    difference::same,
    support::{ADMIN_KEY, Shop},
};

/// A POST that writes: twice what is asked, differently.
struct Write {
    path: String,
    body: Value,
    other_path: String,
    other: Value,
}

fn write(path: &str, body: Value, other: Value) -> Write {
    Write { path: path.to_owned(), body, other_path: path.to_owned(), other }
}

fn order(member: &str, order_id: &str, amount: &str) -> Value {
    json!({"member_id": member, "brand": "acme", "order_id": order_id, "amount": amount})
}

fn redemption(member: &str, order_id: &str, points: u64) -> Value {
    let spent_on = json!({"kind": "order", "order_id": order_id});
    json!({"member_id": member, "brand": "acme", "points": points, "for": spent_on})
}

fn person(value: &str) -> Value {
    json!({"brand": "acme", "identities": [{"kind": "external", "channel": "tests", "value": value}]})
}

fn status(status: &str) -> Value {
    json!({"status": status, "reason": "tests"})
}

/// Every POST that writes, in an order in which all succeed.
async fn writes(shop: &Shop) -> Vec<Write> {
    let (member, other) = (shop.somebody().await, shop.somebody().await);
    shop.earn(&member, "A-1", "1000").await;
    shop.earn(&other, "A-2", "1000").await;
    let mut redeemed = Vec::new();
    for id in ["R-1", "R-2"] {
        redeemed.push(shop.redeem(&member, id, 10).await["redemption_id"].as_str().unwrap().to_owned());
    }
    let at = |path: &str, other: &str, body: Value| Write {
        other_path: other.to_owned(),
        ..write(path, body.clone(), body)
    };
    let webhook = |url: &str| json!({"url": url, "types": ["points.*"], "brand": "acme"});
    let mut hooks = Vec::new();
    for url in ["https://one.example.com/", "https://two.example.com/"] {
        let made = shop.ok("POST", "/webhooks", webhook(url)).await;
        hooks.push(made["id"].as_str().unwrap().to_owned());
    }
    let of_hook = |verb: &str, body: Value| {
        at(&format!("/webhooks/{}/{verb}", hooks[0]), &format!("/webhooks/{}/{verb}", hooks[1]), body)
    };
    let time = json!({"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"});
    let (key, other_key) =
        (shop.caller(&["operator"], None).await.0, shop.caller(&["operator"], None).await.0);
    let activity = |member: &str| json!({"member_id": member, "brand": "acme", "activity": "check_in"});
    let refund = |amount: &str| json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": amount}});
    let adjust = |id: &str| json!({"member_id": member, "brand": "acme", "points": 3, "reason": "r", "adjustment_id": id});
    let badge = |member: &str| json!({"member_id": member, "badge": "founder"});
    let scan = |token: &str| json!({"token": token, "brand": "acme", "spend": true});
    let further =
        |value: &str| json!({"identity": {"kind": "external", "channel": "further", "value": value}});
    let caller = |name: &str| json!({"name": name, "roles": ["storefront"], "brand": "acme"});
    let double = |other: &str| json!({"member_id": other, "reason": "r"});
    let doubles =
        [shop.somebody().await, shop.somebody().await, shop.somebody().await, shop.somebody().await];
    let mut merges = Vec::new();
    for other in &doubles[2..] {
        let merged = shop.ok("POST", &format!("/members/{member}/merge"), double(other)).await;
        merges.push(json!({"merge_id": merged["merge_id"], "reason": "r"}));
    }
    let offer = json!({"brand": "acme", "name": {"zh": "礼", "en": "Gift"}, "how": "issue",
        "gives": {"discount": {"amount": "1.00"}}});
    shop.ok("PUT", "/offers/gift", offer).await;
    let issue = |id: &str| json!({"member_id": member, "offer": "gift", "issue_id": id, "reason": "r"});
    let mut grants = Vec::new();
    for id in ["i-0", "i-00"] {
        let issued = shop.ok("POST", "/grants", issue(id)).await;
        grants.push(format!("/grants/{}/revoke", issued["grant"]["id"].as_str().unwrap()));
    }
    let used = |order: &str| {
        json!({"member_id": member, "brand": "acme", "order_id": order,
        "lines": [{"line_id": "1", "quantity": 1, "amount": "5.00"}]})
    };
    for id in ["film_1", "film_2"] {
        shop.ok("PUT", &format!("/offers/{id}"), film(0)).await;
    }
    for id in ["code_1", "code_2"] {
        shop.ok("PUT", &format!("/offers/{id}"), by_code()).await;
        let printed =
            shop.call("POST", &format!("/offers/{id}/codes"), json!({"batch_id": "b_1", "count": 1})).await;
        assert_eq!(printed.status, 200, "{}", printed.body);
    }
    let batch = json!({"batch_id": "b1", "codes": ["A-1", "A-2"]});
    vec![
        write("/grants", issue("i-1"), issue("i-2")),
        at(&grants[0], &grants[1], json!({"reason": "r"})),
        write("/use", used("U-1"), used("U-2")),
        at("/offers/film_1/stock", "/offers/film_2/stock", batch),
        at("/offers/code_1/codes", "/offers/code_2/codes", json!({"batch_id": "b1", "count": 3})),
        at("/offers/code_1/codes/b_1/revoke", "/offers/code_2/codes/b_1/revoke", json!({"reason": "r"})),
        write("/register", person("new"), person("newer")),
        write("/earn-points", order(&member, "B-1", "10"), order(&member, "B-2", "10")),
        write("/earn-points", activity(&member), activity(&other)),
        write("/redeem", redemption(&member, "B-3", 5), redemption(&member, "B-4", 5)),
        write("/reverse", refund("20.00"), refund("30.00")),
        write("/reverse", json!({"redemption_id": redeemed[0]}), json!({"redemption_id": redeemed[1]})),
        write("/adjust", adjust("d-1"), adjust("d-2")),
        write("/issue-badge", badge(&member), badge(&other)),
        write("/evaluate-tier", json!({}), json!({"as_of": "2026-03-01T00:00:00Z"})),
        write("/expire-points", json!({}), json!({"member_id": member})),
        write("/keys", caller("one"), caller("two")),
        at(&format!("/keys/{key}/rotate"), &format!("/keys/{other_key}/rotate"), json!({})),
        Write {
            other_path: format!("/members/{other}/identities"),
            ..write(&format!("/members/{member}/identities"), further("one"), further("two"))
        },
        at(&format!("/members/{member}/tags"), &format!("/members/{other}/tags"), json!({"add": ["vip"]})),
        at(
            &format!("/members/{member}/link-code"),
            &format!("/members/{other}/link-code"),
            json!({"brand": "tea"}),
        ),
        write("/scan", scan(&shop.card(&member).await), scan(&shop.card(&other).await)),
        at(&format!("/members/{member}/card/replace"), &format!("/members/{other}/card/replace"), json!({})),
        write("/webhooks", webhook("https://three.example.com/"), webhook("https://four.example.com/")),
        of_hook("rotate", json!({})),
        of_hook("test", json!({})),
        of_hook("enable", json!({})),
        of_hook("redeliver", time),
        write(&format!("/members/{member}/merge"), double(&doubles[0]), double(&doubles[1])),
        write(&format!("/members/{member}/unmerge"), merges[0].clone(), merges[1].clone()),
        at(&format!("/members/{member}/status"), &format!("/members/{other}/status"), status("suspended")),
    ]
}

#[tokio::test]
async fn every_post_that_writes_is_done_once() {
    let shop = Shop::coalition().await;
    let (_, somebody) = shop.caller(&["admin"], None).await;
    for (row, Write { path, body, other_path, other }) in writes(&shop).await.into_iter().enumerate() {
        let key = format!("same-key-{row}");
        let first = shop.call_with("POST", &path, &body, Some(&key)).await;
        assert!(first.status < 300 && !first.replayed(), "{path} {body}: {}", first.body);
        let before = shop.snapshot().await;

        let again = shop.call_with("POST", &path, &body, Some(&key)).await;
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "{path} {body}");
        assert!(again.replayed(), "{path} {body}: Idempotency-Replayed");
        let reused = shop.call_with("POST", &other_path, &other, Some(&key)).await;
        assert_eq!(reused.verdict(), "422 idempotency_key_reused", "{other_path} {other}");
        assert!(before == shop.snapshot().await, "{path} {body}: a repeat wrote something");

        let another = shop.call_as(&somebody, "POST", &other_path, &other, Some(&key)).await;
        assert!(another.status < 300 && !another.replayed(), "{other_path} {other}: {}", another.body);
    }
}

/// The table above misses no route that remembers.
#[tokio::test]
async fn no_route_that_remembers_is_left_out() {
    let shop = Shop::coalition().await;
    let mut tested: BTreeSet<String> = writes(&shop).await.iter().map(|write| bare(&write.path)).collect();
    // A partner's alone: in `links.rs`.
    tested.insert("/link".to_owned());
    // In `accounts.rs` and `partners.rs`.
    tested.extend(["/partners/{id}/blocks", "/partners/{id}/keys"].map(str::to_owned));
    // In `referral.rs`.
    tested.insert("/referrals/{id}".to_owned());
    // In `settlement_close.rs`.
    tested.extend(["/settle", "/settlements/{month}/paid"].map(str::to_owned));
    let remembering = server::FUNCTIONS.iter().flat_map(|function| {
        let routes = function.routes.iter().filter(|route| route.remembers);
        routes.map(|route| format!("/{}{}", function.name, route.path))
    });
    same(
        "routes that are asked twice",
        tested,
        remembering,
        "give a new route that remembers a row in `writes` above; or test it beside its function, and add it here",
    );
    // A POST that does not remember writes nothing; or, as an import, what has a name in its rows.
    let others = server::FUNCTIONS.iter().flat_map(|function| function.routes);
    let others = others.filter(|route| route.method == edge::Method::Post && !route.remembers);
    same(
        "POSTs that do not remember",
        others.map(|route| route.path),
        ["/find", "/{id}/tokens", ""],
        "a POST that writes says `remembers: true`; one that writes nothing is added here",
    );
}

/// The path with ids as `{id}`.
fn bare(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "b_1" => "{batch}",
        part if part.contains('_') => "{id}",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A request with a natural key is done once, even without the header.
#[tokio::test]
async fn natural_keys_hold_without_the_header() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1000").await;
    let named = json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "5"}, "refund_id": "f-1"});
    let adjust =
        json!({"member_id": member, "brand": "acme", "points": 3, "reason": "r", "adjustment_id": "d-1"});
    let visit = json!({"member_id": member, "brand": "acme", "activity": "check_in", "activity_ref": "v-1"});
    let rows = [
        ("/earn-points", order(&member, "B-1", "10"), ("amount", json!("10.00"))),
        ("/earn-points", visit, ("occurred_at", json!("2026-03-01T00:00:00Z"))),
        ("/redeem", redemption(&member, "B-3", 5), ("points", json!(6))),
        ("/reverse", named, ("refund", json!({"amount": "6"}))),
        ("/adjust", adjust, ("reason", json!("other"))),
    ];
    for (path, body, (field, value)) in rows {
        let first = shop.call("POST", path, body.clone()).await;
        assert_eq!(first.status, 200, "{path}: {}", first.body);
        let before = shop.snapshot().await;
        let again = shop.call("POST", path, body.clone()).await;
        assert!(again.replayed(), "{path}: Idempotency-Replayed");
        assert_eq!(again.bytes, first.bytes, "{path}");
        let mut other = body.clone();
        other[field] = value;
        shop.refused("409 order_conflict", "POST", path, other).await;
        assert!(before == shop.snapshot().await, "{path}: a repeat wrote something");

        // With a new key it is also repeated, and then the key stands for it.
        let later = format!("later {}", body["activity_ref"]).replace(['"', ' '], "-");
        let keyed = shop.call_with("POST", path, &body, Some(&later)).await;
        assert!(keyed.replayed() && keyed.bytes == first.bytes, "{path}: {}", keyed.body);
        let mut unseen = body.clone();
        let id = ["order_id", "activity_ref", "refund_id", "adjustment_id"]
            .into_iter()
            .find(|id| body.get(id).is_some());
        match id {
            Some(id) => unseen[id] = json!("unseen"),
            None => unseen["for"]["order_id"] = json!("unseen"),
        }
        let reused = shop.call_with("POST", path, &unseen, Some(&later)).await;
        assert_eq!(reused.verdict(), "422 idempotency_key_reused", "{path}");
    }
    let first = shop.call("POST", "/register", person("natural")).await;
    let again = shop.call("POST", "/register", person("natural")).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.body["member"]["id"], again.body["member"]["id"]);
    let badge = json!({"member_id": member, "badge": "founder"});
    let (first, again) = (
        shop.call("POST", "/issue-badge", badge.clone()).await,
        shop.call("POST", "/issue-badge", badge).await,
    );
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(shop.show(&member).await["badges"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_follows_its_caller_through_a_rotation() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let (id, key) = shop.caller(&["storefront"], None).await;
    let body = order(&member, "A-1", "10");
    let first = shop.call_as(&key, "POST", "/earn-points", &body, Some("k")).await;
    let rotated = shop.ok("POST", &format!("/keys/{id}/rotate"), json!({})).await;
    let old = shop.call_as(&key, "POST", "/earn-points", &body, Some("k")).await;
    assert_eq!(old.verdict(), "401 unauthenticated");
    let new = rotated["key"].as_str().unwrap();
    let again = shop.call_as(new, "POST", "/earn-points", &body, Some("k")).await;
    assert!(again.replayed() && again.bytes == first.bytes, "{}", again.body);
    let reused = shop.call_as(new, "POST", "/earn-points", &order(&member, "A-2", "1"), Some("k")).await;
    assert_eq!(reused.verdict(), "422 idempotency_key_reused");
    assert_eq!(first.body["entry"]["by"], id);
}

/// A refusal is not remembered: the same key succeeds once the reason is gone.
#[tokio::test]
async fn refusals_are_not_remembered() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let body = redemption(&member, "B-1", 50);
    let before = shop.snapshot().await;
    let refused = shop.call_with("POST", "/redeem", &body, Some("k")).await;
    assert_eq!(refused.verdict(), "409 insufficient_points");
    assert!(before == shop.snapshot().await);
    shop.earn(&member, "A-1", "50").await;
    let done = shop.call_with("POST", "/redeem", &body, Some("k")).await;
    assert_eq!((done.status, done.replayed()), (200, false));
    assert!(shop.call_with("POST", "/redeem", &body, Some("k")).await.replayed());
}

/// An answer that changed nothing is an answer too: a retry must not do later what was not done then.
#[tokio::test]
async fn nothing_to_do_is_remembered() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let path = format!("/members/{member}/status");
    let first = shop.call_with("POST", &path, &status("active"), Some("k")).await;
    assert_eq!((first.status, &first.body["entry"]), (200, &Value::Null));
    shop.ok("POST", &path, status("suspended")).await;
    let again = shop.call_with("POST", &path, &status("active"), Some("k")).await;
    assert!(again.replayed() && again.bytes == first.bytes, "{}", again.body);
    assert_eq!(shop.show(&member).await["status"], "suspended");
    let other = shop.call_with("POST", &path, &status("closed"), Some("k")).await;
    assert_eq!(other.verdict(), "422 idempotency_key_reused");
}

#[tokio::test]
async fn a_cancelled_redemption_stays_cancelled() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    let body = redemption(&member, "B-1", 60);
    let first = shop.call_with("POST", "/redeem", &body, Some("k")).await;
    let cancel = json!({"redemption_id": first.body["redemption_id"]});
    let cancelled = shop.call_with("POST", "/reverse", &cancel, Some("c")).await;
    assert_eq!((cancelled.status, &cancelled.body["restored"]), (200, &json!(60)));
    shop.refused("409 already_cancelled", "POST", "/redeem", body.clone()).await;
    shop.refused("409 already_cancelled", "POST", "/reverse", cancel.clone()).await;
    let fresh = shop.call_with("POST", "/redeem", &body, Some("other")).await;
    assert_eq!(fresh.verdict(), "409 already_cancelled");
    for (path, body, key, first) in [("/redeem", &body, "k", &first), ("/reverse", &cancel, "c", &cancelled)]
    {
        let again = shop.call_with("POST", path, body, Some(key)).await;
        assert!(again.replayed() && again.bytes == first.bytes, "{path}: {}", again.body);
    }
    assert_eq!(shop.show(&member).await["points"]["available"], 100);
}

/// A dry run writes nothing, not even its key, and answers as the real one would.
#[tokio::test]
async fn a_dry_run_answers_as_the_real_one() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "450").await;
    // A lot and a tier's period have ended: the dry run settles, and does not write that either.
    shop.at("2028-06-01T00:00:00+08:00");
    let redeemed = json!({"redemption_id": edge::wire::id(engine::redemption_id(&BrandId::of_checked("acme"), &OrderId::of_checked("B-3"), None))});
    let rows = [
        ("/earn-points", order(&member, "B-1", "700")),
        ("/earn-points", json!({"member_id": member, "brand": "acme", "activity": "bind"})),
        ("/redeem", redemption(&member, "B-3", 5)),
        ("/reverse", redeemed),
        ("/reverse", json!({"brand": "acme", "order_id": "B-1", "refund": "all"})),
    ];
    for (path, body) in rows {
        let mut dry = body.clone();
        dry["dry_run"] = json!(true);
        let before = shop.snapshot().await;
        let tried = shop.call_with("POST", path, &dry, Some(path)).await;
        assert_eq!(tried.status, 200, "{path} {body}: {}", tried.body);
        assert!(before == shop.snapshot().await, "{path} {body}: a dry run wrote something");
        let real = shop.call("POST", path, body.clone()).await;
        assert_eq!(tried.bytes, real.bytes, "{path} {body}");
        let mut refused = dry.clone();
        refused["member_id"] = json!("mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV");
        let reply = shop.call("POST", path, refused).await;
        assert!(reply.status >= 400, "{path}: {}", reply.body);
    }
    let short = json!({"member_id": member, "brand": "acme", "points": 9999, "for": {"kind": "order", "order_id": "Z"}, "dry_run": true});
    shop.refused("409 insufficient_points", "POST", "/redeem", short).await;
}

/// An unfinished sweep is not remembered: the same key continues it.
#[tokio::test]
async fn an_unfinished_sweep_is_not_remembered() {
    let mut program = crate::support::program();
    program["points"]["expiry"] = json!({"mode": "days", "days": 1});
    program["late_days"] = json!(200);
    let shop = Shop::open(&program, "2026-03-02T10:00:00+08:00").await;
    let member = shop.somebody().await;
    for day in 0..90 {
        let expires_at = format!("2026-{:02}-{:02}T00:00:00+08:00", 4 + day / 28, 1 + day % 28);
        let body = json!({"member_id": member, "brand": "acme", "points": 1, "reason": "r", "adjustment_id": format!("d{day}"), "expires_at": expires_at});
        shop.ok("POST", "/adjust", body).await;
    }
    shop.at("2026-09-01T00:00:00+08:00");
    let (mut expired, mut calls) = (0, 0);
    loop {
        let swept = shop.call_with("POST", "/expire-points", &json!({}), Some("nightly")).await;
        assert!(!swept.replayed(), "{}", swept.body);
        expired += swept.body["points_expired"].as_u64().unwrap();
        calls += 1;
        if swept.body["done"] == true {
            break;
        }
    }
    assert_eq!((expired, calls > 1), (90, true));
    assert!(shop.call_with("POST", "/expire-points", &json!({}), Some("nightly")).await.replayed());
}

/// The answer to a registration holds personal data: it is deleted with the person.
#[tokio::test]
async fn a_remembered_registration_goes_with_the_person() {
    let shop = Shop::usual().await;
    let mut body = person("lei");
    body["profile"] = json!({"name": "李雷"});
    let first = shop.call_with("POST", "/register", &body, Some("k")).await;
    let (id, again) =
        (first.body["member"]["id"].clone(), shop.call_with("POST", "/register", &body, Some("k")).await);
    assert_eq!(again.bytes, first.bytes);
    assert!(again.replayed());
    shop.ok("DELETE", &format!("/members/{}", id.as_str().unwrap()), Value::Null).await;
    let gone = shop.call_with("POST", "/register", &body, Some("k")).await;
    assert_eq!(gone.verdict(), "404 member_not_found");
    let anew = shop.call_with("POST", "/register", &body, Some("k2")).await;
    assert_eq!(anew.status, 201);
    assert_ne!(anew.body["member"]["id"], id);
}

/// Two bodies of equal content are one: order of names and space do not count.
#[tokio::test]
async fn content_counts_and_not_its_form() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let authorization = format!("Bearer {ADMIN_KEY}");
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", "k")];
    let one = format!(r#"{{"member_id":"{member}","brand":"acme","order_id":"A","amount":"1"}}"#);
    let two = format!(
        r#"{{ "amount": "\u0031", "order_id": "A", "dry_run": false, "brand": "acme", "member_id": "{member}" }}"#
    );
    let first = shop.send("POST", "/earn-points", &headers, one.as_bytes()).await;
    let again = shop.send("POST", "/earn-points", &headers, two.as_bytes()).await;
    assert_eq!(first.bytes, again.bytes);
    assert!(again.replayed());
}
