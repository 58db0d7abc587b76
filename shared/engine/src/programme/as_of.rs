//! Offers as they were: an order that is told anew is priced by the versions of its first pricing.

use std::{collections::HashMap, sync::Arc};

use domain::{id::OfferId, offer::Offer, time::Instant};

use crate::{programme::Programmes, store::error::Error};

/// Among which versions that of the moment is: it is later than `before` versions, and none after `last`.
struct Between {
    id: OfferId,
    before: u32,
    last: u32,
    try_next: u32,
}

impl Programmes {
    /// The version that each of these offers, given in its newest, had at that moment; of those that were not there yet none.
    ///
    /// # Errors
    /// There is no programme yet, the store failed, or a record is unreadable.
    pub(crate) async fn offers_as_of(
        &self,
        newest: &[Arc<Offer>],
        at: Instant,
    ) -> Result<HashMap<OfferId, Arc<Offer>>, Error> {
        // The newest is tried first: it mostly is the one.
        let start = |offer: &Arc<Offer>| {
            let (id, last) = (offer.id.clone(), offer.version);
            Between { id, before: 0, last, try_next: last }
        };
        let mut open: Vec<Between> = newest.iter().map(start).collect();
        let mut found: Vec<(OfferId, u32)> = Vec::new();
        while !open.is_empty() {
            let places: Vec<_> = open.iter().map(|own| (own.id.clone(), own.try_next)).collect();
            let records = self.offer_versions(&places).await?;
            let mut still = Vec::with_capacity(open.len());
            for (mut own, record) in open.into_iter().zip(records) {
                match record.at <= at {
                    true => own.before = own.try_next,
                    false => own.last = own.try_next - 1,
                }
                if own.before < own.last {
                    own.try_next = own.before + (own.last - own.before).div_ceil(2);
                    still.push(own);
                } else if own.before > 0 {
                    found.push((own.id, own.before));
                }
            }
            open = still;
        }
        let versions = self.versions_of_offers(&found).await?;
        Ok(versions.into_iter().map(|((id, _), offer)| (id, offer)).collect())
    }
}
