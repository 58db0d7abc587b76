//! What an order costs with offers, and why.

use domain::{
    id::{GrantId, OfferId, OrderLineId},
    number::{Money, Quantity},
    offer::price::{self, Answer, Line, Outcome, Reason, Share, Told},
    time::Instant,
};
use engine::{CouponName, WouldEarn};

use super::{Show, id};
use crate::{At, Id, List, MoneyText, OrNull, Text, answer, word_of};

word_of! {
    /// Why an offer does not apply: the first that holds.
    pub struct ReasonWord: Reason::WORDS;
}

answer! {
    /// Units at an offer's price.
    pub struct UnitsAtPrice<'a> {
        /// the offer
        offer: Id<&'a OfferId>,
        /// how many; a quantity that is not whole is one
        quantity: u64,
    }
}

answer! {
    /// What an offer took of a line, or of the delivery.
    pub struct LineDiscount<'a> {
        /// the offer
        offer: Id<&'a OfferId>,
        /// the grant by which it was used, of a coupon
        grant: Option<OrNull<Text<64>>>,
        /// the code by which it was used, as it was sent
        code: Option<Text<64>>,
        /// how much
        amount: MoneyText,
    }
}

answer! {
    /// What keeps a line from being sold to this member.
    pub struct BlockedLine<'a> {
        /// the offer
        offer: Id<&'a OfferId>,
        /// when it opens to the member; null: never
        opens_at: OrNull<At>,
    }
}

answer! {
    /// A line: what it costs, or what blocks it.
    pub struct PricedLine<'a> {
        /// its id within the order
        line_id: Id<&'a OrderLineId>,
        /// at list price
        amount: Option<MoneyText>,
        /// with unit prices
        price: Option<MoneyText>,
        /// which offers made the price, as taken
        prices: Option<List<UnitsAtPrice<'a>, 0, 2_000>>,
        /// what was taken of the price, as taken
        discounts: Option<List<LineDiscount<'a>, 0, 2_000>>,
        /// what is left
        net: Option<MoneyText>,
        /// in place of all that: it is not sold to this member yet
        blocked: Option<BlockedLine<'a>>,
    }
}

answer! {
    /// What became of an offer or a coupon.
    pub struct AppliedOffer<'a> {
        /// of a coupon: the grant; null while it is virtual, as sent where there is none
        grant: Option<OrNull<Text<64>>>,
        /// of a coupon: the code, as it was sent
        code: Option<Text<64>>,
        /// the offer; left out of what was not found
        offer: Option<Id<&'a OfferId>>,
        /// the version that governs it
        version: Option<u32>,
        /// whether it applies
        applied: bool,
        /// of what it took something, rounded down
        base: Option<MoneyText>,
        /// how much it took
        amount: Option<MoneyText>,
        /// of a unit price, an item or a service: how many
        quantity: Option<u64>,
        /// that the programme's `max_discount_percent` has trimmed it
        trimmed: Option<bool>,
        /// why it does not apply
        reason: Option<ReasonWord>,
        /// of `given` and `held`: until when
        until: Option<At>,
        /// of `not_yet`: from when on
        valid_from: Option<At>,
        /// of `member_limit`: when the next window begins, if one does
        next_at: Option<OrNull<At>>,
        /// of `offer_not_open`: when it opens next; null where that is not within 400 days
        opens_at: Option<OrNull<At>>,
        /// of `below_minimum`: how much is missing
        missing: Option<MoneyText>,
        /// of `below_minimum`: how many are missing
        missing_quantity: Option<Quantity>,
        /// of `excluded_by`: of those it does not combine with, the smallest id
        by: Option<Id<&'a OfferId>>,
    }
}

answer! {
    /// The delivery: what it costs.
    pub struct PricedDelivery<'a> {
        /// as sent
        amount: MoneyText,
        /// what was taken of it, as taken
        discounts: List<LineDiscount<'a>, 0, 2_000>,
        /// what is left
        net: MoneyText,
    }
}

answer! {
    /// What points may pay.
    pub struct UsablePoints {
        /// how many, in whole steps
        usable: u64,
        /// what they are worth
        worth: MoneyText,
    }
}

answer! {
    /// What an order of the nets would be granted now.
    pub struct Earns {
        /// points, within limits
        points: u64,
        /// growth; a partner is not told
        growth: Option<u64>,
    }
}

impl<'a> UnitsAtPrice<'a> {
    pub(super) fn of(at: &'a price::UnitsAt) -> UnitsAtPrice<'a> {
        UnitsAtPrice { offer: Id(&at.offer), quantity: at.quantity }
    }
}

impl AppliedOffer<'_> {
    /// Whether it takes something.
    pub(super) fn applies(&self) -> bool {
        self.applied
    }
}

/// An answer's parts, as far as an evaluation and a use tell the same.
pub struct Priced<'a> {
    /// The lines, as sent.
    pub lines: List<PricedLine<'a>, 0, 200>,
    /// The `auto` discounts that fit, by id.
    pub offers: List<AppliedOffer<'a>, 0, 2_000>,
    /// The coupons.
    pub coupons: List<AppliedOffer<'a>, 0, 32>,
    /// The delivery; null where none was sent.
    pub delivery: OrNull<PricedDelivery<'a>>,
    /// What is left.
    pub total: MoneyText,
    /// What was taken off list amounts.
    pub saved: MoneyText,
}

impl Earns {
    /// As a caller is told of it that may see growth, or may not.
    pub fn told(would: WouldEarn, sees_growth: bool) -> Earns {
        Earns { points: would.points, growth: sees_growth.then_some(would.growth) }
    }
}

/// How a coupon is told: by its grant, or by its code.
type Named = (Option<OrNull<Text<64>>>, Option<Text<64>>);

fn named(names: &[CouponName], coupon: Option<usize>) -> Named {
    match coupon.and_then(|coupon| names.get(coupon)) {
        None => (None, None),
        Some(CouponName::Grant(grant)) => (Some(OrNull(grant.map(|grant| Text(id::<GrantId>(grant))))), None),
        Some(CouponName::Sent(sent)) => (Some(OrNull(Some(Text(sent.clone())))), None),
        Some(CouponName::Code(code)) => (None, Some(Text(code.clone()))),
    }
}

impl Show<'_> {
    /// What an order costs; `names` are those of the coupons that were known.
    pub fn priced<'a>(&self, answer: &'a Answer, names: &[CouponName]) -> Priced<'a> {
        let delivery = answer.delivery.as_ref().map(|delivery| PricedDelivery {
            amount: self.price(delivery.amount),
            discounts: self.taken(&delivery.discounts, names),
            net: self.price(delivery.net),
        });
        Priced {
            lines: answer.lines.iter().map(|line| self.priced_line(line, names)).collect(),
            offers: answer.offers.iter().map(|told| self.applied(told, names)).collect(),
            coupons: answer.coupons.iter().map(|told| self.applied(told, names)).collect(),
            delivery: OrNull(delivery),
            total: self.price(answer.total),
            saved: self.price(answer.saved),
        }
    }

    /// What points may pay.
    pub fn usable_points(&self, points: price::UsablePoints) -> UsablePoints {
        UsablePoints { usable: points.usable, worth: self.price(points.worth) }
    }

    pub(super) fn price(&self, money: Money) -> MoneyText {
        MoneyText(money.show(self.programme.currency))
    }

    pub(super) fn priced_line<'a>(&self, line: &'a Line, names: &[CouponName]) -> PricedLine<'a> {
        match line {
            Line::Blocked { line_id, offer, opens_at } => {
                let opens_at = OrNull(opens_at.map(|at| self.instant(at)));
                let blocked = Some(BlockedLine { offer: Id(offer), opens_at });
                let (amount, price, prices, discounts, net) = (None, None, None, None, None);
                PricedLine { line_id: Id(line_id), amount, price, prices, discounts, net, blocked }
            }
            Line::Priced(own) => {
                let prices = own.prices.iter().map(UnitsAtPrice::of);
                PricedLine {
                    line_id: Id(&own.line_id),
                    amount: Some(self.price(own.amount)),
                    price: Some(self.price(own.price)),
                    prices: Some(prices.collect()),
                    discounts: Some(self.taken(&own.discounts, names)),
                    net: Some(self.price(own.net)),
                    blocked: None,
                }
            }
        }
    }

    pub(super) fn taken<'a>(
        &self,
        shares: &'a [Share],
        names: &[CouponName],
    ) -> List<LineDiscount<'a>, 0, 2_000> {
        let told = |share: &'a Share| {
            let (grant, code) = named(names, share.by.coupon);
            LineDiscount { offer: Id(&share.by.offer), grant, code, amount: self.price(share.amount) }
        };
        shares.iter().map(told).collect()
    }

    /// What became of an offer or a coupon.
    pub fn applied<'a>(&self, told: &'a Told, names: &[CouponName]) -> AppliedOffer<'a> {
        let (grant, code) = named(names, told.coupon);
        let mut own = AppliedOffer {
            grant,
            code,
            offer: told.offer.as_ref().map(|(offer, _)| Id(offer)),
            version: told.offer.as_ref().map(|(_, version)| *version),
            applied: true,
            base: None,
            amount: None,
            quantity: None,
            trimmed: None,
            reason: None,
            until: None,
            valid_from: None,
            next_at: None,
            opens_at: None,
            missing: None,
            missing_quantity: None,
            by: None,
        };
        match &told.outcome {
            Outcome::Units { quantity, amount } => {
                own.quantity = Some(*quantity);
                own.amount = Some(self.price(*amount));
            }
            Outcome::Taken { base, amount, trimmed } => {
                own.base = Some(self.price(*base));
                own.amount = Some(self.price(*amount));
                own.trimmed = trimmed.then_some(true);
            }
            Outcome::Pieces { quantity } => own.quantity = Some(*quantity),
            Outcome::Not(reason) => self.refused(&mut own, reason),
        }
        own
    }

    fn refused<'a>(&self, own: &mut AppliedOffer<'a>, reason: &'a Reason) {
        own.applied = false;
        own.reason = Some(ReasonWord(reason.word()));
        let maybe = |at: Option<Instant>| Some(OrNull(at.map(|at| self.instant(at))));
        match reason {
            Reason::Given { until } | Reason::Held { until } => own.until = Some(self.instant(*until)),
            Reason::NotYet { valid_from } => own.valid_from = Some(self.instant(*valid_from)),
            Reason::MemberLimit { next_at } => own.next_at = maybe(*next_at),
            Reason::OfferNotOpen { opens_at } => own.opens_at = maybe(*opens_at),
            Reason::BelowMinimum { missing, missing_quantity } => {
                own.missing = missing.map(|missing| self.price(missing));
                own.missing_quantity = *missing_quantity;
            }
            Reason::ExcludedBy { by } => own.by = Some(Id(by)),
            Reason::CodeNotUsable
            | Reason::GrantNotFound
            | Reason::NotEligible
            | Reason::Revoked
            | Reason::Used
            | Reason::Expired
            | Reason::NotMatching
            | Reason::SoldOut
            | Reason::BudgetExhausted
            | Reason::NoEffect
            | Reason::NotChosen => {}
        }
    }
}
