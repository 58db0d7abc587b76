//! A member and its order are read one after the other, and somebody may change both in between.

use std::sync::{Arc, Mutex};

use engine::{
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{START, Shop, program};

/// What becomes of reads of the order.
enum Read {
    /// It is read as it is.
    Plainly,
    /// Two wait for each other, each with what it has read.
    Together(Arc<Barrier>),
    /// It is always what it was.
    Stuck(Option<Record>),
}

/// A store in memory that knows whose reads to disturb.
struct Torn {
    inner: MemoryStore,
    order: Key,
    read: Mutex<Read>,
}

impl Torn {
    fn new() -> Torn {
        let order = engine::keys::order(&"acme".parse().unwrap(), &"A-1".parse().unwrap());
        Torn { inner: MemoryStore::new(), order, read: Mutex::new(Read::Plainly) }
    }

    fn reads(&self, read: Read) {
        *self.read.lock().unwrap() = read;
    }
}

impl Store for Torn {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            let mut found = self.inner.get(keys).await?;
            let Some(at) = keys.iter().position(|key| *key == self.order) else { return Ok(found) };
            let meet = match &*self.read.lock().unwrap() {
                Read::Plainly => None,
                Read::Together(barrier) => Some(barrier.clone()),
                Read::Stuck(record) => {
                    found[at].clone_from(record);
                    None
                }
            };
            if let Some(meet) = meet
                && meet.wait().await.is_leader()
            {
                self.reads(Read::Plainly);
            }
            Ok(found)
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.inner.commit(writes)
    }
}

/// A member with one order, and what is asked to refund all of it.
async fn ordered() -> (Arc<Torn>, Shop, Value) {
    let store = Arc::new(Torn::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    (store, shop, json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "100"}}))
}

/// Who reads the order, then waits for the other's refund, and then reads a member without that order, has lost a race.
#[tokio::test]
async fn a_refund_in_between_is_a_lost_race() {
    let (store, shop, refund) = ordered().await;
    store.reads(Read::Together(Arc::new(Barrier::new(2))));
    let (one, other) = tokio::join!(
        shop.call("POST", "/reverse", refund.clone()),
        shop.call("POST", "/reverse", refund.clone())
    );
    let mut verdicts = [one.verdict(), other.verdict()];
    verdicts.sort();
    assert_eq!(verdicts, ["200", "409 over_refund"]);
}

/// Where nobody has changed anything in between, what is stored is damaged: nothing is decided of it.
#[tokio::test]
async fn what_does_not_belong_together_ends_the_request() {
    let (store, shop, refund) = ordered().await;
    let before = store.inner.get(std::slice::from_ref(&store.order)).await.unwrap().remove(0);
    assert_eq!(shop.call("POST", "/reverse", refund.clone()).await.verdict(), "200");
    let written = shop.snapshot().await;
    store.reads(Read::Stuck(before));
    assert_eq!(shop.call("POST", "/reverse", refund.clone()).await.verdict(), "500 internal");
    assert_eq!(shop.snapshot().await, written, "something was written");
}
