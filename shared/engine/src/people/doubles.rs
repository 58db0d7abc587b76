//! Persons who may be one and the same: a walk over the index of what persons share, a bounded part at a time.
//!
//! The index is written with the persons, by a store around the store that can read them (`edge::alike`). Who shares
//! something stands side by side in it, so that a page reads a few hundred small records, whatever the number of
//! members, and all pages together each record once, and once more for each one with whom it is shared.

use std::collections::{BTreeMap, BTreeSet};

use domain::member::MemberId;

use crate::{
    people::People,
    store::{
        Key, Range,
        error::Error,
        id::AlikeHash,
        keys::{self, ALIKE_PARTS},
    },
};

/// The most pairs in a page.
const PAIRS_MAX: usize = 50;

/// Records of the index that a page looks at, in each of the two ways that it reads them.
const ROWS_MAX: usize = 500;

/// Two members whose persons share something, the one with the lower id first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Double {
    /// The keyed hash of what they share.
    pub shared: AlikeHash,
    /// The two.
    pub members: [MemberId; 2],
}

/// Two records whose persons share something, and the members that they lead to, which could be joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The keyed hash of what they share.
    pub shared: AlikeHash,
    /// The two records.
    pub records: [MemberId; 2],
    /// The member that each leads to: itself, but for one that was merged.
    pub members: [MemberId; 2],
}

/// A place in the walk: behind that pair; a member with itself is the place before its first pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DoublesPlace(pub Double);

/// A page of the walk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubles {
    /// Pairs; there may be none before the end.
    pub pairs: Vec<Pair>,
    /// Where the walk goes on; `None` at its end.
    pub next: Option<DoublesPlace>,
}

type Row = (AlikeHash, MemberId);

impl People {
    /// A page of the pairs of members whose persons share something, from the place on. Whoever registers or changes
    /// during the walk may be in it or not.
    ///
    /// # Errors
    /// The store failed.
    pub async fn doubles(&self, from: Option<DoublesPlace>) -> Result<Doubles, Error> {
        let (mut pairs, mut part, mut from_key) = (Vec::new(), 0, None);
        if let Some(DoublesPlace(Double { shared, members: [one, other] })) = from {
            let rows = self.rows(keys::alike_behind(shared, other), PAIRS_MAX).await?;
            pairs.extend(rows.iter().map(|(_, other)| Double { shared, members: [one, *other] }));
            if let Some(last) = pairs.last().filter(|_| pairs.len() == PAIRS_MAX) {
                let next = Some(DoublesPlace(*last));
                return Ok(Doubles { pairs: self.apart(pairs).await?, next });
            }
            (part, from_key) = (keys::part_of_alike(shared), Some(keys::alike(shared, one).successor()));
        }
        let mut room = ROWS_MAX;
        while part < ALIKE_PARTS {
            let mut range = keys::alike_part(part);
            range.from = from_key.take().unwrap_or(range.from);
            let rows = self.rows(range, room).await?;
            if let Some(next) = pair(&rows, rows.len() == room, &mut pairs) {
                return Ok(Doubles { pairs: self.apart(pairs).await?, next: Some(next) });
            }
            room -= rows.len();
            part += 1;
        }
        Ok(Doubles { pairs: self.apart(pairs).await?, next: None })
    }

    /// Those pairs that lead to two members: what is joined already is not to be joined. Where several records of two
    /// members share the same, the pair of the first of each stands for all.
    async fn apart(&self, doubles: Vec<Double>) -> Result<Vec<Pair>, Error> {
        let ids: BTreeSet<MemberId> = doubles.iter().flat_map(|double| double.members).collect();
        let mut known = BTreeMap::new();
        for id in ids {
            let records = self.records_of(id).await?;
            known.insert(id, if records.is_empty() { vec![id] } else { records });
        }
        let mut pairs = Vec::new();
        for Double { shared, members } in doubles {
            let both = members.map(|id| &known[&id]);
            let pair = Pair { shared, records: members, members: both.map(|records| records[0]) };
            let mut is_first = pair.members[0] != pair.members[1];
            for (id, records) in members.iter().zip(both) {
                is_first = is_first && self.is_first(shared, *id, records).await?;
            }
            pairs.extend(is_first.then_some(pair));
        }
        Ok(pairs)
    }

    /// Whether none of these records with a lower id has something of that hash.
    async fn is_first(&self, shared: AlikeHash, id: MemberId, records: &[MemberId]) -> Result<bool, Error> {
        let lower = records.iter().filter(|other| **other < id);
        let lower: Vec<Key> = lower.map(|other| keys::alike(shared, *other)).collect();
        Ok(lower.is_empty() || self.records.store.get(&lower).await?.iter().all(Option::is_none))
    }

    async fn rows(&self, range: Range, limit: usize) -> Result<Vec<Row>, Error> {
        let found = self.records.store.scan(range, limit).await?;
        let read = |key: &Key| keys::read_alike(key).ok_or_else(|| unreadable(key));
        found.iter().map(|(key, _)| read(key)).collect()
    }
}

fn unreadable(key: &Key) -> Error {
    crate::store::records::Unreadable { key: key.clone() }.into()
}

/// Takes the pairs of the rows, which are in order; and where to go on, if there is no more room, or the rows are cut off.
fn pair(rows: &[Row], cut_off: bool, pairs: &mut Vec<Double>) -> Option<DoublesPlace> {
    for (at, (shared, one)) in rows.iter().enumerate() {
        let alike = rows[at + 1..].iter().take_while(|(other, _)| other == shared);
        let (mut count, mut last) = (0, *one);
        for (_, other) in alike {
            let double = Double { shared: *shared, members: [*one, *other] };
            pairs.push(double);
            if pairs.len() >= PAIRS_MAX {
                return Some(DoublesPlace(double));
            }
            (count, last) = (count + 1, *other);
        }
        if cut_off && at + 1 + count == rows.len() {
            // Others that share it may stand behind the last row.
            return Some(DoublesPlace(Double { shared: *shared, members: [*one, last] }));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        Engine,
        memory::MemoryStore,
        store::{Change, Expect, Store as _, Write},
    };

    /// Groups of so many members each; all pairs are found, each once, in pages that are bounded.
    #[test]
    fn every_pair_is_found_once() {
        for sizes in [
            &[][..],
            &[1, 1, 1],
            &[2, 1, 3, 0, 5],
            &[60],
            &[10, 11, 12],
            &[300, 2],
            &[ROWS_MAX - 1, 2, 2],
            &[ROWS_MAX],
            &[ROWS_MAX + 1, 3],
            &[1; 1_200],
        ] {
            let (store, mut want) = (Arc::new(MemoryStore::new()), 0);
            for (group, size) in (0_u32..).zip(sizes) {
                let mut hash = [0; 16];
                // Several to a part, and not in their order.
                hash[0] = u8::try_from(group * 7 % 251).unwrap();
                hash[8..12].copy_from_slice(&group.to_be_bytes());
                for member in 0..*size {
                    let mut id = [3; 16];
                    id[..8].copy_from_slice(&(member as u64).to_be_bytes());
                    let key = keys::alike(AlikeHash(hash), MemberId(id));
                    let write = Write { key, expect: Expect::Absent, change: Change::Put([][..].into()) };
                    store.commit(vec![write]).now_or_never().unwrap().unwrap();
                }
                want += size * size.saturating_sub(1) / 2;
            }
            let (engine, mut from, mut found, mut pages) = (Engine::new(store), None, Vec::new(), 0);
            loop {
                let page = engine.people().doubles(from).now_or_never().unwrap().unwrap();
                assert!(page.pairs.len() <= PAIRS_MAX && (page.next.is_none() || page.next != from));
                found.extend(page.pairs.iter().map(|pair| (pair.shared.0, pair.records.map(|id| id.0))));
                from = page.next;
                pages += 1;
                if from.is_none() {
                    break;
                }
            }
            assert!(found.iter().all(|(_, [one, other])| one < other), "{sizes:?}");
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.len(), want, "{} groups in {pages} pages", sizes.len());
        }
    }
}
