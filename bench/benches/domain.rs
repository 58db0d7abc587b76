//! The core alone: what a settle of an untouched member and a decision cost, in time and in
//! allocations. `cargo bench --manifest-path bench/Cargo.toml`

#![allow(clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use domain::{
    decide::{Command, Context, EarnLine, EarnOrder, Redeem, decide},
    json::Json,
    member::{Member, MemberId},
    number::{Figure, Money, Quantity, SignedMoney},
    programme::{Timeline, read},
    settle,
    time::Instant,
};
use std::{hint::black_box, sync::Arc};

fn programmes() -> Timeline {
    let document = Json::parse(include_bytes!("../program.json")).unwrap();
    let programme = read(&document, 1, Instant(0)).unwrap_or_else(|faults| panic!("{faults:?}"));
    Timeline::new(vec![Arc::new(programme)]).unwrap()
}

fn order(programmes: &Timeline, lines: usize) -> EarnOrder {
    let line = |index: usize| EarnLine {
        line_id: index.to_string().parse().unwrap(),
        sku: Some(format!("sku-{index}")),
        category: Some("tea".to_owned()),
        quantity: Quantity(2_000),
        amount: SignedMoney(1_250),
    };
    EarnOrder {
        brand: programmes.newest().brands[0].id.clone(),
        order_id: "A-1001".parse().unwrap(),
        channel: None,
        amount: (lines == 0).then_some(Money(8_850)),
        lines: (0..lines).map(line).collect(),
        occurred_at: None,
    }
}

/// A member with a year behind it: one order, so that lots, tier and badges are there.
fn member(programmes: &Timeline, now: Instant) -> Member {
    let base = programmes.newest().base_tier().id.clone();
    let member = Member::new(MemberId([7; 16]), now, now, &base);
    let order = order(programmes, 3);
    let context = context(programmes, now);
    decide(&context, &member, &Command::EarnOrder(&order)).unwrap().member
}

fn context(programmes: &Timeline, now: Instant) -> Context<'_> {
    Context { programmes, now, person: None, history: None, any_age: false }
}

fn measure(criterion: &mut Criterion) {
    let programmes = programmes();
    let start = Instant::parse("2026-03-01T09:00:00+08:00").unwrap();
    let now = Instant::parse("2026-03-02T09:00:00+08:00").unwrap();
    let member = member(&programmes, start);
    let context = context(&programmes, now);
    let (twenty, plain) = (order(&programmes, 20), order(&programmes, 0));
    let redeem = Redeem {
        brand: plain.brand.clone(),
        points: Figure::of(10).unwrap(),
        order_id: "A-1002".parse().unwrap(),
        part: None,
        occurred_at: None,
    };

    let mut untouched = member.clone();
    let mut case = |name: &str, run: &mut dyn FnMut()| {
        let counted = allocation_counter::measure(&mut *run);
        println!("{name}: {} allocations, {} bytes", counted.count_total, counted.bytes_total);
        criterion.bench_function(name, |bencher| bencher.iter(&mut *run));
    };
    case("settle an untouched member", &mut || {
        assert!(black_box(settle(&programmes, &mut untouched, now)).is_empty());
    });
    case("decide an order by amount", &mut || {
        black_box(decide(&context, &member, &Command::EarnOrder(&plain)).unwrap());
    });
    case("decide a 20-line order", &mut || {
        black_box(decide(&context, &member, &Command::EarnOrder(&twenty)).unwrap());
    });
    case("decide a redemption", &mut || {
        black_box(decide(&context, &member, &Command::Redeem(&redeem)).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = measure
}
criterion_main!(benches);
