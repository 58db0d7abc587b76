//! Codes 券码: what typed ones are compared by, and their check symbol (rewards.md, 6).

/// The symbols of Crockford's base 32, by their values 0 to 31.
pub const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many symbols a printed code has, its check symbol included.
pub const CODE_SYMBOLS: usize = 16;

/// What typed codes and words are compared by: capital letters and digits, I and L as 1, O as 0, U as V, without blanks
/// and hyphens. Any other character stays as it is, and is in no code.
pub fn fold(typed: &str) -> String {
    let told = typed.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
    told.map(|letter| match letter.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        'U' => 'V',
        other => other,
    })
    .collect()
}

/// The value of a symbol of a folded code.
pub fn value(symbol: u8) -> Option<u8> {
    let place = SYMBOLS.iter().position(|own| *own == symbol)?;
    u8::try_from(place).ok()
}

/// The value of the check symbol after symbols of those values, each below 32: from 0, for each in order
/// c = x·(c + s) over GF(32), the polynomials over GF(2) modulo x⁵ + x² + 1, bits as coefficients. It differs if one symbol is another, and if
/// two different neighbours change places.
pub fn check(values: &[u8]) -> u8 {
    values.iter().fold(0, |check, value| times_x(check ^ (value & 31)))
}

/// A polynomial below x⁵, times x.
fn times_x(value: u8) -> u8 {
    let shifted = value << 1;
    // x⁵ is x² + 1.
    if shifted & 32 == 0 { shifted } else { (shifted & 31) ^ 5 }
}

/// The values of a folded code of so many symbols, without its check symbol; `None` if it is no such code, or was
/// mistyped.
pub fn read<const BEFORE: usize>(folded: &str) -> Option<[u8; BEFORE]> {
    let (last, before) = folded.as_bytes().split_last()?;
    let before: &[u8; BEFORE] = before.try_into().ok()?;
    let mut values = [0; BEFORE];
    for (to, symbol) in values.iter_mut().zip(before) {
        *to = value(*symbol)?;
    }
    (value(*last)? == check(&values)).then_some(values)
}

/// The code of symbols of those values, each below 32, with its check symbol behind them, in groups of four.
pub fn show(values: &[u8]) -> String {
    let all = values.iter().copied().chain([check(values)]);
    let mut shown = String::with_capacity(values.len() * 5 / 4 + 2);
    for (index, value) in all.enumerate() {
        if index > 0 && index % 4 == 0 {
            shown.push('-');
        }
        shown.push(char::from(SYMBOLS[usize::from(value & 31)]));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<u8> {
        fold(text).bytes().map(|symbol| value(symbol).unwrap()).collect()
    }

    #[test]
    fn the_example_ends_in_c() {
        let code = values("7K2P-9Q4M-X0VD-3ET");
        assert_eq!(SYMBOLS[usize::from(check(&code))], b'C');
        assert_eq!(show(&code), "7K2P-9Q4M-X0VD-3ETC");
        assert_eq!(read::<15>(&fold("7K2P-9Q4M-X0VD-3ETC")).map(Vec::from), Some(code));
    }

    /// Case, blanks and hyphens are forgiven, and letters that look like others.
    #[test]
    fn codes_are_read_as_people_type_them() {
        for typed in
            ["7k2p 9q4m xovd 3etc", "7K2P9Q4MX0VD3ETC", " 7K2P-9Q4M-X0UD-3ETC ", "7K2P\u{3000}9Q4M X-0VD3ETC"]
        {
            assert!(read::<15>(&fold(typed)).is_some(), "{typed}");
        }
        for (typed, folded) in [("SpringLo20", "SPR1NG1020"), ("-i l-", "11"), ("ü", "ü"), ("", "")] {
            assert_eq!(fold(typed), folded);
        }
        for wrong in ["", "C", "7K2P-9Q4M-X0VD-3ET", "7K2P-9Q4M-X0VD-3ETCC", "7K2P-9Q4M-X0VD-3E*C", "双十一"]
        {
            assert_eq!(read::<15>(&fold(wrong)), None, "{wrong}");
        }
    }

    /// Every symbol of some codes as every other, and every two neighbours in each other's place.
    #[test]
    fn a_single_error_and_a_swap_are_caught() {
        let mut seed = 7u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as u8 & 31
        };
        let (mut errors, mut swaps) = (0, 0);
        for _ in 0..300 {
            let mut code: Vec<u8> = (0..15).map(|_| next()).collect();
            code.push(check(&code));
            let is_right = |code: &[u8]| check(&code[..15]) == code[15];
            assert!(is_right(&code));
            for place in 0..16 {
                for other in (0..32).filter(|other| *other != code[place]) {
                    let mut wrong = code.clone();
                    wrong[place] = other;
                    assert!(!is_right(&wrong), "{code:?} as {wrong:?}");
                    errors += 1;
                }
                if place < 15 && code[place] != code[place + 1] {
                    let mut wrong = code.clone();
                    wrong.swap(place, place + 1);
                    assert!(!is_right(&wrong), "{code:?} as {wrong:?}");
                    swaps += 1;
                }
            }
        }
        assert!(errors == 300 * 16 * 31 && swaps > 4_000, "{errors} {swaps}");
    }

    /// What it says does not depend on the code, for it is linear: so every error and every swap there is.
    #[test]
    fn every_single_error_and_every_swap_there_is_is_caught() {
        for place in 0..15 {
            for error in 1..32u8 {
                let mut alone = [0; 15];
                alone[place] = error;
                assert_ne!(check(&alone), 0, "{error} at {place}");
                if place < 14 {
                    alone[place + 1] = error;
                    assert_ne!(check(&alone), 0, "a swap at {place}");
                } else {
                    // Of the last and the check symbol.
                    assert_ne!(check(&alone), error, "a swap at {place}");
                }
            }
        }
    }
}
