//! Exact fractions: nothing is rounded before the one floor at the end.

use num_bigint::BigInt;
use std::cmp::Ordering;

/// A fraction in lowest terms with a bottom above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    top: BigInt,
    bottom: BigInt,
}

impl Exact {
    pub(crate) fn ratio(top: i64, bottom: i64) -> Exact {
        Exact { top: BigInt::from(top), bottom: BigInt::from(bottom) }.reduced()
    }

    pub(crate) fn whole(value: i64) -> Exact {
        Exact::ratio(value, 1)
    }

    pub(crate) fn zero() -> Exact {
        Exact::whole(0)
    }

    /// `"88.50"`; None where it is not digits, or digits, a point and digits.
    pub(crate) fn decimal(text: &str) -> Option<Exact> {
        let (before, after) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(before) || !digits(after) {
            return None;
        }
        let top = format!("{before}{after}").parse::<BigInt>().ok()?;
        let bottom = BigInt::from(10).pow(after.len() as u32);
        Some(Exact { top, bottom }.reduced())
    }

    fn reduced(self) -> Exact {
        let (mut a, mut b) = (self.top.clone(), self.bottom.clone());
        while b != BigInt::ZERO {
            let rest = &a % &b;
            a = b;
            b = rest;
        }
        let divisor = if a < BigInt::ZERO { -a } else { a };
        Exact { top: self.top / &divisor, bottom: self.bottom / divisor }
    }

    pub(crate) fn plus(&self, other: &Exact) -> Exact {
        Exact {
            top: &self.top * &other.bottom + &other.top * &self.bottom,
            bottom: &self.bottom * &other.bottom,
        }
        .reduced()
    }

    pub(crate) fn minus(&self, other: &Exact) -> Exact {
        self.plus(&other.times(&Exact::whole(-1)))
    }

    pub(crate) fn times(&self, other: &Exact) -> Exact {
        Exact { top: &self.top * &other.top, bottom: &self.bottom * &other.bottom }.reduced()
    }

    /// The whole number at or below a fraction that is not negative.
    pub(crate) fn floor(&self) -> i64 {
        assert!(self.top >= BigInt::ZERO, "only what is not negative is rounded");
        i64::try_from(&self.top / &self.bottom).expect("a figure within the limits")
    }

    /// The whole number at or above a fraction that is not negative.
    pub(crate) fn ceiling(&self) -> i64 {
        let floor = self.floor();
        floor + i64::from(*self != Exact::whole(floor))
    }

    /// As money with so many digits after the point; None where it has more.
    pub(crate) fn money(&self, minor: u32) -> Option<String> {
        let scale = 10_i64.pow(minor);
        let scaled = self.times(&Exact::whole(scale));
        let units = scaled.floor();
        if scaled != Exact::whole(units) {
            return None;
        }
        Some(match minor {
            0 => units.to_string(),
            _ => format!("{}.{:0width$}", units / scale, units % scale, width = minor as usize),
        })
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Exact) -> Ordering {
        (&self.top * &other.bottom).cmp(&(&other.top * &self.bottom))
    }
}
