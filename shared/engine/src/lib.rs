//! Between the rules and the stores: the port a store fills, and the one shell every command goes
//! through.
//!
//! Nothing here reads a clock, a random number or the environment; nothing here knows a rule of
//! the programme.

mod access;
mod accounts;
mod engine;
mod ledger;
mod partners;
mod people;
mod programme;
pub mod store;

pub use access::callers::{CALLERS_MAX, Caller};
pub use accounts::{Metered, Purchase, Usage};
pub use engine::{Engine, Request, Whom};
pub use ledger::{
    act::{Act, redemption_id},
    audit::Finding,
    books::{Books, Strays},
    execute::Done,
    read::{LedgerEntry, MemberView, Place},
    sweep::{Part, Swept},
};
pub use partners::{
    links::{LINK_CODE_MILLIS, Link, LinkAsk},
    settlement::{BrandAccount, Closing, Settlement, State},
    signing::{LIVE_KEYS_MAX, Partner, TooManyKeys},
};
pub use people::register::{Registered, Registration, Told};
pub use programme::versions::ProgramError;
#[cfg(feature = "conformance")]
pub use store::conformance;
pub use store::{error::Error, id, keys, memory, records};
