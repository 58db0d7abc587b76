//! What is sent to webhooks when something goes wrong: a slow receiver, another server, a record that cannot be read,
//! a person that is erased.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use domain::time::Instant;
use engine::{
    id::WebhookId,
    keys,
    store::{Change, Expect, Key, Write},
};
use serde_json::{Value, json};
use server::Outward;
use store_dynamodb::local::Local;

use crate::{
    outward::{attempt, deliveries, sending},
    receiver::{Manner, Receiver, until},
    support::{START, Shop, coalition, program},
};

fn id_of(hook: &str) -> WebhookId {
    edge::wire::read_id(hook).unwrap()
}

fn garbage(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Put(Bytes::from_static(b"\xff\xff")) }
}

/// How many records there are of that kind.
async fn count(shop: &Shop, kind: engine::store::Kind) -> usize {
    shop.snapshot().await.iter().filter(|(key, _)| key.kind() == kind).count()
}

/// A receiver has its fifteen seconds: what it answers late was one attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_slow_gets_each_event_once() {
    let (shop, outward) = sending(&program()).await;
    let slow = Receiver::start(Manner::After(Duration::from_secs(3)));
    let (hook, _) = slow.hook(&shop, &["points.earned"], None).await;
    let member = shop.somebody().await;
    for number in 0..3 {
        shop.earn(&member, &format!("A-{number}"), "1").await;
    }
    let all_ok = async || {
        let all = deliveries(&shop, &hook).await;
        all.len() == 3 && all.iter().all(|own| own["status"] == "ok" && own["attempt"] == 1)
    };
    until("all are delivered", all_ok).await;
    assert_eq!(slow.got().len(), 3, "each once");
    assert_eq!(count(&shop, keys::kind::RETRY).await, 0, "nothing waits");
    // Once it answers quickly again its events take the short way.
    slow.answers(Manner::Answer(204, "", ""));
    for number in 3..6 {
        shop.earn(&member, &format!("A-{number}"), "1").await;
        slow.events(number + 1).await;
    }
    until("all are noted", async || deliveries(&shop, &hook).await.len() == 6).await;
    outward.stop().await;
    assert_eq!(slow.got().len(), 6);
}

/// Of two servers on one store one reads; what waits has one next attempt, whoever made the last.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_have_one_next_attempt() {
    let (shop, first) = sending(&program()).await;
    let bad = Receiver::start(Manner::Answer(500, "", ""));
    let (hook, _) = bad.hook(&shop, &["points.earned"], None).await;
    let second = Outward::start(shop.api.clone()).await.unwrap();
    let member = shop.somebody().await;
    for number in 0..20 {
        shop.earn(&member, &format!("A-{number}"), "1").await;
    }
    let tried = async || {
        let all = deliveries(&shop, &hook).await;
        all.iter().filter(|own| own["attempt"] == 2).count() == 20
    };
    until("all were tried twice", tried).await;
    assert_eq!(count(&shop, keys::kind::RETRY).await, 20, "each waits once");
    // Both sent the page that they began with, and no other.
    assert!(bad.got().len() <= 60, "{}", bad.got().len());
    first.stop().await;
    second.stop().await;
}

/// A record that cannot be read keeps nothing else back: not in the feed, nor among what waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_stops_nothing() {
    let (shop, outward) = sending(&program()).await;
    let receiver = Receiver::start(Manner::Answer(500, "", ""));
    let (hook, _) = receiver.hook(&shop, &["points.earned"], None).await;
    let early = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    let event = engine::event_id(early, &keys::webhooks(), domain::event::EventType::WebhookTest);
    let writes =
        vec![garbage(keys::happened(early, [7; 16])), garbage(keys::retry(id_of(&hook), early, event))];
    shop.api.engine.store().commit(writes).await.unwrap();
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1").await;
    attempt(&shop, &hook, "it has failed", |own| own["status"] == "failed").await;
    receiver.answers(Manner::Answer(204, "", ""));
    attempt(&shop, &hook, "it comes again", |own| own["status"] == "ok" && own["attempt"] == 2).await;
    // An event whose entry is damaged meanwhile fails, and says why.
    receiver.answers(Manner::Answer(500, "", ""));
    shop.earn(&member, "A-2", "1").await;
    let failed = attempt(&shop, &hook, "it has failed", |own| {
        own["status"] == "failed" && own["attempt"] == 1 && !own["next_at"].is_null()
    })
    .await;
    let order = domain::id::OrderId::of_checked("A-2");
    let entry = keys::order(&domain::id::BrandId::of_checked("acme"), &order);
    shop.api.engine.store().commit(vec![garbage(entry)]).await.unwrap();
    let path = format!("/webhooks/{hook}/redeliver");
    shop.ok("POST", &path, json!({"event_id": failed["event_id"]})).await;
    attempt(&shop, &hook, "it says so", |own| own["error"] == "record_unreadable").await;
    outward.stop().await;
}

/// A partner's webhook can be tried, and hears that a link ended whose member is erased; later too.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_hears_of_its_test_and_of_an_erasure() {
    let (shop, outward) = sending(&coalition()).await;
    let theirs = Receiver::good();
    let (hook, _) = theirs.hook(&shop, &["*"], Some("moon")).await;
    let test = shop.ok("POST", &format!("/webhooks/{hook}/test"), json!({})).await;
    let events = theirs.events(1).await;
    assert_eq!((&events[0]["type"], &events[0]["id"]), (&json!("webhook.test"), &test["event_id"]));
    assert_eq!((&events[0]["member_ref"], &events[0]["data"]), (&Value::Null, &json!({"webhook_id": hook})));

    let member = shop.somebody().await;
    let reference = shop.linked(&member, "moon").await;
    theirs.events(2).await;
    theirs.answers(Manner::Answer(503, "", ""));
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    let failed = attempt(&shop, &hook, "it has failed", |own| own["status"] == "failed").await;
    assert_eq!(failed["type"], "link.ended");
    theirs.answers(Manner::Answer(204, "", ""));
    attempt(&shop, &hook, "it comes again", |own| own["status"] == "ok" && own["attempt"] == 2).await;
    let events = theirs.events(4).await;
    assert_eq!(events[2], events[3], "the same event");
    let ended = &events[2];
    assert_eq!((&ended["type"], &ended["member_ref"]), (&json!("link.ended"), &json!(reference)));
    assert!(!ended.to_string().contains(&member) && !ended["data"]["ended_at"].is_null(), "{ended}");
    // Who was not linked any more is told nothing more.
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    outward.stop().await;
    assert_eq!(theirs.got().len(), 4);
}

/// Which tags came and which went by hand.
#[tokio::test(flavor = "multi_thread")]
async fn tags_that_are_set_by_hand_are_told() {
    let mut program = program();
    program["tags"] = json!(["vip", "tea"].map(|id| json!({"id": id, "name": {"zh": "标签", "en": id}})));
    let (shop, outward) = sending(&program).await;
    let receiver = Receiver::good();
    receiver.hook(&shop, &["tags.changed"], None).await;
    let member = shop.somebody().await;
    let path = format!("/members/{member}/tags");
    for body in [json!({"add": ["vip"]}), json!({"add": ["vip"]}), json!({"add": ["tea"], "remove": ["vip"]})]
    {
        shop.ok("POST", &path, body).await;
    }
    let events = receiver.events(2).await;
    let mut told: Vec<_> =
        events.iter().map(|own| (&own["data"]["added"], &own["data"]["removed"])).collect();
    told.sort_by_key(|(added, _)| added.to_string());
    assert_eq!(told, [(&json!(["tea"]), &json!(["vip"])), (&json!(["vip"]), &json!([]))]);
    assert!(
        events.iter().all(|own| own["member_id"] == member.as_str() && own["seq"].is_null()),
        "{events:?}"
    );
    outward.stop().await;
}

/// Nobody is switched off for what was before it was switched on, and nothing of a webhook that is gone stays.
#[tokio::test(flavor = "multi_thread")]
async fn since_when_it_fails_ends_when_it_is_switched_on_or_goes() {
    let (shop, outward) = sending(&program()).await;
    let gone = Receiver::start(Manner::Answer(410, "", ""));
    let (hook, _) = gone.hook(&shop, &["points.earned"], None).await;
    let id = id_of(&hook);
    let long_ago = Instant(shop.api.clock.world().0 - 6 * 86_400_000);
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1").await;
    let is_off =
        async || shop.ok("GET", &format!("/webhooks/{hook}"), Value::Null).await["status"] == "disabled";
    until("it is off", is_off).await;
    // Another server may have noted that it fails.
    let note = || vec![engine::Webhooks::note_failing(id, Some(long_ago))];
    shop.api.engine.store().commit(note()).await.unwrap();
    gone.answers(Manner::Answer(500, "", ""));
    shop.ok("POST", &format!("/webhooks/{hook}/enable"), json!({})).await;
    assert_eq!(shop.api.engine.webhooks().failing_since(id).await.unwrap(), None);
    shop.earn(&member, "A-2", "1").await;
    attempt(&shop, &hook, "it fails", |own| own["http"] == 500).await;
    assert_eq!(shop.ok("GET", &format!("/webhooks/{hook}"), Value::Null).await["status"], "enabled");
    outward.stop().await;

    // The next server knows since when before it tries anything.
    shop.api.engine.store().commit(note()).await.unwrap();
    shop.earn(&member, "A-3", "1").await;
    let outward = Outward::start(shop.api.clone()).await.unwrap();
    until("it is off again", is_off).await;
    shop.ok("POST", &format!("/webhooks/{hook}/enable"), json!({})).await;
    shop.api.engine.store().commit(note()).await.unwrap();
    shop.ok("DELETE", &format!("/webhooks/{hook}"), Value::Null).await;
    assert_eq!(shop.api.engine.webhooks().failing_since(id).await.unwrap(), None);
    outward.stop().await;
    // What was noted after it was removed goes with all else that is nobody's.
    shop.api.engine.store().commit(note()).await.unwrap();
    let (mut part, now) = (None, shop.api.clock.world());
    loop {
        part = shop.api.engine.webhooks().forget(part, (now, now)).await.unwrap();
        if part.is_none() {
            break;
        }
    }
    assert_eq!(shop.api.engine.webhooks().failing_since(id).await.unwrap(), None);
    assert_eq!(count(&shop, keys::kind::DELIVERY).await + count(&shop, keys::kind::RETRY).await, 0);
}

/// Over a table, whose stream is not read while there is no webhook: everything from the making of one on is told, and
/// nothing of before.
#[tokio::test(flavor = "multi_thread")]
async fn over_a_table_a_webhook_hears_what_follows_it() {
    let Some(local) = Local::shared() else { return };
    let store = local.store().await.expect("a table").with_feed().await.expect("a stream");
    let mut shop = Shop::over(Arc::new(store), &program(), START).await;
    Arc::get_mut(&mut shop.api).expect("nobody else has it yet").local_webhooks = true;
    let member = shop.somebody().await;
    shop.earn(&member, "before", "1").await;
    // Longer than the clocks of two machines may differ.
    until("time passes", {
        let began = std::time::Instant::now();
        async move || began.elapsed() > Duration::from_secs(6)
    })
    .await;
    let outward = Outward::start(shop.api.clone()).await.expect("a feed");
    let receiver = Receiver::good();
    receiver.hook(&shop, &["points.earned"], None).await;
    let want: BTreeSet<String> = (0..12).map(|number| format!("A-{number}")).collect();
    for order in &want {
        shop.earn(&member, order, "1").await;
    }
    let events = receiver.events(want.len()).await;
    let told = |events: &[Value]| -> BTreeSet<String> {
        events.iter().map(|event| event["data"]["order_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(told(&events), want);
    outward.stop().await;
}
