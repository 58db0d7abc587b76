//! What has happened to a member. Each event is one ledger entry; entries are never changed.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{
    member::Status,
    number::Money,
    time::{Day, Instant, Zone},
};

/// A change of one lot: a plus enters it, a minus leaves it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Share {
    /// The lot's expiry; `None` is never.
    pub expires_at: Option<Instant>,
    /// The lot's issuer.
    pub brand: String,
    /// The lot's hold at that moment.
    pub held_until: Option<Instant>,
    /// The change, not 0.
    pub points: i64,
}

/// How points, debt and growth moved.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Movement {
    /// Lots that changed.
    pub shares: Vec<Share>,
    /// Change of debt; a plus is owed.
    pub debt: i64,
    /// Change of growth; the period's growth changes by the same.
    pub growth: i64,
}

impl Movement {
    /// The entry's points: what available + held − debt changed by.
    pub fn points(&self) -> i64 {
        self.shares.iter().map(|share| share.points).sum::<i64>() - self.debt
    }
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When it happened in the shop, or fell due.
    pub occurred_at: Instant,
    /// The moment the member was settled to when it was decided.
    pub at: Instant,
    /// The local day of that moment (its number).
    pub today: i32,
    /// What moved.
    pub movement: Movement,
    /// Where all lots' expiry moves to afterwards (`inactivity` expiry).
    pub moves_expiry_to: Option<Instant>,
    /// What it was.
    pub what: What,
}

/// The kinds of event, with what each alone says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum What {
    /// An order earned.
    OrderEarned(Box<Order>),
    /// An activity earned.
    ActivityEarned(ActivityEarned),
    /// Points were spent on an order.
    PointsRedeemed {
        /// The honouring brand.
        brand: String,
        /// The order they were spent on.
        order_id: String,
    },
    /// Lots expired at `occurred_at`.
    PointsExpired,
    /// An order was refunded, in part or whole.
    OrderRefunded(OrderRefunded),
    /// A redemption was cancelled.
    RedemptionCancelled {
        /// The honouring brand.
        brand: String,
        /// The redemption.
        redemption: [u8; 16],
        /// Points that did not come back because their lot had expired.
        lost: u64,
    },
    /// An operator moved points or growth.
    Adjusted {
        /// The brand of new points.
        brand: String,
        /// Why.
        reason: String,
        /// Whether the brand settles these points as if it had issued them, or taken them back.
        bill: bool,
    },
    /// The tier's period ended and the tier was kept.
    TierKept {
        /// The tier.
        tier: String,
        /// The new end; `None` is never.
        valid_until: Option<Instant>,
        /// Whether it is for life from now on.
        lifetime: bool,
    },
    /// The tier changed, or its period ended without keeping it.
    TierChanged {
        /// From.
        from: String,
        /// To; the same one may be reached again.
        to: String,
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
        tier: String,
        /// When it ends.
        until: Instant,
    },
    /// A badge was issued.
    BadgeIssued {
        /// The badge.
        badge: String,
        /// Why, where it was issued by hand.
        reason: Option<String>,
    },
    /// The member was suspended, made active again, closed or erased.
    StatusChanged {
        /// From now on.
        status: Status,
        /// Why.
        reason: String,
    },
}

/// Why a tier changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TierCause {
    /// Growth, or the other condition, reached it.
    Raised,
    /// The period ended.
    Lapsed,
}

/// An order as it was recorded. What has since been refunded is in [`OrderState`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The brand.
    pub brand: String,
    /// The brand's id of it.
    pub order_id: String,
    /// The local day it happened on (its number).
    pub day: i32,
    /// What it came to.
    pub amount: Money,
    /// Its lines, if it was sent with any.
    pub lines: Vec<OrderLine>,
    /// The tier in effect just before it.
    pub tier: String,
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
}

/// Which lot an order's points went to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderLot {
    /// When it expires; `None` is never.
    pub expires_at: Option<Instant>,
    /// Its hold, when the order was recorded.
    pub held_until: Option<Instant>,
}

/// A line of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderLine {
    /// Its id within the order.
    pub line_id: String,
    /// The article.
    pub sku: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// How many, from 1.
    pub quantity: u64,
    /// What they came to together.
    pub amount: Money,
}

/// What has been refunded of an order, and what it has earned after that.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct OrderState {
    /// Units refunded, by line.
    pub units: Vec<u64>,
    /// The amount refunded of an order without lines.
    pub amount: Money,
    /// Points so far.
    pub points: u64,
    /// Growth so far.
    pub growth: u64,
    /// Refunds so far.
    pub refunds: u32,
    /// Whether nothing remains.
    pub closed: bool,
    /// Points taken back so far, debt included; what was let go or had expired is not.
    pub taken: u64,
}

impl OrderState {
    /// The state of an order that nothing has been refunded of.
    pub fn new(order: &Order) -> OrderState {
        OrderState {
            units: vec![0; order.lines.len()],
            amount: Money(0),
            points: order.granted,
            growth: order.growth,
            refunds: 0,
            closed: false,
            taken: 0,
        }
    }
}

/// An activity that earned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActivityEarned {
    /// Where.
    pub brand: String,
    /// Which.
    pub activity: String,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// Points before limits.
    pub calculated: u64,
    /// Points.
    pub granted: u64,
    /// The local day it counts for (its number).
    pub day: i32,
    /// The streak after it, and the day it reaches to.
    pub streak: (i32, u32),
}

/// A refund.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderRefunded {
    /// The order's brand.
    pub brand: String,
    /// The order.
    pub order_id: String,
    /// What remained of its amount before, less what remains after.
    pub amount: Money,
    /// Whether nothing remains from now on, having remained before.
    pub closes: bool,
    /// Points taken, debt included; what was let go or had expired is not.
    pub taken: u64,
    /// What has become of the order.
    pub after: OrderState,
}

impl What {
    /// The kind of ledger entry (contract).
    pub fn kind(&self) -> &'static str {
        match self {
            What::OrderEarned(_) => "earn",
            What::ActivityEarned(_) => "activity",
            What::PointsRedeemed { .. } => "redeem",
            What::PointsExpired => "expire",
            What::OrderRefunded(_) => "reverse_earn",
            What::RedemptionCancelled { .. } => "reverse_redeem",
            What::Adjusted { .. } | What::StatusChanged { .. } => "adjust",
            What::TierKept { .. } | What::TierChanged { .. } | What::TrialStarted { .. } => "tier",
            What::BadgeIssued { .. } => "badge",
        }
    }

    /// The brand it happened at, if at one.
    pub fn brand(&self) -> Option<&str> {
        match self {
            What::OrderEarned(order) => Some(&order.brand),
            What::ActivityEarned(activity) => Some(&activity.brand),
            What::OrderRefunded(refund) => Some(&refund.brand),
            What::PointsRedeemed { brand, .. }
            | What::RedemptionCancelled { brand, .. }
            | What::Adjusted { brand, .. } => Some(brand),
            _ => None,
        }
    }

    /// The order it is about, if about one.
    pub fn order_id(&self) -> Option<&str> {
        match self {
            What::OrderEarned(order) => Some(&order.order_id),
            What::OrderRefunded(refund) => Some(&refund.order_id),
            What::PointsRedeemed { order_id, .. } => Some(order_id),
            _ => None,
        }
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
    pub fn granted(&self, zone: Zone, first: Day, last: Day) -> u64 {
        let granted = self.events.iter().filter_map(|event| match &event.what {
            What::OrderEarned(order) => Some((zone.day(event.occurred_at), order.granted)),
            What::ActivityEarned(activity) => Some((Day::from_number(activity.day), activity.granted)),
            _ => None,
        });
        granted.filter(|(day, _)| (first..=last).contains(day)).map(|(_, points)| points).sum()
    }

    /// Points that a brand issued in entries recorded on that local day (its number).
    pub fn issued_at(&self, brand: &str, today: i32) -> u64 {
        self.moved_at(brand, today, |event| match &event.what {
            What::OrderEarned(_) | What::ActivityEarned(_) => event.movement.points(),
            _ => 0,
        })
    }

    /// Points that a brand honoured in entries recorded on that local day (its number), cancelled
    /// ones too.
    pub fn honoured_at(&self, brand: &str, today: i32) -> u64 {
        self.moved_at(brand, today, |event| match &event.what {
            What::PointsRedeemed { .. } => event.movement.points(),
            _ => 0,
        })
    }

    fn moved_at(&self, brand: &str, today: i32, points: impl Fn(&Event) -> i64) -> u64 {
        let own =
            self.events.iter().filter(|event| event.today == today && event.what.brand() == Some(brand));
        own.fold(0, |sum: u64, event| sum.saturating_add(points(event).unsigned_abs()))
    }

    /// How many times an activity was done on the local days from `first` through `last`.
    pub fn times(&self, id: &str, first: Day, last: Day) -> u32 {
        let done = self.events.iter().filter(|event| match &event.what {
            What::ActivityEarned(done) => {
                done.activity == id && (first..=last).contains(&Day::from_number(done.day))
            }
            _ => false,
        });
        u32::try_from(done.count()).unwrap_or(u32::MAX)
    }

    /// Orders that happened at or after that moment and of which anything remains, with those that
    /// are being recorded.
    pub fn orders_standing(&self, recent: &[Event], since: Instant) -> u64 {
        let events = || self.events.iter().chain(recent);
        let of = |event: &Event| Some((event.what.brand()?.to_owned(), event.what.order_id()?.to_owned()));
        let closing = |event: &&Event| matches!(&event.what, What::OrderRefunded(refund) if refund.closes);
        let closed: HashSet<_> = events().filter(closing).filter_map(of).collect();
        let standing = events().filter(|event| {
            matches!(event.what, What::OrderEarned(_))
                && event.occurred_at >= since
                && of(event).is_some_and(|order| !closed.contains(&order))
        });
        standing.count() as u64
    }

    /// The categories of the lines of all orders, with those that are being recorded.
    pub fn categories<'a>(&'a self, recent: &'a [Event]) -> impl Iterator<Item = &'a str> {
        let orders = self.events.iter().chain(recent).filter_map(|event| match &event.what {
            What::OrderEarned(order) => Some(order),
            _ => None,
        });
        orders.flat_map(|order| order.lines.iter().filter_map(|line| line.category.as_deref()))
    }
}
