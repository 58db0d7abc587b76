//! `POST /settle` closes a month, and `/settlements` shows the result (月结算).
//!
//! Two names, one folder and one binary: on its own URL the function answers at `/settle` and at
//! `/settlements`.

mod csv;
mod shown;

use domain::{
    id::BrandId,
    number::Currency,
    time::{Instant, Month, Zone},
};
use edge::{
    Access, Answer, Api, At, Call, Code, Function, Kind, Method, MonthText, Notes, OrNull, Partners, Problem,
    Role, Route, Text, answer, asking, body, taking,
};
use engine::BrandAccount;
use shown::{ListedMonth, PaidAccount, Settlements, Statement};

body! {
    /// A month is closed.
    struct CloseMonth {
        /// the month before as_of unless given
        month: Option<Month>,
        /// not ahead of now; now unless given
        as_of: Option<Instant>,
    }
}

answer! {
    /// How far the close of a month has come.
    struct MonthClosing {
        /// the month that is closed
        month: MonthText,
        /// members that this call has come to
        members: u64,
        /// ledger entries that this call has read
        entries: u64,
        /// points that expired as this call settled members
        points_expired: u64,
        /// when it was closed, by this call or before
        closed_at: OrNull<At>,
        /// false: call again
        done: bool,
    }
}

body! {
    /// An account was paid.
    struct AccountWasPaid {
        /// whose account was paid
        brand: BrandId,
    }
}

/// Accounts in a table, unless the request asks for fewer: all that a programme can have.
const TABLE_MAX: usize = 200;

/// Who sees settlements: staff see all of them, a caller bound to a brand its own.
const READERS: Access = Access::keys(&[Role::Operator, Role::Storefront]).and_partners(Partners::Any);
const UNKNOWN: Code = Code::SettlementNotFound;

/// The function.
pub static FUNCTION: Function = Function {
    name: "settle",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "Closes a month that ended at least 15 minutes ago, a bounded part of it per call",
        notes: Some(Notes::of_staff("settlement.closed")),
        access: Access::keys(&[Role::Scheduler]),
        remembers: true,
        answers: &[(200, MonthClosing::SHAPE)],
        problems: &[Code::MonthNotEnded, Code::LimitExceeded],
        ..taking!(CloseMonth => settle)
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
            remembers: false,
            answers: &[(200, Settlements::SHAPE)],
            problems: &[],
            query: &["limit", "cursor"],
            ..asking!(list)
        },
        Route {
            method: Method::Get,
            path: "/{month}",
            summary: "A closed month's statement; who is bound to a brand sees its account alone",
            access: READERS,
            remembers: false,
            answers: &[(200, shown::ShownStatement::SHAPE)],
            problems: &[UNKNOWN],
            query: &["format", "limit", "cursor"],
            ..asking!(get)
        },
        Route {
            method: Method::Post,
            path: "/{month}/paid",
            summary: "A brand's account of a closed month was paid",
            notes: Some(Notes::of_staff("settlement.paid")),
            access: Access::ADMIN,
            remembers: true,
            answers: &[(200, PaidAccount::SHAPE)],
            problems: &[UNKNOWN],
            ..taking!(AccountWasPaid => paid)
        },
    ],
};

/// Closing and paying concern all brands: a caller bound to one may not do it.
fn must_be_unbound(call: &Call) -> Result<(), Problem> {
    if call.caller.brand.is_some() { Err(Problem::forbidden()) } else { Ok(()) }
}

/// The one brand whose accounts the caller sees; `None` means all.
fn own_brand(call: &Call) -> Result<Option<&BrandId>, Problem> {
    match &call.caller.brand {
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
fn meant(body: &CloseMonth, now: Instant, zone: Zone) -> Result<Month, Problem> {
    match (body.month, body.as_of) {
        (Some(month), None) => Ok(month),
        (Some(_), Some(_)) => Err(Problem::field("/as_of", "unknown_field", "month or as_of, not both")),
        (None, Some(as_of)) if as_of > now => {
            Err(Problem::field("/as_of", "out_of_range", "not ahead of now"))
        }
        (None, Some(as_of)) => Ok(zone.month(as_of).previous()),
        (None, None) => Ok(zone.month(now).previous()),
    }
}

async fn settle(api: &Api, call: &Call, body: CloseMonth) -> Result<Answer, Problem> {
    must_be_unbound(call)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    // A key that has been used gets its answer, whatever this instance's clock says of the rest.
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        return Ok(Answer::from(answer).replayed(true));
    }
    let month = meant(&body, call.request.now, zone)?;

    let closing = api.engine.partners().close_month(&call.request.on(month.show()), month).await?;

    let closed_at = closing.closed_at.map(|at| At(zone.show(at)));
    let answer = MonthClosing {
        month: MonthText(month.show()),
        members: closing.members,
        entries: closing.entries,
        points_expired: closing.points_expired,
        done: closed_at.is_some(),
        closed_at: OrNull(closed_at),
    };
    let answer = Answer::new(200, &answer);
    if closing.closed_at.is_some() {
        return Ok(api.engine.access().remember_answer(&call.request, answer.kept()).await?.into());
    }
    // An unfinished close is not remembered: the same key continues it.
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
    let settlements = months.iter().map(|settlement| ListedMonth::of(settlement, zone)).collect();
    Ok(Answer::new(200, &Settlements { settlements, next_cursor: OrNull(next.map(Text)) }))
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
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this statement");
    let after = call.query("cursor").map(|text| text.parse::<BrandId>().map_err(|_| wrong())).transpose()?;

    let settlement = api.engine.partners().settlement(month).await?;
    let mut accounts = match own {
        Some(brand) => api.engine.partners().settled_account(month, brand).await?.into_iter().collect(),
        None => api.engine.partners().settled_accounts(month, after.as_ref(), limit + 1).await?,
    };

    let more = accounts.len() > limit;
    accounts.truncate(limit);
    let statement = Statement::of(&settlement, accounts, more, own.is_some(), currency_and_zone(api)?);
    Ok(if as_table { Answer::csv(statement.table()) } else { Answer::new(200, &statement.shown()?) })
}

fn currency_and_zone(api: &Api) -> Result<(Currency, Zone), Problem> {
    Ok(api.engine.programme().currency_and_zone()?)
}

async fn paid(api: &Api, call: &Call, body: AccountWasPaid) -> Result<Answer, Problem> {
    must_be_unbound(call)?;
    let month = named(call)?;
    let shown_in = currency_and_zone(api)?;

    let tell = |account: &BrandAccount| Answer::new(200, &PaidAccount::of(month, account, shown_in)).kept();
    let request = call.request.about(body.brand.to_string());
    let told = api.engine.partners().account_was_paid(&request, month, &body.brand, tell).await?;

    Ok(told.into())
}
