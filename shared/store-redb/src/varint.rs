//! Whole numbers in as few bytes as they need (LEB128), as lengths and versions are written.
//!
//! Never reads past the slice it is given and never takes a number of more than 64 bits.

/// The most bytes a number takes.
pub(crate) const BYTES_MAX: usize = 10;

/// How many bytes `number` takes.
pub(crate) fn bytes(number: u64) -> usize {
    let bits = 64 - (number | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Writes `number` at the start of `out`, which must be long enough, and returns how many bytes it took.
pub(crate) fn write(mut number: u64, out: &mut [u8]) -> usize {
    let mut at = 0;
    while number >= 0x80 {
        out[at] = (number as u8) | 0x80;
        number >>= 7;
        at += 1;
    }
    out[at] = number as u8;
    at + 1
}

/// Appends `number` to `out`.
pub(crate) fn push(number: u64, out: &mut Vec<u8>) {
    let mut buffer = [0; BYTES_MAX];
    let length = write(number, &mut buffer);
    out.extend_from_slice(&buffer[..length]);
}

/// The number at the start of `bytes` and how many bytes it took; `None` when there is none.
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        let part = u64::from(byte & 0x7f);
        if at == BYTES_MAX - 1 && part > 1 {
            return None;
        }
        number |= part << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let near_powers = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1]
        });
        for number in near_powers.chain([u64::MAX]) {
            let mut out = Vec::new();
            push(number, &mut out);
            assert_eq!(out.len(), bytes(number), "{number}");
            assert_eq!(read(&out), Some((number, out.len())));
            assert_eq!(read(&out[..out.len() - 1]), None);
        }
        assert_eq!(read(&[0xff; 11]), None);
    }
}
