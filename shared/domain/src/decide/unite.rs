//! Lots unite where an entry would make one too many (rules, 1): the two neighbours of one brand, without
//! hold, whose ends are nearest become one at the later end, and the entry shows it.

use std::collections::HashMap;

use crate::{
    event::{Movement, Share},
    id::BrandId,
    member::{LOTS_MAX, Lot, Member},
    number::signed,
    time::Instant,
};

/// Adds to a movement what it takes for the member to have no more than [`LOTS_MAX`] lots after it. The ends to
/// which all lots then move (`moves_to`) are taken into account; lots that have ended by `now` are not counted,
/// for they expire at once. What cannot unite stays: then a limit is passed.
pub(super) fn unite(member: &Member, movement: &mut Movement, moves_to: Option<Instant>, now: Instant) {
    if member.lots.len() + movement.shares.len() <= LOTS_MAX {
        return;
    }
    let mut after = member.clone();
    after.move_points(movement, moves_to);
    let mut lots = after.lots;
    let living = |lot: &&Lot| lot.expires_at.is_none_or(|end| end > now);
    let fixed = |end: Instant| end > now && moves_to.is_none_or(|moved| end > moved);
    for _ in LOTS_MAX..lots.iter().filter(living).count() {
        let Some((earlier, later)) = nearest(&lots, fixed) else { return };
        let united = lots.remove(earlier);
        // It stood before the other.
        let into = &mut lots[later - 1];
        into.points += united.points;
        add(movement, &united, united.expires_at, -signed(united.points));
        add(movement, &united, into.expires_at, signed(united.points));
    }
}

/// The places of the neighbours of one brand, without hold, whose ends are nearest; of equals the first in spending
/// order, in which the lots are. Lots that never end have no neighbours.
fn nearest(lots: &[Lot], fixed: impl Fn(Instant) -> bool) -> Option<(usize, usize)> {
    let mut before: HashMap<&BrandId, (usize, Instant)> = HashMap::new();
    let mut best: Option<(i64, usize, usize)> = None;
    for (place, lot) in lots.iter().enumerate().filter(|(_, lot)| lot.held_until.is_none()) {
        let Some(end) = lot.expires_at.filter(|end| fixed(*end)) else { continue };
        if let Some((earlier, ended)) = before.insert(&lot.brand, (place, end)) {
            let apart = end.0 - ended.0;
            // In spending order the first of equally near ones is met first.
            let is_nearer = best.is_none_or(|(nearest, ..)| apart < nearest);
            if is_nearer {
                best = Some((apart, earlier, place));
            }
        }
    }
    best.map(|(_, earlier, later)| (earlier, later))
}

/// Adds to the share of the free lot of that brand and end; one that comes to nothing goes.
fn add(movement: &mut Movement, of: &Lot, end: Option<Instant>, points: i64) {
    let same =
        |share: &Share| share.expires_at == end && share.brand == of.brand && share.held_until.is_none();
    match movement.shares.iter_mut().find(|share| same(share)) {
        Some(share) => share.points += points,
        None => {
            movement.shares.push(Share {
                expires_at: end,
                brand: of.brand.clone(),
                held_until: None,
                points,
            });
        }
    }
    movement.shares.retain(|share| share.points != 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::TierId, member::MemberId};

    const NOW: Instant = Instant(1_000);

    fn lot(brand: &str, end: Option<i64>, held: bool, points: u64) -> Lot {
        let held_until = held.then_some(Instant(5_000));
        Lot { expires_at: end.map(Instant), brand: BrandId::of_checked(brand), held_until, points }
    }

    /// A member with these lots, all free, and so many of another brand, all held, that there are as many as there
    /// may be; points enter it. What else moves: brand, from which end, to which, and how many points.
    fn check(
        lots: &[(&str, Option<i64>)],
        enters: &[(&str, Option<i64>)],
        moves_to: Option<i64>,
        want: &[(&str, i64, i64)],
    ) {
        let mut member = Member::new(MemberId([1; 16]), NOW, NOW, &TierId::of_checked("basic"));
        member.lots = lots.iter().map(|(brand, end)| lot(brand, *end, false, 10)).collect();
        let held = (member.lots.len()..LOTS_MAX).map(|place| 10_000_000 + place as i64 * 10_000);
        member.lots.extend(held.map(|end| lot("held", Some(end), true, 1)));
        let share = |brand: &str, expires_at: Option<Instant>, points| Share {
            expires_at,
            brand: BrandId::of_checked(brand),
            held_until: None,
            points,
        };
        let shares = enters.iter().map(|(brand, end)| share(brand, end.map(Instant), 10));
        let mut movement = Movement { shares: shares.collect(), ..Movement::default() };
        let before = movement.clone();
        unite(&member, &mut movement, moves_to.map(Instant), NOW);
        let mut wanted = before;
        for (brand, end, points) in want {
            wanted.shares.push(share(brand, Some(Instant(*end)), *points));
        }
        let seen = |movement: &Movement| {
            let mut sums: Vec<(String, Option<Instant>, i64)> = Vec::new();
            for share in &movement.shares {
                let (brand, end) = (share.brand.to_string(), share.expires_at);
                match sums.iter_mut().find(|(own, at, _)| *own == brand && *at == end) {
                    Some((.., sum)) => *sum += share.points,
                    None => sums.push((brand, end, share.points)),
                }
            }
            sums.retain(|(.., sum)| *sum != 0);
            sums.sort();
            sums
        };
        assert_eq!(seen(&movement), seen(&wanted), "{lots:?} {enters:?} {moves_to:?}");
    }

    #[test]
    fn the_nearest_neighbours_of_one_brand_unite_at_the_later_end() {
        let (a, b) = ("a", "b");
        let of = |brand: &'static str, ends: &[i64]| -> Vec<(&'static str, Option<i64>)> {
            ends.iter().map(|end| (brand, Some(*end))).collect()
        };
        // There is room: the points enter a lot that exists.
        check(&of(a, &[2_000, 2_010]), &of(a, &[2_000]), None, &[]);
        check(&of(a, &[2_000, 2_020, 2_030]), &of(a, &[9_000]), None, &[(a, 2_020, -10), (a, 2_030, 10)]);
        // Of equals the first.
        check(&of(a, &[2_000, 2_010, 2_020]), &of(a, &[9_000]), None, &[(a, 2_000, -10), (a, 2_010, 10)]);
        // The entry's own are counted.
        check(&of(a, &[2_000, 2_020]), &of(a, &[2_015]), None, &[(a, 2_015, -10), (a, 2_020, 10)]);
        check(&of(a, &[2_000, 2_020]), &of(a, &[2_005]), None, &[(a, 2_000, -10), (a, 2_005, 10)]);
        // Within one brand, though another's lot lies in between.
        let two = [of(a, &[2_000, 2_010]), of(b, &[2_001, 2_500])].concat();
        check(&two, &of(b, &[9_000]), None, &[(a, 2_000, -10), (a, 2_010, 10)]);
        // Several at once.
        let three = of(a, &[2_000, 2_010, 2_030, 3_000]);
        let moved = [(a, 2_000, -10), (a, 2_010, -10), (a, 2_030, 20)];
        check(&three, &of(b, &[8_000, 9_000]), None, &moved);
        // Never, and what has ended, have no neighbours: nothing unites, and the limit is passed.
        check(&[(a, Some(2_000)), (a, None)], &of(b, &[9_000]), None, &[]);
        check(&of(a, &[2_000]), &of(b, &[9_000]), None, &[]);
        // What has ended expires at once, and is not counted.
        check(&of(a, &[2_000, 2_010]), &of(a, &[900]), None, &[]);
        // Lots that the entry moves to one end are one already.
        check(&of(a, &[2_000, 2_010, 7_000]), &of(a, &[6_000]), Some(6_000), &[]);
        check(&of(a, &[6_500, 7_000]), &of(b, &[6_000]), Some(6_000), &[(a, 6_500, -10), (a, 7_000, 10)]);
    }
}
