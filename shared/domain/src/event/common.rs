//! Rows that several kinds of entry have in common, and their words. Every column is written out, as in each other row.

use super::{EventType, Moves, Row, TierStep};
use crate::id::BrandId;

/// Words for kinds of entry on the wire, in the order in which they are published. `transfer` is reserved; no kind has
/// it yet.
pub const WORDS: &[&str] = &[
    "earn",
    "redeem",
    "expire",
    "reverse_earn",
    "reverse_redeem",
    "activity",
    "adjust",
    "transfer",
    "merge",
    "tier",
    "badge",
    "restore",
    "reverse_activity",
    "revise",
    "referral",
    "grant",
    "revoke",
    "use",
    "reverse_use",
];

/// The columns of all events that join two records of one person, or part them.
pub(super) fn merge_row<'a>(told: EventType) -> Row<'a> {
    Row {
        word: "merge",
        brand: None,
        order_id: None,
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        revision: None,
        badge: None,
        tier: None,
        brought: None,
        moves: Moves::BetweenMembers,
        granted: None,
        reverses: None,
        once: None,
        is_activity: false,
        for_partners: false,
        told,
    }
}

/// The common columns of all events that only concern a tier.
pub(super) fn tier_row(step: TierStep<'_>) -> Row<'_> {
    Row {
        word: "tier",
        brand: None,
        order_id: None,
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        revision: None,
        badge: None,
        tier: Some(step),
        brought: None,
        moves: Moves::Nothing,
        granted: None,
        reverses: None,
        once: None,
        is_activity: false,
        for_partners: false,
        told: match step {
            TierStep::Kept => EventType::TierKept,
            TierStep::Changed { .. } => EventType::TierChanged,
            TierStep::TrialStarted => EventType::TrialStarted,
        },
    }
}

/// The columns of both events of a referral: a brand settles what is given as if it had issued it, and no limit counts it.
pub(super) fn referral_row(brand: &BrandId) -> Row<'_> {
    Row {
        word: "referral",
        brand: Some(brand),
        order_id: None,
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        revision: None,
        badge: None,
        tier: None,
        brought: None,
        moves: Moves::ByHand { billed: true },
        granted: None,
        reverses: None,
        once: None,
        is_activity: false,
        for_partners: false,
        told: EventType::ReferralRewarded,
    }
}
