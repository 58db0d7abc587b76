//! What offers gave by each line of a use (rewards.md, 5): what they took off it, and what their prices saved of it. So much
//! is owed for it between brands, and comes back with it.

use domain::{
    event::OfferGiven,
    id::OfferId,
    number::{Money, Quantity},
    offer::price::{By, Line, Outcome, Priced, Share, returned::Frozen, savings},
};

use crate::{
    offers::Offers,
    store::{error::Error, records::UseRecord},
};

/// Sums by offer and version.
pub(super) type Given = Vec<OfferGiven>;

/// What offers gave by each line of a use, in the order of the lines.
pub(super) struct Figures(Vec<Given>);

impl Figures {
    /// What they had given for so much of a line of that quantity, of which so much has come back.
    pub(super) fn back(&self, place: usize, frozen: Frozen, coming: Quantity) -> Given {
        let own = self.0.get(place).into_iter().flatten();
        // It was checked that so much remains.
        own.map(|own| {
            let amount = frozen.back(own.amount, coming).unwrap_or_default();
            OfferGiven { amount, ..own.clone() }
        })
        .collect()
    }
}

impl Offers {
    /// What offers gave by each line of a use. A line tells how many units had which offer's price, and the version of the
    /// offer what that is.
    pub(super) async fn figures(&self, record: &UseRecord) -> Result<Figures, Error> {
        let places: Vec<_> = record.taken.iter().map(|own| (own.offer.clone(), own.version)).collect();
        let versions = self.programme.versions_of_offers(&places).await?;
        let unit_price = |offer: &OfferId| {
            let version = record.taken.iter().find(|own| own.offer == *offer).map_or(0, |own| own.version);
            let known = versions.get(&(offer.clone(), version));
            known.and_then(|known| known.unit_price()).unwrap_or_default()
        };
        let of_line = |(line, (_, quantity)): (&Line, &(_, Quantity))| match line {
            Line::Blocked { .. } => Given::new(),
            Line::Priced(priced) => of_line(record, priced, *quantity, unit_price),
        };
        Ok(Figures(record.answer.lines.iter().zip(&record.lines).map(of_line).collect()))
    }
}

fn of_line(
    record: &UseRecord,
    priced: &Priced,
    quantity: Quantity,
    unit_price: impl Fn(&OfferId) -> Money,
) -> Given {
    let mut given = Given::new();
    for (offer, saved) in savings(priced, quantity, unit_price) {
        let by = By { offer, coupon: None };
        add(&mut given, of_share(record, &Share { by, amount: saved }));
    }
    for share in &priced.discounts {
        add(&mut given, of_share(record, share));
    }
    given
}

/// What offers had given of the delivery.
pub(super) fn of_delivery(record: &UseRecord) -> Given {
    let shares = record.answer.delivery.iter().flat_map(|delivery| &delivery.discounts);
    shares.map(|share| of_share(record, share)).collect()
}

/// What items and services had given, which no line tells of.
pub(super) fn of_pieces(record: &UseRecord) -> Given {
    let pieces = record.taken.iter().filter(|taken| is_piece(record, taken));
    pieces
        .map(|own| OfferGiven { offer: own.offer.clone(), version: own.version, amount: own.amount })
        .collect()
}

/// A share, and the version by which it was given: of one offer a use may have two by coupons of different times.
fn of_share(record: &UseRecord, Share { by, amount }: &Share) -> OfferGiven {
    let answer = &record.answer;
    let told = answer.offers.iter().chain(&answer.coupons).filter(|told| told.coupon == by.coupon);
    let mut versions = told.filter_map(|told| told.offer.as_ref().filter(|(offer, _)| *offer == by.offer));
    let taken = || record.taken.iter().find(|own| own.offer == by.offer).map(|own| own.version);
    let version = versions.next().map(|(_, version)| *version).or_else(taken).unwrap_or(0);
    OfferGiven { offer: by.offer.clone(), version, amount: *amount }
}

/// Adds what that version of an offer had given.
pub(super) fn add(given: &mut Given, more: OfferGiven) {
    match given.iter_mut().find(|own| (&own.offer, own.version) == (&more.offer, more.version)) {
        Some(own) => own.amount.0 = own.amount.0.saturating_add(more.amount.0),
        None => given.push(more),
    }
}

/// Whether it is an item or a service.
fn is_piece(record: &UseRecord, taken: &domain::event::OfferTaken) -> bool {
    // Of one offer several may be told, of which some did not apply.
    let mut own = record
        .answer
        .coupons
        .iter()
        .filter(|told| told.offer.as_ref().is_some_and(|(offer, _)| *offer == taken.offer));
    own.any(|told| matches!(told.outcome, Outcome::Pieces { .. }))
}
