//! The cycle of consumption: how likely a member buys a category again within some days (消费周期).
//!
//! Ehrenberg, "The Pattern of Consumer Purchases", *Applied Statistics* 8(1), 1959: purchase days come at random with a
//! rate of the member's own, and the rates of all are gamma distributed. What was bought in the last 91 days tells the
//! member's rate, and everybody's tell what to believe of who bought little. It knows nothing of a season, or of the
//! size of a pack; the member's own median gap, shown beside it, does not foretell as well.

use crate::{
    fit::{FEWEST, Unfit},
    numeric::{finite, positive},
};

/// The days in which purchases are counted: a quarter of whole weeks.
pub const WINDOW: u32 = 91;

/// Members with fewer purchase days do not tell their rate.
pub const TELLING: u32 = 4;

/// What the prior's parameters may be.
const A: (f64, f64) = (0.05, 50.0);
const B: (f64, f64) = (1.0, 5_000.0);

/// The gamma distribution of the rates a day, over all members and the categories they have bought.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cycle {
    a: f64,
    b: f64,
}

/// What a member who has bought a category tells of its rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bought {
    /// Days with a purchase.
    pub days: u32,
    /// Days from the first of them to today.
    pub since_first: u32,
}

impl Cycle {
    /// The distribution with shape `a` and rate `b`, in days. `None` unless both are finite and above 0.
    pub fn new(a: f64, b: f64) -> Option<Cycle> {
        positive(&[a, b]).then_some(Cycle { a, b })
    }

    /// The shape.
    pub const fn a(&self) -> f64 {
        self.a
    }

    /// The rate, days.
    pub const fn b(&self) -> f64 {
        self.b
    }

    /// The prior of all pairs of a member and a category, by moments of the rates (days − 1) ÷ days since the first of
    /// those with 4 purchase days or more: a = mean² ÷ variance, from 0.05 to 50; b = mean ÷ variance, from 1 to 5,000.
    /// The variance is the mean square of what each differs from the mean; of equal rates both parameters are the
    /// largest.
    ///
    /// # Errors
    /// [`Unfit::TooFew`] if fewer than 100 have two purchase days, or fewer than two have four.
    pub fn fit(members: &[Bought]) -> Result<Cycle, Unfit> {
        let came_back = members.iter().filter(|bought| bought.days >= 2).count();
        let telling = members.iter().filter(|bought| bought.days >= TELLING && bought.since_first > 0);
        let mut rates: Vec<f64> =
            telling.map(|bought| f64::from(bought.days - 1) / f64::from(bought.since_first)).collect();
        if (came_back as u64) < FEWEST || rates.len() < 2 {
            return Err(Unfit::TooFew);
        }
        // So that the order of the members makes no difference.
        rates.sort_by(f64::total_cmp);
        let count = rates.len() as f64;
        let mean = crate::sum(rates.iter().copied()) / count;
        let variance = crate::sum(rates.iter().map(|rate| (rate - mean) * (rate - mean))) / count;
        // Above 0: every rate is. Without variance the quotients are infinite, and so the largest.
        Ok(Cycle { a: (mean * mean / variance).clamp(A.0, A.1), b: (mean / variance).clamp(B.0, B.1) })
    }

    /// The probability that a member with `purchases` purchase days within the last [`WINDOW`] days buys within
    /// `within` days: `1 − ((b + 91) ÷ (b + 91 + within))^(purchases + a)`. `None` unless `within` is finite and not
    /// below 0.
    pub fn chance(&self, purchases: u32, within: f64) -> Option<f64> {
        if !(within >= 0.0 && within.is_finite()) {
            return None;
        }
        let grows = libm::log1p(within / (self.b + f64::from(WINDOW)));
        finite(-libm::expm1(-(f64::from(purchases) + self.a) * grows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(days: u32, since_first: u32) -> Bought {
        Bought { days, since_first }
    }

    #[test]
    fn the_prior_has_the_moments_of_the_rates() {
        // Rates .25 and .75: mean ½, variance 1 ÷ 16. Of whoever has three days none counts.
        let mut members = [vec![bought(5, 16); 60], vec![bought(7, 8); 60], vec![bought(3, 2); 60]].concat();
        let found = Cycle::fit(&members).unwrap();
        assert_eq!((found.a(), found.b()), (4.0, 8.0));
        members.rotate_left(71);
        assert_eq!(Cycle::fit(&members), Ok(found));
    }

    #[test]
    fn the_prior_is_kept_within_bounds() {
        let same = Cycle::fit(&vec![bought(5, 16); 200]).unwrap();
        assert_eq!((same.a(), same.b()), (50.0, 5_000.0));
        let mut apart = vec![bought(4, 36_500); 5_000];
        apart.extend([bought(2_001, 1_000); 4]);
        let apart = Cycle::fit(&apart).unwrap();
        assert_eq!((apart.a(), apart.b()), (0.05, 1.0));
    }

    #[test]
    fn there_is_no_prior_of_too_few() {
        let few = |days: u32, count: usize| Cycle::fit(&vec![bought(days, 30); count]);
        assert_eq!([few(5, 99), few(3, 1_000), few(1, 1_000)], [Err(Unfit::TooFew); 3]);
        // Bought four times, all of it today: no days to divide by.
        assert_eq!(Cycle::fit(&vec![bought(4, 0); 200]), Err(Unfit::TooFew));
    }

    #[test]
    fn a_chance_grows_with_purchases_and_days() {
        let cycle = Cycle::new(1.5, 60.0).unwrap();
        assert_eq!(cycle.chance(4, 0.0), Some(0.0));
        for purchases in [0, 1, 4, 91, u32::MAX] {
            for (short, long) in [(1.0, 2.0), (14.0, 30.0), (30.0, 1e300)] {
                let chance = |purchases, days| cycle.chance(purchases, days).unwrap();
                assert!(chance(purchases, short) <= chance(purchases, long));
                assert!((0.0..=1.0).contains(&chance(purchases, long)));
                assert!(chance(purchases, short) <= chance(purchases.saturating_add(1), short));
            }
        }
        assert_eq!(
            [cycle.chance(1, -1.0), cycle.chance(1, f64::NAN), cycle.chance(1, f64::INFINITY)],
            [None; 3]
        );
    }
}
