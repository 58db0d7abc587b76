//! A member's card.

use domain::{member::MemberId, time::Instant};

use super::{
    Stored,
    layout::{Damaged, Layout as _, Reader, layout},
};
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
    /// The newest minute of an offline token that was used and is in `used` no more: it and all before it count as
    /// used.
    pub forgotten: Option<u64>,
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

impl Stored for MemberCardRecord {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<MemberCardRecord, Damaged> {
        match format {
            1 => {
                let First { number, hash, made_at, device, used } = First::read(from)?;
                Ok(MemberCardRecord { number, hash, made_at, device, used, forgotten: None })
            }
            _ => Err(Damaged),
        }
    }
}

/// A member's card in the first format, which forgot a token that was used once it could be told no more.
struct First {
    number: CardNumber,
    hash: CardHash,
    made_at: Instant,
    device: Option<CardNumber>,
    used: Vec<CardUse>,
}

layout! { struct CardRecord { member } }
layout! { struct MemberCardRecord { number, hash, made_at, device, used, forgotten } }
layout! { struct First { number, hash, made_at, device, used } }
layout! { struct CardUse { offline, at, until, by } }
