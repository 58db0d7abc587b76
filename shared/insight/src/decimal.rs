//! How figures are written: decimal texts, rounded half to even, from the number exactly as it is.
//!
//! An `f64` is a whole number times a power of two, so it is rounded in whole numbers: no digit depends on how a
//! machine prints floats. There is no exponent and no negative zero.

/// The places of rates, chances and expected counts.
pub const PLACES: u32 = 4;

/// The significant digits of a model's parameters.
pub const DIGITS: usize = 12;

/// Bits of the fraction of an `f64`, and what is added to its exponent.
const FRACTION_BITS: u32 = 52;
const BIAS: i32 = 1_075;

/// The number with 4 places, half to even: `0.0532`. `None` of what is not finite, or from 2^80 on.
pub fn places(number: f64) -> Option<String> {
    Some(text(scaled(number, PLACES)?, PLACES))
}

/// The quotient of two whole numbers with 4 places, half to even of the exact one. `None` without something to divide
/// by, or beyond what 128 bits hold.
pub fn ratio(number: i128, of: i128) -> Option<String> {
    let (number, of) = if of < 0 { (number.checked_neg()?, of.checked_neg()?) } else { (number, of) };
    Some(text(divided(number.checked_mul(10i128.pow(PLACES))?, of)?, PLACES))
}

/// The number as a whole one, half to even: an expected amount in minor units. `None` of what is not finite or does
/// not fit.
pub fn whole(number: f64) -> Option<i64> {
    i64::try_from(scaled(number, 0)?).ok()
}

/// The whole number nearest to `number ÷ of`, half to even; `None` unless `of` is above 0.
pub fn divided(number: i128, of: i128) -> Option<i128> {
    if of <= 0 {
        return None;
    }
    let (quotient, rest) = (number.div_euclid(of), number.rem_euclid(of));
    let up = match rest.cmp(&(of - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    quotient.checked_add(i128::from(up))
}

/// The number with 12 significant digits, half to even and without an exponent: `0.242594524011`. `None` of what is not
/// finite.
pub fn digits(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    // Rust's own formatting is in whole numbers, exact, and half to even.
    let written = format!("{:.*e}", DIGITS - 1, number.abs());
    let (mantissa, exponent) = written.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let figures: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let sign = if number < 0.0 { "-" } else { "" };
    let before = usize::try_from(exponent + 1).unwrap_or(0);
    let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
    Some(match before {
        0 => format!("{sign}0.{}{figures}", "0".repeat(zeros)),
        before if before < DIGITS => format!("{sign}{}.{}", &figures[..before], &figures[before..]),
        before => format!("{sign}{figures}{}", "0".repeat(before - DIGITS)),
    })
}

/// The number times 10^places, half to even.
fn scaled(number: f64, places: u32) -> Option<i128> {
    if !number.is_finite() {
        return None;
    }
    let bits = number.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let exponent = i32::try_from((bits >> FRACTION_BITS) & 0x7ff).ok()?;
    // Numbers next to 0 have no leading bit of 1.
    let mantissa = if exponent == 0 { fraction } else { fraction | (1 << FRACTION_BITS) };
    let power = exponent.max(1) - BIAS;
    let product = i128::from(mantissa) * 10i128.pow(places);
    let size = match u32::try_from(power) {
        // 2^80 with 4 places has 94 bits.
        Ok(power) => (power <= 27).then(|| product << power)?,
        Err(_) => match u32::try_from(-power) {
            Ok(shift) if shift < 127 => divided(product, 1 << shift)?,
            // Far below half of the last place.
            _ => 0,
        },
    };
    Some(if number.is_sign_negative() { -size } else { size })
}

/// A whole number with a point before its last places.
fn text(number: i128, places: u32) -> String {
    let width = places as usize + 1;
    let figures = format!("{:0>width$}", number.unsigned_abs());
    let (before, after) = figures.split_at(figures.len() - places as usize);
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{before}.{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_places_half_to_even() {
        for (number, expected) in [
            (0.0, "0.0000"),
            (-0.0, "0.0000"),
            (1.0, "1.0000"),
            // Exact halves of the last place: 1 ÷ 32 is 0.03125.
            (0.03125, "0.0312"),
            (0.09375, "0.0938"),
            (-0.03125, "-0.0312"),
            (-0.09375, "-0.0938"),
            // Not halves: the float is a little below and a little above.
            (0.00005, "0.0001"),
            (0.00015, "0.0001"),
            (1.226_028_174_767_144_4, "1.2260"),
            (-0.161_125, "-0.1611"),
            (-0.000_01, "0.0000"),
            (f64::MIN_POSITIVE, "0.0000"),
            (5e-324, "0.0000"),
            (9_007_199_254_740_992.0, "9007199254740992.0000"),
            ((1u128 << 79) as f64, "604462909807314587353088.0000"),
        ] {
            assert_eq!(places(number).as_deref(), Some(expected), "{number:e}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e25] {
            assert_eq!(places(number), None);
        }
    }

    /// Rust's own formatting is an independent reader of the same bits.
    #[test]
    fn places_are_those_of_the_standard_library() {
        let mut state = 7u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = f64::from_bits((state >> 2) | (1 << 61)) % 1e6;
            let expected = format!("{number:.4}");
            assert_eq!(places(number), Some(expected), "{number:e}");
        }
    }

    #[test]
    fn a_ratio_is_of_the_exact_quotient() {
        for (number, of, expected) in [
            (1, 3, Some("0.3333")),
            (2, 3, Some("0.6667")),
            (-2, 3, Some("-0.6667")),
            (2, -3, Some("-0.6667")),
            (1, 32, Some("0.0312")),
            (3, 32, Some("0.0938")),
            (1, 20_000, Some("0.0000")),
            (3, 20_000, Some("0.0002")),
            (684, 23_570, Some("0.0290")),
            (0, 5, Some("0.0000")),
            (5, 0, None),
            (0, 0, None),
            (i128::MAX, 1, None),
            (1, i128::MIN, None),
        ] {
            assert_eq!(ratio(number, of).as_deref(), expected, "{number} ÷ {of}");
        }
    }

    #[test]
    fn whole_numbers_half_to_even() {
        for (number, expected) in [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (-0.5, 0),
            (-1.5, -2),
            (2.500_000_1, 3),
            (38.53, 39),
            (9e15, 9_000_000_000_000_000),
        ] {
            assert_eq!(whole(number), Some(expected), "{number}");
        }
        assert_eq!([whole(f64::NAN), whole(1e19), whole(-1e19)], [None; 3]);
        assert_eq!(divided(i128::MAX, i128::MAX), Some(1));
        assert_eq!(divided(i128::MIN, i128::MAX), Some(-1));
        assert_eq!(divided(1, 0), None);
    }

    #[test]
    fn twelve_digits() {
        for (number, expected) in [
            (0.242_594_524_010_677, "0.242594524011"),
            (30.895_213_970_104_457, "30.8952139701"),
            (-14_363.530_442_902_837, "-14363.5304429"),
            (0.0, "0.00000000000"),
            (1e-3, "0.00100000000000"),
            (1.0, "1.00000000000"),
            (99_999_999_999.5, "99999999999.5"),
            (999_999_999_999.5, "1000000000000"),
            (123_456_789_012.0, "123456789012"),
            (1e15, "1000000000000000"),
            // An exact half of the twelfth digit.
            (1_234_567_890.125, "1234567890.12"),
            (1_234_567_890.375, "1234567890.38"),
        ] {
            assert_eq!(digits(number).as_deref(), Some(expected), "{number:e}");
        }
        assert_eq!([digits(f64::NAN), digits(f64::INFINITY)], [None, None]);
    }
}
