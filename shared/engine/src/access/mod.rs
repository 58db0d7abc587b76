//! Callers, nonces, remembered requests, the activity log, readers of the feed that are given up, and the age of a
//! request's moment.

pub(crate) mod activity;
pub(crate) mod callers;
pub(crate) mod forget;
pub(crate) mod moment;
mod nonces;
mod readers;
pub(crate) mod requests;
pub(crate) mod staff;

use crate::{access::moment::Watch, store::Records};

/// Callers, and remembered requests. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    pub(crate) records: Records,
    pub(crate) watch: Option<Watch>,
}
