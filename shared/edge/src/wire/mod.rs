//! What answers look like: the JSON that the contract names, field by field.

mod entry;
mod partner;

use domain::{
    id::RedemptionId,
    member::{Lot, Member, MemberId, Person},
    number::Currency,
    programme::Programme,
    shape::{COUNT, Shape, optional, required},
    time::{Instant, Zone},
};
use engine::{
    LedgerEntry, MemberView,
    id::{CallerId, PartnerKeyId, Reference},
    records::{By, EntryRecord},
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use ulid::Ulid;

pub use entry::{ShownDone, ShownEntry};
pub use partner::{PARTNER_ANSWER, PARTNER_ENTRY, PartnerDone};

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
    PartnerKeyId: "pk_";
    Reference: "lnk_";
    RequestId: "req_";
    EntryId: "ent_";
    CodeNumber: "";
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

/// The id of a request, by which a caller and a log know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(pub [u8; 16]);

/// The id of a ledger entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct EntryId([u8; 16]);

/// What a link code follows from; it is remembered in the code's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeNumber(pub [u8; 16]);

/// An id as it is shown.
pub fn id<T: Shown>(id: T) -> String {
    format!("{}{}", T::PREFIX, Ulid::from_bytes(id.bytes()))
}

/// The id that is shown like that.
pub fn read_id<T: Shown>(text: &str) -> Option<T> {
    let ulid = text.strip_prefix(T::PREFIX).filter(|_| domain::shape::is_ulid(text, T::PREFIX))?;
    Ulid::from_string(ulid).ok().map(|ulid| T::of(ulid.to_bytes()))
}

/// A member's id.
pub fn member_id(member: MemberId) -> String {
    id(member)
}

/// The member of that id.
pub fn read_member_id(text: &str) -> Option<MemberId> {
    read_id(text)
}

/// An entry's id. It follows from the member and the entry's number, so that it is the same before
/// and after the entry is written down.
fn entry_id(entry: &EntryRecord) -> String {
    let mut hash = Sha256::new();
    hash.update(entry.member.0);
    hash.update(entry.seq.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&entry.event.occurred_at.0.max(0).to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    id(EntryId(bytes))
}

const INSTANT_OR_NULL: Shape = Shape::OrNull(&Shape::Instant);
const SIGNED: Shape = Shape::Whole { min: -domain_figure(), max: domain_figure() };

const fn domain_figure() -> i64 {
    (1 << 53) - 1
}

const ENTRY_LOT: Shape = Shape::Object(&[
    required("expires_at", INSTANT_OR_NULL, "null is never"),
    required("brand", Shape::Id, "who issued them"),
    required("points", SIGNED, "a plus enters the lot, a minus leaves it"),
]);

const KIND: Shape = Shape::OneOf(domain::event::WORDS);

const ENTRY_BLOCK: Shape = Shape::Object(&[
    required("block", COUNT, "its number among the brand's blocks"),
    required("points", COUNT, "how many of the points"),
]);

/// The shape of a ledger entry.
pub const ENTRY: Shape = Shape::Object(&[
    required("id", Shape::Ulid { prefix: "ent_" }, "the entry"),
    required("seq", COUNT, "its number in the member's ledger, from 1"),
    required("kind", KIND, "what it was"),
    required("points", SIGNED, "change of available + held − debt"),
    required("growth", SIGNED, "change of growth"),
    required("lots", Shape::List { of: &ENTRY_LOT, min: 0, max: 2_000 }, "lots that changed"),
    required("brand", Shape::OrNull(&Shape::Id), "where it happened"),
    required("order_id", Shape::OrNull(&Shape::Id), "the order it is about"),
    required("redemption_id", Shape::OrNull(&Shape::Ulid { prefix: "rdm_" }), "the redemption it is about"),
    required(
        "by",
        Shape::Text { max: 64 },
        "who asked: a key's id, the member's own, time, import or schedule",
    ),
    required("occurred_at", Shape::Instant, "when it happened or fell due"),
    required("recorded_at", INSTANT_OR_NULL, "when it was written down; null: due and not yet written"),
    required("balance_after", SIGNED, "the sum of all entries' points up to this one"),
    required("program_version", COUNT, "the programme's version it was made under"),
    optional("tier", Shape::Any, "what happened to the tier"),
    optional("badge", Shape::Id, "the badge"),
    optional("activity", Shape::Id, "the activity"),
    optional("reason", Shape::Text { max: 500 }, "why, where somebody did it by hand"),
    optional("bill", Shape::Bool, "true: an adjustment that is settled as if it had been earned or refunded"),
    optional(
        "blocks",
        Shape::List { of: &ENTRY_BLOCK, min: 0, max: 10_000 },
        "blocks of the brand that the points came from, or went back to; none if they are billed by the month",
    ),
    optional("status", Shape::Text { max: 16 }, "the member's new status"),
]);

/// The shape of a balance.
pub const BALANCE: Shape = Shape::Object(&[
    required("available", COUNT, "points that can be spent"),
    required("held", COUNT, "points that cannot be spent yet"),
    required("debt", COUNT, "points owed"),
]);

const LOT: Shape = Shape::Object(&[
    required("expires_at", INSTANT_OR_NULL, "null is never"),
    required("brand", Shape::Id, "who issued them"),
    required("held_until", INSTANT_OR_NULL, "null: they can be spent"),
    required("points", COUNT, "how many"),
]);

/// The shape of a member.
pub const MEMBER: Shape = Shape::Object(&[
    required("id", Shape::Ulid { prefix: "mbr_" }, "the member"),
    required("status", Shape::OneOf(&["active", "suspended", "closed", "erased"]), "whether it takes part"),
    required("registered_at", Shape::Instant, "when it registered"),
    required("identities", Shape::List { of: &Shape::Any, min: 0, max: 20 }, "how the person is known"),
    required("profile", Shape::Any, "who the person is"),
    required("consents", Shape::Map { of: &Shape::Bool, max: 20 }, "what the person agreed to, by channel"),
    required("brand", Shape::OrNull(&Shape::Id), "the brand of registration"),
    required("channel", Shape::OrNull(&Shape::Text { max: 64 }), "the channel of registration"),
    required("terms_version", Shape::OrNull(&Shape::Text { max: 64 }), "the terms the person agreed to"),
    required("tier", Shape::Any, "id, since, valid_until, lifetime, trial, next"),
    required("growth", COUNT, "growth"),
    required("period_growth", SIGNED, "growth of the tier's period; may go below 0"),
    required(
        "points",
        Shape::Object(&[
            required("available", COUNT, "points that can be spent"),
            required("held", COUNT, "points that cannot be spent yet"),
            required("debt", COUNT, "points owed"),
            required(
                "lots",
                Shape::List { of: &LOT, min: 0, max: 1_000 },
                "in spending order, free before held",
            ),
        ]),
        "points",
    ),
    required("badges", Shape::List { of: &Shape::Any, min: 0, max: 200 }, "badges, in order of issue"),
    required("tags", Shape::List { of: &Shape::Text { max: 64 }, min: 0, max: 200 }, "tags"),
    required("lifecycle", Shape::OneOf(&["new", "active", "dormant", "lost"]), "生命周期"),
    required("stats", Shape::Any, "orders, amount, first_order_at, last_order_at"),
]);

/// Shows values in the programme's zone and currency.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    /// The newest version.
    pub programme: &'a Programme,
}

impl Show<'_> {
    fn zone(&self) -> Zone {
        self.programme.zone
    }

    fn currency(&self) -> Currency {
        self.programme.currency
    }

    fn instant(&self, at: Instant) -> Value {
        Value::String(self.zone().show(at))
    }

    fn maybe(&self, at: Option<Instant>) -> Value {
        at.map_or(Value::Null, |at| self.instant(at))
    }

    /// A member.
    pub fn member(&self, view: &MemberView) -> Value {
        let MemberView { member, person, now } = view;
        let lifecycle = self.programme.lifecycle.of(member, self.zone(), *now);
        let or_null = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
        json!({
            "id": member_id(member.id),
            "status": member.status.word(),
            "registered_at": self.instant(member.registered_at),
            "identities": person.identities.iter().map(|identity| {
                let mut shown = json!({"kind": identity.kind.word(), "value": identity.value, "verified": identity.verified});
                if !identity.channel.is_empty() {
                    shown["channel"] = identity.channel.clone().into();
                }
                shown
            }).collect::<Vec<_>>(),
            "profile": profile(person),
            "consents": person.consents,
            "brand": if person.brand.is_empty() { Value::Null } else { person.brand.clone().into() },
            "channel": or_null(&person.channel),
            "terms_version": or_null(&person.terms_version),
            "tier": self.tier(member),
            "growth": member.growth,
            "period_growth": member.period_growth,
            "points": {
                "available": member.available(),
                "held": member.held(),
                "debt": member.debt,
                "lots": member.lots.iter().map(|lot| self.lot(lot)).collect::<Vec<_>>(),
            },
            "badges": member.badges.iter().map(|badge| {
                json!({"id": badge.id, "issued_at": self.instant(badge.issued_at)})
            }).collect::<Vec<_>>(),
            "tags": member.tags,
            "lifecycle": lifecycle,
            "stats": {
                "orders": member.orders.count,
                "amount": member.orders.amount.show(self.currency()),
                "first_order_at": self.maybe(member.orders.first_at),
                "last_order_at": self.maybe(member.orders.last_at),
            },
        })
    }

    fn lot(&self, lot: &Lot) -> Value {
        json!({
            "expires_at": self.maybe(lot.expires_at),
            "brand": lot.brand,
            "held_until": self.maybe(lot.held_until),
            "points": lot.points,
        })
    }

    fn tier(&self, member: &Member) -> Value {
        let standing = &member.standing;
        let rank = self.programme.rank(&standing.tier).unwrap_or(0);
        let next =
            self.programme.tiers.get(rank + 1).map(
                |next| json!({"id": next.id, "growth_needed": next.growth.saturating_sub(member.growth)}),
            );
        json!({
            "id": standing.tier,
            "since": self.instant(standing.since),
            "valid_until": self.maybe(standing.valid_until),
            "lifetime": member.lifetime.as_ref() == Some(&standing.tier),
            "trial": member.trial.as_ref().map(|trial| json!({"id": trial.tier, "until": self.instant(trial.until)})),
            "next": next,
        })
    }

    /// A ledger entry that is written.
    pub fn entry<'a>(&self, entry: &'a EntryRecord) -> ShownEntry<'a> {
        self.shown_entry(entry, true)
    }

    /// A ledger entry as the ledger shows it.
    pub fn listed<'a>(&self, listed: &'a LedgerEntry) -> ShownEntry<'a> {
        self.shown_entry(&listed.entry, listed.written)
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

fn profile(person: &Person) -> Value {
    let mut profile = Map::new();
    for (name, value) in [("name", &person.name), ("birthday", &person.birthday), ("gender", &person.gender)]
    {
        if let Some(value) = value {
            profile.insert(name.into(), value.clone().into());
        }
    }
    if !person.region.is_empty() {
        profile.insert("region".into(), json!(person.region));
    }
    Value::Object(profile)
}
