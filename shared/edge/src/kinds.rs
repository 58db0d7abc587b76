//! Kinds of value that bodies and answers hold: each is a Rust type that knows its shape. So the check of a
//! body, what a handler reads, what an answer writes and what is published cannot differ.
//!
//! [`body!`](crate::body) and [`answer!`](crate::answer) make structs of them. No kind is a float.

use std::ops::Deref;

use domain::{
    id::{
        ActivityId, ActivityRef, AdjustmentId, BadgeId, BatchId, BlockRef, BrandId, ClaimId, IssueId,
        OfferId, OrderChannel, OrderId, OrderLineId, RedemptionPart, ReferralCode, RefundId, TierId, UseId,
    },
    json::{Json, Text as JsonText},
    number::{Figure, Quantity, SignedFigure},
    shape::{COUNT, Field, Shape, optional, required},
    time::{Day, Instant, Month},
};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::wire::{self, Shown};

/// A kind of value.
pub trait Kind {
    /// What a value must be.
    const SHAPE: Shape;
}

/// A kind of value that a body may hold.
pub trait Read: Kind + Sized {
    /// The value; `None` if it does not have the shape.
    fn read(json: &Json) -> Option<Self>;
}

macro_rules! plain {
    ($($kind:ty: $shape:expr, |$json:ident| $read:expr;)+) => {$(
        impl Kind for $kind {
            const SHAPE: Shape = $shape;
        }

        impl Read for $kind {
            fn read($json: &Json) -> Option<Self> {
                $read
            }
        }
    )+};
}

plain! {
    bool: Shape::Bool, |json| json.bool();
    Figure: COUNT, |json| json.whole().and_then(Figure::of);
    SignedFigure: Shape::Whole { min: -SignedFigure::MAX, max: SignedFigure::MAX },
        |json| json.whole().and_then(SignedFigure::of);
    Quantity: Shape::Quantity, |json| match json {
        Json::Whole(pieces) => Figure::of(*pieces).map(Quantity::whole).filter(|quantity| *quantity > Quantity::NONE),
        json => json.text().and_then(Quantity::parse).filter(|quantity| *quantity > Quantity::NONE),
    };
    Instant: Shape::Instant, |json| json.text().and_then(Instant::parse);
    Day: Shape::Day, |json| json.text().and_then(Day::parse);
    Month: Shape::Month, |json| json.text().and_then(Month::parse);
}

/// Figures as an answer shows them; a body holds a [`Figure`] or a [`SignedFigure`].
macro_rules! shown {
    ($($number:ty: $shape:expr;)+) => {$(
        impl Kind for $number {
            const SHAPE: Shape = $shape;
        }
    )+};
}

shown! {
    u32: COUNT;
    u64: COUNT;
    i64: SignedFigure::SHAPE;
}

/// A whole number of that range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Whole<const MIN: i64, const MAX: i64>(pub i64);

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// The number, in a range without negative numbers.
    pub const fn count(self) -> u64 {
        const { assert!(MIN >= 0, "it may be below 0") };
        self.0.unsigned_abs()
    }
}

impl<const MIN: i64, const MAX: i64> Kind for Whole<MIN, MAX> {
    const SHAPE: Shape = Shape::Whole { min: MIN, max: MAX };
}

impl<const MIN: i64, const MAX: i64> Read for Whole<MIN, MAX> {
    fn read(json: &Json) -> Option<Self> {
        json.whole().filter(|whole| (MIN..=MAX).contains(whole)).map(Whole)
    }
}

/// A figure that is not 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Positive(pub Figure);

impl Kind for Positive {
    const SHAPE: Shape = Shape::Whole { min: 1, max: SignedFigure::MAX };
}

impl Read for Positive {
    fn read(json: &Json) -> Option<Self> {
        Figure::read(json).filter(|figure| figure.get() > 0).map(Positive)
    }
}

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $kind:ident $([$max:ident])?: $shape:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $kind<$(const $max: usize,)? T = String>(pub T);

        impl<$(const $max: usize,)? T> Kind for $kind<$($max,)? T> {
            const SHAPE: Shape = $shape;
        }

        impl<$(const $max: usize)?> Read for $kind<$($max)?> {
            fn read(json: &Json) -> Option<Self> {
                json.text().map(|text| $kind(text.to_owned()))
            }
        }

        impl<$(const $max: usize)?> From<$kind<$($max)?>> for String {
            fn from(text: $kind<$($max)?>) -> String {
                text.0
            }
        }

        impl<$(const $max: usize,)? T: Deref<Target = str>> Deref for $kind<$($max,)? T> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }
    )+};
}

texts! {
    /// Free text of 1 to so many characters.
    Text[MAX]: Shape::Text { max: MAX };
    /// What somebody else wrote, of up to so many characters; it may be empty.
    Cell[MAX]: Shape::Cell { max: MAX };
    /// An amount of money, as it was sent or is shown; [`Form::money`](crate::Form::money) reads it in the
    /// programme's currency.
    MoneyText: Shape::Money;
    /// A decimal string that may be below zero, as it is shown.
    Decimal: Shape::Decimal;
    /// An instant, as it is shown in the programme's zone.
    At: Shape::Instant;
    /// A month, as it is shown.
    MonthText: Shape::Month;
    /// A day, as it was sent or is shown.
    DayText: Shape::Day;
    /// A minute of a local day, as it was sent or is shown.
    ClockText: Shape::Clock;
}

macro_rules! ids {
    ($shape:expr; $($id:ty)*) => {$(
        impl Kind for $id {
            const SHAPE: Shape = $shape;
        }

        impl Read for $id {
            fn read(json: &Json) -> Option<Self> {
                json.text()?.parse().ok()
            }
        }
    )*};
}

ids! { Shape::Id; ActivityId BadgeId BlockRef BrandId OfferId ReferralCode TierId }
ids! { Shape::ShopId; ActivityRef AdjustmentId BatchId ClaimId IssueId OrderChannel OrderId OrderLineId RedemptionPart RefundId UseId }

/// An id of the operator's or a shop's, as it is shown. A body holds the id's own type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id<T>(pub T);

impl<T: Kind + ?Sized> Kind for Id<&T> {
    const SHAPE: Shape = T::SHAPE;
}

/// An id of the programme's that was checked when it was stored, as its text.
impl Kind for str {
    const SHAPE: Shape = Shape::Id;
}

impl<T: AsRef<str>> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_ref())
    }
}

/// A list of at least and at most so many.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct List<T, const MIN: usize, const MAX: usize>(pub Vec<T>);

impl<T: Kind, const MIN: usize, const MAX: usize> Kind for List<T, MIN, MAX> {
    const SHAPE: Shape = Shape::List { of: &T::SHAPE, min: MIN, max: MAX };
}

impl<T: Read, const MIN: usize, const MAX: usize> Read for List<T, MIN, MAX> {
    fn read(json: &Json) -> Option<Self> {
        let Json::List(elements) = json else { return None };
        elements.iter().map(T::read).collect::<Option<_>>().map(List)
    }
}

impl<T, const MIN: usize, const MAX: usize> FromIterator<T> for List<T, MIN, MAX> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        List(elements.into_iter().collect())
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// From names that others choose to one kind of value, in the order sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named<T, const MAX: usize>(pub Vec<(JsonText, T)>);

impl<T: Kind, const MAX: usize> Kind for Named<T, MAX> {
    const SHAPE: Shape = Shape::Map { of: &T::SHAPE, max: MAX };
}

impl<T: Read, const MAX: usize> Read for Named<T, MAX> {
    fn read(json: &Json) -> Option<Self> {
        let Json::Object(fields) = json else { return None };
        let one = |(name, value): &(JsonText, Json)| Some((name.clone(), T::read(value)?));
        fields.iter().map(one).collect::<Option<_>>().map(Named)
    }
}

impl<T: Serialize, const MAX: usize> Serialize for Named<T, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name.as_str(), value)))
    }
}

/// All of something, if one word says that, or a part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AllOr<T> {
    /// `"all"`
    All,
    /// The part.
    Part(T),
}

impl<T: Kind> Kind for AllOr<T> {
    const SHAPE: Shape = Shape::WordOr("all", &T::SHAPE);
}

impl<T: Read> Read for AllOr<T> {
    fn read(json: &Json) -> Option<Self> {
        match json {
            Json::Text(_) => Some(AllOr::All),
            part => T::read(part).map(AllOr::Part),
        }
    }
}

/// That, or `null`: a field of an answer that is always present.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct OrNull<T>(pub Option<T>);

impl<T: Kind> Kind for OrNull<T> {
    const SHAPE: Shape = Shape::OrNull(&T::SHAPE);
}

/// A field of a correction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Change<T> {
    /// It is missing: the old value stays.
    #[default]
    Keep,
    /// It is `null`: what was goes.
    Remove,
    /// What it is from now on.
    To(T),
}

impl<T> Change<T> {
    /// Does it to what was.
    pub(crate) fn apply<U: From<T>>(self, to: &mut Option<U>) {
        match self {
            Change::Keep => {}
            Change::Remove => *to = None,
            Change::To(value) => *to = Some(value.into()),
        }
    }
}

/// The programme as it was sent or is stored: `domain` defines and reads it.
#[derive(Debug)]
pub struct ProgrammeDocument<T>(pub T);

impl<T> Kind for ProgrammeDocument<T> {
    const SHAPE: Shape = Shape::Named("Programme", &domain::programme::SHOWN);
}

impl Read for ProgrammeDocument<Json> {
    fn read(json: &Json) -> Option<Self> {
        Some(ProgrammeDocument(json.clone()))
    }
}

impl Serialize for ProgrammeDocument<Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// An offer as it was sent or is stored: `domain` defines and reads it.
#[derive(Debug)]
pub struct OfferDocument<T>(pub T);

/// What an answer says of an offer beside its document. Whoever sends back what was shown may leave it there.
const OF_OFFER: [Field; 5] = [
    optional("id", Shape::Id, "the offer"),
    optional("saved_by", Shape::Text { max: 64 }, "who saved this version"),
    optional("saved_at", Shape::Instant, "when it was saved"),
    optional("left", LEFT, "to staff: what is left of it; null without bounds"),
    optional(
        "taken",
        TAKEN,
        "to staff, with from and to: what was taken on these local days, by the day of recording",
    ),
];

/// What is left of an offer.
const LEFT: Shape = Shape::Object(&[
    required("stock", <OrNull<u64> as Kind>::SHAPE, "pieces that may be issued, in all and today"),
    required("uses", <OrNull<u64> as Kind>::SHAPE, "uses, in all and today"),
    required("budget", <OrNull<MoneyText> as Kind>::SHAPE, "money"),
]);

/// What was taken of an offer on some days.
const TAKEN: Shape = Shape::Object(&[
    required("issued", <u64 as Kind>::SHAPE, "pieces issued, those that were taken back later too"),
    required("used", <u64 as Kind>::SHAPE, "what uses counted; what is held is not yet used"),
    required("returned", <u64 as Kind>::SHAPE, "what of it came back on these days"),
    required("amount", Shape::Decimal, "what budget counted, less what came back on these days"),
]);

const OFFER_FIELDS: [Field; OF_OFFER.len() + domain::offer::FIELDS.len()] = {
    let mut fields = [OF_OFFER[0]; OF_OFFER.len() + domain::offer::FIELDS.len()];
    let mut index = 0;
    while index < fields.len() {
        fields[index] = match index < OF_OFFER.len() {
            true => OF_OFFER[index],
            false => domain::offer::FIELDS[index - OF_OFFER.len()],
        };
        index += 1;
    }
    fields
};

const OFFER: Shape = Shape::Object(&OFFER_FIELDS);

impl<T> Kind for OfferDocument<T> {
    const SHAPE: Shape = Shape::Named("Offer", &OFFER);
}

impl Read for OfferDocument<Json> {
    fn read(json: &Json) -> Option<Self> {
        Some(OfferDocument(json.clone()))
    }
}

impl Serialize for OfferDocument<Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// An id, shown as a ULID behind a prefix of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ulid<T>(pub T);

impl<T: Shown> Ulid<T> {
    /// The id of that text.
    pub fn parse(text: &str) -> Option<Ulid<T>> {
        wire::read_id(text).map(Ulid)
    }
}

impl<T: Shown> Kind for Ulid<T> {
    const SHAPE: Shape = Shape::Ulid { prefix: T::PREFIX };
}

impl<T: Shown> Read for Ulid<T> {
    fn read(json: &Json) -> Option<Self> {
        json.text().and_then(Ulid::parse)
    }
}

impl<T: Shown + Copy> Serialize for Ulid<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&wire::id(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use domain::id::RedemptionId;

    use super::*;

    #[track_caller]
    fn check<T: Read + fmt::Debug + PartialEq>(text: &str, want: Option<T>) {
        let json = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(T::read(&json), want, "{text}");
        assert_eq!(T::SHAPE.check(&json).is_empty(), want.is_some(), "{text}");
    }

    /// A value with the shape is read, and nothing else.
    #[test]
    fn what_has_the_shape_is_read() {
        check("true", Some(true));
        check::<bool>("1", None);
        check("9007199254740991", Figure::of(9_007_199_254_740_991_u64));
        for none in ["-1", "1.0", "9007199254740992"] {
            check::<Figure>(none, None);
        }
        check("-7", SignedFigure::of(-7));
        check("-9007199254740991", SignedFigure::of(-SignedFigure::MAX));
        check::<SignedFigure>("-9007199254740992", None);
        check("1", Figure::of(1).map(Positive));
        check::<Positive>("0", None);
        check("3", Some(Quantity(3_000)));
        check("\"0.350\"", Some(Quantity(350)));
        for none in ["0", "-1", "0.5", "\"0\"", "\"0.000\"", "\"-1\"", "\"0.3501\"", "\"1e3\"", "true"] {
            check::<Quantity>(none, None);
        }
        check("3", Some(Whole::<1, 3>(3)));
        check::<Whole<1, 3>>("4", None);
        check("\"a\"", Some(BrandId::of_checked("a")));
        check::<BrandId>("1", None);
        check::<BrandId>("\"a b\"", None);
        check("[true]", Some(List::<bool, 1, 2>(vec![true])));
        check::<List<bool, 1, 2>>("{}", None);
        check("{\"a\":true}", Some(Named::<bool, 2>(vec![("a".into(), true)])));
        check("\"all\"", Some(AllOr::<bool>::All));
        check("false", Some(AllOr::Part(false)));
        check("\"2026-01\"", Month::parse("2026-01"));
        check::<Month>("\"2026-13\"", None);
        check(
            "\"rdm_01ARZ3NDEKTSV4RRFFQ69G5FAV\"",
            Ulid::<RedemptionId>::parse("rdm_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        );
        check::<Ulid<RedemptionId>>("\"mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV\"", None);
    }
}
