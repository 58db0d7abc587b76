//! Registration: one member for every identity, and the person behind a member.

use domain::{
    id::BrandId,
    member::{MemberId, Person},
    programme::Required,
    referral::BroughtBy,
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::{Request, Told, answering, remember_with_person},
    ledger::{
        parts::{MemberPart, Parts},
        standing::newborn,
    },
    people::{
        People,
        changes::told_outward,
        told::{Taken, take, within_attributes, within_consents},
        view::MemberView,
    },
    store::{
        Expect, StoreError, Write,
        error::{Error, until_settled},
        id::SignalHash,
        keys,
        reading::{Claim, Holder},
        records::{Answer, ClaimRecord},
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
    /// What the shop says of the member besides.
    pub signals: Vec<SignalHash>,
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
        if members.len() > 1 {
            // Two records of one person are the same member.
            members = self.records.reached(&members).await?;
            members.sort();
            members.dedup();
        }
        let (registered, mut writes) = match members.as_slice() {
            [] => {
                self.must_be_admitted(request, registration)?;
                let brought = self.brought(request, registration).await?;
                self.create(request, registration, brought).await?
            }
            [id] => self.join(request, registration, *id, &holders).await?,
            _ => return Err(Error::IdentityConflict { members }),
        };
        let answer = tell(&registered);
        writes.extend(remember_with_person(request, registered.view.member.id, &answer));
        if !writes.is_empty() {
            self.programme.commit(writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }

    /// Whether the person may become a member, and tells all that must be told of one.
    fn must_be_admitted(&self, request: &Request, registration: &Registration) -> Result<(), Error> {
        let (missing, admitted) = self.lacking(request, registration)?;
        match missing.is_empty() {
            false => Err(Refusal::InvalidField(missing.iter().map(Required::fault).collect()).into()),
            true if !admitted => Err(Refusal::NotAdmitted.into()),
            true => Ok(()),
        }
    }

    /// What a newcomer does not tell and must, and whether the newcomer may become a member, by the newest version.
    pub(super) fn lacking(
        &self,
        request: &Request,
        registration: &Registration,
    ) -> Result<(Vec<Required>, bool), Error> {
        let programmes = self.programme.timeline()?;
        let (programme, person) = (programmes.newest(), &registration.person);
        let born = newborn(&programmes, registration.id, registration.registered_at);
        let missing = programme.registration.missing(person).into_iter().cloned().collect();
        Ok((missing, programme.admits(&born, person, request.now)))
    }

    pub(super) async fn create(
        &self,
        request: &Request,
        registration: &Registration,
        brought: Option<(BroughtBy, Write)>,
    ) -> Result<(Registered, Vec<Write>), Error> {
        let programmes = self.programme.timeline()?;
        within_attributes(&registration.person)?;
        let mut born = newborn(&programmes, registration.id, registration.registered_at);
        born.brought_by = brought.as_ref().map(|(by, _)| *by);
        let mut parts = Parts::new(&self.programme, &programmes, request.by, request.now);
        parts.also(brought.map(|(_, write)| write));
        parts.also(self.ledger.signalled(born.id, &registration.signals, true).await?);
        let brand = BrandId::of_checked(&registration.person.brand);
        parts.member(MemberPart::plain(None, Some(&brand), &born, Vec::new()));
        let mut writes = parts.into_writes();
        writes.push(put(keys::person(registration.id), Expect::Absent, &registration.person));
        let claim = ClaimRecord { member: registration.id };
        let own = |claimed: &Claim| put(keys::identity(claimed.own.hash), Expect::Absent, &claim);
        writes.extend(registration.claims.iter().map(own));
        let view = self.view(&born, None, registration.person.clone(), request.now).await?;
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
        let loaded = self.records.reach(id).await?.ok_or(StoreError::LostRace)?;
        let id = loaded.record.member.id;
        let (mut person, version) = self.records.person(id).await?.ok_or(StoreError::LostRace)?;
        let before = person.clone();
        let Taken { vouched, claims } = take(
            &mut person,
            (&registration.person, &registration.claims),
            holders,
            loaded.record.member.status,
        )?;
        let claim = ClaimRecord { member: id };
        let mut writes: Vec<Write> = claims.into_iter().map(|key| put(key, Expect::Absent, &claim)).collect();
        if person != before {
            writes.push(put(keys::person(id), Expect::Version(version), &person));
            writes.extend(told_outward(request, id, &before, &person, version));
            // Nobody leaves in between.
            writes.push(still(keys::member(id), loaded.version));
        } else if request.key.is_some() {
            // The answer is stored with the person's data, unless the person is erased meanwhile.
            writes.push(still(keys::person(id), version));
            writes.extend(answering(request, &loaded));
        }
        if vouched {
            writes.extend(self.ledger.signalled(id, &registration.signals, false).await?);
        }
        let view = self.view(&loaded.record.member, Some(&loaded.record), person, request.now).await?;
        let has_all = vouched || holders.iter().all(Option::is_some);
        Ok((Registered { view, created: false, has_all }, writes))
    }

    /// Changes what is known of a person.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::LimitExceeded`], what `change` says, or the store failed.
    pub async fn correct(
        &self,
        request: &Request,
        id: MemberId,
        change: impl Fn(&mut Person) -> Result<(), Error>,
    ) -> Result<(), Error> {
        until_settled(|_| self.attempt_to_correct(request, id, &change)).await
    }

    async fn attempt_to_correct(
        &self,
        request: &Request,
        id: MemberId,
        change: &impl Fn(&mut Person) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // The person first: whoever merges the member writes it, so what is read of one who was not merged after that is
        // not what a merge has left behind.
        let own = self.records.person(id).await?;
        let loaded = self.records.reach(id).await?.ok_or(Refusal::MemberNotFound)?;
        let merged = loaded.record.member.id != id;
        let id = loaded.record.member.id;
        let read = if merged { self.records.person(id).await? } else { own };
        let (mut person, version) = read.ok_or(Refusal::MemberNotFound)?;
        let before = person.clone();
        change(&mut person)?;
        person.keep_birthday_since(&before, request.now);
        if person == before {
            return Ok(());
        }
        within_consents(&person)?;
        within_attributes(&person)?;
        let mut writes = vec![put(keys::person(id), Expect::Version(version), &person)];
        if merged {
            // It may have been parted meanwhile.
            writes.push(still(keys::member(id), loaded.version));
        }
        writes.extend(told_outward(request, id, &before, &person, version));
        request.note(&mut writes);
        self.programme.commit(writes).await
    }
}
