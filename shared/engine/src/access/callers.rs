//! Callers, known by the hash of a key.

use domain::{refusal::Refusal, time::Instant};

use crate::{
    access::{
        Access,
        requests::{Request, Told},
    },
    store::{
        Key, Record, StoreError,
        error::{ATTEMPTS_MAX, Error},
        id::{CallerId, KeyHash},
        keys,
        records::{Answer, CallerRecord, Unreadable, decode},
        write::{put, unchanged},
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

impl Access {
    /// Every caller, revoked ones too.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn callers(&self) -> Result<Vec<Caller>, Error> {
        let caller = |(key, record): (Key, Record)| {
            let id = keys::read_caller(&key).ok_or_else(|| Unreadable { key: key.clone() })?;
            Ok(Caller { id, record: decode(&key, &record.value)? })
        };
        self.records.scan_all(keys::all(keys::kind::CALLER)).await?.into_iter().map(caller).collect()
    }

    /// Stores a new caller, with the answer to the request that made it.
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
            // An equal request was faster: its answer stands.
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
    /// The store failed, or others were faster again and again.
    pub async fn change_caller(
        &self,
        request: &Request,
        id: CallerId,
        change: impl Fn(&mut CallerRecord),
        tell: impl Fn(&Caller) -> Answer,
    ) -> Result<Option<Told>, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let Some((mut record, version)) = self.records.read::<CallerRecord>(&keys::caller(id)).await?
            else {
                return Ok(None);
            };
            let before = record.clone();
            change(&mut record);
            let caller = Caller { id, record };
            let answer = tell(&caller);
            let changed = caller.record != before;
            let write = changed.then(|| put(keys::caller(id), unchanged(Some(version)), &caller.record));
            match self.commit_told(request, write.into_iter().collect(), &answer).await {
                Err(Error::Store(StoreError::LostRace)) => {}
                done => {
                    return done.map(|()| Some(Told { answer, replayed: false }));
                }
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
        let known = self.records.read::<CallerRecord>(&key).await?;
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
        self.records.commit(vec![put(key, unchanged(version), &record)]).await
    }
}
