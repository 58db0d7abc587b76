//! The store against the real DynamoDB Local. If that is not installed, the tests say so and pass;
//! `scripts/dynamodb-local` fetches it.

// Clippy only treats code marked as a test as one.
#![allow(clippy::unwrap_used)]

mod conformance;
mod cost;
mod faults;
mod feed;
mod unknown;

use bytes::Bytes;
use engine::store::{Change, Expect, Key, Record, Store, StoreError, Version, Write};

fn key(name: impl AsRef<[u8]>) -> Key {
    Key::new(Bytes::copy_from_slice(name.as_ref()))
}

fn put(name: impl AsRef<[u8]>, expect: Expect, value: impl ToString) -> Write {
    let change = Change::Put(value.to_string().into_bytes().into());
    Write { key: key(name), expect, change }
}

fn delete(name: impl AsRef<[u8]>, expect: Expect) -> Write {
    Write { key: key(name), expect, change: Change::Delete }
}

async fn read(store: &dyn Store, name: impl AsRef<[u8]>) -> Option<Record> {
    store.get(&[key(name)]).await.unwrap().remove(0)
}

async fn text(store: &dyn Store, name: impl AsRef<[u8]>) -> Option<String> {
    let record = read(store, name).await;
    record.map(|record| String::from_utf8(record.value.to_vec()).unwrap())
}

async fn number(store: &dyn Store, name: impl AsRef<[u8]>) -> (u64, Version) {
    let record = read(store, name).await.unwrap();
    (std::str::from_utf8(&record.value).unwrap().parse().unwrap(), record.version)
}

/// An answer in one word.
fn word<T>(answer: &Result<T, StoreError>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(StoreError::LostRace) => "lost race",
        Err(StoreError::Busy) => "busy",
        Err(StoreError::Unavailable(_)) => "unavailable",
        Err(StoreError::Unknown(_)) => "unknown",
    }
}
