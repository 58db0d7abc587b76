//! Members as they are shown: who they are, and their standing settled to now. Nothing is written.

use domain::{
    member::{Member, MemberId, Person},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    ledger::standing::settled,
    people::People,
    store::{error::Error, keys, look::Look, records::MemberRecord},
};

/// A member as shown: settled to `now`.
#[derive(Clone, Debug)]
pub struct MemberView {
    /// Its standing.
    pub member: Member,
    /// The person; `None` once erased.
    pub person: Person,
    /// The moment it is shown at.
    pub now: Instant,
}

impl People {
    pub(super) fn view(&self, member: &Member, person: Person, now: Instant) -> Result<MemberView, Error> {
        let programmes = self.programme.timeline()?;
        let now = now.max(member.as_of);
        let (member, _) = settled(&programmes, member, now);
        Ok(MemberView { member, person, now })
    }

    /// The member as of now.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], or the store failed.
    pub async fn member(&self, id: MemberId, now: Instant) -> Result<MemberView, Error> {
        let mut asked = Look::default();
        let member = asked.at::<MemberRecord>(keys::member(id));
        let person = asked.at::<Person>(keys::person(id));
        let seen = self.records.look(asked).await?;
        let (record, _) = seen.read(member)?.ok_or(Refusal::MemberNotFound)?;
        // An erased member has no person.
        let person = seen.read(person)?.map(|(person, _)| person).unwrap_or_default();
        self.programme.timeline_of(&record.member).await?;
        self.view(&record.member, person, now)
    }
}
