//! Orders as real shops send them (rules, 1 and 4), case by case.

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{Shop, program},
};

/// A shop with one member, who earns by orders.
struct Till {
    shop: Shop,
    member: String,
}

impl Till {
    async fn open(program: &Value) -> Till {
        let shop = Shop::open(program, "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("somebody").await;
        Till { shop, member }
    }

    /// An order with these fields beside its member and brand.
    fn order(&self, fields: &Value) -> Value {
        let mut body = json!({"member_id": self.member, "brand": "acme"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    /// What the shop hears of an order: its points, or the refusal and the faults with their words.
    async fn hears(&self, path: &str, body: Value) -> (String, Value) {
        let reply = self.shop.call("POST", path, body).await;
        match reply.status {
            200 => ("200".to_owned(), reply.body),
            _ => (reply.verdict(), reply.body["errors"].clone()),
        }
    }
}

/// An id is told back as it was sent, wherever it is told; one that is no id is repeated with what is wrong with it.
#[test]
fn an_id_is_what_the_shop_writes() {
    run(async {
        let till = Till::open(&program()).await;
        for id in ["#1001", "Shop/0001", "订单1", "SO 17-1", "gid://shop/Order/1", &"é".repeat(64)] {
            let order = till
                .order(&json!({"order_id": id, "lines": [{"line_id": id, "quantity": 2, "amount": "8"}]}));
            let (verdict, told) = till.hears("/earn-points", order.clone()).await;
            assert_eq!((verdict.as_str(), &told["entry"]["order_id"]), ("200", &json!(id)));
            assert!(till.shop.call("POST", "/earn-points", order).await.replayed(), "{id}");
            let refund = json!({"brand": "acme", "order_id": id, "refund_id": id,
                "refund": {"lines": [{"line_id": id, "quantity": 1}]}});
            assert_eq!(till.hears("/reverse", refund.clone()).await.1["taken"], 4, "{id}");
            assert!(till.shop.call("POST", "/reverse", refund).await.replayed(), "{id}");
            let adjust = json!({"member_id": till.member, "brand": "acme", "points": 1, "reason": "a gift",
                "adjustment_id": id});
            assert_eq!(till.hears("/adjust", adjust).await.0, "200", "{id}");
            let redeem = json!({"member_id": till.member, "brand": "acme", "points": 1,
                "for": {"kind": "order", "order_id": id}});
            assert_eq!(till.hears("/redeem", redeem).await.1["entry"]["order_id"], json!(id));
        }
        let review = till.order(&json!({"activity": "review", "activity_ref": "评价 #1"}));
        assert_eq!(till.hears("/earn-points", review).await.0, "200");
        let long = "单".repeat(65);
        for (id, wrong) in [
            (" A1", "\" A1\" begins with a blank"),
            ("A1\u{3000}", "ends with a blank"),
            ("A\n1", "\"A\\n1\" holds the control character U+000A"),
            ("e\u{301}", "is not in normal form C, in which it is U+00E9"),
            ("", "\"\" is empty"),
            (&long, "has 65 characters"),
        ] {
            let (verdict, faults) =
                till.hears("/earn-points", till.order(&json!({"order_id": id, "amount": "10"}))).await;
            let fault = &faults[0];
            assert_eq!(
                (verdict.as_str(), &fault["pointer"], &fault["code"]),
                ("422 invalid_field", &json!("/order_id"), &json!("wrong_format")),
                "{id:?}"
            );
            let detail = fault["detail"].as_str().unwrap();
            assert!(detail.contains(wrong) && detail.contains("1 to 64 characters"), "{id:?}: {detail}");
        }
        // What a programme names keeps to its letters.
        let (_, faults) = till
            .hears("/earn-points", till.order(&json!({"brand": "订", "order_id": "1", "amount": "1"})))
            .await;
        assert_eq!(faults[0]["detail"], "1 to 64 of A-Z a-z 0-9 . _ : -, not \"订\"");
    });
}
