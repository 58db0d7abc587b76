//! Other people's brands: the keys they sign with, their links with members, and their monthly settlement.

pub(crate) mod links;
pub(crate) mod settlement;
pub(crate) mod signing;

use crate::{access::Access, accounts::Accounts, ledger::Ledger, programme::Programmes, store::Records};

/// Other people's brands. Cheap to clone.
#[derive(Clone)]
pub struct Partners {
    pub(crate) records: Records,
    pub(crate) access: Access,
    pub(crate) programme: Programmes,
    pub(crate) accounts: Accounts,
    pub(crate) ledger: Ledger,
}
