//! What has been issued, used and spent of an offer (rewards.md, 3): counted exactly, by the newest version's limits.
//!
//! What a limit bounds is counted in one record, at the pool's place, and who takes of it expects what it has read: so
//! nobody passes a limit, whatever races. What is taken of an offer without a limit is counted in 32 records, chosen by the
//! member, so that nobody waits for anybody; a limit that a later version sets counts it too. What was taken by day is
//! counted in the same records (`accounts/taken.rs`).

use domain::{
    id::OfferId,
    member::MemberId,
    number::{Figure, Money, SignedMoney},
    offer::{Limits, Offer},
    time::{DayNumber, Instant, MINUTE_MILLIS},
};

use crate::{
    accounts::{
        Accounts,
        account::Held,
        stock::SHARDS,
        taken::{Sheet, Taken, places_of},
    },
    store::{
        Key, Version, Write,
        error::Error,
        keys,
        records::{OfferAccountRecord, OfferDay, OfferHold},
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
    /// Where older days are filed by the next write, if any are.
    sheet: Option<Sheet>,
}

/// The place at which what a member takes is counted where nothing bounds it; of a guest by what it is used for.
pub(crate) fn place_of(member: Option<MemberId>, used_for: &Key) -> u8 {
    let guest =
        || used_for.as_bytes().iter().fold(0, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    member.map_or_else(guest, |member| member.0[15]) % SHARDS
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
        self.offer_account_at(offer, member.0[15] % SHARDS).await
    }

    /// What is counted of an offer at that place alone.
    pub(crate) async fn offer_account_at(&self, offer: &OfferId, place: u8) -> Result<OfferAccount, Error> {
        let key = keys::offer_account(offer, place);
        let own = Held::read(&key, self.records.get(&key).await?)?;
        let sheet = self.sheet(offer, place, &own.value).await?;
        Ok(OfferAccount { key, own, others: OfferAccountRecord::default(), sheet })
    }

    /// All that is counted of an offer.
    pub(crate) async fn whole_offer_account(&self, offer: &OfferId) -> Result<OfferAccount, Error> {
        let all: Vec<Key> = places_of(offer).map(|(_, key)| key).collect();
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
        let sheet = self.sheet(offer, keys::POOL, &own.value).await?;
        Ok(OfferAccount { key, own, others, sheet })
    }
}

/// What is left of an offer of what all members share; `None` without bounds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OfferLeft {
    /// Pieces that may be issued, in all and today, and of codes of others how many are there.
    pub stock: Option<u64>,
    /// Uses, in all and today.
    pub uses: Option<u64>,
    /// Money.
    pub budget: Option<Money>,
}

impl Accounts {
    /// What is left of an offer's newest version at that moment.
    ///
    /// # Errors
    /// There is no programme yet, the store failed, or a record is unreadable.
    pub async fn left_of_offer(&self, offer: &Offer, now: Instant) -> Result<OfferLeft, Error> {
        let today = self.programme.timeline()?.newest().zone.day(now).number();
        let account = self.whole_offer_account(&offer.id).await?;
        let Left { uses, budget } = account.left(offer, now, today);
        let codes = if offer.hands_out_codes { Some(self.codes_left(&offer.id).await?) } else { None };
        let stock = account.stock_left(&offer.stock, today).into_iter().chain(codes).min();
        Ok(OfferLeft { stock, uses, budget })
    }
}

impl OfferAccount {
    /// The record that it writes.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The commit that has written it; none if nothing was counted yet.
    pub(crate) fn version(&self) -> Option<Version> {
        self.own.version
    }

    /// Whether that is still set aside until then.
    pub(crate) fn holds(&self, took: Took, until: Instant) -> bool {
        let own = UseChange::Release(took, until);
        let hold = self.own.value.holds.iter().find(|hold| own.is_of(hold));
        hold.is_some_and(|hold| hold.uses >= took.uses && hold.amount >= took.amount)
    }

    /// How many pieces are left of those limits, on that day; `None` without bounds.
    pub(crate) fn stock_left(&self, stock: &Limits, today: DayNumber) -> Option<u64> {
        let all = self.own.value.and(&self.others);
        let left = |most: Figure, issued: i64| most.get().saturating_sub(u64::try_from(issued).unwrap_or(0));
        let total = stock.total.map(|total| left(total, all.issued));
        let of_day = stock.per_day.map(|most| left(most, all.day(today).issued));
        total.into_iter().chain(of_day).min()
    }

    /// What uses may still take of that offer's limits at that moment, on that local day: held by others counts as taken.
    pub(crate) fn left(&self, offer: &Offer, now: Instant, today: DayNumber) -> Left {
        let record = self.own.value.and(&self.others);
        let held = record.holds.iter().filter(|hold| hold.counts(now));
        let counted = |figure: i64| u64::try_from(figure).unwrap_or(0);
        let (mut uses, mut of_today) = (counted(record.used), counted(record.day(today).used));
        let mut spent = u64::try_from(record.spent.0).unwrap_or(0);
        for hold in held {
            uses = uses.saturating_add(hold.uses);
            spent = spent.saturating_add(hold.amount.0);
            if hold.day == today {
                of_today = of_today.saturating_add(hold.uses);
            }
        }
        let total = offer.uses.total.map(|total| total.get().saturating_sub(uses));
        let of_day = offer.uses.per_day.map(|most| most.get().saturating_sub(of_today));
        Left {
            uses: total.into_iter().chain(of_day).min(),
            budget: offer.budget.map(|budget| Money(budget.0.saturating_sub(spent))),
        }
    }

    /// The same, once these are changed.
    pub(crate) fn left_after(
        &self,
        changes: &[UseChange],
        offer: &Offer,
        now: Instant,
        today: DayNumber,
    ) -> Left {
        let mut record = self.own.value.clone();
        // What is held no longer counts, and so is not let go a second time.
        record.holds.retain(|hold| hold.counts(now));
        for change in changes {
            if record.holds.iter().any(|hold| change.is_of(hold)) {
                record.change(*change, today);
            }
        }
        let own = Held { value: record, version: self.own.version };
        let (key, others) = (self.key.clone(), self.others.clone());
        OfferAccount { key, own, others, sheet: None }.left(offer, now, today)
    }

    /// Whether the next write files older days.
    pub(crate) fn files(&self) -> bool {
        self.sheet.is_some()
    }

    /// The same, whose next write files nothing.
    pub(crate) fn unfiled(self) -> OfferAccount {
        OfferAccount { sheet: None, ..self }
    }

    /// The writes of the account after that change. What a hold that has ended took is let go with it.
    pub(crate) fn changed(&self, changes: &[UseChange], now: Instant, today: DayNumber) -> Vec<Write> {
        self.becomes(today, |record| {
            record.holds.retain(|hold| hold.counts(now) || changes.iter().any(|change| change.is_of(hold)));
            for change in changes {
                record.change(*change, today);
            }
        })
    }

    /// The writes by which so many pieces more are issued on that day.
    pub(crate) fn issue(&self, pieces: u32, today: DayNumber) -> Vec<Write> {
        self.becomes(today, |record| {
            record.issued = record.issued.saturating_add(pieces.into());
            let day = record.day_mut(today);
            day.issued = day.issued.saturating_add(pieces.into());
            record.count_taken(today, &Taken { issued: pieces.into(), ..Taken::default() });
        })
    }

    /// The writes by which so many pieces come back that were issued on those days. That they were issued remains true.
    pub(crate) fn return_issued(&self, back: &[(u32, DayNumber)], today: DayNumber) -> Vec<Write> {
        self.becomes(today, |record| {
            for (pieces, issued) in back {
                record.issued = record.issued.saturating_sub((*pieces).into());
                let day = record.day_mut(*issued);
                day.issued = day.issued.saturating_sub((*pieces).into());
            }
        })
    }

    fn becomes(&self, today: DayNumber, change: impl FnOnce(&mut OfferAccountRecord)) -> Vec<Write> {
        let mut record = self.own.value.clone();
        let mut writes: Vec<Write> = self.sheet.iter().map(|sheet| sheet.file(&mut record)).collect();
        change(&mut record);
        let since = record.since.unwrap_or(DayNumber::NEVER).max(today.plus(-DAYS_KEPT));
        record.since = Some(since);
        record.days.retain(|day| day.day >= since && (day.issued != 0 || day.used != 0));
        writes.push(put(self.key.clone(), unchanged(self.own.version), &record));
        writes
    }
}

/// What uses may still take of an offer; `None` without bounds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Left {
    /// How many uses, in all and today.
    pub(crate) uses: Option<u64>,
    /// How much money.
    pub(crate) budget: Option<Money>,
}

/// What a use takes of an offer's account, on a local day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Took {
    pub(crate) uses: u64,
    pub(crate) amount: Money,
    pub(crate) day: DayNumber,
}

/// A change of what uses have taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UseChange {
    /// It is taken.
    Take(Took),
    /// It is set aside until that moment, a full minute.
    Hold(Took, Instant),
    /// What was set aside until then is no longer: it is taken by another change, or let go.
    Release(Took, Instant),
    /// It comes back.
    Return(Took),
}

impl UseChange {
    /// Whether it lets go what is held there.
    fn is_of(&self, hold: &OfferHold) -> bool {
        match self {
            UseChange::Release(took, until) => (hold.minute, hold.day) == (minute(*until), took.day),
            UseChange::Take(_) | UseChange::Hold(..) | UseChange::Return(_) => false,
        }
    }
}

/// The minute that ends then.
fn minute(until: Instant) -> i64 {
    until.0.div_euclid(MINUTE_MILLIS)
}

impl OfferHold {
    /// Whether it still counts as taken: until a minute after its end, for clocks that differ.
    fn counts(&self, now: Instant) -> bool {
        minute(now) < self.minute.saturating_add(1)
    }
}

impl OfferAccountRecord {
    /// Changes it on that local day.
    fn change(&mut self, change: UseChange, today: DayNumber) {
        match change {
            UseChange::Take(took) => {
                self.used = self.used.saturating_add_unsigned(took.uses);
                self.spent = SignedMoney(self.spent.0.saturating_add(took.amount.0.into()));
                let day = self.day_mut(took.day);
                day.used = day.used.saturating_add_unsigned(took.uses);
                let (used, amount) = (took.uses, took.amount.into());
                self.count_taken(today, &Taken { used, amount, ..Taken::default() });
            }
            UseChange::Return(took) => {
                self.used = self.used.saturating_sub_unsigned(took.uses);
                self.spent = SignedMoney(self.spent.0.saturating_sub(took.amount.0.into()));
                let day = self.day_mut(took.day);
                day.used = day.used.saturating_sub_unsigned(took.uses);
                let (returned, amount) = (took.uses, SignedMoney(-i128::from(took.amount.0)));
                self.count_taken(today, &Taken { returned, amount, ..Taken::default() });
            }
            UseChange::Hold(took, until) => {
                let hold = self.hold_mut(took.day, until);
                hold.uses = hold.uses.saturating_add(took.uses);
                hold.amount = Money(hold.amount.0.saturating_add(took.amount.0));
            }
            UseChange::Release(took, until) => {
                let hold = self.hold_mut(took.day, until);
                hold.uses = hold.uses.saturating_sub(took.uses);
                hold.amount = Money(hold.amount.0.saturating_sub(took.amount.0));
                self.holds.retain(|hold| hold.uses > 0 || hold.amount > Money(0));
            }
        }
    }

    /// What is held on that day and until then.
    fn hold_mut(&mut self, day: DayNumber, until: Instant) -> &mut OfferHold {
        let minute = minute(until);
        let place = self.holds.iter().position(|hold| (hold.minute, hold.day) == (minute, day));
        let place = place.unwrap_or_else(|| {
            self.holds.push(OfferHold { minute, day, uses: 0, amount: Money(0) });
            self.holds.len() - 1
        });
        &mut self.holds[place]
    }

    /// Both together.
    fn and(&self, other: &OfferAccountRecord) -> OfferAccountRecord {
        let mut sum = self.clone();
        sum.issued = sum.issued.saturating_add(other.issued);
        sum.used = sum.used.saturating_add(other.used);
        sum.spent = SignedMoney(sum.spent.0.saturating_add(other.spent.0));
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
        let key = keys::offer_account(&OfferId::of_checked("c"), keys::POOL);
        OfferAccount { key, own, others, sheet: None }
    }

    #[test]
    fn what_is_left_is_the_least_of_what_limits_leave() {
        let day = |day, issued| OfferDay { day: DayNumber(day), issued, used: 0 };
        let own = OfferAccountRecord { issued: 3, days: vec![day(7, 1)], ..OfferAccountRecord::default() };
        let others = OfferAccountRecord {
            issued: 2,
            days: vec![day(6, 1), day(7, 1)],
            ..OfferAccountRecord::default()
        };
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

    /// What is held counts until a minute after its end, and then nobody has to let it go.
    #[test]
    fn a_hold_ends_by_itself_a_minute_after_its_end() {
        let at = |minutes: i64, millis: i64| Instant(minutes * MINUTE_MILLIS + millis);
        let took = |uses| Took { uses, amount: Money(uses * 100), day: DayNumber(7) };
        let mut record = OfferAccountRecord::default();
        for change in [
            UseChange::Take(took(1)),
            UseChange::Hold(took(2), at(10, 0)),
            UseChange::Hold(took(3), at(10, 0)),
        ] {
            record.change(change, DayNumber(8));
        }
        let counted = |record: &OfferAccountRecord, now| {
            let held = record.holds.iter().filter(|hold| hold.counts(now)).map(|hold| hold.uses);
            record.used + i64::try_from(held.sum::<u64>()).unwrap()
        };
        for (now, want) in [(at(0, 0), 6), (at(10, 0), 6), (at(10, 59_999), 6), (at(11, 0), 1)] {
            assert_eq!(counted(&record, now), want, "{now:?}");
        }
        for (change, want) in [
            (UseChange::Release(took(2), at(10, 0)), 4),
            (UseChange::Take(took(2)), 6),
            (UseChange::Release(took(3), at(10, 0)), 3),
            (UseChange::Return(took(2)), 1),
        ] {
            record.change(change, DayNumber(8));
            assert_eq!(counted(&record, at(5, 0)), want, "{change:?}");
        }
        assert!(record.holds.is_empty());
        assert_eq!((record.used, record.spent), (1, SignedMoney(100)));
        // By the day of recording: what was taken and came back, and nothing of what was only held.
        let taken: Vec<_> = record.taken.iter().map(|own| (own.day, own.taken())).collect();
        let whole = Taken { issued: 0, used: 3, returned: 2, amount: SignedMoney(100) };
        assert_eq!(taken, [(DayNumber(8), whole)]);
    }
}
