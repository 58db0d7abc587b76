//! Step 1: lines that are not sold to this member yet (优先购买).

use super::{
    Draft, Judged, Known, Opens,
    judge::{is_here, matches},
};
use crate::{
    id::{OfferId, TierId},
    offer::Gives,
    time::Instant,
};

/// What keeps a line, and when it opens to the member; `None` is never.
pub(super) type Blocked<'a> = (&'a OfferId, Option<Instant>);

/// What keeps each line, if anything does: of several offers the one that opens last, of equal ones the first by id.
pub(super) fn blocked<'a>(draft: &Draft<'_>, known: &Known<'a>) -> Vec<Option<Blocked<'a>>> {
    let mut blocked: Vec<Option<Blocked<'a>>> = vec![None; draft.lines.len()];
    for judged in known.autos {
        let Some(opens) = closed(judged, draft, known) else { continue };
        for (line, kept) in draft.lines.iter().zip(&mut blocked) {
            if !matches(judged.offer, line, known.rules) {
                continue;
            }
            let own = (&judged.offer.id, opens);
            // Never is later than every moment.
            let rank = |(id, opens): Blocked<'a>| (opens.is_some(), std::cmp::Reverse(opens), id);
            if kept.is_none_or(|kept| rank(own) < rank(kept)) {
                *kept = Some(own);
            }
        }
    }
    blocked
}

/// When an offer opens what it is about to the member, if it is in force here and has not opened it.
fn closed(judged: &Judged<'_>, draft: &Draft<'_>, known: &Known<'_>) -> Option<Option<Instant>> {
    let Gives::Access { tiers, everyone } = &judged.offer.gives else { return None };
    if judged.opens != Opens::Now || !is_here(judged.offer, draft) {
        return None;
    }
    let opens = opens(tiers, *everyone, known.tier);
    let has_opened = opens.is_some_and(|opens| opens <= known.at);
    (!has_opened).then_some(opens)
}

/// The moment for that tier: its own, or everyone's for those that are not named and for guests.
fn opens(tiers: &[(TierId, Instant)], everyone: Option<Instant>, tier: Option<&TierId>) -> Option<Instant> {
    let named = tiers.iter().find(|(named, _)| Some(named) == tier);
    named.map_or(everyone, |(_, opens)| Some(*opens))
}
