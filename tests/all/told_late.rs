//! Redemptions that are told late: rule 5, case by case.

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{Shop, coalition},
};

/// A shop at 8 in the morning of 1 January 2027, with somebody whose 50 points ended at midnight, and who has
/// 100 that end a year later.
struct Till {
    shop: Shop,
    member: String,
}

impl Till {
    async fn open(program: &Value) -> Till {
        let shop = Shop::open(program, "2026-12-20T10:00:00+08:00").await;
        let member = shop.somebody().await;
        for (order, amount, at) in
            [("A-1", "50", "2025-06-01T10:00:00+08:00"), ("A-2", "100", "2026-12-20T10:00:00+08:00")]
        {
            let body = json!({"member_id": member, "brand": "acme", "order_id": order, "amount": amount,
                              "occurred_at": at});
            shop.ok("POST", "/earn-points", body).await;
        }
        shop.at("2027-01-01T08:00:00+08:00");
        Till { shop, member }
    }

    fn redemption(&self, order: &str, points: u64, at: Option<&str>) -> Value {
        let spent = json!({"kind": "order", "order_id": order});
        json!({"member_id": self.member, "brand": "acme", "points": points, "for": spent, "occurred_at": at})
    }

    /// The ledger's kinds and points, oldest first, without what moves nothing.
    async fn moves(&self) -> Vec<(String, i64)> {
        let mut ledger = self.shop.ledger(&self.member, 50).await;
        ledger.reverse();
        let moves = ledger
            .iter()
            .map(|entry| (entry["kind"].as_str().unwrap().to_owned(), entry["points"].as_i64().unwrap()));
        moves.filter(|(_, points)| *points != 0).collect()
    }
}

#[test]
fn a_late_redemption_pays_with_what_could_be_spent_then() {
    run(async {
        for (at, points, verdict, restored) in [
            // Now, and at the very end of the lot, only what has not ended counts.
            (None, 101, "409 insufficient_points", None),
            (Some("2027-01-01T00:00:00+08:00"), 101, "409 insufficient_points", None),
            (Some("2027-01-01T00:00:00+08:00"), 100, "200", None),
            // A millisecond before, all of it.
            (Some("2026-12-31T23:59:59.999+08:00"), 151, "409 insufficient_points", None),
            (Some("2026-12-31T23:59:59.999+08:00"), 150, "200", Some(50)),
            // At most as many as are needed.
            (Some("2026-12-31T20:00:00+08:00"), 20, "200", Some(20)),
            // 72 hours back, and further.
            (Some("2026-12-29T08:00:00+08:00"), 60, "200", Some(50)),
            (Some("2026-12-29T07:59:59.999+08:00"), 60, "422 occurred_too_long_ago", None),
            // Not ahead of now, but for clocks that differ.
            (Some("2027-01-01T08:05:00+08:00"), 100, "200", None),
            (Some("2027-01-01T08:05:00.001+08:00"), 100, "422 occurred_in_future", None),
        ] {
            let till = Till::open(&coalition()).await;
            let reply = till.shop.call("POST", "/redeem", till.redemption("O-1", points, at)).await;
            assert_eq!(reply.verdict(), verdict, "{at:?} {points}: {}", reply.body);
            if reply.status == 409 {
                let both = if at.is_some_and(|at| at < "2027") { 150 } else { 100 };
                assert_eq!(reply.body["available"], both, "{at:?}");
            }
            let mut want: Vec<(String, i64)> = [("earn", 50), ("earn", 100), ("expire", -50)]
                .map(|(kind, points)| (kind.to_owned(), points))
                .into();
            want.extend(restored.map(|points| ("restore".to_owned(), points)));
            if reply.status == 200 {
                want.push(("redeem".to_owned(), -points.cast_signed()));
            }
            assert_eq!(till.moves().await, want, "{at:?} {points}");
        }
    });
}

/// What has come back for one redemption does not come back for another.
#[test]
fn what_ended_comes_back_once() {
    run(async {
        let till = Till::open(&coalition()).await;
        let then = Some("2026-12-31T20:00:00+08:00");
        let first = till.shop.ok("POST", "/redeem", till.redemption("O-1", 30, then)).await;
        till.shop.ok("POST", "/redeem", till.redemption("O-2", 30, then)).await;
        let moves = till.moves().await;
        let restored: Vec<i64> =
            moves.iter().filter(|(kind, _)| kind == "restore").map(|(_, points)| *points).collect();
        assert_eq!(restored, [30, 20]);
        assert_eq!(till.shop.show(&till.member).await["points"]["available"], 90);
        // Told again, it is the first answer, though by now it is too late; its cancellation gives the grace.
        till.shop.at("2027-02-01T10:00:00+08:00");
        let again = till.shop.call("POST", "/redeem", till.redemption("O-1", 30, then)).await;
        assert_eq!((again.status, &again.body), (200, &first));
        let back = json!({"redemption_id": first["redemption_id"]});
        let back = till.shop.ok("POST", "/reverse", back).await;
        assert_eq!(back["entry"]["lots"][0]["expires_at"], "2027-03-03T00:00:00+08:00");
    });
}

#[test]
fn hours_are_the_programmes_and_days_the_brands() {
    run(async {
        for (hours, days, at, verdict) in [
            (json!(0), Value::Null, "2027-01-01T07:59:59.999+08:00", "422 occurred_too_long_ago"),
            (json!(0), Value::Null, "2027-01-01T08:00:00+08:00", "200"),
            (json!(240), Value::Null, "2026-12-22T08:00:00+08:00", "200"),
            (json!(240), json!(1), "2026-12-31T08:00:00+08:00", "200"),
            (json!(240), json!(1), "2026-12-31T07:59:59+08:00", "422 occurred_too_long_ago"),
            (json!(12), json!(30), "2026-12-31T19:59:59+08:00", "422 occurred_too_long_ago"),
        ] {
            let mut program = coalition();
            program["points"]["redeem_late_hours"] = hours.clone();
            program["brands"][0]["late_days"] = days.clone();
            // The orders of the stage are told late too, before the brand's days count.
            let mut stage = program.clone();
            stage["brands"][0]["late_days"] = Value::Null;
            let till = Till::open(&stage).await;
            till.shop.ok("PUT", "/program", program).await;
            let reply = till.shop.call("POST", "/redeem", till.redemption("O-1", 1, Some(at))).await;
            assert_eq!(reply.verdict(), verdict, "{hours} {days} {at}: {}", reply.body);
        }
    });
}

/// A member's own page pays now: it could revive points otherwise.
#[test]
fn a_members_token_tells_no_time() {
    run(async {
        let till = Till::open(&coalition()).await;
        let (_, key) = till.shop.caller(&["storefront"], Some("acme")).await;
        let body = json!({"minutes": 5, "redeem": {"order_id": "O-1", "points_max": 150}});
        let path = format!("/members/{}/tokens", till.member);
        let made = till.shop.call_as(&key, "POST", &path, &body, None).await;
        let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
        let late = till.redemption("O-1", 150, Some("2026-12-31T20:00:00+08:00"));
        let reply = till.shop.call_as(&token, "POST", "/redeem", &late, None).await;
        assert_eq!((reply.status, reply.faults()), (422, vec!["/occurred_at unknown_field".to_owned()]));
        let now = till.redemption("O-1", 100, None);
        assert_eq!(till.shop.call_as(&token, "POST", "/redeem", &now, None).await.status, 200);
    });
}

/// What the day's settling did and nobody has written yet counts as well as what is written.
#[test]
fn what_a_sweep_wrote_and_what_it_did_not_is_the_same() {
    run(async {
        let mut told = Vec::new();
        for sweeps in [false, true] {
            let till = Till::open(&coalition()).await;
            if sweeps {
                till.shop.ok("POST", "/expire-points", json!({})).await;
            }
            let body = till.redemption("O-1", 150, Some("2026-12-31T20:00:00+08:00"));
            told.push(till.shop.ok("POST", "/redeem", body).await["entry"]["lots"].clone());
        }
        assert_eq!(told[0], told[1]);
    });
}
