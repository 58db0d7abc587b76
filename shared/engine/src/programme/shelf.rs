//! The offers as an instance has them at hand.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use domain::{
    id::{BrandId, OfferId},
    offer::{Gives, How, Offer, code::fold},
};

use crate::store::Version;

/// All offers, each in its newest version.
#[derive(Debug, Default)]
pub struct Shelf {
    offers: BTreeMap<OfferId, Arc<Offer>>,
    /// Offers that are not suspended, by their words as they are compared.
    words: HashMap<String, Arc<Offer>>,
    /// The number of each, and the offer of each number.
    numbers: BTreeMap<OfferId, u16>,
    numbered: HashMap<u16, OfferId>,
    /// By brand what may come to an order there by itself.
    autos: HashMap<BrandId, Vec<Arc<Offer>>>,
    saved: Option<Version>,
    programme: u32,
}

impl Shelf {
    /// A shelf of these, which were read under that version of the programme; those of before there were numbers have the first ones, by their ids.
    pub(super) fn new(
        offers: BTreeMap<OfferId, Arc<Offer>>,
        mut numbers: BTreeMap<OfferId, u16>,
        saved: Option<Version>,
        programme: u32,
    ) -> Shelf {
        for (number, own) in (1..).zip(numbers.values_mut().filter(|own| **own == 0)) {
            *own = number;
        }
        let numbered = numbers.iter().map(|(id, number)| (*number, id.clone())).collect();
        let open = offers.values().filter(|offer| !offer.suspended);
        let word = |offer: &Arc<Offer>| Some((fold(offer.word.as_ref()?), offer.clone()));
        let words = open.filter_map(word).collect();
        let autos = autos(&offers);
        Shelf { offers, words, numbers, numbered, autos, saved, programme }
    }

    /// The newest version of that offer.
    pub fn offer(&self, id: &OfferId) -> Option<&Arc<Offer>> {
        self.offers.get(id)
    }

    /// The number of that offer, which stays.
    pub fn number(&self, id: &OfferId) -> Option<u16> {
        self.numbers.get(id).copied()
    }

    /// The offer of that number.
    pub fn of_number(&self, number: u16) -> Option<&Arc<Offer>> {
        self.offer(self.numbered.get(&number)?)
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Offer>> {
        self.offers.values()
    }

    /// The offer that has that word, however it is typed; none that is suspended.
    pub fn of_word(&self, typed: &str) -> Option<&Arc<Offer>> {
        self.words.get(&fold(typed))
    }

    /// The `auto` discounts and `access` offers that may be used at that brand, by id; none that is suspended.
    pub(crate) fn autos(&self, brand: &BrandId) -> &[Arc<Offer>] {
        self.autos.get(brand).map_or(&[], Vec::as_slice)
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

/// By brand the offers that come to an order by themselves, or keep its lines back.
fn autos(offers: &BTreeMap<OfferId, Arc<Offer>>) -> HashMap<BrandId, Vec<Arc<Offer>>> {
    let mut autos: HashMap<BrandId, Vec<Arc<Offer>>> = HashMap::new();
    let comes = |offer: &Offer| {
        let kind = matches!(offer.gives, Gives::Discount(_) | Gives::Access { .. });
        kind && offer.how == How::Auto && !offer.suspended
    };
    for offer in offers.values().filter(|offer| comes(offer)) {
        for brand in &offer.brands {
            autos.entry(brand.clone()).or_default().push(offer.clone());
        }
    }
    autos
}
