//! Quotes: what an evaluation promises for a while. A quote is its own content, which the edge seals; nothing is
//! stored.

use domain::{
    id::OfferId,
    member::MemberId,
    offer::price::{Answer, Outcome, Reason, Told},
    time::Instant,
};
use sha2::{Digest as _, Sha256};

use crate::store::records::{
    CouponName,
    layout::{Layout, Reader, layout},
};

/// For how long a quote is good, in milliseconds.
pub const QUOTE_MILLIS: i64 = 15 * 60 * 1_000;

/// The longest quote, in bytes, before it is sealed and written as text: that has a third more.
const BYTES_MAX: usize = 3_000;

/// The form that quotes are written in.
const FORM: u8 = 1;

/// The first bytes of the SHA-256 of an offer's id, by which a quote knows it: ids may be long, and offers many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OfferTag(pub [u8; 8]);

impl OfferTag {
    /// That of an offer.
    pub fn of(id: &OfferId) -> OfferTag {
        let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
        let mut tag = [0; 8];
        tag.copy_from_slice(&digest[..8]);
        OfferTag(tag)
    }
}

/// What an evaluation promises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quote {
    /// The moment of pricing.
    pub at: Instant,
    /// Until when it is good.
    pub until: Instant,
    /// The version of the programme.
    pub programme: u32,
    /// Whose order it is; `None` of nobody that is known.
    pub member: Option<MemberId>,
    /// The hash of the draft, without its coupons and points.
    pub draft: [u8; 32],
    /// What comes to an order by itself and fitted, by id; what did not apply only where there is room.
    pub autos: Vec<QuotedOffer>,
    /// The coupons as they were told; what did not apply only where there is room.
    pub coupons: Vec<QuotedCoupon>,
}

/// An offer that came by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuotedOffer {
    /// Which.
    pub offer: OfferTag,
    /// Its version.
    pub version: u32,
    /// What became of it.
    pub promise: Promise,
}

/// What became of an offer that came by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Promise {
    /// It applied.
    Applied,
    /// So many units had its price.
    Units(u64),
    /// It did not apply.
    Not(Reason),
}

/// A coupon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuotedCoupon {
    /// How it is told.
    pub name: CouponName,
    /// Its offer, and the version that governs; `None` of what was not found.
    pub offer: Option<(OfferTag, u32)>,
    /// Why it did not apply; `None` of what did.
    pub refused: Option<Reason>,
}

/// What was priced, and when.
pub(crate) struct Quoted {
    pub(crate) at: Instant,
    pub(crate) programme: u32,
    pub(crate) member: Option<MemberId>,
    pub(crate) draft: [u8; 32],
}

layout! { struct Quote { at, until, programme, member, draft, autos, coupons } }
layout! { struct OfferTag(bytes) }
layout! { struct QuotedOffer { offer, version, promise } }
layout! { enum Promise { 0 = Applied, 1 = Units(units), 2 = Not(reason) } }
layout! { struct QuotedCoupon { name, offer, refused } }
impl Quote {
    /// What an answer of that moment promises; `names` are those of the coupons that were known.
    pub(crate) fn of(
        Quoted { at, programme, member, draft }: Quoted,
        answer: &Answer,
        names: &[CouponName],
    ) -> Quote {
        let auto = |told: &Told| {
            let (offer, version) = told.offer.as_ref()?;
            Some(QuotedOffer { offer: OfferTag::of(offer), version: *version, promise: promise(told) })
        };
        let coupon = |told: &Told| {
            let name = names.get(told.coupon?)?.clone();
            let offer = told.offer.as_ref().map(|(offer, version)| (OfferTag::of(offer), *version));
            Some(QuotedCoupon { name, offer, refused: refused(told) })
        };
        Quote {
            at,
            until: at.plus_millis(QUOTE_MILLIS),
            programme,
            member,
            draft,
            autos: answer.offers.iter().filter_map(auto).collect(),
            coupons: answer.coupons.iter().filter_map(coupon).collect(),
        }
    }

    /// Its bytes; `None` where more applies than a quote holds, which are hundreds of offers on one order.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let mut kept = self.clone();
        let whole = kept.written();
        if whole.len() <= BYTES_MAX {
            return Some(whole);
        }
        kept.autos.retain(QuotedOffer::applied);
        let without_autos = kept.written();
        if without_autos.len() <= BYTES_MAX {
            return Some(without_autos);
        }
        kept.coupons.retain(|coupon| coupon.refused.is_none());
        Some(kept.written()).filter(|bytes| bytes.len() <= BYTES_MAX)
    }

    fn written(&self) -> Vec<u8> {
        let mut out = vec![FORM];
        self.write(&mut out);
        out
    }

    /// The quote of these bytes; `None` if they are none, or of a newer form.
    pub fn read(bytes: &[u8]) -> Option<Quote> {
        let rest = bytes.strip_prefix(&[FORM])?;
        let mut from = Reader::new(rest);
        let quote = <Quote as Layout>::read(&mut from).ok()?;
        from.end().ok()?;
        Some(quote)
    }
}

impl QuotedOffer {
    /// Whether it applied.
    pub(crate) fn applied(&self) -> bool {
        match self.promise {
            Promise::Applied | Promise::Units(_) => true,
            Promise::Not(_) => false,
        }
    }
}

fn promise(told: &Told) -> Promise {
    match &told.outcome {
        Outcome::Units { quantity, .. } => Promise::Units(*quantity),
        Outcome::Taken { .. } | Outcome::Pieces { .. } => Promise::Applied,
        Outcome::Not(reason) => Promise::Not(reason.clone()),
    }
}

fn refused(told: &Told) -> Option<Reason> {
    match &told.outcome {
        Outcome::Not(reason) => Some(reason.clone()),
        Outcome::Units { .. } | Outcome::Taken { .. } | Outcome::Pieces { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        id::GrantId,
        number::{Money, Quantity},
    };

    use super::*;

    fn quote(autos: usize, refused: usize) -> Quote {
        let tag = |number: usize| OfferTag::of(&OfferId::of_checked(&format!("offer-{number}")));
        let applied = (0..autos).map(|number| QuotedOffer {
            offer: tag(number),
            version: 1,
            promise: Promise::Applied,
        });
        let by = || OfferId::of_checked(&"x".repeat(64));
        let others = (0..refused).map(|number| QuotedOffer {
            offer: tag(number),
            version: 10_000,
            promise: Promise::Not(Reason::ExcludedBy { by: by() }),
        });
        let missing = Some(Money(7));
        let below = Reason::BelowMinimum { missing, missing_quantity: Some(Quantity(1_500)) };
        let named = [
            (CouponName::Grant(Some(GrantId([9; 16]))), None),
            (CouponName::Grant(None), Some(below)),
            (CouponName::Sent("none-such".to_owned()), Some(Reason::GrantNotFound)),
            (CouponName::Code("Spring Lo20".to_owned()), Some(Reason::OfferNotOpen { opens_at: None })),
        ];
        let coupons = named.into_iter().map(|(name, refused)| {
            let offer = refused.as_ref().is_none_or(|refused| *refused != Reason::GrantNotFound);
            QuotedCoupon { name, offer: offer.then(|| (tag(7), 2)), refused }
        });
        Quote {
            at: Instant(1_000),
            until: Instant(1_000 + QUOTE_MILLIS),
            programme: 3,
            member: Some(MemberId([7; 16])),
            draft: [5; 32],
            autos: applied.chain(others).collect(),
            coupons: coupons.collect(),
        }
    }

    #[test]
    fn a_quote_is_read_as_it_was_written() {
        let whole = quote(3, 2);
        let bytes = whole.bytes().unwrap();
        assert_eq!(Quote::read(&bytes), Some(whole));
        for wrong in [&bytes[1..], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[]] {
            assert_eq!(Quote::read(wrong), None);
        }
    }

    /// What applies is promised, and the rest is told where there is room.
    #[test]
    fn a_quote_is_short() {
        for (applied, refused, want) in
            [(10, 10, Some((20, 4))), (200, 500, Some((200, 4))), (270, 0, Some((270, 4))), (400, 0, None)]
        {
            let read = quote(applied, refused).bytes().map(|bytes| {
                assert!(bytes.len() <= BYTES_MAX);
                let read = Quote::read(&bytes).unwrap();
                (read.autos.len(), read.coupons.len())
            });
            assert_eq!(read, want, "{applied} and {refused}");
        }
    }
}
