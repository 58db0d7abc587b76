//! `GET /partners/{id}`: what a brand has used of its limits and of what it has paid for.

use domain::{
    number::{Amount, Currency},
    programme::{Brand, BrandKind, BrandLimit, BrandPer, Funding, Way},
    refusal::Refusal,
    shape::{COUNT, Shape, optional, required},
};
use edge::{Access, Answer, Api, Call, Code, Method, Partners, Problem, Role, Route};
use engine::Usage;
use serde_json::{Map, Value, json};

const USED: Shape = Shape::Object(&[
    required("total", COUNT, "the limit"),
    optional("used", COUNT, "used of it in the day or month of now; left out where it is a member's"),
    optional("left", COUNT, "what is left of it; left out where it is a member's"),
]);

const LIMIT: Shape = Shape::Object(&[
    required("per", Shape::OneOf(&["day", "month", "member_day"]), "what it counts over, by recorded_at"),
    optional("issue", USED, "points issued; what refunds take back stays used"),
    optional("redeem", USED, "points honoured; what is cancelled stays used"),
]);

const AMOUNT: Shape = Shape::Text { max: 40 };

const CREDIT: Shape = Shape::Object(&[
    required("total", AMOUNT, "the most it may owe"),
    required("used", AMOUNT, "closed balances that are not paid, and what is issued and not closed"),
    required("left", AMOUNT, "what is left of it, exact to the millionth; below 0 where it was lowered"),
]);

const FUNDING: Shape = Shape::Object(&[
    required("mode", Shape::OneOf(&["prepaid", "postpaid"]), "from blocks bought before, or by the month"),
    required("credit", Shape::OrNull(&CREDIT), "null without bounds"),
]);

const HOLDING: Shape = Shape::Object(&[
    required("number", COUNT, "the block's number among the brand's, from 1"),
    required("left", COUNT, "points it still holds"),
]);

const USAGE: Shape = Shape::Object(&[
    required("brand", Shape::Id, "the brand"),
    required("name", Shape::Text { max: 100 }, "as people know it"),
    required("kind", Shape::OneOf(&["own", "partner"]), "whether it belongs to the house"),
    required("limits", Shape::List { of: &LIMIT, min: 0, max: 3 }, "its limits, as of now"),
    required("funding", Shape::OrNull(&FUNDING), "how it pays for what it issues; null: by the month"),
    required("blocks", Shape::List { of: &HOLDING, min: 0, max: 10_000 }, "blocks that still hold points"),
]);

/// The route.
pub(crate) const GET: Route = Route {
    method: Method::Get,
    path: "/{id}",
    summary: "What a brand has used of its limits, its blocks and its credit",
    access: Access::keys(&[Role::Operator]).and_partners(Partners::Any),
    body: None,
    remembers: false,
    answers: &[(200, USAGE)],
    problems: &[Code::BrandNotFound],
    query: &[],
    handler: |api, call| Box::pin(get(api, call)),
};

/// The brand that the path names, if the caller may ask about it.
pub(crate) fn named<'a>(api: &Api, call: &'a Call) -> Result<&'a str, Problem> {
    let id = call.path.first().map_or("", String::as_str);
    api.may_act_for(call, id)?;
    Ok(id)
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(api, call)?;

    let usage = api.engine.accounts().usage(id, call.request.now).await?;

    let programmes = api.engine.programme().timeline()?;
    let programme = programmes.newest();
    let brand = programme.brand(id).ok_or(Refusal::BrandNotFound)?;
    let holding = |(number, left): &(u32, u64)| json!({"number": number, "left": left});
    Ok(Answer::new(
        200,
        &json!({
            "brand": brand.id,
            "name": brand.name,
            "kind": if brand.kind == BrandKind::Own { "own" } else { "partner" },
            "limits": brand.limits.iter().map(|limit| shown_limit(limit, &usage)).collect::<Vec<_>>(),
            "funding": shown_funding(brand, &usage, programme.currency),
            "blocks": usage.blocks.iter().map(holding).collect::<Vec<_>>(),
        }),
    ))
}

fn shown_limit(limit: &BrandLimit, usage: &Usage) -> Value {
    let mut shown = Map::from_iter([("per".to_owned(), limit.per.word().into())]);
    for (way, total) in [(Way::Issue, limit.issue), (Way::Redeem, limit.redeem)] {
        let Some(total) = total else { continue };
        let metered = usage.limits.iter().find(|metered| metered.way == way && metered.per == limit.per);
        let used = match metered.filter(|_| limit.per != BrandPer::MemberDay) {
            Some(metered) => {
                json!({"total": total, "used": metered.used, "left": total.saturating_sub(metered.used)})
            }
            None => json!({"total": total}),
        };
        shown.insert(way.word().to_owned(), used);
    }
    Value::Object(shown)
}

fn shown_funding(brand: &Brand, usage: &Usage, currency: Currency) -> Value {
    let mode = match brand.funding {
        None => return Value::Null,
        Some(Funding::Prepaid) => "prepaid",
        Some(Funding::Postpaid { .. }) => "postpaid",
    };
    let credit = usage.credit.map(|(total, left)| {
        let used = Amount(total.0 - left.0);
        json!({"total": total.show(currency), "used": used.show(currency), "left": left.show(currency)})
    });
    json!({"mode": mode, "credit": credit})
}
