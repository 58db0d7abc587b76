//! Counts a month's entries: every member's ledger from its newest entry back to the month's beginning.
//!
//! Many ledgers are read side by side, one entry of each in one call of the store: an entry names the one
//! before it, so that a single ledger could only be read one call after another.

use std::collections::{HashMap, HashSet};

use domain::{
    settlement::{Made, Reversed, Tally, belongs_to, moved, reversed},
    time::{Instant, Month, Zone},
};

use crate::{
    partners::{
        Partners,
        settlement::{guests::places, run::Run, told::Closing},
    },
    store::{
        Key,
        error::Error,
        keys,
        reading::{newest, previous},
        records::{EntryRecord, MemberRecord, Stage, Unreadable, decode},
    },
};

/// Ledgers that are read side by side. DynamoDB takes as many keys in one batch.
const ABREAST_MAX: usize = 100;

/// Entries that one step looks at, at least; it ends with a commit.
const ENTRIES_MAX: usize = 2_000;

/// Brands that have honoured points in one step: each is a record of its own in the step's commit, beside those over which
/// what offers gave is spread.
const HONOURING_MAX: usize = 80;

/// Members of one page of the walk.
const PAGE: usize = 100;

/// The least that a page counts as: DynamoDB looks at a thousand records for one.
const SPARSE: usize = 50;

/// An entry may say that it was recorded a little earlier than the one before it, by no more than clocks
/// differ: a sweep records at its own moment and a command at the request's.
const DISORDER_MILLIS: i64 = 60 * 60 * 1_000;

/// What a step has counted, and its position.
struct Step {
    zone: Zone,
    month: Month,
    /// An entry recorded before that belongs to an earlier month, and so do all entries before it.
    horizon: Instant,
    /// Whether what offers gave is counted.
    offers: bool,
    tally: Tally,
    from: Option<Vec<u8>>,
    walked: bool,
    /// For each member reached so far, the next entry to look at.
    next: Vec<Key>,
    members: u64,
    entries: u64,
}

impl Partners {
    pub(super) async fn count_entries(
        &self,
        run: &Run<'_>,
        from: Option<Vec<u8>>,
        walked: bool,
        next: Vec<Vec<u8>>,
        closing: &mut Closing,
    ) -> Result<u64, Error> {
        let (_, zone) = self.programme.currency_and_zone()?;
        let mut step = Step {
            zone,
            month: run.month,
            horizon: zone.start_of(run.month).plus_millis(-DISORDER_MILLIS),
            offers: run.record.offers,
            tally: Tally::default(),
            from,
            walked,
            next: next.into_iter().map(Key::new).collect(),
            members: 0,
            entries: 0,
        };
        let mut looked_at = 0;
        let mut done = false;
        while looked_at < ENTRIES_MAX && step.room() > 0 && !done {
            looked_at += self.come_to_members(&mut step).await?;
            looked_at += self.count_abreast(&mut step).await?;
            done = step.walked && step.next.is_empty();
        }
        let stage = match done {
            true if run.record.offers => Stage::CountingGuests { from: None },
            true => Stage::Booking { after: None },
            false => Stage::Counting {
                from: step.from,
                walked: step.walked,
                next: step.next.iter().map(|key| key.as_bytes().to_vec()).collect(),
            },
        };
        let mut writes = self.added(run.month, step.tally).await?;
        writes.push(run.go_on(stage));
        self.programme.commit(writes).await?;
        closing.members += step.members;
        closing.entries += step.entries;
        Ok(looked_at as u64)
    }

    /// Continues the walk over members while there is room for their ledgers; returns how many it reached, at
    /// least [`SPARSE`] for each page, because a store may have read much else to find few.
    async fn come_to_members(&self, step: &mut Step) -> Result<usize, Error> {
        if step.walked || step.next.len() >= ABREAST_MAX {
            return Ok(0);
        }
        let from = step.from.take().map(bytes::Bytes::from);
        let page = self.records.store.walk(Some(keys::kind::MEMBER), from, PAGE).await?;
        for (key, record) in &page.records {
            let member: MemberRecord = decode(key, &record.value)?;
            step.members += 1;
            step.next.extend(newest(&member));
        }
        step.from = page.next.map(|next| next.to_vec());
        step.walked = step.from.is_none();
        Ok(page.records.len().max(SPARSE))
    }

    /// Looks at one entry of each ledger, as far as there is room; returns how many.
    async fn count_abreast(&self, step: &mut Step) -> Result<usize, Error> {
        let count = step.next.len().min(ABREAST_MAX).min(step.room());
        let abreast: Vec<Key> = step.next.drain(..count).collect();
        let entries = self.entries_at(&abreast).await?;
        let entries: Vec<(&Key, EntryRecord)> =
            entries.into_iter().filter(|(_, entry)| entry.recorded_at >= step.horizon).collect();
        let counted: Vec<&(&Key, EntryRecord)> =
            entries.iter().filter(|(_, entry)| step.counts(entry)).collect();
        let taken_back = counted.iter().filter_map(|(_, entry)| reversed(&entry.event)).map(|of| key_of(&of));
        let mut seen = HashSet::new();
        let taken_back: Vec<Key> = taken_back.filter(|key| seen.insert(key.clone())).collect();
        let taken_back: HashMap<&Key, EntryRecord> =
            self.entries_at(&taken_back).await?.into_iter().collect();
        for (key, entry) in &counted {
            self.count(&mut step.tally, key, entry, &taken_back).await?;
        }
        if step.offers {
            self.count_uses(&mut step.tally, &counted).await?;
        }
        step.entries += entries.len() as u64;
        // Ledgers that are under way are finished before new ones begin.
        let mut next: Vec<Key> = entries.iter().filter_map(|(_, entry)| previous(entry)).collect();
        next.append(&mut step.next);
        step.next = next;
        Ok(count + taken_back.len())
    }

    async fn count(
        &self,
        tally: &mut Tally,
        key: &Key,
        entry: &EntryRecord,
        taken_back: &HashMap<&Key, EntryRecord>,
    ) -> Result<(), Error> {
        let of = reversed(&entry.event).and_then(|of| taken_back.get(&key_of(&of)));
        let newest_needed = of.map_or(entry.version, |of| of.version.max(entry.version));
        if self.programme.timeline()?.version(newest_needed).is_none() {
            // Another instance has saved it.
            self.programme.refresh().await?;
        }
        let counted = tally.count(&*self.programme.timeline()?, made(entry), of.map(made));
        counted.map_err(|_| Unreadable { key: key.clone() }.into())
    }

    /// Counts what offers gave by entries about uses.
    async fn count_uses(&self, tally: &mut Tally, entries: &[&(&Key, EntryRecord)]) -> Result<(), Error> {
        let mut uses = Vec::new();
        for (key, entry) in entries {
            uses.extend(moved(&entry.event).map(|(using, moves)| (*key, using, moves)));
        }
        if uses.is_empty() {
            return Ok(());
        }
        let funding = self.funding_of(places(uses.iter().flat_map(|(.., moves)| moves))).await?;
        for (key, using, moves) in uses {
            let counted = tally.give(using, moves.into_iter(), |offer, version| funding.of(offer, version));
            counted.map_err(|_| Unreadable { key: key.clone() })?;
        }
        Ok(())
    }

    /// The entries of these keys, all of which must exist: a ledger with a gap cannot be settled.
    async fn entries_at<'k>(&self, wanted: &'k [Key]) -> Result<Vec<(&'k Key, EntryRecord)>, Error> {
        let found = self.records.store.get(wanted).await?;
        let read = wanted.iter().zip(found).map(|(key, record)| {
            let record = record.ok_or_else(|| Unreadable { key: key.clone() })?;
            Ok((key, decode(key, &record.value)?))
        });
        read.collect()
    }
}

impl Step {
    /// How many more entries may be counted before their writes are too much for one commit.
    fn room(&self) -> usize {
        // The last entry may have touched more than there was room for.
        HONOURING_MAX.saturating_sub(self.tally.honoured.len())
    }

    fn counts(&self, entry: &EntryRecord) -> bool {
        self.zone.month(belongs_to(&entry.event, entry.recorded_at)) == self.month
    }
}

fn made(entry: &EntryRecord) -> Made<'_> {
    let in_blocks = entry.blocks.iter().map(|(_, points)| points).sum();
    Made { event: &entry.event, version: entry.version, in_blocks }
}

fn key_of(reversed: &Reversed<'_>) -> Key {
    match reversed {
        Reversed::Order(brand, order_id) => keys::order(brand, order_id),
        Reversed::Redemption(id) => keys::redemption(*id),
        Reversed::Activity(brand, id, reference) => keys::activity(brand, id, reference),
        Reversed::Grant(name) => keys::grant(*name),
    }
}
