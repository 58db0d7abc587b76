//! Referral 推荐: what a friend and who has brought the friend are given (rewards.md, 8).

use super::{
    Programme,
    read::{small, text},
};
use crate::{
    id::{BrandId, OfferId},
    json::Json,
    number::{Currency, Figure, Money},
    shape::{COUNT, Fault, Field, Shape, optional, required},
};

/// What referral gives.
#[derive(Clone, PartialEq, Debug)]
pub struct ReferralRules {
    /// For how many times 24 hours after the friend's order what it gives is held.
    pub after_days: u32,
    /// The least eligible amount of the friend's first order.
    pub min_amount: Money,
    /// For how many times 24 hours after the registration that order may come.
    pub window_days: u32,
    /// What the friend is given.
    pub friend: Reward,
    /// What is given for the n-th friend, from which n on: the highest step reached. They rise.
    pub referrer: Vec<(u32, Reward)>,
    /// For how many friends of a local month something is given.
    pub per_month: u32,
    /// The brand whose points these are.
    pub brand: BrandId,
    /// What the link begins with, before the code.
    pub url: Option<String>,
}

/// What referral gives to one of the two: points, a grant of an offer, or both.
#[derive(Clone, PartialEq, Debug)]
pub struct Reward {
    /// Points; without them, or with 0, none.
    pub points: Option<Figure>,
    /// An offer of [`How::Issue`](crate::offer::How::Issue).
    pub offer: Option<OfferId>,
}

const POINTS: Field = optional("points", COUNT, "this, offer, or both");
const OFFER: Field = optional("offer", Shape::Id, "of issue: a grant of it");

const STEP: Shape = Shape::Object(&[
    required("from", Shape::Whole { min: 1, max: 1_000_000 }, "the n-th friend; above the step before it"),
    POINTS,
    OFFER,
]);

pub(super) const REFERRAL: Shape = Shape::Object(&[
    required("after_days", Shape::Whole { min: 0, max: 36_500 }, "times 24 hours for which it is held"),
    required("min_amount", Shape::Money, "the least eligible amount of the friend's first order"),
    required(
        "window_days",
        Shape::Whole { min: 1, max: 36_500 },
        "times 24 hours for which that order is waited for",
    ),
    required("friend", Shape::Object(&[POINTS, OFFER]), "what the friend is given"),
    required(
        "referrer",
        Shape::List { of: &STEP, min: 1, max: 50 },
        "for the n-th friend: the highest step reached",
    ),
    required(
        "per_month",
        Shape::Whole { min: 0, max: 1_000_000 },
        "friends of a local month for whom there is something",
    ),
    required("brand", Shape::Id, "whose points these are"),
    optional("url", Shape::Text { max: 2_000 }, "what the link begins with, before the code"),
]);

pub(super) fn referral(json: &Json, currency: Option<Currency>, faults: &mut Vec<Fault>) -> ReferralRules {
    let at = "/referral";
    let told = json.text_of("min_amount");
    let min_amount = currency.and_then(|currency| Money::parse(told?, currency));
    if let (Some(told), Some(currency), None) = (told, currency, min_amount) {
        let detail =
            format!("at most 13 digits before the point and {} after it, not {told:?}", currency.digits);
        faults.push(Fault::new(format!("{at}/min_amount"), "wrong_format", detail));
    }
    let friend = reward(json.get("friend").unwrap_or(&Json::Null), &format!("{at}/friend"), faults);
    let mut referrer: Vec<(u32, Reward)> = Vec::new();
    for (index, step) in json.get("referrer").map_or(&[][..], Json::list).iter().enumerate() {
        let at = format!("{at}/referrer/{index}");
        let reward = reward(step, &at, faults);
        let Some(from) = small(step, "from") else { continue };
        if referrer.last().is_some_and(|(below, _)| from <= *below) {
            faults.push(Fault::new(format!("{at}/from"), "out_of_range", "above the step before it"));
        }
        referrer.push((from, reward));
    }
    ReferralRules {
        after_days: small(json, "after_days").unwrap_or(0),
        min_amount: min_amount.unwrap_or_default(),
        window_days: small(json, "window_days").unwrap_or(1),
        friend,
        referrer,
        per_month: small(json, "per_month").unwrap_or(0),
        brand: BrandId::of_checked(text(json, "brand")),
        url: json.text_of("url").map(str::to_owned),
    }
}

fn reward(json: &Json, at: &str, faults: &mut Vec<Fault>) -> Reward {
    if json.get("points").is_none() && json.get("offer").is_none() {
        faults.push(Fault::new(at, "required", "points, offer, or both"));
    }
    let points = json.whole_of("points").and_then(Figure::of);
    Reward { points, offer: json.text_of("offer").map(OfferId::of_checked) }
}

/// What must agree across the document. Whether its offers exist is asked where they are kept.
pub(super) fn agree(programme: &Programme, faults: &mut Vec<Fault>) {
    let brand = programme.referral.as_ref().map(|referral| &referral.brand);
    if let Some(brand) = brand.filter(|brand| programme.brand(brand).is_none()) {
        faults.push(Fault::new("/referral/brand", "unknown_brand", format!("no brand {brand}")));
    }
}
