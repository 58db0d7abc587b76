//! `/members`: reading a member and its ledger, finding one by identity; correcting, suspending,
//! closing and erasing; linking it with partners; tokens for its own page.

mod answers;
mod links;
mod tokens;

use domain::{
    decide::SetStatus,
    member::{MemberId, Status},
    refusal::Refusal,
    shape::{Shape, optional, required},
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, Members, Method, Problem, Role, Route,
    wire::{BALANCE, ENTRY, MEMBER, Show, member_id, read_member_id},
};
use engine::{Act, Whom};
use serde_json::json;

const STATUS_REQUEST: Shape = Shape::Object(&[
    required("status", Shape::OneOf(&["suspended", "active", "closed"]), "closing lets points lapse at once"),
    required("reason", Shape::Text { max: 500 }, "why; kept with the entry"),
]);

const FIND_REQUEST: Shape = Shape::Object(&[required("identity", edge::IDENTITY, "how the person is known")]);

const LEDGER: Shape = Shape::Object(&[
    required("entries", Shape::List { of: &ENTRY, min: 0, max: 200 }, "newest first"),
    required("next_cursor", Shape::OrNull(&Shape::Text { max: 400 }), "null at the end"),
]);

const STATUS_ANSWER: Shape = Shape::Object(&[
    required("member_id", Shape::Ulid { prefix: "mbr_" }, "the member"),
    required("status", Shape::OneOf(&["suspended", "active", "closed"]), "from now on"),
    required("entry", Shape::OrNull(&ENTRY), "null if nothing changed"),
    optional("balance", BALANCE, "afterwards"),
    optional("tier", Shape::Id, "the member's tier"),
    optional("growth", Shape::Whole { min: 0, max: (1 << 53) - 1 }, "the member's growth"),
]);

const STAFF: Access = Access::keys(&[Role::Operator]);
const SHOP: Access = Access::keys(&[Role::Storefront, Role::Operator]);
const SHOP_AND_OWN: Access = SHOP.and_members(Members::Own);
const UNKNOWN: &[Code] = &[Code::MemberNotFound];

/// The function.
pub static FUNCTION: Function = Function {
    name: "members",
    routes: &[
        Route {
            method: Method::Get,
            path: "/{id}",
            summary: "A member as of now",
            access: SHOP_AND_OWN,
            body: None,
            remembers: false,
            answers: &[(200, MEMBER)],
            problems: UNKNOWN,
            query: &[],
            handler: |api, call| Box::pin(get(api, call)),
        },
        Route {
            method: Method::Post,
            path: "/find",
            summary: "The member an identity belongs to",
            access: SHOP,
            body: Some(FIND_REQUEST),
            remembers: false,
            answers: &[(200, MEMBER)],
            problems: UNKNOWN,
            query: &[],
            handler: |api, call| Box::pin(find(api, call)),
        },
        Route {
            method: Method::Get,
            path: "/{id}/ledger",
            summary: "A member's ledger, newest first",
            access: SHOP_AND_OWN,
            body: None,
            remembers: false,
            answers: &[(200, LEDGER)],
            problems: UNKNOWN,
            query: &["limit", "cursor"],
            handler: |api, call| Box::pin(ledger(api, call)),
        },
        Route {
            method: Method::Patch,
            path: "/{id}",
            summary: "Corrects a member's profile and consents",
            access: STAFF,
            body: Some(edge::CORRECTION),
            remembers: false,
            answers: &[(200, MEMBER)],
            problems: &[Code::MemberNotFound, Code::LimitExceeded],
            query: &[],
            handler: |api, call| Box::pin(correct(api, call)),
        },
        Route {
            method: Method::Post,
            path: "/{id}/status",
            summary: "Suspends, reactivates or closes a member",
            access: STAFF,
            body: Some(STATUS_REQUEST),
            remembers: true,
            answers: &[(200, STATUS_ANSWER)],
            problems: &[Code::MemberNotFound, Code::MemberNotActive],
            query: &[],
            handler: |api, call| Box::pin(set_status(api, call)),
        },
        Route {
            method: Method::Delete,
            path: "/{id}",
            summary: "Erases the person; the ledger stays under the bare id",
            access: STAFF,
            body: None,
            remembers: false,
            answers: &[(200, MEMBER)],
            problems: UNKNOWN,
            query: &[],
            handler: |api, call| Box::pin(erase(api, call)),
        },
        links::ASK,
        links::LIST,
        links::END,
        tokens::CREATE,
    ],
};

fn named(call: &Call) -> Result<MemberId, Problem> {
    let id = call.path.first().and_then(|id| read_member_id(id));
    id.ok_or_else(|| Refusal::MemberNotFound.into())
}

async fn shown(api: &Api, id: MemberId, call: &Call) -> Result<Answer, Problem> {
    let view = api.engine.people().member(id, call.request.now).await?;
    let programmes = api.engine.programme().timeline()?;
    Ok(Answer::new(200, &Show { programme: programmes.newest() }.member(&view)))
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Problem> {
    shown(api, named(call)?, call).await
}

async fn find(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom();
    form.finish()?;

    let found = match whom {
        Whom::Identity(hash) => api.engine.records().claimed_by(hash).await?,
        Whom::Id(id) => Some(id),
        // Not in this route's shape.
        Whom::Linked(_) | Whom::Nobody => None,
    };

    shown(api, found.ok_or(Refusal::MemberNotFound)?, call).await
}

async fn ledger(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (id, limit) = (named(call)?, call.limit()?);
    let from = answers::read_cursor(call.query("cursor"))?;

    let (entries, next) = api.engine.ledger().entries(id, from, limit, call.request.now).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest() };
    let entries: Vec<_> = entries.iter().map(|entry| show.listed(entry)).collect();
    let next = next.map(|place| answers::cursor(&place));
    Ok(Answer::new(200, &json!({"entries": entries, "next_cursor": next})))
}

async fn correct(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;
    let mut trial = domain::member::Person::default();
    api.corrected(&mut trial, &call.body).map_err(|fault| Problem::invalid_field(&[fault]))?;

    api.engine.people().correct(id, |person| _ = api.corrected(person, &call.body)).await?;

    shown(api, id, call).await
}

async fn set_status(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;
    let form = Form::new(api, call)?;
    let status = match form.text("status").as_str() {
        "suspended" => Status::Suspended,
        "closed" => Status::Closed,
        _ => Status::Active,
    };
    let set = SetStatus { status, reason: form.text("reason") };

    let done = api.engine.ledger().execute(&call.request, &Act::set_status(Whom::Id(id), set)).await?;

    let programmes = api.engine.programme().timeline()?;
    let mut answer = json!(Show { programme: programmes.newest() }.done(&done));
    if done.entry.is_none() {
        answer["entry"] = serde_json::Value::Null;
    }
    answer["member_id"] = member_id(id).into();
    answer["status"] = form.text("status").into();
    Ok(Answer::new(200, &answer).replayed(done.replayed))
}

async fn erase(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;

    api.engine.people().erase(&call.request, id, |person| edge::claims(api, person)).await?;

    shown(api, id, call).await
}
