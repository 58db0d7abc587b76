//! Members as they are shown: who they are, and their standing settled to now. Nothing is written.

use domain::{
    condition::Subject,
    event::History,
    member::{Identity, Member, MemberId, Person},
    number::Money,
    refusal::Refusal,
    time::Instant,
};

use crate::{
    ledger::standing::settled,
    people::People,
    store::{Version, error::Error, keys, look::Look, reading::Loaded, records::MemberRecord},
};

/// What is said of orders before Laurel: how many, and what they came to.
pub(super) type Prior = (Option<u64>, Option<Money>);

/// A member as shown: settled to `now`.
#[derive(Clone, Debug)]
pub struct MemberView {
    /// Its standing.
    pub member: Member,
    /// The person; `None` once erased.
    pub person: Person,
    /// How the person is known by way of members that were absorbed, whose identities stay where they are.
    pub others: Vec<(MemberId, Vec<Identity>)>,
    /// What was said of its orders before Laurel, and of those of members that were absorbed, where it stays: how many,
    /// and what they came to.
    pub prior: Prior,
    /// The tags that it has, in the programme's order.
    pub tags: Vec<String>,
    /// The moment it is shown at.
    pub now: Instant,
}

/// What is said of the record's own.
pub(super) fn prior(member: &Member) -> Prior {
    (member.opening.prior_orders, member.opening.prior_amount)
}

/// What is said of both.
pub(super) fn add(one: Prior, other: Prior) -> Prior {
    (
        both(one.0, other.0, u64::saturating_add),
        both(one.1, other.1, |one, other| Money(one.0.saturating_add(other.0))),
    )
}

/// One, the other, or both together.
fn both<T>(one: Option<T>, other: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(add(one, other)),
        (one, other) => one.or(other),
    }
}

impl People {
    /// The member as of now; `record` says where its entries are, and a newcomer has none.
    pub(super) async fn view(
        &self,
        member: &Member,
        record: Option<&MemberRecord>,
        person: Person,
        now: Instant,
    ) -> Result<MemberView, Error> {
        let programmes = self.programme.timeline()?;
        let now = now.max(member.as_of);
        let (member, timely) = settled(&programmes, member, now);
        let none = || History { since: Instant::MIN, events: Vec::new() };
        let mut history = record.is_none().then(none);
        let tags: Vec<String> = loop {
            let subject = Subject {
                member: &member,
                person: Some(&person),
                history: history.as_ref(),
                recent: &timely,
                programme: programmes.newest(),
                now,
            };
            let (record, since) = match (subject.tags(), record) {
                (Ok(tags), _) => break tags.into_iter().map(str::to_owned).collect(),
                (Err(wants), Some(record)) => (record, wants.history.unwrap_or(Instant::MIN)),
                // A newcomer's history is whole, and everybody's person is there.
                (Err(_), None) => break Vec::new(),
            };
            history = Some(self.ledger.history(record, since).await?);
        };
        let mut view = MemberView { others: Vec::new(), prior: prior(&member), member, person, tags, now };
        self.others(&mut view).await?;
        Ok(view)
    }

    /// How members are known that this one has absorbed, and what is said of their orders before Laurel.
    async fn others(&self, view: &mut MemberView) -> Result<(), Error> {
        let mut asked = Look::default();
        let absorbed = view.member.absorbed.iter().map(|absorbed| absorbed.member);
        let asking = absorbed
            .map(|id| (id, asked.at::<Person>(keys::person(id)), asked.at::<MemberRecord>(keys::member(id))));
        let asking: Vec<_> = asking.collect();
        let seen = self.records.look(asked).await?;
        for (id, person, record) in asking {
            if let Some((person, _)) = seen.read(person)? {
                view.others.push((id, person.identities));
            }
            let other = seen.read(record)?.map_or((None, None), |(record, _)| prior(&record.member));
            view.prior = add(view.prior, other);
        }
        Ok(())
    }

    /// What is said of orders before Laurel of the records that the member has absorbed.
    pub(super) async fn prior_absorbed(&self, member: &Member) -> Result<Prior, Error> {
        let mut asked = Look::default();
        let absorbed = member.absorbed.iter().map(|absorbed| keys::member(absorbed.member));
        let asking: Vec<_> = absorbed.map(|key| asked.at::<MemberRecord>(key)).collect();
        let seen = self.records.look(asked).await?;
        let mut sum = (None, None);
        for record in asking {
            let other = seen.read(record)?.map_or((None, None), |(record, _)| prior(&record.member));
            sum = add(sum, other);
        }
        Ok(sum)
    }

    /// Whether both ids lead to one member.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn are_one(&self, one: MemberId, other: MemberId) -> Result<bool, Error> {
        let (one, other) = (self.records.reach(one).await?, self.records.reach(other).await?);
        let both = one.zip(other);
        Ok(both.is_some_and(|(one, other)| one.record.member.id == other.record.member.id))
    }

    /// The member that the id leads to, and all records that it has absorbed; none, if there is no such member.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn records_of(&self, id: MemberId) -> Result<Vec<MemberId>, Error> {
        let Some(loaded) = self.records.reach(id).await? else { return Ok(Vec::new()) };
        let member = loaded.record.member;
        let absorbed = member.absorbed.iter().map(|absorbed| absorbed.member);
        Ok(std::iter::once(member.id).chain(absorbed).collect())
    }

    /// A member as of now by itself, even if it was merged and leads to another.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], or the store failed.
    pub async fn member_itself(&self, id: MemberId, now: Instant) -> Result<MemberView, Error> {
        let record = self.records.load(id).await?.ok_or(Refusal::MemberNotFound)?.record;
        let person = self.records.person(id).await?.map(|(person, _)| person).unwrap_or_default();
        self.programme.timeline_of(&record.member).await?;
        self.view(&record.member, Some(&record), person, now).await
    }

    /// The member that the id leads to, as of now.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], or the store failed.
    pub async fn member(&self, id: MemberId, now: Instant) -> Result<MemberView, Error> {
        let (loaded, person) = self.with_person(id).await?;
        self.shown(&loaded, person, now).await
    }

    /// The member that the id leads to, and who that is, as they are read: together, unless it was merged.
    pub(super) async fn with_person(&self, id: MemberId) -> Result<(Loaded, Person), Error> {
        let mut asked = Look::default();
        let member = asked.at::<MemberRecord>(keys::member(id));
        let person = asked.at::<Person>(keys::person(id));
        let seen = self.records.look(asked).await?;
        let (record, version) = seen.read(member)?.ok_or(Refusal::MemberNotFound)?;
        let (loaded, person) = (Loaded { record, version }, seen.read(person)?);
        // An erased member has no person.
        let own = |person: Option<(Person, Version)>| person.map(|(person, _)| person).unwrap_or_default();
        if loaded.record.member.merged.is_none() {
            return Ok((loaded, own(person)));
        }
        let reached = self.records.follow(loaded).await?.loaded;
        let person = self.records.person(reached.record.member.id).await?;
        Ok((reached, own(person)))
    }

    /// The member as it was read, as of now.
    pub(super) async fn shown(
        &self,
        loaded: &Loaded,
        person: Person,
        now: Instant,
    ) -> Result<MemberView, Error> {
        let record = &loaded.record;
        self.programme.timeline_of(&record.member).await?;
        self.view(&record.member, Some(record), person, now).await
    }
}
