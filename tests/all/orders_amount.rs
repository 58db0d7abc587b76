//! What remains of a member's orders (`stats.amount`): the exact sum, rounded down once, whatever is refunded or told
//! anew in between.

use std::sync::Arc;

use domain::number::Fraction;
use engine::{
    memory::MemoryStore,
    records::{EntryRecord, MemberRecord, Stored, encode},
    store::{Change, Expect, Key, Store as _, Write, keys},
};
use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{Shop, program},
};

/// A shop with one member, whose records can be looked at.
struct Till {
    store: Arc<MemoryStore>,
    shop: Shop,
    member: String,
}

impl Till {
    async fn open() -> Till {
        let store = Arc::new(MemoryStore::new());
        let shop = Shop::over(store.clone(), &program(), "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("somebody").await;
        Till { store, shop, member }
    }

    /// An order is told, with these lines: each a quantity and an amount. Its lines are called "0", "1" and so on.
    async fn tell(&self, order_id: &str, revision: u64, lines: &[(&str, &str)]) {
        let line = |(place, (quantity, amount)): (usize, &(&str, &str))| json!({"line_id": place.to_string(), "quantity": quantity, "amount": amount});
        let lines: Vec<Value> = lines.iter().enumerate().map(line).collect();
        let body = json!({"member_id": self.member, "brand": "acme", "order_id": order_id, "revision": revision,
            "lines": lines});
        self.shop.ok("POST", "/earn-points", body).await;
    }

    /// So much of that line is refunded.
    async fn refund(&self, order_id: &str, line: &str, quantity: &str) {
        let lines = json!([{"line_id": line, "quantity": quantity}]);
        self.reverse(order_id, json!({"lines": lines})).await;
    }

    async fn reverse(&self, order_id: &str, refund: Value) {
        let body = json!({"brand": "acme", "order_id": order_id, "refund": refund});
        self.shop.ok("POST", "/reverse", body).await;
    }

    /// What remains of all orders, as it is shown; the ledger says the same.
    async fn remains(&self) -> String {
        let id = edge::wire::read_member_id(&self.member).unwrap();
        let finding = self.shop.api.engine.ledger().audit_member(id).await.unwrap();
        assert_eq!(finding.differences, [""; 0]);
        let seen = self.shop.ok("GET", &format!("/members/{}", self.member), Value::Null).await;
        seen["stats"]["amount"].as_str().unwrap().to_owned()
    }

    async fn record<T: Stored>(&self, key: &Key) -> T {
        let stored = self.store.get(std::slice::from_ref(key)).await.unwrap().remove(0).unwrap();
        engine::records::decode(key, &stored.value).unwrap()
    }

    async fn put<T: Stored>(&self, key: Key, record: &T) {
        let write = Write { key, expect: Expect::Anything, change: Change::Put(encode(record)) };
        self.store.commit(vec![write]).await.unwrap();
    }

    fn member_key(&self) -> Key {
        keys::member(edge::wire::read_member_id(&self.member).unwrap())
    }

    async fn member_record(&self) -> MemberRecord {
        self.record(&self.member_key()).await
    }

    /// How many sizes of parts beyond whole minor units the orders leave.
    async fn sizes(&self) -> usize {
        self.member_record().await.member.orders.rests.all().len()
    }
}

/// 350.445 of a weight and 347.475 without half a discount are 697.92, of which each rounded down would be one less.
#[test]
fn the_sum_is_rounded_and_not_each_order() {
    run(async {
        let till = Till::open().await;
        till.tell("A", 1, &[("0.400", "467.26")]).await;
        till.refund("A", "0", "0.1").await;
        assert_eq!(till.remains().await, "350.44");
        till.tell("B", 1, &[("1", "350.00"), ("2", "-5.05")]).await;
        assert_eq!(till.remains().await, "695.39"); // 350.445 + 344.95
        till.refund("B", "1", "1").await;
        assert_eq!(till.remains().await, "697.92");
        // Each order alone is still rounded down.
        for (order_id, remains) in [("A", "350.44"), ("B", "347.47")] {
            let body = json!({"brand": "acme", "order_id": order_id});
            assert_eq!(till.shop.ok("POST", "/orders/find", body).await["remaining"], remains);
        }
        till.refund("A", "0", "0.300").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("347.47", 1));
    });
}

/// Thirds of orders make a whole together, and nothing is left when all are gone, in whatever order they go.
#[test]
fn thirds_make_a_whole_and_leave_nothing() {
    run(async {
        for turn in 0..3 {
            let till = Till::open().await;
            for (order_id, sum) in [("A", "3.33"), ("B", "6.66"), ("C", "10.00")] {
                till.tell(order_id, 1, &[("3", "10.00")]).await;
                till.refund(order_id, "0", "2").await;
                assert_eq!(till.remains().await, sum);
            }
            assert_eq!(till.sizes().await, 1);
            for (step, sum) in ["6.66", "3.33", "0.00"].into_iter().enumerate() {
                let order_id = ["A", "B", "C"][(turn + step) % 3];
                match step {
                    0 => till.refund(order_id, "0", "1").await,
                    _ => till.reverse(order_id, json!("all")).await,
                }
                assert_eq!(till.remains().await, sum, "{turn} {step}");
            }
            assert_eq!(till.sizes().await, 0);
        }
    });
}

/// What is told anew remains whole, whatever was refunded of it before.
#[test]
fn a_telling_leaves_no_part() {
    run(async {
        let till = Till::open().await;
        for (order_id, parts) in [("A", "3"), ("B", "7")] {
            till.tell(order_id, 1, &[(parts, "10.00")]).await;
            till.refund(order_id, "0", "1").await;
        }
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("15.23", 2)); // 6.666… + 8.571…
        till.tell("A", 2, &[("3", "20.00")]).await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("28.57", 1));
        till.refund("A", "0", "1").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("21.90", 2)); // 13.333… + 8.571…
        till.tell("A", 3, &[("1", "0")]).await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("8.57", 1));
        till.tell("A", 4, &[("3", "10.00")]).await;
        till.refund("A", "0", "2").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("11.90", 2)); // 3.333… + 8.571…
        till.tell("B", 2, &[("1", "1.00")]).await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("4.33", 1));
    });
}

/// A discount that is more than what remains leaves nothing; with goods that remain it leaves the exact difference.
#[test]
fn a_discount_is_exact() {
    run(async {
        let till = Till::open().await;
        till.tell("A", 1, &[("3", "10.00"), ("3", "-5.00"), ("1", "1.00")]).await;
        till.refund("A", "0", "1").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("2.66", 1));
        till.refund("A", "0", "1").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("0.00", 0));
        till.refund("A", "1", "1").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("1.00", 0)); // 3.333… − 3.333… + 1
        till.refund("A", "1", "1").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("2.66", 1));
        till.refund("A", "2", "1").await;
        till.refund("A", "0", "1").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("0.00", 0));
    });
}

/// The parts of forty sizes are kept, and an order that leaves a further one is rounded down alone; and so is one whose
/// lines have no common denominator of 64 bits.
#[test]
fn sizes_are_bounded() {
    let is_prime = |number: &u64| (2..*number).all(|divisor| !number.is_multiple_of(divisor));
    let primes: Vec<u64> = (7..).filter(is_prime).take(41).collect();
    // Of 1.00 in that many thousandths, all but one remain, in thousandths of a minor unit.
    let gone: u64 = primes[..40].iter().map(|prime| 100_000_000_000 / prime).sum();
    let cents = 4_000 - 1 - gone / 1_000_000_000;
    run(async {
        let till = Till::open().await;
        for (place, prime) in primes.iter().enumerate() {
            let quantity = format!("0.{prime:03}");
            till.tell(&place.to_string(), 1, &[(&quantity, "1.00")]).await;
            till.refund(&place.to_string(), "0", "0.001").await;
        }
        let shown = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
        assert_eq!((till.remains().await, till.sizes().await), (shown(cents + 99), 40));
        // Room that an order leaves is free for the next.
        till.reverse("0", json!("all")).await;
        till.refund("40", "0", "0.001").await;
        assert_eq!(till.sizes().await, 40);
        for place in (1..=40).rev() {
            till.reverse(&place.to_string(), json!("all")).await;
        }
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("0.00", 0));
        let (large, larger) = ("9000000000000.001", "9000000000000.003");
        till.tell("B", 1, &[(large, "1.01"), (larger, "1.01")]).await;
        till.refund("B", "0", "0.001").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("2.01", 1));
        till.refund("B", "1", "0.001").await;
        assert_eq!((till.remains().await.as_str(), till.sizes().await), ("2.01", 0));
        till.reverse("B", json!("all")).await;
        assert_eq!(till.remains().await, "0.00");
    });
}

/// 0.1.0 counted each order rounded down, and what it counted is what is taken away.
#[test]
fn an_order_of_the_first_release_stays_rounded_until_it_changes() {
    run(async {
        let till = Till::open().await;
        for order_id in ["A", "B", "C"] {
            till.tell(order_id, 1, &[("3", "10.00")]).await;
            till.refund(order_id, "0", "1").await;
        }
        assert_eq!(till.remains().await, "20.00");
        // As they stood in the first format: three times 6.66.
        let mut record = till.member_record().await;
        let orders = &mut record.member.orders;
        (orders.amount.0, orders.rests) = (1_998, Default::default());
        till.put(till.member_key(), &record).await;
        for order_id in ["A", "B", "C"] {
            let key = keys::order(&"acme".parse().unwrap(), &order_id.parse().unwrap());
            let mut entry: EntryRecord = till.record(&key).await;
            let kept = entry.order.as_mut().unwrap();
            assert_ne!(std::mem::take(&mut kept.now.state.rest), Fraction::NONE);
            till.put(key, &entry).await;
        }
        let seen = async || till.member_record().await.member.orders.amount.0;
        till.refund("A", "0", "1").await; // 3.333… + 6.66 + 6.66
        assert_eq!((seen().await, till.sizes().await), (1_665, 1));
        till.refund("B", "0", "1").await; // 3.333… + 3.333… + 6.66
        assert_eq!((seen().await, till.sizes().await), (1_332, 1));
        till.tell("C", 2, &[("3", "10.00")]).await;
        till.refund("C", "0", "2").await;
        assert_eq!((seen().await, till.sizes().await), (1_000, 1));
        for order_id in ["C", "A", "B"] {
            till.reverse(order_id, json!("all")).await;
        }
        assert_eq!((seen().await, till.sizes().await), (0, 0));
    });
}
