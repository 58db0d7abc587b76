//! What two records of one person have together.

use super::Kept;
use crate::{
    event::{Movement, Share},
    member::{Absorbed, ActivityCount, Badge, Lot, Member, OrderStats, Standing, Trial},
    number::{Money, signed},
    programme::Programme,
    time::{Day, DayNumber, Instant},
};

/// The lots of both, in spending order, equal ones as one.
fn lots_of_both(into: &[Lot], from: &[Lot]) -> Vec<Lot> {
    let mut lots: Vec<Lot> = into.to_vec();
    for lot in from {
        match lots.iter_mut().find(|own| is_same(own, lot)) {
            Some(own) => own.points += lot.points,
            None => lots.push(lot.clone()),
        }
    }
    lots.sort_by(|left, right| left.spending_order().cmp(&right.spending_order()));
    lots
}

fn is_same(one: &Lot, other: &Lot) -> bool {
    one.spending_order() == other.spending_order()
}

/// What moves in the member that another comes into: all its lots and growth, less what repays the debts of both, which
/// add. Free points repay before held ones, those that end first before others.
pub fn movement(into: &Member, from: &Member) -> Movement {
    let mut lots = lots_of_both(&into.lots, &from.lots);
    let mut owed = into.debt + from.debt;
    let mut repaid = Vec::new();
    for held in [false, true] {
        for lot in lots.iter_mut().filter(|lot| lot.held_until.is_some() == held) {
            let paid = owed.min(lot.points);
            owed -= paid;
            lot.points -= paid;
            // Of two that have lots neither owes anything, so what pays the member's own debt is the other's.
            if paid > 0 && into.debt > 0 {
                repaid.push(Share { points: signed(paid), ..share_of(lot) });
            }
        }
    }
    let shares = changes(&into.lots, &lots);
    Movement { shares, debt: signed(owed) - signed(into.debt), growth: signed(from.growth), repaid }
}

/// What leaves a member that goes into another: everything.
pub fn all_of(member: &Member) -> Movement {
    Movement {
        shares: changes(&member.lots, &[]),
        debt: -signed(member.debt),
        growth: -signed(member.growth),
        repaid: Vec::new(),
    }
}

/// What has to move for these lots to become those.
pub(crate) fn changes(before: &[Lot], after: &[Lot]) -> Vec<Share> {
    let was = |lot: &Lot| before.iter().find(|own| is_same(own, lot)).map_or(0, |own| signed(own.points));
    let is_gone = |lot: &&Lot| !after.iter().any(|own| is_same(own, lot));
    let gone =
        before.iter().filter(is_gone).map(|lot| Share { points: -signed(lot.points), ..share_of(lot) });
    let now = after.iter().map(|lot| Share { points: signed(lot.points) - was(lot), ..share_of(lot) });
    gone.chain(now).filter(|share| share.points != 0).collect()
}

fn share_of(lot: &Lot) -> Share {
    Share { expires_at: lot.expires_at, brand: lot.brand.clone(), held_until: lot.held_until, points: 0 }
}

/// What the member has beside points and growth, once the other has come in; both are settled to now.
pub fn kept(programme: &Programme, into: &Member, from: &Member, absorbed: Absorbed, now: Instant) -> Kept {
    let standing = higher_standing(programme, into, from);
    let trial = higher_trial(programme, into, from, &standing);
    let rank = |tier: &crate::id::TierId| programme.rank(tier);
    let lifetimes = [into.lifetime.clone(), from.lifetime.clone()];
    let mut tried = into.tried.clone();
    tried.extend(from.tried.iter().filter(|tier| !into.tried.contains(tier)).cloned());
    let mut by_hand = into.by_hand.clone();
    by_hand.extend(from.by_hand.iter().filter(|badge| !into.by_hand.contains(badge)).cloned());
    let mut all = into.absorbed.clone();
    all.push(absorbed);
    all.extend(from.absorbed.iter().copied());
    Kept {
        period_growth: into.period_growth.saturating_add(from.period_growth),
        standing,
        lifetime: lifetimes.into_iter().flatten().max_by_key(rank),
        trial,
        tried,
        active_on: into.active_on.max(from.active_on),
        badges: badges(&into.badges, &from.badges),
        by_hand,
        granted: counted(&into.granted, &from.granted),
        activities: activities(programme, &into.activities, &from.activities, now),
        orders: into.orders.with(&from.orders),
        absorbed: all,
    }
}

/// The higher tier, with its own end and the times that it was kept. Of equal ones that with the later end.
fn higher_standing(programme: &Programme, into: &Member, from: &Member) -> Standing {
    let place = |standing: &Standing| {
        let end = standing.valid_until;
        (programme.place_of(&standing.tier), end.is_none(), end)
    };
    let other_is_higher = place(&from.standing) > place(&into.standing);
    if other_is_higher { from.standing.clone() } else { into.standing.clone() }
}

/// The higher of the trials that run, if it is above the tier.
fn higher_trial(programme: &Programme, into: &Member, from: &Member, standing: &Standing) -> Option<Trial> {
    let own = programme.place_of(&standing.tier);
    let trials = [&into.trial, &from.trial].into_iter().flatten();
    let above = trials.filter(|trial| programme.place_of(&trial.tier) > own);
    above.max_by_key(|trial| (programme.place_of(&trial.tier), trial.until)).cloned()
}

/// Each once, at the earlier date, in order of issue.
fn badges(into: &[Badge], from: &[Badge]) -> Vec<Badge> {
    let mut badges = into.to_vec();
    for badge in from {
        match badges.iter_mut().find(|own| own.id == badge.id) {
            Some(own) => own.issued_at = own.issued_at.min(badge.issued_at),
            None => badges.push(badge.clone()),
        }
    }
    badges.sort_by_key(|badge| badge.issued_at);
    badges
}

/// What was counted per day, of both.
fn counted(into: &[(DayNumber, u64)], from: &[(DayNumber, u64)]) -> Vec<(DayNumber, u64)> {
    let mut days = into.to_vec();
    for (day, points) in from {
        match days.iter_mut().find(|(own, _)| own == day) {
            Some((_, own)) => *own = own.saturating_add(*points),
            None => days.push((*day, *points)),
        }
    }
    days
}

fn activities(
    programme: &Programme,
    into: &[ActivityCount],
    from: &[ActivityCount],
    now: Instant,
) -> Vec<ActivityCount> {
    let today = programme.zone.day(now).number();
    let mut counts = into.to_vec();
    for other in from {
        let Some(own) = counts.iter_mut().find(|own| own.id == other.id) else {
            counts.push(other.clone());
            continue;
        };
        for (day, times) in &other.days {
            match own.days.iter_mut().find(|(known, _)| known == day) {
                Some((_, known)) => *known = known.saturating_add(*times),
                None => own.days.push((*day, *times)),
            }
        }
        let runs = |day: DayNumber| {
            day != DayNumber::NEVER && programme.zone.next_day(Day::from_number(day)).number() >= today
        };
        (own.streak_day, own.streak) = longer(
            (own.streak_day, own.streak, runs(own.streak_day)),
            (other.streak_day, other.streak, runs(other.streak_day)),
        );
    }
    counts
}

/// The longer of two streaks; one that runs before one that was missed. Of two that run, the days of both are the
/// person's: the longer reaches to the later of their days.
fn longer(own: (DayNumber, u32, bool), other: (DayNumber, u32, bool)) -> (DayNumber, u32) {
    match (own.2, other.2) {
        (true, true) => (own.0.max(other.0), own.1.max(other.1)),
        (true, false) => (own.0, own.1),
        (false, true) => (other.0, other.1),
        (false, false) => (own.0, own.1).max((other.0, other.1)),
    }
}

impl OrderStats {
    /// These, with those of another record.
    #[must_use]
    pub fn with(&self, other: &OrderStats) -> OrderStats {
        let mut all = self.clone();
        all.count = all.count.saturating_add(other.count);
        let wholes = |orders: &OrderStats| orders.amount.0.saturating_sub(orders.rests.wholes());
        all.rests.add_all(&other.rests);
        let amount = wholes(self).saturating_add(wholes(other));
        all.amount = Money(amount.saturating_add(all.rests.wholes()));
        all.seen_with(other);
        all
    }

    /// These without those of another record, which were among them. When the first and the last happened and what was
    /// bought stays, for the caller to say.
    #[must_use]
    pub(crate) fn without(&self, other: &OrderStats) -> OrderStats {
        let mut left = self.clone();
        left.count = left.count.saturating_sub(other.count);
        let wholes = |orders: &OrderStats| orders.amount.0.saturating_sub(orders.rests.wholes());
        left.rests.remove_all(&other.rests);
        let amount = wholes(self).saturating_sub(wholes(other));
        left.amount = Money(amount.saturating_add(left.rests.wholes()));
        left
    }

    /// When the first and the last happened, and what was bought, of both.
    pub(crate) fn seen_with(&mut self, other: &OrderStats) {
        self.first_at = [self.first_at, other.first_at].into_iter().flatten().min();
        self.last_at = self.last_at.max(other.last_at);
        self.more_categories |= other.more_categories;
        for category in &other.categories {
            if self.categories.contains(category) {
                continue;
            }
            if self.categories.len() < crate::member::CATEGORIES_MAX {
                self.categories.push(category.clone());
            } else {
                self.more_categories = true;
            }
        }
    }
}
