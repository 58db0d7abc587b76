//! A ledger entry and the answer to a command, field by field. Plain structs and not maps: they
//! are made for every order, and a map of nineteen names costs more than the order's decision.

use domain::event::{EntryKind, Event, Moves, Redemption, Share, TierCause};
use engine::{
    Done,
    records::{EntryRecord, Outcome},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Show, by, entry_id, id};

/// An entry as everybody sees it.
#[derive(Serialize)]
pub struct ShownEntry<'a> {
    id: String,
    seq: u64,
    kind: &'static str,
    points: i64,
    growth: i64,
    lots: Vec<ShownShare<'a>>,
    brand: Option<&'a str>,
    order_id: Option<&'a str>,
    redemption_id: Option<String>,
    by: String,
    occurred_at: String,
    recorded_at: Option<String>,
    balance_after: i64,
    program_version: u32,
    #[serde(skip_serializing_if = "Value::is_null")]
    tier: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bill: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<ShownBlock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

/// What an entry did to the lots of one end and brand.
#[derive(Serialize)]
struct ShownShare<'a> {
    expires_at: Option<String>,
    brand: &'a str,
    points: i64,
}

/// What only one kind of entry tells, or few.
#[derive(Default)]
struct Details<'a> {
    /// What happened to the tier; `null` if nothing did.
    tier: Value,
    reason: Option<&'a str>,
    status: Option<&'static str>,
}

/// What an entry took from a block, or gave back to it.
#[derive(Serialize)]
struct ShownBlock {
    block: u32,
    points: u64,
}

/// The answer to a command, whole: everything in it is kept with the entry.
#[derive(Default, Serialize)]
pub struct ShownDone<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<ShownEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calculated: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redemption_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
    /// Whether a tier was reached is told, with `null`, where it could have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    upgraded_to: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badges_issued: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<ShownBalance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct ShownBalance {
    available: u64,
    held: u64,
    debt: u64,
}

impl ShownBalance {
    pub(super) fn of(outcome: &Outcome) -> ShownBalance {
        let Outcome { available, held, debt, .. } = *outcome;
        ShownBalance { available, held, debt }
    }
}

impl Show<'_> {
    /// A ledger entry; one that is due and not yet `written` has no time of recording.
    pub(super) fn shown_entry<'a>(&self, entry: &'a EntryRecord, written: bool) -> ShownEntry<'a> {
        let event = &entry.event;
        let row = event.kind.row();
        let details = self.details(&event.kind);
        ShownEntry {
            id: entry_id(entry),
            seq: entry.seq,
            kind: row.word,
            points: event.movement.points(),
            growth: event.movement.growth,
            lots: self.shares(&event.movement.shares),
            brand: row.brand,
            order_id: row.order_id,
            redemption_id: row.redemption.map(redemption_id),
            by: by(entry.by),
            occurred_at: self.zone().show(event.occurred_at),
            recorded_at: written.then(|| self.zone().show(entry.recorded_at)),
            balance_after: entry.balance_after,
            program_version: entry.version,
            tier: details.tier,
            badge: row.badge,
            activity: row.activity.map(|done| done.activity.as_str()),
            reason: details.reason,
            bill: row.moves.is_billed(),
            blocks: entry
                .blocks
                .iter()
                .map(|(block, points)| ShownBlock { block: *block, points: *points })
                .collect(),
            status: details.status,
        }
    }

    /// Holds are not told apart: shares of one expiry and brand are one.
    fn shares<'a>(&self, shares: &'a [Share]) -> Vec<ShownShare<'a>> {
        let mut lots: Vec<(Option<domain::time::Instant>, ShownShare<'a>)> = Vec::new();
        for share in shares {
            let same =
                |lot: &&mut (_, ShownShare<'_>)| lot.0 == share.expires_at && lot.1.brand == share.brand;
            match lots.iter_mut().find(same) {
                Some((_, lot)) => lot.points += share.points,
                None => {
                    let expires_at = share.expires_at.map(|at| self.zone().show(at));
                    let shown = ShownShare { expires_at, brand: &share.brand, points: share.points };
                    lots.push((share.expires_at, shown));
                }
            }
        }
        lots.into_iter().map(|(_, lot)| lot).collect()
    }

    /// What an entry of each kind tells that no other kind does.
    fn details<'a>(&self, kind: &'a EntryKind) -> Details<'a> {
        let tier = |tier: Value| Details { tier, ..Details::default() };
        match kind {
            EntryKind::TierChanged { from, to, valid_until, why, .. } => {
                let change = match why {
                    TierCause::Raised => "raised",
                    TierCause::Lapsed => "lapsed",
                };
                tier(
                    json!({"change": change, "from": from, "to": to, "valid_until": self.maybe(*valid_until)}),
                )
            }
            EntryKind::TierKept { tier: own, valid_until, lifetime } => {
                let until = self.maybe(*valid_until);
                tier(
                    json!({"change": "kept", "from": own, "to": own, "valid_until": until, "lifetime": lifetime}),
                )
            }
            EntryKind::TrialStarted { tier: trial, until } => {
                tier(json!({"change": "trial_started", "trial": trial, "until": self.instant(*until)}))
            }
            EntryKind::BadgeIssued { reason, .. } => {
                Details { reason: reason.as_deref(), ..Details::default() }
            }
            EntryKind::Adjusted { reason, .. } => Details { reason: Some(reason), ..Details::default() },
            EntryKind::StatusChanged { status, reason } => {
                Details { reason: Some(reason), status: Some(status.word()), ..Details::default() }
            }
            EntryKind::OrderEarned(_)
            | EntryKind::ActivityEarned(_)
            | EntryKind::PointsRedeemed { .. }
            | EntryKind::PointsExpired
            | EntryKind::OrderRefunded(_)
            | EntryKind::RedemptionCancelled { .. } => Details::default(),
        }
    }

    /// The answer to a command; empty if there was nothing to do.
    pub fn done<'a>(&self, done: &'a Done) -> ShownDone<'a> {
        let Some(entry) = &done.entry else { return ShownDone::default() };
        let shown = ShownDone { entry: Some(self.shown_entry(entry, true)), ..ShownDone::default() };
        let shown = particulars(&entry.event, shown);
        match &entry.outcome {
            Some(outcome) => with_outcome(outcome, entry.event.kind.row().moves, shown),
            None => shown,
        }
    }
}

/// What the answer to each kind of command says of it.
fn particulars<'a>(event: &Event, shown: ShownDone<'a>) -> ShownDone<'a> {
    let row = event.kind.row();
    match row.moves {
        Moves::Issued => ShownDone {
            granted: row.granted.map(|granted| granted.points),
            calculated: row.granted.map(|granted| granted.calculated),
            ..shown
        },
        Moves::Honoured => ShownDone { redemption_id: row.redemption.map(redemption_id), ..shown },
        Moves::TakenBack { taken } => ShownDone { taken: Some(taken), ..shown },
        Moves::GivenBack { lost } => {
            ShownDone { restored: Some(event.movement.points()), lost: Some(lost), ..shown }
        }
        Moves::Nothing | Moves::Expired | Moves::ByHand { .. } | Moves::BetweenMembers => shown,
    }
}

fn with_outcome<'a>(outcome: &'a Outcome, moves: Moves, mut shown: ShownDone<'a>) -> ShownDone<'a> {
    match moves {
        // What may raise the member tells whether it did.
        Moves::Issued | Moves::ByHand { .. } => {
            shown.upgraded_to = Some(outcome.upgraded_to.as_deref());
            shown.badges_issued = Some(&outcome.badges_issued);
        }
        // What may leave a debt, or repay one, tells what is owed.
        Moves::TakenBack { .. } | Moves::GivenBack { .. } => shown.debt = Some(outcome.debt),
        Moves::Nothing | Moves::Honoured | Moves::Expired | Moves::BetweenMembers => {}
    }
    shown.balance = Some(ShownBalance::of(outcome));
    shown.tier = Some(&outcome.tier);
    shown.growth = Some(outcome.growth);
    shown
}

pub(super) fn redemption_id(redemption: Redemption<'_>) -> String {
    match redemption {
        Redemption::Made { brand, order_id } => id(engine::redemption_id(brand, order_id)),
        Redemption::Cancelled(redemption) => id(redemption),
    }
}
