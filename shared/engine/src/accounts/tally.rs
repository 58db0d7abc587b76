//! The audit of brands' accounts: compares what the ledger says was issued and honoured with what the
//! accounts say is left. It shares only the shape of the records with the code that wrote them.

use std::collections::BTreeMap;

use domain::{decide::AHEAD_MILLIS_MAX, event::Moves, id::BrandId, programme::Way, time::Instant};

use crate::{
    accounts::{
        Accounts,
        account::Account,
        stock::{Pool, Shard, Window},
        terms::{METERS, Moment, Terms},
    },
    store::{
        Key, Record,
        error::Error,
        keys::{self, kind, read_account},
        records::{BlockRecord, EntryRecord, Unreadable, decode},
    },
};

/// What a walk over the whole store has found of accounts so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// Limits that are counted, by brand.
    metered: BTreeMap<BrandId, Vec<Meter>>,
    /// By brand and block: points bought, less those drawn, less those left. Zero in the end.
    blocks: BTreeMap<(BrandId, u32), i128>,
}

/// A limit's day or month as an account has it, and as the ledger has it.
struct Meter {
    place: usize,
    window: Window,
    /// Points that the account says are used.
    used: i128,
    /// The version of the programme from which it counts.
    since: u32,
    /// Points of entries that were certainly counted in it.
    least: i128,
    /// The same plus those that may have been, under a clock that was ahead or an earlier version.
    most: i128,
}

impl Accounts {
    /// Reads what the accounts say of their limits.
    pub(crate) async fn begin_tally(&self) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        // Before the first programme there are no brands.
        let Some(programmes) = self.programme.timeline_if_any() else {
            return Ok(tally);
        };
        for brand in &programmes.newest().brands {
            let Some(account) = self.account_of(&brand.id) else {
                continue;
            };
            let whole = self.unsettled_account(&account).await?;
            let unreadable = || Unreadable { key: account.pool_key() };
            let terms = account.terms_of(whole.version).ok_or_else(unreadable)?;
            let meters = (0..METERS.len()).filter_map(|place| Meter::of(&account, &terms, &whole, place));
            tally.metered.insert(brand.id.clone(), meters.collect());
        }
        Ok(tally)
    }
}

impl Meter {
    fn of(account: &Account, terms: &Terms, whole: &Pool, place: usize) -> Option<Meter> {
        let (cap, window) = (terms.caps[place]?, whole.stock.windows[place]?);
        let (way, per) = METERS[place];
        let capped = |version: &u32| {
            let programme = account.programmes.version(*version);
            programme.and_then(|programme| account.owner.limit(programme, per, way)).is_some()
        };
        let since = (1..=whole.version).rev().take_while(capped).last()?;
        // An entry under a newer version without the limit is not counted, and under a clock that is behind
        // it may look as if recorded under this one.
        if !(since..=account.programmes.newest().version).all(|version| capped(&version)) {
            return None;
        }
        let used = i128::from(cap) - i128::from(window.left);
        Some(Meter { place, window, used, since, least: 0, most: 0 })
    }

    fn count(&mut self, way: Way, entry: &EntryRecord, at: impl Fn(Instant) -> Moment) {
        if METERS[self.place].0 != way {
            return;
        }
        let points = i128::from(entry.event.movement.points()).abs();
        let own = at(entry.recorded_at).window(self.place);
        let ahead = at(entry.recorded_at.plus_millis(AHEAD_MILLIS_MAX)).window(self.place);
        if own == self.window.number && entry.version >= self.since {
            self.least += points;
        }
        if own <= self.window.number && self.window.number <= ahead {
            self.most += points;
        }
    }

    fn difference(&self) -> Option<String> {
        let (way, per) = METERS[self.place];
        let (least, most, used) = (self.least, self.most, self.used);
        let agrees = (least..=most).contains(&used);
        (!agrees).then(|| {
            format!("{} per {}: {used} points are counted, {least} by the ledger", way.word(), per.word())
        })
    }
}

impl Tally {
    /// Notes a record, if it concerns accounts.
    pub(crate) fn note(&mut self, key: &Key, record: &Record) -> Result<(), Error> {
        match (key.kind(), read_account(key)) {
            (kind::BLOCK, _) => {
                let block: BlockRecord = decode(key, &record.value)?;
                *self.block(&block.brand, block.number) += i128::from(block.points);
            }
            (kind::ACCOUNT, Some((brand, place))) => {
                let stock = match place {
                    keys::POOL => decode::<Pool>(key, &record.value)?.stock,
                    _ => decode::<Shard>(key, &record.value)?.stock,
                };
                for (number, points) in stock.blocks {
                    *self.block(&brand, number) -= i128::from(points);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes a ledger entry. `at` tells a moment's local day and month.
    pub(crate) fn note_entry(&mut self, entry: &EntryRecord, at: impl Fn(Instant) -> Moment) {
        let row = entry.event.kind.row();
        // Accounts are brands'.
        let Some(brand) = row.brand else { return };
        let sign = match row.moves {
            Moves::TakenBack { .. } => 1,
            // Only issuing draws from blocks. If anything else names a block, the block is out of balance.
            Moves::Nothing
            | Moves::Issued
            | Moves::Honoured
            | Moves::Expired
            | Moves::Restored
            | Moves::GivenBack(_)
            | Moves::ByHand { .. }
            | Moves::Forfeited { .. }
            | Moves::BetweenMembers => -1,
        };
        for (number, points) in &entry.blocks {
            *self.block(brand, *number) += sign * i128::from(*points);
        }
        let Some(way) = row.moves.counts_as() else { return };
        for meter in self.metered.get_mut(brand).into_iter().flatten() {
            meter.count(way, entry, &at);
        }
    }

    fn block(&mut self, brand: &BrandId, number: u32) -> &mut i128 {
        self.blocks.entry((brand.to_owned(), number)).or_default()
    }

    /// What does not agree, in words, by brand.
    pub(crate) fn differences(self) -> BTreeMap<BrandId, Vec<String>> {
        let mut differences: BTreeMap<BrandId, Vec<String>> = BTreeMap::new();
        for (brand, meters) in &self.metered {
            for text in meters.iter().filter_map(Meter::difference) {
                differences.entry(brand.clone()).or_default().push(text);
            }
        }
        for ((brand, number), rest) in self.blocks.into_iter().filter(|(_, rest)| *rest != 0) {
            let text = format!("block {number}: bought, less drawn, less left, is {rest} and not 0");
            differences.entry(brand).or_default().push(text);
        }
        differences
    }
}
