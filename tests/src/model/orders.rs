//! Earning from orders and activities (rules 4 and 8) and refunds (rule 6).

use super::calendar::{self, DAY};
use super::member::{Lot, Member};
use super::number::Exact;
use super::program::{Activity, Program, list, text};
use super::{Answer, Model, invalid, refuse};
use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

/// A line of an order; `left` counts the units not refunded.
#[derive(Clone, Debug)]
struct Line {
    id: String,
    category: Option<String>,
    amount: Exact,
    quantity: i64,
    left: i64,
}

/// An order that has earned.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) member: String,
    brand: String,
    /// As it was sent, and what was answered.
    body: Value,
    answer: Answer,
    pub(crate) occurred_at: i64,
    lines: Vec<Line>,
    /// What remains of an order without lines.
    left: Exact,
    /// Of the tier of its own time.
    tier_multiplier: Exact,
    /// What it has earned so far.
    points: i64,
    growth: i64,
    expires_at: i64,
    held_until: Option<i64>,
    refunds: usize,
    /// Nothing remains of it.
    pub(crate) gone: bool,
}

impl Order {
    /// Each line with the share of its amount that remains.
    fn remaining_lines(&self) -> impl Iterator<Item = (&Line, Exact)> {
        self.lines.iter().map(|line| {
            let share = Exact::ratio(line.left, line.quantity);
            (line, line.amount.times(&share))
        })
    }

    pub(crate) fn remaining_amount(&self) -> Exact {
        self.remaining_lines().fold(self.left.clone(), |sum, (_, amount)| sum.plus(&amount))
    }

    /// Points and growth of what remains (rules 4.1 to 4.3), before limits.
    fn worth(&self, program: &Program) -> (i64, i64) {
        let (mut eligible, mut weighted) = (self.left.clone(), self.left.clone());
        for (line, amount) in self.remaining_lines() {
            let category = line.category.as_deref().unwrap_or_default();
            if !program.excluded.contains(category) {
                eligible = eligible.plus(&amount);
                let multiplier = program.multipliers.get(category);
                weighted = weighted.plus(&match multiplier {
                    Some(multiplier) => amount.times(multiplier),
                    None => amount,
                });
            }
        }
        let points = weighted
            .times(&program.points_per_unit)
            .times(&program.brands[&self.brand])
            .times(&self.tier_multiplier);
        let growth = eligible.times(&program.growth_per_unit);
        (points.floor(), growth.floor())
    }

    /// The lot that its points went to, as it is known now.
    fn own_lot(&self, now: i64) -> Lot {
        Lot {
            expires_at: self.expires_at,
            brand: self.brand.clone(),
            held_until: self.held_until.filter(|&until| until > now),
            points: 0,
        }
    }
}

impl Model {
    pub(crate) fn earn(&mut self, body: &Value, now: i64) -> Answer {
        let brand = text(&body["brand"]);
        if !self.program.brands.contains_key(&brand) {
            return refuse(404, "brand_not_found", json!({}));
        }
        let activity = body["activity"].as_str();
        // Natural keys come first: what was answered once stays answered.
        let key = (brand.clone(), text(&body["order_id"]));
        let reference = format!("activity {brand} {}", body["activity_ref"]);
        if let Some(order) = self.orders.get(&key) {
            return if order.body == *body {
                order.answer.clone()
            } else {
                refuse(409, "order_conflict", json!({}))
            };
        }
        if let Some((_, answer)) = self.answers.get(&reference) {
            return answer.clone();
        }
        let occurred = match body["occurred_at"].as_str() {
            None => now,
            Some(text) => match calendar::instant(text) {
                Some(at) => at,
                None => return invalid("/occurred_at"),
            },
        };
        if occurred > now + 5 * 60 * 1000 {
            return refuse(422, "occurred_in_future", json!({}));
        }
        if occurred < now - self.program.late_days * DAY {
            return refuse(422, "occurred_too_long_ago", json!({}));
        }
        let Some(member) = self.settled(&text(&body["member_id"]), now) else {
            return refuse(404, "member_not_found", json!({}));
        };
        match activity {
            Some(id) => {
                let answer = self.earn_activity(member, &brand, id, occurred, now);
                if answer.0 == 200 && body["activity_ref"].is_string() {
                    self.answers.insert(reference, (body.clone(), answer.clone()));
                }
                answer
            }
            None => self.earn_order(member, body, occurred, now),
        }
    }

    fn earn_order(&mut self, mut member: Member, body: &Value, occurred: i64, now: i64) -> Answer {
        let program = &self.program;
        let tier = &program.tiers[member.benefits_tier()];
        let hold = occurred + program.hold_days * DAY;
        let mut order = Order {
            member: member.id.clone(),
            brand: text(&body["brand"]),
            body: body.clone(),
            answer: (0, Value::Null),
            occurred_at: occurred,
            lines: Vec::new(),
            left: Exact::zero(),
            tier_multiplier: tier.earn_multiplier.clone(),
            points: 0,
            growth: 0,
            expires_at: program.expires_at(occurred, now),
            held_until: Some(hold).filter(|&until| program.hold_days > 0 && until > now),
            refunds: 0,
            gone: false,
        };
        for line in list(&body["lines"]) {
            let quantity = line["quantity"].as_i64().unwrap_or(1);
            let Some(amount) = self.money(&line["amount"]) else {
                return invalid("/lines");
            };
            order.lines.push(Line {
                id: text(&line["line_id"]),
                category: line["category"].as_str().map(str::to_string),
                amount,
                quantity,
                left: quantity,
            });
        }
        if !body["amount"].is_null() || order.lines.is_empty() {
            let Some(amount) = self.money(&body["amount"]) else {
                return invalid("/amount");
            };
            if order.lines.is_empty() {
                order.left = amount;
            } else if order.remaining_amount() != amount {
                return invalid("/amount");
            }
        }

        let (calculated, growth) = order.worth(program);
        let granted = grant(program, &mut member, program.calendar.date(occurred), calculated);
        (order.points, order.growth) = (granted, growth);
        let lot = Lot { points: granted, ..order.own_lot(now) };
        let key = (order.brand.clone(), text(&body["order_id"]));
        self.orders.insert(key.clone(), order);
        let answer = self.earned(member, "earn", (granted, calculated, growth), lot, now);
        self.orders.get_mut(&key).expect("just put").answer = answer.clone();
        answer
    }

    fn earn_activity(
        &mut self,
        mut member: Member,
        brand: &str,
        id: &str,
        occurred: i64,
        now: i64,
    ) -> Answer {
        let program = &self.program;
        let Some(activity) = program.activities.get(id) else {
            return refuse(404, "activity_not_found", json!({}));
        };
        let date = program.calendar.date(occurred);
        let count = |same: &dyn Fn(NaiveDate) -> bool| {
            let done = member.done.iter();
            done.filter(|(one, on)| one == id && same(*on)).count() as i64
        };
        let month = |date: NaiveDate| (date.year(), date.month());
        let full = |limit: Option<i64>, used: i64| limit.is_some_and(|limit| used >= limit);
        if full(activity.per_day, count(&|on| on == date))
            || full(activity.per_month, count(&|on| month(on) == month(date)))
            || (activity.once && count(&|_| true) > 0)
        {
            return refuse(409, "activity_limit", json!({}));
        }
        member.done.push((id.to_string(), date));
        let bonus = walk_streak(program, &mut member, id, activity, date);
        let (calculated, growth) = (activity.points + bonus, activity.growth);
        let granted = grant(program, &mut member, date, calculated);
        let lot = Lot {
            expires_at: program.expires_at(occurred, now),
            brand: brand.to_string(),
            held_until: None,
            points: granted,
        };
        self.earned(member, "activity", (granted, calculated, growth), lot, now)
    }

    /// Rules 4.5 and 4.6: into the ledger, then the tier, then badges.
    fn earned(
        &mut self,
        mut member: Member,
        kind: &'static str,
        (granted, calculated, growth): (i64, i64, i64),
        lot: Lot,
        now: i64,
    ) -> Answer {
        if self.program.by_inactivity() {
            member.move_inactivity(lot.expires_at);
        }
        let lots = member.put(vec![lot]);
        let before = member.growth;
        member.change_growth(growth);
        let entry = member.record(kind, granted, growth, lots);
        let (member, raised, badges) = self.finish(member, before, now);
        let mut answer = self.standing(&member);
        answer["entry"] = entry.show(&self.program);
        answer["granted"] = json!(granted);
        answer["calculated"] = json!(calculated);
        answer["upgraded_to"] = json!(raised);
        answer["badges_issued"] = json!(badges);
        (200, answer)
    }

    // --- Refunds ---

    pub(crate) fn refund(&mut self, body: &Value, now: i64) -> Answer {
        let brand = text(&body["brand"]);
        let key = (brand.clone(), text(&body["order_id"]));
        let Some(order) = self.orders.get(&key) else {
            return refuse(404, "order_not_found", json!({}));
        };
        let reference = format!("refund {brand} {} {}", key.1, body["refund_id"]);
        if let Some((sent, answer)) = self.answers.get(&reference) {
            return if sent == body { answer.clone() } else { refuse(409, "order_conflict", json!({})) };
        }
        let mut order = order.clone();
        let mut member = self.settled(&order.member, now).expect("its member");
        if order.gone && body["refund"] == "all" {
            let growth = member.growth;
            member.record("reverse_earn", 0, 0, Vec::new());
            let (member, _, _) = self.finish(member, growth, now);
            let mut answer = self.standing(&member);
            answer["taken"] = json!(0);
            answer["debt"] = json!(member.debt);
            return self.remember(reference, body, (200, answer));
        }
        if let Err(refusal) = self.reduce(&mut order, &body["refund"]) {
            return refusal;
        }
        if order.refunds == 200 {
            return refuse(409, "too_many_refunds", json!({}));
        }
        order.refunds += 1;

        let (worth, growth) = order.worth(&self.program);
        let points = order.points - order.points.min(worth);
        let growth_lost = order.growth - growth;
        (order.points, order.growth) = (order.points - points, growth);

        let (mut taken, mut lots) = (0, Vec::new());
        if self.program.by_inactivity() {
            (taken, lots) = self.take(&mut member, None, points);
        } else if order.expires_at > now {
            (taken, lots) = self.take(&mut member, Some(&order.own_lot(now)), points);
        }
        let before = member.growth;
        let change = member.change_growth(-growth_lost);
        let entry = member.record("reverse_earn", -taken, change, lots);
        self.orders.insert(key, order);
        let (member, _, _) = self.finish(member, before, now);
        let mut answer = self.standing(&member);
        answer["entry"] = entry.show(&self.program);
        answer["taken"] = json!(taken);
        answer["debt"] = json!(member.debt);
        self.remember(reference, body, (200, answer))
    }

    /// Takes points out of lots; what is missing becomes debt or is let go. Answers what was taken.
    pub(crate) fn take(&self, member: &mut Member, own: Option<&Lot>, points: i64) -> (i64, Vec<Lot>) {
        let (lots, missing) = member.take(own, points);
        if self.program.forgive {
            return (points - missing, lots);
        }
        member.debt += missing;
        (points, lots)
    }

    /// Takes what is refunded off what remains of the order.
    fn reduce(&self, order: &mut Order, refund: &Value) -> Result<(), Answer> {
        let with_lines = !order.lines.is_empty();
        if refund == "all" {
            order.left = Exact::zero();
            order.lines.iter_mut().for_each(|line| line.left = 0);
        } else if refund["lines"].is_array() && with_lines {
            for part in list(&refund["lines"]) {
                let id = text(&part["line_id"]);
                let quantity = part["quantity"].as_i64().unwrap_or(0);
                let line = order.lines.iter_mut().find(|line| line.id == id);
                let Some(line) = line.filter(|_| quantity > 0) else {
                    return Err(invalid("/refund/lines"));
                };
                if quantity > line.left {
                    return Err(refuse(409, "over_refund", json!({})));
                }
                line.left -= quantity;
            }
        } else {
            let amount = self.money(&refund["amount"]);
            let Some(amount) = amount.filter(|amount| !with_lines && *amount > Exact::zero()) else {
                return Err(invalid("/refund"));
            };
            if amount > order.left {
                let remaining = order.left.money(self.program.minor);
                return Err(refuse(409, "over_refund", json!({"remaining": remaining})));
            }
            order.left = order.left.minus(&amount);
        }
        order.gone = order.left == Exact::zero() && order.lines.iter().all(|line| line.left == 0);
        Ok(())
    }
}

/// How many of the points the limits let through (rule 4.4); what is granted counts for them.
fn grant(program: &Program, member: &mut Member, date: NaiveDate, calculated: i64) -> i64 {
    let mut granted = calculated;
    for (per, limit) in &program.limits {
        let used: i64 = member
            .granted
            .iter()
            .filter(|(on, _)| match per.as_str() {
                "day" => *on == date,
                "month" => (on.year(), on.month()) == (date.year(), date.month()),
                _ => false,
            })
            .map(|(_, points)| points)
            .sum();
        granted = granted.min((limit - used).max(0));
    }
    member.granted.push((date, granted));
    granted
}

/// Counts a day of a streak; answers the bonus that it pays (rule 8).
fn walk_streak(
    program: &Program,
    member: &mut Member,
    id: &str,
    activity: &Activity,
    date: NaiveDate,
) -> i64 {
    let days = match member.streaks.get(id) {
        Some((last, _)) if date <= *last => return 0,
        Some((last, days)) if program.calendar.next_date(*last) == date => days + 1,
        _ => 1,
    };
    member.streaks.insert(id.to_string(), (date, days));
    let paid = activity.streak.iter().filter(|(at, _)| *at == days);
    paid.map(|(_, bonus)| bonus).sum()
}
