//! What a use takes of the offers that applied, and how long it may set that aside.

use std::sync::Arc;

use domain::{
    event::{GrantName, OfferTaken},
    id::{GrantId, MemberId},
    number::Money,
    offer::{Gives, How, Offer, openings::OwnDays, price::Outcome},
    programme::Programme,
    time::{Instant, MINUTE_MILLIS},
};

use crate::{
    offers::{
        held::HeldAs,
        scene::{PricedOrder, Scene},
    },
    store::{Key, keys, records::WindowRecord},
};

/// What a use takes of each offer that applied, and the windows that nothing was taken in yet.
pub(super) type Takes = (Vec<OfferTaken>, Vec<(Key, WindowRecord)>);

/// Whether limits bound what uses take of an offer.
pub(super) fn is_bounded(offer: &Offer) -> bool {
    offer.uses.total.is_some() || offer.uses.per_day.is_some() || offer.budget.is_some()
}

/// Whether what a member takes of it is counted in windows.
fn has_windows(offer: &Offer) -> bool {
    match offer.how {
        How::Auto => {
            let is_service = matches!(&offer.gives, Gives::Service(service) if service.per.is_some());
            offer.per_member.is_some() || is_service
        }
        How::Code => offer.per_member.is_some(),
        How::Claim | How::Buy | How::Issue => false,
    }
}

/// What the use takes of each offer that applied, and the windows that nothing was taken in yet.
pub(super) fn takes(priced: &PricedOrder, scene: &Scene<'_>, via: Option<MemberId>, days: &OwnDays) -> Takes {
    let (mut taken, mut windows) = (Vec::new(), Vec::new());
    for told in priced.answer.offers.iter().chain(&priced.answer.coupons) {
        let Some((id, version)) = &told.offer else { continue };
        let Some(offer) = priced.offers.get(&(id.clone(), *version)) else { continue };
        let (uses, amount) = told.outcome.takes(offer);
        if uses == 0 {
            continue;
        }
        let place = told.coupon.and_then(|coupon| priced.places.get(coupon).copied().flatten());
        let printed = told.coupon.and_then(|coupon| priced.printed.get(coupon).copied().flatten());
        let issued =
            place.filter(|place| matches!(scene.holdings.records.get(*place), Some(HeldAs::Issued(_))));
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (grant, pieces) = match issued {
            Some(place) => (scene.holdings.grants[place].id, small(uses)),
            None => match via.filter(|_| has_windows(offer)) {
                Some(via) => (window_of(offer, scene, via, days, &mut windows), small(uses)),
                None => (None, 0),
            },
        };
        let (offer, version) = (id.clone(), *version);
        let own = OfferTaken { offer, version, grant, pieces, uses, amount };
        // A code counts its uses itself, beside what the member has in its window.
        taken.extend(printed.map(|code| match own.grant {
            None => OfferTaken { grant: Some(code.id()), pieces: small(uses), ..own.clone() },
            Some(_) => OfferTaken {
                grant: Some(code.id()),
                pieces: small(uses),
                uses: 0,
                amount: Money(0),
                ..own.clone()
            },
        }));
        if printed.is_none() || own.grant.is_some() {
            taken.push(own);
        }
    }
    (taken, windows)
}

/// The window that the moment of pricing is in: what was taken there before, or a new one.
fn window_of(
    offer: &Arc<Offer>,
    scene: &Scene<'_>,
    via: MemberId,
    days: &OwnDays,
    windows: &mut Vec<(Key, WindowRecord)>,
) -> Option<GrantId> {
    let span = offer.span(scene.programme.zone, days, scene.at);
    if let Some(known) = scene.holdings.of_window(&offer.id, span.number).next() {
        return keys::grant_id(&known.key);
    }
    let number = scene.shelf.number(&offer.id)?;
    let name = GrantName { holder: via, offer: number, window: span.number, number: 0 };
    let record = WindowRecord {
        holder: via,
        offer: offer.id.clone(),
        since: scene.now,
        begin: span.begin,
        end: span.end,
        taken: 0,
        held: Vec::new(),
    };
    windows.push((keys::grant(name), record));
    Some(name.id())
}

/// Until when a hold lasts: the least that its offers say, or the programme, up to the next full minute.
pub(super) fn hold_until(programme: &Programme, priced: &PricedOrder, now: Instant) -> Instant {
    let applied = priced.answer.offers.iter().chain(&priced.answer.coupons).filter_map(|told| {
        let applies = !matches!(told.outcome, Outcome::Not(_));
        told.offer.as_ref().filter(|_| applies)
    });
    let own = applied.filter_map(|of| priced.offers.get(of)?.hold_minutes).min();
    let minutes = own.unwrap_or(programme.offers.hold_minutes);
    let end = now.plus_millis(i64::from(minutes) * MINUTE_MILLIS);
    let into = end.0.rem_euclid(MINUTE_MILLIS);
    if into == 0 { end } else { end.plus_millis(MINUTE_MILLIS - into) }
}
