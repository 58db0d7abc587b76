//! Offers: the newest version of each, every version's document, who has which word, and how many there are.

use domain::{
    id::{BrandId, OfferId},
    time::Instant,
};

use super::{
    By, Stored,
    layout::{Damaged, Layout as _, Reader, layout},
};

/// An offer as it now stands, but for its document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferRecord {
    /// The number of its newest version, from 1.
    pub version: u32,
    /// The word that it has, as words are compared; none while it is suspended.
    pub word: Option<String>,
    /// Its number among all offers, from 1, which stays. Those that were there before there were numbers have 0, and are
    /// numbered by their ids, before all others.
    pub number: u16,
}

/// A version of an offer, as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferVersionRecord {
    /// When it was saved.
    pub at: Instant,
    /// Who saved it.
    pub by: By,
    /// The brand that issues it.
    pub brand: BrandId,
    /// The document's text.
    pub document: String,
}

/// All offers together: every save changes it, so that one read tells whether any offer is another.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OffersRecord {
    /// How many there are.
    pub offers: u32,
    /// How often any was saved.
    pub saves: u64,
}

/// Whose a word is; nobody's once its offer has let it go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WordRecord {
    /// The offer that has it.
    pub offer: Option<OfferId>,
}

/// As it was before offers had numbers.
struct Unnumbered {
    version: u32,
    word: Option<String>,
}

impl Stored for OfferRecord {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<OfferRecord, Damaged> {
        match format {
            1 => {
                let Unnumbered { version, word } = Unnumbered::read(from)?;
                Ok(OfferRecord { version, word, number: 0 })
            }
            _ => Err(Damaged),
        }
    }
}

impl Stored for OfferVersionRecord {}
impl Stored for OffersRecord {}
impl Stored for WordRecord {}

layout! { struct OfferRecord { version, word, number } }
layout! { struct Unnumbered { version, word } }
layout! { struct OfferVersionRecord { at, by, brand, document } }
layout! { struct OffersRecord { offers, saves } }
layout! { struct WordRecord { offer } }
