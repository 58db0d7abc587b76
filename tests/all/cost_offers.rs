//! What offers cost on DynamoDB: claims, uses, what is set aside for an order, and what a member comes to by itself.
//!
//! As `cost.rs` counts it; `cargo test -p laurel-tests --test all -- cost_offers --nocapture` prints the rows of docs/AWS.md.

use serde_json::{Value, json};

use crate::{cost::Counter, histories::run, offers::coupon};

/// A claim: the member, its entry, which is the grant, and the account; now and then an allotment, or an item of older days.
const CLAIM: [u64; 3] = [630, 900, 430];
/// A use: the member, its entry, the use, what was used of, and the account.
const USE: [u64; 3] = [1_010, 10_000, 1_000];
const HOLD: [u64; 3] = [1_210, 20_000, 1_300];
const CONFIRM: [u64; 3] = [1_210, 20_000, 1_300];

/// An offer, and how a member comes to it.
fn offer(more: &Value) -> Value {
    let mut offer = coupon("acme", json!({"gives": {"discount": {"amount": "1.00"}}}));
    offer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    offer
}

fn order(member: &str, name: &str, number: u64) -> Value {
    let lines = json!([{"line_id": "1", "quantity": 1, "category": "tea", "amount": "5.00"}]);
    json!({"member_id": member, "brand": "acme", "order_id": format!("{name}-{number}"), "lines": lines})
}

impl Counter {
    async fn offer(&self, id: &str, more: Value) {
        self.shop.ok("PUT", &format!("/offers/{id}"), offer(&more)).await;
    }

    /// A piece of that offer for that member, and its id.
    async fn claimed(&self, member: &str, id: &str, number: u64) -> String {
        let of = json!({"kind": "reward", "offer_id": id, "claim_id": format!("{id}-{number}")});
        let body = json!({"member_id": member, "brand": "acme", "for": of});
        let claimed = self.shop.ok("POST", "/redeem", body).await;
        claimed["grant"]["id"].as_str().unwrap_or_else(|| panic!("{claimed}")).to_owned()
    }

    /// Uses it for an order, and nothing but it.
    async fn uses(&self, mut order: Value, more: &Value) {
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let used = self.shop.ok("POST", "/use", order).await;
        assert_eq!(used["saved"], "1.00", "{used}");
    }
}

/// Claims, and uses of what was claimed.
#[test]
fn a_grant_costs_no_more_than_is_promised() {
    run(async {
        let mut counter = Counter::open(json!({"mode": "year_end", "years": 1}), 2).await;
        let limits = json!({"stock": {"total": 1_000_000, "per_day": 500_000}, "uses": {"total": 1_000_000}});
        for (id, how) in
            [("plain", json!({"how": "claim"})), ("paid", json!({"how": "buy", "price": {"points": 3}}))]
        {
            counter.offer(id, how.clone()).await;
            let mut limited = limits.clone();
            limited.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
            counter.offer(&format!("{id}-limited"), limited).await;
        }
        for (name, id, most) in [
            ("claim a coupon", "plain", CLAIM),
            ("claim one of a limited number", "plain-limited", CLAIM),
            ("buy a coupon with points, of a limited number", "paid-limited", CLAIM),
        ] {
            counter
                .row(name, Some(most), async |counter, member, number| {
                    _ = counter.claimed(member, id, number).await
                })
                .await
                .check();
        }
        for (name, id, most) in
            [("use one coupon", "plain", USE), ("use one of a limited number", "plain-limited", USE)]
        {
            counter
                .row(name, Some(most), async |counter, member, number| {
                    let grant = counter.claimed(member, id, 100_000 + number).await;
                    counter.meter.take();
                    counter.uses(order(member, id, number), &json!({"grants": [grant]})).await;
                })
                .await
                .check();
        }
        counter
            .row("set one coupon aside for an order", Some(HOLD), async |counter, member, number| {
                let grant = counter.claimed(member, "plain-limited", 200_000 + number).await;
                counter.meter.take();
                counter.uses(order(member, "held", number), &json!({"grants": [grant], "hold": true})).await;
            })
            .await
            .check();
        counter
            .row("make that use final", Some(CONFIRM), async |counter, member, number| {
                let grant = counter.claimed(member, "plain-limited", 300_000 + number).await;
                let says = json!({"grants": [grant], "hold": true});
                counter.uses(order(member, "final", number), &says).await;
                counter.meter.take();
                counter.uses(order(member, "final", number), &json!({"grants": [grant]})).await;
            })
            .await
            .check();
    });
}

/// What nobody issues: a quota of each month, and what a day of the year brings.
#[test]
fn what_a_member_comes_to_by_itself_costs_no_more_than_is_promised() {
    run(async {
        let around = json!({"anniversary": {"of": "registered", "after": 60}});
        for (name, says) in [
            ("use of a monthly quota", json!({"per_member": {"n": 200, "per": "month"}})),
            (
                "use of what an anniversary brings",
                json!({"per_member": {"n": 200, "per": "occasion"}, "when": around}),
            ),
        ] {
            let mut counter = Counter::open(json!({"mode": "year_end", "years": 1}), 2).await;
            let mut says = says;
            says["how"] = json!("auto");
            counter.offer("own", says).await;
            counter
                .row(name, Some(USE), async |counter, member, number| {
                    counter.uses(order(member, "own", number), &json!({})).await;
                })
                .await
                .check();
        }
    });
}
