//! The minimum of a smooth function of a few numbers, found the same way on every machine.
//!
//! BFGS (Nocedal and Wright, *Numerical Optimization*, 2006, algorithm 6.1) with the step chosen by bisection until the
//! weak Wolfe conditions hold (Lewis and Overton, *Mathematical Programming* 141, 2013). The models hand in logarithms
//! of their parameters, which are above 0, and exact gradients.

/// A function's value and its gradient. Outside of its domain the value is not finite.
pub(crate) type Value<const N: usize> = (f64, [f64; N]);

/// Steps from the start, and trials of one step. The models here need some thirty of two.
const STEPS: usize = 400;
const TRIALS: usize = 60;

/// The gradient that passes for 0, and what of a value may be the noise of its sum, both as a part of the value.
const FLAT: f64 = 1e-10;
const NOISE: f64 = 1e-11;

/// The conditions on a step: how much of the promised descent it must bring, and how much of the slope may be left.
const DESCENT: f64 = 1e-4;
const CURVATURE: f64 = 0.9;

/// The farthest that one number moves in one trial. As they are logarithms: by a factor of 7.
const FARTHEST: f64 = 2.0;

/// Where the function is least, seen from `start`: no number there lies farther than `reach` from 0. `None` if it gets
/// there, or to no end: a function that falls for ever has no minimum, and a ridge that is nearly flat is none either.
pub(crate) fn minimum<const N: usize>(
    start: [f64; N],
    reach: f64,
    mut function: impl FnMut(&[f64; N]) -> Value<N>,
) -> Option<[f64; N]> {
    let mut at = start;
    let mut here = function(&at);
    let mut inverse = None;
    for _ in 0..STEPS {
        if !here.0.is_finite() || at.iter().any(|number| number.abs() > reach) {
            return None;
        }
        if largest(&here.1) <= FLAT * here.0.abs().max(1.0) {
            return Some(at);
        }
        let direction = downhill(inverse.as_ref(), &here.1);
        let Some((to, there)) = step(&at, &here, &direction, &mut function) else {
            // A direction that leads nowhere: once more from the gradient alone, unless that was it.
            inverse.take()?;
            continue;
        };
        let moved = std::array::from_fn(|i| to[i] - at[i]);
        let turned = std::array::from_fn(|i| there.1[i] - here.1[i]);
        inverse = Some(updated(inverse, &moved, &turned));
        (at, here) = (to, there);
    }
    None
}

fn dot<const N: usize>(one: &[f64; N], other: &[f64; N]) -> f64 {
    one.iter().zip(other).fold(0.0, |sum, (one, other)| sum + one * other)
}

fn largest<const N: usize>(numbers: &[f64; N]) -> f64 {
    numbers.iter().fold(0.0, |largest: f64, number| largest.max(number.abs()))
}

/// Against the gradient, turned by what is known of the curvature; at most [`FARTHEST`] long.
fn downhill<const N: usize>(inverse: Option<&[[f64; N]; N]>, gradient: &[f64; N]) -> [f64; N] {
    let mut direction = match inverse {
        Some(inverse) => std::array::from_fn(|i| -dot(&inverse[i], gradient)),
        None => gradient.map(|slope| -slope / largest(gradient)),
    };
    if dot(&direction, gradient) >= 0.0 {
        direction = gradient.map(|slope| -slope / largest(gradient));
    }
    let longest = largest(&direction);
    if longest > FARTHEST { direction.map(|part| part * (FARTHEST / longest)) } else { direction }
}

/// A point along the direction that fulfils the weak Wolfe conditions.
fn step<const N: usize>(
    at: &[f64; N],
    here: &Value<N>,
    direction: &[f64; N],
    function: &mut impl FnMut(&[f64; N]) -> Value<N>,
) -> Option<([f64; N], Value<N>)> {
    let slope = dot(&here.1, direction);
    let (mut short, mut long, mut length) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..TRIALS {
        let to: [f64; N] = std::array::from_fn(|i| at[i] + length * direction[i]);
        let there = function(&to);
        let left = dot(&there.1, direction);
        // So close to the minimum that values differ by their noise alone, the slopes decide.
        let falls = there.0 <= here.0 + DESCENT * length * slope
            || (there.0 <= here.0 + NOISE * here.0.abs() && left <= CURVATURE * -slope);
        if !there.0.is_finite() || !falls {
            long = length;
        } else if left < CURVATURE * slope {
            short = length;
        } else {
            return Some((to, there));
        }
        length = if long.is_finite() { (short + long) / 2.0 } else { 2.0 * length };
    }
    None
}

/// What is known of the inverse of the second derivatives, after a step that moved so far and turned the gradient so.
fn updated<const N: usize>(
    inverse: Option<[[f64; N]; N]>,
    moved: &[f64; N],
    turned: &[f64; N],
) -> [[f64; N]; N] {
    let along = dot(moved, turned);
    let identity =
        |scale: f64| std::array::from_fn(|i| std::array::from_fn(|j| if i == j { scale } else { 0.0 }));
    let before: [[f64; N]; N] = inverse.unwrap_or_else(|| identity(along / dot(turned, turned)));
    if !along.is_finite() || along <= 0.0 {
        return inverse.unwrap_or_else(|| identity(1.0));
    }
    let seen: [f64; N] = std::array::from_fn(|i| dot(&before[i], turned));
    let scale = (1.0 + dot(turned, &seen) / along) / along;
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            before[i][j] + scale * moved[i] * moved[j] - (seen[i] * moved[j] + moved[i] * seen[j]) / along
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley.
    fn valley(at: &[f64; 2]) -> Value<2> {
        let [x, y] = *at;
        let (far, off) = (1.0 - x, y - x * x);
        (far * far + 100.0 * off * off, [-2.0 * far - 400.0 * x * off, 200.0 * off])
    }

    #[test]
    fn it_follows_a_bent_valley() {
        let found = minimum([-1.2, 1.0], 10.0, valley).unwrap();
        assert!((found[0] - 1.0).abs() < 1e-8 && (found[1] - 1.0).abs() < 1e-8, "{found:?}");
    }

    #[test]
    fn what_falls_for_ever_has_no_minimum() {
        assert_eq!(minimum([0.0], 14.0, |at: &[f64; 1]| (libm::exp(-at[0]), [-libm::exp(-at[0])])), None);
        assert_eq!(minimum([0.0], 14.0, |at: &[f64; 1]| (-at[0], [-1.0])), None);
        assert_eq!(minimum([0.0], 14.0, |_: &[f64; 1]| (f64::NAN, [0.0])), None);
        assert_eq!(minimum([20.0], 14.0, |_: &[f64; 1]| (1.0, [0.0])), None);
    }

    /// A value that is not finite is a wall, and the search stays on this side of it.
    #[test]
    fn a_wall_is_not_crossed() {
        let function = |at: &[f64; 1]| {
            let x = at[0];
            if x >= 1.0 {
                (f64::INFINITY, [0.0])
            } else {
                (x * x - libm::log(1.0 - x), [2.0 * x + 1.0 / (1.0 - x)])
            }
        };
        let found = minimum([0.9], 14.0, function).unwrap()[0];
        // 2x(1 − x) = −1.
        assert!((found - (1.0 - 3.0f64.sqrt()) / 2.0).abs() < 1e-9, "{found}");
    }
}
