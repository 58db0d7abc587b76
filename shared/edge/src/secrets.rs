//! Secrets: what is derived from the master key, what is sealed under it, and random bytes.

use crate::{
    card::{CardSecrets, letters::CROCKFORD},
    wire::CodeNumber,
};
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use engine::id::{CallerId, IdentityHash, KeyHash, LinkCodeHash};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes nobody can guess.
///
/// # Errors
/// The machine has no source of randomness.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The shortest master key, in characters.
const MASTER_KEY_MIN: usize = 32;

/// The random bytes of each seal.
const SEAL_NONCE_BYTES: usize = 24;

/// Whether that is a master key, or several: each on a line of its own, with at least 32 characters.
pub fn is_master_key(text: &str) -> bool {
    let mut lines = text.trim().lines().map(str::trim).peekable();
    lines.peek().is_some() && lines.all(|line| line.len() >= MASTER_KEY_MIN)
}

/// Letters of a link code, 5 bits each: 75 bits, in groups that can be read out.
const CODE_LETTERS: usize = 15;
const CODE_GROUP: usize = 5;

/// What is derived from the master key. The master key itself is not kept.
///
/// It may have several versions, each on a line of its own, the oldest first. Anything that must be found
/// again, such as identities, always follows from the first; anything that is only read again is sealed under
/// the newest, and says under which.
#[derive(Clone)]
pub struct Secrets {
    identity: [u8; 32],
    caller: [u8; 32],
    fingerprint: [u8; 32],
    content: [u8; 32],
    /// What is sealed under each version, from the first.
    seals: Vec<[u8; 32]>,
    token: [u8; 32],
    link_code: [u8; 32],
    link_code_hash: [u8; 32],
    pub(crate) cards: CardSecrets,
}

impl Secrets {
    /// The secrets of that master key, of one or several lines.
    pub fn new(master: &[u8]) -> Secrets {
        let lines = master.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let versions: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
        // A caller that passes none has not checked `is_master_key`; secrets derived from nothing open
        // nothing of others.
        let master = versions.first().copied().unwrap_or_default();
        Secrets {
            identity: derive(master, b"laurel identity v1"),
            caller: derive(master, b"laurel caller v1"),
            fingerprint: derive(master, b"laurel fingerprint v1"),
            content: derive(master, b"laurel content v1"),
            seals: versions.iter().map(|version| derive(version, b"laurel seal v1")).collect(),
            token: derive(master, b"laurel member token v1"),
            link_code: derive(master, b"laurel link code v1"),
            link_code_hash: derive(master, b"laurel link code hash v1"),
            cards: CardSecrets::new(&derive(master, b"laurel cards v1")),
        }
    }

    /// Distinguishes master keys, and reveals nothing about them.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The key for hashes of requests: a plain hash would let somebody guess a telephone number from the
    /// record of an erased person's request.
    pub(crate) fn content_key(&self) -> &[u8] {
        &self.content
    }

    /// The keyed hash under which an identity is indexed: of its kind, channel and value.
    pub fn identity_hash(&self, kind: &str, channel: &str, value: &str) -> IdentityHash {
        let text = [kind, "\0", channel, "\0", value].concat();
        IdentityHash(half(derive(&self.identity, text.as_bytes())))
    }

    /// Seals a secret under the newest version of the master key, so that it can be opened again under the
    /// same name alone: a byte for the version, random bytes, and the output of XChaCha20-Poly1305. `None` if
    /// the machine has no source of randomness, or the master key has more than 255 versions.
    pub fn seal(&self, name: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; SEAL_NONCE_BYTES] = random().ok()?;
        let version = u8::try_from(self.seals.len()).ok()?;
        let cipher = XChaCha20Poly1305::new(self.seals.last()?.into());
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: secret, aad: name }).ok()?;
        Some([&[version][..], &nonce, &sealed].concat())
    }

    /// What was sealed under that name; `None` if it was sealed under a missing version of the master key or
    /// under another name, or is damaged.
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<SEAL_NONCE_BYTES>()?;
        let seal = self.seals.get(usize::from(*version).checked_sub(1)?)?;
        let cipher = XChaCha20Poly1305::new(seal.into());
        cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: name }).ok()
    }

    /// Whether it was sealed under the newest version of the master key.
    pub fn is_newest(&self, sealed: &[u8]) -> bool {
        sealed.first().is_some_and(|version| usize::from(*version) == self.seals.len())
    }

    /// A caller's key of that generation. It follows from the master key, so that a repeated
    /// request gets the same answer though only the key's hash is stored.
    pub fn caller_key(&self, id: CallerId, generation: u32) -> String {
        let named = [&id.bytes()[..], &generation.to_be_bytes()[..]].concat();
        let secret = derive(&self.caller, &named);
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("lk_{hex}")
    }

    /// The link code of that number. It follows from the master key, so that a repeated request gets
    /// the same answer though only the code's hash is stored.
    pub fn link_code(&self, number: CodeNumber) -> String {
        let letters = self.letters(number);
        let groups = letters.chunks(CODE_GROUP).map(|group| group.iter().copied().map(char::from).collect());
        groups.collect::<Vec<String>>().join("-")
    }

    /// The keyed hash under which the link code of that number is stored.
    pub fn link_code_hash_of(&self, number: CodeNumber) -> LinkCodeHash {
        self.letters_hash(&self.letters(number))
    }

    /// The keyed hash under which a link code is stored, however somebody types it; `None` if it is not one
    /// of our codes.
    pub fn link_code_hash(&self, typed: &str) -> Option<LinkCodeHash> {
        let letters = typed.bytes().filter(|byte| !matches!(byte, b'-' | b' '));
        let letters = letters.map(|byte| match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        });
        let letters: Vec<u8> = letters.collect();
        let good = letters.len() == CODE_LETTERS && letters.iter().all(|letter| CROCKFORD.contains(letter));
        good.then(|| self.letters_hash(&letters))
    }

    fn letters(&self, number: CodeNumber) -> Vec<u8> {
        let secret = derive(&self.link_code, &number.0);
        secret.iter().take(CODE_LETTERS).map(|byte| CROCKFORD[usize::from(byte % 32)]).collect()
    }

    fn letters_hash(&self, letters: &[u8]) -> LinkCodeHash {
        LinkCodeHash(half(derive(&self.link_code_hash, letters)))
    }

    /// The seal over a token's content, for the key of that hash.
    pub(crate) fn sign_token(&self, content: &[u8], key_hash: KeyHash) -> [u8; 32] {
        derive(&self.token, &[content, &key_hash.0].concat())
    }

    /// Whether that is the seal; takes the same time wherever they differ.
    pub(crate) fn is_sealed(&self, content: &[u8], key_hash: KeyHash, seal: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.token) else { return false };
        mac.update(content);
        mac.update(&key_hash.0);
        mac.verify_slice(seal).is_ok()
    }
}

/// The first half of a hash.
pub(crate) fn half(hash: [u8; 32]) -> [u8; 16] {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    first
}

pub(crate) fn derive(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FIRST: &str = "first-master-key-0123456789abcdef";
    const SECOND: &str = "second-master-key-0123456789abcdef";

    #[test]
    fn what_is_sealed_opens_under_its_name_alone() {
        let secrets = Secrets::new(FIRST.as_bytes());
        let sealed = secrets.seal(b"pk_1", b"secret").unwrap();
        assert_eq!(secrets.open(b"pk_1", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(secrets.open(b"pk_2", &sealed), None);
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(secrets.seal(b"pk_1", b"secret").unwrap(), sealed);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(secrets.open(b"pk_1", &damaged), None, "byte {at}");
            assert_eq!(secrets.open(b"pk_1", &sealed[..at]), None, "{at} bytes");
        }
        let other = Secrets::new(SECOND.as_bytes());
        assert_eq!(other.open(b"pk_1", &sealed), None);
    }

    #[test]
    fn a_newer_master_key_seals_and_an_older_one_still_opens() {
        let (old, new) = (Secrets::new(FIRST.as_bytes()), format!("{FIRST}\n {SECOND} \n"));
        let new = Secrets::new(new.as_bytes());
        let sealed = old.seal(b"pk_1", b"secret").unwrap();
        assert_eq!(new.open(b"pk_1", &sealed).as_deref(), Some(&b"secret"[..]));
        let again = new.seal(b"pk_1", b"secret").unwrap();
        assert_eq!((sealed[0], again[0]), (1, 2));
        assert!(new.is_newest(&again) && !new.is_newest(&sealed) && old.is_newest(&sealed));
        assert_eq!(new.open(b"pk_1", &again).as_deref(), Some(&b"secret"[..]));
        assert_eq!(old.open(b"pk_1", &again), None);
        // Everything that must be found again follows from the first.
        assert_eq!(old.fingerprint(), new.fingerprint());
        assert_eq!(old.identity_hash("phone", "", "1"), new.identity_hash("phone", "", "1"));
        assert_eq!(old.caller_key(CallerId::of([1; 16]), 1), new.caller_key(CallerId::of([1; 16]), 1));
    }

    #[test]
    fn every_line_of_a_master_key_is_long() {
        let table = [
            (FIRST.to_owned(), true),
            (format!("\n{FIRST}\n{SECOND}\n"), true),
            (format!("{FIRST}\nshort"), false),
            ("short".to_owned(), false),
            (String::new(), false),
            ("\n\n".to_owned(), false),
        ];
        for (text, want) in table {
            assert_eq!(is_master_key(&text), want, "{text:?}");
        }
    }

    #[test]
    fn link_codes_can_be_typed() {
        let secrets = Secrets::new(b"tests-master-key-0123456789abcdef");
        let code = secrets.link_code(CodeNumber([7; 16]));
        assert_eq!(code.len(), 17, "{code}");
        assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5]);
        let hash = secrets.link_code_hash(&code);
        assert_eq!(hash, Some(secrets.link_code_hash_of(CodeNumber([7; 16]))));
        let typed = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        for typed in [typed.as_str(), &code.replace('-', ""), &format!("--{code} ")] {
            assert_eq!(secrets.link_code_hash(typed), hash, "{typed}");
        }
        for wrong in ["", "ABCDE-ABCDE-ABCD", "ABCDE-ABCDE-ABCDEF", "ABCDE-ABCDE-ABCDU", "ABCDE-ABCDE-ABCD李"]
        {
            assert_eq!(secrets.link_code_hash(wrong), None, "{wrong}");
        }
        let codes: BTreeSet<String> =
            (0..=255).map(|number| secrets.link_code(CodeNumber([number; 16]))).collect();
        assert_eq!(codes.len(), 256);
        let letters: BTreeSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), 33, "every letter is used, and the dash");
        assert_ne!(Secrets::new(b"another").link_code(CodeNumber([7; 16])), code);
    }
}
