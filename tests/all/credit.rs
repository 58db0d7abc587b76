//! What a postpaid brand may owe: counted exactly, used by the points it issues, given back by refunds and
//! payment.

use serde_json::{Value, json};

use crate::{
    accounts::{block, club, order, refund, refused, save, spend, usage},
    histories::run,
    support::{START, Shop},
};

#[test]
fn credit_is_counted_to_the_millionth_and_at_the_price_of_its_time() {
    run(async {
        let says = |price: &str, credit: &str| json!({"issue_price": price, "funding": {"mode": "postpaid", "credit": credit}});
        let shop = Shop::open(&club(&says("0.003333", "1.00")), START).await;
        let member = shop.somebody().await;
        shop.ok("POST", "/earn-points", order(&member, "A-1", 300)).await;
        let no = refused(&shop, "409 credit_exhausted", "/earn-points", &order(&member, "A-2", 1)).await;
        assert_eq!(no.body["left"], "0.0001");
        // A refund gives back the price of the order's own time, whatever the price is now.
        save(&shop, club(&says("0.500000", "1.00"))).await;
        shop.ok("POST", "/reverse", refund("A-1", "150")).await;
        let credit = usage(&shop).await["funding"]["credit"].clone();
        assert_eq!(credit, json!({"total": "1.00", "used": "0.49995", "left": "0.50005"}));
        shop.ok("POST", "/earn-points", order(&member, "A-2", 1)).await;
        refused(&shop, "409 credit_exhausted", "/earn-points", &order(&member, "A-3", 1)).await;
        // More credit, and less than the debt.
        save(&shop, club(&says("0.500000", "2.00"))).await;
        shop.ok("POST", "/earn-points", order(&member, "A-3", 2)).await;
        save(&shop, club(&says("0", "0.10"))).await;
        shop.ok("POST", "/earn-points", order(&member, "A-4", 9_000)).await;
        let credit = usage(&shop).await["funding"]["credit"].clone();
        assert_eq!(credit, json!({"total": "0.10", "used": "1.99995", "left": "-1.89995"}));
    });
}

#[test]
fn a_closed_month_takes_the_place_of_what_it_issued_until_it_is_paid() {
    run(async {
        let says = json!({"issue_price": "0.01", "honour_price": "0.01", "funding": {"mode": "postpaid", "credit": "10.00"}});
        let shop = Shop::open(&club(&says), START).await;
        let member = shop.somebody().await;
        for number in 0..20 {
            let other = shop.somebody().await;
            shop.ok("POST", "/earn-points", order(&other, &format!("A-{number}"), 30)).await;
            if number < 10 {
                shop.ok("POST", "/redeem", spend(&other, &format!("R-{number}"), 15)).await;
            }
        }
        shop.at("2026-04-01T00:15:00+08:00");
        // An ended month counts until it is closed, and what follows beside it.
        shop.ok("POST", "/earn-points", order(&member, "B-1", 300)).await;
        let no = refused(&shop, "409 credit_exhausted", "/earn-points", &order(&member, "B-2", 101)).await;
        assert_eq!(no.body["left"], "1.00");
        let left = async || usage(&shop).await["funding"]["credit"]["left"].clone();
        // Honoured points lower the balance: 6.00 issued, 4.50 owed.
        for _ in 0..2 {
            shop.ok("POST", "/settle", json!({"month": "2026-03"})).await;
            assert_eq!(left().await, "2.50");
        }
        shop.ok("POST", "/earn-points", order(&member, "B-2", 250)).await;
        refused(&shop, "409 credit_exhausted", "/earn-points", &order(&member, "B-3", 1)).await;
        // A refund of a closed month's order counts in this one.
        shop.ok("POST", "/reverse", refund("A-19", "all")).await;
        assert_eq!(left().await, "0.30");
        for _ in 0..2 {
            shop.ok("POST", "/settlements/2026-03/paid", json!({"brand": "acme"})).await;
            assert_eq!(left().await, "4.80");
        }
        shop.ok("POST", "/settle", json!({"month": "2026-03"})).await;
        assert_eq!(left().await, "4.80");
        shop.at("2026-05-01T00:15:00+08:00");
        // April: 5.50 issued less what was refunded.
        shop.ok("POST", "/settle", json!({"month": "2026-04"})).await;
        assert_eq!(left().await, "4.80");
    });
}

#[test]
fn what_a_shard_noted_of_a_month_is_closed_with_it() {
    run(async {
        let says = json!({"issue_price": "0.01", "honour_price": "0.01", "funding": {"mode": "postpaid", "credit": "100.00"}});
        let shop = Shop::open(&club(&says), START).await;
        let left = async || usage(&shop).await["funding"]["credit"]["left"].clone();
        for number in 0..6 {
            let member = shop.somebody().await;
            shop.ok("POST", "/earn-points", order(&member, &format!("A-{number}"), 30)).await;
        }
        assert_eq!(left().await, "98.20");
        shop.at("2026-04-01T00:15:00+08:00");
        shop.ok("POST", "/settle", json!({"month": "2026-03"})).await;
        assert_eq!(left().await, "98.20", "what was issued is owed");
        shop.ok("POST", "/settlements/2026-03/paid", json!({"brand": "acme"})).await;
        assert_eq!(left().await, "100.00");
    });
}

#[test]
fn credit_is_used_to_its_last_millionth() {
    run(async {
        let says = json!({"issue_price": "0.000001", "funding": {"mode": "postpaid", "credit": "0.01"}});
        let shop = Shop::open(&club(&says), START).await;
        let member = shop.somebody().await;
        for (number, points) in [9_900, 1, 90, 3, 4, 1, 1].into_iter().enumerate() {
            shop.ok("POST", "/earn-points", order(&member, &format!("A-{number}"), points)).await;
        }
        refused(&shop, "409 credit_exhausted", "/earn-points", &order(&member, "B-1", 1)).await;
    });
}

/// An order made under limits alone, or under blocks, takes nothing from a later credit.
#[test]
fn what_was_counted_otherwise_gives_no_credit_back() {
    run(async {
        for before in
            [json!({"limits": [{"per": "day", "issue": 5_000}]}), json!({"funding": {"mode": "prepaid"}})]
        {
            let priced = |says: &Value| {
                let mut says = says.clone();
                says["issue_price"] = json!("0.01");
                club(&says)
            };
            let shop = Shop::open(&priced(&before), START).await;
            if before["funding"].is_object() {
                block(&shop, "PO-1", 2_000).await;
            }
            let member = shop.somebody().await;
            shop.ok("POST", "/earn-points", order(&member, "before", 1_000)).await;
            save(&shop, priced(&json!({"funding": {"mode": "postpaid", "credit": "10.00"}}))).await;
            shop.ok("POST", "/earn-points", order(&member, "after", 500)).await;
            shop.ok("POST", "/reverse", refund("before", "all")).await;
            assert_eq!(usage(&shop).await["funding"]["credit"]["left"], "5.00", "{before}");
        }
    });
}

#[test]
fn what_no_credit_was_charged_for_gives_none_back() {
    run(async {
        let postpaid = |credit: Value| {
            let mut funding = json!({"mode": "postpaid"});
            funding.as_object_mut().unwrap().extend(credit.as_object().unwrap().clone());
            club(&json!({"issue_price": "0.01", "funding": funding}))
        };
        let shop = Shop::open(&postpaid(json!({})), START).await;
        let member = shop.somebody().await;
        let left = async || usage(&shop).await["funding"]["credit"]["left"].clone();
        shop.ok("POST", "/earn-points", order(&member, "before", 1_000)).await;
        save(&shop, postpaid(json!({"credit": "10.00"}))).await;
        shop.ok("POST", "/earn-points", order(&member, "after", 500)).await;
        assert_eq!(left().await, "5.00");
        shop.ok("POST", "/reverse", refund("before", "all")).await;
        assert_eq!(left().await, "5.00");
        refused(&shop, "409 credit_exhausted", "/earn-points", &order(&member, "too-much", 501)).await;
        shop.ok("POST", "/reverse", refund("after", "all")).await;
        assert_eq!(left().await, "10.00");
    });
}
