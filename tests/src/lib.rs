//! What the tests share: the reference model of the rules, written from the rules alone.

pub mod model;
