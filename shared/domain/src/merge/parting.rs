//! What each of two records has, once they are parted.
//!
//! Followed is one side, the record that had been merged; the other has the rest, so that both together have what
//! there was. A side has a position in each lot: what it brought, with what came and less what went by way of it. A
//! debt is its own too; where the other's points repaid it, it owes them in the lot that they came from, or would
//! have been. So a lot that ends takes along what one owes the other in it.

use std::collections::BTreeMap;

use crate::{
    event::{Event, Share},
    id::BrandId,
    member::{Lot, Member},
    number::signed,
    time::Instant,
};

/// A lot in spending order: its end (never last), its brand, its hold (free before held).
type Key = (bool, Option<Instant>, BrandId, Option<Instant>);

fn key(share: &Share) -> Key {
    (share.expires_at.is_none(), share.expires_at, share.brand.clone(), share.held_until)
}

fn key_of(lot: &Lot) -> Key {
    (lot.expires_at.is_none(), lot.expires_at, lot.brand.clone(), lot.held_until)
}

/// One of two records, followed through the entries of the other from the merge on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// Its positions; below 0 it owes them to the other.
    lots: BTreeMap<Key, i64>,
    debt: u64,
    /// What the other owes.
    other_debt: u64,
    growth: i64,
    /// What it has added to the growth of the other's period.
    period: i64,
}

/// Points, debt and growth of one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its lots, in spending order.
    pub lots: Vec<Lot>,
    /// What it owes.
    pub debt: u64,
    /// Its growth.
    pub growth: u64,
}

impl Followed {
    /// A record as it was merged: `away` is what its own entry took, `into` the other's entry, `debt_before` what the
    /// other owed, `period` the growth of its period.
    pub fn merged(away: &Event, into: &Event, debt_before: u64, period: i64) -> Followed {
        let mut lots = BTreeMap::new();
        for share in &away.movement.shares {
            *lots.entry(key(share)).or_default() -= share.points;
        }
        let mut followed = Followed {
            lots,
            debt: (-away.movement.debt).max(0).unsigned_abs(),
            other_debt: debt_before,
            growth: -away.movement.growth,
            period,
        };
        if followed.debt > 0 {
            // It had no points, so what left the other's lots has paid.
            for share in into.movement.shares.iter().filter(|share| share.points < 0) {
                followed.pays_for_it(key(share), share.points.unsigned_abs());
            }
        }
        for share in &into.movement.repaid {
            followed.other_debt = followed.other_debt.saturating_sub(share.points.unsigned_abs());
        }
        followed.moved(into);
        followed
    }

    /// An entry that followed, and whether it came by way of this record.
    pub fn follow(&mut self, event: &Event, is_own: bool) {
        let row = event.kind.row();
        if row.moves.is_expiry() {
            // What one owes the other in a lot ends with it.
            let held = |hold: Option<Instant>| hold.filter(|until| *until > event.at);
            for share in &event.movement.shares {
                self.lots.retain(|own, _| {
                    let same = own.1 == share.expires_at && own.2 == share.brand;
                    !(same && held(own.3) == held(share.held_until))
                });
            }
        } else {
            if is_own {
                for share in &event.movement.shares {
                    *self.lots.entry(key(share)).or_default() += share.points;
                }
            }
            self.follow_debt(event, is_own);
        }
        if is_own {
            self.growth = self.growth.saturating_add(event.movement.growth);
            self.period = self.period.saturating_add(event.movement.growth);
        }
        if row.tier.is_some_and(crate::event::TierStep::begins_period) {
            self.period = 0;
        }
        self.moved(event);
    }

    fn follow_debt(&mut self, event: &Event, is_own: bool) {
        let change = event.movement.debt;
        if change > 0 {
            let own = if is_own { &mut self.debt } else { &mut self.other_debt };
            *own = own.saturating_add(change.unsigned_abs());
        }
        let mut left = (-change).max(0).unsigned_abs();
        for share in &event.movement.repaid {
            let points = share.points.unsigned_abs().min(left);
            left -= points;
            if is_own {
                *self.lots.entry(key(share)).or_default() += signed(points);
                let own = points.min(self.debt);
                self.debt -= own;
                *self.lots.entry(key(share)).or_default() -= signed(own);
                self.other_debt = self.other_debt.saturating_sub(points - own);
            } else {
                let others = points.min(self.other_debt);
                self.other_debt -= others;
                self.pays_for_it(key(share), points - others);
            }
        }
        // What no lot is known of.
        let first = left.min(if is_own { self.debt } else { self.other_debt });
        let (own, other) = if is_own { (first, left - first) } else { (left - first, first) };
        self.debt = self.debt.saturating_sub(own);
        self.other_debt = self.other_debt.saturating_sub(other);
    }

    /// The other's points pay what this record owes: it owes them there.
    fn pays_for_it(&mut self, lot: Key, points: u64) {
        let points = points.min(self.debt);
        self.debt -= points;
        *self.lots.entry(lot).or_default() -= signed(points);
    }

    /// All ends move with an entry that postpones them; what had ended by then is over.
    fn moved(&mut self, event: &Event) {
        let Some(instant) = event.moves_expiry_to else { return };
        let mut moved = BTreeMap::new();
        for ((never, end, brand, hold), points) in std::mem::take(&mut self.lots) {
            if end.is_some_and(|end| end <= event.at) {
                continue;
            }
            let end = end.map(|own| own.max(instant));
            *moved.entry((never, end, brand, hold)).or_default() += points;
        }
        self.lots = moved;
    }

    /// What it has added to the growth of the other's period.
    pub fn period(&self) -> i64 {
        self.period
    }

    /// The parts of this record and of the other, of what the other has now: it is settled.
    ///
    /// # Panics
    /// They do not add up to what there was.
    pub fn part(&self, member: &Member, now: Instant) -> (Part, Part) {
        let mut own: BTreeMap<Key, i64> = BTreeMap::new();
        for ((never, end, brand, hold), points) in &self.lots {
            if end.is_none_or(|end| end > now) {
                let hold = hold.filter(|until| *until > now);
                *own.entry((*never, *end, brand.clone(), hold)).or_default() += points;
            }
        }
        let mut rest: BTreeMap<Key, i64> =
            member.lots.iter().map(|lot| (key_of(lot), signed(lot.points))).collect();
        for (lot, points) in &own {
            *rest.entry(lot.clone()).or_default() -= points;
        }
        let debt = self.debt.min(member.debt);
        let growth = self.growth.clamp(0, signed(member.growth)).unsigned_abs();
        let parts = (part_of(own, debt, growth), part_of(rest, member.debt - debt, member.growth - growth));
        let sum = parts.0.balance() + parts.1.balance();
        assert!(sum == member.balance(), "{} points are parted into {sum}", member.balance());
        parts
    }
}

impl Part {
    /// Its points less its debt.
    pub fn balance(&self) -> i64 {
        self.lots.iter().map(|lot| signed(lot.points)).sum::<i64>() - signed(self.debt)
    }
}

/// What is below 0 is taken from that one's other lots: from those of the same end and brand, then in spending order,
/// free before held; so is debt. What is still missing is debt.
fn part_of(mut lots: BTreeMap<Key, i64>, debt: u64, growth: u64) -> Part {
    let missing: Vec<(Key, u64)> = lots
        .iter()
        .filter(|(_, points)| **points < 0)
        .map(|(lot, points)| (lot.clone(), points.unsigned_abs()))
        .collect();
    lots.retain(|_, points| *points > 0);
    let mut owed = debt;
    for (lot, points) in missing {
        let same = |own: &Key| own.1 == lot.1 && own.2 == lot.2;
        owed += take(&mut lots, points, same);
    }
    let owed = take(&mut lots, owed, |own| own.3.is_none());
    let owed = take(&mut lots, owed, |_| true);
    let lots = lots.into_iter().filter(|(_, points)| *points > 0);
    let lots = lots.map(|((_, expires_at, brand, held_until), points)| Lot {
        expires_at,
        brand,
        held_until,
        points: points.unsigned_abs(),
    });
    Part { lots: lots.collect(), debt: owed, growth }
}

/// Takes so many points from these lots, in their order; how many are missing.
fn take(lots: &mut BTreeMap<Key, i64>, points: u64, from: impl Fn(&Key) -> bool) -> u64 {
    let mut missing = points;
    for (_, left) in lots.iter_mut().filter(|(lot, _)| from(lot)) {
        let taken = missing.min(left.unsigned_abs());
        *left -= signed(taken);
        missing -= taken;
    }
    missing
}
