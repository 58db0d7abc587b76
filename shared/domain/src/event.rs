//! What has happened to a member. Each event is one ledger entry; entries are never changed.

mod beside;
mod columns;
mod common;
mod drawn;
mod ended;
mod grants;
mod of_offers;
mod revision;
mod row;
mod told;
mod uses;

use std::collections::HashMap;

use crate::{
    brought::Brought,
    id::{
        ActivityId, ActivityRef, BadgeId, BrandId, OrderChannel, OrderId, OrderLineId, RedemptionId,
        RedemptionPart, TierId,
    },
    member::{Periods, Status},
    merge::{MergedAway, MergedIn, Parted, PartedFrom},
    number::{Fraction, Money, Quantity, SignedMoney},
    programme::Way,
    referral::{ReferralGiven, ReferralTaken},
    time::{Day, DayNumber, Instant},
};

pub use beside::{OrderBoost, OrderReferral, ReferralState};
pub use columns::{BadgeStep, Granted, MergeStep, Moves, Once, OrderChange, Redemption, Reversed, TierStep};
pub use common::WORDS;
pub use drawn::{drawn_last, points_drawn};
pub use ended::Ended;
pub use grants::{GrantIssued, GrantName, GrantRevoked};
pub use revision::{OrderNow, OrderRevised};
pub use row::Row;
pub use told::{EventType, Hearers};
pub use uses::{OfferGiven, OfferTaken, OfferUsed, UseMoves, UseReversed, UseStep};

/// A change of one lot: positive points enter it, negative points leave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The lot's expiry; `None` is never.
    pub expires_at: Option<Instant>,
    /// The lot's issuer.
    pub brand: BrandId,
    /// The lot's hold at that moment.
    pub held_until: Option<Instant>,
    /// The change, not 0.
    pub points: i64,
}

/// How points, debt and growth moved.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Movement {
    /// Lots that changed.
    pub shares: Vec<Share>,
    /// Change of debt; positive is owed.
    pub debt: i64,
    /// Change of growth; the period's growth changes by the same.
    pub growth: i64,
    /// What came in and repaid debt, as the lots that it would have been. It is part of the change of debt, and tells
    /// only where it came from; entries before 0.2.0 do not say it.
    pub repaid: Vec<Share>,
}

impl Movement {
    /// The entry's points: what available + held − debt changed by.
    pub fn points(&self) -> i64 {
        self.shares.iter().map(|share| share.points).sum::<i64>() - self.debt
    }
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When it happened in the shop, or fell due.
    pub occurred_at: Instant,
    /// The moment to which the member was settled when it was decided.
    pub at: Instant,
    /// The local day of that moment (its number).
    pub today: DayNumber,
    /// What moved.
    pub movement: Movement,
    /// The instant to which all lots' expiry then moves (`inactivity` expiry).
    pub moves_expiry_to: Option<Instant>,
    /// What it was.
    pub kind: EntryKind,
}

/// The kinds of event, with the data of each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// An order earned.
    OrderEarned(Box<Order>),
    /// An activity earned.
    ActivityEarned(ActivityEarned),
    /// Points were spent on an order.
    PointsRedeemed {
        /// The honouring brand.
        brand: BrandId,
        /// The order on which they were spent.
        order_id: OrderId,
        /// Which of the order's redemptions it is; `None` is the one without a name of its own.
        part: Option<RedemptionPart>,
    },
    /// Lots expired at `occurred_at`.
    PointsExpired,
    /// An order was refunded, in part or whole.
    OrderRefunded(OrderRefunded),
    /// An order was told anew.
    OrderRevised(Box<OrderRevised>),
    /// A redemption was cancelled, in part or whole.
    RedemptionCancelled(RedemptionCancelled),
    /// An operator moved points or growth.
    Adjusted {
        /// The brand of new points.
        brand: BrandId,
        /// Why.
        reason: String,
        /// Whether the brand settles these points as if it had issued them, or taken them back.
        bill: bool,
    },
    /// The tier's period ended and the tier was kept.
    TierKept {
        /// The tier.
        tier: TierId,
        /// The new end; `None` is never.
        valid_until: Option<Instant>,
        /// What that end is counted from, if not from the date since which the tier is held.
        counted: Option<Periods>,
        /// Whether it is for life from now on.
        lifetime: bool,
    },
    /// The tier changed, or its period ended without keeping it.
    TierChanged {
        /// From.
        from: TierId,
        /// To; the same one may be reached again.
        to: TierId,
        /// Why.
        why: TierCause,
        /// The end of the new period; `None` is never.
        valid_until: Option<Instant>,
        /// Whether a running trial ends because the real tier has reached it.
        ends_trial: bool,
    },
    /// A trial of a higher tier began.
    TrialStarted {
        /// The tier.
        tier: TierId,
        /// When it ends.
        until: Instant,
    },
    /// A badge was issued.
    BadgeIssued {
        /// The badge.
        badge: BadgeId,
        /// Why, if it was issued by hand.
        reason: Option<String>,
    },
    /// A badge was taken back by hand.
    BadgeTaken {
        /// The badge.
        badge: BadgeId,
        /// Why.
        reason: Option<String>,
    },
    /// The member was suspended, made active again, closed or erased.
    StatusChanged {
        /// From now on.
        status: Status,
        /// Why.
        reason: String,
    },
    /// An activity took.
    ActivityTook(ActivityTook),
    /// What an activity gave was taken back.
    ActivityReversed(ActivityReversed),
    /// Points that had expired came back for a redemption that was told late, which takes all of them.
    PointsRestored,
    /// A balance or the standing before Laurel was brought along, or corrected.
    Brought(Box<Brought>),
    /// All that another record of the same person had came in.
    MergedIn(Box<MergedIn>),
    /// All that there was went to another record of the same person, which answers for this one.
    MergedAway(MergedAway),
    /// A record that had been merged in stands for itself again, and has taken its part.
    PartedFrom(Box<PartedFrom>),
    /// The record stands for itself again, with its part.
    Parted(Box<Parted>),
    /// A grant of an offer was issued.
    GrantIssued(Box<GrantIssued>),
    /// A grant of an offer was taken back.
    GrantRevoked(Box<GrantRevoked>),
    /// Offers were used.
    OfferUsed(Box<OfferUsed>),
    /// A use of offers came back, in part or whole.
    UseReversed(Box<UseReversed>),
    /// A friend and who has brought it are rewarded: the reward of one of the two.
    ReferralGiven(Box<ReferralGiven>),
    /// The reward of one of the two was taken back.
    ReferralTaken(Box<ReferralTaken>),
}

/// Why a tier changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TierCause {
    /// Growth, or the other condition, reached it.
    Raised,
    /// The period ended.
    Lapsed,
    /// That version of the programme came into force, and asks for no more growth than there is.
    Version(u32),
}

/// An order as it was told. What has become of it since is in [`OrderNow`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The brand.
    pub brand: BrandId,
    /// The brand's id of it.
    pub order_id: OrderId,
    /// The local day it happened on (its number).
    pub day: DayNumber,
    /// Where it was placed, if that was said.
    pub channel: Option<OrderChannel>,
    /// What it came to.
    pub amount: Money,
    /// Its lines, if it was sent with any.
    pub lines: Vec<OrderLine>,
    /// The tier in effect just before it.
    pub tier: TierId,
    /// The version of the programme it earned under.
    pub version: u32,
    /// What it earned before limits.
    pub calculated: u64,
    /// What it earned.
    pub granted: u64,
    /// The growth it earned.
    pub growth: u64,
    /// The lot that its points are; `None` with `inactivity` expiry, where no lot is an order's own.
    pub lot: Option<OrderLot>,
    /// The boosts that were open when it happened and fit brand and member just before it was recorded, in the
    /// programme's order; `None` of an order of before there were any.
    pub boosts: Option<Vec<OrderBoost>>,
    /// What it came to for whoever has brought the member: it was the first that counts there.
    pub referral: Option<OrderReferral>,
}

/// Which lot an order's points went to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderLot {
    /// When it expires; `None` is never.
    pub expires_at: Option<Instant>,
    /// Its hold, when the order was recorded.
    pub held_until: Option<Instant>,
}

/// A line of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderLine {
    /// Its id within the order.
    pub line_id: OrderLineId,
    /// The article.
    pub sku: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// How many, or how much; above 0.
    pub quantity: Quantity,
    /// What they came to together; below 0 for a discount.
    pub amount: SignedMoney,
}

/// What has been refunded of an order, and what it has earned after that.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OrderState {
    /// How much of each line was refunded.
    pub units: Vec<Quantity>,
    /// The amount refunded of an order without lines.
    pub amount: Money,
    /// What remains beyond whole minor units; none of an order that 0.1.0 refunded, nor where a member's
    /// [`Rests`](crate::member::Rests) had no room for it.
    pub rest: Fraction,
    /// Points so far.
    pub points: u64,
    /// Growth so far.
    pub growth: u64,
    /// Refunds so far.
    pub refunds: u32,
    /// Whether nothing remains.
    pub closed: bool,
    /// Points taken back so far, debt included; forgiven and expired points excluded.
    pub taken: u64,
}

impl OrderState {
    /// The state of an order without refunds.
    pub fn new(order: &Order) -> OrderState {
        OrderState {
            units: vec![Quantity::NONE; order.lines.len()],
            amount: Money(0),
            rest: Fraction::NONE,
            points: order.granted,
            growth: order.growth,
            refunds: 0,
            closed: false,
            taken: 0,
        }
    }
}

/// An activity that earned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActivityEarned {
    /// Where.
    pub brand: BrandId,
    /// Which.
    pub activity: ActivityId,
    /// The caller's own reference.
    pub reference: Option<ActivityRef>,
    /// Points before limits.
    pub calculated: u64,
    /// Points.
    pub granted: u64,
    /// The local day it counts for (its number).
    pub day: DayNumber,
    /// The streak after it, and the day it reaches to.
    pub streak: (DayNumber, u32),
}

/// An activity that took, as a parcel that was refused does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActivityTook {
    /// Where.
    pub brand: BrandId,
    /// Which.
    pub activity: ActivityId,
    /// The caller's own reference.
    pub reference: Option<ActivityRef>,
    /// Points that the programme takes for it; what was forgiven is among them.
    pub calculated: u64,
    /// The local day it counts for (its number).
    pub day: DayNumber,
}

/// What an activity gave was taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActivityReversed {
    /// The activity's brand.
    pub brand: BrandId,
    /// Which.
    pub activity: ActivityId,
    /// The reference by which that one is known.
    pub reference: ActivityRef,
    /// Points taken, debt included; what was let go or had expired is not.
    pub taken: u64,
}

/// An activity that was done, whether it gave or took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deed<'a> {
    /// Which.
    pub activity: &'a ActivityId,
    /// The caller's own reference.
    pub reference: Option<&'a ActivityRef>,
    /// The local day it counts for (its number).
    pub day: DayNumber,
    /// The streak after it, and the day it reaches to, if it runs one.
    pub streak: Option<(DayNumber, u32)>,
}

/// A refund.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRefunded {
    /// The order's brand.
    pub brand: BrandId,
    /// The order.
    pub order_id: OrderId,
    /// The number of the telling of it that was refunded.
    pub revision: u32,
    /// What remained of its amount before, less what remains after, each in whole minor units; below 0 if a discount
    /// was refunded.
    pub amount: SignedMoney,
    /// What had remained beyond them.
    pub rest_before: Fraction,
    /// Whether nothing remains from now on, having remained before.
    pub closes: bool,
    /// Points taken, debt included; what was let go or had expired is not.
    pub taken: u64,
    /// What has become of the order.
    pub after: OrderState,
}

/// A redemption that was cancelled, in part or whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedemptionCancelled {
    /// The honouring brand.
    pub brand: BrandId,
    /// The redemption.
    pub redemption: RedemptionId,
    /// What of it.
    pub cancelled: Cancelled,
}

/// Which of a redemption's points a cancellation is about: what was drawn last comes back first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cancelled {
    /// Points of it that were cancelled before.
    pub before: u64,
    /// Points that this cancels.
    pub points: u64,
    /// How many of these did not come back because their lot had expired.
    pub lost: u64,
}

impl Cancelled {
    /// Points of the redemption that are cancelled from now on.
    ///
    /// A damaged record may hold anything; a saturated sum differs from what is stored.
    pub fn after(self) -> u64 {
        self.before.saturating_add(self.points)
    }
}

/// Entries of a member, for the few questions that its counters cannot answer.
#[derive(Clone, Debug)]
pub struct History {
    /// Every entry recorded at or after this moment is here (and perhaps older ones).
    pub since: Instant,
    /// The entries, in any order.
    pub events: Vec<Event>,
}

impl History {
    /// Points granted on the local days from `first` through `last`.
    pub fn granted(&self, first: Day, last: Day) -> u64 {
        let granted = self.events.iter().filter_map(|event| event.kind.row().granted);
        let days = first.number()..=last.number();
        // A limit is a figure of at most 2^53 − 1: a sum that has run full is over it as well.
        let within = granted.filter(|granted| days.contains(&granted.day));
        within.fold(0, |sum: u64, granted| sum.saturating_add(granted.points))
    }

    /// Points that a brand issued (or honoured, cancelled ones too) in entries recorded on that local
    /// day (its number).
    pub fn counted_at(&self, brand: &BrandId, way: Way, today: DayNumber) -> u64 {
        let own = self.events.iter().filter(|event| {
            let row = event.kind.row();
            event.today == today && row.brand == Some(brand) && row.moves.counts_as() == Some(way)
        });
        // A limit is a figure of at most 2^53 − 1: a sum that has run full is over it as well.
        own.fold(0, |sum: u64, event| sum.saturating_add(event.movement.points().unsigned_abs()))
    }

    /// How many times an activity was done on the local days from `first` through `last`.
    pub fn times(&self, id: &ActivityId, first: Day, last: Day) -> u32 {
        let done = self.events.iter().filter_map(|event| event.kind.row().activity);
        let days = first.number()..=last.number();
        let counted = done.filter(|done| done.activity == id && days.contains(&done.day)).count();
        // Each is an entry of one ledger that was read into memory.
        u32::try_from(counted).unwrap_or_else(|_| panic!("{counted} entries of one member"))
    }

    /// Orders that happened at or after that moment and of which anything remains, with those that
    /// are being recorded.
    pub fn orders_standing(&self, recent: &[Event], since: Instant) -> u64 {
        let events = || self.events.iter().chain(recent);
        // The newest change of an order is that of its highest revision, and of that the last refund.
        let mut newest: HashMap<_, ((u32, u32), bool)> = HashMap::new();
        for change in events().filter_map(|event| event.kind.row().order_change()) {
            let (place, closed) = ((change.revision, change.after.refunds), change.after.closed);
            let known = newest.entry((change.brand, change.order_id)).or_insert((place, closed));
            if known.0 < place {
                *known = (place, closed);
            }
        }
        let since = events().filter(|event| event.occurred_at >= since);
        let orders = since.filter_map(|event| event.kind.row().order);
        let standing = orders.filter(|order| {
            let newest = newest.get(&(&order.brand, &order.order_id));
            newest.is_none_or(|(_, closed)| !closed)
        });
        standing.count() as u64
    }

    /// The categories of the lines of all tellings of orders, with those that are being recorded.
    pub fn categories<'a>(&'a self, recent: &'a [Event]) -> impl Iterator<Item = &'a str> {
        let orders = self.events.iter().chain(recent).filter_map(|event| event.kind.row().told());
        orders.flat_map(|order| order.lines.iter().filter_map(|line| line.category.as_deref()))
    }
}
