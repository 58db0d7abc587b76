//! The names of records: one function for each kind of key.
//!
//! The first byte tells the kind. Parts that vary in length hold only `[A-Za-z0-9._:-]` and are
//! parted by a nought, so that no key is another's beginning. Keys that grow with time or with a
//! shop's own numbering append; the rest are short.

use domain::{
    member::MemberId,
    time::{Instant, Month},
};

use crate::store::{Key, Range};

/// Kinds of record, by first byte. Scanned in order are [`kind::DUE`] by its parts, requests,
/// answers by their member, callers, marks of use, blocks and settlements; every other kind is read
/// by key, or walked.
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
    /// The settlement of a month, and its parts.
    pub const SETTLEMENT: u8 = b's';
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

/// Which part of a month's settlement a record holds; the second byte of its key.
mod part {
    pub(super) const MONTH: u8 = 0;
    pub(super) const SUMS: u8 = 1;
    pub(super) const HONOURED: u8 = 2;
    pub(super) const ACCOUNT: u8 = 3;
    pub(super) const PAID: u8 = 4;
}

fn settlement_part(part: u8, month: Month, brand: &str) -> Key {
    key(kind::SETTLEMENT, &[&[part], &month.number().to_be_bytes(), brand.as_bytes()])
}

/// All of a month's records of that part.
fn settlement_parts(part: u8, month: Month) -> Range {
    Range { from: settlement_part(part, month, ""), to: settlement_part(part, month.next(), "") }
}

/// How far a month's settlement has come. These sort from the newest month to the oldest.
pub fn settlement(month: Month) -> Key {
    let number = u32::MAX - month.number();
    key(kind::SETTLEMENT, &[&[part::MONTH], &number.to_be_bytes()])
}

/// The settlements of all months before that one, from the newest; of all months without one.
pub fn settlements(before: Option<Month>) -> Range {
    let first = key(kind::SETTLEMENT, &[&[part::MONTH]]);
    let from = before.map_or(first, |month| settlement(month).successor());
    Range { from, to: key(kind::SETTLEMENT, &[&[part::MONTH + 1]]) }
}

/// What has been counted of a month that is not by pairs of brands.
pub fn settlement_sums(month: Month) -> Key {
    settlement_part(part::SUMS, month, "")
}

/// What has been counted of a month for the brand that honoured points.
pub fn settlement_honoured(month: Month, brand: &str) -> Key {
    settlement_part(part::HONOURED, month, brand)
}

/// What has been counted of a month for every brand that honoured points.
pub fn settlements_honoured(month: Month) -> Range {
    settlement_parts(part::HONOURED, month)
}

/// A brand's account of a closed month.
pub fn settlement_account(month: Month, brand: &str) -> Key {
    settlement_part(part::ACCOUNT, month, brand)
}

/// The accounts of a closed month, from the brand after that one on.
pub fn settlement_accounts(month: Month, after: Option<&str>) -> Range {
    let all = settlement_parts(part::ACCOUNT, month);
    let from = after.map_or(all.from, |brand| settlement_account(month, brand).successor());
    Range { from, to: all.to }
}

/// That a brand's account of a month was paid.
pub fn settlement_paid(month: Month, brand: &str) -> Key {
    settlement_part(part::PAID, month, brand)
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
    fn settlements_sort_from_the_newest_month_and_keep_apart() {
        let month = |text| Month::parse(text).unwrap();
        let (older, newer) = (month("2025-12"), month("2026-01"));
        assert!(settlement(newer) < settlement(older));
        let within = |range: &Range, key: &Key| range.from <= *key && *key < range.to;
        assert!(within(&settlements(None), &settlement(newer)));
        assert!(within(&settlements(Some(newer)), &settlement(older)));
        assert!(!within(&settlements(Some(newer)), &settlement(newer)));
        let all = settlement_accounts(older, None);
        assert!(within(&all, &settlement_account(older, "a")));
        assert!(!within(&all, &settlement_account(newer, "a")));
        assert!(!within(&all, &settlement_paid(older, "a")));
        assert!(!within(&settlement_accounts(older, Some("a")), &settlement_account(older, "a")));
        assert!(within(&settlement_accounts(older, Some("a")), &settlement_account(older, "a.")));
    }

    #[test]
    fn ids_cannot_run_into_each_other() {
        assert_ne!(order("a", "bc"), order("ab", "c"));
        assert_ne!(refund("a", "b", "c"), refund("a", "b-c", ""));
    }
}
