//! What holds of every order.

use std::collections::BTreeMap;

use domain::{
    number::{Figure, Money, Quantity, Rate},
    offer::{
        Discount, Gives, OfDelivery, Offer,
        price::{Answer, Choose, Coupon, DraftLine, Line, Outcome, Reason, Told, returned::Frozen},
    },
    time::Instant,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use crate::{
    build::{Case, coupon, offer},
    naive,
};

/// An amount of minor units, as it is written.
fn amount(minor: u32) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// What an offer is made of.
#[derive(Clone, Debug)]
struct Made {
    kind: u8,
    amount: u32,
    percent: u32,
    units: (u8, u8, u8, bool),
    items: u8,
    stack: u8,
    limits: u8,
}

fn made(kinds: std::ops::Range<u8>) -> impl Strategy<Value = Made> {
    let seldom = (any::<u8>(), any::<u8>()).prop_map(|(one, other)| one & other);
    let units = (1..4u8, 0..4u8, 0..5u8, any::<bool>());
    let numbers = (kinds, 1..2_500u32, 1..=100u32);
    (numbers, units, seldom.clone(), 0..8u8, seldom).prop_map(|(numbers, units, items, stack, limits)| Made {
        kind: numbers.0,
        amount: numbers.1,
        percent: numbers.2,
        units,
        items,
        stack,
        limits,
    })
}

impl Made {
    fn discount(&self) -> Value {
        let (off, percent) = (amount(self.amount), self.percent.to_string());
        let (of, take, most, dearest) = self.units;
        let mut units = Map::new();
        if take > 0 {
            units.insert("of".to_owned(), of.into());
            units.insert("take".to_owned(), take.min(of).into());
        }
        if most > 0 || take == 0 {
            units.insert("most".to_owned(), most.max(1).into());
        }
        units.insert("from".to_owned(), if dearest { "dearest" } else { "cheapest" }.into());
        match self.kind {
            0 => json!({"unit_price": amount(self.amount / 4)}),
            1 => json!({"percent": percent}),
            2 => json!({"percent": percent, "max": amount(self.amount / 8 + 1)}),
            3 => json!({"amount": off}),
            4 => json!({"percent": percent, "units": units}),
            5 => json!({"amount": amount(self.amount / 4 + 1), "units": units}),
            6 => json!({"delivery": {"percent": percent}}),
            7 => json!({"delivery": "free"}),
            8 => json!({"delivery": {"amount": off}}),
            _ => json!({"steps": [{"from": off, "off": amount(self.amount / 8 + 1)},
                {"from": amount(self.amount * 2), "off": amount(self.amount / 4 + 2)}]}),
        }
    }

    fn offer(&self, id: &str, how: &str) -> Offer {
        let has = |bit: u8| self.items & (1 << bit) != 0;
        let mut items = Map::new();
        let mut put = |on: bool, name: &str, value: Value| {
            if on {
                items.insert(name.to_owned(), value);
            }
        };
        put(has(0), "skus", json!(["a", "b"]));
        put(has(1), "categories", json!(["x"]));
        put(has(2), "excluded_skus", json!(["c"]));
        put(has(3), "minimum", amount(self.amount).into());
        put(has(4), "minimum_quantity", 3.into());
        put(has(5) && self.kind > 0, "not_priced", true.into());
        put(has(6) && (6..9).contains(&self.kind), "minimum_on", "net".into());
        put(has(6) && (6..9).contains(&self.kind), "minimum", amount(self.amount).into());
        let mut beside = Map::new();
        beside.insert("items".to_owned(), items.into());
        match self.stack {
            0 => {}
            1 if self.kind > 0 => {
                beside.insert("stack".to_owned(), json!({"group": "g1", "with": ["g2", "price"]}));
            }
            2 if self.kind > 0 => {
                beside.insert("stack".to_owned(), json!({"group": "g2", "with": ["g1", id]}));
            }
            _ => {
                beside.insert("stack".to_owned(), json!({"with": "all"}));
            }
        }
        if self.limits & 1 != 0 {
            beside.insert("uses".to_owned(), json!({"total": self.limits % 5}));
        }
        if self.limits & 2 != 0 {
            beside.insert("budget".to_owned(), json!({"total": amount(self.amount / 2)}));
        }
        if self.limits & 4 != 0 && how != "issue" {
            beside.insert("per_member".to_owned(), json!({"n": 1 + self.limits % 3, "per": "ever"}));
        }
        offer(id, how, json!({"discount": self.discount()}), beside.into())
    }
}

fn lines() -> impl Strategy<Value = Vec<DraftLine>> {
    let quantity = prop_oneof![4 => (1..6u64).prop_map(|pieces| pieces * 1_000), 1 => 1..2_500u64];
    let line = (0..3usize, 0..3usize, quantity, prop_oneof![9 => 0..6_000u64, 1 => Just(0u64)]);
    vec(line, 1..6).prop_map(|lines| {
        let line =
            |(index, (sku, category, quantity, amount)): (usize, (usize, usize, u64, u64))| DraftLine {
                line_id: domain::id::OrderLineId::of_checked(&index.to_string()),
                sku: Some(["a", "b", "c"][sku].to_owned()),
                category: ["x", "y", ""]
                    .get(category)
                    .filter(|name| !name.is_empty())
                    .map(|name| (*name).to_owned()),
                quantity: Quantity(quantity),
                amount: Money(amount),
            };
        lines.into_iter().enumerate().map(line).collect()
    })
}

/// An order with its offers.
#[derive(Clone, Debug)]
struct Order {
    lines: Vec<DraftLine>,
    delivery: Option<u64>,
    autos: Vec<Offer>,
    coupons: Vec<Offer>,
    most: Option<u32>,
}

impl Order {
    fn case(&self) -> Case<'_> {
        let mut case = Case::new(&self.lines, &self.autos, &self.coupons);
        case.delivery = self.delivery.map(Money);
        case.offers.max_discount_percent = self.most.and_then(|most| Rate::parse(&most.to_string()));
        case
    }
}

fn order(coupons: std::ops::Range<usize>) -> impl Strategy<Value = Order> {
    // Discounts that come by themselves, and coupons; of these no unit prices and no steps less often.
    let offers = (vec(made(0..10), 0..5), vec(made(0..1), 0..3), vec(made(1..9), coupons));
    let most = proptest::option::weighted(0.2, 1..100u32);
    let delivery = proptest::option::of(0..1_500u64);
    (lines(), delivery, offers, most).prop_map(|(lines, delivery, (autos, units, coupons), most)| {
        let autos = autos.iter().chain(&units).enumerate();
        let autos = autos.map(|(index, made)| made.offer(&format!("auto-{}", 9 - index), "auto")).collect();
        let coupons = coupons.iter().enumerate().map(|(index, made)| {
            let (id, how) =
                (format!("coupon-{}", (index * 5) % 7), if index % 3 == 2 { "code" } else { "issue" });
            made.offer(&id, how)
        });
        Order { lines, delivery, autos, coupons: coupons.collect(), most }
    })
}

fn taken(told: &Told) -> u64 {
    match told.outcome {
        Outcome::Taken { amount, .. } | Outcome::Units { amount, .. } => amount.0,
        Outcome::Pieces { .. } | Outcome::Not(_) => 0,
    }
}

/// Sums agree, in whatever way they are told.
fn adds_up(case: &Case<'_>, answer: &Answer) {
    let (mut before, mut nets, mut by_units) = (0, 0, 0);
    let mut shares: BTreeMap<(String, Option<usize>), u64> = BTreeMap::new();
    let mut add = |share: &domain::offer::price::Share| {
        assert!(share.amount.0 > 0, "no share is 0");
        *shares.entry((share.by.offer.to_string(), share.by.coupon)).or_default() += share.amount.0;
    };
    for (line, sent) in answer.lines.iter().zip(&case.lines) {
        let Line::Priced(line) = line else { continue };
        assert_eq!(line.amount, sent.amount);
        let off: u64 = line.discounts.iter().map(|share| share.amount.0).sum();
        assert_eq!(line.price.0, line.net.0 + off, "{line:?}");
        assert!(line.price <= line.amount);
        line.discounts.iter().for_each(&mut add);
        (before, nets, by_units) =
            (before + line.amount.0, nets + line.net.0, by_units + line.amount.0 - line.price.0);
    }
    if let Some(delivery) = &answer.delivery {
        let off: u64 = delivery.discounts.iter().map(|share| share.amount.0).sum();
        assert_eq!(delivery.amount.0, delivery.net.0 + off);
        delivery.discounts.iter().for_each(&mut add);
        (before, nets) = (before + delivery.amount.0, nets + delivery.net.0);
    }
    assert_eq!((answer.total.0, answer.total.0 + answer.saved.0), (nets, before));
    let told: Vec<&Told> = answer.offers.iter().chain(&answer.coupons).collect();
    for told in &told {
        if let Outcome::Taken { base, amount, .. } = told.outcome {
            let key = (case.offer_of(told).id.to_string(), told.coupon);
            assert_eq!(shares.remove(&key), Some(amount.0), "shares of {told:?}");
            assert!(amount <= base && amount.0 > 0);
        }
    }
    assert!(shares.is_empty(), "shares of what is not told: {shares:?}");
    let units = told.iter().filter(|told| matches!(told.outcome, Outcome::Units { .. }));
    assert_eq!(units.map(|told| taken(told)).sum::<u64>(), by_units);
    assert_eq!(told.iter().map(|told| taken(told)).sum::<u64>(), answer.saved.0);
}

/// Nobody takes more of an offer than it has.
fn keeps_limits(case: &Case<'_>, answer: &Answer) {
    let mut used: BTreeMap<&str, (u64, u64, &Offer)> = BTreeMap::new();
    for told in answer.offers.iter().chain(&answer.coupons) {
        let uses = match told.outcome {
            Outcome::Units { quantity, .. } | Outcome::Pieces { quantity } => quantity,
            Outcome::Taken { .. } => 1,
            Outcome::Not(_) => continue,
        };
        let offer = case.offer_of(told);
        let own = used.entry(offer.id.as_str()).or_insert((0, 0, offer));
        *own = (own.0 + uses, own.1 + taken(told), offer);
    }
    for (id, (uses, amount, offer)) in used {
        assert!(offer.uses.total.is_none_or(|most| uses <= most.get()), "{id}: {uses} uses");
        assert!(offer.per_member.is_none_or(|most| uses <= most.n.into()), "{id}: {uses} of one member");
        assert!(offer.budget.is_none_or(|most| amount <= most.0), "{id}: {amount}");
    }
}

/// Why a coupon cannot be used whatever else applies, if so.
fn before_amounts(told: &Told) -> Option<&Reason> {
    match &told.outcome {
        Outcome::Not(Reason::ExcludedBy { .. } | Reason::NoEffect | Reason::NotChosen) => None,
        Outcome::Not(reason) => Some(reason),
        Outcome::Units { .. } | Outcome::Taken { .. } | Outcome::Pieces { .. } => None,
    }
}

/// The order in which the best are tried, written down again.
fn rank(coupon: &Coupon<'_>) -> (u8, String, bool, u64) {
    let offer = coupon.judged.unwrap().offer;
    let kind = match &offer.gives {
        Gives::Discount(Discount::Percent { max, .. }) => u8::from(max.is_some()),
        Gives::Discount(Discount::Delivery(OfDelivery::Percent(_))) => 0,
        _ => 2,
    };
    (kind, offer.id.to_string(), coupon.is_code, if coupon.is_code { 0 } else { coupon.issued })
}

/// By trying every set: what is left to pay with the best, and its coupons.
fn best_of_all(case: &Case<'_>) -> (u64, Vec<usize>) {
    let mut order: Vec<usize> = (0..case.coupons.len()).collect();
    order.sort_by_key(|place| rank(&case.coupons[*place]));
    let mut sets = Vec::new();
    for bits in 0..1u32 << order.len() {
        let set: Vec<usize> = order.iter().copied().filter(|place| bits & (1 << place) != 0).collect();
        let coupons = set.iter().map(|place| case.coupons[*place]).collect();
        let answer = Case { coupons, choose: Choose::Listed, ..case.clone() }.answer();
        if answer.coupons.iter().all(|told| matches!(told.outcome, Outcome::Taken { .. })) {
            let end = |place: &usize| case.coupons[*place].ends.map_or(i64::MAX, |ends| ends.0);
            let mut ends: Vec<i64> = set.iter().map(end).collect();
            ends.sort_unstable();
            let name = |place: &usize| {
                let (_, id, is_code, issued) = rank(&case.coupons[*place]);
                (id, is_code, issued, *place)
            };
            let mut names: Vec<_> = set.iter().map(name).collect();
            names.sort();
            sets.push(((answer.total.0, set.len(), ends, names), set));
        }
    }
    let ((total, ..), set) = sets.into_iter().min().unwrap();
    (total, set)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Also against a second evaluation, and in whatever order the coupons are listed.
    #[test]
    fn an_order_adds_up_and_is_what_a_naive_evaluation_finds(order in order(0..6), turn in 0..6usize) {
        let case = order.case();
        let answer = case.answer();
        adds_up(&case, &answer);
        keeps_limits(&case, &answer);
        naive::check(&case, &answer);
        let mut turned = case.clone();
        let count = turned.coupons.len();
        turned.coupons.rotate_left(turn.min(count));
        let other = turned.answer();
        for told in &answer.coupons {
            let waits = case.offer_of(told).items.minimum_on_net;
            let place = (told.coupon.unwrap() + count - turn.min(count)) % count;
            let same = other.coupons.iter().find(|other| other.coupon == Some(place)).unwrap();
            prop_assert!(waits || before_amounts(told) == before_amounts(same), "{told:?} {same:?}");
        }
    }

    /// Also of amounts and quantities as large as they may be, in which no unit is counted by itself.
    #[test]
    fn large_orders_add_up(order in order(0..6), large in vec((1..Figure::MAX / 8, 1..Figure::MAX), 5)) {
        let mut case = order.case();
        for (line, (amount, pieces)) in case.lines.iter_mut().zip(large) {
            // The same order of magnitude now and then, so that units cost some cents.
            let pieces = if pieces % 3 == 0 { amount / (1 + pieces % 900) + 1 } else { pieces };
            (line.amount, line.quantity) = (Money(amount), Quantity(pieces * 1_000));
        }
        let answer = case.answer();
        adds_up(&case, &answer);
        keeps_limits(&case, &answer);
    }

    /// Two coupons of one offer take of the same.
    #[test]
    fn two_of_one_offer_pass_no_limit(order in order(1..4), again in 0..4usize) {
        let mut case = order.case();
        let more = case.coupons[again % case.coupons.len()];
        case.coupons.push(more);
        let answer = case.answer();
        adds_up(&case, &answer);
        keeps_limits(&case, &answer);
    }

    /// The best are those of all sets that save most.
    #[test]
    fn the_best_are_those_of_every_set(order in order(0..6), ends in vec(proptest::option::of(0..3i64), 7), twice in any::<bool>()) {
        let mut case = order.case();
        if let Some(first) = case.coupons.first().copied().filter(|_| twice) {
            case.coupons.push(first);
        }
        for (place, own) in case.coupons.iter_mut().enumerate() {
            own.issued = (place as u64 * 3) % 7;
            own.ends = ends[place].filter(|_| !own.is_code).map(Instant);
        }
        let (total, set) = best_of_all(&case);
        case.choose = Choose::Best;
        let answer = case.answer();
        adds_up(&case, &answer);
        let chosen: Vec<usize> = answer.coupons.iter().take_while(|told| matches!(told.outcome, Outcome::Taken { .. })).map(|told| told.coupon.unwrap()).collect();
        prop_assert_eq!((answer.total.0, chosen), (total, set));
        prop_assert_eq!(answer.coupons.len(), case.coupons.len());
    }

    /// What comes back in parts is the whole.
    #[test]
    fn parts_add_up_to_the_whole(figure in 0..1u64 << 53, quantity in 1..1u64 << 40, cuts in vec(0..1u64 << 40, 0..6)) {
        let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut % quantity).chain([0, quantity]).collect();
        cuts.sort_unstable();
        let mut back = 0;
        for cut in cuts.windows(2) {
            let line = Frozen { quantity: Quantity(quantity), gone: Quantity(cut[0]) };
            back += line.back(Money(figure), Quantity(cut[1] - cut[0])).unwrap().0;
        }
        prop_assert_eq!(back, figure);
    }
}

/// Offers as short as they are generated can be read.
#[test]
fn every_kind_can_be_made() {
    for kind in 0..10 {
        let made =
            Made { kind, amount: 900, percent: 7, units: (3, 1, 2, true), items: 8, stack: 4, limits: 7 };
        let offer = made.offer("x", "auto");
        assert!(coupon(&offer).is_listed);
    }
}
