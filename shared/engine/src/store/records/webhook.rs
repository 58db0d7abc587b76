//! Webhooks, what was sent to them, and what waits.

use domain::{id::BrandId, time::Instant};

use super::{By, Stored, layout::layout};
use crate::store::id::WebhookId;

/// All webhooks, oldest first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct WebhooksRecord {
    /// Them.
    pub webhooks: Vec<WebhookRecord>,
}

/// A receiver of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookRecord {
    /// Its id.
    pub id: WebhookId,
    /// Where events are sent to.
    pub url: String,
    /// Which it hears: words, groups or `*`.
    pub types: Vec<String>,
    /// Whose view of events it gets; `None` is staff's.
    pub brand: Option<BrandId>,
    /// For people.
    pub description: Option<String>,
    /// What requests are signed with, the newest last.
    pub secrets: Vec<WebhookSecret>,
    /// Whether it is on.
    pub status: WebhookStatus,
    /// When it was made, by the machine's clock.
    pub created_at: Instant,
    /// Who made it.
    pub by: By,
}

/// A secret that requests are signed with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookSecret {
    /// Sealed under the master key.
    pub sealed: Vec<u8>,
    /// When it was made, by the machine's clock.
    pub made_at: Instant,
    /// Until when it signs, by the machine's clock; `None` for the newest.
    pub until: Option<Instant>,
}

/// Whether a webhook is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WebhookStatus {
    /// Events are sent to it.
    Enabled,
    /// Its receiver failed.
    Disabled {
        /// Since when, by the machine's clock.
        at: Instant,
        /// Why, as a word: `gone` or `failing`.
        why: String,
    },
}

/// An attempt to deliver an event; or, as attempt 0, that it was not tried yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRecord {
    /// The word of the event's type.
    pub what: String,
    /// The key of the record that it comes from.
    pub source: Vec<u8>,
    /// When it was tried, or should be, by the machine's clock.
    pub at: Instant,
    /// What came of it.
    pub state: DeliveryState,
    /// The status of the answer, if there was one.
    pub http: Option<u16>,
    /// What went wrong, as a word.
    pub error: Option<String>,
    /// How the answer's body begins.
    pub body: Option<String>,
    /// When it is tried next, by the machine's clock.
    pub next_at: Option<Instant>,
}

/// What came of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// The receiver has it.
    Ok,
    /// It has not, or not as far as anybody knows.
    Failed,
    /// It was not tried yet.
    Pending,
}

/// An event that is to be sent, or sent again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryRecord {
    /// The word of the event's type.
    pub what: String,
    /// The key of the record that it comes from.
    pub source: Vec<u8>,
    /// The number of the attempt that comes next, from 1.
    pub attempt: u32,
    /// How many attempts of the present schedule have failed.
    pub tried: u32,
}

impl Stored for WebhooksRecord {}
impl Stored for DeliveryRecord {}
impl Stored for RetryRecord {}

layout! { struct WebhooksRecord { webhooks } }
layout! { struct WebhookRecord { id, url, types, brand, description, secrets, status, created_at, by } }
layout! { struct WebhookSecret { sealed, made_at, until } }
layout! { enum WebhookStatus { 0 = Enabled, 1 = Disabled { at, why } } }
layout! { struct DeliveryRecord { what, source, at, state, http, error, body, next_at } }
layout! { enum DeliveryState { 0 = Ok, 1 = Failed, 2 = Pending } }
layout! { struct RetryRecord { what, source, attempt, tried } }
