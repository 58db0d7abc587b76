//! Activities that take, that are taken back, and the task list: rule 8, case by case.

use serde_json::{Value, json};

use crate::{
    accounts::{block, usage},
    histories::run,
    support::{Shop, coalition},
};

const START: &str = "2026-03-02T10:00:00+08:00";

fn program() -> Value {
    let mut program = coalition();
    let more = [
        json!({"id": "refused", "points": -30, "growth": -10, "per_day": 2}),
        json!({"id": "late", "growth": -4, "once": true}),
    ];
    program["activities"].as_array_mut().unwrap().extend(more);
    program
}

struct Club {
    shop: Shop,
    member: String,
}

impl Club {
    async fn open(program: &Value) -> Club {
        let shop = Shop::open(program, START).await;
        let member = shop.somebody().await;
        Club { shop, member }
    }

    fn done(&self, activity: &str, reference: Option<&str>) -> Value {
        json!({"member_id": self.member, "brand": "acme", "activity": activity, "activity_ref": reference})
    }

    /// Available, debt and growth.
    async fn stands(&self) -> (i64, i64, i64) {
        let seen = self.shop.show(&self.member).await;
        let figure = |value: &Value| value.as_i64().unwrap();
        let points = &seen["points"];
        (figure(&points["available"]), figure(&points["debt"]), figure(&seen["growth"]))
    }
}

fn back(activity: &str, reference: &str) -> Value {
    json!({"brand": "acme", "activity": activity, "activity_ref": reference})
}

#[test]
fn an_activity_that_takes_takes_what_there_is() {
    run(async {
        for (on_short, has, want) in [
            ("debt", "100", ((-30, -30), (70, 0, 90))),
            ("debt", "8", ((-30, -30), (0, 22, 0))),
            ("forgive", "8", ((-8, -30), (0, 0, 0))),
        ] {
            let mut program = program();
            program["points"]["on_short"] = json!(on_short);
            program["points"]["limits"] = json!([{"per": "order", "points": 5000}]);
            let club = Club::open(&program).await;
            club.shop.earn(&club.member, "A-1", has).await;
            let told = club.shop.ok("POST", "/earn-points", club.done("refused", None)).await;
            let figures = (told["granted"].as_i64().unwrap(), told["calculated"].as_i64().unwrap());
            assert_eq!((figures, club.stands().await), want, "{on_short} {has}: {told}");
            assert_eq!(told["entry"]["forfeits"], true);
        }
    });
}

#[test]
fn an_activity_that_takes_has_its_limits_and_a_name() {
    run(async {
        let club = Club::open(&program()).await;
        club.shop.earn(&club.member, "A-1", "100").await;
        let first = club.shop.ok("POST", "/earn-points", club.done("refused", Some("R-1"))).await;
        let again = club.shop.call("POST", "/earn-points", club.done("refused", Some("R-1"))).await;
        assert_eq!((again.status, &again.body), (200, &first));
        club.shop.ok("POST", "/earn-points", club.done("refused", None)).await;
        club.shop.refused("409 activity_limit", "POST", "/earn-points", club.done("refused", None)).await;
        club.shop.ok("POST", "/earn-points", club.done("late", None)).await;
        club.shop.refused("409 activity_limit", "POST", "/earn-points", club.done("late", None)).await;
        assert_eq!(club.stands().await, (40, 0, 76));
        let refused =
            club.shop.refused("422 invalid_field", "POST", "/reverse", back("refused", "R-1")).await;
        assert_eq!(refused.faults(), ["/activity not_reversible"]);
    });
}

/// A brand of the house tells it: a partner's is refused, whoever asks.
#[test]
fn a_partner_takes_nothing() {
    run(async {
        let club = Club::open(&program()).await;
        let reference = club.shop.linked(&club.member, "moon").await;
        let body = json!({"member_ref": reference, "brand": "moon", "activity": "refused"});
        assert_eq!(club.shop.partner("moon", "/earn-points", body).await.verdict(), "403 forbidden");
        let mut body = club.done("refused", None);
        body["brand"] = json!("moon");
        club.shop.refused("403 forbidden", "POST", "/earn-points", body).await;
        let body =
            json!({"member_ref": reference, "brand": "moon", "activity": "review", "activity_ref": "1"});
        club.shop.partner_ok("moon", "/earn-points", body).await;
        let own = json!({"brand": "moon", "activity": "review", "activity_ref": "1"});
        assert_eq!(club.shop.partner_ok("moon", "/reverse", own).await["taken"], 3);
        club.shop.ok("POST", "/earn-points", club.done("review", Some("1"))).await;
        let others = club.shop.partner("moon", "/reverse", back("review", "1")).await;
        assert_eq!(others.verdict(), "403 forbidden");
    });
}

#[test]
fn programmes_that_give_and_take_at_once_are_refused() {
    run(async {
        let club = Club::open(&program()).await;
        for (activity, want) in [
            (json!({"id": "a", "points": -1}), vec![]),
            (json!({"id": "a", "growth": -1, "points": 0, "streak": []}), vec![]),
            (json!({"id": "a", "points": -1, "growth": 1}), vec!["/activities/0/growth out_of_range"]),
            (json!({"id": "a", "points": 1, "growth": -1}), vec!["/activities/0/points out_of_range"]),
            (
                json!({"id": "a", "points": -1, "streak": [{"days": 2, "points": 1}]}),
                vec!["/activities/0/streak unknown_field"],
            ),
        ] {
            let mut program = program();
            program["activities"] = json!([activity]);
            let reply = club.shop.call("PUT", "/program", program).await;
            assert_eq!(reply.faults(), want, "{activity}: {}", reply.body);
            assert_eq!(reply.status, if want.is_empty() { 200 } else { 422 }, "{}", reply.body);
        }
    });
}

/// With the bonus of its streak; no day and no limit is freed; and the lot is its own.
#[test]
fn an_activity_is_taken_back_once() {
    run(async {
        let club = Club::open(&program()).await;
        for day in 2..5 {
            club.shop.at(&format!("2026-03-0{day}T10:00:00+08:00"));
            let name = format!("D-{day}");
            club.shop.ok("POST", "/earn-points", club.done("check_in", Some(&name))).await;
        }
        assert_eq!(club.stands().await, (65, 0, 3));
        let first = club.shop.ok("POST", "/reverse", back("check_in", "D-4")).await;
        assert_eq!((&first["taken"], &first["entry"]["activity_ref"]), (&json!(55), &json!("D-4")));
        let again = club.shop.call("POST", "/reverse", back("check_in", "D-4")).await;
        assert_eq!((again.status, &again.body), (200, &first));
        assert_eq!(club.stands().await, (10, 0, 2));
        club.shop.refused("409 activity_limit", "POST", "/earn-points", club.done("check_in", None)).await;
        // Told again it is the first answer, and earns nothing.
        let told = club.shop.ok("POST", "/earn-points", club.done("check_in", Some("D-4"))).await;
        assert_eq!((&told["granted"], club.stands().await), (&json!(55), (10, 0, 2)));
        club.shop.refused("404 activity_not_found", "POST", "/reverse", back("check_in", "D-9")).await;
        let dry = json!({"brand": "acme", "activity": "check_in", "activity_ref": "D-2", "dry_run": true});
        assert_eq!(club.shop.ok("POST", "/reverse", dry).await["taken"], 5);
        assert_eq!(club.stands().await, (10, 0, 2));
    });
}

/// As an order's: from its own lot first, then the others; not once its lot has ended; as debt if it is spent.
#[test]
fn an_activitys_lot_is_its_own() {
    run(async {
        let club = Club::open(&program()).await;
        let mut early = club.done("review", Some("early"));
        early["occurred_at"] = json!("2025-12-30T10:00:00+08:00"); // until 2027
        club.shop.ok("POST", "/earn-points", early).await;
        club.shop.ok("POST", "/earn-points", club.done("review", Some("late"))).await; // until 2028
        let taken = club.shop.ok("POST", "/reverse", back("review", "late")).await;
        assert_eq!(taken["entry"]["lots"][0]["expires_at"], "2028-01-01T00:00:00+08:00");
        club.shop.at("2027-01-01T00:00:00+08:00");
        let taken = club.shop.ok("POST", "/reverse", back("review", "early")).await;
        assert_eq!((&taken["taken"], &taken["entry"]["points"]), (&json!(0), &json!(0)));
        assert_eq!(club.stands().await, (0, 0, 0));

        club.shop.ok("POST", "/earn-points", club.done("review", Some("spent"))).await;
        club.shop.redeem(&club.member, "O-1", 3).await;
        let taken = club.shop.ok("POST", "/reverse", back("review", "spent")).await;
        assert_eq!((&taken["taken"], &taken["debt"]), (&json!(3), &json!(3)));
    });
}

/// What a block paid for goes back to it; what an activity takes concerns no block.
#[test]
fn a_block_gets_back_what_an_activity_drew() {
    run(async {
        let mut program = program();
        program["brands"][0]["funding"] = json!({"mode": "prepaid"});
        let club = Club::open(&program).await;
        block(&club.shop, "b1", 10).await;
        let left = async || usage(&club.shop).await["blocks"][0]["left"].clone();
        club.shop.ok("POST", "/earn-points", club.done("review", Some("1"))).await;
        let drawn = left().await;
        club.shop.ok("POST", "/earn-points", club.done("refused", None)).await;
        assert_eq!(left().await, drawn);
        club.shop.ok("POST", "/reverse", back("review", "1")).await;
        assert_ne!(left().await, drawn);
        assert_eq!(left().await, 10);
    });
}

/// At that moment: what is open, from when on what is not, how often it was done, and the streak.
#[test]
fn the_task_list_says_what_can_be_done() {
    run(async {
        let club = Club::open(&program()).await;
        let path = format!("/members/{}/activities", club.member);
        let tasks = async || {
            let told = club.shop.ok("GET", &path, Value::Null).await;
            assert_eq!(told["next_cursor"], Value::Null);
            told["activities"].as_array().unwrap().clone()
        };
        let check_in = |open: bool, next_at: Value, (today, month): (u32, u32), days: u32, next: Value| {
            json!({"activity": "check_in", "points": 5, "growth": 1, "open": open, "next_at": next_at,
                   "today": today, "month": month, "streak": {"days": days, "next": next}})
        };
        let third = json!({"days": 3, "points": 50});
        let all = tasks().await;
        assert_eq!(all[0], check_in(true, Value::Null, (0, 0), 0, third.clone()));
        let names: Vec<&Value> = all.iter().map(|task| &task["activity"]).collect();
        assert_eq!(names, ["check_in", "bind", "review"], "what takes is no task");

        club.shop.ok("POST", "/earn-points", club.done("check_in", None)).await;
        club.shop.ok("POST", "/earn-points", club.done("bind", None)).await;
        for _ in 0..2 {
            club.shop.ok("POST", "/earn-points", club.done("review", None)).await;
        }
        let all = tasks().await;
        assert_eq!(all[0], check_in(false, json!("2026-03-03T00:00:00+08:00"), (1, 1), 1, third.clone()));
        assert_eq!((&all[1]["open"], &all[1]["next_at"]), (&json!(false), &Value::Null), "once for ever");
        let review = json!({"activity": "review", "points": 3, "growth": 0, "open": false,
            "next_at": "2026-04-01T00:00:00+08:00", "today": 2, "month": 2, "streak": null});
        assert_eq!(all[2], review);

        club.shop.at("2026-03-03T00:00:00+08:00");
        assert_eq!(tasks().await[0], check_in(true, Value::Null, (0, 1), 1, third.clone()));
        club.shop.at("2026-03-04T00:00:00+08:00");
        assert_eq!(tasks().await[0], check_in(true, Value::Null, (0, 1), 0, third), "a day was missed");
        for day in 4..7 {
            club.shop.at(&format!("2026-03-0{day}T10:00:00+08:00"));
            club.shop.ok("POST", "/earn-points", club.done("check_in", None)).await;
        }
        assert_eq!(tasks().await[0]["streak"], json!({"days": 3, "next": null}), "after the last");
        club.shop.at("2026-04-01T00:00:00+08:00");
        assert_eq!((&tasks().await[2]["open"], &tasks().await[2]["month"]), (&json!(true), &json!(0)));

        let suspended = json!({"status": "suspended", "reason": "r"});
        club.shop.ok("POST", &format!("/members/{}/status", club.member), suspended).await;
        for task in tasks().await {
            assert_eq!((&task["open"], &task["next_at"]), (&json!(false), &Value::Null), "{task}");
        }
    });
}
