//! Whether the partner that asks is linked with whose use it is: of anybody else it is told nothing.

use domain::{id::BrandId, member::MemberId, offer::grant::HeldBy, programme::BrandKind, time::Instant};

use crate::{
    access::requests::Request,
    offers::{Offers, asking::UseAsk, customer::Customer},
    store::{
        error::Error,
        keys,
        records::{EntryRecord, UseRecord, UseState},
    },
};

impl Offers {
    /// Whether what is asked was told before, so that telling it again takes nothing anew: whoever was named by a scan
    /// then is named by it for ever.
    ///
    /// # Errors
    /// A record is unreadable, or the store failed.
    pub async fn is_told(&self, ask: &UseAsk, now: Instant) -> Result<bool, Error> {
        let known = self.records.read::<UseRecord>(&keys::offer_use(&ask.draft.brand, &ask.by)).await?;
        Ok(known.is_some_and(|(known, _)| match known.state {
            // Once a hold has ended, what was set aside is taken anew.
            UseState::Held { until } => now < until || !ask.retake,
            UseState::Used | UseState::Returned => match &ask.by {
                HeldBy::Order(_) => ask.revision <= known.revision,
                HeldBy::Use(_) => true,
            },
        }))
    }

    /// Whether the partner that asks is linked with the customer, who is reached by way of that record. No other caller
    /// is, and no guest has a link.
    pub(super) async fn is_linked(
        &self,
        request: &Request,
        customer: Option<&Customer>,
        via: Option<MemberId>,
    ) -> Result<bool, Error> {
        let (Some(brand), Some(customer)) = (self.partner_asking(request)?, customer) else {
            return Ok(false);
        };
        let records: Vec<MemberId> = [Some(customer.member.id), via].into_iter().flatten().collect();
        self.people.partners.is_linked(&records, brand).await
    }

    /// Whether the partner that asks was linked with the member when the entry was made. No other caller was.
    pub(super) async fn was_linked(
        &self,
        request: &Request,
        entry: Option<&EntryRecord>,
    ) -> Result<bool, Error> {
        match (self.partner_asking(request)?, entry) {
            (Some(brand), Some(entry)) => self.people.partners.was_linked(entry, brand).await,
            (None, _) | (_, None) => Ok(false),
        }
    }

    /// The brand of the partner that asks, if it is one.
    fn partner_asking<'a>(&self, request: &'a Request) -> Result<Option<&'a BrandId>, Error> {
        let programmes = self.programme.timeline()?;
        let kind = |brand: &BrandId| programmes.newest().brand(brand).map(|brand| brand.kind);
        Ok(request.brand.as_ref().filter(|brand| kind(brand) == Some(BrandKind::Partner)))
    }
}
