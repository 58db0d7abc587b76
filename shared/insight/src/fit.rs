//! What a fit is, or why there is none.

use std::fmt;

/// Fewer members than this who have come back once tell nothing about when members come back.
pub const FEWEST: u64 = 100;

/// What was fitted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fitted<P> {
    /// The parameters at the maximum.
    pub parameters: P,
    /// The logarithm of the likelihood of the data there.
    pub log_likelihood: f64,
    /// The members whose data these are.
    pub members: u64,
}

/// Why there is no fit. The model that was in force stays so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Fewer than [`FEWEST`] members who came back.
    TooFew,
    /// No maximum was found inside what the parameters may be: the data do not determine them.
    DidNotConverge,
}

impl Unfit {
    /// The word for it on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Unfit::TooFew => "too_few",
            Unfit::DidNotConverge => "did_not_converge",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.code())
    }
}

impl std::error::Error for Unfit {}
