//! A member's code that friends come with, and what has come of it.
//!
//! The code is made at the first look, as a card is: a member who never refers costs nothing. It is a number by chance,
//! kept under itself and under the member, so that it is told for ever, whatever becomes of the master key.

use domain::{
    event::ReferralState,
    member::{Member, MemberId, Status},
    offer::code,
    referral::{BroughtBy, Edge, EdgeStep},
    refusal::Refusal,
    shape::Fault,
    time::Instant,
};

use crate::{
    access::requests::Request,
    people::{People, register::Registration},
    store::{
        Expect, StoreError, Version, Write,
        error::Error,
        id::{FriendCode, SignalHash},
        keys,
        records::{FriendCodeRecord, MemberCodeRecord, SignalsRecord},
        write::{put, still},
    },
};

/// How many of a member's referrals are in each state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FriendsNow {
    /// The first order is awaited.
    pub open: u64,
    /// Somebody is to look at it.
    pub review: u64,
    /// Given, and held.
    pub held: u64,
    /// Given, and the hold has ended.
    pub done: u64,
    /// Nothing is given.
    pub void: u64,
}

/// What a member is shown of referral.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Referring {
    /// The code, as it is shown.
    pub code: String,
    /// What has come of it.
    pub friends: FriendsNow,
}

/// What is held of referral about one record of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldReferral {
    /// The code that friends come with, as it is shown; none before anybody has looked at it.
    pub code: Option<String>,
    /// Who has brought the member, and what has come of it, if anybody has.
    pub brought_by: Option<(BroughtBy, Option<ReferralState>)>,
    /// What has come of friends.
    pub friends: FriendsNow,
    /// What shops have said that tells whether two are one.
    pub signals: Vec<SignalHash>,
}

impl FriendsNow {
    fn of(edges: &[Edge], now: Instant) -> FriendsNow {
        let mut friends = FriendsNow::default();
        for edge in edges {
            *match edge.state(now) {
                ReferralState::Open => &mut friends.open,
                ReferralState::Review => &mut friends.review,
                ReferralState::Held => &mut friends.held,
                ReferralState::Done => &mut friends.done,
                ReferralState::Void => &mut friends.void,
            } += 1;
        }
        friends
    }
}

impl People {
    /// A member's code, which is made if there is none, and what has come of it; `codes` are by chance, for
    /// each may be another's already.
    ///
    /// # Errors
    /// [`Refusal::ReferralNotFound`] where the programme has no referral, [`Refusal::MemberNotFound`],
    /// [`Refusal::MemberNotActive`] of one without a code, or the store failed.
    pub async fn referring(
        &self,
        id: MemberId,
        now: Instant,
        codes: &[FriendCode],
    ) -> Result<Referring, Error> {
        if self.programme.timeline()?.at(now).referral.is_none() {
            return Err(Refusal::ReferralNotFound.into());
        }
        for code in codes {
            let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
            let member = &loaded.record.member;
            let known = self.records.read::<MemberCodeRecord>(&keys::member_code(member.id)).await?;
            let code = match known {
                Some((known, _)) => known.code,
                None if member.status != Status::Active => {
                    return Err(Refusal::MemberNotActive { status: member.status.word() }.into());
                }
                None => {
                    let code = *code;
                    let writes = vec![
                        put(keys::friend_code(code), Expect::Absent, &FriendCodeRecord { member: member.id }),
                        put(keys::member_code(member.id), Expect::Absent, &MemberCodeRecord { code }),
                        still(keys::member(member.id), loaded.version),
                    ];
                    match self.records.store.commit(writes).await {
                        Ok(_) => code,
                        // Another look was faster, or the code is another's.
                        Err(StoreError::LostRace | StoreError::Unknown(_)) => continue,
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            let ids = member.absorbed.iter().map(|absorbed| absorbed.member).chain([member.id]);
            let friends = FriendsNow::of(&self.ledger.friends_of(ids).await?, now);
            return Ok(Referring { code: code::show(&code.0), friends });
        }
        Err(Error::Contended)
    }

    /// What is held of referral about that record alone, whatever it has absorbed.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn held_referral(&self, member: &Member, now: Instant) -> Result<HeldReferral, Error> {
        let code = self.records.read::<MemberCodeRecord>(&keys::member_code(member.id)).await?;
        let brought_by = match member.brought_by {
            Some(by) => {
                let edge = self.records.read::<Edge>(&keys::edge(by.referrer, member.id)).await?;
                Some((by, edge.map(|(edge, _)| edge.state(now))))
            }
            None => None,
        };
        let friends = self.ledger.friends_of([member.id].into_iter()).await?;
        let said = self.records.read::<SignalsRecord>(&keys::signals(member.id)).await?;
        Ok(HeldReferral {
            code: code.map(|(known, _)| code::show(&known.code.0)),
            brought_by,
            friends: FriendsNow::of(&friends, now),
            signals: said.map_or_else(Vec::new, |(said, _)| said.signals),
        })
    }

    /// Who has brought somebody who registers, by the code that is told: the edge, and the write of it. Nobody is
    /// refused for a friend who has left: nothing comes of it.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] where nobody has that code; or the store failed.
    pub(super) async fn brought(
        &self,
        request: &Request,
        registration: &Registration,
    ) -> Result<Option<(BroughtBy, Write)>, Error> {
        let programmes = self.programme.timeline()?;
        let (Some(told), Some(rules)) =
            (&registration.person.referral_code, &programmes.at(request.now).referral)
        else {
            return Ok(None);
        };
        let unknown = || {
            let detail = "nobody has this code; it may be mistyped";
            Refusal::InvalidField(vec![Fault::new("/referral_code", "unknown_code", detail)])
        };
        let typed = code::read::<7>(&code::fold(told.as_str())).ok_or_else(unknown)?;
        let whose = self.records.read::<FriendCodeRecord>(&keys::friend_code(FriendCode(typed))).await?;
        let (whose, _) = whose.ok_or_else(unknown)?;
        let referrer = self.records.reach(whose.member).await?.ok_or_else(unknown)?.record.member;
        let until = registration.registered_at.plus_days(rules.window_days);
        let edge = Edge {
            referrer: referrer.id,
            friend: registration.id,
            since: registration.registered_at,
            until,
            step: first_step(&referrer),
        };
        let write = put(keys::edge(edge.referrer, edge.friend), Expect::Absent, &edge);
        Ok(Some((BroughtBy { referrer: edge.referrer, until }, write)))
    }
}

impl People {
    /// Of two who turn out to be one person, neither has brought the other: what is not given yet is void.
    pub(super) async fn edges_between(&self, members: [&Member; 2]) -> Result<Vec<Write>, Error> {
        let mut writes = Vec::new();
        for (edge, version) in self.between(members).await? {
            match edge.step {
                EdgeStep::Waits | EdgeStep::Review { .. } => {
                    let edge = Edge { step: EdgeStep::Void, ..edge };
                    let key = keys::edge(edge.referrer, edge.friend);
                    writes.push(put(key, Expect::Version(version), &edge));
                }
                EdgeStep::Given(_) | EdgeStep::Void => {}
            }
        }
        Ok(writes)
    }

    /// What either has got for the other is taken back first, unless it has stood; whether anything was.
    pub(super) async fn taken_back_between(
        &self,
        request: &Request,
        members: [&Member; 2],
    ) -> Result<bool, Error> {
        let edges = self.between(members).await?.into_iter();
        let held = edges.filter(|(edge, _)| edge.state(request.now) == ReferralState::Held);
        match held.last() {
            Some((edge, version)) if !request.dry_run => {
                self.ledger.void_held(request, edge, version).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The edges between two members.
    async fn between(&self, [one, other]: [&Member; 2]) -> Result<Vec<(Edge, Version)>, Error> {
        let mut edges = Vec::new();
        for (friend, referrer) in [(one, other), (other, one)] {
            for (id, by) in self.brought_by(friend).await? {
                if referrer.answers_for(by) {
                    edges.extend(self.records.read::<Edge>(&keys::edge(by, id)).await?);
                }
            }
        }
        Ok(edges)
    }

    /// Who has brought the member and each of the records that it has absorbed, as far as somebody has.
    async fn brought_by(&self, friend: &Member) -> Result<Vec<(MemberId, MemberId)>, Error> {
        let mut all = vec![(friend.id, friend.brought_by)];
        for absorbed in &friend.absorbed {
            let own = self.records.load(absorbed.member).await?;
            all.push((absorbed.member, own.and_then(|own| own.record.member.brought_by)));
        }
        Ok(all.into_iter().filter_map(|(id, by)| Some((id, by?.referrer))).collect())
    }
}

fn first_step(referrer: &Member) -> EdgeStep {
    match referrer.status {
        Status::Active => EdgeStep::Waits,
        Status::Suspended | Status::Closed | Status::Erased | Status::Merged => EdgeStep::Void,
    }
}
