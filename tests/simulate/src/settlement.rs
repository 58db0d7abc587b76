//! The month in which a seed began is closed at its end: the accounts of all brands and the programme add up
//! to zero, and what each brand issued is what the model's entries say.

use std::{collections::BTreeMap, sync::Arc};

use edge::Api;
use serde_json::{Value, json};

use crate::{instance::ask, world::World};

/// Calls after which a month must be closed.
const CALLS_MAX: usize = 100;

/// Closes the month and compares, if it is over.
pub(crate) fn check(world: &World, api: &Arc<Api>) -> Result<(), String> {
    let program = world.model.program(1);
    let month = program.month(world.began);
    let name = format!("{:04}-{:02}", month.0, month.1);
    let body = json!({"month": name}).to_string();
    let mut calls = 0;
    loop {
        let (status, answer) = ask(api, "POST", "/settle", &body, &[])?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match (status, answer["done"].as_bool()) {
            (409, _) if answer["code"] == "month_not_ended" => return Ok(()),
            (200, Some(true)) => break,
            (200, _) if calls < CALLS_MAX => calls += 1,
            _ => return Err(format!("{name} is not closed: {status} {answer}")),
        }
    }
    let (status, answer) = ask(api, "GET", &format!("/settlements/{name}"), "", &[])?;
    let statement: Value = serde_json::from_slice(&answer).map_err(|error| format!("{status}: {error}"))?;
    let accounts = statement["accounts"].as_array().map_or(&[][..], Vec::as_slice);
    let mut sum = cents(&statement["programme"]["balance"])?;
    for account in accounts {
        sum += cents(&account["balance"])?;
    }
    if sum != 0 {
        return Err(format!("{name} does not come to nothing: {statement}"));
    }
    let told = |account: &Value| {
        let lines = account["lines"].as_array().map_or(&[][..], Vec::as_slice);
        let issued = lines.iter().find(|line| line["line"] == "issued");
        (
            account["brand"].as_str().unwrap_or_default().to_owned(),
            issued.and_then(|line| line["points"].as_i64()).unwrap_or(0),
        )
    };
    let told: BTreeMap<String, i64> = accounts.iter().map(told).filter(|(_, points)| *points != 0).collect();
    let mut wanted = issued(world, month);
    wanted.retain(|_, points| *points != 0);
    if told == wanted {
        Ok(())
    } else {
        Err(format!("{name}: issued {told:?}, where the model says {wanted:?}"))
    }
}

/// What each brand issued in a month by when entries were recorded: earned, less taken back.
fn issued(world: &World, month: (i32, u32)) -> BTreeMap<String, i64> {
    let mut issued = BTreeMap::new();
    let members = (0..world.model.members()).map(|member| world.model.member(member));
    for entry in members.flat_map(|member| &member.entries) {
        // What an activity takes counts for nobody.
        let forfeited = entry.kind == "activity" && entry.points < 0;
        let billed = ["earn", "activity", "reverse_earn", "revise", "reverse_activity"];
        let counts = billed.contains(&entry.kind) && !forfeited;
        if counts && world.model.program(1).month(entry.recorded_at) == month {
            let brand = entry.brand.as_deref().unwrap_or_default();
            *issued.entry(brand.to_owned()).or_default() += entry.points;
        }
    }
    issued
}

/// A decimal string in the smallest unit of money: all of them have as many digits.
fn cents(amount: &Value) -> Result<i64, String> {
    let text = amount.as_str().ok_or_else(|| format!("{amount} is no amount"))?;
    text.replace('.', "").parse().map_err(|_| format!("{text} is no amount"))
}
