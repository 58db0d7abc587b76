//! Compares answers as `run-vectors` does.

use super::calendar::{NEVER, instant};
use super::program::list;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The first place at which `got` does not match `want`: objects are compared as subsets, lists as a whole,
/// instants as instants.
pub fn difference(want: &Value, got: &Value) -> Option<String> {
    compare(want, got, "")
}

fn compare(want: &Value, got: &Value, at: &str) -> Option<String> {
    let unlike = || Some(format!("{at}: wanted {want}, got {got}"));
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            want.iter().find_map(|(field, want)| match got.get(field) {
                Some(got) => compare(want, got, &format!("{at}/{field}")),
                None => Some(format!("{at}/{field}: missing, wanted {want}")),
            })
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(index, (want, got))| compare(want, got, &format!("{at}/{index}"))),
        (Value::String(one), Value::String(other)) => match (instant(one), instant(other)) {
            (Some(one), Some(other)) if one == other => None,
            _ if one == other => None,
            _ => unlike(),
        },
        _ if want == got => None,
        _ => unlike(),
    }
}

/// An answer in the one form in which the engine's and the model's are compared. Minted ids are removed (a
/// driver has read them before). Entries that move nothing are left out of a ledger. In an entry's `lots`,
/// which show no holds, there is one row for each end and brand, in that order. Badges are sorted: no rule
/// says in which order one entry issues several.
pub fn canonical(answer: &Value) -> Value {
    let mut answer = answer.clone();
    for (holder, id) in [("", "id"), ("", "redemption_id"), ("/member", "id")] {
        let holder = answer.pointer_mut(holder).and_then(Value::as_object_mut);
        holder.and_then(|fields| fields.remove(id));
    }
    for badges in ["badges", "badges_issued"] {
        if let Some(badges) = answer.get_mut(badges).and_then(Value::as_array_mut) {
            badges.sort_by_key(|badge| badge.get("id").unwrap_or(badge).to_string());
        }
    }
    if answer["entry"].is_object() {
        answer["entry"]["lots"] = rows(&answer["entry"]["lots"]);
    }
    if let Some(entries) = answer.get_mut("entries").and_then(Value::as_array_mut) {
        entries
            .retain(|entry| entry["points"] != 0 || entry["growth"] != 0 || !list(&entry["lots"]).is_empty());
        for entry in entries {
            entry["lots"] = rows(&entry["lots"]);
        }
    }
    answer
}

fn rows(lots: &Value) -> Value {
    let mut rows: BTreeMap<(i64, String), Value> = BTreeMap::new();
    for lot in list(lots) {
        let end = lot["expires_at"].as_str().and_then(instant);
        let key = (end.unwrap_or(NEVER), lot["brand"].to_string());
        let points = |lot: &Value| lot["points"].as_i64().unwrap_or(0);
        let row = rows.entry(key).or_insert_with(|| {
            let mut row = lot.clone();
            row["points"] = json!(0);
            row
        });
        row["points"] = json!(points(row) + points(lot));
    }
    rows.into_values().collect()
}
