//! `POST /reverse`: an order is refunded, or a redemption cancelled.

use domain::{
    decide::{Ask, RefundLine},
    id::{BrandId, OrderId, OrderLineId, RedemptionId, RefundId},
    number::Quantity,
    shape::Shape,
};
use edge::{
    Access, AllOr, Answer, Api, Call, Code, Form, Function, Kind, List, Method, MoneyText, Partners, Problem,
    Role, Route, Ulid, body, given, need, taking,
    wire::{PartnerDone, Reversed},
};
use engine::Act;

body! {
    /// Units of a line that come back.
    struct ReturnedLine {
        /// a line of the order
        line_id: OrderLineId,
        /// how many, or how much of it
        quantity: Quantity,
    }
}

body! {
    /// A part of an order that comes back.
    struct ReturnedPart {
        /// of an order without lines
        amount: Option<MoneyText>,
        /// of an order with lines
        lines: Option<List<ReturnedLine, 1, 200>>,
    }
}

body! {
    /// An order is refunded, or a redemption cancelled.
    struct Reverse {
        /// the order's brand
        brand: Option<BrandId>,
        /// the order that is refunded
        order_id: Option<OrderId>,
        /// what of it
        refund: Option<AllOr<ReturnedPart>>,
        /// the refund's natural key
        refund_id: Option<RefundId>,
        /// in place of an order: the redemption that is cancelled
        redemption_id: Option<Ulid<RedemptionId>>,
        /// answer what would happen and write nothing
        dry_run: Option<bool>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "reverse",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "An order is refunded, or a redemption cancelled",
        access: Access::keys(&[Role::Storefront, Role::Operator]).and_partners(Partners::MayReverse),
        remembers: true,
        answers: &[(200, Shape::Either(&Reversed::SHAPE, &PartnerDone::SHAPE))],
        problems: &[
            Code::OrderNotFound,
            Code::RedemptionNotFound,
            Code::OverRefund,
            Code::TooManyRefunds,
            Code::AlreadyCancelled,
            Code::OrderConflict,
        ],
        ..taking!(Reverse => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: Reverse) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let act = match body.redemption_id {
        Some(Ulid(redemption)) => {
            form.takes_no(
                given!(body: brand, order_id, refund, refund_id),
                "a redemption is cancelled by its id alone",
            );
            Some(Act::cancel(redemption))
        }
        None => refund(&mut form, body),
    };
    let act = form.finish(act)?;

    let done = api.engine.ledger().execute(&call.request, &act).await?;

    api.done::<Reversed>(call, &done).await
}

fn refund(form: &mut Form<'_>, body: Reverse) -> Option<Act> {
    let brand = need!(form, body.brand);
    let order_id = need!(form, body.order_id);
    let ask = need!(form, body.refund).and_then(|refund| ask(form, refund));
    Some(Act::refund(brand?, &order_id?, body.refund_id.as_ref(), ask?))
}

fn ask(form: &mut Form<'_>, refund: AllOr<ReturnedPart>) -> Option<Ask> {
    let part = match refund {
        AllOr::All => return Some(Ask::All),
        AllOr::Part(part) => part,
    };
    match (part.amount, part.lines) {
        (Some(amount), None) => form.money(&amount, "/refund/amount").map(Ask::Amount),
        (None, Some(List(lines))) => {
            let line = |line: ReturnedLine| RefundLine { line_id: line.line_id, quantity: line.quantity };
            Some(Ask::Lines(lines.into_iter().map(line).collect()))
        }
        (Some(_), Some(_)) | (None, None) => {
            form.fault("/refund", "wrong_type", "\"all\", an amount, or lines");
            None
        }
    }
}
