//! The engine: its rooms over one store.

use std::sync::Arc;

use domain::time::Instant;

use crate::{
    access::{Access, moment::Watch},
    accounts::Accounts,
    ledger::Ledger,
    offers::Offers,
    partners::Partners,
    people::People,
    programme::Programmes,
    store::{Records, Store, aside::Aside, quiet::Quiet, turns::Queues},
    webhooks::Webhooks,
};

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    rooms: Arc<Rooms>,
}

struct Rooms {
    records: Records,
    access: Access,
    programme: Programmes,
    accounts: Accounts,
    ledger: Ledger,
    partners: Partners,
    people: People,
    offers: Offers,
    webhooks: Webhooks,
}

impl Engine {
    /// An engine over that store. [`Programmes::refresh`] reads the programme.
    pub fn new(store: Arc<dyn Store>) -> Engine {
        let access = Access { records: Records::new(store), watch: None };
        let programme = Programmes::new(&access);
        Engine::of(access, programme, Arc::new(Queues::new()))
    }

    fn of(access: Access, programme: Programmes, queues: Arc<Queues>) -> Engine {
        let records = access.records.clone();
        let accounts = Accounts {
            records: records.clone(),
            access: access.clone(),
            programme: programme.clone(),
            queues: queues.clone(),
        };
        let ledger = Ledger {
            records: records.clone(),
            access: access.clone(),
            programme: programme.clone(),
            accounts: accounts.clone(),
            queues,
        };
        let partners = Partners {
            records: records.clone(),
            access: access.clone(),
            programme: programme.clone(),
            accounts: accounts.clone(),
            ledger: ledger.clone(),
        };
        let people = People {
            records: records.clone(),
            access: access.clone(),
            programme: programme.clone(),
            ledger: ledger.clone(),
            partners: partners.clone(),
        };
        let offers = Offers {
            records: records.clone(),
            access: access.clone(),
            programme: programme.clone(),
            accounts: accounts.clone(),
            ledger: ledger.clone(),
            people: people.clone(),
        };
        let webhooks = Webhooks { records: records.clone(), access: access.clone() };
        let rooms =
            Rooms { records, access, programme, accounts, ledger, partners, people, offers, webhooks };
        Engine { rooms: Arc::new(rooms) }
    }

    /// The same engine with that clock. Without one, every moment is recent enough: for callers that give
    /// each command a moment of its own.
    #[must_use]
    pub fn with_clock(&self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Engine {
        let access = Access { watch: Some(Watch(Arc::new(now))), ..self.rooms.access.clone() };
        let programme = self.rooms.programme.over(&access);
        Engine::of(access, programme, self.rooms.ledger.queues.clone())
    }

    /// The same engine; of what is committed through it nobody is told outward. For imports and replays.
    #[must_use]
    pub fn quietly(&self) -> Engine {
        let store = Arc::new(Quiet(self.store().clone()));
        let access = Access { records: Records::new(store), ..self.rooms.access.clone() };
        let programme = self.rooms.programme.over(&access);
        Engine::of(access, programme, self.rooms.ledger.queues.clone())
    }

    /// Engines on which to try what many steps would do together.
    pub fn trials(&self) -> Trials {
        Trials { engine: self.clone(), programme: self.rooms.programme.apart() }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.rooms.records.store
    }

    /// Records as they are read.
    pub fn records(&self) -> &Records {
        &self.rooms.records
    }

    /// Callers, and remembered requests.
    pub fn access(&self) -> &Access {
        &self.rooms.access
    }

    /// The programme's versions.
    pub fn programme(&self) -> &Programmes {
        &self.rooms.programme
    }

    /// What may still be issued and honoured.
    pub fn accounts(&self) -> &Accounts {
        &self.rooms.accounts
    }

    /// Members' ledgers.
    pub fn ledger(&self) -> &Ledger {
        &self.rooms.ledger
    }

    /// Brands of others.
    pub fn partners(&self) -> &Partners {
        &self.rooms.partners
    }

    /// What is told outward.
    pub fn webhooks(&self) -> &Webhooks {
        &self.rooms.webhooks
    }

    /// What members have of offers.
    pub fn offers(&self) -> &Offers {
        &self.rooms.offers
    }

    /// The people behind members.
    pub fn people(&self) -> &People {
        &self.rooms.people
    }
}

/// Engines beside one: each sees what that one has stored and what it commits itself, which nobody else sees and which is
/// gone with it.
#[derive(Clone)]
pub struct Trials {
    engine: Engine,
    /// What is marked as used by a trial is marked in no store.
    programme: Programmes,
}

impl Trials {
    /// A new one, on which nothing is tried yet.
    pub fn engine(&self) -> Engine {
        let store = Arc::new(Aside::of(self.engine.store().clone()));
        let access = Access { records: Records::new(store), ..self.engine.rooms.access.clone() };
        Engine::of(access.clone(), self.programme.over(&access), Arc::new(Queues::new()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::memory::MemoryStore;

    /// What was read earlier must not replace what was read later.
    #[test]
    fn the_programme_is_read_by_one_at_a_time() {
        let engine = Engine::new(Arc::new(MemoryStore::new()));
        let other = engine.with_clock(|| Instant(0));
        let turn = engine.programme().refreshing().now_or_never().unwrap();
        assert!(other.programme().refreshing().now_or_never().is_none());
        drop(turn);
        assert!(other.programme().refreshing().now_or_never().is_some());
    }
}
