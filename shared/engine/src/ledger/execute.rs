//! `execute`: the one shell that every command on a member's ledger goes through. Recognise a
//! replay → load → settle → decide → commit; after a lost race, again, up to a limit.

use std::sync::Arc;

use domain::{
    decide::{Context, Decision},
    event::Event,
    member::MemberId,
    programme::Timeline,
    time::Instant,
};

use crate::{
    access::requests::{Request, remember},
    accounts::{Charge, NextCode},
    ledger::{
        Ledger,
        act::{Act, Done, OfGrant},
        bringing::{Brings, Brought},
        find::Found,
        grants::Gathered,
        parts::{Becomes, MemberPart, Parts, Primary, Target},
        replay::Names,
    },
    store::{
        StoreError, WRITES_MAX, Write,
        error::{ATTEMPTS_MAX, Doubt, Error},
        keys,
        look::Look,
        reading::Loaded,
        records::{Changed, Outcome, Remembered},
        turns::Turns,
    },
};

/// A decision, and what it was made from.
struct Decided {
    via: MemberId,
    shorter: Option<Write>,
    programmes: Arc<Timeline>,
    now: Instant,
    loaded: Loaded,
    /// What time alone did before.
    timely: Vec<Event>,
    decision: Decision,
    charge: Charge,
    /// What an offer's account becomes.
    counted: Vec<Write>,
    /// The code of somebody else's that is handed out, and the write by which it is.
    code: Option<NextCode>,
    /// What becomes of gifts for an order of which nothing remains.
    fallen: Vec<Write>,
    target: Option<Target>,
    /// What becomes of whoever has brought the member.
    brings: Option<Brings>,
}

impl Ledger {
    /// Does what is asked, once.
    ///
    /// # Errors
    /// A refusal of the rules, a request that contradicts an earlier one, or a store that failed;
    /// see [`Error`].
    pub async fn execute(&self, request: &Request, act: &Act) -> Result<Done, Error> {
        if let Some(brand) = &act.brand
            && !request.reaches(&*self.programme.timeline()?, Some(brand))
        {
            return Err(Error::Forbidden);
        }
        // An unknown outcome is settled by looking again, if a repeat can be recognised.
        let recognisable = request.key.is_some() || act.natural_key.is_some() || act.is_named_within();
        let mut doubt = Doubt::default();
        for attempt in 0..ATTEMPTS_MAX {
            // Most requests are new, and the commit itself finds out whether this one is, at no cost; a look
            // beforehand would cost every request a read. So the first attempt does not look, and whatever
            // keeps it from committing may be that the request was done before.
            let look = attempt > 0 || request.dry_run || !recognisable;
            let request = self.access.renewed(request);
            match self.attempt(&request, act, look).await {
                Err(Error::Refused(_)) if !look => {}
                unknown @ Err(Error::Store(StoreError::Unknown(_))) if !recognisable => {
                    return unknown;
                }
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
        let mut turns = self.queues.begin();
        let mut asked = Look::default();
        let names = look.then(|| Names::ask(request, act, &mut asked));
        // A member named by an id queues, and is read together with what may be known of the request.
        let place = match self.named(request, act).await? {
            Some(id) => Some(self.place(act, id, None, &mut turns, &mut asked).await),
            None => None,
        };
        let seen = self.records.look(asked).await?;
        if let Some(names) = names
            && let Some(done) = self.replayed(request, act, &names, &seen).await?
        {
            return Ok(done);
        }
        let done = match place {
            Some(place) => self.act_on(request, act, place.found(&seen)?, look, &mut turns).await,
            None => self.attempt_indirect(request, act, look, &mut turns).await,
        };
        drop(turns);
        match done {
            // Its twin may have committed after that look, and be the cause of the refusal.
            Err(Error::Refused(_)) if look && self.is_known(request, act).await? => {
                Err(StoreError::LostRace.into())
            }
            done => done,
        }
    }

    /// The member is found by an identity, or by the order or redemption.
    async fn attempt_indirect<'q>(
        &'q self,
        request: &Request,
        act: &Act,
        look: bool,
        turns: &mut Turns<'q>,
    ) -> Result<Done, Error> {
        let (id, target) = self.find(request, act).await?;
        let mut asked = Look::default();
        let place = self.place(act, id, target, turns, &mut asked).await;
        let found = place.found(&self.records.look(asked).await?)?;
        self.act_on(request, act, found, look, turns).await
    }

    async fn act_on<'q>(
        &'q self,
        request: &Request,
        act: &Act,
        found: Found,
        look: bool,
        turns: &mut Turns<'q>,
    ) -> Result<Done, Error> {
        let found = match found.loaded.record.member.merged {
            Some(_) => self.arrive(act, found, turns).await?,
            None => found,
        };
        let id = found.id;
        if act.is_done(&found.loaded.record.member) {
            // Answered again under this key, whatever happens to the member.
            self.commit_remembered(request, Remembered::Nothing(id)).await?;
            return Ok(Done { member: id, entry: None, replayed: false });
        }
        let (found, brought) = self.brought(request, act, found, turns).await?;
        let as_of = brought.as_ref().map_or(request.now, Brought::as_of);
        let later = (as_of > request.now).then(|| Request { now: as_of, ..request.clone() });
        let request = later.as_ref().unwrap_or(request);
        let gathered = match act.of_grant() {
            None => Gathered::default(),
            Some(of) => match self.gather(request, of, &found, turns).await? {
                Ok(gathered) => gathered,
                Err(done) => return Ok(done),
            },
        };
        let done = match self.decide(request, act, (found, gathered, brought), look, turns).await {
            Ok(decided) => self.write(request, act, decided).await,
            Err(error) => Err(error),
        };
        // A claim's twin may have committed since what was issued was read, and have taken the last piece.
        if let (Err(Error::Refused(_)), true, Some(OfGrant::Issue(ask))) = (&done, look, act.of_grant())
            && self.is_issued(id, ask).await?
        {
            return Err(StoreError::LostRace.into());
        }
        done
    }

    /// Settles and decides, and charges accounts; writes nothing of the command.
    async fn decide(
        &self,
        request: &Request,
        act: &Act,
        (found, gathered, brought): (Found, Gathered, Option<Brought>),
        look: bool,
        turns: &mut Turns<'_>,
    ) -> Result<Decided, Error> {
        let Found { id, via, shorter, loaded, target, met } = found;
        let entry = target.as_ref().map(|target| &target.entry);
        let programmes = self.programme.timeline_of(&loaded.record.member).await?;
        let now = request.now.max(loaded.record.member.as_of);
        let (loaded, settled, timely) = self.settle_stored(request, id, loaded).await?;
        let context = Context {
            programmes: &programmes,
            now,
            person: None,
            history: None,
            any_age: request.any_age,
            bringing: brought.as_ref().map(Brought::told),
        };
        let of_grant = gathered.command(act.of_grant(), entry, id)?;
        let command = act.command(entry, of_grant.as_ref())?;
        let decision = self.decided(context, &loaded, target.as_ref(), (&settled, &timely), &command).await?;
        let counted = decision
            .asked()
            .map_or(Vec::new(), |event| gathered.counted(&event.kind, event.today, target.as_ref()));
        let (decision, fallen) =
            self.with_gifts(&context, decision, (&loaded, timely.len()), target.as_ref()).await?;
        let charge = match &met {
            Some(met) => self.accounts.charge(met, entry, &decision, request.dry_run, look, turns).await?,
            None => Charge::default(),
        };
        let brings = match brought {
            Some(brought) => Box::pin(self.brings(request, &programmes, brought, &decision)).await?,
            None => None,
        };
        Ok(Decided {
            via,
            shorter,
            programmes,
            now,
            loaded,
            timely,
            decision,
            charge,
            counted,
            code: gathered.code,
            fallen,
            target,
            brings,
        })
    }

    /// Writes all that was decided in one commit.
    async fn write(&self, request: &Request, act: &Act, decided: Decided) -> Result<Done, Error> {
        let Decided {
            via,
            shorter,
            programmes,
            now,
            loaded,
            timely,
            decision,
            charge,
            counted,
            code,
            fallen,
            target,
            brings,
        } = decided;
        let id = decision.member.id;
        let settled_events = timely.len();
        let becomes = Becomes::of(&decision);
        let issued = decision.asked().and_then(|event| event.kind.issued());
        let own_key = act.natural_key.clone().or_else(|| issued.map(|issued| keys::grant(issued.name)));
        let (code, handed_out) = code.map(|code| (code.sealed, code.taken)).unzip();
        let primary = Primary {
            index: settled_events + decision.before,
            key: own_key.clone(),
            content: request.content,
            outcome: outcome(&decision),
            blocks: charge.blocks.clone(),
            charged: charge.credit,
            // A dry run hands nothing out.
            code: code.filter(|_| !request.dry_run),
        };
        let unnamed =
            || keys::entry(id, loaded.record.member.seq + 1 + (settled_events + decision.before) as u64);
        let primary_key = own_key.unwrap_or_else(unnamed);
        let mut events = timely;
        events.extend(decision.events);
        let member = MemberPart {
            before: Some(&loaded),
            brand: None,
            after: &decision.member,
            events,
            timely: settled_events,
            primary: Some(primary),
            via: Some(via),
        };
        let mut parts = Parts::new(&self.programme, &programmes, request.by, now);
        let entry = parts.member(member);
        parts.account(charge.write);
        parts.also(counted);
        parts.also(handed_out);
        parts.also(fallen);
        parts.also(shorter);
        if !act.signals().is_empty() {
            parts.also(Box::pin(self.signalled(id, act.signals(), false)).await?);
        }
        if let Some(brings) = brings {
            if parts.len() + brings.len() + 3 > WRITES_MAX && !request.dry_run {
                Box::pin(self.settle_other_first(request, &brings)).await?;
            }
            brings.write(&mut parts);
        }
        // Two more may follow, and the note of what staff do. The effects of time are written first, if everything is too much for one
        // commit.
        if parts.len() + 3 > WRITES_MAX && !request.dry_run {
            return self.settle_first(request, &loaded, settled_events, now).await;
        }
        if !request.dry_run {
            if let Some((target, becomes)) = target.zip(becomes) {
                let changed = Changed { by: &primary_key, blocks: &charge.blocks, charged: charge.credit };
                parts.target(target, becomes, changed)?;
            }
            parts.also(request.noted(Some(id)));
            parts.also(remember(request, Remembered::Entry(primary_key.as_bytes().to_vec())));
            self.programme.commit_timely(request, parts.into_writes()).await?;
        }
        Ok(Done { member: id, entry, replayed: false })
    }
}

/// What an answer adds to the entry that was decided.
pub(crate) fn outcome(decision: &Decision) -> Outcome {
    let member = &decision.member;
    Outcome {
        available: member.available(),
        held: member.held(),
        debt: member.debt,
        growth: member.growth,
        tier: member.standing.tier.clone(),
        upgraded_to: decision.upgraded_to().cloned(),
        badges_issued: decision.badges_issued().cloned().collect(),
    }
}
