//! The webhooks themselves. All of them are one record, so that its version guards their number.

use domain::{event::EventType, refusal::Refusal, time::Instant};

use crate::{
    access::{
        activity::noted_by_time,
        requests::{Request, Told},
    },
    store::{
        Expect, Manner, StoreError, Version, Write,
        error::{ATTEMPTS_MAX, Error, until_settled},
        id::{EventId, WebhookId},
        keys,
        records::{Answer, By, HappenedRecord, WebhookRecord, WebhookStatus, WebhooksRecord},
        write::{delete, put, unchanged},
    },
    webhooks::{Webhooks, happening::event_id},
};

/// The most webhooks of a programme.
pub const WEBHOOKS_MAX: usize = 20;

/// The most webhooks of a brand.
pub const WEBHOOKS_OF_BRAND_MAX: usize = 5;

/// The note of a function that sends to webhooks: when it last said so, and after how long it says so again.
const FUNCTION_NOTE: &str = "webhooks_function";
const NOTED_ANEW_MILLIS: i64 = 10 * 60 * 1_000;

/// There is no such webhook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSuchWebhook;

impl Webhooks {
    /// Every webhook, oldest first.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn all(&self) -> Result<Vec<WebhookRecord>, Error> {
        Ok(self.stored().await?.0.webhooks)
    }

    async fn stored(&self) -> Result<(WebhooksRecord, Option<Version>), Error> {
        let read = self.records.read::<WebhooksRecord>(&keys::webhooks()).await?;
        let version = read.as_ref().map(|(_, version)| *version);
        // Without a record there are none.
        Ok((read.map(|(record, _)| record).unwrap_or_default(), version))
    }

    /// Stores a new webhook, with the answer to the request that made it.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`], or the store failed.
    pub async fn add(&self, request: &Request, new: &WebhookRecord, answer: Answer) -> Result<Told, Error> {
        let add = |all: &mut Vec<WebhookRecord>| {
            let of_brand = all.iter().filter(|own| own.brand.is_some() && own.brand == new.brand).count();
            if all.len() >= WEBHOOKS_MAX || of_brand >= WEBHOOKS_OF_BRAND_MAX {
                return Err(Error::Refused(Refusal::LimitExceeded { what: "webhooks" }));
            }
            all.push(new.clone());
            Ok(Ok(answer.clone()))
        };
        let done = match self.change_all(request, Vec::new(), add).await {
            Ok(Err(NoSuchWebhook)) => Err(Error::Contended),
            Ok(Ok(told)) => Ok(told),
            Err(error) => Err(error),
        };
        // The last one that there is room for may be this very request's.
        self.access.or_remembered(request, done).await
    }

    /// Changes a webhook, and tells what became of it. `reaches` says whether the caller has to do with it.
    ///
    /// # Errors
    /// The store failed, or others were quicker again and again; within, that there is none.
    pub async fn change(
        &self,
        request: &Request,
        id: WebhookId,
        reaches: impl Fn(&WebhookRecord) -> bool,
        change: impl Fn(&mut WebhookRecord),
        tell: impl Fn(&WebhookRecord) -> Answer,
    ) -> Result<Result<Told, NoSuchWebhook>, Error> {
        let change = |all: &mut Vec<WebhookRecord>| {
            let own = all.iter_mut().find(|own| own.id == id && reaches(own));
            Ok(own.ok_or(NoSuchWebhook).map(|own| {
                change(own);
                tell(own)
            }))
        };
        self.change_all(request, Vec::new(), change).await
    }

    /// Switches a webhook on again: from now on it has not failed. Otherwise as [`Webhooks::change`].
    ///
    /// # Errors
    /// As [`Webhooks::change`].
    pub async fn enable(
        &self,
        request: &Request,
        id: WebhookId,
        reaches: impl Fn(&WebhookRecord) -> bool,
        tell: impl Fn(&WebhookRecord) -> Answer,
    ) -> Result<Result<Told, NoSuchWebhook>, Error> {
        let enable = |all: &mut Vec<WebhookRecord>| {
            let own = all.iter_mut().find(|own| own.id == id && reaches(own));
            Ok(own.ok_or(NoSuchWebhook).map(|own| {
                own.status = WebhookStatus::Enabled;
                tell(own)
            }))
        };
        self.change_all(request, vec![delete(keys::failing(id))], enable).await
    }

    /// Removes a webhook. What was sent to it is forgotten later.
    ///
    /// # Errors
    /// As [`Webhooks::change`].
    pub async fn remove(
        &self,
        request: &Request,
        id: WebhookId,
        reaches: impl Fn(&WebhookRecord) -> bool,
        tell: impl Fn(&WebhookRecord) -> Answer,
    ) -> Result<Result<Told, NoSuchWebhook>, Error> {
        let remove = |all: &mut Vec<WebhookRecord>| {
            let place = all.iter().position(|own| own.id == id && reaches(own));
            Ok(place.ok_or(NoSuchWebhook).map(|place| tell(&all.remove(place))))
        };
        self.change_all(request, vec![delete(keys::failing(id))], remove).await
    }

    /// Changes all secrets that `reseal` has another form of; returns how many.
    ///
    /// # Errors
    /// The store failed, or others were quicker again and again.
    pub async fn reseal_secrets(
        &self,
        reseal: impl Fn(WebhookId, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<usize, Error> {
        until_settled(|_| async {
            let (mut record, version) = self.stored().await?;
            let mut resealed = 0;
            for own in &mut record.webhooks {
                for secret in &mut own.secrets {
                    if let Some(sealed) = reseal(own.id, &secret.sealed) {
                        secret.sealed = sealed;
                        resealed += 1;
                    }
                }
            }
            if resealed > 0 {
                let write = put(keys::webhooks(), unchanged(version), &record);
                self.records.store.commit_as(vec![write], Manner::Anew).await?;
            }
            Ok(resealed)
        })
        .await
    }

    /// Changes the list, and with it makes these writes.
    async fn change_all(
        &self,
        request: &Request,
        beside: Vec<Write>,
        change: impl Fn(&mut Vec<WebhookRecord>) -> Result<Result<Answer, NoSuchWebhook>, Error>,
    ) -> Result<Result<Told, NoSuchWebhook>, Error> {
        for _ in 0..ATTEMPTS_MAX {
            // The faster request may have been this very one.
            if let Some(answer) = self.access.remembered(request).await? {
                return Ok(Ok(Told { answer, replayed: true }));
            }
            let (mut record, version) = self.stored().await?;
            let before = record.clone();
            let answer = match change(&mut record.webhooks)? {
                Ok(answer) => answer,
                Err(none) => return Ok(Err(none)),
            };
            let mut writes = Vec::new();
            if record != before {
                writes.push(put(keys::webhooks(), unchanged(version), &record));
                writes.extend(beside.iter().cloned());
            }
            match self.access.commit_told(request, writes, &answer).await {
                Err(Error::Store(StoreError::LostRace)) => {}
                done => return done.map(|()| Ok(Told { answer, replayed: false })),
            }
        }
        Err(Error::Contended)
    }

    /// Has a test sent to a webhook: the event's id, or the earlier answer. `world` is the machine's clock; `tie` are
    /// bytes of chance.
    ///
    /// # Errors
    /// The store failed.
    pub async fn test(
        &self,
        request: &Request,
        webhook: &WebhookRecord,
        world: Instant,
        tie: [u8; 16],
        tell: impl Fn(EventId) -> Answer,
    ) -> Result<Told, Error> {
        let noted = noted(request.by, world, EventType::WebhookTest, webhook, None);
        let key = keys::happened(world, tie);
        let answer = tell(event_id(world, &key, EventType::WebhookTest));
        until_settled(|before| {
            let (key, noted, answer) = (key.clone(), &noted, &answer);
            async move {
                if let Some(answer) = self.access.remembered(request).await? {
                    return Ok(Told { answer, replayed: true });
                }
                // Nobody else has these bytes: an attempt whose outcome was unknown has succeeded.
                if before == 0 || self.records.get(&key).await?.is_none() {
                    self.access.commit_told(request, vec![put(key, Expect::Absent, noted)], answer).await?;
                }
                Ok(Told { answer: answer.clone(), replayed: false })
            }
        })
        .await
    }

    /// Notes that a function sends to webhooks what the store's own stream hands it. `world` is the machine's clock.
    ///
    /// # Errors
    /// The store failed.
    pub async fn note_function(&self, world: Instant) -> Result<(), Error> {
        let noted = self.function_noted().await?;
        if noted.is_some_and(|at| world.0 - at.0 < NOTED_ANEW_MILLIS) {
            return Ok(());
        }
        let value = bytes::Bytes::copy_from_slice(&world.0.to_be_bytes());
        self.records.set_note(FUNCTION_NOTE, value).await
    }

    /// Whether a function sends to webhooks, so that nobody else has to.
    ///
    /// # Errors
    /// The store failed.
    pub async fn has_function(&self, world: Instant) -> Result<bool, Error> {
        Ok(self.function_noted().await?.is_some_and(|at| world.0 - at.0 < 3 * NOTED_ANEW_MILLIS))
    }

    async fn function_noted(&self) -> Result<Option<Instant>, Error> {
        let noted = self.records.note(FUNCTION_NOTE).await?;
        let millis = noted.and_then(|bytes| bytes.as_ref().try_into().ok());
        Ok(millis.map(|bytes| Instant(i64::from_be_bytes(bytes))))
    }

    /// Switches a webhook off at that moment of the machine's clock, because its receiver failed, and says so,
    /// outward and in the activity log, where it is called as it is shown. Whether it was on.
    ///
    /// # Errors
    /// The store failed.
    pub async fn switch_off(
        &self,
        (id, shown): (WebhookId, &str),
        why: &str,
        world: Instant,
        tie: [u8; 16],
    ) -> Result<bool, Error> {
        until_settled(|_| async {
            let (mut record, version) = self.stored().await?;
            let own = record.webhooks.iter_mut().find(|own| own.id == id);
            let Some(own) = own.filter(|own| own.status == WebhookStatus::Enabled) else { return Ok(false) };
            own.status = WebhookStatus::Disabled { at: world, why: why.to_owned() };
            let noted = noted(By::Time, world, EventType::WebhookDisabled, own, Some(why));
            let word = EventType::WebhookDisabled.word();
            let writes = vec![
                put(keys::webhooks(), unchanged(version), &record),
                put(keys::happened(world, tie), Expect::Absent, &noted),
                delete(keys::failing(id)),
                noted_by_time(world, tie, word, shown.to_owned(), why),
            ];
            self.records.commit(writes).await?;
            Ok(true)
        })
        .await
    }
}

fn noted(by: By, at: Instant, kind: EventType, webhook: &WebhookRecord, why: Option<&str>) -> HappenedRecord {
    let mut about = vec![(WEBHOOK.to_owned(), hex(webhook.id))];
    about.extend(why.map(|why| ("reason".to_owned(), why.to_owned())));
    let (what, brand) = (kind.word().to_owned(), webhook.brand.clone());
    HappenedRecord { what, at, by, member: None, brand, about, fields: Vec::new() }
}

/// What the note calls the webhook that it is about.
pub(crate) const WEBHOOK: &str = "webhook";

fn hex(WebhookId(bytes): WebhookId) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl HappenedRecord {
    /// The webhook that it is about, if about one.
    pub fn webhook(&self) -> Option<WebhookId> {
        let (_, hex) = self.about.iter().find(|(name, _)| name == WEBHOOK)?;
        u128::from_str_radix(hex, 16).ok().map(|number| WebhookId(number.to_be_bytes()))
    }
}
