//! The programme: all its faults at once, what a new version may not change, and what it leaves alone.

use std::sync::Arc;

use domain::{refusal::Refusal, time::Instant};
use engine::{
    ProgramError, Request,
    id::CallerId,
    memory::MemoryStore,
    records::{Answer, By},
};
use serde_json::{Value, json};

use crate::support::{START, Shop, program};

/// The programme with values put at JSON pointers.
fn changed(changes: &[(&str, Value)]) -> Value {
    let mut document = program();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match document.pointer_mut(parent).unwrap() {
            Value::Array(elements) => elements[name.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[name] = value.clone(),
        }
    }
    document
}

#[tokio::test]
async fn a_programme_comes_back_as_it_was_saved() {
    let shop = Shop::usual().await;
    let shown = shop.ok("GET", "/program", Value::Null).await;
    let mut want = program();
    want["version"] = json!(1);
    assert_eq!(shown, want);
    assert_eq!(
        shop.ok("PUT", "/program", shown.clone()).await,
        json!({"version": 1, "warnings": []}),
        "the same again is no new version"
    );
    let mut next = shown;
    next["name"] = json!("Other Club");
    assert_eq!(shop.ok("PUT", "/program", next.clone()).await, json!({"version": 2, "warnings": []}));
    let reply = shop.refused("409 program_conflict", "PUT", "/program", next.clone()).await;
    assert_eq!(reply.body["version"], 2, "the caller's version is stale; the newest is told");
    assert!(reply.body["by"].as_str().is_some_and(|by| by.starts_with("key_")), "{}", reply.body);
    assert_eq!(reply.body["at"], START);
    next["version"] = json!(4_294_967_298_u64);
    shop.refused("409 program_conflict", "PUT", "/program", next.clone()).await;
    next["version"] = json!(2);
    assert_eq!(shop.ok("GET", "/program", Value::Null).await, next);
}

/// Each version stays, with the moment from which it is in force; the next never begins before it.
#[tokio::test]
async fn versions_begin_one_after_the_other() {
    let shop = Shop::usual().await;
    let engine = &shop.api.engine;
    let mut names = Vec::new();
    for (name, minutes) in [("One", 60), ("Behind", 59), ("Two", 60), ("Three", 61)] {
        let mut document = program();
        document["name"] = json!(name);
        let text = document.to_string();
        let at = Instant::parse(START).unwrap().plus_millis(minutes * 60_000);
        let request = Request::plain(By::Caller(CallerId::FirstAdmin), at);
        let tell = |version| Answer { status: 200, body: vec![u8::try_from(version).unwrap()] };
        let json = domain::json::Json::parse(text.as_bytes()).unwrap();
        let saved = engine.programme().save(&request, &json, &text, None, tell).await;
        if name == "Behind" {
            let Err(ProgramError::Other(error)) = saved else { panic!("saved") };
            assert!(matches!(error, engine::Error::Refused(Refusal::LimitExceeded { what: "versions" })));
            continue;
        }
        names.push((at, text));
        let newest = engine.programme().timeline().unwrap().newest().version;
        assert_eq!(
            (saved.unwrap().body, newest as usize),
            (vec![u8::try_from(newest).unwrap()], names.len() + 1)
        );
    }
    for (number, version) in (2..).zip(names) {
        assert_eq!(engine.programme().version(number).await.unwrap(), Some(version));
    }
    assert_eq!(engine.programme().version(5).await.unwrap(), None);
}

#[tokio::test]
async fn faults_of_a_programme_are_told_all_at_once() {
    let shop = Shop::usual().await;
    let before = shop.snapshot().await;
    let check = async |document: Value, want: &[&str]| {
        let reply = shop.refused("422 invalid_program", "PUT", "/program", document).await;
        let mut faults = reply.faults();
        faults.sort();
        assert_eq!(faults, want);
    };
    let fact = |fact: &str, op: &str, value: Value| json!({"fact": fact, "op": op, "value": value});
    check(
        json!({}),
        &[
            "/brands required",
            "/currency required",
            "/growth required",
            "/name required",
            "/points required",
            "/tiers required",
            "/time_zone required",
        ],
    )
    .await;
    // Faults of the shape and across the document; faults that only follow from the shape's are not reported.
    check(
        changed(&[
            ("/points/per_unit", json!("abc")),
            ("/extra", json!(1)),
            ("/time_zone", json!("Mars/X")),
            ("/currency", json!("ZZZ")),
            ("/tiers/0/growth", json!("500")),
            ("/tiers/1/growth", json!(0)),
        ]),
        &[
            "/currency unknown_currency",
            "/extra unknown_field",
            "/points/per_unit wrong_format",
            "/tiers/0/growth wrong_type",
            "/tiers/1/growth out_of_range",
            "/time_zone unknown_time_zone",
        ],
    )
    .await;
    check(
        changed(&[
            ("/points/per_unit", json!(1.5)),
            ("/points/hold_days", json!(-1)),
            ("/brands/0/rate", json!("1e3")),
            ("/tiers/1/growth", json!("500")),
            ("/extra", json!(1)),
        ]),
        &[
            "/brands/0/rate wrong_format",
            "/extra unknown_field",
            "/points/hold_days out_of_range",
            "/points/per_unit wrong_type",
            "/tiers/1/growth wrong_type",
        ],
    )
    .await;
    check(
        changed(&[
            ("/time_zone", json!("Mars/Olympus")),
            ("/currency", json!("XAU")),
            ("/default_region", json!("cn")),
            ("/brands/1/id", json!("acme")),
            ("/points/expiry", json!({"mode": "days", "months": 3})),
            ("/tiers/2/growth", json!(500)),
            ("/tiers/1/on_lapse", json!({"mode": "deduct"})),
            ("/tiers/0/lifetime", json!({"periods": 1})),
            ("/tiers/2/or", fact("growth", ">=", json!(5))),
            ("/badges/0/when", fact("orders.size", ">=", json!(1))),
            ("/badges/1/when", fact("orders.count", ">=", json!("1"))),
            ("/activities/0/streak", json!([{"days": 3, "points": 1}, {"days": 3, "points": 2}])),
        ]),
        &[
            "/activities/0/streak duplicate",
            "/badges/0/when/fact unknown_fact",
            "/badges/1/when/value wrong_type",
            "/brands/1/id duplicate",
            "/currency unknown_currency",
            "/default_region wrong_format",
            "/points/expiry/days required",
            "/points/expiry/months unknown_field",
            "/tiers/0/lifetime needs_validity",
            "/tiers/1/on_lapse/growth required",
            "/tiers/2/growth out_of_range",
            "/tiers/2/or fact_may_fall",
            "/time_zone unknown_time_zone",
        ],
    )
    .await;
    // What orders earn, in amounts of the programme's currency.
    check(
        changed(&[
            ("/points/block", json!({"amount": "0.00", "points": 5})),
            ("/points/minimum", json!({"amount": "1.005"})),
            (
                "/growth/steps",
                json!([{"from": "0.0", "growth": 5}, {"from": "10.0000", "growth": 5}, {"from": "9", "growth": 9}]),
            ),
        ]),
        &[
            "/growth/steps/0/from out_of_range",
            "/growth/steps/1/growth out_of_range",
            "/growth/steps/2/from out_of_range",
            "/points/block unknown_field",
            "/points/block/amount out_of_range",
            "/points/minimum/amount wrong_format",
        ],
    )
    .await;
    check(
        changed(&[("/growth/per_order", json!(-1)), ("/growth/steps", json!([{"from": "-1", "growth": 5}]))]),
        &["/growth/per_order out_of_range", "/growth/steps/0/from wrong_format"],
    )
    .await;
    check(changed(&[("/points/per_unit", Value::Null)]), &["/points/per_unit required"]).await;
    // A value that is wrong by itself is not reported again for not agreeing with others.
    check(
        changed(&[("/time_zone", json!(8)), ("/tiers/0/growth", json!(5))]),
        &["/tiers/0/growth out_of_range", "/time_zone wrong_type"],
    )
    .await;
    assert!(before == shop.snapshot().await);
}

/// The window for refunds must close while an order's points live, whenever they were earned; and a member
/// becomes lost no earlier than dormant.
#[tokio::test]
async fn spans_that_must_fit() {
    let shop = Shop::usual().await;
    let mut rows = Vec::new();
    for (expiry, days) in [
        (json!({"mode": "year_end", "years": 1}), 365), // of 31 December
        (json!({"mode": "year_end", "years": 2}), 730),
        (json!({"mode": "months", "months": 1}), 27), // of 31 January
        (json!({"mode": "months", "months": 1, "round": "month"}), 27),
        (json!({"mode": "inactivity", "months": 1}), 27),
        (json!({"mode": "days", "days": 10}), 9),
    ] {
        let points =
            |refund_days: u32| json!({"per_unit": "1", "expiry": expiry, "refund_days": refund_days});
        rows.push(("/points", points(days), None));
        rows.push(("/points", points(days + 1), Some("/points/refund_days outlives_points")));
    }
    let never = json!({"per_unit": "1", "expiry": {"mode": "never"}, "refund_days": 3_650});
    rows.push(("/points", never, None));
    let lifecycle = |lost: u32| json!({"new_days": 10, "active_days": 60, "lost_days": lost});
    rows.push(("/lifecycle", lifecycle(60), None));
    rows.push(("/lifecycle", lifecycle(59), Some("/lifecycle/lost_days out_of_range")));
    for (at, value, fault) in rows {
        let mut document = changed(&[]);
        document[&at[1..]] = value.clone();
        let reply = shop.call("PUT", "/program", document).await;
        let want: Vec<String> = fault.into_iter().map(str::to_owned).collect();
        assert_eq!((reply.faults(), reply.status < 300), (want, fault.is_none()), "{value}: {}", reply.body);
    }
}

/// A value with a wrong form is read as missing: faults above or below it that follow are not reported.
#[tokio::test]
async fn faults_that_may_follow_from_the_shape_are_not_told() {
    let shop = Shop::usual().await;
    let streak =
        |first: Value, second: Value| json!([{"days": first, "points": 1}, {"days": second, "points": 2}]);
    let rows: [(&str, Value, &[&str]); 4] = [
        ("/activities/0/streak", streak(json!(3), json!(3)), &["/activities/0/streak duplicate"]),
        (
            "/activities/0/streak",
            streak(json!("3"), json!("4")),
            &["/activities/0/streak/0/days wrong_type", "/activities/0/streak/1/days wrong_type"],
        ),
        ("/tiers/1", json!({"id": "silver", "growth": 0}), &["/tiers/1/growth out_of_range"]),
        ("/tiers/1", json!("silver"), &["/tiers/1 wrong_type"]),
    ];
    for (at, value, want) in rows {
        let document = changed(&[(at, value)]);
        let reply = shop.refused("422 invalid_program", "PUT", "/program", document).await;
        assert_eq!(reply.faults(), want, "{}", reply.body);
    }
}

/// Conditions are checked when the programme is saved.
#[tokio::test]
async fn conditions() {
    let shop = Shop::usual().await;
    let deep = (0..9).fold(json!({"fact": "age", "op": ">", "value": 1}), |inner, _| json!({"not": inner}));
    let rows = [
        (json!({"fact": "orders.amount", "op": ">=", "value": "10.00"}), ""),
        (json!({"fact": "orders.amount", "op": ">=", "value": 10}), "/value wrong_type"),
        (json!({"fact": "orders.amount", "op": ">=", "value": "10.001"}), "/value wrong_type"),
        (json!({"fact": "tier", "op": ">=", "value": "silver"}), ""),
        (json!({"fact": "tier", "op": "in", "value": ["silver", "gold"]}), ""),
        (json!({"fact": "tier", "op": "=", "value": "platinum"}), " unknown_tier"),
        (json!({"fact": "badges", "op": "contains", "value": "nope"}), " unknown_badge"),
        (json!({"fact": "badges", "op": "=", "value": "founder"}), "/op wrong_op"),
        (json!({"fact": "growth", "op": "within_days", "value": 3}), "/op wrong_op"),
        (json!({"fact": "growth", "op": "~", "value": 3}), "/op unknown_op"),
        (json!({"fact": "growth", "op": ">", "value": 1.5}), "/value wrong_type"),
        (json!({"fact": "growth", "op": "between", "value": [1]}), "/value wrong_type"),
        (json!({"fact": "birthday.month_day", "op": "=", "value": "02-29"}), ""),
        (json!({"fact": "birthday.month_day", "op": "=", "value": "02-30"}), "/value wrong_type"),
        (json!({"fact": "orders.last_at", "op": "within_days", "value": 30}), ""),
        (json!({"fact": "consent.email", "op": "=", "value": true}), ""),
        (json!({"fact": "consent.email", "op": "=", "value": "yes"}), "/value wrong_type"),
        (json!({"all": []}), "/all wrong_count"),
        (
            json!({"any": [{"fact": "age", "op": ">=", "value": 18}, {"not": {"fact": "gnder", "op": "=", "value": "x"}}]}),
            "/any/1/not/fact unknown_fact",
        ),
        (json!({"all": [], "any": []}), " wrong_type"),
        (json!("true"), " wrong_type"),
        (deep, "/not/not/not/not/not/not/not/not too_deep"),
    ];
    for (when, fault) in rows {
        let reply = shop.call("PUT", "/program", changed(&[("/badges/1/when", when.clone())])).await;
        let want = if fault.is_empty() { vec![] } else { vec![format!("/badges/1/when{fault}")] };
        assert_eq!(reply.faults(), want, "{when}: {}", reply.body);
        assert_eq!(reply.status, if want.is_empty() { 200 } else { 422 }, "{when}");
    }
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let mut start = program();
    start["brands"] = json!([{"id": "acme"}, {"id": "bean", "rate": "0.5"}, {"id": "cora"}, {"id": "dune"}]);
    start["tiers"][2]["trial"] = json!({"at_percent": 80, "days": 30});
    let shop = Shop::open(&start, START).await;
    let member = shop.somebody().await;
    shop.ok(
        "POST",
        "/register",
        json!({"brand": "cora", "identities": [{"kind": "external", "channel": "c", "value": "1"}]}),
    )
    .await;
    shop.earn(&member, "A-1", "600").await;
    shop.redeem(&member, "R-1", 10).await;
    let redeem = json!({"member_id": member, "brand": "bean", "points": 1, "for": {"kind": "order", "order_id": "R-2"}});
    shop.ok("POST", "/redeem", redeem).await;
    let check = async |change: &dyn Fn(&mut Value), want: &[&str]| {
        let mut document = shop.ok("GET", "/program", Value::Null).await;
        document.as_object_mut().unwrap().remove("version");
        change(&mut document);
        let reply = shop.call("PUT", "/program", document).await;
        assert_eq!(reply.faults(), want, "{}", reply.body);
        assert_eq!(reply.status, if want.is_empty() { 200 } else { 422 });
    };
    let without = |list: &'static str, id: &'static str| {
        move |document: &mut Value| {
            document[list].as_array_mut().unwrap().retain(|element| element["id"] != id)
        }
    };
    check(&without("brands", "acme"), &["/brands in_use"]).await;
    check(&without("brands", "bean"), &["/brands in_use"]).await;
    check(&without("brands", "cora"), &["/brands in_use"]).await;
    check(&without("tiers", "silver"), &["/tiers in_use"]).await;
    check(&|document| document["time_zone"] = json!("UTC"), &["/time_zone unchangeable"]).await;
    check(&|document| document["currency"] = json!("USD"), &["/currency unchangeable"]).await;
    // At 1,600 growth the member tries gold.
    shop.earn(&member, "A-2", "1000").await;
    assert_eq!(shop.show(&member).await["tier"]["trial"]["id"], "gold");
    check(&without("tiers", "gold"), &["/tiers in_use"]).await;
    check(&without("brands", "dune"), &[]).await;
    check(&without("badges", "founder"), &[]).await;
}

/// A new version demotes nobody and moves no instant, and entries recorded under it name it.
#[tokio::test]
async fn a_new_version_leaves_alone_what_is() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "600").await;
    let before = shop.show(&member).await;
    assert_eq!(
        (&before["tier"]["id"], &before["tier"]["valid_until"]),
        (&json!("silver"), &json!("2027-03-02T00:00:00+08:00"))
    );
    let next = changed(&[
        ("/tiers/1/growth", json!(1_000)),
        ("/tiers/1/validity", json!({"months": 1})),
        ("/points/expiry", json!({"mode": "days", "days": 5})),
        ("/points/hold_days", json!(3)),
        ("/points/per_unit", json!("3")),
        ("/badges/1/when", json!({"fact": "orders.count", "op": ">=", "value": 1})),
    ]);
    shop.at("2026-03-03T10:00:00+08:00");
    assert_eq!(shop.ok("PUT", "/program", next).await, json!({"version": 2, "warnings": []}));
    let mut after = shop.show(&member).await;
    assert_eq!(after["tier"]["next"], json!({"id": "gold", "growth_needed": 1400}));
    after["tier"]["next"] = before["tier"]["next"].clone();
    assert_eq!(after, before);
    // A refund counts at the rates of the order's own time; what is earned now, at today's.
    let refunded = shop
        .ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "100"}}))
        .await;
    assert_eq!((&refunded["taken"], &refunded["entry"]["program_version"]), (&json!(100), &json!(2)));
    assert_eq!(refunded["tier"], "silver");
    let earned = shop.earn(&member, "A-2", "10").await;
    assert_eq!((&earned["granted"], &earned["balance"]["held"]), (&json!(36), &json!(36)));
    assert_eq!(earned["entry"]["lots"][0]["expires_at"], "2026-03-08T00:00:00+08:00");
    let ledger = shop.ledger(&member, 50).await;
    let versions: Vec<u64> =
        ledger.iter().rev().map(|entry| entry["program_version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [1, 1, 1, 2, 2, 2], "order, tier, badge; refund, the new badge, order");
    // The period lapses at its own instant, by the version in force then.
    shop.at("2027-03-02T00:00:00+08:00");
    let lapsed = shop.show(&member).await;
    assert_eq!(
        (&lapsed["tier"]["id"], &lapsed["tier"]["since"]),
        (&json!("basic"), &json!("2027-03-02T00:00:00+08:00"))
    );
    assert_eq!(lapsed["growth"], 210, "510 less the deducted 300");
}

fn compared(fact: &str, op: &str, value: Value) -> Value {
    json!({"fact": fact, "op": op, "value": value})
}

/// A long document is saved whole, on whatever store, and read again by an instance that starts.
#[tokio::test]
async fn a_programme_may_be_as_long_as_a_body() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let mut next = program();
    // Half a million bytes each, in characters that a cut could split.
    let words: Vec<String> = (0..50).map(|word| format!("{word:02}{}", "茶".repeat(66))).collect();
    let any: Vec<Value> = (0..49).map(|_| compared("channel", "in", json!(words))).collect();
    for badge in ["long", "longer"] {
        next["badges"].as_array_mut().unwrap().push(json!({"id": badge, "when": {"any": any}}));
    }
    let bytes = next.to_string().len();
    assert!((900_000..1024 * 1024).contains(&bytes), "{bytes}");
    assert_eq!(shop.ok("PUT", "/program", next.clone()).await["version"], 2);
    let started = Shop::found(store, "tests-master-key-0123456789abcdef", START).await;
    for shop in [&shop, &started] {
        let mut told = shop.ok("GET", "/program", Value::Null).await;
        assert_eq!(told.as_object_mut().unwrap().remove("version"), Some(json!(2)));
        assert!(told == next, "it is told as it was sent");
    }
    // The same again is no new version, and the next one stands on it.
    assert_eq!(shop.ok("PUT", "/program", next.clone()).await["version"], 2);
    assert_eq!(shop.ok("PUT", "/program", program()).await["version"], 3);
}

/// A condition has at most 200 nodes in all, each of which may ask for more of a member.
#[tokio::test]
async fn a_condition_has_so_many_nodes() {
    let leaf = || compared("orders.count", ">=", json!(1));
    let any = |nodes: usize| json!({"any": vec![leaf(); nodes - 1]});
    let shop = Shop::usual().await;
    // 1 + 49 + 50 + 50 + 50, and one more.
    for (last, want) in [(50, 200), (51, 422)] {
        let mut next = program();
        let when = json!({"all": [any(49), any(50), any(50), any(last)]});
        next["badges"][0]["when"] = when.clone();
        next["tiers"][2]["or"] = json!({"any": vec![compared("badges", "contains", json!("founder")); 50]});
        let reply = shop.call("PUT", "/program", next).await;
        assert_eq!(reply.status, want, "{}", reply.body);
        if want == 422 {
            assert_eq!(reply.faults(), ["/badges/0/when too_many_nodes"]);
            assert_eq!(reply.body["errors"][0]["detail"], "at most 200 nodes in all, and there are 201");
        }
    }
}

/// Saving warns where a member who buys every day would pass 1,000 lots within the points' life.
#[tokio::test]
async fn saving_warns_of_too_many_lots() {
    for (brands, hold_days, expiry, lots) in [
        (1, 0, json!({"mode": "year_end"}), None),
        (200, 0, json!({"mode": "never"}), None),
        (200, 4, json!({"mode": "inactivity", "months": 12}), None),
        (200, 5, json!({"mode": "inactivity", "months": 12}), Some(1_200)),
        (1, 0, json!({"mode": "days", "days": 1_000}), None),
        (1, 0, json!({"mode": "days", "days": 1_001}), Some(1_001)),
        (1, 30, json!({"mode": "days", "days": 1_001}), Some(1_001)),
        // 29 February ends with the 28th.
        (3, 0, json!({"mode": "months", "months": 12}), Some(1_095)),
        (1, 0, json!({"mode": "months", "months": 36}), Some(1_095)),
        (3, 0, json!({"mode": "months", "months": 12, "round": "month"}), None),
        (3, 400, json!({"mode": "months", "months": 24, "round": "month"}), Some(1_236)),
    ] {
        let mut next = program();
        let own = (0..brands).map(|id| json!({"id": format!("b{id}")}));
        // A partner that may not earn makes no lots.
        let partner = (brands < 200).then(|| json!({"id": "bean", "kind": "partner"}));
        next["brands"] = own.chain(partner).collect();
        next["points"]["expiry"] = expiry.clone();
        next["points"]["hold_days"] = json!(hold_days);
        let shop = Shop::usual().await;
        let warnings = shop.ok("PUT", "/program", next).await["warnings"].clone();
        match lots {
            None => assert_eq!(warnings, json!([]), "{expiry}"),
            Some(lots) => {
                assert_eq!(warnings[0]["pointer"], "/points/expiry", "{expiry}");
                assert_eq!(warnings[0]["code"], "too_many_lots", "{expiry}");
                let detail = warnings[0]["detail"].as_str().unwrap();
                assert!(detail.contains(&format!("comes to {lots} lots,")), "{expiry}: {detail}");
            }
        }
    }
}
