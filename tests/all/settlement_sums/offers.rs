//! Offers that are bought, and given back; and what offers gave, and who bears it.

use std::collections::BTreeMap;

use domain::{
    event::{
        Cancelled, EntryKind, Event, GrantIssued, GrantName, GrantRevoked, Movement, OfferGiven, OfferTaken,
        OfferUsed, UseReversed, UseStep,
    },
    id::{BrandId, MemberId, OfferId, OrderId},
    number::{Money, Rate},
    offer::{Funder, How, grant::HeldBy},
    settlement::{LineKind, Tally, Unfunded, moved},
    time::Instant,
};
use num_bigint::BigInt;

use super::{Dice, event};
/// An offer is bought.
pub(super) fn bought_offer(brand: &BrandId) -> EntryKind {
    EntryKind::GrantIssued(Box::new(GrantIssued {
        name: grant_name(),
        brand: brand.clone(),
        offer: OfferId::of_checked("o"),
        version: 1,
        source: How::Buy,
        pieces: 1,
        quantity: 1,
        valid_from: Instant(0),
        valid_until: None,
        is_used: false,
        asked_as: None,
        reason: None,
        order_id: None,
    }))
}

/// What was paid for an offer is given back, in part or whole.
pub(super) fn given_back(brand: &BrandId, price: Cancelled) -> EntryKind {
    EntryKind::GrantRevoked(Box::new(GrantRevoked {
        name: grant_name(),
        brand: brand.clone(),
        offer: OfferId::of_checked("o"),
        pieces: 1,
        left: 1,
        valid_until: None,
        reason: None,
        price: Some(price),
    }))
}

fn grant_name() -> GrantName {
    GrantName { holder: MemberId([0; 16]), offer: 1, window: 0, number: 1 }
}

/// Who bears each version of each offer, in millionths that add to a million.
pub(super) type Fundings = BTreeMap<(OfferId, u32), Vec<(Funder, Rate)>>;

const OFFERS: [&str; 3] = ["cake", "tenth", "five"];
const VERSIONS: u32 = 3;

pub(super) fn fundings(dice: &mut Dice) -> Fundings {
    let mut fundings = Fundings::new();
    for offer in OFFERS.map(OfferId::of_checked) {
        for version in 1..=VERSIONS {
            let mut funders = vec![Funder::Programme];
            funders.extend(super::BRANDS.map(|brand| Funder::Brand(BrandId::of_checked(brand))));
            while dice.roll(2) == 0 && funders.len() > 1 {
                funders.remove(usize::try_from(dice.roll(funders.len() as u64)).unwrap());
            }
            let (mut left, last) = (1_000_000, funders.pop().unwrap());
            let mut shares: Vec<(Funder, Rate)> = Vec::new();
            for funder in funders {
                let share = [dice.roll(left), left / 3, 1][usize::try_from(dice.roll(3)).unwrap()];
                if share > 0 && share < left {
                    shares.push((funder, rate(share)));
                    left -= share;
                }
            }
            shares.push((last, rate(left)));
            fundings.insert((offer.clone(), version), shares);
        }
    }
    fundings
}

fn rate(millionths: u64) -> Rate {
    Rate::parse(&format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)).unwrap()
}

/// An entry about a use: a first telling, one that takes another's place, or a return. More may come back than was given: a
/// month has what it has.
pub(super) fn used(dice: &mut Dice) -> Event {
    let (brand, by) = (dice.brand(), HeldBy::Order(OrderId::of_checked("1")));
    let part = |dice: &mut Dice| {
        let offer = OfferId::of_checked(OFFERS[usize::try_from(dice.roll(3)).unwrap()]);
        let (version, amount) = (u32::try_from(dice.roll(3)).unwrap() + 1, dice.points().unsigned_abs());
        OfferGiven { offer, version, amount: Money(amount) }
    };
    let parts = |dice: &mut Dice| -> Vec<OfferGiven> { (0..dice.roll(4)).map(|_| part(dice)).collect() };
    // What of limits it takes or gives back settles nothing.
    let taken = |OfferGiven { offer, version, amount }| OfferTaken {
        offer,
        version,
        grant: None,
        pieces: 7,
        uses: 11,
        amount,
    };
    let given: Vec<OfferTaken> = parts(dice).into_iter().map(taken).collect();
    let limits: Vec<OfferTaken> = parts(dice).into_iter().map(taken).collect();
    let kind = match dice.roll(3) {
        0 => EntryKind::UseReversed(Box::new(UseReversed {
            brand,
            by,
            refund_id: None,
            is_whole: false,
            back: parts(dice),
            restored: limits,
        })),
        first => EntryKind::OfferUsed(Box::new(OfferUsed {
            brand,
            by,
            revision: u32::try_from(first).unwrap(),
            total: Money(0),
            saved: Money(0),
            taken: given,
            had: limits,
            back: if first == 1 { Vec::new() } else { parts(dice) },
        })),
    };
    event(Movement::default(), kind)
}

pub(super) fn count(tally: &mut Tally, fundings: &Fundings, event: &Event) {
    let (using, moves) = moved(event).unwrap();
    let funding =
        |offer: &OfferId, version| fundings.get(&(offer.clone(), version)).map(|shares| shares.as_slice());
    tally.give(using, moves.into_iter(), funding).unwrap();
}

/// Where, and the parts with their signs.
fn signed(event: &Event) -> (&BrandId, Vec<(&OfferId, u32, BigInt)>) {
    let minus = |back: &OfferGiven| -BigInt::from(back.amount.0);
    match event.kind.use_step() {
        Some(UseStep::Used(used)) => {
            let taken = used.taken.iter().map(|own| (&own.offer, own.version, own.amount.0.into()));
            let back = used.back.iter().map(|own| (&own.offer, own.version, minus(own)));
            (&used.brand, taken.chain(back).collect())
        }
        Some(UseStep::Reversed(reversed)) => {
            let back = reversed.back.iter().map(|own| (&own.offer, own.version, minus(own)));
            (&reversed.brand, back.collect())
        }
        None => panic!("no use: {:?}", event.kind),
    }
}

/// Given less given back, in millionths of the minor unit, whoever bears it.
pub(super) fn given_in_all(uses: &[Event]) -> BigInt {
    uses.iter().flat_map(|event| signed(event).1).map(|(.., amount)| amount * 1_000_000).sum()
}

/// The lines of both accounts of each pair by plain arithmetic, in millionths of the minor unit.
pub(super) fn plainly(
    fundings: &Fundings,
    uses: &[Event],
) -> BTreeMap<(BrandId, LineKind), (BigInt, BigInt)> {
    let mut lines: BTreeMap<(BrandId, LineKind), (BigInt, BigInt)> = BTreeMap::new();
    for event in uses {
        let (using, parts) = signed(event);
        for (offer, version, amount) in parts {
            for (funder, share) in &fundings[&(offer.clone(), version)] {
                let value = &amount * share.millionths();
                let mut add = |brand: &BrandId, kind| {
                    lines.entry((brand.clone(), kind)).or_default().1 += &value;
                };
                match funder {
                    Funder::Brand(brand) if brand == using => add(using, LineKind::OffersOwn),
                    Funder::Brand(brand) => {
                        add(using, LineKind::OffersUsed(funder.clone()));
                        add(brand, LineKind::OffersBorne(using.clone()));
                    }
                    Funder::Programme => add(using, LineKind::OffersUsed(Funder::Programme)),
                }
            }
        }
    }
    lines.retain(|_, (_, value)| *value != BigInt::ZERO);
    lines
}

#[test]
fn of_a_version_that_nobody_knows_nothing_is_counted() {
    let mut dice = Dice { seed: 1, rolls: 0 };
    let fundings = fundings(&mut dice);
    let event = std::iter::repeat_with(|| used(&mut dice)).find(|event| signed(event).1.len() > 2).unwrap();
    let (using, moves) = moved(&event).unwrap();
    let last = moves.last().unwrap();
    let unknown = Unfunded { offer: last.offer.clone(), version: last.version };
    let known = |offer: &OfferId, version| {
        let place = (offer.clone(), version);
        fundings.get(&place).filter(|_| place != (unknown.offer.clone(), unknown.version)).map(Vec::as_slice)
    };
    let mut tally = Tally::default();
    assert_eq!(tally.give(using, moves.iter().copied(), known), Err(unknown.clone()));
    assert_eq!(tally, Tally::default());
}
