//! Uses of offers, as they are set aside, used and returned.

use domain::{
    event::{OfferGiven, OfferTaken},
    id::{BrandId, GrantId, OfferId, OrderLineId, RefundId},
    member::MemberId,
    number::{Money, Quantity},
    offer::{
        grant::HeldBy,
        price::{Answer, By, Delivery, Line, Outcome, Priced, Reason, Share, Told, UnitsAt, UsablePoints},
    },
    time::{DayNumber, Instant},
};

use super::{
    Stored,
    layout::{Damaged, Layout, Reader, layout},
};

/// How a coupon is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CouponName {
    /// A grant; of what is virtual there is no id.
    Grant(Option<GrantId>),
    /// Something that names no grant, as it was sent.
    Sent(String),
    /// A code, as it was typed.
    Code(String),
}

/// A use of offers: of an order at its brand, or without one.
#[derive(Clone, PartialEq, Debug)]
pub struct UseRecord {
    /// Where.
    pub brand: BrandId,
    /// The order, or the use without one.
    pub by: HeldBy,
    /// By way of whom it came; nobody's of a guest.
    pub member: Option<MemberId>,
    /// The number of this telling of it, from 1; a use without an order has no other.
    pub revision: u32,
    /// The hash of what was asked, to compare with when it comes again.
    pub content: [u8; 32],
    /// What it is now.
    pub state: UseState,
    /// When it happened, as its first telling said.
    pub happened: Instant,
    /// The moment of pricing, by which later tellings are priced too.
    pub priced_at: Instant,
    /// The moment whose versions of offers hold for it: that of the first pricing, by the clock.
    pub known_at: Instant,
    /// The version of the programme by which it is priced.
    pub programme: u32,
    /// The local day on which it was taken (its number).
    pub day: DayNumber,
    /// The local day on which this telling was recorded (its number).
    pub recorded: DayNumber,
    /// What it came to.
    pub answer: Answer,
    /// How its coupons are told, by their places.
    pub names: Vec<CouponName>,
    /// How much of each line there is, in the order of the lines.
    pub lines: Vec<(OrderLineId, Quantity)>,
    /// What it takes, as it is now.
    pub taken: Vec<OfferTaken>,
    /// What it has: that, and what earlier tellings took that never comes back. Once all is returned, that alone.
    pub has: Vec<OfferTaken>,
    /// What of what it takes, or had to come back for it, it had by earlier tellings.
    pub had: Vec<OfferTaken>,
    /// While it is held: the offers whose limits count that, and the places of their accounts that do.
    pub held_at: Vec<(OfferId, u8)>,
    /// The grants that it used, as they were then.
    pub grants: Vec<GrantThen>,
    /// The grants that came back by this telling, as they were then.
    pub back: Vec<GrantThen>,
    /// The key of its entry; none while it is held, and of a guest.
    pub entry: Option<Vec<u8>>,
    /// How much of each line has come back.
    pub gone: Vec<Quantity>,
    /// Its returns, oldest first.
    pub returns: Vec<UseReturn>,
    /// What offers had given by the telling before, as far as it had not come back: this one has taken its place.
    pub given_before: Vec<OfferGiven>,
}

/// What a use is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UseState {
    /// It is set aside, until then.
    Held {
        /// A full minute.
        until: Instant,
    },
    /// It is used.
    Used,
    /// All of it has come back.
    Returned,
}

/// A grant as it was when something was done with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantThen {
    /// Its id; none of what is counted by nobody.
    pub id: Option<GrantId>,
    /// The offer.
    pub offer: OfferId,
    /// How often it could still be used; `None` without bounds.
    pub left: Option<u32>,
    /// The word of its state.
    pub state: String,
    /// Before when it may be used.
    pub valid_until: Option<Instant>,
}

/// A return of a use, in part or whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UseReturn {
    /// The shop's name of it.
    pub refund_id: Option<RefundId>,
    /// The hash of what was asked.
    pub content: [u8; 32],
    /// What came back of which line.
    pub lines: Vec<LineBack>,
    /// What came back of the delivery, if all did and there was one.
    pub delivery: Option<(Money, Vec<(OfferId, Money)>)>,
    /// Whether nothing was left.
    pub is_whole: bool,
    /// The local day on which it was recorded (its number).
    pub recorded: DayNumber,
    /// What of what the use had taken came back.
    pub restored: Vec<OfferTaken>,
    /// Grants that came back, as they were then.
    pub grants: Vec<GrantThen>,
    /// The key of its entry; none of a guest's.
    pub entry: Option<Vec<u8>>,
    /// What offers had given for what came back.
    pub given: Vec<OfferGiven>,
}

/// What comes back of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineBack {
    /// The line.
    pub line_id: OrderLineId,
    /// How much of it.
    pub quantity: Quantity,
    /// What had been paid for it.
    pub net: Money,
    /// What each offer had taken off it.
    pub discounts: Vec<(OfferId, Money)>,
}

impl Stored for UseRecord {}

layout! {
    struct UseRecord {
        brand, by, member, revision, content, state, happened, priced_at, known_at, programme, day, recorded, answer, names, lines, taken, has, had, held_at, grants, back, entry, gone, returns, given_before,
    }
}
layout! { enum UseState { 0 = Held { until }, 1 = Used, 2 = Returned } }
layout! { struct GrantThen { id, offer, left, state, valid_until } }
layout! { struct UseReturn { refund_id, content, lines, delivery, is_whole, recorded, restored, grants, entry, given } }
layout! { struct LineBack { line_id, quantity, net, discounts } }
layout! { struct Answer { lines, offers, coupons, delivery, total, saved, points } }
layout! { enum Line { 0 = Blocked { line_id, offer, opens_at }, 1 = Priced(priced) } }
layout! { struct Priced { line_id, amount, price, prices, discounts, net } }
layout! { struct UnitsAt { offer, quantity } }
layout! { struct Share { by, amount } }
layout! { struct Delivery { amount, discounts, net } }
layout! { struct Told { offer, coupon, outcome } }
layout! {
    enum Outcome {
        0 = Units { quantity, amount }, 1 = Taken { base, amount, trimmed }, 2 = Pieces { quantity }, 3 = Not(reason),
    }
}
layout! { struct UsablePoints { usable, worth } }
layout! {
    enum Reason {
        0 = CodeNotUsable, 1 = GrantNotFound, 2 = NotEligible, 3 = Revoked, 4 = Used, 5 = Given { until },
        6 = Held { until }, 7 = Expired, 8 = NotYet { valid_from }, 9 = MemberLimit { next_at },
        10 = OfferNotOpen { opens_at }, 11 = NotMatching, 12 = BelowMinimum { missing, missing_quantity },
        13 = SoldOut, 14 = BudgetExhausted, 15 = ExcludedBy { by }, 16 = NoEffect, 17 = NotChosen,
    }
}
layout! { struct By { offer, coupon } }

impl Layout for CouponName {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            CouponName::Grant(id) => {
                0u8.write(out);
                id.map(|id| id.0).write(out);
            }
            CouponName::Sent(text) => {
                1u8.write(out);
                text.write(out);
            }
            CouponName::Code(text) => {
                2u8.write(out);
                text.write(out);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<CouponName, Damaged> {
        match u8::read(from)? {
            0 => Ok(CouponName::Grant(Option::read(from)?.map(GrantId))),
            1 => String::read(from).map(CouponName::Sent),
            2 => String::read(from).map(CouponName::Code),
            _ => Err(Damaged),
        }
    }
}

/// Places among few: as whole numbers.
impl Layout for usize {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u64).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<usize, Damaged> {
        usize::try_from(u64::read(from)?).map_err(|_| Damaged)
    }
}
