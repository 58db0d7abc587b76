//! Reading offers: each in its newest version once, and again only where it has changed.
//!
//! Nothing is read of them until somebody asks. From then on an instance hears of a save as it hears of a version of
//! the programme, by one small record in the same read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use domain::{
    id::OfferId,
    json::Json,
    offer::{self, Offer},
    programme::Programme,
};
use futures_util::future::try_join_all;

use crate::{
    programme::{Programmes, shelf::Shelf},
    store::{
        Key,
        error::Error,
        keys,
        look::Look,
        records::{OfferRecord, OfferVersionRecord, OffersRecord, Unreadable, decode},
    },
};

/// Offers by their ids.
type Offers = BTreeMap<OfferId, Arc<Offer>>;

/// Versions that are read in one call of the store.
pub(super) const AT_ONCE: usize = 16;

/// Versions that are read in one call where all are: as many keys as DynamoDB takes.
const ALL_AT_ONCE: usize = 100;

/// How many such calls are made at once. All that they may answer, 25 MB, has room beside the rest.
const CALLS_AT_ONCE: usize = 4;

impl Programmes {
    /// The offers in their newest versions, as far as this instance has heard of them.
    ///
    /// # Errors
    /// There is no programme yet, the store failed, or an offer is unreadable.
    pub async fn offers(&self) -> Result<Arc<Shelf>, Error> {
        let programme = self.timeline()?.newest().version;
        let is_current = |shelf: &Arc<Shelf>| !self.known.is_stale(shelf) && shelf.programme() == programme;
        if let Some(shelf) = self.known.shelf().filter(is_current) {
            return Ok(shelf);
        }
        let _turn = self.refreshing().await;
        self.read_shelf().await
    }

    /// Reads what is new of the offers, for the holder of the turn.
    async fn read_shelf(&self) -> Result<Arc<Shelf>, Error> {
        let (known, programmes) = (self.known.shelf().unwrap_or_default(), self.timeline()?);
        let programme = programmes.newest();
        let saved = self.records.read::<OffersRecord>(&keys::offers()).await?.map(|(_, saved)| saved);
        let shelf = match saved == known.saved() && known.programme() == programme.version {
            true => known,
            false => {
                let (offers, numbers) = self.changed_offers(&known, programme).await?;
                Arc::new(Shelf::new(offers, numbers, saved, programme.version))
            }
        };
        self.known.set_shelf(shelf.clone());
        Ok(shelf)
    }

    /// All offers; those that have not changed are the ones that are known, unless the programme has: what an audience
    /// names may have come or gone.
    async fn changed_offers(
        &self,
        known: &Shelf,
        programme: &Programme,
    ) -> Result<(Offers, BTreeMap<OfferId, u16>), Error> {
        let (mut offers, mut changed, mut numbers) = (Offers::new(), Vec::new(), BTreeMap::new());
        let is_known = known.programme() == programme.version;
        for (key, record) in self.records.scan_all(keys::all(keys::kind::OFFER)).await? {
            let id = keys::read_offer(&key).ok_or_else(|| Unreadable { key: key.clone() })?;
            let OfferRecord { version, number, .. } = decode(&key, &record.value)?;
            numbers.insert(id.clone(), number);
            match known.offer(&id).filter(|known| is_known && known.version == version) {
                Some(same) => _ = offers.insert(id, same.clone()),
                None => changed.push((id, version)),
            }
        }
        for some in changed.chunks(ALL_AT_ONCE * CALLS_AT_ONCE) {
            let calls = some.chunks(ALL_AT_ONCE).map(|places| self.offer_versions_at(places));
            let records = try_join_all(calls).await?;
            for (place, record) in some.iter().zip(records.iter().flatten()) {
                offers.insert(place.0.clone(), Arc::new(offer_under(programme, place, record)?));
            }
        }
        Ok((offers, numbers))
    }

    /// These versions of offers, in order, in few calls of the store.
    ///
    /// # Errors
    /// The store failed, or one is missing or unreadable.
    pub(super) async fn offer_versions(
        &self,
        places: &[(OfferId, u32)],
    ) -> Result<Vec<OfferVersionRecord>, Error> {
        let mut found = Vec::with_capacity(places.len());
        for some in places.chunks(AT_ONCE) {
            found.extend(self.offer_versions_at(some).await?);
        }
        Ok(found)
    }

    /// That version of an offer: it governs what was issued under it.
    ///
    /// # Errors
    /// There is no programme yet, the store failed, or there is no such version, or it is unreadable.
    pub async fn offer_version(&self, id: &OfferId, version: u32) -> Result<Arc<Offer>, Error> {
        let place = (id.clone(), version);
        let read = self.versions_of_offers(std::slice::from_ref(&place)).await?;
        let missing = || Unreadable { key: keys::offer_version(id, version) };
        Ok(read.get(&place).cloned().ok_or_else(missing)?)
    }

    /// These versions of offers, in few calls of the store, and in none where they are at hand.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn versions_of_offers(
        &self,
        places: &[(OfferId, u32)],
    ) -> Result<HashMap<(OfferId, u32), Arc<Offer>>, Error> {
        let programme = self.timeline()?.newest().version;
        let shelf = self.known.shelf().unwrap_or_default();
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        for place in places {
            let newest = shelf.offer(&place.0).filter(|newest| newest.version == place.1);
            match newest.cloned().or_else(|| self.known.offer_version(programme, place)) {
                Some(offer) => _ = found.insert(place.clone(), offer),
                None => missing.push(place.clone()),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        let records = self.offer_versions(&missing).await?;
        let mut read = HashMap::with_capacity(missing.len());
        for (place, record) in missing.into_iter().zip(&records) {
            let offer = Arc::new(self.offer_of(&place, record)?);
            read.insert(place, offer);
        }
        if !read.is_empty() {
            self.known.keep_versions(programme, &read);
        }
        found.extend(read);
        Ok(found)
    }

    /// The same in one call of the store.
    async fn offer_versions_at(&self, places: &[(OfferId, u32)]) -> Result<Vec<OfferVersionRecord>, Error> {
        let mut asked = Look::default();
        let slots: Vec<_> =
            places.iter().map(|(id, version)| asked.at(keys::offer_version(id, *version))).collect();
        let seen = self.records.look(asked).await?;
        let found = slots.into_iter().map(|slot| {
            let missing = || Unreadable { key: seen.key(slot).clone() };
            let (record, _) = seen.read(slot)?.ok_or_else(missing)?;
            Ok(record)
        });
        found.collect()
    }

    /// The offer in a version's document.
    pub(super) fn offer_of(
        &self,
        place: &(OfferId, u32),
        record: &OfferVersionRecord,
    ) -> Result<Offer, Error> {
        offer_under(self.timeline()?.newest(), place, record)
    }
}

/// The offer in a version's document, under that version of the programme.
fn offer_under(
    programme: &Programme,
    (id, version): &(OfferId, u32),
    record: &OfferVersionRecord,
) -> Result<Offer, Error> {
    let key = || keys::offer_version(id, *version);
    let json = read_document(key, &record.document)?;
    let read = offer::read_saved(&json, id, *version, programme);
    Ok(read.map_err(|_| Unreadable { key: key() })?)
}

/// A stored document.
pub(super) fn read_document(key: impl Fn() -> Key, text: &str) -> Result<Json, Unreadable> {
    Json::parse(text.as_bytes()).map_err(|_| Unreadable { key: key() })
}
