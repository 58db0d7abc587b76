//! Offers 权益: what a programme gives its members beyond points, to whom, when, where and how often (rewards.md, 1).
//!
//! An [`Offer`] is one version of a document that an operator has saved, read and checked. What a member holds is
//! governed by the version that it was issued under. What an order costs with them is a pure function of them, the
//! member, the order and the moment.

pub mod code;
mod gives;
pub mod grant;
mod names;
pub mod openings;
pub mod price;
pub mod printed;
mod read;
mod shape;
mod when;
pub mod windows;

use crate::{
    condition::Condition,
    id::{BrandId, OfferId, TierId},
    number::{Figure, Money, Rate},
    time::{Day, DayNumber, Instant},
};

pub use read::{read, read_saved, unchangeable, word_of};
pub(crate) use shape::WHEN;
pub use shape::{FIELDS, SHAPE};
pub(crate) use when::openings as read_openings;

/// One version of an offer.
#[derive(Clone, PartialEq, Debug)]
pub struct Offer {
    /// Its id, which stays.
    pub id: OfferId,
    /// Its number: 1, 2, 3 …
    pub version: u32,
    /// The brand that issues it.
    pub brand: BrandId,
    /// What is given. Its kind never changes.
    pub gives: Gives,
    /// How a member comes by it. It never changes.
    pub how: How,
    /// Whom it is for; everybody without one.
    pub audience: Option<Condition>,
    /// When it is open.
    pub when: Openings,
    /// The brands at which it may be used; the issuer's alone unless the document names others. Never empty.
    pub brands: Vec<BrandId>,
    /// The channels in which it may be used; every one without a list.
    pub channels: Option<Vec<String>>,
    /// The lines of an order that it is about.
    pub items: Items,
    /// What a piece costs in points, before the member's `redeem_rate`; from 1. Of [`How::Buy`] alone.
    pub price: Option<Figure>,
    /// How many a member may have.
    pub per_member: Option<PerMember>,
    /// How many may be issued.
    pub stock: Limits,
    /// Whether each piece hands out a code of somebody else's that was put into stock.
    pub hands_out_codes: bool,
    /// How many may be used.
    pub uses: Limits,
    /// How much it may take in all.
    pub budget: Option<Money>,
    /// When what is issued may be used.
    pub valid: Valid,
    /// With what it combines.
    pub stack: Stack,
    /// What a reversal gives back.
    pub restore: Restore,
    /// Hours within which a grant that is passed on must be accepted; without, none may be passed on.
    pub give_hours: Option<u32>,
    /// How many minutes a hold lasts, 1 to 60; the programme's without one.
    pub hold_minutes: Option<u32>,
    /// An alias by which whoever knows it uses it, as codes are compared.
    pub word: Option<String>,
    /// What one unit of an item or service is worth between brands.
    pub settle: Option<Money>,
    /// Who bears it, and which part; the parts add to 1. Never empty.
    pub funding: Vec<(Funder, Rate)>,
    /// Whether nothing of it is issued or used now.
    pub suspended: bool,
}

impl Offer {
    /// What it makes a unit cost, if it does that.
    pub fn unit_price(&self) -> Option<Money> {
        match &self.gives {
            Gives::Discount(Discount::UnitPrice(price)) => Some(*price),
            _ => None,
        }
    }
}

/// What an offer gives.
#[derive(Clone, PartialEq, Debug)]
pub enum Gives {
    /// Something off the price of goods, or of their delivery.
    Discount(Discount),
    /// An article, which the shop adds at 0.
    Item {
        /// The shop's name of it.
        sku: String,
    },
    /// Something that is done for the member: a delivery, a lounge, a lecture.
    Service(Service),
    /// To buy earlier than others. When it opens for each tier; for the rest and guests `everyone`.
    Access {
        /// The moments, by tier. A tier that is not here never.
        tiers: Vec<(TierId, Instant)>,
        /// The moment for tiers that are not named and for guests; without one never.
        everyone: Option<Instant>,
    },
    /// Points.
    Points {
        /// How many, from 1.
        points: Figure,
        /// They end so many local days after the day of issue; as points that are earned now unless given.
        expires_days: Option<u32>,
    },
}

/// What is taken off.
#[derive(Clone, PartialEq, Debug)]
pub enum Discount {
    /// A part of the base.
    Percent {
        /// Hundredths of the base: above 0, at most 100.
        percent: Rate,
        /// At most that; of all units together.
        max: Option<Money>,
        /// Of some units only.
        units: Option<Units>,
    },
    /// An amount, once an order, or of each of some units.
    Amount {
        /// Above 0.
        amount: Money,
        /// Off each of these units.
        units: Option<Units>,
    },
    /// 满减: the highest step that is reached, once an order. They rise in `from`; each `off` is above 0.
    Steps(Vec<(Money, Money)>),
    /// 会员价, 秒杀: what one unit costs.
    UnitPrice(Money),
    /// Off the delivery.
    Delivery(OfDelivery),
}

/// What is taken off a delivery.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum OfDelivery {
    /// All of it.
    Free,
    /// Hundredths of it: above 0, at most 100.
    Percent(Rate),
    /// An amount above 0.
    Amount(Money),
}

/// Of which units an offer takes something: of every `of` whole units that match `take`, without `of` all; in all at
/// most `most`. `of` or `most` is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Units {
    /// From 1 to `of`; 1 without `of`.
    pub take: u64,
    /// From 1.
    pub of: Option<u64>,
    /// From 1.
    pub most: Option<u64>,
    /// Whether the dearest are taken; else the cheapest.
    pub dearest: bool,
}

/// A service, so many times.
#[derive(Clone, PartialEq, Debug)]
pub struct Service {
    /// How often. By tier only of [`How::Auto`].
    pub quota: Quota,
    /// The window that it counts over: always with [`How::Auto`], else never.
    pub per: Option<Period>,
}

/// How often a service may be had.
#[derive(Clone, PartialEq, Debug)]
pub enum Quota {
    /// Every tier the same.
    All(Times),
    /// By the tier in effect.
    ByTier {
        /// The tiers that are named.
        tiers: Vec<(TierId, Times)>,
        /// The rest; nothing without it.
        everyone: Option<Times>,
    },
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Times {
    /// So often.
    Most(u32),
    /// As often as one likes; each use is recorded.
    Unlimited,
}

/// How a member comes by an offer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// Who is eligible has it.
    Auto,
    /// For nothing, by asking.
    Claim,
    /// For points.
    Buy,
    /// From staff or a campaign.
    Issue,
    /// Who knows a code has it.
    Code,
}

impl How {
    /// Every way.
    pub const ALL: [How; 5] = [How::Auto, How::Claim, How::Buy, How::Issue, How::Code];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            How::Auto => "auto",
            How::Claim => "claim",
            How::Buy => "buy",
            How::Issue => "issue",
            How::Code => "code",
        }
    }
}

/// When an offer is open: all that are given hold. Moments and days are the programme's local ones.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Openings {
    /// From then on.
    pub from: Option<Instant>,
    /// Before then.
    pub until: Option<Instant>,
    /// On these days of the week; Monday is 0.
    pub weekdays: Option<Vec<u32>>,
    /// On these days of the month, 1 to 31. One that a month does not have is none.
    pub month_days: Option<Vec<u32>>,
    /// From the one minute of the day on and before the other, 0 to 1440.
    pub hours: Option<(u32, u32)>,
    /// On these days, rising.
    pub dates: Option<Vec<Day>>,
    /// Around a day of the member's own.
    pub anniversary: Option<Anniversary>,
}

/// A day of the member's own that comes every year, and days around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Anniversary {
    /// Which day.
    pub of: AnniversaryOf,
    /// How many days before it the occasion begins.
    pub before: u32,
    /// How many days after it the occasion lasts. Together with `before` at most 180.
    pub after: u32,
}

/// Which day of the member's own comes every year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnniversaryOf {
    /// The birthday.
    Birthday,
    /// The day of registration, from the next year on.
    Registered,
}

/// The lines of an order that an offer is about.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Items {
    /// In these categories, or `skus`; where neither is given, all.
    pub categories: Option<Vec<String>>,
    /// These articles.
    pub skus: Option<Vec<String>>,
    /// Never in these categories.
    pub excluded_categories: Vec<String>,
    /// Never these articles.
    pub excluded_skus: Vec<String>,
    /// What they come to at least.
    pub minimum: Option<Money>,
    /// How many there are at least, in whole units.
    pub minimum_quantity: Option<u64>,
    /// Whether units whose price a unit price lowered do not match.
    pub not_priced: bool,
    /// Whether `minimum` is of what is left after goods' discounts.
    pub minimum_on_net: bool,
    /// Whether the document has `items` at all: without, an item or service does not ask whether lines match.
    pub are_given: bool,
}

/// How many a member may have within a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PerMember {
    /// From 1 to 200.
    pub n: u32,
    /// The window.
    pub per: Window,
}

/// What a member's number counts over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// For ever.
    Ever,
    /// A local period.
    Period(Period),
    /// A year's occasion.
    Occasion,
}

/// A period of the local calendar.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Period {
    /// A day.
    Day,
    /// An ISO week.
    Week,
    /// A month.
    Month,
    /// A quarter.
    Quarter,
    /// A year.
    Year,
}

/// A number and a number of each local day; without one, without bounds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// In all.
    pub total: Option<Figure>,
    /// Of each day of recording.
    pub per_day: Option<Figure>,
}

/// When what is issued may be used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Valid {
    /// How many local days after the day of issue it begins; at once without it.
    pub starts_days: Option<u32>,
    /// When it ends.
    pub ends: Ends,
}

/// When a grant ends.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ends {
    /// Never.
    #[default]
    Never,
    /// At 00:00 so many local days after the day of issue.
    Days(u32),
    /// At 00:00 of that day, for all; then issuing ends too.
    Until(DayNumber),
}

/// With what an offer combines.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Stack {
    /// Its group: no two of one combine.
    pub group: Option<String>,
    /// The groups and ids that it combines with, if they name it too.
    pub with: With,
}

/// The others that an offer names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum With {
    /// All.
    All,
    /// Groups and ids.
    Named(Vec<String>),
}

impl Default for With {
    fn default() -> With {
        With::Named(Vec::new())
    }
}

/// What a reversal gives back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restore {
    /// All, once nothing of the order is left.
    WholeOrder,
    /// Nothing.
    Never,
}

/// Who bears what an offer gives.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Funder {
    /// A brand.
    Brand(BrandId),
    /// All of them together.
    Programme,
}
