//! Earning (rules, 4 and 8): orders and activities.

use std::collections::HashSet;

use super::{Content, Draft, Rates, Stop, Worth, must_move, share};
use crate::{
    condition::Wants,
    event::{ActivityEarned, EntryKind, Movement, Order, OrderLine, OrderLot, Share},
    id::{ActivityId, ActivityRef, BrandId, OrderChannel, OrderId},
    member::COUNTED_DAYS,
    number::{Currency, Figure, Money, SignedMoney, signed},
    programme::{Activity, Expiry, Limit, Per, Way},
    refusal::Refusal,
    shape::Fault,
    time::{Day, DayNumber, Instant},
};

/// An order as a caller sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EarnOrder {
    /// The brand.
    pub brand: BrandId,
    /// The brand's id of it.
    pub order_id: OrderId,
    /// Where it was placed, if that is said; no rule of earning asks.
    pub channel: Option<OrderChannel>,
    /// Its amount; required if there are no lines.
    pub amount: Option<Money>,
    /// Its lines.
    pub lines: Vec<EarnLine>,
    /// When it happened; now unless told.
    pub occurred_at: Option<Instant>,
}

/// A line as a caller tells it.
pub type EarnLine = OrderLine;

/// An activity as a caller sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EarnActivity {
    /// Where.
    pub brand: BrandId,
    /// Which.
    pub activity: ActivityId,
    /// The caller's own reference.
    pub reference: Option<ActivityRef>,
    /// When it happened; now unless told.
    pub occurred_at: Option<Instant>,
}

impl Draft<'_> {
    pub(super) fn earn_order(&mut self, told: &EarnOrder) -> Result<(), Stop> {
        let programme = self.programme();
        let occurred_at = self.occurred_at(&told.brand, told.occurred_at)?;
        self.must_be_active()?;
        let day = programme.zone.day(occurred_at);
        let mut order = Order {
            brand: told.brand.clone(),
            order_id: told.order_id.clone(),
            day: day.number(),
            channel: told.channel.clone(),
            amount: order_amount(told, programme.currency)?,
            lines: told.lines.clone(),
            tier: self.member.tier_in_effect().clone(),
            version: programme.version,
            calculated: 0,
            granted: 0,
            growth: 0,
            lot: None,
            boosts: None,
            referral: None,
        };
        let boosts = programme.open_boosts(&told.brand, &self.subject(), occurred_at)?;
        let rates = Rates { boosts, ..Rates::of(programme, &order) };
        order.boosts = Some(rates.boosts_of(&Content::whole(&order)));
        let worth = Worth::of(&Content::whole(&order), &rates);
        let worth = worth.ok_or(Refusal::LimitExceeded { what: "figure" })?;
        (order.calculated, order.growth) = (worth.points, worth.growth);
        order.granted = self.within_limits(&programme.points.limits, order.calculated, 0, day)?;
        self.check_member_day(&told.brand, Way::Issue, order.granted)?;
        let (expires_at, moves_expiry_to) = self.expiry(day);
        let hold_days = Some(programme.points.hold_days).filter(|days| *days > 0);
        let held_until =
            hold_days.map(|days| occurred_at.plus_days(days)).filter(|until| *until > self.context.now);
        let inactivity = matches!(programme.points.expiry, Expiry::Inactivity { .. });
        order.lot = (!inactivity).then_some(OrderLot { expires_at, held_until });
        let mut movement =
            self.credit(vec![share(expires_at, &told.brand, held_until, signed(order.granted))]);
        movement.growth = signed(order.growth);
        must_move(&movement, signed(order.granted), "an order grants");
        let brings = self.brings(&order, occurred_at);
        order.referral = brings.as_ref().map(|(told, _)| *told);
        self.record(occurred_at, movement, moves_expiry_to, EntryKind::OrderEarned(Box::new(order)));
        if let Some((told, step)) = brings {
            self.brought(told, occurred_at, step)?;
        }
        Ok(())
    }

    pub(super) fn earn_activity(&mut self, told: &EarnActivity) -> Result<(), Stop> {
        let programme = self.programme();
        let occurred_at = self.occurred_at(&told.brand, told.occurred_at)?;
        let rules = programme.activity(&told.activity).ok_or(Refusal::ActivityNotFound)?;
        self.may_tell(rules, &told.brand)?;
        self.must_be_active()?;
        let day = programme.zone.day(occurred_at);
        self.check_times(rules, day)?;
        if rules.takes {
            return self.take_for_activity(told, rules, occurred_at, day);
        }
        let (streak, bonus) = self.streak(rules, day);
        let calculated = Figure::sum([rules.points, bonus]);
        let calculated = calculated.ok_or(Refusal::LimitExceeded { what: "figure" })?.get();
        let granted = self.within_limits(&programme.points.limits, calculated, 0, day)?;
        self.check_member_day(&told.brand, Way::Issue, granted)?;
        let (expires_at, moves_expiry_to) = self.expiry(day);
        let mut movement = self.credit(vec![share(expires_at, &told.brand, None, signed(granted))]);
        movement.growth = signed(rules.growth);
        must_move(&movement, signed(granted), "an activity grants");
        let kind = EntryKind::ActivityEarned(ActivityEarned {
            brand: told.brand.clone(),
            activity: told.activity.clone(),
            reference: told.reference.clone(),
            calculated,
            granted,
            day: day.number(),
            streak,
        });
        self.record(occurred_at, movement, moves_expiry_to, kind);
        Ok(())
    }

    /// When points of an event on that day expire, and the instant to which it moves all others.
    pub(super) fn expiry(&self, day: Day) -> (Option<Instant>, Option<Instant>) {
        let programme = self.programme();
        let zone = programme.zone;
        match programme.points.expiry {
            rule @ Expiry::Inactivity { .. } => {
                // Counted from the day it is recorded, not from the day it happened.
                let instant = rule.day_after(zone.day(self.context.now)).map(|day| zone.midnight(day));
                // It never moves back.
                let instant = instant.max(self.member.ends_with);
                (instant, instant)
            }
            rule => (rule.day_after(day).map(|day| zone.midnight(day)), None),
        }
    }

    /// New points repay open debt first; the rest becomes lots (rules, 4.5). `shares` are in the order in
    /// which they repay.
    pub(super) fn credit(&self, shares: Vec<Share>) -> Movement {
        let mut debt = signed(self.member.debt);
        let mut repaid = Vec::new();
        let rest = shares.into_iter().filter_map(|mut share| {
            let repays = share.points.min(debt);
            debt -= repays;
            share.points -= repays;
            if repays > 0 {
                repaid.push(Share { points: repays, ..share.clone() });
            }
            (share.points > 0).then_some(share)
        });
        let shares = rest.collect();
        Movement { shares, debt: debt - signed(self.member.debt), repaid, ..Movement::default() }
    }

    /// The points that the limits allow (rules, 4.4), of which they have counted so many before for the same
    /// order: these they allow.
    pub(super) fn within_limits(
        &self,
        limits: &[Limit],
        calculated: u64,
        counted: u64,
        day: Day,
    ) -> Result<u64, Wants> {
        let (mut more, mut wants) = (calculated.saturating_sub(counted), Wants::default());
        for limit in limits {
            let before = match limit.per {
                Per::Order => Ok(counted),
                Per::Day => self.granted_between(day, day),
                Per::Month => {
                    let first = day.first_of_month();
                    self.granted_between(first, Day::from_number(first.plus_months(1).number().plus(-1)))
                }
            };
            let Some(before) = wants.collect(before) else { continue };
            // Under an earlier version more may have been granted than this one allows: nothing is left then.
            more = more.min(limit.points.saturating_sub(before));
        }
        wants.nothing()?;
        Ok(calculated.min(counted) + more)
    }

    fn is_counted(&self, first: Day) -> bool {
        first.number() >= self.programme().zone.day(self.context.now).number().plus(-COUNTED_DAYS)
    }

    pub(super) fn wanted_history(&self, first: Day) -> Result<&crate::event::History, Wants> {
        let since = self.programme().zone.midnight(first);
        self.context.history.filter(|history| history.since <= since).ok_or(Wants::history(since))
    }

    fn granted_between(&self, first: Day, last: Day) -> Result<u64, Wants> {
        if !self.is_counted(first) {
            return Ok(self.wanted_history(first)?.granted(first, last));
        }
        let days = self.member.granted.iter();
        let within = days.filter(|(day, _)| (first.number()..=last.number()).contains(day));
        Ok(within.map(|(_, points)| points).sum())
    }

    fn times_between(&self, id: &ActivityId, first: Day, last: Day) -> Result<u32, Wants> {
        if !self.is_counted(first) {
            return Ok(self.wanted_history(first)?.times(id, first, last));
        }
        let days = self.member.activity(id).map_or(&[][..], |count| &count.days);
        let within = days.iter().filter(|(day, _)| (first.number()..=last.number()).contains(day));
        Ok(within.map(|(_, times)| times).sum())
    }

    fn check_times(&self, rules: &Activity, day: Day) -> Result<(), Stop> {
        let first = day.first_of_month();
        let last = Day::from_number(first.plus_months(1).number().plus(-1));
        let reached = (rules.once && self.member.activity(&rules.id).is_some())
            || match rules.per_day {
                Some(most) => self.times_between(&rules.id, day, day)? >= most,
                None => false,
            }
            || match rules.per_month {
                Some(most) => self.times_between(&rules.id, first, last)? >= most,
                None => false,
            };
        if reached { Err(Refusal::ActivityLimit.into()) } else { Ok(()) }
    }

    /// The streak after an activity on that day (its last day and length), and the bonus it pays.
    fn streak(&self, rules: &Activity, day: Day) -> ((DayNumber, u32), u64) {
        let zone = self.programme().zone;
        let length = match self.member.activity(&rules.id) {
            // The same day counts once; a day before it leaves the streak as it is.
            Some(count) if day.number() <= count.streak_day => return ((count.streak_day, count.streak), 0),
            Some(count) if zone.next_day(Day::from_number(count.streak_day)) == day => count.streak + 1,
            _ => 1,
        };
        // Most days pay none.
        let bonus = rules.streak.iter().find(|(days, _)| *days == length).map_or(0, |(_, points)| *points);
        ((day.number(), length), bonus)
    }
}

/// The order's amount: the sum of its lines, which `amount` must equal if both are given.
pub(super) fn order_amount(told: &EarnOrder, currency: Currency) -> Result<Money, Refusal> {
    let mut seen = HashSet::new();
    let twice = told.lines.iter().enumerate().filter(|(_, line)| !seen.insert(line.line_id.as_str()));
    let twice = twice.map(|(index, _)| {
        Fault::new(format!("/lines/{index}/line_id"), "duplicate", "line ids differ within an order")
    });
    let mut faults: Vec<Fault> = twice.collect();
    // At most 200 of at most 17 digits.
    let sum: i128 = told.lines.iter().map(|line| line.amount.0).sum();
    if sum < 0 {
        let detail = format!("an order of 0 or more; its lines come to {}", SignedMoney(sum).show(currency));
        faults.push(Fault::new("/lines", "below_zero", detail));
    }
    let sum = Figure::of(sum.max(0)).ok_or(Refusal::LimitExceeded { what: "figure" })?.get();
    let amount = match (told.amount, told.lines.is_empty()) {
        (None, true) => {
            faults.push(Fault::new("/amount", "required", "an amount, or lines"));
            Money(0)
        }
        (Some(amount), true) => amount,
        (amount, false) => {
            if let Some(amount) = amount.filter(|amount| amount.0 != sum) {
                let (sum, amount) = (Money(sum).show(currency), amount.show(currency));
                let detail = format!("the sum of the lines, {sum}, not {amount}");
                faults.push(Fault::new("/amount", "not_the_sum", detail));
            }
            Money(sum)
        }
    };
    if faults.is_empty() { Ok(amount) } else { Err(Refusal::InvalidField(faults)) }
}
