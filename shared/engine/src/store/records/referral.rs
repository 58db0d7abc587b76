//! Referral: who has brought whom, by which code, and what shops say of members that others may have too.

use domain::{
    member::MemberId,
    referral::{
        BroughtBy, Edge, EdgeOrder, EdgeStep, Friends, Given, ReferralGiven, ReferralTaken, Rewarded, Side,
    },
};

use super::{Stored, layout::layout};
use crate::store::id::{FriendCode, SignalHash};

/// A member and a friend that it has brought; see [`Edge`].
pub type EdgeRecord = Edge;

/// Whose a code is that friends come with. It is told for ever, so the record is never changed or deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FriendCodeRecord {
    /// The member, which may have been merged into another since.
    pub member: MemberId,
}

/// The code that a member's friends come with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberCodeRecord {
    /// Its symbols' values, without the check symbol.
    pub code: FriendCode,
}

/// What shops have said of a member that tells whether two are one: hashes of what they said, the oldest first, at most
/// [`SIGNALS_MAX`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignalsRecord {
    /// The hashes.
    pub signals: Vec<SignalHash>,
}

/// The most signals of a member that are kept; then the oldest go.
pub const SIGNALS_MAX: usize = 20;

impl Stored for EdgeRecord {}
impl Stored for FriendCodeRecord {}
impl Stored for MemberCodeRecord {}
impl Stored for SignalsRecord {}

layout! { struct Edge { referrer, friend, since, until, step } }
layout! { enum EdgeStep { 0 = Waits, 1 = Review { order, at }, 2 = Given(given), 3 = Void } }
layout! { struct EdgeOrder { brand, order_id, occurred_at } }
layout! { struct Given { order, held_until, brand, friend, referrer } }
layout! { struct Rewarded { points, lot } }
layout! { enum Side { 0 = Friend, 1 = Referrer } }
layout! { struct ReferralGiven { friend, side, brand, rewarded, held_until } }
layout! { struct ReferralTaken { friend, side, brand, taken, held_until } }
layout! { struct BroughtBy { referrer, until } }
layout! { struct Friends { given, held, month, in_month } }
layout! { struct FriendCodeRecord { member } }
layout! { struct MemberCodeRecord { code } }
layout! { struct SignalsRecord { signals } }
