//! What operations cost on DynamoDB, counted from the items they touch by AWS's documented rules
//! (`store_dynamodb::cost`), and compared with limits. `cargo test -p laurel-tests --test all -- cost
//! --nocapture` prints the table of docs/AWS.md.

use std::sync::Arc;

use engine::memory::MemoryStore;
use serde_json::{Value, json};
use store_dynamodb::{Metered, cost::Cost};

use crate::{
    coalition::order_of,
    histories::run,
    merges::{merge, unmerge},
    support::Shop,
};

/// Operations of each row.
const EACH: u64 = 1_000;
const MEMBERS: usize = 10;

/// A shop whose members have a year of history, two lots and three badges.
pub(crate) struct Counter {
    pub(crate) shop: Shop,
    pub(crate) meter: Arc<Metered>,
    pub(crate) members: Vec<String>,
    minute: i64,
}

/// Averages over a row's operations.
pub(crate) struct Row {
    name: &'static str,
    operations: u64,
    cost: Cost,
    /// Most write units, read units and round trips, in hundredths of the average.
    held: Option<[u64; 3]>,
}

/// A programme whose brand also has this.
fn programme(expiry: Value, says: &Value) -> Value {
    let mut acme = json!({"id": "acme", "name": "Acme", "rate": "1"});
    let mut tea = json!({"id": "tea", "kind": "partner", "may": ["earn"], "sees": ["tier", "balance"]});
    for brand in [&mut acme, &mut tea] {
        brand.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    }
    let when = |fact: &str, value: Value| json!({"fact": fact, "op": ">=", "value": value});
    json!({
        "name": "Cost", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [acme, tea],
        "points": {"per_unit": "1", "hold_days": 0, "expiry": expiry, "on_short": "debt"},
        "growth": {"per_unit": "1"},
        "tiers": [
            {"id": "basic", "growth": 0},
            {"id": "silver", "growth": 2000, "validity": {"months": 12}, "retain": {"growth": 1000},
             "benefits": {"earn_multiplier": "1.2", "redeem_rate": "0.95"}},
            {"id": "gold", "growth": 900_000, "validity": {"months": 12}},
        ],
        "badges": [
            {"id": "first_order", "when": when("orders.count", json!(1))},
            {"id": "regular", "when": when("orders.count", json!(20))},
            {"id": "big_spender", "when": when("orders.amount", json!("3000.00"))},
        ],
    })
}

impl Counter {
    pub(crate) async fn open(expiry: Value, lots: usize) -> Counter {
        Counter::of_brand(expiry, lots, &json!({})).await
    }

    async fn of_brand(expiry: Value, lots: usize, says: &Value) -> Counter {
        let meter = Arc::new(Metered::new(Arc::new(MemoryStore::new())));
        let shop = Shop::over(meter.clone(), &programme(expiry, says), "2025-01-01T09:00:00+08:00").await;
        if says["funding"]["mode"] == "prepaid" {
            let block = json!({"points": 1_000_000_000, "price": "9000000", "reference": "PO-1"});
            for brand in ["acme", "tea"] {
                shop.ok("POST", &format!("/partners/{brand}/blocks"), block.clone()).await;
            }
        }
        let mut counter = Counter { shop, meter, members: Vec::new(), minute: 0 };
        for number in 0..MEMBERS {
            let member = counter.shop.member(&format!("member {number}")).await;
            counter.members.push(member);
        }
        for week in 0..52 {
            for member in counter.members.clone() {
                counter.order(&json!({"member_id": member}), 1 + week % 3, "80").await;
            }
            counter.pass(7 * 24 * 60);
        }
        counter.pass(3 * 24 * 60); // into the next year
        for member in counter.members.clone() {
            counter.order(&json!({"member_id": member}), 2, "5000").await;
        }
        let shown = counter.shop.show(&counter.members[0].clone()).await;
        assert_eq!(shown["points"]["lots"].as_array().unwrap().len(), lots, "{shown}");
        assert_eq!(shown["badges"].as_array().unwrap().len(), 3, "{shown}");
        counter.meter.take();
        counter
    }

    fn pass(&mut self, minutes: i64) {
        self.minute += minutes;
        let start = domain::time::Instant::parse("2025-01-01T09:00:00+08:00").unwrap();
        self.shop.api.clock.forward(start.plus_millis(self.minute * 60_000)).unwrap();
    }

    /// An order of that many equal lines; its id.
    async fn order(&self, who: &Value, lines: u64, amount: &str) -> String {
        let order_id = format!("2026-{:08}", self.shop.fresh());
        let line = |number: u64| {
            json!({"line_id": number.to_string(), "sku": format!("sku-{number:04}"), "category": "tea",
                   "quantity": 1, "amount": amount})
        };
        let lines: Vec<Value> = (1..=lines).map(line).collect();
        let mut body = json!({"brand": "acme", "order_id": order_id, "lines": lines});
        body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        self.shop.ok("POST", "/earn-points", body).await;
        order_id
    }

    async fn redeem(&self, member: &str) -> String {
        let spent_on = json!({"kind": "order", "order_id": format!("2026-{:08}", self.shop.fresh())});
        let body = json!({"member_id": member, "brand": "acme", "points": 3, "for": spent_on});
        self.shop.ok("POST", "/redeem", body).await["redemption_id"].as_str().unwrap().to_owned()
    }

    /// Counts a row: `EACH` operations, a few minutes apart, members in turn.
    pub(crate) async fn row(
        &mut self,
        name: &'static str,
        held: Option<[u64; 3]>,
        operation: impl AsyncFn(&Counter, &str, u64),
    ) -> Row {
        let mut cost = Cost::default();
        for number in 0..EACH {
            let member = self.members[number as usize % MEMBERS].clone();
            self.pass(3);
            // What prepares an operation is not counted: see the rows that need something first.
            operation(self, &member, number).await;
            cost += self.meter.take_cost();
        }
        Row { name, operations: EACH, cost, held }
    }
}

impl Row {
    fn average(&self) -> [u64; 5] {
        let Cost { items, bytes, write_units, read_units, round_trips } = self.cost;
        [write_units, read_units, round_trips, items, bytes].map(|sum| 100 * sum / self.operations)
    }

    /// The row as it stands in docs/AWS.md.
    fn print(&self) {
        let hundredths = |value: u64| format!("{}.{:02}", value / 100, value % 100);
        let [writes, reads, trips, items, bytes] = self.average();
        let cents = self.cost.nanodollars() / self.operations / 10;
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            hundredths(items),
            bytes / 100,
            hundredths(writes),
            hundredths(reads),
            hundredths(trips),
            hundredths(cents),
        );
    }

    pub(crate) fn check(&self) {
        self.print();
        let Some(most) = self.held else { return };
        let average = self.average();
        for (what, (average, most)) in
            ["write units", "read units", "round trips"].iter().zip(average.into_iter().zip(most))
        {
            assert!(
                average <= most,
                "{}: {average} hundredths of {what}, at most {most}. Read or write less, or, where it is worth that, \
                 raise what the row allows here and copy the table that this test prints (--nocapture) into docs/AWS.md",
                self.name
            );
        }
    }
}

const EARN: Option<[u64; 3]> = Some([400, 100, 200]);
/// With its note in the activity log.
const ADJUST: Option<[u64; 3]> = Some([600, 100, 200]);
const BY_REFERENCE: Option<[u64; 3]> = Some([500, 200, 400]);
const FOUND: Option<[u64; 3]> = Some([0, 300, 200]);
const WITH_HEADER: Option<[u64; 3]> = Some([600, 100, 200]);

#[test]
fn operations_cost_no_more_than_is_promised() {
    run(async {
        let year_end = json!({"mode": "year_end", "years": 1});
        let mut counter = Counter::open(year_end, 2).await;
        println!("| operation | items | bytes | write units | read units | round trips | USD a million |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        let whose = |member: &str| json!({"member_id": member});
        counter
            .row("earn, an order of 1 to 10 lines", EARN, async |counter, member, number| {
                counter.order(&whose(member), 1 + number % 10, "3").await;
            })
            .await
            .check();
        counter
            .row("earn, 10 lines", EARN, async |counter, member, _| {
                counter.order(&whose(member), 10, "3").await;
            })
            .await
            .check();
        counter
            .row("redeem", EARN, async |counter, member, _| _ = counter.redeem(member).await)
            .await
            .check();
        counter
            .row("redeem with an Idempotency-Key", WITH_HEADER, async |counter, member, number| {
                let spent_on = json!({"kind": "order", "order_id": format!("keyed-{number}")});
                let body = json!({"member_id": member, "brand": "acme", "points": 3, "for": spent_on});
                let key = format!("7a5c1f0e-6f3e-4a52-9d4e-{number:012}");
                let reply = counter.shop.call_with("POST", "/redeem", &body, Some(&key)).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            })
            .await
            .check();
        counter
            .row("adjust", ADJUST, async |counter, member, number| {
                let body = json!({"member_id": member, "brand": "acme", "points": 1, "reason": "r",
                                  "adjustment_id": format!("adj-{number}")});
                counter.shop.ok("POST", "/adjust", body).await;
            })
            .await
            .check();
        counter
            .row("earn by identity", None, async |counter, member, _| {
                let number = counter.members.iter().position(|own| own == member).unwrap();
                let identity =
                    json!({"kind": "external", "channel": "tests", "value": format!("member {number}")});
                counter.order(&json!({ "identity": identity }), 3, "3").await;
            })
            .await
            .check();
        let mut references = Vec::new();
        for member in &counter.members {
            references.push(counter.shop.linked(member, "tea").await);
        }
        // The brand is marked as used once for all.
        counter.shop.partner_earn("tea", &references[0], "first", "3").await;
        counter.meter.take();
        counter
            .row("a signed earn, by a partner's reference", BY_REFERENCE, async |counter, _, number| {
                let reference = &references[number as usize % MEMBERS];
                let earned = counter.shop.partner_earn("tea", reference, &format!("T-{number}"), "3").await;
                assert_eq!(earned.status, 200, "{}", earned.body);
            })
            .await
            .check();
        counter
            .row("earn, 200 lines", None, async |counter, member, _| {
                counter.order(&whose(member), 200, "1").await;
            })
            .await
            .check();
        counter
            .row("a whole refund", None, async |counter, member, _| {
                let order_id = counter.order(&whose(member), 3, "3").await;
                counter.meter.take();
                let body = json!({"brand": "acme", "order_id": order_id, "refund": "all"});
                counter.shop.ok("POST", "/reverse", body).await;
            })
            .await
            .check();
        counter
            .row("a redemption's cancelling", None, async |counter, member, _| {
                let redemption = counter.redeem(member).await;
                counter.meter.take();
                counter.shop.ok("POST", "/reverse", json!({"redemption_id": redemption})).await;
            })
            .await
            .check();
        counter.row("register", None, async |counter, _, _| _ = counter.shop.somebody().await).await.check();
        counter
            .row("read a member", None, async |counter, member, _| _ = counter.shop.show(member).await)
            .await
            .check();
        counter
            .row("find a member", FOUND, async |counter, member, _| {
                let number = counter.members.iter().position(|own| own == member).unwrap();
                let identity =
                    json!({"kind": "external", "channel": "tests", "value": format!("member {number}")});
                counter.shop.ok("POST", "/members/find", json!({ "identity": identity })).await;
            })
            .await
            .check();
        counter
            .row("scan a card", FOUND, async |counter, member, _| {
                let token = counter.shop.card(member).await;
                counter.meter.take();
                counter.shop.ok("POST", "/scan", json!({"token": token, "brand": "acme"})).await;
            })
            .await
            .check();
        counter
            .row("scan a card, to spend", None, async |counter, member, _| {
                let token = counter.shop.card(member).await;
                counter.meter.take();
                let body = json!({"token": token, "brand": "acme", "spend": true});
                counter.shop.ok("POST", "/scan", body).await;
            })
            .await
            .check();
    });
}

/// Two write units more for the shard of the brand's account, and now and then four for an allotment:
/// each of 10 shards draws one a day here.
const COUNTED: Option<[u64; 3]> = Some([620, 215, 215]);
const COUNTED_WITH_HEADER: Option<[u64; 3]> = Some([820, 215, 215]);
const SIGNED: Option<[u64; 3]> = Some([800, 330, 415]);
const SIGNED_WITH_HEADER: Option<[u64; 3]> = Some([1000, 330, 415]);

#[test]
fn a_brands_account_costs_one_record_more() {
    run(async {
        let says = json!({
            "issue_price": "0.01", "funding": {"mode": "prepaid"},
            "limits": [{"per": "day", "issue": 5_000_000, "redeem": 5_000_000},
                       {"per": "month", "issue": 50_000_000, "redeem": 50_000_000}],
        });
        let mut counter = Counter::of_brand(json!({"mode": "year_end", "years": 1}), 2, &says).await;
        let whose = |member: &str| json!({"member_id": member});
        counter
            .row("earn, with limits and blocks", COUNTED, async |counter, member, number| {
                counter.order(&whose(member), 1 + number % 10, "3").await;
            })
            .await
            .check();
        counter
            .row("the same with an Idempotency-Key", COUNTED_WITH_HEADER, async |counter, member, number| {
                let order_id = format!("keyed-{number}");
                let body = json!({"member_id": member, "brand": "acme", "order_id": order_id, "amount": "9"});
                let key = format!("7a5c1f0e-6f3e-4a52-9d4e-{number:012}");
                let reply = counter.shop.call_with("POST", "/earn-points", &body, Some(&key)).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            })
            .await
            .check();
        counter
            .row("redeem, with limits", COUNTED, async |counter, member, _| _ = counter.redeem(member).await)
            .await
            .check();
        let mut references = Vec::new();
        for member in &counter.members {
            references.push(counter.shop.linked(member, "tea").await);
        }
        // The brand is marked as used once for all.
        counter.shop.partner_earn("tea", &references[0], "first", "3").await;
        counter.meter.take();
        for (name, most, with_key) in [
            ("a partner's signed earn, with nonce, limits and block", SIGNED, false),
            ("the same with an Idempotency-Key", SIGNED_WITH_HEADER, true),
        ] {
            counter
                .row(name, most, async |counter, _, number| {
                    let reference = &references[number as usize % MEMBERS];
                    let order = order_of("tea", reference, &format!("{with_key}-{number}"), "3");
                    let key = with_key.then(|| format!("7a5c1f0e-6f3e-4a52-9d4e-{number:012}"));
                    let earned =
                        counter.shop.call_partner("tea", "POST", "/earn-points", &order, key.as_deref());
                    let earned = earned.await;
                    assert_eq!(earned.status, 200, "{}", earned.body);
                })
                .await
                .check();
        }
        counter
            .row("a whole refund, of an order from a block", None, async |counter, member, _| {
                let order_id = counter.order(&whose(member), 3, "3").await;
                counter.meter.take();
                let body = json!({"brand": "acme", "order_id": order_id, "refund": "all"});
                counter.shop.ok("POST", "/reverse", body).await;
            })
            .await
            .check();
    });
}

/// The programme's shop on the last day of a year in which so many members have earned once.
async fn at_a_years_end(meter: &Arc<Metered>, members: u64) -> (Shop, domain::time::Instant) {
    let year_end = json!({"mode": "year_end", "years": 1});
    let shop = Shop::over(meter.clone(), &programme(year_end, &json!({})), "2025-01-01T09:00:00+08:00").await;
    for _ in 0..members {
        let member = shop.somebody().await;
        shop.earn(&member, &format!("2025-{}", shop.fresh()), "80").await;
    }
    (shop, domain::time::Instant::parse("2026-12-31T09:00:00+08:00").unwrap())
}

/// What the first sweeps of that day and of as many more cost.
async fn days_cost(
    meter: &Metered,
    shop: &Shop,
    from: domain::time::Instant,
    days: std::ops::Range<u32>,
) -> Cost {
    let mut cost = Cost::default();
    for day in days {
        shop.api.clock.forward(from.plus_days(day)).unwrap();
        meter.take();
        shop.ok("POST", "/expire-points", json!({})).await;
        cost += meter.take_cost();
    }
    cost
}

/// A sweep's rows: for a member, for a key that is forgotten, and where there is nothing to do.
#[test]
fn a_sweep_costs_no_more_than_is_promised() {
    run(async {
        let meter = Arc::new(Metered::new(Arc::new(MemoryStore::new())));
        let (shop, year_end) = at_a_years_end(&meter, EACH).await;
        let row = |name, operations, cost, held| Row { name, operations, cost, held: Some(held) }.check();
        let cost = days_cost(&meter, &shop, year_end, 1..2).await;
        row("a sweep, for a member whose points expire", EACH, cost, [600, 106, 26]);
        let cost = days_cost(&meter, &shop, year_end, 1..2).await;
        row("a sweep that finds nothing", 1, cost, [0, 3_500, 3_500]);
        let cost = days_cost(&meter, &shop, year_end, 2..3).await;
        row("the first sweep of a day, if it finds nothing", 1, cost, [100, 4_500, 4_600]);
        let empty = days_cost(&meter, &shop, year_end, 3..63).await;
        for request in 0..EACH {
            let member = shop.somebody().await;
            let order_id = format!("keyed-{request}");
            let body = json!({"member_id": member, "brand": "acme", "order_id": order_id, "amount": "1"});
            let key = format!("7a5c1f0e-6f3e-4a52-9d4e-{request:012}");
            let reply = shop.call_with("POST", "/earn-points", &body, Some(&key)).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        let cost = days_cost(&meter, &shop, year_end, 63..123).await;
        // The keys' cost excludes what these days would have cost without any key.
        let cost = Cost {
            items: cost.items - empty.items,
            bytes: cost.bytes - empty.bytes,
            write_units: cost.write_units - empty.write_units,
            read_units: cost.read_units - empty.read_units,
            round_trips: cost.round_trips - empty.round_trips,
        };
        row("forgetting a key", EACH, cost, [100, 10, 100]);
        assert!(shop.snapshot().await.iter().all(|(key, _)| key.kind() != engine::keys::kind::REQUEST));
    });
}

#[test]
fn points_that_end_with_inactivity_move_their_place_in_the_index() {
    run(async {
        let mut counter = Counter::open(json!({"mode": "inactivity", "months": 24}), 1).await;
        counter
            .row("earn, expiry by inactivity", Some([800, 100, 200]), async |counter, member, number| {
                counter.order(&json!({ "member_id": member }), 1 + number % 10, "3").await;
            })
            .await
            .check();
    });
}

#[test]
fn a_merge_costs_no_more_than_is_promised() {
    run(async {
        let mut counter = Counter::open(json!({"mode": "year_end", "years": 1}), 2).await;
        let merged = std::cell::RefCell::new(vec![Value::Null; MEMBERS]);
        let pair = |number: u64| number as usize % (MEMBERS / 2) * 2;
        let join = async |Counter { shop, members, .. }: &Counter, into: usize| {
            let told = merge(shop, &members[into], &members[into + 1]).await;
            merged.borrow_mut()[into] = told;
        };
        let part = async |Counter { shop, members, .. }: &Counter, into: usize| {
            let told = merged.borrow_mut()[into].take();
            if !told.is_null() {
                unmerge(shop, &members[into], &told).await;
            }
        };
        let row = async |counter: &Counter, _: &str, number| {
            part(counter, pair(number)).await;
            counter.meter.take();
            join(counter, pair(number)).await;
        };
        counter.row("merge", Some([1400, 900, 900]), row).await.check();
    });
}
