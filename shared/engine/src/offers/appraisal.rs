//! What is judged of an offer outside of an order's arithmetic: audience, opening, windows, and what is left.

use std::{collections::HashMap, sync::Arc};

use domain::{
    condition::Wants,
    id::{GrantId, OfferId},
    number::Money,
    offer::{
        AnniversaryOf, How, Offer, Window as WindowOf,
        openings::OwnDays,
        price::{Judged, Opens, Window},
    },
    time::{Instant, Zone},
};

use crate::{
    offers::{
        Offers,
        customer::Customer,
        draft::OrderNeed,
        held::{Had, Holdings, Left},
        taking::is_bounded,
    },
    programme::shelf::Shelf,
    store::error::Error,
};

/// An offer, with what was judged of it.
pub(crate) struct Appraisal {
    offer: Arc<Offer>,
    fits: bool,
    member: Option<Window>,
    held: Option<Instant>,
    opens: Opens,
    uses: Option<u64>,
    budget: Option<Money>,
}

impl Appraisal {
    /// The version that was judged.
    pub(crate) fn offer(&self) -> &Offer {
        &self.offer
    }

    /// As it was when it was promised: it fitted and was open, and units had its price, if it is one.
    pub(crate) fn promised(&self, units: Option<u64>) -> Judged<'_> {
        let offer = &self.offer;
        Judged { offer, fits: true, member: None, held: None, opens: Opens::Now, uses: units, budget: None }
    }

    /// With what a use that is told anew has of it. Of that, if it is its own, nobody asks again whether it may be used; where
    /// it may not, there is no more than that.
    fn beside(self, had: Had, is_own: bool) -> Appraisal {
        let may_have_more = self.fits && self.held.is_none() && self.opens == Opens::Now;
        let uses = self.uses.map(|left| left.saturating_add(had.uses));
        let budget = self.budget.map(|left| Money(left.0.saturating_add(had.amount.0)));
        let member =
            self.member.map(|window| Window { left: window.left.saturating_add(had.pieces), ..window });
        match is_own {
            true => Appraisal {
                fits: true,
                held: None,
                opens: Opens::Now,
                uses: if may_have_more { uses } else { Some(had.uses) },
                budget,
                member,
                ..self
            },
            false => Appraisal { uses, budget, member, ..self },
        }
    }

    pub(crate) fn judged(&self) -> Judged<'_> {
        let Appraisal { offer, fits, member, held, opens, uses, budget } = self;
        Judged {
            offer,
            fits: *fits,
            member: *member,
            held: *held,
            opens: *opens,
            uses: *uses,
            budget: *budget,
        }
    }
}

/// What offers are judged by.
pub(crate) struct Appraiser<'a> {
    offers: &'a Offers,
    shelf: &'a Shelf,
    customer: Option<&'a mut Customer>,
    holdings: &'a Holdings,
    left: HashMap<OfferId, Left>,
    days: OwnDays,
    zone: Zone,
    /// The moment by which `when` and windows go: that of pricing.
    at: Instant,
    is_promised: bool,
}

/// What is known before offers are judged.
pub(crate) struct Grounds<'a> {
    /// The newest versions.
    pub(crate) shelf: &'a Shelf,
    /// Whose order it is.
    pub(crate) customer: Option<&'a mut Customer>,
    /// What the customer holds.
    pub(crate) holdings: &'a Holdings,
    /// The programme's calendar.
    pub(crate) zone: Zone,
    /// Now, by which is judged what is left.
    pub(crate) now: Instant,
    /// The moment by which `when` and windows go: that of pricing.
    pub(crate) at: Instant,
    /// The most that is taken of any one offer.
    pub(crate) need: OrderNeed,
    /// Whether a quote has promised it: then nobody is asked again whether it is for the member.
    pub(crate) is_promised: bool,
}

impl<'a> Appraiser<'a> {
    /// Looks up at once what judging these offers needs.
    ///
    /// # Errors
    /// A record is unreadable, or the store failed.
    pub(crate) async fn of(
        offers: &'a Offers,
        grounds: Grounds<'a>,
        judged: &[Arc<Offer>],
    ) -> Result<Appraiser<'a>, Error> {
        let Grounds { shelf, mut customer, holdings, zone, now, at, need, is_promised } = grounds;
        let newest = judged.iter().map(|offer| shelf.offer(&offer.id).unwrap_or(offer));
        let mut bounded: Vec<Arc<Offer>> = newest.filter(|offer| is_bounded(offer)).cloned().collect();
        bounded.sort_by(|one, other| one.id.cmp(&other.id));
        bounded.dedup_by(|one, other| one.id == other.id);
        let left = if bounded.is_empty() {
            HashMap::new()
        } else {
            offers.left(holdings, &bounded, need, now).await?
        };
        let asks_birthday =
            |offer: &Arc<Offer>| offer.when.anniversary.is_some_and(|own| own.of == AnniversaryOf::Birthday);
        let mut days = OwnDays::default();
        if let Some(customer) = customer.as_deref_mut() {
            if judged.iter().any(asks_birthday) {
                offers.learn(customer, Wants::PERSON).await?;
            }
            days = customer.own_days(zone);
        }
        Ok(Appraiser { offers, shelf, customer, holdings, left, days, zone, at, is_promised })
    }

    /// What is to be known of that version of an offer; of a coupon, with the grant by which it is used, if it is one.
    ///
    /// # Errors
    /// A record is unreadable, or the store failed.
    pub(crate) async fn appraise(
        &mut self,
        offer: &Arc<Offer>,
        coupon: Option<Option<GrantId>>,
    ) -> Result<Appraisal, Error> {
        let newest = self.shelf.offer(&offer.id).unwrap_or(offer);
        let left = self.left.get(&offer.id).copied().unwrap_or_default();
        let judged = Appraisal {
            opens: self.opens(offer, newest.suspended),
            member: self.window(offer),
            held: self.held(offer),
            fits: self.is_promised || self.fits(offer).await?,
            uses: left.uses,
            budget: left.budget,
            offer: offer.clone(),
        };
        let Some(had) = self.holdings.had_of(&offer.id) else { return Ok(judged) };
        let is_own = match (offer.how, coupon) {
            (How::Claim | How::Buy | How::Issue, Some(grant)) => self.holdings.has_taken_of(grant),
            (How::Auto | How::Code | How::Claim | How::Buy | How::Issue, _) => true,
        };
        Ok(judged.beside(had, is_own))
    }

    /// Whether an active member is of the offer's audience, and has a quota of it. What was issued asks neither; a guest is
    /// of no audience.
    async fn fits(&mut self, offer: &Offer) -> Result<bool, Error> {
        match offer.how {
            How::Auto | How::Code => {}
            How::Claim | How::Buy | How::Issue => return Ok(true),
        }
        let guest = offer.audience.is_none();
        let Some(customer) = self.customer.as_deref_mut() else { return Ok(guest) };
        let Some(tier) = customer.tier() else { return Ok(guest) };
        if offer.most(tier) == Some(0) {
            return Ok(false);
        }
        match &offer.audience {
            Some(audience) => self.offers.is_of(customer, audience).await,
            None => Ok(true),
        }
    }

    /// How many the member has left in its window. Outside of every occasion there is none.
    fn window(&self, offer: &Offer) -> Option<Window> {
        let tier = self.customer.as_deref().and_then(Customer::tier)?;
        let most = offer.most(tier)?;
        let span = offer.span(self.zone, &self.days, self.at);
        if offer.window() == WindowOf::Occasion && span.begin.is_none() {
            return None;
        }
        let taken = self.holdings.taken(&offer.id, span.number);
        Some(Window { left: most.saturating_sub(taken), next_at: span.next_at })
    }

    /// Until when another order holds what the member has in its window.
    fn held(&self, offer: &Offer) -> Option<Instant> {
        self.customer.as_deref().and_then(Customer::tier)?;
        let span = offer.span(self.zone, &self.days, self.at);
        self.holdings.held_until(&offer.id, span.number)
    }

    /// Whether it may be used at the moment of pricing; what was claimed or bought may always be.
    fn opens(&self, offer: &Offer, suspended: bool) -> Opens {
        let (zone, days, at) = (self.zone, &self.days, self.at);
        let asks_when = match offer.how {
            How::Auto | How::Code | How::Issue => true,
            How::Claim | How::Buy => false,
        };
        match () {
            () if suspended => Opens::At(None),
            () if !asks_when || offer.when.is_open(zone, days, at) => Opens::Now,
            () => Opens::At(offer.when.opens_at(zone, days, at)),
        }
    }
}
