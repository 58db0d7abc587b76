//! What was sent to webhooks, what came of it, and what waits to be sent.
//!
//! Each attempt is a record of its own. What waits is a second record, in the order of time, so that nothing has to be
//! looked through after a restart. Both are written with what is known by then, in commits of many.

use bytes::Bytes;
use domain::{event::EventType, time::Instant};

use crate::{
    store::{
        Expect, Key, Record, WRITES_MAX, Write,
        error::{Error, until_settled},
        id::{EventId, WebhookId},
        keys::{self, kind},
        records::{DeliveryRecord, DeliveryState, HappenedRecord, RetryRecord, Unreadable, decode},
        write::{delete, put},
    },
    webhooks::{Webhooks, happening::Happening},
};

/// Days for which deliveries are kept.
pub const DELIVERIES_DAYS: u32 = 30;

/// Days for which what happened without an entry is kept.
const HAPPENED_DAYS: u32 = 730;

/// Records that are read at once.
const PAGE: usize = 200;

/// The most events that one call sends again.
pub const REDELIVERED_MAX: usize = 10_000;

/// An attempt to deliver an event, as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The event.
    pub event: EventId,
    /// The attempt's number, from 1; 0: not tried yet.
    pub attempt: u32,
    /// What is stored.
    pub record: DeliveryRecord,
}

/// An event that waits for a webhook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The event.
    pub event: EventId,
    /// For when it was meant, by the machine's clock.
    pub at: Instant,
    /// What is stored.
    pub record: RetryRecord,
}

/// What is to be written of an attempt, or of an event that is not tried yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// To which webhook.
    pub webhook: WebhookId,
    /// The event.
    pub event: EventId,
    /// For when it was meant, if it waited.
    pub waited: Option<Instant>,
    /// The attempt's number, from 1; 0: not tried yet.
    pub attempt: u32,
    /// How many attempts of the present schedule have failed by now.
    pub tried: u32,
    /// What is stored of it.
    pub record: DeliveryRecord,
}

impl Sent {
    /// The most writes of one.
    pub const WRITES_MAX: usize = 4;

    /// Its writes.
    pub fn writes(&self) -> Vec<Write> {
        let (webhook, event) = (self.webhook, self.event);
        let mut writes = Vec::with_capacity(Sent::WRITES_MAX);
        let next = self.record.next_at;
        // A key stands once in a commit.
        if let Some(waited) = self.waited.filter(|waited| Some(*waited) != next) {
            writes.push(delete(keys::retry(webhook, waited, event)));
        }
        if self.waited.is_some() && self.attempt == 1 {
            writes.push(delete(keys::delivery(webhook, event, 0)));
        }
        writes.push(put(keys::delivery(webhook, event, self.attempt), Expect::Anything, &self.record));
        if let Some(at) = next {
            let DeliveryRecord { what, source, .. } = self.record.clone();
            let retry = RetryRecord { what, source, attempt: self.attempt + 1, tried: self.tried };
            writes.push(put(keys::retry(webhook, at, event), Expect::Anything, &retry));
        }
        writes
    }

    /// The writes of all of them in as many commits as they take, beside so many others in the last.
    pub fn commits(all: &[Sent], others: usize) -> Vec<Vec<Write>> {
        let mut commits = vec![Vec::new()];
        for sent in all {
            let writes = sent.writes();
            let last = commits.len() - 1;
            match commits[last].len() + writes.len() + others > WRITES_MAX {
                true => commits.push(writes),
                false => commits[last].extend(writes),
            }
        }
        commits
    }
}

impl Webhooks {
    /// Up to so many attempts, the newest event first and of each the newest attempt, after that one.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn deliveries(
        &self,
        webhook: WebhookId,
        after: Option<(EventId, u32)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let mut range = keys::deliveries(webhook, None);
        if let Some((event, attempt)) = after {
            range.from = keys::delivery(webhook, event, attempt).successor();
        }
        let found = self.records.store.scan(range, limit).await?;
        Ok(found.iter().map(delivery).collect::<Result<_, _>>()?)
    }

    /// What waits for a webhook, the earliest first, and so many at most.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn waiting(&self, webhook: WebhookId, limit: usize) -> Result<Vec<Waiting>, Error> {
        let found = self.records.store.scan(keys::retries(webhook), limit).await?;
        let waiting = found.iter().map(|(key, record)| {
            let (_, at, event) = keys::read_retry(key).ok_or_else(|| Unreadable { key: key.clone() })?;
            Ok::<_, Unreadable>(Waiting { event, at, record: decode(key, &record.value)? })
        });
        Ok(waiting.collect::<Result<_, _>>()?)
    }

    /// What happened, from what its record holds now; `None` if that is gone.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn happened_again(
        &self,
        event: EventId,
        kind: EventType,
        source: &[u8],
    ) -> Result<Option<Happening>, Error> {
        let key = Key::new(source.to_vec());
        let Some(Record { value, .. }) = self.records.get(&key).await? else { return Ok(None) };
        Ok(Happening::again(event, kind, &key, &value)?)
    }

    /// Has an event sent again as soon as possible. Whether there was one.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn redeliver(&self, webhook: WebhookId, event: EventId, now: Instant) -> Result<bool, Error> {
        until_settled(|_| async {
            let found = self.records.store.scan(keys::deliveries(webhook, Some(event)), 1).await?;
            let Some(newest) = found.first() else { return Ok(false) };
            self.records.commit(anew(webhook, &delivery(newest)?, now)).await?;
            Ok(true)
        })
        .await
    }

    /// Has the failed ones of that time sent again, the newest first: how many.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable; what was found by then is sent.
    pub async fn redeliver_failed(
        &self,
        webhook: WebhookId,
        (since, until): (Instant, Instant),
        now: Instant,
    ) -> Result<usize, Error> {
        let mut range = keys::deliveries_between(webhook, since, until);
        let (mut count, mut last) = (0, None);
        loop {
            let page = match range.from < range.to {
                true => self.records.store.scan(range.clone(), PAGE).await?,
                false => Vec::new(),
            };
            let mut writes = Vec::new();
            for found in &page {
                let found = delivery(found)?;
                // The first of an event is its newest.
                let is_newest = last.replace(found.event) != Some(found.event);
                let waits = found.record.next_at.is_some_and(|at| at <= now);
                if !is_newest || waits || found.record.state != DeliveryState::Failed {
                    continue;
                }
                if writes.len() + Sent::WRITES_MAX > WRITES_MAX {
                    self.records.commit(std::mem::take(&mut writes)).await?;
                }
                writes.extend(anew(webhook, &found, now));
                count += 1;
            }
            if !writes.is_empty() {
                self.records.commit(writes).await?;
            }
            match page.last().filter(|_| page.len() == PAGE && count < REDELIVERED_MAX) {
                Some((key, _)) => range.from = key.successor(),
                None => return Ok(count),
            }
        }
    }

    /// Since when a webhook's receiver fails, by the machine's clock.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn failing_since(&self, webhook: WebhookId) -> Result<Option<Instant>, Error> {
        Ok(self.records.read::<Instant>(&keys::failing(webhook)).await?.map(|(since, _)| since))
    }

    /// The write that notes since when a webhook's receiver fails, or that it does not.
    pub fn note_failing(webhook: WebhookId, since: Option<Instant>) -> Write {
        match since {
            Some(since) => put(keys::failing(webhook), Expect::Anything, &since),
            None => delete(keys::failing(webhook)),
        }
    }

    /// Looks through a part of what was sent and of what happened, and removes what is old enough or of a webhook
    /// that is gone. Where the next part begins; `None` after the last.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn forget(
        &self,
        part: Option<(Forgets, Option<Bytes>)>,
        world: Instant,
    ) -> Result<Option<(Forgets, Option<Bytes>)>, Error> {
        let (what, from) = part.unwrap_or((Forgets::Deliveries, None));
        let page = self.records.store.walk(Some(what.kind()), from, PAGE).await?;
        // Read after the page: what a webhook that was just made has in it is not nobody's.
        let known: Vec<WebhookId> = self.all().await?.iter().map(|own| own.id).collect();
        let mut old = Vec::new();
        for (key, record) in &page.records {
            let is_old = |at: Instant, days: u32| at.plus_days(days) <= world;
            let goes = match what {
                Forgets::Deliveries => {
                    let sent: DeliveryRecord = decode(key, &record.value)?;
                    let owner = keys::read_delivery(key).map(|(webhook, ..)| webhook);
                    let waits = sent.next_at.is_some_and(|at| at > world);
                    !owner.is_some_and(|own| known.contains(&own))
                        || (is_old(sent.at, DELIVERIES_DAYS) && !waits)
                }
                Forgets::Waiting => {
                    let owner = keys::read_retry(key).map(|(webhook, ..)| webhook);
                    !owner.is_some_and(|own| known.contains(&own))
                }
                Forgets::Happened => {
                    let noted: HappenedRecord = decode(key, &record.value)?;
                    is_old(noted.at, HAPPENED_DAYS)
                }
            };
            if goes {
                old.push(delete(key.clone()));
            }
        }
        for writes in old.chunks(WRITES_MAX) {
            self.records.commit(writes.to_vec()).await?;
        }
        Ok(match page.next {
            Some(next) => Some((what, Some(next))),
            None => what.next().map(|what| (what, None)),
        })
    }
}

/// What is looked through for what is old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forgets {
    /// Attempts.
    Deliveries,
    /// What waits.
    Waiting,
    /// What happened without an entry.
    Happened,
}

impl Forgets {
    fn kind(self) -> crate::store::Kind {
        match self {
            Forgets::Deliveries => kind::DELIVERY,
            Forgets::Waiting => kind::RETRY,
            Forgets::Happened => kind::HAPPENED,
        }
    }

    fn next(self) -> Option<Forgets> {
        match self {
            Forgets::Deliveries => Some(Forgets::Waiting),
            Forgets::Waiting => Some(Forgets::Happened),
            Forgets::Happened => None,
        }
    }
}

fn delivery((key, record): &(Key, Record)) -> Result<Delivery, Unreadable> {
    let (_, event, attempt) = keys::read_delivery(key).ok_or_else(|| Unreadable { key: key.clone() })?;
    Ok(Delivery { event, attempt, record: decode(key, &record.value)? })
}

/// The writes that have an event sent again now: its newest attempt says when, and its schedule begins anew.
fn anew(webhook: WebhookId, newest: &Delivery, now: Instant) -> Vec<Write> {
    let Delivery { event, attempt, record } = newest;
    let before = record.next_at.filter(|at| *at != now);
    let mut writes: Vec<Write> =
        before.map(|at| delete(keys::retry(webhook, at, *event))).into_iter().collect();
    let record = DeliveryRecord { next_at: Some(now), ..record.clone() };
    let sent = Sent { webhook, event: *event, waited: None, attempt: *attempt, tried: 0, record };
    writes.extend(sent.writes());
    writes
}
