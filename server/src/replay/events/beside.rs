//! Rows to events, as they stand beside each other. A row that cannot be read may belong to the event beside it: then
//! that is told too, with all its rows.

use std::collections::BTreeMap;

use domain::time::Instant;
use files::{Lines, Row, Sheet, Told};

use super::{Event, Fault, Kind};

/// What separates one event's rows from the next one's, beside who it is.
const SAME: &[&str] =
    &["kind", "occurred_at", "brand", "order_id", "refund_id", "part", "member_id", "channel", "external_id"];

/// What a row says of the event that it belongs to: cells of [`SAME`], and behind them who it is.
type Said = Vec<String>;

/// A row that is no event's.
enum Faulty {
    /// Its cells do not stand under their columns: it may say anything.
    Malformed(Lines),
    /// One of the cells by which rows are of one event cannot be read.
    Cell { said: Said, field: &'static str, lines: Lines },
}

/// The rows that were read so far.
#[derive(Default)]
pub(super) struct Rows {
    events: Vec<Event>,
    told: Vec<Told>,
    /// What the newest event's rows have in common, and whether they are lines of an order.
    last: Option<(Said, bool)>,
    /// The faulty rows since.
    faulty: Vec<Faulty>,
    /// Events that do not land, by their place, and the lines for which they do not.
    beside: BTreeMap<usize, Lines>,
}

impl Rows {
    /// A row of an event.
    pub(super) fn event(&mut self, sheet: &Sheet, row: &Row<'_>, index: usize, at: Instant, kind: Kind) {
        let said = said(row);
        let is_line = row.get("line_id").is_some();
        let goes_on = is_line && self.last.as_ref().is_some_and(|(last, _)| *last == said);
        let faulty = std::mem::take(&mut self.faulty);
        match self.events.last_mut() {
            Some(event) if goes_on && faulty.is_empty() => {
                event.rows += 1;
                event.lines = event.lines.through(row.lines);
                return;
            }
            _ => {}
        }
        let (own, before) = (self.events.len(), self.events.len().checked_sub(1));
        if let (Some(before), Some(first)) = (before, faulty.first())
            && goes_on
        {
            // Its rows do not stand together.
            self.beside.entry(before).or_insert(first.lines());
            self.beside.entry(own).or_insert(first.lines());
        }
        if let Some(fault) = faulty.iter().find(|fault| fault.may_be_of(&said, is_line)) {
            self.beside.entry(own).or_insert(fault.lines());
        }
        if let Some(before) = before.filter(|_| faulty.is_empty() && kind == Kind::Earn && is_line)
            && self.is_torn(sheet, before, &said, row)
        {
            self.beside.entry(before).or_insert(row.lines);
            let first = sheet.row(self.events[before].first).map_or(row.lines, |row| row.lines);
            self.beside.entry(own).or_insert(first);
        }
        self.events.push(Event { at, kind, lines: row.lines, first: index, rows: 1, unnamed: None });
        self.last = Some((said, is_line));
    }

    /// Whether this row of an order is a further line of the order before it, and says when or who otherwise.
    fn is_torn(&self, sheet: &Sheet, before: usize, said: &Said, row: &Row<'_>) -> bool {
        let event = &self.events[before];
        let is_order = |field: &str| matches!(field, "brand" | "order_id");
        let same_order = self.last.as_ref().is_some_and(|(last, is_line)| {
            *is_line
                && event.kind == Kind::Earn
                && agree(last, said, is_order)
                && row.get("order_id").is_some()
        });
        if !same_order {
            return false;
        }
        let line = row.get("line_id").map(|cell| cell.text.to_owned());
        let lines = (event.first..event.first + event.rows).flat_map(|index| sheet.row(index));
        // An order that is told again has its lines again.
        !lines.into_iter().any(|row| row.get("line_id").map(|cell| cell.text.to_owned()) == line)
    }

    /// A row whose kind or moment cannot be read.
    pub(super) fn faulty(&mut self, row: &Row<'_>, fault: Fault) {
        let Fault { field, told } = fault;
        self.told.push(told);
        self.fault(Faulty::Cell { said: said(row), field, lines: row.lines });
    }

    /// A row whose cells do not stand under their columns.
    pub(super) fn malformed(&mut self, told: Told) {
        let fault = Faulty::Malformed(told.lines);
        self.told.push(told);
        self.fault(fault);
    }

    fn fault(&mut self, fault: Faulty) {
        if let (Some((said, is_line)), Some(before)) = (&self.last, self.events.len().checked_sub(1))
            && fault.may_be_of(said, *is_line)
        {
            self.beside.entry(before).or_insert(fault.lines());
        }
        self.faulty.push(fault);
    }

    /// The events that can land, and what is told of all other rows.
    pub(super) fn end(self, sheet: &Sheet) -> (Vec<Event>, Vec<Told>) {
        let Rows { events, mut told, beside, .. } = self;
        let mut whole = Vec::with_capacity(events.len());
        for (place, event) in events.into_iter().enumerate() {
            let Some(lines) = beside.get(&place) else {
                whole.push(event);
                continue;
            };
            let detail = format!(
                "nothing of this event lands: line {lines} beside it may belong to it, and cannot be read, or says \
                 otherwise when it was or who it is"
            );
            let rows = (event.first..event.first + event.rows).flat_map(|index| sheet.row(index));
            told.extend(rows.map(|row| row.told(None, false, "incomplete_event", detail.clone())));
        }
        (whole, told)
    }
}

impl Faulty {
    fn lines(&self) -> Lines {
        match self {
            Faulty::Malformed(lines) | Faulty::Cell { lines, .. } => *lines,
        }
    }

    /// Whether the row may be a further line of an event beside it that says this.
    fn may_be_of(&self, event: &Said, is_line: bool) -> bool {
        is_line
            && match self {
                Faulty::Malformed(_) => true,
                Faulty::Cell { said, field, .. } => agree(said, event, |name| {
                    name != *field && !matches!(name, "member_id" | "channel" | "external_id")
                }),
            }
    }
}

/// Whether both say the same in those columns of [`SAME`].
fn agree(one: &Said, other: &Said, of: impl Fn(&str) -> bool) -> bool {
    SAME.iter().zip(one.iter().zip(other)).all(|(name, (one, other))| !of(name) || one == other)
}

/// What rows of one event have in common.
fn said(row: &Row<'_>) -> Said {
    let who = row.cells().filter(|cell| is_who(&cell.column.field)).map(|cell| cell.text.to_owned());
    let plain = SAME.iter().map(|name| row.get(name).map_or(String::new(), |cell| cell.text.to_owned()));
    plain.chain(who).collect()
}

fn is_who(field: &str) -> bool {
    ["phone", "email", "external."].iter().any(|kind| field.starts_with(kind))
}
