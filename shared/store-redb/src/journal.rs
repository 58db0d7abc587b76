//! The journal: two preallocated segments, of which one is appended to while the other's contents
//! are on their way into the tables.
//!
//! ```text
//! sector 0   magic, format, size, salt, checksum
//! sector 1…  frames (see `frame`), one after another; then zeros or frames of an earlier use
//! ```
//!
//! Never grows a file: appending needs no disk space and its sync writes no metadata. Never appends while an
//! earlier frame is not durable, so after a power cut at most the last frame is torn. The next frame
//! overwrites the remains of an unfinished one, with the same number at the same place.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    panic::resume_unwind,
    sync::Arc,
    thread,
};

use bytes::Bytes;

use crate::{
    disk::{Disk, DiskFile},
    frame::{self, SECTOR_BYTES},
    overlay::Generation,
    replay,
};

/// The segments' names in the store's folder.
pub(crate) const FILES: [&str; 2] = ["journal-0", "journal-1"];

const MAGIC: [u8; 8] = *b"LAURELJ\n";
const FORMAT: u32 = 1;
const HEAD_BYTES: u64 = SECTOR_BYTES as u64;

/// How much of a segment is read at a time.
const STRETCH_BYTES: u64 = 1024 * 1024;

/// Why the journal cannot be read.
#[derive(Debug)]
pub(crate) enum JournalError {
    /// The machine refused.
    Io(io::Error),
    /// The contents do not fit together.
    Corrupt(String),
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> JournalError {
        JournalError::Io(error)
    }
}

/// Why a frame was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// It does not exist.
    Write(io::Error),
    /// It may be there or not.
    Sync(io::Error),
}

#[derive(Debug)]
struct Segment {
    file: Arc<dyn DiskFile>,
    salt: u64,
    bytes: u64,
}

/// Both segments and the place of the next frame.
#[derive(Debug)]
pub(crate) struct Journal {
    segments: [Segment; 2],
    active: usize,
    tail: u64,
}

/// What the journal held beyond the tables.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// The older segment's contents with its last commit's number, if both are in use.
    pub(crate) frozen: Option<(Generation, u64)>,
    /// The contents of the segment that is appended to.
    pub(crate) active: Generation,
    /// The number of the last commit.
    pub(crate) last_sequence: u64,
}

impl Journal {
    /// Opens the journal and reads what it holds beyond commit number `applied`. Creates missing segments
    /// with `segment_bytes`; existing ones keep their size.
    pub(crate) fn open(
        disk: &dyn Disk,
        segment_bytes: u64,
        applied: u64,
    ) -> Result<(Journal, Recovered), JournalError> {
        let segments = [
            Segment::open(disk, FILES[0], segment_bytes, applied)?,
            Segment::open(disk, FILES[1], segment_bytes, applied)?,
        ];
        let mut journal = Journal { segments, active: 0, tail: HEAD_BYTES };
        let recovered = journal.recover(applied)?;
        Ok((journal, recovered))
    }

    fn recover(&mut self, applied: u64) -> Result<Recovered, JournalError> {
        let [first, second] = &self.segments;
        // Each takes about as long: reading, checking and sorting tens of thousands of records.
        let (first, second) = thread::scope(|scope| {
            let second = scope.spawn(|| second.scan(applied));
            let first = first.scan(applied);
            (first, second.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let scans = [first?, second?];
        let newest = scans.iter().map(|scan| scan.last_sequence).fold(applied, u64::max);
        for (at, scan) in scans.iter().enumerate() {
            // At most one frame is ever under way, so nothing newer can follow a torn one.
            if let Some(beyond) = scan.beyond.filter(|&beyond| beyond > newest) {
                let name = FILES[at];
                return Err(JournalError::Corrupt(format!(
                    "{name} cannot be read at byte {}, but commit {beyond} stands after it",
                    scan.end
                )));
            }
        }
        let mut live: Vec<usize> = vec![0, 1];
        live.retain(|&at| scans[at].last_sequence > applied);
        live.sort_by_key(|&at| scans[at].first_sequence);
        let mut expected = applied + 1;
        for &at in &live {
            if scans[at].first_sequence > expected {
                return Err(JournalError::Corrupt(format!(
                    "commit {expected} is missing: {} starts with commit {}",
                    FILES[at], scans[at].first_sequence
                )));
            }
            expected = scans[at].last_sequence + 1;
        }
        for &at in &live {
            self.segments[at].settle(&scans[at])?;
            self.active = at;
            self.tail = scans[at].end;
        }
        let mut scans = scans.map(|scan| (scan.last_sequence, Some(scan.generation)));
        let taken = live.iter().filter_map(|&at| {
            let (last_sequence, generation) = &mut scans[at];
            Some((generation.take()?, *last_sequence))
        });
        let mut generations: Vec<_> = taken.collect();
        let active = generations.pop().map(|(generation, _)| generation).unwrap_or_default();
        Ok(Recovered { frozen: generations.pop(), active, last_sequence: expected - 1 })
    }

    /// The salt of the next frame's checksum.
    pub(crate) fn salt(&self) -> u64 {
        self.segments[self.active].salt
    }

    /// Whether a frame of that size still fits into the active segment.
    pub(crate) fn fits(&self, frame_bytes: usize) -> bool {
        self.tail + frame_bytes as u64 <= self.segments[self.active].bytes
    }

    /// The largest frame that fits into an empty segment.
    pub(crate) fn frame_bytes_max(&self) -> u64 {
        self.segments[0].bytes.min(self.segments[1].bytes) - HEAD_BYTES
    }

    /// How much of the active segment is taken, in bytes.
    pub(crate) fn filled_bytes(&self) -> u64 {
        self.tail
    }

    /// Continues in the other segment, whose contents must be in the tables.
    pub(crate) fn switch(&mut self) {
        self.active = 1 - self.active;
        self.tail = HEAD_BYTES;
    }

    /// Appends a frame that fits and makes it durable.
    pub(crate) fn append(&mut self, frame: &[u8]) -> Result<(), AppendError> {
        if !self.fits(frame.len()) {
            // The queue hands out less than a segment; growing the file must never be the answer.
            return Err(AppendError::Write(io::ErrorKind::FileTooLarge.into()));
        }
        let file = &self.segments[self.active].file;
        file.write_at(self.tail, frame).map_err(AppendError::Write)?;
        file.sync().map_err(AppendError::Sync)?;
        self.tail += frame.len() as u64;
        Ok(())
    }
}

/// What stands in a segment.
#[derive(Debug)]
struct Scan {
    /// The newest writes of the commits that are not in the tables.
    generation: Generation,
    /// The last good frame; empty if there is none.
    last_frame: Bytes,
    /// Where in the segment the good frames end.
    end: u64,
    /// The first commit's number; 0 if there is none.
    first_sequence: u64,
    /// The last commit's number; 0 if there is none.
    last_sequence: u64,
    /// The highest last commit of the good frames that follow a bad one.
    beyond: Option<u64>,
}

/// Reads a segment a stretch at a time, and keeps only what is needed.
struct Reading<'a> {
    segment: &'a Segment,
    /// What was read and kept.
    contents: Vec<u8>,
    /// Where in `contents` the next frame starts.
    next: usize,
    /// Where in the segment the next stretch starts.
    offset: u64,
}

impl Reading<'_> {
    /// Reads the next stretch; `false` at the segment's end.
    fn more(&mut self) -> io::Result<bool> {
        let kept = self.contents.len();
        let stretch = (self.segment.bytes - self.offset).min(STRETCH_BYTES);
        self.contents.resize(kept + stretch as usize, 0);
        self.segment.file.read_at(self.offset, &mut self.contents[kept..])?;
        self.offset += stretch;
        Ok(stretch > 0)
    }

    /// The next frame's head, if a good frame follows.
    fn frame(&mut self) -> io::Result<Option<frame::Head>> {
        loop {
            let rest = &self.contents[self.next..];
            if let Some(head) = frame::check(self.segment.salt, rest) {
                return Ok(Some(head));
            }
            let cut_off = match frame::Head::read(rest) {
                Some(head) => rest.len() < head.frame_bytes(),
                None => rest.len() < SECTOR_BYTES,
            };
            if !cut_off || !self.more()? {
                return Ok(None);
            }
        }
    }

    /// Drops all but the last `kept` bytes read so far, when that is worth it.
    fn forget(&mut self, kept: usize) {
        if self.next - kept >= STRETCH_BYTES as usize {
            self.contents.drain(..self.next - kept);
            self.next = kept;
        }
    }

    /// The highest last commit of the good frames from the next place on, if any is above `last`.
    fn beyond(&mut self, last: u64) -> io::Result<Option<u64>> {
        let mut highest = None;
        loop {
            while let Some(sector) = self.contents.get(self.next..self.next + SECTOR_BYTES) {
                // Checked only if it would matter: mostly these are frames of earlier uses.
                if frame::Head::read(sector).is_some_and(|head| head.last_sequence() > last)
                    && let Some(head) = self.frame()?
                {
                    highest = highest.max(Some(head.last_sequence()));
                }
                self.next += SECTOR_BYTES;
            }
            self.forget(0);
            if !self.more()? {
                return Ok(highest);
            }
        }
    }
}

impl Segment {
    fn open(disk: &dyn Disk, name: &str, segment_bytes: u64, applied: u64) -> Result<Segment, JournalError> {
        if let Some(file) = disk.open(name)? {
            let mut head = [0; SECTOR_BYTES];
            file.read_at(0, &mut head)?;
            let (bytes, salt) = read_head(&head)
                .ok_or_else(|| JournalError::Corrupt(format!("the head of {name} is damaged")))?;
            if file.len()? != bytes {
                return Err(JournalError::Corrupt(format!("{name} is not {bytes} bytes long")));
            }
            return Ok(Segment { file, salt, bytes });
        }
        if applied > 0 {
            return Err(JournalError::Corrupt(format!("{name} is missing")));
        }
        // The salt is random only so that nobody can write a value that looks like a frame.
        let salt = RandomState::new().build_hasher().finish();
        let file = disk.create(name, &write_head(segment_bytes, salt), segment_bytes)?;
        Ok(Segment { file, salt, bytes: segment_bytes })
    }

    fn scan(&self, applied: u64) -> Result<Scan, JournalError> {
        // Room for all of it, so that growth copies nothing; unused room takes no memory.
        let contents = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
        let mut reading = Reading { segment: self, contents, next: 0, offset: HEAD_BYTES };
        let mut scan = Scan {
            generation: Generation::new(),
            last_frame: Bytes::new(),
            end: HEAD_BYTES,
            first_sequence: 0,
            last_sequence: 0,
            beyond: None,
        };
        let mut last_frame_bytes = 0;
        while let Some(head) = reading.frame()? {
            if scan.first_sequence == 0 {
                scan.first_sequence = head.first_sequence;
            } else if head.first_sequence != scan.last_sequence + 1 {
                // A frame of the segment's earlier use, or one that must not exist.
                break;
            }
            scan.last_sequence = head.last_sequence();
            last_frame_bytes = head.frame_bytes();
            scan.end += head.frame_bytes() as u64;
            reading.next += head.frame_bytes();
            if scan.last_sequence <= applied {
                // The last frame stays: it may have to be written again.
                reading.forget(last_frame_bytes);
            }
        }
        let behind = reading.contents.split_off(reading.next);
        let mut contents = std::mem::replace(&mut reading.contents, behind);
        contents.shrink_to_fit();
        reading.next = 0;
        scan.beyond = reading.beyond(scan.last_sequence.max(applied))?;
        let contents = Bytes::from(contents);
        scan.last_frame = contents.slice(contents.len() - last_frame_bytes..);
        scan.generation = replay::generation(&contents, applied).map_err(JournalError::Corrupt)?;
        Ok(scan)
    }

    /// Makes what was read durable before anybody sees it: the last frame may be only in the machine's
    /// memory, because the process was killed before its sync or because the sync failed.
    fn settle(&self, scan: &Scan) -> io::Result<()> {
        let place = scan.end - scan.last_frame.len() as u64;
        self.file.write_at(place, &scan.last_frame)?;
        self.file.sync()
    }
}

fn write_head(bytes: u64, salt: u64) -> [u8; SECTOR_BYTES] {
    let mut head = [0; SECTOR_BYTES];
    head[..8].copy_from_slice(&MAGIC);
    head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    head[12..20].copy_from_slice(&bytes.to_le_bytes());
    head[20..28].copy_from_slice(&salt.to_le_bytes());
    let checksum = crc32c::crc32c(&head[..28]);
    head[28..32].copy_from_slice(&checksum.to_le_bytes());
    head
}

/// The size and the salt, if the head is whole and of this format.
fn read_head(head: &[u8; SECTOR_BYTES]) -> Option<(u64, u64)> {
    let (known, rest) = head[..28].split_at(12);
    let sound = known[..8] == MAGIC
        && known[8..] == FORMAT.to_le_bytes()
        && head[28..32] == crc32c::crc32c(&head[..28]).to_le_bytes();
    let (bytes, salt) = rest.split_at(8);
    let number = |part: &[u8]| part.try_into().ok().map(u64::from_le_bytes);
    let bytes = number(bytes).filter(|bytes| *bytes > 2 * HEAD_BYTES)?;
    sound.then_some((bytes, number(salt)?))
}
