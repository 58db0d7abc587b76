//! Counts what offers gave to guests: these have no ledger, so their uses are looked at themselves.
//!
//! A use is counted by its newest telling, which is read at once with the ones before it: they move when it is told anew,
//! so that a walk that looked at each by itself could meet one twice or never.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use domain::{
    id::OfferId,
    number::Rate,
    offer::{Funder, How, Offer},
    settlement::{OfferMove, Tally, moves},
    time::{Day, DayNumber, Month},
};

use crate::{
    partners::{Partners, settlement::run::Run},
    store::{
        Key,
        error::Error,
        keys,
        records::{Stage, Unreadable, UseRecord, UseState, decode},
    },
};

/// Uses that one step looks at, at least; it ends with a commit.
const USES_MAX: usize = 2_000;

/// Uses of one page of the walk.
const PAGE: usize = 100;

/// The least that a page counts as: DynamoDB looks at a thousand records for one.
const SPARSE: usize = 50;

/// Who bears versions of offers.
pub(super) struct Funding(HashMap<(OfferId, u32), Arc<Offer>>);

impl Funding {
    /// Who bears that version, and which part; `None` if it is not known.
    pub(super) fn of(&self, offer: &OfferId, version: u32) -> Option<&[(Funder, Rate)]> {
        self.0.get(&(offer.clone(), version)).map(|offer| &offer.funding[..])
    }
}

/// The versions of offers that gave that, each once.
pub(super) fn places<'m>(moves: impl Iterator<Item = &'m OfferMove<'m>>) -> Vec<(OfferId, u32)> {
    let mut places: Vec<(OfferId, u32)> = moves.map(|own| (own.offer.clone(), own.version)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

impl Partners {
    /// Who bears these versions of offers.
    pub(super) async fn funding_of(&self, places: Vec<(OfferId, u32)>) -> Result<Funding, Error> {
        self.programme.versions_of_offers(&places).await.map(Funding)
    }

    /// Counts some more uses of guests.
    pub(super) async fn count_guests(&self, run: &Run<'_>, from: Option<Vec<u8>>) -> Result<u64, Error> {
        let (mut tally, mut from, mut looked_at) = (Tally::default(), from.map(Bytes::from), 0);
        // A walk reads the whole table, so none is begun for nobody.
        let mut done = from.is_none() && !self.serves_guests().await?;
        while looked_at < USES_MAX && !done {
            let page = self.records.store.walk(Some(keys::kind::USE), from, PAGE).await?;
            looked_at += page.records.len().max(SPARSE);
            for (key, record) in &page.records {
                looked_at +=
                    self.count_guest(run.month, &mut tally, key, decode(key, &record.value)?).await?;
            }
            from = page.next;
            done = from.is_none();
        }
        let stage = match done {
            true => Stage::Sharing,
            false => Stage::CountingGuests { from: from.map(|from| from.to_vec()) },
        };
        let mut writes = self.added(run.month, tally).await?;
        writes.push(run.go_on(stage));
        self.programme.commit(writes).await?;
        Ok(looked_at as u64)
    }

    /// Whether there was ever an offer that a guest may use; how one is had never changes, and none is deleted.
    async fn serves_guests(&self) -> Result<bool, Error> {
        let shelf = self.programme.offers().await?;
        Ok(shelf.all().any(|offer| match offer.how {
            How::Auto | How::Code => true,
            How::Claim | How::Buy | How::Issue => false,
        }))
    }

    /// Counts a guest's use, if it is one, whole; returns how many more records it read.
    async fn count_guest(
        &self,
        month: Month,
        tally: &mut Tally,
        key: &Key,
        newest: UseRecord,
    ) -> Result<usize, Error> {
        let is_newest = *key == keys::offer_use(&newest.brand, &newest.by);
        let is_held = matches!(newest.state, UseState::Held { .. });
        if !is_newest || is_held || newest.member.is_some() {
            return Ok(0);
        }
        let is_of_month = |day: DayNumber| Month::of(Day::from_number(day)) == month;
        // Earlier ones were not recorded later.
        let numbers = match Month::of(Day::from_number(newest.recorded)) >= month {
            true => 1..newest.revision,
            false => 1..1,
        };
        let told: Vec<Key> =
            numbers.map(|number| keys::offer_use_told(&newest.brand, &newest.by, number)).collect();
        let mut tellings = Vec::with_capacity(told.len() + 1);
        for (key, record) in told.iter().zip(self.records.store.get(&told).await?) {
            let record = record.ok_or_else(|| Unreadable { key: key.clone() })?;
            tellings.push(decode::<UseRecord>(key, &record.value)?);
        }
        let using = newest.brand.clone();
        tellings.push(newest);
        // The newest has the returns of all.
        let returns = tellings.last().into_iter().flat_map(|newest| &newest.returns);
        let returns = returns.filter(|part| is_of_month(part.recorded));
        let of_month: Vec<OfferMove<'_>> = tellings
            .iter()
            .filter(|telling| is_of_month(telling.recorded))
            .flat_map(|telling| moves(&telling.taken, &telling.given_before))
            .chain(returns.flat_map(|part| moves(&[], &part.given)))
            .collect();
        if !of_month.is_empty() {
            let funding = self.funding_of(places(of_month.iter())).await?;
            let counted =
                tally.give(&using, of_month.iter().copied(), |offer, version| funding.of(offer, version));
            counted.map_err(|_| Unreadable { key: key.clone() })?;
        }
        Ok(told.len())
    }
}
