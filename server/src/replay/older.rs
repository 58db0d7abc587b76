//! What 0.1.0 recorded under names of its own: an unnamed refund by file and line, and a redemption without a part.
//! It is recognised by what its entry says.

use domain::{
    id::{BrandId, OrderId},
    json::Json,
    number::{Money, Quantity},
    refusal::Refusal,
};
use engine::{FoundOrder, records::EntryRecord};

use super::{
    Run,
    body::Played,
    events::{Event, Kind},
};

/// Whether 0.1.0 has recorded the event.
pub(super) async fn is_recorded(run: &Run, event: &Event, played: &Played) -> Result<bool, engine::Error> {
    let body = &played.body;
    let order = match event.kind {
        Kind::Earn => None,
        Kind::Redeem => body.get("for").and_then(|spent| spent.text_of("order_id")),
        Kind::Refund => body.text_of("order_id"),
    };
    let (Some(brand), Some(order)) = (body.text_of("brand"), order.filter(|_| played.unnamed)) else {
        return Ok(false);
    };
    let (brand, order) = (BrandId::of_checked(brand), OrderId::of_checked(order));
    let ledger = run.api.engine.ledger();
    if event.kind == Kind::Redeem {
        let known = ledger.redemption_of(&brand, &order).await?;
        let points = body.whole_of("points");
        // An order was paid with points once.
        let same = |entry: &EntryRecord| {
            entry.event.occurred_at == event.at && points == Some(-entry.event.movement.points())
        };
        return Ok(event.times == 1 && known.is_some_and(|entry| same(&entry)));
    }
    match ledger.order(&brand, &order).await {
        Ok(order) => Ok(counted(run, event, played, &order)? >= event.times),
        Err(engine::Error::Refused(Refusal::OrderNotFound)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// How many refunds of 0.1.0 without a name say the same as this one.
fn counted(run: &Run, event: &Event, played: &Played, order: &FoundOrder) -> Result<u32, engine::Error> {
    let (currency, _) = run.api.engine.programme().currency_and_zone()?;
    let asked = played.body.get("refund").unwrap_or(&Json::Null);
    let amount = asked.text_of("amount").and_then(|amount| Money::parse(amount, currency));
    let lines = asked.get("lines").map(|lines| sorted(lines.list().iter().map(asked_line).collect()));
    let (own, _) = order.parts();
    // 0.1.0 knew whole pieces alone.
    let pieces =
        |units: &[Quantity]| -> Vec<u64> { units.iter().map(|units| units.pieces().unwrap_or(0)).collect() };
    let mut units: Vec<u64> = vec![0; own.lines.len()];
    let mut count = 0;
    for (name, entry) in order.named_refunds() {
        let Some(refund) = entry.event.kind.row().refund else { continue };
        let taken = own.lines.iter().zip(units.iter().zip(pieces(&refund.after.units)));
        let taken =
            taken.map(|(line, (before, after))| (line.line_id.to_string(), after.saturating_sub(*before)));
        let taken = sorted(taken.filter(|(_, units)| *units > 0).collect());
        units = pieces(&refund.after.units);
        let same = match (&lines, amount) {
            (Some(lines), _) => *lines == taken,
            (None, Some(amount)) => refund.amount == amount.into(),
            (None, None) => refund.closes,
        };
        let unnamed = name.as_deref().is_some_and(is_unnamed);
        count += u32::from(unnamed && same && entry.event.occurred_at == event.at);
    }
    Ok(count)
}

fn asked_line(line: &Json) -> (String, u64) {
    let quantity = line.whole_of("quantity").and_then(|quantity| u64::try_from(quantity).ok());
    (line.text_of("line_id").unwrap_or_default().to_owned(), quantity.unwrap_or(0))
}

fn sorted(mut lines: Vec<(String, u64)>) -> Vec<(String, u64)> {
    lines.sort();
    lines
}

/// Whether 0.1.0 made the name of a file and a line: `replay:`, 32 digits, and the line.
fn is_unnamed(name: &str) -> bool {
    let Some((hash, line)) = name.strip_prefix("replay:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && digits(line)
}
