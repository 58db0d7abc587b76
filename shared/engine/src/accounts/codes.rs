//! Codes of others (a film ticket's), which an offer hands out, one with each piece (rewards.md, 6).
//!
//! They stand sealed in the order in which they came, fifty to a record. How many came and how many were handed out is one
//! small record, and whoever takes the next code writes it and expects it as it was read: so no code is handed out twice,
//! whatever races, and none is skipped. What was handed out stays where it was; the grant has it too.

use domain::{
    id::{BatchId, OfferId},
    refusal::Refusal,
};

use crate::{
    access::requests::{Request, Told},
    accounts::Accounts,
    store::{
        Expect, Write,
        error::{Error, until_settled},
        keys,
        records::{Answer, StockBatchRecord, StockCodesRecord, StockRecord, Unreadable},
        turns::Turn,
        write::{put, unchanged},
    },
};

/// How many codes stand in one record.
const CODES_TOGETHER: u64 = 50;

/// The most codes that may come to an offer, ever.
const CODES_MAX: u64 = 10_000_000;

/// Codes that are put into an offer's stock together.
#[derive(Clone, Copy, Debug)]
pub struct CodeBatch<'a> {
    /// The offer.
    pub offer: &'a OfferId,
    /// The caller's own name for it, within the offer.
    pub id: &'a BatchId,
    /// The codes, each sealed: 1 to 1,000, so that all go into one commit.
    pub codes: &'a [Vec<u8>],
}

/// The code that an offer hands out next, as a command has read it.
pub(crate) struct NextCode {
    /// How many are left, this one among them.
    pub(crate) left: u64,
    /// The code, sealed.
    pub(crate) sealed: Vec<u8>,
    /// The write by which it is handed out.
    pub(crate) taken: Write,
}

/// The record that holds the code of that number, counted from 0, and its place there.
fn place(number: u64) -> (u32, usize) {
    let within = usize::try_from(number % CODES_TOGETHER).unwrap_or(0);
    (u32::try_from(number / CODES_TOGETHER).unwrap_or(u32::MAX), within)
}

impl Accounts {
    /// How many codes of others the offer may still hand out.
    pub(crate) async fn codes_left(&self, offer: &OfferId) -> Result<u64, Error> {
        let pool = self.records.read::<StockRecord>(&keys::stock(offer)).await?;
        Ok(pool.map_or(0, |(pool, _)| pool.left()))
    }

    /// The code that the offer hands out next; `None` if none is left.
    pub(crate) async fn next_code(&self, offer: &OfferId) -> Result<Option<NextCode>, Error> {
        let key = keys::stock(offer);
        let pool = self.records.read::<StockRecord>(&key).await?;
        let Some((pool, version)) = pool.filter(|(pool, _)| pool.left() > 0) else { return Ok(None) };
        let (record, within) = place(pool.handed_out);
        let at = keys::stock_codes(offer, record);
        let codes = self.records.read::<StockCodesRecord>(&at).await?;
        let sealed = codes.and_then(|(codes, _)| codes.codes.into_iter().nth(within));
        let sealed = sealed.ok_or(Unreadable { key: at })?;
        let next = StockRecord { handed_out: pool.handed_out + 1, ..pool };
        let taken = put(key, Expect::Version(version), &next);
        Ok(Some(NextCode { left: pool.left(), sealed, taken }))
    }

    /// Puts codes into an offer's stock, once for each batch, behind those that are there. `tell` answers with how many
    /// they are.
    ///
    /// # Errors
    /// [`Refusal::IdConflict`] if the batch had other content; [`Refusal::LimitExceeded`]; the store failed.
    pub async fn add_codes(
        &self,
        request: &Request,
        batch: CodeBatch<'_>,
        tell: impl Fn(u32) -> Answer,
    ) -> Result<Told, Error> {
        until_settled(|_| self.attempt_to_add(request, batch, &tell)).await
    }

    async fn attempt_to_add(
        &self,
        request: &Request,
        batch: CodeBatch<'_>,
        tell: &impl Fn(u32) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let key = keys::stock_batch(batch.offer, batch.id);
        if let Some((known, _)) = self.records.read::<StockBatchRecord>(&key).await? {
            if known.content != request.content {
                return Err(Refusal::IdConflict.into());
            }
            let answer = tell(known.added);
            self.programme.commit_told(request, Vec::new(), &answer).await?;
            return Ok(Told { answer, replayed: true });
        }
        let mut turns = self.queues.begin();
        turns.take(&[Turn::Pool(&keys::offer_account(batch.offer, keys::POOL))]).await;
        let mut writes = self.appended(batch).await?;
        let added = u32::try_from(batch.codes.len()).unwrap_or(u32::MAX);
        let record = StockBatchRecord { at: request.now, by: request.by, added, content: request.content };
        writes.push(put(key, Expect::Absent, &record));
        let answer = tell(added);
        self.programme.commit_told(request, writes, &answer).await?;
        Ok(Told { answer, replayed: false })
    }

    /// The writes by which the codes stand behind those that are there.
    async fn appended(&self, batch: CodeBatch<'_>) -> Result<Vec<Write>, Error> {
        let key = keys::stock(batch.offer);
        let pool = self.records.read::<StockRecord>(&key).await?;
        let version = pool.as_ref().map(|(_, version)| *version);
        let pool = pool.map(|(pool, _)| pool).unwrap_or_default();
        let added = pool.added.saturating_add(batch.codes.len() as u64);
        if added > CODES_MAX {
            return Err(Refusal::LimitExceeded { what: "codes" }.into());
        }
        let mut writes = vec![put(key, unchanged(version), &StockRecord { added, ..pool })];
        let (mut rest, mut number) = (batch.codes, pool.added);
        while !rest.is_empty() {
            let (record, within) = place(number);
            let room = usize::try_from(CODES_TOGETHER).unwrap_or(0) - within;
            let (now, later) = rest.split_at(room.min(rest.len()));
            let at = keys::stock_codes(batch.offer, record);
            // Only the first one can be there, filled in part.
            let known = if within > 0 { self.records.read::<StockCodesRecord>(&at).await? } else { None };
            let version = known.as_ref().map(|(_, version)| *version);
            let mut codes = known.map(|(codes, _)| codes.codes).unwrap_or_default();
            codes.extend_from_slice(now);
            writes.push(put(at, unchanged(version), &StockCodesRecord { codes }));
            (rest, number) = (later, number + now.len() as u64);
        }
        Ok(writes)
    }
}
