//! Registration: one member for every identity, and the person behind a member.

use domain::{
    member::{CONSENTS_MAX, IDENTITIES_MAX, Identity, MemberId, Person, Status},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    engine::{ATTEMPTS_MAX, Engine, Request, newborn, unchanged},
    ledger::{
        execute::remember,
        write::{MemberWrites, delete, put},
    },
    store::{
        Change, Expect, Key, StoreError, Write,
        error::{Error, until_settled},
        id::IdentityHash,
        keys,
        records::{Answer, ClaimRecord, Remembered, RequestRecord, decode},
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
    /// The keyed hash of each identity, in the person's order.
    pub claims: Vec<IdentityHash>,
}

/// What a registration came to.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The member.
    pub view: crate::ledger::read::MemberView,
    /// Whether it is new.
    pub created: bool,
}

/// An answer and whether it had been given before.
#[derive(Clone, Debug)]
pub struct Told {
    /// The answer.
    pub answer: Answer,
    /// Whether it is the first answer again.
    pub replayed: bool,
}

impl Engine {
    /// Registers a person, or finds the member an identity belongs to. `tell` makes the answer,
    /// which is remembered under the request's key until the person is erased.
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
        if let Some(answer) = self.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let claims: Vec<Key> = registration.claims.iter().map(|hash| keys::identity(*hash)).collect();
        let mut holders = Vec::new();
        for (key, record) in claims.iter().zip(self.store.get(&claims).await?) {
            let claim = record.map(|record| decode::<ClaimRecord>(key, &record.value)).transpose()?;
            holders.push(claim.map(|claim| claim.member));
        }
        let mut members: Vec<MemberId> = holders.iter().flatten().copied().collect();
        members.sort();
        members.dedup();
        let (registered, mut writes) = match members.as_slice() {
            [] => self.create(request, registration, &claims)?,
            [id] => self.join(request, registration, *id, &holders, &claims).await?,
            _ => return Err(Error::IdentityConflict { members }),
        };
        let answer = tell(&registered);
        if let Some(hash) = request.key {
            let id = registered.view.member.id;
            let kept = keys::answer(id, hash);
            writes.push(put(kept.clone(), Expect::Anything, &answer));
            writes.extend(remember(request, Remembered::Personal(kept.as_bytes().to_vec())));
        }
        if !writes.is_empty() {
            self.commit(writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }

    fn create(
        &self,
        request: &Request,
        registration: &Registration,
        claims: &[Key],
    ) -> Result<(Registered, Vec<Write>), Error> {
        let programmes = self.programmes()?;
        let born = newborn(&programmes, registration.id, registration.registered_at);
        let parts = MemberWrites {
            programmes: &programmes,
            by: request.by,
            recorded_at: request.now,
            before: None,
            brand: Some(&registration.person.brand),
            after: &born,
            events: Vec::new(),
            timely: 0,
        };
        let (mut writes, _) = parts.build(self, None);
        writes.push(put(keys::person(registration.id), Expect::Absent, &registration.person));
        let claim = ClaimRecord { member: registration.id };
        writes.extend(claims.iter().map(|key| put(key.clone(), Expect::Absent, &claim)));
        let view = self.view(&born, registration.person.clone(), request.now)?;
        Ok((Registered { view, created: true }, writes))
    }

    /// The identity is known. A shop that vouches for it may add what is new.
    async fn join(
        &self,
        request: &Request,
        registration: &Registration,
        id: MemberId,
        holders: &[Option<MemberId>],
        claims: &[Key],
    ) -> Result<(Registered, Vec<Write>), Error> {
        let loaded = self.load(id).await?.ok_or(StoreError::LostRace)?;
        let (mut person, version) = self.person(id).await?.ok_or(StoreError::LostRace)?;
        let told = &registration.person;
        let vouched = told
            .identities
            .iter()
            .zip(holders)
            .any(|(identity, holder)| holder.is_some() && identity.verified);
        let mut writes = Vec::new();
        if vouched {
            let before = person.clone();
            for ((identity, holder), key) in told.identities.iter().zip(holders).zip(claims) {
                match holder {
                    Some(_) => verify(&mut person, identity),
                    None => {
                        person.identities.push(identity.clone());
                        writes.push(put(key.clone(), Expect::Absent, &ClaimRecord { member: id }));
                    }
                }
            }
            if person.identities.len() > IDENTITIES_MAX {
                return Err(Refusal::LimitExceeded { what: "identities" }.into());
            }
            fill(&mut person, told);
            if person.consents.len() > CONSENTS_MAX {
                return Err(Refusal::LimitExceeded { what: "consents" }.into());
            }
            if person != before {
                writes.push(put(keys::person(id), Expect::Version(version), &person));
            }
        }
        if writes.is_empty() && request.key.is_some() {
            // The answer is kept with the person's data: not if the person is erased meanwhile.
            let (key, expect) = (keys::person(id), Expect::Version(version));
            writes.push(Write { key, expect, change: Change::Nothing });
        }
        let view = self.view(&loaded.record.member, person, request.now)?;
        Ok((Registered { view, created: false }, writes))
    }

    /// The answer that was given to this request before, if it was.
    ///
    /// # Errors
    /// [`Error::KeyReused`] if the key belongs to another request; [`Error::AnswerErased`] if the
    /// answer went with the person it was about.
    pub async fn remembered(&self, request: &Request) -> Result<Option<Answer>, Error> {
        let Some(hash) = request.key else { return Ok(None) };
        let Some((record, _)) = self.read::<RequestRecord>(&keys::request(hash)).await? else {
            return Ok(None);
        };
        if record.content != request.content {
            return Err(Error::KeyReused);
        }
        match record.answer {
            Remembered::Whole(answer) => Ok(Some(answer)),
            Remembered::Personal(key) => match self.read::<Answer>(&Key::new(key)).await? {
                Some((answer, _)) => Ok(Some(answer)),
                None => Err(Error::AnswerErased),
            },
            Remembered::Entry(_) | Remembered::Nothing(_) => Err(Error::KeyReused),
        }
    }

    /// Remembers an answer without personal data under the request's key, in one commit with what
    /// it answers.
    ///
    /// # Errors
    /// The store failed, or somebody was quicker.
    pub(crate) async fn commit_told(
        &self,
        request: &Request,
        mut writes: Vec<Write>,
        answer: &Answer,
    ) -> Result<(), Error> {
        writes.extend(remember(request, Remembered::Whole(answer.clone())));
        if writes.is_empty() { Ok(()) } else { self.commit(writes).await }
    }

    /// Remembers an answer without personal data under the request's key, and returns the answer
    /// that stands: somebody else's, where they were answered under the key meanwhile.
    ///
    /// # Errors
    /// The store failed.
    pub async fn remember_answer(&self, request: &Request, answer: Answer) -> Result<Told, Error> {
        until_settled(|before| self.attempt_to_remember(request, &answer, before > 0)).await
    }

    async fn attempt_to_remember(
        &self,
        request: &Request,
        answer: &Answer,
        look: bool,
    ) -> Result<Told, Error> {
        if look && let Some(answer) = self.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        self.commit_told(request, Vec::new(), answer).await?;
        Ok(Told { answer: answer.clone(), replayed: false })
    }

    /// Changes what is known of a person.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::LimitExceeded`], or the store failed.
    pub async fn correct(&self, id: MemberId, change: impl Fn(&mut Person)) -> Result<(), Error> {
        until_settled(|_| self.attempt_to_correct(id, &change)).await
    }

    async fn attempt_to_correct(&self, id: MemberId, change: &impl Fn(&mut Person)) -> Result<(), Error> {
        let (mut person, version) = self.person(id).await?.ok_or(Refusal::MemberNotFound)?;
        let before = person.clone();
        change(&mut person);
        if person == before {
            return Ok(());
        }
        if person.consents.len() > CONSENTS_MAX {
            return Err(Refusal::LimitExceeded { what: "consents" }.into());
        }
        self.commit(vec![put(keys::person(id), Expect::Version(version), &person)]).await
    }

    /// Takes away the person: profile, identities, claims, links and answers with personal data. The
    /// ledger stays under the bare id. Repeating it does no more.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], or the store failed.
    pub async fn erase(
        &self,
        request: &Request,
        id: MemberId,
        claims: impl Fn(&Person) -> Vec<IdentityHash>,
    ) -> Result<(), Error> {
        let reason = "erased on request".to_owned();
        let set = domain::decide::SetStatus { status: Status::Erased, reason };
        let keyless = Request { key: None, ..request.clone() };
        self.execute(&keyless, &crate::ledger::act::Act::SetStatus(crate::engine::Whom::Id(id), set)).await?;
        // From here on something has been written, whatever becomes of the rest.
        self.erase_links(id).await.map_err(Error::half_done)?;
        self.erase_person(id, claims).await.map_err(Error::half_done)
    }

    async fn erase_person(
        &self,
        id: MemberId,
        claims: impl Fn(&Person) -> Vec<IdentityHash>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let answers = self.store.scan(keys::answers(id), 50).await?;
            let last_step = answers.len() < 50;
            let mut writes: Vec<Write> = answers.into_iter().map(|(key, _)| delete(key)).collect();
            if last_step && let Some((person, version)) = self.person(id).await? {
                writes.extend(claims(&person).into_iter().map(|hash| delete(keys::identity(hash))));
                let (key, expect) = (keys::person(id), unchanged(Some(version)));
                writes.push(Write { key, expect, change: Change::Delete });
            }
            match if writes.is_empty() { Ok(()) } else { self.commit(writes).await } {
                Err(Error::Store(StoreError::LostRace | StoreError::Unknown(_))) => {}
                Err(error) => return Err(error),
                Ok(()) if last_step => return Ok(()),
                Ok(()) => {}
            }
        }
        Err(Error::Contended)
    }
}

/// The shop vouches for an identity that the person already has.
fn verify(person: &mut Person, told: &Identity) {
    let own = person
        .identities
        .iter_mut()
        .find(|own| own.kind == told.kind && own.channel == told.channel && own.value == told.value);
    if let Some(own) = own {
        own.verified |= told.verified;
    }
}

/// Adds profile fields that are missing; what is there stays.
fn fill(person: &mut Person, told: &Person) {
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
    // A region is one field: of two places put together there would be a third.
    if person.region.is_empty() {
        person.region.clone_from(&told.region);
    }
    for (channel, consent) in &told.consents {
        person.consents.entry(channel.clone()).or_insert(*consent);
    }
}
