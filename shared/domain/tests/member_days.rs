//! What a programme says of member days and of referral: read, and every fault at once.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use domain::{json::Json, number::Money, programme, shape, time::Instant};
use serde_json::{Value, json};

fn read_json(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap()
}

/// When orders earn more, and what bringing a friend gives.
#[test]
fn what_a_programme_says_of_boosts_and_referral() {
    let read = |boosts: Value, referral: Value| {
        let document = json!({
            "name": "Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "brands": [{"id": "acme"}],
            "tiers": [{"id": "basic", "growth": 0}], "points": {"per_unit": "1", "boosts": boosts},
            "growth": {"per_unit": "1"}, "referral": referral,
        });
        programme::read(&read_json(&document), 1, Instant(0))
    };
    let silent = read(Value::Null, Value::Null).unwrap();
    assert!(silent.boosts.is_empty() && silent.referral.is_none());
    let referral = |part: Value| {
        let mut whole = json!({"after_days": 14, "min_amount": "50.00", "window_days": 180, "friend": {"points": 100},
            "referrer": [{"from": 1, "points": 100}, {"from": 3, "points": 200, "offer": "cake"}], "per_month": 20,
            "brand": "acme"});
        for (name, value) in part.as_object().unwrap() {
            whole[name] = value.clone();
        }
        whole
    };
    let boosts = json!([
        {"id": "day", "when": {"month_days": [8], "hours": ["20:00", "24:00"]}, "multiplier": "2", "brands": ["acme"],
         "audience": {"fact": "tier", "op": "=", "value": "basic"}},
        {"id": "less", "multiplier": "0.5", "categories": ["tea"]},
    ]);
    let full = read(boosts, referral(json!({"url": "https://a.example/r/"}))).unwrap();
    assert_eq!(full.boosts[0].when.hours, Some((1_200, 1_440)));
    assert!(full.boosts[0].audience.is_some() && full.boosts[1].brands.is_none());
    let own = full.referral.unwrap();
    assert_eq!((own.min_amount, own.referrer[1].0, own.per_month), (Money(5_000), 3, 20));
    assert_eq!(own.referrer[1].1.offer, Some("cake".parse().unwrap()));
    for (boosts, own, want) in [
        (
            json!([{"id": "a", "multiplier": "2", "when": {"hours": ["20:00", "19:00"]}, "brands": ["cola"]},
                   {"id": "a", "multiplier": "2", "audience": {"fact": "tier", "op": "=", "value": "jade"},
                    "when": {"anniversary": {"of": "birthday", "before": 180, "after": 1}}}]),
            referral(
                json!({"brand": "cola", "min_amount": "0.001", "friend": {}, "referrer": [{"from": 2, "points": 1}, {"from": 2}]}),
            ),
            vec![
                "/points/boosts/0/brands/0 unknown_brand",
                "/points/boosts/0/when/hours/1 out_of_range",
                "/points/boosts/1/audience unknown_tier",
                "/points/boosts/1/id duplicate",
                "/points/boosts/1/when/anniversary/after out_of_range",
                "/referral/brand unknown_brand",
                "/referral/friend required",
                "/referral/min_amount wrong_format",
                "/referral/referrer/1 required",
                "/referral/referrer/1/from out_of_range",
            ],
        ),
        (
            json!([{"id": "a"}]),
            json!({}),
            vec![
                "/points/boosts/0/multiplier required",
                "/referral/after_days required",
                "/referral/brand required",
                "/referral/friend required",
                "/referral/min_amount required",
                "/referral/per_month required",
                "/referral/referrer required",
                "/referral/window_days required",
            ],
        ),
        (
            json!([{"id": "a", "multiplier": "2", "when": {"hours": ["20:00"]}, "audience": {"fact": "luck", "op": "=", "value": 1}}]),
            Value::Null,
            vec!["/points/boosts/0/when/hours wrong_count"],
        ),
    ] {
        let told = |fault: &shape::Fault| format!("{} {}", fault.pointer, fault.code);
        let mut faults: Vec<String> = read(boosts, own).unwrap_err().iter().map(told).collect();
        faults.sort_unstable();
        assert_eq!(faults, want);
    }
}
