//! Settlement 月结算: a month is closed step by step and then never changes.
//!
//! What a month counts is fixed before it is counted: the close waits 15 minutes after the month's end, while
//! a command writes nothing under a moment older than one minute (see `access/moment.rs`), and it first
//! settles every member that is due by then. So it does not matter when it counts what, how often it is cut
//! off, or what others write meanwhile.
//!
//! How far it has come is one record, and each step is one commit that expects that record as it was read and
//! writes what the step has counted: two concurrent closes count nothing twice.

mod book;
mod close;
mod count;
mod guests;
mod run;
mod share;
mod told;

pub use told::{BrandAccount, Closing, Settlement, State};
