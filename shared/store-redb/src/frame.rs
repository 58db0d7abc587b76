//! Frames: how the journal stores a batch of commits.
//!
//! ```text
//! 0   magic           4 bytes
//! 4   checksum        4 bytes   crc32c of the segment's salt and of everything from 8 to the end
//! 8   payload length  4 bytes
//! 12  commits         4 bytes
//! 16  first sequence  8 bytes   the first commit's number; the others follow it
//! 24  payload                   per commit: four times how many writes, plus its manner (0 plain, 1 quiet, 2 anew);
//!                               per write: twice the key's length, plus one if the record was expected to be
//!                               absent, and the key; then 0 for a deletion or the value's length plus one and the
//!                               value
//!     zeros up to a whole sector
//! ```
//!
//! A frame of the first form (`LJF1`) does not multiply these numbers, and says neither of both.
//!
//! A frame starts on a sector of its own, so writing one never touches a sector that holds acknowledged
//! commits. Numbers are little-endian; those in the payload are varints. A frame is read only if its checksum
//! holds; nothing here guesses.

use std::ops::Range;

use bytes::Bytes;
use engine::{
    keys,
    store::{Change, Changed, Committed, Expect, Key, Manner, Version, Write},
};

use crate::{overlay::Entry, varint};

/// The unit that a disk writes whole or not at all.
pub(crate) const SECTOR_BYTES: usize = 512;

/// What precedes the payload.
pub(crate) const HEAD_BYTES: usize = 24;

const MAGIC: [u8; 4] = *b"LJF2";

/// What a frame of the first form starts with.
const MAGIC_FIRST: [u8; 4] = *b"LJF1";

/// A commit as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit<'a> {
    pub(crate) writes: &'a [Write],
    pub(crate) manner: Manner,
}

impl<'a> From<&'a [Write]> for Commit<'a> {
    fn from(writes: &'a [Write]) -> Commit<'a> {
        Commit { writes, manner: Manner::Plain }
    }
}

/// How many writes there are, and in which manner.
fn counted(writes: usize, manner: Manner) -> u64 {
    let manner = match manner {
        Manner::Plain => 0,
        Manner::Quiet => 1,
        Manner::Anew => 2,
    };
    4 * writes as u64 + manner
}

/// The manner of that number; `None` if it is of a newer Laurel.
fn manner(number: u64) -> Option<Manner> {
    match number {
        0 => Some(Manner::Plain),
        1 => Some(Manner::Quiet),
        2 => Some(Manner::Anew),
        _ => None,
    }
}

/// A key's length, and whether its record is a new one.
fn measured(key: &[u8], is_new: bool) -> u64 {
    2 * key.len() as u64 + u64::from(is_new)
}

/// How many bytes of payload these writes take.
pub(crate) fn payload_bytes(writes: &[Write]) -> usize {
    let mut bytes = varint::bytes(counted(changes(writes).count(), Manner::Plain));
    for (key, _, change) in changes(writes) {
        bytes += varint::bytes(measured(key, false)) + key.len();
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
pub(crate) fn encode(salt: u64, first_sequence: u64, commits: &[Commit<'_>]) -> Vec<u8> {
    let payload: usize = commits.iter().map(|commit| payload_bytes(commit.writes)).sum();
    let length = frame_bytes(payload);
    let mut frame = Vec::with_capacity(length);
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&(payload as u32).to_le_bytes());
    frame.extend_from_slice(&(commits.len() as u32).to_le_bytes());
    frame.extend_from_slice(&first_sequence.to_le_bytes());
    for Commit { writes, manner } in commits {
        varint::push(counted(changes(writes).count(), *manner), &mut frame);
        for (key, is_new, change) in changes(writes) {
            varint::push(measured(key, is_new), &mut frame);
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

/// The writes that change something: the key, whether the record is certainly a new one, and the value unless it is
/// deleted.
fn changes(writes: &[Write]) -> impl Iterator<Item = (&[u8], bool, Option<&Bytes>)> {
    writes.iter().filter_map(|write| match &write.change {
        Change::Nothing => None,
        Change::Put(value) => Some((write.key.as_bytes(), write.expect == Expect::Absent, Some(value))),
        Change::Delete => Some((write.key.as_bytes(), false, None)),
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
    /// Whether numbers carry marks; not so in the first form.
    is_marked: bool,
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
            is_marked: bytes[..4] == MAGIC,
        };
        let whole = (head.is_marked || bytes[..4] == MAGIC_FIRST)
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
    walk(bytes, at, |part| {
        if let Part::Write { found, .. } = part {
            each(found);
        }
    })
}

/// The commits of a frame from that number on, without readers' places.
pub(crate) fn commits(frame: &Bytes, from: u64) -> Option<Vec<Committed>> {
    let mut commits: Vec<Committed> = Vec::new();
    walk(frame, 0, |part| match part {
        Part::Commit { version, manner } => commits.push(Committed { version, manner, writes: Vec::new() }),
        Part::Write { found, is_new } => {
            let (key, Entry { version, value }) = found.entry(frame);
            if key.kind() != keys::kind::PLACE
                && let Some(commit) = commits.last_mut()
            {
                commit.writes.push(Changed { key, version, value, is_new });
            }
        }
    })?;
    commits.retain(|commit| commit.version.0 >= from);
    Some(commits)
}

/// A part of a payload.
enum Part {
    /// A commit begins.
    Commit { version: Version, manner: Manner },
    /// A write of it.
    Write { found: Found, is_new: bool },
}

/// Calls `each` with every part of the frame that starts at byte `at`, in order.
fn walk(bytes: &[u8], at: usize, mut each: impl FnMut(Part)) -> Option<()> {
    let head = Head::read(bytes.get(at..)?)?;
    let mut next = at + HEAD_BYTES;
    let payload = bytes.get(..next + head.payload_bytes)?;
    for sequence in head.first_sequence..=head.last_sequence() {
        let (writes, manner) = match number(payload, &mut next)? {
            writes if !head.is_marked => (writes, Manner::Plain),
            counted => (counted >> 2, manner(counted & 3)?),
        };
        each(Part::Commit { version: Version(sequence), manner });
        for _ in 0..writes {
            let (key_bytes, is_new) = match number(payload, &mut next)? {
                key_bytes if !head.is_marked => (key_bytes, false),
                measured => (measured >> 1, measured & 1 == 1),
            };
            let key = part(payload, &mut next, key_bytes)?;
            let value = match number(payload, &mut next)? {
                0 => None,
                value_bytes => Some(part(payload, &mut next, value_bytes - 1)?),
            };
            let found = Found { version: Version(sequence), key, value };
            each(Part::Write { found, is_new });
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

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u64 = 7;

    /// As builds before the feed wrote them, and as folders still hold them.
    #[test]
    fn a_frame_of_the_first_form_is_read() {
        let payload = b"\x02\x03key\x06value\x04gone\x00";
        let mut frame =
            [&MAGIC_FIRST[..], &[0; 4], &(payload.len() as u32).to_le_bytes(), &1_u32.to_le_bytes()].concat();
        frame.extend_from_slice(&9_u64.to_le_bytes());
        frame.extend_from_slice(payload);
        let checksum = checksum(SALT, &frame[8..]);
        frame[4..8].copy_from_slice(&checksum.to_le_bytes());
        frame.resize(SECTOR_BYTES, 0);
        assert!(check(SALT, &frame).is_some_and(|head| head.first_sequence == 9 && head.commits == 1));
        let frame = Bytes::from(frame);
        let changed = |key: &'static [u8], value: Option<&'static [u8]>| Changed {
            key: Key::new(key),
            version: Version(9),
            value: value.map(Bytes::from_static),
            is_new: false,
        };
        let writes = vec![changed(b"key", Some(b"value")), changed(b"gone", None)];
        assert_eq!(
            commits(&frame, 9),
            Some(vec![Committed { version: Version(9), manner: Manner::Plain, writes }])
        );
        assert_eq!(commits(&frame, 10), Some(vec![]));
        let mut found = Vec::new();
        writes_of(&frame, &mut found);
        assert_eq!(found, [(&b"key"[..], true), (b"gone", false)]);
    }

    fn writes_of<'a>(frame: &'a Bytes, found: &mut Vec<(&'a [u8], bool)>) {
        writes(frame, 0, |write| found.push((&frame[write.key], write.value.is_some()))).expect("it parses");
    }

    #[test]
    fn marks_are_read_as_they_were_written() {
        let write = |key: Vec<u8>, expect, change| Write { key: Key::new(key), expect, change };
        let put = |length: usize| Change::Put(vec![1; length].into());
        // Around where a number takes another byte.
        for (writes, key_bytes, manner) in [
            (1, 1, Manner::Plain),
            (31, 63, Manner::Quiet),
            (32, 64, Manner::Anew),
            (100, 1_000, Manner::Quiet),
        ] {
            let key = |at: usize| [&[b'k'; 1_000][..key_bytes], &[at as u8]].concat();
            let writes: Vec<Write> = (0..writes)
                .map(|at| match at % 4 {
                    0 => write(key(at), Expect::Absent, put(at)),
                    1 => write(key(at), Expect::Version(Version(1)), put(at)),
                    2 => write(key(at), Expect::Absent, Change::Delete),
                    _ => write(key(at), Expect::Anything, put(at)),
                })
                .collect();
            let commit = Commit { writes: &writes, manner };
            let frame = Bytes::from(encode(SALT, 5, &[commit, Commit::from(&writes[..1])]));
            let head = check(SALT, &frame).expect("a whole frame");
            assert_eq!(head.payload_bytes, payload_bytes(&writes) + payload_bytes(&writes[..1]));
            let read = commits(&frame, 5).expect("it parses");
            assert_eq!((read[0].manner, read[1].manner), (manner, Manner::Plain));
            let marks: Vec<bool> = read[0].writes.iter().map(|changed| changed.is_new).collect();
            let wanted: Vec<bool> = (0..writes.len()).map(|at| at % 4 == 0).collect();
            assert_eq!(marks, wanted);
            assert!(read[0].writes.iter().zip(&writes).all(|(changed, write)| changed.key == write.key));
        }
    }
}
