//! The drainer: writes frozen generations into the tables, gives readers the new state, and the writer its next
//! segment.
//!
//! It never loses anything by failing: what it could not write stays in the journal and in memory,
//! and it tries again.

use std::{sync::Arc, time::Duration};

use crate::{
    handover::{Frozen, Handover, Task},
    keep::Keeper,
    overlay::Shared,
    tables::{Applied, Tables, TablesError},
};

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// The tables, and what the other threads see of them.
pub(crate) struct Drainer {
    pub(crate) tables: Tables,
    pub(crate) shared: Arc<Shared>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) keeper: Keeper,
    /// The number of the last commit that the tables hold.
    pub(crate) applied: u64,
}

impl Drainer {
    /// Works until the store closes.
    pub(crate) fn run(mut self) {
        let mut retry = RETRY_FIRST;
        loop {
            let done = match self.handover.next_task() {
                Task::Stop => return,
                Task::Drain(frozen) => self.drain(&frozen),
                Task::Reopen(reader) => self.reopen_unless_replaced(reader),
                Task::Spare => self.spare(),
                Task::Tidy => {
                    self.tidy();
                    Ok(())
                }
            };
            match done {
                Ok(()) => retry = RETRY_FIRST,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        retry_milliseconds = retry.as_millis() as u64,
                        "the tables cannot be written; the commits stay in the journal"
                    );
                    self.handover.wait_to_retry(retry);
                    retry = (retry * 2).min(RETRY_LONGEST);
                }
            }
        }
    }

    /// Writes the generation and replaces it with the new tables. After an error the tables are open again,
    /// if that is possible, and the generation stays as it was.
    pub(crate) fn drain(&mut self, frozen: &Frozen) -> Result<(), TablesError> {
        match self.tables.apply(&frozen.generation, frozen.last_sequence) {
            Ok(Applied::Whole) => {
                let replaced = self.replace_reader(true);
                if replaced.is_ok() {
                    self.applied = frozen.last_sequence;
                    self.handover.done();
                }
                replaced
            }
            Ok(Applied::Stopped) => Ok(()),
            Err(error) => {
                // redb answers nothing more once it has met a failing disk.
                if let Err(error) = self.reopen() {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the tables cannot be opened again"
                    );
                }
                Err(error)
            }
        }
    }

    /// Gives the writer its next segment.
    pub(crate) fn spare(&mut self) -> Result<(), TablesError> {
        self.tidy();
        let segment = self.keeper.spare(self.applied).map_err(|error| Arc::new(redb::Error::Io(error)))?;
        self.handover.put_spare(segment);
        Ok(())
    }

    /// Lets go of what need not be kept of the journal any longer.
    pub(crate) fn tidy(&mut self) {
        self.keeper.tidy(self.applied, &self.shared, &self.handover);
    }

    /// Reopens the tables because that reader could not read.
    pub(crate) fn reopen_unless_replaced(&mut self, reader: u64) -> Result<(), TablesError> {
        if self.shared.read().tables.number != reader {
            return Ok(());
        }
        self.reopen()
    }

    fn reopen(&mut self) -> Result<(), TablesError> {
        self.tables.reopen()?;
        self.replace_reader(false)
    }

    fn replace_reader(&mut self, drained: bool) -> Result<(), TablesError> {
        let reader = self.tables.reader()?;
        let old = {
            let mut view = self.shared.write();
            let frozen = if drained { view.frozen.take() } else { None };
            (frozen, std::mem::replace(&mut view.tables, reader))
        };
        // A generation is tens of thousands of records: freed outside the lock.
        drop(old);
        Ok(())
    }
}
