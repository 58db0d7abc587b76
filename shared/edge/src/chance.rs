//! Randomness: the machine's, which nobody can guess, or a simulation's, which follows from its seed.

use std::sync::atomic::{AtomicU64, Ordering};

/// A source of chance.
#[derive(Debug)]
pub enum Chance {
    /// The machine's.
    Machine,
    /// Follows from a seed: for simulations, which must be reproducible.
    Seeded(AtomicU64),
}

impl Chance {
    /// What follows from that seed.
    pub fn seeded(seed: u64) -> Chance {
        Chance::Seeded(AtomicU64::new(seed))
    }

    /// Another source of the same kind.
    #[must_use]
    pub fn another(&self) -> Chance {
        match self {
            Chance::Machine => Chance::Machine,
            // A seed always has bytes.
            Chance::Seeded(_) => Chance::seeded(self.bytes().map_or(0, u64::from_le_bytes)),
        }
    }

    /// Some bytes.
    ///
    /// # Errors
    /// The machine has no source of randomness.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], getrandom::Error> {
        let state = match self {
            Chance::Machine => return crate::random(),
            Chance::Seeded(state) => state,
        };
        let mut bytes = [0; N];
        for part in bytes.chunks_mut(8) {
            // splitmix64
            let mut mixed = state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            part.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..part.len()]);
        }
        Ok(bytes)
    }
}
