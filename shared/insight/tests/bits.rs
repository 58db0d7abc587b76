//! The same bits everywhere: what a made-up history gives is one number, on every machine and in every build. It changes
//! only when a formula does, or the order of a sum; then the figure here changes with it, and CHANGELOG says so.
#![allow(clippy::float_arithmetic, reason = "chances and rates are floats in this package")]
// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used)]

use insight::{
    bgnbd::{self, Cell, History},
    cycle::{Bought, Cycle},
    development::{Row, develop},
    ease::Ease,
    gamma_gamma::{self, Spent},
    lift::{Amounts, Arm, lift, welch},
    pairs::Counts,
    survival::Gaps,
    value::{self, Terms},
};

/// Folds the bits of every number, and whether it is there (FNV-1a).
struct Folded(u64);

impl Folded {
    fn add(&mut self, number: impl Into<Option<f64>>) {
        let bits = number.into().map_or(u64::MAX, f64::to_bits);
        for byte in bits.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// Numbers by chance, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(end)).unwrap()
    }
}

fn models(chance: &mut Chance, folded: &mut Folded) {
    let histories: Vec<(History, Option<Spent>)> = (0..3_000)
        .map(|_| {
            // Each buys at its own pace, and leaves by its own chance.
            let (pace, leaves) = (5 + chance.below(150), chance.below(2) * 70 + 1);
            let (mut again, mut last, age) = (0, 0, 30 + chance.below(500));
            while last + pace < age && chance.below(100) >= leaves {
                (again, last) = (again + 1, last + 1 + chance.below(pace));
            }
            // Each day's amount lies around the member's own.
            let own = 5 + chance.below(80);
            let cents: u32 = (0..again).map(|_| own * (30 + chance.below(140))).sum();
            let mean = f64::from(cents) / 100.0 / f64::from(again.max(1));
            (History::new(again, f64::from(last), f64::from(age)).unwrap(), Spent::new(again, mean))
        })
        .collect();
    let cells: Vec<Cell> =
        histories.iter().map(|(history, _)| Cell { history: *history, members: 1 }).collect();
    let amounts: Vec<Spent> = histories.iter().filter_map(|(_, spent)| *spent).collect();
    let (orders, amounts) = (bgnbd::fit(&cells).unwrap(), gamma_gamma::fit(&amounts).unwrap());
    let of = orders.parameters;
    [of.r(), of.alpha(), of.a(), of.b(), orders.log_likelihood]
        .into_iter()
        .for_each(|number| folded.add(number));
    let of = amounts.parameters;
    [of.p(), of.q(), of.v(), amounts.log_likelihood].into_iter().for_each(|number| folded.add(number));
    let terms = Terms { margin: 0.3, discount: 0.08 };
    for (history, spent) in &histories {
        folded.add(orders.parameters.alive(history));
        folded.add(orders.parameters.chance(history, 30.0));
        let (orders, amounts) = (&orders.parameters, &amounts.parameters);
        folded.add(value::expected(orders, amounts, history, spent.as_ref(), 365, terms));
    }
}

fn others(chance: &mut Chance, folded: &mut Folded) {
    let bought: Vec<Bought> = (0..1_000)
        .map(|_| Bought { days: 1 + chance.below(30), since_first: 1 + chance.below(700) })
        .collect();
    let cycle = Cycle::fit(&bought).unwrap();
    [cycle.a(), cycle.b()].into_iter().for_each(|number| folded.add(number));
    folded.add(cycle.chance(3, 14.0));
    let mut gaps = Gaps::new();
    (0..2_000).for_each(|_| gaps.add(1 + chance.below(400), chance.below(3) > 0).unwrap());
    for point in gaps.curve(&[1, 30, 90, 365]) {
        folded.add(point.survival);
        if let Some((low, high)) = point.band {
            [low, high].into_iter().for_each(|number| folded.add(number));
        }
    }
    let mut item = || {
        let among = 1 + chance.below(60);
        chance.below(among)
    };
    let sets: Vec<Vec<u32>> = (0..2_000).map(|_| (0..1 + item() % 8).map(|_| item()).collect()).collect();
    let ease = Ease::fit(60, &sets, 100.0).unwrap();
    ease.scores(&[1, 5, 20]).into_iter().for_each(|score| folded.add(score));
    let rows = (0..20).map(|number| {
        let steps = if number < 12 { 12 } else { 24 - number };
        let redeemed = (0..steps).scan(0, |all, _| {
            *all += u64::from(chance.below(100));
            Some(*all)
        });
        Row { issued: 1_500, redeemed: redeemed.collect() }
    });
    let development = develop(&rows.collect::<Vec<Row>>(), 12, 0.8).unwrap();
    folded.add(development.redemption_rate);
    folded.add(development.standard_error);
    folded.add(Counts { both: 31, x_only: 170, y_only: 404, neither: 9_999 }.log_likelihood_ratio());
    let found = lift(Arm { responded: 131, of: 4_000 }, Arm { responded: 88, of: 3_900 }).unwrap();
    [found.difference, found.low, found.high].into_iter().for_each(|number| folded.add(number));
    let mut arm = |members: u32| Amounts::of((0..members).map(|_| i64::from(chance.below(9_999)))).unwrap();
    let found = welch(arm(300), arm(280)).unwrap();
    [found.t.unwrap(), found.freedom.unwrap(), found.means.low]
        .into_iter()
        .for_each(|number| folded.add(number));
}

#[test]
fn the_same_bits_everywhere() {
    let (mut chance, mut folded) = (Chance(21), Folded(0xcbf2_9ce4_8422_2325));
    models(&mut chance, &mut folded);
    others(&mut chance, &mut folded);
    assert_eq!(format!("{:016x}", folded.0), "227bce173bd146fb");
}
