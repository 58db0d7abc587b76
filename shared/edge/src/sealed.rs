//! Persons and answers about them are encrypted before a store sees them: a copied data folder, table or backup
//! tells nobody's name without the master key.
//!
//! This is a store around the store, so that nothing above it can forget to seal, and nothing below it ever holds
//! what is sealed: journal, tables, backups and full exports hold ciphertext alone. [`KINDS`](engine::store::kinds::KINDS)
//! says which kinds of record are sealed. A record that was written before there was a seal is read as it is.
//!
//! A sealed value is the byte [`SEALED`], which is no format of any record, and what [`Secrets::seal_record`] makes of
//! the record's bytes. The whole key, which holds the member's id, is associated data: the bytes of one member's record
//! open nowhere else.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use engine::store::{
    Change, Changes, Feed, Instant, Key, Kind, Manner, Page, Pending, Position, Range, Record, Store,
    StoreError, Version, Write, kinds,
};

use crate::Secrets;

/// The first byte of a sealed value.
pub const SEALED: u8 = 0xff;

/// Why a record cannot be read: it is damaged, or sealed under a line of the master key that is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CannotOpen;

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a sealed record cannot be opened: a line of the master key is missing, or the record is damaged",
        )
    }
}

impl std::error::Error for CannotOpen {}

/// A store that seals personal records before another one keeps them.
pub struct Sealed {
    inner: Arc<dyn Store>,
    secrets: Secrets,
}

impl Sealed {
    /// Seals what that store keeps.
    pub fn over(inner: Arc<dyn Store>, secrets: Secrets) -> Sealed {
        Sealed { inner, secrets }
    }

    fn sealing(&self, writes: Vec<Write>) -> Result<Vec<Write>, StoreError> {
        writes.into_iter().map(|write| self.seal(write)).collect()
    }

    fn seal(&self, write: Write) -> Result<Write, StoreError> {
        match &write.change {
            Change::Put(plain) if kinds::is_sealed(write.key.kind()) => {
                let sealed = seal(&self.secrets, &write.key, plain)?;
                Ok(Write { change: Change::Put(sealed), ..write })
            }
            Change::Put(_) | Change::Nothing | Change::Delete => Ok(write),
        }
    }

    fn open(&self, key: &Key, value: &mut Bytes) -> Result<(), StoreError> {
        if kinds::is_sealed(key.kind())
            && let Some(plain) = open(&self.secrets, key, value)?
        {
            *value = plain;
        }
        Ok(())
    }
}

/// The record's bytes as a store keeps them.
///
/// # Errors
/// There is no master key.
pub fn seal(secrets: &Secrets, key: &Key, plain: &[u8]) -> Result<Bytes, StoreError> {
    let sealed = secrets.seal_record(key.as_bytes(), plain).ok_or_else(cannot_open)?;
    Ok([&[SEALED][..], &sealed].concat().into())
}

/// What a store keeps under that key, opened; `None` if it is not sealed.
///
/// # Errors
/// [`StoreError::Unavailable`] with [`CannotOpen`].
pub fn open(secrets: &Secrets, key: &Key, value: &[u8]) -> Result<Option<Bytes>, StoreError> {
    let Some((&SEALED, sealed)) = value.split_first() else { return Ok(None) };
    let plain = secrets.open(key.as_bytes(), sealed).ok_or_else(cannot_open)?;
    Ok(Some(plain.into()))
}

fn cannot_open() -> StoreError {
    StoreError::Unavailable(Arc::new(CannotOpen))
}

impl Store for Sealed {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            let mut found = self.inner.get(keys).await?;
            for (key, record) in keys.iter().zip(&mut found) {
                if let Some(record) = record {
                    self.open(key, &mut record.value)?;
                }
            }
            Ok(found)
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move {
            let mut found = self.inner.scan(range, limit).await?;
            for (key, record) in &mut found {
                self.open(key, &mut record.value)?;
            }
            Ok(found)
        })
    }

    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            let mut page = self.inner.walk(kind, from, limit).await?;
            for (key, record) in &mut page.records {
                self.open(key, &mut record.value)?;
            }
            Ok(page)
        })
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        match self.sealing(writes) {
            Ok(writes) => self.inner.commit(writes),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn commit_until(&self, put: Write, until: Instant) -> Pending<'_, Result<Version, StoreError>> {
        match self.seal(put) {
            Ok(put) => self.inner.commit_until(put, until),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        match self.sealing(writes) {
            Ok(writes) => self.inner.commit_as(writes, manner),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.feed().map(|_| self as &dyn Feed)
    }

    fn removes_ended(&self) -> bool {
        self.inner.removes_ended()
    }
}

/// The feed of the store within.
impl Sealed {
    fn inner_feed(&self) -> Result<&dyn Feed, StoreError> {
        // `feed` gives this out only where there is one.
        self.inner.feed().ok_or(StoreError::Busy)
    }
}

impl Feed for Sealed {
    fn end(&self) -> Pending<'_, Result<Position, StoreError>> {
        Box::pin(async move { self.inner_feed()?.end().await })
    }

    fn after<'a>(&'a self, position: &'a Position, limit: usize) -> Pending<'a, Result<Changes, StoreError>> {
        Box::pin(async move {
            let mut changes = self.inner_feed()?.after(position, limit).await?;
            if let Changes::Commits { commits, .. } = &mut changes {
                for write in commits.iter_mut().flat_map(|commit| &mut commit.writes) {
                    if let Some(value) = &mut write.value {
                        self.open(&write.key, value)?;
                    }
                }
            }
            Ok(changes)
        })
    }

    fn more<'a>(&'a self, position: &'a Position) -> Pending<'a, ()> {
        Box::pin(async move {
            if let Ok(feed) = self.inner_feed() {
                feed.more(position).await;
            }
        })
    }
}

/// How far a pass over sealed records has come.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Resealed {
    /// Records of kinds that are sealed.
    pub records: u64,
    /// How many of these were sealed anew, or for the first time.
    pub written: u64,
}

/// Records in one page of the walk, and in one commit.
const PAGE: usize = 500;
const COMMIT_RECORDS: usize = 50;

/// Looks at a page of the records of that kind, in the store's own order, and seals under the newest line of the
/// master key those that are not; returns where the next page starts. A record is changed only if it is still as it was
/// read.
async fn reseal(
    store: &dyn Store,
    secrets: &Secrets,
    kind: Kind,
    from: Option<Bytes>,
) -> Result<(Resealed, Option<Bytes>), StoreError> {
    let page = store.walk(Some(kind), from, PAGE).await?;
    let mut resealed = Resealed { records: page.records.len() as u64, written: 0 };
    let mut writes = Vec::new();
    for (key, record) in page.records {
        let own = record.value.split_first().filter(|(first, _)| **first == SEALED);
        if own.is_some_and(|(_, sealed)| secrets.is_newest(sealed)) {
            continue;
        }
        let plain = open(secrets, &key, &record.value)?.unwrap_or(record.value);
        let change = Change::Put(seal(secrets, &key, &plain)?);
        writes.push(Write { key, expect: engine::store::Expect::Version(record.version), change });
    }
    for some in writes.chunks(COMMIT_RECORDS) {
        resealed.written += engine::store::commit_anew(store, some.to_vec()).await?;
    }
    Ok((resealed, page.next))
}

/// Seals under the newest line of the master key every record that says who somebody is and is not sealed so. `store` is the
/// one that holds what is sealed, not one around it. `progress` hears how far it has come.
///
/// # Errors
/// The store failed, or a record cannot be opened.
pub async fn reseal_all(
    store: &dyn Store,
    secrets: &Secrets,
    mut progress: impl FnMut(&Resealed),
) -> Result<Resealed, StoreError> {
    let mut all = Resealed::default();
    for kind in kinds::sealed() {
        let mut from = None;
        loop {
            let (page, next) = reseal(store, secrets, kind, from).await?;
            all.records += page.records;
            all.written += page.written;
            progress(&all);
            from = next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
