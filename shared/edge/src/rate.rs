//! Rate limits: how many requests a caller may send in a period. A token bucket for each caller, counted in
//! this process alone, in whole nanoseconds.

use engine::records::By;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Code, Problem};

/// The fields of draft-ietf-httpapi-ratelimit-headers-11.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// Requests a minute that a caller may send, unless set otherwise.
pub const RATE_LIMIT: u32 = 60_000;

/// Wrong link codes a minute that a partner may send. Those under way count until they prove right.
const WRONG_CODES_MAX: u32 = 100;

/// Codes a minute that a caller may send for one of its customers and that are not usable there.
const UNUSABLE_CODES_MAX: u32 = 10;

/// Codes of offers that a caller may have under way for one of its customers, before any has proved usable or not.
const TRIED_CODES_MAX: u32 = 1_000;

/// The least number of callers in a map at which it is searched for those that may be forgotten.
const CALLERS_KEPT: usize = 1_024;

/// This many requests in that time: a bucket that holds this many and fills up in that time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Its name, which answers give.
    pub name: &'static str,
    /// How many.
    pub quota: u32,
    /// In what time.
    pub window: Duration,
}

impl Policy {
    /// That many of a caller's requests a minute; `None` for 0, which means no limit.
    pub fn requests(a_minute: u32) -> Option<Policy> {
        (a_minute > 0).then_some(Policy { name: "caller", quota: a_minute, window: Duration::from_secs(60) })
    }

    /// A partner's wrong link codes.
    pub(crate) fn wrong_codes() -> Policy {
        Policy { name: "link-code", quota: WRONG_CODES_MAX, window: Duration::from_secs(60) }
    }

    /// Codes of offers that are not usable.
    pub(crate) fn unusable_codes() -> Policy {
        Policy { name: "code", quota: UNUSABLE_CODES_MAX, window: Duration::from_secs(60) }
    }

    /// Codes of offers that are under way.
    pub(crate) fn tried_codes() -> Policy {
        Policy { name: "code", quota: TRIED_CODES_MAX, window: Duration::from_secs(60) }
    }

    /// What one request takes from the bucket, as the time until it comes back.
    fn cost(self) -> Duration {
        self.window / self.quota.max(1)
    }
}

/// How a caller stands after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    policy: Policy,
    /// Requests left.
    left: u32,
    /// When the wait ends: for one request after a refusal, for all of them otherwise.
    wait: Duration,
    refused: bool,
}

/// The buckets of all callers under one policy. A bucket is the moment at which it will be full.
#[derive(Debug)]
pub struct Rates<K = By> {
    policy: Policy,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    full_at: HashMap<K, Instant>,
    /// The number at which the full ones are forgotten.
    look_at: usize,
}

impl<K: Eq + Hash> Rates<K> {
    /// Full buckets for everybody.
    pub fn new(policy: Policy) -> Rates<K> {
        Rates { policy, buckets: Mutex::new(Buckets { full_at: HashMap::new(), look_at: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, Buckets<K>> {
        #[expect(clippy::expect_used, reason = "only plain assignments happen under it")]
        self.buckets.lock().expect("nobody panics while holding it")
    }

    /// Takes a request out of the caller's bucket, if there is one in it.
    pub fn take(&self, caller: K, now: Instant) -> Standing {
        let (policy, cost) = (self.policy, self.policy.cost());
        let mut buckets = self.lock();
        buckets.forget_full(now);
        let full_at = buckets.full_at.entry(caller).or_insert(now);
        // A bucket that was full before now lacks nothing.
        let missing = full_at.saturating_duration_since(now) + cost;
        if missing > policy.window {
            return Standing { policy, left: 0, wait: missing - policy.window, refused: true };
        }
        *full_at = now + missing;
        let left = (policy.window - missing).as_nanos() / cost.as_nanos().max(1);
        // The cost is rounded down, so that more may seem left than the quota.
        Standing { policy, left: u32::try_from(left).unwrap_or(u32::MAX), wait: missing, refused: false }
    }

    /// Takes so many at once, if there are as many.
    pub(crate) fn take_all(&self, caller: &K, count: usize, now: Instant) -> Result<(), Standing>
    where
        K: Clone,
    {
        for taken in 0..count {
            let standing = self.take(caller.clone(), now);
            if standing.refused {
                (0..taken).for_each(|_| self.give_back(caller));
                return Err(standing);
            }
        }
        Ok(())
    }

    /// Counts so many that turned out to count, also where the bucket has not as many any more: then it fills up later.
    pub(crate) fn owe(&self, caller: K, count: usize, now: Instant) {
        let cost = self.policy.cost() * u32::try_from(count).unwrap_or(u32::MAX);
        let mut buckets = self.lock();
        buckets.forget_full(now);
        let full_at = buckets.full_at.entry(caller).or_insert(now);
        *full_at = (*full_at).max(now) + cost;
    }

    /// Puts one back that should not have counted.
    pub fn give_back(&self, caller: &K) {
        let cost = self.policy.cost();
        if let Some(full_at) = self.lock().full_at.get_mut(caller) {
            // A moment before the machine started is full as well.
            *full_at = full_at.checked_sub(cost).unwrap_or(*full_at);
        }
    }
}

impl<K> Buckets<K> {
    /// A full bucket holds no information. The others are at most as many as the requests of one window.
    fn forget_full(&mut self, now: Instant) {
        if self.full_at.len() < self.look_at.max(CALLERS_KEPT) {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        self.look_at = 2 * self.full_at.len();
    }
}

impl Standing {
    /// # Errors
    /// 429 `too_many_requests`: the bucket was empty.
    pub fn check(&self) -> Result<(), Problem> {
        if !self.refused {
            return Ok(());
        }
        let Policy { quota, window, .. } = self.policy;
        let detail = format!("at most {quota} in {} seconds; see Retry-After", window.as_secs());
        let mut problem = Problem::saying(Code::TooManyRequests, detail);
        problem.rate = Some(*self);
        Err(problem)
    }

    /// Seconds, rounded up, until a retry is worthwhile.
    pub(crate) fn seconds(&self) -> u64 {
        let whole = self.wait.as_secs();
        if self.wait.subsec_nanos() > 0 { whole + 1 } else { whole }
    }

    /// Adds the caller's standing to an answer's fields.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Policy { name, quota, window } = self.policy;
        let policy = format!("\"{name}\";q={quota};w={}", window.as_secs());
        let standing = format!("\"{name}\";r={};t={}", self.left, self.seconds());
        for (name, value) in [(POLICY, policy), (STANDING, standing)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::member::MemberId;
    use proptest::prelude::*;

    use super::*;

    const ONE: By = By::Member(MemberId([1; 16]));
    const TWO: By = By::Member(MemberId([2; 16]));

    fn policy(quota: u32, seconds: u64) -> Policy {
        Policy { name: "p", quota, window: Duration::from_secs(seconds) }
    }

    fn told(standing: Standing) -> (String, u64, u16) {
        let mut headers = HeaderMap::new();
        standing.tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"p\";q=3;w=6");
        let status = standing.check().map_or_else(|problem| problem.status(), |()| 200);
        (headers["ratelimit"].to_str().unwrap().to_owned(), standing.seconds(), status)
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let (rates, start) = (Rates::new(policy(3, 6)), Instant::now());
        let table = [
            (0, ONE, "\"p\";r=2;t=2", 2, 200),
            (0, ONE, "\"p\";r=1;t=4", 4, 200),
            (0, ONE, "\"p\";r=0;t=6", 6, 200),
            (0, ONE, "\"p\";r=0;t=2", 2, 429),
            (0, TWO, "\"p\";r=2;t=2", 2, 200),
            (1_999, ONE, "\"p\";r=0;t=1", 1, 429),
            (2_000, ONE, "\"p\";r=0;t=6", 6, 200),
            (2_000, ONE, "\"p\";r=0;t=2", 2, 429),
            (60_000, ONE, "\"p\";r=2;t=2", 2, 200),
        ];
        for (millis, caller, want, seconds, status) in table {
            let standing = rates.take(caller, start + Duration::from_millis(millis));
            assert_eq!(told(standing), (want.to_owned(), seconds, status), "after {millis} ms");
        }
    }

    #[test]
    fn what_is_given_back_does_not_count() {
        let (rates, now) = (Rates::new(policy(3, 6)), Instant::now());
        for _ in 0..10 {
            rates.take(ONE, now).check().unwrap();
            rates.give_back(&ONE);
        }
        let left = (0..5).map(|_| rates.take(ONE, now).check().is_ok());
        assert_eq!(left.collect::<Vec<_>>(), [true, true, true, false, false]);
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let (rates, start) = (Rates::new(policy(3, 6)), Instant::now());
        for number in 0..10_000u32 {
            let mut caller = [0; 16];
            caller[..4].copy_from_slice(&number.to_be_bytes());
            // One every second: each is full again after two.
            rates
                .take(By::Member(MemberId(caller)), start + Duration::from_secs(number.into()))
                .check()
                .unwrap();
        }
        assert!(rates.lock().full_at.len() <= CALLERS_KEPT, "{}", rates.lock().full_at.len());
    }

    proptest! {
        /// Compared with the simple model: tokens that come back one after the other.
        #[test]
        fn it_is_a_token_bucket(quota in 1..9u32, seconds in 1..9u64, steps in prop::collection::vec(0..4_000u64, 1..60)) {
            let (rates, start) = (Rates::new(policy(quota, seconds)), Instant::now());
            let cost = u128::from(seconds) * 1_000_000_000 / u128::from(quota);
            let full = u128::from(seconds) * 1_000_000_000;
            let (mut level, mut at) = (full, 0u64);
            for step in steps {
                at += step;
                level = full.min(level + u128::from(step) * 1_000_000);
                let allowed = level >= cost;
                let standing = rates.take(ONE, start + Duration::from_millis(at));
                prop_assert_eq!(standing.check().is_ok(), allowed);
                if allowed {
                    level -= cost;
                    prop_assert_eq!(u128::from(standing.left), level / cost);
                } else {
                    prop_assert_eq!(standing.wait.as_nanos(), cost - level);
                }
            }
        }
    }
}
