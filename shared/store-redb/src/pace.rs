//! How fast the drainer goes: slowly while there is time, so that commits do not wait behind it,
//! and as fast as it can once the active segment fills up.
//!
//! Only waits, never more than a bounded time, and decides nothing about what is written.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// How many records are written between two looks at the time.
const CHUNK_RECORDS: usize = 64;

/// One rest of the drainer.
const REST: Duration = Duration::from_micros(500);

/// What the writer says of the active segment, and what the drainer makes of it.
#[derive(Debug)]
pub(crate) struct Pace {
    sync_bytes: u64,
    segment_bytes: u64,
    filled_bytes: AtomicU64,
    records: AtomicUsize,
    stopping: AtomicBool,
    resting: AtomicBool,
}

impl Pace {
    /// A pace for segments of that size, with a sync of the tables every `sync_bytes`.
    pub(crate) fn new(segment_bytes: u64, sync_bytes: u64) -> Pace {
        Pace {
            sync_bytes,
            segment_bytes,
            filled_bytes: AtomicU64::new(0),
            records: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            resting: AtomicBool::new(true),
        }
    }

    /// After how many written bytes the tables are made durable.
    pub(crate) fn sync_bytes(&self) -> u64 {
        self.sync_bytes
    }

    /// The writer: so much of the active segment is taken.
    pub(crate) fn filled(&self, bytes: u64) {
        self.filled_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The store is closing: no more rests, and no more records.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.resting.store(false, Ordering::Relaxed);
    }

    /// As fast as it goes.
    pub(crate) fn stop_resting(&self) {
        self.resting.store(false, Ordering::Relaxed);
    }

    /// The drainer: so many records are to be written.
    pub(crate) fn start(&self, records: usize) {
        self.records.store(records, Ordering::Relaxed);
    }

    /// The drainer, before its record number `at`: rests if it is ahead, and says whether to go
    /// on at all.
    pub(crate) fn go_on(&self, at: usize) -> bool {
        if !at.is_multiple_of(CHUNK_RECORDS) {
            return true;
        }
        if self.stopping.load(Ordering::Relaxed) {
            return false;
        }
        // Half of the way should lie behind the drainer when a quarter of the segment is full:
        // the other half is the transaction's commit.
        let filled = self.filled_bytes.load(Ordering::Relaxed);
        let records = self.records.load(Ordering::Relaxed) as u64;
        let ahead = at as u64 * self.segment_bytes > 4 * filled * records;
        if at > 0 && ahead && self.resting.load(Ordering::Relaxed) {
            thread::sleep(REST);
        }
        true
    }

    /// Between two stretches of the transaction's commit: rests unless the segment is nearly full.
    pub(crate) fn breathe(&self) {
        let hurry = 4 * self.filled_bytes.load(Ordering::Relaxed) > 3 * self.segment_bytes;
        if !hurry && self.resting.load(Ordering::Relaxed) {
            thread::sleep(REST);
        }
    }
}
