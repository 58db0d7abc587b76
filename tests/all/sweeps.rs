//! Sweeps that share the work, and sweeps that are cut off.

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{START, Shop, program},
};

/// A shop in which so many members have points that end with the year after next.
async fn shop_of(members: usize) -> (Shop, Vec<String>) {
    let shop = Shop::open(&program(), START).await;
    let mut ids = Vec::new();
    for _ in 0..members {
        let id = shop.somebody().await;
        shop.earn(&id, &format!("order-{}", shop.fresh()), "10").await;
        ids.push(id);
    }
    shop.at("2030-01-01T00:00:00+08:00");
    (shop, ids)
}

async fn sweep(shop: &Shop, body: Value) -> (u64, u64) {
    let swept = shop.ok("POST", "/expire-points", body).await;
    (swept["members"].as_u64().unwrap(), swept["points_expired"].as_u64().unwrap())
}

#[test]
fn parts_meet_nobody_twice_and_leave_nobody_out() {
    run(async {
        let (shop, ids) = shop_of(60).await;
        let mut parts = Vec::new();
        for part in 0..4 {
            parts.push(sweep(&shop, json!({"part": part, "parts": 4})).await);
        }
        assert!(parts.iter().all(|(members, _)| *members > 0), "{parts:?}");
        assert_eq!(parts.iter().map(|(members, _)| members).sum::<u64>(), 60);
        assert_eq!(sweep(&shop, json!({})).await.0, 0, "nothing is left");
        for id in ids {
            assert_eq!(shop.show(&id).await["points"]["available"], 0);
        }
    });
}

#[test]
fn a_part_that_is_none_is_refused() {
    let bodies = [
        json!({"part": 4, "parts": 4}),
        json!({"part": 0}),
        json!({"parts": 3}),
        json!({"part": 0, "parts": 0}),
        json!({"part": 0, "parts": 33}),
        json!({"part": -1, "parts": 4}),
    ];
    run(async {
        let shop = Shop::usual().await;
        for body in bodies {
            shop.refused("422 invalid_field", "POST", "/expire-points", body).await;
        }
    });
}
