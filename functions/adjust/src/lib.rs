//! `POST /adjust`: an operator moves points or growth by hand, with a reason.

use domain::{
    decide::Adjust,
    shape::{COUNT, Shape, optional, required},
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, MemberForm, Method, Problem, Role, Route,
    wire::{BALANCE, ENTRY},
};
use engine::Act;

const FIGURE: Shape = Shape::Whole { min: -((1 << 53) - 1), max: (1 << 53) - 1 };

const REQUEST: Shape = Shape::Object(&[
    MemberForm::ID,
    MemberForm::IDENTITY,
    required("brand", Shape::Id, "the brand that issues added points"),
    optional("points", FIGURE, "a minus takes; 0 unless given"),
    optional("growth", FIGURE, "a minus takes; 0 unless given"),
    required("reason", Shape::Text { max: 500 }, "why; kept with the entry"),
    required("adjustment_id", Shape::Id, "the adjustment's natural key"),
    optional("expires_at", Shape::Instant, "of added points; by the programme's rule unless given"),
    optional(
        "bill",
        Shape::Bool,
        "whether the brand settles added points as issued and taken ones as taken back; false unless given",
    ),
]);

const ANSWER: Shape = Shape::Object(&[
    required("entry", ENTRY, "the ledger entry"),
    required("upgraded_to", Shape::OrNull(&Shape::Id), "the tier reached"),
    required("badges_issued", Shape::List { of: &Shape::Id, min: 0, max: 100 }, "badges that followed"),
    required("balance", BALANCE, "afterwards"),
    required("tier", Shape::Id, "afterwards"),
    required("growth", COUNT, "afterwards"),
]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "adjust",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "An operator moves points or growth by hand",
        access: Access::keys(&[Role::Operator]),
        body: Some(REQUEST),
        remembers: true,
        answers: &[(200, ANSWER)],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::OrderConflict,
            Code::MemberNotActive,
            Code::LimitExceeded,
        ],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom();
    let adjust = Adjust {
        brand: form.text("brand"),
        points: form.whole("points"),
        growth: form.whole("growth"),
        reason: form.text("reason"),
        expires_at: form.instant("expires_at"),
        occurred_at: None,
        bill: call.body.get("bill").and_then(domain::json::Json::bool).unwrap_or(false),
    };
    if adjust.points == 0 && adjust.growth == 0 {
        form.fault("/points", "required", "points or growth, not 0");
    }
    if adjust.points <= 0 {
        form.takes_no(&["expires_at"], "only added points expire");
    }
    let adjustment_id = form.text("adjustment_id");
    form.finish()?;

    let done = api.engine.ledger().execute(&call.request, &Act::adjust(whom, &adjustment_id, adjust)).await?;

    api.done(call, &done).await
}
