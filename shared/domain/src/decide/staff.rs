//! What operators do by hand: adjustments, badges, status.

use super::{Draft, Stop, must_move, share};
use crate::{
    event::{EntryKind, Movement},
    id::{BadgeId, BrandId},
    member::Status,
    number::{SignedFigure, signed},
    programme::Expiry,
    refusal::Refusal,
    time::Instant,
};

/// Points and growth moved by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adjust {
    /// The brand that issues added points.
    pub brand: BrandId,
    /// Points; below zero they are taken.
    pub points: SignedFigure,
    /// Growth; below zero it is taken.
    pub growth: SignedFigure,
    /// Why.
    pub reason: String,
    /// When added points expire; by the programme's rule unless given.
    pub expires_at: Option<Instant>,
    /// When it counts as having happened; now unless given (imports).
    pub occurred_at: Option<Instant>,
    /// Whether the brand settles the points as if it had issued them, or taken them back.
    pub bill: bool,
}

/// A badge issued by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssueBadge {
    /// The badge.
    pub badge: BadgeId,
    /// Why.
    pub reason: Option<String>,
}

/// A badge taken back by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakeBadge {
    /// The badge.
    pub badge: BadgeId,
    /// Why.
    pub reason: Option<String>,
}

/// A member's status set by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetStatus {
    /// The new one.
    pub status: Status,
    /// Why.
    pub reason: String,
}

impl Draft<'_> {
    pub(super) fn adjust(&mut self, told: &Adjust) -> Result<(), Stop> {
        let occurred_at = self.occurred_at(&told.brand, told.occurred_at)?;
        if matches!(self.member.status, Status::Closed | Status::Erased) {
            self.must_be_active()?;
        }
        let mut movement = match told.points.get() {
            0 => Movement::default(),
            points @ 1.. => {
                let expires_at = match told.expires_at {
                    Some(instant) => Some(instant),
                    None => self.adjusted_expiry(occurred_at),
                };
                let movement = self.credit(vec![share(expires_at, &told.brand, None, points)]);
                must_move(&movement, points, "an adjustment adds");
                movement
            }
            points => {
                let (shares, missing) = self.take(points.unsigned_abs(), true);
                Movement { shares, debt: self.short(missing), ..Movement::default() }
            }
        };
        movement.growth = told.growth.get().max(-signed(self.member.growth));
        let (brand, reason) = (told.brand.clone(), told.reason.clone());
        let kind = EntryKind::Adjusted { brand, reason, bill: told.bill };
        self.record(occurred_at, movement, None, kind);
        Ok(())
    }

    /// An adjustment is not an activity: with `inactivity` expiry its points join the member's instant, if
    /// that lies ahead.
    pub(super) fn adjusted_expiry(&self, occurred_at: Instant) -> Option<Instant> {
        let programme = self.programme();
        let zone = programme.zone;
        let rule = programme.points.expiry;
        if matches!(rule, Expiry::Inactivity { .. })
            && let Some(instant) = self.inactivity_instant()
        {
            return Some(instant);
        }
        rule.day_after(zone.day(occurred_at)).map(|day| zone.midnight(day))
    }

    /// The caller has made sure that the member does not have the badge.
    pub(super) fn issue_badge(&mut self, told: &IssueBadge) -> Result<(), Stop> {
        self.programme().badge(&told.badge).ok_or(Refusal::BadgeNotFound)?;
        self.must_be_active()?;
        let kind = EntryKind::BadgeIssued { badge: told.badge.clone(), reason: told.reason.clone() };
        self.record(self.context.now, Movement::default(), None, kind);
        Ok(())
    }

    /// The member may have any status, and the programme may no longer have the badge.
    pub(super) fn take_badge(&mut self, told: &TakeBadge) -> Result<(), Stop> {
        if !self.member.has_badge(&told.badge) {
            return Err(Refusal::BadgeNotFound.into());
        }
        let kind = EntryKind::BadgeTaken { badge: told.badge.clone(), reason: told.reason.clone() };
        self.record(self.context.now, Movement::default(), None, kind);
        Ok(())
    }

    pub(super) fn set_status(&mut self, told: &SetStatus) -> Result<(), Stop> {
        if matches!(self.member.status, Status::Closed | Status::Erased) && told.status != Status::Erased {
            self.must_be_active()?;
        }
        let kind = EntryKind::StatusChanged { status: told.status, reason: told.reason.clone() };
        self.record(self.context.now, Movement::default(), None, kind);
        Ok(())
    }
}
