//! Records as they are read: decoded, and each with the commit that wrote it.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    id::BrandId,
    member::{ABSORBED_MAX, Member, MemberId, Person},
};

use super::{
    Expect, Key, Range, Record, Store, StoreError, Version, Write,
    error::{ATTEMPTS_MAX, Error},
    id::{IdentityHash, Reference},
    keys,
    look::{Look, Seen},
    records::{ClaimRecord, EntryRecord, MemberRecord, ReferenceRecord, Stored, Unreadable, decode},
};

/// Records that [`Records::scan_all`] reads at a time.
const PAGE: usize = 200;

/// The records in a store. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    pub(crate) store: Arc<dyn Store>,
}

/// A member as loaded: what is stored, with the version a commit must find again.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) record: MemberRecord,
    pub(crate) version: Version,
}

/// The member that an id leads to.
pub(crate) struct Reached {
    pub(crate) loaded: Loaded,
    /// Over how many merges; 0 is itself.
    pub(crate) hops: usize,
}

/// What an identity is claimed by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Its one form, which a new member claims.
    pub own: ClaimedForm,
    /// What earlier builds made of the text that was sent, if that differs: it goes on finding whom it found then,
    /// whoever has the one form. It cannot be the one form of another identity, nor can `other`.
    pub before: Option<ClaimedForm>,
    /// Another form in which earlier builds may have stored it.
    pub other: Option<ClaimedForm>,
}

/// A form of an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimedForm {
    /// The keyed hash under which it is indexed.
    pub hash: IdentityHash,
    /// As it is shown.
    pub value: String,
}

impl Claim {
    /// All forms, in the order in which they are looked up.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &ClaimedForm> {
        self.before.iter().chain([&self.own]).chain(&self.other)
    }
}

/// Who holds an identity, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder<'a> {
    pub(crate) member: MemberId,
    pub(crate) form: &'a ClaimedForm,
}

impl Records {
    pub(crate) fn new(store: Arc<dyn Store>) -> Records {
        Records { store }
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.store.get(std::slice::from_ref(key)).await?.pop().flatten())
    }

    pub(crate) async fn read<T: Stored>(&self, key: &Key) -> Result<Option<(T, Version)>, Error> {
        match self.get(key).await? {
            Some(record) => Ok(Some((decode(key, &record.value)?, record.version))),
            None => Ok(None),
        }
    }

    /// Everything in the range, in order: for kinds with few records.
    pub(crate) async fn scan_all(&self, mut range: Range) -> Result<Vec<(Key, Record)>, StoreError> {
        let mut all = Vec::new();
        loop {
            let page = self.store.scan(range.clone(), PAGE).await?;
            let full = page.len() == PAGE;
            all.extend(page);
            match all.last().filter(|_| full) {
                Some((key, _)) => range.from = key.successor(),
                None => return Ok(all),
            }
        }
    }

    /// Reads everything requested, in one call of the store.
    pub(crate) async fn look(&self, look: Look) -> Result<Seen, StoreError> {
        let records = if look.keys().is_empty() { Vec::new() } else { self.store.get(look.keys()).await? };
        Ok(look.seen(records))
    }

    /// Commits writes that mark nothing as used.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<(), Error> {
        self.store.commit(writes).await?;
        Ok(())
    }

    pub(crate) async fn load(&self, id: MemberId) -> Result<Option<Loaded>, Error> {
        let read = self.read::<MemberRecord>(&keys::member(id)).await?;
        Ok(read.map(|(record, version)| Loaded { record, version }))
    }

    /// The member that an id leads to: its own or, if it was merged, whom it was merged into in the end.
    pub(crate) async fn reach(&self, id: MemberId) -> Result<Option<Loaded>, Error> {
        match self.load(id).await? {
            Some(loaded) => Ok(Some(self.follow(loaded).await?.loaded)),
            None => Ok(None),
        }
    }

    /// Where a member leads that was merged into another, and that perhaps into a third; itself if it was not.
    pub(crate) async fn follow(&self, start: Loaded) -> Result<Reached, Error> {
        let id = start.record.member.id;
        let mut start = start;
        for _ in 0..ATTEMPTS_MAX {
            let reached = self.follow_once(start).await?;
            if reached.loaded.record.member.answers_for(id) {
                return Ok(reached);
            }
            // A merge was undone between two of the readings: where they lead is another person by now.
            start = self.load(id).await?.ok_or(Unreadable { key: keys::member(id) })?;
        }
        Err(StoreError::LostRace.into())
    }

    /// Where the records lead one after the other, each as it is when it is read.
    async fn follow_once(&self, start: Loaded) -> Result<Reached, Error> {
        let id = start.record.member.id;
        let mut reached = Reached { loaded: start, hops: 0 };
        while let Some(into) = reached.loaded.record.member.merged {
            // Whoever has absorbed it stands for it, however many there were between.
            let shorter = match reached.loaded.record.leads_to {
                Some(next) => self.load(next).await?.filter(|next| next.record.member.has_absorbed(id)),
                None => None,
            };
            let next = match shorter {
                Some(next) => next,
                None => self.load(into.member).await?.ok_or(Unreadable { key: keys::member(into.member) })?,
            };
            reached = Reached { loaded: next, hops: reached.hops + 1 };
            // A member and all that it has absorbed are few; a circle is damage.
            if reached.hops > ABSORBED_MAX {
                return Err(Unreadable { key: keys::member(id) }.into());
            }
        }
        Ok(reached)
    }

    /// Whom these ids lead to, in their order.
    pub(crate) async fn reached(&self, ids: &[MemberId]) -> Result<Vec<MemberId>, Error> {
        let mut reached = Vec::with_capacity(ids.len());
        for id in ids {
            let loaded = self.reach(*id).await?;
            reached.push(loaded.map_or(*id, |loaded| loaded.record.member.id));
        }
        Ok(reached)
    }

    pub(crate) async fn person(&self, id: MemberId) -> Result<Option<(Person, Version)>, Error> {
        self.read(&keys::person(id)).await
    }

    /// The member that an identity belongs to, in any of its forms.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn claimed_by(&self, claim: &Claim) -> Result<Option<MemberId>, Error> {
        let holders = self.holders(std::slice::from_ref(claim)).await?;
        Ok(holders.into_iter().flatten().next().map(|holder| holder.member))
    }

    /// Who holds each of these identities, in all its forms: one call of the store.
    pub(crate) async fn holders<'a>(&self, claims: &'a [Claim]) -> Result<Vec<Option<Holder<'a>>>, Error> {
        let keys: Vec<Key> =
            claims.iter().flat_map(Claim::forms).map(|form| keys::identity(form.hash)).collect();
        let mut found = keys.iter().zip(self.store.get(&keys).await?);
        let mut holders = Vec::with_capacity(claims.len());
        for claim in claims {
            let mut holder = None;
            for (form, (key, record)) in claim.forms().zip(&mut found) {
                if let (None, Some(record)) = (&holder, record) {
                    let member = decode::<ClaimRecord>(key, &record.value)?.member;
                    holder = Some(Holder { member, form });
                }
            }
            holders.push(holder);
        }
        Ok(holders)
    }

    /// The member that the brand's reference means.
    pub(crate) async fn referred(
        &self,
        brand: &BrandId,
        reference: Reference,
    ) -> Result<Option<MemberId>, Error> {
        let read = self.read::<ReferenceRecord>(&keys::reference(brand, reference)).await?;
        Ok(read.map(|(record, _)| record.member))
    }

    pub(crate) async fn entry_at(&self, key: &Key) -> Result<Option<EntryRecord>, Error> {
        Ok(self.read(key).await?.map(|(entry, _)| entry))
    }

    /// The entries of these keys, in their order.
    pub(crate) async fn entries_at(&self, keys: &[Key]) -> Result<Vec<Option<EntryRecord>>, Error> {
        let records = keys.iter().zip(self.store.get(keys).await?);
        let entries =
            records.map(|(key, record)| record.map(|record| decode(key, &record.value)).transpose());
        Ok(entries.collect::<Result<_, _>>()?)
    }

    /// A member's record, for reading its ledger.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn member(&self, id: MemberId) -> Result<Option<MemberRecord>, Error> {
        Ok(self.load(id).await?.map(|loaded| loaded.record))
    }

    /// Ids of about `limit` members, in the store's own order, and where to continue.
    ///
    /// # Errors
    /// The store failed.
    pub async fn member_ids(
        &self,
        from: Option<Bytes>,
        limit: usize,
    ) -> Result<(Vec<MemberId>, Option<Bytes>), Error> {
        let page = self.store.walk(Some(keys::kind::MEMBER), from, limit).await?;
        let ids = page
            .records
            .iter()
            .map(|(key, _)| keys::read_member(key).ok_or_else(|| Unreadable { key: key.clone() }));
        Ok((ids.collect::<Result<_, _>>()?, page.next))
    }

    /// The engine's own note under that name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn note(&self, name: &str) -> Result<Option<Bytes>, Error> {
        Ok(self.get(&keys::note(name)).await?.map(|record| record.value))
    }

    /// Notes something under that name, durably.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set_note(&self, name: &str, value: Bytes) -> Result<(), Error> {
        let change = super::Change::Put(value);
        self.commit(vec![Write { key: keys::note(name), expect: Expect::Anything, change }]).await
    }
}

/// The key of a member's newest entry.
pub(crate) fn newest(record: &MemberRecord) -> Option<Key> {
    let Member { id, seq, .. } = record.member;
    match &record.last {
        Some(bytes) => Some(Key::new(bytes.clone())),
        None => (seq > 0).then(|| keys::entry(id, seq)),
    }
}

/// The key of the entry before.
pub(crate) fn previous(entry: &EntryRecord) -> Option<Key> {
    match &entry.previous {
        Some(bytes) => Some(Key::new(bytes.clone())),
        None => (entry.seq > 1).then(|| keys::entry(entry.member, entry.seq - 1)),
    }
}
