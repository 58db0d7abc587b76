//! A caller.

use domain::{id::BrandId, time::Instant};

use super::{Stored, layout::layout};
use crate::store::id::KeyHash;

/// A caller and the hash of its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerRecord {
    /// For people.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// The one brand it acts for, if bound to one.
    pub brand: Option<BrandId>,
    /// SHA-256 of its key.
    pub hash: KeyHash,
    /// When it was made.
    pub created_at: Instant,
    /// When its key was last changed.
    pub rotated_at: Instant,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// How many keys it has had.
    pub generation: u32,
}

impl Stored for CallerRecord {}

layout! { struct CallerRecord { name, roles, brand, hash, created_at, rotated_at, revoked_at, generation } }
