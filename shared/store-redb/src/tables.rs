//! The tables: where records rest once they have left the journal. One redb file with the records
//! and, written in the same transaction, the number of the last commit they hold.
//!
//! Only the drainer writes here, a whole generation at a time. A reader holds one consistent state
//! until it is replaced by the next one.

use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use engine::store::{Key, Range, Record, Version};
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

use crate::{
    disk::{Disk, DiskFile},
    overlay::Generation,
    pace::Pace,
    segment, varint,
};

/// The file's name in the store's folder.
pub(crate) const FILE: &str = "tables.redb";

/// The name of a file that is to replace it.
const FILE_NEW: &str = "tables.redb.rewritten";

/// How many records are copied in one transaction.
const REWRITE_RECORDS: usize = 50_000;

const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
const STATE: TableDefinition<&str, u64> = TableDefinition::new("state");

/// What a finished file starts with.
const MARK: [u8; 4] = *b"redb";

/// The number of the last commit whose writes the records hold.
const APPLIED: &str = "applied";

/// A number by which the store's feed is told from that of another store.
const FEED: &str = "feed";

/// redb's errors.
pub(crate) type TablesError = Arc<redb::Error>;

fn failed(error: impl Into<redb::Error>) -> TablesError {
    Arc::new(error.into())
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Tables {
    disk: Arc<dyn Disk>,
    cache_bytes: usize,
    pace: Arc<Pace>,
    /// `None` only while it is being opened again, or after that failed.
    database: Option<Database>,
    /// Which store's feed the journal is.
    feed: u64,
    /// How many readers were made.
    readers: u64,
}

/// How applying a generation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Applied {
    /// The generation is in the tables, durably.
    Whole,
    /// The store is closing; nothing of it is in the tables.
    Stopped,
}

impl Tables {
    /// Opens the file, creates it if necessary, and returns the number of the last commit it holds.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        cache_bytes: usize,
        pace: Arc<Pace>,
    ) -> Result<(Tables, u64), TablesError> {
        // Chance, so that no two stores have the same; an older file has none yet.
        let feed = RandomState::new().build_hasher().finish();
        let mut tables = Tables { disk, cache_bytes, pace, database: None, feed, readers: 0 };
        let applied = tables.reopen()?;
        Ok((tables, applied))
    }

    /// Reopens the file, which is the only way to continue after redb has met a failing disk, and returns the
    /// number of the last commit it holds.
    pub(crate) fn reopen(&mut self) -> Result<u64, TablesError> {
        // The old database must release the file before the new one reads it.
        drop(self.database.take());
        let file = self.file().map_err(failed)?;
        let database = self.open_database(file)?;
        let (applied, feed) = (state(&database, APPLIED)?, state(&database, FEED)?);
        match feed {
            Some(feed) => self.feed = feed,
            None => _ = write(&database, applied.unwrap_or(0), self.feed, |_| Ok(Applied::Whole))?,
        }
        self.database = Some(database);
        Ok(applied.unwrap_or(0))
    }

    fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.disk.open(FILE)?
            && !self.is_unfinished(&*file)?
        {
            // A killed process's writes may be only in the machine's memory. They must not count as durable,
            // so they are made durable first.
            file.sync()?;
            return Ok(file);
        }
        self.disk.create(FILE, &[], 0)
    }

    fn open_database(&self, file: Arc<dyn DiskFile>) -> Result<Database, TablesError> {
        let backend = PacedFile { file, pace: self.pace.clone(), unsynced: AtomicU64::new(0) };
        let mut builder = Database::builder();
        builder.set_cache_size(self.cache_bytes).create_with_backend(backend).map_err(failed)
    }

    /// Whether a power cut came while the file was being created: redb writes its mark last, and the journal
    /// is created only after that.
    fn is_unfinished(&self, file: &dyn DiskFile) -> io::Result<bool> {
        let mut mark = [0; MARK.len()];
        if file.len()? >= MARK.len() as u64 {
            file.read_at(0, &mut mark)?;
        }
        Ok(mark != MARK && self.disk.open(&segment::name(0))?.is_none())
    }

    fn database(&self) -> Result<&Database, TablesError> {
        self.database.as_ref().ok_or_else(|| failed(redb::Error::DatabaseClosed))
    }

    /// By which the store's feed is told from that of another store.
    pub(crate) fn feed(&self) -> u64 {
        self.feed
    }

    /// A reader of the present state.
    pub(crate) fn reader(&mut self) -> Result<Arc<Reader>, TablesError> {
        let transaction = self.database()?.begin_read().map_err(failed)?;
        let records = transaction.open_table(RECORDS).map_err(failed)?;
        self.readers += 1;
        Ok(Arc::new(Reader { records, number: self.readers }))
    }

    /// Writes a generation, and `sequence` as its last commit, in one transaction.
    pub(crate) fn apply(&mut self, generation: &Generation, sequence: u64) -> Result<Applied, TablesError> {
        let pace = self.pace.clone();
        pace.start(generation.len());
        write(self.database()?, sequence, self.feed, |records| {
            let mut value_bytes = Vec::new();
            for (at, (place, entry)) in generation.iter().enumerate() {
                if !pace.go_on(at) {
                    return Ok(Applied::Stopped);
                }
                let key = place.key.as_bytes();
                match &entry.value {
                    Some(value) => {
                        value_bytes.clear();
                        varint::push(entry.version.0, &mut value_bytes);
                        value_bytes.extend_from_slice(value);
                        records.insert(key, &*value_bytes).map_err(failed)?;
                    }
                    None => drop(records.remove(key).map_err(failed)?),
                }
            }
            Ok(Applied::Whole)
        })
    }

    /// Copies everything, in order, into a new file that replaces the old one. Pages filled in order are
    /// full, while those of a file that grew by random keys are not. A power cut at any moment loses nothing.
    /// Needs room for both files.
    pub(crate) fn rewrite(&mut self) -> Result<(), TablesError> {
        let applied = state(self.database()?, APPLIED)?.unwrap_or(0);
        let file = self.disk.create(FILE_NEW, &[], 0).map_err(failed)?;
        let new = self.open_database(file.clone())?;
        let reader = self.reader()?;
        let mut rows = reader.records.iter().map_err(failed)?.peekable();
        while rows.peek().is_some() {
            let mut transaction = new.begin_write().map_err(failed)?;
            // Only the last one has to be durable.
            transaction.set_durability(redb::Durability::None).map_err(failed)?;
            {
                let mut records = transaction.open_table(RECORDS).map_err(failed)?;
                for row in rows.by_ref().take(REWRITE_RECORDS) {
                    let (key, value) = row.map_err(failed)?;
                    records.insert(key.value(), value.value()).map_err(failed)?;
                }
            }
            transaction.commit().map_err(failed)?;
        }
        write(&new, applied, self.feed, |_| Ok(Applied::Whole))?;
        drop(rows);
        drop((reader, new, self.database.take()));
        file.sync().map_err(failed)?;
        self.disk.replace(FILE_NEW, FILE).map_err(failed)?;
        self.reopen().map(drop)
    }

    /// How many bytes the file takes.
    pub(crate) fn file_bytes(&self) -> io::Result<u64> {
        match self.disk.open(FILE)? {
            Some(file) => file.len(),
            None => Ok(0),
        }
    }
}

/// A number of the state, if it is there.
fn state(database: &Database, name: &str) -> Result<Option<u64>, TablesError> {
    let transaction = database.begin_read().map_err(failed)?;
    match transaction.open_table(STATE) {
        Ok(state) => Ok(state.get(name).map_err(failed)?.map(|number| number.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// One durable transaction: what `fill` does to the records, the number of the last commit, and the feed's.
fn write(
    database: &Database,
    sequence: u64,
    feed: u64,
    fill: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>) -> Result<Applied, TablesError>,
) -> Result<Applied, TablesError> {
    let mut transaction = database.begin_write().map_err(failed)?;
    // Opening again after a crash then takes milliseconds, whatever the size, and the second sync
    // makes the switch to the new state atomic without trusting checksums.
    transaction.set_quick_repair(true);
    let filled = {
        let mut records = transaction.open_table(RECORDS).map_err(failed)?;
        fill(&mut records)?
    };
    if filled == Applied::Stopped {
        transaction.abort().map_err(failed)?;
        return Ok(filled);
    }
    {
        let mut state = transaction.open_table(STATE).map_err(failed)?;
        state.insert(APPLIED, sequence).map_err(failed)?;
        state.insert(FEED, feed).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    Ok(filled)
}

/// One consistent state of the tables.
pub(crate) struct Reader {
    records: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// Which reader of this run it is; a later one has a higher number.
    pub(crate) number: u64,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({})", self.number)
    }
}

impl Reader {
    /// The record of that key.
    pub(crate) fn get(&self, key: &Key) -> Result<Option<Record>, TablesError> {
        let found = ReadableTable::get(&self.records, key.as_bytes()).map_err(failed)?;
        found.map(|found| record(found.value())).transpose()
    }

    /// The version of the record of that key.
    pub(crate) fn version(&self, key: &Key) -> Result<Option<Version>, TablesError> {
        let found = ReadableTable::get(&self.records, key.as_bytes()).map_err(failed)?;
        found.map(|found| version(found.value()).map(|(version, _)| version)).transpose()
    }

    /// The records of the range, ascending; the range must not be reversed.
    pub(crate) fn range(
        &self,
        range: &Range,
    ) -> Result<impl Iterator<Item = Result<(Key, Record), TablesError>> + use<'_>, TablesError> {
        let bounds = range.from.as_bytes()..range.to.as_bytes();
        let rows = ReadableTable::range::<&[u8]>(&self.records, bounds).map_err(failed)?;
        Ok(rows.map(|row| {
            let (key, value) = row.map_err(failed)?;
            Ok((Key::new(Bytes::copy_from_slice(key.value())), record(value.value())?))
        }))
    }
}

fn record(stored: &[u8]) -> Result<Record, TablesError> {
    let (version, value) = version(stored)?;
    Ok(Record { value: Bytes::copy_from_slice(value), version })
}

fn version(stored: &[u8]) -> Result<(Version, &[u8]), TablesError> {
    match varint::read(stored) {
        Some((version, length)) => Ok((Version(version), &stored[length..])),
        None => Err(failed(redb::Error::Corrupted("a record without a version".to_owned()))),
    }
}

/// The file as redb sees it. Makes written bytes durable a little at a time, so that a large
/// transaction never leaves the disk a long queue that the journal's next sync would wait behind.
#[derive(Debug)]
struct PacedFile {
    file: Arc<dyn DiskFile>,
    pace: Arc<Pace>,
    unsynced: AtomicU64,
}

impl StorageBackend for PacedFile {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read_at(offset, out)
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        self.file.set_len(length)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.unsynced.store(0, Ordering::Relaxed);
        self.file.sync()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), io::Error> {
        self.file.write_at(offset, bytes)?;
        let unsynced = self.unsynced.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if unsynced + bytes.len() as u64 >= self.pace.sync_bytes() {
            self.sync_data()?;
            self.pace.breathe();
        }
        Ok(())
    }
}
