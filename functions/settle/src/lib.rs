//! `POST /settle` closes a month, and `/settlements` shows what it came to (月结算).
//!
//! Two names, one folder and one binary: on its own URL the function answers at `/settle` and at
//! `/settlements`.

mod csv;
mod shown;

use domain::{
    json::Json,
    number::Currency,
    shape::{COUNT, Shape, is_id, optional, required},
    time::{Instant, Month, Zone},
};
use edge::{Access, Answer, Api, Call, Code, Function, Method, Partners, Problem, Role, Route};
use engine::{BrandAccount, State};
use serde_json::json;
use shown::{LIST, PAID, STATEMENT, Statement};

const REQUEST: Shape = Shape::Object(&[
    optional("month", Shape::Month, "the month before as_of unless given"),
    optional("as_of", Shape::Instant, "not ahead of now; now unless given"),
]);

const ANSWER: Shape = Shape::Object(&[
    required("month", Shape::Month, "the month that is closed"),
    required("members", COUNT, "members that this call has come to"),
    required("entries", COUNT, "ledger entries that this call has read"),
    required("points_expired", COUNT, "points that expired as this call settled members"),
    required("closed_at", Shape::OrNull(&Shape::Instant), "when it was closed, by this call or before"),
    required("done", Shape::Bool, "false: call again"),
]);

const PAID_REQUEST: Shape = Shape::Object(&[required("brand", Shape::Id, "whose account was paid")]);

/// Accounts of a table, unless it is asked for fewer: all that a programme can have.
const TABLE_MAX: usize = 200;

/// Who sees settlements: staff all of them, who is bound to a brand its own.
const READERS: Access = Access::keys(&[Role::Operator, Role::Storefront]).and_partners(Partners::Any);
const UNKNOWN: Code = Code::SettlementNotFound;

/// The function.
pub static FUNCTION: Function = Function {
    name: "settle",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Closes a month that ended at least 15 minutes ago, a bounded part of it per call",
        access: Access::keys(&[Role::Scheduler]),
        body: Some(REQUEST),
        remembers: true,
        answers: &[(200, ANSWER)],
        problems: &[Code::MonthNotEnded, Code::LimitExceeded],
        query: &[],
        handler: |api, call| Box::pin(settle(api, call)),
    }],
};

/// What the function answers under its other name.
pub static SETTLEMENTS: Function = Function {
    name: "settlements",
    routes: &[
        Route {
            method: Method::Get,
            path: "",
            summary: "Months that are closed or being closed, newest first",
            access: READERS,
            body: None,
            remembers: false,
            answers: &[(200, LIST)],
            problems: &[],
            query: &["limit", "cursor"],
            handler: |api, call| Box::pin(list(api, call)),
        },
        Route {
            method: Method::Get,
            path: "/{month}",
            summary: "A closed month's statement; who is bound to a brand sees its account alone",
            access: READERS,
            body: None,
            remembers: false,
            answers: &[(200, STATEMENT)],
            problems: &[UNKNOWN],
            query: &["format", "limit", "cursor"],
            handler: |api, call| Box::pin(get(api, call)),
        },
        Route {
            method: Method::Post,
            path: "/{month}/paid",
            summary: "A brand's account of a closed month was paid",
            access: Access::ADMIN,
            body: Some(PAID_REQUEST),
            remembers: true,
            answers: &[(200, PAID)],
            problems: &[UNKNOWN],
            query: &[],
            handler: |api, call| Box::pin(paid(api, call)),
        },
    ],
};

/// What closes and pays is for all brands: nobody who acts for one does it.
fn must_be_unbound(call: &Call) -> Result<(), Problem> {
    if call.caller.brand.is_some() { Err(Problem::forbidden()) } else { Ok(()) }
}

/// The one brand whose accounts the caller sees; `None` is all.
fn own_brand(call: &Call) -> Result<Option<&str>, Problem> {
    match call.caller.brand.as_deref() {
        Some(brand) => Ok(Some(brand)),
        None if call.caller.may(&[Role::Operator]) => Ok(None),
        None => Err(Problem::forbidden()),
    }
}

fn named(call: &Call) -> Result<Month, Problem> {
    let month = call.path.first().and_then(|text| Month::parse(text));
    month.ok_or_else(|| domain::refusal::Refusal::SettlementNotFound.into())
}

/// The month that the body means.
fn meant(body: &Json, now: Instant, zone: Zone) -> Result<Month, Problem> {
    let as_of = body.text_of("as_of").and_then(Instant::parse);
    match (body.text_of("month").and_then(Month::parse), as_of) {
        (Some(month), None) => Ok(month),
        (Some(_), Some(_)) => Err(Problem::field("/as_of", "unknown_field", "month or as_of, not both")),
        (None, Some(as_of)) if as_of > now => {
            Err(Problem::field("/as_of", "out_of_range", "not ahead of now"))
        }
        (None, as_of) => Ok(zone.month(as_of.unwrap_or(now)).previous()),
    }
}

async fn settle(api: &Api, call: &Call) -> Result<Answer, Problem> {
    must_be_unbound(call)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    // What was done under its key is answered, whatever this instance's clock makes of the rest.
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        return Ok(Answer::from(answer).replayed(true));
    }
    let month = meant(&call.body, call.request.now, zone)?;

    let closing = api.engine.partners().close_month(&call.request, month).await?;

    let answer = Answer::new(
        200,
        &json!({
            "month": month.show(),
            "members": closing.members,
            "entries": closing.entries,
            "points_expired": closing.points_expired,
            "closed_at": closing.closed_at.map(|at| zone.show(at)),
            "done": closing.closed_at.is_some(),
        }),
    );
    if closing.closed_at.is_some() {
        return Ok(api.engine.access().remember_answer(&call.request, answer.kept()).await?.into());
    }
    // What is not done is not remembered: the same key goes on.
    Ok(answer)
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    own_brand(call)?;
    let limit = call.limit()?;
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let before = call.query("cursor").map(|text| Month::parse(text).ok_or_else(wrong)).transpose()?;

    let mut months = api.engine.partners().settlements(before, limit + 1).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let more = months.len() > limit;
    months.truncate(limit);
    let next = months.last().filter(|_| more).map(|last| last.month.show());
    let shown = months.iter().map(|settlement| {
        let (state, closed_at) = match settlement.state {
            State::Closing => ("closing", None),
            State::Closed(at) => ("closed", Some(zone.show(at))),
        };
        let began_at = zone.show(settlement.began_at);
        json!({"month": settlement.month.show(), "state": state, "began_at": began_at, "closed_at": closed_at})
    });
    let shown: Vec<_> = shown.collect();
    Ok(Answer::new(200, &json!({"settlements": shown, "next_cursor": next})))
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let own = own_brand(call)?;
    let month = named(call)?;
    let as_table = match call.query("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Problem::field("/query/format", "wrong_format", "json or csv")),
    };
    let limit = if as_table && call.query("limit").is_none() { TABLE_MAX } else { call.limit()? };
    let after = call.query("cursor");
    if after.is_some_and(|brand| !is_id(brand)) {
        return Err(Problem::field("/query/cursor", "wrong_format", "a next_cursor of this statement"));
    }

    let settlement = api.engine.partners().settlement(month).await?;
    let mut accounts = match own {
        Some(brand) => api.engine.partners().settled_account(month, brand).await?.into_iter().collect(),
        None => api.engine.partners().settled_accounts(month, after, limit + 1).await?,
    };

    let more = accounts.len() > limit;
    accounts.truncate(limit);
    let statement = Statement::of(&settlement, accounts, more, own.is_some(), currency_and_zone(api)?);
    Ok(if as_table { Answer::csv(statement.table()) } else { Answer::new(200, &statement.json()) })
}

fn currency_and_zone(api: &Api) -> Result<(Currency, Zone), Problem> {
    Ok(api.engine.programme().currency_and_zone()?)
}

async fn paid(api: &Api, call: &Call) -> Result<Answer, Problem> {
    must_be_unbound(call)?;
    let month = named(call)?;
    let brand = call.body.text_of("brand").unwrap_or_default();
    let shown_in = currency_and_zone(api)?;

    let tell = |account: &BrandAccount| Answer::new(200, &shown::paid(month, account, shown_in)).kept();
    let told = api.engine.partners().account_was_paid(&call.request, month, brand, tell).await?;

    Ok(told.into())
}
