//! Keys of referral.

use domain::member::MemberId;

use super::{key, kind};
use crate::store::{
    Key, Range,
    id::{FriendCode, SignalHash},
};

/// A friend that a member has brought.
pub fn edge(referrer: MemberId, friend: MemberId) -> Key {
    key(kind::EDGE, &[&referrer.0, &friend.0])
}

/// All friends that a member has brought.
pub fn edges(referrer: MemberId) -> Range {
    Range { from: key(kind::EDGE, &[&referrer.0]), to: key(kind::EDGE, &[&referrer.0, &[0xff; 17]]) }
}

/// Whose a code is that friends come with.
pub fn friend_code(code: FriendCode) -> Key {
    key(kind::FRIEND_CODE, &[&code.0])
}

/// The code that a member's friends come with.
pub fn member_code(id: MemberId) -> Key {
    key(kind::MEMBER_CODE, &[&id.0])
}

/// What shops have said of a member.
pub fn signals(id: MemberId) -> Key {
    key(kind::SIGNALS, &[&id.0])
}

/// That it was said of the member.
pub fn signal(hash: SignalHash, id: MemberId) -> Key {
    key(kind::SIGNAL, &[&hash.0, &id.0])
}

/// All members of whom it was said.
pub fn signalled(hash: SignalHash) -> Range {
    Range { from: key(kind::SIGNAL, &[&hash.0]), to: key(kind::SIGNAL, &[&hash.0, &[0xff; 17]]) }
}

/// The member of such a key.
pub fn read_signal(key: &Key) -> Option<MemberId> {
    let id = key.as_bytes().get(18..).filter(|_| key.kind() == kind::SIGNAL)?;
    id.try_into().ok().map(MemberId)
}
