//! Power cuts, failing disks and killed processes, simulated. For tests only, and for the zoo.
//!
//! `disk` is a disk that forgets what was not made durable; `world` drives the writer and the drainer on it,
//! one step at a time, beside a model of what was promised; `runs` and `tests` are the runs. A seed decides
//! everything except the runs with threads, so a failure can be reproduced.

// They are tests, wherever they are called from: they report a finding as a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg_attr(not(test), allow(dead_code))]

mod disk;
#[cfg(test)]
mod keeping;
mod runs;
#[cfg(test)]
mod tests;
mod world;

/// One disk that loses power again and again, with a store on it.
///
/// # Panics
/// Something acknowledged is lost, or the store holds anything other than what was promised.
#[cfg(feature = "simulation")]
pub fn power_cuts(seed: u64) {
    drop(runs::lives(seed, false));
}

/// A short run in which one call fails; how many calls there were before the end.
///
/// # Panics
/// As [`power_cuts`].
#[cfg(feature = "simulation")]
pub fn failing_call(fails: Option<u64>) -> u64 {
    runs::short_run(fails)
}

/// SplitMix64: all randomness of a run comes from its seed.
#[derive(Clone, Debug)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}
