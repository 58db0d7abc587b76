//! The audit of offers: a history with everything in it agrees with its ledgers, and whatever is changed in the store behind
//! the engine's back is named.

use std::sync::Arc;

use domain::offer::grant::HeldBy;
use edge::wire::read_member_id;
use engine::{
    keys::{self, kind},
    memory::MemoryStore,
    records::{
        EntryRecord, OfferAccountRecord, PrintedCodeRecord, Stored, UseRecord, UseState, WindowRecord,
        decode, encode,
    },
    store::{Change, Expect, Key, Kind, Store, Write},
};
use serde_json::{Value, json};

use crate::{
    codes::by_code,
    offers::coupon,
    support::{Shop, program},
};

/// A shop in which offers were had and used in every way.
struct History {
    shop: Shop,
    store: Arc<MemoryStore>,
    member: String,
}

impl History {
    async fn begin() -> History {
        let store = Arc::new(MemoryStore::new());
        let shop = Shop::over(store.clone(), &program(), "2026-03-02T10:00:00+08:00").await;
        let member = shop.member("m").await;
        shop.earn(&member, "E-1", "1000").await;
        let history = History { shop, store, member };
        history.offers().await;
        history
    }

    async fn offers(&self) {
        let put = async |id: &str, beside: Value| {
            self.shop.ok("PUT", &format!("/offers/{id}"), coupon("acme", beside)).await;
        };
        put(
            "claimed",
            json!({"stock": {"total": 9}, "uses": {"total": 9, "per_day": 9}, "budget": {"total": "90.00"}}),
        )
        .await;
        put("bought", json!({"how": "buy", "price": {"points": 3}, "stock": {"total": 9, "per_day": 5}}))
            .await;
        put("issued", json!({"how": "issue"})).await;
        let price = json!({"how": "auto", "gives": {"discount": {"unit_price": "40.00"}},
            "items": {"skus": ["priced"]}});
        put("price", price).await;
        let cake = json!({"how": "auto", "gives": {"item": {"sku": "cake"}}, "settle": "9.00",
            "per_member": {"n": 2, "per": "month"}});
        put("cake", cake).await;
        put("kept", json!({"restore": "never"})).await;
        self.shop.ok("PUT", "/offers/paper", by_code()).await;
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.shop.ok("POST", path, body).await
    }

    async fn had(&self, offer: &str) -> String {
        let id = format!("r-{}", self.shop.fresh());
        let given = match offer {
            "issued" => {
                let body = json!({"member_id": self.member, "offer": offer, "issue_id": id, "reason": "r"});
                self.post("/grants", body).await
            }
            _ => {
                let of = json!({"kind": "reward", "offer_id": offer, "claim_id": id});
                self.post("/redeem", json!({"member_id": self.member, "brand": "acme", "for": of})).await
            }
        };
        given["grant"]["id"].as_str().unwrap().to_owned()
    }

    async fn uses(&self, order: &str, pieces: u64, beside: Value) -> Value {
        let sku = if order.starts_with(['G', 'M']) { "priced" } else { "s" };
        let line =
            json!({"line_id": "1", "sku": sku, "quantity": pieces, "amount": format!("{}.00", 50 * pieces)});
        let mut body = json!({"brand": "acme", "order_id": order, "lines": [line]});
        body.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        self.post("/use", body).await
    }

    async fn back(&self, order: &str) {
        self.post("/reverse", json!({"brand": "acme", "order_id": order, "use": "all"})).await;
    }

    /// Everything once, with and without a member.
    async fn everything(&self) {
        let mine = |beside: Value| {
            let mut own = json!({"member_id": self.member});
            own.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
            own
        };
        let grants = |ids: &[&String]| mine(json!({"grants": ids}));
        let held = |ids: &[&String]| mine(json!({"grants": ids, "hold": true}));
        let (a, b, c) = (self.had("claimed").await, self.had("claimed").await, self.had("claimed").await);
        let (bought, given_back) = (self.had("bought").await, self.had("bought").await);
        let (issued, taken_back, kept) =
            (self.had("issued").await, self.had("issued").await, self.had("kept").await);
        self.uses("A", 2, grants(&[&a])).await;
        self.back("A").await;
        self.uses("B", 2, held(&[&b])).await;
        self.uses("B", 2, grants(&[&b])).await;
        self.uses("C", 2, held(&[&c])).await;
        self.back("C").await;
        self.uses("K", 3, grants(&[&kept])).await;
        let part = json!({"lines": [{"line_id": "1", "quantity": 1}]});
        self.post("/reverse", json!({"brand": "acme", "order_id": "K", "use": part})).await;
        self.shop.at("2026-03-03T10:00:00+08:00");
        self.back("K").await;
        self.post("/reverse", json!({"grant_id": given_back})).await;
        self.post(&format!("/grants/{taken_back}/revoke"), json!({"reason": "r"})).await;
        self.uses("I", 1, grants(&[&issued])).await;
        self.post(&format!("/grants/{bought}/revoke"), json!({"reason": "r"})).await;
        for (revision, pieces) in [(1, 3), (2, 1), (3, 4)] {
            self.uses("G", pieces, json!({"revision": revision})).await;
            self.uses("M", pieces, mine(json!({"revision": revision}))).await;
        }
        self.uses("W", 1, mine(json!({"grants": ["cake"]}))).await;
        self.back("G").await;
        self.uses("G2", 2, json!({})).await;
        let body = json!({"count": 2, "batch_id": "b"}).to_string();
        let key = format!("Bearer {}", crate::support::ADMIN_KEY);
        let printed =
            self.shop.send("POST", "/offers/paper/codes", &[("authorization", &key)], body.as_bytes()).await;
        let printed = String::from_utf8(printed.bytes.to_vec()).unwrap();
        let codes: Vec<&str> = printed.lines().skip(1).collect();
        self.uses("P1", 1, json!({"codes": [codes[0]]})).await;
        self.uses("P2", 1, json!({"codes": [codes[1]]})).await;
        self.back("P2").await;
        // Something lapses, and something is still held.
        let c = &c;
        self.uses("H1", 2, held(&[c])).await;
        self.shop.at("2026-03-03T11:00:00+08:00");
        self.uses("H2", 2, held(&[c])).await;
    }

    /// What the audit names, each with what it is about.
    async fn found(&self) -> Vec<String> {
        let engine = &self.shop.api.engine;
        let mut books = engine::Books::at(self.shop.api.clock.now());
        let mut found = Vec::new();
        for id in engine.records().member_ids(None, 100).await.unwrap().0 {
            let finding = engine.ledger().audit_member(id).await.unwrap();
            books.note(id, &finding);
            found.extend(finding.differences);
        }
        let strays = engine.ledger().strays(&books).await.unwrap();
        found.extend(strays.members.into_values().flatten());
        let of_offers = strays.offers.iter();
        found.extend(of_offers.flat_map(|(id, all)| all.iter().map(move |text| format!("{id}: {text}"))));
        found
    }

    /// Changes the first record of that kind that `change` changes, looks, and puts it back.
    async fn with<T: Stored>(&self, kind: Kind, change: impl Fn(&Key, &mut T) -> bool) -> Vec<String> {
        for (key, record) in self.shop.snapshot().await {
            if key.kind() != kind {
                continue;
            }
            let Ok(mut own) = decode::<T>(&key, &record.value) else { continue };
            if change(&key, &mut own) {
                self.put(&key, Change::Put(encode(&own))).await;
                let found = self.found().await;
                self.put(&key, Change::Put(record.value)).await;
                return found;
            }
        }
        panic!("nothing was changed");
    }

    async fn put(&self, key: &Key, change: Change) {
        let write = Write { key: key.clone(), expect: Expect::Anything, change };
        self.store.commit(vec![write]).await.unwrap();
    }
}

fn is_account(key: &Key, offer: &str) -> bool {
    keys::read_offer_account(key).is_some_and(|(own, _)| own.as_str() == offer)
}

#[tokio::test]
async fn a_history_with_everything_agrees() {
    let history = History::begin().await;
    assert_eq!(history.found().await, [""; 0]);
    history.everything().await;
    assert_eq!(history.found().await, [""; 0]);
    // What is held ends by itself.
    history.shop.at("2026-03-05T10:00:00+08:00");
    assert_eq!(history.found().await, [""; 0]);
}

#[tokio::test]
async fn what_an_account_counts_wrongly_is_named() {
    let history = History::begin().await;
    history.everything().await;
    type Wrong = fn(&mut OfferAccountRecord) -> bool;
    for (offer, change, want) in [
        (
            "claimed",
            (|account| {
                account.issued += 1;
                true
            }) as Wrong,
            "claimed: pieces issued: 4 are counted, 3 by the ledger",
        ),
        (
            "claimed",
            |account| {
                account.used -= 1;
                true
            },
            "claimed: uses: 0 are counted, 1 by the ledger",
        ),
        (
            "claimed",
            |account| {
                account.spent.0 += 1;
                true
            },
            "claimed: minor units of its budget: 501 are counted, 500 by the ledger",
        ),
        (
            "claimed",
            |account| {
                account.taken[0].returned += 1;
                true
            },
            "claimed: taken on 2026-03-02: 3 issued, 2 used, 2 returned, 500 minor units are counted, \
             3 issued, 2 used, 1 returned, 500 minor units by the ledger",
        ),
        (
            "claimed",
            |account| {
                account.days[0].issued += 1;
                true
            },
            "claimed: by limits of 2026-03-02: 4 issued, 1 used are counted, 3 issued, 1 used by the ledger",
        ),
        (
            "claimed",
            |account| {
                account.holds.clear();
                true
            },
            "claimed: held until 2026-03-03T11:15:00+08:00: 0 uses, 0 minor units are counted, 1 uses, 500 minor units by the ledger",
        ),
        (
            "price",
            |account| {
                account.used += 1;
                true
            },
            "price: uses: 7 are counted, 6 by the ledger",
        ),
    ] {
        let found = history.with::<OfferAccountRecord>(kind::OFFER_ACCOUNT, |key, own| {
            is_account(key, offer) && change(own)
        });
        assert_eq!(found.await, [want]);
    }
}

#[tokio::test]
async fn what_grants_windows_codes_and_uses_say_wrongly_is_named() {
    let history = History::begin().await;
    history.everything().await;
    let mine = read_member_id(&history.member).unwrap();
    let found = history.with::<EntryRecord>(kind::GRANT, |key, own| {
        let is_claimed = own.event.kind.issued().is_some_and(|issued| issued.offer.as_str() == "claimed");
        let kept = own.grant.get_or_insert_default();
        let is_used = keys::read_grant(key).is_some() && is_claimed && kept.taken == 1;
        kept.taken = 0;
        is_used
    });
    let found = found.await;
    assert!(
        matches!(&found[..], [text] if text.ends_with("a grant of claimed: 0 are stored as used, 1 by the ledger")),
        "{found:?}"
    );
    let found = history.with::<EntryRecord>(kind::GRANT, |_, own| {
        own.grant.as_deref_mut().is_some_and(|kept| kept.revoked.take().is_some())
    });
    let found = found.await;
    assert!(found[0].ends_with("it is stored as not taken back, and taken back by the ledger"), "{found:?}");
    let found = history.with::<WindowRecord>(kind::GRANT, |key, own| {
        own.taken += 1;
        keys::read_grant(key).is_some_and(|(.., number)| number == 0) && own.holder == mine
    });
    assert_eq!(found.await, ["offer cake: -1 used beside what its windows say"]);
    let found = history.with::<PrintedCodeRecord>(kind::STOCK, |key, own| {
        own.taken += 1;
        keys::read_printed_code(key) == Some((0, 0))
    });
    assert_eq!(found.await, ["paper: printed code 0 of batch 0: -1 used beside what it says"]);
    let of_order = |own: &UseRecord, order: &str| {
        let is_it = matches!(&own.by, HeldBy::Order(id) if id.as_str() == order);
        own.state == UseState::Used && is_it
    };
    let found = history.with::<UseRecord>(kind::USE, |_, own| {
        let is_it = of_order(own, "I");
        own.has.clear();
        is_it
    });
    let want = [
        "what order I at acme uses of offers: it is stored otherwise than the ledger tells",
        "issued: by limits of 2026-03-03: 1 issued, 1 used are counted, 1 issued, 0 used by the ledger",
    ];
    assert_eq!(found.await.len(), want.len());
    // Of a guest's nothing else tells.
    let found = history.with::<UseRecord>(kind::USE, |_, own| {
        let is_it = of_order(own, "G2");
        own.taken.clear();
        is_it
    });
    let found = found.await;
    assert!(found.iter().any(|text| text == "price: uses: 6 are counted, 4 by the ledger"), "{found:?}");
}
