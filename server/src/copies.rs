//! The copies that follow this server: what the store keeps for each, and how far each has said that it is.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use engine::store::{Expect, Position, Store as _, StoreError, Write, feed};
use store_redb::RedbStore;

/// The most copies that are known at once.
const COPIES_MAX: usize = 100;

/// How far a copy may be ahead of its place in the store: moving that is a commit.
const PLACE_AGE: Duration = Duration::from_secs(5);

/// The same, while nothing but places was committed: moving one for those alone would go on for ever.
const PLACE_AGE_AT_REST: Duration = Duration::from_secs(600);

/// How long a copy has been silent that makes room for another one.
const SILENT: Duration = Duration::from_secs(60);

/// The copies, by the names of their readers. A place that no copy asks past stays in the store all the same.
#[derive(Default, Debug)]
pub(crate) struct Copies(Mutex<BTreeMap<String, Known>>);

/// What is known of a copy.
#[derive(Debug)]
struct Known {
    /// From where it asked last: what is before that is durable in the copy.
    position: Position,
    asked_at: Instant,
    /// When its place was moved last.
    stored_at: Instant,
    /// Whether it has been told of a commit since.
    is_told: bool,
}

/// How far a copy is, by its last question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// From where it asked.
    pub(crate) position: Position,
    /// How long ago.
    pub(crate) age: Duration,
}

/// The name of the reader that a copy of that name is.
pub(crate) fn reader(name: &str) -> String {
    format!("copy-{name}")
}

impl Copies {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        // Every change under this lock is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy begins: has the store keep what follows that position, however long the backup takes.
    ///
    /// # Errors
    /// As those of a commit; [`StoreError::Busy`] if too many other copies follow.
    pub(crate) async fn begin(
        &self,
        store: &RedbStore,
        reader: &str,
        position: &Position,
    ) -> Result<(), StoreError> {
        self.forget(reader);
        self.ask(store, reader, position).await
    }

    /// A copy asks from that position on: has the store keep what follows it.
    ///
    /// # Errors
    /// As those of a commit; [`StoreError::Busy`] if too many other copies follow.
    pub(crate) async fn ask(
        &self,
        store: &RedbStore,
        reader: &str,
        position: &Position,
    ) -> Result<(), StoreError> {
        if !self.is_due(reader, position)? {
            return Ok(());
        }
        let place = Write { expect: Expect::Anything, ..feed::set_place(reader, position, None) };
        let moved = store.commit(vec![place]).await;
        if moved.is_err() {
            self.forget(reader);
        }
        moved.map(drop)
    }

    /// Notes the question, and whether the copy's place is to be moved now.
    fn is_due(&self, reader: &str, position: &Position) -> Result<bool, StoreError> {
        let (mut known, now) = (self.lock(), Instant::now());
        if let Some(own) = known.get_mut(reader) {
            own.position.clone_from(position);
            own.asked_at = now;
            let longest = if own.is_told { PLACE_AGE } else { PLACE_AGE_AT_REST };
            let is_due = own.stored_at.elapsed() >= longest;
            if is_due {
                own.stored_at = now;
                own.is_told = false;
            }
            return Ok(is_due);
        }
        if known.len() >= COPIES_MAX {
            let silent = known.iter().filter(|(_, own)| own.asked_at.elapsed() >= SILENT);
            let silent = silent.min_by_key(|(_, own)| own.asked_at).map(|(reader, _)| reader.clone());
            known.remove(&silent.ok_or(StoreError::Busy)?);
        }
        let own = Known { position: position.clone(), asked_at: now, stored_at: now, is_told: false };
        known.insert(reader.to_owned(), own);
        Ok(true)
    }

    /// A copy is told of commits: its place is behind from now on.
    pub(crate) fn tell(&self, reader: &str) {
        if let Some(own) = self.lock().get_mut(reader) {
            own.is_told = true;
        }
    }

    /// How far that copy is, if it has asked since the server started.
    pub(crate) fn asked(&self, reader: &str) -> Option<Asked> {
        let known = self.lock();
        let own = known.get(reader)?;
        Some(Asked { position: own.position.clone(), age: own.asked_at.elapsed() })
    }

    /// A copy is given up.
    pub(crate) fn forget(&self, reader: &str) {
        self.lock().remove(reader);
    }

    /// As if all that is known were so much older.
    #[cfg(test)]
    pub(crate) fn age(&self, by: Duration) {
        for own in self.lock().values_mut() {
            let earlier = |at: Instant| at.checked_sub(by).expect("the machine runs for longer");
            (own.asked_at, own.stored_at) = (earlier(own.asked_at), earlier(own.stored_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, RedbStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = RedbStore::open(folder.path(), store_redb::Options::default()).unwrap();
        (folder, store)
    }

    /// A place is moved once in a while, for each copy by itself, and only past something.
    #[tokio::test]
    async fn a_place_is_moved_now_and_then() {
        let (_folder, store) = store();
        let (copies, end) = (Copies::default(), store.feed().unwrap().end().await.unwrap());
        let ask = async |reader: &str, told: bool, age: Duration| {
            copies.age(age);
            let before = store.stats().commits;
            copies.ask(&store, reader, &end).await.unwrap();
            if told {
                copies.tell(reader);
            }
            store.stats().commits - before
        };
        let (now, soon, late) = (Duration::ZERO, PLACE_AGE, PLACE_AGE_AT_REST);
        for (row, (reader, told, age, want)) in [
            ("one", false, now, 1),
            ("two", false, now, 1),
            ("one", false, now, 0),
            ("two", true, now, 0),
            ("one", false, soon, 0),
            ("two", false, now, 1),
            ("two", false, soon, 0),
            ("one", false, late, 1),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(ask(reader, told, age).await, want, "row {row}");
        }
        copies.begin(&store, "one", &end).await.unwrap();
        copies.forget("two");
        assert_eq!(ask("two", false, now).await, 1, "it has followed again");
    }

    /// However many names are made up, so many are known; and nobody who follows loses its place to another one.
    #[tokio::test]
    async fn so_many_copies_are_known() {
        let (_folder, store) = store();
        let (copies, end) = (Copies::default(), store.feed().unwrap().end().await.unwrap());
        for number in 0..COPIES_MAX {
            copies.ask(&store, &number.to_string(), &end).await.unwrap();
        }
        assert!(matches!(copies.ask(&store, "more", &end).await, Err(StoreError::Busy)));
        copies.age(SILENT);
        copies.ask(&store, "7", &end).await.unwrap();
        copies.ask(&store, "more", &end).await.unwrap();
        assert_eq!(copies.lock().len(), COPIES_MAX);
        assert!(copies.asked("7").is_some() && copies.asked("more").is_some());
    }
}
