//! An answer as it is told, to be compared with what a worked case expects.

use domain::{
    number::{Currency, Money},
    offer::price::{Answer, By, Line, Outcome, Priced, Reason, Share, Told},
    time::{Instant, Zone},
};
use serde_json::{Map, Value, json};

/// How an answer is told.
pub(crate) struct Wire<'a> {
    pub(crate) currency: Currency,
    pub(crate) zone: Zone,
    /// How coupons are told: by grant or code.
    pub(crate) coupons: &'a [(&'static str, Value)],
}

impl Wire<'_> {
    fn money(&self, amount: Money) -> Value {
        amount.show(self.currency).into()
    }

    fn moment(&self, at: Option<Instant>) -> Value {
        at.map(|at| self.zone.show(at)).into()
    }

    pub(crate) fn answer(&self, answer: &Answer) -> Value {
        let delivery = answer.delivery.as_ref().map(|delivery| {
            json!({"amount": self.money(delivery.amount), "discounts": self.shares(&delivery.discounts),
                "net": self.money(delivery.net)})
        });
        let mut told = json!({
            "lines": answer.lines.iter().map(|line| self.line(line)).collect::<Vec<_>>(),
            "offers": answer.offers.iter().map(|told| self.told(told)).collect::<Vec<_>>(),
            "coupons": answer.coupons.iter().map(|told| self.told(told)).collect::<Vec<_>>(),
            "delivery": delivery, "total": self.money(answer.total), "saved": self.money(answer.saved),
        });
        if let Some(points) = answer.points {
            told["points"] = json!({"usable": points.usable, "worth": self.money(points.worth)});
        }
        told
    }

    /// Of a use that is refused: the coupons that do not apply.
    pub(crate) fn reasons(&self, answer: &Answer) -> Value {
        let refused = answer.coupons.iter().filter(|told| matches!(told.outcome, Outcome::Not(_)));
        refused.map(|told| self.told(told)).collect()
    }

    /// Of a use that is refused: the lines that are blocked.
    pub(crate) fn blocked(&self, answer: &Answer) -> Value {
        let blocked = answer.lines.iter().filter_map(|line| match line {
            Line::Blocked { line_id, offer, opens_at } => {
                Some(json!({"line_id": line_id.as_str(), "offer": offer.as_str(), "opens_at": self.moment(*opens_at)}))
            }
            Line::Priced(_) => None,
        });
        blocked.collect()
    }

    fn line(&self, line: &Line) -> Value {
        match line {
            Line::Blocked { line_id, offer, opens_at } => json!({"line_id": line_id.as_str(),
                "blocked": {"offer": offer.as_str(), "opens_at": self.moment(*opens_at)}}),
            Line::Priced(priced) => self.priced(priced),
        }
    }

    fn priced(&self, line: &Priced) -> Value {
        let prices = line.prices.iter();
        let prices = prices.map(|at| json!({"offer": at.offer.as_str(), "quantity": at.quantity}));
        json!({"line_id": line.line_id.as_str(), "amount": self.money(line.amount), "price": self.money(line.price),
            "prices": prices.collect::<Vec<_>>(), "discounts": self.shares(&line.discounts),
            "net": self.money(line.net)})
    }

    fn shares(&self, shares: &[Share]) -> Value {
        let told = |share: &Share| {
            let By { offer, coupon } = &share.by;
            let mut told = json!({"offer": offer.as_str(), "amount": self.money(share.amount)});
            if let Some((kind, id)) = coupon.map(|coupon| &self.coupons[coupon]) {
                told[*kind] = id.clone();
            }
            told
        };
        shares.iter().map(told).collect()
    }

    fn told(&self, told: &Told) -> Value {
        let mut own = Map::new();
        let mut put = |name: &str, value: Value| own.insert(name.to_owned(), value);
        if let Some((kind, id)) = told.coupon.map(|coupon| &self.coupons[coupon]) {
            put(kind, id.clone());
        }
        if let Some((offer, version)) = &told.offer {
            put("offer", offer.as_str().into());
            put("version", (*version).into());
        }
        put("applied", (!matches!(told.outcome, Outcome::Not(_))).into());
        match &told.outcome {
            Outcome::Units { quantity, amount } => {
                put("quantity", (*quantity).into());
                put("amount", self.money(*amount));
            }
            Outcome::Taken { base, amount, trimmed } => {
                put("base", self.money(*base));
                put("amount", self.money(*amount));
                if *trimmed {
                    put("trimmed", true.into());
                }
            }
            Outcome::Pieces { quantity } => {
                put("quantity", (*quantity).into());
            }
            Outcome::Not(reason) => {
                put("reason", reason.word().into());
                self.data(reason).into_iter().for_each(|(name, value)| {
                    put(name, value);
                });
            }
        }
        Value::Object(own)
    }

    fn data(&self, reason: &Reason) -> Vec<(&'static str, Value)> {
        match reason {
            Reason::Given { until } | Reason::Held { until } => vec![("until", self.moment(Some(*until)))],
            Reason::NotYet { valid_from } => vec![("valid_from", self.moment(Some(*valid_from)))],
            Reason::MemberLimit { next_at } => vec![("next_at", self.moment(*next_at))],
            Reason::OfferNotOpen { opens_at } => vec![("opens_at", self.moment(*opens_at))],
            Reason::BelowMinimum { missing, missing_quantity } => [
                missing.map(|missing| ("missing", self.money(missing))),
                missing_quantity.map(|missing| ("missing_quantity", serde_json::to_value(missing).unwrap())),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Reason::ExcludedBy { by } => vec![("by", by.as_str().into())],
            _ => Vec::new(),
        }
    }
}

/// What the case expects is there; of an object what it names, of a list all of it. A grant that came to be by a use has
/// an id that this test does not give.
pub(crate) fn differs(expected: &Value, told: &Value, at: &str) -> Option<String> {
    const NOT_HERE: [&str; 7] = ["earns", "quote", "quote_until", "state", "until", "entry", "grants"];
    match (expected, told) {
        (Value::Object(expected), Value::Object(told)) => expected.iter().find_map(|(name, value)| {
            if at.is_empty() && NOT_HERE.contains(&name.as_str()) {
                return None;
            }
            let own = told.get(name).unwrap_or(&Value::Null);
            let is_new = name == "grant" && own.is_null();
            if is_new { None } else { differs(value, own, &format!("{at}/{name}")) }
        }),
        (Value::Array(expected), Value::Array(own)) if expected.len() == own.len() => {
            let pairs = expected.iter().zip(own).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (expected, own))| differs(expected, own, &format!("{at}/{index}")))
        }
        _ if expected == told => None,
        _ => Some(format!("{at}: expected {expected}, not {told}")),
    }
}
