//! Random valid programmes.

use super::dice::Dice;
use super::program::list;
use serde_json::{Value, json};

/// Zones whose midnights are missing, doubled or on another day, and some plain ones.
const ZONES: [&str; 18] = [
    "Asia/Shanghai",
    "UTC",
    "Europe/London",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Havana",
    "America/St_Johns",
    "America/Asuncion",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Fakaofo",
];

/// A programme and the day (since the epoch) on which its history starts.
pub fn program(dice: &mut Dice) -> (Value, i64) {
    let zone = dice.pick(&ZONES);
    let skips_a_date = zone == "Pacific/Apia" || zone == "Pacific/Fakaofo";
    let start = match dice.below(3) {
        // 2011-12-26 to 28, shortly before the dateline moved.
        0..2 if skips_a_date => dice.between(15_334, 15_336),
        // 2009 to 2022.
        _ => dice.between(14_245, 19_357),
    };
    let currency = dice.pick(&["CNY", "CNY", "USD", "JPY"]);
    let hold_days: i64 = *dice.pick(&[&0, &0, &3, &7, &14]);
    let mut points = json!({
        "per_unit": dice.pick(&["1", "1", "0.5", "0.333333", "2.5"]),
        "hold_days": hold_days,
        "expiry": expiry(dice, hold_days),
        "on_short": dice.pick(&["debt", "forgive"]),
        "restore_grace_days": dice.pick(&[&0, &7, &30]),
        "redeem_late_hours": dice.pick(&[&0, &48, &72, &720]),
        "excluded_categories": ["gift_card"],
        "category_multipliers": {"tea": "2", "book": dice.pick(&["1.5", "0.7", "1.000001"])},
    });
    if dice.percent(50) {
        points["limits"] = limits(dice);
    }
    if dice.percent(25) {
        let least = if currency == "JPY" { &["2000", "10000"] } else { &["20", "100.00"] };
        points["minimum"] = json!({"amount": dice.pick(least)});
    }
    if dice.percent(30) {
        points["boosts"] = boosts(dice);
    }
    let brands: Vec<Value> = ["acme", "bean", "cora"]
        .iter()
        .take(dice.between(1, 3) as usize)
        .enumerate()
        .map(|(place, id)| {
            let rate = if place == 0 { "1" } else { dice.pick(&["0.5", "2", "0.333333"]) };
            json!({"id": id, "name": id, "rate": rate})
        })
        .collect();
    let mut growth = dice.pick(&["1", "1", "0.1", "2"]);
    if currency == "JPY" {
        // The same number of units is a hundred times the money.
        points["per_unit"] = json!(dice.pick(&["0.01", "0.005", "0.003333"]));
        growth = dice.pick(&["0.01", "0.02"]);
    }
    if dice.percent(20) {
        let amount = if currency == "JPY" { &["250", "1000"] } else { &["2.50", "9.99"] };
        points["block"] = json!({"amount": dice.pick(amount), "points": dice.between(1, 5)});
        points["per_unit"] = Value::Null;
    }
    let mut growth = json!({"per_unit": growth});
    if dice.percent(30) {
        growth["per_order"] = json!(dice.between(1, 40));
    }
    if dice.percent(30) {
        let from = if currency == "JPY" { ["5000", "50000"] } else { ["50.00", "500"] };
        let first = dice.between(0, 60);
        let second = dice.between(first + 1, 300);
        growth["steps"] = json!([{"from": from[0], "growth": first}, {"from": from[1], "growth": second}]);
    }
    let tiers = tiers(dice);
    let badges = badges(currency, &tiers);
    let program = json!({
        "name": "Model Club",
        "time_zone": zone,
        "currency": currency,
        "default_region": "CN",
        "brands": brands,
        "points": points,
        "growth": growth,
        "tiers": tiers,
        "activities": [
            {"id": "check_in", "points": 5, "growth": 1, "per_day": 1,
             "streak": [{"days": 2, "points": 3}, {"days": 3, "points": 20}, {"days": 5, "points": 50}]},
            {"id": "share", "points": 2, "growth": 0, "per_day": 2,
             "streak": [{"days": 2, "points": 7}]},
            {"id": "review", "points": 15, "growth": 5, "per_month": 2},
            {"id": "bind", "points": 60, "growth": 95, "once": true},
            {"id": "refused", "points": -30, "growth": -10, "per_day": 2},
        ],
        "badges": badges,
        "tags": [
            {"id": "vip"},
            {"id": "spare"},
            {"id": "vip_only", "when": {"all": [
                {"fact": "tags", "op": "contains", "value": "vip"},
                {"not": {"fact": "tags", "op": "contains", "value": "spare"}}]}},
            {"id": "rich_buyer", "when": {"all": [
                {"fact": "points.available", "op": ">", "value": 150},
                {"fact": "orders.count", "op": ">=", "value": 2}]}},
            {"id": "nobody", "when": {"fact": "tags", "op": "contains", "value": "gone"}},
            {"id": "not_first", "when": {"not": {"fact": "badges", "op": "contains", "value": "first_order"}}},
        ],
    });
    (program, start)
}

/// An expiry rule for points that may be held that long.
pub fn expiry(dice: &mut Dice, hold_days: i64) -> Value {
    match dice.below(8) {
        0..2 => json!({"mode": "year_end", "years": dice.between(0, 2)}),
        2..4 => json!({"mode": "months", "months": dice.between(1, 15),
            "round": dice.pick(&["none", "month", "quarter", "year"])}),
        4 if hold_days == 0 => json!({"mode": "days", "days": dice.between(1, 2)}),
        4 => json!({"mode": "days", "days": dice.between(15, 90)}),
        5..7 => json!({"mode": "inactivity", "months": dice.between(2, 8)}),
        _ => json!({"mode": "never"}),
    }
}

/// Times at which orders earn more, with an overlap.
fn boosts(dice: &mut Dice) -> Value {
    let day = dice.pick(&["mon", "wed", "sat"]);
    let mut boosts = vec![
        json!({"id": "day", "when": {"weekdays": [day, "sun"]}, "multiplier": dice.pick(&["2", "1.5"])}),
        json!({"id": "tea", "when": {"hours": ["08:00", "20:00"]}, "multiplier": "3", "categories": ["tea"]}),
        json!({"id": "less", "multiplier": "0.5"}),
    ];
    if dice.percent(50) {
        let audience = json!({"fact": "orders.count", "op": ">=", "value": dice.between(1, 4)});
        boosts.push(json!({"id": "loyal", "multiplier": "1.000001", "audience": audience}));
    }
    if dice.percent(30) {
        let own =
            json!({"id": "own", "multiplier": "2.5", "brands": ["acme"], "categories": ["book", "tea"]});
        boosts.push(own);
    }
    Value::Array(boosts)
}

fn limits(dice: &mut Dice) -> Value {
    let mut limits = Vec::new();
    for (per, least) in [("order", 40), ("day", 60), ("month", 200)] {
        if dice.percent(50) {
            let points = dice.between(least, least * 10);
            limits.push(json!({"per": per, "points": points}));
        }
    }
    json!(limits)
}

/// Each threshold is at least three times the one below, so that no two trials start at once.
fn tiers(dice: &mut Dice) -> Value {
    let mut tiers = vec![json!({"id": "basic", "name": name("basic"), "growth": 0})];
    let mut growth: i64 = *dice.pick(&[&200, &500, &999]);
    for id in ["silver", "gold", "black"].iter().take(dice.between(1, 3) as usize) {
        let mut tier = json!({
            "id": id,
            "name": name(id),
            "growth": growth,
            "benefits": {"earn_multiplier": dice.pick(&["1", "1.2", "1.5", "1.333333"])},
        });
        if dice.percent(70) {
            tier["trial"] = json!({
                "at_percent": dice.pick(&[&50, &67, &80, &95]),
                "days": dice.pick(&[&7, &30]),
            });
        }
        if dice.percent(80) {
            tier["validity"] = json!({"months": dice.pick(&[&1, &3, &6, &12, &24])});
            tier["on_lapse"] = match dice.below(3) {
                0 => json!({"mode": "reset"}),
                1 => json!({"mode": "deduct", "growth": dice.between(1, growth * 2)}),
                _ => json!({"mode": "step"}),
            };
            if dice.percent(75) {
                tier["retain"] = json!({"growth": dice.between(1, growth / 2)});
                if dice.percent(50) {
                    tier["lifetime"] = json!({"periods": dice.between(1, 3)});
                }
            }
        }
        tiers.push(tier);
        growth *= dice.between(3, 4);
    }
    json!(tiers)
}

/// A new version's ladder: a threshold moves, up or down, so that some have the growth of a higher tier at
/// once; or periods get another length. A threshold stays at most half of the next one: no two trials start at
/// once.
pub fn change_tiers(program: &mut Value, dice: &mut Dice) {
    let growth = |tier: &Value| tier["growth"].as_i64().unwrap_or(0);
    let thresholds: Vec<i64> = list(&program["tiers"]).iter().map(growth).collect();
    if thresholds.len() < 2 {
        return;
    }
    let which = 1 + dice.below(thresholds.len() as i64 - 1) as usize;
    let tier = &mut program["tiers"][which];
    if tier["validity"].is_object() && dice.percent(40) {
        tier["validity"] = json!({"months": dice.pick(&[&1, &2, &3, &12])});
    } else {
        let least = (thresholds[which - 1] * 2).max(100);
        let most = thresholds.get(which + 1).map_or(least * 2, |above| above / 2);
        tier["growth"] = json!(dice.between(least, most.max(least)));
    }
}

fn badges(currency: &str, tiers: &Value) -> Value {
    // A condition names only existing tiers.
    let ids = list(tiers).iter().map(|tier| tier["id"].clone());
    let high: Vec<Value> = ids.skip(list(tiers).len().min(3) - 1).collect();
    let much = if currency == "JPY" { "150000" } else { "1500.00" };
    let badge = |id: &str, when: Value| json!({"id": id, "name": name(id), "when": when});
    json!([
        {"id": "founder", "name": name("founder")},
        badge("first_order", json!({"fact": "orders.count", "op": ">=", "value": 1})),
        badge("grown", json!({"fact": "growth", "op": ">=", "value": 1000})),
        badge("keen", json!({"fact": "period_growth", "op": "between", "value": [150, 600]})),
        badge("rich", json!({"fact": "points.available", "op": ">", "value": 400})),
        badge("much", json!({"fact": "orders.amount", "op": ">=", "value": much})),
        badge("well_off", json!({"fact": "tags", "op": "contains", "value": "rich_buyer"})),
        badge("after_many", json!({"fact": "badges", "op": "contains", "value": "many"})),
        badge("many", json!({"all": [
            {"fact": "orders.count", "op": "between", "value": [4, 9]},
            {"not": {"fact": "tier", "op": "in", "value": high}}]})),
        badge("either", json!({"any": [
            {"fact": "tier", "op": "=", "value": "silver"},
            {"fact": "growth", "op": "<", "value": 3}]})),
    ])
}

fn name(id: &str) -> Value {
    json!({"en": id, "zh": id})
}
