//! Two orders ask at once for the last that there is of an offer: one of them gets it, whoever else sees what was left
//! before, and whether they take it or set it aside first.

use std::sync::{Arc, Mutex};

use domain::offer::grant::HeldBy;
use engine::{
    keys,
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};

use crate::{
    histories::run,
    instances::Between,
    merges::merge,
    offers::coupon,
    support::{Reply, START, Shop, program},
};

/// Something of which there is one: the offer, and what two orders say to have it.
struct Scarce {
    name: &'static str,
    offer: Value,
    asks: Asks,
}

/// Who asks for it.
#[derive(Clone, Copy)]
enum Asks {
    /// Two members.
    Two,
    /// One member twice, by way of what it has of the offer, or what it comes to by itself.
    One,
    /// One member, by way of each of its two records.
    Merged,
    /// Two guests, with one code that was printed.
    Code,
    /// The same with its word.
    Word,
    /// One member twice, by what was issued to it.
    Grant,
}

fn scarce() -> Vec<Scarce> {
    let row = |name, asks, more: Value| {
        let mut offer = coupon("acme", json!({"how": "auto", "gives": {"discount": {"amount": "1.00"}}}));
        offer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Scarce { name, offer, asks }
    };
    vec![
        row("uses", Asks::Two, json!({"uses": {"total": 1}})),
        row("uses of a day", Asks::Two, json!({"uses": {"per_day": 1}})),
        row("budget", Asks::Two, json!({"budget": {"total": "1.50"}})),
        row("uses of one member", Asks::One, json!({"uses": {"total": 1}})),
        row("window", Asks::One, json!({"per_member": {"n": 1, "per": "ever"}})),
        row("window of a day", Asks::One, json!({"per_member": {"n": 1, "per": "day"}})),
        row("window of two records", Asks::Merged, json!({"per_member": {"n": 1, "per": "ever"}})),
        row("printed code", Asks::Code, json!({"how": "code"})),
        row("word", Asks::Word, json!({"how": "code", "word": "HELLO", "uses": {"total": 1}})),
        row("grant", Asks::Grant, json!({"how": "issue"})),
    ]
}

/// What the orders of that name say, on a shop where the offer is.
async fn orders(shop: &Shop, scarce: &Scarce, count: usize) -> Vec<Value> {
    shop.ok("PUT", "/offers/rare", scarce.offer.clone()).await;
    let one = shop.member("one").await;
    let mut says = json!({});
    match scarce.asks {
        Asks::Two | Asks::Merged => {}
        Asks::One => says = json!({"member_id": one}),
        Asks::Code => {
            let made = json!({"batch_id": "b", "count": 1});
            let table = shop.call("POST", "/offers/rare/codes", made).await;
            let table = String::from_utf8(table.bytes.to_vec()).unwrap();
            says = json!({"codes": [table.lines().nth(1).unwrap().trim()]});
        }
        Asks::Word => says = json!({"codes": ["HELLO"]}),
        Asks::Grant => {
            let issue = json!({"member_id": one, "offer": "rare", "issue_id": "i", "reason": "r"});
            let issued = shop.ok("POST", "/grants", issue).await;
            says = json!({"member_id": one, "grants": [issued["grant"]["id"]]});
        }
    }
    let mut all = Vec::new();
    for number in 0..count {
        let lines = json!([{"line_id": "1", "quantity": 1, "amount": "5.00"}]);
        let mut order = json!({"brand": "acme", "order_id": format!("O-{number}"), "lines": lines});
        order.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
        if matches!(scarce.asks, Asks::Two | Asks::Merged) {
            order["member_id"] = json!(shop.member(&format!("m{number}")).await);
        }
        all.push(order);
    }
    if let (Asks::Merged, [into, from, ..]) = (scarce.asks, &all[..]) {
        let [into, from] = [into, from].map(|order| order["member_id"].as_str().unwrap());
        merge(shop, into, from).await;
    }
    all
}

async fn ask(shop: &Shop, order: &Value, hold: bool) -> Reply {
    let mut order = order.clone();
    if hold {
        order["hold"] = json!(true);
    }
    shop.call("POST", "/use", order).await
}

/// Whether the order has it; what was set aside is made final first.
async fn has(shop: &Shop, order: &Value, asked: &Reply, hold: bool, what: &str) -> bool {
    let last = if hold && asked.status == 200 { Some(ask(shop, order, false).await) } else { None };
    let last = last.as_ref().unwrap_or(asked);
    match last.status {
        200 => last.body["saved"] == "1.00",
        409 => {
            assert_eq!(last.code(), "grant_not_usable", "{what}: {}", last.body);
            false
        }
        _ => panic!("{what}: {}", last.body),
    }
}

/// One order comes between another's reading and its commit.
#[test]
fn one_of_two_has_the_last() {
    run(async {
        for scarce in scarce() {
            for holds in [[false, false], [true, true], [false, true], [true, false]] {
                let what = format!("{}, {holds:?}", scarce.name);
                let inner = Arc::new(MemoryStore::new());
                let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
                let between = Arc::new(Between::new(inner));
                let one = Shop::over(between.clone(), &program(), START).await;
                let orders = orders(&other, &scarce, 2).await;
                one.api.refresh().await.unwrap();
                let told = Arc::new(Mutex::new(None));
                let (heard, inside, shop) = (told.clone(), orders[1].clone(), other.clone());
                between.before(async move {
                    *heard.lock().unwrap() = Some(ask(&shop, &inside, holds[1]).await);
                });
                let outer = ask(&one, &orders[0], holds[0]).await;
                let inner = told.lock().unwrap().take().expect("the first commits");
                let first = has(&one, &orders[0], &outer, holds[0], &what).await;
                let second = has(&other, &orders[1], &inner, holds[1], &what).await;
                assert!(second && !first, "{what}: {} {}", outer.body, inner.body);
            }
        }
    });
}

/// How many there are and how many ask at once: few, which are all taken at the pool, and more, of which shards have parts.
const STORMS: [(i32, usize); 2] = [(7, 64), (300, 364)];

/// Many at once, over two instances: as many have it as there are.
async fn storm(store: Arc<dyn Store>, total: i32, asked: usize) {
    let shops = [
        Arc::new(Shop::over(store.clone(), &program(), START).await),
        Arc::new(Shop::over(store, &program(), START).await),
    ];
    let offer = coupon(
        "acme",
        json!({"how": "auto", "gives": {"discount": {"amount": "1.00"}}, "uses": {"total": total}}),
    );
    let orders = orders(&shops[0], &Scarce { name: "storm", offer, asks: Asks::Two }, asked).await;
    shops[1].api.refresh().await.unwrap();
    let asked = orders.iter().cloned().enumerate().map(|(number, order)| {
        let shop = shops[number % 2].clone();
        tokio::spawn(async move {
            loop {
                let hold = number % 3 == 0;
                let reply = ask(&shop, &order, hold).await;
                if reply.status != 503 {
                    return has(&shop, &order, &reply, hold, "storm").await;
                }
            }
        })
    });
    let mut have = 0;
    for asked in asked.collect::<Vec<_>>() {
        have += i32::from(asked.await.unwrap());
    }
    let left = shops[0].ok("GET", "/offers/rare", Value::Null).await;
    assert_eq!((have, &left["left"]["uses"]), (total, &json!(0)), "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_many_have_it_as_there_are() {
    for (total, asked) in STORMS {
        storm(Arc::new(MemoryStore::new()), total, asked).await;
        let folder = tempfile::tempdir().unwrap();
        storm(Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap()), total, asked).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_many_have_it_as_there_are_on_a_table() {
    let Some(local) = Local::shared() else { return };
    for (total, asked) in STORMS {
        storm(Arc::new(local.store().await.expect("a table")), total, asked).await;
    }
}

/// A store in memory whose reads of several records are as far from one moment as they may be: the last is read first, and
/// others go on between any two.
struct Apart(MemoryStore);

impl Store for Apart {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for key in keys.iter().rev() {
                found.extend(self.0.get(std::slice::from_ref(key)).await?);
                if keys.len() > 1 {
                    tokio::task::yield_now().await;
                }
            }
            found.reverse();
            Ok(found)
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.0.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.0.commit(writes)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_many_have_it_as_there_are_whenever_records_are_read() {
    for (total, asked) in STORMS {
        storm(Arc::new(Apart(MemoryStore::new())), total, asked).await;
    }
}

/// What was set aside has ended by another instance's clock, and somebody else has it: it is not made final by a clock that
/// is late.
#[test]
fn what_was_set_aside_is_given_once_whatever_clocks_say() {
    run(async {
        for scarce in scarce() {
            let store = Arc::new(MemoryStore::new());
            let late = Shop::over(store.clone(), &program(), START).await;
            let early = Shop::over(store, &program(), START).await;
            let orders = orders(&late, &scarce, 2).await;
            early.api.refresh().await.unwrap();
            let held = ask(&late, &orders[0], true).await;
            assert_eq!((held.status, &held.body["saved"]), (200, &json!("1.00")), "{}", scarce.name);
            let until = held.body["until"].as_str().unwrap().to_owned();
            let end = domain::time::Instant::parse(&until).unwrap();
            early.api.clock.forward(end.plus_millis(90_000)).unwrap();
            let taken = ask(&early, &orders[1], false).await;
            assert_eq!((taken.status, &taken.body["saved"]), (200, &json!("1.00")), "{}", scarce.name);
            let reply = ask(&late, &orders[0], false).await;
            assert_eq!(reply.verdict(), "409 hold_expired", "{}: {}", scarce.name, reply.body);
        }
    });
}

/// What was set aside is made final by two tellings at once: both are told that it is.
#[test]
fn who_makes_it_final_twice_at_once_is_told_so() {
    run(async {
        for scarce in scarce() {
            let inner = Arc::new(MemoryStore::new());
            let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
            let between = Arc::new(Between::new(inner));
            let one = Shop::over(between.clone(), &program(), START).await;
            let orders = orders(&other, &scarce, 2).await;
            one.api.refresh().await.unwrap();
            assert_eq!(ask(&other, &orders[0], true).await.status, 200, "{}", scarce.name);
            let by = HeldBy::Order("O-0".parse().unwrap());
            let told = Arc::new(Mutex::new(None));
            let (heard, order) = (told.clone(), orders[0].clone());
            between.after_reading(keys::offer_use(&"acme".parse().unwrap(), &by), async move {
                *heard.lock().unwrap() = Some(ask(&other, &order, false).await);
            });
            let outer = ask(&one, &orders[0], false).await;
            let inner = told.lock().unwrap().take().expect("the use is read");
            assert_eq!((inner.status, outer.status), (200, 200), "{}: {}", scarce.name, outer.body);
            assert!(inner.bytes == outer.bytes && outer.replayed(), "{}", scarce.name);
        }
    });
}

/// A use is told again twice at once under one key, and comes back between the two: both are told what the first was.
#[test]
fn a_twin_is_not_refused_for_what_came_between() {
    run(async {
        let inner = Arc::new(MemoryStore::new());
        let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
        let between = Arc::new(Between::new(inner));
        let one = Shop::over(between.clone(), &program(), START).await;
        let member = other.member("one").await;
        let lines = json!([{"line_id": "1", "quantity": 1, "amount": "5.00"}]);
        let order = json!({"brand": "acme", "order_id": "O", "member_id": member, "lines": lines});
        assert_eq!(ask(&other, &order, false).await.status, 200);
        let told = Arc::new(Mutex::new(None));
        let (heard, twin) = (told.clone(), order.clone());
        between.after_reading(keys::member(edge::wire::read_member_id(&member).unwrap()), async move {
            let again = other.call_with("POST", "/use", &twin, Some("twin-0000-0000-0000")).await;
            other.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "O", "use": "all"})).await;
            *heard.lock().unwrap() = Some(again);
        });
        let outer = one.call_with("POST", "/use", &order, Some("twin-0000-0000-0000")).await;
        let inner = told.lock().unwrap().take().expect("the member is read");
        assert_eq!((inner.status, outer.status), (200, 200), "{}", outer.body);
        assert!(inner.bytes == outer.bytes && outer.replayed());
    });
}

/// A member goes by another id since a merge, and its order is still its order: what it has set aside it can take, and what
/// it was answered it is answered again. A quote is still its own.
#[test]
fn a_merge_between_two_tellings_changes_nothing() {
    run(async {
        let shop = Shop::usual().await;
        let offer = json!({"how": "auto", "gives": {"discount": {"amount": "1.00"}}, "per_member": {"n": 3, "per": "ever"}});
        shop.ok("PUT", "/offers/rare", coupon("acme", offer)).await;
        let (into, from) = (shop.member("into").await, shop.member("from").await);
        let lines = json!([{"line_id": "1", "quantity": 1, "amount": "5.00"}]);
        let order =
            |number: &str| json!({"brand": "acme", "order_id": number, "member_id": from, "lines": lines});
        let mut draft = order("Q");
        draft.as_object_mut().unwrap().remove("order_id");
        let quoted = shop.ok("POST", "/evaluate-order", draft).await;
        let told = ask(&shop, &order("U"), false).await;
        assert_eq!((told.status, &told.body["saved"]), (200, &json!("1.00")));
        assert_eq!(ask(&shop, &order("H"), true).await.status, 200);
        let merged = merge(&shop, &into, &from).await;
        let again = ask(&shop, &order("U"), false).await;
        assert!(again.bytes == told.bytes && again.replayed(), "{}", again.body);
        let taken = ask(&shop, &order("H"), false).await;
        assert_eq!((taken.status, &taken.body["state"]), (200, &json!("used")), "{}", taken.body);
        let mut by_quote = order("Q");
        by_quote["quote"] = quoted["quote"].clone();
        let by_quote = ask(&shop, &by_quote, false).await;
        assert_eq!((by_quote.status, &by_quote.body["saved"]), (200, &json!("1.00")), "{}", by_quote.body);
        let none_left = ask(&shop, &order("N"), false).await;
        assert_eq!(none_left.body["saved"], "0.00");
        let other = json!({"brand": "acme", "order_id": "U", "member_id": shop.member("third").await, "lines": lines});
        assert_eq!(ask(&shop, &other, false).await.verdict(), "409 order_conflict");
        let body = json!({"merge_id": merged["merge_id"], "reason": "two persons"});
        shop.ok("POST", &format!("/members/{into}/unmerge"), body).await;
        let again = ask(&shop, &order("U"), false).await;
        assert!(again.bytes == told.bytes && again.replayed(), "{}", again.body);
    });
}
