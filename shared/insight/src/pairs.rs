//! Pairs: who bought this also bought that (搭配推荐).
//!
//! Dunning, "Accurate Methods for the Statistics of Surprise and Coincidence", *Computational Linguistics* 19(1), 1993.
//! A pair is offered if the log-likelihood ratio says that it is no chance, and ranked by how many of those who bought
//! the one bought the other: the ratio and the lift, which rank often bought or seldom bought things first, foretell less.

use crate::numeric::finite;

/// The ratio from which a pair is no chance: χ² of one degree of freedom, 1 in 1,000.
pub const SURE: f64 = 10.83;

/// The buyers of both from whom on a pair is told.
pub const ENOUGH: u64 = 20;

/// Who bought what of two things, X and Y.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Bought both.
    pub both: u64,
    /// Bought X, and not Y.
    pub x_only: u64,
    /// Bought Y, and not X.
    pub y_only: u64,
    /// Bought neither.
    pub neither: u64,
}

impl Counts {
    /// P(Y | X): of those who bought X, the part that bought Y. `None` if nobody bought X.
    pub fn confidence(&self) -> Option<f64> {
        finite(self.both as f64 / (self.both.checked_add(self.x_only)? as f64))
    }

    /// The log-likelihood ratio, 0 or more: 2 Σ k ln (k N ÷ (row × column)) over the four counts. `None` from 2^60 on.
    ///
    /// In a table of four, k N − row × column is the same but for its sign, the determinant: it is exact in whole
    /// numbers, so nothing cancels where the things have nothing to do with each other.
    pub fn log_likelihood_ratio(&self) -> Option<f64> {
        let Counts { both, x_only, y_only, neither } = *self;
        if [both, x_only, y_only, neither].iter().any(|count| *count >= 1 << 60) {
            return None;
        }
        let [x, not_x, y, not_y] =
            [both + x_only, y_only + neither, both + y_only, x_only + neither].map(i128::from);
        let determinant = i128::from(both) * i128::from(neither) - i128::from(x_only) * i128::from(y_only);
        let term = |count: u64, product: i128, apart: i128| {
            if count == 0 { 0.0 } else { count as f64 * libm::log1p(apart as f64 / product as f64) }
        };
        let sum = term(both, x * y, determinant)
            + term(x_only, x * not_y, -determinant)
            + term(y_only, not_x * y, -determinant)
            + term(neither, not_x * not_y, determinant);
        finite((2.0 * sum).max(0.0))
    }

    /// Whether the pair is told: [`ENOUGH`] bought both, and it is no chance ([`SURE`]). It is none either where far fewer
    /// bought Y than of the others; such a pair is told too, with the low confidence that it has.
    pub fn tells(&self) -> bool {
        self.both >= ENOUGH && self.log_likelihood_ratio().is_some_and(|ratio| ratio >= SURE)
    }
}

/// What is told of X: each Y with its counts, by falling confidence, then by the item; at most `most`.
pub fn with_it<I: Ord + Copy>(pairs: &[(I, Counts)], most: usize) -> Vec<(I, Counts)> {
    let mut told: Vec<(I, Counts)> = pairs.iter().filter(|(_, counts)| counts.tells()).copied().collect();
    told.sort_by(|(item, counts), (other, others)| {
        // Quotients are compared as products of whole numbers: equal ones are equal.
        let [one, another] = [counts, others].map(|counts| u128::from(counts.both + counts.x_only));
        let (mine, theirs) = (u128::from(counts.both) * another, u128::from(others.both) * one);
        theirs.cmp(&mine).then_with(|| item.cmp(other))
    });
    told.truncate(most);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(both: u64, x_only: u64, y_only: u64, neither: u64) -> Counts {
        Counts { both, x_only, y_only, neither }
    }

    #[test]
    fn the_ratio_is_0_of_what_has_nothing_to_do_with_each_other() {
        for even in [
            counts(0, 0, 0, 0),
            counts(1, 1, 1, 1),
            counts(20, 60, 30, 90),
            counts(5, 0, 7, 0),
            counts(0, 3, 0, 9),
        ] {
            assert_eq!(even.log_likelihood_ratio(), Some(0.0), "{even:?}");
        }
        // A hair beside it: 1 ÷ N² × N³ ÷ …, and not the noise of logarithms of billions.
        let near = counts(1_000_000_000, 1_000_000_000, 1_000_000_000, 1_000_000_001)
            .log_likelihood_ratio()
            .unwrap();
        assert!((near - 0.25e-9).abs() < 1e-15, "{near:e}");
        assert_eq!(counts(1 << 60, 1, 1, 1).log_likelihood_ratio(), None);
        assert!(counts((1 << 60) - 1, 0, 0, (1 << 60) - 1).log_likelihood_ratio().is_some());
    }

    #[test]
    fn the_ratio_does_not_see_which_is_which() {
        for one in [counts(5, 1995, 0, 100_000), counts(13, 87, 912, 55_555), counts(1, 2, 3, 4)] {
            let other = Counts { x_only: one.y_only, y_only: one.x_only, ..one };
            let (ratio, turned) =
                (one.log_likelihood_ratio().unwrap(), other.log_likelihood_ratio().unwrap());
            assert!((ratio - turned).abs() <= 1e-14 * ratio, "{one:?}");
        }
    }

    #[test]
    fn pairs_are_told_by_confidence() {
        let few = counts(19, 1, 1, 10_000);
        let chance = counts(100, 900, 1_000, 9_000);
        let (half, third) = (counts(50, 50, 50, 10_000), counts(100, 200, 100, 10_000));
        let half_too = counts(25, 25, 60, 10_000);
        let told = with_it(&[(5, third), (4, half), (3, few), (2, chance), (1, half_too)], 20);
        assert_eq!(told, [(1, half_too), (4, half), (5, third)]);
        assert_eq!(with_it(&told, 1), [(1, half_too)]);
        assert_eq!(counts(0, 0, 5, 5).confidence(), None);
        assert_eq!(counts(u64::MAX, 1, 0, 0).confidence(), None);
        assert_eq!(half.confidence(), Some(0.5));
    }
}
