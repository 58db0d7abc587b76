//! Reading the files that shops have: what a spreadsheet, a shop's back office or a script wrote.
//!
//! Each step hands over to the next one, and each says what it cannot read instead of guessing:
//! bytes → text ([`text`]) → records ([`records`]) → header ([`header`]) → rows ([`sheet`]) → values ([`value`]).
//! What a whole file cannot be read for is [`Unreadable`], before its first row lands; what a single row cannot be
//! read for is [`Told`], with its lines, its column and its value.
//!
//! Nothing here knows a store or a rule: what lands, and where, is for who calls.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop"))]

pub mod guard;
pub mod header;
mod lines;
pub mod names;
pub mod records;
pub mod sheet;
pub mod text;
mod told;
pub mod value;
#[cfg(feature = "xlsx")]
mod workbook;

pub use header::{Column, Known, short};
pub use lines::Lines;
pub use sheet::{Cell, Options, Row, Sheet, read, read_json_lines};
pub use told::{Told, Unreadable};
pub use value::{DateOrder, Reader, When};
