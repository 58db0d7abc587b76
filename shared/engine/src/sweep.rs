//! The sweep: writes down what settling already makes true, for every member on whom something is
//! due. It may be late, repeated or cut off; no figure depends on it.

use domain::{
    event::{Event, What},
    member::MemberId,
    refusal::Refusal,
    settle,
    time::Instant,
};

use crate::{
    engine::{Engine, Request},
    error::Error,
    keys,
    records::RequestRecord,
    store::{Expect, Range, StoreError, Write},
    write::delete,
};

/// The most members one call settles.
const MEMBERS_MAX: usize = 2_000;

/// Writes that are gathered from several members into one commit.
const GATHERED_MAX: usize = 50;

/// Days for which a request is remembered under its key, at least.
const REMEMBERED_DAYS: u32 = 31;

/// Remembered requests that one call looks at.
const REQUESTS_MAX: usize = 2_000;

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

/// A part of all members, so that several sweeps go on side by side without meeting.
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
}

impl Engine {
    /// Settles members on whom something is due by `as_of`, a bounded number of them.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sweep(&self, request: &Request, as_of: Instant, part: Part) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let members = self.due_members(as_of, part).await?;
        swept.done = members.len() < MEMBERS_MAX;
        let mut gathered: Vec<(MemberId, Vec<Write>, Vec<Event>)> = Vec::new();
        for id in members {
            let (writes, events, more) = self.due_writes(request, id, as_of).await?;
            swept.done &= !more;
            let waiting: usize = gathered.iter().map(|(_, writes, _)| writes.len()).sum();
            if waiting + writes.len() > GATHERED_MAX {
                self.write_down(request, as_of, std::mem::take(&mut gathered), &mut swept).await?;
            }
            gathered.push((id, writes, events));
        }
        self.write_down(request, as_of, gathered, &mut swept).await?;
        if swept.done && part.index == 0 {
            self.forget_requests(request.now).await?;
        }
        Ok(swept)
    }

    /// The first members on whom something is due by `as_of`.
    async fn due_members(&self, as_of: Instant, part: Part) -> Result<Vec<MemberId>, Error> {
        let mut members = Vec::new();
        for shard in (0..keys::DUE_SHARDS).filter(|shard| shard % part.of == part.index) {
            let room = MEMBERS_MAX - members.len();
            if room == 0 {
                break;
            }
            let due = self.store.scan(keys::due_until(shard, as_of), room).await?;
            members.extend(due.iter().filter_map(|(key, _)| keys::read_due(key)).map(|(_, id)| id));
        }
        Ok(members)
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
        self.load(id).await?.ok_or(Refusal::MemberNotFound)?;
        self.settle_alone(request, id, as_of, &mut swept).await?;
        swept.done = true;
        Ok(swept)
    }

    /// What is due of a member, as writes; and whether more is due after them.
    async fn due_writes(
        &self,
        request: &Request,
        id: MemberId,
        as_of: Instant,
    ) -> Result<(Vec<Write>, Vec<Event>, bool), Error> {
        let programmes = self.programmes()?;
        let Some(loaded) = self.load(id).await? else { return Ok((Vec::new(), Vec::new(), false)) };
        if loaded.record.member.due_at().is_none_or(|due| due > as_of) {
            return Ok((Vec::new(), Vec::new(), false));
        }
        let mut member = loaded.record.member.clone();
        let events = settle(&programmes, &mut member, as_of);
        let more = member.due_at().is_some_and(|due| due <= as_of);
        // A sweep over many takes longer than a moment may be old.
        let request = self.renewed(request);
        Ok((self.settled_writes(&request, &loaded, &member, &events)?, events, more))
    }

    async fn write_down(
        &self,
        request: &Request,
        as_of: Instant,
        gathered: Vec<(MemberId, Vec<Write>, Vec<Event>)>,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        let mut writes: Vec<Write> =
            gathered.iter().flat_map(|(_, writes, _)| writes.iter().cloned()).collect();
        if writes.is_empty() {
            return Ok(());
        }
        // Two members may mark the same tier.
        writes.sort_by(|left, right| left.key.cmp(&right.key));
        writes.dedup_by(|left, right| left.key == right.key);
        match self.commit(writes).await {
            Ok(()) => {
                gathered
                    .iter()
                    .filter(|(_, writes, _)| !writes.is_empty())
                    .for_each(|(_, _, events)| swept.count(events, self));
                Ok(())
            }
            // A command was quicker with one of them: each alone, so that the others go through.
            Err(Error::Store(StoreError::LostRace)) => {
                for (id, _, _) in gathered {
                    self.settle_alone(request, id, as_of, swept).await?;
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
        let _turn = self.queue(id).await;
        for _ in 0..crate::engine::ATTEMPTS_MAX {
            let (writes, events, more) = self.due_writes(request, id, as_of).await?;
            if writes.is_empty() {
                return Ok(());
            }
            match self.commit(writes).await {
                Err(Error::Store(StoreError::LostRace | StoreError::Unknown(_))) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    swept.count(&events, self);
                    if !more {
                        return Ok(());
                    }
                }
            }
        }
        Err(Error::Contended)
    }

    /// Forgets requests that are remembered longer than promised: looks at a bounded number, goes
    /// on where the last call stopped, and starts again at the end.
    async fn forget_requests(&self, now: Instant) -> Result<(), Error> {
        let note = keys::note("requests_looked_at");
        let all = keys::all(keys::kind::REQUEST);
        let stopped = self.get(&note).await?;
        let from =
            stopped.as_ref().map_or(all.from.clone(), |record| crate::store::Key::new(record.value.clone()));
        let found = self.store.scan(Range { from, to: all.to }, REQUESTS_MAX).await?;
        let wrapped = found.len() < REQUESTS_MAX;
        if found.is_empty() && stopped.is_none() {
            return Ok(());
        }
        let mut writes = Vec::new();
        for (key, record) in &found {
            let request: RequestRecord = crate::records::decode(key, &record.value)?;
            if request.at.plus_days(REMEMBERED_DAYS) <= now {
                writes.push(delete(key.clone()));
                if let crate::records::Remembered::Personal(answer) = request.answer {
                    writes.push(delete(crate::store::Key::new(answer)));
                }
            }
        }
        for chunk in writes.chunks(GATHERED_MAX) {
            self.commit(chunk.to_vec()).await?;
        }
        let next = match (wrapped, found.last()) {
            (false, Some((key, _))) => {
                crate::store::Change::Put(bytes::Bytes::copy_from_slice(key.successor().as_bytes()))
            }
            _ => crate::store::Change::Delete,
        };
        self.commit(vec![Write { key: note, expect: Expect::Anything, change: next }]).await
    }
}

impl Swept {
    fn count(&mut self, events: &[Event], engine: &Engine) {
        self.members += 1;
        for event in events {
            match &event.what {
                What::PointsExpired => self.points_expired += event.movement.points().unsigned_abs(),
                What::TierKept { .. } => self.renewed += 1,
                What::TierChanged { from, to, .. } => {
                    let rank = |id: &str| {
                        engine.programmes().ok().and_then(|programmes| programmes.newest().rank(id))
                    };
                    match rank(to).cmp(&rank(from)) {
                        std::cmp::Ordering::Less => self.downgraded += 1,
                        std::cmp::Ordering::Equal => self.renewed += 1,
                        std::cmp::Ordering::Greater => self.upgraded += 1,
                    }
                }
                _ => {}
            }
        }
    }
}
