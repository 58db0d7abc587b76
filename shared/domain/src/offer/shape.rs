//! The shape of an offer's document, for checking it and for publishing it.

use crate::{
    number::SignedFigure,
    shape::{COUNT, Field, Shape, optional, required},
};

const NAME: Shape = Shape::Object(&[
    required("zh", Shape::Text { max: 100 }, "in Chinese"),
    required("en", Shape::Text { max: 100 }, "in English"),
]);

const TEXT: Shape = Shape::Object(&[
    required("zh", Shape::Cell { max: 10_000 }, "in Chinese"),
    required("en", Shape::Cell { max: 10_000 }, "in English"),
]);

/// A whole number above 0.
const SOME: Shape = Shape::Whole { min: 1, max: SignedFigure::MAX };

/// Local days.
const DAYS: Shape = Shape::Whole { min: 1, max: 36_500 };

/// How often a service may be had; so many times 200 pieces fit in 32 bits.
const TIMES: Shape = Shape::WordOr("unlimited", &Shape::Whole { min: 0, max: 1_000_000 });

/// Categories or articles of an order, as its lines tell them.
const WORDS: Shape = Shape::List { of: &Shape::Text { max: 64 }, min: 1, max: 2_000 };

/// Those that are left out; nobody minds an empty list.
const LEFT_OUT: Shape = Shape::List { of: &Shape::Text { max: 64 }, min: 0, max: 2_000 };

const UNITS: Shape = Shape::Object(&[
    optional("take", SOME, "how many of every `of`, at most that; 1 unless given, and only with `of`"),
    optional("of", SOME, "of every so many whole units; `of` or `most` is given"),
    optional("most", SOME, "at most so many in all"),
    optional(
        "from",
        Shape::OneOf(&["cheapest", "dearest"]),
        "which of them are taken; the cheapest unless given",
    ),
]);

const STEP: Shape = Shape::Object(&[
    required("from", Shape::Money, "what the lines come to at least; above the step before it"),
    required("off", Shape::Money, "what is taken off; above 0"),
]);

const DELIVERY: Shape = Shape::WordOr(
    "free",
    &Shape::Object(&[
        optional("percent", Shape::Rate, "above 0, at most 100; this or amount"),
        optional("amount", Shape::Money, "above 0; this or percent"),
    ]),
);

const DISCOUNT: Shape = Shape::Object(&[
    optional("percent", Shape::Rate, "of the base: above 0, at most 100"),
    optional("max", Shape::Money, "of percent: at most that; above 0"),
    optional("amount", Shape::Money, "once an order, or with units off each of them; above 0"),
    optional("units", UNITS, "of percent or amount: of some units only"),
    optional("steps", Shape::List { of: &STEP, min: 1, max: 50 }, "满减: the highest reached, once"),
    optional("unit_price", Shape::Money, "会员价, 秒杀: what one unit costs, from 0; of auto alone"),
    optional("delivery", DELIVERY, "off the delivery"),
]);

const SERVICE: Shape = Shape::Object(&[
    required(
        "quantity",
        Shape::Either(&TIMES, &Shape::Map { of: &TIMES, max: 51 }),
        "how often; of auto also by tier (`everyone`: the rest), or unlimited",
    ),
    optional(
        "per",
        Shape::OneOf(&["day", "week", "month", "quarter", "year"]),
        "the window that it counts over: of auto always, else never",
    ),
]);

const GIVES: Shape = Shape::Object(&[
    optional("discount", DISCOUNT, "one of percent, amount, steps, unit_price, delivery"),
    optional(
        "item",
        Shape::Object(&[required("sku", Shape::Text { max: 64 }, "the article")]),
        "an article, which the shop adds at 0",
    ),
    optional("service", SERVICE, "something that is done for the member"),
    optional(
        "access",
        Shape::Object(&[required(
            "opens",
            Shape::Map { of: &Shape::LocalMoment, max: 51 },
            "by tier; `everyone` is the rest and guests; who is not named never",
        )]),
        "优先购买; of auto, with items, where and when alone",
    ),
    optional(
        "points",
        Shape::Object(&[
            required("points", SOME, "how many"),
            optional("expires_days", DAYS, "local days after the day of issue; as earned then unless given"),
        ]),
        "of claim or issue",
    ),
]);

/// When something is open.
pub(crate) const WHEN: Shape = Shape::Object(&[
    optional("from", Shape::LocalMoment, "from then on"),
    optional("until", Shape::LocalMoment, "before then; after from"),
    optional(
        "weekdays",
        Shape::List { of: &Shape::OneOf(&crate::time::WEEKDAYS), min: 1, max: 7 },
        "on these days of the week",
    ),
    optional(
        "month_days",
        Shape::List { of: &Shape::Whole { min: 1, max: 31 }, min: 1, max: 31 },
        "on these days of the month; one that a month has not is none",
    ),
    optional(
        "hours",
        Shape::List { of: &Shape::Clock, min: 2, max: 2 },
        "from the one and before the other, which is later and at most 24:00",
    ),
    optional("dates", Shape::List { of: &Shape::Day, min: 1, max: 1_000 }, "on these dates"),
    optional(
        "anniversary",
        Shape::Object(&[
            required("of", Shape::OneOf(&["birthday", "registered"]), "which day of the member's own"),
            optional("before", Shape::Whole { min: 0, max: 180 }, "days before it; 0 unless given"),
            optional(
                "after",
                Shape::Whole { min: 0, max: 180 },
                "days after it; 0 unless given; both at most 180",
            ),
        ]),
        "around a day that comes every year",
    ),
]);

const WHERE: Shape = Shape::Object(&[
    optional(
        "brands",
        Shape::List { of: &Shape::Id, min: 1, max: 200 },
        "where it may be used; at the issuer's unless given",
    ),
    optional("channels", Shape::List { of: &Shape::ShopId, min: 1, max: 200 }, "every one unless given"),
]);

const ITEMS: Shape = Shape::Object(&[
    optional("categories", WORDS, "lines in these, or of skus; all where neither is given"),
    optional("skus", WORDS, "lines of these"),
    optional("excluded_categories", LEFT_OUT, "never lines in these"),
    optional("excluded_skus", LEFT_OUT, "never lines of these"),
    optional("minimum", Shape::Money, "what they come to at least"),
    optional("minimum_quantity", SOME, "how many units at least"),
    optional(
        "not_priced",
        Shape::Bool,
        "units that a unit price lowered do not match; not of unit_price, access",
    ),
    optional(
        "minimum_on",
        Shape::OneOf(&["net"]),
        "minimum is of what is left after the goods' discounts; of delivery, item, service alone",
    ),
]);

const LIMITS: [Field; 2] = [
    optional("total", COUNT, "in all; 0 is none, without bounds unless given"),
    optional("per_day", COUNT, "each local day of recording"),
];

const STOCK: Shape = Shape::Object(&[
    LIMITS[0],
    LIMITS[1],
    optional("codes", Shape::Bool, "each piece hands out a code of somebody else's, put into stock before"),
]);

const FUNDING: Shape = Shape::Object(&[
    optional("brand", Shape::Id, "a brand; this or programme"),
    optional("programme", Shape::Bool, "true: all of them together; this or brand"),
    required("share", Shape::Rate, "its part; above 0, and all of them add to 1"),
]);

/// The fields of the document. What an answer adds to it stands in the answer's shape.
pub const FIELDS: [Field; 25] = [
    required("brand", Shape::Id, "who issues it"),
    required("name", NAME, "what members read"),
    optional("text", TEXT, "what members read: terms, how to use it"),
    optional("image", Shape::Text { max: 2_000 }, "where members' pages find its picture"),
    required("gives", GIVES, "one of discount, item, service, access, points; which of these never changes"),
    required(
        "how",
        Shape::OneOf(&["auto", "claim", "buy", "issue", "code"]),
        "how it is come by; never changes",
    ),
    optional("audience", Shape::Condition, "whom it is for; everybody unless given"),
    optional("when", WHEN, "all that are given must hold; moments and days are the programme's local ones"),
    optional("where", WHERE, "where it may be used"),
    optional("items", ITEMS, "the lines of an order that it is about"),
    optional("price", Shape::Object(&[required("points", SOME, "before redeem_rate")]), "of buy, always"),
    optional(
        "per_member",
        Shape::Object(&[
            required("n", Shape::Whole { min: 1, max: 200 }, "pieces issued and not taken back; or uses"),
            required(
                "per",
                Shape::OneOf(&["ever", "year", "month", "week", "day", "occasion"]),
                "the window; never changes; occasion needs when.anniversary",
            ),
        ]),
        "how many a member may have",
    ),
    optional("stock", STOCK, "taken when issued: of claim, buy, issue"),
    optional("uses", Shape::Object(&LIMITS), "taken when used"),
    optional(
        "budget",
        Shape::Object(&[optional("total", Shape::Money, "0 is none, without bounds unless given")]),
        "in money, taken when used",
    ),
    optional(
        "valid",
        Shape::Object(&[
            optional("days", DAYS, "ends at 00:00 so many local days after the day of issue; this or until"),
            optional("until", Shape::Day, "ends at its 00:00, and issuing too"),
            optional("starts_days", Shape::Whole { min: 0, max: 36_500 }, "begins so; at once unless given"),
        ]),
        "of what is issued; never ends unless given",
    ),
    optional(
        "stack",
        Shape::Object(&[
            optional("group", Shape::Id, "no two of one combine; of a unit_price it is `price`"),
            optional(
                "with",
                Shape::WordOr("all", &Shape::List { of: &Shape::Id, min: 0, max: 200 }),
                "groups and ids; two combine if each names the other; none unless given, of a unit_price all",
            ),
        ]),
        "with what it combines",
    ),
    optional(
        "restore",
        Shape::OneOf(&["whole_order", "never"]),
        "what a reversal gives back; whole_order unless given",
    ),
    optional(
        "give",
        Shape::Whole { min: 1, max: 8_760 },
        "hours within which it may be passed on; not unless given",
    ),
    optional("hold_minutes", Shape::Whole { min: 1, max: 60 }, "the programme's unless given"),
    optional(
        "word",
        Shape::Text { max: 15 },
        "of code: an alias of 3 to 15 letters of A-Z a-z and digits, compared as codes are",
    ),
    optional("settle", Shape::Money, "of an item or a service: what one unit is worth between brands"),
    optional(
        "funding",
        Shape::List { of: &FUNDING, min: 1, max: 201 },
        "who bears it; the issuer unless given",
    ),
    optional("suspended", Shape::Bool, "nothing of it is issued or used; false unless given"),
    optional("version", COUNT, "the version it is, or is saved on top of"),
];

/// The whole document.
pub const SHAPE: Shape = Shape::Object(&FIELDS);
