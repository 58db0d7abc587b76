//! A brand's account: what it may still issue and honour (partners.md, "A brand"), counted exactly
//! however many ask at once, and without a record that all of them write.
//!
//! A command that takes points from an account spends from one shard of it, chosen by the member, and
//! writes that shard in the commit that writes the member and the entry: both happen or neither. Only
//! where the shard holds too little is the pool looked at: it draws the shard a new allotment, in a
//! commit of its own; or pays itself, where little remains; or, where it holds too little as well,
//! takes the allotments of all shards back, and is the whole truth then. How that is decided is in
//! `stock`; here it is read and written.
//!
//! Every commit expects what it read. Whoever breaks off between two of them leaves points in another
//! record than before and none lost, and the next one goes on from there.

mod account;
mod blocks;
mod charge;
mod closing;
mod moves;
mod stock;
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
