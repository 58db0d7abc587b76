//! Identities of a member: added, verified, taken over, removed; who is told what of them.

use std::sync::Arc;

use domain::member::{Changed, Identity, IdentityKind};
use engine::{
    NewIdentity, OwnIdentity, Request, keys,
    memory::MemoryStore,
    records::{Answer, By},
    store::{Claim, ClaimedForm, Store as _},
};
use serde_json::{Value, json};

use crate::{
    failing::{Failing, Trouble},
    histories::run,
    instances::Between,
    merges::{audited, merge, unmerge},
    support::{ADMIN_KEY, Reply, START, Shop, program},
};

fn external(value: &str) -> Value {
    json!({"kind": "external", "channel": "app", "value": value})
}

fn vouched(value: &str) -> Value {
    let mut identity = external(value);
    identity["verified"] = json!(true);
    identity
}

fn path_of(member: &str) -> String {
    format!("/members/{member}/identities")
}

async fn registered(shop: &Shop, identities: &[Value]) -> String {
    let body = json!({"brand": "acme", "identities": identities});
    shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
}

async fn add_as(shop: &Shop, key: &str, member: &str, identity: &Value) -> Reply {
    shop.call_as(key, "POST", &path_of(member), &json!({"identity": identity}), None).await
}

async fn add(shop: &Shop, member: &str, identity: &Value) -> Reply {
    add_as(shop, ADMIN_KEY, member, identity).await
}

/// The values of a member's identities, those that are verified with a `!`.
async fn values(shop: &Shop, member: &str) -> Vec<String> {
    let shown = shop.show(member).await;
    let one = |own: &Value| {
        let mark = if own["verified"] == true { "!" } else { "" };
        format!("{}{mark}", own["value"].as_str().unwrap())
    };
    shown["identities"].as_array().unwrap().iter().map(one).collect()
}

async fn id_of(shop: &Shop, member: &str, value: &str) -> String {
    let shown = shop.show(member).await;
    let mut own = shown["identities"].as_array().unwrap().iter();
    own.find(|own| own["value"] == value).unwrap()["id"].as_str().unwrap().to_owned()
}

async fn find(shop: &Shop, value: &str) -> Value {
    let reply = shop.call("POST", "/members/find", json!({"identity": external(value)})).await;
    reply.body["id"].clone()
}

async fn token(shop: &Shop, member: &str) -> String {
    let made = shop.ok("POST", &format!("/members/{member}/tokens"), json!({"minutes": 5})).await;
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_identity_is_added_and_verified_once() {
    let shop = Shop::usual().await;
    let (member, other) =
        (registered(&shop, &[external("1")]).await, registered(&shop, &[external("2")]).await);
    let added = add(&shop, &member, &json!({"kind": "phone", "value": "138 0013 8000"})).await;
    let want = json!({"id": added.body["identity"]["id"], "kind": "phone", "value": "+8613800138000", "verified": false});
    assert_eq!((added.status, &added.body["identity"]), (201, &want));
    assert!(added.body["identity"]["id"].as_str().unwrap().starts_with("idn_"), "{want}");
    assert_eq!(added.body["member"], shop.show(&member).await);
    // Told again it is known; vouched for it is verified, and stays so.
    for (identity, verified) in [
        (json!({"kind": "phone", "value": "+86 138-0013-8000"}), false),
        (json!({"kind": "phone", "value": "13800138000", "verified": true}), true),
        (json!({"kind": "phone", "value": "13800138000", "verified": false}), true),
    ] {
        let again = add(&shop, &member, &identity).await;
        assert_eq!(
            (again.status, &again.body["identity"]["verified"]),
            (200, &json!(verified)),
            "{identity}"
        );
        assert_eq!(again.body["identity"]["id"], want["id"]);
    }
    // Another member's, whoever vouches: only staff are told whose.
    let (_, operator) = shop.caller(&["operator"], None).await;
    let (_, till) = shop.caller(&["storefront"], None).await;
    let before = shop.snapshot().await;
    for (key, named) in [(&operator, json!([other])), (&till, Value::Null)] {
        for identity in [external("2"), vouched("2")] {
            let reply = add_as(&shop, key, &member, &identity).await;
            let told = (reply.verdict(), reply.body["members"].clone());
            assert_eq!(told, ("409 identity_conflict".to_owned(), named.clone()), "{identity}");
        }
    }
    assert!(before == shop.snapshot().await, "a refusal wrote something");
    assert_eq!(values(&shop, &member).await, ["1", "+8613800138000!"]);
}

#[tokio::test]
async fn what_is_refused_of_a_new_identity() {
    let shop = Shop::usual().await;
    let member = registered(&shop, &[external("1")]).await;
    let of_member = token(&shop, &member).await;
    let proved = json!({"kind": "external", "channel": "app", "value": "2", "proof": "prf_1"});
    for (key, identity, want) in [
        (ADMIN_KEY, json!({"kind": "phone", "value": "13"}), "422 invalid_field"),
        (ADMIN_KEY, json!({"kind": "phone", "value": "13800138000", "channel": "c"}), "422 invalid_field"),
        (ADMIN_KEY, proved.clone(), "409 proof_invalid"),
        // A member's own token proves, and vouches for nothing.
        (&of_member, proved.clone(), "409 proof_invalid"),
        (&of_member, external("2"), "422 proof_required"),
        (&of_member, vouched("2"), "422 proof_required"),
    ] {
        assert_eq!(add_as(&shop, key, &member, &identity).await.verdict(), want, "{identity}");
    }
    let reply = add(&shop, &member, &json!({"kind": "phone", "value": "13"})).await;
    assert_eq!(reply.faults(), ["/identity/value too_short"]);
    shop.refused("409 proof_invalid", "POST", "/register", json!({"brand": "acme", "identities": [proved]}))
        .await;
    shop.refused(
        "404 member_not_found",
        "POST",
        "/members/mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV/identities",
        json!({"identity": external("2")}),
    )
    .await;
    // Somebody who has left is given nothing.
    let close = json!({"status": "closed", "reason": "r"});
    shop.ok("POST", &format!("/members/{member}/status"), close).await;
    let reply = add(&shop, &member, &external("2")).await;
    assert_eq!(
        (reply.verdict().as_str(), &reply.body["member_status"]),
        ("409 member_not_active", &json!("closed"))
    );
    // Nor is an erased one.
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    assert_eq!(add(&shop, &member, &external("2")).await.verdict(), "404 member_not_found");
}

#[tokio::test]
async fn a_programme_may_ask_for_a_proof() {
    let mut program = program();
    program["identities"] = json!({"require_proof": true});
    let shop = Shop::open(&program, START).await;
    let member = registered(&shop, &[external("1")]).await;
    registered(&shop, &[external("2")]).await;
    for (identity, want) in [
        (external("3"), "422 proof_required"),
        // It is not told that it is another's.
        (external("2"), "422 proof_required"),
        (vouched("2"), "409 identity_conflict"),
        (vouched("3"), "201"),
        // Known is known.
        (external("1"), "200"),
    ] {
        assert_eq!(add(&shop, &member, &identity).await.verdict(), want, "{identity}");
    }
    program["identities"] = json!({});
    shop.ok("PUT", "/program", program).await;
    assert_eq!(add(&shop, &member, &external("4")).await.verdict(), "201");
}

#[tokio::test]
async fn a_member_has_at_most_20() {
    let shop = Shop::usual().await;
    let member = registered(&shop, &[external("0")]).await;
    for number in 1..20 {
        assert_eq!(add(&shop, &member, &external(&number.to_string())).await.status, 201, "{number}");
    }
    let before = shop.snapshot().await;
    let reply = add(&shop, &member, &external("20")).await;
    assert_eq!(
        (reply.verdict().as_str(), &reply.body["limit"]),
        ("422 limit_exceeded", &json!("identities"))
    );
    assert!(before == shop.snapshot().await, "a refusal wrote something");
    assert_eq!(add(&shop, &member, &vouched("19")).await.status, 200);
}

#[tokio::test]
async fn an_identity_is_removed_but_the_last() {
    let shop = Shop::usual().await;
    let member = registered(&shop, &[external("1"), external("2"), external("3")]).await;
    let of_member = token(&shop, &member).await;
    let (_, till) = shop.caller(&["storefront"], None).await;
    for (key, value, left) in [(till.as_str(), "1", &["2", "3"][..]), (&of_member, "2", &["3"])] {
        let path = format!("{}/{}?reason=%E8%AF%AF", path_of(&member), id_of(&shop, &member, value).await);
        let removed = shop.call_as(key, "DELETE", &path, &Value::Null, None).await;
        assert_eq!((removed.status, &removed.body["member"]), (200, &shop.show(&member).await));
        assert_eq!(values(&shop, &member).await, left);
        assert_eq!(find(&shop, value).await, Value::Null);
        // It is gone.
        let again = shop.call_as(key, "DELETE", &path, &Value::Null, None).await;
        assert_eq!(again.verdict(), "404 identity_not_found");
    }
    let path = format!("{}/{}", path_of(&member), id_of(&shop, &member, "3").await);
    shop.refused("409 last_identity", "DELETE", &path, Value::Null).await;
    for id in ["idn_01ARZ3NDEKTSV4RRFFQ69G5FAV", "3", "idn_"] {
        let path = format!("{}/{id}", path_of(&member));
        shop.refused("404 identity_not_found", "DELETE", &path, Value::Null).await;
    }
    // What was removed is free, also for the same member.
    let other = registered(&shop, &[external("1")]).await;
    assert_ne!(other, member);
    assert_eq!(add(&shop, &member, &external("2")).await.status, 201);
    assert_eq!(find(&shop, "2").await, json!(member));
}

/// The id says nothing of the person, is the same for ever, and not another member's.
#[tokio::test]
async fn an_identity_has_an_id_for_ever() {
    let shop = Shop::usual().await;
    let member = registered(&shop, &[external("1"), external("2")]).await;
    let first = id_of(&shop, &member, "1").await;
    // Verified, corrected, seen from another process, under a newer line of the master key: it is the same.
    add(&shop, &member, &vouched("1")).await;
    shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"name": "Li"}})).await;
    assert_eq!(id_of(&shop, &member, "1").await, first);
    let keys = "tests-master-key-0123456789abcdef\na-second-line-of-a-master-key-01234567";
    let later = Shop::found(shop.api.engine.store().clone(), keys, START).await;
    assert_eq!(id_of(&later, &member, "1").await, first);
    // Removed and added again it is the same identity of this member, and another one of somebody else.
    let removed = format!("{}/{first}", path_of(&member));
    shop.ok("DELETE", &removed, Value::Null).await;
    add(&shop, &member, &external("1")).await;
    assert_eq!(id_of(&shop, &member, "1").await, first);
    shop.ok("DELETE", &removed, Value::Null).await;
    let other = registered(&shop, &[external("1")]).await;
    assert_ne!(id_of(&shop, &other, "1").await, first);
}

/// The same request under its key gets the first answer, and no answer once the person is gone.
#[tokio::test]
async fn an_answer_is_remembered_with_the_person() {
    let shop = Shop::usual().await;
    let member = registered(&shop, &[external("1")]).await;
    let (path, body) = (path_of(&member), json!({"identity": external("2")}));
    let first = shop.call_with("POST", &path, &body, Some("k")).await;
    let again = shop.call_with("POST", &path, &body, Some("k")).await;
    assert_eq!((first.status, again.replayed(), again.bytes == first.bytes), (201, true, true));
    let known = shop.call_with("POST", &path, &body, Some("known")).await;
    assert_eq!((known.status, known.replayed()), (200, false));
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    let gone = shop.call_with("POST", &path, &body, Some("k")).await;
    assert_eq!(gone.verdict(), "404 member_not_found");
}

/// What the engine does of a proved identity; proofs by themselves come with codes.
pub(crate) async fn prove(
    shop: &Shop,
    member: &str,
    value: &str,
    proved: bool,
) -> Result<u16, engine::Error> {
    let now = shop.api.clock.now();
    let hash = shop.api.secrets.identity_hash("external", "app", value);
    let identity = Identity {
        kind: IdentityKind::External,
        channel: "app".to_owned(),
        value: value.to_owned(),
        verified: true,
    };
    let new = NewIdentity {
        member: edge::wire::read_member_id(member).unwrap(),
        identity,
        claim: Claim { own: ClaimedForm { hash, value: value.to_owned() }, before: None, other: None },
        proved,
        changed: Changed { by: member.to_owned(), at: now },
    };
    let tell = |own: &OwnIdentity| Answer { status: if own.added { 201 } else { 200 }, body: Vec::new() };
    let request = Request::plain(By::Import, now);
    let told = shop.api.engine.people().add_identity(&request, &new, tell).await;
    told.map(|told| told.answer.status)
}

/// An unverified claim is no claim: the one who proves it has it. A verified one stays, and so does a last one.
#[tokio::test]
async fn an_unverified_identity_is_taken_over_by_who_proves_it() {
    let rows = [
        (&[external("x"), external("b")][..], true, true),
        (&[external("b"), vouched("y"), external("x")], true, true),
        (&[vouched("x"), external("b")], true, false),
        (&[external("x")], true, false),
        // A shop's word is no proof.
        (&[external("x"), external("b")], false, false),
    ];
    for (has, proved, moves) in rows {
        let shop = Shop::usual().await;
        let (a, b) = (registered(&shop, &[external("a")]).await, registered(&shop, has).await);
        let before = (shop.snapshot().await, values(&shop, &b).await);
        let done = prove(&shop, &a, "x", proved).await;
        if !moves {
            let other = edge::wire::read_member_id(&b).unwrap();
            let refused =
                matches!(&done, Err(engine::Error::IdentityConflict { members }) if *members == [other]);
            assert!(refused, "{has:?}: {done:?}");
            assert!(before.0 == shop.snapshot().await, "{has:?}: a refusal wrote something");
            continue;
        }
        assert_eq!(done.unwrap(), 201, "{has:?}");
        assert_eq!(values(&shop, &a).await, ["a", "x!"], "{has:?}");
        let left: Vec<String> = before.1.into_iter().filter(|value| value != "x").collect();
        assert_eq!(values(&shop, &b).await, left, "{has:?}");
        assert_eq!(find(&shop, "x").await, json!(a));
        // It is the member's and verified now: nobody else proves it away.
        let third = registered(&shop, &[external("c")]).await;
        assert!(prove(&shop, &third, "x", true).await.is_err(), "{has:?}");
        assert_eq!(prove(&shop, &a, "x", true).await.unwrap(), 200, "{has:?}");
        // What is left of the other can be erased, and the one that moved stays found.
        shop.ok("DELETE", &format!("/members/{b}"), Value::Null).await;
        assert_eq!(find(&shop, "x").await, json!(a), "{has:?}");
    }
}

/// The answer of the store is lost, and it was done: it is not refused, or called known, because of itself.
#[test]
fn what_was_done_after_a_doubt_is_done() {
    run(async {
        for trouble in [Trouble::DoneButUnknown, Trouble::LostAndUnknown] {
            let store = Arc::new(Failing::new());
            let shop = Shop::over(store.clone(), &program(), START).await;
            let member = registered(&shop, &[external("1"), external("2")]).await;
            let path = format!("{}/{}", path_of(&member), id_of(&shop, &member, "1").await);
            store.fails_with(trouble);
            assert_eq!(add(&shop, &member, &external("3")).await.status, 201, "{trouble:?}");
            store.fails_with(trouble);
            assert_eq!(shop.call("DELETE", &path, Value::Null).await.status, 200, "{trouble:?}");
            assert_eq!(values(&shop, &member).await, ["2", "3"], "{trouble:?}");
            assert_eq!(shop.call("DELETE", &path, Value::Null).await.status, 404, "{trouble:?}");
        }
    });
}

/// What came with a record that was absorbed is the person's too: it is removed by way of the member, and what is left
/// returns with the record.
#[tokio::test]
async fn an_identity_of_an_absorbed_record_is_removed_by_way_of_the_member() {
    for by in ["staff", "the member", "the old id"] {
        let shop = Shop::usual().await;
        let (into, from) = (
            registered(&shop, &[external("1")]).await,
            registered(&shop, &[external("2"), external("3")]).await,
        );
        let merged = merge(&shop, &into, &from).await;
        assert_eq!(values(&shop, &into).await, ["1", "2", "3"]);
        let key = if by == "the member" { token(&shop, &into).await } else { ADMIN_KEY.to_owned() };
        let named = if by == "the old id" { &from } else { &into };
        let path = format!("{}/{}", path_of(named), id_of(&shop, &into, "2").await);
        let removed = shop.call_as(&key, "DELETE", &path, &Value::Null, None).await;
        assert_eq!(
            (removed.status, &removed.body["member"]["id"]),
            (200, &json!(into)),
            "{by}: {}",
            removed.body
        );
        assert_eq!(values(&shop, &into).await, ["1", "3"], "{by}");
        assert_eq!((find(&shop, "2").await, find(&shop, "3").await), (Value::Null, json!(into)), "{by}");
        let again = shop.call_as(&key, "DELETE", &path, &Value::Null, None).await;
        assert_eq!(again.verdict(), "404 identity_not_found", "{by}");
        audited(&shop).await;
        unmerge(&shop, &into, &merged).await;
        assert_eq!(values(&shop, &from).await, ["3"], "{by}");
        assert_eq!(values(&shop, &into).await, ["1"], "{by}");
        assert_eq!((find(&shop, "2").await, find(&shop, "3").await), (Value::Null, json!(from)), "{by}");
        audited(&shop).await;
    }
}

/// Which identity is the last one is asked of the whole person. Whoever has none once records are parted is given one.
#[tokio::test]
async fn the_last_identity_is_that_of_all_records_together() {
    for order in [["1", "2"], ["2", "1"]] {
        let shop = Shop::usual().await;
        let (into, from) =
            (registered(&shop, &[external("1")]).await, registered(&shop, &[external("2")]).await);
        let merged = merge(&shop, &into, &from).await;
        let paths = [id_of(&shop, &into, order[0]).await, id_of(&shop, &into, order[1]).await];
        shop.ok("DELETE", &format!("{}/{}", path_of(&into), paths[0]), Value::Null).await;
        let last = format!("{}/{}", path_of(&into), paths[1]);
        shop.refused("409 last_identity", "DELETE", &last, Value::Null).await;
        assert_eq!((find(&shop, order[0]).await, find(&shop, order[1]).await), (Value::Null, json!(into)));
        unmerge(&shop, &into, &merged).await;
        let (with, without) = if order[1] == "1" { (&into, &from) } else { (&from, &into) };
        assert_eq!((values(&shop, with).await.len(), values(&shop, without).await.len()), (1, 0));
        shop.refused("409 last_identity", "DELETE", &format!("{}/{}", path_of(with), paths[1]), Value::Null)
            .await;
        assert_eq!(add(&shop, without, &external(order[0])).await.status, 201);
        assert_eq!(find(&shop, order[0]).await, json!(without));
        audited(&shop).await;
    }
}

/// An identity that is added by way of the old id has the id under which it is shown.
#[tokio::test]
async fn an_identity_has_one_id_however_its_member_was_named() {
    let shop = Shop::usual().await;
    let (into, from) = (registered(&shop, &[external("1")]).await, registered(&shop, &[external("2")]).await);
    merge(&shop, &into, &from).await;
    for (named, value) in [(&from, "3"), (&into, "2"), (&from, "2"), (&from, "1")] {
        let told = add(&shop, named, &external(value)).await;
        assert_eq!(told.body["identity"]["id"], id_of(&shop, &into, value).await.as_str(), "{value}");
    }
    let own = id_of(&shop, &into, "3").await;
    shop.ok("DELETE", &format!("{}/{own}", path_of(&from)), Value::Null).await;
    assert_eq!(values(&shop, &into).await, ["1", "2"]);
}

/// Two who each remove the other's last identity: one of both stays.
#[test]
fn the_last_two_identities_are_not_removed_at_once() {
    run(async {
        let inner = Arc::new(MemoryStore::new());
        let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
        let between = Arc::new(Between::new(inner));
        let shop = Shop::over(between.clone(), &program(), START).await;
        let (into, from) =
            (registered(&shop, &[external("1")]).await, registered(&shop, &[external("2")]).await);
        let merged = merge(&shop, &into, &from).await;
        let path = |id: &str| format!("{}/{id}", path_of(&into));
        let (one, two) = (path(&id_of(&shop, &into, "1").await), path(&id_of(&shop, &into, "2").await));
        let meanwhile = other.clone();
        between.before(async move { _ = meanwhile.ok("DELETE", &two, Value::Null).await });
        shop.refused("409 last_identity", "DELETE", &one, Value::Null).await;
        assert_eq!(values(&shop, &into).await, ["1"]);
        // Nor is the last one of a record that stands for itself meanwhile.
        let two = add(&shop, &into, &external("2")).await.body["identity"]["id"].as_str().unwrap().to_owned();
        shop.ok("DELETE", &path(&two), Value::Null).await;
        unmerge(&shop, &into, &merged).await;
        assert_eq!(add(&shop, &from, &external("2")).await.status, 201);
        let merged = merge(&shop, &into, &from).await;
        let member = into.clone();
        between.before(async move { _ = unmerge(&other, &member, &merged).await });
        shop.refused("409 last_identity", "DELETE", &one, Value::Null).await;
        assert_eq!(
            (values(&shop, &into).await, values(&shop, &from).await),
            (vec!["1".to_owned()], vec!["2".to_owned()])
        );
    });
}

/// What is answered of an identity of an absorbed record shows both: no such answer comes once they are parted and the
/// member is erased.
#[test]
fn no_answer_of_two_comes_once_they_are_parted() {
    run(async {
        let inner = Arc::new(MemoryStore::new());
        let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
        let between = Arc::new(Between::new(inner.clone()));
        let shop = Shop::over(between.clone(), &program(), START).await;
        let (into, from) =
            (registered(&shop, &[external("1")]).await, registered(&shop, &[external("2")]).await);
        let merged = merge(&shop, &into, &from).await;
        let member = into.clone();
        between.before(async move {
            unmerge(&other, &member, &merged).await;
            other.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
        });
        let body = json!({"identity": external("2")});
        let told = shop.call_with("POST", &path_of(&into), &body, Some("k")).await;
        assert!(between.is_done());
        assert_eq!(told.verdict(), "404 member_not_found", "{}", told.body);
        let id = edge::wire::read_member_id(&into).unwrap();
        assert_eq!(inner.scan(keys::answers(id), 10).await.unwrap(), []);
    });
}
