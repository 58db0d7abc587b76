//! What offers gave, by the exported entries about uses and the exported uses of guests.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::fraction::Fraction;

/// Who bears an offer: a brand, or the programme.
pub(super) type Funder = Option<String>;

/// Who bears each version of each offer, and which part.
#[derive(Default)]
pub(super) struct Funding(HashMap<(String, u64), Vec<(Funder, Fraction)>>);

impl Funding {
    /// Reads an exported version of an offer. What does not say who bears it, its issuer does.
    pub(super) fn read(&mut self, line: &Value) -> Result<(), String> {
        let wrong =
            || format!("an offer that cannot be read: {}, version {}", line["offer"], line["version"]);
        let (id, document) = (line["offer"].as_str().ok_or_else(wrong)?, &line["document"]);
        let version = line["version"].as_u64().ok_or_else(wrong)?;
        let shares = match &document["funding"] {
            Value::Null => {
                let issuer = document["brand"].as_str().ok_or_else(wrong)?;
                vec![(Some(issuer.to_owned()), Fraction::parse("1").ok_or_else(wrong)?)]
            }
            funding => {
                let parts = funding.as_array().ok_or_else(wrong)?.iter();
                let parts = parts.map(|part| {
                    let share = part["share"].as_str().and_then(Fraction::parse)?;
                    Some((part["brand"].as_str().map(str::to_owned), share))
                });
                parts.collect::<Option<_>>().ok_or_else(wrong)?
            }
        };
        self.0.insert((id.to_owned(), version), shares);
        Ok(())
    }

    fn of(&self, offer: &str, version: u64) -> Result<&[(Funder, Fraction)], String> {
        let found = self.0.get(&(offer.to_owned(), version));
        found.map(Vec::as_slice).ok_or_else(|| format!("offer {offer} has no version {version}"))
    }
}

/// What a version of an offer gave, or had given.
#[derive(Clone, Debug)]
struct Part {
    offer: String,
    version: u64,
    amount: Fraction,
}

/// What a use is known by: the brand, the order and the use without one, of which one is empty.
type Of = (String, String, String);

/// What offers gave by a telling of a use, or what of it came back.
#[derive(Clone, Debug)]
pub(super) struct Gift {
    of: Of,
    /// What the use gives from then on.
    given: Vec<Part>,
    /// What of it had been given before, or comes back.
    returned: Vec<Part>,
}

impl Gift {
    /// What an entry, or a line of a guest's use, says; `None` if it is about no use, an error if it cannot be read.
    pub(super) fn read(line: &Value) -> Result<Option<Gift>, ()> {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let given = match line["kind"].as_str() {
            Some("use") => parts(&line["offers"])?,
            // What it says of offers is what of their limits comes back.
            Some("reverse_use") => Vec::new(),
            _ => return Ok(None),
        };
        let of = (text("brand"), text("order_id"), text("use_id"));
        Ok(Some(Gift { of, given, returned: parts(&line["returned"])? }))
    }

    /// Where it was used.
    pub(super) fn brand(&self) -> &str {
        &self.of.0
    }

    /// What each bears of it; below zero of what comes back.
    pub(super) fn shares(&self, funding: &Funding) -> Result<Vec<(Funder, Fraction)>, String> {
        let given = self.given.iter().map(|part| (part, 1));
        let mut shares = Vec::new();
        for (part, sign) in given.chain(self.returned.iter().map(|part| (part, -1))) {
            for (funder, share) in funding.of(&part.offer, part.version)? {
                shares.push((funder.clone(), part.amount.scaled(share).times(sign)));
            }
        }
        Ok(shares)
    }
}

fn parts(list: &Value) -> Result<Vec<Part>, ()> {
    let parts = list.as_array().into_iter().flatten().map(|part| {
        Some(Part {
            offer: part["offer"].as_str()?.to_owned(),
            version: part["version"].as_u64()?,
            amount: Fraction::parse(part["amount"].as_str()?)?,
        })
    });
    parts.collect::<Option<_>>().ok_or(())
}

/// What is left of what each use was given, in whatever month, by version of an offer.
#[derive(Default)]
pub(super) struct Left(BTreeMap<Of, BTreeMap<(String, u64), Fraction>>);

impl Left {
    pub(super) fn follow(&mut self, gift: &Gift) {
        let left = self.0.entry(gift.of.clone()).or_default();
        for (parts, sign) in [(&gift.given, 1), (&gift.returned, -1)] {
            for part in parts {
                let sum = left.entry((part.offer.clone(), part.version)).or_insert_with(Fraction::nought);
                sum.add(&part.amount.times(sign));
            }
        }
    }

    /// Of which uses more came back than was given.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for ((brand, order, used), left) in &self.0 {
            for ((offer, version), left) in left.iter().filter(|(_, left)| left.is_below_nought()) {
                let (what, more) = (format!("{order}{used} at {brand}"), left.times(-1).show(4));
                let version = format!("version {version} of {offer}");
                differences.push(format!("{what}: {more} more came back than {version} had given"));
            }
        }
        differences
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(shares: &[(Funder, Fraction)]) -> Vec<String> {
        let name = |funder: &Funder| funder.clone().unwrap_or_else(|| "programme".to_owned());
        shares.iter().map(|(funder, share)| format!("{} {}", name(funder), share.show(8))).collect()
    }

    #[test]
    fn what_was_given_is_borne_by_those_whom_the_version_names() {
        let mut funding = Funding::default();
        let two = json!([{"brand": "acme", "share": "0.333333"}, {"programme": true, "share": "0.666667"}]);
        for (version, document) in
            [(1, json!({"brand": "bean"})), (2, json!({"brand": "bean", "funding": two}))]
        {
            funding.read(&json!({"offer": "o", "version": version, "document": document})).unwrap();
        }
        let part = |version: u64, amount: &str| json!({"offer": "o", "version": version, "amount": amount});
        let line = json!({"kind": "use", "brand": "cafe", "order_id": "1", "offers": [part(2, "1.00")],
            "returned": [part(1, "0.50")]});
        let told = Gift::read(&line).unwrap().unwrap();
        assert_eq!(
            shown(&told.shares(&funding).unwrap()),
            ["acme 0.33333300", "programme 0.66666700", "bean -0.50000000"]
        );
        let back = json!({"kind": "reverse_use", "brand": "cafe", "order_id": "1", "offers": [part(2, "9.00")],
            "returned": [part(2, "1.01")]});
        let back = Gift::read(&back).unwrap().unwrap();
        assert_eq!(shown(&back.shares(&funding).unwrap()), ["acme -0.33666633", "programme -0.67333367"]);
        let mut left = Left::default();
        left.follow(&back);
        left.follow(&told);
        assert_eq!(
            left.differences(),
            [
                "1 at cafe: 0.5000 more came back than version 1 of o had given",
                "1 at cafe: 0.0100 more came back than version 2 of o had given",
            ]
        );
        let unknown = json!({"kind": "use", "brand": "cafe", "use_id": "1", "offers": [part(3, "1.00")]});
        let unknown = Gift::read(&unknown).unwrap().unwrap();
        assert_eq!(unknown.shares(&funding).unwrap_err(), "offer o has no version 3");
        assert!(Gift::read(&json!({"kind": "use", "offers": [{"offer": "o"}]})).is_err());
        assert!(Gift::read(&json!({"kind": "earn"})).unwrap().is_none());
        assert!(funding.read(&json!({"offer": "o", "version": 1, "document": {}})).is_err());
    }
}
