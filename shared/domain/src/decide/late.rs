//! Redemptions that are told late (rules, 5): they pay with what could be spent when they happened.

use super::{Draft, must_move};
use crate::{
    condition::Wants,
    event::{Ended, EntryKind, Movement},
    id::BrandId,
    number::signed,
    refusal::Refusal,
    time::Instant,
};

const HOUR_MILLIS: i64 = 60 * 60 * 1_000;

impl Draft<'_> {
    /// When the redemption happened, if it may still be recorded: within the programme's hours, and within the
    /// brand's own days.
    pub(super) fn redeemed_at(&self, brand: &BrandId, told: Option<Instant>) -> Result<Instant, Refusal> {
        let (now, programme) = (self.context.now, self.programme());
        let brand = programme.brand(brand).ok_or(Refusal::BrandNotFound)?;
        let Some(told) = told else { return Ok(now) };
        self.must_have_happened(told)?;
        if self.context.any_age {
            return Ok(told);
        }
        let hours = programme.points.redeem_late_hours;
        if told.plus_millis(i64::from(hours) * HOUR_MILLIS) < now {
            return Err(Refusal::RedeemedTooLongAgo { hours });
        }
        match brand.late_days {
            Some(late_days) if told.plus_days(late_days) < now => {
                Err(Refusal::OccurredTooLongAgo { late_days })
            }
            _ => Ok(told),
        }
    }

    /// What could be spent at that moment and has ended since, the earliest end first.
    pub(super) fn ended_since(&self, then: Instant) -> Result<Vec<Ended>, Wants> {
        let now = self.context.now;
        if then >= now {
            return Ok(Vec::new());
        }
        let history = self.context.history.filter(|history| history.since <= then);
        Ok(history.ok_or(Wants::history(then))?.ended(then, now))
    }

    /// So many of them come back into their lots, which the redemption takes next. They repay no debt.
    pub(super) fn restore(&mut self, ended: &[Ended], points: u64) {
        if points == 0 {
            return;
        }
        let movement = Movement { shares: Ended::first(ended, points), ..Movement::default() };
        must_move(&movement, signed(points), "a redemption brings back");
        self.record(self.context.now, movement, None, EntryKind::PointsRestored);
        self.before = self.events.len();
    }
}
