//! How a person is known: identities are added, taken over and removed.
//!
//! An unverified identity is no claim: whoever proves that it is theirs has it from then on. A verified one stays
//! where it is, and so does the only one of a member, lest its points be out of reach.

use domain::{
    member::{Changed, Identity, MemberId, Person},
    refusal::Refusal,
};

use super::told::{has_left, place_of, verify, within_identities};
use crate::{
    access::requests::{Request, Told, answering, remember_with_person},
    people::{People, changes::told_outward, view::MemberView},
    store::{
        Expect, StoreError, Version, Write,
        error::{Error, until_settled},
        id::IdentityHash,
        keys,
        reading::{Claim, Holder, Loaded},
        records::{Answer, ClaimRecord},
        write::{delete, put, still},
    },
};

/// An identity that is to be a member's.
#[derive(Clone, Debug)]
pub struct NewIdentity {
    /// Whose.
    pub member: MemberId,
    /// It; `verified` says whether a shop vouches for it, or it is proved.
    pub identity: Identity,
    /// What claims it.
    pub claim: Claim,
    /// Whether it is proved, which is more than a shop's word.
    pub proved: bool,
    /// The change of the person that this is.
    pub changed: Changed,
}

/// An identity that is a member's by now.
#[derive(Clone, Debug)]
pub struct OwnIdentity {
    /// The member.
    pub view: MemberView,
    /// As the member has it.
    pub identity: Identity,
    /// Whose record it stands in: the member's own, or that of one that it has absorbed.
    pub of: MemberId,
    /// Whether it was not the member's before.
    pub added: bool,
}

impl People {
    /// Adds an identity to a member, or verifies one that the member has. One that another member has unverified
    /// moves, if it is proved and not that member's last. `tell` makes the answer, which is remembered under the
    /// request's key until the person is erased.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MemberNotActive`] of one who has left, [`Refusal::ProofRequired`],
    /// [`Refusal::LimitExceeded`], [`Error::IdentityConflict`] where it is another's; see [`Error`].
    pub async fn add_identity(
        &self,
        request: &Request,
        new: &NewIdentity,
        tell: impl Fn(&OwnIdentity) -> Answer,
    ) -> Result<Told, Error> {
        let done = until_settled(|before| self.attempt_to_add(request, new, before > 0, &tell)).await;
        self.access.or_remembered(request, done).await
    }

    async fn attempt_to_add(
        &self,
        request: &Request,
        new: &NewIdentity,
        in_doubt: bool,
        tell: &impl Fn(&OwnIdentity) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let loaded = self.records.reach(new.member).await?.ok_or(Refusal::MemberNotFound)?;
        let id = loaded.record.member.id;
        let (before, version) = self.records.person(id).await?.ok_or(Refusal::MemberNotFound)?;
        let status = loaded.record.member.status;
        if has_left(status) {
            return Err(Refusal::MemberNotActive { status: status.word() }.into());
        }
        let holder = self.records.holders(std::slice::from_ref(&new.claim)).await?.pop().flatten();
        let mut person = before.clone();
        if let Some(holder) = holder.filter(|holder| loaded.record.member.has_absorbed(holder.member)) {
            return self.known_before(request, new, &loaded, &holder, before, tell).await;
        }
        let (value, mut writes) = match holder.filter(|holder| holder.member == id) {
            Some(holder) => {
                verify(&mut person, &new.identity, &holder.form.value);
                (holder.form.value.clone(), Vec::new())
            }
            None => self.taken(request, id, new, holder, &mut person).await?,
        };
        // It may be an earlier attempt of this request that has added it.
        let by_this = in_doubt && before.changed.as_ref() == Some(&new.changed);
        let added = !writes.is_empty() || by_this;
        if person != before {
            person.changed = Some(new.changed.clone());
            writes.extend(changed(&loaded, &person, Expect::Version(version)));
            writes.extend(told_outward(request, id, &before, &person, version));
            request.note(&mut writes);
        } else if request.key.is_some() {
            // The answer is stored with the person's data, unless the person is erased meanwhile.
            writes.push(still(keys::person(id), version));
            writes.extend(answering(request, &loaded));
        }
        let own = place_of(&person, &new.identity, &value).ok_or(StoreError::LostRace)?;
        let identity = person.identities[own].clone();
        self.programme.timeline_of(&loaded.record.member).await?;
        let view = self.view(&loaded.record.member, Some(&loaded.record), person, request.now).await?;
        let answer = tell(&OwnIdentity { view, identity, of: id, added });
        writes.extend(remember_with_person(request, id, &answer));
        if !writes.is_empty() {
            self.programme.commit(writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }

    /// The identity is the person's from now on: nobody's so far, or another member's who gives it up. In which
    /// form it is stored, and what is written besides the person.
    async fn taken(
        &self,
        request: &Request,
        id: MemberId,
        new: &NewIdentity,
        holder: Option<Holder<'_>>,
        person: &mut Person,
    ) -> Result<(String, Vec<Write>), Error> {
        let programmes = self.programme.timeline()?;
        if programmes.newest().identities_proved && !new.proved && !new.identity.verified {
            return Err(Refusal::ProofRequired.into());
        }
        let claim = ClaimRecord { member: id };
        let (form, mut writes) = match &holder {
            None => (&new.claim.own, Vec::new()),
            Some(holder) => (holder.form, self.given_up(request, new, holder).await?),
        };
        // Whoever has it now is bound by the person that gives it up.
        let free = if holder.is_none() { Expect::Absent } else { Expect::Anything };
        writes.push(put(keys::identity(form.hash), free, &claim));
        person.identities.push(Identity { value: form.value.clone(), ..new.identity.clone() });
        within_identities(person)?;
        Ok((form.value.clone(), writes))
    }

    /// An identity by which a record is known that the member has absorbed: it stays where it is, and is verified there.
    async fn known_before(
        &self,
        request: &Request,
        new: &NewIdentity,
        loaded: &Loaded,
        holder: &Holder<'_>,
        own: Person,
        tell: &impl Fn(&OwnIdentity) -> Answer,
    ) -> Result<Told, Error> {
        let (id, other) = (loaded.record.member.id, holder.member);
        let (mut person, version) = self.records.person(other).await?.ok_or(StoreError::LostRace)?;
        let before = person.clone();
        verify(&mut person, &new.identity, &holder.form.value);
        let place = place_of(&person, &new.identity, &holder.form.value).ok_or(StoreError::LostRace)?;
        let identity = person.identities[place].clone();
        let mut writes = Vec::new();
        if person != before {
            person.changed = Some(new.changed.clone());
            writes.push(put(keys::person(other), Expect::Version(version), &person));
            writes.push(still(keys::member(id), loaded.version));
            writes.extend(told_outward(request, id, &before, &person, version));
            request.note(&mut writes);
        }
        self.programme.timeline_of(&loaded.record.member).await?;
        let view = self.view(&loaded.record.member, Some(&loaded.record), own, request.now).await?;
        let answer = tell(&OwnIdentity { view, identity, of: other, added: false });
        if request.key.is_some() && person == before {
            // The answer shows both, and is stored with the member.
            writes.push(still(keys::person(other), version));
            writes.extend(answering(request, loaded));
        }
        writes.extend(remember_with_person(request, id, &answer));
        if !writes.is_empty() {
            self.programme.commit(writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }

    /// The other member without it.
    async fn given_up(
        &self,
        request: &Request,
        new: &NewIdentity,
        holder: &Holder<'_>,
    ) -> Result<Vec<Write>, Error> {
        let other = holder.member;
        let (mut person, version) = self.records.person(other).await?.ok_or(StoreError::LostRace)?;
        let place = place_of(&person, &new.identity, &holder.form.value).ok_or(StoreError::LostRace)?;
        if !new.proved || person.identities[place].verified || person.identities.len() == 1 {
            return Err(Error::IdentityConflict { members: vec![other] });
        }
        let before = person.clone();
        person.identities.remove(place);
        person.changed = Some(new.changed.clone());
        let mut writes = vec![put(keys::person(other), Expect::Version(version), &person)];
        writes.extend(told_outward(request, other, &before, &person, version));
        Ok(writes)
    }

    /// Removes the identity of which `claim` says by what it is claimed, of the member or of a record that it has
    /// absorbed; it says nothing of the others. Whose an identity is, is that of its record.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::IdentityNotFound`], [`Refusal::LastIdentity`], or the store failed.
    pub async fn remove_identity(
        &self,
        request: &Request,
        id: MemberId,
        changed: &Changed,
        claim: impl Fn(MemberId, &Identity) -> Option<IdentityHash>,
    ) -> Result<(), Error> {
        until_settled(|before| self.attempt_to_remove(request, id, changed, before > 0, &claim)).await
    }

    async fn attempt_to_remove(
        &self,
        request: &Request,
        id: MemberId,
        changed: &Changed,
        in_doubt: bool,
        claim: &impl Fn(MemberId, &Identity) -> Option<IdentityHash>,
    ) -> Result<(), Error> {
        let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
        let id = loaded.record.member.id;
        let records = self.known_as(&loaded).await?;
        let named = records.iter().find_map(|record| {
            let mut own = record.person.identities.iter().enumerate();
            own.find_map(|(place, own)| Some((record, place, claim(record.member, own)?)))
        });
        let Some((record, place, hash)) = named else {
            // It may be an earlier attempt of this request that has removed it.
            let by_this =
                in_doubt && records.iter().any(|record| record.person.changed.as_ref() == Some(changed));
            return if by_this { Ok(()) } else { Err(Refusal::IdentityNotFound.into()) };
        };
        let mut person = record.person.clone();
        person.identities.remove(place);
        person.changed = Some(changed.clone());
        let expect = Expect::Version(record.version);
        let mut writes =
            vec![put(keys::person(record.member), expect, &person), delete(keys::identity(hash))];
        if person.identities.is_empty() {
            // Whoever is known by another record alone must stay known by it, and joined with it.
            let others = records
                .iter()
                .find(|other| other.member != record.member && !other.person.identities.is_empty());
            let other = others.ok_or(Refusal::LastIdentity)?;
            writes.push(still(keys::person(other.member), other.version));
        }
        if records.len() > 1 {
            writes.push(still(keys::member(id), loaded.version));
        }
        writes.extend(told_outward(request, id, &record.person, &person, record.version));
        request.note(&mut writes);
        self.programme.commit(writes).await
    }

    /// The persons of the member and of all records that it has absorbed, its own first.
    async fn known_as(&self, loaded: &Loaded) -> Result<Vec<KnownAs>, Error> {
        let own = &loaded.record.member;
        let (person, version) = self.records.person(own.id).await?.ok_or(Refusal::MemberNotFound)?;
        let mut records = vec![KnownAs { member: own.id, person, version }];
        for absorbed in &own.absorbed {
            let member = absorbed.member;
            let person = self.records.person(member).await?;
            records.extend(person.map(|(person, version)| KnownAs { member, person, version }));
        }
        Ok(records)
    }
}

/// Who a record says that a member is.
struct KnownAs {
    member: MemberId,
    person: Person,
    version: Version,
}

/// The person as it is now; nobody leaves in between.
fn changed(loaded: &Loaded, person: &Person, expect: Expect) -> [Write; 2] {
    let id = loaded.record.member.id;
    [put(keys::person(id), expect, person), still(keys::member(id), loaded.version)]
}
