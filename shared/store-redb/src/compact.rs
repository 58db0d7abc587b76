//! Giving disk space back, while nobody uses the store.

use std::{path::Path, sync::Arc};

use crate::{
    disk::{Disk, Folder},
    error::OpenError,
    handover::{Frozen, Task},
    segment::Segment,
    store::{Options, Parts, RedbStore},
};

/// What compaction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Compacted {
    /// The tables' size before, in bytes.
    pub bytes_before: u64,
    /// The tables' size after, in bytes.
    pub bytes_after: u64,
}

impl RedbStore {
    /// Writes what the journal holds into the tables and copies them into a new file without
    /// gaps, which then takes the old one's place. Opens the store for itself: it must not be in
    /// use. Needs disk space for both files. Of what was deleted or replaced nothing is left in the folder's files, unless a
    /// reader of the feed has not seen it yet. A power cut in between loses nothing.
    pub fn compact(path: &Path, options: &Options) -> Result<Compacted, OpenError> {
        compact_on(Arc::new(Folder::open(path)?), path, options)
    }
}

pub(crate) fn compact_on(
    disk: Arc<dyn Disk>,
    path: &Path,
    options: &Options,
) -> Result<Compacted, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let Parts { writer, mut drainer } = Parts::open(disk, path, options)?;
    writer.pace.stop_resting();
    let bytes_before = drainer.tables.file_bytes().map_err(io)?;
    if let Some(Task::Drain(frozen)) = drainer.handover.task() {
        drainer.drain(&frozen).map_err(OpenError::Tables)?;
    }
    let generation = drainer.shared.read().active.clone();
    let active = Frozen { generation, last_sequence: writer.last_sequence };
    drainer.drain(&active).map_err(OpenError::Tables)?;
    let needless = drainer.keeper.needless(writer.last_sequence, &drainer.shared, &drainer.handover);
    let needless = needless.map_err(|error| io(std::io::Error::other(error)))?;
    let disk = drainer.keeper.disk.clone();
    let mut tables = drainer.tables;
    // These hold a reader of the file that is replaced.
    drop((writer, drainer.shared));
    tables.rewrite().map_err(OpenError::Tables)?;
    let bytes_after = tables.file_bytes().map_err(io)?;
    // What was replaced since, such as a person who was not sealed yet, would stand there until the segment is used
    // again. Each is replaced whole, and the tables hold all of it.
    for segment in needless {
        Segment::create(&*disk, segment.number, segment.bytes).map_err(io)?;
    }
    Ok(Compacted { bytes_before, bytes_after })
}
