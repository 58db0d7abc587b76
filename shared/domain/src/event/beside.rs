//! What is kept with an order besides: the boosts that were open for it, and what it came to for who has brought the
//! member.

use crate::id::MemberId;

/// A boost that was open for an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderBoost {
    /// Its id, in the version of the programme that the order earned under.
    pub id: String,
    /// Whether it multiplies a line of this telling, or an order without lines.
    pub applies: bool,
}

/// What a friend's first order came to for both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderReferral {
    /// Who has brought the friend.
    pub referrer: MemberId,
    /// The friend, by whom the referral is known.
    pub friend: MemberId,
    /// What state that brought it into.
    pub state: ReferralState,
    /// Points that the friend got, repaid debt included.
    pub points: u64,
}

/// The states of a referral. What ends by time follows from the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReferralState {
    /// The friend's first order is awaited.
    Open,
    /// Somebody is to look at it, and nothing is given yet.
    Review,
    /// Given, and held.
    Held,
    /// Given, and the hold has ended.
    Done,
    /// Nothing is given.
    Void,
}

impl ReferralState {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            ReferralState::Open => "open",
            ReferralState::Review => "review",
            ReferralState::Held => "held",
            ReferralState::Done => "done",
            ReferralState::Void => "void",
        }
    }
}
