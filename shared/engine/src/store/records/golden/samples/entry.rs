//! Ledger entries: every kind of entry, with every field.

use domain::{
    brought::{Balance, Brought},
    event::{
        ActivityEarned, ActivityReversed, ActivityTook, Cancelled, EntryKind, Event, Movement, Order,
        OrderBoost, OrderLine, OrderLot, OrderNow, OrderReferral, OrderRefunded, OrderRevised, OrderState,
        RedemptionCancelled, ReferralState, Share, TierCause,
    },
    id::{
        ActivityId, ActivityRef, BadgeId, BalanceId, BrandId, MergeId, OrderChannel, OrderId, OrderLineId,
        RedemptionId, RedemptionPart, TierId,
    },
    member::{Absorbed, MemberId, OrderStats, Periods, Status},
    merge::{Kept, MergedAway, MergedIn, Parted, PartedFrom},
    number::{Fraction, Money, Quantity, SignedMoney},
    referral::{ReferralGiven, ReferralTaken, Rewarded, Side},
    time::{DayNumber, Instant},
};

use super::{AT, ID, LONG_AGO, SIGNED, Samples, WHOLE, bys, named, opening, text};
use crate::store::{
    id::{CallerId, ContentHash},
    records::{By, EntryRecord, KeptOrder, Outcome},
};

fn order() -> Order {
    let line = |line_id: &str, sku: Option<&str>, quantity, amount| OrderLine {
        line_id: OrderLineId::of_checked(line_id),
        sku: sku.map(text),
        category: sku.map(|_| text("tea")),
        quantity: Quantity(quantity),
        amount: SignedMoney(amount),
    };
    Order {
        brand: BrandId::of_checked("acme"),
        order_id: OrderId::of_checked("A-1"),
        day: DayNumber(20_454),
        channel: None,
        amount: Money(8_850),
        lines: vec![line("1", Some("SKU-1"), 2_000, 8_000), line("2", None, 1_000, 850)],
        tier: TierId::of_checked("silver"),
        version: 3,
        calculated: 120,
        granted: 106,
        growth: 88,
        lot: Some(OrderLot { expires_at: Some(AT), held_until: Some(LONG_AGO) }),
        boosts: None,
        referral: None,
    }
}

fn boosted() -> Order {
    let boost = |id: &str, applies| OrderBoost { id: text(id), applies };
    Order { boosts: Some(vec![boost("member-day", true), boost("tea-hour", false)]), ..order() }
}

fn rewarded() -> Rewarded {
    Rewarded { points: 100, lot: Some(OrderLot { expires_at: Some(AT), held_until: Some(LONG_AGO) }) }
}

fn given(side: Side, rewarded: Rewarded) -> EntryKind {
    let brand = BrandId::of_checked("acme");
    EntryKind::ReferralGiven(Box::new(ReferralGiven { friend: ID, side, brand, rewarded, held_until: AT }))
}

fn taken(side: Side) -> EntryKind {
    let brand = BrandId::of_checked("acme");
    EntryKind::ReferralTaken(Box::new(ReferralTaken { friend: ID, side, brand, taken: 40, held_until: AT }))
}

fn referred(state: ReferralState) -> EntryKind {
    let points = match state {
        ReferralState::Held | ReferralState::Done => 100,
        ReferralState::Open | ReferralState::Review | ReferralState::Void => 0,
    };
    let referral = OrderReferral { referrer: MemberId([2; 16]), friend: ID, state, points };
    EntryKind::OrderEarned(Box::new(Order { boosts: Some(Vec::new()), referral: Some(referral), ..order() }))
}

fn activity() -> ActivityEarned {
    ActivityEarned {
        brand: BrandId::of_checked("acme"),
        activity: ActivityId::of_checked("check_in"),
        reference: Some(ActivityRef::of_checked("2026-01-01")),
        calculated: 55,
        granted: 50,
        day: DayNumber(20_454),
        streak: (DayNumber(20_454), 3),
    }
}

fn refund() -> OrderRefunded {
    let after = OrderState {
        units: vec![Quantity(2_000), Quantity::NONE],
        amount: Money(5),
        rest: Fraction::NONE,
        points: 6,
        growth: 7,
        refunds: 2,
        closed: true,
        taken: 100,
    };
    OrderRefunded {
        brand: BrandId::of_checked("bean"),
        order_id: OrderId::of_checked("A-1"),
        revision: 1,
        amount: SignedMoney(4_000),
        rest_before: Fraction::NONE,
        closes: true,
        taken: 50,
        after,
    }
}

fn revised() -> OrderRevised {
    OrderRevised {
        revision: 200,
        order: Order { granted: 40, ..order() },
        counted: 11,
        added: 12,
        taken: 0,
        remained: Money(4_000),
        rest_before: half(),
        reopens: true,
        closes: false,
        after: refund().after,
    }
}

fn half() -> Fraction {
    Fraction::beyond_wholes(1, 2).unwrap_or_default()
}

/// A refund of units of which one has no exact amount.
fn refund_of_a_part() -> OrderRefunded {
    let rest = Fraction::beyond_wholes(300, 347).unwrap_or_default();
    let after = OrderState { rest, closed: false, ..refund().after };
    OrderRefunded { rest_before: half(), closes: false, after, ..refund() }
}

/// An order with everything that may have become of it.
fn kept() -> KeptOrder {
    KeptOrder {
        now: OrderNow {
            state: refund_of_a_part().after,
            revision: 3,
            revised: Some(Box::new(order())),
            given: 118,
            counted: 117,
            growth_lost: 9,
            was_above: true,
            revised_away: true,
        },
        drawn: vec![(1, 50), (2, 128)],
        credited: 300,
        refunds: vec![b"facme\0A-1\0f".to_vec(), b"e".to_vec()],
        complete: false,
    }
}

fn outcome() -> Outcome {
    Outcome {
        available: 100,
        held: 20,
        debt: 3,
        growth: 4_000,
        tier: gold(),
        upgraded_to: Some(gold()),
        badges_issued: vec![BadgeId::of_checked("first_order")],
    }
}

fn brought() -> Brought {
    Brought {
        brand: BrandId::of_checked("acme"),
        reason: text("opening balance"),
        bill: true,
        balance: Some(Balance {
            id: BalanceId::of_checked("opening"),
            number: 2,
            points: -20,
            expires_at: Some(AT),
            held_until: Some(LONG_AGO),
            instead_of: Some(7),
        }),
        opening: None,
        tier: None,
        ends_trial: false,
    }
}

fn gold() -> TierId {
    TierId::of_checked("gold")
}

fn took(reference: Option<ActivityRef>) -> ActivityTook {
    ActivityTook {
        brand: BrandId::of_checked("acme"),
        activity: ActivityId::of_checked("refused"),
        reference,
        calculated: 30,
        day: DayNumber(20_454),
    }
}

fn kinds() -> Vec<(&'static str, EntryKind)> {
    let bare = Order { lines: Vec::new(), lot: None, ..order() };
    let mut weighed = Order { channel: Some(OrderChannel::of_checked("店:0042")), ..order() };
    weighed.lines[0].quantity = Quantity(350);
    weighed.lines[1].amount = SignedMoney(-850);
    let unlimited = Order { lot: Some(OrderLot { expires_at: None, held_until: None }), ..bare.clone() };
    let brand = || BrandId::of_checked("bean");
    let changed = |why, valid_until, ends_trial| EntryKind::TierChanged {
        from: TierId::of_checked("basic"),
        to: TierId::of_checked("silver"),
        why,
        valid_until,
        ends_trial,
    };
    let kept =
        |valid_until, counted, lifetime| EntryKind::TierKept { tier: gold(), valid_until, counted, lifetime };
    let counted = Periods { from: DayNumber(20_454), months: 3, number: 128 };
    let status = |status: Status| EntryKind::StatusChanged { status, reason: text("asked for") };
    vec![
        ("order_earned", EntryKind::OrderEarned(Box::new(order()))),
        ("order_earned_weighed", EntryKind::OrderEarned(Box::new(weighed))),
        ("order_earned_bare", EntryKind::OrderEarned(Box::new(bare))),
        ("order_earned_never_ends", EntryKind::OrderEarned(Box::new(unlimited))),
        ("order_earned_boosted", EntryKind::OrderEarned(Box::new(boosted()))),
        ("order_earned_referred", referred(ReferralState::Held)),
        ("order_earned_in_review", referred(ReferralState::Review)),
        ("order_earned_done", referred(ReferralState::Done)),
        ("order_earned_open", referred(ReferralState::Open)),
        ("order_earned_void", referred(ReferralState::Void)),
        ("referral_given", given(Side::Friend, Rewarded::default())),
        ("referral_given_held", given(Side::Referrer, rewarded())),
        ("referral_taken", taken(Side::Friend)),
        ("referral_taken_of_referrer", taken(Side::Referrer)),
        ("activity_earned", EntryKind::ActivityEarned(activity())),
        (
            "activity_earned_bare",
            EntryKind::ActivityEarned(ActivityEarned {
                reference: None,
                streak: (DayNumber(-1), 0),
                ..activity()
            }),
        ),
        (
            "points_redeemed",
            EntryKind::PointsRedeemed { brand: brand(), order_id: OrderId::of_checked("A-2"), part: None },
        ),
        (
            "points_redeemed_in_part",
            EntryKind::PointsRedeemed {
                brand: brand(),
                order_id: OrderId::of_checked("A-2"),
                part: Some(RedemptionPart::of_checked("2")),
            },
        ),
        ("points_expired", EntryKind::PointsExpired),
        ("order_refunded", EntryKind::OrderRefunded(refund())),
        ("order_refunded_as_revised", EntryKind::OrderRefunded(OrderRefunded { revision: 3, ..refund() })),
        ("order_refunded_in_part", EntryKind::OrderRefunded(refund_of_a_part())),
        ("order_revised", EntryKind::OrderRevised(Box::new(revised()))),
        (
            "order_revised_away",
            EntryKind::OrderRevised(Box::new(OrderRevised {
                counted: 0,
                added: 0,
                taken: 30,
                reopens: false,
                closes: true,
                ..revised()
            })),
        ),
        (
            "redemption_cancelled",
            EntryKind::RedemptionCancelled(RedemptionCancelled {
                brand: brand(),
                redemption: RedemptionId(*b"redemption-00001"),
                cancelled: Cancelled { before: 0, points: 9, lost: 9 },
            }),
        ),
        (
            "redemption_cancelled_in_part",
            EntryKind::RedemptionCancelled(RedemptionCancelled {
                brand: brand(),
                redemption: RedemptionId(*b"redemption-00001"),
                cancelled: Cancelled { before: 3, points: 200, lost: 9 },
            }),
        ),
        ("adjusted", EntryKind::Adjusted { brand: brand(), reason: text("for luck"), bill: true }),
        ("tier_kept", kept(Some(AT), None, false)),
        ("tier_kept_for_life", kept(None, None, true)),
        ("tier_kept_counted_anew", kept(Some(AT), Some(counted), false)),
        ("tier_raised_by_a_version", changed(TierCause::Version(128), Some(AT), false)),
        ("tier_raised", changed(TierCause::Raised, Some(AT), true)),
        ("tier_lapsed", changed(TierCause::Lapsed, None, false)),
        ("trial_started", EntryKind::TrialStarted { tier: gold(), until: AT }),
        (
            "badge_issued",
            EntryKind::BadgeIssued { badge: BadgeId::of_checked("founder"), reason: Some(text("was there")) },
        ),
        (
            "badge_issued_by_rule",
            EntryKind::BadgeIssued { badge: BadgeId::of_checked("first_order"), reason: None },
        ),
        (
            "badge_taken",
            EntryKind::BadgeTaken { badge: BadgeId::of_checked("founder"), reason: Some(text("a mistake")) },
        ),
        (
            "badge_taken_for_no_reason",
            EntryKind::BadgeTaken { badge: BadgeId::of_checked("founder"), reason: None },
        ),
        ("brought", EntryKind::Brought(Box::new(brought()))),
        (
            "brought_standing",
            EntryKind::Brought(Box::new(Brought {
                bill: false,
                balance: None,
                opening: Some(opening()),
                tier: Some((gold(), None)),
                ends_trial: true,
                ..brought()
            })),
        ),
        ("active", status(Status::Active)),
        ("suspended", status(Status::Suspended)),
        ("closed", status(Status::Closed)),
        ("erased", status(Status::Erased)),
        ("merged_in", EntryKind::MergedIn(Box::new(merged_in()))),
        (
            "merged_away",
            EntryKind::MergedAway(MergedAway { merge: merge(), into: ID, reason: text("one person") }),
        ),
        ("parted_from", EntryKind::PartedFrom(Box::new(parted_from()))),
        ("parted", EntryKind::Parted(Box::new(parted()))),
        ("points_restored", EntryKind::PointsRestored),
        ("activity_took", EntryKind::ActivityTook(took(Some(ActivityRef::of_checked("R-1"))))),
        ("activity_took_bare", EntryKind::ActivityTook(took(None))),
        (
            "activity_reversed",
            EntryKind::ActivityReversed(ActivityReversed {
                brand: brand(),
                activity: ActivityId::of_checked("review"),
                reference: ActivityRef::of_checked("订单1"),
                taken: 300,
            }),
        ),
    ]
}

fn merge() -> MergeId {
    MergeId(*b"merge-0000000001")
}

fn merged_in() -> MergedIn {
    let member = super::full_member();
    let kept = Kept {
        period_growth: -20,
        standing: member.standing,
        lifetime: member.lifetime,
        trial: member.trial,
        tried: member.tried,
        active_on: member.active_on,
        badges: member.badges,
        by_hand: vec![BadgeId::of_checked("founder")],
        granted: member.granted,
        activities: member.activities,
        orders: member.orders.clone(),
        absorbed: vec![Absorbed { member: ID, merge: merge(), at: AT }],
    };
    MergedIn {
        merge: merge(),
        from: ID,
        reason: text("one person"),
        kept,
        orders_before: OrderStats::default(),
        orders_brought: member.orders,
        debt_before: 128,
        period_brought: -64,
    }
}

fn parted_from() -> PartedFrom {
    let member = super::full_member();
    PartedFrom {
        merge: merge(),
        from: ID,
        reason: text("two persons"),
        period_growth: -20,
        orders: member.orders,
        absorbed: vec![Absorbed { member: ID, merge: merge(), at: AT }],
    }
}

fn parted() -> Parted {
    let member = super::full_member();
    Parted {
        merge: merge(),
        of: ID,
        reason: text("two persons"),
        standing: member.standing,
        lifetime: member.lifetime,
        trial: member.trial,
        period_growth: -20,
        active_on: member.active_on,
        ends_with: Some(AT),
        granted: member.granted,
        activities: member.activities,
        orders: member.orders,
    }
}

pub(in super::super) fn entry() -> Samples<EntryRecord> {
    let plain = EntryRecord::plain(AT, EntryKind::PointsExpired);
    let of = |kind| EntryRecord { event: Event { kind, ..plain.event.clone() }, ..plain.clone() };
    let kinds = kinds().into_iter().chain(super::grants::kinds());
    let mut samples = named(kinds.map(|(name, kind)| (name, of(kind))));
    samples.extend(named(bys().map(|(name, by)| (name, EntryRecord { by, ..plain.clone() }))));
    let share = |expires_at, held_until, points| Share {
        expires_at,
        brand: BrandId::of_checked("acme"),
        held_until,
        points,
    };
    let movement = Movement {
        shares: vec![share(Some(AT), None, 100), share(None, Some(LONG_AGO), -64)],
        debt: -3,
        growth: 88,
        repaid: Vec::new(),
    };
    let state = OrderState { units: vec![Quantity::NONE, Quantity(1_000)], ..OrderState::new(&order()) };
    let kind = EntryKind::OrderEarned(Box::new(order()));
    let full = EntryRecord {
        member: ID,
        seq: 300,
        previous: Some(b"oacme\0A-0".to_vec()),
        by: By::Caller(CallerId::FirstAdmin),
        version: 128,
        recorded_at: AT,
        event: Event {
            occurred_at: LONG_AGO,
            at: AT,
            today: DayNumber(20_454),
            movement,
            moves_expiry_to: Some(Instant(AT.0 + 9)),
            kind,
        },
        balance_after: -12,
        outcome: Some(outcome()),
        content: Some(ContentHash([0xcd; 16])),
        order: Some(KeptOrder::older(&order(), state, &vec![(1, 50), (2, 128)], true)),
        cancelled: 0,
        blocks: vec![(1, 50), (2, 128)],
        charged: true,
        via: None,
        grant: None,
    };
    let repaid = vec![share(Some(AT), None, 3), share(None, Some(AT), 128)];
    let repaid = Movement { debt: -131, repaid, ..Movement::default() };
    let quiet = Outcome { upgraded_to: None, badges_issued: Vec::new(), ..outcome() };
    samples.extend(named([
        ("full", full.clone()),
        ("a_new_grant", EntryRecord { grant: Some(Box::default()), ..plain.clone() }),
        ("a_grant", EntryRecord { grant: Some(Box::new(super::grants::kept())), ..plain.clone() }),
        ("by_way_of", EntryRecord { via: Some(ID), ..plain.clone() }),
        ("repaid", EntryRecord { event: Event { movement: repaid, ..plain.event.clone() }, ..plain.clone() }),
        ("order_kept", EntryRecord { order: Some(kept()), ..full.clone() }),
        // In the first format it says that it was cancelled, of an entry that drew nothing.
        ("cancelled", EntryRecord { outcome: Some(quiet.clone()), ..plain.clone() }),
        ("cancelled_in_part", EntryRecord { cancelled: 300, outcome: Some(quiet), ..plain.clone() }),
    ]));
    for (at, (whole, signed)) in WHOLE.into_iter().zip(SIGNED).enumerate() {
        let shares = vec![share(None, None, signed)];
        let movement = Movement { shares, debt: signed, growth: signed, repaid: Vec::new() };
        let event = Event { movement, ..plain.event.clone() };
        let numbered = EntryRecord { event, balance_after: signed, seq: whole, ..plain.clone() };
        samples.push((format!("numbers_{at}"), numbered));
    }
    samples
}
