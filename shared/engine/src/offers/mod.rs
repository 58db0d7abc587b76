//! Offers 权益 in use: what members hold of them, and what orders cost with them.

mod appraisal;
pub(crate) mod asking;
mod basis;
mod changes;
mod confirming;
mod coupons;
mod customer;
pub(crate) mod draft;
pub(crate) mod evaluation;
mod found;
mod given;
mod guests;
pub(crate) mod held;
mod linked;
pub(crate) mod listing;
pub(crate) mod noted;
mod past;
mod promised;
pub(crate) mod quote;
pub(crate) mod refusing;
pub(crate) mod returning;
mod revising;
pub(crate) mod scene;
mod taking;
pub(crate) mod using;

use crate::{
    access::Access, accounts::Accounts, ledger::Ledger, people::People, programme::Programmes, store::Records,
};

/// What members have of offers. Cheap to clone.
#[derive(Clone)]
pub struct Offers {
    pub(crate) records: Records,
    pub(crate) access: Access,
    pub(crate) programme: Programmes,
    pub(crate) accounts: Accounts,
    pub(crate) ledger: Ledger,
    pub(crate) people: People,
}
