//! Orders that are to be priced, as callers send them.

use std::collections::BTreeMap;

use domain::{
    id::{BrandId, GrantId, OfferId, OrderChannel},
    number::Money,
    offer::{
        Discount, Gives, How, Offer,
        price::{self, Choose, DraftLine, PointsAsked},
        printed::Printed,
    },
};
use sha2::{Digest as _, Sha256};

use crate::{
    accounts::offer_shards::Need,
    ledger::act::Whom,
    store::records::layout::{Layout as _, layout},
};

/// An order that is not placed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DraftOrder {
    /// Whose it is; a guest's without.
    pub whom: Option<Whom>,
    /// Where it is placed.
    pub brand: BrandId,
    /// The channel that it is placed through, if the shop says so.
    pub channel: Option<OrderChannel>,
    /// What is bought; nothing, of a use without an order.
    pub lines: Vec<DraftLine>,
    /// What its delivery costs, if it has one.
    pub delivery: Option<Money>,
    /// How many pieces of each item or service are used; 1 with an order.
    pub pieces: u64,
    /// The grants that are to be used, in their order.
    pub grants: Vec<NamedGrant>,
    /// The codes that are to be used, as they were typed, behind the grants.
    pub codes: Vec<String>,
    /// Those of them that were printed, as they were typed.
    pub printed: BTreeMap<String, Printed>,
    /// Whether coupons apply as they are listed, or the best of them.
    pub choose: Choose,
    /// How many points the member would pay with, if it asks.
    pub points: Option<PointsAsked>,
}

/// A grant as a draft names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedGrant {
    /// As it was sent: a grant's id, or an offer's, which stands for one of the member's grants of it.
    pub sent: String,
    /// The grant, where it is named by its own id.
    pub id: Option<GrantId>,
}

impl NamedGrant {
    /// The offer whose id it is, if it may be one.
    pub(crate) fn offer(&self) -> Option<OfferId> {
        self.sent.parse().ok()
    }
}

/// What tells an order from others: everything that prices depend on, but for whose it is, coupons and points.
struct Content {
    brand: BrandId,
    channel: Option<OrderChannel>,
    delivery: Option<Money>,
    lines: Vec<DraftLine>,
}

layout! { struct Content { brand, channel, delivery, lines } }
layout! { struct DraftLine { line_id, sku, category, quantity, amount } }

/// The most that an order takes of offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OrderNeed {
    /// Units of its lines.
    units: u64,
    /// Pieces of what it names, and of what applies by itself.
    pieces: u64,
    /// What it costs.
    amount: Money,
}

impl OrderNeed {
    /// One of everything: what any limit bounds.
    pub(crate) const ANY: OrderNeed = OrderNeed { units: 1, pieces: 1, amount: Money(1) };

    /// The most that it takes of that offer. What a member has is governed by its own version, which may give more than the
    /// newest: so only of what is had by itself is the newest asked.
    pub(crate) fn of(&self, newest: &Offer) -> Need {
        let is_of_units = matches!(newest.gives, Gives::Discount(Discount::UnitPrice(_)));
        let uses = self.pieces.saturating_add(if is_of_units { self.units } else { 0 });
        let most = match &newest.gives {
            _ if newest.how != How::Auto => None,
            Gives::Discount(Discount::Amount { amount, units: None }) => Some(*amount),
            Gives::Discount(Discount::Percent { max, .. }) => *max,
            Gives::Discount(Discount::Steps(steps)) => steps.iter().map(|(_, off)| *off).max(),
            _ => None,
        };
        let amount = most.map_or(self.amount.0, |most| most.0.min(self.amount.0));
        // Pieces of items and services count at their value.
        let worth = newest.settle.map_or(0, |settle| settle.0.saturating_mul(self.pieces));
        Need { issued: 0, uses, amount: Money(amount.saturating_add(worth)) }
    }
}

impl DraftOrder {
    /// The most that it takes of offers.
    pub(crate) fn need(&self) -> OrderNeed {
        let units = self.lines.iter().map(|line| line.quantity.pieces().unwrap_or(1));
        let amounts =
            self.lines.iter().map(|line| line.amount.0).chain(self.delivery.map(|delivery| delivery.0));
        let coupons = self.grants.len() as u64 + self.codes.len() as u64 + 1;
        OrderNeed {
            units: units.fold(0, u64::saturating_add),
            pieces: self.pieces.saturating_mul(coupons),
            amount: Money(amounts.fold(0, u64::saturating_add)),
        }
    }

    /// The draft as it is priced.
    pub(crate) fn priced(&self) -> price::Draft<'_> {
        price::Draft {
            brand: &self.brand,
            channel: self.channel.as_ref().map(OrderChannel::as_str),
            lines: &self.lines,
            delivery: self.delivery,
            pieces: self.pieces,
            choose: self.choose,
            points: self.points,
        }
    }

    /// The hash of what the order is, whatever coupons and points are asked for: a quote is good for no other. Whose it
    /// is is held against it by itself, since a member goes by another id after a merge.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let content = Content {
            brand: self.brand.clone(),
            channel: self.channel.clone(),
            delivery: self.delivery,
            lines: self.lines.clone(),
        };
        let mut bytes = Vec::new();
        content.write(&mut bytes);
        Sha256::digest(&bytes).into()
    }
}
