//! What each kind of entry means to all code that does not apply it: one row for each kind.
//!
//! Limits, settlement, marks of use, the audit and the wire read the row of an entry and never match on its
//! kind. So a new kind does not compile until its row answers every question that any of them asks, and a new
//! column does not compile until every kind has it. No column has a default.
//!
//! If a kind's own content is needed (to apply it, or for the details that an answer shows), a `match`
//! outside this file names every kind; `tests/all/kinds.rs` refuses any other.

use super::common::{merge_row, referral_row, tier_row};
use super::of_offers::{issued_row, revoked_row, use_reversed_row, use_row};
use super::{
    BadgeStep, Deed, EntryKind, EventType, GrantIssued, GrantRevoked, Granted, MergeStep, Moves, Once, Order,
    OrderRefunded, OrderRevised, Redemption, Reversed, TierCause, TierStep, UseMoves, UseStep,
};
use crate::{
    brought::Brought,
    id::{BrandId, OrderId},
    member::Status,
    merge::MergedIn,
    referral::Rewarded,
};

/// What a kind of entry is, read from an entry of that kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'a> {
    /// Its word on the wire, one of [`WORDS`](super::WORDS).
    pub word: &'static str,
    /// The brand at which it happened, if any. The brand is marked as used.
    pub brand: Option<&'a BrandId>,
    /// The order it is about, if about one.
    pub order_id: Option<&'a OrderId>,
    /// The redemption it made or cancelled, if it did.
    pub redemption: Option<Redemption<'a>>,
    /// The order that earned, with everything recorded of it, if an order earned.
    pub order: Option<&'a Order>,
    /// The activity that was done, if one was.
    pub activity: Option<Deed<'a>>,
    /// The refund, if it was one.
    pub refund: Option<&'a OrderRefunded>,
    /// The revision of an order, if it was one.
    pub revision: Option<&'a OrderRevised>,
    /// The badge it issued or took back, if it did.
    pub badge: Option<BadgeStep<'a>>,
    /// What it did to the tier, if anything.
    pub tier: Option<TierStep<'a>>,
    /// What was brought along, if anything was.
    pub brought: Option<&'a Brought>,
    /// Why points move.
    pub moves: Moves,
    /// The points it earned, as the programme's limits count them.
    pub granted: Option<Granted>,
    /// What it takes back or adds to, whose prices it has, if anything. A refund that took no points takes back
    /// nothing.
    pub reverses: Option<Reversed<'a>>,
    /// What must not happen to one member a second time, if it must not.
    pub once: Option<Once<'a>>,
    /// Whether it counts as the member's own activity, which postpones `inactivity` expiry.
    pub is_activity: bool,
    /// Whether the partner at whose brand it happened sees it.
    pub for_partners: bool,
    /// What it is told outward as.
    pub told: EventType,
}

impl EntryKind {
    /// Where an operator moved points or growth, why in their words, and whether the brand settles them; `None` of
    /// any other entry.
    pub fn adjusted(&self) -> Option<(&BrandId, &str, bool)> {
        match self {
            EntryKind::Adjusted { brand, reason, bill } => Some((brand, reason, *bill)),
            _ => None,
        }
    }

    /// The grant that was issued; `None` of any other entry.
    pub fn issued(&self) -> Option<&GrantIssued> {
        match self {
            EntryKind::GrantIssued(issued) => Some(issued),
            _ => None,
        }
    }

    /// The grant that was taken back; `None` of any other entry.
    pub fn revoked(&self) -> Option<&GrantRevoked> {
        match self {
            EntryKind::GrantRevoked(revoked) => Some(revoked),
            _ => None,
        }
    }

    /// The use of offers that it is about; `None` of any other entry.
    pub fn use_step(&self) -> Option<UseStep<'_>> {
        match self {
            EntryKind::OfferUsed(used) => Some(UseStep::Used(used)),
            EntryKind::UseReversed(back) => Some(UseStep::Reversed(back)),
            _ => None,
        }
    }

    /// What it takes and gives back of offers; `None` of any other entry.
    pub fn use_moves(&self) -> Option<UseMoves<'_>> {
        match self {
            EntryKind::OfferUsed(used) => Some(UseMoves::used(used)),
            EntryKind::UseReversed(back) => Some(UseMoves::reversed(back)),
            _ => None,
        }
    }

    /// What came in with another record of the same person; `None` of any other entry.
    pub fn merged_in(&self) -> Option<&MergedIn> {
        match self {
            EntryKind::MergedIn(merged) => Some(merged),
            _ => None,
        }
    }

    /// What one of two got for a referral; `None` of any other entry.
    pub fn rewarded(&self) -> Option<&Rewarded> {
        match self {
            EntryKind::ReferralGiven(given) => Some(&given.rewarded),
            _ => None,
        }
    }

    /// The merge that it is an entry of, with the other record; `None` of any other entry.
    pub fn merge(&self) -> Option<MergeStep<'_>> {
        match self {
            EntryKind::MergedIn(step) => Some(MergeStep::In(step.merge, step.from, &step.reason)),
            EntryKind::MergedAway(step) => Some(MergeStep::Away(step.merge, step.into, &step.reason)),
            EntryKind::PartedFrom(step) => Some(MergeStep::From(step.merge, step.from, &step.reason)),
            EntryKind::Parted(step) => Some(MergeStep::Parted(step.merge, step.of, &step.reason)),
            _ => None,
        }
    }

    /// What else it is told outward as: an erasure is more than a change of status, and a tier that is reached while it
    /// is tried ends the trial.
    pub fn also_told(&self) -> Option<EventType> {
        match self {
            EntryKind::StatusChanged { status: Status::Erased, .. } => Some(EventType::MemberErased),
            EntryKind::TierChanged { ends_trial: true, .. } => Some(EventType::TrialEnded),
            _ => None,
        }
    }

    /// The row of its kind. Every column of every kind is written out, so that none is forgotten.
    pub fn row(&self) -> Row<'_> {
        match self {
            EntryKind::OrderEarned(order) => Row {
                word: "earn",
                brand: Some(&order.brand),
                order_id: Some(&order.order_id),
                redemption: None,
                order: Some(order),
                activity: None,
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                brought: None,
                moves: Moves::Issued,
                granted: Some(Granted {
                    calculated: order.calculated,
                    points: order.granted,
                    day: order.day,
                }),
                reverses: None,
                once: Some(Once::Order(&order.brand, &order.order_id)),
                is_activity: true,
                for_partners: true,
                told: EventType::PointsEarned,
            },
            EntryKind::ActivityEarned(activity) => Row {
                word: "activity",
                brand: Some(&activity.brand),
                order_id: None,
                redemption: None,
                order: None,
                activity: Some(Deed {
                    activity: &activity.activity,
                    reference: activity.reference.as_ref(),
                    day: activity.day,
                    streak: Some(activity.streak),
                }),
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                brought: None,
                moves: Moves::Issued,
                granted: Some(Granted {
                    calculated: activity.calculated,
                    points: activity.granted,
                    day: activity.day,
                }),
                reverses: None,
                once: None,
                is_activity: true,
                for_partners: true,
                told: EventType::ActivityDone,
            },
            EntryKind::PointsRedeemed { brand, order_id, part } => Row {
                word: "redeem",
                brand: Some(brand),
                order_id: Some(order_id),
                redemption: Some(Redemption::Made { brand, order_id, part: part.as_ref() }),
                order: None,
                activity: None,
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                brought: None,
                moves: Moves::Honoured,
                granted: None,
                reverses: None,
                once: Some(Once::Redemption(brand, order_id, part.as_ref())),
                is_activity: true,
                for_partners: true,
                told: EventType::PointsRedeemed,
            },
            EntryKind::PointsExpired => Row {
                word: "expire",
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
                moves: Moves::Expired,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
                told: EventType::PointsExpired,
            },
            EntryKind::OrderRefunded(refund) => Row {
                word: "reverse_earn",
                brand: Some(&refund.brand),
                order_id: Some(&refund.order_id),
                redemption: None,
                order: None,
                activity: None,
                refund: Some(refund),
                revision: None,
                badge: None,
                tier: None,
                brought: None,
                moves: Moves::TakenBack { taken: refund.taken },
                granted: None,
                reverses: (refund.taken > 0).then_some(Reversed::Order(&refund.brand, &refund.order_id)),
                once: None,
                is_activity: false,
                for_partners: true,
                told: EventType::PointsReversed,
            },
            EntryKind::OrderRevised(revised) => Row {
                word: "revise",
                brand: Some(&revised.order.brand),
                order_id: Some(&revised.order.order_id),
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                revision: Some(revised),
                badge: None,
                tier: None,
                brought: None,
                moves: match revised.added {
                    0 => Moves::TakenBack { taken: revised.taken },
                    _ => Moves::Issued,
                },
                granted: Some(Granted {
                    calculated: revised.order.calculated,
                    points: revised.counted,
                    day: revised.order.day,
                }),
                reverses: (revised.added + revised.taken > 0)
                    .then_some(Reversed::Order(&revised.order.brand, &revised.order.order_id)),
                once: Some(Once::Revision(&revised.order.brand, &revised.order.order_id, revised.revision)),
                is_activity: revised.added > 0,
                for_partners: true,
                told: EventType::OrderRevised,
            },
            EntryKind::RedemptionCancelled(gone) => Row {
                word: "reverse_redeem",
                brand: Some(&gone.brand),
                order_id: None,
                redemption: Some(Redemption::Cancelled(gone.redemption)),
                order: None,
                activity: None,
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                brought: None,
                moves: Moves::GivenBack(gone.cancelled),
                granted: None,
                reverses: Some(Reversed::Redemption(gone.redemption)),
                once: None,
                is_activity: false,
                for_partners: true,
                told: EventType::RedemptionCancelled,
            },
            EntryKind::Adjusted { brand, bill, reason: _ } => Row {
                word: "adjust",
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
                moves: Moves::ByHand { billed: *bill },
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
                told: EventType::PointsAdjusted,
            },
            EntryKind::ReferralGiven(given) => referral_row(&given.brand),
            EntryKind::ReferralTaken(taken) => referral_row(&taken.brand),
            EntryKind::Brought(brought) => Row {
                word: "adjust",
                brand: Some(&brought.brand),
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                brought: Some(brought),
                moves: Moves::ByHand { billed: brought.bill },
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
                told: EventType::PointsAdjusted,
            },
            EntryKind::TierKept { .. } => tier_row(TierStep::Kept),
            EntryKind::TierChanged { from, to, why, .. } => {
                let by_version = match why {
                    TierCause::Version(version) => Some(*version),
                    TierCause::Raised | TierCause::Lapsed => None,
                };
                tier_row(TierStep::Changed { from, to, by_version })
            }
            EntryKind::TrialStarted { .. } => tier_row(TierStep::TrialStarted),
            EntryKind::BadgeIssued { badge, reason: _ } => Row {
                word: "badge",
                brand: None,
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                revision: None,
                badge: Some(BadgeStep::Issued(badge)),
                tier: None,
                brought: None,
                moves: Moves::Nothing,
                granted: None,
                reverses: None,
                once: Some(Once::Badge(badge)),
                is_activity: false,
                for_partners: false,
                told: EventType::BadgeIssued,
            },
            EntryKind::BadgeTaken { badge, reason: _ } => Row {
                word: "badge",
                brand: None,
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                revision: None,
                badge: Some(BadgeStep::Taken(badge)),
                tier: None,
                brought: None,
                moves: Moves::Nothing,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
                told: EventType::BadgeRemoved,
            },
            EntryKind::StatusChanged { status: _, reason: _ } => Row {
                word: "adjust",
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
                moves: Moves::Nothing,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
                told: EventType::StatusChanged,
            },
            EntryKind::ActivityTook(took) => Row {
                word: "activity",
                brand: Some(&took.brand),
                order_id: None,
                redemption: None,
                order: None,
                activity: Some(Deed {
                    activity: &took.activity,
                    reference: took.reference.as_ref(),
                    day: took.day,
                    streak: None,
                }),
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                brought: None,
                moves: Moves::Forfeited { calculated: took.calculated },
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
                told: EventType::ActivityDone,
            },
            EntryKind::ActivityReversed(back) => Row {
                word: "reverse_activity",
                brand: Some(&back.brand),
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                brought: None,
                moves: Moves::TakenBack { taken: back.taken },
                granted: None,
                reverses: (back.taken > 0).then_some(Reversed::Activity(
                    &back.brand,
                    &back.activity,
                    &back.reference,
                )),
                once: Some(Once::ActivityReversed(&back.brand, &back.activity, &back.reference)),
                is_activity: false,
                for_partners: true,
                told: EventType::ActivityReversed,
            },
            EntryKind::GrantIssued(issued) => issued_row(issued),
            EntryKind::GrantRevoked(revoked) => revoked_row(revoked),
            EntryKind::OfferUsed(used) => use_row(used),
            EntryKind::UseReversed(back) => use_reversed_row(back),
            EntryKind::MergedIn(_) | EntryKind::MergedAway(_) => merge_row(EventType::MemberMerged),
            EntryKind::PartedFrom(_) | EntryKind::Parted(_) => merge_row(EventType::MemberUnmerged),
            EntryKind::PointsRestored => Row {
                word: "restore",
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
                moves: Moves::Restored,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
                told: EventType::PointsRestored,
            },
        }
    }
}
