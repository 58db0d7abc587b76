//! The calendar in every zone: each local day, month and year begins at the first instant that shows it. The
//! expected instants are found only by asking instants for their local time, never the other way round.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use domain::{
    decide::{Command, Context, EarnOrder},
    id::{OrderId, TierId},
    json::Json,
    member::{Member, MemberId},
    number::Money,
    programme::{self, Expiry, Timeline},
    settle,
    time::{Day, DayNumber, Instant, Month, Zone},
};

const HOUR: i64 = 3_600_000;

/// The years whose ends are checked. Miri, which is slow, checks a few in a few zones.
const YEARS: std::ops::RangeInclusive<i32> = if cfg!(miri) { 2011..=2012 } else { 1994..=2030 };

/// Zones with something odd at midnight, and one without.
const ODD: &[Tz] = &[Tz::America__Sao_Paulo, Tz::America__St_Johns, Tz::Pacific__Apia, Tz::Asia__Shanghai];

fn zones() -> &'static [Tz] {
    if cfg!(miri) { ODD } else { &TZ_VARIANTS }
}

/// What clocks there show, in milliseconds as if it were UTC.
fn shown(zone: Tz, instant: i64) -> i64 {
    let utc = DateTime::from_timestamp_millis(instant).unwrap().naive_utc();
    instant + i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * 1_000
}

fn as_if_utc(date: NaiveDate) -> i64 {
    NaiveDateTime::new(date, NaiveTime::MIN).and_utc().timestamp_millis()
}

/// The first instant at which clocks show that date or a later one.
fn first_instant(zone: Tz, date: NaiveDate) -> i64 {
    let wanted = as_if_utc(date);
    let starts = (-3..8).map(|part| wanted + part * 6 * HOUR);
    assert!(shown(zone, wanted - 18 * HOUR) < wanted, "{zone} {date}");
    let mut found = starts.filter_map(|from| first_between(zone, wanted, from, from + 6 * HOUR));
    found.next().unwrap_or_else(|| panic!("{zone} has nothing from {date} on"))
}

/// The same within six hours, in which no clock is set both forward and back: if it runs evenly, the instant
/// follows by subtraction; otherwise both halves are checked, the earlier one first.
fn first_between(zone: Tz, wanted: i64, from: i64, to: i64) -> Option<i64> {
    let missing = wanted - shown(zone, from);
    if missing <= 0 {
        return Some(from);
    }
    if shown(zone, to) - to == shown(zone, from) - from {
        return (from + missing <= to).then_some(from + missing);
    }
    if to - from == 1 {
        return (shown(zone, to) >= wanted).then_some(to);
    }
    let middle = from + (to - from) / 2;
    first_between(zone, wanted, from, middle).or_else(|| first_between(zone, wanted, middle, to))
}

fn day(date: NaiveDate) -> Day {
    Day::parse(&date.to_string()).unwrap()
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// The date begins there, by every function about dates.
fn check_day(tz: Tz, date: NaiveDate) -> i64 {
    let zone = Zone::of(tz.name()).unwrap();
    let want = first_instant(tz, date);
    let name = format!("{tz} {date}");
    assert_eq!(zone.midnight(day(date)), Instant(want), "{name}: {}", zone.show(zone.midnight(day(date))));
    assert!(zone.day(Instant(want - 1)) < day(date), "{name}: a millisecond before");
    for after in [want, want + 1] {
        assert!(zone.day(Instant(after)) >= day(date), "{name}: {after}");
    }
    let exists = shown(tz, want) < as_if_utc(date + Days::new(1));
    assert_eq!(zone.has(day(date)), exists, "{name}");
    want
}

#[test]
fn months_begin_at_their_first_instant_in_every_zone() {
    assert!(TZ_VARIANTS.len() > 550, "{} zones", TZ_VARIANTS.len());
    for tz in zones() {
        let zone = Zone::of(tz.name()).unwrap();
        for (year, number) in YEARS.flat_map(|year| (1..=12).map(move |month| (year, month))) {
            let first = date(year, number, 1);
            let start = check_day(*tz, first);
            let month = Month::of(day(first));
            assert_eq!(zone.start_of(month), Instant(start), "{tz} {first}");
            assert!(zone.month(Instant(start - 1)) < month, "{tz} {first}");
            assert_eq!(zone.month(Instant(start)), month, "{tz} {first}");
        }
    }
}

/// Every date on which a clock was set, and its neighbours: gaps, repeats, dates that were skipped.
#[test]
fn days_on_which_clocks_are_set_begin_at_their_first_instant() {
    let (mut set, mut odd, mut skipped) = (0, 0, Vec::new());
    for tz in zones() {
        let offset = |date: NaiveDate| shown(*tz, as_if_utc(date)) - as_if_utc(date);
        let end = date(YEARS.last().unwrap(), 12, 31);
        let mut today = date(if cfg!(miri) { 2011 } else { 1993 }, 1, 1);
        let mut before = offset(today);
        while today < end {
            let next = today + Days::new(1);
            let after = offset(next);
            if after != before {
                set += 1;
                for near in [today - Days::new(1), today, next, next + Days::new(1)] {
                    let first = check_day(*tz, near);
                    // Clocks do not show midnight then, or show it again.
                    odd += usize::from(shown(*tz, first) != as_if_utc(near));
                    if shown(*tz, first) >= as_if_utc(near + Days::new(1)) {
                        skipped.push(format!("{tz} {near}"));
                    }
                }
            }
            (today, before) = (next, after);
        }
    }
    skipped.dedup();
    assert!(skipped.contains(&"Pacific/Apia 2011-12-30".to_owned()), "{skipped:?}");
    assert!(cfg!(miri) || skipped.contains(&"Pacific/Kwajalein 1993-08-21".to_owned()), "{skipped:?}");
    assert!(cfg!(miri) || (set > 15_000 && odd > 500), "{set} settings, {odd} at midnight");
}

#[test]
fn the_date_after_a_skipped_one_follows() {
    for (zone, before, after) in
        [("Pacific/Apia", "2011-12-29", "2011-12-31"), ("Pacific/Kwajalein", "1993-08-20", "1993-08-22")]
    {
        let zone = Zone::of(zone).unwrap();
        assert_eq!(zone.next_day(Day::parse(before).unwrap()), Day::parse(after).unwrap());
    }
}

// --- What expires at the end of a year ---

fn timeline(zone: &str) -> Timeline {
    let document = format!(
        r#"{{"name": "Zones", "time_zone": "{zone}", "currency": "CNY", "default_region": "CN",
             "brands": [{{"id": "acme", "name": "Acme"}}],
             "points": {{"per_unit": "1", "expiry": {{"mode": "year_end", "years": 0}}}},
             "growth": {{"per_unit": "1"}},
             "tiers": [{{"id": "basic", "growth": 0}}]}}"#
    );
    let json = Json::parse(document.as_bytes()).unwrap();
    let programme =
        programme::read(&json, 1, Instant(0)).unwrap_or_else(|faults| panic!("{zone}: {faults:?}"));
    Timeline::new(vec![Arc::new(programme)]).unwrap()
}

/// A member that earned ten points at that moment, settled to it.
fn earned(programmes: &Timeline, at: Instant) -> Member {
    let member = Member::new(MemberId([1; 16]), at, at, &TierId::of_checked("basic"));
    let order = EarnOrder {
        brand: "acme".parse().unwrap(),
        order_id: OrderId::of_checked("A-1"),
        channel: None,
        amount: Some(Money(1_000)),
        lines: Vec::new(),
        occurred_at: None,
    };
    let context =
        Context { programmes, now: at, person: None, history: None, any_age: false, bringing: None };
    let decision = domain::decide(&context, &member, &Command::EarnOrder(&order));
    let Ok(decision) = decision else { panic!("an order is refused at {at:?}") };
    decision.member
}

/// Points of a year exist a millisecond before the next one begins, and are gone at its first instant; those
/// earned at that instant belong to the next year. A clock that is behind brings nothing back.
#[test]
fn years_end_with_their_last_millisecond_in_every_zone() {
    for tz in zones() {
        let programmes = timeline(tz.name());
        for year in YEARS {
            let end = first_instant(*tz, date(year + 1, 1, 1));
            let name = format!("{tz} {year}");
            assert_eq!(DateTime::from_timestamp_millis(shown(*tz, end - 1)).unwrap().year(), year, "{name}");
            let old = earned(&programmes, Instant(end - 1));
            assert_eq!(old.due_at(), Some(Instant(end)), "{name}");
            for (after, left) in [(-1, 10), (0, 0), (1, 0)] {
                let mut member = old.clone();
                let events = settle(&programmes, &mut member, Instant(end + after));
                assert_eq!(
                    (member.available(), events.len()),
                    (left, usize::from(left == 0)),
                    "{name} {after}"
                );
            }
            let next = first_instant(*tz, date(year + 2, 1, 1));
            assert_eq!(earned(&programmes, Instant(end)).due_at(), Some(Instant(next)), "{name}");
            check_back(&programmes, &old, end, &name);
        }
    }
}

fn check_back(programmes: &Timeline, old: &Member, end: i64, name: &str) {
    let mut member = old.clone();
    settle(programmes, &mut member, Instant(end));
    let gone = member.clone();
    for behind in [1, HOUR, 400 * 24 * HOUR] {
        assert_eq!(settle(programmes, &mut member, Instant(end - behind)), Vec::new(), "{name}");
        assert_eq!(member, gone, "{name}: {behind} ms behind");
    }
    assert_eq!(member.as_of, Instant(end), "{name}");
}

#[test]
fn ends_by_months_and_days_follow_the_calendar_and_not_the_clock() {
    let count = if cfg!(miri) { 4 } else { 40 };
    let days: Vec<NaiveDate> = (0..count).map(|n| date(2011, 1, 1) + Days::new(n * 37)).collect();
    for tz in zones() {
        let zone = Zone::of(tz.name()).unwrap();
        for told in &days {
            let at = Instant(first_instant(*tz, *told));
            let on = zone.day(at);
            let by_days = Expiry::Days { days: 30 }.day_after(on).unwrap();
            assert_eq!(by_days.number().since(on.number()), 30, "{tz} {told}");
            let by_months = Expiry::Months { months: 1, round: 1 }.day_after(on).unwrap();
            assert_eq!(by_months.month_day().1, 1, "{tz} {told}: rounded up to the start of a month");
            let wanted = date(by_months.year(), by_months.month_day().0, 1);
            assert_eq!(zone.midnight(by_months), Instant(first_instant(*tz, wanted)), "{tz} {told}");
        }
    }
}

#[test]
fn a_days_number_is_told_as_its_number() {
    let day = DayNumber(-1);
    assert_eq!((day.to_string(), format!("{day:?}")), ("-1".to_owned(), "-1".to_owned()));
}
