//! The embedded store: a small preallocated journal with group commit in front of redb tables.
//!
//! A commit is durable when its frame in the journal is; many commits share one frame and one
//! sync. What is in the journal is also in memory, in key order, until the drainer has written it
//! into the tables, a whole segment in one transaction. Opening the store replays what the tables
//! lack. What readers of the feed have not seen yet stays in the journal, within bounds.
//!
//! This crate knows nothing of members and points, only keys and bytes, and the places of the feed's readers. It
//! never shows what is not durable, keeps no unbounded queue, and never deletes what it cannot read.

mod compact;
mod disk;
mod drainer;
mod error;
mod feed;
mod frame;
mod handover;
mod journal;
mod keep;
mod overlay;
mod pace;
mod queue;
mod reading;
mod replace;
mod replay;
mod segment;
#[cfg(all(test, not(feature = "simulation")))]
mod simulation;
#[cfg(feature = "simulation")]
pub mod simulation;
mod snapshot;
mod store;
mod tables;
mod varint;
mod writer;

pub use compact::Compacted;
pub use error::OpenError;
pub use snapshot::Snapshot;
pub use store::{Options, RedbStore, Stats};
