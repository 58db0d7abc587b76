//! Lanes: what waits for one receiver, worked off beside all others.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{event::EventType, time::Instant};
use engine::{Error, Sent, Waiting, id::WebhookId, records::WebhookRecord};
use futures_util::{StreamExt as _, stream};
use tokio::{sync::Notify, task::JoinSet};

use super::{
    AT_ONCE, FAILED_PAUSE, Shared,
    attempt::{Results, Task},
};

/// How long a lane sleeps at most, and how often it is looked for new webhooks.
const SLEEP: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(5);

/// What is known of one receiver in this process.
#[derive(Default)]
pub(super) struct Lane {
    /// Whether it does not keep up: its events are written down as waiting.
    is_behind: AtomicBool,
    /// Something waits.
    wake: Notify,
    /// Since when it fails.
    failing: Mutex<Option<Instant>>,
}

impl Lane {
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Acquire)
    }

    pub(super) fn falls_behind(&self) {
        self.is_behind.store(true, Ordering::Release);
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn failing(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the lane of every webhook.
pub(super) async fn run_all(shared: Arc<Shared>) {
    let mut running: HashMap<WebhookId, tokio::task::AbortHandle> = HashMap::new();
    let mut lanes = JoinSet::new();
    loop {
        if let Ok(all) = shared.api.engine.webhooks().all().await {
            running.retain(|id, lane| {
                let stays = all.iter().any(|own| own.id == *id);
                if !stays {
                    lane.abort();
                }
                stays
            });
            for own in all {
                running.entry(own.id).or_insert_with(|| lanes.spawn(run(shared.clone(), own.id)));
            }
        }
        let goes_on = tokio::select! {
            goes_on = shared.pause(LOOK) => goes_on,
            () = shared.changed.notified() => true,
        };
        if !goes_on {
            break;
        }
    }
    while lanes.join_next().await.is_some() {}
}

/// Works off what waits for one webhook.
async fn run(shared: Arc<Shared>, id: WebhookId) {
    let lane = shared.lane(id);
    if let Ok(since) = shared.api.engine.webhooks().failing_since(id).await {
        *lane.failing() = since;
    }
    while !shared.is_stopped() {
        let pause = match work(&shared, &lane, id).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(webhook = edge::wire::id(id), %error, "a webhook's lane pauses");
                FAILED_PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = lane.wake.notified() => {}
            () = shared.stop() => return,
        }
    }
}

/// Sends what is due, a batch of it; how long there is nothing to do afterwards.
async fn work(shared: &Shared, lane: &Lane, id: WebhookId) -> Result<Duration, Error> {
    let webhooks = shared.api.engine.webhooks();
    let waiting = webhooks.waiting(id, 2 * AT_ONCE).await?;
    let now = shared.api.clock.world();
    // One of each event: each is written under the event's own key.
    let mut met = BTreeSet::new();
    let due: Vec<&Waiting> = waiting.iter().filter(|own| own.at <= now && met.insert(own.event)).collect();
    if due.is_empty() {
        lane.is_behind.store(false, Ordering::Release);
        let first = waiting
            .first()
            .map_or(SLEEP, |first| Duration::from_millis((first.at.0 - now.0).max(0).unsigned_abs()));
        return Ok(first.min(SLEEP));
    }
    let Some(webhook) = webhooks.all().await?.into_iter().find(|own| own.id == id) else { return Ok(SLEEP) };
    let mut tasks = Vec::with_capacity(due.len());
    for waiting in due {
        tasks.push(task(shared, &webhook, waiting).await?);
    }
    let results = Mutex::new(Results::default());
    let trying =
        stream::iter(&tasks).for_each_concurrent(AT_ONCE, |task| shared.attempt(&webhook, task, &results));
    tokio::select! {
        () = trying => {}
        // What was answered by now is written; the rest still waits.
        () = shared.stop() => {}
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (note, why) = results.judge(id, lane, shared.api.clock.world());
    let mut commits = Sent::commits(&results.sent, 1);
    if let Some(last) = commits.last_mut() {
        last.extend(note);
    }
    for writes in commits.into_iter().filter(|writes| !writes.is_empty()) {
        shared.api.engine.store().commit(writes).await?;
    }
    if let Some(why) = why {
        shared.switch_off(id, why).await;
    }
    Ok(Duration::ZERO)
}

/// What waits, ready to be sent: as its record tells it now.
async fn task(shared: &Shared, webhook: &WebhookRecord, waiting: &Waiting) -> Result<Task, Error> {
    let Waiting { event, at, record } = waiting;
    let kind = EventType::of(&record.what);
    let mut body = None;
    if let Some(kind) = kind
        && let Some(happening) =
            shared.api.engine.webhooks().happened_again(*event, kind, &record.source).await?
    {
        let hears = shared.api.hears(&happening, webhook.brand.as_ref()).await?;
        body = shared.api.event_text(&happening, hears)?.map(Into::into);
    }
    Ok(Task {
        event: *event,
        kind: kind.unwrap_or(EventType::WebhookTest),
        source: record.source.clone(),
        body,
        waited: Some(*at),
        attempt: record.attempt,
        tried: record.tried,
    })
}
