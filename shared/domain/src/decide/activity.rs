//! Activities that take, and activities that are taken back (rules, 8).

use super::{Draft, EarnActivity, Stop, invalid};
use crate::{
    event::{ActivityReversed, ActivityTook, EntryKind, Event, Movement, OrderLot},
    id::BrandId,
    number::signed,
    programme::{Activity, BrandKind, Expiry},
    refusal::Refusal,
    time::{Day, Instant},
};

impl Draft<'_> {
    /// What takes is told by the house: a partner takes nothing from a member.
    pub(super) fn may_tell(&self, rules: &Activity, brand: &BrandId) -> Result<(), Refusal> {
        let own = self.programme().brand(brand).is_some_and(|brand| brand.kind == BrandKind::Own);
        if rules.takes && !own { Err(Refusal::Forbidden) } else { Ok(()) }
    }

    /// Takes what the activity takes, as an adjustment's minus does. No limit of points holds, no streak runs,
    /// and no end moves.
    pub(super) fn take_for_activity(
        &mut self,
        told: &EarnActivity,
        rules: &Activity,
        occurred_at: Instant,
        day: Day,
    ) -> Result<(), Stop> {
        let (shares, missing) = self.take(rules.points, true);
        let growth = -signed(rules.growth.min(self.member.growth));
        let movement = Movement { shares, debt: self.short(missing), growth, ..Movement::default() };
        let kind = EntryKind::ActivityTook(ActivityTook {
            brand: told.brand.clone(),
            activity: told.activity.clone(),
            reference: told.reference.clone(),
            calculated: rules.points,
            day: day.number(),
        });
        self.record(occurred_at, movement, None, kind);
        Ok(())
    }

    /// Takes back all that an activity gave, its streak's bonus too: from its own lot first, which it still has
    /// if that has not ended. Nothing is freed: neither a limit nor a day of a streak.
    pub(super) fn reverse_activity(&mut self, done: &Event, version: u32) -> Result<(), Stop> {
        let given = match &done.kind {
            EntryKind::ActivityEarned(given) => given,
            EntryKind::ActivityTook(_) => {
                let detail = "an activity that takes is not taken back";
                return Err(invalid("/activity", "not_reversible", detail).into());
            }
            EntryKind::OrderEarned(_)
            | EntryKind::PointsRedeemed { .. }
            | EntryKind::PointsExpired
            | EntryKind::OrderRefunded(_)
            | EntryKind::OrderRevised(_)
            | EntryKind::RedemptionCancelled(_)
            | EntryKind::Adjusted { .. }
            | EntryKind::TierKept { .. }
            | EntryKind::TierChanged { .. }
            | EntryKind::TrialStarted { .. }
            | EntryKind::BadgeIssued { .. }
            | EntryKind::BadgeTaken { .. }
            | EntryKind::StatusChanged { .. }
            | EntryKind::ActivityReversed(_)
            | EntryKind::PointsRestored
            | EntryKind::Brought(_)
            | EntryKind::MergedIn(_)
            | EntryKind::MergedAway(_)
            | EntryKind::PartedFrom(_)
            | EntryKind::Parted(_)
            | EntryKind::GrantIssued(_)
            | EntryKind::GrantRevoked(_)
            | EntryKind::OfferUsed(_)
            | EntryKind::UseReversed(_)
            | EntryKind::ReferralGiven(_)
            | EntryKind::ReferralTaken(_) => return Err(Refusal::ActivityNotFound.into()),
        };
        // By the reference that it was found by.
        let reference = given.reference.clone().ok_or(Refusal::ActivityNotFound)?;
        let lot = self.lot_of_activity(Day::from_number(given.day), version);
        let growth = done.movement.growth.max(0).unsigned_abs();
        let (movement, taken) = self.take_back(&given.brand, lot.as_ref(), given.granted, growth);
        let kind = EntryKind::ActivityReversed(ActivityReversed {
            brand: given.brand.clone(),
            activity: given.activity.clone(),
            reference,
            taken,
        });
        self.record(self.context.now, movement, None, kind);
        Ok(())
    }

    /// The lot that the points of an activity on that day went to, by the version it was recorded under; `None`
    /// with `inactivity` expiry, where no lot is its own.
    fn lot_of_activity(&self, day: Day, version: u32) -> Option<OrderLot> {
        let made_under = self.context.programmes.version(version);
        let programme =
            made_under.unwrap_or_else(|| panic!("an activity of version {version}, which is not known"));
        match programme.points.expiry {
            Expiry::Inactivity { .. } => None,
            rule => {
                let expires_at = rule.day_after(day).map(|day| programme.zone.midnight(day));
                Some(OrderLot { expires_at, held_until: None })
            }
        }
    }
}
