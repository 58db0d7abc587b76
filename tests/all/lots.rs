//! Lots (rules 1 and 3): the one instant of `inactivity`, and lots that unite where there would be one too many.

use std::sync::Arc;

use engine::{
    keys,
    memory::MemoryStore,
    records::{MemberRecord, decode, encode},
    store::{Change, Expect, Store as _, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{Shop, program},
};

fn with(expiry: Value) -> Value {
    let mut document = program();
    document["points"] = json!({"per_unit": "1", "expiry": expiry, "restore_grace_days": 30});
    document
}

/// The lots that are shown: local date of the end, brand and points.
async fn lots(shop: &Shop, member: &str) -> Vec<(String, String, u64)> {
    let shown = shop.show(member).await["points"]["lots"].clone();
    let lot = |lot: &Value| {
        let text = |name: &str| lot[name].as_str().unwrap().to_owned();
        (text("expires_at")[..10].to_owned(), text("brand"), lot["points"].as_u64().unwrap())
    };
    shown.as_array().unwrap().iter().map(lot).collect()
}

async fn audited(shop: &Shop, member: &str) {
    let id = edge::wire::read_member_id(member).unwrap();
    let found = shop.api.engine.ledger().audit_member(id).await.unwrap();
    assert_eq!(found.differences, Vec::<String>::new());
}

/// 0.1.0 recorded the one instant in its entries alone: its members agree with their ledgers, before and after they are
/// written anew.
#[test]
fn members_of_0_1_0_agree_with_their_ledgers() {
    run(async {
        let months = |months: u32| with(json!({"mode": "inactivity", "months": months}));
        let store = Arc::new(MemoryStore::new());
        let shop = Shop::over(store.clone(), &months(12), "2026-01-31T10:00:00+08:00").await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", "100").await;
        let key = keys::member(edge::wire::read_member_id(&member).unwrap());
        let record = store.get(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
        let mut as_read: MemberRecord = decode(&key, &record.value).unwrap();
        assert!(as_read.member.ends_with.is_some());
        as_read.member.ends_with = None;
        let change = Change::Put(encode(&as_read));
        store.commit(vec![Write { key, expect: Expect::Anything, change }]).await.unwrap();
        audited(&shop, &member).await;
        shop.ok("PUT", "/program", months(1)).await;
        shop.earn(&member, "A-2", "50").await;
        audited(&shop, &member).await;
    });
}

/// A version with fewer months moves nothing back, and points that are earned then join the later instant; what
/// comes back takes the instant as it last moved, and the grace once it has passed.
#[test]
fn the_one_instant_is_as_it_last_moved() {
    run(async {
        let months = |months: u32| with(json!({"mode": "inactivity", "months": months}));
        let of = |end: &str, points| vec![(end.to_owned(), "acme".to_owned(), points)];
        let shop = Shop::open(&months(6), "2026-01-31T10:00:00+08:00").await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", "100").await;
        assert_eq!(lots(&shop, &member).await, of("2026-07-31", 100));
        shop.ok("PUT", "/program", months(1)).await;
        let earned = shop.earn(&member, "A-2", "50").await;
        assert_eq!(earned["entry"]["lots"][0]["expires_at"], "2026-07-31T00:00:00+08:00");
        assert_eq!(lots(&shop, &member).await, of("2026-07-31", 150));
        let spent = shop.redeem(&member, "O-1", 60).await;
        shop.at("2026-07-01T10:00:00+08:00");
        // The months are longer now, but nothing has moved it.
        shop.ok("PUT", "/program", months(24)).await;
        shop.ok("POST", "/reverse", json!({"redemption_id": spent["redemption_id"]})).await;
        assert_eq!(lots(&shop, &member).await, of("2026-07-31", 150));
        let spent = shop.redeem(&member, "O-2", 20).await;
        assert_eq!(lots(&shop, &member).await, of("2028-07-01", 130));
        shop.at("2028-07-01T00:00:00+08:00");
        assert!(lots(&shop, &member).await.is_empty());
        shop.ok("POST", "/reverse", json!({"redemption_id": spent["redemption_id"]})).await;
        assert_eq!(lots(&shop, &member).await, of("2028-07-31", 20), "the grace of 30 days");
        audited(&shop, &member).await;
    });
}

/// An adjustment takes a given end, so that a member soon has as many lots as there may be.
#[test]
fn a_lot_too_many_unites_the_nearest_and_the_entry_shows_it() {
    run(async {
        let shop = Shop::open(&with(json!({"mode": "never"})), "2026-01-01T10:00:00+08:00").await;
        let member = shop.somebody().await;
        let start = chrono::NaiveDate::from_ymd_opt(2030, 1, 1).unwrap();
        let end = |place: u64| format!("{}T00:00:00+08:00", start + chrono::Days::new(place * 3));
        let give = async |id: &str, expires_at: Value, brand: &str| {
            let body = json!({"member_id": member, "brand": brand, "points": 10, "reason": "r",
                "adjustment_id": id, "expires_at": expires_at});
            shop.call("POST", "/adjust", body).await
        };
        for place in 0..1_000 {
            // One end is nearer to its neighbour than all others.
            let at = if place == 500 { "2034-02-11T00:00:00+08:00".to_owned() } else { end(place) };
            let brand = if place == 999 { "bean" } else { "acme" };
            assert_eq!(give(&format!("a-{place}"), json!(at), brand).await.verdict(), "200");
        }
        assert_eq!(lots(&shop, &member).await.len(), 1_000);
        let united = give("one-more", json!("2040-01-01T00:00:00+08:00"), "bean").await;
        let row = |end: &str, brand: &str, points: i64| json!({"expires_at": format!("{end}T00:00:00+08:00"), "brand": brand, "points": points});
        let near = [&end(501)[..10], "2034-02-11"];
        assert_eq!(near, ["2034-02-12", "2034-02-11"]);
        let shown =
            json!([row("2040-01-01", "bean", 10), row(near[1], "acme", -10), row(near[0], "acme", 10)]);
        assert_eq!(united.body["entry"]["lots"], shown, "{}", united.body);
        assert_eq!(united.body["entry"]["points"], 10);
        let after = lots(&shop, &member).await;
        assert_eq!(after.len(), 1_000);
        assert!(after.contains(&(near[0].to_owned(), "acme".to_owned(), 20)));
        audited(&shop, &member).await;
    });
}

/// The one instant never moves back, also where a version has fewer months: all that is left moves to it, whatever is
/// recorded.
#[test]
fn a_redemption_leaves_all_points_at_the_one_instant() {
    run(async {
        let months = |months: u32| with(json!({"mode": "inactivity", "months": months}));
        let shop = Shop::open(&months(6), "2026-01-10T10:00:00+08:00").await;
        let member = shop.somebody().await;
        shop.earn(&member, "A-1", "100").await;
        shop.ok("PUT", "/program", months(2)).await;
        for (place, order) in ["redeem", "earn"].iter().enumerate() {
            let given = json!({"member_id": member, "brand": "acme", "points": 50, "reason": "r",
                "adjustment_id": format!("J-{place}"), "expires_at": "2026-01-20T00:00:00+08:00"});
            shop.ok("POST", "/adjust", given).await;
            match *order {
                "redeem" => _ = shop.redeem(&member, "R-1", 10).await,
                _ => _ = shop.earn(&member, "A-2", "10").await,
            }
            let ends: Vec<String> = lots(&shop, &member).await.into_iter().map(|(end, ..)| end).collect();
            assert_eq!(ends, ["2026-07-10"], "{order}");
        }
        audited(&shop, &member).await;
    });
}
