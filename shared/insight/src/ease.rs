//! EASE: what a member has not bought yet and may like, by what others have who have the same (新品推荐).
//!
//! Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", *WWW* 2019: the weights that best tell each item from the
//! others, in closed form. With the members' items as a matrix X of zeros and ones, P = (XᵀX + λI)⁻¹, and the weight of
//! item i for item j is −P_ij ÷ P_jj, 0 for itself.
//!
//! What a member buys anyway its own history foretells better; what belongs to one basket, pairs do.

use crate::numeric::positive;

/// λ: how many members it takes to believe something.
pub const LAMBDA: f64 = 1_000.0;

/// The most items: the work grows with the third power, memory with the second, 72 MB for these.
pub const MOST: usize = 3_000;

/// The weights of a population.
#[derive(Clone, PartialEq, Debug)]
pub struct Ease {
    items: usize,
    /// Row by row: of each item for all others.
    weights: Vec<f64>,
}

/// Rows that are worked on together, so that those above them are read once for all.
const TOGETHER: usize = 16;

/// Sums of a dot product that are taken side by side: a fixed order, in which a processor can take several at once.
const LANES: usize = 8;

impl Ease {
    /// The weights of items 0 to `items` − 1, by the items of each member. What an item has twice counts once, and the
    /// order of members makes no difference, to the last bit: they are counted in whole numbers.
    ///
    /// `None` unless there are 1 to [`MOST`] items, each item is one of them, and `lambda` is finite and above 0.
    pub fn fit<S: AsRef<[u32]>>(
        items: usize,
        members: impl IntoIterator<Item = S>,
        lambda: f64,
    ) -> Option<Ease> {
        if items == 0 || items > MOST || !positive(&[lambda]) {
            return None;
        }
        let mut matrix = together(items, members)?;
        for item in 0..items {
            matrix[item * items + item] += lambda;
        }
        cholesky(&mut matrix, items)?;
        invert(&mut matrix, items);
        let weights = weights(&matrix, items);
        weights.iter().all(|weight| weight.is_finite()).then_some(Ease { items, weights })
    }

    /// The weight of one item for another; `None` if either is none.
    pub fn weight(&self, of: u32, on: u32) -> Option<f64> {
        let (of, on) = (usize::try_from(of).ok()?, usize::try_from(on).ok()?);
        if on < self.items { self.weights.get(of * self.items + on).copied() } else { None }
    }

    /// How much each item fits who has these, by item. Items that are none are passed over.
    pub fn scores(&self, has: &[u32]) -> Vec<f64> {
        let mut scores = vec![0.0; self.items];
        for row in self.known(has).iter().map(|item| &self.weights[item * self.items..][..self.items]) {
            add(&mut scores, 1.0, row);
        }
        scores
    }

    /// What to offer to who has these, and how much it fits: nothing of them, and nothing that does not fit (0 or less);
    /// the best first, then by item; at most `most`.
    pub fn offers(&self, has: &[u32], most: usize) -> Vec<(u32, f64)> {
        let known = self.known(has);
        let new = |item: u32| usize::try_from(item).is_ok_and(|item| known.binary_search(&item).is_err());
        let scored = (0u32..).zip(self.scores(has));
        let mut offers: Vec<(u32, f64)> = scored.filter(|&(item, score)| score > 0.0 && new(item)).collect();
        offers.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        offers.truncate(most);
        offers
    }

    /// Each once, in the items' order: sums do not depend on how they are told.
    fn known(&self, has: &[u32]) -> Vec<usize> {
        let own = has.iter().filter_map(|&item| usize::try_from(item).ok().filter(|item| *item < self.items));
        let mut known: Vec<usize> = own.collect();
        known.sort();
        known.dedup();
        known
    }
}

/// How many members have both of two items: of the square matrix the part right of and on the diagonal.
fn together<S: AsRef<[u32]>>(items: usize, members: impl IntoIterator<Item = S>) -> Option<Vec<f64>> {
    let mut counts = vec![0u32; items * items];
    let mut own = Vec::new();
    for member in members {
        own.clear();
        for &item in member.as_ref() {
            own.push(usize::try_from(item).ok().filter(|item| *item < items)?);
        }
        own.sort();
        own.dedup();
        for (at, one) in own.iter().enumerate() {
            for other in &own[at..] {
                counts[one * items + other] += 1;
            }
        }
    }
    Some(counts.into_iter().map(f64::from).collect())
}

/// to += times × row.
fn add(to: &mut [f64], times: f64, row: &[f64]) {
    for (to, from) in to.iter_mut().zip(row) {
        *to += times * from;
    }
}

/// The dot product, in [`LANES`] sums.
fn dot(one: &[f64], other: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (ones, others) = (one.chunks_exact(LANES), other.chunks_exact(LANES));
    let rest =
        ones.remainder().iter().zip(others.remainder()).fold(0.0, |sum, (one, other)| sum + one * other);
    for (one, other) in ones.zip(others) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    sums.iter().fold(rest, |sum, lane| sum + lane)
}

/// The upper triangle of A becomes R with RᵀR = A. `None` if A is not positive definite.
fn cholesky(a: &mut [f64], n: usize) -> Option<()> {
    for begin in (0..n).step_by(TOGETHER) {
        let (above, block) = a.split_at_mut(begin * n);
        let end = (begin + TOGETHER).min(n);
        // An entry's terms are subtracted in the order of the rows above it, whatever is done together.
        for row in above.chunks_exact(n) {
            for (at, i) in (begin..end).enumerate() {
                add(&mut block[at * n + i..(at + 1) * n], -row[i], &row[i..]);
            }
        }
        for (at, i) in (begin..end).enumerate() {
            let (done, rest) = block.split_at_mut(at * n);
            let own = &mut rest[i..n];
            for row in done.chunks_exact(n) {
                add(own, -row[i], &row[i..]);
            }
            let pivot = own[0].sqrt();
            if !positive(&[pivot]) {
                return None;
            }
            own.iter_mut().for_each(|entry| *entry /= pivot);
        }
    }
    Some(())
}

/// R becomes its inverse U, from the last rows up; all of R is positive on its diagonal.
///
/// Row by row: U_ii = 1 ÷ R_ii and U_i = −(Σ_{k > i} R_ik U_k) ÷ R_ii.
fn invert(r: &mut [f64], n: usize) {
    for begin in (0..n).step_by(TOGETHER).rev() {
        let end = (begin + TOGETHER).min(n);
        let (above, below) = r.split_at_mut(end * n);
        let block = &mut above[begin * n..];
        let factors = block.to_vec();
        for at in 0..end - begin {
            block[at * n + begin + at..(at + 1) * n].fill(0.0);
        }
        for (row, k) in below.chunks_exact(n).zip(end..) {
            for at in 0..end - begin {
                add(&mut block[at * n + k..(at + 1) * n], -factors[at * n + k], &row[k..]);
            }
        }
        for at in (0..end - begin).rev() {
            let (own, done) = block[at * n..].split_at_mut(n);
            let factors = &factors[at * n..];
            let i = begin + at;
            for (row, k) in done.chunks_exact(n).zip(i + 1..) {
                add(&mut own[k..], -factors[k], &row[k..]);
            }
            own[i] = 1.0;
            own[i..].iter_mut().for_each(|entry| *entry /= factors[i]);
        }
    }
}

/// −P_ij ÷ P_jj of P = U Uᵀ, U being R's inverse.
fn weights(u: &[f64], n: usize) -> Vec<f64> {
    let entry = |i: usize, j: usize| dot(&u[i * n + j..(i + 1) * n], &u[j * n + j..(j + 1) * n]);
    let diagonal: Vec<f64> = (0..n).map(|i| entry(i, i)).collect();
    let mut weights = vec![0.0; n * n];
    for begin in (0..n).step_by(TOGETHER) {
        for j in begin + 1..n {
            for i in begin..(begin + TOGETHER).min(j) {
                let p = entry(i, j);
                weights[i * n + j] = -p / diagonal[j];
                weights[j * n + i] = -p / diagonal[i];
            }
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-12 * other.abs().max(1.0)
    }

    /// Members by chance, of `items` items.
    fn members(items: u32, count: usize) -> Vec<Vec<u32>> {
        let mut state = 5u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 33).unwrap()
        };
        (0..count)
            .map(|_| (0..1 + next() % 9).map(|_| next() % items % (1 + next() % items)).collect())
            .collect()
    }

    #[test]
    fn two_items_have_a_closed_form() {
        // 30 have both, 20 the first alone, 50 the second: XᵀX = (50 30; 30 80).
        let sets = [vec![vec![0, 1]; 30], vec![vec![0]; 20], vec![vec![1, 1]; 50]].concat();
        let ease = Ease::fit(2, &sets, 10.0).unwrap();
        let found = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(of, on)| ease.weight(of, on).unwrap());
        let expected = [0.0, 30.0 / 60.0, 30.0 / 90.0, 0.0];
        assert!(found.iter().zip(expected).all(|(one, other)| close(*one, other)), "{found:?}");
        assert_eq!((ease.weight(0, 2), ease.weight(2, 0)), (None, None));
    }

    /// P (XᵀX + λI) = I, so a column of weights solves: Σ_k A_ik B_kj = A_ij − [i = j] ÷ P_jj.
    #[test]
    fn the_weights_solve_their_equations() {
        for n in [1, 2, 15, 16, 17, 50] {
            let sets = members(n, 400);
            let ease = Ease::fit(n as usize, &sets, 20.0).unwrap();
            let half = together(n as usize, &sets).unwrap();
            let a = |i: u32, j: u32| {
                half[i.min(j) as usize * n as usize + i.max(j) as usize] + if i == j { 20.0 } else { 0.0 }
            };
            for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).filter(|(i, j)| i != j) {
                let sum: f64 = (0..n).map(|k| a(i, k) * ease.weight(k, j).unwrap()).sum();
                assert!((sum - a(i, j)).abs() < 1e-9, "{n}: {i} {j}: {sum} {}", a(i, j));
            }
        }
    }

    #[test]
    fn like_items_are_alike() {
        // Turning items 0 and 1 round changes nothing, and 3 is had by nobody.
        let sets = [[0, 2], [1, 2], [2, 0], [2, 1]];
        let ease = Ease::fit(4, sets, 1.0).unwrap();
        assert!(close(ease.weight(0, 2).unwrap(), ease.weight(1, 2).unwrap()));
        assert!(close(ease.weight(0, 1).unwrap(), ease.weight(1, 0).unwrap()));
        assert!((0..3).all(|item| ease.weight(3, item) == Some(0.0) && ease.weight(item, 3) == Some(0.0)));
        let offers: Vec<u32> = ease.offers(&[0, 7, 0], 5).iter().map(|(item, _)| *item).collect();
        assert_eq!(offers, [2]);
        assert_eq!((ease.offers(&[0], 0), ease.offers(&[], 5)), (vec![], vec![]));
    }

    #[test]
    fn the_order_of_members_and_items_changes_no_bit() {
        let mut sets = members(40, 500);
        let one = Ease::fit(40, &sets, LAMBDA).unwrap();
        sets.reverse();
        sets.iter_mut().for_each(|set| set.reverse());
        let other = Ease::fit(40, &sets, LAMBDA).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.scores(&[3, 9, 30]), other.scores(&[30, 3, 9, 9]));
    }

    #[test]
    fn what_cannot_be_fitted_is_not() {
        let none: [[u32; 0]; 0] = [];
        assert_eq!([Ease::fit(0, none, 1.0), Ease::fit(MOST + 1, none, 1.0)], [None, None]);
        assert_eq!(Ease::fit(2, [[2]], 1.0), None);
        for lambda in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Ease::fit(2, [[0]], lambda), None, "{lambda}");
        }
        let lone = Ease::fit(1, none, 1.0).unwrap();
        assert_eq!(lone.scores(&[0]), [0.0]);
    }
}
