//! A settlement that is under way: its position, and how a step's counts are written down.

use std::collections::BTreeMap;

use domain::{id::BrandId, offer::Funder, settlement::Tally, time::Month};
use sha2::{Digest as _, Sha256};

use crate::{
    access::requests::Request,
    partners::Partners,
    store::{
        Expect, Key, Version, Write,
        error::Error,
        keys,
        records::{MonthRecord, Stage, decode},
        write::{put, unchanged},
    },
};

/// A month's settlement as it was read, and its current step.
pub(super) struct Run<'a> {
    pub(super) request: &'a Request,
    pub(super) month: Month,
    pub(super) record: MonthRecord,
    pub(super) version: Version,
}

impl Run<'_> {
    /// The write that records its progress, if no other instance has continued it meanwhile.
    pub(super) fn go_on(&self, stage: Stage) -> Write {
        let record = MonthRecord { stage, ..self.record.clone() };
        put(keys::settlement(self.month), Expect::Version(self.version), &record)
    }
}

/// Over how many records what offers gave is spread while it is counted. One use may concern any pairs of brands, so it
/// cannot be counted by brand, as a commit has room for few of them; and all pairs are too much for one record.
const OFFERS_PARTS: u8 = 16;

impl Partners {
    /// The writes that add a part to what has been counted of the month. Their commit also expects the
    /// month's record as it was read, so that nothing is added twice.
    pub(super) async fn added(&self, month: Month, mut tally: Tally) -> Result<Vec<Write>, Error> {
        let honoured = std::mem::take(&mut tally.honoured);
        let offers = std::mem::take(&mut tally.offers);
        let mut parts: Vec<(Key, Tally)> = Vec::with_capacity(honoured.len() + 1);
        if tally != Tally::default() {
            parts.push((keys::settlement_sums(month), tally));
        }
        for (brand, sums) in honoured {
            let key = keys::settlement_honoured(month, &brand);
            parts.push((key, Tally { honoured: [(brand, sums)].into(), ..Tally::default() }));
        }
        let mut spread: BTreeMap<u8, Tally> = BTreeMap::new();
        for (using, sums) in offers {
            for (funder, given) in sums {
                let part = spread.entry(part_of(&using, &funder)).or_default();
                part.offers.entry(using.clone()).or_default().insert(funder, given);
            }
        }
        parts.extend(spread.into_iter().map(|(part, tally)| (keys::settlement_offers(month, part), tally)));
        self.added_to(parts).await
    }

    /// The writes that note what offers gave with the brands of each pair.
    pub(super) async fn shared(&self, month: Month, tally: Tally) -> Result<Vec<Write>, Error> {
        let Tally { offers, borne, .. } = tally;
        let mut by_brand: BTreeMap<BrandId, Tally> = BTreeMap::new();
        for (using, sums) in offers {
            by_brand.entry(using.clone()).or_default().offers.insert(using, sums);
        }
        for (funder, sums) in borne {
            by_brand.entry(funder.clone()).or_default().borne.insert(funder, sums);
        }
        let parts = by_brand.into_iter();
        let parts = parts.map(|(brand, tally)| (keys::settlement_honoured(month, &brand), tally));
        self.added_to(parts.collect()).await
    }

    async fn added_to(&self, parts: Vec<(Key, Tally)>) -> Result<Vec<Write>, Error> {
        let wanted: Vec<Key> = parts.iter().map(|(key, _)| key.clone()).collect();
        let mut writes = Vec::with_capacity(parts.len() + 2);
        for ((key, part), known) in parts.into_iter().zip(self.records.store.get(&wanted).await?) {
            let mut sum: Tally = match &known {
                Some(record) => decode(&key, &record.value)?,
                None => Tally::default(),
            };
            sum.merge(&part);
            writes.push(put(key, unchanged(known.map(|known| known.version)), &sum));
        }
        Ok(writes)
    }
}

/// In which of the records a pair is counted: always the same one.
fn part_of(using: &BrandId, funder: &Funder) -> u8 {
    let mut hash = Sha256::new();
    hash.update(using.as_bytes());
    match funder {
        Funder::Brand(brand) => {
            hash.update(b"\0");
            hash.update(brand.as_bytes());
        }
        Funder::Programme => {}
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest[0] % OFFERS_PARTS
}
