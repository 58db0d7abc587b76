//! Keys of members' cards.

use domain::member::MemberId;

use super::{key, kind};
use crate::store::{Key, id::CardHash};

/// Whose a card is, by the keyed hash of its reference.
pub fn card(hash: CardHash) -> Key {
    key(kind::CARD, &[&hash.0])
}

/// The card that a member has.
pub fn member_card(id: MemberId) -> Key {
    key(kind::MEMBER_CARD, &[&id.0])
}

/// The member of such a key.
pub fn read_member_card(key: &Key) -> Option<MemberId> {
    let id = key.as_bytes().get(2..).filter(|_| key.kind() == kind::MEMBER_CARD)?;
    id.try_into().ok().map(MemberId)
}
