//! The third format of entries and members, as it was before orders kept the boosts that were open for them, and members
//! their friends.
//!
//! Types of their own, as of the [first](super::first); a value that this format and the newest store in the same way
//! has one layout, beside the newest record.

use domain::{
    brought::Opening,
    event::{self, EntryKind, Movement, OrderLine, OrderLot, OrderState},
    id::{BadgeId, BrandId, OrderChannel, OrderId, TierId},
    member::{
        self, Absorbed, ActivityCount, Badge, Lot, MemberId, MergedInto, OrderStats, Standing, Status, Trial,
    },
    number::{Fraction, Money},
    referral::Friends,
    time::{DayNumber, Instant},
};

use super::{
    By, EntryRecord, MemberRecord, Outcome,
    layout::{Damaged, Layout, Reader, layout},
};
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
    order: Option<KeptOrder>,
    cancelled: u64,
    blocks: Vec<(u32, u64)>,
    charged: bool,
    via: Option<MemberId>,
}

struct Event {
    occurred_at: Instant,
    at: Instant,
    today: DayNumber,
    movement: Movement,
    moves_expiry_to: Option<Instant>,
    kind: Kind,
}

/// What happened: orders alone were stored otherwise. The second format has the same.
pub(super) struct Kind(pub(super) EntryKind);

impl Layout for Kind {
    fn write(&self, _: &mut Vec<u8>) {
        unreachable!("a former format is read and never written")
    }

    fn read(from: &mut Reader<'_>) -> Result<Kind, Damaged> {
        let mut after = from.clone();
        let kind = match u32::read(&mut after)? {
            0 => EntryKind::OrderEarned(Box::new(Order::read(&mut after)?.into())),
            15 => EntryKind::OrderRevised(Box::new(OrderRevised::read(&mut after)?.into())),
            _ => return EntryKind::read(from).map(Kind),
        };
        *from = after;
        Ok(Kind(kind))
    }
}

/// See [`super::KeptOrder`]; entries of the second format have the same.
pub(super) struct KeptOrder {
    now: OrderNow,
    drawn: Vec<(u32, u64)>,
    credited: u64,
    refunds: Vec<Vec<u8>>,
    complete: bool,
}

/// See [`event::OrderNow`].
struct OrderNow {
    state: OrderState,
    revision: u32,
    revised: Option<Order>,
    given: u64,
    counted: u64,
    growth_lost: u64,
    was_above: bool,
    revised_away: bool,
}

/// See [`event::Order`].
struct Order {
    brand: BrandId,
    order_id: OrderId,
    day: DayNumber,
    channel: Option<OrderChannel>,
    amount: Money,
    lines: Vec<OrderLine>,
    tier: TierId,
    version: u32,
    calculated: u64,
    granted: u64,
    growth: u64,
    lot: Option<OrderLot>,
}

/// See [`event::OrderRevised`].
struct OrderRevised {
    revision: u32,
    order: Order,
    counted: u64,
    added: u64,
    taken: u64,
    remained: Money,
    rest_before: Fraction,
    reopens: bool,
    closes: bool,
    after: OrderState,
}

layout! {
    struct Entry {
        member, seq, previous, by, version, recorded_at, event, balance_after, outcome, content, order, cancelled,
        blocks, charged, via,
    }
}
layout! { struct Event { occurred_at, at, today, movement, moves_expiry_to, kind } }
layout! { struct KeptOrder { now, drawn, credited, refunds, complete } }
layout! {
    struct OrderNow { state, revision, revised, given, counted, growth_lost, was_above, revised_away }
}
layout! {
    struct Order {
        brand, order_id, day, channel, amount, lines, tier, version, calculated, granted, growth, lot,
    }
}
layout! {
    struct OrderRevised {
        revision, order, counted, added, taken, remained, rest_before, reopens, closes, after,
    }
}

impl From<Order> for event::Order {
    fn from(order: Order) -> event::Order {
        event::Order {
            brand: order.brand,
            order_id: order.order_id,
            day: order.day,
            channel: order.channel,
            amount: order.amount,
            lines: order.lines,
            tier: order.tier,
            version: order.version,
            calculated: order.calculated,
            granted: order.granted,
            growth: order.growth,
            lot: order.lot,
            boosts: None,
            referral: None,
        }
    }
}

impl From<OrderRevised> for event::OrderRevised {
    fn from(revised: OrderRevised) -> event::OrderRevised {
        event::OrderRevised {
            revision: revised.revision,
            order: revised.order.into(),
            counted: revised.counted,
            added: revised.added,
            taken: revised.taken,
            remained: revised.remained,
            rest_before: revised.rest_before,
            reopens: revised.reopens,
            closes: revised.closes,
            after: revised.after,
        }
    }
}

impl From<OrderNow> for event::OrderNow {
    fn from(now: OrderNow) -> event::OrderNow {
        event::OrderNow {
            state: now.state,
            revision: now.revision,
            revised: now.revised.map(|order| Box::new(order.into())),
            given: now.given,
            counted: now.counted,
            growth_lost: now.growth_lost,
            was_above: now.was_above,
            revised_away: now.revised_away,
        }
    }
}

impl From<KeptOrder> for super::KeptOrder {
    fn from(kept: KeptOrder) -> super::KeptOrder {
        let KeptOrder { now, drawn, credited, refunds, complete } = kept;
        super::KeptOrder { now: now.into(), drawn, credited, refunds, complete }
    }
}

impl From<Event> for event::Event {
    fn from(event: Event) -> event::Event {
        let Event { occurred_at, at, today, movement, moves_expiry_to, kind } = event;
        event::Event { occurred_at, at, today, movement, moves_expiry_to, kind: kind.0 }
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
            via: entry.via,
            grant: None,
        }
    }
}

/// See [`MemberRecord`].
pub(super) struct Member {
    standing: Whole,
    last: Option<Vec<u8>>,
    leads_to: Option<MemberId>,
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
    by_hand: Vec<BadgeId>,
    tags: Vec<String>,
    granted: Vec<(DayNumber, u64)>,
    activities: Vec<ActivityCount>,
    orders: OrderStats,
    opening: Opening,
    merged: Option<MergedInto>,
    absorbed: Vec<Absorbed>,
}

layout! { struct Member { standing, last, leads_to } }
layout! {
    struct Whole {
        id, status, registered_at, as_of, version, seq, growth, period_growth, standing, lifetime, trial, tried, lots, debt,
        active_on, ends_with, badges, by_hand, tags, granted, activities, orders, opening, merged, absorbed,
    }
}

impl From<Member> for MemberRecord {
    fn from(record: Member) -> MemberRecord {
        let Member { standing, last, leads_to } = record;
        MemberRecord { member: standing.into(), last, leads_to }
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
            merged: whole.merged,
            absorbed: whole.absorbed,
            brought_by: None,
            friends: Friends::default(),
        }
    }
}
