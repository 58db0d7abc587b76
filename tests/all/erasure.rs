//! Erasing a person, checked against the table of kinds of record: every record of every personal kind is
//! deleted.

use std::{collections::BTreeSet, sync::Arc};

use engine::{
    id::RequestHash,
    keys,
    memory::MemoryStore,
    store::{Change, Expect, Key, Record, Store as _, Write, kinds::KINDS},
};
use serde_json::{Value, json};

use crate::{
    coalition::coalition,
    instances::Between,
    support::{START, Shop},
};

/// Texts about the person that are stored nowhere afterwards.
const TEXTS: [&str; 4] = ["+8613800138000", "li@example.cn", "openid-erased", "李雷雷"];

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The personal records of the member with these bytes, by the name of their kind.
fn personal(records: &[(Key, Record)], id: &[u8]) -> BTreeSet<&'static str> {
    let own = records.iter().filter(|(key, record)| holds(key.as_bytes(), id) || holds(&record.value, id));
    let rows = own.filter_map(|(key, _)| key.kind().row());
    rows.filter(|row| row.personal).map(|row| row.name).collect()
}

/// Texts about the person that are stored somewhere.
fn told(records: &[(Key, Record)]) -> BTreeSet<&'static str> {
    let stands = |text: &&str| records.iter().any(|(_, record)| holds(&record.value, text.as_bytes()));
    TEXTS.into_iter().filter(stands).collect()
}

/// A member with a record of every personal kind; returns its id.
async fn somebody(shop: &Shop) -> String {
    let person = json!({
        "identities": [{"kind": "phone", "value": "138 0013 8000"}, {"kind": "email", "value": "li@example.cn"},
                       {"kind": "external", "channel": "app", "value": "openid-erased"}],
        "profile": {"name": "李雷雷", "birthday": "1990-05-17"}, "brand": "acme",
        "signals": {"device": "d-1"},
    });
    let made = shop.call_with("POST", "/register", &person, Some("register")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let member = made.body["member"]["id"].as_str().unwrap().to_owned();
    let linked = shop.linked(&member, "tea").await;
    shop.partner_earn("tea", &linked, "T-1", "10").await;
    let ended = shop.linked(&member, "mute").await;
    shop.partner_earn("mute", &ended, "T-2", "10").await;
    shop.unlink(&member, "mute").await;
    shop.code(&member, "tea").await;
    shop.card(&member).await;
    shop.earn(&member, "A-1", "100").await;
    let status = json!({"status": "suspended", "reason": "asked for"});
    let path = format!("/members/{member}/status");
    assert_eq!(shop.call_with("POST", &path, &status, Some("status")).await.status, 200);
    member
}

#[tokio::test]
async fn every_personal_kind_of_record_goes_with_the_person() {
    let shop = Shop::open(&coalition(), START).await;
    let member = somebody(&shop).await;
    let id = edge::wire::read_member_id(&member).unwrap().0;
    let before = shop.snapshot().await;
    let kinds: BTreeSet<&str> = KINDS.iter().filter(|row| row.personal).map(|row| row.name).collect();
    assert_eq!(personal(&before, &id), kinds, "this test makes a record of every personal kind");
    assert_eq!(told(&before), BTreeSet::from(TEXTS), "this test makes every text stand somewhere");
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    let after = shop.snapshot().await;
    assert_eq!(personal(&after, &id), BTreeSet::new());
    assert_eq!(told(&after), BTreeSet::new());
    let ledger = after.iter().filter(|(key, record)| holds(key.as_bytes(), &id) || holds(&record.value, &id));
    assert!(ledger.count() >= 4, "the member and its ledger stay");
}

/// An answer about the person that is remembered while it is erased: whoever writes it expects the person as it was
/// read, which it is until it is deleted.
#[tokio::test]
async fn an_answer_that_comes_meanwhile_goes_too() {
    let inner = Arc::new(MemoryStore::new());
    let between = Arc::new(Between::new(inner.clone()));
    let shop = Shop::over(between.clone(), &coalition(), START).await;
    let member = somebody(&shop).await;
    let id = edge::wire::read_member_id(&member).unwrap();
    let (person, store) = (keys::person(id), inner.clone());
    between.after_reading(person.clone(), async move {
        let version = store.get(std::slice::from_ref(&person)).await.unwrap()[0].as_ref().unwrap().version;
        let answer = keys::answer(id, RequestHash([0xee; 16]));
        let kept = Write { key: answer, expect: Expect::Absent, change: Change::Put("told".into()) };
        let still = Write { key: person, expect: Expect::Version(version), change: Change::Nothing };
        store.commit(vec![kept, still]).await.unwrap();
    });

    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;

    assert!(between.is_done());
    let left: Vec<_> = inner.scan(keys::answers(id), 10).await.unwrap();
    assert_eq!(left, []);
}
