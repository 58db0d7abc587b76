//! Two records of one person are joined, or parted again.
//!
//! Each of the two is decided for itself: the other is passed in, settled to the same moment.

use super::{Draft, Stop, invalid};
use crate::{
    event::{EntryKind, Event, Movement},
    id::MergeId,
    member::{ABSORBED_MAX, Absorbed, Member, MemberId},
    merge::{
        MergedAway, MergedIn, Parted, PartedFrom,
        joining::{all_of, changes, kept, movement},
        parting::{Followed, Part as Share},
    },
    number::signed,
    programme::Expiry,
    refusal::Refusal,
    settle::settle_standing,
    time::Instant,
};

/// Another record of the same person comes in.
#[derive(Clone, Copy, Debug)]
pub struct MergeIn<'a> {
    /// The merge.
    pub merge: MergeId,
    /// The other record, settled to now.
    pub from: &'a Member,
    /// Why.
    pub reason: &'a str,
}

/// A record goes into another one of the same person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeAway {
    /// The merge.
    pub merge: MergeId,
    /// The other record.
    pub into: MemberId,
    /// Why.
    pub reason: String,
}

/// What has become of a record since it was merged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Since {
    /// The merge.
    pub merge: MergeId,
    /// Its part of what the other has.
    own: Share,
    /// What is left of it.
    rest: Share,
    /// The record as it would be, but for points and growth: what came by way of it is counted.
    counted: Member,
    /// What it has added to the growth of the other's period.
    period: i64,
    /// When the other's first and last order happened, and what it bought.
    others: crate::member::OrderStats,
}

/// A record that was merged in takes its part.
#[derive(Clone, Copy, Debug)]
pub struct LetGo<'a> {
    /// What has become of it.
    pub since: &'a Since,
    /// Why.
    pub reason: &'a str,
}

/// A record that was merged stands for itself again.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The other record, settled to now.
    pub of: &'a Member,
    /// What has become of it.
    pub since: &'a Since,
    /// Why.
    pub reason: &'a str,
}

/// An entry of the record that another was merged into, and whether it came by way of the other.
#[derive(Clone, Copy, Debug)]
pub struct Later<'a> {
    /// The entry.
    pub event: &'a Event,
    /// Whether it came by way of the record that was merged.
    pub is_own: bool,
}

impl Since {
    /// What has become of `merged`, which its entry `away` took and the entry `into` of `of` brought in, after the
    /// `later` entries of `of`, oldest first; `of` is settled to now. `None` if these entries are not of one merge.
    pub fn of(
        merged: &Member,
        away: &Event,
        into: &Event,
        later: &[Later<'_>],
        of: &Member,
        now: Instant,
    ) -> Option<Since> {
        let brought = into.kind.merged_in()?;
        let merge = merged.merged?.merge;
        if brought.merge != merge || brought.from != merged.id {
            return None;
        }
        let mut followed = Followed::merged(away, into, brought.debt_before, brought.period_brought);
        let mut counted = merged.clone();
        let mut others = brought.orders_before.clone();
        for Later { event, is_own } in later {
            followed.follow(event, *is_own);
            if *is_own {
                counted.count_apart(event);
            } else {
                let mut one = Member::new(merged.id, now, now, &merged.standing.tier);
                one.count_apart(event);
                others.seen_with(&one.orders);
                if let Some(another) = event.kind.merged_in() {
                    others.seen_with(&another.orders_brought);
                }
            }
        }
        let period = followed.period();
        let (own, rest) = followed.part(of, now);
        Some(Since { merge, own, rest, counted, period, others })
    }
}

impl Draft<'_> {
    pub(super) fn merge_in(&mut self, told: &MergeIn<'_>) -> Result<(), Stop> {
        self.must_be_active()?;
        let (from, now) = (told.from, self.context.now);
        if from.id == self.member.id {
            return Err(
                invalid("/member_id", "same_member", "another member than the one it goes into").into()
            );
        }
        if self.member.absorbed.len() + 1 + from.absorbed.len() > ABSORBED_MAX {
            return Err(Refusal::LimitExceeded { what: "absorbed" }.into());
        }
        let absorbed = Absorbed { member: from.id, merge: told.merge, at: now };
        let kept = kept(self.programme(), &self.member, from, absorbed, now);
        let moves_expiry_to = self.later_end(from);
        let merged = MergedIn {
            merge: told.merge,
            from: from.id,
            reason: told.reason.to_owned(),
            kept,
            orders_before: self.member.orders.clone(),
            orders_brought: from.orders.clone(),
            debt_before: self.member.debt,
            period_brought: from.period_growth,
        };
        let movement = movement(&self.member, from);
        self.record(now, movement, moves_expiry_to, EntryKind::MergedIn(Box::new(merged)));
        Ok(())
    }

    /// With `inactivity` expiry the one instant of all points is the later of both.
    fn later_end(&self, from: &Member) -> Option<Instant> {
        if !matches!(self.programme().points.expiry, Expiry::Inactivity { .. }) {
            return None;
        }
        let other = Draft::new(self.context, from.clone());
        self.inactivity_instant().max(other.inactivity_instant())
    }

    pub(super) fn merge_away(&mut self, told: &MergeAway) -> Result<(), Stop> {
        self.must_be_active()?;
        let MergeAway { merge, into, reason } = told.clone();
        let kind = EntryKind::MergedAway(MergedAway { merge, into, reason });
        self.record(self.context.now, all_of(&self.member), None, kind);
        Ok(())
    }

    pub(super) fn let_go(&mut self, told: &LetGo<'_>) -> Result<(), Stop> {
        let LetGo { since, reason } = *told;
        let Since { merge, rest, counted, period, others, .. } = since;
        let mut orders = self.member.orders.without(&counted.orders);
        (orders.first_at, orders.last_at) = (others.first_at, others.last_at);
        orders.categories.clone_from(&others.categories);
        orders.more_categories = others.more_categories;
        let gone = |id: MemberId| counted.answers_for(id);
        let absorbed = self.member.absorbed.iter().filter(|one| !gone(one.member)).copied().collect();
        let parted = PartedFrom {
            merge: *merge,
            from: counted.id,
            reason: reason.to_owned(),
            period_growth: self.member.period_growth.saturating_sub(*period),
            orders,
            absorbed,
        };
        let movement = self.becomes(rest);
        self.record(self.context.now, movement, None, EntryKind::PartedFrom(Box::new(parted)));
        Ok(())
    }

    pub(super) fn part(&mut self, told: &Part<'_>) -> Result<(), Stop> {
        let Part { of, since, reason } = *told;
        let Since { merge, own, counted, .. } = since;
        let now = self.context.now;
        let mut settled = Member { merged: None, growth: own.growth, debt: 0, ..counted.clone() };
        // It was taken out with all growth, and what came by way of it since is its own.
        settled.period_growth = counted.period_growth + signed(own.growth);
        settle_standing(self.context.programmes, &mut settled, now);
        let ends_with = if own.lots.is_empty() { self.member.ends_with } else { of.ends_with };
        let parted = Parted {
            merge: *merge,
            of: of.id,
            reason: reason.to_owned(),
            standing: settled.standing,
            lifetime: settled.lifetime,
            trial: settled.trial,
            period_growth: settled.period_growth,
            active_on: settled.active_on,
            ends_with,
            granted: settled.granted,
            activities: settled.activities,
            orders: settled.orders,
        };
        self.member.version = settled.version;
        let movement = self.becomes(own);
        self.record(now, movement, None, EntryKind::Parted(Box::new(parted)));
        Ok(())
    }

    /// What has to move for the member to have that.
    fn becomes(&self, part: &Share) -> Movement {
        Movement {
            shares: changes(&self.member.lots, &part.lots),
            debt: signed(part.debt) - signed(self.member.debt),
            growth: signed(part.growth) - signed(self.member.growth),
            repaid: Vec::new(),
        }
    }
}
