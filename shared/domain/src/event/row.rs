//! What each kind of entry means to all code that does not apply it: one row for each kind.
//!
//! Limits, settlement, marks of use, the audit and the wire read the row of an entry and never match on its
//! kind. So a new kind does not compile until its row answers every question that any of them asks, and a new
//! column does not compile until every kind has it. No column has a default.
//!
//! If a kind's own content is needed (to apply it, or for the details that an answer shows), a `match`
//! outside this file names every kind; `tests/all/kinds.rs` refuses any other.

use super::{ActivityEarned, EntryKind, Order, OrderRefunded, TierCause};
use crate::{
    id::{BadgeId, BrandId, OrderId, RedemptionId, TierId},
    programme::Way,
    time::DayNumber,
};

/// Words for kinds of entry on the wire, in the order in which they are published. `transfer` and `merge` are
/// reserved; no kind has them yet.
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
];

/// What a kind of entry is, read from an entry of that kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'a> {
    /// Its word on the wire, one of [`WORDS`].
    pub word: &'static str,
    /// The brand at which it happened, if any. The brand is marked as used.
    pub brand: Option<&'a BrandId>,
    /// The order it is about, if about one.
    pub order_id: Option<&'a OrderId>,
    /// The redemption it made or cancelled, if it did.
    pub redemption: Option<Redemption<'a>>,
    /// The order that earned, with everything recorded of it, if an order earned.
    pub order: Option<&'a Order>,
    /// The activity that earned, if an activity earned.
    pub activity: Option<&'a ActivityEarned>,
    /// The refund, if it was one.
    pub refund: Option<&'a OrderRefunded>,
    /// The badge it issued or took back, if it did.
    pub badge: Option<BadgeStep<'a>>,
    /// What it did to the tier, if anything.
    pub tier: Option<TierStep<'a>>,
    /// Why points move.
    pub moves: Moves,
    /// The points it earned, as the programme's limits count them.
    pub granted: Option<Granted>,
    /// What it takes back, if anything. A refund that took no points takes back nothing.
    pub reverses: Option<Reversed<'a>>,
    /// What must not happen to one member a second time, if it must not.
    pub once: Option<Once<'a>>,
    /// Whether it counts as the member's own activity, which postpones `inactivity` expiry.
    pub is_activity: bool,
    /// Whether the partner at whose brand it happened sees it.
    pub for_partners: bool,
}

/// Why an entry moves points: who has issued, honoured or lost them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moves {
    /// It moves none.
    Nothing,
    /// The brand issues them: its limits, blocks and credit count them, and it owes for them.
    Issued,
    /// The brand honours them: its limits count them, and it is owed for them.
    Honoured,
    /// They end.
    Expired,
    /// What the brand issued for an order is taken back.
    TakenBack {
        /// Points taken, debt included; forgiven and expired points excluded.
        taken: u64,
    },
    /// What a brand honoured is given back.
    GivenBack {
        /// Points that did not come back because their lot had expired.
        lost: u64,
    },
    /// An operator moves them: no limit, block or credit counts them.
    ByHand {
        /// Whether the brand settles them as if it had issued them, or taken them back.
        billed: bool,
    },
    /// They go to another member, or come from one: no brand issues or honours any.
    BetweenMembers,
}

impl Moves {
    /// What a brand's limits count them as, if they do.
    pub fn counts_as(self) -> Option<Way> {
        match self {
            Moves::Issued => Some(Way::Issue),
            Moves::Honoured => Some(Way::Redeem),
            // Points that are taken or given back free no limit: limits bound how fast points go out.
            Moves::TakenBack { .. } | Moves::GivenBack { .. } => None,
            Moves::Nothing | Moves::Expired | Moves::ByHand { .. } | Moves::BetweenMembers => None,
        }
    }

    /// Whether they have ended.
    pub fn is_expiry(self) -> bool {
        self == Moves::Expired
    }

    /// Whether an operator moved them.
    pub fn is_by_hand(self) -> bool {
        matches!(self, Moves::ByHand { .. })
    }

    /// Whether an operator has them settled.
    pub fn is_billed(self) -> bool {
        self == Moves::ByHand { billed: true }
    }
}

/// A redemption, as an entry names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redemption<'a> {
    /// The entry made it. Its id follows from the brand and the order.
    Made {
        /// The honouring brand.
        brand: &'a BrandId,
        /// The order that the points were spent on.
        order_id: &'a OrderId,
    },
    /// The entry cancelled the one of that id.
    Cancelled(RedemptionId),
}

/// What an entry did to a badge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadgeStep<'a> {
    /// It issued it.
    Issued(&'a BadgeId),
    /// It took it back.
    Taken(&'a BadgeId),
}

/// What an entry did to the member's tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TierStep<'a> {
    /// Its period ended and it was kept.
    Kept,
    /// It changed, or its period ended and it was reached again.
    Changed {
        /// From.
        from: &'a TierId,
        /// To; the same one may be reached again.
        to: &'a TierId,
        /// The version of the programme that raised it by coming into force, if one did.
        by_version: Option<u32>,
    },
    /// A trial of a higher one began.
    TrialStarted,
}

/// Points that were earned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Granted {
    /// Before limits.
    pub calculated: u64,
    /// After them.
    pub points: u64,
    /// The local day whose limits count them (its number).
    pub day: DayNumber,
}

/// What an entry takes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reversed<'a> {
    /// An order, by brand and id.
    Order(&'a BrandId, &'a OrderId),
    /// A redemption.
    Redemption(RedemptionId),
}

/// What happens to one member once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Once<'a> {
    /// That order, by brand and id, earns.
    Order(&'a BrandId, &'a OrderId),
    /// Points are spent on that order, by brand and id.
    Redemption(&'a BrandId, &'a OrderId),
    /// That redemption is cancelled.
    Cancellation(RedemptionId),
    /// That badge is issued.
    Badge(&'a BadgeId),
}

impl EntryKind {
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
                badge: None,
                tier: None,
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
            },
            EntryKind::ActivityEarned(activity) => Row {
                word: "activity",
                brand: Some(&activity.brand),
                order_id: None,
                redemption: None,
                order: None,
                activity: Some(activity),
                refund: None,
                badge: None,
                tier: None,
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
            },
            EntryKind::PointsRedeemed { brand, order_id } => Row {
                word: "redeem",
                brand: Some(brand),
                order_id: Some(order_id),
                redemption: Some(Redemption::Made { brand, order_id }),
                order: None,
                activity: None,
                refund: None,
                badge: None,
                tier: None,
                moves: Moves::Honoured,
                granted: None,
                reverses: None,
                once: Some(Once::Redemption(brand, order_id)),
                is_activity: true,
                for_partners: true,
            },
            EntryKind::PointsExpired => Row {
                word: "expire",
                brand: None,
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                badge: None,
                tier: None,
                moves: Moves::Expired,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
            },
            EntryKind::OrderRefunded(refund) => Row {
                word: "reverse_earn",
                brand: Some(&refund.brand),
                order_id: Some(&refund.order_id),
                redemption: None,
                order: None,
                activity: None,
                refund: Some(refund),
                badge: None,
                tier: None,
                moves: Moves::TakenBack { taken: refund.taken },
                granted: None,
                reverses: (refund.taken > 0).then_some(Reversed::Order(&refund.brand, &refund.order_id)),
                once: None,
                is_activity: false,
                for_partners: true,
            },
            EntryKind::RedemptionCancelled { brand, redemption, lost } => Row {
                word: "reverse_redeem",
                brand: Some(brand),
                order_id: None,
                redemption: Some(Redemption::Cancelled(*redemption)),
                order: None,
                activity: None,
                refund: None,
                badge: None,
                tier: None,
                moves: Moves::GivenBack { lost: *lost },
                granted: None,
                reverses: Some(Reversed::Redemption(*redemption)),
                once: Some(Once::Cancellation(*redemption)),
                is_activity: false,
                for_partners: true,
            },
            EntryKind::Adjusted { brand, bill, reason: _ } => Row {
                word: "adjust",
                brand: Some(brand),
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                badge: None,
                tier: None,
                moves: Moves::ByHand { billed: *bill },
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
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
                badge: Some(BadgeStep::Issued(badge)),
                tier: None,
                moves: Moves::Nothing,
                granted: None,
                reverses: None,
                once: Some(Once::Badge(badge)),
                is_activity: false,
                for_partners: false,
            },
            EntryKind::BadgeTaken { badge, reason: _ } => Row {
                word: "badge",
                brand: None,
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                badge: Some(BadgeStep::Taken(badge)),
                tier: None,
                moves: Moves::Nothing,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
            },
            EntryKind::StatusChanged { status: _, reason: _ } => Row {
                word: "adjust",
                brand: None,
                order_id: None,
                redemption: None,
                order: None,
                activity: None,
                refund: None,
                badge: None,
                tier: None,
                moves: Moves::Nothing,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
            },
        }
    }
}

/// The common columns of all events that only concern a tier.
fn tier_row(step: TierStep<'_>) -> Row<'_> {
    Row {
        word: "tier",
        brand: None,
        order_id: None,
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        badge: None,
        tier: Some(step),
        moves: Moves::Nothing,
        granted: None,
        reverses: None,
        once: None,
        is_activity: false,
        for_partners: false,
    }
}
