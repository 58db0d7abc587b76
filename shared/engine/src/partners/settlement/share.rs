//! Notes what offers gave with the brands of each pair, when all is counted: so that a brand's account is made of its own
//! records, and both accounts of a pair have the same sum.

use domain::settlement::Tally;

use crate::{
    partners::{Partners, settlement::run::Run},
    store::{
        Expect,
        error::Error,
        keys,
        records::{Stage, decode},
        write::{delete, put},
    },
};

/// Pairs that one step notes; each is of at most two brands, with a record each.
const PAIRS_MAX: usize = 40;

impl Partners {
    /// Notes some more pairs. What is noted is no longer to be.
    pub(super) async fn share(&self, run: &Run<'_>) -> Result<u64, Error> {
        let found = self.records.store.scan(keys::settlements_offers(run.month), 1).await?;
        let Some((key, record)) = found.into_iter().next() else {
            self.programme.commit(vec![run.go_on(Stage::Booking { after: None })]).await?;
            return Ok(1);
        };
        let mut rest: Tally = decode(&key, &record.value)?;
        let mut now = first(&mut rest, PAIRS_MAX);
        now.share();
        let mut writes = self.shared(run.month, now).await?;
        writes.push(match rest.offers.is_empty() {
            true => delete(key),
            false => put(key, Expect::Version(record.version), &rest),
        });
        writes.push(run.go_on(Stage::Sharing));
        let written = writes.len();
        self.programme.commit(writes).await?;
        Ok(written as u64)
    }
}

/// Takes up to so many pairs out of what offers gave.
fn first(all: &mut Tally, most: usize) -> Tally {
    let mut taken = Tally::default();
    for _ in 0..most {
        let Some(mut sums) = all.offers.first_entry() else { break };
        if let Some((funder, given)) = sums.get_mut().pop_first() {
            taken.offers.entry(sums.key().clone()).or_default().insert(funder, given);
        }
        if sums.get().is_empty() {
            sums.remove();
        }
    }
    taken
}
