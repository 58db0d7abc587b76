//! What a brand has used of its limits and of what it has paid for.

use domain::{
    id::BrandId,
    number::{Amount, signed},
    programme::{BrandPer, Way},
    refusal::Refusal,
    time::Instant,
};

use crate::{
    accounts::{
        Accounts,
        account::{Account, Owner},
        stock::Window,
        terms::METERS,
    },
    store::error::Error,
};

/// What has been used of a limit in the day or month of now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metered {
    /// What it counts.
    pub way: Way,
    /// What it counts over.
    pub per: BrandPer,
    /// The limit.
    pub total: u64,
    /// What has been used of it; more than the limit if that was lowered.
    pub used: u64,
}

/// What a brand has used of its account, as of now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Its limits of a day and a month.
    pub limits: Vec<Metered>,
    /// Blocks that still hold points, oldest first: their numbers, and what they hold.
    pub blocks: Vec<(u32, u64)>,
    /// Its credit, and what is left of it.
    pub credit: Option<(Amount, Amount)>,
}

impl Usage {
    /// What that block still holds.
    pub fn in_block(&self, number: u32) -> u64 {
        self.blocks.iter().find(|(own, _)| *own == number).map_or(0, |(_, points)| *points)
    }
}

impl Accounts {
    /// The brand's account, for a request without a member.
    pub(super) fn account_of(&self, brand: &BrandId) -> Option<Account> {
        self.account(Owner::Brand(brand), None, |_| true)
    }

    /// What the brand has used as of now: one consistent sum over all its records.
    ///
    /// # Errors
    /// [`Refusal::BrandNotFound`], the store failed, or others were faster again and again.
    pub async fn usage(&self, brand: &BrandId, now: Instant) -> Result<Usage, Error> {
        for _ in 0..2 {
            let account = self.account_of(brand).ok_or(Refusal::BrandNotFound)?;
            match self.usage_of(&account, now).await {
                // A version of the programme that this instance did not know.
                Err(Error::Store(crate::store::StoreError::LostRace)) => {}
                other => return other,
            }
        }
        Err(Error::Contended)
    }

    async fn usage_of(&self, account: &Account, now: Instant) -> Result<Usage, Error> {
        let whole = self.whole_account(account, account.moment(now)).await?;
        let metered = |(meter, cap): (usize, Option<u64>)| {
            let ((way, per), total) = (METERS[meter], cap?);
            let left = whole.stock.windows[meter].map_or(0, |Window { left, .. }| left);
            let used = signed(total) - left;
            assert!(used >= 0, "{left} points are left of a limit of {total}");
            Some(Metered { way, per, total, used: used.unsigned_abs() })
        };
        Ok(Usage {
            limits: account.terms.caps.into_iter().enumerate().filter_map(metered).collect(),
            credit: account.terms.credit.map(|credit| (credit, whole.stock.credit)),
            blocks: whole.stock.blocks,
        })
    }
}
