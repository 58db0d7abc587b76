//! `POST /register`: somebody becomes a member, or is found to be one.

use domain::shape::{Shape, required};
use edge::{
    Access, Answer, Api, Call, Code, Function, Method, Problem, Role, Route,
    wire::{MEMBER, Show},
};
use engine::{Registered, Registration};
use serde_json::json;

const ANSWER: Shape = Shape::Object(&[
    required("member", MEMBER, "the member"),
    required("created", Shape::Bool, "whether it is new"),
]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "register",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Somebody becomes a member, or is found to be one",
        access: Access::keys(&[Role::Storefront, Role::Operator]),
        body: Some(edge::REGISTRATION),
        remembers: true,
        answers: &[(200, ANSWER), (201, ANSWER)],
        problems: &[Code::BrandNotFound, Code::MemberNotFound, Code::IdentityConflict, Code::LimitExceeded],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let programmes = api.engine.programme().timeline()?;
    let person = edge::person(api, &call.body)?;
    api.may_act_for(call, &person.brand)?;
    let now = call.request.now;
    let claims = edge::claims(api, &person);
    let registration = Registration { id: api.new_id(now)?, registered_at: now, person, claims };

    let show = Show { programme: programmes.newest() };
    let tell = |registered: &Registered| {
        let status = if registered.created { 201 } else { 200 };
        let member = show.member(&registered.view);
        Answer::new(status, &json!({"member": member, "created": registered.created})).kept()
    };
    let told = api.engine.people().register(&call.request, &registration, tell).await?;

    Ok(told.into())
}
