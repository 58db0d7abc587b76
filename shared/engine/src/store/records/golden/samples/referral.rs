//! Referral.

use domain::{
    id::{BrandId, OrderId},
    member::MemberId,
    referral::{Edge, EdgeOrder, EdgeStep, Given, Rewarded},
};

use super::{AT, ID, LONG_AGO, Samples, named};
use crate::store::{
    id::{FriendCode, SignalHash},
    records::{FriendCodeRecord, MemberCodeRecord, SignalsRecord},
};

pub(in super::super) fn edge() -> Samples<Edge> {
    let order = EdgeOrder {
        brand: BrandId::of_checked("acme"),
        order_id: OrderId::of_checked("A-1"),
        occurred_at: LONG_AGO,
    };
    let given = Given {
        order: order.clone(),
        held_until: AT,
        brand: BrandId::of_checked("bean"),
        friend: Rewarded { points: 100, lot: None },
        referrer: Rewarded::default(),
    };
    let of = |step| Edge { referrer: MemberId([2; 16]), friend: ID, since: LONG_AGO, until: AT, step };
    named([
        ("waits", of(EdgeStep::Waits)),
        ("review", of(EdgeStep::Review { order, at: AT })),
        ("given", of(EdgeStep::Given(Box::new(given)))),
        ("void", of(EdgeStep::Void)),
    ])
}

pub(in super::super) fn friend_code() -> Samples<FriendCodeRecord> {
    named([("whose", FriendCodeRecord { member: ID })])
}

pub(in super::super) fn member_code() -> Samples<MemberCodeRecord> {
    named([("code", MemberCodeRecord { code: FriendCode([0, 1, 2, 3, 30, 31, 16]) })])
}

pub(in super::super) fn signals() -> Samples<SignalsRecord> {
    let some = vec![SignalHash([7; 16]), SignalHash(*b"0123456789abcdef")];
    named([("none", SignalsRecord { signals: Vec::new() }), ("some", SignalsRecord { signals: some })])
}
