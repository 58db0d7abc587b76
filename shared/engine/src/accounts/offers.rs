//! What has been issued, used and spent of an offer (rewards.md, 3): counted exactly, by the newest version's limits.
//!
//! It is counted in 33 records, a pool and 32 shards. What no limit bounds is counted at a shard, chosen by the member, so
//! that nobody waits for anybody; a limit that a later version sets counts it too. What a limit bounds is taken at that shard
//! within its allotment, and at the pool where little is left (`accounts/offer_shards.rs`, `accounts/offer_places.rs`). Who
//! takes expects what it has read: so nobody passes a limit, whatever races. What was taken by day is counted in the same
//! records (`accounts/taken.rs`).

use domain::{
    id::OfferId,
    member::MemberId,
    number::{Money, SignedMoney},
    offer::Offer,
    time::{DayNumber, Instant, MINUTE_MILLIS},
};

use crate::{
    accounts::{
        Accounts,
        account::Held,
        offer_shards::{Bounds, Need, Whole},
        stock::SHARDS,
        taken::{Sheet, Taken},
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

/// An offer's account as a command has read it: the record that it writes, and how it is judged.
pub(crate) struct OfferAccount {
    pub(super) offer: OfferId,
    pub(super) place: u8,
    pub(super) own: Held<OfferAccountRecord>,
    pub(super) judged: Judged,
    /// Where older days are filed by the next write, if any are.
    pub(super) sheet: Option<Sheet>,
}

/// By what it is judged how much is left.
pub(super) enum Judged {
    /// By the record's own allotment; where no limit bounds what is asked for, by nothing.
    ByOwn,
    /// By the pool, which is the record, and all shards: each allotment counts as if it were taken.
    AtPool(Vec<Held<OfferAccountRecord>>),
    /// By all that is counted, by somebody who takes nothing.
    Whole(Vec<Held<OfferAccountRecord>>),
}

/// The shard of an offer's account at which a member takes; of a guest by what it is used for.
pub(crate) fn place_of(member: Option<MemberId>, used_for: &Key) -> u8 {
    let guest =
        || used_for.as_bytes().iter().fold(0, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    member.map_or_else(|| guest() % SHARDS, shard_of)
}

/// The shard of a member: ids end in random bits.
pub(crate) fn shard_of(member: MemberId) -> u8 {
    member.0[15] % SHARDS
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
        let Left { issued, uses, budget } = account.left(offer, now, today);
        let codes = if offer.hands_out_codes { Some(self.codes_left(&offer.id).await?) } else { None };
        Ok(OfferLeft { stock: issued.into_iter().chain(codes).min(), uses, budget })
    }
}

/// An account's records together.
pub(super) fn whole<'a>(pool: &'a OfferAccountRecord, shards: &'a [Held<OfferAccountRecord>]) -> Whole<'a> {
    Whole { pool, shards: shards.iter().map(|shard| &shard.value).collect() }
}

impl OfferAccount {
    /// The record that it writes.
    pub(crate) fn key(&self) -> Key {
        keys::offer_account(&self.offer, self.place)
    }

    /// The place of the record that it writes.
    pub(crate) fn place(&self) -> u8 {
        self.place
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

    /// What may still be taken here of that version's limits at that moment, on that local day: held by others counts as taken.
    pub(crate) fn left(&self, offer: &Offer, now: Instant, today: DayNumber) -> Left {
        self.left_of(&self.own.value, offer, (now, today))
    }

    fn left_of(&self, own: &OfferAccountRecord, offer: &Offer, moment: (Instant, DayNumber)) -> Left {
        // What is left concerns every measure.
        let bounds = Bounds::of(offer, Need::ANY, moment);
        let [issued, issued_today, uses, uses_today, spent] = match &self.judged {
            Judged::ByOwn => bounds.left_of_shard(own),
            Judged::AtPool(shards) => bounds.left_of_pool(&whole(own, shards)),
            Judged::Whole(shards) => bounds.left_of_all(&whole(own, shards)),
        };
        Left {
            issued: issued.into_iter().chain(issued_today).min(),
            uses: uses.into_iter().chain(uses_today).min(),
            budget: spent.map(Money),
        }
    }

    /// The same, once what an order has set aside at that place until then is let go; and the record, if it is another one,
    /// whose version that goes by.
    pub(crate) fn left_without(
        &self,
        own: &[OwnHold],
        offer: &Offer,
        (now, today): (Instant, DayNumber),
    ) -> (Left, Vec<(Key, Option<Version>)>) {
        let mut record = self.own.value.clone();
        let mut shards = match &self.judged {
            Judged::ByOwn => Vec::new(),
            Judged::AtPool(shards) | Judged::Whole(shards) => shards.clone(),
        };
        let mut relied_on = Vec::new();
        for held in own {
            let (took, until) = (held.took, held.until);
            let place = usize::from(held.place);
            let other = if held.place == self.place { None } else { shards.get_mut(place) };
            let known = match other {
                Some(other) => {
                    relied_on.push((keys::offer_account(&self.offer, held.place), other.version));
                    &mut other.value
                }
                None if held.place == self.place => &mut record,
                None => continue,
            };
            // What is held no longer counts, and so is not let go a second time.
            let release = UseChange::Release(took, until);
            if known.holds.iter().any(|hold| hold.counts(now) && release.is_of(hold)) {
                known.change(release, today);
            }
        }
        let judged = match &self.judged {
            Judged::ByOwn => Judged::ByOwn,
            Judged::AtPool(_) => Judged::AtPool(shards),
            Judged::Whole(_) => Judged::Whole(shards),
        };
        let (offer_id, place, own) =
            (self.offer.clone(), self.place, Held { value: record, version: self.own.version });
        let after = OfferAccount { offer: offer_id, place, own, judged, sheet: None };
        (after.left(offer, now, today), relied_on)
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
        writes.push(put(self.key(), unchanged(self.own.version), &record));
        writes
    }
}

/// What uses may still take of an offer; `None` without bounds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Left {
    /// How many pieces, in all and today.
    pub(crate) issued: Option<u64>,
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

/// What an order has set aside of an offer's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OwnHold {
    pub(crate) offer: OfferId,
    /// The place of the record that counts it.
    pub(crate) place: u8,
    pub(crate) took: Took,
    /// Until when.
    pub(crate) until: Instant,
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
    pub(super) fn counts(&self, now: Instant) -> bool {
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

    pub(super) fn day(&self, day: DayNumber) -> OfferDay {
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
