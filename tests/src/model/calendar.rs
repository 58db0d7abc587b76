//! The programme's local calendar (rule 2). Instants are milliseconds since the epoch.

use chrono::{
    DateTime, Datelike, Days, MappedLocalTime, Months, NaiveDate, NaiveTime, SecondsFormat, TimeZone,
    Timelike, Utc,
};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// Later than every instant: an end that never comes.
pub const NEVER: i64 = i64::MAX;
/// 24 hours.
pub const DAY: i64 = 24 * 60 * 60 * 1000;

/// A time zone and what follows from it.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: Tz,
}

impl Calendar {
    /// The calendar of that IANA zone.
    pub fn new(zone: &str) -> Calendar {
        let zone = zone.parse().expect("an IANA time zone");
        Calendar { zone }
    }

    fn local(&self, at: i64) -> DateTime<Tz> {
        DateTime::<Utc>::from_timestamp_millis(at)
            .expect("an instant within chrono's years")
            .with_timezone(&self.zone)
    }

    /// The local date on which an instant falls.
    pub(crate) fn date(&self, at: i64) -> NaiveDate {
        self.local(at).date_naive()
    }

    /// The minute of the day that clocks show then.
    pub(crate) fn minute(&self, at: i64) -> u32 {
        let local = self.local(at);
        local.hour() * 60 + local.minute()
    }

    /// 00:00 of a local date: the earlier one of two, the first instant after a gap.
    pub(crate) fn midnight(&self, date: NaiveDate) -> i64 {
        let wanted = date.and_time(NaiveTime::MIN);
        match self.zone.from_local_datetime(&wanted) {
            MappedLocalTime::Single(only) => only.timestamp_millis(),
            MappedLocalTime::Ambiguous(one, other) => one.timestamp_millis().min(other.timestamp_millis()),
            MappedLocalTime::None => {
                // The clock jumps over it: a binary search finds the first instant that shows more.
                let middle = wanted.and_utc().timestamp_millis();
                let (mut before, mut after) = (middle - 2 * DAY, middle + 2 * DAY);
                while after - before > 1 {
                    let half = before + (after - before) / 2;
                    if self.local(half).naive_local() >= wanted {
                        after = half;
                    } else {
                        before = half;
                    }
                }
                after
            }
        }
    }

    pub(crate) fn midnight_after_months(&self, at: i64, months: u32) -> i64 {
        self.midnight(add_months(self.date(at), months))
    }

    /// 00:00 so many local days after an instant's.
    pub fn midnight_after_days(&self, at: i64, days: u64) -> i64 {
        self.midnight(add_days(self.date(at), days))
    }

    /// The next local date that the zone did not skip.
    pub(crate) fn next_date(&self, date: NaiveDate) -> NaiveDate {
        let mut next = add_days(date, 1);
        while self.date(self.midnight(next)) != next {
            next = add_days(next, 1);
        }
        next
    }

    /// RFC 3339 with the zone's offset; null for never.
    pub fn show(&self, at: i64) -> Value {
        if at == NEVER {
            return Value::Null;
        }
        json!(self.local(at).to_rfc3339_opts(SecondsFormat::AutoSi, false))
    }
}

/// An RFC 3339 instant, cut to the millisecond.
pub(crate) fn instant(text: &str) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
}

pub(crate) fn add_months(date: NaiveDate, months: u32) -> NaiveDate {
    date.checked_add_months(Months::new(months)).expect("a date within chrono's years")
}

pub(crate) fn add_days(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).expect("a date within chrono's years")
}

pub(crate) fn first_of_year(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1).expect("a year within chrono's")
}

/// The date itself if it starts a block of that many months (1, 3, 12), else the start of the next.
pub(crate) fn round_up(date: NaiveDate, block: u32) -> NaiveDate {
    let first_month = date.month0() / block * block + 1;
    let start = NaiveDate::from_ymd_opt(date.year(), first_month, 1).expect("the first of a month");
    if start == date { date } else { add_months(start, block) }
}
