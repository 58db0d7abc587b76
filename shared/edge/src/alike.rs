//! Persons who may be one and the same share something: a name and a birthday, a name and a district, or an address but
//! for dots and a tag. An index of that is kept with the persons, so that doubles are found without reading everybody.
//!
//! This is a store around the store, as [`Sealed`](crate::sealed::Sealed) is, above it: whatever writes or deletes a
//! person has the index follow in the same commit, so that nothing above can forget it, and an erased person leaves no
//! trace in it. The commit expects the person as it was read, and so the index is that of the person that is replaced.
//! A record of it is a keyed hash of what is shared, and the member: without the master key it tells nobody's name.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use domain::member::{Identity, IdentityKind, MemberId, Person};
use engine::{
    id::AlikeHash,
    keys::{self, kind},
    records::decode,
    store::{
        Change, Expect, Feed, Instant, Key, Kind, Manner, Page, Pending, Range, Record, Store, StoreError,
        Version, WRITES_MAX, Write,
    },
};

use crate::{Secrets, sealed, words};

words! {
    /// What two persons share.
    pub enum Shared {
        /// A name and a birthday.
        NameBirthday = "name_birthday",
        /// A name and a district.
        NameDistrict = "name_district",
        /// An address, but for dots and a tag.
        Email = "email",
    }
}

/// What persons share who may be one with this one, and what each is found by.
pub fn shared(secrets: &Secrets, person: &Person) -> Vec<(Shared, AlikeHash)> {
    let name = person.name.as_deref().map(folded).filter(|name| !name.is_empty());
    let named = |what: Shared, part: Option<&str>| {
        let (name, part) = (name.as_deref()?, part.map(folded).filter(|part| !part.is_empty())?);
        Some((what, secrets.alike_hash(what.word(), &[name, &part])))
    };
    let mut found: Vec<(Shared, AlikeHash)> = [
        named(Shared::NameBirthday, person.birthday.as_deref()),
        named(Shared::NameDistrict, person.region.get("district").map(String::as_str)),
    ]
    .into_iter()
    .flatten()
    .collect();
    for address in person.identities.iter().filter_map(mailbox) {
        let one = (Shared::Email, secrets.alike_hash(Shared::Email.word(), &[&address]));
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// Letters and digits alone, small and of usual width: how a name is written and spaced says nothing of whose it is.
fn folded(text: &str) -> String {
    let narrow = |letter: char| match u32::from(letter) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    text.chars().map(narrow).flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric()).collect()
}

/// The mailbox of an address: many providers deliver to it whatever dots and tag are written.
fn mailbox(identity: &Identity) -> Option<String> {
    let (local, domain) = identity.value.rsplit_once('@').filter(|_| identity.kind == IdentityKind::Email)?;
    let local: String = local.split('+').next().unwrap_or_default().chars().filter(|c| *c != '.').collect();
    (!local.is_empty()).then(|| format!("{}@{domain}", local.to_lowercase()))
}

/// A store that keeps the index with the persons that another one keeps, and which it can read.
pub struct Alike {
    inner: Arc<dyn Store>,
    secrets: Secrets,
}

impl Alike {
    /// Keeps the index beside the persons in that store.
    pub fn over(inner: Arc<dyn Store>, secrets: Secrets) -> Alike {
        Alike { inner, secrets }
    }

    /// The writes, and those by which the index follows.
    async fn followed(&self, mut writes: Vec<Write>) -> Result<Vec<Write>, StoreError> {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for write in writes.iter().filter(|write| changes_person(write)) {
            let Some(id) = keys::read_person(&write.key) else { continue };
            let before = match write.expect {
                Expect::Absent => BTreeSet::new(),
                Expect::Version(_) | Expect::Anything => {
                    let known = self.inner.get(std::slice::from_ref(&write.key)).await?.pop().flatten();
                    let expected = |record: &Record| match write.expect {
                        Expect::Version(version) => record.version == version,
                        Expect::Anything | Expect::Absent => true,
                    };
                    // Another one than expected: the commit is refused.
                    let known = known.filter(expected).map(|record| record.value);
                    self.rows(id, &write.key, known.as_ref())?
                }
            };
            let after = match &write.change {
                Change::Put(person) => self.rows(id, &write.key, Some(person))?,
                Change::Delete | Change::Nothing => BTreeSet::new(),
            };
            gone.extend(before.difference(&after).cloned().map(delete));
            new.extend(after.difference(&before).cloned().map(put));
        }
        writes.extend(gone);
        // What has no room is written by the next `laurel reseal`; a commit is far smaller than that.
        new.truncate(WRITES_MAX.saturating_sub(writes.len()));
        writes.extend(new);
        Ok(writes)
    }

    /// The keys of what that person shares.
    fn rows(&self, id: MemberId, key: &Key, person: Option<&Bytes>) -> Result<BTreeSet<Key>, StoreError> {
        let Some(bytes) = person else { return Ok(BTreeSet::new()) };
        let person =
            decode::<Person>(key, bytes).map_err(|error| StoreError::Unavailable(Arc::new(error)))?;
        Ok(rows(&self.secrets, id, &person))
    }
}

fn rows(secrets: &Secrets, id: MemberId, person: &Person) -> BTreeSet<Key> {
    shared(secrets, person).into_iter().map(|(_, hash)| keys::alike(hash, id)).collect()
}

fn changes_person(write: &Write) -> bool {
    write.key.kind() == kind::PERSON && !matches!(write.change, Change::Nothing)
}

fn put(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Put(Bytes::new()) }
}

fn delete(key: Key) -> Write {
    Write { key, expect: Expect::Anything, change: Change::Delete }
}

impl Store for Alike {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        self.inner.walk(kind, from, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        match writes.iter().any(changes_person) {
            false => self.inner.commit(writes),
            true => Box::pin(async move { self.inner.commit(self.followed(writes).await?).await }),
        }
    }

    fn commit_until(&self, put: Write, until: Instant) -> Pending<'_, Result<Version, StoreError>> {
        self.inner.commit_until(put, until)
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        match writes.iter().any(changes_person) {
            false => self.inner.commit_as(writes, manner),
            true => Box::pin(async move { self.inner.commit_as(self.followed(writes).await?, manner).await }),
        }
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.feed()
    }

    fn removes_ended(&self) -> bool {
        self.inner.removes_ended()
    }
}

/// Persons in one page of the walk.
const PAGE: usize = 500;

/// Writes in one commit, of whole persons: one has at most 22 and the condition that it is unchanged.
const COMMIT_WRITES: usize = 50;

/// Writes what the index lacks: of persons that were stored before there was one. `store` is the one that holds what is
/// sealed. Returns how many records were written. Persons may change meanwhile.
///
/// # Errors
/// The store failed, or a record cannot be opened.
pub async fn index_all(store: &dyn Store, secrets: &Secrets) -> Result<u64, StoreError> {
    let (mut from, mut written) = (None, 0);
    loop {
        let page = store.walk(Some(kind::PERSON), from, PAGE).await?;
        let mut waiting: Vec<Vec<Write>> = Vec::new();
        for (key, record) in page.records {
            let plain = sealed::open(secrets, &key, &record.value)?.unwrap_or(record.value);
            let person =
                decode::<Person>(&key, &plain).map_err(|error| StoreError::Unavailable(Arc::new(error)))?;
            let Some(id) = keys::read_person(&key) else { continue };
            let rows: Vec<Key> = rows(secrets, id, &person).into_iter().collect();
            let there = if rows.is_empty() { Vec::new() } else { store.get(&rows).await? };
            let lacking = rows.into_iter().zip(there).filter(|(_, there)| there.is_none());
            let mut writes: Vec<Write> = lacking.map(|(row, _)| put(row)).collect();
            if !writes.is_empty() {
                // Whoever changes the person meanwhile writes what it has then.
                let expect = Expect::Version(record.version);
                writes.push(Write { key, expect, change: Change::Nothing });
                waiting.push(writes);
            }
        }
        written += write_all(store, waiting).await?;
        from = page.next;
        if from.is_none() {
            return Ok(written);
        }
    }
}

/// Writes each person's, several in one commit; of those that changed meanwhile nothing.
async fn write_all(store: &dyn Store, persons: Vec<Vec<Write>>) -> Result<u64, StoreError> {
    let mut written = 0;
    let mut commits: Vec<Vec<Vec<Write>>> = Vec::new();
    let mut size = usize::MAX;
    for writes in persons {
        if size.saturating_add(writes.len()) > COMMIT_WRITES {
            commits.push(Vec::new());
            size = 0;
        }
        size += writes.len();
        commits.last_mut().into_iter().for_each(|commit| commit.push(writes.clone()));
    }
    for commit in commits {
        let rows = |persons: &[Vec<Write>]| persons.iter().map(|writes| writes.len() as u64 - 1).sum::<u64>();
        match store.commit_as(commit.concat(), Manner::Anew).await {
            Ok(_) => written += rows(&commit),
            Err(StoreError::LostRace | StoreError::Unknown(_)) => {
                for writes in commit {
                    let count = rows(std::slice::from_ref(&writes));
                    match store.commit_as(writes, Manner::Anew).await {
                        Ok(_) => written += count,
                        Err(StoreError::LostRace | StoreError::Unknown(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, birthday: &str, district: &str, addresses: &[&str]) -> Person {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let identity = |value: &&str| Identity {
            kind: IdentityKind::Email,
            channel: String::new(),
            value: (*value).to_owned(),
            verified: false,
        };
        Person {
            name: some(name),
            birthday: some(birthday),
            region: some(district).map(|district| ("district".to_owned(), district)).into_iter().collect(),
            identities: addresses.iter().map(identity).collect(),
            ..Person::default()
        }
    }

    /// What two persons share.
    #[test]
    fn who_may_be_one() {
        let secrets = Secrets::new(b"tests-master-key-0123456789abcdef");
        let li = || person("Li Lei", "1990-05-17", "西湖", &["li.lei@a.example"]);
        for (other, want) in [
            (li(), &["name_birthday", "name_district", "email"][..]),
            (person("LILEI", "1990-05-17", "", &[]), &["name_birthday"]),
            (person("Ｌｉ　Ｌｅｉ", "1990-05-17", "", &[]), &["name_birthday"]),
            (person("li·lei", "", "西湖 ", &[]), &["name_district"]),
            (person("Li Lei", "1990-05-18", "上城", &[]), &[]),
            (person("Li Leo", "1990-05-17", "西湖", &[]), &[]),
            (person("", "1990-05-17", "西湖", &[]), &[]),
            (person("", "", "", &["lilei+shop@a.example"]), &["email"]),
            (person("", "", "", &["l.i.l.e.i@a.example", "lilei@a.example"]), &["email"]),
            (person("", "", "", &["lilei@b.example", "lily@a.example"]), &[]),
            (person("", "", "", &["+@a.example", "...@a.example"]), &[]),
        ] {
            let (one, other) = (shared(&secrets, &li()), shared(&secrets, &other));
            let both: Vec<&str> =
                one.iter().filter(|had| other.contains(had)).map(|had| had.0.word()).collect();
            assert_eq!(both, want, "{other:?}");
        }
        // A birthday is no district.
        let day = person("Li Lei", "", "1990-05-17", &[]);
        assert!(shared(&secrets, &day).iter().all(|had| !shared(&secrets, &li()).contains(had)));
        let stranger = Secrets::new(b"another-master-key-0123456789abcdef");
        assert!(shared(&stranger, &li()).iter().all(|had| !shared(&secrets, &li()).contains(had)));
    }
}
