//! The columns of a kind's row that are more than a word or an id: why points move, and what an entry did.
//!
//! Only this file may match some of the reasons why points move and skip the rest; `tests/all/kinds.rs` refuses
//! any other.

use super::{Cancelled, GrantName, Order, OrderState, row::Row};
use crate::{
    id::{
        ActivityId, ActivityRef, BadgeId, BrandId, MemberId, MergeId, OrderId, RedemptionId, RedemptionPart,
        TierId,
    },
    number::Fraction,
    programme::Way,
    time::DayNumber,
};

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

/// What an entry did to two records of one person: the merge, the other record, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MergeStep<'a> {
    /// The other came in.
    In(MergeId, MemberId, &'a str),
    /// All went to the other.
    Away(MergeId, MemberId, &'a str),
    /// The other, which had come in, took its part.
    From(MergeId, MemberId, &'a str),
    /// It took its part of the other.
    Parted(MergeId, MemberId, &'a str),
}

impl<'a> MergeStep<'a> {
    /// The merge, the other record, and why.
    pub fn parts(self) -> (MergeId, MemberId, &'a str) {
        let (MergeStep::In(merge, other, reason)
        | MergeStep::Away(merge, other, reason)
        | MergeStep::From(merge, other, reason)
        | MergeStep::Parted(merge, other, reason)) = self;
        (merge, other, reason)
    }
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

impl TierStep<'_> {
    /// Whether a new period of a tier begins.
    pub fn begins_period(self) -> bool {
        match self {
            TierStep::Kept | TierStep::Changed { .. } => true,
            TierStep::TrialStarted => false,
        }
    }
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
    /// The purchase of a grant.
    Grant(GrantName),
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
    /// The grant of that name is issued.
    Grant(GrantName),
    /// The grant of that name is taken back.
    GrantRevoked(GrantName),
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
    /// What had remained of it beyond whole minor units.
    pub rest_before: Fraction,
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
            rest_before: refund.rest_before,
            after: &refund.after,
        });
        refunded.or_else(|| {
            self.revision.map(|revised| OrderChange {
                brand: &revised.order.brand,
                order_id: &revised.order.order_id,
                revision: revised.revision,
                rest_before: revised.rest_before,
                after: &revised.after,
            })
        })
    }

    /// The order as it was told, if it was, at first or anew.
    pub fn told(&self) -> Option<&'a Order> {
        self.order.or_else(|| self.revision.map(|revised| &revised.order))
    }
}
