//! The shape of a programme document, for checking it and for publishing it.

use super::{
    boosts::BOOSTS,
    brand::BRAND,
    offers::{OFFERS, PAY},
    referral::REFERRAL,
    registration::REGISTRATION,
};
use crate::attribute::{ATTRIBUTES_MAX, AttributeKind, CHOICES_MAX};
use crate::number::SignedFigure;
use crate::shape::{COUNT, Field, Shape, optional, required};

const DAYS: Shape = Shape::Whole { min: 0, max: 36_500 };
const MONTHS: Shape = Shape::Whole { min: 1, max: 1_200 };

/// What an activity gives, or takes.
const MOVED: Shape = Shape::Whole { min: -SignedFigure::MAX, max: SignedFigure::MAX };

const NAME: Shape = Shape::Object(&[
    required("zh", Shape::Text { max: 100 }, "in Chinese"),
    required("en", Shape::Text { max: 100 }, "in English"),
]);

const EXPIRY: Shape = Shape::Object(&[
    required(
        "mode",
        Shape::OneOf(&["year_end", "months", "days", "inactivity", "never"]),
        "when points expire",
    ),
    optional(
        "years",
        Shape::Whole { min: 0, max: 100 },
        "year_end: full years after the event's; 1 unless given",
    ),
    optional("months", MONTHS, "months, inactivity: how many"),
    optional(
        "round",
        Shape::OneOf(&["none", "month", "quarter", "year"]),
        "months: rounded up to the start of one",
    ),
    optional("days", Shape::Whole { min: 1, max: 36_500 }, "days: how many"),
]);

const LIMIT: Shape = Shape::Object(&[
    required("per", Shape::OneOf(&["order", "day", "month"]), "what it counts over"),
    required("points", COUNT, "the most points granted"),
]);

const BLOCK: Shape = Shape::Object(&[
    required("amount", Shape::Money, "the block; above 0"),
    required("points", COUNT, "points for each full one"),
]);

const MINIMUM: Shape = Shape::Object(&[required("amount", Shape::Money, "the least eligible amount")]);

const GROWTH: Shape = Shape::Object(&[
    required("per_unit", Shape::Rate, "growth per unit of currency"),
    optional("per_order", COUNT, "growth of every order that has an eligible amount; 0 unless given"),
    optional(
        "steps",
        Shape::List {
            of: &Shape::Object(&[
                required("from", Shape::Money, "an eligible amount; above 0"),
                required("growth", COUNT, "further growth of an order that reaches it"),
            ]),
            min: 0,
            max: 50,
        },
        "the highest that an order reaches counts; they rise in both",
    ),
]);

const POINTS: Shape = Shape::Object(&[
    optional("per_unit", Shape::Rate, "points per unit of currency; this or block"),
    optional("block", BLOCK, "points for every full block of money, in place of per_unit"),
    optional("minimum", MINIMUM, "an order below it earns no points; growth as always"),
    optional("hold_days", DAYS, "times 24 hours before points can be spent; 0 unless given"),
    optional("expiry", EXPIRY, "year_end with 1 year unless given"),
    optional(
        "on_short",
        Shape::OneOf(&["debt", "forgive"]),
        "points a refund cannot take; debt unless given",
    ),
    optional("restore_grace_days", DAYS, "for points restored to an expired lot; 30 unless given, 0 = lost"),
    optional(
        "redeem_late_hours",
        Shape::Whole { min: 0, max: 87_600 },
        "how late a redemption may be told; 72 unless given",
    ),
    optional("refund_days", DAYS, "the shop's refund window; points must outlive it"),
    optional(
        "excluded_categories",
        Shape::List { of: &Shape::Text { max: 64 }, min: 0, max: 200 },
        "earn nothing",
    ),
    optional("category_multipliers", Shape::Map { of: &Shape::Rate, max: 200 }, "by category"),
    optional("limits", Shape::List { of: &LIMIT, min: 0, max: 20 }, "on points granted"),
    optional("boosts", BOOSTS, "not obeyed yet, and so refused: 会员日, when orders earn more"),
    optional(
        "pay",
        PAY,
        "not obeyed yet, and so refused: what points pay at a checkout; nothing unless given",
    ),
]);

const TIER: Shape = Shape::Object(&[
    required("id", Shape::Id, "the tier's id"),
    optional("name", NAME, "as people know it"),
    required("growth", COUNT, "the growth that reaches it; 0 for the first"),
    optional("or", Shape::Condition, "another way to reach it, on facts that never fall"),
    optional(
        "validity",
        Shape::Object(&[required("months", MONTHS, "a period's length")]),
        "for ever unless given",
    ),
    optional(
        "retain",
        Shape::Object(&[required("growth", COUNT, "the period's growth that keeps it")]),
        "never kept unless given",
    ),
    optional(
        "on_lapse",
        Shape::Object(&[
            required("mode", Shape::OneOf(&["reset", "deduct", "step"]), "what becomes of growth"),
            optional("growth", COUNT, "deduct: by how much"),
        ]),
        "reset unless given",
    ),
    optional(
        "benefits",
        Shape::Object(&[
            optional("earn_multiplier", Shape::Rate, "of an order's points"),
            optional("redeem_rate", Shape::Rate, "of a reward's price"),
        ]),
        "1 each unless given",
    ),
    optional(
        "trial",
        Shape::Object(&[
            required(
                "at_percent",
                Shape::Whole { min: 1, max: 99 },
                "share of the threshold at which it starts",
            ),
            required("days", Shape::Whole { min: 1, max: 3_650 }, "times 24 hours"),
        ]),
        "预升级体验",
    ),
    optional(
        "lifetime",
        Shape::Object(&[required(
            "periods",
            Shape::Whole { min: 1, max: 1_000 },
            "kept so many times in a row",
        )]),
        "终身会员",
    ),
]);

const ACTIVITY: Shape = Shape::Object(&[
    required("id", Shape::Id, "the activity's id"),
    optional("name", NAME, "as people know it"),
    optional("points", MOVED, "each time, below 0 taken; 0 unless given"),
    optional("growth", MOVED, "each time, below 0 taken; 0 unless given"),
    optional("per_day", Shape::Whole { min: 1, max: 10_000 }, "most times a local day"),
    optional("per_month", Shape::Whole { min: 1, max: 10_000 }, "most times a local month"),
    optional("once", Shape::Bool, "once for ever"),
    optional(
        "streak",
        Shape::List {
            of: &Shape::Object(&[
                required("days", Shape::Whole { min: 1, max: 36_500 }, "consecutive local days"),
                required("points", COUNT, "bonus when they are reached"),
            ]),
            min: 0,
            max: 50,
        },
        "bonuses for consecutive days",
    ),
]);

const BADGE: Shape = Shape::Object(&[
    required("id", Shape::Id, "the badge's id"),
    optional("name", NAME, "as people know it"),
    optional("when", Shape::Condition, "issued when it holds; by hand only unless given"),
]);

const TAG: Shape = Shape::Object(&[
    required("id", Shape::Id, "the tag's id"),
    optional("name", NAME, "as people know it"),
    optional("when", Shape::Condition, "whoever it holds of has the tag; set by hand unless given"),
]);

const ATTRIBUTE: Shape = Shape::Object(&[
    required("id", Shape::Id, "the attribute's id"),
    optional("name", NAME, "as people know it"),
    required("kind", Shape::OneOf(&AttributeKind::WORDS), "what its values are; an id's kind never changes"),
    optional(
        "values",
        Shape::List {
            of: &Shape::Object(&[
                required("id", Shape::Id, "the value's id"),
                optional("name", NAME, "as people know it"),
            ]),
            min: 1,
            max: CHOICES_MAX,
        },
        "choice, choices: what there is to choose from",
    ),
    optional("staff", Shape::Bool, "whether staff alone set and see it; false unless given"),
]);

const FIELDS: [Field; 20] = [
    required("name", Shape::Text { max: 100 }, "the programme's name"),
    required("time_zone", Shape::Text { max: 64 }, "IANA name; its local calendar counts"),
    required("currency", Shape::Text { max: 3 }, "ISO 4217 code"),
    optional(
        "default_region",
        Shape::Text { max: 2 },
        "ISO 3166 alpha-2, for telephone numbers; CN unless given",
    ),
    optional(
        "late_days",
        Shape::Whole { min: 1, max: 36_500 },
        "how late an event may be told; 1100 unless given",
    ),
    required("brands", Shape::List { of: &BRAND, min: 1, max: 200 }, "who issues and honours points"),
    required("points", POINTS, "how points are earned, held and lost"),
    required("growth", GROWTH, "成长值"),
    required("tiers", Shape::List { of: &TIER, min: 1, max: 50 }, "the ladder, rising by growth"),
    optional("activities", Shape::List { of: &ACTIVITY, min: 0, max: 100 }, "签到, 评价 …"),
    optional("tags", Shape::List { of: &TAG, min: 0, max: 200 }, "标签, set by hand or by a rule"),
    optional(
        "attributes",
        Shape::List { of: &ATTRIBUTE, min: 0, max: ATTRIBUTES_MAX },
        "自定义资料, what is known of a person beside",
    ),
    optional("badges", Shape::List { of: &BADGE, min: 0, max: 80 }, "勋章"),
    optional(
        "lifecycle",
        Shape::Object(&[
            optional("new_days", DAYS, "30 unless given"),
            optional("active_days", DAYS, "90 unless given"),
            optional("lost_days", DAYS, "180 unless given"),
        ]),
        "生命周期",
    ),
    optional(
        "card",
        Shape::Object(&[optional(
            "offline_points",
            Shape::Whole { min: 0, max: 4_294_967_295 },
            "the most points a till without a network lets a card spend; 0 unless given",
        )]),
        "会员卡",
    ),
    optional("offers", OFFERS, "not obeyed yet, and so refused: 权益, what holds of every offer"),
    optional("referral", REFERRAL, "not obeyed yet, and so refused: 推荐, what bringing a friend gives"),
    optional("registration", REGISTRATION, "what must be told at registering, and who may"),
    optional(
        "identities",
        Shape::Object(&[optional(
            "require_proof",
            Shape::Bool,
            "whether a further identity of a member needs a proof, or a shop's word; false unless given",
        )]),
        "how members are known",
    ),
    optional(
        "activity_days",
        Shape::Whole { min: 30, max: 36_500 },
        "for how long the activity log keeps what staff have changed; 730 unless given",
    ),
];

/// The whole document.
pub const PROGRAM: Shape = Shape::Object(&FIELDS);

const SHOWN_FIELDS: [Field; 21] = {
    let mut fields = [optional("version", COUNT, "the version it is, or is based on"); 21];
    let mut index = 0;
    while index < FIELDS.len() {
        fields[index] = FIELDS[index];
        index += 1;
    }
    fields
};

/// The document with its version's number.
pub const SHOWN: Shape = Shape::Object(&SHOWN_FIELDS);
