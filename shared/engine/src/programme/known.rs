//! What this instance knows of the programme: its versions, the commit that saved the newest, and what has
//! been marked as used.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use domain::{id::OfferId, offer::Offer, programme::Timeline};
use tokio::sync::Mutex;

use crate::{
    programme::shelf::Shelf,
    store::{Key, Version},
};

/// Versions of offers that are kept at hand beside the newest ones.
const VERSIONS_KEPT: usize = 1_000;

/// A version of an offer.
pub(super) type VersionPlace = (OfferId, u32);

/// Versions of offers that were read, as they are read under one version of the programme.
#[derive(Default)]
struct ReadVersions {
    programme: u32,
    offers: HashMap<VersionPlace, Arc<Offer>>,
}

/// What this instance knows of the programme.
#[derive(Default)]
pub(super) struct Known {
    versions: RwLock<Option<(Arc<Timeline>, Version)>>,
    used: RwLock<HashSet<Key>>,
    /// The offers, once somebody has asked for them.
    shelf: RwLock<Option<Arc<Shelf>>>,
    /// The commit that saved an offer last, as this instance has heard: none before the first. `None` if it has heard
    /// nothing, or has itself saved one since.
    offers_saved: RwLock<Option<Option<Version>>>,
    /// Versions of offers by which older grants are governed.
    offer_versions: RwLock<ReadVersions>,
    /// Held while the programme is reread: an earlier read must not replace a later one.
    pub(super) refreshing: Mutex<()>,
}

impl Known {
    /// The same, which learns nothing of what this one learns, and tells it nothing.
    pub(super) fn apart(&self) -> Known {
        let versions = RwLock::new(reading(&self.versions).clone());
        let used = RwLock::new(reading(&self.used).clone());
        let shelf = RwLock::new(reading(&self.shelf).clone());
        let offers_saved = RwLock::new(*reading(&self.offers_saved));
        let (offer_versions, refreshing) = (RwLock::default(), Mutex::default());
        Known { versions, used, shelf, offers_saved, offer_versions, refreshing }
    }

    /// Every version of the programme; `None` before the first.
    pub(super) fn timeline(&self) -> Option<Arc<Timeline>> {
        reading(&self.versions).as_ref().map(|(timeline, _)| timeline.clone())
    }

    /// The commit that saved the newest version of the programme.
    pub(super) fn head_version(&self) -> Option<Version> {
        reading(&self.versions).as_ref().map(|(_, head)| *head)
    }

    /// Every version of the programme, and the commit that saved the newest; `None` before the first.
    pub(super) fn in_force(&self) -> Option<(Arc<Timeline>, Version)> {
        reading(&self.versions).clone()
    }

    pub(super) fn set_timeline(&self, timeline: Timeline, head: Version) {
        *writing(&self.versions) = Some((Arc::new(timeline), head));
    }

    /// The offers as they were read last; `None` before anybody has asked for them.
    pub(super) fn shelf(&self) -> Option<Arc<Shelf>> {
        reading(&self.shelf).clone()
    }

    /// Whether an offer may have been saved since these were read.
    pub(super) fn is_stale(&self, shelf: &Shelf) -> bool {
        *reading(&self.offers_saved) != Some(shelf.saved())
    }

    pub(super) fn set_shelf(&self, shelf: Arc<Shelf>) {
        *writing(&self.offers_saved) = Some(shelf.saved());
        *writing(&self.shelf) = Some(shelf);
    }

    /// Notes which commit has saved an offer last; for the holder of the turn.
    pub(super) fn hear_of_offers(&self, saved: Option<Version>) {
        *writing(&self.offers_saved) = Some(saved);
    }

    /// Notes that an offer was saved here: the next who asks for offers reads it. For the holder of the turn.
    pub(super) fn doubt_offers(&self) {
        *writing(&self.offers_saved) = None;
    }

    /// The version of an offer, if it was read under that version of the programme.
    pub(super) fn offer_version(&self, programme: u32, place: &VersionPlace) -> Option<Arc<Offer>> {
        let read = reading(&self.offer_versions);
        read.offers.get(place).filter(|_| read.programme == programme).cloned()
    }

    /// Keeps versions of offers at hand. They never change, so that all are forgotten where they would be too many.
    pub(super) fn keep_versions(&self, programme: u32, offers: &HashMap<VersionPlace, Arc<Offer>>) {
        let mut read = writing(&self.offer_versions);
        if read.programme != programme || read.offers.len() + offers.len() > VERSIONS_KEPT {
            *read = ReadVersions { programme, offers: HashMap::new() };
        }
        let kept = offers.iter().take(VERSIONS_KEPT).map(|(place, offer)| (place.clone(), offer.clone()));
        read.offers.extend(kept);
    }

    pub(super) fn is_marked(&self, key: &Key) -> bool {
        reading(&self.used).contains(key)
    }

    pub(super) fn mark(&self, keys: impl IntoIterator<Item = Key>) {
        writing(&self.used).extend(keys);
    }
}

/// For reading. Nothing panics while it holds this for writing: it only assigns.
fn reading<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    #[expect(clippy::expect_used, reason = "who holds it for writing does not panic")]
    lock.read().expect("nobody panics while they hold it")
}

/// For writing.
fn writing<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    #[expect(clippy::expect_used, reason = "who holds it for writing does not panic")]
    lock.write().expect("nobody panics while they hold it")
}
