//! A member's card.

use domain::{member::MemberId, time::Instant};

use super::{Stored, layout::layout};
use crate::store::id::{CardHash, CardNumber};

/// Whose a card is; stored under the keyed hash of its reference. Replacing the card deletes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardRecord {
    /// The member.
    pub member: MemberId,
}

/// The card that a member has. Its reference follows from its number and the master key, so that stored data
/// alone tell no reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberCardRecord {
    /// What the card's reference follows from.
    pub number: CardNumber,
    /// The keyed hash of that reference, under which the card is found.
    pub hash: CardHash,
    /// When it was made.
    pub made_at: Instant,
    /// The request that was given the device's key, once one was.
    pub device: Option<CardNumber>,
    /// What was spent with it, the oldest first, as long as it could be told again.
    pub used: Vec<CardUse>,
}

/// A token that points were spent with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardUse {
    /// Whether it was made for tills without a network.
    pub offline: bool,
    /// Its step, of 30 seconds; or where `offline`, its minute.
    pub at: u64,
    /// From when on nobody can tell it any more.
    pub until: Instant,
    /// The request that used it.
    pub by: CardNumber,
}

impl Stored for CardRecord {}
impl Stored for MemberCardRecord {}

layout! { struct CardRecord { member } }
layout! { struct MemberCardRecord { number, hash, made_at, device, used } }
layout! { struct CardUse { offline, at, until, by } }
