//! The deterministic simulator: many clients on one thread, one seed; it feeds requests' bytes to the real
//! edge, handlers and engine, over a store and a clock that misbehave, and compares with the reference model.
//!
//! Nothing here depends on the machine: ids, instants and every choice follow from the seed, so that the same
//! seed gives the same trace.

mod accounts;
mod answer;
mod answered;
pub mod faults;
#[cfg(feature = "outside")]
#[expect(clippy::expect_used, reason = "a target panics where what it holds does not")]
pub mod fuzz;
mod generate;
mod going;
mod home;
mod instance;
mod instant;
mod judge;
mod keeping;
mod last;
mod log;
mod op;
#[cfg(feature = "outside")]
mod outside;
mod partner;
mod sending;
mod settlement;
mod shrink;
mod store;
mod trespass;
mod webhooks;
mod world;

pub use faults::{Fault, Kind, Mix, Struck};
pub use home::Home;
pub use shrink::shrink;
pub use webhooks::webhooks_hold;
pub use world::{Outcome, Settings, run};
