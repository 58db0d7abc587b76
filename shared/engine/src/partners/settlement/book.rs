//! Turns the counts into accounts, which are written once and never change; and records that an account was
//! paid.

use std::collections::BTreeSet;

use domain::{
    id::BrandId,
    number::Figure,
    refusal::Refusal,
    settlement::{Account, Line, SignedMoney, Tally},
    time::Month,
};

use crate::{
    access::requests::{Request, Told},
    partners::{
        Partners,
        settlement::{
            run::Run,
            told::{BrandAccount, Closing},
        },
    },
    store::{
        Expect, Key, Range, Write,
        error::{Error, until_settled},
        keys,
        records::{AccountRecord, Answer, PaidRecord, Stage, decode},
        write::{delete, put},
    },
};

/// Accounts that one step writes, each with the writes of its brand's credit.
const ACCOUNTS_MAX: usize = 20;

impl Partners {
    /// Writes the accounts of some more brands; with the last, the month is closed.
    pub(super) async fn book(
        &self,
        run: &Run<'_>,
        after: Option<BrandId>,
        closing: &mut Closing,
    ) -> Result<u64, Error> {
        let sums_key = keys::settlement_sums(run.month);
        let mut tally: Tally = match self.records.read::<Tally>(&sums_key).await? {
            Some((tally, _)) => tally,
            None => Tally::default(),
        };
        let all = keys::settlements_honoured(run.month);
        let from = after.as_ref().map(|brand| keys::settlement_honoured(run.month, brand).successor());
        let range = Range { from: from.unwrap_or(all.from), to: all.to };
        for (key, record) in self.records.store.scan(range, ACCOUNTS_MAX + 1).await? {
            tally.merge(&decode(&key, &record.value)?);
        }
        let brands: BTreeSet<&BrandId> = tally.brands().into_iter().collect();
        let mut left = brands.into_iter().filter(|brand| after.as_ref().is_none_or(|after| *brand > after));
        let now: Vec<&BrandId> = left.by_ref().take(ACCOUNTS_MAX).collect();
        let more = left.next().is_some();

        let mut record = run.record.clone();
        let mut writes = Vec::new();
        for brand in &now {
            let balance = self.book_one(run.month, &tally, brand, &mut writes).await?;
            record.programme = SignedMoney(record.programme.0 - balance.0);
        }
        let (at, by) = (run.request.now, run.request.by);
        let stage = match more {
            true => Stage::Booking { after: now.last().map(|brand| (*brand).clone()) },
            false => Stage::Closed { at, by },
        };
        if !more {
            writes.push(delete(sums_key));
            run.request.note(&mut writes);
        }
        let run = Run { record, ..*run };
        writes.push(run.go_on(stage));
        self.programme.commit(writes).await?;
        closing.closed_at = (!more).then_some(at);
        Ok(now.len() as u64)
    }

    /// The writes of one brand's account; its balance.
    async fn book_one(
        &self,
        month: Month,
        tally: &Tally,
        brand: &BrandId,
        writes: &mut Vec<Write>,
    ) -> Result<SignedMoney, Error> {
        let programmes = self.programme.timeline()?;
        let programme = programmes.newest();
        let account = Account::of(tally, brand, programme.currency);
        if account.lines.iter().filter_map(Line::points).any(is_beyond) {
            return Err(Refusal::LimitExceeded { what: "figure" }.into());
        }
        writes.push(delete(keys::settlement_honoured(month, brand)));
        let balance = account.balance();
        // Before the account exists, so that a payment finds the credit that it took. If this is broken off
        // and repeated, the balance is the same.
        self.accounts.account_closed(brand, month, balance.owed(programme.currency)).await?;
        if account.lines.is_empty() {
            return Ok(SignedMoney(0));
        }
        let name = programme.brand(brand).map_or(brand.as_str(), |known| &known.name).to_owned();
        let key = keys::settlement_account(month, brand);
        writes.push(put(key, Expect::Absent, &AccountRecord { account, name }));
        Ok(balance)
    }

    /// Records that a brand's account of a closed month was paid. A repeat gets the same answer.
    ///
    /// # Errors
    /// [`Refusal::SettlementNotFound`] if the month is not closed or nothing was settled with the brand;
    /// the store failed.
    pub async fn account_was_paid(
        &self,
        request: &Request,
        month: Month,
        brand: &BrandId,
        tell: impl Fn(&BrandAccount) -> Answer,
    ) -> Result<Told, Error> {
        until_settled(|_| self.attempt_to_pay(request, month, brand, &tell)).await
    }

    async fn attempt_to_pay(
        &self,
        request: &Request,
        month: Month,
        brand: &BrandId,
        tell: &impl Fn(&BrandAccount) -> Answer,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        self.settlement(month).await?;
        let known = self.settled_account(month, brand).await?;
        let mut known = known.ok_or(Refusal::SettlementNotFound)?;
        if known.paid_at.is_some() {
            let answer = tell(&known);
            self.programme.commit_told(request, Vec::new(), &answer).await?;
            return Ok(Told { answer, replayed: true });
        }
        known.paid_at = Some(request.now);
        let answer = tell(&known);
        let key: Key = keys::settlement_paid(month, brand);
        let _turn = self.accounts.pool_turn(brand).await;
        let mut writes = self.accounts.account_paid(brand, month).await?;
        writes.push(put(key, Expect::Absent, &PaidRecord { at: request.now, by: request.by }));
        self.programme.commit_told(request, writes, &answer).await?;
        Ok(Told { answer, replayed: false })
    }
}

/// Whether that many points, owed or due, are more than an answer can hold.
fn is_beyond(points: i128) -> bool {
    Figure::of(points.unsigned_abs()).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_says_figures_that_callers_can_read() {
        let most = i128::from(Figure::MAX);
        for (points, want) in [
            (0, false),
            (most, false),
            (-most, false),
            (most + 1, true),
            (-most - 1, true),
            (i128::MIN, true),
        ] {
            assert_eq!(is_beyond(points), want, "{points}");
        }
    }
}
