//! Parts of a whole, exactly.

/// A part of one, from 0 to below 1, in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fraction {
    above: u64,
    below: u64,
}

impl Default for Fraction {
    fn default() -> Fraction {
        Fraction::NONE
    }
}

impl Fraction {
    /// Nothing of it.
    pub const NONE: Fraction = Fraction { above: 0, below: 1 };

    /// What that quotient has beyond whole numbers; `None` where its denominator is beyond 64 bits, or 0.
    pub fn beyond_wholes(above: u128, below: u128) -> Option<Fraction> {
        let above = above.checked_rem(below)?;
        let common = common_divisor(above, below);
        let part = |number: u128| u64::try_from(number / common).ok();
        Some(Fraction { above: part(above)?, below: part(below)? })
    }

    /// The fraction of these, if they are one, in lowest terms.
    pub fn of(above: u64, below: u64) -> Option<Fraction> {
        let fraction = Fraction::beyond_wholes(above.into(), below.into())?;
        (fraction == Fraction { above, below }).then_some(fraction)
    }

    /// What both together have beyond whole numbers; `None` where their common denominator is beyond 64 bits.
    pub fn plus(self, other: Fraction) -> Option<Fraction> {
        let common = common_divisor(self.below.into(), other.below.into());
        let below = u128::from(self.below) / common * u128::from(other.below);
        u64::try_from(below).ok()?;
        let above = |one: Fraction| u128::from(one.above) * (below / u128::from(one.below));
        Fraction::beyond_wholes(above(self) + above(other), below)
    }

    /// Its numerator.
    pub fn above(self) -> u64 {
        self.above
    }

    /// Its denominator, from 1.
    pub fn below(self) -> u64 {
        self.below
    }

    /// Whether it is nothing.
    pub fn is_none(self) -> bool {
        self.above == 0
    }
}

/// The greatest number that divides both; not both are 0.
fn common_divisor(mut one: u128, mut other: u128) -> u128 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fraction(above: u64, below: u64) -> Fraction {
        Fraction::of(above, below).unwrap()
    }

    #[test]
    fn only_lowest_terms_below_one_are_a_fraction() {
        for (above, below) in [(0, 1), (1, 3), (2, 3), (u64::MAX - 1, u64::MAX)] {
            assert_eq!(fraction(above, below), Fraction { above, below });
        }
        for (above, below) in [(0, 0), (1, 0), (0, 2), (1, 1), (2, 4), (4, 3)] {
            assert_eq!(Fraction::of(above, below), None, "{above}/{below}");
        }
    }

    #[test]
    fn wholes_are_left_out() {
        for (above, below, want) in
            [(7, 3, (1, 3)), (6, 3, (0, 1)), (5, 10, (1, 2)), (u128::MAX, u128::MAX, (0, 1))]
        {
            assert_eq!(Fraction::beyond_wholes(above, below), Some(fraction(want.0, want.1)));
        }
        assert_eq!(Fraction::beyond_wholes(1, 1 << 64), None);
        assert_eq!(Fraction::beyond_wholes(2, 1 << 64), Some(fraction(1, 1 << 63)));
        assert_eq!(Fraction::beyond_wholes(1, 0), None);
    }

    #[test]
    fn fractions_are_added() {
        for (one, other, want) in [
            ((1, 3), (1, 3), (2, 3)),
            ((1, 3), (2, 3), (0, 1)),
            ((2, 3), (3, 4), (5, 12)),
            ((1, 6), (1, 3), (1, 2)),
            ((0, 1), (5, 7), (5, 7)),
            ((u64::MAX - 1, u64::MAX), (u64::MAX - 1, u64::MAX), (u64::MAX - 2, u64::MAX)),
        ] {
            let (one, other) = (fraction(one.0, one.1), fraction(other.0, other.1));
            assert_eq!(one.plus(other), Some(fraction(want.0, want.1)), "{one:?} {other:?}");
            assert_eq!(other.plus(one), one.plus(other), "{one:?} {other:?}");
        }
        let (large, prime) = (fraction(1, u64::MAX), fraction(1, 2));
        assert_eq!((large.plus(prime), prime.plus(large)), (None, None));
    }
}
