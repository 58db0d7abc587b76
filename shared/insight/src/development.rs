//! Development: how many of the points that are out will be redeemed, and how many will lapse (积分核销率与过期率).
//!
//! Points of one end month are a row: what of them was redeemed by each month before the end, cumulated. Rows that have
//! ended tell how the others will go on. As every lot has an end there is no tail to guess.
//!
//! - **Chain ladder**, with its standard error: Mack, "Distribution-free Calculation of the Standard Error of Chain Ladder
//!   Reserve Estimates", *ASTIN Bulletin* 23(2), 1993.
//! - **Bornhuetter–Ferguson** ("The Actuary and IBNR", *Proceedings of the CAS* 59, 1972), while fewer than 4 rows have
//!   ended: the programme says what it believes will be redeemed, and what has been takes the place of that bit by bit.
//!
//! For loyalty points: Gault, Llaguno, Ménard, "Customer Loyalty Programs", *CAS E-Forum*, Summer 2012. It takes it for
//! granted that members go on as they did: a rule that changes shows in the rows only as they pass.

mod triangle;

pub use triangle::Triangle;

use crate::numeric::finite;

/// The ended rows from which on they speak for themselves.
pub const ENOUGH: usize = 4;

/// The points of one end month.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Issued, net of what refunds took.
    pub issued: u64,
    /// Redeemed until after each month, cumulated and net of cancelled, from the longest life to the month before the
    /// end. Months that have not ended are left out: a row that has ended is the longest.
    pub redeemed: Vec<u64>,
}

/// How the open rows were foretold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// By the rows themselves.
    ChainLadder,
    /// By what the programme believes.
    BornhuetterFerguson,
}

impl Method {
    /// The word for it on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Method::ChainLadder => "chain_ladder",
            Method::BornhuetterFerguson => "bornhuetter_ferguson",
        }
    }
}

/// What will have been redeemed of one row.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome {
    /// All that is redeemed in the end, points.
    pub ultimate: f64,
    /// Mack's standard error of that, points; 0 of a row that has ended, `None` of one that the rows do not foretell.
    pub standard_error: Option<f64>,
}

/// What will have been redeemed of all.
#[derive(Clone, PartialEq, Debug)]
pub struct Development {
    /// How open rows were foretold.
    pub method: Method,
    /// How much larger the redeemed points become from each month to the next; `None` where no row tells.
    pub factors: Vec<Option<f64>>,
    /// Of each row, in their order; `None` of a row of which nothing can be said: nothing redeemed, and no point issued
    /// in any ended row.
    pub rows: Vec<Option<Outcome>>,
    /// Σ ultimate ÷ Σ issued over the open rows; `None` without a point in them, and where one has no ultimate.
    pub redemption_rate: Option<f64>,
    /// Mack's standard error of Σ ultimate over the open rows that the rows foretell, points; those that were valued by a
    /// rate add nothing to it. `None` by Bornhuetter and Ferguson, and where too few rows tell.
    pub standard_error: Option<f64>,
}

impl Development {
    /// The part of the open rows' points that will lapse: 1 − the redemption rate.
    pub fn breakage(&self) -> Option<f64> {
        self.redemption_rate.map(|rate| 1.0 - rate)
    }
}

/// What will have been redeemed of each row, if points live for `months` months and the programme believes that the part
/// `believed` of them will be redeemed.
///
/// With [`ENOUGH`] ended rows by chain ladder; a row of which nothing is redeemed yet, or that no row foretells, by the
/// ended rows' rate. Else by Bornhuetter and Ferguson; a row that no row foretells is worth what is believed, or what has
/// been redeemed if that is more. `None` unless there are months, no row is longer than these, and `believed` is a part
/// of 1.
pub fn develop(rows: &[Row], months: usize, believed: f64) -> Option<Development> {
    if !(0.0..=1.0).contains(&believed) {
        return None;
    }
    let redeemed: Vec<&[u64]> = rows.iter().map(|row| row.redeemed.as_slice()).collect();
    let triangle = Triangle::of(&redeemed, months)?;
    let ended: Vec<&Row> = rows.iter().filter(|row| row.redeemed.len() == months).collect();
    let method = if ended.len() >= ENOUGH { Method::ChainLadder } else { Method::BornhuetterFerguson };
    let rate = match method {
        Method::ChainLadder => rate_of(&ended),
        Method::BornhuetterFerguson => Some(believed),
    };
    let outcomes: Vec<Option<Outcome>> =
        rows.iter().map(|row| outcome(&triangle, method, rate, row, months)).collect();
    let open = || rows.iter().zip(&outcomes).filter(|(row, _)| row.redeemed.len() < months);
    let ultimates: Option<Vec<f64>> =
        open().map(|(_, outcome)| outcome.map(|outcome| outcome.ultimate)).collect();
    let issued = crate::sum(open().map(|(row, _)| row.issued as f64));
    let foretold: Vec<&[u64]> = open()
        .map(|(row, _)| row.redeemed.as_slice())
        .filter(|row| triangle.ultimate(row).is_some())
        .collect();
    Some(Development {
        method,
        redemption_rate: ultimates.and_then(|all| finite(crate::sum(all) / issued)),
        standard_error: (method == Method::ChainLadder).then(|| triangle.standard_error(&foretold)).flatten(),
        factors: triangle.factors().to_vec(),
        rows: outcomes,
    })
}

/// What was redeemed of rows that have ended, as a part of what was issued.
fn rate_of(ended: &[&Row]) -> Option<f64> {
    let redeemed =
        crate::sum(ended.iter().filter_map(|row| row.redeemed.last()).map(|points| *points as f64));
    finite(redeemed / crate::sum(ended.iter().map(|row| row.issued as f64)))
}

fn outcome(
    triangle: &Triangle,
    method: Method,
    rate: Option<f64>,
    row: &Row,
    months: usize,
) -> Option<Outcome> {
    let so_far = row.redeemed.last().map_or(0.0, |points| *points as f64);
    if row.redeemed.len() == months {
        return Some(Outcome { ultimate: so_far, standard_error: Some(0.0) });
    }
    let believed = rate.map(|rate| row.issued as f64 * rate);
    if method == Method::ChainLadder
        && let Some(ultimate) = triangle.ultimate(&row.redeemed)
    {
        return Some(Outcome { ultimate, standard_error: triangle.standard_error(&[&row.redeemed]) });
    }
    let part = if method == Method::ChainLadder { None } else { triangle.part(row.redeemed.len()) };
    let ultimate = match part {
        Some(part) => so_far + believed? * (1.0 - part),
        None => so_far.max(believed?),
    };
    Some(Outcome { ultimate, standard_error: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(issued: u64, redeemed: &[u64]) -> Row {
        Row { issued, redeemed: redeemed.to_vec() }
    }

    #[test]
    fn what_has_ended_is_known() {
        let rows = vec![row(100, &[10, 30, 60]); 5];
        let found = develop(&rows, 3, 0.8).unwrap();
        assert_eq!((found.method.name(), &found.factors), ("chain_ladder", &vec![Some(3.0), Some(2.0)]));
        assert!(
            found.rows.iter().all(|row| *row == Some(Outcome { ultimate: 60.0, standard_error: Some(0.0) }))
        );
        // No row is open.
        assert_eq!((found.redemption_rate, found.breakage()), (None, None));
    }

    #[test]
    fn open_rows_go_on_as_those_that_have_ended() {
        let mut rows = vec![row(100, &[10, 30, 60]); 4];
        rows.extend([row(1_000, &[100]), row(1_000, &[50, 150]), row(500, &[]), row(500, &[0])]);
        let found = develop(&rows, 3, 0.0).unwrap();
        let ultimates: Vec<f64> = found.rows.iter().flatten().map(|row| row.ultimate).collect();
        assert_eq!(ultimates[4..], [600.0, 300.0, 300.0, 300.0]);
        assert_eq!((found.redemption_rate, found.breakage()), (Some(0.5), Some(0.5)));
        // All rows went the same way, so nothing is uncertain.
        assert_eq!(found.standard_error, Some(0.0));
        assert_eq!(found.rows[6].map(|row| row.standard_error), Some(None));
    }

    #[test]
    fn with_few_rows_what_is_believed_gives_way_bit_by_bit() {
        let rows = [row(100, &[10, 40, 80]), row(100, &[20, 50]), row(100, &[30]), row(100, &[])];
        let found = develop(&rows, 3, 0.6).unwrap();
        assert_eq!((found.method.name(), found.standard_error), ("bornhuetter_ferguson", None));
        // Factors 90 ÷ 30 and 2: after a month 1 ÷ 6, after two 1 ÷ 2 of what comes in the end.
        let ultimates: Vec<f64> = found.rows.iter().flatten().map(|row| row.ultimate).collect();
        let close = |one: &f64, other: f64| (one - other).abs() < 1e-12;
        let expected = [80.0, 50.0 + 60.0 / 2.0, 30.0 + 60.0 * 5.0 / 6.0, 60.0];
        assert!(ultimates.iter().zip(expected).all(|(one, other)| close(one, other)), "{ultimates:?}");
    }

    #[test]
    fn without_an_ended_row_there_is_what_is_believed() {
        let found = develop(&[row(100, &[30]), row(100, &[90]), row(0, &[])], 12, 0.8).unwrap();
        let ultimates: Vec<f64> = found.rows.iter().flatten().map(|row| row.ultimate).collect();
        assert_eq!(ultimates, [80.0, 90.0, 0.0]);
        assert_eq!(found.redemption_rate, Some(0.85));
        assert_eq!(found.factors, [None; 11]);
    }

    #[test]
    fn nothing_is_made_up() {
        // Ended rows without a point: of an open row nothing can be said.
        let found = develop(&[vec![row(0, &[0, 0]); 4], vec![row(5, &[0])]].concat(), 2, 0.8).unwrap();
        assert_eq!((found.rows[4], found.redemption_rate), (None, None));
        assert_eq!(develop(&[row(5, &[1, 2, 3])], 2, 0.8), None);
        assert_eq!(
            [develop(&[], 0, 0.8), develop(&[], 2, 1.1), develop(&[], 2, f64::NAN)],
            [None, None, None]
        );
        let empty = develop(&[], 2, 0.8).unwrap();
        assert_eq!((empty.rows, empty.redemption_rate), (vec![], None));
    }
}
