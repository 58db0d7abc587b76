//! A member's links with partner brands: asking for a code, seeing what stands, ending it.

use domain::{
    refusal::Refusal,
    shape::{Shape, is_id, required},
};
use edge::{Answer, Api, Call, Code, Method, Problem, Route, wire};
use engine::{LINK_CODE_MILLIS, Link, LinkAsk};
use serde_json::{Value, json};

use crate::{SHOP_AND_OWN, UNKNOWN, named};

const ASK_REQUEST: Shape = Shape::Object(&[required("brand", Shape::Id, "the partner brand")]);

const ASK_ANSWER: Shape = Shape::Object(&[
    required("code", Shape::Text { max: 40 }, "what the member gives the partner; good once"),
    required("expires_at", Shape::Instant, "10 minutes later"),
]);

const CONSENT: Shape = Shape::Object(&[
    required("by", Shape::Text { max: 64 }, "who asked for the link: a key's id, or the member's own"),
    required("at", Shape::Instant, "when"),
]);

const LINK: Shape = Shape::Object(&[
    required("brand", Shape::Id, "the partner brand"),
    required("consent", CONSENT, "what the member agreed to it by"),
    required("linked_at", Shape::Instant, "since when the brand could act on the member"),
    required("ended_at", Shape::OrNull(&Shape::Instant), "null: it stands"),
    required("ended_by", Shape::OrNull(&Shape::Text { max: 64 }), "who ended it"),
]);

const LIST_ANSWER: Shape = Shape::Object(&[
    required(
        "links",
        Shape::List { of: &LINK, min: 0, max: 200 },
        "by brand, the newest of each first; ended ones too",
    ),
    required("next_cursor", Shape::OrNull(&Shape::Text { max: 80 }), "null at the end"),
]);

/// `POST /members/{id}/link-code`.
pub(crate) const ASK: Route = Route {
    method: Method::Post,
    path: "/{id}/link-code",
    summary: "A code with which a partner can link the member, once, within 10 minutes",
    access: SHOP_AND_OWN,
    body: Some(ASK_REQUEST),
    remembers: true,
    answers: &[(201, ASK_ANSWER)],
    problems: &[Code::MemberNotFound, Code::BrandNotFound, Code::MemberNotActive, Code::LimitExceeded],
    query: &[],
    handler: |api, call| Box::pin(ask(api, call)),
};

/// `GET /members/{id}/links`.
pub(crate) const LIST: Route = Route {
    method: Method::Get,
    path: "/{id}/links",
    summary: "The partners a member is or was linked with, and the consent to it",
    access: SHOP_AND_OWN,
    body: None,
    remembers: false,
    answers: &[(200, LIST_ANSWER)],
    problems: UNKNOWN,
    query: &["limit", "cursor"],
    handler: |api, call| Box::pin(list(api, call)),
};

/// `DELETE /members/{id}/links/{brand}`.
pub(crate) const END: Route = Route {
    method: Method::Delete,
    path: "/{id}/links/{brand}",
    summary: "Ends the member's link with a partner",
    access: SHOP_AND_OWN,
    body: None,
    remembers: false,
    answers: &[(200, LINK)],
    problems: &[Code::MemberNotFound, Code::LinkNotFound],
    query: &[],
    handler: |api, call| Box::pin(end(api, call)),
};

async fn ask(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let member = named(call)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    // The answer is remembered with the code's number in place of the code, which follows from it.
    let number = wire::CodeNumber(api.chance.bytes()?);
    let code = api.secrets.link_code_hash_of(number);
    let brand = call.body.text_of("brand").unwrap_or_default().to_owned();
    let expires_at = zone.show(call.request.now.plus_millis(LINK_CODE_MILLIS));
    let answer = Answer::new(201, &json!({"code": wire::id(number), "expires_at": expires_at}));

    let ask = LinkAsk { member, brand, code };
    let told = api.engine.partners().ask_link(&call.request, &ask, answer.kept()).await?;

    let mut shown: Value = serde_json::from_slice(&told.answer.body).unwrap_or_default(); // our own answer
    if let Some(number) = shown["code"].as_str().and_then(wire::read_id) {
        shown["code"] = api.secrets.link_code(number).into();
    }
    Ok(Answer::new(201, &shown).replayed(told.replayed))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (id, limit) = (named(call)?, call.limit()?);
    let after = call.query("cursor").map(|text| {
        let place = text.split_once('.').and_then(|(number, brand)| Some((brand, number.parse().ok()?)));
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
        place.filter(|(brand, _)| is_id(brand)).ok_or_else(wrong)
    });
    let after = after.transpose()?;

    let mut links = api.engine.partners().links(id, after, limit + 1).await?;

    let more = links.len() > limit;
    links.truncate(limit);
    let last = links.last().filter(|_| more);
    let next = last.map(|last| format!("{}.{}", last.number, last.brand));
    let links = links.iter().map(|link| shown(api, link)).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::new(200, &json!({"links": links, "next_cursor": next})))
}

async fn end(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;
    let brand = call.path.get(1).filter(|brand| is_id(brand)).ok_or(Refusal::LinkNotFound)?;

    let link = api.engine.partners().unlink(&call.request, id, brand).await?;

    Ok(Answer::new(200, &shown(api, &link)?))
}

/// A link as everybody sees it. Its reference is the partner's and nobody else's.
fn shown(api: &Api, link: &Link) -> Result<Value, Problem> {
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let record = &link.record;
    Ok(json!({
        "brand": link.brand,
        "consent": {"by": wire::by(record.asked_by), "at": zone.show(record.asked_at)},
        "linked_at": zone.show(record.linked_at),
        "ended_at": record.end.as_ref().map(|end| zone.show(end.at)),
        "ended_by": record.end.as_ref().map(|end| wire::by(end.by)),
    }))
}
