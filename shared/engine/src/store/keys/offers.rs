//! Names of the records of offers.

use domain::id::OfferId;

use super::{key, kind};
use crate::store::{Key, Range};

/// An offer.
pub fn offer(id: &OfferId) -> Key {
    key(kind::OFFER, &[id.as_bytes()])
}

/// The offer of such a key.
pub fn read_offer(key: &Key) -> Option<OfferId> {
    let id = key.as_bytes().get(2..).filter(|_| key.kind() == kind::OFFER)?;
    std::str::from_utf8(id).ok().map(OfferId::of_checked)
}

/// All offers behind that one, by id; without one, all.
pub fn offers_after(last: Option<&OfferId>) -> Range {
    let all = kind::OFFER.range();
    Range { from: last.map_or(all.from, |last| offer(last).successor()), to: all.to }
}

/// A version of an offer.
pub fn offer_version(id: &OfferId, version: u32) -> Key {
    key(kind::OFFER_VERSION, &[id.as_bytes(), b"\0", &version.to_be_bytes()])
}

/// The offer and the number of such a key.
pub fn read_offer_version(key: &Key) -> Option<(OfferId, u32)> {
    let rest = key.as_bytes().get(2..).filter(|_| key.kind() == kind::OFFER_VERSION)?;
    let (id, number) = rest.split_at_checked(rest.len().checked_sub(4)?)?;
    let id = std::str::from_utf8(id.strip_suffix(b"\0")?).ok()?;
    Some((OfferId::of_checked(id), u32::from_be_bytes(number.try_into().ok()?)))
}

/// A word by which whoever knows it uses an offer, in the form in which words are compared.
pub fn word(word: &str) -> Key {
    key(kind::WORD, &[word.as_bytes()])
}

/// The word of such a key.
pub fn read_word(key: &Key) -> Option<&str> {
    let word = key.as_bytes().get(2..).filter(|_| key.kind() == kind::WORD)?;
    std::str::from_utf8(word).ok()
}

/// How many offers there are, and how often any was saved.
pub fn offers() -> Key {
    key(kind::OFFERS, &[])
}

/// What has been issued, used and spent of an offer, at that place: the whole of it stands at the pool's.
pub fn offer_account(id: &OfferId, place: u8) -> Key {
    key(kind::OFFER_ACCOUNT, &[id.as_bytes(), b"\0", &[place]])
}

/// The offer and the place of such a key.
pub fn read_offer_account(key: &Key) -> Option<(OfferId, u8)> {
    let (id, rest) = read_account_key(key)?;
    let [place] = rest else { return None };
    Some((id, *place))
}

/// Older days of an offer's account at that place, filed: those of that sheet.
pub fn offer_days(id: &OfferId, place: u8, sheet: i32) -> Key {
    key(kind::OFFER_ACCOUNT, &[id.as_bytes(), b"\0", &[place], &sheet.to_be_bytes()])
}

/// The offer, the place and the sheet of such a key.
pub fn read_offer_days(key: &Key) -> Option<(OfferId, u8, i32)> {
    let (id, rest) = read_account_key(key)?;
    let (place, sheet) = rest.split_first()?;
    Some((id, *place, i32::from_be_bytes(sheet.try_into().ok()?)))
}

/// The offer, and what follows on it.
fn read_account_key(key: &Key) -> Option<(OfferId, &[u8])> {
    let rest = key.as_bytes().get(2..).filter(|_| key.kind() == kind::OFFER_ACCOUNT)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let id = std::str::from_utf8(rest.get(..end)?).ok()?;
    Some((OfferId::of_checked(id), rest.get(end + 1..)?))
}
