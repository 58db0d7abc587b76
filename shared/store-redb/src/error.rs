//! What can go wrong when the store is opened, and the causes its answers carry.

use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

use engine::store::StoreError;

/// Why the store cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has this folder open.
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The machine refused a read or a write.
    Io {
        /// The store's folder.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
    /// The files do not fit together; continuing would lose acknowledged writes.
    Corrupt {
        /// What does not fit.
        what: String,
    },
    /// The tables cannot be opened or written.
    Tables(Arc<redb::Error>),
    /// An option is out of its bounds.
    Options(&'static str),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::InUse { path } => {
                write!(f, "{} is in use by another process", path.display())
            }
            OpenError::Io { path, .. } => {
                write!(f, "cannot read or write the store's files in {}", path.display())
            }
            OpenError::Corrupt { what } => write!(f, "the store is damaged: {what}"),
            OpenError::Tables(_) => f.write_str("cannot open the store's tables"),
            OpenError::Options(what) => f.write_str(what),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OpenError::Io { source, .. } => Some(source),
            OpenError::Tables(source) => Some(source.as_ref()),
            OpenError::InUse { .. } | OpenError::Corrupt { .. } | OpenError::Options(_) => None,
        }
    }
}

/// The cause of a `StoreError::Unavailable` or `StoreError::Unknown` of this store.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The commit is larger than this store takes.
    TooLarge { bytes: usize, bytes_max: usize },
    /// The journal could not be written; nothing of the commit is there.
    Write(Arc<io::Error>),
    /// The journal could not be made durable; the commit may or may not be there.
    Sync(Arc<io::Error>),
    /// An earlier sync failed: the disk's contents are unknown, so nothing more is written before a restart.
    Poisoned(Arc<io::Error>),
    /// The journal could not be read, for a reader of the feed.
    Journal(Arc<io::Error>),
    /// The tables could not be read.
    Read(Arc<redb::Error>),
    /// The store is being closed.
    Closed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::TooLarge { bytes, bytes_max } => {
                write!(f, "a commit of {bytes} bytes; at most {bytes_max} are taken")
            }
            Cause::Write(_) => f.write_str("the journal could not be written"),
            Cause::Sync(_) => f.write_str("the journal could not be made durable"),
            Cause::Poisoned(_) => {
                f.write_str("an earlier sync of the journal failed; restart to write again")
            }
            Cause::Journal(_) => f.write_str("the journal could not be read"),
            Cause::Read(_) => f.write_str("the tables could not be read"),
            Cause::Closed => f.write_str("the store is closed"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Cause::Write(source) | Cause::Sync(source) | Cause::Poisoned(source) | Cause::Journal(source) => {
                Some(source.as_ref())
            }
            Cause::Read(source) => Some(source.as_ref()),
            Cause::TooLarge { .. } | Cause::Closed => None,
        }
    }
}

impl Cause {
    /// Nothing was written.
    pub(crate) fn unavailable(self) -> StoreError {
        StoreError::Unavailable(Arc::new(self))
    }

    /// It may have been written.
    pub(crate) fn unknown(self) -> StoreError {
        StoreError::Unknown(Arc::new(self))
    }
}
