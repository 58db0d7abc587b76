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

/// A place in a member's ledger: the entry to continue with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its number.
    pub seq: u64,
    /// Its key.
    pub key: Vec<u8>,
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
        let mut shown = Vec::new();
        let pending = self.pending(&loaded.record, &due)?;
        let above = pending.into_iter().rev().filter(|entry| entry.seq <= start).take(limit);
        shown.extend(above.map(|entry| LedgerEntry { entry, written: false }));
        let mut next = placed.or_else(|| newest(&loaded.record));
        while let Some(key) = next.clone().filter(|_| shown.len() < limit) {
            let Some(entry) = self.records.entry_at(&key).await?.filter(|entry| entry.member == id) else {
                break;
            };
            next = previous(&entry);
            if entry.seq <= start {
                shown.push(LedgerEntry { entry, written: true });
            }
        }
        let rest = shown.last().map_or(0, |last| last.entry.seq - 1);
        let place = (rest > 0).then(|| {
            // What is due will be written under the member's own key for it.
            let own = next.filter(|_| rest <= member.seq);
            let key = own.unwrap_or_else(|| crate::store::keys::entry(id, rest));
            Place { seq: rest, key: key.as_bytes().to_vec() }
        });
        Ok((shown, place))
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
