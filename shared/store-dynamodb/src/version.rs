//! What the store generates itself: versions, request tokens and waiting times.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use engine::store::Version;

/// The lower bits of a version are random, so that no two commits have the same one even if machines agree on
/// the moment; the rest is the time in units of 64 µs since 1970, to the year 2112.
const CHANCE_BITS: u32 = 18;

/// The unit of time of a version: 2 to this power microseconds.
const UNIT_BITS: u32 = 6;

/// Makes the versions of a store's commits.
///
/// A version is later than every one that the commit expects or was shown, whatever the machines' clocks say,
/// so it grows with every write of a record; and because it is made of the time and random bits, it does not
/// come back when a record is deleted and created again.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    last_tick: AtomicU64,
}

impl Versions {
    /// A version later than the last one of this store and later than that.
    pub(crate) fn after(&self, floor: Option<Version>) -> Version {
        let above = floor.map_or(0, |Version(floor)| (floor >> CHANCE_BITS) + 1);
        let earliest = now_ticks().max(above);
        let mut tick = earliest;
        // Two commits of one store within one unit take units one after the other.
        let _ = self.last_tick.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
            tick = earliest.max(last + 1);
            Some(tick)
        });
        Version((tick << CHANCE_BITS) | (random() >> (u64::BITS - CHANCE_BITS)))
    }
}

/// When a commit of that version was made, in milliseconds since 1970, by the clock of whoever made it, or a little
/// later.
pub(crate) fn made_at(Version(version): Version) -> i64 {
    let millis = ((version >> CHANCE_BITS) << UNIT_BITS) / 1_000;
    i64::try_from(millis).unwrap_or(i64::MAX)
}

fn now_ticks() -> u64 {
    u64::try_from(now().as_micros()).unwrap_or(0) >> UNIT_BITS
}

/// Milliseconds since 1970.
#[cfg(feature = "stream")]
pub(crate) fn now_millis() -> i64 {
    i64::try_from(now().as_millis()).unwrap_or(0)
}

fn now() -> Duration {
    // Not the engine's `now`: it decides nothing, it only makes versions grow, and tells a stream's new records from
    // its old ones.
    #[allow(clippy::disallowed_methods)]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// 64 random bits. If the machine has none to give, those that the maps' hashing got earlier.
pub(crate) fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().build_hasher().finish())
}

/// A name for one request, by which DynamoDB recognises it when it comes again.
pub(crate) fn token() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// Any duration from nothing to that one ("full jitter").
pub(crate) fn up_to(longest: Duration) -> Duration {
    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random().checked_rem(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_grow_whatever_the_clock_says() {
        let versions = Versions::default();
        let mut last = versions.after(None);
        for round in 0..10_000_u64 {
            // Now and then one from a machine whose clock is an hour ahead.
            let floor = (round % 100 == 0).then(|| Version(last.0 + (3_600_000_000 << (18 - 6))));
            let next = versions.after(floor);
            assert!(next > last && floor.is_none_or(|floor| next > floor), "{next:?} after {last:?}");
            last = next;
        }
    }

    #[test]
    fn a_version_says_when_it_was_made() {
        let millis = || i64::try_from(now().as_millis()).unwrap();
        let before = millis();
        let made = made_at(Versions::default().after(None));
        assert!((before - 1..=millis()).contains(&made), "{made} from {before}");
    }

    #[test]
    fn two_machines_that_expect_the_same_version_make_different_ones() {
        let ahead = Some(Version(u64::MAX >> 1));
        let made = [(); 8].map(|()| Versions::default().after(ahead));
        assert!(made.iter().any(|version| *version != made[0]), "{made:?}");
    }
}
