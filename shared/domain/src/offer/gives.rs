//! Reads what an offer gives.

use super::{Discount, Gives, How, OfDelivery, Period, Quota, Service, Times, Units, read::Reading};
use crate::{
    id::TierId,
    json::Json,
    number::{Figure, Money, Rate},
    time::LocalMoment,
};

/// The kinds of what is given, by which it is told what goes with what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Percent,
    Amount,
    Steps,
    UnitPrice,
    Delivery,
    Item,
    Service,
    Access,
    Points,
}

/// Each by the word that stands in `gives` itself.
const GIVEN: [(&str, Option<Kind>); 5] = [
    ("discount", None),
    ("item", Some(Kind::Item)),
    ("service", Some(Kind::Service)),
    ("access", Some(Kind::Access)),
    ("points", Some(Kind::Points)),
];

/// Each by the word that stands in `discount`.
const TAKEN_OFF: [(&str, Option<Kind>); 5] = [
    ("percent", Some(Kind::Percent)),
    ("amount", Some(Kind::Amount)),
    ("steps", Some(Kind::Steps)),
    ("unit_price", Some(Kind::UnitPrice)),
    ("delivery", Some(Kind::Delivery)),
];

/// What quotas and openings by tier call everybody else.
const EVERYONE: &str = "everyone";

/// What each kind says of how it is come by.
pub(super) const WAYS: [(Kind, &[How], &str); 3] = [
    (Kind::UnitPrice, &[How::Auto], "a unit_price is of auto alone"),
    (Kind::Access, &[How::Auto], "access is of auto alone"),
    (Kind::Points, &[How::Claim, How::Issue], "points are of claim or issue"),
];

impl Gives {
    /// The word for its kind, which never changes.
    pub fn word(&self) -> &'static str {
        match self {
            Gives::Discount(_) => "discount",
            Gives::Item { .. } => "item",
            Gives::Service(_) => "service",
            Gives::Access { .. } => "access",
            Gives::Points { .. } => "points",
        }
    }
}

/// The one word of what is given that stands there; none where there are several.
pub(super) fn given(gives: &Json) -> Option<&'static str> {
    let mut there = GIVEN.iter().map(|(word, _)| *word).filter(|word| gives.get(word).is_some());
    there.next().filter(|_| there.next().is_none())
}

impl Reading<'_> {
    /// What is given, and of which kind.
    pub(super) fn gives(&mut self, json: &Json, how: Option<How>) -> Option<(Kind, Gives)> {
        let (word, kind) = self.one_of(json, "/gives", &GIVEN)?;
        let (inner, at) = (json.get(word)?, format!("/gives/{word}"));
        let Some(kind) = kind else { return self.discount(inner) };
        let gives = match kind {
            Kind::Item => Gives::Item { sku: inner.text_of("sku")?.to_owned() },
            Kind::Service => Gives::Service(self.service(inner, &at, how)?),
            Kind::Access => {
                let at = format!("{at}/opens");
                let (tiers, everyone) = self.by_tier(inner.get("opens")?, &at, |reading, json| {
                    json.text().and_then(LocalMoment::parse).map(|local| reading.programme.zone.at(local))
                });
                Gives::Access { tiers, everyone }
            }
            _ => Gives::Points {
                points: Figure::of(inner.whole_of("points")?)?,
                expires_days: inner.whole_of("expires_days").and_then(|days| u32::try_from(days).ok()),
            },
        };
        Some((kind, gives))
    }

    /// The one word of these that is there.
    fn one_of(
        &mut self,
        json: &Json,
        at: &str,
        words: &[(&'static str, Option<Kind>)],
    ) -> Option<(&'static str, Option<Kind>)> {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let mut there = words.iter().filter(|(word, _)| json.get(word).is_some());
        let Some(first) = there.next() else {
            return self.fault(at, "required", format!("one of {}", all.join(", ")));
        };
        let further: Vec<_> = there.collect();
        for (word, _) in &further {
            let detail = format!("one of {}, and {} is there", all.join(", "), first.0);
            self.fault::<()>(format!("{at}/{word}"), "unknown_field", detail);
        }
        further.is_empty().then_some(*first)
    }

    fn discount(&mut self, json: &Json) -> Option<(Kind, Gives)> {
        let at = "/gives/discount";
        let (word, kind) = self.one_of(json, at, &TAKEN_OFF)?;
        let kind = kind?;
        if kind != Kind::Percent && json.get("max").is_some() {
            self.rule(format!("{at}/max"), "unknown_field", format!("{word} does not take it"));
        }
        let units = match (json.get("units"), kind) {
            (Some(units), Kind::Percent | Kind::Amount) => self.units(units),
            (Some(_), _) => {
                self.rule(format!("{at}/units"), "unknown_field", format!("{word} does not take it"));
                None
            }
            (None, _) => None,
        };
        let discount = match kind {
            Kind::Percent => Discount::Percent {
                percent: self.percent(json, at)?,
                max: self.above_zero(json, "max", at),
                units,
            },
            Kind::Amount => Discount::Amount { amount: self.above_zero(json, "amount", at)?, units },
            Kind::Steps => Discount::Steps(self.steps(json.get("steps")?)),
            Kind::UnitPrice => Discount::UnitPrice(self.money(json, "unit_price", at)?),
            _ => Discount::Delivery(self.delivery(json.get("delivery")?)?),
        };
        Some((kind, Gives::Discount(discount)))
    }

    /// Hundredths: above 0, at most 100.
    fn percent(&mut self, json: &Json, at: &str) -> Option<Rate> {
        let percent = json.text_of("percent").and_then(Rate::parse)?;
        if !(1..=100_000_000).contains(&percent.millionths()) {
            let detail = format!("above 0 and at most 100, not {percent}");
            self.rule(format!("{at}/percent"), "out_of_range", detail);
        }
        Some(percent)
    }

    fn steps(&mut self, json: &Json) -> Vec<(Money, Money)> {
        let mut steps: Vec<(Money, Money)> = Vec::new();
        for (index, step) in json.list().iter().enumerate() {
            let at = format!("/gives/discount/steps/{index}");
            let off = self.above_zero(step, "off", &at);
            let Some(from) = self.money(step, "from", &at) else { continue };
            if steps.last().is_some_and(|(below, _)| from <= *below) {
                self.rule(format!("{at}/from"), "out_of_range", "above the step before it");
            }
            steps.extend(off.map(|off| (from, off)));
        }
        steps
    }

    fn delivery(&mut self, json: &Json) -> Option<OfDelivery> {
        let at = "/gives/discount/delivery";
        if json.text().is_some() {
            return Some(OfDelivery::Free);
        }
        match (json.get("percent").is_some(), json.get("amount").is_some()) {
            (true, false) => self.percent(json, at).map(OfDelivery::Percent),
            (false, true) => self.above_zero(json, "amount", at).map(OfDelivery::Amount),
            (true, true) => {
                self.fault(format!("{at}/amount"), "unknown_field", "percent or amount, not both")
            }
            (false, false) => self.fault(at, "required", "percent or amount, or \"free\" in place of it"),
        }
    }

    fn units(&mut self, json: &Json) -> Option<Units> {
        let at = "/gives/discount/units";
        let number = |name: &str| json.whole_of(name).and_then(|number| u64::try_from(number).ok());
        let (take, of, most) = (number("take"), number("of"), number("most"));
        if json.get("of").is_none() {
            if json.get("take").is_some() {
                self.rule(format!("{at}/take"), "unknown_field", "only with of");
            }
            if json.get("most").is_none() {
                self.rule(at, "required", "of or most");
            }
        } else if let (Some(take), Some(of)) = (take, of)
            && take > of
        {
            self.rule(format!("{at}/take"), "out_of_range", format!("at most of, which is {of}"));
        }
        let dearest = json.text_of("from") == Some("dearest");
        Some(Units { take: take.unwrap_or(1), of, most, dearest })
    }

    fn service(&mut self, json: &Json, at: &str, how: Option<How>) -> Option<Service> {
        let (quantity, of) = (json.get("quantity")?, format!("{at}/quantity"));
        let by_tier = !quantity.fields().is_empty() || matches!(quantity, Json::Object(_));
        let quota = if by_tier {
            let (tiers, everyone) = self.by_tier(quantity, &of, |_, json| times(json));
            if quantity.fields().is_empty() {
                self.rule(of.as_str(), "required", "a tier, or everyone");
            }
            Quota::ByTier { tiers, everyone }
        } else {
            Quota::All(times(quantity)?)
        };
        match how {
            Some(How::Auto) if json.get("per").is_none() => {
                self.rule(format!("{at}/per"), "required", "a service of auto counts over a window");
            }
            Some(How::Auto) | None => {}
            Some(how) => {
                if json.get("per").is_some() {
                    let detail =
                        format!("only a service of auto counts over a window, not one of {}", how.word());
                    self.rule(format!("{at}/per"), "unknown_field", detail);
                }
                let wrong = match quota {
                    Quota::ByTier { .. } => Some("by tier only of auto: a number from 1"),
                    Quota::All(Times::Unlimited) => Some("unlimited only of auto: a number from 1"),
                    Quota::All(Times::Most(0)) => Some("from 1; only an auto service may be none"),
                    Quota::All(Times::Most(_)) => None,
                };
                if let Some(detail) = wrong {
                    self.rule(of.as_str(), "out_of_range", detail);
                }
            }
        }
        Some(Service { quota, per: json.text_of("per").and_then(Period::of) })
    }

    /// Something by the tiers that are named, and what the rest has.
    fn by_tier<T>(
        &mut self,
        json: &Json,
        at: &str,
        each: impl Fn(&Self, &Json) -> Option<T>,
    ) -> (Vec<(TierId, T)>, Option<T>) {
        let (mut tiers, mut everyone) = (Vec::new(), None);
        for (name, value) in json.fields() {
            let read = each(self, value);
            if name == EVERYONE {
                everyone = read;
                continue;
            }
            let tier = TierId::of_checked(name);
            if self.is_new && self.programme.tier(&tier).is_none() {
                self.rule(self.inside(at, name), "unknown_tier", format!("no tier {tier}"));
            }
            tiers.extend(read.map(|read| (tier, read)));
        }
        (tiers, everyone)
    }
}

fn times(json: &Json) -> Option<Times> {
    match json.text() {
        Some(_) => Some(Times::Unlimited),
        None => json.whole().and_then(|most| u32::try_from(most).ok()).map(Times::Most),
    }
}

impl Period {
    /// Every period.
    pub const ALL: [Period; 5] = [Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        }
    }

    /// The period of that word.
    pub(super) fn of(word: &str) -> Option<Period> {
        Period::ALL.into_iter().find(|period| period.word() == word)
    }
}
