//! The names of records: one function for each kind of key.
//!
//! The first byte gives the kind, or after `z` the second. Parts that vary in length are text without control
//! characters and are separated by a zero byte, so that no key is a prefix of another. Keys that grow with time or with a shop's own
//! numbering append; the rest are short.

use domain::{
    id::{
        ActivityId, ActivityRef, AdjustmentId, BlockRef, BrandId, MergeId, OrderId, RedemptionId,
        RedemptionPart, RefundId,
    },
    member::MemberId,
    time::Instant,
};

use crate::store::{
    Key, Range,
    id::{IdentityHash, LinkCodeHash, Reference, RequestHash},
    key::Kind,
};

mod access;
mod alike;
mod card;
mod grants;
mod links;
mod named;
mod offers;
mod referral;
mod settlement;
mod stock;
mod webhooks;

pub use access::{caller, nonce, partner, read_caller, read_partner, read_staff_change, staff_change};
pub(crate) use alike::part_of_alike;
pub use alike::{ALIKE_MAX, ALIKE_PARTS, alike, alike_behind, alike_part, read_alike, read_person};
pub use card::{card, member_card, read_member_card};
pub use grants::{grant, grant_id, grant_of, grants, grants_of_offer, offer_use, offer_use_told, read_grant};
pub use links::{
    asked_code, asked_codes, links_and_codes, member_link, member_links, read_asked_code, read_member_link,
};
pub use named::{balance, merge, unmerge};
pub use offers::{
    offer, offer_account, offer_days, offer_version, offers, offers_after, read_offer, read_offer_account,
    read_offer_days, read_offer_version, read_word, word,
};
pub use referral::{edge, edges, friend_code, member_code, read_signal, signal, signalled, signals};
pub use settlement::{
    SettlementPart, read_settlement, read_settlement_part, settlement, settlement_account,
    settlement_accounts, settlement_honoured, settlement_offers, settlement_paid, settlement_sums,
    settlements, settlements_honoured, settlements_offers,
};
pub use stock::{
    StockPart, printed, printed_code, printed_used, read_printed_code, read_stock, stock, stock_batch,
    stock_codes,
};

pub use webhooks::{
    deliveries, deliveries_between, delivery, failing, happened, read_delivery, read_failing, read_retry,
    retries, retry, webhooks,
};

/// Kinds of record, by what their keys begin with. Everything else about each is in
/// [`KINDS`](super::kinds::KINDS).
pub mod kind {
    use crate::store::Kind;

    /// A member's standing.
    pub const MEMBER: Kind = Kind::one(b'm');
    /// The person behind it.
    pub const PERSON: Kind = Kind::one(b'p');
    /// A ledger entry without a natural key.
    pub const ENTRY: Kind = Kind::one(b'e');
    /// An order, and its ledger entry.
    pub const ORDER: Kind = Kind::one(b'o');
    /// A redemption, and its ledger entry.
    pub const REDEMPTION: Kind = Kind::one(b'r');
    /// The parts that an order was paid in with points.
    pub const PAID_PART: Kind = Kind::extended(b'p');
    /// A refund, and its ledger entry.
    pub const REFUND: Kind = Kind::one(b'f');
    /// A revision of an order, and its ledger entry.
    pub const REVISION: Kind = Kind::extended(b'r');
    /// An adjustment, and its ledger entry.
    pub const ADJUSTMENT: Kind = Kind::one(b'a');
    /// A merge of two members, or its undoing, and the ledger entry of the one that stays.
    pub const MERGE: Kind = Kind::extended(b'g');
    /// An activity with a reference, and its ledger entry.
    pub const ACTIVITY: Kind = Kind::one(b'v');
    /// The member that an identity belongs to.
    pub const IDENTITY: Kind = Kind::one(b'i');
    /// A request that was answered.
    pub const REQUEST: Kind = Kind::one(b'q');
    /// An answer with personal data.
    pub const ANSWER: Kind = Kind::one(b'w');
    /// Members by the next instant at which time changes anything.
    pub const DUE: Kind = Kind::one(b'd');
    /// A caller's key.
    pub const CALLER: Kind = Kind::one(b'k');
    /// A version of the programme, and what its document goes on with.
    pub const PROGRAM: Kind = Kind::one(b'g');
    /// The number of the newest version.
    pub const PROGRAM_HEAD: Kind = Kind::one(b'h');
    /// An offer: which of its versions is the newest.
    pub const OFFER: Kind = Kind::extended(b'o');
    /// A version of an offer.
    pub const OFFER_VERSION: Kind = Kind::extended(b'e');
    /// A word by which whoever knows it uses an offer.
    pub const WORD: Kind = Kind::extended(b'c');
    /// How many offers there are, and how often any was saved.
    pub const OFFERS: Kind = Kind::extended(b'h');
    /// A grant of an offer, and its ledger entry; or what was taken in a window of one that is not issued.
    pub const GRANT: Kind = Kind::extended(b'i');
    /// A use of offers, of an order or without one.
    pub const USE: Kind = Kind::extended(b'x');
    /// What has been issued, used and spent of an offer.
    pub const OFFER_ACCOUNT: Kind = Kind::extended(b'a');
    /// Codes of an offer: those of others that it hands out, sealed, and printed ones.
    pub const STOCK: Kind = Kind::extended(b'b');
    /// Brands and tiers that have been used.
    pub const USED: Kind = Kind::one(b'u');
    /// What the engine notes for itself.
    pub const NOTE: Kind = Kind::one(b'x');
    /// A nonce that a signed request was accepted with.
    pub const NONCE: Kind = Kind::one(b'n');
    /// The keys of a partner brand.
    pub const PARTNER: Kind = Kind::one(b'y');
    /// A block of points that a prepaid brand has bought.
    pub const BLOCK: Kind = Kind::one(b'b');
    /// A code that links a member to a partner.
    pub const LINK_CODE: Kind = Kind::one(b'c');
    /// A partner's reference to a member.
    pub const REFERENCE: Kind = Kind::one(b'l');
    /// The member that a card belongs to.
    pub const CARD: Kind = Kind::extended(b'v');
    /// The card that a member has.
    pub const MEMBER_CARD: Kind = Kind::extended(b'w');
    /// Persons by what they share with others.
    pub const ALIKE: Kind = Kind::extended(b'y');
    /// A member's links, and the codes that were asked for it.
    pub const MEMBER_LINK: Kind = Kind::one(b'j');
    /// A friend that a member has brought.
    pub const EDGE: Kind = Kind::extended(b'f');
    /// Whose a code is that friends come with.
    pub const FRIEND_CODE: Kind = Kind::extended(b'k');
    /// The code that a member's friends come with.
    pub const MEMBER_CODE: Kind = Kind::extended(b'j');
    /// What shops have said of a member.
    pub const SIGNALS: Kind = Kind::extended(b'm');
    /// Of whom something was said.
    pub const SIGNAL: Kind = Kind::extended(b'n');
    /// A part of what a brand may still issue and honour: its tally.
    pub const ACCOUNT: Kind = Kind::one(b't');
    /// A change by staff: a record of the activity log.
    pub const STAFF_CHANGE: Kind = Kind::extended(b'l');
    /// How far a reader of the feed has come.
    pub const PLACE: Kind = Kind::extended(b'q');
    /// What happened to something without an entry.
    pub const HAPPENED: Kind = Kind::extended(b's');
    /// Webhooks, and since when one's receiver has failed.
    pub const WEBHOOK: Kind = Kind::extended(b't');
    /// An attempt to deliver an event.
    pub const DELIVERY: Kind = Kind::extended(b'u');
    /// An event that is to be sent to a webhook.
    pub const RETRY: Kind = Kind::extended(b'd');
    /// The settlement of a month, and its parts.
    pub const SETTLEMENT: Kind = Kind::one(b's');
}

/// The note that holds the fingerprint of the master key that the data was written under.
pub const MASTER_KEY_NOTE: &str = "master_key";

/// The note that holds the keys by which stored things are judged for ever, sealed, once they follow from no line of the
/// master key any more.
pub const RING_NOTE: &str = "keyring";

/// The note that stands while identities are moved to another line of the master key: its fingerprint.
pub const REKEYING_NOTE: &str = "rekeying";

/// The note that says how far remembered requests have been looked through.
pub(crate) const LOOKED_THROUGH_NOTE: &str = "requests_looked_through";

/// The note that stands while a whole store is being imported.
pub const IMPORTING_NOTE: &str = "importing";

/// The note of a copy that follows another store: by which name, and how far it has come.
pub const FOLLOWING_NOTE: &str = "following";

fn key(kind: Kind, parts: &[&[u8]]) -> Key {
    let length = kind.as_bytes().len() + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(kind.as_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Key::new(bytes)
}

/// A member's standing.
pub fn member(id: MemberId) -> Key {
    key(kind::MEMBER, &[&id.0])
}

/// The member of a key of its standing.
pub fn read_member(key: &Key) -> Option<MemberId> {
    let id = key.as_bytes().get(1..).filter(|_| key.kind() == kind::MEMBER)?;
    id.try_into().ok().map(MemberId)
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
pub fn order(brand: &BrandId, order_id: &OrderId) -> Key {
    key(kind::ORDER, &[brand.as_bytes(), b"\0", order_id.as_bytes()])
}

/// A redemption; its id follows from the order it is for.
pub fn redemption(id: RedemptionId) -> Key {
    key(kind::REDEMPTION, &[&id.0])
}

/// That an order was paid with points under that part: by the id that a redemption of the whole order has, so that
/// all of an order's parts stand together.
pub fn paid_part(whole: RedemptionId, part: &RedemptionPart) -> Key {
    key(kind::PAID_PART, &[&whole.0, part.as_bytes()])
}

/// All parts that an order was paid in with points.
pub fn paid_parts(whole: RedemptionId) -> Range {
    // A part is UTF-8, in which no byte is 0xff.
    Range { from: key(kind::PAID_PART, &[&whole.0]), to: key(kind::PAID_PART, &[&whole.0, &[0xff]]) }
}

/// The part of such a key.
pub fn read_paid_part(key: &Key) -> Option<RedemptionPart> {
    let part = key.as_bytes().get(18..).filter(|_| key.kind() == kind::PAID_PART)?;
    std::str::from_utf8(part).ok().map(RedemptionPart::of_checked)
}

/// A refund that the caller has named.
pub fn refund(brand: &BrandId, order_id: &OrderId, refund_id: &RefundId) -> Key {
    let parts = [brand.as_bytes(), b"\0", order_id.as_bytes(), b"\0", refund_id.as_bytes()];
    key(kind::REFUND, &parts)
}

/// A cancellation of a part of a redemption that the caller has named. No brand's id is empty, so it is no
/// order's refund.
pub fn cancellation(redemption: RedemptionId, refund_id: &RefundId) -> Key {
    key(kind::REFUND, &[b"\0", &redemption.0, b"\0", refund_id.as_bytes()])
}

/// A revision of an order, by its number.
pub fn revision(brand: &BrandId, order_id: &OrderId, revision: u32) -> Key {
    let parts = [brand.as_bytes(), b"\0", order_id.as_bytes(), b"\0", &revision.to_be_bytes()];
    key(kind::REVISION, &parts)
}

/// The name of a refund under whose key it is stored; `None` of any other key.
pub fn refund_name(key: &Key) -> Option<String> {
    if key.kind() != kind::REFUND {
        return None;
    }
    let name = key.as_bytes().rsplit(|byte| *byte == 0).next()?;
    String::from_utf8(name.to_vec()).ok()
}

/// An adjustment that the caller has named.
pub fn adjustment(id: &AdjustmentId) -> Key {
    key(kind::ADJUSTMENT, &[id.as_bytes()])
}

/// An activity that the caller has named.
pub fn activity(brand: &BrandId, activity: &ActivityId, reference: &ActivityRef) -> Key {
    let parts = [brand.as_bytes(), b"\0", activity.as_bytes(), b"\0", reference.as_bytes()];
    key(kind::ACTIVITY, &parts)
}

/// What takes back an activity that the caller has named. No reference contains a zero byte, so it is no
/// activity's key.
pub fn activity_reversed(brand: &BrandId, id: &ActivityId, reference: &ActivityRef) -> Key {
    let parts = [brand.as_bytes(), b"\0", id.as_bytes(), b"\0", reference.as_bytes(), b"\0"];
    key(kind::ACTIVITY, &parts)
}

/// The claim on an identity, by its keyed hash.
pub fn identity(hash: IdentityHash) -> Key {
    key(kind::IDENTITY, &[&hash.0])
}

/// A request, by the hash of its caller, function and key.
pub fn request(hash: RequestHash) -> Key {
    key(kind::REQUEST, &[&hash.0])
}

/// Parts of all requests: by the first byte of their hashes, which is random.
pub const REQUEST_SLICES: u64 = 256;

/// The requests of these slices, of which there are [`REQUEST_SLICES`].
pub fn requests(slices: std::ops::Range<u64>) -> Range {
    let at = |slice: u64| match u8::try_from(slice) {
        Ok(slice) => key(kind::REQUEST, &[&[slice]]),
        Err(_) => kind::REQUEST.range().to,
    };
    Range { from: at(slices.start), to: at(slices.end) }
}

/// The slice that a request's key stands in.
pub fn request_slice(key: &Key) -> u64 {
    u64::from(key.as_bytes()[1])
}

/// An answer with a member's personal data, by the request it answered.
pub fn answer(id: MemberId, request: RequestHash) -> Key {
    key(kind::ANSWER, &[&id.0, &request.0])
}

/// All answers with a member's personal data.
pub fn answers(id: MemberId) -> Range {
    Range { from: answer(id, RequestHash([0; 16])), to: key(kind::ANSWER, &[&id.0, &[0xff; 17]]) }
}

/// That a record of a person was parted from another, by the merge that was undone: it stands among the record's answers.
pub fn parted(id: MemberId, merge: MergeId) -> Key {
    key(kind::ANSWER, &[&id.0, &merge.0, b"\x01"])
}

/// Whether the key is one of those.
pub fn is_parted(key: &Key) -> bool {
    key.kind() == kind::ANSWER && key.as_bytes().len() == 34
}

/// The request of a key of an answer.
pub fn read_answer(key: &Key) -> Option<RequestHash> {
    let hash = key.as_bytes().get(17..).filter(|_| key.kind() == kind::ANSWER)?;
    hash.try_into().ok().map(RequestHash)
}

/// Parts of the due index, so that a store which spreads its records by the start of their keys can carry a
/// sweep over everybody: members by the last bits of their ids, which are random.
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

/// A version of the programme.
pub fn program(version: u32) -> Key {
    key(kind::PROGRAM, &[&version.to_be_bytes()])
}

/// The part of that number, from 1, by which a version's document goes on after its record.
pub fn program_part(version: u32, part: u32) -> Key {
    key(kind::PROGRAM, &[&version.to_be_bytes(), &part.to_be_bytes()])
}

/// The number in the key of a version of the programme.
pub fn read_program(key: &Key) -> Option<u32> {
    let number = key.as_bytes().get(1..).filter(|_| key.kind() == kind::PROGRAM)?;
    number.try_into().ok().map(u32::from_be_bytes)
}

/// Whether the key is that of a part.
pub fn is_program_part(key: &Key) -> bool {
    key.kind() == kind::PROGRAM && key.as_bytes().len() == 9
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
pub fn block(brand: &BrandId, reference: &BlockRef) -> Key {
    key(kind::BLOCK, &[brand.as_bytes(), b"\0", reference.as_bytes()])
}

/// A code that links a member to a partner, by its keyed hash.
pub fn link_code(hash: LinkCodeHash) -> Key {
    key(kind::LINK_CODE, &[&hash.0])
}

/// A partner's reference to a member. The brand is part of the key: to another brand there is no
/// such record.
pub fn reference(brand: &BrandId, reference: Reference) -> Key {
    key(kind::REFERENCE, &[brand.as_bytes(), b"\0", &reference.0])
}

/// All blocks that a brand has bought, by reference.
pub fn blocks(brand: &BrandId) -> Range {
    let end = |end: &[u8]| key(kind::BLOCK, &[brand.as_bytes(), end]);
    Range { from: end(b"\0"), to: end(b"\x01") }
}

/// The place of the pool among a brand's account's records; the lower ones are its shards'.
pub const POOL: u8 = 0xff;

/// A record of a brand's account: the pool or a shard.
pub fn account(brand: &BrandId, place: u8) -> Key {
    key(kind::ACCOUNT, &[brand.as_bytes(), b"\0", &[place]])
}

/// The brand and the place of a key of an account's record.
pub fn read_account(key: &Key) -> Option<(BrandId, u8)> {
    let (place, rest) = key.as_bytes().split_last()?;
    let brand = rest.get(1..)?.strip_suffix(b"\0")?;
    Some((BrandId::of_checked(std::str::from_utf8(brand).ok()?), *place))
}

/// A note of the engine's own.
pub fn note(name: &str) -> Key {
    key(kind::NOTE, &[name.as_bytes()])
}

/// How far that reader of the feed has come.
pub fn place(reader: &str) -> Key {
    key(kind::PLACE, &[reader.as_bytes()])
}

/// All records of a kind.
pub fn all(kind: Kind) -> Range {
    kind.range()
}

#[cfg(test)]
mod tests;
