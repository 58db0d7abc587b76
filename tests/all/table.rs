//! The same engine over a table of DynamoDB: the real DynamoDB Local, which `scripts/dynamodb-local` fetches.
//! Without it these are skipped and say so.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use engine::{
    Books,
    memory::MemoryStore,
    store::{Key, Page, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::json;
use store_dynamodb::local::Local;

use crate::{
    histories::{Pair, chance, instant_text, on_seeds, plan, run},
    settlement::laurel,
    settlement_close::settled_in_pieces,
    support::{START, Shop, program},
};

/// Steps of a history: DynamoDB Local takes milliseconds for each.
const LENGTH: usize = 120;

#[test]
fn a_table_gives_the_models_answers() {
    let Some(local) = Local::shared() else { return };
    on_seeds(2, |seed| {
        let plan = plan(seed, LENGTH);
        run(async {
            let store = Arc::new(local.store().await.expect("a table"));
            let shop = Shop::over(store, &plan.program, &instant_text(plan.start_ms)).await;
            let mut pair = Pair::new(&plan, shop);
            for planned in &plan.steps {
                pair.step(planned).await.map_err(|what| format!("step {}: {what}", planned.number))?;
            }
            pair.driver.audit(&plan.program).await
        })
    });
}

/// A store that breaks off after that many commits, as a function does at its time limit.
pub(crate) struct CutOff {
    inner: Arc<dyn Store>,
    commits_left: AtomicU64,
}

impl CutOff {
    /// A store that does not break off yet.
    pub(crate) fn of(inner: Arc<dyn Store>) -> Arc<CutOff> {
        Arc::new(CutOff { inner, commits_left: AtomicU64::new(u64::MAX) })
    }

    pub(crate) fn allow(&self, commits: u64) {
        self.commits_left.store(commits, Ordering::SeqCst);
    }
}

impl Store for CutOff {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
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
        let left =
            self.commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => self.inner.commit(writes),
            Err(_) => Box::pin(async { Err(StoreError::Busy) }),
        }
    }
}

/// Sweeps so many members on whom points expire, cut off at random points, and continues until nothing is
/// left: everybody's points expire once, and the books are in order.
async fn sweep_in_pieces(store: Arc<dyn Store>, members: usize) {
    let cut = CutOff::of(store);
    let shop = Shop::over(cut.clone(), &program(), START).await;
    let mut ids = Vec::new();
    for _ in 0..members {
        let id = shop.somebody().await;
        shop.earn(&id, &format!("order-{}", shop.fresh()), "10").await;
        ids.push(id);
    }
    shop.at("2030-01-01T00:00:00+08:00");
    let mut cuts = 0;
    for piece in 0.. {
        cut.allow(chance(7, piece, 1) % 4);
        let body = json!({"part": piece % 3, "parts": 3});
        let reply = shop.call("POST", "/expire-points", body).await;
        if reply.status == 503 {
            cuts += 1;
        } else {
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        cut.allow(u64::MAX);
        if piece % 3 == 2 {
            let left = shop.call("POST", "/expire-points", json!({"dry_run": true})).await;
            assert_eq!(left.status, 422, "a sweep has no dry run: {}", left.body);
            let mut due = 0;
            for id in &ids {
                let entries = shop.ledger(id, 50).await;
                due += usize::from(entries.iter().any(|entry| entry["recorded_at"].is_null()));
            }
            if due == 0 {
                break;
            }
        }
        assert!(piece < 1_000, "it does not come to an end");
    }
    assert!(cuts > 0, "no sweep was cut off");
    let mut books = Books::default();
    let mut from = None;
    loop {
        let (page, next) = shop.api.engine.records().member_ids(from, 50).await.unwrap();
        for id in page {
            let found = shop.api.engine.ledger().audit_member(id).await.unwrap();
            assert_eq!(found.differences, Vec::<String>::new());
            assert_eq!(found.kinds.get("expire"), Some(&1));
            books.note(id, &found);
        }
        from = next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(shop.api.engine.ledger().strays(&books).await.unwrap(), engine::Strays::default());
}

#[test]
fn a_sweep_that_is_cut_off_goes_on() {
    run(sweep_in_pieces(Arc::new(MemoryStore::new()), 120));
}

/// A month over a table: settled in pieces, the same as over the embedded store, and recomputed.
#[test]
fn a_table_is_settled_and_recomputed() {
    let Some(local) = Local::shared() else { return };
    run(async {
        let embedded = settled_in_pieces(Arc::new(MemoryStore::new()), 40, &[u64::MAX]).await;
        let mut options = store_dynamodb::Options::new("settled");
        options.endpoint = Some(local.endpoint());
        options.attempt_timeout = std::time::Duration::from_secs(20);
        let store = store_dynamodb::DynamoStore::connect(options).unwrap();
        store.create_table().await.unwrap();
        let table = settled_in_pieces(Arc::new(store), 40, &[3, 1, 2]).await;
        assert_eq!(table, embedded);
    });
    let folder = tempfile::tempdir().unwrap();
    let words =
        format!("audit --settlement 2026-11 --data keys --table settled --endpoint {}", local.endpoint());
    let (code, said) = laurel(folder.path(), &words);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_sweep_of_a_table_that_is_cut_off_goes_on() {
    let Some(local) = Local::shared() else { return };
    run(async { sweep_in_pieces(Arc::new(local.store().await.expect("a table")), 60).await });
}

#[test]
fn links_over_a_table() {
    let Some(local) = Local::shared() else { return };
    run(async { crate::links::life(Arc::new(local.store().await.expect("a table"))).await });
}

#[test]
fn cards_over_a_table() {
    let Some(local) = Local::shared() else { return };
    run(async { crate::cards::life(Arc::new(local.store().await.expect("a table"))).await });
}
