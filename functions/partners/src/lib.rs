//! `/partners`: other people's brands, the keys that they sign requests with, what they buy and use.
//!
//! A partner gives the public half of an Ed25519 key, or gets a secret for HMAC, which is shown once and
//! stored sealed. A brand has up to two live keys, so that one can replace the other.

mod blocks;
mod usage;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{id::BrandId, programme::BrandKind, refusal::Refusal, time::Zone};
use edge::{
    Access, Answer, Api, At, Call, Code, Form, Function, KeptAnswer, Kind, List, Method, Notes, OrNull,
    Problem, Route, Text, Ulid, answer, asking, body, given, need,
    signature::Key,
    taking,
    wire::{id, read_id},
    words,
};
use engine::{
    id::PartnerKeyId,
    records::{KeyRecord, PartnerKeyRecord},
};
use serde_json::Value;

/// The length of a secret for HMAC, in bytes: as long as the hash.
const SECRET_BYTES: usize = 32;

words! {
    /// How a partner signs.
    enum Alg {
        /// Ed25519.
        Ed25519 = "ed25519",
        /// HMAC with SHA-256.
        HmacSha256 = "hmac-sha256",
    }
}

body! {
    /// A key is made for a partner.
    struct MakeSigningKey {
        /// how the partner signs
        alg: Alg,
        /// ed25519: the 32 bytes of the public key, in base64
        public_key: Option<Text<64>>,
    }
}

answer! {
    /// A partner's key.
    struct SigningKey {
        /// what keyid says in a signature
        keyid: Ulid<PartnerKeyId>,
        /// how the partner signs
        alg: Alg,
        /// ed25519: the public key, in base64
        public_key: Option<Text<64>>,
        /// when it was made
        created_at: At,
        /// when it was revoked
        revoked_at: OrNull<At>,
        /// hmac-sha256: the secret, in base64; shown when it is made
        secret: Option<Text<64>>,
    }
}

answer! {
    /// A page of a partner's keys.
    struct SigningKeys {
        /// keys, revoked ones too, oldest first
        keys: List<SigningKey, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<64>>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "partners",
    routes: &[
        usage::GET,
        blocks::BUY,
        blocks::LIST_ROUTE,
        Route {
            method: Method::Get,
            path: "/{id}/keys",
            summary: "A partner's keys; never a secret",
            access: Access::ADMIN,
            remembers: false,
            answers: &[(200, SigningKeys::SHAPE)],
            problems: &[Code::BrandNotFound],
            query: &["limit", "cursor"],
            ..asking!(list)
        },
        Route {
            method: Method::Post,
            path: "/{id}/keys",
            summary: "A new key for a partner; two may be live at once",
            notes: Some(Notes::of_staff("partner_key.made")),
            access: Access::ADMIN,
            remembers: true,
            answers: &[(201, SigningKey::SHAPE)],
            problems: &[Code::BrandNotFound, Code::TooManyKeys, Code::LimitExceeded],
            ..taking!(MakeSigningKey => create)
        },
        Route {
            method: Method::Delete,
            path: "/{id}/keys/{keyid}",
            summary: "Revokes a partner's key for good",
            notes: Some(Notes::of_staff("partner_key.revoked")),
            access: Access::ADMIN,
            remembers: false,
            answers: &[(200, SigningKey::SHAPE)],
            problems: &[Code::BrandNotFound, Code::KeyNotFound],
            ..asking!(revoke)
        },
    ],
};

fn not_found() -> Problem {
    Problem::saying(Code::KeyNotFound, "no such key of this partner")
}

/// The brand that the path names, if it is a partner within the caller's reach.
fn partner(api: &Api, call: &Call) -> Result<BrandId, Problem> {
    let brand = usage::named(api, call)?;
    let programmes = api.engine.programme().timeline()?;
    let partner = programmes.newest().brand(&brand).filter(|brand| brand.kind == BrandKind::Partner);
    partner.map(|_| brand).ok_or_else(|| Refusal::BrandNotFound.into())
}

fn shown(zone: Zone, key: &PartnerKeyRecord) -> SigningKey {
    let (alg, public_key) = match &key.key {
        KeyRecord::Ed25519(public) => (Alg::Ed25519, Some(Text(BASE64_STANDARD.encode(public)))),
        KeyRecord::HmacSha256(_) => (Alg::HmacSha256, None),
    };
    SigningKey {
        keyid: Ulid(key.id),
        alg,
        public_key,
        created_at: At(zone.show(key.created_at)),
        revoked_at: OrNull(key.revoked_at.map(|at| At(zone.show(at)))),
        secret: None,
    }
}

/// The answer with the secret. Only the answer without it is remembered: for a repeat, the sealed one is
/// opened again.
fn with_secret(api: &Api, body: &[u8], keys: &[PartnerKeyRecord], replayed: bool) -> Result<Answer, Problem> {
    let kept = KeptAnswer::of(body)?;
    let named = kept.get("keyid").and_then(Value::as_str).and_then(read_id);
    let named = named.ok_or_else(|| Problem::broken("a kept answer names no key"))?;
    let key = keys.iter().find(|key| key.id == named);
    let kept = match key {
        Some(PartnerKeyRecord { id, key: KeyRecord::HmacSha256(sealed), .. }) => {
            let Some(secret) = api.secrets.open(&id.0, sealed) else {
                return Err(Problem::saying(
                    Code::StoreUnavailable,
                    "the key cannot be read; try again later",
                ));
            };
            kept.with("secret", BASE64_STANDARD.encode(secret))
        }
        // The key has no secret, or the secret is gone.
        Some(PartnerKeyRecord { key: KeyRecord::Ed25519(_), .. }) | None => kept,
    };
    Ok(kept.answer(201).replayed(replayed))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let brand = partner(api, call)?;
    let limit = call.limit()?;

    let keys = api.engine.partners().partner_keys(&brand).await?;

    // The cursor is the last key that was shown.
    let last = call.query("cursor").map(|cursor| {
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
        let own = |id: PartnerKeyId| keys.iter().position(|key| key.id == id);
        read_id(cursor).and_then(own).ok_or_else(wrong)
    });
    let rest = &keys[last.transpose()?.map_or(0, |last| last + 1)..];
    let page = &rest[..limit.min(rest.len())];
    let next = page.last().filter(|_| page.len() < rest.len()).map(|last| id(last.id));
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let keys = page.iter().map(|key| shown(zone, key)).collect();
    Ok(Answer::new(200, &SigningKeys { keys, next_cursor: OrNull(next.map(Text)) }))
}

/// The public key that was sent, or nothing if the secret is made here.
#[expect(clippy::option_option, reason = "whether it is right, and whether there is one")]
fn public_key(form: &mut Form<'_>, body: MakeSigningKey) -> Option<Option<[u8; 32]>> {
    match body.alg {
        Alg::HmacSha256 => {
            form.takes_no(given!(body: public_key), "the secret is made here");
            Some(None)
        }
        Alg::Ed25519 => {
            let told = need!(form, body.public_key)?;
            let bytes: Option<[u8; 32]> =
                BASE64_STANDARD.decode(told.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
            let good = bytes.filter(|bytes| Key::ed25519(bytes).is_some());
            if good.is_none() {
                let detail = "the 32 bytes of an Ed25519 public key, in base64";
                form.fault("/public_key", "wrong_format", detail);
            }
            good.map(Some)
        }
    }
}

async fn create(api: &Api, call: &Call, body: MakeSigningKey) -> Result<Answer, Problem> {
    let brand = partner(api, call)?;
    let mut form = Form::new(api, call)?;
    let public = public_key(&mut form, body);
    let zone = form.zone;
    let public = form.finish(public)?;
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        // The instance that made it may not have refreshed.
        api.refresh().await?;
        return with_secret(api, &answer.body, &api.engine.partners().partner_keys(&brand).await?, true);
    }
    let key_id: PartnerKeyId = api.new_id(call.request.now)?;
    let key = match public {
        Some(public) => KeyRecord::Ed25519(public),
        None => {
            let secret: [u8; SECRET_BYTES] = api.chance.bytes()?;
            let sealed = api.secrets.seal(&key_id.0, &secret);
            KeyRecord::HmacSha256(sealed.ok_or_else(|| Problem::saying(Code::Busy, "try again"))?)
        }
    };
    let key = PartnerKeyRecord { id: key_id, key, created_at: call.request.now, revoked_at: None };
    let answer = Answer::new(201, &shown(zone, &key)).kept();

    let request = call.request.about(id(key_id));
    let told = api.engine.partners().add_partner_key(&request, &brand, &key, answer).await?;

    let told = told.map_err(|_| Problem::of(Code::TooManyKeys))?;
    api.refresh().await?;
    with_secret(api, &told.answer.body, &api.engine.partners().partner_keys(&brand).await?, told.replayed)
}

async fn revoke(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let brand = partner(api, call)?;
    let key = call.path.get(1).and_then(|id| read_id(id)).ok_or_else(not_found)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let tell = |key: &PartnerKeyRecord| Answer::new(200, &shown(zone, key)).kept();

    let told = api.engine.partners().revoke_partner_key(&call.request, &brand, key, tell).await?;

    let told = told.ok_or_else(not_found)?;
    api.refresh().await?;
    Ok(told.into())
}
