//! The fuzzer's targets: a function for each kind of input, which panics if something is wrong. The fuzzer
//! itself (`tests/fuzz/`) only calls these, and so do the tests, with every input that was worth keeping.

mod drafts;
mod shop;
mod workbook;

use std::collections::BTreeSet;

use domain::{
    attribute::{AttributeKind, AttributeRule},
    condition::Reader,
    id::OfferId,
    json::Json,
    number::{Currency, Figure, Money, Rate, SignedMoney, Term, floor_of_product},
    offer::{self, openings::OwnDays},
    programme,
    time::{Day, Instant, Month, Zone},
};
use engine::{
    keys::{self, kind},
    records::{
        BlockRecord, CallerRecord, CardRecord, ClaimRecord, EntryRecord, LinkCodeRecord, LinkRecord,
        MemberCardRecord, MemberRecord, NonceRecord, OfferRecord, OfferVersionRecord, OffersRecord,
        PartnerRecord, PersonRecord, ProgramPart, ProgramRecord, ReferenceRecord, RequestRecord,
        StaffChangeRecord, Stored, WordRecord, decode, encode,
    },
};
use num_bigint::{BigInt, BigUint};
use serde_json::{Value, json};

use crate::{Settings, run};

/// A kind of input.
pub struct Target {
    /// Its name, as the fuzzer's.
    pub name: &'static str,
    /// What must hold for any bytes; panics if it does not.
    pub feed: fn(&[u8]),
}

/// Every kind of input.
pub const TARGETS: &[Target] = &[
    Target { name: "json", feed: json },
    Target { name: "money", feed: money },
    Target { name: "product", feed: product },
    Target { name: "instant", feed: instant },
    Target { name: "condition", feed: condition },
    Target { name: "programme", feed: program },
    Target { name: "offer", feed: offer },
    Target { name: "draft", feed: drafts::draft },
    Target { name: "record", feed: record },
    Target { name: "event", feed: event },
    Target { name: "body", feed: shop::body },
    Target { name: "request", feed: shop::request },
    Target { name: "signature", feed: shop::signature },
    Target { name: "cursor", feed: shop::cursor },
    Target { name: "import", feed: shop::import },
    Target { name: "workbook", feed: workbook::feed },
    Target { name: "identity", feed: identity },
    Target { name: "card", feed: card },
    Target { name: "history", feed: history },
];

/// Feeds one target.
///
/// # Panics
/// There is no target of that name, or its check fails.
pub fn feed(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let Some(target) = target else { panic!("no target is called {name}") };
    (target.feed)(data);
}

/// A text that is read is JSON to other parsers too, and has one canonical form.
fn json(data: &[u8]) {
    let Ok(read) = Json::parse(data) else { return };
    let value: Value = serde_json::from_slice(data).expect("others read it too");
    let canonical = |json: &Json| {
        let mut out = Vec::new();
        json.canonical(&mut out, "");
        out
    };
    let again = Json::parse(value.to_string().as_bytes()).expect("what was read and written is read");
    assert_eq!(canonical(&read), canonical(&again), "another canonical form");
}

const CURRENCIES: [&str; 4] = ["CNY", "USD", "JPY", "KWD"];

fn currency(byte: u8) -> Currency {
    let code = CURRENCIES[usize::from(byte) % CURRENCIES.len()];
    Currency::of(code).expect("a currency of ISO 4217")
}

/// An amount that is read and shown is read as the same again.
fn money(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let (currency, Ok(text)) = (currency(*first), std::str::from_utf8(text)) else { return };
    if let Some(amount) = Money::parse(text, currency) {
        let shown = amount.show(currency);
        assert_eq!(Money::parse(&shown, currency), Some(amount), "{text} is shown as {shown}");
    }
    if let Some(rate) = Rate::parse(text) {
        assert!(rate.millionths() <= 999_999_999_999, "{text}");
    }
}

/// A sum of products is the same as in integers of any size.
fn product(data: &[u8]) {
    let mut words = data.chunks_exact(8).map(|word| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        u64::from_le_bytes(bytes)
    });
    let mut next = || words.next().unwrap_or(0);
    let first = next();
    let currency = currency(first as u8);
    let millionths = |word: u64| word % 1_000_000_000_000;
    let rate = |word: u64| {
        let word = millionths(word);
        let text = format!("{}.{:06}", word / 1_000_000, word % 1_000_000);
        Rate::parse(&text).expect("a rate")
    };
    let minor = 10_u64.pow(currency.digits);
    let (mut terms, mut top) = (Vec::new(), BigInt::ZERO);
    // Every part of every line, over one denominator.
    let (rates, ofs): ([u64; 2], [u64; 2]) = ([next(), next()], [next() % 9 + 1, next() % 999 + 1]);
    for of in ofs {
        let amount = i128::from(next() % 1_000_000_000_000) - 300_000_000_000;
        let (own, part) = (next(), next() % (of + 1));
        terms.push(Term { amount: SignedMoney(amount), rate: rate(own), boost: rate(own), part, of });
        let others: u64 = ofs.iter().product::<u64>() / of;
        top += BigInt::from(amount) * millionths(own) * part * others;
    }
    // What is below zero earns nothing.
    let top = top.to_biguint().unwrap_or(BigUint::ZERO);
    let bottom = BigUint::from(ofs.iter().product::<u64>()) * minor * 1_000_000_u64;
    let top = rates.iter().fold(top, |top, word| top * millionths(*word));
    let bottom = rates.iter().fold(bottom, |bottom, _| bottom * 1_000_000_u64);
    let floor = u64::try_from(top / bottom).ok().filter(|floor| *floor < 1 << 53);
    let rates: Vec<Rate> = rates.into_iter().map(rate).collect();
    let product = floor_of_product(&terms, &rates, currency);
    assert_eq!(product.map(Figure::get), floor, "{terms:?} times {rates:?}");
}

/// A number or an address that is read is read again as itself, a number under every region.
fn identity(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let regions = ["CN", "US", "IT", "RU", "AR", "ZZ"];
    for region in regions {
        match edge::phone(text, region) {
            Ok(number) => {
                let again = regions.map(|region| edge::phone(&number, region));
                assert!(
                    again.iter().all(|again| again.as_ref() == Ok(&number)),
                    "{text:?} in {region}: {again:?}"
                );
            }
            Err(refused) => assert!(!refused.detail.is_empty(), "{text:?} in {region}: {}", refused.code),
        }
    }
    if let Ok(address) = edge::email(text) {
        assert_eq!(edge::email(&address).as_ref(), Ok(&address), "{text:?}");
    }
}

/// An instant that is read and shown, in any zone, is read as the same again.
fn instant(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(at) = Instant::parse(text) {
        for zone in ["Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia", "Africa/Monrovia"] {
            let zone = Zone::of(zone).expect("a zone");
            let shown = zone.show(at);
            assert_eq!(Instant::parse(&shown), Some(at), "{text} is shown as {shown}");
            let day = zone.day(at);
            assert!(
                zone.midnight(day) <= at && at < zone.midnight(zone.next_day(day)),
                "{text} is on {day:?}"
            );
        }
    }
    if let Some(day) = Day::parse(text) {
        assert_eq!((Day::parse(&day.show()), Day::from_number(day.number())), (Some(day), day), "{text}");
    }
    if let Some(month) = Month::parse(text) {
        assert_eq!((Month::parse(&month.show()), month.next().previous()), (Some(month), month), "{text}");
    }
}

/// A condition is accepted, or its faults are reported; and what is a value of an attribute is one again as it is
/// shown.
fn condition(data: &[u8]) {
    let Ok(json) = Json::parse(data) else { return };
    let choices = || vec!["tea".to_owned(), "go".to_owned()];
    let kinds = [
        AttributeKind::Choice(choices()),
        AttributeKind::Choices(choices()),
        AttributeKind::Number,
        AttributeKind::Date,
        AttributeKind::Flag,
        AttributeKind::Text,
    ];
    let attributes = kinds.map(|kind| AttributeRule { id: kind.word().to_owned(), kind, staff: false });
    for rule in &attributes {
        if let Ok(value) = rule.read(&json) {
            let shown = Json::parse(value.shown().to_string().as_bytes());
            assert_eq!(shown.ok().and_then(|shown| rule.read(&shown).ok()), Some(value));
        }
    }
    let (mut faults, amount) = (Vec::new(), |text: &str| Money::parse(text, currency(0)));
    let read = Reader { amount: &amount, attributes: &attributes, faults: &mut faults }.read(&json, "");
    assert_eq!(read.is_some(), faults.is_empty(), "{faults:?}");
}

/// A programme is accepted, or its faults are reported; an accepted one is accepted again.
fn program(data: &[u8]) {
    let Ok(json) = Json::parse(data) else { return };
    match programme::read(&json, 1, Instant(0)) {
        Ok(read) => assert_eq!(programme::read(&json, 1, Instant(0)).as_ref(), Ok(&read)),
        Err(faults) => assert!(!faults.is_empty(), "refused without a fault"),
    }
}

/// An offer is accepted, or its faults are reported; an accepted one is read again as the same, also where the programme
/// has lost what it names. And its openings follow each other in time.
fn offer(data: &[u8]) {
    let Ok(json) = Json::parse(data) else { return };
    let read_programme = |tiers: Value, brands: Value| {
        let document = json!({
            "name": "Club", "time_zone": "America/New_York", "currency": "CNY", "brands": brands, "tiers": tiers,
            "points": {"per_unit": "1"}, "growth": {"per_unit": "1"},
        });
        let document = Json::parse(document.to_string().as_bytes()).expect("JSON");
        programme::read(&document, 1, Instant(0)).expect("a programme")
    };
    let (basic, gold) = (json!({"id": "basic", "growth": 0}), json!({"id": "gold", "growth": 1}));
    let full = read_programme(json!([basic, gold]), json!([{"id": "acme"}, {"id": "bean"}]));
    let id = OfferId::of_checked("o");
    match offer::read(&json, &id, 1, &full) {
        Ok(read) => {
            let poor = read_programme(json!([basic]), json!([{"id": "cola"}]));
            assert_eq!(offer::read_saved(&json, &id, 1, &full).as_ref(), Ok(&read));
            assert_eq!(offer::read_saved(&json, &id, 1, &poor).as_ref(), Ok(&read));
            let (zone, when, own) = (full.zone, &read.when, OwnDays::default());
            let now = Instant::parse("2027-03-14T06:30:00Z").expect("an instant");
            if let Some(opens) = when.opens_at(zone, &own, now) {
                assert!(now <= opens && when.is_open(zone, &own, opens), "opens at {opens:?}");
                let closes = when.closes_at(zone, &own, opens);
                assert!(closes.is_none_or(|closes| opens < closes), "closes at {closes:?}");
                assert!(closes.is_none_or(|closes| !when.is_open(zone, &own, closes)), "open at {closes:?}");
            }
        }
        Err(faults) => assert!(!faults.is_empty(), "refused without a fault"),
    }
}

/// A record that can be read and is written is read as the same again, and in the newest format has the same
/// bytes; everything else is refused.
fn record(data: &[u8]) {
    fn same<T: Stored + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        let key = keys::all(kind::MEMBER).from;
        let Ok(read) = decode::<T>(&key, bytes) else { return };
        let written = encode(&read);
        assert_eq!(decode::<T>(&key, &written).as_ref(), Ok(&read));
        if bytes.first() == Some(&T::FORMAT) {
            assert_eq!(written, bytes, "there is one way to write it");
        }
    }
    let Some((which, bytes)) = data.split_first() else { return };
    const KINDS: &[fn(&[u8])] = &[
        same::<MemberRecord>,
        same::<EntryRecord>,
        same::<BlockRecord>,
        same::<RequestRecord>,
        same::<ProgramPart>,
        same::<ProgramRecord>,
        same::<CallerRecord>,
        same::<PartnerRecord>,
        same::<LinkCodeRecord>,
        same::<NonceRecord>,
        same::<ClaimRecord>,
        same::<ReferenceRecord>,
        same::<LinkRecord>,
        same::<PersonRecord>,
        same::<CardRecord>,
        same::<MemberCardRecord>,
        same::<StaffChangeRecord>,
        same::<OfferRecord>,
        same::<OfferVersionRecord>,
        same::<OffersRecord>,
        same::<WordRecord>,
    ];
    KINDS[usize::from(*which) % KINDS.len()](bytes);
}

/// A text that is a card's token is the one text that says this; any other is none, whatever its bytes.
fn card(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let secrets = crate::instance::secrets();
    let Some(token) = secrets.card_token(text) else { return };
    let again = match token.made {
        edge::Made::Online(step) => secrets.online_token(token.reference, step),
        edge::Made::Offline(said) => secrets.offline_token(token.reference, said),
    };
    assert_eq!(again, text);
    assert!(token.made.refresh_at() <= token.made.expires_at(), "{token:?}");
}

/// An event of Lambda's is classified; a request is one that our own names answer.
fn event(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
    let asked = event.get("requestContext").is_some();
    match lambda::read(&["settle", "settlements"], event) {
        Ok(lambda::Event::Url(request)) => {
            assert!(asked, "an event that claims to be no request is one");
            assert!(request.uri().path().starts_with('/'));
        }
        Ok(lambda::Event::Direct(_)) => assert!(!asked, "a request is taken for a schedule's"),
        Err(problem) => assert!((400..500).contains(&problem.status()), "{problem:?}"),
    }
}

/// The simulator, with the operations that the bytes choose.
fn history(data: &[u8]) {
    let (seed, chosen) = data.split_at(data.len().min(8));
    let mut bytes = [0; 8];
    bytes[..seed.len()].copy_from_slice(seed);
    let operations = 40;
    let skips = |number: &usize| chosen.get(number / 8).is_some_and(|byte| byte >> (number % 8) & 1 == 1);
    let skipped: BTreeSet<usize> = (0..operations).filter(skips).collect();
    let settings = Settings { seed: u64::from_le_bytes(bytes), operations, skipped, ..Settings::default() };
    assert_eq!(run(settings).violation, None);
}
