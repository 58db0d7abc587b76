//! The store over a DynamoDB table, with the feature `dynamodb`.
//!
//! Without the feature nothing of AWS is built, and the command line refuses `--table` before it opens
//! anything.

#[cfg(not(feature = "dynamodb"))]
pub(crate) use absent::{name, open};
#[cfg(feature = "dynamodb")]
pub(crate) use present::{name, open};

/// How long to retry what a table declines.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// A caller waits: a slow store is answered with 503, and the caller tries again.
    Answering,
    /// Nobody waits.
    Patient,
}

#[cfg(feature = "dynamodb")]
mod present {
    use std::{convert::Infallible, sync::Arc};

    use engine::store::Store;
    use store_dynamodb::{DynamoStore, Options};

    use super::Pace;
    use crate::{
        cli::Data,
        start::{StartError, failed},
    };

    /// Reads the value of `--table`.
    pub(crate) fn name(text: &str) -> Result<String, Infallible> {
        Ok(text.to_owned())
    }

    /// Opens the table, and creates it first if requested and missing.
    pub(crate) async fn open(table: &str, data: &Data, pace: Pace) -> Result<Arc<dyn Store>, StartError> {
        let what = format!("cannot open the table {table}");
        let mut options = Options::new(table);
        if let Pace::Patient = pace {
            options = options.patient();
        }
        options.endpoint.clone_from(&data.endpoint);
        let store = DynamoStore::connect(options).map_err(|error| failed(&what, &error))?;
        if data.create_table {
            store.create_table().await.map_err(|error| failed(&what, &error))?;
        }
        if let Pace::Patient = pace {
            return Ok(Arc::new(store));
        }
        let store = store.with_feed().await.map_err(|error| failed(&what, &error))?;
        if store.feed().is_none() {
            tracing::warn!(
                "the table has no stream: nobody is told what happens; --create-table gives it one"
            );
        }
        Ok(Arc::new(store))
    }
}

#[cfg(not(feature = "dynamodb"))]
mod absent {
    use std::sync::Arc;

    use engine::store::Store;

    use super::Pace;
    use crate::{cli::Data, start::StartError};

    const ABSENT: &str =
        "this binary was built without DynamoDB: build it with `cargo build --release --features dynamodb`";

    /// Refuses the value of `--table`.
    pub(crate) fn name(_: &str) -> Result<String, &'static str> {
        Err(ABSENT)
    }

    /// Never reached: the command line refuses `--table` first.
    pub(crate) async fn open(table: &str, _: &Data, _: Pace) -> Result<Arc<dyn Store>, StartError> {
        Err(StartError(format!("cannot open the table {table}: {ABSENT}")))
    }
}
