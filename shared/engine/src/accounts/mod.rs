//! A brand's account: what it may still issue and honour (partners.md, "A brand"), counted exactly under any
//! number of concurrent requests, and without a record that all of them write.
//!
//! A command that takes points from an account spends from one shard of it, chosen by the member, and writes
//! that shard in the commit that writes the member and the entry: both happen or neither. Only if the shard
//! holds too little does the command read the pool: the pool gives the shard a new allotment, in a commit of
//! its own; or pays itself, if little remains; or, if it holds too little too, takes the allotments of all
//! shards back, and then holds everything. `stock` decides this; this module reads and writes.
//!
//! Every commit expects what it read. If a command breaks off between two of them, points are in another
//! record than before but none is lost, and the next command continues from there.

mod account;
mod blocks;
mod charge;
mod closing;
mod codes;
mod moves;
pub(crate) mod offer_places;
pub(crate) mod offer_shards;
pub(crate) mod offer_tally;
pub(crate) mod offers;
mod printed;
mod stock;
pub(crate) mod taken;
mod tally;
mod terms;
mod usage;

use std::sync::Arc;

use crate::{
    access::Access,
    programme::Programmes,
    store::{Records, turns::Queues},
};

pub(crate) use account::{Account, Met};
pub use blocks::Purchase;
pub(crate) use charge::Charge;
pub use codes::CodeBatch;
pub(crate) use codes::NextCode;
pub use printed::PrintRun;
pub(crate) use stock::Shard;
pub(crate) use terms::{Moment, Points};
pub use usage::{Metered, Usage};

/// What may still be issued and honoured. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) records: Records,
    pub(crate) access: Access,
    pub(crate) programme: Programmes,
    pub(crate) queues: Arc<Queues>,
}
