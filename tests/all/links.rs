//! Linking a member with a partner: codes, references, consent, and how all of it ends.

use std::{collections::BTreeSet, sync::Arc};

use engine::{
    Books,
    keys::kind,
    memory::MemoryStore,
    store::{Change, Expect, Store, Write},
};
use serde_json::{Value, json};
use store_redb::{Options, RedbStore};

use crate::{
    coalition::{at_once, coalition, order_of, told},
    instances::Between,
    support::{Reply, START, Shop},
};

const UNKNOWN_REF: &str = "lnk_01ARZ3NDEKTSV4RRFFQ69G5FAV";

async fn links(shop: &Shop, member: &str) -> Vec<Value> {
    let listed = shop.ok("GET", &format!("/members/{member}/links"), Value::Null).await;
    assert_eq!(listed["next_cursor"], Value::Null);
    listed["links"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_link_through_its_life() {
    life(Arc::new(MemoryStore::new())).await;
}

/// The same over any store.
pub(crate) async fn life(store: Arc<dyn Store>) {
    let shop = Shop::over(store, &coalition(), START).await;
    let member = shop.somebody().await;
    let (till, key) = shop.caller(&["storefront"], Some("acme")).await;
    let path = format!("/members/{member}/link-code");
    let asked = shop.call_as(&key, "POST", &path, &json!({"brand": "tea"}), None).await;
    assert_eq!(asked.status, 201, "{}", asked.body);
    assert_eq!(asked.body["expires_at"], "2026-03-02T10:10:00+08:00");
    assert_eq!(links(&shop, &member).await, [] as [Value; 0], "nothing is linked by asking");

    shop.at("2026-03-02T10:09:59.999+08:00");
    let code = asked.body["code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let linked = shop.partner_ok("tea", "/link", json!({"code": code})).await;
    let reference = linked["member_ref"].as_str().unwrap();
    assert!(domain::shape::is_ulid(reference, "lnk_"), "{reference}");
    let earned = shop.partner_earn("tea", reference, "T-1", "100").await;
    assert_eq!((earned.status, &earned.body["granted"]), (200, &json!(100)));
    assert_eq!(shop.show(&member).await["points"]["available"], 100);

    let consent = json!({"by": till, "at": "2026-03-02T10:00:00+08:00"});
    let mut link = json!({"brand": "tea", "consent": consent, "linked_at": "2026-03-02T10:09:59.999+08:00",
                          "ended_at": null, "ended_by": null});
    assert_eq!(links(&shop, &member).await, [link.clone()]);

    shop.at("2026-03-02T11:00:00+08:00");
    let ended =
        shop.call_as(&key, "DELETE", &format!("/members/{member}/links/tea"), &Value::Null, None).await;
    link["ended_at"] = json!("2026-03-02T11:00:00+08:00");
    link["ended_by"] = json!(till);
    assert_eq!((ended.status, &ended.body), (200, &link));
    shop.at("2026-03-02T12:00:00+08:00");
    assert_eq!(shop.unlink(&member, "tea").await, link, "ended is ended");
    let gone = shop.partner_earn("tea", reference, "T-2", "100").await;
    let never = shop.partner_earn("tea", UNKNOWN_REF, "T-2", "100").await;
    assert_eq!((gone.verdict().as_str(), told(&gone)), ("404 member_not_found", told(&never)));

    let again = shop.linked(&member, "tea").await;
    assert_ne!(again, reference, "linking again makes a new reference");
    assert_eq!(shop.partner_earn("tea", &again, "T-2", "1").await.status, 200);
    assert_eq!(shop.partner_earn("tea", reference, "T-3", "1").await.verdict(), "404 member_not_found");
    let both = links(&shop, &member).await;
    assert_eq!((both.len(), &both[0]["ended_at"], &both[1]), (2, &Value::Null, &link), "the newest first");
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    assert_eq!(links(&shop, &member).await.len(), 0);
    assert_eq!(shop.partner_earn("tea", &again, "T-4", "1").await.verdict(), "404 member_not_found");
}

#[tokio::test]
async fn a_linked_member_who_links_again_has_one_reference() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let (first, second) = (shop.linked(&member, "tea").await, shop.linked(&member, "tea").await);
    assert_eq!(shop.partner_earn("tea", &first, "T-1", "1").await.verdict(), "404 member_not_found");
    assert_eq!(shop.partner_earn("tea", &second, "T-1", "1").await.status, 200);
    let stands = links(&shop, &member).await.iter().filter(|link| link["ended_at"].is_null()).count();
    assert_eq!(stands, 1);
}

/// Whatever is wrong with a code, the answer has the same words.
#[tokio::test]
async fn a_code_that_is_none_is_told_in_one_way() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let never = shop.partner("tea", "/link", json!({"code": "00000-00000-00000"})).await;
    assert_eq!(never.verdict(), "404 link_code_not_found");
    let same = |reply: Reply, why: &str| assert_eq!(told(&reply), told(&never), "{why}: {}", reply.body);

    let others = shop.code(&member, "mute").await;
    same(shop.partner("tea", "/link", json!({"code": others})).await, "another brand's");
    same(shop.partner("tea", "/link", json!({"code": "not a code"})).await, "of another form");
    let leaving = shop.somebody().await;
    let code = shop.code(&leaving, "tea").await;
    let status = json!({"status": "suspended", "reason": "r"});
    shop.ok("POST", &format!("/members/{leaving}/status"), status).await;
    same(shop.partner("tea", "/link", json!({"code": code})).await, "of a suspended member");
    let erased = shop.somebody().await;
    let code = shop.code(&erased, "tea").await;
    shop.ok("DELETE", &format!("/members/{erased}"), Value::Null).await;
    same(shop.partner("tea", "/link", json!({"code": code})).await, "of an erased member");

    let (used, unused) = (shop.code(&member, "tea").await, shop.code(&member, "tea").await);
    let first = shop.partner("tea", "/link", json!({"code": used})).await;
    shop.at("2026-03-02T10:09:59.999+08:00");
    let again = shop.partner("tea", "/link", json!({"code": used})).await;
    assert_eq!((again.status, &again.bytes, again.replayed()), (200, &first.bytes, true));
    same(shop.partner("mute", "/link", json!({"code": used})).await, "used by another brand");
    shop.at("2026-03-02T10:10:00+08:00");
    same(shop.partner("tea", "/link", json!({"code": used})).await, "used, and its time is over");
    same(shop.partner("tea", "/link", json!({"code": unused})).await, "expired");
    assert_eq!(links(&shop, &member).await.len(), 1);
}

#[tokio::test]
async fn who_can_ask_for_a_code_and_for_what() {
    let shop = Shop::coalition().await;
    let (member, gone) = (shop.somebody().await, shop.somebody().await);
    shop.ok("DELETE", &format!("/members/{gone}"), Value::Null).await;
    let ask = async |member: &str, brand: &str| {
        let reply = shop.call("POST", &format!("/members/{member}/link-code"), json!({"brand": brand})).await;
        if reply.status == 201 { "201".to_owned() } else { reply.verdict() }
    };
    assert_eq!(ask(&member, "tea").await, "201");
    assert_eq!(ask(&member, "acme").await, "404 brand_not_found", "the house needs no link");
    assert_eq!(ask(&member, "nope").await, "404 brand_not_found");
    assert_eq!(ask("mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "tea").await, "404 member_not_found");
    assert_eq!(ask(&gone, "tea").await, "409 member_not_active");
    for path in ["tea", "acme", "nope", "no%20id"] {
        let reply = shop.call("DELETE", &format!("/members/{member}/links/{path}"), Value::Null).await;
        assert_eq!(reply.verdict(), "404 link_not_found", "{path}");
    }
    // At most twenty codes wait; expired ones make room.
    for _ in 1..20 {
        shop.code(&member, "mute").await;
    }
    assert_eq!(ask(&member, "tea").await, "422 limit_exceeded");
    shop.at("2026-03-02T10:10:00+08:00");
    assert_eq!(ask(&member, "tea").await, "201");
    let codes = shop.snapshot().await.iter().filter(|(key, _)| key.kind() == kind::LINK_CODE).count();
    assert_eq!(codes, 1, "those that nobody can use any more are gone");
}

#[tokio::test]
async fn a_repeated_request_for_a_code_gets_the_same_one() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let (path, body) = (format!("/members/{member}/link-code"), json!({"brand": "tea"}));
    let first = shop.call_with("POST", &path, &body, Some("once")).await;
    let again = shop.call_with("POST", &path, &body, Some("once")).await;
    assert_eq!((&first.bytes, again.replayed()), (&again.bytes, true));
    assert_ne!(shop.code(&member, "tea").await, first.body["code"].as_str().unwrap());
    let code = json!({"code": first.body["code"]});
    let linked = shop.call_partner("tea", "POST", "/link", &code, Some("link")).await;
    let again = shop.call_partner("tea", "POST", "/link", &code, Some("link")).await;
    assert_eq!((linked.status, &linked.bytes, again.replayed()), (200, &again.bytes, true));
    let other = shop.call_partner("tea", "POST", "/link", &json!({"code": "x"}), Some("link")).await;
    assert_eq!(other.verdict(), "422 idempotency_key_reused");
}

/// A code is stored only as a keyed hash, and only its brand sees a reference.
#[tokio::test]
async fn nobody_learns_codes_or_references() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let code = shop.code(&member, "tea").await;
    let bare = code.replace('-', "");
    for (_, record) in shop.snapshot().await {
        let text = String::from_utf8_lossy(&record.value).into_owned();
        assert!(!text.contains(&code) && !text.contains(&bare), "{text}");
    }
    let tea = shop.linked(&member, "tea").await;
    let mute = shop.linked(&member, "mute").await;
    assert_ne!(tea, mute);
    let foreign = shop.partner_earn("mute", &tea, "M-1", "1").await;
    let unknown = shop.partner_earn("mute", UNKNOWN_REF, "M-1", "1").await;
    assert_eq!((foreign.status, told(&foreign)), (404, told(&unknown)));
    for path in ["", "/links", "/ledger"] {
        let shown = shop.ok("GET", &format!("/members/{member}{path}"), Value::Null).await.to_string();
        assert!(!shown.contains("lnk_"), "{shown}");
    }
}

#[tokio::test]
async fn erasure_ends_links_and_forgets_the_consent() {
    let shop = Shop::coalition().await;
    let (member, other) = (shop.somebody().await, shop.somebody().await);
    let reference = shop.linked(&member, "tea").await;
    shop.unlink(&member, "tea").await;
    let (again, stays) = (shop.linked(&member, "tea").await, shop.linked(&other, "tea").await);
    for _ in 0..17 {
        shop.code(&member, "mute").await;
    }
    let kept = async || {
        let of = [kind::LINK_CODE, kind::REFERENCE, kind::MEMBER_LINK];
        let records = shop.snapshot().await;
        of.map(|of| records.iter().filter(|(key, _)| key.kind() == of).count())
    };
    // Codes and links of one member, and of the other; a code is noted with its member too.
    assert_eq!(kept().await, [20, 2, 23]);
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    assert_eq!(kept().await, [1, 1, 2]);
    assert_eq!(links(&shop, &member).await.len(), 0);
    for reference in [&reference, &again] {
        assert_eq!(shop.partner_earn("tea", reference, "T-1", "1").await.verdict(), "404 member_not_found");
    }
    assert_eq!(shop.partner_earn("tea", &stays, "T-1", "1").await.status, 200);
}

#[tokio::test]
async fn links_are_listed_in_pages_and_forgotten_after_a_hundred() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    shop.linked(&member, "mute").await;
    for _ in 0..102 {
        shop.at(&format!("2026-03-{:02}T00:00:00+08:00", 3 + shop.fresh() / 4));
        shop.linked(&member, "tea").await;
    }
    let (mut paged, mut path) = (Vec::new(), format!("/members/{member}/links?limit=40"));
    loop {
        let page = shop.ok("GET", &path, Value::Null).await;
        paged.extend(page["links"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/members/{member}/links?limit=40&cursor={cursor}");
    }
    assert_eq!(paged.len(), 101);
    assert_eq!((&paged[0]["brand"], &paged[1]["brand"]), (&json!("mute"), &json!("tea")));
    assert!(paged[1]["ended_at"].is_null() && paged[2..].iter().all(|link| !link["ended_at"].is_null()));
    let instants: Vec<&str> = paged[1..].iter().map(|link| link["linked_at"].as_str().unwrap()).collect();
    assert!(instants.is_sorted_by(|newer, older| newer >= older));
    for cursor in ["x", "1.", "x.tea", "1.%20"] {
        let path = format!("/members/{member}/links?cursor={cursor}");
        shop.refused("422 invalid_field", "GET", &path, Value::Null).await;
    }
}

/// A brand with linked members cannot be removed from the programme and become another's.
#[tokio::test]
async fn a_linked_brand_stays_in_the_programme() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let mut without = coalition();
    without["brands"].as_array_mut().unwrap().retain(|brand| brand["id"] != "tea");
    shop.linked(&member, "tea").await;
    let refused = shop.refused("422 invalid_program", "PUT", "/program", without).await;
    assert_eq!(refused.faults(), ["/brands in_use"]);
}

/// A store that was restored piecemeal may hold half of what a link or its end wrote.
#[tokio::test]
async fn the_audit_finds_half_a_link() {
    let shop = Shop::coalition().await;
    let (whole, without, loose) = (shop.somebody().await, shop.somebody().await, shop.somebody().await);
    for member in [&whole, &without, &loose] {
        shop.linked(member, "mute").await;
        shop.unlink(member, "mute").await;
        shop.linked(member, "tea").await;
    }
    let id = |member: &str| edge::wire::read_member_id(member).unwrap();
    let engine = &shop.api.engine;
    let mut books = Books::default();
    for member in [&whole, &without, &loose] {
        books.note(id(member), &engine.ledger().audit_member(id(member)).await.unwrap());
    }
    assert_eq!(engine.ledger().strays(&books).await.unwrap().members.len(), 0);
    for (key, record) in shop.snapshot().await {
        let of = |member: &str, kind: engine::store::Kind, bytes: &[u8]| {
            key.kind() == kind && bytes.windows(16).any(|part| part == id(member).0)
        };
        let lost =
            of(&without, kind::REFERENCE, &record.value) || of(&loose, kind::MEMBER_LINK, key.as_bytes());
        if lost {
            let write = Write { key, expect: Expect::Anything, change: Change::Delete };
            engine.store().commit(vec![write]).await.unwrap();
        }
    }
    let found = engine.ledger().strays(&books).await.unwrap();
    let told = |member: &str| found.members.get(&id(member)).map(|found| found.join("; "));
    assert_eq!(told(&without).as_deref(), Some("references of partners: -1 beside the links that stand"));
    assert_eq!(told(&loose).as_deref(), Some("references of partners: +1 beside the links that stand"));
    assert_eq!(told(&whole), None);
}

async fn real() -> (tempfile::TempDir, Arc<Shop>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap());
    let shop = Shop::over(store, &coalition(), START).await;
    (folder, Arc::new(shop))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_used_many_times_at_once_makes_one_link() {
    let (_folder, shop) = real().await;
    let member = shop.somebody().await;
    let code = shop.code(&member, "tea").await;
    let replies = at_once((0..32).map(|_| {
        let (shop, code) = (shop.clone(), code.clone());
        async move { shop.partner("tea", "/link", json!({"code": code})).await }
    }));
    let references: BTreeSet<String> =
        replies.await.iter().map(|reply| reply.body["member_ref"].as_str().unwrap().to_owned()).collect();
    assert_eq!((references.len(), links(&shop, &member).await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_links_at_once_one_stands() {
    let (_folder, shop) = real().await;
    let member = shop.somebody().await;
    let mut codes = Vec::new();
    for _ in 0..16 {
        codes.push(shop.code(&member, "tea").await);
    }
    let references = at_once(codes.into_iter().map(|code| {
        let shop = shop.clone();
        async move { shop.partner_ok("tea", "/link", json!({"code": code})).await }
    }));
    let mut good = 0;
    for (number, linked) in references.await.iter().enumerate() {
        let reference = linked["member_ref"].as_str().unwrap();
        let earned = shop.partner_earn("tea", reference, &format!("T-{number}"), "1").await;
        good += usize::from(earned.status == 200);
    }
    let listed = links(&shop, &member).await;
    let stands = listed.iter().filter(|link| link["ended_at"].is_null()).count();
    assert_eq!((good, stands, listed.len()), (1, 1, 16));
}

/// A member is closed, erased or unlinked while a code is used: no link that should not exist remains.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_linked_who_has_left() {
    let (_folder, shop) = real().await;
    for round in 0..12 {
        let member = shop.somebody().await;
        let code = shop.code(&member, "tea").await;
        let (first, second, leaver) = (shop.clone(), shop.clone(), member.clone());
        let jobs: [std::pin::Pin<Box<dyn Future<Output = Reply> + Send>>; 2] = [
            Box::pin(async move { first.partner("tea", "/link", json!({"code": code})).await }),
            Box::pin(async move { second.call("DELETE", &format!("/members/{leaver}"), Value::Null).await }),
        ];
        let replies = at_once(jobs).await;
        assert_eq!(replies[1].status, 200);
        assert_eq!(links(&shop, &member).await.len(), 0, "round {round}");
        if replies[0].status == 200 {
            let reference = replies[0].body["member_ref"].as_str().unwrap();
            let earned = shop.partner("tea", "/earn-points", order_of("tea", reference, "T", "1")).await;
            assert_eq!(earned.verdict(), "404 member_not_found", "round {round}");
        }
    }
    let left = shop.snapshot().await;
    let left = left.iter().filter(|(key, _)| [kind::REFERENCE, kind::MEMBER_LINK].contains(&key.kind()));
    assert_eq!(left.count(), 0);
}

/// Two instances: what the second does comes just before the first one's commit.
struct Two {
    first: Shop,
    second: Arc<Shop>,
    between: Arc<Between>,
    member: String,
}

impl Two {
    async fn open() -> Two {
        let inner = Arc::new(MemoryStore::new());
        let second = Arc::new(Shop::over(inner.clone(), &coalition(), START).await);
        let between = Arc::new(Between::new(inner));
        let first = Shop::over(between.clone(), &coalition(), START).await;
        let member = second.somebody().await;
        Two { first, second, between, member }
    }

    /// What the second does before the first one's next commit.
    fn before<T>(&self, deed: impl FnOnce(Arc<Shop>, String) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.between.before(deed(self.second.clone(), self.member.clone()));
    }

    async fn is_forgotten(&self) {
        assert!(self.between.is_done());
        let of = [kind::LINK_CODE, kind::REFERENCE, kind::MEMBER_LINK];
        let left = self.second.snapshot().await.iter().filter(|(key, _)| of.contains(&key.kind())).count();
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn who_leaves_while_a_code_is_used_is_not_linked() {
    for status in ["suspended", "closed"] {
        let two = Two::open().await;
        let code = two.first.code(&two.member, "tea").await;
        two.before(|shop, member| async move {
            let body = json!({"status": status, "reason": "r"});
            shop.ok("POST", &format!("/members/{member}/status"), body).await;
        });
        let reply = two.first.partner("tea", "/link", json!({"code": code})).await;
        assert_eq!(reply.verdict(), "404 link_code_not_found");
        assert!(two.between.is_done() && links(&two.second, &two.member).await.is_empty());
    }
    let erase = |shop: Arc<Shop>, member: String| async move {
        shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    };
    let two = Two::open().await;
    let code = two.first.code(&two.member, "tea").await;
    two.before(erase);
    let reply = two.first.partner("tea", "/link", json!({"code": code})).await;
    assert_eq!(reply.verdict(), "404 link_code_not_found");
    two.is_forgotten().await;
    let two = Two::open().await;
    two.before(erase);
    let path = format!("/members/{}/link-code", two.member);
    assert_eq!(
        two.first.call("POST", &path, json!({"brand": "tea"})).await.verdict(),
        "409 member_not_active"
    );
    two.is_forgotten().await;
}

#[tokio::test]
async fn of_two_links_that_meet_the_later_one_stands() {
    let two = Two::open().await;
    let (mine, theirs) = (two.first.code(&two.member, "tea").await, two.first.code(&two.member, "tea").await);
    two.before(|shop, _| async move { _ = shop.partner_ok("tea", "/link", json!({"code": theirs})).await });
    let reference = two.first.partner_ok("tea", "/link", json!({"code": mine})).await;
    let listed = links(&two.second, &two.member).await;
    assert_eq!((listed.len(), &listed[0]["ended_at"]), (2, &Value::Null));
    assert!(!listed[1]["ended_at"].is_null());
    let reference = reference["member_ref"].as_str().unwrap();
    assert_eq!(two.second.partner_earn("tea", reference, "T-1", "1").await.status, 200);
}

/// The link knows exactly which entries were made while it stood, so that a repeat gets the first answer.
#[tokio::test]
async fn what_a_partner_was_told_does_not_change_where_links_begin_and_end() {
    let refund = json!({"brand": "tea", "order_id": "T-1", "refund": "all", "refund_id": "F"});
    let order = |member: &str| json!({"member_id": member, "brand": "tea", "order_id": "T-1", "amount": "9"});
    for linked in [false, true] {
        let two = Two::open().await;
        two.first.ok("POST", "/earn-points", order(&two.member)).await;
        let heard = Arc::new(std::sync::Mutex::new(None));
        let reverse = |shop: Arc<Shop>, _: String| {
            let (heard, refund) = (heard.clone(), refund.clone());
            async move { *heard.lock().unwrap() = Some(shop.partner("tea", "/reverse", refund).await) }
        };
        if linked {
            two.first.linked(&two.member, "tea").await;
            two.before(reverse);
            two.first.unlink(&two.member, "tea").await;
        } else {
            let code = two.first.code(&two.member, "tea").await;
            two.before(reverse);
            two.first.partner_ok("tea", "/link", json!({"code": code})).await;
        }
        let first = heard.lock().unwrap().take().unwrap();
        assert_eq!((first.status, !first.body["tier"].is_null()), (200, linked), "{}", first.body);
        let again = two.first.partner("tea", "/reverse", refund.clone()).await;
        assert_eq!((again.replayed(), &again.bytes), (true, &first.bytes), "linked: {linked}");
    }
}
