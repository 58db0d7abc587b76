//! The store itself: its options, its two threads, and the implementation of the port.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use engine::store::{
    Change, Expect, Feed, Key, Manner, Pending, Range, Record, Store, StoreError, Version, Write,
    check_limits,
};
use tokio::sync::oneshot;

use crate::{
    disk::{Disk, Folder},
    drainer::Drainer,
    error::{Cause, OpenError},
    feed::Log,
    frame,
    handover::{Frozen, Handover},
    journal::{Journal, JournalError},
    keep::{Bounds, Keeper},
    overlay::{Shared, View},
    pace::Pace,
    queue::{Queue, Request},
    reading::{self, Foreseen},
    replace,
    snapshot::Snapshot,
    tables::Tables,
    writer::{Counts, Writer},
};

/// The store's options. The defaults serve a million members within 300 MB.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Memory for pages of the tables, in bytes.
    pub cache_bytes: usize,
    /// The size of each of the journal's segments, in bytes, when it is made. Bounds
    /// what is replayed when the store is opened, and the memory for what is not in the tables.
    pub segment_bytes: u64,
    /// How many commits may wait; more are answered `Busy`.
    pub queue_commits_max: usize,
    /// How many bytes the waiting commits may take.
    pub queue_bytes_max: usize,
    /// How long a commit waits for the tables to catch up before it is answered `Busy`.
    pub patience: Duration,
    /// After how many bytes the tables are made durable while a generation is written to them.
    pub drain_sync_bytes: u64,
    /// How many bytes of the journal are kept, beyond the two segments in use, for readers of the feed that are
    /// behind. A slower reader is told of a gap.
    pub feed_bytes_max: u64,
    /// How long a segment of the journal is kept for them after its last commit.
    pub feed_age_max: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 104 * 1024 * 1024,
            segment_bytes: 16 * 1024 * 1024,
            queue_commits_max: 16_384,
            queue_bytes_max: 32 * 1024 * 1024,
            patience: Duration::from_secs(5),
            drain_sync_bytes: 4 * 1024 * 1024,
            feed_bytes_max: 2 * 1024 * 1024 * 1024,
            feed_age_max: Duration::from_hours(7 * 24),
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), OpenError> {
        let bounds = [
            (self.segment_bytes >= 16 * 1024, "a segment takes at least 16 KiB"),
            (self.segment_bytes <= 1024 * 1024 * 1024, "a segment takes at most 1 GiB"),
            (self.cache_bytes >= 64 * 1024, "the cache takes at least 64 KiB"),
            (self.queue_commits_max > 0, "the queue holds at least one commit"),
            (self.drain_sync_bytes > 0, "the tables are synced at least every byte"),
        ];
        match bounds.iter().find(|(kept, _)| !kept) {
            Some((_, what)) => Err(OpenError::Options(what)),
            None => Ok(()),
        }
    }
}

/// The smallest record a generation is sized for; smaller ones fill it sooner.
const RECORD_BYTES_MIN: u64 = 64;

/// The store's parts before its threads start.
pub(crate) struct Parts {
    pub(crate) writer: Writer,
    pub(crate) drainer: Drainer,
}

impl Parts {
    /// Opens the files and recovers what they hold. `path` is named in errors only.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path, options: &Options) -> Result<Parts, OpenError> {
        options.check()?;
        let pace = Arc::new(Pace::new(options.segment_bytes, options.drain_sync_bytes));
        let (mut tables, applied) =
            Tables::open(disk.clone(), options.cache_bytes, pace.clone()).map_err(OpenError::Tables)?;
        let (journal, recovered) = Journal::open(&*disk, options.segment_bytes, applied)
            .map_err(|error| journal_error(error, path))?;
        let log = Arc::new(Log::new(tables.feed(), recovered.stretches, recovered.last_sequence));
        let keeper = Keeper {
            disk,
            log: log.clone(),
            bounds: Bounds { bytes_max: options.feed_bytes_max, age_max: options.feed_age_max },
            segment_bytes: options.segment_bytes,
            spares: recovered.spares,
            failures: 0,
        };
        let handover = Arc::new(Handover::default());
        let frozen = recovered.frozen.map(|(generation, last_sequence)| {
            let generation = Arc::new(generation);
            handover.put(Frozen { generation: generation.clone(), last_sequence });
            generation
        });
        let reader = tables.reader().map_err(OpenError::Tables)?;
        let active = Arc::new(recovered.active);
        let shared = Arc::new(Shared::new(View {
            active,
            frozen,
            tables: reader,
            last_sequence: recovered.last_sequence,
        }));
        pace.filled(journal.filled_bytes());
        let writer = Writer {
            journal,
            last_sequence: recovered.last_sequence,
            queue: Arc::new(Queue::new(options.queue_commits_max, options.queue_bytes_max)),
            shared: shared.clone(),
            handover: handover.clone(),
            log,
            pace,
            counts: Arc::new(Counts::default()),
            patience: options.patience,
            records_max: usize::try_from(options.segment_bytes / RECORD_BYTES_MIN).unwrap_or(usize::MAX),
            poisoned: None,
        };
        Ok(Parts { writer, drainer: Drainer { tables, shared, handover, keeper, applied } })
    }
}

fn journal_error(error: JournalError, path: &Path) -> OpenError {
    match error {
        JournalError::Io(source) => OpenError::Io { path: path.to_owned(), source },
        JournalError::Corrupt(what) => OpenError::Corrupt { what },
    }
}

/// The embedded store. Commits of many callers share one durable write of the journal; the tables follow
/// behind. Dropping it ends its threads; nothing acknowledged is lost, whether it is dropped or not.
#[derive(Debug)]
pub struct RedbStore {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    handover: Arc<Handover>,
    log: Arc<Log>,
    pace: Arc<Pace>,
    counts: Arc<Counts>,
    payload_bytes_max: usize,
    threads: Vec<JoinHandle<()>>,
}

/// Figures of a running store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Commits made durable since it was opened.
    pub commits: u64,
    /// Durable writes of the journal for these commits.
    pub batches: u64,
    /// How often the journal's segments changed places.
    pub switches: u64,
    /// Commits that wait now.
    pub waiting: usize,
    /// Records in memory that are not yet on their way into the tables.
    pub active_records: usize,
    /// Records in memory that are being written into the tables.
    pub frozen_records: usize,
    /// Bytes of the journal's segments that hold commits: two segments' or less, unless a reader of the feed is
    /// behind.
    pub journal_bytes: u64,
}

impl RedbStore {
    /// Opens the store in this folder, creates the folder if necessary, and makes sure that no other process
    /// has it open.
    pub fn open(path: &Path, options: Options) -> Result<RedbStore, OpenError> {
        let disk = Arc::new(Folder::open(path)?);
        replace::finish(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        RedbStore::open_on(disk, path, &options)
    }

    /// Whether there is a store in this folder. Makes nothing.
    pub fn is_in(path: &Path) -> bool {
        replace::is_there(path)
    }

    /// Where a store is made that is to take the place of the one in this folder, or of none: see
    /// [`RedbStore::replace`].
    pub fn anew(path: &Path) -> PathBuf {
        path.join(replace::ANEW)
    }

    /// Puts the store that was made in [`RedbStore::anew`] of that folder in the place of the folder's own. Neither is
    /// in use. After a cut the next opening finishes it.
    pub fn replace(path: &Path) -> Result<(), OpenError> {
        replace::replace(path)
    }

    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        path: &Path,
        options: &Options,
    ) -> Result<RedbStore, OpenError> {
        let Parts { writer, drainer } = Parts::open(disk, path, options)?;
        let mut store = RedbStore {
            queue: writer.queue.clone(),
            shared: writer.shared.clone(),
            handover: writer.handover.clone(),
            log: writer.log.clone(),
            pace: writer.pace.clone(),
            counts: writer.counts.clone(),
            payload_bytes_max: writer.payload_bytes_max(),
            threads: Vec::new(),
        };
        // If the second one cannot be started, dropping the store ends the first.
        store.start("store-drainer", path, || drainer.run())?;
        store.start("store-writer", path, || writer.run())?;
        Ok(store)
    }

    fn start(
        &mut self,
        name: &str,
        path: &Path,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), OpenError> {
        let io = |source| OpenError::Io { path: PathBuf::from(path), source };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run).map_err(io)?;
        self.threads.push(thread);
        Ok(())
    }

    /// A consistent state of all records as of now. Neither readers nor the writer wait for it,
    /// however long it is kept; while it is, the tables cannot reuse the space of what has
    /// changed since.
    pub fn snapshot(&self) -> Snapshot {
        let view = self.shared.read().clone();
        let position = self.log.position_after(view.last_sequence);
        Snapshot::new(view, position)
    }

    /// Commits what another store's feed has shown, whole, however many writes it is: as [`Store::commit_as`] does,
    /// without expectations.
    ///
    /// # Errors
    /// As those of a commit; [`StoreError::Unavailable`] if it has too many bytes.
    pub async fn copy(
        &self,
        changes: Vec<(Key, Option<Bytes>)>,
        manner: Manner,
    ) -> Result<Version, StoreError> {
        let change = |value: Option<Bytes>| value.map_or(Change::Delete, Change::Put);
        let writes = changes.into_iter().map(|(key, value)| Write {
            key,
            expect: Expect::Anything,
            change: change(value),
        });
        let writes: Vec<Write> = writes.collect();
        let payload_bytes = self.check_bytes(&writes)?;
        self.commit_sized(writes, manner, payload_bytes).await
    }

    /// Figures of this moment.
    pub fn stats(&self) -> Stats {
        let view = self.shared.read();
        Stats {
            commits: self.counts.commits.load(Ordering::Relaxed),
            batches: self.counts.batches.load(Ordering::Relaxed),
            switches: self.counts.switches.load(Ordering::Relaxed),
            waiting: self.queue.waiting(),
            active_records: view.active.len(),
            frozen_records: view.frozen.as_ref().map_or(0, |frozen| frozen.len()),
            journal_bytes: self.log.bytes(),
        }
    }

    /// How many commits follow that position of this store's feed; `None` if it is none of it. That of a reader that
    /// stores its place is followed by that commit.
    pub fn follow(&self, position: &engine::store::Position) -> Option<u64> {
        self.log.passed(position).map(|passed| self.log.last().saturating_sub(passed))
    }

    /// How many commits there are from the first position to the second one, none if the first one is the later; `None`
    /// unless both are of this store's feed.
    pub fn between(&self, from: &engine::store::Position, to: &engine::store::Position) -> Option<u64> {
        Some(self.log.passed(to)?.saturating_sub(self.log.passed(from)?))
    }

    /// Whether commits are still accepted. After a failed sync none are until the store is reopened.
    pub fn takes_commits(&self) -> bool {
        self.queue.is_open()
    }

    /// Closes the store: commits that wait are still written, later ones refused, and the threads
    /// end. The tables do not catch up first; the journal keeps what they lack.
    pub fn close(self) {
        drop(self);
    }

    async fn commit_through(&self, writes: Vec<Write>, manner: Manner) -> Result<Version, StoreError> {
        check_limits(&writes)?;
        let payload_bytes = self.check_bytes(&writes)?;
        self.commit_sized(writes, manner, payload_bytes).await
    }

    async fn commit_sized(
        &self,
        writes: Vec<Write>,
        manner: Manner,
        payload_bytes: usize,
    ) -> Result<Version, StoreError> {
        let (answer, answered) = oneshot::channel();
        let foreseen = Foreseen::look_up(&self.shared, &writes);
        self.queue.push(Request { writes, manner, foreseen, payload_bytes, answer })?;
        // The writer answers everybody; if it is gone, the outcome of its work is unknown.
        let gone = |_| Cause::Sync(Arc::new(io::Error::other("the writer is gone"))).unknown();
        answered.await.unwrap_or_else(|error| Err(gone(error)))
    }

    fn check_bytes(&self, writes: &[Write]) -> Result<usize, StoreError> {
        let bytes = frame::payload_bytes(writes);
        if bytes > self.payload_bytes_max {
            let bytes_max = self.payload_bytes_max;
            return Err(Cause::TooLarge { bytes, bytes_max }.unavailable());
        }
        Ok(bytes)
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.queue.close(Cause::Closed);
        self.pace.stop();
        self.handover.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

impl Store for RedbStore {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(async move { reading::get(&self.shared, &self.handover, keys) })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        Box::pin(async move { reading::scan(&self.shared, &self.handover, &range, limit) })
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_through(writes, Manner::Plain))
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(self.commit_through(writes, manner))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        Some(&*self.log)
    }
}
