//! Forgets requests that are remembered for longer than promised.
//!
//! They are stored by their hashes and not by time, because a request is only looked up by its hash; an index
//! by time would cost every request with a key one more record. So all of them must be looked through, a
//! share each day: the first sweep of a day looks through it, and every later one reads one note. A key is
//! forgotten 31 to 60 days after it was used.

use domain::time::{DAY_MILLIS, Instant};
use futures_util::future::join_all;

use crate::{
    access::Access,
    store::{
        Key, Range, Record, StoreError, Write,
        error::Error,
        keys,
        records::{Progress, Remembered, RequestRecord, decode},
        write::{delete, delete_read, put, unchanged},
    },
};

/// Days for which a request is remembered under its key, at least.
pub(crate) const REMEMBERED_DAYS: u32 = 31;

/// Days after which no answer of a request is there any more, with a day for the sweep.
pub(crate) const REMEMBERED_DAYS_MAX: u32 = 61;

/// Slices of all requests that are looked through in a day: all of them within 29 days.
const SLICES_A_DAY: u64 = 9;

/// Remembered requests that one call looks at.
const REQUESTS_MAX: usize = 2_000;

/// Requests that are forgotten at once. Each alone: a delete outside a transaction costs half.
const AT_ONCE_MAX: usize = 32;

impl Progress {
    /// What is left of the share of that day; `None` if nothing is.
    fn left(&self, target: u64) -> Option<Range> {
        if self.slices >= target {
            return None;
        }
        let first = self.slices % keys::REQUEST_SLICES;
        let end = (first + (target - self.slices)).min(keys::REQUEST_SLICES);
        let mut range = keys::requests(first..end);
        if let Some(from) = &self.from {
            range.from = Key::new(from.clone());
        }
        Some(range)
    }

    /// Advances past the records found, of which one read returns at most `room`, up to the slice `target`.
    fn pass(&mut self, target: u64, found: &[(Key, Record)], room: usize) {
        let first = self.slices % keys::REQUEST_SLICES;
        match found.last().filter(|_| found.len() >= room) {
            Some((last, _)) => {
                self.slices += keys::request_slice(last) - first;
                self.from = Some(last.successor().as_bytes().to_vec());
            }
            None => {
                self.slices = target.min(self.slices - first + keys::REQUEST_SLICES);
                self.from = None;
            }
        }
    }
}

impl Access {
    /// Looks through a bounded number of today's share of the remembered requests, and forgets those that are
    /// old enough; and, with that, what is older in the activity log than so many days. Returns whether the whole share
    /// has been looked through.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn forget_requests(&self, now: Instant, activity_days: u32) -> Result<bool, Error> {
        let note = keys::note(keys::LOOKED_THROUGH_NOTE);
        // Before 1970, which a test's clock may say, there is nothing to look through.
        let target = (now.0 / DAY_MILLIS).max(0).unsigned_abs() * SLICES_A_DAY;
        let known = self.records.read::<Progress>(&note).await?;
        let version = known.as_ref().map(|(_, version)| *version);
        // Nor is there a day before the first.
        let yesterday = Progress { slices: target.saturating_sub(SLICES_A_DAY), from: None };
        let mut progress = known.map_or(yesterday, |(progress, _)| progress);
        if progress.left(target).is_none() {
            return Ok(true);
        }
        // However long nobody swept, one round over all of them is enough; in the first days there is none.
        let round = target.saturating_sub(keys::REQUEST_SLICES);
        if progress.slices < round {
            progress = Progress { slices: round, from: None };
        }
        let (mut room, mut old) = (REQUESTS_MAX, Vec::new());
        while let Some(range) = progress.left(target).filter(|_| room > 0) {
            let found = self.records.store.scan(range, room).await?;
            progress.pass(target, &found, room);
            room -= found.len();
            for (key, record) in found {
                let request: RequestRecord = decode(&key, &record.value)?;
                if request.at.plus_days(REMEMBERED_DAYS) <= now {
                    old.push(forgetting(key, &record, &request));
                }
            }
        }
        for some in old.chunks(AT_ONCE_MAX) {
            for done in join_all(some.iter().map(|writes| self.records.commit(writes.clone()))).await {
                expected(done)?;
            }
        }
        self.forget_activity(now, activity_days).await?;
        // Only now: a pass that is cut off before this is repeated.
        expected(self.records.commit(vec![put(note, unchanged(version), &progress)]).await)?;
        Ok(progress.left(target).is_none())
    }
}

/// Deletes its record, and the answer that is stored separately. Expected as it was read: another sweep may
/// have forgotten the key, and it may have been used again meanwhile.
fn forgetting(key: Key, record: &Record, request: &RequestRecord) -> Vec<Write> {
    let own = delete_read(key, record.version);
    match &request.answer {
        Remembered::Personal(answer) => vec![own, delete(Key::new(answer.clone()))],
        Remembered::Entry(_) | Remembered::Whole(_) | Remembered::Nothing(_) => vec![own],
    }
}

/// If another sweep was faster, that is as good.
pub(super) fn expected(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(Error::Store(StoreError::LostRace)) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::id::RequestHash;

    #[test]
    fn only_that_somebody_was_quicker_is_expected() {
        let lost = |error: StoreError| expected(Err(Error::Store(error)));
        assert!(expected(Ok(())).is_ok() && lost(StoreError::LostRace).is_ok());
        assert!(matches!(lost(StoreError::Busy), Err(Error::Store(StoreError::Busy))));
        assert!(matches!(expected(Err(Error::Contended)), Err(Error::Contended)));
    }

    /// Whatever the room: every slice of the share is looked through once, in order, and no record is
    /// skipped.
    #[test]
    fn a_share_is_looked_through_once() {
        let record = Record { value: bytes::Bytes::new(), version: crate::store::Version(1) };
        let all: Vec<Key> = (0..=255_u8)
            .flat_map(|slice| {
                (0..slice % 4).map(move |number| {
                    keys::request(RequestHash([slice, number].repeat(8).try_into().unwrap()))
                })
            })
            .collect();
        for (slices, share) in [(0, 9), (250, 9), (256 * 70 + 3, 256), (511, 1), (5, 0)] {
            for room in [1, 2, 7, 1_000] {
                let target = slices + share;
                let mut progress = Progress { slices, from: None };
                let mut seen = Vec::new();
                while let Some(range) = progress.left(target) {
                    let within = all.iter().filter(|key| range.from <= **key && **key < range.to);
                    let found: Vec<_> = within.take(room).map(|key| (key.clone(), record.clone())).collect();
                    progress.pass(target, &found, room);
                    seen.extend(found.into_iter().map(|(key, _)| key));
                }
                assert_eq!(progress.slices, target);
                let wanted = (slices..target).map(|slice| slice % 256);
                let wanted: Vec<Key> = wanted
                    .flat_map(|slice| {
                        all.iter().filter(move |key| keys::request_slice(key) == slice).cloned()
                    })
                    .collect();
                assert_eq!(seen, wanted, "from {slices}, {share} slices, room for {room}");
            }
        }
    }
}
