//! Samples of offers.

use domain::id::{BrandId, OfferId};

use super::{AT, LONG_AGO, Samples, bys, named, text};
use crate::store::records::{By, OfferRecord, OfferVersionRecord, OffersRecord, WordRecord};

pub(in super::super) fn offer() -> Samples<OfferRecord> {
    let plain = OfferRecord { version: 1, word: None };
    let worded = OfferRecord { version: 10_000, word: Some(text("SPR1NG20")) };
    named([("plain", plain), ("worded", worded)])
}

pub(in super::super) fn offer_version() -> Samples<OfferVersionRecord> {
    let version = |by| OfferVersionRecord {
        at: AT,
        by,
        brand: BrandId::of_checked("acme"),
        document: text("{\"name\": {\"zh\": \"满 100 减 15\"}}"),
    };
    let mut samples = named(bys().map(|(name, by)| (name, version(by))));
    samples.push((text("long_ago"), OfferVersionRecord { at: LONG_AGO, ..version(By::Time) }));
    samples
}

pub(in super::super) fn offers() -> Samples<OffersRecord> {
    named([
        ("first", OffersRecord { offers: 1, saves: 1 }),
        ("most", OffersRecord { offers: 2_000, saves: u64::MAX }),
    ])
}

pub(in super::super) fn word() -> Samples<WordRecord> {
    let had = WordRecord { offer: Some(OfferId::of_checked("spring")) };
    named([("had", had), ("let_go", WordRecord { offer: None })])
}
