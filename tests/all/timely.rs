//! A write that would commit more than a minute after its moment starts again, so that none lands behind a
//! close: an entry says when it was really written, to the minute.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::time::Instant;
use edge::Clock;
use engine::{
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::run,
    settlement::{close, coalition, lines, statement},
    support::Shop,
};

/// A store whose next few reads take that long, by the caller's clock.
struct Slow {
    inner: MemoryStore,
    clock: std::sync::OnceLock<Arc<Clock>>,
    reads: AtomicU64,
    millis: AtomicU64,
}

impl Slow {
    async fn shop(start: &str) -> (Arc<Slow>, Shop) {
        let (reads, millis) = (AtomicU64::new(0), AtomicU64::new(0));
        let slow = Slow { inner: MemoryStore::new(), clock: std::sync::OnceLock::new(), reads, millis };
        let slow = Arc::new(slow);
        let shop = Shop::over(slow.clone(), &coalition(), start).await;
        slow.clock.set(shop.api.clock.clone()).unwrap();
        (slow, shop)
    }

    fn be_slow(&self, reads: u64, millis: u64) {
        self.millis.store(millis, Ordering::SeqCst);
        self.reads.store(reads, Ordering::SeqCst);
    }
}

impl Store for Slow {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        let slow = self.reads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if let (Ok(_), Some(clock)) = (slow, self.clock.get()) {
            let millis = self.millis.load(Ordering::SeqCst).cast_signed();
            clock.forward(clock.now().plus_millis(millis)).unwrap();
        }
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.inner.commit(writes)
    }
}

fn after(start: &str, millis: i64) -> String {
    let zone = domain::time::Zone::of("Asia/Shanghai").unwrap();
    zone.show(Instant::parse(start).unwrap().plus_millis(millis))
}

#[test]
fn what_is_decided_too_long_ago_is_decided_again() {
    const START: &str = "2026-11-30T23:59:30+08:00";
    run(async {
        // How long the first look takes, and when the order is recorded then.
        for (millis, recorded) in [(0, 0), (49_000, 0), (50_000, 0), (50_001, 50_001), (3_600_000, 3_600_000)]
        {
            let (slow, shop) = Slow::shop(START).await;
            let id = shop.member("one").await;
            slow.be_slow(1, millis);
            let earned = shop.earn(&id, "A-1", "10").await;
            let want = after(START, recorded);
            assert_eq!(earned["entry"]["recorded_at"], want, "{millis}");
            assert_eq!(earned["entry"]["occurred_at"], want, "{millis}");
            assert_eq!(shop.ledger(&id, 50).await.len(), 1);

            // The same for a request found by its order, under a key.
            let at = shop.api.clock.now();
            slow.be_slow(1, millis);
            let refund = json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "3"}});
            let told = shop.call_with("POST", "/reverse", &refund, Some("key")).await;
            let zone = domain::time::Zone::of("Asia/Shanghai").unwrap();
            assert_eq!(told.body["entry"]["recorded_at"], zone.show(at.plus_millis(recorded)), "{millis}");
            let again = shop.call_with("POST", "/reverse", &refund, Some("key")).await;
            assert!(again.replayed() && again.bytes == told.bytes, "{millis}");
        }
    });
}

#[test]
fn a_store_that_is_always_too_slow_writes_nothing() {
    run(async {
        let (slow, shop) = Slow::shop("2026-11-30T23:00:00+08:00").await;
        let id = shop.member("one").await;
        let before = shop.snapshot().await;
        slow.be_slow(u64::MAX, 60_000);
        let body = json!({"member_id": id, "brand": "acme", "order_id": "A-1", "amount": "10"});
        let reply = shop.call_with("POST", "/earn-points", &body, Some("key")).await;
        assert_eq!(reply.verdict(), "503 busy");
        assert_eq!(shop.snapshot().await, before);
        slow.be_slow(0, 0);
        let reply = shop.call_with("POST", "/earn-points", &body, Some("key")).await;
        assert_eq!((reply.status, reply.replayed()), (200, false));
    });
}

/// An order that was sent in November and written after November was closed belongs to December.
#[test]
fn nothing_slips_behind_a_close() {
    run(async {
        let (slow, shop) = Slow::shop("2026-11-30T23:59:59+08:00").await;
        let id = shop.member("one").await;
        shop.earn(&id, "A-1", "10").await;
        slow.be_slow(1, 16 * 60 * 1_000);
        shop.earn(&id, "A-2", "100").await;
        close(&shop, "2026-11").await;
        let want = [json!(["acme", "issued", null, 10, "0.100000", "0.10"])];
        assert_eq!(lines(&statement(&shop, "2026-11").await), want);
        shop.at("2027-01-01T00:15:00+08:00");
        close(&shop, "2026-12").await;
        let want = [json!(["acme", "issued", null, 100, "1.000000", "1.00"])];
        assert_eq!(lines(&statement(&shop, "2026-12").await), want);
        assert_eq!(shop.show(&id).await["points"]["available"], Value::from(110));
    });
}
