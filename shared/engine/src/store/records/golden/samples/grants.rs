//! Samples of what members have of offers, and of uses.

use domain::{
    event::{
        Cancelled, EntryKind, GrantIssued, GrantName, GrantRevoked, OfferGiven, OfferTaken, OfferUsed,
        UseReversed,
    },
    id::{BrandId, GrantId, OfferId, OrderId, OrderLineId, RefundId, UseId},
    number::{Money, Quantity},
    offer::{
        How,
        grant::HeldBy,
        price::{Answer, By, Delivery, Line, Outcome, Priced, Reason, Share, Told, UnitsAt},
    },
    time::DayNumber,
};

use super::{AT, ID, LONG_AGO, Samples, named, text};
use crate::store::records::{CouponName, GrantThen, KeptGrant, LineBack, UseRecord, UseReturn, UseState};

/// What happens to grants.
pub(super) fn kinds() -> Vec<(&'static str, EntryKind)> {
    vec![
        ("grant_claimed", EntryKind::GrantIssued(Box::new(issued()))),
        (
            "grant_bought",
            EntryKind::GrantIssued(Box::new(GrantIssued {
                source: How::Buy,
                pieces: 200,
                quantity: 2_000,
                valid_until: Some(AT),
                asked_as: Some(text("claim 1")),
                ..issued()
            })),
        ),
        (
            "grant_given",
            EntryKind::GrantIssued(Box::new(GrantIssued {
                source: How::Issue,
                is_used: true,
                reason: Some(text("补偿")),
                order_id: Some(OrderId::of_checked("A-1")),
                ..issued()
            })),
        ),
        ("grant_revoked", EntryKind::GrantRevoked(Box::new(revoked()))),
        (
            "grant_taken_back",
            EntryKind::GrantRevoked(Box::new(GrantRevoked {
                reason: None,
                price: Some(Cancelled { before: 0, points: 300, lost: 20 }),
                ..revoked()
            })),
        ),
        ("offer_used", EntryKind::OfferUsed(Box::new(used_offer()))),
        (
            "use_reversed",
            EntryKind::UseReversed(Box::new(UseReversed {
                brand: BrandId::of_checked("acme"),
                by: HeldBy::Use(UseId::of_checked("u-1")),
                refund_id: Some(RefundId::of_checked("R-1")),
                is_whole: true,
                back: vec![OfferGiven {
                    offer: OfferId::of_checked("15-off"),
                    version: 2,
                    amount: Money(1_500),
                }],
                restored: vec![taken()],
            })),
        ),
    ]
}

fn taken() -> OfferTaken {
    OfferTaken {
        offer: OfferId::of_checked("15-off"),
        version: 2,
        grant: Some(GrantId([7; 16])),
        pieces: 1,
        uses: 1,
        amount: Money(1_500),
    }
}

fn used_offer() -> OfferUsed {
    OfferUsed {
        brand: BrandId::of_checked("acme"),
        by: HeldBy::Order(OrderId::of_checked("A-1")),
        revision: 1,
        total: Money(8_500),
        saved: Money(1_500),
        taken: vec![taken(), OfferTaken { grant: None, pieces: 0, ..taken() }],
        had: vec![taken()],
        back: vec![OfferGiven { offer: OfferId::of_checked("15-off"), version: 2, amount: Money(900) }],
    }
}

/// All that can become of a grant.
pub(super) fn kept() -> KeptGrant {
    KeptGrant {
        taken: 3,
        revoked: Some(b"e0".to_vec()),
        given_until: Some(AT),
        held: Some(super::offers::held(HeldBy::Order(OrderId::of_checked("A-1")))),
        ends: Some(AT),
        code: Some(vec![1, 2, 3]),
    }
}

fn issued() -> GrantIssued {
    GrantIssued {
        name: GrantName { holder: ID, offer: 2_000, window: 740_000, number: 200 },
        brand: BrandId::of_checked("acme"),
        offer: OfferId::of_checked("15-off"),
        version: 128,
        source: How::Claim,
        pieces: 1,
        quantity: 1,
        valid_from: LONG_AGO,
        valid_until: None,
        is_used: false,
        asked_as: None,
        reason: None,
        order_id: None,
    }
}

fn revoked() -> GrantRevoked {
    let GrantIssued { name, brand, offer, .. } = issued();
    GrantRevoked {
        name,
        brand,
        offer,
        pieces: 2,
        left: 6,
        valid_until: Some(AT),
        reason: Some(text("by mistake")),
        price: None,
    }
}

fn then() -> GrantThen {
    GrantThen {
        id: Some(GrantId([7; 16])),
        offer: OfferId::of_checked("15-off"),
        left: Some(0),
        state: text("used"),
        valid_until: Some(AT),
    }
}

fn answer() -> Answer {
    let offer = || OfferId::of_checked("15-off");
    let by = |coupon| By { offer: offer(), coupon };
    let share = |coupon| Share { by: by(coupon), amount: Money(900) };
    let told = |coupon, outcome| Told { offer: Some((offer(), 2)), coupon, outcome };
    Answer {
        lines: vec![
            Line::Priced(Priced {
                line_id: OrderLineId::of_checked("1"),
                amount: Money(6_000),
                price: Money(5_800),
                prices: vec![UnitsAt { offer: offer(), quantity: 2 }],
                discounts: vec![share(None), share(Some(0))],
                net: Money(4_000),
            }),
            Line::Blocked { line_id: OrderLineId::of_checked("2"), offer: offer(), opens_at: Some(AT) },
        ],
        offers: vec![told(None, Outcome::Units { quantity: 2, amount: Money(200) })],
        coupons: vec![
            told(Some(0), Outcome::Taken { base: Money(5_800), amount: Money(900), trimmed: true }),
            told(Some(1), Outcome::Pieces { quantity: 3 }),
            told(
                Some(2),
                Outcome::Not(Reason::BelowMinimum { missing: Some(Money(7)), missing_quantity: None }),
            ),
            Told { offer: None, coupon: Some(3), outcome: Outcome::Not(Reason::CodeNotUsable) },
        ],
        delivery: Some(Delivery { amount: Money(999), discounts: vec![share(None)], net: Money(99) }),
        total: Money(4_099),
        saved: Money(2_900),
        points: None,
    }
}

pub(in super::super) fn used() -> Samples<UseRecord> {
    let plain = UseRecord {
        brand: BrandId::of_checked("acme"),
        by: HeldBy::Use(UseId::of_checked("u-1")),
        member: None,
        content: [9; 32],
        revision: 1,
        state: UseState::Used,
        happened: AT,
        priced_at: AT,
        known_at: AT,
        programme: 1,
        day: DayNumber(738_000),
        recorded: DayNumber(738_000),
        answer: Answer {
            lines: Vec::new(),
            offers: Vec::new(),
            coupons: Vec::new(),
            delivery: None,
            total: Money(0),
            saved: Money(0),
            points: None,
        },
        names: Vec::new(),
        lines: Vec::new(),
        taken: Vec::new(),
        has: Vec::new(),
        had: Vec::new(),
        held_at: Vec::new(),
        grants: Vec::new(),
        back: Vec::new(),
        entry: None,
        gone: Vec::new(),
        returns: Vec::new(),
        given_before: Vec::new(),
    };
    let held = UseRecord {
        by: HeldBy::Order(OrderId::of_checked("A-1")),
        member: Some(ID),
        state: UseState::Held { until: AT },
        revision: 2,
        priced_at: LONG_AGO,
        known_at: LONG_AGO,
        programme: 7,
        answer: answer(),
        names: vec![
            CouponName::Grant(Some(GrantId([7; 16]))),
            CouponName::Grant(None),
            CouponName::Sent(text("none-such")),
            CouponName::Code(text("Spring Lo20")),
        ],
        lines: vec![(OrderLineId::of_checked("1"), Quantity(2_000))],
        taken: vec![taken()],
        has: vec![taken()],
        had: vec![taken()],
        held_at: vec![(OfferId::of_checked("15-off"), 31)],
        grants: vec![then()],
        back: vec![then()],
        gone: vec![Quantity::NONE],
        ..plain.clone()
    };
    let back = UseReturn {
        refund_id: Some(RefundId::of_checked("R-1")),
        content: [8; 32],
        lines: vec![LineBack {
            line_id: OrderLineId::of_checked("1"),
            quantity: Quantity(2_000),
            net: Money(4_000),
            discounts: vec![(OfferId::of_checked("15-off"), Money(900))],
        }],
        delivery: Some((Money(99), vec![(OfferId::of_checked("15-off"), Money(900))])),
        is_whole: true,
        recorded: DayNumber(738_002),
        restored: vec![taken()],
        grants: vec![then()],
        entry: Some(b"e1".to_vec()),
        given: Vec::new(),
    };
    let returned = UseRecord {
        state: UseState::Returned,
        entry: Some(b"e0".to_vec()),
        gone: vec![Quantity(2_000)],
        returns: vec![back],
        ..held.clone()
    };
    named([("plain", plain), ("held", held), ("returned", returned)])
}
