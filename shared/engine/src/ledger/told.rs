//! Orders as they now stand, with what became of them: for whoever asks, and for those that 0.1.0 has written,
//! of which it kept less.

use domain::{
    event::Order,
    id::{BrandId, OrderId, RedemptionPart},
    member::MemberId,
    refusal::Refusal,
};

use crate::{
    ledger::{Ledger, act::redemption_id, orders::Orders, weigh::HISTORY_MAX},
    store::{
        Key,
        error::Error,
        keys,
        reading::{newest, previous},
        records::{EntryRecord, KeptOrder, Unreadable},
    },
};

/// As many parts of an order as are listed.
const PARTS_MAX: usize = 199;

/// An order, and the entries about it.
#[derive(Clone, Debug)]
pub struct FoundOrder {
    /// The entry of its first telling.
    pub entry: EntryRecord,
    /// Whose it is: if its member was merged, whom that leads to.
    pub member: MemberId,
    /// The entries of its refunds, oldest first.
    pub refunds: Vec<EntryRecord>,
    /// The entries of what was paid for it with points, oldest first.
    pub redemptions: Vec<EntryRecord>,
}

impl FoundOrder {
    /// The order as it was first told, and what is kept of it.
    ///
    /// # Panics
    /// Never: it is made of an order's record alone.
    pub fn parts(&self) -> (&Order, &KeptOrder) {
        let first = self.entry.event.kind.row().order;
        let parts = first.zip(self.entry.order.as_ref());
        parts.unwrap_or_else(|| panic!("an order that was found is one"))
    }

    /// Its refunds, oldest first, each with the name that it was told under, if any.
    pub fn named_refunds(&self) -> impl Iterator<Item = (Option<String>, &EntryRecord)> {
        let (_, kept) = self.parts();
        let names = kept.refunds.iter().map(|key| keys::refund_name(&Key::new(key.clone())));
        names.zip(&self.refunds)
    }
}

impl Ledger {
    /// An order by its brand and id.
    ///
    /// # Errors
    /// [`Refusal::OrderNotFound`]; a record is unreadable, or the store failed.
    pub async fn order(&self, brand: &BrandId, order_id: &OrderId) -> Result<FoundOrder, Error> {
        let read = self.records.read::<EntryRecord>(&keys::order(brand, order_id)).await?;
        let (mut entry, _) = read.ok_or(Refusal::OrderNotFound)?;
        self.complete(&mut entry).await?;
        let kept = entry.order.as_ref().ok_or(Refusal::OrderNotFound)?;
        let keys: Vec<Key> = kept.refunds.iter().map(|key| Key::new(key.clone())).collect();
        let found = self.records.entries_at(&keys).await?;
        let refunds = found.into_iter().zip(keys).map(|(entry, key)| entry.ok_or(Unreadable { key }));
        let refunds = refunds.collect::<Result<_, _>>()?;
        let redemptions = self.paid(brand, order_id).await?;
        let member = self.records.reached(&[entry.via.unwrap_or(entry.member)]).await?[0];
        Ok(FoundOrder { entry, member, refunds, redemptions })
    }

    /// The member of a brand's order, if there is one.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn member_of_order(
        &self,
        brand: &BrandId,
        order_id: &OrderId,
    ) -> Result<Option<MemberId>, Error> {
        let order = self.records.entry_at(&keys::order(brand, order_id)).await?;
        Ok(order.map(|order| order.via.unwrap_or(order.member)))
    }

    /// The redemption of an order under that part, or without one, if there was one.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn redemption_of(
        &self,
        brand: &BrandId,
        order_id: &OrderId,
        part: Option<&RedemptionPart>,
    ) -> Result<Option<EntryRecord>, Error> {
        self.records.entry_at(&keys::redemption(redemption_id(brand, order_id, part))).await
    }

    /// The entries of what was paid for an order with points, oldest first: up to [`PARTS_MAX`] in parts, and one
    /// without.
    async fn paid(&self, brand: &BrandId, order_id: &OrderId) -> Result<Vec<EntryRecord>, Error> {
        let whole = redemption_id(brand, order_id, None);
        let marks = self.records.store.scan(keys::paid_parts(whole), PARTS_MAX).await?;
        let parts = marks.iter().filter_map(|(key, ..)| keys::read_paid_part(key));
        let ids = parts.map(|part| redemption_id(brand, order_id, Some(&part)));
        let keys: Vec<Key> = ids.chain([whole]).map(keys::redemption).collect();
        let mut paid: Vec<EntryRecord> =
            self.records.entries_at(&keys).await?.into_iter().flatten().collect();
        paid.sort_by_key(|entry| (entry.recorded_at, entry.seq));
        Ok(paid)
    }

    /// Looks up what 0.1.0 did not keep of an order that was refunded: the keys of its refunds, and the growth that
    /// was not there any more when they took it.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`] where too much has happened since; a record is unreadable, or the store failed.
    pub(super) async fn complete(&self, entry: &mut EntryRecord) -> Result<(), Error> {
        let (Some(order), Some(kept)) = (entry.event.kind.row().order, &entry.order) else { return Ok(()) };
        if kept.complete {
            return Ok(());
        }
        let member = self.records.load(entry.member).await?.ok_or(Refusal::MemberNotFound)?;
        let mut found: Vec<(Key, EntryRecord)> = Vec::new();
        let mut next = newest(&member.record);
        let mut seen = 0;
        while let Some(key) = next {
            let read = self.records.entry_at(&key).await?;
            let read = read.ok_or_else(|| Unreadable { key: key.clone() })?;
            if read.seq <= entry.seq {
                break;
            }
            if seen >= HISTORY_MAX {
                return Err(Refusal::LimitExceeded { what: "history" }.into());
            }
            seen += 1;
            next = previous(&read);
            let change = read.event.kind.row().order_change();
            if change.is_some_and(|change| *change.brand == order.brand && *change.order_id == order.order_id)
            {
                found.push((key, read));
            }
        }
        found.reverse();
        let mut orders = Orders::default();
        orders.follow(&entry.event);
        found.iter().for_each(|(_, refund)| orders.follow(&refund.event));
        let growth_lost = orders.get(&order.brand, &order.order_id).map_or(0, |order| order.now.growth_lost);
        let refunds = found.iter().map(|(key, _)| key.as_bytes().to_vec()).collect();
        if let Some(kept) = &mut entry.order {
            kept.now.growth_lost = growth_lost;
            kept.refunds = refunds;
            kept.complete = true;
        }
        Ok(())
    }
}
