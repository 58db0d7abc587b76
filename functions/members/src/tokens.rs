//! Tokens for a member's own page: a shop's server makes one, the page in the browser uses it.

use domain::{
    json::Json,
    number::FIGURE_MAX,
    programme::BrandKind,
    shape::{Shape, optional, required},
};
use edge::{Answer, Api, Call, Code, Grant, Method, Problem, Route, Spend, TOKEN_MINUTES_MAX};
use serde_json::json;

use crate::{SHOP, named};

const SPEND: Shape = Shape::Object(&[
    required("order_id", Shape::Id, "the order that points may be spent on"),
    required("points_max", Shape::Whole { min: 1, max: FIGURE_MAX.cast_signed() }, "at most so many"),
    optional("brand", Shape::Id, "the order's brand; the key's own, or the house's only one, unless given"),
]);

const REQUEST: Shape = Shape::Object(&[
    required("minutes", Shape::Whole { min: 1, max: TOKEN_MINUTES_MAX }, "how long it is good"),
    optional("redeem", SPEND, "the one redemption it allows; none unless given"),
]);

const ANSWER: Shape = Shape::Object(&[
    required("token", Shape::Text { max: 1_000 }, "for Authorization: Bearer; shown once and not stored"),
    required("expires_at", Shape::Instant, "until when it is good"),
]);

/// `POST /members/{id}/tokens`.
pub(crate) const CREATE: Route = Route {
    method: Method::Post,
    path: "/{id}/tokens",
    summary: "A token with which a member's page reads the member, and spends what it names",
    access: SHOP,
    body: Some(REQUEST),
    remembers: false,
    answers: &[(201, ANSWER)],
    problems: &[Code::MemberNotFound, Code::BrandNotFound],
    query: &[],
    handler: |api, call| Box::pin(create(api, call)),
};

async fn create(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let member = named(call)?;
    let redeem = call.body.get("redeem").filter(|redeem| **redeem != Json::Null);
    let brand = match redeem {
        Some(redeem) => Some(brand(api, call, redeem)?),
        None => call.caller.brand.clone(),
    };
    let spend = redeem.map(|redeem| Spend {
        order_id: redeem.text_of("order_id").unwrap_or_default().to_owned(),
        points_max: redeem.whole_of("points_max").unwrap_or(0).unsigned_abs(),
    });

    // Only that there is such a member.
    api.engine.people().member(member, call.request.now).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let minutes = call.body.whole_of("minutes").unwrap_or(0);
    let expires_at = call.request.now.plus_millis(minutes * 60_000);
    let token = api.member_token(&call.caller, Grant { member, spend }, brand, expires_at);
    // A key that was revoked while this was asked makes none.
    let token = token.ok_or_else(Problem::forbidden)?;
    Ok(Answer::new(201, &json!({"token": token, "expires_at": zone.show(expires_at)})))
}

/// The one brand at which the token spends: an order's id says nothing without it.
fn brand(api: &Api, call: &Call, redeem: &Json) -> Result<String, Problem> {
    let told = redeem.text_of("brand").map(str::to_owned).or_else(|| call.caller.brand.clone());
    let brand = match told {
        Some(brand) => brand,
        None => {
            let programmes = api.engine.programme().timeline()?;
            let mut own = programmes.newest().brands.iter().filter(|brand| brand.kind == BrandKind::Own);
            match (own.next(), own.next()) {
                (Some(only), None) => only.id.clone(),
                _ => return Err(Problem::field("/redeem/brand", "required", "the order's brand")),
            }
        }
    };
    api.may_act_for(call, &brand)?;
    match api.partner(&brand)? {
        // Its redemptions are its own to ask for.
        Some(_) => Err(Problem::forbidden()),
        None => Ok(brand),
    }
}
