//! A store that counts what its calls cost.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use engine::store::{
    Feed, Instant, Key, Kind, Manner, Page, Pending, Range, Record, Store, StoreError, Version, Write,
};

use crate::{
    cost::{self, Cost},
    place::{self, Place},
};

/// A call, and what it costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// Records by key.
    Get(Cost),
    /// A range.
    Scan(Cost),
    /// A page of a walk.
    Walk(Cost),
    /// A commit, whether or not it succeeded: DynamoDB also charges for failed conditions.
    Commit(Cost),
}

impl Call {
    /// Its cost.
    pub fn cost(&self) -> Cost {
        match self {
            Call::Get(cost) | Call::Scan(cost) | Call::Walk(cost) | Call::Commit(cost) => *cost,
        }
    }
}

/// Counts what the calls of the store within would cost at AWS, whichever store it is. Attempts
/// that the store within repeats on its own are not seen; the sizes of old records are known if
/// they were read or written through this.
#[derive(Clone)]
pub struct Metered {
    store: Arc<dyn Store>,
    meter: Arc<Mutex<Meter>>,
}

#[derive(Default)]
struct Meter {
    calls: Vec<Call>,
    sizes: HashMap<Key, u64>,
}

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metered")
    }
}

impl Metered {
    /// Counts for that store.
    pub fn new(store: Arc<dyn Store>) -> Metered {
        Metered { store, meter: Arc::default() }
    }

    /// The calls since the last call of this function.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    /// What all calls cost since the last call of this function or of the one above.
    pub fn take_cost(&self) -> Cost {
        self.take().iter().map(Call::cost).fold(Cost::default(), |sum, cost| sum + cost)
    }

    fn lock(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    fn saw(&mut self, key: &Key, record: Option<&Record>) -> u64 {
        match record {
            Some(record) => {
                let bytes = cost::item_bytes(key, record.value.len());
                self.sizes.insert(key.clone(), bytes);
                bytes
            }
            None => {
                self.sizes.remove(key);
                0
            }
        }
    }

    /// A query for each partition up to the one that filled the answer, each with its own reads.
    fn scanned(&mut self, range: &Range, limit: usize, found: &[(Key, Record)]) -> Cost {
        let Ok(parts) = place::parts(range) else { return Cost::default() };
        let mut bytes: HashMap<Vec<u8>, u64> = HashMap::new();
        for (key, record) in found {
            *bytes.entry(Place::of(key).k).or_default() += self.saw(key, Some(record));
        }
        let last = found.last().filter(|_| found.len() == limit).map(|(key, _)| Place::of(key).k);
        let mut cost = Cost { items: found.len() as u64, ..Cost::default() };
        for part in parts {
            let bytes = bytes.get(&part.k).copied().unwrap_or(0);
            let read_units = cost::read_units(bytes);
            cost += Cost { bytes, read_units, round_trips: 1, ..Cost::default() };
            if last.as_ref() == Some(&part.k) {
                break;
            }
        }
        cost
    }

    fn wrote(&mut self, writes: &[Write]) {
        for write in writes {
            match &write.change {
                engine::store::Change::Nothing => {}
                engine::store::Change::Put(value) => {
                    self.sizes.insert(write.key.clone(), cost::item_bytes(&write.key, value.len()));
                }
                engine::store::Change::Delete => {
                    self.sizes.remove(&write.key);
                }
            }
        }
    }
}

impl Store for Metered {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            let found = self.store.get(keys).await?;
            let mut meter = self.lock();
            for (key, record) in keys.iter().zip(&found) {
                meter.saw(key, record.as_ref());
            }
            if !keys.is_empty() {
                meter.calls.push(Call::Get(cost::get(keys, &found)));
            }
            drop(meter);
            Ok(found)
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move {
            let found = self.store.scan(range.clone(), limit).await?;
            let mut meter = self.lock();
            let cost = meter.scanned(&range, limit, &found);
            meter.calls.push(Call::Scan(cost));
            drop(meter);
            Ok(found)
        })
    }

    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            let page = self.store.walk(kind, from, limit).await?;
            let mut meter = self.lock();
            let bytes = page.records.iter().map(|(key, record)| meter.saw(key, Some(record))).sum();
            let items = page.records.len() as u64;
            // Items that the page skips are read too, and not seen here.
            let read_units = cost::read_units(bytes);
            meter.calls.push(Call::Walk(Cost { items, bytes, read_units, write_units: 0, round_trips: 1 }));
            drop(meter);
            Ok(page)
        })
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.commit_as(writes, Manner::Plain)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.store.feed()
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(async move {
            let cost = {
                let meter = self.lock();
                cost::commit(&writes, |key| meter.sizes.get(key).copied())
            };
            let answer = self.store.commit_as(writes.clone(), manner).await;
            let mut meter = self.lock();
            if cost != Cost::default() {
                meter.calls.push(Call::Commit(cost));
            }
            if answer.is_ok() {
                meter.wrote(&writes);
            }
            drop(meter);
            answer
        })
    }

    fn commit_until(&self, put: Write, until: Instant) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(async move {
            let old = self.lock().sizes.get(&put.key).copied();
            let answer = self.store.commit_until(put.clone(), until).await;
            let mut meter = self.lock();
            meter.calls.push(Call::Commit(cost::put_until(&put, old)));
            if answer.is_ok() {
                meter.wrote(&[put]);
            }
            drop(meter);
            answer
        })
    }

    fn removes_ended(&self) -> bool {
        self.store.removes_ended()
    }
}
