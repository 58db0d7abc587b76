//! `POST /reverse`: an order is refunded, or a redemption cancelled.

use domain::{
    decide::{Ask, RefundLine},
    json::Json,
    shape::{COUNT, Shape, optional, required},
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, Method, Partners, Problem, Role, Route,
    wire::{BALANCE, ENTRY, PARTNER_ANSWER, read_id},
};
use engine::Act;

const LINE: Shape = Shape::Object(&[
    required("line_id", Shape::Id, "a line of the order"),
    required("quantity", Shape::Whole { min: 1, max: (1 << 53) - 1 }, "how many units of it"),
]);

const PART: Shape = Shape::Object(&[
    optional("amount", Shape::Money, "of an order without lines"),
    optional("lines", Shape::List { of: &LINE, min: 1, max: 200 }, "of an order with lines"),
]);

const REQUEST: Shape = Shape::Object(&[
    optional("brand", Shape::Id, "the order's brand"),
    optional("order_id", Shape::Id, "the order that is refunded"),
    optional("refund", Shape::WordOr("all", &PART), "what of it"),
    optional("refund_id", Shape::Id, "the refund's natural key"),
    optional(
        "redemption_id",
        Shape::Ulid { prefix: "rdm_" },
        "in place of an order: the redemption that is cancelled",
    ),
    optional("dry_run", Shape::Bool, "answer what would happen and write nothing"),
]);

const ANSWER: Shape = Shape::Object(&[
    required("entry", ENTRY, "the ledger entry"),
    optional("taken", COUNT, "points taken back, debt included; what was let go is not"),
    optional("restored", COUNT, "points given back, repaid debt included"),
    optional("lost", COUNT, "points of expired lots that did not come back"),
    required("debt", COUNT, "the member's debt afterwards"),
    required("balance", BALANCE, "afterwards"),
    required("tier", Shape::Id, "the member's tier"),
    required("growth", COUNT, "the member's growth"),
]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "reverse",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "An order is refunded, or a redemption cancelled",
        access: Access::keys(&[Role::Storefront, Role::Operator]).and_partners(Partners::MayReverse),
        body: Some(REQUEST),
        remembers: true,
        answers: &[(200, Shape::Either(&ANSWER, &PARTNER_ANSWER))],
        problems: &[
            Code::OrderNotFound,
            Code::RedemptionNotFound,
            Code::OverRefund,
            Code::TooManyRefunds,
            Code::AlreadyCancelled,
            Code::OrderConflict,
        ],
        query: &[],
        handler: |api, call| Box::pin(handle(api, call)),
    }],
};

async fn handle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let act = match call.body.text_of("redemption_id").and_then(read_id) {
        Some(redemption) => {
            form.takes_no(
                &["brand", "order_id", "refund", "refund_id"],
                "a redemption is cancelled by its id alone",
            );
            Act::cancel(redemption)
        }
        None => {
            let (brand, order_id) = (form.needs("brand"), form.needs("order_id"));
            let refund_id = form.optional("refund_id");
            Act::refund(brand, &order_id, refund_id.as_deref(), ask(&mut form))
        }
    };
    form.finish()?;

    let done = api.engine.ledger().execute(&call.request, &act).await?;

    api.done(call, &done).await
}

fn ask(form: &mut Form<'_>) -> Ask {
    let Some(refund) = form.body().get("refund") else {
        form.needs("refund");
        return Ask::All;
    };
    match (refund.text(), refund.get("amount"), refund.get("lines")) {
        (Some(_), ..) => Ask::All,
        (None, amount @ Some(_), None) => {
            Ask::Amount(form.money(amount, "/refund/amount").unwrap_or_default())
        }
        (None, None, Some(lines)) => {
            let line = |line: &Json| RefundLine {
                line_id: line.text_of("line_id").unwrap_or_default().to_owned(),
                quantity: line.whole_of("quantity").unwrap_or(1).unsigned_abs(),
            };
            Ask::Lines(lines.list().iter().map(line).collect())
        }
        _ => {
            form.fault("/refund", "wrong_type", "\"all\", an amount, or lines");
            Ask::All
        }
    }
}
