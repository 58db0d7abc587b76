//! A nonce.

use domain::time::Instant;

use super::{Stored, layout::layout};

/// A nonce that a signed request was accepted with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NonceRecord {
    /// The last moment at which the same request would still be in time.
    pub until: Instant,
}

impl Stored for NonceRecord {}

layout! { struct NonceRecord { until } }
