//! Referral (rewards.md, 8): what a friend's order comes to for both, and what is taken back where nothing remains of
//! it.

use super::{Content, Draft, Stop, must_move, share};
use crate::{
    event::{EntryKind, Order, OrderLot, OrderReferral, ReferralState},
    id::{BrandId, OrderId},
    member::{MemberId, Status},
    number::signed,
    programme::{Expiry, ReferralRules},
    referral::{Edge, EdgeOrder, EdgeStep, Given, ReferralGiven, ReferralTaken, Rewarded, Side},
    refusal::Refusal,
    time::Instant,
};

/// What is known of the edge of a member whose order is told or taken back.
#[derive(Clone, Copy, Debug)]
pub struct Bringing<'a> {
    /// The edge.
    pub edge: &'a Edge,
    /// Whether a signal of the friend equals one of the referrer's, or of another friend of the referrer's.
    pub alike: bool,
}

/// One of the two is to be rewarded, at the rates of now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reward {
    /// The friend.
    pub friend: MemberId,
    /// Which of the two it is.
    pub side: Side,
    /// When the friend's order happened.
    pub occurred_at: Instant,
    /// How many referrals of who has brought the friend are held or done, where that is more than its own record
    /// counts: it has absorbed others.
    pub given: Option<u64>,
    /// Whether it only counts: there is no room for the points.
    pub nothing: bool,
}

/// The reward of one of the two is to be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreward<'a> {
    /// The friend.
    pub friend: MemberId,
    /// Which of the two it is.
    pub side: Side,
    /// What both were given.
    pub given: &'a Given,
}

impl Draft<'_> {
    /// What an order comes to for whoever has brought the member: it is the first that counts there.
    pub(super) fn brings(&self, order: &Order, occurred_at: Instant) -> Option<(OrderReferral, EdgeStep)> {
        let (programme, bringing) = (self.programme(), self.context.bringing?);
        let (rules, edge) = (programme.referral.as_ref()?, bringing.edge);
        let eligible = Content::whole(order).eligible(programme);
        if !edge.counts(occurred_at) || !eligible.reaches(rules.min_amount) {
            return None;
        }
        let named = EdgeOrder { brand: order.brand.clone(), order_id: order.order_id.clone(), occurred_at };
        let step = match bringing.alike {
            true => EdgeStep::Review { order: named, at: self.context.now },
            false => EdgeStep::Given(Box::new(given(rules, named))),
        };
        let state = Edge { step: step.clone(), ..edge.clone() }.state(self.context.now);
        let points = if state == ReferralState::Review { 0 } else { rules.for_friend() };
        let told = OrderReferral { referrer: edge.referrer, friend: edge.friend, state, points };
        Some((told, step))
    }

    /// The friend's reward, if the order gives one; the edge is as that step says from now on.
    pub(super) fn brought(
        &mut self,
        told: OrderReferral,
        occurred_at: Instant,
        step: EdgeStep,
    ) -> Result<(), Stop> {
        if matches!(step, EdgeStep::Given(_)) {
            self.reward(&Reward {
                friend: told.friend,
                side: Side::Friend,
                occurred_at,
                given: None,
                nothing: false,
            })?;
        }
        self.edge = Some(step);
        Ok(())
    }

    /// Nothing remains of an order: what it came to for both falls, unless it has stood long enough.
    pub(super) fn brings_nothing(&mut self, brand: &BrandId, order_id: &OrderId) -> Result<(), Stop> {
        let Some(Bringing { edge, .. }) = self.context.bringing else { return Ok(()) };
        let is_its = edge.order().is_some_and(|order| order.brand == *brand && order.order_id == *order_id);
        match (edge.state(self.context.now), &edge.step) {
            (ReferralState::Held, EdgeStep::Given(given)) if is_its => {
                self.unreward(&Unreward { friend: edge.friend, side: Side::Friend, given })?;
                self.edge = Some(EdgeStep::Waits);
            }
            (ReferralState::Review, _) if is_its => self.edge = Some(EdgeStep::Waits),
            _ => {}
        }
        Ok(())
    }

    /// One of the two is rewarded: a held lot, after debt. A friend for whom there are no points has no entry; who has
    /// brought it has one, for it is counted.
    pub(super) fn reward(&mut self, told: &Reward) -> Result<(), Stop> {
        let programme = self.programme();
        let rules = programme.referral.as_ref().ok_or(Refusal::ReferralNotFound)?;
        let points = self.points_for(rules, told);
        if points == 0 && told.side == Side::Friend {
            return Ok(());
        }
        let now = self.context.now;
        let (expires_at, _) = self.expiry(programme.zone.day(told.occurred_at));
        let held_until = rules.held_until(told.occurred_at);
        let hold = Some(held_until).filter(|until| *until > now);
        let inactivity = matches!(programme.points.expiry, Expiry::Inactivity { .. });
        let lot = (!inactivity && points > 0).then_some(OrderLot { expires_at, held_until: hold });
        let movement = self.credit(vec![share(expires_at, &rules.brand, hold, signed(points))]);
        must_move(&movement, signed(points), "a referral gives");
        let given = ReferralGiven {
            friend: told.friend,
            side: told.side,
            brand: rules.brand.clone(),
            rewarded: Rewarded { points, lot },
            held_until,
        };
        self.record(told.occurred_at, movement, None, EntryKind::ReferralGiven(Box::new(given)));
        Ok(())
    }

    /// By the ladder of this moment, within the month's most; nothing where the member is not active.
    fn points_for(&self, rules: &ReferralRules, told: &Reward) -> u64 {
        let friends = &self.member.friends;
        let today = self.programme().zone.day(self.context.now);
        let has_room = friends.given_in_month_of(today) < u64::from(rules.per_month);
        match told.side {
            _ if told.nothing || self.member.status != Status::Active => 0,
            Side::Friend => rules.for_friend(),
            Side::Referrer if has_room => rules.for_referrer(told.given.unwrap_or(friends.given) + 1),
            Side::Referrer => 0,
        }
    }

    /// The reward of one of the two is taken back as an order's points are, and its lot is its own.
    pub(super) fn unreward(&mut self, told: &Unreward<'_>) -> Result<(), Stop> {
        let Given { held_until, brand, friend, referrer, .. } = told.given;
        let rewarded = match told.side {
            Side::Friend if friend.points == 0 => return Ok(()),
            Side::Friend => friend,
            Side::Referrer => referrer,
        };
        let (movement, taken) = self.take_back(brand, rewarded.lot.as_ref(), rewarded.points, 0);
        let kind = EntryKind::ReferralTaken(Box::new(ReferralTaken {
            friend: told.friend,
            side: told.side,
            brand: brand.clone(),
            taken,
            held_until: *held_until,
        }));
        self.record(self.context.now, movement, None, kind);
        Ok(())
    }
}

/// What both are given for an order, before it is known what that is.
fn given(rules: &ReferralRules, order: EdgeOrder) -> Given {
    Given {
        held_until: rules.held_until(order.occurred_at),
        order,
        brand: rules.brand.clone(),
        friend: Rewarded::default(),
        referrer: Rewarded::default(),
    }
}

impl Edge {
    /// The edge once somebody has said that both are rewarded; `None` if nobody is to look at it.
    pub fn decided(&self, rules: &ReferralRules) -> Option<Edge> {
        match &self.step {
            EdgeStep::Review { order, .. } => {
                let step = EdgeStep::Given(Box::new(given(rules, order.clone())));
                Some(Edge { step, ..self.clone() })
            }
            EdgeStep::Waits | EdgeStep::Given(_) | EdgeStep::Void => None,
        }
    }
}
