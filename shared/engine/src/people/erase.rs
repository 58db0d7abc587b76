//! Erasure: deletes the person, and keeps the ledger under the bare id.

use domain::{
    decide::SetStatus,
    event::MergeStep,
    member::{MemberId, Person, Status},
    time::{DAY_MILLIS, Instant},
};

use crate::{
    access::{forget::REMEMBERED_DAYS_MAX, requests::Request},
    ledger::act::{Act, Whom},
    people::People,
    store::{
        Write,
        error::{ATTEMPTS_MAX, Error, until_settled},
        id::IdentityHash,
        keys,
        look::Look,
        reading::newest,
        records::{EntryRecord, MemberCardRecord, PartedRecord, RequestRecord, SignalsRecord, decode},
        write::{delete, delete_read},
    },
};

/// Answers that are deleted in one commit.
const ANSWERS_AT_ONCE: usize = 50;

/// How far the moment of an answer may lie from that of the commit that wrote it, in milliseconds.
const APART_MILLIS: i64 = 10 * 60 * 1_000;

impl People {
    /// Deletes the person: profile, identities, claims, card, links and answers with personal data, of the member that
    /// the id leads to and of all records that it has absorbed. The ledgers stay under the bare ids. Repeating it does
    /// nothing more.
    ///
    /// # Errors
    /// [`domain::refusal::Refusal::MemberNotFound`], or the store failed.
    pub async fn erase(
        &self,
        request: &Request,
        id: MemberId,
        claims: impl Fn(&Person) -> Vec<IdentityHash>,
    ) -> Result<(), Error> {
        let reason = "erased on request".to_owned();
        let set = SetStatus { status: Status::Erased, reason };
        let keyless = Request { key: None, ..request.clone() };
        let done = self.ledger.execute(&keyless, &Act::set_status(Whom::Id(id), set)).await?;
        // From here on something has been written, whatever happens to the rest. Nobody who has left absorbs anybody.
        let loaded = self.records.load(done.member).await.map_err(Error::half_done)?;
        let absorbed = loaded.iter().flat_map(|loaded| &loaded.record.member.absorbed);
        for id in absorbed.map(|absorbed| absorbed.member).chain([done.member]) {
            self.partners.erase_links(request, id).await.map_err(Error::half_done)?;
            self.erase_person(id, request.now, &claims).await.map_err(Error::half_done)?;
            let parted = self.parted_from(id, request.now).await.map_err(Error::half_done)?;
            self.erase_between(parted, request.now).await.map_err(Error::half_done)?;
        }
        Ok(())
    }

    /// The person and the card go first: whoever remembers an answer expects one of the two, so that none comes
    /// after them, and then the answers are gone for good.
    async fn erase_person(
        &self,
        id: MemberId,
        now: Instant,
        claims: &impl Fn(&Person) -> Vec<IdentityHash>,
    ) -> Result<(), Error> {
        until_settled(|_| self.attempt_to_erase(id, &claims)).await?;
        for _ in 0..ATTEMPTS_MAX {
            if until_settled(|_| self.erase_answers(id, now)).await? {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    async fn attempt_to_erase(
        &self,
        id: MemberId,
        claims: &impl Fn(&Person) -> Vec<IdentityHash>,
    ) -> Result<(), Error> {
        let mut writes = Vec::new();
        if let Some((person, version)) = self.records.person(id).await? {
            writes.extend(claims(&person).into_iter().map(|hash| delete(keys::identity(hash))));
            writes.push(delete_read(keys::person(id), version));
        }
        let card = self.records.read::<MemberCardRecord>(&keys::member_card(id)).await?;
        if let Some((card, version)) = card {
            writes.push(delete_read(keys::member_card(id), version));
            writes.push(delete(keys::card(card.hash)));
        }
        let said = self.records.read::<SignalsRecord>(&keys::signals(id)).await?;
        if let Some((said, version)) = said {
            writes.push(delete_read(keys::signals(id), version));
            writes.extend(said.signals.into_iter().map(|hash| delete(keys::signal(hash, id))));
        }
        if writes.is_empty() { Ok(()) } else { self.programme.commit(writes).await }
    }

    /// Deletes a page of the answers, and what others were answered while they answered for this record; whether it was
    /// the last.
    async fn erase_answers(&self, id: MemberId, now: Instant) -> Result<bool, Error> {
        let answers = self.records.store.scan(keys::answers(id), ANSWERS_AT_ONCE).await?;
        let is_last = answers.len() < ANSWERS_AT_ONCE;
        // A record says where the others are, so it goes after them.
        let records = answers.iter().filter(|(key, _)| keys::is_parted(key));
        let parted: Vec<PartedRecord> =
            records.map(|(key, record)| decode(key, &record.value)).collect::<Result<_, _>>()?;
        self.erase_between(parted, now).await?;
        let writes: Vec<Write> = answers.into_iter().map(|(key, _)| delete(key)).collect();
        if !writes.is_empty() {
            self.programme.commit(writes).await?;
        }
        Ok(is_last)
    }

    /// From whom a record was parted of late, as its ledger says: builds that left no record of it have undone merges
    /// too.
    async fn parted_from(&self, id: MemberId, now: Instant) -> Result<Vec<PartedRecord>, Error> {
        let Some(loaded) = self.records.load(id).await? else { return Ok(Vec::new()) };
        let since = now.plus_millis(-i64::from(REMEMBERED_DAYS_MAX) * DAY_MILLIS);
        let mut parted = Vec::new();
        let see = |entry: EntryRecord| {
            if let Some(MergeStep::Parted(merge, of, _)) = entry.event.kind.merge() {
                parted.push((merge, of, entry.event.at));
            }
            Ok(())
        };
        self.ledger.look_back(newest(&loaded.record), since, see).await?;
        let mut found = Vec::new();
        for (merge, of, until) in parted {
            if let Some(came) = self.records.entry_at(&keys::merge(merge)).await? {
                found.push(PartedRecord { of, from: came.event.at, until });
            }
        }
        Ok(found)
    }

    /// Deletes what others were answered while they answered for a record that is erased, and what a third one was, while
    /// that answered for one of them. It is not theirs alone: it shows all of them.
    async fn erase_between(&self, parted: Vec<PartedRecord>, now: Instant) -> Result<(), Error> {
        let (mut left, mut done) = (parted, Vec::new());
        while let Some(next) = left.pop() {
            // Two may have been parted from each other, at one moment.
            if done.contains(&next) {
                continue;
            }
            let own = [self.answered_between(&next).await?, self.parted_from(next.of, now).await?].concat();
            left.extend(own.into_iter().filter_map(|own| {
                let (from, until) = (next.from.max(own.from), next.until.min(own.until));
                (from <= until).then_some(PartedRecord { of: own.of, from, until })
            }));
            done.push(next);
        }
        Ok(())
    }

    /// Deletes what one was answered between two moments; from whom it was itself parted, as records say.
    async fn answered_between(&self, parted: &PartedRecord) -> Result<Vec<PartedRecord>, Error> {
        // Clocks differ, and an answer is of the moment that its request came. Nothing else of it says whether it shows
        // both, so whatever may do so goes.
        let (first, last) = (parted.from.plus_millis(-APART_MILLIS), parted.until.plus_millis(APART_MILLIS));
        let mut range = keys::answers(parted.of);
        let mut own = Vec::new();
        loop {
            let page = self.records.store.scan(range.clone(), ANSWERS_AT_ONCE).await?;
            let Some((end, _)) = page.last() else { return Ok(own) };
            range.from = end.successor();
            let mut asked = Look::default();
            let mut asking = Vec::new();
            for (key, record) in &page {
                match keys::read_answer(key) {
                    Some(request) => asking.push((key, asked.at::<RequestRecord>(keys::request(request)))),
                    None => own.push(decode(key, &record.value)?),
                }
            }
            let seen = self.records.look(asked).await?;
            let mut writes = Vec::new();
            for (key, request) in asking {
                // One whose request is forgotten is nobody's.
                let at = seen.read(request)?.map(|(request, _)| request.at);
                if at.is_none_or(|at| first <= at && at <= last) {
                    writes.push(delete(key.clone()));
                }
            }
            if !writes.is_empty() {
                self.programme.commit(writes).await?;
            }
        }
    }
}
