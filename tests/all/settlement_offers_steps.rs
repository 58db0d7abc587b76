//! The close of a month in which offers gave something: of more pairs than one step notes, cut off anywhere, and begun by a
//! build that settled points alone.

use std::{collections::BTreeMap, sync::Arc};

use domain::{settlement::Tally, time::Month};
use engine::{
    keys::{self, SettlementPart, kind},
    memory::MemoryStore,
    records::{decode, encode},
    store::{Change, Expect, Key, Record, Store, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::run,
    settlement::{Folder, close, coalition, lines, named, statement},
    settlement_close::{CLOSABLE, NOVEMBER},
    settlement_offers::of_offers,
    support::Shop,
    table::CutOff,
};

const MONTH: &str = "2026-11";

/// Closes November in pieces of that many commits, in turn; the statement.
async fn closed_in_pieces(shop: &Shop, cut: &CutOff, pieces: &[u64]) -> Value {
    for commits in pieces.iter().cycle().take(1_000) {
        cut.allow(*commits);
        let reply = shop.call("POST", "/settle", json!({"month": MONTH})).await;
        cut.allow(u64::MAX);
        assert!(matches!(reply.status, 200 | 503), "{}", reply.body);
        if reply.body["done"] == true {
            return statement(shop, MONTH).await;
        }
    }
    panic!("it does not come to an end");
}

// --- Many pairs ---

const BRANDS: usize = 40;

/// Each brand bears a twentieth of one of two offers, both of which are used at every brand.
async fn many_pairs(shop: &Shop) {
    let name = |number: usize| format!("b{number:02}");
    for (offer, first) in [("low", 0), ("high", BRANDS / 2)] {
        let funders =
            (first..first + BRANDS / 2).map(|number| json!({"brand": name(number), "share": "0.05"}));
        let body = json!({"brand": "b00", "how": "code", "word": offer.to_uppercase(), "gives": {"discount": {"amount": "10.00"}},
            "where": {"brands": (0..BRANDS).map(name).collect::<Vec<_>>()}, "funding": funders.collect::<Vec<_>>()});
        shop.ok("PUT", &format!("/offers/{offer}"), named(body)).await;
    }
    for (number, offer) in (0..BRANDS).flat_map(|number| [(number, "LOW"), (number, "HIGH")]) {
        let body = json!({"brand": name(number), "order_id": offer, "codes": [offer],
            "lines": [{"line_id": "1", "quantity": 1, "amount": "20.00"}]});
        shop.ok("POST", "/use", body).await;
    }
}

#[test]
fn a_month_of_many_pairs_is_closed_whole_wherever_it_is_cut_off() {
    run(async {
        let mut program = coalition();
        program["brands"] = (0..BRANDS).map(|number| json!({"id": format!("b{number:02}")})).collect();
        let mut statements = Vec::new();
        for pieces in [&[u64::MAX][..], &[1], &[3, 1, 5]] {
            let cut = CutOff::of(Arc::new(MemoryStore::new()));
            let shop = Shop::over(cut.clone(), &program, NOVEMBER).await;
            many_pairs(&shop).await;
            shop.at(CLOSABLE);
            statements.push(closed_in_pieces(&shop, &cut, pieces).await);
        }
        let lines = of_offers(&statements[0]);
        // Each brand has a line of each pair it is in, of which that with itself is one.
        assert_eq!(lines.len(), BRANDS * (2 * BRANDS - 1));
        let mut dues: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &lines {
            assert_eq!((&line[3], &line[4]), (&json!("0.50000000"), &json!("0.50")), "{line}");
            *dues.entry(line[5].as_str().unwrap()).or_default() += 1;
        }
        let pairs = BRANDS * (BRANDS - 1);
        assert_eq!(dues, BTreeMap::from([("-0.50", pairs), ("0.00", BRANDS), ("0.50", pairs)]));
        for cut in &statements[1..] {
            assert_eq!(cut["accounts"], statements[0]["accounts"]);
        }
    });
}

// --- Begun by a build that settled points alone ---

/// A member earns and redeems; it and a guest use what another brand lends.
async fn history(shop: &Shop) {
    let member = shop.member("one").await;
    let order = json!({"member_id": member, "brand": "acme", "order_id": "1", "amount": "100"});
    shop.ok("POST", "/earn-points", order).await;
    let spent_on = json!({"kind": "order", "order_id": "2"});
    shop.ok("POST", "/redeem", json!({"member_id": member, "brand": "bean", "points": 7, "for": spent_on}))
        .await;
    let lent = json!({"brand": "acme", "how": "code", "word": "LENT", "gives": {"discount": {"amount": "10.00"}},
        "where": {"brands": ["bean"]}});
    shop.ok("PUT", "/offers/lent", named(lent)).await;
    for (order, member) in [("3", Some(&member)), ("4", None)] {
        let mut body = json!({"brand": "bean", "order_id": order, "codes": ["LENT"],
            "lines": [{"line_id": "1", "quantity": 1, "amount": "20.00"}]});
        if let Some(member) = member {
            body["member_id"] = json!(member);
        }
        shop.ok("POST", "/use", body).await;
    }
}

/// Stages of a month's record, as they are numbered in it.
const SETTLING: u8 = 0;
const BUYING: u8 = 1;
const COUNTING: u8 = 2;
const BOOKING: u8 = 3;
const COUNTING_GUESTS: u8 = 5;

/// Puts in place of what is stored of the month's settlement what a build of before would have stored by then: format 1, in
/// which there are no offers, no stage for guests, and no account yet. The stage, as it was; `None` where that build had none
/// alike.
async fn as_before(store: &dyn Store) -> Option<u8> {
    let month = Month::parse(MONTH).unwrap();
    let page = store.walk(Some(kind::SETTLEMENT), None, 1_000).await.unwrap();
    let stage = stage_of(&page.records, &keys::settlement(month))?;
    let writes = page.records.iter().map(|(key, record)| {
        let change = match keys::read_settlement_part(key).unwrap() {
            SettlementPart::Month => Change::Put(month_before(&record.value).into()),
            SettlementPart::Counted if is_of_offers(key) => Change::Delete,
            SettlementPart::Counted => Change::Put(sums_before(key, record).into()),
            SettlementPart::Account | SettlementPart::Paid => panic!("there is none yet"),
        };
        Write { key: key.clone(), expect: Expect::Anything, change }
    });
    store.commit(writes.collect()).await.unwrap();
    Some(stage)
}

fn stage_of(records: &[(Key, Record)], month: &Key) -> Option<u8> {
    let (_, record) = records.iter().find(|(key, _)| key == month)?;
    let stage = record.value[1];
    [SETTLING, BUYING, COUNTING, COUNTING_GUESTS].contains(&stage).then_some(stage)
}

/// Without its last byte, which says whether it has offers. After counting that build booked.
fn month_before(value: &[u8]) -> Vec<u8> {
    let mut before = value[..value.len() - 1].to_vec();
    before[0] = 1;
    if before[1] == COUNTING_GUESTS {
        assert_eq!(before[2], 0, "it has not begun with guests");
        before[1] = BOOKING;
    }
    before
}

fn is_of_offers(key: &Key) -> bool {
    let month = Month::parse(MONTH).unwrap();
    (0..16).any(|part| *key == keys::settlement_offers(month, part))
}

/// Without its last two maps, which are of offers.
fn sums_before(key: &Key, record: &Record) -> Vec<u8> {
    let sums: Tally = decode(key, &record.value).unwrap();
    assert!(sums.offers.is_empty() && sums.borne.is_empty());
    let mut before = encode(&sums).to_vec();
    assert_eq!((before.remove(0), before.pop(), before.pop()), (2, Some(0), Some(0)));
    before.insert(0, 1);
    before
}

#[test]
fn a_month_that_an_older_build_began_goes_on_as_it_was_begun() {
    let mut seen: BTreeMap<u8, usize> = BTreeMap::new();
    let folder = Folder::new();
    let whole = run(async {
        let shop = folder.open(&coalition(), NOVEMBER).await;
        history(&shop).await;
        shop.at(CLOSABLE);
        close(&shop, MONTH).await;
        statement(&shop, MONTH).await
    });
    assert_eq!((of_offers(&whole).len(), lines(&whole).len()), (2, 4));
    for commits in 1.. {
        let folder = Folder::new();
        let stage = run(async {
            let cut = CutOff::of(folder.store());
            let shop = Shop::over(cut.clone(), &coalition(), NOVEMBER).await;
            history(&shop).await;
            shop.at(CLOSABLE);
            cut.allow(commits);
            shop.call("POST", "/settle", json!({"month": MONTH})).await;
            cut.allow(u64::MAX);
            let stage = as_before(&*cut).await?;
            close(&shop, MONTH).await;
            let found = statement(&shop, MONTH).await;
            let has_offers = stage < COUNTING;
            assert_eq!(found["offers"], has_offers, "stage {stage}");
            let mut want = lines(&whole);
            want.retain(|line| has_offers || line[1] != "offers");
            assert_eq!(lines(&found), want, "stage {stage}");
            Some(stage)
        });
        let Some(stage) = stage else { break };
        *seen.entry(stage).or_default() += 1;
        let (code, said) = folder.laurel("audit --settlement 2026-11 --data data");
        assert_eq!(code, 0, "stage {stage}: {said}");
    }
    let all = [SETTLING, BUYING, COUNTING, COUNTING_GUESTS];
    assert!(seen.keys().eq(&all), "{seen:?}");
}

/// A record of the format of before, as it was written down then.
fn golden(text: &str, name: &str) -> Vec<u8> {
    let hex = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" 01")).unwrap();
    let bytes = hex.as_bytes().chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16));
    std::iter::once(Ok(1)).chain(bytes).collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_month_that_an_older_build_closed_is_shown_as_it_was() {
    run(async {
        let store = Arc::new(MemoryStore::new());
        let shop = Shop::over(store.clone(), &coalition(), CLOSABLE).await;
        let month = Month::parse(MONTH).unwrap();
        let of_month = include_str!("../../shared/engine/tests/golden/settlement_month.txt");
        let accounts = include_str!("../../shared/engine/tests/golden/settlement_account.txt");
        let acme = "acme".parse().unwrap();
        let records = [
            (keys::settlement(month), golden(of_month, "closed_by_time")),
            (keys::settlement_account(month, &acme), golden(accounts, "all")),
        ];
        let writes = records.map(|(key, value)| Write {
            key,
            expect: Expect::Absent,
            change: Change::Put(value.into()),
        });
        store.commit(writes.into()).await.unwrap();
        let shown = statement(&shop, MONTH).await;
        assert_eq!(shown["offers"], false);
        let want = [
            json!(["acme", "issued", null, 1_234, "12.340000", "12.34"]),
            json!(["acme", "honoured", "bean", 1_234, "12.340000", "12.34"]),
            json!(["acme", "expired", null, 1_234, "12.340000", "12.34"]),
            json!(["acme", "block_bought", null, null, "12.340000", "12.34"]),
        ];
        assert_eq!(lines(&shown), want);
        assert_eq!(shop.ok("POST", "/settle", json!({"month": MONTH})).await["done"], true);
        assert_eq!(statement(&shop, MONTH).await, shown, "closing it again changes nothing");
    });
}
