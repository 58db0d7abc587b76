//! The names of records: one function for each kind of key.
//!
//! The first byte tells the kind. Parts that vary in length hold only `[A-Za-z0-9._:-]` and are
//! parted by a nought, so that no key is another's beginning. Keys that grow with time or with a
//! shop's own numbering append; the rest are short.

use domain::{member::MemberId, time::Instant};

use crate::store::{Key, Range};

/// Kinds of record, by first byte. Scanned in order are [`kind::DUE`] by its parts, requests,
/// answers by their member, callers, marks of use and blocks; every other kind is read by key, or
/// walked.
pub mod kind {
    /// A member's standing.
    pub const MEMBER: u8 = b'm';
    /// The person behind it.
    pub const PERSON: u8 = b'p';
    /// A ledger entry without a natural key.
    pub const ENTRY: u8 = b'e';
    /// An order, and its ledger entry.
    pub const ORDER: u8 = b'o';
    /// A redemption, and its ledger entry.
    pub const REDEMPTION: u8 = b'r';
    /// A refund, and its ledger entry.
    pub const REFUND: u8 = b'f';
    /// An adjustment, and its ledger entry.
    pub const ADJUSTMENT: u8 = b'a';
    /// An activity with a reference, and its ledger entry.
    pub const ACTIVITY: u8 = b'v';
    /// Which member an identity belongs to.
    pub const IDENTITY: u8 = b'i';
    /// A request that was answered.
    pub const REQUEST: u8 = b'q';
    /// An answer with personal data.
    pub const ANSWER: u8 = b'w';
    /// Members by the next instant at which time changes anything.
    pub const DUE: u8 = b'd';
    /// A caller's key.
    pub const CALLER: u8 = b'k';
    /// A version of the programme.
    pub const PROGRAM: u8 = b'g';
    /// The number of the newest version.
    pub const PROGRAM_HEAD: u8 = b'h';
    /// Brands and tiers that have been used.
    pub const USED: u8 = b'u';
    /// What the engine notes for itself.
    pub const NOTE: u8 = b'x';
    /// A block of points that a prepaid brand has bought.
    pub const BLOCK: u8 = b'b';
    /// A part of what a brand may still issue and honour: its tally.
    pub const ACCOUNT: u8 = b't';
}

/// The note that holds the fingerprint of the master key that the data was written under.
pub const MASTER_KEY_NOTE: &str = "master_key";

/// The note that stands while a whole store is being imported.
pub const IMPORTING_NOTE: &str = "importing";

fn key(kind: u8, parts: &[&[u8]]) -> Key {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.push(kind);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Key::new(bytes)
}

/// A member's standing.
pub fn member(id: MemberId) -> Key {
    key(kind::MEMBER, &[&id.0])
}

/// The person behind a member.
pub fn person(id: MemberId) -> Key {
    key(kind::PERSON, &[&id.0])
}

/// A ledger entry that has no natural key.
pub fn entry(id: MemberId, seq: u64) -> Key {
    key(kind::ENTRY, &[&id.0, &seq.to_be_bytes()])
}

/// An order.
pub fn order(brand: &str, order_id: &str) -> Key {
    key(kind::ORDER, &[brand.as_bytes(), b"\0", order_id.as_bytes()])
}

/// A redemption; its id follows from the order it is for.
pub fn redemption(id: [u8; 16]) -> Key {
    key(kind::REDEMPTION, &[&id])
}

/// A refund that the caller has named.
pub fn refund(brand: &str, order_id: &str, refund_id: &str) -> Key {
    let parts = [brand.as_bytes(), b"\0", order_id.as_bytes(), b"\0", refund_id.as_bytes()];
    key(kind::REFUND, &parts)
}

/// An adjustment that the caller has named.
pub fn adjustment(id: &str) -> Key {
    key(kind::ADJUSTMENT, &[id.as_bytes()])
}

/// An activity that the caller has named.
pub fn activity(brand: &str, activity: &str, reference: &str) -> Key {
    let parts = [brand.as_bytes(), b"\0", activity.as_bytes(), b"\0", reference.as_bytes()];
    key(kind::ACTIVITY, &parts)
}

/// The claim on an identity, by its keyed hash.
pub fn identity(hash: [u8; 16]) -> Key {
    key(kind::IDENTITY, &[&hash])
}

/// A request, by the hash of its caller, function and key.
pub fn request(hash: [u8; 16]) -> Key {
    key(kind::REQUEST, &[&hash])
}

/// An answer with a member's personal data, by the request it answered.
pub fn answer(id: MemberId, request: [u8; 16]) -> Key {
    key(kind::ANSWER, &[&id.0, &request])
}

/// All answers with a member's personal data.
pub fn answers(id: MemberId) -> Range {
    Range { from: answer(id, [0; 16]), to: key(kind::ANSWER, &[&id.0, &[0xff; 17]]) }
}

/// Parts of the due index, so that a store which spreads its records by the start of their keys
/// can carry a sweep over everybody: members by the last bits of their ids, which are chance.
pub const DUE_SHARDS: u8 = 32;

/// The part of the due index that a member stands in.
fn due_shard(id: MemberId) -> u8 {
    id.0[15] % DUE_SHARDS
}

/// A member's place in the due index.
pub fn due(at: Instant, id: MemberId) -> Key {
    key(kind::DUE, &[&[due_shard(id)], &sortable(at), &id.0])
}

/// A part of the due index up to and with that moment.
pub fn due_until(shard: u8, at: Instant) -> Range {
    let from = key(kind::DUE, &[&[shard]]);
    Range { from, to: key(kind::DUE, &[&[shard], &sortable(at.plus_millis(1))]) }
}

/// The moment and the member of a key of the due index.
pub fn read_due(key: &Key) -> Option<(Instant, MemberId)> {
    let bytes = key.as_bytes();
    let at = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
    let id = bytes.get(10..26)?.try_into().ok()?;
    Some((Instant((at ^ (1 << 63)).cast_signed()), MemberId(id)))
}

/// Eight bytes that sort as the moment does.
fn sortable(at: Instant) -> [u8; 8] {
    (at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// A caller's key.
pub fn caller(id: [u8; 16]) -> Key {
    key(kind::CALLER, &[&id])
}

/// A version of the programme.
pub fn program(version: u32) -> Key {
    key(kind::PROGRAM, &[&version.to_be_bytes()])
}

/// The number of the newest version.
pub fn program_head() -> Key {
    key(kind::PROGRAM_HEAD, &[])
}

/// The mark that a brand or tier has been used.
pub fn used(what: &str, id: &str) -> Key {
    key(kind::USED, &[what.as_bytes(), b"\0", id.as_bytes()])
}

/// A block of points, by its buyer's name for it.
pub fn block(brand: &str, reference: &str) -> Key {
    key(kind::BLOCK, &[brand.as_bytes(), b"\0", reference.as_bytes()])
}

/// All blocks that a brand has bought, by reference.
pub fn blocks(brand: &str) -> Range {
    Range { from: block(brand, ""), to: key(kind::BLOCK, &[brand.as_bytes(), b"\x01"]) }
}

/// The place of the pool among a brand's account's records; the lower ones are its shards'.
pub const POOL: u8 = 0xff;

/// A record of a brand's account: the pool or a shard.
pub fn account(brand: &str, place: u8) -> Key {
    key(kind::ACCOUNT, &[brand.as_bytes(), b"\0", &[place]])
}

/// The brand and the place of a key of an account's record.
pub fn read_account(key: &Key) -> Option<(&str, u8)> {
    let (place, rest) = key.as_bytes().split_last()?;
    let brand = rest.get(1..)?.strip_suffix(b"\0")?;
    Some((std::str::from_utf8(brand).ok()?, *place))
}

/// A note of the engine's own.
pub fn note(name: &str) -> Key {
    key(kind::NOTE, &[name.as_bytes()])
}

/// All records of a kind.
pub fn all(kind: u8) -> Range {
    Range { from: key(kind, &[]), to: key(kind + 1, &[]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_due_index_sorts_by_time_and_reads_back() {
        let id = MemberId([7; 16]);
        let times = [-5, -1, 0, 1, 1_451_577_600_000].map(Instant);
        let keys = times.map(|at| due(at, id));
        assert!(keys.is_sorted());
        for (at, key) in times.iter().zip(&keys) {
            assert_eq!(read_due(key), Some((*at, id)));
            let range = due_until(due_shard(id), *at);
            assert!(range.from <= *key && *key < range.to);
            assert!(due(at.plus_millis(1), MemberId([7; 16])) >= range.to);
            assert!(due_until(due_shard(id) + 1, *at).from >= range.to);
        }
    }

    #[test]
    fn accounts_and_blocks_are_found_by_their_brand() {
        assert_eq!(read_account(&account("bean", POOL)), Some(("bean", POOL)));
        assert_eq!(read_account(&account("b.1", 0)), Some(("b.1", 0)));
        for reference in ["A", "z-9", &"z".repeat(64)] {
            let Range { from, to } = blocks("bean");
            assert!((from..to).contains(&block("bean", reference)));
            assert!(!(blocks("be").from..blocks("be").to).contains(&block("bean", reference)));
        }
    }

    #[test]
    fn ids_cannot_run_into_each_other() {
        assert_ne!(order("a", "bc"), order("ab", "c"));
        assert_ne!(refund("a", "b", "c"), refund("a", "b-c", ""));
    }
}
