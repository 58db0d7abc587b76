//! `react`: sends what happens to webhooks. It answers no caller: the table's stream hands it what was committed, and
//! each minute it sends what waits.
//!
//! Every event is tried once as it comes, at every receiver that keeps up; what fails, and what is meant for a receiver
//! that does not keep up, waits in the table. The stream hands everything over at least once: what was tried already is
//! not tried again, and what is sent twice all the same has the same id.

mod changes;
mod forget;
mod waiting;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use domain::time::Instant as At;
use edge::{Api, Function};
use engine::{Error, id::WebhookId, records::WebhookRecord, store::Committed};
use futures_util::{StreamExt as _, stream};
use outward::{AT_ONCE, Results, Sender, Task};

/// The function. It has no routes: nobody calls it.
pub static FUNCTION: Function = Function { name: "react", routes: &[] };

/// A receiver that takes longer to answer does not keep up: others would wait for it.
const QUICK: Duration = Duration::from_secs(1);

/// For how long an instance remembers that.
const SLOW: Duration = Duration::from_secs(10 * 60);

/// What an instance keeps between two calls.
#[derive(Default)]
pub struct React {
    sender: OnceLock<Sender>,
    /// Receivers that took long to answer, and when.
    slow: Mutex<BTreeMap<WebhookId, Instant>>,
}

impl React {
    fn sender(&self, api: &Api) -> &Sender {
        self.sender.get_or_init(|| Sender::new(api.local_webhooks, Arc::default()))
    }

    fn is_slow(&self, api: &Api, webhook: WebhookId) -> bool {
        let slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        slow.get(&webhook).is_some_and(|at| api.clock.steady().saturating_duration_since(*at) < SLOW)
    }

    fn note_speed(&self, api: &Api, webhook: WebhookId, took: Duration) {
        if took > QUICK {
            let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
            slow.insert(webhook, api.clock.steady());
        }
    }

    /// Sends what happened in these commits of the table's stream, each with when it was made.
    ///
    /// # Errors
    /// The store failed: what is not written is handed over again.
    pub async fn changes(&self, api: &Api, commits: &[(Committed, At)]) -> Result<(), Error> {
        changes::send(self, api, commits).await
    }

    /// Sends what waits, and what comes to be due before `until`. How many attempts that were.
    ///
    /// # Errors
    /// The store failed: what is not written still waits.
    pub async fn waiting(&self, api: &Api, until: Instant) -> Result<u64, Error> {
        waiting::send(self, api, until).await
    }

    /// Tries all of them at one receiver.
    async fn try_all(&self, api: &Api, webhook: &WebhookRecord, tasks: &[Task]) -> Results {
        let results = Mutex::new(Results::default());
        let sender = self.sender(api);
        let trying = stream::iter(0..tasks.len()).for_each_concurrent(AT_ONCE, |number| {
            let results = &results;
            async move {
                let began = api.clock.steady();
                let tried = sender.attempt(api, webhook, &tasks[number]).await;
                self.note_speed(api, webhook.id, api.clock.steady().saturating_duration_since(began));
                results.lock().unwrap_or_else(PoisonError::into_inner).add(tried);
            }
        });
        trying.await;
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what came of attempts at one webhook, which has failed since then, and switches it off if it failed for
    /// too long.
    async fn write(
        &self,
        api: &Api,
        webhook: WebhookId,
        results: &Results,
        failing: &mut Option<At>,
    ) -> Result<(), Error> {
        let (note, why) = results.judge(webhook, failing, api.clock.world());
        outward::write(api, &results.sent, note.into_iter().collect()).await?;
        if let Some(why) = why
            && self.sender(api).switch_off(api, webhook, why).await
        {
            *failing = None;
        }
        Ok(())
    }
}

#[cfg(feature = "lambda")]
impl lambda::Reacts for React {
    fn changes<'a>(
        &'a self,
        api: &'a Api,
        commits: &'a [(Committed, At)],
    ) -> engine::store::Pending<'a, Result<(), Error>> {
        Box::pin(React::changes(self, api, commits))
    }

    fn time<'a>(&'a self, api: &'a Api, until: Instant) -> engine::store::Pending<'a, Result<u64, Error>> {
        Box::pin(self.waiting(api, until))
    }
}
