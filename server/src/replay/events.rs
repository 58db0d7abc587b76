//! The events of a file: which rows each has, when it happens, and the order they are played in.

mod beside;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use domain::time::Instant;
use files::{DateOrder, Lines, Reader, Row, Sheet, Told};

use super::says;

/// The kinds of event, in the order in which they come at one moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    Earn,
    Redeem,
    Refund,
}

impl Kind {
    /// The columns that it has a use for, beside those that say who, when and where.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Kind::Earn => &["order_id", "line_id", "sku", "category", "order_channel", "quantity", "amount"],
            Kind::Redeem => &["order_id", "points", "part"],
            Kind::Refund => &["order_id", "line_id", "quantity", "amount", "refund_id"],
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Earn => "earn",
            Kind::Redeem => "redeem",
            Kind::Refund => "refund",
        }
    }

    fn read(text: &str) -> Option<Kind> {
        match text.to_lowercase().as_str() {
            "earn" => Some(Kind::Earn),
            "redeem" => Some(Kind::Redeem),
            "refund" => Some(Kind::Refund),
            _ => None,
        }
    }
}

/// An event.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) at: Instant,
    pub(super) kind: Kind,
    pub(super) lines: Lines,
    /// Its rows in the sheet, from the first.
    pub(super) first: usize,
    pub(super) rows: usize,
    /// Of a refund or a redemption without a name of its own.
    pub(super) unnamed: Option<Unnamed>,
}

/// What stands in for the name of an event that has none.
#[derive(Clone, Debug)]
pub(super) struct Unnamed {
    /// The name that follows from what it says.
    pub(super) name: String,
    /// When those of the file happen that say the same but for the moment, itself among them, in their order.
    pub(super) alike: Arc<[Instant]>,
    /// Its own place among them.
    pub(super) place: usize,
}

/// What a file is read by.
pub(super) struct Reading<'a> {
    pub(super) sheet: &'a Sheet,
    pub(super) reader: &'a Reader,
    /// The programme's brand, if it has one alone.
    pub(super) only_brand: Option<&'a str>,
    /// What the machine's clock says: nothing has happened after that.
    pub(super) now: Instant,
}

/// The first moment of a file: the clock stands there until the events are read.
pub(super) fn first_moment(sheet: &Sheet, dates: DateOrder) -> Option<Instant> {
    let utc = domain::time::Zone::of("UTC")?;
    let reader = Reader { zone: utc, dates };
    let moments = sheet.rows().flatten().filter_map(|row| {
        let cell = row.get("occurred_at")?;
        // Local times come before those of UTC, by at most 14 hours.
        let local = || Some(reader.begin(cell.text).ok()??.plus_millis(-14 * 60 * 60 * 1_000));
        Instant::parse(cell.text).or_else(local)
    });
    moments.min()
}

/// The events in the order in which they are played, and what is told of rows that are none. Rows of one event stand
/// together; an event beside a row that cannot be read, and may belong to it, is told with all its rows: nothing lands
/// half.
pub(super) fn read(reading: &Reading<'_>) -> (Vec<Event>, Vec<Told>) {
    let mut rows = beside::Rows::default();
    for (index, row) in reading.sheet.rows().enumerate() {
        match row {
            Ok(row) => match reading.when_and_what(&row) {
                Ok((at, kind)) => rows.event(reading.sheet, &row, index, at, kind),
                Err(fault) => rows.faulty(&row, fault),
            },
            Err(fault) => rows.malformed(fault),
        }
    }
    let (mut events, told) = rows.end(reading.sheet);
    // A history that is told newest first tells those of one day newest first too.
    let falls = events.windows(2).filter(|pair| pair[0].at > pair[1].at).count();
    let rises = events.windows(2).filter(|pair| pair[0].at < pair[1].at).count();
    if falls > rises {
        events.reverse();
    }
    // Stable: what shares a moment and a kind stays in that order.
    events.sort_by_key(|event| (event.at, event.kind));
    name(reading, &mut events);
    (events, told)
}

impl Reading<'_> {
    fn when_and_what(&self, row: &Row<'_>) -> Result<(Instant, Kind), Fault> {
        let wrong = |field: &'static str, code: &'static str, detail: String| {
            Err(Fault { field, told: row.told(row.get(field), false, code, detail) })
        };
        let kind = match row.get("kind") {
            None => Kind::Earn,
            Some(cell) => match Kind::read(cell.text) {
                Some(kind) => kind,
                None => {
                    let detail = format!("kind is earn, redeem or refund, not {}", cell.text);
                    return wrong("kind", "invalid_field", detail);
                }
            },
        };
        let missing = || "when it happened is missing".to_owned();
        let Some(cell) = row.get("occurred_at") else {
            return wrong("occurred_at", "invalid_field", missing());
        };
        match self.reader.begin(cell.text) {
            Ok(Some(at)) if at > self.now => {
                let (at, now) = (self.reader.zone.show(at), self.reader.zone.show(self.now));
                let detail = format!(
                    "{at} has not come yet: this machine's clock says {now}; is it another year or century?"
                );
                wrong("occurred_at", "occurred_in_future", detail)
            }
            Ok(Some(at)) => Ok((at, kind)),
            Ok(None) => wrong("occurred_at", "invalid_field", missing()),
            Err(fault) => wrong("occurred_at", "invalid_field", fault.detail.into_owned()),
        }
    }
}

/// What is wrong with a row's kind or moment.
pub(super) struct Fault {
    /// Which of the two.
    field: &'static str,
    told: Told,
}

/// Names the refunds and redemptions that have no name: by what they say, and the how-manieth of those of a moment that
/// say the same.
fn name(reading: &Reading<'_>, events: &mut [Event]) {
    let mut alike: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
    for (index, event) in events.iter().enumerate().filter(|(_, event)| event.kind != Kind::Earn) {
        let rows: Vec<Row<'_>> =
            (event.first..event.first + event.rows).flat_map(|row| reading.sheet.row(row)).collect();
        if let Some(says) = says::says(&rows, event.kind, reading.only_brand) {
            alike.entry(says).or_default().push(index);
        }
    }
    for (says, indices) in alike {
        let moments: Arc<[Instant]> = indices.iter().map(|index| events[*index].at).collect();
        let mut times = 0;
        for (place, index) in indices.into_iter().enumerate() {
            let is_another = place > 0 && moments[place - 1] == moments[place];
            times = if is_another { times + 1 } else { 1 };
            let name = says::name(&says, moments[place], times);
            events[index].unnamed = Some(Unnamed { name, alike: moments.clone(), place });
        }
    }
}

/// The name of a row's order, by which events are held together.
pub(super) fn order_name(row: &Row<'_>) -> Option<u64> {
    let mut hash = DefaultHasher::new();
    let order = row.get("order_id")?;
    ("order", row.get("brand").map(|cell| cell.text), order.text).hash(&mut hash);
    Some(hash.finish())
}
