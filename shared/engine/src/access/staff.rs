//! What staff change by a request, as the activity log is to have it.

use std::sync::Arc;

use domain::time::Instant;
use tokio::sync::Mutex;

use crate::store::{id::RequestId, records::On};

/// What staff change by a request, to be noted with the change.
#[derive(Clone, Debug)]
pub struct ByStaff {
    /// When. It stays when the request takes a new moment, so that one request is one record.
    pub at: Instant,
    /// The caller's name.
    pub name: String,
    /// What is done, as a word.
    pub what: &'static str,
    /// What it is done to, as far as the request says it.
    pub on: On,
    /// Which part of that.
    pub about: Option<String>,
    /// Why, where it is said.
    pub reason: Option<String>,
    /// The request's id.
    pub request: RequestId,
    /// Of a request that makes many commits: whether one of them has noted it.
    pub noted: Option<Arc<Mutex<bool>>>,
}
