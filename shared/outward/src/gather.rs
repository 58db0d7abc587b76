//! What each webhook is to be sent of what has just happened.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use domain::event::EventType;
use edge::{Api, Hears, wire};
use engine::{Error, Happening, What, records::WebhookRecord, store::Committed};

use crate::{Counts, Task};

/// What is sent of an event whose record, or what decides who may hear of it, cannot be read.
pub(crate) const UNREADABLE: &str = "record_unreadable";

/// What a webhook is to be sent.
#[derive(Debug)]
pub struct Share {
    /// The webhook, as it is stored.
    pub webhook: Arc<WebhookRecord>,
    /// The events.
    pub tasks: Vec<Task>,
}

/// What all webhooks are to be sent, as it is gathered.
pub struct Gathered<'a> {
    api: &'a Api,
    counts: &'a Counts,
    shares: Vec<Share>,
}

impl<'a> Gathered<'a> {
    /// Nothing yet for these.
    pub fn new(api: &'a Api, counts: &'a Counts, webhooks: Vec<WebhookRecord>) -> Gathered<'a> {
        let share = |webhook| Share { webhook: Arc::new(webhook), tasks: Vec::new() };
        Gathered { api, counts, shares: webhooks.into_iter().map(share).collect() }
    }

    /// Adds what happened in a commit, for those that hear of it and may.
    ///
    /// # Errors
    /// The store failed.
    pub async fn take(
        &mut self,
        commit: &Committed,
        hears: impl Fn(&WebhookRecord) -> bool,
    ) -> Result<(), Error> {
        if !self.shares.iter().any(|share| hears(&share.webhook)) {
            return Ok(());
        }
        let (all, unreadable) = Happening::all_of(commit);
        for error in unreadable {
            self.counts.cannot_read(&error);
        }
        for happening in all {
            self.tell(&happening, &hears).await?;
        }
        Ok(())
    }

    /// Adds an event to what those are sent that hear of it.
    async fn tell(
        &mut self,
        happening: &Happening,
        hears: &impl Fn(&WebhookRecord) -> bool,
    ) -> Result<(), Error> {
        // Most hear the same.
        let mut texts: HashMap<Hears, Option<Bytes>> = HashMap::new();
        for share in &mut self.shares {
            let webhook = &share.webhook;
            if !hears(webhook) || !wants(webhook, happening) {
                continue;
            }
            let body = match self.api.hears(happening, webhook.brand.as_ref()).await {
                Ok(hears) => match texts.get(&hears) {
                    Some(text) => text.clone().map(Ok),
                    None => {
                        let text = self.api.event_text(happening, hears)?.map(Bytes::from);
                        texts.insert(hears, text.clone());
                        text.map(Ok)
                    }
                },
                // It can be asked for again once it can be read.
                Err(Error::Unreadable(error)) => {
                    self.counts.cannot_read(&error);
                    Some(Err(UNREADABLE))
                }
                Err(error) => return Err(error),
            };
            if let Some(body) = body {
                tracing::debug!(webhook = wire::id(webhook.id), event = wire::id(happening.id), "told");
                share.tasks.push(Task::first(happening, body));
            }
        }
        Ok(())
    }

    /// All of it, without those that are sent nothing.
    pub fn shares(mut self) -> Vec<Share> {
        self.shares.retain(|share| !share.tasks.is_empty());
        self.shares
    }
}

/// Whether a webhook asked for events of that type. A test is its own alone, and that it was switched off is not told
/// to itself.
fn wants(webhook: &WebhookRecord, happening: &Happening) -> bool {
    let about = match &happening.what {
        What::Noted(noted) => noted.webhook(),
        What::Entry(_)
        | What::Registered { .. }
        | What::Linked { .. }
        | What::Programme { .. }
        | What::Offer { .. }
        | What::Settled { .. } => None,
    };
    match happening.kind {
        EventType::WebhookTest => about == Some(webhook.id),
        EventType::WebhookDisabled if about == Some(webhook.id) => false,
        kind => webhook.types.iter().any(|pattern| kind.is_in(pattern)),
    }
}
