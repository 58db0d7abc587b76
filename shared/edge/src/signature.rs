//! HTTP Message Signatures (RFC 9421) as partners.md allows them, and Content-Digest (RFC 9530).
//!
//! The standard leaves a verifier much freedom; here there is little, because anything that two readers of
//! one request could understand differently is a way around the signature: one signature, no name twice, no
//! component flags, nothing percent-encoded, and no unknown parameter. Nothing here reads a clock or a store:
//! time and keys are arguments.

mod base;
mod fields;
mod key;
#[cfg(test)]
mod tests;

use domain::time::Instant;
use http::{HeaderMap, HeaderName};
use sfv::StringRef;
use sha2::{Digest, Sha256};

use self::fields::{Bare, Member, Parameters, Value, combined, dictionary, differ};
pub use self::{base::Message, key::Key};

/// How far `created` may be from now, either way, and for how long a nonce is remembered after it.
pub const WINDOW_SECONDS: i64 = 300;

/// The longest nonce, in bytes.
const NONCE_BYTES_MAX: usize = 128;

/// The most components a signature may cover.
const COVERED_MAX: usize = 64;

/// What every signature covers.
const COVERED: [&str; 3] = ["@method", "@path", "@query"];

static SIGNATURE: HeaderName = HeaderName::from_static("signature");
static SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
static CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// A valid signature, whose nonce is still to be checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The key's name.
    pub keyid: String,
    /// The value that only this request of its key has.
    pub nonce: String,
    /// When it was signed, by the signer's clock.
    pub created: Instant,
}

/// Why a signature is refused. For logs only: a caller does not see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The fields are not dictionaries, or hold something other than a signature.
    Malformed,
    /// A label, parameter or component occurs twice, or there is a second signature.
    Twice,
    /// A component with flags.
    Flags,
    /// An unknown parameter, or one of the wrong kind.
    Parameter,
    /// A parameter is missing.
    Missing,
    /// Percent-encoding, or another spelling of a path.
    Spelling,
    /// Something that must be covered is not.
    Covered,
    /// A component that this request has no value for.
    Component,
    /// Signed too far from now, or expired.
    Time,
    /// Nobody's key.
    Key,
    /// Not the key's algorithm.
    Algorithm,
    /// The signature is not for this request, or not by this key.
    Signature,
    /// The body is not the one that was signed.
    Body,
    /// The nonce was used before.
    Nonce,
}

/// Whether the request claims to be signed.
pub fn is_claimed(headers: &HeaderMap) -> bool {
    headers.contains_key(&SIGNATURE) || headers.contains_key(&SIGNATURE_INPUT)
}

/// Verifies the one signature of a request. `key` finds the key of a name.
///
/// # Errors
/// Why it is refused.
pub fn verify(
    message: &Message<'_>,
    now: Instant,
    key: impl FnOnce(&str) -> Option<Key>,
) -> Result<Verified, Refused> {
    plainly_spelled(message)?;
    let field = |name: &HeaderName| combined(message.headers, name).ok_or(Refused::Malformed);
    let (inputs, signatures) = (field(&SIGNATURE_INPUT)?, field(&SIGNATURE)?);
    let (label, covered, parameters) = input(&inputs)?;
    let signature = signature(&signatures, label)?;
    let told = told(&parameters)?;

    covers(message, &covered)?;
    in_time(&told, now)?;
    let key = key(told.keyid).ok_or(Refused::Key)?;
    if told.alg != key.algorithm() {
        return Err(Refused::Algorithm);
    }
    let base = base::base(message, &covered, &parameters).ok_or(Refused::Component)?;
    if !key.signed(base.as_bytes(), &signature) {
        return Err(Refused::Signature);
    }
    // Last, so that only a key's holder makes us hash a body.
    if !digest_holds(message) {
        return Err(Refused::Body);
    }
    Ok(Verified {
        keyid: told.keyid.to_owned(),
        nonce: told.nonce.to_owned(),
        created: Instant(told.created * 1_000),
    })
}

/// Paths and queries have one spelling. Anything that an intermediary may decode, merge or fold is refused.
fn plainly_spelled(message: &Message<'_>) -> Result<(), Refused> {
    let plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%' && byte != b'\\');
    let segments = message.path.strip_prefix('/').unwrap_or(message.path).split('/');
    let folded = segments.rev().skip(1).any(str::is_empty);
    let dots = message.path.split('/').any(|segment| matches!(segment, "." | ".."));
    match plain(message.path) && plain(message.query.unwrap_or_default()) && !folded && !dots {
        true => Ok(()),
        false => Err(Refused::Spelling),
    }
}

/// The one member of a dictionary.
fn only(text: &str) -> Result<Member<'_>, Refused> {
    let mut members = dictionary(text).ok_or(Refused::Malformed)?;
    match (members.pop(), members.is_empty()) {
        (Some(member), true) => Ok(member),
        (Some(_), false) => Err(Refused::Twice),
        (None, _) => Err(Refused::Malformed),
    }
}

/// The label, the covered components and the parameters of the one signature.
fn input(text: &str) -> Result<(&str, Vec<&StringRef>, Parameters<'_>), Refused> {
    let Member { label, value: Value::List(items), parameters } = only(text)? else {
        return Err(Refused::Malformed);
    };
    if items.iter().any(|(_, flags)| !flags.is_empty()) {
        return Err(Refused::Flags);
    }
    if !differ(parameters.iter().map(|(name, _)| name.as_str())) {
        return Err(Refused::Twice);
    }
    let names = items.into_iter().map(|(name, _)| match name {
        // A name that needs no escapes is borrowed from the text; a field's name never needs one.
        Bare::String(std::borrow::Cow::Borrowed(name)) => Some(name),
        _ => None,
    });
    let covered: Vec<&StringRef> = names.collect::<Option<_>>().ok_or(Refused::Malformed)?;
    if covered.len() > COVERED_MAX {
        return Err(Refused::Malformed);
    }
    match differ(covered.iter().map(|name| name.as_str())) {
        true => Ok((label, covered, parameters)),
        false => Err(Refused::Twice),
    }
}

/// The bytes of the one signature, which must have that label.
fn signature(text: &str, label: &str) -> Result<Vec<u8>, Refused> {
    match only(text)? {
        Member { label: own, value: Value::One(Bare::ByteSequence(bytes)), parameters }
            if own == label && parameters.is_empty() =>
        {
            Ok(bytes)
        }
        _ => Err(Refused::Malformed),
    }
}

/// What the parameters say.
struct Told<'a> {
    keyid: &'a str,
    nonce: &'a str,
    alg: &'a str,
    created: i64,
    expires: Option<i64>,
}

fn told<'a>(parameters: &'a Parameters<'_>) -> Result<Told<'a>, Refused> {
    let known = ["created", "expires", "nonce", "alg", "keyid", "tag"];
    if parameters.iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Refused::Parameter);
    }
    let find = |name: &str| parameters.iter().find(|(own, _)| own.as_str() == name).map(|(_, value)| value);
    let text = |name: &str| {
        let value = find(name).ok_or(Refused::Missing)?;
        value.as_string().map(|text| text.as_str()).ok_or(Refused::Parameter)
    };
    let instant = |name: &str| {
        let value = find(name).ok_or(Refused::Missing)?;
        value.as_integer().map(i64::from).ok_or(Refused::Parameter)
    };
    let told = Told {
        keyid: text("keyid")?,
        nonce: text("nonce")?,
        alg: text("alg")?,
        created: instant("created")?,
        expires: find("expires").map(|_| instant("expires")).transpose()?,
    };
    if find("tag").is_some() {
        text("tag")?;
    }
    match (1..=NONCE_BYTES_MAX).contains(&told.nonce.len()) {
        true => Ok(told),
        false => Err(Refused::Parameter),
    }
}

/// Whether it was signed in this window and has not expired. An integer of the standard has at most
/// 15 digits, so none of this overflows.
fn in_time(told: &Told<'_>, now: Instant) -> Result<(), Refused> {
    let apart = (now.0 - told.created * 1_000).abs();
    let expired = told.expires.is_some_and(|expires| expires * 1_000 < now.0 || expires < told.created);
    let old = apart > WINDOW_SECONDS * 1_000;
    if old || expired { Err(Refused::Time) } else { Ok(()) }
}

/// Whether everything is covered that could change what the request does.
fn covers(message: &Message<'_>, covered: &[&StringRef]) -> Result<(), Refused> {
    let is = |name: &str| covered.iter().any(|own| own.as_str() == name);
    let keyed = message.headers.contains_key("idempotency-key");
    let all = COVERED.iter().all(|name| is(name))
        && (message.body.is_empty() || is(CONTENT_DIGEST.as_str()))
        && (!keyed || is("idempotency-key"));
    if all { Ok(()) } else { Err(Refused::Covered) }
}

/// Whether `Content-Digest`, if present, matches this body. Other algorithms may be given beside sha-256 and
/// are ignored.
fn digest_holds(message: &Message<'_>) -> bool {
    if !message.headers.contains_key(&CONTENT_DIGEST) {
        return message.body.is_empty();
    }
    let Some(text) = combined(message.headers, &CONTENT_DIGEST) else { return false };
    let Some(digests) = dictionary(&text) else { return false };
    let told = digests.iter().find(|digest| digest.label == "sha-256");
    let holds = told.is_some_and(|digest| match &digest.value {
        Value::One(Bare::ByteSequence(bytes)) => bytes[..] == Sha256::digest(message.body)[..],
        _ => false,
    });
    holds
        && differ(digests.iter().map(|digest| digest.label))
        && digests.iter().all(|digest| digest.parameters.is_empty())
}
