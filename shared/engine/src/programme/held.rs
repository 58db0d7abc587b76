//! What is known here of the programme: its versions, the commit that saved the newest, and what has been
//! marked as used.

use std::{
    collections::HashSet,
    sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use domain::{number::Currency, programme::Timeline, time::Zone};
use tokio::sync::Mutex;

use crate::{
    programme::Programmes,
    store::{Key, Version, error::Error},
};

/// What is known here of the programme.
#[derive(Default)]
pub(super) struct Known {
    versions: RwLock<Option<(Arc<Timeline>, Version)>>,
    used: RwLock<HashSet<Key>>,
    pub(super) refreshing: Mutex<()>,
}

impl Programmes {
    /// Every version of the programme.
    ///
    /// # Errors
    /// [`Error::NoProgram`] before the first.
    pub fn timeline(&self) -> Result<Arc<Timeline>, Error> {
        let held = reading(&self.known.versions);
        held.as_ref().map(|(timeline, _)| timeline.clone()).ok_or(Error::NoProgram)
    }

    pub(super) fn set_timeline(&self, timeline: Timeline, head: Version) {
        *writing(&self.known.versions) = Some((Arc::new(timeline), head));
    }

    /// The commit that saved the newest version of the programme.
    pub(super) fn head_version(&self) -> Option<Version> {
        reading(&self.known.versions).as_ref().map(|(_, head)| *head)
    }

    /// What no version changes: the programme's money and its calendar.
    ///
    /// # Errors
    /// [`Error::NoProgram`] before the first.
    pub fn currency_and_zone(&self) -> Result<(Currency, Zone), Error> {
        let programmes = self.timeline()?;
        let newest = programmes.newest();
        Ok((newest.currency, newest.zone))
    }

    /// Whether the mark of that use has been seen in the store.
    pub(crate) fn is_marked(&self, key: &Key) -> bool {
        reading(&self.known.used).contains(key)
    }

    pub(super) fn mark(&self, keys: impl IntoIterator<Item = Key>) {
        writing(&self.known.used).extend(keys);
    }
}

/// For reading. Nobody panics while they hold it for writing: they only put something in.
fn reading<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    #[expect(clippy::expect_used, reason = "who holds it for writing does not panic")]
    lock.read().expect("nobody panics while they hold it")
}

/// For writing.
fn writing<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    #[expect(clippy::expect_used, reason = "who holds it for writing does not panic")]
    lock.write().expect("nobody panics while they hold it")
}
