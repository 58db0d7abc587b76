//! The engine: a store, the programme's versions, and how members are loaded.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

use domain::{
    event::History,
    member::{Member, MemberId, Person},
    programme::{BrandKind, Programme, Timeline},
    settle,
    time::Instant,
};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    access::moment::Watch,
    store::{
        Expect, Key, Range, Record, Store, StoreError, Version,
        error::Error,
        id::{ContentHash, IdentityHash, Reference, RequestHash},
        keys,
        records::{By, EntryRecord, MemberRecord, decode},
    },
};

/// How often a command is decided anew when others were quicker.
pub(crate) const ATTEMPTS_MAX: usize = 100;

/// Members whose commands this process lets queue instead of race. A courtesy that saves wasted
/// decisions: that nothing is done twice rests on the store's expectations alone.
const QUEUES: usize = 4_096;

/// The same for shards of brands' accounts, and for their pools. Whoever has a member's turn may wait
/// for a shard's, and then for a pool's; never the other way about.
const ACCOUNT_QUEUES: usize = 512;

/// The most entries a question about the past may read.
const HISTORY_MAX: usize = 100_000;

/// Records that [`Engine::scan_all`] reads at a time.
const PAGE: usize = 200;

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) watch: Option<Watch>,
    shared: Arc<Shared>,
}

struct Shared {
    programmes: RwLock<Option<Arc<Timeline>>>,
    head: RwLock<Option<Version>>,
    used: RwLock<HashSet<Key>>,
    queues: Vec<Mutex<()>>,
    shard_queues: Vec<Mutex<()>>,
    pool_queues: Vec<Mutex<()>>,
    refreshing: Mutex<()>,
}

/// Who a command is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// A member by id.
    Id(MemberId),
    /// A member by the keyed hash of an identity.
    Identity(IdentityHash),
    /// A member by the reference of the partner that asks.
    Linked(Reference),
    /// Whom a request names that does not say it well: nobody.
    Nobody,
}

/// What surrounds every command.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub by: By,
    /// The moment.
    pub now: Instant,
    /// The hash of caller, function and idempotency key, where one was sent.
    pub key: Option<RequestHash>,
    /// The hash of the request's content.
    pub content: ContentHash,
    /// Whether to answer without writing.
    pub dry_run: bool,
    /// The one brand the caller acts for, if bound to one.
    pub brand: Option<String>,
    /// Whether the house's own brands alone are within the caller's reach.
    pub house: bool,
    /// Whether events may lie as far back as they like (imports).
    pub any_age: bool,
}

impl Request {
    /// A request of somebody who may everything, without a key.
    pub fn plain(by: By, now: Instant) -> Request {
        Request {
            by,
            now,
            key: None,
            content: ContentHash::NONE,
            dry_run: false,
            brand: None,
            house: false,
            any_age: false,
        }
    }

    /// Whether what happened at that brand is within the caller's reach.
    pub(crate) fn reaches(&self, programmes: &Timeline, brand: Option<&str>) -> bool {
        let partner = |brand: &str| {
            let brand = programmes.newest().brand(brand);
            brand.is_some_and(|brand| brand.kind == BrandKind::Partner)
        };
        match &self.brand {
            Some(bound) => brand == Some(bound),
            None => !(self.house && brand.is_some_and(partner)),
        }
    }
}

/// A member as loaded: what is stored, with the version a commit must find again.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) record: MemberRecord,
    pub(crate) version: Version,
}

impl Engine {
    /// An engine over that store. [`Engine::refresh`] reads the programme.
    pub fn new(store: Arc<dyn Store>) -> Engine {
        let queues = |length: usize| (0..length).map(|_| Mutex::new(())).collect();
        let shared = Shared {
            programmes: RwLock::new(None),
            head: RwLock::new(None),
            used: RwLock::new(HashSet::new()),
            queues: queues(QUEUES),
            shard_queues: queues(ACCOUNT_QUEUES),
            pool_queues: queues(ACCOUNT_QUEUES),
            refreshing: Mutex::new(()),
        };
        Engine { store, watch: None, shared: Arc::new(shared) }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Every version of the programme.
    ///
    /// # Errors
    /// [`Error::NoProgram`] before the first.
    pub fn programmes(&self) -> Result<Arc<Timeline>, Error> {
        let held = self.shared.programmes.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or(Error::NoProgram)
    }

    pub(crate) fn set_programmes(&self, timeline: Timeline, head: Version) {
        *self.shared.programmes.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(timeline));
        *self.shared.head.write().unwrap_or_else(PoisonError::into_inner) = Some(head);
    }

    /// The commit that saved the newest version of the programme.
    pub(crate) fn head_version(&self) -> Option<Version> {
        *self.shared.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What no version changes: the programme's money and its calendar.
    ///
    /// # Errors
    /// [`Error::NoProgram`] before the first.
    pub fn currency_and_zone(&self) -> Result<(domain::number::Currency, domain::time::Zone), Error> {
        let programmes = self.programmes()?;
        let newest = programmes.newest();
        Ok((newest.currency, newest.zone))
    }

    pub(crate) fn refresh_turn(&self) -> &Mutex<()> {
        &self.shared.refreshing
    }

    /// Waits until no other command of this process works on the member.
    pub(crate) async fn queue(&self, id: MemberId) -> MutexGuard<'_, ()> {
        turn(&self.shared.queues, id).await
    }

    /// Waits until no other command of this process works on that shard of an account.
    pub(crate) async fn shard_turn(&self, shard: &Key) -> MutexGuard<'_, ()> {
        turn(&self.shared.shard_queues, shard).await
    }

    /// Waits until no other command of this process works on the pool of that brand's account.
    pub(crate) async fn pool_turn(&self, brand: &str) -> MutexGuard<'_, ()> {
        turn(&self.shared.pool_queues, brand).await
    }

    /// Whether the mark of that use has been seen in the store.
    pub(crate) fn is_marked(&self, key: &Key) -> bool {
        self.shared.used.read().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    pub(crate) fn mark(&self, keys: impl IntoIterator<Item = Key>) {
        self.shared.used.write().unwrap_or_else(PoisonError::into_inner).extend(keys);
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.store.get(std::slice::from_ref(key)).await?.pop().flatten())
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<(T, Version)>, Error> {
        match self.get(key).await? {
            Some(record) => Ok(Some((decode(key, &record.value)?, record.version))),
            None => Ok(None),
        }
    }

    /// Everything that lies in the range, in its order: for what there is little of.
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

    pub(crate) async fn load(&self, id: MemberId) -> Result<Option<Loaded>, Error> {
        let read = self.read::<MemberRecord>(&keys::member(id)).await?;
        Ok(read.map(|(record, version)| Loaded { record, version }))
    }

    pub(crate) async fn person(&self, id: MemberId) -> Result<Option<(Person, Version)>, Error> {
        self.read(&keys::person(id)).await
    }

    /// The member an identity belongs to.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn claimed_by(&self, hash: IdentityHash) -> Result<Option<MemberId>, Error> {
        let read = self.read::<crate::store::records::ClaimRecord>(&keys::identity(hash)).await?;
        Ok(read.map(|(claim, _)| claim.member))
    }

    pub(crate) async fn member_of(&self, request: &Request, whom: Whom) -> Result<Option<MemberId>, Error> {
        match (whom, &request.brand) {
            (Whom::Id(id), _) => Ok(Some(id)),
            (Whom::Identity(hash), _) => self.claimed_by(hash).await,
            (Whom::Linked(reference), Some(brand)) => self.referred(brand, reference).await,
            // A reference means something to its brand alone.
            (Whom::Linked(_), None) | (Whom::Nobody, _) => Ok(None),
        }
    }

    pub(crate) async fn entry_at(&self, key: &Key) -> Result<Option<EntryRecord>, Error> {
        Ok(self.read(key).await?.map(|(entry, _)| entry))
    }

    /// The entries of a member that were recorded at or after `since`, with the slack that an
    /// event may lie ahead of its recording.
    pub(crate) async fn history(&self, record: &MemberRecord, since: Instant) -> Result<History, Error> {
        let horizon = since.plus_millis(-domain::decide::AHEAD_MILLIS_MAX);
        let mut events = Vec::new();
        // No entry was recorded later than the moment up to which the member is settled.
        if record.member.as_of < horizon {
            return Ok(History { since, events });
        }
        let mut next = newest(record);
        while let Some(key) = next {
            let Some(entry) = self.entry_at(&key).await? else { break };
            if entry.recorded_at < horizon {
                break;
            }
            if events.len() >= HISTORY_MAX {
                return Err(Error::Refused(domain::refusal::Refusal::LimitExceeded { what: "history" }));
            }
            next = previous(&entry);
            events.push(entry.event);
        }
        Ok(History { since, events })
    }
}

async fn turn(queues: &[Mutex<()>], of: impl Hash) -> MutexGuard<'_, ()> {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    let index = usize::try_from(hasher.finish() % queues.len() as u64).unwrap_or(0);
    queues[index].lock().await
}

/// The key of a member's newest entry.
pub(crate) fn newest(record: &MemberRecord) -> Option<Key> {
    let member = &record.member;
    match &record.last {
        Some(bytes) => Some(Key::new(bytes.clone())),
        None => (member.seq > 0).then(|| keys::entry(member.id, member.seq)),
    }
}

/// The key of the entry before.
pub(crate) fn previous(entry: &EntryRecord) -> Option<Key> {
    match &entry.previous {
        Some(bytes) => Some(Key::new(bytes.clone())),
        None => (entry.seq > 1).then(|| keys::entry(entry.member, entry.seq - 1)),
    }
}

/// A member that registers under that programme: the first tier, whose period may end.
pub(crate) fn newborn(programmes: &Timeline, id: MemberId, registered_at: Instant) -> Member {
    let programme: &Programme = programmes.at(registered_at);
    let base = programme.base_tier();
    let mut member = Member::new(id, registered_at, registered_at, &base.id);
    member.standing.valid_until = programme.period_end(base, registered_at);
    member
}

/// Brings a copy of the member up to `now` without writing, in as many steps as it takes.
pub(crate) fn settled(
    programmes: &Timeline,
    member: &Member,
    now: Instant,
) -> (Member, Vec<domain::event::Event>) {
    let mut member = member.clone();
    let mut events = Vec::new();
    loop {
        let step = settle(programmes, &mut member, now);
        let done = step.len() < domain::settle::EVENTS_MAX;
        events.extend(step);
        if done {
            return (member, events);
        }
    }
}

/// The expectation that a record is still as it was read.
pub(crate) fn unchanged(version: Option<Version>) -> Expect {
    version.map_or(Expect::Absent, Expect::Version)
}

#[cfg(test)]
mod tests {
    use domain::event::EntryKind;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{Change, Expect, Write, memory::MemoryStore};

    /// Which of the entries that were recorded at these moments the history since then holds, oldest first; of a
    /// member that is settled up to its last entry.
    fn held(recorded: &[i64], since: i64) -> Vec<i64> {
        let id = MemberId([1; 16]);
        let entry = |(seq, at): (u64, i64)| {
            let record = EntryRecord { seq, ..EntryRecord::plain(Instant(at), EntryKind::PointsExpired) };
            let change = Change::Put(crate::store::records::encode(&record));
            Write { key: keys::entry(id, seq), expect: Expect::Anything, change }
        };
        let store = MemoryStore::new();
        let writes = (1..).zip(recorded.iter().copied()).map(entry).collect();
        store.commit(writes).now_or_never().unwrap().unwrap();
        let mut member = Member::new(id, Instant(0), Instant(0), "basic");
        member.seq = recorded.len() as u64;
        member.as_of = Instant(recorded.last().copied().unwrap_or(0));
        let record = MemberRecord { member, last: None };
        let engine = Engine::new(Arc::new(store));
        let history = engine.history(&record, Instant(since)).now_or_never().unwrap().unwrap();
        assert_eq!(history.since, Instant(since));
        history.events.iter().rev().map(|event| event.at.0).collect()
    }

    /// What was read earlier must not replace what was read later.
    #[test]
    fn the_programme_is_read_by_one_at_a_time() {
        let engine = Engine::new(Arc::new(MemoryStore::new()));
        let other = engine.clone();
        let turn = engine.refreshing().now_or_never().unwrap();
        assert!(other.refreshing().now_or_never().is_none());
        drop(turn);
        assert!(other.refreshing().now_or_never().is_some());
    }

    /// Whoever's clock was behind may have written down an event before it happened.
    #[test]
    fn a_history_goes_as_far_back_as_clocks_may_differ() {
        const AHEAD: i64 = domain::decide::AHEAD_MILLIS_MAX;
        let since = 10 * AHEAD;
        let (before, first, after) = (since - AHEAD - 1, since - AHEAD, since - AHEAD + 1);
        assert_eq!(held(&[], since), [0; 0]);
        assert_eq!(held(&[before], since), [0; 0]);
        assert_eq!(held(&[first], since), [first]);
        assert_eq!(
            held(&[5, before, first, after, since, since + 1], since),
            [first, after, since, since + 1]
        );
    }
}
