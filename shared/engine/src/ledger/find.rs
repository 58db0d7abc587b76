//! Finds whose ledger a command is about and what it changes, waits for them and reads them.

use domain::{member::MemberId, programme::Way, refusal::Refusal};

use crate::{
    access::requests::Request,
    accounts::{Account, Met, Shard},
    ledger::{
        Ledger,
        act::{About, Act, Counted, Whom},
        issued::is_window,
        parts::Target,
    },
    store::{
        Expect, StoreError, Write,
        error::Error,
        keys,
        look::{Look, Seen, Slot},
        reading::Loaded,
        records::{EntryRecord, MemberRecord},
        turns::{Turn, Turns},
        write::put,
    },
};

/// Where a command will find what it is about: requested, and not yet read.
pub(super) struct Place {
    /// By way of whom: the member that was named, or whose order, activity or redemption it is.
    via: MemberId,
    member: Slot<MemberRecord>,
    target: Option<Target>,
    account: Option<(Account, Slot<Shard>)>,
}

/// What an attempt has read: the member and the target.
pub(super) struct Found {
    /// The member; if the one that was named was merged, whom that leads to.
    pub(super) id: MemberId,
    pub(super) via: MemberId,
    /// A record that says a shorter way from now on.
    pub(super) shorter: Option<Write>,
    pub(super) loaded: Loaded,
    pub(super) target: Option<Target>,
    pub(super) met: Option<Met>,
}

impl Place {
    /// What was read.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], or a record is unreadable.
    pub(super) fn found(self, seen: &Seen) -> Result<Found, Error> {
        let (record, version) = seen.read(self.member)?.ok_or(Refusal::MemberNotFound)?;
        let met = match self.account {
            Some((account, slot)) => Some(Met::new(account, seen.read(slot)?)),
            None => None,
        };
        let (id, loaded) = (record.member.id, Loaded { record, version });
        Ok(Found { id, via: self.via, shorter: None, loaded, target: self.target, met })
    }
}

impl Ledger {
    /// The member of a command, if it is named in a way that is looked up before anything else.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`] for a reference that means nobody, or the store failed.
    pub(super) async fn named(&self, request: &Request, act: &Act) -> Result<Option<MemberId>, Error> {
        match &act.about {
            About::Member(Whom::Id(id)) => Ok(Some(*id)),
            // First of all: a reference that has ended is unknown, even to a repeat of what was done under
            // it.
            About::Member(whom @ (Whom::Linked(_) | Whom::Nobody)) => {
                Ok(Some(self.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?))
            }
            About::Target { whom: Some(whom @ (Whom::Linked(_) | Whom::Nobody)), .. } => {
                self.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?;
                Ok(None)
            }
            About::Member(Whom::Identity(_)) | About::Target { .. } => Ok(None),
        }
    }

    /// The member that an identity belongs to, or the order or redemption is of; and that.
    ///
    /// # Errors
    /// It does not exist, or is not within the caller's reach; or the store failed.
    pub(super) async fn find(
        &self,
        request: &Request,
        act: &Act,
    ) -> Result<(MemberId, Option<Target>), Error> {
        let mut named = None;
        let (key, missing) = match &act.about {
            About::Member(whom) => {
                let id = self.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?;
                return Ok((id, None));
            }
            About::Target { key, missing, whom } => {
                if let Some(whom) = whom {
                    named = Some(self.existing(request, whom).await?);
                }
                (key, missing)
            }
        };
        // What is kept of a window has the key that its id would have.
        if key.kind() == keys::kind::GRANT && is_window(key) {
            return Err(missing.clone().into());
        }
        let (entry, version) = self.records.read::<EntryRecord>(key).await?.ok_or_else(|| missing.clone())?;
        let reaches = request.reaches(&*self.programme.timeline()?, entry.event.kind.row().brand);
        if !reaches {
            return Err(missing.clone().into());
        }
        // An order or an activity is judged under its own version, which another instance may just have saved.
        let row = entry.event.kind.row();
        let made_under = row.order.map_or(entry.version, |order| order.version);
        if self.programme.timeline()?.version(made_under).is_none() {
            self.programme.refresh().await?;
        }
        let whose = entry.via.unwrap_or(entry.member);
        if let Some(named) = named.filter(|named| *named != whose) {
            // Two records of one person are the same member.
            let reached = self.records.reached(&[named, whose]).await?;
            if reached[0] != reached[1] {
                return Err(Refusal::OrderConflict { revision: entry.revision() }.into());
            }
        }
        let mut entry = entry;
        if act.revised().is_some() {
            self.complete(&mut entry).await?;
        }
        Ok((whose, Some(Target { key: key.clone(), entry, version })))
    }

    /// What a command is about where the member that was named leads to another: that one, with whatever else depends
    /// on who it is.
    pub(super) async fn arrive<'q>(
        &'q self,
        act: &Act,
        found: Found,
        turns: &mut Turns<'q>,
    ) -> Result<Found, Error> {
        let Found { via, loaded, target, .. } = found;
        let named = loaded.clone();
        let reached = self.records.follow(loaded).await?;
        let id = reached.loaded.record.member.id;
        // Turns are taken in one order: what was waited for on the way is given back first.
        *turns = self.queues.begin();
        let mut asked = Look::default();
        let place = self.place(act, id, target, turns, &mut asked).await;
        let found = place.found(&self.records.look(asked).await?)?;
        let member = &found.loaded.record.member;
        // The commit finds out if this record has changed, and nobody but it says whether it still answers for who was
        // named: a merge may have been undone since.
        if member.merged.is_some() || !member.answers_for(via) {
            return Err(StoreError::LostRace.into());
        }
        let shorter = (reached.hops > 1).then(|| {
            let record = MemberRecord { leads_to: Some(id), ..named.record };
            put(keys::member(via), Expect::Version(named.version), &record)
        });
        Ok(Found { via, shorter, ..found })
    }

    /// The member that is named, who must exist.
    async fn existing(&self, request: &Request, whom: &Whom) -> Result<MemberId, Error> {
        let id = self.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?;
        // Whoever is named otherwise than by an id was found by a record of it.
        let exists = !matches!(whom, Whom::Id(_)) || self.records.load(id).await?.is_some();
        if exists { Ok(id) } else { Err(Refusal::MemberNotFound.into()) }
    }

    /// Waits for the turns of everything that a command is about, and requests it.
    pub(super) async fn place(
        &self,
        act: &Act,
        id: MemberId,
        target: Option<Target>,
        turns: &mut Turns<'_>,
        asked: &mut Look,
    ) -> Place {
        turns.take(&[Turn::Member(id)]).await;
        let account = match act.account {
            Counted::Nowhere => None,
            Counted::Taken(way) => {
                act.brand.as_ref().and_then(|brand| self.accounts.spending(brand, way, id))
            }
            Counted::GivenBack => target.as_ref().and_then(|target| self.accounts.refunding(&target.entry)),
            Counted::Revised => {
                let brand = act.brand.as_ref();
                let spending = brand.and_then(|brand| self.accounts.spending(brand, Way::Issue, id));
                spending.or_else(|| target.as_ref().and_then(|target| self.accounts.refunding(&target.entry)))
            }
        };
        let shard = account.as_ref().map(Account::shard_key);
        if let Some(shard) = &shard {
            turns.take(&[Turn::Shard(shard)]).await;
        }
        let member = asked.at(keys::member(id));
        let account = account.zip(shard.map(|shard| asked.at(shard)));
        Place { via: id, member, target, account }
    }

    pub(crate) async fn member_of(&self, request: &Request, whom: &Whom) -> Result<Option<MemberId>, Error> {
        match (whom, &request.brand) {
            (Whom::Id(id), _) => Ok(Some(*id)),
            (Whom::Identity(claim), _) => self.records.claimed_by(claim).await,
            (Whom::Linked(reference), Some(brand)) => self.records.referred(brand, *reference).await,
            // A reference means something to its brand alone.
            (Whom::Linked(_), None) | (Whom::Nobody, _) => Ok(None),
        }
    }
}
