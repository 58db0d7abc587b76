//! What was sent to webhooks, what came of it, and what waits to be sent.
//!
//! Each attempt is a record of its own. What waits is a second record, in the order of time, so that nothing has to be
//! looked through after a restart. Both are written with what is known by then, in commits of many.

use bytes::Bytes;
use domain::{event::EventType, time::Instant};

use crate::{
    store::{
        Expect, Key, Record, Version, WRITES_MAX, Write,
        error::{Error, until_settled},
        id::{EventId, WebhookId},
        keys::{self, kind},
        records::{DeliveryRecord, DeliveryState, HappenedRecord, RetryRecord, Unreadable, decode},
        write::{delete, delete_read, put},
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
    /// The version of its record: whoever deals with it expects that, so that of two instances only one does.
    pub version: Version,
    /// What is stored.
    pub record: RetryRecord,
}

/// What was found among what waits for a webhook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// An event.
    Waiting(Waiting),
    /// A record that cannot be read: of a newer build, or damaged. It is left where it is.
    Unreadable {
        /// For when it is meant.
        at: Instant,
        /// Why.
        why: Unreadable,
    },
}

impl Found {
    /// For when it is meant, by the machine's clock.
    pub fn at(&self) -> Instant {
        match self {
            Found::Waiting(waiting) => waiting.at,
            Found::Unreadable { at, .. } => *at,
        }
    }
}

/// What is to be written of an attempt, or of an event that is not tried yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// To which webhook.
    pub webhook: WebhookId,
    /// The event.
    pub event: EventId,
    /// For when it was meant, if it waited, and the version of the record that says so.
    pub waited: Option<(Instant, Version)>,
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
        if let Some((waited, version)) = self.waited.filter(|(waited, _)| Some(*waited) != next) {
            writes.push(delete_read(keys::retry(webhook, waited, event), version));
        }
        if self.waited.is_some() && self.attempt == 1 {
            writes.push(delete(keys::delivery(webhook, event, 0)));
        }
        writes.push(put(keys::delivery(webhook, event, self.attempt), Expect::Anything, &self.record));
        if let Some(at) = next {
            let DeliveryRecord { what, source, .. } = self.record.clone();
            let retry = RetryRecord { what, source, attempt: self.attempt + 1, tried: self.tried };
            let same = self.waited.filter(|(waited, _)| *waited == at);
            let expect = same.map_or(Expect::Anything, |(_, version)| Expect::Version(version));
            writes.push(put(keys::retry(webhook, at, event), expect, &retry));
        }
        writes
    }

    /// All of them in as many parts as fit into a commit each, with their writes, beside so many others in the last;
    /// at least one part.
    pub fn parts(all: &[Sent], others: usize) -> Vec<(&[Sent], Vec<Write>)> {
        let (mut parts, mut begun, mut writes) = (Vec::new(), 0, Vec::new());
        for (at, sent) in all.iter().enumerate() {
            let more = sent.writes();
            if writes.len() + more.len() + others > WRITES_MAX {
                parts.push((&all[begun..at], std::mem::take(&mut writes)));
                begun = at;
            }
            writes.extend(more);
        }
        parts.push((&all[begun..], writes));
        parts
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

    /// What waits for a webhook after that one, the earliest first, and so many at most.
    ///
    /// # Errors
    /// The store failed.
    pub async fn waiting(
        &self,
        webhook: WebhookId,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Found)>, Error> {
        let mut range = keys::retries(webhook);
        if let Some(after) = after {
            range.from = after.successor();
        }
        let found = self.records.store.scan(range, limit).await?;
        Ok(found
            .into_iter()
            .filter_map(|(key, record)| found_waiting(&key, &record).map(|own| (key, own)))
            .collect())
    }

    /// Those events as they wait for a webhook, each for its moment; nothing of one that does not wait any more.
    ///
    /// # Errors
    /// The store failed.
    pub async fn still_waiting(
        &self,
        webhook: WebhookId,
        events: &[(Instant, EventId)],
    ) -> Result<Vec<Waiting>, Error> {
        let keys: Vec<Key> = events.iter().map(|(at, event)| keys::retry(webhook, *at, *event)).collect();
        let found = self.records.store.get(&keys).await?;
        let waiting =
            keys.iter().zip(found).filter_map(|(key, record)| match found_waiting(key, &record?)? {
                Found::Waiting(waiting) => Some(waiting),
                Found::Unreadable { .. } => None,
            });
        Ok(waiting.collect())
    }

    /// Which of these attempts, by event and number, were made and written down.
    ///
    /// # Errors
    /// The store failed.
    pub async fn attempted(
        &self,
        webhook: WebhookId,
        attempts: &[(EventId, u32)],
    ) -> Result<Vec<bool>, Error> {
        let keys: Vec<Key> =
            attempts.iter().map(|(event, attempt)| keys::delivery(webhook, *event, *attempt)).collect();
        Ok(self.records.store.get(&keys).await?.iter().map(Option::is_some).collect())
    }

    /// The write that takes back that an event waits: it was sent already.
    pub fn waits_no_more(webhook: WebhookId, waiting: &Waiting) -> Write {
        delete_read(keys::retry(webhook, waiting.at, waiting.event), waiting.version)
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
    /// The store failed; what was found by then is sent.
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
                // One that cannot be read keeps no other back.
                let Ok(found) = delivery(found) else { continue };
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
    /// that is gone; `now` is the clock that what happened goes by. What cannot be read stays. Where the next part
    /// begins; `None` after the last.
    ///
    /// # Errors
    /// The store failed.
    pub async fn forget(
        &self,
        part: Option<(Forgets, Option<Bytes>)>,
        (now, world): (Instant, Instant),
    ) -> Result<Option<(Forgets, Option<Bytes>)>, Error> {
        let (what, from) = part.unwrap_or((Forgets::Deliveries, None));
        let page = self.records.store.walk(Some(what.kind()), from, PAGE).await?;
        // Read after the page: what a webhook that was just made has in it is not nobody's.
        let known: Vec<WebhookId> = self.all().await?.iter().map(|own| own.id).collect();
        let is_nobodys = |owner: Option<WebhookId>| !owner.is_some_and(|own| known.contains(&own));
        let mut old = Vec::new();
        for (key, record) in &page.records {
            let goes = match what {
                Forgets::Deliveries => {
                    let is_old = |sent: DeliveryRecord| {
                        let waits = sent.next_at.is_some_and(|at| at > world);
                        sent.at.plus_days(DELIVERIES_DAYS) <= world && !waits
                    };
                    is_nobodys(keys::read_delivery(key).map(|(webhook, ..)| webhook))
                        || decode(key, &record.value).is_ok_and(is_old)
                }
                Forgets::Waiting => is_nobodys(keys::read_retry(key).map(|(webhook, ..)| webhook)),
                Forgets::Failing => *key != keys::webhooks() && is_nobodys(keys::read_failing(key)),
                Forgets::Happened => {
                    // A test's clock may be far behind the machine's, or far ahead.
                    let is_old = |noted: HappenedRecord| noted.at.plus_days(HAPPENED_DAYS) <= now.min(world);
                    decode(key, &record.value).is_ok_and(is_old)
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
    /// Since when receivers fail.
    Failing,
    /// What happened without an entry.
    Happened,
}

impl Forgets {
    fn kind(self) -> crate::store::Kind {
        match self {
            Forgets::Deliveries => kind::DELIVERY,
            Forgets::Waiting => kind::RETRY,
            Forgets::Failing => kind::WEBHOOK,
            Forgets::Happened => kind::HAPPENED,
        }
    }

    fn next(self) -> Option<Forgets> {
        match self {
            Forgets::Deliveries => Some(Forgets::Waiting),
            Forgets::Waiting => Some(Forgets::Failing),
            Forgets::Failing => Some(Forgets::Happened),
            Forgets::Happened => None,
        }
    }
}

/// What such a record says; `None` of a key of another form.
fn found_waiting(key: &Key, record: &Record) -> Option<Found> {
    let (_, at, event) = keys::read_retry(key)?;
    Some(match decode(key, &record.value) {
        Ok(own) => Found::Waiting(Waiting { event, at, version: record.version, record: own }),
        Err(why) => Found::Unreadable { at, why },
    })
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
