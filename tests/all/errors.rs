//! Every row of the contract's table of errors: the status, the code and the data beside it.
//! That each has the members of RFC 9457 and its headers is checked on every answer (`wire.rs`).

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use crate::{
    failing::{Failing, Trouble},
    support::{ADMIN_KEY, Reply, START, Shop, program},
};

/// The contract's table.
const CONTRACT: &[(u16, &str)] = &[
    (400, "malformed_json"),
    (401, "unauthenticated"),
    (403, "forbidden"),
    (404, "member_not_found"),
    (404, "order_not_found"),
    (404, "redemption_not_found"),
    (404, "brand_not_found"),
    (404, "badge_not_found"),
    (405, "method_not_allowed"),
    (409, "insufficient_points"),
    (409, "identity_conflict"),
    (409, "order_conflict"),
    (409, "already_cancelled"),
    (409, "activity_limit"),
    (409, "too_many_refunds"),
    (409, "member_not_active"),
    (409, "over_refund"),
    (409, "version_conflict"),
    (409, "idempotency_in_progress"),
    (413, "body_too_large"),
    (415, "unsupported_media_type"),
    (429, "too_many_requests"),
    (422, "invalid_field"),
    (422, "occurred_in_future"),
    (422, "occurred_too_long_ago"),
    (422, "idempotency_key_reused"),
    (422, "invalid_program"),
    (422, "invalid_offer"),
    (503, "busy"),
    (503, "store_unavailable"),
];

/// Rows that this design never answers with, and why.
const UNREACHABLE: &[(u16, &str, &str)] = &[(
    409,
    "idempotency_in_progress",
    "the answer and what it answers are one commit: a key is unknown or answered, never in progress; \
         a second request with it waits for the first or loses the race and replays its answer",
)];

/// Rows that other tests produce: 200 refunds come before the refusal (`limits.rs`), or many requests
/// (`rates.rs`).
const ELSEWHERE: &[(u16, &str)] = &[(409, "too_many_refunds"), (429, "too_many_requests")];

struct Case {
    method: &'static str,
    path: String,
    body: Value,
    headers: Vec<(&'static str, String)>,
    status: u16,
    code: &'static str,
    data: Value,
}

fn post(path: &str, body: Value, status: u16, code: &'static str) -> Case {
    Case { method: "POST", path: path.to_owned(), body, headers: Vec::new(), status, code, data: json!({}) }
}

fn get(path: &str, status: u16, code: &'static str) -> Case {
    Case { method: "GET", ..post(path, Value::Null, status, code) }
}

impl Case {
    fn with(self, data: Value) -> Case {
        Case { data, ..self }
    }

    fn headers(self, headers: &[(&'static str, &str)]) -> Case {
        Case { headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), ..self }
    }

    async fn check(&self, shop: &Shop) -> Reply {
        let own = [("authorization", format!("Bearer {ADMIN_KEY}"))];
        let headers = if self.headers.is_empty() { &own[..] } else { &self.headers };
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = match &self.body {
            Value::Null => Vec::new(),
            Value::String(raw) => raw.clone().into_bytes(),
            body => body.to_string().into_bytes(),
        };
        let reply = shop.send(self.method, &self.path, &headers, &body).await;
        let asked = format!("{} {} {}", self.method, self.path, self.body);
        assert_eq!((reply.status, reply.code()), (self.status, self.code), "{asked}: {}", reply.body);
        for (name, want) in self.data.as_object().into_iter().flatten() {
            assert_eq!(&reply.body[name], want, "{asked}: {name}");
        }
        reply
    }
}

fn order(member: &str, order_id: &str, amount: &str) -> Value {
    json!({"member_id": member, "brand": "acme", "order_id": order_id, "amount": amount})
}

fn redemption(member: &str, order_id: &str, points: u64) -> Value {
    let spent_on = json!({"kind": "order", "order_id": order_id});
    json!({"member_id": member, "brand": "acme", "points": points, "for": spent_on})
}

fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

fn refund(order_id: &str, refund: Value) -> Value {
    json!({"brand": "acme", "order_id": order_id, "refund": refund})
}

fn person(identities: &[(&str, &str)]) -> Value {
    let identity =
        |(channel, value): &(&str, &str)| json!({"kind": "external", "channel": channel, "value": value});
    json!({"brand": "acme", "identities": identities.iter().map(identity).collect::<Vec<_>>()})
}

const NOBODY: &str = "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Conflicts and what does not exist.
fn refusals(member: &str, other: &str, gone: &str, redeemed: &str) -> Vec<Case> {
    let lines = json!([{"line_id": "1", "quantity": 3, "amount": "30"}, {"line_id": "2", "quantity": 1, "amount": "5"}]);
    let activity = |id: &str| json!({"member_id": member, "brand": "acme", "activity": id});
    let cancel = json!({"redemption_id": redeemed});
    let nothing = json!({"redemption_id": "rdm_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    let mut members = [member, other];
    members.sort_unstable();
    vec![
        get(&format!("/members/{NOBODY}"), 404, "member_not_found"),
        post("/earn-points", order(NOBODY, "X-1", "1"), 404, "member_not_found"),
        post("/reverse", refund("X-404", json!("all")), 404, "order_not_found"),
        post("/reverse", nothing, 404, "redemption_not_found"),
        post("/earn-points", with(order(member, "X-1", "1"), "brand", "nope"), 404, "brand_not_found"),
        post("/issue-badge", json!({"member_id": member, "badge": "nope"}), 404, "badge_not_found"),
        post("/earn-points", activity("nope"), 404, "activity_not_found"),
        post("/keys/key_01ARZ3NDEKTSV4RRFFQ69G5FAV/rotate", json!({}), 404, "key_not_found"),
        get("/nowhere", 404, "not_found"),
        post("/redeem", redemption(member, "X-2", 5_000), 409, "insufficient_points")
            .with(json!({"available": 90, "debt": 0})),
        post("/register", person(&[("tests", "one"), ("tests", "two")]), 409, "identity_conflict")
            .with(json!({"members": members})),
        post("/earn-points", order(member, "A-1", "101"), 409, "order_conflict"),
        post("/earn-points", order(other, "A-1", "100"), 409, "order_conflict"),
        post("/reverse", cancel, 409, "already_cancelled"),
        post("/redeem", redemption(member, "A-2", 10), 409, "already_cancelled"),
        post("/earn-points", activity("bind"), 409, "activity_limit"),
        post("/earn-points", order(gone, "X-3", "1"), 409, "member_not_active")
            .with(json!({"member_status": "closed"})),
        post("/reverse", refund("A-1", json!({"amount": "90.01"})), 409, "over_refund")
            .with(json!({"remaining": "90.00"})),
        post(
            "/reverse",
            refund("A-3", json!({"lines": [{"line_id": "1", "quantity": 4}]})),
            409,
            "over_refund",
        )
        .with(json!({"remaining": [{"line_id": "1", "quantity": 3}, {"line_id": "2", "quantity": 1}]})),
        post(
            "/reverse",
            refund("A-4", json!({"lines": [{"line_id": "1", "quantity": 3}]})),
            409,
            "over_refund",
        )
        .with(json!({"remaining": [{"line_id": "1", "quantity": 2}, {"line_id": "2", "quantity": 1}]})),
        post("/earn-points", with(order(member, "X-4", "34"), "lines", lines), 422, "invalid_field"),
    ]
}

/// What is wrong with the request itself.
fn requests(member: &str) -> Vec<Case> {
    let with_type =
        |kind: &str| [("content-type", kind.to_owned()), ("authorization", format!("Bearer {ADMIN_KEY}"))];
    let at = |instant: &str| with(order(member, "X-5", "1"), "occurred_at", instant);
    vec![
        post("/earn-points", json!("{\"brand\":"), 400, "malformed_json"),
        post("/earn-points", json!({}), 401, "unauthenticated").headers(&[("x-nothing", "1")]),
        get("/keys", 401, "unauthenticated").headers(&[("authorization", "Bearer wrong")]),
        get("/earn-points", 405, "method_not_allowed"),
        Case { method: "PUT", ..get(&format!("/members/{member}"), 405, "method_not_allowed") },
        post("/earn-points", json!(" ".repeat(400 * 1024)), 413, "body_too_large"),
        // A programme may be longer than other bodies, up to a limit of its own.
        Case { method: "PUT", ..post("/program", json!(" ".repeat(1024 * 1024)), 400, "malformed_json") },
        Case { method: "PUT", ..post("/program", json!(" ".repeat(1024 * 1024 + 1)), 413, "body_too_large") },
        Case {
            headers: with_type("text/plain").to_vec(),
            ..post("/earn-points", json!({}), 415, "unsupported_media_type")
        },
        post("/earn-points", at("2026-03-02T10:05:00.001+08:00"), 422, "occurred_in_future"),
        post("/earn-points", at("2023-02-25T09:59:59.999+08:00"), 422, "occurred_too_long_ago")
            .with(json!({"late_days": 1100})),
        Case { method: "PUT", ..post("/program", json!({"name": ""}), 422, "invalid_program") },
        Case { method: "PUT", ..post("/offers/x", json!({"name": ""}), 422, "invalid_offer") },
        Case { method: "PUT", ..post("/offers/x", json!(" ".repeat(400 * 1024)), 413, "body_too_large") },
        Case { method: "PUT", ..post("/offers/x", json!({"version": 1}), 409, "version_conflict") }
            .with(json!({"version": 0, "by": null, "at": null})),
        get("/offers/x", 404, "offer_not_found"),
        post("/evaluate-tier", json!({"as_of": "2026-03-02T10:00:00.001+08:00"}), 422, "invalid_field"),
    ]
}

/// A shop in which something has happened: the member has 90 points and order A-1, of which 10 were
/// taken back; the redemption of A-2 was cancelled; another is closed.
async fn prepared() -> (Shop, [String; 4]) {
    let shop = Shop::usual().await;
    let (member, other, gone) =
        (shop.member("one").await, shop.member("two").await, shop.member("three").await);
    shop.earn(&member, "A-1", "100").await;
    let bind = json!({"member_id": other, "brand": "acme", "activity": "bind"});
    shop.ok("POST", "/earn-points", bind.clone()).await;
    shop.ok("POST", "/earn-points", with(bind, "member_id", member.clone())).await;
    let redeemed = shop.redeem(&member, "A-2", 10).await["redemption_id"].as_str().unwrap().to_owned();
    shop.ok("POST", "/reverse", json!({"redemption_id": redeemed})).await;
    shop.ok("POST", "/reverse", refund("A-1", json!({"amount": "10"}))).await;
    let lines = json!([{"line_id": "1", "quantity": 3, "amount": "30"}, {"line_id": "2", "quantity": 1, "amount": "5"}]);
    let listed = json!({"member_id": other, "brand": "acme", "order_id": "A-3", "lines": lines});
    shop.ok("POST", "/earn-points", listed.clone()).await;
    shop.ok("POST", "/earn-points", with(listed, "order_id", "A-4")).await;
    shop.ok("POST", "/reverse", refund("A-4", json!({"lines": [{"line_id": "1", "quantity": 1}]}))).await;
    shop.ok(
        "POST",
        "/adjust",
        json!({"member_id": member, "brand": "acme", "points": -7, "reason": "r", "adjustment_id": "d"}),
    )
    .await;
    let close = json!({"status": "closed", "reason": "left"});
    shop.ok("POST", &format!("/members/{gone}/status"), close).await;
    (shop, [member, other, gone, redeemed])
}

#[tokio::test]
async fn every_row_of_the_contract_is_answered() {
    let (shop, [member, other, gone, redeemed]) = prepared().await;
    let before = shop.snapshot().await;
    let mut seen = BTreeSet::new();
    for case in refusals(&member, &other, &gone, &redeemed).iter().chain(&requests(&member)) {
        case.check(&shop).await;
        seen.insert((case.status, case.code));
    }
    assert!(before == shop.snapshot().await, "a refusal has written something");

    let (_, scheduler) = shop.caller(&["scheduler"], None).await;
    let reply = shop.call_as(&scheduler, "GET", "/keys", &Value::Null, None).await;
    assert_eq!(reply.verdict(), "403 forbidden");
    let reused =
        [json!({"member_id": member, "badge": "founder"}), json!({"member_id": other, "badge": "founder"})];
    shop.call_with("POST", "/issue-badge", &reused[0], Some("k")).await;
    let reply = shop.call_with("POST", "/issue-badge", &reused[1], Some("k")).await;
    assert_eq!(reply.verdict(), "422 idempotency_key_reused");
    seen.extend([(403, "forbidden"), (422, "idempotency_key_reused")]);
    for (trouble, verdict) in [(Trouble::Busy, "503 busy"), (Trouble::Unavailable, "503 store_unavailable")] {
        a_failing_store(trouble, verdict).await;
    }
    seen.extend([(503, "busy"), (503, "store_unavailable")]);

    let unreachable = UNREACHABLE.iter().map(|(status, code, _)| (*status, *code));
    let missing: Vec<_> = CONTRACT
        .iter()
        .filter(|row| {
            !seen.contains(row) && !ELSEWHERE.contains(row) && !unreachable.clone().any(|own| own == **row)
        })
        .collect();
    assert!(missing.is_empty(), "no test produces {missing:?}");
}

async fn a_failing_store(trouble: Trouble, verdict: &str) {
    let store = Arc::new(Failing::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let member = shop.somebody().await;
    let before = shop.snapshot().await;
    for (method, path, body) in [
        ("POST", "/earn-points".to_owned(), order(&member, "A-1", "10")),
        ("POST", "/register".to_owned(), person(&[("tests", "new")])),
        ("PATCH", format!("/members/{member}"), json!({"profile": {"name": "Li"}})),
        ("DELETE", format!("/members/{member}"), Value::Null),
        ("PUT", "/program".to_owned(), with(program(), "name", "Other")),
        ("POST", "/keys".to_owned(), json!({"name": "n", "roles": ["operator"]})),
    ] {
        store.fails_with(trouble);
        let reply = shop.call_with(method, &path, &body, Some("key")).await;
        assert_eq!(reply.verdict(), verdict, "{method} {path}");
        let inside = reply.body.to_string();
        assert!(!inside.contains("disk"), "the inside of the store is told: {inside}");
        store.works();
        assert!(before == shop.snapshot().await, "{method} {path} wrote something");
    }
    let reply = shop.call_with("POST", "/earn-points", &order(&member, "A-1", "10"), Some("key")).await;
    assert_eq!(
        (reply.status, reply.replayed()),
        (200, false),
        "the same key goes through once the store works"
    );
}

/// A request that is wrong in more than a hundred places gets the first hundred faults.
#[tokio::test]
async fn a_hundred_faults_are_told() {
    let shop = Shop::usual().await;
    let wrong: Vec<String> = (0..150).map(|number| format!("wrong{number}")).collect();
    let path = format!("/program?{}", wrong.join("&"));
    let reply = shop.refused("422 invalid_field", "GET", &path, Value::Null).await;
    let want: Vec<String> = (0..100).map(|number| format!("/query/wrong{number} unknown_field")).collect();
    assert_eq!(reply.faults(), want);
}

/// All faults of a request at once, each at its place.
#[tokio::test]
async fn faults_are_told_all_at_once() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let check = async |path: &str, body: Value, want: &[&str]| {
        let reply = shop.refused("422 invalid_field", "POST", path, body.clone()).await;
        let mut faults = reply.faults();
        faults.sort();
        assert_eq!(faults, want, "{path} {body}");
    };
    check(
        "/earn-points",
        json!({"member_id": "mbr_1", "brand": "../acme", "order_id": "", "amount": 9, "occurred_at": "today", "x": 1}),
        &[
            "/amount wrong_type",
            "/brand wrong_format",
            "/member_id wrong_format",
            "/occurred_at wrong_format",
            "/order_id wrong_format",
            "/x unknown_field",
        ],
    )
    .await;
    check(
        "/earn-points",
        json!({"brand": "acme", "amount": "1.234", "activity_ref": "r"}),
        &["/activity_ref unknown_field", "/amount wrong_format", "/member_id required", "/order_id required"],
    )
    .await;
    check(
        "/earn-points",
        json!({"member_id": member, "brand": "acme", "activity": "bind", "order_id": "1", "lines": [{"line_id": "1", "quantity": 1, "amount": "1"}]}),
        &["/lines unknown_field", "/order_id unknown_field"],
    )
    .await;
    check(
        "/register",
        json!({"brand": "acme", "identities": [{"kind": "phone", "value": "12"}, {"kind": "email", "value": "no"}, {"kind": "external", "value": "x"}],
               "profile": {"birthday": "2027-01-01"}}),
        &[
            "/identities/0/value too_short",
            "/identities/1/value wrong_format",
            "/identities/2/channel wrong_format",
            "/profile/birthday out_of_range",
        ],
    )
    .await;
    check(
        "/adjust",
        json!({"member_id": member, "brand": "acme", "reason": "r", "adjustment_id": "1", "points": 0}),
        &["/points required"],
    )
    .await;
    shop.earn(&member, "whole", "100").await;
    shop.ok(
        "POST",
        "/earn-points",
        json!({"member_id": member, "brand": "acme", "order_id": "lines",
        "lines": [{"line_id": "1", "quantity": 1, "amount": "1"}]}),
    )
    .await;
    for (order, refund, want) in [
        ("whole", json!({"lines": [{"line_id": "1", "quantity": 1}]}), "/refund/lines by_amount"),
        ("lines", json!({"amount": "1"}), "/refund/amount by_lines"),
        (
            "lines",
            json!({"lines": [{"line_id": "2", "quantity": 1}]}),
            "/refund/lines/0/line_id unknown_line",
        ),
        ("whole", json!({"amount": "0"}), "/refund/amount out_of_range"),
        ("whole", json!("everything"), "/refund wrong_type"),
    ] {
        check("/reverse", json!({"brand": "acme", "order_id": order, "refund": refund}), &[want]).await;
    }
    check(
        "/reverse",
        json!({"dry_run": true}),
        &["/brand required", "/order_id required", "/refund required"],
    )
    .await;
}
