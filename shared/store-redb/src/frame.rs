//! Frames: how the journal stores a batch of commits.
//!
//! ```text
//! 0   magic           4 bytes
//! 4   checksum        4 bytes   crc32c of the segment's salt and of everything from 8 to the end
//! 8   payload length  4 bytes
//! 12  commits         4 bytes
//! 16  first sequence  8 bytes   the first commit's number; the others follow it
//! 24  payload                   per commit: how many writes; per write: key, then 0 for a
//!                               deletion or the value's length plus one and the value
//!     zeros up to a whole sector
//! ```
//!
//! A frame starts on a sector of its own, so writing one never touches a sector that holds acknowledged
//! commits. Numbers are little-endian; those in the payload are varints. A frame is read only if its checksum
//! holds; nothing here guesses.

use std::ops::Range;

use bytes::Bytes;
use engine::store::{Change, Key, Version, Write};

use crate::{overlay::Entry, varint};

/// The unit that a disk writes whole or not at all.
pub(crate) const SECTOR_BYTES: usize = 512;

/// What precedes the payload.
pub(crate) const HEAD_BYTES: usize = 24;

const MAGIC: [u8; 4] = *b"LJF1";

/// How many bytes of payload these writes take.
pub(crate) fn payload_bytes(writes: &[Write]) -> usize {
    let mut bytes = varint::bytes(changes(writes).count() as u64);
    for (key, change) in changes(writes) {
        bytes += varint::bytes(key.len() as u64) + key.len();
        bytes += match change {
            Some(value) => varint::bytes(value.len() as u64 + 1) + value.len(),
            None => 1,
        };
    }
    bytes
}

/// How many bytes a frame of that payload takes in the journal.
pub(crate) fn frame_bytes(payload_bytes: usize) -> usize {
    (HEAD_BYTES + payload_bytes).next_multiple_of(SECTOR_BYTES)
}

/// The frame of these commits, the first of which has the number `first_sequence`.
pub(crate) fn encode(salt: u64, first_sequence: u64, commits: &[&[Write]]) -> Vec<u8> {
    let payload: usize = commits.iter().map(|writes| payload_bytes(writes)).sum();
    let length = frame_bytes(payload);
    let mut frame = Vec::with_capacity(length);
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&(payload as u32).to_le_bytes());
    frame.extend_from_slice(&(commits.len() as u32).to_le_bytes());
    frame.extend_from_slice(&first_sequence.to_le_bytes());
    for writes in commits {
        varint::push(changes(writes).count() as u64, &mut frame);
        for (key, change) in changes(writes) {
            varint::push(key.len() as u64, &mut frame);
            frame.extend_from_slice(key);
            match change {
                Some(value) => {
                    varint::push(value.len() as u64 + 1, &mut frame);
                    frame.extend_from_slice(value);
                }
                None => frame.push(0),
            }
        }
    }
    let checksum = checksum(salt, &frame[8..]);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    frame.resize(length, 0);
    frame
}

/// The writes that change something: the key, and the value unless it is deleted.
fn changes(writes: &[Write]) -> impl Iterator<Item = (&[u8], Option<&Bytes>)> {
    writes.iter().filter_map(|write| match &write.change {
        Change::Nothing => None,
        Change::Put(value) => Some((write.key.as_bytes(), Some(value))),
        Change::Delete => Some((write.key.as_bytes(), None)),
    })
}

/// The head of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// Bytes of payload.
    pub(crate) payload_bytes: usize,
    /// How many commits it holds; at least one.
    pub(crate) commits: u64,
    /// The first one's number.
    pub(crate) first_sequence: u64,
}

impl Head {
    /// The last commit's number.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.first_sequence + (self.commits - 1)
    }

    /// How many bytes the frame takes in the journal.
    pub(crate) fn frame_bytes(&self) -> usize {
        frame_bytes(self.payload_bytes)
    }

    /// The head at the start of `bytes`, if it looks like a frame; the checksum is not checked.
    pub(crate) fn read(bytes: &[u8]) -> Option<Head> {
        let bytes: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let number = |at: usize| {
            let mut four = [0; 4];
            four.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(four)
        };
        let head = Head {
            payload_bytes: number(8) as usize,
            commits: u64::from(number(12)),
            first_sequence: u64::from(number(16)) | u64::from(number(20)) << 32,
        };
        let whole = bytes[..4] == MAGIC
            && head.commits > 0
            && head.first_sequence.checked_add(head.commits).is_some();
        whole.then_some(head)
    }
}

/// The head of the frame at the start of `bytes`, if it is whole and undamaged.
pub(crate) fn check(salt: u64, bytes: &[u8]) -> Option<Head> {
    let head = Head::read(bytes)?;
    let covered = bytes.get(8..HEAD_BYTES + head.payload_bytes)?;
    let fits = bytes.len() >= head.frame_bytes();
    let holds = bytes[4..8] == checksum(salt, covered).to_le_bytes();
    (fits && holds).then_some(head)
}

/// Where a write lies in the bytes that it is read from.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// The commit's number.
    pub(crate) version: Version,
    pub(crate) key: Range<usize>,
    /// Nothing for a deletion.
    pub(crate) value: Option<Range<usize>>,
}

impl Found {
    /// The key and what was written to it, as slices of the bytes that hold it.
    pub(crate) fn entry(self, of: &Bytes) -> (Key, Entry) {
        let value = self.value.map(|value| of.slice(value));
        (Key::new(of.slice(self.key)), Entry { version: self.version, value })
    }
}

/// Calls `each` with every write of the frame that starts at byte `at`, in order. `None` if the payload does not parse,
/// which a frame whose checksum holds never does unless another version wrote it.
pub(crate) fn writes(bytes: &[u8], at: usize, mut each: impl FnMut(Found)) -> Option<()> {
    let head = Head::read(bytes.get(at..)?)?;
    let mut next = at + HEAD_BYTES;
    let payload = bytes.get(..next + head.payload_bytes)?;
    for sequence in head.first_sequence..=head.last_sequence() {
        for _ in 0..number(payload, &mut next)? {
            let key_bytes = number(payload, &mut next)?;
            let key = part(payload, &mut next, key_bytes)?;
            let value = match number(payload, &mut next)? {
                0 => None,
                value_bytes => Some(part(payload, &mut next, value_bytes - 1)?),
            };
            each(Found { version: Version(sequence), key, value });
        }
    }
    (next == payload.len()).then_some(())
}

/// The number that stands next.
fn number(payload: &[u8], next: &mut usize) -> Option<u64> {
    let (number, length) = varint::read(payload.get(*next..)?)?;
    *next += length;
    Some(number)
}

/// The position of the next `length` bytes.
fn part(payload: &[u8], next: &mut usize, length: u64) -> Option<Range<usize>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= payload.len() - *next)?;
    let start = *next;
    *next += length;
    Some(start..*next)
}

fn checksum(salt: u64, covered: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), covered)
}
