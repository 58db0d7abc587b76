//! The windows that a member's number and a service's quota count over (rewards.md, 1, 2 and 7).

use super::{Gives, How, Offer, Period, Quota, Times, Window, openings::OwnDays};
use crate::{
    id::TierId,
    time::{Day, DayNumber, Instant, Zone},
};

/// A window: what it is known by among those of its offer, and when it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Its number: of a day that since 0001-01-01, of an ISO week, a month and a quarter likewise, of a year and an
    /// occasion the year; 0 for ever.
    pub number: u32,
    /// Its first moment; `None` of the one for ever, and where there is no occasion.
    pub begin: Option<Instant>,
    /// The first moment after it; `None` likewise.
    pub end: Option<Instant>,
    /// When the next one begins; `None` if there is none, or none is known.
    pub next_at: Option<Instant>,
}

/// How many years ahead the next occasion is looked for.
const YEARS_AHEAD: i32 = 2;

impl Period {
    /// The period that the moment is in.
    pub fn span(self, zone: Zone, at: Instant) -> Span {
        let day = zone.day(at);
        let (first, next) = self.days(day);
        let next = zone.midnight(next);
        let number = self.number(day);
        Span { number, begin: Some(zone.midnight(first)), end: Some(next), next_at: Some(next) }
    }

    /// The number of the one that the day is in. Those that follow each other have numbers that do.
    fn number(self, day: Day) -> u32 {
        // No day is before 1900.
        match self {
            Period::Day => day.number().0.unsigned_abs(),
            Period::Week => week(day.number()).unsigned_abs(),
            Period::Month => day.month_number().unsigned_abs(),
            Period::Quarter => day.month_number().unsigned_abs() / 3,
            Period::Year => day.year().unsigned_abs(),
        }
    }

    /// Its first day, and that of the next.
    fn days(self, day: Day) -> (Day, Day) {
        let first = match self {
            Period::Day => day,
            Period::Week => Day::from_number(DayNumber(week(day.number()) * 7 + 1)),
            Period::Month => day.first_of_month(),
            Period::Quarter => {
                let into = day.month_number().rem_euclid(3).unsigned_abs();
                day.first_of_month().minus_months(into)
            }
            Period::Year => Day::new_year(day.year()),
        };
        let next = match self {
            Period::Day => day.plus_days(1),
            Period::Week => first.plus_days(7),
            Period::Month => first.plus_months(1),
            Period::Quarter => first.plus_months(3),
            Period::Year => first.plus_months(12),
        };
        (first, next)
    }
}

/// Weeks since 0001-01-01, which was a Monday.
fn week(day: DayNumber) -> i32 {
    (day.0 - 1).div_euclid(7)
}

impl Quota {
    /// How often a member of that tier has it; `None` as often as it likes.
    pub fn of(&self, tier: &TierId) -> Option<u64> {
        let times = match self {
            Quota::All(times) => *times,
            Quota::ByTier { tiers, everyone } => {
                let own = tiers.iter().find(|(id, _)| id == tier).map(|(_, times)| *times);
                own.or(*everyone).unwrap_or(Times::Most(0))
            }
        };
        match times {
            Times::Most(most) => Some(most.into()),
            Times::Unlimited => None,
        }
    }
}

impl Offer {
    /// What a member's number of it counts over: `per_member`, or the quota's period of a service; else for ever.
    pub fn window(&self) -> Window {
        let quota = match &self.gives {
            Gives::Service(service) => service.per.map(Window::Period),
            _ => None,
        };
        let own = self.per_member.map(|own| own.per);
        own.or(quota).unwrap_or(Window::Ever)
    }

    /// How many a member of that tier may have of it in its window: the quota of an `auto` service, else `per_member`;
    /// `None` without bounds.
    pub fn most(&self, tier: &TierId) -> Option<u64> {
        match &self.gives {
            Gives::Service(service) if self.how == How::Auto => service.quota.of(tier),
            _ => self.per_member.map(|own| own.n.into()),
        }
    }

    /// The window that the moment is in, of somebody with those days.
    ///
    /// Outside of every occasion it is that of the moment's local year, and has no begin and no end: a gift that staff
    /// give in advance is the year's.
    pub fn span(&self, zone: Zone, own: &OwnDays, at: Instant) -> Span {
        match self.window() {
            Window::Ever => Span { number: 0, begin: None, end: None, next_at: None },
            Window::Period(period) => period.span(zone, at),
            Window::Occasion => self.occasion(zone, own, zone.day(at)),
        }
    }

    fn occasion(&self, zone: Zone, own: &OwnDays, day: Day) -> Span {
        let on = self.when.anniversary.and_then(|anniversary| anniversary.on(own, day));
        let year = on.map_or(day.year(), |occasion| occasion.year);
        let next = self.when.anniversary.and_then(|anniversary| {
            let mut later = (year + 1..=year + YEARS_AHEAD).filter_map(|year| anniversary.in_year(own, year));
            later.next()
        });
        Span {
            number: year.unsigned_abs(),
            begin: on.map(|occasion| zone.midnight(occasion.first)),
            end: on.map(|occasion| zone.midnight(occasion.end)),
            next_at: next.map(|occasion| zone.midnight(occasion.first)),
        }
    }
}
