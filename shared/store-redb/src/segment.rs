//! A segment of the journal: a preallocated file of frames.
//!
//! ```text
//! sector 0   magic, format, size, salt, checksum
//! sector 1…  frames (see `frame`), one after another; then zeros or frames of an earlier use
//! ```
//!
//! Format 1 is that of segments with frames of the first form alone. It differs in nothing else, so its number is
//! raised where it is found: an older Laurel must refuse a segment of which it would not see the newer frames.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    disk::{Disk, DiskFile},
    frame::{self, SECTOR_BYTES},
    journal::JournalError,
    overlay::Generation,
    replay,
};

/// What precedes the frames.
pub(crate) const HEAD_BYTES: u64 = SECTOR_BYTES as u64;

/// How much of a segment is read at a time, when it is read whole.
const STRETCH_BYTES: u64 = 1024 * 1024;

/// How much is read to find one frame.
const PEEK_BYTES: u64 = 64 * 1024;

const MAGIC: [u8; 8] = *b"LAURELJ\n";
const FORMAT: u32 = 2;
const FORMAT_FIRST: u32 = 1;

/// What the segments' names in the store's folder begin with.
const NAME: &str = "journal-";

/// The name of a segment.
pub(crate) fn name(number: u32) -> String {
    format!("{NAME}{number}")
}

/// The number of the segment of that name, if it is one's.
pub(crate) fn number(name: &str) -> Option<u32> {
    let number = name.strip_prefix(NAME)?.parse().ok()?;
    (self::name(number) == name).then_some(number)
}

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    /// By which it is named.
    pub(crate) number: u32,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) salt: u64,
    /// Its size.
    pub(crate) bytes: u64,
}

impl Segment {
    /// Opens the segment of that number, if there is one.
    pub(crate) fn open(disk: &dyn Disk, number: u32) -> Result<Option<Segment>, JournalError> {
        let name = name(number);
        let Some(file) = disk.open(&name)? else { return Ok(None) };
        let mut head = [0; SECTOR_BYTES];
        file.read_at(0, &mut head)?;
        let damaged = || JournalError::Corrupt(format!("the head of {name} is damaged"));
        let (format, bytes, salt) = read_head(&head).ok_or_else(damaged)?;
        if file.len()? != bytes {
            return Err(JournalError::Corrupt(format!("{name} is not {bytes} bytes long")));
        }
        if format < FORMAT {
            file.write_at(0, &write_head(bytes, salt))?;
            file.sync()?;
        }
        Ok(Some(Segment { number, file, salt, bytes }))
    }

    /// Makes a new segment.
    pub(crate) fn create(disk: &dyn Disk, number: u32, bytes: u64) -> io::Result<Segment> {
        // The salt is random only so that nobody can write a value that looks like a frame.
        let salt = RandomState::new().build_hasher().finish();
        let file = disk.create(&name(number), &write_head(bytes, salt), bytes)?;
        Ok(Segment { number, file, salt, bytes })
    }

    /// The head of the first frame, if that is a good one.
    pub(crate) fn first(&self) -> io::Result<Option<frame::Head>> {
        Reading::of(self, HEAD_BYTES, PEEK_BYTES).frame()
    }

    pub(crate) fn scan(&self, applied: u64) -> Result<Scan, JournalError> {
        let mut reading = Reading::of(self, HEAD_BYTES, STRETCH_BYTES);
        // Room for all of it, so that growth copies nothing; unused room takes no memory.
        reading.contents = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
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
    pub(crate) fn settle(&self, scan: &Scan) -> io::Result<()> {
        let place = scan.end - scan.last_frame.len() as u64;
        self.file.write_at(place, &scan.last_frame)?;
        self.file.sync()
    }
}

/// What stands in a segment.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The newest writes of the commits that are not in the tables.
    pub(crate) generation: Generation,
    /// The last good frame; empty if there is none.
    last_frame: Bytes,
    /// Where in the segment the good frames end.
    pub(crate) end: u64,
    /// The first commit's number; 0 if there is none.
    pub(crate) first_sequence: u64,
    /// The last commit's number; 0 if there is none.
    pub(crate) last_sequence: u64,
    /// The highest last commit of the good frames that follow a bad one.
    pub(crate) beyond: Option<u64>,
}

/// Reads a segment a stretch at a time, and keeps only what is needed.
pub(crate) struct Reading<'a> {
    segment: &'a Segment,
    /// What was read and kept.
    contents: Vec<u8>,
    /// Where in `contents` the next frame starts.
    next: usize,
    /// Where in the segment the next stretch starts.
    offset: u64,
    stretch_bytes: u64,
}

impl Reading<'_> {
    /// Reads from that place on, so many bytes at a time.
    pub(crate) fn of(segment: &Segment, from: u64, stretch_bytes: u64) -> Reading<'_> {
        Reading { segment, contents: Vec::new(), next: 0, offset: from.min(segment.bytes), stretch_bytes }
    }

    /// Reads the next stretch; `false` at the segment's end.
    fn more(&mut self) -> io::Result<bool> {
        let kept = self.contents.len();
        let stretch = (self.segment.bytes - self.offset).min(self.stretch_bytes);
        self.contents.resize(kept + stretch as usize, 0);
        self.segment.file.read_at(self.offset, &mut self.contents[kept..])?;
        self.offset += stretch;
        Ok(stretch > 0)
    }

    /// Where in the segment the next frame starts.
    pub(crate) fn place(&self) -> u64 {
        self.offset - (self.contents.len() - self.next) as u64
    }

    /// The next frame's head, if a good frame follows.
    pub(crate) fn frame(&mut self) -> io::Result<Option<frame::Head>> {
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

    /// The bytes of the next frame, which has that head.
    pub(crate) fn bytes(&self, head: &frame::Head) -> Bytes {
        Bytes::copy_from_slice(&self.contents[self.next..self.next + head.frame_bytes()])
    }

    /// Goes on behind the next frame, which has that head.
    pub(crate) fn pass(&mut self, head: &frame::Head) {
        self.next += head.frame_bytes();
        self.forget(0);
    }

    /// Drops all but the last `kept` bytes read so far, when that is worth it.
    fn forget(&mut self, kept: usize) {
        if self.next - kept >= self.stretch_bytes as usize {
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

/// The format, the size and the salt, if the head is whole and of a known format.
fn read_head(head: &[u8; SECTOR_BYTES]) -> Option<(u32, u64, u64)> {
    let (known, rest) = head[..28].split_at(12);
    let format = known[8..].try_into().ok().map(u32::from_le_bytes)?;
    let sound = known[..8] == MAGIC
        && (FORMAT_FIRST..=FORMAT).contains(&format)
        && head[28..32] == crc32c::crc32c(&head[..28]).to_le_bytes();
    let (bytes, salt) = rest.split_at(8);
    let number = |part: &[u8]| part.try_into().ok().map(u64::from_le_bytes);
    let bytes = number(bytes).filter(|bytes| *bytes > 2 * HEAD_BYTES)?;
    sound.then_some((format, bytes, number(salt)?))
}
