//! Names of the records of what members have of offers.

use domain::{
    event::GrantName,
    id::{BrandId, GrantId},
    member::MemberId,
    offer::grant::HeldBy,
};

use super::{key, kind};
use crate::store::{Key, Range};

/// A grant or, with the number 0, what was taken in a window of an offer that is not issued. All that a member has stands
/// together, by offer, window and number.
pub fn grant(name: GrantName) -> Key {
    grant_of(name.id())
}

/// The grant of that id.
pub fn grant_of(id: GrantId) -> Key {
    key(kind::GRANT, &[&id.0])
}

/// The id of the grant of such a key.
pub fn grant_id(key: &Key) -> Option<GrantId> {
    let own = key.as_bytes().get(2..).filter(|_| key.kind() == kind::GRANT)?;
    own.try_into().ok().map(GrantId)
}

/// The offer's number, the window and the number within it of such a key.
pub fn read_grant(key: &Key) -> Option<(u16, u32, u8)> {
    let own = key.as_bytes().get(2..).filter(|_| key.kind() == kind::GRANT)?;
    let [.., a, b, w, x, y, number] = own else { return None };
    (own.len() == 16).then_some((u16::from_be_bytes([*a, *b]), u32::from_be_bytes([0, *w, *x, *y]), *number))
}

/// All that a member has.
pub fn grants(holder: MemberId) -> Range {
    let own = &holder.0[6..];
    Range { from: key(kind::GRANT, &[own]), to: key(kind::GRANT, &[own, &[0xff; 7]]) }
}

/// All that a member has of one offer, by its number.
pub fn grants_of_offer(holder: MemberId, offer: u16) -> Range {
    let own = &holder.0[6..];
    let from = key(kind::GRANT, &[own, &offer.to_be_bytes()]);
    let to = key(kind::GRANT, &[own, &offer.to_be_bytes(), &[0xff; 5]]);
    Range { from, to }
}

/// A use of a brand's: of an order, or without one. No id is empty, so none of the one is another of the other.
pub fn offer_use(brand: &BrandId, by: &HeldBy) -> Key {
    match by {
        HeldBy::Order(order) => key(kind::USE, &[brand.as_bytes(), b"\0", order.as_bytes()]),
        HeldBy::Use(used) => key(kind::USE, &[brand.as_bytes(), b"\0\0", used.as_bytes()]),
    }
}

/// A telling of a use that a later one has followed, by its number. No id has a zero byte, so it is no other use.
pub fn offer_use_told(brand: &BrandId, by: &HeldBy, revision: u32) -> Key {
    let mut bytes = offer_use(brand, by).as_bytes().to_vec();
    bytes.push(0);
    bytes.extend(revision.to_be_bytes());
    Key::new(bytes)
}
