//! A consistent state of all records, to copy while the store keeps running.

use engine::store::{Key, Position, Range, Record, StoreError};

use crate::{
    error::Cause,
    overlay::{Layers, View},
};

/// All records as they were at one moment. Reads nothing that was written later.
#[derive(Debug)]
pub struct Snapshot {
    view: View,
    position: Position,
}

impl Snapshot {
    pub(crate) fn new(view: View, position: Position) -> Snapshot {
        Snapshot { view, position }
    }

    /// Where the feed goes on after it: with the first commit that it does not hold.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Up to `limit` records of the range, ascending. Fewer than `limit` means the range is exhausted. Reads
    /// the disk, so do not call it on a thread that serves others.
    ///
    /// Unavailable once the store is closed, or has had to open its tables again after an error.
    pub fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Record)>, StoreError> {
        let layers = Layers::of(&self.view, range, limit);
        layers.scan(range, limit).map_err(|error| Cause::Read(error).unavailable())
    }
}
