//! What each kind of entry means to all code that does not apply it: one row for each kind.
//!
//! Limits, settlement, marks of use, the audit and the wire read the row of an entry and never match on its
//! kind. So a new kind does not compile until its row answers every question that any of them asks, and a new
//! column does not compile until every kind has it. No column has a default.
//!
//! If a kind's own content is needed (to apply it, or for the details that an answer shows), a `match`
//! outside this file names every kind; `tests/all/kinds.rs` refuses any other.

use super::{Cancelled, Deed, EntryKind, Order, OrderRefunded, OrderRevised, OrderState, TierCause};
use crate::{
    id::{ActivityId, ActivityRef, BadgeId, BrandId, OrderId, RedemptionId, RedemptionPart, TierId},
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
    "restore",
    "reverse_activity",
    "revise",
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
    /// They had ended, and come back for a redemption that was told late.
    Restored,
    /// What the brand issued for an order or an activity is taken back.
    TakenBack {
        /// Points taken, debt included; forgiven and expired points excluded.
        taken: u64,
    },
    /// What a brand honoured is given back, in part or whole.
    GivenBack(Cancelled),
    /// An operator moves them: no limit, block or credit counts them.
    ByHand {
        /// Whether the brand settles them as if it had issued them, or taken them back.
        billed: bool,
    },
    /// An activity takes them: no limit, block or credit counts them, and nobody is owed them.
    Forfeited {
        /// Points that the programme takes for it; what was forgiven is among them.
        calculated: u64,
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
            Moves::TakenBack { .. } | Moves::GivenBack(_) => None,
            Moves::Nothing | Moves::Expired | Moves::Restored | Moves::Forfeited { .. } => None,
            Moves::ByHand { .. } | Moves::BetweenMembers => None,
        }
    }

    /// Whether they have ended.
    pub fn is_expiry(self) -> bool {
        self == Moves::Expired
    }

    /// Whether they had ended and come back.
    pub fn is_restored(self) -> bool {
        self == Moves::Restored
    }

    /// Whether they are of lots that have ended.
    pub fn is_of_ended(self) -> bool {
        self.is_expiry() || self.is_restored()
    }

    /// What a redemption gives back, if one was cancelled.
    pub fn given_back(self) -> Option<Cancelled> {
        match self {
            Moves::GivenBack(gone) => Some(gone),
            _ => None,
        }
    }

    /// The points that are taken back, debt included, if any are.
    pub fn taken_back(self) -> Option<u64> {
        match self {
            Moves::TakenBack { taken } => Some(taken),
            _ => None,
        }
    }

    /// What the programme takes for the activity, if one took them.
    pub fn forfeited(self) -> Option<u64> {
        match self {
            Moves::Forfeited { calculated } => Some(calculated),
            _ => None,
        }
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
    /// The entry made it. Its id follows from the brand, the order and the part.
    Made {
        /// The honouring brand.
        brand: &'a BrandId,
        /// The order that the points were spent on.
        order_id: &'a OrderId,
        /// Which of the order's redemptions it is.
        part: Option<&'a RedemptionPart>,
    },
    /// The entry cancelled the one of that id, in part or whole.
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
    /// An activity, by brand, id and reference.
    Activity(&'a BrandId, &'a ActivityId, &'a ActivityRef),
}

/// What happens to one member once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Once<'a> {
    /// That order, by brand and id, earns.
    Order(&'a BrandId, &'a OrderId),
    /// That order, by brand and id, is told anew under that number.
    Revision(&'a BrandId, &'a OrderId, u32),
    /// Points are spent on that order, by brand, id and part.
    Redemption(&'a BrandId, &'a OrderId, Option<&'a RedemptionPart>),
    /// What that activity gave, by brand, id and reference, is taken back.
    ActivityReversed(&'a BrandId, &'a ActivityId, &'a ActivityRef),
    /// That badge is issued.
    Badge(&'a BadgeId),
}

/// What an entry left of an order that had been told before.
#[derive(Clone, Copy, Debug)]
pub struct OrderChange<'a> {
    /// The order's brand.
    pub brand: &'a BrandId,
    /// The order.
    pub order_id: &'a OrderId,
    /// The number of the telling that stands from then on.
    pub revision: u32,
    /// What has become of the order.
    pub after: &'a OrderState,
}

impl<'a> Row<'a> {
    /// What it left of an order, if it refunded or revised one.
    pub fn order_change(&self) -> Option<OrderChange<'a>> {
        let refunded = self.refund.map(|refund| OrderChange {
            brand: &refund.brand,
            order_id: &refund.order_id,
            revision: refund.revision,
            after: &refund.after,
        });
        refunded.or_else(|| {
            self.revision.map(|revised| OrderChange {
                brand: &revised.order.brand,
                order_id: &revised.order.order_id,
                revision: revised.revision,
                after: &revised.after,
            })
        })
    }

    /// The order as it was told, if it was, at first or anew.
    pub fn told(&self) -> Option<&'a Order> {
        self.order.or_else(|| self.revision.map(|revised| &revised.order))
    }
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
                revision: None,
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
                activity: Some(Deed {
                    activity: &activity.activity,
                    reference: activity.reference.as_ref(),
                    day: activity.day,
                }),
                refund: None,
                revision: None,
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
                moves: Moves::Honoured,
                granted: None,
                reverses: None,
                once: Some(Once::Redemption(brand, order_id, part.as_ref())),
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
                revision: None,
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
                revision: None,
                badge: None,
                tier: None,
                moves: Moves::TakenBack { taken: refund.taken },
                granted: None,
                reverses: (refund.taken > 0).then_some(Reversed::Order(&refund.brand, &refund.order_id)),
                once: None,
                is_activity: false,
                for_partners: true,
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
                moves: Moves::GivenBack(gone.cancelled),
                granted: None,
                reverses: Some(Reversed::Redemption(gone.redemption)),
                once: None,
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
                revision: None,
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
                revision: None,
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
                revision: None,
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
                revision: None,
                badge: None,
                tier: None,
                moves: Moves::Nothing,
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
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
                }),
                refund: None,
                revision: None,
                badge: None,
                tier: None,
                moves: Moves::Forfeited { calculated: took.calculated },
                granted: None,
                reverses: None,
                once: None,
                is_activity: false,
                for_partners: false,
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
            },
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
                moves: Moves::Restored,
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
        revision: None,
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
