//! What is shown of offers to one member: the grants that it has, and what it could have.

use std::sync::Arc;

use domain::{
    condition::Wants,
    id::{MemberId, OfferId},
    member::Status,
    number::Figure,
    offer::{
        Gives, How, Offer, Window,
        grant::{Grant, State},
        price::Opens,
    },
    time::Instant,
};

use crate::{
    access::requests::Request,
    ledger::act::Whom,
    offers::{
        Offers,
        appraisal::{Appraisal, Appraiser, Grounds},
        customer::Customer,
        draft::OrderNeed,
        held::Holdings,
    },
    programme::shelf::Shelf,
    store::error::Error,
};

/// What a member has of offers.
#[derive(Clone, Debug)]
pub struct GrantsOf {
    /// By offer, then in order of issue; those without an id could be used now.
    pub grants: Vec<Grant>,
    /// The moment they are shown at.
    pub now: Instant,
}

/// An offer, as it is open to a member or not.
#[derive(Clone, Debug)]
pub struct OpenTo {
    /// Its newest version.
    pub offer: Arc<Offer>,
    /// What a piece costs this member, of what is bought.
    pub points: Option<Figure>,
    /// Why it cannot be had or used; `None` if it can.
    pub closed: Option<Closed>,
}

/// Why an offer cannot be had or used by a member: the first of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// The member is not active.
    MemberNotActive,
    /// It is not of the audience.
    NotEligible,
    /// It has as many as it may have.
    MemberLimit {
        /// When the next window begins, if one does.
        next_at: Option<Instant>,
    },
    /// It is not open.
    NotOpen {
        /// When it opens next, if it is known.
        opens_at: Option<Instant>,
    },
    /// None is left.
    SoldOut,
    /// Its budget is spent.
    BudgetExhausted,
}

impl Offers {
    /// What the member has of offers: what was issued, and what it could use now without that.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`](domain::refusal::Refusal::MemberNotFound); a record is unreadable, or the store failed.
    pub async fn grants_of(&self, request: &Request, id: MemberId) -> Result<GrantsOf, Error> {
        let shelf = self.programme.offers().await?;
        let mut customer = self.customer(request, &Whom::Id(id)).await?;
        let now = customer.now;
        let holdings = self.holdings(&shelf, &customer.member, now).await?;
        let mut grants: Vec<(bool, Grant)> =
            holdings.grants.iter().map(|grant| (false, grant.clone())).collect();
        if customer.member.status == Status::Active {
            let more = self.virtual_grants(&shelf, &mut customer, &holdings).await?;
            grants.extend(more.into_iter().map(|grant| (true, grant)));
        }
        // The sort is stable: of one offer they stay in order of issue.
        grants.sort_by(|(virtual_one, one), (virtual_other, other)| {
            (&one.offer, virtual_one).cmp(&(&other.offer, virtual_other))
        });
        Ok(GrantsOf { grants: grants.into_iter().map(|(_, grant)| grant).collect(), now })
    }

    /// What the member could use now of `auto` offers and has not used yet in this window.
    async fn virtual_grants(
        &self,
        shelf: &Shelf,
        customer: &mut Customer,
        holdings: &Holdings,
    ) -> Result<Vec<Grant>, Error> {
        let now = customer.now;
        let zone = self.programme.timeline()?.newest().zone;
        let counted = |offer: &&Arc<Offer>| {
            let is_counted = offer.per_member.is_some() || matches!(offer.gives, Gives::Service(_));
            offer.how == How::Auto && !offer.suspended && is_counted
        };
        let autos: Vec<Arc<Offer>> = shelf.all().filter(counted).cloned().collect();
        if autos.is_empty() {
            return Ok(Vec::new());
        }
        let (member, tier) = (customer.member.id, customer.member.tier_in_effect().clone());
        if autos.iter().any(|offer| offer.when.anniversary.is_some()) {
            self.learn(customer, Wants::PERSON).await?;
        }
        let days = customer.own_days(zone);
        let grounds = Grounds {
            shelf,
            customer: Some(customer),
            holdings,
            zone,
            now,
            at: now,
            need: OrderNeed::ANY,
            is_promised: false,
        };
        let mut appraiser = Appraiser::of(self, grounds, &autos).await?;
        let mut grants = Vec::new();
        for offer in &autos {
            let span = offer.span(zone, &days, now);
            let is_there = holdings
                .windows
                .iter()
                .any(|taken| taken.record.offer == offer.id && taken.window == span.number);
            let outside = offer.window() == Window::Occasion && span.begin.is_none();
            if is_there || outside {
                continue;
            }
            let appraisal = appraiser.appraise(offer, None).await?;
            // What is sold out could not be used now.
            if why_not(&appraisal).is_some() {
                continue;
            }
            let most = offer.most(&tier).map(|most| u32::try_from(most).unwrap_or(u32::MAX));
            grants.push(Grant {
                id: None,
                offer: offer.id.clone(),
                version: offer.version,
                member,
                quantity: most,
                left: most,
                // The window for ever has no begin.
                valid_from: span.begin.unwrap_or(Instant::MIN),
                valid_until: span.end,
                revoked: false,
                given_until: None,
                held: None,
                source: How::Auto,
                issued_at: None,
                code: None,
            });
        }
        Ok(grants)
    }

    /// What the member could have or use, by id: of `auto`, `claim` and `buy`, but for what opens to buy earlier, and for
    /// what is suspended; and why not.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`](domain::refusal::Refusal::MemberNotFound); a record is unreadable, or the store failed.
    pub async fn open_to(
        &self,
        request: &Request,
        id: MemberId,
        after: Option<&OfferId>,
        limit: usize,
    ) -> Result<(Vec<OpenTo>, bool), Error> {
        let shelf = self.programme.offers().await?;
        let mut customer = self.customer(request, &Whom::Id(id)).await?;
        let programmes = self.programme.timeline()?;
        let (programme, now) = (programmes.at(customer.now), customer.now);
        let holdings = self.holdings(&shelf, &customer.member, now).await?;
        let shown = |offer: &&Arc<Offer>| {
            let is_had = matches!(offer.how, How::Auto | How::Claim | How::Buy);
            let is_behind = after.is_none_or(|after| offer.id > *after);
            is_had && is_behind && !offer.suspended && !matches!(offer.gives, Gives::Access { .. })
        };
        let mut page: Vec<Arc<Offer>> = shelf.all().filter(shown).take(limit + 1).cloned().collect();
        let more = page.len() > limit;
        page.truncate(limit);
        if page.iter().any(|offer| offer.when.anniversary.is_some()) {
            self.learn(&mut customer, Wants::PERSON).await?;
        }
        let is_active = customer.member.status == Status::Active;
        let tier = customer.member.tier_in_effect().clone();
        let mut open = Vec::with_capacity(page.len());
        for offer in &page {
            let closed = match is_active {
                true => self.closed_to(&shelf, &mut customer, &holdings, offer).await?,
                false => Some(Closed::MemberNotActive),
            };
            let points = offer.price.and_then(|price| programme.reward_price(&tier, price, 1));
            open.push(OpenTo { offer: offer.clone(), points, closed });
        }
        Ok((open, more))
    }

    async fn closed_to(
        &self,
        shelf: &Shelf,
        customer: &mut Customer,
        holdings: &Holdings,
        offer: &Arc<Offer>,
    ) -> Result<Option<Closed>, Error> {
        match offer.how {
            How::Claim | How::Buy => self.cannot_have(customer, holdings, offer).await,
            How::Auto | How::Issue | How::Code => self.cannot_use(shelf, customer, holdings, offer).await,
        }
    }

    /// Why one piece cannot be claimed or bought, points apart.
    async fn cannot_have(
        &self,
        customer: &mut Customer,
        holdings: &Holdings,
        offer: &Offer,
    ) -> Result<Option<Closed>, Error> {
        let (zone, now) = (self.programme.timeline()?.newest().zone, customer.now);
        if let Some(audience) = &offer.audience
            && !self.is_of(customer, audience).await?
        {
            return Ok(Some(Closed::NotEligible));
        }
        let days = customer.own_days(zone);
        if let Some(limit) = offer.per_member {
            let span = offer.span(zone, &days, now);
            let had = holdings.issued(&offer.id).filter(|before| before.name.window == span.number);
            if had.map(|before| u64::from(before.pieces)).sum::<u64>() >= u64::from(limit.n) {
                return Ok(Some(Closed::MemberLimit { next_at: span.next_at }));
            }
        }
        if offer.valid.issuing_ends(zone).is_some_and(|end| end <= now) {
            return Ok(Some(Closed::NotOpen { opens_at: None }));
        }
        if !offer.when.is_open(zone, &days, now) {
            return Ok(Some(Closed::NotOpen { opens_at: offer.opens_at(zone, &days, now) }));
        }
        let is_bounded =
            offer.hands_out_codes || offer.stock.total.is_some() || offer.stock.per_day.is_some();
        let left = if is_bounded { self.accounts.left_of_offer(offer, now).await?.stock } else { None };
        Ok(left.filter(|left| *left == 0).map(|_| Closed::SoldOut))
    }

    /// Why an `auto` offer cannot be used, orders apart.
    async fn cannot_use(
        &self,
        shelf: &Shelf,
        customer: &mut Customer,
        holdings: &Holdings,
        offer: &Arc<Offer>,
    ) -> Result<Option<Closed>, Error> {
        let (zone, now) = (self.programme.timeline()?.newest().zone, customer.now);
        let grounds = Grounds {
            shelf,
            customer: Some(customer),
            holdings,
            zone,
            now,
            at: now,
            need: OrderNeed::ANY,
            is_promised: false,
        };
        let mut appraiser = Appraiser::of(self, grounds, std::slice::from_ref(offer)).await?;
        Ok(why_not(&appraiser.appraise(offer, None).await?))
    }
}

/// The first reason for which one piece cannot be used.
fn why_not(appraisal: &Appraisal) -> Option<Closed> {
    let judged = appraisal.judged();
    if !judged.fits {
        return Some(Closed::NotEligible);
    }
    if let Some(window) = judged.member.filter(|window| window.left == 0) {
        return Some(Closed::MemberLimit { next_at: window.next_at });
    }
    if let Opens::At(opens_at) = judged.opens {
        return Some(Closed::NotOpen { opens_at });
    }
    if judged.uses == Some(0) {
        return Some(Closed::SoldOut);
    }
    judged.budget.filter(|left| left.0 == 0).map(|_| Closed::BudgetExhausted)
}

/// Grants in that state alone, if one is named.
pub fn in_state(grants: Vec<Grant>, word: Option<&str>, now: Instant) -> Vec<Grant> {
    let is_it = |grant: &Grant| {
        let state: State<'_> = grant.state(now);
        word.is_none_or(|word| state.word() == word)
    };
    grants.into_iter().filter(is_it).collect()
}
