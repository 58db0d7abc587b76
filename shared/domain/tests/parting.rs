//! Two records are joined and parted: in every case both together have what there was.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use domain::{
    event::{EntryKind, Event, Movement, Share},
    id::{BrandId, OrderId, TierId},
    member::{Lot, Member, MemberId},
    merge::{joining, parting::Followed},
    time::{DayNumber, Instant},
};

const NOW: Instant = Instant(1_000);

fn brand() -> BrandId {
    "acme".parse().unwrap()
}

fn lot(end: i64, points: u64) -> Lot {
    Lot { expires_at: Some(Instant(end)), brand: brand(), held_until: None, points }
}

fn share(end: i64, points: i64) -> Share {
    Share { expires_at: Some(Instant(end)), brand: brand(), held_until: None, points }
}

fn member(id: u8, lots: &[(i64, u64)], debt: u64, growth: u64) -> Member {
    let tier: TierId = "basic".parse().unwrap();
    let lots = lots.iter().map(|(end, points)| lot(*end, *points)).collect();
    Member { lots, debt, growth, ..Member::new(MemberId([id; 16]), NOW, NOW, &tier) }
}

fn spent() -> EntryKind {
    let order_id: OrderId = "1".parse().unwrap();
    EntryKind::PointsRedeemed { brand: brand(), order_id, part: None }
}

fn event(movement: Movement, kind: EntryKind, at: i64) -> Event {
    let at = Instant(at);
    Event { occurred_at: at, at, today: DayNumber(1), movement, moves_expiry_to: None, kind }
}

/// What moves: lots by their ends, debt, growth, and what repaid debt.
#[derive(Clone, Default)]
struct Moved {
    lots: Vec<(i64, i64)>,
    debt: i64,
    growth: i64,
    repaid: Vec<(i64, i64)>,
}

impl Moved {
    fn movement(&self) -> Movement {
        let shares = |lots: &[(i64, i64)]| lots.iter().map(|(end, points)| share(*end, *points)).collect();
        Movement {
            shares: shares(&self.lots),
            debt: self.debt,
            growth: self.growth,
            repaid: shares(&self.repaid),
        }
    }
}

fn apply(member: &mut Member, movement: &Movement) {
    for share in &movement.shares {
        let end = share.expires_at;
        match member.lots.iter_mut().find(|lot| lot.expires_at == end && lot.brand == share.brand) {
            Some(lot) => lot.points = lot.points.checked_add_signed(share.points).expect("no lot is below 0"),
            None => member.lots.push(Lot {
                expires_at: end,
                brand: share.brand.clone(),
                held_until: share.held_until,
                points: u64::try_from(share.points).unwrap(),
            }),
        }
    }
    member.lots.retain(|lot| lot.points > 0);
    member.lots.sort_by_key(|lot| lot.expires_at);
    member.debt = member.debt.checked_add_signed(movement.debt).unwrap();
    member.growth = member.growth.checked_add_signed(movement.growth).unwrap();
}

/// Two members that are joined, then what happens by way of the other (or of the member), then both parts: the lots
/// by their ends, the debt, the growth.
struct Joined {
    member: Member,
    followed: Followed,
}

impl Joined {
    fn new(mut into: Member, from: &Member) -> Joined {
        let (came, away) = (joining::movement(&into, from), joining::all_of(from));
        assert_eq!(came.points() + away.points(), 0);
        let debt_before = into.debt;
        let (came, away) = (event(came, spent(), 1_000), event(away, spent(), 1_000));
        let followed = Followed::merged(&away, &came, debt_before, 0);
        apply(&mut into, &came.movement);
        Joined { member: into, followed }
    }

    fn then(&mut self, is_own: bool, kind: EntryKind, moves: &Moved) {
        let event = event(moves.movement(), kind, 1_000);
        apply(&mut self.member, &event.movement);
        self.followed.follow(&event, is_own);
    }
}

type Side = (Vec<(i64, u64)>, u64, u64);

fn side(part: &domain::merge::parting::Part) -> Side {
    let lots = part.lots.iter().map(|lot| (lot.expires_at.unwrap().0, lot.points)).collect();
    (lots, part.debt, part.growth)
}

const OWN: bool = true;
const OTHER: bool = false;

fn lots(lots: &[(i64, i64)]) -> Moved {
    Moved { lots: lots.to_vec(), ..Moved::default() }
}

#[test]
fn each_has_what_came_by_way_of_it() {
    let debt = |debt: i64, of: &[(i64, i64)]| Moved { debt, lots: of.to_vec(), ..Moved::default() };
    let repays = |repaid: &[(i64, i64)], rest: &[(i64, i64)]| Moved {
        lots: rest.to_vec(),
        debt: -repaid.iter().map(|(_, points)| points).sum::<i64>(),
        repaid: repaid.to_vec(),
        growth: 0,
    };
    for (what, into, from, then, own, other) in [
        (
            "nothing happens",
            (&[(2_000, 100)][..], 0),
            (&[(3_000, 50)][..], 0),
            vec![],
            (vec![(3_000, 50)], 0),
            (vec![(2_000, 100)], 0),
        ),
        (
            "equal lots are shared out again",
            (&[(2_000, 100)], 0),
            (&[(2_000, 50)], 0),
            vec![(OWN, lots(&[(2_000, 7)])), (OTHER, lots(&[(2_000, -20)]))],
            (vec![(2_000, 57)], 0),
            (vec![(2_000, 80)], 0),
        ),
        (
            "what is below 0 is taken from that one's other lots",
            (&[(2_000, 100)], 0),
            (&[(3_000, 50)], 0),
            vec![(OWN, lots(&[(2_000, -30)]))],
            (vec![(3_000, 20)], 0),
            (vec![(2_000, 100)], 0),
        ),
        (
            "then it is debt",
            (&[(2_000, 100)], 0),
            (&[(3_000, 50)], 0),
            vec![(OWN, lots(&[(2_000, -90)]))],
            (vec![], 40),
            (vec![(2_000, 100)], 0),
        ),
        (
            "points that repaid the other's debt at the merge are its own",
            (&[], 30),
            (&[(3_000, 50)], 0),
            vec![],
            (vec![(3_000, 50)], 0),
            (vec![], 30),
        ),
        (
            "and the other way round",
            (&[(2_000, 100)], 0),
            (&[], 30),
            vec![],
            (vec![], 30),
            (vec![(2_000, 100)], 0),
        ),
        (
            "points that repay the other's debt later are owed in the lot that they would have been",
            (&[], 0),
            (&[], 0),
            vec![(OTHER, debt(30, &[])), (OWN, repays(&[(2_000, 30)], &[(2_000, 10)]))],
            (vec![(2_000, 40)], 0),
            (vec![], 30),
        ),
        (
            "its own debt is repaid first",
            (&[], 0),
            (&[], 20),
            vec![(OTHER, debt(30, &[])), (OWN, repays(&[(2_000, 25)], &[]))],
            (vec![(2_000, 5)], 0),
            (vec![], 30),
        ),
    ] {
        let mut joined = Joined::new(member(1, into.0, into.1, 0), &member(2, from.0, from.1, 0));
        for (is_own, moves) in then {
            joined.then(is_own, spent(), &moves);
        }
        let (mine, rest) = joined.followed.part(&joined.member, NOW);
        assert_eq!((side(&mine), side(&rest)), ((own.0, own.1, 0), (other.0, other.1, 0)), "{what}");
    }
}

#[test]
fn of_lots_that_have_ended_neither_gets_or_owes_any() {
    let mut joined = Joined::new(member(1, &[(2_000, 100)], 0, 0), &member(2, &[(3_000, 50)], 0, 0));
    joined.then(OWN, spent(), &lots(&[(2_000, -30)]));
    joined.then(OTHER, EntryKind::PointsExpired, &lots(&[(2_000, -70)]));
    let (mine, rest) = joined.followed.part(&joined.member, Instant(2_500));
    assert_eq!((side(&mine), side(&rest)), ((vec![(3_000, 50)], 0, 0), (vec![], 0, 0)));
    // A debt that a lot had paid which has ended is nobody's either.
    let mut joined = Joined::new(member(1, &[(2_000, 100)], 0, 0), &member(2, &[], 30, 0));
    joined.then(OTHER, EntryKind::PointsExpired, &lots(&[(2_000, -70)]));
    let (mine, rest) = joined.followed.part(&joined.member, Instant(2_500));
    assert_eq!((side(&mine), side(&rest)), ((vec![], 0, 0), (vec![], 0, 0)));
}

#[test]
fn growth_falls_below_0_for_neither() {
    for (into, from, own, lapse, want) in [
        (100, 50, 7, 0, (57, 100)),
        (100, 50, 0, 60, (50, 40)),
        // The member bears first what lapses took.
        (100, 50, 0, 120, (30, 0)),
        (100, 50, -80, 0, (0, 70)),
    ] {
        let mut joined = Joined::new(member(1, &[], 0, into), &member(2, &[], 0, from));
        joined.then(OWN, spent(), &Moved { growth: own, ..Moved::default() });
        joined.then(OTHER, spent(), &Moved { growth: -lapse, ..Moved::default() });
        let (mine, rest) = joined.followed.part(&joined.member, NOW);
        assert_eq!((mine.growth, rest.growth), want, "{into} {from} {own} {lapse}");
    }
}

/// Whatever happens, both together have what there was, no lot is below 0, and who owes has no points.
#[test]
fn both_together_have_what_there_was() {
    let mut seed = 1u64;
    let mut roll = |sides: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % sides
    };
    let ends = [2_000, 3_000, 4_000];
    for case in 0..3_000 {
        let somebody = |id: u8, roll: &mut dyn FnMut(u64) -> u64| match roll(3) {
            0 => member(id, &[], roll(80), roll(100)),
            _ => member(id, &[(2_000, roll(90) + 1), (4_000, roll(50) + 1)], 0, roll(100)),
        };
        let (into, from) = (somebody(1, &mut roll), somebody(2, &mut roll));
        let mut joined = Joined::new(into, &from);
        let mut now = 1_000;
        for _ in 0..roll(12) {
            let is_own = roll(2) == 0;
            let end = ends[usize::try_from(roll(3)).unwrap()];
            let points = i64::try_from(roll(70)).unwrap() + 1;
            match roll(5) {
                0 | 1 if end > now => {
                    let owed = i64::try_from(joined.member.debt).unwrap();
                    let repaid = points.min(owed);
                    let rest = if points > repaid { vec![(end, points - repaid)] } else { vec![] };
                    let repaid = if repaid > 0 { vec![(end, repaid)] } else { vec![] };
                    let debt = -repaid.iter().map(|(_, points)| points).sum::<i64>();
                    let growth = points;
                    joined.then(is_own, spent(), &Moved { lots: rest, debt, growth, repaid });
                }
                2 | 3 => {
                    let mut missing = points;
                    let mut taken = Vec::new();
                    for lot in &joined.member.lots {
                        let from = missing.min(i64::try_from(lot.points).unwrap());
                        missing -= from;
                        if from > 0 {
                            taken.push((lot.expires_at.unwrap().0, -from));
                        }
                    }
                    let growth = -points.min(i64::try_from(joined.member.growth).unwrap());
                    joined.then(
                        is_own,
                        spent(),
                        &Moved { lots: taken, debt: missing, growth, repaid: vec![] },
                    );
                }
                _ => {
                    now += 700;
                    let ended: Vec<(i64, i64)> = joined
                        .member
                        .lots
                        .iter()
                        .filter(|lot| lot.expires_at.unwrap().0 <= now)
                        .map(|lot| (lot.expires_at.unwrap().0, -i64::try_from(lot.points).unwrap()))
                        .collect();
                    if !ended.is_empty() {
                        joined.then(OTHER, EntryKind::PointsExpired, &lots(&ended));
                    }
                }
            }
        }
        let (mine, rest) = joined.followed.part(&joined.member, Instant(now));
        assert_eq!(mine.balance() + rest.balance(), joined.member.balance(), "case {case}");
        assert_eq!(mine.growth + rest.growth, joined.member.growth, "case {case}");
        for part in [&mine, &rest] {
            assert!(part.debt == 0 || part.lots.is_empty(), "case {case}: {part:?}");
            assert!(part.lots.iter().all(|lot| lot.points > 0), "case {case}: {part:?}");
        }
    }
}
