//! The sweep: writes down what settling already makes true, for every member on whom something is
//! due. It may be late, repeated or cut off; no figure depends on it.
//!
//! If a read or a commit takes milliseconds, doing them one after the other would be the bottleneck. So
//! members are read in batches and several batches run at once; if the store declines, the sweep asks for
//! less at once. Each commit still holds whole members, and expects each as it was read.

use domain::{
    event::{Event, TierStep},
    member::MemberId,
    programme::Programme,
    refusal::Refusal,
    settle,
    time::Instant,
};
use futures_util::future::{join_all, try_join_all};

use crate::{
    access::requests::Request,
    ledger::Ledger,
    store::{
        Key, StoreError, Write,
        error::{ATTEMPTS_MAX, Doubt, Error},
        keys,
        reading::Loaded,
        records::{Unreadable, decode},
        turns::Turn,
    },
};

/// The most members one call settles.
const MEMBERS_MAX: usize = 2_000;

/// Members that are read at once: the number of keys that DynamoDB takes in one request.
const BATCH_MAX: usize = 100;

/// The most batches that are under way at once: what one call settles is two rounds of them.
const BATCHES_AT_ONCE_MAX: usize = 10;

/// Writes that are gathered from several members into one commit.
const GATHERED_MAX: usize = 50;

/// What a sweep wrote down.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Swept {
    /// Members on whom something was due.
    pub members: u64,
    /// Points that expired.
    pub points_expired: u64,
    /// Tiers kept, or reached again.
    pub renewed: u64,
    /// Members re-rated upwards.
    pub upgraded: u64,
    /// Members re-rated downwards.
    pub downgraded: u64,
    /// Whether nothing is left to do.
    pub done: bool,
}

/// A part of all members, so that several sweeps run side by side without meeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    index: u8,
    of: u8,
}

impl Part {
    /// Everybody.
    pub const WHOLE: Part = Part { index: 0, of: 1 };

    /// Part number `index`, from 0, of `of`; `None` if there is no such part: there are 1 to
    /// [`keys::DUE_SHARDS`].
    pub fn new(index: u8, of: u8) -> Option<Part> {
        (index < of && of <= keys::DUE_SHARDS).then_some(Part { index, of })
    }

    /// Whether it is the first: its sweep also does what is done once for all of them.
    pub fn is_first(self) -> bool {
        self.index == 0
    }
}

/// What is due of a member, and how it is written down.
struct Due {
    id: MemberId,
    writes: Vec<Write>,
    events: Vec<Event>,
    /// Whether more is due after these.
    more: bool,
}

impl Ledger {
    /// Settles members on whom something is due by `as_of`, a bounded number of them.
    ///
    /// # Errors
    /// The store failed; what was settled by then stays settled.
    pub async fn sweep(&self, request: &Request, as_of: Instant, part: Part) -> Result<Swept, Error> {
        let (members, whole) = self.due_members(as_of, part).await?;
        let mut swept = Swept { done: whole, ..Swept::default() };
        let mut waiting: Vec<&[MemberId]> = members.chunks(BATCH_MAX).collect();
        let mut at_once = BATCHES_AT_ONCE_MAX;
        while !waiting.is_empty() {
            let later = waiting.split_off(waiting.len().min(at_once));
            let batches = std::mem::replace(&mut waiting, later);
            let settling = batches.iter().map(|batch| self.settle_batch(request, as_of, batch));
            let mut busy = false;
            for (batch, (counts, ended)) in batches.iter().zip(join_all(settling).await) {
                swept.add(counts);
                match ended {
                    Ok(()) => {}
                    // What was settled already is no longer due when it is read again.
                    Err(Error::Store(StoreError::Busy)) if at_once > 1 => {
                        waiting.push(batch);
                        busy = true;
                    }
                    Err(error) => return Err(error),
                }
            }
            if busy {
                at_once /= 2;
            }
        }
        if swept.done && part.is_first() {
            let days = self.programme.timeline()?.newest().activity_days;
            swept.done = self.access.forget_requests(request.now, days).await?;
        }
        Ok(swept)
    }

    /// The first members on whom something is due by `as_of`, and whether these are all.
    ///
    /// As many from each shard, in turn: a DynamoDB partition carries 1,000 write units a second, so a sweep
    /// that took one shard after the other would be no faster than one of them.
    async fn due_members(&self, as_of: Instant, part: Part) -> Result<(Vec<MemberId>, bool), Error> {
        let shards = (0..keys::DUE_SHARDS).filter(|shard| shard % part.of == part.index);
        let room = (MEMBERS_MAX / shards.clone().count().max(1)).max(1);
        let due = shards.map(|shard| self.records.store.scan(keys::due_until(shard, as_of), room));
        let due = try_join_all(due).await?;
        let whole = due.iter().all(|found| found.len() < room);
        let turns = (0..room).flat_map(|turn| due.iter().filter_map(move |found| found.get(turn)));
        let members = turns.map(|(key, _)| match keys::read_due(key) {
            Some((_, id)) => Ok(id),
            None => Err(Unreadable { key: key.clone() }.into()),
        });
        Ok((members.collect::<Result<_, Error>>()?, whole))
    }

    /// Settles one member by `as_of`.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], or the store failed.
    pub async fn sweep_member(
        &self,
        request: &Request,
        id: MemberId,
        as_of: Instant,
    ) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
        let id = loaded.record.member.id;
        self.settle_alone(request, id, as_of, &mut swept).await?;
        swept.done = true;
        Ok(swept)
    }

    /// Settles these members; returns what was settled, and how it ended.
    async fn settle_batch(
        &self,
        request: &Request,
        as_of: Instant,
        batch: &[MemberId],
    ) -> (Swept, Result<(), Error>) {
        let mut swept = Swept { done: true, ..Swept::default() };
        let ended = self.settle_together(request, as_of, batch, &mut swept).await;
        (swept, ended)
    }

    async fn settle_together(
        &self,
        request: &Request,
        as_of: Instant,
        batch: &[MemberId],
        swept: &mut Swept,
    ) -> Result<(), Error> {
        // A sweep over many members takes longer than a moment may be old.
        let request = &*self.access.renewed(request);
        let keys: Vec<Key> = batch.iter().copied().map(keys::member).collect();
        let found = self.records.store.get(&keys).await?;
        let mut gathered: Vec<Due> = Vec::new();
        for (key, record) in keys.iter().zip(found) {
            let Some(record) = record else { continue };
            let loaded = Loaded { record: decode(key, &record.value)?, version: record.version };
            let Some(due) = self.due(request, &loaded, as_of).await? else {
                continue;
            };
            let waiting: usize = gathered.iter().map(|due| due.writes.len()).sum();
            if waiting + due.writes.len() > GATHERED_MAX {
                self.write_down(request, as_of, std::mem::take(&mut gathered), swept).await?;
            }
            gathered.push(due);
        }
        self.write_down(request, as_of, gathered, swept).await
    }

    /// What is due of a member as it was read; `None` if nothing is.
    async fn due(&self, request: &Request, loaded: &Loaded, as_of: Instant) -> Result<Option<Due>, Error> {
        let mut member = loaded.record.member.clone();
        let programmes = self.programme.timeline_of(&member).await?;
        let nothing = member.due_at().is_none_or(|due| due > as_of);
        let events = settle(&programmes, &mut member, as_of);
        // A version of the programme raises members who are not in the due index.
        if nothing && events.is_empty() {
            return Ok(None);
        }
        let more = member.due_at().is_some_and(|due| due <= as_of);
        let writes = self.settled_writes(request, loaded, &member, &events)?;
        Ok(Some(Due { id: member.id, writes, events, more }))
    }

    async fn write_down(
        &self,
        request: &Request,
        as_of: Instant,
        gathered: Vec<Due>,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        let mut writes: Vec<Write> = gathered.iter().flat_map(|due| due.writes.iter().cloned()).collect();
        if writes.is_empty() {
            return Ok(());
        }
        // Two members may mark the same tier.
        writes.sort_by(|left, right| left.key.cmp(&right.key));
        writes.dedup_by(|left, right| left.key == right.key);
        match self.programme.commit_timely(request, writes).await {
            Ok(()) => {
                let programmes = self.programme.timeline()?;
                gathered.iter().for_each(|due| swept.count(due, programmes.newest()));
                Ok(())
            }
            // A command was faster with one of them: each goes alone, so that the others succeed.
            Err(Error::Store(StoreError::LostRace)) => {
                for due in gathered {
                    self.settle_alone(request, due.id, as_of, swept).await?;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn settle_alone(
        &self,
        request: &Request,
        id: MemberId,
        as_of: Instant,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        let mut turns = self.queues.begin();
        turns.take(&[Turn::Member(id)]).await;
        let mut doubt = Doubt::default();
        for _ in 0..ATTEMPTS_MAX {
            match doubt.settles(self.attempt_alone(request, id, as_of, swept).await) {
                None | Some(Ok(false)) => {}
                Some(Ok(true)) => return Ok(()),
                Some(Err(error)) => return Err(error),
            }
        }
        Err(doubt.gives_up())
    }

    /// Whether nothing is due of the member any more.
    async fn attempt_alone(
        &self,
        request: &Request,
        id: MemberId,
        as_of: Instant,
        swept: &mut Swept,
    ) -> Result<bool, Error> {
        let request = &*self.access.renewed(request);
        let Some(loaded) = self.records.load(id).await? else { return Ok(true) };
        let Some(due) = self.due(request, &loaded, as_of).await? else { return Ok(true) };
        self.programme.commit_timely(request, due.writes.clone()).await?;
        let more = due.more;
        swept.count(&Due { more: false, ..due }, self.programme.timeline()?.newest());
        Ok(!more)
    }
}

impl Swept {
    /// Adds another batch's counts.
    fn add(&mut self, other: Swept) {
        self.members += other.members;
        self.points_expired += other.points_expired;
        self.renewed += other.renewed;
        self.upgraded += other.upgraded;
        self.downgraded += other.downgraded;
        self.done &= other.done;
    }

    /// Counts what was committed of a member.
    fn count(&mut self, due: &Due, ladder: &Programme) {
        self.members += 1;
        self.done &= !due.more;
        for event in &due.events {
            let row = event.kind.row();
            if row.moves.is_expiry() {
                self.points_expired += event.movement.points().unsigned_abs();
            }
            match row.tier {
                Some(TierStep::Kept) => self.renewed += 1,
                Some(TierStep::Changed { from, to, by_version: _ }) => {
                    match ladder.rank(to).cmp(&ladder.rank(from)) {
                        std::cmp::Ordering::Less => self.downgraded += 1,
                        std::cmp::Ordering::Equal => self.renewed += 1,
                        std::cmp::Ordering::Greater => self.upgraded += 1,
                    }
                }
                // Time alone begins no trial.
                Some(TierStep::TrialStarted) | None => {}
            }
        }
    }
}
