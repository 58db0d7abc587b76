//! Referrals that somebody looks at: what staff say of one, and lists of them.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    decide::{Command, Context, Reward, Unreward},
    event::ReferralState,
    member::MemberId,
    programme::Timeline,
    referral::{Edge, EdgeStep, Side},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::{Request, Told},
    ledger::{
        Ledger,
        bringing::{Brings, note},
        parts::Parts,
    },
    store::{
        Expect, StoreError, Version,
        error::{Error, until_settled},
        keys,
        reading::Loaded,
        records::{Answer, EdgeRecord, decode},
        turns::Turn,
        write::put,
    },
};

/// How many referrals one page of a list looks at.
const LOOKS_MAX: usize = 500;

/// What somebody says of a referral.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Both are rewarded.
    Give,
    /// Nothing comes of it.
    Void,
}

/// What both are decided in.
fn context(programmes: &Timeline, now: Instant) -> Context<'_> {
    Context { programmes, now, person: None, history: None, any_age: false, bringing: None }
}

impl Ledger {
    /// Somebody says what becomes of a referral that is to be looked at, once. `tell` makes the answer from its state.
    ///
    /// # Errors
    /// [`Refusal::ReferralNotFound`], [`Refusal::ReferralDecided`]; see [`Error`].
    pub async fn decide_referral(
        &self,
        request: &Request,
        friend: MemberId,
        verdict: Verdict,
        tell: impl Fn(ReferralState) -> Answer,
    ) -> Result<Told, Error> {
        let done = until_settled(|_| async {
            let request = self.access.renewed(request);
            self.attempt_to_decide(&request, friend, verdict, &tell).await
        });
        self.access.or_remembered(request, done.await).await
    }

    async fn attempt_to_decide(
        &self,
        request: &Request,
        friend: MemberId,
        verdict: Verdict,
        tell: &impl Fn(ReferralState) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let (edge, version) = self.referral(friend).await?.ok_or(Refusal::ReferralNotFound)?;
        let state = edge.state(request.now);
        if state != ReferralState::Review {
            return Err(Refusal::ReferralDecided { state: state.word() }.into());
        }
        match verdict {
            Verdict::Give => self.give(request, edge, version, tell).await,
            Verdict::Void => {
                let edge = Edge { step: EdgeStep::Void, ..edge };
                let writes = vec![put(keys::edge(edge.referrer, friend), Expect::Version(version), &edge)];
                let answer = tell(ReferralState::Void);
                self.programme.commit_told(request, writes, &answer).await?;
                Ok(Told { answer, replayed: false })
            }
        }
    }

    /// The referral by which a member was brought.
    pub(crate) async fn referral(&self, friend: MemberId) -> Result<Option<(Edge, Version)>, Error> {
        let by = self.records.load(friend).await?.and_then(|loaded| loaded.record.member.brought_by);
        match by {
            Some(by) => self.records.read::<EdgeRecord>(&keys::edge(by.referrer, friend)).await,
            None => Ok(None),
        }
    }

    /// Both are rewarded, in one commit.
    async fn give(
        &self,
        request: &Request,
        before: Edge,
        version: Version,
        tell: &impl Fn(ReferralState) -> Answer,
    ) -> Result<Told, Error> {
        let reached = self.records.reached(&[before.friend, before.referrer]).await?;
        if reached[0] == reached[1] {
            // Both have become one person.
            return Err(Refusal::ReferralDecided { state: ReferralState::Void.word() }.into());
        }
        let mut turns = self.queues.begin();
        turns.take(&[Turn::Member(reached[0]), Turn::Member(reached[1])]).await;
        let (request, programmes, [friend, referrer]) = self.both(request, &before).await?;
        let rules = programmes.at(request.now).referral.as_ref().ok_or(Refusal::ReferralNotFound)?;
        let mut edge = before.decided(rules).ok_or(StoreError::LostRace)?;
        let EdgeStep::Given(given) = &mut edge.step else { return Err(StoreError::LostRace.into()) };
        let (context, occurred_at) = (context(&programmes, request.now), given.order.occurred_at);
        let before_this = self.given_of_all(&referrer.record.member, request.now).await?;
        let reward =
            |side| Reward { friend: before.friend, side, occurred_at, given: before_this, nothing: false };
        let own = self.other(&request, context, friend, &Command::Reward(&reward(Side::Friend))).await?;
        let others = &Command::Reward(&reward(Side::Referrer));
        let others = self.other(&request, context, referrer, others).await?;
        note(given, &own.decision, &others.decision);
        let answer = tell(edge.state(request.now));
        let mut parts = Parts::new(&self.programme, &programmes, request.by, request.now);
        own.write(&mut parts, edge.friend);
        Brings { edge, version, referrer: Some(others) }.write(&mut parts);
        // What is billed is of the month in which it is written: who was kept waiting decides again.
        if self.access.later(request.now).is_some() {
            return Err(StoreError::LostRace.into());
        }
        self.programme.commit_told(&request, parts.into_writes(), &answer).await?;
        Ok(Told { answer, replayed: false })
    }

    /// What both have of a referral that is held is taken back, and it is void: they turn out to be one person, and
    /// whoever joins them has their turns.
    pub(crate) async fn void_held(
        &self,
        request: &Request,
        before: Edge,
        version: Version,
    ) -> Result<(), Error> {
        let EdgeStep::Given(given) = &before.step else { return Ok(()) };
        let (request, programmes, [friend, referrer]) = self.both(request, &before).await?;
        let context = context(&programmes, request.now);
        let unreward = |side| Unreward { friend: before.friend, side, given };
        let own = self.other(&request, context, friend, &Command::Unreward(&unreward(Side::Friend))).await?;
        let others = &Command::Unreward(&unreward(Side::Referrer));
        let others = self.other(&request, context, referrer, others).await?;
        let edge = Edge { step: EdgeStep::Void, ..before.clone() };
        let mut parts = Parts::new(&self.programme, &programmes, request.by, request.now);
        own.write(&mut parts, edge.friend);
        Brings { edge, version, referrer: Some(others) }.write(&mut parts);
        self.programme.commit_timely(&request, parts.into_writes()).await
    }

    /// The friend and who has brought it, as they are now, and a moment that is not before either.
    async fn both(
        &self,
        request: &Request,
        edge: &Edge,
    ) -> Result<(Request, Arc<Timeline>, [Loaded; 2]), Error> {
        let reached = self.records.reached(&[edge.friend, edge.referrer]).await?;
        if reached[0] == reached[1] {
            // They have become one person meanwhile.
            return Err(StoreError::LostRace.into());
        }
        let sides = [self.unmerged(reached[0]).await?, self.unmerged(reached[1]).await?];
        let as_of = |loaded: &Loaded| loaded.record.member.as_of;
        let now = request.now.max(as_of(&sides[0])).max(as_of(&sides[1]));
        self.programme.timeline_of(&sides[0].record.member).await?;
        let programmes = self.programme.timeline_of(&sides[1].record.member).await?;
        Ok((Request { now, ..request.clone() }, programmes, sides))
    }

    async fn unmerged(&self, id: MemberId) -> Result<Loaded, Error> {
        let loaded = self.records.load(id).await?.ok_or(Refusal::MemberNotFound)?;
        match loaded.record.member.merged {
            Some(_) => Err(StoreError::LostRace.into()),
            None => Ok(loaded),
        }
    }

    /// A page of at most `limit` referrals in that state, or in all, in the store's own order, and where the next one
    /// starts. A call looks at a bounded number, so a page may be short before the end.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn referrals(
        &self,
        state: Option<ReferralState>,
        from: Option<Bytes>,
        limit: usize,
        now: Instant,
    ) -> Result<(Vec<Edge>, Option<Bytes>), Error> {
        let (mut found, mut next, mut looked) = (Vec::new(), from, 0);
        loop {
            // What a page has too much could not be told where the next one begins.
            let page = self.records.store.walk(Some(keys::kind::EDGE), next, limit - found.len()).await?;
            looked += page.records.len().max(1);
            for (key, record) in &page.records {
                let edge: Edge = decode(key, &record.value)?;
                if state.is_none_or(|state| edge.state(now) == state) {
                    found.push(edge);
                }
            }
            next = page.next;
            if next.is_none() || found.len() >= limit || looked >= LOOKS_MAX {
                return Ok((found, next));
            }
        }
    }

    /// All friends whom a member has brought, and those that it has absorbed.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub(crate) async fn friends_of(&self, ids: impl Iterator<Item = MemberId>) -> Result<Vec<Edge>, Error> {
        let mut edges = Vec::new();
        for id in ids {
            for (key, record) in self.records.scan_all(keys::edges(id)).await? {
                edges.push(decode(&key, &record.value)?);
            }
        }
        Ok(edges)
    }
}
