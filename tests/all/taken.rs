//! What was taken of offers by day: exact whatever limits they have, over holds, returns and revisions, and for ever.

use domain::time::{Day, DayNumber};
use serde_json::{Value, json};

use crate::{offers::coupon, support::Shop};

/// The day of that number of 2027, from 0, as a date.
fn date(day: i32) -> String {
    let first = Day::parse("2027-01-01").unwrap().number();
    Day::from_number(DayNumber(first.0 + day)).show()
}

fn set_day(shop: &Shop, day: i32) {
    shop.at(&format!("{}T10:00:00+08:00", date(day)));
}

async fn taken(shop: &Shop, offer: &str, from: i32, to: i32) -> Value {
    let path = format!("/offers/{offer}?from={}&to={}", date(from), date(to));
    shop.ok("GET", &path, Value::Null).await["taken"].clone()
}

fn figures(issued: u64, used: u64, returned: u64, amount: &str) -> Value {
    json!({"issued": issued, "used": used, "returned": returned, "amount": amount})
}

async fn claim(shop: &Shop, member: &str, offer: &str) -> String {
    let claim = format!("claim-{}", shop.fresh());
    let reward = json!({"kind": "reward", "offer_id": offer, "claim_id": claim});
    let body = json!({"member_id": member, "brand": "acme", "for": reward});
    shop.ok("POST", "/redeem", body).await["grant"]["id"].as_str().unwrap().to_owned()
}

fn draft(order: &str, pieces: u64, beside: Value) -> Value {
    let line =
        json!({"line_id": "1", "sku": "s", "quantity": pieces, "amount": format!("{}.00", 50 * pieces)});
    let mut body = json!({"brand": "acme", "order_id": order, "lines": [line]});
    body.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    body
}

fn back(order: &str) -> Value {
    json!({"brand": "acme", "order_id": order, "use": "all"})
}

/// Whether an offer has limits, and whether it gets or loses them on the way, changes nothing of what was taken.
#[tokio::test]
async fn what_is_taken_counts_by_the_day_of_recording() {
    let limits = json!({"uses": {"total": 100, "per_day": 50}, "budget": {"total": "1000.00"}, "stock": {"total": 100}});
    for (before, after) in [
        (json!({}), json!({})),
        (limits.clone(), limits.clone()),
        (json!({"uses": {"total": 100}}), json!({"budget": {"total": "1000.00"}})),
        (json!({}), limits.clone()),
        (limits, json!({})),
    ] {
        let shop = Shop::usual().await;
        set_day(&shop, 100);
        let member = shop.member("m").await;
        shop.ok("PUT", "/offers/c", coupon("acme", before.clone())).await;
        let mut grants = Vec::new();
        for _ in 0..4 {
            grants.push(claim(&shop, &member, "c").await);
        }
        let using = |order: &str, grant: usize, hold: bool| {
            draft(order, 1, json!({"member_id": member, "grants": [grants[grant]], "hold": hold}))
        };
        shop.ok("POST", "/use", using("A1", 0, false)).await;
        shop.ok("POST", "/use", using("H1", 1, true)).await;
        shop.ok("POST", "/use", using("H2", 2, true)).await;
        let name = format!("{before} {after}");
        assert_eq!(taken(&shop, "c", 100, 100).await, figures(4, 1, 0, "5.00"), "{name}");
        shop.ok("PUT", "/offers/c", coupon("acme", after)).await;
        shop.ok("POST", "/reverse", back("H2")).await;
        shop.ok("POST", "/use", using("H1", 1, false)).await;
        assert_eq!(taken(&shop, "c", 100, 100).await, figures(4, 2, 0, "10.00"), "{name}");
        set_day(&shop, 101);
        shop.ok("POST", "/reverse", back("A1")).await;
        shop.ok("POST", "/reverse", json!({"grant_id": grants[0]})).await;
        shop.ok("POST", "/use", using("A2", 3, false)).await;
        for ((from, to), want) in [
            ((0, 99), figures(0, 0, 0, "0.00")),
            ((100, 100), figures(4, 2, 0, "10.00")),
            ((101, 101), figures(0, 1, 1, "0.00")),
            ((100, 101), figures(4, 3, 1, "10.00")),
            ((102, 3_000), figures(0, 0, 0, "0.00")),
        ] {
            assert_eq!(taken(&shop, "c", from, to).await, want, "{name}: {from} to {to}");
        }
        set_day(&shop, 103);
        shop.ok("POST", "/reverse", back("H1")).await;
        assert_eq!(taken(&shop, "c", 102, 104).await, figures(0, 0, 1, "-5.00"), "{name}");
    }
}

/// What was used while nothing bounded it counts once a later version does.
#[tokio::test]
async fn a_limit_that_comes_later_counts_what_was_used() {
    let shop = Shop::usual().await;
    let price = |beside: Value| {
        let mut document =
            coupon("acme", json!({"how": "auto", "gives": {"discount": {"unit_price": "40.00"}}}));
        document.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        document
    };
    shop.ok("PUT", "/offers/p", price(json!({}))).await;
    for order in 1..=3 {
        shop.ok("POST", "/use", draft(&format!("A{order}"), 2, json!({}))).await;
    }
    shop.ok("POST", "/reverse", back("A3")).await;
    let limits = json!({"uses": {"total": 6, "per_day": 5}, "budget": {"total": "45.00"}});
    shop.ok("PUT", "/offers/p", price(limits)).await;
    let left = async || shop.ok("GET", "/offers/p", Value::Null).await["left"].clone();
    assert_eq!(left().await, json!({"stock": null, "uses": 1, "budget": "5.00"}));
    // What was used before comes back, to the limits too.
    shop.ok("POST", "/reverse", back("A1")).await;
    assert_eq!(left().await, json!({"stock": null, "uses": 3, "budget": "25.00"}));
    shop.ok("PUT", "/offers/p", price(json!({}))).await;
    shop.ok("POST", "/reverse", back("A2")).await;
    shop.ok("PUT", "/offers/p", price(json!({"uses": {"total": 6}}))).await;
    assert_eq!(left().await, json!({"stock": null, "uses": 6, "budget": null}));
}

/// A revision counts what it newly takes and what it gives back, on its own day; and of `restore: never` nothing comes back.
#[tokio::test]
async fn a_revision_counts_the_difference() {
    for (restore, limits, want) in [
        (
            "whole_order",
            Value::Null,
            [figures(0, 0, 2, "-20.00"), figures(0, 4, 0, "40.00"), figures(0, 0, 5, "-50.00")],
        ),
        (
            "whole_order",
            json!({"total": 9}),
            [figures(0, 0, 2, "-20.00"), figures(0, 4, 0, "40.00"), figures(0, 0, 5, "-50.00")],
        ),
        (
            "never",
            Value::Null,
            [figures(0, 0, 0, "0.00"), figures(0, 2, 0, "20.00"), figures(0, 0, 0, "0.00")],
        ),
    ] {
        let shop = Shop::usual().await;
        let member = shop.member("m").await;
        let mut price =
            json!({"how": "auto", "gives": {"discount": {"unit_price": "40.00"}}, "restore": restore});
        if limits.is_object() {
            price["uses"] = limits;
        }
        shop.ok("PUT", "/offers/p", coupon("acme", price)).await;
        for (order, whose) in [("A", json!({"member_id": member})), ("G", json!({}))] {
            let day = if order == "A" { 200 } else { 300 };
            let told = |revision: u64, pieces: u64| {
                let mut body = draft(order, pieces, whose.clone());
                body["revision"] = json!(revision);
                body
            };
            set_day(&shop, day);
            shop.ok("POST", "/use", told(1, 3)).await;
            set_day(&shop, day + 1);
            shop.ok("POST", "/use", told(2, 1)).await;
            set_day(&shop, day + 2);
            shop.ok("POST", "/use", told(3, 5)).await;
            set_day(&shop, day + 3);
            shop.ok("POST", "/reverse", back(order)).await;
            assert_eq!(taken(&shop, "p", day, day).await, figures(0, 3, 0, "30.00"), "{restore} {order}");
            for (later, want) in (day + 1..).zip(&want) {
                assert_eq!(taken(&shop, "p", later, later).await, *want, "{restore} {order} {later}");
            }
        }
    }
}

/// Guests use and return for months, each counted somewhere else; any days add up as a plain list of them does.
#[tokio::test]
async fn days_are_kept_for_ever() {
    let shop = Shop::usual().await;
    let price = json!({"how": "auto", "gives": {"discount": {"unit_price": "40.00"}}});
    shop.ok("PUT", "/offers/p", coupon("acme", price)).await;
    // One member, whose days all lie in one record, and guests, whose do in any.
    let member = shop.member("m").await;
    let mut events: Vec<(i32, u64, u64)> = Vec::new();
    let mut draw = 7_u64;
    let mut next = |below: u64| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) % below
    };
    let mut standing: Vec<(String, u64)> = Vec::new();
    for turn in 0..70_i32 {
        let mine = turn % 3 != 0;
        // Where guests pay, clocks are behind by a day at times.
        let behind = if mine { 0 } else { i32::try_from(next(2)).unwrap() };
        let day = 1 + turn - behind + if turn > 40 { 100 } else { 0 };
        set_day(&shop, day);
        let pieces = 1 + next(3);
        let whose = if mine { json!({"member_id": member}) } else { json!({}) };
        let order = format!("O{turn}");
        shop.ok("POST", "/use", draft(&order, pieces, whose)).await;
        events.push((day, pieces, 0));
        standing.push((order, pieces));
        if next(3) == 0 {
            let place = usize::try_from(next(standing.len() as u64)).unwrap();
            let (order, pieces) = standing.swap_remove(place);
            shop.ok("POST", "/reverse", back(&order)).await;
            events.push((day, 0, pieces));
        }
    }
    for _ in 0..60 {
        let from = i32::try_from(next(190)).unwrap();
        let to = from + i32::try_from(next(60)).unwrap();
        let within = || events.iter().filter(|(day, ..)| (from..=to).contains(day));
        let (used, returned): (u64, u64) =
            (within().map(|(_, used, _)| used).sum(), within().map(|(_, _, back)| back).sum());
        let amount = 10 * (i64::try_from(used).unwrap() - i64::try_from(returned).unwrap());
        let want = figures(0, used, returned, &format!("{amount}.00"));
        assert_eq!(taken(&shop, "p", from, to).await, want, "{from} to {to}");
    }
    let records = shop.snapshot().await;
    let sheets = records.iter().filter(|(key, _)| engine::keys::read_offer_days(key).is_some()).count();
    assert!(sheets > 1, "older days were filed");
}

/// An order that uses as many offers as one commit may count, day after day: each is counted, and older days are filed some
/// at a time. One more is refused.
#[tokio::test]
async fn an_order_uses_so_many_offers_and_no_more() {
    let shop = Shop::usual().await;
    for number in 0..76 {
        let price = json!({"how": "auto", "gives": {"discount": {"unit_price": "40.00"}},
            "items": {"skus": [format!("s{number}")]}});
        shop.ok("PUT", &format!("/offers/p{number}"), coupon("acme", price)).await;
    }
    let order = |id: &str, lines: u32| {
        let line = |number: u32| {
            let sku = format!("s{number}");
            json!({"line_id": number.to_string(), "sku": sku, "quantity": 1, "amount": "50.00"})
        };
        json!({"brand": "acme", "order_id": id, "lines": (0..lines).map(line).collect::<Vec<_>>()})
    };
    shop.refused("422 limit_exceeded", "POST", "/use", order("A", 76)).await;
    // One key is one place, so that a place has all of these days.
    let member = shop.member("m").await;
    for day in 0..32 {
        set_day(&shop, day);
        let mut body = order(&format!("B{day}"), 75);
        body["member_id"] = json!(member);
        shop.ok("POST", "/use", body).await;
    }
    shop.ok("POST", "/reverse", back("B0")).await;
    for number in [0, 7, 8, 40, 74] {
        let offer = format!("p{number}");
        assert_eq!(taken(&shop, &offer, 0, 31).await, figures(0, 32, 1, "310.00"), "{offer}");
        assert_eq!(taken(&shop, &offer, 3, 20).await, figures(0, 18, 0, "180.00"), "{offer}");
    }
    let records = shop.snapshot().await;
    let sheets = records.iter().filter(|(key, _)| engine::keys::read_offer_days(key).is_some()).count();
    assert_eq!(sheets, 75, "every account has filed its older days");
}

#[tokio::test]
async fn what_may_be_asked() {
    let shop = Shop::usual().await;
    shop.ok("PUT", "/offers/c", coupon("acme", json!({}))).await;
    for (query, want) in [
        ("from=2027-01-01", &["/query/to required"][..]),
        ("to=2027-01-01", &["/query/from required"]),
        ("from=2027-01-01&to=2027-02-30", &["/query/to wrong_format"]),
        ("from=yesterday&to=", &["/query/from wrong_format", "/query/to wrong_format"]),
        ("from=2027-01-02&to=2027-01-01", &["/query/to wrong_value"]),
    ] {
        let path = format!("/offers/c?{query}");
        let reply = shop.refused("422 invalid_field", "GET", &path, Value::Null).await;
        assert_eq!(reply.faults(), want, "{query}");
    }
    // What was shown may be sent back; a storefront's key is not told.
    let path = "/offers/c?from=2027-01-01&to=2027-01-01";
    let shown = shop.ok("GET", path, Value::Null).await;
    assert_eq!(shown["taken"], figures(0, 0, 0, "0.00"));
    assert_eq!(shop.ok("PUT", "/offers/c", shown).await["version"], 1);
    let (_, key) = shop.caller(&["storefront"], None).await;
    let reply = shop.call_as(&key, "GET", path, &Value::Null, None).await;
    assert_eq!((reply.status, reply.body.get("taken"), reply.body.get("left")), (200, None, None));
}
