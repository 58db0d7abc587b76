//! The second format of entries and members, as it was before two records of one person could be joined.
//!
//! Types of their own, as of the [first](super::first); a value that this format and the newest store in the same way
//! has one layout, beside the newest record. No entry of this format is of a kind that joins records or parts them.

use domain::{
    brought::Opening,
    event::{self, Share},
    id::TierId,
    member::{self, ActivityCount, Badge, Lot, MemberId, OrderStats, Standing, Status, Trial},
    referral::Friends,
    time::{DayNumber, Instant},
};

use super::{By, EntryRecord, MemberRecord, Outcome, layout::layout, third};
use crate::store::id::ContentHash;

/// See [`EntryRecord`].
pub(super) struct Entry {
    member: MemberId,
    seq: u64,
    previous: Option<Vec<u8>>,
    by: By,
    version: u32,
    recorded_at: Instant,
    event: Event,
    balance_after: i64,
    outcome: Option<Outcome>,
    content: Option<ContentHash>,
    order: Option<third::KeptOrder>,
    cancelled: u64,
    blocks: Vec<(u32, u64)>,
    charged: bool,
}

struct Event {
    occurred_at: Instant,
    at: Instant,
    today: DayNumber,
    movement: Movement,
    moves_expiry_to: Option<Instant>,
    kind: third::Kind,
}

/// See [`event::Movement`]; entries of the first format have the same.
pub(super) struct Movement {
    shares: Vec<Share>,
    debt: i64,
    growth: i64,
}

/// See [`MemberRecord`].
pub(super) struct Member {
    standing: Whole,
    last: Option<Vec<u8>>,
}

/// See [`member::Member`].
struct Whole {
    id: MemberId,
    status: Status,
    registered_at: Instant,
    as_of: Instant,
    version: u32,
    seq: u64,
    growth: u64,
    period_growth: i64,
    standing: Standing,
    lifetime: Option<TierId>,
    trial: Option<Trial>,
    tried: Vec<TierId>,
    lots: Vec<Lot>,
    debt: u64,
    active_on: DayNumber,
    ends_with: Option<Instant>,
    badges: Vec<Badge>,
    by_hand: Vec<domain::id::BadgeId>,
    tags: Vec<String>,
    granted: Vec<(DayNumber, u64)>,
    activities: Vec<ActivityCount>,
    orders: OrderStats,
    opening: Opening,
}

layout! {
    struct Entry {
        member, seq, previous, by, version, recorded_at, event, balance_after, outcome, content, order, cancelled,
        blocks, charged,
    }
}
layout! { struct Event { occurred_at, at, today, movement, moves_expiry_to, kind } }
layout! { struct Movement { shares, debt, growth } }
layout! { struct Member { standing, last } }
layout! {
    struct Whole {
        id, status, registered_at, as_of, version, seq, growth, period_growth, standing, lifetime, trial, tried, lots, debt,
        active_on, ends_with, badges, by_hand, tags, granted, activities, orders, opening,
    }
}

impl From<Movement> for event::Movement {
    fn from(movement: Movement) -> event::Movement {
        let Movement { shares, debt, growth } = movement;
        // What repaid debt is not told apart.
        event::Movement { shares, debt, growth, repaid: Vec::new() }
    }
}

impl From<Event> for event::Event {
    fn from(event: Event) -> event::Event {
        let Event { occurred_at, at, today, movement, moves_expiry_to, kind } = event;
        event::Event { occurred_at, at, today, movement: movement.into(), moves_expiry_to, kind: kind.0 }
    }
}

impl From<Entry> for EntryRecord {
    fn from(entry: Entry) -> EntryRecord {
        EntryRecord {
            member: entry.member,
            seq: entry.seq,
            previous: entry.previous,
            by: entry.by,
            version: entry.version,
            recorded_at: entry.recorded_at,
            event: entry.event.into(),
            balance_after: entry.balance_after,
            outcome: entry.outcome,
            content: entry.content,
            order: entry.order.map(super::KeptOrder::from),
            cancelled: entry.cancelled,
            blocks: entry.blocks,
            charged: entry.charged,
            via: None,
            grant: None,
        }
    }
}

impl From<Member> for MemberRecord {
    fn from(record: Member) -> MemberRecord {
        let Member { standing, last } = record;
        MemberRecord { member: standing.into(), last, leads_to: None }
    }
}

impl From<Whole> for member::Member {
    fn from(whole: Whole) -> member::Member {
        member::Member {
            id: whole.id,
            status: whole.status,
            registered_at: whole.registered_at,
            as_of: whole.as_of,
            version: whole.version,
            seq: whole.seq,
            growth: whole.growth,
            period_growth: whole.period_growth,
            standing: whole.standing,
            lifetime: whole.lifetime,
            trial: whole.trial,
            tried: whole.tried,
            lots: whole.lots,
            debt: whole.debt,
            active_on: whole.active_on,
            ends_with: whole.ends_with,
            badges: whole.badges,
            by_hand: whole.by_hand,
            tags: whole.tags,
            granted: whole.granted,
            activities: whole.activities,
            orders: whole.orders,
            opening: whole.opening,
            merged: None,
            absorbed: Vec::new(),
            brought_by: None,
            friends: Friends::default(),
        }
    }
}
