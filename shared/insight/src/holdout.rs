//! The holdout: what a model would have foretold of the days that we know (模型检验).
//!
//! The last quarter of the days is put aside, the model is fitted to those before, and what it says of the last quarter is
//! compared with what happened: the sum of what it expected with the sum of what was, and how well its chances rank those
//! who came before those who did not.

use crate::{
    bgnbd::{Bgnbd, Cell, History, fit},
    fit::Unfit,
    numeric::finite,
};

/// The ratios of foretold to happened outside of which a model is not used.
pub const FIT: (f64, f64) = (0.7, 1.4);

/// How a model did.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Holdout {
    /// The days that were foretold.
    pub days: u32,
    /// The order days expected in them.
    pub predicted: f64,
    /// The order days there were.
    pub actual: u64,
    /// `predicted` ÷ `actual`; `None` if there were none.
    pub ratio: Option<f64>,
    /// The probability that of a member who ordered and one who did not, the former had the larger chance; `None` if all
    /// did, or nobody.
    pub auc: Option<f64>,
}

impl Holdout {
    /// Whether the ratio lies in [`FIT`], both ends included: conditions may ask the model.
    pub fn fits(&self) -> bool {
        self.ratio.is_some_and(|ratio| FIT.0 <= ratio && ratio <= FIT.1)
    }
}

/// The history that BG/NBD uses, in days: of a member with these order days, which ascend and may repeat, up to and with
/// `today`. `None` for whoever has not ordered by then.
pub fn history(days: &[i32], today: i32) -> Option<History> {
    let first = *days.first()?;
    let until = &days[..days.partition_point(|day| *day <= today)];
    let last = *until.last()?;
    let again = until.windows(2).filter(|pair| pair[0] < pair[1]).count();
    let since = |day: i32| f64::from(day) - f64::from(first);
    History::new(u32::try_from(again).ok()?, since(last), since(today))
}

/// BG/NBD on the members' order days, each of which ascend: fitted without the last quarter (rounded down) of the days
/// from the first order of all to `today`, and asked for it.
///
/// # Errors
/// Those of the fit.
pub fn bgnbd(members: &[&[i32]], today: i32) -> Result<Holdout, Unfit> {
    let first = members.iter().filter_map(|days| days.first()).min().ok_or(Unfit::TooFew)?;
    let quarter = (i64::from(today) - i64::from(*first)).div_euclid(4);
    // Who has ordered is asked about on no earlier day than the first order.
    let cut = i32::try_from(i64::from(today) - quarter.max(0)).map_err(|_| Unfit::TooFew)?;
    bgnbd_from(members, cut, today)
}

/// The same with a day of one's own: fitted to the days up to and with `cut`, and asked for those after it.
///
/// # Errors
/// Those of the fit.
pub fn bgnbd_from(members: &[&[i32]], cut: i32, today: i32) -> Result<Holdout, Unfit> {
    let known: Vec<(History, &[i32])> =
        members.iter().filter_map(|days| Some((history(days, cut)?, *days))).collect();
    let cells: Vec<Cell> = known.iter().map(|(history, _)| Cell { history: *history, members: 1 }).collect();
    let model = fit(&cells)?.parameters;
    foretold(&model, &known, cut, today.max(cut)).ok_or(Unfit::DidNotConverge)
}

/// What the model says of the days after `cut` up to `today`, beside what was.
fn foretold(model: &Bgnbd, known: &[(History, &[i32])], cut: i32, today: i32) -> Option<Holdout> {
    let days = today.abs_diff(cut);
    let (mut expected, mut chances, mut actual) = (Vec::new(), Vec::new(), 0);
    for (history, bought) in known {
        let until = |day: i32| bought.partition_point(|bought| *bought <= day);
        let later = &bought[until(cut)..until(today)];
        let count = later.chunk_by(|one, other| one == other).count();
        actual += count as u64;
        expected.push(model.expected(history, f64::from(days))?);
        chances.push((model.chance(history, f64::from(days))?, count > 0));
    }
    let predicted = crate::sum(expected);
    let ratio = if actual > 0 { finite(predicted / actual as f64) } else { None };
    Some(Holdout { days, predicted, actual, ratio, auc: auc(&chances) })
}

/// The area under the ROC curve: over all pairs of one who did and one who did not, how often the score of the former is
/// larger, equal scores counting half (Mann and Whitney, *Annals of Mathematical Statistics* 18, 1947). It is counted in
/// whole numbers, so the order makes no difference.
///
/// `None` if all did, or nobody, or a score is not a number.
pub fn auc(scored: &[(f64, bool)]) -> Option<f64> {
    if scored.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    // −0.0 is 0.0.
    let mut scored: Vec<(f64, bool)> = scored.iter().map(|(score, did)| (score + 0.0, *did)).collect();
    scored.sort_by(|one, other| one.0.total_cmp(&other.0));
    // Twice the pairs, so that halves are whole.
    let (mut below, mut pairs, mut all) = (0u128, 0u128, 0u128);
    for same in scored.chunk_by(|one, other| one.0 == other.0) {
        let did = same.iter().filter(|(_, did)| *did).count() as u128;
        let others = same.len() as u128 - did;
        pairs += did * (2 * below + others);
        below += others;
        all += did;
    }
    if all * below == 0 { None } else { finite(pairs as f64 / (2 * all * below) as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_counts_pairs() {
        for (scored, expected) in [
            (vec![(0.1, false), (0.4, false), (0.35, true), (0.8, true)], Some(0.75)),
            (vec![(1.0, true), (0.0, false)], Some(1.0)),
            (vec![(0.0, true), (1.0, false)], Some(0.0)),
            (vec![(0.5, true), (0.5, false), (0.5, true)], Some(0.5)),
            (vec![(0.0, true), (-0.0, false)], Some(0.5)),
            (vec![(0.5, true)], None),
            (vec![(0.5, false)], None),
            (vec![], None),
            (vec![(f64::NAN, true), (0.5, false)], None),
            (vec![(f64::INFINITY, true), (f64::NEG_INFINITY, false)], Some(1.0)),
        ] {
            assert_eq!(auc(&scored), expected, "{scored:?}");
            let turned: Vec<(f64, bool)> = scored.iter().rev().copied().collect();
            assert_eq!(auc(&turned), expected, "{scored:?}");
        }
    }

    #[test]
    fn a_history_counts_days_up_to_the_day() {
        let days = [10, 10, 13, 20, 20, 31];
        for (today, expected) in [
            (9, None),
            (10, History::new(0, 0.0, 0.0)),
            (12, History::new(0, 0.0, 2.0)),
            (20, History::new(2, 10.0, 10.0)),
            (30, History::new(2, 10.0, 20.0)),
            (31, History::new(3, 21.0, 21.0)),
        ] {
            assert_eq!(history(&days, today), expected, "{today}");
        }
        assert_eq!(history(&[], 5), None);
        assert_eq!(history(&[i32::MIN], i32::MAX).map(|history| history.age()), Some(4_294_967_295.0));
    }

    #[test]
    fn a_model_is_used_within_the_bounds() {
        let holdout = |ratio| Holdout { days: 1, predicted: 0.0, actual: 0, ratio, auc: None }.fits();
        assert_eq!(
            [Some(0.69), Some(0.7), Some(1.4), Some(1.41), None].map(holdout),
            [false, true, true, false, false]
        );
        assert_eq!(bgnbd(&[], 5), Err(Unfit::TooFew));
        assert_eq!(bgnbd(&[&[3], &[i32::MIN]], i32::MAX), Err(Unfit::TooFew));
    }
}
