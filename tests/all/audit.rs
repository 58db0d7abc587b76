//! The audit finds damage: whatever is changed in the store behind the engine's back is named.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    id::{BlockRef, BrandId, OrderId, TierId},
    member::{MemberId, Standing, Status},
};
use edge::wire::read_member_id;
use engine::{
    keys,
    memory::MemoryStore,
    records::{EntryRecord, MemberRecord, decode, encode},
    store::{Change, Expect, Key, Store, Write},
};
use serde_json::{Value, json};

use crate::{histories::run, support::Shop};

/// A member with every kind of entry, and access to its records.
struct Books {
    shop: Shop,
    store: Arc<MemoryStore>,
    id: MemberId,
}

impl Books {
    async fn open() -> Books {
        let program = json!({
            "name": "Books", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
            "brands": [{"id": "acme", "name": "Acme"}, {"id": "bean", "name": "Bean"}],
            "points": {"per_unit": "1", "hold_days": 3, "expiry": {"mode": "months", "months": 12}},
            "growth": {"per_unit": "1"},
            "tiers": [
                {"id": "basic", "growth": 0},
                {"id": "silver", "growth": 300, "validity": {"months": 12}},
                {"id": "gold", "growth": 1000, "trial": {"at_percent": 50, "days": 30}},
            ],
            "activities": [{"id": "check_in", "points": 5, "growth": 1, "per_day": 1}],
            "badges": [{"id": "first_order", "when": {"fact": "orders.count", "op": ">=", "value": 1}}],
        });
        let store = Arc::new(MemoryStore::new());
        let shop = Shop::over(store.clone(), &program, "2019-01-01T09:00:00+08:00").await;
        let member = shop.member("somebody").await;
        let post = async |path: &str, mut body: Value| {
            if path != "/reverse" {
                body["member_id"] = json!(member);
            }
            shop.ok("POST", path, body).await
        };
        let order =
            |id: &str, brand: &str, amount: &str| json!({"brand": brand, "order_id": id, "amount": amount});
        post("/earn-points", order("lost", "acme", "40")).await;
        shop.at("2020-02-01T09:00:00+08:00"); // the first order's points have expired
        let lines = json!([{"line_id": "1", "quantity": 3, "amount": "300"}]);
        post("/earn-points", json!({"brand": "acme", "order_id": "lines", "lines": lines})).await;
        post("/earn-points", order("plain", "bean", "200")).await;
        post("/earn-points", json!({"brand": "acme", "activity": "check_in"})).await;
        shop.at("2020-02-05T09:00:00+08:00");
        let refund = json!({"lines": [{"line_id": "1", "quantity": 1}]});
        post("/reverse", json!({"brand": "acme", "order_id": "lines", "refund": refund})).await;
        let refund = json!({"amount": "50"});
        post("/reverse", json!({"brand": "bean", "order_id": "plain", "refund": refund, "refund_id": "f"}))
            .await;
        let spent =
            |id: &str| json!({"brand": "bean", "points": 30, "for": {"kind": "order", "order_id": id}});
        post("/redeem", spent("kept")).await;
        let redemption = post("/redeem", spent("cancelled")).await["redemption_id"].clone();
        post("/reverse", json!({"redemption_id": redemption})).await;
        let adjust = json!({"brand": "acme", "points": 20, "growth": 3, "reason": "r", "adjustment_id": "j"});
        post("/adjust", adjust).await;
        post("/earn-points", order("held", "acme", "10")).await;
        let id = read_member_id(&member).unwrap();
        Books { shop, store, id }
    }

    async fn member(&self) -> MemberRecord {
        self.shop.api.engine.records().member(self.id).await.unwrap().unwrap()
    }

    /// The entries with their keys, newest first.
    async fn entries(&self) -> Vec<(Key, EntryRecord)> {
        let record = self.member().await;
        let own = |named: Option<Vec<u8>>, seq| named.map_or(keys::entry(self.id, seq), Key::new);
        let mut key = own(record.last, record.member.seq);
        let mut entries = Vec::new();
        loop {
            let stored = self.store.get(std::slice::from_ref(&key)).await.unwrap()[0].clone().unwrap();
            let entry: EntryRecord = decode(&key, &stored.value).unwrap();
            let (previous, seq) = (entry.previous.clone(), entry.seq);
            entries.push((key, entry));
            if seq == 1 {
                return entries;
            }
            key = own(previous, seq - 1);
        }
    }

    async fn change(&self, key: Key, change: Change) {
        let write = Write { key, expect: Expect::Anything, change };
        self.store.commit(vec![write]).await.unwrap();
    }

    async fn put(&self, (key, entry): (Key, EntryRecord)) {
        self.change(key, Change::Put(encode(&entry))).await;
    }

    async fn found(&self) -> Vec<String> {
        self.shop.api.engine.ledger().audit_member(self.id).await.unwrap().differences
    }

    /// Strays in the store, as the whole audit finds them.
    async fn strays(&self) -> Vec<String> {
        let engine = &self.shop.api.engine;
        let mut books = engine::Books::default();
        for id in engine.records().member_ids(None, 100).await.unwrap().0 {
            books.note(id, &engine.ledger().audit_member(id).await.unwrap());
        }
        let found = engine.ledger().strays(&books).await.unwrap();
        found.members.into_values().chain(found.brands.into_values()).flatten().collect()
    }

    async fn must_find(&self, what: &str) {
        assert!(!self.found().await.is_empty(), "the audit did not see: {what}");
    }
}

/// The index of the first entry that the test is about.
fn place(entries: &[(Key, EntryRecord)], about: impl Fn(&EntryRecord) -> bool) -> usize {
    entries.iter().position(|(_, entry)| about(entry)).unwrap()
}

#[test]
fn books_in_order_pass() {
    run(async {
        let books = Books::open().await;
        assert_eq!(books.found().await, Vec::<String>::new());
        let kinds: std::collections::BTreeSet<_> =
            books.entries().await.iter().map(|(_, entry)| entry.event.kind.row().word).collect();
        let all = "activity adjust badge earn expire redeem reverse_earn reverse_redeem tier";
        assert_eq!(kinds, all.split(' ').collect());
        let finding = books.shop.api.engine.ledger().audit_member(books.id).await.unwrap();
        let (mut points, mut counts) = (BTreeMap::<_, i64>::new(), BTreeMap::<_, u64>::new());
        for (_, entry) in books.entries().await {
            *points.entry(entry.event.kind.row().word).or_default() += entry.event.movement.points();
            *counts.entry(entry.event.kind.row().word).or_default() += 1;
        }
        assert!(counts["earn"] > 1 && points["redeem"] < 0);
        assert_eq!((&finding.points, &finding.kinds), (&points, &counts));
        assert_eq!((finding.entries, finding.tier.as_str()), (counts.values().sum(), "silver"));
    });
}

/// An entry names its member and its place, and both must be right.
#[test]
fn an_entry_of_another_member_or_place_is_found() {
    run(async {
        let other = |entry: &mut EntryRecord| entry.member = MemberId([9; 16]);
        let elsewhere = |entry: &mut EntryRecord| entry.seq += 1_000;
        for (change, is_other) in [(other as fn(&mut EntryRecord), true), (elsewhere, false)] {
            let books = Books::open().await;
            // One that its order names: the chain does not end where it should.
            let mut entries = books.entries().await;
            let at = place(&entries, |entry| entry.previous.is_some());
            let seq = entries[at].1.seq;
            change(&mut entries[at].1);
            let stands = entries[at].1.seq;
            books.put(entries.swap_remove(at)).await;
            let found = books.found().await;
            let want = format!("entry {stands} stands where {seq} belongs");
            assert!(found.contains(&want), "{is_other}: {found:?}");
        }
    });
}

#[test]
fn an_entry_that_is_gone_or_stands_twice_is_found() {
    run(async {
        let count = Books::open().await.entries().await.len();
        for at in 0..count {
            let books = Books::open().await;
            let (key, _) = books.entries().await.remove(at);
            books.change(key, Change::Delete).await;
            books.must_find(&format!("entry {} is gone", count - at)).await;
        }
        for at in 1..count - 1 {
            let books = Books::open().await;
            let mut entries = books.entries().await;
            entries[at - 1].1.previous = Some(entries[at + 1].0.as_bytes().to_vec());
            books.put(entries.swap_remove(at - 1)).await;
            books.must_find(&format!("entry {} is left out", count - at)).await;
        }
        for at in 1..count {
            let books = Books::open().await;
            let mut entries = books.entries().await;
            let mut twice = entries[at].1.clone();
            twice.previous = Some(entries[at].0.as_bytes().to_vec());
            let copy = keys::entry(books.id, 1_000);
            entries[at - 1].1.previous = Some(copy.as_bytes().to_vec());
            books.put(entries.swap_remove(at - 1)).await;
            books.put((copy, twice)).await;
            books.must_find(&format!("entry {} stands twice", count - at)).await;
        }
    });
}

#[test]
fn an_entry_changed_by_one_is_found_even_with_its_balances_made_to_fit() {
    run(async {
        let count = Books::open().await.entries().await.len();
        for (at, made_to_fit, what) in (0..count * 6).map(|n| (n / 6, n % 2 == 0, n / 2 % 3)) {
            let books = Books::open().await;
            let mut entries = books.entries().await;
            let movement = &mut entries[at].1.event.movement;
            let points = match (what, movement.shares.first_mut()) {
                (0, Some(share)) => {
                    share.points += 1;
                    1
                }
                (1, _) => {
                    movement.debt += 1;
                    -1
                }
                (2, _) => {
                    movement.growth += 1;
                    0
                }
                _ => continue,
            };
            if made_to_fit {
                entries[..=at].iter_mut().for_each(|(_, entry)| entry.balance_after += points);
            }
            for entry in entries {
                books.put(entry).await;
            }
            books.must_find(&format!("entry {} changed in {what}", count - at)).await;
        }
    });
}

#[test]
fn a_member_that_was_changed_is_found() {
    type Damage = (&'static str, fn(&mut domain::member::Member));
    let damages: [Damage; 20] = [
        ("points of a lot", |member| member.lots[0].points += 1),
        ("a lot's end", |member| member.lots[0].expires_at = None),
        ("a lot's brand", |member| member.lots[0].brand = "bean".parse().unwrap()),
        ("a hold", |member| member.lots.iter_mut().for_each(|lot| lot.held_until = None)),
        ("a lot gone", |member| _ = member.lots.pop()),
        ("debt", |member| member.debt = 1),
        ("growth", |member| member.growth -= 1),
        ("growth of the period", |member| member.period_growth += 1),
        ("the tier", |member| member.standing.tier = TierId::of_checked("gold")),
        ("the tier's end", |member| {
            member.standing = Standing { valid_until: None, ..member.standing.clone() }
        }),
        ("periods kept", |member| member.standing.kept += 1),
        ("a tier for life", |member| member.lifetime = Some(TierId::of_checked("silver"))),
        ("a trial", |member| member.trial = None),
        ("trials had", |member| member.tried.clear()),
        ("badges", |member| member.badges.clear()),
        ("orders", |member| member.orders.count += 1),
        ("what was granted", |member| member.granted[0].1 -= 1),
        ("activities", |member| member.activities[0].days.clear()),
        ("the day it was active", |member| member.active_on = member.active_on.plus(1)),
        ("the status", |member| member.status = Status::Suspended),
    ];
    run(async {
        for (what, damage) in damages {
            let books = Books::open().await;
            let mut record = books.member().await;
            let before = record.member.clone();
            damage(&mut record.member);
            assert_ne!(record.member, before, "{what}");
            books.change(keys::member(books.id), Change::Put(encode(&record))).await;
            books.must_find(what).await;
        }
    });
}

#[test]
fn an_order_or_a_redemption_that_was_changed_is_found() {
    type Damage = (&'static str, fn(&mut EntryRecord));
    let orders: [Damage; 6] = [
        ("points", |entry| entry.order.as_mut().unwrap().now.state.points += 1),
        ("growth", |entry| entry.order.as_mut().unwrap().now.state.growth -= 1),
        ("what was refunded", |entry| entry.order.as_mut().unwrap().now.state.amount.0 += 1),
        ("refunds", |entry| entry.order.as_mut().unwrap().now.state.refunds += 1),
        ("nothing left", |entry| entry.order.as_mut().unwrap().now.state.closed = true),
        ("no state", |entry| entry.order = None),
    ];
    run(async {
        for (order, (what, damage)) in
            ["lost", "lines", "plain"].into_iter().flat_map(|order| orders.map(|damage| (order, damage)))
        {
            let books = Books::open().await;
            let mut entries = books.entries().await;
            let earned = |entry: &EntryRecord| {
                entry.event.kind.row().order_id == Some(&OrderId::of_checked(order))
                    && entry.event.kind.row().word == "earn"
            };
            let at = place(&entries, earned);
            damage(&mut entries[at].1);
            books.put(entries.swap_remove(at)).await;
            books.must_find(&format!("{what} of order {order}")).await;
        }
        for order in ["kept", "cancelled"] {
            let books = Books::open().await;
            let mut entries = books.entries().await;
            let at =
                place(&entries, |entry| entry.event.kind.row().order_id == Some(&OrderId::of_checked(order)));
            entries[at].1.cancelled ^= 1;
            books.put(entries.swap_remove(at)).await;
            books.must_find(&format!("redemption {order} (not) cancelled")).await;
        }
    });
}

#[test]
fn a_member_missing_from_the_due_index_is_found() {
    run(async {
        let books = Books::open().await;
        let at = books.member().await.member.due_at().unwrap();
        books.change(keys::due(at, books.id), Change::Delete).await;
        let found = books.found().await;
        assert_eq!(found, ["is missing from the due index"]);
    });
}

#[test]
fn half_a_commit_is_found() {
    run(async {
        let books = Books::open().await;
        assert_eq!(books.strays().await, Vec::<String>::new());

        // The entry is there and the member is as it was before it.
        let mut stray = books.entries().await.remove(0);
        stray.0 = keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("restored"));
        stray.1.seq += 1;
        let count = books.entries().await.len();
        books.put(stray).await;
        assert_eq!(books.found().await, Vec::<String>::new(), "its ledger is whole");
        let want = format!("entries: {} are stored, {count} belong to the member", count + 1);
        assert_eq!(books.strays().await, [want]);

        // A member without the claim on its identity could be registered again.
        let books = Books::open().await;
        let claims = books.store.walk(Some(keys::kind::IDENTITY), None, 10).await.unwrap().records;
        books.change(claims[0].0.clone(), Change::Delete).await;
        assert_eq!(books.strays().await, ["claims on identities: 0 are stored, 1 belong to the member"]);

        // A claim and entries whose member does not exist.
        let books = Books::open().await;
        books.change(keys::member(books.id), Change::Delete).await;
        let want = format!("there is no such member, but {count} entries and 1 claims of it");
        assert_eq!(books.strays().await, [want]);
    });
}

/// A shop whose brand has a limit and a block; the store is in order.
async fn counted() -> (Shop, Arc<MemoryStore>) {
    let says = json!({
        "limits": [{"per": "day", "issue": 10_000}, {"per": "month", "redeem": 10_000}],
        "funding": {"mode": "prepaid"},
    });
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &crate::accounts::club(&says), crate::support::START).await;
    let block = json!({"points": 5_000, "price": "1", "reference": "PO-1"});
    shop.ok("POST", "/partners/acme/blocks", block).await;
    for number in 0..8 {
        let member = shop.somebody().await;
        shop.earn(&member, &format!("A-{number}"), "20").await;
        shop.redeem(&member, &format!("R-{number}"), 3).await;
    }
    let part = json!({"amount": "5"});
    shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-1", "refund": part})).await;
    assert_eq!(brands(&shop).await, Vec::<String>::new());
    (shop, store)
}

/// A day's and a month's limit count from zero again.
#[test]
fn an_account_agrees_with_the_ledger_on_every_day() {
    run(async {
        let (shop, store) = counted().await;
        for (number, day) in ["2026-03-03", "2026-03-04", "2026-04-01"].into_iter().enumerate() {
            shop.at(&format!("{day}T10:00:00+08:00"));
            let member = shop.somebody().await;
            shop.earn(&member, &format!("B-{number}"), "20").await;
            shop.redeem(&member, &format!("S-{number}"), 3).await;
            assert_eq!(brands(&shop).await, Vec::<String>::new(), "{day}");
        }
        // Points issued on other days do not make up for a missing order of this day.
        let change = Change::Delete;
        let write = Write {
            key: keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("B-2")),
            expect: Expect::Anything,
            change,
        };
        store.commit(vec![write]).await.unwrap();
        let found = brands(&shop).await;
        let want = "issue per day: 20 points are counted, 0 by the ledger";
        assert!(found.iter().any(|text| text == want), "{found:?}");
    });
}

async fn brands(shop: &Shop) -> Vec<String> {
    let found = shop.api.engine.ledger().strays(&engine::Books::default()).await.unwrap();
    found.brands.into_values().flatten().collect()
}

/// Accounts are compared with the ledger and with what was bought.
#[test]
fn an_account_that_says_something_else_than_the_ledger_is_found() {
    run(async {
        let write = async |store: &MemoryStore, key: Key, change: Change| {
            store.commit(vec![Write { key, expect: Expect::Anything, change }]).await.unwrap();
        };
        // A part of what was allotted is gone.
        let (shop, store) = counted().await;
        let records = store.walk(Some(keys::kind::ACCOUNT), None, 50).await.unwrap().records;
        write(&store, records[0].0.clone(), Change::Delete).await;
        let found = brands(&shop).await;
        assert!(found.iter().any(|text| text.starts_with("issue per day: ")), "{found:?}");
        assert!(found.iter().any(|text| text.starts_with("redeem per month: ")), "{found:?}");
        assert!(found.iter().any(|text| text.starts_with("block 1: ")), "{found:?}");

        // An order that nothing was counted for, by points and by block.
        let (shop, store) = counted().await;
        let key = keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("A-0"));
        let stored = store.get(std::slice::from_ref(&key)).await.unwrap()[0].clone().unwrap();
        let mut entry: EntryRecord = decode(&key, &stored.value).unwrap();
        entry.blocks = Vec::new();
        write(
            &store,
            keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("more")),
            Change::Put(encode(&entry)),
        )
        .await;
        assert_eq!(brands(&shop).await, ["issue per day: 160 points are counted, 180 by the ledger"]);
        write(&store, key, Change::Put(encode(&entry))).await;
        write(
            &store,
            keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked("more")),
            Change::Delete,
        )
        .await;
        assert_eq!(brands(&shop).await, ["block 1: bought, less drawn, less left, is 20 and not 0"]);

        // A block that is larger than it was sold.
        let (shop, store) = counted().await;
        let key = keys::block(&BrandId::of_checked("acme"), &BlockRef::of_checked("PO-1"));
        let stored = store.get(std::slice::from_ref(&key)).await.unwrap()[0].clone().unwrap();
        let mut block: engine::records::BlockRecord = decode(&key, &stored.value).unwrap();
        block.points += 1;
        write(&store, key, Change::Put(encode(&block))).await;
        assert_eq!(brands(&shop).await, ["block 1: bought, less drawn, less left, is 1 and not 0"]);
    });
}
