//! Members as they are shown: who they are, and their standing settled to now. Nothing is written.

use domain::{
    condition::Subject,
    event::History,
    member::{Identity, Member, MemberId, Person},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    ledger::standing::settled,
    people::People,
    store::{error::Error, keys, look::Look, reading::Loaded, records::MemberRecord},
};

/// A member as shown: settled to `now`.
#[derive(Clone, Debug)]
pub struct MemberView {
    /// Its standing.
    pub member: Member,
    /// The person; `None` once erased.
    pub person: Person,
    /// How the person is known by way of members that were absorbed, whose identities stay where they are.
    pub others: Vec<(MemberId, Vec<Identity>)>,
    /// The tags that it has, in the programme's order.
    pub tags: Vec<String>,
    /// The moment it is shown at.
    pub now: Instant,
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
        let others = self.others(&member).await?;
        Ok(MemberView { member, person, others, tags, now })
    }

    /// How members are known that this one has absorbed.
    async fn others(&self, member: &Member) -> Result<Vec<(MemberId, Vec<Identity>)>, Error> {
        let mut others = Vec::new();
        for absorbed in &member.absorbed {
            if let Some((person, _)) = self.records.person(absorbed.member).await? {
                others.push((absorbed.member, person.identities));
            }
        }
        Ok(others)
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
        let mut asked = Look::default();
        let member = asked.at::<MemberRecord>(keys::member(id));
        let person = asked.at::<Person>(keys::person(id));
        let seen = self.records.look(asked).await?;
        let (record, version) = seen.read(member)?.ok_or(Refusal::MemberNotFound)?;
        // An erased member has no person.
        let person = seen.read(person)?.map(|(person, _)| person).unwrap_or_default();
        if record.member.merged.is_some() {
            let reached = self.records.follow(Loaded { record, version }).await?.loaded.record;
            let person = self.records.person(reached.member.id).await?;
            let person = person.map(|(person, _)| person).unwrap_or_default();
            self.programme.timeline_of(&reached.member).await?;
            return self.view(&reached.member, Some(&reached), person, now).await;
        }
        self.programme.timeline_of(&record.member).await?;
        self.view(&record.member, Some(&record), person, now).await
    }
}
