//! What is computed from members' purchases: the formulas of `docs/INSIGHT.md`, as pure functions of their arguments.
//!
//! Each module is one figure, with its source and what it does not say. None reads a clock, a store or the
//! environment, none panics, and where there is nothing to divide by, or an argument is outside what the formula is
//! for, the answer is `None`.
//!
//! **The one place with floats.** Points and money are whole numbers, everywhere; what is a chance, a rate or an
//! expectation is an `f64` inside this package, and leaves it as a decimal text ([`decimal`]) or a whole number. The
//! bits are the same on every machine: logarithms and their kin are those of the crate `libm`, never the platform's
//! (`clippy.toml` refuses these), sums are taken in a fixed order, and nothing is walked in the order of a hash.
//! What else is used (the four operations, square root, rounding) IEEE 754 defines to the last bit.
#![allow(clippy::float_arithmetic, reason = "chances and rates are floats here, and only here")]

pub mod bgnbd;
pub mod cycle;
pub mod decimal;
pub mod development;
pub mod ease;
pub mod fit;
pub mod gamma_gamma;
pub mod holdout;
pub mod lift;
mod minimum;
mod numeric;
pub mod pairs;
pub mod release;
pub mod rfm;
pub mod seasons;
pub mod survival;
pub mod value;

pub use numeric::sum;
