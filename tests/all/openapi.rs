//! The published contract is the one that checks requests.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::difference::first;

fn committed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json")
}

fn generated() -> Value {
    edge::openapi::document(&server::FUNCTIONS)
}

/// The committed document is the generated one. `LAUREL_UPDATE=1` rewrites it.
#[test]
fn the_committed_document_is_the_generated_one() {
    let document = generated();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("LAUREL_UPDATE").is_some_and(|value| value == "1") {
        fs::write(committed(), &text).unwrap();
    }
    let kept = fs::read_to_string(committed()).unwrap_or_default();
    if kept != text {
        let kept = serde_json::from_str(&kept).unwrap_or_default();
        let place = first(&kept, &document);
        panic!(
            "docs/openapi.json is not what the code says; first at {}\nrun `LAUREL_UPDATE=1 cargo test -p \
             laurel-tests --test all openapi`, and read `git diff docs/openapi.json`: callers rely on it",
            place.as_deref().unwrap_or("the order of fields, or blanks")
        );
    }
}

/// The documents' table of codes is the code's own. `LAUREL_UPDATE=1` rewrites it.
#[test]
fn the_table_of_codes_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("| status | `code` |", "\n\n");
    let from = text.find(begin).unwrap_or_else(|| panic!("docs/API.md has no line that begins with {begin}"));
    let to = from + text[from..].find(end).unwrap() + 1;
    let table = edge::Code::table();
    if std::env::var_os("LAUREL_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, [&text[..from], &table, &text[to..]].concat()).unwrap();
        return;
    }
    let differs = text[from..to].lines().zip(table.lines()).find(|(kept, made)| kept != made);
    assert!(
        text[from..to] == table,
        "docs/API.md has drifted from shared/edge/src/code.rs at {differs:?}: run this test with LAUREL_UPDATE=1"
    );
}

/// Every route is there once, with a name of its own, and every reference leads somewhere.
#[test]
fn every_route_is_published() {
    let document = generated();
    let mut operations = BTreeSet::new();
    for function in server::FUNCTIONS.iter() {
        for route in function.routes {
            let path = format!("/{}{}", function.name, route.path);
            let operation = &document["paths"][&path][route.method.word().to_lowercase()];
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{path} is not published"));
            assert!(operations.insert(id.to_owned()), "{id} stands twice");
            let has_body = route.body.is_some() || !route.texts.is_empty();
            assert_eq!(operation["requestBody"].is_object(), has_body, "{path}");
            for (status, _) in route
                .answers
                .iter()
                .map(|(status, _)| (*status, ""))
                .chain(route.problems.iter().map(|code| (code.status(), code.word())))
            {
                assert!(operation["responses"][status.to_string()].is_object(), "{path}: {status}");
            }
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
            assert_eq!(named("Idempotency-Key"), route.remembers, "{path}");
            assert_eq!(named("id"), route.path.contains("{id}"), "{path}");
            assert!(route.query.iter().all(|name| named(name)), "{path}");
        }
    }
    let published =
        document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len());
    assert_eq!(published.sum::<usize>(), operations.len());
    check_references(&document, &document);
}

fn check_references(document: &Value, at: &Value) {
    match at {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                let target = document.pointer(reference.trim_start_matches('#'));
                assert!(target.is_some(), "{reference} leads nowhere");
            }
            fields.values().for_each(|value| check_references(document, value));
        }
        Value::Array(elements) => elements.iter().for_each(|value| check_references(document, value)),
        _ => {}
    }
}
