//! The folder that a run fills and removes again.

use crate::Result;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Removed when dropped, unless it is to be kept.
pub(crate) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    /// A new folder under `parent`, passable for the user that PostgreSQL runs as.
    pub(crate) fn new(parent: &Path, keep: bool) -> Result<Self> {
        let path = parent.join(format!("laurel-bench-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|e| format!("cannot make {}: {e}", path.display()))?;
        let path = fs::canonicalize(path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Self { path, keep })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("kept: {}", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("could not remove {}: {error}", self.path.display());
        }
    }
}
