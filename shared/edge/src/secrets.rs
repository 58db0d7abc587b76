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

/// What link codes are written with: Crockford's base 32, which leaves out what is easily taken for
/// something else.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters of a link code, 5 bits each: 75 bits, in groups that can be read out.
const CODE_LETTERS: usize = 15;
const CODE_GROUP: usize = 5;

/// What is derived from the master key. The master key itself is not kept.
#[derive(Clone)]
pub struct Secrets {
    identity: [u8; 32],
    caller: [u8; 32],
    fingerprint: [u8; 32],
    content: [u8; 32],
    token: [u8; 32],
    link_code: [u8; 32],
    link_code_hash: [u8; 32],
}

impl Secrets {
    /// The secrets of that master key.
    pub fn new(master: &[u8]) -> Secrets {
        Secrets {
            identity: derive(master, b"laurel identity v1"),
            caller: derive(master, b"laurel caller v1"),
            fingerprint: derive(master, b"laurel fingerprint v1"),
            content: derive(master, b"laurel content v1"),
            token: derive(master, b"laurel member token v1"),
            link_code: derive(master, b"laurel link code v1"),
            link_code_hash: derive(master, b"laurel link code hash v1"),
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

    /// The link code of that number. It follows from the master key, so that a repeated request gets
    /// the same answer though only the code's hash is stored.
    pub fn link_code(&self, number: [u8; 16]) -> String {
        let secret = derive(&self.link_code, &number);
        let letters = secret.iter().take(CODE_LETTERS).map(|byte| CROCKFORD[usize::from(byte % 32)]);
        let letters: Vec<u8> = letters.collect();
        let groups = letters.chunks(CODE_GROUP).map(|group| group.iter().copied().map(char::from).collect());
        groups.collect::<Vec<String>>().join("-")
    }

    /// The keyed hash under which a link code is stored, however somebody types it; `None` if it is
    /// no code of ours.
    pub fn link_code_hash(&self, typed: &str) -> Option<[u8; 16]> {
        let letters = typed.bytes().filter(|byte| !matches!(byte, b'-' | b' '));
        let letters = letters.map(|byte| match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        });
        let letters: Vec<u8> = letters.collect();
        let good = letters.len() == CODE_LETTERS && letters.iter().all(|letter| CROCKFORD.contains(letter));
        good.then(|| {
            let mut hash = [0; 16];
            hash.copy_from_slice(&derive(&self.link_code_hash, &letters)[..16]);
            hash
        })
    }

    /// The seal over a token's content, for the key of that hash.
    pub(crate) fn seal(&self, content: &[u8], key_hash: &[u8; 32]) -> [u8; 32] {
        derive(&self.token, &[content, key_hash].concat())
    }

    /// Whether that is the seal; takes the same time wherever they differ.
    pub(crate) fn is_sealed(&self, content: &[u8], key_hash: &[u8; 32], seal: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.token) else { return false };
        mac.update(content);
        mac.update(key_hash);
        mac.verify_slice(seal).is_ok()
    }
}

fn derive(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn link_codes_can_be_typed() {
        let secrets = Secrets::new(b"tests-master-key-0123456789abcdef");
        let code = secrets.link_code([7; 16]);
        assert_eq!(code.len(), 17, "{code}");
        assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5]);
        let hash = secrets.link_code_hash(&code);
        assert!(hash.is_some());
        let typed = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        for typed in [typed.as_str(), &code.replace('-', ""), &format!("--{code} ")] {
            assert_eq!(secrets.link_code_hash(typed), hash, "{typed}");
        }
        for wrong in ["", "ABCDE-ABCDE-ABCD", "ABCDE-ABCDE-ABCDEF", "ABCDE-ABCDE-ABCDU", "ABCDE-ABCDE-ABCD李"]
        {
            assert_eq!(secrets.link_code_hash(wrong), None, "{wrong}");
        }
        let codes: BTreeSet<String> = (0..=255).map(|number| secrets.link_code([number; 16])).collect();
        assert_eq!(codes.len(), 256);
        let letters: BTreeSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), 33, "every letter is used, and the dash");
        assert_ne!(Secrets::new(b"another").link_code([7; 16]), code);
    }
}
