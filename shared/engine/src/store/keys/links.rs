//! Names of the records of members' links with partners, and of the codes that were asked for to make them.

use domain::{id::BrandId, member::MemberId};

use super::{key, kind};
use crate::store::{Key, Range, id::LinkCodeHash};

/// Parts of what a member's links hold: codes that were asked for, and links.
const ASKED: u8 = 0;
const LINKED: u8 = 1;

/// The note that a code was requested for the member.
pub fn asked_code(id: MemberId, hash: LinkCodeHash) -> Key {
    key(kind::MEMBER_LINK, &[&id.0, &[ASKED], &hash.0])
}

/// The hash of the code, from the key of such a note.
pub fn read_asked_code(key: &Key) -> Option<LinkCodeHash> {
    let (part, rest) = key.as_bytes().get(17..)?.split_first()?;
    rest.try_into().ok().filter(|_| *part == ASKED).map(LinkCodeHash)
}

/// All codes that were asked for the member.
pub fn asked_codes(id: MemberId) -> Range {
    Range {
        from: key(kind::MEMBER_LINK, &[&id.0, &[ASKED]]),
        to: key(kind::MEMBER_LINK, &[&id.0, &[ASKED + 1]]),
    }
}

/// A link of a member with a brand, by its number from 1. The newest of a brand comes first.
pub fn member_link(id: MemberId, brand: &BrandId, number: u32) -> Key {
    let descending = (u32::MAX - number).to_be_bytes();
    key(kind::MEMBER_LINK, &[&id.0, &[LINKED], brand.as_bytes(), b"\0", &descending])
}

/// The member, the brand and the number of a link's key.
pub fn read_member_link(key: &Key) -> Option<(MemberId, BrandId, u32)> {
    let id = key.as_bytes().get(1..17).filter(|_| key.kind() == kind::MEMBER_LINK)?.try_into().ok()?;
    let (part, rest) = key.as_bytes().get(17..)?.split_first()?;
    let (brand, descending) = rest.split_at_checked(rest.len().checked_sub(4)?)?;
    let brand = brand.strip_suffix(b"\0").filter(|_| *part == LINKED)?;
    let number = u32::MAX - u32::from_be_bytes(descending.try_into().ok()?);
    Some((MemberId(id), BrandId::of_checked(std::str::from_utf8(brand).ok()?), number))
}

/// The member's links with that brand, or with all, the newest of each brand first.
pub fn member_links(id: MemberId, brand: Option<&BrandId>) -> Range {
    let from = |part: u8, brand: &[u8], end: &[u8]| key(kind::MEMBER_LINK, &[&id.0, &[part], brand, end]);
    match brand {
        Some(brand) => {
            Range { from: from(LINKED, brand.as_bytes(), b"\0"), to: from(LINKED, brand.as_bytes(), b"\x01") }
        }
        None => Range { from: from(LINKED, b"", b""), to: from(LINKED + 1, b"", b"") },
    }
}

/// Everything about a member's links.
pub fn links_and_codes(id: MemberId) -> Range {
    Range { from: asked_codes(id).from, to: member_links(id, None).to }
}
