//! What an order costs with offers: rules as data, the worked cases of the specification, and properties against a
//! second, naive evaluation.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod build;
mod cases;
mod coupons;
mod naive;
mod properties;
mod rules;
mod wire;
mod world;
