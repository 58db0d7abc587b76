//! Two records of one person are joined: one commit of both members, as they were read.

use std::sync::Arc;

use domain::{
    decide::{Command, Context, Decision, MergeAway, MergeIn},
    event::Event,
    id::MergeId,
    member::{Absorbed, Changed, Member, MemberId, Person, Status},
    programme::{Programme, Timeline},
    refusal::Refusal,
    shape::Fault,
    time::Instant,
};

use crate::{
    access::requests::{Request, Told, remember_with_person},
    ledger::{
        execute::outcome,
        parts::{MemberPart, Parts, Primary},
    },
    people::{
        People,
        changes::told_outward,
        tags::{self, TAGS_MAX},
        told::{fill, within_attributes, within_consents},
        view::MemberView,
    },
    store::{
        Expect, Key, StoreError, Version, WRITES_MAX, Write,
        error::{Error, until_settled},
        keys,
        reading::{Loaded, newest},
        records::{Answer, EntryRecord, MemberRecord, Unreadable},
        turns::Turn,
        write::{put, still},
    },
};

/// Another record of the same person is to come in.
#[derive(Clone, Debug)]
pub struct MergeAsk {
    /// The member that stays.
    pub into: MemberId,
    /// The other record.
    pub from: MemberId,
    /// Why.
    pub reason: String,
    /// The merge's id, if it is new.
    pub merge: MergeId,
    /// The change of the person that this is.
    pub changed: Changed,
}

/// Two records of one person that are joined.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The merge.
    pub merge: MergeId,
    /// The member that stays.
    pub view: MemberView,
    /// The entries of the other and of the one that stays.
    pub entries: [EntryRecord; 2],
}

/// A member as it is read for a change of two.
pub(super) struct Side {
    pub(super) loaded: Loaded,
    /// Settled to now.
    pub(super) member: Member,
    /// What time did.
    pub(super) timely: Vec<Event>,
    pub(super) person: Option<(Person, Version)>,
}

impl Side {
    /// The member with what was decided, for the commit; the entry that was asked for has that key, if it has a name.
    pub(super) fn part<'a>(
        &'a self,
        request: &Request,
        decision: &'a Decision,
        key: Option<Key>,
        via: Option<MemberId>,
    ) -> MemberPart<'a> {
        let primary = Primary {
            index: self.timely.len() + decision.before,
            key,
            content: request.content,
            outcome: outcome(decision),
            blocks: Vec::new(),
            charged: false,
            code: None,
        };
        let events = self.timely.iter().chain(&decision.events).cloned().collect();
        MemberPart {
            before: Some(&self.loaded),
            brand: None,
            after: &decision.member,
            events,
            timely: self.timely.len(),
            primary: Some(primary),
            via,
        }
    }
}

impl People {
    /// Joins two records of one person: all that the other has comes in, and the other leads to the member from then
    /// on. Told again, it is the same. `tell` makes the answer, which is remembered until the person is erased.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MemberNotActive`], [`Refusal::MemberMerged`],
    /// [`Refusal::LimitExceeded`], [`Refusal::InvalidField`] where both are one; see [`Error`].
    pub async fn merge(
        &self,
        request: &Request,
        ask: &MergeAsk,
        tell: impl Fn(&Merged) -> Answer,
    ) -> Result<Told, Error> {
        let done = until_settled(|_| async {
            let request = self.access.renewed(request);
            self.attempt_to_merge(&request, ask, &tell).await
        });
        self.access.or_remembered(request, done.await).await
    }

    async fn attempt_to_merge(
        &self,
        request: &Request,
        ask: &MergeAsk,
        tell: &impl Fn(&Merged) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let reached = self.records.reach(ask.into).await?.ok_or(Refusal::MemberNotFound)?;
        let into = reached.record.member.id;
        let from = self.records.load(ask.from).await?.ok_or(Refusal::MemberNotFound)?;
        if let Some(merged) = from.record.member.merged {
            if ![into, ask.into].contains(&merged.member) {
                return Err(Refusal::MemberMerged { into: merged.member }.into());
            }
            let again = self.merged_before(request, &from.record, merged.merge, into).await?;
            let still = vec![unmoved(&reached)];
            return self.told_of(request, (Vec::new(), still), into, tell(&again), true).await;
        }
        if into == ask.from {
            let detail = "another member than the one that it goes into";
            let fault = Fault::new("/member_id", "same_member", detail);
            return Err(Refusal::InvalidField(vec![fault]).into());
        }
        let mut turns = self.ledger.queues.begin();
        turns.take(&[Turn::Member(into), Turn::Member(ask.from)]).await;
        let (request, programmes, [to, from]) = self.sides(request, into, ask.from).await?;
        if to.loaded.record.member.merged.is_some() || from.loaded.record.member.merged.is_some() {
            return Err(StoreError::LostRace.into());
        }
        for side in [&to, &from] {
            if side.member.status != Status::Active {
                return Err(Refusal::MemberNotActive { status: side.member.status.word() }.into());
            }
        }
        if self.taken_back_between(&request, [&to.member, &from.member]).await? {
            return Err(StoreError::LostRace.into());
        }
        self.shorten(&request, &from.member).await?;
        self.unite(&request, ask, &programmes, [to, from], tell).await
    }

    /// Both members, settled to one moment, which the request then has, and by the same versions of the programme, by
    /// which everything else is decided.
    pub(super) async fn sides(
        &self,
        request: &Request,
        one: MemberId,
        other: MemberId,
    ) -> Result<(Request, Arc<Timeline>, [Side; 2]), Error> {
        let (first, second) = (self.loaded(one).await?, self.loaded(other).await?);
        self.programme.timeline_of(&first.0.record.member).await?;
        let programmes = self.programme.timeline_of(&second.0.record.member).await?;
        let now = request.now.max(first.0.record.member.as_of).max(second.0.record.member.as_of);
        let request = Request { now, ..request.clone() };
        let sides = [self.side(&request, first).await?, self.side(&request, second).await?];
        if self.programme.timeline()?.newest().version != programmes.newest().version {
            return Err(StoreError::LostRace.into());
        }
        Ok((request, programmes, sides))
    }

    async fn loaded(&self, id: MemberId) -> Result<(Loaded, Option<(Person, Version)>), Error> {
        let loaded = self.records.load(id).await?.ok_or(Refusal::MemberNotFound)?;
        Ok((loaded, self.records.person(id).await?))
    }

    async fn side(
        &self,
        request: &Request,
        (loaded, person): (Loaded, Option<(Person, Version)>),
    ) -> Result<Side, Error> {
        let id = loaded.record.member.id;
        let (loaded, member, timely) = self.ledger.settle_stored(request, id, loaded).await?;
        Ok(Side { loaded, member, timely, person })
    }

    /// Whoever led to this member over another leads to it at once from now on, so that no chain gets long.
    async fn shorten(&self, request: &Request, member: &Member) -> Result<(), Error> {
        let mut writes = Vec::new();
        for absorbed in &member.absorbed {
            let Some(loaded) = self.records.load(absorbed.member).await? else { continue };
            let direct = loaded.record.member.merged.map(|merged| merged.member) == Some(member.id);
            if direct || loaded.record.leads_to == Some(member.id) {
                continue;
            }
            let record = MemberRecord { leads_to: Some(member.id), ..loaded.record };
            writes.push(put(keys::member(absorbed.member), Expect::Version(loaded.version), &record));
        }
        if writes.is_empty() || request.dry_run {
            return Ok(());
        }
        self.programme.commit(writes).await
    }

    async fn unite(
        &self,
        request: &Request,
        ask: &MergeAsk,
        programmes: &Timeline,
        [mut to, from]: [Side; 2],
        tell: &impl Fn(&Merged) -> Answer,
    ) -> Result<Told, Error> {
        let (id, merge) = (to.member.id, ask.merge);
        let coming = MergeIn { merge, from: &from.member, reason: &ask.reason };
        let going = MergeAway { merge, into: id, reason: ask.reason.clone() };
        let (before, version) = to.person.clone().ok_or(Refusal::MemberNotFound)?;
        let (other, other_version) = from.person.clone().ok_or(Refusal::MemberNotFound)?;
        let mut person = unite_persons(&before, &other, from.member.registered_at);
        within_consents(&person)?;
        within_attributes(&person)?;
        // Conditions see at once what both have: the person, the tags, and the history of both.
        let tags_before = to.member.tags.clone();
        unite_tags(programmes.newest(), &mut to.member, &from.member.tags)?;
        let (both, timely) = of_both(&to, &from, Absorbed { member: ask.from, merge, at: request.now });
        let stays = (&both, &to.member, timely.as_slice(), Some(&person));
        let stays = self.decided_as(request, programmes, stays, &Command::MergeIn(&coming)).await?;
        let goes = self.decided_of(request, programmes, &from, &Command::MergeAway(&going)).await?;
        // The other's person is written as it is, so that whoever corrects it meanwhile, there where nobody would look
        // any more, is told to begin anew. The member's own, if it stays as it is, is not expected: whoever erases the
        // member changes it first, and what becomes of the person meanwhile may as well come after.
        let mut about = vec![put(keys::person(ask.from), Expect::Version(other_version), &other)];
        if person != before {
            person.changed = Some(ask.changed.clone());
            about.push(put(keys::person(id), Expect::Version(version), &person));
            about.extend(told_outward(request, id, &before, &person, version));
        }
        about.extend(self.edges_between([&to.member, &from.member]).await?);
        if stays.member.tags != tags_before {
            let (version, after) = (to.loaded.version, &stays.member.tags);
            about.push(tags::told_outward(request, id, &tags_before, after, version));
        }
        let mut parts = Parts::new(&self.programme, programmes, request.by, request.now);
        let away = parts.member(from.part(request, &goes, None, None));
        let came = parts.member(to.part(request, &stays, Some(keys::merge(merge)), Some(ask.into)));
        let entries = match (away, came) {
            (Some(away), Some(came)) => [away, came],
            _ => unreachable!("each side has the entry that was asked for"),
        };
        let view = self.view(&stays.member, Some(&to.loaded.record), person, request.now).await?;
        let answer = tell(&Merged { merge, view, entries });
        if request.dry_run {
            return Ok(Told { answer, replayed: false });
        }
        let mut writes = parts.into_writes();
        writes.extend(about);
        self.fits(request, &writes, [&to, &from]).await?;
        self.told_of(request, (writes, Vec::new()), id, answer, false).await
    }

    pub(super) async fn decided_of(
        &self,
        request: &Request,
        programmes: &Timeline,
        side: &Side,
        command: &Command<'_>,
    ) -> Result<Decision, Error> {
        self.decided_as(request, programmes, (&side.loaded, &side.member, &side.timely, None), command).await
    }

    /// The same of a member as read, settled, and with what time did; what was read says whose history counts. Who the
    /// person is, if that is known.
    async fn decided_as(
        &self,
        request: &Request,
        programmes: &Timeline,
        (loaded, member, timely, person): (&Loaded, &Member, &[Event], Option<&Person>),
        command: &Command<'_>,
    ) -> Result<Decision, Error> {
        let now = request.now.max(member.as_of);
        let context = Context { programmes, now, person, history: None, any_age: false, bringing: None };
        self.ledger.decided(context, loaded, None, (member, timely), command).await
    }

    /// Writes the effects of time first, if everything is too much for one commit.
    pub(super) async fn fits(
        &self,
        request: &Request,
        writes: &[Write],
        sides: [&Side; 2],
    ) -> Result<(), Error> {
        if writes.len() + 2 <= WRITES_MAX {
            return Ok(());
        }
        for side in sides.iter().filter(|side| !side.timely.is_empty()) {
            self.ledger.settle_first(request, &side.loaded, side.timely.len(), request.now).await?;
        }
        Err(Refusal::LimitExceeded { what: "entries" }.into())
    }

    /// Commits, with the answer, which goes with the person; where it is all that is written, the members that it shows
    /// are expected as they were read, so that none of them is erased meanwhile.
    pub(super) async fn told_of(
        &self,
        request: &Request,
        (mut writes, shown): (Vec<Write>, Vec<Write>),
        id: MemberId,
        answer: Answer,
        replayed: bool,
    ) -> Result<Told, Error> {
        if writes.is_empty() && request.key.is_some() {
            // Whoever remembers an answer about a person expects the person.
            let (_, version) = self.records.person(id).await?.ok_or(Refusal::MemberNotFound)?;
            writes.push(still(keys::person(id), version));
            writes.extend(shown);
        } else {
            request.note(&mut writes);
        }
        writes.extend(remember_with_person(request, id, &answer));
        if !writes.is_empty() && !request.dry_run {
            self.programme.commit_timely(request, writes).await?;
        }
        Ok(Told { answer, replayed })
    }

    /// What was joined before, as it is now.
    async fn merged_before(
        &self,
        request: &Request,
        from: &MemberRecord,
        merge: MergeId,
        into: MemberId,
    ) -> Result<Merged, Error> {
        let away = self.entry_of(newest(from), from.member.id).await?;
        let came = self.entry_of(Some(keys::merge(merge)), from.member.id).await?;
        let view = self.member(into, request.now).await?;
        Ok(Merged { merge, view, entries: [away, came] })
    }

    pub(super) async fn entry_of(&self, key: Option<Key>, member: MemberId) -> Result<EntryRecord, Error> {
        let key = key.ok_or(Unreadable { key: keys::member(member) })?;
        Ok(self.records.entry_at(&key).await?.ok_or(Unreadable { key })?)
    }
}

/// The member as it was read, but as if it had absorbed the other already; and what time did to both. So the history of
/// both counts.
fn of_both(to: &Side, from: &Side, absorbed: Absorbed) -> (Loaded, Vec<Event>) {
    let mut loaded = to.loaded.clone();
    let member = &mut loaded.record.member;
    member.as_of = member.as_of.max(from.loaded.record.member.as_of);
    member.absorbed.push(absorbed);
    member.absorbed.extend(from.member.absorbed.iter().copied());
    (loaded, to.timely.iter().chain(&from.timely).cloned().collect())
}

/// The condition that the member is as it was read.
pub(super) fn unmoved(loaded: &Loaded) -> Write {
    still(keys::member(loaded.record.member.id), loaded.version)
}

/// What is known of the person from both records: the profile of the one that stays, field by field where it has one;
/// what either refused stays refused, and a birthday is known since whenever the record that told it knew it.
fn unite_persons(into: &Person, from: &Person, registered_at: Instant) -> Person {
    let mut person = into.clone();
    fill(&mut person, from);
    person.keep_birthday_since(into, from.birthday_since.unwrap_or(registered_at));
    for (channel, given) in &from.consents {
        if !given && person.consents.get(channel) == Some(&true) {
            person.consents.insert(channel.clone(), false);
            person.consents_since.remove(channel);
            let since = from.consents_since.get(channel);
            person.consents_since.extend(since.map(|since| (channel.clone(), *since)));
        }
    }
    person
}

/// Tags that were set by hand, of both.
fn unite_tags(programme: &Programme, member: &mut Member, others: &[String]) -> Result<(), Refusal> {
    for tag in others {
        if !member.tags.contains(tag) {
            member.tags.push(tag.clone());
        }
    }
    if member.tags.len() > TAGS_MAX {
        // What the programme has no more takes nobody's place.
        member.tags.retain(|tag| programme.has_hand_tag(tag));
    }
    match member.tags.len() > TAGS_MAX {
        true => Err(Refusal::LimitExceeded { what: "tags" }),
        false => Ok(()),
    }
}
