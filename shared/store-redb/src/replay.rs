//! A segment's newest writes. Opening the store after a kill waits for this, so it is fast.
//!
//! It builds nothing for a write that a later one replaces, and sorts small items: the first bytes of the
//! keys, which distinguish most of them, beside the places of the writes. Only at the end does it cut out
//! keys and values, in the order in which they are needed.

use std::{cmp::Ordering, ops::Range};

use bytes::Bytes;
use engine::store::Version;

use crate::{
    frame::{self, Found},
    overlay::{self, Generation, Place},
    varint,
};

/// How many of a key's first bytes are sorted by.
const START_BYTES: usize = 32;

/// A write that was found, in few bytes.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The first bytes of its key, padded with zeros; sorts as they do.
    start: [u128; START_BYTES / 16],
    /// The commit's number, less `applied`.
    commits: u32,
    key_at: u32,
    key_bytes: u32,
    /// The value's length plus one, or 0 for a deletion: the number that stands between the key and the value.
    value_number: u32,
}

impl Mark {
    /// `None` if numbers of four bytes do not suffice, or the value does not follow its key as it should.
    fn new(found: &Found, frames: &[u8], applied: u64) -> Option<Mark> {
        let key = frames.get(found.key.clone())?;
        let value_number = found.value.as_ref().map_or(0, |value| value.len() + 1);
        let mark = Mark {
            start: [overlay::start(key), overlay::start(key.get(16..).unwrap_or_default())],
            commits: u32::try_from(found.version.0 - applied).ok()?,
            key_at: u32::try_from(found.key.start).ok()?,
            key_bytes: u32::try_from(key.len()).ok()?,
            value_number: u32::try_from(value_number).ok()?,
        };
        (mark.found(applied) == *found).then_some(mark)
    }

    fn key(&self) -> Range<usize> {
        let key_at = self.key_at as usize;
        key_at..key_at + self.key_bytes as usize
    }

    /// What it was made of.
    fn found(&self, applied: u64) -> Found {
        let key = self.key();
        let value = self.value_number.checked_sub(1).map(|value_bytes| {
            let value_at = key.end + varint::bytes(self.value_number.into());
            value_at..value_at + value_bytes as usize
        });
        Found { version: Version(applied + u64::from(self.commits)), key, value }
    }

    /// By the keys alone. Reads the frames only if keys are longer than the bytes at hand.
    fn compare(&self, other: &Mark, frames: &[u8]) -> Ordering {
        self.start.cmp(&other.start).then_with(|| {
            if self.key_bytes.min(other.key_bytes) as usize <= START_BYTES {
                // The bytes after the shorter key are zeros in both starts: it is a prefix of the other.
                return self.key_bytes.cmp(&other.key_bytes);
            }
            frames[self.key()].cmp(&frames[other.key()])
        })
    }
}

/// The newest writes, by key, of the commits after number `applied` in these frames, which are in the order
/// of their commits; or what is wrong with them.
pub(crate) fn generation(frames: &Bytes, applied: u64) -> Result<Generation, String> {
    let mut marks = marks(frames, applied)?;
    // A later write comes later.
    marks.sort_unstable_by(|mark, other| {
        mark.compare(other, frames).then_with(|| mark.key_at.cmp(&other.key_at))
    });
    let newest =
        marks.chunk_by(|mark, other| mark.compare(other, frames).is_eq()).filter_map(|same| same.last());
    let entries = newest.map(|mark| {
        let (key, entry) = mark.found(applied).entry(frames);
        (Place::starting(mark.start[0], key), entry)
    });
    Ok(entries.collect())
}

/// All writes of the commits after number `applied`, in order.
fn marks(frames: &[u8], applied: u64) -> Result<Vec<Mark>, String> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(head) = frames.get(at..).and_then(frame::Head::read) {
        let mut strange = None;
        let parsed = frame::writes(frames, at, |found| {
            if found.version.0 > applied {
                match Mark::new(&found, frames, applied) {
                    Some(mark) => marks.push(mark),
                    None => strange = Some(found),
                }
            }
        });
        parsed.ok_or_else(|| format!("the frame of commit {} does not parse", head.first_sequence))?;
        if let Some(Found { version: Version(commit), key, .. }) = strange {
            return Err(format!(
                "a write of commit {commit}, at byte {}, does not stand as it should",
                key.start
            ));
        }
        at += head.frame_bytes();
    }
    Ok(marks)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use engine::store::{Change, Expect, Key, Write};

    use super::*;
    use crate::{frame::Commit, overlay::Entry};

    const SALT: u64 = 7;

    fn put(key: &[u8], value: Vec<u8>) -> Write {
        let key = Key::new(key.to_vec());
        Write { key, expect: Expect::Anything, change: Change::Put(value.into()) }
    }

    /// Keys that differ little: at the ends of what is compared at once, by a zero at the end, or in order
    /// alone.
    fn keys() -> Vec<Vec<u8>> {
        let long = b"order of a brand whose name alone is as long as all of this";
        let mut keys: Vec<Vec<u8>> = [&b""[..], b"a", b"a\0", b"a\0\0", b"ab", b"ba"].map(Vec::from).into();
        for length in [14, 15, 16, 17, 30, 31, 32, 33, 50] {
            keys.extend([&b""[..], b"\0", b"1", b"2"].map(|end| [&long[..length], end].concat()));
        }
        keys
    }

    #[test]
    fn of_writes_with_one_key_the_last_counts_however_alike_the_keys_are() {
        let keys = keys();
        // Around where the numbers before them take another byte.
        let lengths = [0, 1, 126, 127, 16_382, 16_383];
        // Each key six times, as often in another order, with another value each time or with none.
        let write = |at: usize| {
            let (round, turn) = (at / keys.len(), at % keys.len());
            let key = turn * [1, 5, 11, 13, 17, 19][round] % keys.len();
            let length = lengths[(round + key) % lengths.len()];
            let mut write = put(&keys[key], vec![at as u8; length]);
            if (round + key).is_multiple_of(7) {
                write.change = Change::Delete;
            }
            write
        };
        let writes: Vec<Write> = (0..6 * keys.len()).map(write).collect();
        // Commits of two writes, three of them to a frame.
        let commits: Vec<&[Write]> = writes.chunks(2).collect();
        let frames = commits.chunks(3).zip((1..).step_by(3));
        let frames = frames.flat_map(|(commits, first)| {
            let commits: Vec<Commit<'_>> = commits.iter().map(|writes| Commit::from(*writes)).collect();
            frame::encode(SALT, first, &commits)
        });
        let frames = Bytes::from_iter(frames);
        let last = commits.len() as u64;
        for applied in 0..=last {
            let mut plain = BTreeMap::new();
            for (commit, writes) in (1..).zip(&commits).filter(|(commit, _)| *commit > applied) {
                for Write { key, change, .. } in *writes {
                    let value = if let Change::Put(value) = change { Some(value.clone()) } else { None };
                    plain.insert(key.clone(), Entry { version: Version(commit), value });
                }
            }
            let found = generation(&frames, applied).expect("frames");
            assert!(found.into_iter().map(|(place, entry)| (place.key, entry)).eq(plain), "{applied}");
        }
    }

    #[test]
    fn what_does_not_stand_as_it_should_is_told() {
        let write = [put(b"key", b"value".to_vec())];
        let good = frame::encode(SALT, 1, &[Commit::from(&write[..])]);
        let told = |frame: Vec<u8>| generation(&Bytes::from(frame), 0).map(|found| found.len());
        assert_eq!(told(good.clone()), Ok(1));
        // The first byte says how many writes there are.
        let mut short = good.clone();
        short[frame::HEAD_BYTES] = 8;
        assert_eq!(told(short), Err("the frame of commit 1 does not parse".to_owned()));
        // A length in more bytes than necessary: nothing writes it so.
        let mut long = good.clone();
        long[8] += 1;
        long.splice(frame::HEAD_BYTES + 5..frame::HEAD_BYTES + 6, [0x86, 0]);
        let strange = "a write of commit 1, at byte 26, does not stand as it should";
        assert_eq!(told(long), Err(strange.to_owned()));
        // A commit so far beyond those in the tables that some between them must be missing.
        let far = frame::encode(SALT, 1 << 32, &[Commit::from(&write[..])]);
        let strange = "a write of commit 4294967296, at byte 26, does not stand as it should";
        assert_eq!(told(far), Err(strange.to_owned()));
    }
}
