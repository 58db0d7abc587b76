//! The reader's first attempts at one webhook. It waits for them for a moment, so that what came of them is in the commit
//! that moves its place on; what takes longer goes on by itself, and the lane learns what came of it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::time::Instant;
use engine::{
    Sent,
    id::{EventId, WebhookId},
    records::WebhookStatus,
};
use futures_util::{StreamExt as _, stream};
use outward::{AT_ONCE, Results, Share, Tried};

use super::Shared;

/// Attempts at one webhook.
pub(super) struct Sending {
    share: Share,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The reader has gone on; its events wait since that moment.
    gone_on: Option<Instant>,
    /// Attempts that have begun and not ended.
    under_way: BTreeSet<EventId>,
    /// What came of those that have ended and that nobody has taken.
    ended: Vec<Tried>,
}

impl Sending {
    pub(super) fn webhook(&self) -> WebhookId {
        self.share.webhook.id
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has ended since the reader has gone on, with the moment since which its event waits; and the events whose
    /// attempts have not.
    pub(super) fn late(&self) -> (Vec<(Instant, Tried)>, BTreeSet<EventId>) {
        let mut state = self.state();
        let Some(at) = state.gone_on else { return (Vec::new(), BTreeSet::new()) };
        let ended = std::mem::take(&mut state.ended);
        (ended.into_iter().map(|tried| (at, tried)).collect(), state.under_way.clone())
    }

    async fn try_one(&self, shared: &Shared, number: usize) {
        let task = &self.share.tasks[number];
        {
            let mut state = self.state();
            if state.gone_on.is_some() {
                return;
            }
            state.under_way.insert(task.event);
        }
        let tried = shared.sender.attempt(&shared.api, &self.share.webhook, task).await;
        let mut state = self.state();
        state.under_way.remove(&task.event);
        state.ended.push(tried);
        if state.gone_on.is_some() {
            shared.lane(self.webhook()).wake();
        }
    }
}

/// Tries what is to be sent to one webhook until then. What came of it by then, what is not over by then among it, as
/// waiting; and the attempts that go on, once that is written.
pub(super) async fn send(
    shared: &Arc<Shared>,
    share: Share,
    deadline: tokio::time::Instant,
) -> (Results, Arc<Sending>) {
    let lane = shared.lane(share.webhook.id);
    let is_off = share.webhook.status != WebhookStatus::Enabled;
    let sending = Arc::new(Sending { share, state: Mutex::default() });
    if !lane.is_behind() || is_off {
        let (own, all) = (sending.clone(), shared.clone());
        let mut trying = tokio::spawn(async move {
            let tasks = 0..own.share.tasks.len();
            stream::iter(tasks).for_each_concurrent(AT_ONCE, |number| own.try_one(&all, number)).await;
        });
        tokio::select! {
            _ = tokio::time::timeout_at(deadline, &mut trying) => {}
            () = shared.stop() => trying.abort(),
        }
    }
    let now = shared.api.clock.world();
    let mut state = sending.state();
    state.gone_on = Some(now);
    let mut results = Results::default();
    std::mem::take(&mut state.ended).into_iter().for_each(|tried| results.add(tried));
    drop(state);
    let tasks = &sending.share.tasks;
    if results.sent.len() < tasks.len() {
        lane.falls_behind();
        let ended: BTreeSet<EventId> = results.sent.iter().map(|sent| sent.event).collect();
        let rest = tasks.iter().filter(|task| !ended.contains(&task.event));
        let rest: Vec<Sent> = rest.map(|task| task.waits(sending.webhook(), now)).collect();
        results.sent.extend(rest);
    }
    (results, sending)
}
