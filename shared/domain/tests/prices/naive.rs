//! A second evaluation of goods, unit by unit, with fractions that are never reduced: given which offers were used, what
//! each unit costs and what each offer takes of each line.

use std::{cmp::Ordering, collections::BTreeMap};

use domain::{
    number::Money,
    offer::{
        Discount, Gives, How, Offer, Units, With,
        price::{Answer, DraftLine, Judged, Line, Outcome, Priced, Reason, Told},
    },
};
use num_bigint::BigInt;

use crate::build::{Case, is_of_goods};

/// A fraction; the denominator is above 0.
#[derive(Clone, Debug)]
struct Ratio(BigInt, BigInt);

impl Ratio {
    fn of(above: impl Into<BigInt>, below: impl Into<BigInt>) -> Ratio {
        Ratio(above.into(), below.into())
    }

    fn whole(number: u64) -> Ratio {
        Ratio::of(number, 1)
    }

    fn plus(&self, other: &Ratio) -> Ratio {
        Ratio(&self.0 * &other.1 + &other.0 * &self.1, &self.1 * &other.1)
    }

    fn minus(&self, other: &Ratio) -> Ratio {
        Ratio(&self.0 * &other.1 - &other.0 * &self.1, &self.1 * &other.1)
    }

    fn times(&self, other: &Ratio) -> Ratio {
        Ratio(&self.0 * &other.0, &self.1 * &other.1)
    }

    /// Nothing of nothing.
    fn over(&self, other: &Ratio) -> Ratio {
        if other.0 == BigInt::ZERO { Ratio::whole(0) } else { Ratio(&self.0 * &other.1, &self.1 * &other.0) }
    }

    fn sum<'a>(parts: impl IntoIterator<Item = &'a Ratio>) -> Ratio {
        parts.into_iter().fold(Ratio::whole(0), |sum, part| sum.plus(part))
    }

    fn compare(&self, other: &Ratio) -> Ordering {
        (&self.0 * &other.1).cmp(&(&other.0 * &self.1))
    }

    fn least(self, other: Ratio) -> Ratio {
        if self.compare(&other) == Ordering::Greater { other } else { self }
    }

    fn floor(&self) -> u64 {
        u64::try_from(&self.0 / &self.1).unwrap()
    }

    fn half_up(&self) -> u64 {
        self.plus(&Ratio::of(1, 2)).floor()
    }
}

/// By largest remainder, ties to the earlier.
fn split(total: u64, weights: &[Ratio]) -> Vec<u64> {
    let sum = Ratio::sum(weights);
    let exact: Vec<Ratio> =
        weights.iter().map(|weight| weight.times(&Ratio::whole(total)).over(&sum)).collect();
    let mut shares: Vec<u64> = exact.iter().map(Ratio::floor).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let rest = |place: &usize| exact[*place].minus(&Ratio::whole(exact[*place].floor()));
    order.sort_by(|one, other| rest(other).compare(&rest(one)));
    let left = total.saturating_sub(shares.iter().sum());
    for place in order.into_iter().take(usize::try_from(left).unwrap()) {
        shares[place] += 1;
    }
    shares
}

/// A unit, or a quantity that is not whole.
#[derive(Clone)]
struct Unit {
    price: Ratio,
    by: Option<String>,
}

struct Row<'a> {
    line: &'a DraftLine,
    units: Vec<Unit>,
    left: u64,
    taken: Vec<(String, Option<usize>, u64)>,
}

impl Row<'_> {
    fn is_whole(&self) -> bool {
        self.line.quantity.pieces().is_some()
    }

    /// What of that figure the unit is.
    fn part(&self, unit: &Unit, figure: u64) -> Ratio {
        let all = Ratio::sum(self.units.iter().map(|unit| &unit.price));
        Ratio::whole(figure).times(&unit.price).over(&all)
    }
}

fn matches(offer: &Offer, line: &DraftLine) -> bool {
    let items = &offer.items;
    let has = |list: &Option<Vec<String>>, own: &Option<String>| {
        list.as_ref().is_some_and(|list| own.as_ref().is_some_and(|own| list.contains(own)))
    };
    let all = items.categories.is_none() && items.skus.is_none();
    let out = |list: &Vec<String>, own: &Option<String>| own.as_ref().is_some_and(|own| list.contains(own));
    (all || has(&items.categories, &line.category) || has(&items.skus, &line.sku))
        && !out(&items.excluded_categories, &line.category)
        && !out(&items.excluded_skus, &line.sku)
}

fn priced(answer: &Answer) -> impl Iterator<Item = &Priced> {
    answer.lines.iter().filter_map(|line| match line {
        Line::Priced(priced) => Some(priced),
        Line::Blocked { .. } => None,
    })
}

/// What differs between the answer and what this finds.
pub(crate) fn check(case: &Case<'_>, answer: &Answer) {
    let mut rows = price_units(case, answer);
    for (row, told) in rows.iter().zip(priced(answer)) {
        assert_eq!(row.left, told.price.0, "price of {}", told.line_id);
    }
    let sum: u64 = rows.iter().map(|row| row.left).sum();
    let most = case
        .offers
        .max_discount_percent
        .map(|percent| Ratio::whole(sum).times(&Ratio::of(percent.millionths(), 100_000_000u64)).half_up());
    let prices: Vec<u64> = rows.iter().map(|row| row.left).collect();
    check_stacking(case, answer, &rows, &prices, most);
    let step = |told: &Told| {
        let offer = case.offer_of(told);
        (told.coupon.is_some(), matches!(offer.gives, Gives::Discount(Discount::Steps(_))))
    };
    let goods = |told: &&Told| told.offer.is_some() && is_of_goods(case.offer_of(told));
    let mut offers: Vec<&Told> = answer.offers.iter().filter(goods).collect();
    offers.sort_by_key(|told| step(told));
    let mut taken = 0;
    for told in offers.into_iter().chain(answer.coupons.iter().filter(goods)) {
        check_minimum(case, &rows, &prices, told);
        if let Outcome::Taken { base, amount, trimmed } = told.outcome {
            let (own_base, wanted, weights) = take(case.offer_of(told), &rows, &prices);
            let own = most.map_or(wanted, |most| wanted.min(most - taken));
            assert_eq!((base.0, amount.0, trimmed), (own_base, own, own < wanted), "{told:?}");
            for (row, share) in rows.iter_mut().zip(split(own, &weights)) {
                row.left -= share;
                if share > 0 {
                    row.taken.push((case.offer_of(told).id.to_string(), told.coupon, share));
                }
            }
            taken += own;
        }
    }
    for (row, told) in rows.iter().zip(priced(answer)) {
        let shares = told.discounts.iter();
        let shares: Vec<_> =
            shares.map(|share| (share.by.offer.to_string(), share.by.coupon, share.amount.0)).collect();
        assert_eq!((row.left, &row.taken), (told.net.0, &shares), "line {}", told.line_id);
    }
}

/// Step 2, one unit after the other.
fn price_units<'a>(case: &'a Case<'_>, answer: &Answer) -> Vec<Row<'a>> {
    let usable = |judged: &&Judged<'_>| {
        let told =
            answer.offers.iter().find(|told| told.offer.as_ref().is_some_and(|own| own.0 == judged.offer.id));
        let outcome = told.map(|told| &told.outcome);
        matches!(judged.offer.gives, Gives::Discount(Discount::UnitPrice(_)))
            && matches!(outcome, Some(Outcome::Units { .. } | Outcome::Not(Reason::NoEffect)))
    };
    let offers: Vec<&Judged<'_>> = case.autos.iter().filter(usable).collect();
    let left = |judged: &Judged<'_>| {
        judged.member.map_or(u64::MAX, |own| own.left).min(judged.uses.unwrap_or(u64::MAX))
    };
    let mut left: Vec<u64> = offers.iter().map(|judged| left(judged)).collect();
    let mut saved: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut rows = Vec::new();
    for line in &case.lines {
        let pieces = line.quantity.pieces();
        let list = Ratio::of(line.amount.0, pieces.unwrap_or(1));
        let size = if pieces.is_some() { Ratio::whole(1) } else { Ratio::of(line.quantity.0, 1_000) };
        let mut units = Vec::new();
        for _ in 0..pieces.unwrap_or(1) {
            let mut best: (Ratio, (u8, &str), Option<usize>) = (list.clone(), (0, ""), None);
            for (place, judged) in offers.iter().enumerate() {
                let Gives::Discount(Discount::UnitPrice(price)) = &judged.offer.gives else { unreachable!() };
                let price = Ratio::whole(price.0).times(&size);
                let rank = (1 + u8::from(judged.offer.uses.total.is_some()), judged.offer.id.as_str());
                let is_less = price.compare(&best.0).then(rank.cmp(&best.1)) == Ordering::Less;
                if is_less && left[place] > 0 && matches(judged.offer, line) {
                    best = (price, rank, Some(place));
                }
            }
            left.iter_mut()
                .enumerate()
                .filter(|(place, _)| Some(*place) == best.2)
                .for_each(|(_, left)| *left -= 1);
            units.push(Unit { price: best.0, by: best.2.map(|place| offers[place].offer.id.to_string()) });
        }
        let price = Ratio::sum(units.iter().map(|unit| &unit.price)).half_up();
        let mut by: BTreeMap<&String, (u64, Ratio)> = BTreeMap::new();
        for unit in &units {
            let Some(id) = &unit.by else { continue };
            let own = by.entry(id).or_insert((0, Ratio::whole(0)));
            *own = (own.0 + 1, own.1.plus(&list.minus(&unit.price)));
        }
        let weights: Vec<Ratio> = by.values().map(|own| own.1.clone()).collect();
        for ((id, (count, _)), share) in by.iter().zip(split(line.amount.0 - price, &weights)) {
            let own = saved.entry((*id).clone()).or_default();
            *own = (own.0 + count, own.1 + share);
        }
        rows.push(Row { line, units, left: price, taken: Vec::new() });
    }
    for told in &answer.offers {
        if let Outcome::Units { quantity, amount } = told.outcome {
            let id = told.offer.as_ref().unwrap().0.as_str();
            assert_eq!(saved.remove(id), Some((quantity, amount.0)), "{id}");
        }
    }
    assert!(saved.is_empty(), "not told: {saved:?}");
    check_prices(&rows, answer);
    rows
}

/// The units that offers made cheaper are told, as they were taken.
fn check_prices(rows: &[Row<'_>], answer: &Answer) {
    for (row, told) in rows.iter().zip(priced(answer)) {
        let mut own: Vec<(&str, u64)> = Vec::new();
        for id in row.units.iter().filter_map(|unit| unit.by.as_deref()) {
            match own.last_mut().filter(|last| last.0 == id) {
                Some(last) => last.1 += 1,
                None => own.push((id, 1)),
            }
        }
        let told: Vec<(&str, u64)> = told.prices.iter().map(|at| (at.offer.as_str(), at.quantity)).collect();
        assert_eq!(own, told);
    }
}

/// The units that match: of which line, and the unit.
fn matching<'r>(offer: &Offer, rows: &'r [Row<'_>]) -> Vec<(usize, &'r Unit)> {
    let of_units = units(offer).is_some();
    let mut found = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if matches(offer, row.line) && (row.is_whole() || !of_units) {
            let units = row.units.iter().filter(|unit| !offer.items.not_priced || unit.by.is_none());
            found.extend(units.map(|unit| (index, unit)));
        }
    }
    found
}

fn units(offer: &Offer) -> Option<Units> {
    match &offer.gives {
        Gives::Discount(Discount::Percent { units, .. } | Discount::Amount { units, .. }) => *units,
        _ => None,
    }
}

/// The base, the amount before it is trimmed, and what of the base is each line's.
fn take(offer: &Offer, rows: &[Row<'_>], prices: &[u64]) -> (u64, u64, Vec<Ratio>) {
    let mut chosen = matching(offer, rows);
    let tested: Vec<Ratio> =
        chosen.iter().map(|(index, unit)| rows[*index].part(unit, prices[*index])).collect();
    if let Some(units) = units(offer) {
        let count = chosen.len() as u64;
        let count = units.of.map_or(count, |of| count / of * units.take).min(units.most.unwrap_or(u64::MAX));
        chosen.sort_by(|one, other| {
            let order = one.1.price.compare(&other.1.price);
            let order = if units.dearest { order.reverse() } else { order };
            order.then(one.0.cmp(&other.0))
        });
        chosen.truncate(usize::try_from(count).unwrap());
    }
    let parts: Vec<(usize, Ratio)> =
        chosen.iter().map(|(index, unit)| (*index, rows[*index].part(unit, rows[*index].left))).collect();
    let base = Ratio::sum(parts.iter().map(|(_, part)| part));
    let amount = match &offer.gives {
        Gives::Discount(Discount::Percent { percent, max, .. }) => {
            let amount = base.times(&Ratio::of(percent.millionths(), 100_000_000u64)).half_up();
            amount.min(max.map_or(u64::MAX, |max| max.0))
        }
        Gives::Discount(Discount::Amount { amount, units: None }) => amount.0,
        Gives::Discount(Discount::Amount { amount, units: Some(_) }) => {
            let each: Vec<Ratio> =
                parts.iter().map(|(_, part)| part.clone().least(Ratio::whole(amount.0))).collect();
            Ratio::sum(&each).half_up()
        }
        Gives::Discount(Discount::Steps(steps)) => {
            let tested = Money(Ratio::sum(&tested).floor());
            let reached = steps.iter().filter(|(from, _)| *from <= tested);
            reached.max_by_key(|(from, _)| *from).unwrap().1.0
        }
        _ => unreachable!("of goods alone"),
    };
    let of_line =
        |index: usize| Ratio::sum(parts.iter().filter(|(line, _)| *line == index).map(|(_, part)| part));
    (base.floor(), amount.min(base.floor()), (0..rows.len()).map(of_line).collect())
}

/// What is used reaches its minimum, and what is below it misses as much as is told.
fn check_minimum(case: &Case<'_>, rows: &[Row<'_>], prices: &[u64], told: &Told) {
    let offer = case.offer_of(told);
    let found = matching(offer, rows);
    let tested: Vec<Ratio> =
        found.iter().map(|(index, unit)| rows[*index].part(unit, prices[*index])).collect();
    let tested = Ratio::sum(&tested).floor();
    let lowest = match &offer.gives {
        Gives::Discount(Discount::Steps(steps)) => steps.iter().map(|(from, _)| from.0).min(),
        _ => None,
    };
    let minimum = offer.items.minimum.map(|minimum| minimum.0).max(lowest).unwrap_or(0);
    let size = |(index, _): &(usize, &Unit)| {
        let line = rows[*index].line;
        line.quantity.pieces().map_or(line.quantity.0, |_| 1_000)
    };
    let quantity: u64 = found.iter().map(size).sum();
    let wanted =
        offer.items.minimum_quantity.max(units(offer).and_then(|units| units.of)).unwrap_or(0) * 1_000;
    let missing = (minimum.saturating_sub(tested), wanted.saturating_sub(quantity));
    match &told.outcome {
        Outcome::Taken { .. } => assert_eq!(missing, (0, 0), "{told:?}"),
        Outcome::Not(Reason::BelowMinimum { missing: amount, missing_quantity }) => {
            let own = (amount.unwrap_or_default().0, missing_quantity.unwrap_or_default().0);
            assert_eq!(own, missing, "{told:?}");
        }
        _ => {}
    }
    assert!(offer.how != How::Claim);
}

/// Whether the one names the other.
fn names(one: &Offer, other: &Offer) -> bool {
    match &one.stack.with {
        With::All => true,
        With::Named(names) => {
            names.iter().any(|name| Some(name) == group(other).as_ref() || other.id == **name)
        }
    }
}

fn group(offer: &Offer) -> Option<String> {
    if is_unit_price(offer) { Some("price".to_owned()) } else { offer.stack.group.clone() }
}

fn is_unit_price(offer: &Offer) -> bool {
    matches!(offer.gives, Gives::Discount(Discount::UnitPrice(_)))
}

/// Of goods: the smallest id of those with which it does not combine.
fn conflict(own: &Offer, others: &[&Offer]) -> Option<Reason> {
    let conflicts = others.iter().filter(|other| {
        let apart = own.items.not_priced && is_unit_price(other);
        let same = group(own).is_some() && group(own) == group(other);
        !apart && (same || !names(own, other) || !names(other, own))
    });
    conflicts.map(|other| other.id.clone()).min().map(|by| Reason::ExcludedBy { by })
}

/// Which of the discounts of goods that may be used are used together.
fn check_stacking(case: &Case<'_>, answer: &Answer, rows: &[Row<'_>], prices: &[u64], most: Option<u64>) {
    let may_be_used = |told: &&Told| {
        is_of_goods(case.offer_of(told))
            && matches!(
                told.outcome,
                Outcome::Taken { .. } | Outcome::Not(Reason::ExcludedBy { .. } | Reason::NoEffect)
            )
    };
    let is_used = |told: &&&Told| matches!(told.outcome, Outcome::Units { .. } | Outcome::Taken { .. });
    let of_units = answer.offers.iter().filter(|told| matches!(told.outcome, Outcome::Units { .. }));
    let mut staying: Vec<&Offer> = of_units.map(|told| case.offer_of(told)).collect();
    let alone = |told: &Told| {
        let amount = take(case.offer_of(told), rows, prices).1;
        amount.min(most.unwrap_or(u64::MAX))
    };
    let mut autos: Vec<&Told> = answer.offers.iter().filter(may_be_used).collect();
    autos.sort_by_key(|told| (std::cmp::Reverse(alone(told)), &case.offer_of(told).id));
    for told in &autos {
        match conflict(case.offer_of(told), &staying) {
            Some(reason) => assert_eq!(told.outcome, Outcome::Not(reason)),
            None if alone(told) == 0 => assert_eq!(told.outcome, Outcome::Not(Reason::NoEffect)),
            None => staying.push(case.offer_of(told)),
        }
    }
    let stay = |told: &&&Told| staying.iter().any(|offer| offer.id == case.offer_of(told).id);
    assert!(
        autos
            .iter()
            .filter(stay)
            .all(|told| !matches!(told.outcome, Outcome::Not(Reason::ExcludedBy { .. })))
    );
    let all: Vec<&Told> = answer.offers.iter().collect();
    let used = all.iter().filter(is_used).map(|told| case.offer_of(told));
    let mut used: Vec<&Offer> = used.filter(|offer| is_unit_price(offer) || is_of_goods(offer)).collect();
    for told in answer.coupons.iter().filter(may_be_used) {
        match (conflict(case.offer_of(told), &used), &told.outcome) {
            (Some(reason), outcome) => assert_eq!(*outcome, Outcome::Not(reason)),
            (None, Outcome::Taken { .. }) => used.push(case.offer_of(told)),
            (None, outcome) => assert_eq!(*outcome, Outcome::Not(Reason::NoEffect)),
        }
    }
}
