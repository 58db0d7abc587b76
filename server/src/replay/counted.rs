//! What 0.1.0 counted of a file: it read it its own way, and noted how many of the events that it found were over. What
//! it had played is found again by reading the file as it did.

use std::collections::BTreeMap;

use csv::ByteRecord;
use domain::time::Instant;
use files::{Lines, Sheet, Told};

use super::events::Event;

/// What separated one event's rows from the next one's.
const SAME: [&str; 10] = [
    "kind",
    "occurred_at",
    "brand",
    "order_id",
    "refund_id",
    "member_id",
    "phone",
    "email",
    "channel",
    "external_id",
];

/// What 0.1.0 has played of a file.
#[derive(Default)]
pub(super) struct Counted {
    /// Rows of the sheet that are over; where an event begins, with the line by which its report named it.
    rows: BTreeMap<usize, Option<u64>>,
    /// How many of the events it refused; those aside that it could not read.
    pub(super) refused: u64,
}

/// An event as 0.1.0 found it: its rows in the sheet, from the first.
struct Found {
    at: Instant,
    line: u64,
    first: usize,
    rows: usize,
    is_known_kind: bool,
}

/// What is over of a file of which 0.1.0 noted these numbers; `None` if it cannot be told any more.
pub(super) fn of(bytes: &[u8], sheet: &Sheet, events: usize, refused: u64) -> Option<Counted> {
    let mut found = found(bytes, sheet.len())?;
    // Stable: what shared a moment stayed in the file's order.
    found.sort_by_key(|event| event.at);
    found.truncate(events);
    let mut counted = Counted { refused, ..Counted::default() };
    for event in found {
        if !event.is_known_kind {
            // It was refused for what can be read now, or is told anew.
            counted.refused = counted.refused.saturating_sub(1);
            continue;
        }
        counted.rows.insert(event.first, Some(event.line));
        counted.rows.extend((event.first + 1..event.first + event.rows).map(|row| (row, None)));
    }
    Some(counted)
}

/// The events as 0.1.0 found them, in the file's order; `None` if its rows are not those of the sheet.
fn found(bytes: &[u8], rows: usize) -> Option<Vec<Found>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader.byte_headers().ok()?.clone();
    let names: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().trim_start_matches('\u{feff}').to_owned())
        .collect();
    let (mut events, mut row, mut index): (Vec<Found>, _, _) = (Vec::new(), ByteRecord::new(), 0);
    let mut last: Option<Vec<String>> = None;
    while reader.read_byte_record(&mut row).ok()? {
        let cells: Vec<_> = row.iter().map(|cell| std::str::from_utf8(cell).map(str::trim)).collect();
        let get = |name: &str| -> Option<&str> {
            let place = names.iter().position(|own| own == name)?;
            cells.get(place)?.ok().filter(|text| !text.is_empty())
        };
        if cells.iter().all(|cell| *cell == Ok("")) {
            last = None;
            continue;
        }
        let (own, line) = (index, row.position().map_or(0, csv::Position::line));
        index += 1;
        let at = get("occurred_at").and_then(Instant::parse);
        let Some(at) = at.filter(|_| cells.iter().all(Result::is_ok)) else {
            last = None;
            continue;
        };
        let same: Vec<String> = SAME.iter().map(|name| get(name).unwrap_or_default().to_owned()).collect();
        match events.last_mut() {
            Some(event) if last.as_ref() == Some(&same) && get("line_id").is_some() => event.rows += 1,
            _ => {
                let is_known_kind = matches!(get("kind"), None | Some("earn" | "redeem" | "refund"));
                events.push(Found { at, line, first: own, rows: 1, is_known_kind });
            }
        }
        last = Some(same);
    }
    (index == rows).then_some(events)
}

impl Counted {
    /// Whether it has played the event.
    pub(super) fn has(&self, event: &Event) -> bool {
        (event.first..event.first + event.rows).all(|row| self.rows.contains_key(&row))
    }

    /// How many of its events the report tells.
    pub(super) fn told_in(&self, report: &BTreeMap<Lines, Vec<Told>>) -> u64 {
        let lines = self.rows.values().flatten();
        lines.filter(|line| report.contains_key(&Lines::one(**line))).count() as u64
    }

    /// What its report tells of the events that it has played, by their lines.
    pub(super) fn told(
        &self,
        mut report: BTreeMap<Lines, Vec<Told>>,
        events: &[Event],
    ) -> BTreeMap<Lines, Vec<Told>> {
        let of_event = |event: &Event| {
            let line = self.rows.get(&event.first).copied().flatten()?;
            let mut told = report.remove(&Lines::one(line))?;
            told.iter_mut().for_each(|told| told.lines = event.lines);
            Some((event.lines, told))
        };
        events.iter().filter(|event| self.has(event)).filter_map(of_event).collect()
    }
}

#[cfg(test)]
mod tests {
    use files::{Options, names};

    use super::*;

    /// Rows that are over, by the lines of the new reader.
    #[track_caller]
    fn check(text: &str, events: usize, over: &[u64]) {
        let sheet = files::read(text.as_bytes(), &Options::default(), &names::EVENTS).unwrap();
        let counted = of(text.as_bytes(), &sheet, events, 0).unwrap();
        let line = |index: &usize| match sheet.row(*index) {
            Ok(row) => row.lines.first,
            Err(told) => told.lines.first,
        };
        assert_eq!(counted.rows.keys().map(line).collect::<Vec<_>>(), over, "{text}");
    }

    #[test]
    fn what_0_1_0_counted_is_over_and_nothing_else() {
        let text = "kind,occurred_at,order_id,line_id,sku\n\
            earn,2026-01-03T10:00:00Z,A-3,,\n\
            earn,2026/1/1,A-0,,\n\
            sell,2026-01-01T10:00:00Z,A-9,,\n\
            earn,2026-01-01T10:00:00Z,A-1,1,a\n\
            earn,2026-01-01T10:00:00Z,A-1,2,b\n\
            \n,,,,\n\
            earn,2026-01-02T10:00:00Z,A-2,1,\"a\" b\n";
        check(text, 0, &[]);
        check(text, 1, &[]); // what it could not read is no event now
        check(text, 2, &[5, 6]);
        check(text, 3, &[5, 6, 9]);
        check(text, 4, &[2, 5, 6, 9]);
        check(&text.replace('\n', "\r\n"), 3, &[5, 6, 9]);
    }
}
