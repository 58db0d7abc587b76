//! Prints only the difference, and what to do about it, when a test of the repository's own shape fails.

use std::{collections::BTreeSet, fmt::Display};

use serde_json::Value;

/// Compares two sets.
///
/// # Panics
/// With what `is` has too much and what it lacks, and the advice.
#[track_caller]
pub(crate) fn same<T: Ord + Display>(
    of: &str,
    is: impl IntoIterator<Item = T>,
    should: impl IntoIterator<Item = T>,
    advice: &str,
) {
    let (is, should) = (is.into_iter().collect::<BTreeSet<_>>(), should.into_iter().collect::<BTreeSet<_>>());
    let lines = |word: &str, one: &BTreeSet<T>, other: &BTreeSet<T>| {
        one.difference(other).map(|item| format!("  {word}: {item}\n")).collect::<String>()
    };
    let told = lines("one too many", &is, &should) + &lines("missing", &should, &is);
    assert!(told.is_empty(), "{of}:\n{told}{advice}");
}

/// The first place at which two documents differ, and what each has there; `None` if they are equal.
pub(crate) fn first(one: &Value, other: &Value) -> Option<String> {
    differing(one, other, "")
}

fn differing(one: &Value, other: &Value, at: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            let inner = |(name, value): (&String, &Value)| {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                others.get(name).map_or_else(
                    || Some(format!("{at}: {}, and nothing", brief(value))),
                    |other| differing(value, other, &at),
                )
            };
            let more = |name: &&String| !fields.contains_key(*name);
            fields.iter().find_map(inner).or_else(|| {
                let name = others.keys().find(more)?;
                Some(format!("{at}/{name}: nothing, and {}", brief(&others[name])))
            })
        }
        (Value::Array(elements), Value::Array(others)) if elements.len() == others.len() => {
            let pairs = elements.iter().zip(others).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (one, other))| differing(one, other, &format!("{at}/{index}")))
        }
        _ => (one != other).then(|| format!("{at}: {}, and {}", brief(one), brief(other))),
    }
}

/// A value, cut where it gets long.
fn brief(value: &Value) -> String {
    const MOST: usize = 160;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[test]
fn the_first_difference_is_told() {
    let check = |one: &str, other: &str, want: Option<&str>| {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(first(&read(one), &read(other)).as_deref(), want);
    };
    check(r#"{"a":[1,{"b":2}]}"#, r#"{"a":[1,{"b":2}]}"#, None);
    check(r#"{"a":[1,{"b":2}],"c":1}"#, r#"{"a":[1,{"b":3}],"c":2}"#, Some("/a/1/b: 2, and 3"));
    check(r#"{"a":1,"/b":2}"#, r#"{"a":1}"#, Some("/~1b: 2, and nothing"));
    check(r#"{"a":1}"#, r#"{"a":1,"b":[]}"#, Some("/b: nothing, and []"));
    check("[1]", "[1,2]", Some(": [1], and [1,2]"));
}
