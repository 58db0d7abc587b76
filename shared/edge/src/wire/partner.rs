//! What a partner is told: structs of their own, so that a field which somebody adds to an entry or
//! an answer is not told to partners by accident.

use domain::{
    event::Moves,
    programme::Sees,
    shape::{COUNT, Shape, optional, required},
};
use engine::{Done, records::EntryRecord};
use serde::Serialize;

use super::{
    BALANCE, INSTANT_OR_NULL, KIND, SIGNED, Show,
    entry::{ShownBalance, redemption_id},
    entry_id,
};

/// The shape of an entry as a partner sees it.
pub const PARTNER_ENTRY: Shape = Shape::Object(&[
    required("id", Shape::Ulid { prefix: "ent_" }, "the entry"),
    required("kind", KIND, "what it was"),
    required("points", SIGNED, "what the member's points changed by"),
    required("brand", Shape::OrNull(&Shape::Id), "where it happened"),
    required("order_id", Shape::OrNull(&Shape::Id), "the order it is about"),
    required("redemption_id", Shape::OrNull(&Shape::Ulid { prefix: "rdm_" }), "the redemption it is about"),
    required("occurred_at", Shape::Instant, "when it happened"),
    required("recorded_at", INSTANT_OR_NULL, "when it was written down"),
]);

/// The shape of an answer to a partner.
pub const PARTNER_ANSWER: Shape = Shape::Object(&[
    required("entry", PARTNER_ENTRY, "the ledger entry, as far as a partner is told"),
    optional("granted", COUNT, "points granted"),
    optional("redemption_id", Shape::Ulid { prefix: "rdm_" }, "for cancelling it"),
    optional("taken", COUNT, "points taken back, debt included"),
    optional("restored", COUNT, "points given back, repaid debt included"),
    optional(
        "debt",
        COUNT,
        "points owed after a refund or a cancelled redemption; where the brand sees the balance",
    ),
    optional("balance", BALANCE, "afterwards; of a linked member, where the brand sees it"),
    optional("tier", Shape::Id, "afterwards; of a linked member, where the brand sees it"),
]);

#[derive(Serialize)]
struct PartnerEntry<'a> {
    id: String,
    kind: &'static str,
    points: i64,
    brand: Option<&'a str>,
    order_id: Option<&'a str>,
    redemption_id: Option<String>,
    occurred_at: String,
    recorded_at: String,
}

/// The answer to a partner's command.
#[derive(Default, Serialize)]
pub struct PartnerDone<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<PartnerEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redemption_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<ShownBalance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'a str>,
}

impl Show<'_> {
    /// The answer to a partner's command, with what it sees of the member.
    pub fn done_for_partner<'a>(&self, done: &'a Done, sees: Sees) -> PartnerDone<'a> {
        let Some(entry) = &done.entry else { return PartnerDone::default() };
        let row = entry.event.kind.row();
        assert!(row.for_partners, "a partner asked for what it is never told of: {}", row.word);
        let outcome = entry.outcome.as_ref();
        let mut told = PartnerDone {
            entry: Some(self.partner_entry(entry)),
            balance: outcome.filter(|_| sees.balance).map(ShownBalance::of),
            tier: outcome.filter(|_| sees.tier).map(|outcome| outcome.tier.as_str()),
            ..PartnerDone::default()
        };
        let debt = outcome.filter(|_| sees.balance).map(|outcome| outcome.debt);
        match row.moves {
            Moves::Issued => told.granted = row.granted.map(|granted| granted.points),
            Moves::Honoured => told.redemption_id = row.redemption.map(redemption_id),
            Moves::TakenBack { taken } => (told.taken, told.debt) = (Some(taken), debt),
            Moves::GivenBack { .. } => {
                (told.restored, told.debt) = (Some(entry.event.movement.points()), debt);
            }
            Moves::Nothing | Moves::Expired | Moves::ByHand { .. } | Moves::BetweenMembers => {}
        }
        told
    }

    fn partner_entry<'a>(&self, entry: &'a EntryRecord) -> PartnerEntry<'a> {
        let row = entry.event.kind.row();
        PartnerEntry {
            id: entry_id(entry),
            kind: row.word,
            points: entry.event.movement.points(),
            brand: row.brand,
            order_id: row.order_id,
            redemption_id: row.redemption.map(redemption_id),
            occurred_at: self.zone().show(entry.event.occurred_at),
            recorded_at: self.zone().show(entry.recorded_at),
        }
    }
}
