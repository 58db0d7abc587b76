//! A store that misbehaves as its weather says, in each way that the port allows, and reports to the
//! simulator what was committed, in order.

use domain::member::MemberId;
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use engine::{
    keys::{self, kind},
    store::{
        Change, Expect, Feed, Key, Manner, Page, Pending, Range, Record, Store, StoreError, Version, Write,
    },
};
use laurel_tests::model::Dice;

use crate::faults::{Fault, Kind, Mix, Struck};

/// A commit that went through, and the kinds of its records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    /// Members whose records it wrote, with what was written.
    pub(crate) members: Vec<(MemberId, Bytes)>,
    /// Whether it remembers a request, or writes under a natural key.
    pub(crate) is_named: bool,
    /// Ledger entries that it wrote.
    pub(crate) entries: Vec<(Key, Bytes)>,
    /// A version of the programme that it saved.
    pub(crate) program: Option<(Key, Bytes)>,
    /// A version of an offer that it saved.
    pub(crate) offer: Option<(Key, Bytes)>,
    /// What it notes in the activity log.
    pub(crate) noted: Vec<(Key, Bytes)>,
}

/// What surrounds the store's calls: whose they are, and which faults strike them.
pub(crate) struct Weather {
    /// Randomness of the attempt that is being polled.
    pub(crate) dice: Dice,
    /// How often faults strike; never after they have stopped.
    pub(crate) mix: Mix,
    /// What the attempt that is being polled is about.
    pub(crate) kind: Kind,
    /// What struck so far.
    pub(crate) struck: Struck,
    /// What the attempt that is being polled has committed since the last call.
    pub(crate) committed: Vec<Committed>,
    /// Whether the last commit of members can be split by a restore: its writes, and what was there.
    pub(crate) last: Vec<(Key, Option<Record>)>,
    /// Whether that is noted.
    pub(crate) notes_last: bool,
    /// Changes of the due index, newest last: whether the key existed before.
    due: VecDeque<(Key, bool)>,
}

/// How many changes of the due index a stale read may lack.
const STALE_MAX: usize = 12;

impl Weather {
    /// Fine weather.
    pub(crate) fn new() -> Weather {
        Weather {
            dice: Dice::new(0),
            mix: Mix::calm(),
            kind: Kind::Read,
            struck: Struck::default(),
            committed: Vec::new(),
            last: Vec::new(),
            notes_last: false,
            due: VecDeque::new(),
        }
    }

    fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.mix.strikes(fault, &mut self.dice);
        if strikes {
            self.struck.count(fault, self.kind);
        }
        strikes
    }

    /// What befalls a reading.
    fn over_read(&mut self) -> Option<Fault> {
        // A request reads more often than it writes.
        let faults = [Fault::Throttled, Fault::Unavailable];
        faults.into_iter().find(|fault| self.dice.below(3) == 0 && self.strikes(*fault))
    }

    /// What befalls a commit.
    fn over_commit(&mut self) -> Option<Fault> {
        let faults = [
            Fault::LostRace,
            Fault::Throttled,
            Fault::Unavailable,
            Fault::TimeoutBefore,
            Fault::TimeoutAfter,
        ];
        faults.into_iter().find(|fault| self.strikes(*fault))
    }

    fn note(&mut self, told: Committed, due: Vec<(Key, bool)>) {
        self.committed.push(told);
        for change in due {
            if self.due.len() == STALE_MAX {
                self.due.pop_front();
            }
            self.due.push_back(change);
        }
    }
}

impl Default for Weather {
    fn default() -> Weather {
        Weather::new()
    }
}

/// The store as one instance sees it.
pub(crate) struct Weathered {
    inner: Arc<dyn Store>,
    weather: Arc<Mutex<Weather>>,
}

impl Weathered {
    /// The store under that weather.
    pub(crate) fn new(inner: Arc<dyn Store>, weather: Arc<Mutex<Weather>>) -> Weathered {
        Weathered { inner, weather }
    }

    fn lock(&self) -> MutexGuard<'_, Weather> {
        lock(&self.weather)
    }

    /// Waits while others continue, a random number of times.
    async fn waits(&self) {
        loop {
            let waits = self.lock().strikes(Fault::Reordered);
            if !waits {
                return;
            }
            Yield(false).await;
        }
    }

    async fn put_down(&self, writes: Vec<Write>, manner: Manner) -> Result<Version, StoreError> {
        let (told, due) = (told(&writes), due(&writes));
        let before = if self.lock().notes_last { self.before(&writes).await } else { Vec::new() };
        let done = self.inner.commit_as(writes, manner).await;
        if done.is_ok() {
            let mut weather = self.lock();
            if !told.members.is_empty() {
                weather.last = before;
            }
            weather.note(told, due);
        }
        done
    }

    async fn before(&self, writes: &[Write]) -> Vec<(Key, Option<Record>)> {
        let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        let found = self.inner.get(&keys).await.unwrap_or_default();
        keys.into_iter().zip(found).collect()
    }

    async fn commit_once(&self, writes: Vec<Write>, manner: Manner) -> Result<Version, StoreError> {
        self.waits().await;
        let fault = self.lock().over_commit();
        let done = match fault {
            None => self.put_down(writes, manner).await,
            Some(Fault::LostRace) => Err(StoreError::LostRace),
            Some(Fault::Throttled) => Err(StoreError::Busy),
            Some(Fault::TimeoutBefore) => Err(StoreError::Unknown(unwell())),
            Some(Fault::TimeoutAfter) => match self.put_down(writes, manner).await {
                Ok(_) => Err(StoreError::Unknown(unwell())),
                refused => refused,
            },
            Some(_) => Err(StoreError::Unavailable(unwell())),
        };
        // A request may end between its commit and its answer.
        self.waits().await;
        done
    }
}

/// Locks; nothing panics while it holds the lock.
pub(crate) fn lock(weather: &Mutex<Weather>) -> MutexGuard<'_, Weather> {
    weather.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unwell() -> Arc<dyn std::error::Error + Send + Sync> {
    Arc::new(std::io::Error::other("bad weather"))
}

fn told(writes: &[Write]) -> Committed {
    let mut told = Committed::default();
    for write in writes {
        let Change::Put(value) = &write.change else { continue };
        let key = write.key.as_bytes();
        match write.key.kind() {
            kind::MEMBER => {
                if let Ok(id) = key[1..].try_into() {
                    told.members.push((MemberId(id), value.clone()));
                }
            }
            kind::REQUEST => told.is_named = true,
            kind::STAFF_CHANGE => told.noted.push((write.key.clone(), value.clone())),
            kind::ENTRY => told.entries.push((write.key.clone(), value.clone())),
            named if named.row().is_some_and(|row| row.is_entry(&write.key)) => {
                told.is_named = true;
                if write.expect == Expect::Absent {
                    told.entries.push((write.key.clone(), value.clone()));
                }
            }
            kind::PROGRAM if !keys::is_program_part(&write.key) => {
                told.program = Some((write.key.clone(), value.clone()))
            }
            kind::OFFER_VERSION => told.offer = Some((write.key.clone(), value.clone())),
            _ => {}
        }
    }
    told
}

fn due(writes: &[Write]) -> Vec<(Key, bool)> {
    let due = writes.iter().filter(|write| write.key.kind() == kind::DUE);
    due.map(|write| (write.key.clone(), write.change == Change::Delete)).collect()
}

/// Gives others a turn once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Store for Weathered {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move {
            self.waits().await;
            let fault = self.lock().over_read();
            match fault {
                None => self.inner.get(keys).await,
                Some(Fault::Throttled) => Err(StoreError::Busy),
                Some(_) => Err(StoreError::Unavailable(unwell())),
            }
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move {
            let stale = {
                let mut weather = self.lock();
                let is_due = range.from.kind() == kind::DUE && !weather.due.is_empty();
                if is_due && weather.strikes(Fault::StaleIndex) {
                    weather.due.clone()
                } else {
                    VecDeque::new()
                }
            };
            let mut found = self.inner.scan(range.clone(), limit).await?;
            for (key, was_there) in stale.into_iter().rev() {
                let place = found.binary_search_by(|(own, _)| own.cmp(&key));
                match (place, was_there) {
                    (Ok(place), false) => _ = found.remove(place),
                    (Err(place), true) if range.from <= key && key < range.to && found.len() < limit => {
                        let record = Record { value: Bytes::new(), version: Version(0) };
                        found.insert(place, (key, record));
                    }
                    _ => {}
                }
            }
            Ok(found)
        })
    }

    fn walk(
        &self,
        kind: Option<engine::store::Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        self.inner.walk(kind, from, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_once(writes, Manner::Plain))
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_once(writes, manner))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.feed()
    }
}
