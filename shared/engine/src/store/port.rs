//! The port that a store implements: a few methods, of which one writes.
//!
//! A store keeps records by key. It knows neither members nor points: [`crate::records`] says what a key or a
//! value means. Its promises are few, and exactly-once rests on them alone:
//!
//! - [`Store::commit`] applies all of its writes or none, and only if every expectation holds at
//!   that moment, as if commits came one after another (serializable);
//! - when it returns `Ok`, the writes survive a crash and a power cut;
//! - [`Store::get`], [`Store::scan`] and [`Store::walk`] show durable writes only: what they have shown once is
//!   never unwritten.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
pub use domain::time::Instant;

use super::{
    feed::Feed,
    key::{Key, Kind, Range},
};

/// A future a store returns. Boxed, so that stores can be held as `Arc<dyn Store>` and wrapped.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which commit wrote a record. Grows with every write of that record; otherwise opaque.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub u64);

/// A stored record as read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The bytes that were written.
    pub value: Bytes,
    /// The commit that wrote them.
    pub version: Version,
}

/// What must hold of a record for the commit to go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// Nothing is asked.
    Anything,
    /// There is no such record.
    Absent,
    /// The record exists and was last written by that commit.
    Version(Version),
}

/// What a write does to its record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing: only the expectation is checked.
    Nothing,
    /// The record now holds these bytes.
    Put(Bytes),
    /// The record is deleted; deleting a missing record is no error.
    Delete,
}

/// How a commit is meant. It changes nothing of what the commit does; readers of the feed are told.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Manner {
    /// Something happened.
    #[default]
    Plain,
    /// Something happened that the world outside is not told of: an import, a replay.
    Quiet,
    /// Nothing happened: records were only put in another form, such as a newer format or another seal.
    Anew,
}

/// One record's part in a commit. A key occurs at most once in a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// The record.
    pub key: Key,
    /// What must hold of it.
    pub expect: Expect,
    /// What becomes of it.
    pub change: Change,
}

/// Why a commit or a read did not happen. Nothing was written, except for
/// [`StoreError::Unknown`].
#[derive(Clone, Debug)]
pub enum StoreError {
    /// An expectation did not hold: another commit was faster, or the record existed already. Read again and
    /// decide again.
    LostRace,
    /// The store takes no more work right now; the same call may succeed later.
    Busy,
    /// The store cannot read or write (full disk, failed sync, no connection).
    Unavailable(Arc<dyn std::error::Error + Send + Sync>),
    /// The commit may or may not have happened (the connection broke, the sync failed half-way).
    /// Only a store that can be read again afterwards may say this.
    Unknown(Arc<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreError::LostRace => "a record changed under the commit",
            StoreError::Busy => "the store takes no more work right now",
            StoreError::Unavailable(_) => "the store is unavailable",
            StoreError::Unknown(_) => "the outcome of the commit is unknown",
        })
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Unavailable(e) | StoreError::Unknown(e) => Some(e.as_ref()),
            StoreError::LostRace | StoreError::Busy => None,
        }
    }
}

/// A part of a [`Store::walk`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The records.
    pub records: Vec<(Key, Record)>,
    /// Where the next page starts; opaque. `None` at the end.
    pub next: Option<Bytes>,
}

/// Where records live. Held as `Arc<dyn Store>`; wrappers that inject faults or measure are a few
/// lines.
pub trait Store: Send + Sync {
    /// The records of these keys, in their order; `None` where there is none. Each is read
    /// consistently; together they are not one snapshot.
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>>;

    /// Up to `limit` records of the range, ascending. Fewer than `limit` means the range is
    /// exhausted. A record that is written while a scan pages through may or may not be seen.
    ///
    /// A distributed store keeps an order only where it is needed: all keys of the range are of one
    /// kind, and one that [`KINDS`](crate::store::kinds::KINDS) does not spread by [`Each`](crate::store::kinds::Spread::Each).
    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>>;

    /// Records of that kind, or of all, in the store's own order: a page of them, and where the next one
    /// starts. A record that exists during the whole walk is shown exactly once, because its place follows
    /// from its key; if it is written meanwhile, either state may be shown. A record that comes or goes
    /// meanwhile may be shown or not. About `limit` records a page; an empty page does not mean the end.
    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        // No key has so long a run of the highest byte: its beginning tells the kind.
        let all = || Range { from: Key::new(&[0][..]), to: Key::new(vec![0xff; 64]) };
        let mut range = kind.map_or_else(all, Kind::range);
        if let Some(from) = from {
            range.from = Key::new(from);
        }
        Box::pin(async move {
            let records = self.scan(range, limit).await?;
            let more = records.last().filter(|_| records.len() == limit);
            let next = more.map(|(key, _)| key.successor().0);
            Ok(Page { records, next })
        })
    }

    /// Applies all writes or none; `Ok` means durable. At most [`WRITES_MAX`] writes, each key
    /// once; a value is at most [`VALUE_BYTES_MAX`] bytes, all of them at most
    /// [`COMMIT_BYTES_MAX`]. See [`check_limits`].
    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>>;

    /// Commits one put of a record that ends: as [`Store::commit`] does. After `until` the store may remove
    /// the record, at any time or never. Before it nobody deletes the record: the caller promises that, and a
    /// store may rely on it.
    fn commit_until(&self, put: Write, until: Instant) -> Pending<'_, Result<Version, StoreError>> {
        let _ = until;
        self.commit(vec![put])
    }

    /// Commits as [`Store::commit`] does, which is the plain manner; the feed says in which manner it was
    /// ([`Committed::manner`](super::Committed::manner)).
    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        let _ = manner;
        self.commit(writes)
    }

    /// The feed of what is committed. `None` if the store has none: one that wraps another for a test and does not
    /// pass it on.
    fn feed(&self) -> Option<&dyn Feed> {
        None
    }

    /// Whether the store itself removes records that have ended. Otherwise
    /// [`Access::forget_nonces`](crate::Access::forget_nonces) does.
    fn removes_ended(&self) -> bool {
        false
    }
}

/// The most writes in one commit (DynamoDB takes 100 actions in a transaction).
pub const WRITES_MAX: usize = 100;

/// The longest value, in bytes (an item of DynamoDB holds 400 KB).
pub const VALUE_BYTES_MAX: usize = 384 * 1024;

/// The most bytes of keys and values in one commit (DynamoDB takes 4 MB in a transaction; what it
/// adds to each record has room beside it, whichever megabyte is meant).
pub const COMMIT_BYTES_MAX: usize = 4_000_000;

/// A commit that no store takes, because it breaks a limit of the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BeyondLimit(pub &'static str);

impl fmt::Display for BeyondLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BeyondLimit {}

/// Whether a commit keeps the limits of the port.
///
/// # Errors
/// [`StoreError::Unavailable`] with [`BeyondLimit`], which says which one it breaks.
pub fn check_limits(writes: &[Write]) -> Result<(), StoreError> {
    let beyond = |limit| Err(StoreError::Unavailable(Arc::new(BeyondLimit(limit))));
    if writes.len() > WRITES_MAX {
        return beyond("a commit of too many writes");
    }
    let mut bytes = 0;
    for (at, write) in writes.iter().enumerate() {
        let key_bytes = write.key.as_bytes().len();
        if !(1..=Key::BYTES_MAX).contains(&key_bytes) {
            return beyond("a key that is empty or too long");
        }
        bytes += key_bytes;
        if let Change::Put(value) = &write.change {
            if value.len() > VALUE_BYTES_MAX {
                return beyond("a value that is too long");
            }
            bytes += value.len();
        }
        if writes[..at].iter().any(|earlier| earlier.key == write.key) {
            return beyond("a key that stands twice in a commit");
        }
    }
    if bytes > COMMIT_BYTES_MAX {
        return beyond("a commit of too many bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write of a value of so many bytes, under a key of two.
    fn write(number: u16, bytes: usize) -> Write {
        let change = Change::Put(vec![0; bytes].into());
        Write { key: Key::new(number.to_be_bytes().to_vec()), expect: Expect::Anything, change }
    }

    fn verdict(writes: &[Write]) -> String {
        check_limits(writes).map_or_else(
            |error| std::error::Error::source(&error).map_or_else(String::new, ToString::to_string),
            |()| "goes".to_owned(),
        )
    }

    #[test]
    fn a_commit_keeps_the_limits_of_the_port() {
        let of = |sizes: &[usize]| -> Vec<Write> {
            (0..).zip(sizes).map(|(number, bytes)| write(number, *bytes)).collect()
        };
        let full = [VALUE_BYTES_MAX; 10];
        let rest = COMMIT_BYTES_MAX - 10 * VALUE_BYTES_MAX - 11 * 2;
        for (sizes, want) in [
            (vec![], "goes"),
            (vec![0; WRITES_MAX], "goes"),
            (vec![0; WRITES_MAX + 1], "a commit of too many writes"),
            (vec![VALUE_BYTES_MAX], "goes"),
            (vec![VALUE_BYTES_MAX + 1], "a value that is too long"),
            ([&full[..], &[rest]].concat(), "goes"),
            ([&full[..], &[rest + 1]].concat(), "a commit of too many bytes"),
            ([&full[..], &[rest + 2]].concat(), "a commit of too many bytes"),
        ] {
            assert_eq!(verdict(&of(&sizes)), want, "{} writes", sizes.len());
        }
        assert_eq!(verdict(&[write(1, 0), write(2, 0), write(1, 1)]), "a key that stands twice in a commit");
        let keyed = |bytes: usize| Write { key: Key::new(vec![7; bytes]), ..write(0, 0) };
        for (bytes, want) in [
            (0, "a key that is empty or too long"),
            (1, "goes"),
            (Key::BYTES_MAX, "goes"),
            (Key::BYTES_MAX + 1, "a key that is empty or too long"),
        ] {
            assert_eq!(verdict(&[keyed(bytes)]), want, "a key of {bytes} bytes");
        }
    }
}
