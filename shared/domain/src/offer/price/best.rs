//! The coupons that save most together.
//!
//! Every set is tried, in one fixed order, each coupon once with and once without: what a coupon takes is given back
//! before the next is tried, so a set costs its last coupon alone. A branch that cannot save as much as has been found
//! is not entered: no coupon takes more beside others than alone.

use std::cmp::Ordering;

use super::{
    CHOICES_MAX, CHOSEN_MAX, Unpriced,
    table::{Ran, Step, Table},
    till::Till,
};
use crate::{
    id::OfferId,
    offer::{Discount, Gives, OfDelivery, Offer},
    time::Instant,
};

/// Prices the order with the best of the coupons, and tells first those.
pub(super) fn run(table: &Table<'_>, till: &mut Till) -> Result<Ran, Unpriced> {
    let usable = |entry: &usize| {
        let entry = &table.entries[*entry];
        entry.reason.is_none() && matches!(entry.step, Step::Coupon | Step::Delivery)
    };
    let mut choices: Vec<usize> = table.coupons().filter(usable).collect();
    if choices.len() > CHOICES_MAX {
        return Err(Unpriced::TooManyChoices(choices.len()));
    }
    choices.sort_by_key(|entry| rank(table, *entry));
    // Goods first, as their turn comes first; what saves goods changes no order among deliveries.
    let (goods, delivery): (Vec<usize>, Vec<usize>) =
        choices.iter().partition(|entry| !table.is_of_step_six(**entry));
    let chosen = {
        let mut till = till.clone();
        table.take_autos_of_goods(&mut till, None);
        let mut search = Search { table, goods: &goods, delivery: &delivery, set: Vec::new(), best: None };
        search.goods(&mut till, 0);
        search.best.map_or(Vec::new(), |(_, set)| set)
    };
    let mut chosen: Vec<usize> = choices.iter().copied().filter(|entry| chosen.contains(entry)).collect();
    let first = chosen.len();
    let rest = table.listed().into_iter().filter(|entry| !chosen.contains(entry)).collect::<Vec<_>>();
    // What could be used and is not among the best stays without an outcome.
    chosen.extend(rest.iter().copied().filter(|entry| !choices.contains(entry)));
    let ran = table.run(till, &chosen);
    let coupons = chosen[..first].iter().copied().chain(rest).collect();
    Ok(Ran { coupons, ..ran })
}

/// Percentages without a bound, those with one, the rest; each by offer id, grants before codes, in order of issue.
fn rank<'a>(table: &Table<'a>, entry: usize) -> (u8, Option<&'a OfferId>, bool, u64, usize) {
    let offer = table.entries[entry].offer();
    let (is_code, issued) = name(table, entry);
    (offer.map_or(u8::MAX, kind), offer.map(|offer| &offer.id), is_code, issued, entry)
}

fn kind(offer: &Offer) -> u8 {
    match &offer.gives {
        Gives::Discount(Discount::Percent { max: None, .. } | Discount::Delivery(OfDelivery::Percent(_))) => {
            0
        }
        Gives::Discount(Discount::Percent { max: Some(_), .. }) => 1,
        _ => 2,
    }
}

/// Codes come after grants, as they are listed.
fn name(table: &Table<'_>, entry: usize) -> (bool, u64) {
    let coupon = table.coupon_of(entry);
    coupon.map_or((false, 0), |coupon| (coupon.is_code, if coupon.is_code { 0 } else { coupon.issued }))
}

struct Search<'s, 'a> {
    table: &'s Table<'a>,
    goods: &'s [usize],
    delivery: &'s [usize],
    set: Vec<usize>,
    /// What is left to pay with the best set until now, and the set.
    best: Option<(u64, Vec<usize>)>,
}

impl Search<'_, '_> {
    /// The sets of what is left of the coupons of goods.
    fn goods(&mut self, till: &mut Till, next: usize) {
        let Some(entry) = self.goods.get(next).copied() else {
            let mark = till.mark();
            self.table.take_autos_of_delivery(till, None);
            self.delivery(till, 0);
            till.set_back(mark);
            return;
        };
        // At best the delivery is free.
        let most: u64 = self.goods[next..].iter().map(|entry| self.table.entries[*entry].alone).sum();
        if !self.may_win(till.total() - till.delivery, most) {
            return;
        }
        self.with(till, entry, |search, till| search.goods(till, next + 1));
        self.goods(till, next + 1);
    }

    /// The sets of what is left of the coupons of the delivery.
    fn delivery(&mut self, till: &mut Till, next: usize) {
        let Some(entry) = self.delivery.get(next).copied() else { return self.weigh(till) };
        let most: u64 = self.delivery[next..].iter().map(|entry| self.table.entries[*entry].alone).sum();
        if !self.may_win(till.total(), most) {
            return;
        }
        self.with(till, entry, |search, till| search.delivery(till, next + 1));
        self.delivery(till, next + 1);
    }

    /// Whether as much may be saved as with the best set, where so much is left and so much more may be saved.
    fn may_win(&self, left: u64, most: u64) -> bool {
        self.best.as_ref().is_none_or(|(total, _)| left.saturating_sub(most) <= *total)
    }

    /// With that coupon too, if it applies.
    fn with(&mut self, till: &mut Till, entry: usize, then: impl FnOnce(&mut Self, &mut Till)) {
        if self.set.len() == CHOSEN_MAX {
            return;
        }
        let mark = till.mark();
        if self.table.apply(till, entry).is_ok() {
            self.set.push(entry);
            then(self, till);
            self.set.pop();
        }
        till.set_back(mark);
    }

    fn weigh(&mut self, till: &Till) {
        let total = till.total();
        let is_better = match &self.best {
            None => true,
            Some((best, set)) => {
                let sizes = || self.set.len().cmp(&set.len());
                let order = total.cmp(best).then_with(sizes).then_with(|| self.by_ends_and_names(set));
                order == Ordering::Less
            }
        };
        if is_better {
            self.best = Some((total, self.set.clone()));
        }
    }

    /// Whose ends come first, from the earliest; then the first by offer id and order of issue.
    fn by_ends_and_names(&self, other: &[usize]) -> Ordering {
        let ends = |set: &[usize]| {
            let end = |entry: &usize| self.table.coupon_of(*entry).filter(|coupon| !coupon.is_code)?.ends;
            let mut ends: Vec<(bool, Option<Instant>)> =
                set.iter().map(end).map(|end| (end.is_none(), end)).collect();
            ends.sort_unstable();
            ends
        };
        let names = |set: &[usize]| {
            let id = |entry: usize| self.table.entries[entry].offer().map(|offer| &offer.id);
            let mut names: Vec<_> =
                set.iter().map(|entry| (id(*entry), name(self.table, *entry), *entry)).collect();
            names.sort_unstable();
            names
        };
        ends(&self.set).cmp(&ends(other)).then_with(|| names(&self.set).cmp(&names(other)))
    }
}
