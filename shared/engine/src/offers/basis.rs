//! What an order was judged by. Whether offers apply is asked of records that others change too, and what is written later
//! must be of the same: otherwise two orders that ask at once would both be told of the last piece, and both take it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{id::OfferId, member::MemberId};

use crate::store::{Key, Range, StoreError, Version, keys};

/// The records that an order was judged by, each as it was then. A copy is the same one.
#[derive(Clone, Default, Debug)]
pub(crate) struct Basis(Arc<Mutex<Read>>);

#[derive(Default, Debug)]
struct Read {
    /// The version of each; `None` where there was none.
    versions: HashMap<Key, Option<Version>>,
    /// What was read whole: there is nothing else in it.
    ranges: Vec<Range>,
    /// Whether one was read twice, and had changed between.
    is_torn: bool,
    /// Where of each offer's account it is taken.
    places: HashMap<OfferId, u8>,
}

impl Basis {
    /// All grants and windows of that holder are read.
    pub(crate) fn reads_all_of(&self, holder: MemberId) {
        self.read().ranges.push(keys::grants(holder));
    }

    /// A record was judged by, as it is in that version.
    pub(crate) fn note(&self, key: &Key, version: Option<Version>) {
        let mut read = self.read();
        let known = *read.versions.entry(key.clone()).or_insert(version);
        read.is_torn |= known != version;
    }

    /// It is judged, and taken, at that place of an offer's account.
    pub(crate) fn takes_at(&self, offer: &OfferId, place: u8) {
        self.read().places.insert(offer.clone(), place);
    }

    /// Where of an offer's account it is taken: at the pool if nothing was judged.
    pub(crate) fn place_of(&self, offer: &OfferId) -> u8 {
        self.read().places.get(offer).copied().unwrap_or(keys::POOL)
    }

    /// Whether a record that is to be written is as it was judged by; one that nothing was judged by is.
    ///
    /// # Errors
    /// [`StoreError::LostRace`] if somebody has changed it since.
    pub(crate) fn must_still_be(&self, key: &Key, version: Option<Version>) -> Result<(), StoreError> {
        let read = self.read();
        let is_read_whole = || read.ranges.iter().any(|range| range.from <= *key && *key < range.to);
        let is_same = match read.versions.get(key) {
            Some(known) => *known == version,
            None if is_read_whole() => version.is_none(),
            None => true,
        };
        if is_same && !read.is_torn { Ok(()) } else { Err(StoreError::LostRace) }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The records of offers' accounts that another order was faster at: the next attempt waits for its turn at them, instead of
/// racing.
/// A copy is the same one.
#[derive(Clone, Default, Debug)]
pub(crate) struct Contested(Arc<Mutex<Vec<Key>>>);

impl Contested {
    /// Another was faster at that record.
    pub(crate) fn note(&self, key: Key) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&key) {
            known.push(key);
        }
    }

    /// The accounts to wait for.
    pub(crate) fn accounts(&self) -> Vec<Key> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
