//! How a person is reached, as callers send and see it: the language, and the hours in which the person is told
//! nothing 免打扰.

use domain::{
    json::Json,
    member::{Locale, QUIET_HOURS_MAX, QuietHours},
    shape::{Fault, Shape},
    time::{DAY_MINUTES, WEEKDAYS, clock, show_clock},
};
use serde::{Serialize, Serializer};

use crate::{ClockText, Kind, List, Read, answer, body, words};

words! {
    /// A language in which members are written to.
    pub enum LocaleWord {
        /// Chinese.
        Zh = "zh",
        /// English.
        En = "en",
    }
}

impl From<LocaleWord> for Locale {
    fn from(word: LocaleWord) -> Locale {
        match word {
            LocaleWord::Zh => Locale::Zh,
            LocaleWord::En => Locale::En,
        }
    }
}

impl From<Locale> for LocaleWord {
    fn from(locale: Locale) -> LocaleWord {
        match locale {
            Locale::Zh => LocaleWord::Zh,
            Locale::En => LocaleWord::En,
        }
    }
}

/// A day of the week; Monday is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weekday(pub u32);

impl Weekday {
    /// The word; `None` of a day that no week has.
    fn word(self) -> Option<&'static str> {
        WEEKDAYS.get(usize::try_from(self.0).ok()?).copied()
    }
}

impl Kind for Weekday {
    const SHAPE: Shape = Shape::OneOf(&WEEKDAYS);
}

impl Read for Weekday {
    fn read(json: &Json) -> Option<Self> {
        let word = json.text()?;
        let day = WEEKDAYS.iter().position(|own| *own == word)?;
        day.try_into().ok().map(Weekday)
    }
}

impl Serialize for Weekday {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.word().serialize(serializer)
    }
}

body! {
    /// Hours in which a person is told nothing, as sent.
    pub struct QuietHoursSent {
        /// from then on; before 24:00
        pub from: ClockText,
        /// before then, of the next day where it is not later than from; another time than from
        pub to: ClockText,
        /// the days of the week that they begin on, each once; every day unless given
        pub days: Option<List<Weekday, 1, 7>>,
    }
}

answer! {
    /// Hours in which a person is told nothing, by its own clock.
    pub struct QuietHoursShown {
        /// from then on
        from: ClockText,
        /// before then, of the next day where it is not later than from
        to: ClockText,
        /// the days of the week that they begin on, Monday first; left out where it is every day
        days: Option<List<Weekday, 1, 7>>,
    }
}

/// Quiet hours, as sent: one of them, or a list.
#[derive(Clone, PartialEq, Debug)]
pub enum QuietSent {
    /// One.
    One(QuietHoursSent),
    /// A list of one or more.
    Several(Several),
}

type Several = List<QuietHoursSent, 1, QUIET_HOURS_MAX>;

impl Kind for QuietSent {
    const SHAPE: Shape = Shape::Either(&QuietHoursSent::SHAPE, &Several::SHAPE);
}

impl Read for QuietSent {
    fn read(json: &Json) -> Option<Self> {
        match json {
            Json::List(_) => Several::read(json).map(QuietSent::Several),
            one => QuietHoursSent::read(one).map(QuietSent::One),
        }
    }
}

impl QuietSent {
    /// The hours, in the order sent; `faults` gets whatever is wrong, behind the pointer `at`.
    pub(crate) fn hours(&self, at: &str, faults: &mut Vec<Fault>) -> Vec<QuietHours> {
        match self {
            QuietSent::One(hours) => hours.hours(at, faults).into_iter().collect(),
            QuietSent::Several(all) => {
                let all = all.iter().enumerate();
                all.filter_map(|(index, hours)| hours.hours(&format!("{at}/{index}"), faults)).collect()
            }
        }
    }
}

impl QuietHoursSent {
    fn hours(&self, at: &str, faults: &mut Vec<Fault>) -> Option<QuietHours> {
        // The shape has checked that both are times of a day.
        let (from, to) = (clock(&self.from)?, clock(&self.to)?);
        if from == DAY_MINUTES {
            let detail = "before 24:00, which is 00:00 of the next day";
            faults.push(Fault::new(format!("{at}/from"), "out_of_range", detail));
        } else if from == to {
            let detail = "another time than from; a whole day is from 00:00 to 24:00";
            faults.push(Fault::new(format!("{at}/to"), "out_of_range", detail));
        }
        let mut days: Vec<u32> = Vec::new();
        for (index, day) in self.days.iter().flat_map(|days| days.iter()).enumerate() {
            if days.contains(&day.0) {
                let detail = format!("{} stands twice", day.word().unwrap_or_default());
                faults.push(Fault::new(format!("{at}/days/{index}"), "duplicate", detail));
            } else {
                days.push(day.0);
            }
        }
        days.sort_unstable();
        // All seven are every day: what means the same is shown the same.
        let some = (1..WEEKDAYS.len()).contains(&days.len());
        Some(QuietHours { from, to, days: some.then_some(days) })
    }
}

impl QuietHoursShown {
    /// Those of a person, always as a list; `None` without any.
    pub(crate) fn all(hours: &[QuietHours]) -> Option<List<QuietHoursShown, 1, QUIET_HOURS_MAX>> {
        let one = |hours: &QuietHours| QuietHoursShown {
            from: ClockText(show_clock(hours.from)),
            to: ClockText(show_clock(hours.to)),
            days: hours.days.as_ref().map(|days| days.iter().copied().map(Weekday).collect()),
        };
        (!hours.is_empty()).then(|| hours.iter().map(one).collect())
    }
}
