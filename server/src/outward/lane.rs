//! Lanes: what waits for one receiver, worked off beside all others.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::time::Instant;
use engine::{
    Error,
    id::{EventId, WebhookId},
    records::{WebhookRecord, WebhookStatus},
};
use futures_util::{StreamExt as _, stream};
use outward::{AT_ONCE, Due, Results, Task, Tried, due, write};
use tokio::{sync::Notify, task::JoinSet};

use super::{FAILED_PAUSE, Shared, sending::Sending};

/// How long a lane sleeps at most, and how often it is looked for new webhooks.
const SLEEP: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(5);

/// An instance that leaves the feed to another one works off what that one has left lying for so long, in milliseconds.
const LEFT_LYING: i64 = 60_000;

/// What is known of one receiver in this process.
#[derive(Default)]
pub(super) struct Lane {
    /// Whether it does not keep up: its events are written down as waiting. Until it has answered quickly again, so that
    /// nobody waits for it a second time.
    is_behind: AtomicBool,
    /// Something waits.
    wake: Notify,
    /// Since when it fails.
    failing: Mutex<Option<Instant>>,
    /// Attempts that the reader has begun and not waited for.
    handed: Mutex<Vec<Arc<Sending>>>,
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

    /// Takes over attempts that are under way: their events are written down as waiting by now.
    pub(super) fn takes(&self, sending: Arc<Sending>) {
        self.handed().push(sending);
        self.wake();
    }

    fn handed(&self) -> MutexGuard<'_, Vec<Arc<Sending>>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of attempts that were taken over, each with the moment for which its event waits; and the events of
    /// those that are still under way.
    fn late(&self) -> (Vec<(Instant, Tried)>, BTreeSet<EventId>) {
        let (mut late, mut under_way) = (Vec::new(), BTreeSet::new());
        self.handed().retain(|sending| {
            let (tried, left) = sending.late();
            late.extend(tried);
            let goes_on = !left.is_empty();
            under_way.extend(left);
            goes_on
        });
        (late, under_way)
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
    while !shared.is_stopped() {
        let pause = match work(&shared, &lane, id).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(webhook = edge::wire::id(id), %error, "a webhook's lane pauses");
                FAILED_PAUSE
            }
        };
        shared.make_way().await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = lane.wake.notified() => {}
            () = shared.stop() => return,
        }
    }
}

/// Sends what is due, a batch of it; how long there is nothing to do afterwards.
async fn work(shared: &Shared, lane: &Lane, id: WebhookId) -> Result<Duration, Error> {
    let api = &shared.api;
    let Some(webhook) = api.engine.webhooks().all().await?.into_iter().find(|own| own.id == id) else {
        return Ok(SLEEP);
    };
    let (late, mut taken) = lane.late();
    let (mut results, mut is_quick) = (Results::default(), true);
    if !late.is_empty() {
        is_quick = false;
        taken.extend(late.iter().map(|(_, tried)| tried.sent.event));
        add_late(shared, id, late, &mut results).await?;
    }
    let now = api.clock.world();
    let until = if shared.leads() { now } else { now.plus_millis(-LEFT_LYING) };
    let Due { tasks, next } = due(api, &shared.sender.counts, &webhook, until, &taken).await?;
    if tasks.is_empty() && results.sent.is_empty() {
        let first =
            next.map_or(SLEEP, |next| Duration::from_millis((next.0 - until.0).max(0).unsigned_abs()));
        return Ok(first.min(SLEEP));
    }
    let had_tasks = !tasks.is_empty();
    is_quick &= try_all(shared, &webhook, &tasks, &mut results).await;
    let (note, why) = results.judge(id, &mut lane.failing(), api.clock.world());
    write(api, &results.sent, note.into_iter().collect()).await?;
    if let Some(why) = why {
        shared.switch_off(id, why).await;
    }
    if had_tasks && is_quick && results.are_good() && tasks.len() < AT_ONCE {
        lane.is_behind.store(false, Ordering::Release);
    }
    Ok(Duration::ZERO)
}

/// Tries all of them. Whether the receiver answered each quickly; what was not answered when the server stopped still
/// waits.
async fn try_all(shared: &Shared, webhook: &WebhookRecord, tasks: &[Task], results: &mut Results) -> bool {
    let done = Mutex::new((results, true));
    let trying = stream::iter(tasks).for_each_concurrent(AT_ONCE, |task| {
        let done = &done;
        async move {
            let began = shared.api.clock.steady();
            let tried = shared.sender.attempt(&shared.api, webhook, task).await;
            let took = shared.api.clock.steady().saturating_duration_since(began);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.0.add(tried);
            done.1 &= took < shared.patience();
        }
    });
    tokio::select! {
        () = trying => {}
        () = shared.stop() => {}
    }
    let (_, is_quick) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    is_quick && webhook.status == WebhookStatus::Enabled
}

/// Adds what came of attempts that the reader had begun, if their events still wait.
async fn add_late(
    shared: &Shared,
    id: WebhookId,
    late: Vec<(Instant, Tried)>,
    results: &mut Results,
) -> Result<(), Error> {
    let asked: Vec<(Instant, EventId)> = late.iter().map(|(at, tried)| (*at, tried.sent.event)).collect();
    let waiting = shared.api.engine.webhooks().still_waiting(id, &asked).await?;
    for (_, mut tried) in late {
        if let Some(own) = waiting.iter().find(|own| own.event == tried.sent.event) {
            tried.sent.waited = Some((own.at, own.version));
            results.add(tried);
        }
    }
    Ok(())
}
