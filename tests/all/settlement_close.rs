//! The close of a month: cut off, repeated, done by two at once or while everybody writes, it gives the same
//! statement, which then never changes. Also: who sees which part of it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use domain::{
    id::{BrandId, OrderId},
    time::Month,
};
use engine::{
    Error, Request, keys,
    memory::MemoryStore,
    records::By,
    store::{Change, Expect, Key, Page, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::{chance, run},
    settlement::{close, coalition, lines, statement},
    support::{ADMIN_KEY, Shop},
    table::CutOff,
};

pub(crate) const NOVEMBER: &str = "2026-11-01T09:00:00+08:00";
pub(crate) const CLOSABLE: &str = "2026-12-01T00:15:00+08:00";

/// A programme whose points end after 30 days: there is something to settle at each month's end.
pub(crate) fn program() -> Value {
    let mut program = coalition();
    program["points"]["expiry"] = json!({"mode": "days", "days": 30});
    program
}

/// So many members earn in October and in November, redeem, send back and cancel.
async fn autumn(shop: &Shop, members: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..members {
        let id = shop.member(&format!("m{number}")).await;
        let brand = ["acme", "bean", "cafe"][number % 3];
        let order = |name: &str, amount: u64| json!({"member_id": id, "brand": brand, "order_id": format!("{name}-{number}"), "amount": amount.to_string()});
        shop.ok("POST", "/earn-points", order("october", 10 + chance(1, number, 1) % 90)).await;
        ids.push(id);
    }
    shop.at(NOVEMBER);
    for (number, id) in ids.iter().enumerate() {
        let brand = ["acme", "bean", "cafe"][number % 3];
        let order = |name: &str, amount: u64| json!({"member_id": id, "brand": brand, "order_id": format!("{name}-{number}"), "amount": amount.to_string()});
        shop.ok("POST", "/earn-points", order("november", 20 + chance(1, number, 2) % 90)).await;
        let honouring = ["acme", "bean", "cafe"][(number / 3) % 3];
        let spent_on = json!({"kind": "order", "order_id": format!("spent-{number}")});
        let redeem = json!({"member_id": id, "brand": honouring, "points": 7, "for": spent_on});
        let redeemed = shop.ok("POST", "/redeem", redeem).await;
        if number % 4 == 0 {
            let refund = json!({"amount": "5"});
            let body = json!({"brand": brand, "order_id": format!("october-{number}"), "refund": refund});
            shop.ok("POST", "/reverse", body).await;
        }
        if number % 5 == 0 {
            let body = json!({"redemption_id": redeemed["redemption_id"]});
            shop.ok("POST", "/reverse", body).await;
        }
    }
    ids
}

/// Plays the autumn and closes November in pieces of that many commits, in turn; returns the lines.
pub(crate) async fn settled_in_pieces(store: Arc<dyn Store>, members: usize, pieces: &[u64]) -> Vec<Value> {
    let cut = CutOff::of(store);
    let shop = Shop::over(cut.clone(), &program(), "2026-10-20T09:00:00+08:00").await;
    autumn(&shop, members).await;
    shop.at(CLOSABLE);
    for commits in pieces.iter().cycle().take(1_000) {
        cut.allow(*commits);
        let reply = shop.call("POST", "/settle", json!({"month": "2026-11"})).await;
        cut.allow(u64::MAX);
        match reply.status {
            200 if reply.body["done"] == true => return lines(&statement(&shop, "2026-11").await),
            200 | 503 => {
                shop.refused("404 settlement_not_found", "GET", "/settlements/2026-11", Value::Null).await
            }
            _ => panic!("{}", reply.body),
        };
    }
    panic!("it does not come to an end");
}

#[test]
fn a_close_that_is_cut_off_comes_to_the_same() {
    run(async {
        let whole = settled_in_pieces(Arc::new(MemoryStore::new()), 130, &[u64::MAX]).await;
        assert_eq!(whole.len(), 3 + 9 + 3, "{whole:?}");
        for pieces in [&[1_u64][..], &[2], &[3, 1, 5], &[7, 2]] {
            let found = settled_in_pieces(Arc::new(MemoryStore::new()), 130, pieces).await;
            assert_eq!(found, whole, "{pieces:?}");
        }
    });
}

#[test]
fn a_call_does_bounded_work() {
    run(async {
        let shop = Shop::over(Arc::new(MemoryStore::new()), &program(), NOVEMBER).await;
        for number in 0..40 {
            let id = shop.somebody().await;
            for entry in 0..250 {
                let name = format!("{number}-{entry}");
                let body = json!({"member_id": id, "brand": "acme", "points": 1, "reason": "r",
                                  "adjustment_id": name, "bill": true});
                shop.ok("POST", "/adjust", body).await;
            }
        }
        shop.at(CLOSABLE);
        let (mut calls, mut entries) = (0, 0);
        loop {
            let answer = shop.call_with("POST", "/settle", &json!({"month": "2026-11"}), Some("key")).await;
            calls += 1;
            let read = answer.body["entries"].as_u64().unwrap();
            assert!(read < 5_000 + 2_200 && calls < 10, "{read} in one call");
            entries += read;
            if answer.body["done"] == true {
                break;
            }
            assert!(!answer.replayed(), "what is not done is not remembered");
        }
        assert!((2..5).contains(&calls) && entries == 10_000, "{entries} in {calls} calls");
        let want = [json!(["acme", "issued", null, 10_000, "100.000000", "100.00"])];
        assert_eq!(lines(&statement(&shop, "2026-11").await), want);
        let again = shop.call_with("POST", "/settle", &json!({"month": "2026-11"}), Some("key")).await;
        assert!(again.replayed());
    });
}

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;
type Deeds = Box<dyn Fn(u64) -> Option<Deed> + Send + Sync>;

/// The store as the close sees it: something happens just before each of its commits.
struct Meddled {
    inner: Arc<dyn Store>,
    commits: AtomicU64,
    deeds: Mutex<Option<Deeds>>,
}

impl Meddled {
    fn of(inner: Arc<dyn Store>) -> Arc<Meddled> {
        Arc::new(Meddled { inner, commits: AtomicU64::new(0), deeds: Mutex::new(None) })
    }
}

impl Store for Meddled {
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
        let commit = self.commits.fetch_add(1, Ordering::SeqCst);
        let deed = self.deeds.lock().unwrap().as_ref().and_then(|deeds| deeds(commit));
        Box::pin(async move {
            if let Some(deed) = deed {
                deed.await;
            }
            self.inner.commit(writes).await
        })
    }
}

#[test]
fn two_who_close_at_once_count_nothing_twice() {
    run(async {
        let whole = settled_in_pieces(Arc::new(MemoryStore::new()), 130, &[u64::MAX]).await;
        for seed in 0..6 {
            let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let meddled = Meddled::of(inner.clone());
            let first = Shop::over(meddled.clone(), &program(), "2026-10-20T09:00:00+08:00").await;
            autumn(&first, 130).await;
            let cut = CutOff::of(inner);
            let second = Arc::new(Shop::over(cut.clone(), &program(), CLOSABLE).await);
            first.at(CLOSABLE);
            let deeds: Deeds = Box::new(move |commit| {
                let roll = chance(seed, usize::try_from(commit).unwrap(), 3) % 4;
                let (second, cut) = (second.clone(), cut.clone());
                let deed: Deed = Box::pin(async move {
                    cut.allow(roll);
                    let reply = second.call("POST", "/settle", json!({"month": "2026-11"})).await;
                    assert!([200, 503].contains(&reply.status), "{}", reply.body);
                });
                (roll > 0).then_some(deed)
            });
            *meddled.deeds.lock().unwrap() = Some(deeds);
            close(&first, "2026-11").await;
            *meddled.deeds.lock().unwrap() = None;
            assert_eq!(lines(&statement(&first, "2026-11").await), whole, "seed {seed}");
        }
    });
}

/// Everybody keeps writing while November is closed: new members and old ones earn, redeem November's points,
/// send back November's orders and cancel its redemptions.
#[test]
fn a_close_while_writes_go_on_counts_the_month_alone() {
    run(async {
        let whole = settled_in_pieces(Arc::new(MemoryStore::new()), 130, &[u64::MAX]).await;
        let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let meddled = Meddled::of(inner.clone());
        let first = Shop::over(meddled.clone(), &program(), "2026-10-20T09:00:00+08:00").await;
        let ids = Arc::new(autumn(&first, 130).await);
        let till = Arc::new(Shop::over(inner, &program(), CLOSABLE).await);
        first.at(CLOSABLE);
        let written = Arc::new(AtomicU64::new(0));
        let counter = written.clone();
        let deeds: Deeds = Box::new(move |commit| {
            let (till, ids, counter) = (till.clone(), ids.clone(), counter.clone());
            Some(Box::pin(async move {
                for step in 0..6 {
                    let number = usize::try_from(commit).unwrap() * 6 + step;
                    let id = &ids[number % ids.len()];
                    let brand = ["acme", "bean", "cafe"][number % 3];
                    let order = format!("december-{number}");
                    let earn = json!({"member_id": id, "brand": brand, "order_id": order, "amount": "9"});
                    till.ok("POST", "/earn-points", earn).await;
                    let somebody = till.somebody().await;
                    let earn = json!({"member_id": somebody, "brand": brand, "order_id": format!("new-{number}"), "amount": "9"});
                    till.ok("POST", "/earn-points", earn).await;
                    let back = json!({"brand": brand, "order_id": format!("november-{}", number % ids.len()), "refund": {"amount": "1"}});
                    till.call("POST", "/reverse", back).await;
                    let spent_on = json!({"kind": "order", "order_id": format!("late-{number}")});
                    let redeem = json!({"member_id": id, "brand": brand, "points": 1, "for": spent_on});
                    till.call("POST", "/redeem", redeem).await;
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            }) as Deed)
        });
        *meddled.deeds.lock().unwrap() = Some(deeds);
        close(&first, "2026-11").await;
        assert!(written.load(Ordering::SeqCst) >= 18);
        *meddled.deeds.lock().unwrap() = None;
        assert_eq!(lines(&statement(&first, "2026-11").await), whole);
    });
}

#[test]
fn a_month_is_closed_from_a_quarter_of_an_hour_after_its_end_on() {
    run(async {
        let shop = Shop::over(Arc::new(MemoryStore::new()), &program(), NOVEMBER).await;
        let november = json!({"month": "2026-11"});
        let early =
            ["2026-11-01T09:00:00+08:00", "2026-12-01T00:00:00+08:00", "2026-12-01T00:14:59.999+08:00"];
        for at in early {
            shop.at(at);
            let reply = shop.refused("409 month_not_ended", "POST", "/settle", november.clone()).await;
            assert_eq!(reply.body["from"], CLOSABLE);
        }
        assert_eq!(shop.ok("GET", "/settlements", Value::Null).await["settlements"], json!([]));
        shop.at(CLOSABLE);
        let closed = shop.ok("POST", "/settle", november.clone()).await;
        assert_eq!((&closed["done"], &closed["closed_at"]), (&json!(true), &json!(CLOSABLE)));
        // Repeated later and without a month: it means the month before, which is closed.
        shop.at("2026-12-20T00:00:00+08:00");
        for body in [november, json!({}), json!({"as_of": "2026-12-01T05:00:00+08:00"})] {
            let again = shop.ok("POST", "/settle", body).await;
            assert_eq!((&again["month"], &again["closed_at"]), (&json!("2026-11"), &json!(CLOSABLE)));
        }
        let bodies = [
            json!({"month": "2026-13"}),
            json!({"month": "2026-11", "as_of": "2026-12-01T05:00:00+08:00"}),
            json!({"as_of": "2026-12-21T05:00:00+08:00"}),
            json!({"month": 11}),
        ];
        for body in bodies {
            shop.refused("422 invalid_field", "POST", "/settle", body).await;
        }
    });
}

#[test]
fn a_closed_month_never_changes() {
    run(async {
        let shop = Shop::over(Arc::new(MemoryStore::new()), &program(), "2026-10-20T09:00:00+08:00").await;
        let ids = autumn(&shop, 12).await;
        shop.at(CLOSABLE);
        close(&shop, "2026-11").await;
        let before = shop.call("GET", "/settlements/2026-11", Value::Null).await;
        shop.at("2026-12-10T00:00:00+08:00");
        let late = json!({"member_id": ids[0], "brand": "acme", "order_id": "late", "amount": "50",
                          "occurred_at": "2026-11-30T00:00:00+08:00"});
        shop.ok("POST", "/earn-points", late).await;
        shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "november-0", "refund": "all"}))
            .await;
        shop.ok("POST", "/expire-points", json!({})).await;
        let mut renamed = program();
        renamed["brands"][0]["name"] = json!("Another name");
        renamed["brands"][0]["issue_price"] = json!("9");
        shop.ok("PUT", "/program", renamed).await;
        shop.at("2027-01-02T00:00:00+08:00");
        close(&shop, "2026-11").await;
        close(&shop, "2026-12").await;
        let after = shop.call("GET", "/settlements/2026-11", Value::Null).await;
        assert_eq!(before.bytes, after.bytes);
        let december = lines(&statement(&shop, "2026-12").await);
        assert!(december.iter().any(|line| line[0] == "acme" && line[1] == "issued"), "{december:?}");
    });
}

/// A ledger that cannot be read to its end makes the close fail.
#[test]
fn a_ledger_with_a_gap_is_not_settled() {
    run(async {
        let store = Arc::new(MemoryStore::new());
        let shop = Shop::over(store.clone(), &program(), "2026-10-20T09:00:00+08:00").await;
        autumn(&shop, 3).await;
        let key = keys::order(&BrandId::of_checked("bean"), &OrderId::of_checked("november-1"));
        let write = Write { key, expect: Expect::Anything, change: Change::Delete };
        store.commit(vec![write]).await.unwrap();
        shop.at(CLOSABLE);
        for _ in 0..2 {
            let request = Request::plain(By::Schedule, shop.api.clock.now());
            let month = Month::parse("2026-11").unwrap();
            let closed = shop.api.engine.partners().close_month(&request, month).await;
            let Err(Error::Unreadable(gap)) = closed else { panic!("{closed:?}") };
            assert_eq!(
                gap.key,
                keys::order(&BrandId::of_checked("bean"), &OrderId::of_checked("november-1"))
            );
            shop.refused("404 settlement_not_found", "GET", "/settlements/2026-11", Value::Null).await;
        }
        let months = shop.ok("GET", "/settlements", Value::Null).await["settlements"].clone();
        assert_eq!((&months[0]["state"], &months[0]["closed_at"]), (&json!("closing"), &Value::Null));
    });
}

#[test]
fn who_acts_for_a_brand_sees_its_account_alone() {
    run(async {
        let shop = Shop::over(Arc::new(MemoryStore::new()), &program(), "2026-10-20T09:00:00+08:00").await;
        autumn(&shop, 12).await;
        shop.at(CLOSABLE);
        close(&shop, "2026-11").await;
        let whole = statement(&shop, "2026-11").await;
        let path = "/settlements/2026-11";
        for (brand, at) in [("acme", 0), ("bean", 1), ("cafe", 2)] {
            for role in ["storefront", "operator", "admin"] {
                let (_, key) = shop.caller(&[role], Some(brand)).await;
                let own = shop.call_as(&key, "GET", path, &Value::Null, None).await.body;
                assert_eq!(own["accounts"], json!([whole["accounts"][at]]), "{role} of {brand}");
                let balance = own["accounts"][0]["balance"].as_str().unwrap();
                let other_side = balance.strip_prefix('-').map_or(format!("-{balance}"), str::to_owned);
                assert_eq!(own["programme"]["balance"], other_side);
                let table = format!("{path}?format=csv");
                let table = shop.call_as(&key, "GET", &table, &Value::Null, None).await.bytes;
                let table = String::from_utf8(table.to_vec()).unwrap();
                let rows = table.lines().skip(1).filter(|row| !row.contains("\"programme\""));
                assert!(rows.clone().count() >= 4, "{table}");
                assert!(
                    rows.clone().all(|row| row.starts_with(&format!("\"2026-11\",\"{brand}\""))),
                    "{table}"
                );
                // They may not do what concerns all brands.
                let paid = json!({ "brand": brand });
                let paid = shop.call_as(&key, "POST", &format!("{path}/paid"), &paid, None).await;
                let settle = shop.call_as(&key, "POST", "/settle", &json!({"month": "2026-10"}), None).await;
                assert_eq!((paid.status, settle.status), (403, 403), "{role} of {brand}");
            }
        }
        let (_, operator) = shop.caller(&["operator"], None).await;
        let seen = shop.call_as(&operator, "GET", path, &Value::Null, None).await.body;
        assert_eq!(seen["accounts"], whole["accounts"]);
        for other in ["2026-10", "2026-12", "2026-1", "nothing"] {
            let path = format!("/settlements/{other}");
            shop.refused("404 settlement_not_found", "GET", &path, Value::Null).await;
        }
        let october = shop.ok("POST", "/settle", json!({"month": "2026-10"})).await;
        assert_eq!(october["done"], true, "months are closed in any order");
        // A brand with which nothing was settled has an account of nothing.
        let mut more = program();
        more["brands"].as_array_mut().unwrap().push(json!({"id": "new"}));
        shop.ok("PUT", "/program", more).await;
        let (_, key) = shop.caller(&["storefront"], Some("new")).await;
        let own = shop.call_as(&key, "GET", path, &Value::Null, None).await.body;
        assert_eq!((&own["accounts"], &own["programme"]["balance"]), (&json!([]), &json!("0.00")));
    });
}

#[test]
fn an_account_is_paid_once_and_told_the_same_again() {
    run(async {
        let shop = Shop::over(Arc::new(MemoryStore::new()), &program(), "2026-10-20T09:00:00+08:00").await;
        autumn(&shop, 3).await;
        shop.at(CLOSABLE);
        let (path, acme) = ("/settlements/2026-11/paid", json!({"brand": "acme"}));
        shop.refused("404 settlement_not_found", "POST", path, acme.clone()).await;
        close(&shop, "2026-11").await;
        shop.at("2026-12-05T10:00:00+08:00");
        let first = shop.call_with("POST", path, &acme, Some("paid")).await;
        assert_eq!((first.status, &first.body["paid_at"]), (200, &json!("2026-12-05T10:00:00+08:00")));
        shop.at("2026-12-06T10:00:00+08:00");
        for key in [Some("paid"), None, Some("another")] {
            let again = shop.call_with("POST", path, &acme, key).await;
            assert_eq!((again.status, again.replayed()), (200, true));
            assert_eq!(again.bytes, first.bytes);
        }
        shop.refused("404 settlement_not_found", "POST", path, json!({"brand": "nobody"})).await;
        let accounts = statement(&shop, "2026-11").await["accounts"].clone();
        assert_eq!(
            (&accounts[0]["paid_at"], &accounts[1]["paid_at"]),
            (&first.body["paid_at"], &Value::Null)
        );
        let reused = shop.call_with("POST", path, &json!({"brand": "bean"}), Some("paid")).await;
        assert_eq!(reused.verdict(), "422 idempotency_key_reused");
    });
}

#[test]
fn a_table_is_safe_in_a_spreadsheet_and_adds_up_to_nought() {
    run(async {
        let shop = Shop::over(Arc::new(MemoryStore::new()), &coalition(), NOVEMBER).await;
        let id = shop.member("one").await;
        for (brand, amount) in [("acme", "100"), ("bean", "9")] {
            let body = json!({"member_id": id, "brand": brand, "order_id": "1", "amount": amount});
            shop.ok("POST", "/earn-points", body).await;
        }
        let spent_on = json!({"kind": "order", "order_id": "2"});
        let body = json!({"member_id": id, "brand": "bean", "points": 3, "for": spent_on});
        shop.ok("POST", "/redeem", body).await;
        shop.at(CLOSABLE);
        close(&shop, "2026-11").await;
        let headers = [("authorization", &*format!("Bearer {ADMIN_KEY}"))];
        let table = shop.send("GET", "/settlements/2026-11?format=csv", &headers, b"").await;
        assert_eq!(table.header("content-type"), "text/csv; charset=utf-8; header=present");
        let want = [
            r#""month","brand","name","line","issuer","funder","using_brand","points","exact","amount","account""#,
            r#""2026-11","acme","Acme","issued","","","",100,1.000000,1.00,-1.00"#,
            r#""2026-11","bean","'=Bean;Coffee","issued","","","",4,0.060000,0.06,-0.06"#,
            r#""2026-11","bean","'=Bean;Coffee","honoured","acme","","",3,0.037500,0.04,0.04"#,
            r#""2026-11","","","programme","","","",,,,1.02"#,
            "",
        ];
        assert_eq!(String::from_utf8(table.bytes.to_vec()).unwrap(), want.join("\r\n"));
        let page =
            shop.send("GET", "/settlements/2026-11?format=csv&limit=1&cursor=acme", &headers, b"").await;
        let rows: Vec<&str> = std::str::from_utf8(&page.bytes).unwrap().lines().collect();
        assert_eq!(rows, [want[0], want[2], want[3], want[4]]);
        for bad in ["format=xml", "limit=0", "cursor=a%20b", "page=1"] {
            let path = format!("/settlements/2026-11?{bad}");
            shop.refused("422 invalid_field", "GET", &path, Value::Null).await;
        }
    });
}

#[test]
fn months_are_listed_newest_first_in_pages() {
    run(async {
        let shop = Shop::over(Arc::new(MemoryStore::new()), &coalition(), "2027-02-20T09:00:00+08:00").await;
        let until = async || shop.api.engine.partners().settled_until().await.unwrap();
        assert_eq!(until().await, None);
        for (month, end) in [
            ("2026-11", "2026-12-01T00:00:00+08:00"),
            ("2027-01", "2027-02-01T00:00:00+08:00"),
            ("2026-12", "2027-02-01T00:00:00+08:00"),
            ("2026-10", "2027-02-01T00:00:00+08:00"),
        ] {
            close(&shop, month).await;
            assert_eq!(until().await, domain::time::Instant::parse(end));
        }
        let (mut months, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = shop.ok("GET", &format!("/settlements?limit=2{cursor}"), Value::Null).await;
            let found = page["settlements"].as_array().unwrap().iter();
            months.extend(found.map(|month| month["month"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(months, ["2027-01", "2026-12", "2026-11", "2026-10"]);
        shop.refused("422 invalid_field", "GET", "/settlements?cursor=x", Value::Null).await;
    });
}
