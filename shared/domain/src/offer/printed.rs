//! Printed codes 券码: which offer's, of which batch, and which of that (rewards.md, 6). What is printed says that in a form
//! that nobody can read or make but the edge.

use crate::id::GrantId;

/// The most batches of printed codes of one offer.
pub const BATCHES_MAX: u32 = 1_000;

/// The most codes of one batch.
pub const CODES_MAX: u32 = 100_000;

/// How many bits of a code say nothing: they are 0, so that one that was made up is none, but for one in four million.
const SPARE_BITS: u32 = 22;
/// How many bits say which of its batch a code is.
const INDEX_BITS: u32 = 17;
/// How many bits say which batch of its offer's it is of.
const BATCH_BITS: u32 = 20;

/// How many bits a code has: those of its 15 symbols before the check symbol.
pub const CODE_BITS: u32 = 16 + BATCH_BITS + INDEX_BITS + SPARE_BITS;

/// Behind the number of a code, in the place of a window and a number within it: no window has that number.
const OF_CODES: [u8; 4] = [0xff, 0xff, 0xff, 0];

/// A printed code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Printed {
    /// The offer's number.
    pub offer: u16,
    /// The batch's number among the offer's, from 0, below [`BATCHES_MAX`].
    pub batch: u32,
    /// Its number within the batch, from 0, below [`CODES_MAX`].
    pub index: u32,
}

impl Printed {
    /// Its bits, before they are made unreadable: [`CODE_BITS`] of them.
    pub fn bits(self) -> u128 {
        let serial = (u128::from(self.batch) << INDEX_BITS) | u128::from(self.index);
        ((u128::from(self.offer) << (BATCH_BITS + INDEX_BITS)) | serial) << SPARE_BITS
    }

    /// The code of these bits; `None` if they are no code's.
    pub fn of_bits(bits: u128) -> Option<Printed> {
        let low = |bits: u128, count: u32| u32::try_from(bits & ((1 << count) - 1)).unwrap_or(u32::MAX);
        let serial = bits >> SPARE_BITS;
        let code = Printed {
            offer: u16::try_from(serial >> (BATCH_BITS + INDEX_BITS)).ok()?,
            batch: low(serial >> INDEX_BITS, BATCH_BITS),
            index: low(serial, INDEX_BITS),
        };
        (code.batch < BATCHES_MAX && code.index < CODES_MAX && code.bits() == bits).then_some(code)
    }

    /// What it is known by where a use says which grants it took: the id of no grant, and of no window.
    pub fn id(self) -> GrantId {
        let mut id = [0; 16];
        id[2..6].copy_from_slice(&self.batch.to_be_bytes());
        id[6..10].copy_from_slice(&self.index.to_be_bytes());
        id[10..12].copy_from_slice(&self.offer.to_be_bytes());
        id[12..].copy_from_slice(&OF_CODES);
        GrantId(id)
    }

    /// The code that is known by that; `None` if it is a grant's or a window's.
    pub fn of_id(id: GrantId) -> Option<Printed> {
        let [_, _, b, c, d, e, f, g, h, i, j, k, rest @ ..] = id.0;
        (rest == OF_CODES).then(|| Printed {
            offer: u16::from_be_bytes([j, k]),
            batch: u32::from_be_bytes([b, c, d, e]),
            index: u32::from_be_bytes([f, g, h, i]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_from_its_bits_and_its_id() {
        for offer in [0, 1, 2_000, u16::MAX] {
            for batch in [0, 1, BATCHES_MAX - 1] {
                for index in [0, 1, CODES_MAX - 1] {
                    let code = Printed { offer, batch, index };
                    assert!(code.bits() < 1 << CODE_BITS);
                    assert_eq!(
                        (Printed::of_bits(code.bits()), Printed::of_id(code.id())),
                        (Some(code), Some(code))
                    );
                }
            }
        }
        let code = Printed { offer: 7, batch: 3, index: 9 };
        for bit in 0..SPARE_BITS {
            assert_eq!(Printed::of_bits(code.bits() | 1 << bit), None, "bit {bit}");
        }
        for wrong in [Printed { batch: BATCHES_MAX, ..code }, Printed { index: CODES_MAX, ..code }] {
            assert_eq!(Printed::of_bits(wrong.bits()), None, "{wrong:?}");
        }
        assert_eq!(CODE_BITS, 75);
        assert_eq!(Printed::of_id(GrantId([7; 16])), None);
    }
}
