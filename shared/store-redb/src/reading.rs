//! Reading records: from the overlay if it has them, from the tables otherwise.
//!
//! Reads continue while the writer is poisoned or the drainer cannot write: a reader gets an error of the
//! tables only after they were reopened, or could not be reopened for a while.

use std::{sync::Arc, thread, time::Duration};

use engine::store::{Expect, Key, Range, Record, StoreError, Version, Write};

use crate::{
    error::Cause,
    handover::Handover,
    overlay::{Layers, Shared},
    tables::{Reader, TablesError},
};

/// How often a failed read looks for a new reader, and after what time each.
const LOOKS: u32 = if cfg!(test) { 2 } else { 50 };
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// The records of these keys, in their order.
pub(crate) fn get(
    shared: &Shared,
    handover: &Handover,
    keys: &[Key],
) -> Result<Vec<Option<Record>>, StoreError> {
    with_tables(shared, handover, || {
        let (mut found, tables) = {
            let view = shared.read();
            let shadows: Vec<_> = keys.iter().map(|key| view.shadow(key).cloned()).collect();
            (shadows.into_iter(), view.tables.clone())
        };
        let records = keys.iter().map(|key| match found.next().flatten() {
            Some(entry) => Ok(entry.record()),
            None => tables.get(key),
        });
        (records.collect(), tables.clone())
    })
}

/// The first `limit` records of the range.
pub(crate) fn scan(
    shared: &Shared,
    handover: &Handover,
    range: &Range,
    limit: usize,
) -> Result<Vec<(Key, Record)>, StoreError> {
    with_tables(shared, handover, || {
        let layers = Layers::of(&shared.read(), range, limit);
        (layers.scan(range, limit), layers.tables)
    })
}

/// The version of the record of that key.
pub(crate) fn version(
    shared: &Shared,
    handover: &Handover,
    key: &Key,
) -> Result<Option<Version>, StoreError> {
    with_tables(shared, handover, || {
        let (shadow, tables) = {
            let view = shared.read();
            let shadow = view.shadow(key).map(|entry| entry.value.as_ref().map(|_| entry.version));
            (shadow, view.tables.clone())
        };
        match shadow {
            Some(found) => (Ok(found), tables),
            None => (tables.version(key), tables),
        }
    })
}

/// What the tables held of a commit's records, read by its caller so that the one writer need not.
/// Counts only as long as the tables are the same and the overlay has nothing newer.
#[derive(Default, Debug)]
pub(crate) struct Foreseen {
    /// The number of the reader.
    reader: u64,
    /// What was found for each write; `None` if nothing was looked up.
    versions: Vec<Option<Option<Version>>>,
}

impl Foreseen {
    /// Looks up the records that something is expected of and that the overlay does not have.
    pub(crate) fn look_up(shared: &Shared, writes: &[Write]) -> Foreseen {
        let view = shared.read();
        let missing =
            writes.iter().map(|write| write.expect != Expect::Anything && view.shadow(&write.key).is_none());
        let missing: Vec<bool> = missing.collect();
        let tables = view.tables.clone();
        drop(view);
        // The writer meets the same error again and answers it.
        let versions = writes
            .iter()
            .zip(missing)
            .map(|(write, missing)| if missing { tables.version(&write.key).ok() } else { None });
        Foreseen { reader: tables.number, versions: versions.collect() }
    }

    /// What these tables hold of the record of write number `at`, if that was looked up in them.
    pub(crate) fn version(&self, at: usize, tables: &Reader) -> Option<Option<Version>> {
        let same = tables.number == self.reader;
        self.versions.get(at).copied().flatten().filter(|_| same)
    }
}

/// Reads, and if the tables fail reads once more from new ones.
fn with_tables<T>(
    shared: &Shared,
    handover: &Handover,
    read: impl Fn() -> (Result<T, TablesError>, Arc<Reader>),
) -> Result<T, StoreError> {
    let (first, reader) = read();
    let error = match first {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "the tables could not be read; they are opened again"
    );
    handover.suspect(reader.number);
    for _ in 0..LOOKS {
        if shared.read().tables.number != reader.number {
            return read().0.map_err(unavailable);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    Err(unavailable(error))
}

fn unavailable(error: TablesError) -> StoreError {
    Cause::Read(error).unavailable()
}
