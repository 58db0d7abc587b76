//! Who asks, whether it was asked before, and at what moment: callers, nonces, requests that are
//! remembered.

pub(crate) mod callers;
pub(crate) mod forget;
pub(crate) mod moment;
mod nonces;
pub(crate) mod requests;

use crate::{access::moment::Watch, store::Records};

/// Who asks, and whether it was asked before. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    pub(crate) records: Records,
    pub(crate) watch: Option<Watch>,
}
