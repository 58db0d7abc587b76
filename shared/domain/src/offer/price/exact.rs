//! Parts of amounts, exactly: summed, rounded once, and shared out again by largest remainder.
//!
//! Everything is computed in 128 bits first, and where that does not suffice once more in numbers without bounds.

use std::cmp::Reverse;

use num_bigint::BigUint;

/// A whole number from 0. `None` says only that it must be computed in a larger kind.
pub(super) trait Exact: Ord + Clone {
    /// That number.
    fn of(number: u128) -> Self;
    /// The sum.
    fn plus(&self, other: &Self) -> Option<Self>;
    /// The product.
    fn times(&self, other: &Self) -> Option<Self>;
    /// How often the other, which is not 0, is in it, and what is left then.
    fn over(&self, other: &Self) -> (Self, Self);
    /// The number, if it is below 2^64.
    fn small(&self) -> Option<u64>;
}

impl Exact for u128 {
    fn of(number: u128) -> u128 {
        number
    }

    fn plus(&self, other: &u128) -> Option<u128> {
        self.checked_add(*other)
    }

    fn times(&self, other: &u128) -> Option<u128> {
        self.checked_mul(*other)
    }

    fn over(&self, other: &u128) -> (u128, u128) {
        match (u64::try_from(*self), u64::try_from(*other)) {
            (Ok(own), Ok(other)) => ((own / other).into(), (own % other).into()),
            _ => (self / other, self % other),
        }
    }

    fn small(&self) -> Option<u64> {
        u64::try_from(*self).ok()
    }
}

impl Exact for BigUint {
    fn of(number: u128) -> BigUint {
        number.into()
    }

    fn plus(&self, other: &BigUint) -> Option<BigUint> {
        Some(self + other)
    }

    fn times(&self, other: &BigUint) -> Option<BigUint> {
        Some(self * other)
    }

    fn over(&self, other: &BigUint) -> (BigUint, BigUint) {
        (self / other, self % other)
    }

    fn small(&self) -> Option<u64> {
        u64::try_from(self).ok()
    }
}

/// The greatest number that divides both; not both are 0.
pub(super) fn common<N: Exact>(mut one: N, mut other: N) -> N {
    let none = N::of(0);
    while other > none {
        let (_, rest) = one.over(&other);
        (one, other) = (other, rest);
    }
    one
}

/// The quotient, rounded half up; the denominator is not 0.
fn half_up<N: Exact>(above: &N, below: &N) -> Option<N> {
    let (whole, rest) = above.over(below);
    if rest.plus(&rest)? >= *below { whole.plus(&N::of(1)) } else { Some(whole) }
}

/// A part of the figure of a line: of its price, or of what is left of it. In lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) line: usize,
    pub(super) above: u128,
    pub(super) below: u128,
}

impl Part {
    /// All of it.
    pub(super) fn whole(line: usize) -> Part {
        Part { line, above: 1, below: 1 }
    }

    /// So much of so much; nothing of nothing.
    pub(super) fn of(line: usize, above: u128, below: u128) -> Part {
        if above == 0 || below == 0 {
            return Part { line, above: 0, below: 1 };
        }
        let common = common(above, below);
        Part { line, above: above / common, below: below / common }
    }
}

/// What is taken off.
#[derive(Clone, Debug)]
pub(super) enum Off {
    /// A part, in millionths of a hundredth, and at most that.
    Percent(u64, Option<u64>),
    /// An amount.
    Flat(u64),
    /// An amount of each unit: how many, and the part of its line that each is.
    Each(u64, Vec<(u64, Part)>),
}

/// What an offer takes, before it is trimmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Taking {
    /// Of what, rounded down.
    pub(super) base: u64,
    /// At most the base.
    pub(super) amount: u64,
}

/// Parts over one denominator.
struct Weights<N> {
    each: Vec<N>,
    sum: N,
    below: N,
}

impl<N: Exact> Weights<N> {
    fn of<'a>(
        parts: impl Iterator<Item = &'a Part> + Clone,
        value: impl Fn(&Part) -> u64,
    ) -> Option<Weights<N>> {
        let mut below = N::of(1);
        for part in parts.clone().filter(|part| part.below > 1) {
            let own = N::of(part.below);
            let shared = common(below.clone(), own.clone());
            below = below.times(&own.over(&shared).0)?;
        }
        let mut each = Vec::with_capacity(parts.size_hint().0);
        let mut sum = N::of(0);
        for part in parts {
            let mut weight = N::of(value(part).into()).times(&N::of(part.above))?;
            if below > N::of(1) {
                weight = weight.times(&below.over(&N::of(part.below)).0)?;
            }
            sum = sum.plus(&weight)?;
            each.push(weight);
        }
        Some(Weights { each, sum, below })
    }

    fn floor(&self) -> Option<u64> {
        self.sum.over(&self.below).0.small()
    }
}

/// Computed in small numbers if that suffices.
macro_rules! exactly {
    ($function:ident($($argument:expr),*)) => {
        match $function::<u128>($($argument),*) {
            Some(value) => value,
            // In numbers without bounds nothing is too large, and what comes out is at most what went in.
            None => $function::<BigUint>($($argument),*).unwrap_or_else(|| panic!("no amount is beyond 64 bits")),
        }
    };
}

fn sum_of<N: Exact>(parts: &[Part], figures: &[u64]) -> Option<u64> {
    Weights::<N>::of(parts.iter(), |part| figures[part.line])?.floor()
}

/// The parts of the figures together, rounded down.
pub(super) fn sum(parts: &[Part], figures: &[u64]) -> u64 {
    exactly!(sum_of(parts, figures))
}

fn taking_of<N: Exact>(off: &Off, parts: &[Part], figures: &[u64]) -> Option<Taking> {
    let base = Weights::<N>::of(parts.iter(), |part| figures[part.line])?;
    let amount = match off {
        Off::Percent(millionths, max) => {
            let above = base.sum.times(&N::of((*millionths).into()))?;
            let amount = half_up(&above, &base.below.times(&N::of(100_000_000))?)?.small()?;
            max.map_or(amount, |max| amount.min(max))
        }
        Off::Flat(amount) => *amount,
        Off::Each(amount, units) => each_of::<N>(*amount, units, figures)?,
    };
    let base = base.floor()?;
    Some(Taking { base, amount: amount.min(base) })
}

/// That amount of each unit, at most what is left of it; rounded half up.
fn each_of<N: Exact>(amount: u64, units: &[(u64, Part)], figures: &[u64]) -> Option<u64> {
    let mut fully = 0u64;
    let mut partly = Vec::new();
    for (count, part) in units {
        let left = N::of(figures[part.line].into()).times(&N::of(part.above))?;
        if left >= N::of(amount.into()).times(&N::of(part.below))? {
            // No more than what is left of the line.
            fully = fully.checked_add(count.checked_mul(amount)?)?;
        } else {
            partly.push(Part::of(part.line, part.above.checked_mul((*count).into())?, part.below));
        }
    }
    let partly = Weights::<N>::of(partly.iter(), |part| figures[part.line])?;
    half_up(&partly.sum, &partly.below)?.small()?.checked_add(fully)
}

/// What an offer takes of these parts of the figures.
pub(super) fn taking(off: &Off, parts: &[Part], figures: &[u64]) -> Taking {
    exactly!(taking_of(off, parts, figures))
}

fn shares_of<N: Exact>(total: u64, parts: &[Part], figures: &[u64]) -> Option<Vec<u64>> {
    let weights = Weights::<N>::of(parts.iter(), |part| figures[part.line])?;
    split(total, &weights.each, &weights.sum)
}

/// The total over the parts of the figures, in proportion to each; the parts are in the order of their lines.
pub(super) fn shares(total: u64, parts: &[Part], figures: &[u64]) -> Vec<u64> {
    exactly!(shares_of(total, parts, figures))
}

fn shares_by_of<N: Exact>(total: u64, weights: &[u128]) -> Option<Vec<u64>> {
    let weights: Vec<N> = weights.iter().map(|weight| N::of(*weight)).collect();
    let sum = weights.iter().try_fold(N::of(0), |sum, weight| sum.plus(weight))?;
    split(total, &weights, &sum)
}

/// The total over weights, in proportion to each.
pub(super) fn shares_by(total: u64, weights: &[u128]) -> Vec<u64> {
    exactly!(shares_by_of(total, weights))
}

/// By largest remainder, ties to the earlier. Of nothing nobody has a share.
fn split<N: Exact>(total: u64, weights: &[N], sum: &N) -> Option<Vec<u64>> {
    if *sum == N::of(0) {
        return Some(vec![0; weights.len()]);
    }
    let (mut shares, mut rests) = (Vec::with_capacity(weights.len()), Vec::with_capacity(weights.len()));
    for (index, weight) in weights.iter().enumerate() {
        let (whole, rest) = weight.times(&N::of(total.into()))?.over(sum);
        shares.push(whole.small()?);
        rests.push((Reverse(rest), index));
    }
    // Fewer are left than there are rests above 0.
    let left = total.checked_sub(shares.iter().sum())?;
    if left > 0 {
        rests.sort();
        for (_, index) in rests.iter().take(usize::try_from(left).ok()?) {
            shares[*index] += 1;
        }
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(line: usize, above: u128, below: u128) -> Part {
        Part::of(line, above, below)
    }

    #[test]
    fn shares_are_by_largest_remainder_ties_to_the_earlier() {
        for (total, figures, want) in [
            (100, &[1_000, 1_000, 1_000][..], &[34, 33, 33][..]),
            (100, &[100, 200, 400], &[14, 29, 57]),
            (100, &[0, 1, 500], &[0, 0, 100]),
            (1_500, &[8_000, 3_990], &[1_001, 499]),
            (0, &[5, 5], &[0, 0]),
            (0, &[0, 0], &[0, 0]),
            (1, &[1, 1], &[1, 0]),
        ] {
            let parts: Vec<Part> = (0..figures.len()).map(Part::whole).collect();
            assert_eq!(shares(total, &parts, figures), want, "{total} over {figures:?}");
            assert_eq!(shares_of::<BigUint>(total, &parts, figures).unwrap(), want);
        }
    }

    #[test]
    fn percentages_are_rounded_half_up_once_and_bounded() {
        let percent = |percent: u64, max| Off::Percent(percent * 1_000_000, max);
        for (off, parts, figures, base, amount) in [
            (percent(15, None), vec![Part::whole(0)], vec![30], 30, 5),
            (percent(15, None), vec![Part::whole(0)], vec![10], 10, 2),
            (percent(100, None), vec![part(0, 1, 3)], vec![2_000], 666, 666),
            (percent(50, None), vec![part(0, 1, 2)], vec![1_001], 500, 250),
            (percent(50, None), vec![part(0, 2, 3)], vec![2_000], 1_333, 667),
            (percent(50, Some(100)), vec![Part::whole(0)], vec![2_000], 2_000, 100),
            (Off::Flat(500), vec![Part::whole(0)], vec![2_000], 2_000, 500),
            (Off::Flat(500), vec![part(0, 1, 3)], vec![1_000], 333, 333),
            (Off::Flat(500), vec![], vec![1_000], 0, 0),
        ] {
            assert_eq!(taking(&off, &parts, &figures), Taking { base, amount }, "{off:?} {parts:?}");
            assert_eq!(taking_of::<BigUint>(&off, &parts, &figures), Some(Taking { base, amount }));
        }
    }

    #[test]
    fn an_amount_of_each_unit_is_at_most_what_is_left_of_it() {
        // 3.00 whole, and of 20.00 five.
        let units = vec![(1, Part::whole(0)), (1, Part::whole(1))];
        let parts = [Part::whole(0), Part::whole(1)];
        let taken = taking(&Off::Each(500, units), &parts, &[300, 2_000]);
        assert_eq!(taken, Taking { base: 2_300, amount: 800 });
        // Two of three units of 10.00: each 3.333…, so 6.67, and never more than the base that is told.
        let two = [part(0, 2, 3)];
        let taken = taking(&Off::Each(500, vec![(2, part(0, 1, 3))]), &two, &[1_000]);
        assert_eq!(taken, Taking { base: 666, amount: 666 });
    }

    /// Denominators that 128 bits do not hold together.
    #[test]
    fn what_is_too_large_is_computed_without_bounds() {
        let primes = [9_007_199_254_740_881u128, 9_007_199_254_740_847, 9_007_199_254_740_761];
        let parts: Vec<Part> = primes.iter().enumerate().map(|(line, prime)| part(line, 1, *prime)).collect();
        let figures = [9_007_199_254_740_881, 9_007_199_254_740_847, 9_007_199_254_740_760];
        assert_eq!(sum_of::<u128>(&parts, &figures), None);
        assert_eq!(sum(&parts, &figures), 2);
        assert_eq!(shares(2, &parts, &figures), [1, 1, 0]);
    }
}
