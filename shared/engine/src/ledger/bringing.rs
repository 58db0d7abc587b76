//! The edge between a member and whoever has brought it, where a command may matter to it: both are read, decided and
//! written together.
//!
//! Most members were brought by nobody, and an order of theirs reads nothing of this. Of a member that was, an order
//! within the time reads the edge, until one has counted; only an order that may count reads the other member too.

use domain::{
    decide::{Bringing, Command, Context, Decision, Reward, Unreward},
    event::{Event, ReferralState},
    member::{Member, MemberId},
    programme::Timeline,
    referral::{Edge, EdgeStep, Given, Side},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::Request,
    ledger::{
        Ledger,
        act::Act,
        find::Found,
        parts::{MemberPart, Parts},
    },
    store::{
        Expect, StoreError, Version,
        error::Error,
        id::SignalHash,
        keys,
        look::Look,
        reading::Loaded,
        records::{EdgeRecord, SignalsRecord},
        turns::{Turn, Turns},
        write::put,
    },
};

/// How many members of one signal are looked at.
const SAME_MAX: usize = 50;

/// An edge that a command may matter to, with who has brought the member.
pub(super) struct Brought {
    edge: Edge,
    version: Version,
    alike: bool,
    referrer: Loaded,
}

/// What becomes of an edge, and of who has brought the member.
pub(super) struct Brings {
    pub(super) edge: Edge,
    pub(super) version: Version,
    pub(super) referrer: Option<Other>,
}

/// One member of two, decided.
pub(super) struct Other {
    loaded: Loaded,
    timely: Vec<Event>,
    pub(super) decision: Decision,
}

impl Brought {
    /// What the rules are told of it.
    pub(super) fn told(&self) -> Bringing<'_> {
        Bringing { edge: &self.edge, alike: self.alike }
    }

    /// The moment up to which the other member is settled.
    pub(super) fn as_of(&self) -> Instant {
        self.referrer.record.member.as_of
    }
}

impl Ledger {
    /// The edge that the command may matter to, with who has brought the member: for that both turns are taken, and what
    /// was found is read again.
    pub(super) async fn brought<'q>(
        &'q self,
        request: &Request,
        act: &Act,
        found: Found,
        turns: &mut Turns<'q>,
    ) -> Result<(Found, Option<Brought>), Error> {
        match self.edge_of(request, act, &found).await? {
            // Apart, so that what every command waits for stays small.
            Some(edge) => Box::pin(self.meet(request, act, found, edge, turns)).await,
            None => Ok((found, None)),
        }
    }

    /// Takes both turns, and reads everything again.
    async fn meet<'q>(
        &'q self,
        request: &Request,
        act: &Act,
        found: Found,
        edge: Edge,
        turns: &mut Turns<'q>,
    ) -> Result<(Found, Option<Brought>), Error> {
        let Some(referrer) = self.records.reach(edge.referrer).await? else { return Ok((found, None)) };
        let (id, other) = (found.id, referrer.record.member.id);
        if id == other {
            // Both were one person.
            return Ok((found, None));
        }
        let Found { via, shorter, target, .. } = found;
        // Turns are taken in one order: what was waited for on the way is given back first.
        *turns = self.queues.begin();
        turns.take(&[Turn::Member(id), Turn::Member(other)]).await;
        let mut asked = Look::default();
        let place = self.place(act, id, target, turns, &mut asked).await;
        let edge_at = asked.at::<EdgeRecord>(keys::edge(edge.referrer, edge.friend));
        let other_at = asked.at(keys::member(other));
        let seen = self.records.look(asked).await?;
        let found = Found { via, shorter, ..place.found(&seen)? };
        let lost = || Error::from(StoreError::LostRace);
        let (edge, version) = seen.read(edge_at)?.ok_or_else(lost)?;
        let (record, other_version) = seen.read(other_at)?.ok_or_else(lost)?;
        let referrer = Loaded { record, version: other_version };
        if found.loaded.record.member.merged.is_some() || referrer.record.member.merged.is_some() {
            return Err(lost());
        }
        let told = act.signals();
        let alike = act.happened(request.now).is_some()
            && self.is_alike(&edge, &referrer.record.member, told).await?;
        Ok((found, Some(Brought { edge, version, alike, referrer })))
    }

    /// The edge that the command may matter to, if there is one.
    async fn edge_of(&self, request: &Request, act: &Act, found: &Found) -> Result<Option<Edge>, Error> {
        let now = request.now;
        let gives = self.programme.timeline()?.at(now).referral.is_some();
        let order = found.target.as_ref().and_then(|target| target.entry.event.kind.row().order);
        let (referrer, friend) = match (order, act.happened(now), found.loaded.record.member.brought_by) {
            // What it came to stands in its record.
            (Some(order), ..) => match order.referral {
                Some(referral) => (referral.referrer, referral.friend),
                None => return Ok(None),
            },
            (None, Some(happened), Some(by)) if gives && happened < by.until => (by.referrer, found.id),
            _ => return Ok(None),
        };
        let read = self.records.read::<EdgeRecord>(&keys::edge(referrer, friend)).await?;
        let matters = |edge: &Edge| match (order, act.happened(now)) {
            (Some(_), _) => matches!(edge.state(now), ReferralState::Review | ReferralState::Held),
            (None, happened) => happened.is_some_and(|happened| edge.counts(happened)),
        };
        Ok(read.map(|(edge, _)| edge).filter(matters))
    }

    /// What becomes of the edge and of who has brought the member, after what was decided of the member.
    pub(super) async fn brings(
        &self,
        request: &Request,
        programmes: &Timeline,
        brought: Brought,
        decision: &Decision,
    ) -> Result<Option<Brings>, Error> {
        let Some(step) = decision.edge.clone() else { return Ok(None) };
        let Brought { edge: before, version, referrer, .. } = brought;
        let mut edge = Edge { step, ..before.clone() };
        let context = Context {
            programmes,
            now: request.now,
            person: None,
            history: None,
            any_age: request.any_age,
            bringing: None,
        };
        let referrer = match (&before.step, &mut edge.step) {
            (EdgeStep::Given(given), EdgeStep::Waits) => {
                let unreward = Unreward { friend: before.friend, side: Side::Referrer, given };
                Some(self.other(request, context, referrer, &Command::Unreward(&unreward)).await?)
            }
            (_, EdgeStep::Given(now)) => {
                let occurred_at = now.order.occurred_at;
                let (friend, side) = (before.friend, Side::Referrer);
                let given = self.given_of_all(&referrer.record.member, request.now).await?;
                let reward = Reward { friend, side, occurred_at, given, nothing: false };
                let other = self.other(request, context, referrer.clone(), &Command::Reward(&reward)).await;
                let other = match other {
                    // A friend's order is not refused for what another member has no room for.
                    Err(Error::Refused(Refusal::LimitExceeded { .. })) => {
                        let counted = Reward { nothing: true, ..reward };
                        self.other(request, context, referrer, &Command::Reward(&counted)).await?
                    }
                    other => other?,
                };
                note(now, decision, &other.decision);
                Some(other)
            }
            _ => None,
        };
        Ok(Some(Brings { edge, version, referrer }))
    }

    /// How many referrals are held or done of a member that has absorbed others, and of these.
    pub(super) async fn given_of_all(&self, member: &Member, now: Instant) -> Result<Option<u64>, Error> {
        if member.absorbed.is_empty() {
            return Ok(None);
        }
        let ids = member.absorbed.iter().map(|absorbed| absorbed.member).chain([member.id]);
        let edges = self.friends_of(ids).await?;
        let given = edges.iter().filter(|edge| match edge.state(now) {
            ReferralState::Held | ReferralState::Done => true,
            ReferralState::Open | ReferralState::Review | ReferralState::Void => false,
        });
        Ok(Some(given.count() as u64))
    }

    /// Decides for one of the two.
    pub(super) async fn other(
        &self,
        request: &Request,
        context: Context<'_>,
        loaded: Loaded,
        command: &Command<'_>,
    ) -> Result<Other, Error> {
        let id = loaded.record.member.id;
        let (loaded, settled, timely) = self.settle_stored(request, id, loaded).await?;
        let context = Context { now: context.now.max(settled.as_of), ..context };
        let decision = self.decided(context, &loaded, None, (&settled, &timely), command).await?;
        Ok(Other { loaded, timely, decision })
    }

    /// Writes down first what time has done to the other member, if everything is too much for one commit.
    pub(super) async fn settle_other_first(&self, request: &Request, brings: &Brings) -> Result<(), Error> {
        if let Some(other) = &brings.referrer
            && !other.timely.is_empty()
        {
            self.settle_first(request, &other.loaded, other.timely.len(), request.now).await?;
        }
        Ok(())
    }

    /// Whether a friend's signal, one of those that are told among them, equals one of who has brought it, or of another
    /// friend of that one.
    async fn is_alike(&self, edge: &Edge, referrer: &Member, told: &[SignalHash]) -> Result<bool, Error> {
        let known = self.records.read::<SignalsRecord>(&keys::signals(edge.friend)).await?;
        let mut signals = known.map_or_else(Vec::new, |(known, _)| known.signals);
        signals.extend(told.iter().filter(|hash| !signals.contains(hash)).copied().collect::<Vec<_>>());
        for hash in signals {
            let same = self.records.store.scan(keys::signalled(hash), SAME_MAX).await?;
            let others = same.iter().filter_map(|(key, _)| keys::read_signal(key));
            for other in others.filter(|other| *other != edge.friend) {
                if referrer.answers_for(other) || self.was_brought_by(referrer, other).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn was_brought_by(&self, referrer: &Member, friend: MemberId) -> Result<bool, Error> {
        let by = self.records.load(friend).await?.and_then(|loaded| loaded.record.member.brought_by);
        Ok(by.is_some_and(|by| referrer.answers_for(by.referrer)))
    }
}

/// What both got.
pub(super) fn note(given: &mut Given, friend: &Decision, referrer: &Decision) {
    let rewarded = |decision: &Decision| {
        decision.events.iter().find_map(|event| event.kind.rewarded()).cloned().unwrap_or_default()
    };
    given.friend = rewarded(friend);
    given.referrer = rewarded(referrer);
}

impl Other {
    /// What is written of it: what happened came by way of that record.
    pub(super) fn write(self, parts: &mut Parts<'_>, via: MemberId) {
        let Other { loaded, timely, decision } = self;
        let settled = timely.len();
        let events = timely.into_iter().chain(decision.events).collect();
        parts.member(MemberPart {
            before: Some(&loaded),
            brand: None,
            after: &decision.member,
            events,
            timely: settled,
            primary: None,
            via: Some(via),
        });
    }
}

impl Brings {
    /// How many records are written of it, at most.
    pub(super) fn len(&self) -> usize {
        // The member, its place in the due index before and after, and the edge.
        self.referrer.as_ref().map_or(1, |other| 4 + other.timely.len() + other.decision.events.len())
    }

    /// What is written of it.
    pub(super) fn write(self, parts: &mut Parts<'_>) {
        let Brings { edge, version, referrer } = self;
        if let Some(other) = referrer {
            other.write(parts, edge.referrer);
        }
        parts.also([put(keys::edge(edge.referrer, edge.friend), Expect::Version(version), &edge)]);
    }
}
