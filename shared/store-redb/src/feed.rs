//! The feed: the journal's segments, read by number of commit, beside the writer and without its knowledge.
//!
//! A reader sees a commit when its callers do, never earlier. It takes no lock that the writer holds for longer than
//! it takes to note a new segment. A segment that is used again under a reader's hands is noticed by its contents:
//! every frame says its commits' numbers, under its checksum.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::store::{Changed, Changes, Committed, Feed, Pending, Position, StoreError};
use tokio::sync::watch;

use crate::{
    error::Cause,
    frame,
    segment::{HEAD_BYTES, Reading, Segment},
};

/// How much is read of a segment at a time.
const STRETCH_BYTES: u64 = 32 * 1024;

/// How many bytes of keys and values one call shows at most, unless one commit alone has more.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// A segment whose commits can be read: from its first one to the one before the next stretch's.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) segment: Arc<Segment>,
    /// The first commit's number.
    pub(crate) first: u64,
}

/// All commits that are still in the journal.
#[derive(Debug)]
pub(crate) struct Log {
    /// Which store's feed it is.
    id: u64,
    /// In the order of their commits. The last one is appended to.
    stretches: Mutex<Vec<Stretch>>,
    /// The number of the last commit that is durable and visible.
    end: watch::Sender<u64>,
}

/// What could not be read.
enum Lost {
    /// The commit is not in any segment, or cannot be read in its own; the feed goes on after this one.
    Until(u64),
    /// The machine refused.
    Io(io::Error),
}

impl Log {
    pub(crate) fn new(id: u64, stretches: Vec<Stretch>, last_sequence: u64) -> Log {
        Log { id, stretches: Mutex::new(stretches), end: watch::Sender::new(last_sequence) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Stretch>> {
        // Every change under this lock is one step.
        self.stretches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer: commits from that number on stand in that segment.
    pub(crate) fn begin(&self, segment: Arc<Segment>, first: u64) {
        self.lock().push(Stretch { segment, first });
    }

    /// The writer: the commits up to that one are durable and visible.
    pub(crate) fn extend(&self, last_sequence: u64) {
        self.end.send_replace(last_sequence);
    }

    /// The segments whose commits are all in the tables, which hold those up to `applied`, with the number of each
    /// one's last commit; the oldest first.
    pub(crate) fn drained(&self, applied: u64) -> Vec<(Arc<Segment>, u64)> {
        let stretches = self.lock();
        let pairs = stretches.iter().zip(stretches.iter().skip(1));
        let drained = pairs.map(|(stretch, next)| (stretch.segment.clone(), next.first - 1));
        drained.filter(|(_, last)| *last <= applied).collect()
    }

    /// All segments with commits, of which the last one is `end`, with the number of each one's last commit.
    pub(crate) fn all(&self, end: u64) -> Vec<(Arc<Segment>, u64)> {
        let stretches = self.lock();
        let nexts = stretches.iter().skip(1).map(|next| next.first - 1).chain([end]);
        stretches.iter().map(|stretch| stretch.segment.clone()).zip(nexts).collect()
    }

    /// Shows that segment's commits no longer.
    pub(crate) fn forget(&self, segment: &Segment) {
        self.lock().retain(|stretch| stretch.segment.number != segment.number);
    }

    /// How many bytes the segments take that hold commits.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().iter().map(|stretch| stretch.segment.bytes).sum()
    }

    /// The number of the last commit that a position has passed, if it is one of this feed.
    pub(crate) fn passed(&self, position: &Position) -> Option<u64> {
        Place::read(self.id, position).map(|place| place.passed)
    }

    /// Whether everything that follows that commit is still there.
    pub(crate) fn holds_from(&self, passed: u64) -> bool {
        self.lock().first().is_none_or(|oldest| oldest.first <= passed + 1)
    }

    /// The number of the last commit that is durable and visible.
    pub(crate) fn last(&self) -> u64 {
        *self.end.borrow()
    }

    fn position(&self, place: Place) -> Position {
        place.position(self.id)
    }

    /// The position after that commit.
    pub(crate) fn position_after(&self, passed: u64) -> Position {
        self.position(Place { passed, offset: 0 })
    }

    pub(crate) fn end_now(&self) -> Position {
        let passed = *self.end.borrow();
        self.position(Place { passed, offset: 0 })
    }

    /// What follows that position.
    pub(crate) fn read(&self, position: &Position, limit: usize) -> Result<Changes, StoreError> {
        let end = *self.end.borrow();
        let known = Place::read(self.id, position).filter(|place| place.passed <= end);
        let Some(mut place) = known else { return Ok(Changes::Gap { next: self.end_now() }) };
        let (mut commits, mut bytes) = (Vec::new(), 0);
        while place.passed < end && commits.len() < limit && bytes < READ_BYTES_MAX {
            match self.stretch(&mut place, end, limit, &mut commits, &mut bytes) {
                Ok(()) => {}
                // Told with the next call, when what was found is dealt with.
                Err(_) if !commits.is_empty() => break,
                Err(Lost::Until(passed)) => {
                    return Ok(Changes::Gap { next: self.position(Place { passed, offset: 0 }) });
                }
                Err(Lost::Io(error)) => return Err(Cause::Journal(Arc::new(error)).unavailable()),
            }
        }
        Ok(Changes::Commits { commits, next: self.position(place) })
    }

    /// Reads on in the segment that holds the next commit.
    fn stretch(
        &self,
        place: &mut Place,
        end: u64,
        limit: usize,
        commits: &mut Vec<Committed>,
        bytes: &mut usize,
    ) -> Result<(), Lost> {
        let wanted = place.passed + 1;
        let (stretch, next) = {
            let stretches = self.lock();
            let after = stretches.partition_point(|stretch| stretch.first <= wanted);
            let oldest = stretches.first().map_or(end, |stretch| stretch.first - 1);
            let at = after.checked_sub(1).ok_or(Lost::Until(oldest))?;
            (stretches[at].clone(), stretches.get(after).map(|stretch| stretch.first))
        };
        match read_on(&stretch, place, end, limit, commits, bytes) {
            Ok(true) => return Ok(()),
            // The segment is being used again, and somebody was told so in time.
            _ if !self.lock().iter().any(|one| one.first == stretch.first) => return Ok(()),
            Ok(false) => tracing::warn!(commit = wanted, "the journal's copy of a commit cannot be read"),
            Err(error) => return Err(Lost::Io(error)),
        }
        match next {
            Some(next) => Err(Lost::Until(next - 1)),
            None => Err(Lost::Io(io::ErrorKind::InvalidData.into())),
        }
    }
}

/// Reads the commits after `place` in that segment; `false` if the next one is not where it should be.
fn read_on(
    stretch: &Stretch,
    place: &mut Place,
    end: u64,
    limit: usize,
    commits: &mut Vec<Committed>,
    bytes: &mut usize,
) -> io::Result<bool> {
    let segment = &stretch.segment;
    let wanted = place.passed + 1;
    let holds = |head: &frame::Head| (head.first_sequence..=head.last_sequence()).contains(&wanted);
    let is_frame = place.offset >= HEAD_BYTES && place.offset.is_multiple_of(HEAD_BYTES);
    let offset = if is_frame { place.offset } else { HEAD_BYTES };
    let mut reading = Reading::of(segment, offset, STRETCH_BYTES);
    let mut found = reading.frame()?.filter(|_| is_frame).filter(holds);
    if found.is_none() {
        reading = Reading::of(segment, HEAD_BYTES, STRETCH_BYTES);
        while let Some(head) = reading.frame()? {
            if head.last_sequence() >= wanted {
                found = Some(head).filter(holds);
                break;
            }
            reading.pass(&head);
        }
    }
    if found.is_none() {
        return Ok(false);
    }
    while let Some(head) = found
        && head.first_sequence <= end
        && commits.len() < limit
        && *bytes < READ_BYTES_MAX
    {
        let wanted = place.passed + 1;
        let Some(all) = frame::commits(&reading.bytes(&head), wanted) else { return Ok(false) };
        place.offset = reading.place();
        for commit in all {
            let own = commit.writes.iter().map(Changed::bytes).sum::<usize>();
            let is_full = *bytes > 0 && *bytes + own > READ_BYTES_MAX;
            if commits.len() == limit || is_full {
                *bytes += own;
                return Ok(true);
            }
            *bytes += own;
            place.passed = commit.version.0;
            if !commit.writes.is_empty() {
                commits.push(commit);
            }
        }
        reading.pass(&head);
        place.offset = reading.place();
        found = reading.frame()?.filter(|next| next.first_sequence == place.passed + 1);
    }
    Ok(true)
}

/// What a position says.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The number of the last commit that was seen.
    passed: u64,
    /// Where in its segment the next commit's frame is likely to begin; anything else only takes longer.
    offset: u64,
}

/// What the positions of this store begin with.
const MARK: u8 = b'j';

impl Place {
    /// The place of a position of that feed.
    fn read(id: u64, position: &Position) -> Option<Place> {
        let rest = position.as_bytes().strip_prefix(&[MARK])?;
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let [of, passed, offset] = numbers else { return None };
        let is_own = u64::from_be_bytes(*of) == id;
        is_own.then(|| Place { passed: u64::from_be_bytes(*passed), offset: u64::from_be_bytes(*offset) })
    }

    fn position(self, id: u64) -> Position {
        let numbers = [id, self.passed, self.offset].map(u64::to_be_bytes);
        Position::new([&[MARK][..], numbers.as_flattened()].concat())
    }
}

impl Feed for Log {
    fn end(&self) -> Pending<'_, Result<Position, StoreError>> {
        Box::pin(async move { Ok(self.end_now()) })
    }

    fn after<'a>(&'a self, position: &'a Position, limit: usize) -> Pending<'a, Result<Changes, StoreError>> {
        Box::pin(async move { self.read(position, limit) })
    }

    fn more<'a>(&'a self, position: &'a Position) -> Pending<'a, ()> {
        Box::pin(async move {
            let passed = self.passed(position).unwrap_or(0);
            // The sender is this log's own, so it is there.
            let _ = self.end.subscribe().wait_for(|end| *end > passed).await;
        })
    }
}
