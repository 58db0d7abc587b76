//! Reading settlements: months and the accounts of brands in them, as stored.

use domain::{
    id::BrandId,
    refusal::Refusal,
    settlement::{Account, SignedMoney},
    time::{Instant, Month},
};

use crate::{
    partners::Partners,
    store::{
        Key, Record,
        error::Error,
        keys,
        records::{AccountRecord, MonthRecord, PaidRecord, Stage, decode},
    },
};

/// The result of a call that closes a month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closing {
    /// The month.
    pub month: Month,
    /// Members that this call has reached.
    pub members: u64,
    /// Ledger entries that this call has read.
    pub entries: u64,
    /// Points that expired as this call settled members.
    pub points_expired: u64,
    /// When the month was closed, by this call or before; `None`: call again.
    pub closed_at: Option<Instant>,
}

/// How far a month's settlement has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It was begun.
    Closing,
    /// It is closed since then.
    Closed(Instant),
}

/// A month's settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The month.
    pub month: Month,
    /// When it was begun.
    pub began_at: Instant,
    /// How far it has come.
    pub state: State,
    /// The programme's side of all accounts: minus their sum. Meaningful once the month is closed.
    pub programme: SignedMoney,
    /// Whether it has what offers gave: months that were counted before that was settled do not.
    pub offers: bool,
}

/// A brand's account of a closed month.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrandAccount {
    /// The account.
    pub account: Account,
    /// The brand's name when the month was closed.
    pub name: String,
    /// When it was paid, if it was.
    pub paid_at: Option<Instant>,
}

impl Settlement {
    fn of(month: Month, record: &MonthRecord) -> Settlement {
        let state = match record.stage {
            Stage::Closed { at, .. } => State::Closed(at),
            _ => State::Closing,
        };
        let MonthRecord { began_at, programme, offers, .. } = *record;
        Settlement { month, began_at, state, programme, offers }
    }
}

impl Partners {
    /// The settlement of a closed month.
    ///
    /// # Errors
    /// [`Refusal::SettlementNotFound`] unless it is closed, or the store failed.
    pub async fn settlement(&self, month: Month) -> Result<Settlement, Error> {
        let read = self.records.read::<MonthRecord>(&keys::settlement(month)).await?;
        let found = read.map(|(record, _)| Settlement::of(month, &record));
        let closed = found.filter(|found| found.state != State::Closing);
        closed.ok_or_else(|| Refusal::SettlementNotFound.into())
    }

    /// Up to `limit` months that are closed or being closed, newest first, starting before that month.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn settlements(&self, before: Option<Month>, limit: usize) -> Result<Vec<Settlement>, Error> {
        let found = self.records.store.scan(keys::settlements(before), limit).await?;
        let read = found.iter().map(|(key, record)| {
            let month =
                month_of(key).ok_or_else(|| crate::store::records::Unreadable { key: key.clone() })?;
            Ok(Settlement::of(month, &decode(key, &record.value)?))
        });
        read.collect()
    }

    /// Up to `limit` accounts of a closed month, by brand, starting after that brand.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn settled_accounts(
        &self,
        month: Month,
        after: Option<&BrandId>,
        limit: usize,
    ) -> Result<Vec<BrandAccount>, Error> {
        let found = self.records.store.scan(keys::settlement_accounts(month, after), limit).await?;
        let read: Result<Vec<AccountRecord>, _> =
            found.iter().map(|(key, record)| decode(key, &record.value)).collect();
        let accounts = read?;
        let marks: Vec<Key> =
            accounts.iter().map(|own| keys::settlement_paid(month, &own.account.brand)).collect();
        let paid = self.records.store.get(&marks).await?;
        let both = accounts.into_iter().zip(marks.iter().zip(paid));
        both.map(|(account, (key, paid))| brand_account(account, key, paid)).collect()
    }

    /// A brand's account of a closed month; `None` if nothing was settled with it.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn settled_account(
        &self,
        month: Month,
        brand: &BrandId,
    ) -> Result<Option<BrandAccount>, Error> {
        let wanted = [keys::settlement_account(month, brand), keys::settlement_paid(month, brand)];
        let mut found = self.records.store.get(&wanted).await?.into_iter();
        let (account, paid) = (found.next().flatten(), found.next().flatten());
        let Some(account) = account else {
            return Ok(None);
        };
        brand_account(decode(&wanted[0], &account.value)?, &wanted[1], paid).map(Some)
    }

    /// The end of the newest month that is closed or being closed: nothing may be recorded before it any
    /// longer. `None` before the first.
    ///
    /// # Errors
    /// The store failed, or there is no programme.
    pub async fn settled_until(&self) -> Result<Option<Instant>, Error> {
        let newest = self.settlements(None, 1).await?;
        let Some(newest) = newest.first() else {
            return Ok(None);
        };
        let (_, zone) = self.programme.currency_and_zone()?;
        Ok(Some(zone.start_of(newest.month.next())))
    }
}

/// The month of a key that [`keys::settlement`] made.
fn month_of(key: &Key) -> Option<Month> {
    let number = u32::from_be_bytes(key.as_bytes().get(2..6)?.try_into().ok()?);
    Some(Month::from_number(u32::MAX - number))
}

fn brand_account(own: AccountRecord, key: &Key, paid: Option<Record>) -> Result<BrandAccount, Error> {
    let paid: Option<PaidRecord> = paid.map(|record| decode(key, &record.value)).transpose()?;
    Ok(BrandAccount { account: own.account, name: own.name, paid_at: paid.map(|paid| paid.at) })
}
