//! Samples of offers.

use domain::{
    id::{BatchId, BrandId, MemberId, OfferId, OrderId, UseId},
    number::{Money, SignedMoney},
    offer::grant::HeldBy,
    time::DayNumber,
};

use super::{AT, LONG_AGO, Samples, bys, named, text};
use crate::store::{
    id::ContentHash,
    records::{
        Allotment, By, HeldRecord, OfferAccountRecord, OfferDay, OfferDaysRecord, OfferHold, OfferRecord,
        OfferVersionRecord, OffersRecord, PrintedBatch, PrintedCodeRecord, PrintedRecord, PrintedUsedRecord,
        StockBatchRecord, StockCodesRecord, StockRecord, TakenDay, WindowRecord, WordRecord,
    },
};

pub(in super::super) fn offer() -> Samples<OfferRecord> {
    let plain = OfferRecord { version: 1, word: None, number: 0 };
    let worded = OfferRecord { version: 10_000, word: Some(text("SPR1NG20")), number: 0 };
    let numbered = OfferRecord { number: 2_000, ..worded.clone() };
    named([("plain", plain), ("worded", worded), ("numbered", numbered)])
}

pub(in super::super) fn offer_version() -> Samples<OfferVersionRecord> {
    let version = |by| OfferVersionRecord {
        at: AT,
        by,
        brand: BrandId::of_checked("acme"),
        document: text("{\"name\": {\"zh\": \"满 100 减 15\"}}"),
    };
    let mut samples = named(bys().map(|(name, by)| (name, version(by))));
    samples.push((text("long_ago"), OfferVersionRecord { at: LONG_AGO, ..version(By::Time) }));
    samples
}

pub(in super::super) fn offers() -> Samples<OffersRecord> {
    named([
        ("first", OffersRecord { offers: 1, saves: 1 }),
        ("most", OffersRecord { offers: 2_000, saves: u64::MAX }),
    ])
}

pub(in super::super) fn word() -> Samples<WordRecord> {
    let had = WordRecord { offer: Some(OfferId::of_checked("spring")) };
    named([("had", had), ("let_go", WordRecord { offer: None })])
}

pub(super) fn held(by: HeldBy) -> HeldRecord {
    HeldRecord { brand: BrandId::of_checked("acme"), by, until: AT, pieces: 2 }
}

pub(in super::super) fn window() -> Samples<WindowRecord> {
    let plain = WindowRecord {
        holder: MemberId([1; 16]),
        offer: OfferId::of_checked("cake"),
        since: AT,
        begin: None,
        end: None,
        taken: 1,
        held: Vec::new(),
    };
    let order = held(HeldBy::Order(OrderId::of_checked("A-1")));
    let used = held(HeldBy::Use(UseId::of_checked("u-1")));
    let held = WindowRecord {
        begin: Some(LONG_AGO),
        end: Some(AT),
        taken: 0,
        held: vec![order, used],
        ..plain.clone()
    };
    named([("plain", plain), ("held", held)])
}

pub(in super::super) fn offer_account() -> Samples<OfferAccountRecord> {
    let day = |issued, used| OfferDay { day: DayNumber(738_000), issued, used };
    let hold = OfferHold { minute: 29_000_000, day: DayNumber(738_000), uses: 2, amount: Money(1_990) };
    let full = OfferAccountRecord {
        issued: 20_000,
        used: 7,
        spent: SignedMoney(10_500),
        days: vec![day(3, 1), day(-1, -1)],
        since: Some(DayNumber(737_998)),
        holds: vec![hold],
        taken: vec![taken_day(), TakenDay { returned: 9, amount: SignedMoney(-500), ..taken_day() }],
        filed: Some((DayNumber(737_900), DayNumber(737_999))),
        out: 1 << 31 | 1,
        is_gathering: true,
        allotted: None,
    };
    let allotment = Allotment {
        version: 3,
        issued: 20_100,
        used: -1,
        spent: SignedMoney(12_500),
        day: DayNumber(738_000),
        issued_of_day: i64::MAX,
        used_of_day: 9,
    };
    let shard =
        OfferAccountRecord { issued: 20_000, allotted: Some(allotment), ..OfferAccountRecord::default() };
    let returned = OfferAccountRecord {
        issued: -1,
        used: -2,
        spent: SignedMoney(-500),
        ..OfferAccountRecord::default()
    };
    named([
        ("plain", OfferAccountRecord::default()),
        ("full", full),
        ("returned", returned),
        ("shard", shard),
    ])
}

fn taken_day() -> TakenDay {
    TakenDay { day: DayNumber(738_000), issued: 3, used: 2, returned: 1, amount: SignedMoney(500) }
}

pub(in super::super) fn offer_days() -> Samples<OfferDaysRecord> {
    let some = OfferDaysRecord { days: vec![taken_day(), taken_day()] };
    named([("none", OfferDaysRecord::default()), ("some", some)])
}

pub(in super::super) fn stock_pool() -> Samples<StockRecord> {
    let most = StockRecord { added: u64::MAX, handed_out: 10_000 };
    named([("plain", StockRecord::default()), ("most", most)])
}

pub(in super::super) fn stock_codes() -> Samples<StockCodesRecord> {
    let some = StockCodesRecord { codes: vec![vec![0, 1, 0xff], vec![7; 64]] };
    named([("none", StockCodesRecord::default()), ("some", some)])
}

pub(in super::super) fn stock_batch() -> Samples<StockBatchRecord> {
    let batch = |by| StockBatchRecord { at: AT, by, added: 1_000, content: ContentHash([7; 16]) };
    let mut samples = named(bys().map(|(name, by)| (name, batch(by))));
    samples.push((text("long_ago"), StockBatchRecord { at: LONG_AGO, added: u32::MAX, ..batch(By::Time) }));
    samples
}

pub(in super::super) fn printed() -> Samples<PrintedRecord> {
    let plain = PrintedBatch {
        id: BatchId::of_checked("2026-11"),
        at: AT,
        by: By::Time,
        count: 100_000,
        quantity: 1,
        content: ContentHash([7; 16]),
        revoked: None,
    };
    let revoked =
        PrintedBatch { at: LONG_AGO, count: 1, quantity: 1_000, revoked: Some(AT), ..plain.clone() };
    named([("none", PrintedRecord::default()), ("some", PrintedRecord { batches: vec![plain, revoked] })])
}

pub(in super::super) fn printed_code() -> Samples<PrintedCodeRecord> {
    let held = held(HeldBy::Order(OrderId::of_checked("A-1")));
    named([
        ("plain", PrintedCodeRecord { taken: 1, held: None }),
        ("held", PrintedCodeRecord { taken: 0, held: Some(held) }),
    ])
}

pub(in super::super) fn printed_used() -> Samples<PrintedUsedRecord> {
    named([
        ("none", PrintedUsedRecord::default()),
        ("some", PrintedUsedRecord { batches: vec![(0, 1), (999, u64::MAX)] }),
    ])
}
