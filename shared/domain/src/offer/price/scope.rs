//! Of which lines, and which parts of them, an offer takes something: judged once, on the prices after step 2.

use super::{
    DraftLine,
    exact::{Off, Part},
    units::{self, Class, PricedLine},
};
use crate::offer::{Discount, Gives, OfDelivery, Offer, Units};

/// What an offer is about.
#[derive(Clone, Default, Debug)]
pub(super) struct Scope {
    /// What matches, which is tested: parts of lines, in their order.
    pub(super) matched: Vec<Part>,
    /// How many thousandths match.
    pub(super) quantity: u128,
    /// What it takes something of; empty where it takes of all that matches.
    chosen: Vec<Part>,
    /// The units that it takes something of, each.
    units: Vec<(u64, Part)>,
    takes_units: bool,
}

impl Scope {
    /// What the offer is about, of the lines that it matches.
    pub(super) fn of(offer: &Offer, lines: &[DraftLine], priced: &[PricedLine], matching: &[usize]) -> Scope {
        let units = units_of(offer);
        let mut scope = Scope { takes_units: units.is_some(), ..Scope::default() };
        let mut counted: Vec<(usize, &Class, u64)> = Vec::new();
        for index in matching.iter().copied() {
            let (line, own) = (&lines[index], &priced[index]);
            let pieces = own.pieces.filter(|pieces| *pieces > 0);
            if units.is_some() && pieces.is_none() {
                continue;
            }
            let part = if offer.items.not_priced {
                own.listed(index, line)
            } else {
                Some((Part::whole(index), u128::from(line.quantity.0)))
            };
            let Some((part, quantity)) = part else { continue };
            scope.matched.push(part);
            scope.quantity += quantity;
            if let (Some(_), Some(pieces)) = (units, pieces) {
                let classes =
                    own.classes.iter().filter(|class| !offer.items.not_priced || class.auto.is_none());
                counted.extend(classes.map(|class| (index, class, pieces)));
            }
        }
        if let Some(units) = units {
            scope.choose(units, counted, priced);
        }
        scope
    }

    /// Chooses the cheapest units, or the dearest; of equal ones the earlier line's.
    fn choose(&mut self, units: Units, mut counted: Vec<(usize, &Class, u64)>, priced: &[PricedLine]) {
        let matching: u128 = counted.iter().map(|(_, class, _)| u128::from(class.count)).sum();
        let all = match units.of {
            // As many as the units of 200 lines at most.
            Some(of) => matching / u128::from(of.max(1)) * u128::from(units.take),
            None => matching,
        };
        let mut left = units.most.map_or(all, |most| all.min(most.into()));
        counted.sort_by(|one, other| {
            let order = units::by_price((one.1, one.2), (other.1, other.2));
            if units.dearest { order.reverse() } else { order }
        });
        let mut taken: Vec<(usize, u64, u128)> = Vec::new();
        for (index, class, _) in counted {
            let count = left.min(class.count.into());
            left -= count;
            // No more than the class has.
            let count = u64::try_from(count).unwrap_or(class.count);
            if count > 0 {
                taken.push((index, count, class.weight));
            }
        }
        taken.sort_by_key(|(index, ..)| *index);
        self.units = taken
            .iter()
            .map(|(index, count, weight)| (*count, priced[*index].part(*index, 1, *weight)))
            .collect();
        for of_line in taken.chunk_by(|one, other| one.0 == other.0) {
            let index = of_line[0].0;
            let weight = of_line.iter().map(|(_, count, weight)| u128::from(*count) * weight).sum();
            self.chosen.push(priced[index].part(index, 1, weight));
        }
    }

    /// What the offer takes something of.
    pub(super) fn base(&self) -> &[Part] {
        if self.takes_units { &self.chosen } else { &self.matched }
    }

    /// What the offer takes off goods, where what was tested came to that.
    pub(super) fn off(&self, offer: &Offer, tested: u64) -> Option<Off> {
        let Gives::Discount(discount) = &offer.gives else { return None };
        match discount {
            Discount::Percent { percent, max, .. } => {
                Some(Off::Percent(percent.millionths(), max.map(|max| max.0)))
            }
            Discount::Amount { amount, units: None } => Some(Off::Flat(amount.0)),
            Discount::Amount { amount, units: Some(_) } => Some(Off::Each(amount.0, self.units.clone())),
            Discount::Steps(steps) => {
                let reached = steps.iter().rev().find(|(from, _)| from.0 <= tested);
                reached.map(|(_, off)| Off::Flat(off.0))
            }
            Discount::UnitPrice(_) | Discount::Delivery(_) => None,
        }
    }
}

/// What an offer takes off a delivery.
pub(super) fn off_delivery(of: OfDelivery) -> Off {
    match of {
        OfDelivery::Free => Off::Percent(100_000_000, None),
        OfDelivery::Percent(percent) => Off::Percent(percent.millionths(), None),
        OfDelivery::Amount(amount) => Off::Flat(amount.0),
    }
}

/// The units that an offer is for, if it is for some.
pub(super) fn units_of(offer: &Offer) -> Option<Units> {
    match &offer.gives {
        Gives::Discount(Discount::Percent { units, .. } | Discount::Amount { units, .. }) => *units,
        Gives::Discount(Discount::Steps(_) | Discount::UnitPrice(_) | Discount::Delivery(_))
        | Gives::Item { .. }
        | Gives::Service(_)
        | Gives::Access { .. }
        | Gives::Points { .. } => None,
    }
}
