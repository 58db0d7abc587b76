//! What follows from a command: points that expire at once, a higher tier, a trial, badges.

use super::{Draft, Stop, share};
use crate::{
    condition::{Subject, Wants},
    event::{EntryKind, Movement, Share, TierCause},
    member::{Member, Status},
    number::signed,
    programme::Tier,
    settle::{settle, tier_changed},
};

impl Draft<'_> {
    /// Applies what follows, compared with the member as it was before the command.
    pub(super) fn follow(&mut self, before: &Member) -> Result<(), Stop> {
        // Points that are recorded after their expiry expire at once.
        let now = self.context.now;
        if self.member.merged.is_some() {
            return Ok(());
        }
        let expired = settle(self.context.programmes, &mut self.member, now);
        self.events.extend(expired);
        if matches!(self.member.status, Status::Closed | Status::Erased) {
            self.lapse_points();
            return Ok(());
        }
        self.raise_tier(self.member.growth != before.growth)?;
        self.start_trial(before.growth);
        while self.issue_due_badges()? {
            self.raise_tier(false)?;
        }
        Ok(())
    }

    /// A member who has left keeps no points, whatever brought them.
    fn lapse_points(&mut self) {
        let all = self.member.lots.iter();
        let shares: Vec<Share> =
            all.map(|lot| share(lot.expires_at, &lot.brand, lot.held_until, -signed(lot.points))).collect();
        if !shares.is_empty() {
            let movement = Movement { shares, ..Movement::default() };
            self.record(self.context.now, movement, None, EntryKind::PointsExpired);
        }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            member: &self.member,
            person: self.context.person,
            history: self.context.history,
            recent: &self.events,
            programme: self.programme(),
            now: self.context.now,
        }
    }

    /// Up at once, several steps at a time (rules, 7).
    fn raise_tier(&mut self, by_growth: bool) -> Result<(), Stop> {
        let programme = self.programme();
        let own = programme.place_of(&self.member.standing.tier);
        let (mut reached, mut wants): (Option<&Tier>, _) = (None, Wants::default());
        for tier in programme.tiers.iter().skip(own + 1) {
            let other = tier.or.as_ref().and_then(|or| wants.collect(or.holds(&self.subject())));
            if (by_growth && self.member.growth >= tier.growth) || other == Some(true) {
                reached = Some(tier);
            }
        }
        wants.nothing()?;
        let Some(to) = reached else { return Ok(()) };
        let now = self.context.now;
        let kind = tier_changed(programme, &self.member, to, TierCause::Raised, now);
        self.record(now, Movement::default(), None, kind);
        Ok(())
    }

    /// 预升级体验: growth rose into the last stretch below a tier. The lowest such tier that has not
    /// been tried; one at a time.
    fn start_trial(&mut self, before: u64) {
        if self.member.trial.is_some() {
            return;
        }
        let programme = self.programme();
        let own = programme.place_of(&self.member.standing.tier);
        let growth = self.member.growth;
        let due = programme.tiers.iter().skip(own + 1).find(|tier| {
            tier.trial_growth().is_some_and(|start| before < start && start <= growth && growth < tier.growth)
                && !self.member.tried.contains(&tier.id)
        });
        if let Some((tier, rule)) = due.and_then(|tier| tier.trial.map(|rule| (tier, rule))) {
            let until = self.context.now.plus_days(rule.days);
            let kind = EntryKind::TrialStarted { tier: tier.id.clone(), until };
            self.record(self.context.now, Movement::default(), None, kind);
        }
    }

    /// Issues every badge whose condition holds; returns whether there was any.
    fn issue_due_badges(&mut self) -> Result<bool, Stop> {
        let programme = self.programme();
        let (mut issued, mut wants) = (false, Wants::default());
        for badge in &programme.badges {
            // One that was taken back is issued by hand only.
            let out = self.member.has_badge(&badge.id) || self.member.by_hand.contains(&badge.id);
            let Some(when) = badge.when.as_ref().filter(|_| !out) else { continue };
            if wants.collect(when.holds(&self.subject())) == Some(true) {
                let kind = EntryKind::BadgeIssued { badge: badge.id.clone(), reason: None };
                self.record(self.context.now, Movement::default(), None, kind);
                issued = true;
            }
        }
        wants.nothing()?;
        Ok(issued)
    }
}
