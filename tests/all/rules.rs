//! Rules that neither the worked cases nor generated histories fix, case by case.

use serde_json::{Value, json};

use crate::{histories::run, support::Shop};

fn program(tiers: Value, expiry: Value) -> Value {
    json!({
        "name": "Rules", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}, {"id": "bean", "name": "Bean"}],
        "points": {"per_unit": "1", "expiry": expiry, "restore_grace_days": 30},
        "growth": {"per_unit": "1"},
        "tiers": tiers,
    })
}

struct Club {
    shop: Shop,
    member: String,
}

impl Club {
    async fn open(program: &Value) -> Club {
        let shop = Shop::open(program, "2020-01-10T09:00:00+08:00").await;
        let member = shop.member("somebody").await;
        Club { shop, member }
    }

    async fn earn(&self, order: &str, amount: &str) -> Value {
        let body = json!({"member_id": self.member, "brand": "acme", "order_id": order, "amount": amount});
        self.shop.ok("POST", "/earn-points", body).await
    }

    async fn redeem(&self, order: &str, points: u64) -> Value {
        let spent = json!({"kind": "order", "order_id": order});
        let body = json!({"member_id": self.member, "brand": "acme", "points": points, "for": spent});
        self.shop.ok("POST", "/redeem", body).await["redemption_id"].clone()
    }

    async fn refund(&self, order: &str, amount: &str) -> Value {
        let refund = if amount == "all" { json!("all") } else { json!({"amount": amount}) };
        let body = json!({"brand": "acme", "order_id": order, "refund": refund});
        self.shop.ok("POST", "/reverse", body).await
    }

    async fn cancel(&self, redemption: &Value) -> Value {
        self.shop.ok("POST", "/reverse", json!({"redemption_id": redemption})).await
    }

    async fn seen(&self) -> Value {
        self.shop.ok("GET", &format!("/members/{}", self.member), Value::Null).await
    }

    async fn trial(&self) -> Value {
        self.seen().await["tier"]["trial"]["id"].clone()
    }
}

fn lot(expires_at: &str, points: u64) -> Value {
    json!({"expires_at": expires_at, "brand": "acme", "held_until": null, "points": points})
}

/// Rule 6: "Open debt is repaid first, from the earliest expiring."
#[test]
fn restored_lots_repay_debt_from_the_earliest_expiring() {
    let base = json!([{"id": "basic", "growth": 0}]);
    run(async {
        let club = Club::open(&program(base, json!({"mode": "months", "months": 12}))).await;
        club.earn("january", "100").await; // until 10 January 2021
        club.shop.at("2020-02-10T09:00:00+08:00");
        club.earn("february", "100").await; // until 10 February 2021
        let redemption = club.redeem("spent", 200).await;
        assert_eq!(club.refund("february", "60").await["debt"], 60);

        // Both lots live: January's repays.
        let answer =
            club.shop.ok("POST", "/reverse", json!({"redemption_id": redemption, "dry_run": true})).await;
        let left = json!([{"expires_at": "2021-01-10T00:00:00+08:00", "brand": "acme", "points": 40},
            {"expires_at": "2021-02-10T00:00:00+08:00", "brand": "acme", "points": 100}]);
        assert_eq!((&answer["entry"]["lots"], &answer["restored"]), (&left, &json!(200)));

        // January's has expired and comes back for 30 days, beyond February's end: February's repays.
        club.shop.at("2021-02-01T09:00:00+08:00");
        let answer = club.cancel(&redemption).await;
        assert_eq!((&answer["restored"], &answer["debt"]), (&json!(200), &json!(0)));
        let seen = club.seen().await;
        let left = json!([lot("2021-02-10T00:00:00+08:00", 40), lot("2021-03-03T00:00:00+08:00", 100)]);
        assert_eq!(seen["points"]["lots"], left);
    });
}

/// Rules 3 and 6: of lots with one end, the order is by brand.
#[test]
fn restored_lots_of_one_end_repay_debt_in_the_order_of_their_brands() {
    let base = json!([{"id": "basic", "growth": 0}]);
    run(async {
        let club = Club::open(&program(base, json!({"mode": "months", "months": 12}))).await;
        let body = json!({"member_id": club.member, "brand": "bean", "order_id": "first", "amount": "100"});
        club.shop.ok("POST", "/earn-points", body).await; // ends first
        club.shop.at("2020-02-10T09:00:00+08:00");
        club.earn("second", "100").await;
        club.shop.at("2020-12-01T09:00:00+08:00");
        club.earn("third", "10").await;
        let redemption = club.redeem("spent", 210).await;
        assert_eq!(club.refund("third", "all").await["debt"], 10);

        club.shop.at("2021-03-01T09:00:00+08:00"); // the first two come back until 31 March
        club.cancel(&redemption).await;
        let lots = club.seen().await["points"]["lots"].clone();
        let grace = "2021-03-31T00:00:00+08:00";
        let bean = json!({"expires_at": grace, "brand": "bean", "held_until": null, "points": 100});
        assert_eq!(lots, json!([lot(grace, 90), bean, lot("2021-12-01T00:00:00+08:00", 10)]));
    });
}

/// Rules 2 and 6: a new version "moves no instant already written", and points "go back to the lots they came from".
#[test]
fn restored_lots_from_before_inactivity_counted_keep_their_later_end() {
    let base = json!([{"id": "basic", "growth": 0}]);
    run(async {
        let club = Club::open(&program(base.clone(), json!({"mode": "months", "months": 24}))).await;
        club.earn("before", "100").await; // until 10 January 2022
        let redemption = club.redeem("spent", 100).await;
        let inactivity = program(base, json!({"mode": "inactivity", "months": 6}));
        club.shop.at("2020-02-10T09:00:00+08:00");
        club.shop.ok("PUT", "/program", inactivity).await;
        club.earn("after", "10").await; // until 10 August 2020
        club.cancel(&redemption).await;
        let lots = json!([lot("2020-08-10T00:00:00+08:00", 10), lot("2022-01-10T00:00:00+08:00", 100)]);
        assert_eq!(club.seen().await["points"]["lots"], lots);
    });
}

/// Gold's trial starts while silver's runs, or not.
fn two_trials() -> Value {
    json!([
        {"id": "basic", "growth": 0},
        {"id": "silver", "growth": 1000, "trial": {"at_percent": 50, "days": 30},
         "validity": {"months": 6}, "on_lapse": {"mode": "reset"}},
        {"id": "gold", "growth": 1100, "trial": {"at_percent": 60, "days": 30}},
    ])
}

/// Rule 7: "one that would start while another runs does not, and is not used up".
#[test]
fn a_trial_does_not_start_while_another_runs_and_is_not_used_up() {
    run(async {
        let club = Club::open(&program(two_trials(), json!({"mode": "never"}))).await;
        club.earn("one", "500").await;
        assert_eq!(club.trial().await, "silver");
        club.earn("two", "160").await; // 660: from below gold's threshold to it
        assert_eq!(club.trial().await, "silver", "one at a time");

        club.shop.at("2020-02-09T08:59:59.999+08:00");
        assert_eq!(club.trial().await, "silver");
        club.shop.at("2020-02-09T09:00:00+08:00");
        assert_eq!(club.trial().await, Value::Null, "over at its end, and gold's does not follow by itself");
        club.earn("three", "10").await;
        assert_eq!(club.trial().await, Value::Null, "growth did not rise from below");

        club.refund("two", "100").await; // 570
        club.earn("four", "90").await; // 660
        assert_eq!(club.trial().await, "gold", "it was not used up");
    });
}

#[test]
fn a_trial_is_had_once() {
    run(async {
        let club = Club::open(&program(two_trials(), json!({"mode": "never"}))).await;
        club.earn("one", "500").await;
        club.shop.at("2020-03-01T09:00:00+08:00");
        club.refund("one", "1").await;
        club.earn("two", "1").await; // from 499 to 500 again
        assert_eq!(club.trial().await, Value::Null);
    });
}

/// Rule 7: "nor is one by jumping past the threshold".
#[test]
fn a_trial_that_was_jumped_past_is_not_used_up() {
    run(async {
        let club = Club::open(&program(two_trials(), json!({"mode": "never"}))).await;
        let answer = club.earn("one", "1000").await; // past silver's 500; gold's 660 lies in between too
        assert_eq!(answer["upgraded_to"], "silver");
        assert_eq!(club.trial().await, "gold");

        club.shop.at("2020-08-01T09:00:00+08:00"); // silver lapsed on 10 July, growth is 0
        assert_eq!(club.seen().await["tier"]["id"], "basic");
        club.earn("two", "600").await;
        assert_eq!(club.trial().await, "silver", "it was not used up by jumping past");
        let multiplied = club.earn("three", "60").await; // 660: gold's was had
        assert_eq!(multiplied["entry"]["points"], 60);
        assert_eq!(club.trial().await, "silver");
    });
}

/// Rule 6: "With `inactivity` expiry no lot is the order's own". An order from before it was so.
#[test]
fn an_order_from_before_inactivity_is_refunded_from_what_there_is() {
    run(async {
        let tiers = json!([{"id": "basic", "growth": 0}]);
        let club = Club::open(&program(tiers.clone(), json!({"mode": "year_end", "years": 1}))).await;
        club.earn("old", "100").await; // until 2022
        let inactivity = program(tiers, json!({"mode": "inactivity", "months": 12}));
        club.shop.ok("PUT", "/program", inactivity).await;
        club.shop.at("2021-12-01T09:00:00+08:00");
        club.earn("new", "10").await; // all of it now lives until December 2022
        club.shop.at("2022-02-01T09:00:00+08:00");
        let refund = club.refund("old", "all").await;
        assert_eq!(refund["taken"], 100, "{refund}");
        assert_eq!(club.seen().await["points"]["available"], 10);
    });
}

/// Rule 4: held until `occurred_at + hold`, and free at that very instant.
#[test]
fn an_order_that_is_told_when_its_hold_ends_is_free() {
    run(async {
        let mut document = program(json!([{"id": "basic", "growth": 0}]), json!({"mode": "never"}));
        document["points"]["hold_days"] = json!(7);
        let club = Club::open(&document).await;
        for (order, at, free) in
            [("before", "2020-01-17T08:59:59.999+08:00", 0), ("then", "2020-01-17T09:00:00+08:00", 10)]
        {
            club.shop.at(at);
            let body = json!({"member_id": club.member, "brand": "acme", "order_id": order, "amount": "10",
                              "occurred_at": "2020-01-10T09:00:00+08:00"});
            let dry = club.shop.ok("POST", "/earn-points", {
                let mut body = body.clone();
                body["dry_run"] = json!(true);
                body
            });
            let balance = dry.await["balance"].clone();
            assert_eq!(
                (&balance["available"], &balance["held"]),
                (&json!(free), &json!(10 - free)),
                "{order}"
            );
            if free > 0 {
                club.shop.ok("POST", "/earn-points", body).await;
                assert_eq!(club.seen().await["points"]["lots"][0]["held_until"], Value::Null);
            }
        }
    });
}

/// Rule 6: what has expired since, at that very instant too, is lost where no grace is given.
#[test]
fn without_grace_what_has_expired_is_lost() {
    run(async {
        let mut document =
            program(json!([{"id": "basic", "growth": 0}]), json!({"mode": "months", "months": 1}));
        document["points"]["restore_grace_days"] = json!(0);
        let club = Club::open(&document).await;
        let start = |day: u32| format!("2020-01-{day}T09:00:00+08:00");
        for (day, points) in [(10, "10"), (11, "20"), (12, "40")] {
            club.shop.at(&start(day));
            club.earn(&day.to_string(), points).await;
        }
        let redemption = club.redeem("spent", 70).await;
        club.shop.at("2020-02-11T00:00:00+08:00"); // the first two have expired, the second just now
        let answer = club.cancel(&redemption).await;
        assert_eq!((&answer["restored"], &answer["lost"]), (&json!(40), &json!(30)), "{answer}");
        assert_eq!(club.seen().await["points"]["lots"], json!([lot("2020-02-12T00:00:00+08:00", 40)]));
    });
}

/// Rule 7: a member who still fulfils a tier's other condition falls no lower; one who does not, falls.
#[test]
fn a_lapse_goes_down_to_what_is_fulfilled() {
    let tiers = json!([
        {"id": "basic", "growth": 0},
        {"id": "silver", "growth": 1000, "validity": {"months": 12}, "on_lapse": {"mode": "reset"},
         "or": {"fact": "badges", "op": "contains", "value": "founder"}},
    ]);
    let mut document = program(tiers, json!({"mode": "never"}));
    document["badges"] = json!([{"id": "founder"}]);
    run(async {
        for (founds, tier) in [(true, "silver"), (false, "basic")] {
            let club = Club::open(&document).await;
            club.earn("one", "1000").await;
            assert_eq!(club.seen().await["tier"]["id"], "silver");
            if founds {
                let badge = json!({"member_id": club.member, "badge": "founder", "reason": "was here first"});
                club.shop.ok("POST", "/issue-badge", badge).await;
            }
            club.shop.at("2021-02-01T09:00:00+08:00");
            let seen = club.seen().await;
            assert_eq!((&seen["tier"]["id"], &seen["growth"]), (&json!(tier), &json!(0)));
        }
    });
}

/// Rule 7: a trial ends when the tier itself is reached, and not because the one below lapses.
#[test]
fn a_trial_outlives_the_lapse_of_a_lower_tier() {
    let tiers = json!([
        {"id": "basic", "growth": 0},
        {"id": "silver", "growth": 100, "validity": {"months": 6}, "on_lapse": {"mode": "reset"}},
        {"id": "gold", "growth": 1000, "trial": {"at_percent": 50, "days": 60}},
    ]);
    run(async {
        let club = Club::open(&program(tiers, json!({"mode": "never"}))).await;
        club.earn("one", "100").await; // silver until 10 July
        club.shop.at("2020-06-20T09:00:00+08:00");
        club.earn("two", "400").await; // gold's trial until 19 August
        club.shop.at("2020-07-11T09:00:00+08:00");
        assert_eq!(
            (club.seen().await["tier"]["id"].clone(), club.trial().await),
            (json!("basic"), json!("gold"))
        );
        club.earn("three", "1000").await;
        assert_eq!(
            (club.seen().await["tier"]["id"].clone(), club.trial().await),
            (json!("gold"), Value::Null)
        );
    });
}

/// Rule 6: an order's own lot gives first, from the very instant of its release on too.
#[test]
fn a_refund_when_the_hold_ends_takes_the_orders_own_lot() {
    run(async {
        let base = json!([{"id": "basic", "growth": 0}]);
        let mut document = program(base, json!({"mode": "months", "months": 12}));
        document["points"]["hold_days"] = json!(7);
        let club = Club::open(&document).await;
        club.earn("first", "50").await; // until 10 January 2021, and spent before the other
        club.shop.at("2020-02-10T09:00:00+08:00");
        club.earn("own", "50").await; // held until 17 February
        club.shop.at("2020-02-17T09:00:00+08:00");
        let taken = club.refund("own", "20").await["entry"]["lots"].clone();
        let own = json!([{"expires_at": "2021-02-10T00:00:00+08:00", "brand": "acme", "points": -20}]);
        assert_eq!(taken, own);
    });
}
