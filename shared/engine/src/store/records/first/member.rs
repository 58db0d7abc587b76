//! A member's standing in the first format.

use domain::{
    brought::Opening,
    id::{ActivityId, TierId},
    member,
    member::{Badge, Lot, MemberId, Rests, Status, Trial},
    number::Money,
    time::{DayNumber, Instant},
};

use crate::store::records::{MemberRecord, layout::layout};

/// See [`MemberRecord`].
pub(in super::super) struct Member {
    standing: Whole,
    last: Option<Vec<u8>>,
}

/// See [`member::Member`].
struct Whole {
    id: MemberId,
    status: Status,
    registered_at: Instant,
    as_of: Instant,
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
    badges: Vec<Badge>,
    tags: Vec<String>,
    granted: Vec<(DayNumber, u64)>,
    activities: Vec<ActivityCount>,
    orders: OrderStats,
}

struct Standing {
    tier: TierId,
    since: Instant,
    valid_until: Option<Instant>,
    kept: u32,
}

struct ActivityCount {
    id: ActivityId,
    days: Vec<(DayNumber, u32)>,
    streak_day: DayNumber,
    streak: u32,
}

struct OrderStats {
    count: u64,
    amount: Money,
    first_at: Option<Instant>,
    last_at: Option<Instant>,
    categories: Vec<String>,
    more_categories: bool,
}

layout! { struct Member { standing, last } }
layout! {
    struct Whole {
        id, status, registered_at, as_of, seq, growth, period_growth, standing, lifetime, trial, tried, lots, debt,
        active_on, badges, tags, granted, activities, orders,
    }
}
layout! { struct Standing { tier, since, valid_until, kept } }
layout! { struct ActivityCount { id, days, streak_day, streak } }
layout! { struct OrderStats { count, amount, first_at, last_at, categories, more_categories } }

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
            // Settled over the versions up to that moment.
            version: 0,
            seq: whole.seq,
            growth: whole.growth,
            period_growth: whole.period_growth,
            standing: whole.standing.into(),
            lifetime: whole.lifetime,
            trial: whole.trial,
            tried: whole.tried,
            lots: whole.lots,
            debt: whole.debt,
            active_on: whole.active_on,
            // Not recorded: as before, it follows from the points there are.
            ends_with: None,
            badges: whole.badges,
            by_hand: Vec::new(),
            tags: whole.tags,
            granted: whole.granted,
            activities: whole.activities.into_iter().map(member::ActivityCount::from).collect(),
            orders: whole.orders.into(),
            opening: Opening::default(),
            merged: None,
            absorbed: Vec::new(),
            brought_by: None,
            friends: domain::referral::Friends::default(),
        }
    }
}

impl From<Standing> for member::Standing {
    fn from(standing: Standing) -> member::Standing {
        let Standing { tier, since, valid_until, kept } = standing;
        // Its periods count from `since`.
        member::Standing { tier, since, valid_until, kept, counted: None }
    }
}

impl From<ActivityCount> for member::ActivityCount {
    fn from(count: ActivityCount) -> member::ActivityCount {
        let ActivityCount { id, days, streak_day, streak } = count;
        member::ActivityCount { id, days, streak_day, streak }
    }
}

impl From<OrderStats> for member::OrderStats {
    fn from(orders: OrderStats) -> member::OrderStats {
        let OrderStats { count, amount, first_at, last_at, categories, more_categories } = orders;
        // Each order was counted rounded down.
        let rests = Rests::default();
        member::OrderStats { count, amount, rests, first_at, last_at, categories, more_categories }
    }
}
