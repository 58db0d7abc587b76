//! What a brand may issue and honour: limits, blocks and credit, as a caller meets them.

use domain::id::{BrandId, OrderId, RefundId};
use std::sync::Arc;

use engine::{
    keys,
    memory::MemoryStore,
    records::{EntryRecord, decode},
    store::{Change, Expect, Store, Write},
};
use serde_json::{Value, json};

use crate::{
    failing::{Failing, Trouble},
    histories::run,
    instances::Between,
    support::{Reply, START, Shop},
};

/// A programme whose brand `acme` also has this.
pub(crate) fn club(says: &Value) -> Value {
    let mut acme = json!({"id": "acme", "name": "Acme"});
    acme.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    json!({
        "name": "Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [acme, {"id": "bean", "name": "Bean"}],
        "points": {"per_unit": "1", "expiry": {"mode": "never"}},
        "growth": {"per_unit": "1"},
        "tiers": [{"id": "basic", "growth": 0}],
        "activities": [{"id": "review", "points": 7}],
    })
}

pub(crate) fn order(member: &str, id: &str, points: u64) -> Value {
    json!({"member_id": member, "brand": "acme", "order_id": id, "amount": points.to_string()})
}

pub(crate) fn spend(member: &str, id: &str, points: u64) -> Value {
    let spent_on = json!({"kind": "order", "order_id": id});
    json!({"member_id": member, "brand": "acme", "points": points, "for": spent_on})
}

pub(crate) fn refund(id: &str, amount: &str) -> Value {
    let part = json!({ "amount": amount });
    let refund = if amount == "all" { json!("all") } else { part };
    json!({"brand": "acme", "order_id": id, "refund": refund, "refund_id": format!("{id}-{amount}")})
}

pub(crate) async fn block(shop: &Shop, reference: &str, points: u64) -> Value {
    let body = json!({"points": points, "price": "9.50", "reference": reference});
    shop.ok("POST", "/partners/acme/blocks", body).await
}

pub(crate) async fn usage(shop: &Shop) -> Value {
    shop.ok("GET", "/partners/acme", Value::Null).await
}

/// What an order's record says of blocks.
async fn drawn(shop: &Shop, key: engine::store::Key) -> Vec<(u32, u64)> {
    let found = shop.api.engine.store().get(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
    decode::<EntryRecord>(&key, &found.value).unwrap().blocks
}

/// The request is refused, and so is a dry run, with the same answer.
pub(crate) async fn refused(shop: &Shop, want: &str, path: &str, body: &Value) -> Reply {
    let mut dry = body.clone();
    dry["dry_run"] = json!(true);
    let dry = shop.refused(want, "POST", path, dry).await;
    let reply = shop.refused(want, "POST", path, body.clone()).await;
    assert_eq!(dry.body["left"], reply.body["left"]);
    // Once nothing is left, a refusal moves nothing.
    let before = shop.snapshot().await;
    shop.refused(want, "POST", path, body.clone()).await;
    assert_eq!(before, shop.snapshot().await, "a refusal has written something");
    reply
}

pub(crate) async fn save(shop: &Shop, program: Value) {
    shop.ok("PUT", "/program", program).await;
}

#[test]
fn a_limit_of_a_day_refuses_whole_requests_until_the_next() {
    run(async {
        let shop = Shop::open(&club(&json!({"limits": [{"per": "day", "issue": 100}]})), START).await;
        let member = shop.somebody().await;
        shop.ok("POST", "/earn-points", order(&member, "A-1", 60)).await;
        let no = refused(&shop, "409 brand_limit", "/earn-points", &order(&member, "A-2", 41)).await;
        assert_eq!((&no.body["limit"], &no.body["left"]), (&json!({"per": "day", "issue": 100}), &json!(40)));
        shop.ok("POST", "/earn-points", order(&member, "A-2", 33)).await;
        let review = json!({"member_id": member, "brand": "acme", "activity": "review"});
        shop.ok("POST", "/earn-points", review.clone()).await;
        let no = refused(&shop, "409 brand_limit", "/earn-points", &review).await;
        assert_eq!(no.body["left"], 0);

        // A repeat gets its answer, a request that takes nothing still works, and a refund frees nothing.
        let again = shop.call("POST", "/earn-points", order(&member, "A-1", 60)).await;
        assert!(again.status == 200 && again.replayed(), "{}", again.body);
        shop.ok("POST", "/earn-points", order(&member, "A-3", 0)).await;
        shop.ok("POST", "/reverse", refund("A-1", "all")).await;
        refused(&shop, "409 brand_limit", "/earn-points", &order(&member, "A-4", 1)).await;
        // Other brands, redemptions and adjustments are not counted.
        shop.ok("POST", "/redeem", spend(&member, "A-1", 40)).await;
        let mut bean = order(&member, "B-1", 500);
        bean["brand"] = json!("bean");
        shop.ok("POST", "/earn-points", bean).await;
        let adjust =
            json!({"member_id": member, "brand": "acme", "points": 900, "reason": "r", "adjustment_id": "j"});
        shop.ok("POST", "/adjust", adjust).await;

        shop.at("2026-03-02T23:59:59.999+08:00");
        refused(&shop, "409 brand_limit", "/earn-points", &order(&member, "A-4", 1)).await;
        shop.at("2026-03-03T00:00:00+08:00");
        // By the moment of recording, whenever it happened.
        let mut late = order(&member, "A-4", 100);
        late["occurred_at"] = json!("2026-03-01T10:00:00+08:00");
        shop.ok("POST", "/earn-points", late).await;
        refused(&shop, "409 brand_limit", "/earn-points", &order(&member, "A-5", 1)).await;
    });
}

#[test]
fn a_limit_of_a_month_counts_what_is_honoured() {
    run(async {
        let limits = json!({"limits": [{"per": "month", "redeem": 50}]});
        let shop = Shop::open(&club(&limits), "2026-01-31T20:00:00+08:00").await;
        let member = shop.somebody().await;
        shop.ok("POST", "/earn-points", order(&member, "A-1", 5_000)).await;
        let first = shop.ok("POST", "/redeem", spend(&member, "R-1", 30)).await;
        let no = refused(&shop, "409 brand_limit", "/redeem", &spend(&member, "R-2", 21)).await;
        assert_eq!(
            (&no.body["limit"], &no.body["left"]),
            (&json!({"per": "month", "redeem": 50}), &json!(20))
        );
        shop.ok("POST", "/redeem", spend(&member, "R-2", 20)).await;
        shop.ok("POST", "/reverse", json!({"redemption_id": first["redemption_id"]})).await;
        refused(&shop, "409 brand_limit", "/redeem", &spend(&member, "R-3", 1)).await;
        shop.at("2026-02-01T00:00:00+08:00");
        shop.ok("POST", "/redeem", spend(&member, "R-3", 50)).await;
    });
}

#[test]
fn a_members_day_is_each_members_own() {
    run(async {
        let limits = json!({"limits": [{"per": "member_day", "issue": 100, "redeem": 20}]});
        let shop = Shop::open(&club(&limits), START).await;
        let (li, han) = (shop.somebody().await, shop.somebody().await);
        shop.ok("POST", "/earn-points", order(&li, "A-1", 90)).await;
        shop.ok("POST", "/earn-points", json!({"member_id": li, "brand": "acme", "activity": "review"}))
            .await;
        let no = refused(&shop, "409 brand_limit", "/earn-points", &order(&li, "A-2", 4)).await;
        let limit = json!({"per": "member_day", "issue": 100});
        assert_eq!((&no.body["limit"], &no.body["left"]), (&limit, &json!(3)));
        shop.ok("POST", "/earn-points", order(&han, "A-2", 100)).await;
        let mut bean = order(&li, "B-1", 500);
        bean["brand"] = json!("bean");
        shop.ok("POST", "/earn-points", bean).await;
        shop.ok("POST", "/redeem", spend(&li, "R-1", 15)).await;
        let no = refused(&shop, "409 brand_limit", "/redeem", &spend(&li, "R-2", 6)).await;
        assert_eq!(no.body["left"], 5);
        shop.at("2026-03-03T00:00:00+08:00");
        shop.ok("POST", "/earn-points", order(&li, "A-3", 100)).await;
        shop.ok("POST", "/redeem", spend(&li, "R-2", 20)).await;
        assert!(shop.snapshot().await.iter().all(|(key, _)| key.kind() != keys::kind::ACCOUNT));
    });
}

#[test]
fn prepaid_points_come_from_the_oldest_block_and_go_back_to_theirs() {
    run(async {
        let shop = Shop::open(&club(&json!({"funding": {"mode": "prepaid"}})), START).await;
        let member = shop.somebody().await;
        let no = refused(&shop, "409 block_exhausted", "/earn-points", &order(&member, "A-0", 1)).await;
        assert_eq!(no.body["left"], 0);
        assert_eq!(block(&shop, "first", 100).await["number"], 1);
        assert_eq!(block(&shop, "second", 50).await["number"], 2);
        shop.ok("POST", "/earn-points", order(&member, "A-1", 70)).await;
        shop.ok("POST", "/earn-points", order(&member, "A-2", 60)).await;
        assert_eq!(
            drawn(&shop, keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("A-1"))).await,
            [(1, 70)]
        );
        assert_eq!(
            drawn(&shop, keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("A-2"))).await,
            [(1, 30), (2, 30)]
        );
        let no = refused(&shop, "409 block_exhausted", "/earn-points", &order(&member, "A-3", 21)).await;
        assert_eq!(no.body["left"], 20);

        // In pieces: the last block drawn from first, and never more than was drawn.
        let dry = json!({"brand": "acme", "order_id": "A-2", "refund": "all", "dry_run": true});
        shop.ok("POST", "/reverse", dry).await;
        for (amount, back) in [("25", vec![(2, 25)]), ("20", vec![(2, 5), (1, 15)]), ("all", vec![(1, 15)])] {
            shop.ok("POST", "/reverse", refund("A-2", amount)).await;
            let key = keys::refund(
                &BrandId::of_checked("acme"),
                &OrderId::of_checked("A-2"),
                &RefundId::of_checked(&format!("A-2-{amount}")),
            );
            assert_eq!(drawn(&shop, key).await, back, "{amount}");
        }
        let found = usage(&shop).await;
        assert_eq!(found["blocks"], json!([{"number": 1, "left": 30}, {"number": 2, "left": 50}]));
        // Forgiven points do not come back: nothing is taken from an order whose points are spent.
        shop.ok("POST", "/earn-points", order(&member, "A-3", 80)).await;
        assert_eq!(usage(&shop).await["blocks"], json!([]));
        refused(&shop, "409 block_exhausted", "/earn-points", &order(&member, "A-4", 1)).await;

        // A brand that changes to paying by the month still gives back, and is not stopped.
        save(&shop, club(&json!({}))).await;
        shop.ok("POST", "/earn-points", order(&member, "A-4", 1_000)).await;
        assert_eq!(
            drawn(&shop, keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("A-4"))).await,
            []
        );
        shop.ok("POST", "/reverse", refund("A-3", "all")).await;
        assert_eq!(
            usage(&shop).await["blocks"],
            json!([{"number": 1, "left": 30}, {"number": 2, "left": 50}])
        );
    });
}

#[test]
fn what_a_refund_lets_go_does_not_return_to_its_block() {
    run(async {
        let mut program = club(&json!({"funding": {"mode": "prepaid"}}));
        program["points"]["on_short"] = json!("forgive");
        let shop = Shop::open(&program, START).await;
        let member = shop.somebody().await;
        block(&shop, "first", 1_000).await;
        shop.ok("POST", "/earn-points", order(&member, "A-1", 100)).await;
        shop.ok("POST", "/redeem", spend(&member, "R-1", 80)).await;
        // Of 50 points 20 can be taken; of the other 50 none.
        assert_eq!(shop.ok("POST", "/reverse", refund("A-1", "50")).await["taken"], 20);
        assert_eq!(usage(&shop).await["blocks"], json!([{"number": 1, "left": 920}]));
        shop.ok("POST", "/earn-points", order(&member, "A-2", 10)).await;
        assert_eq!(shop.ok("POST", "/reverse", refund("A-1", "all")).await["taken"], 10);
        assert_eq!(usage(&shop).await["blocks"], json!([{"number": 1, "left": 920}]));
        assert_eq!(
            drawn(
                &shop,
                keys::refund(
                    &BrandId::of_checked("acme"),
                    &OrderId::of_checked("A-1"),
                    &RefundId::of_checked("A-1-all")
                )
            )
            .await,
            [(1, 10)]
        );
    });
}

/// What is left is read at one moment, even if others move it meanwhile.
#[test]
fn usage_counts_nothing_twice_and_leaves_nothing_out() {
    run(async {
        let inner = Arc::new(MemoryStore::new());
        let between = Arc::new(Between::new(inner.clone()));
        let program = club(&json!({"limits": [{"per": "day", "issue": 1_000}]}));
        let shop = Shop::over(between.clone(), &program, START).await;
        let second = Shop::over(inner, &program, START).await;
        let member = shop.somebody().await;
        shop.ok("POST", "/earn-points", order(&member, "A-1", 1)).await;
        // A request too large for a shard, and for what is left, brings everything back to the pool.
        between.after_reading(keys::account(&BrandId::of_checked("acme"), keys::POOL), async move {
            second.refused("409 brand_limit", "POST", "/earn-points", order(&member, "B-1", 1_000)).await;
        });
        let told = usage(&shop).await["limits"][0]["issue"].clone();
        assert_eq!(told, json!({"total": 1_000, "used": 1, "left": 999}));
    });
}

#[test]
fn a_new_version_keeps_what_has_been_used() {
    run(async {
        let limit = |issue: u64| club(&json!({"limits": [{"per": "day", "issue": issue}]}));
        let shop = Shop::open(&limit(10_000), START).await;
        for number in 0..12 {
            let member = shop.somebody().await;
            shop.ok("POST", "/earn-points", order(&member, &format!("A-{number}"), 50)).await;
        }
        let left = async || usage(&shop).await["limits"][0]["issue"].clone();
        assert_eq!(left().await, json!({"total": 10_000, "used": 600, "left": 9_400}));
        let member = shop.somebody().await;
        save(&shop, limit(500)).await;
        let no = refused(&shop, "409 brand_limit", "/earn-points", &order(&member, "B-1", 1)).await;
        assert_eq!(
            (&no.body["left"], left().await),
            (&json!(0), json!({"total": 500, "used": 600, "left": 0}))
        );
        save(&shop, limit(700)).await;
        refused(&shop, "409 brand_limit", "/earn-points", &order(&member, "B-1", 101)).await;
        shop.ok("POST", "/earn-points", order(&member, "B-1", 100)).await;
        // A version that changes something else moves nothing.
        let mut renamed = limit(700);
        renamed["name"] = json!("Another name");
        save(&shop, renamed).await;
        assert_eq!(left().await, json!({"total": 700, "used": 700, "left": 0}));
        // A limit that is removed and brought back starts again.
        save(&shop, club(&json!({}))).await;
        shop.ok("POST", "/earn-points", order(&member, "B-2", 5_000)).await;
        save(&shop, limit(700)).await;
        assert_eq!(left().await["used"], 700, "nobody has come by meanwhile");
    });
}

/// A shop over that store whose brand has a block and a limit, an order of 40 points, and since then a new
/// limit: what its shards hold must come back first.
async fn moved_on(store: Arc<dyn Store>) -> Shop {
    let says = |issue: u64| {
        club(&json!({"limits": [{"per": "day", "issue": issue}], "funding": {"mode": "prepaid"}}))
    };
    let shop = Shop::over(store, &says(1_000), START).await;
    block(&shop, "PO-1", 500).await;
    let member = shop.somebody().await;
    // The first is so small that a shard pays for it, and then holds something.
    shop.ok("POST", "/earn-points", order(&member, "A-0", 2)).await;
    shop.ok("POST", "/earn-points", order(&member, "A-1", 10)).await;
    shop.ok("POST", "/earn-points", order(&member, "A-2", 30)).await;
    save(&shop, says(900)).await;
    shop
}

#[test]
fn a_refund_under_new_limits_gives_back_once_and_a_dry_run_not_at_all() {
    run(async {
        let inner = Arc::new(MemoryStore::new());
        let between = Arc::new(Between::new(inner.clone()));
        let shop = moved_on(between.clone()).await;
        let left = async || usage(&shop).await["blocks"][0]["left"].clone();
        assert_eq!(left().await, 458);
        let before = shop.snapshot().await;
        let mut dry = refund("A-2", "30");
        dry["dry_run"] = json!(true);
        shop.ok("POST", "/reverse", dry).await;
        assert_eq!(shop.snapshot().await, before, "a dry run has moved something");
        // Another request is quicker the first time: it is tried again, with patience.
        let key = keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("A-1"));
        between.before(async move {
            let stored = inner.get(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
            let write = Write { key, expect: Expect::Anything, change: Change::Put(stored.value) };
            inner.commit(vec![write]).await.unwrap();
        });
        shop.ok("POST", "/reverse", refund("A-1", "10")).await;
        assert!(between.is_done());
        assert_eq!(left().await, 468);
        shop.ok("POST", "/reverse", refund("A-2", "5")).await;
        assert_eq!(left().await, 473);
        let found = shop.api.engine.ledger().strays(&engine::Books::default()).await.unwrap();
        assert_eq!(found.brands.into_values().flatten().collect::<Vec<_>>(), Vec::<String>::new());
    });
}

/// The attempts to get at an account's points are bounded.
#[test]
fn endless_races_for_an_account_are_given_up() {
    run(async {
        for path in ["/earn-points", "/reverse"] {
            let store = Arc::new(Failing::new());
            let shop = moved_on(store.clone()).await;
            let other = shop.somebody().await;
            store.fails_with(Trouble::AlwaysLate);
            let before = store.commits();
            let body = if path == "/reverse" { refund("A-2", "30") } else { order(&other, "B-1", 1) };
            shop.refused("503 busy", "POST", path, body).await;
            assert!(store.commits() - before <= 200, "{path}: {} commits", store.commits() - before);
            store.works();
            assert_eq!(usage(&shop).await["blocks"][0]["left"], 458, "{path}");
        }
    });
}

#[test]
fn a_block_is_bought_once_and_listed() {
    run(async {
        let shop = Shop::open(&club(&json!({"funding": {"mode": "prepaid"}})), START).await;
        let body = json!({"points": 100, "price": "9.50", "reference": "PO-1"});
        let path = "/partners/acme/blocks";
        let first = shop.call_with("POST", path, &body, Some("key")).await;
        assert_eq!((first.status, &first.body["bought_at"]), (201, &json!(START)), "{}", first.body);
        for key in [Some("key"), Some("another"), Some("another"), None] {
            let again = shop.call_with("POST", path, &body, key).await;
            assert!(again.status == 201 && again.bytes == first.bytes && again.replayed(), "{key:?}");
        }
        let other = json!({"points": 101, "price": "9.50", "reference": "PO-1"});
        shop.refused("409 block_conflict", "POST", path, other).await;
        let unknown = json!({"points": 1, "price": "1", "reference": "PO-2"});
        shop.refused("404 brand_not_found", "POST", "/partners/none/blocks", unknown).await;
        let faulty = json!({"points": 0, "price": "1.001", "reference": "PO 2"});
        let no = shop.refused("422 invalid_field", "POST", path, faulty).await;
        assert_eq!(no.faults(), ["/points out_of_range", "/reference wrong_format"]);
        let faulty = json!({"points": 1, "price": "1.001", "reference": "PO-2"});
        assert_eq!(
            shop.refused("422 invalid_field", "POST", path, faulty).await.faults(),
            ["/price wrong_format"]
        );

        for number in 2..=5 {
            block(&shop, &format!("PO-{number}"), 1_000).await;
        }
        let member = shop.somebody().await;
        shop.ok("POST", "/earn-points", order(&member, "A-1", 130)).await;
        let (mut path, mut listed) = (format!("{path}?limit=2"), Vec::new());
        loop {
            let page = shop.ok("GET", &path, Value::Null).await;
            listed.extend(page["blocks"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            path = format!("/partners/acme/blocks?limit=2&cursor={next}");
        }
        let told =
            |block: &Value| (block["reference"].clone(), block["number"].clone(), block["left"].clone());
        let want =
            [("PO-1", 1, 0), ("PO-2", 2, 970), ("PO-3", 3, 1_000), ("PO-4", 4, 1_000), ("PO-5", 5, 1_000)];
        let want = want.map(|(reference, number, left)| (json!(reference), json!(number), json!(left)));
        assert_eq!(listed.iter().map(told).collect::<Vec<_>>(), want);
        let bought = shop.api.engine.accounts().blocks_bought().await.unwrap();
        let bought: Vec<_> =
            bought.iter().map(|block| (block.reference.as_str(), block.number, block.points)).collect();
        let all = [("PO-1", 1, 100), ("PO-2", 2, 1_000), ("PO-3", 3, 1_000), ("PO-4", 4, 1_000)];
        assert_eq!(bought, [&all[..], &[("PO-5", 5, 1_000)]].concat());
        // A brand that has paid for points stays in the programme.
        let shop = Shop::open(&club(&json!({})), START).await;
        block(&shop, "PO-1", 5).await;
        let mut without = club(&json!({}));
        without["brands"].as_array_mut().unwrap().remove(0);
        assert_eq!(shop.call("PUT", "/program", without).await.verdict(), "422 invalid_program");
    });
}

#[test]
fn more_blocks_than_there_is_room_for_are_refused() {
    run(async {
        let shop = Shop::open(&club(&json!({})), START).await;
        for number in 0..100 {
            block(&shop, &format!("PO-{number}"), 1).await;
        }
        let body = json!({"points": 1, "price": "1", "reference": "one-more"});
        shop.refused("422 limit_exceeded", "POST", "/partners/acme/blocks", body).await;
        let shop = Shop::open(&club(&json!({})), START).await;
        block(&shop, "vast", (1 << 53) - 1).await;
        let body = json!({"points": 1, "price": "1", "reference": "one-more"});
        shop.refused("422 limit_exceeded", "POST", "/partners/acme/blocks", body).await;
    });
}

#[test]
fn usage_is_for_those_it_concerns() {
    run(async {
        let says = json!({
            "limits": [{"per": "day", "issue": 50_000}, {"per": "month", "redeem": 200_000},
                       {"per": "member_day", "redeem": 2_000}],
            "funding": {"mode": "prepaid"},
        });
        let shop = Shop::open(&club(&says), START).await;
        block(&shop, "PO-1", 9_000).await;
        let member = shop.somebody().await;
        shop.ok("POST", "/earn-points", order(&member, "A-1", 500)).await;
        shop.ok("POST", "/redeem", spend(&member, "R-1", 200)).await;
        let want = json!({
            "brand": "acme", "name": "Acme", "kind": "own",
            "limits": [
                {"per": "day", "issue": {"total": 50_000, "used": 500, "left": 49_500}},
                {"per": "month", "redeem": {"total": 200_000, "used": 200, "left": 199_800}},
                {"per": "member_day", "redeem": {"total": 2_000}},
            ],
            "funding": {"mode": "prepaid", "credit": null},
            "blocks": [{"number": 1, "left": 8_500}],
        });
        let (_, operator) = shop.caller(&["operator"], None).await;
        let (_, storefront) = shop.caller(&["storefront"], None).await;
        let (_, foreign) = shop.caller(&["admin"], Some("bean")).await;
        let (_, own) = shop.caller(&["admin"], Some("acme")).await;
        let body = json!({"points": 1, "price": "1", "reference": "x"});
        let ask = async |key: &str, method: &str, path: &str| {
            let body = if method == "GET" { &Value::Null } else { &body };
            shop.call_as(key, method, path, body, None).await.verdict()
        };
        for (key, usage, bought) in [
            (&operator, "200", "403 forbidden"),
            (&storefront, "403 forbidden", "403 forbidden"),
            (&foreign, "403 forbidden", "403 forbidden"),
            (&own, "200", "201"),
        ] {
            assert_eq!(ask(key, "GET", "/partners/acme").await, usage);
            assert_eq!(ask(key, "GET", "/partners/acme/blocks").await, usage);
            assert_eq!(ask(key, "POST", "/partners/acme/blocks").await, bought);
        }
        assert_eq!(ask(&foreign, "GET", "/partners/none").await, "403 forbidden");
        assert_eq!(ask(&operator, "GET", "/partners/none").await, "404 brand_not_found");
        let mut found = usage(&shop).await;
        found["blocks"].as_array_mut().unwrap().truncate(1);
        assert_eq!(found, want);
    });
}
