//! Earning from orders and activities (rules 4 and 8) and refunds (rule 6).

use super::calendar::DAY;
use super::command::{self, Refunded, Told, invalid, refuse};
use super::draft::{About, Draft};
use super::member::{Lot, Member, Standing};
use super::number::{Exact, money};
use super::program::{Activity, Program};
use super::{Model, Refused};
use chrono::{Datelike, NaiveDate};
use smol_str::SmolStr;
use std::rc::Rc;

/// A line of an order; `left` counts the units not refunded.
#[derive(Clone, Debug)]
struct Line {
    id: SmolStr,
    category: Option<SmolStr>,
    amount: Exact,
    quantity: i64,
    left: i64,
}

/// An order that has earned.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) member: usize,
    brand: SmolStr,
    /// As it was sent, and what was answered.
    sent: Rc<command::Order>,
    told: Rc<Told>,
    /// The programme of its own time.
    program: Rc<Program>,
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
    gone: bool,
}

impl Order {
    /// Each line with the share of its amount that remains.
    fn remaining_lines(&self) -> impl Iterator<Item = (&Line, Exact)> {
        self.lines.iter().map(|line| {
            let share = Exact::ratio(line.left, line.quantity);
            (line, line.amount.times(&share))
        })
    }

    fn remaining_amount(&self) -> Exact {
        self.remaining_lines().fold(self.left.clone(), |sum, (_, amount)| sum.plus(&amount))
    }

    /// What remains in the smallest unit of money, rounded down once; nothing of what is gone.
    fn remaining_units(&self) -> i64 {
        if self.gone {
            return 0;
        }
        self.remaining_amount().times(&Exact::whole(10_i64.pow(self.program.minor))).floor()
    }

    /// Points and growth of what remains (rules 4.1 to 4.3), before limits.
    fn worth(&self) -> (i64, i64) {
        let program = &self.program;
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
            .times(&program.brands[self.brand.as_str()].rate)
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
    pub(crate) fn replay_order(&self, sent: &command::Order) -> Option<Told> {
        let order = self.orders.get(&(sent.brand.clone(), sent.order_id.clone()))?;
        // Natural keys come first: what was answered once stays answered.
        let same = *order.sent == *sent;
        Some(if same { (*order.told).clone() } else { refuse(409, "order_conflict") })
    }
}

impl Draft<'_> {
    /// When it happened, if it may be told now.
    fn occurred(&self, brand: &str, told: Option<i64>) -> Result<i64, Told> {
        let program = self.program();
        let Some(brand) = program.brands.get(brand) else {
            return Err(refuse(404, "brand_not_found"));
        };
        let occurred = told.unwrap_or(self.now);
        if occurred > self.now + 5 * 60 * 1000 {
            return Err(refuse(422, "occurred_in_future"));
        }
        let late_days = brand.late_days.map_or(program.late_days, |days| days.min(program.late_days));
        if told.is_some() && occurred < self.now - late_days * DAY {
            return Err(refuse(422, "occurred_too_long_ago"));
        }
        Ok(occurred)
    }

    pub(crate) fn earn_order(&mut self, sent: &command::Order) -> Result<Told, Told> {
        let occurred = self.occurred(&sent.brand, sent.occurred_at)?;
        self.must_be_active()?;
        let (program, now) = (self.program().clone(), self.now);
        let tier = &program.tiers[self.member.benefits_tier()];
        let hold = occurred + program.hold_days * DAY;
        let mut order = Order {
            member: self.id,
            brand: sent.brand.clone(),
            sent: Rc::new(sent.clone()),
            told: Rc::new(invalid()),
            lines: Vec::new(),
            left: Exact::zero(),
            tier_multiplier: tier.earn_multiplier.clone(),
            points: 0,
            growth: 0,
            expires_at: program.expires_at(occurred, now),
            held_until: Some(hold).filter(|&until| program.hold_days > 0 && until > now),
            refunds: 0,
            gone: false,
            program,
        };
        for line in &sent.lines {
            order.lines.push(Line {
                id: line.line_id.clone(),
                category: line.category.clone(),
                amount: order.program.money(&line.amount).ok_or_else(invalid)?,
                quantity: line.quantity,
                left: line.quantity,
            });
        }
        if let Some(amount) = &sent.amount {
            let amount = order.program.money(amount).ok_or_else(invalid)?;
            if order.lines.is_empty() {
                order.left = amount;
            } else if order.remaining_amount() != amount {
                return Err(invalid());
            }
        } else if order.lines.is_empty() {
            return Err(invalid());
        }
        let (calculated, growth) = order.worth();
        let date = order.program.calendar.date(occurred);
        let granted = self.grant(date, calculated);
        (order.points, order.growth) = (granted, growth);
        let lot = Lot { points: granted, ..order.own_lot(now) };
        let facts = &mut self.member.orders;
        facts.count += 1;
        facts.units += order.remaining_units();
        facts.first_at = Some(facts.first_at.map_or(occurred, |first| first.min(occurred)));
        facts.last_at = Some(facts.last_at.map_or(occurred, |last| last.max(occurred)));
        let about = About { brand: &sent.brand, order_id: Some(&sent.order_id), occurred };
        let told = self.earned("earn", about, (granted, calculated, growth), lot);
        order.told = Rc::new(told.clone());
        self.order = Some(((sent.brand.clone(), sent.order_id.clone()), order));
        Ok(told)
    }

    pub(crate) fn earn_activity(&mut self, sent: &command::Activity) -> Result<Told, Told> {
        let occurred = self.occurred(&sent.brand, sent.occurred_at)?;
        let program = self.program().clone();
        let id = &sent.activity;
        let Some(activity) = program.activities.get(id.as_str()) else {
            return Err(refuse(404, "activity_not_found"));
        };
        self.must_be_active()?;
        let date = program.calendar.date(occurred);
        if reached(self.before(), id, activity, date) {
            return Err(refuse(409, "activity_limit"));
        }
        self.done = Some((id.clone(), date));
        let bonus = walk_streak(&program, &mut self.member, id, activity, date);
        let (calculated, growth) = (activity.points + bonus, activity.growth);
        let granted = self.grant(date, calculated);
        let lot = Lot {
            expires_at: program.expires_at(occurred, self.now),
            brand: sent.brand.clone(),
            held_until: None,
            points: granted,
        };
        let about = About { brand: &sent.brand, order_id: None, occurred };
        Ok(self.earned("activity", about, (granted, calculated, growth), lot))
    }

    /// Rules 4.5 and 4.6: into the ledger, then the tier, then badges.
    fn earned(
        &mut self,
        kind: &'static str,
        about: About<'_>,
        (granted, calculated, growth): (i64, i64, i64),
        lot: Lot,
    ) -> Told {
        self.member.is_active(self.program(), self.now);
        let lots = self.member.put(vec![lot]);
        let before = self.member.growth;
        self.member.change_growth(growth);
        let entry = self.record(kind, granted, growth, lots, Some(about));
        let mut done = self.finish(200, before, Some(entry));
        done.earned = Some((granted, calculated));
        Told::Done(Box::new(done))
    }

    /// How many of the points the limits let through (rule 4.4); what is granted counts for them.
    fn grant(&mut self, date: NaiveDate, calculated: i64) -> i64 {
        let mut granted = calculated;
        let by_date = &self.before().granted;
        for (per, limit) in &self.program().limits {
            let used: i64 = match per.as_str() {
                "day" => by_date.get(&date).copied().unwrap_or(0),
                "month" => {
                    let first = date.with_day(1).expect("the first of a month");
                    let last = super::calendar::add_months(first, 1);
                    by_date.range(first..last).map(|(_, points)| points).sum()
                }
                _ => 0,
            };
            granted = granted.min((limit - used).max(0));
        }
        self.granted = Some((date, granted));
        granted
    }

    // --- Refunds ---

    pub(crate) fn refund(&mut self, sent: &command::Refund, mut order: Order) -> Result<Told, Told> {
        if order.gone && sent.what == Refunded::All {
            let growth = self.member.growth;
            let entry = self.record("reverse_earn", 0, 0, Vec::new(), Some(self.refunding(sent)));
            let mut done = self.finish(200, growth, Some(entry));
            done.taken = Some(0);
            return Ok(Told::Done(Box::new(done)));
        }
        if order.refunds == 200 {
            return Err(refuse(409, "too_many_refunds"));
        }
        let units = order.remaining_units();
        reduce(&mut order, &sent.what)?;
        order.refunds += 1;
        let facts = &mut self.member.orders;
        facts.count -= i64::from(order.gone);
        facts.any_gone |= order.gone;
        facts.units -= units - order.remaining_units();

        let (worth, growth) = order.worth();
        let points = order.points - order.points.min(worth);
        let growth_lost = order.growth - growth;
        (order.points, order.growth) = (order.points - points, growth);

        let (mut taken, mut lots) = (0, Vec::new());
        // What a lot is that ended before, the programme of its end says.
        let judged = self.versions().at(order.expires_at.min(self.now));
        if order.program.by_inactivity() || judged.by_inactivity() {
            (taken, lots) = self.take(None, points);
        } else if order.expires_at > self.now {
            (taken, lots) = self.take(Some(&order.own_lot(self.now)), points);
        }
        let before = self.member.growth;
        let change = self.member.change_growth(-growth_lost);
        let entry = self.record("reverse_earn", -taken, change, lots, Some(self.refunding(sent)));
        self.order = Some((sent.order.clone(), order));
        let mut done = self.finish(200, before, Some(entry));
        done.taken = Some(taken);
        Ok(Told::Done(Box::new(done)))
    }

    fn refunding<'s>(&self, sent: &'s command::Refund) -> About<'s> {
        About { brand: &sent.order.0, order_id: Some(&sent.order.1), occurred: self.now }
    }

    /// Takes points out of lots; what is missing becomes debt or is let go. Answers what was taken.
    pub(crate) fn take(&mut self, own: Option<&Lot>, points: i64) -> (i64, Vec<Lot>) {
        let (lots, missing) = self.member.take(own, points);
        if self.program().forgive {
            return (points - missing, lots);
        }
        self.member.debt += missing;
        (points, lots)
    }
}

/// Takes what is refunded off what remains of the order.
fn reduce(order: &mut Order, what: &Refunded) -> Result<(), Told> {
    let with_lines = !order.lines.is_empty();
    match what {
        Refunded::All => {
            order.left = Exact::zero();
            order.lines.iter_mut().for_each(|line| line.left = 0);
        }
        Refunded::Lines(parts) if with_lines => {
            let known = |id: &SmolStr| order.lines.iter().any(|line| line.id == *id);
            if parts.iter().any(|(id, quantity)| !known(id) || *quantity < 1) {
                return Err(invalid());
            }
            for (id, quantity) in parts {
                let Some(line) = order.lines.iter_mut().find(|line| line.id == *id) else { continue };
                if *quantity > line.left {
                    return Err(refuse(409, "over_refund"));
                }
                line.left -= quantity;
            }
        }
        Refunded::Lines(_) => return Err(invalid()),
        Refunded::Amount(amount) => {
            let amount = order.program.money(amount).filter(|amount| !with_lines && !amount.is_zero());
            let amount = amount.ok_or_else(invalid)?;
            if amount > order.left {
                let remaining = Some(money(order.remaining_units(), order.program.minor));
                let (status, code) = (409, "over_refund");
                return Err(Told::Refused(Refused { status, code, balance: None, remaining }));
            }
            order.left = order.left.minus(&amount);
        }
    }
    order.gone = order.left.is_zero() && order.lines.iter().all(|line| line.left == 0);
    Ok(())
}

/// Whether the activity was done as often as it may be.
fn reached(member: &Member, id: &str, activity: &Activity, date: NaiveDate) -> bool {
    let count = |same: &dyn Fn(NaiveDate) -> bool| {
        let done = member.done.iter();
        done.filter(|(one, on)| one == id && same(*on)).count() as i64
    };
    let month = |date: NaiveDate| (date.year(), date.month());
    let full = |limit: Option<i64>, same: &dyn Fn(NaiveDate) -> bool| {
        limit.is_some_and(|limit| count(same) >= limit)
    };
    full(activity.per_day, &|on| on == date)
        || full(activity.per_month, &|on| month(on) == month(date))
        || full(activity.once.then_some(1), &|_| true)
}

/// Counts a day of a streak; answers the bonus that it pays (rule 8).
fn walk_streak(
    program: &Program,
    member: &mut Standing,
    id: &SmolStr,
    activity: &Activity,
    date: NaiveDate,
) -> i64 {
    let days = match member.streaks.get(id) {
        Some((last, _)) if date <= *last => return 0,
        Some((last, days)) if program.calendar.next_date(*last) == date => days + 1,
        _ => 1,
    };
    member.streaks.insert(id.clone(), (date, days));
    let paid = activity.streak.iter().filter(|(at, _)| *at == days);
    paid.map(|(_, bonus)| bonus).sum()
}
