//! What a brand's credit hears of its accounts. Both are asked for just before the commit that makes it
//! so, and what they return is part of that commit: it is heard once, and not without it.

use domain::{settlement::Account, time::Month};

use crate::{engine::Engine, error::Error, store::Write};

impl Engine {
    /// A brand's account of a month is being closed. At most two writes, to records that the close
    /// itself does not write.
    pub(super) async fn account_closed(
        &self,
        _month: Month,
        _account: &Account,
    ) -> Result<Vec<Write>, Error> {
        Ok(Vec::new())
    }

    /// A brand's account of a month is being marked as paid. At most ninety writes.
    pub(super) async fn account_paid(&self, _month: Month, _account: &Account) -> Result<Vec<Write>, Error> {
        Ok(Vec::new())
    }
}
