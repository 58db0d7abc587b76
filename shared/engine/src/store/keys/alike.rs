//! Keys of the index by which persons are found who may be one: by a keyed hash of what they share.

use domain::member::MemberId;

use super::{key, kind};
use crate::store::{Key, Range, id::AlikeHash};

/// Parts in which the index lies, so that a store can spread it; a walk goes through one after the other.
pub const ALIKE_PARTS: u8 = 16;

/// The most records of one person: a name with two things, and one for each identity.
pub const ALIKE_MAX: usize = 22;

/// That the person behind the member has something of that hash.
pub fn alike(hash: AlikeHash, id: MemberId) -> Key {
    key(kind::ALIKE, &[&[hash.0[0] % ALIKE_PARTS], &hash.0, &id.0])
}

/// The hash and the member of a key.
pub fn read_alike(key: &Key) -> Option<(AlikeHash, MemberId)> {
    let rest = key.as_bytes().get(3..).filter(|rest| key.kind() == kind::ALIKE && rest.len() == 32)?;
    let (hash, id) = rest.split_at(16);
    Some((AlikeHash(hash.try_into().ok()?), MemberId(id.try_into().ok()?)))
}

/// The member of a person's key.
pub fn read_person(key: &Key) -> Option<MemberId> {
    let id = key.as_bytes().get(1..).filter(|_| key.kind() == kind::PERSON)?;
    Some(MemberId(id.try_into().ok()?))
}

/// All persons of a part.
pub fn alike_part(part: u8) -> Range {
    Range { from: key(kind::ALIKE, &[&[part]]), to: key(kind::ALIKE, &[&[part], &[0xff; 33]]) }
}

/// The part of a key.
pub(crate) fn part_of_alike(hash: AlikeHash) -> u8 {
    hash.0[0] % ALIKE_PARTS
}

/// All that have something of that hash, behind that member.
pub fn alike_behind(hash: AlikeHash, id: MemberId) -> Range {
    let part = [part_of_alike(hash)];
    Range { from: alike(hash, id).successor(), to: key(kind::ALIKE, &[&part, &hash.0, &[0xff; 17]]) }
}
