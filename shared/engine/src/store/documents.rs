//! Documents that people write and the rules come from, by id and version. A version is written once and
//! never again; a document's head says which is the newest.

use super::{
    Expect, Key, Records, Version, Write,
    error::Error,
    keys,
    look::Look,
    records::{ProgramRecord, Unreadable},
    write::{put, unchanged},
};

/// Versions that are read in one call of the store: each may be as long as a body.
const AT_ONCE: usize = 16;

/// Which document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Document {
    /// The programme.
    Programme,
}

impl Document {
    fn head_key(self) -> Key {
        match self {
            Document::Programme => keys::program_head(),
        }
    }

    fn key(self, number: u32) -> Key {
        match self {
            Document::Programme => keys::program(number),
        }
    }
}

/// Which version of a document is the newest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// Its number, from 1.
    pub(crate) number: u32,
    /// The commit that saved it.
    pub(crate) saved: Version,
}

/// The versions of a document.
pub(crate) struct Versions<'a> {
    records: &'a Records,
    of: Document,
}

impl Records {
    /// The versions of that document.
    pub(crate) fn versions(&self, of: Document) -> Versions<'_> {
        Versions { records: self, of }
    }
}

impl Versions<'_> {
    /// The newest version's number; `None` before the first.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable. So for all that read here.
    pub(crate) async fn head(&self) -> Result<Option<Head>, Error> {
        let read = self.records.read(&self.of.head_key()).await?;
        Ok(read.map(|(number, saved)| Head { number, saved }))
    }

    /// The version of that number; `None` if there is none.
    pub(crate) async fn version(&self, number: u32) -> Result<Option<ProgramRecord>, Error> {
        Ok(self.records.read(&self.of.key(number)).await?.map(|(record, _)| record))
    }

    /// The version with a number that the head says exists.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if it is not.
    pub(crate) async fn stored(&self, number: u32) -> Result<ProgramRecord, Error> {
        let missing = || Unreadable { key: self.of.key(number) };
        Ok(self.version(number).await?.ok_or_else(missing)?)
    }

    /// The versions with these numbers, in order, in few calls of the store.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if one is missing.
    pub(crate) async fn all(&self, numbers: &[u32]) -> Result<Vec<ProgramRecord>, Error> {
        let mut found = Vec::new();
        for numbers in numbers.chunks(AT_ONCE) {
            let mut asked = Look::default();
            let slots: Vec<_> = numbers.iter().map(|number| asked.at(self.of.key(*number))).collect();
            let seen = self.records.look(asked).await?;
            for slot in slots {
                let missing = || Unreadable { key: seen.key(slot).clone() };
                found.push(seen.read(slot)?.ok_or_else(missing)?.0);
            }
        }
        Ok(found)
    }

    /// The writes that save the next version after that head, which fail if another save was faster; its
    /// number is `number`.
    pub(crate) fn next(&self, head: Option<Head>, number: u32, record: &ProgramRecord) -> Vec<Write> {
        assert_eq!(
            head.map_or(0, |head| head.number) + 1,
            number,
            "versions are numbered one after the other"
        );
        vec![
            put(self.of.key(number), Expect::Absent, record),
            put(self.of.head_key(), unchanged(head.map(|head| head.saved)), &number),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::time::Instant;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{Change, StoreError, memory::MemoryStore, records::By};

    /// As many as fill more than one call, in whatever order they are requested; and one that is lost.
    #[test]
    fn versions_are_saved_one_after_the_other_and_read_together() {
        let records = Records::new(Arc::new(MemoryStore::new()));
        let versions = records.versions(Document::Programme);
        let head = || versions.head().now_or_never().unwrap().unwrap();
        let commit = |writes| records.commit(writes).now_or_never().unwrap();
        let record = |number: u32| ProgramRecord {
            since: Instant(i64::from(number)),
            by: By::Import,
            document: number.to_string(),
        };
        assert_eq!(head(), None);
        let last = 2 * u32::try_from(AT_ONCE).unwrap() + 1;
        for number in 1..=last {
            let before = head();
            let next = versions.next(before, number, &record(number));
            commit(next.clone()).unwrap();
            assert_eq!(head().unwrap().number, number);
            assert!(matches!(commit(next), Err(Error::Store(StoreError::LostRace))), "somebody was quicker");
        }
        let asked: Vec<u32> = (1..=last).rev().collect();
        let read = |asked: &[u32]| versions.all(asked).now_or_never().unwrap();
        let all: Vec<ProgramRecord> = asked.iter().map(|number| record(*number)).collect();
        assert_eq!(read(&asked).unwrap(), all);
        assert_eq!(versions.version(last + 1).now_or_never().unwrap().unwrap(), None);
        let lost = keys::program(7);
        commit(vec![Write { key: lost.clone(), expect: Expect::Anything, change: Change::Delete }]).unwrap();
        let missing = |read: Result<(), Error>| match read {
            Err(Error::Unreadable(unreadable)) => assert_eq!(unreadable.key, lost),
            other => panic!("{other:?}"),
        };
        missing(read(&asked).map(|_| ()));
        missing(versions.stored(7).now_or_never().unwrap().map(|_| ()));
    }
}
