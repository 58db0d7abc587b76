//! An attempt: what is sent, and what is written of it.

use bytes::Bytes;
use domain::{event::EventType, time::Instant};
use edge::{
    Api,
    webhook::{Came, Next, failing_too_long, live_secrets, next, signature},
    wire,
};
use engine::{
    Happening, Sent, Webhooks,
    id::{EventId, WebhookId},
    records::{DeliveryRecord, DeliveryState, WebhookRecord, WebhookStatus},
    store::Write,
};

use super::{Shared, client::Message, lane::Lane};

/// An event that is to be sent to a webhook.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) event: EventId,
    pub(super) kind: EventType,
    pub(super) source: Vec<u8>,
    /// What is sent; `None` if there is nothing any more.
    pub(super) body: Option<Bytes>,
    /// For when it was meant, if it waited.
    pub(super) waited: Option<Instant>,
    /// The number of the attempt, from 1.
    pub(super) attempt: u32,
    /// How many attempts of this schedule have failed before.
    pub(super) tried: u32,
}

impl Task {
    /// The first attempt at what has just happened.
    pub(super) fn first(happening: &Happening, body: Bytes) -> Task {
        Task {
            event: happening.id,
            kind: happening.kind,
            source: happening.source.as_bytes().to_vec(),
            body: Some(body),
            waited: None,
            attempt: 1,
            tried: 0,
        }
    }

    fn record(&self, at: Instant, state: DeliveryState) -> DeliveryRecord {
        DeliveryRecord {
            what: self.kind.word().to_owned(),
            source: self.source.clone(),
            at,
            state,
            http: None,
            error: None,
            body: None,
            next_at: None,
        }
    }

    fn sent(&self, webhook: WebhookId, attempt: u32, tried: u32, record: DeliveryRecord) -> Sent {
        Sent { webhook, event: self.event, waited: self.waited, attempt, tried, record }
    }

    /// That it waits, and was not tried yet.
    pub(super) fn waits(&self, webhook: WebhookId, now: Instant) -> Sent {
        let record = DeliveryRecord { next_at: Some(now), ..self.record(now, DeliveryState::Pending) };
        self.sent(webhook, 0, 0, record)
    }

    /// That it was not sent, because of that.
    pub(super) fn fails(&self, webhook: WebhookId, now: Instant, error: &str) -> Sent {
        let record =
            DeliveryRecord { error: Some(error.to_owned()), ..self.record(now, DeliveryState::Failed) };
        self.sent(webhook, self.attempt, self.tried, record)
    }

    /// What came of an attempt, and what comes next.
    fn came(&self, webhook: WebhookId, came: &Came, now: Instant, chance: u64) -> (Sent, Next) {
        let next = next(came, self.tried, now, chance);
        let state = if came.is_ok() { DeliveryState::Ok } else { DeliveryState::Failed };
        let record = DeliveryRecord {
            http: came.http,
            error: came.error.map(str::to_owned),
            body: came.body.clone(),
            next_at: match next {
                Next::Again(at) => Some(at),
                Next::Done | Next::Never | Next::Off => None,
            },
            ..self.record(now, state)
        };
        (self.sent(webhook, self.attempt, self.tried + 1, record), next)
    }
}

/// What attempts at one webhook came to.
#[derive(Default)]
pub(super) struct Results {
    pub(super) sent: Vec<Sent>,
    succeeded: bool,
    failed: bool,
    is_gone: bool,
}

impl Results {
    fn add(&mut self, (sent, next): (Sent, Next)) {
        match sent.record.state {
            DeliveryState::Ok => self.succeeded = true,
            DeliveryState::Failed => self.failed = true,
            DeliveryState::Pending => {}
        }
        self.is_gone |= next == Next::Off;
        self.sent.push(sent);
    }

    /// What the lane knows from now on of its receiver, and the write that notes it; and why it is to be switched
    /// off, if it is.
    pub(super) fn judge(
        &self,
        webhook: WebhookId,
        lane: &Lane,
        now: Instant,
    ) -> (Option<Write>, Option<&'static str>) {
        let mut failing = lane.failing();
        let before = *failing;
        if self.succeeded {
            *failing = None;
        } else if self.failed && before.is_none() {
            *failing = Some(now);
        }
        let write = (*failing != before).then(|| Webhooks::note_failing(webhook, *failing));
        let why = match (self.is_gone, failing_too_long(*failing, now)) {
            (true, _) => Some("gone"),
            (false, true) => Some("failing"),
            (false, false) => None,
        };
        (write, why)
    }
}

impl Shared {
    /// Tries it once.
    pub(super) async fn attempt(
        &self,
        webhook: &WebhookRecord,
        task: &Task,
        results: &std::sync::Mutex<Results>,
    ) {
        let api: &Api = &self.api;
        let now = api.clock.world();
        let done = match (&task.body, &webhook.status) {
            (None, _) => (task.fails(webhook.id, now, "record_gone"), Next::Never),
            (_, WebhookStatus::Disabled { .. }) => (task.fails(webhook.id, now, "disabled"), Next::Never),
            (Some(body), WebhookStatus::Enabled) => {
                let came = self.send(webhook, task.event, body.clone(), now).await;
                let chance = api.chance.bytes().map_or(0, u64::from_be_bytes);
                task.came(webhook.id, &came, api.clock.world(), chance)
            }
        };
        let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What was not sent says nothing of the receiver.
        if done.0.record.error.as_deref().is_some_and(|error| matches!(error, "disabled" | "record_gone")) {
            results.sent.push(done.0);
        } else {
            results.add(done);
        }
    }

    async fn send(&self, webhook: &WebhookRecord, event: EventId, body: Bytes, now: Instant) -> Came {
        let secrets = live_secrets(webhook, &self.api.secrets, now);
        if secrets.is_empty() {
            return Came::nothing("secret");
        }
        let (id, seconds) = (wire::id(event), now.0.div_euclid(1_000));
        let signature = signature(&secrets, &id, seconds, &body);
        let message = Message { url: webhook.url.clone(), id, seconds, signature, body };
        self.client.send(message, now).await
    }

    /// Switches a webhook off whose receiver failed.
    pub(super) async fn switch_off(&self, id: WebhookId, why: &'static str) {
        let api = &self.api;
        let tie = match api.chance.bytes() {
            Ok(tie) => tie,
            Err(_) => return,
        };
        let now = (api.clock.now(), api.clock.world());
        match api.engine.webhooks().switch_off((id, &wire::id(id)), why, now, tie).await {
            Ok(true) => tracing::warn!(webhook = wire::id(id), why, "a webhook was switched off"),
            Ok(false) => {}
            // The next failure does it.
            Err(error) => tracing::warn!(webhook = wire::id(id), %error, "a webhook cannot be switched off"),
        }
        self.lane(id).failing().take();
    }
}
