//! A store that fails on demand.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use engine::{
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};

/// What goes wrong with a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// The store takes no more work.
    Busy,
    /// The store takes every other commit.
    BusyEveryOther,
    /// The store takes two more commits.
    BusyAfterTwo,
    /// The disk is full, or similar, after two more commits.
    UnavailableAfterTwo,
    /// The disk is full, or similar.
    Unavailable,
    /// One commit happens, and its answer is lost.
    DoneButUnknown,
    /// One commit does not happen, and its answer is lost.
    LostAndUnknown,
    /// Every commit loses its race.
    AlwaysLate,
    /// One commit loses its race.
    LateOnce,
    /// One commit happens, and its answer is lost; then nothing can be read.
    DoneThenSilent,
    /// Nothing can be read.
    Silent,
    /// One commit panics while its request holds its turns.
    PanicsOnce,
}

/// A store in memory, with trouble.
pub(crate) struct Failing {
    inner: MemoryStore,
    trouble: AtomicU8,
    commits: AtomicU64,
    /// Commits when the trouble began.
    before: AtomicU64,
}

impl Failing {
    /// A store that works.
    pub(crate) fn new() -> Failing {
        let (trouble, commits, before) = (AtomicU8::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Failing { inner: MemoryStore::new(), trouble, commits, before }
    }

    /// From now on.
    pub(crate) fn fails_with(&self, trouble: Trouble) {
        self.before.store(self.commits(), Ordering::SeqCst);
        self.trouble.store(trouble as u8, Ordering::SeqCst);
    }

    /// From now on nothing fails.
    pub(crate) fn works(&self) {
        self.fails_with(Trouble::None);
    }

    /// How many commits were asked for so far.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    fn trouble(&self) -> Trouble {
        let all = [
            Trouble::None,
            Trouble::Busy,
            Trouble::BusyEveryOther,
            Trouble::BusyAfterTwo,
            Trouble::UnavailableAfterTwo,
            Trouble::Unavailable,
            Trouble::DoneButUnknown,
            Trouble::LostAndUnknown,
            Trouble::AlwaysLate,
            Trouble::LateOnce,
            Trouble::DoneThenSilent,
            Trouble::Silent,
            Trouble::PanicsOnce,
        ];
        all[usize::from(self.trouble.load(Ordering::SeqCst))]
    }
}

impl Store for Failing {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        if self.trouble() == Trouble::Silent {
            return Box::pin(std::future::ready(Err(StoreError::Busy)));
        }
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        if self.trouble() == Trouble::Silent {
            return Box::pin(std::future::ready(Err(StoreError::Busy)));
        }
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(async move {
            let number = self.commits.fetch_add(1, Ordering::SeqCst) - self.before.load(Ordering::SeqCst);
            let cause = || Arc::new(std::io::Error::other("no space left on disk"));
            match self.trouble() {
                Trouble::None | Trouble::Silent => self.inner.commit(writes).await,
                Trouble::BusyEveryOther if number.is_multiple_of(2) => self.inner.commit(writes).await,
                Trouble::BusyAfterTwo | Trouble::UnavailableAfterTwo if number < 2 => {
                    self.inner.commit(writes).await
                }
                Trouble::Busy | Trouble::BusyEveryOther | Trouble::BusyAfterTwo => Err(StoreError::Busy),
                Trouble::PanicsOnce => {
                    self.works();
                    panic!("an invariant of {} writes is broken", writes.len())
                }
                Trouble::Unavailable | Trouble::UnavailableAfterTwo => Err(StoreError::Unavailable(cause())),
                Trouble::AlwaysLate => Err(StoreError::LostRace),
                Trouble::LateOnce => {
                    self.works();
                    Err(StoreError::LostRace)
                }
                Trouble::DoneButUnknown => {
                    self.works();
                    self.inner.commit(writes).await?;
                    Err(StoreError::Unknown(cause()))
                }
                Trouble::DoneThenSilent => {
                    self.fails_with(Trouble::Silent);
                    self.inner.commit(writes).await?;
                    Err(StoreError::Unknown(cause()))
                }
                Trouble::LostAndUnknown => {
                    self.works();
                    Err(StoreError::Unknown(cause()))
                }
            }
        })
    }
}
