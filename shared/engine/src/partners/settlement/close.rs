//! The close of a month, in steps that each end with one commit.

use domain::{
    refusal::Refusal,
    settlement::{SignedMoney, Tally},
    time::{Instant, Month},
};

use crate::{
    access::requests::Request,
    ledger::sweep::Part,
    partners::{
        Partners,
        settlement::{run::Run, told::Closing},
    },
    store::{
        Expect, Key, Range, StoreError,
        error::{ATTEMPTS_MAX, Error},
        keys,
        records::{BlockRecord, MonthRecord, Stage, decode},
        write::put,
    },
};

/// How long after its end a month can be closed, in milliseconds.
const PATIENCE_MILLIS: i64 = 15 * 60 * 1_000;

/// Records that one call looks at before it asks to be called again; a step may go a little beyond.
const WORK_MAX: u64 = 5_000;

/// Blocks that one step looks at.
const BLOCKS_MAX: usize = 200;

impl Partners {
    /// Closes a month, a bounded part at a time; the answer says whether it is closed. Repeating it does only
    /// what is left to do, and changes nothing in a closed month.
    ///
    /// # Errors
    /// [`Refusal::MonthNotEnded`] earlier than 15 minutes after the month's end; the store failed, or
    /// a record is unreadable: then what was done stays done.
    pub async fn close_month(&self, request: &Request, month: Month) -> Result<Closing, Error> {
        let (_, zone) = self.programme.currency_and_zone()?;
        let end = zone.start_of(month.next());
        let from = end.plus_millis(PATIENCE_MILLIS);
        if request.now < from {
            return Err(Refusal::MonthNotEnded { from, zone }.into());
        }
        let mut closing = Closing { month, members: 0, entries: 0, points_expired: 0, closed_at: None };
        let (mut work, mut races) = (0, 0);
        while work < WORK_MAX && closing.closed_at.is_none() {
            match self.step(request, month, end, &mut closing).await {
                Ok(done) => work += done,
                // Another instance closes it too: continue from where it is.
                Err(Error::Store(StoreError::LostRace)) if races < ATTEMPTS_MAX => races += 1,
                Err(Error::Store(StoreError::LostRace)) => return Err(Error::Contended),
                Err(error) => return Err(error),
            }
        }
        Ok(closing)
    }

    /// One step; returns how many records it looked at.
    async fn step(
        &self,
        request: &Request,
        month: Month,
        end: Instant,
        closing: &mut Closing,
    ) -> Result<u64, Error> {
        let key = keys::settlement(month);
        let Some((record, version)) = self.records.read::<MonthRecord>(&key).await? else {
            let (began_at, programme) = (request.now, SignedMoney(0));
            let record = MonthRecord { stage: Stage::Settling, began_at, programme, offers: true };
            self.programme.commit(vec![put(key, Expect::Absent, &record)]).await?;
            return Ok(1);
        };
        let run = Run { request, month, record, version };
        match run.record.stage.clone() {
            Stage::Settling => self.settle_all(&run, end, closing).await,
            Stage::Buying { from } => self.count_blocks(&run, from).await,
            Stage::Counting { from, walked, next } => {
                self.count_entries(&run, from, walked, next, closing).await
            }
            Stage::CountingGuests { from } => self.count_guests(&run, from).await,
            Stage::Sharing => self.share(&run).await,
            Stage::Booking { after } => self.book(&run, after, closing).await,
            Stage::Closed { at, .. } => {
                closing.closed_at = Some(at);
                Ok(0)
            }
        }
    }

    /// Writes down what time alone has done by the month's end. After this nothing is added to the month: its
    /// lots have expired in it by now, and anything else that is written is recorded later.
    async fn settle_all(&self, run: &Run<'_>, end: Instant, closing: &mut Closing) -> Result<u64, Error> {
        let swept = self.ledger.sweep(run.request, end.plus_millis(-1), Part::WHOLE).await?;
        closing.points_expired += swept.points_expired;
        if !swept.done {
            return Ok(WORK_MAX);
        }
        self.programme.commit(vec![run.go_on(Stage::Buying { from: None })]).await?;
        Ok(swept.members)
    }

    async fn count_blocks(&self, run: &Run<'_>, from: Option<Vec<u8>>) -> Result<u64, Error> {
        let (currency, zone) = self.programme.currency_and_zone()?;
        let all = keys::all(keys::kind::BLOCK);
        let range = Range { from: from.map_or(all.from, Key::new), to: all.to };
        let found = self.records.store.scan(range, BLOCKS_MAX).await?;
        let mut tally = Tally::default();
        for (key, record) in &found {
            let block: BlockRecord = decode(key, &record.value)?;
            if zone.month(block.bought_at) == run.month {
                tally.buy(&block.brand, block.price, currency);
            }
        }
        let rest = found.last().filter(|_| found.len() == BLOCKS_MAX);
        let stage = match rest {
            Some((key, _)) => Stage::Buying { from: Some(key.successor().as_bytes().to_vec()) },
            None => Stage::Counting { from: None, walked: false, next: Vec::new() },
        };
        let mut writes = self.added(run.month, tally).await?;
        writes.push(run.go_on(stage));
        self.programme.commit(writes).await?;
        Ok(found.len() as u64)
    }
}
