//! Reading an account's records, and bringing its allotments back to the pool.

use crate::{
    accounts::{
        Accounts,
        account::{Account, Held},
        stock::{Pool, SHARDS, Shard},
        terms::{Moment, Terms},
    },
    store::{
        Key, StoreError, Version, Write,
        error::{ATTEMPTS_MAX, Error},
        write::{put, unchanged},
    },
};

impl Accounts {
    pub(super) async fn pool(&self, account: &Account) -> Result<Held<Pool>, Error> {
        let key = account.pool_key();
        Held::read(&key, self.records.get(&key).await?)
    }

    pub(super) async fn pool_and_shard(&self, account: &Account) -> Result<(Held<Pool>, Held<Shard>), Error> {
        let keys = [account.pool_key(), account.shard_key()];
        let mut found = self.records.store.get(&keys).await?.into_iter();
        let pool = Held::read(&keys[0], found.next().flatten())?;
        Ok((pool, Held::read(&keys[1], found.next().flatten())?))
    }

    async fn shards(&self, account: &Account, indexes: &[u8]) -> Result<Vec<Held<Shard>>, Error> {
        let keys: Vec<Key> = indexes.iter().map(|index| account.key_of(*index)).collect();
        let found = self.records.store.get(&keys).await?;
        keys.iter().zip(found).map(|(key, record)| Held::read(key, record)).collect()
    }

    /// The terms of the version of the programme under which a record was filled. An instance that does not
    /// know that version is behind: it reads the new versions, and starts again.
    pub(super) async fn known_terms(&self, account: &Account, version: u32) -> Result<Terms, Error> {
        match account.terms_of(version) {
            Some(terms) => Ok(terms),
            None => {
                self.programme.refresh().await?;
                Err(StoreError::LostRace.into())
            }
        }
    }

    /// Commits; `None` if the records must be read again, because another commit was faster or the outcome is
    /// unknown.
    pub(super) async fn try_commit(&self, writes: Vec<Write>) -> Result<Option<Version>, Error> {
        match self.records.store.commit(writes).await {
            Ok(version) => Ok(Some(version)),
            Err(StoreError::LostRace | StoreError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes allotments back into the pool, one shard after another, until none is out or another commit was
    /// faster; returns whether any came back. While they come back, none is drawn. `round` says where to
    /// begin, so that a shard that is written all the time does not hold up the others.
    pub(super) async fn gather(
        &self,
        account: &Account,
        mut pool: Held<Pool>,
        round: usize,
    ) -> Result<bool, Error> {
        let mut holders: Vec<u8> = pool.value.holders().collect();
        if !holders.is_empty() {
            let places = holders.len();
            holders.rotate_left(round % places);
        }
        let mut any = false;
        let shards = self.shards(account, &holders).await?;
        for (index, shard) in holders.into_iter().zip(shards) {
            pool.value.collect(index, &shard.value);
            let writes = vec![
                put(account.pool_key(), unchanged(pool.version), &pool.value),
                put(account.key_of(index), unchanged(shard.version), &Shard::default()),
            ];
            let Some(version) = self.try_commit(writes).await? else {
                return Ok(any);
            };
            pool.version = Some(version);
            any = true;
        }
        Ok(any)
    }

    /// The account as if everything lay in the pool, at that moment and under the terms in force. This moves
    /// nothing. The pool is the same at its two reads, so nothing moved in between, and nothing is missed or
    /// seen twice.
    pub(super) async fn whole_account(&self, account: &Account, moment: Moment) -> Result<Pool, Error> {
        let whole = self.unsettled_account(account).await?;
        let former = self.known_terms(account, whole.version).await?;
        #[expect(clippy::expect_used, reason = "a pool that has taken in all that was out is ready")]
        Ok(whole.ready(account.rules(&former), moment).expect("nothing is out"))
    }

    /// The same, under the terms and at the moment of its last write.
    pub(super) async fn unsettled_account(&self, account: &Account) -> Result<Pool, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let pool = self.pool(account).await?;
            let holders: Vec<u8> = pool.value.holders().collect();
            let shards = self.shards(account, &holders).await?;
            if !holders.is_empty() && self.pool(account).await?.version != pool.version {
                continue;
            }
            let mut whole = pool.value;
            for (index, shard) in holders.into_iter().zip(&shards) {
                whole.collect(index, &shard.value);
            }
            return Ok(whole);
        }
        Err(Error::Contended)
    }

    /// Every shard of the account, whether it holds anything or not.
    pub(super) async fn all_shards(&self, account: &Account) -> Result<Vec<Held<Shard>>, Error> {
        self.shards(account, &(0..SHARDS).collect::<Vec<u8>>()).await
    }
}
