//! Every fault at many moments: nothing is lost, nothing is done twice, and every answer is true.

use engine::store::{Expect, Store, Write};
use store_dynamodb::{
    DynamoStore,
    faults::{Call, Fault, Faults},
    local::Local,
};

use crate::{number, put, read, text, word};

const FAULTS: [Fault; 7] = [
    Fault::Throttled,
    Fault::Conflict,
    Fault::Broken,
    Fault::NoConnection,
    Fault::TimesOut,
    Fault::AnswerLost,
    Fault::DoneAndBroken,
];

/// Stores over one new table: one through faults, and one beside them.
async fn two(local: &Local, faults: &Faults) -> (DynamoStore, DynamoStore) {
    let options = local.options();
    let beside = DynamoStore::connect(options.clone()).unwrap();
    beside.create_table().await.unwrap();
    (faults.connect(options).unwrap(), beside)
}

/// One more on the counter, done once under that name: as the engine does it, which recognises by the entry
/// whether an unknown outcome was done.
async fn count_once(store: &dyn Store, entry: &str) {
    for _ in 0..1_000 {
        let (count, version) = match store.get(&[crate::key("mcount"), crate::key(entry)]).await {
            Ok(found) if found[1].is_some() => return,
            Ok(found) => {
                let record = found[0].clone().unwrap();
                let count: u64 = String::from_utf8_lossy(&record.value).parse().unwrap();
                (count, record.version)
            }
            Err(_) => continue,
        };
        let counted = put("mcount", Expect::Version(version), count + 1);
        let answer = store.commit(vec![counted, put(entry, Expect::Absent, "1")]).await;
        if answer.is_ok() {
            return;
        }
        // Whatever it is: the next look shows whether it was done.
    }
    panic!("{entry} never came to an end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_count_exactly_whatever_befalls_them() {
    const WRITERS: usize = 4;
    const EACH: usize = 6;
    let Some(local) = Local::shared() else { return };
    for fault in FAULTS {
        for tokens_forgotten in [false, true] {
            let faults = Faults::new();
            let (store, beside) = two(local, &faults).await;
            beside.commit(vec![put("mcount", Expect::Absent, "0")]).await.unwrap();
            if tokens_forgotten {
                faults.forget_tokens();
            }
            faults.plan(move |call| (call.number % 3 != 1).then_some(fault));
            let writers = (0..WRITERS).map(|writer| {
                let store = store.clone();
                tokio::spawn(async move {
                    for at in 0..EACH {
                        count_once(&store, &format!("o{writer}-{at}")).await;
                    }
                })
            });
            for writer in writers.collect::<Vec<_>>() {
                writer.await.unwrap();
            }
            let (count, _) = number(&beside, "mcount").await;
            let (sent, struck) = faults.counts();
            println!(
                "{fault:?}, tokens forgotten {tokens_forgotten}: {count} counted, {struck} of {sent} struck"
            );
            assert_eq!(count, (WRITERS * EACH) as u64, "{fault:?}, {tokens_forgotten}");
            assert!(struck * 2 > sent, "the faults struck {struck} of {sent}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lone_writes_count_exactly_whatever_befalls_them() {
    const ROUNDS: u64 = 12;
    let Some(local) = Local::shared() else { return };
    for fault in FAULTS {
        let faults = Faults::new();
        let (store, beside) = two(local, &faults).await;
        let mut version = beside.commit(vec![put("mcount", Expect::Absent, "0")]).await.unwrap();
        // The first two of three sendings are struck, so a commit is often answered at the third.
        faults.plan(move |call| (call.number % 3 != 2).then_some(fault));
        for round in 1..=ROUNDS {
            let answer = store.commit(vec![put("mcount", Expect::Version(version), round)]).await;
            // Nobody else writes, so the outcome is always found out.
            version = answer.unwrap_or_else(|error| panic!("{fault:?}, {round}: {error:?}"));
            assert_eq!(number(&beside, "mcount").await, (round, version), "{fault:?}");
        }
    }
}

/// The error when every attempt fails: for a lone write, a transaction and a read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_when_it_never_ends() {
    let Some(local) = Local::shared() else { return };
    let cases = [
        (Fault::Throttled, "busy", "busy", false),
        (Fault::Conflict, "busy", "busy", false),
        (Fault::NoConnection, "unavailable", "unavailable", false),
        (Fault::Broken, "unknown", "unavailable", false),
        (Fault::TimesOut, "unknown", "unavailable", false),
        (Fault::AnswerLost, "unknown", "unavailable", true),
        (Fault::DoneAndBroken, "unknown", "unavailable", true),
    ];
    for (fault, written, read_, done) in cases {
        let faults = Faults::new();
        let (_, beside) = two(local, &faults).await;
        let mut options = local.options();
        options.table = beside.table().1.to_owned();
        options.pace.attempts_max = 4;
        let store = faults.connect(options).unwrap();
        faults.plan(move |_| Some(fault));
        let lone = vec![put("m1", Expect::Absent, "1")];
        let transaction = vec![put("m2", Expect::Absent, "1"), put("m3", Expect::Absent, "1")];
        for (writes, name) in [(lone, "m1"), (transaction, "m3")] {
            let before = faults.counts().0;
            let answer = store.commit(writes).await;
            let sent = faults.counts().0 - before;
            assert_eq!(word(&answer), written, "{fault:?}: {answer:?}");
            // If the outcome is unknown, the store looks once more.
            assert_eq!(sent, if written == "unknown" { 5 } else { 4 }, "{fault:?}");
            assert_eq!(text(&beside, name).await.is_some(), done, "{fault:?}: {name}");
        }
        let before = faults.counts().0;
        let one = store.get(&[crate::key("m1")]).await;
        let several = store.get(&[crate::key("m1"), crate::key("m2")]).await;
        let walk = store.walk(None, None, 10).await;
        let scan = store.scan(engine::keys::all(engine::keys::kind::CALLER), 10).await;
        let told = [word(&one), word(&several), word(&walk), word(&scan)];
        assert_eq!(told, [read_; 4], "{fault:?}");
        assert_eq!(faults.counts().0 - before, 16, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_time_is_one_attempt() {
    let Some(local) = Local::shared() else { return };
    let faults = Faults::new();
    let (_, beside) = two(local, &faults).await;
    let mut options = local.options();
    options.table = beside.table().1.to_owned();
    options.pace.budget = std::time::Duration::ZERO;
    let store = faults.connect(options).unwrap();
    faults.plan(|_| Some(Fault::Throttled));
    assert_eq!(word(&store.commit(vec![put("m1", Expect::Absent, "1")]).await), "busy");
    assert_eq!(faults.counts(), (1, 1));
}

/// Only writes lose their answers: the record itself shows that it was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_the_record_tells_that_it_was_done() {
    let Some(local) = Local::shared() else { return };
    for fault in [Fault::AnswerLost, Fault::DoneAndBroken] {
        for names in [&["m1"][..], &["m2", "m3"]] {
            let faults = Faults::new();
            let (store, beside) = two(local, &faults).await;
            faults.plan(move |call: &Call| call.writes().then_some(fault));
            let writes: Vec<Write> = names.iter().map(|name| put(name, Expect::Absent, "1")).collect();
            let version = store.commit(writes).await.unwrap();
            assert_eq!(read(&beside, names[0]).await.unwrap().version, version, "{fault:?}");
        }
    }
}

/// Reads continue where they were struck.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_whole_whatever_befalls_them() {
    let Some(local) = Local::shared() else { return };
    for fault in FAULTS {
        let faults = Faults::new();
        let (store, beside) = two(local, &faults).await;
        let name = |at: usize| format!("k{at:02}");
        beside.commit((0..30).map(|at| put(name(at), Expect::Absent, at)).collect()).await.unwrap();
        faults.plan(move |call| (call.number % 2 == 0).then_some(fault));
        let keys: Vec<_> = (0..31).map(|at| crate::key(name(at))).collect();
        let found = store.get(&keys).await.unwrap();
        assert_eq!(found.iter().flatten().count(), 30, "{fault:?}");
        let found = store.scan(engine::keys::all(engine::keys::kind::CALLER), 100).await.unwrap();
        assert!(found.len() == 30 && found.is_sorted_by_key(|(key, _)| key.clone()), "{fault:?}");
        let page = store.walk(Some(engine::keys::kind::CALLER), None, 100).await.unwrap();
        assert_eq!(page.records.len(), 30, "{fault:?}");
    }
}
