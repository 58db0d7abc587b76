//! What time it is: the machine's clock, or a test's, which stands still until it is moved.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::time::Instant;

/// A clock.
#[derive(Debug)]
pub enum Clock {
    /// The machine's.
    Machine,
    /// A test's.
    Test(AtomicI64),
}

/// Why a test's clock was not moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockError {
    /// This server lives by the machine's clock.
    NotATest,
    /// It never goes back.
    Backwards,
}

impl Clock {
    /// A clock that stands at that moment.
    pub fn test(at: Instant) -> Clock {
        Clock::Test(AtomicI64::new(at.0))
    }

    /// Now, to the millisecond.
    pub fn now(&self) -> Instant {
        match self {
            Clock::Machine => {
                #[allow(clippy::disallowed_methods)] // the one place that asks the machine
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Instant(now.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0))
            }
            Clock::Test(at) => Instant(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves a test's clock forward to that moment.
    ///
    /// # Errors
    /// It is not a test's clock, or it is later already.
    pub fn forward(&self, to: Instant) -> Result<(), ClockError> {
        match self {
            Clock::Machine => Err(ClockError::NotATest),
            Clock::Test(at) if at.fetch_max(to.0, Ordering::SeqCst) > to.0 => Err(ClockError::Backwards),
            Clock::Test(_) => Ok(()),
        }
    }
}
