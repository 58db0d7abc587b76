//! A store of whose commits nobody is told outward: for imports and replays.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Feed, Instant, Key, Kind, Manner, Page, Pending, Range, Record, Store, StoreError, Version, Write,
    keys::kind,
};

/// The same store; what is committed through this handle is committed quietly.
pub(crate) struct Quiet(pub(crate) Arc<dyn Store>);

impl Quiet {
    /// Without what is noted only to be told outward: nobody is told.
    fn untold(mut writes: Vec<Write>) -> Vec<Write> {
        writes.retain(|write| write.key.kind() != kind::HAPPENED);
        writes
    }
}

impl Store for Quiet {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.0.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.0.scan(range, limit)
    }

    fn walk(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        self.0.walk(kind, from, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.0.commit_as(Quiet::untold(writes), Manner::Quiet)
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        match manner {
            Manner::Plain | Manner::Quiet => self.commit(writes),
            Manner::Anew => self.0.commit_as(writes, manner),
        }
    }

    fn commit_until(&self, put: Write, until: Instant) -> Pending<'_, Result<Version, StoreError>> {
        self.0.commit_until(put, until)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.0.feed()
    }

    fn removes_ended(&self) -> bool {
        self.0.removes_ended()
    }
}
