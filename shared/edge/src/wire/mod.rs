//! The form of answers: the JSON of the contract, field by field.

mod done;
mod entry;
mod event;
mod grant;
mod kept;
mod member;
mod of_offers;
mod order;
mod partner;
mod priced;
mod tasks;
mod used;
mod used_by_partner;

use domain::{
    id::{GrantId, MergeId, RedemptionId, ReferralId},
    member::MemberId,
    programme::Programme,
    time::{Instant, Zone},
};
use engine::{
    LedgerEntry,
    id::{CallerId, CardNumber, EventId, PartnerKeyId, Reference, WebhookId},
    records::{By, EntryRecord},
};
use sha2::{Digest, Sha256};

pub use done::{Adjusted, Earned, FriendsReferral, OfEntry, Redeemed, ReferralWord, Reversed};
pub use engine::id::RequestId;
pub use entry::{Balance, Entry, EntryBlock, EntryLot, KindWord, TierChange, TierWord};
pub use event::{Event, PartnerEvent};
pub use grant::{GrantIssued, GrantRevoked, GrantShown, GrantSource, GrantState, GrantTakenBack, Granted};
pub use kept::{BroughtMember, FriendsCount, HeldCard, Kept, KeptReferral, LastChange, SpentCode};
pub use member::{
    AbsorbedMember, ConsentWord, GivenConsent, Identity, IdentityKindWord, Lifecycle, Member, MemberBadge,
    MemberLot, MemberPoints, MemberStats, MemberStatus, MemberTier, NextTier, PriorStats, Profile, Region,
    Trial, Viewer,
};
pub use of_offers::{EntryGiven, EntryGrant, EntryOffer};
pub use order::{KnownOrder, LineNow, OrderFound, OrderNow};
pub use partner::{PartnerDone, PartnerEntry, PartnerMember};
pub use priced::{
    AppliedOffer, BlockedLine, Earns, LineDiscount, Priced, PricedDelivery, PricedLine, ReasonWord,
    UnitsAtPrice, UsablePoints,
};
pub use tasks::{NextBonus, Task, TaskStreak, Tasks};
pub use used::{
    DiscountBack, GrantAtUse, OrderUsed, ReturnedDelivery, ReturnedUseLine, UseNow, UseReturned, UseWord,
    UsedLine,
};
pub use used_by_partner::{GrantAtPartner, OrderUsedByPartner, UseReturnedToPartner};

use crate::{At, OrNull, Secrets, Ulid};

/// What is shown as a ULID behind a prefix of its own.
pub trait Shown {
    /// The prefix.
    const PREFIX: &'static str;

    /// The one of these bytes.
    fn of(bytes: [u8; 16]) -> Self;

    /// Its bytes.
    fn bytes(&self) -> [u8; 16];
}

macro_rules! shown {
    ($($name:ident: $prefix:literal;)+) => {$(
        impl Shown for $name {
            const PREFIX: &'static str = $prefix;

            fn of(bytes: [u8; 16]) -> $name {
                $name(bytes)
            }

            fn bytes(&self) -> [u8; 16] {
                self.0
            }
        }
    )+};
}

shown! {
    MemberId: "mbr_";
    RedemptionId: "rdm_";
    MergeId: "mrg_";
    GrantId: "grt_";
    ReferralId: "rfr_";
    PartnerKeyId: "pk_";
    Reference: "lnk_";
    RequestId: "req_";
    EntryId: "ent_";
    IdentityId: "idn_";
    EventId: "evt_";
    WebhookId: "whk_";
    CodeNumber: "";
    CardNumber: "";
}

impl Shown for CallerId {
    const PREFIX: &'static str = "key_";

    fn of(bytes: [u8; 16]) -> CallerId {
        CallerId::of(bytes)
    }

    fn bytes(&self) -> [u8; 16] {
        CallerId::bytes(*self)
    }
}

/// The id of a ledger entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryId(pub [u8; 16]);

/// The id of an identity of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdentityId(pub [u8; 16]);

/// The number from which a link code follows; it is remembered instead of the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeNumber(pub [u8; 16]);

/// An id as it is shown.
pub fn id<T: Shown>(id: T) -> String {
    format!("{}{}", T::PREFIX, ulid::Ulid::from_bytes(id.bytes()))
}

/// The id that is shown as that text.
pub fn read_id<T: Shown>(text: &str) -> Option<T> {
    let ulid = text.strip_prefix(T::PREFIX).filter(|_| domain::shape::is_ulid(text, T::PREFIX))?;
    ulid::Ulid::from_string(ulid).ok().map(|ulid| T::of(ulid.to_bytes()))
}

/// A member's id.
pub fn member_id(member: MemberId) -> String {
    id(member)
}

/// The member of that id.
pub fn read_member_id(text: &str) -> Option<MemberId> {
    read_id(text)
}

/// An entry's id. It follows from the member and the entry's number, so it is the same before and after the
/// entry is written down.
fn entry_id(entry: &EntryRecord) -> Ulid<EntryId> {
    let mut hash = Sha256::new();
    hash.update(entry.member.0);
    hash.update(entry.seq.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&entry.event.occurred_at.0.max(0).to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    Ulid(EntryId(bytes))
}

/// Shows values in the programme's zone and currency.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    /// The newest version.
    pub programme: &'a Programme,
    /// By which grants' ids are shown.
    pub secrets: &'a Secrets,
}

impl Show<'_> {
    /// The programme's time zone.
    pub fn zone(&self) -> Zone {
        self.programme.zone
    }

    fn instant(&self, at: Instant) -> At {
        At(self.zone().show(at))
    }

    fn maybe(&self, at: Option<Instant>) -> OrNull<At> {
        OrNull(at.map(|at| self.instant(at)))
    }

    /// A ledger entry that is written.
    pub fn entry<'a>(&self, entry: &'a EntryRecord) -> Entry<'a> {
        self.shown_entry(entry, true)
    }

    /// A ledger entry as the ledger shows it.
    pub fn listed<'a>(&self, listed: &'a LedgerEntry) -> Entry<'a> {
        self.in_full(&listed.entry, listed.written).by_way_of(listed.via)
    }
}

/// Who asked for a change.
pub fn by(by: By) -> String {
    match by {
        By::Caller(caller) => id(caller),
        By::Time => "time".to_owned(),
        By::Import => "import".to_owned(),
        By::Schedule => "schedule".to_owned(),
        By::Member(member) => member_id(member),
    }
}
