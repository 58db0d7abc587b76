//! A brand's account: what it may still issue and honour (partners.md, "A brand"), counted exactly
//! however many ask at once, and without a record that all of them write.
//!
//! A command that takes points from an account spends from one shard of it, chosen by the member, and
//! writes that shard in the commit that writes the member and the entry: both happen or neither. Only
//! where the shard holds too little is the pool looked at: it draws the shard a new allotment, in a
//! commit of its own; or pays itself, where little remains; or, where it holds too little as well,
//! takes the allotments of all shards back, and is the whole truth then. How that is decided is in
//! [`stock`]; here it is read and written.
//!
//! Every commit expects what it read. Whoever breaks off between two of them leaves points in another
//! record than before and none lost, and the next one goes on from there.

mod blocks;
mod closing;
mod moves;
mod stock;
mod tally;
mod terms;
mod usage;

use std::sync::Arc;

use domain::{
    decide::Decision,
    member::MemberId,
    number::Rate,
    programme::{Timeline, Way},
    time::Instant,
};
use tokio::sync::MutexGuard;

use crate::{
    engine::{ATTEMPTS_MAX, Engine, unchanged},
    ledger::write::put,
    store::{Key, StoreError, Write, error::Error, keys, records::EntryRecord},
};
use moves::Held;
use stock::{Pool, Rules, SHARDS, Shard, Step};
use terms::{Back, METERS, Need, Terms};

pub use blocks::Purchase;
pub(crate) use stock::Points;
pub(crate) use terms::Moment;
pub use usage::{Metered, Usage};

/// A brand's account under the programme as it is known here, and the shard that a member spends from.
pub(crate) struct Account {
    programmes: Arc<Timeline>,
    pub(crate) brand: String,
    terms: Terms,
    shard: u8,
}

/// An account as a command has read it.
pub(crate) struct Met {
    pub(crate) account: Account,
    pub(crate) shard: Held<Shard>,
}

/// A command's part in an account.
#[derive(Default)]
pub(crate) struct Charge<'a> {
    /// What is written in the command's commit.
    pub(crate) write: Option<Write>,
    /// What came from which block, or went back to it.
    pub(crate) blocks: Points,
    /// Whether the brand's credit paid.
    pub(crate) credit: bool,
    /// Held until the commit, where the pool itself pays.
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Account {
    /// The record of the pool.
    fn pool_key(&self) -> Key {
        keys::account(&self.brand, keys::POOL)
    }

    fn key_of(&self, shard: u8) -> Key {
        keys::account(&self.brand, shard)
    }

    /// The record of the member's shard.
    pub(crate) fn shard_key(&self) -> Key {
        self.key_of(self.shard)
    }

    /// The terms of that version of the programme; `None` if it is not known here.
    fn terms_of(&self, version: u32) -> Option<Terms> {
        let newest = self.programmes.newest();
        if version == newest.version {
            return Some(self.terms);
        }
        let programme = match version {
            0 => return Some(Terms::default()),
            number => self.programmes.version(number)?,
        };
        Some(programme.brand(&self.brand).map_or(Terms::default(), |brand| Terms::of(brand, newest.currency)))
    }

    fn rules<'t>(&'t self, former: &'t Terms) -> Rules<'t> {
        Rules { version: self.programmes.newest().version, terms: &self.terms, former }
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment::of(self.programmes.newest().zone, at)
    }

    /// What a point of the brand cost in that version of the programme.
    fn price(&self, version: u32) -> Rate {
        let programme = self.programmes.version(version);
        programme
            .and_then(|programme| programme.brand(&self.brand))
            .map_or(Rate::ZERO, |brand| brand.issue_price)
    }
}

impl Engine {
    /// The brand's account, as the newest version of the programme that is known here has it, if
    /// `wanted` under its terms.
    fn account(&self, brand: &str, id: Option<MemberId>, wanted: impl Fn(&Terms) -> bool) -> Option<Account> {
        let programmes = self.programmes().ok()?;
        let newest = programmes.newest();
        let terms = Terms::of(newest.brand(brand)?, newest.currency);
        // A member's commands come to one shard; ids end in chance.
        let shard = id.map_or(0, |id| id.0[15] % SHARDS);
        wanted(&terms).then(|| Account { brand: brand.to_owned(), terms, shard, programmes })
    }

    /// The account that points come from which go that way, if the brand's are counted.
    pub(crate) fn spending(&self, brand: &str, way: Way, id: MemberId) -> Option<Account> {
        self.account(brand, Some(id), |terms| terms.counts(way))
    }

    /// The account that a refund of that order may give back to, if there is anything to give back.
    pub(crate) fn refunding(&self, order: &EntryRecord) -> Option<Account> {
        let drew = !order.blocks.is_empty();
        let brand = order.event.kind.row().brand?;
        self.account(brand, Some(order.member), |terms| drew || order.charged && terms.credit.is_some())
    }

    /// What was decided means this for the account. With `patient` it waits for others
    /// and looks beyond the shard; without, it loses its race there.
    ///
    /// # Errors
    /// A refusal of the account, a lost race, or the store failed.
    pub(crate) async fn charge(
        &self,
        met: Option<&Met>,
        order: Option<&EntryRecord>,
        decision: &Decision,
        dry_run: bool,
        patient: bool,
    ) -> Result<Charge<'_>, Error> {
        let (Some(met), Some(event)) = (met, decision.events.first()) else { return Ok(Charge::default()) };
        let account = &met.account;
        let moment = account.moment(event.at);
        if let (Some(refund), Some(order)) = (event.kind.row().refund, order) {
            // What was issued before there was a credit gives none back.
            let price = account.terms.credit.filter(|_| order.charged).map(|_| account.price(order.version));
            let (before, after) = (refund.after.taken - refund.taken, refund.after.taken);
            let back = Back::of(&order.blocks, before, after, price);
            if dry_run || back.is_nothing() {
                return Ok(Charge::default());
            }
            return self.give_back(met, moment, &back, patient).await;
        }
        let price = account.price(account.programmes.at(event.at).version);
        let need = Need::of(event, price);
        if need.is_nothing() {
            return Ok(Charge::default());
        }
        if dry_run {
            self.would_pay(met, moment, need).await?;
            return Ok(Charge::default());
        }
        self.pay(met, moment, need, patient).await
    }

    /// Takes what is needed from the shard or, with `patient`, from wherever it is.
    async fn pay(&self, met: &Met, moment: Moment, need: Need, patient: bool) -> Result<Charge<'_>, Error> {
        let account = &met.account;
        if let Some(charge) = self.shard_pays(account, &met.shard, moment, need).await? {
            return Ok(charge);
        }
        if !patient {
            return Err(StoreError::LostRace.into());
        }
        let turn = self.pool_turn(&account.brand).await;
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
                    let Some(version) = self.try_commit(writes).await? else { continue };
                    let filled = Held { value: filled, version: Some(version) };
                    if let Some(charge) = self.shard_pays(account, &filled, moment, need).await? {
                        return Ok(charge);
                    }
                }
                Step::Direct(after, blocks) => {
                    let write = put(account.pool_key(), unchanged(pool.version), &after);
                    let credit = account.terms.takes_credit(need);
                    return Ok(Charge { write: Some(write), blocks, credit, _turn: Some(turn) });
                }
                // As long as something comes back it is worth going on.
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
    ) -> Result<Option<Charge<'_>>, Error> {
        if self.known_terms(account, shard.value.version).await? != account.terms {
            return Ok(None);
        }
        let paid = shard.value.pay(&account.terms, moment, need);
        Ok(paid.map(|(after, blocks)| {
            let write = put(account.shard_key(), unchanged(shard.version), &after);
            let credit = account.terms.takes_credit(need);
            Charge { write: Some(write), blocks, credit, _turn: None }
        }))
    }

    /// Gives back to the shard or, where that holds nothing, to the pool.
    async fn give_back(
        &self,
        met: &Met,
        moment: Moment,
        back: &Back,
        patient: bool,
    ) -> Result<Charge<'_>, Error> {
        let (account, blocks) = (&met.account, back.blocks.clone());
        if self.known_terms(account, met.shard.value.version).await? == account.terms
            && let Some(after) = met.shard.value.returned(&account.terms, moment, back)
        {
            let write = put(account.shard_key(), unchanged(met.shard.version), &after);
            return Ok(Charge { write: Some(write), blocks, credit: false, _turn: None });
        }
        if !patient {
            return Err(StoreError::LostRace.into());
        }
        let turn = self.pool_turn(&account.brand).await;
        let mut tries = 0;
        while tries < ATTEMPTS_MAX {
            tries += 1;
            let pool = self.pool(account).await?;
            let former = self.known_terms(account, pool.value.version).await?;
            if let Some(after) = pool.value.returned(account.rules(&former), moment, back) {
                let write = put(account.pool_key(), unchanged(pool.version), &after);
                return Ok(Charge { write: Some(write), blocks, credit: false, _turn: Some(turn) });
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
