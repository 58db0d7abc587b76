//! Members' cards: the tokens that their codes show, which are made and read here and stored nowhere.
//!
//! A card's reference, 80 bits, follows from its number and the master key, so that a copy of the data tells no
//! reference; whose it is stands under a keyed hash of it. From the reference follow the device's key, with
//! which an app makes tokens by itself, and with that key the tokens of the till's usual kind. Those for tills
//! without a network are signed, by a key whose public half anybody may ask for.

pub(crate) mod letters;
#[cfg(test)]
mod tests;

use domain::{id::BrandId, member::MemberId, refusal::Refusal, time::Instant};
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use engine::{
    Whom,
    id::{CardHash, CardNumber, Reference},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    Api, Call, Problem, Secrets,
    access::Naming,
    secrets::{derive, half},
};

use letters::{base32, base45, read_base32, read_base45};

/// How long a step of a card's token is, in milliseconds.
pub const CARD_STEP_MILLIS: i64 = 30_000;

/// How long one made for tills without a network is good, from the beginning of its minute on.
pub const OFFLINE_MILLIS: i64 = 5 * MINUTE_MILLIS;

/// How long a scan stands for its member, in milliseconds.
pub const SCAN_MILLIS: i64 = 10 * MINUTE_MILLIS;

const MINUTE_MILLIS: i64 = 60_000;

/// For how many minutes one key signs: 90 days.
const KEY_MINUTES: u64 = 90 * 24 * 60;

/// For how many minutes the key before is published too: a token of its last minutes may still be shown.
const OVERLAP_MINUTES: u64 = 60;

/// The beginnings of tokens, and of scans.
const ONLINE: &str = "L1";
const OFFLINE: &str = "L2";
const SCAN: &str = "scn_";

/// Digits of base 32: of a reference and a code of 80 bits, and of a step.
const BITS_80: usize = 16;
const STEP_DIGITS: usize = 7;

/// What an offline token says before its signature: key, reference, minute, tier, points.
const SAID_BYTES: usize = 1 + 10 + 4 + 1 + 4;

/// The reference of a card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardReference([u8; 10]);

/// It is a secret.
impl std::fmt::Debug for CardReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardReference(…)")
    }
}

/// What an offline token says about its moment and its member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offline {
    /// The minute of the Unix epoch that it is good from.
    pub minute: u32,
    /// The place of the member's tier in the programme, from 0.
    pub tier: u8,
    /// The most points that a till without a network lets it spend.
    pub points_max: u32,
}

/// How a token was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    /// For a till that asks, in that step of the Unix epoch.
    Online(u64),
    /// For a till without a network.
    Offline(Offline),
}

/// A token that is ours, of any age.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardToken {
    /// Whose it is.
    pub reference: CardReference,
    /// How it was made.
    pub made: Made,
}

/// Whom a scan stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scanned {
    /// The member.
    Member(MemberId),
    /// The member that the partner's reference means, while that stands.
    Linked(Reference),
}

/// What cards' secrets are derived from: all of them from one key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CardSecrets {
    key: [u8; 32],
    reference: [u8; 32],
    hash: [u8; 32],
    /// As HKDF extracts it.
    extracted: [u8; 32],
}

impl CardSecrets {
    pub(crate) fn new(key: [u8; 32]) -> CardSecrets {
        CardSecrets {
            key,
            reference: derive(&key, b"laurel card reference v1"),
            hash: derive(&key, b"laurel card hash v1"),
            extracted: extract(&key),
        }
    }

    /// What all of them follow from.
    pub(crate) fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The key that signs in that period.
    fn signing(&self, period: u64) -> SigningKey {
        SigningKey::from_bytes(&expand(&self.extracted, b"laurel card offline v1", &period.to_be_bytes()))
    }
}

impl Secrets {
    /// The reference of the card of that number.
    pub fn card_reference(&self, number: CardNumber) -> CardReference {
        let mut reference = [0; 10];
        reference.copy_from_slice(&derive(&self.cards().reference, &number.0)[..10]);
        CardReference(reference)
    }

    /// The keyed hash under which is stored whose card that is.
    pub fn card_hash(&self, reference: CardReference) -> CardHash {
        CardHash(half(derive(&self.cards().hash, &reference.0)))
    }

    /// The key with which a device makes the card's tokens by itself.
    pub fn device_key(&self, reference: CardReference) -> [u8; 32] {
        expand(&self.cards().extracted, b"laurel card device v1", &reference.0)
    }

    /// The token of that step, as a device makes it too.
    pub fn online_token(&self, reference: CardReference, step: u64) -> String {
        let said = [ONLINE, &base32(wide(&reference.0), BITS_80), &base32(step.into(), STEP_DIGITS)].concat();
        let code = derive(&self.device_key(reference), said.as_bytes());
        said + &base32(wide(&code[..10]), BITS_80)
    }

    /// The token for tills without a network.
    pub fn offline_token(&self, reference: CardReference, offline: Offline) -> String {
        let Offline { minute, tier, points_max } = offline;
        let period = period_of(minute.into());
        let parts: [&[u8]; 5] =
            [&[key_id(period)], &reference.0, &minute.to_be_bytes(), &[tier], &points_max.to_be_bytes()];
        let said = parts.concat();
        let signature = self.cards().signing(period).sign(&[OFFLINE.as_bytes(), &said].concat());
        [OFFLINE, &base45(&[&said[..], &signature.to_bytes()].concat())].concat()
    }

    /// What a text says if it is a token of ours, whenever it was made; there is one text for each. The time does
    /// not depend on where a code differs.
    pub fn card_token(&self, text: &str) -> Option<CardToken> {
        match text.get(..2)? {
            ONLINE => self.read_online(text),
            OFFLINE => self.read_offline(text),
            _ => None,
        }
    }

    fn read_online(&self, text: &str) -> Option<CardToken> {
        let (said, code) = text.split_at_checked(ONLINE.len() + BITS_80 + STEP_DIGITS)?;
        let (reference, step) = said[ONLINE.len()..].split_at_checked(BITS_80)?;
        let reference = CardReference(narrow(read_base32(reference, BITS_80)?));
        let step = u64::try_from(read_base32(step, STEP_DIGITS)?).ok()?;
        let code: [u8; 10] = narrow(read_base32(code, BITS_80)?);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.device_key(reference)).ok()?;
        mac.update(said.as_bytes());
        mac.verify_truncated_left(&code).ok()?;
        Some(CardToken { reference, made: Made::Online(step) })
    }

    fn read_offline(&self, text: &str) -> Option<CardToken> {
        let bytes = read_base45(&text[OFFLINE.len()..])?;
        let (said, signature) = bytes.split_first_chunk::<SAID_BYTES>()?;
        let [key, rest @ ..] = said;
        let (reference, rest) = rest.split_first_chunk::<10>()?;
        let (minute, rest) = rest.split_first_chunk::<4>()?;
        let ([tier], points) = rest.split_first_chunk::<1>()?;
        let minute = u32::from_be_bytes(*minute);
        let points_max = u32::from_be_bytes(points.try_into().ok()?);
        let period = period_of(minute.into());
        // Each minute has one key.
        if key_id(period) != *key {
            return None;
        }
        let verifying = self.cards().signing(period).verifying_key();
        let signature = Signature::from_slice(signature).ok()?;
        verifying.verify_strict(&[OFFLINE.as_bytes(), &said[..]].concat(), &signature).ok()?;
        let made = Made::Offline(Offline { minute, tier: *tier, points_max });
        Some(CardToken { reference: CardReference(*reference), made })
    }

    /// The public keys that offline tokens are verified with at that moment and soon after, each with its id: the one
    /// that signs, and the next one; in its first hour the one that signs, and the one before.
    pub fn card_keys(&self, now: Instant) -> [(u8, [u8; 32]); 2] {
        let first = period_of(unit(now, MINUTE_MILLIS).saturating_sub(OVERLAP_MINUTES));
        [first, first + 1]
            .map(|period| (key_id(period), self.cards().signing(period).verifying_key().to_bytes()))
    }

    /// The name of a scan at that brand, which stands for that member until then: sealed, so that it tells a partner
    /// nothing. `None` never: what is sealed is short.
    pub fn scan_id(&self, brand: &BrandId, scanned: Scanned, until: Instant) -> Option<String> {
        let (kind, id) = match scanned {
            Scanned::Member(member) => (0, member.0),
            Scanned::Linked(reference) => (1, reference.0),
        };
        let said = [&[kind][..], &id, &until.0.to_be_bytes()].concat();
        // Without chance: scanned again at the same instant it has the same name.
        let sealed = self.seal_record(&scan_name(brand), &said)?;
        Some(format!("{SCAN}{}", BASE64_URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Whom a scan of that brand's stands for, and until when.
    fn read_scan_id(&self, brand: &BrandId, scan_id: &str) -> Option<(Scanned, Instant)> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(scan_id.strip_prefix(SCAN)?).ok()?;
        let said = self.open(&scan_name(brand), &sealed)?;
        let ([kind], rest) = said.split_first_chunk::<1>()?;
        let (id, until) = rest.split_first_chunk::<16>()?;
        let scanned = match kind {
            0 => Scanned::Member(MemberId(*id)),
            1 => Scanned::Linked(Reference(*id)),
            _ => return None,
        };
        Some((scanned, Instant(i64::from_be_bytes(until.try_into().ok()?))))
    }
}

impl Api {
    /// Whom the scan stands for at that brand, and until when it does.
    ///
    /// # Errors
    /// `card_token_invalid`: it is no scan of that brand's, or none of the caller's kind.
    pub fn scanned(&self, call: &Call, brand: &BrandId, scan_id: &str) -> Result<(Whom, Instant), Problem> {
        let read = self.secrets.read_scan_id(brand, scan_id);
        let whom = read.and_then(|(scanned, until)| match (scanned, call.caller.naming()) {
            (Scanned::Member(member), Naming::Anybody) => Some((Whom::Id(member), until)),
            (Scanned::Linked(reference), Naming::Reference) => Some((Whom::Linked(reference), until)),
            // Another kind of caller made it.
            (Scanned::Member(_) | Scanned::Linked(_), _) => None,
        });
        whom.ok_or_else(|| Refusal::CardTokenInvalid.into())
    }
}

impl Made {
    /// That for a till that asks, of that moment.
    pub fn online(now: Instant) -> Made {
        Made::Online(unit(now, CARD_STEP_MILLIS))
    }

    /// That for a till without a network, of that moment; `None` after the year 10000.
    pub fn offline(now: Instant, tier: u8, points_max: u32) -> Option<Made> {
        let minute = u32::try_from(unit(now, MINUTE_MILLIS)).ok()?;
        Some(Made::Offline(Offline { minute, tier, points_max }))
    }

    /// Whether it was made for tills without a network.
    pub fn is_offline(self) -> bool {
        matches!(self, Made::Offline(_))
    }

    /// Its step, or its minute.
    pub fn at(self) -> u64 {
        match self {
            Made::Online(step) => step,
            Made::Offline(offline) => offline.minute.into(),
        }
    }

    /// From when on the next one is shown: the end of its step, or of its minute.
    pub fn refresh_at(self) -> Instant {
        match self {
            Made::Online(step) => begin(step + 1, CARD_STEP_MILLIS),
            Made::Offline(offline) => begin(u64::from(offline.minute) + 1, MINUTE_MILLIS),
        }
    }

    /// From when on it is good no more.
    pub fn expires_at(self) -> Instant {
        match self {
            Made::Online(step) => begin(step + 2, CARD_STEP_MILLIS),
            Made::Offline(offline) => begin(offline.minute.into(), MINUTE_MILLIS).plus_millis(OFFLINE_MILLIS),
        }
    }

    /// Whether it is good at that moment: a device's clock may be a step ahead.
    pub fn is_good_at(self, moment: Instant) -> bool {
        let from = match self {
            Made::Online(step) => begin(step.saturating_sub(1), CARD_STEP_MILLIS),
            Made::Offline(offline) => begin(offline.minute.into(), MINUTE_MILLIS),
        };
        from <= moment && moment < self.expires_at()
    }
}

/// HKDF's first step, without salt (RFC 5869, 2.2).
fn extract(key: &[u8]) -> [u8; 32] {
    derive(&[0; 32], key)
}

/// HKDF's second step, for 32 bytes under that name (RFC 5869, 2.3).
fn expand(extracted: &[u8; 32], name: &[u8], of: &[u8]) -> [u8; 32] {
    derive(extracted, &[name, of, &[1]].concat())
}

/// What a scan's seal is named by.
fn scan_name(brand: &BrandId) -> Vec<u8> {
    [b"laurel scan\0", brand.as_bytes()].concat()
}

/// The period of that minute, in each of which another key signs.
fn period_of(minute: u64) -> u64 {
    minute / KEY_MINUTES
}

/// The id of a period's key. It stands for another one 63 years later.
fn key_id(period: u64) -> u8 {
    period.to_be_bytes()[7]
}

/// In which step or minute of the Unix epoch a moment lies; the first one before 1970.
fn unit(at: Instant, millis: i64) -> u64 {
    u64::try_from(at.0.div_euclid(millis)).unwrap_or(0)
}

/// When a step or minute begins.
fn begin(number: u64, millis: i64) -> Instant {
    // Seven digits of base 32 count steps for 30,000 years.
    Instant(i64::try_from(number).unwrap_or(i64::MAX / millis).saturating_mul(millis))
}

/// Up to 16 bytes as a number.
fn wide(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The last 10 bytes of a number of 80 bits.
fn narrow(number: u128) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&number.to_be_bytes()[6..]);
    bytes
}
