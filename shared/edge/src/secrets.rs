//! Secrets: what is derived from the master key, and chance.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes nobody can guess.
///
/// # Errors
/// The machine has no source of chance.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// What is derived from the master key. The master key itself is not kept.
#[derive(Clone)]
pub struct Secrets {
    identity: [u8; 32],
    caller: [u8; 32],
    fingerprint: [u8; 32],
    content: [u8; 32],
}

impl Secrets {
    /// The secrets of that master key.
    pub fn new(master: &[u8]) -> Secrets {
        Secrets {
            identity: derive(master, b"laurel identity v1"),
            caller: derive(master, b"laurel caller v1"),
            fingerprint: derive(master, b"laurel fingerprint v1"),
            content: derive(master, b"laurel content v1"),
        }
    }

    /// Tells one master key from another, and nothing of either.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What hashes of requests are keyed with: a plain hash would let a telephone number be guessed
    /// from the record of an erased person's request.
    pub(crate) fn content_key(&self) -> &[u8] {
        &self.content
    }

    /// The keyed hash under which an identity is indexed: of its kind, channel and value.
    pub fn identity_hash(&self, kind: &str, channel: &str, value: &str) -> [u8; 16] {
        let text = [kind, "\0", channel, "\0", value].concat();
        let mut hash = [0; 16];
        hash.copy_from_slice(&derive(&self.identity, text.as_bytes())[..16]);
        hash
    }

    /// A caller's key of that generation. It follows from the master key, so that a repeated
    /// request gets the same answer though only the key's hash is stored.
    pub fn caller_key(&self, id: [u8; 16], generation: u32) -> String {
        let named = [&id[..], &generation.to_be_bytes()[..]].concat();
        let secret = derive(&self.caller, &named);
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("lk_{hex}")
    }
}

fn derive(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}
