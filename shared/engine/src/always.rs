//! What always holds between a member and its next ledger entry, whatever the programme says (rules, 11). Read
//! from the entries alone: nothing is decided again.

use std::collections::HashSet;

use domain::{
    event::{Event, Share, What},
    member::{Member, Status},
};

use crate::records::EntryRecord;

/// What has happened once to a member and must not happen again.
#[derive(Default)]
pub(crate) struct Once<'a> {
    orders: HashSet<(&'a str, &'a str)>,
    redemptions: HashSet<(&'a str, &'a str)>,
    cancelled: HashSet<[u8; 16]>,
}

/// Looks at an entry beside the member as all entries before it left it.
pub(crate) fn check<'a>(
    member: &mut Member,
    entry: &'a EntryRecord,
    once: &mut Once<'a>,
    differences: &mut Vec<String>,
) {
    let event = &entry.event;
    // What `evolve` does first.
    member.mature(event.at);
    let mut differs = |what: String| differences.push(format!("entry {}: {what}", entry.seq));
    for share in event.movement.shares.iter().filter(|share| share.points < 0) {
        if let Some(what) = leaves(member, event, share) {
            differs(what);
        }
    }
    if member.debt.checked_add_signed(event.movement.debt).is_none() {
        differs(format!("repays {} of a debt of {}", -event.movement.debt, member.debt));
    }
    if member.growth.checked_add_signed(event.movement.growth).is_none() {
        differs(format!("takes {} of a growth of {}", -event.movement.growth, member.growth));
    }
    if event.at > entry.recorded_at {
        differs("was recorded before it was decided".to_owned());
    }
    let again = match &event.what {
        What::OrderEarned(order) => !once.orders.insert((&order.brand, &order.order_id)),
        What::PointsRedeemed { brand, order_id } => !once.redemptions.insert((brand, order_id)),
        What::RedemptionCancelled { redemption, .. } => !once.cancelled.insert(*redemption),
        What::BadgeIssued { badge, .. } => member.has_badge(badge),
        _ => false,
    };
    if again {
        differs(format!("{} of the same a second time", event.what.kind()));
    }
}

/// What is wrong with points that leave a lot: more than it holds, spent too late or while they are held, or
/// expired too early.
fn leaves(member: &Member, event: &Event, share: &Share) -> Option<String> {
    let same = |lot: &&domain::member::Lot| {
        lot.expires_at == share.expires_at && lot.brand == share.brand && lot.held_until == share.held_until
    };
    let held = member.lots.iter().find(same).map_or(0, |lot| lot.points);
    let taken = share.points.unsigned_abs();
    if taken > held {
        return Some(format!("{taken} points leave a lot of {held}"));
    }
    let ended = share.expires_at.is_some_and(|end| end <= event.at);
    match &event.what {
        What::PointsRedeemed { .. } if ended => Some("points are spent that have expired".to_owned()),
        What::PointsRedeemed { .. } if share.held_until.is_some() => {
            Some("points are spent that are held".to_owned())
        }
        What::PointsExpired if !ended && !matches!(member.status, Status::Closed | Status::Erased) => {
            Some("points expire before their end".to_owned())
        }
        _ => None,
    }
}
