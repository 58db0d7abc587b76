//! How an offer's limits are parted over the shards of its account: the rules, without a store.
//!
//! What a shard counts stays where it was counted, and what is left of a limit is the limit less all counts. A shard may
//! take while its counts stay within its allotment; who gives it one writes the pool too, where a bit says so. Whoever
//! takes at the pool counts each allotment as if it were taken. So nobody passes a limit, and no record is written by
//! all as long as much is left. Where little is left all allotments come back, and everybody takes at the pool.

use domain::{
    number::{Money, SignedMoney},
    offer::{Limits, Offer},
    time::{DayNumber, Instant},
};

use crate::{
    accounts::stock::SHARDS,
    store::records::{Allotment, OfferAccountRecord},
};

/// A shard gets this part of what is left, so that it seldom asks and most of it remains for the others.
const PARTS: i128 = 4 * SHARDS as i128;

/// What is counted: pieces issued, and on the day; uses, and on the day; money.
const MEASURES: usize = 5;

/// Those of them that count a day.
const OF_DAY: [usize; 2] = [1, 3];

/// A figure of each measure; `None` where nothing bounds it.
type Each<T> = [T; MEASURES];

/// The most that a command takes of what limits bound.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Need {
    /// Pieces issued.
    pub(crate) issued: u64,
    /// Uses.
    pub(crate) uses: u64,
    /// Money.
    pub(crate) amount: Money,
}

/// Which limits bound a command, under which version of the offer, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    limits: Each<Option<i128>>,
    need: Each<i128>,
    version: u32,
    now: Instant,
    today: DayNumber,
}

/// What happens to a command that its shard cannot pay for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The shard gets an allotment that pays for it: the new pool, and the new shard.
    Allot(Box<(OfferAccountRecord, OfferAccountRecord)>),
    /// What these shards have must come back first.
    Gather(Vec<usize>),
    /// It is taken at the pool, if enough is left there.
    Pool,
}

/// An account's records as they were read: the pool, and the shards in their order.
pub(crate) struct Whole<'a> {
    pub(crate) pool: &'a OfferAccountRecord,
    pub(crate) shards: Vec<&'a OfferAccountRecord>,
}

impl Need {
    /// One of everything: what any limit bounds.
    pub(crate) const ANY: Need = Need { issued: 1, uses: 1, amount: Money(1) };

    fn each(&self) -> Each<i128> {
        let (issued, uses) = (i128::from(self.issued), i128::from(self.uses));
        [issued, issued, uses, uses, i128::from(self.amount.0)]
    }
}

impl Bounds {
    /// The limits of that version that concern what is needed.
    pub(crate) fn of(offer: &Offer, need: Need, (now, today): (Instant, DayNumber)) -> Bounds {
        let figure = |limits: &Limits| {
            [limits.total, limits.per_day].map(|most| most.map(|most| i128::from(most.get())))
        };
        let ([issued, issued_of_day], [used, used_of_day]) = (figure(&offer.stock), figure(&offer.uses));
        let budget = offer.budget.map(|budget| i128::from(budget.0));
        let limits = [issued, issued_of_day, used, used_of_day, budget];
        let need = need.each();
        Bounds { limits, need, version: offer.version, now, today }
    }

    /// Whether any limit bounds what is needed.
    pub(crate) fn any(&self) -> bool {
        self.concerned().next().is_some()
    }

    /// The measures of which something is needed that a limit bounds, and the limits.
    fn concerned(&self) -> impl Iterator<Item = (usize, i128)> {
        let Bounds { limits, need, .. } = *self;
        (0..MEASURES)
            .filter_map(move |measure| Some((measure, limits[measure].filter(|_| need[measure] > 0)?)))
    }

    /// Whether a limit of a day bounds what is needed.
    fn is_daily(&self) -> bool {
        self.concerned().any(|(measure, _)| OF_DAY.contains(&measure))
    }

    /// Whether the shard has room for what is needed.
    pub(crate) fn fit(&self, shard: &OfferAccountRecord) -> bool {
        let Some(room) = self.room(shard) else { return false };
        self.concerned().all(|(measure, _)| room[measure] >= self.need[measure])
    }

    /// What the shard may still take; nothing if it has no allotment of this version.
    fn room(&self, shard: &OfferAccountRecord) -> Option<Each<i128>> {
        let allotted = shard.allotted.filter(|allotted| allotted.version == self.version)?;
        let (most, counted) = (allotted.each(self.today), self.counted(shard));
        Some(std::array::from_fn(|measure| most[measure].saturating_sub(counted[measure])))
    }

    /// What is left of the limits at the pool: each allotment counts as if it were taken.
    fn free(&self, whole: &Whole<'_>) -> Each<Option<i128>> {
        let mut taken = self.counted(whole.pool);
        for (index, shard) in whole.shards.iter().enumerate() {
            let counted = self.counted(shard);
            let allotted = shard.allotted.filter(|_| whole.pool.out & bit(index) != 0);
            let most = allotted.map_or([i128::MIN; MEASURES], |allotted| allotted.each(self.today));
            for measure in 0..MEASURES {
                let limited = self.limits[measure].is_some();
                let own = if limited { most[measure].max(counted[measure]) } else { counted[measure] };
                taken[measure] = taken[measure].saturating_add(own);
            }
        }
        std::array::from_fn(|measure| self.limits[measure].map(|limit| limit.saturating_sub(taken[measure])))
    }

    /// What is counted in a record, held things included.
    fn counted(&self, record: &OfferAccountRecord) -> Each<i128> {
        let today = record.day(self.today);
        let mut counted = [record.issued, today.issued, record.used, today.used].map(i128::from);
        let mut spent = record.spent.0;
        for hold in record.holds.iter().filter(|hold| hold.counts(self.now)) {
            counted[2] += i128::from(hold.uses);
            counted[3] += if hold.day == self.today { i128::from(hold.uses) } else { 0 };
            spent += i128::from(hold.amount.0);
        }
        let [issued, issued_of_day, used, used_of_day] = counted;
        [issued, issued_of_day, used, used_of_day, spent]
    }

    /// Whether something that was set aside there has ended. Who takes at the pool what that leaves writes so there first: whoever
    /// comes back for it by another clock must find it gone.
    pub(crate) fn has_lapsed(&self, shard: &OfferAccountRecord) -> bool {
        shard.holds.iter().any(|hold| !hold.counts(self.now))
    }

    /// The pool without what has ended there: nobody may come back for it once others have what it leaves.
    fn pool_without_lapsed(&self, pool: &OfferAccountRecord) -> OfferAccountRecord {
        let mut after = pool.clone();
        after.holds.retain(|hold| hold.counts(self.now));
        after
    }

    /// The pool once that shard's allotment has come back.
    pub(crate) fn pool_gathered(
        &self,
        pool: &OfferAccountRecord,
        index: usize,
        all: bool,
    ) -> OfferAccountRecord {
        let mut after = self.pool_without_lapsed(pool);
        after.out &= !bit(index);
        after.is_gathering = (all || pool.is_gathering) && after.out != 0;
        after
    }

    /// The shard once its allotment has come back, and without what has ended.
    pub(crate) fn gathered(&self, shard: &OfferAccountRecord) -> OfferAccountRecord {
        let mut after = OfferAccountRecord { allotted: None, ..shard.clone() };
        after.holds.retain(|hold| hold.counts(self.now));
        after
    }

    /// What happens to a command that shard number `index` cannot pay for.
    pub(crate) fn step(&self, whole: &Whole<'_>, index: u8) -> Step {
        let these = |which: &dyn Fn(usize, &OfferAccountRecord) -> bool| -> Vec<usize> {
            let all = whole.shards.iter().enumerate();
            all.filter(|(index, shard)| which(*index, shard)).map(|(index, _)| index).collect()
        };
        let first = these(&|index, shard| self.comes_back_first(whole.pool, index, shard));
        if !first.is_empty() {
            return Step::Gather(first);
        }
        let all_out = these(&|index, _| whole.pool.out & bit(index) != 0);
        // Whoever finds this under way helps: as long as others give out what comes back, it never ends.
        if whole.pool.is_gathering && !all_out.is_empty() {
            return Step::Gather(all_out);
        }
        let free = self.free(whole);
        if let Some(allotted) = self.allot(whole, &free, index) {
            return Step::Allot(Box::new(allotted));
        }
        let lacks =
            |&(measure, _): &(usize, i128)| free[measure].is_some_and(|free| free < self.need[measure]);
        if all_out.is_empty() || !self.concerned().any(|measure| lacks(&measure)) {
            return Step::Pool;
        }
        // Nothing is gathered where nothing is left, nor where that brings no more.
        let all = self.free(&Whole {
            pool: &OfferAccountRecord { out: 0, ..whole.pool.clone() },
            shards: whole.shards.clone(),
        });
        let is_gone = self.concerned().any(|(measure, _)| all[measure].is_some_and(|left| left <= 0));
        let brings = self.concerned().filter(lacks).any(|(measure, _)| all[measure] > free[measure]);
        if is_gone || !brings { Step::Pool } else { Step::Gather(all_out) }
    }

    /// Whether what that shard has comes back before anything else is done: an allotment of an older version; and what has
    /// ended and is not covered by an allotment that counts as taken.
    fn comes_back_first(&self, pool: &OfferAccountRecord, index: usize, shard: &OfferAccountRecord) -> bool {
        match shard.allotted.filter(|_| pool.out & bit(index) != 0) {
            Some(allotted) if allotted.version != self.version => true,
            Some(allotted) if allotted.day == self.today => false,
            Some(_) | None => self.has_lapsed(shard),
        }
    }

    /// The pool and that shard once it has its part of what is left, if that pays for what is needed.
    fn allot(
        &self,
        whole: &Whole<'_>,
        free: &Each<Option<i128>>,
        index: u8,
    ) -> Option<(OfferAccountRecord, OfferAccountRecord)> {
        let shard = whole.shards.get(usize::from(index))?;
        let is_out = whole.pool.out & bit(index.into()) != 0;
        // Of a day that is over for others little is taken any more: they keep what they have of theirs.
        if is_out && shard.allotted.is_some_and(|allotted| allotted.day > self.today) && self.is_daily() {
            return None;
        }
        let room = self.room(shard).filter(|_| is_out);
        let counted = self.counted(shard);
        let mut most = [i128::MAX; MEASURES];
        for measure in 0..MEASURES {
            let Some(free) = free[measure] else { continue };
            let own = room.map_or(0, |room| room[measure].max(0));
            let part = own.max(free.max(0) / PARTS);
            most[measure] = counted[measure].saturating_add(part);
        }
        let pays = |(measure, _): (usize, i128)| {
            most[measure].saturating_sub(counted[measure]) >= self.need[measure]
        };
        if !self.concerned().all(pays) {
            return None;
        }
        let mut pool = self.pool_without_lapsed(whole.pool);
        pool.out |= bit(index.into());
        let allotted = Some(Allotment::of(self.version, self.today, most));
        Some((pool, OfferAccountRecord { allotted, ..OfferAccountRecord::clone(shard) }))
    }

    /// What is left for uses of the shard's allotment.
    pub(crate) fn left_of_shard(&self, shard: &OfferAccountRecord) -> Each<Option<u64>> {
        let room = self.room(shard).unwrap_or([0; MEASURES]);
        std::array::from_fn(|measure| self.limits[measure].map(|_| small(room[measure])))
    }

    /// What is left for uses at the pool.
    pub(crate) fn left_of_pool(&self, whole: &Whole<'_>) -> Each<Option<u64>> {
        self.free(whole).map(|free| free.map(small))
    }

    /// What is left in all, by whomever it may be taken.
    pub(crate) fn left_of_all(&self, whole: &Whole<'_>) -> Each<Option<u64>> {
        let gathered = OfferAccountRecord { out: 0, ..whole.pool.clone() };
        self.left_of_pool(&Whole { pool: &gathered, shards: whole.shards.clone() })
    }
}

impl Allotment {
    fn of(version: u32, day: DayNumber, most: Each<i128>) -> Allotment {
        let [issued, issued_of_day, used, used_of_day, spent] = most;
        let [issued, issued_of_day, used, used_of_day] =
            [issued, issued_of_day, used, used_of_day].map(|most| i64::try_from(most).unwrap_or(i64::MAX));
        Allotment { version, issued, used, spent: SignedMoney(spent), day, issued_of_day, used_of_day }
    }

    /// Up to what may be counted on that day.
    fn each(&self, today: DayNumber) -> Each<i128> {
        let of_day = |most: i64| if self.day == today { i128::from(most) } else { i128::MIN / 4 };
        let (issued, used) = (i128::from(self.issued), i128::from(self.used));
        [issued, of_day(self.issued_of_day), used, of_day(self.used_of_day), self.spent.0]
    }
}

/// The bit of a shard.
pub(crate) fn bit(index: usize) -> u32 {
    1_u32.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// A figure as what is left: nothing where more was taken than a limit allows now.
fn small(left: i128) -> u64 {
    u64::try_from(left.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
