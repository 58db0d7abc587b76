//! What was set aside is made final (rewards.md, 5): at its prices, and only while it is still its own.

use std::collections::HashSet;

use domain::{id::OfferId, number::Money, offer::printed::Printed, refusal::Refusal, time::Instant};

use crate::{
    offers::{
        Offers,
        basis::Basis,
        changes::{Changes, For, Step},
        held::Took,
        refusing::{NotUsed, must_be_active},
        taking::is_bounded,
        using::{Attempt, Outcomes, UseDone},
    },
    store::{
        error::Error,
        records::{Answer as Kept, UseRecord, UseState},
    },
};

impl Offers {
    /// Makes final what was set aside, at its prices.
    pub(super) async fn confirm(
        &self,
        attempt: Attempt<'_>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let done = self.make_final(&attempt, tell).await;
        if matches!(done, Err(Error::Refused(_)) | Ok(Err(_))) {
            self.must_be_first(&attempt).await?;
        }
        done
    }

    async fn make_final(
        &self,
        attempt: &Attempt<'_>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let Some((held, version)) = attempt.known.clone() else { return Err(Refusal::UseNotFound.into()) };
        let now = attempt.now();
        if let Some(customer) = &attempt.customer {
            must_be_active(customer)?;
        }
        let shelf = self.programme.offers().await?;
        let mut changes = Changes::judged_by(&Basis::default(), attempt.contested);
        self.read_taken(&mut changes, &held.taken).await?;
        let revoked: HashSet<_> =
            held.taken.iter().filter_map(|taken| taken.grant).filter(|id| changes.is_revoked(*id)).collect();
        if !revoked.is_empty() {
            return Ok(Err(NotUsed::revoked(&held, &revoked)));
        }
        let unusable = self.codes_taken_back(&held).await?;
        if !unusable.is_empty() {
            return Ok(Err(NotUsed::codes_taken_back(&held, &unusable)));
        }
        if let UseState::Held { until } = held.state {
            self.must_still_hold(&mut changes, &held, until, now).await?;
            for taken in &held.taken {
                let bounded = shelf.offer(&taken.offer).is_some_and(|offer| is_bounded(offer));
                changes.apply(For::of(&held), taken, bounded, Step::Release(until));
                changes.apply(For::of(&held), taken, bounded, Step::Take);
            }
        }
        let member = attempt.customer.as_ref().map(|customer| &customer.member);
        let grants = member.map(|member| changes.grants_then(&shelf, member, &held.taken, now));
        let grants = grants.unwrap_or_default();
        let record = UseRecord { state: UseState::Used, held_at: Vec::new(), grants, ..held };
        self.write_use(attempt, (record, Some(version)), changes, None, tell).await
    }

    /// The offers whose printed codes it has set aside and that were taken back since.
    async fn codes_taken_back(&self, held: &UseRecord) -> Result<HashSet<OfferId>, Error> {
        let mut offers = HashSet::new();
        for taken in &held.taken {
            if let Some(code) = taken.grant.and_then(Printed::of_id)
                && self.quantity_of(&taken.offer, code).await?.is_none()
            {
                offers.insert(taken.offer.clone());
            }
        }
        Ok(offers)
    }

    /// What was set aside is still its own, or else nobody else has it: by another clock it may have ended, and what had
    /// ended may be somebody else's.
    async fn must_still_hold(
        &self,
        changes: &mut Changes,
        held: &UseRecord,
        until: Instant,
        now: Instant,
    ) -> Result<(), Error> {
        let own = For::of(held);
        if held.taken.iter().any(|taken| !changes.keeps(own, taken)) {
            return Err(Refusal::HoldExpired.into());
        }
        let shelf = self.programme.offers().await?;
        let today = self.programme.timeline()?.at(now).zone.day(now).number();
        for (offer, took) in by_account(held) {
            let place = held.held_at.iter().find(|(own, _)| own == offer).map(|(_, place)| *place);
            let newest = shelf.offer(offer).filter(|newest| is_bounded(newest));
            let Some((newest, place)) = newest.zip(place) else { continue };
            let account = self.accounts.offer_account_held_at(offer, place).await?;
            changes.must_find(&account);
            let left = account.left(newest, now, today);
            let is_left = left.uses.is_none_or(|left| left >= took.uses)
                && left.budget.is_none_or(|left| left >= took.amount);
            if !account.holds(took, until) && !is_left {
                return Err(Refusal::HoldExpired.into());
            }
        }
        Ok(())
    }
}

/// What was set aside of each offer's account.
fn by_account(held: &UseRecord) -> Vec<(&OfferId, Took)> {
    let mut sums: Vec<(&OfferId, Took)> = Vec::new();
    for taken in &held.taken {
        let none = Took { uses: 0, amount: Money(0), day: held.day };
        let place = sums.iter().position(|(offer, _)| **offer == taken.offer).unwrap_or_else(|| {
            sums.push((&taken.offer, none));
            sums.len() - 1
        });
        let sum = &mut sums[place].1;
        sum.uses = sum.uses.saturating_add(taken.uses);
        sum.amount = Money(sum.amount.0.saturating_add(taken.amount.0));
    }
    sums
}
