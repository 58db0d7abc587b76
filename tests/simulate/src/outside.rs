//! Real stores as a simulated shop's home.

use std::{fmt::Display, sync::Arc};

use bytes::Bytes;
use engine::store::{Feed, Key, Manner, Page, Pending, Range, Record, Store, StoreError, Version, Write};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};
use tokio::runtime::{Builder, Runtime};

/// The embedded store, in a folder that is removed when it is dropped.
///
/// # Errors
/// It cannot be opened, in words.
pub(crate) fn embedded() -> Result<Arc<dyn Store>, String> {
    let folder = tempfile::tempdir().map_err(words)?;
    let store = RedbStore::open(folder.path(), Options::default()).map_err(words)?;
    Ok(Arc::new(Outside { inner: store, runtime: runtime()?, _folder: Some(folder) }))
}

/// A table of DynamoDB Local.
///
/// # Errors
/// DynamoDB Local is missing, or creates no table, in words.
pub(crate) fn table() -> Result<Arc<dyn Store>, String> {
    let local = Local::shared().ok_or("there is no DynamoDB Local")?;
    let runtime = runtime()?;
    let store = runtime.block_on(local.store()).map_err(words)?;
    Ok(Arc::new(Outside { inner: store, runtime, _folder: None }))
}

fn words(error: impl Display) -> String {
    error.to_string()
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread().enable_all().build().map_err(words)
}

/// A store that does its work outside the simulation: a caller has the answer at once, so that the order of
/// steps still follows from the seed alone.
struct Outside<S> {
    inner: S,
    runtime: Runtime,
    /// Removed when it is dropped.
    _folder: Option<tempfile::TempDir>,
}

impl<S: Store + 'static> Outside<S> {
    fn at_once<T: Send + 'static>(&self, asked: Pending<'_, T>) -> Pending<'static, T> {
        Box::pin(std::future::ready(self.runtime.block_on(asked)))
    }
}

impl<S: Store + 'static> Store for Outside<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.at_once(self.inner.get(keys))
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.at_once(self.inner.scan(range, limit))
    }

    fn walk(
        &self,
        kind: Option<engine::store::Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Pending<'_, Result<Page, StoreError>> {
        self.at_once(self.inner.walk(kind, from, limit))
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.at_once(self.inner.commit(writes))
    }

    fn commit_as(&self, writes: Vec<Write>, manner: Manner) -> Pending<'_, Result<Version, StoreError>> {
        self.at_once(self.inner.commit_as(writes, manner))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.feed()
    }
}
