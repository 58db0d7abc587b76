//! What every function is handed: the engine, the clock, the callers, the secrets.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use domain::{member::MemberId, time::Instant};
use engine::{Done, Engine, Error};
use sha2::{Digest, Sha256};

use crate::{Answer, Caller, Clock, Function, Secrets, fresh::Freshness, wire};

/// What every function is handed.
pub struct Api {
    /// The engine.
    pub engine: Engine,
    /// The clock.
    pub clock: Arc<Clock>,
    /// Derived secrets.
    pub secrets: Secrets,
    /// The functions served here.
    pub functions: Vec<&'static Function>,
    /// Origins of browser pages that may call.
    pub origins: Vec<String>,
    callers: RwLock<HashMap<[u8; 32], Arc<Caller>>>,
    pub(crate) freshness: Freshness,
}

impl Api {
    /// The functions over that engine. [`Api::refresh`] reads the callers and the programme.
    pub fn new(engine: Engine, clock: Clock, secrets: Secrets, functions: Vec<&'static Function>) -> Api {
        let clock = Arc::new(clock);
        let engine = engine.with_clock({
            let clock = clock.clone();
            move || clock.now()
        });
        Api {
            engine,
            clock,
            secrets,
            functions,
            origins: Vec::new(),
            callers: RwLock::default(),
            freshness: Freshness::default(),
        }
    }

    /// Reads the callers and the programme's versions anew.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn refresh(&self) -> Result<(), Error> {
        // One after the other: what was read earlier must not replace what was read later.
        let _turn = self.engine.refreshing().await;
        let began = std::time::Instant::now();
        self.engine.reread().await?;
        let callers = self.engine.callers().await?;
        let live = callers.iter().filter(|caller| caller.record.revoked_at.is_none());
        let live = live.map(|caller| (caller.record.hash, Arc::new(Caller::of(caller.id, &caller.record))));
        *self.callers.write().unwrap_or_else(PoisonError::into_inner) = live.collect();
        self.freshness.was_read(began);
        Ok(())
    }

    /// The caller that has this key. Keys are long and random; they are found by their hash, so
    /// that a comparison tells nothing about them.
    pub fn caller(&self, key: &str) -> Option<Arc<Caller>> {
        let hash = key_hash(key);
        self.callers.read().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
    }

    /// The hash of a caller's key of that generation.
    pub fn caller_hash(&self, id: [u8; 16], generation: u32) -> [u8; 32] {
        key_hash(&self.secrets.caller_key(id, generation))
    }

    /// Checks that the programme has the brand and that the caller may act for it.
    ///
    /// # Errors
    /// `brand_not_found`, or `forbidden` for a caller bound to another brand.
    pub fn may_act_for(&self, call: &crate::Call, brand: &str) -> Result<(), crate::Problem> {
        if call.caller.brand.as_deref().is_some_and(|bound| bound != brand) {
            return Err(crate::Problem::forbidden());
        }
        let programmes = self.engine.programmes()?;
        let known = programmes.newest().brand(brand);
        known.map(|_| ()).ok_or_else(|| domain::refusal::Refusal::BrandNotFound.into())
    }

    /// The answer to a command: the entry it made and what followed from it.
    ///
    /// # Errors
    /// [`Error::NoProgram`].
    pub fn done(&self, done: &Done) -> Result<Answer, Error> {
        let programmes = self.engine.programmes()?;
        let show = wire::Show { programme: programmes.newest() };
        Ok(Answer::new(200, &show.done(done)).replayed(done.replayed))
    }

    /// A new id: a ULID of that moment.
    ///
    /// # Errors
    /// The machine has no source of chance.
    pub fn new_id(&self, now: Instant) -> Result<[u8; 16], getrandom::Error> {
        let chance: [u8; 10] = crate::random()?;
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now.0.max(0).to_be_bytes()[2..]);
        id[6..].copy_from_slice(&chance);
        Ok(id)
    }

    /// A new member's id.
    ///
    /// # Errors
    /// The machine has no source of chance.
    pub fn new_member_id(&self, now: Instant) -> Result<MemberId, getrandom::Error> {
        self.new_id(now).map(MemberId)
    }
}

/// The hash under which a caller's key is stored.
pub fn key_hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
