//! Links: which member a partner brand may act on, and under which name.
//!
//! A code that a member asked for is used once and makes a link: a reference, which only its brand can look
//! up, and the member's own record of it, which is also the record of the consent. Everything is committed on
//! the condition that the member is still as it was read, so that nobody who has left meanwhile is linked,
//! and the member's newest entry at a link's beginning and end is exact.

use std::cmp::Reverse;

use domain::{
    id::BrandId,
    member::{Member, MemberId, Status},
    programme::BrandKind,
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::{Request, Told},
    partners::Partners,
    store::{
        Expect, StoreError, Version, Write,
        error::{Error, until_settled},
        id::{LinkCodeHash, Reference},
        keys,
        reading::Loaded,
        records::{
            Answer, EntryRecord, HappenedRecord, LinkCodeRecord, LinkEnd, LinkRecord, ReferenceRecord,
            Unreadable, decode,
        },
        write::{delete, put, still},
    },
};

/// For how long a link code can be used, in milliseconds.
pub const LINK_CODE_MILLIS: i64 = 10 * 60 * 1_000;

/// The most link codes that wait for a member, or could still be asked about, at once.
const CODES_MAX: usize = 20;

/// The links with one brand that are kept of a member; older ones are forgotten.
const LINKS_KEPT: u32 = 100;

/// Records of links that are read or removed at once, and how often.
const PAGE: usize = 30;
const PAGES_MAX: usize = 1_000;

/// A request for a code.
#[derive(Clone, Debug)]
pub struct LinkAsk {
    /// Whom it links.
    pub member: MemberId,
    /// The partner it is for.
    pub brand: BrandId,
    /// The code's keyed hash.
    pub code: LinkCodeHash,
}

/// A link of a member with a brand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The brand.
    pub brand: BrandId,
    /// Its number among the links of its record with that brand, from 1.
    pub number: u32,
    /// The record that it is a link of, if the member has absorbed that; `None` is the member's own.
    pub of: Option<MemberId>,
    /// What is stored.
    pub record: LinkRecord,
}

/// A place in a member's links, by brand, the newest of each first: behind that number of that record, which the member
/// has absorbed, or behind that of its own.
pub type LinkPlace<'a> = (&'a BrandId, u32, Option<MemberId>);

impl Partners {
    /// Keeps a code that links the member to a partner, with the answer to the request for it.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MemberNotActive`], [`Refusal::BrandNotFound`] where the
    /// programme has no such partner, [`Refusal::LimitExceeded`], or the store failed.
    pub async fn ask_link(&self, request: &Request, ask: &LinkAsk, answer: Answer) -> Result<Told, Error> {
        until_settled(|before| self.attempt_ask(request, ask, &answer, before > 0)).await
    }

    async fn attempt_ask(
        &self,
        request: &Request,
        ask: &LinkAsk,
        answer: &Answer,
        look: bool,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let code = keys::link_code(ask.code);
        // Nobody else has this code: an attempt whose outcome was unknown has succeeded.
        if look && self.records.get(&code).await?.is_some() {
            return Ok(Told { answer: answer.clone(), replayed: false });
        }
        self.must_be_partner(&ask.brand)?;
        let loaded = self.records.reach(ask.member).await?.ok_or(Refusal::MemberNotFound)?;
        let id = loaded.record.member.id;
        let status = loaded.record.member.status;
        if status != Status::Active {
            return Err(Refusal::MemberNotActive { status: status.word() }.into());
        }
        let mut writes = self.expired_codes(request, id).await?;
        let (member, brand, now) = (id, ask.brand.clone(), request.now);
        let record = LinkCodeRecord { member, brand, by: request.by, asked_at: now, used: None };
        writes.push(put(code, Expect::Absent, &record));
        writes.push(put(keys::asked_code(member, ask.code), Expect::Anything, &now));
        writes.push(unmoved(&loaded));
        self.programme.commit_told(request, writes, answer).await?;
        Ok(Told { answer: answer.clone(), replayed: false })
    }

    /// When link codes were asked for of a member, of those that could still be asked about.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn asked_codes(&self, id: MemberId) -> Result<Vec<Instant>, Error> {
        let asked = self.records.store.scan(keys::asked_codes(id), CODES_MAX).await?;
        let times = asked.iter().map(|(key, record)| decode(key, &record.value));
        Ok(times.collect::<Result<_, _>>()?)
    }

    /// Removes the member's codes that nobody can use or ask about any longer.
    async fn expired_codes(&self, request: &Request, id: MemberId) -> Result<Vec<Write>, Error> {
        let asked = self.records.store.scan(keys::asked_codes(id), CODES_MAX).await?;
        let mut writes = Vec::new();
        for (key, record) in &asked {
            let asked_at: Instant = decode(key, &record.value)?;
            if is_expired(asked_at, request.now) {
                writes.push(delete(key.clone()));
                writes.extend(keys::read_asked_code(key).map(|code| delete(keys::link_code(code))));
            }
        }
        if writes.is_empty() && asked.len() >= CODES_MAX {
            return Err(Refusal::LimitExceeded { what: "link_codes" }.into());
        }
        Ok(writes)
    }

    /// Links the code's member with the brand, under that reference; ends an existing link. `None` is a code
    /// that cannot be ours. `tell` makes the answer of the reference: the one that the code was used for, if
    /// it was used before.
    ///
    /// # Errors
    /// [`Refusal::LinkCodeNotFound`] for whatever is wrong with the code or the member, so that the answer
    /// reveals nothing of either; or the store failed.
    pub async fn link(
        &self,
        request: &Request,
        brand: &BrandId,
        code: Option<LinkCodeHash>,
        reference: Reference,
        tell: impl Fn(Reference) -> Answer,
    ) -> Result<Told, Error> {
        until_settled(|_| self.attempt_link(request, brand, code, reference, &tell)).await
    }

    async fn attempt_link(
        &self,
        request: &Request,
        brand: &BrandId,
        code: Option<LinkCodeHash>,
        reference: Reference,
        tell: &impl Fn(Reference) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let key = keys::link_code(code.ok_or(Refusal::LinkCodeNotFound)?);
        let read = self.records.read::<LinkCodeRecord>(&key).await?;
        let (mut asked, version) = read.ok_or(Refusal::LinkCodeNotFound)?;
        if asked.brand != *brand || is_expired(asked.asked_at, request.now) {
            return Err(Refusal::LinkCodeNotFound.into());
        }
        if let Some(given) = asked.used {
            let answer = tell(given);
            self.programme.commit_told(request, Vec::new(), &answer).await?;
            return Ok(Told { answer, replayed: true });
        }
        self.must_be_partner(brand).map_err(|_| Refusal::LinkCodeNotFound)?;
        let loaded = self.records.reach(asked.member).await?;
        let active = loaded.filter(|loaded| loaded.record.member.status == Status::Active);
        let loaded = active.ok_or(Refusal::LinkCodeNotFound)?;
        let (id, from_seq) = (loaded.record.member.id, loaded.record.member.seq);
        let mut writes = Vec::new();
        let before = self.newest_links(&loaded.record.member, brand).await?;
        let own = before.iter().find(|(of, ..)| *of == id);
        let number = own.map_or(0, |(_, link, _)| link.number) + 1;
        // Whichever record of the person the brand was linked with: from now on there is one reference.
        for (of, link, version) in before {
            if link.record.end.is_none() {
                let seq = self.seq_of(&loaded.record.member, of).await?;
                writes.extend(end(request, of, link, version, seq).1);
            }
        }
        if let Some(old) = number.checked_sub(LINKS_KEPT).filter(|old| *old > 0) {
            writes.push(delete(keys::member_link(id, brand, old)));
        }
        let LinkCodeRecord { by: asked_by, asked_at, .. } = asked;
        let linked_at = request.now;
        let link = LinkRecord { reference, asked_by, asked_at, linked_at, from_seq, end: None };
        writes.push(put(keys::member_link(id, brand, number), Expect::Absent, &link));
        writes.push(put(keys::reference(brand, reference), Expect::Absent, &ReferenceRecord { member: id }));
        asked.used = Some(reference);
        writes.push(put(key, Expect::Version(version), &asked));
        writes.push(unmoved(&loaded));
        // A brand with linked members is not removed, and so never becomes another's.
        writes.extend(self.programme.marking(vec![keys::used("brand", brand.as_str())]));
        let answer = tell(reference);
        self.programme.commit_told(request, writes, &answer).await?;
        Ok(Told { answer, replayed: false })
    }

    /// Ends the member's links with that brand, those of records that it has absorbed too: its references become
    /// unknown. Returns the newest link, also if it had ended before.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::LinkNotFound`] if there never was one, or the store failed.
    pub async fn unlink(&self, request: &Request, id: MemberId, brand: &BrandId) -> Result<Link, Error> {
        until_settled(|_| self.attempt_unlink(request, id, brand)).await
    }

    async fn attempt_unlink(&self, request: &Request, id: MemberId, brand: &BrandId) -> Result<Link, Error> {
        let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
        let (mut ended, mut writes) = (Vec::new(), Vec::new());
        let mut shown = None;
        for (of, link, version) in self.newest_links(&loaded.record.member, brand).await? {
            if link.record.end.is_some() {
                shown.get_or_insert(link);
                continue;
            }
            let seq = self.seq_of(&loaded.record.member, of).await?;
            let (link, ending) = end(request, of, link, version, seq);
            ended.push(link);
            writes.extend(ending);
        }
        if ended.is_empty() {
            return shown.ok_or_else(|| Refusal::LinkNotFound.into());
        }
        writes.push(unmoved(&loaded));
        request.note(&mut writes);
        self.programme.commit(writes).await?;
        Ok(ended.swap_remove(0))
    }

    /// Up to `limit` links of the member that the id leads to, by brand, the newest of each first, after that place.
    /// Those of records that it has absorbed stay where they are, and are listed with its own.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], or the store failed.
    pub async fn links(
        &self,
        id: MemberId,
        after: Option<LinkPlace<'_>>,
        limit: usize,
    ) -> Result<Vec<Link>, Error> {
        let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
        let mut links: Vec<Link> = Vec::new();
        for (id, of) in family(&loaded.record.member) {
            let mut range = keys::member_links(id, None);
            if let Some((brand, number, behind)) = after {
                // Of one number the member's own is the first.
                let from = keys::member_link(id, brand, number);
                range.from = if of <= behind { from.successor() } else { from };
            }
            let found = self.scan_links(range, limit).await?;
            links.extend(found.into_iter().map(|(link, _)| Link { of, ..link }));
        }
        links.sort_by_key(|link| (link.brand.clone(), Reverse(link.number), link.of));
        links.truncate(limit);
        Ok(links)
    }

    /// The newest link with that brand of each record of a person, its own first, and under whose id it is.
    async fn newest_links(
        &self,
        member: &Member,
        brand: &BrandId,
    ) -> Result<Vec<(MemberId, Link, Version)>, Error> {
        let mut newest = Vec::new();
        for (id, of) in family(member) {
            let found = self.newest_link(id, brand).await?;
            newest.extend(found.map(|(link, version)| (id, Link { of, ..link }, version)));
        }
        Ok(newest)
    }

    /// The number of the newest entry in the ledger of one of the member's records: a link ends by that of its own, which
    /// goes on where it is parted from the member. Nothing moves an absorbed record's but what changes the member too.
    async fn seq_of(&self, member: &Member, of: MemberId) -> Result<u64, Error> {
        if of == member.id {
            return Ok(member.seq);
        }
        let key = keys::member(of);
        let record = self.records.load(of).await?.ok_or(Unreadable { key })?.record;
        Ok(record.member.seq)
    }

    /// The brand's reference to the member as it was read, while a link of one of its records stands: that of the record of
    /// this id before others.
    pub(crate) async fn standing_link(
        &self,
        member: &Member,
        id: MemberId,
        brand: &BrandId,
    ) -> Result<Option<Reference>, Error> {
        let mut links = self.newest_links(member, brand).await?;
        links.retain(|(_, link, _)| link.record.end.is_none());
        let own = links.iter().find(|(of, ..)| *of == id).or(links.first());
        Ok(own.map(|(_, link, _)| link.record.reference))
    }

    /// Whether the brand's reference means somebody: the link stands that it was made for.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn means_somebody(&self, brand: &BrandId, reference: Reference) -> Result<bool, Error> {
        Ok(self.records.referred(brand, reference).await?.is_some())
    }

    /// Whether the brand is linked with any of these records of a person: an entry that is made now is made while it is.
    pub(crate) async fn is_linked(&self, records: &[MemberId], brand: &BrandId) -> Result<bool, Error> {
        for id in records {
            let newest = self.newest_link(*id, brand).await?;
            if newest.is_some_and(|(link, _)| link.record.end.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the entry was made while the brand was linked with its member.
    ///
    /// # Errors
    /// The store failed.
    pub async fn was_linked(&self, entry: &EntryRecord, brand: &BrandId) -> Result<bool, Error> {
        Ok(self.link_at(entry, brand).await?.is_some())
    }

    /// The link that stood when the entry was made: the member's own or, if the entry came by way of a record that
    /// had been merged into the member, that record's.
    ///
    /// # Errors
    /// The store failed.
    pub async fn link_at(&self, entry: &EntryRecord, brand: &BrandId) -> Result<Option<Link>, Error> {
        let (id, seq) = (entry.member, entry.seq);
        let links = self.scan_links(keys::member_links(id, Some(brand)), LINKS_KEPT as usize).await?;
        let covers =
            |link: &LinkRecord| link.from_seq < seq && link.end.as_ref().is_none_or(|end| seq <= end.seq);
        let own = links.into_iter().map(|(link, _)| link).find(|link| covers(&link.record));
        let Some(via) = entry.via.filter(|via| own.is_none() && *via != id) else { return Ok(own) };
        // It began before the record was merged; where it ended is said by the moment, for its numbers are of either ledger.
        let links = self.scan_links(keys::member_links(via, Some(brand)), LINKS_KEPT as usize).await?;
        let stood = |link: &LinkRecord| {
            let ended = |end: &LinkEnd| end.at <= entry.recorded_at;
            link.linked_at <= entry.recorded_at && !link.end.as_ref().is_some_and(ended)
        };
        Ok(links.into_iter().map(|(link, _)| link).find(|link| stood(&link.record)))
    }

    /// Removes all links and codes of an erased member; no new ones are made for it. Whom it was linked with is told
    /// that it is not any more.
    pub(crate) async fn erase_links(&self, request: &Request, id: MemberId) -> Result<(), Error> {
        for _ in 0..PAGES_MAX {
            let found = self.records.store.scan(keys::links_and_codes(id), PAGE).await?;
            let mut writes = Vec::new();
            for (key, record) in &found {
                writes.push(delete(key.clone()));
                writes.extend(keys::read_asked_code(key).map(|code| delete(keys::link_code(code))));
                if let Some((_, brand, _)) = keys::read_member_link(key) {
                    let link: LinkRecord = decode(key, &record.value)?;
                    writes.push(delete(keys::reference(&brand, link.reference)));
                    if link.end.is_none() {
                        writes.push(HappenedRecord::link_ended(request, id, brand, &link));
                    }
                }
            }
            if writes.is_empty() {
                return Ok(());
            }
            match self.programme.commit(writes).await {
                Ok(()) | Err(Error::Store(StoreError::LostRace | StoreError::Unknown(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    async fn newest_link(&self, id: MemberId, brand: &BrandId) -> Result<Option<(Link, Version)>, Error> {
        Ok(self.scan_links(keys::member_links(id, Some(brand)), 1).await?.pop())
    }

    async fn scan_links(
        &self,
        range: crate::store::Range,
        limit: usize,
    ) -> Result<Vec<(Link, Version)>, Error> {
        let found = self.records.store.scan(range, limit).await?;
        let links = found.iter().map(|(key, record)| {
            let unreadable = || Unreadable { key: key.clone() };
            let (_, brand, number) = keys::read_member_link(key).ok_or_else(unreadable)?;
            let stored = decode(key, &record.value)?;
            Ok::<_, Unreadable>((Link { brand, number, of: None, record: stored }, record.version))
        });
        Ok(links.collect::<Result<_, _>>()?)
    }

    /// Whether the newest programme has a partner of that id.
    fn must_be_partner(&self, brand: &BrandId) -> Result<(), Error> {
        let programmes = self.programme.timeline()?;
        let partner = programmes.newest().brand(brand).filter(|brand| brand.kind == BrandKind::Partner);
        partner.map(|_| ()).ok_or_else(|| Refusal::BrandNotFound.into())
    }
}

/// The records of a person: a member, and those that it has absorbed.
fn family(member: &Member) -> impl Iterator<Item = (MemberId, Option<MemberId>)> {
    let absorbed = member.absorbed.iter().map(|absorbed| (absorbed.member, Some(absorbed.member)));
    std::iter::once((member.id, None)).chain(absorbed)
}

fn is_expired(asked_at: Instant, now: Instant) -> bool {
    asked_at.plus_millis(LINK_CODE_MILLIS) <= now
}

/// The condition that the member is still as it was read.
fn unmoved(loaded: &Loaded) -> Write {
    still(keys::member(loaded.record.member.id), loaded.version)
}

/// The ended link, and its writes.
fn end(request: &Request, id: MemberId, mut link: Link, version: Version, seq: u64) -> (Link, Vec<Write>) {
    link.record.end = Some(LinkEnd { by: request.by, at: request.now, seq });
    let own = keys::member_link(id, &link.brand, link.number);
    let reference = delete(keys::reference(&link.brand, link.record.reference));
    let writes = vec![put(own, Expect::Version(version), &link.record), reference];
    (link, writes)
}
