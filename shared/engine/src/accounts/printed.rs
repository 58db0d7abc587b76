//! Printed codes 券码 (rewards.md, 6): batches of them, and how often they were used.
//!
//! A batch is a number and a count: its codes follow from them, and of ten million that are printed nothing is stored before
//! somebody holds or uses one.

use std::collections::BTreeMap;

use domain::{
    id::{BatchId, OfferId},
    offer::printed::{BATCHES_MAX, Printed},
    refusal::Refusal,
};

use crate::{
    access::requests::{Request, Told},
    accounts::{Accounts, account::Held},
    store::{
        Version, Write,
        error::{Error, until_settled},
        keys,
        records::{Answer, PrintedBatch, PrintedRecord, PrintedUsedRecord},
        write::{put, unchanged},
    },
};

/// Into how many parts it is divided how often codes were used.
const PARTS: u8 = 16;

/// Codes that are to be printed together.
#[derive(Clone, Copy, Debug)]
pub struct PrintRun<'a> {
    /// The offer.
    pub offer: &'a OfferId,
    /// The caller's own name for it, within the offer.
    pub id: &'a BatchId,
    /// How many, 1 to 100,000.
    pub count: u32,
    /// How often each may be used, 1 or more.
    pub quantity: u32,
}

impl Accounts {
    /// The batches of an offer's printed codes, by their numbers.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn printed(&self, offer: &OfferId) -> Result<Vec<PrintedBatch>, Error> {
        let read = self.records.read::<PrintedRecord>(&keys::printed(offer)).await?;
        Ok(read.map(|(printed, _)| printed.batches).unwrap_or_default())
    }

    /// How often codes of those batches were used, less what came back, by the batch's number.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn printed_used(&self, offer: &OfferId) -> Result<BTreeMap<u32, u64>, Error> {
        let all: Vec<_> = (0..PARTS).map(|part| keys::printed_used(offer, part)).collect();
        let mut used = BTreeMap::new();
        for (key, record) in all.iter().zip(self.records.store.get(&all).await?) {
            for (batch, count) in Held::<PrintedUsedRecord>::read(key, record)?.value.batches {
                let sum: &mut u64 = used.entry(batch).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        Ok(used)
    }

    /// Prints codes, once for each batch. `tell` answers with the batch's number.
    ///
    /// # Errors
    /// [`Refusal::IdConflict`] if the batch had other content; [`Refusal::LimitExceeded`]; the store failed.
    pub async fn print_codes(
        &self,
        request: &Request,
        run: PrintRun<'_>,
        tell: impl Fn(u32, &PrintedBatch) -> Answer,
    ) -> Result<Told, Error> {
        until_settled(|_| async {
            if let Some(answer) = self.access.remembered(request).await? {
                return Ok(Told { answer, replayed: true });
            }
            let (mut record, version) = self.batches(run.offer).await?;
            if let Some((number, known)) = named(&record, run.id) {
                if known.content != request.content {
                    return Err(Refusal::IdConflict.into());
                }
                let answer = tell(number, known);
                self.programme.commit_told(request, Vec::new(), &answer).await?;
                return Ok(Told { answer, replayed: true });
            }
            let number = u32::try_from(record.batches.len()).unwrap_or(u32::MAX);
            if number >= BATCHES_MAX {
                return Err(Refusal::LimitExceeded { what: "batches" }.into());
            }
            let batch = PrintedBatch {
                id: run.id.clone(),
                at: request.now,
                by: request.by,
                count: run.count,
                quantity: run.quantity,
                content: request.content,
                revoked: None,
            };
            let answer = tell(number, &batch);
            record.batches.push(batch);
            let writes = vec![put(keys::printed(run.offer), unchanged(version), &record)];
            self.programme.commit_told(request, writes, &answer).await?;
            Ok(Told { answer, replayed: false })
        })
        .await
    }

    /// Takes the codes of a batch back, once; `None` if there is no such batch.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn revoke_printed(
        &self,
        request: &Request,
        (offer, id): (&OfferId, &BatchId),
        tell: impl Fn(&PrintedBatch) -> Answer,
    ) -> Result<Option<Told>, Error> {
        until_settled(|_| async {
            if let Some(answer) = self.access.remembered(request).await? {
                return Ok(Some(Told { answer, replayed: true }));
            }
            let (mut record, version) = self.batches(offer).await?;
            let Some(batch) = record.batches.iter_mut().find(|batch| batch.id == *id) else {
                return Ok(None);
            };
            let replayed = batch.revoked.is_some();
            batch.revoked.get_or_insert(request.now);
            let answer = tell(batch);
            let writes = match replayed {
                true => Vec::new(),
                false => vec![put(keys::printed(offer), unchanged(version), &record)],
            };
            self.programme.commit_told(request, writes, &answer).await?;
            Ok(Some(Told { answer, replayed }))
        })
        .await
    }

    async fn batches(&self, offer: &OfferId) -> Result<(PrintedRecord, Option<Version>), Error> {
        let read = self.records.read::<PrintedRecord>(&keys::printed(offer)).await?;
        Ok(read.map_or_else(Default::default, |(record, version)| (record, Some(version))))
    }

    /// The writes by which codes of an offer were used so often more, or less where it is below 0.
    pub(crate) async fn count_printed(
        &self,
        offer: &OfferId,
        used: &[(Printed, i64)],
    ) -> Result<Vec<Write>, Error> {
        let mut parts: BTreeMap<u8, Vec<(u32, i64)>> = BTreeMap::new();
        for (code, uses) in used {
            let part = u8::try_from(code.index % u32::from(PARTS)).unwrap_or(0);
            parts.entry(part).or_default().push((code.batch, *uses));
        }
        let mut writes = Vec::with_capacity(parts.len());
        for (part, changes) in parts {
            let key = keys::printed_used(offer, part);
            let read = self.records.read::<PrintedUsedRecord>(&key).await?;
            let version = read.as_ref().map(|(_, version)| *version);
            let mut all: BTreeMap<u32, u64> =
                read.map(|(record, _)| record.batches.into_iter().collect()).unwrap_or_default();
            for (batch, uses) in changes {
                let own = all.entry(batch).or_default();
                *own = own.saturating_add_signed(uses);
            }
            writes.push(put(
                key,
                unchanged(version),
                &PrintedUsedRecord { batches: all.into_iter().collect() },
            ));
        }
        Ok(writes)
    }
}

/// The batch of that name, with its number.
fn named<'r>(record: &'r PrintedRecord, id: &BatchId) -> Option<(u32, &'r PrintedBatch)> {
    let place = record.batches.iter().position(|batch| batch.id == *id)?;
    Some((u32::try_from(place).ok()?, &record.batches[place]))
}
