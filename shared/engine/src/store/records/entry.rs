//! A ledger entry.

use domain::{
    brought::{Balance, Brought},
    event::{
        ActivityEarned, ActivityReversed, ActivityTook, Cancelled, EntryKind, Event, GrantIssued,
        GrantRevoked, Movement, OfferGiven, OfferTaken, OfferUsed, Order, OrderBoost, OrderLine, OrderLot,
        OrderNow, OrderReferral, OrderRefunded, OrderRevised, OrderState, RedemptionCancelled, ReferralState,
        Share, TierCause, UseReversed, points_drawn,
    },
    id::{BadgeId, TierId},
    member::MemberId,
    merge::{Kept, MergedAway, MergedIn, Parted, PartedFrom},
    time::Instant,
};

use super::{
    By, KeptGrant, KeptOrder, Stored, first,
    layout::{Damaged, Layout as _, Reader, layout},
    second, third,
};
use crate::store::id::ContentHash;

/// A ledger entry. Entries of one member are a chain, newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryRecord {
    /// Whose.
    pub member: MemberId,
    /// Its number, from 1.
    pub seq: u64,
    /// The entry before it, if that has a natural key.
    pub previous: Option<Vec<u8>>,
    /// Who asked.
    pub by: By,
    /// The programme's version.
    pub version: u32,
    /// When it was written down.
    pub recorded_at: Instant,
    /// What happened.
    pub event: Event,
    /// The sum of all entries' points up to this one.
    pub balance_after: i64,
    /// What the answer adds; with the entry it is the whole answer.
    pub outcome: Option<Outcome>,
    /// The hash of the request's content, if the entry has a natural key.
    pub content: Option<ContentHash>,
    /// The order as it now stands, if it is one.
    pub order: Option<KeptOrder>,
    /// Points of the redemption that were cancelled so far, those lost among them, if it is one.
    pub cancelled: u64,
    /// Which of its brand's blocks the issued points were taken from, oldest first, or what a refund
    /// gave back to which; empty where they are billed by the month.
    pub blocks: Vec<(u32, u64)>,
    /// Whether its brand's credit was charged for the issued points: only then a refund gives
    /// credit back.
    pub charged: bool,
    /// By way of whom it came, of a member that has absorbed another one: the member itself, or one that was absorbed,
    /// by its id, its identity, card, link or order. What time does came by way of nobody.
    pub via: Option<MemberId>,
    /// What has become of the grant, if it is one.
    pub grant: Option<Box<KeptGrant>>,
}

impl EntryRecord {
    /// The order as it was first told, and what has become of it, if it is one.
    pub fn as_order(&self) -> Option<(&Order, &OrderNow)> {
        Some((self.event.kind.row().order?, &self.order.as_ref()?.now))
    }

    /// The number of the order's newest telling, if it is one.
    pub(crate) fn revision(&self) -> Option<u32> {
        self.order.as_ref().map(|order| order.now.revision)
    }
}

/// What an answer adds to the entry, small enough to be stored for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Points that can be spent, afterwards.
    pub available: u64,
    /// Points held.
    pub held: u64,
    /// Points owed.
    pub debt: u64,
    /// Growth.
    pub growth: u64,
    /// The tier.
    pub tier: TierId,
    /// The tier the member was raised to.
    pub upgraded_to: Option<TierId>,
    /// Badges that followed.
    pub badges_issued: Vec<BadgeId>,
}

impl EntryRecord {
    /// Whether nothing remains of the redemption, if it is one.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled > 0 && self.cancelled >= points_drawn(&self.event.movement.shares)
    }
}

impl Stored for EntryRecord {
    const FORMAT: u8 = 4;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<EntryRecord, Damaged> {
        match format {
            1 => first::Entry::read(from).map(EntryRecord::from),
            2 => second::Entry::read(from).map(EntryRecord::from),
            3 => third::Entry::read(from).map(EntryRecord::from),
            _ => Err(Damaged),
        }
    }
}

layout! {
    struct EntryRecord {
        member, seq, previous, by, version, recorded_at, event, balance_after, outcome, content, order, cancelled,
        blocks, charged, via, grant,
    }
}
layout! { struct Outcome { available, held, debt, growth, tier, upgraded_to, badges_issued } }
layout! { struct Event { occurred_at, at, today, movement, moves_expiry_to, kind } }
layout! { struct Movement { shares, debt, growth, repaid } }
layout! { struct Share { expires_at, brand, held_until, points } }
layout! {
    enum EntryKind {
        0 = OrderEarned(order),
        1 = ActivityEarned(activity),
        2 = PointsRedeemed { brand, order_id, part },
        3 = PointsExpired,
        4 = OrderRefunded(refund),
        5 = RedemptionCancelled(gone),
        6 = Adjusted { brand, reason, bill },
        7 = TierKept { tier, valid_until, counted, lifetime },
        8 = TierChanged { from, to, why, valid_until, ends_trial },
        9 = TrialStarted { tier, until },
        10 = BadgeIssued { badge, reason },
        11 = StatusChanged { status, reason },
        12 = PointsRestored,
        13 = ActivityTook(took),
        14 = ActivityReversed(back),
        15 = OrderRevised(revised),
        20 = BadgeTaken { badge, reason },
        30 = Brought(brought),
        40 = MergedIn(merged),
        41 = MergedAway(merged),
        42 = PartedFrom(parted),
        43 = Parted(parted),
        50 = GrantIssued(issued),
        51 = GrantRevoked(revoked),
        52 = OfferUsed(used),
        53 = UseReversed(back),
        60 = ReferralGiven(given),
        61 = ReferralTaken(taken),
    }
}
layout! {
    struct MergedIn {
        merge, from, reason, kept, orders_before, orders_brought, debt_before, period_brought,
    }
}
layout! {
    struct Kept {
        period_growth, standing, lifetime, trial, tried, active_on, badges, by_hand, granted, activities, orders,
        absorbed,
    }
}
layout! { struct MergedAway { merge, into, reason } }
layout! { struct PartedFrom { merge, from, reason, period_growth, orders, absorbed } }
layout! {
    struct Parted {
        merge, of, reason, standing, lifetime, trial, period_growth, active_on, ends_with, granted, activities,
        orders,
    }
}
layout! {
    struct GrantIssued {
        name, brand, offer, version, source, pieces, quantity, valid_from, valid_until, is_used, asked_as, reason,
        order_id,
    }
}
layout! { struct OfferUsed { brand, by, revision, total, saved, taken, had, back } }
layout! { struct OfferTaken { offer, version, grant, pieces, uses, amount } }
layout! { struct OfferGiven { offer, version, amount } }
layout! { struct UseReversed { brand, by, refund_id, is_whole, back, restored } }
layout! { struct GrantRevoked { name, brand, offer, pieces, left, valid_until, reason, price } }
layout! { struct Brought { brand, reason, bill, balance, opening, tier, ends_trial } }
layout! { struct Balance { id, number, points, expires_at, held_until, instead_of } }
layout! { enum TierCause { 0 = Raised, 1 = Lapsed, 2 = Version(number) } }
layout! {
    struct Order {
        brand, order_id, day, channel, amount, lines, tier, version, calculated, granted, growth, lot, boosts,
        referral,
    }
}
layout! { struct OrderBoost { id, applies } }
layout! { struct OrderReferral { referrer, friend, state, points } }
layout! { enum ReferralState { 0 = Open, 1 = Review, 2 = Held, 3 = Done, 4 = Void } }
layout! { struct OrderLot { expires_at, held_until } }
layout! { struct OrderLine { line_id, sku, category, quantity, amount } }
layout! { struct OrderState { units, amount, rest, points, growth, refunds, closed, taken } }
layout! { struct RedemptionCancelled { brand, redemption, cancelled } }
layout! { struct Cancelled { before, points, lost } }
layout! { struct ActivityEarned { brand, activity, reference, calculated, granted, day, streak } }
layout! { struct ActivityTook { brand, activity, reference, calculated, day } }
layout! { struct ActivityReversed { brand, activity, reference, taken } }
layout! { struct OrderRefunded { brand, order_id, revision, amount, rest_before, closes, taken, after } }
layout! {
    struct OrderRevised {
        revision, order, counted, added, taken, remained, rest_before, reopens, closes, after,
    }
}

#[cfg(test)]
impl EntryRecord {
    /// The first entry of member 1, written down when it happened, which moves nothing.
    pub(crate) fn plain(at: Instant, kind: EntryKind) -> EntryRecord {
        let movement = domain::event::Movement::default();
        let event = Event {
            occurred_at: at,
            at,
            today: domain::time::DayNumber(1),
            movement,
            moves_expiry_to: None,
            kind,
        };
        EntryRecord {
            member: MemberId([1; 16]),
            seq: 1,
            previous: None,
            by: By::Time,
            version: 1,
            recorded_at: at,
            event,
            balance_after: 0,
            outcome: None,
            content: None,
            order: None,
            cancelled: 0,
            blocks: Vec::new(),
            charged: false,
            via: None,
            grant: None,
        }
    }
}
