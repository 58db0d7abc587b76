//! What a command takes from an account, or gives back to it.

use domain::{decide::Decision, id::BrandId, member::MemberId, number::Rate, programme::Way};

use crate::{
    accounts::{
        Accounts,
        account::{Account, Held, Met, Owner},
        stock::{SHARDS, Shard, Step},
        terms::{Back, Moment, Need, Points, Terms},
    },
    store::{
        StoreError, Write,
        error::{ATTEMPTS_MAX, Error},
        keys,
        records::EntryRecord,
        turns::{Turn, Turns},
        write::{put, unchanged},
    },
};

/// A command's part in an account. Nothing of it where it takes and gives nothing.
#[derive(Default)]
pub(crate) struct Charge {
    /// The writes for the command's commit.
    pub(crate) write: Option<Write>,
    /// What came from which block, or went back to it.
    pub(crate) blocks: Points,
    /// Whether the brand's credit paid.
    pub(crate) credit: bool,
}

impl Charge {
    /// What a command took from that account, by the record as it becomes.
    fn taken(account: &Account, need: Need, write: Write, blocks: Points) -> Charge {
        let drawn: u64 = blocks.iter().map(|(_, points)| points).sum();
        let owed = if account.terms.prepaid { need.issue } else { 0 };
        assert!(drawn == owed, "{drawn} points come from blocks, which {owed} must");
        Charge { write: Some(write), blocks, credit: account.terms.takes_credit(need) }
    }

    /// What a refund gave back to an account, by the record as it becomes.
    fn given_back(back: &Back, write: Write) -> Charge {
        Charge { write: Some(write), blocks: back.blocks.clone(), credit: false }
    }
}

impl Accounts {
    /// The account under the newest version of the programme that this instance knows, if `wanted` under its
    /// terms.
    pub(super) fn account(
        &self,
        owner: Owner<&BrandId>,
        id: Option<MemberId>,
        wanted: impl Fn(&Terms) -> bool,
    ) -> Option<Account> {
        // Without a programme an account has no terms.
        let programmes = self.programme.timeline_if_any()?;
        let newest = programmes.newest();
        let terms = owner.terms(newest, newest.currency)?;
        // A member's commands all go to one shard; ids end in random bits.
        let shard = id.map_or(0, |id| id.0[15] % SHARDS);
        wanted(&terms).then(|| Account { owner: owner.owned(), terms, shard, programmes })
    }

    /// Waits until no other command of this process works on the pool of that brand's account.
    pub(crate) async fn pool_turn(&self, brand: &BrandId) -> Turns<'_> {
        let mut turns = self.queues.begin();
        turns.take(&[Turn::Pool(&Owner::Brand(brand).key(keys::POOL))]).await;
        turns
    }

    /// The account that pays for points in that direction, if the brand's points are counted.
    pub(crate) fn spending(&self, brand: &BrandId, way: Way, id: MemberId) -> Option<Account> {
        self.account(Owner::Brand(brand), Some(id), |terms| terms.counts(way))
    }

    /// The account that a refund of that order may give back to, if there is anything to give back.
    pub(crate) fn refunding(&self, order: &EntryRecord) -> Option<Account> {
        let (drew, charged) = match &order.order {
            Some(kept) => (!kept.drawn.is_empty(), kept.credited > 0),
            None => (!order.blocks.is_empty(), order.charged),
        };
        let brand = order.event.kind.row().brand?;
        self.account(Owner::Brand(brand), Some(order.member), |terms| {
            drew || charged && terms.credit.is_some()
        })
    }

    /// Charges the account for what was decided. With `patient` it waits for others and looks beyond the
    /// shard; without, it returns a lost race there.
    ///
    /// # Errors
    /// A refusal of the account, a lost race, or the store failed.
    pub(crate) async fn charge(
        &self,
        met: &Met,
        order: Option<&EntryRecord>,
        decision: &Decision,
        dry_run: bool,
        patient: bool,
        turns: &mut Turns<'_>,
    ) -> Result<Charge, Error> {
        let Some(event) = decision.asked() else {
            return Ok(Charge::default());
        };
        let account = &met.account;
        let moment = account.moment(event.at);
        if let (Some(taken), Some(order)) = (event.kind.row().moves.taken_back(), order) {
            let price = account.terms.credit.map(|_| account.price(order.version));
            let back = match &order.order {
                Some(kept) => Back::of_order(kept, taken, price),
                // An activity is taken back whole.
                None => Back::of(&order.blocks, 0, taken, price.filter(|_| order.charged)),
            };
            if dry_run || back.is_nothing() {
                return Ok(Charge::default());
            }
            return self.give_back(met, moment, &back, patient, turns).await;
        }
        // A revision has the prices of its order's first entry.
        let priced_as = order.filter(|_| event.kind.row().revision.is_some());
        let version = priced_as.map_or(account.programmes.at(event.at).version, |order| order.version);
        let paid_before = priced_as.is_some_and(|order| !order.blocks.is_empty());
        let price = if paid_before { Rate::ZERO } else { account.price(version) };
        let need = Need::of(event, price);
        if need.is_nothing() {
            return Ok(Charge::default());
        }
        if dry_run {
            self.would_pay(met, moment, need).await?;
            return Ok(Charge::default());
        }
        self.pay(met, moment, need, patient, turns).await
    }

    /// Takes what is needed from the shard or, with `patient`, from wherever it is.
    async fn pay(
        &self,
        met: &Met,
        moment: Moment,
        need: Need,
        patient: bool,
        turns: &mut Turns<'_>,
    ) -> Result<Charge, Error> {
        let account = &met.account;
        if let Some(charge) = self.shard_pays(account, &met.shard, moment, need).await? {
            return Ok(charge);
        }
        if !patient {
            return Err(StoreError::LostRace.into());
        }
        turns.take(&[Turn::Pool(&account.pool_key())]).await;
        let mut tries = 0;
        while tries < ATTEMPTS_MAX {
            tries += 1;
            let (pool, shard) = self.pool_and_shard(account).await?;
            if let Some(charge) = self.shard_pays(account, &shard, moment, need).await? {
                return Ok(charge);
            }
            let former = self.known_terms(account, pool.value.version).await?;
            match pool.value.step(account.rules(&former), moment, need, account.shard, &shard.value) {
                Step::Draw(drawn, filled) => {
                    let writes = vec![
                        put(account.pool_key(), unchanged(pool.version), &drawn),
                        put(account.shard_key(), unchanged(shard.version), &filled),
                    ];
                    let Some(version) = self.try_commit(writes).await? else {
                        continue;
                    };
                    let filled = Held { value: filled, version: Some(version) };
                    if let Some(charge) = self.shard_pays(account, &filled, moment, need).await? {
                        return Ok(charge);
                    }
                }
                Step::Direct(after, blocks) => {
                    let write = put(account.pool_key(), unchanged(pool.version), &after);
                    return Ok(Charge::taken(account, need, write, blocks));
                }
                // As long as something comes back it is worth continuing.
                Step::Gather if self.gather(account, pool, tries).await? => tries = 0,
                Step::Gather => {}
                Step::Refused(lack) => {
                    return Err(lack.refusal(&account.terms, account.programmes.newest().currency).into());
                }
            }
        }
        Err(Error::Contended)
    }

    /// What the shard pays, if it was filled under the terms in force and holds enough.
    async fn shard_pays(
        &self,
        account: &Account,
        shard: &Held<Shard>,
        moment: Moment,
        need: Need,
    ) -> Result<Option<Charge>, Error> {
        if self.known_terms(account, shard.value.version).await? != account.terms {
            return Ok(None);
        }
        let paid = shard.value.pay(&account.terms, moment, need);
        Ok(paid.map(|(after, blocks)| {
            let write = put(account.shard_key(), unchanged(shard.version), &after);
            Charge::taken(account, need, write, blocks)
        }))
    }

    /// Gives back to the shard or, if that holds nothing, to the pool.
    async fn give_back(
        &self,
        met: &Met,
        moment: Moment,
        back: &Back,
        patient: bool,
        turns: &mut Turns<'_>,
    ) -> Result<Charge, Error> {
        let account = &met.account;
        if self.known_terms(account, met.shard.value.version).await? == account.terms
            && let Some(after) = met.shard.value.returned(&account.terms, moment, back)
        {
            let write = put(account.shard_key(), unchanged(met.shard.version), &after);
            return Ok(Charge::given_back(back, write));
        }
        if !patient {
            return Err(StoreError::LostRace.into());
        }
        turns.take(&[Turn::Pool(&account.pool_key())]).await;
        let mut tries = 0;
        while tries < ATTEMPTS_MAX {
            tries += 1;
            let pool = self.pool(account).await?;
            let former = self.known_terms(account, pool.value.version).await?;
            if let Some(after) = pool.value.returned(account.rules(&former), moment, back) {
                let write = put(account.pool_key(), unchanged(pool.version), &after);
                return Ok(Charge::given_back(back, write));
            }
            if self.gather(account, pool, tries).await? {
                tries = 0;
            }
        }
        Err(Error::Contended)
    }

    /// Whether the account could pay, for a request that writes nothing.
    async fn would_pay(&self, met: &Met, moment: Moment, need: Need) -> Result<(), Error> {
        let account = &met.account;
        if self.shard_pays(account, &met.shard, moment, need).await?.is_some() {
            return Ok(());
        }
        let whole = self.whole_account(account, moment).await?;
        match whole.stock.lack(&account.terms, moment, need) {
            Some(lack) => Err(lack.refusal(&account.terms, account.programmes.newest().currency).into()),
            None => Ok(()),
        }
    }
}
