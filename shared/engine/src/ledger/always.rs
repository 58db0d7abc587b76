//! The invariants between a member and its next ledger entry, whatever the programme says (rules, 11). They
//! are checked from the entries alone, without deciding anything again.

use std::collections::{HashMap, HashSet};

use domain::{
    event::{BadgeStep, Event, Moves, Once, Redemption, Share, points_drawn},
    id::{BrandId, RedemptionId},
    member::{LOTS_MAX, Member, Status},
    time::Instant,
};

use crate::{ledger::act::redemption_id, store::records::EntryRecord};

/// What earlier entries of a member bind later ones to.
#[derive(Default)]
pub(crate) struct Seen<'a> {
    /// What has happened once and must not happen again.
    once: HashSet<Once<'a>>,
    /// Points of each redemption: drawn, and cancelled so far.
    redeemed: HashMap<RedemptionId, (u64, u64)>,
    /// Points that expired without hold and have not come back, by the lot's end and brand.
    ended: HashMap<(Option<Instant>, &'a BrandId), i64>,
}

impl<'a> Seen<'a> {
    /// Notes points that expired, or came back; what is wrong with these, if anything.
    fn ended(&mut self, event: &'a Event) -> Option<String> {
        let is_back = match event.kind.row().moves {
            Moves::Expired => false,
            Moves::Restored => true,
            Moves::Nothing
            | Moves::Issued
            | Moves::Honoured
            | Moves::TakenBack { .. }
            | Moves::GivenBack(_)
            | Moves::ByHand { .. }
            | Moves::Forfeited { .. }
            | Moves::BetweenMembers => return None,
        };
        let mut wrong = None;
        for share in event.movement.shares.iter().filter(|share| is_back || share.held_until.is_none()) {
            let left = self.ended.entry((share.expires_at, &share.brand)).or_default();
            if is_back && share.points > *left {
                wrong = Some(format!("{} points come back of {left} that expired", share.points));
            }
            *left = left.saturating_sub(share.points);
        }
        wrong
    }

    /// Notes a redemption or its cancellation; what is wrong with that, if anything.
    fn redemption(&mut self, event: &Event) -> Option<String> {
        let row = event.kind.row();
        match row.redemption? {
            Redemption::Made { brand, order_id, part } => {
                let drawn = points_drawn(&event.movement.shares);
                self.redeemed.insert(redemption_id(brand, order_id, part), (drawn, 0));
                None
            }
            Redemption::Cancelled(id) => {
                let gone = row.moves.given_back()?;
                let Some((drawn, cancelled)) = self.redeemed.get_mut(&id) else {
                    return Some("cancels what was never redeemed".to_owned());
                };
                let wrong = (gone.before != *cancelled || gone.after() > *drawn).then(|| {
                    let (before, points) = (gone.before, gone.points);
                    format!("cancels {points} after {before} of {drawn} points, of which {cancelled} were cancelled")
                });
                *cancelled = gone.after();
                wrong
            }
        }
    }
}

/// Checks an entry against the member as all earlier entries left it.
pub(crate) fn check<'a>(
    member: &mut Member,
    entry: &'a EntryRecord,
    seen: &mut Seen<'a>,
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
    if let Some(what) = unites(member, event) {
        differs(what);
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
    let row = event.kind.row();
    let again = match row.once {
        // The member has it, whichever entry gave it.
        Some(Once::Badge(badge)) => member.has_badge(badge),
        Some(
            once @ (Once::Order(..)
            | Once::Revision(..)
            | Once::Redemption(..)
            | Once::ActivityReversed(..)
            | Once::Grant(..)
            | Once::GrantRevoked(..)),
        ) => !seen.once.insert(once),
        None => false,
    };
    match row.badge {
        Some(BadgeStep::Taken(badge)) if !member.has_badge(badge) => {
            differs(format!("takes a badge {badge} that the member has not"));
        }
        // What follows from a command has no answer of its own.
        Some(BadgeStep::Issued(badge)) if entry.outcome.is_none() && member.by_hand.contains(badge) => {
            differs(format!("issues a badge {badge} by rule after it was taken back"));
        }
        Some(BadgeStep::Taken(_) | BadgeStep::Issued(_)) | None => {}
    }
    if again {
        differs(format!("{} of the same a second time", row.word));
    }
    for what in [seen.redemption(event), seen.ended(event)].into_iter().flatten() {
        differs(what);
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
    let has_left = match member.status {
        Status::Closed | Status::Erased => true,
        Status::Active | Status::Suspended | Status::Merged => false,
    };
    match event.kind.row().moves {
        // One that was told late took what could be spent when it happened.
        Moves::Honoured if share.expires_at.is_some_and(|end| end <= event.at.min(event.occurred_at)) => {
            Some("points are spent that have expired".to_owned())
        }
        Moves::Honoured if share.held_until.is_some() => Some("points are spent that are held".to_owned()),
        Moves::Expired if !ended && !has_left => Some("points expire before their end".to_owned()),
        // A refund, an operator and a merge take held points too; nothing else takes more than could be spent.
        Moves::BetweenMembers if ended => Some("points go to another member that have ended".to_owned()),
        Moves::Honoured | Moves::Expired | Moves::BetweenMembers => None,
        Moves::Nothing
        | Moves::Issued
        | Moves::Restored
        | Moves::TakenBack { .. }
        | Moves::GivenBack(_)
        | Moves::ByHand { .. }
        | Moves::Forfeited { .. } => None,
    }
}

/// What is wrong with lots that unite: an entry that brings points takes some out of a lot only where there would be
/// one lot too many, and then puts as many of that brand into a later one.
fn unites(member: &Member, event: &Event) -> Option<String> {
    let brings = match event.kind.row().moves {
        Moves::Issued | Moves::GivenBack { .. } => true,
        Moves::ByHand { .. } => event.movement.points() > 0,
        Moves::Nothing
        | Moves::Honoured
        | Moves::Expired
        | Moves::Restored
        | Moves::TakenBack { .. }
        | Moves::Forfeited { .. }
        | Moves::BetweenMembers => false,
    };
    let shares = &event.movement.shares;
    let leaving = || shares.iter().filter(|share| share.points < 0);
    if !brings || leaving().next().is_none() {
        return None;
    }
    if member.lots.len() + shares.len() <= LOTS_MAX {
        return Some(format!("lots unite where there are {}", member.lots.len()));
    }
    let early = leaving().find(|left| {
        let later =
            shares.iter().filter(|share| share.brand == left.brand && share.expires_at > left.expires_at);
        // Nothing is later than a lot that never ends, and a held one does not unite.
        left.held_until.is_some()
            || left.expires_at.is_none()
            || later.map(|share| share.points).sum::<i64>() <= 0
    });
    early.map(|left| format!("{} points leave a lot for none that ends later", -left.points))
}

#[cfg(test)]
mod tests {
    use domain::{
        event::{ActivityEarned, Cancelled, EntryKind, Movement, Order, RedemptionCancelled},
        member::{Badge, Lot, MemberId},
        number::Money,
        time::DayNumber,
    };

    use super::*;
    use crate::store::records::Outcome;

    const NOW: Instant = Instant(1_000);

    /// 10 free points that end at 2,000, 20 that are held, a debt of 5, growth of 50 and a badge.
    fn member() -> Member {
        let lot = |end: i64, held_until: Option<i64>, points: u64| Lot {
            expires_at: Some(Instant(end)),
            brand: "acme".parse().unwrap(),
            held_until: held_until.map(Instant),
            points,
        };
        Member {
            lots: vec![lot(1_000, None, 3), lot(2_000, None, 10), lot(3_000, Some(1_500), 20)],
            debt: 5,
            growth: 50,
            badges: vec![Badge { id: "founder".parse().unwrap(), issued_at: Instant(0) }],
            ..Member::new(MemberId([1; 16]), Instant(0), Instant(0), &"basic".parse().unwrap())
        }
    }

    fn entry(kind: EntryKind, movement: Movement) -> EntryRecord {
        let mut entry = EntryRecord { seq: 7, ..EntryRecord::plain(NOW, kind) };
        entry.event.movement = movement;
        entry
    }

    /// Takes that many points from the lot with that end and hold.
    fn taking(end: i64, held_until: Option<i64>, points: i64) -> Movement {
        let share = Share {
            expires_at: Some(Instant(end)),
            brand: "acme".parse().unwrap(),
            held_until: held_until.map(Instant),
            points: -points,
        };
        Movement { shares: vec![share], ..Movement::default() }
    }

    fn redeemed(order_id: &str) -> EntryKind {
        let (brand, order_id) = ("acme".parse().unwrap(), order_id.parse().unwrap());
        EntryKind::PointsRedeemed { brand, order_id, part: None }
    }

    fn adjusted() -> EntryKind {
        EntryKind::Adjusted { brand: "acme".parse().unwrap(), reason: "r".to_owned(), bill: false }
    }

    /// Cancels so many of the points of the redemption of that order, after so many.
    fn cancelled(order_id: &str, before: u64, points: u64) -> EntryKind {
        let (brand, order_id) = ("acme".parse().unwrap(), order_id.parse().unwrap());
        let redemption = redemption_id(&brand, &order_id, None);
        let cancelled = Cancelled { before, points, lost: 0 };
        EntryKind::RedemptionCancelled(RedemptionCancelled { brand, redemption, cancelled })
    }

    #[track_caller]
    fn look(member: &Member, entries: &[EntryRecord], want: &[&str]) {
        let (mut member, mut seen, mut differences) = (member.clone(), Seen::default(), Vec::new());
        for entry in entries {
            check(&mut member, entry, &mut seen, &mut differences);
        }
        let want: Vec<String> = want.iter().map(|text| format!("entry 7: {text}")).collect();
        assert_eq!(differences, want);
    }

    #[test]
    fn points_leave_a_lot_that_has_them_and_may_give_them() {
        for (kind, movement, want) in [
            (redeemed("r"), taking(2_000, None, 10), None),
            (redeemed("r"), taking(2_000, None, 11), Some("11 points leave a lot of 10")),
            (redeemed("r"), taking(2_001, None, 1), Some("1 points leave a lot of 0")),
            (redeemed("r"), taking(1_000, None, 3), Some("points are spent that have expired")),
            (redeemed("r"), taking(1_000, None, 0), None),
            (redeemed("r"), taking(3_000, Some(1_500), 1), Some("points are spent that are held")),
            (adjusted(), taking(3_000, Some(1_500), 20), None),
            (adjusted(), taking(3_000, Some(1_500), 21), Some("21 points leave a lot of 20")),
            (EntryKind::PointsExpired, taking(1_000, None, 3), None),
            (EntryKind::PointsExpired, taking(2_000, None, 10), Some("points expire before their end")),
            (adjusted(), taking(2_000, None, -10), None),
        ] {
            look(&member(), &[entry(kind, movement)], &want.into_iter().collect::<Vec<_>>());
        }
        // A member who has left keeps nothing.
        let left = entry(EntryKind::PointsExpired, taking(2_000, None, 10));
        for status in [Status::Closed, Status::Erased] {
            look(&Member { status, ..member() }, std::slice::from_ref(&left), &[]);
        }
        let suspended = Member { status: Status::Suspended, ..member() };
        look(&suspended, &[left], &["points expire before their end"]);
    }

    #[test]
    fn a_hold_that_ended_holds_nothing() {
        let mut late = entry(redeemed("r"), taking(3_000, None, 20));
        late.event.at = Instant(1_500);
        late.recorded_at = Instant(1_500);
        look(&member(), &[late], &[]);
    }

    #[test]
    fn no_more_is_repaid_or_lowered_than_there_is() {
        for (debt, growth, want) in [
            (-5, -50, None),
            (7, 7, None),
            (-6, 0, Some("repays 6 of a debt of 5")),
            (0, -51, Some("takes 51 of a growth of 50")),
        ] {
            let movement = Movement { debt, growth, ..Movement::default() };
            look(&member(), &[entry(adjusted(), movement)], &want.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_recorded_before_it_was_decided() {
        for (recorded_at, want) in [(NOW, &[][..]), (Instant(999), &["was recorded before it was decided"])] {
            let mut entry = entry(adjusted(), Movement::default());
            entry.recorded_at = recorded_at;
            look(&member(), &[entry], want);
        }
    }

    #[test]
    fn no_more_of_a_redemption_is_cancelled_than_was_drawn() {
        let redeemed = || entry(redeemed("1"), taking(2_000, None, 10));
        let plain = |before, points| entry(cancelled("1", before, points), Movement::default());
        let wrong = |before: u64, points: u64, so_far: u64| {
            format!("cancels {points} after {before} of 10 points, of which {so_far} were cancelled")
        };
        for (parts, want) in [
            (&[(0, 10)][..], None),
            (&[(0, 4), (4, 6)], None),
            (&[(0, 11)], Some(wrong(0, 11, 0))),
            (&[(0, 4), (4, 7)], Some(wrong(4, 7, 4))),
            (&[(0, 4), (0, 4)], Some(wrong(0, 4, 4))),
            (&[(3, 4)], Some(wrong(3, 4, 0))),
        ] {
            let mut entries = vec![redeemed()];
            entries.extend(parts.iter().map(|(before, points)| plain(*before, *points)));
            look(&member(), &entries, &want.iter().map(String::as_str).collect::<Vec<_>>());
        }
        look(&member(), &[plain(0, 1)], &["cancels what was never redeemed"]);
    }

    #[test]
    fn no_more_comes_back_than_expired() {
        let back = |end: i64, points: i64| entry(EntryKind::PointsRestored, taking(end, None, -points));
        let late = |end: i64, points: i64, occurred_at: i64| {
            let mut entry = entry(redeemed("1"), taking(end, None, points));
            entry.event.occurred_at = Instant(occurred_at);
            entry
        };
        let expired = entry(EntryKind::PointsExpired, taking(1_000, None, 3));
        for (then, want) in [
            (vec![], None),
            (vec![back(1_000, 3)], None),
            (vec![back(1_000, 2), back(1_000, 1)], None),
            (vec![back(1_000, 4)], Some("4 points come back of 3 that expired")),
            (vec![back(1_000, 2), back(1_000, 2)], Some("2 points come back of 1 that expired")),
            (vec![back(2_000, 1)], Some("1 points come back of 0 that expired")),
        ] {
            let entries = [vec![expired.clone()], then].concat();
            look(&member(), &entries, &want.into_iter().collect::<Vec<_>>());
        }
        // What was held had not been free to spend.
        let mut held = entry(EntryKind::PointsExpired, taking(3_000, Some(3_500), 20));
        (held.event.at, held.recorded_at) = (Instant(3_000), Instant(3_000));
        let lots = vec![Lot { held_until: Some(Instant(3_500)), ..member().lots[2].clone() }];
        look(
            &Member { lots, ..member() },
            &[held, back(3_000, 1)],
            &["1 points come back of 0 that expired"],
        );
        look(&member(), &[late(1_000, 3, 999)], &[]);
        look(&member(), &[late(1_000, 3, 1_000)], &["points are spent that have expired"]);
        look(&member(), &[late(1_000, 3, 2_000)], &["points are spent that have expired"]);
    }

    #[test]
    fn what_happens_once_happens_once() {
        let plain = |kind: EntryKind| entry(kind, Movement::default());
        let badge = |id: &str| plain(EntryKind::BadgeIssued { badge: id.parse().unwrap(), reason: None });
        look(&member(), &[plain(redeemed("1")), plain(redeemed("2"))], &[]);
        look(&member(), &[plain(redeemed("1")), plain(redeemed("1"))], &["redeem of the same a second time"]);
        look(&member(), &[badge("other")], &[]);
        look(&member(), &[badge("founder")], &["badge of the same a second time"]);
        let taken = |id: &str| plain(EntryKind::BadgeTaken { badge: id.parse().unwrap(), reason: None });
        look(&member(), &[taken("founder")], &[]);
        look(&member(), &[taken("other")], &["takes a badge other that the member has not"]);
        // After that it is issued by hand alone.
        let without = Member { badges: Vec::new(), by_hand: vec!["founder".parse().unwrap()], ..member() };
        look(&without, &[badge("founder")], &["issues a badge founder by rule after it was taken back"]);
        let outcome = Outcome {
            available: 0,
            held: 0,
            debt: 0,
            growth: 0,
            tier: "basic".parse().unwrap(),
            upgraded_to: None,
            badges_issued: Vec::new(),
        };
        let by_hand = EntryRecord { outcome: Some(outcome), ..badge("founder") };
        look(&without, &[by_hand], &[]);
        let order = |brand: &str, order_id: &str| {
            plain(EntryKind::OrderEarned(Box::new(Order {
                brand: BrandId::of_checked(brand),
                order_id: order_id.parse().unwrap(),
                day: DayNumber(1),
                channel: None,
                amount: Money(0),
                lines: Vec::new(),
                tier: "basic".parse().unwrap(),
                version: 1,
                calculated: 0,
                granted: 0,
                growth: 0,
                lot: None,
                boosts: None,
                referral: None,
            })))
        };
        look(&member(), &[order("acme", "1"), order("acme", "2"), order("bean", "1")], &[]);
        look(&member(), &[order("acme", "1"), order("acme", "1")], &["earn of the same a second time"]);
        // Activities may come again.
        let done = || {
            plain(EntryKind::ActivityEarned(ActivityEarned {
                brand: "acme".parse().unwrap(),
                activity: "check_in".parse().unwrap(),
                reference: None,
                calculated: 0,
                granted: 0,
                day: DayNumber(1),
                streak: (DayNumber(1), 1),
            }))
        };
        look(&member(), &[done(), done()], &[]);
    }
}
