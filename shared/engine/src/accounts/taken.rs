//! What was taken of an offer by day (rewards.md, 1): counted in the records that its account is anyway written in, so that
//! a command writes none for it. Of its days an account keeps the newest; older ones are filed in sheets, some at a time,
//! so that no record grows, and a use seldom writes one more.

use std::ops::RangeInclusive;

use domain::{id::OfferId, number::SignedMoney, time::DayNumber};

use crate::{
    accounts::{Accounts, account::Held, stock::SHARDS},
    store::{
        Key, Write,
        error::Error,
        keys,
        records::{OfferAccountRecord, OfferDaysRecord, TakenDay},
        write::{put, unchanged},
    },
};

/// How many days an account has itself; if there are more, it files all that are of one sheet with the first.
const DAYS_OWN_MAX: usize = 16;

/// How many of the newest days are never filed: clocks that differ, and zones that change, still count in them.
const DAYS_UNFILED: usize = 3;

/// How many days a sheet has room for.
const DAYS_A_SHEET: i32 = 64;

/// The places at which an offer is counted, and their keys: the pool's first.
pub(super) fn places_of(offer: &OfferId) -> impl Iterator<Item = (u8, Key)> {
    std::iter::once(keys::POOL).chain(0..SHARDS).map(|place| (place, keys::offer_account(offer, place)))
}

/// The sheet of a day.
fn sheet_of(day: DayNumber) -> i32 {
    day.0.div_euclid(DAYS_A_SHEET)
}

/// What was taken of an offer on some days.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Taken {
    /// Pieces issued, those that were taken back later too.
    pub issued: u64,
    /// What `uses` counted, what came back later too.
    pub used: u64,
    /// What of it came back on these days, whenever it had been used.
    pub returned: u64,
    /// What `budget` counted, less what came back on these days: below 0 where that is more.
    pub amount: SignedMoney,
}

impl Taken {
    /// These too.
    pub(crate) fn add(&mut self, more: &Taken) {
        self.issued = self.issued.saturating_add(more.issued);
        self.used = self.used.saturating_add(more.used);
        self.returned = self.returned.saturating_add(more.returned);
        self.amount = SignedMoney(self.amount.0.saturating_add(more.amount.0));
    }
}

impl TakenDay {
    /// A day on which nothing was taken.
    fn none(day: DayNumber) -> TakenDay {
        TakenDay { day, issued: 0, used: 0, returned: 0, amount: SignedMoney(0) }
    }

    /// What was taken on it.
    pub(crate) fn taken(&self) -> Taken {
        let TakenDay { day: _, issued, used, returned, amount } = *self;
        Taken { issued, used, returned, amount }
    }

    fn add(&mut self, more: &Taken) {
        let mut sum = self.taken();
        sum.add(more);
        let Taken { issued, used, returned, amount } = sum;
        *self = TakenDay { day: self.day, issued, used, returned, amount };
    }
}

/// Counts that on a day, among days that rise.
fn count_on(days: &mut Vec<TakenDay>, day: DayNumber, more: &Taken) {
    let place = days.partition_point(|own| own.day < day);
    if days.get(place).is_none_or(|own| own.day != day) {
        days.insert(place, TakenDay::none(day));
    }
    days[place].add(more);
}

impl OfferAccountRecord {
    /// Counts what was taken on that day.
    pub(super) fn count_taken(&mut self, day: DayNumber, more: &Taken) {
        if *more != Taken::default() {
            count_on(&mut self.taken, day, more);
        }
    }

    /// The days that are to be filed: all of the first one's sheet, none before there are too many.
    fn to_be_filed(&self) -> &[TakenDay] {
        let [first, ..] = &self.taken[..] else { return &[] };
        if self.taken.len() <= DAYS_OWN_MAX {
            return &[];
        }
        let older = &self.taken[..self.taken.len() - DAYS_UNFILED];
        let end = older.partition_point(|own| sheet_of(own.day) == sheet_of(first.day));
        &older[..end]
    }
}

/// The sheet in which the days that an account is to file are filed, as it was read.
#[derive(Clone)]
pub(super) struct Sheet {
    key: Key,
    held: Held<OfferDaysRecord>,
}

impl Sheet {
    /// Files those days: the account no longer has them. The write of the sheet, in the commit that writes the account.
    pub(super) fn file(&self, record: &mut OfferAccountRecord) -> Write {
        let filed = record.to_be_filed().len();
        let mut sheet = self.held.value.clone();
        for day in record.taken.drain(..filed) {
            count_on(&mut sheet.days, day.day, &day.taken());
            let (first, last) = record.filed.unwrap_or((day.day, day.day));
            record.filed = Some((first.min(day.day), last.max(day.day)));
        }
        put(self.key.clone(), unchanged(self.held.version), &sheet)
    }
}

impl Accounts {
    /// The sheet in which that account's days are to be filed now, if any are.
    pub(super) async fn sheet(
        &self,
        offer: &OfferId,
        place: u8,
        record: &OfferAccountRecord,
    ) -> Result<Option<Sheet>, Error> {
        let Some(first) = record.to_be_filed().first() else { return Ok(None) };
        let key = keys::offer_days(offer, place, sheet_of(first.day));
        let held = Held::read(&key, self.records.get(&key).await?)?;
        Ok(Some(Sheet { key, held }))
    }

    /// What was taken of an offer on these local days: exact for what was committed before the call.
    ///
    /// The work is bounded by the days on which something was taken: a year is 6 sheets of each of up to 33 records.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn taken_of_offer(
        &self,
        offer: &OfferId,
        days: RangeInclusive<DayNumber>,
    ) -> Result<Taken, Error> {
        let all: Vec<Key> = places_of(offer).map(|(_, key)| key).collect();
        let found = self.records.store.get(&all).await?;
        let (mut taken, mut sheets) = (Taken::default(), Vec::new());
        for ((place, key), record) in places_of(offer).zip(found) {
            let OfferAccountRecord { taken: own, filed, .. } = Held::read(&key, record)?.value;
            own.iter().filter(|own| days.contains(&own.day)).for_each(|own| taken.add(&own.taken()));
            // What is filed from now on is newer, and was counted just now.
            let filed = filed.map(|(first, last)| (first.max(*days.start()), last.min(*days.end())));
            if let Some((first, last)) = filed.filter(|(first, last)| first <= last) {
                let keys = (sheet_of(first)..=sheet_of(last)).map(|own| keys::offer_days(offer, place, own));
                sheets.extend(keys.map(|key| (key, first..=last)));
            }
        }
        let places: Vec<Key> = sheets.iter().map(|(key, _)| key.clone()).collect();
        for ((key, days), record) in sheets.iter().zip(self.records.store.get(&places).await?) {
            let sheet: OfferDaysRecord = Held::read(key, record)?.value;
            sheet.days.iter().filter(|own| days.contains(&own.day)).for_each(|own| taken.add(&own.taken()));
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(used: u64) -> Taken {
        Taken { used, ..Taken::default() }
    }

    /// An account with one use on each of these days, and what it files at each write.
    fn filed(days: impl Iterator<Item = i32>) -> (OfferAccountRecord, Vec<(i32, usize)>) {
        let (mut record, mut sheets) = (OfferAccountRecord::default(), Vec::new());
        for day in days {
            if let Some(first) = record.to_be_filed().first() {
                let (sheet, filed) = (sheet_of(first.day), record.to_be_filed().len());
                sheets.push((sheet, filed));
                let key = keys::offer_days(&OfferId::of_checked("c"), 0, sheet);
                Sheet { key, held: Held { value: OfferDaysRecord::default(), version: None } }
                    .file(&mut record);
            }
            record.count_taken(DayNumber(day), &used(1));
            record.count_taken(DayNumber(day), &used(2));
        }
        (record, sheets)
    }

    #[test]
    fn what_an_account_has_itself_is_bounded() {
        for (name, days, own, sheets, last) in [
            ("few", (0..16).collect::<Vec<i32>>(), 16, vec![], None),
            ("one too many, filed by the next", (0..17).collect(), 17, vec![], None),
            ("daily", (0..18).collect(), 4, vec![(0, 14)], Some((0, 13))),
            ("over the end of a sheet", (50..68).collect(), 4, vec![(0, 14)], Some((50, 63))),
            ("and on", (50..69).collect(), 5, vec![(0, 14)], Some((50, 63))),
            ("in two sheets", (55..73).collect(), 9, vec![(0, 9)], Some((55, 63))),
            (
                "seldom",
                (0..20).map(|year| year * 365).collect(),
                17,
                vec![(0, 1), (5, 1), (11, 1)],
                Some((0, 730)),
            ),
        ] {
            let (record, done) = filed(days.iter().copied());
            assert_eq!((record.taken.len(), &done), (own, &sheets), "{name}");
            let last = last.map(|(first, last)| (DayNumber(first), DayNumber(last)));
            assert_eq!(record.filed, last, "{name}");
            assert!(record.taken.iter().all(|own| own.used == 3), "{name}: each day once");
            assert!(record.taken.is_sorted_by(|one, other| one.day < other.day), "{name}");
        }
    }
}
