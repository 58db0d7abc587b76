//! Offers as they were at the first pricing of a use: what it is told to be later is priced by those.

use std::{collections::HashMap, sync::Arc};

use domain::{
    id::OfferId,
    offer::{Gives, How, Offer, code::fold},
};

use crate::{
    offers::{Offers, draft::DraftOrder},
    programme::shelf::Shelf,
    store::{error::Error, records::UseRecord},
};

/// `auto` and `code` offers as they were; what was issued is governed by its own versions anyway.
pub(crate) struct Past {
    offers: HashMap<OfferId, Arc<Offer>>,
}

impl Past {
    /// That of an offer, if it was there.
    pub(super) fn offer(&self, id: &OfferId) -> Option<&Arc<Offer>> {
        self.offers.get(id)
    }

    /// All of them.
    pub(super) fn offers(&self) -> impl Iterator<Item = &Arc<Offer>> {
        self.offers.values()
    }

    /// The offer that had that word.
    pub(super) fn of_word(&self, typed: &str) -> Option<&Arc<Offer>> {
        let typed = fold(typed);
        let has = |offer: &&Arc<Offer>| {
            offer.how == How::Code && offer.word.as_ref().is_some_and(|word| fold(word) == typed)
        };
        self.offers().filter(has).min_by_key(|offer| (offer.suspended, &offer.id))
    }
}

impl Offers {
    /// The offers that may come to a draft as they were when the use was priced first.
    pub(super) async fn past(
        &self,
        shelf: &Shelf,
        draft: &DraftOrder,
        used: &UseRecord,
    ) -> Result<Past, Error> {
        let may_come = |offer: &&Arc<Offer>| match (offer.how, &offer.gives) {
            (How::Auto, Gives::Discount(_) | Gives::Access { .. }) => true,
            (How::Auto, _) => !draft.grants.is_empty(),
            (How::Code, _) => !draft.codes.is_empty(),
            (How::Claim | How::Buy | How::Issue, _) => false,
        };
        let newest: Vec<Arc<Offer>> = shelf.all().filter(may_come).cloned().collect();
        let mut offers = self.programme.offers_as_of(&newest, used.known_at).await?;
        // What it was told with is known by its versions, whatever was saved in the same instant.
        let told =
            used.answer.offers.iter().chain(&used.answer.coupons).filter_map(|told| told.offer.clone());
        let has = used.has.iter().map(|taken| (taken.offer.clone(), taken.version));
        let places: Vec<(OfferId, u32)> = told.chain(has).collect();
        for ((id, _), offer) in self.programme.versions_of_offers(&places).await? {
            if matches!(offer.how, How::Auto | How::Code) {
                offers.insert(id, offer);
            }
        }
        Ok(Past { offers })
    }
}
