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
    /// By way of whom it came, where two records of one person are shown as one: one of these. What time does came by
    /// way of nobody.
    pub via: Option<MemberId>,
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
    /// The ledgers that it covers: the member's own, then those of members that it has absorbed.
    chains: Vec<Chain>,
}

/// A ledger that a page goes through, newest first.
struct Chain {
    owner: MemberId,
    /// The entry that brought it in, by whose it is and its number: it goes on behind that one.
    behind: Option<(MemberId, u64)>,
    /// How many of its entries are written.
    written: u64,
    /// What is due and not written yet, oldest first.
    pending: Vec<EntryRecord>,
    /// The number of the entry that comes next; 0 at the end.
    seq: u64,
    /// Its key, if it is written.
    key: Option<Key>,
    /// It, once it was read.
    head: Option<EntryRecord>,
}

impl Chain {
    /// The next entry, read but for the first time no more; `None` at the end.
    async fn read(&mut self, ledger: &Ledger) -> Result<(), Error> {
        if self.head.is_some() || self.seq == 0 {
            return Ok(());
        }
        if self.seq > self.written {
            let place = usize::try_from(self.seq - self.written - 1).ok();
            self.head = place.and_then(|place| self.pending.get(place).cloned());
        } else if let Some(key) = &self.key {
            let read = ledger.records.entry_at(key).await?;
            self.head = read.filter(|entry| entry.member == self.owner && entry.seq <= self.seq);
        }
        Ok(())
    }

    /// Goes on behind its entry; whether that was written.
    fn pass(&mut self, entry: &EntryRecord) -> bool {
        let was_written = entry.seq <= self.written;
        self.seq = entry.seq - 1;
        if was_written {
            self.key = previous(entry);
        }
        was_written
    }

    /// What a cursor says of it, unless it is at its end.
    fn place(&self, is_own: bool) -> Option<ChainPlace> {
        let own = || crate::store::keys::entry(self.owner, self.seq);
        // What is due will be written under the member's own key for it.
        let key = self.key.clone().filter(|_| self.seq <= self.written).unwrap_or_else(own);
        let member = (!is_own).then_some(self.owner);
        (self.seq > 0).then(|| ChainPlace { member, seq: self.seq, key: key.as_bytes().to_vec() })
    }
}

impl Page<'_> {
    fn has_room(&self) -> bool {
        self.shown.len() < self.limit && self.looked_at < LOOKS_MAX
    }

    /// Takes entries while there is room, the newest of all ledgers first.
    async fn fill(&mut self, ledger: &Ledger) -> Result<(), Error> {
        while self.has_room() {
            let mut newest: Option<(usize, Instant)> = None;
            for chain in &mut self.chains {
                chain.read(ledger).await?;
            }
            for (place, chain) in self.chains.iter().enumerate() {
                let Some(head) = &chain.head else { continue };
                // Of one moment, what came in ended later than what was there before it.
                if self.may_go_on(chain) && newest.is_none_or(|(_, at)| head.recorded_at >= at) {
                    newest = Some((place, head.recorded_at));
                }
            }
            let Some((place, _)) = newest else { return Ok(()) };
            self.take(place);
        }
        Ok(())
    }

    /// Whether all that is later than the ledger's own end has been passed.
    fn may_go_on(&self, chain: &Chain) -> bool {
        chain.behind.is_none_or(|(owner, seq)| {
            self.chains.iter().find(|other| other.owner == owner).is_none_or(|other| other.seq < seq)
        })
    }

    fn take(&mut self, place: usize) {
        let covers_several = self.chains.len() > 1;
        let chain = &mut self.chains[place];
        let Some(entry) = chain.head.take() else { return };
        if chain.seq <= chain.written && self.filter.ends_at(&entry) {
            chain.seq = 0;
            return;
        }
        let written = chain.pass(&entry);
        self.looked_at += 1;
        if !self.filter.lets(&entry) {
            return;
        }
        let whose = (place > 0 || entry.by != By::Time).then_some(entry.member);
        let via = entry.via.or(whose.filter(|_| covers_several));
        self.shown.push(LedgerEntry { entry, written, via });
    }

    /// The entries, and where to go on.
    fn end(self) -> (Vec<LedgerEntry>, Option<Place>) {
        let places = self.chains.iter().enumerate().filter_map(|(place, chain)| chain.place(place == 0));
        let chains: Vec<ChainPlace> = places.collect();
        let place = (!chains.is_empty() && self.looked_at > 0).then_some(Place { chains });
        (self.shown, place)
    }
}

/// A place in a member's ledger: the entries to continue with, of each of the ledgers that are shown as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The member's own first; a ledger that is not named is at its end.
    pub chains: Vec<ChainPlace>,
}

/// A place in one ledger: the entry to continue with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainPlace {
    /// Whose ledger, if that of a member that was absorbed.
    pub member: Option<MemberId>,
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
    /// Up to `limit` entries of the member's own ledger, newest first, from that place; and the place to continue
    /// from. It covers neither what the member has absorbed nor, if it was merged, the ledger that goes on.
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
        let loaded = self.records.load(id).await?.ok_or(Refusal::MemberNotFound)?;
        let chains = vec![self.chain(&loaded.record, from.as_ref(), now).await?];
        self.page(&Filter::default(), chains, limit).await
    }

    /// Up to `limit` entries that are wanted, newest first, of the member that the id leads to and of those that it has
    /// absorbed. There may be fewer although more follow: a call looks at a bounded number of entries.
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
        let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
        let absorbed = &loaded.record.member.absorbed;
        let known = |place: &ChainPlace| {
            place.member.is_none_or(|id| absorbed.iter().any(|absorbed| absorbed.member == id))
        };
        if from.as_ref().is_some_and(|from| !from.chains.iter().all(known)) {
            return Err(Error::ForeignPlace);
        }
        let mut chains = vec![self.chain(&loaded.record, from.as_ref(), now).await?];
        let brought: Vec<Key> =
            absorbed.iter().map(|absorbed| crate::store::keys::merge(absorbed.merge)).collect();
        for (absorbed, brought) in absorbed.iter().zip(self.records.entries_at(&brought).await?) {
            if let Some(other) = self.records.load(absorbed.member).await? {
                let chain = self.absorbed_chain(&other.record, from.as_ref()).await?;
                let behind = brought.map(|entry| (entry.member, entry.seq));
                chains.push(Chain { behind, ..chain });
            }
        }
        self.page(filter, chains, limit).await
    }

    async fn page(
        &self,
        filter: &Filter,
        chains: Vec<Chain>,
        limit: usize,
    ) -> Result<(Vec<LedgerEntry>, Option<Place>), Error> {
        let mut page = Page { filter, limit, shown: Vec::new(), looked_at: 0, chains };
        page.fill(self).await?;
        Ok(page.end())
    }

    /// A member's own ledger, with what is due, from that place on.
    async fn chain(&self, record: &MemberRecord, from: Option<&Place>, now: Instant) -> Result<Chain, Error> {
        let member = &record.member;
        let programmes = self.programme.timeline_of(member).await?;
        let (_, due) = settled(&programmes, member, now.max(member.as_of));
        let top = member.seq + due.len() as u64;
        let pending = self.pending(record, &due)?;
        let mut chain = Chain {
            owner: member.id,
            behind: None,
            written: member.seq,
            pending,
            seq: top,
            key: newest(record),
            head: None,
        };
        let own = from.map(|from| from.chains.iter().find(|place| place.member.is_none()));
        match own {
            Some(Some(place)) => {
                if let Some(key) = self.placed(member, place, top).await? {
                    chain.key = Some(key);
                }
                chain.seq = place.seq;
            }
            Some(None) => chain.seq = 0,
            None => {}
        }
        Ok(chain)
    }

    /// The ledger of a member that was absorbed, which goes on no more.
    async fn absorbed_chain(&self, record: &MemberRecord, from: Option<&Place>) -> Result<Chain, Error> {
        let member = &record.member;
        let (owner, written, pending) = (member.id, member.seq, Vec::new());
        let (seq, key, head) = (written, newest(record), None);
        let mut chain = Chain { owner, behind: None, written, pending, seq, key, head };
        let own = from.map(|from| from.chains.iter().find(|place| place.member == Some(owner)));
        match own {
            Some(Some(place)) => {
                chain.key = self.placed(member, place, written).await?;
                chain.seq = place.seq;
            }
            Some(None) => chain.seq = 0,
            None => {}
        }
        Ok(chain)
    }

    /// The key of the entry at that place; `None` if it is due and not written yet.
    async fn placed(&self, member: &Member, place: &ChainPlace, top: u64) -> Result<Option<Key>, Error> {
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
                via: None,
                grant: None,
            }
        });
        Ok(entries.collect())
    }
}
