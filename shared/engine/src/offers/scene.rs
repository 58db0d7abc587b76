//! What is known where an order is priced, and what that came to.

use std::{collections::HashMap, sync::Arc};

use domain::{
    id::OfferId,
    offer::{
        Offer,
        price::{Answer, Told},
        printed::Printed,
    },
    programme::Programme,
    time::Instant,
};

use crate::{
    offers::{draft::DraftOrder, held::Holdings, past::Past, quote::Quote},
    programme::shelf::Shelf,
    store::records::CouponName,
};

/// Where an order is priced.
pub(crate) struct Scene<'a> {
    /// The order.
    pub(crate) draft: &'a DraftOrder,
    /// The newest versions.
    pub(crate) shelf: &'a Shelf,
    /// What the customer holds.
    pub(crate) holdings: &'a Holdings,
    /// The programme in force.
    pub(crate) programme: &'a Programme,
    /// Now, by which is judged what is left.
    pub(crate) now: Instant,
    /// The moment of pricing, by which is judged what is open and has begun.
    pub(crate) at: Instant,
    /// What was promised, whose offers and versions hold.
    pub(crate) quoted: Option<&'a Quote>,
    /// Offers as they were at the first pricing of a use that is told anew.
    pub(crate) past: Option<&'a Past>,
}

/// An order that was priced, and by what.
pub(crate) struct PricedOrder {
    /// What it costs, and why.
    pub(crate) answer: Answer,
    /// How each coupon is told, by its place among those that were known.
    pub(crate) names: Vec<CouponName>,
    /// The place of each coupon's grant among those that are held, likewise.
    pub(crate) places: Vec<Option<usize>>,
    /// The printed code that each coupon is, likewise.
    pub(crate) printed: Vec<Option<Printed>>,
    /// The versions of offers that it was priced by: of one offer several grants may be, each of its own.
    pub(crate) offers: HashMap<(OfferId, u32), Arc<Offer>>,
    /// What a quote promised that came by itself and cannot be had any more, by id.
    pub(crate) broken: Vec<Told>,
}
