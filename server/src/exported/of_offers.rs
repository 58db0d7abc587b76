//! What is exported of offers: their versions, and the uses of guests, of which no ledger tells.

use domain::{
    event::{OfferGiven, OfferTaken},
    number::Currency,
    offer::grant::HeldBy,
    time::{Day, DayNumber},
};
use edge::Api;
use engine::records::UseRecord;
use serde_json::{Value, json};

use super::unreadable;
use crate::start::{StartError, failed};

/// Every version of every offer, as it was sent.
pub(crate) async fn offers(api: &Api) -> Result<Vec<Value>, StartError> {
    let programme = api.engine.programme();
    let zone = programme.timeline().map_err(unreadable)?.newest().zone;
    let shelf = programme.offers().await.map_err(unreadable)?;
    let mut lines = Vec::new();
    for offer in shelf.all() {
        for number in 1..=offer.version {
            let version = programme.offer(&offer.id, Some(number)).await.map_err(unreadable)?;
            let missing = || StartError(format!("version {number} of offer {} is missing", offer.id));
            let version = version.ok_or_else(missing)?;
            let document: Value = serde_json::from_str(&version.document)
                .map_err(|error| failed("an offer is not JSON", &error))?;
            let since = zone.show(version.at);
            lines.push(
                json!({"offer": offer.id.as_str(), "version": number, "since": since, "document": document}),
            );
        }
    }
    Ok(lines)
}

/// What guests' uses say: of each its tellings and its returns, oldest first, in the form of entries about uses.
pub(crate) async fn guests(api: &Api) -> Result<Vec<Value>, StartError> {
    let (currency, _) = api.engine.programme().currency_and_zone().map_err(unreadable)?;
    let (mut lines, mut from) = (Vec::new(), None);
    loop {
        let (page, next) = api.engine.offers().guests_uses(from).await.map_err(unreadable)?;
        for tellings in &page {
            lines.extend(tellings.iter().map(|told| telling(told, currency)));
            lines.extend(tellings.last().into_iter().flat_map(|newest| returns(newest, currency)));
        }
        from = next;
        if from.is_none() {
            return Ok(lines);
        }
    }
}

fn telling(told: &UseRecord, currency: Currency) -> Value {
    let mut line = line("use", told, told.recorded);
    line["revision"] = told.revision.into();
    line["offers"] = taken(&told.taken, currency);
    line["returned"] = given(&told.given_before, currency);
    line
}

fn returns(newest: &UseRecord, currency: Currency) -> impl Iterator<Item = Value> {
    newest.returns.iter().map(move |part| {
        let mut line = line("reverse_use", newest, part.recorded);
        line["offers"] = taken(&part.restored, currency);
        line["returned"] = given(&part.given, currency);
        line
    })
}

fn line(kind: &str, of: &UseRecord, recorded: DayNumber) -> Value {
    let (order, used) = match &of.by {
        HeldBy::Order(order) => (Some(order.as_str()), None),
        HeldBy::Use(used) => (None, Some(used.as_str())),
    };
    let recorded = Day::from_number(recorded).show();
    json!({"kind": kind, "brand": of.brand.as_str(), "order_id": order, "use_id": used, "recorded_on": recorded})
}

fn taken(parts: &[OfferTaken], currency: Currency) -> Value {
    let part = |own: &OfferTaken| {
        json!({"offer": own.offer.as_str(), "version": own.version, "pieces": own.pieces, "uses": own.uses,
            "amount": own.amount.show(currency)})
    };
    parts.iter().map(part).collect()
}

fn given(parts: &[OfferGiven], currency: Currency) -> Value {
    let part = |own: &OfferGiven| json!({"offer": own.offer.as_str(), "version": own.version, "amount": own.amount.show(currency)});
    parts.iter().map(part).collect()
}
