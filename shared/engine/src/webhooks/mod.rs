//! What is told outward: what a change of a record means, who is to hear of it, what was sent and what waits.

pub(crate) mod deliveries;
pub(crate) mod happening;
pub(crate) mod registered;

use crate::{access::Access, store::Records};

/// Webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    pub(crate) records: Records,
    pub(crate) access: Access,
}
