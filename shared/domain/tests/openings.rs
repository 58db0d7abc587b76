//! When offers are open, and the windows that their numbers count over: case by case, and minute by minute against what
//! calendars and clocks show.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{Datelike, Days, NaiveDate};
use domain::{
    offer::{
        Anniversary, AnniversaryOf, Ends, How, Openings, Period, Valid,
        grant::{Grant, Held, HeldBy, State},
        openings::{Birthday, OwnDays},
    },
    time::{DAY_MILLIS, Day, Instant, LocalMoment, MINUTE_MILLIS, Zone},
};

fn zone(name: &str) -> Zone {
    Zone::of(name).unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

/// A local moment there, as it is written in a document.
fn at(zone: Zone, text: &str) -> Instant {
    zone.at(LocalMoment::parse(text).unwrap())
}

fn anniversary(of: AnniversaryOf, before: u32, after: u32) -> Openings {
    Openings { anniversary: Some(Anniversary { of, before, after }), ..Openings::default() }
}

/// Somebody born and registered on those days, whose birthday has been known since then.
fn own(born: &str, known: &str, registered: &str) -> OwnDays {
    let birthday = Birthday { born: day(born), known: day(known).number() };
    OwnDays { birthday: Some(birthday), registered: Some(day(registered)) }
}

/// What is expected, asked of nothing but the words that are shown: whether it is open then.
fn is_open(openings: &Openings, own: &OwnDays, zone: Zone, instant: Instant) -> bool {
    let shown = zone.show(instant);
    let date = NaiveDate::parse_from_str(&shown[..10], "%Y-%m-%d").unwrap();
    let minute: u32 = shown[11..13].parse::<u32>().unwrap() * 60 + shown[14..16].parse::<u32>().unwrap();
    let in_occasion = openings.anniversary.is_none_or(|anniversary| {
        let born = match anniversary.of {
            AnniversaryOf::Birthday => own.birthday.map(|birthday| birthday.born),
            AnniversaryOf::Registered => own.registered,
        };
        let Some(born) = born else { return false };
        let (month, of_month) = born.month_day();
        (date.year() - 1..=date.year() + 1).any(|year| {
            let the_day = NaiveDate::from_ymd_opt(year, month, of_month)
                .unwrap_or_else(|| NaiveDate::from_ymd_opt(year, 2, 28).unwrap());
            let counts = match anniversary.of {
                AnniversaryOf::Birthday => {
                    let known = Day::from_number(own.birthday.unwrap().known).show();
                    known.as_str() <= (the_day - Days::new(30)).to_string().as_str()
                }
                AnniversaryOf::Registered => year > born.year(),
            };
            counts
                && the_day - Days::new(anniversary.before.into()) <= date
                && date <= the_day + Days::new(anniversary.after.into())
        })
    });
    let listed = |dates: &Vec<Day>| dates.iter().any(|day| day.show() == shown[..10]);
    openings.from.is_none_or(|from| from <= instant)
        && openings.until.is_none_or(|until| instant < until)
        && openings.weekdays.as_ref().is_none_or(|days| days.contains(&date.weekday().num_days_from_monday()))
        && openings.month_days.as_ref().is_none_or(|days| days.contains(&date.day()))
        && openings.hours.is_none_or(|(begin, end)| begin <= minute && minute < end)
        && openings.dates.as_ref().is_none_or(listed)
        && in_occasion
}

/// Compares with that for every minute of a stretch of days, and from each of some moments the next opening and the next
/// end.
fn check_minutes(openings: &Openings, own: &OwnDays, zone: Zone, from: &str, days: i64) {
    let start = zone.midnight(day(from));
    let minutes = days * DAY_MILLIS / MINUTE_MILLIS;
    let open: Vec<bool> = (0..minutes)
        .map(|minute| is_open(openings, own, zone, start.plus_millis(minute * MINUTE_MILLIS)))
        .collect();
    // From the last one back: when it is next open, and next not.
    let (mut opens, mut closes) = (None, None);
    for minute in (0..minutes).rev() {
        let now = start.plus_millis(minute * MINUTE_MILLIS);
        let is_open = open[usize::try_from(minute).unwrap()];
        let about = || format!("{openings:?}\n{own:?}\n{}", zone.show(now));
        assert_eq!(openings.is_open(zone, own, now), is_open, "{}", about());
        if is_open {
            opens = Some(now);
        } else {
            closes = Some(now);
        }
        let turns = minute > 0 && open[usize::try_from(minute - 1).unwrap()] != is_open;
        if !turns && minute % 173 != 0 {
            continue;
        }
        match opens {
            Some(opens) => {
                assert_eq!(openings.opens_at(zone, own, now), Some(opens), "{}", about());
                // Within a minute too.
                let later = now.plus_millis(30_001);
                let next = if is_open { later } else { opens };
                assert_eq!(openings.opens_at(zone, own, later), Some(next), "{}", about());
            }
            None => {
                let end = start.plus_millis(minutes * MINUTE_MILLIS);
                assert!(openings.opens_at(zone, own, now).is_none_or(|at| at >= end), "{}", about());
            }
        }
        match (is_open, closes) {
            (true, Some(closes)) => {
                assert_eq!(openings.closes_at(zone, own, now), Some(closes), "{}", about());
            }
            (true, None) => {
                let end = start.plus_millis(minutes * MINUTE_MILLIS);
                assert!(openings.closes_at(zone, own, now).is_none_or(|at| at >= end), "{}", about());
            }
            (false, _) => assert_eq!(openings.closes_at(zone, own, now), None, "{}", about()),
        }
    }
}

/// Numbers that look like chance, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % bound
    }

    fn some<T>(&mut self, one_in: u32, make: impl FnOnce(&mut Chance) -> T) -> Option<T> {
        (self.below(one_in) == 0).then(|| make(self))
    }

    fn openings(&mut self, zone: Zone, first: Day) -> Openings {
        let moment = |chance: &mut Chance, days: u32| {
            let (later, minute) = (chance.below(days), chance.below(1_440));
            zone.at(LocalMoment { day: first.plus_days(later), minute })
        };
        let several = |chance: &mut Chance, low: u32, high: u32, count: u32| -> Vec<u32> {
            let mut days: Vec<u32> = (0..count).map(|_| low + chance.below(high - low + 1)).collect();
            days.sort_unstable();
            days.dedup();
            days
        };
        let hours = |chance: &mut Chance| {
            // Most of them around where clocks are set.
            let most = if chance.below(3) == 0 { 1_440 } else { 240 };
            let begin = chance.below(most);
            (begin, begin + 1 + chance.below(if most == 240 { 120 } else { 1_440 - begin }))
        };
        Openings {
            from: self.some(3, |chance| moment(chance, 20)),
            until: self.some(3, |chance| moment(chance, 40)),
            weekdays: self.some(3, |chance| several(chance, 0, 6, 3)),
            month_days: self.some(4, |chance| several(chance, 1, 31, 12)),
            hours: self.some(2, hours),
            dates: self.some(6, |chance| {
                several(chance, 0, 30, 12).into_iter().map(|days| first.plus_days(days)).collect()
            }),
            anniversary: self.some(4, |chance| Anniversary {
                of: if chance.below(2) == 0 { AnniversaryOf::Birthday } else { AnniversaryOf::Registered },
                before: chance.below(6),
                after: chance.below(6),
            }),
        }
    }
}

/// Clocks that are set forward and back in the night, at midnight, by half an hour, and not at all; and a day that there
/// never was.
#[test]
fn every_minute_is_open_or_not_as_clocks_and_calendars_show() {
    let stretches = [
        ("Asia/Shanghai", "2026-12-20"),
        ("America/New_York", "2027-03-01"),
        ("America/New_York", "2027-10-25"),
        ("America/Havana", "2026-10-25"),
        ("America/Santiago", "2027-08-25"),
        ("Africa/Cairo", "2027-04-20"),
        ("Australia/Lord_Howe", "2027-03-25"),
        ("Australia/Lord_Howe", "2027-09-25"),
        ("Pacific/Apia", "2011-12-20"),
    ];
    let mut chance = Chance(11);
    for (name, first) in stretches {
        let zone = zone(name);
        let first_day = day(first);
        for _ in 0..8 {
            let openings = chance.openings(zone, first_day);
            let later = first_day.plus_days(chance.below(30));
            let born = later.in_year(1_990);
            let known = first_day.number().plus(-i32::try_from(chance.below(60)).unwrap());
            let own =
                OwnDays { birthday: Some(Birthday { born, known }), registered: Some(later.in_year(2_010)) };
            check_minutes(&openings, &own, zone, first, 35);
        }
    }
}

#[test]
fn what_is_always_open_has_no_end() {
    let (shanghai, own) = (zone("Asia/Shanghai"), OwnDays::default());
    let now = at(shanghai, "2026-11-02T10:00");
    let always = Openings::default();
    assert_eq!(
        (always.opens_at(shanghai, &own, now), always.closes_at(shanghai, &own, now)),
        (Some(now), None)
    );
    let daily = Openings { weekdays: Some((0..7).collect()), ..Openings::default() };
    assert_eq!(
        (daily.opens_at(shanghai, &own, now), daily.closes_at(shanghai, &own, now)),
        (Some(now), None)
    );
    let until = at(shanghai, "2031-01-01T00:00");
    for openings in [&always, &daily] {
        let openings = Openings { until: Some(until), ..openings.clone() };
        assert_eq!(openings.closes_at(shanghai, &own, now), Some(until));
        assert_eq!(openings.opens_at(shanghai, &own, until), None);
    }
}

#[test]
fn the_next_opening_is_within_400_days() {
    let (shanghai, own) = (zone("Asia/Shanghai"), OwnDays::default());
    let check = |from: &str, now: &str, want: Option<&str>| {
        let openings = Openings { from: Some(at(shanghai, from)), ..Openings::default() };
        let opens = openings.opens_at(shanghai, &own, at(shanghai, now));
        assert_eq!(opens, want.map(|want| at(shanghai, want)), "{from} {now}");
    };
    check("2027-12-07T10:00", "2026-11-02T10:00", Some("2027-12-07T10:00"));
    check("2027-12-08T10:00", "2026-11-02T10:00", None);
    check("2026-01-01T00:00", "2026-11-02T10:00", Some("2026-11-02T10:00"));
    let feast = Openings { dates: Some(vec![day("2026-12-05"), day("2028-02-06")]), ..Openings::default() };
    let opens = |now: &str| feast.opens_at(shanghai, &own, at(shanghai, now));
    assert_eq!(opens("2026-11-02T10:00"), Some(at(shanghai, "2026-12-05T00:00")));
    assert_eq!(opens("2026-12-06T00:00"), None);
    let never = Openings { month_days: Some(vec![31]), weekdays: Some(vec![]), ..Openings::default() };
    assert_eq!(never.opens_at(shanghai, &own, at(shanghai, "2026-11-02T10:00")), None);
}

#[test]
fn occasions() {
    let shanghai = zone("Asia/Shanghai");
    let (birthday, registered) = (AnniversaryOf::Birthday, AnniversaryOf::Registered);
    let check = |openings: &Openings, own: &OwnDays, now: &str, opens: &str| {
        let found = openings.opens_at(shanghai, own, at(shanghai, now)).unwrap();
        assert_eq!(shanghai.show(found), format!("{opens}:00+08:00"), "{now}");
    };
    let may = own("1990-05-17", "2026-03-01", "2026-03-01");
    let week = anniversary(birthday, 3, 3);
    check(&week, &may, "2026-05-13T23:59", "2026-05-14T00:00");
    check(&week, &may, "2026-05-20T23:59", "2026-05-20T23:59");
    check(&week, &may, "2026-05-21T00:00", "2027-05-14T00:00");
    // Once over New Year: it is the year's in which the day itself falls.
    let january = own("1990-01-02", "2026-11-02", "2026-11-02");
    let occasion = |own: &OwnDays, on: &str| {
        let found = week.anniversary.unwrap().on(own, day(on)).unwrap();
        (found.year, found.first.show(), found.end.show())
    };
    let new_year = (2_027, "2026-12-30".to_owned(), "2027-01-06".to_owned());
    for on in ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-05"] {
        assert_eq!(occasion(&january, on), new_year, "{on}");
    }
    // 29 February is kept on 28 February in common years.
    let leap = own("2000-02-29", "2026-11-02", "2026-11-02");
    let alone = anniversary(birthday, 0, 0);
    check(&alone, &leap, "2026-11-02T10:00", "2027-02-28T00:00");
    check(&alone, &leap, "2028-02-28T12:00", "2028-02-29T00:00");
    // Known 30 days before its day, or in the next year.
    let before = anniversary(birthday, 3, 0);
    check(&before, &own("1990-05-31", "2026-05-01", "2026-05-01"), "2026-05-01T10:00", "2026-05-28T00:00");
    check(&before, &own("1990-05-30", "2026-05-01", "2026-05-01"), "2026-05-01T10:00", "2027-05-27T00:00");
    // The day of registration from the next year on.
    let november = own("1990-05-30", "2026-05-01", "2026-11-02");
    check(&anniversary(registered, 0, 1), &november, "2026-11-02T10:00", "2027-11-02T00:00");
    check(&anniversary(registered, 0, 1), &november, "2027-11-04T00:00", "2028-11-02T00:00");
    // A guest has none, and who has told none neither.
    let now = at(shanghai, "2026-05-17T10:00");
    for openings in [&week, &anniversary(registered, 0, 0)] {
        let own = OwnDays::default();
        assert_eq!(
            (openings.is_open(shanghai, &own, now), openings.opens_at(shanghai, &own, now)),
            (false, None)
        );
    }
}

/// Every window of some years, in some zones: the moments of one have its number, which follows that of the one before.
#[test]
fn windows_follow_each_other() {
    for name in ["Asia/Shanghai", "America/New_York", "America/Santiago", "Pacific/Apia"] {
        let zone = zone(name);
        for period in Period::ALL {
            let mut span = period.span(zone, at(zone, "2010-12-31T12:00"));
            while span.end.unwrap() < at(zone, "2013-01-05T00:00") {
                let (begin, end) = (span.begin.unwrap(), span.end.unwrap());
                assert!(begin < end && span.next_at == Some(end));
                for inside in [begin, begin.plus_millis((end.0 - begin.0) / 2), end.plus_millis(-1)] {
                    assert_eq!(period.span(zone, inside), span, "{name} {period:?} {}", zone.show(inside));
                }
                let next = period.span(zone, end);
                assert_eq!(next.begin, Some(end), "{name} {period:?}");
                // Apia left out a day.
                let step = if name == "Pacific/Apia" && period == Period::Day { 1..=2 } else { 1..=1 };
                assert!(step.contains(&(next.number - span.number)), "{name} {period:?} {}", zone.show(end));
                span = next;
            }
        }
    }
}

#[test]
fn windows_are_those_of_the_calendar() {
    let shanghai = zone("Asia/Shanghai");
    for (period, now, begin, end) in [
        (Period::Day, "2026-12-31T23:59", "2026-12-31T00:00", "2027-01-01T00:00"),
        // The ISO week over New Year, from Monday.
        (Period::Week, "2027-01-03T12:00", "2026-12-28T00:00", "2027-01-04T00:00"),
        (Period::Month, "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        (Period::Quarter, "2026-12-31T12:00", "2026-10-01T00:00", "2027-01-01T00:00"),
        (Period::Quarter, "2026-01-01T00:00", "2026-01-01T00:00", "2026-04-01T00:00"),
        (Period::Year, "2026-07-01T00:00", "2026-01-01T00:00", "2027-01-01T00:00"),
    ] {
        let span = period.span(shanghai, at(shanghai, now));
        assert_eq!(
            (span.begin, span.end),
            (Some(at(shanghai, begin)), Some(at(shanghai, end))),
            "{period:?} {now}"
        );
    }
    assert_eq!(Period::Year.span(shanghai, at(shanghai, "2026-07-01T00:00")).number, 2_026);
}

#[test]
fn what_is_issued_begins_and_ends_at_local_midnights() {
    let shanghai = zone("Asia/Shanghai");
    let issued = at(shanghai, "2026-11-02T10:00");
    let check = |valid: Valid, begin: &str, end: Option<&str>| {
        assert_eq!(valid.begin(shanghai, issued), at(shanghai, begin), "{valid:?}");
        assert_eq!(valid.end(shanghai, issued), end.map(|end| at(shanghai, end)), "{valid:?}");
    };
    let until = Ends::Until(day("2026-11-04").number());
    check(Valid::default(), "2026-11-02T10:00", None);
    check(Valid { starts_days: Some(0), ends: Ends::Never }, "2026-11-02T10:00", None);
    check(Valid { starts_days: Some(1), ends: Ends::Days(3) }, "2026-11-03T00:00", Some("2026-11-05T00:00"));
    check(Valid { starts_days: None, ends: until }, "2026-11-02T10:00", Some("2026-11-04T00:00"));
    let ends = |ends| Valid { starts_days: None, ends }.issuing_ends(shanghai);
    assert_eq!((ends(until), ends(Ends::Days(1))), (Some(at(shanghai, "2026-11-04T00:00")), None));
}

#[test]
fn a_grant_is_the_first_state_that_fits() {
    let grant = Grant {
        id: None,
        offer: "o".parse().unwrap(),
        version: 1,
        member: domain::id::MemberId([1; 16]),
        quantity: Some(3),
        left: Some(3),
        valid_from: Instant(0),
        valid_until: Some(Instant(100)),
        revoked: false,
        given_until: None,
        held: None,
        source: How::Issue,
        issued_at: Some(Instant(0)),
        code: None,
    };
    let held = |until| {
        Some(Held {
            brand: "acme".parse().unwrap(),
            by: HeldBy::Order("A1".parse().unwrap()),
            until: Instant(until),
        })
    };
    let word = |grant: &Grant, at: i64| grant.state(Instant(at)).word();
    let check = |grant: &Grant, want: &[(i64, &str)]| {
        for (at, want) in want {
            assert_eq!(word(grant, *at), *want, "{grant:?} at {at}");
        }
    };
    check(&grant, &[(0, "granted"), (99, "granted"), (100, "expired")]);
    // A hold keeps it beyond its end.
    let set_aside = Grant { held: held(150), ..grant.clone() };
    check(&set_aside, &[(99, "held"), (149, "held"), (150, "expired")]);
    let given = Grant { given_until: Some(Instant(50)), ..set_aside.clone() };
    check(&given, &[(49, "given"), (50, "held"), (149, "held")]);
    let used = Grant { left: Some(0), ..given.clone() };
    check(&used, &[(0, "used"), (200, "used")]);
    check(&Grant { revoked: true, ..used }, &[(0, "revoked"), (200, "revoked")]);
    check(&Grant { left: None, quantity: None, valid_until: None, ..grant.clone() }, &[(1_000, "granted")]);
    assert!(
        !Grant { valid_from: Instant(5), ..grant.clone() }.has_begun(Instant(4))
            && grant.has_begun(Instant(0))
    );
    let State::Held(by) = set_aside.state(Instant(0)) else { panic!() };
    assert_eq!(by.until, Instant(150));
}
