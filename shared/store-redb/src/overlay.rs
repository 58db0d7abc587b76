//! What is durable in the journal but not yet in the tables, in memory and in key order.
//!
//! Two generations at most: the active one, which grows with every batch, and a frozen one, which the drainer
//! is writing into the tables. Their keys and values are slices of the frames they came in, so a generation
//! takes about as much memory as its segment of the journal, whatever the callers' own buffers retain. It
//! holds only what is durable.

use std::{
    collections::BTreeMap,
    iter::Peekable,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use engine::store::{Key, Range, Record, Version};

use crate::tables::{Reader, TablesError};

/// A record's newest write: its bytes, or nothing if it was deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) version: Version,
    pub(crate) value: Option<Bytes>,
}

impl Entry {
    /// The record, if the write left one.
    pub(crate) fn record(self) -> Option<Record> {
        let Entry { version, value } = self;
        value.map(|value| Record { value, version })
    }
}

/// A key with its first bytes inline: comparing two rarely has to follow their pointers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// The first sixteen bytes, padded with zeros; sorts as they do.
    start: u128,
    pub(crate) key: Key,
}

impl From<Key> for Place {
    fn from(key: Key) -> Place {
        Place { start: start(key.as_bytes()), key }
    }
}

impl Place {
    /// The place of a key of which [`start`] is known.
    pub(crate) fn starting(start: u128, key: Key) -> Place {
        debug_assert_eq!(start, self::start(key.as_bytes()), "another key's start");
        Place { start, key }
    }
}

/// The newest writes by key.
pub(crate) type Generation = BTreeMap<Place, Entry>;

/// The first sixteen bytes, padded with zeros: they sort as the whole does, but may be equal.
pub(crate) fn start(bytes: &[u8]) -> u128 {
    let mut start = [0; 16];
    let length = bytes.len().min(start.len());
    start[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(start)
}

/// Everything a reader needs, newest first.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) active: Arc<Generation>,
    pub(crate) frozen: Option<Arc<Generation>>,
    pub(crate) tables: Arc<Reader>,
    /// The number of the last commit in it.
    pub(crate) last_sequence: u64,
}

impl View {
    /// The entry that shadows the tables, if one does.
    pub(crate) fn shadow(&self, key: &Key) -> Option<&Entry> {
        let place = Place::from(key.clone());
        let frozen = || self.frozen.as_ref()?.get(&place);
        self.active.get(&place).or_else(frozen)
    }
}

/// The view, shared by readers, the writer and the drainer. The lock is held for lookups and insertions,
/// never while the tables or a file are read.
#[derive(Debug)]
pub(crate) struct Shared(RwLock<View>);

impl Shared {
    pub(crate) fn new(view: View) -> Shared {
        Shared(RwLock::new(view))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, View> {
        // Nothing panics between two steps that belong together under this lock.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a scan needs of a view, so that the view's lock is not held while the tables are read.
pub(crate) struct Layers {
    active: Vec<(Key, Entry)>,
    frozen: Option<Arc<Generation>>,
    pub(crate) tables: Arc<Reader>,
}

impl Layers {
    /// The layers of a scan for the first `limit` records of the range.
    pub(crate) fn of(view: &View, range: &Range, limit: usize) -> Layers {
        // What the active generation holds beyond its `limit`th live record cannot be among the
        // first `limit` records of all.
        let mut live = 0;
        let needed = part(&view.active, range).take_while(|(_, entry)| {
            let before = live;
            live += usize::from(entry.value.is_some());
            before < limit
        });
        Layers {
            active: needed.map(|(key, entry)| (key.clone(), entry.clone())).collect(),
            frozen: view.frozen.clone(),
            tables: view.tables.clone(),
        }
    }

    /// The first `limit` records of the range: for a key in several layers, the newest counts.
    pub(crate) fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Record)>, TablesError> {
        let mut found = Vec::new();
        if limit == 0 || range.from >= range.to {
            return Ok(found);
        }
        let frozen = self.frozen.iter().flat_map(|frozen| part(frozen, range));
        let active = self.active.iter().map(|(key, entry)| (key, entry));
        let mut shadows = Newest { newer: active.peekable(), older: frozen.peekable() }.peekable();
        let mut rows = self.tables.range(range)?;
        let mut row = rows.next().transpose()?;
        while found.len() < limit {
            let shadow = match (shadows.peek(), &row) {
                (None, None) => break,
                (Some((key, _)), Some((row_key, _))) if *key == row_key => {
                    row = rows.next().transpose()?;
                    shadows.next()
                }
                (Some((key, _)), Some((row_key, _))) if *key < row_key => shadows.next(),
                (Some(_), None) => shadows.next(),
                (_, Some(_)) => None,
            };
            if let Some((key, entry)) = shadow {
                found.extend(entry.clone().record().map(|record| (key.clone(), record)));
            } else if let Some(taken) = row.take() {
                found.push(taken);
                row = rows.next().transpose()?;
            }
        }
        Ok(found)
    }
}

/// The entries of a generation within the range; none if the range is empty or reversed.
fn part<'a>(
    generation: &'a Generation,
    range: &Range,
) -> impl Iterator<Item = (&'a Key, &'a Entry)> + use<'a> {
    let places =
        (range.from < range.to).then(|| Place::from(range.from.clone())..Place::from(range.to.clone()));
    let found = places.into_iter().flat_map(|places| generation.range(places));
    found.map(|(place, entry)| (&place.key, entry))
}

/// Two ascending layers as one.
struct Newest<N: Iterator, O: Iterator> {
    newer: Peekable<N>,
    older: Peekable<O>,
}

impl<'a, N, O> Iterator for Newest<N, O>
where
    N: Iterator<Item = (&'a Key, &'a Entry)>,
    O: Iterator<Item = (&'a Key, &'a Entry)>,
{
    type Item = (&'a Key, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        match (self.newer.peek(), self.older.peek()) {
            (Some((newer, _)), Some((older, _))) if newer > older => self.older.next(),
            (Some((newer, _)), Some((older, _))) if newer == older => {
                self.older.next();
                self.newer.next()
            }
            (Some(_), _) => self.newer.next(),
            (None, _) => self.older.next(),
        }
    }
}
