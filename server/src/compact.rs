//! `laurel compact`: rewrites records of older formats, and gives unused space of a data folder back.

use std::{process::ExitCode, sync::Arc};

use edge::sealed::Sealed;
use engine::store::{Renewed, Store, renew};
use store_redb::{Options, RedbStore};

use crate::{
    cli::Data,
    home, progress,
    start::{self, StartError, failed},
};

/// Compacts the folder or the table.
pub(crate) async fn compact(data: &Data) -> Result<ExitCode, StartError> {
    let (store, embedded) = start::open_existing_store(data).await?;
    let secrets = home::secrets_if_any(&[&data.data]);
    let secrets = secrets.map_err(|error| failed("cannot read the master key", &error))?;
    // Without a master key only data of before there was a seal can be rewritten.
    let store = match secrets {
        Some(secrets) => Arc::new(Sealed::over(store, secrets)),
        None => store,
    };
    let Renewed { records, written } = renewed(&*store).await?;
    println!("{records} records, {written} of them written in a newer format");
    if data.table.is_none() {
        // Closed first: compaction needs the folder for itself.
        drop((store, embedded));
        let compacted = RedbStore::compact(&data.data, &Options::default());
        let compacted = compacted.map_err(|error| failed("cannot compact", &error))?;
        println!("{} bytes before, {} bytes after", compacted.bytes_before, compacted.bytes_after);
    }
    Ok(ExitCode::SUCCESS)
}

async fn renewed(store: &dyn Store) -> Result<Renewed, StartError> {
    let bar = progress::bar(0, "looking at records");
    let (mut all, mut from) = (Renewed::default(), None);
    loop {
        let page = renew(store, from).await;
        let (renewed, next) = page.map_err(|error| failed("cannot rewrite records", &error))?;
        all.records += renewed.records;
        all.written += renewed.written;
        bar.set_length(all.records);
        bar.set_position(all.records);
        from = next;
        if from.is_none() {
            bar.finish_and_clear();
            return Ok(all);
        }
    }
}
