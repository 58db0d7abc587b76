//! The one layer of retries: how often a request is sent, how long is waited in between, and when
//! to give up. The SDK's own retries are off.

use std::time::{Duration, Instant};

use crate::version::up_to;

/// How a call is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Pace {
    /// How often a request is sent at most; at least once.
    pub attempts_max: u32,
    /// How long after its beginning a call may send its last request.
    pub budget: Duration,
    /// The longest wait before the second attempt; it doubles with each. The wait is any time up
    /// to the longest.
    pub wait_first: Duration,
    /// The longest wait there is.
    pub wait_max: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            attempts_max: 10,
            budget: Duration::from_secs(3),
            wait_first: Duration::from_millis(25),
            wait_max: Duration::from_millis(500),
        }
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Tries {
    pace: Pace,
    started: Instant,
    made: u32,
}

impl Tries {
    /// The first attempt is under way.
    pub(crate) fn start(pace: Pace) -> Tries {
        Tries { pace, started: Instant::now(), made: 1 }
    }

    /// Waits for the next attempt; `false` if there is none.
    pub(crate) async fn again(&mut self) -> bool {
        let longest = self.pace.wait_first.saturating_mul(1 << (self.made - 1).min(20));
        let wait = up_to(longest.min(self.pace.wait_max));
        if self.made >= self.pace.attempts_max || self.started.elapsed() + wait > self.pace.budget {
            return false;
        }
        self.made += 1;
        tokio::time::sleep(wait).await;
        true
    }
}
