//! Whether an offer may be used at all: its reasons in their order, before any amount is taken.

use super::{
    Coupon, Draft, DraftLine, Judged, Known, Opens, Rules, State,
    answer::{Outcome, Reason},
    scope::units_of,
};
use crate::{
    number::{Money, Quantity},
    offer::{Discount, Gives, How, Offer},
};

/// Whether an `auto` discount or an `access` offer touches a draft, as far as its document says. What it does not touch
/// need not be known to price it.
pub fn concerns(offer: &Offer, draft: &Draft<'_>, rules: Rules<'_>) -> bool {
    offer.how == How::Auto
        && matches!(offer.gives, Gives::Discount(_) | Gives::Access { .. })
        && is_here(offer, draft)
        && draft.lines.iter().any(|line| matches(offer, line, rules))
}

/// Why an offer cannot be used after all that was priced as a quote has promised: limits, holds and suspension are judged
/// now, by what it takes. `judged` is what is known of it now.
pub fn falls_short(judged: &Judged<'_>, outcome: &Outcome) -> Option<Reason> {
    let (uses, amount) = outcome.takes(judged.offer);
    if uses == 0 {
        return None;
    }
    let by_member = member_limit(judged, 0, uses).or_else(|| not_open(judged));
    by_member.or_else(|| runs_short(judged, (0, 0), uses, amount.0))
}

/// Whether it may be used at the draft's brand, in its channel.
pub(super) fn is_here(offer: &Offer, draft: &Draft<'_>) -> bool {
    let in_channel = |channels: &Vec<String>| channels.iter().any(|own| Some(own.as_str()) == draft.channel);
    offer.brands.contains(draft.brand) && offer.channels.as_ref().is_none_or(in_channel)
}

/// Whether the line is one that the offer is about.
pub(super) fn matches(offer: &Offer, line: &DraftLine, rules: Rules<'_>) -> bool {
    let items = &offer.items;
    let is_in = |list: &[String], own: Option<&String>| own.is_some_and(|own| list.contains(own));
    let (category, sku) = (line.category.as_ref(), line.sku.as_ref());
    let is_discount = matches!(offer.gives, Gives::Discount(_));
    if is_in(&items.excluded_categories, category)
        || is_in(&items.excluded_skus, sku)
        || (is_discount && is_in(&rules.offers.excluded_categories, category))
    {
        return false;
    }
    match (&items.categories, &items.skus) {
        (None, None) => true,
        (categories, skus) => {
            categories.as_ref().is_some_and(|list| is_in(list, category))
                || skus.as_ref().is_some_and(|list| is_in(list, sku))
        }
    }
}

/// The lines that it is about, without those that are blocked.
pub(super) fn matching(offer: &Offer, lines: &[DraftLine], is_open: &[bool], rules: Rules<'_>) -> Vec<usize> {
    let own = lines.iter().zip(is_open).enumerate();
    let own = own.filter(|(_, (line, is_open))| **is_open && matches(offer, line, rules));
    own.map(|(index, _)| index).collect()
}

/// Whether the member may use it. Only `auto` and `code` ask for its audience; a guest, who is no member or not an
/// active one, has of them what asks for no member, and of nothing else.
pub(super) fn is_eligible(judged: &Judged<'_>, known: &Known<'_>) -> bool {
    let offer = judged.offer;
    match known.tier {
        Some(_) => judged.fits || !asks_the_member(offer),
        // A service of a period counts by the member's window; one of a code is used as often as the code.
        None => {
            let counts_by_member = matches!(&offer.gives, Gives::Service(service) if service.per.is_some());
            asks_the_member(offer)
                && offer.audience.is_none()
                && offer.per_member.is_none()
                && !counts_by_member
        }
    }
}

fn asks_the_member(offer: &Offer) -> bool {
    match offer.how {
        How::Auto | How::Code => true,
        How::Claim | How::Buy | How::Issue => false,
    }
}

/// Why the coupon cannot be used, as far as it was judged outside, before the lines of the draft matter.
pub(super) fn before_lines(
    judged: &Judged<'_>,
    coupon: &Coupon<'_>,
    draft: &Draft<'_>,
    known: &Known<'_>,
    pieces: u64,
) -> Option<Reason> {
    if coupon.is_code && !judged.offer.brands.contains(draft.brand) {
        return Some(Reason::CodeNotUsable);
    }
    // Such offers come by themselves and are not named.
    let comes_by_itself = matches!(judged.offer.gives, Gives::Discount(_) | Gives::Access { .. });
    if !coupon.is_code && judged.offer.how == How::Auto && comes_by_itself {
        return Some(Reason::GrantNotFound);
    }
    if !is_eligible(judged, known) {
        return Some(Reason::NotEligible);
    }
    let state = match coupon.state {
        State::Revoked => Some(Reason::Revoked),
        State::Used => Some(Reason::Used),
        State::Given { until } => Some(Reason::Given { until }),
        State::Held { until } => Some(Reason::Held { until }),
        State::Expired => Some(Reason::Expired),
        State::NotYet { valid_from } => Some(Reason::NotYet { valid_from }),
        State::Granted => None,
    };
    let of_grant =
        || coupon.left.filter(|left| *left < pieces).map(|_| Reason::MemberLimit { next_at: None });
    state.or_else(|| member_limit(judged, 0, pieces)).or_else(of_grant).or_else(|| not_open(judged))
}

/// Whether the member has fewer left in its window than are asked for, beside those that the order has taken.
pub(super) fn member_limit(judged: &Judged<'_>, taken: u64, wanted: u64) -> Option<Reason> {
    if let Some(until) = judged.held.filter(|_| asks_the_member(judged.offer)) {
        return Some(Reason::Held { until });
    }
    let window = judged.member.filter(|_| asks_the_member(judged.offer))?;
    (window.left < taken.saturating_add(wanted)).then_some(Reason::MemberLimit { next_at: window.next_at })
}

pub(super) fn not_open(judged: &Judged<'_>) -> Option<Reason> {
    match judged.opens {
        Opens::Now => None,
        Opens::At(opens_at) => Some(Reason::OfferNotOpen { opens_at }),
    }
}

/// Whether what matches comes to too little, or is too few.
pub(super) fn below_minimum(offer: &Offer, amount: u64, thousandths: u128) -> Option<Reason> {
    let lowest = match &offer.gives {
        Gives::Discount(Discount::Steps(steps)) => steps.first().map(|(from, _)| *from),
        _ => None,
    };
    let units = units_of(offer).and_then(|units| units.of);
    let missing = offer.items.minimum.max(lowest).map(|minimum| minimum.0.saturating_sub(amount));
    let wanted = u128::from(offer.items.minimum_quantity.max(units).unwrap_or(0)) * 1_000;
    let missing = missing.filter(|missing| *missing > 0).map(Money);
    // A number of units is at most what JSON keeps whole.
    let missing_quantity = u64::try_from(wanted.saturating_sub(thousandths)).unwrap_or(u64::MAX);
    let missing_quantity = Some(missing_quantity).filter(|missing| *missing > 0).map(Quantity);
    let is_below = missing.is_some() || missing_quantity.is_some();
    is_below.then_some(Reason::BelowMinimum { missing, missing_quantity })
}

/// Whether too few uses are left, or too little of the budget for what it would take alone; beside what the order has
/// taken of it.
pub(super) fn runs_short(judged: &Judged<'_>, taken: (u64, u64), uses: u64, amount: u64) -> Option<Reason> {
    if judged.uses.is_some_and(|left| left < taken.0.saturating_add(uses)) {
        return Some(Reason::SoldOut);
    }
    let short = judged.budget.is_some_and(|left| left.0 < taken.1.saturating_add(amount));
    short.then_some(Reason::BudgetExhausted)
}
