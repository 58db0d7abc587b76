//! What is stored under the keys: plain structs in postcard, each with its format's version in
//! front, shared by every store.

use bytes::Bytes;
use domain::{
    event::{Event, OrderState},
    member::{Member, MemberId, Person},
    number::Money,
    time::Instant,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::store::{
    Key,
    id::{CallerId, ContentHash, KeyHash, PartnerKeyId, Reference},
};

/// The version of every format so far. A reader that meets a newer one refuses it.
const FORMAT: u8 = 1;

/// A stored record that cannot be read: the data is of a newer Laurel, or damaged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// Which record.
    pub key: Key,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the record {:?} cannot be read", self.key)
    }
}

impl std::error::Error for Unreadable {}

/// The bytes of a record.
pub fn encode<T: Serialize>(record: &T) -> Bytes {
    let buffer = vec![FORMAT];
    // Writing plain structs to memory fails for none of our types: no maps of unknown length.
    postcard::to_extend(record, buffer).map(Bytes::from).unwrap_or_default()
}

/// The record of these bytes.
///
/// # Errors
/// They are of another format, or damaged.
pub fn decode<T: DeserializeOwned>(key: &Key, bytes: &[u8]) -> Result<T, Unreadable> {
    let read = match bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).ok(),
        _ => None,
    };
    read.ok_or_else(|| Unreadable { key: key.clone() })
}

/// Who asked for a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum By {
    /// A caller, by its id, which stays the same when its key is rotated.
    Caller(CallerId),
    /// Time alone.
    Time,
    /// An import.
    Import,
    /// The scheduler.
    Schedule,
    /// The member itself.
    Member(MemberId),
}

/// A member's standing, with where its ledger starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberRecord {
    /// The standing.
    pub member: Member,
    /// The newest entry's key, where that is not the member's own key for it.
    pub last: Option<Vec<u8>>,
}

/// A [`MemberRecord`] as it is written, without copying the member.
#[derive(Serialize)]
pub(crate) struct MemberRef<'a> {
    pub(crate) member: &'a Member,
    pub(crate) last: &'a Option<Vec<u8>>,
}

/// A ledger entry. Entries of one member are a chain, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryRecord {
    /// Whose.
    pub member: MemberId,
    /// Its number, from 1.
    pub seq: u64,
    /// The entry before it, where that has a natural key.
    pub previous: Option<Vec<u8>>,
    /// Who asked.
    pub by: By,
    /// The programme's version.
    pub version: u32,
    /// When it was written down.
    pub recorded_at: Instant,
    /// What happened.
    pub event: Event,
    /// The sum of all entries' points up to this one.
    pub balance_after: i64,
    /// What the caller was told; with the entry it is the whole answer.
    pub outcome: Option<Outcome>,
    /// The hash of the request's content, where the entry has a natural key.
    pub content: Option<ContentHash>,
    /// What has become of the order, if it is one.
    pub order: Option<OrderState>,
    /// Whether the redemption was cancelled, if it is one.
    pub cancelled: bool,
    /// Which of its brand's blocks the issued points were taken from, oldest first, or what a refund
    /// gave back to which; empty where they are billed by the month.
    pub blocks: Vec<(u32, u64)>,
    /// Whether its brand's credit was charged for the issued points: only then a refund gives
    /// credit back.
    pub charged: bool,
}

#[cfg(test)]
impl EntryRecord {
    /// The first entry of member 1, written down when it happened, that moves nothing.
    pub(crate) fn plain(at: Instant, kind: domain::event::EntryKind) -> EntryRecord {
        let movement = domain::event::Movement::default();
        let event = Event { occurred_at: at, at, today: 1, movement, moves_expiry_to: None, kind };
        EntryRecord {
            member: MemberId([1; 16]),
            seq: 1,
            previous: None,
            by: By::Time,
            version: 1,
            recorded_at: at,
            event,
            balance_after: 0,
            outcome: None,
            content: None,
            order: None,
            cancelled: false,
            blocks: Vec::new(),
            charged: false,
        }
    }
}

/// A block of points that a prepaid brand has bought.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlockRecord {
    /// The brand.
    pub brand: String,
    /// Its number among the brand's blocks, from 1: the order in which they are used.
    pub number: u32,
    /// The buyer's own name for it.
    pub reference: String,
    /// How many points.
    pub points: u64,
    /// What they cost together.
    pub price: Money,
    /// When it was bought.
    pub bought_at: Instant,
    /// The hash of the request's content.
    pub content: ContentHash,
}

/// What an answer tells beside the entry, small enough to be kept for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Points that can be spent, afterwards.
    pub available: u64,
    /// Points held.
    pub held: u64,
    /// Points owed.
    pub debt: u64,
    /// Growth.
    pub growth: u64,
    /// The tier.
    pub tier: String,
    /// The tier the member was raised to.
    pub upgraded_to: Option<String>,
    /// Badges that followed.
    pub badges_issued: Vec<String>,
}

/// A request that was answered, remembered under its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The hash of its content.
    pub content: ContentHash,
    /// When it was answered.
    pub at: Instant,
    /// The answer.
    pub answer: Remembered,
}

/// An answer as remembered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Remembered {
    /// It follows from that entry.
    Entry(Vec<u8>),
    /// The answer itself; it holds no personal data.
    Whole(Answer),
    /// The answer is kept with the member's personal data.
    Personal(Vec<u8>),
    /// There was nothing to do for that member.
    Nothing(MemberId),
}

/// An answer's status and body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body's bytes.
    pub body: Vec<u8>,
}

/// A version of the programme, as it was sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProgramRecord {
    /// Since when it is in force.
    pub since: Instant,
    /// Who saved it.
    pub by: By,
    /// The document's text.
    pub document: String,
}

/// A caller and the hash of its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallerRecord {
    /// For people.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// The one brand it acts for, if bound to one.
    pub brand: Option<String>,
    /// SHA-256 of its key.
    pub hash: KeyHash,
    /// When it was made.
    pub created_at: Instant,
    /// When its key was last changed.
    pub rotated_at: Instant,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// How many keys it has had.
    pub generation: u32,
}

/// The keys of a partner brand, revoked ones too, oldest first.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct PartnerRecord {
    /// The keys.
    pub keys: Vec<PartnerKeyRecord>,
}

/// A key that a partner signs with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartnerKeyRecord {
    /// Its id, by which requests name it.
    pub id: PartnerKeyId,
    /// The key.
    pub key: KeyRecord,
    /// When it was made.
    pub created_at: Instant,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

/// What signatures are verified with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum KeyRecord {
    /// An Ed25519 public key.
    Ed25519([u8; 32]),
    /// A secret for HMAC-SHA256, sealed under the master key.
    HmacSha256(Vec<u8>),
}

/// A nonce that a signed request was accepted with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NonceRecord {
    /// The last moment at which the same request would still be in time.
    pub until: Instant,
}

/// Everything of an identity's claim.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClaimRecord {
    /// Whose it is.
    pub member: MemberId,
}

/// A code that links a member to a partner. Only its keyed hash is stored, as its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkCodeRecord {
    /// Whom it links.
    pub member: MemberId,
    /// The partner it is for.
    pub brand: String,
    /// Who asked for it.
    pub by: By,
    /// When.
    pub asked_at: Instant,
    /// The reference that was given for it, once it has been used.
    pub used: Option<Reference>,
}

/// Whom a partner's reference means. It goes when the link ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// The member.
    pub member: MemberId,
}

/// A link of a member with a partner, and the consent to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The partner's name for the member.
    pub reference: Reference,
    /// Who asked for it.
    pub asked_by: By,
    /// When.
    pub asked_at: Instant,
    /// Since when it stands.
    pub linked_at: Instant,
    /// The member's newest entry then: those after it were made while the link stood.
    pub from_seq: u64,
    /// How it ended, if it has.
    pub end: Option<LinkEnd>,
}

/// The end of a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkEnd {
    /// Who ended it.
    pub by: By,
    /// When.
    pub at: Instant,
    /// The member's newest entry then.
    pub seq: u64,
}

/// The person record is the person.
pub type PersonRecord = Person;
