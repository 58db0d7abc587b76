//! Unknown outcomes, one by one: what was done, and what others did in between.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use engine::store::{Change, Expect, Instant, Store, Version, Write};
use store_dynamodb::{
    DynamoStore,
    faults::{Call, Fault, Faults},
    local::Local,
};

use crate::{delete, key, put, read, text, word};

/// Strikes the first write, and only it.
fn first_write(fault: Fault) -> impl FnMut(&Call) -> Option<Fault> + Send + 'static {
    let struck = AtomicBool::new(false);
    move |call| (call.writes() && !struck.swap(true, Ordering::Relaxed)).then_some(fault)
}

/// A new table with `mold` in it, a store whose first write meets that fault, and one beside it.
async fn scene(
    local: &Local,
    fault: Fault,
    tokens_forgotten: bool,
) -> (DynamoStore, DynamoStore, Faults, Version) {
    let options = local.options();
    let beside = DynamoStore::connect(options.clone()).unwrap();
    beside.create_table().await.unwrap();
    let version = beside.commit(vec![put("mold", Expect::Absent, "before")]).await.unwrap();
    let faults = Faults::new();
    if tokens_forgotten {
        faults.forget_tokens();
    }
    faults.plan(first_write(fault));
    (faults.connect(options).unwrap(), beside, faults, version)
}

/// A kind of commit: its name, and its writes when `mold` has that version.
type Shape = (&'static str, fn(Version) -> Vec<Write>);

const SHAPES: [Shape; 8] = [
    ("a put of that version", |old| vec![put("mold", Expect::Version(old), "mine")]),
    ("a put of what is absent", |_| vec![put("mnew", Expect::Absent, "mine")]),
    ("a put whatever is there", |_| vec![put("mold", Expect::Anything, "mine")]),
    ("a delete of that version", |old| vec![delete("mold", Expect::Version(old))]),
    ("a delete whatever is there", |_| vec![delete("mold", Expect::Anything)]),
    ("both", |old| vec![put("mold", Expect::Version(old), "mine"), put("mnew", Expect::Absent, "mine")]),
    ("both whatever is there", |_| {
        vec![put("mold", Expect::Anything, "mine"), put("mnew", Expect::Anything, "mine")]
    }),
    ("a check and a delete", |old| {
        let check = Write { key: key("mother"), expect: Expect::Absent, change: Change::Nothing };
        vec![check, delete("mold", Expect::Version(old))]
    }),
];

/// The answer to the first attempt is lost, nobody else writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_told_as_done() {
    let Some(local) = Local::shared() else { return };
    // A deleted record does not show who deleted it, once the token is forgotten.
    let undecidable = [
        ("a delete of that version", false),
        ("a delete of that version", true),
        ("a check and a delete", true),
    ];
    for fault in [Fault::AnswerLost, Fault::DoneAndBroken] {
        for (shape, writes) in SHAPES {
            for forgotten in [false, true] {
                let (store, beside, faults, old) = scene(local, fault, forgotten).await;
                let writes = writes(old);
                let answer = store.commit(writes.clone()).await;
                let expected = if undecidable.contains(&(shape, forgotten)) { "unknown" } else { "ok" };
                assert_eq!(word(&answer), expected, "{shape}, {fault:?}, {forgotten}: {answer:?}");
                assert!(faults.counts().0 > 1 && faults.counts().1 == 1);
                for write in writes {
                    let found = read(&beside, write.key.as_bytes()).await;
                    let value = found.as_ref().map(|found| found.value.clone());
                    match write.change {
                        Change::Put(mine) => assert_eq!(value, Some(mine), "{shape}"),
                        Change::Delete | Change::Nothing => assert_eq!(value, None, "{shape}"),
                    }
                    if let (Ok(version), Some(found)) = (&answer, found) {
                        assert_eq!(found.version, *version, "{shape}");
                    }
                }
            }
        }
    }
}

/// The same of a put with an end, which goes alone: the second attempt finds the first one's record and knows
/// it by its version. A record that another writer put there before is another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_with_an_end_recognises_its_own() {
    let Some(local) = Local::shared() else { return };
    let far = Instant(4_000_000_000_000);
    for fault in [Fault::AnswerLost, Fault::DoneAndBroken, Fault::TimesOut, Fault::Broken] {
        let (store, beside, faults, _) = scene(local, fault, false).await;
        let answer = store.commit_until(put("n1", Expect::Absent, "mine"), far).await;
        assert_eq!(word(&answer), "ok", "{fault:?}: {answer:?}");
        assert_eq!(faults.counts(), (2, 1), "{fault:?}");
        let found = read(&beside, b"n1").await.unwrap();
        assert_eq!((Ok(found.version), &found.value[..]), (answer.map_err(|_| ()), &b"mine"[..]));
        let again = beside.commit_until(put("n1", Expect::Absent, "other"), far).await;
        assert_eq!(word(&again), "lost race", "{fault:?}: {again:?}");

        // Another's record is there, and the answer that would say so is lost.
        let (store, beside, _, _) = scene(local, fault, false).await;
        beside.commit_until(put("n1", Expect::Absent, "other"), far).await.unwrap();
        let answer = store.commit_until(put("n1", Expect::Absent, "mine"), far).await;
        assert!(answer.is_err(), "{fault:?}");
        assert_eq!(&read(&beside, b"n1").await.unwrap().value[..], b"other");
    }
}

/// It costs one write unit: it is a put, not a transaction of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_with_an_end_goes_alone() {
    let Some(local) = Local::shared() else { return };
    let options = local.options();
    DynamoStore::connect(options.clone()).unwrap().create_table().await.unwrap();
    let faults = Faults::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = seen.clone();
    faults.plan(move |call| {
        heard.lock().unwrap().push(call.operation.clone());
        None
    });
    let store = faults.connect(options).unwrap();
    let far = Instant(4_000_000_000_000);
    let version = store.commit_until(put("n1", Expect::Absent, "mine"), far).await.unwrap();
    store.commit_until(put("n1", Expect::Version(version), "again"), far).await.unwrap();
    store.commit(vec![put("n2", Expect::Absent, "mine")]).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["PutItem", "PutItem", "TransactWriteItems"]);
}

/// The end is where DynamoDB looks for it, in seconds, and DynamoDB is set to look there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_is_one_that_dynamodb_knows() {
    let Some(local) = Local::shared() else { return };
    let store = local.store().await.unwrap();
    let put_one = put("n1", Expect::Absent, "mine");
    store.commit_until(put_one, Instant(4_000_000_000_001)).await.unwrap();
    let (client, table) = store.table();
    let items = client.scan().table_name(table).send().await.unwrap().items.unwrap_or_default();
    let ends: Vec<_> =
        items.iter().map(|item| item.get("t").and_then(|end| end.as_n().ok()).cloned()).collect();
    assert_eq!(ends, [Some("4000000001".to_owned())]);
    let told = client.describe_time_to_live().table_name(table).send().await.unwrap();
    let told = told.time_to_live_description.unwrap();
    assert_eq!(told.attribute_name(), Some("t"));
    assert_eq!(told.time_to_live_status().map(|status| status.as_str()), Some("ENABLED"));
}

/// The first attempt never arrives, nobody else writes: it is sent again and done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_arrived_is_done_by_the_next_attempt() {
    let Some(local) = Local::shared() else { return };
    for fault in [Fault::TimesOut, Fault::Broken, Fault::NoConnection, Fault::Throttled, Fault::Conflict] {
        for (shape, writes) in SHAPES {
            let (store, _, faults, old) = scene(local, fault, false).await;
            let answer = store.commit(writes(old)).await;
            assert_eq!(word(&answer), "ok", "{shape}, {fault:?}: {answer:?}");
            assert_eq!(faults.counts(), (2, 1), "{shape}, {fault:?}");
        }
    }
}

/// The first attempt was done, then another wrote; the second attempt must not undo that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_wrote_after_it_stays() {
    let Some(local) = Local::shared() else { return };
    // DynamoDB knows the token of a transaction, or `mnew`, untouched by the other, shows it; otherwise
    // nobody can know.
    let cases = [
        ("a put of that version", false, "unknown"),
        ("a put whatever is there", false, "ok"),
        ("a put whatever is there", true, "unknown"),
        ("both", false, "ok"),
        ("both", true, "ok"),
        ("both whatever is there", false, "ok"),
        ("both whatever is there", true, "ok"),
    ];
    for (name, forgotten, expected) in cases {
        let (_, writes) = SHAPES.into_iter().find(|(shape, _)| *shape == name).unwrap();
        let (store, beside, faults, old) = scene(local, Fault::AnswerLost, forgotten).await;
        let other = beside.clone();
        faults.before_silence(async move {
            let mine = read(&other, "mold").await.unwrap();
            assert_eq!(mine.value, "mine");
            other.commit(vec![put("mold", Expect::Version(mine.version), "theirs")]).await.unwrap();
        });
        let answer = store.commit(writes(old)).await;
        assert_eq!(word(&answer), expected, "{name}, {forgotten}: {answer:?}");
        assert_eq!(text(&beside, "mold").await.as_deref(), Some("theirs"), "{name}, {forgotten}");
    }
}

/// The first attempt was done, then another deleted what it had put; it must not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_deleted_after_it_stays_deleted() {
    let Some(local) = Local::shared() else { return };
    let cases = [
        ("a put of that version", "mold", "unknown"),
        ("a put of what is absent", "mnew", "ok"),
        ("a put whatever is there", "mold", "ok"),
        ("both", "mold", "ok"),
        ("both whatever is there", "mnew", "ok"),
    ];
    for (name, deleted, expected) in cases {
        let (_, writes) = SHAPES.into_iter().find(|(shape, _)| *shape == name).unwrap();
        let (store, beside, faults, old) = scene(local, Fault::AnswerLost, false).await;
        let other = beside.clone();
        faults.before_silence(async move {
            let mine = read(&other, deleted).await.unwrap();
            assert_eq!(mine.value, "mine");
            other.commit(vec![delete(deleted, Expect::Version(mine.version))]).await.unwrap();
        });
        let answer = store.commit(writes(old)).await;
        assert_eq!(word(&answer), expected, "{name}: {answer:?}");
        assert_eq!(text(&beside, deleted).await, None, "{name}");
    }
}

/// The first attempt never arrived, then another wrote; the second attempt must not be reported as done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_wrote_instead_is_not_told_as_done() {
    let Some(local) = Local::shared() else { return };
    let cases: [(Shape, &str); 4] = [
        (SHAPES[0], "unknown"),
        // Another's record in that place says nothing of what was there before it.
        (("a put of what is absent", |_| vec![put("mtaken", Expect::Absent, "mine")]), "unknown"),
        // The untouched record shows that it was not done, and the other that it never will be.
        (
            ("two of those versions", |old| {
                let second = put("msecond", Expect::Version(old), "mine");
                vec![put("mold", Expect::Version(old), "mine"), second]
            }),
            "lost race",
        ),
        (SHAPES[5], "unknown"),
    ];
    for ((shape, writes), expected) in cases {
        let (store, beside, faults, _) = scene(local, Fault::TimesOut, false).await;
        let both = vec![put("mold", Expect::Anything, "before"), put("msecond", Expect::Anything, "before")];
        let old = beside.commit(both).await.unwrap();
        let other = beside.clone();
        faults.before_silence(async move {
            let taken = put("mtaken", Expect::Absent, "theirs");
            other.commit(vec![put("mold", Expect::Version(old), "theirs"), taken]).await.unwrap();
        });
        let answer = store.commit(writes(old)).await;
        assert_eq!(word(&answer), expected, "{shape}: {answer:?}");
        assert_eq!(text(&beside, "mold").await.as_deref(), Some("theirs"), "{shape}");
        assert_eq!(text(&beside, "msecond").await.as_deref(), Some("before"), "{shape}");
    }
}

/// A condition that fails at the first attempt is a lost race and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_race_is_told_at_once() {
    let Some(local) = Local::shared() else { return };
    for (shape, writes) in SHAPES {
        let (store, beside, faults, old) = scene(local, Fault::TimesOut, false).await;
        faults.stop();
        beside
            .commit(vec![put("mold", Expect::Version(old), "theirs"), put("mnew", Expect::Absent, "theirs")])
            .await
            .unwrap();
        let answer = store.commit(writes(old)).await;
        let expected = if shape.contains("whatever") { "ok" } else { "lost race" };
        assert_eq!(word(&answer), expected, "{shape}: {answer:?}");
        assert_eq!(faults.counts(), (1, 0), "{shape}");
    }
}
