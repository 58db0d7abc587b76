//! What waits for a webhook: what of it is due, and what is written of attempts at it.
//!
//! Several instances may work it off at once. Each expects the record that says that an event waits to be as it was
//! read, so of two attempts at one only the first is written, and only that one has a next one.

use std::collections::BTreeSet;

use domain::{event::EventType, time::Instant};
use edge::{Api, wire};
use engine::{
    Error, Found, Sent, Waiting, Webhooks,
    id::EventId,
    records::WebhookRecord,
    store::{StoreError, Write},
};

use crate::{AT_ONCE, Counts, Task, gather::UNREADABLE};

/// What is due for a webhook.
#[derive(Debug)]
pub struct Due {
    /// The events, a batch of them.
    pub tasks: Vec<Task>,
    /// When something is due next, as far as was looked; nothing if nothing else waits.
    pub next: Option<Instant>,
}

/// Looks for a batch of what is due for a webhook at that moment of the machine's clock, without those events that are
/// left out.
///
/// # Errors
/// The store failed.
pub async fn due(
    api: &Api,
    counts: &Counts,
    webhook: &WebhookRecord,
    now: Instant,
    left_out: &BTreeSet<EventId>,
) -> Result<Due, Error> {
    let webhooks = api.engine.webhooks();
    // One of each event: each is written under the event's own key.
    let (mut met, mut due, mut next, mut after) = (left_out.clone(), Vec::new(), None, None);
    while due.len() < 2 * AT_ONCE && next.is_none() {
        let page = webhooks.waiting(webhook.id, after.as_ref(), 2 * AT_ONCE).await?;
        for (_, found) in &page {
            match found {
                found if found.at() > now => {
                    next = Some(found.at());
                    break;
                }
                Found::Waiting(waiting) if met.insert(waiting.event) => due.push(waiting.clone()),
                Found::Waiting(_) => {}
                Found::Unreadable { why, .. } => counts.cannot_read(why),
            }
        }
        match page.last().filter(|_| page.len() == 2 * AT_ONCE) {
            Some((key, _)) => after = Some(key.clone()),
            None => break,
        }
    }
    let attempts: Vec<(EventId, u32)> = due.iter().map(|own| (own.event, own.record.attempt)).collect();
    let attempted = webhooks.attempted(webhook.id, &attempts).await?;
    let mut tasks = Vec::with_capacity(due.len());
    for (waiting, attempted) in due.iter().zip(attempted) {
        match attempted {
            // By another instance, which has it wait again if it is to.
            true => takes_back(api, webhook, waiting).await?,
            false => tasks.push(task(api, counts, webhook, waiting).await?),
        }
    }
    Ok(Due { tasks, next })
}

async fn takes_back(api: &Api, webhook: &WebhookRecord, waiting: &Waiting) -> Result<(), Error> {
    match api.engine.store().commit(vec![Webhooks::waits_no_more(webhook.id, waiting)]).await {
        Ok(_) | Err(StoreError::LostRace) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What waits, ready to be sent: as its record tells it now.
async fn task(api: &Api, counts: &Counts, webhook: &WebhookRecord, waiting: &Waiting) -> Result<Task, Error> {
    let kind = EventType::of(&waiting.record.what);
    let body = match text(api, webhook, waiting, kind).await {
        Ok(body) => body.ok_or("record_gone"),
        Err(Error::Unreadable(error)) => {
            counts.cannot_read(&error);
            Err(UNREADABLE)
        }
        Err(error) => return Err(error),
    };
    Ok(Task::waiting(waiting, kind.unwrap_or(EventType::WebhookTest), body))
}

async fn text(
    api: &Api,
    webhook: &WebhookRecord,
    Waiting { event, record, .. }: &Waiting,
    kind: Option<EventType>,
) -> Result<Option<bytes::Bytes>, Error> {
    let Some(kind) = kind else { return Ok(None) };
    let happening = api.engine.webhooks().happened_again(*event, kind, &record.source).await?;
    let Some(happening) = happening else { return Ok(None) };
    let hears = api.hears(&happening, webhook.brand.as_ref()).await?;
    Ok(api.event_text(&happening, hears)?.map(Into::into))
}

/// Writes what came of attempts at what waited, and these notes. What another instance has written meanwhile stays as
/// that wrote it.
///
/// # Errors
/// The store failed: what is not written still waits.
pub async fn write(api: &Api, sent: &[Sent], notes: Vec<Write>) -> Result<(), Error> {
    let store = api.engine.store();
    let mut parts = Sent::parts(sent, notes.len());
    if let Some((_, last)) = parts.last_mut() {
        last.extend(notes.clone());
    }
    let many = parts.len();
    for (at, (part, writes)) in parts.into_iter().enumerate().filter(|(_, (_, writes))| !writes.is_empty()) {
        match store.commit(writes).await {
            Ok(_) => {}
            Err(StoreError::LostRace) => {
                let notes = if at + 1 == many { notes.clone() } else { Vec::new() };
                let alone = part.iter().map(Sent::writes).chain([notes]);
                for writes in alone.filter(|writes| !writes.is_empty()) {
                    match store.commit(writes).await {
                        Ok(_) => {}
                        Err(StoreError::LostRace) => tracing::debug!("another instance has sent it too"),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    for own in sent {
        tracing::debug!(webhook = wire::id(own.webhook), event = wire::id(own.event), "written");
    }
    Ok(())
}
