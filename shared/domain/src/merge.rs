//! Two records of one person: what is recorded where they are joined and parted, and the arithmetic of both.
//!
//! Joining moves all points, debt and growth of one record into the other; its own entry takes exactly what the
//! other's brings. Everything else that it had stays in its record, so that it can be as it was. Parting follows
//! which points came by way of which of the two, and gives each its own ([`parting`]).

pub mod joining;
pub mod parting;

use crate::{
    id::{BadgeId, MergeId, TierId},
    member::{
        Absorbed, ActivityCount, Badge, Member, MemberId, MergedInto, OrderStats, Standing, Status, Trial,
    },
    time::{DayNumber, Instant},
};

/// For how many days a merge can be undone.
pub const UNMERGE_DAYS: u32 = 90;

/// What a member has beside its points and growth, once another record has come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Growth of the tier's period.
    pub period_growth: i64,
    /// The tier.
    pub standing: Standing,
    /// The highest tier for life.
    pub lifetime: Option<TierId>,
    /// A running trial.
    pub trial: Option<Trial>,
    /// Tiers that were tried.
    pub tried: Vec<TierId>,
    /// The local day of the last earn, activity or redemption.
    pub active_on: DayNumber,
    /// Badges, in order of issue.
    pub badges: Vec<Badge>,
    /// Badges that were taken back once.
    pub by_hand: Vec<BadgeId>,
    /// Points granted per local day.
    pub granted: Vec<(DayNumber, u64)>,
    /// Activities done.
    pub activities: Vec<ActivityCount>,
    /// Orders.
    pub orders: OrderStats,
    /// Members that it has absorbed.
    pub absorbed: Vec<Absorbed>,
}

/// All that another record of the same person had came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergedIn {
    /// The merge.
    pub merge: MergeId,
    /// The other record.
    pub from: MemberId,
    /// Why.
    pub reason: String,
    /// What the member has from now on, beside points and growth.
    pub kept: Kept,
    /// Its orders before.
    pub orders_before: OrderStats,
    /// The orders of the other record.
    pub orders_brought: OrderStats,
    /// Its debt before.
    pub debt_before: u64,
    /// The growth of the period that the other record brought.
    pub period_brought: i64,
}

/// All that there was went to another record of the same person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergedAway {
    /// The merge.
    pub merge: MergeId,
    /// The other record.
    pub into: MemberId,
    /// Why.
    pub reason: String,
}

/// A record that had been merged in has taken its part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartedFrom {
    /// The merge that was undone.
    pub merge: MergeId,
    /// The other record.
    pub from: MemberId,
    /// Why.
    pub reason: String,
    /// The growth of the period from now on.
    pub period_growth: i64,
    /// Orders from now on.
    pub orders: OrderStats,
    /// Members that are still absorbed.
    pub absorbed: Vec<Absorbed>,
}

/// A record that had been merged stands for itself again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parted {
    /// The merge that was undone.
    pub merge: MergeId,
    /// The other record.
    pub of: MemberId,
    /// Why.
    pub reason: String,
    /// The tier, settled to now.
    pub standing: Standing,
    /// The highest tier for life.
    pub lifetime: Option<TierId>,
    /// A running trial.
    pub trial: Option<Trial>,
    /// The growth of the period.
    pub period_growth: i64,
    /// The local day of the last earn, activity or redemption.
    pub active_on: DayNumber,
    /// The one instant of all points with `inactivity` expiry.
    pub ends_with: Option<Instant>,
    /// Points granted per local day.
    pub granted: Vec<(DayNumber, u64)>,
    /// Activities done.
    pub activities: Vec<ActivityCount>,
    /// Orders.
    pub orders: OrderStats,
}

impl MergedIn {
    pub(crate) fn apply(&self, member: &mut Member) {
        let Kept {
            period_growth,
            standing,
            lifetime,
            trial,
            tried,
            active_on,
            badges,
            by_hand,
            granted,
            activities,
            orders,
            absorbed,
        } = self.kept.clone();
        member.period_growth = period_growth;
        member.standing = standing;
        member.lifetime = lifetime;
        member.trial = trial;
        member.tried = tried;
        member.active_on = active_on;
        member.badges = badges;
        member.by_hand = by_hand;
        member.granted = granted;
        member.activities = activities;
        member.orders = orders;
        member.absorbed = absorbed;
    }
}

impl MergedAway {
    pub(crate) fn apply(&self, member: &mut Member, at: Instant) {
        member.status = Status::Merged;
        member.merged = Some(MergedInto { member: self.into, merge: self.merge, at });
    }
}

impl PartedFrom {
    pub(crate) fn apply(&self, member: &mut Member) {
        member.period_growth = self.period_growth;
        member.orders = self.orders.clone();
        member.absorbed.clone_from(&self.absorbed);
    }
}

impl Parted {
    pub(crate) fn apply(&self, member: &mut Member) {
        member.status = Status::Active;
        member.merged = None;
        let own = self.clone();
        member.standing = own.standing;
        member.lifetime = own.lifetime;
        member.trial = own.trial;
        member.period_growth = own.period_growth;
        member.active_on = own.active_on;
        member.ends_with = own.ends_with;
        member.granted = own.granted;
        member.activities = own.activities;
        member.orders = own.orders;
    }
}
