//! `/partners`: brands of others, the keys that they sign their requests with, what they buy and use.
//!
//! A partner gives the public half of an Ed25519 key, or is given a secret for HMAC, which is shown once and
//! stored sealed. A brand has up to two live keys, so that one can take the other's place.

mod blocks;
mod usage;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{
    programme::BrandKind,
    refusal::Refusal,
    shape::{Shape, optional, required},
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, Method, Problem, Route,
    signature::Key,
    wire::{id, read_id},
};
use engine::{
    id::PartnerKeyId,
    records::{KeyRecord, PartnerKeyRecord},
};
use serde_json::{Value, json};

/// The length of a secret for HMAC, in bytes: as long as what it makes.
const SECRET_BYTES: usize = 32;

const KEYID: Shape = Shape::Ulid { prefix: "pk_" };
const ALG: Shape = Shape::OneOf(&["ed25519", "hmac-sha256"]);

const REQUEST: Shape = Shape::Object(&[
    required("alg", ALG, "how the partner signs"),
    optional("public_key", Shape::Text { max: 64 }, "ed25519: the 32 bytes of the public key, in base64"),
]);

const KEY: Shape = Shape::Object(&[
    required("keyid", KEYID, "what keyid says in a signature"),
    required("alg", ALG, "how the partner signs"),
    optional("public_key", Shape::Text { max: 64 }, "ed25519: the public key, in base64"),
    required("created_at", Shape::Instant, "when it was made"),
    required("revoked_at", Shape::OrNull(&Shape::Instant), "when it was revoked"),
    optional("secret", Shape::Text { max: 64 }, "hmac-sha256: the secret, in base64; shown when it is made"),
]);

const LIST: Shape = Shape::Object(&[
    required("keys", Shape::List { of: &KEY, min: 0, max: 200 }, "keys, revoked ones too, oldest first"),
    required("next_cursor", Shape::OrNull(&Shape::Text { max: 64 }), "null at the end"),
]);

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
            body: None,
            remembers: false,
            answers: &[(200, LIST)],
            problems: &[Code::BrandNotFound],
            query: &["limit", "cursor"],
            handler: |api, call| Box::pin(list(api, call)),
        },
        Route {
            method: Method::Post,
            path: "/{id}/keys",
            summary: "A new key for a partner; two may be live at once",
            access: Access::ADMIN,
            body: Some(REQUEST),
            remembers: true,
            answers: &[(201, KEY)],
            problems: &[Code::BrandNotFound, Code::TooManyKeys, Code::LimitExceeded],
            query: &[],
            handler: |api, call| Box::pin(create(api, call)),
        },
        Route {
            method: Method::Delete,
            path: "/{id}/keys/{keyid}",
            summary: "Revokes a partner's key for good",
            access: Access::ADMIN,
            body: None,
            remembers: false,
            answers: &[(200, KEY)],
            problems: &[Code::BrandNotFound, Code::KeyNotFound],
            query: &[],
            handler: |api, call| Box::pin(revoke(api, call)),
        },
    ],
};

fn not_found() -> Problem {
    Problem::saying(Code::KeyNotFound, "no such key of this partner")
}

/// The brand that the path names, if it is a partner within the caller's reach.
fn partner<'c>(api: &Api, call: &'c Call) -> Result<&'c str, Problem> {
    let brand = call.path.first().map(String::as_str).unwrap_or_default();
    api.may_act_for(call, brand)?;
    let programmes = api.engine.programme().timeline()?;
    let partner = programmes.newest().brand(brand).filter(|brand| brand.kind == BrandKind::Partner);
    partner.map(|_| brand).ok_or_else(|| Refusal::BrandNotFound.into())
}

fn shown(api: &Api, key: &PartnerKeyRecord) -> Result<Value, Problem> {
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let (alg, public_key) = match &key.key {
        KeyRecord::Ed25519(public) => ("ed25519", Some(BASE64_STANDARD.encode(public))),
        KeyRecord::HmacSha256(_) => ("hmac-sha256", None),
    };
    let mut shown = json!({"keyid": id(key.id), "alg": alg});
    if let Some(public_key) = public_key {
        shown["public_key"] = public_key.into();
    }
    shown["created_at"] = zone.show(key.created_at).into();
    shown["revoked_at"] = key.revoked_at.map(|at| zone.show(at)).into();
    Ok(shown)
}

/// The answer with the secret. Only the answer without it is remembered: for a repeat, the sealed one is
/// opened again.
fn with_secret(api: &Api, body: &[u8], keys: &[PartnerKeyRecord], replayed: bool) -> Result<Answer, Problem> {
    let mut shown: Value = serde_json::from_slice(body).unwrap_or_default(); // our own answer
    let named = shown["keyid"].as_str().and_then(read_id);
    let key = keys.iter().find(|key| Some(key.id) == named);
    if let Some(PartnerKeyRecord { id, key: KeyRecord::HmacSha256(sealed), .. }) = key {
        let Some(secret) = api.secrets.open(&id.0, sealed) else {
            return Err(Problem::saying(Code::StoreUnavailable, "the key cannot be read; try again later"));
        };
        shown["secret"] = BASE64_STANDARD.encode(secret).into();
    }
    Ok(Answer::new(201, &shown).replayed(replayed))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let brand = partner(api, call)?;
    let limit = call.limit()?;

    let keys = api.engine.partners().partner_keys(brand).await?;

    // The cursor is the last key that was shown.
    let last = call.query("cursor").map(|cursor| {
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
        let own = |id: PartnerKeyId| keys.iter().position(|key| key.id == id);
        read_id(cursor).and_then(own).ok_or_else(wrong)
    });
    let rest = &keys[last.transpose()?.map_or(0, |last| last + 1)..];
    let page = &rest[..limit.min(rest.len())];
    let next = page.last().filter(|_| page.len() < rest.len()).map(|last| id(last.id));
    let shown = page.iter().map(|key| shown(api, key)).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::new(200, &json!({"keys": shown, "next_cursor": next})))
}

/// The public key that the body has, where it is to have one.
fn public_key(call: &Call, form: &mut Form<'_>) -> Option<[u8; 32]> {
    if call.body.text_of("alg") != Some("ed25519") {
        form.takes_no(&["public_key"], "the secret is made here");
        return None;
    }
    let told = form.needs("public_key");
    let bytes: Option<[u8; 32]> =
        BASE64_STANDARD.decode(told.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let good = bytes.filter(|bytes| Key::ed25519(bytes).is_some());
    if good.is_none() && !told.is_empty() {
        form.fault("/public_key", "wrong_format", "the 32 bytes of an Ed25519 public key, in base64");
    }
    good
}

async fn create(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let brand = partner(api, call)?;
    let mut form = Form::new(api, call)?;
    let public = public_key(call, &mut form);
    form.finish()?;
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        // Whoever made it may not have come to refreshing.
        api.refresh().await?;
        return with_secret(api, &answer.body, &api.engine.partners().partner_keys(brand).await?, true);
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
    let answer = Answer::new(201, &shown(api, &key)?).kept();

    let told = api.engine.partners().add_partner_key(&call.request, brand, &key, answer).await?;

    let told = told.map_err(|_| Problem::of(Code::TooManyKeys))?;
    api.refresh().await?;
    with_secret(api, &told.answer.body, &api.engine.partners().partner_keys(brand).await?, told.replayed)
}

async fn revoke(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let brand = partner(api, call)?;
    let key = call.path.get(1).and_then(|id| read_id(id)).ok_or_else(not_found)?;
    let tell = |key: &PartnerKeyRecord| Answer::new(200, &shown(api, key).unwrap_or_default()).kept();

    let told = api.engine.partners().revoke_partner_key(&call.request, brand, key, tell).await?;

    let told = told.ok_or_else(not_found)?;
    api.refresh().await?;
    Ok(told.into())
}
