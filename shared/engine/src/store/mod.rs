//! Where records live: the port that a store implements, the keys and the bytes of records, a store in
//! memory, and the suite that every store must pass. It knows no other room.

pub(crate) mod aside;
#[cfg(feature = "conformance")]
pub mod conformance;
pub(crate) mod documents;
pub(crate) mod error;
pub mod feed;
pub mod id;
mod key;
pub mod keys;
pub mod kinds;
pub(crate) mod look;
pub mod memory;
mod port;
pub(crate) mod quiet;
pub(crate) mod reading;
pub mod records;
mod renew;
pub(crate) mod turns;
pub(crate) mod write;

pub use feed::{Changed, Changes, Committed, Feed, Position};
pub use key::{EXTENDED, Key, Kind, Range};
pub use port::{
    BeyondLimit, COMMIT_BYTES_MAX, Change, Expect, Instant, Manner, Page, Pending, Record, Store, StoreError,
    VALUE_BYTES_MAX, Version, WRITES_MAX, Write, check_limits,
};
pub use reading::{Claim, ClaimedForm, Records};
pub use renew::{Renewed, commit_anew, renew};
