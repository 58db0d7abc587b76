//! `POST /earn-points`: an order or an activity earns points and growth.

use domain::{
    decide::{EarnActivity, EarnLine, EarnOrder},
    json::Json,
    shape::{COUNT, Shape, optional, required},
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, MemberForm, Method, Partners, Problem, Role, Route,
    wire::{BALANCE, ENTRY, PARTNER_ANSWER},
};
use engine::Act;

const LINE: Shape = Shape::Object(&[
    required("line_id", Shape::Id, "differs within the order"),
    optional("sku", Shape::Text { max: 64 }, "the article"),
    optional("category", Shape::Text { max: 64 }, "may be excluded or multiplied by the programme"),
    required("quantity", Shape::Whole { min: 1, max: (1 << 53) - 1 }, "how many"),
    required("amount", Shape::Money, "what they come to together"),
]);

const REQUEST: Shape = Shape::Object(&[
    MemberForm::ID,
    MemberForm::IDENTITY,
    MemberForm::REFERENCE,
    required("brand", Shape::Id, "where it happened"),
    optional("order_id", Shape::Id, "the brand's id of the order; earns once, for ever"),
    optional("amount", Shape::Money, "what the order came to; the sum of the lines, if both are given"),
    optional("lines", Shape::List { of: &LINE, min: 1, max: 200 }, "its lines"),
    optional("activity", Shape::Id, "in place of an order: what was done"),
    optional("activity_ref", Shape::Id, "the activity's natural key"),
    optional("occurred_at", Shape::Instant, "when it happened; now unless given"),
    optional("dry_run", Shape::Bool, "answer what would happen and write nothing"),
]);

const ANSWER: Shape = Shape::Object(&[
    required("entry", ENTRY, "the ledger entry"),
    required("granted", COUNT, "points granted"),
    required("calculated", COUNT, "points before limits"),
    required("upgraded_to", Shape::OrNull(&Shape::Id), "the tier reached"),
    required("badges_issued", Shape::List { of: &Shape::Id, min: 0, max: 100 }, "badges that followed"),
    required("balance", BALANCE, "afterwards"),
    required("tier", Shape::Id, "afterwards"),
    required("growth", COUNT, "afterwards"),
]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "earn-points",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "An order or an activity earns points and growth",
        access: Access::keys(&[Role::Storefront]).and_partners(Partners::MayEarn),
        body: Some(REQUEST),
        remembers: true,
        answers: &[(200, Shape::Either(&ANSWER, &PARTNER_ANSWER))],
        problems: &[
            Code::MemberNotFound,
            Code::BrandNotFound,
            Code::ActivityNotFound,
            Code::OrderConflict,
            Code::ActivityLimit,
            Code::MemberNotActive,
            Code::BrandLimit,
            Code::BlockExhausted,
            Code::CreditExhausted,
            Code::OccurredInFuture,
            Code::OccurredTooLongAgo,
            Code::LimitExceeded,
        ],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom();
    let act = match form.has("activity") {
        true => Act::earn_activity(whom, activity(&mut form)),
        false => Act::earn_order(whom, order(&mut form)),
    };
    form.finish()?;

    let done = api.engine.ledger().execute(&call.request, &act).await?;

    api.done(call, &done).await
}

fn activity(form: &mut Form<'_>) -> EarnActivity {
    form.takes_no(&["order_id", "amount", "lines"], "an activity has none");
    EarnActivity {
        brand: form.text("brand"),
        activity: form.text("activity"),
        reference: form.optional("activity_ref"),
        occurred_at: form.instant("occurred_at"),
    }
}

fn order(form: &mut Form<'_>) -> EarnOrder {
    form.takes_no(&["activity_ref"], "an order has none");
    let body = form.body();
    let lines =
        body.get("lines").map_or(&[][..], Json::list).iter().enumerate().map(|(index, line)| EarnLine {
            line_id: line.text_of("line_id").unwrap_or_default().to_owned(),
            sku: line.text_of("sku").map(str::to_owned),
            category: line.text_of("category").map(str::to_owned),
            quantity: line.whole_of("quantity").unwrap_or(1).unsigned_abs(),
            amount: form.money(line.get("amount"), &format!("/lines/{index}/amount")).unwrap_or_default(),
        });
    EarnOrder {
        lines: lines.collect(),
        brand: form.text("brand"),
        order_id: form.needs("order_id"),
        amount: form.money(body.get("amount"), "/amount"),
        occurred_at: form.instant("occurred_at"),
    }
}
