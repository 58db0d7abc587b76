//! The engine, through its real edge, compared with the reference model on generated histories: every answer,
//! every write sent twice, every ledger, and an audit at the end.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use engine::{
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use store_redb::{Options, RedbStore};

use crate::{
    histories::{Pair, Plan, Planned, Verdict, chance, instant_text, on_seeds, plan, run},
    support::Shop,
};

/// Steps of a history.
const LENGTH: usize = 250;

async fn shop(plan: &Plan, store: Arc<dyn Store>, now_ms: i64) -> Shop {
    Shop::over(store, &plan.program, &instant_text(now_ms)).await
}

/// Runs the steps on a store in memory; an error names the step.
fn check(plan: &Plan, steps: &[Planned]) -> Result<(), (usize, String)> {
    run(async {
        let mut pair = Pair::new(plan, shop(plan, Arc::new(MemoryStore::new()), plan.start_ms).await);
        for (index, planned) in steps.iter().enumerate() {
            pair.step(planned).await.map_err(|what| (index, what))?;
        }
        pair.driver.audit(&plan.program).await.map_err(|what| (steps.len().saturating_sub(1), what))
    })
}

/// The shortest prefix that fails, without the steps that it fails without.
fn shrunk(plan: &Plan, last: usize) -> Vec<Planned> {
    let mut steps = plan.steps[..=last].to_vec();
    let mut chunk = steps.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + chunk).min(steps.len()));
            let fails = check(plan, &fewer).err();
            if fails.is_some_and(|(index, _)| index + 1 == fewer.len()) {
                steps = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    steps
}

fn report(plan: &Plan, (failed, first): (usize, String)) -> String {
    let steps = shrunk(plan, failed);
    let mut text = format!("step {failed}: {first}\nunder {}\nit fails so, shrunk:\n", plan.program);
    for planned in &steps {
        let (step, body) = (&planned.step, planned.step.body.as_ref());
        let body = body.map_or(String::new(), ToString::to_string);
        let key = planned.key.as_deref().unwrap_or("no key");
        text += &format!(
            "  {} {} {} {} {body} ({key})\n",
            planned.number,
            instant_text(step.now_ms),
            step.method,
            step.path
        );
    }
    if let Err((_, what)) = check(plan, &steps) {
        text += &format!("with {what}\n");
    }
    text
}

#[test]
fn every_answer_is_the_models() {
    on_seeds(60, |seed| {
        let plan = plan(seed, LENGTH);
        check(&plan, &plan.steps).map_err(|failure| report(&plan, failure))
    });
}

/// A store that sometimes fails, in each way that the port allows.
struct Unreliable {
    inner: MemoryStore,
    seed: u64,
    commits: AtomicU64,
}

impl Store for Unreliable {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        let unwell = || Arc::new(std::io::Error::other("on purpose"));
        Box::pin(async move {
            // The first commits put the programme and the first key in place.
            match chance(self.seed, number as usize, 7) % 12 {
                _ if number < 4 => self.inner.commit(writes).await,
                0 => Err(StoreError::LostRace),
                1 => Err(StoreError::Busy),
                2 => Err(StoreError::Unavailable(unwell())),
                3 => Err(StoreError::Unknown(unwell())),
                4 => match self.inner.commit(writes).await {
                    Ok(_) => Err(StoreError::Unknown(unwell())),
                    refused => refused,
                },
                _ => self.inner.commit(writes).await,
            }
        })
    }
}

#[test]
fn a_store_that_fails_now_and_then_changes_no_answer() {
    on_seeds(20, |seed| {
        let mut plan = plan(seed, LENGTH);
        // A new version is refused where a store says that somebody was quicker, and is not tried again.
        // A badge is taken back without a key: tried again after a doubt, there is none to take.
        plan.steps.retain(|planned| !["PUT", "DELETE"].contains(&planned.step.method));
        // A request that may need a retry has a key.
        for planned in plan.steps.iter_mut().filter(|planned| planned.step.method == "POST") {
            planned.key = Some(format!("key-{}", planned.number));
        }
        let commits = AtomicU64::new(0);
        let store = Unreliable { inner: MemoryStore::new(), seed, commits };
        run(async {
            let mut pair = Pair::new(&plan, shop(&plan, Arc::new(store), plan.start_ms).await);
            pair.driver.patience = 30;
            for planned in &plan.steps {
                pair.step(planned).await.map_err(|what| format!("step {}: {what}", planned.number))?;
            }
            pair.driver.audit(&plan.program).await
        })
    });
}

fn embedded(folder: &Path) -> Arc<RedbStore> {
    let mut options = Options::default();
    options.segment_bytes = 64 * 1024;
    Arc::new(RedbStore::open(folder, options).expect("the store opens"))
}

#[test]
fn the_embedded_store_gives_the_same_answers_and_may_be_opened_anew_at_any_step() {
    on_seeds(3, |seed| -> Verdict {
        let mut plan = plan(seed, LENGTH);
        // Whoever opens the store anew saves its programme.
        plan.steps.retain(|planned| planned.step.method != "PUT");
        let folder = tempfile::tempdir().expect("a folder");
        run(async {
            let mut pair = Pair::new(&plan, shop(&plan, embedded(folder.path()), plan.start_ms).await);
            for planned in &plan.steps {
                if chance(seed, planned.number, 3).is_multiple_of(25) {
                    let nothing = shop(&plan, Arc::new(MemoryStore::new()), planned.step.now_ms).await;
                    drop(std::mem::replace(&mut pair.driver.shop, nothing));
                    pair.driver.shop = shop(&plan, embedded(folder.path()), planned.step.now_ms).await;
                }
                pair.step(planned).await.map_err(|what| format!("step {}: {what}", planned.number))?;
            }
            pair.driver.audit(&plan.program).await
        })
    });
}
