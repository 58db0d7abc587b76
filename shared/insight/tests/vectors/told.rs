//! The file, and what it tells.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The reference values. `None`, with a word, where there are none; a file that was asked for must be there.
pub(super) fn reference() -> Option<Value> {
    let asked = env::var_os("INSIGHT_VECTORS").map(PathBuf::from);
    let path = match &asked {
        Some(path) => root().join(path),
        None => root().join("../shared/spec/vectors/insight/insight.json"),
    };
    if asked.is_none() && !path.exists() {
        println!("left out: there is no {}", path.display());
        return None;
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
}

/// A file of a public data set. `None`, with a word, where it is not.
pub(super) fn data(name: &str) -> Option<String> {
    let folder = env::var_os("INSIGHT_DATA").map(PathBuf::from);
    let path = root().join(folder.unwrap_or_else(|| PathBuf::from("examples/data/sources"))).join(name);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("left out: there is no {}; scripts/check-insight fetches it", path.display());
    }
    text
}

/// Where a found value is not the expected one, as sentences: numbers to a relative tolerance, all else exactly. Of an
/// expected object only what it names is compared.
pub(super) fn differences(at: &str, found: &Value, expected: &Value, relative: f64) -> Vec<String> {
    match (found, expected) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            let apart = (one - other).abs();
            // Of 0 nothing is a part.
            if apart <= relative * other.abs() || (other == 0.0 && apart <= relative) {
                return Vec::new();
            }
            vec![format!("{at}: {one} is not {other} to {relative:e}, but to {:.1e}", apart / other.abs())]
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            let each = ones.iter().zip(others).enumerate();
            each.flat_map(|(i, (one, other))| differences(&format!("{at}[{i}]"), one, other, relative))
                .collect()
        }
        (Value::Object(ones), Value::Object(others)) => {
            let each = others.iter();
            let one = |name: &str| ones.get(name).unwrap_or(&Value::Null);
            each.flat_map(|(name, other)| differences(&format!("{at}.{name}"), one(name), other, relative))
                .collect()
        }
        (one, other) if one == other => Vec::new(),
        (one, other) => vec![format!("{at}: {one} is not {other}")],
    }
}

/// How many digits a value was found to, at the worst place: for a word about it.
pub(super) fn digits(found: &Value, expected: &Value) -> f64 {
    match (found, expected) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            if one == other { 17.0 } else { -libm::log10(((one - other) / other).abs()) }
        }
        (Value::Array(ones), Value::Array(others)) => {
            ones.iter().zip(others).map(|(one, other)| digits(one, other)).fold(17.0, f64::min)
        }
        (Value::Object(ones), Value::Object(others)) => {
            others.iter().map(|(name, other)| digits(&ones[name], other)).fold(17.0, f64::min)
        }
        _ => 17.0,
    }
}
