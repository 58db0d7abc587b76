//! Printed codes as they are shown: what a code says, under a permutation of its 75 bits that only the keys undo.
//!
//! A Feistel network over halves of 38 and 37 bits, of twelve rounds with HMAC-SHA-256. It is a permutation, so no two codes
//! are shown as one; and of what somebody makes up one in four million is a code at all.

use domain::offer::{
    code::{self, fold},
    printed::{CODE_BITS, Printed},
};

use super::{Secrets, derive};

const ROUNDS: u8 = 12;

/// The symbols before the check symbol, of 5 bits each.
const SYMBOLS: usize = 15;

/// The bits of the right half; the left one has one more.
const RIGHT_BITS: u32 = CODE_BITS / 2;
const RIGHT: u128 = (1 << RIGHT_BITS) - 1;
const LEFT: u128 = (1 << (CODE_BITS - RIGHT_BITS)) - 1;

/// The key of printed codes. It follows from the key of contents, which stays the same for ever, as what is printed does.
pub struct CodePrinter([u8; 32]);

impl Secrets {
    /// What prints codes, and reads them.
    pub fn printer(&self) -> CodePrinter {
        CodePrinter(derive(self.content_key(), b"printed codes"))
    }
}

impl CodePrinter {
    /// The code as it is printed, in groups of four symbols.
    pub fn print(&self, code: Printed) -> String {
        let mut bits = self.permuted(code.bits(), 0..ROUNDS);
        let mut values = [0; SYMBOLS];
        for value in values.iter_mut().rev() {
            *value = u8::try_from(bits & 31).unwrap_or(0);
            bits >>= 5;
        }
        code::show(&values)
    }

    /// The code that is typed so; `None` if it is mistyped, or none of ours.
    pub fn read(&self, typed: &str) -> Option<Printed> {
        let values: [u8; SYMBOLS] = code::read(&fold(typed))?;
        let bits = values.iter().fold(0, |bits, value| (bits << 5) | u128::from(*value));
        Printed::of_bits(self.permuted(bits, (0..ROUNDS).rev()))
    }

    /// The bits after those rounds, each of which mixes what follows from one half into the other: it undoes itself.
    fn permuted(&self, bits: u128, rounds: impl Iterator<Item = u8>) -> u128 {
        let (mut left, mut right) = (bits >> RIGHT_BITS, bits & RIGHT);
        for round in rounds {
            match round % 2 {
                0 => left ^= self.follows(round, right) & LEFT,
                _ => right ^= self.follows(round, left) & RIGHT,
            }
        }
        (left << RIGHT_BITS) | right
    }

    fn follows(&self, round: u8, half: u128) -> u128 {
        let mut text = [round; 17];
        text[..16].copy_from_slice(&half.to_be_bytes());
        let hash = derive(&self.0, &text);
        hash[..8].iter().fold(0, |all, byte| (all << 8) | u128::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_printed_is_read_and_says_nothing() {
        let (ours, others) = (CodePrinter([7; 32]), CodePrinter([8; 32]));
        let mut seen = BTreeSet::new();
        let mut firsts = BTreeSet::new();
        for index in 0..300 {
            let code = Printed { offer: 2, batch: 1, index };
            let shown = ours.print(code);
            assert_eq!((shown.len(), ours.read(&shown)), (19, Some(code)), "{shown}");
            assert_eq!(ours.read(&shown.to_lowercase().replace('-', " ")), Some(code));
            assert_eq!(others.read(&shown), None, "{shown}");
            firsts.insert(shown[..4].to_owned());
            assert!(seen.insert(shown));
        }
        assert!(firsts.len() > 290, "neighbours look alike: {}", firsts.len());
        for wrong in ["", "SPRING20", "7K2P-9Q4M-X0VD-3ETC", "7K2P-9Q4M-X0VD-3ETD"] {
            assert_eq!(ours.read(wrong), None, "{wrong}");
        }
    }
}
