//! Spending points (rules, 5).

use super::{Draft, Stop, must_move, share};
use crate::{
    event::{EntryKind, Movement, Share},
    id::{BrandId, OrderId, RedemptionPart},
    number::{Figure, signed},
    programme::{BrandPer, Expiry, OnShort, Way},
    refusal::Refusal,
    time::{Day, DayNumber, Instant},
};

/// Points spent on an order, as a caller sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redeem {
    /// The honouring brand.
    pub brand: BrandId,
    /// How many, from 1.
    pub points: Figure,
    /// The order.
    pub order_id: OrderId,
    /// Which of the order's redemptions it is, if it has a name of its own.
    pub part: Option<RedemptionPart>,
    /// When it happened; now unless told.
    pub occurred_at: Option<Instant>,
}

impl Draft<'_> {
    pub(super) fn redeem(&mut self, told: &Redeem) -> Result<(), Stop> {
        let occurred_at = self.redeemed_at(&told.brand, told.occurred_at)?;
        self.must_be_active()?;
        let ended = self.ended_since(occurred_at)?;
        let back: u64 = ended.iter().map(|lot| lot.points).sum();
        let (available, points) = (self.member.available() + back, told.points.get());
        if points == 0 || available < points {
            return Err(Refusal::InsufficientPoints { available, debt: self.member.debt }.into());
        }
        self.check_member_day(&told.brand, Way::Redeem, points)?;
        self.restore(&ended, back.min(points));
        let (shares, missing) = self.take(points, false);
        assert!(missing == 0, "{missing} of {points} points are missing from lots that hold {available}");
        let moves_expiry_to = self.spending_moves_expiry_to();
        let movement = Movement { shares, ..Movement::default() };
        must_move(&movement, -signed(points), "a redemption spends");
        let kind = EntryKind::PointsRedeemed {
            brand: told.brand.clone(),
            order_id: told.order_id.clone(),
            part: told.part.clone(),
        };
        self.record(occurred_at, movement, moves_expiry_to, kind);
        Ok(())
    }

    /// The instant to which all lots' expiry moves where points are spent (`inactivity` expiry).
    pub(super) fn spending_moves_expiry_to(&self) -> Option<Instant> {
        let programme = self.programme();
        let zone = programme.zone;
        match programme.points.expiry {
            rule @ Expiry::Inactivity { .. } => {
                let instant = rule.day_after(zone.day(self.context.now)).map(|day| zone.midnight(day));
                // It never moves back, also where a version has fewer months.
                instant.max(self.member.ends_with)
            }
            _ => None,
        }
    }

    /// A brand's limit for one member and local day, by when entries are recorded. The member's own history
    /// shows what has been used of it.
    pub(super) fn check_member_day(&self, brand: &BrandId, way: Way, points: u64) -> Result<(), Stop> {
        let (programme, per) = (self.programme(), BrandPer::MemberDay);
        let limit = programme.brand(brand).and_then(|brand| brand.limit(per, way));
        let Some(total) = limit.filter(|_| points > 0) else { return Ok(()) };
        let today = programme.zone.day(self.context.now);
        let history = self.wanted_history(today)?;
        let used = history.counted_at(brand, way, today.number());
        // Under an earlier version more may have been used than this one allows: nothing is left then.
        let left = total.saturating_sub(used);
        if left < points { Err(Refusal::BrandLimit { per, way, total, left }.into()) } else { Ok(()) }
    }

    /// Takes up to that many points in spending order, also from held lots (last) if `held`. Returns what
    /// leaves each lot and what is missing.
    pub(super) fn take(&self, points: u64, held: bool) -> (Vec<Share>, u64) {
        let mut missing = points;
        let mut shares = Vec::new();
        let free = self.member.lots.iter().filter(|lot| lot.held_until.is_none());
        let held = self.member.lots.iter().filter(|lot| held && lot.held_until.is_some());
        for lot in free.chain(held) {
            let taken = missing.min(lot.points);
            if taken > 0 {
                shares.push(share(lot.expires_at, &lot.brand, lot.held_until, -signed(taken)));
                missing -= taken;
            }
        }
        (shares, missing)
    }

    /// What a shortfall becomes: debt, or nothing.
    pub(super) fn short(&self, missing: u64) -> i64 {
        match self.programme().points.on_short {
            OnShort::Debt => signed(missing),
            OnShort::Forgive => 0,
        }
    }

    /// The one instant of all the member's points with `inactivity` expiry, if it lies ahead: as it last moved,
    /// whatever the months are now. Where nothing has moved it (the programme did not count inactivity yet, or
    /// 0.1.0 did not record it), that of the existing points, or by the last activity.
    pub(super) fn inactivity_instant(&self) -> Option<Instant> {
        let programme = self.programme();
        if let Some(instant) = self.member.ends_with {
            return Some(instant).filter(|instant| *instant > self.context.now);
        }
        let active =
            (self.member.active_on != DayNumber::NEVER).then(|| Day::from_number(self.member.active_on));
        let active = active
            .and_then(|day| programme.points.expiry.day_after(day))
            .map(|day| programme.zone.midnight(day));
        let lots = self.member.lots.iter().filter_map(|lot| lot.expires_at);
        lots.chain(active).max().filter(|instant| *instant > self.context.now)
    }
}
