//! The words of a commit: what is written of a record, and what must hold of it.

use bytes::Bytes;

use super::{
    Change, Expect, Key, Version, Write,
    records::{Stored, encode},
};

/// The record holds this from now on.
pub(crate) fn put<T: Stored>(key: Key, expect: Expect, record: &T) -> Write {
    Write { key, expect, change: Change::Put(encode(record)) }
}

/// There is a record of that key from now on, which says nothing more.
pub(crate) fn mark(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Put(Bytes::new()) }
}

/// The record is gone, whatever it was.
pub(crate) fn delete(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Delete }
}

/// The record is gone, if it is still as it was read.
pub(crate) fn delete_read(key: Key, version: Version) -> Write {
    Write { key, expect: Expect::Version(version), change: Change::Delete }
}

/// The condition that the record is still as it was read.
pub(crate) fn still(key: Key, version: Version) -> Write {
    Write { key, expect: Expect::Version(version), change: Change::Nothing }
}

/// The expectation that a record is still as it was read: there, or not there.
pub(crate) fn unchanged(version: Option<Version>) -> Expect {
    version.map_or(Expect::Absent, Expect::Version)
}
