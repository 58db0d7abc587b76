//! Reading members: settled when shown, never written.

use domain::{
    event::Event,
    member::{Member, MemberId},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    ledger::{
        Ledger,
        standing::{settled, version_of},
    },
    store::{
        Key,
        error::Error,
        reading::{newest, previous},
        records::{By, EntryRecord, MemberRecord},
    },
};

/// A ledger entry as shown; one that is due and not yet written has no time of recording.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// The entry.
    pub entry: EntryRecord,
    /// Whether it has been written.
    pub written: bool,
}

/// Entries that one page looks at, at most.
const LOOKS_MAX: usize = 1_000;

/// How much later than the entry after it one may say that it was recorded: a sweep records at its own moment and a
/// command at the request's.
const DISORDER_MILLIS: i64 = 60 * 60 * 1_000;

/// A page in the making.
struct Page<'a> {
    filter: &'a Filter,
    limit: usize,
    shown: Vec<LedgerEntry>,
    looked_at: usize,
    /// The number of the last entry that was looked at.
    last: Option<u64>,
}

impl Page<'_> {
    fn has_room(&self) -> bool {
        self.shown.len() < self.limit && self.looked_at < LOOKS_MAX
    }

    fn look_at(&mut self, entry: EntryRecord, written: bool) {
        self.looked_at += 1;
        self.last = Some(entry.seq);
        if self.filter.lets(&entry) {
            self.shown.push(LedgerEntry { entry, written });
        }
    }
}

/// A place in a member's ledger: the entry to continue with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its number.
    pub seq: u64,
    /// Its key.
    pub key: Vec<u8>,
}

/// Which entries of a ledger are wanted; by default all.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Filter {
    /// Of this kind alone, by its word.
    pub kind: Option<String>,
    /// Recorded from then on; of an entry that is due, falling due from then on.
    pub since: Option<Instant>,
    /// Recorded before; likewise.
    pub until: Option<Instant>,
}

impl Filter {
    fn lets(&self, entry: &EntryRecord) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == entry.event.kind.row().word)
            && self.since.is_none_or(|since| since <= entry.recorded_at)
            && self.until.is_none_or(|until| entry.recorded_at < until)
    }

    /// Whether no entry before this one can be wanted. One may say that it was recorded a little later than one that
    /// follows it, by no more than clocks differ.
    fn ends_at(&self, entry: &EntryRecord) -> bool {
        self.since.is_some_and(|since| entry.recorded_at < since.plus_millis(-DISORDER_MILLIS))
    }
}

impl Ledger {
    /// Up to `limit` entries of the member's ledger, newest first, from that place; and the place to continue
    /// from.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Error::ForeignPlace`], or the store failed.
    pub async fn entries(
        &self,
        id: MemberId,
        from: Option<Place>,
        limit: usize,
        now: Instant,
    ) -> Result<(Vec<LedgerEntry>, Option<Place>), Error> {
        self.entries_like(&Filter::default(), id, from, limit, now).await
    }

    /// The same of those that are wanted. There may be fewer although more follow: a call looks at a bounded number of
    /// entries.
    ///
    /// # Errors
    /// As of [`Ledger::entries`].
    pub async fn entries_like(
        &self,
        filter: &Filter,
        id: MemberId,
        from: Option<Place>,
        limit: usize,
        now: Instant,
    ) -> Result<(Vec<LedgerEntry>, Option<Place>), Error> {
        let loaded = self.records.load(id).await?.ok_or(Refusal::MemberNotFound)?;
        let member = &loaded.record.member;
        let programmes = self.programme.timeline_of(member).await?;
        let (_, due) = settled(&programmes, member, now.max(member.as_of));
        let top = member.seq + due.len() as u64;
        let start = from.as_ref().map_or(top, |place| place.seq);
        let placed = match &from {
            Some(place) => self.placed(member, place, top).await?,
            None => None,
        };
        let mut page = Page { filter, limit, shown: Vec::new(), looked_at: 0, last: None };
        let pending = self.pending(&loaded.record, &due)?;
        let mut above = pending.into_iter().rev().filter(|entry| entry.seq <= start);
        while page.has_room()
            && let Some(entry) = above.next()
        {
            page.look_at(entry, false);
        }
        let mut next = placed.or_else(|| newest(&loaded.record));
        while let Some(key) = next.clone().filter(|_| page.has_room()) {
            let Some(entry) = self.records.entry_at(&key).await?.filter(|entry| entry.member == id) else {
                break;
            };
            if filter.ends_at(&entry) {
                return Ok((page.shown, None));
            }
            next = previous(&entry);
            if entry.seq <= start {
                page.look_at(entry, true);
            }
        }
        let rest = page.last.map_or(0, |last| last - 1);
        let place = (rest > 0).then(|| {
            // What is due will be written under the member's own key for it.
            let own = next.filter(|_| rest <= member.seq);
            let key = own.unwrap_or_else(|| crate::store::keys::entry(id, rest));
            Place { seq: rest, key: key.as_bytes().to_vec() }
        });
        Ok((page.shown, place))
    }

    /// The key of the entry at that place; `None` if it is due and not written yet.
    async fn placed(&self, member: &Member, place: &Place, top: u64) -> Result<Option<Key>, Error> {
        let key = Key::new(place.key.clone());
        if place.seq > member.seq {
            let own = place.seq <= top && key == crate::store::keys::entry(member.id, place.seq);
            return if own { Ok(None) } else { Err(Error::ForeignPlace) };
        }
        // A made-up key may name a record of another kind, which does not parse as an entry.
        let entry = match self.records.entry_at(&key).await {
            Err(Error::Unreadable(_)) => None,
            read => read?,
        };
        let own = entry.is_some_and(|entry| entry.member == member.id && entry.seq == place.seq);
        if own { Ok(Some(key)) } else { Err(Error::ForeignPlace) }
    }

    /// Entries that are due and not yet written, as they will be.
    fn pending(&self, record: &MemberRecord, due: &[Event]) -> Result<Vec<EntryRecord>, Error> {
        let programmes = self.programme.timeline()?;
        let mut balance = record.member.balance();
        let entries = due.iter().enumerate().map(|(index, event)| {
            balance += event.movement.points();
            EntryRecord {
                member: record.member.id,
                seq: record.member.seq + 1 + index as u64,
                previous: None,
                by: By::Time,
                version: version_of(&programmes, event),
                recorded_at: event.at,
                event: event.clone(),
                balance_after: balance,
                outcome: None,
                content: None,
                order: None,
                cancelled: 0,
                blocks: Vec::new(),
                charged: false,
            }
        });
        Ok(entries.collect())
    }
}
