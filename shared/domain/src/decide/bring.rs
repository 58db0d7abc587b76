//! What a shop brings along: a member's standing and balances before Laurel, and corrections of them.

use super::{Draft, Stop, invalid, must_move, share};
use crate::{
    brought::{Balance, Brought, Opening},
    event::{EntryKind, Movement, Share},
    id::{BadgeId, BalanceId, BrandId},
    member::Status,
    number::{SignedFigure, signed},
    refusal::Refusal,
    time::Instant,
};

/// What a row of a file brings of one member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bring {
    /// The brand of the points.
    pub brand: BrandId,
    /// Why, for people.
    pub reason: String,
    /// Whether the brand settles the points as if it had issued them now.
    pub bill: bool,
    /// What is said of the standing, and was not said before or is corrected.
    pub opening: Opening,
    /// The growth that was said before; 0 if none was.
    pub growth_before: u64,
    /// A balance that is new or corrected.
    pub balance: Option<BringBalance>,
    /// Badges that the member has, or has from now on.
    pub badges: Vec<BadgeId>,
}

/// A balance, as a row says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BringBalance {
    /// Its name.
    pub id: BalanceId,
    /// Its points; below 0 they are owed.
    pub points: SignedFigure,
    /// Its end; `None` is not said, the inner one is never.
    pub expires_at: Option<Option<Instant>>,
    /// Its hold; `None` is not said.
    pub held_until: Option<Instant>,
    /// What was said before, if anything was.
    pub before: Option<Before>,
    /// How many entries it has under its name.
    pub number: u32,
    /// The number of the member's entry that 0.1.0 made of it.
    pub instead_of: Option<u64>,
}

/// A balance as it was said before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Before {
    /// Its points; below 0 they were owed.
    pub points: i64,
    /// Its end; the inner `None` is never. `None` where nothing shows it: the points repaid a debt, or are owed.
    pub expires_at: Option<Option<Instant>>,
    /// Its hold, as it was said.
    pub held_until: Option<Instant>,
}

impl Draft<'_> {
    pub(super) fn bring(&mut self, told: &Bring) -> Result<(), Stop> {
        self.programme().brand(&told.brand).ok_or(Refusal::BrandNotFound)?;
        if matches!(self.member.status, Status::Closed | Status::Erased) {
            self.must_be_active()?;
        }
        self.open(told)?;
        if let Some(balance) = &told.balance {
            self.bring_balance(told, balance)?;
        }
        for badge in &told.badges {
            // Staff has taken that one back, and only staff gives it again.
            if self.member.has_badge(badge) || self.member.by_hand.contains(badge) {
                continue;
            }
            self.programme().badge(badge).ok_or(Refusal::BadgeNotFound)?;
            let kind = EntryKind::BadgeIssued { badge: badge.clone(), reason: Some(told.reason.clone()) };
            self.record(self.context.now, Movement::default(), None, kind);
        }
        Ok(())
    }

    /// The member's standing: one entry, if it says anything new.
    fn open(&mut self, told: &Bring) -> Result<(), Stop> {
        let said = &told.opening;
        let opening = said.or(&self.member.opening);
        let tier = self.opening_tier(said)?;
        if opening == self.member.opening && tier.is_none() {
            return Ok(());
        }
        let growth = said.growth.map_or(0, |growth| signed(growth) - signed(told.growth_before));
        let growth = growth.max(-signed(self.member.growth));
        let programme = self.programme();
        let rank = tier.as_ref().and_then(|(tier, _)| programme.rank(tier));
        let trial = self.member.trial.as_ref();
        let ends_trial = rank.is_some() && trial.is_some_and(|trial| programme.rank(&trial.tier) <= rank);
        let brought = Brought { opening: Some(opening), tier, ends_trial, ..plain(told) };
        let movement = Movement { growth, ..Movement::default() };
        self.record(self.context.now, movement, None, EntryKind::Brought(Box::new(brought)));
        Ok(())
    }

    /// The tier that is said, with its end, if the member has not got it already.
    fn opening_tier(&self, said: &Opening) -> Result<Option<(crate::id::TierId, Option<Instant>)>, Refusal> {
        if said.tier.is_none() && said.tier_until.is_none() {
            return Ok(None);
        }
        let (programme, now, own) = (self.programme(), self.context.now, &self.member.standing);
        // An end alone is that of the tier that was said, and no other tier's that was reached since.
        let id = said.tier.as_ref().or(self.member.opening.tier.as_ref()).unwrap_or(&own.tier);
        if said.tier.is_none() && *id != own.tier {
            return Ok(None);
        }
        let tier = programme.tiers.iter().find(|tier| tier.id == *id);
        let Some(tier) = tier else {
            let ids: Vec<&str> = programme.tiers.iter().map(|tier| tier.id.as_str()).collect();
            return Err(invalid("/tier", "unknown_tier", format!("one of {}", ids.join(", "))));
        };
        let until = match said.tier_until {
            Some(until) => until,
            // Said before, and nothing of it changes.
            None if *id == own.tier => return Ok(None),
            None => programme.period_end(tier, now),
        };
        if until.is_some_and(|until| until <= now) {
            return Err(invalid("/tier_until", "out_of_range", "ahead of now"));
        }
        let same = (id, until) == (&own.tier, own.valid_until);
        Ok((!same).then(|| (id.clone(), until)))
    }

    /// A balance that is told first, or corrected: where its end moves, an entry of 0 points moves what is left of
    /// it, and another one books the difference.
    fn bring_balance(&mut self, told: &Bring, said: &BringBalance) -> Result<(), Stop> {
        let now = self.context.now;
        let before = said.before;
        let known = before.and_then(|before| before.expires_at);
        let expires_at = said.expires_at.or(known).unwrap_or_else(|| self.adjusted_expiry(now));
        if expires_at.is_some_and(|at| at <= now) {
            return Err(invalid("/expires_at", "out_of_range", "ahead of now").into());
        }
        let held_until = said.held_until.or(before.and_then(|before| before.held_until));
        let mut balance = Balance {
            id: said.id.clone(),
            number: said.number,
            points: before.map_or(0, |before| before.points),
            expires_at,
            held_until,
            instead_of: said.instead_of,
        };
        let own = share(expires_at, &told.brand, held_until.filter(|until| *until > now), 0);
        if let Some((before, end)) = before.zip(known)
            && (end, before.held_until) != (expires_at, held_until)
        {
            let movement = self.moved(before, end, &own);
            must_move(&movement, 0, "a balance's moved end moves");
            self.record_balance(told, &balance, movement);
            balance.number += 1;
        }
        let change = said.points.get() - balance.points;
        if change != 0 || before.is_none() {
            balance.points = said.points.get();
            let movement = match change {
                0 => Movement::default(),
                points @ 1.. => self.credit(vec![Share { points, ..own }]),
                points => self.taken_first(&own, points.unsigned_abs()),
            };
            must_move(&movement, change, "a balance brings");
            self.record_balance(told, &balance, movement);
        }
        Ok(())
    }

    fn record_balance(&mut self, told: &Bring, balance: &Balance, movement: Movement) {
        let brought = Brought { balance: Some(balance.clone()), ..plain(told) };
        self.record(self.context.now, movement, None, EntryKind::Brought(Box::new(brought)));
    }

    /// What is left of a balance leaves its lot for that one. Lots unite, so it is at most what the lot has.
    fn moved(&self, before: Before, end: Option<Instant>, own: &Share) -> Movement {
        let hold = before.held_until.filter(|until| *until > self.context.now);
        let from = share(end, &own.brand, hold, 0);
        let lots = self.member.lots.iter();
        let left = lots.filter(|lot| is_lot(lot, &from)).map(|lot| signed(lot.points)).sum::<i64>();
        let points = left.min(before.points.max(0));
        if points == 0 || (from.expires_at, from.held_until) == (own.expires_at, own.held_until) {
            return Movement::default();
        }
        let shares = vec![Share { points: -points, ..from }, Share { points, ..own.clone() }];
        Movement { shares, ..Movement::default() }
    }

    /// Takes points from a balance's own lot, then from the others; what is missing is owed, whatever the programme
    /// says of refunds.
    fn taken_first(&self, own: &Share, points: u64) -> Movement {
        let (first, others): (Vec<_>, Vec<_>) = self.member.lots.iter().partition(|lot| is_lot(lot, own));
        let mut missing = points;
        let mut shares = Vec::new();
        for lot in first.into_iter().chain(others) {
            let taken = missing.min(lot.points);
            if taken > 0 {
                shares.push(share(lot.expires_at, &lot.brand, lot.held_until, -signed(taken)));
                missing -= taken;
            }
        }
        Movement { shares, debt: signed(missing), ..Movement::default() }
    }
}

fn is_lot(lot: &crate::member::Lot, share: &Share) -> bool {
    (lot.expires_at, &lot.brand, lot.held_until) == (share.expires_at, &share.brand, share.held_until)
}

/// What every entry of a row has.
fn plain(told: &Bring) -> Brought {
    Brought {
        brand: told.brand.clone(),
        reason: told.reason.clone(),
        bill: told.bill,
        balance: None,
        opening: None,
        tier: None,
        ends_trial: false,
    }
}
