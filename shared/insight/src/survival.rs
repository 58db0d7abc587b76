//! Survival: after how many days members have ordered again, those who have not yet counted too (复购间隔).
//!
//! Kaplan and Meier, "Nonparametric Estimation from Incomplete Observations", *JASA* 53(282), 1958; the band by
//! Greenwood's variance of log(−log S), as Kalbfleisch and Prentice, *The Statistical Analysis of Failure Time Data*,
//! 1980, have it, so that it stays between 0 and 1. A gap that is still open is censored today; of a day's gaps those
//! that closed come first, so an open one was at risk on its last day.
//!
//! A median of the gaps that have closed would be far too short: those who take longest have not closed theirs.

use crate::numeric::finite;

/// The normal distribution's quantile for 95 %.
pub const Z: f64 = 1.959_964;

/// How many gaps of one length have closed, and how many are open at that age.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Day {
    closed: u64,
    open: u64,
}

/// The gaps, by their length in whole days.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Gaps {
    days: Vec<Day>,
}

/// The longest gap: a century.
pub const LONGEST: u32 = 36_525;

/// The curve on one day.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// The day after the order that began the gap.
    pub day: u32,
    /// The part of gaps that last longer than `day`: S.
    pub survival: f64,
    /// The 95 % band; `None` where S is 1 or 0, of which log(−log S) says nothing.
    pub band: Option<(f64, f64)>,
    /// The gaps that were not closed and not censored before `day`.
    pub at_risk: u64,
}

/// S and Greenwood's sum after one day.
#[derive(Clone, Copy)]
struct Step {
    survival: f64,
    greenwood: f64,
    at_risk: u64,
}

impl Gaps {
    /// None yet.
    pub fn new() -> Gaps {
        Gaps::default()
    }

    /// Another gap of that many days, which an order has closed, or which is open today. `None`, and nothing changes,
    /// beyond [`LONGEST`].
    pub fn add(&mut self, days: u32, closed: bool) -> Option<()> {
        if days > LONGEST {
            return None;
        }
        let at = usize::try_from(days).ok()?;
        if self.days.len() <= at {
            self.days.resize(at + 1, Day::default());
        }
        let day = &mut self.days[at];
        let count = if closed { &mut day.closed } else { &mut day.open };
        *count = count.checked_add(1)?;
        Some(())
    }

    /// The gaps that have closed.
    pub fn events(&self) -> u64 {
        self.days.iter().map(|day| day.closed).sum()
    }

    /// The curve on each of the days asked about, in their order. Without gaps it is empty. After the longest gap
    /// the curve stays where it is, with nobody at risk.
    pub fn curve(&self, days: &[u32]) -> Vec<Point> {
        let steps = self.steps();
        let Some(end) = steps.last() else { return Vec::new() };
        let ended = Step { at_risk: 0, ..*end };
        let point = |&day: &u32| {
            let step = usize::try_from(day).ok().and_then(|day| steps.get(day)).unwrap_or(&ended);
            Point { day, survival: step.survival, band: band(step), at_risk: step.at_risk }
        };
        days.iter().map(point).collect()
    }

    /// The first day on which half of the gaps, or more, have closed; `None` if that day has not come.
    pub fn median(&self) -> Option<u32> {
        let day = self.steps().iter().position(|step| step.survival <= 0.5)?;
        u32::try_from(day).ok()
    }

    /// 1 − S: the part of gaps that close by that day. `None` without gaps.
    pub fn closed_by(&self, day: u32) -> Option<f64> {
        self.curve(&[day]).first().map(|point| 1.0 - point.survival)
    }

    fn steps(&self) -> Vec<Step> {
        let all = self.days.iter().map(|day| day.closed + day.open).sum();
        let mut step = Step { survival: 1.0, greenwood: 0.0, at_risk: all };
        let mut censored = 0;
        let mut steps = Vec::with_capacity(self.days.len());
        for day in &self.days {
            step.at_risk -= censored;
            let (closed, at_risk) = (day.closed as f64, step.at_risk as f64);
            if day.closed > 0 {
                let left = at_risk - closed;
                step.survival *= left / at_risk;
                step.greenwood += closed / (at_risk * left);
            }
            steps.push(step);
            censored = day.closed + day.open;
        }
        steps
    }
}

/// S^exp(±θ) with θ = z √Greenwood ÷ ln S.
fn band(step: &Step) -> Option<(f64, f64)> {
    if !(step.survival > 0.0 && step.survival < 1.0) {
        return None;
    }
    let log = libm::log(step.survival);
    let theta = Z * step.greenwood.sqrt() / -log;
    let end = |theta: f64| finite(libm::exp(log * libm::exp(theta)));
    Some((end(theta)?, end(-theta)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(told: &[(u32, bool)]) -> Gaps {
        let mut gaps = Gaps::new();
        for &(days, closed) in told {
            gaps.add(days, closed).unwrap();
        }
        gaps
    }

    /// Weeks until relapse of leukaemia under 6-MP (Freireich 1963), as in Kalbfleisch and Prentice: + is censored.
    const RELAPSES: &[(u32, bool)] = &[
        (6, true),
        (6, true),
        (6, true),
        (6, false),
        (7, true),
        (9, false),
        (10, true),
        (10, false),
        (11, false),
        (13, true),
        (16, true),
        (17, false),
        (19, false),
        (20, false),
        (22, true),
        (23, true),
        (25, false),
        (32, false),
        (32, false),
        (34, false),
        (35, false),
    ];

    #[test]
    fn the_curve_is_that_of_the_textbook() {
        let curve = gaps(RELAPSES).curve(&[5, 6, 7, 10, 13, 16, 22, 23, 40]);
        let found: Vec<(u64, String)> =
            curve.iter().map(|point| (point.at_risk, format!("{:.3}", point.survival))).collect();
        let expected = [
            (21, "1.000"),
            (21, "0.857"),
            (17, "0.807"),
            (15, "0.753"),
            (12, "0.690"),
            (11, "0.627"),
            (7, "0.538"),
            (6, "0.448"),
            (0, "0.448"),
        ];
        assert_eq!(found, expected.map(|(at_risk, survival)| (at_risk, survival.to_owned())));
        assert_eq!((gaps(RELAPSES).events(), gaps(RELAPSES).median()), (9, Some(23)));
        // R's survfit(conf.type = "log-log") at 10: .503 and .889.
        let (low, high) = curve[3].band.unwrap();
        assert_eq!(format!("{low:.3} {high:.3}"), "0.503 0.889");
        assert_eq!(curve[0].band, None);
    }

    #[test]
    fn a_curve_never_rises_and_lies_in_its_band() {
        let mut state = 3u32;
        for size in [1, 2, 10, 400] {
            let told: Vec<(u32, bool)> = (0..size)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((state >> 16) % 50, state >> 31 == 0)
                })
                .collect();
            let days: Vec<u32> = (0..60).collect();
            let curve = gaps(&told).curve(&days);
            assert!(
                curve.is_sorted_by(|one, next| one.survival >= next.survival && one.at_risk >= next.at_risk)
            );
            for point in &curve {
                let (low, high) = point.band.unwrap_or((0.0, 1.0));
                assert!(
                    0.0 <= low && low <= point.survival && point.survival <= high && high <= 1.0,
                    "{point:?}"
                );
            }
            let turned: Vec<(u32, bool)> = told.iter().rev().copied().collect();
            assert_eq!(gaps(&turned).curve(&days), curve);
        }
    }

    #[test]
    fn without_censoring_it_is_a_count() {
        let closed = gaps(&[(1, true), (2, true), (2, true), (8, true)]);
        let survivals: Vec<f64> =
            closed.curve(&[0, 1, 2, 7, 8, 9]).iter().map(|point| point.survival).collect();
        assert_eq!(survivals, [1.0, 0.75, 0.25, 0.25, 0.0, 0.0]);
        assert_eq!(closed.median(), Some(2));
        assert_eq!((closed.closed_by(1), closed.closed_by(2)), (Some(0.25), Some(0.75)));
    }

    #[test]
    fn nothing_is_told_of_nobody() {
        assert_eq!(
            (Gaps::new().curve(&[1]), Gaps::new().median(), Gaps::new().closed_by(3)),
            (vec![], None, None)
        );
        assert_eq!(gaps(&[(5, false)]).median(), None);
        assert_eq!(Gaps::new().add(LONGEST + 1, true), None);
        assert_eq!(gaps(&[(LONGEST, true)]).curve(&[u32::MAX])[0].survival, 0.0);
    }
}
