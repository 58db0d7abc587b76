//! The sample offers of `examples/offers`: each can be saved as it stands, and there is one of every kind.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{support::Shop, tidy::root};

/// What a document shows of what offers can be: its way, what it gives, and the fields that it has.
fn shown(document: &Value, into: &mut BTreeSet<String>) {
    for (field, value) in document.as_object().unwrap() {
        match field.as_str() {
            "how" => {
                into.insert(format!("how {}", value.as_str().unwrap()));
            }
            "gives" | "when" | "items" | "valid" | "where" => {
                names(field, value, into);
            }
            _ => {
                into.insert(field.clone());
            }
        }
    }
}

/// The names of the fields within, and of those within these.
fn names(of: &str, value: &Value, into: &mut BTreeSet<String>) {
    for (name, within) in value.as_object().unwrap() {
        into.insert(format!("{of} {name}"));
        if ["gives", "discount"].contains(&of) && within.is_object() {
            names(name, within, into);
        }
    }
}

#[tokio::test]
async fn the_sample_offers_can_be_saved_and_show_every_kind() {
    let folder = root().join("examples/offers");
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
    };
    let shop = Shop::open(&read("program.json"), "2017-09-01T00:00:00-04:00").await;
    let mut found = BTreeSet::new();
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    for file in files.filter(|file| file.ends_with(".json") && file != "program.json") {
        let document = read(&file);
        let saved =
            shop.ok("PUT", &format!("/offers/{}", file.trim_end_matches(".json")), document.clone()).await;
        assert_eq!(saved["version"], 1, "{file}");
        shown(&document, &mut found);
    }
    for kind in [
        "how auto",
        "how claim",
        "how buy",
        "how issue",
        "how code",
        "discount percent",
        "discount amount",
        "discount steps",
        "discount unit_price",
        "discount delivery",
        "discount max",
        "discount units",
        "delivery percent",
        "delivery amount",
        "gives item",
        "gives service",
        "gives access",
        "gives points",
        "items skus",
        "items categories",
        "items excluded_categories",
        "items minimum",
        "items minimum_quantity",
        "items minimum_on",
        "items not_priced",
        "when from",
        "when until",
        "when weekdays",
        "when hours",
        "when anniversary",
        "valid days",
        "valid until",
        "where channels",
        "audience",
        "budget",
        "funding",
        "give",
        "hold_minutes",
        "per_member",
        "price",
        "restore",
        "settle",
        "stack",
        "stock",
        "uses",
        "word",
    ] {
        assert!(found.contains(kind), "no sample shows {kind}: {found:?}");
    }
}
