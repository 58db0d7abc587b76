//! Where a command takes what it needs of an offer: at its shard, at the pool, and how allotments get from one to the other.
//!
//! Every commit expects what it read. If a command breaks off between two of them, an allotment is at another place than
//! before and nothing is lost, and the next command continues from there.

use domain::{
    id::OfferId,
    offer::Offer,
    time::{DayNumber, Instant},
};

use crate::{
    accounts::{
        Accounts,
        account::Held,
        offer_shards::{Bounds, Need, Step, bit},
        offers::{Judged, OfferAccount, whole},
        taken::places_of,
    },
    store::{
        Key, StoreError,
        error::Error,
        keys,
        records::OfferAccountRecord,
        turns::{Turn, Turns},
        write::{put, unchanged},
    },
};

/// How often a command looks anew before it gives way: more often than others can be faster at all shards.
const ROUNDS_MAX: usize = 40;

/// How often a shard is tried that others write meanwhile.
const SHARD_TRIES_MAX: usize = 4;

/// A command that asks an offer's account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks {
    /// The shard at which it takes.
    pub(crate) place: u8,
    /// When, and the local day by which it counts.
    pub(crate) at: (Instant, DayNumber),
    /// Whether it takes anything: then it is told no more than there is where it takes it.
    pub(crate) takes: bool,
}

impl Accounts {
    /// The account of an offer under its newest version, for a command that needs so much of it at most. With `turns` it
    /// waits for others; without, it returns a lost race.
    ///
    /// # Errors
    /// A lost race, or another instance knows a newer version; the store failed, or a record is unreadable.
    pub(crate) async fn offer_account(
        &self,
        newest: &Offer,
        need: Need,
        asks: Asks,
        turns: Option<&mut Turns<'_>>,
    ) -> Result<OfferAccount, Error> {
        let bounds = Bounds::of(newest, need, asks.at);
        let own = self.offer_account_at(&newest.id, asks.place).await?;
        if !bounds.any() || bounds.fit(&own.own.value) {
            return Ok(own);
        }
        match asks.takes {
            true => self.place_to_take(newest, &bounds, asks.place, turns).await,
            false => self.whole_offer_account(&newest.id).await,
        }
    }

    /// Where it takes what its shard had no room for.
    async fn place_to_take(
        &self,
        newest: &Offer,
        bounds: &Bounds,
        place: u8,
        turns: Option<&mut Turns<'_>>,
    ) -> Result<OfferAccount, Error> {
        let pool_key = keys::offer_account(&newest.id, keys::POOL);
        let is_patient = turns.is_some();
        if let Some(turns) = turns {
            turns.take(&[Turn::Pool(&pool_key)]).await;
        }
        for round in 0..ROUNDS_MAX {
            let (pool, shards) = self.offer_records(&newest.id).await?;
            let allotted = shards.iter().filter_map(|shard| shard.value.allotted);
            if allotted.map(|allotted| allotted.version).max() > Some(newest.version) {
                self.programme.refresh().await?;
                return Err(StoreError::LostRace.into());
            }
            let shard = usize::from(place);
            if shards.get(shard).is_some_and(|shard| bounds.fit(&shard.value)) {
                return self.at_shard(&newest.id, place, shards[shard].clone()).await;
            }
            let is_done = match bounds.step(&whole(&pool.value, &shards), place) {
                Step::Pool => return self.at_pool(&newest.id, pool, shards).await,
                Step::Allot(after) => {
                    let writes = vec![
                        put(pool_key.clone(), unchanged(pool.version), &after.0),
                        put(
                            keys::offer_account(&newest.id, place),
                            unchanged(shards[shard].version),
                            &after.1,
                        ),
                    ];
                    self.try_commit(writes).await?.is_some()
                }
                Step::Gather(these) => {
                    self.gather_offer((&newest.id, bounds), (pool, shards), &these, shard + round).await?
                }
            };
            if !is_done && !is_patient {
                return Err(StoreError::LostRace.into());
            }
        }
        Err(Error::Contended)
    }

    /// Takes back what these shards have, one after another; returns whether all of it is. They begin at
    /// different ones, so that those who help do not race for one shard.
    async fn gather_offer(
        &self,
        (offer, bounds): (&OfferId, &Bounds),
        (mut pool, mut shards): (Held<OfferAccountRecord>, Vec<Held<OfferAccountRecord>>),
        these: &[usize],
        begin: usize,
    ) -> Result<bool, Error> {
        let all = these.len() > 1 && these.iter().all(|index| pool.value.out & bit(*index) != 0);
        let mut is_done = true;
        for index in (0..these.len()).map(|number| these[(begin + number) % these.len()]) {
            let place = u8::try_from(index).unwrap_or(keys::POOL);
            let mut tries = 0;
            while pool.value.out & bit(index) != 0 || bounds.has_lapsed(&shards[index].value) {
                let shard = &shards[index];
                let after = bounds.pool_gathered(&pool.value, index, all);
                let writes = vec![
                    put(keys::offer_account(offer, keys::POOL), unchanged(pool.version), &after),
                    put(
                        keys::offer_account(offer, place),
                        unchanged(shard.version),
                        &bounds.gathered(&shard.value),
                    ),
                ];
                if let Some(version) = self.try_commit(writes).await? {
                    pool = Held { value: after, version: Some(version) };
                    break;
                }
                tries += 1;
                if tries == SHARD_TRIES_MAX {
                    is_done = false;
                    break;
                }
                // The pool first, as ever.
                pool = self.offer_record(offer, keys::POOL).await?;
                shards[index] = self.offer_record(offer, place).await?;
            }
        }
        Ok(is_done)
    }

    /// The account to which comes back what a command of that place took of an offer. `is_limited` is whether a limit bounds
    /// it: then a shard without an allotment is not written, because who takes at the pool does not write it either.
    pub(crate) async fn account_to_return(
        &self,
        offer: &OfferId,
        place: u8,
        is_limited: bool,
    ) -> Result<OfferAccount, Error> {
        let own = self.offer_account_at(offer, place).await?;
        match is_limited && own.own.value.allotted.is_none() {
            true => self.offer_account_at(offer, keys::POOL).await,
            false => Ok(own),
        }
    }

    /// What is counted of an offer at that place alone.
    pub(crate) async fn offer_account_at(&self, offer: &OfferId, place: u8) -> Result<OfferAccount, Error> {
        let own = self.offer_record(offer, place).await?;
        self.at_shard(offer, place, own).await
    }

    async fn at_shard(
        &self,
        offer: &OfferId,
        place: u8,
        own: Held<OfferAccountRecord>,
    ) -> Result<OfferAccount, Error> {
        let sheet = self.sheet(offer, place, &own.value).await?;
        Ok(OfferAccount { offer: offer.clone(), place, own, judged: Judged::ByOwn, sheet })
    }

    async fn offer_record(&self, offer: &OfferId, place: u8) -> Result<Held<OfferAccountRecord>, Error> {
        let key = keys::offer_account(offer, place);
        Held::read(&key, self.records.get(&key).await?)
    }

    /// All that is counted of an offer, for somebody who takes nothing.
    pub(crate) async fn whole_offer_account(&self, offer: &OfferId) -> Result<OfferAccount, Error> {
        // What is counted lies in these records whoever has allotments: they need not be of one moment.
        let all: Vec<Key> = places_of(offer).map(|(_, key)| key).collect();
        let found = self.records.store.get(&all).await?;
        let read = all.iter().zip(found).map(|(key, record)| Held::read(key, record));
        let mut shards = read.collect::<Result<Vec<Held<OfferAccountRecord>>, Error>>()?;
        // The pool is the first of the places.
        let pool = shards.remove(0);
        let judged = Judged::Whole(shards);
        Ok(OfferAccount { offer: offer.clone(), place: keys::POOL, own: pool, judged, sheet: None })
    }

    /// The account at that place, where something was set aside: a shard by its allotment, the pool by all.
    pub(crate) async fn offer_account_held_at(
        &self,
        offer: &OfferId,
        place: u8,
    ) -> Result<OfferAccount, Error> {
        if place != keys::POOL {
            return self.offer_account_at(offer, place).await;
        }
        let (pool, shards) = self.offer_records(offer).await?;
        self.at_pool(offer, pool, shards).await
    }

    async fn at_pool(
        &self,
        offer: &OfferId,
        pool: Held<OfferAccountRecord>,
        shards: Vec<Held<OfferAccountRecord>>,
    ) -> Result<OfferAccount, Error> {
        let sheet = self.sheet(offer, keys::POOL, &pool.value).await?;
        let judged = Judged::AtPool(shards);
        Ok(OfferAccount { offer: offer.clone(), place: keys::POOL, own: pool, judged, sheet })
    }

    /// The pool's record and the shards', in their order. The pool is read **first**: records that are read together are not of
    /// one moment, and whoever commits at the pool is on the condition that it is still as it was. So no allotment has moved
    /// since before the shards were read.
    async fn offer_records(
        &self,
        offer: &OfferId,
    ) -> Result<(Held<OfferAccountRecord>, Vec<Held<OfferAccountRecord>>), Error> {
        let pool = self.offer_record(offer, keys::POOL).await?;
        let places = places_of(offer).filter(|(place, _)| *place != keys::POOL);
        let shards: Vec<Key> = places.map(|(_, key)| key).collect();
        let found = self.records.store.get(&shards).await?;
        let read = shards.iter().zip(found).map(|(key, record)| Held::read(key, record));
        Ok((pool, read.collect::<Result<Vec<Held<OfferAccountRecord>>, Error>>()?))
    }
}
