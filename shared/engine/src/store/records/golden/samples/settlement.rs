//! Samples of the records of a month's settlement.

use std::collections::BTreeMap;

use domain::{
    id::BrandId,
    offer::Funder,
    settlement::{Account, Exact, Given, Line, LineKind, SignedMoney, Sum, Tally},
};

use super::{AT, Samples, bys, named, text};
use crate::store::records::{
    By,
    settlement::{AccountRecord, MonthRecord, PaidRecord, Stage},
};

pub(in super::super) fn settlement_month() -> Samples<MonthRecord> {
    let of = |name, stage| {
        // As a build before that had counted it, or had not begun to.
        let offers = matches!(stage, Stage::Settling | Stage::Buying { .. });
        (name, MonthRecord { stage, began_at: AT, programme: SignedMoney(-128), offers })
    };
    let from = || Some(b"bbean\0PO-1".to_vec());
    let stages = vec![
        Stage::Settling,
        Stage::Buying { from: None },
        Stage::Counting { from: None, walked: true, next: Vec::new() },
        Stage::Booking { after: None },
    ];
    let name = |stage: &Stage| match stage {
        Stage::Settling => "settling",
        Stage::Buying { .. } => "buying",
        Stage::Counting { .. } => "counting",
        Stage::Booking { .. } => "booking",
        Stage::Closed { .. } => "closed",
        Stage::CountingGuests { .. } => "counting_guests",
        Stage::Sharing => "sharing",
    };
    let mut samples = named(stages.into_iter().map(|stage| of(name(&stage), stage)));
    samples.extend(named([
        of("buying_on", Stage::Buying { from: from() }),
        of("counting_on", Stage::Counting { from: from(), walked: false, next: vec![vec![1, 2], vec![]] }),
        of("booking_on", Stage::Booking { after: Some(BrandId::of_checked("bean")) }),
    ]));
    samples.extend(bys().map(|(name, by)| {
        let (_, record) = of("", Stage::Closed { at: AT, by });
        (format!("closed_{name}"), record)
    }));
    let with_offers = |stage| MonthRecord { offers: true, ..of("", stage).1 };
    samples.extend(named([
        ("counting_offers", with_offers(Stage::Counting { from: None, walked: true, next: Vec::new() })),
        ("counting_guests", with_offers(Stage::CountingGuests { from: None })),
        ("counting_guests_on", with_offers(Stage::CountingGuests { from: from() })),
        ("sharing", with_offers(Stage::Sharing)),
        ("closed_with_offers", with_offers(Stage::Closed { at: AT, by: By::Time })),
    ]));
    samples
}

fn brand(id: &str) -> BrandId {
    BrandId::of_checked(id)
}

fn sum(points: i128, millionths: i128) -> Sum {
    Sum { points, millionths }
}

pub(in super::super) fn settlement_sums() -> Samples<Tally> {
    let by_brand = |sums: &[(&str, Sum)]| sums.iter().map(|(id, sum)| (brand(id), *sum)).collect();
    let full = Tally {
        issued: by_brand(&[("acme", sum(100, 1_000_000)), ("bean", sum(-5, -64))]),
        honoured: BTreeMap::from([
            (brand("acme"), by_brand(&[("acme", sum(7, 70)), ("bean", sum(8, 80))])),
            (brand("bean"), by_brand(&[("acme", sum(i128::MAX, i128::MIN))])),
        ]),
        expired: by_brand(&[("acme", sum(3, 0))]),
        blocks: by_brand(&[("bean", sum(0, 50_000_000_000))]),
        ..Tally::default()
    };
    let mut offers = full.clone();
    let given = |millionths| Given { millionths };
    offers.offers = BTreeMap::from([
        (
            brand("acme"),
            BTreeMap::from([(Funder::Programme, given(1)), (Funder::Brand(brand("bean")), given(i128::MIN))]),
        ),
        (brand("bean"), BTreeMap::from([(Funder::Brand(brand("bean")), given(-500_000))])),
    ]);
    offers.borne = BTreeMap::from([(brand("bean"), BTreeMap::from([(brand("acme"), given(i128::MAX))]))]);
    named([("nothing", Tally::default()), ("full", full), ("offers", offers)])
}

pub(in super::super) fn settlement_account() -> Samples<AccountRecord> {
    let kinds = [
        LineKind::Issued,
        LineKind::Honoured(BrandId::of_checked("bean")),
        LineKind::Expired,
        LineKind::BlockBought,
    ];
    let of_offers = [
        LineKind::OffersOwn,
        LineKind::OffersUsed(Funder::Brand(BrandId::of_checked("bean"))),
        LineKind::OffersUsed(Funder::Programme),
        LineKind::OffersBorne(BrandId::of_checked("bean")),
    ];
    let name = |kind: &LineKind| match kind {
        LineKind::Issued => "issued",
        LineKind::Honoured(_) => "honoured",
        LineKind::Expired => "expired",
        LineKind::BlockBought => "block_bought",
        LineKind::OffersOwn => "offers_own",
        LineKind::OffersUsed(Funder::Brand(_)) => "offers_used",
        LineKind::OffersUsed(Funder::Programme) => "offers_of_the_programme",
        LineKind::OffersBorne(_) => "offers_borne",
    };
    let of = |lines: Vec<Line>| AccountRecord {
        account: Account { brand: BrandId::of_checked("acme"), lines },
        name: text("Acme 商店"),
    };
    let line = |kind: &LineKind| Line {
        kind: kind.clone(),
        exact: Exact::Points(sum(1_234, 12_340_000)),
        amount: SignedMoney(1_234),
    };
    let given = |kind: &LineKind| Line { exact: Exact::Given(Given { millionths: -1 }), ..line(kind) };
    let mut samples = named(kinds.each_ref().map(|kind| (name(kind), of(vec![line(kind)]))));
    samples.extend(named(of_offers.each_ref().map(|kind| (name(kind), of(vec![given(kind)])))));
    samples.extend(named([("no_lines", of(Vec::new())), ("all", of(kinds.iter().map(line).collect()))]));
    samples
}

pub(in super::super) fn settlement_paid() -> Samples<PaidRecord> {
    named(bys().map(|(name, by)| (name, PaidRecord { at: AT, by })))
}
