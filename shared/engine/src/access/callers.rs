//! Callers: who may ask, known by the hash of a key.

use domain::{member::MemberId, refusal::Refusal, time::Instant};

use crate::{
    engine::{ATTEMPTS_MAX, Engine, Request, unchanged},
    ledger::write::put,
    people::register::Told,
    store::{
        Expect, Key, Record, StoreError, Write,
        error::Error,
        id::{CallerId, KeyHash},
        keys,
        records::{Answer, CallerRecord, Unreadable, decode},
    },
};

/// The most callers a programme may have.
pub const CALLERS_MAX: usize = 1_000;

/// A caller and its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Its id, which stays the same when its key is rotated.
    pub id: CallerId,
    /// What is stored.
    pub record: CallerRecord,
}

impl Engine {
    /// Every caller, revoked ones too.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn callers(&self) -> Result<Vec<Caller>, Error> {
        let caller = |(key, record): (Key, Record)| {
            let id = keys::read_caller(&key).ok_or_else(|| Unreadable { key: key.clone() })?;
            Ok(Caller { id, record: decode(&key, &record.value)? })
        };
        self.scan_all(keys::all(keys::kind::CALLER)).await?.into_iter().map(caller).collect()
    }

    /// Keeps a new caller, with the answer to the request that made it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn add_caller(
        &self,
        request: &Request,
        caller: &Caller,
        answer: Answer,
    ) -> Result<Told, Error> {
        if self.callers().await?.len() >= CALLERS_MAX {
            return Err(Refusal::LimitExceeded { what: "callers" }.into());
        }
        let write = put(keys::caller(caller.id), unchanged(None), &caller.record);
        match self.commit_told(request, vec![write], &answer).await {
            // An equal request was quicker: its answer stands.
            Err(Error::Store(StoreError::LostRace)) => match self.remembered(request).await? {
                Some(answer) => Ok(Told { answer, replayed: true }),
                None => Err(StoreError::LostRace.into()),
            },
            done => done.map(|()| Told { answer, replayed: false }),
        }
    }

    /// Changes a caller; `None` if there is no such caller.
    ///
    /// # Errors
    /// The store failed, or others were quicker again and again.
    pub async fn change_caller(
        &self,
        request: &Request,
        id: CallerId,
        change: impl Fn(&mut CallerRecord),
        tell: impl Fn(&Caller) -> Answer,
    ) -> Result<Option<Told>, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let Some((mut record, version)) = self.read::<CallerRecord>(&keys::caller(id)).await? else {
                return Ok(None);
            };
            change(&mut record);
            let caller = Caller { id, record };
            let answer = tell(&caller);
            let write = put(keys::caller(id), unchanged(Some(version)), &caller.record);
            match self.commit_told(request, vec![write], &answer).await {
                Err(Error::Store(StoreError::LostRace)) => {}
                done => return done.map(|()| Some(Told { answer, replayed: false })),
            }
            if let Some(answer) = self.remembered(request).await? {
                return Ok(Some(Told { answer, replayed: true }));
            }
        }
        Err(Error::Contended)
    }

    /// Makes sure that the first admin has this key, whatever it had before.
    ///
    /// # Errors
    /// The store failed.
    pub async fn ensure_first_admin(&self, hash: KeyHash, now: Instant) -> Result<(), Error> {
        let key = keys::caller(CallerId::FirstAdmin);
        let known = self.read::<CallerRecord>(&key).await?;
        if known.as_ref().is_some_and(|(record, _)| record.hash == hash && record.revoked_at.is_none()) {
            return Ok(());
        }
        let version = known.as_ref().map(|(_, version)| *version);
        let generation = known.as_ref().map_or(1, |(record, _)| record.generation + 1);
        let record = CallerRecord {
            name: "first admin".to_owned(),
            roles: vec!["admin".to_owned()],
            brand: None,
            hash,
            created_at: known.map_or(now, |(record, _)| record.created_at),
            rotated_at: now,
            revoked_at: None,
            generation,
        };
        self.commit(vec![put(key, unchanged(version), &record)]).await
    }

    /// Ids of about `limit` members, in the store's own order, and where to go on.
    ///
    /// # Errors
    /// The store failed.
    pub async fn member_ids(
        &self,
        from: Option<bytes::Bytes>,
        limit: usize,
    ) -> Result<(Vec<MemberId>, Option<bytes::Bytes>), Error> {
        let page = self.store.walk(Some(keys::kind::MEMBER), from, limit).await?;
        let id = |bytes: &[u8]| bytes.get(1..17).and_then(|id| id.try_into().ok()).map(MemberId);
        Ok((page.records.iter().filter_map(|(key, _)| id(key.as_bytes())).collect(), page.next))
    }
}

impl Engine {
    /// What the engine noted for itself under that name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn note(&self, name: &str) -> Result<Option<bytes::Bytes>, Error> {
        Ok(self.get(&keys::note(name)).await?.map(|record| record.value))
    }

    /// Notes something under that name, durably.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set_note(&self, name: &str, value: bytes::Bytes) -> Result<(), Error> {
        let change = crate::store::Change::Put(value);
        let write = Write { key: keys::note(name), expect: Expect::Anything, change };
        self.commit(vec![write]).await
    }
}
