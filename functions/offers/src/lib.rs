//! `/offers`: what brands give their members beyond points. Each is a versioned document that is never deleted.

mod figures;
mod printed;
mod stock;

use domain::{
    id::{BrandId, OfferId},
    json::Json,
    shape::Fault,
    time::Zone,
};
use edge::{
    Access, Answer, Api, Call, Caller, Code, Function, Kind, List, Method, Notes, OfferDocument, OrNull,
    Problem, Role, Route, Text, answer, asking, taking, wire,
};
use engine::{NotSaved, SavedOffer, SentOffer};
use serde_json::{Map, Value};

/// What an answer says beside the document. Whoever sends back what was shown need not take it out.
const BESIDE: [&str; 5] = ["id", "saved_by", "saved_at", "left", "taken"];

answer! {
    /// A page of offers.
    struct Offers {
        /// each in its newest version, by id
        offers: List<OfferDocument<Value>, 0, 200>,
        /// null at the end; a page of long offers is shorter than asked
        next_cursor: OrNull<Text<64>>,
    }
}

/// Whoever shows members what they may have.
const READERS: Access = Access::keys(&[Role::Operator, Role::Storefront]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "offers",
    routes: &[
        Route {
            method: Method::Get,
            path: "",
            summary: "Every offer's newest version, by id",
            access: READERS,
            answers: &[(200, Offers::SHAPE)],
            query: &["limit", "cursor"],
            ..asking!(list)
        },
        Route {
            method: Method::Get,
            path: "/{id}",
            summary: "An offer's newest version, or the one that `version` names; what was taken of it from one local day to another",
            access: READERS,
            answers: &[(200, OfferDocument::<Value>::SHAPE)],
            problems: &[Code::OfferNotFound],
            query: &["version", "from", "to"],
            ..asking!(get)
        },
        Route {
            method: Method::Put,
            path: "/{id}",
            summary: "Saves a new version of an offer; with `version`, only on top of that one",
            notes: Some(Notes::of_staff("offer.saved")),
            access: Access::keys(&[Role::Operator]),
            answers: &[(200, OfferDocument::<Value>::SHAPE)],
            problems: &[Code::OfferConflict, Code::InvalidOffer, Code::LimitExceeded],
            ..taking!(OfferDocument<Json> => put)
        },
        stock::FILL,
        printed::PRINT,
        printed::BATCHES,
        printed::REVOKE,
    ],
};

/// The offer as it is shown: its document, with which it is, who saved it and when.
fn shown(zone: Zone, saved: &SavedOffer) -> Option<OfferDocument<Value>> {
    let Ok(Value::Object(document)) = serde_json::from_str(&saved.document) else { return None };
    let mut shown = Map::new();
    shown.insert("id".to_owned(), saved.id.as_str().into());
    shown.insert("version".to_owned(), saved.version.into());
    shown.insert("saved_by".to_owned(), wire::by(saved.by).into());
    shown.insert("saved_at".to_owned(), zone.show(saved.at).into());
    shown.extend(document);
    Some(OfferDocument(Value::Object(shown)))
}

fn answer(zone: Zone, saved: &SavedOffer) -> Option<Answer> {
    shown(zone, saved).map(|document| Answer::new(200, &document))
}

fn broken() -> Problem {
    Problem::broken("a saved offer is no JSON")
}

/// Whether the caller sees it. A key that is bound to a brand sees that brand's; a storefront, which shows members what
/// they may use with it, those of others too that may be used at its brand.
fn sees(caller: &Caller, saved: &SavedOffer) -> bool {
    let Some(bound) = &caller.brand else { return true };
    saved.brand == *bound || (caller.is(Role::Storefront) && may_be_used_at(saved, bound))
}

fn may_be_used_at(saved: &SavedOffer, brand: &BrandId) -> bool {
    let document = Json::parse(saved.document.as_bytes()).unwrap_or(Json::Null);
    let brands = document.get("where").and_then(|own| own.get("brands")).map_or(&[][..], Json::list);
    brands.iter().any(|own| own.text() == Some(brand.as_str()))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let after =
        call.query("cursor").map(|cursor| cursor.parse::<OfferId>().map_err(|_| wrong())).transpose()?;

    let sees = |saved: &SavedOffer| sees(&call.caller, saved);
    let (page, more) = api.engine.programme().offers_page(after.as_ref(), limit, sees).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let next = page.last().filter(|_| more).map(|last| Text(last.id.to_string()));
    let offers = page.iter().map(|saved| shown(zone, saved)).collect::<Option<_>>().ok_or_else(broken)?;
    Ok(Answer::new(200, &Offers { offers: List(offers), next_cursor: OrNull(next) }))
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let not_found = || Problem::of(Code::OfferNotFound);
    let id: OfferId = call.path.first().and_then(|id| id.parse().ok()).ok_or_else(not_found)?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let version = match call.query("version") {
        None => None,
        // A number beyond every version is none of them.
        Some(text) if plain(text) => Some(text.parse().unwrap_or(u32::MAX)),
        Some(_) => {
            return Err(Problem::field("/query/version", "wrong_format", "a version's number, from 1"));
        }
    };

    let saved = api.engine.programme().offer(&id, version).await?;
    let saved = saved.filter(|saved| sees(&call.caller, saved)).ok_or_else(not_found)?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let OfferDocument(mut document) = shown(zone, &saved).ok_or_else(broken)?;
    match (call.caller.is_staff(), &mut document) {
        (true, Value::Object(fields)) => figures::add(api, call, &id, fields).await?,
        _ => _ = figures::days(call)?,
    }
    Ok(Answer::new(200, &OfferDocument(document)))
}

async fn put(
    api: &Api,
    call: &Call,
    OfferDocument(mut document): OfferDocument<Json>,
) -> Result<Answer, Problem> {
    let path = call.path.first().map_or("", String::as_str);
    let bound = call.caller.brand.as_ref().map(|brand| brand.as_str());
    if bound.is_some() && document.text_of("brand").is_some_and(|brand| Some(brand) != bound) {
        return Err(Problem::forbidden());
    }
    let (id, wrong) = named(path, &document)?;
    // A number beyond every version is not the newest either.
    let based_on = document.whole_of("version").map(|version| u32::try_from(version).unwrap_or(u32::MAX));
    let text: Option<Value> = serde_json::from_slice(&call.text).ok();
    let mut text = text.ok_or_else(|| Problem::broken("a body that was read as JSON is none"))?;
    if let (Json::Object(fields), Value::Object(members)) = (&mut document, &mut text) {
        fields.retain(|(name, _)| !BESIDE.iter().any(|beside| name == *beside));
        members.retain(|name, _| name != "version" && !BESIDE.contains(&name.as_str()));
    }
    let text = text.to_string();
    let (_, zone) = api.engine.programme().currency_and_zone()?;

    let sent = SentOffer { id: &id, document: &document, text: &text, based_on, wrong: &wrong };
    let saved = api.engine.programme().save_offer(&call.request, sent).await?;

    answer(zone, &saved?).ok_or_else(broken)
}

/// The offer that the path names; and that a document which says its id says another, if it does.
fn named(path: &str, document: &Json) -> Result<(OfferId, Vec<Fault>), Problem> {
    let id: OfferId = path.parse().map_err(|_| {
        let detail = format!("the path names {path:?}: an id is 1 to 64 of A-Z a-z 0-9 . _ : -");
        NotSaved::Invalid(vec![Fault::new("/id", "wrong_format", detail)])
    })?;
    let other = document.get("id").filter(|own| own.text() != Some(id.as_str()));
    let fault =
        other.map(|_| Fault::new("/id", "wrong_value", format!("the path names {id}: send that, or no id")));
    Ok((id, fault.into_iter().collect()))
}
