//! The journal: preallocated segments, of which one is appended to while the contents of the one before it are on
//! their way into the tables. The others hold what readers of the feed have not seen yet, or nothing that anybody
//! needs.
//!
//! Never grows a file: appending needs no disk space and its sync writes no metadata. Never appends while an
//! earlier frame is not durable, so after a power cut at most the last frame is torn. The next frame
//! overwrites the remains of an unfinished one, with the same number at the same place.

use std::{io, panic::resume_unwind, sync::Arc, thread};

use crate::{
    disk::Disk,
    feed::Stretch,
    overlay::Generation,
    segment::{self, HEAD_BYTES, Scan, Segment},
};

/// How many segments there are always: they are made first, and never removed.
pub(crate) const ALWAYS: u32 = 2;

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

/// The segment that is appended to, and the place of the next frame.
#[derive(Debug)]
pub(crate) struct Journal {
    active: Arc<Segment>,
    tail: u64,
    frame_bytes_max: u64,
}

/// What the journal held.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// What the older segment holds beyond the tables, with its last commit's number, if two segments do.
    pub(crate) frozen: Option<(Generation, u64)>,
    /// What the segment that is appended to holds beyond the tables.
    pub(crate) active: Generation,
    /// The number of the last commit.
    pub(crate) last_sequence: u64,
    /// All segments with commits, in the order of these; the one that is appended to is the last.
    pub(crate) stretches: Vec<Stretch>,
    /// Segments without.
    pub(crate) spares: Vec<Arc<Segment>>,
}

impl Journal {
    /// Opens the journal and reads what it holds beyond commit number `applied`. Creates missing segments
    /// with `segment_bytes`; existing ones keep their size.
    pub(crate) fn open(
        disk: &dyn Disk,
        segment_bytes: u64,
        applied: u64,
    ) -> Result<(Journal, Recovered), JournalError> {
        let mut segments = Vec::new();
        for number in 0..ALWAYS {
            let segment = match Segment::open(disk, number)? {
                Some(segment) => segment,
                None if applied > 0 => {
                    let name = segment::name(number);
                    return Err(JournalError::Corrupt(format!("{name} is missing")));
                }
                None => Segment::create(disk, number, segment_bytes)?,
            };
            segments.push(Arc::new(segment));
        }
        let mut further: Vec<u32> = disk.names()?.iter().filter_map(|name| segment::number(name)).collect();
        further.retain(|number| *number >= ALWAYS);
        further.sort_unstable();
        for number in further {
            segments.extend(Segment::open(disk, number)?.map(Arc::new));
        }
        recover(segments, segment_bytes, applied)
    }

    /// The salt of the next frame's checksum.
    pub(crate) fn salt(&self) -> u64 {
        self.active.salt
    }

    /// Whether a frame of that size still fits into the active segment.
    pub(crate) fn fits(&self, frame_bytes: usize) -> bool {
        self.tail + frame_bytes as u64 <= self.active.bytes
    }

    /// The largest frame that fits into any empty segment.
    pub(crate) fn frame_bytes_max(&self) -> u64 {
        self.frame_bytes_max
    }

    /// How much of the active segment is taken, in bytes.
    pub(crate) fn filled_bytes(&self) -> u64 {
        self.tail
    }

    /// Continues in another segment, of whose contents nothing is needed.
    pub(crate) fn switch(&mut self, to: Arc<Segment>) {
        self.active = to;
        self.tail = HEAD_BYTES;
    }

    /// Appends a frame that fits and makes it durable.
    pub(crate) fn append(&mut self, frame: &[u8]) -> Result<(), AppendError> {
        if !self.fits(frame.len()) {
            // The queue hands out less than a segment; growing the file must never be the answer.
            return Err(AppendError::Write(io::ErrorKind::FileTooLarge.into()));
        }
        let file = &self.active.file;
        file.write_at(self.tail, frame).map_err(AppendError::Write)?;
        file.sync().map_err(AppendError::Sync)?;
        self.tail += frame.len() as u64;
        Ok(())
    }
}

/// What was found in a segment.
struct Known {
    segment: Arc<Segment>,
    /// The first commit's number; 0 if there is none.
    first: u64,
    /// All of it, unless all of its commits are certainly in the tables.
    scan: Option<Scan>,
}

/// Reads the segments.
fn recover(
    segments: Vec<Arc<Segment>>,
    segment_bytes: u64,
    applied: u64,
) -> Result<(Journal, Recovered), JournalError> {
    let sizes = segments.iter().map(|segment| segment.bytes);
    let frame_bytes_max = sizes.fold(segment_bytes, u64::min) - HEAD_BYTES;
    let mut known = look(segments, applied)?;
    check_ends(&known, applied)?;
    let live = check_chain(&known, applied)?;
    let last_sequence = live.last().map_or(applied, |&at| scanned(&known[at]).1);
    // Without a live segment, the last frame of one may be the last commit of the tables.
    let goes_on = |known: &Known| known.scan.is_some() && scanned(known).1 == applied && applied > 0;
    let active = live.last().copied().or_else(|| known.iter().position(goes_on));
    for &at in live.iter().chain(&active) {
        if let Known { segment, scan: Some(scan), .. } = &known[at] {
            segment.settle(scan)?;
        }
    }
    let (at, tail) = match active {
        Some(at) => (at, known[at].scan.as_ref().map_or(HEAD_BYTES, |scan| scan.end)),
        None => {
            known[0].first = last_sequence + 1;
            (0, HEAD_BYTES)
        }
    };
    let journal = Journal { active: known[at].segment.clone(), tail, frame_bytes_max };
    let mut take = |at: usize| known[at].scan.take().map(|scan| (scan.generation, scan.last_sequence));
    let frozen = live.iter().rev().nth(1).and_then(|&at| take(at));
    let active = live.last().and_then(|&at| take(at)).map(|(generation, _)| generation).unwrap_or_default();
    let (mut stretches, mut spares) = (Vec::new(), Vec::new());
    for Known { segment, first, .. } in known {
        match first {
            0 => spares.push(segment),
            _ => stretches.push(Stretch { segment, first }),
        }
    }
    stretches.sort_by_key(|stretch| stretch.first);
    Ok((journal, Recovered { frozen, active, last_sequence, stretches, spares }))
}

/// The numbers of the first and the last commit that were read.
fn scanned(known: &Known) -> (u64, u64) {
    known.scan.as_ref().map_or((0, 0), |scan| (scan.first_sequence, scan.last_sequence))
}

/// Reads every segment's first frame, and the whole of those that may hold what the tables lack.
fn look(segments: Vec<Arc<Segment>>, applied: u64) -> Result<Vec<Known>, JournalError> {
    let mut known = Vec::new();
    for segment in segments {
        let first = segment.first()?.map_or(0, |head| head.first_sequence);
        known.push(Known { segment, first, scan: None });
    }
    let firsts: Vec<u64> = known.iter().map(|known| known.first).collect();
    let in_doubt = known.iter_mut().filter(|known| {
        // Commits have no gaps: if another segment goes on with a commit of the tables or the one after them, this
        // one holds only what is in the tables.
        let followed = firsts.iter().any(|&first| known.first < first && first <= applied + 1);
        known.first == 0 || !followed
    });
    // Each takes about as long: reading, checking and sorting tens of thousands of records.
    thread::scope(|scope| {
        let scans: Vec<_> = in_doubt
            .map(|known| {
                let segment = known.segment.clone();
                (known, scope.spawn(move || segment.scan(applied)))
            })
            .collect();
        for (known, scan) in scans {
            known.scan = Some(scan.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok::<(), JournalError>(())
    })?;
    Ok(known)
}

/// At most one frame is ever under way, so nothing newer can follow a torn one.
fn check_ends(known: &[Known], applied: u64) -> Result<(), JournalError> {
    let newest = known.iter().map(|known| scanned(known).1).fold(applied, u64::max);
    for Known { segment, scan, .. } in known {
        let Some(scan) = scan else { continue };
        if let Some(beyond) = scan.beyond.filter(|&beyond| beyond > newest) {
            let name = segment::name(segment.number);
            return Err(JournalError::Corrupt(format!(
                "{name} cannot be read at byte {}, but commit {beyond} stands after it",
                scan.end
            )));
        }
    }
    Ok(())
}

/// The segments with commits that the tables lack, in the order of these: two at most, and nothing is missing.
fn check_chain(known: &[Known], applied: u64) -> Result<Vec<usize>, JournalError> {
    let mut live: Vec<usize> = (0..known.len()).filter(|&at| scanned(&known[at]).1 > applied).collect();
    live.sort_by_key(|&at| scanned(&known[at]).0);
    let mut expected = applied + 1;
    for &at in &live {
        let (first, last) = scanned(&known[at]);
        if first > expected {
            return Err(JournalError::Corrupt(format!(
                "commit {expected} is missing: {} starts with commit {first}",
                segment::name(known[at].segment.number)
            )));
        }
        expected = last + 1;
    }
    if live.len() > 2 {
        let what = format!("{} segments hold commits that the tables lack", live.len());
        return Err(JournalError::Corrupt(what));
    }
    Ok(live)
}
