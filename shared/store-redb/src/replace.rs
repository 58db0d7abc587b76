//! Puts a store that was made in another folder in the place of the one in this folder, if there is one.
//!
//! A file says how far that has come, so that whoever opens the folder after a cut finishes it first: before the files
//! of the old store are removed, and before those of the new one are moved. In between the folder holds no store that
//! could be opened half.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use crate::{disk::Folder, error::OpenError, segment, tables};

/// Where the new store is made, in the folder that it is for.
pub(crate) const ANEW: &str = "anew";

/// Stands while the old store's files are removed, and then while the new one's are moved.
const REMOVING: &str = "replacing-1";
const MOVING: &str = "replacing-2";

/// Whether a file of that name is one of a store's, finished or not.
fn is_stores(name: &str) -> bool {
    let name = name.strip_suffix(".new").unwrap_or(name);
    segment::number(name).is_some() || name.starts_with(tables::FILE)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: io::Result<Vec<String>> = names.collect();
    Ok(names?.into_iter().filter(|name| is_stores(name)).collect())
}

/// A name is durable when its folder is.
fn settle(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Whether the folder holds a store, or one is being put into it.
pub(crate) fn is_there(path: &Path) -> bool {
    [tables::FILE, REMOVING, MOVING].iter().any(|name| path.join(name).exists())
}

/// Replaces the folder's store with the one in `anew`, which nobody has open.
pub(crate) fn replace(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let _lock = Folder::open(path)?;
    begin(path).map_err(io)?;
    finish(path).map_err(io)
}

fn begin(path: &Path) -> io::Result<()> {
    File::create(path.join(REMOVING))?.sync_all()?;
    settle(path)
}

/// Finishes what was begun, if anything was. Only whoever holds the folder's lock.
pub(crate) fn finish(path: &Path) -> io::Result<()> {
    let (removing, moving) = (path.join(REMOVING), path.join(MOVING));
    if removing.exists() {
        for name in names(path)? {
            fs::remove_file(path.join(name))?;
        }
        settle(path)?;
        fs::rename(&removing, &moving)?;
        settle(path)?;
    }
    if moving.exists() {
        let anew = path.join(ANEW);
        if anew.exists() {
            for name in names(&anew)? {
                fs::rename(anew.join(&name), path.join(&name))?;
            }
            settle(path)?;
            fs::remove_dir_all(&anew)?;
        }
        fs::remove_file(&moving)?;
        settle(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, names: &[&str], text: &str) {
        fs::create_dir_all(folder).unwrap();
        names.iter().for_each(|name| fs::write(folder.join(name), text).unwrap());
    }

    fn texts(folder: &Path) -> Vec<(String, String)> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                (entry.file_name().to_string_lossy().into_owned(), text)
            })
            .collect();
        found.sort();
        found
    }

    /// After a cut at any step, whoever opens the folder finds the new store whole.
    #[test]
    fn what_was_begun_is_finished_from_any_step() {
        let new = ["journal-0", "journal-1", "tables.redb"];
        for step in 0..6 {
            let home = tempfile::tempdir().unwrap();
            let path = home.path();
            write(path, &["journal-0", "journal-1", "journal-7", "tables.redb", "journal-8.new"], "old");
            write(path, &["master-key", "journals"], "own");
            write(&path.join(ANEW), &new, "new");
            write(&path.join(ANEW), &["lock"], "");
            begin(path).unwrap();
            assert!(is_there(path));
            if step >= 1 {
                fs::remove_file(path.join("journal-1")).unwrap();
            }
            if step >= 2 {
                for name in names(path).unwrap() {
                    fs::remove_file(path.join(name)).unwrap();
                }
            }
            if step >= 3 {
                fs::rename(path.join(REMOVING), path.join(MOVING)).unwrap();
            }
            if step >= 4 {
                fs::rename(path.join(ANEW).join("tables.redb"), path.join("tables.redb")).unwrap();
            }
            if step >= 5 {
                for name in ["journal-0", "journal-1"] {
                    fs::rename(path.join(ANEW).join(name), path.join(name)).unwrap();
                }
                fs::remove_dir_all(path.join(ANEW)).unwrap();
            }
            assert!(is_there(path), "after step {step}");
            finish(path).unwrap();
            assert!(is_there(path));
            let wanted = [
                ("journal-0", "new"),
                ("journal-1", "new"),
                ("journals", "own"),
                ("master-key", "own"),
                ("tables.redb", "new"),
            ];
            assert_eq!(texts(path), wanted.map(|(name, text)| (name.to_owned(), text.to_owned())), "{step}");
            finish(path).unwrap();
        }
    }
}
