//! `/keys`: callers, what they may do, and their keys. Keys are shown once and stored hashed.

use domain::shape::{COUNT, Shape, optional, required};
use edge::{
    Access, Answer, Api, Call, Code, Function, Method, Problem, Route,
    wire::{id, read_id},
};
use engine::{Caller, id::CallerId, records::CallerRecord};
use serde_json::{Value, json};

const ROLES: Shape =
    Shape::List { of: &Shape::OneOf(&["admin", "operator", "storefront", "scheduler"]), min: 1, max: 4 };

const REQUEST: Shape = Shape::Object(&[
    required("name", Shape::Text { max: 100 }, "for people"),
    required("roles", ROLES, "what it may do"),
    optional("brand", Shape::Id, "the one brand it acts for"),
]);

const KEY: Shape = Shape::Object(&[
    required("id", Shape::Ulid { prefix: "key_" }, "the caller; stays the same when its key is rotated"),
    required("name", Shape::Text { max: 100 }, "for people"),
    required("roles", ROLES, "what it may do"),
    required("brand", Shape::OrNull(&Shape::Id), "the one brand it acts for"),
    required("created_at", Shape::Instant, "when it was made"),
    required("rotated_at", Shape::Instant, "when its key was last changed"),
    required("revoked_at", Shape::OrNull(&Shape::Instant), "when it was revoked"),
    required("generation", COUNT, "how many keys it has had"),
    optional("key", Shape::Text { max: 100 }, "the key itself, shown when it is made"),
]);

const NO_BODY: Shape = Shape::Object(&[]);
const LIST: Shape = Shape::Object(&[
    required("keys", Shape::List { of: &KEY, min: 0, max: 200 }, "callers, revoked ones too, oldest first"),
    required("next_cursor", Shape::OrNull(&Shape::Text { max: 64 }), "null at the end"),
]);
const UNKNOWN: &[Code] = &[Code::KeyNotFound];

/// The function.
pub static FUNCTION: Function = Function {
    name: "keys",
    routes: &[
        Route {
            method: Method::Get,
            path: "",
            summary: "Every caller; never its key",
            access: Access::ADMIN,
            body: None,
            remembers: false,
            answers: &[(200, LIST)],
            problems: &[],
            query: &["limit", "cursor"],
            handler: |api, call| Box::pin(list(api, call)),
        },
        Route {
            method: Method::Post,
            path: "",
            summary: "A new caller, and its key",
            access: Access::ADMIN,
            body: Some(REQUEST),
            remembers: true,
            answers: &[(201, KEY)],
            problems: &[Code::BrandNotFound, Code::LimitExceeded],
            query: &[],
            handler: |api, call| Box::pin(create(api, call)),
        },
        Route {
            method: Method::Post,
            path: "/{id}/rotate",
            summary: "A new key for the same caller; the old one is dead at once",
            access: Access::ADMIN,
            body: Some(NO_BODY),
            remembers: true,
            answers: &[(200, KEY)],
            problems: UNKNOWN,
            query: &[],
            handler: |api, call| Box::pin(rotate(api, call)),
        },
        Route {
            method: Method::Delete,
            path: "/{id}",
            summary: "Revokes a caller's key for good",
            access: Access::ADMIN,
            body: None,
            remembers: false,
            answers: &[(200, KEY)],
            problems: UNKNOWN,
            query: &[],
            handler: |api, call| Box::pin(revoke(api, call)),
        },
    ],
};

fn not_found() -> Problem {
    Problem::of(Code::KeyNotFound)
}

fn named(call: &Call) -> Result<CallerId, Problem> {
    call.path.first().and_then(|id| read_id(id)).ok_or_else(not_found)
}

fn shown(api: &Api, caller: &Caller) -> Result<Value, Problem> {
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let record = &caller.record;
    Ok(json!({
        "id": id(caller.id),
        "name": record.name,
        "roles": record.roles,
        "brand": record.brand,
        "created_at": zone.show(record.created_at),
        "rotated_at": zone.show(record.rotated_at),
        "revoked_at": record.revoked_at.map(|at| zone.show(at)),
        "generation": record.generation,
    }))
}

/// The answer with the key. Only the answer without it is remembered: the key follows from the
/// caller and its generation, and is put in again for a repeat.
fn with_key(api: &Api, status: u16, body: &[u8], replayed: bool) -> Answer {
    let mut shown: Value = serde_json::from_slice(body).unwrap_or_default(); // our own answer
    let generation = shown["generation"].as_u64().and_then(|number| u32::try_from(number).ok());
    if let (Some(id), Some(generation)) = (shown["id"].as_str().and_then(read_id), generation) {
        shown["key"] = api.secrets.caller_key(id, generation).into();
    }
    Answer::new(status, &shown).replayed(replayed)
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;

    let mut callers = api.engine.access().callers().await?;
    callers.retain(|caller| reaches(call, caller));
    callers.sort_by_key(|caller| (caller.record.created_at, caller.id));

    // The cursor is the last caller that was shown; callers never go.
    let last = call.query("cursor").map(|cursor| {
        let own = |id: CallerId| callers.iter().position(|caller| caller.id == id);
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
        read_id(cursor).and_then(own).ok_or_else(wrong)
    });
    let rest = &callers[last.transpose()?.map_or(0, |last| last + 1)..];
    let page = &rest[..limit.min(rest.len())];
    let next = page.last().filter(|_| page.len() < rest.len()).map(|last| id(last.id));
    let shown = page.iter().map(|caller| shown(api, caller)).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::new(200, &json!({"keys": shown, "next_cursor": next})))
}

async fn create(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let now = call.request.now;
    let brand = call.body.text_of("brand").map(str::to_owned);
    // A caller bound to a brand makes none that reach further.
    if call.caller.brand.is_some() && call.caller.brand != brand {
        return Err(Problem::forbidden());
    }
    if let Some(brand) = &brand {
        api.may_act_for(call, brand)?;
        if api.partner(brand)?.is_some() {
            let detail = "a partner signs its requests; no key acts for it";
            return Err(Problem::field("/brand", "partner_brand", detail));
        }
    }
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        return Ok(with_key(api, answer.status, &answer.body, true));
    }
    let caller_id = api.new_id(now)?;
    let roles = call.body.get("roles").map_or(&[][..], domain::json::Json::list).iter();
    let record = CallerRecord {
        name: call.body.text_of("name").unwrap_or_default().to_owned(),
        roles: roles.filter_map(|role| role.text().map(str::to_owned)).collect(),
        brand,
        hash: api.caller_hash(caller_id, 1),
        created_at: now,
        rotated_at: now,
        revoked_at: None,
        generation: 1,
    };
    let caller = Caller { id: caller_id, record };
    let answer = Answer::new(201, &shown(api, &caller)?);

    let told = api.engine.access().add_caller(&call.request, &caller, answer.kept()).await?;

    api.refresh().await?;
    Ok(with_key(api, 201, &told.answer.body, told.replayed))
}

async fn rotate(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let caller = named(call)?;
    let known = within_reach(api, call, caller).await?;
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        // Whoever changed it may not have come to refreshing.
        api.refresh().await?;
        return Ok(with_key(api, answer.status, &answer.body, true));
    }
    if known.record.revoked_at.is_some() {
        return Err(not_found());
    }
    let change = |record: &mut CallerRecord| {
        record.generation += 1;
        record.hash = api.caller_hash(caller, record.generation);
        record.rotated_at = call.request.now;
    };
    let answer = changed(api, call, caller, change).await?;
    Ok(with_key(api, 200, &answer.body, answer.replayed))
}

async fn revoke(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let now = call.request.now;
    let caller = named(call)?;
    within_reach(api, call, caller).await?;
    changed(api, call, caller, |record| record.revoked_at = record.revoked_at.or(Some(now))).await
}

/// Whether the caller may see and change that key: one bound to a brand only its brand's.
fn reaches(call: &Call, caller: &Caller) -> bool {
    call.caller.brand.is_none() || call.caller.brand == caller.record.brand
}

/// The caller of that id, if there is one that is within reach.
async fn within_reach(api: &Api, call: &Call, id: CallerId) -> Result<Caller, Problem> {
    let known = api.engine.access().callers().await?;
    known.into_iter().find(|known| known.id == id && reaches(call, known)).ok_or_else(not_found)
}

async fn changed(
    api: &Api,
    call: &Call,
    id: CallerId,
    change: impl Fn(&mut CallerRecord),
) -> Result<Answer, Problem> {
    let tell = |caller: &Caller| Answer::new(200, &shown(api, caller).unwrap_or_default()).kept();
    let told =
        api.engine.access().change_caller(&call.request, id, change, tell).await?.ok_or_else(not_found)?;
    api.refresh().await?;
    Ok(told.into())
}
