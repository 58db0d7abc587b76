//! When an offer is open: at an instant, next, and until when (rewards.md, 1 and 7).
//!
//! Days are the local calendar's, and hours what clocks there show: where the clock is set forward over them they are
//! shorter or none, and where it is set back they come twice.

use super::{Anniversary, AnniversaryOf, How, Offer, Openings};
use crate::{
    member::{Member, Person},
    time::{DAY_MINUTES, Day, DayNumber, Instant, MINUTE_MILLIS, Zone},
};

/// How many local days ahead the next opening is looked for.
pub const AHEAD_DAYS: u32 = 400;

/// For how many local days an opening is followed to its end; one that is longer ends at `until`, or never.
const FOLLOWED_DAYS: u32 = 2 * AHEAD_DAYS;

/// How many local days before its day a birthday must be known.
const KNOWN_DAYS: i32 = 30;

/// The days of somebody's own that come every year; a guest has none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OwnDays {
    /// The birthday.
    pub birthday: Option<Birthday>,
    /// The local day of registration.
    pub registered: Option<Day>,
}

/// A birthday.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Birthday {
    /// The day of birth.
    pub born: Day,
    /// The local day on which it was entered, or last changed.
    pub known: DayNumber,
}

/// The days around a day of somebody's own in one year. It is known by the year in which that day itself falls, so
/// there is one over New Year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occasion {
    /// The year of the day itself.
    pub year: i32,
    /// Its first local day.
    pub first: Day,
    /// The local day after its last.
    pub end: Day,
}

impl OwnDays {
    /// Those of a member; its person is needed for the birthday alone. A birthday that was told at registration is
    /// known since then.
    pub fn of(member: &Member, person: &Person, zone: Zone) -> OwnDays {
        let since = person.birthday_since.unwrap_or(member.registered_at);
        let known = zone.day(since).number();
        let born = person.birthday.as_deref().and_then(Day::parse);
        OwnDays {
            birthday: born.map(|born| Birthday { born, known }),
            registered: Some(zone.day(member.registered_at)),
        }
    }
}

impl Anniversary {
    /// The occasion of that year, if there is one: of a birthday that was known in time, and of a registration from the
    /// next year on.
    pub fn in_year(&self, own: &OwnDays, year: i32) -> Option<Occasion> {
        let day = match self.of {
            AnniversaryOf::Birthday => {
                let birthday = own.birthday?;
                let day = birthday.born.in_year(year);
                (birthday.known <= day.number().plus(-KNOWN_DAYS)).then_some(day)?
            }
            AnniversaryOf::Registered => {
                let registered = own.registered.filter(|day| day.year() < year)?;
                registered.in_year(year)
            }
        };
        // At most 180 together, by the document's shape.
        let days = |days: u32| i32::try_from(days).unwrap_or(0);
        let first = Day::from_number(day.number().plus(-days(self.before)));
        let end = Day::from_number(day.number().plus(days(self.after) + 1));
        Some(Occasion { year, first, end })
    }

    /// The occasion that the day is in.
    pub fn on(&self, own: &OwnDays, day: Day) -> Option<Occasion> {
        // The days of two years lie further apart than an occasion is long.
        let years = [day.year(), day.year() + 1, day.year() - 1];
        let occasions = years.into_iter().filter_map(|year| self.in_year(own, year));
        occasions.into_iter().find(|occasion| occasion.first <= day && day < occasion.end)
    }
}

impl Offer {
    /// The first moment from then on at which it is open, within [`AHEAD_DAYS`]: for whoever claims or buys it none from the
    /// day on that ends its issuing.
    pub fn opens_at(&self, zone: Zone, own: &OwnDays, at: Instant) -> Option<Instant> {
        let opens = self.when.opens_at(zone, own, at)?;
        let ends = match self.how {
            How::Claim | How::Buy => self.valid.issuing_ends(zone),
            // These are open while they may be used, and what was issued of them ends by its grant.
            How::Auto | How::Issue | How::Code => None,
        };
        ends.is_none_or(|ends| opens < ends).then_some(opens)
    }
}

/// A stretch of time: from an instant on, and before another.
type Stretch = (Instant, Instant);

impl Openings {
    /// Whether it is open then.
    pub fn is_open(&self, zone: Zone, own: &OwnDays, at: Instant) -> bool {
        let in_time = self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until);
        if !in_time || self.is_every_day() {
            return in_time;
        }
        let local = zone.local(at);
        let hours = self.hours.is_none_or(|(begin, end)| (begin..end).contains(&local.minute));
        hours && self.is_on(own, local.day)
    }

    /// The first moment from then on at which it is open: then itself where it is. `None` if there is none within
    /// [`AHEAD_DAYS`].
    pub fn opens_at(&self, zone: Zone, own: &OwnDays, at: Instant) -> Option<Instant> {
        let last = zone.day(at).plus_days(AHEAD_DAYS);
        let earliest = self.from.map_or(at, |from| from.max(at));
        if self.until.is_some_and(|until| until <= earliest) {
            return None;
        }
        let mut day = zone.day(earliest);
        while day <= last {
            for (begin, end) in self.stretches(zone, own, day) {
                if earliest < end {
                    return Some(begin.max(earliest));
                }
            }
            day = day.plus_days(1);
        }
        None
    }

    /// When the opening ends that there is then: the first moment at which it is not open any more. `None` if it never
    /// ends, and where it is not open.
    pub fn closes_at(&self, zone: Zone, own: &OwnDays, at: Instant) -> Option<Instant> {
        if !self.is_open(zone, own, at) {
            return None;
        }
        if self.is_every_day() {
            return self.until;
        }
        let (mut end, first) = (at, zone.day(at));
        let mut day = first;
        while day <= first.plus_days(FOLLOWED_DAYS) {
            // The stretches of a day are in order, and one that begins where another ends goes on with it.
            for stretch in self.stretches(zone, own, day) {
                if stretch.0 <= end {
                    end = end.max(stretch.1);
                }
            }
            day = day.plus_days(1);
            if end < zone.midnight(day) {
                return Some(end);
            }
        }
        self.until
    }

    /// Whether days and hours do not matter.
    fn is_every_day(&self) -> bool {
        self.weekdays.is_none()
            && self.month_days.is_none()
            && self.hours.is_none()
            && self.dates.is_none()
            && self.anniversary.is_none()
    }

    /// Whether it is open on that local day, at some hour.
    fn is_on(&self, own: &OwnDays, day: Day) -> bool {
        self.weekdays.as_ref().is_none_or(|days| days.contains(&day.weekday()))
            && self.month_days.as_ref().is_none_or(|days| days.contains(&day.month_day().1))
            && self.dates.as_ref().is_none_or(|dates| dates.binary_search(&day).is_ok())
            && self.anniversary.is_none_or(|anniversary| anniversary.on(own, day).is_some())
    }

    /// When it is open on that local day: at most twice, where the clock is set back within the hours.
    fn stretches(&self, zone: Zone, own: &OwnDays, day: Day) -> impl Iterator<Item = Stretch> {
        let mut found = [None, None];
        if self.is_on(own, day) {
            let (begin, end) = (zone.midnight(day), zone.midnight(day.plus_days(1)));
            match self.hours {
                None | Some((0, DAY_MINUTES)) => found[0] = Some((begin, end)),
                Some(hours) => {
                    let turn = zone.turn(begin, end).unwrap_or(end);
                    found = [(begin, turn), (turn, end)].map(|part| within(zone, day, hours, part));
                }
            }
        }
        let (from, until) = (self.from, self.until);
        found.into_iter().flatten().filter_map(move |(begin, end)| {
            let begin = from.map_or(begin, |from| from.max(begin));
            let end = until.map_or(end, |until| until.min(end));
            (begin < end).then_some((begin, end))
        })
    }
}

/// The part of a stretch of a day, in which the clock is not set, that clocks show those minutes in.
fn within(zone: Zone, day: Day, hours: (u32, u32), (begin, end): Stretch) -> Option<Stretch> {
    if begin >= end {
        return None;
    }
    let local = zone.local(begin);
    // What clocks show at its begin, in minutes of the day: whole ones, for clocks are set by whole minutes.
    let shown = local.day.number().since(day.number()) * i64::from(DAY_MINUTES) + i64::from(local.minute);
    let when = |minute: u32| begin.plus_millis((i64::from(minute) - shown) * MINUTE_MILLIS);
    let stretch = (begin.max(when(hours.0)), end.min(when(hours.1)));
    (stretch.0 < stretch.1).then_some(stretch)
}
