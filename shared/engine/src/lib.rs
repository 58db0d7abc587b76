//! Between the rules and the stores: the port a store fills, and the one shell every command goes
//! through.
//!
//! Nothing here reads a clock, a random number or the environment; nothing here knows a rule of
//! the programme.

mod account;
mod act;
mod always;
mod audit;
mod books;
mod callers;
#[cfg(feature = "conformance")]
pub mod conformance;
mod engine;
mod error;
mod execute;
mod forget;
pub mod keys;
mod links;
pub mod memory;
mod moment;
mod nonces;
mod partners;
mod program;
mod read;
pub mod records;
mod register;
mod settlement;
pub mod store;
mod sweep;
mod timely;
mod write;

pub use account::{Metered, Purchase, Usage};
pub use act::{Act, redemption_id};
pub use audit::Finding;
pub use books::{Books, Strays};
pub use callers::{CALLERS_MAX, Caller};
pub use domain::planted;
pub use engine::{Engine, Request, Whom};
pub use error::Error;
pub use execute::Done;
pub use links::{LINK_CODE_MILLIS, Link, LinkAsk};
pub use partners::{LIVE_KEYS_MAX, Partner, TooManyKeys};
pub use program::ProgramError;
pub use read::{LedgerEntry, MemberView, Place};
pub use register::{Registered, Registration, Told};
pub use settlement::{BrandAccount, Closing, Settlement, State};
pub use sweep::{Part, Swept};
