//! The offers as an instance has them at hand.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use domain::{
    id::OfferId,
    offer::{Offer, code::fold},
};

use crate::store::Version;

/// All offers, each in its newest version.
#[derive(Debug, Default)]
pub struct Shelf {
    offers: BTreeMap<OfferId, Arc<Offer>>,
    /// Offers that are not suspended, by their words as they are compared.
    words: HashMap<String, Arc<Offer>>,
    saved: Option<Version>,
    programme: u32,
}

impl Shelf {
    /// Offers that were read under that version of the programme.
    pub(super) fn new(
        offers: BTreeMap<OfferId, Arc<Offer>>,
        saved: Option<Version>,
        programme: u32,
    ) -> Shelf {
        let open = offers.values().filter(|offer| !offer.suspended);
        let word = |offer: &Arc<Offer>| Some((fold(offer.word.as_ref()?), offer.clone()));
        let words = open.filter_map(word).collect();
        Shelf { offers, words, saved, programme }
    }

    /// The newest version of that offer.
    pub fn offer(&self, id: &OfferId) -> Option<&Arc<Offer>> {
        self.offers.get(id)
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Offer>> {
        self.offers.values()
    }

    /// The offer that has that word, however it is typed; none that is suspended.
    pub fn of_word(&self, typed: &str) -> Option<&Arc<Offer>> {
        self.words.get(&fold(typed))
    }

    /// The commit that saved the last of them.
    pub(super) fn saved(&self) -> Option<Version> {
        self.saved
    }

    /// The version of the programme that they were read under: what an audience names is looked up in it.
    pub(super) fn programme(&self) -> u32 {
        self.programme
    }
}
