//! A ledger entry and the answer to a command, field by field. Plain structs and not maps: they
//! are made for every order, and a map of nineteen names costs more than the order's decision.

use domain::event::{Event, Share, TierCause, What};
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
        ShownEntry {
            id: entry_id(entry),
            seq: entry.seq,
            kind: event.what.kind(),
            points: event.movement.points(),
            growth: event.movement.growth,
            lots: self.shares(&event.movement.shares),
            brand: event.what.brand(),
            order_id: event.what.order_id(),
            redemption_id: redemption_of(&event.what),
            by: by(entry.by),
            occurred_at: self.zone().show(event.occurred_at),
            recorded_at: written.then(|| self.zone().show(entry.recorded_at)),
            balance_after: entry.balance_after,
            program_version: entry.version,
            tier: self.tier_change(&event.what),
            badge: match &event.what {
                What::BadgeIssued { badge, .. } => Some(badge),
                _ => None,
            },
            activity: match &event.what {
                What::ActivityEarned(done) => Some(&done.activity),
                _ => None,
            },
            reason: match &event.what {
                What::BadgeIssued { reason, .. } => reason.as_deref(),
                What::Adjusted { reason, .. } | What::StatusChanged { reason, .. } => Some(reason),
                _ => None,
            },
            bill: matches!(&event.what, What::Adjusted { bill: true, .. }),
            blocks: entry
                .blocks
                .iter()
                .map(|(block, points)| ShownBlock { block: *block, points: *points })
                .collect(),
            status: match &event.what {
                What::StatusChanged { status, .. } => Some(status.word()),
                _ => None,
            },
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

    /// What happened to the tier; `null` if nothing did.
    fn tier_change(&self, what: &What) -> Value {
        match what {
            What::TierChanged { from, to, valid_until, why, .. } => {
                let change = if *why == TierCause::Raised { "raised" } else { "lapsed" };
                json!({"change": change, "from": from, "to": to, "valid_until": self.maybe(*valid_until)})
            }
            What::TierKept { tier, valid_until, lifetime } => {
                let until = self.maybe(*valid_until);
                json!({"change": "kept", "from": tier, "to": tier, "valid_until": until, "lifetime": lifetime})
            }
            What::TrialStarted { tier, until } => {
                json!({"change": "trial_started", "trial": tier, "until": self.instant(*until)})
            }
            _ => Value::Null,
        }
    }

    /// The answer to a command; empty if there was nothing to do.
    pub fn done<'a>(&self, done: &'a Done) -> ShownDone<'a> {
        let Some(entry) = &done.entry else { return ShownDone::default() };
        let shown = ShownDone { entry: Some(self.shown_entry(entry, true)), ..ShownDone::default() };
        let shown = particulars(&entry.event, shown);
        match &entry.outcome {
            Some(outcome) => with_outcome(outcome, &entry.event.what, shown),
            None => shown,
        }
    }
}

/// What the answer to each kind of command says of it.
fn particulars<'a>(event: &Event, shown: ShownDone<'a>) -> ShownDone<'a> {
    match &event.what {
        What::OrderEarned(order) => {
            ShownDone { granted: Some(order.granted), calculated: Some(order.calculated), ..shown }
        }
        What::ActivityEarned(activity) => {
            ShownDone { granted: Some(activity.granted), calculated: Some(activity.calculated), ..shown }
        }
        What::PointsRedeemed { .. } => ShownDone { redemption_id: redemption_of(&event.what), ..shown },
        What::OrderRefunded(refund) => ShownDone { taken: Some(refund.taken), ..shown },
        What::RedemptionCancelled { lost, .. } => {
            ShownDone { restored: Some(event.movement.points()), lost: Some(*lost), ..shown }
        }
        _ => shown,
    }
}

fn with_outcome<'a>(outcome: &'a Outcome, what: &What, mut shown: ShownDone<'a>) -> ShownDone<'a> {
    if matches!(what, What::OrderEarned(_) | What::ActivityEarned(_) | What::Adjusted { .. }) {
        shown.upgraded_to = Some(outcome.upgraded_to.as_deref());
        shown.badges_issued = Some(&outcome.badges_issued);
    }
    if matches!(what, What::OrderRefunded(_) | What::RedemptionCancelled { .. }) {
        shown.debt = Some(outcome.debt);
    }
    shown.balance = Some(ShownBalance::of(outcome));
    shown.tier = Some(&outcome.tier);
    shown.growth = Some(outcome.growth);
    shown
}

pub(super) fn redemption_of(what: &What) -> Option<String> {
    match what {
        What::PointsRedeemed { brand, order_id } => Some(id("rdm_", engine::redemption_id(brand, order_id))),
        What::RedemptionCancelled { redemption, .. } => Some(id("rdm_", *redemption)),
        _ => None,
    }
}
