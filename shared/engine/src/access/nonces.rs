//! Nonces: a signed request is accepted once. Time alone decides whether a nonce counts, never whether the
//! store has removed it yet.

use domain::time::Instant;

use crate::{
    access::Access,
    store::{
        Change, Expect, Key, StoreError, Version, WRITES_MAX, Write,
        error::{ATTEMPTS_MAX, Error},
        id::NonceHash,
        keys,
        records::{NonceRecord, decode},
        write::{delete_read, put},
    },
};

/// How long after its end a nonce is kept: longer than any two machines' clocks differ.
const KEPT_MILLIS: i64 = 60 * 60 * 1_000;

/// Nonces that one call looks at to remove those that have ended.
const LOOKED_AT_MAX: usize = 100_000;

/// Nonces that one read returns.
const PAGE: usize = 1_000;

impl Access {
    /// Notes that a nonce is used until that moment; returns whether it was new. `now` and `until` are
    /// moments of the machine's clock.
    ///
    /// # Errors
    /// The store failed, or does not know whether it was noted: then the request must be refused.
    pub async fn use_nonce(&self, hash: NonceHash, now: Instant, until: Instant) -> Result<bool, Error> {
        let key = keys::nonce(hash);
        let mut expect = Expect::Absent;
        for _ in 0..ATTEMPTS_MAX {
            let write = put(key.clone(), expect, &NonceRecord { until });
            match self.records.store.commit_until(write, until.plus_millis(KEPT_MILLIS)).await {
                Ok(_) => return Ok(true),
                Err(StoreError::LostRace) => {}
                Err(error) => return Err(error.into()),
            }
            match self.records.read::<NonceRecord>(&key).await? {
                Some((known, _)) if known.until >= now => return Ok(false),
                // Its time is over, though the store still has it.
                Some((_, version)) => expect = Expect::Version(version),
                None => expect = Expect::Absent,
            }
        }
        Err(Error::Contended)
    }

    /// Removes nonces whose time is long over, where the store does not do so itself: looks at a
    /// bounded number of them.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn forget_nonces(&self, now: Instant) -> Result<(), Error> {
        if self.records.store.removes_ended() {
            return Ok(());
        }
        // They are stored by a hash, so the walk may start anywhere: the next call continues where this one
        // stops.
        let note = keys::note("nonces_looked_at");
        let mut from = self.records.get(&note).await?.map(|record| record.value);
        let begun = from.clone();
        for _ in 0..LOOKED_AT_MAX / PAGE {
            let page = self.records.store.walk(Some(keys::kind::NONCE), from, PAGE).await?;
            let mut ended: Vec<(Key, Version)> = Vec::new();
            for (key, record) in &page.records {
                let nonce: NonceRecord = decode(key, &record.value)?;
                if nonce.until.plus_millis(KEPT_MILLIS) < now {
                    ended.push((key.clone(), record.version));
                }
            }
            for some in ended.chunks(WRITES_MAX) {
                self.forget(some).await?;
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        if from == begun {
            return Ok(());
        }
        let change = from.map_or(Change::Delete, Change::Put);
        self.records.commit(vec![Write { key: note, expect: Expect::Anything, change }]).await
    }

    /// Removes these, expected as they were read; if one is used again meanwhile, it stays, and so do the
    /// others until the next call.
    async fn forget(&self, ended: &[(Key, Version)]) -> Result<(), Error> {
        let delete = |(key, version): &(Key, Version)| delete_read(key.clone(), *version);
        match self.records.commit(ended.iter().map(delete).collect()).await {
            Err(Error::Store(StoreError::LostRace)) => Ok(()),
            done => done,
        }
    }
}
