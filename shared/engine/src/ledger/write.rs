//! What one commit writes for a member: its standing against its version, the ledger entries, its
//! place in the due index, and the marks of brands and tiers used for the first time.

use domain::{
    event::{Event, OrderState},
    member::Member,
    programme::Timeline,
    time::Instant,
};

use crate::{
    accounts::Points,
    engine::{Engine, Loaded, unchanged},
    store::{
        Change, Expect, Key, StoreError, Version, Write,
        error::Error,
        id::ContentHash,
        keys,
        records::{By, EntryRecord, MemberRef, Outcome, encode},
    },
};

/// The entry that a command is about, where it has a name of its own.
pub(crate) struct Primary {
    /// Which of the events it is.
    pub(crate) index: usize,
    /// Its natural key.
    pub(crate) key: Option<Key>,
    /// The hash of the request's content.
    pub(crate) content: ContentHash,
    /// What the caller is told.
    pub(crate) outcome: Outcome,
    /// Which of its brand's blocks its points came from, or went back to.
    pub(crate) blocks: Points,
    /// Whether its brand's credit was charged.
    pub(crate) charged: bool,
}

/// A member's part of a commit, as it is put together.
pub(crate) struct MemberWrites<'a> {
    pub(crate) programmes: &'a Timeline,
    pub(crate) by: By,
    pub(crate) recorded_at: Instant,
    /// What is stored now; `None` for a new member.
    pub(crate) before: Option<&'a Loaded>,
    /// The brand a new member registers at.
    pub(crate) brand: Option<&'a str>,
    /// The member afterwards.
    pub(crate) after: &'a Member,
    /// What happened in between, in order; the first `timely` by time alone.
    pub(crate) events: Vec<Event>,
    pub(crate) timely: usize,
}

pub(crate) fn put<T: serde::Serialize>(key: Key, expect: Expect, record: &T) -> Write {
    Write { key, expect, change: Change::Put(encode(record)) }
}

pub(crate) fn delete(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Delete }
}

impl MemberWrites<'_> {
    /// The writes, and the primary entry as it is stored.
    pub(crate) fn build(
        mut self,
        engine: &Engine,
        primary: Option<Primary>,
    ) -> (Vec<Write>, Option<EntryRecord>) {
        let mut writes = Vec::with_capacity(self.events.len() + 4);
        self.marks(engine, &mut writes);
        self.due(&mut writes);
        let events = std::mem::take(&mut self.events);
        let (last, entry) = self.entries(events, primary, &mut writes);
        let record = MemberRef { member: self.after, last: &last };
        let version: Option<Version> = self.before.map(|before| before.version);
        writes.push(put(keys::member(self.after.id), unchanged(version), &record));
        (writes, entry)
    }

    fn entries(
        &self,
        events: Vec<Event>,
        primary: Option<Primary>,
        writes: &mut Vec<Write>,
    ) -> (Option<Vec<u8>>, Option<EntryRecord>) {
        let mut last = self.before.and_then(|before| before.record.last.clone());
        let mut balance = self.before.map_or(0, |before| before.record.member.balance());
        let first = self.before.map_or(0, |before| before.record.member.seq) + 1;
        let mut primary = primary;
        let mut told = None;
        for (index, event) in events.into_iter().enumerate() {
            let seq = first + index as u64;
            balance += event.movement.points();
            let own = primary.take_if(|primary| primary.index == index);
            let natural = own.as_ref().and_then(|own| own.key.clone());
            let is_primary = own.is_some();
            let blocks = own.as_ref().map_or(Vec::new(), |own| own.blocks.clone());
            let charged = own.as_ref().is_some_and(|own| own.charged);
            let entry = EntryRecord {
                member: self.after.id,
                seq,
                previous: last.take(),
                by: if index < self.timely { By::Time } else { self.by },
                version: self.programmes.at(event.at).version,
                recorded_at: self.recorded_at,
                balance_after: balance,
                content: natural.as_ref().and(own.as_ref()).map(|own| own.content),
                order: event.kind.row().order.map(OrderState::new),
                event,
                outcome: own.map(|own| own.outcome),
                cancelled: false,
                blocks,
                charged,
            };
            last = natural.as_ref().map(|key| key.as_bytes().to_vec());
            let key = natural.unwrap_or_else(|| keys::entry(self.after.id, seq));
            writes.push(put(key, Expect::Absent, &entry));
            if is_primary {
                told = Some(entry);
            }
        }
        (last, told)
    }

    fn due(&self, writes: &mut Vec<Write>) {
        let before = self.before.and_then(|before| before.record.member.due_at());
        let after = self.after.due_at();
        if before == after {
            return;
        }
        if let Some(at) = before {
            writes.push(delete(keys::due(at, self.after.id)));
        }
        if let Some(at) = after {
            let value = Change::Put(bytes::Bytes::new());
            writes.push(Write { key: keys::due(at, self.after.id), expect: Expect::Anything, change: value });
        }
    }

    /// A brand or tier that is used for the first time is marked, so that a later version of the
    /// programme cannot remove it. The mark is only made under the newest version.
    fn marks(&self, engine: &Engine, writes: &mut Vec<Write>) {
        let lots = self.after.lots.iter().map(|lot| lot.brand.as_str());
        let brands = lots.chain(self.brand).map(|brand| keys::used("brand", brand));
        let told = self
            .events
            .iter()
            .filter_map(|event| event.kind.row().brand)
            .map(|brand| keys::used("brand", brand));
        let trial = self.after.trial.iter().map(|trial| &trial.tier);
        let tiers = trial.chain([&self.after.standing.tier]).map(|tier| keys::used("tier", tier));
        writes.extend(marking(engine, brands.chain(told).chain(tiers).collect()));
    }
}

/// What marks these uses, as far as they are not marked yet, under the newest version of the programme.
pub(crate) fn marking(engine: &Engine, mut marks: Vec<Key>) -> Vec<Write> {
    marks.retain(|key| !engine.is_marked(key));
    marks.sort();
    marks.dedup();
    let head = engine.head_version().filter(|_| !marks.is_empty()).map(|version| Write {
        key: keys::program_head(),
        expect: Expect::Version(version),
        change: Change::Nothing,
    });
    let mark = |key| Write { key, expect: Expect::Anything, change: Change::Put(bytes::Bytes::new()) };
    marks.into_iter().map(mark).chain(head).collect()
}

impl Engine {
    /// Commits, and notes which brands and tiers are now marked as used.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<(), Error> {
        let marks = writes.iter().filter(|write| write.key.kind() == keys::kind::USED);
        let marks: Vec<Key> = marks.map(|write| write.key.clone()).collect();
        match self.store.commit(writes).await {
            // A mark is made under the newest version; another instance may have saved a newer one.
            Err(StoreError::LostRace) if !marks.is_empty() => {
                self.refresh().await?;
                Err(StoreError::LostRace.into())
            }
            Err(error) => Err(error.into()),
            Ok(_) => {
                self.mark(marks);
                Ok(())
            }
        }
    }
}
