//! Orders that change (rules, 4, *Revisions*), case by case: what neither the worked cases nor generated histories
//! fix.

use engine::{
    memory::MemoryStore,
    records::{EntryRecord, KeptOrder, encode},
    store::{Change, Expect, Store as _, Write, keys},
};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::{histories::run, support::Shop};

fn programme(points: &Value) -> Value {
    let mut program = json!({
        "name": "Rules", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}, {"id": "bean", "name": "Bean"}],
        "points": {"per_unit": "1", "expiry": {"mode": "year_end"}},
        "growth": {"per_unit": "1"},
        "tiers": [{"id": "basic", "growth": 0}],
        "badges": [{"id": "two", "when": {"fact": "orders.count", "op": ">=", "value": 2}},
            {"id": "lately", "when": {"fact": "orders.count_90d", "op": ">=", "value": 2}},
            {"id": "reader", "when": {"fact": "categories", "op": "contains", "value": "book"}}],
    });
    for (name, value) in points.as_object().unwrap() {
        program["points"][name] = value.clone();
    }
    program
}

struct Till {
    shop: Shop,
    member: String,
}

/// A step: a telling of an order, or a refund, and what is heard of it.
type Step<'a> = (&'a str, Value, Value);

impl Till {
    async fn open(points: &Value) -> Till {
        let shop = Shop::open(&programme(points), "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("somebody").await;
        Till { shop, member }
    }

    async fn call(&self, path: &str, fields: &Value) -> Value {
        let mut body = match path {
            "/earn-points" | "/redeem" => json!({"member_id": self.member, "brand": "acme"}),
            _ => json!({"brand": "acme"}),
        };
        if path != "/redeem" {
            body["order_id"] = json!("A");
        }
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let reply = self.shop.call("POST", path, body).await;
        reply.body
    }

    /// The member's standing and its order are what the ledger says.
    async fn must_add_up(&self) {
        let id = edge::wire::read_member_id(&self.member).unwrap();
        let finding = self.shop.api.engine.ledger().audit_member(id).await.unwrap();
        assert_eq!(finding.differences, [""; 0]);
    }

    /// Sends the steps; each answer must have at least what is wanted of it.
    #[track_caller]
    fn check(points: &Value, steps: &[Step<'_>]) {
        run(async {
            let till = Till::open(points).await;
            for (place, (what, sent, wanted)) in steps.iter().enumerate() {
                let heard = match *what {
                    "at" => {
                        till.shop.at(sent.as_str().unwrap());
                        continue;
                    }
                    "member" => till.shop.ok("GET", &format!("/members/{}", till.member), Value::Null).await,
                    "status" => {
                        let path = format!("/members/{}/status", till.member);
                        till.shop.ok("POST", &path, sent.clone()).await
                    }
                    path => till.call(path, sent).await,
                };
                let found = laurel_tests::model::difference(wanted, &heard);
                assert_eq!(found, None, "step {place}: {what} {sent}: {heard}");
            }
            till.must_add_up().await;
        });
    }
}

fn tells(revision: u64, amount: &str) -> Value {
    json!({"revision": revision, "amount": amount})
}

/// The next telling is the last plus 1, whoever asks and however often.
#[test]
fn a_revision_is_the_next() {
    let refused = |revision: u64| json!({"code": "order_conflict", "revision": revision});
    Till::check(
        &json!({}),
        &[
            ("/earn-points", tells(2, "10"), refused(0)),
            ("/earn-points", tells(1_000_000, "10"), refused(0)),
            ("/earn-points", tells(0, "10"), json!({"code": "invalid_field"})),
            ("/earn-points", tells(1, "10"), json!({"granted": 10})),
            ("/earn-points", tells(3, "10"), refused(1)),
            ("/earn-points", json!({"revision": 2, "amount": "11", "dry_run": true}), json!({"granted": 11})),
            (
                "/earn-points",
                tells(2, "12"),
                json!({"granted": 12, "entry": {"kind": "revise", "points": 2}}),
            ),
            (
                "/earn-points",
                tells(2, "12"),
                json!({"granted": 12, "entry": {"kind": "revise", "points": 2}}),
            ),
            ("/earn-points", tells(2, "12.0"), refused(2)),
            ("/earn-points", tells(1, "10"), json!({"granted": 10, "entry": {"kind": "earn"}})),
            ("/earn-points", json!({"amount": "10"}), refused(2)),
            ("/earn-points", json!({"activity": "a", "revision": 2}), json!({"code": "invalid_field"})),
        ],
    );
}

/// What only takes is a refund, which a suspended member gets too; what adds is an earning.
#[test]
fn a_member_who_is_not_active_loses_and_gains_nothing() {
    let status = |status: &str| ("status", json!({"status": status, "reason": "r"}), json!({}));
    let refused = json!({"code": "member_not_active"});
    Till::check(
        &json!({}),
        &[
            ("/earn-points", json!({"amount": "100"}), json!({"granted": 100})),
            status("suspended"),
            ("/earn-points", tells(2, "101"), refused.clone()),
            ("/earn-points", tells(2, "60"), json!({"granted": 60, "entry": {"points": -40}})),
            ("/earn-points", tells(3, "60"), json!({"granted": 60, "entry": {"points": 0}})),
            status("closed"),
            ("/earn-points", tells(4, "61"), refused),
            ("member", json!({}), json!({"points": {"available": 0, "debt": 0}, "growth": 60})),
            ("/earn-points", tells(4, "50"), json!({"granted": 50, "entry": {"points": -10}})),
            ("member", json!({}), json!({"points": {"available": 0, "debt": 10}, "growth": 50})),
        ],
    );
}

/// A hundred and ninety-nine revisions, and one more.
#[test]
fn an_order_is_told_two_hundred_times() {
    run(async {
        let till = Till::open(&json!({})).await;
        till.call("/earn-points", &json!({"amount": "10"})).await;
        for revision in 2..=200 {
            let told = till.call("/earn-points", &tells(revision, "10.50")).await;
            assert_eq!(told["granted"], 10, "{revision}: {told}");
        }
        let told = till.call("/earn-points", &tells(201, "10")).await;
        assert_eq!(told["code"], "too_many_refunds");
        let found = till.call("/orders/find", &json!({})).await;
        assert_eq!((&found["revision"], &found["remaining"]), (&json!(200), &json!("10.50")));
    });
}

/// `orders.count`, `orders.count_90d` and `categories` know what an order consists of now.
#[test]
fn badges_follow_from_what_orders_consist_of() {
    let line = |category: &str| json!([{"line_id": "1", "category": category, "quantity": 1, "amount": "5"}]);
    let other = |amount: &str| json!({"order_id": "B", "amount": amount});
    Till::check(
        &json!({}),
        &[
            ("/earn-points", json!({"amount": "10"}), json!({"badges_issued": []})),
            ("/earn-points", tells(2, "0"), json!({"badges_issued": [], "granted": 0})),
            ("/earn-points", other("7"), json!({"badges_issued": []})),
            ("member", json!({}), json!({"stats": {"orders": 1, "amount": "7.00"}})),
            (
                "/earn-points",
                json!({"revision": 3, "lines": line("book")}),
                json!({
                "badges_issued": ["two", "lately", "reader"]}),
            ),
            ("member", json!({}), json!({"stats": {"orders": 2, "amount": "12.00"}})),
            // It was a revision that left nothing, and not a refund.
            ("/earn-points", tells(4, "0"), json!({"granted": 0})),
            ("/reverse", json!({"refund": "all"}), json!({"taken": 0})),
            ("/earn-points", tells(4, "0"), json!({"granted": 0})),
            ("member", json!({}), json!({"stats": {"orders": 1, "amount": "7.00"}})),
        ],
    );
}

/// What an order shows: its lines as they remain, and the entries about it.
#[test]
fn an_order_is_shown_as_it_stands() {
    let line = |id: &str, quantity: u64, amount: &str| json!({"line_id": id, "sku": format!("s{id}"), "category": "tea", "quantity": quantity, "amount": amount});
    let refund =
        |id: &str, quantity: u64| json!({"refund": {"lines": [{"line_id": id, "quantity": quantity}]}});
    let spent = |part: &str| match part {
        "" => json!({"points": 1, "for": {"kind": "order", "order_id": "A"}}),
        part => json!({"points": 1, "for": {"kind": "order", "order_id": "A", "part": part}}),
    };
    Till::check(
        &json!({}),
        &[
            ("/orders/find", json!({}), json!({"code": "order_not_found"})),
            ("/orders/find", json!({"brand": "none"}), json!({"code": "brand_not_found"})),
            (
                "/earn-points",
                json!({"lines": [line("1", 3, "10.00"), line("2", 1, "5.00")],
                    "occurred_at": "2026-03-01T09:00:00+08:00"}),
                json!({"granted": 15}),
            ),
            ("/reverse", refund("1", 1), json!({"taken": 4})),
            ("/reverse", refund("2", 1), json!({"taken": 5})),
            ("/redeem", spent("2"), json!({})),
            ("/redeem", spent("1"), json!({})),
            ("/redeem", spent(""), json!({})),
            (
                "/orders/find",
                json!({}),
                json!({
                    "order": {"brand": "acme", "order_id": "A", "amount": "15.00",
                        "occurred_at": "2026-03-01T09:00:00+08:00", "lines": [line("1", 2, "6.66")]},
                    "revision": 1, "remaining": "6.66", "points": 6, "growth": 6,
                    "entry": {"kind": "earn", "points": 15},
                    "refunds": [{"kind": "reverse_earn", "points": -4}, {"kind": "reverse_earn", "points": -5}],
                    "redemptions": [{"part": "2", "points": -1}, {"part": "1", "points": -1}, {"points": -1}],
                    "use": null,
                }),
            ),
            ("/earn-points", tells(2, "20"), json!({"granted": 20})),
            (
                "/orders/find",
                json!({}),
                json!({"order": {"amount": "20.00"}, "revision": 2, "remaining": "20.00", "points": 20}),
            ),
        ],
    );
}

/// What a refund did not find does not enter again; what a limit counted once is given again.
#[test]
fn nothing_enters_twice_and_no_limit_counts_twice() {
    let spent = |points: u64| json!({"points": points, "for": {"kind": "order", "order_id": "S"}});
    Till::check(
        &json!({"on_short": "forgive", "limits": [{"per": "month", "points": 100}]}),
        &[
            ("/earn-points", json!({"amount": "120"}), json!({"granted": 100, "calculated": 120})),
            ("/redeem", spent(70), json!({})),
            ("/earn-points", tells(2, "40"), json!({"granted": 40, "entry": {"points": -30}})), // 30 are lost
            ("/earn-points", tells(3, "80"), json!({"granted": 80, "entry": {"points": 10}})),
            (
                "/earn-points",
                tells(4, "500"),
                json!({"granted": 100, "calculated": 500, "entry": {"points": 20}}),
            ),
            ("/reverse", json!({"refund": "all"}), json!({"taken": 30})), // 70 are lost
            ("/earn-points", tells(5, "500"), json!({"granted": 100, "entry": {"points": 30}})),
        ],
    );
}

/// Points come in at the order's own day, and end with it.
#[test]
fn points_of_a_lot_that_has_ended_repay_debt_and_end() {
    let spent = json!({"points": 5, "for": {"kind": "order", "order_id": "S"}});
    Till::check(
        &json!({"expiry": {"mode": "days", "days": 10}}),
        &[
            ("/earn-points", json!({"amount": "10"}), json!({"granted": 10})),
            ("at", json!("2026-04-01T10:00:00+08:00"), json!({})),
            ("/earn-points", json!({"order_id": "B", "amount": "5"}), json!({})),
            ("/redeem", spent, json!({})),
            (
                "/earn-points",
                json!({"order_id": "B", "revision": 2, "amount": "0"}),
                json!({"balance": {"debt": 5}}),
            ),
            ("/earn-points", tells(2, "4"), json!({"entry": {"points": 0}, "balance": {"debt": 5}})),
            (
                "/earn-points",
                tells(3, "18"),
                json!({"entry": {"points": 8, "lots": [
                {"expires_at": "2026-03-12T00:00:00+08:00", "brand": "acme", "points": 3}]},
                "balance": {"available": 0, "debt": 0}}),
            ),
        ],
    );
}

/// An order that 0.1.0 refunded, of which it kept neither the entries nor the growth that was gone.
#[test]
fn an_order_of_the_first_release_is_revised_exactly() {
    run(async {
        let store = Arc::new(MemoryStore::new());
        let shop = Shop::over(store.clone(), &programme(&json!({})), "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("somebody").await;
        let till = Till { shop, member };
        till.call("/earn-points", &json!({"amount": "100"})).await;
        let adjust = json!({"member_id": till.member, "brand": "acme", "points": 0, "growth": -70, "reason": "r",
            "adjustment_id": "1"});
        till.shop.ok("POST", "/adjust", adjust).await;
        for part in ["50", "20"] {
            till.call("/reverse", &json!({"refund": {"amount": part}, "refund_id": part})).await;
        }
        // As it stood in the first format.
        let key = keys::order(&"acme".parse().unwrap(), &"A".parse().unwrap());
        let stored = store.get(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
        let mut entry: EntryRecord = engine::records::decode(&key, &stored.value).unwrap();
        let kept: &mut KeptOrder = entry.order.as_mut().unwrap();
        assert_eq!((kept.now.growth_lost, kept.refunds.len()), (40, 2));
        (kept.now.growth_lost, kept.refunds, kept.complete) = (0, Vec::new(), false);
        let write = Write { key, expect: Expect::Anything, change: Change::Put(encode(&entry)) };
        store.commit(vec![write]).await.unwrap();

        let found = till.call("/orders/find", &json!({})).await;
        assert_eq!(found["refunds"].as_array().unwrap().len(), 2);
        // 30 remain of 100, for which 30 growth remain; 40 of the 70 that were refunded were gone.
        let told = till.call("/earn-points", &tells(2, "100")).await;
        assert_eq!((&told["entry"]["growth"], &told["entry"]["points"]), (&json!(30), &json!(70)));
        till.must_add_up().await;
    });
}

/// Filters of a ledger: by kind, and by when an entry was recorded or fell due.
#[test]
fn a_ledger_is_filtered() {
    run(async {
        let till = Till::open(&json!({"expiry": {"mode": "days", "days": 10}})).await;
        till.call("/earn-points", &json!({"amount": "10"})).await;
        till.shop.at("2026-03-03T10:00:00+08:00");
        till.call("/earn-points", &tells(2, "30")).await;
        till.shop.at("2026-03-04T10:00:00+08:00");
        till.call("/earn-points", &tells(3, "20")).await;
        till.shop.at("2026-03-20T10:00:00+08:00"); // they ended on the 12th, and nobody has written it down
        for (query, wanted) in [
            ("", "expire revise revise earn"),
            ("?kind=revise", "revise revise"),
            ("?kind=badge", ""),
            ("?since=2026-03-03T02:00:00Z", "expire revise revise"),
            ("?since=2026-03-03T10:00:00.001%2B08:00", "expire revise"),
            ("?since=2026-03-12T00%3A00%3A00%2B08%3A00", "expire"),
            ("?since=2026-03-12T00:00:00.001+08:00", ""),
            ("?until=2026-03-12T00:00:00+08:00", "revise revise earn"),
            ("?until=2026-03-03T10:00:00+08:00", "earn"),
            ("?kind=revise&since=2026-03-03T10:00:00+08:00&until=2026-03-04T10:00:00+08:00", "revise"),
        ] {
            let path = format!("/members/{}/ledger{query}", till.member);
            let told = till.shop.ok("GET", &path, Value::Null).await;
            let kinds: Vec<&str> = told["entries"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|entry| entry["kind"].as_str())
                .collect();
            assert_eq!(kinds.join(" "), wanted, "{query}");
        }
        for (query, pointer) in [
            ("?kind=gift", "/query/kind"),
            ("?since=yesterday", "/query/since"),
            ("?until=2026-03-12", "/query/until"),
        ] {
            let path = format!("/members/{}/ledger{query}", till.member);
            let refused = till.shop.call("GET", &path, Value::Null).await;
            assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{query}");
        }
        // Pages of one, through everything.
        let (mut cursor, mut kinds) = (String::new(), Vec::new());
        loop {
            let path = format!("/members/{}/ledger?kind=revise&limit=1{cursor}", till.member);
            let told = till.shop.ok("GET", &path, Value::Null).await;
            kinds.extend(told["entries"].as_array().unwrap().iter().map(|entry| entry["points"].clone()));
            match told["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(kinds, [json!(-10), json!(20)]);
    });
}
