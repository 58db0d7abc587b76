//! `execute`: the one shell that every command on a member's ledger goes through. Recognise a
//! replay → load → settle → decide → commit; after a lost race, again, up to a limit.

use domain::{
    condition::Wants,
    decide::{Command, Context, Decision, Stop, decide},
    event::OrderState,
    member::{Member, MemberId},
    refusal::Refusal,
};
use tokio::sync::MutexGuard;

use crate::{
    accounts::{Account, Met},
    engine::{ATTEMPTS_MAX, Engine, Loaded, Request, Whom, unchanged},
    ledger::{
        act::Act,
        write::{MemberWrites, Primary, put},
    },
    store::{
        Expect, Key, Record, StoreError, Version, WRITES_MAX, Write,
        error::{Doubt, Error},
        keys,
        records::{EntryRecord, MemberRecord, Outcome, Remembered, RequestRecord, decode},
    },
};

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Done {
    /// Whose ledger it was about.
    pub member: MemberId,
    /// The entry it is about, with what the caller is told; `None` if there was nothing to do.
    pub entry: Option<EntryRecord>,
    /// Whether it had been done before and this is the first answer again.
    pub replayed: bool,
}

/// The order or redemption that a command is about, as stored.
struct Target {
    key: Key,
    entry: EntryRecord,
    version: Version,
}

/// What an attempt has read of whom and what it is about.
struct Found {
    id: MemberId,
    loaded: Loaded,
    target: Option<Target>,
    met: Option<Met>,
}

impl Engine {
    /// Does what is asked, once.
    ///
    /// # Errors
    /// A refusal of the rules, a request that contradicts an earlier one, or a store that failed;
    /// see [`Error`].
    pub async fn execute(&self, request: &Request, act: &Act) -> Result<Done, Error> {
        if let Some(brand) = act.brand()
            && !request.reaches(&*self.programmes()?, Some(brand))
        {
            return Err(Error::Forbidden);
        }
        // An unknown outcome is settled by looking again, where a repeat is recognised.
        let recognisable = request.key.is_some() || act.natural_key().is_some();
        let mut doubt = Doubt::default();
        for attempt in 0..ATTEMPTS_MAX {
            // Most requests are new. That this one is, the commit itself finds out for nothing; a
            // look beforehand would cost every request a read. So the first attempt does without,
            // and whatever keeps it from committing may be that it was done before.
            let look = attempt > 0 || request.dry_run || !recognisable;
            let request = self.renewed(request);
            match self.attempt(&request, act, look).await {
                Err(Error::Refused(_)) if !look => {}
                unknown @ Err(Error::Store(StoreError::Unknown(_))) if !recognisable => return unknown,
                done => {
                    if let Some(settled) = doubt.settles(done) {
                        return settled;
                    }
                }
            }
        }
        Err(doubt.gives_up())
    }

    /// One attempt; with `look`, an earlier answer is looked for first.
    async fn attempt(&self, request: &Request, act: &Act, look: bool) -> Result<Done, Error> {
        let known = match act.whom() {
            Some(Whom::Id(id)) => Some(id),
            // First of all: a reference that has ended is unknown, also to what was done under it.
            Some(whom @ (Whom::Linked(_) | Whom::Nobody)) => {
                Some(self.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?)
            }
            _ => None,
        };
        // Known members queue before they are read, others after.
        let early = match known {
            Some(id) => Some(self.queue(id).await),
            None => None,
        };
        let account = known.and_then(|id| self.account_for(act, id));
        let shard = account.as_ref().map(Account::shard_key);
        let _shard_turn = self.turn_at(shard.as_ref()).await;
        let request_key = request.key.filter(|_| look).map(keys::request);
        let natural = act.natural_key().filter(|_| look);
        let asked = [request_key.clone(), natural.clone(), known.map(keys::member), shard];
        let wanted: Vec<Key> = asked.iter().flatten().cloned().collect();
        let mut found = self.store.get(&wanted).await?.into_iter();
        let mut next = |key: &Option<Key>| key.as_ref().and_then(|_| found.next().flatten());
        let [answered, recorded, member, shard] = [&asked[0], &asked[1], &asked[2], &asked[3]].map(&mut next);
        if let (Some(key), Some(record)) = (&request_key, answered) {
            return self.replay_request(request, key, &record).await;
        }
        if let (Some(key), Some(record)) = (&natural, recorded) {
            let done = replay_natural(request, act, key, &record)?;
            // From now on this key stands for it too.
            self.commit_remembered(request, Remembered::Entry(key.as_bytes().to_vec())).await?;
            return Ok(done);
        }
        let done = match known {
            None => self.attempt_indirect(request, act, look).await,
            Some(id) => {
                let record = member.ok_or(Refusal::MemberNotFound)?;
                let record_of = decode(&keys::member(id), &record.value)?;
                let loaded = Loaded { record: record_of, version: record.version };
                let met = account.map(|account| Met::new(account, shard)).transpose()?;
                self.act_on(request, act, Found { id, loaded, target: None, met }, look).await
            }
        };
        drop(early);
        match done {
            // Its twin may have done it after that look, and be what it is refused for.
            Err(Error::Refused(_)) if look && self.is_known(request, act).await? => {
                Err(StoreError::LostRace.into())
            }
            done => done,
        }
    }

    /// Whether it is done by now, under its key or its own name.
    async fn is_known(&self, request: &Request, act: &Act) -> Result<bool, Error> {
        let names: Vec<Key> = request.key.map(keys::request).into_iter().chain(act.natural_key()).collect();
        if names.is_empty() {
            return Ok(false);
        }
        Ok(self.store.get(&names).await?.iter().any(Option::is_some))
    }

    /// The member is found by an identity, or by the order or redemption.
    async fn attempt_indirect(&self, request: &Request, act: &Act, look: bool) -> Result<Done, Error> {
        let (id, target) = match (act.whom(), act.target_key()) {
            (Some(whom), _) => (self.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?, None),
            (None, Some(key)) => {
                let read = self.read::<EntryRecord>(&key).await?;
                let (entry, version) = read.ok_or(act.target_missing())?;
                let reaches = request.reaches(&*self.programmes()?, entry.event.kind.row().brand);
                if !reaches {
                    return Err(act.target_missing().into());
                }
                // An order is judged by its own version, which another instance may just have saved.
                if let Some(order) = entry.event.kind.row().order
                    && self.programmes()?.version(order.version).is_none()
                {
                    self.refresh().await?;
                }
                (entry.member, Some(Target { key, entry, version }))
            }
            (None, None) => return Err(Refusal::MemberNotFound.into()),
        };
        let _turn = self.queue(id).await;
        let account = match &target {
            Some(target) => self.refunding(&target.entry).filter(|_| matches!(act, Act::Refund { .. })),
            None => self.account_for(act, id),
        };
        let shard = account.as_ref().map(Account::shard_key);
        let _shard_turn = self.turn_at(shard.as_ref()).await;
        let wanted: Vec<Key> = [Some(keys::member(id)), shard].into_iter().flatten().collect();
        let mut found = self.store.get(&wanted).await?.into_iter();
        let record = found.next().flatten().ok_or(Refusal::MemberNotFound)?;
        let loaded = Loaded { record: decode(&wanted[0], &record.value)?, version: record.version };
        let met = account.map(|account| Met::new(account, found.next().flatten())).transpose()?;
        self.act_on(request, act, Found { id, loaded, target, met }, look).await
    }

    /// The account that the command takes points from, if its brand's are counted.
    fn account_for(&self, act: &Act, id: MemberId) -> Option<Account> {
        act.spends().and_then(|(brand, way)| self.spending(brand, way, id))
    }

    async fn turn_at(&self, shard: Option<&Key>) -> Option<MutexGuard<'_, ()>> {
        match shard {
            Some(shard) => Some(self.shard_turn(shard).await),
            None => None,
        }
    }

    async fn act_on(&self, request: &Request, act: &Act, found: Found, look: bool) -> Result<Done, Error> {
        let Found { id, loaded, target, met } = found;
        if act.is_done(&loaded.record.member) {
            // Said again under this key, whatever becomes of the member.
            self.commit_remembered(request, Remembered::Nothing(id)).await?;
            return Ok(Done { member: id, entry: None, replayed: false });
        }
        if target.as_ref().is_some_and(|target| target.entry.cancelled) {
            return Err(Refusal::AlreadyCancelled.into());
        }
        let programmes = self.programmes()?;
        let now = request.now.max(loaded.record.member.as_of);
        let (loaded, settled, timely) = self.settle_stored(request, id, loaded).await?;
        let context =
            Context { programmes: &programmes, now, person: None, history: None, any_age: request.any_age };
        let command = command(act, target.as_ref())?;
        let decision = self.decide_with(context, &loaded.record, &settled, &command).await?;
        let order = target.as_ref().map(|target| &target.entry);
        let charge = self.charge(met.as_ref(), order, &decision, request.dry_run, look).await?;
        let primary = Primary {
            index: timely.len(),
            key: act.natural_key(),
            content: request.content,
            outcome: outcome(&decision),
            blocks: charge.blocks.clone(),
            charged: charge.credit,
        };
        let unnamed = || keys::entry(id, loaded.record.member.seq + 1 + timely.len() as u64);
        let primary_key = primary.key.clone().unwrap_or_else(unnamed);
        let settled_events = timely.len();
        let mut events = timely;
        events.extend(decision.events);
        let parts = MemberWrites {
            programmes: &programmes,
            by: request.by,
            recorded_at: now,
            before: Some(&loaded),
            brand: None,
            after: &decision.member,
            events,
            timely: settled_events,
        };
        let (mut writes, entry) = parts.build(self, Some(primary));
        writes.extend(charge.write.clone());
        // Two more may follow. What time has done goes first, if all is too much for one commit.
        if writes.len() + 2 > WRITES_MAX && !request.dry_run {
            return self.settle_first(request, &loaded, settled_events, now).await;
        }
        if !request.dry_run {
            writes.extend(target_write(target, decision.order));
            writes.extend(remember(request, Remembered::Entry(primary_key.as_bytes().to_vec())));
            self.commit_timely(request, writes).await?;
        }
        Ok(Done { member: id, entry, replayed: false })
    }

    /// Remembers an answer that changes nothing under the request's key, if it has one.
    async fn commit_remembered(&self, request: &Request, answer: Remembered) -> Result<(), Error> {
        match remember(request, answer) {
            Some(write) => self.commit(vec![write]).await,
            None => Ok(()),
        }
    }

    /// Decides, looking up what the decision asks for.
    async fn decide_with(
        &self,
        context: Context<'_>,
        record: &MemberRecord,
        settled: &Member,
        command: &Command<'_>,
    ) -> Result<Decision, Error> {
        // Each look-up settles one kind of question; a history is asked for again only if it must
        // reach further back, at most once for each limit and condition of the programme.
        match decide(&context, settled, command) {
            Ok(decision) => Ok(decision),
            Err(Stop::Refused(refusal)) => Err(refusal.into()),
            Err(Stop::Wants(Wants::Person)) => {
                let person = self.person(settled.id).await?.map(|(person, _)| person).unwrap_or_default();
                let context = Context { person: Some(&person), ..context };
                Box::pin(self.decide_with(context, record, settled, command)).await
            }
            Err(Stop::Wants(Wants::History(since))) => {
                let history = self.history(record, since).await?;
                let context = Context { history: Some(&history), ..context };
                Box::pin(self.decide_with(context, record, settled, command)).await
            }
        }
    }

    /// The first answer again, for a request whose key is known.
    async fn replay_request(&self, request: &Request, key: &Key, record: &Record) -> Result<Done, Error> {
        let known: RequestRecord = decode(key, &record.value)?;
        if known.content != request.content {
            return Err(Error::KeyReused);
        }
        let bytes = match known.answer {
            Remembered::Entry(bytes) => bytes,
            Remembered::Nothing(member) => return Ok(Done { member, entry: None, replayed: true }),
            Remembered::Whole(_) | Remembered::Personal(_) => return Err(Error::KeyReused),
        };
        let key = Key::new(bytes);
        let entry = self.entry_at(&key).await?.ok_or(crate::store::records::Unreadable { key })?;
        Ok(Done { member: entry.member, entry: Some(entry), replayed: true })
    }
}

/// The first answer again, for something that is known by its own name.
fn replay_natural(request: &Request, act: &Act, key: &Key, record: &Record) -> Result<Done, Error> {
    let entry: EntryRecord = decode(key, &record.value)?;
    if matches!(act, Act::Redeem(..)) && entry.cancelled {
        return Err(Refusal::AlreadyCancelled.into());
    }
    if entry.content != Some(request.content) {
        return Err(Refusal::OrderConflict.into());
    }
    Ok(Done { member: entry.member, entry: Some(entry), replayed: true })
}

fn command<'a>(act: &'a Act, target: Option<&'a Target>) -> Result<Command<'a>, Error> {
    Ok(match act {
        Act::EarnOrder(_, order) => Command::EarnOrder(order),
        Act::EarnActivity(_, activity) => Command::EarnActivity(activity),
        Act::Redeem(_, redeem) => Command::Redeem(redeem),
        Act::Adjust(_, _, adjust) => Command::Adjust(adjust),
        Act::IssueBadge(_, issue) => Command::IssueBadge(issue),
        Act::SetStatus(_, set) => Command::SetStatus(set),
        Act::Refund { ask, .. } => {
            let entry = &target.ok_or(Refusal::OrderNotFound)?.entry;
            let order = entry.event.kind.row().order.ok_or(Refusal::OrderNotFound)?;
            let state = entry.order.as_ref().ok_or(Refusal::OrderNotFound)?;
            Command::Refund { order, state, ask }
        }
        Act::Cancel { redemption } => {
            let entry = &target.ok_or(Refusal::RedemptionNotFound)?.entry;
            Command::CancelRedemption { redemption: *redemption, redeemed: &entry.event }
        }
    })
}

/// The order with its new state, or the redemption marked as cancelled.
fn target_write(target: Option<Target>, order: Option<OrderState>) -> Option<Write> {
    let Target { key, mut entry, version } = target?;
    match order {
        Some(state) => entry.order = Some(state),
        None => entry.cancelled = true,
    }
    Some(put(key, Expect::Version(version), &entry))
}

/// The write that remembers an answer under the request's key, if it has one.
pub(crate) fn remember(request: &Request, answer: Remembered) -> Option<Write> {
    let key = keys::request(request.key?);
    let record = RequestRecord { content: request.content, at: request.now, answer };
    Some(put(key, unchanged(None), &record))
}

fn outcome(decision: &Decision) -> Outcome {
    let member = &decision.member;
    Outcome {
        available: member.available(),
        held: member.held(),
        debt: member.debt,
        growth: member.growth,
        tier: member.standing.tier.clone(),
        upgraded_to: decision.upgraded_to().map(str::to_owned),
        badges_issued: decision.badges_issued().map(str::to_owned).collect(),
    }
}
