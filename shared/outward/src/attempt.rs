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
    store::{Version, Write},
};

use crate::{
    Sender,
    client::{Client, Message},
};

/// An event that is to be sent to a webhook.
#[derive(Clone, Debug)]
pub struct Task {
    /// Which.
    pub event: EventId,
    kind: EventType,
    source: Vec<u8>,
    /// What is sent; or why there is nothing to send, as a word.
    body: Result<Bytes, &'static str>,
    /// For when it was meant, if it waited, and the version of the record that says so.
    waited: Option<(Instant, Version)>,
    /// The number of the attempt, from 1.
    attempt: u32,
    /// How many attempts of this schedule have failed before.
    tried: u32,
}

impl Task {
    /// The first attempt at what has just happened.
    pub(crate) fn first(happening: &Happening, body: Result<Bytes, &'static str>) -> Task {
        Task {
            event: happening.id,
            kind: happening.kind,
            source: happening.source.as_bytes().to_vec(),
            body,
            waited: None,
            attempt: 1,
            tried: 0,
        }
    }

    /// What waited, ready to be sent.
    pub(crate) fn waiting(
        waiting: &engine::Waiting,
        kind: EventType,
        body: Result<Bytes, &'static str>,
    ) -> Task {
        let engine::Waiting { event, at, version, record } = waiting;
        Task {
            event: *event,
            kind,
            source: record.source.clone(),
            body,
            waited: Some((*at, *version)),
            attempt: record.attempt,
            tried: record.tried,
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

    /// That it waits from then on, and was not tried yet.
    pub fn waits(&self, webhook: WebhookId, now: Instant) -> Sent {
        let record = DeliveryRecord { next_at: Some(now), ..self.record(now, DeliveryState::Pending) };
        self.sent(webhook, 0, 0, record)
    }

    /// That it was not sent, because of that.
    fn fails(&self, webhook: WebhookId, now: Instant, error: &str) -> Tried {
        let record =
            DeliveryRecord { error: Some(error.to_owned()), ..self.record(now, DeliveryState::Failed) };
        let sent = self.sent(webhook, self.attempt, self.tried, record);
        Tried { sent, next: Next::Never, was_sent: false }
    }

    /// What came of an attempt, and what comes next.
    fn came(&self, webhook: WebhookId, came: &Came, now: Instant, chance: u64) -> Tried {
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
        let sent = self.sent(webhook, self.attempt, self.tried + 1, record);
        Tried { sent, next, was_sent: true }
    }
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What is written of it.
    pub sent: Sent,
    next: Next,
    /// Whether the receiver was asked: only then does it say something of the receiver.
    was_sent: bool,
}

/// What attempts at one webhook came to.
#[derive(Default, Debug)]
pub struct Results {
    /// What is written of them.
    pub sent: Vec<Sent>,
    succeeded: bool,
    failed: bool,
    is_gone: bool,
}

impl Results {
    /// Adds one.
    pub fn add(&mut self, Tried { sent, next, was_sent }: Tried) {
        if was_sent {
            let is_ok = sent.record.state == DeliveryState::Ok;
            self.succeeded |= is_ok;
            self.failed |= !is_ok;
            self.is_gone |= next == Next::Off;
        }
        self.sent.push(sent);
    }

    /// That these wait, and none was tried.
    pub fn waiting(sent: Vec<Sent>) -> Results {
        Results { sent, ..Results::default() }
    }

    /// Whether every receiver that was asked has what it was sent.
    pub fn are_good(&self) -> bool {
        !self.failed
    }

    /// Notes since when the receiver fails, as its attempts say, and returns the write that notes it; and why it is to
    /// be switched off, if it is.
    pub fn judge(
        &self,
        webhook: WebhookId,
        failing: &mut Option<Instant>,
        now: Instant,
    ) -> (Option<Write>, Option<&'static str>) {
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

impl Sender {
    /// Tries it once.
    pub async fn attempt(&self, api: &Api, webhook: &WebhookRecord, task: &Task) -> Tried {
        let now = api.clock.world();
        match (&task.body, &webhook.status) {
            (Err(why), _) => task.fails(webhook.id, now, why),
            (_, WebhookStatus::Disabled { .. }) => task.fails(webhook.id, now, "disabled"),
            (Ok(body), WebhookStatus::Enabled) => {
                let came = send(&self.client, api, webhook, task.event, body.clone(), now).await;
                let chance = api.chance.bytes().map_or(0, u64::from_be_bytes);
                self.counts.came(&came);
                task.came(webhook.id, &came, api.clock.world(), chance)
            }
        }
    }

    /// Switches a webhook off whose receiver failed. Whether it is off now.
    pub async fn switch_off(&self, api: &Api, id: WebhookId, why: &'static str) -> bool {
        let Ok(tie) = api.chance.bytes() else { return false };
        match api.engine.webhooks().switch_off((id, &wire::id(id)), why, api.clock.world(), tie).await {
            Ok(true) => tracing::warn!(webhook = wire::id(id), why, "a webhook was switched off"),
            Ok(false) => {}
            // The next failure does it.
            Err(error) => {
                tracing::warn!(webhook = wire::id(id), %error, "a webhook cannot be switched off");
                return false;
            }
        }
        true
    }
}

async fn send(
    client: &Client,
    api: &Api,
    webhook: &WebhookRecord,
    event: EventId,
    body: Bytes,
    now: Instant,
) -> Came {
    let secrets = live_secrets(webhook, &api.secrets, now);
    if secrets.is_empty() {
        return Came::nothing("secret");
    }
    let (id, seconds) = (wire::id(event), now.0.div_euclid(1_000));
    let signature = signature(&secrets, &id, seconds, &body);
    let message = Message { url: webhook.url.clone(), id, seconds, signature, body };
    client.send(message, now).await
}
