//! What happened, as the feed tells it: from a write of a record to what is told outward of it. Nothing here asks
//! who may hear of it.

use bytes::Bytes;
use domain::{
    event::EventType,
    id::{BrandId, OfferId},
    member::MemberId,
    time::{Instant, Month},
};
use sha2::{Digest as _, Sha256};

use crate::{
    access::requests::Request,
    store::{
        Changed, Committed, Expect, Key, Manner, Write,
        id::{EventId, Reference},
        keys::{self, kind},
        records::{
            By, EntryRecord, HappenedRecord, LinkEnd, LinkRecord, MemberRecord, MonthRecord,
            OfferVersionRecord, ProgramRecord, Stage, Unreadable, decode,
        },
        write::put,
    },
};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Its id, which follows from the key of the record that says it and from its type.
    pub id: EventId,
    /// What kind of thing.
    pub kind: EventType,
    /// The key of the record that says it.
    pub source: Key,
    /// What it was.
    pub what: What,
}

/// What happened, as its record says it.
#[derive(Clone, Debug)]
pub enum What {
    /// A ledger entry was written.
    Entry(Box<EntryRecord>),
    /// Somebody became a member.
    Registered {
        /// Who.
        member: MemberId,
        /// When.
        at: Instant,
    },
    /// A member was linked with a partner, or the link ended.
    Linked {
        /// Who.
        member: MemberId,
        /// With which brand.
        brand: BrandId,
        /// The link.
        link: LinkRecord,
    },
    /// A version of the programme was saved.
    Programme {
        /// Its number.
        version: u32,
        /// Since when it is in force.
        since: Instant,
        /// Who saved it.
        by: By,
    },
    /// A version of an offer was saved.
    Offer {
        /// Which offer.
        offer: OfferId,
        /// The version's number.
        version: u32,
        /// The brand that issues it.
        brand: BrandId,
        /// When it was saved.
        at: Instant,
        /// Who saved it.
        by: By,
    },
    /// A month was closed.
    Settled {
        /// Which.
        month: Month,
        /// When.
        at: Instant,
        /// Who closed it.
        by: By,
    },
    /// Something was noted.
    Noted(HappenedRecord),
}

impl What {
    /// When it was written down.
    pub fn recorded_at(&self) -> Instant {
        match self {
            What::Entry(entry) => entry.recorded_at,
            What::Registered { at, .. } | What::Settled { at, .. } | What::Offer { at, .. } => *at,
            What::Linked { link, .. } => link.end.as_ref().map_or(link.linked_at, |end| end.at),
            What::Programme { since, .. } => *since,
            What::Noted(noted) => noted.at,
        }
    }

    /// The member it is about, if about one.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            What::Entry(entry) => Some(entry.member),
            What::Registered { member, .. } | What::Linked { member, .. } => Some(*member),
            What::Programme { .. } | What::Offer { .. } | What::Settled { .. } => None,
            What::Noted(noted) => noted.member,
        }
    }

    /// The brand it happened at or concerns, if one.
    pub fn brand(&self) -> Option<&BrandId> {
        match self {
            What::Entry(entry) => entry.event.kind.row().brand,
            What::Linked { brand, .. } | What::Offer { brand, .. } => Some(brand),
            What::Registered { .. } | What::Programme { .. } | What::Settled { .. } => None,
            What::Noted(noted) => noted.brand.as_ref(),
        }
    }
}

/// The id of what a record says happened at that moment: it follows from the record's key and from the type alone, so
/// that it is the same for ever, on every instance and in every copy.
pub fn event_id(at: Instant, source: &Key, kind: EventType) -> EventId {
    let mut hash = Sha256::new();
    for part in [&b"laurel event\0"[..], kind.word().as_bytes(), b"\0", source.as_bytes()] {
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at.0.max(0).to_be_bytes()[2..]);
    id[6..].copy_from_slice(&digest[..10]);
    EventId(id)
}

impl Happening {
    fn new(kind: EventType, source: &Key, what: What) -> Happening {
        Happening { id: event_id(what.recorded_at(), source, kind), kind, source: source.clone(), what }
    }

    /// What is told of a commit: nothing of one that changed the form of records alone, or that is to be kept quiet.
    /// And which records cannot be read: nobody can be told of them.
    pub fn all_of(commit: &Committed) -> (Vec<Happening>, Vec<Unreadable>) {
        let (mut all, mut unreadable) = (Vec::new(), Vec::new());
        match commit.manner {
            Manner::Plain => {}
            Manner::Quiet | Manner::Anew => return (all, unreadable),
        }
        for write in &commit.writes {
            match Happening::of(write) {
                Ok(more) => all.extend(more),
                Err(error) => unreadable.push(error),
            }
        }
        (all, unreadable)
    }

    /// What is told of a write.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn of(write: &Changed) -> Result<Vec<Happening>, Unreadable> {
        let Some(value) = &write.value else { return Ok(Vec::new()) };
        // What a link became and how a month was closed is written over what was there.
        let may_be_old = matches!(write.key.kind(), kind::MEMBER_LINK | kind::SETTLEMENT);
        if !write.is_new && !may_be_old {
            return Ok(Vec::new());
        }
        let Some((what, kinds)) = read(&write.key, value)? else { return Ok(Vec::new()) };
        let told = kinds.into_iter().flatten();
        // A link that is new has not ended, and one that is not has.
        let told = told.filter(|kind| !matches!(kind, EventType::LinkMade) || write.is_new);
        Ok(told.map(|kind| Happening::new(kind, &write.key, what.clone())).collect())
    }

    /// The same again, from what its record holds now: an entry, or what was noted, never changes in what is told of
    /// it. `None` if the record is gone.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn again(
        id: EventId,
        kind: EventType,
        source: &Key,
        value: &Bytes,
    ) -> Result<Option<Happening>, Unreadable> {
        let Some((mut what, _)) = read(source, value)? else { return Ok(None) };
        if let What::Linked { link, .. } = &mut what
            && kind == EventType::LinkMade
        {
            link.end = None;
        }
        Ok(Some(Happening { id, kind, source: source.clone(), what }))
    }
}

/// The types of events that a change may be told as.
type Types = [Option<EventType>; 2];

/// What a record says happened, and the types that it is told as.
fn read(key: &Key, value: &Bytes) -> Result<Option<(What, Types)>, Unreadable> {
    let unreadable = || Unreadable { key: key.clone() };
    let one = |what, kind| Ok(Some((what, [Some(kind), None])));
    let of = key.kind();
    if of.row().is_some_and(|row| row.is_entry(key)) {
        let entry: EntryRecord = decode(key, value)?;
        let kinds = [Some(entry.event.kind.row().told), entry.event.kind.also_told()];
        return Ok(Some((What::Entry(Box::new(entry)), kinds)));
    }
    if of == kind::MEMBER {
        let record: MemberRecord = decode(key, value)?;
        let what = What::Registered { member: record.member.id, at: record.member.registered_at };
        return one(what, EventType::MemberRegistered);
    }
    if of == kind::MEMBER_LINK {
        let Some((member, brand, _)) = keys::read_member_link(key) else { return Ok(None) };
        let link: LinkRecord = decode(key, value)?;
        let kind = if link.end.is_some() { EventType::LinkEnded } else { EventType::LinkMade };
        return one(What::Linked { member, brand, link }, kind);
    }
    if of == kind::PROGRAM && !keys::is_program_part(key) {
        let ProgramRecord { since, by, .. } = decode(key, value)?;
        let version = keys::read_program(key).ok_or_else(unreadable)?;
        return one(What::Programme { version, since, by }, EventType::ProgramSaved);
    }
    if of == kind::OFFER_VERSION {
        let OfferVersionRecord { at, by, brand, .. } = decode(key, value)?;
        let (offer, version) = keys::read_offer_version(key).ok_or_else(unreadable)?;
        return one(What::Offer { offer, version, brand, at, by }, EventType::OfferSaved);
    }
    if of == kind::SETTLEMENT {
        let Some(month) = keys::read_settlement(key) else { return Ok(None) };
        let record: MonthRecord = decode(key, value)?;
        let Stage::Closed { at, by } = record.stage else { return Ok(None) };
        return one(What::Settled { month, at, by }, EventType::SettlementClosed);
    }
    if of == kind::HAPPENED {
        let noted: HappenedRecord = decode(key, value)?;
        // A newer build may note what this one has no word for.
        let Some(kind) = EventType::of(&noted.what) else { return Ok(None) };
        return one(noted.ended_link().unwrap_or(What::Noted(noted)), kind);
    }
    Ok(None)
}

/// What the note of a link that ended calls the partner's reference, and since when it stood.
const REFERENCE: &str = "member_ref";
const LINKED_AT: &str = "linked_at";

impl HappenedRecord {
    /// The write that notes that an erasure ended a member's link: its own record goes with the person.
    pub(crate) fn link_ended(
        request: &Request,
        member: MemberId,
        brand: BrandId,
        link: &LinkRecord,
    ) -> Write {
        let Reference(reference) = link.reference;
        let hex: String = reference.iter().map(|byte| format!("{byte:02x}")).collect();
        let noted = HappenedRecord {
            what: EventType::LinkEnded.word().to_owned(),
            at: request.now,
            by: request.by,
            member: Some(member),
            brand: Some(brand),
            about: vec![(REFERENCE.to_owned(), hex), (LINKED_AT.to_owned(), link.linked_at.0.to_string())],
            fields: Vec::new(),
        };
        // The reference tells it from all others of that moment.
        put(keys::happened(request.now, reference), Expect::Absent, &noted)
    }

    /// The link whose end it notes, if one.
    fn ended_link(&self) -> Option<What> {
        let about = |asked: &str| self.about.iter().find(|(name, _)| name == asked).map(|(_, value)| value);
        let (member, brand) = (self.member?, self.brand.clone()?);
        let reference = u128::from_str_radix(about(REFERENCE)?, 16).ok()?;
        let linked_at = Instant(about(LINKED_AT)?.parse().ok()?);
        let link = LinkRecord {
            reference: Reference(reference.to_be_bytes()),
            asked_by: self.by,
            asked_at: linked_at,
            linked_at,
            from_seq: 0,
            end: Some(LinkEnd { by: self.by, at: self.at, seq: 0 }),
        };
        Some(What::Linked { member, brand, link })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{Changes, Store, memory::MemoryStore};

    const ID: MemberId = MemberId([7; 16]);
    const AT: Instant = Instant(1_767_225_600_123);

    fn told(
        write: impl FnOnce(&MemoryStore) -> Vec<Write>,
        how: fn(&MemoryStore, Vec<Write>),
    ) -> Vec<&'static str> {
        let store = MemoryStore::new();
        let writes = write(&store);
        let feed = store.feed().unwrap();
        let from = feed.end().now_or_never().unwrap().unwrap();
        how(&store, writes);
        let Changes::Commits { commits, .. } = feed.after(&from, 100).now_or_never().unwrap().unwrap() else {
            panic!("a gap");
        };
        let all =
            commits.iter().map(Happening::all_of).inspect(|(_, unreadable)| assert!(unreadable.is_empty()));
        all.flat_map(|(all, _)| all).map(|one| one.kind.word()).collect()
    }

    fn plainly(store: &MemoryStore, writes: Vec<Write>) {
        store.commit(writes).now_or_never().unwrap().unwrap();
    }

    fn link(end: bool) -> LinkRecord {
        let end = end.then_some(LinkEnd { by: By::Time, at: AT, seq: 4 });
        let reference = crate::store::id::Reference([1; 16]);
        LinkRecord { reference, asked_by: By::Time, asked_at: AT, linked_at: AT, from_seq: 3, end }
    }

    fn noted(what: &str) -> HappenedRecord {
        let (about, fields) = (Vec::new(), Vec::new());
        HappenedRecord {
            what: what.to_owned(),
            at: AT,
            by: By::Time,
            member: Some(ID),
            brand: None,
            about,
            fields,
        }
    }

    #[test]
    fn a_link_is_told_as_made_and_as_ended_once_each() {
        let key = keys::member_link(ID, &BrandId::of_checked("tea"), 1);
        let made = put(key.clone(), Expect::Absent, &link(false));
        assert_eq!(told(|_| vec![made.clone()], plainly), ["link.made"]);
        let ended = put(key, Expect::Anything, &link(true));
        assert_eq!(told(|_| vec![ended.clone()], plainly), ["link.ended"]);
        let code = put(keys::asked_code(ID, crate::store::id::LinkCodeHash([1; 16])), Expect::Absent, &AT);
        assert_eq!(told(|_| vec![code], plainly), [""; 0]);
    }

    #[test]
    fn what_is_written_anew_or_quietly_is_not_told() {
        let write = || put(keys::happened(AT, [1; 16]), Expect::Absent, &noted("member.updated"));
        assert_eq!(told(|_| vec![write()], plainly), ["member.updated"]);
        let anew =
            |store: &MemoryStore, writes| _ = store.commit_as(writes, Manner::Anew).now_or_never().unwrap();
        let quietly =
            |store: &MemoryStore, writes| _ = store.commit_as(writes, Manner::Quiet).now_or_never().unwrap();
        assert_eq!(told(|_| vec![write()], anew), [""; 0]);
        assert_eq!(told(|_| vec![write()], quietly), [""; 0]);
        let cut = Write { change: crate::store::Change::Put(Bytes::from_static(b"\xff")), ..write() };
        let other = put(keys::happened(AT, [2; 16]), Expect::Absent, &noted("identity.added"));
        let commit = |writes: Vec<Write>| Committed {
            version: crate::store::Version(1),
            manner: Manner::Plain,
            writes: writes
                .into_iter()
                .map(|write| {
                    let crate::store::Change::Put(value) = write.change else { panic!("a put") };
                    let (key, version) = (write.key, crate::store::Version(1));
                    Changed { key, version, value: Some(value), is_new: true }
                })
                .collect(),
        };
        // One that cannot be read keeps no other of its commit back.
        let (all, unreadable) = Happening::all_of(&commit(vec![cut, other]));
        assert_eq!((all.len(), all[0].kind, unreadable.len()), (1, EventType::IdentityAdded, 1));
        let unknown = put(keys::happened(AT, [1; 16]), Expect::Absent, &noted("comet.seen"));
        assert_eq!(told(|_| vec![unknown], plainly), [""; 0]);
    }

    /// Published: they never change.
    #[test]
    fn an_id_follows_from_key_and_type() {
        let id = |at: i64, key: &[u8], kind| {
            let EventId(bytes) = event_id(Instant(at), &Key::new(key.to_vec()), kind);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let first = id(AT.0, b"oacme\0A-1", EventType::PointsEarned);
        assert_eq!(&first[..12], "019b76daa87b", "it sorts by the moment");
        assert_eq!(first, id(AT.0, b"oacme\0A-1", EventType::PointsEarned));
        assert_ne!(first, id(AT.0, b"oacme\0A-2", EventType::PointsEarned));
        assert_ne!(first, id(AT.0, b"oacme\0A-1", EventType::OrderRevised));
        assert_eq!(&id(-5, b"x", EventType::PointsEarned)[..12], "000000000000");
    }
}
