//! The instances of one function: kept once started, with more started while all are busy.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::{
    Error,
    clock::{Moment, TestClock},
    instance::{Instance, Outcome},
    settings::Settings,
};

/// The instances of one function.
pub(crate) struct Pool {
    function: String,
    settings: Arc<Settings>,
    clock: Arc<TestClock>,
    /// A place for each instance that may be busy.
    places: Semaphore,
    /// The idle ones, the most recently used one last.
    idle: Mutex<VecDeque<Instance>>,
}

impl Pool {
    pub(crate) fn new(function: &str, settings: Arc<Settings>, clock: Arc<TestClock>) -> Pool {
        let places = Semaphore::new(settings.instances_max);
        Pool { function: function.to_owned(), settings, clock, places, idle: Mutex::default() }
    }

    /// Passes an instance the event; `moves_to` is the moment to which the event itself moves the test's
    /// clock. `read` looks at an answer and says whether it has.
    pub(crate) async fn invoke(
        &self,
        payload: Bytes,
        limit: Duration,
        moves_to: Option<Moment>,
        moved: impl FnOnce(&Bytes) -> bool,
    ) -> Result<Outcome, Error> {
        let _place = self.places.acquire().await?;
        let mut instance = self.instance(moves_to.as_ref()).await?;
        let (outcome, lives) = instance.invoke(payload, limit).await;
        if let (Some(moment), Outcome::Answer(answer)) = (moves_to, &outcome)
            && moved(answer)
        {
            instance.clock = instance.clock.take().max(Some(moment.clone()));
            self.clock.reached(moment);
        }
        if lives {
            self.idle().push_back(instance);
        }
        Ok(outcome)
    }

    /// An idle instance, whose clock will be right.
    async fn instance(&self, moves_to: Option<&Moment>) -> Result<Instance, Error> {
        let now = self.clock.now();
        loop {
            let idle = {
                let mut idle = self.idle();
                let others = self.settings.instances_max - self.places.available_permits() - 1;
                // In turns: starts another instance as long as the bound allows.
                match self.settings.in_turns {
                    true if idle.len() + others < self.settings.instances_max => None,
                    true => idle.pop_front(),
                    false => idle.pop_back(),
                }
            };
            match idle {
                None => return Instance::start(&self.settings, &self.function, now).await,
                Some(instance) if instance.clock >= now || moves_to >= now.as_ref() => return Ok(instance),
                // Its clock is behind, and this event does not move it: it is replaced.
                Some(behind) => drop(behind),
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
