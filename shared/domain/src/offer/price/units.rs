//! Step 2: what each unit costs (会员价, 秒杀). Units are never counted one by one: those of one price are a class.

use std::cmp::Ordering;

use super::{
    DraftLine, Priced,
    exact::{Part, shares_by},
};
use crate::{
    id::OfferId,
    number::{Money, Quantity},
};

/// Units of a line that have one price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Class {
    /// The place of the `auto` offer whose price it is; without one the list price.
    pub(super) auto: Option<usize>,
    /// How many.
    pub(super) count: u64,
    /// The price of one, times the pieces of the line.
    pub(super) weight: u128,
}

/// A line with its unit prices.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct PricedLine {
    /// What the units come to, rounded half up.
    pub(super) price: u64,
    /// How many whole units it has; `None` of a quantity that is not whole, which is one unit.
    pub(super) pieces: Option<u64>,
    /// Its units, as their prices were taken.
    pub(super) classes: Vec<Class>,
    /// Their weights together.
    weight: u128,
}

impl PricedLine {
    /// Which part of the line so many units are, each of that weight.
    pub(super) fn part(&self, line: usize, count: u64, weight: u128) -> Part {
        Part::of(line, u128::from(count) * weight, self.weight)
    }

    /// Which part of the line the units are that no offer has made cheaper; `None` where there are none, and else how
    /// many thousandths they are.
    pub(super) fn listed(&self, index: usize, line: &DraftLine) -> Option<(Part, u128)> {
        let listed = self.classes.iter().find(|class| class.auto.is_none())?;
        if self.classes.len() == 1 {
            return Some((Part::whole(index), line.quantity.0.into()));
        }
        Some((self.part(index, listed.count, listed.weight), u128::from(listed.count) * 1_000))
    }
}

/// Prices of one unit compared: of a class of a line of so many pieces.
pub(super) fn by_price(one: (&Class, u64), other: (&Class, u64)) -> Ordering {
    // Both weights are at most an amount.
    (one.0.weight * u128::from(other.1)).cmp(&(other.0.weight * u128::from(one.1)))
}

/// An offer of a unit price that may be used.
#[derive(Clone, Debug)]
pub(super) struct UnitOffer {
    /// Its place among the `auto` offers.
    pub(super) auto: usize,
    /// What a unit costs.
    pub(super) price: u64,
    /// The lines that it matches, rising.
    pub(super) lines: Vec<usize>,
    /// How many units may have it yet.
    pub(super) left: Option<u64>,
    /// How much it may take.
    pub(super) budget: Option<u64>,
}

/// Lines with their unit prices, and what each offer gave.
#[derive(Clone, Debug)]
pub(super) struct Allotted {
    /// The lines.
    pub(super) lines: Vec<PricedLine>,
    /// Units and what they saved, by the place of the offer in the list that was asked.
    pub(super) given: Vec<(u64, u64)>,
}

/// Gives the units of the lines their prices. `offers` rise in price; of equal ones the one that is to be taken first
/// comes first. `ranks` tell the order of ids: of the offers of one line that saved equally, the first has the odd minor
/// unit. What is blocked costs nothing.
pub(super) fn allot(lines: &[DraftLine], is_open: &[bool], offers: &[&UnitOffer]) -> Allotted {
    let mut left: Vec<Option<u64>> = offers.iter().map(|offer| offer.left).collect();
    let mut given = vec![(0, 0); offers.len()];
    let mut priced = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        if !is_open[index] {
            priced.push(PricedLine::default());
            continue;
        }
        let own = offers.iter().enumerate().filter(|(_, offer)| offer.lines.binary_search(&index).is_ok());
        let own: Vec<(usize, &UnitOffer)> = own.map(|(place, offer)| (place, *offer)).collect();
        let result = match line.quantity.pieces() {
            Some(pieces) => of_pieces(line, pieces, &own, &mut left),
            None => of_weight(line, &own, &mut left),
        };
        share_saving(line, &result, offers, &mut given);
        priced.push(result);
    }
    Allotted { lines: priced, given }
}

/// As many as there are of those that may still be taken.
fn taken(left: &mut Option<u64>, wanted: u64) -> u64 {
    let count = left.map_or(wanted, |left| left.min(wanted));
    *left = left.map(|left| left - count);
    count
}

fn of_pieces(
    line: &DraftLine,
    pieces: u64,
    offers: &[(usize, &UnitOffer)],
    left: &mut [Option<u64>],
) -> PricedLine {
    let amount = u128::from(line.amount.0);
    let (mut classes, mut rest) = (Vec::new(), pieces);
    for (place, offer) in offers {
        // Of one unit at that price, as the amount is of one at list price. Both are below 2^64.
        let weight = u128::from(offer.price) * u128::from(pieces);
        if rest == 0 || weight >= amount {
            break;
        }
        let count = taken(&mut left[*place], rest);
        if count > 0 {
            classes.push(Class { auto: Some(offer.auto), count, weight });
            rest -= count;
        }
    }
    if rest > 0 {
        classes.push(Class { auto: None, count: rest, weight: amount });
    }
    // No unit weighs more than the amount: at most 2^53 each.
    let weight: u128 = classes.iter().map(|class| u128::from(class.count) * class.weight).sum();
    PricedLine { price: half_up(weight, pieces.max(1).into()), pieces: Some(pieces), classes, weight }
}

/// A quantity that is not whole is one unit of that size.
fn of_weight(line: &DraftLine, offers: &[(usize, &UnitOffer)], left: &mut [Option<u64>]) -> PricedLine {
    for (place, offer) in offers {
        // In thousandths of the minor unit.
        let price = u128::from(offer.price) * u128::from(line.quantity.0);
        if price >= u128::from(line.amount.0) * 1_000 {
            break;
        }
        if taken(&mut left[*place], 1) == 1 {
            let class = Class { auto: Some(offer.auto), count: 1, weight: 1 };
            return PricedLine {
                price: half_up(price, 1_000),
                pieces: None,
                classes: vec![class],
                weight: 1,
            };
        }
    }
    let class = Class { auto: None, count: 1, weight: 1 };
    PricedLine { price: line.amount.0, pieces: None, classes: vec![class], weight: 1 }
}

fn half_up(above: u128, below: u128) -> u64 {
    let (whole, rest) = (above / below, above % below);
    let whole = whole + u128::from(rest * 2 >= below);
    // A price is at most the amount of its line.
    u64::try_from(whole).unwrap_or_else(|_| panic!("{whole} is beyond 64 bits"))
}

/// What a line saves is shared over its offers by what each saves, ties by id.
fn share_saving(line: &DraftLine, priced: &PricedLine, offers: &[&UnitOffer], given: &mut [(u64, u64)]) {
    let place = |auto: usize| offers.iter().position(|offer| offer.auto == auto);
    let amount = u128::from(line.amount.0);
    let mut saving: Vec<(usize, &Class)> =
        priced.classes.iter().filter_map(|class| Some((place(class.auto?)?, class))).collect();
    // Offers are known in the order of their ids.
    saving.sort_by_key(|(_, class)| class.auto);
    let weights: Vec<u128> = saving
        .iter()
        .map(|(_, class)| match priced.pieces {
            Some(_) => u128::from(class.count) * (amount - class.weight),
            None => 1,
        })
        .collect();
    let shares = shares_by(line.amount.0 - priced.price, &weights);
    for ((place, class), share) in saving.into_iter().zip(shares) {
        given[place].0 += class.count;
        given[place].1 += share;
    }
}

/// What each offer of a unit price saved of a line of that quantity, when it was priced so: the same shares. `unit_price`
/// is what the offer made a unit cost.
pub fn savings(
    line: &Priced,
    quantity: Quantity,
    unit_price: impl Fn(&OfferId) -> Money,
) -> Vec<(OfferId, Money)> {
    let amount = u128::from(line.amount.0);
    let mut saving: Vec<(&OfferId, u128)> = line
        .prices
        .iter()
        .map(|units| match quantity.pieces() {
            Some(pieces) => {
                let weight = u128::from(unit_price(&units.offer).0) * u128::from(pieces);
                // A unit whose price it made cost more before.
                (&units.offer, u128::from(units.quantity) * amount.saturating_sub(weight))
            }
            None => (&units.offer, 1),
        })
        .collect();
    saving.sort();
    let weights: Vec<u128> = saving.iter().map(|(_, weight)| *weight).collect();
    let shares = shares_by(line.amount.0.saturating_sub(line.price.0), &weights);
    saving.into_iter().zip(shares).map(|((offer, _), share)| (offer.clone(), Money(share))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{id::OrderLineId, offer::price::UnitsAt};

    fn id(place: usize) -> OfferId {
        OfferId::of_checked(&format!("offer-{place}"))
    }

    proptest! {
        /// What a line says afterwards, with the offers' prices, tells the shares that were taken then.
        #[test]
        fn a_line_tells_again_what_each_offer_saved(
            amount in 0..20_000u64,
            quantity in prop_oneof![(1..9u64).prop_map(|pieces| pieces * 1_000), 1..5_000u64],
            offers in prop::collection::vec((0..3_000u64, prop::option::of(0..4u64)), 1..5),
        ) {
            let line = DraftLine {
                line_id: OrderLineId::of_checked("1"),
                sku: None,
                category: None,
                quantity: Quantity(quantity),
                amount: Money(amount),
            };
            let unit = |(auto, (price, left)): (usize, &(u64, Option<u64>))| {
                UnitOffer { auto, price: *price, lines: vec![0], left: *left, budget: None }
            };
            let mut rising: Vec<UnitOffer> = offers.iter().enumerate().map(unit).collect();
            rising.sort_by_key(|offer| offer.price);
            let allotted = allot(&[line], &[true], &rising.iter().collect::<Vec<_>>());
            let own = &allotted.lines[0];
            let prices = own.classes.iter().filter_map(|class| {
                Some(UnitsAt { offer: id(class.auto?), quantity: class.count })
            });
            let priced = Priced {
                line_id: OrderLineId::of_checked("1"),
                amount: Money(amount),
                price: Money(own.price),
                prices: prices.collect(),
                discounts: Vec::new(),
                net: Money(own.price),
            };
            let price = |offer: &OfferId| {
                Money(offers[(0..offers.len()).find(|place| id(*place) == *offer).unwrap()].0)
            };
            let told = savings(&priced, Quantity(quantity), price);
            for (offer, (units, amount)) in rising.iter().zip(&allotted.given) {
                let own = told.iter().find(|(own, _)| *own == id(offer.auto)).map(|(_, saved)| saved.0);
                prop_assert_eq!(own, (*units > 0).then_some(*amount));
            }
        }
    }
}
