//! What staff see of an offer beside its document: what is left of it, and what was taken of it on some days.

use std::ops::RangeInclusive;

use domain::{
    id::OfferId,
    shape::Fault,
    time::{Day, DayNumber},
};
use edge::{Api, Call, Code, Problem};
use serde_json::{Map, Value, json};

/// The local days from `?from=` to `?to=`, both included; `None` if neither is said.
///
/// # Errors
/// What is wrong with them, all at once.
pub(crate) fn days(call: &Call) -> Result<Option<RangeInclusive<DayNumber>>, Problem> {
    let (from, to) = (call.query("from"), call.query("to"));
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    let mut faults = Vec::new();
    let mut day = |name: &str, text: Option<&str>| {
        let fault = |code, detail| Fault::new(format!("/query/{name}"), code, detail);
        let read = text.and_then(Day::parse).map(Day::number);
        match (text, read) {
            (None, _) => faults.push(fault("required", "from and to go together".to_owned())),
            (Some(text), None) => {
                faults.push(fault("wrong_format", format!("{text} is no day, such as 2026-11-02")));
            }
            (Some(_), Some(_)) => {}
        }
        read
    };
    let (first, last) = (day("from", from), day("to", to));
    match first.zip(last) {
        Some((first, last)) if first <= last => Ok(Some(first..=last)),
        Some(_) => Err(Problem::field("/query/to", "wrong_value", "a day that is not before from")),
        None => Err(Problem::invalid_field(&faults)),
    }
}

/// Adds to an offer as it is shown what staff see of it besides.
pub(crate) async fn add(
    api: &Api,
    call: &Call,
    id: &OfferId,
    fields: &mut Map<String, Value>,
) -> Result<(), Problem> {
    let days = days(call)?;
    let (programmes, accounts) = (api.engine.programme(), api.engine.accounts());
    let (currency, _) = programmes.currency_and_zone()?;
    let shelf = programmes.offers().await?;
    let newest = shelf.offer(id).ok_or_else(|| Problem::of(Code::OfferNotFound))?;
    let left = accounts.left_of_offer(newest, call.request.now).await?;
    let budget = left.budget.map(|budget| budget.show(currency));
    fields.insert("left".to_owned(), json!({"stock": left.stock, "uses": left.uses, "budget": budget}));
    if let Some(days) = days {
        let taken = accounts.taken_of_offer(id, days).await?;
        let taken = json!({
            "issued": taken.issued, "used": taken.used, "returned": taken.returned,
            "amount": taken.amount.show(currency),
        });
        fields.insert("taken".to_owned(), taken);
    }
    Ok(())
}
