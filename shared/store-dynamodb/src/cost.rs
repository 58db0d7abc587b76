//! What calls cost at AWS, from the records they touch, by AWS's documented rules.
//!
//! An item's size is the names and the values of its attributes; a number takes a byte for two significant
//! digits and one more. A write unit covers 1 KB of an item, in a transaction half of that; of a write the
//! larger of the old and the new item counts, of a delete or a check the old one. A read unit covers 4 KB: of
//! an item, or of all that a query reads in one partition. A missing item also costs one unit. A commit is a
//! transaction unless it is a lone put of an expected version or with an end, a lone delete, or a lone check,
//! which is a read. What DynamoDB removes after its end costs nothing.
//!
//! Units are on-demand request units; storage, backups and streams are not in them.

use std::ops::{Add, AddAssign};

use engine::store::{Change, Expect, Key, Record, Write};

use crate::{place::Place, request::alone};

/// Thousandths of a millionth of a US dollar for a write unit (us-east-1, on demand: $0.625 a million).
pub const WRITE_UNIT_NANODOLLARS: u64 = 625;

/// The same for a read unit ($0.125 a million).
pub const READ_UNIT_NANODOLLARS: u64 = 125;

/// Bytes that one write unit covers.
const WRITE_UNIT_BYTES: u64 = 1_024;

/// Bytes that one strongly consistent read unit covers.
const READ_UNIT_BYTES: u64 = 4_096;

/// The names of an item's four attributes, a letter each.
const NAMES_BYTES: usize = 4;

/// The longest version: 19 significant digits. Versions that end in a zero take at most a byte less.
const VERSION_BYTES: usize = 11;

/// What an end adds to an item: a letter, and a number of ten digits.
const END_BYTES: u64 = 7;

/// Keys in one batch of reads.
const BATCH_KEYS_MAX: usize = 100;

/// What calls cost together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cost {
    /// Items written, deleted or checked in a commit, and asked for or found by a read.
    pub items: u64,
    /// How many bytes these items have.
    pub bytes: u64,
    /// Write request units.
    pub write_units: u64,
    /// Read request units.
    pub read_units: u64,
    /// Requests sent one after the other, if none is repeated.
    pub round_trips: u64,
}

impl Cost {
    /// What it costs, in thousandths of a millionth of a US dollar. A million such calls cost a
    /// thousandth of that number in dollars.
    pub fn nanodollars(&self) -> u64 {
        self.write_units * WRITE_UNIT_NANODOLLARS + self.read_units * READ_UNIT_NANODOLLARS
    }
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            items: self.items + other.items,
            bytes: self.bytes + other.bytes,
            write_units: self.write_units + other.write_units,
            read_units: self.read_units + other.read_units,
            round_trips: self.round_trips + other.round_trips,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}

/// The size of a record's item, in bytes, with a value of that many bytes.
pub fn item_bytes(key: &Key, value_bytes: usize) -> u64 {
    whole(Place::of(key).bytes() + value_bytes + NAMES_BYTES + VERSION_BYTES)
}

/// Read units of an item of that size, or of all that a query reads; 0 bytes cost one unit.
pub fn read_units(bytes: u64) -> u64 {
    bytes.div_ceil(READ_UNIT_BYTES).max(1)
}

/// Write units of an item of that size outside a transaction; in one it is twice as many.
pub fn write_units(bytes: u64) -> u64 {
    bytes.div_ceil(WRITE_UNIT_BYTES).max(1)
}

/// What a commit costs. `old` gives the size in bytes of the existing item, if known; an unknown one counts
/// as one unit.
pub fn commit(writes: &[Write], old: impl Fn(&Key) -> Option<u64>) -> Cost {
    let asks = |write: &&Write| write.change != Change::Nothing || write.expect != Expect::Anything;
    let asking: Vec<&Write> = writes.iter().filter(asks).collect();
    let mut cost = Cost { round_trips: u64::from(!asking.is_empty()), ..Cost::default() };
    let dearer = if matches!(asking[..], [write] if alone(write)) { 1 } else { 2 };
    for write in &asking {
        let old = old(&write.key).unwrap_or(0);
        let bytes = match &write.change {
            Change::Put(value) => item_bytes(&write.key, value.len()).max(old),
            Change::Delete | Change::Nothing => old,
        };
        cost.items += 1;
        cost.bytes += bytes;
        match (&write.change, asking.len()) {
            // A lone check is a read.
            (Change::Nothing, 1) => cost.read_units += read_units(bytes),
            _ => cost.write_units += dearer * write_units(bytes),
        }
    }
    cost
}

/// What a put with an end costs: it goes alone, whatever it expects.
pub fn put_until(write: &Write, old: Option<u64>) -> Cost {
    let bytes = match &write.change {
        Change::Put(value) => item_bytes(&write.key, value.len()) + END_BYTES,
        Change::Delete | Change::Nothing => 0,
    };
    let bytes = bytes.max(old.unwrap_or(0));
    Cost { items: 1, bytes, write_units: write_units(bytes), round_trips: 1, ..Cost::default() }
}

/// What reading records by key costs: `found` is the answer for these keys, in their order.
pub fn get(keys: &[Key], found: &[Option<Record>]) -> Cost {
    let mut seen = std::collections::HashSet::new();
    let mut cost = Cost::default();
    for (key, record) in keys.iter().zip(found).filter(|(key, _)| seen.insert(*key)) {
        let bytes = record.as_ref().map_or(0, |record| item_bytes(key, record.value.len()));
        cost += Cost { items: 1, bytes, read_units: read_units(bytes), ..Cost::default() };
    }
    cost.round_trips = whole(seen.len().div_ceil(BATCH_KEYS_MAX));
    cost
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
