//! Why offers are not used: what would not apply, and what is refused before anything is priced.

use std::collections::HashSet;

use domain::{
    decide::AHEAD_MILLIS_MAX,
    id::{GrantId, OfferId},
    member::Status,
    offer::price::{Line, Outcome, Reason, Told as ToldOf},
    programme::Programme,
    refusal::Refusal,
    time::{Instant, MINUTE_MILLIS},
};

use crate::{
    offers::{asking::UseAsk, customer::Customer, scene::PricedOrder},
    store::records::{CouponName, UseRecord},
};

const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;

/// Why offers are not used.
#[derive(Clone, Debug)]
pub enum NotUsed {
    /// These would not apply.
    Reasons {
        /// What they are.
        told: Vec<ToldOf>,
        /// How coupons are told.
        names: Vec<CouponName>,
    },
    /// These lines are not sold to the member yet.
    Blocked(Vec<Line>),
}

impl NotUsed {
    /// Those of what was set aside that were taken back meanwhile.
    pub(super) fn revoked(held: &UseRecord, revoked: &HashSet<GrantId>) -> NotUsed {
        let is_revoked = |told: &&ToldOf| {
            let name = told.coupon.and_then(|place| held.names.get(place));
            matches!(name, Some(CouponName::Grant(Some(id))) if revoked.contains(id))
        };
        let why = |told: &ToldOf| ToldOf { outcome: Outcome::Not(Reason::Revoked), ..told.clone() };
        let told = held.answer.coupons.iter().filter(is_revoked).map(why).collect();
        NotUsed::Reasons { told, names: held.names.clone() }
    }
}

impl NotUsed {
    /// The codes of these offers that were set aside and are not good any more.
    pub(super) fn codes_taken_back(held: &UseRecord, offers: &HashSet<OfferId>) -> NotUsed {
        let is_one = |told: &&ToldOf| {
            let name = told.coupon.and_then(|place| held.names.get(place));
            let offer = told.offer.as_ref().is_some_and(|(offer, _)| offers.contains(offer));
            offer && matches!(name, Some(CouponName::Code(_)))
        };
        let why = |told: &ToldOf| ToldOf { outcome: Outcome::Not(Reason::CodeNotUsable), ..told.clone() };
        let told = held.answer.coupons.iter().filter(is_one).map(why).collect();
        NotUsed::Reasons { told, names: held.names.clone() }
    }
}

pub(super) fn must_be_active(customer: &Customer) -> Result<(), Refusal> {
    match customer.member.status {
        Status::Active => Ok(()),
        status => Err(Refusal::MemberNotActive { status: status.word() }),
    }
}

/// The moment of pricing: that of the quote, or when it happened.
pub(super) fn priced_at(programme: &Programme, ask: &UseAsk, now: Instant) -> Result<Instant, Refusal> {
    if let Some(quote) = &ask.quote {
        return Ok(quote.at);
    }
    let Some(told) = ask.occurred_at else { return Ok(now) };
    if told > now.plus_millis(AHEAD_MILLIS_MAX) {
        return Err(Refusal::OccurredInFuture);
    }
    let hours = programme.points.redeem_late_hours;
    if told.plus_millis(i64::from(hours) * HOUR_MILLIS) < now {
        return Err(Refusal::RedeemedTooLongAgo { hours });
    }
    Ok(told)
}

/// Why the order is not used as it was priced: a line is blocked, or a coupon would not apply, or something that a quote
/// promised.
pub(super) fn refused(priced: &PricedOrder) -> Option<NotUsed> {
    let blocked = |line: &&Line| matches!(line, Line::Blocked { .. });
    let lines: Vec<Line> = priced.answer.lines.iter().filter(blocked).cloned().collect();
    if !lines.is_empty() {
        return Some(NotUsed::Blocked(lines));
    }
    let not = |told: &&ToldOf| matches!(told.outcome, Outcome::Not(_));
    let coupons = priced.answer.coupons.iter().filter(not);
    let told: Vec<ToldOf> = priced.broken.iter().chain(coupons).cloned().collect();
    (!told.is_empty()).then(|| NotUsed::Reasons { told, names: priced.names.clone() })
}
