//! The formulas against published values and values computed otherwise: the file `vectors/insight/insight.json` of the
//! specification, if it lies beside this repository, or another of its layout that INSIGHT_VECTORS names. What it says of
//! public data sets is checked where these are: in the folder that INSIGHT_DATA names, or in `examples/data/sources`.
//! `scripts/check-insight` fetches them. What is not there is left out, with a word.
#![allow(clippy::float_arithmetic, reason = "chances and rates are floats in this package")]
// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used)]

mod vectors {
    mod formulas;
    mod offers;
    mod sets;
    mod told;
}
