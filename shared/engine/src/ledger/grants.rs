//! Grants 持有 as commands on a ledger: what they ask for besides the member, and what is known of them.

use domain::{
    decide::{IssueGrant, IssuedBefore, RevokeGrant, Revoking},
    event::EntryKind,
    id::OfferId,
    member::{Member, MemberId},
    offer::{Limits, grant::Grant},
    refusal::Refusal,
    time::DayNumber,
};

use crate::{
    access::requests::Request,
    accounts::{
        NextCode,
        offer_places::Asks,
        offer_shards::Need,
        offers::{OfferAccount, shard_of},
    },
    ledger::{
        Ledger,
        act::{Done, OfGrant, Whom},
        asking::{CommandOnGrant, GrantAsk, Revoke},
        find::Found,
        issued::{family, grant_of, is_window, issued_before, issued_by},
        parts::Target,
    },
    store::{
        Key, Write,
        error::Error,
        keys,
        records::{EntryRecord, KeptGrant, Remembered, Unreadable, decode},
        turns::{Turn, Turns},
    },
};

/// What a command on a grant needs besides the member.
#[derive(Default)]
pub(super) struct Gathered {
    /// By way of whom.
    pub(super) via: Option<MemberId>,
    before: Vec<IssuedBefore>,
    stock: Option<u64>,
    grant: Option<Grant>,
    account: Option<OfferAccount>,
    /// The code of somebody else's that it hands out.
    pub(super) code: Option<NextCode>,
}

impl GrantAsk {
    /// The command for the rules.
    fn command<'a>(&'a self, gathered: &'a Gathered, id: MemberId) -> IssueGrant<'a> {
        IssueGrant {
            offer: &self.offer,
            number: self.number,
            holder: gathered.via.unwrap_or(id),
            brand: &self.brand,
            by_staff: self.by_staff,
            pieces: self.pieces,
            points: self.points,
            asked_as: self.asked_as.as_deref(),
            reason: self.reason.as_deref(),
            order_id: self.order_id.as_ref(),
            before: &gathered.before,
            stock: gathered.stock,
        }
    }
}

/// Whether the entry issues what was asked for under that name.
fn is_asked_as(entry: &EntryRecord, name: &str) -> bool {
    issued_by(entry).is_some_and(|issued| issued.asked_as.as_deref() == Some(name))
}

fn is_limited(stock: &Limits) -> bool {
    stock.total.is_some() || stock.per_day.is_some()
}

impl Revoke {
    /// The command for the rules.
    fn command<'a>(
        &'a self,
        gathered: &'a Gathered,
        target: Option<&'a EntryRecord>,
    ) -> Result<RevokeGrant<'a>, Refusal> {
        let (entry, grant) = target.zip(gathered.grant.as_ref()).ok_or(Refusal::GrantNotFound)?;
        let how = match self {
            Revoke::Staff(reason) => Revoking::Staff(reason),
            Revoke::Whole => Revoking::Whole,
        };
        Ok(RevokeGrant { issued: &entry.event, grant, how })
    }
}

impl Gathered {
    /// The command for the rules, if it is about a grant.
    pub(super) fn command<'a>(
        &'a self,
        of: Option<OfGrant<'a>>,
        target: Option<&'a EntryRecord>,
        id: MemberId,
    ) -> Result<Option<CommandOnGrant<'a>>, Refusal> {
        Ok(match of {
            Some(OfGrant::Issue(ask)) => Some(CommandOnGrant::Issue(ask.command(self, id))),
            Some(OfGrant::Revoke(revoke)) => Some(CommandOnGrant::Revoke(revoke.command(self, target)?)),
            None => None,
        })
    }

    /// The writes of the account by what was decided, if it counts that.
    pub(super) fn counted(
        &self,
        issued: &EntryKind,
        today: DayNumber,
        target: Option<&Target>,
    ) -> Vec<Write> {
        let Some(account) = self.account.as_ref() else { return Vec::new() };
        if let Some(issued) = issued.issued() {
            return account.issue(issued.pieces, today);
        }
        match (issued.revoked().filter(|revoked| revoked.pieces > 0), target) {
            (Some(revoked), Some(target)) => {
                account.return_issued(&[(revoked.pieces, target.entry.event.today)], today)
            }
            (None, _) | (_, None) => Vec::new(),
        }
    }
}

impl Ledger {
    /// What a command on a grant needs besides the member; or what was done before, of which it is a repeat.
    pub(super) async fn gather(
        &self,
        request: &Request,
        of: OfGrant<'_>,
        found: &Found,
        turns: &mut Turns<'_>,
    ) -> Result<Result<Gathered, Done>, Error> {
        let member = &found.loaded.record.member;
        match of {
            OfGrant::Issue(ask) => {
                // Pools of brands' accounts are waited for later, and turns are taken in one order.
                let turns = found.met.is_none().then_some(turns);
                self.gather_issue(request, ask, (member, found.via), turns).await
            }
            OfGrant::Revoke(revoke) => {
                self.gather_revoke(request, revoke, member, found.target.as_ref()).await
            }
        }
    }

    /// The entry that issued the grant which that entry takes back, if it takes one back.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn issue_of(&self, entry: &EntryRecord) -> Result<Option<EntryRecord>, Error> {
        match entry.event.kind.revoked() {
            Some(revoked) => self.records.entry_at(&keys::grant(revoked.name)).await,
            None => Ok(None),
        }
    }

    /// Whether whoever is named was issued something of the offer of that number under that name before.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn was_claimed(
        &self,
        request: &Request,
        whom: &Whom,
        (number, name): (u16, &str),
    ) -> Result<bool, Error> {
        let Some(id) = self.member_of(request, whom).await? else { return Ok(false) };
        let Some(loaded) = self.records.reach(id).await? else { return Ok(false) };
        let issued = self.issued_of(&loaded.record.member, number).await?;
        Ok(issued.iter().any(|(_, entry)| is_asked_as(entry, name)))
    }

    /// Whether that member was issued something under the name that is asked for.
    pub(super) async fn is_issued(&self, id: MemberId, ask: &GrantAsk) -> Result<bool, Error> {
        let (Some(name), Some(loaded)) = (&ask.asked_as, self.records.reach(id).await?) else {
            return Ok(false);
        };
        let issued = self.issued_of(&loaded.record.member, ask.number).await?;
        Ok(issued.iter().any(|(_, entry)| is_asked_as(entry, name)))
    }

    /// The entries of all that the member, and all it has absorbed, was issued of an offer, by name.
    pub(crate) async fn issued_of(
        &self,
        member: &Member,
        number: u16,
    ) -> Result<Vec<(Key, EntryRecord)>, Error> {
        let mut issued = Vec::new();
        for holder in family(member) {
            for (key, record) in self.records.scan_all(keys::grants_of_offer(holder, number)).await? {
                if !is_window(&key) {
                    let entry: EntryRecord = decode(&key, &record.value)?;
                    if issued_by(&entry).is_some_and(|issued| issued.name.holder == holder) {
                        issued.push((key, entry));
                    }
                }
            }
        }
        Ok(issued)
    }

    /// What is needed to issue a grant; or what was done under its name before.
    async fn gather_issue(
        &self,
        request: &Request,
        ask: &GrantAsk,
        (member, via): (&Member, MemberId),
        turns: Option<&mut Turns<'_>>,
    ) -> Result<Result<Gathered, Done>, Error> {
        let issued = self.issued_of(member, ask.number).await?;
        if let Some(done) = self.asked_before(request, ask, &issued).await? {
            return Ok(Err(done));
        }
        if let Some(order_id) = &ask.order_id {
            self.must_take_gifts(member, &ask.brand, order_id).await?;
        }
        let before = issued.iter().filter_map(|(_, entry)| issued_before(entry)).collect();
        let newest = self.programme.offers().await?.offer(&ask.offer.id).cloned();
        let newest = newest.unwrap_or_else(|| ask.offer.clone());
        let zone = self.programme.timeline()?.newest().zone;
        let at = (request.now, zone.day(request.now).number());
        let asks = Asks { place: shard_of(member.id), at, takes: !request.dry_run };
        let mut turns = turns;
        if let Some(turns) = turns.as_deref_mut() {
            if is_limited(&newest.stock) {
                turns.take(&[Turn::Shard(&keys::offer_account(&newest.id, asks.place))]).await;
            }
            if newest.hands_out_codes {
                turns.take(&[Turn::Pool(&keys::offer_account(&newest.id, keys::POOL))]).await;
            }
        }
        let need = Need { issued: ask.pieces.into(), ..Need::default() };
        let account = self.accounts.offer_account(&newest, need, asks, turns).await?;
        let hands_out = newest.hands_out_codes;
        let code = if hands_out { self.accounts.next_code(&newest.id).await? } else { None };
        let codes = hands_out.then(|| code.as_ref().map_or(0, |code| code.left));
        let (now, today) = at;
        let stock = account.left(&newest, now, today).issued.into_iter().chain(codes).min();
        Ok(Ok(Gathered { via: Some(via), before, stock, grant: None, account: Some(account), code }))
    }

    /// The account that counts what was issued of an offer.
    pub(super) async fn account_of_issued(
        &self,
        offer: &OfferId,
        id: MemberId,
    ) -> Result<OfferAccount, Error> {
        let newest = self.programme.offers().await?.offer(offer).cloned();
        let limited = newest.is_some_and(|newest| is_limited(&newest.stock));
        self.accounts.account_to_return(offer, shard_of(id), limited).await
    }

    /// What was done under the name of a claim, purchase or issue before, if anything was.
    async fn asked_before(
        &self,
        request: &Request,
        ask: &GrantAsk,
        issued: &[(Key, EntryRecord)],
    ) -> Result<Option<Done>, Error> {
        let Some(name) = &ask.asked_as else { return Ok(None) };
        let known = issued.iter().find(|(_, entry)| is_asked_as(entry, name));
        let Some((key, entry)) = known else { return Ok(None) };
        if entry.content != Some(request.content) {
            return Err(Refusal::IdConflict.into());
        }
        if entry.grant.as_deref().is_some_and(|kept| kept.revoked.is_some()) {
            return Err(Refusal::AlreadyCancelled.into());
        }
        self.commit_remembered(request, Remembered::Entry(key.as_bytes().to_vec())).await?;
        Ok(Some(Done { member: entry.member, entry: Some(entry.clone()), replayed: true }))
    }

    /// What is needed to take a grant back; or that staff have done so before.
    async fn gather_revoke(
        &self,
        request: &Request,
        revoke: &Revoke,
        member: &Member,
        target: Option<&Target>,
    ) -> Result<Result<Gathered, Done>, Error> {
        let entry = target.map(|target| &target.entry).ok_or(Refusal::GrantNotFound)?;
        let issued = issued_by(entry).ok_or(Refusal::GrantNotFound)?;
        if let (Revoke::Staff(_), Some(KeptGrant { revoked: Some(by), .. })) =
            (revoke, entry.grant.as_deref())
        {
            let by = Key::new(by.clone());
            let done = self.records.entry_at(&by).await?.ok_or(Unreadable { key: by.clone() })?;
            // What went back otherwise, with its order or by a reversal, staff did not take.
            if done.event.kind.revoked().is_some_and(|revoked| revoked.reason.is_some()) {
                self.commit_remembered(request, Remembered::Entry(by.as_bytes().to_vec())).await?;
                return Ok(Err(Done { member: done.member, entry: Some(done), replayed: true }));
            }
        }
        let account = self.account_of_issued(&issued.offer, member.id).await?;
        let grant = grant_of(issued, entry, member);
        Ok(Ok(Gathered { grant: Some(grant), account: Some(account), ..Gathered::default() }))
    }
}
