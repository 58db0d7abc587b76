//! What sends to webhooks when no other server can: over a folder, beside requests that need the processors.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::store::{Expect, Write, feed::set_place};
use server::{Outward, Pacer, Used};

use crate::{
    outward::deliveries,
    receiver::{Receiver, until},
    support::{START, Shop, program},
};

/// A shop in memory as a folder is served: no other server can have it.
async fn alone(pacer: Pacer) -> (Shop, Outward) {
    let mut shop = Shop::open(&program(), START).await;
    Arc::get_mut(&mut shop.api).expect("nobody else has it yet").local_webhooks = true;
    let outward = Outward::start_counting(shop.api.clone(), true, pacer, Arc::default());
    let outward = outward.await.expect("a store in memory has a feed");
    (shop, outward)
}

/// The reader's commits also change what a lane may change: that it lost such a race is no other server, for which it
/// would stand by for half a minute, longer than this test waits.
#[tokio::test(flavor = "multi_thread")]
async fn over_a_folder_a_lost_race_is_no_other_server() {
    let (shop, outward) = alone(Pacer::never()).await;
    let receiver = Receiver::good();
    let (hook, _) = receiver.hook(&shop, &["points.earned"], None).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1").await;
    until("the first is noted", async || deliveries(&shop, &hook).await.len() == 1).await;

    // What it read of its place is old now.
    let records = shop.api.engine.records();
    let (position, _) = records.place("webhooks").await.unwrap().expect("it has a place");
    let place = Write { expect: Expect::Anything, ..set_place("webhooks", &position, None) };
    shop.api.engine.store().commit(vec![place]).await.unwrap();
    shop.earn(&member, "A-2", "1").await;
    until("the second is noted", async || deliveries(&shop, &hook).await.len() == 2).await;
    shop.earn(&member, "A-3", "1").await;
    until("the third is noted", async || deliveries(&shop, &hook).await.len() == 3).await;
    outward.stop().await;
}

/// Beside a full load it sends less at once and rests in between; everything arrives all the same, once, and no
/// receiver is held to be slow because of it.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_full_load_everything_is_told_once() {
    const EVENTS: usize = 200;
    let asked = Arc::new(AtomicU64::new(0));
    let meter = {
        let asked = asked.clone();
        move || {
            // Each time a second has passed, in which others used most of two processors; of what this thread used in
            // every other one, some is to be slept off.
            let seconds = asked.fetch_add(1, Ordering::Relaxed);
            let own = Duration::from_millis(seconds.div_ceil(2) * 30);
            let at = Duration::from_secs(seconds);
            Used { at, process: at + at / 2 + own, own }
        }
    };
    let (shop, outward) = alone(Pacer::by(meter, 2)).await;
    let receiver = Receiver::good();
    let (hook, _) = receiver.hook(&shop, &["points.earned"], None).await;
    let member = shop.somebody().await;
    for number in 0..EVENTS {
        shop.earn(&member, &format!("A-{number}"), "1").await;
    }
    let events = receiver.events(EVENTS).await;
    let mut seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), EVENTS, "each once");
    let noted = async || {
        let mut all = 0;
        let mut path = format!("/webhooks/{hook}/deliveries?limit=200");
        loop {
            let page = shop.ok("GET", &path, serde_json::Value::Null).await;
            let deliveries = page["deliveries"].as_array().unwrap();
            assert!(deliveries.iter().all(|own| own["attempt"] == 1 && own["status"] == "ok"), "{page}");
            all += deliveries.len();
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/webhooks/{hook}/deliveries?limit=200&cursor={cursor}"),
                None => break all == EVENTS,
            }
        }
    };
    until("all are noted", noted).await;
    outward.stop().await;
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked >= 6, "it asked {asked} times whether to rest");
}
