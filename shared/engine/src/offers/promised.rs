//! What a quote has promised (rewards.md, 5): the offers and coupons that it applied, in their versions and its order, and
//! what it told of the others.

use std::{collections::HashMap, sync::Arc};

use domain::{
    id::OfferId,
    offer::{
        Offer,
        code::fold,
        price::{Outcome, Told},
        printed::Printed,
    },
    refusal::Refusal,
    shape::Fault,
    time::Instant,
};

use crate::{
    offers::{
        Offers,
        coupons::{Finder, Found},
        draft::DraftOrder,
        quote::{OfferTag, Promise, Quote, QuotedCoupon},
        scene::PricedOrder,
    },
    programme::shelf::Shelf,
    store::{error::Error, records::CouponName},
};

/// A quote is good for a while, for the same draft.
pub(super) fn must_be_of(quote: &Quote, draft: [u8; 32], now: Instant) -> Result<(), Refusal> {
    if quote.draft != draft {
        return Err(of_another());
    }
    if quote.until <= now { Err(Refusal::QuoteExpired) } else { Ok(()) }
}

/// How many units had the price of an offer that came by itself, if it has one; `None` where the quote did not apply it.
pub(super) fn units_promised(quote: &Quote, offer: &Offer) -> Option<Option<u64>> {
    let tag = OfferTag::of(&offer.id);
    match quote.autos.iter().find(|quoted| quoted.offer == tag)?.promise {
        Promise::Applied => Some(None),
        Promise::Units(units) => Some(Some(units)),
        Promise::Not(_) => None,
    }
}

/// Tells an order as its quote did, with what did not apply.
pub(super) fn tell_as_quoted(priced: &mut PricedOrder, quote: &Quote, shelf: &Shelf) {
    let tags = Tags::of(shelf);
    let offers = std::mem::take(&mut priced.answer.offers);
    for quoted in &quote.autos {
        let Some((offer, version)) = tags.place((quoted.offer, quoted.version)) else { continue };
        match &quoted.promise {
            Promise::Applied | Promise::Units(_) => {
                let own =
                    offers.iter().find(|told| told.offer.as_ref().is_some_and(|(own, _)| *own == offer));
                priced.answer.offers.extend(own.cloned());
            }
            Promise::Not(reason) => {
                let outcome = Outcome::Not(reason.clone());
                priced.answer.offers.push(Told { offer: Some((offer, version)), coupon: None, outcome });
            }
        }
    }
    let mut applied = std::mem::take(&mut priced.answer.coupons).into_iter();
    for quoted in &quote.coupons {
        let told = match &quoted.refused {
            None => applied.next(),
            Some(reason) => {
                priced.names.push(quoted.name.clone());
                Some(Told {
                    offer: quoted.offer.and_then(|own| tags.place(own)),
                    coupon: Some(priced.names.len() - 1),
                    outcome: Outcome::Not(reason.clone()),
                })
            }
        };
        priced.answer.coupons.extend(told);
    }
}

impl Offers {
    /// The offers that came by themselves to an order that was quoted, in the versions of then.
    pub(super) async fn quoted_autos(&self, shelf: &Shelf, quote: &Quote) -> Result<Vec<Arc<Offer>>, Error> {
        let tags = Tags::of(shelf);
        let applied = quote.autos.iter().filter(|quoted| quoted.applied());
        let places: Vec<_> =
            applied.filter_map(|quoted| tags.place((quoted.offer, quoted.version))).collect();
        let versions = self.programme.versions_of_offers(&places).await?;
        Ok(places.iter().filter_map(|place| versions.get(place).cloned()).collect())
    }

    /// The coupons that a quote applied, in its order and versions, as they are found now.
    ///
    /// # Errors
    /// The draft names others: [`Refusal::InvalidField`]; a record is unreadable, or the store failed.
    pub(super) async fn quoted_coupons(
        &self,
        finder: &Finder<'_>,
        quote: &Quote,
    ) -> Result<Vec<Found>, Error> {
        let applied: Vec<&QuotedCoupon> =
            quote.coupons.iter().filter(|quoted| quoted.refused.is_none()).collect();
        if !names_all(finder.draft, &applied) {
            return Err(of_another().into());
        }
        let tags = Tags::of(finder.shelf);
        let place = |quoted: &QuotedCoupon| tags.place(quoted.offer?);
        let places: Vec<_> = applied.iter().filter_map(|quoted| place(quoted)).collect();
        let versions = self.programme.versions_of_offers(&places).await?;
        let mut found = Vec::with_capacity(applied.len());
        for quoted in &applied {
            let offer = place(quoted).and_then(|place| versions.get(&place).cloned());
            let own = finder.promised(&quoted.name, offer.clone());
            found.push(match finder.printed_as(&quoted.name) {
                Some(code) => {
                    let nothing = Found::of_nothing(quoted.name.clone(), true);
                    self.printed(finder, code, offer, nothing).await?
                }
                None => own,
            });
        }
        Ok(found)
    }
}

impl Finder<'_> {
    /// The printed code that a coupon is, if it is one.
    fn printed_as(&self, name: &CouponName) -> Option<Printed> {
        let CouponName::Code(own) = name else { return None };
        let own = fold(own);
        let typed = self.draft.printed.iter().find(|(typed, _)| fold(typed) == own);
        typed.map(|(_, printed)| *printed)
    }

    /// A coupon that was promised, as it is now.
    fn promised(&self, name: &CouponName, offer: Option<Arc<Offer>>) -> Found {
        let is_code = matches!(name, CouponName::Code(_));
        let nothing = Found::of_nothing(name.clone(), is_code);
        let Some(offer) = offer else { return nothing };
        match name {
            CouponName::Grant(Some(id)) => {
                let held = self.grants().iter().position(|grant| grant.id == Some(*id));
                held.map_or(nothing, |place| self.grant(place, offer, true))
            }
            CouponName::Grant(None) => {
                let written = self.of_window(&offer.id).and_then(|place| self.grants()[place].id);
                Found { name: CouponName::Grant(written), offer: Some(offer), ..nothing }
            }
            CouponName::Code(_) => Found { offer: Some(offer), ..nothing },
            CouponName::Sent(_) => nothing,
        }
    }
}

/// Whether a draft names these coupons and no others, whatever their order; an offer's id stands for the grant of it that
/// was quoted.
fn names_all(draft: &DraftOrder, applied: &[&QuotedCoupon]) -> bool {
    let mut rest = applied.to_vec();
    let mut take = |is_named: &dyn Fn(&QuotedCoupon) -> bool| {
        let place = rest.iter().position(|quoted| is_named(quoted));
        place.map(|place| rest.remove(place)).is_some()
    };
    let mut others = Vec::new();
    for named in &draft.grants {
        let by_id = named.id.filter(|id| take(&|quoted| quoted.name == CouponName::Grant(Some(*id))));
        if by_id.is_none() {
            others.push(named);
        }
    }
    let by_offer = others.iter().all(|named| {
        let Some(tag) = named.offer().map(|offer| OfferTag::of(&offer)) else { return false };
        take(&|quoted| {
            matches!(quoted.name, CouponName::Grant(_)) && quoted.offer.is_some_and(|(own, _)| own == tag)
        })
    });
    let by_code = draft.codes.iter().all(|typed| {
        take(&|quoted| matches!(&quoted.name, CouponName::Code(own) if fold(own) == fold(typed)))
    });
    by_offer && by_code && rest.is_empty()
}

/// Offers by what a quote knows them by.
struct Tags<'a>(HashMap<OfferTag, &'a OfferId>);

impl Tags<'_> {
    fn of(shelf: &Shelf) -> Tags<'_> {
        Tags(shelf.all().map(|offer| (OfferTag::of(&offer.id), &offer.id)).collect())
    }

    /// The offer of a tag, with that version of it.
    fn place(&self, (tag, version): (OfferTag, u32)) -> Option<(OfferId, u32)> {
        self.0.get(&tag).map(|own| ((*own).clone(), version))
    }
}

pub(super) fn of_another() -> Refusal {
    Refusal::InvalidField(vec![Fault::new(
        "/quote",
        "wrong_value",
        "it was given for another order, or other coupons",
    )])
}
