//! Registration: one member for every identity, and the person behind a member.

use domain::{
    id::BrandId,
    member::{CONSENTS_MAX, IDENTITIES_MAX, Identity, MemberId, Person, Status},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::{Request, Told, remember},
    ledger::{
        parts::{MemberPart, Parts},
        standing::newborn,
    },
    people::{People, view::MemberView},
    store::{
        Expect, StoreError, Write,
        error::{Error, until_settled},
        keys,
        reading::{Claim, Holder},
        records::{Answer, ClaimRecord, Remembered},
        write::{put, still},
    },
};

/// Somebody who registers.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The id a new member gets.
    pub id: MemberId,
    /// When; now, but for imports.
    pub registered_at: Instant,
    /// Who it is.
    pub person: Person,
    /// What claims each identity, in the person's order.
    pub claims: Vec<Claim>,
}

/// What a registration came to.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The member.
    pub view: MemberView,
    /// Whether it is new.
    pub created: bool,
    /// Whether it has every identity of the registration.
    pub has_all: bool,
}

impl People {
    /// Registers a person, or finds the member that an identity belongs to. `tell` makes the answer, which is
    /// remembered under the request's key until the person is erased.
    ///
    /// # Errors
    /// [`Error::IdentityConflict`] where the identities belong to different members; see [`Error`].
    pub async fn register(
        &self,
        request: &Request,
        registration: &Registration,
        tell: impl Fn(&Registered) -> Answer,
    ) -> Result<Told, Error> {
        until_settled(|_| self.attempt_register(request, registration, &tell)).await
    }

    async fn attempt_register(
        &self,
        request: &Request,
        registration: &Registration,
        tell: &impl Fn(&Registered) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let holders = self.records.holders(&registration.claims).await?;
        let mut members: Vec<MemberId> = holders.iter().flatten().map(|holder| holder.member).collect();
        members.sort();
        members.dedup();
        let (registered, mut writes) = match members.as_slice() {
            [] => self.create(request, registration)?,
            [id] => self.join(request, registration, *id, &holders).await?,
            _ => return Err(Error::IdentityConflict { members }),
        };
        let answer = tell(&registered);
        if let Some(key) = request.key {
            let id = registered.view.member.id;
            let kept = keys::answer(id, key.hash);
            writes.push(put(kept.clone(), Expect::Anything, &answer));
            writes.extend(remember(request, Remembered::Personal(kept.as_bytes().to_vec())));
        }
        if !writes.is_empty() {
            self.programme.commit(writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }

    pub(super) fn create(
        &self,
        request: &Request,
        registration: &Registration,
    ) -> Result<(Registered, Vec<Write>), Error> {
        let programmes = self.programme.timeline()?;
        let born = newborn(&programmes, registration.id, registration.registered_at);
        let mut parts = Parts::new(&self.programme, &programmes, request.by, request.now);
        let brand = BrandId::of_checked(&registration.person.brand);
        parts.member(MemberPart::plain(None, Some(&brand), &born, Vec::new()));
        let mut writes = parts.into_writes();
        writes.push(put(keys::person(registration.id), Expect::Absent, &registration.person));
        let claim = ClaimRecord { member: registration.id };
        let own = |claimed: &Claim| put(keys::identity(claimed.own.hash), Expect::Absent, &claim);
        writes.extend(registration.claims.iter().map(own));
        let view = self.view(&born, registration.person.clone(), request.now)?;
        Ok((Registered { view, created: true, has_all: true }, writes))
    }

    /// The identity is known. A shop that vouches for it may add new data.
    async fn join(
        &self,
        request: &Request,
        registration: &Registration,
        id: MemberId,
        holders: &[Option<Holder<'_>>],
    ) -> Result<(Registered, Vec<Write>), Error> {
        let loaded = self.records.load(id).await?.ok_or(StoreError::LostRace)?;
        let (mut person, version) = self.records.person(id).await?.ok_or(StoreError::LostRace)?;
        let told = &registration.person;
        // Somebody who has left is found, and nothing is added.
        let has_left = matches!(loaded.record.member.status, Status::Closed | Status::Erased);
        let vouched = !has_left
            && told
                .identities
                .iter()
                .zip(holders)
                .any(|(identity, holder)| holder.is_some() && identity.verified);
        let mut writes = Vec::new();
        if vouched {
            let before = person.clone();
            for ((identity, holder), claim) in told.identities.iter().zip(holders).zip(&registration.claims) {
                match holder {
                    Some(holder) => verify(&mut person, identity, &holder.form.value),
                    None => {
                        person.identities.push(identity.clone());
                        let key = keys::identity(claim.own.hash);
                        writes.push(put(key, Expect::Absent, &ClaimRecord { member: id }));
                    }
                }
            }
            if person.identities.len() > IDENTITIES_MAX {
                return Err(Refusal::LimitExceeded { what: "identities" }.into());
            }
            fill(&mut person, told);
            if person != before {
                person.changed.clone_from(&told.changed);
            }
            if person.consents.len() > CONSENTS_MAX {
                return Err(Refusal::LimitExceeded { what: "consents" }.into());
            }
            if person != before {
                writes.push(put(keys::person(id), Expect::Version(version), &person));
                // Nobody leaves in between.
                writes.push(still(keys::member(id), loaded.version));
            }
        }
        if writes.is_empty() && request.key.is_some() {
            // The answer is stored with the person's data, unless the person is erased meanwhile.
            writes.push(still(keys::person(id), version));
        }
        let view = self.view(&loaded.record.member, person, request.now)?;
        let has_all = vouched || holders.iter().all(Option::is_some);
        Ok((Registered { view, created: false, has_all }, writes))
    }

    /// Changes what is known of a person.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::LimitExceeded`], what `change` says, or the store failed.
    pub async fn correct(
        &self,
        id: MemberId,
        change: impl Fn(&mut Person) -> Result<(), Error>,
    ) -> Result<(), Error> {
        until_settled(|_| self.attempt_to_correct(id, &change)).await
    }

    async fn attempt_to_correct(
        &self,
        id: MemberId,
        change: &impl Fn(&mut Person) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut person, version) = self.records.person(id).await?.ok_or(Refusal::MemberNotFound)?;
        let before = person.clone();
        change(&mut person)?;
        if person == before {
            return Ok(());
        }
        if person.consents.len() > CONSENTS_MAX {
            return Err(Refusal::LimitExceeded { what: "consents" }.into());
        }
        self.programme.commit(vec![put(keys::person(id), Expect::Version(version), &person)]).await
    }
}

/// The shop vouches for an identity that the person already has, stored as that value.
pub(super) fn verify(person: &mut Person, told: &Identity, value: &str) {
    let own = person
        .identities
        .iter_mut()
        .find(|own| own.kind == told.kind && own.channel == told.channel && own.value == value);
    if let Some(own) = own {
        own.verified |= told.verified;
    }
}

/// Adds missing profile fields; existing ones stay.
pub(super) fn fill(person: &mut Person, told: &Person) {
    let missing = |own: &mut Option<String>, told: &Option<String>| {
        if own.is_none() {
            own.clone_from(told);
        }
    };
    missing(&mut person.name, &told.name);
    missing(&mut person.birthday, &told.birthday);
    missing(&mut person.gender, &told.gender);
    missing(&mut person.channel, &told.channel);
    missing(&mut person.terms_version, &told.terms_version);
    // A region is one field: two places merged would make a third.
    if person.region.is_empty() {
        person.region.clone_from(&told.region);
    }
    for (channel, consent) in &told.consents {
        if !person.consents.contains_key(channel) {
            person.consents.insert(channel.clone(), *consent);
            let since = told.consents_since.get(channel);
            person.consents_since.extend(since.map(|since| (channel.clone(), *since)));
        }
    }
}
