//! What must hold of the models' answers whatever they are asked, over a grid of ordinary and odd parameters.
#![allow(clippy::float_arithmetic, reason = "chances and rates are floats in this package")]
// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used)]

use insight::bgnbd::{Bgnbd, Cell, History, fit};

/// r, α, a, b: published ones, the edges a = 1 and a + b = 1 and hairs beside them, and extremes.
const MODELS: &[[f64; 4]] = &[
    [0.243, 4.414, 0.793, 2.426],
    [0.243, 30.898, 0.793, 2.426],
    [0.243, 4.414, 1.0, 2.426],
    [0.243, 4.414, 1.0 + 1e-12, 2.426],
    [0.243, 4.414, 1.0 - 1e-12, 2.426],
    [0.243, 4.414, 0.4, 0.6],
    [0.243, 4.414, 2.0, 1e-9],
    [1e-6, 0.1, 1e-6, 1e-6],
    [50.0, 1.0, 0.7, 1.3],
    [1e6, 1e6, 1e6, 1e6],
    [5.0, 2e4, 3.0, 0.01],
];

/// x, t_x, T.
const HISTORIES: &[(u32, f64, f64)] = &[
    (0, 0.0, 0.0),
    (0, 0.0, 38.86),
    (0, 0.0, 36_525.0),
    (1, 1.71, 38.86),
    (2, 30.43, 38.86),
    (26, 30.86, 31.0),
    (200, 38.5, 38.86),
    (200, 0.5, 38.86),
    (5_000, 900.0, 1_000.0),
    (20_000, 1e-3, 36_525.0),
];

const DAYS: &[f64] = &[0.0, 1e-9, 1.0, 14.0, 39.0, 365.0, 1_095.0];

fn every() -> impl Iterator<Item = (Bgnbd, History)> {
    let model = |[r, alpha, a, b]: [f64; 4]| Bgnbd::new(r, alpha, a, b).unwrap();
    let histories = || HISTORIES.iter().map(|&(again, last, age)| History::new(again, last, age).unwrap());
    MODELS.iter().flat_map(move |parameters| histories().map(move |history| (model(*parameters), history)))
}

#[test]
fn a_probability_is_one() {
    for (model, history) in every() {
        let alive = model.alive(&history);
        assert!((0.0..=1.0).contains(&alive), "{model:?} {history:?}: {alive}");
        assert!(history.again() > 0 || alive == 1.0);
        let chances: Vec<f64> = DAYS.iter().map(|days| model.chance(&history, *days).unwrap()).collect();
        assert_eq!(chances[0], 0.0);
        assert!(
            chances.is_sorted() && chances[DAYS.len() - 1] <= alive,
            "{model:?} {history:?}: {chances:?}"
        );
    }
}

/// The longer somebody stays away, the less likely it is still there; the later it came, the more likely.
#[test]
fn alive_falls_with_absence() {
    for (model, history) in every() {
        let of = |last, age| model.alive(&History::new(history.again(), last, age).unwrap());
        let ages = [0.0, 1e-9, 1.0, 100.0, 1e9].map(|more| of(history.last(), history.age() + more));
        assert!(ages.is_sorted_by(|one, next| one >= next), "{model:?} {history:?}: {ages:?}");
        if history.again() > 0 {
            let lasts = [0.0, 0.3, 0.9, 1.0].map(|part| of(history.age() * part, history.age()));
            assert!(lasts.is_sorted(), "{model:?} {history:?}: {lasts:?}");
        }
    }
}

/// There is always an expectation: it grows with the days, is at least the chance of one order, and at most what is
/// expected of somebody who never leaves.
#[test]
fn expectations_lie_between_their_bounds() {
    for (model, history) in every() {
        let expected: Vec<f64> = DAYS.iter().map(|days| model.expected(&history, *days).unwrap()).collect();
        // Each is exact to some 13 digits.
        let grows = expected.is_sorted_by(|one, next| one * (1.0 - 1e-12) <= *next);
        assert!(grows, "{model:?} {history:?}: {expected:?}");
        for (days, expected) in DAYS.iter().zip(&expected) {
            let chance = model.chance(&history, *days).unwrap();
            let stays = model.alive(&history) * (model.r() + f64::from(history.again())) * days;
            let most = stays / (model.alpha() + history.age());
            let fine = chance * (1.0 - 1e-11) <= *expected && *expected <= most * (1.0 + 1e-11);
            assert!(fine, "{model:?} {history:?}, {days}: {chance} ≤ {expected} ≤ {most}");
        }
    }
}

/// Nothing jumps where the paper's form has its poles: a = 1 and a + b + x = 1.
#[test]
fn there_is_no_pole() {
    for (a, b) in [(1.0, 2.426), (1.0, 0.6), (0.4, 0.6), (0.999, 0.001)] {
        let near = |by: f64| {
            let model = Bgnbd::new(0.243, 4.414, a + by, b).unwrap();
            model.expected(&History::new(0, 0.0, 10.0).unwrap(), 39.0).unwrap()
        };
        let (below, at, above) = (near(-1e-9), near(0.0), near(1e-9));
        assert!(below > at && at > above, "more leave as a grows: {below} {at} {above}");
        assert!(below - above < 1e-8);
    }
}

/// The expectation as the integral that it is: over the chance p of leaving, beta distributed (2, 3), so that Simpson's rule
/// does for it.
#[test]
fn an_expectation_is_its_integral() {
    let model = Bgnbd::new(0.7, 20.0, 2.0, 1.0).unwrap();
    let history = History::new(2, 30.0, 31.0).unwrap();
    let reach = 90.0 / (20.0 + 31.0);
    // Beta (a, b + x) = (2, 3) has the density 12 p (1 − p)², and the p cancels that below.
    let integrand = |p: f64| 12.0 * (1.0 - p) * (1.0 - p) * -libm::expm1(-2.7 * libm::log1p(p * reach));
    let steps = 2_000;
    let terms = (0..=steps).map(|step| {
        let weight = if step == 0 || step == steps { 1.0 } else { f64::from(2 + 2 * (step % 2)) };
        weight * integrand(f64::from(step) / f64::from(steps))
    });
    let integral = terms.sum::<f64>() / (3.0 * f64::from(steps));
    let found = model.expected(&history, 90.0).unwrap() / model.alive(&history);
    assert!((found - integral).abs() < 1e-10, "{found} {integral}");
}

#[test]
fn what_is_no_history_or_no_time_is_refused() {
    for (again, last, age) in [
        (1, 2.0, 1.0),
        (1, -1.0, 1.0),
        (0, 1.0, 2.0),
        (1, f64::NAN, 1.0),
        (1, 0.0, f64::NAN),
        (1, 0.0, f64::INFINITY),
    ] {
        assert_eq!(History::new(again, last, age), None, "{again} {last} {age}");
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!([Bgnbd::new(bad, 1.0, 1.0, 1.0), Bgnbd::new(1.0, 1.0, 1.0, bad)], [None, None]);
    }
    let (model, history) = every().next().unwrap();
    for days in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!([model.chance(&history, days), model.expected(&history, days)], [None, None], "{days}");
    }
    // More purchases than anybody counts: no endless sum.
    let busy = Bgnbd::new(1e300, 1e-300, 1.0, 1.0).unwrap();
    assert_eq!(busy.expected(&history, 365.0), None);
}

/// Members by the model's own chances, with a generator of our own: what is fitted to them is near what made them.
#[test]
fn a_fit_finds_what_made_the_data() {
    let made = Bgnbd::new(1.0, 25.0, 0.8, 2.0).unwrap();
    let mut state = 11u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    // A beta variate of (0.8, 2) by Jöhnk, and a gamma variate of shape 1, which is an exponential one.
    let mut cells = Vec::new();
    while cells.len() < 20_000 {
        let (x, y) = (libm::pow(uniform(), 1.0 / made.a()), libm::pow(uniform(), 1.0 / made.b()));
        let rate = -libm::log(uniform());
        if x + y > 1.0 {
            continue;
        }
        let (leaves, rate) = (x / (x + y), rate / made.alpha());
        let (mut again, mut last, mut at) = (0, 0.0, 0.0);
        loop {
            at -= libm::log(uniform()) / rate;
            if at > 365.0 {
                break;
            }
            (again, last) = (again + 1, at);
            if uniform() < leaves {
                break;
            }
        }
        cells.push(Cell { history: History::new(again, last, 365.0).unwrap(), members: 1 });
    }
    let found = fit(&cells).unwrap().parameters;
    println!("{found:?}");
    for (one, other) in
        [(found.r(), made.r()), (found.alpha(), made.alpha()), (found.a(), made.a()), (found.b(), made.b())]
    {
        assert!((one / other - 1.0).abs() < 0.1, "{found:?}");
    }
}
