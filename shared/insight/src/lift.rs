//! Lift: what a campaign did that would not have happened without it (营销增量).
//!
//! Members are told by chance, others are held back, and both are counted the same way: the difference is the campaign's.
//! An interval that holds 0 does not say that there is no effect, only that this many members do not show one.

/// The normal distribution's quantile for 95 %.
const Z: f64 = crate::survival::Z;

/// Quantiles for 95 % and for a power of 80 %, as the formula for the size of a sample has them.
const SEEN: f64 = 1.96 + 0.8416;

/// A difference and its 95 % interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Difference {
    /// The difference.
    pub difference: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// How many of an arm did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arm {
    /// Who did.
    pub responded: u64,
    /// All.
    pub of: u64,
}

/// A share and its Wilson interval.
struct Share {
    share: f64,
    low: f64,
    high: f64,
}

impl Arm {
    /// Wilson, "Probable Inference", *JASA* 22(158), 1927: the score interval.
    fn share(&self) -> Option<Share> {
        if self.of == 0 || self.responded > self.of {
            return None;
        }
        let (responded, of) = (self.responded as f64, self.of as f64);
        let (share, square) = (responded / of, Z * Z);
        let middle = (2.0 * responded + square) / (2.0 * (of + square));
        let missed = (self.of - self.responded) as f64;
        let half = Z * (square + 4.0 * responded * missed / of).sqrt() / (2.0 * (of + square));
        // At both ends it is exact.
        let low = if self.responded == 0 { 0.0 } else { middle - half };
        let high = if self.responded == self.of { 1.0 } else { middle + half };
        Some(Share { share, low, high })
    }
}

/// The difference of the shares of who was told and who was held back, −1 to 1, with the interval of two Wilson
/// intervals: Newcombe, "Interval Estimation for the Difference Between Independent Proportions", *Statistics in
/// Medicine* 17, 1998, method 10.
///
/// `None` if nobody is in an arm, or more responded than there are.
pub fn lift(told: Arm, held: Arm) -> Option<Difference> {
    let (told, held) = (told.share()?, held.share()?);
    let difference = told.share - held.share;
    let span = |one: f64, other: f64| (one * one + other * other).sqrt();
    Some(Difference {
        difference,
        low: difference - span(told.share - told.low, held.high - held.share),
        high: difference + span(told.high - told.share, held.share - held.low),
    })
}

/// The members whom each of two arms needs so that a difference of `delta` from a share of `p` is seen 4 times of 5:
/// ⌈2 (1.96 + 0.8416)² p (1 − p) ÷ δ²⌉. `None` unless 0 < p < 1 and `delta` > 0.
pub fn sample(p: f64, delta: f64) -> Option<u64> {
    if !(p > 0.0 && p < 1.0 && delta > 0.0) {
        return None;
    }
    let members = (2.0 * SEEN * SEEN * p * (1.0 - p) / (delta * delta)).ceil().max(1.0);
    // Beyond 2^53 it is no number of members.
    (members < 9e15).then_some(members as u64)
}

/// The smallest difference that arms of these sizes show, if a share of `p` does it without: 2.8 × √(p (1 − p) (1 ÷ n₁ +
/// 1 ÷ n₂)). `None` unless 0 ≤ p ≤ 1 and both arms have members.
pub fn smallest(p: f64, told: u64, held: u64) -> Option<f64> {
    if !(0.0..=1.0).contains(&p) || told == 0 || held == 0 {
        return None;
    }
    Some(2.8 * (p * (1.0 - p) * (1.0 / told as f64 + 1.0 / held as f64)).sqrt())
}

/// Amounts of an arm's members, in minor units, as their exact sums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amounts {
    /// The members.
    pub members: u64,
    /// Σ x.
    pub sum: i128,
    /// Σ x².
    pub squares: i128,
}

impl Amounts {
    /// The sums of these amounts. `None` if they do not fit.
    pub fn of(amounts: impl IntoIterator<Item = i64>) -> Option<Amounts> {
        let none = Amounts { members: 0, sum: 0, squares: 0 };
        amounts.into_iter().map(i128::from).try_fold(none, |all, amount| {
            Some(Amounts {
                members: all.members + 1,
                sum: all.sum + amount,
                squares: all.squares.checked_add(amount * amount)?,
            })
        })
    }

    fn mean(&self) -> f64 {
        self.sum as f64 / self.members as f64
    }

    /// The square of the mean's standard error: the sample's variance ÷ n.
    fn error(&self) -> Option<f64> {
        let members = i128::from(self.members);
        // n Σ x² − (Σ x)² in whole numbers, in which nothing cancels that is not there.
        let spread = members.checked_mul(self.squares)?.checked_sub(self.sum.checked_mul(self.sum)?)?;
        let below = members.checked_mul(members)?;
        (members > 1 && spread >= 0).then(|| spread as f64 / below as f64 / (self.members - 1) as f64)
    }
}

/// A difference of means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Welch {
    /// The difference and its 95 % interval by the normal distribution, minor units.
    pub means: Difference,
    /// The standard error of the difference, minor units.
    pub standard_error: f64,
    /// The difference ÷ its standard error; `None` if all amounts of each arm are the same.
    pub t: Option<f64>,
    /// Welch's and Satterthwaite's degrees of freedom, of `t`; `None` as that.
    pub freedom: Option<f64>,
}

/// The difference of the mean amounts of who was told and who was held back: Welch, "The Generalization of 'Student's'
/// Problem when Several Different Population Variances Are Involved", *Biometrika* 34, 1947.
///
/// `None` unless each arm has two members or more, and if squares of sums do not fit in 128 bits.
pub fn welch(told: Amounts, held: Amounts) -> Option<Welch> {
    let (one, other) = (told.error()?, held.error()?);
    let difference = told.mean() - held.mean();
    let standard_error = (one + other).sqrt();
    let means = Difference {
        difference,
        low: difference - Z * standard_error,
        high: difference + Z * standard_error,
    };
    let differs = standard_error > 0.0;
    let freedom = || {
        // Parts of the whole, which do not overflow when squared.
        let (one, other) = (one / (one + other), other / (one + other));
        1.0 / (one * one / (told.members - 1) as f64 + other * other / (held.members - 1) as f64)
    };
    Some(Welch {
        means,
        standard_error,
        t: differs.then(|| difference / standard_error),
        freedom: differs.then(freedom),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(responded: u64, of: u64) -> Arm {
        Arm { responded, of }
    }

    #[test]
    fn an_interval_holds_its_difference_and_turns_with_the_arms() {
        for (one, other) in
            [(0, 0), (0, 9), (3, 9), (9, 9)].iter().flat_map(|&x| [(5, 7), (0, 1), (1, 1)].map(|y| (x, y)))
        {
            let (told, held) = (arm(one.0, one.1.max(1)), arm(other.0, other.1));
            let (found, turned) = (lift(told, held).unwrap(), lift(held, told).unwrap());
            assert!(-1.0 <= found.low && found.low <= found.difference, "{told:?} {held:?} {found:?}");
            assert!(found.difference <= found.high && found.high <= 1.0, "{told:?} {held:?} {found:?}");
            assert_eq!(
                [-found.difference, -found.high, -found.low],
                [turned.difference, turned.low, turned.high]
            );
        }
    }

    #[test]
    fn what_cannot_be_compared_is_not() {
        assert_eq!(
            [lift(arm(0, 0), arm(1, 2)), lift(arm(1, 2), arm(0, 0)), lift(arm(3, 2), arm(1, 2))],
            [None; 3]
        );
        for (p, delta) in
            [(0.0, 0.1), (1.0, 0.1), (f64::NAN, 0.1), (0.5, 0.0), (0.5, -0.1), (0.5, f64::NAN), (0.5, 1e-9)]
        {
            assert_eq!(sample(p, delta), None, "{p} {delta}");
        }
        assert_eq!([smallest(0.5, 0, 1), smallest(1.1, 1, 1), smallest(f64::NAN, 1, 1)], [None; 3]);
        let one = Amounts::of([5]).unwrap();
        assert_eq!(
            [welch(one, Amounts::of([1, 2]).unwrap()), welch(Amounts::of([1, 2]).unwrap(), one)],
            [None; 2]
        );
        let huge = Amounts { members: 2, sum: i128::MAX, squares: i128::MAX };
        assert_eq!(welch(huge, huge), None);
    }

    /// A sample of the size that is said shows the difference that it is said for.
    #[test]
    fn sizes_and_smallest_differences_agree() {
        let size = sample(0.05, 0.01).unwrap();
        assert_eq!(size, 7_457);
        assert!((smallest(0.05, size, size).unwrap() - 0.01).abs() < 1e-5);
    }

    /// Two samples of different variance; the figures by `scipy.stats.ttest_ind(equal_var=False)`.
    #[test]
    fn welch_is_that_of_scipy() {
        let told = Amounts::of([275, 219, 219, 202, 240]).unwrap();
        let held = Amounts::of([271, 220, 208, 234, 234, 227]).unwrap();
        let found = welch(told, held).unwrap();
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9 * other.abs().max(1.0);
        assert!(close(found.means.difference, -4.0 / 3.0), "{found:?}");
        assert!(close(found.standard_error, 15.266_885_005_716_713), "{found:?}");
        assert!(close(found.t.unwrap(), -0.087_334_995_503_933_75), "{found:?}");
        assert!(close(found.freedom.unwrap(), 7.407_035_733_689_631), "{found:?}");
        assert!(found.means.low < 0.0 && found.means.high > 0.0);
        assert!(close(found.means.high - found.means.low, 2.0 * Z * found.standard_error));
        let same = welch(Amounts::of([5, 5]).unwrap(), Amounts::of([3, 3, 3]).unwrap()).unwrap();
        assert_eq!(
            (same.means.difference, same.standard_error, same.t, same.freedom),
            (2.0, 0.0, None, None)
        );
    }
}
