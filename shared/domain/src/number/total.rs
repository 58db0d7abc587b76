//! Exact sums of amounts times rates, rounded once, at the end.

use num_bigint::{BigInt, BigUint, Sign};

use super::{Currency, Figure, Money, Rate, SignedMoney};

/// One term of an exact sum: `amount × rate × boost × part / of`.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// The line's amount.
    pub amount: SignedMoney,
    /// The line's own multiplier.
    pub rate: Rate,
    /// What multiplies it besides, for its time.
    pub boost: Rate,
    /// How much of the line counts …
    pub part: u64,
    /// … out of this much (at least 1).
    pub of: u64,
}

/// An exact sum of terms, in the currency's minor unit. Nothing of it is rounded.
#[derive(Clone, Debug)]
pub struct Total(Sum);

/// A fraction.
#[derive(Clone, Debug)]
enum Sum {
    /// The usual case in machine integers: no line is split and nothing overflows.
    Small { above: i128, below: u128 },
    /// Any other.
    Large { above: BigInt, below: BigUint },
}

impl Term {
    /// How many digits its rates have after the point, at most 12.
    fn scale(&self) -> u32 {
        self.rate.scale + self.boost.scale
    }
}

impl Total {
    /// The sum of these.
    pub fn of(terms: &[Term]) -> Total {
        Total(Total::quick(terms).unwrap_or_else(|| Total::slow(terms)))
    }

    /// `None` says only that it must be computed the long way.
    fn quick(terms: &[Term]) -> Option<Sum> {
        let scale = terms.iter().map(Term::scale).max().unwrap_or(0); // no terms, nothing to scale
        let mut above = 0i128;
        for term in terms {
            if term.part == 0 {
                continue;
            }
            if term.part != term.of {
                return None;
            }
            let value = term
                .amount
                .0
                .checked_mul(i128::from(term.rate.mantissa))?
                .checked_mul(i128::from(term.boost.mantissa))?
                .checked_mul(10i128.pow(scale - term.scale()))?;
            above = above.checked_add(value)?;
        }
        Some(Sum::Small { above, below: 10u128.pow(scale) })
    }

    fn slow(terms: &[Term]) -> Sum {
        let (mut above, mut below) = (BigInt::ZERO, BigUint::from(1u8));
        for term in terms.iter().filter(|term| term.part > 0) {
            let denominator = BigUint::from(term.of) * BigUint::from(10u8).pow(term.scale());
            let numerator =
                BigInt::from(term.amount.0) * term.rate.mantissa * term.boost.mantissa * term.part;
            if denominator == below {
                above += numerator;
            } else {
                above = above * BigInt::from(denominator.clone()) + numerator * BigInt::from(below.clone());
                below *= denominator;
            }
        }
        Sum::Large { above, below }
    }

    /// Whether it is above 0.
    pub fn is_above_zero(&self) -> bool {
        match &self.0 {
            Sum::Small { above, .. } => *above > 0,
            Sum::Large { above, .. } => above.sign() == Sign::Plus,
        }
    }

    /// Whether it is that amount, or more.
    pub fn reaches(&self, amount: Money) -> bool {
        match &self.0 {
            Sum::Small { above, below } => {
                // An amount has at most 17 digits, and `below` at most 13.
                i128::try_from(*below).is_ok_and(|below| *above >= i128::from(amount.0) * below)
            }
            Sum::Large { above, below } => *above >= BigInt::from(below * amount.0),
        }
    }

    /// `floor(sum × Π rates / per)`, rounded once; 0 where the sum is below it, `None` beyond every figure. `per` is
    /// not 0.
    pub fn floor_of(&self, rates: &[Rate], per: Money) -> Option<Figure> {
        let quick = match &self.0 {
            Sum::Small { above, below } => {
                u128::try_from(*above).map_or(Some(0), |above| quick_floor(above, *below, rates, per))
            }
            Sum::Large { .. } => None,
        };
        match quick {
            Some(floor) => Figure::of(floor),
            None => self.slow_floor(rates, per),
        }
    }

    fn slow_floor(&self, rates: &[Rate], per: Money) -> Option<Figure> {
        let (above, below) = match &self.0 {
            Sum::Small { above, below } => (BigInt::from(*above), BigUint::from(*below)),
            Sum::Large { above, below } => (above.clone(), below.clone()),
        };
        // What is below 0 is no figure, and counts as none.
        let mut above = above.to_biguint().unwrap_or(BigUint::ZERO);
        for rate in rates {
            above *= rate.mantissa;
        }
        let scale = rates.iter().map(|rate| rate.scale).sum();
        Figure::of(above / (below * BigUint::from(10u8).pow(scale) * per.0))
    }
}

/// `None` says only that it must be computed the long way.
fn quick_floor(above: u128, below: u128, rates: &[Rate], per: Money) -> Option<u128> {
    let (mut sum, mut scale) = (above, 0);
    for rate in rates {
        sum = sum.checked_mul(u128::from(rate.mantissa))?;
        scale += rate.scale;
    }
    let divisor = below.checked_mul(10u128.checked_pow(scale)?)?.checked_mul(u128::from(per.0))?;
    Some(sum / divisor)
}

/// `floor(Σ terms × Π rates)`, in units of the currency, rounded once; at least 0, `None` beyond every figure.
pub fn floor_of_product(terms: &[Term], rates: &[Rate], currency: Currency) -> Option<Figure> {
    Total::of(terms).floor_of(rates, Money::unit(currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cny() -> Currency {
        Currency::of("CNY").unwrap()
    }

    #[test]
    fn the_long_way_and_the_quick_way_agree() {
        let rate = |text| Rate::parse(text).unwrap();
        let whole = |amount, text| Term {
            amount: SignedMoney(amount),
            rate: rate(text),
            boost: rate("1.5"),
            part: 1,
            of: 1,
        };
        let unit = Money::unit(cny());
        let rates = [rate("0.333333"), rate("1.2")];
        for terms in [
            vec![whole(2_000, "1"), whole(2_000, "2.5"), whole(1, "0.333333")],
            vec![whole(2_000, "1"), whole(-1_999, "1")],
            vec![whole(2_000, "1"), whole(-2_001, "1.000001")],
            vec![],
        ] {
            let (quick, slow) = (Total(Total::quick(&terms).unwrap()), Total(Total::slow(&terms)));
            assert_eq!(quick.floor_of(&rates, unit), slow.slow_floor(&rates, unit), "{terms:?}");
            assert_eq!(quick.slow_floor(&rates, unit), slow.floor_of(&rates, unit), "{terms:?}");
            assert_eq!(quick.is_above_zero(), slow.is_above_zero(), "{terms:?}");
            for amount in [0, 1, 4_000, 7_000].map(Money) {
                assert_eq!(quick.reaches(amount), slow.reaches(amount), "{terms:?} {amount:?}");
            }
        }
        let thirds =
            [Term { amount: SignedMoney(2_000), rate: rate("2.5"), boost: Rate::ONE, part: 2, of: 3 }];
        assert_eq!(floor_of_product(&thirds, &[], cny()), Figure::of(33));
        let vast = [whole(999_999_999_999_999, "999999.999999")];
        assert_eq!(floor_of_product(&vast, &[rate("999999.999999")], cny()), None);
    }

    /// A full block is one, and the smallest part short of it is none; what is below 0 is none.
    #[test]
    fn a_total_is_compared_and_divided_exactly() {
        let third =
            |amount| Term { amount: SignedMoney(amount), rate: Rate::ONE, boost: Rate::ONE, part: 1, of: 3 };
        let total = Total::of(&[third(749), third(1)]);
        assert_eq!((total.floor_of(&[], Money(250)), total.reaches(Money(250))), (Figure::of(1), true));
        let short = Total::of(&[third(749)]);
        assert_eq!((short.floor_of(&[], Money(250)), short.reaches(Money(250))), (Figure::of(0), false));
        let below = Total::of(&[third(749), third(-750)]);
        assert_eq!((below.floor_of(&[], Money(1)), below.is_above_zero()), (Figure::of(0), false));
    }
}
