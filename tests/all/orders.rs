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

/// A weight is refunded exactly, and told as a whole number where it is one, else without closing zeros.
#[test]
fn a_quantity_is_pieces_or_a_weight() {
    run(async {
        let till = Till::open(&program()).await;
        let line = |quantity: Value| json!({"line_id": "1", "category": "tea", "quantity": quantity, "amount": "99.99"});
        let order = till.order(&json!({"order_id": "T1", "lines": [line(json!("0.350"))]}));
        // 199.98; of 0.25 kg 142.842…, of 0.01 kg 5.713…
        assert_eq!(till.hears("/earn-points", order).await.1["granted"], 199);
        let refund = |quantity: Value| {
            let lines = json!([{"line_id": "1", "quantity": quantity}]);
            json!({"brand": "acme", "order_id": "T1", "refund": {"lines": lines}})
        };
        assert_eq!(till.hears("/reverse", refund(json!("0.1"))).await.1["taken"], 199 - 142);
        assert_eq!(till.hears("/reverse", refund(json!("0.240"))).await.1["taken"], 142 - 5);
        for (more, left) in [(json!(1), json!("0.01")), (json!("0.011"), json!("0.01"))] {
            let reply = till.shop.refused("409 over_refund", "POST", "/reverse", refund(more)).await;
            assert_eq!(reply.body["remaining"], json!([{"line_id": "1", "quantity": left}]));
        }
        assert_eq!(till.hears("/reverse", refund(json!("0.010"))).await.1["taken"], 5);
        let reply = till.shop.refused("409 over_refund", "POST", "/reverse", refund(json!("0.001"))).await;
        assert_eq!(reply.body["remaining"], json!([{"line_id": "1", "quantity": 0}]));
        for quantity in [
            json!(0),
            json!(-1),
            json!("0"),
            json!("-1"),
            json!("0.3501"),
            json!("1e3"),
            json!(0.5),
            json!(""),
        ] {
            let order = till.order(&json!({"order_id": "T2", "lines": [line(quantity.clone())]}));
            let (verdict, faults) = till.hears("/earn-points", order).await;
            assert_eq!(
                (verdict.as_str(), &faults[0]["pointer"]),
                ("422 invalid_field", &json!("/lines/0/quantity"))
            );
            assert!(faults[0]["detail"].as_str().unwrap().contains("\"0.350\""), "{quantity}: {faults}");
        }
        let order = till.order(&json!({"order_id": "T3", "lines": [line(json!("3.000"))]}));
        assert_eq!(till.hears("/earn-points", order).await.0, "200");
        let all = json!({"brand": "acme", "order_id": "T3", "refund": {"lines": [{"line_id": "1", "quantity": 4}]}});
        let reply = till.shop.refused("409 over_refund", "POST", "/reverse", all).await;
        assert_eq!(reply.body["remaining"][0]["quantity"], 3);
    });
}

/// Zeros beyond the minor digits say nothing; any other digit there is refused, and told.
#[test]
fn zeros_beyond_the_minor_digits_are_harmless() {
    run(async {
        let till = Till::open(&program()).await;
        let order = till.order(&json!({"order_id": "A1", "amount": "88.5000"}));
        assert_eq!(till.hears("/earn-points", order).await.1["granted"], 88);
        let lines = json!([{"line_id": "1", "quantity": 1, "amount": "11.5000"},
            {"line_id": "2", "quantity": 1, "amount": "1.0"}]);
        let order = till.order(&json!({"order_id": "A2", "amount": "12.500", "lines": lines}));
        assert_eq!(till.hears("/earn-points", order).await.1["granted"], 12);
        let order = till.order(&json!({"order_id": "A3", "amount": "88.505"}));
        let (verdict, faults) = till.hears("/earn-points", order).await;
        assert_eq!(verdict, "422 invalid_field");
        assert_eq!(
            faults[0]["detail"],
            "an amount of CNY: at most 13 digits before the point, at most 2 digits after the point but for zeros; \
             not \"88.505\""
        );
        for (amount, verdict) in [("8.500", "200"), ("8.501", "422 invalid_field")] {
            let refund = json!({"brand": "acme", "order_id": "A1", "refund": {"amount": amount}});
            assert_eq!(till.hears("/reverse", refund).await.0, verdict, "{amount}");
        }
    });
}

/// What one order gives under a programme with these changes: points and growth, or the faults.
#[track_caller]
fn gives(changes: &[(&str, Value)], content: &Value, want: Result<(u64, u64), &[&str]>) {
    let mut program = program();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        program.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    let (got, faults) = run(async {
        let till = Till::open(&program).await;
        let mut order = till.order(content);
        order["order_id"] = json!("A1");
        let reply = till.shop.call("POST", "/earn-points", order).await;
        let told = &reply.body;
        (told["granted"].as_u64().zip(told["growth"].as_u64()), reply.faults())
    });
    match want {
        Ok(want) => assert_eq!(got, Some(want), "{changes:?} {content}: {faults:?}"),
        Err(want) => assert_eq!((got, faults), (None, want.iter().map(ToString::to_string).collect())),
    }
}

fn lines(of: &[(&str, &str)]) -> Value {
    let line = |(index, (category, amount)): (usize, &(&str, &str))| json!({"line_id": index.to_string(), "category": category, "quantity": 1, "amount": amount});
    json!({"lines": of.iter().enumerate().map(line).collect::<Vec<_>>()})
}

fn amount(of: &str) -> Value {
    json!({"amount": of})
}

/// A line may be below 0, what counts and an order may not (rules, 4.1). The programme multiplies tea by 2 and excludes
/// gift cards.
#[test]
fn a_discount_is_a_line_below_0() {
    let none: &[(&str, Value)] = &[];
    gives(none, &lines(&[("tea", "60.00"), ("misc", "40"), ("misc", "-20.00")]), Ok((140, 80)));
    gives(none, &lines(&[("gift_card", "100"), ("misc", "30"), ("misc", "-50")]), Ok((0, 0)));
    gives(none, &lines(&[("misc", "30"), ("tea", "-20.00")]), Ok((0, 10)));
    gives(none, &lines(&[("misc", "10"), ("misc", "-10.00")]), Ok((0, 0)));
    // Nothing counts, and yet the tea weighs more than the discount.
    gives(none, &lines(&[("tea", "10"), ("misc", "-10.00")]), Ok((10, 0)));
    gives(none, &lines(&[("misc", "10"), ("misc", "-10.01")]), Err(&["/lines below_zero"]));
    gives(none, &amount("-5.00"), Err(&["/amount wrong_format"]));
    let mut both = lines(&[("misc", "10"), ("misc", "-1")]);
    both["amount"] = json!("9.00");
    gives(none, &both, Ok((9, 9)));
    both["amount"] = json!("10.00");
    gives(none, &both, Err(&["/amount not_the_sum"]));
}

/// Rules 4.2: so many points for every full block, after the multipliers.
#[test]
fn a_block_gives_its_points_when_it_is_full() {
    let block =
        [("/points/per_unit", Value::Null), ("/points/block", json!({"amount": "2.50", "points": 5}))];
    for (of, points) in [("2.49", 0), ("2.50", 5), ("4.99", 5), ("100.00", 200)] {
        let growth: u64 = of.split_once('.').unwrap().0.parse().unwrap();
        gives(&block, &amount(of), Ok((points, growth)));
    }
    // 1.25 doubled is a block, and so is what two lines make together.
    gives(&block, &lines(&[("tea", "1.25")]), Ok((5, 1)));
    gives(&block, &lines(&[("misc", "1.49"), ("misc", "1.01")]), Ok((5, 2)));
    gives(&block, &json!({"brand": "bean", "amount": "4.99"}), Ok((0, 4)));
    gives(&block, &json!({"brand": "bean", "amount": "5.00"}), Ok((5, 5)));
}

/// Rules 4.2: what counts is held against the minimum, and growth is earned in any case.
#[test]
fn an_order_below_the_minimum_earns_no_points() {
    let minimum = [("/points/minimum", json!({"amount": "100.00"}))];
    gives(&minimum, &amount("99.99"), Ok((0, 99)));
    gives(&minimum, &amount("100.00"), Ok((100, 100)));
    gives(&minimum, &lines(&[("misc", "90"), ("gift_card", "50")]), Ok((0, 90)));
    gives(&minimum, &lines(&[("misc", "120"), ("misc", "-30")]), Ok((0, 90)));
    gives(&minimum, &lines(&[("tea", "99.99")]), Ok((0, 99)));
}

/// Rules 4.3: growth by amount, for the order, and of the highest step that is reached.
#[test]
fn growth_comes_per_order_and_by_steps() {
    let steps = json!([{"from": "100.00", "growth": 50}, {"from": "500", "growth": 200}]);
    let growth = [("/growth/per_order", json!(20)), ("/growth/steps", steps)];
    gives(&growth, &amount("0"), Ok((0, 0)));
    gives(&growth, &amount("0.01"), Ok((0, 20)));
    gives(&growth, &amount("99.99"), Ok((99, 119)));
    gives(&growth, &amount("100.00"), Ok((100, 170)));
    gives(&growth, &amount("499.99"), Ok((499, 569)));
    gives(&growth, &amount("500"), Ok((500, 720)));
    gives(&growth, &lines(&[("gift_card", "600")]), Ok((0, 0)));
    gives(&growth, &lines(&[("tea", "50")]), Ok((100, 70)));
}

/// Without its discounts an order may be more than any figure: then it is not refunded so.
#[test]
fn what_remains_is_a_figure() {
    run(async {
        let till = Till::open(&program()).await;
        let line =
            |id: usize, amount: &str| json!({"line_id": id.to_string(), "quantity": 1, "amount": amount});
        let (most, least) = ("9999999999999.99", "-9999999999999.99");
        let lines: Vec<Value> = (0..21).map(|id| line(id, if id < 11 { most } else { least })).collect();
        let order = till.order(&json!({"order_id": "A-1", "lines": lines}));
        assert_eq!(till.hears("/earn-points", order).await.0, "200");
        let refund = |ids: std::ops::Range<usize>| {
            let lines: Vec<Value> = ids.map(|id| json!({"line_id": id.to_string(), "quantity": 1})).collect();
            json!({"brand": "acme", "order_id": "A-1", "refund": {"lines": lines}})
        };
        assert_eq!(till.hears("/reverse", refund(11..20)).await.0, "422 limit_exceeded");
        assert_eq!(till.hears("/reverse", refund(11..12)).await.0, "200");
    });
}

/// A refund recomputes all of it, and a discount that remains alone is nothing.
#[test]
fn a_refund_leaves_what_the_rest_would_have_earned() {
    let mut program = program();
    program["points"]["minimum"] = json!({"amount": "50.00"});
    program["growth"] = json!({"per_unit": "1", "per_order": 20, "steps": [{"from": "100", "growth": 50}]});
    run(async {
        let till = Till::open(&program).await;
        let content = lines(&[("misc", "60.00"), ("misc", "45.00"), ("misc", "-5.00")]);
        let mut order = till.order(&content);
        order["order_id"] = json!("A1");
        let told = till.hears("/earn-points", order).await.1;
        assert_eq!((&told["granted"], &told["growth"]), (&json!(100), &json!(170)));
        let seen = async || {
            let seen = till.shop.ok("GET", &format!("/members/{}", till.member), Value::Null).await;
            (seen["stats"]["orders"].clone(), seen["stats"]["amount"].clone(), seen["growth"].clone())
        };
        // A line, what it takes, and then the member's orders, their amount and the growth.
        for (line, taken, orders, amount, growth) in [
            ("1", 45, 1, "55.00", 75),
            // More remains without the discount, and nothing is given for it.
            ("2", 0, 1, "60.00", 75),
            ("0", 55, 0, "0.00", 0),
        ] {
            let lines = json!([{"line_id": line, "quantity": 1}]);
            let refund = json!({"brand": "acme", "order_id": "A1", "refund": {"lines": lines}});
            assert_eq!(till.hears("/reverse", refund).await.1["taken"], taken, "{line}");
            assert_eq!(seen().await, (json!(orders), json!(amount), json!(growth)), "{line}");
        }
        let mut order = till.order(&content);
        order["order_id"] = json!("A2");
        till.hears("/earn-points", order).await;
        let lines = json!([{"line_id": "0", "quantity": 1}, {"line_id": "1", "quantity": 1}]);
        let refund = json!({"brand": "acme", "order_id": "A2", "refund": {"lines": lines}});
        assert_eq!(till.hears("/reverse", refund).await.1["taken"], 100);
        assert_eq!(seen().await, (json!(0), json!("0.00"), json!(0)));
        let all = json!({"brand": "acme", "order_id": "A2", "refund": "all"});
        assert_eq!(till.hears("/reverse", all).await.1["taken"], 0);
    });
}

/// An order of another currency is refused whatever else it says; where it was placed, it may say.
#[test]
fn an_order_is_in_the_programmes_currency() {
    run(async {
        let till = Till::open(&program()).await;
        for (fields, want) in [
            (json!({"currency": "USD", "amount": "10.00"}), "422 currency_mismatch"),
            (json!({"currency": "cny", "amount": "10.00"}), "422 currency_mismatch"),
            (json!({"currency": "JPY", "amount": "10.555"}), "422 currency_mismatch"),
            (json!({"currency": "CNY", "amount": "10.555"}), "422 invalid_field"),
            (json!({"channel": " web", "amount": "10.00"}), "422 invalid_field"),
            (json!({"currency": "CNY", "channel": "店:0042", "amount": "10.00"}), "200"),
            (json!({"currency": "CNY", "channel": "web", "amount": "10.00"}), "409 order_conflict"),
            (json!({"currency": "CNY", "channel": "店:0042", "amount": "10.00"}), "200"),
        ] {
            let mut order = till.order(&fields);
            order["order_id"] = json!("A1");
            assert_eq!(till.hears("/earn-points", order).await.0, want, "{fields}");
        }
        let order = till.order(&json!({"order_id": "A2", "currency": "USD", "amount": "10.00"}));
        let reply = till.shop.call("POST", "/earn-points", order).await;
        assert_eq!(reply.body["currency"], "CNY");
        assert_eq!(reply.body["detail"], "the programme counts in CNY, and the order says \"USD\"");
        let done = till.order(&json!({"activity": "check_in", "channel": "web", "currency": "USD"}));
        assert_eq!(till.hears("/earn-points", done).await.0, "422 invalid_field");
    });
}
