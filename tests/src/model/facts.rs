//! Conditions (rule 9) on the facts that the model knows, and what is shown of a member's orders.

use super::calendar::DAY;
use super::member::Member;
use super::number::Exact;
use super::orders::Order;
use super::program::{Program, list, text};
use serde_json::{Value, json};

/// What conditions are judged by.
pub(crate) struct Facts<'a> {
    pub(crate) program: &'a Program,
    pub(crate) member: &'a Member,
    /// This member's orders, wholly refunded ones too.
    pub(crate) orders: Vec<&'a Order>,
}

enum Fact {
    Number(Exact),
    Text(String),
    List(Vec<String>),
}

impl Facts<'_> {
    /// Whether a condition holds; one that is not given never does.
    pub(crate) fn hold(&self, when: &Value) -> bool {
        if when.is_null() {
            return false;
        }
        if let Some(all) = when["all"].as_array() {
            return all.iter().all(|part| self.hold(part));
        }
        if let Some(any) = when["any"].as_array() {
            return any.iter().any(|part| self.hold(part));
        }
        if when["not"].is_object() {
            return !self.hold(&when["not"]);
        }
        let (op, value) = (text(&when["op"]), &when["value"]);
        match self.fact(&text(&when["fact"])) {
            Fact::Number(fact) => match op.as_str() {
                "=" => fact == exact(value),
                "!=" => fact != exact(value),
                "<" => fact < exact(value),
                "<=" => fact <= exact(value),
                ">" => fact > exact(value),
                ">=" => fact >= exact(value),
                "in" => list(value).iter().any(|one| fact == exact(one)),
                "between" => fact >= exact(&value[0]) && fact <= exact(&value[1]),
                _ => panic!("{op} does not take a number"),
            },
            Fact::Text(fact) => match op.as_str() {
                "=" => fact == text(value),
                "!=" => fact != text(value),
                "in" => list(value).iter().any(|one| fact == text(one)),
                _ => panic!("{op} does not take a text"),
            },
            Fact::List(fact) => match op.as_str() {
                "contains" => fact.contains(&text(value)),
                _ => panic!("{op} does not take a list"),
            },
        }
    }

    fn fact(&self, name: &str) -> Fact {
        match name {
            "tier" => Fact::Text(self.program.tiers[self.member.tier].id.clone()),
            "growth" => Fact::Number(Exact::whole(self.member.growth)),
            "points.available" => Fact::Number(Exact::whole(self.member.available())),
            "orders.count" => Fact::Number(Exact::whole(self.count())),
            "orders.amount" => Fact::Number(self.amount()),
            "badges" => Fact::List(self.member.badges.clone()),
            other => panic!("the model does not know the fact {other}"),
        }
    }

    fn standing(&self) -> impl Iterator<Item = &&Order> {
        self.orders.iter().filter(|order| !order.gone)
    }

    fn count(&self) -> i64 {
        self.standing().count() as i64
    }

    /// What remains of each order, in the smallest unit of money, rounded down once.
    fn amount(&self) -> Exact {
        let unit = 10_i64.pow(self.program.minor);
        let units = |order: &&Order| order.remaining_amount().times(&Exact::whole(unit)).floor();
        Exact::ratio(self.standing().map(units).sum(), unit)
    }

    pub(crate) fn stats(&self) -> Value {
        let amount = self.amount().money(self.program.minor);
        json!({"orders": self.count(), "amount": amount})
    }

    /// Rule 10; None within two days and a half of a change (a zone may skip a date), or where a
    /// refunded order decides.
    pub(crate) fn lifecycle(&self, now: i64) -> Option<&'static str> {
        if self.orders.iter().any(|order| order.gone) {
            return None;
        }
        let age = |at: i64| now - at;
        let within = |at: i64, days: i64| match age(at) - days * DAY {
            near if near.abs() < 2 * DAY + DAY / 2 => None,
            past => Some(past < 0),
        };
        let times = || self.orders.iter().map(|order| order.occurred_at);
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
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
