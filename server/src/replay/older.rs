//! What 0.1.0 recorded under names of its own (an unnamed refund by file and line), and what any caller did under none
//! (a redemption without a part). It is recognised by what its entry says.

use domain::{
    id::{BrandId, OrderId},
    json::Json,
    number::{Money, Quantity},
    refusal::Refusal,
    time::Instant,
};
use engine::{FoundOrder, records::EntryRecord};

use super::{
    Run,
    body::Played,
    events::{Event, Kind, Unnamed},
};

/// Whether the event is recorded under another name than its own.
pub(super) async fn is_recorded(run: &Run, event: &Event, played: &Played) -> Result<bool, engine::Error> {
    let body = &played.body;
    let order = match event.kind {
        Kind::Earn => None,
        Kind::Redeem => body.get("for").and_then(|spent| spent.text_of("order_id")),
        Kind::Refund => body.text_of("order_id"),
    };
    let (Some(brand), Some(order), Some(unnamed)) = (body.text_of("brand"), order, &event.unnamed) else {
        return Ok(false);
    };
    let (brand, order) = (BrandId::of_checked(brand), OrderId::of_checked(order));
    let ledger = run.api.engine.ledger();
    if event.kind == Kind::Redeem {
        let known = ledger.redemption_of(&brand, &order, None).await?;
        let points = body.whole_of("points");
        let same = known.filter(|entry| points == Some(-entry.event.movement.points()));
        return Ok(same.is_some_and(|entry| is_of(unnamed, entry.event.occurred_at)));
    }
    match ledger.order(&brand, &order).await {
        Ok(order) => {
            let recorded = recorded(run, played, &order)?;
            Ok(refunds(&unnamed.alike, &recorded)[unnamed.place])
        }
        Err(engine::Error::Refused(Refusal::OrderNotFound)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an order's one redemption without a part is this one of those in the file that spend as many points on the
/// order: the one of its moment, or else the first.
fn is_of(unnamed: &Unnamed, recorded: Instant) -> bool {
    let own = unnamed.alike.iter().position(|at| *at == recorded);
    unnamed.place == own.unwrap_or(0)
}

/// Which of the refunds that a file tells at those moments 0.1.0 has recorded, which all say the same. It recorded a
/// refund at its moment, or at that of its member's clock where that was ahead. Both in the order of time.
fn refunds(told: &[Instant], recorded: &[Instant]) -> Vec<bool> {
    let mut known = vec![false; told.len()];
    let mut know = |is_it: &dyn Fn(Instant) -> bool| {
        let place = (0..told.len()).find(|place| !known[*place] && is_it(told[*place]));
        if let Some(place) = place {
            known[place] = true;
        }
        place.is_some()
    };
    let ahead: Vec<Instant> = recorded.iter().copied().filter(|at| !know(&|told| told == *at)).collect();
    for at in ahead {
        know(&|told| told < at);
    }
    known
}

/// When the refunds of 0.1.0 without a name were recorded that say the same as this one, oldest first.
fn recorded(run: &Run, played: &Played, order: &FoundOrder) -> Result<Vec<Instant>, engine::Error> {
    let (currency, _) = run.api.engine.programme().currency_and_zone()?;
    let asked = played.body.get("refund").unwrap_or(&Json::Null);
    let amount = asked.text_of("amount").and_then(|amount| Money::parse(amount, currency));
    let lines = asked.get("lines").map(|lines| sorted(lines.list().iter().map(asked_line).collect()));
    let (own, _) = order.parts();
    // 0.1.0 knew whole pieces alone.
    let pieces =
        |units: &[Quantity]| -> Vec<u64> { units.iter().map(|units| units.pieces().unwrap_or(0)).collect() };
    let mut units: Vec<u64> = vec![0; own.lines.len()];
    let mut moments = Vec::new();
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
        if same && name.as_deref().is_some_and(is_unnamed) {
            moments.extend(told_now(entry));
        }
    }
    moments.sort();
    Ok(moments)
}

/// When the entry happened, if it was written down as of then, as 0.1.0 wrote every refund.
fn told_now(entry: &EntryRecord) -> Option<Instant> {
    (entry.event.occurred_at == entry.event.at).then_some(entry.event.occurred_at)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(texts: &[i64]) -> Vec<Instant> {
        texts.iter().map(|at| Instant(*at)).collect()
    }

    #[test]
    fn refunds_are_known_by_their_moments_or_by_a_clock_that_was_ahead() {
        for (told, recorded, known) in [
            (&[3, 4][..], &[3, 4][..], &[true, true][..]),
            // The other refund of that day is new, whichever was recorded.
            (&[3, 4], &[4], &[false, true]),
            (&[3, 4], &[3], &[true, false]),
            (&[3, 3, 3], &[3, 3], &[true, true, false]),
            // The member's clock was at 9.
            (&[3, 4], &[9, 9], &[true, true]),
            (&[3, 4, 5], &[9, 9], &[true, true, false]),
            (&[3, 10], &[9, 10], &[true, true]),
            // Nothing is recorded before it happens.
            (&[3, 4], &[2], &[false, false]),
            (&[], &[2], &[]),
        ] {
            assert_eq!(refunds(&moments(told), &moments(recorded)), known, "{told:?} {recorded:?}");
        }
    }

    #[test]
    fn one_redemption_of_an_order_is_known() {
        for (told, recorded, known) in [(&[3, 4][..], 4, 1), (&[3, 4], 9, 0), (&[3, 3], 3, 0), (&[5], 3, 0)] {
            let alike: std::sync::Arc<[Instant]> = moments(told).into();
            let is_known = |place: usize| {
                is_of(&Unnamed { name: String::new(), alike: alike.clone(), place }, Instant(recorded))
            };
            let found: Vec<usize> = (0..told.len()).filter(|place| is_known(*place)).collect();
            assert_eq!(found, [known], "{told:?} {recorded}");
        }
    }
}
