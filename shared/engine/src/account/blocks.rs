//! Blocks of points that prepaid brands buy.

use domain::{
    number::{FIGURE_MAX, Money},
    refusal::Refusal,
};

use super::Account;
use crate::{
    engine::{ATTEMPTS_MAX, Engine, Request, unchanged},
    error::Error,
    keys,
    records::{Answer, BlockRecord, decode},
    register::Told,
    store::{Expect, Range, StoreError},
    write::{marking, put},
};

/// The most blocks a brand may ever buy.
const BLOCKS_MAX: u32 = 10_000;

/// The most blocks that may hold points at once: all of them are in one small record.
const HOLDING_MAX: usize = 100;

/// A block as a caller asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purchase {
    /// The buyer's own name for it.
    pub reference: String,
    /// How many points.
    pub points: u64,
    /// What they cost together.
    pub price: Money,
}

impl Engine {
    /// Sells a brand a block of points, once for each reference. It is used after those it has.
    ///
    /// # Errors
    /// [`Refusal::BlockConflict`], [`Refusal::BrandNotFound`], [`Refusal::LimitExceeded`], or the
    /// store failed.
    pub async fn buy_block(
        &self,
        request: &Request,
        brand: &str,
        purchase: &Purchase,
        tell: impl Fn(&BlockRecord) -> Answer,
    ) -> Result<Told, Error> {
        let account = self.account_of(brand).ok_or(Refusal::BrandNotFound)?;
        let key = keys::block(brand, &purchase.reference);
        for _ in 0..ATTEMPTS_MAX {
            if let Some(answer) = self.remembered(request).await? {
                return Ok(Told { answer, replayed: true });
            }
            if let Some((block, _)) = self.read::<BlockRecord>(&key).await? {
                if block.content != request.content {
                    return Err(Refusal::BlockConflict.into());
                }
                let told = self.remember_answer(request, tell(&block)).await?;
                return Ok(Told { replayed: true, ..told });
            }
            let _turn = self.pool_turn(brand).await;
            // A block counts in the month in which it was bought, and no close may have passed it by.
            let request = &*self.renewed(request);
            if let Some(answer) = self.try_to_buy(request, &account, purchase, &tell).await? {
                return Ok(Told { answer, replayed: false });
            }
        }
        Err(Error::Contended)
    }

    /// One attempt; `None` if it has to be looked at again.
    async fn try_to_buy(
        &self,
        request: &Request,
        account: &Account,
        purchase: &Purchase,
        tell: impl Fn(&BlockRecord) -> Answer,
    ) -> Result<Option<Answer>, Error> {
        let pool = self.pool(account).await?;
        let held = &pool.value.stock.blocks;
        if pool.value.bought >= BLOCKS_MAX || held.len() >= HOLDING_MAX {
            return Err(Refusal::LimitExceeded { what: "blocks" }.into());
        }
        let sum = held.iter().try_fold(purchase.points, |sum, (_, points)| sum.checked_add(*points));
        if sum.is_none_or(|sum| sum > FIGURE_MAX) {
            return Err(Refusal::LimitExceeded { what: "figure" }.into());
        }
        let mut after = pool.value.clone();
        let block = BlockRecord {
            brand: account.brand.clone(),
            number: after.add_block(purchase.points),
            reference: purchase.reference.clone(),
            points: purchase.points,
            price: purchase.price,
            bought_at: request.now,
            content: request.content,
        };
        let answer = tell(&block);
        let mut writes = vec![
            put(keys::block(&block.brand, &block.reference), Expect::Absent, &block),
            put(account.pool_key(), unchanged(pool.version), &after),
        ];
        // Whoever has paid for points stays in the programme.
        writes.extend(marking(self, vec![keys::used("brand", &account.brand)]));
        if self.later(request.now).is_some() {
            return Ok(None);
        }
        match self.commit_told(request, writes, &answer).await {
            Ok(()) => Ok(Some(answer)),
            Err(Error::Store(StoreError::LostRace | StoreError::Unknown(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Up to `limit` blocks of the brand, by reference, after that one.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn blocks(
        &self,
        brand: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlockRecord>, Error> {
        let Range { from, to } = keys::blocks(brand);
        let from = after.map_or(from, |after| keys::block(brand, after).successor());
        let page = self.store.scan(Range { from, to }, limit).await?;
        page.iter().map(|(key, record)| Ok(decode(key, &record.value)?)).collect()
    }
}
