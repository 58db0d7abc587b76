//! Documents that people write and the rules come from, by id and version. A version is written once and
//! never again; a document's head says which is the newest.
//!
//! No store takes a value of any length, so a long document is a record and further parts. They and the head
//! are one commit: a version is there whole, or not at all.

use domain::time::Instant;

use super::{
    Expect, Key, Records, Version, Write,
    error::Error,
    keys,
    look::Look,
    records::{By, ProgramPart, ProgramRecord, Unreadable},
    write::{put, unchanged},
};

/// Versions that are read in one call of the store.
const AT_ONCE: usize = 16;

/// The longest part of a document, in bytes: well below what a store takes as one value.
const PART_BYTES_MAX: usize = 256 * 1024;

/// A version of a document, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Saved {
    /// Since when it is in force.
    pub(crate) since: Instant,
    /// Who saved it.
    pub(crate) by: By,
    /// Its text.
    pub(crate) document: String,
}

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

    fn part_key(self, number: u32, part: u32) -> Key {
        match self {
            Document::Programme => keys::program_part(number, part),
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
    pub(crate) async fn version(&self, number: u32) -> Result<Option<Saved>, Error> {
        match self.records.read(&self.of.key(number)).await? {
            Some((record, _)) => self.whole(number, record).await.map(Some),
            None => Ok(None),
        }
    }

    /// A version with all parts of its document.
    async fn whole(&self, number: u32, record: ProgramRecord) -> Result<Saved, Error> {
        let ProgramRecord { since, by, mut document, further } = record;
        let mut asked = Look::default();
        let slots: Vec<_> = (1..=further).map(|part| asked.at(self.of.part_key(number, part))).collect();
        if !slots.is_empty() {
            let seen = self.records.look(asked).await?;
            for slot in slots {
                let missing = || Unreadable { key: seen.key(slot).clone() };
                let (part, _): (ProgramPart, _) = seen.read(slot)?.ok_or_else(missing)?;
                document.push_str(&part.text);
            }
        }
        Ok(Saved { since, by, document })
    }

    /// The version with a number that the head says exists.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if it is not.
    pub(crate) async fn stored(&self, number: u32) -> Result<Saved, Error> {
        let missing = || Unreadable { key: self.of.key(number) };
        Ok(self.version(number).await?.ok_or_else(missing)?)
    }

    /// The versions with these numbers, in order, in few calls of the store.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if one is missing.
    pub(crate) async fn all(&self, numbers: &[u32]) -> Result<Vec<Saved>, Error> {
        let mut found = Vec::new();
        for numbers in numbers.chunks(AT_ONCE) {
            let mut asked = Look::default();
            let slots: Vec<_> = numbers.iter().map(|number| asked.at(self.of.key(*number))).collect();
            let seen = self.records.look(asked).await?;
            for (number, slot) in numbers.iter().zip(slots) {
                let missing = || Unreadable { key: seen.key(slot).clone() };
                let (record, _) = seen.read(slot)?.ok_or_else(missing)?;
                found.push(self.whole(*number, record).await?);
            }
        }
        Ok(found)
    }

    /// The writes that save the next version after that head, which fail if another save was faster; its
    /// number is `number`.
    pub(crate) fn next(&self, head: Option<Head>, number: u32, saved: &Saved) -> Vec<Write> {
        assert_eq!(
            head.map_or(0, |head| head.number) + 1,
            number,
            "versions are numbered one after the other"
        );
        let Saved { since, by, document } = saved;
        let mut parts = parts(document).into_iter();
        let first = parts.next().unwrap_or_default().to_owned(); // an empty document is in its record
        let mut writes = vec![put(self.of.head_key(), unchanged(head.map(|head| head.saved)), &number)];
        let mut further = 0;
        for text in parts {
            further += 1;
            let part = ProgramPart { text: text.to_owned() };
            writes.push(put(self.of.part_key(number, further), Expect::Absent, &part));
        }
        let record = ProgramRecord { since: *since, by: *by, document: first, further };
        writes.push(put(self.of.key(number), Expect::Absent, &record));
        writes
    }
}

/// A document's text in parts, cut between characters.
fn parts(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let (part, rest) = text.split_at(text.floor_char_boundary(PART_BYTES_MAX));
        parts.push(part);
        text = rest;
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{Change, StoreError, memory::MemoryStore};

    /// As many as fill more than one call, in whatever order they are requested; and one that is lost.
    #[test]
    fn versions_are_saved_one_after_the_other_and_read_together() {
        let records = Records::new(Arc::new(MemoryStore::new()));
        let versions = records.versions(Document::Programme);
        let head = || versions.head().now_or_never().unwrap().unwrap();
        let commit = |writes| records.commit(writes).now_or_never().unwrap();
        let record = |number: u32| Saved {
            since: Instant(i64::from(number)),
            by: By::Import,
            // Every fifth is long, and cut in the middle of a character if it is cut anywhere.
            document: match number % 5 {
                0 => format!("{number}{}", "茶".repeat(PART_BYTES_MAX)),
                _ => number.to_string(),
            },
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
        let all: Vec<Saved> = asked.iter().map(|number| record(*number)).collect();
        assert_eq!(read(&asked).unwrap(), all);
        assert_eq!(versions.version(last + 1).now_or_never().unwrap().unwrap(), None);
        // A part that is lost is told as a record that is lost is.
        for (lost, number) in [(keys::program(7), 7), (keys::program_part(10, 3), 10)] {
            lose(&records, lost, number);
        }
    }

    fn lose(records: &Records, lost: Key, number: u32) {
        let versions = records.versions(Document::Programme);
        let commit = |writes| records.commit(writes).now_or_never().unwrap();
        commit(vec![Write { key: lost.clone(), expect: Expect::Anything, change: Change::Delete }]).unwrap();
        let missing = |read: Result<(), Error>| match read {
            Err(Error::Unreadable(unreadable)) => assert_eq!(unreadable.key, lost),
            other => panic!("{other:?}"),
        };
        missing(versions.all(&[number - 1, number]).now_or_never().unwrap().map(|_| ()));
        missing(versions.stored(number).now_or_never().unwrap().map(|_| ()));
    }

    #[test]
    fn a_document_is_cut_between_characters_and_nothing_of_it_is_lost() {
        for (text, want) in [
            (String::new(), 0),
            ("a".repeat(PART_BYTES_MAX), 1),
            ("a".repeat(PART_BYTES_MAX + 1), 2),
            ("茶".repeat(PART_BYTES_MAX), 4),
        ] {
            let parts = parts(&text);
            assert_eq!((parts.len(), parts.concat() == text), (want, true));
            assert!(parts.iter().all(|part| part.len() <= PART_BYTES_MAX && !part.is_empty()));
        }
    }
}
