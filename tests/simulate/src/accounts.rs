//! Some brands have limits larger than they will ever use: their accounts meet every fault, no answer changes
//! because of them, and the audit compares them with the ledgers.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use domain::{
    programme::Way,
    time::{Instant, Zone},
};
use edge::Api;
use engine::{
    records::{EntryRecord, decode},
    store::Key,
};
use laurel_tests::model::Dice;
use serde_json::{Value, json};

use crate::{
    faults::{Fault, Mix},
    instance::ask,
};

/// More points than a seed moves, and money for them.
const PLENTY: i64 = 1_000_000_000;

/// Gives some brands limits, credit, or blocks to use up. If clocks differ by hours, a day's or month's limit
/// counts what others record in the day before, which the audit rightly finds: so there are limits only if
/// clocks agree.
pub(crate) fn add(document: &mut Value, mix: &Mix, dice: &mut Dice) {
    let steady = ![Fault::ClockAhead, Fault::ClockBack].iter().any(|fault| mix.has(*fault));
    for brand in document["brands"].as_array_mut().into_iter().flatten() {
        match dice.below(10) {
            0 | 1 if steady => brand["limits"] = limits(dice),
            2 => brand["funding"] = json!({"mode": "postpaid", "credit": PLENTY.to_string()}),
            3 => brand["funding"] = json!({"mode": "prepaid"}),
            _ => continue,
        }
        if brand["issue_price"].is_null() {
            brand["issue_price"] = json!("0.01");
            brand["honour_price"] = json!("0.01");
        }
    }
}

/// Other limits, or credit, for a brand that has them: allotments under the old terms return to the pool.
pub(crate) fn change(document: &mut Value, dice: &mut Dice) {
    for brand in document["brands"].as_array_mut().into_iter().flatten() {
        if !brand["limits"].is_null() {
            brand["limits"] = limits(dice);
        } else if brand["funding"]["mode"] == "postpaid" {
            brand["funding"]["credit"] = json!((PLENTY + dice.below(PLENTY)).to_string());
        }
    }
}

fn limits(dice: &mut Dice) -> Value {
    let per = dice.pick(&["day", "month", "member_day"]);
    json!([{"per": per, "issue": PLENTY + dice.below(PLENTY), "redeem": PLENTY}])
}

/// Sells blocks to those who use them up.
///
/// # Errors
/// One is not sold, in words.
pub(crate) fn sell(api: &Arc<Api>, document: &Value) -> Result<(), String> {
    for brand in document["brands"].as_array().into_iter().flatten() {
        if brand["funding"]["mode"] == "prepaid" {
            let path = format!("/partners/{}/blocks", brand["id"].as_str().unwrap_or_default());
            for reference in ["small", "large"] {
                let points = if reference == "small" { 100 } else { PLENTY };
                let block = json!({"points": points, "price": "1", "reference": reference}).to_string();
                let (status, answer) = ask(api, "POST", &path, &block, &[])?;
                if status >= 300 {
                    return Err(format!("no block: {status} {}", String::from_utf8_lossy(&answer)));
                }
            }
        }
    }
    Ok(())
}

/// Limits of a day or month that may have counted requests of the one before.
///
/// Here days pass between two steps of a request, as in no real one. A limit counts a write in its current
/// day, the ledger records the moment of the request, and the audit finds that the limit counts more.
pub(crate) struct Overtaken {
    zone: Zone,
    /// By brand, and by direction and period in the audit's words.
    windows: HashMap<(String, String), Late>,
}

/// What may have been counted too late.
#[derive(Default)]
struct Late {
    /// The newest day or month at the time of any write.
    newest: i32,
    /// Points that were written in an older one since.
    points: u64,
}

impl Overtaken {
    /// Nothing yet; `None` where no brand has limits.
    pub(crate) fn of(document: &Value) -> Option<Overtaken> {
        let limited = document["brands"].as_array()?.iter().any(|brand| !brand["limits"].is_null());
        let zone = Zone::of(document["time_zone"].as_str()?)?;
        limited.then(|| Overtaken { zone, windows: HashMap::new() })
    }

    /// Notes what was written, when another instance may have reached `newest`.
    ///
    /// # Errors
    /// An entry cannot be read, in words.
    pub(crate) fn note(&mut self, entries: &[(Key, Bytes)], newest: Instant) -> Result<(), String> {
        let newest = self.zone.day(newest);
        for (key, value) in entries {
            let entry: EntryRecord = decode(key, value).map_err(|error| error.to_string())?;
            let row = entry.event.kind.row();
            let Some(way) = row.moves.counts_as().map(Way::word) else { continue };
            let points = entry.event.movement.points().unsigned_abs();
            // An entry that moves nothing does not reach the account.
            let Some(brand) = row.brand.filter(|_| points > 0) else { continue };
            let own = self.zone.day(entry.recorded_at);
            let (days, months) =
                ([own.number().0, newest.number().0], [own.month_number(), newest.month_number()]);
            for (per, [own, newest]) in [("day", days), ("month", months)] {
                let late = self
                    .windows
                    .entry((brand.to_owned().to_string(), format!("{way} per {per}:")))
                    .or_default();
                if own > late.newest {
                    late.points = 0;
                }
                if own < newest {
                    late.points += points;
                }
                // A limit may have reached the newest day without any write in it.
                late.newest = newest.max(late.newest);
            }
        }
        Ok(())
    }

    /// Whether that finding of the audit comes from it: "issue per day: 7 points are counted, 5 by the ledger".
    pub(crate) fn excuses(&self, brand: &str, text: &str) -> bool {
        let read = || {
            let (way, rest) = text.split_once(" points are counted, ")?.0.rsplit_once(' ')?;
            let least = text.strip_suffix(" by the ledger")?.rsplit_once(' ')?.1;
            let more = rest.parse::<u64>().ok()?.checked_sub(least.parse().ok()?)?;
            let late = self.windows.get(&(brand.to_owned(), way.to_owned()))?;
            Some(more <= late.points)
        };
        read().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_excused_than_was_late() {
        let late = Late { newest: 9, points: 5 };
        let windows = HashMap::from([(("acme".to_owned(), "issue per day:".to_owned()), late)]);
        let overtaken = Overtaken { zone: Zone::of("UTC").expect("a zone"), windows };
        for (brand, text, excused) in [
            ("acme", "issue per day: 10 points are counted, 5 by the ledger", true),
            ("acme", "issue per day: 11 points are counted, 5 by the ledger", false),
            ("acme", "issue per day: 5 points are counted, 6 by the ledger", false),
            ("acme", "issue per month: 10 points are counted, 5 by the ledger", false),
            ("acme", "redeem per day: 10 points are counted, 5 by the ledger", false),
            ("bean", "issue per day: 10 points are counted, 5 by the ledger", false),
            ("acme", "block 1: bought, less drawn, less left, is 5 and not 0", false),
        ] {
            assert_eq!(overtaken.excuses(brand, text), excused, "{brand}: {text}");
        }
    }
}
