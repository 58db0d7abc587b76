//! Bugs that somebody could have written, to see whether the checks find them.
//!
//! A bug is a name, what is wrong, what that breaks, and edits of the sources: `bugs/*.txt`. The sources
//! contain no trace of them. All edits are made in one copy, each behind a switch that the environment sets
//! when a process begins, so that one build serves every bug.

mod bug;
pub mod copy;
mod plant;

use std::path::{Path, PathBuf};

pub use self::{
    bug::{Bug, Edit, all},
    plant::{planted, sources},
};

/// The environment variable with the number of the planted bug: its place among [`all`], from 1.
pub const CHOSEN: &str = "LAUREL_BUG";

/// The exit code of a process that found something: neither that of one that did not, nor that of one that
/// crashed.
pub const FOUND: u8 = 10;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
