//! `/partners/{id}/blocks`: blocks of points that a prepaid brand buys.

use domain::{
    number::Currency,
    shape::{COUNT, Shape, is_id, required},
    time::Zone,
};
use edge::{Access, Answer, Api, Call, Code, Form, Method, Partners, Problem, Role, Route};
use engine::{Purchase, records::BlockRecord};
use serde_json::{Value, json};

use crate::usage::named;

const REQUEST: Shape = Shape::Object(&[
    required("points", Shape::Whole { min: 1, max: (1 << 53) - 1 }, "how many"),
    required("price", Shape::Money, "what they cost together"),
    required("reference", Shape::Id, "the block's natural key; bought once, for ever"),
]);

const BLOCK: Shape = Shape::Object(&[
    required("brand", Shape::Id, "the brand"),
    required("number", COUNT, "its number among the brand's, from 1: the order in which they are used"),
    required("reference", Shape::Id, "as it was sent"),
    required("points", COUNT, "how many were bought"),
    required("price", Shape::Money, "what they cost together"),
    required("bought_at", Shape::Instant, "when"),
]);

const LISTED: Shape = Shape::Object(&[
    required("brand", Shape::Id, "the brand"),
    required("number", COUNT, "its number among the brand's, from 1: the order in which they are used"),
    required("reference", Shape::Id, "as it was sent"),
    required("points", COUNT, "how many were bought"),
    required("price", Shape::Money, "what they cost together"),
    required("bought_at", Shape::Instant, "when"),
    required("left", COUNT, "points it still holds, as of now"),
]);

const LIST: Shape = Shape::Object(&[
    required("blocks", Shape::List { of: &LISTED, min: 0, max: 200 }, "by reference"),
    required("next_cursor", Shape::OrNull(&Shape::Id), "null at the end"),
]);

/// The route that buys.
pub(crate) const BUY: Route = Route {
    method: Method::Post,
    path: "/{id}/blocks",
    summary: "A brand buys a block of points",
    access: Access::ADMIN,
    body: Some(REQUEST),
    remembers: true,
    answers: &[(201, BLOCK)],
    problems: &[Code::BrandNotFound, Code::BlockConflict, Code::LimitExceeded],
    query: &[],
    handler: |api, call| Box::pin(buy(api, call)),
};

/// The route that lists.
pub(crate) const LIST_ROUTE: Route = Route {
    method: Method::Get,
    path: "/{id}/blocks",
    summary: "Every block that a brand has bought, by reference",
    access: Access::keys(&[Role::Operator]).and_partners(Partners::Any),
    body: None,
    remembers: false,
    answers: &[(200, LIST)],
    problems: &[Code::BrandNotFound],
    query: &["limit", "cursor"],
    handler: |api, call| Box::pin(list(api, call)),
};

fn shown(block: &BlockRecord, currency: Currency, zone: Zone) -> Value {
    json!({
        "brand": block.brand,
        "number": block.number,
        "reference": block.reference,
        "points": block.points,
        "price": block.price.show(currency),
        "bought_at": zone.show(block.bought_at),
    })
}

async fn buy(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let brand = named(api, call)?;
    let mut form = Form::new(api, call)?;
    let purchase = Purchase {
        reference: form.text("reference"),
        points: form.whole("points").unsigned_abs(),
        price: form.money(call.body.get("price"), "/price").unwrap_or_default(),
    };
    form.finish()?;
    let (currency, zone) = (form.currency, form.zone);
    let tell = |block: &BlockRecord| Answer::new(201, &shown(block, currency, zone)).kept();

    let told = api.engine.accounts().buy_block(&call.request, brand, &purchase, tell).await?;

    Ok(told.into())
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (brand, limit) = (named(api, call)?, call.limit()?);
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let after = call.query("cursor").map(|cursor| if is_id(cursor) { Ok(cursor) } else { Err(wrong()) });
    let after = after.transpose()?;

    // One more tells whether there are any.
    let mut blocks = api.engine.accounts().blocks(brand, after, limit + 1).await?;
    let usage = api.engine.accounts().usage(brand, call.request.now).await?;

    let more = blocks.len() > limit;
    blocks.truncate(limit);
    let (currency, zone) = api.engine.programme().currency_and_zone()?;
    let next = blocks.last().filter(|_| more).map(|last| last.reference.clone());
    let listed = |block: &BlockRecord| {
        let mut listed = shown(block, currency, zone);
        listed["left"] = usage.in_block(block.number).into();
        listed
    };
    let blocks: Vec<Value> = blocks.iter().map(listed).collect();
    Ok(Answer::new(200, &json!({"blocks": blocks, "next_cursor": next})))
}
