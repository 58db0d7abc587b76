//! A use of offers as it now stands, for whoever asks for its order.

use domain::{
    id::{BrandId, OrderId},
    offer::grant::HeldBy,
    time::Instant,
};

use crate::{
    offers::{Offers, using::UseDone},
    store::{
        Key,
        error::Error,
        keys,
        records::{UseRecord, UseState},
    },
};

impl Offers {
    /// What an order uses, or has set aside, with the entry of its newest telling; `None` where it uses nothing, what it had
    /// set aside was let go, or has ended by then.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn use_of_order(
        &self,
        brand: &BrandId,
        order: &OrderId,
        now: Instant,
    ) -> Result<Option<UseDone>, Error> {
        let key = keys::offer_use(brand, &HeldBy::Order(order.clone()));
        let Some((record, _)) = self.records.read::<UseRecord>(&key).await? else { return Ok(None) };
        if let UseState::Held { until } = record.state
            && until <= now
        {
            return Ok(None);
        }
        let entry = match &record.entry {
            Some(key) => self.records.entry_at(&Key::new(key.clone())).await?,
            None => None,
        };
        Ok(Some(UseDone { record, entry }))
    }
}
