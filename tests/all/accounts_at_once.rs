//! Brands' accounts under concurrent requests, on every store: a limit, a block and a credit let exactly the
//! right amount through, over several instances, and over stores that lose races, lose answers, and break off
//! anywhere.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use engine::{
    Books, Strays, keys,
    memory::MemoryStore,
    store::{Key, Page, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};

use crate::{
    accounts::{club, order, spend},
    histories::{chance, run},
    support::{Reply, START, Shop},
};

/// A brand's bounds, each with room for 10 points, and how a request too many is refused.
fn tight() -> [(&'static str, Value, &'static str); 3] {
    let prepaid = json!({"funding": {"mode": "prepaid"}});
    let credit = json!({"issue_price": "0.1", "funding": {"mode": "postpaid", "credit": "1.00"}});
    [
        ("limit", json!({"limits": [{"per": "day", "issue": 10}]}), "409 brand_limit"),
        ("block", prepaid, "409 block_exhausted"),
        ("credit", credit, "409 credit_exhausted"),
    ]
}

/// Sends all at once, in turn to each instance. Tries again when told to.
async fn all_at_once(shops: &[Arc<Shop>], calls: Vec<(&'static str, Value)>) -> Vec<Reply> {
    let start = Arc::new(tokio::sync::Barrier::new(calls.len()));
    let calls = calls.into_iter().enumerate().map(|(number, (path, body))| {
        let (shop, start) = (shops[number % shops.len()].clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            patiently(&shop, path, &body).await
        })
    });
    let mut replies = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        replies.push(call.await.unwrap());
    }
    replies
}

async fn patiently(shop: &Shop, path: &str, body: &Value) -> Reply {
    for _ in 0..1_000 {
        let reply = shop.call("POST", path, body.clone()).await;
        if reply.status != 503 {
            return reply;
        }
    }
    panic!("{path} {body} never came to an end");
}

fn count(replies: &[Reply], verdict: &str) -> usize {
    replies.iter().filter(|reply| reply.verdict() == verdict).count()
}

/// Instances over one store, each with turns of its own.
async fn instances(store: &Arc<dyn Store>, says: &Value, how_many: usize) -> Vec<Arc<Shop>> {
    let mut shops = Vec::new();
    for _ in 0..how_many {
        shops.push(Arc::new(Shop::over(store.clone(), &club(says), START).await));
    }
    shops
}

async fn buy(shop: &Shop, points: u64) {
    let body = json!({"points": points, "price": "1", "reference": format!("PO-{}", shop.fresh())});
    shop.ok("POST", "/partners/acme/blocks", body).await;
}

/// Whether all books agree.
async fn audit(shop: &Shop) {
    let mut books = Books::default();
    for id in shop.api.engine.records().member_ids(None, 10_000).await.unwrap().0 {
        let found = shop.api.engine.ledger().audit_member(id).await.unwrap();
        assert_eq!(found.differences, Vec::<String>::new());
        books.note(id, &found);
    }
    assert_eq!(shop.api.engine.ledger().strays(&books).await.unwrap(), Strays::default());
}

/// A limit that comes, goes and comes again within its month: what was issued without it was not counted.
#[test]
fn the_audit_knows_when_a_limit_counted() {
    run(async {
        let limit = |per: &str| club(&json!({"limits": [{"per": per, "issue": 1_000}]}));
        let versions = [limit("month"), club(&json!({})), limit("member_day"), limit("month"), limit("day")];
        let shop = Shop::open(&versions[0], START).await;
        let member = shop.somebody().await;
        for (number, version) in versions.into_iter().enumerate() {
            shop.ok("PUT", "/program", version).await;
            audit(&shop).await;
            shop.ok("POST", "/earn-points", order(&member, &format!("A-{number}"), 10)).await;
            audit(&shop).await;
        }
    });
}

/// 64 requests want a point each, with room for 10: 10 get it, and nothing is left.
async fn ten_of_64(store: Arc<dyn Store>, says: &Value, refusal: &str, how_many: usize) {
    let shops = instances(&store, says, how_many).await;
    if says["funding"]["mode"] == "prepaid" {
        buy(&shops[0], 10).await;
    }
    let mut calls = Vec::new();
    for number in 0..64 {
        let member = shops[0].member(&format!("member {number}")).await;
        calls.push(("/earn-points", order(&member, &format!("A-{number}"), 1)));
    }
    let replies = all_at_once(&shops, calls).await;
    assert_eq!((count(&replies, "200"), count(&replies, refusal)), (10, 54), "{how_many} instances");
    audit(&shops[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_ten_get_through_in_memory() {
    for (_, says, refusal) in tight() {
        for how_many in [1, 4] {
            ten_of_64(Arc::new(MemoryStore::new()), &says, refusal, how_many).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_ten_get_through_on_the_embedded_store() {
    for (_, says, refusal) in tight() {
        let folder = tempfile::tempdir().unwrap();
        let store = RedbStore::open(folder.path(), Options::default()).unwrap();
        ten_of_64(Arc::new(store), &says, refusal, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_ten_get_through_on_a_table() {
    let Some(local) = Local::shared() else { return };
    for (name, says, refusal) in tight() {
        let how_many = if name == "limit" { 4 } else { 2 };
        ten_of_64(Arc::new(local.store().await.expect("a table")), &says, refusal, how_many).await;
    }
}

/// What goes wrong with a store's commits, at random.
struct Rough {
    inner: Arc<dyn Store>,
    seed: u64,
    commits: AtomicU64,
    /// How many of a hundred commits a fault strikes.
    often: AtomicU64,
}

impl Rough {
    fn new(inner: Arc<dyn Store>, seed: u64) -> Arc<Rough> {
        Arc::new(Rough { inner, seed, commits: AtomicU64::new(0), often: AtomicU64::new(0) })
    }
}

impl Store for Rough {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async {
            // Others come in between.
            tokio::task::yield_now().await;
            self.inner.get(keys).await
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn walk(
        &self,
        kind: Option<engine::store::Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        self.inner.walk(kind, from, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        let roll = chance(self.seed, usize::try_from(number).unwrap(), 3);
        let cause = || Arc::new(std::io::Error::other("a fault of the test"));
        Box::pin(async move {
            tokio::task::yield_now().await;
            if roll % 100 >= self.often.load(Ordering::SeqCst) {
                return self.inner.commit(writes).await;
            }
            match roll / 100 % 5 {
                0 => Err(StoreError::LostRace),
                1 => Err(StoreError::Busy),
                2 => Err(StoreError::Unavailable(cause())),
                3 => Err(StoreError::Unknown(cause())),
                _ => {
                    self.inner.commit(writes).await?;
                    Err(StoreError::Unknown(cause()))
                }
            }
        })
    }
}

/// One member's requests, and their answers.
async fn errands(shop: Arc<Shop>, member: String, seed: u64, length: usize) -> (u64, u64, u64) {
    let (mut issued, mut honoured, mut back) = (0, 0, 0);
    let mut orders: Vec<String> = Vec::new();
    for number in 0..length {
        let roll = chance(seed, number, 1);
        let id = format!("{member}-{number}").split_off(20);
        let points = 1 + roll / 8 % if roll.is_multiple_of(3) { 60 } else { 6 };
        match roll % 8 {
            0..5 => {
                let reply = patiently(&shop, "/earn-points", &order(&member, &id, points)).await;
                if reply.status == 200 {
                    issued += points;
                    orders.push(id);
                } else {
                    assert!(
                        reply.code() == "brand_limit" || reply.code() == "block_exhausted",
                        "{}",
                        reply.body
                    );
                }
            }
            5 => {
                let reply = patiently(&shop, "/redeem", &spend(&member, &id, points)).await;
                honoured += if reply.status == 200 { points } else { 0 };
            }
            _ if orders.is_empty() => {}
            _ => {
                let chosen = &orders[usize::try_from(roll / 8).unwrap() % orders.len()];
                let ask = if roll.is_multiple_of(2) { json!("all") } else { json!({"amount": "1"}) };
                let body = json!({"brand": "acme", "order_id": chosen, "refund": ask, "refund_id": id});
                let reply = patiently(&shop, "/reverse", &body).await;
                back += if reply.status == 200 { reply.body["taken"].as_u64().unwrap() } else { 0 };
            }
        }
    }
    (issued, honoured, back)
}

/// Eight members at once, over several instances: the sums are never exceeded, and nothing is lost.
async fn storm(store: Arc<dyn Store>, how_many: usize, often: u64, seed: u64, length: usize) {
    let rough = Rough::new(store, seed);
    // The requests add up to several times as much.
    let room = length as u64 * 15 / 2;
    let says = json!({
        "limits": [{"per": "day", "issue": 2 * room}, {"per": "month", "issue": 2 * room, "redeem": room / 8}],
        "funding": {"mode": "prepaid"},
    });
    let store: Arc<dyn Store> = rough.clone();
    let shops = instances(&store, &says, how_many).await;
    for _ in 0..3 {
        buy(&shops[0], room / 3).await;
    }
    let mut running = Vec::new();
    let mut members = Vec::new();
    for number in 0..8 {
        members.push(shops[0].member(&format!("member {number}")).await);
    }
    rough.often.store(often, Ordering::SeqCst);
    for (number, member) in members.into_iter().enumerate() {
        let shop = shops[number % shops.len()].clone();
        running.push(tokio::spawn(errands(shop, member, seed * 100 + number as u64, length)));
    }
    let (mut issued, mut honoured, mut back) = (0, 0, 0);
    for one in running {
        let told = one.await.unwrap();
        (issued, honoured, back) = (issued + told.0, honoured + told.1, back + told.2);
    }
    rough.often.store(0, Ordering::SeqCst);
    let found = shops[0].ok("GET", "/partners/acme", Value::Null).await;
    let left: u64 =
        found["blocks"].as_array().unwrap().iter().map(|block| block["left"].as_u64().unwrap()).sum();
    assert_eq!(left + issued - back, room, "{found}");
    assert_eq!(found["limits"][0]["issue"]["used"], issued);
    assert_eq!(found["limits"][1]["issue"]["used"], issued);
    assert_eq!(found["limits"][1]["redeem"]["used"], honoured);
    assert!(issued > room && honoured <= room / 8 && issued <= 2 * room, "{issued} {honoured}");
    audit(&shops[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_passes_nothing_and_loses_nothing() {
    for seed in 1..=3 {
        storm(Arc::new(MemoryStore::new()), 1, 0, seed, 400).await;
        storm(Arc::new(MemoryStore::new()), 3, 0, seed + 10, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_over_a_rough_store_passes_nothing_and_loses_nothing() {
    for seed in 1..=4 {
        storm(Arc::new(MemoryStore::new()), 3, 20, seed + 20, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_over_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path(), Options::default()).unwrap();
    storm(Arc::new(store), 1, 5, 5, 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_over_a_table() {
    let Some(local) = Local::shared() else { return };
    storm(Arc::new(local.store().await.expect("a table")), 2, 5, 6, 60).await;
}

/// A store that breaks off after so many commits.
struct CutOff {
    inner: Arc<MemoryStore>,
    left: AtomicU64,
}

impl Store for CutOff {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => self.inner.commit(writes),
            Err(_) => Box::pin(async { Err(StoreError::Busy) }),
        }
    }
}

/// All shards hold something, and a request takes it all: broken off after every possible number of commits,
/// and continued.
#[test]
fn a_gathering_that_breaks_off_anywhere_goes_on() {
    run(async {
        let limit = json!({"limits": [{"per": "day", "issue": 100_000}]});
        for commits in 0.. {
            let store =
                Arc::new(CutOff { inner: Arc::new(MemoryStore::new()), left: AtomicU64::new(u64::MAX) });
            let shop = Shop::over(store.clone(), &club(&limit), START).await;
            let mut members = Vec::new();
            for number in 0..60 {
                let member = shop.somebody().await;
                shop.ok("POST", "/earn-points", order(&member, &format!("A-{number}"), 10)).await;
                members.push(member);
            }
            let holding = shop.snapshot().await;
            let holding = holding.iter().filter(|(key, _)| key.kind() == keys::kind::ACCOUNT).count() - 1;
            assert!(holding > 20, "only {holding} shards hold anything");
            store.left.store(commits, Ordering::SeqCst);
            let all = order(&members[0], "all", 99_400);
            let reply = shop.call("POST", "/earn-points", all.clone()).await;
            store.left.store(u64::MAX, Ordering::SeqCst);
            let found = shop.ok("GET", "/partners/acme", Value::Null).await["limits"][0]["issue"].clone();
            let used = if reply.status == 200 { 100_000 } else { 600 };
            assert_eq!(found["used"], used, "after {commits} commits");
            // Another instance continues where it broke off.
            let one = shop.call("POST", "/earn-points", order(&members[1], "one", 1)).await;
            let want = if reply.status == 200 { "409 brand_limit" } else { "200" };
            assert_eq!(one.verdict(), want, "after {commits} commits");
            let rest = order(&members[2], "rest", 99_399);
            let want = if reply.status == 200 { "409 brand_limit" } else { "200" };
            assert_eq!(shop.call("POST", "/earn-points", rest).await.verdict(), want);
            audit(&shop).await;
            if reply.status == 200 {
                assert!(commits > 20, "it took {commits} commits");
                break;
            }
        }
    });
}

/// An instance that does not know a new version of the programme learns of it from the account.
#[test]
fn an_instance_that_is_behind_hears_of_a_new_version() {
    run(async {
        let limit = |issue: u64| club(&json!({"limits": [{"per": "day", "issue": issue}]}));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let shops = [
            Shop::over(store.clone(), &limit(1_000), START).await,
            Shop::over(store, &limit(1_000), START).await,
        ];
        let (li, han) = (shops[0].member("li").await, shops[0].member("han").await);
        shops[0].ok("POST", "/earn-points", order(&li, "A-1", 2)).await;
        shops[1].ok("POST", "/earn-points", order(&han, "A-2", 2)).await;
        shops[0].ok("PUT", "/program", limit(10)).await;
        shops[0].ok("POST", "/earn-points", order(&li, "A-3", 5)).await;
        // The second still uses the first version, until the account says otherwise.
        let no = shops[1].refused("409 brand_limit", "POST", "/earn-points", order(&han, "A-4", 2)).await;
        assert_eq!((&no.body["left"], &no.body["limit"]["issue"]), (&json!(1), &json!(10)));
        audit(&shops[0]).await;
    });
}
