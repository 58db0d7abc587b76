//! Generated histories of members that are joined and parted: after each step all points less debts, and all growth,
//! are what they were, and every record follows from its ledger.

use serde_json::{Value, json};

use crate::{
    merges::{audited, worth},
    support::{START, Shop, program},
};

const MEMBERS: usize = 4;

/// A stream of numbers, the same for one seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn a_program(dice: &mut Dice) -> Value {
    let mut program = program();
    program["points"]["expiry"] = match dice.roll(4) {
        0 => json!({"mode": "days", "days": 20}),
        1 => json!({"mode": "inactivity", "months": 1}),
        2 => json!({"mode": "months", "months": 1, "round": "month"}),
        _ => json!({"mode": "never"}),
    };
    program["points"]["hold_days"] = json!(dice.roll(2) * 3);
    program["tiers"][1]["validity"]["months"] = json!(1);
    program["tiers"][1]["trial"] = json!({"at_percent": 80, "days": 10});
    program
}

/// What members have together: points less debts, and growth.
async fn together(shop: &Shop, members: &[String]) -> (i64, i64) {
    let mut seen: Vec<Value> = Vec::new();
    let mut sum = (0, 0);
    for member in members {
        let shown = shop.show(member).await;
        if seen.contains(&shown["id"]) {
            continue;
        }
        let (points, growth) = worth(&shown);
        sum = (sum.0 + points, sum.1 + growth);
        seen.push(shown["id"].clone());
    }
    sum
}

async fn history(seed: u64) {
    let mut dice = Dice(seed);
    let shop = Shop::open(&a_program(&mut dice), START).await;
    let mut members = Vec::new();
    for _ in 0..MEMBERS {
        members.push(shop.somebody().await);
    }
    let (mut merges, mut orders, mut redemptions): (Vec<(String, Value)>, Vec<String>, Vec<Value>) =
        Default::default();
    let mut day = 0;
    let pick = |dice: &mut Dice| usize::try_from(dice.roll(MEMBERS as u64)).unwrap();
    for step in 0..60 {
        let member = members[pick(&mut dice)].clone();
        let name = format!("O-{step}");
        let brand = ["acme", "bean"][usize::try_from(dice.roll(2)).unwrap()];
        match dice.roll(12) {
            0..=2 => {
                let amount = (dice.roll(300) + 1).to_string();
                let body = json!({"member_id": member, "brand": brand, "order_id": name, "amount": amount});
                shop.ok("POST", "/earn-points", body).await;
                orders.push(format!("{brand} {name}"));
            }
            3 | 4 => {
                let spent_on = json!({"kind": "order", "order_id": name});
                let body = json!({"member_id": member, "brand": brand, "points": dice.roll(200) + 1, "for": spent_on});
                let reply = shop.call("POST", "/redeem", body).await;
                if reply.status == 200 {
                    redemptions.push(reply.body["redemption_id"].clone());
                }
            }
            5 | 6 if !orders.is_empty() => {
                let place = usize::try_from(dice.roll(orders.len() as u64)).unwrap();
                let order = orders[place].clone();
                let (brand, order) = order.split_once(' ').unwrap();
                let refund = json!({"brand": brand, "order_id": order, "refund": {"amount": "3.33"}});
                let whole = json!({"brand": brand, "order_id": order, "refund": "all"});
                let body = if dice.roll(2) == 0 { refund } else { whole };
                let reply = shop.call("POST", "/reverse", body).await;
                assert!(matches!(reply.verdict().as_str(), "200" | "409 over_refund"), "{}", reply.body);
            }
            7 if !redemptions.is_empty() => {
                let place = usize::try_from(dice.roll(redemptions.len() as u64)).unwrap();
                let body = json!({"redemption_id": redemptions[place]});
                let reply = shop.call("POST", "/reverse", body).await;
                assert!(
                    matches!(reply.verdict().as_str(), "200" | "409 already_cancelled"),
                    "{}",
                    reply.body
                );
            }
            8 => {
                day += dice.roll(12);
                let at = domain::time::Instant::parse(START).unwrap().plus_days(u32::try_from(day).unwrap());
                shop.api.clock.forward(at).unwrap();
            }
            9 => {
                let body = json!({"member_id": member, "brand": "acme", "activity": "check_in"});
                shop.call("POST", "/earn-points", body).await;
            }
            10 => {
                let other = members[pick(&mut dice)].clone();
                let before = together(&shop, &members).await;
                let body = json!({"member_id": other, "reason": "r"});
                let reply = shop.call("POST", &format!("/members/{member}/merge"), body).await;
                assert!(matches!(reply.status, 200 | 409 | 422), "{}", reply.body);
                if reply.status == 200 {
                    let into = reply.body["member"]["id"].as_str().unwrap().to_owned();
                    merges.push((into, reply.body["merge_id"].clone()));
                }
                assert_eq!(together(&shop, &members).await, before, "step {step} of {seed}: joined");
            }
            _ if !merges.is_empty() => {
                let place = usize::try_from(dice.roll(merges.len() as u64)).unwrap();
                let (into, merge) = merges[place].clone();
                let before = together(&shop, &members).await;
                let body = json!({"merge_id": merge, "reason": "r"});
                let reply = shop.call("POST", &format!("/members/{into}/unmerge"), body).await;
                assert!(matches!(reply.status, 200 | 404 | 409), "{}", reply.body);
                assert_eq!(together(&shop, &members).await, before, "step {step} of {seed}: parted");
            }
            _ => {}
        }
        if step % 10 == 9 {
            audited(&shop).await;
        }
    }
}

#[tokio::test]
async fn what_is_joined_or_parted_adds_up() {
    for seed in 0..40 {
        history(seed).await;
    }
}
