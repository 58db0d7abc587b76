//! The rules of a membership programme, as pure functions of their inputs.
//!
//! ```text
//! settle(programmes, member, now)          -> events       what time alone has done
//! decide(programmes, member, command, now) -> events | refusal
//! evolve(member, event)                    -> member       no rules, no refusal
//! ```
//!
//! Nothing here reads a clock, a random number, the environment or a store, and no value is ever a float. The
//! rules themselves are written down in `docs/RULES.md`; modules name the rule that they implement.

pub mod attribute;
pub mod brought;
pub mod condition;
pub mod decide;
pub mod event;
mod evolve;
pub mod id;
pub mod json;
pub mod member;
pub mod merge;
pub mod number;
pub mod offer;
pub mod programme;
pub mod referral;
pub mod refusal;
pub mod settle;
pub mod settlement;
pub mod shape;
pub mod tasks;
pub mod time;

pub use decide::decide;
pub use evolve::{evolve, evolve_unchecked};
pub use settle::settle;
