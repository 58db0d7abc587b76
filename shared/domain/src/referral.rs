//! Referral 推荐: who has brought whom, and what has come of it (rewards.md, 8).
//!
//! An edge leads from a member to a friend that it has brought; a friend is brought once. What ends by time follows from
//! the moment and is never written.

use crate::{
    event::{OrderLot, ReferralState},
    id::{BrandId, OrderId},
    member::MemberId,
    number::{Figure, signed},
    programme::ReferralRules,
    time::{Day, DayNumber, Instant},
};

/// For how many times 24 hours somebody may say what becomes of a referral that is to be looked at.
pub const REVIEW_DAYS: u32 = 90;

/// A member and a friend that it has brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Who has brought the friend; it may have been merged into another since.
    pub referrer: MemberId,
    /// The friend, by whom the edge is known.
    pub friend: MemberId,
    /// When the friend registered.
    pub since: Instant,
    /// Before when the friend's first order counts.
    pub until: Instant,
    /// What has come of it.
    pub step: EdgeStep,
}

/// What has come of an edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EdgeStep {
    /// No order that counts has been told.
    Waits,
    /// An order was told with signals that another has too: somebody is to look at it.
    Review {
        /// The order.
        order: EdgeOrder,
        /// When it was recorded.
        at: Instant,
    },
    /// Both have their rewards.
    Given(Box<Given>),
    /// Nothing comes of it.
    Void,
}

/// The friend's order that counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeOrder {
    /// Its brand.
    pub brand: BrandId,
    /// Its id there.
    pub order_id: OrderId,
    /// When it happened.
    pub occurred_at: Instant,
}

/// What both were given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// For which order.
    pub order: EdgeOrder,
    /// Until when it is held.
    pub held_until: Instant,
    /// Whose points these are.
    pub brand: BrandId,
    /// What the friend got.
    pub friend: Rewarded,
    /// What the referrer got.
    pub referrer: Rewarded,
}

/// What one of the two got.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rewarded {
    /// Points, repaid debt included.
    pub points: u64,
    /// The lot that they went to; `None` without points, and with `inactivity` expiry.
    pub lot: Option<OrderLot>,
}

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Who was brought.
    Friend,
    /// Who has brought the friend.
    Referrer,
}

impl Edge {
    /// Its state at that moment.
    pub fn state(&self, now: Instant) -> ReferralState {
        match &self.step {
            EdgeStep::Waits if now < self.until => ReferralState::Open,
            EdgeStep::Review { at, .. } if now < at.plus_days(REVIEW_DAYS) => ReferralState::Review,
            EdgeStep::Given(given) if now < given.held_until => ReferralState::Held,
            EdgeStep::Given(_) => ReferralState::Done,
            EdgeStep::Waits | EdgeStep::Review { .. } | EdgeStep::Void => ReferralState::Void,
        }
    }

    /// Whether an order of the friend that happened then may count. It may be told later.
    pub fn counts(&self, occurred_at: Instant) -> bool {
        self.step == EdgeStep::Waits && self.since <= occurred_at && occurred_at < self.until
    }

    /// The order that it is about, if it is about one.
    pub fn order(&self) -> Option<&EdgeOrder> {
        match &self.step {
            EdgeStep::Review { order, .. } => Some(order),
            EdgeStep::Given(given) => Some(&given.order),
            EdgeStep::Waits | EdgeStep::Void => None,
        }
    }
}

impl ReferralRules {
    /// Until when what is given for an order of that moment is held.
    pub fn held_until(&self, occurred_at: Instant) -> Instant {
        occurred_at.plus_days(self.after_days)
    }

    /// Points of the friend.
    pub fn for_friend(&self) -> u64 {
        self.friend.points.map_or(0, Figure::get)
    }

    /// Points for the n-th friend: those of the highest step reached.
    pub fn for_referrer(&self, number: u64) -> u64 {
        let reached = self.referrer.iter().rev().find(|(from, _)| u64::from(*from) <= number);
        reached.and_then(|(_, reward)| reward.points).map_or(0, Figure::get)
    }
}

/// By whom a member was brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BroughtBy {
    /// Who has brought it.
    pub referrer: MemberId,
    /// Before when its first order counts.
    pub until: Instant,
}

/// What a member's friends have come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Friends {
    /// How many referrals are held or done.
    pub given: u64,
    /// Until when those are held that are not done, in order.
    pub held: Vec<Instant>,
    /// The first local day (its number) of the last month in which points were given for any …
    pub month: DayNumber,
    /// … and for how many in it, those that were taken back too.
    pub in_month: u64,
}

impl Default for Friends {
    fn default() -> Friends {
        Friends { given: 0, held: Vec::new(), month: DayNumber::NEVER, in_month: 0 }
    }
}

impl Friends {
    /// How many referrals are done, at the moment that the member is settled to.
    pub fn done(&self) -> u64 {
        self.given.saturating_sub(self.held.len() as u64)
    }

    /// For how many friends points were given in the month of that day.
    pub fn given_in_month_of(&self, today: Day) -> u64 {
        if self.month == today.first_of_month().number() { self.in_month } else { 0 }
    }

    /// What is no longer held at that moment is done.
    pub(crate) fn mature(&mut self, at: Instant) {
        self.held.retain(|until| *until > at);
    }

    /// One more is given, with points or without.
    pub(crate) fn gives(&mut self, held_until: Instant, at: Instant, today: DayNumber, points: u64) {
        self.given += 1;
        if held_until > at {
            let place = self.held.partition_point(|own| *own <= held_until);
            self.held.insert(place, held_until);
        }
        if points > 0 {
            let month = Day::from_number(today).first_of_month().number();
            self.in_month = if self.month == month { self.in_month + 1 } else { 1 };
            self.month = month;
        }
    }

    /// One that is held is taken back. The month's number stays.
    pub(crate) fn takes_back(&mut self, held_until: Instant) {
        self.given = self.given.saturating_sub(1);
        if let Ok(place) = self.held.binary_search(&held_until) {
            self.held.remove(place);
        }
    }
}

/// A reward of one side was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferralGiven {
    /// The friend, by whom the edge is known.
    pub friend: MemberId,
    /// Which of the two got it.
    pub side: Side,
    /// Whose points these are.
    pub brand: BrandId,
    /// What it got.
    pub rewarded: Rewarded,
    /// Until when it is held.
    pub held_until: Instant,
}

/// A reward of one side was taken back, for nothing remains of the order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferralTaken {
    /// The friend, by whom the edge is known.
    pub friend: MemberId,
    /// Which of the two had it.
    pub side: Side,
    /// Whose points these are.
    pub brand: BrandId,
    /// Points taken, debt included; what was let go is not.
    pub taken: u64,
    /// Until when it would have been held.
    pub held_until: Instant,
}

impl ReferralGiven {
    /// The points, as a movement has them.
    pub fn points(&self) -> i64 {
        signed(self.rewarded.points)
    }
}
