//! The condition language, a row for each fact, comparison and edge of it (rules, 9).

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use domain::{
    condition::{Condition, Reader, Subject, Wants},
    event::History,
    id::{BadgeId, TierId},
    json::Json,
    member::{Badge, Lot, Member, MemberId, OrderStats, Person, Rests, Trial},
    number::{Currency, Money},
    programme::{self, Programme},
    time::Instant,
};

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

/// Ten in the morning where the shop is.
const NOW: &str = "2026-06-15T10:00:00+08:00";

fn programme() -> Programme {
    let document = r#"{"name": "Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}],
        "points": {"per_unit": "1", "expiry": {"mode": "never"}}, "growth": {"per_unit": "1"},
        "tags": [{"id": "vip"}, {"id": "founder"}],
        "tiers": [{"id": "basic", "growth": 0}, {"id": "silver", "growth": 500}, {"id": "gold", "growth": 5000}]}"#;
    programme::read(&Json::parse(document.as_bytes()).unwrap(), 1, Instant(0)).unwrap()
}

fn member() -> Member {
    let registered = at("2025-06-15T12:00:00+08:00");
    let lot = |points: u64, expires_at: Option<&str>, held_until: Option<&str>| {
        let (expires_at, held_until) = (expires_at.map(at), held_until.map(at));
        Lot { expires_at, brand: "acme".parse().unwrap(), held_until, points }
    };
    Member {
        growth: 1_000,
        trial: Some(Trial { tier: TierId::of_checked("gold"), until: at("2026-07-01T00:00:00+08:00") }),
        lots: vec![
            lot(10, Some("2026-07-15T00:00:00+08:00"), None),
            lot(5, Some("2026-07-15T00:00:00.001+08:00"), None),
            lot(20, Some("2026-07-01T00:00:00+08:00"), Some("2026-06-16T00:00:00+08:00")),
            lot(7, None, None),
        ],
        badges: vec![Badge { id: BadgeId::of_checked("founder"), issued_at: registered }],
        tags: vec!["vip".to_owned()],
        orders: OrderStats {
            count: 10,
            amount: Money(123_456),
            rests: Rests::default(),
            first_at: Some(at("2026-01-01T00:00:00+08:00")),
            last_at: Some(at("2026-06-01T23:59:59.999+08:00")),
            categories: vec!["tea".to_owned()],
            more_categories: false,
        },
        ..Member::new(MemberId([1; 16]), registered, at(NOW), &TierId::of_checked("silver"))
    }
}

fn person() -> Person {
    let words = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, word)| ((*name).to_owned(), (*word).to_owned())).collect()
    };
    Person {
        identities: Vec::new(),
        name: None,
        birthday: Some("2000-06-15".to_owned()),
        birthday_since: None,
        gender: Some("f".to_owned()),
        locale: None,
        time_zone: None,
        quiet_hours: Vec::new(),
        region: words(&[
            ("province", "Zhejiang"),
            ("city", "Hangzhou"),
            ("district", "Xihu"),
            ("area", "Huanglong"),
        ]),
        brand: "acme".to_owned(),
        channel: Some("wechat".to_owned()),
        referral_code: None,
        terms_version: None,
        consents: BTreeMap::from([("email".to_owned(), true), ("sms".to_owned(), false)]),
        consents_since: BTreeMap::new(),
        attributes: BTreeMap::new(),
        changed: None,
    }
}

/// A condition, or the codes of its faults.
fn read(text: &str) -> Result<Condition, Vec<&'static str>> {
    let json = Json::parse(text.as_bytes()).unwrap();
    let (mut faults, yuan) = (Vec::new(), Currency::of("CNY").unwrap());
    let amount = |text: &str| Money::parse(text, yuan);
    let read = Reader { amount: &amount, attributes: &[], faults: &mut faults }.read(&json, "");
    assert_eq!(read.is_some(), faults.is_empty(), "{text}");
    read.ok_or_else(|| faults.iter().map(|fault| fault.code).collect())
}

fn fact(fact: &str, op: &str, value: &str) -> Condition {
    let text = format!(r#"{{"fact": "{fact}", "op": "{op}", "value": {value}}}"#);
    read(&text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

fn asked<'a>(
    member: &'a Member,
    person: Option<&'a Person>,
    history: Option<&'a History>,
    programme: &'a Programme,
) -> Subject<'a> {
    Subject { member, person, history, recent: &[], programme, now: at(NOW) }
}

/// Sets up the member and the person.
fn check(member: &Member, person: &Person, rows: &[(&str, &str, &str, bool)]) {
    let programme = programme();
    let history = History { since: Instant::MIN, events: Vec::new() };
    for (name, op, value, want) in rows {
        let subject = asked(member, Some(person), Some(&history), &programme);
        assert_eq!(fact(name, op, value).holds(&subject), Ok(*want), "{name} {op} {value}");
    }
}

#[test]
fn facts_compare_with_values() {
    let rows = [
        ("growth", "=", "1000", true),
        ("growth", "=", "999", false),
        ("growth", "!=", "1000", false),
        ("growth", "!=", "1001", true),
        ("growth", "<", "1001", true),
        ("growth", "<", "1000", false),
        ("growth", "<=", "1000", true),
        ("growth", "<=", "999", false),
        ("growth", ">", "999", true),
        ("growth", ">", "1000", false),
        ("growth", ">=", "1000", true),
        ("growth", ">=", "1001", false),
        ("growth", "in", "[1, 1000]", true),
        ("growth", "in", "[1, 999]", false),
        ("growth", "between", "[1000, 1000]", true),
        ("growth", "between", "[1, 1000]", true),
        ("growth", "between", "[1000, 2000]", true),
        ("growth", "between", "[1001, 2000]", false),
        ("growth", "between", "[1, 999]", false),
        // Held points are not available, and expire like others; the last midnight of the 30 days counts.
        ("points.available", "=", "22", true),
        ("points.expiring_30d", "=", "30", true),
        ("orders.count", "=", "10", true),
        ("orders.count_90d", "=", "0", true),
        ("referrals.count", "=", "0", true),
        ("age", "=", "26", true),
        ("orders.amount", "=", r#""1234.56""#, true),
        ("orders.amount", ">", r#""1234.55""#, true),
        ("orders.amount", ">", r#""1234.56""#, false),
        ("orders.amount", "in", r#"["1", "1234.56"]"#, true),
        ("orders.amount", "between", r#"["1234.57", "2000"]"#, false),
    ];
    check(&member(), &person(), &rows);
}

#[test]
fn moments_compare_by_instant_or_by_local_date() {
    let rows = [
        ("orders.first_at", "<", r#""2025-12-31T16:00:00.001Z""#, true),
        ("orders.first_at", "<", r#""2025-12-31T16:00:00Z""#, false),
        ("orders.first_at", ">=", r#""2025-12-31T16:00:00Z""#, true),
        ("orders.first_at", "between", r#"["2025-12-31T16:00:00Z", "2026-01-01T00:00:00Z"]"#, true),
        ("orders.first_at", "between", r#"["2025-12-31T16:00:00.001Z", "2026-01-01T00:00:00Z"]"#, false),
        ("orders.first_at", "between", r#"["2025-12-30T00:00:00Z", "2025-12-31T15:59:59.999Z"]"#, false),
        ("orders.last_at", ">", r#""2026-06-01T00:00:00+08:00""#, true),
        ("registered_at", "<=", r#""2025-06-15T12:00:00+08:00""#, true),
        // Fourteen local dates back, though by the clock it is thirteen and a half days.
        ("orders.last_at", "within_days", "15", true),
        ("orders.last_at", "within_days", "14", false),
        ("orders.last_at", "before_days", "14", true),
        ("orders.last_at", "before_days", "15", false),
        ("registered_at", "before_days", "365", true),
        ("registered_at", "before_days", "366", false),
    ];
    check(&member(), &person(), &rows);
}

#[test]
fn words_compare_and_tiers_are_ordered_by_the_ladder() {
    let rows = [
        // The real tier: a trial does not count.
        ("tier", "=", r#""silver""#, true),
        ("tier", "=", r#""gold""#, false),
        ("tier", "!=", r#""gold""#, true),
        ("tier", "!=", r#""silver""#, false),
        ("tier", "<", r#""gold""#, true),
        ("tier", "<", r#""silver""#, false),
        ("tier", "<=", r#""silver""#, true),
        ("tier", "<=", r#""basic""#, false),
        ("tier", ">", r#""basic""#, true),
        ("tier", ">", r#""silver""#, false),
        ("tier", ">=", r#""silver""#, true),
        ("tier", ">=", r#""gold""#, false),
        ("tier", "in", r#"["basic", "silver"]"#, true),
        ("tier", "in", r#"["basic", "gold"]"#, false),
        ("categories", "contains", r#""tea""#, true),
        ("categories", "contains", r#""book""#, false),
        ("badges", "contains", r#""founder""#, true),
        ("badges", "contains", r#""other""#, false),
        ("tags", "contains", r#""vip""#, true),
        ("tags", "contains", r#""founder""#, false),
        ("lifecycle", "=", r#""active""#, true),
        ("lifecycle", "!=", r#""lost""#, true),
        ("gender", "=", r#""f""#, true),
        ("gender", "in", r#"["m", "x"]"#, false),
        ("gender", "in", r#"["m", "f"]"#, true),
        ("region.province", "=", r#""Zhejiang""#, true),
        ("region.city", "=", r#""Hangzhou""#, true),
        ("region.district", "=", r#""Xihu""#, true),
        ("region.district", "!=", r#""Xihu""#, false),
        ("region.area", "=", r#""Huanglong""#, true),
        ("region.area", "in", r#"["Xihu", "Hangzhou"]"#, false),
        ("channel", "=", r#""wechat""#, true),
        ("brand", "=", r#""acme""#, true),
        ("brand", "=", r#""other""#, false),
        ("consent.email", "=", "true", true),
        ("consent.email", "=", "false", false),
        ("consent.email", "!=", "true", false),
        ("consent.email", "!=", "false", true),
        ("consent.sms", "=", "false", true),
        ("consent.sms", "=", "true", false),
        ("birthday.month_day", "=", r#""06-15""#, true),
        ("birthday.month_day", "!=", r#""06-15""#, false),
        ("birthday.month_day", "in", r#"["06-14", "06-16"]"#, false),
        ("birthday.month_day", "between", r#"["06-15", "06-15"]"#, true),
        ("birthday.month_day", "between", r#"["06-01", "06-15"]"#, true),
        ("birthday.month_day", "between", r#"["06-15", "06-30"]"#, true),
        ("birthday.month_day", "between", r#"["06-16", "06-30"]"#, false),
        ("birthday.month_day", "between", r#"["06-01", "06-14"]"#, false),
        // Over the end of the year.
        ("birthday.month_day", "between", r#"["12-20", "06-15"]"#, true),
        ("birthday.month_day", "between", r#"["12-20", "06-14"]"#, false),
        ("birthday.month_day", "between", r#"["06-15", "01-10"]"#, true),
        ("birthday.month_day", "between", r#"["06-16", "01-10"]"#, false),
    ];
    check(&member(), &person(), &rows);
}

/// Every comparison with a missing fact is false, except `!=`.
#[test]
fn what_is_not_there_equals_nothing() {
    let member = Member::new(MemberId([1; 16]), at(NOW), at(NOW), &TierId::of_checked("basic"));
    let person = Person {
        birthday: None,
        gender: None,
        region: BTreeMap::new(),
        channel: None,
        consents: BTreeMap::new(),
        ..person()
    };
    for (name, value) in [
        ("age", "1"),
        ("gender", r#""f""#),
        ("region.province", r#""Zhejiang""#),
        ("region.city", r#""Hangzhou""#),
        ("region.district", r#""Xihu""#),
        ("region.area", r#""Huanglong""#),
        ("channel", r#""wechat""#),
        ("birthday.month_day", r#""06-15""#),
        ("consent.email", "true"),
        ("consent.email", "false"),
    ] {
        check(&member, &person, &[(name, "=", value, false), (name, "!=", value, true)]);
    }
    let rows = [
        ("age", "<", "200", false),
        ("orders.first_at", ">", r#""2000-01-01T00:00:00Z""#, false),
        ("orders.last_at", "within_days", "36500", false),
        ("orders.last_at", "before_days", "0", false),
        ("birthday.month_day", "between", r#"["01-01", "12-31"]"#, false),
        ("points.expiring_30d", "=", "0", true),
    ];
    check(&member, &person, &rows);
}

/// A tier that the programme no longer has is below all others.
#[test]
fn a_tier_that_is_gone_is_below_all() {
    let gone = Member::new(MemberId([1; 16]), at(NOW), at(NOW), &TierId::of_checked("bronze"));
    let rows = ["basic", "silver", "gold"].map(|tier| format!("{tier:?}"));
    for tier in &rows {
        let row = |op: &'static str, want: bool| ("tier", op, tier.as_str(), want);
        check(&gone, &person(), &[row("<", true), row(">=", false), row("=", false), row("!=", true)]);
    }
}

/// A birthday counts from its own day on.
#[test]
fn ages_are_whole_years() {
    for (birthday, age) in [("2000-06-14", 26), ("2000-06-15", 26), ("2000-06-16", 25), ("2000-07-01", 25)] {
        let person = Person { birthday: Some(birthday.to_owned()), ..person() };
        check(&member(), &person, &[("age", "=", &age.to_string(), true)]);
    }
}

/// A deciding branch decides a condition, whatever is unknown about the rest; otherwise the condition says
/// what it wants.
#[test]
fn branches_settle_and_what_is_not_known_is_asked_for() {
    let (programme, mut member) = (programme(), member());
    member.orders.more_categories = true;
    let yes = r#"{"fact": "growth", "op": "=", "value": 1000}"#;
    let no = r#"{"fact": "growth", "op": "=", "value": 1}"#;
    let person = r#"{"fact": "brand", "op": "=", "value": "acme"}"#;
    let history = r#"{"fact": "categories", "op": "contains", "value": "book"}"#;
    let recent = r#"{"fact": "orders.count_90d", "op": ">=", "value": 1}"#;
    let since = at("2026-03-18T00:00:00+08:00");
    let (wants_person, wants_all) = (Err(Wants::PERSON), Err(Wants::history(Instant::MIN)));
    for (text, want) in [
        (format!(r#"{{"all": [{yes}, {yes}]}}"#), Ok(true)),
        (format!(r#"{{"all": [{yes}, {no}]}}"#), Ok(false)),
        (format!(r#"{{"all": [{person}, {no}]}}"#), Ok(false)),
        (format!(r#"{{"all": [{yes}, {person}, {history}]}}"#), wants_person),
        (format!(r#"{{"any": [{no}, {no}]}}"#), Ok(false)),
        (format!(r#"{{"any": [{no}, {yes}]}}"#), Ok(true)),
        (format!(r#"{{"any": [{person}, {yes}]}}"#), Ok(true)),
        // The cheaper branch is evaluated first, in whichever order they are.
        (format!(r#"{{"any": [{history}, {person}]}}"#), wants_person),
        (format!(r#"{{"any": [{history}, {recent}]}}"#), Err(Wants::history(since))),
        (format!(r#"{{"all": [{recent}, {history}]}}"#), Err(Wants::history(since))),
        (format!(r#"{{"any": [{history}, {no}]}}"#), wants_all),
        (format!(r#"{{"not": {yes}}}"#), Ok(false)),
        (format!(r#"{{"not": {no}}}"#), Ok(true)),
        (format!(r#"{{"not": {person}}}"#), wants_person),
        (recent.to_owned(), Err(Wants::history(since))),
        (r#"{"fact": "categories", "op": "contains", "value": "tea"}"#.to_owned(), Ok(true)),
    ] {
        let subject = asked(&member, None, None, &programme);
        assert_eq!(read(&text).unwrap().holds(&subject), want, "{text}");
    }
    // As long as the record holds every category there is nothing to look up.
    let known =
        Member { orders: OrderStats { more_categories: false, ..member.orders.clone() }, ..member.clone() };
    assert_eq!(read(history).unwrap().holds(&asked(&known, None, None, &programme)), Ok(false));
    // A history that does not reach back far enough counts as missing.
    for (reaches, want) in [(since, Ok(false)), (since.plus_millis(1), Err(Wants::history(since)))] {
        let history = History { since: reaches, events: Vec::new() };
        let subject = asked(&member, None, Some(&history), &programme);
        assert_eq!(read(recent).unwrap().holds(&subject), want, "{reaches:?}");
    }
}

/// What each fact may be compared with, and how.
#[test]
fn comparisons_that_make_no_sense_are_refused() {
    let ops = ["=", "!=", "<", "<=", ">", ">=", "in", "contains", "between", "within_days", "before_days"];
    for (facts, allowed) in [
        (&["growth", "points.available", "age", "orders.amount"][..], "= != < <= > >= in between"),
        (&["orders.first_at", "registered_at"], "< <= > >= between within_days before_days"),
        (&["tier"], "= != < <= > >= in"),
        (&["categories", "badges", "tags"], "contains"),
        (&["lifecycle", "gender", "region.city", "region.area", "channel", "brand"], "= != in"),
        (&["birthday.month_day"], "= != in between"),
        (&["consent.email"], "= !="),
    ] {
        let allowed: Vec<&str> = allowed.split(' ').collect();
        for (fact, op) in facts.iter().flat_map(|fact| ops.map(|op| (fact, op))) {
            let read = read(&format!(r#"{{"fact": "{fact}", "op": "{op}", "value": {{}}}}"#));
            let want = if allowed.contains(&op) { "wrong_type" } else { "wrong_op" };
            assert_eq!(read, Err(vec![want]), "{fact} {op}");
        }
    }
}

#[test]
fn values_have_the_facts_type_and_lists_a_length() {
    let many = |count: usize| format!("[{}]", vec!["1"; count].join(", "));
    let long = |length: usize| format!("{:?}", "x".repeat(length));
    for (name, op, value, good) in [
        ("growth", "=", "1.5".to_owned(), false),
        ("growth", "=", r#""1""#.to_owned(), false),
        ("growth", "in", "[]".to_owned(), false),
        ("growth", "in", many(50), true),
        ("growth", "in", many(51), false),
        ("growth", "between", many(1), false),
        ("growth", "between", many(2), true),
        ("growth", "between", many(3), false),
        ("orders.amount", "=", r#""1.001""#.to_owned(), false),
        ("orders.amount", "=", "1".to_owned(), false),
        ("orders.last_at", "within_days", "0".to_owned(), true),
        ("orders.last_at", "within_days", "-1".to_owned(), false),
        ("orders.last_at", "before_days", "36500".to_owned(), true),
        ("orders.last_at", "before_days", "36501".to_owned(), false),
        ("orders.last_at", ">", r#""yesterday""#.to_owned(), false),
        ("gender", "=", r#""""#.to_owned(), false),
        ("gender", "=", long(256), true),
        ("gender", "=", long(257), false),
        ("gender", "in", r#"["m", 1]"#.to_owned(), false),
        ("birthday.month_day", "=", r#""02-29""#.to_owned(), true),
        ("birthday.month_day", "=", r#""02-30""#.to_owned(), false),
        ("consent.email", "=", r#""true""#.to_owned(), false),
    ] {
        let read = read(&format!(r#"{{"fact": "{name}", "op": "{op}", "value": {value}}}"#));
        assert_eq!(read.is_ok(), good, "{name} {op} {value}: {read:?}");
        assert!(good || read == Err(vec!["wrong_type"]), "{name} {op} {value}: {read:?}");
    }
    let leaf = r#"{"fact": "growth", "op": "=", "value": 1}"#;
    let nested = |depth: usize| format!("{}{leaf}{}", r#"{"not": "#.repeat(depth), "}".repeat(depth));
    let listed = |word: &str, depth: usize| {
        format!("{}{leaf}{}", format!(r#"{{"{word}": ["#).repeat(depth), "]}".repeat(depth))
    };
    let wide = |width: usize| format!(r#"{{"all": [{}]}}"#, vec![leaf; width].join(", "));
    for (text, want) in [
        (nested(7), None),
        (nested(8), Some("too_deep")),
        (listed("all", 7), None),
        (listed("all", 8), Some("too_deep")),
        (listed("any", 7), None),
        (listed("any", 8), Some("too_deep")),
        (r#"{"fact": "growth", "op": "=", "value": 1, "also": 1}"#.to_owned(), Some("wrong_type")),
        (r#"{"fact": "growth", "op": "=", "what": 1}"#.to_owned(), Some("wrong_type")),
        (wide(1), None),
        (wide(50), None),
        (wide(0), Some("wrong_count")),
        (wide(51), Some("wrong_count")),
        (r#"{"any": [1, 2]}"#.to_owned(), Some("wrong_type")),
        (r#"{"fact": "growth", "op": "="}"#.to_owned(), Some("wrong_type")),
        (r#"{"fact": "growth", "op": "~", "value": 1}"#.to_owned(), Some("unknown_op")),
        (r#"{"fact": "consent.", "op": "=", "value": true}"#.to_owned(), Some("unknown_fact")),
        (r#"{"fact": "height", "op": "=", "value": 1}"#.to_owned(), Some("unknown_fact")),
    ] {
        let read = read(&text);
        assert_eq!(read.as_ref().err().map(|codes| codes[0]), want, "{text}");
    }
}

/// The fault says in words what the value should have been.
#[test]
fn wanted_values_are_told() {
    for (name, op, wanted) in [
        ("growth", "=", "a whole number"),
        ("growth", "in", "a list of 1 to 50 values of the fact's type"),
        ("growth", "between", "a list of two values of the fact's type"),
        ("orders.amount", ">", "an amount as a decimal string"),
        ("orders.last_at", ">", "an RFC 3339 instant"),
        ("orders.last_at", "within_days", "a whole number of days"),
        ("orders.last_at", "before_days", "a whole number of days"),
        ("consent.email", "=", "true or false"),
        ("birthday.month_day", "=", "a day as MM-DD"),
        ("gender", "=", "a word"),
    ] {
        let text = format!(r#"{{"fact": "{name}", "op": "{op}", "value": {{}}}}"#);
        let mut faults = Vec::new();
        let mut reader = Reader { amount: &|_| None, attributes: &[], faults: &mut faults };
        assert!(reader.read(&Json::parse(text.as_bytes()).unwrap(), "").is_none());
        assert_eq!(faults[0].detail, wanted, "{name} {op}");
    }
}

/// A badge that can be lost again must be checked with everything that may end it; one that cannot need not.
#[test]
fn only_what_never_falls_is_said_to() {
    let rows = [
        ("badges", "contains", r#""founder""#, true),
        ("registered_at", "before_days", "30", true),
        ("registered_at", "within_days", "30", false),
        ("orders.first_at", "before_days", "30", false),
        ("referrals.count", ">=", "3", true),
        ("referrals.count", ">", "3", true),
        ("referrals.count", "=", "3", false),
        ("growth", ">=", "3", false),
        ("tags", "contains", r#""vip""#, false),
    ];
    for (name, op, value, want) in rows {
        let leaf = fact(name, op, value);
        assert_eq!(leaf.never_falls(), want, "{name} {op}");
        assert!(!Condition::Not(Box::new(leaf.clone())).never_falls(), "not {name} {op}");
        let other = fact("badges", "contains", r#""founder""#);
        assert_eq!(Condition::All(vec![other.clone(), leaf.clone()]).never_falls(), want, "all, {name} {op}");
        assert_eq!(Condition::Any(vec![leaf, other]).never_falls(), want, "any, {name} {op}");
    }
}

#[test]
fn names_of_tiers_and_badges_are_found_wherever_they_stand() {
    let badge = |id: &str| format!(r#"{{"fact": "badges", "op": "contains", "value": "{id}"}}"#);
    let text = format!(
        r#"{{"all": [{}, {{"any": [{}, {{"not": {}}}]}}, {{"fact": "tier", "op": "in", "value": ["basic", "gold"]}}]}}"#,
        badge("a"),
        badge("b"),
        r#"{"fact": "tier", "op": "=", "value": "silver"}"#
    );
    let condition = read(&text).unwrap();
    assert_eq!(condition.badges(), ["a", "b"]);
    assert_eq!(condition.tiers(), ["silver", "basic", "gold"]);
}
