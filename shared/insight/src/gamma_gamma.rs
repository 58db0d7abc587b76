//! Gamma–gamma: what a member spends on average (客单预测).
//!
//! Fader, Hardie, "The Gamma-Gamma Model of Monetary Value", note 025, 2013. A member's amounts are gamma distributed
//! around a mean of its own, and the means of all so that few orders are drawn towards everybody's mean and many speak
//! for themselves.
//!
//! Amounts may be of any one unit; v and every answer have it. Laurel counts the amounts of order days after the first,
//! as BG/NBD counts its x. It says nothing of whether the member will buy, and takes it for granted that how often and
//! how much are not related.

use crate::{
    fit::{FEWEST, Fitted, Unfit},
    minimum::minimum,
    numeric::{digamma, finite, positive},
};

/// The parameters of all members.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GammaGamma {
    p: f64,
    q: f64,
    v: f64,
}

/// The order days after the first on which a member spent anything, and what it spent on one of them in the mean.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spent {
    days: u32,
    mean: f64,
}

impl Spent {
    /// `days` (x) and `mean` (m). `None` unless there is a day and the mean is finite and above 0.
    pub fn new(days: u32, mean: f64) -> Option<Spent> {
        (days > 0 && positive(&[mean])).then_some(Spent { days, mean })
    }
}

impl GammaGamma {
    /// The model with these parameters. `None` unless all are finite and above 0.
    pub fn new(p: f64, q: f64, v: f64) -> Option<GammaGamma> {
        positive(&[p, q, v]).then_some(GammaGamma { p, q, v })
    }

    /// p: the shape of a member's amounts.
    pub const fn p(&self) -> f64 {
        self.p
    }

    /// q: the shape of what differs between members.
    pub const fn q(&self) -> f64 {
        self.q
    }

    /// v: the scale of what differs between members, an amount.
    pub const fn v(&self) -> f64 {
        self.v
    }

    /// What an order day of the member is expected to come to; of whoever has no such day, what one of anybody is.
    ///
    /// The note's `(q−1) ÷ (px+q−1) · vp ÷ (q−1) + px ÷ (px+q−1) · m`, with its pole at q = 1 cancelled:
    /// `p (v + x m) ÷ (p x + q − 1)`. `None` if there is no mean: without a day and with q ≤ 1.
    pub fn mean(&self, of: Option<&Spent>) -> Option<f64> {
        let (days, mean) = of.map_or((0.0, 0.0), |spent| (f64::from(spent.days), spent.mean));
        let below = self.p * days + (self.q - 1.0);
        if below > 0.0 { finite(self.p * (self.v + days * mean) / below) } else { None }
    }
}

/// As of BG/NBD: a factor of a million, with amounts measured by the members' mean.
const REACH: f64 = 14.0;

/// Where the search begins: p, q, v as a part of the mean amount.
const STARTS: [[f64; 3]; 3] = [[4.0, 4.0, 0.7], [1.0, 2.0, 1.0], [20.0, 3.0, 0.1]];

/// The parameters that make the amounts likeliest, by BFGS over their logarithms. The order of the members makes no
/// difference, to the last bit.
///
/// # Errors
/// [`Unfit::TooFew`] of fewer than 100 members, [`Unfit::DidNotConverge`] if there is no maximum: where all spend the
/// same, say.
pub fn fit(members: &[Spent]) -> Result<Fitted<GammaGamma>, Unfit> {
    let count = members.len() as u64;
    if count < FEWEST {
        return Err(Unfit::TooFew);
    }
    let members = sorted(members);
    let scale = crate::sum(members.iter().map(|spent| spent.mean)) / count as f64;
    let scaled = with_logs(members.iter().map(|spent| Spent { days: spent.days, mean: spent.mean / scale }));
    let found = STARTS.iter().find_map(|start| {
        minimum(start.map(libm::log), REACH, |logarithms| {
            let [p, q, v] = logarithms.map(libm::exp);
            let (value, slopes) = likelihood(&GammaGamma { p, q, v }, &scaled);
            (-value, [-slopes[0] * p, -slopes[1] * q, -slopes[2] * v])
        })
    });
    let [p, q, v] = found.ok_or(Unfit::DidNotConverge)?.map(libm::exp);
    let parameters = GammaGamma { p, q, v: v * scale };
    let (log_likelihood, _) = likelihood(&parameters, &with_logs(members.into_iter()));
    Ok(Fitted { parameters, log_likelihood, members: count })
}

/// The logarithm of the likelihood of the amounts (the note's equation 1a). `None` where it is not finite.
pub fn log_likelihood(parameters: &GammaGamma, members: &[Spent]) -> Option<f64> {
    finite(likelihood(parameters, &with_logs(sorted(members).into_iter())).0)
}

/// Each with the logarithm of its mean, which is the same for all parameters.
fn with_logs(members: impl Iterator<Item = Spent>) -> Vec<(Spent, f64)> {
    members.map(|spent| (spent, libm::log(spent.mean))).collect()
}

fn sorted(members: &[Spent]) -> Vec<Spent> {
    let mut members = members.to_vec();
    members.sort_by(|one, other| one.days.cmp(&other.days).then_with(|| one.mean.total_cmp(&other.mean)));
    members
}

/// What members with as many days have in common: x, and of ln Γ(px+q) − ln Γ(px) − ln Γ(q) + q ln v + px ln x the value
/// and what of the slopes is theirs.
struct Common {
    days: f64,
    /// px + q.
    shape: f64,
    value: f64,
    by_p: f64,
    by_q: f64,
}

impl Common {
    fn of(model: &GammaGamma, days: u32) -> Common {
        let GammaGamma { p, q, v } = *model;
        let days = f64::from(days);
        let (own, shape) = (p * days, p * days + q);
        let (log_days, log_v, end) = (libm::log(days), libm::log(v), digamma(shape));
        let gammas = libm::lgamma(shape) - libm::lgamma(own) - libm::lgamma(q);
        Common {
            days,
            shape,
            value: gammas + q * log_v + own * log_days,
            by_p: days * (end - digamma(own) + log_days),
            by_q: end - digamma(q) + log_v,
        }
    }
}

/// The logarithm of the likelihood of sorted members, and its derivatives by p, q, v.
fn likelihood(model: &GammaGamma, members: &[(Spent, f64)]) -> (f64, [f64; 3]) {
    let (mut total, mut slopes) = (0.0, [0.0; 3]);
    for same in members.chunk_by(|(one, _), (other, _)| one.days == other.days) {
        let common = Common::of(model, same[0].0.days);
        for (spent, log_mean) in same {
            let all = model.v + common.days * spent.mean;
            let log_all = libm::log(all);
            total += common.value + (model.p * common.days - 1.0) * log_mean - common.shape * log_all;
            slopes[0] += common.by_p + common.days * (log_mean - log_all);
            slopes[1] += common.by_q - log_all;
            slopes[2] += model.q / model.v - common.shape / all;
        }
    }
    (total, slopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members whose amounts differ, and differ less among themselves; turned if asked.
    fn members(turned: bool) -> Vec<Spent> {
        let member = |n: u32| Spent::new(1 + n % 7, 10.0 + f64::from(n * n % 97) / (1.0 + f64::from(n % 3)));
        let mut members: Vec<Spent> = (0..300).filter_map(member).collect();
        if turned {
            members.reverse();
            members.swap(3, 200);
        }
        members
    }

    #[test]
    fn slopes_are_derivatives() {
        let members = with_logs(sorted(&members(false)).into_iter());
        let at = [6.0, 3.7, 15.0];
        let value = |[p, q, v]: [f64; 3]| likelihood(&GammaGamma { p, q, v }, &members);
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
    fn a_fit_does_not_depend_on_the_order_or_the_unit() {
        let (one, other) = (fit(&members(false)).unwrap(), fit(&members(true)).unwrap());
        assert_eq!(one, other);
        let cents: Vec<Spent> =
            members(false).iter().map(|spent| Spent { mean: spent.mean * 128.0, ..*spent }).collect();
        let cents = fit(&cents).unwrap().parameters;
        let one = one.parameters;
        assert_eq!((cents.p, cents.q, cents.v), (one.p, one.q, one.v * 128.0));
    }

    #[test]
    fn there_is_no_fit_of_what_determines_nothing() {
        assert_eq!(fit(&members(false)[..99]), Err(Unfit::TooFew));
        assert_eq!(fit(&vec![Spent::new(2, 35.0).unwrap(); 1_000]), Err(Unfit::DidNotConverge));
    }

    #[test]
    fn nothing_is_expected_where_there_is_no_mean() {
        let heavy = GammaGamma::new(2.0, 0.8, 10.0).unwrap();
        assert_eq!(heavy.mean(None), None);
        // px + q − 1 is above 0 as soon as there is a day that weighs enough.
        assert_eq!(heavy.mean(Spent::new(1, 20.0).as_ref()), Some(2.0 * 30.0 / 1.8));
        let whole = GammaGamma::new(2.0, 1.0, 10.0).unwrap();
        assert_eq!(whole.mean(Spent::new(1, 20.0).as_ref()), Some(30.0));
        for (days, mean) in [(0, 5.0), (1, 0.0), (1, -1.0), (1, f64::NAN), (1, f64::INFINITY)] {
            assert_eq!(Spent::new(days, mean), None);
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(GammaGamma::new(bad, 2.0, 1.0), None);
        }
    }
}
