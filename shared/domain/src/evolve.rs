//! Applies what has happened. No rule is decided here: an event says what changed, and this applies it to the
//! member, or stops if that is impossible.

use crate::{
    brought::Brought,
    event::{EntryKind, Event, Movement, Order, OrderRevised, Share, TierCause},
    id::{ActivityId, BrandId},
    member::{ActivityCount, Badge, CATEGORIES_MAX, COUNTED_DAYS, Lot, Member, OrderStats, Standing, Trial},
    number::{Fraction, Money, signed},
    referral::Side,
    time::{DayNumber, Instant},
};

/// The member after the event.
///
/// # Panics
/// The event does not follow from the member, or leaves an impossible one: a decision was wrong, and nothing
/// of it may be written.
pub fn evolve(member: &mut Member, event: &Event) {
    let (before, growth, orders) = (member.balance(), signed(member.growth), member.orders.count);
    let row = event.kind.row();
    if let Some(change) = row.order_change() {
        let (rests, left) = (&member.orders.rests, change.rest_before);
        assert!(rests.without(left).is_some(), "an order that left {left:?} is not among {rests:?}");
    }
    evolve_unchecked(member, event);
    let (after, moved) = (member.balance(), event.movement.points());
    assert!(before + moved == after, "a balance of {before} and {moved} points that move come to {after}");
    let (grown, grows) = (signed(member.growth), event.movement.growth);
    assert!(growth + grows == grown, "a growth of {growth} that changes by {grows} comes to {grown}");
    let opens = row.order.is_some() || row.revision.is_some_and(|revised| revised.reopens);
    let closes =
        row.refund.is_some_and(|refund| refund.closes) || row.revision.is_some_and(|revised| revised.closes);
    let (now, count) = (member.orders.count, orders + u64::from(opens));
    assert!(
        now + u64::from(closes) == count || event.kind.merge().is_some(),
        "{count} orders of which {} closes are {now}",
        u8::from(closes)
    );
    // What is restored is spent next, and repays no debt.
    let owes = member.debt > 0 && !member.lots.is_empty() && !row.moves.is_restored();
    assert!(!owes, "a member owes {} points and has {} lots", member.debt, member.lots.len());
}

/// Applies an event of a ledger that may be damaged, for the audit: it has checked the event against the
/// member and reported what is wrong, and continues. Where [`evolve`] would stop, taking more than there is
/// takes all of it.
pub fn evolve_unchecked(member: &mut Member, event: &Event) {
    member.mature(event.at);
    member.seq += 1;
    if event.kind.row().is_activity {
        member.active_on = event.today;
        member.ends_with = member.ends_with.filter(|_| event.moves_expiry_to.is_some());
    }
    member.move_points(&event.movement, event.moves_expiry_to);
    match &event.kind {
        EntryKind::OrderEarned(order) => {
            member.count_order(order, event.occurred_at);
            member.count_granted(order.day, order.granted, event.today);
        }
        EntryKind::ActivityEarned(activity) => {
            member.count_activity(&activity.activity, activity.day, Some(activity.streak));
            member.count_granted(activity.day, activity.granted, event.today);
        }
        EntryKind::ActivityTook(took) => {
            member.count_activity(&took.activity, took.day, None);
            member.forget_days(event.today);
        }
        EntryKind::OrderRefunded(refund) => {
            member.orders.count = member.orders.count.saturating_sub(refund.closes.into());
            let change = 0i128.saturating_sub(refund.amount.0);
            member.orders.change_amount(change, refund.rest_before, refund.after.rest);
        }
        EntryKind::OrderRevised(revised) => {
            member.count_revised(revised);
            member.count_granted(revised.order.day, revised.counted, event.today);
        }
        EntryKind::TierKept { valid_until, counted, lifetime, tier } => {
            member.standing.valid_until = *valid_until;
            member.standing.counted = *counted;
            member.standing.kept += 1;
            member.period_growth = 0;
            if *lifetime {
                member.lifetime = Some(tier.clone());
            }
        }
        EntryKind::TierChanged { to, valid_until, why, ends_trial, .. } => {
            let since = match why {
                TierCause::Raised => event.at,
                TierCause::Lapsed | TierCause::Version(_) => event.occurred_at,
            };
            let (tier, valid_until) = (to.clone(), *valid_until);
            member.standing = Standing { tier, since, valid_until, kept: 0, counted: None };
            member.period_growth = 0;
            if *ends_trial {
                member.trial = None;
            }
        }
        EntryKind::TrialStarted { tier, until } => {
            member.trial = Some(Trial { tier: tier.clone(), until: *until });
            member.tried.push(tier.clone());
        }
        EntryKind::BadgeIssued { badge, .. } => {
            member.badges.push(Badge { id: badge.clone(), issued_at: event.occurred_at });
        }
        EntryKind::BadgeTaken { badge, .. } => {
            member.badges.retain(|own| own.id != *badge);
            if !member.by_hand.contains(badge) {
                member.by_hand.push(badge.clone());
            }
        }
        EntryKind::StatusChanged { status, .. } => member.status = *status,
        EntryKind::Brought(brought) => member.bring(brought, event.at),
        EntryKind::MergedIn(merged) => merged.apply(member),
        EntryKind::MergedAway(merged) => merged.apply(member, event.at),
        EntryKind::PartedFrom(parted) => parted.apply(member),
        EntryKind::Parted(parted) => parted.apply(member),
        EntryKind::ReferralGiven(given) => match given.side {
            Side::Friend => {}
            Side::Referrer => {
                let points = given.rewarded.points;
                member.friends.gives(given.held_until, event.at, event.today, points);
            }
        },
        EntryKind::ReferralTaken(taken) => match taken.side {
            Side::Friend => {}
            Side::Referrer => member.friends.takes_back(taken.held_until),
        },
        EntryKind::PointsRedeemed { .. }
        | EntryKind::PointsExpired
        | EntryKind::PointsRestored
        | EntryKind::ActivityReversed(_)
        | EntryKind::RedemptionCancelled(_)
        | EntryKind::GrantIssued(_)
        | EntryKind::GrantRevoked(_)
        | EntryKind::OfferUsed(_)
        | EntryKind::UseReversed(_)
        | EntryKind::Adjusted { .. } => {}
    }
}

impl Member {
    /// Brings holds and the trial up to that moment: their ends were written down when they began. Never goes
    /// back.
    pub fn mature(&mut self, at: Instant) {
        self.as_of = self.as_of.max(at);
        self.friends.mature(at);
        if self.trial.as_ref().is_some_and(|trial| trial.until <= at) {
            self.trial = None;
        }
        if self.lots.iter().any(|lot| lot.held_until.is_some_and(|until| until <= at)) {
            for lot in &mut self.lots {
                lot.held_until = lot.held_until.filter(|until| *until > at);
            }
            self.tidy_lots();
        }
    }

    /// Sorts lots into spending order and merges equal ones.
    fn tidy_lots(&mut self) {
        self.lots.retain(|lot| lot.points > 0);
        self.lots.sort_by(|left, right| left.spending_order().cmp(&right.spending_order()));
        self.lots.dedup_by(|later, kept| {
            let equal = later.spending_order() == kept.spending_order();
            if equal {
                kept.points += later.points;
            }
            equal
        });
    }

    /// Moves points and growth, and then the ends of all lots if they move.
    pub(crate) fn move_points(&mut self, movement: &Movement, expiry_to: Option<Instant>) {
        self.apply(movement);
        if let Some(instant) = expiry_to {
            self.move_expiry(instant);
        }
    }

    fn apply(&mut self, movement: &Movement) {
        for share in &movement.shares {
            self.change_lot(share);
        }
        if !movement.shares.is_empty() {
            self.tidy_lots();
        }
        self.debt = self.debt.saturating_add_signed(movement.debt);
        self.growth = self.growth.saturating_add_signed(movement.growth);
        self.period_growth = self.period_growth.saturating_add(movement.growth);
    }

    fn change_lot(&mut self, share: &Share) {
        let same = |lot: &&mut Lot| {
            lot.expires_at == share.expires_at
                && lot.brand == share.brand
                && lot.held_until == share.held_until
        };
        match self.lots.iter_mut().find(same) {
            Some(lot) => lot.points = lot.points.saturating_add_signed(share.points),
            None => self.lots.push(Lot {
                expires_at: share.expires_at,
                brand: share.brand.clone(),
                held_until: share.held_until,
                points: u64::try_from(share.points).unwrap_or(0),
            }),
        }
    }

    /// Never moves an expiry nearer: a lot from before the programme counted inactivity keeps its own.
    fn move_expiry(&mut self, instant: Instant) {
        self.ends_with = self.ends_with.max(Some(instant));
        for lot in &mut self.lots {
            lot.expires_at = lot.expires_at.map(|own| own.max(instant));
        }
        self.tidy_lots();
    }

    /// What was said of the standing before Laurel.
    fn bring(&mut self, brought: &Brought, at: Instant) {
        if let Some(opening) = &brought.opening {
            self.opening.clone_from(opening);
        }
        if let Some((tier, valid_until)) = &brought.tier {
            let (tier, valid_until) = (tier.clone(), *valid_until);
            self.standing = Standing { tier, since: at, valid_until, kept: 0, counted: None };
        }
        if brought.ends_trial {
            self.trial = None;
        }
    }

    /// Counts what an entry of another record says of orders, activities and points granted, and moves nothing: what
    /// came by way of this one.
    pub(crate) fn count_apart(&mut self, event: &Event) {
        let row = event.kind.row();
        if let Some(order) = row.order {
            self.count_order(order, event.occurred_at);
        }
        if let Some(refund) = row.refund {
            self.orders.count = self.orders.count.saturating_sub(refund.closes.into());
            let change = 0i128.saturating_sub(refund.amount.0);
            self.orders.change_amount(change, refund.rest_before, refund.after.rest);
        }
        if let Some(revised) = row.revision {
            self.count_revised(revised);
        }
        if let Some(deed) = row.activity {
            self.count_activity(deed.activity, deed.day, deed.streak);
        }
        if let Some(granted) = row.granted {
            self.count_granted(granted.day, granted.points, event.today);
        }
        if row.is_activity {
            self.active_on = self.active_on.max(event.today);
        }
    }

    fn count_order(&mut self, order: &Order, occurred_at: Instant) {
        let orders = &mut self.orders;
        orders.count += 1;
        orders.amount = Money(orders.amount.0.saturating_add(order.amount.0));
        orders.first_at = Some(orders.first_at.map_or(occurred_at, |first| first.min(occurred_at)));
        orders.last_at = Some(orders.last_at.map_or(occurred_at, |last| last.max(occurred_at)));
        self.count_categories(order);
    }

    /// An order was told anew: whether it counts, what remains of it, and what was bought.
    fn count_revised(&mut self, revised: &OrderRevised) {
        let orders = &mut self.orders;
        orders.count += u64::from(revised.reopens);
        orders.count = orders.count.saturating_sub(revised.closes.into());
        let change = i128::from(revised.order.amount.0) - i128::from(revised.remained.0);
        orders.change_amount(change, revised.rest_before, revised.after.rest);
        self.count_categories(&revised.order);
    }

    fn count_categories(&mut self, order: &Order) {
        let orders = &mut self.orders;
        for category in order.lines.iter().filter_map(|line| line.category.as_ref()) {
            if orders.categories.contains(category) {
                continue;
            }
            if orders.categories.len() < CATEGORIES_MAX {
                orders.categories.push(category.clone());
            } else {
                orders.more_categories = true;
            }
        }
    }

    /// Counts one for its local day; with the streak that it leaves, if it has any.
    fn count_activity(&mut self, id: &ActivityId, day: DayNumber, streak: Option<(DayNumber, u32)>) {
        let known = self.activities.iter().position(|count| count.id == *id);
        let index = known.unwrap_or_else(|| {
            let count =
                ActivityCount { id: id.clone(), days: Vec::new(), streak_day: DayNumber::NEVER, streak: 0 };
            self.activities.push(count);
            self.activities.len() - 1
        });
        let count = &mut self.activities[index];
        if let Some(streak) = streak {
            (count.streak_day, count.streak) = streak;
        }
        match count.days.iter_mut().find(|(known, _)| *known == day) {
            Some((_, times)) => *times += 1,
            None => count.days.push((day, 1)),
        }
    }

    /// Counts granted points for their local day and forgets days beyond [`COUNTED_DAYS`].
    fn count_granted(&mut self, day: DayNumber, points: u64, today: DayNumber) {
        match self.granted.iter_mut().find(|(counted, _)| *counted == day) {
            Some((_, granted)) => *granted += points,
            None => self.granted.push((day, points)),
        }
        self.forget_days(today);
    }

    /// Forgets days beyond [`COUNTED_DAYS`].
    fn forget_days(&mut self, today: DayNumber) {
        let horizon = today.plus(-COUNTED_DAYS);
        self.granted.retain(|(day, _)| *day >= horizon);
        for activity in &mut self.activities {
            activity.days.retain(|(day, _)| *day >= horizon);
        }
    }
}

impl OrderStats {
    /// What remains of one order changes: by that in whole minor units, and what it leaves beyond them.
    fn change_amount(&mut self, change: i128, before: Fraction, after: Fraction) {
        let others = i128::from(self.amount.0) - i128::from(self.rests.wholes());
        self.rests.remove(before);
        self.rests.add(after);
        let amount = others.saturating_add(change).saturating_add(self.rests.wholes().into());
        self.amount = Money(u64::try_from(amount.max(0)).unwrap_or(u64::MAX));
    }
}

impl Lot {
    /// The earliest expiry (never last), then the brand, then free before held. Equal lots are one lot.
    pub(crate) fn spending_order(&self) -> (bool, Option<Instant>, &BrandId, bool, Option<Instant>) {
        (self.expires_at.is_none(), self.expires_at, &self.brand, self.held_until.is_some(), self.held_until)
    }
}
