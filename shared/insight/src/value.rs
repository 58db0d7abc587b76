//! Customer value: what a member's orders of the coming days are worth today (会员价值, CLV).
//!
//! Fader, Hardie, Lee, "RFM and CLV", *Journal of Marketing Research* 42(4), 2005, in steps of 30 days: margin × mean
//! amount × Σ_k (E(30 k) − E(30 (k − 1))) ÷ (1 + d)^k, d = (1 + discount)^(30 ÷ 365) − 1, with BG/NBD's expectation E and
//! gamma–gamma's mean. The last step ends with the days asked about.
//!
//! It is an expectation over many members like this one, not a promise about this one.

use crate::{
    bgnbd::{Bgnbd, History},
    gamma_gamma::{GammaGamma, Spent},
    numeric::finite,
};

/// The days of a step, and of the year that `discount` is for.
const STEP: u32 = 30;
const YEAR: f64 = 365.0;

/// The longest time that is foretold: three years.
pub const LONGEST: u32 = 1_095;

/// What turns orders into worth.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Terms {
    /// The part of an amount that is earned, 1 if amounts themselves are asked for.
    pub margin: f64,
    /// By how much money of next year is worth less: 0.1 is a tenth a year.
    pub discount: f64,
}

/// What the orders of the next `days` are worth today, in the unit of the amounts. Days are the unit of time, also of
/// the models.
///
/// `None` beyond [`LONGEST`] days, where the models say nothing, and unless `margin` is finite and `discount` above −1.
pub fn expected(
    orders: &Bgnbd,
    amounts: &GammaGamma,
    history: &History,
    spent: Option<&Spent>,
    days: u32,
    terms: Terms,
) -> Option<f64> {
    if days > LONGEST || terms.discount <= -1.0 {
        return None;
    }
    let mean = amounts.mean(spent)?;
    let step = libm::log1p(terms.discount) * (f64::from(STEP) / YEAR);
    let (mut before, mut total) = (0.0, 0.0);
    for k in 1..=days.div_ceil(STEP) {
        let until = orders.expected(history, f64::from((STEP * k).min(days)))?;
        total += (until - before) * libm::exp(-step * f64::from(k));
        before = until;
    }
    finite(terms.margin * mean * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(days: u32, margin: f64, discount: f64) -> Option<f64> {
        let orders = Bgnbd::new(0.243, 30.898, 0.793, 2.426).unwrap();
        let amounts = GammaGamma::new(6.25, 3.74, 15.44).unwrap();
        let history = History::new(2, 213.0, 272.0).unwrap();
        expected(&orders, &amounts, &history, Spent::new(2, 22.35).as_ref(), days, Terms { margin, discount })
    }

    #[test]
    fn it_grows_with_the_days_and_falls_with_the_discount() {
        let by_days: Vec<f64> =
            [0, 1, 29, 30, 31, 365, LONGEST].iter().map(|days| value(*days, 1.0, 0.1).unwrap()).collect();
        assert_eq!(by_days[0], 0.0);
        assert!(by_days.is_sorted_by(|one, other| one < other), "{by_days:?}");
        assert!(value(365, 1.0, 0.2) < value(365, 1.0, 0.1));
        assert_eq!(value(365, 0.5, 0.0), value(365, 1.0, 0.0).map(|value| value / 2.0));
    }

    #[test]
    fn what_cannot_be_told_is_not() {
        for (days, margin, discount) in [
            (LONGEST + 1, 1.0, 0.0),
            (30, f64::NAN, 0.0),
            (30, 1.0, -1.0),
            (30, 1.0, f64::NAN),
            (30, f64::INFINITY, 0.0),
        ] {
            assert_eq!(value(days, margin, discount), None);
        }
    }
}
