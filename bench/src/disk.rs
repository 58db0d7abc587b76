//! What the disk can do, did, and holds.

use crate::Result;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

const BLOCK: usize = 4096;
const BLOCKS: u64 = 4096;

/// Small durable writes a second, one after the other, in a file whose blocks exist already: the most
/// that one writer who syncs every write can reach on this disk.
pub(crate) fn fdatasync_per_second(folder: &Path, time: Duration) -> Result<f64> {
    let path = folder.join("fdatasync-probe");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    for block in 0..BLOCKS {
        file.write_all_at(&[1; BLOCK], block * BLOCK as u64)?;
    }
    file.sync_all()?;
    let start = Instant::now();
    let mut writes = 0;
    while start.elapsed() < time {
        file.write_all_at(&[2; BLOCK], writes % BLOCKS * BLOCK as u64)?;
        file.sync_data()?;
        writes += 1;
    }
    let rate = writes as f64 / start.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

/// Cache flushes that the device under `folder` has completed since boot; none where the kernel does not
/// count them.
pub(crate) fn flushes(folder: &Path) -> Option<u64> {
    let device = fs::metadata(folder).ok()?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff_ff00));
    let mut entry = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    if entry.join("partition").exists() {
        entry.pop();
    }
    let stat = fs::read_to_string(entry.join("stat")).ok()?;
    let flushes = stat.split_ascii_whitespace().nth(15)?.parse().ok()?;
    (flushes > 0).then_some(flushes)
}

/// Bytes that a folder's files take on the disk, whole blocks counted.
pub(crate) fn bytes(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() { bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(total)
}
