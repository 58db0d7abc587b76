//! What a settlement does to an account's credit: a closed month's balance replaces what that month had
//! issued, and its payment gives the credit back.

use domain::{id::BrandId, number::Amount, time::Month};

use crate::{
    accounts::{
        Accounts,
        account::Account,
        stock::{Stock, add_amount},
    },
    store::{
        Write,
        error::{ATTEMPTS_MAX, Error},
        write::{put, unchanged},
    },
};

impl Accounts {
    /// Counts a closed month against the brand's credit by its balance (below zero if the brand is owed)
    /// instead of what it issued. Nothing of that month may be recorded any more. Closing a month again
    /// changes nothing.
    ///
    /// A brand without credit keeps the balance too, so that a credit given later counts it.
    ///
    /// # Errors
    /// The store failed, or others were quicker again and again.
    pub(crate) async fn account_closed(
        &self,
        brand: &BrandId,
        month: Month,
        balance: Amount,
    ) -> Result<(), Error> {
        let month = number(month);
        let Some(account) = self.account_of(brand) else {
            return Ok(());
        };
        let _turn = self.pool_turn(brand).await;
        for _ in 0..ATTEMPTS_MAX {
            if self.open_comes_home(&account, month).await? {
                continue;
            }
            let pool = self.pool(&account).await?;
            let mut after = pool.value.clone();
            after.close(month, balance);
            if after == pool.value
                || self
                    .try_commit(vec![put(account.pool_key(), unchanged(pool.version), &after)])
                    .await?
                    .is_some()
            {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// The writes that give back the credit taken by a closed month's balance; none if it was given back
    /// before or the month is not closed. They expect the account as it was read.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn account_paid(&self, brand: &BrandId, month: Month) -> Result<Vec<Write>, Error> {
        let Some(account) = self.account_of(brand) else {
            return Ok(Vec::new());
        };
        let pool = self.pool(&account).await?;
        let mut after = pool.value.clone();
        after.settle(number(month));
        match after == pool.value {
            true => Ok(Vec::new()),
            false => Ok(vec![put(account.pool_key(), unchanged(pool.version), &after)]),
        }
    }

    /// Moves a shard's notes of that month to the pool; returns whether there were any.
    async fn open_comes_home(&self, account: &Account, month: i32) -> Result<bool, Error> {
        let of_month =
            |stock: &Stock| stock.open.iter().find(|(own, _)| *own == month).map(|(_, noted)| *noted);
        let shards = self.all_shards(account).await?.into_iter().zip(0..);
        let mut noting =
            shards.filter_map(|(shard, index)| Some((of_month(&shard.value.stock)?, shard, index)));
        let Some((noted, mut shard, index)) = noting.next() else {
            return Ok(false);
        };
        let mut pool = self.pool(account).await?;
        let before = of_month(&pool.value.stock).map_or(0, |open| open.0);
        add_amount(&mut pool.value.stock.open, month, noted);
        shard.value.stock.open.retain(|(own, _)| *own != month);
        let after = of_month(&pool.value.stock).map_or(0, |open| open.0);
        assert!(after == before + noted.0, "what a shard noted of a month comes to the pool");
        let writes = vec![
            put(account.pool_key(), unchanged(pool.version), &pool.value),
            put(account.key_of(index), unchanged(shard.version), &shard.value),
        ];
        self.try_commit(writes).await?;
        Ok(true)
    }
}

/// The month as accounts note it.
#[expect(clippy::expect_used, reason = "a month's number is below 10,000 × 12")]
fn number(month: Month) -> i32 {
    i32::try_from(month.number()).expect("a month of four digits' years")
}
