//! Earning from orders and activities (rules 4 and 8).

use super::Model;
use super::boosts::{Boost, largest};
use super::calendar::DAY;
use super::command::{Asked, Body, Command, Told, Whom, invalid, refuse};
use super::draft::{About, Draft};
use super::member::{Lot, Member, Standing};
use super::number::Exact;
use super::program::{self, Program, list, text};
use chrono::{Datelike, NaiveDate};
use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};
use std::rc::Rc;

/// An order as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// Its id there.
    pub order_id: SmolStr,
    /// Where it was placed.
    pub channel: Option<SmolStr>,
    /// Of which currency it says it is.
    pub currency: Option<SmolStr>,
    /// A decimal string.
    pub amount: Option<SmolStr>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Milliseconds since the epoch.
    pub occurred_at: Option<i64>,
}

/// A line as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its id in the order.
    pub line_id: SmolStr,
    /// Its category.
    pub category: Option<SmolStr>,
    /// How many units, as it was sent: `2`, or `"0.350"`.
    pub quantity: SmolStr,
    /// A decimal string.
    pub amount: SmolStr,
}

/// An activity as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activity {
    /// Who.
    pub member: Whom,
    /// Where.
    pub brand: SmolStr,
    /// What.
    pub activity: SmolStr,
    /// Its name.
    pub reference: Option<SmolStr>,
    /// Milliseconds since the epoch.
    pub occurred_at: Option<i64>,
}

pub(crate) fn read(body: &Body<'_>) -> Option<Command> {
    if body.path != "/earn-points" {
        return None;
    }
    let (member, brand, occurred_at) = (body.whom, body.word("brand"), body.instant("occurred_at"));
    Some(if body.value["activity"].is_string() {
        let (activity, reference) = (body.word("activity"), body.maybe("activity_ref"));
        Command::Activity(Activity { member, brand, activity, reference, occurred_at })
    } else {
        Command::Order(read_order(body)?)
    })
}

/// The order of a body, whichever telling it is.
pub(crate) fn read_order(body: &Body<'_>) -> Option<Order> {
    let (member, brand, occurred_at) = (body.whom, body.word("brand"), body.instant("occurred_at"));
    let (order_id, amount) = (body.word("order_id"), body.maybe("amount"));
    let lines = list(&body.value["lines"]).iter().map(read_line).collect();
    let (channel, currency) = (body.maybe("channel"), body.maybe("currency"));
    (!body.value["activity"].is_string()).then_some(Order {
        member,
        brand,
        order_id,
        channel,
        currency,
        amount,
        lines,
        occurred_at,
    })
}

fn read_line(line: &Value) -> Line {
    Line {
        line_id: SmolStr::new(text(&line["line_id"])),
        category: line["category"].as_str().map(SmolStr::new),
        quantity: format_smolstr!("{}", line["quantity"]),
        amount: SmolStr::new(text(&line["amount"])),
    }
}

impl Order {
    /// Amounts of another currency say nothing: that comes first.
    pub(crate) fn in_another_currency(&self, model: &Model) -> Option<Told> {
        let own = &model.program(model.versions()).currency;
        let other = self.currency.as_ref().is_some_and(|told| told != own);
        other.then(|| refuse(422, "currency_mismatch"))
    }
}

impl Asked for Order {
    fn whom(&self) -> Whom {
        self.member
    }

    fn replayed(&self, model: &Model) -> Option<Told> {
        if let Some(told) = self.in_another_currency(model) {
            return Some(told);
        }
        let order = model.orders.get(&(self.brand.clone(), self.order_id.clone()))?;
        // Natural keys come first: a known request gets its first answer.
        Some(order.told_again(*order.sent == *self, &order.told))
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.earn_order(self)
    }
}

impl Asked for Activity {
    fn whom(&self) -> Whom {
        self.member
    }

    fn reference(&self) -> Option<SmolStr> {
        let reference = self.reference.as_ref()?;
        Some(format_smolstr!("activity {} {} {reference}", self.brand, self.activity))
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.earn_activity(self)
    }
}

/// A line of an order that has earned; `left` counts the units not refunded.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) id: SmolStr,
    category: Option<SmolStr>,
    amount: Exact,
    quantity: Exact,
    pub(crate) left: Exact,
}

impl Part {
    /// Whether anything with a price is left of it.
    pub(crate) fn is_something(&self) -> bool {
        !self.left.is_zero() && self.amount > Exact::zero()
    }
}

/// A quantity as it was sent.
pub(crate) fn quantity(sent: &str) -> Option<Exact> {
    let amount = Exact::decimal(sent.trim_matches('"'))?;
    let digits = sent.trim_matches('"').split_once('.').map_or(0, |(_, digits)| digits.len());
    (digits <= 3 && !amount.is_zero()).then_some(amount)
}

/// An order that has earned.
#[derive(Clone, Debug)]
pub(crate) struct Earned {
    pub(crate) member: usize,
    brand: SmolStr,
    /// As it was sent, and what was answered.
    sent: Rc<Order>,
    told: Rc<Told>,
    /// The programme of its own time.
    pub(crate) program: Rc<Program>,
    pub(crate) lines: Vec<Part>,
    /// What remains of an order without lines.
    pub(crate) left: Exact,
    /// Of the tier of its own time.
    tier_multiplier: Exact,
    /// What was open for it.
    boosts: Vec<Boost>,
    /// What it has earned so far.
    pub(crate) points: i64,
    pub(crate) growth: i64,
    pub(crate) expires_at: i64,
    held_until: Option<i64>,
    pub(crate) refunds: usize,
    /// Nothing with a price remains of it, though something did.
    pub(crate) gone: bool,
    /// Refunds left nothing of it.
    pub(crate) refunded: bool,
    /// It had something with a price in one of its tellings.
    pub(crate) was_above: bool,
    pub(crate) occurred: i64,
    /// Later tellings as they were sent, and what was answered.
    pub(crate) revisions: Vec<(Rc<Order>, Rc<Told>)>,
    /// Points that limits have counted for it.
    pub(crate) counted: i64,
    /// Points that were to be taken and were let go or had ended, and growth that was not there.
    pub(crate) lost: i64,
    pub(crate) growth_lost: i64,
}

impl Earned {
    /// Each line with the share of its amount that remains.
    fn remaining_lines(&self) -> impl Iterator<Item = (&Part, Exact)> {
        self.lines.iter().map(|line| {
            let share = line.left.times(&line.quantity.inverse());
            (line, line.amount.times(&share))
        })
    }

    fn remaining_amount(&self) -> Exact {
        self.remaining_lines().fold(self.left.clone(), |sum, (_, amount)| sum.plus(&amount))
    }

    /// What remains, at least nothing; nothing if the order is gone.
    pub(crate) fn remains(&self) -> Exact {
        if self.gone { Exact::zero() } else { self.remaining_amount().at_least_zero() }
    }

    /// The same in the smallest unit of money, rounded down once.
    pub(crate) fn remaining_units(&self) -> i64 {
        self.remains().units(self.program.minor)
    }

    /// Whether anything with a price remains: a discount alone is nothing.
    pub(crate) fn goods_left(&self) -> bool {
        self.left > Exact::zero() || self.lines.iter().any(Part::is_something)
    }

    /// Takes over what a telling says that the order consists of, all of it.
    pub(crate) fn retell(&mut self, sent: &Order) -> Result<(), Told> {
        (self.lines, self.left) = (Vec::new(), Exact::zero());
        for line in &sent.lines {
            self.lines.push(Part {
                id: line.line_id.clone(),
                category: line.category.clone(),
                amount: self.program.signed_money(&line.amount).ok_or_else(invalid)?,
                quantity: quantity(&line.quantity).ok_or_else(invalid)?,
                left: quantity(&line.quantity).ok_or_else(invalid)?,
            });
        }
        if let Some(amount) = &sent.amount {
            let amount = self.program.money(amount).ok_or_else(invalid)?;
            if self.lines.is_empty() {
                self.left = amount;
            } else if self.remaining_amount() != amount {
                return Err(invalid());
            }
        } else if self.lines.is_empty() {
            return Err(invalid());
        }
        if self.remaining_amount() < Exact::zero() {
            return Err(invalid());
        }
        Ok(())
    }

    /// Points and growth of what remains (rules 4.1 to 4.3), before limits.
    pub(crate) fn worth(&self) -> (i64, i64) {
        let program = &self.program;
        let (mut eligible, mut weighted) = (self.left.clone(), self.left.times(&largest(&self.boosts, None)));
        for (line, amount) in self.remaining_lines() {
            let category = line.category.as_deref().unwrap_or_default();
            if !program.excluded.contains(category) {
                eligible = eligible.plus(&amount);
                let multiplier = program.multipliers.get(category);
                let own = match multiplier {
                    Some(multiplier) => amount.times(multiplier),
                    None => amount,
                };
                weighted = weighted.plus(&own.times(&largest(&self.boosts, line.category.as_deref())));
            }
        }
        let eligible = eligible.at_least_zero();
        let (parts, points) = &program.given;
        let parts = weighted
            .at_least_zero()
            .times(parts)
            .times(&program.brands[self.brand.as_str()].rate)
            .times(&self.tier_multiplier);
        let points = if eligible < program.minimum { 0 } else { parts.floor() * points };
        if eligible.is_zero() {
            return (points, 0);
        }
        let reached = program.growth_steps.iter().filter(|(from, _)| eligible >= *from);
        let growth = eligible.times(&program.growth_per_unit).floor()
            + program.growth_per_order
            + reached.map(|(_, growth)| growth).max().unwrap_or(&0);
        (points, growth)
    }

    /// The lot that its points went to, as it is known now.
    pub(crate) fn own_lot(&self, now: i64) -> Lot {
        Lot {
            expires_at: self.expires_at,
            brand: self.brand.clone(),
            held_until: self.held_until.filter(|&until| until > now),
            points: 0,
        }
    }
}

impl Draft<'_> {
    /// When points end that are earned now; with `inactivity` never before the one instant.
    pub(crate) fn ends(&self, program: &Program, occurred: i64) -> i64 {
        let end = program.expires_at(occurred, self.now);
        let running = self.member.ends_with.filter(|_| program.by_inactivity());
        running.map_or(end, |running| running.max(end))
    }

    /// When it happened, if it may still be recorded.
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

    fn earn_order(&mut self, sent: &Order) -> Result<Told, Told> {
        let occurred = self.occurred(&sent.brand, sent.occurred_at)?;
        self.must_be_active()?;
        let (program, now) = (self.program().clone(), self.now);
        let tier = &program.tiers[self.member.benefits_tier()];
        let hold = occurred + program.hold_days * DAY;
        let mut order = Earned {
            member: self.id,
            brand: sent.brand.clone(),
            sent: Rc::new(sent.clone()),
            told: Rc::new(invalid()),
            lines: Vec::new(),
            left: Exact::zero(),
            tier_multiplier: tier.earn_multiplier.clone(),
            boosts: self.open_boosts(&program, &sent.brand, occurred),
            points: 0,
            growth: 0,
            expires_at: self.ends(&program, occurred),
            held_until: Some(hold).filter(|&until| program.hold_days > 0 && until > now),
            refunds: 0,
            gone: false,
            refunded: false,
            was_above: false,
            occurred,
            revisions: Vec::new(),
            counted: 0,
            lost: 0,
            growth_lost: 0,
            program,
        };
        order.retell(sent)?;
        order.was_above = order.goods_left();
        let (calculated, growth) = order.worth();
        let date = order.program.calendar.date(occurred);
        let granted = self.grant(date, calculated);
        (order.points, order.growth, order.counted) = (granted, growth, granted);
        let lot = Lot { points: granted, ..order.own_lot(now) };
        let facts = &mut self.member.orders;
        facts.count += 1;
        facts.remains = facts.remains.plus(&order.remains());
        facts.first_at = Some(facts.first_at.map_or(occurred, |first| first.min(occurred)));
        facts.last_at = Some(facts.last_at.map_or(occurred, |last| last.max(occurred)));
        let about = About { brand: &sent.brand, order_id: Some(&sent.order_id), occurred };
        let told = self.earned("earn", about, (granted, calculated, growth), lot);
        order.told = Rc::new(told.clone());
        self.order = Some(((sent.brand.clone(), sent.order_id.clone()), order));
        Ok(told)
    }

    fn earn_activity(&mut self, sent: &Activity) -> Result<Told, Told> {
        let occurred = self.occurred(&sent.brand, sent.occurred_at)?;
        let program = self.program().clone();
        let id = &sent.activity;
        let Some(activity) = program.activities.get(id.as_str()) else {
            return Err(refuse(404, "activity_not_found"));
        };
        if activity.takes() && program.brands[sent.brand.as_str()].partner {
            return Err(refuse(403, "forbidden"));
        }
        self.must_be_active()?;
        let date = program.calendar.date(occurred);
        if reached(self.before(), id, activity, date) {
            return Err(refuse(409, "activity_limit"));
        }
        self.done = Some((id.clone(), date));
        if activity.takes() {
            return Ok(self.activity_takes(sent, activity, occurred));
        }
        let bonus = walk_streak(&program, &mut self.member, id, activity, date);
        let (calculated, growth) = (activity.points + bonus, activity.growth);
        let granted = self.grant(date, calculated);
        let lot = Lot {
            expires_at: self.ends(&program, occurred),
            brand: sent.brand.clone(),
            held_until: None,
            points: granted,
        };
        self.note_given(sent, Some((granted, growth)), lot.expires_at);
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

    /// How many of the points the limits allow (rule 4.4); granted points count towards them.
    fn grant(&mut self, date: NaiveDate, calculated: i64) -> i64 {
        let granted = self.allowed(self.program(), date, calculated, 0);
        self.granted = Some((date, granted));
        granted
    }

    /// How many more points of an order, or an activity, the limits of that programme allow; they have counted so
    /// many of it already.
    pub(crate) fn allowed(&self, program: &Program, date: NaiveDate, more: i64, counted: i64) -> i64 {
        let mut granted = more;
        let by_date = &self.before().granted;
        for (per, limit) in &program.limits {
            let used: i64 = match per.as_str() {
                "day" => by_date.get(&date).copied().unwrap_or(0),
                "month" => {
                    let first = date.with_day(1).expect("the first of a month");
                    let last = super::calendar::add_months(first, 1);
                    by_date.range(first..last).map(|(_, points)| points).sum()
                }
                _ => counted,
            };
            granted = granted.min((limit - used).max(0));
        }
        granted
    }
}

/// Whether the activity has reached its limit.
fn reached(member: &Member, id: &str, activity: &program::Activity, date: NaiveDate) -> bool {
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

/// Counts a day of a streak; returns the bonus that it pays (rule 8).
fn walk_streak(
    program: &Program,
    member: &mut Standing,
    id: &SmolStr,
    activity: &program::Activity,
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
