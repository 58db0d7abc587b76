//! Giving back what was spent (rules, 6): a redemption is cancelled, in part or whole.

use super::{Draft, Stop, must_move, share};
use crate::{
    event::{
        Cancelled, EntryKind, Event, Movement, Redemption, RedemptionCancelled, Share, drawn_last,
        points_drawn,
    },
    id::RedemptionId,
    number::{Figure, signed},
    programme::Expiry,
    refusal::{Refusal, Remaining},
    time::Instant,
};

impl Draft<'_> {
    /// What was drawn last comes back first; `cancelled` points of the redemption have been cancelled before.
    pub(super) fn cancel_redemption(
        &mut self,
        redemption: RedemptionId,
        redeemed: &Event,
        cancelled: u64,
        points: Option<Figure>,
    ) -> Result<(), Stop> {
        let Some(Redemption::Made { brand, .. }) = redeemed.kind.row().redemption else {
            return Err(Refusal::RedemptionNotFound.into());
        };
        let drawn = &redeemed.movement.shares;
        let all = points_drawn(drawn);
        assert!(cancelled <= all, "{cancelled} points are cancelled of a redemption of {all}");
        let remaining = all - cancelled;
        if remaining == 0 {
            return Err(Refusal::AlreadyCancelled.into());
        }
        let points = points.map_or(remaining, Figure::get);
        if points > remaining {
            return Err(Refusal::OverRefund { remaining: Remaining::Points(remaining) }.into());
        }
        let (movement, cancelled) = self.give_back(drawn, cancelled, points);
        let gone = RedemptionCancelled { brand: brand.clone(), redemption, cancelled };
        self.record(self.context.now, movement, None, EntryKind::RedemptionCancelled(gone));
        Ok(())
    }

    /// So many of the points that were drawn come back into their lots, those drawn last first; `before` of them have been
    /// given back before.
    pub(super) fn give_back(&mut self, drawn: &[Share], before: u64, points: u64) -> (Movement, Cancelled) {
        let mut back = Vec::new();
        let mut lost = 0;
        for taken in drawn_last(drawn, before, points) {
            match self.restored_expiry(taken.expires_at) {
                Some(expires_at) => back.push(share(expires_at, &taken.brand, None, taken.points)),
                None => lost += taken.points.unsigned_abs(),
            }
        }
        // Open debt is repaid from what expires first; of one end, in spending order.
        back.sort_by(|left, right| {
            let place = |share: &Share| (share.expires_at.is_none(), share.expires_at);
            place(left).cmp(&place(right)).then_with(|| left.brand.cmp(&right.brand))
        });
        let movement = self.credit(back);
        must_move(&movement, signed(points - lost), "what is given back comes to");
        (movement, Cancelled { before, points, lost })
    }

    /// The expiry that restored points get; `None` if they are lost.
    fn restored_expiry(&self, own: Option<Instant>) -> Option<Option<Instant>> {
        let (programme, now) = (self.programme(), self.context.now);
        let zone = programme.zone;
        let alive = match (programme.points.expiry, own) {
            (_, None) => return Some(None),
            // No instant moves nearer, so a lot from before the programme counted inactivity keeps its own.
            (Expiry::Inactivity { .. }, Some(own)) => {
                self.inactivity_instant().map_or(own, |instant| instant.max(own))
            }
            (_, Some(own)) => own,
        };
        if alive > now {
            return Some(Some(alive));
        }
        let grace_days = programme.points.restore_grace_days;
        (grace_days > 0).then(|| Some(zone.midnight(zone.day(now).plus_days(grace_days))))
    }
}
