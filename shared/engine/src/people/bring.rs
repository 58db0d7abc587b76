//! Bringing members along from their time before Laurel: a row of a file is one commit, with the member, the
//! person, what is said of the standing, a balance, badges and tags.
//!
//! Everything is said under a name and once. The same again changes nothing; another figure is told, or booked as
//! a correction where that is asked for.

mod coming;
mod old;
mod said;

use std::collections::HashSet;

use domain::{
    brought::{Balance, Opening},
    decide::{Before, Bring, BringBalance, Command, Context, Decision, Stop, decide},
    event::{Event, History},
    id::{BadgeId, BalanceId, BrandId},
    member::{Member, MemberId, Person},
    programme::{Required, Timeline},
    refusal::Refusal,
    shape::Fault,
    time::Instant,
};

use crate::{
    access::requests::Request,
    ledger::{
        parts::{MemberPart, Parts},
        standing::{newborn, settled},
    },
    people::{
        People, changes,
        register::Registration,
        tags::{self, tag_by_hand},
        told::{has_left, take, within_attributes},
    },
    store::{
        Expect, Key, StoreError, Version, WRITES_MAX, Write,
        error::{Error, until_settled},
        keys,
        reading::{Claim, Holder, Loaded},
        records::{ClaimRecord, MemberRecord},
        turns::Turn,
        write::{put, still},
    },
};

pub use coming::{Came, Coming, ComingBalance, Left, Named, Stay};
use old::Old;
pub use old::{DEBT_NAME, lot_name};
use said::{Standing, not_taken};

/// As much as time alone may have done to a newcomer in the commit that brings them.
const TIMELY_MAX: usize = 50;

/// A member as it is found, or as it will be.
struct Found {
    /// By way of whom: who has the identity, perhaps a record that was merged into the member.
    via: Option<MemberId>,
    /// What is stored; `None` of a new member.
    loaded: Option<Loaded>,
    /// Settled to now.
    member: Member,
    /// What time alone did.
    timely: Vec<Event>,
    person: Person,
    /// The person as stored, with its version.
    known: Option<(Person, Version)>,
    /// Claims that the row adds.
    claims: Vec<Key>,
    left: Vec<Left>,
}

impl People {
    /// Brings along what a row says, in one commit. `told` are the balances that rows before it have told.
    ///
    /// # Errors
    /// See [`Stay`]; nothing of the row was written.
    pub async fn bring(
        &self,
        request: &Request,
        coming: &Coming,
        told: &HashSet<(MemberId, BrandId, BalanceId)>,
    ) -> Result<Came, Stay> {
        let came = until_settled(|_| async {
            let request = self.access.renewed(request);
            self.attempt_to_bring(&request, coming, told).await
        });
        came.await?
    }

    /// The members that have these identities.
    ///
    /// # Errors
    /// The store failed.
    pub async fn who_has(&self, claims: &[Claim]) -> Result<Vec<Option<MemberId>>, Error> {
        let holders = self.records.holders(claims).await?;
        Ok(holders.into_iter().map(|holder| holder.map(|holder| holder.member)).collect())
    }

    async fn attempt_to_bring(
        &self,
        request: &Request,
        coming: &Coming,
        told: &HashSet<(MemberId, BrandId, BalanceId)>,
    ) -> Result<Result<Came, Stay>, Error> {
        match self.come(request, coming, told).await {
            Err(Stay::Other(error)) => Err(error),
            done => Ok(done),
        }
    }

    async fn come(
        &self,
        request: &Request,
        coming: &Coming,
        balances: &HashSet<(MemberId, BrandId, BalanceId)>,
    ) -> Result<Came, Stay> {
        if !request.reaches(&*self.programme.timeline()?, Some(&coming.brand)) {
            return Err(Error::Forbidden.into());
        }
        let claims = &coming.registration.claims;
        let holders = self.records.holders(claims).await?;
        let mut members: Vec<MemberId> = holders.iter().flatten().map(|holder| holder.member).collect();
        members.sort();
        members.dedup();
        if let [first, _, ..] = members.as_slice() {
            let (first, mut reached) = (*first, self.records.reached(&members).await?);
            reached.dedup();
            if reached.len() == 1 {
                members = vec![first];
            }
        }
        let mut turns = self.ledger.queues.begin();
        let mut found = match members.as_slice() {
            [] => match self.newcomer(request, coming)? {
                // They come as they were registered, and are settled as somebody known.
                found if found.timely.len() > TIMELY_MAX && !request.dry_run => {
                    let (_, mut writes) = self.create(request, &coming.registration, None).await?;
                    let noting = request.note_once(&mut writes).await;
                    self.programme.commit(writes).await?;
                    noting.done();
                    return Err(StoreError::LostRace.into());
                }
                found => found,
            },
            [id] => {
                let name = coming.balance.as_ref().map(|own| (*id, coming.brand.clone(), own.id.clone()));
                if name.is_some_and(|name| balances.contains(&name)) {
                    return Err(Stay::Duplicate);
                }
                turns.take(&[Turn::Member(*id)]).await;
                self.known(request, coming, *id, &holders).await?
            }
            _ => return Err(Error::IdentityConflict { members }.into()),
        };
        let told = self.told(coming, &mut found).await?;
        self.write(request, coming, found, told).await
    }

    /// Somebody new, as they stand now: what is said of them is judged by the version of today, and not by each since they
    /// registered.
    ///
    /// What the programme asks of those who register is told, and asked with `strict` alone.
    fn newcomer(&self, request: &Request, coming: &Coming) -> Result<Found, Error> {
        let (missing, admitted) = self.lacking(request, &coming.registration)?;
        if coming.strict && !missing.is_empty() {
            let fault = |one: &Required| Fault::new(format!("/{}", one.column()), "required", one.detail());
            return Err(Refusal::InvalidField(missing.iter().map(fault).collect()).into());
        }
        if coming.strict && !admitted {
            return Err(Refusal::NotAdmitted.into());
        }
        let left = missing.into_iter().map(Left::Missing);
        let left = left.chain((!admitted).then_some(Left::NotAdmitted)).collect();
        let programmes = self.programme.timeline()?;
        let Registration { id, registered_at, person, .. } = &coming.registration;
        within_attributes(person)?;
        let newborn = newborn(&programmes, *id, *registered_at);
        let (member, timely) = settled(&programmes, &newborn, request.now);
        Ok(Found {
            via: None,
            loaded: None,
            member,
            timely,
            person: person.clone(),
            known: None,
            claims: coming.registration.claims.iter().map(|claim| keys::identity(claim.own.hash)).collect(),
            left,
        })
    }

    /// The member is known: what the row adds to the person, and what it does not.
    async fn known(
        &self,
        request: &Request,
        coming: &Coming,
        id: MemberId,
        holders: &[Option<Holder<'_>>],
    ) -> Result<Found, Error> {
        let via = id;
        let loaded = self.records.reach(id).await?.ok_or(StoreError::LostRace)?;
        let id = loaded.record.member.id;
        let (before, version) = self.records.person(id).await?.ok_or(StoreError::LostRace)?;
        let (loaded, member, timely) = self.ledger.settle_stored(request, id, loaded).await?;
        let told = &coming.registration.person;
        let mut person = before.clone();
        let claims = take(&mut person, (told, &coming.registration.claims), holders, member.status)?.claims;
        let mut left = not_taken(told, &person, holders);
        if coming.says_registered && coming.registration.registered_at != member.registered_at {
            left.push(Left::Field("registered_at"));
        }
        let taken = |badge: &&BadgeId| !member.has_badge(badge) && member.by_hand.contains(badge);
        left.extend(coming.badges.iter().filter(taken).cloned().map(Left::BadgeTaken));
        if has_left(member.status) && coming.tags.iter().any(|tag| !member.tags.contains(tag)) {
            left.push(Left::Tags);
        }
        let known = Some((before, version));
        let via = Some(via);
        Ok(Found { via, loaded: Some(loaded), member, timely, person, known, claims, left })
    }

    /// What the row says that was not said before, or is to be corrected.
    async fn told(&self, coming: &Coming, found: &mut Found) -> Result<Bring, Stay> {
        let old = match &found.loaded {
            Some(loaded) if self.asks_for_old(coming, found).await? => {
                Old::of(&self.ledger.whole_ledger(&loaded.record).await?)
            }
            _ => Old::default(),
        };
        let programmes = self.programme.timeline()?;
        let standing = Standing {
            coming,
            member: &found.member,
            is_known: found.loaded.is_some(),
            base: &programmes.newest().base_tier().id,
            old_growth: &old.balances.iter().map(|own| own.growth.unsigned_abs()).collect::<Vec<_>>(),
            of_absorbed: self.prior_absorbed(&found.member).await?,
        };
        let growth_before = standing.growth_before();
        // What was said of a record that was merged is in what came in with it.
        let was_merged = found.via.is_some_and(|via| via != found.member.id);
        let opening = standing.new_of(&mut found.left);
        let opening = if was_merged { Opening::default() } else { opening };
        let balance = match &coming.balance {
            Some(balance) => self.balance(coming, found, balance, &old).await?,
            None => None,
        };
        Ok(Bring {
            brand: coming.brand.clone(),
            reason: coming.reason.clone(),
            bill: coming.bill,
            opening,
            growth_before,
            balance,
            badges: coming.badges.clone(),
        })
    }

    /// Whether the ledger matters: the member has entries, and the row says something that has no name there yet.
    async fn asks_for_old(&self, coming: &Coming, found: &Found) -> Result<bool, Error> {
        if found.member.seq == 0 {
            return Ok(false);
        }
        if coming.opening.growth.is_some() && found.member.opening.growth.is_none() {
            return Ok(true);
        }
        let Some(balance) = &coming.balance else { return Ok(false) };
        let key = keys::balance(found.via.unwrap_or(found.member.id), &coming.brand, &balance.id, 0);
        Ok(self.records.get(&key).await?.is_none())
    }

    /// The balance as it is booked; `None` if it is known as it is.
    async fn balance(
        &self,
        coming: &Coming,
        found: &Found,
        told: &ComingBalance,
        old: &Old,
    ) -> Result<Option<BringBalance>, Stay> {
        let ComingBalance { id, points, expires_at, held_until } = told.clone();
        let mut booked =
            BringBalance { id, points, expires_at, held_until, before: None, number: 0, instead_of: None };
        if found.loaded.is_none() {
            return Ok(Some(booked));
        }
        let is_same = |before: &Before| {
            let moved = expires_at.is_some_and(|end| before.expires_at.is_some_and(|before| end != before))
                || held_until.is_some_and(|hold| Some(hold) != before.held_until);
            points.get() == before.points && !moved
        };
        let mut known = None;
        if let Some((said, number, billed)) =
            self.said(found.via.unwrap_or(found.member.id), coming, told).await?
        {
            booked.number = number;
            booked.instead_of = said.instead_of;
            let Balance { points, expires_at, held_until, .. } = said;
            known = Some((Before { points, expires_at: Some(expires_at), held_until }, billed));
        } else if let Some(old) = old.meant_by(coming, told) {
            booked.instead_of = Some(old.seq);
            known = Some((old.before(), old.bill));
        }
        let is_known =
            known.as_ref().is_some_and(|(before, billed)| *billed == coming.bill && is_same(before));
        let (before, billed) = match old.lot_meant_by(coming, told, &found.member, known.is_some()) {
            // A lot that is as it was written down changes nothing, whatever was said before.
            Some(lot) if is_known || (lot.points != 0 && is_same(&lot)) => return Ok(None),
            Some(lot) => {
                booked.instead_of = known.and(booked.instead_of);
                (lot, coming.bill)
            }
            None if is_known => return Ok(None),
            None => match known {
                Some(known) => known,
                None => return Ok(Some(booked)),
            },
        };
        if billed != coming.bill || !coming.correct {
            let Before { points, expires_at, .. } = before;
            return Err(Stay::Balance { points, expires_at, billing: billed != coming.bill });
        }
        booked.before = Some(before);
        Ok(Some(booked))
    }

    /// What was said last of the balance under its name, how many entries it has there, and whether it is billed.
    async fn said(
        &self,
        id: MemberId,
        coming: &Coming,
        told: &ComingBalance,
    ) -> Result<Option<(Balance, u32, bool)>, Error> {
        let mut last = None;
        for number in 0.. {
            let key = keys::balance(id, &coming.brand, &told.id, number);
            let Some(entry) = self.records.entry_at(&key).await? else { break };
            let Some(brought) = entry.event.kind.row().brought else { break };
            let Some(balance) = &brought.balance else { break };
            last = Some((balance.clone(), number + 1, brought.bill));
        }
        Ok(last)
    }

    /// Decides, and writes all of it in one commit.
    async fn write(
        &self,
        request: &Request,
        coming: &Coming,
        found: Found,
        told: Bring,
    ) -> Result<Came, Stay> {
        let Found { via, loaded, member, timely, person, known, claims, left } = found;
        let created = loaded.is_none();
        let programmes = match &loaded {
            Some(loaded) => self.programme.timeline_of(&loaded.record.member).await?,
            None => self.programme.timeline()?,
        };
        let now = request.now.max(member.as_of);
        let mut decision = Decision { events: Vec::new(), before: 0, member, order: None, edge: None };
        let says = told.opening != Opening::default() || told.balance.is_some();
        let own = &decision.member;
        let is_new = |badge: &BadgeId| !own.has_badge(badge) && !own.by_hand.contains(badge);
        if says || told.badges.iter().any(is_new) {
            let stored = loaded.as_ref().map(|loaded| &loaded.record);
            decision = self.decided(&programmes, now, stored, &decision.member, &person, &told).await?;
        }
        let points = told.balance.as_ref().map(|_| balance_points(&decision.events));
        let tags: &[String] = if has_left(decision.member.status) { &[] } else { &coming.tags };
        let tags_before = decision.member.tags.clone();
        let tagged = tag(&programmes, &mut decision.member, tags)?;
        let Decision { events, member: after, .. } = decision;
        let mut parts = Parts::new(&self.programme, &programmes, request.by, now);
        let changes = created || tagged || !events.is_empty();
        let timely_count = timely.len();
        if changes {
            let brand = created.then_some(&coming.brand);
            let events = timely.into_iter().chain(events).collect();
            let before = loaded.as_ref();
            let timely = timely_count;
            parts.member(MemberPart { before, brand, after: &after, events, timely, primary: None, via });
        }
        let mut writes = parts.into_writes();
        let about = person_write(after.id, &person, known.as_ref());
        if let Some(loaded) = loaded.as_ref().filter(|_| about.is_some() && !changes) {
            // Nobody leaves in between.
            writes.push(still(keys::member(after.id), loaded.version));
        }
        writes.extend(about);
        if let Some((before, version)) = &known {
            writes.extend(changes::told_outward(request, after.id, before, &person, *version));
        }
        if let Some(loaded) = loaded.as_ref().filter(|_| tagged) {
            writes.push(tags::told_outward(request, after.id, &tags_before, &after.tags, loaded.version));
        }
        let claim = ClaimRecord { member: after.id };
        writes.extend(claims.into_iter().map(|key| put(key, Expect::Absent, &claim)));
        // What follows the person in the index, before and after, has room beside it, and so has the note of an import by
        // staff.
        let room = WRITES_MAX - 2 * keys::ALIKE_MAX - 1;
        if let Some(loaded) = loaded.filter(|_| writes.len() > room) {
            // The effects of time are written first, if everything is too much for one commit.
            self.ledger.settle_first(request, &loaded, timely_count, now).await?;
        }
        if !writes.is_empty() && !request.dry_run {
            let noting = request.note_once(&mut writes).await;
            self.programme.commit_timely(request, writes).await?;
            noting.done();
        }
        Ok(Came { member: after.id, created, points, left })
    }

    /// What the rules make of it. The person is here already, and a newcomer has no history.
    async fn decided(
        &self,
        programmes: &Timeline,
        now: Instant,
        stored: Option<&MemberRecord>,
        member: &Member,
        person: &Person,
        told: &Bring,
    ) -> Result<Decision, Error> {
        let mut history: Option<History> = None;
        loop {
            let context = Context {
                programmes,
                now,
                person: Some(person),
                history: history.as_ref(),
                any_age: true,
                bringing: None,
            };
            let wants = match decide(&context, member, &Command::Bring(told)) {
                Ok(decision) => return Ok(decision),
                Err(Stop::Refused(refusal)) => return Err(refusal.into()),
                Err(Stop::Wants(wants)) => wants,
                Err(Stop::Torn) => return Err(StoreError::LostRace.into()),
            };
            let since = wants.history.unwrap_or(now);
            let reaches = history.as_ref().is_some_and(|history| history.since <= since);
            assert!(wants.history.is_some() && !reaches, "whoever stops for more says for what, and once");
            history = Some(match stored {
                Some(record) => self.ledger.history(record, since).await?,
                None => History { since, events: Vec::new() },
            });
        }
    }
}

/// What moved for the row's balance.
fn balance_points(events: &[Event]) -> i64 {
    let is_balance =
        |event: &&Event| event.kind.row().brought.is_some_and(|brought| brought.balance.is_some());
    events.iter().filter(is_balance).map(|event| event.movement.points()).sum()
}

fn person_write(id: MemberId, person: &Person, known: Option<&(Person, Version)>) -> Option<Write> {
    match known {
        None => Some(put(keys::person(id), Expect::Absent, person)),
        Some((before, version)) => {
            (before != person).then(|| put(keys::person(id), Expect::Version(*version), person))
        }
    }
}

/// Adds tags that are set by hand and that the member has not; whether there were any.
fn tag(programmes: &Timeline, member: &mut Member, tags: &[String]) -> Result<bool, Error> {
    let wrong = |refusal| {
        let (code, detail) = match refusal {
            Refusal::TagNotFound { tag } => ("tag_not_found", format!("the programme has no tag {tag}")),
            Refusal::TagHasRule { tag } => ("tag_has_rule", format!("{tag} follows from its rule")),
            other => return other,
        };
        Refusal::InvalidField(vec![Fault::new("/tags", code, detail)])
    };
    tag_by_hand(programmes.newest(), member, tags, &[]).map_err(|refusal| wrong(refusal).into())
}
