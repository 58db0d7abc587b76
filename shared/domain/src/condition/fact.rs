//! The facts about a member, by type, and who can answer them.

use super::Wants;
use crate::{
    attribute::Attribute,
    id::TierId,
    time::{Day, DayNumber, Instant},
};

/// Facts that are whole numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)] // named as on the wire
pub enum Number {
    Growth,
    PeriodGrowth,
    PointsAvailable,
    /// Points that expire within so many days.
    PointsExpiring {
        days: u16,
    },
    OrdersCount,
    /// Orders of so many local dates, one or more, today the last.
    OrdersCountLast {
        days: u16,
    },
    ReferralsCount,
    Age,
}

/// Facts that are amounts, in minor units of the programme's currency.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Amount {
    OrdersAmount,
}

/// Facts that are moments.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Moment {
    OrdersFirstAt,
    OrdersLastAt,
    RegisteredAt,
}

/// Facts that are sets of words.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Words {
    Categories,
    Badges,
    Tags,
}

/// Facts that are one word.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Word {
    Lifecycle,
    Gender,
    Region(Region),
    Channel,
    Brand,
}

/// The parts of a region.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Region {
    Province,
    City,
    District,
    /// 商圈
    Area,
}

impl Region {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Region::Province => "province",
            Region::City => "city",
            Region::District => "district",
            Region::Area => "area",
        }
    }
}

/// Facts that are so or not.
#[derive(Clone, PartialEq, Debug)]
pub enum Flag {
    /// `consent.<channel>`
    Consent(String),
}

/// A day of any year: month and day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MonthDay(u32, u32);

impl MonthDay {
    /// Reads `MM-DD`.
    pub fn parse(text: &str) -> Option<MonthDay> {
        // A year that has every day.
        Day::parse(&format!("2024-{text}")).map(MonthDay::of)
    }

    /// The day's.
    pub fn of(day: Day) -> MonthDay {
        let (month, day) = day.month_day();
        MonthDay(month, day)
    }
}

/// A source of facts. A missing fact is `None`; one that must be looked up first is an error. A settled
/// member answers through [`Subject`](super::Subject).
pub trait Facts {
    /// The real tier; a trial does not count.
    ///
    /// # Errors
    /// As for each of these: what must be looked up first.
    fn tier(&self) -> Result<Option<&TierId>, Wants>;

    /// The rank of that tier; a tier that the programme does not have is below all others.
    fn rank(&self, tier: &TierId) -> Option<usize>;

    #[allow(missing_docs)]
    fn number(&self, fact: Number) -> Result<Option<i64>, Wants>;

    #[allow(missing_docs)]
    fn amount(&self, fact: Amount) -> Result<Option<i64>, Wants>;

    #[allow(missing_docs)]
    fn moment(&self, fact: Moment) -> Result<Option<Instant>, Wants>;

    /// How many local dates that moment's lies before today.
    fn days_since(&self, moment: Instant) -> i64;

    /// Whether the set has that word.
    fn has(&self, fact: Words, word: &str) -> Result<bool, Wants>;

    #[allow(missing_docs)]
    fn word(&self, fact: Word) -> Result<Option<&str>, Wants>;

    #[allow(missing_docs)]
    fn birthday(&self) -> Result<Option<MonthDay>, Wants>;

    #[allow(missing_docs)]
    fn flag(&self, fact: &Flag) -> Result<Option<bool>, Wants>;

    /// The value of an attribute of the programme's.
    fn attribute(&self, id: &str) -> Result<Option<&Attribute>, Wants>;

    /// How many local dates that day lies before today; below 0 if it lies ahead.
    fn days_back(&self, day: DayNumber) -> i64;
}
