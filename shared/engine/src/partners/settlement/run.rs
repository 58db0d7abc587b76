//! A settlement that is under way: its position, and how a step's counts are written down.

use domain::{settlement::Tally, time::Month};

use crate::{
    access::requests::Request,
    partners::Partners,
    store::{
        Expect, Key, Version, Write,
        error::Error,
        keys,
        records::{MonthRecord, Stage, decode},
        write::{put, unchanged},
    },
};

/// A month's settlement as it was read, and its current step.
pub(super) struct Run<'a> {
    pub(super) request: &'a Request,
    pub(super) month: Month,
    pub(super) record: MonthRecord,
    pub(super) version: Version,
}

impl Run<'_> {
    /// The write that records its progress, if no other instance has continued it meanwhile.
    pub(super) fn go_on(&self, stage: Stage) -> Write {
        let record = MonthRecord { stage, ..self.record.clone() };
        put(keys::settlement(self.month), Expect::Version(self.version), &record)
    }
}

impl Partners {
    /// The writes that add a part to what has been counted of the month. Their commit also expects the
    /// month's record as it was read, so that nothing is added twice.
    pub(super) async fn added(&self, month: Month, mut tally: Tally) -> Result<Vec<Write>, Error> {
        let honoured = std::mem::take(&mut tally.honoured);
        let mut parts: Vec<(Key, Tally)> = Vec::with_capacity(honoured.len() + 1);
        if tally != Tally::default() {
            parts.push((keys::settlement_sums(month), tally));
        }
        for (brand, sums) in honoured {
            let key = keys::settlement_honoured(month, &brand);
            parts.push((key, Tally { honoured: [(brand, sums)].into(), ..Tally::default() }));
        }
        let wanted: Vec<Key> = parts.iter().map(|(key, _)| key.clone()).collect();
        let mut writes = Vec::with_capacity(parts.len() + 1);
        for ((key, part), known) in parts.into_iter().zip(self.records.store.get(&wanted).await?) {
            let mut sum: Tally = match &known {
                Some(record) => decode(&key, &record.value)?,
                None => Tally::default(),
            };
            sum.merge(&part);
            writes.push(put(key, unchanged(known.map(|known| known.version)), &sum));
        }
        Ok(writes)
    }
}
