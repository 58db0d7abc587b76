//! The parts of a commit: what is written to a record, and what must hold for it.

use bytes::Bytes;

use super::{
    Change, Expect, Key, Version, Write,
    records::{Stored, encode},
};

/// The record now holds this.
pub(crate) fn put<T: Stored>(key: Key, expect: Expect, record: &T) -> Write {
    Write { key, expect, change: Change::Put(encode(record)) }
}

/// A record of that key now exists, without content.
pub(crate) fn mark(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Put(Bytes::new()) }
}

/// Deletes the record, whatever it holds.
pub(crate) fn delete(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Delete }
}

/// Deletes the record, if it is still as it was read.
pub(crate) fn delete_read(key: Key, version: Version) -> Write {
    Write { key, expect: Expect::Version(version), change: Change::Delete }
}

/// The condition that the record is still as it was read.
pub(crate) fn still(key: Key, version: Version) -> Write {
    Write { key, expect: Expect::Version(version), change: Change::Nothing }
}

/// The expectation that a record is still as it was read: present or absent.
pub(crate) fn unchanged(version: Option<Version>) -> Expect {
    version.map_or(Expect::Absent, Expect::Version)
}
