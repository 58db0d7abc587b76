//! A seal: what is encrypted under a line of the master key, and says under which.

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};

use super::derive;

/// The bytes of each seal's nonce.
pub(super) const SEAL_NONCE_BYTES: usize = 24;

/// What a seal begins with that names its line of the master key by a mark. Before there were marks, a seal began with
/// the line's place, from 1.
pub(super) const MARKED: u8 = 0;

/// The bytes of a line's mark.
pub(super) const MARK_BYTES: usize = 8;

/// What is sealed under a line of the master key.
#[derive(Clone)]
pub(super) struct Seal {
    cipher: [u8; 32],
    /// What the nonces of sealed records follow from.
    pub(super) nonce: [u8; 32],
    /// Tells the line from others, wherever it stands, and reveals nothing about it.
    pub(super) mark: [u8; MARK_BYTES],
}

impl Seal {
    pub(super) fn of(line: &[u8]) -> Seal {
        let [mark @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            derive(line, b"laurel seal mark v1");
        Seal { cipher: derive(line, b"laurel seal v1"), nonce: derive(line, b"laurel seal nonce v1"), mark }
    }

    /// The mark, the nonce, and the output of XChaCha20-Poly1305.
    pub(super) fn over(&self, name: &[u8], nonce: [u8; SEAL_NONCE_BYTES], secret: &[u8]) -> Option<Vec<u8>> {
        let cipher = XChaCha20Poly1305::new(&self.cipher.into());
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: secret, aad: name }).ok()?;
        Some([&[MARKED][..], &self.mark, &nonce, &sealed].concat())
    }

    /// What lies behind the mark.
    pub(super) fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<SEAL_NONCE_BYTES>()?;
        let cipher = XChaCha20Poly1305::new(&self.cipher.into());
        cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: name }).ok()
    }
}
