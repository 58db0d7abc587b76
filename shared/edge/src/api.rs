//! What every function gets: the engine, the clock, the callers, the secrets.

use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use engine::{
    CouponName, Engine, Error,
    id::{CallerId, KeyHash, PartnerKeyId},
    keys,
    records::By,
    store::{Store, StoreError},
};
use sha2::{Digest, Sha256};

use crate::{
    Call, Caller, Chance, Clock, Function, OtherKey, Policy, Problem, RATE_LIMIT, Rates, Role, Secrets,
    Standing,
    alike::Alike,
    fresh::Freshness,
    partner::{PartnerKey, PartnerKeys},
    sealed::Sealed,
    wire::Shown,
};

/// Who sends codes of offers: a caller, and for whom as it says so.
pub type CodeSender = (By, Option<String>);

/// What every function gets.
pub struct Api {
    /// The engine.
    pub engine: Engine,
    /// The clock.
    pub clock: Arc<Clock>,
    /// Where ids, codes and secrets come from.
    pub chance: Chance,
    /// Derived secrets.
    pub secrets: Secrets,
    /// The functions served here.
    pub functions: Vec<&'static Function>,
    /// Origins of browser pages that may call.
    pub origins: Vec<String>,
    /// How often each caller may send a request; `None` means no limit.
    pub rates: Option<Rates>,
    /// How often a partner may send a wrong link code.
    pub guesses: Rates,
    /// How many codes of offers that are not usable a caller may send for one of its customers.
    pub codes: Rates<CodeSender>,
    /// How many codes of offers it may have under way.
    pub tried_codes: Rates<CodeSender>,
    /// Whether webhooks may point to this machine and to plain HTTP, for tests.
    pub local_webhooks: bool,
    callers: RwLock<HashMap<KeyHash, Arc<Caller>>>,
    partners: RwLock<PartnerKeys>,
    pub(crate) freshness: Freshness,
    /// Whether the data were found to be rekeyed since these secrets were settled.
    outlived: AtomicBool,
}

impl Api {
    /// The functions over what that store holds, which seals under the master key who somebody is. [`Api::refresh`]
    /// reads the callers and the programme.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        secrets: Secrets,
        functions: Vec<&'static Function>,
    ) -> Api {
        let clock = Arc::new(clock);
        let sealed = Arc::new(Sealed::over(store, secrets.clone()));
        let engine = Engine::new(Arc::new(Alike::over(sealed, secrets.clone()))).with_clock({
            let clock = clock.clone();
            move || clock.now()
        });
        Api {
            engine,
            clock,
            chance: Chance::Machine,
            secrets,
            functions,
            origins: Vec::new(),
            rates: Policy::requests(RATE_LIMIT).map(Rates::new),
            guesses: Rates::new(Policy::wrong_codes()),
            codes: Rates::new(Policy::unusable_codes()),
            tried_codes: Rates::new(Policy::tried_codes()),
            local_webhooks: false,
            callers: RwLock::default(),
            partners: RwLock::default(),
            freshness: Freshness::default(),
            outlived: AtomicBool::new(false),
        }
    }

    /// The same functions at a moment that stands still, for a history that is played. It knows the callers and the
    /// programme that this one knows, and rereads nothing.
    #[must_use]
    pub fn standing_at(&self, at: domain::time::Instant) -> Api {
        let clock = Arc::new(Clock::test(at));
        let engine = self.engine.with_clock({
            let clock = clock.clone();
            move || clock.now()
        });
        self.over(engine, clock)
    }

    /// The same functions; of what is committed through them nobody is told outward. For imports.
    #[must_use]
    pub fn quietly(&self) -> Api {
        self.over(self.engine.quietly(), self.clock.clone())
    }

    fn over(&self, engine: Engine, clock: Arc<Clock>) -> Api {
        let api = Api {
            engine,
            clock,
            chance: self.chance.another(),
            secrets: self.secrets.clone(),
            functions: self.functions.clone(),
            origins: Vec::new(),
            rates: None,
            guesses: Rates::new(Policy::wrong_codes()),
            codes: Rates::new(Policy::unusable_codes()),
            tried_codes: Rates::new(Policy::tried_codes()),
            local_webhooks: self.local_webhooks,
            callers: RwLock::new(reading(&self.callers).clone()),
            partners: RwLock::new(reading(&self.partners).clone()),
            freshness: Freshness::default(),
            outlived: AtomicBool::new(false),
        };
        api.freshness.was_read(api.clock.steady());
        api
    }

    /// Names of coupons as they are shown.
    pub fn shown_names(&self, names: &[CouponName]) -> Vec<CouponName> {
        let shown = |name: &CouponName| match name {
            CouponName::Grant(id) => CouponName::Grant(id.map(|id| self.secrets.shown_grant(id))),
            CouponName::Sent(_) | CouponName::Code(_) => name.clone(),
        };
        names.iter().map(shown).collect()
    }

    /// Rereads the callers, partners' keys and the programme's versions.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn refresh(&self) -> Result<(), Error> {
        // One after the other: an earlier read must not replace a later one.
        let _turn = self.engine.programme().refreshing().await;
        let began = self.clock.steady();
        self.engine.programme().reread().await?;
        self.check_master_key().await?;
        let callers = self.engine.access().callers().await?;
        let live = callers.iter().filter(|caller| caller.record.revoked_at.is_none());
        let live = live.map(|caller| (caller.record.hash, Arc::new(Caller::of(caller.id, &caller.record))));
        let live: HashMap<_, _> = live.collect();
        // Without partners nobody has to wait for this.
        let partners = match self.has_partners() {
            true => self.live_keys(&self.engine.partners().all().await?),
            false => PartnerKeys::default(),
        };
        *writing(&self.callers) = live;
        *writing(&self.partners) = partners;
        self.freshness.was_read(began);
        Ok(())
    }

    /// An instance that has slept through a rekeying would find nobody, and register everybody anew.
    async fn check_master_key(&self) -> Result<(), Error> {
        let notes = [keys::MASTER_KEY_NOTE, keys::REKEYING_NOTE].map(keys::note);
        let found = self.engine.store().get(&notes).await?;
        let good = match &found[..] {
            [known, None] => known.as_ref().is_none_or(|known| self.secrets.are_of(&known.value)),
            // It is being rekeyed.
            _ => false,
        };
        match good {
            true => Ok(()),
            false => {
                self.outlived.store(true, Ordering::Relaxed);
                Err(Error::Store(StoreError::Unavailable(Arc::new(OtherKey::Changed))))
            }
        }
    }

    /// Whether the data were rekeyed since: these secrets find nobody any more, and only new ones in their place do.
    pub fn is_outlived(&self) -> bool {
        self.outlived.load(Ordering::Relaxed)
    }

    /// The caller that has this key. Keys are long and random; they are found by their hash, so that a
    /// comparison reveals nothing about them.
    pub fn caller(&self, key: &str) -> Option<Arc<Caller>> {
        let hash = key_hash(key);
        reading(&self.callers).get(&hash).cloned()
    }

    /// The partner's key of that id, if it is live.
    pub(crate) fn partner_key(&self, id: PartnerKeyId) -> Option<Arc<PartnerKey>> {
        reading(&self.partners).get(&id).cloned()
    }

    /// The hash of a caller's key of that generation.
    pub fn caller_hash(&self, id: CallerId, generation: u32) -> KeyHash {
        key_hash(&self.secrets.caller_key(id, generation))
    }

    /// The live key of the caller of that id, as its hash, and the caller.
    pub(crate) fn keyed(&self, id: CallerId) -> Option<(KeyHash, Arc<Caller>)> {
        let callers = reading(&self.callers);
        let own = callers.iter().find(|(_, caller)| caller.by == By::Caller(id));
        own.map(|(hash, caller)| (*hash, caller.clone()))
    }

    /// Counts a request of that caller, and returns its standing, if it is counted. An admin is not counted,
    /// so that the limit never locks out its owner.
    pub(crate) fn count(&self, caller: &Caller) -> Option<Standing> {
        let rates = self.rates.as_ref().filter(|_| !caller.is(Role::Admin));
        rates.map(|rates| rates.take(caller.by, self.clock.steady()))
    }

    /// Runs something that a caller may get wrong only a limited number of times a minute, and counts it if
    /// it was wrong.
    ///
    /// # Errors
    /// 429 `too_many_requests` if it was wrong too often; or its own error.
    pub async fn guess<T>(
        &self,
        call: &Call,
        try_it: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.guesses.take(call.caller.by, self.clock.steady()).check()?;
        let tried = try_it.await;
        if !tried.as_ref().is_err_and(|problem| problem.status() == 404) {
            self.guesses.give_back(&call.caller.by);
        }
        tried
    }

    /// Tries so many codes of offers, which a caller may get wrong only a limited number of times a minute for each of its
    /// customers; says how many of them were usable.
    ///
    /// # Errors
    /// 429 `too_many_requests` if too many were wrong; or its own error.
    pub async fn with_codes<T>(
        &self,
        (call, client, codes): (&Call, Option<&str>, usize),
        try_them: impl Future<Output = Result<(T, usize), Problem>>,
    ) -> Result<T, Problem> {
        let sender = (call.caller.by, client.map(str::to_owned));
        let give_back = |rates: &Rates<CodeSender>| (0..codes).for_each(|_| rates.give_back(&sender));
        let now = self.clock.steady();
        // Those that others are trying at this moment are nobody's mistakes yet, so only a large number of them counts.
        let is_room = |rates: &Rates<CodeSender>| match rates.take_all(&sender, codes, now) {
            Ok(()) => Ok(()),
            Err(refused) => refused.check(),
        };
        is_room(&self.codes)?;
        give_back(&self.codes);
        is_room(&self.tried_codes)?;
        let tried = try_them.await;
        give_back(&self.tried_codes);
        let usable = tried.as_ref().map_or(codes, |(_, usable)| *usable);
        self.codes.owe(sender.clone(), codes.saturating_sub(usable), now);
        tried.map(|(done, _)| done)
    }

    /// A new id: a ULID of that moment.
    ///
    /// # Errors
    /// The machine has no source of randomness.
    pub fn new_id<T: Shown>(&self, now: domain::time::Instant) -> Result<T, getrandom::Error> {
        let chance: [u8; 10] = self.chance.bytes()?;
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now.0.max(0).to_be_bytes()[2..]);
        id[6..].copy_from_slice(&chance);
        Ok(T::of(id))
    }
}

/// For reading. Nobody panics while holding it for writing: they only replace what is in it.
fn reading<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    #[expect(clippy::expect_used, reason = "nobody panics while holding it for writing")]
    lock.read().expect("nobody panics while holding it")
}

/// For writing.
fn writing<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    #[expect(clippy::expect_used, reason = "nobody panics while holding it for writing")]
    lock.write().expect("nobody panics while holding it")
}

/// The hash under which a caller's key is stored.
pub fn key_hash(key: &str) -> KeyHash {
    KeyHash(Sha256::digest(key.as_bytes()).into())
}
