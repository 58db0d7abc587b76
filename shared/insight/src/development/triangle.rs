//! Chain ladder, and Mack's standard error.

use crate::numeric::finite;

/// What rows of cumulated figures say of how they grow.
#[derive(Clone, PartialEq, Debug)]
pub struct Triangle {
    months: usize,
    factors: Vec<Option<f64>>,
    /// Mack's σ² of each factor.
    variances: Vec<Option<f64>>,
    /// Σ C of the rows that a factor is of.
    weights: Vec<f64>,
}

impl Triangle {
    /// The triangle of these rows, which go on for `months`, in any order. Factors are f = Σ C_{j+1} ÷ Σ C_j over the rows
    /// that have both and in which C_j is not 0; σ² is the mean square of what the rows' own factors differ from it, by
    /// C_j, and of a factor of one row alone by Mack's rule from the two before it.
    ///
    /// `None` unless there are months, and no row is longer than these.
    pub fn of(rows: &[&[u64]], months: usize) -> Option<Triangle> {
        if months == 0 || rows.iter().any(|row| row.len() > months) {
            return None;
        }
        let mut triangle =
            Triangle { months, factors: Vec::new(), variances: Vec::new(), weights: Vec::new() };
        for month in 0..months - 1 {
            let from = rows.iter().filter(|row| row.len() > month + 1 && row[month] > 0);
            let mut steps: Vec<(u64, u64)> = from.map(|row| (row[month], row[month + 1])).collect();
            // So that the order of the rows makes no difference.
            steps.sort();
            triangle.add(&steps);
        }
        Some(triangle)
    }

    /// Each month's factor to the next; `None` where no row tells.
    pub fn factors(&self) -> &[Option<f64>] {
        &self.factors
    }

    /// What the row comes to in the end: C times the factors that are still to come. `None` of a row in which there is
    /// nothing, or where a factor is missing.
    pub fn ultimate(&self, row: &[u64]) -> Option<f64> {
        let last = row.last().filter(|last| **last > 0)?;
        finite(*last as f64 * self.growth(row.len())?)
    }

    /// The part of what comes in the end that has come after so many months. `None` after none, where a factor is
    /// missing, and where nothing comes in the end.
    pub(super) fn part(&self, months: usize) -> Option<f64> {
        if months == 0 { None } else { finite(1.0 / self.growth(months)?) }
    }

    /// The product of the factors after so many months.
    fn growth(&self, months: usize) -> Option<f64> {
        self.factors
            .get(months.checked_sub(1)?..)?
            .iter()
            .try_fold(1.0, |product, factor| Some(product * (*factor)?))
    }

    /// Mack's standard error of what the rows come to together, which do not err apart: their factors are the same.
    ///
    /// Month by month, which is Mack's sum over all pairs of rows without dividing by a factor: what chance adds to each
    /// row, Var ← f² Var + σ² C, and what all err by the factor itself, Err ← f² Err + σ² (Σ C)² ÷ weight. `None` if a row
    /// has no [`Triangle::ultimate`], or a σ² that it needs is not known.
    pub fn standard_error(&self, rows: &[&[u64]]) -> Option<f64> {
        if rows.iter().any(|row| self.ultimate(row).is_none()) {
            return None;
        }
        let (mut all, mut chance, mut error) = (0.0, 0.0, 0.0);
        for month in 0..self.months - 1 {
            // Those that are known until here, and from here on foretold.
            let joining = rows.iter().filter(|row| row.len() == month + 1);
            let mut joining: Vec<u64> = joining.map(|row| row[month]).collect();
            joining.sort();
            all += crate::sum(joining.into_iter().map(|points| points as f64));
            if all == 0.0 {
                continue;
            }
            let (factor, variance) = (self.factors[month]?, self.variances[month]?);
            chance = factor * factor * chance + variance * all;
            error = factor * factor * error + variance * all * all / self.weights[month];
            all *= factor;
        }
        finite((chance + error).sqrt())
    }

    /// One more month, by the rows' figures in it and in the next.
    fn add(&mut self, steps: &[(u64, u64)]) {
        let weight = crate::sum(steps.iter().map(|(from, _)| *from as f64));
        let factor = finite(crate::sum(steps.iter().map(|(_, to)| *to as f64)) / weight);
        let variance = factor.and_then(|factor| match steps {
            [_] => self.last_variance(),
            _ => {
                let apart = steps.iter().map(|(from, to)| {
                    let (from, to) = (*from as f64, *to as f64);
                    let apart = to / from - factor;
                    from * apart * apart
                });
                Some(crate::sum(apart) / (steps.len() - 1) as f64)
            }
        });
        self.factors.push(factor);
        self.variances.push(variance);
        self.weights.push(weight);
    }

    /// Mack's σ² where one row alone tells: the smallest of σ⁴ ÷ σ² of the two before it, and these two.
    fn last_variance(&self) -> Option<f64> {
        let [.., Some(before), Some(last)] = self.variances.as_slice() else { return None };
        let least = before.min(*last);
        Some(if *before > 0.0 { least.min(last * last / before) } else { least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [&[u64]; 5] = [&[10, 30, 60, 66], &[20, 50, 110], &[30, 100, 190, 200], &[40, 0], &[0, 5]];

    #[test]
    fn the_order_of_the_rows_changes_no_bit() {
        let one = Triangle::of(&ROWS, 4).unwrap();
        let mut turned = ROWS;
        turned.reverse();
        turned.swap(0, 2);
        assert_eq!(Triangle::of(&turned, 4), Some(one.clone()));
        let open: [&[u64]; 3] = [&[20, 50, 110], &[7], &[3, 9]];
        assert_eq!(one.standard_error(&open), one.standard_error(&[open[2], open[0], open[1]]));
    }

    #[test]
    fn a_completed_triangle_is_its_own_ultimate() {
        let triangle = Triangle::of(&ROWS, 4).unwrap();
        for row in [[10, 30, 60, 66], [30, 100, 190, 200]] {
            assert_eq!(triangle.ultimate(&row), Some(*row.last().unwrap() as f64));
            assert_eq!(triangle.standard_error(&[&row]), Some(0.0));
        }
    }

    /// By hand: 180 ÷ 100, the row that fell back to 0 among them, and the one that began at 0 not.
    #[test]
    fn rows_with_nothing_are_left_out() {
        let triangle = Triangle::of(&ROWS, 4).unwrap();
        let factors: Vec<f64> = triangle.factors().iter().flatten().copied().collect();
        assert_eq!(factors, [180.0 / 100.0, 360.0 / 180.0, 266.0 / 250.0]);
        assert_eq!((triangle.ultimate(&[40, 0]), triangle.ultimate(&[])), (None, None));
        assert_eq!(triangle.ultimate(&[30, 100, 250]), Some(266.0));
        assert_eq!(Triangle::of(&[], 3).map(|triangle| triangle.factors), Some(vec![None, None]));
        assert_eq!((Triangle::of(&ROWS, 3), Triangle::of(&[], 0)), (None, None));
    }

    /// The sum over pairs of rows, as Mack writes it.
    #[test]
    fn the_error_is_macks_sum() {
        let triangle = Triangle::of(&ROWS, 4).unwrap();
        let open: [&[u64]; 3] = [&[20, 50, 110], &[7], &[3, 9]];
        let relative = |month: usize| {
            triangle.variances[month].unwrap()
                / (triangle.factors[month].unwrap() * triangle.factors[month].unwrap())
        };
        let mut expected = 0.0;
        for one in open {
            let mut at = *one.last().unwrap() as f64;
            let ultimate = triangle.ultimate(one).unwrap();
            for month in one.len() - 1..3 {
                expected += ultimate * ultimate * relative(month) / at;
                at *= triangle.factors[month].unwrap();
            }
            for other in open {
                for month in one.len().max(other.len()) - 1..3 {
                    expected += ultimate * triangle.ultimate(other).unwrap() * relative(month)
                        / triangle.weights[month];
                }
            }
        }
        let found = triangle.standard_error(&open).unwrap();
        assert!((found - expected.sqrt()).abs() < 1e-9 * found, "{found} {}", expected.sqrt());
    }
}
