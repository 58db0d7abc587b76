//! The rules of coupons, as data: whether each may be used, and which are best.

use domain::{
    number::{Money, Rate},
    offer::price::{Choose, Coupon, Opens, Outcome, Reason, State, Unpriced, Window},
    time::Instant,
};
use serde_json::json;

use crate::{
    build::{Case, judged, offer, told},
    rules::{all, auto, issued, lines},
};

/// Everything is wrong at first, and then one after the other is mended.
#[test]
fn the_first_reason_that_holds_is_told() {
    let words = json!({"word": "HELLO", "items": {"skus": ["tea"], "minimum": "9.00"}, "uses": {"total": 0},
        "budget": {"total": "0.50"}});
    let code = offer("c", "code", json!({"discount": {"amount": "1.00"}}), words);
    let apart = auto("a", json!({"percent": "50"}), json!({}));
    let (then, offers) = (Instant(7), [code]);
    let autos = [apart];
    let mut case = Case::new(&lines("bun 1 5.00, tea 1 8.00"), &autos, &offers);
    case.coupons[0].state = State::Revoked;
    let mut of = judged(&offers[0]);
    (of.fits, of.member, of.opens) =
        (false, Some(Window { left: 0, next_at: Some(then) }), Opens::At(Some(then)));
    let by = || autos[0].id.clone();
    type Mend = fn(&mut Case<'_>);
    let steps: Vec<(Mend, Reason)> = vec![
        (|case| case.coupons[0].judged = None, Reason::CodeNotUsable),
        (|_| {}, Reason::NotEligible),
        (|case| case.coupons[0].judged.as_mut().unwrap().fits = true, Reason::Revoked),
        (|case| case.coupons[0].state = State::Used, Reason::Used),
        (|case| case.coupons[0].state = State::Given { until: Instant(7) }, Reason::Given { until: then }),
        (|case| case.coupons[0].state = State::Held { until: Instant(7) }, Reason::Held { until: then }),
        (|case| case.coupons[0].state = State::Expired, Reason::Expired),
        (
            |case| case.coupons[0].state = State::NotYet { valid_from: Instant(7) },
            Reason::NotYet { valid_from: then },
        ),
        (|case| case.coupons[0].state = State::Granted, Reason::MemberLimit { next_at: Some(then) }),
        (
            |case| case.coupons[0].judged.as_mut().unwrap().member = None,
            Reason::OfferNotOpen { opens_at: Some(then) },
        ),
        (
            |case| case.coupons[0].judged.as_mut().unwrap().opens = Opens::Now,
            Reason::BelowMinimum { missing: Some(Money(100)), missing_quantity: None },
        ),
        (|case| case.lines[1].amount = Money(900), Reason::SoldOut),
        (|case| case.coupons[0].judged.as_mut().unwrap().uses = Some(1), Reason::BudgetExhausted),
        (|case| case.coupons[0].judged.as_mut().unwrap().budget = None, Reason::ExcludedBy { by: by() }),
    ];
    for (place, (mend, want)) in steps.into_iter().enumerate() {
        mend(&mut case);
        let outcome = case.answer().coupons[0].outcome.clone();
        assert_eq!(outcome, Outcome::Not(want), "step {place}");
        if place == 0 {
            case.coupons[0].judged = Some(of);
        }
    }
    case.autos.clear();
    assert_eq!(told(&case.answer()), "5.00-5.00 9.00-8.00; c=1.00/9.00; 13.00 saved 1.00");
    case.lines.pop();
    assert_eq!(case.answer().coupons[0].outcome, Outcome::Not(Reason::NotMatching));
}

/// Guests have what asks for no member; pieces are counted by grants and windows.
#[test]
fn coupons_are_whose_they_are_and_as_many() {
    let autos = [
        auto("limited", json!({"unit_price": "1.00"}), json!({"per_member": {"n": 1, "per": "day"}})),
        auto("price", json!({"unit_price": "9.00"}), json!({})),
    ];
    let grants = [issued("c", json!({"amount": "1.00"}), all())];
    let mut case = Case::new(&lines("tea 1 10.00"), &autos, &grants);
    assert_eq!(
        told(&case.answer()),
        "1.00-0.00; limited=1x9.00 price:no_effect c=1.00/1.00; 0.00 saved 10.00"
    );
    case.tier = None;
    assert_eq!(told(&case.answer()), "9.00-9.00; price=1x1.00 c:not_eligible; 9.00 saved 1.00");
    // A service of a code is the code's; one of a period counts by the member's window.
    let services = [
        offer("w", "code", json!({"service": {"quantity": 2}}), json!({"word": "LOUNGE"})),
        offer("m", "auto", json!({"service": {"quantity": 2, "per": "month"}}), json!({})),
    ];
    let mut case = Case::new(&[], &[], &services);
    case.tier = None;
    assert_eq!(told(&case.answer()), "; w=1 m:not_eligible; 0.00 saved 0.00");
    // A discount that comes by itself is not named.
    let case = Case::new(&lines("tea 1 10.00"), &[], &autos);
    assert_eq!(told(&case.answer()), "10.00-10.00; ?:grant_not_found ?:grant_not_found; 10.00 saved 0.00");
    // Two codes of one offer count together.
    let codes = [offer(
        "w",
        "code",
        json!({"discount": {"amount": "1.00"}}),
        json!({"word": "HELLO", "per_member": {"n": 1, "per": "ever"}, "stack": {"with": "all"}}),
    )];
    let mut case = Case::new(&lines("tea 1 10.00"), &[], &codes);
    case.coupons.push(case.coupons[0]);
    assert_eq!(told(&case.answer()), "10.00-9.00; w=1.00/10.00 w:member_limit; 9.00 saved 1.00");
    let service = [offer(
        "s",
        "issue",
        json!({"service": {"quantity": 9}}),
        json!({"uses": {"total": 3}, "settle": "2.00", "budget": {"total": "5.00"}}),
    )];
    let mut case = Case::new(&[], &[], &service);
    for (pieces, left, want) in [
        (1, 9, "s=1"),
        (2, 2, "s=2"),
        (2, 1, "s:member_limit"),
        (3, 9, "s:budget_exhausted"),
        (4, 9, "s:sold_out"),
    ] {
        (case.pieces, case.coupons[0].left) = (pieces, Some(left));
        assert_eq!(told(&case.answer()), format!("; {want}; 0.00 saved 0.00"), "{pieces} of {left}");
    }
}

#[test]
fn the_best_coupons_are_chosen() {
    let coupons = [
        issued("big", json!({"amount": "30.00"}), json!({})),
        issued("x", json!({"amount": "20.00"}), json!({"stack": {"group": "x", "with": ["y"]}})),
        issued("y", json!({"percent": "15"}), json!({"stack": {"group": "y", "with": ["x"]}})),
        offer("bag", "issue", json!({"item": {"sku": "bag"}}), json!({})),
        issued("far", json!({"amount": "90.00"}), json!({"items": {"minimum": "999.00"}})),
    ];
    let mut case = Case::new(&lines("tea 1 100.00"), &[], &coupons);
    case.choose = Choose::Best;
    let two = "100.00-65.00; y=15.00/100.00 x=20.00/85.00 big:not_chosen bag=1 far:below_minimum; 65.00 saved 35.00";
    assert_eq!(told(&case.answer()), two);
    // Of what is not listed, the chosen are told.
    case.coupons.iter_mut().take(3).for_each(|coupon| coupon.is_listed = false);
    assert_eq!(told(&case.answer()), two.replace(" big:not_chosen", ""));
    case.lines = lines("tea 1 60.00");
    let one = "60.00-30.00; big=30.00/60.00 bag=1 far:below_minimum; 30.00 saved 30.00";
    assert_eq!(told(&case.answer()), one);
    // Of equal sets the smallest; then whose ends come first; then the first by id, whatever its kind.
    let equal = [
        issued("b", json!({"percent": "10"}), all()),
        issued("a", json!({"amount": "10.00"}), all()),
        issued("half", json!({"amount": "5.00"}), all()),
    ];
    let mut case = Case::new(&lines("tea 1 100.00"), &[], &equal);
    (case.choose, case.offers.max_discount_percent) = (Choose::Best, Rate::parse("10"));
    let chosen = |case: &Case<'_>| case.answer().coupons[0].offer.as_ref().map(|(id, _)| id.to_string());
    assert_eq!(chosen(&case).as_deref(), Some("a"));
    case.coupons[0].ends = Some(Instant(9));
    assert_eq!(chosen(&case).as_deref(), Some("b"));
    case.coupons[1].ends = Some(Instant(8));
    assert_eq!(chosen(&case).as_deref(), Some("a"));
    // At most ten together, of at most twelve.
    let cent = [issued("c", json!({"amount": "0.01"}), all())];
    let mut case = Case::new(&lines("tea 1 1.00"), &[], &cent);
    case.choose = Choose::Best;
    let one = case.coupons[0];
    case.coupons = (0..12).map(|issued| Coupon { issued, ..one }).collect();
    assert_eq!(case.answer().saved, Money(10));
    case.coupons.push(one);
    assert_eq!(case.price(), Err(Unpriced::TooManyChoices(13)));
    case.coupons[0].state = State::Used;
    assert_eq!(case.answer().saved, Money(10));
}
