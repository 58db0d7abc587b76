//! The two algorithms partners sign with, and their keys.

use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A partner's key.
#[derive(Clone)]
pub enum Key {
    /// `ed25519` (RFC 9421, 3.3.6): the partner's public key.
    Ed25519(VerifyingKey),
    /// `hmac-sha256` (RFC 9421, 3.3.3): the secret both share.
    Hmac(Vec<u8>),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.algorithm())
    }
}

impl Key {
    /// The key of these 32 bytes; `None` if they are not a public key, or one with which anything could be
    /// signed (a point of small order).
    pub fn ed25519(public: &[u8]) -> Option<Key> {
        let key = VerifyingKey::from_bytes(public.try_into().ok()?).ok()?;
        (!key.is_weak()).then_some(Key::Ed25519(key))
    }

    /// The algorithm's name, as in `alg`.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Key::Ed25519(_) => "ed25519",
            Key::Hmac(_) => "hmac-sha256",
        }
    }

    /// Whether this key's holder signed that base. The time does not depend on where an HMAC differs.
    pub(super) fn signed(&self, base: &[u8], signature: &[u8]) -> bool {
        match self {
            Key::Ed25519(key) => Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(base, &signature).is_ok()),
            Key::Hmac(secret) => {
                // HMAC takes a key of any length.
                Hmac::<Sha256>::new_from_slice(secret)
                    .is_ok_and(|mac| mac.chain_update(base).verify_slice(signature).is_ok())
            }
        }
    }
}
