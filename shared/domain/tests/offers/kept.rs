//! Offers as they are kept: what is asked of a saved document, what it names, and when it opens.

use domain::{
    offer::{self, openings::OwnDays},
    time::{LocalMoment, Zone},
};
use serde_json::json;

use super::{club, good, id, read_json, whole};

/// What is asked of a document that is to be saved is not asked of one that was: a rule may be new.
#[test]
fn a_rule_that_is_new_is_not_asked_of_what_was_saved() {
    for broken in [
        json!({"how": "buy"}),
        json!({"how": "issue", "word": "HELLO"}),
        json!({"how": "code", "word": "TOO-LONG-A-WORD"}),
        json!({"when": {"from": "2026-12-01T10:00", "until": "2026-12-01T10:00"}}),
        json!({"when": {"hours": ["20:00", "10:00"]}}),
        json!({"per_member": {"n": 1, "per": "occasion"}}),
        json!({"how": "claim", "valid": {"days": 3, "starts_days": 3}}),
        json!({"gives": {"discount": {"percent": "101"}}}),
        json!({"gives": {"discount": {"amount": "0.00"}}}),
        json!({"gives": {"discount": {"steps": [{"from": "2.00", "off": "1.00"}, {"from": "2.00", "off": "2.00"}]}}}),
        json!({"how": "claim", "gives": {"service": {"quantity": 1, "per": "day"}}}),
        json!({"funding": [{"brand": "acme", "share": "0.5"}]}),
        json!({"where": {"brands": ["acme", "acme"]}}),
        json!({"stack": {"group": "other"}, "how": "auto", "gives": {"discount": {"unit_price": "1.00"}}}),
        json!({"items": {"minimum_on": "net"}}),
    ] {
        let document = read_json(&whole(&broken));
        assert!(offer::read(&document, &id(), 1, &club()).is_err(), "{broken}");
        let saved = offer::read_saved(&document, &id(), 1, &club());
        assert!(saved.is_ok(), "{broken}: {saved:?}");
    }
    let word = read_json(&whole(&json!({"how": "code", "word": "TOO-LONG-A-WORD"})));
    assert!(offer::read_saved(&word, &id(), 1, &club()).unwrap().word.is_some(), "what it says stands");
}

/// What it names of the programme, which no programme removes while it is there.
#[test]
fn what_an_offer_names() {
    let read = good(json!({
        "brand": "bean", "how": "auto", "gives": {"service": {"quantity": {"gold": 1, "everyone": 0}, "per": "day"}},
        "where": {"brands": ["acme"]}, "funding": [{"programme": true, "share": "1"}],
        "audience": {"fact": "tier", "op": ">=", "value": "silver"},
    }));
    let names = |all: Vec<String>| all.join(" ");
    assert_eq!(names(read.brands_named().map(ToString::to_string).collect()), "bean acme");
    assert_eq!(names(read.tiers_named().into_iter().map(ToString::to_string).collect()), "silver gold");
}

/// After the day that ends issuing nothing opens any more for whoever claims or buys; what is used has its own end.
#[test]
fn nothing_opens_once_issuing_has_ended() {
    let zone = Zone::of("Asia/Shanghai").unwrap();
    let at = |text: &str| zone.at(LocalMoment::parse(text).unwrap());
    let own = OwnDays::default();
    let of = |how: &str| {
        let mut part = json!({"how": how, "when": {"weekdays": ["mon"]}, "valid": {"until": "2026-11-10"}});
        if how == "buy" {
            part["price"] = json!({"points": 1});
        }
        good(part)
    };
    let (monday, last) = (at("2026-11-02T00:00"), at("2026-11-09T00:00"));
    for (how, now, want) in [
        ("claim", "2026-11-01T10:00", Some(monday)),
        ("claim", "2026-11-03T10:00", Some(last)),
        ("claim", "2026-11-10T00:00", None),
        ("buy", "2026-11-10T00:00", None),
        ("issue", "2026-11-10T00:00", Some(at("2026-11-16T00:00"))),
    ] {
        assert_eq!(of(how).opens_at(zone, &own, at(now)), want, "{how} {now}");
    }
}
