//! Exact fractions: nothing is rounded before the one floor at the end.

use num_bigint::BigInt;
use std::cmp::Ordering;

/// A fraction with a bottom above zero. Nearly all fit in plain numbers; the others are big ones.
#[derive(Clone, Debug)]
pub(crate) enum Exact {
    Plain { top: i128, bottom: i128 },
    Big { top: BigInt, bottom: BigInt },
}

/// Plain numerators and denominators stay below this, so that products are rarely reduced.
const SMALL: i128 = 1 << 62;

impl Exact {
    pub(crate) fn ratio(top: i64, bottom: i64) -> Exact {
        Exact::Plain { top: top.into(), bottom: bottom.into() }
    }

    pub(crate) fn whole(value: i64) -> Exact {
        Exact::ratio(value, 1)
    }

    pub(crate) fn zero() -> Exact {
        Exact::whole(0)
    }

    pub(crate) fn is_zero(&self) -> bool {
        matches!(self, Exact::Plain { top: 0, .. })
    }

    /// `"88.50"`, or below zero `"-88.50"`; `None` as for [`Exact::decimal`].
    pub(crate) fn signed_decimal(text: &str) -> Option<Exact> {
        match text.strip_prefix('-') {
            Some(rest) => Exact::decimal(rest).map(|amount| Exact::zero().minus(&amount)),
            None => Exact::decimal(text),
        }
    }

    /// It, or zero if it is below.
    pub(crate) fn at_least_zero(self) -> Exact {
        if self < Exact::zero() { Exact::zero() } else { self }
    }

    /// One divided by a fraction above zero.
    pub(crate) fn inverse(&self) -> Exact {
        match self {
            Exact::Plain { top, bottom } => Exact::Plain { top: *bottom, bottom: *top },
            Exact::Big { top, bottom } => Exact::Big { top: bottom.clone(), bottom: top.clone() },
        }
    }

    /// `"88.50"`; `None` if it is not digits, or digits, a point and digits.
    pub(crate) fn decimal(text: &str) -> Option<Exact> {
        let (before, after) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(before) || !digits(after) || before.len() + after.len() > 36 {
            return None;
        }
        let add = |sum: i128, digit: u8| sum * 10 + i128::from(digit - b'0');
        let top = before.bytes().chain(after.bytes()).fold(0, add);
        Some(Exact::Plain { top, bottom: 10_i128.pow(after.len() as u32) }.reduced())
    }

    fn big(&self) -> (BigInt, BigInt) {
        match self {
            Exact::Plain { top, bottom } => (BigInt::from(*top), BigInt::from(*bottom)),
            Exact::Big { top, bottom } => (top.clone(), bottom.clone()),
        }
    }

    /// In lowest terms if worthwhile; plain if it fits.
    fn reduced(self) -> Exact {
        match self {
            Exact::Plain { top, bottom } if top.abs() < SMALL && bottom < SMALL => self,
            Exact::Plain { top, bottom } => {
                let (mut a, mut b) = (top.abs(), bottom);
                while b != 0 {
                    (a, b) = (b, a % b);
                }
                Exact::Plain { top: top / a, bottom: bottom / a }
            }
            Exact::Big { top, bottom } => {
                let (mut a, mut b) = (top.clone(), bottom.clone());
                while b != BigInt::ZERO {
                    let rest = &a % &b;
                    a = b;
                    b = rest;
                }
                let divisor = if a < BigInt::ZERO { -a } else { a };
                let (top, bottom) = (top / &divisor, bottom / divisor);
                match (i128::try_from(&top), i128::try_from(&bottom)) {
                    (Ok(top), Ok(bottom)) => Exact::Plain { top, bottom },
                    _ => Exact::Big { top, bottom },
                }
            }
        }
    }

    pub(crate) fn plus(&self, other: &Exact) -> Exact {
        if let (Exact::Plain { top: a, bottom: b }, Exact::Plain { top: c, bottom: d }) = (self, other) {
            if b == d && a.checked_add(*c).is_some() {
                return Exact::Plain { top: a + c, bottom: *b }.reduced();
            }
            let sum = a.checked_mul(*d).zip(c.checked_mul(*b)).and_then(|(one, two)| one.checked_add(two));
            if let Some((top, bottom)) = sum.zip(b.checked_mul(*d)) {
                return Exact::Plain { top, bottom }.reduced();
            }
        }
        let ((a, b), (c, d)) = (self.big(), other.big());
        Exact::Big { top: a * &d + c * &b, bottom: b * d }.reduced()
    }

    pub(crate) fn minus(&self, other: &Exact) -> Exact {
        self.plus(&other.times(&Exact::whole(-1)))
    }

    pub(crate) fn times(&self, other: &Exact) -> Exact {
        if let (Exact::Plain { top: a, bottom: b }, Exact::Plain { top: c, bottom: d }) = (self, other)
            && let Some((top, bottom)) = a.checked_mul(*c).zip(b.checked_mul(*d))
        {
            return Exact::Plain { top, bottom }.reduced();
        }
        let ((a, b), (c, d)) = (self.big(), other.big());
        Exact::Big { top: a * c, bottom: b * d }.reduced()
    }

    /// The whole number at or below a fraction that is not negative.
    pub(crate) fn floor(&self) -> i64 {
        let whole = match self {
            Exact::Plain { top, bottom } => {
                assert!(*top >= 0, "only what is not negative is rounded");
                i64::try_from(top / bottom).ok()
            }
            Exact::Big { top, bottom } => {
                assert!(*top >= BigInt::ZERO, "only what is not negative is rounded");
                i64::try_from(top / bottom).ok()
            }
        };
        whole.expect("a figure within the limits")
    }

    /// The whole number at or above a fraction that is not negative.
    pub(crate) fn ceiling(&self) -> i64 {
        let floor = self.floor();
        floor + i64::from(*self != Exact::whole(floor))
    }

    /// An amount that is not negative in the smallest units of money, rounded down.
    pub(crate) fn units(&self, minor: u32) -> i64 {
        self.times(&Exact::whole(10_i64.pow(minor))).floor()
    }

    /// As money with that many digits after the point; `None` if it has more.
    pub(crate) fn money(&self, minor: u32) -> Option<String> {
        let scale = 10_i64.pow(minor);
        let scaled = self.times(&Exact::whole(scale));
        let units = scaled.floor();
        if scaled != Exact::whole(units) {
            return None;
        }
        Some(money(units, minor))
    }
}

/// An amount in a currency's smallest units as a decimal string.
pub(crate) fn money(units: i64, minor: u32) -> String {
    let scale = 10_i64.pow(minor);
    match minor {
        0 => units.to_string(),
        _ => format!("{}.{:0width$}", units / scale, units % scale, width = minor as usize),
    }
}

impl Default for Exact {
    fn default() -> Exact {
        Exact::zero()
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Exact) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Exact) -> Ordering {
        if let (Exact::Plain { top: a, bottom: b }, Exact::Plain { top: c, bottom: d }) = (self, other)
            && let Some((one, two)) = a.checked_mul(*d).zip(c.checked_mul(*b))
        {
            return one.cmp(&two);
        }
        let ((a, b), (c, d)) = (self.big(), other.big());
        (a * d).cmp(&(c * b))
    }
}
