//! Secrets: what is derived from the master key, what is sealed under it, and random bytes.

mod codes;
mod lines;
mod printed;
mod seal;
mod veil;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use crate::{
    card::{CardSecrets, letters::CROCKFORD},
    wire::{CodeNumber, IdentityId},
};
use domain::{
    id::GrantId,
    member::{Identity, MemberId},
};
use engine::id::{AlikeHash, CallerId, IdentityHash, KeyHash, LinkCodeHash};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use lines::{Line, Ring};
use seal::{MARK_BYTES, MARKED};

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
/// It may have several versions, each on a line of its own, the oldest first. Identities are found under the line that
/// the data say they are under ([`Secrets::settle`]), the first unless `laurel rekey` has moved them; anything that is
/// only read again is sealed under the newest, and says under which. What judges stored things for ever is a
/// ring of keys, which follows from the line that the data began under, and once that may go is a record.
#[derive(Clone)]
pub struct Secrets {
    /// From the first; never empty.
    lines: Arc<[Line]>,
    /// What the data say.
    settled: Arc<OnceLock<Settled>>,
}

/// What the data say of the master key.
#[derive(Clone, PartialEq, Eq)]
struct Settled {
    /// The place of the line that identities are found under.
    line: usize,
    /// The keys that judge for ever, if they are a record.
    ring: Option<Ring>,
}

/// Why data are not served under a master key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OtherKey {
    /// No line of it is the one that the data were written under.
    Unknown,
    /// The data's ring of keys is sealed under a missing line, or damaged.
    Closed,
    /// Other data have been settled with these secrets, or the same data were rekeyed since.
    Changed,
}

impl fmt::Display for OtherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OtherKey::Unknown => "this is not the master key that the data was written under",
            OtherKey::Closed => "a line of the master key is missing, under which the data's keys are sealed",
            OtherKey::Changed => "the data was rekeyed meanwhile: start again",
        })
    }
}

impl std::error::Error for OtherKey {}

/// The name under which the ring of keys is sealed.
const RING: &[u8] = b"keyring";

impl Secrets {
    /// The secrets of that master key, of one or several lines.
    pub fn new(master: &[u8]) -> Secrets {
        let lines = master.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut lines: Vec<Line> = lines.filter(|line| !line.is_empty()).map(Line::of).collect();
        // A caller that passes none has not checked `is_master_key`; secrets derived from nothing open
        // nothing of others.
        if lines.is_empty() {
            lines.push(Line::of(b""));
        }
        Secrets { lines: lines.into(), settled: Arc::default() }
    }

    /// Takes up what the data say: the fingerprint of the line that identities are found under, and the sealed ring of
    /// keys, if there is one. All copies of these secrets know it then. Before, the first line counts.
    ///
    /// # Errors
    /// The data are another master key's, or say something else than before.
    pub fn settle(&self, fingerprint: &[u8], ring: Option<&[u8]>) -> Result<(), OtherKey> {
        let line = self.lines.iter().position(|line| line.fingerprint[..] == *fingerprint);
        let line = line.ok_or(OtherKey::Unknown)?;
        let ring = match ring {
            Some(sealed) => {
                let opened = self.open(RING, sealed).and_then(|opened| Ring::read(&opened));
                Some(opened.ok_or(OtherKey::Closed)?)
            }
            None => None,
        };
        let told = Settled { line, ring };
        let settled = self.settled.get_or_init(|| told.clone());
        if *settled == told { Ok(()) } else { Err(OtherKey::Changed) }
    }

    /// Whether the data still say what they said, if they have been asked: the fingerprint of the line that identities are
    /// found under.
    pub(crate) fn are_of(&self, fingerprint: &[u8]) -> bool {
        self.settled.get().is_none_or(|settled| self.lines[settled.line].fingerprint[..] == *fingerprint)
    }

    /// Whether a line has that fingerprint.
    pub fn knows(&self, fingerprint: &[u8]) -> bool {
        self.lines.iter().any(|line| line.fingerprint[..] == *fingerprint)
    }

    /// These secrets as they are once the data are rekeyed: identities are found under the newest line, and what judges
    /// for ever does so as now.
    pub fn rekeyed(&self) -> Secrets {
        let settled = Settled { line: self.lines.len() - 1, ring: Some(self.ring().clone()) };
        Secrets { lines: self.lines.clone(), settled: Arc::new(OnceLock::from(settled)) }
    }

    /// The keys that judge for ever, sealed under the newest line.
    pub fn sealed_ring(&self) -> Option<Vec<u8>> {
        self.seal(RING, &self.ring().bytes())
    }

    /// Whether identities are found under the newest line.
    pub fn is_rekeyed(&self) -> bool {
        self.line().fingerprint == self.newest().fingerprint
    }

    /// The line that identities are found under.
    fn line(&self) -> &Line {
        &self.lines[self.settled.get().map_or(0, |settled| settled.line)]
    }

    fn newest(&self) -> &Line {
        // There is always one.
        &self.lines[self.lines.len() - 1]
    }

    fn ring(&self) -> &Ring {
        let kept = self.settled.get().and_then(|settled| settled.ring.as_ref());
        kept.unwrap_or(&self.line().ring)
    }

    /// What cards are known by.
    pub(crate) fn cards(&self) -> &CardSecrets {
        &self.ring().cards
    }

    /// Distinguishes master keys, and reveals nothing about them: that of the line that identities are found under.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.line().fingerprint
    }

    /// The key for hashes of requests: a plain hash would let somebody guess a telephone number from the
    /// record of an erased person's request.
    pub(crate) fn content_key(&self) -> &[u8] {
        &self.ring().content
    }

    /// The keyed hash under which an identity is indexed: of its kind, channel and value.
    pub fn identity_hash(&self, kind: &str, channel: &str, value: &str) -> IdentityHash {
        let text = [kind, "\0", channel, "\0", value].concat();
        IdentityHash(half(derive(&self.line().identity, text.as_bytes())))
    }

    /// The keyed hash under which persons stand who share that. It follows from the key of contents, which stays the same
    /// for ever.
    pub(crate) fn alike_hash(&self, what: &str, parts: &[&str]) -> AlikeHash {
        let text = ["alike", what].iter().chain(parts).fold(String::new(), |text, part| text + part + "\0");
        AlikeHash(half(derive(self.content_key(), text.as_bytes())))
    }

    /// The id under which an identity of that member is shown. It follows from the key of contents, which stays the
    /// same for ever, so nothing is stored; and from the member, so that who has a number after somebody else is not
    /// taken for them.
    pub fn identity_id(&self, member: MemberId, identity: &Identity) -> IdentityId {
        let Identity { kind, channel, value, verified: _ } = identity;
        let text = ["identity\0", kind.word(), "\0", channel, "\0", value].concat();
        IdentityId(half(derive(self.content_key(), &[text.as_bytes(), b"\0", &member.0].concat())))
    }

    /// A grant's id as it is shown: it says whose it is and of which offer, and what is shown says nothing of that. The key
    /// of contents, from which it follows, stays the same for ever.
    pub fn shown_grant(&self, id: GrantId) -> GrantId {
        GrantId(veil::veil(&derive(self.content_key(), b"grants"), id.0))
    }

    /// The grant's id that is shown as that.
    pub fn grant_shown_as(&self, shown: GrantId) -> GrantId {
        GrantId(veil::unveil(&derive(self.content_key(), b"grants"), shown.0))
    }

    /// Seals a secret under the newest version of the master key, so that it can be opened again under the
    /// same name alone. Sealed twice, it looks different. `None` if the machine has no source of randomness.
    pub fn seal(&self, name: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
        self.newest().seal.over(name, random().ok()?, secret)
    }

    /// The same of a record, which needs no randomness: the nonce follows from name and content, so that only the same
    /// content under the same name looks the same. `None` if it is too long to be sealed (gigabytes).
    pub fn seal_record(&self, name: &[u8], record: &[u8]) -> Option<Vec<u8>> {
        let seal = &self.newest().seal;
        let length = (name.len() as u64).to_be_bytes();
        let nonce = derive(&seal.nonce, &[&length[..], name, record].concat());
        let [nonce @ .., _, _, _, _, _, _, _, _] = nonce;
        seal.over(name, nonce, record)
    }

    /// What was sealed under that name; `None` if it was sealed under a missing version of the master key or
    /// under another name, or is damaged.
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (first, rest) = sealed.split_first()?;
        if *first == MARKED {
            let (mark, rest) = rest.split_first_chunk::<MARK_BYTES>()?;
            return self.lines.iter().find(|line| line.seal.mark == *mark)?.seal.open(name, rest);
        }
        self.lines.get(usize::from(*first).checked_sub(1)?)?.seal.open(name, rest)
    }

    /// Whether it was sealed under the newest version of the master key, and says so by its mark.
    pub fn is_newest(&self, sealed: &[u8]) -> bool {
        let mark = sealed.strip_prefix(&[MARKED]).and_then(|rest| rest.first_chunk::<MARK_BYTES>());
        mark == Some(&self.newest().seal.mark)
    }

    /// A caller's key of that generation. It follows from the master key, so that a repeated
    /// request gets the same answer though only the key's hash is stored.
    pub fn caller_key(&self, id: CallerId, generation: u32) -> String {
        let named = [&id.bytes()[..], &generation.to_be_bytes()[..]].concat();
        let secret = derive(&self.ring().caller, &named);
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
        let secret = derive(&self.ring().link_code, &number.0);
        secret.iter().take(CODE_LETTERS).map(|byte| CROCKFORD[usize::from(byte % 32)]).collect()
    }

    fn letters_hash(&self, letters: &[u8]) -> LinkCodeHash {
        LinkCodeHash(half(derive(&self.ring().link_code_hash, letters)))
    }

    /// The seal over a token's content, for the key of that hash.
    pub(crate) fn sign_token(&self, content: &[u8], key_hash: KeyHash) -> [u8; 32] {
        derive(&self.line().token, &[content, &key_hash.0].concat())
    }

    /// Whether that is the seal; takes the same time wherever they differ.
    pub(crate) fn is_sealed(&self, content: &[u8], key_hash: KeyHash, seal: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.line().token) else { return false };
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

    use super::{
        seal::{SEAL_NONCE_BYTES, Seal},
        *,
    };

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
        assert_eq!((sealed[0], again[0]), (0, 0));
        assert_ne!(sealed[1..9], again[1..9], "each line has a mark of its own");
        assert!(new.is_newest(&again) && !new.is_newest(&sealed) && old.is_newest(&sealed));
        assert_eq!(new.open(b"pk_1", &again).as_deref(), Some(&b"secret"[..]));
        assert_eq!(old.open(b"pk_1", &again), None);
        // Everything that must be found again follows from the first.
        assert_eq!(old.fingerprint(), new.fingerprint());
        assert_eq!(old.identity_hash("phone", "", "1"), new.identity_hash("phone", "", "1"));
        assert_eq!(old.caller_key(CallerId::of([1; 16]), 1), new.caller_key(CallerId::of([1; 16]), 1));
    }

    #[test]
    fn a_record_is_sealed_alike_each_time_and_opens_under_its_name_alone() {
        let secrets = Secrets::new(FIRST.as_bytes());
        let sealed = secrets.seal_record(b"p1", b"Li Lei").unwrap();
        assert_eq!(secrets.seal_record(b"p1", b"Li Lei").unwrap(), sealed);
        assert_eq!(secrets.open(b"p1", &sealed).as_deref(), Some(&b"Li Lei"[..]));
        assert_eq!(secrets.open(b"p2", &sealed), None);
        // Name and content are told apart, and nothing else looks the same.
        let nonce = |name: &[u8], record: &[u8]| secrets.seal_record(name, record).unwrap()[9..33].to_vec();
        let nonces = [nonce(b"p1", b"x"), nonce(b"p", b"1x"), nonce(b"p1", b"y"), nonce(b"p2", b"x")];
        assert_eq!(nonces.iter().collect::<BTreeSet<_>>().len(), 4);
    }

    /// What 0.1.0 has sealed for partners: it named a line by its place.
    #[test]
    fn a_seal_of_before_there_were_marks_opens_and_is_sealed_anew() {
        let older = |place: u8, line: &str| {
            let nonce = [7; SEAL_NONCE_BYTES];
            let sealed = Seal::of(line.as_bytes()).over(b"pk_1", nonce, b"secret").unwrap();
            [&[place][..], &sealed[1 + MARK_BYTES..]].concat()
        };
        let two = Secrets::new(format!("{FIRST}\n{SECOND}").as_bytes());
        for (place, line) in [(1, FIRST), (2, SECOND)] {
            let sealed = older(place, line);
            assert_eq!(two.open(b"pk_1", &sealed).as_deref(), Some(&b"secret"[..]), "line {place}");
            assert!(!two.is_newest(&sealed), "line {place}");
        }
        assert_eq!(two.open(b"pk_1", &older(1, SECOND)), None);
        assert_eq!(two.open(b"pk_1", &older(3, SECOND)), None);
        // A mark is found wherever the line stands.
        let sealed = Secrets::new(SECOND.as_bytes()).seal(b"pk_1", b"secret").unwrap();
        assert_eq!(two.open(b"pk_1", &sealed).as_deref(), Some(&b"secret"[..]));
    }

    /// What is found and what is judged under these secrets.
    fn of(secrets: &Secrets) -> impl PartialEq + std::fmt::Debug {
        let judged = (
            secrets.caller_key(CallerId::of([1; 16]), 1),
            secrets.link_code(CodeNumber([7; 16])),
            secrets.link_code_hash_of(CodeNumber([7; 16])),
            secrets.content_key().to_vec(),
        );
        (secrets.identity_hash("phone", "", "1"), secrets.fingerprint(), judged)
    }

    #[test]
    fn once_rekeyed_nothing_needs_the_older_line() {
        let both = Secrets::new(format!("{FIRST}\n{SECOND}").as_bytes());
        both.settle(&Secrets::new(FIRST.as_bytes()).fingerprint(), None).unwrap();
        assert!(!both.is_rekeyed());
        let rekeyed = both.rekeyed();
        assert!(rekeyed.is_rekeyed());
        let ring = rekeyed.sealed_ring().unwrap();

        let alone = Secrets::new(SECOND.as_bytes());
        alone.settle(&rekeyed.fingerprint(), Some(&ring)).unwrap();

        assert_eq!(of(&alone), of(&rekeyed));
        assert_eq!(alone.caller_key(CallerId::of([1; 16]), 1), both.caller_key(CallerId::of([1; 16]), 1));
        assert_eq!(alone.link_code(CodeNumber([7; 16])), both.link_code(CodeNumber([7; 16])));
        assert_eq!(alone.content_key(), both.content_key());
        assert_ne!(alone.identity_hash("phone", "", "1"), both.identity_hash("phone", "", "1"));
        // Nor does its place matter.
        let turned = Secrets::new(format!("{SECOND}\n{FIRST}").as_bytes());
        turned.settle(&rekeyed.fingerprint(), Some(&ring)).unwrap();
        assert_eq!(of(&turned), of(&rekeyed));
    }

    #[test]
    fn data_of_another_master_key_are_told() {
        let first = Secrets::new(FIRST.as_bytes());
        let second = Secrets::new(SECOND.as_bytes());
        let ring = first.sealed_ring().unwrap();
        assert_eq!(first.settle(&second.fingerprint(), None), Err(OtherKey::Unknown));
        assert_eq!(second.settle(&second.fingerprint(), Some(&ring)), Err(OtherKey::Closed));
        assert_eq!(first.settle(&first.fingerprint(), None), Ok(()));
        assert_eq!(first.settle(&first.fingerprint(), None), Ok(()), "again");
        assert_eq!(first.clone().settle(&first.fingerprint(), Some(&ring)), Err(OtherKey::Changed));
        assert!(first.knows(&first.fingerprint()) && !first.knows(&second.fingerprint()));
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
