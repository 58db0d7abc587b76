//! Conditions (rule 9) on the facts that the model knows, and what is shown of a member's orders.

use super::calendar::DAY;
use super::member::Standing;
use super::number::Exact;
use super::program::{Program, list, text};
use serde_json::Value;

/// The facts that conditions test.
pub(crate) struct Facts<'a> {
    pub(crate) program: &'a Program,
    pub(crate) member: &'a Standing,
}

/// A condition, read once.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// A missing condition: it never holds.
    Never,
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Number(NumberFact, String, Vec<Exact>),
    Tier(String, Vec<String>),
    HasBadge(String),
    HasTag(String),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum NumberFact {
    Growth,
    PeriodGrowth,
    Available,
    OrdersCount,
    OrdersAmount,
}

impl Condition {
    pub(crate) fn new(when: &Value) -> Condition {
        let all = |parts: &Value| list(parts).iter().map(Condition::new).collect();
        if when.is_null() {
            return Condition::Never;
        }
        if when["all"].is_array() {
            return Condition::All(all(&when["all"]));
        }
        if when["any"].is_array() {
            return Condition::Any(all(&when["any"]));
        }
        if when["not"].is_object() {
            return Condition::Not(Box::new(Condition::new(&when["not"])));
        }
        let (op, value) = (text(&when["op"]), &when["value"]);
        let number = match text(&when["fact"]).as_str() {
            "growth" => NumberFact::Growth,
            "period_growth" => NumberFact::PeriodGrowth,
            "points.available" => NumberFact::Available,
            "orders.count" => NumberFact::OrdersCount,
            "orders.amount" => NumberFact::OrdersAmount,
            "tier" => {
                let one = std::slice::from_ref(value);
                let names = value.as_array().map_or(one, Vec::as_slice);
                return Condition::Tier(op, names.iter().map(text).collect());
            }
            "badges" => return Condition::HasBadge(text(value)),
            "tags" => return Condition::HasTag(text(value)),
            other => panic!("the model does not know the fact {other}"),
        };
        let values = match value.as_array() {
            Some(values) => values.iter().map(exact).collect(),
            None => vec![exact(value)],
        };
        Condition::Number(number, op, values)
    }
}

impl Facts<'_> {
    /// Whether a condition holds; a missing one never does.
    pub(crate) fn hold(&self, when: &Condition) -> bool {
        match when {
            Condition::Never => false,
            Condition::All(parts) => parts.iter().all(|part| self.hold(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.hold(part)),
            Condition::Not(part) => !self.hold(part),
            Condition::HasBadge(badge) => self.member.badges.iter().any(|(own, _)| own == badge),
            Condition::HasTag(tag) => {
                self.program.tags.iter().any(|(id, when)| id == tag && self.has_tag(id, when))
            }
            Condition::Tier(op, names) => {
                let own = &self.program.tiers[self.member.tier].id;
                match op.as_str() {
                    "=" | "in" => names.contains(own),
                    "!=" => !names.contains(own),
                    _ => panic!("{op} does not take a text"),
                }
            }
            Condition::Number(fact, op, values) => {
                let fact = self.number(*fact);
                match op.as_str() {
                    "=" | "in" => values.contains(&fact),
                    "!=" => fact != values[0],
                    "<" => fact < values[0],
                    "<=" => fact <= values[0],
                    ">" => fact > values[0],
                    ">=" => fact >= values[0],
                    "between" => fact >= values[0] && fact <= values[1],
                    _ => panic!("{op} does not take a number"),
                }
            }
        }
    }

    /// The tags that the member has, by hand and by a rule.
    pub(crate) fn tags(&self) -> Vec<&str> {
        let has = self.program.tags.iter().filter(|(id, when)| self.has_tag(id, when));
        has.map(|(id, _)| id.as_str()).collect()
    }

    fn has_tag(&self, id: &str, when: &Condition) -> bool {
        match when {
            Condition::Never => self.member.tags.contains(id),
            rule => self.hold(rule),
        }
    }

    fn number(&self, fact: NumberFact) -> Exact {
        let member = self.member;
        match fact {
            NumberFact::Growth => Exact::whole(member.growth),
            NumberFact::PeriodGrowth => Exact::whole(member.period_growth),
            NumberFact::Available => Exact::whole(member.available()),
            NumberFact::OrdersCount => Exact::whole(member.orders.count),
            NumberFact::OrdersAmount => {
                Exact::ratio(member.orders.units(self.program), 10_i64.pow(self.program.minor))
            }
        }
    }

    /// Rule 10; None within two days and a half of a change (a zone may skip a date), or where a
    /// refunded order decides.
    pub(crate) fn lifecycle(&self, now: i64) -> Option<&'static str> {
        let orders = &self.member.orders;
        if orders.any_gone {
            return None;
        }
        let age = |at: i64| now - at;
        let within = |at: i64, days: i64| match age(at) - days * DAY {
            near if near.abs() < 2 * DAY + DAY / 2 => None,
            past => Some(past < 0),
        };
        let (Some(first), Some(last)) = (orders.first_at, orders.last_at) else {
            let new = within(self.member.registered_at, 30)?;
            return Some(if new { "new" } else { "dormant" });
        };
        Some(if within(first, 30)? {
            "new"
        } else if within(last, 90)? {
            "active"
        } else if within(last, 180)? {
            "dormant"
        } else {
            "lost"
        })
    }
}

/// A number or a decimal string.
fn exact(value: &Value) -> Exact {
    match value.as_i64() {
        Some(whole) => Exact::whole(whole),
        None => Exact::decimal(&text(value)).expect("a number to compare with"),
    }
}
