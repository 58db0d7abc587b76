//! Member days 会员日 (rules, 4.2): what neither the worked cases nor generated histories fix.

use serde_json::{Value, json};

use crate::{histories::run, support::Shop};

fn programme(boosts: &Value) -> Value {
    json!({
        "name": "Days", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}, {"id": "bean", "name": "Bean"}],
        "points": {"per_unit": "1", "expiry": {"mode": "year_end"}, "excluded_categories": ["card"], "boosts": boosts},
        "growth": {"per_unit": "1"},
        "tiers": [{"id": "basic", "growth": 0},
                  {"id": "gold", "growth": 1000, "trial": {"at_percent": 50, "days": 10}}],
        "badges": [{"id": "old"}],
    })
}

fn line(id: &str, sku: &str, category: &str, amount: &str) -> Value {
    json!({"line_id": id, "sku": sku, "category": category, "quantity": 1, "amount": amount})
}

/// Orders one after the other of one member, on a Monday at 10:00: what is sent, what it earns, and which boosts did.
#[track_caller]
fn check(boosts: &Value, orders: &[(Value, u64, &[&str])]) {
    run(async {
        let shop = Shop::open(&programme(boosts), "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("somebody").await;
        for (number, (fields, granted, applied)) in orders.iter().enumerate() {
            let mut body = json!({"member_id": member, "brand": "acme", "order_id": format!("A{number}")});
            for (name, value) in fields.as_object().unwrap() {
                body[name] = value.clone();
            }
            let reply = shop.call("POST", "/earn-points", body).await;
            let want = (&json!(granted), &json!(applied));
            assert_eq!((&reply.body["granted"], &reply.body["boosts"]), want, "{fields}: {}", reply.body);
            assert_eq!(reply.body["referral"], Value::Null);
        }
    });
}

#[test]
fn a_boost_fits_lines_by_category_or_article() {
    let boosts = json!([
        {"id": "tea", "multiplier": "2", "categories": ["tea"]},
        {"id": "cup", "multiplier": "3", "skus": ["cup-1"]},
        {"id": "set", "multiplier": "4", "categories": ["set"], "skus": ["pot-1"]},
        {"id": "less", "multiplier": "0.9"},
        {"id": "same", "multiplier": "1"},
    ]);
    let (tea, cup) = (line("1", "tea-1", "tea", "10.00"), line("2", "cup-1", "tea", "10.00"));
    let (pot, gift) = (line("3", "pot-1", "ware", "1.00"), line("4", "cup-1", "card", "50.00"));
    check(
        &boosts,
        &[
            (json!({"lines": [tea, cup, pot]}), 54, &["tea", "cup", "set"]),
            // What earns nothing is not multiplied.
            (json!({"lines": [gift, line("5", "x", "y", "1.00")]}), 1, &[]),
            (json!({"lines": [tea, line("6", "off", "tea", "-4.00")]}), 12, &["tea"]),
            // What it consists of is not known.
            (json!({"amount": "10.00"}), 10, &[]),
        ],
    );
}

/// Of equal ones the first; each by its own time, and only while it is open.
#[test]
fn the_largest_that_is_open_applies() {
    let at = |time: &str| json!({"amount": "10.00", "occurred_at": format!("2026-03-01T{time}+08:00")});
    let boosts = json!([
        {"id": "evening", "multiplier": "2", "when": {"hours": ["18:00", "24:00"]}},
        {"id": "sunday", "multiplier": "2", "when": {"weekdays": ["sun"]}},
        {"id": "bean", "multiplier": "9", "brands": ["bean"]},
        {"id": "feast", "multiplier": "2.000001", "when": {"dates": ["2026-03-01"], "hours": ["08:00", "09:00"]}},
    ]);
    check(
        &boosts,
        &[
            (at("07:59:59"), 20, &["sunday"]),
            (at("08:00:00"), 20, &["feast"]),
            (at("09:00:00"), 20, &["sunday"]),
            (at("23:59:59"), 20, &["evening"]),
            (json!({"amount": "10.00"}), 10, &[]),
            (json!({"amount": "10.00", "brand": "bean"}), 90, &["bean"]),
        ],
    );
}

/// The member is as it was just before: this order's tier, trial and number come after it.
#[test]
fn an_audience_is_asked_just_before() {
    let of = |id: &str, fact: &str, op: &str, value: Value| json!({"id": id, "multiplier": "2", "audience": {"fact": fact, "op": op, "value": value}});
    let order = |amount: &str| json!({"amount": amount});
    check(
        &json!([of("again", "orders.count_90d", ">=", json!(1))]),
        &[(order("10.00"), 10, &[]), (order("10.00"), 20, &["again"])],
    );
    // 500 of growth begin the trial of gold.
    check(
        &json!([of("gold", "tier", "=", json!("gold"))]),
        &[(order("500.00"), 500, &[]), (order("10.00"), 20, &["gold"])],
    );
}

/// A refund and a revision are at the rates of the order's own time, and what a revision adds is too.
#[test]
fn what_was_open_stays_with_the_order() {
    run(async {
        let boosts = json!([{"id": "ten", "multiplier": "3", "when": {"hours": ["10:00", "11:00"]}},
            {"id": "tea", "multiplier": "5", "categories": ["tea"], "when": {"hours": ["10:00", "11:00"]},
             "audience": {"not": {"fact": "badges", "op": "contains", "value": "old"}}}]);
        let shop = Shop::open(&programme(&boosts), "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("somebody").await;
        let order = |lines: Value, revision: u32| json!({"member_id": member, "brand": "acme", "order_id": "A", "lines": lines, "revision": revision});
        let earn = shop.call("POST", "/earn-points", order(json!([line("1", "a", "x", "10.00")]), 1)).await;
        assert_eq!((&earn.body["granted"], &earn.body["boosts"]), (&json!(30), &json!(["ten"])));
        let badge = json!({"member_id": member, "badge": "old", "reason": "since ever"});
        shop.ok("POST", "/issue-badge", badge).await;
        shop.at("2026-03-03T15:00:00+08:00");
        let mut document = programme(&json!([{"id": "ten", "multiplier": "7"}]));
        document["name"] = json!("Others");
        shop.ok("PUT", "/program", document).await;
        let lines = json!([line("1", "a", "x", "10.00"), line("2", "b", "tea", "1.00")]);
        let revised = shop.call("POST", "/earn-points", order(lines, 2)).await;
        assert_eq!((&revised.body["granted"], &revised.body["boosts"]), (&json!(35), &json!(["ten", "tea"])));
        let part =
            json!({"brand": "acme", "order_id": "A", "refund": {"lines": [{"line_id": "2", "quantity": 1}]}});
        assert_eq!(shop.call("POST", "/reverse", part).await.body["taken"], 5);
        let rest = json!({"brand": "acme", "order_id": "A", "refund": "all"});
        assert_eq!(shop.call("POST", "/reverse", rest).await.body["taken"], 30);
    });
}

/// A birthday that was changed counts from 30 local days later on, whatever else of the person changes.
#[test]
fn a_birthday_must_have_been_known() {
    run(async {
        let boosts = json!([{"id": "birthday", "multiplier": "2", "when": {"anniversary": {"of": "birthday"}}},
            {"id": "year", "multiplier": "3", "when": {"anniversary": {"of": "registered", "before": 1}}}]);
        let shop = Shop::open(&programme(&boosts), "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("somebody").await;
        let birthday = |day: &str| json!({"profile": {"birthday": day}});
        for (number, (at, change, granted)) in [
            ("2026-03-02T10:00:00+08:00", Some(birthday("1990-04-01")), 10),
            ("2026-04-01T10:00:00+08:00", Some(json!({"profile": {"gender": "f"}})), 20),
            ("2026-04-01T11:00:00+08:00", Some(birthday("1990-04-30")), 10),
            ("2026-04-30T10:00:00+08:00", None, 10),
            ("2027-03-01T10:00:00+08:00", None, 30),
            ("2027-04-30T10:00:00+08:00", None, 20),
        ]
        .into_iter()
        .enumerate()
        {
            shop.at(at);
            if let Some(change) = change {
                shop.ok("PATCH", &format!("/members/{member}"), change).await;
            }
            let order = json!({"member_id": member, "brand": "acme", "order_id": format!("A{number}"), "amount": "10.00"});
            assert_eq!(shop.call("POST", "/earn-points", order).await.body["granted"], granted, "{at}");
        }
    });
}
