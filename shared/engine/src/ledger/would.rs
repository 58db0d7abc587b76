//! What an order would earn, if it were told now. Nothing is written.

use domain::{
    decide::{Command, Context, EarnOrder},
    event::Event,
    member::{Member, Person},
    programme::Way,
    time::Instant,
};

use crate::{
    accounts::{Met, Shard},
    ledger::Ledger,
    store::{error::Error, reading::Loaded},
};

/// What an order would be granted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WouldEarn {
    /// Points, within limits.
    pub points: u64,
    /// Growth.
    pub growth: u64,
}

impl Ledger {
    /// What the order would be granted now, to the member as settled to `now`; nothing, where it would be refused.
    ///
    /// # Errors
    /// A record is unreadable, or the store failed.
    pub(crate) async fn would_earn(
        &self,
        loaded: &Loaded,
        (settled, timely, person): (&Member, &[Event], Option<&Person>),
        order: &EarnOrder,
        now: Instant,
    ) -> Result<WouldEarn, Error> {
        let programmes = self.programme.timeline_of(&loaded.record.member).await?;
        let context =
            Context { programmes: &programmes, now, person, history: None, any_age: false, bringing: None };
        let command = Command::EarnOrder(order);
        let decided = self.decided(context, loaded, None, (settled, timely), &command).await;
        let decision = match decided {
            Err(Error::Refused(_)) => return Ok(WouldEarn::default()),
            decided => decided?,
        };
        if let Some(account) = self.accounts.spending(&order.brand, Way::Issue, settled.id) {
            let shard = self.records.read::<Shard>(&account.shard_key()).await?;
            let met = Met::new(account, shard);
            let mut turns = self.queues.begin();
            match self.accounts.charge(&met, None, &decision, true, true, &mut turns).await {
                Err(Error::Refused(_)) => return Ok(WouldEarn::default()),
                charged => _ = charged?,
            }
        }
        let earned = decision.asked().and_then(|event| event.kind.row().order);
        let earned = earned.map(|order| WouldEarn { points: order.granted, growth: order.growth });
        Ok(earned.unwrap_or_default())
    }
}
