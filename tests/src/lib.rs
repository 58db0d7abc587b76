//! What the tests share: the reference model of the rules, written from the rules alone, a partner that
//! signs its requests, written from the standards alone, and a checker of histories.

pub mod linear;

// A model that cannot continue panics: only tests run it.
#[allow(clippy::unwrap_used, clippy::expect_used)]
pub mod model;

#[allow(clippy::unwrap_used, clippy::expect_used)]
pub mod partner;
