//! Sends events to webhooks.
//!
//! One reader goes through the feed and has a place in it. It tries each event once, at every receiver that keeps up;
//! what was tried and what came of it is written in the commit that moves the place on, so that nothing is lost and
//! what a crash hides is sent again under the same id. A receiver that does not keep up gets a lane of its own: its
//! events are written down as waiting, and the lane works them off, with everything that is to be sent again. An attempt
//! that has begun goes on there. So none waits for another, and no commit waits for any.
//!
//! Of several servers on one table one reads: the others notice that its place moves, and go on where it stops.
//!
//! What is sent, and what is written of it, is in the crate `outward`: here are tasks and time.

mod lane;
mod pace;
mod reader;
mod sending;
mod standby;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use edge::Api;
use engine::id::WebhookId;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

pub use pace::{Pacer, Used};

use lane::Lane;
use outward::{Counts, Sender};

/// How long the others wait for a receiver, once, before it is one that does not keep up.
const PATIENCE: Duration = Duration::from_millis(250);

/// The same while this thread hardly gets a processor: then it is not the receiver that is slow.
const PATIENCE_BUSY: Duration = Duration::from_secs(2);

/// How long what is under way has after the server has stopped.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// How long to wait after the store has failed.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// Until the first pass over what is old, and between two: a server that starts anew each day has to come to it too.
const FORGETTING_FIRST: Duration = Duration::from_secs(5 * 60);
const FORGETTING: Duration = Duration::from_secs(6 * 60 * 60);

/// What sends events; it runs until it is stopped.
pub struct Outward {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// What all tasks share.
struct Shared {
    api: Arc<Api>,
    sender: Sender,
    /// Whether this server reads the feed; otherwise another one does.
    leads: AtomicBool,
    /// Whether nobody else can: the store is a folder, which one process has open.
    is_alone: bool,
    pacer: Pacer,
    lanes: Mutex<HashMap<WebhookId, Arc<Lane>>>,
    /// Webhooks have come or gone.
    changed: Notify,
    stopped: watch::Receiver<bool>,
}

impl Outward {
    /// Begins to send; `None` if the store has no feed. What is committed after it has returned is told.
    pub async fn start(api: Arc<Api>) -> Option<Outward> {
        Outward::start_counting(api, false, Pacer::never(), Arc::default()).await
    }

    /// The same, which rests when that says so, and counts there what it does; `is_alone` where no other server can
    /// have the store.
    pub async fn start_counting(
        api: Arc<Api>,
        is_alone: bool,
        pacer: Pacer,
        counts: Arc<Counts>,
    ) -> Option<Outward> {
        api.engine.store().feed()?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            sender: Sender::new(api.local_webhooks, counts),
            api,
            leads: AtomicBool::new(true),
            is_alone,
            pacer,
            lanes: Mutex::default(),
            changed: Notify::new(),
            stopped,
        });
        if let Err(error) = reader::has_begun(&shared).await {
            tracing::warn!(%error, "the reader of webhooks cannot begin yet");
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(reader::run(shared.clone()));
        tasks.spawn(forget(shared.clone()));
        tasks.spawn(lane::run_all(shared));
        Some(Outward { tasks, stop })
    }

    /// Stops: what is under way may end, and what does not is sent again after the next start.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_PATIENCE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

impl Shared {
    /// The lane of a webhook.
    fn lane(&self, id: WebhookId) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(id).or_default().clone()
    }

    fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    /// Switches a webhook off whose receiver failed; from then on it has not failed.
    async fn switch_off(&self, id: WebhookId, why: &'static str) {
        if self.sender.switch_off(&self.api, id, why).await {
            self.lane(id).failing().take();
        }
    }

    /// Waits for that long, or until the server stops. Whether it goes on.
    async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.stop() => false,
        }
    }

    /// Rests as long as others need the processors, after each piece of work.
    async fn make_way(&self) {
        while let Some(rest) = self.pacer.rest() {
            if !self.pause(rest).await {
                return;
            }
        }
    }

    /// How long to wait for a receiver before it is one that does not keep up.
    fn patience(&self) -> Duration {
        if self.pacer.makes_way() { PATIENCE_BUSY } else { PATIENCE }
    }

    /// Waits until the server stops.
    async fn stop(&self) {
        let mut stopped = self.stopped.clone();
        // The sender goes with the server.
        let _ = stopped.wait_for(|stop| *stop).await;
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }
}

/// Removes what is old, a part at a time.
async fn forget(shared: Arc<Shared>) {
    let mut pause = FORGETTING_FIRST;
    while shared.pause(pause).await {
        pause = FORGETTING;
        let mut part = None;
        loop {
            let now = (shared.api.clock.now(), shared.api.clock.world());
            match shared.api.engine.webhooks().forget(part, now).await {
                Ok(None) => break,
                Ok(next) => part = next,
                Err(error) => {
                    tracing::warn!(%error, "what was sent to webhooks long ago cannot be forgotten now");
                    break;
                }
            }
            if !shared.pause(Duration::from_millis(20)).await {
                return;
            }
        }
    }
}
