//! Blocks of points that prepaid brands buy.

use domain::{
    id::{BlockRef, BrandId},
    number::{Figure, Money},
    refusal::Refusal,
};

use crate::{
    access::requests::{Request, Told},
    accounts::{Accounts, account::Account},
    store::{
        Expect, Range, StoreError,
        error::{Error, until_settled},
        keys,
        records::{Answer, BlockRecord, decode},
        write::{put, unchanged},
    },
};

/// The most blocks a brand may ever buy.
const BLOCKS_MAX: u32 = 10_000;

/// The most blocks that may hold points at once: all of them are in one small record.
const HOLDING_MAX: usize = 100;

/// A block as a caller asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purchase {
    /// The buyer's own name for it.
    pub reference: BlockRef,
    /// How many points.
    pub points: Figure,
    /// What they cost together.
    pub price: Money,
}

impl Accounts {
    /// Sells a brand a block of points, once for each reference. It is used after those it has.
    ///
    /// # Errors
    /// [`Refusal::BlockConflict`], [`Refusal::BrandNotFound`], [`Refusal::LimitExceeded`], or the
    /// store failed.
    pub async fn buy_block(
        &self,
        request: &Request,
        brand: &BrandId,
        purchase: &Purchase,
        tell: impl Fn(&BlockRecord) -> Answer,
    ) -> Result<Told, Error> {
        let account = self.account_of(brand).ok_or(Refusal::BrandNotFound)?;
        until_settled(|_| self.attempt_to_buy(request, (brand, &account), purchase, &tell)).await
    }

    async fn attempt_to_buy(
        &self,
        request: &Request,
        (brand, account): (&BrandId, &Account),
        purchase: &Purchase,
        tell: &impl Fn(&BlockRecord) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let key = keys::block(brand, &purchase.reference);
        if let Some((block, _)) = self.records.read::<BlockRecord>(&key).await? {
            if block.content != request.content {
                return Err(Refusal::BlockConflict.into());
            }
            let answer = tell(&block);
            self.programme.commit_told(request, Vec::new(), &answer).await?;
            return Ok(Told { answer, replayed: true });
        }
        let _turn = self.pool_turn(brand).await;
        // A block counts in the month in which it was bought, so no close may already have counted that
        // month.
        let request = &*self.access.renewed(request);
        let answer = self.write_block(request, (brand, account), purchase, tell).await?;
        Ok(Told { answer, replayed: false })
    }

    async fn write_block(
        &self,
        request: &Request,
        (brand, account): (&BrandId, &Account),
        purchase: &Purchase,
        tell: &impl Fn(&BlockRecord) -> Answer,
    ) -> Result<Answer, Error> {
        let pool = self.pool(account).await?;
        let held = &pool.value.stock.blocks;
        if pool.value.bought >= BLOCKS_MAX || held.len() >= HOLDING_MAX {
            return Err(Refusal::LimitExceeded { what: "blocks" }.into());
        }
        let all = held.iter().map(|(_, points)| *points).chain([purchase.points.get()]);
        if Figure::sum(all).is_none() {
            return Err(Refusal::LimitExceeded { what: "figure" }.into());
        }
        let mut after = pool.value.clone();
        let block = BlockRecord {
            brand: brand.clone(),
            number: after.add_block(purchase.points.get()),
            reference: purchase.reference.clone(),
            points: purchase.points.get(),
            price: purchase.price,
            bought_at: request.now,
            content: request.content,
        };
        let answer = tell(&block);
        let mut writes = vec![
            put(keys::block(&block.brand, &block.reference), Expect::Absent, &block),
            put(account.pool_key(), unchanged(pool.version), &after),
        ];
        // A brand that has paid for points stays in the programme.
        writes.extend(self.programme.marking(vec![keys::used("brand", brand.as_str())]));
        if self.access.later(request.now).is_some() {
            return Err(StoreError::LostRace.into());
        }
        self.programme.commit_told(request, writes, &answer).await?;
        Ok(answer)
    }

    /// Up to `limit` blocks of the brand, by reference, after that one.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn blocks(
        &self,
        brand: &BrandId,
        after: Option<&BlockRef>,
        limit: usize,
    ) -> Result<Vec<BlockRecord>, Error> {
        let Range { from, to } = keys::blocks(brand);
        let from = after.map_or(from, |after| keys::block(brand, after).successor());
        let page = self.records.store.scan(Range { from, to }, limit).await?;
        page.iter().map(|(key, record)| Ok(decode(key, &record.value)?)).collect()
    }

    /// Every block that was bought, by brand and the buyer's name for it.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn blocks_bought(&self) -> Result<Vec<BlockRecord>, Error> {
        let blocks = self.records.scan_all(keys::all(keys::kind::BLOCK)).await?;
        blocks.iter().map(|(key, record)| Ok(decode(key, &record.value)?)).collect()
    }
}
