//! `POST /offers/{id}/stock`: codes of others (a film ticket's), which the offer hands out, one with each piece.

use domain::{
    id::{BatchId, OfferId},
    refusal::Refusal,
    shape::Fault,
};
use edge::{
    Access, Answer, Api, Call, Code, Kind, List, Method, Notes, Problem, Role, Route, Text, answer, body,
    taking,
};
use engine::CodeBatch;

body! {
    /// Codes of others are put into an offer's stock.
    struct FillStock {
        /// the natural key of the batch, within the offer
        batch_id: BatchId,
        /// each is handed out once, in this order, behind those that are there
        codes: List<Text<256>, 1, 1_000>,
    }
}

answer! {
    /// Codes were put into an offer's stock.
    struct StockFilled {
        /// how many the batch had
        added: u32,
    }
}

/// The route.
pub(crate) const FILL: Route = Route {
    method: Method::Post,
    path: "/{id}/stock",
    summary: "Puts codes of others into an offer's stock, to be handed out one with each piece",
    notes: Some(Notes::of_staff("offer.stocked")),
    access: Access::keys(&[Role::Operator]),
    remembers: true,
    answers: &[(200, StockFilled::SHAPE)],
    problems: &[Code::OfferNotFound, Code::IdConflict, Code::LimitExceeded],
    ..taking!(FillStock => fill)
};

async fn fill(api: &Api, call: &Call, body: FillStock) -> Result<Answer, Problem> {
    let id = call.path.first().and_then(|id| id.parse::<OfferId>().ok()).ok_or(Refusal::OfferNotFound)?;
    let shelf = api.engine.programme().offers().await?;
    let foreign = |own| call.caller.brand.as_ref().is_some_and(|bound| bound != own);
    let offer = shelf.offer(&id).filter(|offer| !foreign(&offer.brand)).ok_or(Refusal::OfferNotFound)?;
    if !offer.hands_out_codes {
        return Err(Problem::field(
            "/codes",
            "wrong_value",
            "none: the offer's stock has no codes of others",
        ));
    }
    let List(codes) = body.codes;
    let twice = twice(&codes);
    if !twice.is_empty() {
        return Err(Problem::invalid_field(&twice));
    }
    let sealed = codes.iter().map(|Text(code)| api.secrets.seal_code(&id, code)).collect::<Option<Vec<_>>>();
    let sealed = sealed.ok_or_else(|| Problem::broken("a code of 256 letters is too long to be sealed"))?;

    let request = call.request.about(body.batch_id.to_string());
    let batch = CodeBatch { offer: &id, id: &body.batch_id, codes: &sealed };
    let tell = |added| Answer::new(200, &StockFilled { added }).kept();
    let told = api.engine.accounts().add_codes(&request, batch, tell).await?;

    Ok(told.into())
}

/// The codes that stand twice: no code is handed out to two.
fn twice(codes: &[Text<256>]) -> Vec<Fault> {
    let mut seen = std::collections::HashSet::new();
    let again = codes.iter().enumerate().filter(|(_, Text(code))| !seen.insert(code.as_str()));
    again.map(|(at, _)| Fault::new(format!("/codes/{at}"), "duplicate", "this code stands twice")).collect()
}
