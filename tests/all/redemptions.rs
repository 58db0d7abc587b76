//! Redemptions of an order, by part, and what cancels them in parts: rules 5 and 6, case by case.

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{Shop, coalition},
};

/// A shop with somebody who has 50 points that end at the end of 2026, and 100 that end a year later.
struct Till {
    shop: Shop,
    member: String,
}

impl Till {
    async fn open() -> Till {
        let shop = Shop::open(&coalition(), "2026-03-02T10:00:00+08:00").await;
        let member = shop.somebody().await;
        for (order, amount, at) in
            [("A-1", "50", "2025-06-01T10:00:00+08:00"), ("A-2", "100", "2026-03-02T10:00:00+08:00")]
        {
            let body = json!({"member_id": member, "brand": "acme", "order_id": order, "amount": amount,
                              "occurred_at": at});
            shop.ok("POST", "/earn-points", body).await;
        }
        Till { shop, member }
    }

    fn redemption(&self, points: u64, part: Option<&str>) -> Value {
        let mut spent = json!({"kind": "order", "order_id": "O-1"});
        if let Some(part) = part {
            spent["part"] = part.into();
        }
        json!({"member_id": self.member, "brand": "acme", "points": points, "for": spent})
    }

    /// The id of a redemption that is made.
    async fn redeem(&self, points: u64, part: Option<&str>) -> Value {
        let told = self.shop.ok("POST", "/redeem", self.redemption(points, part)).await;
        told["redemption_id"].clone()
    }

    async fn available(&self) -> Value {
        self.shop.show(&self.member).await["points"]["available"].clone()
    }
}

/// What a request says, and what it comes to: status and code, and a figure of the answer.
async fn check(till: &Till, rows: &[(Value, &str, Value)]) {
    for (body, verdict, figure) in rows {
        let path = if body["for"].is_null() { "/reverse" } else { "/redeem" };
        let reply = till.shop.call("POST", path, body.clone()).await;
        assert_eq!(reply.verdict(), *verdict, "{body}: {}", reply.body);
        let told = ["restored", "remaining", "available"].into_iter().find_map(|name| reply.body.get(name));
        assert_eq!(told.unwrap_or(&Value::Null), figure, "{body}: {}", reply.body);
    }
}

#[test]
fn an_order_is_paid_once_for_each_part() {
    run(async {
        let till = Till::open().await;
        let whole = till.redeem(30, None).await;
        let first = till.redeem(20, Some("1")).await;
        assert_ne!(whole, first);
        check(
            &till,
            &[
                (till.redemption(30, None), "200", Value::Null),
                (till.redemption(20, Some("1")), "200", Value::Null),
                (till.redemption(21, Some("1")), "409 order_conflict", Value::Null),
                (json!({ "redemption_id": first }), "200", json!(20)),
                (till.redemption(20, Some("1")), "409 already_cancelled", Value::Null),
                // The others stand.
                (till.redemption(30, None), "200", Value::Null),
                (till.redemption(121, Some("2")), "409 insufficient_points", json!(120)),
                (till.redemption(120, Some("2")), "200", Value::Null),
            ],
        )
        .await;
        assert_eq!(till.available().await, 0);
        let ledger = till.shop.ledger(&till.member, 50).await;
        let parts: Vec<&Value> =
            ledger.iter().filter(|entry| entry["kind"] == "redeem").map(|entry| &entry["part"]).collect();
        assert_eq!(parts, [&json!("2"), &json!("1"), &Value::Null]);
    });
}

/// The id of a redemption without a part is what it was before there were parts.
#[test]
fn a_redemption_without_a_part_keeps_its_id() {
    run(async {
        let till = Till::open().await;
        assert_eq!(till.redeem(1, None).await, "rdm_62XB7A9C2NGSCAZA6E6FZWXNXZ");
    });
}

#[test]
fn a_part_of_a_redemption_comes_back_once() {
    run(async {
        let till = Till::open().await;
        let id = till.redeem(120, None).await;
        let part =
            |points: u64, name: &str| json!({"redemption_id": id, "points": points, "refund_id": name});
        check(
            &till,
            &[
                (part(80, "p1"), "200", json!(80)),
                (part(80, "p1"), "200", json!(80)),
                (part(79, "p1"), "409 order_conflict", Value::Null),
                (part(41, "p2"), "409 over_refund", json!(40)),
                (part(0, "p2"), "422 invalid_field", Value::Null),
                (part(10, "p2"), "200", json!(10)),
                // Without a name each is another one.
                (json!({"redemption_id": id, "points": 5}), "200", json!(5)),
                (json!({"redemption_id": id, "points": 5}), "200", json!(5)),
                (json!({ "redemption_id": id }), "200", json!(20)),
                (json!({ "redemption_id": id }), "409 already_cancelled", Value::Null),
                (part(1, "p3"), "409 already_cancelled", Value::Null),
                (till.redemption(120, None), "409 already_cancelled", Value::Null),
                // What was done under a name is answered for ever.
                (part(80, "p1"), "200", json!(80)),
            ],
        )
        .await;
        assert_eq!(till.available().await, 150);
    });
}

/// Of 120 points the 70 of the later lot were drawn last.
#[test]
fn what_was_drawn_last_comes_back_first() {
    run(async {
        let till = Till::open().await;
        let id = till.redeem(120, None).await;
        let back = async |points: u64| {
            let told = till.shop.ok("POST", "/reverse", json!({"redemption_id": id, "points": points})).await;
            told["entry"]["lots"].clone()
        };
        let lot = |year: u32, points: i64| json!({"expires_at": format!("{year}-01-01T00:00:00+08:00"), "brand": "acme", "points": points});
        assert_eq!(back(60).await, json!([lot(2028, 60)]));
        assert_eq!(back(20).await, json!([lot(2027, 10), lot(2028, 10)]));
        assert_eq!(back(40).await, json!([lot(2027, 40)]));
    });
}

/// A name of a cancellation is known only to those who reach the redemption.
#[test]
fn a_named_part_is_no_other_brands_to_know() {
    run(async {
        let till = Till::open().await;
        let id = till.redeem(50, None).await;
        let part = json!({"redemption_id": id, "points": 5, "refund_id": "p1"});
        till.shop.ok("POST", "/reverse", part.clone()).await;
        let (_, bean) = till.shop.caller(&["storefront"], Some("bean")).await;
        let (_, acme) = till.shop.caller(&["storefront"], Some("acme")).await;
        let signed = till.shop.partner("moon", "/reverse", part.clone()).await;
        assert_eq!(signed.verdict(), "404 redemption_not_found");
        for (key, want) in [(&bean, "404 redemption_not_found"), (&acme, "200")] {
            let reply = till.shop.call_as(key, "POST", "/reverse", &part, None).await;
            assert_eq!(reply.verdict(), want, "{}", reply.body);
        }
    });
}

/// What a body of one kind says is not taken for another.
#[test]
fn a_body_says_an_order_or_a_redemption() {
    run(async {
        let till = Till::open().await;
        let id = till.redeem(50, None).await;
        for (body, want) in [
            (json!({"redemption_id": id, "points": 5, "order_id": "A-1"}), vec!["/order_id unknown_field"]),
            (
                json!({"brand": "acme", "order_id": "A-1", "refund": "all", "points": 5}),
                vec!["/points unknown_field"],
            ),
        ] {
            let reply = till.shop.call("POST", "/reverse", body.clone()).await;
            assert_eq!((reply.status, reply.faults()), (422, want.iter().map(ToString::to_string).collect()));
        }
    });
}

/// A token spends on the part that it names.
#[test]
fn a_token_spends_on_its_own_part() {
    run(async {
        let till = Till::open().await;
        let path = format!("/members/{}/tokens", till.member);
        for (named, spent, want) in [
            (None, Some("1"), "403 forbidden"),
            (Some("1"), None, "403 forbidden"),
            (Some("1"), Some("2"), "403 forbidden"),
            (Some("1"), Some("1"), "200"),
            (None, None, "200"),
        ] {
            let (_, key) = till.shop.caller(&["storefront"], Some("acme")).await;
            let redeem = json!({"order_id": "O-1", "part": named, "points_max": 5});
            let made =
                till.shop.call_as(&key, "POST", &path, &json!({"minutes": 5, "redeem": redeem}), None).await;
            let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
            let reply = till.shop.call_as(&token, "POST", "/redeem", &till.redemption(5, spent), None).await;
            assert_eq!(reply.verdict(), want, "{named:?} {spent:?}");
        }
    });
}
