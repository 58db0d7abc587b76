//! Reads when an offer is open, what a member's number counts over, and when what is issued may be used.

use super::{Anniversary, AnniversaryOf, Ends, Openings, PerMember, Period, Valid, Window, read::Reading};
use crate::{
    json::Json,
    shape::Fault,
    time::{Day, LocalMoment, WEEKDAYS, Zone, clock},
};

impl Window {
    /// Every window.
    pub(super) const ALL: [Window; 7] = [
        Window::Ever,
        Window::Period(Period::Year),
        Window::Period(Period::Quarter),
        Window::Period(Period::Month),
        Window::Period(Period::Week),
        Window::Period(Period::Day),
        Window::Occasion,
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Window::Ever => "ever",
            Window::Period(period) => period.word(),
            Window::Occasion => "occasion",
        }
    }
}

impl Reading<'_> {
    pub(super) fn per_member(&mut self, json: Option<&Json>, comes_every_year: bool) -> Option<PerMember> {
        let (json, at) = (json?, "/per_member/per");
        let per = Window::ALL.into_iter().find(|window| Some(window.word()) == json.text_of("per"))?;
        if per == Window::Occasion && !comes_every_year {
            self.rule(at, "required", "an occasion needs when.anniversary");
        }
        let n = json.whole_of("n").and_then(|n| u32::try_from(n).ok())?;
        Some(PerMember { n, per })
    }

    pub(super) fn valid(&mut self, json: &Json) -> Valid {
        let small = |name: &str| json.whole_of(name).and_then(|days| u32::try_from(days).ok());
        let (days, until) = (small("days"), json.text_of("until").and_then(Day::parse));
        let starts_days = small("starts_days");
        if days.is_some() && until.is_some() {
            self.rule("/valid/until", "unknown_field", "days or until, not both");
        }
        if let (Some(begin), Some(end)) = (starts_days, days)
            && begin >= end
        {
            self.rule("/valid/starts_days", "out_of_range", format!("below days, which is {end}"));
        }
        let ends = match (days, until) {
            (Some(days), _) => Ends::Days(days),
            (None, Some(day)) => Ends::Until(day.number()),
            (None, None) => Ends::Never,
        };
        Valid { starts_days, ends }
    }
}

/// Reads `when`, which stands there in a document of the right shape.
pub(crate) fn openings(json: &Json, at: &str, zone: Zone, faults: &mut Vec<Fault>) -> Openings {
    let moment = |name: &str| json.text_of(name).and_then(LocalMoment::parse).map(|local| zone.at(local));
    let (from, until) = (moment("from"), moment("until"));
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        faults.push(Fault::new(format!("{at}/until"), "out_of_range", "after from"));
    }
    let list = |name: &str| json.get(name).map(Json::list);
    let days = |list: &[Json]| -> Vec<u32> {
        let days = list.iter().filter_map(|day| match day.text() {
            Some(word) => WEEKDAYS.iter().position(|own| *own == word).and_then(|day| day.try_into().ok()),
            None => day.whole().and_then(|day| u32::try_from(day).ok()),
        });
        sorted(days.collect())
    };
    let hours = list("hours").and_then(|hours| match hours {
        [begin, end] => begin.text().and_then(clock).zip(end.text().and_then(clock)),
        _ => None,
    });
    if hours.is_some_and(|(begin, end)| end <= begin) {
        let detail = "later than the begin, and at most 24:00";
        faults.push(Fault::new(format!("{at}/hours/1"), "out_of_range", detail));
    }
    let dates = list("dates").map(|dates| {
        sorted(dates.iter().filter_map(|day| day.text().and_then(Day::parse)).collect::<Vec<Day>>())
    });
    Openings {
        from,
        until,
        weekdays: list("weekdays").map(days),
        month_days: list("month_days").map(days),
        hours,
        dates,
        anniversary: json.get("anniversary").map(|own| self::anniversary(own, at, faults)),
    }
}

fn anniversary(json: &Json, at: &str, faults: &mut Vec<Fault>) -> Anniversary {
    let days = |name: &str| json.whole_of(name).and_then(|days| u32::try_from(days).ok()).unwrap_or(0);
    let (before, after) = (days("before"), days("after"));
    if before.saturating_add(after) > 180 {
        let detail = "before and after are at most 180 days together";
        faults.push(Fault::new(format!("{at}/anniversary/after"), "out_of_range", detail));
    }
    let of = match json.text_of("of") {
        Some("registered") => AnniversaryOf::Registered,
        _ => AnniversaryOf::Birthday,
    };
    Anniversary { of, before, after }
}

/// In order, each once.
fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}
