//! What is kept of the journal for readers of the feed, and which segment the writer takes next.
//!
//! A segment whose commits are in the tables is kept until every reader's place has passed it, within the bounds of
//! the options; then it is used again, or removed. Without readers two segments suffice, as they always did. Nothing
//! here delays a commit: while a new segment is being made, the writer has one to fill.

use std::{sync::Arc, time::Duration};

use engine::{
    keys,
    store::{StoreError, feed},
};

use crate::{
    disk::Disk,
    feed::Log,
    handover::Handover,
    journal::ALWAYS,
    overlay::Shared,
    reading,
    segment::{self, Segment},
};

/// How much is kept for readers that are behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The most bytes of segments that only they need.
    pub(crate) bytes_max: u64,
    /// How long after its last commit a segment is kept.
    pub(crate) age_max: Duration,
}

/// The segments that are not in use.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) log: Arc<Log>,
    pub(crate) bounds: Bounds,
    /// The size of a new segment.
    pub(crate) segment_bytes: u64,
    /// Segments that nobody needs.
    pub(crate) spares: Vec<Arc<Segment>>,
    /// How often in a row no new segment could be made.
    pub(crate) failures: u32,
}

/// After how many failures a reader's segment is taken.
const FAILURES_MAX: u32 = 3;

impl Keeper {
    /// Lets go of what all readers have passed, or what is too old or too much. The tables hold the commits up to
    /// `applied`.
    pub(crate) fn tidy(&mut self, applied: u64, shared: &Shared, handover: &Handover) {
        let passed = match passed(&self.log, shared, handover) {
            Ok(passed) => passed,
            Err(error) => {
                tracing::warn!(%error, "readers' places cannot be read; what they need of the journal is kept");
                Some(0)
            }
        };
        let drained = self.log.drained(applied);
        let (mut bytes, mut is_beyond) = (0, false);
        let mut gone = Vec::new();
        // From the newest to the oldest: a reader needs them without a gap.
        for (segment, last) in drained.into_iter().rev() {
            let is_passed = passed.is_none_or(|passed| last <= passed);
            bytes += segment.bytes;
            let is_old = || segment.file.age().is_ok_and(|age| age > self.bounds.age_max);
            is_beyond = is_beyond || bytes > self.bounds.bytes_max || is_old();
            if is_passed || is_beyond {
                if !is_passed {
                    tracing::warn!(
                        commit = last,
                        "a reader of the feed is too slow: it misses commits up to this one, and all until it goes on elsewhere"
                    );
                }
                gone.push(segment);
            }
        }
        for segment in gone.into_iter().rev() {
            self.log.forget(&segment);
            self.spares.push(segment);
        }
        self.remove_needless();
    }

    /// The segments whose commits nobody needs once the tables hold all up to `applied`, the last one: neither the store
    /// nor a reader.
    pub(crate) fn needless(
        &self,
        applied: u64,
        shared: &Shared,
        handover: &Handover,
    ) -> Result<Vec<Arc<Segment>>, StoreError> {
        let passed = passed(&self.log, shared, handover)?;
        let is_passed = |last: u64| passed.is_none_or(|passed| last <= passed);
        let written = self.log.all(applied).into_iter().filter(|(_, last)| is_passed(*last));
        Ok(written.map(|(segment, _)| segment).chain(self.spares.iter().cloned()).collect())
    }

    /// Removes spare segments but one; those that are there always stay.
    fn remove_needless(&mut self) {
        self.spares.sort_by_key(|segment| segment.number);
        while self.spares.len() > 1 {
            let Some(segment) = self.spares.pop_if(|last| last.number >= ALWAYS) else { return };
            if let Err(error) = self.disk.remove(&segment::name(segment.number)) {
                tracing::warn!(%error, "a segment of the journal that nobody needs cannot be removed");
                self.spares.push(segment);
                return;
            }
        }
    }

    /// A segment for the writer: one that nobody needs, or a new one, or, if none can be made, the one that the
    /// slowest reader needs most.
    pub(crate) fn spare(&mut self, applied: u64) -> std::io::Result<Arc<Segment>> {
        if !self.spares.is_empty() {
            return Ok(self.spares.remove(0));
        }
        match self.create() {
            Ok(segment) => {
                self.failures = 0;
                Ok(Arc::new(segment))
            }
            Err(error) => {
                self.failures += 1;
                let oldest = self.log.drained(applied).into_iter().next();
                let Some((oldest, last)) = oldest.filter(|_| self.failures >= FAILURES_MAX) else {
                    return Err(error);
                };
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    commit = last,
                    "no new segment of the journal can be made: a slow reader of the feed misses commits up to this one"
                );
                self.log.forget(&oldest);
                Ok(oldest)
            }
        }
    }

    fn create(&self) -> std::io::Result<Segment> {
        let taken = self.disk.names()?;
        let is_free = |number: &u32| !taken.contains(&segment::name(*number));
        let number = (ALWAYS..).find(is_free).ok_or(std::io::ErrorKind::StorageFull)?;
        Segment::create(&*self.disk, number, self.segment_bytes)
    }
}

/// The number of the last commit that every reader has passed; `None` if there are no readers to keep anything for. A
/// place of another store's feed waits for nothing, and neither does one behind which something is gone already: its
/// reader is told of a gap, and goes on elsewhere or never again.
fn passed(log: &Log, shared: &Shared, handover: &Handover) -> Result<Option<u64>, StoreError> {
    let places = reading::scan(shared, handover, &keys::all(keys::kind::PLACE), usize::MAX)?;
    let passed = places.iter().filter_map(|(_, record)| match feed::read_place(record) {
        Some(position) => log.passed(&position).filter(|passed| log.holds_from(*passed)),
        None => Some(0),
    });
    Ok(passed.min())
}
