//! Exact fractions.

use num_bigint::{BigInt, Sign};

/// A fraction of whole numbers; the denominator is above zero.
#[derive(Clone, Debug)]
pub(super) struct Fraction {
    above: BigInt,
    below: BigInt,
}

impl Fraction {
    pub(super) fn nought() -> Fraction {
        Fraction { above: BigInt::ZERO, below: BigInt::from(1) }
    }

    /// A plain decimal, such as `-12.3450`.
    pub(super) fn parse(text: &str) -> Option<Fraction> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = !whole.is_empty() && whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
        let above = BigInt::parse_bytes(format!("{whole}{part}").as_bytes(), 10).filter(|_| plain)?;
        let places = u32::try_from(part.len()).ok()?;
        Some(Fraction { above: above * sign, below: BigInt::from(10).pow(places) })
    }

    pub(super) fn times(&self, points: i64) -> Fraction {
        Fraction { above: &self.above * points, below: self.below.clone() }
    }

    pub(super) fn scaled(&self, by: &Fraction) -> Fraction {
        Fraction { above: &self.above * &by.above, below: &self.below * &by.below }
    }

    pub(super) fn add(&mut self, other: &Fraction) {
        if self.below == other.below {
            self.above += &other.above;
        } else {
            self.above = &self.above * &other.below + &other.above * &self.below;
            self.below *= &other.below;
        }
    }

    pub(super) fn is_nought(&self) -> bool {
        self.above.sign() == Sign::NoSign
    }

    pub(super) fn is_below_nought(&self) -> bool {
        self.above.sign() == Sign::Minus
    }

    pub(super) fn equals(&self, other: &Fraction) -> bool {
        &self.above * &other.below == &other.above * &self.below
    }

    /// Rounded to that many digits after the point, to the nearest, a half to an even last digit.
    pub(super) fn rounded(&self, digits: u32) -> Fraction {
        let unit = BigInt::from(10).pow(digits);
        let size = BigInt::from(self.above.magnitude().clone()) * &unit;
        let (mut last, left) = (&size / &self.below, &size % &self.below);
        let twice: BigInt = left * 2;
        let odd = (&last % 2u8).sign() == Sign::Plus;
        if twice > self.below || (twice == self.below && odd) {
            last += 1;
        }
        let negative = self.above.sign() == Sign::Minus;
        Fraction { above: if negative { -last } else { last }, below: unit }
    }

    /// With that many digits after the point; further digits are cut off.
    pub(super) fn show(&self, digits: u32) -> String {
        let sign = if self.above.sign() == Sign::Minus { "-" } else { "" };
        let size = BigInt::from(self.above.magnitude().clone());
        let scaled = (size * BigInt::from(10).pow(digits) / &self.below).to_string();
        let width = digits as usize;
        let padded = format!("{scaled:0>least$}", least = width + 1);
        let (whole, part) = padded.split_at(padded.len() - width);
        if width == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions() {
        let read = |text| Fraction::parse(text).unwrap();
        for (value, digits, want) in [
            ("0.005", 2, "0.00"),
            ("0.0050001", 2, "0.01"),
            ("0.015", 2, "0.02"),
            ("-0.005", 2, "0.00"),
            ("-0.015", 2, "-0.02"),
            ("-0.025", 2, "-0.02"),
            ("2.5", 0, "2"),
            ("3.5", 0, "4"),
            ("-12.3", 2, "-12.30"),
            ("999999999999999999999.995", 2, "1000000000000000000000.00"),
        ] {
            assert_eq!(read(value).rounded(digits).show(digits), want, "{value}");
        }
        let mut sum = read("0.1").times(3);
        sum.add(&read("0.0075").times(-40));
        assert!(sum.is_nought() && sum.equals(&Fraction::nought()));
        assert!(read("-12.5").scaled(&read("0.333333")).equals(&read("-4.1666625")));
        assert!(read("-0.01").is_below_nought() && !read("-0.00").is_below_nought());
        for bad in ["", ".", "-", "1e3", "+1", "1,5", ".5", "--1", "１"] {
            assert!(Fraction::parse(bad).is_none(), "{bad}");
        }
    }
}
