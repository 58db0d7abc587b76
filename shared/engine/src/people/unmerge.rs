//! Two records of one person that were joined are parted again: one commit of both members, as they were read.

use domain::{
    decide::{Command, Later, LetGo, Part, Since},
    event::MergeStep,
    id::MergeId,
    member::{MemberId, Status},
    merge::UNMERGE_DAYS,
    programme::Timeline,
    refusal::Refusal,
    time::Instant,
};
use futures_util::future::BoxFuture;

use crate::{
    access::requests::{Request, Told},
    ledger::{parts::Parts, weigh::HISTORY_MAX},
    people::{
        People,
        merge::{Side, unmoved},
        view::MemberView,
    },
    store::{
        Expect, Key, StoreError, Write,
        error::{Error, until_settled},
        keys,
        reading::{newest, previous},
        records::{Answer, EntryRecord, PartedRecord, Unreadable},
        turns::Turn,
        write::put,
    },
};

/// A merge is to be undone.
#[derive(Clone, Debug)]
pub struct UnmergeAsk {
    /// The member that the other was merged into.
    pub member: MemberId,
    /// The merge.
    pub merge: MergeId,
    /// Why.
    pub reason: String,
}

/// Two records that are parted again.
#[derive(Clone, Debug)]
pub struct Unmerged {
    /// The one that stands for itself again, and the other.
    pub views: [MemberView; 2],
    /// Their entries.
    pub entries: [EntryRecord; 2],
}

impl People {
    /// Parts two records that were joined: each gets what came by way of it. `tell` makes the answer, which is
    /// remembered until the person is erased.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MergeNotFound`], [`Refusal::UnmergeRefused`],
    /// [`Refusal::LimitExceeded`] where too much has happened since; see [`Error`].
    pub async fn unmerge(
        &self,
        request: &Request,
        ask: &UnmergeAsk,
        tell: impl Fn(&Unmerged) -> Answer,
    ) -> Result<Told, Error> {
        let done = until_settled(|before| {
            let tell = &tell;
            async move {
                let request = self.access.renewed(request);
                self.attempt_to_unmerge(&request, ask, before > 0, tell).await
            }
        });
        self.access.or_remembered(request, done.await).await
    }

    async fn attempt_to_unmerge(
        &self,
        request: &Request,
        ask: &UnmergeAsk,
        in_doubt: bool,
        tell: &impl Fn(&Unmerged) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let id = self.records.reach(ask.member).await?.ok_or(Refusal::MemberNotFound)?.record.member.id;
        let came = self.records.entry_at(&keys::merge(ask.merge)).await?.ok_or(Refusal::MergeNotFound)?;
        let from = came.event.kind.merged_in().ok_or(Refusal::MergeNotFound)?.from;
        let refused = |why| Error::from(Refusal::UnmergeRefused { why });
        if came.member != id {
            let reached = self.records.reached(&[came.member]).await?;
            return Err(match reached[0] == id {
                true => refused("the member has itself been merged since"),
                false => Refusal::MergeNotFound.into(),
            });
        }
        if let Some(parted) = self.records.entry_at(&keys::unmerge(ask.merge)).await? {
            // An attempt whose outcome was unknown has succeeded.
            if in_doubt && parted.content == Some(request.content) {
                return self.parted_before(request, ask.merge, from, parted, tell).await;
            }
            return Err(refused("the merge was undone before"));
        }
        let mut turns = self.ledger.queues.begin();
        turns.take(&[Turn::Member(id), Turn::Member(from)]).await;
        let (request, programmes, [of, own]) = self.sides(request, id, from).await?;
        let merged = own.loaded.record.member.merged.filter(|merged| merged.merge == ask.merge);
        let merged = merged.ok_or(StoreError::LostRace)?;
        if of.loaded.record.member.merged.is_some() {
            return Err(StoreError::LostRace.into());
        }
        if of.member.status == Status::Erased {
            return Err(refused("the person was erased"));
        }
        if merged.at.plus_days(UNMERGE_DAYS) <= request.now {
            return Err(refused("it was merged more than 90 days ago"));
        }
        self.separate(&request, ask, &programmes, [of, own], &came, tell).await
    }

    /// Parts the two sides: the member, and the record that came in with that entry.
    async fn separate(
        &self,
        request: &Request,
        ask: &UnmergeAsk,
        programmes: &Timeline,
        [of, own]: [Side; 2],
        came: &EntryRecord,
        tell: &impl Fn(&Unmerged) -> Answer,
    ) -> Result<Told, Error> {
        let id = of.member.id;
        let away = self.entry_of(newest(&own.loaded.record), own.member.id).await?;
        let entries = self.entries_since(newest(&of.loaded.record), came.seq).await?;
        let is_own = |via: MemberId| own.member.answers_for(via);
        let later =
            entries.iter().map(|entry| Later { event: &entry.event, is_own: entry.via.is_some_and(is_own) });
        let later: Vec<Later<'_>> =
            later.chain(of.timely.iter().map(|event| Later { event, is_own: false })).collect();
        let since = Since::of(&own.member, &away.event, &came.event, &later, &of.member, request.now);
        let since = since.ok_or(Unreadable { key: keys::merge(ask.merge) })?;
        let letting = LetGo { since: &since, reason: &ask.reason };
        let parting = Part { of: &of.member, since: &since, reason: &ask.reason };
        let stays = self.decided_of(request, programmes, &of, &Command::LetGo(&letting)).await?;
        let goes = self.decided_of(request, programmes, &own, &Command::Part(&parting)).await?;
        let mut parts = Parts::new(&self.programme, programmes, request.by, request.now);
        let back = parts.member(own.part(request, &goes, None, None));
        let left = parts.member(of.part(request, &stays, Some(keys::unmerge(ask.merge)), Some(ask.member)));
        let entries = match (back, left) {
            (Some(back), Some(left)) => [back, left],
            _ => unreachable!("each side has the entry that was asked for"),
        };
        let mut views = Vec::new();
        for (side, decision) in [(&own, &goes), (&of, &stays)] {
            let person = side.person.clone().map(|(person, _)| person).unwrap_or_default();
            views.push(self.view(&decision.member, Some(&side.loaded.record), person, request.now).await?);
        }
        let answer = tell(&Unmerged { views: pair(views), entries });
        let mut writes = parts.into_writes();
        writes.extend(parted_record(&own, ask.merge, request.now));
        self.fits(request, &writes, [&of, &own]).await?;
        self.told_of(request, (writes, Vec::new()), id, answer, false).await
    }

    async fn parted_before(
        &self,
        request: &Request,
        merge: MergeId,
        from: MemberId,
        left: EntryRecord,
        tell: &impl Fn(&Unmerged) -> Answer,
    ) -> Result<Told, Error> {
        let loaded = self.records.load(from).await?.ok_or(Refusal::MemberNotFound)?;
        let other = self.records.load(left.member).await?.ok_or(Refusal::MemberNotFound)?;
        let both = vec![unmoved(&loaded), unmoved(&other)];
        let mut next = newest(&loaded.record);
        let back = loop {
            let entry = self.entry_of(next, from).await?;
            let is_it = entry.event.kind.merge().is_some_and(|step| step.parts().0 == merge);
            if is_it {
                break entry;
            }
            next = previous(&entry);
        };
        let id = left.member;
        let views =
            vec![self.member_itself(from, request.now).await?, self.member_itself(id, request.now).await?];
        let answer = tell(&Unmerged { views: pair(views), entries: [back, left] });
        self.told_of(request, (Vec::new(), both), id, answer, true).await
    }

    /// The entries of a ledger from that one back to the one after that number, oldest first. Where the member itself was
    /// merged for a time, what came in the other's ledger then stands in place of the two entries about it: it came by
    /// way of the same records.
    fn entries_since(&self, newest: Option<Key>, seq: u64) -> BoxFuture<'_, Result<Vec<EntryRecord>, Error>> {
        Box::pin(async move {
            let mut entries = Vec::new();
            let mut next = newest;
            while let Some(key) = next {
                let Some(entry) = self.records.entry_at(&key).await? else {
                    return Err(Unreadable { key }.into());
                };
                if entry.seq <= seq {
                    break;
                }
                next = previous(&entry);
                match entry.event.kind.merge() {
                    Some(MergeStep::Parted(merge, ..)) => {
                        let left = self.entry_of(Some(keys::unmerge(merge)), entry.member).await?;
                        let came = self.entry_of(Some(keys::merge(merge)), entry.member).await?;
                        let mut between = self.entries_since(previous(&left), came.seq).await?;
                        between.reverse();
                        entries.append(&mut between);
                    }
                    Some(MergeStep::Away(..)) => {}
                    Some(MergeStep::In(..) | MergeStep::From(..)) | None => entries.push(entry),
                }
                if entries.len() > HISTORY_MAX {
                    return Err(Refusal::LimitExceeded { what: "history" }.into());
                }
            }
            entries.reverse();
            Ok(entries)
        })
    }
}

/// The write that remembers from whom a record is parted, and for how long that one answered for it: what it was answered
/// shows both.
fn parted_record(own: &Side, merge: MergeId, now: Instant) -> Option<Write> {
    let merged = own.loaded.record.member.merged?;
    let parted = PartedRecord { of: merged.member, from: merged.at, until: now };
    Some(put(keys::parted(own.member.id, merge), Expect::Anything, &parted))
}

fn pair(views: Vec<MemberView>) -> [MemberView; 2] {
    <[MemberView; 2]>::try_from(views).unwrap_or_else(|_| unreachable!("there are two sides"))
}
