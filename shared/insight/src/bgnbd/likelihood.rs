//! The likelihood of BG/NBD, its gradient, and the fit.
//!
//! The paper's equation 6, in logarithms, and with Γ only in rising factorials (c)_x = Γ(c + x) ÷ Γ(c):
//!
//! ```text
//! ln L = ln (r)_x + r ln α + ln (b)_x − ln (a+b)_x + ln (e^p + e^q),
//! p = −(r+x) ln (α+T)                                      still there
//! q = ln a − ln (b+x−1) − (r+x) ln (α+t_x),  if x > 0      left after its last purchase
//! ```

use std::cmp::Ordering;

use super::{Bgnbd, History};
use crate::{
    fit::{FEWEST, Fitted, Unfit},
    minimum::minimum,
    numeric::{Rising, rising},
};

/// Members with the same history.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cell {
    /// Their history.
    pub history: History,
    /// How many they are.
    pub members: u64,
}

/// How far a logarithm of a parameter may be from 0, times being measured by the members' mean age: a factor of a
/// million. Data that lead beyond it (where nobody ever leaves, say) do not determine the parameter.
const REACH: f64 = 14.0;

/// Where the search begins: r, α as a part of the mean age, a, b. If one leads nowhere, the next is tried.
const STARTS: [[f64; 4]; 3] = [[0.5, 0.3, 0.8, 2.4], [1.0, 1.0, 1.0, 1.0], [0.1, 0.05, 0.5, 5.0]];

/// The parameters that make the histories likeliest, by BFGS over their logarithms.
///
/// The order of the cells makes no difference, to the last bit, and neither does it matter whether members with the
/// same history are one cell. A unit of time only scales α.
///
/// # Errors
/// [`Unfit::TooFew`] if fewer than 100 members came back, [`Unfit::DidNotConverge`] if there is no maximum.
pub fn fit(cells: &[Cell]) -> Result<Fitted<Bgnbd>, Unfit> {
    let came_back = cells.iter().filter(|cell| cell.history.again > 0).map(|cell| cell.members);
    if came_back.fold(0u64, u64::saturating_add) < FEWEST {
        return Err(Unfit::TooFew);
    }
    let members: u64 = cells.iter().map(|cell| cell.members).fold(0, u64::saturating_add);
    let cells = sorted(cells);
    let ages = crate::sum(cells.iter().map(|cell| cell.members as f64 * cell.history.age));
    let scale = ages / members as f64;
    if scale <= 0.0 {
        return Err(Unfit::DidNotConverge);
    }
    let data = Data::of(&cells, scale);
    let found = STARTS.iter().find_map(|start| {
        minimum(start.map(libm::log), REACH, |logarithms| {
            let [r, alpha, a, b] = logarithms.map(libm::exp);
            let (value, slopes) = data.log_likelihood(&Bgnbd { r, alpha, a, b });
            // By the logarithms, and downwards.
            (-value, [-slopes[0] * r, -slopes[1] * alpha, -slopes[2] * a, -slopes[3] * b])
        })
    });
    let [r, alpha, a, b] = found.ok_or(Unfit::DidNotConverge)?.map(libm::exp);
    let parameters = Bgnbd { r, alpha: alpha * scale, a, b };
    let (log_likelihood, _) = Data::of(&cells, 1.0).log_likelihood(&parameters);
    Ok(Fitted { parameters, log_likelihood, members })
}

/// The logarithm of the likelihood of the histories. `None` where it is not finite.
pub fn log_likelihood(parameters: &Bgnbd, cells: &[Cell]) -> Option<f64> {
    crate::numeric::finite(Data::of(&sorted(cells), 1.0).log_likelihood(parameters).0)
}

/// In a fixed order, with one cell a history.
fn sorted(cells: &[Cell]) -> Vec<Cell> {
    let order = |one: &Cell, other: &Cell| -> Ordering {
        let (one, other) = (&one.history, &other.history);
        let by_age = || one.age.total_cmp(&other.age);
        one.again.cmp(&other.again).then_with(|| one.last.total_cmp(&other.last)).then_with(by_age)
    };
    let mut cells: Vec<Cell> = cells.to_vec();
    cells.sort_by(order);
    cells.dedup_by(|next, kept| {
        let same = order(next, kept).is_eq();
        if same {
            kept.members = kept.members.saturating_add(next.members);
        }
        same
    });
    cells
}

/// One cell: what is computed once for all cells is found at these places.
struct Row {
    count: usize,
    last: usize,
    age: usize,
    members: f64,
}

/// The cells, with their counts and times apart: thousands of cells share a few hundred of these.
struct Data {
    counts: Vec<u32>,
    times: Vec<f64>,
    rows: Vec<Row>,
}

/// The factorials of one count.
struct Terms {
    again: f64,
    shape: Rising,
    stays: Rising,
    all: Rising,
    /// ln (b + x − 1), if x > 0.
    leaves: f64,
}

impl Data {
    /// The sorted cells, with times divided by `scale`.
    fn of(cells: &[Cell], scale: f64) -> Data {
        let mut counts: Vec<u32> = cells.iter().map(|cell| cell.history.again).collect();
        counts.dedup();
        let both = cells.iter().flat_map(|cell| [cell.history.last, cell.history.age]);
        let mut times: Vec<f64> = both.map(|time| time / scale).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let time = |time: f64| times.partition_point(|other| *other < time / scale);
        let row = |cell: &Cell| Row {
            count: counts.partition_point(|count| *count < cell.history.again),
            last: time(cell.history.last),
            age: time(cell.history.age),
            members: cell.members as f64,
        };
        let rows = cells.iter().map(row).collect();
        Data { counts, times, rows }
    }

    fn terms(&self, of: &Bgnbd) -> Vec<Terms> {
        let shapes = rising(of.r, &self.counts);
        let stays = rising(of.b, &self.counts);
        let all = rising(of.a + of.b, &self.counts);
        let each = self.counts.iter().enumerate().map(|(at, &count)| {
            let again = f64::from(count);
            let leaves = if count > 0 { libm::log(of.b + (again - 1.0)) } else { 0.0 };
            Terms { again, shape: shapes[at], stays: stays[at], all: all[at], leaves }
        });
        each.collect()
    }

    /// The logarithm of the likelihood, and its derivatives by r, α, a, b.
    fn log_likelihood(&self, of: &Bgnbd) -> (f64, [f64; 4]) {
        let terms = self.terms(of);
        let logs: Vec<f64> = self.times.iter().map(|time| libm::log(of.alpha + time)).collect();
        let (log_alpha, log_a) = (libm::log(of.alpha), libm::log(of.a));
        let (mut total, mut slopes) = (0.0, [0.0; 4]);
        for row in &self.rows {
            let term = &terms[row.count];
            let shape = of.r + term.again;
            let stays = -shape * logs[row.age];
            let leaves = log_a - term.leaves - shape * logs[row.last];
            // The sum of both, and how much of it is the second.
            let (both, left) = if term.again > 0.0 { added(stays, leaves) } else { (stays, 0.0) };
            let value = term.shape.log + of.r * log_alpha + term.stays.log - term.all.log + both;
            let age = of.alpha + self.times[row.age];
            let last = of.alpha + self.times[row.last];
            let by = [
                term.shape.slope + log_alpha - (1.0 - left) * logs[row.age] - left * logs[row.last],
                of.r / of.alpha - shape * ((1.0 - left) / age + left / last),
                left / of.a - term.all.slope,
                term.stays.slope - term.all.slope - left / (of.b + (term.again - 1.0).max(0.0)),
            ];
            total += row.members * value;
            for (slope, by) in slopes.iter_mut().zip(by) {
                *slope += row.members * by;
            }
        }
        (total, slopes)
    }
}

/// ln (e^one + e^other), and what part of that sum the other is.
fn added(one: f64, other: f64) -> (f64, f64) {
    let apart = other - one;
    let small = libm::exp(-apart.abs());
    let part = 1.0 / (1.0 + small);
    if apart > 0.0 { (other + libm::log1p(small), part) } else { (one + libm::log1p(small), small * part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(again: u32, last: f64, age: f64, members: u64) -> Cell {
        Cell { history: History::new(again, last, age).unwrap(), members }
    }

    const CELLS: &[(u32, f64, f64, u64)] = &[
        (0, 0.0, 30.0, 60),
        (0, 0.0, 10.0, 30),
        (1, 5.0, 30.0, 40),
        (1, 25.0, 28.0, 35),
        (2, 20.0, 30.0, 30),
        (5, 29.0, 30.0, 12),
        (5_000, 29.9, 30.0, 1),
    ];

    fn cells() -> Vec<Cell> {
        CELLS.iter().map(|&(again, last, age, members)| cell(again, last, age, members)).collect()
    }

    /// The slopes are those of the values: a difference on both sides tells each.
    #[test]
    fn slopes_are_derivatives() {
        let data = Data::of(&cells(), 1.0);
        let at = [0.3, 4.0, 0.8, 2.5];
        let value = |[r, alpha, a, b]: [f64; 4]| data.log_likelihood(&Bgnbd { r, alpha, a, b });
        let (_, slopes) = value(at);
        for (i, slope) in slopes.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut to = at;
                to[i] += by;
                value(to).0
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - difference).abs() < 1e-5 * slope.abs().max(1.0), "{i}: {slope} {difference}");
        }
    }

    #[test]
    fn cells_are_merged_and_sorted() {
        let mut turned = cells();
        turned.reverse();
        turned[0].members -= 1;
        turned.insert(3, cell(0, 0.0, 30.0, 1));
        let last = turned.len() - 1;
        turned[last].members -= 1;
        turned.push(cell(5_000, 29.9, 30.0, 1));
        assert_eq!(sorted(&turned).len(), cells().len());
        let (one, other) = (fit(&cells()), fit(&turned));
        assert_eq!(one, other);
    }

    #[test]
    fn a_unit_of_time_only_scales_alpha() {
        let hours =
            CELLS.iter().map(|&(again, last, age, members)| cell(again, last * 32.0, age * 32.0, members));
        let (days, hours) =
            (fit(&cells()).unwrap().parameters, fit(&hours.collect::<Vec<Cell>>()).unwrap().parameters);
        assert_eq!(hours, Bgnbd { alpha: days.alpha * 32.0, ..days });
    }

    #[test]
    fn there_is_no_fit_of_too_few() {
        let few = [cell(0, 0.0, 30.0, 1_000_000), cell(1, 20.0, 30.0, 99)];
        assert_eq!(fit(&few), Err(Unfit::TooFew));
        assert_eq!(fit(&[]), Err(Unfit::TooFew));
    }

    /// Data that determine nothing: everybody the same, nobody ever leaving, no time at all.
    #[test]
    fn there_is_no_fit_of_what_determines_nothing() {
        for cells in [
            vec![cell(10, 30.0, 30.0, 1_000)],
            vec![cell(1, 0.0, 0.0, 1_000)],
            vec![cell(3, 30.0, 30.0, 500), cell(1, 30.0, 30.0, 500)],
            vec![cell(u32::MAX, 1e-300, 1e300, u64::MAX), cell(1, 1.0, 1.0, u64::MAX)],
        ] {
            assert_eq!(fit(&cells), Err(Unfit::DidNotConverge), "{cells:?}");
        }
    }
}
