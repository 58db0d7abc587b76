//! Compares the sums of the entries with the closed statement.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    fraction::Fraction,
    recompute::{Line, LineId},
};

const WORDS: [&str; 5] = ["issued", "honoured", "expired", "block_bought", "offers"];

/// What differs, in words: line by line, and within the statement itself.
pub(super) fn differences(lines: &BTreeMap<LineId, Line>, statement: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    let mut stated: BTreeMap<LineId, &Value> = BTreeMap::new();
    let mut all = read(&statement["programme"]["balance"]);
    for account in statement["accounts"].as_array().into_iter().flatten() {
        let brand = account["brand"].as_str().unwrap_or_default();
        let mut sum = Fraction::nought();
        for line in account["lines"].as_array().into_iter().flatten() {
            sum.add(&read(&line["account"]));
            match line_id(brand, line) {
                Some(id) if stated.insert(id.clone(), line).is_none() => {}
                Some(id) => differences.push(format!("{id}: the line stands twice")),
                None => differences.push(format!("{brand}: a line that is none: {line}")),
            }
        }
        let balance = read(&account["balance"]);
        all.add(&balance);
        if !sum.equals(&balance) {
            let text = account["balance"].as_str().unwrap_or_default();
            differences.push(format!("{brand}: a balance of {text} that is not the sum of its lines"));
        }
    }
    if !all.is_nought() {
        differences.push(format!("all accounts add up to {}, not to zero", all.show(6)));
    }
    // Months that were closed before what offers gave was settled have none of it.
    let settles = |id: &LineId| id.word != "offers" || statement["offers"] != false;
    for (id, line) in lines.iter().filter(|(id, _)| settles(id)) {
        match stated.remove(id) {
            Some(stated) => differences.extend(compared(id, line, stated)),
            None => differences.push(format!("{id}: {} by the entries, not in the settlement", told(line))),
        }
    }
    differences.extend(stated.iter().map(|(id, line)| {
        format!(
            "{id}: {} points and {} in the settlement, nothing by the entries",
            line["points"], line["amount"]
        )
    }));
    differences
}

fn read(amount: &Value) -> Fraction {
    amount.as_str().and_then(Fraction::parse).unwrap_or_else(Fraction::nought)
}

fn line_id(brand: &str, line: &Value) -> Option<LineId> {
    let word = WORDS.into_iter().find(|word| line["line"] == *word)?;
    let named = |name: &str| line[name].as_str().map(str::to_owned);
    let pair = match word {
        "offers" => Some((named("funder"), named("using_brand")?)),
        _ => None,
    };
    Some(LineId { brand: brand.to_owned(), word, issuer: named("issuer"), pair })
}

fn told(line: &Line) -> String {
    format!("{} points and {}", line.points, line.amount.show(line.digits))
}

/// How a line differs.
fn compared(id: &LineId, line: &Line, stated: &Value) -> Option<String> {
    let amount = line.amount.show(line.digits);
    let due = match id.word {
        "honoured" => line.amount.clone(),
        "expired" => Fraction::nought(),
        "offers" => match &id.pair {
            // What a brand bears of its own it owes to itself.
            Some((Some(funder), using)) if funder == using => Fraction::nought(),
            Some((_, using)) if *using == id.brand => line.amount.clone(),
            _ => line.amount.times(-1),
        },
        _ => line.amount.times(-1),
    };
    let points = if ["block_bought", "offers"].contains(&id.word) { Value::Null } else { line.points.into() };
    let same = stated["points"] == points
        && stated["amount"] == amount.as_str()
        && read(&stated["exact"]).equals(&line.exact)
        && stated["account"] == due.show(line.digits).as_str();
    (!same).then(|| {
        let by_entries = told(line);
        format!(
            "{id}: {} points and {} in the settlement, {by_entries} by the entries",
            stated["points"], stated["amount"]
        )
    })
}
