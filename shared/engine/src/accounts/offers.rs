//! What has been issued, used and spent of an offer (rewards.md, 3): counted exactly, by the newest version's limits.
//!
//! What a limit bounds is counted in one record, at the pool's place, and who takes of it expects what it has read: so
//! nobody passes a limit, whatever races. Pieces of an offer without a limit are counted in 32 records, chosen by the
//! member, so that nobody waits for anybody; a limit that a later version sets counts them too.

use domain::{
    id::OfferId,
    member::MemberId,
    number::{Figure, Money},
    offer::{Limits, Offer},
    time::DayNumber,
};

use crate::{
    accounts::{Accounts, account::Held, stock::SHARDS},
    store::{
        Key, Write,
        error::Error,
        keys,
        records::{OfferAccountRecord, OfferDay},
        write::{put, unchanged},
    },
};

/// For how many days before today an account remembers what was counted: what comes back later to an earlier day changes
/// no limit.
const DAYS_KEPT: i32 = 2;

/// An offer's account as a command has read it: the record that it writes, and what the others count.
pub(crate) struct OfferAccount {
    key: Key,
    own: Held<OfferAccountRecord>,
    others: OfferAccountRecord,
}

impl Accounts {
    /// The account of an offer, for a command of that member about pieces of its stock; `is_limited` is whether its newest
    /// version bounds them.
    pub(crate) async fn offer_account(
        &self,
        offer: &OfferId,
        member: MemberId,
        is_limited: bool,
    ) -> Result<OfferAccount, Error> {
        if is_limited {
            return self.whole_offer_account(offer).await;
        }
        let key = keys::offer_account(offer, member.0[15] % SHARDS);
        let own = Held::read(&key, self.records.get(&key).await?)?;
        Ok(OfferAccount { key, own, others: OfferAccountRecord::default() })
    }

    /// All that is counted of an offer.
    pub(crate) async fn whole_offer_account(&self, offer: &OfferId) -> Result<OfferAccount, Error> {
        let places = std::iter::once(keys::POOL).chain(0..SHARDS);
        let all: Vec<Key> = places.map(|place| keys::offer_account(offer, place)).collect();
        let mut found = all.iter().zip(self.records.store.get(&all).await?);
        let mut read = || -> Result<Option<(Key, Held<OfferAccountRecord>)>, Error> {
            match found.next() {
                Some((key, record)) => Ok(Some((key.clone(), Held::read(key, record)?))),
                None => Ok(None),
            }
        };
        let mut pool = None;
        let mut others = OfferAccountRecord::default();
        while let Some((key, held)) = read()? {
            match pool {
                None => pool = Some((key, held)),
                Some(_) => others = others.and(&held.value),
            }
        }
        let (key, own) = pool.unwrap_or_else(|| panic!("the pool is the first of the places"));
        Ok(OfferAccount { key, own, others })
    }
}

impl OfferAccount {
    /// Where it stands.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// How many pieces are left of those limits, on that day; `None` without bounds.
    pub(crate) fn stock_left(&self, stock: &Limits, today: DayNumber) -> Option<u64> {
        let all = self.own.value.and(&self.others);
        let left = |most: Figure, issued: i64| most.get().saturating_sub(u64::try_from(issued).unwrap_or(0));
        let total = stock.total.map(|total| left(total, all.issued));
        let of_day = stock.per_day.map(|most| left(most, all.day(today).issued));
        total.into_iter().chain(of_day).min()
    }

    /// How many of its uses are left, all in all and of that day; `None` without bounds.
    pub(crate) fn uses_left(&self, uses: &Limits, today: DayNumber) -> Option<u64> {
        let all = &self.own.value;
        let total = uses.total.map(|total| total.get().saturating_sub(all.used));
        let of_day = uses.per_day.map(|most| most.get().saturating_sub(all.day(today).used));
        total.into_iter().chain(of_day).min()
    }

    /// How much it may still take; `None` without bounds.
    pub(crate) fn budget_left(&self, offer: &Offer) -> Option<Money> {
        offer.budget.map(|budget| Money(budget.0.saturating_sub(self.own.value.spent.0)))
    }

    /// The write by which so many pieces more are issued on that day.
    pub(crate) fn issue(&self, pieces: u32, today: DayNumber) -> Write {
        self.becomes(today, |record| {
            record.issued = record.issued.saturating_add(pieces.into());
            let day = record.day_mut(today);
            day.issued = day.issued.saturating_add(pieces.into());
        })
    }

    /// The write by which so many pieces that were issued on that day come back.
    pub(crate) fn return_issued(&self, pieces: u32, issued: DayNumber, today: DayNumber) -> Write {
        self.becomes(today, |record| {
            record.issued = record.issued.saturating_sub(pieces.into());
            let day = record.day_mut(issued);
            day.issued = day.issued.saturating_sub(pieces.into());
        })
    }

    fn becomes(&self, today: DayNumber, change: impl FnOnce(&mut OfferAccountRecord)) -> Write {
        let mut record = self.own.value.clone();
        change(&mut record);
        record.days.retain(|day| day.day >= today.plus(-DAYS_KEPT) && (day.issued != 0 || day.used > 0));
        put(self.key.clone(), unchanged(self.own.version), &record)
    }
}

impl OfferAccountRecord {
    /// Both together.
    fn and(&self, other: &OfferAccountRecord) -> OfferAccountRecord {
        let mut sum = self.clone();
        sum.issued = sum.issued.saturating_add(other.issued);
        sum.used = sum.used.saturating_add(other.used);
        sum.spent = Money(sum.spent.0.saturating_add(other.spent.0));
        for more in &other.days {
            let day = sum.day_mut(more.day);
            day.issued = day.issued.saturating_add(more.issued);
            day.used = day.used.saturating_add(more.used);
        }
        sum.holds.extend(&other.holds);
        sum
    }

    fn day(&self, day: DayNumber) -> OfferDay {
        let known = self.days.iter().find(|own| own.day == day);
        known.copied().unwrap_or(OfferDay { day, issued: 0, used: 0 })
    }

    fn day_mut(&mut self, day: DayNumber) -> &mut OfferDay {
        let place = self.days.partition_point(|own| own.day < day);
        if self.days.get(place).is_none_or(|own| own.day != day) {
            self.days.insert(place, OfferDay { day, issued: 0, used: 0 });
        }
        &mut self.days[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(own: OfferAccountRecord, others: OfferAccountRecord) -> OfferAccount {
        let own = Held { value: own, version: None };
        OfferAccount { key: keys::offer_account(&OfferId::of_checked("c"), keys::POOL), own, others }
    }

    #[test]
    fn what_is_left_is_the_least_of_what_limits_leave() {
        let day = |day, issued| OfferDay { day: DayNumber(day), issued, used: 0 };
        let own = OfferAccountRecord { issued: 3, days: vec![day(7, 1)], ..OfferAccountRecord::default() };
        let others = OfferAccountRecord { issued: 2, days: vec![day(6, 1), day(7, 1)], ..OfferAccountRecord::default() };
        let account = account(own, others);
        for (total, per_day, today, want) in [
            (None, None, 7, None),
            (Some(9), None, 7, Some(4)),
            (Some(4), None, 7, Some(0)),
            (Some(0), None, 7, Some(0)),
            (None, Some(3), 7, Some(1)),
            (None, Some(3), 8, Some(3)),
            (Some(6), Some(9), 7, Some(1)),
        ] {
            let limits = Limits { total: total.and_then(Figure::of), per_day: per_day.and_then(Figure::of) };
            assert_eq!(account.stock_left(&limits, DayNumber(today)), want, "{total:?} {per_day:?} {today}");
        }
    }
}
