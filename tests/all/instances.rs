//! Two instances over one store, as on AWS: whatever one does between the other's reading and its
//! commit, each thing is done once and nothing is lost. The order of events is fixed, not raced.

use domain::id::{BrandId, OrderId};
use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use engine::{
    keys,
    memory::MemoryStore,
    redemption_id,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{Reply, START, Shop, program},
};

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The store as the first instance sees it: something happens just before a commit.
pub(crate) struct Between {
    inner: Arc<MemoryStore>,
    deed: Mutex<Option<Deed>>,
    /// Happens after the first read of that record that follows the other's action.
    then: Mutex<Option<(Key, Deed)>>,
}

impl Between {
    pub(crate) fn new(inner: Arc<MemoryStore>) -> Between {
        Between { inner, deed: Mutex::new(None), then: Mutex::new(None) }
    }

    /// What happens before the next commit.
    pub(crate) fn before(&self, deed: impl Future<Output = ()> + Send + 'static) {
        *self.deed.lock().unwrap() = Some(Box::pin(deed));
    }

    /// What happens once that record has been read; after the other, if there is one.
    pub(crate) fn after_reading(&self, key: Key, deed: impl Future<Output = ()> + Send + 'static) {
        *self.then.lock().unwrap() = Some((key, Box::pin(deed)));
    }

    /// Whether it has happened.
    pub(crate) fn is_done(&self) -> bool {
        self.deed.lock().unwrap().is_none()
    }
}

impl Store for Between {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            let found = self.inner.get(keys).await;
            let then = self.then.lock().unwrap().take_if(|(key, _)| self.is_done() && keys.contains(key));
            if let Some((_, then)) = then {
                then.await;
            }
            found
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        let deed = self.deed.lock().unwrap().take();
        Box::pin(async move {
            if let Some(deed) = deed {
                deed.await;
            }
            self.inner.commit(writes).await
        })
    }
}

/// A request: path, body, key.
type Call = (&'static str, Value, Option<&'static str>);

struct Two {
    first: Shop,
    second: Arc<Shop>,
    between: Arc<Between>,
    member: String,
}

impl Two {
    /// A member with 100 points of the order `A-0` and 50 of `B-0` at another brand.
    async fn open() -> Two {
        let inner = Arc::new(MemoryStore::new());
        let second = Arc::new(Shop::over(inner.clone(), &program(), START).await);
        let between = Arc::new(Between::new(inner));
        let first = Shop::over(between.clone(), &program(), START).await;
        let member = second.member("somebody").await;
        second.earn(&member, "A-0", "100").await;
        Two { first, second, between, member }
    }

    /// The first instance gets a request; before it commits, the second gets one and answers.
    async fn meet(&self, mine: Call, theirs: Call) -> (Reply, Reply) {
        let (second, told) = (self.second.clone(), Arc::new(Mutex::new(None)));
        let heard = told.clone();
        let deed = async move {
            let method = if theirs.0 == "/program" { "PUT" } else { "POST" };
            let reply = second.call_with(method, theirs.0, &theirs.1, theirs.2).await;
            *heard.lock().unwrap() = Some(reply);
        };
        self.between.before(deed);
        let mine = self.first.call_with("POST", mine.0, &mine.1, mine.2).await;
        let theirs = told.lock().unwrap().take();
        let theirs = theirs.unwrap_or_else(|| panic!("did not commit: {}", mine.body));
        (mine, theirs)
    }

    fn of_member(&self, mut body: Value) -> Value {
        body["member_id"] = json!(self.member);
        body
    }

    fn order(&self, id: &str, amount: &str) -> Value {
        self.of_member(json!({"brand": "acme", "order_id": id, "amount": amount}))
    }

    fn redeem(&self, id: &str) -> Value {
        let spent = json!({"kind": "order", "order_id": id});
        self.of_member(json!({"brand": "acme", "points": 100, "for": spent}))
    }

    /// The result in the end: the balance, if the books are in order.
    async fn balance(&self) -> i64 {
        let id = edge::wire::read_member_id(&self.member).unwrap();
        let found = self.second.api.engine.ledger().audit_member(id).await.unwrap();
        assert_eq!(found.differences, Vec::<String>::new());
        let ledger = self.second.ledger(&self.member, 50).await;
        let points = &self.first.show(&self.member).await["points"];
        let whole = |field: &str| points[field].as_i64().unwrap();
        let balance = whole("available") + whole("held") - whole("debt");
        assert_eq!(ledger.iter().map(|entry| entry["points"].as_i64().unwrap()).sum::<i64>(), balance);
        balance
    }

    /// Both send a request; returns each answer, and the result.
    async fn check(&self, mine: Call, theirs: Call, want: (&str, &str, i64)) -> (Reply, Reply) {
        let what = format!("{mine:?} meets {theirs:?}");
        let (mine, theirs) = self.meet(mine, theirs).await;
        let got = (mine.verdict(), theirs.verdict(), self.balance().await);
        assert_eq!((got.0.as_str(), got.1.as_str(), got.2), want, "{what}: {} {}", mine.body, theirs.body);
        (mine, theirs)
    }
}

#[test]
fn the_same_thing_told_to_both_is_done_once_with_one_answer() {
    run(async {
        let two = Two::open().await;
        let badge = two.of_member(json!({"badge": "founder", "reason": "r"}));
        let adjust =
            two.of_member(json!({"brand": "acme", "points": 5, "reason": "r", "adjustment_id": "j"}));
        let activity = two.of_member(json!({"brand": "acme", "activity": "review", "activity_ref": "v"}));
        let refund = json!({"brand": "acme", "order_id": "A-0", "refund": {"amount": "7"}, "refund_id": "f"});
        let all = [
            ("/earn-points", two.order("A-1", "10"), 110),
            ("/adjust", adjust, 115),
            ("/earn-points", activity, 118),
            ("/reverse", refund, 111),
            ("/redeem", two.redeem("R-1"), 11),
        ];
        for (path, body, balance) in all {
            let want = ("200", "200", balance);
            let (mine, theirs) =
                two.check((path, body.clone(), None), (path, body.clone(), None), want).await;
            assert!(mine.bytes == theirs.bytes && mine.replayed() && !theirs.replayed(), "{path} {body}");
        }
        let (mine, theirs) = two
            .check(("/issue-badge", badge.clone(), None), ("/issue-badge", badge, None), ("200", "201", 11))
            .await;
        assert_eq!((&mine.body["issued"], &theirs.body["issued"]), (&json!(false), &json!(true)));
    });
}

#[test]
fn one_key_stands_for_one_answer_in_both() {
    run(async {
        let two = Two::open().await;
        let key = Some("key");
        let (order, other) = (two.order("A-1", "10"), two.order("A-2", "10"));
        let (mine, theirs) = two
            .check(("/earn-points", order.clone(), key), ("/earn-points", order, key), ("200", "200", 110))
            .await;
        assert!(mine.bytes == theirs.bytes && mine.replayed());
        let key = Some("another");
        let third = two.order("A-3", "10");
        let want = ("422 idempotency_key_reused", "200", 120);
        two.check(("/earn-points", other, key), ("/earn-points", third, key), want).await;
        let refund = json!({"brand": "acme", "order_id": "A-0", "refund": {"amount": "7"}});
        let key = Some("third");
        let (mine, theirs) = two
            .check(("/reverse", refund.clone(), key), ("/reverse", refund, key), ("200", "200", 113))
            .await;
        assert!(mine.bytes == theirs.bytes && mine.replayed());
    });
}

/// The first has lost a race and looks whether its request is done already: it is not. Then its twin does it.
#[test]
fn what_its_twin_did_after_it_looked_is_no_refusal() {
    run(async {
        for key in [None, Some("key")] {
            let two = Two::open().await;
            let spent = json!({"kind": "order", "order_id": "R-1"});
            let identity = json!({"kind": "external", "channel": "tests", "value": "somebody"});
            let redeem = json!({"identity": identity, "brand": "acme", "points": 100, "for": spent});
            let (second, told) = (two.second.clone(), Arc::new(Mutex::new(None)));
            let (heard, twin) = (told.clone(), redeem.clone());
            two.between.after_reading(
                keys::redemption(redemption_id(
                    &BrandId::of_checked("acme"),
                    &OrderId::of_checked("R-1"),
                    None,
                )),
                async move {
                    *heard.lock().unwrap() = Some(second.call_with("POST", "/redeem", &twin, key).await);
                },
            );
            let order = ("/earn-points", two.order("A-1", "10"), None);
            let (mine, _) = two.check(("/redeem", redeem, key), order, ("200", "200", 10)).await;
            let theirs = told.lock().unwrap().take().expect("the twin has asked");
            assert!(
                mine.bytes == theirs.bytes && mine.replayed() && !theirs.replayed(),
                "{key:?} {}",
                mine.body
            );
        }
    });
}

#[test]
fn an_order_told_for_two_members_earns_for_one() {
    run(async {
        let two = Two::open().await;
        let other = two.second.member("other").await;
        let theirs = json!({"member_id": other, "brand": "acme", "order_id": "A-1", "amount": "10"});
        let mine = two.order("A-1", "10");
        let want = ("409 order_conflict", "200", 100);
        two.check(("/earn-points", mine, None), ("/earn-points", theirs, None), want).await;
        assert_eq!(two.first.show(&other).await["points"]["available"], 10);
    });
}

#[test]
fn what_can_be_had_once_is_had_by_one() {
    run(async {
        let two = Two::open().await;
        let want = ("409 insufficient_points", "200", 0);
        let (mine, theirs) = (two.redeem("R-1"), two.redeem("R-2"));
        let (_, theirs) = two.check(("/redeem", mine, None), ("/redeem", theirs, None), want).await;
        let cancel = json!({"redemption_id": theirs.body["redemption_id"]});
        let want = ("409 already_cancelled", "200", 100);
        two.check(("/reverse", cancel.clone(), None), ("/reverse", cancel, None), want).await;

        let part = json!({"brand": "acme", "order_id": "A-0", "refund": {"amount": "60"}});
        let want = ("409 over_refund", "200", 40);
        two.check(("/reverse", part.clone(), None), ("/reverse", part, None), want).await;
        let all = |id: &str| json!({"brand": "acme", "order_id": "A-0", "refund": "all", "refund_id": id});
        let want = ("200", "200", 0);
        let (mine, theirs) =
            two.check(("/reverse", all("f1"), None), ("/reverse", all("f2"), None), want).await;
        assert_eq!((&mine.body["taken"], &theirs.body["taken"]), (&json!(0), &json!(40)));

        let bind = two.of_member(json!({"brand": "acme", "activity": "bind"}));
        let want = ("409 activity_limit", "200", 7);
        two.check(("/earn-points", bind.clone(), None), ("/earn-points", bind, None), want).await;
    });
}

#[test]
fn different_things_for_one_member_are_all_done() {
    run(async {
        let two = Two::open().await;
        let (mine, theirs) = (two.order("A-1", "10"), two.order("A-2", "20"));
        two.check(("/earn-points", mine, None), ("/earn-points", theirs, None), ("200", "200", 130)).await;
        let refund = json!({"brand": "acme", "order_id": "A-0", "refund": "all"});
        let mine = two.order("A-3", "5");
        two.check(("/earn-points", mine, None), ("/reverse", refund, None), ("200", "200", 35)).await;
    });
}

#[test]
fn a_sweep_in_between_changes_nothing() {
    run(async {
        let two = Two::open().await;
        for shop in [&two.first, &*two.second] {
            shop.at("2028-01-01T00:00:00+08:00");
        }
        let mine = two.order("A-1", "10");
        let (mine, _) = two
            .check(("/earn-points", mine, None), ("/expire-points", json!({}), None), ("200", "200", 10))
            .await;
        assert_eq!(mine.body["balance"]["available"], 10);
        let expired = two.second.ledger(&two.member, 50).await;
        assert_eq!(expired.iter().filter(|entry| entry["kind"] == "expire").count(), 1);
    });
}

/// A used key gets its answer, even from an instance whose clock is behind.
#[test]
fn a_key_knows_its_answer_where_the_clock_is_behind() {
    run(async {
        let two = Two::open().await;
        two.second.at("2026-04-10T10:00:00+08:00");
        for (n, (path, body, fresh)) in [
            ("/expire-points", json!({"as_of": "2026-04-10T10:00:00+08:00"}), "422 invalid_field"),
            ("/evaluate-tier", json!({"as_of": "2026-04-10T10:00:00+08:00"}), "422 invalid_field"),
            ("/settle", json!({"as_of": "2026-04-10T10:00:00+08:00"}), "422 invalid_field"),
            ("/settle", json!({"month": "2026-03"}), "409 month_not_ended"),
        ]
        .into_iter()
        .enumerate()
        {
            let key = format!("key-{n}");
            let done = two.second.call_with("POST", path, &body, Some(&key)).await;
            assert_eq!((done.status, done.replayed()), (200, false), "{path}: {}", done.body);
            let again = two.first.call_with("POST", path, &body, Some(&key)).await;
            assert_eq!((again.status, again.replayed(), again.body), (200, true, done.body), "{path}");
            let other = two.first.call_with("POST", path, &body, Some(&format!("other-{n}"))).await;
            assert_eq!(other.verdict(), fresh, "{path}: without it the clock decides");
        }
    });
}

#[test]
fn a_key_that_was_forgotten_and_used_anew_is_not_forgotten_again() {
    run(async {
        let two = Two::open().await;
        let keyed = |id: &str| ("/earn-points", two.order(id, "10"));
        let (path, first) = keyed("A-1");
        two.second.ok("POST", "/expire-points", json!({})).await;
        assert_eq!(two.second.call_with("POST", path, &first, Some("key")).await.status, 200);
        for shop in [&two.first, &*two.second] {
            shop.at("2026-05-01T00:00:00+08:00");
        }
        // The first instance has found the key to be old; before it forgets it, the second forgets
        // it, and somebody uses it for another order.
        let (second, (path, other)) = (two.second.clone(), keyed("A-2"));
        let deed = async move {
            second.ok("POST", "/expire-points", json!({})).await;
            let reply = second.call_with("POST", path, &other, Some("key")).await;
            assert_eq!((reply.status, reply.replayed()), (200, false), "{}", reply.body);
        };
        *two.between.deed.lock().unwrap() = Some(Box::pin(deed));
        two.first.ok("POST", "/expire-points", json!({})).await;
        assert!(two.between.deed.lock().unwrap().is_none(), "nothing was to be forgotten");
        for (id, want) in [("A-2", "200"), ("A-3", "422 idempotency_key_reused")] {
            let (path, body) = keyed(id);
            assert_eq!(two.first.call_with("POST", path, &body, Some("key")).await.verdict(), want, "{id}");
        }
    });
}

#[test]
fn one_identity_registered_in_both_is_one_member() {
    run(async {
        let two = Two::open().await;
        let identity = |value: &str| json!({"kind": "email", "value": value});
        let one = json!({"brand": "acme", "identities": [identity("a@example.com")]});
        let both =
            json!({"brand": "acme", "identities": [identity("A@example.com"), identity("b@example.com")]});
        let (mine, theirs) = two.meet(("/register", both, None), ("/register", one, None)).await;
        assert_eq!((mine.verdict().as_str(), theirs.verdict().as_str()), ("200", "201"));
        assert_eq!(mine.body["member"]["id"], theirs.body["member"]["id"]);
    });
}

#[test]
fn a_member_suspended_in_between_earns_nothing() {
    run(async {
        let two = Two::open().await;
        let path: &'static str = Box::leak(format!("/members/{}/status", two.member).into_boxed_str());
        let theirs = (path, json!({"status": "suspended", "reason": "r"}), None);
        let mine = ("/earn-points", two.order("A-1", "10"), None);
        two.check(mine, theirs, ("409 member_not_active", "200", 100)).await;
    });
}

#[test]
fn a_programme_saved_in_between_lets_the_first_use_of_a_brand_through_or_refuses_it() {
    run(async {
        let two = Two::open().await;
        let mut renamed = program();
        renamed["name"] = json!("Another name");
        let bean = two.of_member(json!({"brand": "bean", "order_id": "B-1", "amount": "10"}));
        let mine = ("/earn-points", bean, None);
        two.check(mine, ("/program", renamed, None), ("200", "200", 105)).await;

        let two = Two::open().await;
        let mut without = program();
        without["brands"].as_array_mut().unwrap().pop();
        let bean = two.of_member(json!({"brand": "bean", "order_id": "B-1", "amount": "10"}));
        let mine = ("/earn-points", bean, None);
        two.check(mine, ("/program", without, None), ("404 brand_not_found", "200", 100)).await;
    });
}

#[test]
fn an_order_is_judged_by_its_own_version_also_where_that_is_not_known_yet() {
    run(async {
        let two = Two::open().await;
        let mut next = program();
        next["points"]["per_unit"] = json!("2");
        two.second.ok("PUT", "/program", next).await;
        let earned = two.second.earn(&two.member, "N-1", "100").await;
        assert_eq!(earned["granted"], 200);
        let refund = json!({"brand": "acme", "order_id": "N-1", "refund": {"amount": "50"}});
        assert_eq!(two.first.ok("POST", "/reverse", refund).await["taken"], 100);
        assert_eq!(two.balance().await, 200);
    });
}

/// The member has reached a tier that the first instance does not know. It rereads the programme before it
/// decides: it would treat an unknown tier as the lowest.
#[test]
fn a_tier_of_a_version_that_is_not_known_yet_is_kept() {
    run(async {
        let two = Two::open().await;
        let mut next = program();
        next["tiers"].as_array_mut().unwrap().push(json!({"id": "jade", "growth": 5_000}));
        two.second.ok("PUT", "/program", next).await;
        two.second.earn(&two.member, "N-1", "5000").await;
        let seen = two.first.ok("GET", &format!("/members/{}", two.member), Value::Null).await;
        assert_eq!(seen["tier"]["id"], "jade", "{seen}");
        let earned = two.first.ok("POST", "/earn-points", two.order("N-2", "1")).await;
        assert_eq!((&earned["tier"], &earned["upgraded_to"]), (&json!("jade"), &Value::Null), "{earned}");
    });
}

/// The same while a command waits to commit: it loses the race to that tier's member, and decides anew by the
/// versions that it knew when it began.
#[test]
fn a_tier_of_a_version_that_was_saved_in_between_is_kept() {
    run(async {
        let two = Two::open().await;
        let mut next = program();
        next["tiers"].as_array_mut().unwrap().push(json!({"id": "jade", "growth": 5_000}));
        let (second, member) = (two.second.clone(), two.member.clone());
        two.between.before(async move {
            second.ok("PUT", "/program", next).await;
            second.earn(&member, "N-1", "5000").await;
        });
        let earned = two.first.ok("POST", "/earn-points", two.order("N-2", "1")).await;
        assert!(two.between.is_done());
        assert_eq!((&earned["tier"], &earned["upgraded_to"]), (&json!("jade"), &Value::Null), "{earned}");
    });
}
