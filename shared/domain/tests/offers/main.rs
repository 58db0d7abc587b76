//! Offers' documents: what is accepted, what is refused and where, and the cases of the specification.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod kept;

use std::path::Path;

use domain::{
    id::{BrandId, OfferId, TierId},
    json::Json,
    number::{Money, Rate},
    offer::{
        self, Discount, Ends, Funder, Gives, Offer, Quota, Times, With,
        openings::{Birthday, OwnDays},
    },
    programme::{self, Programme},
    shape,
    time::{Day, DayNumber, Instant, LocalMoment, Zone},
};
use serde_json::{Value, json};

/// A programme with those brands and tiers.
fn programme(brands: &[&str], tiers: &[&str]) -> Programme {
    let brands: Vec<Value> = brands.iter().map(|id| json!({"id": id})).collect();
    let tiers: Vec<Value> =
        tiers.iter().enumerate().map(|(index, id)| json!({"id": id, "growth": index * 500})).collect();
    let document = json!({
        "name": "Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "brands": brands, "tiers": tiers,
        "points": {"per_unit": "1"}, "growth": {"per_unit": "1"},
        "attributes": [{"id": "job", "kind": "choice", "values": [{"id": "cook"}, {"id": "smith"}]}],
        "badges": [{"id": "first"}],
    });
    programme::read(&read_json(&document), 1, Instant(0)).unwrap()
}

fn club() -> Programme {
    programme(&["acme", "bean"], &["basic", "silver", "gold"])
}

fn read_json(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap()
}

fn id() -> OfferId {
    "o".parse().unwrap()
}

/// What every offer has, and this.
fn whole(part: &Value) -> Value {
    let mut document = json!({"brand": "acme", "name": {"zh": "券", "en": "Coupon"}, "how": "issue",
                              "gives": {"discount": {"percent": "5"}}});
    for (name, value) in part.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

#[track_caller]
fn good(part: Value) -> Offer {
    let document = read_json(&whole(&part));
    let read = offer::read(&document, &id(), 1, &club());
    let saved = offer::read_saved(&document, &id(), 1, &club());
    assert_eq!(read, saved, "{part}");
    read.unwrap_or_else(|faults| panic!("{part}: {faults:#?}"))
}

/// The faults of the document, as `pointer code`.
#[track_caller]
fn check(part: Value, want: &[&str]) {
    let read = offer::read(&read_json(&whole(&part)), &id(), 1, &club());
    let told = |fault: &shape::Fault| format!("{} {}", fault.pointer, fault.code);
    let mut faults: Vec<String> = read.err().unwrap_or_default().iter().map(told).collect();
    let mut want = want.to_vec();
    faults.sort_unstable();
    want.sort_unstable();
    assert_eq!(faults, want, "{part}");
}

#[test]
fn the_cases_of_the_specification() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec/vectors/offers/offers.json");
    let Ok(text) = std::fs::read_to_string(file) else { return };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut judged = 0;
    for case in &cases {
        let programme = programme::read(&read_json(&case["program"]), 1, Instant(0)).unwrap();
        let mut earlier: std::collections::HashMap<&str, Offer> = std::collections::HashMap::new();
        for step in case["steps"].as_array().unwrap() {
            let Some(name) = step["call"].as_str().unwrap().strip_prefix("PUT /offers/") else { continue };
            let read = offer::read(&read_json(&step["body"]), &name.parse().unwrap(), 1, &programme);
            let read = read.and_then(|read| {
                let body = read_json(&step["body"]);
                let changed = earlier.get(name).map_or(vec![], |old| offer::unchangeable(old, &body));
                if changed.is_empty() { Ok(read) } else { Err(changed) }
            });
            let right = match (step["expect"]["status"].as_u64().unwrap(), &read) {
                (200 | 409, Ok(_)) => true,
                // Two offers may not have one word: that is asked where they are kept.
                (422, Ok(read)) => earlier.iter().any(|(other, old)| *other != name && old.word == read.word),
                (status, _) => status == 422,
            };
            assert!(right, "{}: {step:#}\n{read:#?}", case["name"]);
            judged += 1;
            if let (Ok(read), Some(200)) = (read, step["expect"]["status"].as_u64()) {
                earlier.insert(name, read);
            }
        }
    }
    assert!(judged > 300, "{judged}");
}

#[test]
fn what_a_document_says_is_read() {
    let offer = good(json!({
        "how": "buy", "price": {"points": 500}, "gives": {"discount": {"percent": "12.50", "max": "50.00"}},
        "when": {"from": "2026-12-01T20:00", "until": "2026-12-31T00:00", "weekdays": ["sun", "mon", "sun"],
                 "month_days": [31, 1], "hours": ["20:00", "24:00"], "dates": ["2027-02-06", "2026-12-05"],
                 "anniversary": {"of": "registered", "after": 2}},
        "where": {"channels": ["web"]}, "items": {"minimum": "100"},
        "per_member": {"n": 2, "per": "occasion"}, "stock": {"total": 0, "codes": true}, "uses": {"per_day": 9},
        "budget": {"total": "1000.5"}, "valid": {"days": 30, "starts_days": 0},
        "stack": {"group": "coupon", "with": ["price", "member"]}, "restore": "never", "give": 72,
        "hold_minutes": 5, "funding": [{"brand": "bean", "share": "0.6"}, {"programme": true, "share": "0.4"}],
    }));
    assert_eq!(offer.price.map(|price| price.get()), Some(500));
    let max = Some(Money(5_000));
    let percent = Rate::parse("12.5").unwrap();
    assert_eq!(offer.gives, Gives::Discount(Discount::Percent { percent, max, units: None }));
    let when = &offer.when;
    assert_eq!(when.from, Instant::parse("2026-12-01T20:00:00+08:00"));
    assert_eq!(
        (when.weekdays.as_deref(), when.month_days.as_deref()),
        (Some(&[0, 6][..]), Some(&[1, 31][..]))
    );
    assert_eq!(when.hours, Some((1_200, 1_440)));
    assert_eq!(when.dates.as_ref().map(|dates| dates[0].show()), Some("2026-12-05".to_owned()));
    assert_eq!(offer.brands, [BrandId::of_checked("acme")], "the issuer's unless it says");
    assert_eq!((offer.valid.starts_days, offer.valid.ends), (Some(0), Ends::Days(30)));
    assert_eq!((offer.stock.total.map(|total| total.get()), offer.stock.per_day), (Some(0), None));
    assert!(offer.hands_out_codes && offer.items.are_given && !offer.suspended);
    assert_eq!(offer.budget, Some(Money(100_050)));
    assert_eq!(offer.funding[0], (Funder::Brand("bean".parse().unwrap()), Rate::parse("0.6").unwrap()));
    assert_eq!(offer.funding[1].0, Funder::Programme);
}

#[test]
fn what_a_document_leaves_out_has_its_default() {
    let offer = good(json!({}));
    assert_eq!((offer.stack.group, offer.stack.with), (None, With::Named(vec![])), "alone");
    assert_eq!(offer.funding, [(Funder::Brand("acme".parse().unwrap()), Rate::ONE)]);
    assert_eq!((offer.valid.ends, offer.channels, offer.items.are_given), (Ends::Never, None, false));
    let price = good(json!({"how": "auto", "gives": {"discount": {"unit_price": "0"}}}));
    assert_eq!((price.stack.group.as_deref(), price.stack.with), (Some("price"), With::All));
    let quota = json!({"service": {"quantity": {"gold": "unlimited", "everyone": 0}, "per": "quarter"}});
    let Gives::Service(service) = good(json!({"how": "auto", "gives": quota})).gives else { panic!() };
    let gold = TierId::of_checked("gold");
    let tiers = vec![(gold, Times::Unlimited)];
    assert_eq!(service.quota, Quota::ByTier { tiers, everyone: Some(Times::Most(0)) });
}

/// In a gap the first moment after it, of two the earlier.
#[test]
fn moments_are_local() {
    let mut document = json!({"name": "C", "time_zone": "America/New_York", "currency": "USD", "brands": [{"id": "acme"}],
        "tiers": [{"id": "basic", "growth": 0}], "points": {"per_unit": "1"}, "growth": {"per_unit": "1"}});
    let programme = programme::read(&read_json(&document), 1, Instant(0)).unwrap();
    for (local, want) in [
        ("2027-03-14T02:30", "2027-03-14T03:00:00-04:00"),
        ("2027-11-07T01:30", "2027-11-07T01:30:00-04:00"),
        ("2027-11-07T02:00", "2027-11-07T02:00:00-05:00"),
    ] {
        document = whole(&json!({"when": {"from": local}}));
        let read = offer::read(&read_json(&document), &id(), 1, &programme).unwrap();
        assert_eq!(read.when.from, Instant::parse(want), "{local}");
    }
}

#[test]
fn what_goes_with_what() {
    let discount = |inner: Value| json!({"gives": {"discount": inner}});
    let with = |how: &str, gives: Value| json!({"how": how, "gives": gives});
    let wrong: Vec<(Value, &[&str])> = vec![
        (json!({"gives": {}}), &["/gives required"]),
        (json!({"gives": {"ticket": {}}}), &["/gives/ticket unknown_field"]),
        (json!({"gives": {"item": {"sku": "a"}, "points": {"points": 1}}}), &["/gives/points unknown_field"]),
        (discount(json!({})), &["/gives/discount required"]),
        (discount(json!({"percent": "5", "amount": "1"})), &["/gives/discount/amount unknown_field"]),
        (discount(json!({"amount": "1", "max": "1"})), &["/gives/discount/max unknown_field"]),
        (
            discount(json!({"steps": [{"from": "2", "off": "1"}, {"from": "2", "off": "3"}]})),
            &["/gives/discount/steps/1/from out_of_range"],
        ),
        (discount(json!({"delivery": {}})), &["/gives/discount/delivery required"]),
        (
            discount(json!({"delivery": {"percent": "1", "amount": "1"}})),
            &["/gives/discount/delivery/amount unknown_field"],
        ),
        (discount(json!({"delivery": "half"})), &["/gives/discount/delivery wrong_type"]),
        (discount(json!({"delivery": "free", "units": {"of": 2}})), &["/gives/discount/units unknown_field"]),
        (
            discount(json!({"percent": "1", "units": {"take": 2, "most": 3}})),
            &["/gives/discount/units/take unknown_field"],
        ),
        (with("auto", json!({"points": {"points": 1}})), &["/how out_of_range"]),
        (with("code", json!({"access": {"opens": {}}})), &["/how out_of_range"]),
        (with("auto", json!({"service": {"quantity": 1}})), &["/gives/service/per required"]),
        (with("claim", json!({"service": {"quantity": 0}})), &["/gives/service/quantity out_of_range"]),
        (
            with("claim", json!({"service": {"quantity": "unlimited"}})),
            &["/gives/service/quantity out_of_range"],
        ),
        (
            with("claim", json!({"service": {"quantity": {"gold": 1}}})),
            &["/gives/service/quantity out_of_range"],
        ),
        (with("claim", json!({"service": {"quantity": -1}})), &["/gives/service/quantity out_of_range"]),
        (
            with("auto", json!({"service": {"quantity": {"gold": -1}, "per": "day"}})),
            &["/gives/service/quantity/gold out_of_range"],
        ),
        (
            with("auto", json!({"service": {"quantity": {}, "per": "day"}})),
            &["/gives/service/quantity required"],
        ),
        (
            with("auto", json!({"service": {"quantity": {"jade": 1}, "per": "day"}})),
            &["/gives/service/quantity/jade unknown_tier"],
        ),
        (
            with("auto", json!({"access": {"opens": {"jade": "2026-12-01T10:00"}}})),
            &["/gives/access/opens/jade unknown_tier"],
        ),
        (
            with("auto", json!({"access": {"opens": {"gold": "2026-12-01"}}})),
            &["/gives/access/opens/gold wrong_format"],
        ),
        (
            json!({"how": "auto", "gives": {"service": {"quantity": 1, "per": "day"}}, "per_member": {"n": 1, "per": "day"}}),
            &["/per_member unknown_field"],
        ),
        (
            json!({"how": "auto", "gives": {"access": {"opens": {}}}, "audience": {"fact": "age", "op": ">", "value": 1},
                   "uses": {}, "stack": {}, "restore": "never", "items": {"minimum": "1"}}),
            &[
                "/uses unknown_field",
                "/stack unknown_field",
                "/restore unknown_field",
                "/audience unknown_field",
                "/items/minimum unknown_field",
            ],
        ),
        (json!({"how": "buy"}), &["/price required"]),
        (json!({"price": {"points": 1}}), &["/price unknown_field"]),
        (json!({"how": "auto", "valid": {"days": 1}}), &["/valid unknown_field"]),
        (json!({"how": "code", "stock": {}}), &["/stock unknown_field"]),
        (json!({"settle": "1"}), &["/settle unknown_field"]),
        (
            json!({"items": {"minimum_on": "net"}}),
            &["/items/minimum_on unknown_field", "/items/minimum required"],
        ),
    ];
    for (part, want) in wrong {
        check(part, want);
    }
}

#[test]
fn bounds_and_names() {
    let when = |inner: Value| json!({"when": inner});
    let wrong: Vec<(Value, &[&str])> = vec![
        (json!({"brand": "cola"}), &["/brand unknown_brand"]),
        (
            json!({"where": {"brands": ["acme", "acme", "cola"]}}),
            &["/where/brands/1 duplicate", "/where/brands/2 unknown_brand"],
        ),
        (json!({"where": {"brands": []}}), &["/where/brands wrong_count"]),
        (json!({"audience": {"fact": "tier", "op": "=", "value": "jade"}}), &["/audience unknown_tier"]),
        (
            json!({"audience": {"fact": "badges", "op": "contains", "value": "x"}}),
            &["/audience unknown_badge"],
        ),
        (json!({"audience": {"fact": "attribute.x", "op": "=", "value": "x"}}), &["/audience unknown_fact"]),
        (
            json!({"audience": {"fact": "attribute.job", "op": "=", "value": "x"}}),
            &["/audience/value wrong_type"],
        ),
        (json!({"audience": {"fact": "luck", "op": "=", "value": "x"}}), &["/audience/fact unknown_fact"]),
        (
            when(json!({"from": "2026-12-01T20:00", "until": "2026-12-01T20:00"})),
            &["/when/until out_of_range"],
        ),
        (when(json!({"from": "2026-12-01T24:00"})), &["/when/from wrong_format"]),
        (when(json!({"from": "2026-12-01T20:00:00"})), &["/when/from wrong_format"]),
        (when(json!({"hours": ["20:00", "20:00"]})), &["/when/hours/1 out_of_range"]),
        (when(json!({"hours": ["20:00", "24:01"]})), &["/when/hours/1 wrong_format"]),
        (when(json!({"hours": ["9:00", "10:00"]})), &["/when/hours/0 wrong_format"]),
        (when(json!({"hours": ["20:00"]})), &["/when/hours wrong_count"]),
        (
            when(json!({"month_days": [0, 32]})),
            &["/when/month_days/0 out_of_range", "/when/month_days/1 out_of_range"],
        ),
        (when(json!({"weekdays": []})), &["/when/weekdays wrong_count"]),
        (when(json!({"weekdays": ["Mon"]})), &["/when/weekdays/0 wrong_format"]),
        (when(json!({"dates": ["2027-02-29"]})), &["/when/dates/0 wrong_format"]),
        (
            when(json!({"anniversary": {"of": "birthday", "before": 90, "after": 91}})),
            &["/when/anniversary/after out_of_range"],
        ),
        (when(json!({"anniversary": {}})), &["/when/anniversary/of required"]),
        (json!({"per_member": {"n": 1, "per": "quarter"}}), &["/per_member/per wrong_format"]),
        (json!({"per_member": {"n": 0, "per": "day"}}), &["/per_member/n out_of_range"]),
        (json!({"per_member": {"n": 1, "per": "occasion"}}), &["/per_member/per required"]),
        (json!({"valid": {"days": 3, "until": "2026-12-01"}}), &["/valid/until unknown_field"]),
        (json!({"valid": {"days": 3, "starts_days": 3}}), &["/valid/starts_days out_of_range"]),
        (json!({"stack": {"with": "none"}}), &["/stack/with wrong_type"]),
        (
            json!({"how": "auto", "gives": {"discount": {"unit_price": "1"}}, "stack": {"group": "x"}}),
            &["/stack/group out_of_range"],
        ),
        (json!({"funding": []}), &["/funding wrong_count"]),
        (json!({"funding": [{"share": "1"}]}), &["/funding/0 required"]),
        (json!({"funding": [{"brand": "cola", "share": "1"}]}), &["/funding/0/brand unknown_brand"]),
        (
            json!({"funding": [{"brand": "acme", "programme": true, "share": "1"}]}),
            &["/funding/0/programme unknown_field"],
        ),
        (
            json!({"funding": [{"brand": "acme", "share": "0.5"}, {"brand": "acme", "share": "0.500001"}]}),
            &["/funding/1 duplicate", "/funding not_the_sum"],
        ),
        (json!({"name": {"zh": "x"}, "text": {"en": "a\nb"}}), &["/name/en required", "/text/zh required"]),
        (
            json!({"hold_minutes": 61, "give": 0, "restore": "half"}),
            &["/give out_of_range", "/hold_minutes out_of_range", "/restore wrong_format"],
        ),
        (json!({"budget": {"total": "1.001"}}), &["/budget/total wrong_format"]),
        (json!({"how": "code", "word": "no"}), &["/word wrong_format"]),
        // What is wrong in its form hides nothing else, and is not told twice.
        (
            json!({"how": "code", "word": "A", "gives": {"discount": {"percent": "0", "max": "0.00", "units": {"take": 2, "of": 1}}},
                   "items": {"not_priced": 1, "minimum_on": "net"}}),
            &[
                "/items/not_priced wrong_type",
                "/gives/discount/units/take out_of_range",
                "/gives/discount/percent out_of_range",
                "/gives/discount/max out_of_range",
                "/items/minimum required",
                "/items/minimum_on unknown_field",
                "/word wrong_format",
            ],
        ),
    ];
    for (part, want) in wrong {
        check(part, want);
    }
}

/// A document that was saved is read under a programme that has lost what it names.
#[test]
fn what_was_saved_stays_readable() {
    let document = whole(&json!({
        "brand": "bean", "how": "auto", "gives": {"service": {"quantity": {"gold": 1}, "per": "day"}},
        "where": {"brands": ["bean"]}, "funding": [{"brand": "bean", "share": "1"}],
        "audience": {"all": [{"fact": "tier", "op": ">=", "value": "silver"}, {"fact": "attribute.job", "op": "in", "value": ["cook"]},
                             {"fact": "badges", "op": "contains", "value": "first"}]},
    }));
    let document = read_json(&document);
    let full = offer::read(&document, &id(), 3, &club()).unwrap();
    let mut poor = programme(&["acme"], &["basic"]);
    poor.badges.clear();
    assert_eq!(
        offer::read_saved(&document, &id(), 3, &poor).as_ref(),
        Ok(&full),
        "the condition says what it said"
    );
    assert!(offer::read(&document, &id(), 3, &poor).is_err_and(|faults| faults.len() >= 6));
    poor.attributes.clear();
    assert!(offer::read_saved(&document, &id(), 3, &poor).is_ok());
    for wrong in
        [json!({}), json!({"gives": {}}), json!({"how": "theft"}), json!({"audience": {"fact": "x"}})]
    {
        let document = if wrong == json!({}) { wrong } else { whole(&wrong) };
        let read = offer::read_saved(&read_json(&document), &id(), 1, &club());
        assert!(read.is_err_and(|faults| !faults.is_empty()), "{document}");
    }
}

#[test]
fn what_never_changes() {
    let quota = |per: &str| json!({"how": "auto", "gives": {"service": {"quantity": 1, "per": per}}});
    let limit = |per: &str| json!({"per_member": {"n": 1, "per": per}});
    for (old, new, want) in [
        (json!({}), json!({"how": "claim"}), vec!["/how"]),
        (json!({}), json!({"gives": {"item": {"sku": "a"}}}), vec!["/gives"]),
        (json!({}), json!({"gives": {"discount": {"amount": "1"}}, "stock": {"total": 1}}), vec![]),
        (limit("day"), limit("week"), vec!["/per_member/per"]),
        (limit("day"), json!({"per_member": {"n": 9, "per": "day"}}), vec![]),
        (limit("day"), json!({}), vec!["/per_member/per"]),
        (quota("day"), quota("year"), vec!["/gives/service/per"]),
    ] {
        good(new.clone());
        let faults = offer::unchangeable(&good(old.clone()), &read_json(&whole(&new)));
        let at: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(at, want, "{old} to {new}");
        assert!(faults.iter().all(|fault| fault.code == "unchangeable"));
    }
}

/// What a member's number counts over, of offers as they are written.
#[test]
fn the_window_of_an_offer() {
    let zone = Zone::of("Asia/Shanghai").unwrap();
    let at = |text: &str| zone.at(LocalMoment::parse(text).unwrap());
    let born = Day::parse("1990-01-02").unwrap();
    let own = OwnDays { birthday: Some(Birthday { born, known: DayNumber::NEVER }), registered: None };
    let cake = json!({"when": {"anniversary": {"of": "birthday", "before": 3, "after": 3}},
                      "per_member": {"n": 1, "per": "occasion"}});
    let span = |part: Value, own: &OwnDays, now: &str| {
        let span = good(part).span(zone, own, at(now));
        (span.number, span.begin, span.end, span.next_at)
    };
    let begin = at("2026-12-30T00:00");
    let occasion = (2_027, Some(begin), Some(at("2027-01-06T00:00")), Some(at("2027-12-30T00:00")));
    for now in ["2026-12-30T00:00", "2027-01-05T23:59"] {
        assert_eq!(span(cake.clone(), &own, now), occasion, "{now}");
    }
    // A gift in advance, and one of somebody who has told no birthday.
    assert_eq!(span(cake.clone(), &own, "2026-11-02T10:00"), (2_026, None, None, Some(begin)));
    assert_eq!(span(cake, &OwnDays::default(), "2026-11-02T10:00"), (2_026, None, None, None));
    assert_eq!(span(json!({}), &own, "2026-11-02T10:00"), (0, None, None, None));
    let lounge = json!({"how": "auto", "gives": {"service": {"quantity": 3, "per": "month"}}});
    let (begin, end) = (at("2026-11-01T00:00"), at("2026-12-01T00:00"));
    assert_eq!(span(lounge, &own, "2026-11-02T10:00"), (2_026 * 12 + 10, Some(begin), Some(end), Some(end)));
}

/// What a programme says of all offers, and of points that pay.
#[test]
fn what_a_programme_says_of_offers() {
    let read = |offers: Value, pay: Value| {
        let document = json!({
            "name": "Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "brands": [{"id": "acme"}],
            "tiers": [{"id": "basic", "growth": 0}], "points": {"per_unit": "1", "pay": pay},
            "growth": {"per_unit": "1"}, "offers": offers,
        });
        programme::read(&read_json(&document), 1, Instant(0))
    };
    let silent = read(Value::Null, Value::Null).unwrap();
    assert_eq!((silent.offers.hold_minutes, silent.offers.max_discount_percent), (15, None));
    assert_eq!(silent.points.pay, None);
    let says = json!({"max_discount_percent": "100", "hold_minutes": 60, "excluded_categories": ["gift"]});
    let full = read(says, json!({"worth": "0.015", "max_percent": 50, "step": 100})).unwrap();
    assert_eq!((full.offers.hold_minutes, full.offers.max_discount_percent), (60, Rate::parse("100")));
    assert_eq!(full.offers.excluded_categories, ["gift"]);
    let pay = full.points.pay.unwrap();
    assert_eq!((pay.worth, pay.max_percent, pay.step), (Rate::parse("0.015").unwrap(), 50, 100));
    let least = read(Value::Null, json!({"worth": "1"})).unwrap().points.pay.unwrap();
    assert_eq!((least.max_percent, least.step), (100, 1));
    for (offers, pay, want) in [
        (
            json!({"max_discount_percent": "100.000001"}),
            json!({"worth": "0"}),
            vec!["/points/pay/worth out_of_range", "/offers/max_discount_percent out_of_range"],
        ),
        (
            json!({"hold_minutes": 0}),
            json!({"max_percent": 101, "step": 0}),
            vec![
                "/points/pay/max_percent out_of_range",
                "/points/pay/step out_of_range",
                "/points/pay/worth required",
                "/offers/hold_minutes out_of_range",
            ],
        ),
        (json!({"max_discount_percent": 30}), Value::Null, vec!["/offers/max_discount_percent wrong_type"]),
        (json!({"hold": 1}), Value::Null, vec!["/offers/hold unknown_field"]),
    ] {
        let told = |fault: &shape::Fault| format!("{} {}", fault.pointer, fault.code);
        let mut faults: Vec<String> = read(offers, pay).unwrap_err().iter().map(told).collect();
        faults.sort_unstable();
        let mut want = want;
        want.sort_unstable();
        assert_eq!(faults, want);
    }
}
