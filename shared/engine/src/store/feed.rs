//! The feed: every change of a store, told after the fact to readers that the store does not know.
//!
//! A reader has a place, a position in the feed up to which it has seen everything. It keeps the place where it likes;
//! a place that the store is to wait for is a record of the kind `zq`, written with [`set_place`] in a commit of
//! the reader's own, best together with what the reader made of the changes. What no such place has passed the
//! store keeps, within bounds of its own, and a reader that was slower is told of a gap.
//!
//! ```text
//! position = place, or Feed::end for a reader that begins now
//! loop: match Feed::after(position, limit)
//!     Commits { commits, next }  → do something about them; if there were any, store `next`; position = next
//!     Gap { next }               → rebuild from the records, or note what is lost; store `next`; position = next
//!     no commits                 → wait for Feed::more(position)
//! ```
//!
//! Promises: every commit that was answered `Ok` is shown, each at least once to a reader that goes on from what it
//! has stored, and nothing is shown that the store does not hold durably. Of one key, and in the embedded store and
//! in memory of the whole store, commits come in the order in which they were made. In the embedded store and in
//! memory a commit is shown whole; in DynamoDB the writes of one commit come apart, each for itself.

use std::fmt;

use bytes::Bytes;
use domain::time::Instant;

use super::{
    Change, Expect, Key, Manner, Pending, Record, Records, StoreError, Version, Write,
    error::Error,
    keys,
    records::{PlaceRecord, encode},
    write::unchanged,
};

/// A position between two changes of one store's feed; opaque. It has bytes, so that a reader can keep it; those of
/// another store, or none at all, are told as a [`Changes::Gap`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Position(Bytes);

impl Position {
    /// The position of these bytes, whatever they are.
    pub fn new(bytes: impl Into<Bytes>) -> Position {
        Position(bytes.into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A write as the feed shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// The record.
    pub key: Key,
    /// The commit that wrote it, as the record has it. Of a deletion, in a store that does not number its commits,
    /// the version that was deleted.
    pub version: Version,
    /// What the record now holds; nothing if it was deleted.
    pub value: Option<Bytes>,
    /// Whether there was no such record before. Always so if the commit expected it to be absent; a put that expected
    /// anything may be told as no new one. So an entry of a ledger is told once as new, however often what is kept
    /// beside it is written again.
    pub is_new: bool,
}

impl Changed {
    /// How many bytes its key and its value have.
    pub fn bytes(&self) -> usize {
        self.key.as_bytes().len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// A commit as the feed shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Which one.
    pub version: Version,
    /// How it is meant. Whoever keeps a copy of the records takes all alike.
    pub manner: Manner,
    /// Its writes, without expectations and without readers' places; never empty.
    pub writes: Vec<Changed>,
}

/// What follows a position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Changes {
    /// The next commits, in their order; none if there are no more for now.
    Commits {
        /// Them.
        commits: Vec<Committed>,
        /// Where the feed goes on. It may have moved although there are no commits: readers' places are not shown.
        /// There is no need to store it then.
        next: Position,
    },
    /// What followed is not there any more, because the reader was too slow; or the position is none of this feed,
    /// because the store was restored from a backup.
    Gap {
        /// Where the feed goes on: with the oldest that is still there, or, if the position is none of this feed, at
        /// its end.
        next: Position,
    },
}

/// The feed of a store.
pub trait Feed: Send + Sync {
    /// The position after all that is committed by now, for a reader that begins.
    fn end(&self) -> Pending<'_, Result<Position, StoreError>>;

    /// What follows that position: about `limit` commits at most, and fewer if they are long. Returns at once, also if
    /// there is nothing.
    fn after<'a>(&'a self, position: &'a Position, limit: usize) -> Pending<'a, Result<Changes, StoreError>>;

    /// When a commit of that version was made, by the clock of whoever made it: of a store in which commits come apart
    /// and in no order between records. `None` of one that tells them in their order.
    fn committed_at(&self, version: Version) -> Option<Instant> {
        let _ = version;
        None
    }

    /// Waits until something may follow that position. It may return early, and a store without a signal returns
    /// after a while. Dropping it is no loss.
    fn more<'a>(&'a self, position: &'a Position) -> Pending<'a, ()>;
}

impl fmt::Debug for dyn Feed + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed")
    }
}

/// The write that notes how far that reader has come, if its place is still as it was read.
pub fn set_place(reader: &str, position: &Position, read: Option<Version>) -> Write {
    let record = PlaceRecord { position: position.0.to_vec() };
    Write { key: keys::place(reader), expect: unchanged(read), change: Change::Put(encode(&record)) }
}

/// The write that ends a reader: nothing is kept for it any longer.
pub fn end_place(reader: &str) -> Write {
    Write { key: keys::place(reader), expect: Expect::Anything, change: Change::Delete }
}

/// The position in a place's record; `None` if it cannot be read.
pub fn read_place(record: &Record) -> Option<Position> {
    let key = keys::place("");
    let PlaceRecord { position } = super::records::decode(&key, &record.value).ok()?;
    Some(Position::new(position))
}

impl Records {
    /// How far that reader has come, if it has ever begun, with the version that [`set_place`] expects.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn place(&self, reader: &str) -> Result<Option<(Position, Version)>, Error> {
        let read = self.read::<PlaceRecord>(&keys::place(reader)).await?;
        Ok(read.map(|(record, version)| (Position::new(record.position), version)))
    }
}
