//! Moments as local calendars and clocks show them.

use chrono::Timelike;

use super::{Day, Instant, MINUTE_MILLIS, Zone};

/// A moment of the local calendar as people write it: `YYYY-MM-DDTHH:MM`, of the years 1900 to 9998. In a zone it is
/// the first moment after a gap that swallows it, and the earlier of two if the clock was set back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LocalMoment {
    /// The date.
    pub day: Day,
    /// Minutes since its start: below 1440.
    pub minute: u32,
}

impl LocalMoment {
    /// Reads `YYYY-MM-DDTHH:MM`.
    pub fn parse(text: &str) -> Option<LocalMoment> {
        let (day, time) = text.split_once('T')?;
        let day = Day::parse(day).filter(|day| (1_900..=9_998).contains(&day.year()))?;
        let minute = clock(time).filter(|minute| *minute < DAY_MINUTES)?;
        Some(LocalMoment { day, minute })
    }
}

/// Minutes of a clock's day.
pub const DAY_MINUTES: u32 = 1_440;

/// The days of the week on the wire, Monday first.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The minute of the day, 0 to 1440, as `HH:MM`.
pub fn show_clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The minute of the day of `HH:MM`, up to 1440 of `24:00`.
pub fn clock(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|_| digits)
    };
    let minute = two(hour)? * 60 + two(minute).filter(|minute| *minute < 60)?;
    Some(minute).filter(|minute| *minute <= DAY_MINUTES)
}

impl Zone {
    /// What calendars and clocks show then.
    pub fn local(self, instant: Instant) -> LocalMoment {
        let local = instant.utc().with_timezone(&self.0);
        LocalMoment { day: Day(local.date_naive()), minute: local.hour() * 60 + local.minute() }
    }

    /// The first moment after the one and before the other, at most some days later, at which the clock is set: forward or
    /// back, so that it is set otherwise at the end than at the begin.
    pub fn turn(self, begin: Instant, end: Instant) -> Option<Instant> {
        let offset = |instant: Instant| self.local_millis(instant) - instant.0;
        let own = offset(begin);
        if end <= begin || offset(Instant(end.0 - 1)) == own {
            return None;
        }
        let (mut before, mut after) = (begin.0, end.0 - 1);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if offset(Instant(middle)) == own {
                before = middle;
            } else {
                after = middle;
            }
        }
        Some(Instant(after))
    }

    /// When that moment of the local calendar is.
    pub fn at(self, local: LocalMoment) -> Instant {
        self.moment(local.day, i64::from(local.minute) * MINUTE_MILLIS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_moments_and_clocks_are_read_in_one_form() {
        let read = |text| LocalMoment::parse(text).map(|local| (local.day.show(), local.minute));
        assert_eq!(read("2026-12-01T20:05"), Some(("2026-12-01".to_owned(), 1_205)));
        for bad in [
            "2026-12-01",
            "2026-12-01T24:00",
            "2026-12-01 20:00",
            "2026-12-01T20:00:00",
            "1899-12-31T00:00",
            "T",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!([clock("00:00"), clock("09:59"), clock("24:00")], [Some(0), Some(599), Some(1_440)]);
        for minute in 0..=DAY_MINUTES {
            assert_eq!(clock(&show_clock(minute)), Some(minute));
        }
        for bad in ["", "9:00", "09:60", "24:01", "+9:00", "09:0", "09:00:00"] {
            assert_eq!(clock(bad), None, "{bad}");
        }
    }
}
