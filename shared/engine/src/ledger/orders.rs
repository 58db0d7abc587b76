//! Orders, followed through a member's ledger: what has become of each, by its entries alone.

use std::collections::BTreeMap;

use domain::{
    event::{Event, Order, OrderNow},
    id::{BrandId, OrderId},
};

use crate::store::records::EntryRecord;

/// The orders of a ledger, as its entries leave them.
#[derive(Default)]
pub(crate) struct Orders<'a>(BTreeMap<(&'a BrandId, &'a str), Followed<'a>>);

/// An order so far.
pub(crate) struct Followed<'a> {
    first: &'a Order,
    pub(crate) now: OrderNow,
    /// Points that its entries have taken back.
    taken: u64,
    /// Whether each entry says of it what the one before had left beyond whole minor units.
    rests: bool,
}

impl<'a> Orders<'a> {
    /// Follows the next entry, oldest first.
    pub(crate) fn follow(&mut self, event: &'a Event) {
        let row = event.kind.row();
        if let Some(first) = row.order {
            let followed = Followed { first, now: OrderNow::new(first), taken: 0, rests: true };
            self.0.insert((&first.brand, first.order_id.as_str()), followed);
        }
        let Some(change) = row.order_change() else { return };
        let Some(known) = self.0.get_mut(&(change.brand, change.order_id.as_str())) else { return };
        // A damaged record may hold anything; a saturated sum differs from what is stored.
        let now = &mut known.now;
        let (was, grown) = (now.state.growth, event.movement.growth);
        match change.after.growth.checked_sub(was) {
            Some(more) => {
                let entered = grown.unsigned_abs();
                now.growth_lost = now.growth_lost.saturating_sub(more.saturating_sub(entered));
            }
            None => {
                let less = was - change.after.growth;
                now.growth_lost += less.saturating_sub(grown.unsigned_abs());
            }
        }
        known.rests &= change.rest_before == now.state.rest;
        now.state = change.after.clone();
        if let Some(refund) = row.refund {
            known.taken = known.taken.saturating_add(refund.taken);
        }
        if let Some(revised) = row.revision {
            known.taken = known.taken.saturating_add(revised.taken);
            now.given = now.given.saturating_add(revised.added);
            now.counted = now.counted.saturating_add(revised.counted);
            now.was_above |= revised.order.has_goods();
            now.revised_away = revised.after.closed;
            now.revision = revised.revision;
            now.revised = Some(Box::new(revised.order.clone()));
        }
    }

    /// The order of that name.
    pub(crate) fn get(&self, brand: &'a BrandId, order_id: &'a OrderId) -> Option<&Followed<'a>> {
        self.0.get(&(brand, order_id.as_str()))
    }
}

impl Followed<'_> {
    /// How the stored order differs, in words.
    pub(crate) fn differences(&self, stored: &EntryRecord, differences: &mut Vec<String>) {
        let id = &self.first.order_id;
        let kept = stored.order.as_ref();
        let mut now = self.now.clone();
        if let Some(kept) = kept.filter(|kept| !kept.complete) {
            // Its growth was lost before that was kept.
            now.growth_lost = kept.now.growth_lost;
        }
        if kept.map(|kept| &kept.now) != Some(&now) {
            let stored = kept.map(|kept| &kept.now);
            differences.push(format!("order {id}: stored {stored:?}, by the ledger {now:?}"));
        }
        if !self.rests {
            differences.push(format!("order {id}: an entry says that another rest remained of it"));
        }
        let (taken, given) = (self.taken, now.given);
        let left = given.checked_sub(now.state.points);
        if left.is_none_or(|left| taken > left) || now.state.taken != taken {
            differences.push(format!("order {id}: {taken} points were taken of {given} given"));
        }
    }
}
