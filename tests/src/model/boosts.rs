//! Member days (rule 4.2): times at which orders earn more.

use super::calendar::Calendar;
use super::draft::Draft;
use super::facts::{Condition, Facts};
use super::number::Exact;
use super::program::{Program, list, rate, text};
use chrono::Datelike;
use serde_json::Value;
use std::collections::BTreeSet;

/// A time at which orders earn more.
#[derive(Clone, Debug)]
pub(crate) struct Boost {
    pub(crate) multiplier: Exact,
    weekdays: Option<Vec<String>>,
    /// Minutes of the day.
    hours: Option<(u32, u32)>,
    categories: Option<BTreeSet<String>>,
    brands: Option<BTreeSet<String>>,
    pub(crate) audience: Condition,
    pub(crate) has_audience: bool,
}

impl Boost {
    pub(super) fn new(value: &Value) -> Boost {
        let words = |words: &Value| -> Option<BTreeSet<String>> {
            words.is_array().then(|| list(words).iter().map(text).collect())
        };
        let minutes = |hour: &Value| -> u32 {
            let hour = text(hour);
            let (hours, minutes) = hour.split_once(':').expect("hours as on a clock");
            hours.parse::<u32>().expect("an hour") * 60 + minutes.parse::<u32>().expect("a minute")
        };
        let when = &value["when"];
        Boost {
            multiplier: rate(&value["multiplier"]),
            weekdays: words(&when["weekdays"]).map(|days| days.into_iter().collect()),
            hours: when["hours"].is_array().then(|| (minutes(&when["hours"][0]), minutes(&when["hours"][1]))),
            categories: words(&value["categories"]),
            brands: words(&value["brands"]),
            audience: Condition::new(&value["audience"]),
            has_audience: value["audience"].is_object(),
        }
    }

    /// Whether it is open then, at that brand.
    pub(crate) fn is_open(&self, calendar: &Calendar, brand: &str, at: i64) -> bool {
        let day = calendar.date(at).weekday().to_string().to_lowercase();
        let minute = calendar.minute(at);
        self.weekdays.as_ref().is_none_or(|days| days.contains(&day))
            && self.hours.is_none_or(|(begin, end)| begin <= minute && minute < end)
            && self.brands.as_ref().is_none_or(|brands| brands.contains(brand))
    }

    /// Whether it multiplies lines of that category; of an order without lines there is none.
    pub(crate) fn fits(&self, category: Option<&str>) -> bool {
        let among = |categories: &BTreeSet<String>| category.is_some_and(|own| categories.contains(own));
        self.categories.as_ref().is_none_or(among)
    }
}

/// The largest multiplier that is open for lines of that category, at least 1.
pub(crate) fn largest(boosts: &[Boost], category: Option<&str>) -> Exact {
    let fitting = boosts.iter().filter(|boost| boost.fits(category));
    let multipliers = fitting.map(|boost| boost.multiplier.clone());
    multipliers.fold(Exact::whole(1), |most, own| if own > most { own } else { most })
}

impl Draft<'_> {
    /// What multiplies lines of an order that happened then, of the member as it is.
    pub(super) fn open_boosts(&self, program: &Program, brand: &str, occurred: i64) -> Vec<Boost> {
        let mut member = self.member.clone();
        member.tier = member.benefits_tier();
        let facts = Facts { program, member: &member };
        let open = program.boosts.iter().filter(|boost| boost.is_open(&program.calendar, brand, occurred));
        open.filter(|boost| !boost.has_audience || facts.hold(&boost.audience)).cloned().collect()
    }
}
