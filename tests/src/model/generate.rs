//! Seeded random programmes and histories. A model runs beside the generator, so that histories aim at what a
//! member has, and at the instants at which something falls due.
//!
//! In requests `{{m1}}` (members) and `{{r1}}` (redemptions) stand for ids that the system makes, numbered as
//! the model mints them; `fill` and `fill_text` insert real ones. A driver keeps a map from the model's ids
//! to the engine's: after each step it takes `/member/id` and `/redemption_id` from both answers, then
//! compares `difference(&canonical(&model), &canonical(&engine))`.

use super::Model;
use super::calendar::{Calendar, DAY, instant};
use super::dice::Dice;
use super::program::{list, text};
use super::programs::program;
use serde_json::{Value, json};

/// One request at one instant.
#[derive(Clone, Debug)]
pub struct Step {
    /// Milliseconds since the epoch; never before the step before.
    pub now_ms: i64,
    /// GET, POST, PUT or DELETE.
    pub method: &'static str,
    /// With placeholders.
    pub path: String,
    /// With placeholders.
    pub body: Option<Value>,
}

/// A programme and what happens under it.
#[derive(Clone, Debug)]
pub struct History {
    /// The programme's document.
    pub program: Value,
    /// The first step's instant.
    pub start_ms: i64,
    /// In order.
    pub steps: Vec<Step>,
}

/// The history of a seed: always the same, about `length` steps long.
pub fn history(seed: u64, length: usize) -> History {
    let mut dice = Dice::new(seed);
    let (program, start) = program(&mut dice);
    let start_ms = start * DAY + dice.below(DAY);
    let mut writer = Writer::new(program, start_ms, dice);
    for number in 1..=3 {
        writer.register(number);
    }
    let mut burst = seed % 40 == 7;
    while writer.steps.len() < length {
        if burst && writer.steps.len() >= length / 2 {
            burst = false;
            writer.many_refunds();
        }
        if writer.dice.percent(if writer.steps.len() == 3 { 30 } else { 1 }) {
            writer.run_of_days();
        }
        writer.wander();
        writer.act();
    }
    writer.look_at_all();
    History { program: writer.first, start_ms, steps: writer.steps }
}

/// Puts real ids into a request's body.
pub fn fill(value: &Value, real: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => json!(fill_text(text, real)),
        Value::Array(all) => all.iter().map(|one| fill(one, real)).collect(),
        Value::Object(all) => {
            let filled = all.iter().map(|(key, one)| (key.clone(), fill(one, real)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

/// Puts real ids into a request's path.
pub fn fill_text(text: &str, real: &dyn Fn(&str) -> String) -> String {
    let Some((before, rest)) = text.split_once("{{") else {
        return text.to_string();
    };
    let (name, after) = rest.split_once("}}").expect("a placeholder's end");
    format!("{before}{}{}", real(name), fill_text(after, real))
}

/// Writes a history down while the model plays it.
pub(crate) struct Writer {
    /// Its first version, and the newest.
    first: Value,
    pub(crate) program: Value,
    pub(crate) calendar: Calendar,
    pub(crate) model: Model,
    pub(crate) dice: Dice,
    pub(crate) now: i64,
    pub(crate) steps: Vec<Step>,
    pub(crate) members: i64,
    pub(crate) number: i64,
    /// What was accepted, to be repeated, refunded and cancelled.
    pub(crate) orders: Vec<Value>,
    /// Tellings of orders that later ones have replaced.
    pub(crate) tellings: Vec<Value>,
    pub(crate) refunds: Vec<Value>,
    pub(crate) redeems: Vec<Value>,
    pub(crate) activities: Vec<Value>,
    pub(crate) redemptions: Vec<Value>,
    pub(crate) cancels: Vec<Value>,
}

impl Writer {
    fn new(program: Value, now: i64, dice: Dice) -> Writer {
        Writer {
            calendar: Calendar::new(&text(&program["time_zone"])),
            model: Model::new(&program),
            first: program.clone(),
            program,
            dice,
            now,
            steps: Vec::new(),
            members: 0,
            number: 0,
            orders: Vec::new(),
            tellings: Vec::new(),
            refunds: Vec::new(),
            redeems: Vec::new(),
            activities: Vec::new(),
            redemptions: Vec::new(),
            cancels: Vec::new(),
        }
    }

    /// Has the model answer a step and writes it down.
    pub(crate) fn step(&mut self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let plain = |name: &str| name.to_string();
        let sent = body.as_ref().map(|body| fill(body, &plain));
        let answer = self.model.call(method, &fill_text(path, &plain), sent.as_ref(), self.now);
        self.steps.push(Step { now_ms: self.now, method, path: path.to_string(), body });
        answer
    }

    pub(crate) fn post(&mut self, path: &str, body: Value) -> (u16, Value) {
        self.step("POST", path, Some(body))
    }

    /// A number that no id has had.
    pub(crate) fn fresh(&mut self) -> i64 {
        self.number += 1;
        self.number
    }

    /// An id that nothing has had, as a shop might write one.
    pub(crate) fn name(&mut self, letter: &str) -> String {
        let number = self.fresh();
        match self.dice.below(12) {
            0 => format!("#{letter}{number}"),
            1 => format!("店{letter}/{number}"),
            2 => format!("{letter} {number}"),
            _ => format!("{letter}{number}"),
        }
    }

    pub(crate) fn member(&mut self) -> i64 {
        self.dice.between(1, self.members)
    }

    /// How the model sees a member now, without writing a step.
    pub(crate) fn peek(&mut self, member: i64) -> Value {
        let path = format!("/members/m{member}");
        self.model.call("GET", &path, None, self.now).1
    }

    pub(crate) fn brand(&mut self) -> Value {
        let brands = list(&self.program["brands"]);
        let index = self.dice.below(brands.len() as i64) as usize;
        brands[index]["id"].clone()
    }

    pub(crate) fn currency(&self) -> String {
        text(&self.program["currency"])
    }

    /// An amount in the currency's smallest units as a decimal string.
    pub(crate) fn money(&self, units: i64) -> String {
        if self.program["currency"] == "JPY" {
            units.to_string()
        } else {
            let sign = if units < 0 { "-" } else { "" };
            format!("{sign}{}.{:02}", units.abs() / 100, units.abs() % 100)
        }
    }

    // --- Time ---

    fn wander(&mut self) {
        let ahead = match self.dice.below(100) {
            0..20 => 0,
            20..40 => self.dice.below(2 * 60 * 60 * 1000),
            40..62 => DAY * self.dice.between(1, 3),
            62..70 => DAY * self.dice.between(4, 40),
            70..72 => DAY * self.dice.between(41, 500),
            _ => return self.jump(),
        };
        self.now += ahead;
    }

    /// Moves the clock to the next midnight or something that falls due, or a millisecond around it.
    fn jump(&mut self) {
        let midnight = |days| self.calendar.midnight_after_days(self.now, days);
        let mut aims = vec![midnight(1)];
        // Sometimes moves it to the eve of a day that is not 24 hours long, or of the day after one.
        let uneven = (2..400).find(|&days| midnight(days) - midnight(days - 1) != DAY);
        if let (true, Some(days)) = (self.dice.percent(15), uneven) {
            let back = self.dice.between(1, 3 * DAY);
            self.now = self.now.max(midnight(days) - back);
            return;
        }
        let member = self.member();
        let seen = self.peek(member);
        let lots = list(&seen["points"]["lots"]);
        let mut due: Vec<&Value> = lots.iter().map(|lot| &lot["expires_at"]).collect();
        due.extend(lots.iter().map(|lot| &lot["held_until"]));
        due.push(&seen["tier"]["valid_until"]);
        due.push(&seen["tier"]["trial"]["until"]);
        aims.extend(due.into_iter().filter_map(|at| instant(at.as_str()?)));
        aims.retain(|&aim| aim > self.now && aim < self.now + 800 * DAY);
        aims.sort_unstable();
        let most = if self.dice.percent(70) { 2 } else { aims.len() };
        let index = self.dice.below(most.min(aims.len()) as i64) as usize;
        let aim = aims[index] + self.dice.between(-1, 1);
        self.now = self.now.max(aim);
    }
}
