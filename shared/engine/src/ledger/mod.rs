//! Members' ledgers: commands that are done once, the effects of time, reading and auditing.

pub(crate) mod act;
mod always;
pub(crate) mod asking;
pub(crate) mod audit;
mod audit_offers;
pub(crate) mod books;
mod bringing;
pub(crate) mod execute;
mod family;
mod find;
mod gifts;
mod grants;
pub mod issued;
mod orders;
pub(crate) mod parts;
pub(crate) mod read;
pub(crate) mod referrals;
mod replay;
pub(crate) mod signals;
pub(crate) mod standing;
pub(crate) mod sweep;
mod timely;
pub(crate) mod told;
pub(crate) mod weigh;
pub(crate) mod would;

use std::sync::Arc;

use crate::{
    access::Access,
    accounts::Accounts,
    programme::Programmes,
    store::{Records, turns::Queues},
};

/// Members' ledgers. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) records: Records,
    pub(crate) access: Access,
    pub(crate) programme: Programmes,
    pub(crate) accounts: Accounts,
    pub(crate) queues: Arc<Queues>,
}
