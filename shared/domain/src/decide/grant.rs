//! Grants 持有: an offer is claimed, bought, or issued by staff, and taken back (rewards.md, 2).

use super::{Context, Decision, Draft, Stop, invalid, must_move, share};
use crate::{
    condition::{Subject, Wants},
    event::{EntryKind, Event, GrantIssued, GrantName, GrantRevoked, Movement, points_drawn},
    id::{BrandId, OrderId},
    member::MemberId,
    number::{Figure, signed},
    offer::{
        Gives, How, Offer, Quota, Times,
        grant::{Grant, State},
        openings::OwnDays,
        windows::Span,
    },
    programme::Way,
    refusal::Refusal,
};

/// An offer is claimed, bought, or issued by staff.
#[derive(Clone, Debug)]
pub struct IssueGrant<'a> {
    /// The newest version of the offer.
    pub offer: &'a Offer,
    /// The offer's number.
    pub number: u16,
    /// By way of whom it comes.
    pub holder: MemberId,
    /// Where.
    pub brand: &'a BrandId,
    /// Whether staff issue it, which asks for less.
    pub by_staff: bool,
    /// How many pieces, 1 to 200.
    pub pieces: u32,
    /// What the caller expects it to cost, in points.
    pub points: Option<Figure>,
    /// The caller's own name for it.
    pub asked_as: Option<&'a str>,
    /// Why, of what staff issue.
    pub reason: Option<&'a str>,
    /// The order that it is a gift for.
    pub order_id: Option<&'a OrderId>,
    /// What the member, and all it has absorbed, has been issued of the offer.
    pub before: &'a [IssuedBefore],
    /// How many pieces are left of its stock; without bounds `None`.
    pub stock: Option<u64>,
}

/// What a member was issued before of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IssuedBefore {
    /// What it is known by.
    pub name: GrantName,
    /// How many pieces; none once it was taken back with all of it left.
    pub pieces: u32,
}

/// A grant is taken back.
#[derive(Clone, Debug)]
pub struct RevokeGrant<'a> {
    /// The event of its issue.
    pub issued: &'a Event,
    /// What it is now.
    pub grant: &'a Grant,
    /// How.
    pub how: Revoking<'a>,
}

/// How a grant is taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revoking<'a> {
    /// Staff take it, for that reason.
    Staff(&'a str),
    /// A claim or purchase is taken back whole, and its points come back.
    Whole,
}

impl Draft<'_> {
    pub(super) fn issue_grant(&mut self, told: &IssueGrant<'_>) -> Result<(), Stop> {
        let programme = self.programme();
        let (offer, now, zone) = (told.offer, self.context.now, programme.zone);
        programme.brand(told.brand).ok_or(Refusal::BrandNotFound)?;
        if !told.by_staff && !matches!(offer.how, How::Claim | How::Buy)
            || told.by_staff && !matches!(offer.how, How::Claim | How::Buy | How::Issue)
        {
            let pointer = if told.by_staff { "/offer" } else { "/for/offer_id" };
            let detail = format!("the offer {} is had by {}", offer.id, offer.how.word());
            return Err(invalid(pointer, "wrong_value", detail).into());
        }
        if offer.hands_out_codes && told.pieces != 1 {
            let pointer = if told.by_staff { "/quantity" } else { "/for/quantity" };
            return Err(invalid(pointer, "wrong_value", "of an offer that hands out codes, 1").into());
        }
        self.must_be_active()?;
        if !told.by_staff && !self.is_eligible(offer)? {
            return Err(Refusal::NotEligible.into());
        }
        let own = self.own_days(offer)?;
        let span = offer.span(zone, &own, now);
        self.within_member_limit(told, &span)?;
        let opens = |opens_at| Refusal::OfferNotOpen { opens_at, zone };
        if offer.suspended || offer.valid.issuing_ends(zone).is_some_and(|end| end <= now) {
            return Err(opens(None).into());
        }
        if !told.by_staff && !offer.when.is_open(zone, &own, now) {
            return Err(opens(offer.opens_at(zone, &own, now)).into());
        }
        if told.stock.is_some_and(|left| left < u64::from(told.pieces)) {
            return Err(Refusal::SoldOut.into());
        }
        let movement = self.moved_by_grant(told)?;
        let moves_expiry_to =
            if offer.how == How::Buy && !told.by_staff { self.spending_moves_expiry_to() } else { None };
        let issued = self.issued(told, &span)?;
        self.record(now, movement, moves_expiry_to, EntryKind::GrantIssued(Box::new(issued)));
        Ok(())
    }

    /// Whether the member is of the offer's audience, in which the tier is the one in effect.
    fn is_eligible(&self, offer: &Offer) -> Result<bool, Wants> {
        let Some(audience) = &offer.audience else { return Ok(true) };
        let mut member = self.member.clone();
        member.standing.tier = member.tier_in_effect().clone();
        let subject = Subject {
            member: &member,
            person: self.context.person,
            history: self.context.history,
            recent: &self.events,
            programme: self.programme(),
            now: self.context.now,
        };
        audience.holds(&subject)
    }

    /// The member's own days, if the offer asks for them.
    fn own_days(&self, offer: &Offer) -> Result<OwnDays, Wants> {
        if offer.when.anniversary.is_none() {
            return Ok(OwnDays::default());
        }
        let person = self.context.person.ok_or(Wants::PERSON)?;
        Ok(OwnDays::of(&self.member, person, self.programme().zone))
    }

    fn within_member_limit(&self, told: &IssueGrant<'_>, span: &Span) -> Result<(), Refusal> {
        let Some(limit) = told.offer.per_member else { return Ok(()) };
        let own = told.before.iter().filter(|before| before.name.window == span.number);
        let had: u64 = own.map(|before| u64::from(before.pieces)).sum();
        if had + u64::from(told.pieces) <= u64::from(limit.n) {
            return Ok(());
        }
        Err(Refusal::MemberLimit { next_at: span.next_at, zone: self.programme().zone })
    }

    /// What it costs or gives.
    fn moved_by_grant(&mut self, told: &IssueGrant<'_>) -> Result<Movement, Stop> {
        let offer = told.offer;
        if let (Some(price), false) = (offer.price, told.by_staff) {
            return self.paid(told, price);
        }
        if told.points.is_some_and(|expected| expected.get() != 0) {
            return Err(Refusal::PriceChanged { points: 0 }.into());
        }
        let Gives::Points { points, expires_days } = &offer.gives else { return Ok(Movement::default()) };
        let all = points.get().checked_mul(told.pieces.into()).and_then(Figure::of);
        let all = all.ok_or(Refusal::LimitExceeded { what: "figure" })?.get();
        let (zone, now) = (self.programme().zone, self.context.now);
        let expires_at = match expires_days {
            Some(days) => Some(zone.midnight(zone.day(now).plus_days(*days))),
            None => self.adjusted_expiry(now),
        };
        let movement = self.credit(vec![share(expires_at, &offer.brand, None, signed(all))]);
        must_move(&movement, signed(all), "an offer gives");
        Ok(movement)
    }

    /// The price of a purchase: ⌈points × pieces × the tier's `redeem_rate`⌉ (rules, 5).
    fn paid(&mut self, told: &IssueGrant<'_>, price: Figure) -> Result<Movement, Stop> {
        let price = self.price_of(price, told.pieces)?;
        if told.points.is_some_and(|expected| expected.get() != price) {
            return Err(Refusal::PriceChanged { points: price }.into());
        }
        let available = self.member.available();
        if available < price {
            return Err(Refusal::InsufficientPoints { available, debt: self.member.debt }.into());
        }
        self.check_member_day(told.brand, Way::Redeem, price)?;
        let (shares, missing) = self.take(price, false);
        assert!(missing == 0, "{missing} of {price} points are missing from lots that hold {available}");
        let movement = Movement { shares, ..Movement::default() };
        must_move(&movement, -signed(price), "a purchase spends");
        Ok(movement)
    }

    fn price_of(&self, price: Figure, pieces: u32) -> Result<u64, Refusal> {
        let programme = self.programme();
        let price = programme.reward_price(self.member.tier_in_effect(), price, pieces);
        Ok(price.ok_or(Refusal::LimitExceeded { what: "figure" })?.get())
    }

    fn issued(&self, told: &IssueGrant<'_>, span: &Span) -> Result<GrantIssued, Refusal> {
        let (offer, now, zone) = (told.offer, self.context.now, self.programme().zone);
        let limited = offer.per_member.is_some();
        let first = GrantName {
            holder: told.holder,
            offer: told.number,
            window: if limited { span.number } else { 0 },
            number: 0,
        };
        // Names of others that were merged in count too: nobody's number comes twice.
        let names = told.before.iter().map(|before| GrantName { holder: told.holder, ..before.name });
        let last = names.filter(|name| !limited || name.window == first.window).max().unwrap_or(first);
        let name = last.next(limited).ok_or(Refusal::LimitExceeded { what: "grants" })?;
        let each = match &offer.gives {
            Gives::Service(service) => match &service.quota {
                Quota::All(Times::Most(times)) => *times,
                // The document gives a number to whatever is issued.
                Quota::All(Times::Unlimited) | Quota::ByTier { .. } => 1,
            },
            Gives::Discount(_) | Gives::Item { .. } | Gives::Access { .. } | Gives::Points { .. } => 1,
        };
        let gives_points = matches!(offer.gives, Gives::Points { .. });
        Ok(GrantIssued {
            name,
            brand: if gives_points { offer.brand.clone() } else { told.brand.clone() },
            offer: offer.id.clone(),
            version: offer.version,
            source: if told.by_staff { How::Issue } else { offer.how },
            pieces: told.pieces,
            quantity: told.pieces.saturating_mul(each),
            valid_from: offer.valid.begin(zone, now),
            valid_until: offer.valid.end(zone, now),
            is_used: gives_points || offer.hands_out_codes,
            asked_as: told.asked_as.map(str::to_owned),
            reason: told.reason.map(str::to_owned),
            order_id: told.order_id.cloned(),
        })
    }

    pub(super) fn revoke_grant(&mut self, told: &RevokeGrant<'_>) -> Result<(), Stop> {
        let issued = told.issued.kind.issued().ok_or(Refusal::GrantNotFound)?;
        if told.how == Revoking::Whole && issued.source == How::Issue {
            return Err(invalid("/grant_id", "wrong_value", "staff have issued it, and revoke it").into());
        }
        let (grant, now) = (told.grant, self.context.now);
        let is_whole = grant.left == grant.quantity;
        let state = grant.state(now);
        let refused = |reason| Err(Refusal::GrantNotUsable { reason }.into());
        let mut movement = Movement::default();
        let mut price = None;
        match (told.how, state) {
            (Revoking::Staff(_), State::Granted | State::Held(_)) => {}
            (Revoking::Whole, State::Revoked) => return Err(Refusal::AlreadyCancelled.into()),
            (Revoking::Whole, State::Granted) if !is_whole => return refused("used"),
            (Revoking::Whole, State::Granted) => {
                let drawn = &told.issued.movement.shares;
                if issued.source == How::Buy {
                    let (back, gone) = self.give_back(drawn, 0, points_drawn(drawn));
                    (movement, price) = (back, Some(gone));
                }
            }
            (_, state) => return refused(state.word()),
        }
        let reason = match told.how {
            Revoking::Staff(reason) => Some(reason.to_owned()),
            Revoking::Whole => None,
        };
        let kind = EntryKind::GrantRevoked(Box::new(GrantRevoked {
            name: issued.name,
            brand: issued.brand.clone(),
            offer: issued.offer.clone(),
            pieces: if is_whole { issued.pieces } else { 0 },
            left: grant.left.unwrap_or(0),
            valid_until: grant.valid_until,
            reason,
            price,
        }));
        self.record(now, movement, None, kind);
        Ok(())
    }
}

/// A grant that was given for an order.
#[derive(Clone, Debug)]
pub struct Gift<'a> {
    /// As it was issued.
    pub issued: &'a GrantIssued,
    /// What it is now.
    pub grant: Grant,
}

impl Decision {
    /// The same, after which these gifts of its order are taken back, of which nothing was used: nothing remains of the
    /// order.
    #[must_use]
    pub fn without_gifts(self, context: &Context<'_>, gifts: &[Gift<'_>]) -> Decision {
        let Decision { events, before, member, order, edge } = self;
        let mut draft = Draft { context: *context, member, events, before, edge: None };
        for Gift { issued, grant } in gifts {
            let kind = EntryKind::GrantRevoked(Box::new(GrantRevoked {
                name: issued.name,
                brand: issued.brand.clone(),
                offer: issued.offer.clone(),
                pieces: issued.pieces,
                left: grant.left.unwrap_or(0),
                valid_until: grant.valid_until,
                reason: None,
                price: None,
            }));
            draft.record(context.now, Movement::default(), None, kind);
        }
        Decision { events: draft.events, before, member: draft.member, order, edge }
    }
}
