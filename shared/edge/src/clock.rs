//! The time: the machine's clock; a test's, which stands still until it is moved; or a simulation's, which is
//! independent of the machine.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use domain::time::Instant;

/// A clock.
#[derive(Debug)]
pub enum Clock {
    /// The machine's.
    Machine,
    /// A test's.
    Test(AtomicI64),
    /// A simulation's, which sets it freely, backwards too.
    Simulated(Simulated),
}

/// The times of a simulated machine.
#[derive(Debug)]
pub struct Simulated {
    now: AtomicI64,
    elapsed_millis: AtomicU64,
    began: std::time::Instant,
}

/// Why a test's clock was not moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockError {
    /// This server uses the machine's clock.
    NotATest,
    /// It never goes back.
    Backwards,
}

impl Clock {
    /// A clock that stands at that moment.
    pub fn test(at: Instant) -> Clock {
        Clock::Test(AtomicI64::new(at.0))
    }

    /// The clock of a simulated machine.
    pub fn simulated(at: Instant) -> Clock {
        let began = std::time::Instant::now();
        Clock::Simulated(Simulated { now: AtomicI64::new(at.0), elapsed_millis: AtomicU64::new(0), began })
    }

    /// Now, to the millisecond.
    pub fn now(&self) -> Instant {
        match self {
            Clock::Machine => {
                #[allow(clippy::disallowed_methods)] // the one place that asks the machine
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                let millis = now.ok().and_then(|since| i64::try_from(since.as_millis()).ok());
                // Any other value would be written into ledgers.
                Instant(millis.unwrap_or_else(|| panic!("the machine's clock is before 1970")))
            }
            Clock::Test(at) => Instant(at.load(Ordering::SeqCst)),
            Clock::Simulated(own) => Instant(own.now.load(Ordering::Relaxed)),
        }
    }

    /// The time in the real world: signatures are judged by it, even under a test's clock.
    pub fn world(&self) -> Instant {
        match self {
            Clock::Machine | Clock::Test(_) => Clock::Machine.now(),
            Clock::Simulated(_) => self.now(),
        }
    }

    /// For durations within this process: never runs backwards.
    pub fn steady(&self) -> std::time::Instant {
        match self {
            Clock::Machine | Clock::Test(_) => std::time::Instant::now(),
            Clock::Simulated(own) => {
                own.began + Duration::from_millis(own.elapsed_millis.load(Ordering::Relaxed))
            }
        }
    }

    /// Sets a simulation's clock, and how long it has run; any other stays as it is.
    pub fn simulate(&self, now: Instant, elapsed_millis: u64) {
        if let Clock::Simulated(own) = self {
            own.now.store(now.0, Ordering::Relaxed);
            own.elapsed_millis.store(elapsed_millis, Ordering::Relaxed);
        }
    }

    /// Moves a test's clock forward to that moment.
    ///
    /// # Errors
    /// It is not a test's clock, or it is later already.
    pub fn forward(&self, to: Instant) -> Result<(), ClockError> {
        match self {
            Clock::Machine | Clock::Simulated(_) => Err(ClockError::NotATest),
            Clock::Test(at) if at.fetch_max(to.0, Ordering::SeqCst) > to.0 => Err(ClockError::Backwards),
            Clock::Test(_) => Ok(()),
        }
    }
}
