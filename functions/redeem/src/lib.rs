//! `POST /redeem`: points are spent on an order.

use domain::{
    decide::Redeem,
    json::Json,
    number::FIGURE_MAX,
    shape::{COUNT, Shape, optional, required},
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, MemberForm, Members, Method, Partners, Problem, Role,
    Route,
    wire::{BALANCE, ENTRY, PARTNER_ANSWER},
};
use engine::Act;

const FOR: Shape = Shape::Object(&[
    required("kind", Shape::OneOf(&["order"]), "what they are spent on; rewards and draws come later"),
    required("order_id", Shape::Id, "the order; points are spent on it once"),
]);

const REQUEST: Shape = Shape::Object(&[
    MemberForm::ID,
    MemberForm::IDENTITY,
    MemberForm::REFERENCE,
    required("brand", Shape::Id, "the honouring brand"),
    required("points", Shape::Whole { min: 1, max: FIGURE_MAX.cast_signed() }, "how many"),
    required("for", FOR, "what they are spent on"),
    optional("dry_run", Shape::Bool, "answer what would happen and write nothing"),
]);

const ANSWER: Shape = Shape::Object(&[
    required("entry", ENTRY, "the ledger entry; its lots say which lots paid"),
    required("redemption_id", Shape::Ulid { prefix: "rdm_" }, "for cancelling it"),
    required("balance", BALANCE, "afterwards"),
    required("tier", Shape::Id, "the member's tier"),
    required("growth", COUNT, "the member's growth"),
]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "redeem",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Points are spent on an order",
        access: Access::keys(&[Role::Storefront])
            .and_partners(Partners::MayRedeem)
            .and_members(Members::Spend),
        body: Some(REQUEST),
        remembers: true,
        answers: &[(200, Shape::Either(&ANSWER, &PARTNER_ANSWER))],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::InsufficientPoints,
            Code::OrderConflict,
            Code::AlreadyCancelled,
            Code::MemberNotActive,
            Code::BrandLimit,
        ],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom();
    let order_id = call.body.get("for").and_then(|order| order.get("order_id")).and_then(Json::text);
    let redeem = Redeem {
        brand: form.text("brand"),
        points: form.whole("points").unsigned_abs(),
        order_id: order_id.unwrap_or_default().to_owned(),
    };
    form.finish()?;

    let done = api.engine.ledger().execute(&call.request, &Act::redeem(whom, redeem)).await?;

    api.done(call, &done).await
}
