//! Sweeps that share the work, sweeps over a store that takes little at once, and what sweeps forget.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::time::Instant;
use engine::{
    keys::kind,
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};

use crate::{
    failing::{Failing, Trouble},
    histories::run,
    support::{START, Shop, program},
};

/// A shop in which so many members have points that end with the year after next.
async fn shop_of(members: usize) -> (Shop, Vec<String>) {
    shop_over(Arc::new(MemoryStore::new()), members).await
}

async fn shop_over(store: Arc<dyn Store>, members: usize) -> (Shop, Vec<String>) {
    let shop = Shop::over(store, &program(), START).await;
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

/// A store that declines commits while that many others are under way.
struct Narrow {
    inner: MemoryStore,
    width: AtomicUsize,
    under_way: AtomicUsize,
    /// The most that were under way at once.
    seen: AtomicUsize,
    declined: AtomicUsize,
}

impl Narrow {
    fn new() -> Narrow {
        let zero = || AtomicUsize::new(0);
        Narrow {
            inner: MemoryStore::new(),
            width: AtomicUsize::new(usize::MAX),
            under_way: zero(),
            seen: zero(),
            declined: zero(),
        }
    }
}

impl Store for Narrow {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(async move {
            let others = self.under_way.fetch_add(1, Ordering::SeqCst);
            self.seen.fetch_max(others + 1, Ordering::SeqCst);
            // Concurrent commits happen now.
            tokio::task::yield_now().await;
            let committed = if others < self.width.load(Ordering::SeqCst) {
                self.inner.commit(writes).await
            } else {
                self.declined.fetch_add(1, Ordering::SeqCst);
                Err(StoreError::Busy)
            };
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            committed
        })
    }
}

#[test]
fn a_store_that_takes_little_at_once_is_asked_for_less() {
    run(async {
        let store = Arc::new(Narrow::new());
        let (shop, ids) = shop_over(store.clone(), 700).await;
        store.width.store(2, Ordering::SeqCst);
        assert_eq!(sweep(&shop, json!({})).await.0, 700, "whatever had to be sent again counts once");
        assert!(store.seen.load(Ordering::SeqCst) > 2, "batches go on side by side");
        assert!(store.declined.load(Ordering::SeqCst) > 0);
        for id in ids {
            let entries = shop.ledger(&id, 50).await;
            assert_eq!(entries.iter().filter(|entry| entry["kind"] == "expire").count(), 1);
        }
    });
}

#[test]
fn a_store_that_takes_nothing_is_given_up() {
    run(async {
        let store = Arc::new(Narrow::new());
        let (shop, _) = shop_over(store.clone(), 700).await;
        let before = shop.snapshot().await;
        store.width.store(0, Ordering::SeqCst);
        shop.refused("503 busy", "POST", "/expire-points", json!({})).await;
        let declined = store.declined.load(Ordering::SeqCst);
        assert!((2..=20).contains(&declined), "{declined} commits");
        assert!(before == shop.snapshot().await);
    });
}

/// Four kinds of members: one keeps a tier by growth in its period, one by its remaining growth, one loses
/// it, and one is raised by the programme's next version, and loses that tier again. More of them than one call
/// takes.
#[test]
fn a_sweep_tells_what_it_did_and_takes_so_many_at_once() {
    run(async {
        let mut program = program();
        program["tiers"][0] = json!({"id": "basic", "growth": 0, "validity": {"months": 12}, "on_lapse": {"mode": "deduct", "growth": 0}});
        let shop = Shop::open(&program, START).await;
        let kinds: [(usize, &[&str]); 4] =
            [(500, &["600", "450"]), (400, &["900"]), (550, &["600"]), (650, &["450"])];
        let mut granted = 0;
        for (count, amounts) in kinds {
            for _ in 0..count {
                let member = shop.somebody().await;
                for amount in amounts {
                    let order = format!("A-{}", shop.fresh());
                    granted += shop.earn(&member, &order, amount).await["granted"].as_u64().unwrap();
                }
            }
        }
        program["tiers"][1]["growth"] = json!(400);
        shop.ok("PUT", "/program", program).await;
        let sweep_all = async |path: &str| {
            let (mut sums, mut calls) = ([0; 5], 0);
            loop {
                let swept = shop.ok("POST", path, json!({})).await;
                calls += 1;
                let fields = ["members", "points_expired", "renewed", "upgraded", "downgraded"];
                let told = fields.map(|field| swept[field].as_u64().unwrap());
                assert!(told[0] <= 2_000, "{swept}");
                sums.iter_mut().zip(told).for_each(|(sum, told)| *sum += told);
                if swept["done"] == true {
                    return (sums, calls);
                }
            }
        };
        shop.at("2027-03-03T00:00:00+08:00");
        let (told, calls) = sweep_all("/evaluate-tier").await;
        assert!(calls > 1);
        assert_eq!(told, [2_100, 0, 900, 650, 550 + 650]);
        shop.at("2028-01-01T00:00:00+08:00");
        assert_eq!(sweep_all("/expire-points").await.0, [2_100, granted, 0, 0, 0]);
        assert_eq!(sweep_all("/expire-points").await.0, [0; 5]);
    });
}

/// A member that changes under a sweep is settled alone, to the end.
#[test]
fn a_member_on_whom_much_is_due_is_settled_whole_after_a_lost_race() {
    run(async {
        let store = Arc::new(Failing::new());
        let shop = Shop::over(store.clone(), &program(), START).await;
        let member = shop.somebody().await;
        for number in 0..250 {
            let day = format!("2027-{:02}-{:02}T00:00:00Z", 1 + number / 28, 1 + number % 28);
            let lot = json!({"member_id": member, "brand": "acme", "points": 1, "reason": "r", "adjustment_id": format!("d-{number}"), "expires_at": day});
            shop.ok("POST", "/adjust", lot).await;
        }
        shop.at("2028-01-01T00:00:00+08:00");
        store.fails_with(Trouble::LateOnce);
        let swept = shop.ok("POST", "/expire-points", json!({})).await;
        assert_eq!((&swept["done"], &swept["points_expired"]), (&json!(true), &json!(250)), "{swept}");
        assert_eq!(sweep(&shop, json!({})).await, (0, 0), "nothing is left");
    });
}

// --- What is forgotten ---

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// How many records of that kind there are.
async fn count(shop: &Shop, kind: engine::store::Kind) -> usize {
    shop.snapshot().await.iter().filter(|(key, _)| key.kind() == kind).count()
}

/// Requests with a key each: the first ones register, whose answers hold personal data.
async fn requests(shop: &Shop, number: usize) {
    for request in 0..number {
        let name =
            json!({"kind": "external", "channel": "tests", "value": format!("asked {}", request % 40)});
        let (path, body) = match request {
            0..40 => ("/register", json!({"brand": "acme", "identities": [name]})),
            _ => (
                "/earn-points",
                json!({"identity": name, "brand": "acme", "order_id": request.to_string(), "amount": "1"}),
            ),
        };
        let reply = shop.call_with("POST", path, &body, Some(&format!("key-{request}"))).await;
        assert!(reply.status < 300, "{}", reply.body);
    }
}

fn day(shop: &Shop, number: i64) {
    shop.api.clock.forward(Instant::parse(START).unwrap().plus_millis(number * DAY)).unwrap();
}

#[test]
fn a_key_is_forgotten_between_31_and_60_days_later() {
    run(async {
        let shop = Shop::usual().await;
        requests(&shop, 300).await;
        assert_eq!((count(&shop, kind::REQUEST).await, count(&shop, kind::ANSWER).await), (300, 40));
        let mut left = 300;
        for number in 1..=60 {
            day(&shop, number);
            shop.ok("POST", "/expire-points", json!({})).await;
            let now = count(&shop, kind::REQUEST).await;
            // A twenty-ninth each day, as chance spreads them.
            assert!(number >= 31 || now == 300, "day {number}: {now} are left");
            assert!(left - now <= 40, "day {number}: {left} before, {now} after");
            left = now;
        }
        assert_eq!((left, count(&shop, kind::ANSWER).await), (0, 0));
        // The key stands for something new; the order is known by its natural key.
        requests(&shop, 1).await;
    });
}

#[test]
fn a_day_is_looked_through_once() {
    run(async {
        let shop = Shop::usual().await;
        requests(&shop, 60).await;
        day(&shop, 40);
        shop.ok("POST", "/expire-points", json!({})).await;
        let before = shop.snapshot().await;
        for path in ["/expire-points", "/evaluate-tier"] {
            shop.ok("POST", path, json!({})).await;
        }
        assert!(before == shop.snapshot().await);
    });
}

#[test]
fn however_long_nobody_swept_all_is_forgotten_in_bounded_steps() {
    run(async {
        let shop = Shop::usual().await;
        shop.ok("POST", "/expire-points", json!({})).await;
        requests(&shop, 2_500).await;
        day(&shop, 20_000);
        let mut left = 2_500;
        for step in 0.. {
            let reply = shop.ok("POST", "/expire-points", json!({})).await;
            let now = count(&shop, kind::REQUEST).await;
            assert!(left - now <= 2_000, "{} at once", left - now);
            left = now;
            assert_eq!(reply["done"], left == 0, "step {step}");
            if left == 0 {
                break;
            }
            assert!(step < 5);
        }
        assert_eq!(count(&shop, kind::ANSWER).await, 0);
    });
}

/// What a read and a commit are assumed to take in docs/AWS.md.
const READ: Duration = Duration::from_millis(5);
const COMMIT: Duration = Duration::from_millis(30);

/// A store that becomes distant on demand.
struct Far {
    inner: MemoryStore,
    is_far: AtomicBool,
}

impl Far {
    async fn travel(&self, takes: Duration) {
        if self.is_far.load(Ordering::SeqCst) {
            tokio::time::sleep(takes).await;
        }
    }
}

impl Store for Far {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            self.travel(READ).await;
            self.inner.get(keys).await
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move {
            self.travel(READ).await;
            self.inner.scan(range, limit).await
        })
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(async move {
            self.travel(COMMIT).await;
            self.inner.commit(writes).await
        })
    }
}

/// How many members a run settles in a second of waiting alone. The time is tokio's own, which only waits
/// advance: nothing sleeps, and every run has the same result.
#[test]
fn a_run_waits_little_for_each_member() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let store = Arc::new(Far { inner: MemoryStore::new(), is_far: false.into() });
        let (shop, ids) = shop_over(store.clone(), 4_000).await;
        store.is_far.store(true, Ordering::SeqCst);
        let (began, mut settled) = (tokio::time::Instant::now(), 0);
        while settled < 4_000 {
            settled += sweep(&shop, json!({})).await.0;
        }
        let pace = 4_000 * 1_000 / began.elapsed().as_millis();
        println!("read {READ:?}, commit {COMMIT:?}: {pace} members a second");
        assert!(pace >= 2_000, "{pace} members a second");
        assert_eq!(ids.len(), 4_000);
    });
}
