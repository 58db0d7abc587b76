//! Several records that are read in one call of the store, each addressed by name and not by position.

use std::marker::PhantomData;

use super::{
    Key, Record, Version,
    records::{Stored, Unreadable, decode},
};

/// What is to be read.
#[derive(Default)]
pub(crate) struct Look {
    keys: Vec<Key>,
}

/// The name of a record that is to be read as a `T`.
pub(crate) struct Slot<T> {
    place: usize,
    reads: PhantomData<fn() -> T>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Slot<T> {
        *self
    }
}

impl<T> Copy for Slot<T> {}

impl Look {
    /// Requests the record of that key.
    pub(crate) fn at<T: Stored>(&mut self, key: Key) -> Slot<T> {
        self.keys.push(key);
        Slot { place: self.keys.len() - 1, reads: PhantomData }
    }

    /// The requested keys.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// What was found of them, in their order.
    pub(crate) fn seen(self, records: Vec<Option<Record>>) -> Seen {
        assert_eq!(self.keys.len(), records.len(), "a store answers each key that it is asked for");
        Seen { keys: self.keys, records }
    }
}

/// What was read.
pub(crate) struct Seen {
    keys: Vec<Key>,
    records: Vec<Option<Record>>,
}

impl Seen {
    /// The key of that name.
    pub(crate) fn key<T>(&self, slot: Slot<T>) -> &Key {
        &self.keys[slot.place]
    }

    /// The record of that name, and the commit that wrote it; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read<T: Stored>(&self, slot: Slot<T>) -> Result<Option<(T, Version)>, Unreadable> {
        let Some(record) = &self.records[slot.place] else {
            return Ok(None);
        };
        Ok(Some((decode(self.key(slot), &record.value)?, record.version)))
    }
}
