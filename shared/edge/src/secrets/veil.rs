//! Ids that say something, shown in a form that says nothing: a permutation of 16 bytes under a key.
//!
//! A Feistel network of eight rounds with HMAC-SHA-256 (Luby and Rackoff 1988; four rounds are enough against whoever asks
//! in both directions, with room to spare). It is its own inverse with the rounds in the other order, and two ids are never
//! shown as one.

use super::derive;

const ROUNDS: u8 = 8;

/// As it is shown.
pub(super) fn veil(key: &[u8], bytes: [u8; 16]) -> [u8; 16] {
    let (mut left, mut right) = halves(bytes);
    for round in 0..ROUNDS {
        (left, right) = (right, mixed(key, round, left, right));
    }
    joined(left, right)
}

/// What is shown as that.
pub(super) fn unveil(key: &[u8], bytes: [u8; 16]) -> [u8; 16] {
    let (mut left, mut right) = halves(bytes);
    for round in (0..ROUNDS).rev() {
        (left, right) = (mixed(key, round, right, left), left);
    }
    joined(left, right)
}

/// The half with what follows from the other one mixed in.
fn mixed(key: &[u8], round: u8, half: [u8; 8], other: [u8; 8]) -> [u8; 8] {
    let mut text = [round; 9];
    text[..8].copy_from_slice(&other);
    let hash = derive(key, &text);
    let mut mixed = half;
    for (byte, more) in mixed.iter_mut().zip(hash) {
        *byte ^= more;
    }
    mixed
}

fn halves(bytes: [u8; 16]) -> ([u8; 8], [u8; 8]) {
    let (mut left, mut right) = ([0; 8], [0; 8]);
    left.copy_from_slice(&bytes[..8]);
    right.copy_from_slice(&bytes[8..]);
    (left, right)
}

fn joined(left: [u8; 8], right: [u8; 8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&left);
    bytes[8..].copy_from_slice(&right);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forth and back it is the same, under each key another, and what differs in one bit looks like anything else.
    #[test]
    fn what_is_shown_is_read_and_says_nothing() {
        for byte in 0..=255u8 {
            let mut bytes = [byte; 16];
            bytes[3] = 7;
            let shown = veil(b"key", bytes);
            assert_eq!(unveil(b"key", shown), bytes);
            assert_ne!(veil(b"other", bytes), shown);
            bytes[15] ^= 1;
            let next = veil(b"key", bytes);
            let same = shown.iter().zip(next).filter(|(one, other)| **one == *other).count();
            assert!(same < 6, "{same} bytes are the same");
        }
    }
}
