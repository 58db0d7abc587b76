//! `/offers/{id}/codes`: printed codes, in batches.

use std::sync::Arc;

use domain::{
    id::{BatchId, OfferId},
    offer::{
        How, Offer,
        printed::{CODES_MAX, Printed},
    },
    refusal::Refusal,
    shape::Shape,
    time::Zone,
};
use edge::{
    Access, Answer, Api, At, Call, Code, Id, Kind, List, Method, Notes, OrNull, Problem, Role, Route, Text,
    Whole, answer, asking, body, taking, wire,
};
use engine::{PrintRun, records::PrintedBatch};

body! {
    /// Codes are printed.
    struct PrintCodes {
        /// how many
        count: Whole<1, 100_000>,
        /// the natural key of the batch, within the offer
        batch_id: BatchId,
        /// how often each may be used; 1 unless given
        quantity: Option<Whole<1, 1_000>>,
    }
}

body! {
    /// The codes of a batch are taken back.
    struct RevokeCodes {
        /// why; kept in the activity log
        reason: Text<500>,
    }
}

answer! {
    /// A batch of printed codes.
    struct CodeBatch<'a> {
        /// as it was sent
        batch_id: Id<&'a BatchId>,
        /// how many codes it has
        count: u32,
        /// how often each may be used
        quantity: u32,
        /// how often codes of it were used, less what came back
        used: u64,
        /// when it was taken back, or null
        revoked: OrNull<At>,
        /// when it was printed
        printed_at: At,
        /// who printed it
        printed_by: Text<64>,
    }
}

answer! {
    /// An offer's batches of printed codes.
    struct CodeBatches<'a> {
        /// oldest first
        batches: List<CodeBatch<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<64>>,
    }
}

/// The longest table of codes, in characters: a line of 21 for each, and the heading.
const TABLE_CHARS_MAX: usize = 21 * (CODES_MAX as usize + 1);

const STAFF: Access = Access::keys(&[Role::Operator]);

/// The route that prints.
pub(crate) const PRINT: Route = Route {
    method: Method::Post,
    path: "/{id}/codes",
    summary: "Prints codes of an offer; answers CSV with one column, `code`",
    notes: Some(Notes::of_staff("codes.printed")),
    access: STAFF,
    remembers: true,
    answers: &[(200, Shape::Text { max: TABLE_CHARS_MAX })],
    problems: &[Code::OfferNotFound, Code::IdConflict, Code::LimitExceeded],
    ..taking!(PrintCodes => print)
};

/// The route that lists.
pub(crate) const BATCHES: Route = Route {
    method: Method::Get,
    path: "/{id}/codes",
    summary: "An offer's batches of printed codes",
    access: STAFF,
    answers: &[(200, CodeBatches::SHAPE)],
    problems: &[Code::OfferNotFound],
    query: &["limit", "cursor"],
    ..asking!(list)
};

/// The route that takes back.
pub(crate) const REVOKE: Route = Route {
    method: Method::Post,
    path: "/{id}/codes/{batch}/revoke",
    summary: "Takes the codes of a batch back: none of them is usable any more",
    notes: Some(Notes::of_staff("codes.revoked")),
    access: STAFF,
    remembers: true,
    answers: &[(200, CodeBatch::SHAPE)],
    problems: &[Code::OfferNotFound],
    ..taking!(RevokeCodes => revoke)
};

/// The offer that the path names, of the caller's brand, with its number.
async fn named(api: &Api, call: &Call) -> Result<(Arc<Offer>, u16), Problem> {
    let id = call.path.first().and_then(|id| id.parse::<OfferId>().ok()).ok_or(Refusal::OfferNotFound)?;
    let shelf = api.engine.programme().offers().await?;
    let foreign = |offer: &Offer| call.caller.brand.as_ref().is_some_and(|bound| *bound != offer.brand);
    let known = shelf.offer(&id).zip(shelf.number(&id)).filter(|(offer, _)| !foreign(offer));
    let (offer, number) = known.ok_or(Refusal::OfferNotFound)?;
    Ok((offer.clone(), number))
}

async fn print(api: &Api, call: &Call, body: PrintCodes) -> Result<Answer, Problem> {
    let (offer, number) = named(api, call).await?;
    if offer.how != How::Code {
        return Err(Problem::field(
            "/count",
            "wrong_value",
            "none: only an offer that is had by codes has any",
        ));
    }
    let in_paths = |letter: char| letter.is_ascii_alphanumeric() || "._:-".contains(letter);
    if !body.batch_id.to_string().chars().all(in_paths) {
        let detail =
            "a batch of printed codes is named by 1 to 64 of A-Z a-z 0-9 . _ : -, since paths name it";
        return Err(Problem::field("/batch_id", "wrong_format", detail));
    }
    let small = |whole: i64| u32::try_from(whole).unwrap_or(1);
    let quantity = body.quantity.map_or(1, |quantity| small(quantity.0));
    let run = PrintRun { offer: &offer.id, id: &body.batch_id, count: small(body.count.0), quantity };

    let request = call.request.about(body.batch_id.to_string());
    // What is remembered is the batch's number: its codes follow from that.
    let tell = |batch: u32, _: &PrintedBatch| Answer::csv(batch.to_string()).kept();
    let told = api.engine.accounts().print_codes(&request, run, tell).await?;

    let batch = std::str::from_utf8(&told.answer.body).ok().and_then(|batch| batch.parse().ok());
    let batch: u32 = batch.ok_or_else(|| Problem::broken("a remembered batch of codes is no number"))?;
    let printer = api.secrets.printer();
    let mut table = String::from("code\r\n");
    for index in 0..run.count {
        table += &printer.print(Printed { offer: number, batch, index });
        table += "\r\n";
    }
    Ok(Answer::csv(table).replayed(told.replayed))
}

fn shown(zone: Zone, batch: &PrintedBatch, used: u64) -> CodeBatch<'_> {
    CodeBatch {
        batch_id: Id(&batch.id),
        count: batch.count,
        quantity: batch.quantity,
        used,
        revoked: OrNull(batch.revoked.map(|at| At(zone.show(at)))),
        printed_at: At(zone.show(batch.at)),
        printed_by: Text(wire::by(batch.by)),
    }
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let from: usize = call.query("cursor").map_or(Ok(0), |cursor| cursor.parse().map_err(|_| wrong()))?;
    let (offer, _) = named(api, call).await?;

    let batches = api.engine.accounts().printed(&offer.id).await?;
    let used = api.engine.accounts().printed_used(&offer.id).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let page = (0u32..).zip(&batches).skip(from).take(limit);
    let page = page.map(|(number, batch)| shown(zone, batch, used.get(&number).copied().unwrap_or(0)));
    let page = List(page.collect());
    let next = (batches.len() > from.saturating_add(limit)).then(|| Text((from + limit).to_string()));
    Ok(Answer::new(200, &CodeBatches { batches: page, next_cursor: OrNull(next) }))
}

async fn revoke(api: &Api, call: &Call, _: RevokeCodes) -> Result<Answer, Problem> {
    let (offer, _) = named(api, call).await?;
    let batch = call.path.get(1).and_then(|id| id.parse::<BatchId>().ok()).ok_or(Refusal::OfferNotFound)?;
    let used = api.engine.accounts().printed_used(&offer.id).await?;
    let batches = api.engine.accounts().printed(&offer.id).await?;
    let number = (0u32..).zip(&batches).find(|(_, known)| known.id == batch).map(|(number, _)| number);
    let used = number.and_then(|number| used.get(&number).copied()).unwrap_or(0);
    let (_, zone) = api.engine.programme().currency_and_zone()?;

    let tell = |batch: &PrintedBatch| Answer::new(200, &shown(zone, batch, used)).kept();
    let told = api.engine.accounts().revoke_printed(&call.request, (&offer.id, &batch), tell).await?;

    // A batch that is not there is told as an offer that is not.
    Ok(told.ok_or(Refusal::OfferNotFound)?.into())
}
