//! A store whose calls take turns with others', fail, and leave their outcome open; and, as a control, one
//! that breaks its promises.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use engine::store::{Expect, Key, Pending, Range, Record, Store, StoreError, Version, Write};

use crate::histories::chance;

/// The promise that the store breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    /// Nothing of the kind.
    Kept,
    /// Some commits are made whatever they expect.
    SkipsConditions,
    /// Some reads return the state one commit before.
    ReadsThePast,
    /// Some commits that it reports as refused are made.
    RefusesAndWrites,
}

/// A store, with unrest.
pub(crate) struct Restless {
    inner: Arc<dyn Store>,
    word: Word,
    seed: u64,
    drawn: AtomicU64,
    on: AtomicBool,
    past: Mutex<HashMap<Key, Option<Record>>>,
}

fn cause() -> Arc<std::io::Error> {
    Arc::new(std::io::Error::other("restless"))
}

impl Restless {
    /// Calm, until it is stirred.
    pub(crate) fn new(inner: Arc<dyn Store>, word: Word, seed: u64) -> Restless {
        let (drawn, on) = (AtomicU64::new(0), AtomicBool::new(false));
        Restless { inner, word, seed, drawn, on, past: Mutex::default() }
    }

    /// From now on.
    pub(crate) fn stir(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    fn draw(&self) -> u64 {
        chance(self.seed, 0, self.drawn.fetch_add(1, Ordering::Relaxed))
    }

    /// Sometimes lets others continue.
    async fn pause(&self) {
        for _ in 0..(self.draw() % 4).saturating_sub(1) {
            tokio::task::yield_now().await;
        }
    }

    async fn make(&self, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        match self.word {
            Word::SkipsConditions if self.draw().is_multiple_of(4) => {
                writes.iter_mut().for_each(|write| write.expect = Expect::Anything);
            }
            Word::ReadsThePast => {
                let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
                let found = self.inner.get(&keys).await?;
                self.past.lock().unwrap().extend(keys.into_iter().zip(found));
            }
            Word::RefusesAndWrites if self.draw().is_multiple_of(16) => {
                self.inner.commit(writes).await?;
                return Err(StoreError::Busy);
            }
            _ => {}
        }
        self.inner.commit(writes).await
    }
}

impl Store for Restless {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        if !self.on.load(Ordering::Relaxed) {
            return self.inner.get(keys);
        }
        Box::pin(async move {
            self.pause().await;
            if self.draw().is_multiple_of(200) {
                return Err(StoreError::Unavailable(cause()));
            }
            let mut found = self.inner.get(keys).await?;
            if self.word == Word::ReadsThePast && self.draw().is_multiple_of(16) {
                let past = self.past.lock().unwrap();
                for (key, record) in keys.iter().zip(&mut found) {
                    if let Some(before) = past.get(key) {
                        record.clone_from(before);
                    }
                }
            }
            self.pause().await;
            Ok(found)
        })
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        if !self.on.load(Ordering::Relaxed) {
            return self.inner.commit(writes);
        }
        Box::pin(async move {
            self.pause().await;
            let made = match self.draw() % 200 {
                0 => Err(StoreError::Busy),
                1 => Err(StoreError::Unavailable(cause())),
                2 => Err(StoreError::Unknown(cause())),
                3..6 => self.make(writes).await.and(Err(StoreError::Unknown(cause()))),
                6 => {
                    // It is made when nobody waits for it any longer.
                    let inner = self.inner.clone();
                    tokio::spawn(async move {
                        for _ in 0..8 {
                            tokio::task::yield_now().await;
                        }
                        inner.commit(writes).await
                    });
                    Err(StoreError::Unknown(cause()))
                }
                _ => self.make(writes).await,
            };
            self.pause().await;
            made
        })
    }
}
