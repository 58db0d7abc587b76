//! Wrong bodies: as text, as JSON, and against the route's shape.

use laurel_tests::model::Dice;
use serde_json::Value;

/// The placeholder for a value.
const MARK: &str = "@@mark@@";

/// An index into something of that length.
pub(super) fn index(dice: &mut Dice, length: usize) -> usize {
    usize::try_from(dice.below(length as i64)).unwrap()
}

/// The body, an object, with these members before its own.
fn with(body: &str, members: &str) -> String {
    let rest = &body[1..];
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    format!("{{{members}{comma}{rest}")
}

/// Cut off anywhere but before its first byte.
pub(super) fn truncated(dice: &mut Dice, body: &str) -> Vec<u8> {
    let at = 1 + index(dice, body.len() - 1);
    body.as_bytes()[..at].to_vec()
}

/// Not JSON, in one of many ways.
pub(super) fn malformed(dice: &mut Dice, body: &str) -> Vec<u8> {
    let wrong = dice.pick(&[
        "NaN",
        "Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "1e999",
        "'a'",
        "undefined",
        "\"\\ud800\"",
        "\"\\x41\"",
        "\"a\nb\"",
        "tRUE",
        "",
    ]);
    let anywhere = 1 + index(dice, body.len() - 1);
    let mut broken = body.as_bytes().to_vec();
    match dice.below(6) {
        0 => return format!("{body}{}", dice.pick(&["}", "{}", "// no", "\0", ",", "]"])).into_bytes(),
        1 => broken.insert(anywhere, 0xff),
        2 => broken.insert(anywhere, 0),
        3 => broken.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        4 => return format!("'{body}'").into_bytes(),
        _ => return with(body, &format!("\"zz\":{wrong}")).into_bytes(),
    }
    broken
}

/// A duplicate name, also with other escapes of the same spelling.
pub(super) fn duplicated(dice: &mut Dice, body: &str) -> Vec<u8> {
    let value: Value = serde_json::from_str(body).unwrap();
    let names: Vec<&String> = value.as_object().unwrap().keys().collect();
    let Some(name) = (!names.is_empty()).then(|| names[index(dice, names.len())]) else {
        return with(body, "\"zz\":1,\"zz\":1").into_bytes();
    };
    let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
    let spelling = if dice.percent(50) { name } else { &escaped };
    with(body, &format!("\"{spelling}\":null")).into_bytes()
}

/// Deeper than anybody reads.
pub(super) fn deep(dice: &mut Dice, body: &str) -> Vec<u8> {
    let levels = dice.pick(&[&129usize, &1_000, &40_000]);
    let (open, close) = if dice.percent(50) { ("[", "]") } else { ("{\"a\":", "}") };
    let inner = if open == "[" { "" } else { "1" };
    with(body, &format!("\"zz\":{}{inner}{}", open.repeat(*levels), close.repeat(*levels))).into_bytes()
}

/// Longer than is read.
pub(super) fn oversized(dice: &mut Dice, bytes_max: usize, body: &str) -> Vec<u8> {
    let long = bytes_max + 1 + index(dice, 100_000);
    format!("{body}{}", " ".repeat(long - body.len())).into_bytes()
}

/// A field that no route knows.
pub(super) fn unknown_field(dice: &mut Dice, body: &str) -> Vec<u8> {
    let names =
        ["zz", "__proto__", "constructor", "Brand", "is_admin", "balance", "member.id", "点数", "$where"];
    with(body, &format!("\"{}\":{}", dice.pick(&names), dice.pick(&["1", "true", "{}", "\"a\""])))
        .into_bytes()
}

/// The body with another value instead of one that `fits` by name and value; `None` if there is none.
pub(super) fn replaced(
    dice: &mut Dice,
    body: &str,
    fits: fn(&str, &Value) -> bool,
    put: impl FnOnce(&Value) -> String,
) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_str(body).ok()?;
    let mut places = Vec::new();
    leaves("", "", &value, fits, &mut places);
    if places.is_empty() {
        return None;
    }
    let at = places.swap_remove(index(dice, places.len()));
    let place = value.pointer_mut(&at)?;
    let token = put(place);
    *place = MARK.into();
    Some(value.to_string().replace(&format!("\"{MARK}\""), &token).into_bytes())
}

/// Pointers to all values that are no lists and no objects, and fit.
fn leaves(at: &str, name: &str, value: &Value, fits: fn(&str, &Value) -> bool, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, value)| leaves(&format!("{at}/{name}"), name, value, fits, found));
        }
        Value::Array(elements) => {
            let numbered = elements.iter().enumerate();
            numbered.for_each(|(index, value)| leaves(&format!("{at}/{index}"), name, value, fits, found));
        }
        value if fits(name, value) => found.push(at.to_owned()),
        _ => {}
    }
}

/// Fields that hold an id.
pub(super) fn is_id(name: &str, value: &Value) -> bool {
    let names = [
        "order_id",
        "brand",
        "adjustment_id",
        "member_id",
        "member_ref",
        "redemption_id",
        "badge",
        "reference",
    ];
    value.is_string() && names.contains(&name)
}
