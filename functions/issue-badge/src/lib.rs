//! `POST /issue-badge`: a badge is issued by hand, at most once per member.

use domain::{
    decide::IssueBadge,
    shape::{Shape, optional, required},
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, MemberForm, Method, Problem, Role, Route,
    wire::{ENTRY, Show, member_id},
};
use engine::Act;
use serde_json::json;

const REQUEST: Shape = Shape::Object(&[
    MemberForm::ID,
    MemberForm::IDENTITY,
    required("badge", Shape::Id, "a badge of the programme"),
    optional("reason", Shape::Text { max: 500 }, "why; kept with the entry"),
]);

const ANSWER: Shape = Shape::Object(&[
    required("member_id", Shape::Ulid { prefix: "mbr_" }, "the member"),
    required("badge", Shape::Id, "the badge"),
    required("issued", Shape::Bool, "false: the member had it"),
    required("entry", Shape::OrNull(&ENTRY), "null if the member had it"),
]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "issue-badge",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "A badge is issued by hand",
        access: Access::keys(&[Role::Operator]),
        body: Some(REQUEST),
        remembers: true,
        answers: &[(200, ANSWER), (201, ANSWER)],
        problems: &[Code::MemberNotFound, Code::BadgeNotFound, Code::MemberNotActive],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom();
    let issue = IssueBadge { badge: form.text("badge"), reason: form.optional("reason") };
    form.finish()?;

    let done = api.engine.ledger().execute(&call.request, &Act::issue_badge(whom, issue)).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest() };
    let body = json!({
        "member_id": member_id(done.member),
        "badge": form.text("badge"),
        "issued": done.entry.is_some(),
        "entry": done.entry.as_ref().map(|entry| show.entry(entry)),
    });
    let status = if done.entry.is_some() { 201 } else { 200 };
    Ok(Answer::new(status, &body).replayed(done.replayed))
}
