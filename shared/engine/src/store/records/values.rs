//! Values that records of several kinds hold.

use domain::{
    event::GrantName,
    id::{
        ActivityId, ActivityRef, BadgeId, BalanceId, BatchId, BlockRef, BrandId, GrantId, MemberId, MergeId,
        OfferId, OrderChannel, OrderId, OrderLineId, RedemptionId, RedemptionPart, ReferralCode, RefundId,
        TierId, UseId,
    },
    number::{Amount, Fraction, Money, Quantity},
    offer::How,
    settlement::SignedMoney,
    time::{DayNumber, Instant},
};

use super::layout::{Damaged, Layout, Reader, layout, write_text};
use crate::store::id::{
    AskedHash, CallerId, CardHash, CardNumber, ContentHash, FriendCode, KeyHash, PartnerKeyId, Reference,
    RequestId, SignalHash, WebhookId,
};

layout! { struct Instant(millis) }
layout! { struct DayNumber(number) }
layout! { struct MemberId(bytes) }
layout! { struct MergeId(bytes) }
layout! { struct RedemptionId(bytes) }
layout! { struct PartnerKeyId(bytes) }
layout! { struct Reference(bytes) }
layout! { struct WebhookId(bytes) }
layout! { struct RequestId(bytes) }
layout! { struct KeyHash(bytes) }
layout! { struct ContentHash(bytes) }
layout! { struct AskedHash(bytes) }
layout! { struct CardHash(bytes) }
layout! { struct CardNumber(bytes) }
layout! { struct SignalHash(bytes) }
layout! { struct FriendCode(bytes) }
layout! { struct Money(minor) }
layout! { struct Quantity(thousandths) }
layout! { struct SignedMoney(minor) }
layout! { struct Amount(millionths) }
layout! { struct GrantId(bytes) }
layout! { struct GrantName { holder, offer, window, number } }
layout! { enum How { 0 = Auto, 1 = Claim, 2 = Buy, 3 = Issue, 4 = Code } }

/// A numerator, and where that is not 0 a denominator.
impl Layout for Fraction {
    fn write(&self, out: &mut Vec<u8>) {
        self.above().write(out);
        if !self.is_none() {
            self.below().write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Fraction, Damaged> {
        match u64::read(from)? {
            0 => Ok(Fraction::NONE),
            above => Fraction::of(above, u64::read(from)?).ok_or(Damaged),
        }
    }
}

/// Ids that are text are stored as that text.
macro_rules! text {
    ($($id:ident)*) => {$(
        impl Layout for $id {
            fn write(&self, out: &mut Vec<u8>) {
                write_text(self.as_str(), out);
            }

            fn read(from: &mut Reader<'_>) -> Result<$id, Damaged> {
                from.text().map($id::of_checked)
            }
        }
    )*};
}

text! {
    ActivityId ActivityRef BadgeId BalanceId BatchId BlockRef BrandId OfferId OrderChannel OrderId OrderLineId RedemptionPart
    ReferralCode RefundId TierId UseId
}

impl Layout for CallerId {
    fn write(&self, out: &mut Vec<u8>) {
        self.bytes().write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<CallerId, Damaged> {
        Layout::read(from).map(CallerId::of)
    }
}

/// Who asked for a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum By {
    /// A caller, by its id, which stays the same when its key is rotated.
    Caller(CallerId),
    /// Time alone.
    Time,
    /// An import.
    Import,
    /// The scheduler.
    Schedule,
    /// The member itself.
    Member(MemberId),
}

layout! { enum By { 0 = Caller(id), 1 = Time, 2 = Import, 3 = Schedule, 4 = Member(id) } }
