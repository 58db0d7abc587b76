//! New versions of the programme.

use std::rc::Rc;

use laurel_tests::model::{Model, change_tiers, random_expiry};
use serde_json::json;

use super::{Asked, Names, Op, Sent};
use crate::{
    accounts,
    answered::{Got, Next, saved_as},
    faults::Kind,
    generate::Writer,
    world::{Client, View, World},
};

/// A new version of the programme.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) document: Rc<str>,
}

impl Asked for Program {
    fn kind(&self) -> Kind {
        Kind::Program
    }

    fn must_repeat(&self, _: bool) -> bool {
        true
    }

    fn request(&self, _: &Names<'_>) -> Sent {
        Sent { method: "PUT", path: "/program".to_owned(), body: self.document.to_string() }
    }

    fn compare(&self, world: &World, got: &Got<'_>, _: &View, _: usize) -> Result<Next, String> {
        let back = got.attempt.nows.iter().any(|now| *now < world.since);
        if back && got.status == 422 {
            return got.wants(422, "limit_exceeded");
        }
        got.wants(200, "")?;
        self.is_saved(world, got.client, got.body)
    }
}

impl Program {
    /// Whether the answer names a version with that document. Others may have saved newer ones since.
    fn is_saved(&self, world: &World, client: &Client, body: &[u8]) -> Result<Next, String> {
        let since = (client.versions.max(1)..).zip(&world.documents[client.versions.max(1) - 1..]);
        let mut own = since.filter(|(_, saved)| **saved == self.document);
        if own.any(|(version, _)| saved_as(version, body)) {
            return Ok(Next::Nothing);
        }
        let (told, newest) = (String::from_utf8_lossy(body), world.model.versions());
        Err(format!("{told}, where version {newest} is the newest"))
    }
}

impl Writer {
    /// A new version of the programme, or of an offer.
    pub(crate) fn document_seldom(&mut self, model: &Model, now: i64) -> Op {
        if self.dice.below(3) == 0 { self.program() } else { self.offer(model, now) }
    }

    /// A new version: other rates, limits and thresholds for keeping a tier; nothing already written changes.
    fn program(&mut self) -> Op {
        let dice = &mut self.dice;
        let next = &mut self.document;
        match dice.below(12) {
            0 => {
                let yen = ["0.01", "0.02", "0.005"];
                let rates = if self.yen { yen } else { ["1", "0.5", "2"] };
                let rate = rates[dice.below(3) as usize];
                match next["points"]["block"].is_object() {
                    true => next["points"]["block"]["points"] = json!(dice.between(1, 7)),
                    false => next["points"]["per_unit"] = json!(rate),
                }
            }
            1 => next["points"]["category_multipliers"]["tea"] = json!(dice.pick(&["2", "3", "1.5"])),
            2 => {
                let points = dice.between(100, 900);
                next["points"]["limits"] = json!([{"per": "day", "points": points}]);
            }
            3 => {
                let tiers = next["tiers"].as_array_mut();
                let last = tiers.and_then(|tiers| tiers.last_mut());
                if let Some(tier) = last {
                    tier["benefits"]["earn_multiplier"] = json!(dice.pick(&["1", "1.25", "1.5"]));
                    if tier["retain"].is_object() {
                        tier["retain"]["growth"] = json!(dice.between(1, 200));
                    }
                }
            }
            4 if dice.percent(50) => next["growth"]["per_order"] = json!(dice.between(0, 30)),
            4 => next["activities"][0]["points"] = json!(dice.between(1, 9)),
            5 => {
                next["points"]["expiry"] =
                    random_expiry(dice, next["points"]["hold_days"].as_i64().unwrap_or(0))
            }
            6 => {
                let hold_days =
                    if next["points"]["expiry"]["mode"] == "days" { 0 } else { dice.between(0, 14) };
                next["points"]["hold_days"] = json!(hold_days);
            }
            7 => accounts::change(next, dice),
            8..10 => change_tiers(next, dice),
            _ => next["points"]["on_short"] = json!(dice.pick(&["debt", "forgive"])),
        }
        Op::Program(Program { document: Rc::from(next.to_string()) })
    }
}
