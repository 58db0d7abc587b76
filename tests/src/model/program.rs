//! A programme's document, read once into plain fields.

use super::boosts::Boost;
use super::calendar::{Calendar, NEVER, add_months, first_of_year, round_up};
use super::facts::Condition;
use super::number::Exact;
use chrono::Datelike;
use serde_json::Value;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Everything in a programme that the model uses.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its number among the versions, from 1, and since when it is in force.
    pub(crate) version: u32,
    pub(crate) since: i64,
    pub(crate) calendar: Calendar,
    /// How many digits the currency has after the point.
    pub(crate) minor: u32,
    pub(crate) brands: BTreeMap<String, Brand>,
    /// Parts of each unit of money, and points for each full part.
    pub(crate) given: (Exact, i64),
    /// An order below it earns no points.
    pub(crate) minimum: Exact,
    pub(crate) growth_per_unit: Exact,
    pub(crate) growth_per_order: i64,
    /// From which amount, and how much, from the lowest.
    pub(crate) growth_steps: Vec<(Exact, i64)>,
    /// Its currency's code.
    pub(crate) currency: String,
    pub(crate) hold_days: i64,
    pub(crate) late_days: i64,
    pub(crate) expiry: Expiry,
    pub(crate) forgive: bool,
    pub(crate) grace_days: u64,
    pub(crate) redeem_late_hours: i64,
    pub(crate) excluded: BTreeSet<String>,
    pub(crate) multipliers: BTreeMap<String, Exact>,
    pub(crate) boosts: Vec<Boost>,
    /// `order`, `day` or `month`, and how many points.
    pub(crate) limits: Vec<(String, i64)>,
    /// From the lowest.
    pub tiers: Vec<Tier>,
    pub(crate) activities: BTreeMap<String, Activity>,
    /// Badge id and its condition (none: by hand alone).
    pub(crate) badges: Vec<(SmolStr, Condition)>,
    /// Tag id and its condition (none: by hand).
    pub(crate) tags: Vec<(String, Condition)>,
}

/// One brand.
#[derive(Clone, Debug)]
pub(crate) struct Brand {
    pub(crate) rate: Exact,
    pub(crate) late_days: Option<i64>,
    pub(crate) partner: bool,
}

/// `points.expiry`.
#[derive(Clone, Debug)]
pub(crate) enum Expiry {
    YearEnd { years: i32 },
    Months { months: u32, block: Option<u32> },
    Days { days: u64 },
    Inactivity { months: u32 },
    Never,
}

/// One step of the ladder.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its id.
    pub id: String,
    pub(crate) growth: i64,
    pub(crate) or: Condition,
    pub(crate) validity: Option<u32>,
    pub(crate) retain: Option<i64>,
    pub(crate) on_lapse: OnLapse,
    pub(crate) earn_multiplier: Exact,
    pub(crate) trial: Option<Trial>,
    pub(crate) lifetime: Option<i64>,
}

/// What a lapse does to the growth.
#[derive(Clone, Debug)]
pub(crate) enum OnLapse {
    Reset,
    Deduct(i64),
    Step,
}

/// A tier's trial: from which growth, for how many days.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) from: i64,
    pub(crate) days: i64,
}

/// One activity.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) points: i64,
    pub(crate) growth: i64,
    pub(crate) per_day: Option<i64>,
    pub(crate) per_month: Option<i64>,
    pub(crate) once: bool,
    /// Days and bonus.
    pub(crate) streak: Vec<(i64, i64)>,
}

impl Program {
    pub(crate) fn new(document: &Value, version: u32, since: i64) -> Program {
        let points = &document["points"];
        let id = |value: &Value| text(&value["id"]);
        Program {
            version,
            since,
            calendar: Calendar::new(&text(&document["time_zone"])),
            minor: if document["currency"] == "JPY" { 0 } else { 2 },
            brands: list(&document["brands"]).iter().map(|brand| (id(brand), Brand::new(brand))).collect(),
            given: match points["block"].is_object() {
                true => (rate(&points["block"]["amount"]).inverse(), number(&points["block"]["points"])),
                false => (rate(&points["per_unit"]), 1),
            },
            minimum: rate_or_zero(&points["minimum"]["amount"]),
            growth_per_unit: rate(&document["growth"]["per_unit"]),
            growth_per_order: document["growth"]["per_order"].as_i64().unwrap_or(0),
            growth_steps: list(&document["growth"]["steps"])
                .iter()
                .map(|step| (rate(&step["from"]), number(&step["growth"])))
                .collect(),
            currency: text(&document["currency"]),
            hold_days: points["hold_days"].as_i64().unwrap_or(0),
            late_days: document["late_days"].as_i64().unwrap_or(1100),
            expiry: Expiry::new(&points["expiry"]),
            forgive: points["on_short"] == "forgive",
            grace_days: points["restore_grace_days"].as_u64().unwrap_or(30),
            redeem_late_hours: points["redeem_late_hours"].as_i64().unwrap_or(72),
            excluded: list(&points["excluded_categories"]).iter().map(text).collect(),
            multipliers: points["category_multipliers"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(category, multiplier)| (category.clone(), rate(multiplier)))
                .collect(),
            boosts: list(&points["boosts"]).iter().map(Boost::new).collect(),
            limits: list(&points["limits"])
                .iter()
                .map(|limit| (text(&limit["per"]), number(&limit["points"])))
                .collect(),
            tiers: list(&document["tiers"]).iter().map(Tier::new).collect(),
            activities: list(&document["activities"])
                .iter()
                .map(|activity| (id(activity), Activity::new(activity)))
                .collect(),
            badges: list(&document["badges"])
                .iter()
                .map(|badge| (SmolStr::new(id(badge)), Condition::new(&badge["when"])))
                .collect(),
            tags: list(&document["tags"]).iter().map(|tag| (id(tag), Condition::new(&tag["when"]))).collect(),
        }
    }

    /// When points end that come from an event at `occurred`, recorded at `now` (rule 3).
    pub(crate) fn expires_at(&self, occurred: i64, now: i64) -> i64 {
        let date = self.calendar.date(occurred);
        match self.expiry {
            Expiry::YearEnd { years } => {
                let next = first_of_year(date.year() + years + 1);
                self.calendar.midnight(next)
            }
            Expiry::Months { months, block } => {
                let end = add_months(date, months);
                self.calendar.midnight(block.map_or(end, |block| round_up(end, block)))
            }
            Expiry::Days { days } => self.calendar.midnight_after_days(occurred, days),
            Expiry::Inactivity { months } => self.calendar.midnight_after_months(now, months),
            Expiry::Never => NEVER,
        }
    }

    /// The same, which may be below zero.
    pub(crate) fn signed_money(&self, text: &str) -> Option<Exact> {
        let amount = Exact::signed_decimal(text)?;
        self.money(text.strip_prefix('-').unwrap_or(text))?;
        Some(amount)
    }

    /// Money with at most the currency's minor digits.
    pub(crate) fn money(&self, text: &str) -> Option<Exact> {
        let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
        let amount = Exact::decimal(text)?;
        (digits <= self.minor as usize || amount.money(self.minor).is_some()).then_some(amount)
    }

    /// An amount in the currency's smallest units as a decimal string.
    pub fn show_money(&self, units: i64) -> String {
        super::number::money(units, self.minor)
    }

    /// The local year and month of an instant.
    pub fn month(&self, at: i64) -> (i32, u32) {
        let date = self.calendar.date(at);
        (date.year(), date.month())
    }

    /// The ids of its brands.
    pub fn brands(&self) -> impl Iterator<Item = &str> {
        self.brands.keys().map(String::as_str)
    }

    pub(crate) fn by_inactivity(&self) -> bool {
        matches!(self.expiry, Expiry::Inactivity { .. })
    }

    /// With `inactivity`: when the points of a member who was last active then end.
    pub(crate) fn inactive_after(&self, at: i64) -> Option<i64> {
        match self.expiry {
            Expiry::Inactivity { months } => Some(self.calendar.midnight_after_months(at, months)),
            _ => None,
        }
    }
}

impl Brand {
    fn new(value: &Value) -> Brand {
        Brand {
            rate: rate(&value["rate"]),
            late_days: value["late_days"].as_i64(),
            partner: value["kind"] == "partner",
        }
    }
}

impl Expiry {
    fn new(value: &Value) -> Expiry {
        let months = value["months"].as_u64().unwrap_or(0) as u32;
        match value["mode"].as_str().unwrap_or("year_end") {
            "year_end" => Expiry::YearEnd { years: value["years"].as_i64().unwrap_or(1) as i32 },
            "months" => Expiry::Months {
                months,
                block: match value["round"].as_str().unwrap_or("none") {
                    "month" => Some(1),
                    "quarter" => Some(3),
                    "year" => Some(12),
                    _ => None,
                },
            },
            "days" => Expiry::Days { days: value["days"].as_u64().expect("days") },
            "inactivity" => Expiry::Inactivity { months },
            "never" => Expiry::Never,
            other => panic!("no such expiry: {other}"),
        }
    }
}

impl Tier {
    fn new(value: &Value) -> Tier {
        let growth = number(&value["growth"]);
        Tier {
            id: text(&value["id"]),
            growth,
            or: Condition::new(&value["or"]),
            validity: value["validity"]["months"].as_u64().map(|n| n as u32),
            retain: value["retain"]["growth"].as_i64(),
            on_lapse: match value["on_lapse"]["mode"].as_str() {
                Some("deduct") => OnLapse::Deduct(number(&value["on_lapse"]["growth"])),
                Some("step") => OnLapse::Step,
                _ => OnLapse::Reset,
            },
            earn_multiplier: rate(&value["benefits"]["earn_multiplier"]),
            trial: value["trial"].is_object().then(|| Trial {
                from: Exact::ratio(number(&value["trial"]["at_percent"]), 100)
                    .times(&Exact::whole(growth))
                    .ceiling(),
                days: number(&value["trial"]["days"]),
            }),
            lifetime: value["lifetime"]["periods"].as_i64(),
        }
    }
}

impl Activity {
    /// Whether it takes, and gives nothing.
    pub(crate) fn takes(&self) -> bool {
        self.points < 0 || self.growth < 0
    }

    fn new(value: &Value) -> Activity {
        Activity {
            points: value["points"].as_i64().unwrap_or(0),
            growth: value["growth"].as_i64().unwrap_or(0),
            per_day: value["per_day"].as_i64(),
            per_month: value["per_month"].as_i64(),
            once: value["once"] == true,
            streak: list(&value["streak"])
                .iter()
                .map(|step| (number(&step["days"]), number(&step["points"])))
                .collect(),
        }
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a whole number")
}

/// A decimal string; 0 where it is not given.
fn rate_or_zero(value: &Value) -> Exact {
    value.as_str().map_or_else(Exact::zero, |_| rate(value))
}

/// A decimal string; 1 where it is not given.
pub(crate) fn rate(value: &Value) -> Exact {
    let text = value.as_str().unwrap_or("1");
    Exact::decimal(text).expect("a decimal string")
}
