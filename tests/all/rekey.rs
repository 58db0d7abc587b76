//! `laurel rekey`: the first line of the master key is rotated, and everything is found as before.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use edge::{Api, Clock, OtherKey, Secrets, rekey};
use engine::{
    keys,
    memory::MemoryStore,
    store::{Change, Expect, Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};

use crate::{
    coalition::coalition,
    crash::binary,
    recorded,
    support::{Reply, START, Shop},
};

/// The master key of [`Shop::over`].
const FIRST: &str = "tests-master-key-0123456789abcdef";
const SECOND: &str = "another-master-key-0123456789abcdef";
const THIRD: &str = "a-third-master-key-0123456789abcdef";
const NOW: &str = "2026-03-02T10:05:00+08:00";
const MEMBERS: usize = 90;

/// A store whose commits fail once so many are done.
struct Cut {
    inner: Arc<dyn Store>,
    left: AtomicU64,
}

impl Cut {
    fn after(inner: Arc<dyn Store>, commits: u64) -> Cut {
        Cut { inner, left: AtomicU64::new(commits) }
    }

    /// Whether another commit is let through.
    fn lets(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl Store for Cut {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        match self.lets() {
            true => self.inner.commit(writes),
            false => Box::pin(async { Err(StoreError::Busy) }),
        }
    }
}

fn lines(lines: &[&str]) -> Secrets {
    Secrets::new(lines.join("\n").as_bytes())
}

/// The functions over that store, under secrets that know what it says.
async fn api(store: Arc<dyn Store>, secrets: Secrets) -> Result<Api, OtherKey> {
    let now = domain::time::Instant::parse(NOW).unwrap();
    let api = Api::new(store, Clock::test(now), secrets, server::FUNCTIONS.to_vec());
    let note = async |name| api.engine.records().note(name).await.unwrap();
    api.secrets
        .settle(&note(keys::MASTER_KEY_NOTE).await.unwrap(), note(keys::RING_NOTE).await.as_deref())?;
    Ok(api)
}

/// The same records in another store.
async fn copied(store: &dyn Store) -> MemoryStore {
    let (copy, mut from) = (MemoryStore::new(), None);
    loop {
        let page = store.walk(None, from, 50).await.unwrap();
        let put = |(key, record): (Key, Record)| Write {
            key,
            expect: Expect::Absent,
            change: Change::Put(record.value),
        };
        copy.commit(page.records.into_iter().map(put).collect()).await.unwrap();
        from = page.next;
        if from.is_none() {
            return copy;
        }
    }
}

/// Requests that are asked once before and once after.
fn requests(number: usize) -> [(&'static str, Value, String); 2] {
    let identity = |kind: &str, value: String| json!({"kind": kind, "value": value});
    let identities =
        [identity("phone", format!("138{number:08}")), identity("email", format!("m{number}@a.example"))];
    let register =
        json!({"brand": "acme", "identities": identities, "profile": {"name": format!("M {number}")}});
    let order = json!({"identity": identities[1], "brand": "acme", "order_id": format!("O-{number}"), "amount": "10"});
    [("/register", register, format!("register-{number:04}")), ("/earn-points", order, String::new())]
}

async fn ask(shop: &Shop, (path, body, key): &(&str, Value, String)) -> Reply {
    let key = Some(key.as_str()).filter(|key| !key.is_empty());
    let reply = shop.call_with("POST", path, body, key).await;
    assert!(reply.status < 300, "{path} {body}: {}", reply.body);
    reply
}

#[tokio::test]
async fn cut_off_at_every_step_and_resumed_everything_is_found() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &coalition(), START).await;
    let own = Secrets::new(FIRST.as_bytes()).fingerprint().to_vec();
    shop.api.engine.records().set_note(keys::MASTER_KEY_NOTE, own.into()).await.unwrap();
    let (_, key) = shop.caller(&["storefront"], Some("acme")).await;
    let mut answers = Vec::new();
    for number in 0..MEMBERS {
        for request in requests(number) {
            let reply = ask(&shop, &request).await;
            answers.push((request, reply));
        }
    }
    let member = answers[0].1.body["member"]["id"].as_str().unwrap().to_owned();
    let asked = shop.ok("POST", &format!("/members/{member}/link-code"), json!({"brand": "tea"})).await;

    let card = shop.ok("GET", &format!("/members/{member}/card"), Value::Null).await;

    let mut cuts = 0;
    let (store, done) = loop {
        let copy: Arc<dyn Store> = Arc::new(copied(&*store).await);
        let cut: Arc<dyn Store> = Arc::new(Cut::after(copy.clone(), cuts));
        let half = api(cut.clone(), lines(&[FIRST, SECOND])).await.unwrap();
        let first = rekey::rekey(&half, &*cut, |_| ()).await;
        let begun = half.engine.records().note(keys::REKEYING_NOTE).await.unwrap();
        assert_eq!(begun.is_some(), cuts > 0 && first.is_err(), "half of it is never served");
        if let Ok(done) = first {
            break (copy, done);
        }
        if cuts > 0 {
            assert!(half.refresh().await.is_err(), "an instance that is up answers nothing either");
            let other = api(copy.clone(), lines(&[FIRST, SECOND, THIRD])).await.unwrap();
            let other = rekey::rekey(&other, &*copy, |_| ()).await;
            assert!(matches!(other, Err(rekey::RekeyError::OtherLine)), "{other:?}");
        }
        let resumed = api(copy.clone(), lines(&[FIRST, SECOND])).await.unwrap();
        let done = rekey::rekey(&resumed, &*copy, |_| ()).await.unwrap();
        assert_eq!((done.identities, done.strays), (2 * MEMBERS as u64, 0), "cut off after {cuts} commits");
        let shop = Shop::found(copy, SECOND, NOW).await;
        for number in [0, MEMBERS / 2, MEMBERS - 1] {
            let [registration, _] = requests(number);
            assert!(ask(&shop, &registration).await.replayed(), "cut off after {cuts} commits: {number}");
        }
        cuts += 1;
    };
    assert!(cuts > 8, "{cuts} steps");
    assert_eq!((done.persons, done.identities, done.strays), (MEMBERS as u64, 2 * MEMBERS as u64, 0));
    let api = api(store.clone(), lines(&[FIRST, SECOND])).await.unwrap();
    let again = rekey::rekey(&api, &*store, |_| ()).await.unwrap();
    assert_eq!(again, rekey::Rekeyed::default(), "there is nothing left to rotate");

    // The first line is gone.
    let shop = Shop::found(store.clone(), SECOND, NOW).await;
    for (request, first) in &answers {
        let reply = ask(&shop, request).await;
        assert_eq!((&reply.bytes, reply.replayed()), (&first.bytes, true), "{request:?}");
    }
    let (path, mut order, key_of) = requests(0)[1].clone();
    order["amount"] = json!("11");
    let other =
        shop.call_with("POST", path, &order, Some(key_of.as_str()).filter(|key| !key.is_empty())).await;
    assert_eq!(other.verdict(), "409 order_conflict", "a changed order is told from a repeated one");
    let found = json!({"identity": {"kind": "phone", "value": "13800000003"}});
    let found = shop.call_as(&key, "POST", "/members/find", &found, None).await;
    assert_eq!(found.body["profile"]["name"], "M 3", "{}", found.body);
    let linked = shop.partner("tea", "/link", json!({"code": asked["code"]})).await;
    assert_eq!(linked.status, 200, "a code that was given before: {}", linked.body);
    let card_then = shop.ok("GET", &format!("/members/{member}/card"), Value::Null).await;
    let reference = |card: &Value| card["token"].as_str().unwrap()[2..18].to_owned();
    assert_eq!(reference(&card_then), reference(&card), "a card goes on");
    let scanned = shop.ok("POST", "/scan", json!({"token": card_then["token"], "brand": "acme"})).await;
    assert_eq!(scanned["member"]["id"], member);
    assert!(shop.api.refresh().await.is_ok());
}

#[tokio::test]
async fn an_instance_that_slept_through_it_answers_nothing() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &coalition(), START).await;
    let own = Secrets::new(FIRST.as_bytes()).fingerprint().to_vec();
    shop.api.engine.records().set_note(keys::MASTER_KEY_NOTE, own.into()).await.unwrap();
    let old = api(store.clone(), lines(&[FIRST, SECOND])).await.unwrap();
    assert!(old.refresh().await.is_ok());
    let new = api(store.clone(), lines(&[FIRST, SECOND])).await.unwrap();
    rekey::rekey(&new, &*store, |_| ()).await.unwrap();
    assert!(old.refresh().await.is_err());
    let gone = api(store, lines(&[FIRST])).await.err();
    assert_eq!(gone, Some(OtherKey::Unknown), "the older line alone opens nothing any more");
}

/// The command, on data that 0.1.0 and later builds have written.
#[test]
fn recorded_data_go_on_under_a_new_line_alone() {
    for recorded in recorded::all() {
        let audit = recorded.laurel("audit --data data");
        let first = recorded.text("master-key").trim().to_owned();
        let laurel = |words: &str, key: &str| {
            let mut command = Command::new(binary());
            command.current_dir(recorded.work.path()).args(words.split_whitespace()).env("RUST_LOG", "off");
            command.env("LAUREL_ADMIN_KEY", recorded::ADMIN_KEY).env("LAUREL_MASTER_KEY", key);
            let output = command.output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8(said).unwrap())
        };
        let both = format!("{first}\n{SECOND}");

        let (code, said) = laurel("rekey --data data", &both);

        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("nothing needs an older line"), "{said}");
        assert_eq!(laurel("audit --data data", SECOND), (Some(0), audit), "{}", recorded.from.display());
        let (code, said) = laurel("audit --data data", &first);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("this is not the master key"), "{said}");
        let (code, said) = laurel("rekey --data data", SECOND);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("already"), "{said}");
    }
}
