//! The events of a file: which rows each has, when it happens, and the order they are played in.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use domain::{json::Json, time::Instant};
use files::{DateOrder, Lines, Reader, Row, Sheet, Told, value};

use super::body::plain_amount;

/// What separates one event's rows from the next one's.
const SAME: &[&str] =
    &["kind", "occurred_at", "brand", "order_id", "refund_id", "part", "member_id", "channel", "external_id"];

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
    /// The how-manieth it is of those of its kind that say the same, from 1.
    pub(super) times: u32,
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
/// together. In the order of 0.1.0 those of one moment stay as the file has them.
pub(super) fn read(sheet: &Sheet, reader: &Reader, older: bool) -> (Vec<Event>, Vec<Told>) {
    let (mut events, mut told): (Vec<Event>, Vec<Told>) = (Vec::new(), Vec::new());
    let mut last: Option<Vec<String>> = None;
    for (index, row) in sheet.rows().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(fault) => {
                told.push(fault);
                last = None;
                continue;
            }
        };
        let (at, kind) = match when_and_what(&row, reader) {
            Ok(read) => read,
            Err(fault) => {
                told.push(fault);
                last = None;
                continue;
            }
        };
        let same = said(&row);
        let goes_on = last.as_ref() == Some(&same) && row.get("line_id").is_some();
        match events.last_mut() {
            Some(event) if goes_on => {
                event.rows += 1;
                event.lines = event.lines.through(row.lines);
            }
            _ => events.push(Event { at, kind, lines: row.lines, first: index, rows: 1, times: 1 }),
        }
        last = Some(same);
    }
    if !older {
        // A history that is told newest first tells those of one day newest first too.
        let falls = events.windows(2).filter(|pair| pair[0].at > pair[1].at).count();
        let rises = events.windows(2).filter(|pair| pair[0].at < pair[1].at).count();
        if falls > rises {
            events.reverse();
        }
    }
    // Stable: what shares a moment and a kind stays in that order.
    events.sort_by_key(|event| (event.at, (!older).then_some(event.kind)));
    count(sheet, &mut events);
    (events, told)
}

fn when_and_what(row: &Row<'_>, reader: &Reader) -> Result<(Instant, Kind), Told> {
    let wrong = |field: &str, detail: String| Err(row.told(row.get(field), false, "invalid_field", detail));
    let kind = match row.get("kind") {
        None => Kind::Earn,
        Some(cell) => match Kind::read(cell.text) {
            Some(kind) => kind,
            None => return wrong("kind", format!("kind is earn, redeem or refund, not {}", cell.text)),
        },
    };
    let Some(cell) = row.get("occurred_at") else {
        return wrong("occurred_at", "when it happened is missing".to_owned());
    };
    match reader.begin(cell.text) {
        Ok(Some(at)) => Ok((at, kind)),
        Ok(None) => wrong("occurred_at", "when it happened is missing".to_owned()),
        Err(fault) => wrong("occurred_at", fault.detail.into_owned()),
    }
}

/// What rows of one event have in common.
fn said(row: &Row<'_>) -> Vec<String> {
    let who = row.cells().filter(|cell| is_who(&cell.column.field)).map(|cell| cell.text.to_owned());
    let plain = SAME.iter().map(|name| row.get(name).map_or(String::new(), |cell| cell.text.to_owned()));
    plain.chain(who).collect()
}

fn is_who(field: &str) -> bool {
    ["phone", "email", "external."].iter().any(|kind| field.starts_with(kind))
}

/// Numbers those that say the same: a refund or a redemption without a name is named by what it says.
fn count(sheet: &Sheet, events: &mut [Event]) {
    let mut times: HashMap<u64, u32> = HashMap::new();
    for event in events.iter_mut().filter(|event| event.kind != Kind::Earn) {
        let mut hash = DefaultHasher::new();
        (event.kind, event.at).hash(&mut hash);
        for index in event.first..event.first + event.rows {
            let Ok(row) = sheet.row(index) else { continue };
            for field in ["brand", "order_id", "refund_id", "part", "line_id", "quantity", "amount", "points"]
            {
                // `10` and `10.00` say the same.
                let plain = row.get(field).map(|cell| match value::decimal(cell.text) {
                    Ok(number) => plain_amount(&Some(Json::Text(number.into()))),
                    Err(_) => cell.text.to_owned(),
                });
                plain.hash(&mut hash);
            }
        }
        let counted = times.entry(hash.finish()).or_default();
        *counted += 1;
        event.times = *counted;
    }
}

/// The name of a row's order, by which events are held together.
pub(super) fn order_name(row: &Row<'_>) -> Option<u64> {
    let mut hash = DefaultHasher::new();
    let order = row.get("order_id")?;
    ("order", row.get("brand").map(|cell| cell.text), order.text).hash(&mut hash);
    Some(hash.finish())
}
