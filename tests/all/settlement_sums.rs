//! The sums of a settlement against plain arithmetic: whatever is counted, in whatever order and in however
//! many parts, each line equals the sum of its entries one by one, and is rounded once.

mod offers;

use std::collections::BTreeMap;

use domain::{
    event::{
        ActivityReversed, Cancelled, EntryKind, Event, Movement, Order, OrderRefunded, OrderRevised,
        OrderState, RedemptionCancelled, Share,
    },
    id::{ActivityId, ActivityRef, BadgeId, BrandId, OrderId, TierId},
    json::Json,
    number::{Currency, Fraction, Money, SignedMoney},
    programme::{self, Timeline},
    settlement::{Account, LineKind, Made, Tally, reversed, round_half_even},
    time::{DayNumber, Instant},
};
use num_bigint::BigInt;
use serde_json::json;

use self::offers::{bought_offer, given_back};
use crate::histories::{Verdict, chance, on_seeds};

const BRANDS: [&str; 4] = ["a", "b", "c", "d"];
const CURRENCIES: [&str; 4] = ["CNY", "JPY", "KWD", "CLF"];

/// Randomness that follows from a seed.
struct Dice {
    seed: u64,
    rolls: usize,
}

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.rolls += 1;
        chance(self.seed, self.rolls, 77) % below
    }

    fn brand(&mut self) -> BrandId {
        BRANDS[usize::try_from(self.roll(4)).unwrap()].parse().unwrap()
    }

    /// Often small, sometimes as large as a figure may be.
    fn points(&mut self) -> i64 {
        let most = [3, 1_000, (1 << 53) - 1][usize::try_from(self.roll(3)).unwrap()];
        self.roll(most).cast_signed() + 1
    }

    fn price(&mut self) -> String {
        let (whole, part) =
            ([0, 0, 1, 999_999][usize::try_from(self.roll(4)).unwrap()], self.roll(1_000_000));
        let part = [part, 5_000, 125][usize::try_from(self.roll(3)).unwrap()];
        format!("{whole}.{part:06}")
    }
}

/// Prices in millionths: by version and brand, issuing and honouring.
type Prices = BTreeMap<(u32, BrandId), (i128, i128)>;

fn timeline(dice: &mut Dice, currency: &str) -> (Timeline, Prices) {
    let mut prices = Prices::new();
    let mut versions = Vec::new();
    for version in 1..=3 {
        let brands = BRANDS.map(|id| {
            let (issue, honour) = (dice.price(), dice.price());
            let millionths = |text: &str| text.replace('.', "").parse::<i128>().unwrap();
            prices.insert((version, id.parse().unwrap()), (millionths(&issue), millionths(&honour)));
            json!({"id": id, "issue_price": issue, "honour_price": honour})
        });
        let document = json!({
            "name": "Sums", "time_zone": "UTC", "currency": currency, "brands": brands,
            "points": {"per_unit": "1"}, "growth": {"per_unit": "1"},
            "tiers": [{"id": "basic", "growth": 0}],
        });
        let document = Json::parse(document.to_string().as_bytes()).unwrap();
        versions.push(programme::read(&document, version, Instant(i64::from(version))).unwrap().into());
    }
    (Timeline::new(versions).unwrap(), prices)
}

/// An entry, and the one it takes back.
struct Counted {
    event: Event,
    version: u32,
    in_blocks: u64,
    reversed: Option<Box<Counted>>,
}

fn event(movement: Movement, kind: EntryKind) -> Event {
    let at = Instant(0);
    Event { occurred_at: at, at, today: DayNumber(0), movement, moves_expiry_to: None, kind }
}

fn share(brand: &BrandId, points: i64) -> Share {
    Share { expires_at: None, brand: brand.clone(), held_until: None, points }
}

fn order(brand: &BrandId) -> EntryKind {
    EntryKind::OrderEarned(Box::new(told(brand)))
}

fn told(brand: &BrandId) -> Order {
    let (order_id, tier) = (OrderId::of_checked("1"), TierId::of_checked("basic"));
    Order {
        brand: brand.clone(),
        order_id,
        day: DayNumber(0),
        channel: None,
        amount: Money(0),
        lines: Vec::new(),
        tier,
        version: 1,
        calculated: 0,
        granted: 0,
        growth: 0,
        lot: None,
        boosts: None,
        referral: None,
    }
}

fn counted(dice: &mut Dice) -> Counted {
    let version = u32::try_from(dice.roll(3)).unwrap() + 1;
    let (brand, from_blocks) = (dice.brand(), dice.roll(4) == 0);
    let blocks = |points: i64| if from_blocks { points.unsigned_abs() } else { 0 };
    let shares = |dice: &mut Dice, sign: i64| {
        let count = dice.roll(4) + 1;
        let shares = (0..count).map(|_| {
            let (issuer, points) = (dice.brand(), dice.points());
            share(&issuer, sign * points)
        });
        shares.collect::<Vec<_>>()
    };
    let of = |shares: Vec<Share>, debt: i64| Movement { shares, debt, ..Movement::default() };
    let plain = |event: Event| {
        let in_blocks = blocks(event.movement.points());
        Counted { event, version, in_blocks, reversed: None }
    };
    let points = dice.points();
    match dice.roll(9) {
        0 => {
            // Part of it repays debt.
            let repaid = points / 3;
            plain(event(of(vec![share(&brand, points - repaid)], -repaid), order(&brand)))
        }
        1 => {
            let earned = plain(event(of(vec![share(&brand, points)], 0), order(&brand)));
            let taken = dice.roll(points.unsigned_abs() + 1);
            let refund = OrderRefunded {
                brand: brand.clone(),
                order_id: OrderId::of_checked("1"),
                revision: 1,
                amount: SignedMoney(0),
                rest_before: Fraction::NONE,
                closes: false,
                taken,
                after: OrderState::default(),
            };
            // Other lots and debt pay for it.
            let paid = dice.roll(taken + 1).cast_signed();
            let other = dice.brand();
            let movement = of(vec![share(&other, -paid)], taken.cast_signed() - paid);
            let version = u32::try_from(dice.roll(3)).unwrap() + 1;
            let kind = match dice.roll(2) {
                0 => EntryKind::OrderRefunded(refund),
                _ => EntryKind::ActivityReversed(ActivityReversed {
                    brand,
                    activity: ActivityId::of_checked("a"),
                    reference: ActivityRef::of_checked("1"),
                    taken,
                }),
            };
            let event = event(movement, kind);
            Counted { event, version, in_blocks: 0, reversed: Some(Box::new(earned)) }
        }
        7 | 8 => revised(dice, &brand, plain(event(of(vec![share(&brand, points)], 0), order(&brand)))),
        2 => {
            let shares = shares(dice, -1);
            let kind = match dice.roll(2) {
                0 => EntryKind::PointsRedeemed { brand, order_id: OrderId::of_checked("1"), part: None },
                _ => bought_offer(&brand),
            };
            plain(event(of(shares, 0), kind))
        }
        3 => {
            let taken = shares(dice, -1);
            let drawn = taken.iter().map(|share| share.points.unsigned_abs()).sum::<u64>();
            let is_offer = dice.roll(2) == 0;
            let redeem = match is_offer {
                true => bought_offer(&brand),
                false => EntryKind::PointsRedeemed {
                    brand: brand.clone(),
                    order_id: OrderId::of_checked("1"),
                    part: None,
                },
            };
            let redeemed = plain(event(of(taken, 0), redeem));
            // All of it, or a part somewhere within.
            let before = if dice.roll(2) == 0 { 0 } else { dice.roll(drawn) };
            let rest = drawn - before;
            let points = if dice.roll(2) == 0 { rest } else { dice.roll(rest) + 1 };
            let cancelled = Cancelled { before, points, lost: 5 };
            let kind = match is_offer {
                true => given_back(&brand, cancelled),
                false => EntryKind::RedemptionCancelled(RedemptionCancelled {
                    brand,
                    redemption: domain::id::RedemptionId([0; 16]),
                    cancelled,
                }),
            };
            let version = u32::try_from(dice.roll(3)).unwrap() + 1;
            // Whatever came back.
            let event = event(of(shares(dice, 1), -3), kind);
            Counted { event, version, in_blocks: 0, reversed: Some(Box::new(redeemed)) }
        }
        4 => {
            let (sign, kind) = match dice.roll(3) {
                0 => (1, EntryKind::PointsRestored),
                _ => (-1, EntryKind::PointsExpired),
            };
            let shares = shares(dice, sign);
            plain(event(of(shares, 0), kind))
        }
        5 => {
            let kind =
                EntryKind::Adjusted { brand: brand.clone(), reason: "r".to_owned(), bill: dice.roll(2) == 0 };
            let sign = if dice.roll(2) == 0 { 1 } else { -1 };
            plain(event(of(vec![share(&brand, sign * points)], 0), kind))
        }
        _ => plain(event(
            Movement::default(),
            EntryKind::BadgeIssued { badge: BadgeId::of_checked("b"), reason: None },
        )),
    }
}

/// An order that is told anew, perhaps when its brand issues from blocks and did not before: some points are added
/// or taken, or none move.
fn revised(dice: &mut Dice, brand: &BrandId, earned: Counted) -> Counted {
    let points = dice.points();
    let (added, taken) = match dice.roll(3) {
        0 => (points.unsigned_abs(), 0),
        1 => (0, points.unsigned_abs()),
        _ => (0, 0),
    };
    let kind = EntryKind::OrderRevised(Box::new(OrderRevised {
        revision: 2,
        order: told(brand),
        counted: added,
        added,
        taken,
        remained: Money(0),
        rest_before: Fraction::NONE,
        reopens: false,
        closes: false,
        after: OrderState::default(),
    }));
    let moved = added.cast_signed() - taken.cast_signed();
    // Debt takes part of it, either way.
    let debt = moved / 3;
    let movement = Movement { shares: vec![share(brand, moved - debt)], debt: -debt, ..Movement::default() };
    let in_blocks = if dice.roll(2) == 0 { dice.roll(moved.unsigned_abs() + 1) } else { 0 };
    let version = u32::try_from(dice.roll(3)).unwrap() + 1;
    Counted { event: event(movement, kind), version, in_blocks, reversed: Some(Box::new(earned)) }
}

/// Adds to a line: brand, kind, points, and the price of one in millionths.
type Add<'a> = dyn FnMut(&BrandId, LineKind, i128, i128) + 'a;

fn made(counted: &Counted) -> Made<'_> {
    Made { event: &counted.event, version: counted.version, in_blocks: counted.in_blocks }
}

fn count(tally: &mut Tally, programmes: &Timeline, counted: &Counted) {
    let of = reversed(&counted.event).and(counted.reversed.as_deref()).map(made);
    tally.count(programmes, made(counted), of).unwrap();
}

/// The lines by plain arithmetic: brand, kind, points, millionths.
fn plainly(
    prices: &Prices,
    all: &[Counted],
    bought: &[(BrandId, u64)],
    digits: u32,
) -> BTreeMap<(BrandId, LineKind), (BigInt, BigInt)> {
    let mut lines: BTreeMap<(BrandId, LineKind), (BigInt, BigInt)> = BTreeMap::new();
    let mut add = |brand: &BrandId, kind: LineKind, points: i128, price: i128| {
        let line = lines.entry((brand.clone(), kind)).or_default();
        line.0 += points;
        line.1 += BigInt::from(points) * price;
    };
    let back = |redeemed: &Counted, brand: &BrandId, gone: Cancelled, add: &mut Add<'_>| {
        let price = prices[&(redeemed.version, brand.clone())].1;
        // Its points are numbered from the last that was drawn; those of the cancellation lie in a row.
        let from = i128::from(gone.before);
        let to = from + i128::from(gone.points);
        let mut end = 0;
        for share in redeemed.event.movement.shares.iter().rev() {
            let start = end;
            end += -i128::from(share.points);
            let back = (end.min(to) - start.max(from)).max(0);
            add(brand, LineKind::Honoured(share.brand.clone()), -back, price);
        }
    };
    for own in all {
        let of = own.reversed.as_deref();
        let issue = |counted: &Counted, brand: &BrandId| {
            if counted.in_blocks > 0 { 0 } else { prices[&(counted.version, brand.clone())].0 }
        };
        match &own.event.kind {
            EntryKind::OrderEarned(order) => {
                let lots: i64 = own.event.movement.shares.iter().map(|share| share.points).sum();
                let points = i128::from(lots) - i128::from(own.event.movement.debt);
                add(&order.brand, LineKind::Issued, points, issue(own, &order.brand));
            }
            EntryKind::OrderRefunded(refund) => {
                let price = issue(of.unwrap(), &refund.brand);
                add(&refund.brand, LineKind::Issued, -i128::from(refund.taken), price);
            }
            EntryKind::OrderRevised(revised) => {
                // What blocks gave or got back is paid for; the rest is worth what the order's first entry is.
                let brand = &revised.order.brand;
                let moved = i128::from(revised.added) - i128::from(revised.taken);
                let paid = moved.signum() * i128::from(own.in_blocks);
                add(brand, LineKind::Issued, paid, 0);
                add(brand, LineKind::Issued, moved - paid, issue(of.unwrap(), brand));
            }
            EntryKind::Adjusted { bill: false, .. } => {}
            EntryKind::Brought(brought) => {
                // None is generated: an import books what an adjustment does.
                assert!(!brought.bill);
            }
            EntryKind::Adjusted { brand, bill: true, .. } => {
                let points = i128::from(own.event.movement.shares[0].points);
                add(brand, LineKind::Issued, points, issue(own, brand));
            }
            EntryKind::ReferralGiven(given) => {
                let points = i128::from(given.rewarded.points);
                add(&given.brand, LineKind::Issued, points, issue(own, &given.brand));
            }
            EntryKind::ReferralTaken(back) => {
                add(&back.brand, LineKind::Issued, -i128::from(back.taken), issue(own, &back.brand));
            }
            EntryKind::PointsRedeemed { brand, .. } => {
                let price = prices[&(own.version, brand.clone())].1;
                for share in &own.event.movement.shares {
                    add(brand, LineKind::Honoured(share.brand.clone()), -i128::from(share.points), price);
                }
            }
            EntryKind::GrantIssued(bought) => {
                let brand = &bought.brand;
                let price = prices[&(own.version, brand.clone())].1;
                for share in &own.event.movement.shares {
                    add(brand, LineKind::Honoured(share.brand.clone()), -i128::from(share.points), price);
                }
            }
            EntryKind::RedemptionCancelled(RedemptionCancelled { brand, cancelled, .. }) => {
                back(of.unwrap(), brand, *cancelled, &mut add);
            }
            EntryKind::GrantRevoked(revoked) => {
                back(of.unwrap(), &revoked.brand, revoked.price.unwrap(), &mut add);
            }
            EntryKind::PointsExpired | EntryKind::PointsRestored => {
                for share in &own.event.movement.shares {
                    add(&share.brand, LineKind::Expired, -i128::from(share.points), 0);
                }
            }
            EntryKind::ActivityReversed(back) => {
                let price = issue(of.unwrap(), &back.brand);
                add(&back.brand, LineKind::Issued, -i128::from(back.taken), price);
            }
            EntryKind::ActivityEarned(_)
            | EntryKind::ActivityTook(_)
            | EntryKind::TierKept { .. }
            | EntryKind::TierChanged { .. }
            | EntryKind::TrialStarted { .. }
            | EntryKind::BadgeIssued { .. }
            | EntryKind::BadgeTaken { .. }
            | EntryKind::StatusChanged { .. }
            | EntryKind::MergedIn(_)
            | EntryKind::MergedAway(_)
            | EntryKind::PartedFrom(_)
            | EntryKind::Parted(_)
            | EntryKind::OfferUsed(_)
            | EntryKind::UseReversed(_) => {}
        }
    }
    for (brand, price) in bought {
        let line = lines.entry((brand.clone(), LineKind::BlockBought)).or_default();
        line.1 += BigInt::from(*price) * BigInt::from(10).pow(6 - digits);
    }
    lines.retain(|_, (points, value)| *points != BigInt::ZERO || *value != BigInt::ZERO);
    lines
}

fn check(seed: u64) -> Verdict {
    let mut dice = Dice { seed, rolls: 0 };
    let currency = Currency::of(CURRENCIES[usize::try_from(dice.roll(4)).unwrap()]).unwrap();
    let (programmes, prices) = timeline(&mut dice, std::str::from_utf8(&currency.code).unwrap());
    let all: Vec<Counted> = (0..dice.roll(60)).map(|_| counted(&mut dice)).collect();
    let bought: Vec<(BrandId, u64)> = (0..dice.roll(4)).map(|_| (dice.brand(), dice.roll(1 << 50))).collect();

    let mut whole = Tally::default();
    all.iter().for_each(|counted| count(&mut whole, &programmes, counted));
    bought.iter().for_each(|(brand, price)| whole.buy(brand, Money(*price), currency));

    // In parts, in another order, merged in another order.
    let mut parts: Vec<Tally> = (0..5).map(|_| Tally::default()).collect();
    for counted in all.iter().rev() {
        count(&mut parts[usize::try_from(dice.roll(5)).unwrap()], &programmes, counted);
    }
    for (brand, price) in bought.iter().rev() {
        parts[usize::try_from(dice.roll(5)).unwrap()].buy(brand, Money(*price), currency);
    }
    let mut merged = Tally::default();
    parts.iter().rev().for_each(|part| merged.merge(part));

    let mut lines = plainly(&prices, &all, &bought, currency.digits);
    for brand in BRANDS.map(BrandId::of_checked) {
        let account = Account::of(&whole, &brand, currency);
        if Account::of(&merged, &brand, currency) != account {
            return Err(format!("{brand}: in parts it comes to something else"));
        }
        let mut balance = 0;
        for line in &account.lines {
            let (points, value) = lines.remove(&(brand.clone(), line.kind.clone())).unwrap_or_default();
            if BigInt::from(line.sum.points) != points || BigInt::from(line.sum.millionths) != value {
                return Err(format!("{brand}: {line:?}, plainly {points} and {value}"));
            }
            // Within half a minor unit, and even where it is exactly that.
            let unit = BigInt::from(10).pow(6 - currency.digits);
            let off = BigInt::from(line.amount.0) * &unit - value;
            let twice = BigInt::from(off.magnitude().clone()) * 2;
            if twice > unit || (twice == unit && line.amount.0 % 2 != 0) {
                return Err(format!("{brand}: {line:?} is rounded wrong"));
            }
            balance += match line.kind {
                LineKind::Issued | LineKind::BlockBought => -line.amount.0,
                LineKind::Honoured(_) => line.amount.0,
                LineKind::Expired => 0,
            };
        }
        if account.balance().0 != balance {
            return Err(format!("{brand}: a balance of {:?} and lines of {balance}", account.balance()));
        }
    }
    match lines.is_empty() {
        true => Ok(()),
        false => Err(format!("not counted: {lines:?}")),
    }
}

#[test]
fn sums_are_what_plain_arithmetic_says() {
    on_seeds(400, check);
}

/// Rounding by its definition, over all small values and divisors.
#[test]
fn rounding_is_to_the_nearest_and_at_a_half_to_the_even() {
    for divisor in [1, 2, 3, 4, 10, 100] {
        for value in -500_i128..=500 {
            let got = round_half_even(value, divisor);
            let near =
                (-501..=501_i128).min_by_key(|near| ((near * divisor - value).abs(), near.rem_euclid(2)));
            assert_eq!(Some(got), near, "{value} / {divisor}");
        }
    }
}
