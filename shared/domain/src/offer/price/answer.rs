//! What is told of an order's price.

use super::{
    points,
    table::{Ran, Table},
    till::{Did, Till},
};
use crate::{
    id::{OfferId, OrderLineId},
    number::{Money, Quantity},
    offer::Offer,
    time::Instant,
};

/// What an order costs, and why.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The lines, as sent.
    pub lines: Vec<Line>,
    /// The `auto` discounts whose audience, opening, place and lines fit, by id.
    pub offers: Vec<Told>,
    /// The coupons as listed; where the best were chosen, first those, in their order.
    pub coupons: Vec<Told>,
    /// The delivery, where one was sent.
    pub delivery: Option<Delivery>,
    /// What is left to pay, the delivery included, lines that are blocked not.
    pub total: Money,
    /// What was taken off list amounts.
    pub saved: Money,
    /// What points may pay of the total, if that was asked.
    pub points: Option<UsablePoints>,
}

/// A line and what it costs.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    /// It is not sold to this member yet.
    Blocked {
        /// The shop's id of it.
        line_id: OrderLineId,
        /// The offer that keeps it.
        offer: OfferId,
        /// When it opens to the member; `None` is never.
        opens_at: Option<Instant>,
    },
    /// What it costs.
    Priced(Priced),
}

/// What a line costs.
#[derive(Clone, PartialEq, Debug)]
pub struct Priced {
    /// The shop's id of it.
    pub line_id: OrderLineId,
    /// At list price.
    pub amount: Money,
    /// With unit prices.
    pub price: Money,
    /// Which offers made the price, as taken.
    pub prices: Vec<UnitsAt>,
    /// What was taken of the price, as taken; nothing that is 0.
    pub discounts: Vec<Share>,
    /// What is left.
    pub net: Money,
}

/// Units at an offer's price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitsAt {
    /// The offer.
    pub offer: OfferId,
    /// How many; a quantity that is not whole is one.
    pub quantity: u64,
}

/// What an offer took of a line, or of the delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// By what.
    pub by: By,
    /// How much. Above 0.
    pub amount: Money,
}

/// An offer, and the coupon by which it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct By {
    /// The offer.
    pub offer: OfferId,
    /// The place of the coupon among those that were known; an `auto` offer has none.
    pub coupon: Option<usize>,
}

/// What became of an offer or a coupon.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// The offer and its version; `None` of what was not found.
    pub offer: Option<(OfferId, u32)>,
    /// The place of the coupon among those that were known; an `auto` offer has none.
    pub coupon: Option<usize>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Units had its price.
    Units {
        /// How many.
        quantity: u64,
        /// What they saved by it.
        amount: Money,
    },
    /// It took something.
    Taken {
        /// Of what, rounded down.
        base: Money,
        /// How much. Above 0.
        amount: Money,
        /// Whether it would have taken more than the programme allows.
        trimmed: bool,
    },
    /// An item or a service is given.
    Pieces {
        /// How many.
        quantity: u64,
    },
    /// It does not apply.
    Not(Reason),
}

impl Outcome {
    /// What a use takes of an offer: of its `uses` (and of the member's number) the units at its price, the pieces of an
    /// item or service, else one; and of its `budget` what it took, or what the pieces are worth between brands. Nothing
    /// where it does not apply.
    pub fn takes(&self, offer: &Offer) -> (u64, Money) {
        match self {
            Outcome::Units { quantity, amount } => (*quantity, *amount),
            Outcome::Taken { amount, .. } => (1, *amount),
            Outcome::Pieces { quantity } => (*quantity, worth(offer, *quantity)),
            Outcome::Not(_) => (0, Money(0)),
        }
    }
}

/// What pieces of an item or service are worth between brands.
pub(super) fn worth(offer: &Offer, pieces: u64) -> Money {
    Money(offer.settle.map_or(0, |settle| settle.0.saturating_mul(pieces)))
}

/// The delivery and what it costs.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivery {
    /// As sent.
    pub amount: Money,
    /// What was taken of it, as taken.
    pub discounts: Vec<Share>,
    /// What is left.
    pub net: Money,
}

/// What points may pay.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct UsablePoints {
    /// How many, in whole steps.
    pub usable: u64,
    /// Their worth, rounded down.
    pub worth: Money,
}

/// Why an offer does not apply: the first of these that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There is no such code here.
    CodeNotUsable,
    /// There is no such grant.
    GrantNotFound,
    /// The member is not of the audience.
    NotEligible,
    /// The grant was taken away.
    Revoked,
    /// Nothing of it is left.
    Used,
    /// It is being passed on.
    Given {
        /// Until then.
        until: Instant,
    },
    /// Another order holds it.
    Held {
        /// Until then.
        until: Instant,
    },
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYet {
        /// When it begins.
        valid_from: Instant,
    },
    /// The member has none left.
    MemberLimit {
        /// When the next window begins, if one does.
        next_at: Option<Instant>,
    },
    /// It is not open.
    OfferNotOpen {
        /// When it opens next, if it is known.
        opens_at: Option<Instant>,
    },
    /// Not here, or of none of the lines.
    NotMatching,
    /// The lines do not come to as much.
    BelowMinimum {
        /// How much is missing, if anything is.
        missing: Option<Money>,
        /// How many are missing, if any are.
        missing_quantity: Option<Quantity>,
    },
    /// All uses are taken.
    SoldOut,
    /// It would take more than it has left.
    BudgetExhausted,
    /// It does not combine with what applies.
    ExcludedBy {
        /// Of those the smallest id.
        by: OfferId,
    },
    /// It would take nothing.
    NoEffect,
    /// Others save more together.
    NotChosen,
}

impl Reason {
    /// Every word on the wire, in the order in which the first that holds is told.
    pub const WORDS: &[&str] = &[
        "code_not_usable",
        "grant_not_found",
        "not_eligible",
        "revoked",
        "used",
        "given",
        "held",
        "expired",
        "not_yet",
        "member_limit",
        "offer_not_open",
        "not_matching",
        "below_minimum",
        "sold_out",
        "budget_exhausted",
        "excluded_by",
        "no_effect",
        "not_chosen",
    ];

    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::CodeNotUsable => "code_not_usable",
            Reason::GrantNotFound => "grant_not_found",
            Reason::NotEligible => "not_eligible",
            Reason::Revoked => "revoked",
            Reason::Used => "used",
            Reason::Given { .. } => "given",
            Reason::Held { .. } => "held",
            Reason::Expired => "expired",
            Reason::NotYet { .. } => "not_yet",
            Reason::MemberLimit { .. } => "member_limit",
            Reason::OfferNotOpen { .. } => "offer_not_open",
            Reason::NotMatching => "not_matching",
            Reason::BelowMinimum { .. } => "below_minimum",
            Reason::SoldOut => "sold_out",
            Reason::BudgetExhausted => "budget_exhausted",
            Reason::ExcludedBy { .. } => "excluded_by",
            Reason::NoEffect => "no_effect",
            Reason::NotChosen => "not_chosen",
        }
    }
}

/// What is told of an order that was priced.
pub(super) fn answer(table: &Table<'_>, till: &Till, ran: &Ran) -> Answer {
    let lines: Vec<Line> = (0..table.draft.lines.len()).map(|index| line(table, till, index)).collect();
    let delivery = table.draft.delivery.map(|amount| Delivery {
        amount,
        discounts: shares(table, till, None),
        net: Money(till.delivery),
    });
    let nets: u64 = till.left.iter().sum();
    let total = Money(nets + till.delivery);
    let blocked = table.blocked.iter().zip(table.draft.lines).filter(|(blocked, _)| blocked.is_some());
    let blocked: u64 = blocked.map(|(_, line)| line.amount.0).sum();
    let listed: u64 = table.draft.lines.iter().map(|line| line.amount.0).sum();
    let before = listed - blocked + table.draft.delivery.unwrap_or_default().0;
    Answer {
        lines,
        offers: table.autos().map(|entry| told(table, ran, entry)).collect(),
        coupons: ran.coupons.iter().map(|entry| told(table, ran, *entry)).collect(),
        delivery,
        total,
        saved: Money(before - total.0),
        points: table.draft.points.map(|asked| points::usable(table.known, asked, total)),
    }
}

fn line(table: &Table<'_>, till: &Till, index: usize) -> Line {
    let line = &table.draft.lines[index];
    if let Some((offer, opens_at)) = &table.blocked[index] {
        let (line_id, offer) = (line.line_id.clone(), (*offer).clone());
        return Line::Blocked { line_id, offer, opens_at: *opens_at };
    }
    let priced = &table.priced[index];
    let prices = priced.classes.iter().filter_map(|class| {
        let offer = table.autos[class.auto?].offer.id.clone();
        Some(UnitsAt { offer, quantity: class.count })
    });
    Line::Priced(Priced {
        line_id: line.line_id.clone(),
        amount: line.amount,
        price: Money(priced.price),
        prices: prices.collect(),
        discounts: shares(table, till, Some(index)),
        net: Money(till.left[index]),
    })
}

/// The shares of that line; of the delivery without one.
fn shares(table: &Table<'_>, till: &Till, line: Option<usize>) -> Vec<Share> {
    let own = till.shares.iter().filter(|share| share.line == line);
    own.map(|share| {
        let entry = &table.entries[share.entry];
        let offer = entry.offer().map(|offer| offer.id.clone());
        // What was not found takes nothing.
        let offer = offer.unwrap_or_else(|| panic!("a share of no offer"));
        Share { by: By { offer, coupon: entry.coupon }, amount: Money(share.amount) }
    })
    .collect()
}

fn told(table: &Table<'_>, ran: &Ran, index: usize) -> Told {
    let entry = &table.entries[index];
    let outcome = match &ran.outcomes[index] {
        Some(Ok(Did::Units { quantity, amount })) => {
            Outcome::Units { quantity: *quantity, amount: Money(*amount) }
        }
        Some(Ok(Did::Taken { base, amount, trimmed })) => {
            Outcome::Taken { base: Money(*base), amount: Money(*amount), trimmed: *trimmed }
        }
        Some(Ok(Did::Pieces(quantity))) => Outcome::Pieces { quantity: *quantity },
        Some(Err(reason)) => Outcome::Not(reason.clone()),
        None => Outcome::Not(Reason::NotChosen),
    };
    let was_found = !matches!(outcome, Outcome::Not(Reason::CodeNotUsable | Reason::GrantNotFound));
    let offer = entry.offer().filter(|_| was_found).map(|offer| (offer.id.clone(), offer.version));
    Told { offer, coupon: entry.coupon, outcome }
}
