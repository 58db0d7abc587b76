//! Offers' documents: what is accepted, what is refused and where, and the cases of the specification.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use domain::{
    id::{BrandId, OfferId, TierId},
    json::Json,
    number::{Currency, Money, Rate},
    offer::{self, Discount, Ends, Funder, Gives, Offer, Quota, Times, With},
    programme::{self, Programme},
    time::Instant,
};
use serde_json::{Value, json};

/// A programme with those brands and tiers.
fn programme(brands: &[&str], tiers: &[&str]) -> Programme {
    let brands: Vec<Value> = brands.iter().map(|id| json!({"id": id})).collect();
    let tiers: Vec<Value> =
        tiers.iter().enumerate().map(|(index, id)| json!({"id": id, "growth": index * 500})).collect();
    let document = json!({
        "name": "Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "brands": brands, "tiers": tiers,
        "points": {"per_unit": "1"}, "growth": {"per_unit": "1"},
        "attributes": [{"id": "job", "kind": "choice", "values": [{"id": "cook"}, {"id": "smith"}]}],
        "badges": [{"id": "first"}],
    });
    programme::read(&read_json(&document), 1, Instant(0)).unwrap()
}

fn club() -> Programme {
    programme(&["acme", "bean"], &["basic", "silver", "gold"])
}

fn read_json(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap()
}

fn id() -> OfferId {
    "o".parse().unwrap()
}

/// What every offer has, and this.
fn whole(part: &Value) -> Value {
    let mut document = json!({"brand": "acme", "name": {"zh": "券", "en": "Coupon"}, "how": "issue",
                              "gives": {"discount": {"percent": "5"}}});
    for (name, value) in part.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

#[track_caller]
fn good(part: Value) -> Offer {
    let document = read_json(&whole(&part));
    let read = offer::read(&document, &id(), 1, &club());
    let saved = offer::read_saved(&document, &id(), 1, &club());
    assert_eq!(read, saved, "{part}");
    read.unwrap_or_else(|faults| panic!("{part}: {faults:#?}"))
}

/// The faults of the document, as `pointer code`.
#[track_caller]
fn check(part: Value, want: &[&str]) {
    let read = offer::read(&read_json(&whole(&part)), &id(), 1, &club());
    let faults: Vec<String> = read
        .err()
        .unwrap_or_default()
        .iter()
        .map(|fault| format!("{} {}", fault.pointer, fault.code))
        .collect();
    assert_eq!(faults, want, "{part}");
}

#[test]
fn the_cases_of_the_specification() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec/vectors/offers/offers.json");
    let Ok(text) = std::fs::read_to_string(file) else { return };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut judged = 0;
    for case in &cases {
        let mut document = case["program"].clone();
        // What the programme says of offers is read elsewhere.
        let points = document["points"].as_object_mut().unwrap();
        points.retain(|name, _| !["pay", "boosts"].contains(&name.as_str()));
        document.as_object_mut().unwrap().retain(|name, _| !["offers", "referral"].contains(&name.as_str()));
        let programme = programme::read(&read_json(&document), 1, Instant(0)).unwrap();
        let mut earlier: std::collections::HashMap<&str, Offer> = std::collections::HashMap::new();
        for step in case["steps"].as_array().unwrap() {
            let Some(name) = step["call"].as_str().unwrap().strip_prefix("PUT /offers/") else { continue };
            let read = offer::read(&read_json(&step["body"]), &name.parse().unwrap(), 1, &programme);
            let read = read.and_then(|read| {
                let changed = earlier.get(name).map_or(vec![], |old| offer::unchangeable(old, &read));
                if changed.is_empty() { Ok(read) } else { Err(changed) }
            });
            let right = match (step["expect"]["status"].as_u64().unwrap(), &read) {
                (200 | 409, Ok(_)) => true,
                // Two offers may not have one word: that is asked where they are kept.
                (422, Ok(read)) => earlier.iter().any(|(other, old)| *other != name && old.word == read.word),
                (status, _) => status == 422,
            };
            assert!(right, "{}: {step:#}\n{read:#?}", case["name"]);
            judged += 1;
            if let (Ok(read), Some(200)) = (read, step["expect"]["status"].as_u64()) {
                earlier.insert(name, read);
            }
        }
    }
    assert!(judged > 300, "{judged}");
}
