//! The rules of prices, as data.

use domain::{
    id::{BrandId, TierId},
    number::{Figure, Money, Quantity, Rate},
    offer::{
        Offer,
        price::{
            Choose, Draft, DraftLine, Opens, Outcome, PointsAsked, Reason, Rules, Unpriced, UsablePoints,
            concerns,
        },
    },
    programme::{OfferRules, PayRules},
    time::Instant,
};
use serde_json::{Value, json};

use crate::build::{Case, cny, judged, line, money, offer, told};

pub(crate) fn auto(id: &str, discount: Value, beside: Value) -> Offer {
    offer(id, "auto", json!({"discount": discount}), beside)
}

pub(crate) fn issued(id: &str, discount: Value, beside: Value) -> Offer {
    offer(id, "issue", json!({"discount": discount}), beside)
}

/// An order of lines `sku quantity amount`, parted by commas, and a delivery.
pub(crate) fn lines(text: &str) -> Vec<DraftLine> {
    let line = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        line(words[0], words.get(3).unwrap_or(&""), words[1], words[2])
    };
    text.split(',').filter(|text| !text.trim().is_empty()).map(line).collect()
}

/// What is told of an order with these `auto` offers and coupons.
type Row<'r> = (&'r str, &'r str, &'r str, Vec<Offer>, Vec<Offer>, &'r str);

fn check(rows: Vec<Row<'_>>) {
    for (what, of, delivery, autos, coupons, want) in rows {
        let mut case = Case::new(&lines(of), &autos, &coupons);
        case.delivery = Some(delivery).filter(|text| !text.is_empty()).map(money);
        assert_eq!(told(&case.answer()), want, "{what}");
    }
}

pub(crate) fn all() -> Value {
    json!({"stack": {"with": "all"}})
}

#[test]
fn units_take_the_lowest_price() {
    let price = |id: &str, price: &str, beside: Value| auto(id, json!({"unit_price": price}), beside);
    let off = issued(
        "15-off",
        json!({"amount": "15.00"}),
        json!({"items": {"minimum": "100.00"}, "stack": {"with": ["price"]}}),
    );
    check(vec![
        (
            "the worked example of the specification",
            "tea 2 88.50, cake 1 39.90",
            "",
            vec![price("member", "40.00", json!({"items": {"skus": ["tea"]}}))],
            vec![off],
            "80.00-69.99 39.90-34.91; member=2x8.50 15-off=15.00/119.90; 104.90 saved 23.50",
        ),
        (
            "a tie goes to the list price, then to the offer without uses, then by id",
            "tea 2 20.00, cake 1 9.00",
            "",
            vec![
                price("b", "9.00", json!({})),
                price("c", "9.00", json!({})),
                price("a", "9.00", json!({"uses": {"total": 5}})),
            ],
            vec![],
            "18.00-18.00 9.00-9.00; a:no_effect b=2x2.00 c:no_effect; 27.00 saved 2.00",
        ),
        (
            "where too few are left, the first units get them",
            "tea 2 20.00, cake 3 30.00",
            "",
            vec![
                price("few", "5.00", json!({"per_member": {"n": 3, "per": "ever"}})),
                price("more", "8.00", json!({})),
            ],
            vec![],
            "10.00-10.00 21.00-21.00; few=3x15.00 more=2x4.00; 31.00 saved 19.00",
        ),
        (
            "a weight is one unit, and the line is rounded once",
            "tea 0.350 35.00, cake 3 100.01",
            "",
            vec![
                price("kilo", "80.00", json!({"items": {"skus": ["tea"]}})),
                price(
                    "third",
                    "3.33",
                    json!({"items": {"skus": ["cake"]}, "per_member": {"n": 1, "per": "ever"}}),
                ),
            ],
            vec![],
            "28.00-28.00 70.00-70.00; kilo=1x7.00 third=1x30.01; 98.00 saved 37.01",
        ),
        (
            "tested on list amounts, and limits refuse before there are none",
            "tea 2 20.00",
            "",
            vec![
                price("many", "1.00", json!({"items": {"minimum_quantity": 3}})),
                price("much", "1.00", json!({"items": {"minimum": "20.01"}})),
                price("none", "1.00", json!({"uses": {"total": 0}})),
                price("ok", "9.00", json!({"items": {"minimum": "20.00", "minimum_quantity": 2}})),
                price("poor", "1.00", json!({"budget": {"total": "17.99"}})),
            ],
            vec![],
            "18.00-18.00; many:below_minimum much:below_minimum none:sold_out ok=2x2.00 poor:budget_exhausted; \
                18.00 saved 2.00",
        ),
        (
            "beside others it has other units, and never more than its budget",
            "tea 1 6.00, cake 1 100.00",
            "",
            vec![
                price("a", "4.00", json!({"items": {"skus": ["tea"]}})),
                price(
                    "b",
                    "5.00",
                    json!({"per_member": {"n": 1, "per": "ever"}, "budget": {"total": "10.00"}}),
                ),
            ],
            vec![],
            "4.00-4.00 100.00-100.00; a=1x2.00 b:budget_exhausted; 104.00 saved 2.00",
        ),
    ]);
}

#[test]
fn discounts_are_rounded_once_and_take_no_more_than_there_is() {
    let matching = json!({"stack": {"with": "all"}, "items": {"skus": ["tea"], "not_priced": true}});
    check(vec![
        (
            "item discounts, then order discounts, each by id; then coupons as listed",
            "tea 1 60.00, cake 1 40.00",
            "",
            vec![
                auto("z", json!({"percent": "10"}), all()),
                auto("a", json!({"steps": [{"from": "50.00", "off": "5.00"}]}), all()),
            ],
            vec![issued("c", json!({"percent": "20"}), all()), issued("b", json!({"amount": "1.00"}), all())],
            "60.00-40.20 40.00-26.80; a=5.00/90.00 z=10.00/100.00 c=17.00/85.00 b=1.00/68.00; 67.00 saved 33.00",
        ),
        (
            "nothing is taken below 0, and what takes nothing is not used",
            "tea 1 15.00, cake 1 5.00",
            "",
            vec![],
            vec![
                issued("a", json!({"amount": "20.00"}), all()),
                issued("b", json!({"percent": "50"}), all()),
            ],
            "15.00-0.00 5.00-0.00; a=20.00/20.00 b:no_effect; 0.00 saved 20.00",
        ),
        (
            "two are bought and one is free: of three at 6.666…, what is told is rounded down and bounds",
            "tea 3 20.00",
            "",
            vec![auto("b", json!({"percent": "100", "units": {"of": 3}}), json!({}))],
            vec![],
            "20.00-13.34; b=6.66/6.66; 13.34 saved 6.66",
        ),
        (
            "the cheapest units, of equal ones the earlier line's; fewer than a set is too few",
            "tea 1 9.00, cake 1 9.00, bun 1 9.00, pie 0.5 1.00",
            "",
            vec![
                auto("h", json!({"percent": "50", "units": {"of": 2}}), json!({})),
                auto("k", json!({"percent": "50", "units": {"of": 4}}), all()),
            ],
            vec![],
            "9.00-4.50 9.00-9.00 9.00-9.00 1.00-1.00; h=4.50/9.00 k:below_minimum; 23.50 saved 4.50",
        ),
        (
            "units that are priced down do not match",
            "tea 3 30.00, cake 1 5.00",
            "",
            vec![auto(
                "flash",
                json!({"unit_price": "8.00"}),
                json!({"items": {"skus": ["tea"]}, "per_member": {"n": 2, "per": "ever"}, "stack": {"with": []}}),
            )],
            vec![issued("c", json!({"percent": "10"}), matching)],
            "26.00-25.00 5.00-5.00; flash=2x4.00 c=1.00/10.00; 30.00 saved 5.00",
        ),
        (
            "delivery: its own first, the one that takes most; then coupons",
            "tea 1 10.00",
            "9.99",
            vec![
                auto("half", json!({"delivery": {"percent": "50"}}), all()),
                auto("one", json!({"delivery": {"amount": "1.00"}}), json!({})),
            ],
            vec![
                issued("c", json!({"delivery": "free"}), all()),
                issued("d", json!({"delivery": "free"}), all()),
            ],
            "10.00-10.00; half=5.00/9.99 one:excluded_by c=4.99/4.99 d:no_effect; delivery 0.00; 10.00 saved 9.99",
        ),
        (
            "what waits for the nets sees what coupons took",
            "tea 1 80.00",
            "6.00",
            vec![
                auto(
                    "free",
                    json!({"delivery": "free"}),
                    json!({"items": {"minimum": "50.00", "minimum_on": "net"}}),
                ),
                auto("half", json!({"delivery": {"percent": "50"}}), json!({"items": {"minimum": "20.00"}})),
            ],
            vec![
                offer(
                    "bag",
                    "issue",
                    json!({"item": {"sku": "bag"}}),
                    json!({"items": {"minimum": "40.00", "minimum_on": "net"}}),
                ),
                issued("c", json!({"percent": "50"}), all()),
            ],
            "80.00-40.00; free:below_minimum half=3.00/6.00 bag=1 c=40.00/80.00; delivery 3.00; 43.00 saved 43.00",
        ),
        (
            "no lines: nothing that asks for one",
            "",
            "",
            vec![auto("p", json!({"percent": "5"}), json!({}))],
            vec![
                issued("c", json!({"amount": "1.00"}), all()),
                offer("s", "issue", json!({"service": {"quantity": 2}}), json!({})),
            ],
            "; c:not_matching s=1; 0.00 saved 0.00",
        ),
    ]);
}

#[test]
fn two_combine_if_each_names_the_other() {
    let off = |id: &str, stack: Value| issued(id, json!({"amount": "1.00"}), json!({"stack": stack}));
    let with = |names: &[&str]| json!({"with": names});
    for (what, one, other, both) in [
        ("alone is the default", json!({}), json!({"with": "all"}), false),
        ("both say all", json!({"with": "all"}), json!({"with": "all"}), true),
        ("by id", with(&["b"]), with(&["a"]), true),
        ("only one names the other", with(&["b"]), with(&["c"]), false),
        ("by group", json!({"group": "x", "with": ["y"]}), json!({"group": "y", "with": ["x"]}), true),
        ("of one group", json!({"group": "x", "with": "all"}), json!({"group": "x", "with": "all"}), false),
    ] {
        let coupons = [off("a", one), off("b", other)];
        let answer = Case::new(&lines("tea 1 9.00"), &[], &coupons).answer();
        let applied =
            answer.coupons[1].outcome != Outcome::Not(Reason::ExcludedBy { by: coupons[0].id.clone() });
        assert_eq!(applied, both, "{what}");
    }
    // Of those that it does not combine with, the smallest id.
    let coupons = [off("z", with(&["y"])), off("y", with(&["z"])), off("w", with(&[]))];
    let answer = Case::new(&lines("tea 1 9.00"), &[], &coupons).answer();
    assert_eq!(answer.coupons[2].outcome, Outcome::Not(Reason::ExcludedBy { by: coupons[1].id.clone() }));
}

#[test]
fn goods_are_not_sold_before_they_open() {
    let access = |id: &str, opens: Value| {
        offer(id, "auto", json!({"access": {"opens": opens}}), json!({"items": {"skus": ["new"]}}))
    };
    let day = |day: &str| Instant::parse(&format!("2026-12-{day}T00:00:00Z")).unwrap();
    let gold = access("a", json!({"gold": "2026-12-02T00:00"}));
    let all = access("b", json!({"everyone": "2026-12-03T00:00"}));
    let last = access("c", json!({"gold": "2026-12-02T00:00", "basic": "2026-12-04T00:00"}));
    let at =
        |day: &str| format!("{:?}", Some(Instant::parse(&format!("2026-12-{day}T00:00:00Z")).unwrap().0));
    for (what, offers, tier, now, want) in [
        ("a tier that is not named never", vec![&gold], Some("basic"), "09", "blocked:a@None".to_owned()),
        ("a guest never", vec![&gold], None, "09", "blocked:a@None".to_owned()),
        ("before its moment", vec![&gold], Some("gold"), "01", format!("blocked:a@{}", at("02"))),
        ("from its moment on", vec![&gold], Some("gold"), "02", "9.00-9.00".to_owned()),
        ("everyone is the rest", vec![&all], Some("basic"), "02", format!("blocked:b@{}", at("03"))),
        ("and guests", vec![&all], None, "03", "9.00-9.00".to_owned()),
        ("of several the latest", vec![&last, &all], Some("basic"), "01", format!("blocked:c@{}", at("04"))),
        (
            "and never is the latest",
            vec![&all, &last, &gold],
            Some("basic"),
            "01",
            "blocked:a@None".to_owned(),
        ),
    ] {
        let mut case = Case::new(&lines("new 1 9.00"), &[], &[]);
        case.autos = offers.into_iter().map(judged).collect();
        (case.tier, case.at) = (tier.map(TierId::of_checked), day(now));
        let answer = case.answer();
        assert_eq!(told(&answer).split(';').next(), Some(want.as_str()), "{what}");
        assert_eq!(answer.total.0, if want.starts_with("blocked") { 0 } else { 900 }, "{what}");
        // One that is not in force keeps nothing.
        case.autos.iter_mut().for_each(|judged| judged.opens = Opens::At(None));
        assert_eq!(case.answer().total, Money(900), "{what}");
    }
}

#[test]
fn the_programme_bounds_what_is_taken() {
    let autos =
        [auto("p", json!({"percent": "20"}), all()), auto("f", json!({"delivery": "free"}), json!({}))];
    let coupons =
        [issued("c", json!({"amount": "9.00"}), all()), issued("d", json!({"amount": "9.00"}), all())];
    let mut case = Case::new(&lines("tea 1 50.00 t, card 1 3.33 gift"), &autos, &coupons);
    (case.delivery, case.offers.max_discount_percent) = (Some(money("5.00")), Rate::parse("30"));
    assert_eq!(
        told(&case.answer()),
        "50.00-35.00 3.33-2.33; f=5.00/5.00 p=10.67/53.33 c=5.33/42.66! d:no_effect; delivery 0.00; 37.33 saved 21.00"
    );
    case.offers.max_discount_percent = None;
    case.offers.excluded_categories = vec!["gift".to_owned()];
    assert_eq!(
        told(&case.answer()),
        "50.00-22.00 3.33-3.33; f=5.00/5.00 p=10.00/50.00 c=9.00/40.00 d=9.00/31.00; delivery 0.00; 25.33 saved 33.00"
    );
}

#[test]
fn points_pay_in_whole_steps_of_what_is_allowed() {
    let pay = |worth: &str, max_percent: u32, step: u64| PayRules {
        worth: Rate::parse(worth).unwrap(),
        max_percent,
        step,
    };
    let (half, whole) = (pay("0.015", 50, 100), pay("0.015", 100, 1));
    let most = |points: u64| PointsAsked::Most(Figure::of(points).unwrap());
    for (what, amount, pay, asked, available, usable, worth) in [
        ("less than a step", "20.00", half, most(99), 1_234, 0, "0.00"),
        ("a step", "20.00", half, most(100), 1_234, 100, "1.50"),
        ("whole steps", "20.00", half, most(650), 1_234, 600, "9.00"),
        ("half of the total", "20.00", half, PointsAsked::Max, 1_234, 600, "9.00"),
        ("exactly half", "3.00", half, PointsAsked::Max, 1_234, 100, "1.50"),
        ("a cent less", "2.99", half, PointsAsked::Max, 1_234, 0, "0.00"),
        ("what is there", "9000.00", half, PointsAsked::Max, 1_234, 1_200, "18.00"),
        ("the worth is rounded down", "20.00", whole, most(5), 40, 5, "0.07"),
        ("worth no more than the total", "0.50", whole, PointsAsked::Max, 40, 33, "0.49"),
        ("nothing of nothing", "0.00", whole, PointsAsked::Max, 40, 0, "0.00"),
    ] {
        let mut case = Case::new(&lines(&format!("tea 1 {amount}")), &[], &[]);
        (case.pay, case.points) = (Some(pay), Some((asked, available)));
        let want = UsablePoints { usable, worth: money(worth) };
        assert_eq!(case.answer().points, Some(want), "{what}");
        case.pay = None;
        assert_eq!(case.answer().points, Some(UsablePoints::default()), "{what}");
    }
}

#[test]
fn an_order_is_within_every_figure() {
    let mut case = Case::new(&lines("tea 1 0.01, cake 1 0.00"), &[], &[]);
    case.lines[1].amount = Money(Figure::MAX - 2);
    case.lines[1].quantity = Quantity(Figure::MAX * 1_000);
    case.delivery = Some(Money(1));
    assert_eq!(case.answer().total, Money(Figure::MAX));
    case.delivery = Some(Money(2));
    assert_eq!(case.price(), Err(Unpriced::TooMuch));
}

/// What does not touch a draft need not be looked up.
#[test]
fn offers_concern_their_own_lines() {
    let (acme, of) = (BrandId::of_checked("acme"), lines("tea 1 9.00 hot"));
    for (what, offer, want) in [
        ("of all lines", auto("a", json!({"percent": "5"}), json!({})), true),
        ("of an article", auto("a", json!({"percent": "5"}), json!({"items": {"skus": ["tea"]}})), true),
        ("of another", auto("a", json!({"percent": "5"}), json!({"items": {"skus": ["bun"]}})), false),
        (
            "not of the category",
            auto("a", json!({"percent": "5"}), json!({"items": {"excluded_categories": ["hot"]}})),
            false,
        ),
        (
            "of another brand",
            auto("a", json!({"percent": "5"}), json!({"where": {"brands": ["bean"]}})),
            false,
        ),
        ("in a channel", auto("a", json!({"percent": "5"}), json!({"where": {"channels": ["web"]}})), false),
        ("issued", issued("a", json!({"percent": "5"}), json!({})), false),
        ("an item", offer("a", "auto", json!({"item": {"sku": "x"}}), json!({})), false),
    ] {
        let draft = Draft {
            brand: &acme,
            channel: None,
            lines: &of,
            delivery: None,
            pieces: 1,
            choose: Choose::Listed,
            points: None,
        };
        let offers = OfferRules::default();
        let rules = Rules { currency: cny(), offers: &offers, pay: None };
        assert_eq!(concerns(&offer, &draft, rules), want, "{what}");
    }
}
