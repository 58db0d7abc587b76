//! The keys of a partner.

use domain::time::Instant;

use super::{Stored, layout::layout};
use crate::store::id::PartnerKeyId;

/// The keys of a partner brand, revoked ones too, oldest first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PartnerRecord {
    /// The keys.
    pub keys: Vec<PartnerKeyRecord>,
}

/// A key that a partner signs with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartnerKeyRecord {
    /// Its id, by which requests name it.
    pub id: PartnerKeyId,
    /// The key.
    pub key: KeyRecord,
    /// When it was made.
    pub created_at: Instant,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

/// What signatures are verified with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyRecord {
    /// An Ed25519 public key.
    Ed25519([u8; 32]),
    /// A secret for HMAC-SHA256, sealed under the master key.
    HmacSha256(Vec<u8>),
}

impl Stored for PartnerRecord {}

layout! { struct PartnerRecord { keys } }
layout! { struct PartnerKeyRecord { id, key, created_at, revoked_at } }
layout! { enum KeyRecord { 0 = Ed25519(public), 1 = HmacSha256(sealed) } }
