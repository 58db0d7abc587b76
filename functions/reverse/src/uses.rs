//! A use of offers comes back, in part or whole; what was only set aside is let go.

use domain::offer::grant::HeldBy;
use edge::{AllOr, Answer, Api, Call, Form, Problem, given};
use engine::{ReturnAsk, ReturnDone};

use crate::Reverse;

pub(crate) async fn handle(
    api: &Api,
    call: &Call,
    mut form: Form<'_>,
    body: Reverse,
) -> Result<Answer, Problem> {
    form.takes_no(
        given!(body: refund, redemption_id, points, activity, activity_ref, grant_id),
        "a use of offers comes back by its order, or by its own id",
    );
    let brand = form.needed("brand", body.brand.clone());
    let by = match (&body.order_id, &body.use_id) {
        (Some(order), None) => Some(HeldBy::Order(order.clone())),
        (None, Some(used)) => Some(HeldBy::Use(used.clone())),
        (None, None) | (Some(_), Some(_)) => {
            form.fault("/order_id", "required", "order_id, or use_id without an order");
            None
        }
    };
    let part = form.needed("use", body.r#use);
    let lines = part.map(|part| match part {
        AllOr::All => None,
        AllOr::Part(part) => {
            Some(part.lines.0.into_iter().map(|line| (line.line_id, line.quantity)).collect())
        }
    });
    let asked = brand.zip(by).zip(lines);
    let ((brand, by), lines) = form.finish(asked)?;
    api.may_act_for(call, &brand)?;
    let ask = ReturnAsk { brand, by, lines, refund_id: body.refund_id };

    let tell = |done: &ReturnDone| api.use_returned(call, done).kept();
    let told = api.engine.offers().return_use(&call.request, &ask, tell).await?;

    Ok(told.into())
}
