//! `/keys`: callers, what they may do, and their keys. Keys are shown once and stored hashed. And what they have
//! changed, as staff.

mod activity;

use domain::{id::BrandId, time::Zone};
use edge::{
    Access, Answer, Api, At, Call, Code, Function, Id, KeptAnswer, Kind, List, Method, Notes, OrNull,
    Problem, Route, Text, Ulid, answer, asking, body, taking,
    wire::{id, read_id},
    word_of, words,
};
use engine::{Caller, id::CallerId, records::CallerRecord};
use serde_json::Value;

pub use activity::ACTIVITY;

words! {
    /// What a key may do.
    enum KeyRole {
        /// Everything.
        Admin = "admin",
        /// What operators do.
        Operator = "operator",
        /// What shops do.
        Storefront = "storefront",
        /// What schedules do.
        Scheduler = "scheduler",
    }
}

word_of! {
    /// The same, as it was kept.
    struct KeptRole: &["admin", "operator", "storefront", "scheduler"];
}

body! {
    /// A caller is made.
    struct MakeCaller {
        /// for people
        name: Text<100>,
        /// what it may do
        roles: List<KeyRole, 1, 4>,
        /// the one brand it acts for
        brand: Option<BrandId>,
    }
}

body! {
    /// A caller's key is changed.
    struct RotateKey {}
}

answer! {
    /// A caller.
    struct CallerKey<'a> {
        /// the caller; stays the same when its key is rotated
        id: Ulid<CallerId>,
        /// for people
        name: Text<100, &'a str>,
        /// what it may do
        roles: List<KeptRole<&'a str>, 1, 4>,
        /// the one brand it acts for
        brand: OrNull<Id<&'a BrandId>>,
        /// when it was made
        created_at: At,
        /// when its key was last changed
        rotated_at: At,
        /// when it was revoked
        revoked_at: OrNull<At>,
        /// how many keys it has had
        generation: u32,
        /// the key itself, shown when it is made
        key: Option<Text<100>>,
    }
}

answer! {
    /// A page of callers.
    struct CallerKeys<'a> {
        /// callers, revoked ones too, oldest first
        keys: List<CallerKey<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<64>>,
    }
}

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
            remembers: false,
            answers: &[(200, CallerKeys::SHAPE)],
            problems: &[],
            query: &["limit", "cursor"],
            ..asking!(list)
        },
        Route {
            method: Method::Post,
            path: "",
            summary: "A new caller, and its key",
            notes: Some(Notes::of_staff("key.made")),
            access: Access::ADMIN,
            remembers: true,
            answers: &[(201, CallerKey::SHAPE)],
            problems: &[Code::BrandNotFound, Code::LimitExceeded],
            ..taking!(MakeCaller => create)
        },
        Route {
            method: Method::Post,
            path: "/{id}/rotate",
            summary: "A new key for the same caller; the old one is dead at once",
            notes: Some(Notes::of_staff("key.rotated")),
            access: Access::ADMIN,
            remembers: true,
            answers: &[(200, CallerKey::SHAPE)],
            problems: UNKNOWN,
            ..taking!(RotateKey => rotate)
        },
        Route {
            method: Method::Delete,
            path: "/{id}",
            summary: "Revokes a caller's key for good",
            notes: Some(Notes::of_staff("key.revoked")),
            access: Access::ADMIN,
            remembers: false,
            answers: &[(200, CallerKey::SHAPE)],
            problems: UNKNOWN,
            ..asking!(revoke)
        },
    ],
};

fn not_found() -> Problem {
    Problem::of(Code::KeyNotFound)
}

fn named(call: &Call) -> Result<CallerId, Problem> {
    call.path.first().and_then(|id| read_id(id)).ok_or_else(not_found)
}

fn shown(zone: Zone, caller: &Caller) -> CallerKey<'_> {
    let record = &caller.record;
    CallerKey {
        id: Ulid(caller.id),
        name: Text(&record.name),
        roles: record.roles.iter().map(|role| KeptRole(role.as_str())).collect(),
        brand: OrNull(record.brand.as_ref().map(Id)),
        created_at: At(zone.show(record.created_at)),
        rotated_at: At(zone.show(record.rotated_at)),
        revoked_at: OrNull(record.revoked_at.map(|at| At(zone.show(at)))),
        generation: record.generation,
        key: None,
    }
}

/// The answer with the key. Only the answer without the key is remembered: the key follows from the caller
/// and its generation, and is added again for a repeat.
fn with_key(api: &Api, status: u16, body: &[u8], replayed: bool) -> Result<Answer, Problem> {
    let kept = KeptAnswer::of(body)?;
    let id = kept.get("id").and_then(Value::as_str).and_then(read_id);
    let generation =
        kept.get("generation").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let known = id.zip(generation).ok_or_else(|| Problem::broken("a kept answer names no caller"))?;
    let key = api.secrets.caller_key(known.0, known.1);
    Ok(kept.with("key", key).answer(status).replayed(replayed))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;

    let mut callers = api.engine.access().callers().await?;
    callers.retain(|caller| reaches(call, caller));
    callers.sort_by_key(|caller| (caller.record.created_at, caller.id));

    // The cursor is the last caller that was shown; callers are never removed.
    let last = call.query("cursor").map(|cursor| {
        let own = |id: CallerId| callers.iter().position(|caller| caller.id == id);
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
        read_id(cursor).and_then(own).ok_or_else(wrong)
    });
    let rest = &callers[last.transpose()?.map_or(0, |last| last + 1)..];
    let page = &rest[..limit.min(rest.len())];
    let next = page.last().filter(|_| page.len() < rest.len()).map(|last| id(last.id));
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let keys = page.iter().map(|caller| shown(zone, caller)).collect();
    Ok(Answer::new(200, &CallerKeys { keys, next_cursor: OrNull(next.map(Text)) }))
}

async fn create(api: &Api, call: &Call, body: MakeCaller) -> Result<Answer, Problem> {
    let now = call.request.now;
    let brand = body.brand;
    // A caller that is bound to a brand makes no caller with a wider reach.
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
        return with_key(api, answer.status, &answer.body, true);
    }
    let caller_id = api.new_id(now)?;
    let record = CallerRecord {
        name: body.name.into(),
        roles: body.roles.iter().map(|role| role.word().to_owned()).collect(),
        brand,
        hash: api.caller_hash(caller_id, 1),
        created_at: now,
        rotated_at: now,
        revoked_at: None,
        generation: 1,
    };
    let caller = Caller { id: caller_id, record };
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let answer = Answer::new(201, &shown(zone, &caller));

    let request = call.request.on(id(caller_id));
    let told = api.engine.access().add_caller(&request, &caller, answer.kept()).await?;

    api.refresh().await?;
    with_key(api, 201, &told.answer.body, told.replayed)
}

async fn rotate(api: &Api, call: &Call, _: RotateKey) -> Result<Answer, Problem> {
    let caller = named(call)?;
    let known = within_reach(api, call, caller).await?;
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        // The instance that changed it may not have refreshed.
        api.refresh().await?;
        return with_key(api, answer.status, &answer.body, true);
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
    with_key(api, 200, &answer.body, answer.replayed)
}

async fn revoke(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let now = call.request.now;
    let caller = named(call)?;
    within_reach(api, call, caller).await?;
    changed(api, call, caller, |record| record.revoked_at = record.revoked_at.or(Some(now))).await
}

/// Whether the caller may see and change that key: a caller bound to a brand only its brand's keys.
fn reaches(call: &Call, caller: &Caller) -> bool {
    call.caller.brand.is_none() || call.caller.brand == caller.record.brand
}

/// The caller of that id, if it exists and is within reach.
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
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let tell = |caller: &Caller| Answer::new(200, &shown(zone, caller)).kept();
    let told =
        api.engine.access().change_caller(&call.request, id, change, tell).await?.ok_or_else(not_found)?;
    api.refresh().await?;
    Ok(told.into())
}
