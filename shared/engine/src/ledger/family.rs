//! Ledgers that belong together, because records of one person were joined or parted: each is one member's, and what
//! became of an order or a redemption of one may stand in another.

use std::collections::BTreeMap;

use domain::{event::MergeStep, id::MergeId, member::MemberId};

use crate::{
    ledger::Ledger,
    store::{
        error::Error,
        records::{EntryRecord, MemberRecord},
    },
};

/// A member's ledger, with those of all that it was ever joined with.
pub(super) struct Family {
    /// The members, with their entries, oldest first.
    pub(super) members: BTreeMap<MemberId, (MemberRecord, Vec<EntryRecord>)>,
}

/// Two entries that are the two sides of one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Half {
    /// Of a merge, or of its undoing: the one that must stand in the other ledger before.
    First(MergeId, bool),
    /// The one that follows it.
    Second(MergeId, bool),
}

impl Half {
    /// Which half an entry is, and of whose other half; `None` if it is of no merge.
    fn of(entry: &EntryRecord) -> Option<(Half, MemberId)> {
        Some(match entry.event.kind.merge()? {
            MergeStep::Away(merge, other, _) => (Half::First(merge, true), other),
            MergeStep::In(merge, other, _) => (Half::Second(merge, true), other),
            MergeStep::From(merge, other, _) => (Half::First(merge, false), other),
            MergeStep::Parted(merge, other, _) => (Half::Second(merge, false), other),
        })
    }

    fn other(self) -> Half {
        match self {
            Half::First(merge, joins) => Half::Second(merge, joins),
            Half::Second(merge, joins) => Half::First(merge, joins),
        }
    }
}

impl Family {
    /// Reads the ledger of a member, and of whoever it was joined with.
    pub(super) async fn read(ledger: &Ledger, record: &MemberRecord) -> Result<Family, Error> {
        let mut members = BTreeMap::new();
        let mut waiting = vec![record.clone()];
        while let Some(record) = waiting.pop() {
            let id = record.member.id;
            if members.contains_key(&id) {
                continue;
            }
            let entries = ledger.whole_ledger(&record).await?;
            for (_, other) in entries.iter().filter_map(Half::of) {
                if !members.contains_key(&other) && other != id {
                    waiting.extend(ledger.records.load(other).await?.map(|loaded| loaded.record));
                }
            }
            members.insert(id, (record, entries));
        }
        Ok(Family { members })
    }

    /// The entries of that member, oldest first.
    pub(super) fn ledger(&self, id: MemberId) -> &[EntryRecord] {
        self.members.get(&id).map_or(&[], |(_, entries)| entries)
    }

    /// All entries, each after what it follows from: what is joined or parted ends in one ledger before it goes on in
    /// the other.
    pub(super) fn in_order(&self) -> Vec<&EntryRecord> {
        let mut walk = Walk { family: self, next: BTreeMap::new(), waits: Vec::new(), entries: Vec::new() };
        for id in self.members.keys() {
            walk.up_to(*id, None);
        }
        walk.entries
    }

    /// What a member's entries join or part stands in the other's ledger too, and both add up to nothing.
    pub(super) fn check_merges(&self, id: MemberId, differences: &mut Vec<String>) {
        for entry in self.ledger(id) {
            let Some((half, other)) = Half::of(entry) else { continue };
            let is_other = |entry: &&EntryRecord| {
                Half::of(entry).is_some_and(|(own, back)| own == half.other() && back == id)
            };
            let seq = entry.seq;
            let Some(twin) = self.ledger(other).iter().find(is_other) else {
                differences.push(format!("entry {seq}: the other record has no entry of this merge"));
                continue;
            };
            let (own, twin) = (&entry.event.movement, &twin.event.movement);
            if own.points().saturating_add(twin.points()) != 0 {
                let (own, twin) = (own.points(), twin.points());
                differences
                    .push(format!("entry {seq}: {own} points move here and {twin} in the other record"));
            }
            if own.growth.saturating_add(twin.growth) != 0 {
                let (own, twin) = (own.growth, twin.growth);
                differences.push(format!(
                    "entry {seq}: growth moves by {own} here and by {twin} in the other record"
                ));
            }
        }
    }
}

/// Entries as they are put in order.
struct Walk<'a> {
    family: &'a Family,
    next: BTreeMap<MemberId, usize>,
    /// Ledgers that wait for an entry of another one; damaged ones might wait for each other.
    waits: Vec<MemberId>,
    entries: Vec<&'a EntryRecord>,
}

impl Walk<'_> {
    /// Takes the entries of a ledger up to that one, or all.
    fn up_to(&mut self, id: MemberId, last: Option<Half>) {
        if self.waits.contains(&id) {
            return;
        }
        self.waits.push(id);
        let entries = self.family.ledger(id);
        loop {
            let place = self.next.get(&id).copied().unwrap_or(0);
            let Some(entry) = entries.get(place) else { break };
            let half = Half::of(entry);
            if let Some((second @ Half::Second(..), other)) = half
                && !self.entries.iter().any(|taken| {
                    taken.member == other && Half::of(taken).is_some_and(|(own, _)| own == second.other())
                })
            {
                self.up_to(other, Some(second.other()));
            }
            self.entries.push(entry);
            self.next.insert(id, place + 1);
            if last.is_some() && half.map(|(half, _)| half) == last {
                break;
            }
        }
        self.waits.pop();
    }
}
