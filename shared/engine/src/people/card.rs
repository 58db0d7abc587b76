//! Members' cards: each member has one, made at the first look. What a till scans is a token of it, made and
//! checked at the edge, which has the secrets; here a card is a number and a hash.
//!
//! A card is made and replaced on the condition that the member, who is active, is unchanged, so that nobody who
//! has left meanwhile has one: erasing deletes both records, and no other can come. A closed or suspended
//! member's card stays, and finds it; nothing is spent with it.

use domain::{
    id::BrandId,
    member::{MemberId, Status},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::{Request, Told, answering, remember_with_person},
    people::{People, view::MemberView},
    store::{
        Expect, Version, Write,
        error::{Error, until_settled},
        id::{CardHash, CardNumber, Reference},
        keys,
        look::Look,
        reading::Loaded,
        records::{Answer, CardRecord, CardUse, MemberCardRecord, MemberRecord},
        write::{delete, delete_read, put, still, unchanged},
    },
};

/// The most offline tokens of one card that are remembered one by one. Where there are more, the oldest is no longer
/// told from those before it, and all of these count as used.
const OFFLINE_USES_MAX: usize = 350;

/// A card that may be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewCard {
    /// A number that nobody else has: what the card's reference follows from, and by which an attempt whose outcome
    /// is unknown is recognised.
    pub number: CardNumber,
    /// The keyed hash of that reference.
    pub hash: CardHash,
}

/// A member's card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Card {
    /// What its reference follows from.
    pub number: CardNumber,
    /// Whether this request is the one that is given the device's key.
    pub gives_device_key: bool,
}

/// A token that points are to be spent with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardSpend {
    /// The keyed hash of its card's reference.
    pub card: CardHash,
    /// Whose card that is; it may have been merged into another, which answers for it.
    pub member: MemberId,
    /// Whether it was made for tills without a network.
    pub offline: bool,
    /// Its step, or its minute.
    pub at: u64,
    /// From when on nobody can tell it any more.
    pub until: Instant,
    /// The earliest minute of which an offline token can still be told.
    pub earliest: u64,
    /// A number that nobody else has, by which an attempt whose outcome is unknown is recognised.
    pub by: CardNumber,
}

impl CardSpend {
    /// Whether this spending has used the token already, in an attempt whose outcome was unknown.
    fn was_done(&self, card: &MemberCardRecord) -> Result<bool, Refusal> {
        let same = |used: &&CardUse| used.offline == self.offline && used.at == self.at;
        match card.used.iter().find(same) {
            Some(used) if used.by == self.by => Ok(true),
            Some(_) => Err(Refusal::CardTokenUsed),
            None if self.offline && card.has_forgotten(self.at) => Err(Refusal::CardTokenUsed),
            None => Ok(false),
        }
    }
}

/// A member and its card, as read.
struct Read {
    /// The record whose card it is, which may have been merged into another.
    loaded: Loaded,
    /// Whom it was merged into, if it was.
    into: Option<Loaded>,
    card: Option<(MemberCardRecord, Version)>,
}

impl Read {
    /// Who answers for the card.
    fn holder(&self) -> &Loaded {
        self.into.as_ref().unwrap_or(&self.loaded)
    }

    fn must_be_active(&self) -> Result<(), Refusal> {
        match self.holder().record.member.status {
            Status::Active => Ok(()),
            status => Err(Refusal::MemberNotActive { status: status.word() }),
        }
    }
}

impl People {
    /// The member's card, which is made if there is none: the one read that may write. With `device`, the first
    /// request for the device's key is given it.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MemberNotActive`], or the store failed.
    pub async fn card(
        &self,
        request: &Request,
        id: MemberId,
        new: NewCard,
        device: bool,
    ) -> Result<Card, Error> {
        until_settled(|_| self.attempt_card(request, id, new, device)).await
    }

    async fn attempt_card(
        &self,
        request: &Request,
        id: MemberId,
        new: NewCard,
        device: bool,
    ) -> Result<Card, Error> {
        let read = self.read_card(id).await?;
        read.must_be_active()?;
        let mut writes = Vec::new();
        let card = match read.card {
            Some((mut card, version)) => {
                if device && card.device.is_none() {
                    card.device = Some(new.number);
                    writes.push(put(keys::member_card(id), Expect::Version(version), &card));
                }
                card
            }
            None => {
                let card = made(request, new, device);
                writes.push(put(keys::member_card(id), Expect::Absent, &card));
                writes.push(put(keys::card(card.hash), Expect::Absent, &CardRecord { member: id }));
                writes.push(still(keys::member(id), read.loaded.version));
                card
            }
        };
        if !writes.is_empty() {
            self.programme.commit(writes).await?;
        }
        let gives_device_key = device && card.device == Some(new.number);
        Ok(Card { number: card.number, gives_device_key })
    }

    /// Replaces the member's card: the old one's tokens mean nobody from then on, nor do those of the cards that other
    /// records of the person have, which lead to the same points. The answer is remembered.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MemberNotActive`], or the store failed.
    pub async fn replace_card(
        &self,
        request: &Request,
        id: MemberId,
        new: NewCard,
        device: bool,
        answer: Answer,
    ) -> Result<Told, Error> {
        until_settled(|_| self.attempt_replace(request, id, new, device, &answer)).await
    }

    async fn attempt_replace(
        &self,
        request: &Request,
        id: MemberId,
        new: NewCard,
        device: bool,
        answer: &Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let read = self.read_card(id).await?;
        let told = Told { answer: answer.clone(), replayed: false };
        // An attempt whose outcome was unknown has succeeded.
        if read.card.as_ref().is_some_and(|(card, _)| card.number == new.number) {
            return Ok(told);
        }
        read.must_be_active()?;
        let card = made(request, new, device);
        let expect = unchanged(read.card.as_ref().map(|(_, version)| *version));
        let mut writes = vec![
            put(keys::member_card(id), expect, &card),
            put(keys::card(card.hash), Expect::Absent, &CardRecord { member: id }),
            still(keys::member(id), read.loaded.version),
        ];
        writes.extend(read.card.as_ref().map(|(old, _)| delete(keys::card(old.hash))));
        writes.extend(self.other_cards(id, &read).await?);
        self.programme.commit_told(request, writes, answer).await?;
        Ok(told)
    }

    /// The writes that end the cards of the person's other records.
    async fn other_cards(&self, id: MemberId, read: &Read) -> Result<Vec<Write>, Error> {
        let holder = &read.holder().record.member;
        let records = holder.absorbed.iter().map(|absorbed| absorbed.member).chain([holder.id]);
        let mut writes: Vec<Write> =
            read.into.iter().map(|into| still(keys::member(holder.id), into.version)).collect();
        for other in records.filter(|other| *other != id) {
            let key = keys::member_card(other);
            if let Some((card, version)) = self.records.read::<MemberCardRecord>(&key).await? {
                writes.extend([delete_read(key, version), delete(keys::card(card.hash))]);
            }
        }
        Ok(writes)
    }

    /// Whose card that is, if it is one.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn card_holder(&self, card: CardHash) -> Result<Option<MemberId>, Error> {
        Ok(self.records.read::<CardRecord>(&keys::card(card)).await?.map(|(record, _)| record.member))
    }

    /// What is held of the card of that record, itself.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn held_card(&self, id: MemberId) -> Result<Option<MemberCardRecord>, Error> {
        Ok(self.records.read::<MemberCardRecord>(&keys::member_card(id)).await?.map(|(card, _)| card))
    }

    /// Whoever answers for the card of that record, as of now; and, for a partner, its name for that member as it was read:
    /// what is shown under a reference is of whom it meant then.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], also where the partner is not linked with the member; or the store failed.
    pub async fn by_card(
        &self,
        id: MemberId,
        partner: Option<&BrandId>,
        now: Instant,
    ) -> Result<(MemberView, Option<Reference>), Error> {
        let (loaded, person) = self.with_person(id).await?;
        let reference = self.named_by(partner, id, &loaded).await?;
        Ok((self.shown(&loaded, person, now).await?, reference))
    }

    /// Uses up a token of a card, once. `tell` makes the answer from whoever answers for the card, and from the partner's
    /// name for them if one asks; with them it is remembered until the person is erased. `None` where it makes none:
    /// then nothing is written.
    ///
    /// # Errors
    /// [`Refusal::CardTokenInvalid`] if the card was replaced meanwhile, [`Refusal::CardTokenUsed`],
    /// [`Refusal::MemberNotActive`]; [`Refusal::MemberNotFound`] where the partner is not linked; or the store failed.
    pub async fn spend_card(
        &self,
        request: &Request,
        spend: &CardSpend,
        partner: Option<&BrandId>,
        tell: impl Fn(&MemberView, Option<Reference>) -> Option<Answer>,
    ) -> Result<Option<Told>, Error> {
        match until_settled(|_| self.attempt_spend(request, spend, partner, &tell)).await {
            Err(error) => self.access.or_remembered(request, Err(error)).await.map(Some),
            done => done,
        }
    }

    async fn attempt_spend(
        &self,
        request: &Request,
        spend: &CardSpend,
        partner: Option<&BrandId>,
        tell: &impl Fn(&MemberView, Option<Reference>) -> Option<Answer>,
    ) -> Result<Option<Told>, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Some(Told { answer, replayed: true }));
        }
        let read = self.read_card(spend.member).await?;
        let holder = read.holder();
        let id = holder.record.member.id;
        // Whoever does not know the member learns nothing of the card.
        let reference = self.named_by(partner, spend.member, holder).await?;
        let card = read.card.as_ref().filter(|(card, _)| card.hash == spend.card);
        let (mut card, version) = card.cloned().ok_or(Refusal::CardTokenInvalid)?;
        let is_done = spend.was_done(&card)?;
        if !is_done {
            read.must_be_active()?;
        }
        let person = self.records.person(id).await?.map(|(person, _)| person).unwrap_or_default();
        let view = self.shown(holder, person, request.now).await?;
        let Some(answer) = tell(&view, reference) else { return Ok(None) };
        let told = Some(Told { answer: answer.clone(), replayed: false });
        if is_done {
            return Ok(told);
        }
        card.forget(request.now, spend.earliest);
        let CardSpend { offline, at, until, by, .. } = *spend;
        card.used.push(CardUse { offline, at, until, by });
        let mut writes = vec![put(keys::member_card(spend.member), Expect::Version(version), &card)];
        // It shows the member, so it goes with the person; and neither is parted from the other meanwhile.
        match &read.into {
            Some(into) => writes.push(still(keys::member(id), into.version)),
            None => writes.extend(answering(request, &read.loaded)),
        }
        writes.extend(remember_with_person(request, id, &answer));
        self.programme.commit(writes).await?;
        Ok(told)
    }

    /// The partner's name for the member that answers for that record, if one asks.
    async fn named_by(
        &self,
        partner: Option<&BrandId>,
        id: MemberId,
        holder: &Loaded,
    ) -> Result<Option<Reference>, Error> {
        let Some(brand) = partner else { return Ok(None) };
        let reference = self.partners.standing_link(&holder.record.member, id, brand).await?;
        Ok(Some(reference.ok_or(Refusal::MemberNotFound)?))
    }

    async fn read_card(&self, id: MemberId) -> Result<Read, Error> {
        let mut asked = Look::default();
        let member = asked.at::<MemberRecord>(keys::member(id));
        let card = asked.at::<MemberCardRecord>(keys::member_card(id));
        let seen = self.records.look(asked).await?;
        let (record, version) = seen.read(member)?.ok_or(Refusal::MemberNotFound)?;
        let loaded = Loaded { record, version };
        // Whoever was merged keeps the card, which leads to the other.
        let into = match loaded.record.member.merged {
            Some(_) => Some(self.records.follow(loaded.clone()).await?.loaded),
            None => None,
        };
        Ok(Read { loaded, into, card: seen.read(card)? })
    }
}

impl MemberCardRecord {
    /// Forgets what was used and can be told no more, and makes room for one more. Of offline tokens the newest
    /// minute that is forgotten stays known: how late one may be told can be changed, and a token that was used once
    /// must not be good again.
    fn forget(&mut self, now: Instant, earliest: u64) {
        let mut kept: Vec<u64> = self.offline_minutes().filter(|at| *at >= earliest).collect();
        kept.sort_unstable_by(|one, other| other.cmp(one));
        // The oldest that is kept: there is room for one more then.
        let oldest = kept.get(OFFLINE_USES_MAX - 2).copied().unwrap_or(earliest);
        let passed = self.offline_minutes().filter(|at| *at < oldest).max();
        self.forgotten = self.forgotten.max(passed);
        self.used.retain(|used| if used.offline { used.at >= oldest } else { used.until > now });
    }

    /// Whether an offline token of that minute may have been used and forgotten.
    fn has_forgotten(&self, minute: u64) -> bool {
        self.forgotten.is_some_and(|forgotten| minute <= forgotten)
    }

    fn offline_minutes(&self) -> impl Iterator<Item = u64> {
        self.used.iter().filter(|used| used.offline).map(|used| used.at)
    }
}

/// The record of a new card.
fn made(request: &Request, new: NewCard, device: bool) -> MemberCardRecord {
    let NewCard { number, hash } = new;
    MemberCardRecord {
        number,
        hash,
        made_at: request.now,
        device: device.then_some(number),
        used: Vec::new(),
        forgotten: None,
    }
}
