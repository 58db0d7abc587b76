//! Power cuts, failing disks and killed processes, simulated. For tests only.
//!
//! [`disk`] is a disk that forgets what was not made durable; [`world`] drives the writer and the
//! drainer on it, one step at a time, beside a model of what was promised; [`tests`] are the runs.
//! Everything but the runs with threads is decided by a seed, so a failure can be run again.

mod disk;
mod tests;
mod world;

/// SplitMix64: all chance of a run comes from its seed.
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
