//! Who asks, whether it was asked before, and at what moment: callers, nonces, requests that are
//! remembered.

pub(crate) mod callers;
pub(crate) mod forget;
pub(crate) mod moment;
mod nonces;
