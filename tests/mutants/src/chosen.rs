//! Which mutant is chosen, and which were reached.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex};

static CHOSEN: LazyLock<u32> =
    LazyLock::new(|| std::env::var("LAUREL_MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0));

static SEEN: LazyLock<Option<(std::path::PathBuf, Mutex<BTreeSet<u32>>)>> =
    LazyLock::new(|| Some((std::env::var_os("LAUREL_MUTANTS_SEEN")?.into(), Mutex::default())));

/// Whether it is that one.
#[inline]
pub fn is(number: u32) -> bool {
    if let Some((path, seen)) = &*SEEN {
        if seen.lock().unwrap().insert(number) {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            let _ = file.and_then(|mut file| file.write_all(format!("{number}\n").as_bytes()));
        }
    }
    *CHOSEN == number
}
