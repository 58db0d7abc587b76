//! Sends events to webhooks: gathers what each is to hear, makes attempts, and says what is written of them. A server
//! does it as it reads the feed, with a lane for each receiver that does not keep up; on AWS a function does it, with
//! what the table's stream hands it.
//!
//! What is sent to whom, and what follows from an attempt, is decided in `edge` ([`edge::webhook`], [`edge::Hears`]).

mod attempt;
mod client;
mod gather;
mod waiting;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use edge::webhook::Came;
use engine::{records::Unreadable, store::Key};

pub use attempt::{Results, Task, Tried};
pub use gather::{Gathered, Share};
pub use waiting::{Due, due, write};

use client::Client;

/// Requests to one receiver at once.
pub const AT_ONCE: usize = 64;

/// What events are sent with.
pub struct Sender {
    client: Client,
    /// What it has done.
    pub counts: Arc<Counts>,
}

impl Sender {
    /// With `local` it also sends to this machine and by plain HTTP, for tests. What it does is counted there.
    pub fn new(local: bool, counts: Arc<Counts>) -> Sender {
        Sender { client: Client::new(local), counts }
    }
}

/// What is counted since the process started.
#[derive(Default, Debug)]
pub struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
    unreadable: AtomicU64,
    /// Those of them that were told, so that one that stays is told once.
    told: Mutex<BTreeSet<Key>>,
}

/// The most that are remembered as told.
const TOLD_MAX: usize = 10_000;

impl Counts {
    /// Attempts that a receiver answered with 2xx.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Attempts that failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Records that cannot be read, and so are told to nobody.
    pub fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    fn came(&self, came: &Came) {
        let count = if came.is_ok() { &self.delivered } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Of a newer build, or damaged: it is told once, and keeps nothing else back.
    pub fn cannot_read(&self, error: &Unreadable) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX && told.insert(error.key.clone()) {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "nobody can be told of a record that cannot be read");
        }
    }
}
