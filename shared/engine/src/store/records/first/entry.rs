//! A ledger entry in the first format.

use domain::{
    event,
    event::{OrderLot, TierCause},
    id::{ActivityId, ActivityRef, BadgeId, BrandId, OrderId, OrderLineId, RedemptionId, TierId},
    member::{MemberId, Status},
    number::{Fraction, Money, Quantity},
    time::{DayNumber, Instant},
};

use crate::store::{
    id::ContentHash,
    records::{By, EntryRecord, KeptOrder, Outcome, layout::layout, second::Movement},
};

/// See [`EntryRecord`].
pub(in super::super) struct Entry {
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
    order: Option<OrderState>,
    cancelled: bool,
    blocks: Vec<(u32, u64)>,
    charged: bool,
}

struct Event {
    occurred_at: Instant,
    at: Instant,
    today: DayNumber,
    movement: Movement,
    moves_expiry_to: Option<Instant>,
    kind: EntryKind,
}

enum EntryKind {
    OrderEarned(Order),
    ActivityEarned(ActivityEarned),
    PointsRedeemed { brand: BrandId, order_id: OrderId },
    PointsExpired,
    OrderRefunded(OrderRefunded),
    RedemptionCancelled { brand: BrandId, redemption: RedemptionId, lost: u64 },
    Adjusted { brand: BrandId, reason: String, bill: bool },
    TierKept { tier: TierId, valid_until: Option<Instant>, lifetime: bool },
    TierChanged { from: TierId, to: TierId, why: TierCause, valid_until: Option<Instant>, ends_trial: bool },
    TrialStarted { tier: TierId, until: Instant },
    BadgeIssued { badge: BadgeId, reason: Option<String> },
    StatusChanged { status: Status, reason: String },
}

struct Order {
    brand: BrandId,
    order_id: OrderId,
    day: DayNumber,
    amount: Money,
    lines: Vec<OrderLine>,
    tier: TierId,
    version: u32,
    calculated: u64,
    granted: u64,
    growth: u64,
    lot: Option<OrderLot>,
}

struct OrderLine {
    line_id: OrderLineId,
    sku: Option<String>,
    category: Option<String>,
    quantity: u64,
    amount: Money,
}

struct OrderState {
    units: Vec<u64>,
    amount: Money,
    points: u64,
    growth: u64,
    refunds: u32,
    closed: bool,
    taken: u64,
}

struct ActivityEarned {
    brand: BrandId,
    activity: ActivityId,
    reference: Option<ActivityRef>,
    calculated: u64,
    granted: u64,
    day: DayNumber,
    streak: (DayNumber, u32),
}

struct OrderRefunded {
    brand: BrandId,
    order_id: OrderId,
    amount: Money,
    closes: bool,
    taken: u64,
    after: OrderState,
}

layout! {
    struct Entry {
        member, seq, previous, by, version, recorded_at, event, balance_after, outcome, content, order, cancelled,
        blocks, charged,
    }
}
layout! { struct Event { occurred_at, at, today, movement, moves_expiry_to, kind } }
layout! {
    enum EntryKind {
        0 = OrderEarned(order),
        1 = ActivityEarned(activity),
        2 = PointsRedeemed { brand, order_id },
        3 = PointsExpired,
        4 = OrderRefunded(refund),
        5 = RedemptionCancelled { brand, redemption, lost },
        6 = Adjusted { brand, reason, bill },
        7 = TierKept { tier, valid_until, lifetime },
        8 = TierChanged { from, to, why, valid_until, ends_trial },
        9 = TrialStarted { tier, until },
        10 = BadgeIssued { badge, reason },
        11 = StatusChanged { status, reason },
    }
}
layout! {
    struct Order {
        brand, order_id, day, amount, lines, tier, version, calculated, granted, growth, lot,
    }
}
layout! { struct OrderLine { line_id, sku, category, quantity, amount } }
layout! { struct OrderState { units, amount, points, growth, refunds, closed, taken } }
layout! { struct ActivityEarned { brand, activity, reference, calculated, granted, day, streak } }
layout! { struct OrderRefunded { brand, order_id, amount, closes, taken, after } }

impl From<Entry> for EntryRecord {
    fn from(entry: Entry) -> EntryRecord {
        let Entry { member, seq, previous, by, version, recorded_at, event, balance_after, .. } = entry;
        let Entry { outcome, content, order, cancelled, blocks, charged, .. } = entry;
        let event = event::Event::from(event);
        let drawn = event::points_drawn(&event.movement.shares);
        let first = event.kind.row().order;
        let order =
            first.zip(order).map(|(first, state)| KeptOrder::older(first, state.into(), &blocks, charged));
        EntryRecord {
            member,
            seq,
            previous,
            by,
            version,
            recorded_at,
            event,
            balance_after,
            outcome,
            content,
            order,
            // A redemption was cancelled whole.
            cancelled: if cancelled { drawn } else { 0 },
            blocks,
            charged,
            via: None,
            grant: None,
        }
    }
}

impl From<Event> for event::Event {
    fn from(event: Event) -> event::Event {
        let Event { occurred_at, at, today, movement, moves_expiry_to, kind } = event;
        let movement = event::Movement::from(movement);
        let kind = newest(kind, &movement);
        event::Event { occurred_at, at, today, movement, moves_expiry_to, kind }
    }
}

/// The kind as it is now, of an entry that moved that.
fn newest(kind: EntryKind, movement: &event::Movement) -> event::EntryKind {
    match kind {
        EntryKind::OrderEarned(order) => event::EntryKind::OrderEarned(Box::new(order.into())),
        EntryKind::ActivityEarned(activity) => event::EntryKind::ActivityEarned(activity.into()),
        EntryKind::PointsRedeemed { brand, order_id } => {
            event::EntryKind::PointsRedeemed { brand, order_id, part: None }
        }
        EntryKind::PointsExpired => event::EntryKind::PointsExpired,
        EntryKind::OrderRefunded(refund) => event::EntryKind::OrderRefunded(refund.into()),
        EntryKind::RedemptionCancelled { brand, redemption, lost } => {
            // All of it at once: what came back, repaid debt among it, and what was lost.
            let points = lost.saturating_add_signed(movement.points());
            let cancelled = event::Cancelled { before: 0, points, lost };
            event::EntryKind::RedemptionCancelled(event::RedemptionCancelled { brand, redemption, cancelled })
        }
        EntryKind::Adjusted { brand, reason, bill } => event::EntryKind::Adjusted { brand, reason, bill },
        EntryKind::TierKept { tier, valid_until, lifetime } => {
            event::EntryKind::TierKept { tier, valid_until, counted: None, lifetime }
        }
        EntryKind::TierChanged { from, to, why, valid_until, ends_trial } => {
            event::EntryKind::TierChanged { from, to, why, valid_until, ends_trial }
        }
        EntryKind::TrialStarted { tier, until } => event::EntryKind::TrialStarted { tier, until },
        EntryKind::BadgeIssued { badge, reason } => event::EntryKind::BadgeIssued { badge, reason },
        EntryKind::StatusChanged { status, reason } => event::EntryKind::StatusChanged { status, reason },
    }
}

impl From<Order> for event::Order {
    fn from(order: Order) -> event::Order {
        let Order { brand, order_id, day, amount, lines, tier, version, calculated, granted, growth, lot } =
            order;
        let lines = lines.into_iter().map(event::OrderLine::from).collect();
        event::Order {
            brand,
            order_id,
            day,
            channel: None,
            amount,
            lines,
            tier,
            version,
            calculated,
            granted,
            growth,
            lot,
            boosts: None,
            referral: None,
        }
    }
}

/// Quantities were whole numbers.
fn pieces(number: u64) -> Quantity {
    Quantity(number.saturating_mul(1_000)) // at most 2^53 − 1 of them
}

impl From<OrderLine> for event::OrderLine {
    fn from(line: OrderLine) -> event::OrderLine {
        let OrderLine { line_id, sku, category, quantity, amount } = line;
        event::OrderLine { line_id, sku, category, quantity: pieces(quantity), amount: amount.into() }
    }
}

impl From<OrderState> for event::OrderState {
    fn from(state: OrderState) -> event::OrderState {
        let OrderState { units, amount, points, growth, refunds, closed, taken } = state;
        let units = units.into_iter().map(pieces).collect();
        // What it left beyond whole minor units was not counted.
        let rest = Fraction::NONE;
        event::OrderState { units, amount, rest, points, growth, refunds, closed, taken }
    }
}

impl From<ActivityEarned> for event::ActivityEarned {
    fn from(activity: ActivityEarned) -> event::ActivityEarned {
        let ActivityEarned { brand, activity, reference, calculated, granted, day, streak } = activity;
        event::ActivityEarned { brand, activity, reference, calculated, granted, day, streak }
    }
}

impl From<OrderRefunded> for event::OrderRefunded {
    fn from(refund: OrderRefunded) -> event::OrderRefunded {
        let OrderRefunded { brand, order_id, amount, closes, taken, after } = refund;
        let (amount, after) = (amount.into(), after.into());
        let rest_before = Fraction::NONE;
        event::OrderRefunded { brand, order_id, revision: 1, amount, rest_before, closes, taken, after }
    }
}
