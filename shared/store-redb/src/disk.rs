//! The seam under both parts of the store: every byte that is read, written or made durable goes
//! through [`Disk`] and [`DiskFile`], so that tests can cut the power at any of these calls.
//!
//! Nothing here knows what the bytes mean.

use std::{
    fmt,
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use crate::error::OpenError;

/// One open file. Calls may come from several threads at once.
pub(crate) trait DiskFile: fmt::Debug + Send + Sync {
    /// How many bytes it holds.
    fn len(&self) -> io::Result<u64>;
    /// Fills `out` from `offset`; too short a file is an error.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes all bytes at `offset`. Not durable before the next [`DiskFile::sync`].
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file or lengthens it with zeros.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Makes everything written so far durable.
    fn sync(&self) -> io::Result<()>;
    /// How long ago it was last written, roughly.
    fn age(&self) -> io::Result<Duration>;
}

/// One folder of files, held by one process at a time.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// The file of that name, if there is one.
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>>;
    /// A new file that starts with `head` and is filled with zeros up to `length`, really written,
    /// so that writing into it later changes no metadata. After a power cut it is there whole or
    /// not at all. Replaces a file of that name.
    fn create(&self, name: &str, head: &[u8], length: u64) -> io::Result<Arc<dyn DiskFile>>;
    /// Replaces the file `to` with the file `from`, whose contents are durable: atomically, and durably.
    fn replace(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes that file. Whoever has it open can still read it. After a power cut it may be there again.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
}

/// A killed process holds its lock until the sync it was in has ended; a successor that starts at once should
/// not be refused for that.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A folder of the machine. Holds the folder's lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, made if need be for its owner only, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Folder, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let lock = private().create(true).truncate(false).open(path.join("lock")).map_err(io)?;
        for _ in 0..LOCK_ATTEMPTS {
            match lock.try_lock() {
                Ok(()) => return Ok(Folder { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        Err(OpenError::InUse { path: path.to_owned() })
    }
}

impl Disk for Folder {
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        match private().open(self.path.join(name)) {
            Ok(file) => Ok(Some(Arc::new(MachineFile(file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, name: &str, head: &[u8], length: u64) -> io::Result<Arc<dyn DiskFile>> {
        let unfinished = format!("{name}.new");
        let file = private().create(true).truncate(true).open(self.path.join(&unfinished))?;
        file.write_all_at(head, 0)?;
        let zeros = vec![0; 1024 * 1024];
        let mut at = head.len() as u64;
        while at < length {
            let part = (length - at).min(zeros.len() as u64) as usize;
            file.write_all_at(&zeros[..part], at)?;
            at += part as u64;
        }
        file.sync_all()?;
        self.replace(&unfinished, name)?;
        Ok(Arc::new(MachineFile(file)))
    }

    fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        // A name is durable when its folder is.
        File::open(&self.path)?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.path)?;
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}

/// Reading and writing, for the owner only.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

#[derive(Debug)]
struct MachineFile(File);

impl DiskFile for MachineFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn age(&self) -> io::Result<Duration> {
        // A clock that was set back makes it young.
        Ok(self.0.metadata()?.modified()?.elapsed().unwrap_or_default())
    }
}
