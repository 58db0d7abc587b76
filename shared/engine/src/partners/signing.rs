//! Partners: other people's brands, known by the keys with which they sign requests.
//!
//! A brand's keys are one record, so that its version guards the number of live ones.

use domain::{id::BrandId, refusal::Refusal, time::Instant};

use crate::{
    access::{
        forget::REMEMBERED_DAYS,
        requests::{Request, Told},
    },
    partners::Partners,
    store::{
        Key, Record, StoreError,
        error::{ATTEMPTS_MAX, Error},
        id::PartnerKeyId,
        keys,
        records::{Answer, KeyRecord, PartnerKeyRecord, PartnerRecord, Unreadable, decode},
        write::{put, unchanged},
    },
};

/// The most keys of a brand that are not revoked: the one in use, and its successor.
pub const LIVE_KEYS_MAX: usize = 2;

/// The most keys that are kept of a brand, revoked ones too.
const KEPT_KEYS_MAX: usize = 200;

/// A partner brand and its keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partner {
    /// The brand.
    pub brand: BrandId,
    /// Its keys, revoked ones too, oldest first.
    pub keys: Vec<PartnerKeyRecord>,
}

/// The brand has as many live keys as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyKeys;

impl Partners {
    /// Every brand that has keys.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn all(&self) -> Result<Vec<Partner>, Error> {
        let partner = |(key, record): (Key, Record)| {
            let brand = keys::read_partner(&key).ok_or_else(|| Unreadable { key: key.clone() })?;
            let PartnerRecord { keys } = decode(&key, &record.value)?;
            Ok(Partner { brand, keys })
        };
        self.records.scan_all(keys::all(keys::kind::PARTNER)).await?.into_iter().map(partner).collect()
    }

    /// The keys of a brand, revoked ones too, oldest first.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn partner_keys(&self, brand: &BrandId) -> Result<Vec<PartnerKeyRecord>, Error> {
        let read = self.records.read::<PartnerRecord>(&keys::partner(brand)).await?;
        // Without a record there are no keys.
        Ok(read.map(|(record, _)| record.keys).unwrap_or_default())
    }

    /// Stores a new key of a brand, with the answer to the request that made it. Deletes keys that were
    /// revoked longer ago than a request is remembered.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`], or the store failed; within, that there are too many live ones.
    pub async fn add_partner_key(
        &self,
        request: &Request,
        brand: &BrandId,
        key: &PartnerKeyRecord,
        answer: Answer,
    ) -> Result<Result<Told, TooManyKeys>, Error> {
        let add = |keys: &mut Vec<PartnerKeyRecord>| {
            if keys.iter().filter(|key| key.revoked_at.is_none()).count() >= LIVE_KEYS_MAX {
                return Ok(Err(TooManyKeys));
            }
            let over = |at: Instant| at.plus_days(REMEMBERED_DAYS) <= request.now;
            keys.retain(|key| !key.revoked_at.is_some_and(over));
            if keys.len() >= KEPT_KEYS_MAX {
                return Err(Refusal::LimitExceeded { what: "keys" });
            }
            keys.push(key.clone());
            Ok(Ok(answer.clone()))
        };
        self.change_partner(request, brand, add).await
    }

    /// Revokes a key of a brand for good; `None` if there is no such key. Doing it again changes nothing.
    ///
    /// # Errors
    /// The store failed, or others were quicker again and again.
    pub async fn revoke_partner_key(
        &self,
        request: &Request,
        brand: &BrandId,
        id: PartnerKeyId,
        tell: impl Fn(&PartnerKeyRecord) -> Answer,
    ) -> Result<Option<Told>, Error> {
        let revoke = |keys: &mut Vec<PartnerKeyRecord>| {
            let Some(key) = keys.iter_mut().find(|key| key.id == id) else {
                return Ok(Err(()));
            };
            key.revoked_at = key.revoked_at.or(Some(request.now));
            Ok(Ok(tell(key)))
        };
        self.change_partner(request, brand, revoke).await.map(Result::ok)
    }

    /// Stores secrets under another seal, if `reseal` makes one; returns how many.
    ///
    /// # Errors
    /// The store failed, or others were quicker again and again.
    pub async fn reseal_partner_keys(
        &self,
        reseal: impl Fn(&PartnerKeyRecord) -> Option<Vec<u8>>,
    ) -> Result<usize, Error> {
        let mut resealed = 0;
        for Partner { brand, .. } in self.all().await? {
            resealed += self.reseal_partner(&keys::partner(&brand), &reseal).await?;
        }
        Ok(resealed)
    }

    async fn reseal_partner(
        &self,
        at: &Key,
        reseal: impl Fn(&PartnerKeyRecord) -> Option<Vec<u8>>,
    ) -> Result<usize, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let Some((mut record, version)) = self.records.read::<PartnerRecord>(at).await? else {
                break;
            };
            let mut resealed = 0;
            for key in &mut record.keys {
                if let Some(sealed) = reseal(key) {
                    key.key = KeyRecord::HmacSha256(sealed);
                    resealed += 1;
                }
            }
            if resealed == 0 {
                return Ok(0);
            }
            match self.programme.commit(vec![put(at.clone(), unchanged(Some(version)), &record)]).await {
                Err(Error::Store(StoreError::LostRace)) => {}
                done => return done.map(|()| resealed),
            }
        }
        Err(Error::Contended)
    }

    /// Changes a brand's keys and remembers the answer, unless the change says no.
    async fn change_partner<N>(
        &self,
        request: &Request,
        brand: &BrandId,
        change: impl Fn(&mut Vec<PartnerKeyRecord>) -> Result<Result<Answer, N>, Refusal>,
    ) -> Result<Result<Told, N>, Error> {
        let at = keys::partner(brand);
        for _ in 0..ATTEMPTS_MAX {
            // The faster request may have been this very one.
            if let Some(answer) = self.access.remembered(request).await? {
                return Ok(Ok(Told { answer, replayed: true }));
            }
            let read = self.records.read::<PartnerRecord>(&at).await?;
            let version = read.as_ref().map(|(_, version)| *version);
            // Without a record there are no keys.
            let mut record = read.map(|(record, _)| record).unwrap_or_default();
            let before = record.clone();
            let answer = match change(&mut record.keys)? {
                Ok(answer) => answer,
                Err(no) => return Ok(Err(no)),
            };
            let write = (record != before).then(|| put(at.clone(), unchanged(version), &record));
            match self.programme.commit_told(request, write.into_iter().collect(), &answer).await {
                Err(Error::Store(StoreError::LostRace)) => {}
                done => {
                    return done.map(|()| Ok(Told { answer, replayed: false }));
                }
            }
        }
        Err(Error::Contended)
    }
}
