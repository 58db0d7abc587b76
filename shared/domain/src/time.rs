//! Instants, and the programme's local calendar.
//!
//! Nothing here asks what time it is: every instant is an argument.

mod local;

use std::fmt;

use chrono::{
    DateTime, Datelike, Days, FixedOffset, LocalResult, Months, NaiveDate, NaiveTime, Offset, SecondsFormat,
    TimeZone, Utc,
};
use chrono_tz::Tz;

pub use local::{DAY_MINUTES, LocalMoment, WEEKDAYS, clock, show_clock};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Instant(pub i64);

/// Milliseconds in 24 hours.
pub const DAY_MILLIS: i64 = 86_400_000;

/// Milliseconds in a minute.
pub const MINUTE_MILLIS: i64 = 60_000;

impl Instant {
    /// The earliest moment a request may name: 1900-01-01T00:00:00Z.
    pub const MIN: Instant = Instant(-2_208_988_800_000);
    /// The latest moment a request may name: 9999-01-01T00:00:00Z.
    pub const MAX: Instant = Instant(253_370_764_800_000);

    /// Reads an RFC 3339 instant; fractions of a millisecond are cut off.
    pub fn parse(text: &str) -> Option<Instant> {
        if !text.is_ascii() || text.len() > 40 {
            return None;
        }
        let millis = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
        let instant = Instant(millis);
        (Instant::MIN..=Instant::MAX).contains(&instant).then_some(instant)
    }

    /// The moment that many milliseconds later (or earlier, below zero).
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Instant {
        Instant(self.0 + millis)
    }

    /// The moment that many times 24 hours later.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Instant {
        self.plus_millis(i64::from(days) * DAY_MILLIS)
    }

    fn utc(self) -> DateTime<Utc> {
        // Every instant is read in range or derived from one by steps of at most some centuries, and the
        // calendar covers 260,000 years.
        DateTime::from_timestamp_millis(self.0)
            .unwrap_or_else(|| panic!("no calendar has the instant {}", self.0))
    }
}

/// A local calendar date.
///
/// Dates are read in range or derived from one by bounded steps; the calendar ends after 260,000 years, and a
/// date beyond its end stops the request instead of being clamped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(NaiveDate);

impl Day {
    /// Its number, the form in which days are stored.
    pub fn number(self) -> DayNumber {
        DayNumber(self.0.num_days_from_ce())
    }

    /// The day of that number.
    pub fn from_number(number: DayNumber) -> Day {
        let date = NaiveDate::from_num_days_from_ce_opt(number.0);
        Day(date.unwrap_or_else(|| panic!("no calendar has a day of number {number}")))
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Day> {
        let day = Day(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?);
        // chrono also reads blanks and short numbers.
        (day.show() == text).then_some(day)
    }

    /// The date as `YYYY-MM-DD`.
    pub fn show(self) -> String {
        self.0.format("%Y-%m-%d").to_string()
    }

    /// The year of the date.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// The month and the day of the month.
    pub fn month_day(self) -> (u32, u32) {
        (self.0.month(), self.0.day())
    }

    /// The day of the week; Monday is 0.
    pub fn weekday(self) -> u32 {
        self.0.weekday().num_days_from_monday()
    }

    /// The same day of that year; 29 February is kept on 28 February in common years.
    #[must_use]
    pub fn in_year(self, year: i32) -> Day {
        let date = self.0.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28));
        Day(date.unwrap_or_else(|| panic!("no calendar has the year {year}")))
    }

    /// Months since year 0, the form in which months are stored.
    pub fn month_number(self) -> i32 {
        self.0.year() * 12 + self.0.month0().cast_signed()
    }

    /// The first day of the same month.
    #[must_use]
    pub fn first_of_month(self) -> Day {
        Day(self.0 - Days::new(u64::from(self.0.day0())))
    }

    /// The date so many days later.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Day {
        Day(self.0 + Days::new(u64::from(days)))
    }

    /// The same day of a later month, or that month's last day if it has no such day.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Day {
        Day(self.0 + Months::new(months))
    }

    /// The same day of an earlier month, or that month's last day if it has no such day.
    #[must_use]
    pub fn minus_months(self, months: u32) -> Day {
        Day(self.0 - Months::new(months))
    }

    /// 1 January of that year.
    pub fn new_year(year: i32) -> Day {
        first_of(year, 1)
    }

    /// The date itself if it starts a month (`step` 1), quarter (3) or year (12); else the next that does.
    #[must_use]
    pub fn round_up(self, step: u32) -> Day {
        let start = self.first_of_month();
        let into = start.0.month0() % step;
        if into == 0 && start == self {
            return self;
        }
        start.plus_months(step - into)
    }
}

/// A day as it is stored and counted with: days since 0001-01-01, which is 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayNumber(pub i32);

impl DayNumber {
    /// Before every day: of what has not happened.
    pub const NEVER: DayNumber = DayNumber(0);

    /// So many days later, or earlier.
    #[must_use]
    pub const fn plus(self, days: i32) -> DayNumber {
        DayNumber(self.0 + days)
    }

    /// How many days it lies after that one; below 0 if before.
    pub fn since(self, other: DayNumber) -> i64 {
        i64::from(self.0) - i64::from(other.0)
    }
}

impl fmt::Display for DayNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DayNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A month of the local calendar, from January 1900 to December 9998.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Month(u32);

impl Month {
    const FIRST: Month = Month(1_900 * 12);
    const LAST: Month = Month(9_998 * 12 + 11);

    /// The month of that date.
    pub fn of(day: Day) -> Month {
        let number = u32::try_from(day.month_number());
        Month(number.unwrap_or_else(|_| panic!("{} is before the year 0", day.show())))
    }

    /// Reads `YYYY-MM`.
    pub fn parse(text: &str) -> Option<Month> {
        let day = Day::parse(&format!("{text}-01"))?;
        Some(Month::of(day)).filter(|month| (Month::FIRST..=Month::LAST).contains(month))
    }

    /// The month as `YYYY-MM`.
    pub fn show(self) -> String {
        format!("{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }

    /// Months since the year 0, the form in which months are stored.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The month of that number.
    pub fn from_number(number: u32) -> Month {
        Month(number)
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Month {
        Month(self.0 + 1)
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Month {
        Month(self.0 - 1)
    }

    /// Its first date.
    pub fn first_day(self) -> Day {
        first_of((self.0 / 12).cast_signed(), self.0 % 12 + 1)
    }
}

/// The first date of that month, from 1, of that year.
fn first_of(year: i32, month: u32) -> Day {
    let date = NaiveDate::from_ymd_opt(year, month, 1);
    Day(date.unwrap_or_else(|| panic!("no calendar has the month {month} of the year {year}")))
}

/// The programme's IANA time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone(Tz);

impl Zone {
    /// The zone of that name.
    pub fn of(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone)
    }

    /// The local date at that moment.
    pub fn day(self, instant: Instant) -> Day {
        Day(instant.utc().with_timezone(&self.0).date_naive())
    }

    /// The local month at that moment.
    pub fn month(self, instant: Instant) -> Month {
        Month::of(self.day(instant))
    }

    /// The first moment of that month.
    pub fn start_of(self, month: Month) -> Instant {
        self.midnight(month.first_day())
    }

    /// Local midnight at the start of that date: the first moment after a gap that swallows it, the earlier
    /// of two if the clock was set back (rules, 2).
    pub fn midnight(self, day: Day) -> Instant {
        self.moment(day, 0)
    }

    /// The moment so many milliseconds of a clock, less than a day, after the start of that date: after a gap that
    /// swallows it the first one, the earlier of two if the clock was set back.
    pub fn moment(self, day: Day, millis: i64) -> Instant {
        let local = day.0.and_time(NaiveTime::MIN) + chrono::TimeDelta::milliseconds(millis);
        match self.0.from_local_datetime(&local) {
            LocalResult::Single(one) | LocalResult::Ambiguous(one, _) => Instant(one.timestamp_millis()),
            LocalResult::None => self.after_gap(local.and_utc().timestamp_millis()),
        }
    }

    /// The first moment whose local time is not before `local` (milliseconds as if it were UTC). A binary
    /// search between the day before and the day after finds it: around a gap local time only rises.
    fn after_gap(self, local: i64) -> Instant {
        let (mut before, mut after) = (local - 2 * DAY_MILLIS, local + 2 * DAY_MILLIS);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if self.local_millis(Instant(middle)) < local {
                before = middle;
            } else {
                after = middle;
            }
        }
        Instant(after)
    }

    fn local_millis(self, instant: Instant) -> i64 {
        let offset = self.0.offset_from_utc_datetime(&instant.utc().naive_utc());
        instant.0 + i64::from(offset.fix().local_minus_utc()) * 1_000
    }

    /// Whether the zone's calendar has that date (Pacific/Apia has no 30 December 2011).
    pub fn has(self, day: Day) -> bool {
        self.day(self.midnight(day)) == day
    }

    /// The next date that the zone's calendar has.
    pub fn next_day(self, day: Day) -> Day {
        let next = day.plus_days(1);
        if self.has(next) { next } else { next.plus_days(1) }
    }

    /// The moment in RFC 3339 with the zone's offset; milliseconds only if there are any.
    pub fn show(self, instant: Instant) -> String {
        let local = instant.utc().with_timezone(&self.0).fixed_offset();
        // RFC 3339 has no seconds in an offset; zones had some, the last until 1972.
        let minutes = FixedOffset::east_opt(local.offset().local_minus_utc() / 60 * 60);
        let local = minutes.map_or(local, |minutes| local.with_timezone(&minutes));
        let form = if instant.0.rem_euclid(1_000) == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
        local.to_rfc3339_opts(form, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_midnight(zone: &str, day: &str, want: &str) {
        let zone = Zone::of(zone).unwrap();
        let midnight = zone.midnight(Day::parse(day).unwrap());
        assert_eq!(zone.show(midnight), want);
    }

    #[test]
    fn midnights() {
        check_midnight("Asia/Shanghai", "2016-01-01", "2016-01-01T00:00:00+08:00");
        check_midnight("America/New_York", "2011-03-13", "2011-03-13T00:00:00-05:00");
        // the clock jumps over midnight: the first moment after the gap
        check_midnight("Africa/Cairo", "2023-04-28", "2023-04-28T01:00:00+03:00");
        check_midnight("America/Santiago", "2019-09-08", "2019-09-08T01:00:00-03:00");
        // a whole day is missing
        check_midnight("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00");
        // midnight comes twice: the earlier
        check_midnight("America/Havana", "2020-11-01", "2020-11-01T00:00:00-04:00");
    }

    #[test]
    fn what_is_shown_is_the_same_moment_where_offsets_had_seconds() {
        let at = Instant::parse("1945-12-31T01:00:00Z").unwrap();
        // 44 minutes and 30 seconds behind.
        let shown = Zone::of("Africa/Monrovia").unwrap().show(at);
        assert_eq!((shown.as_str(), Instant::parse(&shown)), ("1945-12-31T00:16:00-00:44", Some(at)));
    }

    /// RFC 3339, in plain letters and not without end.
    #[test]
    fn instants_are_read_in_one_form() {
        let digits = |count: usize| format!("2026-01-01T00:00:00.{}Z", "0".repeat(count));
        let new_year = Instant::parse("2026-01-01T00:00:00Z");
        assert!(new_year.is_some());
        assert_eq!([Instant::parse(&digits(3)), Instant::parse(&digits(19))], [new_year; 2]);
        let (long, dash) = (digits(20), "2026-01-01T08:00:00\u{2212}08:00".to_owned());
        for bad in [long, dash, "２026-01-01T00:00:00Z".to_owned(), "2026-01-01".to_owned(), String::new()] {
            assert_eq!(Instant::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn months_clamp_and_round_up() {
        let day = |text| Day::parse(text).unwrap();
        assert_eq!(day("2023-01-31").plus_months(1), day("2023-02-28"));
        assert_eq!(day("2020-02-29").plus_months(12), day("2021-02-28"));
        assert_eq!(day("2020-10-01").round_up(3), day("2020-10-01"));
        assert_eq!(day("2020-10-02").round_up(3), day("2021-01-01"));
        assert_eq!(day("2020-12-31").round_up(1), day("2021-01-01"));
        assert_eq!(day("2021-12-31").round_up(12), day("2022-01-01"));
    }

    #[test]
    fn months_follow_each_other_and_read_as_they_are_shown() {
        let month = |text| Month::parse(text).unwrap();
        assert_eq!(month("2026-12").next(), month("2027-01"));
        assert_eq!(month("2027-01").previous().show(), "2026-12");
        assert_eq!(month("2024-02").first_day().show(), "2024-02-01");
        assert_eq!(Month::from_number(month("1999-10").number()), month("1999-10"));
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-01",
            "2026-01-01",
            "1899-12",
            "9999-01",
            "2026-01 ",
        ] {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
        let zone = Zone::of("Asia/Shanghai").unwrap();
        let start = zone.start_of(month("2026-12"));
        assert_eq!(zone.show(start), "2026-12-01T00:00:00+08:00");
        assert_eq!(zone.month(start), month("2026-12"));
        assert_eq!(zone.month(start.plus_millis(-1)), month("2026-11"));
    }

    #[test]
    fn days_of_another_year_keep_29_february_on_the_28th() {
        let day = |text| Day::parse(text).unwrap();
        assert_eq!(day("2000-02-29").in_year(2_027), day("2027-02-28"));
        assert_eq!(day("2000-02-29").in_year(2_028), day("2028-02-29"));
        assert_eq!((day("2026-11-02").weekday(), day("2026-11-08").weekday()), (0, 6));
    }

    #[test]
    fn a_skipped_date_is_skipped() {
        let apia = Zone::of("Pacific/Apia").unwrap();
        let day = |text| Day::parse(text).unwrap();
        assert!(!apia.has(day("2011-12-30")));
        assert_eq!(apia.next_day(day("2011-12-29")), day("2011-12-31"));
    }

    #[test]
    fn instants_read_rfc_3339() {
        assert_eq!(Instant::parse("1970-01-01T00:00:00.0019Z"), Some(Instant(1)));
        assert_eq!(Instant::parse("1970-01-01T08:00:00+08:00"), Some(Instant(0)));
        for bad in ["", "1970-01-01", "1970-01-01T00:00:00", "10000-01-01T00:00:00Z", "1970-13-01T00:00:00Z"]
        {
            assert_eq!(Instant::parse(bad), None, "{bad}");
        }
    }
}
