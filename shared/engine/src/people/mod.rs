//! The people behind members: registration, corrections, identities, tags, cards, erasure.

pub(crate) mod bring;
pub(crate) mod card;
mod changes;
pub(crate) mod doubles;
mod erase;
pub(crate) mod identities;
pub(crate) mod merge;
pub(crate) mod referral;
pub(crate) mod register;
pub(crate) mod tags;
mod told;
pub(crate) mod unmerge;
pub(crate) mod view;

use crate::{access::Access, ledger::Ledger, partners::Partners, programme::Programmes, store::Records};

/// The people behind members. Cheap to clone.
#[derive(Clone)]
pub struct People {
    pub(crate) records: Records,
    pub(crate) access: Access,
    pub(crate) programme: Programmes,
    pub(crate) ledger: Ledger,
    pub(crate) partners: Partners,
}
