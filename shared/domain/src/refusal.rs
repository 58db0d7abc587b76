//! A valid no: the request was understood and the rules forbid it. Nothing is written.

use crate::{
    id::{MemberId, OrderLineId},
    number::{Amount, Currency, Money, Quantity},
    programme::{BrandPer, Way},
    shape::Fault,
    time::{Instant, Zone},
};

/// Why the rules refuse, with what the caller needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Fields of the request are wrong; all of them.
    InvalidField(Vec<Fault>),
    /// No such member.
    MemberNotFound,
    /// No such order at that brand.
    OrderNotFound,
    /// No such redemption.
    RedemptionNotFound,
    /// No such link code: unknown, another brand's, used or expired.
    LinkCodeNotFound,
    /// The member was never linked to that brand.
    LinkNotFound,
    /// No such card token: wrong, too old, of a card that was replaced, or of nobody.
    CardTokenInvalid,
    /// The card token was used to spend before.
    CardTokenUsed,
    /// The programme has no such tag.
    TagNotFound {
        /// The tag, as it was named.
        tag: String,
    },
    /// The tag follows from a rule, and is not set by hand.
    TagHasRule {
        /// The tag.
        tag: String,
    },
    /// The member has no such identity.
    IdentityNotFound,
    /// It is the only identity of the member.
    LastIdentity,
    /// The programme does not take the person as a member.
    NotAdmitted,
    /// The programme takes an identity only if somebody vouches for it, or it is proved.
    ProofRequired,
    /// The best coupons of an order are to be chosen among more than [`CHOICES_MAX`](crate::offer::price::CHOICES_MAX).
    TooManyChoices {
        /// Among how many.
        choices: usize,
    },
    /// The programme has no such brand.
    BrandNotFound,
    /// The programme has no such badge.
    BadgeNotFound,
    /// The programme has no such activity.
    ActivityNotFound,
    /// The member is suspended, closed or erased.
    MemberNotActive {
        /// Its status.
        status: &'static str,
    },
    /// The member was merged into another one.
    MemberMerged {
        /// Into which.
        into: MemberId,
    },
    /// No such merge of that member.
    MergeNotFound,
    /// The merge cannot be undone.
    UnmergeRefused {
        /// Why, in words.
        why: &'static str,
    },
    /// Fewer points can be spent than requested.
    InsufficientPoints {
        /// What can be spent.
        available: u64,
        /// What is owed.
        debt: u64,
    },
    /// The brand may not: only the house's own take from members.
    Forbidden,
    /// The activity has reached its limit.
    ActivityLimit,
    /// The order (refund, adjustment …) was recorded before with other content, or is not to be revised so.
    OrderConflict {
        /// Of an order: the number of its newest telling, 0 if there is none.
        revision: Option<u32>,
    },
    /// The order is told again, and refunds have left nothing of it.
    OrderRefunded {
        /// The number of its newest telling.
        revision: u32,
    },
    /// The redemption was cancelled.
    AlreadyCancelled,
    /// The refund is for more than remains.
    OverRefund {
        /// What remains.
        remaining: Remaining,
    },
    /// The order has reached its limit of refunds.
    TooManyRefunds,
    /// The event lies ahead of now.
    OccurredInFuture,
    /// The event lies too far back.
    OccurredTooLongAgo {
        /// How many days back it may lie.
        late_days: u32,
    },
    /// The redemption lies too far back.
    RedeemedTooLongAgo {
        /// How many hours back it may lie.
        hours: u32,
    },
    /// The brand would issue or honour more points than it may.
    BrandLimit {
        /// What the limit counts over.
        per: BrandPer,
        /// What it counts.
        way: Way,
        /// The limit.
        total: u64,
        /// What is left of it.
        left: u64,
    },
    /// The prepaid brand's blocks do not hold that many points.
    BlockExhausted {
        /// What they hold.
        left: u64,
    },
    /// The postpaid brand would owe more than its credit.
    CreditExhausted {
        /// What is left of it.
        left: Amount,
        /// Of what money.
        currency: Currency,
    },
    /// A block was bought under that reference before, with other content.
    BlockConflict,
    /// There is no such offer.
    OfferNotFound,
    /// There is no such grant.
    GrantNotFound,
    /// The member is not of the offer's audience.
    NotEligible,
    /// The member has as many of the offer as it may have.
    MemberLimit {
        /// When the next window begins, if one does, and the calendar to show it in.
        next_at: Option<Instant>,
        /// The programme's calendar.
        zone: Zone,
    },
    /// The offer cannot be had now.
    OfferNotOpen {
        /// When it opens next, if it is known.
        opens_at: Option<Instant>,
        /// The programme's calendar, to show it in.
        zone: Zone,
    },
    /// Fewer of the offer are left than are asked for.
    SoldOut,
    /// The price is another one than the caller expects.
    PriceChanged {
        /// What it is, in points.
        points: u64,
    },
    /// There is no such use.
    UseNotFound,
    /// What was set aside is free again: the hold has ended.
    HoldExpired,
    /// The quote is no longer good, or was never given.
    QuoteExpired,
    /// Something was asked under that name before, with other content.
    IdConflict,
    /// The grant is not in a state in which this can be done.
    GrantNotUsable {
        /// Its state, or why not, in one word.
        reason: &'static str,
    },
    /// The month has not ended long enough ago to be settled.
    MonthNotEnded {
        /// From when on it can be.
        from: Instant,
        /// The programme's calendar, to show it in.
        zone: Zone,
    },
    /// There is no such referral, or the programme has none.
    ReferralNotFound,
    /// Nobody is to look at the referral any more.
    ReferralDecided {
        /// Its state.
        state: &'static str,
    },
    /// There is no closed settlement of that month, or none of that brand.
    SettlementNotFound,
    /// A figure, the number of lots or of identities would pass its limit.
    LimitExceeded {
        /// Which.
        what: &'static str,
    },
}

/// What remains of an order, or of a redemption.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remaining {
    /// An amount, of an order without lines.
    Amount(Money, Currency),
    /// How much of each line.
    Lines(Vec<(OrderLineId, Quantity)>),
    /// Points, of a redemption.
    Points(u64),
}
