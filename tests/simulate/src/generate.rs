//! What clients ask next: drawn from the seed and from what the model knows, so that it aims at what
//! members have, and at the instants at which something falls due.

use std::rc::Rc;

use laurel_tests::model::{
    DAY, Dice, Model, NEVER,
    command::{Activity, Adjust, Command, Line, Order, OrderKey, Redeem, Refund, Refunded},
    random_expiry,
};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};

use crate::{
    accounts,
    op::{Cursor, Op, PARTNER, Way},
};

const MINUTE: i64 = 60 * 1000;

/// From 27 December 2011 to 2 January 2012, in days since 1970. There was no 30 December west of the date line.
const SKIPPED: std::ops::Range<i64> = 15_335..15_342;

/// What has been asked, to be asked again, refunded and cancelled.
pub(crate) struct Writer {
    /// Chance of what is asked.
    pub(crate) dice: Dice,
    /// The programme's newest document.
    pub(crate) document: Value,
    brands: Vec<SmolStr>,
    yen: bool,
    number: u32,
    people: u32,
    orders: Vec<(Order, Way)>,
    redeems: Vec<(Redeem, Way)>,
    refunds: Vec<(Refund, Way)>,
    activities: Vec<(Activity, Way)>,
    /// How the next command is sent.
    way: Way,
    /// Cursors that were told, and of whose ledger.
    pub(crate) cursors: Vec<(usize, Cursor)>,
}

impl Writer {
    /// Nothing was asked yet.
    pub(crate) fn new(dice: Dice, document: Value) -> Writer {
        let brands = document["brands"].as_array().map_or(&[][..], Vec::as_slice);
        Writer {
            dice,
            brands: brands.iter().filter_map(|brand| brand["id"].as_str()).map(SmolStr::new).collect(),
            yen: document["currency"] == "JPY",
            document,
            number: 0,
            people: 0,
            orders: Vec::new(),
            redeems: Vec::new(),
            refunds: Vec::new(),
            activities: Vec::new(),
            way: Way::Plain,
            cursors: Vec::new(),
        }
    }

    /// The next operation.
    pub(crate) fn draw(&mut self, model: &Model, now: i64) -> Op {
        if model.members() < 2 {
            return self.register();
        }
        if model.members() < 16 && self.dice.below(40) == 0 {
            return self.register();
        }
        if self.skips_a_date(now) && self.dice.percent(40) {
            self.way = Way::Plain;
            return self.activity(model, now);
        }
        self.way = if self.dice.percent(7) { Way::Signed } else { Way::Plain };
        if self.way == Way::Signed {
            return match self.dice.below(10) {
                0..4 => self.order(model, now),
                4..6 => self.activity(model, now),
                6..8 => self.redeem(model),
                8 => self.refund(now),
                _ => self.cancel(),
            };
        }
        match self.dice.below(100) {
            0..26 => self.order(model, now),
            26..36 => self.activity(model, now),
            36..47 => self.redeem(model),
            47..57 => self.refund(now),
            57..61 => self.cancel(),
            61..65 => self.adjust(model, now),
            65..67 => self.badge(model),
            67 => self.status(model),
            68..70 => self.sweep(model, now),
            70 => self.register(),
            71 if self.dice.below(3) == 0 => self.program(),
            71..75 => Op::Find(self.dice.between(1, i64::from(self.people) + 1) as u32),
            75..81 => self.ledger(model),
            _ => Op::Show(self.member(model)),
        }
    }

    /// Whether these are the days around one that the zone's calendar does not have. Members come every day then,
    /// so that streaks go over it.
    fn skips_a_date(&self, now: i64) -> bool {
        let zone = self.document["time_zone"].as_str();
        matches!(zone, Some("Pacific/Apia" | "Pacific/Fakaofo")) && SKIPPED.contains(&now.div_euclid(DAY))
    }

    fn fresh(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    fn member(&mut self, model: &Model) -> usize {
        // A few are asked about more than others, so that requests meet.
        let most = if self.dice.percent(30) { model.members().min(3) } else { model.members() };
        self.dice.below(most as i64) as usize
    }

    /// Whether the command is one that is sent this way too.
    fn is_sent(&self, brand: &str, way: Way) -> bool {
        way == self.way && (way != Way::Signed || brand == PARTNER)
    }

    /// As it is sent, or tried only.
    fn tried(&self, dry_run: bool) -> Way {
        if dry_run { Way::DryRun } else { self.way }
    }

    /// Somebody, and now and then nobody.
    fn whom(&mut self, model: &Model) -> Option<usize> {
        if self.dice.below(200) == 0 { None } else { Some(self.member(model)) }
    }

    fn brand(&mut self) -> SmolStr {
        if self.way == Way::Signed {
            return SmolStr::new_static(PARTNER);
        }
        if self.dice.below(300) == 0 {
            return SmolStr::new_static("nowhere");
        }
        let place = self.dice.below(self.brands.len() as i64) as usize;
        self.brands[place].clone()
    }

    fn one_of<T: Clone>(dice: &mut Dice, from: &[T]) -> Option<T> {
        // The newest are asked about most.
        let most = if dice.percent(70) { from.len().min(20) } else { from.len() };
        let index = from.len() - most + dice.below(most as i64) as usize;
        from.get(index).cloned()
    }

    fn money(&self, units: i64) -> SmolStr {
        match self.yen {
            true => format_smolstr!("{units}"),
            false => format_smolstr!("{}.{:02}", units / 100, units % 100),
        }
    }

    fn amount(&mut self) -> i64 {
        match self.dice.below(10) {
            0 => 0,
            1..4 => self.dice.between(1, 3_000),
            4..8 => self.dice.between(3_000, 60_000),
            _ => self.dice.between(60_000, 250_000),
        }
    }

    /// Often now; late by days to years; at the very ends of what is accepted.
    fn occurred(&mut self, now: i64) -> Option<i64> {
        Some(match self.dice.below(100) {
            0..82 => return None,
            82..92 => now - self.dice.below(5 * DAY),
            92 => now - self.dice.below(1_090 * DAY),
            93 => now - 1_100 * DAY,
            94 => now - 1_100 * DAY - 1,
            95 => now + 5 * MINUTE + 1,
            96 => now + 5 * MINUTE,
            _ => now + self.dice.below(5 * MINUTE),
        })
    }

    fn order(&mut self, model: &Model, now: i64) -> Op {
        if self.dice.percent(5)
            && let Some((mut again, way)) = Writer::one_of(&mut self.dice, &self.orders)
            && self.is_sent(&again.brand, way)
        {
            if self.dice.percent(40) {
                again.occurred_at = Some(now - DAY);
            }
            return Op::Command(Command::Order(again), way);
        }
        let mut order = Order {
            member: self.whom(model),
            brand: self.brand(),
            order_id: format_smolstr!("o{}", self.fresh()),
            amount: None,
            lines: Vec::new(),
            occurred_at: self.occurred(now),
        };
        if self.dice.percent(35) {
            let mut sum = 0;
            for line in 0..self.dice.between(1, 4) {
                let units = self.amount();
                sum += units;
                let category = self.dice.pick(&["tea", "book", "misc", "gift_card"]);
                order.lines.push(Line {
                    line_id: format_smolstr!("{line}"),
                    category: self.dice.percent(85).then(|| SmolStr::new(category)),
                    quantity: self.dice.between(1, 6),
                    amount: self.money(units),
                });
            }
            if self.dice.percent(20) {
                let wrong = i64::from(self.dice.percent(5));
                order.amount = Some(self.money(sum + wrong));
            }
        } else {
            let units = self.amount();
            order.amount = Some(self.money(units));
        }
        let dry_run = self.way == Way::Plain && self.dice.below(40) == 0;
        if !dry_run {
            self.orders.push((order.clone(), self.way));
        }
        Op::Command(Command::Order(order), self.tried(dry_run))
    }

    fn activity(&mut self, model: &Model, now: i64) -> Op {
        if self.dice.percent(4)
            && let Some((again, way)) = Writer::one_of(&mut self.dice, &self.activities)
            && self.is_sent(&again.brand, way)
        {
            return Op::Command(Command::Activity(again), way);
        }
        let activities = ["check_in", "check_in", "share", "share", "review", "bind", "sleep"];
        let place = if self.dice.below(60) == 0 { 6 } else { self.dice.below(6) };
        let done = Activity {
            member: self.whom(model),
            brand: self.brand(),
            activity: SmolStr::new(activities[place as usize]),
            reference: self.dice.percent(40).then(|| format_smolstr!("a{}", self.fresh())),
            occurred_at: if self.dice.percent(40) { self.occurred(now) } else { None },
        };
        if done.reference.is_some() {
            self.activities.push((done.clone(), self.way));
        }
        Op::Command(Command::Activity(done), self.way)
    }

    fn redeem(&mut self, model: &Model) -> Op {
        if self.dice.percent(10)
            && let Some((mut again, way)) = Writer::one_of(&mut self.dice, &self.redeems)
            && self.is_sent(&again.brand, way)
        {
            again.points += i64::from(self.dice.percent(20));
            return Op::Command(Command::Redeem(again), way);
        }
        let member = self.whom(model);
        let available = member.map_or(10, |member| model.member(member).standing.available());
        let points = match self.dice.below(20) {
            0 => available + 1,
            1..4 => available.max(1),
            4..7 => 1,
            _ => self.dice.between(1, (available / 3).max(1)),
        };
        // Sometimes for an order that earned: another natural key of the same name.
        // Not by the partner, whose body would be another for the same order.
        let plain = self.way == Way::Plain;
        let earned =
            self.orders.last().filter(|(_, way)| plain && *way == Way::Plain && self.dice.percent(20));
        let order_id = earned.map(|(order, _)| order.order_id.clone());
        let redeem = Redeem {
            member,
            brand: self.brand(),
            points,
            order_id: order_id.unwrap_or_else(|| format_smolstr!("r{}", self.fresh())),
        };
        let dry_run = self.way == Way::Plain && self.dice.below(40) == 0;
        if !dry_run {
            self.redeems.push((redeem.clone(), self.way));
        }
        Op::Command(Command::Redeem(redeem), self.tried(dry_run))
    }

    fn refund(&mut self, now: i64) -> Op {
        if self.dice.percent(5)
            && let Some((again, way)) = Writer::one_of(&mut self.dice, &self.refunds)
            && self.is_sent(&again.order.0, way)
        {
            return Op::Command(Command::Refund(again), way);
        }
        let found = match self.way {
            // A partner reverses its own alone.
            Way::Signed => self.orders.iter().rev().find(|(order, _)| order.brand == PARTNER).cloned(),
            _ => Writer::one_of(&mut self.dice, &self.orders),
        };
        let Some((order, _)) = found else {
            return Op::Command(Command::Cancel(None), Way::Plain);
        };
        let _ = now;
        let other_way = self.dice.percent(3);
        let what = if self.dice.percent(25) {
            Refunded::All
        } else if order.lines.is_empty() == other_way {
            let mut parts = Vec::new();
            for line in &order.lines {
                if parts.is_empty() || self.dice.percent(40) {
                    parts.push((line.line_id.clone(), self.dice.between(1, line.quantity)));
                }
            }
            if parts.is_empty() {
                parts.push((SmolStr::new_static("0"), 1));
            }
            Refunded::Lines(parts)
        } else {
            let amount = order.amount.as_deref().unwrap_or("1.00");
            let whole: i64 = amount.replace('.', "").parse().unwrap_or(100);
            let part = self.dice.between(1, 4);
            let units = self.dice.between(1, whole / part + 1);
            Refunded::Amount(self.money(units))
        };
        let order_id = match self.dice.below(60) {
            0 => SmolStr::new_static("never-seen"),
            _ => order.order_id,
        };
        let refund_id = self.dice.percent(70).then(|| format_smolstr!("f{}", self.fresh()));
        let refund = Refund { order: (order.brand, order_id), what, refund_id };
        let dry_run = self.way == Way::Plain && self.dice.below(40) == 0;
        if !dry_run && refund.refund_id.is_some() {
            self.refunds.push((refund.clone(), self.way));
        }
        Op::Command(Command::Refund(refund), self.tried(dry_run))
    }

    fn cancel(&mut self) -> Op {
        let redeem = match self.way {
            Way::Signed => self.redeems.iter().rev().find(|(redeem, _)| redeem.brand == PARTNER).cloned(),
            _ => Writer::one_of(&mut self.dice, &self.redeems),
        };
        let key: Option<OrderKey> = redeem.map(|(redeem, _)| (redeem.brand, redeem.order_id));
        Op::Command(Command::Cancel(key.filter(|_| self.dice.below(50) > 0)), self.way)
    }

    fn adjust(&mut self, model: &Model, now: i64) -> Op {
        let mut adjust = Adjust {
            member: self.whom(model),
            brand: self.brand(),
            points: self.dice.between(-200, 300),
            growth: if self.dice.percent(50) { 0 } else { self.dice.between(-300, 600) },
            id: format_smolstr!("j{}", self.fresh()),
            expires_at: None,
        };
        if adjust.points == 0 && adjust.growth == 0 {
            adjust.points = 1;
        }
        if self.dice.percent(20) && adjust.points > 0 {
            adjust.expires_at = Some(now + self.dice.between(1, 90) * DAY);
        }
        Op::Command(Command::Adjust(adjust), Way::Plain)
    }

    fn badge(&mut self, model: &Model) -> Op {
        let badge = self.dice.pick(&["founder", "many", "grown", "none_such"]);
        Op::Command(Command::Badge(self.whom(model), SmolStr::new(badge)), Way::Plain)
    }

    fn status(&mut self, model: &Model) -> Op {
        let status = match self.dice.below(12) {
            0..4 => "suspended",
            4 => "closed",
            _ => "active",
        };
        // Those who are suspended come back sooner than others are.
        let suspended = (0..model.members()).find(|id| model.member(*id).standing.status == "suspended");
        let whom = match suspended.filter(|_| status == "active") {
            Some(id) => Some(id),
            None => self.whom(model),
        };
        Op::Command(Command::Status(whom, SmolStr::new(status)), Way::Plain)
    }

    fn sweep(&mut self, model: &Model, now: i64) -> Op {
        let path = ["expire-points", "evaluate-tier"][self.dice.below(2) as usize];
        match self.dice.below(8) {
            0..4 => Op::Schedule(path, Some(now)),
            4 => Op::Sweep(path, Some(now - self.dice.below(60 * DAY)), None),
            5 => Op::Sweep(path, Some(now + 1 + self.dice.below(DAY)), None),
            6 => Op::Sweep(path, None, None),
            _ => Op::Sweep(path, None, Some(self.member(model))),
        }
    }

    fn register(&mut self) -> Op {
        // Now and then somebody who is known.
        let known = self.people > 0 && self.dice.percent(30);
        let person =
            if known { self.dice.between(1, i64::from(self.people)) as u32 } else { self.people + 1 };
        self.people = self.people.max(person);
        Op::Register(person, None)
    }

    fn ledger(&mut self, model: &Model) -> Op {
        if self.dice.percent(50)
            && let Some((member, cursor)) = Writer::one_of(&mut self.dice, &self.cursors)
        {
            return Op::Ledger(member, self.dice.between(1, 8) as usize, Some(cursor));
        }
        Op::Ledger(self.member(model), self.dice.between(1, 8) as usize, None)
    }

    /// A new version: other rates, limits and thresholds of keeping; what is written moves no more.
    fn program(&mut self) -> Op {
        let dice = &mut self.dice;
        let next = &mut self.document;
        match dice.below(10) {
            0 => {
                let yen = ["0.01", "0.02", "0.005"];
                let rates = if self.yen { yen } else { ["1", "0.5", "2"] };
                next["points"]["per_unit"] = json!(rates[dice.below(3) as usize]);
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
            _ => next["points"]["on_short"] = json!(dice.pick(&["debt", "forgive"])),
        }
        Op::Program(Rc::from(next.to_string()))
    }

    /// When time goes on to: mostly a little, sometimes to or around something that falls due.
    pub(crate) fn later(&mut self, model: &Model, now: i64, far: bool) -> i64 {
        if self.skips_a_date(now) {
            return now + self.dice.below(2 * 60 * MINUTE);
        }
        match self.dice.below(100) {
            0..45 => now,
            45..80 => now + self.dice.below(90 * MINUTE),
            80..90 => now + DAY * self.dice.between(1, 2),
            90..92 if far => now + DAY * self.dice.between(5, 40),
            92 if far && self.dice.percent(15) => now + DAY * self.dice.between(41, 500),
            _ if model.members() == 0 => now,
            _ => self.due(model, now, if far { 800 } else { 5 }),
        }
    }

    fn due(&mut self, model: &Model, now: i64, days: i64) -> i64 {
        let member = self.member(model);
        let standing = &model.member(member).standing;
        let lots = standing.lots.iter().flat_map(|lot| [Some(lot.expires_at), lot.held_until]);
        let tier = [Some(standing.valid_until), standing.trial.map(|(_, until)| until)];
        let ahead = lots.chain(tier).flatten().filter(|at| *at != NEVER && *at > now);
        match ahead.min().filter(|at| *at < now + days * DAY) {
            Some(at) => now.max(at + self.dice.between(-1, 1)),
            None => now,
        }
    }
}
