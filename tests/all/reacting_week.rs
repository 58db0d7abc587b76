//! A receiver that answers 500 for a week, by a machine's clock that is a simulation's.

use std::{sync::Arc, time::Duration};

use domain::time::Instant;
use edge::{Clock, wire::read_id};
use engine::{
    id::WebhookId,
    memory::MemoryStore,
    records::DeliveryState,
    store::{Changes, Position},
};
use react::React;
use serde_json::json;

use crate::{
    receiver::{Manner, Receiver},
    support::{START, Shop, program},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A shop whose clock is moved minute by minute, as the stream and the schedule come to `react`.
struct Week {
    shop: Shop,
    react: React,
    start: Instant,
    position: Position,
    minutes: i64,
}

impl Week {
    async fn begin() -> Week {
        let start = Instant::parse(START).unwrap();
        let clock = Clock::simulated(start);
        let mut shop = Shop::living(Arc::new(MemoryStore::new()), &program(), clock, start).await;
        Arc::get_mut(&mut shop.api).expect("nobody else has it yet").local_webhooks = true;
        let position = shop.api.engine.store().feed().unwrap().end().await.unwrap();
        Week { shop, react: React::default(), start, position, minutes: 0 }
    }

    fn now(&self) -> Instant {
        self.start.plus_millis(self.minutes * MINUTE)
    }

    /// The next minute: what was committed is handed over, and what waits is worked off.
    async fn minute(&mut self) {
        self.minutes += 1;
        let elapsed = Duration::from_secs(60 * self.minutes.unsigned_abs());
        self.shop.api.clock.simulate(self.now(), u64::try_from(elapsed.as_millis()).unwrap());
        let store = self.shop.api.engine.store().clone();
        let Changes::Commits { commits, next } =
            store.feed().unwrap().after(&self.position, 500).await.unwrap()
        else {
            panic!("a gap")
        };
        self.position = next;
        let commits: Vec<_> = commits.into_iter().map(|commit| (commit, self.now())).collect();
        self.react.changes(&self.shop.api, &commits).await.unwrap();
        self.react.waiting(&self.shop.api, self.shop.api.clock.steady()).await.unwrap();
    }
}

#[tokio::test]
async fn a_week_of_500s_is_nine_repeats_and_five_days() {
    let mut week = Week::begin().await;
    let (bad, other) = (Receiver::start(Manner::Answer(500, "", "")), Receiver::good());
    let (hook, _) = bad.hook(&week.shop, &["points.earned"], None).await;
    other.hook(&week.shop, &["webhook.disabled"], None).await;
    let id: WebhookId = read_id(&hook).unwrap();
    let member = week.shop.somebody().await;
    let mut failing_since = None;
    while week.minutes < 7 * 24 * 60 {
        if week.minutes % 360 == 0 {
            week.shop.earn(&member, &format!("A-{}", week.minutes), "1").await;
        }
        week.minute().await;
        if failing_since.is_none() && !bad.got().is_empty() {
            failing_since = Some(week.now());
        }
    }

    // The first event: ten attempts, each a fifth earlier or later, and the minute that it waits for.
    let all = week.shop.api.engine.webhooks().deliveries(id, None, 10_000).await.unwrap();
    let first = all.last().unwrap().event;
    let mut attempts: Vec<_> = all.iter().filter(|own| own.event == first).collect();
    attempts.reverse();
    assert_eq!(attempts.iter().map(|own| own.attempt).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    let delays = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (pair, seconds) in attempts.windows(2).zip(delays) {
        let apart = pair[1].record.at.0 - pair[0].record.at.0;
        assert!((seconds * 800..=seconds * 1_200 + MINUTE).contains(&apart), "{seconds} s: {apart} ms");
    }
    assert_eq!(attempts[9].record.next_at, None, "it was sent often enough");

    // Five days without one success, and others are told.
    let own = week.shop.ok("GET", &format!("/webhooks/{hook}"), json!(null)).await;
    assert_eq!((&own["status"], &own["disabled_because"]), (&json!("disabled"), &json!("failing")));
    let off = Instant::parse(own["disabled_at"].as_str().unwrap()).unwrap();
    let after = off.0 - failing_since.unwrap().0;
    assert!((5 * DAY - MINUTE..=5 * DAY + 6 * HOUR).contains(&after), "{after} ms");
    let told = other.events(1).await;
    assert_eq!((&told[0]["data"]["reason"], told.len()), (&json!("failing"), 1));
    let sent_then = bad.got().len();
    let missed = all.iter().filter(|own| own.record.error.as_deref() == Some("disabled")).count();
    assert!(missed >= 7, "{missed}");

    // It is mended: everything that failed comes when it is asked for, under the same ids.
    bad.answers(Manner::Answer(204, "", ""));
    week.shop.ok("POST", &format!("/webhooks/{hook}/enable"), json!({})).await;
    let time = json!({"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"});
    let again = week.shop.ok("POST", &format!("/webhooks/{hook}/redeliver"), time).await;
    for _ in 0..3 {
        week.minute().await;
    }
    let events = 7 * 4;
    assert_eq!(again["events"], events);
    assert_eq!(bad.got().len(), sent_then + events);
    let all = week.shop.api.engine.webhooks().deliveries(id, None, 10_000).await.unwrap();
    let delivered = all.iter().filter(|own| own.record.state == DeliveryState::Ok).count();
    assert_eq!((delivered, count_of_waiting(&week.shop).await), (events, 0));

    // A month later all of it is forgotten, in pages.
    week.minutes += 31 * 24 * 60;
    while !week.shop.api.engine.webhooks().deliveries(id, None, 1).await.unwrap().is_empty() {
        week.minute().await;
        assert!(week.now().0 - week.start.0 < 40 * DAY, "it is not forgotten");
    }
}

async fn count_of_waiting(shop: &Shop) -> usize {
    let all = shop.snapshot().await;
    all.iter().filter(|(key, _)| key.kind() == engine::keys::kind::RETRY).count()
}
