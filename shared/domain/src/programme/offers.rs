//! What a programme says of all offers, and of points that pay at a checkout (rewards.md, 3 and 4).

use super::read::small;
use crate::{
    json::Json,
    number::{Rate, SignedFigure},
    shape::{Fault, Shape, optional, required},
};

/// What holds of every offer.
#[derive(Clone, PartialEq, Debug)]
pub struct OfferRules {
    /// The most that the goods' discounts and coupons may take of what they cost after unit prices, in hundredths: 0 to
    /// 100.
    pub max_discount_percent: Option<Rate>,
    /// How many minutes a hold lasts where no offer says otherwise: 1 to 60.
    pub hold_minutes: u32,
    /// No discount is of lines in these categories.
    pub excluded_categories: Vec<String>,
}

impl Default for OfferRules {
    fn default() -> OfferRules {
        OfferRules { max_discount_percent: None, hold_minutes: 15, excluded_categories: Vec::new() }
    }
}

/// What points are worth at a checkout.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PayRules {
    /// What a point pays, in units of the currency; above 0.
    pub worth: Rate,
    /// The most that points may pay of what is left of an order, in hundredths: 1 to 100.
    pub max_percent: u32,
    /// They are taken in whole steps of so many; from 1.
    pub step: u64,
}

pub(super) const OFFERS: Shape = Shape::Object(&[
    optional(
        "max_discount_percent",
        Shape::Rate,
        "the most that goods' discounts and coupons may take of what an order costs after unit prices; without bounds unless given",
    ),
    optional("hold_minutes", Shape::Whole { min: 1, max: 60 }, "how long a hold lasts; 15 unless given"),
    optional(
        "excluded_categories",
        Shape::List { of: &Shape::Text { max: 64 }, min: 0, max: 200 },
        "no discount is of these",
    ),
]);

pub(super) const PAY: Shape = Shape::Object(&[
    required("worth", Shape::Rate, "what a point pays, in units of the currency; above 0"),
    optional(
        "max_percent",
        Shape::Whole { min: 1, max: 100 },
        "the most of an order's total; 100 unless given",
    ),
    optional(
        "step",
        Shape::Whole { min: 1, max: SignedFigure::MAX },
        "points are taken in whole steps of so many; 1 unless given",
    ),
]);

pub(super) fn offers(json: &Json, faults: &mut Vec<Fault>) -> OfferRules {
    let max_discount_percent = json.text_of("max_discount_percent").and_then(Rate::parse);
    if max_discount_percent.is_some_and(|percent| percent.millionths() > 100_000_000) {
        faults.push(Fault::new("/offers/max_discount_percent", "out_of_range", "at most 100"));
    }
    let rules = OfferRules::default();
    let excluded = json.get("excluded_categories").map_or(&[][..], Json::list).iter();
    OfferRules {
        max_discount_percent,
        hold_minutes: small(json, "hold_minutes").unwrap_or(rules.hold_minutes),
        excluded_categories: excluded.filter_map(Json::text).map(str::to_owned).collect(),
    }
}

pub(super) fn pay(json: &Json, faults: &mut Vec<Fault>) -> PayRules {
    let worth = json.text_of("worth").and_then(Rate::parse);
    if worth == Some(Rate::ZERO) {
        faults.push(Fault::new("/points/pay/worth", "out_of_range", "above 0"));
    }
    PayRules {
        worth: worth.unwrap_or(Rate::ONE),
        max_percent: small(json, "max_percent").unwrap_or(100),
        step: json.whole_of("step").and_then(|step| u64::try_from(step).ok()).unwrap_or(1),
    }
}
