//! Limits on everything: one step within succeeds, one step beyond is refused as a whole.

use serde_json::{Value, json};

use crate::support::{START, Shop, program};

fn order(member: &str, order_id: &str, amount: &str) -> Value {
    json!({"member_id": member, "brand": "acme", "order_id": order_id, "amount": amount})
}

fn lines(count: usize) -> Value {
    (0..count).map(|n| json!({"line_id": format!("{n}"), "quantity": 1, "amount": "1"})).collect()
}

/// Sends it; refused means that nothing was written.
async fn check(shop: &Shop, path: &str, body: Value, want: &str) -> Value {
    let before = shop.snapshot().await;
    let shown: String = body.to_string().chars().take(300).collect();
    let reply = shop.call("POST", path, body).await;
    assert_eq!(reply.verdict(), want, "{path} {shown}: {}", reply.body);
    assert!(reply.status < 300 || before == shop.snapshot().await, "{path} {shown}: something was written");
    reply.body
}

#[tokio::test]
async fn lines_and_amounts() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let listed = |id: &str, lines: Value| json!({"member_id": member, "brand": "acme", "order_id": id, "lines": lines});
    check(&shop, "/earn-points", listed("L-200", lines(200)), "200").await;
    check(&shop, "/earn-points", listed("L-201", lines(201)), "422 invalid_field").await;
    check(&shop, "/earn-points", listed("L-0", lines(0)), "422 invalid_field").await;
    let twice = json!([{"line_id": "1", "quantity": 1, "amount": "1"}, {"line_id": "1", "quantity": 1, "amount": "1"}]);
    check(&shop, "/earn-points", listed("L-2", twice), "422 invalid_field").await;
    for quantity in [json!(0), json!(-1), json!(1.5), json!(9_007_199_254_740_992_i64)] {
        let line = json!([{"line_id": "1", "quantity": quantity, "amount": "1"}]);
        check(&shop, "/earn-points", listed("L-3", line), "422 invalid_field").await;
    }
    let whole =
        listed("L-4", json!([{"line_id": "1", "quantity": 9_007_199_254_740_991_i64, "amount": "7"}]));
    check(&shop, "/earn-points", whole, "200").await;
    let unit =
        json!({"brand": "acme", "order_id": "L-4", "refund": {"lines": [{"line_id": "1", "quantity": 1}]}});
    assert_eq!(
        check(&shop, "/reverse", unit, "200").await["taken"],
        1,
        "the smallest part of 7 takes what no longer is whole"
    );
    check(&shop, "/earn-points", order(&member, "B-13", "9999999999999.99"), "200").await;
    check(&shop, "/earn-points", order(&member, "B-14", "10000000000000"), "422 invalid_field").await;
    check(&shop, "/earn-points", order(&member, "B-15", "00000000000001"), "422 invalid_field").await;
    let long = "i".repeat(64);
    check(&shop, "/earn-points", order(&member, &long, "1"), "200").await;
    check(&shop, "/earn-points", order(&member, &format!("{long}i"), "1"), "422 invalid_field").await;
}

#[tokio::test]
async fn an_order_is_refunded_200_times() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1000").await;
    let refund = json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "1"}});
    for _ in 0..200 {
        check(&shop, "/reverse", refund.clone(), "200").await;
    }
    check(&shop, "/reverse", refund, "409 too_many_refunds").await;
    check(
        &shop,
        "/reverse",
        json!({"brand": "acme", "order_id": "A-1", "refund": "all"}),
        "409 too_many_refunds",
    )
    .await;
    assert_eq!(shop.show(&member).await["points"]["available"], 800);
    // `"all"` of nothing left is not a refund, however often it is requested.
    shop.earn(&member, "A-2", "200").await;
    let part = json!({"brand": "acme", "order_id": "A-2", "refund": {"amount": "1"}});
    for _ in 0..200 {
        check(&shop, "/reverse", part.clone(), "200").await;
    }
    let all = json!({"brand": "acme", "order_id": "A-2", "refund": "all"});
    for _ in 0..2 {
        assert_eq!(check(&shop, "/reverse", all.clone(), "200").await["taken"], 0);
    }
    check(&shop, "/reverse", part, "409 too_many_refunds").await;
}

/// No figure passes 2^53 − 1.
#[tokio::test]
async fn figures() {
    let most = 9_007_199_254_740_991_i64;
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let adjust = |id: &str, points: i64, growth: i64| json!({"member_id": member, "brand": "acme", "points": points, "growth": growth, "reason": "r", "adjustment_id": id});
    check(&shop, "/adjust", adjust("d-0", most + 1, 0), "422 invalid_field").await;
    check(&shop, "/adjust", adjust("d-0", -most - 1, 0), "422 invalid_field").await;
    check(&shop, "/adjust", adjust("d-1", most, most), "200").await;
    check(&shop, "/adjust", adjust("d-2", 1, 0), "422 limit_exceeded").await;
    check(&shop, "/adjust", adjust("d-2", 0, 1), "422 limit_exceeded").await;
    check(&shop, "/earn-points", order(&member, "A-1", "1"), "422 limit_exceeded").await;
    check(&shop, "/adjust", adjust("d-3", -most, -most), "200").await;
    check(&shop, "/adjust", adjust("d-4", -most, 0), "200").await;
    assert_eq!(shop.show(&member).await["points"]["debt"], most);
    check(&shop, "/adjust", adjust("d-5", -1, 0), "422 limit_exceeded").await;

    let mut program = program();
    program["points"]["per_unit"] = json!("999999.999999");
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    check(&shop, "/earn-points", order(&member, "A-1", "9999999999999.99"), "422 limit_exceeded").await;
    check(&shop, "/earn-points", order(&member, "A-2", "9007199.26"), "200").await;

    // If a currency has three digits, an amount of 13 digits before the point exceeds the limit.
    program["points"]["per_unit"] = json!("0.001");
    program["growth"]["per_unit"] = json!("0.001");
    program["currency"] = json!("KWD");
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    check(&shop, "/earn-points", order(&member, "A-1", "9007199254740.992"), "422 limit_exceeded").await;
    check(&shop, "/earn-points", order(&member, "A-1", "9007199254740.991"), "200").await;
}

#[tokio::test]
async fn a_member_has_1000_lots() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let lot = |n: u32| {
        let expires_at = format!("{}-{:02}-{:02}T00:00:00Z", 2027 + n / 336, 1 + n / 28 % 12, 1 + n % 28);
        json!({"member_id": member, "brand": "acme", "points": 1, "reason": "r", "adjustment_id": format!("d-{n}"), "expires_at": expires_at})
    };
    for n in 0..1_000 {
        shop.ok("POST", "/adjust", lot(n)).await;
    }
    // One more: the two lots whose ends are nearest unite.
    check(&shop, "/adjust", lot(1_000), "200").await;
    let mut same = lot(999);
    same["adjustment_id"] = json!("again");
    check(&shop, "/adjust", same, "200").await;
    let shown = shop.show(&member).await;
    assert_eq!(shown["points"]["lots"].as_array().unwrap().len(), 1_000);
    let redeem = json!({"member_id": member, "brand": "acme", "points": 1_002, "for": {"kind": "order", "order_id": "R"}});
    assert_eq!(
        check(&shop, "/redeem", redeem, "200").await["entry"]["lots"].as_array().unwrap().len(),
        1_000
    );
}

/// The effects of time are written with a command, or before it if a commit has no room for both: lots
/// expire, at most forty in one commit, and the remaining ones meet an order that earns no badge or sixty.
#[tokio::test]
async fn a_command_goes_through_however_much_time_has_done() {
    for (lots, badges) in (85..=100).map(|lots| (lots, 0)).chain((30..=39).map(|lots| (lots, 60))) {
        let mut program = program();
        program["points"] = json!({"per_unit": "1", "expiry": {"mode": "days", "days": 400}});
        program["badges"] = (0..badges)
            .map(|number| json!({"id": format!("b{number}"), "when": {"fact": "orders.amount", "op": ">=", "value": "700"}}))
            .collect();
        let shop = Shop::open(&program, START).await;
        let member = shop.somebody().await;
        for number in 0..lots {
            shop.earn(&member, &format!("A-{number}"), "1").await;
            shop.api.clock.forward(shop.api.clock.now().plus_days(1)).unwrap();
        }
        shop.at("2029-03-02T10:00:00+08:00");
        let (row, key) = (format!("{lots} lots, {badges} badges"), format!("key-{lots}"));
        let reply = shop.call_with("POST", "/earn-points", &order(&member, "B-1", "700"), Some(&key)).await;
        assert_eq!(reply.verdict(), "200", "{row}: {}", reply.body);
        assert_eq!(reply.body["badges_issued"].as_array().unwrap().len(), badges, "{row}");
        assert_eq!(shop.show(&member).await["points"]["available"], 700, "{row}");
        let id = edge::wire::read_member_id(&member).unwrap();
        let found = shop.api.engine.ledger().audit_member(id).await.unwrap();
        assert_eq!((found.differences, found.kinds["expire"]), (Vec::new(), lots), "{row}");
    }
}

/// When an event may have happened: from `late_days` back to five minutes ahead.
#[tokio::test]
async fn how_early_and_how_late() {
    let mut program = program();
    program["late_days"] = json!(40);
    program["brands"][1]["late_days"] = json!(2);
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    let rows = [
        ("acme", "2026-03-02T10:05:00+08:00", "200"),
        ("acme", "2026-03-02T10:05:00.001+08:00", "422 occurred_in_future"),
        ("acme", "2026-01-21T10:00:00+08:00", "200"),
        ("acme", "2026-01-21T09:59:59.999+08:00", "422 occurred_too_long_ago"),
        ("bean", "2026-02-28T10:00:00+08:00", "200"),
        ("bean", "2026-02-28T09:59:59.999+08:00", "422 occurred_too_long_ago"),
    ];
    for (n, (brand, occurred_at, want)) in rows.into_iter().enumerate() {
        let order = json!({"member_id": member, "brand": brand, "order_id": n.to_string(), "amount": "1", "occurred_at": occurred_at});
        check(&shop, "/earn-points", order, want).await;
        let visit = json!({"member_id": member, "brand": brand, "activity": "review", "activity_ref": n.to_string(), "occurred_at": occurred_at});
        check(&shop, "/earn-points", visit, want).await;
    }
}

/// A shop whose days and months are limited.
async fn limited() -> (Shop, String) {
    let mut program = program();
    program["points"]["limits"] = json!([{"per": "order", "points": 90}, {"per": "day", "points": 100}, {"per": "month", "points": 150}]);
    program["activities"] = json!([
        {"id": "daily", "points": 30, "growth": 1, "per_day": 2},
        {"id": "monthly", "points": 5, "per_month": 2},
        {"id": "single", "points": 1, "once": true},
    ]);
    let shop = Shop::open(&program, "2026-01-01T00:00:00+08:00").await;
    let member = shop.somebody().await;
    (shop, member)
}

async fn granted(shop: &Shop, member: &str, id: &str, amount: &str, at: &str) -> (u64, u64) {
    let mut order = order(member, id, amount);
    order["occurred_at"] = json!(at);
    let earned = shop.ok("POST", "/earn-points", order).await;
    let figure = |name: &str| earned[name].as_u64().unwrap();
    assert_eq!(earned["entry"]["growth"], amount.parse::<u64>().unwrap(), "limits never trim growth");
    (figure("calculated"), figure("granted"))
}

/// Orders recorded at once, and the same ones recorded so late that only the ledger still knows the day.
#[tokio::test]
async fn limits_by_day_and_month_hold_however_late() {
    for told_at in [
        "2026-02-01T00:00:00+08:00",
        "2026-02-09T12:00:00+08:00",
        "2026-03-20T12:00:00+08:00",
        "2027-06-01T12:00:00+08:00",
    ] {
        let (shop, member) = limited().await;
        shop.at("2026-01-10T12:00:00+08:00");
        assert_eq!(
            granted(&shop, &member, "A-1", "95", "2026-01-10T09:00:00+08:00").await,
            (95, 90),
            "{told_at}"
        );
        shop.at(told_at);
        assert_eq!(
            granted(&shop, &member, "A-2", "50", "2026-01-10T23:59:59.999+08:00").await,
            (50, 10),
            "{told_at}: the day's rest"
        );
        let visit = json!({"member_id": member, "brand": "acme", "activity": "daily", "occurred_at": "2026-01-11T00:00:00+08:00"});
        for (left, granted) in [(50, 30), (20, 20)] {
            let earned = shop.ok("POST", "/earn-points", visit.clone()).await;
            assert_eq!(
                (&earned["calculated"], &earned["granted"]),
                (&json!(30), &json!(granted)),
                "{told_at}: {left} left of the month"
            );
        }
        check(&shop, "/earn-points", visit, "409 activity_limit").await;
        assert_eq!(
            granted(&shop, &member, "A-3", "50", "2026-01-31T23:00:00+08:00").await,
            (50, 0),
            "{told_at}: the month is full"
        );
        assert_eq!(
            granted(&shop, &member, "A-4", "50", "2026-02-01T00:00:00+08:00").await.1,
            50,
            "{told_at}: another month"
        );
    }
}

/// An order minutes ahead of the clock may belong to the next day and the next month.
#[tokio::test]
async fn a_limit_belongs_to_the_day_it_happened() {
    let (shop, member) = limited().await;
    shop.at("2026-01-31T23:57:00+08:00");
    assert_eq!(granted(&shop, &member, "A-1", "80", "2026-01-31T23:57:00+08:00").await.1, 80);
    assert_eq!(granted(&shop, &member, "A-2", "80", "2026-02-01T00:01:00+08:00").await.1, 80);
    assert_eq!(granted(&shop, &member, "A-3", "80", "2026-01-31T23:59:00+08:00").await.1, 20);
    // A refund frees no limit.
    shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-1", "refund": "all"})).await;
    assert_eq!(granted(&shop, &member, "A-4", "80", "2026-01-31T23:59:00+08:00").await.1, 0);
}

#[tokio::test]
async fn activities_are_counted_however_late() {
    for told_at in ["2026-01-31T12:00:00+08:00", "2026-03-20T12:00:00+08:00", "2027-06-01T12:00:00+08:00"] {
        let (shop, member) = limited().await;
        let done = |activity: &str, at: &str| json!({"member_id": member, "brand": "acme", "activity": activity, "occurred_at": at});
        shop.at("2026-01-05T12:00:00+08:00");
        for (activity, day) in [("monthly", "02"), ("daily", "03"), ("single", "03")] {
            check(&shop, "/earn-points", done(activity, &format!("2026-01-{day}T12:00:00+08:00")), "200")
                .await;
        }
        shop.at(told_at);
        // The next month's use does not count in this one.
        let begun = if told_at > "2026-02" { &["01", "02"][..] } else { &[] };
        for day in begun {
            check(&shop, "/earn-points", done("monthly", &format!("2026-02-{day}T12:00:00+08:00")), "200")
                .await;
        }
        let rows = [
            ("single", "2026-01-04", "409 activity_limit"),
            ("daily", "2026-01-03", "200"),
            ("daily", "2026-01-03", "409 activity_limit"),
            ("daily", "2026-01-04", "200"),
            ("monthly", "2026-01-30", "200"),
            ("monthly", "2026-01-31", "409 activity_limit"),
            ("monthly", "2025-12-31", "200"),
        ];
        for (activity, day, want) in rows {
            check(&shop, "/earn-points", done(activity, &format!("{day}T11:00:00+08:00")), want).await;
        }
    }
}

/// Badges on what only the ledger knows: orders of the last 90 days, categories ever bought.
#[tokio::test]
async fn badges_on_history() {
    let mut program = program();
    program["badges"] = json!([
        {"id": "frequent", "when": {"fact": "orders.count_90d", "op": ">=", "value": 3}},
        {"id": "never", "when": {"fact": "categories", "op": "contains", "value": "unsold"}},
        {"id": "tea_lover", "when": {"all": [{"fact": "categories", "op": "contains", "value": "tea"}, {"fact": "categories", "op": "contains", "value": "cup"}]}},
    ]);
    let shop = Shop::open(&program, "2026-01-01T10:00:00+08:00").await;
    let member = shop.somebody().await;
    let buy = async |id: &str, category: &str, at: &str| {
        shop.at(at);
        let line = json!([{"line_id": "1", "category": category, "quantity": 1, "amount": "10"}]);
        let body = json!({"member_id": member, "brand": "acme", "order_id": id, "lines": line});
        shop.ok("POST", "/earn-points", body).await["badges_issued"].clone()
    };
    assert_eq!(buy("A-1", "tea", "2026-01-01T10:00:00+08:00").await, json!([]));
    assert_eq!(buy("A-2", "book", "2026-01-02T10:00:00+08:00").await, json!([]));
    shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-2", "refund": "all"})).await;
    // The first order is 90 days back and no longer counts; the second was refunded.
    assert_eq!(buy("A-3", "book", "2026-04-01T10:00:00+08:00").await, json!([]));
    assert_eq!(
        buy("A-4", "cup", "2026-04-02T10:00:00+08:00").await,
        json!(["tea_lover"]),
        "with the order that is being recorded"
    );
    assert_eq!(
        buy("A-5", "book", "2026-06-29T10:00:00+08:00").await,
        json!(["frequent"]),
        "the order of 1 April is the 90th day"
    );
    // The ledger knows of more categories than a member's record holds, and that one was never among them.
    let many = (0..60).map(
        |n| json!({"line_id": n.to_string(), "category": format!("c-{n}"), "quantity": 1, "amount": "1"}),
    );
    let body =
        json!({"member_id": member, "brand": "acme", "order_id": "A-6", "lines": many.collect::<Vec<_>>()});
    assert_eq!(shop.ok("POST", "/earn-points", body).await["badges_issued"], json!([]));
    assert_eq!(buy("A-7", "unsold", "2026-06-30T10:00:00+08:00").await, json!(["never"]));
}
