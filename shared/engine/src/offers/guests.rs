//! The uses of guests, for whoever reads all of them: no ledger tells of these.

use bytes::Bytes;

use crate::{
    offers::Offers,
    store::{
        error::Error,
        keys,
        records::{Unreadable, UseRecord, UseState, decode},
    },
};

/// Uses of one page.
const PAGE: usize = 200;

impl Offers {
    /// A page of guests' uses, in no order, and where the next one begins: of each its tellings, oldest first, of which the
    /// last has the returns of all. What is only set aside is not among them.
    ///
    /// # Errors
    /// The store failed, or a record is missing or unreadable.
    pub async fn guests_uses(
        &self,
        from: Option<Bytes>,
    ) -> Result<(Vec<Vec<UseRecord>>, Option<Bytes>), Error> {
        let page = self.records.store.walk(Some(keys::kind::USE), from, PAGE).await?;
        let mut uses = Vec::new();
        for (key, record) in &page.records {
            let newest: UseRecord = decode(key, &record.value)?;
            let is_final = !matches!(newest.state, UseState::Held { .. });
            let is_newest = *key == keys::offer_use(&newest.brand, &newest.by);
            if newest.member.is_some() || !is_final || !is_newest {
                continue;
            }
            let mut tellings = Vec::new();
            for number in 1..newest.revision {
                let key = keys::offer_use_told(&newest.brand, &newest.by, number);
                let told = self.records.read::<UseRecord>(&key).await?;
                tellings.push(told.map(|(told, _)| told).ok_or(Unreadable { key })?);
            }
            tellings.push(newest);
            uses.push(tellings);
        }
        Ok((uses, page.next))
    }
}
